//! What the tests need besides Rust: `ip` and `nft` as oracles, `strace` to make calls fail, `jq` for README's examples, and a
//! C++ compiler for libFuzzer.

use crate::Verdict;
use crate::run::{self, Mode, installed};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// (program, Debian's package, whether the tests cannot do without)
const NEEDED: [(&str, &str, bool); 5] = [
    ("ip", "iproute2", true),
    ("nft", "nftables", false),
    ("strace", "strace", false),
    ("jq", "jq", false),
    ("g++", "g++", false),
];

const TRIES: u32 = 3;

/// Installs what is missing, when it may.
pub(crate) fn run(mode: Mode) -> Verdict {
    let packages = missing();
    if packages.is_empty() {
        println!("ip, nft, strace, jq and g++ are installed");
        return Verdict::Passed;
    }
    let list = packages.join(" ");
    if !is_root() || !installed("apt-get") {
        return lacking(&format!("missing: {list}: as root, on Debian: apt-get install {list}"));
    }
    for attempt in 1..=TRIES {
        apt(mode, &["update"]);
        // One at a time, so that one that cannot be had leaves the others.
        for package in missing() {
            apt(mode, &["install", "--yes", "--no-install-recommends", package]);
        }
        if missing().is_empty() {
            return Verdict::Passed;
        }
        eprintln!("xtask: setup: try {attempt} of {TRIES} did not install {}", missing().join(" "));
        if attempt < TRIES {
            thread::sleep(Duration::from_secs(10));
        }
    }
    lacking(&format!("apt-get could not install {}", missing().join(" ")))
}

fn missing() -> Vec<&'static str> {
    NEEDED.iter().filter(|(program, ..)| !installed(program)).map(|(_, package, _)| *package).collect()
}

/// Something is missing: a failure only where the tests cannot do without it.
fn lacking(text: &str) -> Verdict {
    let vital = NEEDED.iter().any(|(program, _, vital)| *vital && !installed(program));
    if vital { Verdict::Failed(text.to_owned()) } else { Verdict::Skipped(text.to_owned()) }
}

fn apt(mode: Mode, args: &[&str]) {
    let mut command = Command::new("apt-get");
    command
        .args(["-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let outcome = run::run(command, mode, Duration::from_secs(300));
    if !outcome.ok() {
        eprintln!("xtask: setup: {}", outcome.why());
    }
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1).map(|id| id == "0"))
        .unwrap_or(false)
}
