//! What happens to the process: no descriptors, no capabilities, signals, a stop; and messages from strangers.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(feature = "nft")]
use linx::{
    Capability, Kind,
    mirror::Watch,
    nft::{Family, RuleView},
};
use linx::{ErrorKind, LinkView, Mirror, Notice};
#[cfg(feature = "nft")]
use linx_test::Namespace;
use linx_test::{
    PATIENCE, StopOnDrop, Storm, interrupt_threads, let_signals_interrupt, limit_descriptors, run,
    send_to_portid, until,
};

use crate::{Bed, assert_converges, assert_idle, each_seed, long_or};

/// A buffer that a storm overflows.
const TIGHT: usize = 4096;

#[test]
fn without_a_descriptor_a_resync_waits_and_then_it_is_done() {
    each_seed("process::without_a_descriptor_a_resync_waits_and_then_it_is_done", |seed, _| {
        let bed = Bed::calm(seed);
        let mut storm = Storm::new(&bed.namespace);
        let keeps = seed % 2 == 0;
        let builder = Mirror::builder(&bed.namespace.netns()).audit(None).rcvbuf(TIGHT);
        let mirror = builder.keep_sockets(keeps).start().unwrap();
        let mut watch = mirror.watch();
        mirror.quiet(PATIENCE).unwrap();
        // 0, 1 and 2 are taken.
        let before = limit_descriptors(3);
        while mirror.stats().losses == 0 {
            storm.cycles(500, 2);
        }
        if keeps {
            mirror.quiet(PATIENCE).unwrap();
        } else {
            std::thread::sleep(Duration::from_millis(300));
            assert!(!mirror.is_certain(), "it says that it is in doubt");
            assert_eq!(mirror.quiet(Duration::from_millis(300)).unwrap_err().kind, ErrorKind::Timeout);
        }
        assert_idle();
        let (mut doubts, mut ends) = (0, 0);
        while let Some(notice) = watch.try_next().unwrap() {
            doubts += u32::from(matches!(notice, Notice::ResyncNeeded(_)));
            ends += u32::from(matches!(notice, Notice::Resynced(_)));
        }
        assert!(doubts > 0 && (ends > 0) == keeps, "{doubts} {ends}");
        // What is announced is told, whatever is in doubt.
        let mut losses = 0;
        until("no more losses of the storm", || {
            losses = mirror.stats().losses;
            std::thread::sleep(Duration::from_millis(300));
            mirror.stats().losses == losses
        });
        storm.send(&[linx_test::Step { add: true, number: 0x0100_0000 }]);
        until("the event", || {
            mirror.snapshot().routes().exact(254, "12.0.0.0/32".parse().unwrap()).next().is_some()
        });
        assert_eq!(mirror.stats().losses, losses);
        limit_descriptors(before);
        assert_converges(&mirror, &bed.namespace);
        assert_idle();
    });
}

#[test]
fn a_mirror_that_gave_up_its_privileges_goes_on() {
    each_seed("process::a_mirror_that_gave_up_its_privileges_goes_on", |seed, _| {
        let mut bed = Bed::calm(seed);
        let mut storm = Storm::new(&bed.namespace);
        let keeps = seed % 2 == 0;
        let builder = Mirror::builder(&bed.namespace.netns()).audit(None).rcvbuf(TIGHT).keep_sockets(keeps);
        let stop = AtomicBool::new(false);
        let (give, take) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let mut driver = builder.driver().unwrap();
                let mirror = driver.mirror();
                while !mirror.is_synced() {
                    driver.advance(Instant::now()).unwrap();
                }
                linx_sys::drop_capabilities_except(&[]).unwrap();
                give.send(mirror).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    driver.advance(Instant::now()).unwrap();
                    let left = driver.deadline().map(|due| due.saturating_duration_since(Instant::now()));
                    let left = left.unwrap_or(PATIENCE).min(Duration::from_millis(50));
                    linx_sys::wait_readable(std::os::fd::AsFd::as_fd(&driver), Some(left)).unwrap();
                }
            });
            let stop = StopOnDrop(stop);
            let mirror = take.recv().unwrap();
            bed.stir();
            while mirror.stats().losses == 0 {
                storm.cycles(500, 2);
            }
            if keeps {
                assert_converges(&mirror, &bed.namespace);
            } else {
                // What would need another socket is left in doubt; announcements are told all the same.
                assert_eq!(mirror.quiet(Duration::from_millis(300)).unwrap_err().kind, ErrorKind::Timeout);
                assert!(!mirror.is_certain());
                until("the event", || {
                    storm.send(&[linx_test::Step { add: true, number: 0x0100_0000 }]);
                    std::thread::sleep(Duration::from_millis(50));
                    let is_there = mirror
                        .snapshot()
                        .routes()
                        .exact(254, "12.0.0.0/32".parse().unwrap())
                        .next()
                        .is_some();
                    storm.send(&[linx_test::Step { add: false, number: 0x0100_0000 }]);
                    is_there
                });
            }
            assert_idle();
            drop(stop);
        });
    });
}

/// Lets a scene look at a mirror of nf_tables whose thread keeps these privileges alone, and rests while it is told to.
#[cfg(feature = "nft")]
fn with_privileges(keep: &[Capability], bed: &Namespace, scene: impl FnOnce(&Mirror, &AtomicBool)) {
    let builder = Mirror::builder(&bed.netns()).nft().audit(None);
    let (stop, rests) = (AtomicBool::new(false), AtomicBool::new(false));
    let (give, take) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let (stop, rests) = (&stop, &rests);
        scope.spawn(move || {
            let mut driver = builder.driver().unwrap();
            let mirror = driver.mirror();
            while !mirror.is_synced() {
                driver.advance(Instant::now()).unwrap();
            }
            linx_sys::drop_capabilities_except(keep).unwrap();
            give.send(mirror).unwrap();
            while !stop.load(Ordering::Relaxed) {
                if rests.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                driver.advance(Instant::now()).unwrap();
                let left = driver.deadline().map(|due| due.saturating_duration_since(Instant::now()));
                let left = left.unwrap_or(PATIENCE).min(Duration::from_millis(50));
                linx_sys::wait_readable(std::os::fd::AsFd::as_fd(&driver), Some(left)).unwrap();
            }
        });
        let stop = StopOnDrop(stop);
        scene(&take.recv().unwrap(), rests);
        drop(stop);
    });
}

/// Commits, and waits until that is in the state.
#[cfg(feature = "nft")]
fn commit(mirror: &Mirror, bed: &Namespace, script: &str) {
    let before = mirror.snapshot().generation().unwrap();
    bed.nft(script);
    until("the commit", || mirror.snapshot().generation() == Some(before + 1));
}

/// How often a watch was told that nf_tables is in doubt, and that it is certain again.
#[cfg(feature = "nft")]
fn doubts(watch: &mut Watch) -> (u32, u32) {
    let (mut doubts, mut ends) = (0, 0);
    while let Some(notice) = watch.try_next().unwrap() {
        match notice {
            Notice::ResyncNeeded(doubt) => {
                assert_eq!(*doubt.kinds, [Kind::Table]);
                doubts += 1;
            }
            Notice::Resynced(_) => ends += 1,
            _ => {}
        }
    }
    (doubts, ends)
}

/// The end of an element that was announced late is asked for, and nf_tables answers the privileged alone. Who kept the
/// privilege, as the command does, holds the element until it ends; who did not may hold it for longer, and says so.
#[cfg(feature = "nft")]
#[test]
fn who_may_not_ask_when_elements_end_says_that_they_are_in_doubt() {
    each_seed("process::who_may_not_ask_when_elements_end_says_that_they_are_in_doubt", |seed, _| {
        const LASTS: Duration = Duration::from_secs(4);
        let may_ask = seed % 2 == 0;
        let keep: &[_] = if may_ask { &[Capability::NET_ADMIN] } else { &[] };
        let bed = Namespace::new("mayask");
        bed.nft("add table ip t\nadd chain ip t c\nadd set ip t s { type ipv4_addr; flags timeout; }");
        with_privileges(keep, &bed, |mirror, rests| {
            let mut watch = mirror.watch();
            rests.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(100));
            let before = mirror.snapshot().generation().unwrap();
            bed.nft("add element ip t s { 10.0.0.1 timeout 4s, 10.0.0.2 timeout 1h }");
            let added = Instant::now();
            std::thread::sleep(LASTS / 2);
            rests.store(false, Ordering::Relaxed);
            until("the commit", || mirror.snapshot().generation() == Some(before + 1));
            let held = || mirror.snapshot().nft().unwrap().elements_of(Family::Ip, "t", "s").count();
            if may_ask {
                mirror.quiet(PATIENCE).unwrap();
            } else {
                until("doubt", || !mirror.is_certain());
                assert_eq!(mirror.quiet(Duration::from_millis(300)).unwrap_err().kind, ErrorKind::Timeout);
                assert_idle();
            }
            std::thread::sleep((LASTS + Duration::from_millis(100)).saturating_sub(added.elapsed()));
            if may_ask {
                mirror.quiet(PATIENCE).unwrap();
                assert_eq!(held(), 1);
            } else {
                assert!(!mirror.is_certain());
                until("its end, late", || held() == 1);
            }
            commit(mirror, &bed, "add rule ip t c accept");
            assert_eq!(mirror.is_certain(), may_ask);
            assert_eq!(doubts(&mut watch), (u32::from(!may_ask), 0));
            assert_idle();
        });
    });
}

/// The same of the place of a rule that was added beside one which the same commit deleted.
#[cfg(feature = "nft")]
#[test]
fn who_may_not_ask_where_a_rule_stands_says_that_it_is_in_doubt() {
    each_seed("process::who_may_not_ask_where_a_rule_stands_says_that_it_is_in_doubt", |seed, _| {
        let may_ask = seed % 2 == 0;
        let keep: &[_] = if may_ask { &[Capability::NET_ADMIN] } else { &[] };
        let bed = Namespace::new("mayplace");
        bed.nft("add table ip t\nadd chain ip t c\nadd rule ip t c accept\nadd rule ip t c drop\nadd rule ip t c return");
        with_privileges(keep, &bed, |mirror, _| {
            let mut watch = mirror.watch();
            let first = mirror.snapshot().nft().unwrap().rules().next().unwrap().handle();
            commit(
                mirror,
                &bed,
                &format!("delete rule ip t c handle {first}\nadd rule ip t c position {first} counter"),
            );
            if may_ask {
                mirror.quiet(PATIENCE).unwrap();
                let fresh = Mirror::builder(&bed.netns()).nft().audit(None).start().unwrap();
                assert_eq!(mirror.snapshot().fingerprint(), fresh.snapshot().fingerprint());
            } else {
                until("doubt", || !mirror.is_certain());
                assert_eq!(mirror.quiet(Duration::from_millis(300)).unwrap_err().kind, ErrorKind::Timeout);
            }
            commit(mirror, &bed, "add chain ip t other");
            assert_eq!(mirror.is_certain(), may_ask);
            assert_eq!(doubts(&mut watch), (u32::from(!may_ask), 0));
            assert_idle();
        });
    });
}

#[test]
fn a_rain_of_signals_changes_nothing() {
    each_seed("process::a_rain_of_signals_changes_nothing", |seed, mut dice| {
        let mut bed = Bed::calm(seed);
        let mut storm = Storm::new(&bed.namespace);
        let_signals_interrupt();
        let stop = AtomicBool::new(false);
        let sent = std::thread::scope(|scope| {
            let rain = scope.spawn(|| {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    sent += interrupt_threads();
                    std::thread::sleep(Duration::from_micros(100));
                }
                sent
            });
            let stop = StopOnDrop(&stop);
            let builder = Mirror::builder(&bed.namespace.netns()).audit(None);
            let mirror = if dice.once_in(2) { builder.rcvbuf(TIGHT) } else { builder }.start().unwrap();
            let mut watch = mirror.watch();
            for _ in 0..long_or(10, 2) {
                storm.cycles(300, 3);
                bed.stir();
                assert_converges(&mirror, &bed.namespace);
                while watch.next_timeout(Duration::from_millis(10)).unwrap().is_some() {}
            }
            drop(stop);
            let sent = rain.join().unwrap();
            assert_converges(&mirror, &bed.namespace);
            sent
        });
        println!("figure: {sent} signals");
        assert!(sent > 100);
        assert_idle();
    });
}

#[test]
fn a_process_stopped_under_a_storm_catches_up() {
    each_seed("process::a_process_stopped_under_a_storm_catches_up", |seed, mut dice| {
        let bed = Bed::calm(seed);
        drop(Storm::new(&bed.namespace));
        let name = bed.namespace.name();
        let path = std::env::temp_dir().join(format!("{name}.batch"));
        let lines: String = (0..2000)
            .map(|at| format!("route add 13.0.{}.{} via 10.255.0.2\n", at / 250, at % 250))
            .chain((0..2000).map(|at| format!("route del 13.0.{}.{}\n", at / 250, at % 250)))
            .collect();
        std::fs::write(&path, lines).unwrap();
        let builder = Mirror::builder(&bed.namespace.netns()).audit(None);
        let mirror = if dice.once_in(2) { builder.rcvbuf(64 << 10) } else { builder }.start().unwrap();
        let mut watch = mirror.watch();
        let script = format!("while :; do ip -n {name} -force -batch {}; done", path.display());
        let mut storm = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).spawn().unwrap();
        let seconds = long_or(60, 2);
        let before = mirror.stats();
        let begun = Instant::now();
        run("sh", &["-c", &format!("kill -STOP $PPID; sleep {seconds}; kill -CONT $PPID")]);
        assert!(begun.elapsed() >= Duration::from_secs(seconds));
        // Under the storm it is in time again.
        let (resumed, stopped_at) = (Instant::now(), mirror.snapshot().revision());
        until("deltas again", || mirror.snapshot().revision() > stopped_at && mirror.is_certain());
        let again = resumed.elapsed();
        storm.kill().unwrap();
        storm.wait().unwrap();
        // The last batch goes on without its shell.
        let _ = std::fs::remove_file(&path);
        until("the end of the storm", || {
            let revision = mirror.snapshot().revision();
            std::thread::sleep(Duration::from_millis(100));
            mirror.snapshot().revision() == revision
        });
        assert_converges(&mirror, &bed.namespace);
        let losses = mirror.stats().losses - before.losses;
        println!("figure: stopped {seconds} s, {losses} losses, certain {again:?} after it went on");
        while watch.try_next().unwrap().is_some() {}
        assert_eq!(watch.state().fingerprint(), mirror.snapshot().fingerprint());
        assert_idle();
    });
}

/// The port ids of sockets of a namespace that have joined groups of rtnetlink.
fn ears(netns: &linx::Netns) -> Vec<u32> {
    let table = netns.run(|| std::fs::read_to_string("/proc/thread-self/net/netlink")).unwrap().unwrap();
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ears = lines.filter(|words| words[1] == "0" && !words[3].trim_start_matches('0').is_empty());
    ears.map(|words| words[2].parse().unwrap()).collect()
}

/// A message about a link.
fn forged(message_type: u16, seq: u32, portid: u32, index: u32, tail: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(32 + tail.len() as u32).to_ne_bytes());
    bytes.extend_from_slice(&message_type.to_ne_bytes());
    bytes.extend_from_slice(&0u16.to_ne_bytes());
    bytes.extend_from_slice(&seq.to_ne_bytes());
    bytes.extend_from_slice(&portid.to_ne_bytes());
    bytes.extend_from_slice(&[0, 0, 1, 0]);
    bytes.extend_from_slice(&index.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(tail);
    bytes
}

#[test]
fn what_a_stranger_says_is_not_believed_but_counted() {
    each_seed("process::what_a_stranger_says_is_not_believed_but_counted", |seed, mut dice| {
        let bed = Bed::new(seed);
        let netns = bed.namespace.netns();
        let mirror = bed.mirror();
        // Links that were set up find their carrier a moment later, a bridge up to a second later.
        until("rest", || {
            let revision = mirror.snapshot().revision();
            std::thread::sleep(Duration::from_millis(1200));
            mirror.quiet(PATIENCE).unwrap();
            mirror.snapshot().revision() == revision
        });
        let before = mirror.snapshot();
        let index =
            before.links().by_name("v0").or(before.links().by_name("v2")).map_or(1, |link| link.index());
        let mut watch = mirror.watch();
        assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
        let ears = ears(&netns);
        assert!(ears.len() >= 3, "{ears:?}");
        let mut sent = 0;
        for _ in 0..40 {
            for ear in &ears {
                // DELLINK, NEWLINK, DELROUTE, DELADDR, an answer to a mark, an overrun, the end of a list, anything.
                let kinds = [17u16, 16, 25, 21, 2, 4, 3, dice.roll() as u16];
                let kind = kinds[dice.below(8) as usize];
                let tail = [0u8; 24];
                let bytes =
                    forged(kind, dice.below(5) as u32, *ear, index, &tail[..dice.below(7) as usize * 4]);
                send_to_portid(&netns, *ear, &bytes);
                sent += 1;
            }
        }
        until("all to be counted", || mirror.stats().spoofed >= sent);
        assert_eq!(mirror.stats().spoofed, sent);
        mirror.quiet(PATIENCE).unwrap();
        let mut differ = mirror.snapshot().differences(&before, linx::Compare::Tracked);
        // Neighbours go by themselves.
        differ.retain(|line| !line.contains("neigh/"));
        assert_eq!((differ, mirror.stats().losses), (Vec::new(), 0));
        while let Some(notice) = watch.try_next().unwrap() {
            // The kernel's own talk alone.
            assert!(!matches!(notice, Notice::ResyncNeeded(_) | Notice::Lagged), "{notice:?}");
        }
        assert_converges(&mirror, &bed.namespace);
        assert_idle();
    });
}
