//! Monitors of route events, each in a process of its own on core 1, and how they are measured.
//!
//! A monitor counts events until its standard input is closed, then says how many they were. Its CPU time is read by
//! the parent, from the kernel's clock of that process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linx::route::{Monitor, Notice, NoticeRef};
use linx::{Group, Object, ObjectRef, Operation, RouteView};
use linx_wire::attr::Attrs;
use linx_wire::header::{Message, Messages};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketType, sockopt};
use rustix::process::Signal;

use crate::load::FIRST;
use crate::measure;
use crate::mirror;
use crate::namespace::Namespace;
use crate::nft::monitor as nft;
use crate::report::Outcome;

/// The plain loop that everybody starts with: a blocking receive an event.
pub const RAW: &str = "raw, blocking";
/// As most programs would use it: owned notices, one by one.
pub const LINX: &str = "linx";
/// Borrowed ones, passed to a callback.
pub const BORROWED: &str = "linx, typed callback";
/// Asks again and again, never sleeps.
pub const RAW_BUSY: &str = "raw, busy poll";
/// The same with `try_recv`.
pub const BUSY: &str = "linx, busy poll (try_recv)";
/// The core of monitors; the sender is on core 0.
pub const CORE: usize = 1;

/// `RTM_NEWROUTE`
pub const NEWROUTE: u16 = 24;
/// `RTM_DELROUTE`
const DELROUTE: u16 = 25;

static EVENTS: AtomicU64 = AtomicU64::new(0);
static OVERFLOWS: AtomicU64 = AtomicU64::new(0);
/// Counts what was not counted one by one, before the figures are told.
pub static LAST: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();
/// When each route's addition was in hand, ns; only where latency is measured.
static TIMES: OnceLock<Box<[AtomicU64]>> = OnceLock::new();

/// An event is in hand; `destination` of an addition.
#[inline]
pub fn event(destination: impl FnOnce() -> Option<u32>) {
    EVENTS.store(EVENTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    if let Some(times) = TIMES.get()
        && let Some(number) = destination().and_then(|address| address.checked_sub(FIRST))
        && let Some(time) = times.get(number as usize)
    {
        time.store(measure::now().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// So many events are in hand.
pub fn events(count: u64) {
    EVENTS.store(EVENTS.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

/// The monitor was told that it lost events.
pub fn overflow() {
    OVERFLOWS.store(OVERFLOWS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The monitor hears from now on.
pub fn ready() {
    println!("READY");
    let _ = std::io::stdout().flush();
}

/// In the process: monitors until standard input is closed.
pub fn child(name: &str, rcvbuf: &str, timed: &str) -> Outcome<()> {
    let rcvbuf: usize = rcvbuf.parse().map_err(|_| "no size")?;
    let timed: usize = timed.parse().map_err(|_| "no number")?;
    if timed > 0 {
        let _ = TIMES.set((0..timed).map(|_| AtomicU64::new(0)).collect());
    }
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        if let Some(count) = LAST.get() {
            count();
        }
        println!("{} {}", EVENTS.load(Ordering::Relaxed), OVERFLOWS.load(Ordering::Relaxed));
        for time in TIMES.get().into_iter().flatten() {
            println!("{}", time.load(Ordering::Relaxed));
        }
        std::process::exit(0);
    });
    match name {
        // Group 7 is RTNLGRP_IPV4_ROUTE.
        RAW | RAW_BUSY => {
            raw(None, 1 << 6, rcvbuf, name == RAW_BUSY, |message| match message.header.message_type {
                NEWROUTE => event(|| destination(message.payload)),
                DELROUTE => event(|| None),
                _ => {}
            })
        }
        nft::RAW | nft::LINX | nft::READ | nft::NLINK => nft::run(name, rcvbuf),
        mirror::ALONE | mirror::WATCHED | mirror::WATCHED_BY_5 => mirror::monitor(name, rcvbuf),
        crate::libmnl::NAME => crate::libmnl::monitor(rcvbuf),
        LINX | BORROWED | BUSY => linx(name, rcvbuf).map_err(|error| error.to_string()),
        _ => crate::peers::monitor(name, rcvbuf),
    }
}

/// Receives one datagram after the other of these groups, and steps from header to header; `busy`: never sleeps.
pub fn raw(
    protocol: Option<Protocol>,
    groups: u32,
    rcvbuf: usize,
    busy: bool,
    mut each: impl FnMut(&Message<'_>),
) -> Outcome<()> {
    let io = |error: rustix::io::Errno| error.to_string();
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, protocol).map_err(io)?;
    sockopt::set_socket_recv_buffer_size_force(&socket, rcvbuf).map_err(io)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups)).map_err(io)?;
    ready();
    let mut buffer = vec![0; 32 * 1024];
    let flags = if busy { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
    loop {
        let length = match rustix::net::recv(&socket, buffer.as_mut_slice(), flags) {
            Ok((length, _)) => length,
            Err(rustix::io::Errno::AGAIN) => continue,
            Err(rustix::io::Errno::NOBUFS) => {
                overflow();
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        for message in Messages::new(&buffer[..length]) {
            each(&message.map_err(|error| error.to_string())?);
        }
    }
}

fn linx(name: &str, rcvbuf: usize) -> Result<(), linx::Error> {
    let builder = Monitor::builder().groups(&[Group::IPV4_ROUTE]).rcvbuf(rcvbuf);
    let mut monitor = builder.subscribe()?;
    ready();
    if name == LINX {
        loop {
            owned(&monitor.recv()?);
        }
    }
    if name == BUSY {
        loop {
            if let Some(notice) = monitor.try_recv()? {
                owned(&notice);
            }
        }
    }
    monitor.for_each_ref(None, |notice| {
        match notice {
            NoticeRef::Event(told) => match told.object {
                ObjectRef::Route(route) => event(|| added(told.op, &route)),
                _ => {}
            },
            NoticeRef::Notice(notice) => owned(&notice),
            _ => {}
        }
        ControlFlow::Continue(())
    })
}

fn owned(notice: &Notice) {
    match notice {
        Notice::Event(told) => {
            if let Object::Route(route) = &told.object {
                event(|| added(told.op, route));
            }
        }
        Notice::ResyncNeeded(_) => overflow(),
        _ => {}
    }
}

fn added(op: Operation, route: &impl RouteView) -> Option<u32> {
    match route.destination()?.addr() {
        IpAddr::V4(address) if op == Operation::New => Some(address.to_bits()),
        _ => None,
    }
}

fn destination(payload: &[u8]) -> Option<u32> {
    let attr = Attrs::new(payload.get(12..)?).filter_map(Result::ok).find(|attr| attr.number() == 1)?;
    Some(u32::from_be_bytes(*attr.payload.first_chunk()?))
}

/// A monitor that hears.
pub struct Measured {
    child: Child,
    before: Duration,
    faults: u64,
    heard: Heard,
    /// It is never calm.
    busy: bool,
}

enum Heard {
    /// It counts.
    Counts(BufReader<std::process::ChildStdout>),
    /// Its output has one of these an event; so many were there before.
    Lines(PathBuf, &'static [u8], u64),
}

/// What a monitor came to.
pub struct Verdict {
    /// CPU time from when it heard to when it was through.
    pub cpu: Duration,
    /// Events that it delivered.
    pub events: u64,
    /// When each addition was in hand, ns; where that was asked for.
    pub times: Vec<u64>,
    /// Most memory that it ever had.
    pub peak_mb: f64,
    /// How often it was told that it lost events.
    pub overflows: u64,
    /// Pages that it touched for the first time since it heard.
    pub faults: u64,
}

impl Verdict {
    /// Who hears nothing costs nothing, and who counts twice half as much: neither is a figure. What else happens
    /// meanwhile (an address that becomes usable, the second line of a large commit) is little.
    pub fn is_plausible(&self, sent: u64) -> Outcome<()> {
        match self.events {
            0 => Err(format!("it heard none of {sent} events")),
            heard if heard > sent + sent / 20 + 20 => Err(format!("it heard {heard} events of {sent}")),
            _ => Ok(()),
        }
    }
}

impl Measured {
    /// Starts one of this program's.
    pub fn start(namespace: &Namespace, name: &str, rcvbuf: usize, timed: usize) -> Outcome<Self> {
        let mut command = crate::child(&["monitor", name, &rcvbuf.to_string(), &timed.to_string()])?;
        command.stdout(Stdio::piped());
        let mut child = namespace.spawn(command, Some(CORE))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut first = String::new();
        lines.read_line(&mut first).map_err(|error| error.to_string())?;
        if first.trim() != "READY" {
            return Err(format!("it is not ready: {first:?}"));
        }
        let busy = matches!(name, RAW_BUSY | BUSY);
        let before = settled(child.id(), busy)?;
        let faults = measure::faults_of(child.id())?;
        Ok(Self { child, before, faults, heard: Heard::Counts(lines), busy })
    }

    /// Starts a command that writes `mark` once an event. `poke` makes some, so that it shows when it hears.
    pub fn command(
        namespace: &Namespace,
        mut command: Command,
        mark: &'static [u8],
        poke: &mut dyn FnMut() -> Outcome<()>,
    ) -> Outcome<Self> {
        let path = PathBuf::from(format!("/dev/shm/linx-bench-{}", std::process::id()));
        let file = std::fs::File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        command.stdout(file);
        let child = namespace.spawn(command, Some(CORE))?;
        let heard = Heard::Lines(path, mark, 0);
        let monitor = Self { child, before: Duration::ZERO, faults: 0, heard, busy: false };
        monitor.heard(poke)
    }

    /// Waits until its output shows that it hears.
    fn heard(mut self, poke: &mut dyn FnMut() -> Outcome<()>) -> Outcome<Self> {
        let end = Instant::now() + Duration::from_secs(10);
        let Heard::Lines(path, mark, before) = &mut self.heard else { return Ok(self) };
        while marks(path, mark)? == 0 {
            if Instant::now() > end || self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Err("it hears nothing".to_owned());
            }
            poke()?;
            std::thread::sleep(Duration::from_millis(50));
        }
        self.before = measure::settled(self.child.id())?;
        self.faults = measure::faults_of(self.child.id())?;
        *before = marks(path, mark)?;
        Ok(self)
    }

    /// Stops it until [`Self::finish`].
    pub fn stop(&self) -> Outcome<()> {
        self.signal(Signal::STOP)
    }

    fn signal(&self, signal: Signal) -> Outcome<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).map_err(|error| error.to_string())
    }

    /// Waits until it is through, and ends it.
    pub fn finish(mut self) -> Outcome<Verdict> {
        self.signal(Signal::CONT)?;
        let cpu = settled(self.child.id(), self.busy)? - self.before;
        let peak_mb = measure::peak_of(self.child.id())?;
        let faults = measure::faults_of(self.child.id())?.saturating_sub(self.faults);
        let verdict = match &mut self.heard {
            Heard::Counts(output) => {
                drop(self.child.stdin.take());
                let mut said = String::new();
                output.read_to_string(&mut said).map_err(|error| error.to_string())?;
                let mut words = said.split_whitespace().map(|word| word.parse().unwrap_or(0));
                let events = words.next().ok_or("it said nothing")?;
                let overflows = words.next().unwrap_or(0);
                Verdict { cpu, events, times: words.collect(), peak_mb, overflows, faults }
            }
            Heard::Lines(path, mark, before) => {
                let pid = rustix::process::Pid::from_child(&self.child);
                rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                    .map_err(|e| e.to_string())?;
                let _ = self.child.wait();
                Verdict {
                    cpu,
                    events: marks(path, mark)? - *before,
                    times: Vec::new(),
                    peak_mb,
                    overflows: 0,
                    faults,
                }
            }
        };
        Ok(verdict)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Heard::Lines(path, ..) = &self.heard {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Waits until a monitor has nothing more to do.
fn settled(pid: u32, busy: bool) -> Outcome<Duration> {
    if busy {
        std::thread::sleep(Duration::from_millis(300));
        return measure::cpu_of(pid);
    }
    measure::settled(pid)
}

/// How often a mark is in a file; it does not go over the end of a line.
fn marks(path: &PathBuf, mark: &[u8]) -> Outcome<u64> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut marks) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line).map_err(|error| error.to_string())? > 0 {
        marks += match mark {
            b"\n" => u64::from(line.ends_with(mark)),
            _ => line.windows(mark.len()).filter(|part| *part == mark).count() as u64,
        };
        line.clear();
    }
    Ok(marks)
}
