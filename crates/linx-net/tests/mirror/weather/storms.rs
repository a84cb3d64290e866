//! Lists that never hold still, and storms that last.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use linx::mirror::Change;
use linx::{Kind, Mirror, Notice};
use linx_test::{Namespace, PATIENCE, Step, StopOnDrop, Storm, processor_time, thread_usage};

use crate::{Bed, assert_converges, assert_idle, each_seed, long_or, once};

/// Runs commands of `ip` again and again, each batch a process, until told to stop.
fn again_and_again(namespace: &Namespace, lines: &str, stop: &AtomicBool) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("{}-{number}.batch", namespace.name()));
    std::fs::write(&path, lines).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let words = ["-n", namespace.name(), "-force", "-batch", path.to_str().unwrap()];
        let _ = Command::new("ip").args(words).stderr(Stdio::null()).status();
    }
    let _ = std::fs::remove_file(&path);
}

#[test]
fn lists_that_are_torn_for_ever_take_nothing_away() {
    each_seed("storms::lists_that_are_torn_for_ever_take_nothing_away", |seed, mut dice| {
        let bed = Bed::calm(seed);
        let (mut stays, mut links, mut rest) = (String::new(), String::new(), String::new());
        stays += "link add stay type ifb\nlink set stay up\naddress add 10.200.0.1/16 dev stay\n";
        for at in 0..60 {
            stays +=
                &format!("neigh add 10.200.1.{at} lladdr 02:00:00:00:01:{at:02x} dev stay nud permanent\n");
            stays += &format!("rule add pref {} from 10.200.{at}.0/24 table 100\n", 20_000 + at);
            stays += &format!(
                "address add 10.200.2.{at}/32 dev stay\nnexthop add id {} via 10.200.0.2 dev stay\n",
                500 + at
            );
        }
        bed.namespace.batch(&stays);
        for at in 0..8 {
            links += &format!(
                "link add torn{at} type ifb\naddress add 10.201.{at}.1/24 dev torn{at}\nlink set torn{at} up\n"
            );
            links += &format!(
                "nexthop add id {} dev torn{at}\nnexthop del id {}\nlink del torn{at}\n",
                700 + at,
                700 + at
            );
        }
        for at in 0..100 {
            let place = dice.below(250);
            rest += &format!(
                "neigh add 10.200.3.{place} lladdr 02:00:00:00:03:01 dev stay\nneigh del 10.200.3.{place} dev stay\n"
            );
            rest += &format!("rule add pref {at} from 10.1.{at}.0/24 table 100\nrule del pref {at}\n");
            rest +=
                &format!("address add 10.200.4.{at}/32 dev stay\naddress del 10.200.4.{at}/32 dev stay\n");
        }
        let builder = Mirror::builder(&bed.namespace.netns()).audit(Some(Duration::from_millis(20)));
        let mirror = if dice.once_in(2) { builder.rcvbuf(2048) } else { builder }.start().unwrap();
        let mut watch = mirror.watch();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| again_and_again(&bed.namespace, &links, &stop));
            scope.spawn(|| again_and_again(&bed.namespace, &rest, &stop));
            let _stop = StopOnDrop(&stop);
            let end = Instant::now() + Duration::from_secs(long_or(15, 2));
            // Begun amid all that, it begins all the same, and does not wait until all is still.
            let begun = Instant::now();
            let late = Mirror::builder(&bed.namespace.netns()).audit(None).start().unwrap();
            println!("figure: begun amid it after {:.1?}", begun.elapsed());
            assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
            let mut late = late.watch();
            while Instant::now() < end {
                for watch in [&mut watch, &mut late] {
                    while let Some(notice) = watch.next_timeout(Duration::from_millis(5)).unwrap() {
                        if Instant::now() > end {
                            break;
                        }
                        let Notice::Delta(delta) = notice else { continue };
                        let line = delta.to_string();
                        let is_stable = match delta.kind() {
                            Kind::Rule => line.contains("200") && line.contains("from 10.200."),
                            Kind::Neighbour => line.contains("10.200.1."),
                            Kind::Address => line.contains("10.200.2."),
                            Kind::Link => line.contains("stay"),
                            Kind::NextHop => (500..560).any(|id| line.contains(&format!("id {id} "))),
                            _ => false,
                        };
                        assert!(
                            !is_stable || delta.change() == Change::Changed,
                            "{:?} {line}",
                            delta.cause()
                        );
                    }
                }
            }
        });
        println!("figure: {:?}", mirror.stats());
        drop(watch);
        let audited = Mirror::builder(&bed.namespace.netns()).audit(None).start().unwrap();
        assert_converges(&mirror, &bed.namespace);
        assert_converges(&audited, &bed.namespace);
        drop(mirror);
        assert_idle();
    });
}

/// Routes that a storm makes now and then, and when: how old is the state that has them?
#[derive(Default)]
struct Marks {
    open: Mutex<Vec<(Instant, u32)>>,
}

const MARK: u32 = 0x0100_0000;

/// A storm as fast as the kernel takes it, with a mark each 50 ms; the number of its changes.
fn storm_with_marks(storm: &mut Storm, routes: u32, marks: &Marks, stop: &AtomicBool) -> u64 {
    let (mut sent, mut mark, mut last) = (0, 0, Instant::now());
    loop {
        for half in 0..2 {
            for first in (0..routes).step_by(64) {
                let numbers = first..(first + 64).min(routes);
                let steps: Vec<Step> = numbers.map(|number| Step { add: half == 0, number }).collect();
                storm.send(&steps);
                sent += steps.len() as u64;
                if last.elapsed() > Duration::from_millis(50) {
                    last = Instant::now();
                    storm.send(&[Step { add: true, number: MARK + mark }]);
                    marks.open.lock().unwrap().push((Instant::now(), MARK + mark));
                    mark += 1;
                }
                if stop.load(Ordering::Relaxed) && half == 1 {
                    return sent;
                }
            }
        }
    }
}

/// A storm over a mirror with such a buffer: the ages of its state, and what it cost.
fn ages(seed: u64, rcvbuf: usize, routes: u32, lasts: Duration) {
    let bed = Bed::calm(seed);
    let mut storm = Storm::new(&bed.namespace);
    let mirror = Mirror::builder(&bed.namespace.netns()).audit(None).rcvbuf(rcvbuf).start().unwrap();
    // What is lost before it has begun is not told.
    mirror.quiet(PATIENCE).unwrap();
    let (mut watch, before) = (mirror.watch(), mirror.stats().losses);
    let (marks, stop) = (Marks::default(), AtomicBool::new(false));
    let mut ages: Vec<Duration> = Vec::new();
    // How long this process does not get a processor.
    let (mut slack, mut last) = (Duration::ZERO, Instant::now());
    let (begun, spent) = (Instant::now(), thread_usage("linx-mirror").0);
    let whole = processor_time();
    let (mut doubts, mut ends, mut lagged) = (0, 0, 0);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| storm_with_marks(&mut storm, routes, &marks, &stop));
        let guard = StopOnDrop(&stop);
        // On a busy machine it takes a while until something is lost.
        let is_over = || {
            let stats = mirror.stats();
            begun.elapsed() > lasts && stats.losses > before || begun.elapsed() > 20 * lasts
        };
        while !is_over() || ages.is_empty() && marks.open.lock().unwrap().is_empty() {
            let state = mirror.snapshot();
            let now = Instant::now();
            slack = slack.max(now.saturating_duration_since(last));
            last = now;
            marks.open.lock().unwrap().retain(|(sent, number)| {
                let prefix = ipnet(Step { add: true, number: *number }.destination());
                let is_there = state.routes().exact(254, prefix).next().is_some();
                if is_there {
                    ages.push(now.saturating_duration_since(*sent));
                }
                !is_there
            });
            drop(state);
            let pause = Instant::now() + Duration::from_millis(3);
            while let Some(notice) =
                watch.next_timeout(pause.saturating_duration_since(Instant::now())).unwrap()
            {
                doubts += u64::from(matches!(notice, Notice::ResyncNeeded(_)));
                ends += u64::from(matches!(notice, Notice::Resynced(_)));
                lagged += u64::from(matches!(notice, Notice::Lagged));
                if Instant::now() > pause {
                    break;
                }
            }
        }
        let oldest = marks.open.lock().unwrap().first().map(|(sent, _)| sent.elapsed());
        ages.extend(oldest);
        drop(guard);
        sender.join().unwrap()
    });
    let lasted = begun.elapsed();
    let spent = thread_usage("linx-mirror").0.saturating_sub(spent);
    let whole = processor_time().saturating_sub(whole);
    assert_converges(&mirror, &bed.namespace);
    while let Some(notice) = watch.try_next().unwrap() {
        doubts += u64::from(matches!(notice, Notice::ResyncNeeded(_)));
        ends += u64::from(matches!(notice, Notice::Resynced(_)));
    }
    let stats = mirror.stats();
    ages.sort_unstable();
    let (oldest, median) = (ages.last().copied().unwrap_or_default(), ages[ages.len() / 2]);
    let rate = sent as f64 / lasted.as_secs_f64();
    println!(
        "figure: {rate:.0} changes/s for {lasted:.1?} into {rcvbuf} B: {} marks, seen after {median:.0?} (median), \
         {oldest:.0?} (latest); {} losses, {} resyncs, {} deltas; {:.0?} of {whole:.0?} of processor time, {lagged} lags",
        ages.len(),
        stats.losses,
        stats.resyncs,
        stats.deltas,
        spent
    );
    assert!(stats.losses > 0 && stats.resyncs > 0, "{stats:?}");
    if lagged == 0 {
        assert_eq!((doubts, ends > 0), (stats.losses - before, true), "every loss is told");
    }
    // Two seconds, the time of a reading, and that of a busy machine.
    assert!(oldest < Duration::from_secs(4) + 20 * slack, "{oldest:?} {slack:?}");
    assert_idle();
}

fn ipnet(address: std::net::Ipv4Addr) -> ipnet::IpNet {
    ipnet::IpNet::new(address.into(), 32).unwrap()
}

#[test]
fn a_storm_into_two_kib_leaves_the_state_seconds_old_at_most() {
    each_seed("storms::a_storm_into_two_kib_leaves_the_state_seconds_old_at_most", |seed, mut dice| {
        ages(seed, 2048, 500 + dice.below(3000) as u32, Duration::from_millis(long_or(4000, 1500)));
    });
}

#[test]
fn a_storm_that_lasts_leaves_the_state_seconds_old_at_most() {
    once("storms::a_storm_that_lasts_leaves_the_state_seconds_old_at_most", |seed, _| {
        ages(seed, 4096, long_or(20_000, 5_000), Duration::from_secs(long_or(30, 1)));
    });
}
