//! Whole rule sets from the kernel: raw receive loops, Linx, `nft` and nlink.

use std::hint::black_box;
use std::process::Stdio;
use std::time::{Duration, Instant};

use linx::Handle;
use linx_wire::attr::Attrs;
use linx_wire::emit::Request;
use linx_wire::header::{Messages, control};
use linx_wire::nft::request;
use linx_wire::uapi::nft;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink};

use super::{SET_NAME, TABLE_NAME, Writer, said};
use crate::commands::{self, Printed};
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most, under};
use crate::{Scale, measure};

const WHOLE: &str = "raw, the kernel's whole dump, 32 KiB";
const CHAINS: &str = "raw, chain by chain, 32 KiB";
const ELEMENTS: &str = "raw, the elements, 32 KiB";
const PULL: &str = "linx, pull";
const READ: &str = "linx, pull, each looked at";
const NLINK: &str = "nlink";
const MEMORY: &str = "most memory, MB";

const RULE_GOALS: [Goal; 3] = [
    at_most(PULL, 0.35, WHOLE),
    at_least("nft list ruleset", 5.0, PULL),
    at_least("nft -j list ruleset", 10.0, PULL),
];

const ELEMENT_GOALS: [Goal; 2] = [at_most(PULL, 1.05, ELEMENTS), under(PULL, 100.0, Some(MEMORY))];

/// The pull tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title("nft pull", "ms of CPU time for all of a rule set, in a process of its own.");
    let (chains, rules) = if scale.short { (20, 400) } else { (1_000, 50_000) };
    let namespace = Namespace::new()?;
    let mut writer = Writer::new(&namespace)?;
    writer.table()?;
    writer.chains(chains)?;
    writer.rules(chains, rules / chains)?;
    let title = format!("{rules} rules in {chains} chains");
    race(
        &namespace,
        &title,
        &[WHOLE, CHAINS, PULL, READ],
        (rules, commands::NFT_RULES),
        &RULE_GOALS,
        scale,
        report,
    )?;
    let sizes: &[u32] = if scale.short { &[2_000] } else { &[100_000, 1_000_000] };
    for count in sizes {
        let namespace = Namespace::new()?;
        let mut writer = Writer::new(&namespace)?;
        writer.table()?;
        writer.set()?;
        writer.elements(*count)?;
        let title = format!("a set of {count} elements");
        race(
            &namespace,
            &title,
            &[ELEMENTS, PULL, READ],
            (*count, commands::NFT_ELEMENTS),
            &ELEMENT_GOALS,
            scale,
            report,
        )?;
    }
    Ok(())
}

fn race<'a>(
    namespace: &'a Namespace,
    title: &str,
    ours: &'a [&'static str],
    (count, json): (u32, Printed),
    goals: &[Goal],
    scale: Scale,
    report: &mut Report,
) -> Outcome<()> {
    // The kernel takes a quarter of a minute for a million elements.
    let is_long = count >= 1_000_000;
    report.rounds_at_most(if is_long { 3 } else { usize::MAX });
    let few = |contestant: Contestant<'a>| if is_long { contestant.at_most(1) } else { contestant };
    let mut contestants: Vec<_> = ours
        .iter()
        .map(|name| {
            let contestant = Contestant::new(*name, move || turn(namespace, name, count));
            if *name == READ { few(contestant) } else { contestant }
        })
        .collect();
    if !scale.short {
        for (line, printed) in [("nft list ruleset", commands::NFT), ("nft -j list ruleset", json)] {
            contestants.push(few(commands::lister(namespace, line, printed, count..=count)));
        }
        if crate::peers::NFT {
            contestants.push(few(Contestant::stranger(NLINK, move || turn(namespace, NLINK, count))));
        }
    }
    report.race(title, "CPU ms", true, contestants, goals)
}

/// One reading in a process of its own.
fn turn(namespace: &Namespace, name: &str, count: u32) -> Outcome<Sample> {
    let mut command = crate::child(&["nft-pull", name])?;
    command.stdout(Stdio::piped());
    let mut child = namespace.spawn(command, None)?;
    let said = child.stdout.take().map(std::io::read_to_string).transpose();
    let said = said.map_err(|error| error.to_string())?.unwrap_or_default();
    let usage = measure::wait(child)?;
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[cpu, wall, read] = figures.as_slice() else { return Err(format!("it said {said:?}")) };
    if read != f64::from(count) {
        return Err(format!("{read} objects were read of {count}"));
    }
    Ok(Sample::new(cpu).with("wall ms", wall).with(MEMORY, usage.rss_mb))
}

/// In the process: reads all and prints CPU ms, wall ms, and how many rules and elements there were.
pub fn child(name: &str) -> Outcome<()> {
    let (cpu, wall) = (measure::process_cpu(), Instant::now());
    let count = match name {
        WHOLE => raw([request::rules(1, None, None)])?,
        CHAINS => {
            let names = chain_names()?;
            let table = Some(TABLE_NAME.as_bytes());
            raw(names.iter().map(|chain| request::rules(1, table, Some(chain))))?
        }
        ELEMENTS => raw([request::elements(1, TABLE_NAME.as_bytes(), SET_NAME.as_bytes())])?,
        PULL => {
            let all = linx::nft::pull(&Handle::host().map_err(said)?).ruleset().map_err(said)?;
            // It has no number of all: they are counted where that costs the contestant nothing.
            let count = || all.rules().count() + all.elements().count();
            return tell(cpu, wall, count);
        }
        READ => {
            let all = linx::nft::pull(&Handle::host().map_err(said)?).ruleset().map_err(said)?;
            let rules = all.rules().map(|rule| black_box(rule)).count();
            rules + all.elements().map(|element| black_box(element)).count()
        }
        _ => crate::peers::nft_pull()?,
    };
    tell(cpu, wall, || count)
}

/// Says what it took from then to now, and what `count` comes to.
fn tell(cpu: Duration, wall: Instant, count: impl FnOnce() -> usize) -> Outcome<()> {
    let (cpu, wall) = (measure::process_cpu() - cpu, wall.elapsed());
    println!("{} {} {}", cpu.as_secs_f64() * 1e3, wall.as_secs_f64() * 1e3, count());
    Ok(())
}

struct Reader {
    socket: std::os::fd::OwnedFd,
    buffer: Vec<u8>,
}

impl Reader {
    fn new() -> Outcome<Self> {
        let protocol = Some(netlink::NETFILTER);
        let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, protocol).map_err(said)?;
        Ok(Self { socket, buffer: vec![0; 32 * 1024] })
    }

    /// Receives a dump, and steps from header to header.
    fn dump(&mut self, request: Request, mut each: impl FnMut(u16, &[u8])) -> Outcome<()> {
        let request = request.finish(1, 0).map_err(said)?;
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, &request, SendFlags::empty(), &kernel).map_err(said)?;
        loop {
            let received = rustix::net::recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty());
            let (length, _) = received.map_err(said)?;
            for message in Messages::new(&self.buffer[..length]) {
                let message = message.map_err(said)?;
                match message.header.message_type {
                    control::DONE => return Ok(()),
                    control::ERROR => return Err("the kernel refuses".to_owned()),
                    other => each(other, message.payload),
                }
            }
        }
    }
}

/// The least that reading costs. Elements come many in a message: they are counted by their headers.
fn raw(requests: impl IntoIterator<Item = Request>) -> Outcome<usize> {
    let mut reader = Reader::new()?;
    let mut count = 0;
    for request in requests {
        reader.dump(request, |message_type, payload| match message_type {
            nft::NEWRULE => count += 1,
            nft::NEWSETELEM => {
                let lists = Attrs::new(&payload[4..]).filter_map(Result::ok).filter(|a| a.number() == 3);
                count += lists.map(|list| Attrs::new(list.payload).count()).sum::<usize>();
            }
            _ => {}
        })?;
    }
    Ok(count)
}

fn chain_names() -> Outcome<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    Reader::new()?.dump(request::chains(1), |_, payload| {
        let name = Attrs::new(&payload[4..]).filter_map(Result::ok).find(|attr| attr.number() == 3);
        names.extend(name.and_then(|name| name.payload.split_last()).map(|(_, name)| name.to_vec()));
    })?;
    Ok(names)
}
