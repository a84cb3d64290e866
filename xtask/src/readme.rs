//! README's first command, made to end by itself: the main job on this machine's own network.

use crate::Verdict;
use crate::run::{self, Mode, cargo};
use std::time::Duration;

/// The line that README shows, and what is added to it here.
const COMMAND: &str = "cargo run --release -- monitor --snapshot";

pub(crate) fn run(mode: Mode) -> Verdict {
    match std::fs::read_to_string("README.md") {
        Ok(text) if text.lines().any(|line| line.trim_start_matches("$ ").starts_with(COMMAND)) => {}
        Ok(_) => return Verdict::Skipped(format!("README.md does not show: {COMMAND}")),
        Err(error) => return Verdict::Failed(format!("README.md: {error}")),
    }
    let words: Vec<&str> = COMMAND.split(' ').skip(1).collect();
    let mut command = cargo(&words);
    command.args(["--for", "2s"]);
    let outcome = run::run(command, mode, Duration::from_secs(600));
    // 4: the time ran out, which is what was asked for.
    match outcome.code {
        Some(0 | 4) => Verdict::Passed,
        _ => Verdict::Failed(outcome.why()),
    }
}
