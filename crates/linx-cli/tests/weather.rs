//! Bad weather: lists and monitors while the kernel's state changes faster than it is read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod common;

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{PATIENCE, Running, linx, run};
use linx_test::{Namespace, StopOnDrop, is_root, skip_unless};

/// A list of rules that never becomes quiet is joined from several readings (CONTRACT 3.2), and says so.
#[test]
fn a_list_that_is_not_one_moments_state_says_so() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("unsettled");
    let rules: String = (0..1000)
        .map(|n| format!("rule add priority {} from 10.9.{}.{} table 7\n", 1000 + n, n / 250, n % 250))
        .collect();
    namespace.batch(&rules);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let churn = "rule add priority 500 from 10.11.0.1 table 7\nrule del priority 500\n".repeat(500);
            while !stop.load(Ordering::Relaxed) {
                namespace.batch(&churn);
            }
        });
        let _stop = StopOnDrop(&stop);
        let end = Instant::now() + PATIENCE;
        let words = format!("namespace {}: rules came or went", namespace.name());
        let mut unsettled = [0, 0];
        while unsettled.contains(&0) {
            for (json, seen) in unsettled.iter_mut().enumerate() {
                let args = ["-n", namespace.name(), "list", "rule", "-j"];
                let ran = run(linx(&args[..4 + json])).ok();
                assert!(ran.lines().len() >= 1003);
                let told = ran.stderr.contains(&words);
                assert!(told || ran.stderr.is_empty(), "{ran:?}");
                *seen += usize::from(told);
                if json == 1 {
                    // Each record says so, or none does.
                    assert!(
                        ran.json().iter().all(|line| line["unsettled"].as_bool().unwrap_or(false) == told)
                    );
                }
            }
            assert!(Instant::now() < end, "it was always quiet: {unsettled:?}");
        }
    });
}

/// The kernel never says of routes that their dump is torn; lost answers tear it, too. strace makes the last read of a
/// list fail as an overflow does.
#[test]
fn a_torn_list_of_routes_says_so_in_its_last_line() {
    skip_unless!(is_root(), "not root");
    skip_unless!(Command::new("strace").arg("-V").output().is_ok(), "no strace");
    let namespace = Namespace::new("tornroute");
    let routes: String =
        (0..3000).map(|n| format!("route add 10.8.{}.{} dev lo\n", n / 250, n % 250)).collect();
    namespace.batch(&format!("link set lo up\n{routes}"));
    let under_strace = |args: &[&str], json: bool| {
        let list = linx(["-n", namespace.name(), "list", "route", "-j"]);
        let mut command = Command::new("strace");
        command.args(args).arg("--").arg(list.get_program());
        command.args(list.get_args().take(if json { 5 } else { 4 })).stdin(Stdio::null());
        run(command)
    };
    let log = std::env::temp_dir().join(format!("linx-torn-{}", std::process::id()));
    let log = log.to_str().unwrap();
    let whole =
        under_strace(&["-o", log, "-e", "trace=recvfrom,recvmsg", "-e", "raw=recvfrom,recvmsg"], true);
    let calls = std::fs::read_to_string(log).unwrap();
    std::fs::remove_file(log).unwrap();
    skip_unless!(whole.status == Some(0) && calls.contains("recv"), "strace cannot trace");
    assert_eq!(whole.json().len(), 3000);
    let reads: Vec<_> = calls.lines().filter(|line| line.starts_with("recv")).collect();
    let call = reads.last().unwrap().split('(').next().unwrap();
    let reads = reads.iter().filter(|line| line.starts_with(call)).count();
    // The end of the dump, its last routes, and those before them.
    for (when, expected) in [(reads, 3000..3001), (reads - 1, 1000..3000), (reads - 2, 500..2500)] {
        let inject = format!("inject={call}:error=ENOBUFS:when={when}");
        let torn = under_strace(&["-o", "/dev/null", "-e", &inject], true);
        assert_eq!(torn.status, Some(2), "{torn:?}");
        assert!(torn.stderr.contains("list route: ") && torn.stderr.contains("torn"), "{}", torn.stderr);
        let lines = torn.json();
        let (last, routes) = lines.split_last().unwrap();
        assert_eq!(last["op"], "torn", "{last}");
        assert_eq!(last["seq"].as_u64().unwrap(), routes.len() as u64 + 1);
        assert!(expected.contains(&routes.len()), "{}", routes.len());
        assert!(routes.iter().all(|line| line["op"] == "list"));
        let people = under_strace(&["-o", "/dev/null", "-e", &inject], false);
        assert_eq!((people.status, people.lines().len()), (Some(2), routes.len()));
    }
}

/// `timeout` sends its signal to its child and to the child's group: that is one wish for a tidy end.
#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    skip_unless!(is_root(), "not root");
    const ROUTES: usize = 3000;
    let namespace = Namespace::new("twice");
    let routes: String =
        (0..ROUTES).map(|n| format!("route add 10.8.{}.{} dev lo table 7\n", n / 250, n % 250)).collect();
    namespace.batch(&format!("link set lo up\n{routes}"));
    let args = ["-n", namespace.name(), "-j", "monitor", "--snapshot", "route", "table", "7"];
    // What ended, unless it took so long here that the signals were two, or nobody read.
    let interrupted = || {
        let mut child = linx(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut text = vec![0];
        stdout.read_exact(&mut text).unwrap();
        // More than a pipe holds: the end has to wait for who reads.
        let begun = Instant::now();
        linx_test::interrupt(&child);
        std::thread::sleep(Duration::from_millis(10));
        linx_test::interrupt(&child);
        let is_one = begun.elapsed() < Duration::from_millis(100);
        std::thread::sleep(Duration::from_millis(300));
        let is_read = begun.elapsed() < Duration::from_secs(2);
        stdout.read_to_end(&mut text).unwrap();
        let ended = child.wait_with_output().unwrap();
        (is_one && is_read).then_some((text, ended))
    };
    let (text, ended) = (0..10).find_map(|_| interrupted()).expect("a machine that is not so busy");
    // Whether the end of the state was told before the signal came is not the point.
    let is_listed = |line: &&[u8]| line.windows(11).any(|part| part == br#""op":"list""#);
    let listed = text.split(|byte| *byte == b'\n').filter(is_listed).count();
    assert_eq!(
        (ended.status.code(), listed),
        (Some(0), ROUTES),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// `time` is when something was read: it never goes backwards in a stream, markers of losses included.
#[test]
fn the_time_of_a_loss_is_not_later_than_what_follows() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("losstime");
    namespace.batch("link set lo up\n");
    let name = namespace.name();
    let mut monitor =
        Running::start(linx(["-j", "-n", name, "monitor", "--snapshot", "--rcvbuf", "2K", "route"]));
    monitor.find_json(|line| line["op"] == "synced");
    let routes = |op: &str| -> String {
        (0..500).map(|n| format!("route {op} 10.7.{}.{}/32 dev lo\n", n / 250, n % 250)).collect()
    };
    let both = routes("add") + &routes("del");
    let (mut losses, mut last) = (0, String::new());
    let end = Instant::now() + PATIENCE;
    while losses < 3 {
        assert!(Instant::now() < end, "{losses} losses");
        namespace.batch(&both);
        // Either something was lost, which is told, or all of it is.
        for _ in 0..1000 {
            let line = monitor.json();
            let time = line["time"].as_str().unwrap().to_owned();
            assert!(last <= time, "{last} before {line}");
            last = time;
            if line["op"] == "resync_needed" {
                losses += 1;
                break;
            }
        }
    }
}

/// Whoever asks for the end has seen what went before.
#[test]
fn what_was_announced_before_a_signal_is_told() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("lastword");
    namespace.batch("link set lo up\n");
    for (round, what) in ["monitor --snapshot", "watch"].into_iter().cycle().take(12).enumerate() {
        let line = format!("-n {} -j {what} route", namespace.name());
        let mut running = Running::start(linx(line.split_whitespace()));
        running.find_json(|line| line["op"] == "synced");
        running.signal("STOP");
        namespace.ip(&format!("route add 10.7.{round}.0/24 dev lo"));
        running.signal("INT");
        running.signal("CONT");
        let ended = running.end();
        let is_told = ended.stdout.iter().any(|line| line.contains(&format!("10.7.{round}.0/24")));
        assert_eq!((ended.status, is_told), (Some(0), true), "{what}: {ended:?}");
    }
}

/// However much it was; and who was stopped meanwhile is not taken for one that waits for its reader.
#[test]
fn much_that_was_announced_before_a_signal_is_told_storm() {
    const ROUTES: usize = 20_000;
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("lastwords");
    namespace.batch("link set lo up\n");
    let of = |op: &str| -> String {
        let route =
            |n: usize| format!("route {op} 10.{}.{}.{} dev lo\n", 8 + (n >> 16), n >> 8 & 255, n & 255);
        (0..ROUTES).map(route).collect()
    };
    for (what, op) in [("-j monitor --snapshot route", "add"), ("watch --summary --fold 0 route", "del")] {
        let line = format!("-n {} {what}", namespace.name());
        let mut running = Running::start(linx(line.split_whitespace()));
        match op {
            "add" => _ = running.find_json(|line| line["op"] == "synced"),
            _ => _ = running.find_note(|line| line.contains("hidden: ")),
        }
        running.signal("STOP");
        namespace.batch(&of(op));
        running.signal("INT");
        running.signal("CONT");
        std::thread::sleep(std::time::Duration::from_millis(20));
        running.signal("STOP");
        std::thread::sleep(std::time::Duration::from_millis(3500));
        running.signal("CONT");
        let ended = running.end();
        let told = ended.stdout.iter().filter(|line| line.contains("10.")).count();
        assert_eq!((ended.status, told), (Some(0), ROUTES), "{what}: {:?}", ended.stderr);
    }
}

/// What keeps a processor busy.
struct Hog(std::process::Child);

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who waits for a processor waits for nobody to take the output.
#[test]
fn who_is_given_no_processor_ends_in_good_order_exclusive() {
    const ROUTES: usize = 4000;
    skip_unless!(is_root(), "not root");
    let idly = |command: &Command| {
        let mut idly = Command::new("taskset");
        idly.args(["-c", "0", "chrt", "-i", "0"]).arg(command.get_program()).args(command.get_args());
        idly
    };
    let can = idly(&Command::new("true")).status().is_ok_and(|status| status.success());
    skip_unless!(can, "taskset and chrt may not choose processor and policy");
    let namespace = Namespace::new("starved");
    namespace.batch("link set lo up\n");
    let line = format!("-n {} watch --summary --fold 0 route", namespace.name());
    let mut running = Running::start(idly(&linx(line.split_whitespace())));
    running.find_note(|line| line.contains("hidden: "));
    let routes: String =
        (0..ROUTES).map(|n| format!("route add 10.8.{}.{} dev lo\n", n / 250, n % 250)).collect();
    namespace.batch(&routes);
    // It has read them when it rests.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let hog =
        Hog(Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]).spawn().unwrap());
    running.signal("INT");
    let ended = running.end();
    drop(hog);
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), ROUTES), "{:?}", ended.stderr);
}
