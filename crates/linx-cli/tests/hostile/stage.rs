//! The place of the scene: a mount and a pid namespace, whose `/run` and processes are nobody else's and where namespaces may
//! be called anything; and what hostile names are given to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use linx_test::{Namespace, Nft, Raw, hostile_names, hostile_texts};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::nft::expr::{COUNTER, IMMEDIATE, LOG};

use linx_wire::nft::{
    CHAIN, DEVICE, ELEMENT, ELEMENT_LIST, FLOWTABLE, FLOWTABLE_HOOK, HOOK, Nest, OBJECT, RULE, SET, TABLE,
    comment, family, verdict,
};
use linx_wire::uapi::{nft, rtm};

use crate::PATIENCE;

/// Index of the first link with a hostile name.
pub const FIRST: u32 = 1000;

const ACK: MessageFlags = MessageFlags::REQUEST.union(MessageFlags::ACK);
const CREATE: MessageFlags = ACK.union(MessageFlags::ATOMIC).union(MessageFlags::MATCH);
/// What the main namespace is called there.
pub const MAIN: &str = "\u{1b}[8mmain\u{202e}";
/// The kernel has no such thing.
const ENOENT: i32 = 2;
const NEWLINKPROP: u16 = 108;

/// Undone when it is dropped: processes ended, control groups and files removed. What is mounted goes with them.
pub struct Stage {
    holder: Child,
    /// The namespace that everything is in.
    pub main: Namespace,
    folder: PathBuf,
    groups: Option<PathBuf>,
    /// Processes that are containers.
    contained: Vec<Child>,
    /// Whether this kernel has flow tables.
    pub has_flowtables: AtomicBool,
    /// What links are called.
    pub names: Vec<Vec<u8>>,
    /// What everything else is called, or named with.
    pub texts: Vec<Vec<u8>>,
}

impl Stage {
    pub fn new() -> Self {
        let main = Namespace::new("hostile");
        let folder = std::env::temp_dir().join(format!("linx-hostile-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = "exec 3<\"/run/netns/$1\" && mount -t tmpfs none /run && \
                      mkdir -p /run/netns /run/docker/netns /run/user/7/netns && touch \"/run/netns/$2\" && \
                      mount --bind /proc/self/fd/3 \"/run/netns/$2\" && touch /run/ready && exec sleep 600 3<&-";
        let holder = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"])
            .args(["sh", "-c", script, "sh", main.name(), MAIN])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut raw = Raw::new(&main.netns());
        let mut is_taken = |name: &Vec<u8>| {
            let body = [0u8; 16];
            let link = Request::new(rtm::NEWLINK, CREATE).body(&body).attribute_name(3, name);
            let errno = raw.ask(link.nested(18, |info| info.attribute_name(1, b"bridge")));
            if errno != 0 {
                eprintln!("SKIPPED {name:?} as the name of a link: the kernel does not take it");
                return false;
            }
            raw.ask(Request::new(rtm::DELLINK, ACK).body(&body).attribute_name(3, name)) == 0
        };
        let (names, more): (Vec<_>, Vec<_>) =
            hostile_texts().into_iter().partition(|text| hostile_names().contains(text) && is_taken(text));
        assert!(names.len() >= 40);
        let stage = Self {
            holder,
            main,
            folder,
            groups: groups(),
            contained: Vec::new(),
            has_flowtables: AtomicBool::new(false),
            texts: names.iter().chain(&more).cloned().collect(),
            names,
        };
        linx_test::until("a mount namespace", || stage.path("ready").exists());
        stage
    }

    /// A file of its `/run`, as seen from outside.
    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/run", self.holder.id())).join(file)
    }

    /// A command that runs inside, where it sees the namespaces and processes of this test alone.
    pub fn command(&self, program: &OsStr) -> Command {
        let of = |kind: &str| format!("/proc/{}/ns/{kind}", self.holder.id());
        let mut command = Command::new("nsenter");
        command.arg(format!("--pid={}", of("pid_for_children"))).arg(format!("--mount={}", of("mnt")));
        command.arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// What a file name may be.
    pub fn files(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.texts.iter().filter(|text| !text.contains(&b'/'))
    }

    /// Namespaces of hostile names, those that Docker and users give among them.
    pub fn name_namespaces(&self) {
        let script = "for name; do ip netns add \"$name\" || exit 1; done
                      for name; do
                        for to in /run/docker/netns /run/user/7/netns; do
                          touch \"$to/$name\" && ip netns add x && mount --bind /run/netns/x \"$to/$name\" && ip netns del x || exit 1
                        done
                        n=$((n+1)); [ $n -lt 4 ] || break
                      done";
        let mut command = self.command(OsStr::new("sh"));
        command.args(["-c", script, "sh"]).args(self.files().map(|text| OsStr::from_bytes(text)));
        assert!(command.status().unwrap().success());
    }

    /// They go again.
    pub fn delete_namespaces(&self) {
        let script = "for name; do ip netns del \"$name\" || exit 1; done";
        let mut command = self.command(OsStr::new("sh"));
        command.args(["-c", script, "sh"]).args(self.files().map(|text| OsStr::from_bytes(text)));
        assert!(command.status().unwrap().success());
    }

    /// Links, and what is on them, in the main namespace.
    pub fn objects(&self) {
        // Bridges with ports that are up have a carrier, which routes and next hops want.
        let pair = |n| format!("link add port{n} up type veth peer name peer{n}\nlink set peer{n} up\n");
        self.main.ip("link set lo up");
        self.main.batch(&(0..self.texts.len()).map(pair).collect::<String>());
        let mut raw = Raw::new(&self.main.netns());
        for (number, text) in self.texts.iter().enumerate() {
            let number = u8::try_from(number).unwrap();
            let index = FIRST + u32::from(number);
            let [a, b, c, d] = index.to_ne_bytes();
            let plain = format!("plain{number}").into_bytes();
            let name = self.names.get(usize::from(number)).unwrap_or(&plain);
            let mut ask = |what: &str, request: Request| {
                assert_eq!(raw.ask(request), 0, "{what} {:?}", text.escape_ascii().to_string());
            };
            let link = Request::new(rtm::NEWLINK, CREATE)
                .body(&[0, 0, 0, 0, a, b, c, d, 1, 0, 0, 0, 1, 0, 0, 0])
                .attribute_name(3, name)
                .nested(18, |info| info.attribute_name(1, b"bridge"));
            ask("link", link);
            let alias =
                Request::new(rtm::SETLINK, ACK).body(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
            ask("alias", alias.attribute(20, text));
            let alternative = Request::new(NEWLINKPROP, CREATE)
                .body(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0])
                .nested(52, |list| list.attribute_name(53, &alternative(text)));
            ask("alternative name", alternative);
            let port =
                Request::new(rtm::SETLINK, ACK).body(&[0u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let port = port.attribute_name(3, format!("port{number}").as_bytes()).attribute_u32(10, index);
            ask("port", port);
            let address = Request::new(rtm::NEWADDR, CREATE)
                .body(&[2, 24, 0, 0, a, b, c, d])
                .attribute(2, &[10, 7, number, 1])
                .attribute(1, &[10, 7, number, 1])
                .attribute_name(3, text.get(..15).unwrap_or(text));
            ask("address", address);
            let neighbour = Request::new(rtm::NEWNEIGH, CREATE)
                .body(&[2, 0, 0, 0, a, b, c, d, 0x80, 0, 0, 0])
                .attribute(1, &[10, 7, number, 9])
                .attribute(2, &[2, 0, 0, 0, 0, number]);
            ask("neighbour", neighbour);
            let next_hop = Request::new(rtm::NEWNEXTHOP, CREATE)
                .body(&[2u8, 0, 0, 0, 0, 0, 0, 0])
                .attribute_u32(1, index)
                .attribute_u32(5, index);
            linx_test::until("a next hop", || raw.ask(next_hop.clone()) == 0);
            let mut ask = |what: &str, request: Request| {
                assert_eq!(raw.ask(request), 0, "{what} {:?}", text.escape_ascii().to_string());
            };
            let route = Request::new(rtm::NEWROUTE, CREATE)
                .body(&[2u8, 24, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0])
                .attribute(1, &[10, 8, number, 0])
                .attribute_u32(4, index);
            ask("route", route);
            let rule = Request::new(rtm::NEWRULE, CREATE)
                .body(&[2u8, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0])
                .attribute_u32(6, index)
                .attribute_name(3, text.get(..15).unwrap_or(text))
                .attribute_name(17, text.get(..15).unwrap_or(text));
            ask("rule", rule);
        }
    }

    /// Tables, and what is in them, a commit for each text.
    pub fn rule_sets(&self) {
        let mut socket = Nft::new(&self.main.netns());
        let create = MessageFlags::ATOMIC | MessageFlags::APPEND;
        let request = |message, nest: Nest| nest.request(message, create, family::INET).unwrap();
        for (number, text) in self.texts.iter().enumerate() {
            let text = &text[..];
            let own = |policy| Nest::new(policy).set("table", text).set("name", text);
            let jump = Nest::new(&IMMEDIATE).set("dreg", 0u32);
            let jump = jump.set("data", Nest::verdict(verdict::JUMP, Some(text)));
            let log = Nest::new(&LOG).set("prefix", text.get(..100).unwrap_or(text));
            let rule = Nest::new(&RULE).set("table", text).set("chain", "plain");
            let rule = rule.set("userdata", comment(text).unwrap());
            let rule = rule.set("expr", vec![Nest::expression(log), Nest::expression(jump)]);
            let counter = Nest::new(&COUNTER).set("bytes", 1u64).set("packets", 2u64);
            let map = own(&SET).set("flags", 8u32).set("key_type", 41u32).set("key_len", 16u32);
            let map = map.set("data_type", 0xffff_ff00_u32).set("data_len", 16u32).set("id", 1u32);
            let mut key = text.to_vec();
            key.resize(16, 0);
            let element = Nest::new(&ELEMENT).set("key", Nest::value(&key));
            let element = element.set("data", Nest::verdict(verdict::GOTO, Some(text)));
            let element = element.set("userdata", comment(text).unwrap());
            let list =
                Nest::new(&ELEMENT_LIST).set("table", text).set("set", text).set("elem", vec![element]);
            let set = Nest::new(&SET).set("table", text).set("name", &[b"s", text].concat()[..]);
            let set = set.set("key_type", 7u32).set("key_len", 4u32).set("id", 2u32);
            let mut requests = vec![
                request(
                    nft::NEWTABLE,
                    Nest::new(&TABLE).set("name", text).set("userdata", comment(text).unwrap()),
                ),
                request(nft::NEWCHAIN, own(&CHAIN)),
                request(nft::NEWCHAIN, Nest::new(&CHAIN).set("table", text).set("name", "plain")),
                request(nft::NEWRULE, rule),
                request(nft::NEWOBJ, own(&OBJECT).set("type", 1u32).set("data", counter)),
            ];
            // The kernel takes the name of a set as a format.
            if !text.contains(&b'%') {
                requests.extend([
                    request(nft::NEWSET, map),
                    request(nft::NEWSETELEM, list),
                    request(nft::NEWSET, set),
                ]);
            }
            assert_eq!(socket.commit(requests), [], "{:?}", text.escape_ascii().to_string());
            let Some(name) = self.names.get(number) else { continue };
            let hook = Nest::new(&HOOK).set("hook", 5u32).set("prio", 0i32).set("dev", &name[..]);
            let hooked = Nest::new(&CHAIN).set("table", text).set("name", "hooked").set("type", "filter");
            assert_eq!(socket.commit(vec![request(nft::NEWCHAIN, hooked.set("hook", hook))]), []);
            let hook = Nest::new(&FLOWTABLE_HOOK).set("hook", 0u32).set("prio", 0i32);
            let hook = hook.set("devices", Nest::new(&DEVICE).set("names", &name[..]));
            let flow = request(nft::NEWFLOWTABLE, own(&FLOWTABLE).set("hook", hook));
            match socket.commit(vec![flow]).first() {
                None => self.has_flowtables.store(true, Relaxed),
                Some((_, ENOENT)) => {}
                Some(other) => panic!("{other:?}: {}", text.escape_ascii()),
            }
        }
    }
}

/// The alternative name that goes with a text.
pub fn alternative(text: &[u8]) -> Vec<u8> {
    [text.get(..115).unwrap_or(text), b"-alternative"].concat()
}

/// Changes and ends.
impl Stage {
    /// Links get names and aliases that are as bad as those they had.
    pub fn change(&self) {
        let mut raw = Raw::new(&self.main.netns());
        for (index, name) in (FIRST..).zip(&self.names) {
            let [a, b, c, d] = index.to_ne_bytes();
            let renamed =
                Request::new(rtm::SETLINK, ACK).body(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
            let errno =
                raw.ask(renamed.attribute_name(3, &renamed_to(name)).attribute(20, &renamed_to(name)));
            assert_eq!(errno, 0, "{:?}", name.escape_ascii().to_string());
        }
    }

    /// Everything goes.
    pub fn delete_objects(&self) {
        let mut raw = Raw::new(&self.main.netns());
        for index in (FIRST..).take(self.texts.len()) {
            let [a, b, c, d] = index.to_ne_bytes();
            let link =
                Request::new(rtm::DELLINK, ACK).body(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(raw.ask(link), 0);
        }
        let mut socket = Nft::new(&self.main.netns());
        for text in &self.texts {
            let table = Nest::new(&TABLE).set("name", &text[..]);
            let request = table.request(nft::DELTABLE, MessageFlags::empty(), family::INET).unwrap();
            assert_eq!(socket.commit(vec![request]), []);
        }
    }

    /// Programs of hostile names, started by such, in control groups of such names, with themselves on their command
    /// lines: each makes a route and a table, others in each round.
    pub fn authors(&self, round: u8) {
        for program in ["bash", "ip", "nft"].into_iter().filter(|_| round == 0) {
            std::fs::create_dir_all(self.folder.join(program)).unwrap();
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
            let found = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
            std::fs::copy(found, self.folder.join(format!("{program}.0"))).unwrap();
        }
        let net = format!("--net=/run/netns/{}", self.main.name());
        let all: Vec<_> = self.files().enumerate().collect();
        let one = |(number, text): &(usize, &Vec<u8>)| {
            let program = |of: &str| {
                let named = self.folder.join(of).join(OsStr::from_bytes(text));
                if round == 0 {
                    std::fs::hard_link(self.folder.join(format!("{of}.0")), &named).unwrap();
                }
                named
            };
            let group = self.group(text);
            let script = "[ -z \"$1\" ] || echo $$ > \"$1/cgroup.procs\"; (exec -a \"$2/ip\" \"$2\" route add \"10.$5.$4.0/24\" dev lo) && \"$3\" add table ip \"author$5-$4\"";
            let status = Command::new("nsenter")
                .args([&net, "--"])
                .arg(program("bash"))
                .args(["-c", script, "sh"])
                .arg(group.unwrap_or_default())
                .args([program("ip"), program("nft")])
                .args([number.to_string(), (20 + round).to_string()])
                .status()
                .unwrap();
            assert!(status.success(), "{:?}", text.escape_ascii().to_string());
        };
        // Moving to a control group waits for the whole machine.
        std::thread::scope(|scope| {
            for some in all.chunks(8) {
                scope.spawn(|| some.iter().for_each(one));
            }
        });
    }

    /// The program of `ip` that is called like this.
    pub fn program(&self, text: &[u8]) -> PathBuf {
        self.folder.join("ip").join(OsStr::from_bytes(text))
    }

    /// The program of `nft` that is called like this.
    pub fn committer(&self, text: &[u8]) -> PathBuf {
        self.folder.join("nft").join(OsStr::from_bytes(text))
    }

    /// What a control group may be called; nothing where none can be made.
    pub fn group_names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.files().filter(|text| self.groups.is_some() && !text.contains(&b'\n'))
    }

    /// The group of a container and unit of this name.
    fn group(&self, text: &[u8]) -> Option<PathBuf> {
        let groups = self.groups.as_ref().filter(|_| !text.contains(&b'\n'))?;
        let of = |prefix: &[u8], suffix: &[u8]| OsString::from_vec([prefix, text, suffix].concat());
        let group = groups.join(of(b"lxc.payload.", b"")).join(of(b"", b".service"));
        std::fs::create_dir_all(&group).unwrap();
        Some(group)
    }

    /// Processes in namespaces of their own, which only their control groups name.
    pub fn contain(&mut self) {
        let script = "echo $$ > \"$1/cgroup.procs\" && exec unshare --net sleep 600";
        let groups: Vec<PathBuf> = self.group_names().filter_map(|text| self.group(text)).collect();
        for group in groups {
            let mut command = self.command(OsStr::new("sh"));
            command.args(["-c", script, "sh"]).arg(group);
            self.contained.push(command.spawn().unwrap());
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.contained.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some(groups) = &self.groups {
            remove(groups);
        }
    }
}

/// Removes a control group and those in it. It is busy for a moment after its last process.
fn remove(group: &Path) {
    for inner in std::fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if inner.is_dir() {
            remove(&inner);
        }
    }
    let end = Instant::now() + PATIENCE;
    while std::fs::remove_dir(group).is_err() && group.exists() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A control group of our own.
fn groups() -> Option<PathBuf> {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
    let root = roots.into_iter().map(Path::new).find(|root| root.join("cgroup.procs").exists());
    let group = root.map(|root| root.join(format!("linx-hostile-{}", std::process::id())));
    let made = group.filter(|group| std::fs::create_dir(group).is_ok());
    if made.is_none() {
        eprintln!("SKIPPED units and containers: no control group can be made");
    }
    made
}

/// What a link is called later.
pub fn renamed_to(name: &[u8]) -> Vec<u8> {
    [b"r", name.get(..14).unwrap_or(name)].concat()
}

/// A command whose output goes to files, as it is.
pub struct Capture {
    pub what: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// What a command wrote, and its exit status.
pub struct Captured {
    pub what: String,
    pub status: Option<i32>,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Capture {
    /// Starts it: inside where it looks at all namespaces, else where it can see who the authors are.
    pub fn start(stage: &Stage, number: usize, args: &[OsString]) -> Self {
        let [out, err] = ["out", "err"].map(|end| stage.folder.join(format!("{number}.{end}")));
        let is_inside = args.iter().any(|arg| arg == "--all-netns" || arg == "netns");
        let linx = env!("CARGO_BIN_EXE_linx");
        let mut command = if is_inside { stage.command(OsStr::new(linx)) } else { Command::new(linx) };
        command.stdin(Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS"] {
            command.env_remove(name);
        }
        command.args(args).env("TZ", "UTC");
        let child =
            command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn().unwrap();
        let what =
            args.iter().map(|arg| arg.as_bytes().escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        Self { what, child, out, err }
    }

    /// Waits until it has written this.
    pub fn until(&mut self, text: &str) {
        self.until_all(&[text]);
    }

    /// Whether it has written all of these within so long.
    pub fn has_within(&self, time: Duration, texts: &[&str]) -> bool {
        let end = Instant::now() + time;
        loop {
            let all = std::fs::read(&self.out).unwrap();
            let all = String::from_utf8_lossy(&all);
            if texts.iter().all(|text| all.contains(text)) {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has written all of these.
    pub fn until_all(&mut self, texts: &[&str]) {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = std::fs::read(&self.out).unwrap();
            let all = String::from_utf8_lossy(&all);
            if texts.iter().all(|text| all.contains(text)) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let err = std::fs::read(&self.err).unwrap();
                panic!("{}: no {texts:?}; {ended:?} {}", self.what, err.escape_ascii());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self) {
        // Who enters a pid namespace is its child.
        let own = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        let pid = children.split_whitespace().next().map_or(own.to_string(), str::to_owned);
        let status = Command::new("kill").args(["-s", "INT", &pid]).status().unwrap();
        assert!(status.success());
    }

    pub fn end(mut self) -> Captured {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(Instant::now() < end, "{} goes on", self.what);
            std::thread::sleep(Duration::from_millis(5));
        };
        let [out, err] = [&self.out, &self.err].map(|file| std::fs::read(file).unwrap());
        Captured { what: std::mem::take(&mut self.what), status, out, err }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
