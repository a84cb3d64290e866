//! Building and running the benchmarks: a workspace of their own, because of the peers.

use crate::Verdict;
use crate::run::{self, Mode, cargo};
use std::process::Command;
use std::time::Duration;

const MANIFEST: &str = "bench/Cargo.toml";
const PROGRAM: &str = "bench/target/release/linx-bench";

/// The verb `bench`. `--short` leaves out the peers, and so does `--no-peers`; all else is for the program.
pub(crate) fn run(mode: Mode, args: &[String]) -> Verdict {
    let short = args.iter().any(|arg| arg == "--short");
    let peers = !short && !args.iter().any(|arg| arg == "--no-peers");
    if !short {
        // `linx` itself is a contestant.
        let command = cargo(&["build", "--release", "--locked", "--package", "linx-cli"]);
        if let Err(why) = done(command, mode, Duration::from_secs(900)) {
            return Verdict::Failed(format!("linx does not build: {why}"));
        }
    }
    let mut command = cargo(&["build", "--release", "--locked", "--manifest-path", MANIFEST]);
    if peers {
        command.args(["--features", "peers"]);
    }
    if let Err(why) = done(command, mode, Duration::from_secs(900)) {
        return Verdict::Failed(format!("the benchmarks do not build: {why}"));
    }
    let mut command = Command::new(PROGRAM);
    command.args(args.iter().filter(|arg| *arg != "--no-peers"));
    match done(command, mode, Duration::from_secs(3600)) {
        Ok(()) => Verdict::Passed,
        Err(why) => Verdict::Failed(why),
    }
}

fn done(command: Command, mode: Mode, limit: Duration) -> Result<(), String> {
    let outcome = run::run(command, mode, limit);
    if outcome.ok() { Ok(()) } else { Err(outcome.why()) }
}
