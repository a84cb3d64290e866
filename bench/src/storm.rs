//! Route storms: the sender on core 0, the monitor on core 1.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands;
use crate::load::Sender;
use crate::monitors::{self, BORROWED, LINX, Measured, RAW};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most, at_most_more, under};
use crate::{Scale, libmnl, measure};

pub const MIB: usize = 1 << 20;
/// The commands have what `linx` asks for by itself, both.
const IP: &str = "ip monitor route, 64 MiB";
const COMMAND: &str = "linx monitor route -j, 64 MiB";

/// The storm tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "Storm",
        "µs of the monitor's CPU time an event that it delivers; 4 MiB of receive buffer unless told.",
    );
    let namespace = Namespace::new()?;
    let events = if scale.short { 2_000 } else { 400_000 };
    storm(&namespace, &format!("{} events at 100,000/s", events / 2), events / 2, Some(1e5), scale, report)?;
    storm(&namespace, &format!("{events} events as fast as the kernel goes"), events, None, scale, report)?;
    drained(&namespace, if scale.short { 2_000 } else { 160_000 }, scale, report)?;
    hogs(&namespace, events, report)
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
            turn(namespace, events, rate, |_| Measured::start(namespace, name, 4 * MIB, 0))
        })
    };
    let mut contestants: Vec<_> = [RAW, LINX, BORROWED].map(ours).into();
    if !scale.short {
        for name in crate::peers::MONITORS {
            contestants.push(Contestant { stranger: true, ..ours(name) });
        }
        contestants.push(Contestant { stranger: true, ..ours(libmnl::NAME) });
    }
    for (name, line) in
        [(IP, "ip -rcvbuf 67108864 monitor route"), (COMMAND, "linx monitor route -j --rcvbuf 64M")]
    {
        if scale.short && name == IP {
            continue;
        }
        contestants.push(commands::contestant(name, line, move || {
            turn(namespace, events, rate, |sender| {
                Measured::command(namespace, commands::command(line), b"\n", &mut || {
                    sender.send(0..1, false)?;
                    sender.send(0..1, true)
                })
            })
        }));
    }
    report.race(title, "µs/event", true, contestants, &GOALS)
}

/// The first was set where the raw loop took 1.3 to 1.5 µs: what it is of that is the second.
const GOALS: [Goal; 8] = [
    under(LINX, 0.85, None),
    at_most(LINX, 0.6, RAW),
    under(LINX, 0.0, Some(LOST)),
    at_least("rtnetlink", 2.0, LINX),
    at_least("nlink", 3.5, LINX),
    at_least(IP, 3.0, LINX),
    at_most(COMMAND, 0.5, IP),
    under(COMMAND, 0.0, Some(LOST)),
];

const LOST: &str = "lost %";

const HOG_GOALS: [Goal; 2] =
    [under("linx, 64 MiB", 0.0, Some(LOST)), at_most_more("linx, 4 MiB", 1.0, "raw, blocking, 4 MiB", LOST)];

/// The monitor is stopped while the events are sent, so that no wake-up is counted, and nothing that another program does
/// to the machine.
fn drained(namespace: &Namespace, events: u32, scale: Scale, report: &mut Report) -> Outcome<()> {
    let ours = |name: &'static str| {
        Contestant::new(name, move || {
            turn(namespace, events, None, |_| {
                let monitor = Measured::start(namespace, name, 64 * MIB, 0)?;
                monitor.stop()?;
                Ok(monitor)
            })
        })
    };
    let mut contestants: Vec<_> = [RAW, LINX, BORROWED].map(ours).into();
    if !scale.short {
        for name in crate::peers::MONITORS {
            contestants.push(Contestant { stranger: true, ..ours(name) });
        }
        contestants.push(Contestant { stranger: true, ..ours(libmnl::NAME) });
    }
    let title = format!("{events} events, queued while the monitor was stopped; 64 MiB");
    report.race(
        &title,
        "µs/event",
        true,
        contestants,
        &[at_least("rtnetlink", 2.0, LINX), at_least("nlink", 3.5, LINX)],
    )
}

/// With four busy threads on the monitor's core.
fn hogs(namespace: &Namespace, events: u32, report: &mut Report) -> Outcome<()> {
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
                let sample = turn(namespace, events, None, |_| Measured::start(namespace, name, rcvbuf, 0));
                stop.store(true, Ordering::Relaxed);
                sample
            })
        })
    };
    let contestants = vec![
        beside(RAW, RAW, 4 * MIB),
        beside(RAW, RAW, 64 * MIB),
        beside(LINX, LINX, 4 * MIB),
        beside(LINX, LINX, 64 * MIB),
    ];
    let title = format!("{events} events as fast as the kernel goes, 4 CPU hogs on the monitor's core");
    report.race(&title, "µs/event", true, contestants, &HOG_GOALS)
}

/// One storm, and what it cost who heard of it.
pub fn turn(
    namespace: &Namespace,
    events: u32,
    rate: Option<f64>,
    start: impl FnOnce(&mut Sender) -> Outcome<Measured>,
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
    verdict.is_plausible(u64::from(events))?;
    let lost = 100.0 * (1.0 - verdict.events as f64 / f64::from(events));
    Ok(Sample::new(verdict.cpu.as_secs_f64() * 1e6 / verdict.events as f64)
        .with(LOST, lost.max(0.0))
        .with("losses told", verdict.overflows as f64)
        .with("sent, 1000/s", reached / 1e3))
}
