//! Records what this kernel says of rule sets that have one of everything: `crates/linx-wire/testdata/nft/SCENE.{bin,txt}`.
//!
//! ```text
//! cargo run -p linx-test --example nft_capture -- crates/linx-wire/testdata/nft
//! ```
//!
//! Needs root, iproute2 and nft. Each scene runs in a namespace of its own. SCENE.bin is `[u32 length][datagram]…`,
//! numbers in the machine's order; SCENE.txt has the kernel, the commands, and a line for each message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use linx_sys::{Group, Protocol, RecvBuf, Socket};
use linx_test::{NFT_SCENES, Namespace, Nft, PATIENCE, nft_made};
use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, Messages, control};
use linx_wire::nft::{
    CHAIN, DEVICE, ElementView, ElementsView, EntityRef, HOOK, Nest, RuleView, StatefulObjectView, family,
};
use linx_wire::uapi::nft;

/// What a monitor is told of: each kind comes, changes where it can, and goes.
const EVENTS: &str = r#"
add table inet e { comment "begin"; }
add chain inet e c { type filter hook input priority 0; }
add chain inet e d
add rule inet e c counter
add rule inet e c tcp dport { 1, 2 } jump d
add set inet e s { type ipv4_addr; flags timeout; }
add element inet e s { 10.0.0.1 timeout 1h comment "x", 10.0.0.2 }
add element inet e s { 10.0.0.1 timeout 2h }
add counter inet e k
rename chain inet e d f
add table inet e { flags dormant; }
delete element inet e s { 10.0.0.2 }
flush set inet e s
delete set inet e s
add table netdev n
add chain netdev n c { type filter hook ingress devices = { v0 } priority 0; }
add chain netdev n c { type filter hook ingress devices = { v1 } priority 0; }
!netdev
flush chain inet e c
delete counter inet e k
delete table inet e
flush ruleset
"#;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: nft_capture FOLDER");
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for scene in NFT_SCENES {
        let namespace = namespace();
        let commands = run(&namespace, scene.script);
        write(folder, scene.name, &commands, &Nft::new(&namespace.netns()).pull());
    }
    let namespace = namespace();
    let mut nft = Nft::new(&namespace.netns());
    let mut commands = String::new();
    for (what, request) in nft_made() {
        let refused = nft.commit(vec![request]);
        let end =
            refused.first().map_or_else(String::new, |(_, errno)| format!("   # refused, errno {errno}"));
        writeln!(commands, "{what}{end}").unwrap();
    }
    write(folder, "made", &commands, &nft.pull());
    let namespace = self::namespace();
    let monitor = Socket::open_monitor(Protocol::NETFILTER, &namespace.netns()).unwrap();
    monitor.add_membership(Group::NFTABLES).unwrap();
    let commands = run(&namespace, EVENTS);
    write(folder, "events", &commands, &queued(&monitor));
}

fn namespace() -> Namespace {
    let namespace = Namespace::new("nftcap");
    namespace.ip("link set lo up");
    namespace.ip("link add v0 type veth peer name v1");
    namespace
}

/// Runs nft line by line; what it refuses is marked.
fn run(namespace: &Namespace, script: &str) -> String {
    let mut commands = String::new();
    for line in script.lines().filter(|line| !line.is_empty()) {
        if line == "!netdev" {
            assert_eq!(Nft::new(&namespace.netns()).commit(vec![remove_device()]), []);
            writeln!(commands, "NFT_MSG_DELCHAIN netdev n c with the device v1").unwrap();
            continue;
        }
        let done =
            Command::new("ip").args(["netns", "exec", namespace.name(), "nft", line]).output().unwrap();
        let refused = String::from_utf8_lossy(&done.stderr);
        let end = refused.lines().next().map_or_else(String::new, |why| format!("   # refused: {why}"));
        if !done.status.success() {
            println!("{line}{end}");
        }
        writeln!(commands, "nft {line}{end}").unwrap();
    }
    commands
}

/// Takes a device from a chain, which stays: nft 1.0.6 has no words for it.
fn remove_device() -> Request {
    let devices = Nest::new(&DEVICE).set("names", "v1");
    let hook = Nest::new(&HOOK).set("hook", 0u32).set("prio", 0).set("devices", devices);
    let chain = Nest::new(&CHAIN).set("table", "n").set("name", "c").set("hook", hook);
    chain.request(nft::DELCHAIN, MessageFlags::empty(), family::NETDEV).unwrap()
}

/// What is queued, up to the acknowledgement of a message that does nothing: it comes behind all events.
fn queued(monitor: &Socket) -> Vec<Vec<u8>> {
    monitor
        .send(&Request::new(control::NOOP, MessageFlags::ACK).finish(monitor.next_seq(), 0).unwrap())
        .unwrap();
    let mut buf = RecvBuf::for_events();
    let mut datagrams = Vec::new();
    loop {
        let received = monitor.recv_timeout(&mut buf, Some(PATIENCE)).unwrap();
        if Messages::new(received.bytes()).next().unwrap().unwrap().header.message_type == control::ERROR {
            return datagrams;
        }
        datagrams.push(received.bytes().to_vec());
    }
}

fn write(folder: &Path, name: &str, commands: &str, datagrams: &[Vec<u8>]) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut text = format!("kernel: Linux {} {}\n\n{commands}\n", release.trim(), std::env::consts::ARCH);
    let mut bytes = Vec::new();
    for datagram in datagrams {
        bytes.extend(u32::try_from(datagram.len()).unwrap().to_ne_bytes());
        bytes.extend(datagram);
        for message in Messages::new(datagram).map(Result::unwrap) {
            writeln!(text, "{}", told(message.header.message_type, message.payload)).unwrap();
        }
    }
    std::fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
    std::fs::write(folder.join(format!("{name}.txt")), text).unwrap();
    println!("{name}: {} datagrams", datagrams.len());
}

/// One line of a message, as the test of the captures expects it.
fn told(message_type: u16, payload: &[u8]) -> String {
    let (operation, entity) = match EntityRef::decode(message_type, payload) {
        Ok(Some(found)) => found,
        Ok(None) => return format!("message {message_type:#x}: {} bytes", payload.len()),
        Err(error) => return format!("message {message_type:#x}: {error}"),
    };
    let what = match entity {
        EntityRef::Rule(rule) => rule.expressions().map(|e| e.to_string()).collect::<Vec<_>>().join(" "),
        EntityRef::Elements(elements) => elements
            .iter()
            .map(|element| {
                let carried: String = element.expressions().map(|e| format!(" {e}")).collect();
                format!("{:?}{carried}", element.attributes())
            })
            .collect::<Vec<_>>()
            .join(", "),
        EntityRef::Object(object) => format!("{:?} {:?}", object.name(), object.data()),
        EntityRef::Table(table) => format!("{table:?}"),
        EntityRef::Chain(chain) => format!("{chain:?}"),
        EntityRef::Set(set) => format!("{set:?}"),
        EntityRef::Flowtable(flowtable) => format!("{flowtable:?}"),
        _ => String::new(),
    };
    format!("{operation:?} {:?} family {}: {what}", entity.kind(), entity.family())
}
