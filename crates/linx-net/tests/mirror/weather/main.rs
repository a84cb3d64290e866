//! A mirror in bad weather: each fault ends in a documented state (the table in `linx::mirror`), with no wrong data, no
//! hang, no busy loop and nothing left behind.
//!
//! Each run is a process of its own, so that what it uses can be measured and its limits can be changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod links;
mod loops;
mod namespaces;
#[allow(dead_code)]
#[path = "../oracle.rs"]
mod oracle;
mod process;
mod slow;
mod storms;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use linx::mirror::Watch;
use linx::{ErrorKind, Mirror};
use linx_test::{Churn, Dice, Namespace, PATIENCE, Usage, is_root, processor_time, until};

use oracle::differences;

/// Set in the process of one run: its seed.
const SEED: &str = "LINX_WEATHER_SEED";

/// A mirror ends so long after its namespace, at the latest.
const END: Duration = Duration::from_secs(10);

fn is_long() -> bool {
    std::env::var_os("LINX_LONG").is_some()
}

/// The one number or the other, when all is to be run.
fn long_or<T>(long: T, short: T) -> T {
    if is_long() { long } else { short }
}

/// Runs a scene with each seed, each in a process of its own, and looks at what it leaves behind there. `test` is the
/// name of the test that calls this.
#[track_caller]
fn each_seed(test: &str, scene: impl FnOnce(u64, Dice)) {
    each_seed_in(test, &[], long_or(20, 2), scene);
}

/// Runs a scene once, where a seed makes no difference.
#[track_caller]
fn once(test: &str, scene: impl FnOnce(u64, Dice)) {
    each_seed_in(test, &[], 1, scene);
}

/// The same, the process run by another program (`unshare …`).
#[track_caller]
fn each_seed_in(test: &str, before: &[&str], seeds: usize, scene: impl FnOnce(u64, Dice)) {
    if !is_root() {
        eprintln!("SKIPPED {test}: not root");
        return;
    }
    if let Some(seed) = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()) {
        let begun = Usage::now();
        scene(seed, Dice::new(seed));
        until("threads and descriptors as before", || {
            let ended = Usage::now();
            (ended.threads, ended.descriptors) == (begun.threads, begun.descriptors)
        });
        return;
    }
    let given = std::env::var("LINX_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or_else(|| u64::from(std::process::id()) << 8);
    let given = std::env::var("LINX_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let seeds: Vec<u64> = (first..).take(given.unwrap_or(seeds)).collect();
    for seeds in seeds.chunks(2) {
        let runs: Vec<(u64, Child)> = seeds.iter().map(|seed| (*seed, run(test, before, *seed))).collect();
        for (seed, child) in runs {
            let output = child.wait_with_output().unwrap();
            let (told, errors) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            told.lines()
                .filter_map(|line| line.find("figure:").and_then(|at| line.get(at..)))
                .for_each(|line| println!("{line}"));
            let is_fine = output.status.success() && told.contains("1 passed");
            assert!(
                is_fine,
                "repeat with LINX_SEED={seed} LINX_SEEDS=1: {:?}\n{told}\n{errors}",
                output.status
            );
        }
    }
}

fn run(test: &str, before: &[&str], seed: u64) -> Child {
    let own = std::env::current_exe().unwrap();
    // It checks each batch of changes against the whole state, which is not to be measured.
    let validates = !test.contains("storm");
    // A hang is a failure.
    Command::new("timeout")
        .args(["-k", "1", long_or("300", "90")])
        .args(before)
        .arg(own)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(SEED, seed.to_string())
        .env("LINX_VALIDATE", u8::from(validates).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A namespace with a bit of everything in it.
struct Bed {
    namespace: Namespace,
    churn: Churn,
}

impl Bed {
    fn new(seed: u64) -> Self {
        let mut bed = Self::calm(seed);
        bed.churn.steps(40);
        bed
    }

    /// One in which a storm's gateway is found: nothing random is done to the rules.
    fn calm(seed: u64) -> Self {
        let namespace = Namespace::new("weather");
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
        let mut churn = Churn::new(seed, &namespace, None);
        churn.settle_in();
        Self { namespace, churn }
    }

    /// Changes of everything that leave a storm alone, and are there or not.
    fn stir(&mut self) {
        let dice = self.churn.dice();
        let (mut lines, links) = (String::new(), ["v0", "v1", "v2", "v3", "br0"]);
        for _ in 0..20 {
            let (link, number) = (dice.pick(&links), dice.below(200));
            lines += &match dice.below(8) {
                0 => format!("link set {link} down\n"),
                1 | 2 => format!("link set {link} up\n"),
                3 => format!("address add 10.70.{number}.1/24 dev {link}\n"),
                4 => format!("address del 10.70.{number}.1/24 dev {link}\n"),
                5 => format!("route add 10.71.{number}.0/24 dev {link}\n"),
                6 => format!("neigh replace 10.70.{number}.9 lladdr 02:00:00:00:00:07 dev {link}\n"),
                _ => format!("rule add pref {number} from 10.72.{number}.0/24 table 100\n"),
            };
        }
        force(&self.namespace, &lines);
    }

    fn mirror(&self) -> Mirror {
        Mirror::builder(&self.namespace.netns()).audit(None).start().unwrap()
    }
}

/// Runs commands of `ip` in one process, whatever becomes of each.
fn force(namespace: &Namespace, lines: &str) {
    use std::io::Write;
    let words = ["-n", namespace.name(), "-force", "-batch", "-"];
    let mut ip = Command::new("ip").args(words).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    ip.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    ip.wait().unwrap();
}

/// Waits until a mirror is as a fresh list is; it must become so without an audit.
#[track_caller]
fn assert_converges(mirror: &Mirror, namespace: &Namespace) {
    let mut wrong = Vec::new();
    for _ in 0..10 {
        mirror.quiet(PATIENCE).unwrap();
        wrong = differences(mirror, namespace);
        if wrong.is_empty() {
            return;
        }
        // Some things happen by themselves meanwhile.
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{wrong:#?}\n{:?}", mirror.stats());
}

/// Nothing happens: nothing is done.
#[track_caller]
fn assert_idle() {
    let window = Duration::from_millis(250);
    let mut used = Vec::new();
    for _ in 0..4 {
        let begun = processor_time();
        std::thread::sleep(window);
        used.push(processor_time().saturating_sub(begun));
        if used.last().is_some_and(|used| *used * 5 < window) {
            return;
        }
    }
    panic!("of {window:?} it was busy {used:?}");
}

/// The namespace is gone: the mirror says so soon, to everybody, and again.
#[track_caller]
fn assert_gone(mirror: &Mirror, watch: &mut Watch) {
    let begun = Instant::now();
    let error = loop {
        match watch.next_timeout(PATIENCE) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it goes on"),
            Err(error) => break error,
        }
    };
    let took = begun.elapsed();
    assert_eq!(error.kind, ErrorKind::NamespaceGone, "{error}");
    assert!(took < END, "{took:?}");
    assert_eq!(watch.next().unwrap_err().kind, ErrorKind::NamespaceGone);
    assert_eq!(mirror.quiet(PATIENCE).unwrap_err().kind, ErrorKind::NamespaceGone);
    assert_eq!(mirror.watch().try_next().map(|_| ()).map_err(|error| error.kind), Ok(()), "its last state");
    println!("figure: ended after {took:?}");
}
