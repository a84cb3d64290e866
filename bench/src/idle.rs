//! What many namespaces cost in which nothing happens: a fleet of mirrors, in a process of its own.
//!
//! They are made where nobody else sees them, in mount, pid and network namespaces of their own, and end with the process.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use linx::mirror::{Builder, Fleet};

use crate::Scale;
use crate::measure;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, under};

const ROUTE: &str = "linx, a fleet, all of rtnetlink";
const NFT: &str = "linx, a fleet, all of rtnetlink and nf_tables";
const RESIDENT: &str = "resident, MB";
/// How long after everything was read idleness begins: to see that it works, and to be measured.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(10);

const GOALS: [Goal; 4] = [
    under(ROUTE, 0.1, None),
    under(ROUTE, 64.0, Some(RESIDENT)),
    under(NFT, 0.1, None),
    under(NFT, 64.0, Some(RESIDENT)),
];

/// The table of idle namespaces.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    let (count, seconds) = if scale.short { (10, 1) } else { (1_000, 60) };
    report.title(
        "Idle namespaces",
        "% of a core that a process takes that mirrors each of them, in which nothing happens.",
    );
    report.rounds_at_most(1);
    let contestant = |name: &'static str| Contestant::new(name, move || turn(name, count, seconds));
    let title = format!("{count} idle namespaces, {seconds} s");
    report.race(&title, "% of a core", true, [ROUTE, NFT].map(contestant).into(), &GOALS)
}

/// A fleet in a world of its own.
fn turn(name: &str, count: u32, seconds: u32) -> Outcome<Sample> {
    let (count, seconds) = (count.to_string(), seconds.to_string());
    let child = crate::child(&["idle", name, &count, &seconds])?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "sh", "-c"]);
    command.arg("mount -t tmpfs none /run && mkdir /run/netns && exec \"$0\" \"$@\"");
    command.arg(child.get_program()).args(child.get_args()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("unshare: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[share, resident, start, each] = figures.as_slice() else { return Err(format!("it said {said:?}")) };
    let sample = Sample::new(share).with(RESIDENT, resident).with("all read, s", start);
    Ok(sample.with("descriptors a namespace", each))
}

/// In the process: makes them, waits, and prints % of a core, resident MB, seconds until all was read, descriptors each.
pub fn child(name: &str, count: &str, seconds: &str) -> Outcome<()> {
    let count: usize = count.parse().map_err(|_| "no number")?;
    let seconds = Duration::from_secs(seconds.parse().map_err(|_| "no number")?);
    let mut ip = Command::new("ip");
    let mut ip =
        ip.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().map_err(|error| format!("ip: {error}"))?;
    let text: String = (0..count).map(|n| format!("netns add idle{n}\n")).collect();
    let written = ip.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    written.transpose().map_err(|error| error.to_string())?;
    if !ip.wait().is_ok_and(|status| status.success()) {
        return Err("ip netns add failed".to_owned());
    }
    linx_sys::raise_nofile().map_err(|error| error.to_string())?;
    let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let (held, begun) = (descriptors(), Instant::now());
    let with_nft = name == NFT;
    let all = move |builder: Builder| {
        let builder = builder.links().addresses().routes().neighbours().rules().nexthops();
        if with_nft { builder.nft() } else { builder }
    };
    let fleet = Fleet::builder().template(all).start().map_err(|error| error.to_string())?;
    let started = begun.elapsed();
    let mirrored = fleet.namespaces().len();
    // These, and one's own.
    if mirrored != count + 1 {
        return Err(format!("{mirrored} namespaces are mirrored of {count}"));
    }
    // What the beginning leaves to do is done then.
    std::thread::sleep(if seconds < Duration::from_secs(10) { SOON } else { LATER });
    let spent = measure::process_cpu();
    std::thread::sleep(seconds);
    let spent = measure::process_cpu() - spent;
    let share = 100.0 * spent.as_secs_f64() / seconds.as_secs_f64();
    let each = (descriptors() - held) as f64 / count as f64;
    println!("{share} {} {} {each}", measure::resident()?, started.as_secs_f64());
    Ok(())
}
