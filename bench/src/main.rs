//! Linx beside the physical limit and its peers: `linx-bench [NAME…] [--short] [--json FILE]`.
//!
//! All figures of a table come from one run: the contestants take turns, round by round, and a table shows medians.
//! CPU time is user + system; only ratios count. The namespaces that are measured have no name, and end with the
//! program.

mod decode;
mod dump;
mod latency;
mod load;
mod measure;
mod messages;
mod mirror;
mod monitors;
mod namespace;
mod nft;
#[cfg_attr(not(feature = "peers"), path = "no_peers.rs")]
mod peers;
mod render;
mod report;
mod storm;
mod truth;

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use report::{Outcome, Report};

/// Counts allocations: a decoder of routes makes none.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Times that each contestant has its turn.
    pub rounds: usize,
    /// Only to see that everything works: little of everything, and no goal is judged.
    pub short: bool,
    /// Only contestants whose name has this in it, for a profiler.
    pub only: Option<&'static str>,
}

type Area = (&'static str, fn(Scale, &mut Report) -> Outcome<()>);

const AREAS: [Area; 10] = [
    ("decode", decode::run),
    ("render", render::run),
    ("dump", dump::run),
    ("storm", storm::run),
    ("latency", latency::run),
    ("mirror", mirror::run),
    ("mirror-storm", mirror::storms),
    ("mirror-truth", truth::run),
    ("nft-pull", nft::pull::run),
    ("nft-storm", nft::storm::run),
];

const USAGE: &str = "\
linx-bench [NAME…] [--rounds N] [--short] [--only TEXT] [--json FILE]

  NAME          decode, render, dump, storm, latency, mirror, mirror-storm, mirror-truth, nft-pull, nft-storm;
                all of them without one
  --rounds N    turns of each contestant (5)
  --short       little of everything, to see that it works
  --only TEXT   the contestants whose name has it, for a profiler
  --json FILE   all samples of all contestants
";

struct Arguments {
    names: Vec<String>,
    scale: Scale,
    json: Option<String>,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Arguments> {
    let mut parsed =
        Arguments { names: Vec::new(), scale: Scale { rounds: 5, short: false, only: None }, json: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--short" => {
                parsed.scale.rounds = 1;
                parsed.scale.short = true;
            }
            "--only" => {
                let text = arguments.next().ok_or("--only needs a text")?;
                parsed.scale.only = Some(text.leak());
            }
            "--rounds" => {
                let rounds = arguments.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                parsed.scale.rounds = rounds.ok_or("--rounds needs a number")?;
            }
            "--json" => parsed.json = Some(arguments.next().ok_or("--json needs a file")?),
            name if AREAS.iter().any(|(area, _)| *area == name) => parsed.names.push(name.to_owned()),
            other => return Err(format!("\"{other}\" is no benchmark\n\n{USAGE}")),
        }
    }
    Ok(parsed)
}

fn run() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["child", "dump", name] => return dump::child(name),
        ["child", "mirror", name, family] => return mirror::child(name, family),
        ["child", "nft-pull", name] => return nft::pull::child(name),
        ["child", "monitor", name, rcvbuf, timed] => return monitors::child(name, rcvbuf, timed),
        _ => {}
    }
    let arguments = parse(arguments.into_iter())?;
    let mut report = Report::new(arguments.scale);
    for (name, area) in AREAS {
        if arguments.names.is_empty() || arguments.names.iter().any(|wanted| wanted == name) {
            area(arguments.scale, &mut report)?;
        }
    }
    report.finish();
    match arguments.json {
        Some(file) => std::fs::write(&file, report.json()).map_err(|error| format!("{file}: {error}")),
        None => Ok(()),
    }
}

/// This program again, as a contestant in a process of its own.
fn child(arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.arg("child").args(arguments);
    Ok(command)
}

/// A command line; `linx` is the one of this repository, built for release.
fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let mut command = match words.next() {
        Some("linx") => Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/linx")),
        program => Command::new(program.unwrap_or_default()),
    };
    command.args(words).stderr(Stdio::null());
    command
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("linx-bench: {why}");
            ExitCode::FAILURE
        }
    }
}
