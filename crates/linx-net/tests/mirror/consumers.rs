//! Several consumers of one mirror, which join when they like, through overflows and resyncs.

use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linx::mirror::Driver;
use linx::{Mirror, Notice, RouteView};
use linx_test::{Dice, Namespace, PATIENCE, StopOnDrop, Storm, is_root, skip_unless};

use crate::{is_long, seed};

/// Joins, follows for a while, and compares what the deltas lead to with what the mirror has.
fn consume(mirror: &Mirror, dice: &mut Dice, checks: &AtomicU64, deltas: &AtomicU64, lags: &AtomicU64) {
    let mut watch = mirror.watch();
    let mut own = watch.state();
    let mut last = own.revision();
    for _ in 0..1 + dice.below(20) {
        let there = mirror.snapshot();
        // Nobody else's changes are missing: up to the revision of the snapshot all of them come.
        while own.revision() < there.revision() {
            match watch.next_timeout(PATIENCE).unwrap().expect("a change") {
                Notice::Lagged => {
                    lags.fetch_add(1, Ordering::Relaxed);
                    own = watch.state();
                    last = own.revision();
                }
                notice => {
                    own.apply(&notice);
                    if let Notice::Delta(delta) = &notice {
                        deltas.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(delta.revision(), last + 1);
                        last = delta.revision();
                    }
                }
            }
        }
        if own.revision() == there.revision() {
            checks.fetch_add(1, Ordering::Relaxed);
            assert_eq!(own.fingerprint(), there.fingerprint(), "at revision {}", own.revision());
            let right_after = watch.state();
            assert_eq!(right_after.revision(), own.revision());
            assert_eq!(right_after.fingerprint(), own.fingerprint(), "going back to {}", own.revision());
        }
        std::thread::sleep(Duration::from_micros(dice.below(3000)));
    }
}

/// Drives until it is to stop; not while somebody holds the lock.
fn drive(mut driver: Driver, held: &Mutex<()>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        {
            let _turn = held.lock().unwrap();
            driver.advance(Instant::now()).unwrap();
        }
        let left = driver.deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.unwrap_or(PATIENCE).min(Duration::from_millis(10));
        linx_sys::wait_readable(driver.as_fd(), Some(left)).unwrap();
    }
}

#[test]
fn a_snapshot_and_the_deltas_after_it_are_the_state_for_everybody_who_joins() {
    if !is_root() {
        eprintln!(
            "SKIPPED a_snapshot_and_the_deltas_after_it_are_the_state_for_everybody_who_joins: not root"
        );
        return;
    }
    let seed = seed();
    let (wanted_deltas, wanted_resyncs) = if is_long() { (1_000_000, 200) } else { (20_000, 3) };
    let namespace = Namespace::new("consumers");
    let mut storm = Storm::new(&namespace);
    let mut driver = Mirror::builder(&namespace.netns()).rcvbuf(64 << 10).audit(None).driver().unwrap();
    let mirror = driver.mirror();
    while !mirror.is_synced() {
        driver.advance(Instant::now()).unwrap();
    }
    let (held, stop, driven) = (Mutex::new(()), AtomicBool::new(false), AtomicBool::new(false));
    let (checks, deltas, lags) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (held, driven) = (&held, &driven);
        let _driven = StopOnDrop(driven);
        scope.spawn(move || drive(driver, held, driven));
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for at in 0..5 {
                let (mirror, stop, checks, deltas, lags) = (&mirror, &stop, &checks, &deltas, &lags);
                scope.spawn(move || {
                    let mut dice = Dice::new(seed.wrapping_add(at));
                    while !stop.load(Ordering::Relaxed) {
                        consume(mirror, &mut dice, checks, deltas, lags);
                    }
                });
            }
            let mut dice = Dice::new(seed ^ 0xffff);
            loop {
                let stats = mirror.stats();
                if stats.deltas >= wanted_deltas && stats.resyncs >= wanted_resyncs {
                    break;
                }
                if dice.once_in(5) {
                    // More than the buffer holds, while nobody reads it.
                    let _held = held.lock().unwrap();
                    storm.cycles(700, 1);
                } else {
                    storm.cycles(1 + dice.below(700) as u32, 1);
                }
                if dice.once_in(3) {
                    std::thread::sleep(Duration::from_millis(dice.below(10)));
                }
            }
        });
        mirror.quiet(PATIENCE).unwrap();
    });
    let stats = mirror.stats();
    println!(
        "{stats:?}; {} deltas seen by five consumers, {} comparisons, {} times lagged",
        deltas.into_inner(),
        checks.load(Ordering::Relaxed),
        lags.into_inner()
    );
    assert!(checks.into_inner() > 20);
    let left = mirror.snapshot().routes().iter().filter(|route| route.table() == 254).count();
    let there = linx::Handle::new(&namespace.netns()).unwrap().routes().all().unwrap();
    assert_eq!(left, there.iter().filter(|route| route.table() == 254).count());
}

/// A watch has taken notices along that the log does not hold any more when it goes on: it lags as if it had not.
#[test]
fn a_watch_that_stops_in_a_storm_has_the_state_of_what_it_was_told() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("along");
    let mut storm = Storm::new(&namespace);
    let mirror = Mirror::builder(&namespace.netns()).routes().audit(None).rcvbuf(64 << 20).start().unwrap();
    let mut watch = mirror.watch();
    let mut own = watch.state();
    storm.cycles(100, 1);
    mirror.quiet(PATIENCE).unwrap();
    for _ in 0..10 {
        own.apply(&watch.try_next().unwrap().unwrap());
        assert_eq!(watch.state().fingerprint(), own.fingerprint());
    }
    storm.cycles(20_000, 1);
    mirror.quiet(PATIENCE).unwrap();
    assert!(matches!(watch.try_next().unwrap(), Some(Notice::Lagged)));
    assert_eq!(watch.state().fingerprint(), mirror.snapshot().fingerprint());
    assert!(watch.try_next().unwrap().is_none());
}

/// Reads what there is: each notice is an `N`eed of a resync, its end (`R`), `S`ynced, `L`agged; changes are left out.
fn story(watch: &mut linx::mirror::Watch) -> String {
    let mut story = String::new();
    while let Some(notice) = watch.try_next().unwrap() {
        story.extend(match notice {
            Notice::Synced(_) => Some('S'),
            Notice::ResyncNeeded(_) => Some('N'),
            Notice::Resynced(_) => Some('R'),
            Notice::Lagged => Some('L'),
            _ => None,
        });
    }
    story
}

/// Who reads nothing but notices knows what is in doubt, whenever it joined, and after it lagged.
#[test]
fn who_joins_or_goes_on_amid_doubt_is_told_of_it() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("joins");
    let mut storm = Storm::new(&namespace);
    let mut driver = Mirror::builder(&namespace.netns()).routes().rcvbuf(4096).audit(None).driver().unwrap();
    let mirror = driver.mirror();
    while !mirror.is_synced() {
        driver.advance(Instant::now()).unwrap();
    }
    let mut slow = mirror.watch();
    assert_eq!(story(&mut slow), "S");
    // The first loss is made up for at once, another one after a pause.
    let end = Instant::now() + PATIENCE;
    while mirror.is_certain() {
        assert!(Instant::now() < end, "nothing was lost");
        storm.cycles(500, 2);
        driver.advance(Instant::now()).unwrap();
    }
    driver.forget(0);
    let mut early = mirror.watch();
    let mut late = mirror.watch();
    let revision = mirror.snapshot().revision();
    let mut after = mirror.watch_from(revision).unwrap();
    assert_eq!(story(&mut slow), "LN");
    assert_eq!(story(&mut early), "SN");
    assert_eq!(story(&mut after), "N");
    while !mirror.is_certain() {
        assert!(Instant::now() < end, "it stays in doubt");
        let left = driver.deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.unwrap_or(PATIENCE).min(Duration::from_millis(10));
        linx_sys::wait_readable(driver.as_fd(), Some(left)).unwrap();
        driver.advance(Instant::now()).unwrap();
    }
    // What the kernel dropped after that is another loss.
    for (watch, before) in [(&mut slow, ""), (&mut early, ""), (&mut after, ""), (&mut late, "SN")] {
        let told = story(watch);
        let mut is_in_doubt = true;
        for one in told.strip_prefix(before).unwrap().chars() {
            assert!(one == 'N' || is_in_doubt && one == 'R', "{told}");
            is_in_doubt = one == 'N';
        }
        assert!(!is_in_doubt, "{told}");
    }
    assert_eq!(story(&mut mirror.watch()), "S");
    let mut after = mirror.watch_from(mirror.snapshot().revision()).unwrap();
    assert_eq!(story(&mut after), "");
}
