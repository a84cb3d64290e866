//! Sockets against the kernel: groups, buffers, overflow, truncation, spoofing, limits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod common;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{TestNetns, root};
use linx_sys::{ErrorKind, Group, Netns, Protocol, Received, RecvBuf, Socket};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;

fn message(kind: u16, flags: u16, seq: u32, portid: u32, body: &[u8]) -> Vec<u8> {
    let mut out = (16 + u32::try_from(body.len()).unwrap()).to_ne_bytes().to_vec();
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&seq.to_ne_bytes());
    out.extend_from_slice(&portid.to_ne_bytes());
    out.extend_from_slice(body);
    out
}

fn kind_of(received: &Received<'_>) -> u16 {
    u16::from_ne_bytes(received.bytes()[4..6].try_into().unwrap())
}

/// The type of the last message in a datagram.
fn kind_at_end(mut bytes: &[u8]) -> u16 {
    loop {
        let length = u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize;
        let kind = u16::from_ne_bytes(bytes[4..6].try_into().unwrap());
        match bytes.get(length.next_multiple_of(4)..) {
            Some(rest) if !rest.is_empty() => bytes = rest,
            _ => return kind,
        }
    }
}

fn open(ns: &TestNetns) -> Socket {
    Socket::open_monitor(Protocol::ROUTE, &ns.netns()).unwrap()
}

/// Renames nothing and changes nothing but the counter of link events: `lo` up and down.
fn flap(ns: &TestNetns) {
    ns.ip("link set lo up");
    ns.ip("link set lo down");
}

fn drain(socket: &Socket) -> (usize, usize) {
    let mut buf = RecvBuf::for_events();
    let (mut received, mut overflows) = (0, 0);
    loop {
        match socket.recv(&mut buf) {
            Ok(_) => received += 1,
            Err(e) if e.is_nobufs() => overflows += 1,
            Err(e) if e.is_would_block() => return (received, overflows),
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_dump_arrives_in_the_reused_buffer() {
    let host = Netns::host().unwrap();
    let socket = Socket::open(Protocol::ROUTE, &host).unwrap();
    let mut buf = RecvBuf::for_dumps();
    for _ in 0..3 {
        let seq = socket.next_seq();
        socket.send(&message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq, 0, &[0; 16])).unwrap();
        let reply = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
        assert!(reply.is_from_kernel() && !reply.is_truncated());
        assert_eq!(kind_of(&reply), RTM_NEWLINK);
        assert_eq!(reply.bytes()[8..12], seq.to_ne_bytes());
        assert_eq!(reply.bytes()[12..16], socket.portid().to_ne_bytes());
        let end_of = |bytes: &[u8]| kind_at_end(bytes) == NLMSG_DONE;
        let mut ended = end_of(reply.bytes());
        while !ended {
            ended = end_of(socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap().bytes());
        }
        assert!(socket.recv(&mut buf).unwrap_err().is_would_block());
    }
}

#[test]
fn groups_typed_raw_and_above_32() {
    let Some(ns) = TestNetns::new("groups") else { return };
    let socket = open(&ns);
    socket.add_membership(Group::LINK).unwrap();
    flap(&ns);
    let mut buf = RecvBuf::for_events();
    let event = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
    assert_eq!((event.group_mask(), event.portid(), kind_of(&event)), (1, 0, RTM_NEWLINK));
    drain(&socket);
    socket.drop_membership(Group::LINK).unwrap();
    flap(&ns);
    assert_eq!(drain(&socket), (0, 0));

    // 33 and 36 are above what the 32-bit mask of an address can say.
    for group in [Group::NEXTHOP, Group(33), Group(36)] {
        socket.add_membership(group).unwrap();
    }
    socket.drop_membership(Group(36)).unwrap();
    for group in [Group(0), Group(5_000), Group(u32::MAX)] {
        let error = socket.add_membership(group).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(22), "{group:?}: {error}");
        assert!(error.to_string().contains(&format!("group {} of protocol 0", group.0)), "{error}");
    }
}

#[test]
fn an_event_of_a_group_above_32_arrives() {
    let Some(ns) = TestNetns::new("above32") else { return };
    let socket = open(&ns);
    // RTNLGRP_IPV4_MCADDR, since Linux 6.14: a link that comes up joins 224.0.0.1.
    if let Err(error) = socket.add_membership(Group(37)) {
        assert_eq!(error.raw_os_error(), Some(22), "{error}");
        eprintln!("SKIPPED: this kernel has no rtnetlink group 37");
        return;
    }
    ns.ip("link add v0 type veth peer name v1");
    ns.ip("link set v0 up");
    let mut buf = RecvBuf::for_events();
    let event = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
    // RTM_NEWMULTICAST; the mask of the address has no bit for the group.
    assert_eq!((kind_of(&event), event.group_mask(), event.is_from_kernel()), (56, 0, true));
}

#[test]
fn portids_of_monitors_are_high_and_random() {
    let host = Netns::host().unwrap();
    let sockets: Vec<_> = (0..64).map(|_| Socket::open_monitor(Protocol::ROUTE, &host).unwrap()).collect();
    let mut portids: Vec<u32> = sockets.iter().map(Socket::portid).collect();
    assert!(portids.iter().all(|p| (0x4000_0000..0x8000_0000).contains(p)), "{portids:x?}");
    portids.sort_unstable();
    portids.dedup();
    assert_eq!(portids.len(), 64);
    assert!(portids.last().unwrap() - portids.first().unwrap() > 1 << 20, "{portids:x?}");
    let plain = Socket::open(Protocol::ROUTE, &host).unwrap();
    assert_ne!(plain.portid(), 0);
}

#[test]
fn every_descriptor_is_close_on_exec() {
    let host = Netns::host().unwrap();
    let socket = Socket::open(Protocol::ROUTE, &host).unwrap();
    let wake = linx_sys::Wake::new().unwrap();
    let set = linx_sys::PollSet::new().unwrap();
    let process = linx_sys::Pidfd::open(std::process::id()).unwrap();
    let mounts = linx_sys::MountWatch::new().unwrap();
    let file: OwnedFd = host.open().unwrap();
    for fd in [socket.as_fd(), wake.as_fd(), set.as_fd(), process.as_fd(), mounts.as_fd(), file.as_fd()] {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
    socket.close();
}

#[test]
fn protocols_that_do_not_exist() {
    let host = Netns::host().unwrap();
    for protocol in [Protocol(31), Protocol(32), Protocol(4_000), Protocol(u32::MAX)] {
        let error = Socket::open(protocol, &host).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::System), "{error:?}");
        assert!(error.to_string().contains(&format!("protocol {}", protocol.0)), "{error}");
    }
}

#[test]
fn the_receive_buffer_is_forced_past_the_limit_or_clamped_to_it() {
    let limit: usize =
        std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse().unwrap();
    let host = Netns::host().unwrap();
    let wanted = limit + (1 << 20);
    if root() {
        let socket = Socket::open_monitor(Protocol::ROUTE, &host).unwrap();
        assert_eq!(socket.set_rcvbuf(wanted).unwrap(), 2 * wanted);
        assert_eq!(socket.rcvbuf().unwrap(), 2 * wanted);
        assert_eq!(socket.meminfo().unwrap().rcvbuf_bytes as usize, 2 * wanted);
        // Absurd sizes are the kernel's largest, not an error and not a wrap.
        assert!(socket.set_rcvbuf(usize::MAX).unwrap() >= 1 << 30);
    }
    std::thread::spawn(move || {
        linx_sys::drop_capabilities_except(&[]).unwrap();
        let socket = Socket::open_monitor(Protocol::ROUTE, &host).unwrap();
        assert_eq!(socket.set_rcvbuf(wanted).unwrap(), 2 * limit);
        assert_eq!(socket.set_rcvbuf(4_096).unwrap(), 8_192);
        // The kernel's minimum is more than what was asked for.
        assert!(socket.set_rcvbuf(0).unwrap() >= 2_048);
        assert!(socket.set_sndbuf(64 * 1024).unwrap() >= 64 * 1024);
    })
    .join()
    .unwrap();
}

#[test]
fn an_overflow_is_told_before_what_is_queued_and_counted() {
    let Some(ns) = TestNetns::new("overflow") else { return };
    let socket = open(&ns);
    socket.add_membership(Group::LINK).unwrap();
    let effective = socket.set_rcvbuf(2_048).unwrap();
    assert!(effective >= 2_048);
    assert_eq!(socket.drops().unwrap(), 0);
    for _ in 0..8 {
        flap(&ns);
    }
    assert!(socket.meminfo().unwrap().queued_bytes > 0);
    assert!(socket.wait_readable(Some(Duration::ZERO)).unwrap());
    let mut buf = RecvBuf::for_events();
    let error = socket.recv(&mut buf).unwrap_err();
    assert!(error.is_nobufs());
    assert_eq!(error.to_string(), "receive from a netlink socket: No buffer space available");
    assert!(socket.drops().unwrap() > 0);
    // Then comes what is queued, then nothing; and then it works again.
    let (received, overflows) = drain(&socket);
    assert!(received > 0);
    assert_eq!(overflows, 0);
    flap(&ns);
    assert!(drain(&socket).0 > 0);
}

#[test]
fn a_datagram_larger_than_the_buffer_shows() {
    let Some(ns) = TestNetns::new("trunc") else { return };
    let socket = open(&ns);
    socket.add_membership(Group::LINK).unwrap();
    flap(&ns);
    let mut small = RecvBuf::with_capacity(128);
    let event = socket.recv_timeout(&mut small, Some(Duration::from_secs(30))).unwrap();
    assert!(event.is_truncated() && event.is_from_kernel());
    assert_eq!(event.bytes().len(), 128);
    // The true length is what the header says.
    assert_eq!(event.length(), u32::from_ne_bytes(event.bytes()[..4].try_into().unwrap()) as usize);
    let mut large = RecvBuf::for_events();
    let event = socket.recv(&mut large).unwrap();
    assert!(!event.is_truncated());
    assert_eq!(event.length(), event.bytes().len());
}

#[test]
fn a_spoofed_sender_shows() {
    if !root() {
        return;
    }
    let Some(ns) = TestNetns::new("spoof") else { return };
    let socket = open(&ns);
    socket.add_membership(Group::LINK).unwrap();
    let liar = open(&ns);
    let lie = message(RTM_NEWLINK, 0, 0, 0, &[0; 16]);
    // To the socket itself, and to everyone in the group.
    for (portid, groups) in [(socket.portid(), 0), (0, 1)] {
        let to = rustix::net::netlink::SocketAddrNetlink::new(portid, groups);
        // A broadcast to the kernel and a group ends with the kernel's own answer; only the copy matters.
        let _ = rustix::net::sendto(liar.as_fd(), &lie, rustix::net::SendFlags::empty(), &to);
        let mut buf = RecvBuf::for_events();
        let received = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
        assert!(!received.is_from_kernel());
        assert_eq!(received.portid(), liar.portid());
        assert_eq!(received.group_mask(), groups);
        assert_eq!(received.bytes(), lie);
    }
    flap(&ns);
    let mut buf = RecvBuf::for_events();
    assert!(socket.recv(&mut buf).unwrap().is_from_kernel());
}

#[test]
fn waiting_ends_with_the_time() {
    let host = Netns::host().unwrap();
    let socket = Socket::open(Protocol::ROUTE, &host).unwrap();
    let mut buf = RecvBuf::for_dumps();
    assert!(socket.recv(&mut buf).unwrap_err().is_would_block());
    let start = Instant::now();
    assert!(!socket.wait_readable(Some(Duration::from_millis(30))).unwrap());
    let error = socket.recv_timeout(&mut buf, Some(Duration::from_millis(30))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

extern "C" fn nothing(_: libc::c_int) {}

#[test]
fn a_signal_does_not_end_a_wait() {
    // A handler without SA_RESTART, so that every call in progress sees EINTR.
    // SAFETY: all bytes zero is a valid sigaction: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler does nothing; the pointers are to a live value and null.
    let installed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(installed, 0);
    let host = Netns::host().unwrap();
    let socket = Socket::open(Protocol::ROUTE, &host).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiter = scope.spawn({
            let (socket, done) = (&socket, &done);
            move || {
                // SAFETY: no arguments, no memory.
                sender.send(unsafe { libc::pthread_self() }).unwrap();
                let start = Instant::now();
                let ready = socket.wait_readable(Some(Duration::from_millis(200))).unwrap();
                let mut buf = RecvBuf::for_dumps();
                let error = socket.recv_timeout(&mut buf, Some(Duration::from_millis(200))).unwrap_err();
                let mut set = linx_sys::PollSet::new().unwrap();
                set.add(socket, 1).unwrap();
                let none = set.wait(Some(Duration::from_millis(200))).unwrap().is_empty();
                done.store(true, Ordering::Release);
                (ready, error.kind(), none, start.elapsed())
            }
        });
        let thread = receiver.recv().unwrap();
        while !done.load(Ordering::Acquire) {
            // SAFETY: the thread is not joined before the scope ends, so its handle is valid.
            let _ = unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
            std::thread::sleep(Duration::from_millis(1));
        }
        let (ready, kind, none, took) = waiter.join().unwrap();
        assert!(!ready && none);
        assert_eq!(kind, ErrorKind::Timeout);
        assert!(took >= Duration::from_millis(600), "{took:?}");
    });
}

#[test]
fn joining_nf_tables_without_privilege_names_the_capability() {
    let host = Netns::host().unwrap();
    std::thread::spawn(move || {
        linx_sys::drop_capabilities_except(&[]).unwrap();
        let socket = Socket::open_monitor(Protocol::NETFILTER, &host).unwrap();
        let error = socket.add_membership(Group::NFTABLES).unwrap_err();
        assert_eq!(error.capability(), Some(linx_sys::Capability::NET_ADMIN));
        assert_eq!(
            error.to_string(),
            "join a multicast group: group 7 of protocol 12: Operation not permitted: needs CAP_NET_ADMIN"
        );
        assert!(socket.set_listen_all_nsid(true).unwrap_err().is_permission());
        // rtnetlink needs nothing.
        let socket = Socket::open_monitor(Protocol::ROUTE, &host).unwrap();
        socket.add_membership(Group::IPV4_ROUTE).unwrap();
    })
    .join()
    .unwrap();
}

#[test]
fn events_of_other_namespaces_carry_their_nsid() {
    let Some(ns) = TestNetns::new("nsid") else { return };
    let Some(other) = TestNetns::new("nsidb") else { return };
    ns.ip(&format!("netns set {} 77", other.name()));
    let socket = open(&ns);
    socket.set_listen_all_nsid(true).unwrap();
    socket.add_membership(Group::LINK).unwrap();
    let mut buf = RecvBuf::for_events();
    flap(&other);
    let event = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
    assert_eq!((event.nsid(), event.is_from_kernel()), (Some(77), true));
    drain(&socket);
    flap(&ns);
    let event = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
    assert_eq!(event.nsid(), None);
    assert_eq!(kind_of(&event), RTM_NEWLINK);
    drain(&socket);
    let mut small = RecvBuf::with_capacity(100);
    flap(&other);
    let event = socket.recv(&mut small).unwrap();
    assert!(event.is_truncated() && event.nsid() == Some(77));
    drain(&socket);
    socket.set_listen_all_nsid(false).unwrap();
    flap(&other);
    assert_eq!(drain(&socket), (0, 0));
}

#[test]
fn errors_carry_the_kernels_text_and_do_not_repeat_the_request() {
    let Some(ns) = TestNetns::new("extack") else { return };
    let socket = Socket::open(Protocol::ROUTE, &ns.netns()).unwrap();
    let ask = |flags, body: &[u8]| {
        socket.send(&message(RTM_GETLINK, NLM_F_REQUEST | flags, socket.next_seq(), 0, body)).unwrap();
        let mut buf = RecvBuf::for_dumps();
        let reply = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
        reply.bytes().to_vec()
    };
    let kind = |bytes: &[u8]| u16::from_ne_bytes(bytes[4..6].try_into().unwrap());
    // A strict dump request with something in a field that must be 0: the dump ends with the error.
    let odd = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let bytes = ask(NLM_F_DUMP, &odd);
    assert_eq!(kind(&bytes), NLMSG_DONE);
    assert!(String::from_utf8_lossy(&bytes).contains("Invalid values in header for link dump"), "{bytes:?}");
    // The same is heeded, not checked, once strictness is off.
    socket.set_strict_checking(false).unwrap();
    assert_eq!(kind(&ask(NLM_F_DUMP, &odd)), RTM_NEWLINK);
    drain(&socket);
    // A link that does not exist: header, error, and the header of the request without its body.
    let mut nobody = [0_u8; 16];
    nobody[4..8].copy_from_slice(&999_999_i32.to_ne_bytes());
    let bytes = ask(0, &nobody);
    assert_eq!((kind(&bytes), bytes.len()), (NLMSG_ERROR, 36));
    assert_eq!(i32::from_ne_bytes(bytes[16..20].try_into().unwrap()), -19);
    socket.set_cap_ack(false).unwrap();
    assert_eq!(ask(0, &nobody).len(), 36 + 16);
}

#[test]
fn a_message_beyond_the_send_buffer_is_refused_whole() {
    let host = Netns::host().unwrap();
    let socket = Socket::open(Protocol::ROUTE, &host).unwrap();
    let size = socket.set_sndbuf(8 * 1024).unwrap();
    let error = socket.send(&vec![0; 2 * size]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(90), "{error}");
    assert_eq!(error.to_string(), "send to the kernel: Message too long");
}
