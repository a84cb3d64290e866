//! Weather that cannot be made from outside: datagrams that do not fit, and a clock that jumps.

use std::time::Duration;

use linx_sys::wait_readable;
use linx_test::{Churn, Namespace, Storm, is_root, processor_time, skip_unless};
use linx_wire::Compare;

use super::*;
use crate::mirror::{Cause, Notice, clock};

/// Drives until nothing has happened for a while; the number of rounds that it took.
fn settle(driver: &mut Driver) -> u32 {
    let (mut rounds, mut quiet, end) = (0, 0, Instant::now() + linx_test::PATIENCE);
    while quiet < 3 {
        assert!(Instant::now() < end, "it never rests");
        let longest = Duration::from_millis(30);
        let due = driver.deadline().map_or(longest, |due| due.saturating_duration_since(Instant::now()));
        let is_ready = wait_readable(driver.as_fd(), Some(due.min(longest))).unwrap();
        driver.advance(Instant::now()).unwrap();
        let is_sure = driver.shared.lock().core.is_certain() && driver.shared.lock().core.tasks.is_empty();
        quiet = if is_ready || !is_sure { 0 } else { quiet + 1 };
        rounds += 1;
    }
    rounds
}

fn synced(namespace: &Namespace, rcvbuf: usize) -> (Driver, Mirror) {
    let builder = Mirror::builder(&namespace.netns()).audit(None).rcvbuf(rcvbuf);
    let mut driver = builder.driver().unwrap();
    let mirror = driver.mirror();
    while !mirror.is_synced() {
        driver.advance(Instant::now()).unwrap();
    }
    (driver, mirror)
}

/// What a mirror has that a new one has not, and the other way round; what comes and goes in silence left out. Some things
/// are listed a moment before they are announced.
#[track_caller]
fn assert_as_fresh(driver: &mut Driver, mirror: &Mirror, namespace: &Namespace) {
    let mut lines = Vec::new();
    for _ in 0..10 {
        settle(driver);
        let fresh = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
        fresh.quiet(linx_test::PATIENCE).unwrap();
        lines = mirror.snapshot().differences(&fresh.snapshot(), Compare::Tracked);
        lines.retain(|line| !line.contains("neigh/") && (!line.contains("fdb/") || !line.ends_with("/self")));
        if lines.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{lines:#?}");
}

#[test]
fn announcements_that_do_not_fit_are_losses_and_what_they_told_is_read() {
    skip_unless!(is_root(), "not root");
    for seed in 0..if std::env::var_os("LINX_LONG").is_some() { 20 } else { 2 } {
        let namespace = Namespace::new("cut");
        let mut churn = Churn::new(seed, &namespace, None);
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
        let (mut driver, mirror) = synced(&namespace, 4 << 20);
        let mut watch = mirror.watch();
        // Less than any announcement, or what lets routes through, and no links.
        let size = [40, 300][seed as usize % 2];
        driver.buf = RecvBuf::with_capacity(size);
        churn.settle_in();
        let rounds = settle(&mut driver);
        churn.steps(30);
        assert_as_fresh(&mut driver, &mirror, &namespace);
        let stats = mirror.stats();
        assert!(stats.losses > 0 && stats.resyncs > 0, "{stats:?}");
        let (mut losses, mut sizes) = (0u32, 0);
        while let Some(notice) = watch.try_next().unwrap() {
            if let Notice::ResyncNeeded(doubt) = notice {
                losses += 1;
                sizes += u32::from(
                    matches!(doubt.loss.reason, crate::monitor::LossReason::Truncated { length } if length > size),
                );
            }
        }
        assert_eq!((losses, u64::from(losses)), (sizes, stats.losses), "each is told as what it is");
        assert!(rounds < 3000, "{rounds}");
        let begun = processor_time();
        let end = Instant::now() + Duration::from_millis(100);
        while Instant::now() < end {
            let due = driver.deadline().unwrap_or(end).min(end);
            wait_readable(driver.as_fd(), Some(due.saturating_duration_since(Instant::now()))).unwrap();
            driver.advance(Instant::now()).unwrap();
        }
        println!(
            "{rounds} rounds, {:?} in 100 ms of quiet, {stats:?}",
            processor_time().saturating_sub(begun)
        );
        // With room again, it is as ever.
        let losses = mirror.stats().losses;
        driver.buf = RecvBuf::for_events();
        churn.steps(30);
        assert_as_fresh(&mut driver, &mirror, &namespace);
        assert_eq!(mirror.stats().losses, losses);
    }
}

#[test]
fn a_clock_that_jumps_changes_what_is_printed_alone() {
    skip_unless!(is_root(), "not root");
    clock::tests::jump();
    for seed in 0..if std::env::var_os("LINX_LONG").is_some() { 20 } else { 2 } {
        let namespace = Namespace::new("clock");
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
        let mut churn = Churn::new(seed, &namespace, None);
        churn.settle_in();
        let mut storm = Storm::new(&namespace);
        let (mut driver, mirror) = synced(&namespace, 4096);
        let mut watch = mirror.watch();
        for _ in 0..3 {
            churn.steps(15);
            // A rule may refuse the gateway that the storm's routes have.
            namespace.ip("rule flush");
            namespace.ip("rule add pref 32766 table main");
            storm.cycles(200, 2);
            namespace.ip("link set storm0 down");
            namespace.ip("link set storm0 up");
            let (rounds, begun) = (settle(&mut driver), Instant::now());
            assert!(rounds < 3000 && begun.elapsed() < linx_test::PATIENCE, "{rounds}");
            mirror.audit();
            assert_as_fresh(&mut driver, &mirror, &namespace);
        }
        let (mut revision, mut backwards, mut last) = (0, 0, SystemTime::UNIX_EPOCH);
        let mut causes = std::collections::HashSet::new();
        while let Some(notice) = watch.try_next().unwrap() {
            let Notice::Delta(delta) = notice else { continue };
            assert!(delta.revision() > revision);
            revision = delta.revision();
            backwards += u32::from(delta.time() < last);
            last = delta.time();
            causes.insert(delta.cause());
        }
        assert!(backwards > 0, "the times that are told jump");
        assert!(causes.contains(&Cause::Event) && causes.len() > 1, "{causes:?}");
        assert_eq!(mirror.stats().audit_repairs, 0);
    }
}

#[test]
fn one_place_reads_the_clock_that_jumps() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mirror");
    let (mut folders, mut readers) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("drive/tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains("SystemTime::now") {
                    readers.push(path.file_name().unwrap().to_owned());
                }
            }
        }
    }
    assert_eq!(readers, ["clock.rs"]);
}
