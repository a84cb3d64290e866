//! Linx beside the physical limit and its peers: `linx-bench [NAME…] [--short] [--json FILE]`.
//!
//! All figures of a table come from one run: the contestants take turns, round by round, and a table shows medians.
//! CPU time is user + system; only ratios count. The namespaces that are measured have no name, and end with the
//! program. The report goes to standard output, where the run is to standard error.

mod commands;
mod decode;
mod dump;
mod idle;
mod instructions;
mod latency;
mod libmnl;
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
use std::cell::Cell;
use std::process::{Command, ExitCode};

use report::{Outcome, Report};

/// Counts allocations: a decoder of routes makes none.
struct Counting;

thread_local! {
    /// Of a thread, so that counting is no atomic operation, which who allocates would pay for each time.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

impl Counting {
    fn count() {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count();
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

/// Allocations of this thread so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
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

const AREAS: [Area; 12] = [
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
    ("idle", idle::run),
    ("instructions", instructions::run),
];

const USAGE: &str = "\
linx-bench [NAME…] [--rounds N] [--short] [--only TEXT] [--json FILE]
linx-bench report FILE [FILE]

  NAME            decode, render, dump, storm, latency, mirror, mirror-storm, mirror-truth, nft-pull, nft-storm, idle,
                  instructions; all of them without one
  --instructions  the same as `instructions`: what valgrind counts, which does not depend on the noise
  --rounds N      turns of each contestant (5); what takes very long has fewer, and its table says so
  --short         little of everything, to see that it works
  --only TEXT     the contestants whose name has it, for a profiler
  --json FILE     all samples of all contestants, goals and verdicts; written anew after every area
  report FILE     print the report of such a file again; with a second one, beside it, what of them agrees, and what
                  only one of them has
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
            "--instructions" => parsed.names.push("instructions".to_owned()),
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
        ["child", "idle", name, count, seconds] => return idle::child(name, count, seconds),
        ["child", "instructions", name, messages, repeats] => {
            return instructions::child(name, messages, repeats);
        }
        ["child", "mirror", name, family] => return mirror::child(name, family),
        ["child", "nft-pull", name] => return nft::pull::child(name),
        ["child", "monitor", name, rcvbuf, timed] => return monitors::child(name, rcvbuf, timed),
        ["report", file] => return again(file, None),
        ["report", file, other] => return again(file, Some(other)),
        ["-h" | "--help" | "help"] => {
            print!("{USAGE}");
            return Ok(());
        }
        _ => {}
    }
    let arguments = parse(arguments.into_iter())?;
    let mut report = Report::new(arguments.scale);
    report.introduce();
    let mut failed = Vec::new();
    for (name, area) in AREAS {
        if !arguments.names.is_empty() && !arguments.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        report.area(name);
        let outcome = area(arguments.scale, &mut report);
        report.area_ends(&outcome);
        if let Err(why) = outcome {
            eprintln!("linx-bench: {name}: {why}");
            failed.push(name);
        }
        if let Some(file) = &arguments.json {
            std::fs::write(file, format!("{:#}\n", report.json()))
                .map_err(|error| format!("{file}: {error}"))?;
        }
    }
    report.finish();
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join(", "))) }
}

/// Prints the report of a run that was kept, beside another one.
fn again(file: &str, other: Option<&str>) -> Outcome<()> {
    let read = |file: &str| {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        serde_json::from_str::<serde_json::Value>(&text).map_err(|error| format!("{file}: {error}"))
    };
    let run = read(file)?;
    let other = other.map(read).transpose()?;
    print!("{}", report::page::document(&run, other.as_ref()));
    if let Some(other) = &other {
        print!("{}", report::compare(&run, other));
    }
    Ok(())
}

/// This program again, as a contestant in a process of its own.
fn child(arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.arg("child").args(arguments);
    Ok(command)
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
