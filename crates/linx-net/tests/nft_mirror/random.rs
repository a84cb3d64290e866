//! Random commits by nft: the state follows each of them, and everything that was told can be undone and done again.

use linx::nft::{ChainView, ElementView, RuleView, TableView};
use linx_test::{is_root, makes_namesakes, skip_unless};

use crate::bed::Bed;

/// Numbers that follow from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    fn maybe<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(self.one(of).clone()) }
    }
}

fn seed() -> u64 {
    let given = std::env::var("LINX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) << 20 | u64::from(std::process::id())
    });
    eprintln!("LINX_SEED={seed}");
    seed
}

const START: &str = "
add table inet t0
add chain inet t0 c0
add chain inet t0 c1 { type filter hook input priority 0; }
add set inet t0 s0 { type ipv4_addr; }
add set inet t0 s1 { type ipv4_addr; flags interval; }
add set inet t0 s2 { type ipv4_addr; flags timeout; }
add map inet t0 m0 { type inet_service : verdict; }
add counter inet t0 o0
";

/// One line of nft.
fn line(dice: &mut Dice, bed: &Bed) -> String {
    let table = *dice.one(&["inet t0", "inet t0", "inet t0", "ip t1", "ip6 t0", "netdev nd"]);
    let n = |dice: &mut Dice| dice.below(4);
    let chain = |dice: &mut Dice| format!("c{}", dice.below(4));
    let rules: Vec<(String, u64)> = bed
        .book
        .state()
        .rules()
        .map(|rule| {
            let family = linx::nft::family::word(rule.family()).unwrap();
            (format!("{family} {} {}", rule.table(), rule.chain()), rule.handle())
        })
        .collect();
    let bodies = |dice: &mut Dice| match dice.below(12) {
        0 => "tcp dport { 22, 80, 443 } accept".to_owned(),
        1 => format!("jump {}", chain(dice)),
        2 => format!("jump {{ counter; tcp dport {{ 1, {} }} accept; drop; }}", dice.below(100) + 2),
        3 => format!("tcp dport vmap {{ 22 : accept, 23 : goto {} }}", chain(dice)),
        4 => "quota 5 mbytes".to_owned(),
        5 => "limit rate 5/second".to_owned(),
        6 => "ip saddr @s0 drop".to_owned(),
        7 => "tcp dport vmap @m0".to_owned(),
        8 => format!("counter name o{}", n(dice)),
        9 => "jump { tcp dport vmap { 1 : accept }; }".to_owned(),
        10 => format!("update @s3 {{ ip saddr timeout {}s }}", dice.below(50) + 30),
        _ => format!("counter comment \"{}\"", dice.below(1000)),
    };
    let address = |dice: &mut Dice| format!("10.0.{}.{}", dice.below(3), dice.below(30));
    match dice.below(60) {
        0 => format!("add table {table}"),
        1 => format!("delete table {table}"),
        2 => format!("add table {table} {{ flags dormant; }}"),
        3 => format!("add table {table} {{ comment \"x\"; }}"),
        4..=5 => format!("add chain {table} {}", chain(dice)),
        6 if table.starts_with("netdev") => {
            let device = dice.one(&["v0", "v1", "v2", "v3"]);
            format!(
                "add chain {table} c9 {{ type filter hook ingress devices = {{ {device} }} priority 0; }}"
            )
        }
        6 => {
            let hook = dice.one(&["input", "output"]);
            format!(
                "add chain {table} {} {{ type filter hook {hook} priority 0; policy accept; }}",
                chain(dice)
            )
        }
        7 => {
            let device = dice.one(&["v0", "v1", "v2", "v3"]);
            format!(
                "delete chain netdev nd c9 {{ type filter hook ingress devices = {{ {device} }} priority 0; }}"
            )
        }
        8 => format!("delete chain {table} {}", chain(dice)),
        9 => format!("rename chain {table} {} {}", chain(dice), chain(dice)),
        10 => format!("flush chain {table} {}", chain(dice)),
        11 => format!("flush table {table}"),
        12 if dice.below(6) == 0 => "flush ruleset".to_owned(),
        13..=20 => format!("add rule {table} {} {}", chain(dice), bodies(dice)),
        21..=25 => format!("insert rule {table} {} {}", chain(dice), bodies(dice)),
        26..=31 => match dice.maybe(&rules) {
            Some((place, handle)) => {
                let how = dice.one(&["add", "insert"]);
                format!("{how} rule {place} position {handle} {}", bodies(dice))
            }
            None => format!("add rule {table} {} {}", chain(dice), bodies(dice)),
        },
        32..=34 => match dice.maybe(&rules) {
            Some((place, handle)) => format!("replace rule {place} handle {handle} {}", bodies(dice)),
            None => format!("add table {table}"),
        },
        35..=37 => match dice.maybe(&rules) {
            Some((place, handle)) => format!("delete rule {place} handle {handle}"),
            None => format!("add table {table}"),
        },
        38 => format!("add set {table} s0 {{ type ipv4_addr; }}"),
        39 => format!("add set {table} s1 {{ type ipv4_addr; flags interval; }}"),
        40 => {
            let timeout = dice.one(&["", "timeout 100s;", "timeout 200s;"]);
            format!("add set {table} s2 {{ type ipv4_addr; flags timeout; {timeout} }}")
        }
        41 => format!("add set {table} s3 {{ type ipv4_addr; flags dynamic,timeout; size 100; }}"),
        42 => format!("delete set {table} s{}", n(dice)),
        43 => format!("flush set {table} s{}", n(dice)),
        44..=45 => format!("add element {table} s0 {{ {}, {} }}", address(dice), address(dice)),
        46 => format!("add element {table} s1 {{ {}-10.0.4.5, {} }}", address(dice), address(dice)),
        47 => {
            let (timeout, base) = (dice.below(3) * 100 + 100, dice.below(100));
            format!(
                "add element {table} s2 {{ {} timeout {timeout}s expires {}s }}",
                address(dice),
                base + 50
            )
        }
        48 => format!("add element {table} s2 {{ {} }}", address(dice)),
        49 => {
            let set = bed.book.state().sets().filter(|set| !set.is_empty()).collect::<Vec<_>>();
            match dice.maybe(&set) {
                Some(set) => {
                    let elements: Vec<_> =
                        set.elements().filter_map(|e| e.key().map(<[u8]>::to_vec)).collect();
                    match dice.maybe(&elements) {
                        Some(key) if key.len() == 4 => {
                            let key = std::net::Ipv4Addr::from([key[0], key[1], key[2], key[3]]);
                            use linx::nft::SetView;
                            let family = linx::nft::family::word(set.set().family()).unwrap();
                            format!(
                                "delete element {family} {} {} {{ {key} }}",
                                set.set().table(),
                                set.set().name()
                            )
                        }
                        _ => format!("flush set {table} s0"),
                    }
                }
                None => format!("add set {table} s0 {{ type ipv4_addr; }}"),
            }
        }
        50 => format!("add map {table} m0 {{ type inet_service : verdict; }}"),
        51 => format!("add element {table} m0 {{ {} : jump {} }}", dice.below(9) + 1, chain(dice)),
        52 => format!("delete element {table} m0 {{ {} }}", dice.below(9) + 1),
        53 => format!("delete map {table} m0"),
        54 => format!("add counter {table} o{}", n(dice)),
        55 => format!("add quota {table} o{} {{ {} mbytes; }}", n(dice), dice.below(9) + 1),
        56 => format!("delete counter {table} o{}", n(dice)),
        57 => {
            let device = dice.one(&["v0", "v1", "v2", "v3"]);
            format!("add flowtable inet t0 f0 {{ hook ingress priority 0; devices = {{ {device} }}; }}")
        }
        58 => "delete flowtable inet t0 f0".to_owned(),
        _ => format!("add element {table} s3 {{ {} timeout 300s }}", address(dice)),
    }
}

#[test]
fn after_any_commits_the_state_is_what_a_pull_finds() {
    skip_unless!(is_root(), "not root");
    let commits = if std::env::var_os("LINX_LONG").is_some() { 10_000 } else { 250 };
    let mut dice = Dice(seed());
    let mut bed = Bed::new("book", START);
    let (mut taken, mut changes, mut tries) = (0, 0, 0);
    while taken < commits {
        tries += 1;
        let count = if dice.below(3) == 0 { dice.below(6) + 1 } else { 1 };
        let script: String = (0..count).map(|_| line(&mut dice, &bed) + "\n").collect();
        if makes_namesakes(&script) {
            continue;
        }
        let before = bed.book.state().clone();
        if bed.nft(&script) {
            taken += 1;
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                bed.read();
                bed.check();
            }));
            if let Err(panic) = checked {
                eprintln!("commit {taken} of {tries}:\n{script}\nbefore: {before:?}");
                let chains: Vec<_> = before.chains().map(|chain| chain.name().to_string()).collect();
                eprintln!(
                    "{chains:?} {:?}",
                    before.tables().map(|t| t.name().to_string()).collect::<Vec<_>>()
                );
                if let Some(told) = bed.told.last() {
                    eprintln!("{:#?}", crate::bed::lines(told));
                }
                std::panic::resume_unwind(panic);
            }
            if let Some(told) = bed.told.last() {
                changes += told.changes().len();
                crate::bed::lines(told);
            }
            if taken % 500 == 0 {
                bed.check_history();
                bed.told.clear();
            }
        } else {
            // What the kernel refused changed nothing.
            bed.read();
        }
    }
    bed.check();
    bed.check_history();
    println!("{taken} commits of {tries}, {changes} changes in the last of each, {} doubts", bed.doubts);
}
