//! The mirror: reading a million routes into it, using it, and keeping it true in a storm.

use std::cell::RefCell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linx::mirror::{Driver, State, Watch};
use linx::{Mirror, Netns, RouteFilter};

use crate::dump::{self, RAW};
use crate::load::{FIRST, Sender};
use crate::monitors::{self, LINX, Measured};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_most, under};
use crate::storm::{self, MIB};
use crate::{Scale, measure};

const MIRROR: &str = "linx, mirror";
const LIST: &str = "linx, whole list";
const RESIDENT: &str = "resident, MB";

const GOALS: [Goal; 2] = [at_most(MIRROR, 2.2, RAW), under(MIRROR, 110.0, Some(RESIDENT))];

/// Mirrors of routes: reading them, and using what was read.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title("Mirror", "ms of CPU time until all routes are held, in a process of its own.");
    let count = if scale.short { 2_000 } else { 1_000_000 };
    for (family, label) in [("2", "IPv4"), ("10", "IPv6")] {
        let namespace = Namespace::new()?;
        let mut sender = if family == "2" { Sender::new(&namespace)? } else { Sender::v6(&namespace)? };
        sender.fill(count)?;
        let ours = |name: &'static str| Contestant::new(name, turn(&namespace, name, family, count));
        let goals = if family == "2" { &GOALS[..] } else { &GOALS[..1] };
        let contestants = [RAW, LIST, MIRROR].map(ours).into();
        report.race(&format!("{count} {label} routes"), "CPU ms", true, contestants, goals)?;
        if family == "2" {
            uses(&namespace, count, report)?;
        }
    }
    Ok(())
}

/// One reading in a process of its own.
fn turn<'a>(
    namespace: &'a Namespace,
    name: &'static str,
    family: &'static str,
    count: u32,
) -> impl FnMut() -> Outcome<Sample> + 'a {
    move || {
        let mut command = crate::child(&["mirror", name, family])?;
        command.stdout(Stdio::piped());
        let mut child = namespace.spawn(command, None)?;
        let said = child.stdout.take().map(std::io::read_to_string).transpose();
        let said = said.map_err(|error| error.to_string())?.unwrap_or_default();
        measure::wait(child)?;
        let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let &[cpu, wall, routes, resident, peak] = figures.as_slice() else {
            return Err(format!("it said {said:?}"));
        };
        // The link's own routes are there too.
        if routes < f64::from(count) || routes > f64::from(count + 100) {
            return Err(format!("{routes} routes were read of {count}"));
        }
        Ok(Sample::new(cpu).with("wall ms", wall).with(RESIDENT, resident).with("most memory, MB", peak))
    }
}

/// In the process: reads all routes and prints CPU ms, wall ms, their number, the memory that is held then and the most that was.
pub fn child(name: &str, family: &str) -> Outcome<()> {
    let fault = |error: linx::Error| error.to_string();
    let family: u8 = family.parse().map_err(|_| "no family")?;
    let filter = RouteFilter { family, ..RouteFilter::default() };
    let (cpu, wall) = (measure::process_cpu(), Instant::now());
    let tell = |routes: usize| {
        let cpu = (measure::process_cpu() - cpu).as_secs_f64() * 1e3;
        let wall = wall.elapsed().as_secs_f64() * 1e3;
        let (resident, peak) = (measure::resident()?, measure::peak_of(std::process::id())?);
        println!("{cpu} {wall} {routes} {resident} {peak}");
        Ok(())
    };
    match name {
        MIRROR => {
            let mirror = Mirror::builder(&Netns::host().map_err(|error| error.to_string())?);
            let mirror = mirror.routes_by(filter).audit(None).start().map_err(fault)?;
            tell(mirror.snapshot().routes().len())
        }
        LIST => {
            let handle = linx::Handle::host().map_err(fault)?;
            let routes = handle.routes_by(filter).all().map_err(fault)?;
            tell(routes.len())
        }
        _ => tell(dump::raw(family)?),
    }
}

/// A mirror that this program drives itself, so that what it does can be told from what others do.
struct Driven {
    driver: Driver,
    mirror: Mirror,
    sender: Sender,
    cpu: Duration,
}

/// Changes that are made before the mirror reads them: they fit in its receive buffer.
const BATCH: u32 = 1_000;

impl Driven {
    fn new(namespace: &Namespace) -> Outcome<Self> {
        let filter = RouteFilter { family: 2, ..RouteFilter::default() };
        let builder = Mirror::builder(&namespace.netns).routes_by(filter).audit(None).rcvbuf(4 * MIB);
        let driver = builder.driver().map_err(|error| error.to_string())?;
        let mirror = driver.mirror();
        let sender = Sender::new(namespace)?;
        let mut driven = Self { driver, mirror, sender, cpu: Duration::ZERO };
        driven.advance()?;
        Ok(driven)
    }

    /// Until it has nothing more to do.
    fn advance(&mut self) -> Outcome<()> {
        loop {
            let start = measure::thread_cpu();
            self.driver.advance(Instant::now()).map_err(|error| error.to_string())?;
            self.cpu += measure::thread_cpu() - start;
            match self.driver.deadline() {
                Some(due) => {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                None if self.mirror.is_synced() && self.mirror.is_certain() => return Ok(()),
                None => {}
            }
        }
    }

    /// So many changes, half of them deletions, half additions; the CPU time of the mirror alone.
    fn changes(&mut self, count: u32, mut between: impl FnMut(&Mirror)) -> Outcome<Duration> {
        let before = self.cpu;
        let deltas = self.mirror.stats().deltas;
        for delete in [true, false] {
            for batch in 0..(count / 2).div_ceil(BATCH) {
                let range = batch * BATCH..(count / 2).min((batch + 1) * BATCH);
                for start in range.clone().step_by(50) {
                    self.sender.send(start..range.end.min(start + 50), delete)?;
                }
                self.advance()?;
                between(&self.mirror);
            }
        }
        match self.mirror.stats().deltas - deltas {
            told if told == u64::from(count) => Ok(self.cpu - before),
            told => Err(format!("{told} deltas of {count} changes")),
        }
    }
}

/// What it costs to use a mirror that has these routes already.
fn uses(namespace: &Namespace, count: u32, report: &mut Report) -> Outcome<()> {
    let driven = RefCell::new(Driven::new(namespace)?);
    let changes = count / 10;
    let sample = |took: Duration, times: u32| {
        Sample::new(took.as_secs_f64() * 1e9 / f64::from(times))
            .with("all of it, ms", took.as_secs_f64() * 1e3)
    };
    let timed = |times: u32, each: &mut dyn FnMut(u32)| {
        let start = measure::thread_cpu();
        (0..times).for_each(each);
        sample(measure::thread_cpu() - start, times)
    };
    // Destinations in an order that no cache foresees.
    let scattered =
        move |n: u32| IpAddr::from(Ipv4Addr::from_bits(FIRST + n.wrapping_mul(2_654_435_761) % count));
    let lookup = |name: &'static str, address: Box<dyn Fn(u32) -> IpAddr>, wanted: bool| {
        let driven = &driven;
        Contestant::new(name, move || {
            let state = driven.borrow().mirror.snapshot();
            let (mut found, count) = (0, count / 4);
            let sample = timed(count, &mut |n| {
                found += u32::from(black_box(state.routes().lookup(address(n))).is_some());
            });
            if found == count * u32::from(wanted) { Ok(sample) } else { Err(format!("{found} were found")) }
        })
    };
    let change = |name: &'static str, held: bool, often: bool| {
        let driven = &driven;
        Contestant::new(name, move || {
            let mut driven = driven.borrow_mut();
            let mut snapshot: Option<State> = held.then(|| driven.mirror.snapshot());
            let took = driven.changes(changes, |mirror| {
                if often {
                    snapshot = Some(mirror.snapshot());
                }
            })?;
            drop(snapshot);
            Ok(sample(took, changes))
        })
    };
    let contestants = vec![
        lookup("longest prefix match, found", Box::new(scattered), true),
        lookup(
            "longest prefix match, none",
            Box::new(|n| Ipv4Addr::from_bits(0x3000_0000 + n).into()),
            false,
        ),
        Contestant::new("snapshot", || {
            let mirror = driven.borrow().mirror.clone();
            Ok(timed(count, &mut |_| _ = black_box(mirror.snapshot())))
        }),
        change("a change", false, false),
        change("a change, a snapshot of the beginning held", true, false),
        change("a change, the snapshot of 1,000 changes before held", true, true),
        Contestant::new("watch.state(), 1,000 changes behind; a change", || {
            let mut driven = driven.borrow_mut();
            let mut watch: Watch = driven.mirror.watch();
            let _ = watch.try_next().map_err(|error| error.to_string())?;
            driven.changes(BATCH, |_| {})?;
            let mut sample = timed(1, &mut |_| _ = black_box(watch.state()));
            sample.cost /= f64::from(BATCH);
            Ok(sample)
        }),
        Contestant::new("read again after an overflow; a route", || {
            let mut driven = driven.borrow_mut();
            let (cpu, losses) = (driven.cpu, driven.mirror.stats().losses);
            let lost = count / 10;
            for delete in [true, false] {
                for start in (0..lost).step_by(50) {
                    driven.sender.send(start..start + 50, delete)?;
                }
            }
            driven.advance()?;
            match driven.mirror.stats().losses - losses {
                0 if count >= 1_000_000 => Err("nothing was lost".to_owned()),
                _ => Ok(sample(driven.cpu - cpu, count)),
            }
        }),
    ];
    report.race(&format!("a mirror of {count} IPv4 routes, used"), "ns", true, contestants, &[])
}

pub const ALONE: &str = "linx, mirror, no watch";
pub const WATCHED: &str = "linx, mirror, 1 watch";
pub const WATCHED_BY_5: &str = "linx, mirror, 5 watches";

/// Storms of routes, from the event to the delta.
pub fn storms(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "Mirror in a storm",
        "µs of CPU time of all threads an event; 64 MiB of receive buffer. Each event is a delta.",
    );
    let namespace = Namespace::new()?;
    let events = if scale.short { 2_000 } else { 400_000 };
    for (title, events, rate) in [
        (format!("mirror: {} events at 100,000/s", events / 2), events / 2, Some(1e5)),
        (format!("mirror: {events} events as fast as the kernel goes"), events, None),
    ] {
        let ours = |name: &'static str| {
            Contestant::new(name, || {
                storm::turn(&namespace, events, rate, |_| Measured::start(&namespace, name, 64 * MIB, 0))
            })
        };
        let contestants = vec![
            Contestant::new(LINX, || {
                storm::turn(&namespace, events, rate, |_| Measured::start(&namespace, LINX, 64 * MIB, 0))
            }),
            Contestant::new(monitors::RAW, || {
                let name = monitors::RAW;
                storm::turn(&namespace, events, rate, |_| Measured::start(&namespace, name, 64 * MIB, 0))
            }),
            ours(ALONE),
            ours(WATCHED),
            ours(WATCHED_BY_5),
        ];
        let goals =
            [at_most(ALONE, 1.5, LINX), under(ALONE, 0.0, Some("lost %")), at_most(WATCHED, 1.5, LINX)];
        report.race(&title, "µs/event", true, contestants, &goals)?;
    }
    Ok(())
}

/// Deltas that each watch has been told.
static TOLD: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// In the process: mirrors IPv4 routes until it ends.
pub fn monitor(name: &str, rcvbuf: usize) -> Outcome<()> {
    let filter = RouteFilter { family: 2, ..RouteFilter::default() };
    let builder = Mirror::builder(&Netns::host().map_err(|error| error.to_string())?);
    let mirror = builder.routes_by(filter).audit(None).rcvbuf(rcvbuf);
    let mirror = mirror.start().map_err(|error| error.to_string())?;
    let watches = match name {
        ALONE => 0,
        WATCHED => 1,
        _ => TOLD.len(),
    };
    for told in &TOLD[..watches] {
        let mut watch = mirror.watch();
        std::thread::spawn(move || {
            while let Ok(notice) = watch.next() {
                match notice {
                    linx::Notice::Delta(delta) => {
                        black_box(&delta);
                        told.store(told.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    }
                    linx::Notice::Lagged | linx::Notice::ResyncNeeded(_) => monitors::overflow(),
                    _ => {}
                }
            }
        });
    }
    let held = mirror.clone();
    let _ = monitors::LAST.set(Box::new(move || {
        let least = TOLD[..watches].iter().map(|told| told.load(Ordering::Relaxed)).min();
        monitors::events(least.unwrap_or_else(|| held.stats().deltas));
    }));
    monitors::ready();
    loop {
        std::thread::park();
    }
}
