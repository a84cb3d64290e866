//! Consumers that do not read: they cost a bounded log, are told so, and the others do not notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linx::mirror::State;
use linx::{Mirror, Notice};
use linx_test::{Namespace, PATIENCE, Step, StopOnDrop, Storm, Usage, until};

use crate::{assert_converges, long_or, once};

/// What a consumer who does not read may cost.
const MOST: u64 = 32 << 20;
/// After so many changes the one who reads is waited for, until it has at most so many to read: both are half of what makes it lag.
const PACE: u32 = 8_000;
/// Routes that come and go.
const ROUTES: u32 = 10_000;

struct Outcome {
    /// Growth of the process, bytes.
    grown: u64,
    /// Growth of what the mirror says that it takes.
    heap: u64,
}

/// One consumer stops while so many routes change; another reads all. `each`: what a third does each 1,000th of it.
fn stopped(changes: u32, lasts: Duration, mut each: impl FnMut(&Mirror)) -> Outcome {
    let namespace = Namespace::new("slow");
    let mut storm = Storm::new(&namespace);
    // The tables are as large as they become; the log is empty.
    let full: Vec<Step> = Step::of_cycles(ROUTES, 1).take(ROUTES as usize).collect();
    full.chunks(64).for_each(|steps| storm.send(steps));
    let mirror = Mirror::builder(&namespace.netns()).audit(None).rcvbuf(32 << 20).start().unwrap();
    mirror.quiet(PATIENCE).unwrap();
    let mut slow = mirror.watch();
    assert!(matches!(slow.next().unwrap(), Notice::Synced(_)));
    let begins_with = mirror.snapshot().revision();
    let (before, heap) = (Usage::now().resident, mirror.heap_bytes() as u64);
    let (stop, read) = (AtomicBool::new(false), AtomicU64::new(begins_with));
    let mut fast = mirror.watch();
    let (seen, grown) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut revision, mut state) = (begins_with, None::<State>);
            loop {
                match fast.next_timeout(Duration::from_millis(20)).unwrap() {
                    Some(Notice::Delta(delta)) => {
                        assert_eq!(delta.revision(), revision + 1, "none is missing");
                        revision += 1;
                        read.store(revision, Ordering::Relaxed);
                    }
                    Some(Notice::Lagged) => panic!("who reads does not lag"),
                    Some(_) => {}
                    None if stop.load(Ordering::Relaxed) => {
                        state = Some(fast.state());
                    }
                    None => {}
                }
                if let Some(state) = state {
                    return (revision, state);
                }
            }
        });
        let stop = StopOnDrop(&stop);
        let begun = Instant::now();
        let mut steps = Step::of_cycles(ROUTES, changes / ROUTES).skip(ROUTES as usize);
        let parts = 1000;
        let (mut grown, mut sent) = (0, 0);
        for part in 0..parts {
            let many: Vec<Step> = steps.by_ref().take((changes / parts) as usize).collect();
            many.chunks(64).for_each(|steps| storm.send(steps));
            sent += many.len() as u32;
            if sent >= PACE {
                sent = 0;
                mirror.quiet(PATIENCE).unwrap();
                let least = mirror.snapshot().revision().saturating_sub(PACE.into());
                until("it is read", || reader.is_finished() || read.load(Ordering::Relaxed) >= least);
            }
            each(&mirror);
            if part % 100 == 99 {
                grown = grown.max(Usage::now().resident.saturating_sub(before));
            }
            let due = begun + lasts * (part + 1) / parts;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        mirror.quiet(PATIENCE).unwrap();
        drop(stop);
        (reader.join().unwrap(), grown)
    });
    let (revision, state) = seen;
    assert_eq!(revision, mirror.snapshot().revision());
    assert_eq!(state.fingerprint(), mirror.snapshot().fingerprint());
    let heap = (mirror.heap_bytes() as u64).saturating_sub(heap);
    let told = revision - begins_with;
    // The one that slept is told once, and goes on from now.
    assert!(matches!(slow.next().unwrap(), Notice::Lagged));
    assert_eq!(slow.state().fingerprint(), mirror.snapshot().fingerprint());
    assert!(slow.try_next().unwrap().is_none());
    storm.send(&[Step { add: true, number: 0x0100_0000 }]);
    match slow.next_timeout(PATIENCE).unwrap() {
        Some(Notice::Delta(delta)) => assert!(delta.to_string().contains("12.0.0.0"), "{delta}"),
        other => panic!("{other:?}"),
    }
    assert_converges(&mirror, &namespace);
    println!(
        "figure: {changes} changes in {lasts:.0?}: {told} deltas, all read by the other; grown by {} KiB resident, {} KiB \
         of the mirror's own; {} losses",
        grown >> 10,
        heap >> 10,
        mirror.stats().losses
    );
    Outcome { grown, heap }
}

#[test]
fn a_consumer_that_stops_under_a_storm_costs_a_bounded_log() {
    once("slow::a_consumer_that_stops_under_a_storm_costs_a_bounded_log", |_, _| {
        let lasts = Duration::from_secs(long_or(60, 2));
        let outcome = stopped(long_or(1_000_000, 60_000), lasts, |_| {});
        assert!(outcome.grown <= MOST && outcome.heap <= MOST, "{} {}", outcome.grown, outcome.heap);
    });
}

#[test]
fn a_consumer_that_keeps_a_thousand_snapshots_of_a_storm_does_grow() {
    once("slow::a_consumer_that_keeps_a_thousand_snapshots_of_a_storm_does_grow", |_, _| {
        let mut kept = Vec::new();
        let outcome = stopped(60_000, Duration::from_secs(1), |mirror| {
            mirror.quiet(PATIENCE).unwrap();
            kept.push(mirror.snapshot());
        });
        assert_eq!(kept.len(), 1000);
        assert!(outcome.grown > MOST, "{}", outcome.grown);
    });
}
