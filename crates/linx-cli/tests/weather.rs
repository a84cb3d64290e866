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

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
        loop {
            let ran = run(linx(["-n", namespace.name(), "list", "rule"])).ok();
            assert!(ran.lines().len() >= 1003);
            if ran.stderr.contains(&words) {
                break;
            }
            assert!(ran.stderr.is_empty(), "{ran:?}");
            assert!(Instant::now() < end, "it was always quiet");
        }
    });
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
