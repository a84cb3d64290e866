//! Building and running the benchmarks: a workspace of their own, because of the peers.

use crate::Verdict;
use crate::run::{self, Mode, cargo};
use std::process::Command;
use std::time::Duration;

pub(crate) const MANIFEST: &str = "bench/Cargo.toml";

/// The verb `bench`. `--short` leaves out the peers and the long build, and `--no-peers` the peers; `report` prints what a
/// run has kept. All else is for the program.
pub(crate) fn run(mode: Mode, args: &[String]) -> Verdict {
    let is_short = args.iter().any(|arg| arg == "--short");
    let peers = !is_short && !args.iter().any(|arg| arg == "--no-peers");
    let only_prints = args.first().is_some_and(|arg| arg == "report");
    if !is_short && !only_prints {
        // `linx` itself is a contestant.
        let command = cargo(&["build", "--release", "--locked", "--package", "linx-cli"]);
        if let Err(why) = done(command, mode, Duration::from_secs(900)) {
            return Verdict::Failed(format!("linx does not build: {why}"));
        }
    }
    // The short one shares what the tests were built with: it is not to be fast.
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
