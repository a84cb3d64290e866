//! Every test: `cargo nextest`, or `cargo test` where it is not installed, then the documentation's examples.

use crate::Verdict;
use crate::counts::Counts;
use crate::run::{self, Mode, cargo};
use crate::setup;
use std::process::Command;
use std::time::Duration;

/// Set-up, tests, examples. With arguments: only the tests, the arguments for the runner.
pub(crate) fn run_tests(mode: Mode, args: &[String]) -> (Verdict, Counts) {
    let (verdict, mut counts) = tests(mode, args);
    if !args.is_empty() {
        return (verdict, counts);
    }
    let (examples, more) = examples(mode);
    counts.passed += more.passed;
    counts.failed += more.failed;
    counts.skipped += more.skipped;
    (if verdict.failed() { verdict } else { examples }, counts)
}

/// The verb `test`.
pub(crate) fn run(mode: Mode, args: &[String]) -> Verdict {
    match setup::run(mode) {
        Verdict::Failed(why) => return Verdict::Failed(why),
        Verdict::Skipped(why) => eprintln!("xtask: {why}"),
        Verdict::Passed => {}
    }
    run_tests(mode, args).0
}

/// Unit and integration tests.
pub(crate) fn tests(mode: Mode, args: &[String]) -> (Verdict, Counts) {
    let mut command = if has_nextest() {
        cargo(&["nextest", "run", "--workspace", "--all-features", "--locked", "--profile", "ci"])
    } else {
        eprintln!("xtask: cargo-nextest is not installed: cargo test instead");
        cargo(&["test", "--workspace", "--all-features", "--locked", "--all-targets", "--no-fail-fast"])
    };
    command.args(args);
    judge(command, mode)
}

/// The examples in the documentation.
pub(crate) fn examples(mode: Mode) -> (Verdict, Counts) {
    judge(cargo(&["test", "--doc", "--workspace", "--all-features", "--locked"]), mode)
}

fn judge(mut command: Command, mode: Mode) -> (Verdict, Counts) {
    // Mirrors compare what they told with what they hold.
    command.env("RUST_BACKTRACE", "1").env("LINX_VALIDATE", "1");
    let outcome = run::run(command, mode, Duration::from_secs(1500));
    let counts = Counts::read(&outcome.lines);
    if outcome.ok() {
        return (Verdict::Passed, counts);
    }
    (Verdict::Failed(outcome.why()), counts)
}

fn has_nextest() -> bool {
    let mut command = cargo(&["nextest", "--version"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
