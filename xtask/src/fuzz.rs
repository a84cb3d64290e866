//! Running the fuzz targets without cargo-fuzz: the coverage flags that it would pass are stable ones.
//!
//! No sanitizer: linx-wire has no unsafe code, and the panics that fuzzing looks for need none.

use crate::Verdict;
use crate::run::{self, Mode, Outcome, cargo, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

mod seeds;

pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// What the kernel said, one datagram a record.
const RECORDED: &str = "crates/linx-wire/testdata";

/// What cargo-fuzz passes for coverage, without a sanitizer and (its `--strip-dead-code`) without what is never called.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Seconds a target from which on it pays to optimize them well: it takes half a minute longer.
const LONG: u64 = 20;

struct Options {
    seconds: u64,
    /// The longest input that is made, bytes; without it, as long as the longest of the corpus.
    max_len: Option<u32>,
    /// Whether what is left of the corpus is put among the seeds.
    keep: bool,
    targets: Vec<String>,
}

/// The verb `fuzz`.
pub(crate) fn run(mode: Mode, args: &[String]) -> Verdict {
    match parse(args) {
        Ok(options) => fuzz(mode, &options),
        Err(why) => Verdict::Failed(why),
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { seconds: 3, max_len: None, keep: false, targets: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            options.seconds = number(arg, args.next())?;
        } else if arg == "--max-len" {
            options.max_len = Some(number(arg, args.next())?);
        } else if arg == "--keep" {
            options.keep = true;
        } else if arg.starts_with('-') {
            return Err(format!("no option \"{arg}\""));
        } else {
            options.targets.push(arg.clone());
        }
    }
    Ok(options)
}

fn number<T: FromStr>(option: &str, value: Option<&String>) -> Result<T, String> {
    let value = value.map(String::as_str).unwrap_or_default();
    value.parse().map_err(|_| format!("{option}: \"{value}\" is not a number"))
}

fn fuzz(mode: Mode, options: &Options) -> Verdict {
    let manifest = match std::fs::read_to_string(MANIFEST) {
        Ok(manifest) => manifest,
        Err(error) => return Verdict::Failed(format!("{MANIFEST}: {error}")),
    };
    let known = targets(&manifest);
    if let Some(stranger) = options.targets.iter().find(|name| !known.contains(name)) {
        return Verdict::Failed(format!("no target \"{stranger}\"; there are: {}", known.join(" ")));
    }
    let chosen = if options.targets.is_empty() { known } else { options.targets.clone() };
    let folder = match build(mode, options.seconds >= LONG) {
        Ok(folder) => folder,
        Err(why) => return Verdict::Failed(why),
    };

    let started = Instant::now();
    let queue = Mutex::new(chosen.iter());
    let results = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(chosen.len().max(1));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(target) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return };
                    let outcome = campaign(&folder, target, options);
                    if let Ok(mut results) = results.lock() {
                        results.push((target.clone(), outcome));
                    }
                }
            });
        }
    });
    let verdict = summary(results.into_inner().unwrap_or_default(), started.elapsed());
    if options.keep && verdict == Verdict::Passed {
        return keep(&folder, &chosen);
    }
    verdict
}

fn summary(mut results: Vec<(String, Outcome)>, took: Duration) -> Verdict {
    results.sort_by(|a, b| a.0.cmp(&b.0));
    let mut total = 0;
    let mut failed = Vec::new();
    for (target, outcome) in &results {
        let runs = executed(&outcome.lines);
        total += runs;
        println!("fuzz {target:<24} {runs:>12} runs  {}", if outcome.ok() { "ok" } else { "FAILED" });
        if !outcome.ok() {
            failed.push(target.as_str());
            for line in outcome.lines.iter().rev().take(60).rev() {
                run::print(&format!("    {line}"));
            }
        }
    }
    println!("fuzz: {} targets, {total} runs in {:.0} s", results.len(), took.as_secs_f64());
    if failed.is_empty() {
        Verdict::Passed
    } else {
        let failed = failed.join(" ");
        Verdict::Failed(format!(
            "{failed}: the inputs are in fuzz/artifacts; `cargo xtask fuzz --seconds 1 {failed}` tries them first"
        ))
    }
}

/// Builds every target with coverage; gives the folder of the programs.
fn build(mode: Mode, well: bool) -> Result<PathBuf, String> {
    let mut version = Command::new("rustc");
    version.arg("-vV");
    let host = output(version)?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or("rustc -vV names no host")?;
    let (level, units) = if well { ("3", 1) } else { ("1", 16) };
    // With --target the flags reach neither build scripts nor procedural macros.
    let mut command = cargo(&["build", "--release", "--locked", "--bins", "--manifest-path", MANIFEST]);
    command
        .args(["--target", &host, "--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", format!("--cfg fuzzing {} -Ccodegen-units={units}", FLAGS.join(" ")))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    let outcome = run::run(command, mode, Duration::from_secs(1200));
    if !outcome.ok() {
        return Err(format!("the fuzz targets do not build: {}", outcome.why()));
    }
    Ok(Path::new("target/fuzz").join(host).join("release"))
}

/// One target for so many seconds, from its corpus, its seeds, what failed before, and what was recorded.
fn campaign(folder: &Path, target: &str, options: &Options) -> Outcome {
    let paths = match Folders::of(target) {
        Ok(paths) => paths,
        Err(why) => return Outcome { code: None, trouble: Some(why), lines: Vec::new() },
    };
    let mut command = Command::new(folder.join(target));
    command
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-artifact_prefix={}/", paths.artifacts.display()))
        .args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=20", "-verbosity=0"])
        .args(options.max_len.map(|most| format!("-max_len={most}")))
        .args([&paths.corpus, &paths.seeds, &paths.artifacts, Path::new(RECORDED)]);
    run::run(command, Mode::Keep, Duration::from_secs(options.seconds.saturating_add(120)))
}

/// Makes the seeds of each target anew: the fewest and shortest inputs that reach what all of them reach.
fn keep(folder: &Path, targets: &[String]) -> Verdict {
    let mut troubles = Vec::new();
    for target in targets {
        match Folders::of(target).and_then(|paths| merged(folder, target, &paths)) {
            Ok(seeds) => println!("kept {target:<24} {:>6} seeds", seeds.len()),
            Err(why) => troubles.push(format!("{target}: {why}")),
        }
    }
    if troubles.is_empty() { Verdict::Passed } else { Verdict::Failed(troubles.join("; ")) }
}

fn merged(folder: &Path, target: &str, paths: &Folders) -> Result<Vec<Vec<u8>>, String> {
    let into = Path::new("target/fuzz/merged").join(target);
    seeds::empty(&into)?;
    let mut command = Command::new(folder.join(target));
    command
        .args(["-merge=1", "-rss_limit_mb=2048", "-timeout=20", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", paths.artifacts.display()))
        .args([&into, &paths.corpus, &paths.seeds]);
    let outcome = run::run(command, Mode::Keep, Duration::from_secs(600));
    if !outcome.ok() {
        return Err(outcome.why());
    }
    let seeds = seeds::of_folder(&into)?;
    seeds::write(&seeds::file(target), &seeds)?;
    Ok(seeds)
}

/// Where a target finds its inputs and leaves what fails.
struct Folders {
    corpus: PathBuf,
    seeds: PathBuf,
    artifacts: PathBuf,
}

impl Folders {
    /// Makes them, and fills that of the seeds from their file.
    fn of(target: &str) -> Result<Self, String> {
        let corpus = Path::new("fuzz/corpus").join(target);
        let seeds = Path::new("target/fuzz/seeds").join(target);
        let artifacts = Path::new("fuzz/artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        seeds::empty(&seeds)?;
        seeds::to_folder(&seeds::read(&seeds::file(target))?, &seeds)?;
        Ok(Self { corpus, seeds, artifacts })
    }
}

/// The names of the binaries in a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[[bin]]";
        } else if let Some(("name", value)) = line.split_once('=').map(|(key, value)| (key.trim(), value))
            && inside
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    names
}

fn executed(lines: &[String]) -> u64 {
    lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("stat::number_of_executed_units:"))
        .filter_map(|number| number.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_binaries_are_targets() {
        let manifest =
            "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"link\"\npath = \"x\"\n[[bin]]\nname=\"attr\"\n";
        assert_eq!(targets(manifest), ["link", "attr"]);
    }

    #[test]
    fn the_runs_of_a_campaign_are_read() {
        assert_eq!(executed(&["stat::number_of_executed_units: 812".to_owned(), "x".to_owned()]), 812);
    }

    #[test]
    fn the_length_of_inputs_and_the_wish_to_keep_are_read() {
        let args = ["--max-len", "512", "route", "--keep"].map(str::to_owned);
        let options = parse(&args).expect("valid arguments");
        assert_eq!((options.max_len, options.keep, options.targets.len()), (Some(512), true, 1));
    }

    #[test]
    fn a_wrong_number_of_seconds_is_told() {
        let args = ["--seconds".to_owned(), "ten".to_owned()];
        assert_eq!(parse(&args).err().as_deref(), Some("--seconds: \"ten\" is not a number"));
    }
}
