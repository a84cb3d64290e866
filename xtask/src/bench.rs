//! Building and running the benchmarks: a workspace of their own, because of the peers.

use crate::Verdict;
use crate::run::{self, Mode, cargo};
use std::process::Command;
use std::time::Duration;

pub(crate) const MANIFEST: &str = "bench/Cargo.toml";

/// The tests of the program itself: what they check is counted and compared, not measured.
pub(crate) fn tests(mode: Mode) -> Verdict {
    let command = cargo(&["test", "--locked", "--manifest-path", MANIFEST, "--target-dir", "target"]);
    match done(command, mode, Duration::from_secs(900)) {
        Ok(()) => Verdict::Passed,
        Err(why) => Verdict::Failed(format!("the tests of the benchmarks: {why}")),
    }
}

/// The verb `bench`. `--short` leaves out the peers and the long build, and `--no-peers` the peers; `report` prints what a
/// run has kept. All else is for the program.
pub(crate) fn run(mode: Mode, args: &[String]) -> Verdict {
    let is_short = args.iter().any(|arg| arg == "--short");
    let peers = !is_short && !args.iter().any(|arg| arg == "--no-peers");
    let only_prints = args.first().is_some_and(|arg| arg == "report");
    // `linx` itself is a contestant. The short form has that of the tests, which is not to be fast: with a test beside it
    // the features are the same, so that nothing is built twice.
    let linx: &[&str] = if is_short {
        &["build", "--locked", "--workspace", "--all-features", "--bin", "linx", "--test", "docs"]
    } else {
        &["build", "--release", "--locked", "--package", "linx-cli"]
    };
    if !only_prints && let Err(why) = done(cargo(linx), mode, Duration::from_secs(900)) {
        return Verdict::Failed(format!("linx does not build: {why}"));
    }
    let (profile, target) = if is_short { ("dev", "target") } else { ("release", "bench/target") };
    let mut command = cargo(&["build", "--profile", profile, "--locked", "--manifest-path", MANIFEST]);
    command.args(["--target-dir", target]);
    if peers {
        command.args(["--features", "peers"]);
    }
    if let Err(why) = done(command, mode, Duration::from_secs(900)) {
        return Verdict::Failed(format!("the benchmarks do not build: {why}"));
    }
    let folder = if is_short { "debug" } else { profile };
    let mut command = Command::new(format!("{target}/{folder}/linx-bench"));
    command.args(args.iter().filter(|arg| *arg != "--no-peers"));
    let limit = Duration::from_secs(if is_short { 300 } else { 5400 });
    match done(command, mode, limit) {
        Ok(()) => Verdict::Passed,
        Err(why) => Verdict::Failed(why),
    }
}

fn done(command: Command, mode: Mode, limit: Duration) -> Result<(), String> {
    let outcome = run::run(command, mode, limit);
    if outcome.ok() { Ok(()) } else { Err(outcome.why()) }
}
