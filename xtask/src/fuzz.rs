//! Running the fuzz targets without cargo-fuzz: the coverage flags that it would pass are stable ones.
//!
//! No sanitizer: linx-wire has no unsafe code, and the panics that fuzzing looks for need none.

use crate::Verdict;
use crate::run::{self, Mode, Outcome, cargo, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// What cargo-fuzz passes for coverage, without a sanitizer.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Clink-dead-code",
    "-Ccodegen-units=1",
];

struct Options {
    seconds: u64,
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
    let mut options = Options { seconds: 3, targets: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let value = args.next().map(String::as_str).unwrap_or_default();
            options.seconds = value.parse().map_err(|_| format!("--seconds: \"{value}\" is not a number"))?;
        } else if arg.starts_with('-') {
            return Err(format!("no option \"{arg}\""));
        } else {
            options.targets.push(arg.clone());
        }
    }
    Ok(options)
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
    let folder = match build(mode) {
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
                    let outcome = campaign(&folder, target, options.seconds);
                    if let Ok(mut results) = results.lock() {
                        results.push((target.clone(), outcome));
                    }
                }
            });
        }
    });
    summary(results.into_inner().unwrap_or_default(), started.elapsed())
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
        Verdict::Failed(format!("{}: the inputs are in fuzz/artifacts", failed.join(" ")))
    }
}

/// Builds every target with coverage; gives the folder of the programs.
fn build(mode: Mode) -> Result<PathBuf, String> {
    let mut version = Command::new("rustc");
    version.arg("-vV");
    let host = output(version)?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or("rustc -vV names no host")?;
    // With --target the flags reach neither build scripts nor procedural macros.
    let mut command = cargo(&["build", "--release", "--locked", "--bins", "--manifest-path", MANIFEST]);
    command
        .args(["--target", &host, "--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", format!("--cfg fuzzing {}", FLAGS.join(" ")))
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    let outcome = run::run(command, mode, Duration::from_secs(1200));
    if !outcome.ok() {
        return Err(format!("the fuzz targets do not build: {}", outcome.why()));
    }
    Ok(Path::new("target/fuzz").join(host).join("release"))
}

/// One target for so many seconds, from its corpus and its committed seeds.
fn campaign(folder: &Path, target: &str, seconds: u64) -> Outcome {
    let corpus = Path::new("fuzz/corpus").join(target);
    let artifacts = Path::new("fuzz/artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        if let Err(error) = std::fs::create_dir_all(folder) {
            let trouble = Some(format!("{}: {error}", folder.display()));
            return Outcome { code: None, trouble, lines: Vec::new() };
        }
    }
    let mut command = Command::new(folder.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=20", "-verbosity=0"])
        .arg(&corpus);
    for seeds in [Path::new("fuzz/seeds").join(target), PathBuf::from("crates/linx-wire/testdata")] {
        if seeds.is_dir() {
            command.arg(seeds);
        }
    }
    run::run(command, Mode::Keep, Duration::from_secs(seconds.saturating_add(120)))
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
    fn a_wrong_number_of_seconds_is_told() {
        let args = ["--seconds".to_owned(), "ten".to_owned()];
        assert_eq!(parse(&args).err().as_deref(), Some("--seconds: \"ten\" is not a number"));
    }
}
