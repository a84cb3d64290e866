//! `cargo xtask ci`: every check in one go. A failed step does not stop the others, so that one run
//! shows every fault; the end says which steps failed and repeats the last lines of each.

use crate::counts::Counts;
use crate::run::{self, Mode, cargo};
use crate::{Verdict, bench, deps, fuzz, house, readme, setup, test, tools};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// A step's name and what it does.
type Step = (&'static str, fn(&mut State) -> Verdict);

/// The cheap ones first.
const STEPS: [Step; 15] = [
    ("setup", |_| setup::run(Mode::Keep)),
    ("fetch", |_| fetch()),
    ("fmt", |_| format()),
    ("house", |_| house::run()),
    ("deps", |_| deps::run()),
    ("typos", |_| tools::typos(Mode::Keep)),
    ("deny", |_| tools::deny(Mode::Keep)),
    ("clippy", |_| checked(&["clippy", "--workspace", "--all-targets", "--all-features"], CLIPPY)),
    ("clippy-bare", |_| checked(&["clippy", "-p", "linx-net", "--no-default-features"], CLIPPY)),
    ("docs", |_| checked(&["doc", "--no-deps", "--workspace", "--all-features"], &[])),
    ("tests", |state| state.count(test::tests(Mode::Keep, &[]))),
    ("examples", |state| state.count(test::examples(Mode::Keep))),
    ("fuzz", |_| if_there(fuzz::MANIFEST, || fuzz::run(Mode::Keep, &[]))),
    ("bench", |_| if_there(bench::MANIFEST, short_bench)),
    ("readme", |_| readme::run(Mode::Keep)),
];

const CLIPPY: &[&str] = &["--", "-D", "warnings"];

/// How many of its last lines a failed step shows again at the end.
const TAIL: usize = 80;

/// How often crates are asked for before a registry is given up.
const FETCH_TRIES: u32 = 3;

/// What the steps share.
#[derive(Default)]
struct State {
    tests: Counts,
}

/// A step that was run.
struct Done {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
    tail: Vec<String>,
}

pub(crate) fn run(args: &[String]) -> ExitCode {
    if args.iter().any(|arg| arg == "--list") {
        for (name, _) in STEPS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    if let Some(stranger) = args.iter().find(|arg| !STEPS.iter().any(|(name, _)| name == arg)) {
        eprintln!("xtask: ci: no step \"{stranger}\"; `cargo xtask ci --list` lists them");
        return ExitCode::FAILURE;
    }
    let started = Instant::now();
    let mut state = State::default();
    let mut done = Vec::new();
    for (name, step) in STEPS {
        if !args.is_empty() && !args.iter().any(|arg| arg == name) {
            continue;
        }
        println!("\n==> {name}");
        let begun = Instant::now();
        run::forget_printed();
        let verdict = step(&mut state);
        let took = begun.elapsed();
        let tail = if verdict.failed() { run::last_printed(TAIL) } else { Vec::new() };
        println!("<== {name}: {} in {:.1} s", word(&verdict), took.as_secs_f64());
        done.push(Done { name, verdict, took, tail });
    }
    report(&done, state.tests, started.elapsed())
}

fn report(done: &[Done], tests: Counts, took: Duration) -> ExitCode {
    let failed: Vec<&str> = done.iter().filter(|step| step.verdict.failed()).map(|step| step.name).collect();
    for step in done.iter().filter(|step| step.verdict.failed()) {
        println!("\n--- {}: the last lines", step.name);
        for line in &step.tail {
            println!("{line}");
        }
    }
    println!("\n{:<12} {:>8}  result", "step", "seconds");
    for step in done {
        println!("{:<12} {:>8.1}  {}", step.name, step.took.as_secs_f64(), word(&step.verdict));
    }
    println!("{:<12} {:>8.1}", "all", took.as_secs_f64());
    if failed.is_empty() {
        println!("\nCI: passed");
    } else {
        println!("\nCI: FAILED: {}", failed.join(", "));
    }
    println!("tests: {} passed, {} failed, {} skipped", tests.passed, tests.failed, tests.skipped);
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Skipped(why) => format!("SKIPPED: {why}"),
        Verdict::Failed(why) => format!("FAILED: {why}"),
    }
}

impl State {
    fn count(&mut self, (verdict, counts): (Verdict, Counts)) -> Verdict {
        self.tests.passed += counts.passed;
        self.tests.failed += counts.failed;
        self.tests.skipped += counts.skipped;
        verdict
    }
}

/// Downloads every crate, with retries; afterwards nothing asks a registry for crates.
fn fetch() -> Verdict {
    for manifest in built() {
        let mut attempt = 1;
        loop {
            let command = cargo(&["fetch", "--locked", "--manifest-path", manifest]);
            let outcome = run::run(command, Mode::Keep, Duration::from_secs(300));
            if outcome.ok() {
                break;
            }
            println!("try {attempt} of {FETCH_TRIES}: {}", outcome.why());
            if attempt == FETCH_TRIES {
                return Verdict::Failed(format!(
                    "{manifest}: crates could not be fetched: {}",
                    outcome.why()
                ));
            }
            attempt += 1;
            thread::sleep(Duration::from_secs(10));
        }
    }
    run::stay_offline();
    Verdict::Passed
}

/// That every benchmark works, and tells what it should: a broken one fails, a slow one does not.
fn short_bench() -> Verdict {
    let tests = bench::tests(Mode::Keep);
    if tests.failed() {
        return tests;
    }
    if setup::is_root() {
        bench::run(Mode::Keep, &["--short".to_owned()])
    } else {
        Verdict::Skipped("not root".to_owned())
    }
}

/// The workspaces that are built here: this one, that of the fuzz targets, and that of the benchmarks.
fn built() -> impl Iterator<Item = &'static str> {
    ["Cargo.toml", fuzz::MANIFEST, bench::MANIFEST]
        .into_iter()
        .filter(|manifest| Path::new(manifest).exists())
}

/// Every workspace is formatted.
fn format() -> Verdict {
    for manifest in built() {
        let command = cargo(&["fmt", "--all", "--check", "--manifest-path", manifest]);
        let outcome = run::run(command, Mode::Keep, Duration::from_secs(120));
        if !outcome.ok() {
            return Verdict::Failed(format!("{manifest}: {}: cargo fmt mends it", outcome.why()));
        }
    }
    Verdict::Passed
}

/// Runs `cargo ARGS --locked REST`, warnings of rustdoc being errors.
fn checked(args: &[&str], rest: &[&str]) -> Verdict {
    let mut command = cargo(args);
    command.arg("--locked").args(rest).env("RUSTDOCFLAGS", "-D warnings");
    let outcome = run::run(command, Mode::Keep, Duration::from_secs(900));
    if outcome.ok() { Verdict::Passed } else { Verdict::Failed(outcome.why()) }
}

/// A step about a file that a part of the repository may not have.
fn if_there(file: &str, step: impl FnOnce() -> Verdict) -> Verdict {
    if Path::new(file).exists() { step() } else { Verdict::Skipped(format!("there is no {file}")) }
}
