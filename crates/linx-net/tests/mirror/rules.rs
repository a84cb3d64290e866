//! Mirrors of nf_tables: random commits, overflows, what happens without a commit.

use std::time::{Duration, Instant};

use linx::mirror::{Cause, Change};
use linx::nft::{ElementView, Family, SetView};
use linx::{Mirror, Notice};
use linx_test::{Dice, Namespace, PATIENCE, is_root, makes_namesakes, skip_unless};

use crate::{is_long, seed};

pub const START: &str = "add table inet t0; add chain inet t0 c0; add chain inet t0 c1 { type filter hook input priority 0; }; \
    add set inet t0 s0 { type ipv4_addr; }; add set inet t0 s1 { type ipv4_addr; flags timeout; }; \
    add map inet t0 m0 { type inet_service : verdict; }";

/// One change; many are refused.
pub fn line(dice: &mut Dice) -> String {
    let chain = dice.below(4);
    let address = format!("10.0.{}.{}", dice.below(3), dice.below(30));
    let table = dice.pick(&["inet t0", "inet t0", "ip t1"]);
    match dice.below(16) {
        0 => format!("add table {table}"),
        1 => format!("delete table {table}"),
        2 | 3 => format!("add chain {table} c{chain}"),
        4 => format!("flush chain {table} c{chain}"),
        5 => format!("add rule {table} c{chain} tcp dport {{ 22, {} }} accept", 100 + dice.below(50)),
        6 => format!("insert rule {table} c{chain} ip saddr {address} counter drop"),
        7 => format!("add rule {table} c{chain} ip saddr @s0 drop"),
        8 => format!("add set {table} s{} {{ type ipv4_addr; }}", dice.below(2)),
        9..12 => format!("add element {table} s0 {{ {address} }}"),
        12 => format!("delete element {table} s0 {{ {address} }}"),
        13 => format!("add element {table} s1 {{ {address} timeout {}s }}", 1 + dice.below(60)),
        14 => format!("flush set {table} s0"),
        _ => format!("rename chain {table} c{chain} c{}", dice.below(6)),
    }
}

/// Whether the rule set is what a mirror that begins now finds.
pub fn is_true(mirror: &Mirror, namespace: &Namespace) -> bool {
    // An element may expire between the two.
    (0..20).any(|_| {
        mirror.quiet(PATIENCE).unwrap();
        let fresh = Mirror::builder(&namespace.netns()).nft().start().unwrap();
        let (held, there) = (mirror.snapshot(), fresh.snapshot());
        let is_same = held.nft().unwrap().fingerprint() == there.nft().unwrap().fingerprint();
        if !is_same {
            std::thread::sleep(Duration::from_millis(200));
        }
        is_same && held.generation() == there.generation()
    })
}

#[test]
fn after_random_commits_the_rule_set_is_what_the_kernel_has_and_the_notices_lead_there() {
    skip_unless!(is_root(), "not root");
    let first = seed();
    let (seeds, commits) = if is_long() { (100, 300) } else { (3, 40) };
    let (mut losses, mut transactions, mut deltas) = (0, 0, 0);
    for seed in first..first + seeds {
        let namespace = Namespace::new("rules");
        namespace.nft(START);
        let mut dice = Dice::new(seed);
        let rcvbuf = if seed % 2 == 0 { 2048 } else { 4 << 20 };
        let mirror = Mirror::builder(&namespace.netns()).nft().rcvbuf(rcvbuf).audit(None).start().unwrap();
        let mut watch = mirror.watch();
        let mut own = watch.state();
        for at in 0..commits {
            let mut script: Vec<String> = (0..1 + dice.below(2)).map(|_| line(&mut dice)).collect();
            if makes_namesakes(&script.join("\n")) {
                script.truncate(1);
            }
            let _ = namespace.try_exec("nft", &[&script.join("; ")]);
            if at % 10 == 9 {
                assert!(is_true(&mirror, &namespace), "LINX_SEED={seed}");
                while let Some(notice) = watch.try_next().unwrap() {
                    if let Notice::Transaction(told) = &notice {
                        transactions += 1;
                        assert!(told.process.comm().is_some() || !told.complete, "{told}");
                    }
                    own.apply(&notice);
                }
                let there = watch.state();
                assert_eq!(own.revision(), there.revision());
                assert_eq!(own.fingerprint(), there.fingerprint(), "LINX_SEED={seed}");
            }
        }
        losses += mirror.stats().losses;
        deltas += mirror.stats().deltas;
        assert!(mirror.is_certain());
    }
    println!("{transactions} transactions, {deltas} deltas, {losses} losses");
    assert!(transactions > 0);
}

/// What notices tell of losses and of elements.
#[derive(Debug, Default)]
struct Tally {
    is_in_doubt: bool,
    losses: u64,
    resyncs: u64,
    /// Differences that resyncs say they found.
    found: u64,
    /// Those that were told.
    differences: u64,
    added: usize,
    removed: usize,
}

impl Tally {
    fn take(&mut self, notice: &Notice) {
        match notice {
            Notice::ResyncNeeded(_) => {
                self.losses += 1;
                self.is_in_doubt = true;
            }
            Notice::Resynced(told) => {
                assert!(self.is_in_doubt, "certain again, and there was no doubt: {told:?}");
                self.is_in_doubt = false;
                self.resyncs += 1;
                self.found += told.deltas;
            }
            Notice::Transaction(told) => told.changes.iter().for_each(|item| self.count(item.change())),
            Notice::Nft(delta) => {
                assert!(self.is_in_doubt && delta.cause() == Cause::Resync, "{:?}", delta.cause());
                self.differences += 1;
                self.count(delta.change());
            }
            _ => {}
        }
    }

    fn count(&mut self, change: Change) {
        self.added += usize::from(change == Change::Added);
        self.removed += usize::from(change == Change::Removed);
    }
}

/// Each loss is told, and then that all is certain again; a second loss right after the first may leave nothing to find. Each
/// element goes and comes once, by a commit or as a difference, and the resyncs count these.
#[test]
fn a_large_flush_into_a_small_buffer_is_a_loss_and_then_the_differences() {
    const ELEMENTS: usize = 3000;
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("rulesloss");
    namespace.nft(START);
    let elements: Vec<String> = (0..ELEMENTS).map(|at| format!("10.1.{}.{}", at / 250, at % 250)).collect();
    let fill = format!("add element inet t0 s0 {{ {} }}", elements.join(", "));
    namespace.nft(&fill);
    let mirror = Mirror::builder(&namespace.netns()).nft().rcvbuf(2048).audit(None).start().unwrap();
    let mut watch = mirror.watch();
    let mut own = watch.state();
    assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
    let mut told = Tally::default();
    let mut turn = |script: &str| {
        namespace.nft(script);
        mirror.quiet(PATIENCE).unwrap();
        while let Some(notice) = watch.try_next().unwrap() {
            told.take(&notice);
            own.apply(&notice);
        }
        let stats = mirror.stats();
        assert!(!told.is_in_doubt && mirror.is_certain(), "{told:?}");
        assert_eq!((told.losses, told.resyncs), (stats.losses, stats.resyncs), "{told:?}");
        assert_eq!(told.found, told.differences, "{told:?}");
        assert_eq!(own.fingerprint(), mirror.snapshot().fingerprint(), "{told:?}");
        (told.added, told.removed, told.differences)
    };
    // A reader on an idle machine may be fast enough, now and then.
    for at in 1..=50 {
        let (_, removed, differences) = turn("flush set inet t0 s0");
        assert_eq!(removed, at * ELEMENTS);
        if differences > 0 {
            break;
        }
        assert_eq!(turn(&fill).0, at * ELEMENTS);
    }
    println!("{told:?}");
    assert!(told.losses > 0 && told.resyncs > 0 && told.differences > 0, "{told:?}");
    assert!(is_true(&mirror, &namespace));
}

#[test]
fn what_expires_and_what_goes_with_its_owner_is_told() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("rulesend");
    namespace.nft(START);
    let mirror = Mirror::builder(&namespace.netns()).nft().audit(None).start().unwrap();
    let mut watch = mirror.watch();
    namespace.nft("add element inet t0 s1 { 10.0.0.1 timeout 1s }");
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        assert!(std::time::Instant::now() < end, "nothing expired");
        match watch.next_timeout(PATIENCE).unwrap() {
            Some(Notice::Nft(delta)) if delta.change() == Change::Removed => {
                assert_eq!(delta.cause(), Cause::Expired);
                break;
            }
            _ => continue,
        }
    }
    assert!(is_true(&mirror, &namespace));
}

#[test]
fn one_table_alone_is_held_and_without_privilege_the_error_names_the_capability() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("rulesone");
    namespace.nft(START);
    namespace.nft(
        "add table ip other; add set ip other big { type ipv4_addr; }; add element ip other big { 10.0.0.1 }",
    );
    let builder = || Mirror::builder(&namespace.netns()).audit(None);
    let one = builder().nft_table(Family::Inet, "t0").start().unwrap();
    let absent = builder().nft_table(Family::Inet, "later").start().unwrap();
    let thin = builder().nft().nft_without_elements().start().unwrap();
    assert_eq!(one.snapshot().nft().unwrap().tables().count(), 1);
    assert_eq!(absent.snapshot().nft().unwrap().tables().count(), 0);
    namespace.nft("add table inet later; add chain inet later c; add element ip other big { 10.0.0.2 }");
    for mirror in [&one, &absent, &thin] {
        mirror.quiet(PATIENCE).unwrap();
    }
    assert_eq!(one.snapshot().nft().unwrap().tables().count(), 1);
    assert_eq!(absent.snapshot().nft().unwrap().chains().count(), 1);
    let thin = thin.snapshot();
    let elements: usize =
        thin.nft().unwrap().sets().filter(|set| set.set().name() == "big").map(|set| set.len()).sum();
    assert_eq!((thin.nft().unwrap().tables().count(), elements), (3, 0));
    let error = Mirror::builder(&linx::Netns::host().unwrap()).nft().start();
    assert!(error.is_ok_and(|mirror| mirror.snapshot().generation().is_some()));
}

/// A storm in one table overflows the mirror's buffer; a large set of another table is not read again. When its own table
/// was among what was lost, it is.
#[test]
fn after_a_loss_a_large_set_is_read_again_if_its_table_may_have_changed() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("ruleslarge");
    namespace.nft(START);
    let elements = |range: std::ops::Range<u32>| -> String {
        let all: Vec<_> = range.map(|at| format!("10.0.{}.{}", at / 250, at % 250)).collect();
        all.join(", ")
    };
    namespace.nft("add table ip large; add set ip large s { type ipv4_addr; }");
    for at in 0..5 {
        let some = elements(at * 3000..at * 3000 + 3000);
        namespace.nft(&format!("add element ip large s {{ {some} }}"));
    }
    let mirror = Mirror::builder(&namespace.netns()).nft().rcvbuf(2048).audit(None).start().unwrap();
    let storm = |also: &mut dyn FnMut() -> String| {
        let before = mirror.stats();
        // A busy machine may make a reader that is fast enough, now and then.
        for _ in 0..50 {
            let refill = format!("flush set inet t0 s0\nadd element inet t0 s0 {{ {} }}", elements(0..3000));
            let script = format!("{refill}\n{}", also());
            namespace.nft(&script);
            mirror.quiet(PATIENCE).unwrap();
            if mirror.stats().losses > before.losses {
                break;
            }
        }
        assert!(is_true(&mirror, &namespace));
        let after = mirror.stats();
        assert!(after.resyncs > before.resyncs, "nothing was lost");
        (after.resyncs - before.resyncs, after.elements_spared - before.elements_spared)
    };
    // A loss may be so that it has to be read all the same (a full witness): seen once in 200 on a machine with too much to do.
    let spares = || {
        let all: Vec<_> = (0..2).map(|_| storm(&mut String::new)).collect();
        let is_spared = |(resyncs, spared): &(u64, u64)| *spared >= resyncs * 15_000;
        assert!(all.iter().any(is_spared), "{all:?} {:?}", mirror.stats());
    };
    spares();
    // One for another: the number of elements stays, and the state is not the kernel's unless they are read.
    let mut keys = ["10.0.0.7", "10.77.0.7"];
    let mut also = || {
        let [gone, new] = keys;
        keys = [new, gone];
        format!("delete element ip large s {{ {gone} }}\nadd element ip large s {{ {new} }}")
    };
    for _ in 0..2 {
        storm(&mut also);
    }
    spares();
}

/// What is told of an element is how long it lasts, not from when on: a mirror that did not run for a while asks.
#[test]
fn elements_that_were_announced_while_a_mirror_did_not_run_end_when_they_end() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("ruleslate");
    namespace.nft("add table inet t; add set inet t s { type ipv4_addr; flags timeout; }");
    namespace.nft("add map inet t m { type ipv4_addr : inet_service; flags interval,timeout; }");
    let mut driver = Mirror::builder(&namespace.netns()).nft().audit(None).driver().unwrap();
    let mirror = driver.mirror();
    let mut turn = |until: &dyn Fn(&Mirror) -> bool| {
        let end = Instant::now() + PATIENCE;
        while !until(&mirror) || driver.deadline().is_some_and(|due| due <= Instant::now()) {
            assert!(Instant::now() < end);
            driver.advance(Instant::now()).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    turn(&Mirror::is_synced);
    let mut watch = mirror.watch();
    let mut own = watch.state();
    let adds = Instant::now();
    namespace.nft(
        "add element inet t s { 10.0.0.1 timeout 10s, 10.0.0.2 timeout 1h, 10.0.0.3, 10.0.0.4 timeout 3s }",
    );
    let added = Instant::now();
    namespace.nft("add element inet t m { 10.0.0.1-10.0.0.9 timeout 1h : 22 }");
    std::thread::sleep(Duration::from_secs(4));
    let generation = linx::nft::generation(&linx::Handle::new(&namespace.netns()).unwrap()).unwrap();
    turn(&|mirror| mirror.snapshot().generation() == Some(generation));
    let ends = |mirror: &Mirror| {
        let state = mirror.snapshot();
        let sets = state.nft().unwrap().sets();
        let of = |set: linx::mirror::nft::Members<'_>| {
            set.with_deadlines()
                .map(|(element, ends)| (element.key().unwrap().to_vec(), ends))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = sets.flat_map(of).collect();
        all.sort();
        all
    };
    let (held, there) = {
        let fresh = Mirror::builder(&namespace.netns()).nft().start().unwrap();
        (ends(&mirror), ends(&fresh))
    };
    assert!(held.len() >= 5, "{held:?}");
    for ((key, held), (other, there)) in held.iter().zip(&there) {
        assert_eq!((key, held.is_some()), (other, there.is_some()));
        if let Some((held, there)) = held.zip(*there) {
            let apart = held.max(there) - held.min(there);
            assert!(apart < Duration::from_secs(2), "{key:?}: {apart:?}");
        }
    }
    // It is told: who follows the changes ends elements when the mirror does.
    let (mut told, mut ended) = (0, 0);
    while let Some(notice) = watch.try_next().unwrap() {
        own.apply(&notice);
        if let Notice::Nft(delta) = &notice {
            match delta.cause() {
                Cause::Expired => ended += 1,
                cause => {
                    assert_eq!((delta.change(), cause), (Change::Changed, Cause::Event));
                    assert_eq!(delta.fields(), ["expires"]);
                    told += 1;
                }
            }
        }
    }
    // One has ended unseen.
    assert!(ended == 1 && (2..=4).contains(&told), "{ended} {told}");
    assert_eq!(own.fingerprint(), mirror.snapshot().fingerprint());
    turn(&|mirror| ends(mirror).len() < held.len());
    // Four seconds longer, if they counted from when they were read.
    let (most, least) = (adds.elapsed(), added.elapsed());
    assert!(most > Duration::from_secs(9) && least < Duration::from_secs(13), "{most:?} {least:?}");
    assert_eq!(mirror.stats().audit_repairs, 0);
}

/// An element that somebody deleted while announcements were lost has not ended by itself, though elements of its set are
/// asked for when they end.
#[test]
fn an_element_whose_deletion_was_lost_did_not_expire() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("rulesgone");
    namespace.nft("add table inet t; add set inet t s { type ipv4_addr; flags timeout; }; add set inet t o { type ipv4_addr; }");
    namespace.nft("add element inet t s { 10.0.0.1 timeout 1h }");
    let mut driver = Mirror::builder(&namespace.netns()).nft().rcvbuf(16 << 10).audit(None).driver().unwrap();
    let mirror = driver.mirror();
    while !mirror.is_synced() {
        driver.advance(Instant::now()).unwrap();
    }
    let mut watch = mirror.watch();
    std::thread::sleep(Duration::from_millis(1200));
    namespace.nft("add element inet t s { 10.0.0.2 timeout 1h }");
    let many: Vec<_> = (0..3000).map(|at| format!("10.1.{}.{}", at / 250, at % 250)).collect();
    namespace.nft(&format!("add element inet t o {{ {} }}", many.join(", ")));
    namespace.nft("delete element inet t s { 10.0.0.1 }");
    let end = Instant::now() + PATIENCE;
    let mut causes = Vec::new();
    while causes.is_empty() {
        driver.advance(Instant::now()).unwrap();
        while let Some(notice) = watch.try_next().unwrap() {
            if let Notice::Nft(delta) = &notice
                && delta.change() == Change::Removed
            {
                causes.push(delta.cause());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
        assert!(Instant::now() < end);
    }
    assert!(mirror.stats().losses > 0, "nothing was lost");
    assert_eq!(causes, [Cause::Resync]);
}
