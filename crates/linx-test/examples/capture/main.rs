//! Records what this kernel says over rtnetlink while commands run: `crates/linx-wire/testdata/SCENE.{bin,txt}`.
//!
//! ```text
//! cargo run -p linx-test --example capture -- crates/linx-wire/testdata [SCENE …]
//! ```
//!
//! Needs root and iproute2. Each scene runs in a namespace of its own, with a second one beside it; both are removed.
//! SCENE.bin is `[u32 length][datagram]…`, numbers in the machine's order: first the notifications, in the order in
//! which a monitor's socket had them, then the answers to the dumps. SCENE.txt has the kernel, the commands, and a line
//! for each message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod scenes;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use linx_sys::{Group, Netns, Protocol, RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, Messages, control};
use linx_wire::route::Object;

use scenes::{Dump, SCENES, Scene};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("usage: capture FOLDER [SCENE …]");
    let wanted: Vec<String> = args.collect();
    std::fs::create_dir_all(&folder).unwrap();
    for scene in
        SCENES.iter().filter(|scene| wanted.is_empty() || wanted.iter().any(|name| name == scene.name))
    {
        let capture = record(scene);
        println!("{}: {} datagrams", scene.name, capture.datagrams.len());
        capture.write(Path::new(&folder), scene);
    }
}

/// A namespace, removed on drop.
struct Namespace(String);

impl Namespace {
    fn new(tag: &str) -> Self {
        let name = format!("lx-capture-{tag}-{}", std::process::id());
        assert!(shell(&format!("ip netns add {name}")), "ip netns add: root and iproute2 are needed");
        Self(name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        shell(&format!("ip netns del {}", self.0));
    }
}

fn shell(line: &str) -> bool {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    if !output.status.success() {
        println!("  {line}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    output.status.success()
}

#[derive(Default)]
struct Capture {
    datagrams: Vec<Vec<u8>>,
    commands: Vec<String>,
}

fn record(scene: &Scene) -> Capture {
    let (here, there) = (Namespace::new("a"), Namespace::new("b"));
    let run = |line: &str| {
        let command = line.replace("THERE", &there.0);
        let command = if let Some(rest) = command.strip_prefix("ip ") {
            format!("ip -n {} {rest}", here.0)
        } else if let Some(rest) = command.strip_prefix("bridge ") {
            format!("bridge -n {} {rest}", here.0)
        } else {
            format!("ip netns exec {} sh -c '{command}'", here.0)
        };
        let refused = if shell(&command) { "" } else { "   # refused" };
        format!("{line}{refused}")
    };
    let mut capture = Capture::default();
    for line in lines(scene.before) {
        capture.commands.push(run(line));
    }
    let netns = Netns::name(&here.0).unwrap();
    let monitor = Socket::open_monitor(Protocol::ROUTE, &netns).unwrap();
    monitor.set_rcvbuf(16 << 20).unwrap();
    for group in scene.groups {
        monitor.add_membership(Group(*group)).unwrap();
    }
    capture.commands.push(format!("# from here on, groups {:?}", scene.groups));
    for line in lines(scene.commands) {
        capture.commands.push(run(line));
    }
    events(&monitor, &mut capture.datagrams);
    let before = capture.datagrams.len();
    for dump in scene.dumps {
        answers(&netns, dump, &mut capture.datagrams);
    }
    capture.commands.push(format!("# {before} datagrams; then the answers to {:?}", scene.dumps));
    capture
}

fn lines(script: &str) -> impl Iterator<Item = &str> {
    script.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// What is queued, up to the acknowledgement of a message that does nothing: the kernel queues it behind all events.
fn events(monitor: &Socket, datagrams: &mut Vec<Vec<u8>>) {
    // Link states settle through a timer of at most a second.
    std::thread::sleep(Duration::from_millis(1500));
    let seq = monitor.next_seq();
    monitor.send(&Request::new(control::NOOP, MessageFlags::ACK).finish(seq, 0).unwrap()).unwrap();
    let mut buf = RecvBuf::for_events();
    loop {
        let received = monitor.recv_timeout(&mut buf, PATIENCE).unwrap();
        assert!(!received.is_truncated());
        let first = Messages::new(received.bytes()).next().unwrap().unwrap();
        if first.header.message_type == control::ERROR {
            return;
        }
        datagrams.push(received.bytes().to_vec());
    }
}

/// The answers to a dump request.
fn answers(netns: &Netns, dump: &Dump, datagrams: &mut Vec<Vec<u8>>) {
    let socket = Socket::open(Protocol::ROUTE, netns).unwrap();
    let (message_type, body, mask) = dump.request();
    let mut request = Request::new(message_type, MessageFlags::DUMP).body(&body[..]);
    if let Some(mask) = mask {
        request = request.attribute_u32(29, mask);
    }
    socket.send(&request.finish(socket.next_seq(), 0).unwrap()).unwrap();
    let mut buf = RecvBuf::for_dumps();
    loop {
        let received = socket.recv_timeout(&mut buf, PATIENCE).unwrap();
        datagrams.push(received.bytes().to_vec());
        let ended = |message_type| message_type == control::DONE || message_type == control::ERROR;
        if Messages::new(received.bytes()).any(|message| ended(message.unwrap().header.message_type)) {
            return;
        }
    }
}

impl Capture {
    fn write(&self, folder: &Path, scene: &Scene) {
        let mut bytes = Vec::new();
        let mut text = format!("{}\nkernel: {}\n\n", scene.about, kernel());
        for command in &self.commands {
            writeln!(text, "{command}").unwrap();
        }
        text.push('\n');
        for datagram in &self.datagrams {
            bytes.extend(u32::try_from(datagram.len()).unwrap().to_ne_bytes());
            bytes.extend(datagram);
            for message in Messages::new(datagram) {
                let message = message.unwrap();
                writeln!(text, "{}", told(message.header.message_type, message.payload)).unwrap();
            }
        }
        std::fs::write(folder.join(format!("{}.bin", scene.name)), bytes).unwrap();
        std::fs::write(folder.join(format!("{}.txt", scene.name)), text).unwrap();
    }
}

/// One line of a message, as the test of the captures expects it.
fn told(message_type: u16, payload: &[u8]) -> String {
    match Object::decode(message_type, payload) {
        Ok(Some((operation, object))) => {
            let (kind, family) = (object.kind(), object.family());
            let link = object.ifindex().map_or_else(|| "-".to_owned(), |index| index.to_string());
            format!("{operation:?} {kind:?} family {family} link {link}: {} bytes", payload.len())
        }
        Ok(None) => format!("message {message_type}: {} bytes", payload.len()),
        Err(error) => format!("message {message_type}: {error}"),
    }
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    format!("Linux {} {}", release.trim(), std::env::consts::ARCH)
}
