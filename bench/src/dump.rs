//! Dumps of all routes from the kernel: the raw receive loop, Linx, the peers and `ip`.

use std::hint::black_box;
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use linx::{Handle, RouteFilter};
use linx_wire::header::{Messages, control};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};

use crate::commands::{self, Printed};
use crate::load::Sender;
use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most};
use crate::{Scale, libmnl, measure};

pub const RAW: &str = "raw receive loop, 32 KiB";

const CALLBACK: &str = "linx, typed callback";
const STREAM: &str = "linx, stream";
const ALL: &str = "linx, whole list";

/// The commands that list routes.
const COMMANDS: [(&str, Printed); 4] = [
    ("ip route", commands::LINES),
    ("ip -j route", commands::ITEMS),
    ("linx list route", commands::LINES),
    ("linx list route -j", commands::JSON_ROUTES),
];

const GOALS: [Goal; 5] = [
    at_most(CALLBACK, 1.15, RAW),
    at_least("nlink, streamed", 1.6, CALLBACK),
    at_least("rtnetlink", 3.4, CALLBACK),
    at_least("ip -j route", 5.5, CALLBACK),
    at_most("linx list route -j", 0.35, "ip -j route"),
];

/// The dump tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title("Dump", "ms of CPU time for all IPv4 routes of a namespace, in a process of its own.");
    for count in if scale.short { &[2_000][..] } else { &[100_000, 1_000_000] } {
        let namespace = Namespace::new()?;
        Sender::new(&namespace)?.fill(*count)?;
        let ours = |name: &'static str| Contestant::new(name, turn(&namespace, name, *count));
        let mut contestants: Vec<_> = [RAW, CALLBACK, STREAM, ALL].map(ours).into();
        if !scale.short {
            contestants.extend(strangers(&namespace, *count));
        }
        for (line, printed) in COMMANDS {
            if !scale.short || line.starts_with("linx ") {
                contestants.push(commands::lister(&namespace, line, printed, wanted(*count)));
            }
        }
        report.race(&format!("{count} routes"), "CPU ms", true, contestants, &GOALS)?;
    }
    Ok(())
}

fn strangers(namespace: &Namespace, count: u32) -> Vec<Contestant<'_>> {
    let mut all = Vec::new();
    for name in crate::peers::DUMPS {
        all.push(Contestant::stranger(name, turn(namespace, name, count)));
    }
    all.push(Contestant::stranger(libmnl::NAME, turn(namespace, libmnl::NAME, count)));
    if count < 1_000_000 {
        // A hundred times as long as everybody else.
        all.push(Contestant::stranger("pyroute2", pyroute2(namespace, count)).at_most(1));
    }
    all
}

/// How many routes there are when so many were added: the link's own are there too.
fn wanted(count: u32) -> RangeInclusive<u32> {
    count..=count + 100
}

/// A list of pyroute2's, of which the CPU time before it is taken off.
fn pyroute2(namespace: &Namespace, count: u32) -> impl FnMut() -> Outcome<Sample> + '_ {
    const SCRIPT: &str = "import time, resource
from pyroute2 import IPRoute
with IPRoute() as ip:
    cpu, wall = time.process_time(), time.monotonic()
    n = len(list(ip.get_routes(family=2)))
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
print(cpu * 1e3, wall * 1e3, n)";
    move || {
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = namespace.spawn(command, None)?;
        let complaint = child.stderr.take();
        figures(child, count).map_err(|why| {
            let complaint = complaint.and_then(|stderr| std::io::read_to_string(stderr).ok());
            pyroute2_fault(&why, &complaint.unwrap_or_default())
        })
    }
}

/// Why pyroute2 has no figures: Python's last line says so, if there is one.
fn pyroute2_fault(why: &str, complaint: &str) -> String {
    match complaint.lines().rfind(|line| !line.trim().is_empty()) {
        Some("ModuleNotFoundError: No module named 'pyroute2'") => "it is not installed".to_owned(),
        Some(line) => format!("{why}: {}", line.trim()),
        None => why.to_owned(),
    }
}

/// One dump in a process of its own.
fn turn<'a>(
    namespace: &'a Namespace,
    name: &'static str,
    count: u32,
) -> impl FnMut() -> Outcome<Sample> + 'a {
    move || {
        let mut command = crate::child(&["dump", name])?;
        command.stdout(Stdio::piped());
        figures(namespace.spawn(command, None)?, count)
    }
}

/// What a process says that lists routes: CPU ms, wall ms and their number.
fn figures(mut child: Child, count: u32) -> Outcome<Sample> {
    let said = child.stdout.take().map(std::io::read_to_string).transpose();
    let said = said.map_err(|error| error.to_string())?.unwrap_or_default();
    let usage = measure::wait(child)?;
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[cpu, wall, routes] = figures.as_slice() else { return Err(format!("it said {said:?}")) };
    let wanted = wanted(count);
    if routes < f64::from(*wanted.start()) || routes > f64::from(*wanted.end()) {
        return Err(format!("{routes} routes were read of {count}"));
    }
    Ok(Sample::new(cpu).with("wall ms", wall).with("most memory, MB", usage.rss_mb))
}

/// In the process: reads all routes and prints CPU ms, wall ms and their number.
pub fn child(name: &str) -> Outcome<()> {
    let (cpu, wall) = (measure::process_cpu(), Instant::now());
    let routes = match name {
        RAW => raw(2)?,
        CALLBACK | STREAM | ALL => linx(name).map_err(|error| error.to_string())?,
        libmnl::NAME => libmnl::dump()?,
        _ => crate::peers::dump(name)?,
    };
    let cpu = (measure::process_cpu() - cpu).as_secs_f64() * 1e3;
    println!("{cpu} {} {routes}", wall.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// The three ways to read a list.
fn linx(name: &str) -> Result<usize, linx::Error> {
    let routes = Handle::host()?.routes_by(RouteFilter { family: 2, ..RouteFilter::default() });
    let mut count = 0;
    match name {
        CALLBACK => routes.for_each(|route| {
            black_box(&route);
            count += 1;
        })?,
        STREAM => {
            for route in routes.stream() {
                black_box(&route?);
                count += 1;
            }
        }
        _ => count = routes.all()?.len(),
    }
    Ok(count)
}

/// The least that a dump costs: receive, and step from header to header.
pub fn raw(family: u8) -> Outcome<usize> {
    let io = |error: rustix::io::Errno| error.to_string();
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None).map_err(io)?;
    let request = RouteFilter { family, ..RouteFilter::default() }.request();
    let request = request.finish(1, 0).map_err(|error| error.to_string())?;
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).map_err(io)?;
    let mut buffer = vec![0; 32 * 1024];
    let mut routes = 0;
    loop {
        let (length, _) =
            rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()).map_err(io)?;
        for message in Messages::new(&buffer[..length]) {
            match message.map_err(|error| error.to_string())?.header.message_type {
                control::DONE => return Ok(routes),
                control::ERROR => return Err("the kernel refuses".to_owned()),
                _ => routes += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pyroute2_is_only_said_to_be_missing_where_it_is() {
        let missing = "Traceback (most recent call last):\n  File \"<string>\", line 2, in <module>\nModuleNotFoundError: No module named 'pyroute2'\n";
        assert_eq!(pyroute2_fault("ended with status 1", missing), "it is not installed");
        let broken =
            "Traceback (most recent call last):\nModuleNotFoundError: No module named 'pyroute2.netlink'\n";
        assert_eq!(
            pyroute2_fault("ended with status 1", broken),
            "ended with status 1: ModuleNotFoundError: No module named 'pyroute2.netlink'"
        );
        assert_eq!(pyroute2_fault("7 routes were read of 100", ""), "7 routes were read of 100");
    }
}
