//! Seeded churn: random changes of everything that rtnetlink has, by `ip`.
//!
//! Most of them are refused, because what they are about is not there, or is already; the others change the namespace in
//! ways that nobody would think of. Equal seeds give equal commands.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::Namespace;

/// A generator of numbers: the same from the same seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }

    /// True once in `of` times.
    pub fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// Changes one namespace, and moves links to another and back.
#[derive(Debug)]
pub struct Churn {
    dice: Dice,
    name: String,
    other: Option<String>,
    /// All that was done, for who wants to see it.
    pub done: Vec<String>,
}

const LINKS: [&str; 10] = ["v0", "v1", "v2", "v3", "br0", "br1", "mv0", "ifb0", "vx0", "tap0"];
const TABLES: [&str; 4] = ["main", "100", "1000", "main"];

impl Churn {
    /// Of a namespace; `other`: where links are moved to.
    #[must_use]
    pub fn new(seed: u64, namespace: &Namespace, other: Option<&Namespace>) -> Self {
        let name = namespace.name().to_owned();
        Self {
            dice: Dice::new(seed),
            name,
            other: other.map(|other| other.name().to_owned()),
            done: Vec::new(),
        }
    }

    /// The generator, for who decides something else by the same seed.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// A bit of everything to begin with.
    pub fn settle_in(&mut self) {
        let lines = "link set lo up\nlink add v0 type veth peer name v1\nlink add v2 type veth peer name v3\n\
                     link add br0 type bridge\nlink set v0 up\nlink set v1 up\nlink set v2 up\nlink set v3 up\n\
                     link set br0 up\naddress add 10.0.0.1/24 dev v0\naddress add 10.0.2.1/24 dev v2\n\
                     address add fd00::1/64 dev v0 nodad\naddress add fd02::1/64 dev v2 nodad\n";
        self.run(&[], lines);
    }

    /// So many random changes.
    pub fn steps(&mut self, count: usize) {
        let (mut plain, mut six) = (String::new(), String::new());
        for _ in 0..count {
            let line = self.line();
            let to = if line.starts_with("rule6 ") { &mut six } else { &mut plain };
            to.push_str(&line.replacen("rule6 ", "rule ", 1));
            to.push('\n');
            self.done.push(line);
        }
        self.run(&[], &plain);
        if !six.is_empty() {
            self.run(&["-6"], &six);
        }
    }

    fn run(&mut self, family: &[&str], lines: &str) {
        let name = self.name.clone();
        self.run_in(&name, family, lines);
        // What was moved away comes back some time.
        if let Some(other) = self.other.clone().filter(|_| self.dice.once_in(3)) {
            let link = self.dice.pick(&LINKS);
            self.run_in(&other, &[], &format!("link set {link} netns {name}\n"));
        }
    }

    fn run_in(&self, name: &str, family: &[&str], lines: &str) {
        let mut child = Command::new("ip")
            .args(family)
            .args(["-n", name, "-force", "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("iproute2 is installed");
        let mut stdin = child.stdin.take().expect("a pipe");
        let _ = stdin.write_all(lines.as_bytes());
        drop(stdin);
        let _ = child.wait();
    }

    fn line(&mut self) -> String {
        match self.dice.below(100) {
            0..12 => self.link(),
            12..20 => self.state(),
            20..34 => self.address(),
            34..64 => self.route(),
            64..74 => self.next_hop(),
            74..84 => self.rule(),
            84..98 => self.neighbour(),
            _ => self.flush(),
        }
    }

    fn dev(&mut self) -> &'static str {
        // Some are more alive than others.
        if self.dice.once_in(2) { self.dice.pick(&["v0", "v2", "br0"]) } else { self.dice.pick(&LINKS) }
    }

    fn link(&mut self) -> String {
        let dev = self.dev();
        match self.dice.below(16) {
            0 => "link add v0 type veth peer name v1".into(),
            1 => "link add v2 type veth peer name v3".into(),
            2 => format!("link add {} type bridge", self.dice.pick(&["br0", "br1"])),
            3 => "link add mv0 link v0 type macvlan".into(),
            4 => "link add ifb0 type ifb".into(),
            5 => "link add vx0 type vxlan id 7 dstport 4789 dev v2".into(),
            6 => format!("link del {dev}"),
            7 => format!("link set {dev} master {}", self.dice.pick(&["br0", "br1"])),
            8 => format!("link set {dev} nomaster"),
            9 => format!("link set {dev} mtu {}", 1300 + self.dice.below(200)),
            10 => format!("link set {dev} alias a{}", self.dice.below(9)),
            11 => format!("link property add dev {dev} altname alt{}", self.dice.below(9)),
            12 => format!("link set {dev} address 02:00:00:00:00:{:02x}", self.dice.below(99)),
            13 => match &self.other {
                Some(other) => format!("link set {dev} netns {other}"),
                None => format!("link set {dev} group {}", self.dice.below(5)),
            },
            // Down, another name, and back: what is on it does not survive that.
            14 => format!("link set {dev} down\nlink set {dev} name tap0\nlink set tap0 up"),
            _ => format!("link set tap0 down\nlink set tap0 name {}\nlink set {dev} up", self.dev()),
        }
    }

    fn state(&mut self) -> String {
        let (dev, state) = (self.dev(), self.dice.pick(&["up", "down", "up"]));
        format!("link set {dev} {state}")
    }

    fn address(&mut self) -> String {
        let (dev, verb) = (self.dev(), self.dice.pick(&["add", "replace", "add", "del"]));
        let (net, host) = (self.dice.below(4), 1 + self.dice.below(4));
        let nodad = if verb == "del" { "" } else { " nodad" };
        match self.dice.below(6) {
            0 => format!("address {verb} fd0{net}::{host}/64 dev {dev}{nodad}"),
            1 => format!("address {verb} fd0{net}::{host}/128 dev {dev}{nodad}"),
            2 => format!("address {verb} 10.0.{net}.{host} peer 10.7.{net}.{host}/32 dev {dev}"),
            3 => format!("address {verb} 10.0.{net}.{host}/16 dev {dev} label {dev}:x"),
            _ => format!("address {verb} 10.0.{net}.{host}/24 dev {dev}"),
        }
    }

    fn route(&mut self) -> String {
        let verb = self.dice.pick(&["add", "append", "prepend", "replace", "change", "add", "del", "del"]);
        let six = self.dice.once_in(2);
        let (net, hop, dev) = (self.dice.below(6), 2 + self.dice.below(4), self.dev());
        let near = self.dice.pick(&["0", "2"]);
        let prefix = match (six, self.dice.below(8)) {
            (false, 0) => "default".to_owned(),
            (true, 0) => "::/0".to_owned(),
            (false, _) => format!("10.{}.0.0/16", 10 + net),
            (true, _) => format!("fdaa:{net}::/48"),
        };
        let via =
            |hop: u64| if six { format!("via fd0{near}::{hop}") } else { format!("via 10.0.{near}.{hop}") };
        let what = match self.dice.below(12) {
            0 => format!("dev {dev}"),
            1 => format!("nhid {}", 1 + self.dice.below(8)),
            2 | 3 => {
                let second = 2 + self.dice.below(4);
                format!("nexthop {} weight 1 nexthop {} weight 2", via(hop), via(second))
            }
            4 => format!("{} dev {dev} onlink", via(hop)),
            5 if !six => format!("{} src 10.0.{near}.1", via(hop)),
            6 => format!("{} mtu {}", via(hop), 1300 + self.dice.below(3)),
            7 => format!("nexthop {} nexthop dev {dev}", via(hop)),
            _ => via(hop),
        };
        let metric = match self.dice.below(4) {
            0 => String::new(),
            number => format!(" metric {}", 100 * number),
        };
        let table = self.dice.pick(&TABLES);
        match self.dice.below(14) {
            0 => format!("route {verb} unreachable {prefix}{metric} table {table}"),
            1 if !six => format!("route {verb} {prefix} {what}{metric} tos 16 table {table}"),
            _ => format!("route {verb} {prefix} {what}{metric} table {table}"),
        }
    }

    fn next_hop(&mut self) -> String {
        let (id, hop, dev) = (1 + self.dice.below(8), 2 + self.dice.below(4), self.dev());
        let near = self.dice.pick(&["0", "2"]);
        let verb = self.dice.pick(&["add", "add", "replace"]);
        match self.dice.below(10) {
            0..3 => format!("nexthop {verb} id {id} via 10.0.{near}.{hop} dev {}", near_dev(near)),
            3 | 4 => format!("nexthop {verb} id {id} via fd0{near}::{hop} dev {}", near_dev(near)),
            5 => format!("nexthop {verb} id {id} dev {dev}"),
            6 => format!(
                "nexthop {verb} id {id} group {}/{},2",
                1 + self.dice.below(4),
                1 + self.dice.below(4)
            ),
            7 => format!("nexthop {verb} id {id} blackhole"),
            _ => format!("nexthop del id {id}"),
        }
    }

    fn rule(&mut self) -> String {
        let rule = if self.dice.once_in(3) { "rule6" } else { "rule" };
        let verb = self.dice.pick(&["add", "add", "del"]);
        let (preference, dev) = (100 + self.dice.below(12), self.dev());
        let does = match self.dice.below(8) {
            0 => format!("iif {dev} table 100"),
            1 => format!("oif {dev} table 1000"),
            2 => format!("fwmark {} table 100", self.dice.below(3)),
            3 => format!("goto {}", preference + 1 + self.dice.below(4)),
            4 => "table 100 suppress_prefixlength 0".into(),
            5 => "blackhole".into(),
            6 => format!("ipproto tcp dport {} table 100", 80 + self.dice.below(2)),
            _ => format!("table {}", self.dice.pick(&TABLES)),
        };
        format!("{rule} {verb} pref {preference} {does}")
    }

    fn neighbour(&mut self) -> String {
        let (dev, hop) = (self.dev(), 2 + self.dice.below(6));
        let verb = self.dice.pick(&["add", "replace", "replace", "del"]);
        let near = self.dice.pick(&["0", "2"]);
        let state = self.dice.pick(&["permanent", "reachable", "stale", "delay"]);
        let lladdr = format!("lladdr 02:00:00:00:01:{:02x}", self.dice.below(4));
        match self.dice.below(8) {
            0..3 if verb == "del" => format!("neigh del 10.0.{near}.{hop} dev {dev}"),
            0..3 => format!("neigh {verb} 10.0.{near}.{hop} {lladdr} dev {dev} nud {state}"),
            3 | 4 if verb == "del" => format!("neigh del fd0{near}::{hop} dev {dev}"),
            3 | 4 => format!("neigh {verb} fd0{near}::{hop} {lladdr} dev {dev} nud {state}"),
            5 => format!("neigh {verb} proxy 10.0.{near}.{hop} dev {dev}"),
            _ => format!("neigh flush dev {dev}"),
        }
    }

    fn flush(&mut self) -> String {
        let dev = self.dev();
        match self.dice.below(5) {
            0 => format!("route flush dev {dev}"),
            1 => "route flush table 100".into(),
            2 => format!("address flush dev {dev}"),
            3 => "nexthop flush".into(),
            _ => format!("neigh flush dev {dev}"),
        }
    }
}

fn near_dev(near: &str) -> &'static str {
    if near == "0" { "v0" } else { "v2" }
}
