//! Storms of commits, and commits that are storms: the sender on core 0, the monitor on core 1.

use std::time::Instant;

use super::monitor::{LINX as CHILD, NLINK, RAW as RAW_CHILD, READ as READ_CHILD};
use super::{Writer, batch, elements, rule};
use crate::load::wait_until;
use crate::monitors::{LINX, Measured, RAW};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most, over, under};
use crate::{Scale, commands, measure};

const MIB: usize = 1 << 20;
const READ: &str = "linx, each change looked at";
const LOST: &str = "lost %";
const RATE: &str = "commits, 1000/s";

const GOALS: [Goal; 3] =
    [under(LINX, 0.0, Some(LOST)), at_most(LINX, 1.0, RAW), at_least("nft monitor", 3.0, LINX)];

/// What the sender reaches of it is the kernel's part of a commit.
const FAST_GOALS: [Goal; 4] = [
    over(LINX, 300.0, Some(RATE)),
    under(LINX, 0.0, Some(LOST)),
    at_most(LINX, 1.0, RAW),
    at_least("nft monitor", 3.0, LINX),
];

const BULK_GOALS: [Goal; 4] = [
    under(LINX, 0.0, Some(LOST)),
    under(LINX, 0.15, None),
    under(READ, 0.15, None),
    at_least("nft monitor", 10.0, LINX),
];

/// What is sent: commits in turn, for each how many events it makes.
struct Load {
    commits: Vec<(Vec<u8>, u32)>,
    times: u32,
    rate: Option<f64>,
}

impl Load {
    fn events(&self) -> u64 {
        self.commits.iter().map(|(_, events)| u64::from(*events)).sum::<u64>() * u64::from(self.times)
    }

    /// Sends all; returns commits a second.
    fn send(&self, writer: &mut Writer) -> Outcome<f64> {
        let (start, mut sent) = (Instant::now(), 0u32);
        for _ in 0..self.times {
            for (commit, _) in &self.commits {
                writer.send(commit)?;
                sent += 1;
                if sent % 64 == 0 {
                    writer.refusals()?;
                }
                if let Some(rate) = self.rate {
                    wait_until(start + std::time::Duration::from_secs_f64(f64::from(sent) / rate));
                }
            }
        }
        let rate = f64::from(sent) / start.elapsed().as_secs_f64();
        writer.refusals()?;
        Ok(rate)
    }

    /// A commit that adds so many elements, and one that deletes them, so many times.
    fn elements(count: u32, times: u32, rate: Option<f64>) -> Outcome<Self> {
        let commit = |delete| Ok::<_, String>((batch(elements(0..count, delete))?, count + 1));
        Ok(Self { commits: vec![commit(false)?, commit(true)?], times, rate })
    }
}

/// The storm tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "nft storm",
        "µs of the monitor's CPU time an event that it delivers: a change, or the end of a commit. \
         64 MiB of receive buffer.",
    );
    let namespace = &Namespace::new()?;
    let mut writer = Writer::new(namespace)?;
    writer.table()?;
    writer.set()?;
    writer.chains(1)?;
    let times = if scale.short { 500 } else { 100_000 };
    let slow = Load::elements(1, times / 5, Some(20_000.0))?;
    let title = format!("{} commits of one element, 20,000/s", times / 5 * 2);
    race(namespace, &title, &slow, &GOALS, scale, report)?;
    let fast = Load::elements(1, times, None)?;
    let title = format!("{} commits of one element, as fast as the kernel goes", times * 2);
    race(namespace, &title, &fast, &FAST_GOALS, scale, report)?;
    drained(namespace, if scale.short { 500 } else { 35_000 }, scale, report)?;
    let many = if scale.short { 5_000 } else { 500_000 };
    let bulk = Load::elements(many, 1, None)?;
    race(namespace, &format!("two commits of {many} elements"), &bulk, &BULK_GOALS, scale, report)?;
    let many = if scale.short { 500 } else { 50_000 };
    let rules = (0..many).map(|n| rule("c0", n)).collect::<Outcome<Vec<_>>>()?;
    let flush =
        linx_wire::nft::Nest::new(&linx_wire::nft::RULE).set("table", super::TABLE_NAME).set("chain", "c0");
    let flush = flush.request(linx_wire::uapi::nft::DELRULE, linx_wire::header::MessageFlags::empty(), 1);
    let commits = vec![(batch(rules)?, many + 1), (batch([flush.map_err(super::said)?])?, many + 1)];
    let rules = Load { commits, times: 1, rate: None };
    let title = format!("a commit of {many} rules, and one that deletes them");
    race(namespace, &title, &rules, &[under(LINX, 0.0, Some(LOST))], scale, report)
}

fn race(
    namespace: &Namespace,
    title: &str,
    load: &Load,
    goals: &[Goal],
    scale: Scale,
    report: &mut Report,
) -> Outcome<()> {
    let ours = |label: &'static str, child: &'static str| {
        Contestant::new(label, move || {
            turn(namespace, load, |_| Measured::start(namespace, child, 64 * MIB, 0))
        })
    };
    let mut contestants = vec![ours(RAW, RAW_CHILD), ours(LINX, CHILD), ours(READ, READ_CHILD)];
    if !scale.short && crate::peers::NFT {
        contestants.push(Contestant { stranger: true, ..ours("nlink", NLINK) });
    }
    // A change, or the end of a commit: a line of the command's has a kind, and each of its changes. (A large commit has a
    // line for every 250 changes or so.)
    for (line, mark) in [("nft monitor", &b"\n"[..]), ("linx monitor nft -j", b"\"kind\":\"")] {
        if scale.short && !line.starts_with("linx ") {
            continue;
        }
        contestants.push(commands::contestant(line, line, move || {
            turn(namespace, load, |writer| {
                let one = Load::elements(1, 1, None)?;
                let command = commands::command(line);
                Measured::command(namespace, command, mark, &mut || one.send(writer).map(drop))
            })
        }));
    }
    report.race(title, "µs/event", true, contestants, goals)
}

/// The monitor is stopped while the commits are made: what its buffer holds is what it may miss of its CPU, and no wake-up
/// is counted, nor what another program does to the machine.
fn drained(namespace: &Namespace, times: u32, scale: Scale, report: &mut Report) -> Outcome<()> {
    let load = &Load::elements(1, times, None)?;
    let ours = |label: &'static str, child: &'static str| {
        Contestant::new(label, move || {
            turn(namespace, load, |_| {
                let monitor = Measured::start(namespace, child, 64 * MIB, 0)?;
                monitor.stop()?;
                Ok(monitor)
            })
        })
    };
    let mut contestants = vec![ours(RAW, RAW_CHILD), ours(LINX, CHILD), ours(READ, READ_CHILD)];
    if !scale.short && crate::peers::NFT {
        contestants.push(Contestant { stranger: true, ..ours("nlink", NLINK) });
    }
    let title = format!("{} commits of one element, queued while the monitor was stopped", times * 2);
    report.race(&title, "µs/event", true, contestants, &[under(LINX, 0.0, Some(LOST))])
}

fn turn(
    namespace: &Namespace,
    load: &Load,
    start: impl FnOnce(&mut Writer) -> Outcome<Measured>,
) -> Outcome<Sample> {
    let mut writer = Writer::new(namespace)?;
    let monitor = start(&mut writer)?;
    let reached = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            measure::pin(0);
            load.send(&mut writer)
        });
        thread.join().map_err(|_| "the sender panicked".to_owned())?
    })?;
    let verdict = monitor.finish()?;
    verdict.is_plausible(load.events())?;
    let lost = 100.0 * (1.0 - verdict.events as f64 / load.events() as f64);
    Ok(Sample::new(verdict.cpu.as_secs_f64() * 1e6 / verdict.events as f64)
        .with(LOST, lost.max(0.0))
        .with(RATE, reached / 1e3)
        .with("most memory, MB", verdict.peak_mb)
        .with("page faults", verdict.faults as f64))
}
