//! What many namespaces cost in which nothing happens. `LINX_LONG=1`: a thousand of them.
//!
//! They are made where nobody else sees them (in mount, pid and network namespaces of their own), and end with the process.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linx::mirror::Fleet;
use linx_test::{is_root, skip_unless};

use crate::{alone, descriptors, own_world};

/// Tells the child how many.
const ROLE: &str = "LINX_FLEET_IDLE";

/// With the rule sets of nf_tables as well.
const NFT: &str = "LINX_FLEET_NFT";

fn make(count: usize) {
    let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let text: String = (0..count).map(|n| format!("netns add idle{n}\n")).collect();
    ip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(ip.wait().unwrap().success());
}

/// KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Processor time of this process, its threads that have ended included.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn namespaces_in_which_nothing_happens_cost_next_to_nothing() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let is_long = std::env::var_os("LINX_LONG").is_some_and(|value| value == "1");
    let count = if is_long { 1000 } else { 100 };
    // Under the soft limit that most shells and services have.
    let status = own_world("idle::a_fleet_of_its_own", "ulimit -S -n 1024")
        .env(ROLE, count.to_string())
        .status()
        .unwrap();
    assert!(status.success());
}

/// The child of the test above: a process with nothing but a fleet.
#[test]
fn a_fleet_of_its_own() {
    let Some(count) = std::env::var(ROLE).ok().and_then(|count| count.parse::<usize>().ok()) else { return };
    make(count);
    linx_sys::raise_nofile().unwrap();
    let (before, held) = (resident(), descriptors());
    let begun = Instant::now();
    let all = |builder: linx::mirror::Builder| {
        let builder = builder.links().addresses().routes().neighbours().rules().nexthops();
        if std::env::var_os(NFT).is_some() { builder.nft() } else { builder }
    };
    let fleet = Fleet::builder().template(all).start().unwrap();
    let started = begun.elapsed();
    assert_eq!(fleet.namespaces().len(), count + 1, "these and one's own");
    let cookies = fleet.namespaces().into_iter().filter_map(|it| it.cookie);
    let mirrors: Vec<_> = cookies.filter_map(|cookie| fleet.mirror(cookie)).collect();
    assert_eq!(mirrors.len(), count + 1);
    std::thread::sleep(Duration::from_secs(2));
    let measured = Duration::from_secs(if count > 100 { 60 } else { 5 });
    let spent = cpu();
    std::thread::sleep(measured);
    let spent = cpu() - spent;
    let share = spent.as_secs_f64() / measured.as_secs_f64() * 100.0;
    let (kib, files) = (resident(), descriptors() - held);
    println!(
        "{count} namespaces, read in {started:?}: {} MB resident ({} before), {files} descriptors ({:.1} each), \
         {share:.2} % of a core in {measured:?}",
        kib / 1024,
        before / 1024,
        files as f64 / count as f64,
    );
    assert!(kib <= 64 * 1024, "{kib} KiB");
    let each = if std::env::var_os(NFT).is_some() { 8 } else { 5 };
    assert!(files <= count * each, "{files}");
    let before = cpu();
    mirrors.iter().for_each(linx::Mirror::audit);
    fleet.quiet(crate::PATIENCE).unwrap();
    let spent = cpu() - before;
    println!(
        "to compare each with the kernel: {spent:?} in all; {} MB resident afterwards",
        resident() / 1024
    );
}
