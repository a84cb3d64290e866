//! Route storms: the sender on core 0, the monitor on core 1.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::load::Sender;
use crate::monitors::{self, Monitor, RAW};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most};
use crate::{Scale, command, measure};

const MIB: usize = 1 << 20;

/// The storm tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    println!(
        "\n## Storm\n\nµs of the monitor's CPU time an event that it delivers; 4 MiB of receive buffer unless told."
    );
    let namespace = Namespace::new()?;
    let events = if scale.short { 2_000 } else { 400_000 };
    storm(&namespace, &format!("{} events at 100,000/s", events / 2), events / 2, Some(1e5), scale, report)?;
    storm(&namespace, &format!("{events} events as fast as the kernel goes"), events, None, scale, report)?;
    hogs(&namespace, events, scale, report)
}

fn storm(
    namespace: &Namespace,
    title: &str,
    events: u32,
    rate: Option<f64>,
    scale: Scale,
    report: &mut Report,
) -> Outcome<()> {
    let ours = |name: &'static str| {
        Contestant::new(name, move || {
            turn(namespace, events, rate, |_| Monitor::start(namespace, name, 4 * MIB, 0))
        })
    };
    let mut contestants = vec![ours(RAW)];
    if !scale.short {
        for name in crate::peers::MONITORS {
            contestants.push(Contestant { stranger: true, ..ours(name) });
        }
        for line in ["ip monitor route", "linx monitor route -j"] {
            contestants.push(Contestant::stranger(line, move || {
                turn(namespace, events, rate, |sender| Monitor::command(namespace, command(line), sender))
            }));
        }
    }
    report.race(title, "µs/event", true, contestants, &GOALS)
}

const GOALS: [Goal; 1] = [at_least("rtnetlink", 2.0, RAW)];

/// With four busy threads on the monitor's core.
fn hogs(namespace: &Namespace, events: u32, scale: Scale, report: &mut Report) -> Outcome<()> {
    let beside = |label: &str, name: &'static str, rcvbuf: usize| {
        Contestant::new(format!("{label}, {} MiB", rcvbuf / MIB), move || {
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        measure::pin(monitors::CORE);
                        while !stop.load(Ordering::Relaxed) {
                            std::hint::spin_loop();
                        }
                    });
                }
                let sample = turn(namespace, events, None, |_| Monitor::start(namespace, name, rcvbuf, 0));
                stop.store(true, Ordering::Relaxed);
                sample
            })
        })
    };
    let contestants = vec![beside(RAW, RAW, 4 * MIB), beside(RAW, RAW, 64 * MIB)];
    let title = format!("{events} events as fast as the kernel goes, 4 CPU hogs on the monitor's core");
    let _ = (scale, at_most("", 1.0, ""));
    report.race(&title, "µs/event", true, contestants, &[])
}

fn turn(
    namespace: &Namespace,
    events: u32,
    rate: Option<f64>,
    start: impl FnOnce(&mut Sender) -> Outcome<Monitor>,
) -> Outcome<Sample> {
    let mut sender = Sender::new(namespace)?;
    let monitor = start(&mut sender)?;
    let reached = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            measure::pin(0);
            sender.storm(events, rate)
        });
        thread.join().map_err(|_| "the sender panicked".to_owned())?
    })?;
    let verdict = monitor.finish()?;
    let lost = 100.0 * (1.0 - verdict.events as f64 / f64::from(events));
    Ok(Sample::new(verdict.cpu.as_secs_f64() * 1e6 / verdict.events as f64)
        .with("lost %", lost.max(0.0))
        .with("sent, 1000/s", reached / 1e3))
}
