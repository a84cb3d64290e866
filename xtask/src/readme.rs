//! README's first command, made to end by itself: the main job on this machine's own network.

use crate::Verdict;
use crate::run::{self, Mode, cargo};
use std::time::Duration;

/// How the command begins; README has it on a line of its own.
const BEGIN: &str = "cargo run --release -- ";

pub(crate) fn run(mode: Mode) -> Verdict {
    let text = match std::fs::read_to_string("README.md") {
        Ok(text) => text,
        Err(error) => return Verdict::Failed(format!("README.md: {error}")),
    };
    let Some(words) = text.lines().find_map(|line| line.strip_prefix(BEGIN)) else {
        return Verdict::Failed(format!("README.md has no line that begins with \"{BEGIN}\""));
    };
    let mut command = cargo(&["run", "--release", "--locked", "--"]);
    command.args(words.split_whitespace());
    if words.starts_with("monitor") {
        command.args(["--for", "2s"]);
    }
    let outcome = run::run(command, mode, Duration::from_secs(1200));
    match outcome.code {
        Some(0) => Verdict::Passed,
        // `monitor`: the time ran out, which is what was asked for.
        Some(4) if words.starts_with("monitor") => Verdict::Passed,
        _ => Verdict::Failed(outcome.why()),
    }
}
