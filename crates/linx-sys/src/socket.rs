//! A netlink socket in any network namespace.
//!
//! Source: `netlink(7)`, `linux/netlink.h`, `linux/rtnetlink.h`. Bytes in, bytes out: nothing is parsed here,
//! and nothing is retried but EINTR. Sockets are close-on-exec, and no call waits whose name does not say so; to wait for
//! several, use their file descriptors.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::caps::Capability;
use crate::error::{Error, ErrorKind, Result};
use crate::netns::Netns;
use crate::options::{self, Instruction, MemInfo};
use crate::poll;
use crate::recv::{self, Head, Received, RecvBuf};

const OPEN: &str = "open a netlink socket";
const RECEIVE: &str = "receive from a netlink socket";

/// A netlink protocol number (`linux/netlink.h`); any number may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(pub u32);

impl Protocol {
    /// Links, addresses, routes, neighbours, rules, next hops.
    pub const ROUTE: Self = Self(0);
    /// Socket monitoring (`NETLINK_SOCK_DIAG`).
    pub const SOCK_DIAG: Self = Self(4);
    /// IPsec.
    pub const XFRM: Self = Self(6);
    /// Audit.
    pub const AUDIT: Self = Self(9);
    /// The kernel connector, which carries process events.
    pub const CONNECTOR: Self = Self(11);
    /// nf_tables, conntrack and the other netfilter subsystems.
    pub const NETFILTER: Self = Self(12);
    /// Device events (`NETLINK_KOBJECT_UEVENT`).
    pub const KOBJECT_UEVENT: Self = Self(15);
    /// Generic netlink.
    pub const GENERIC: Self = Self(16);
}

/// A multicast group, by number from 1. The names are rtnetlink's (`RTNLGRP_*`) but for
/// [`Group::NFTABLES`]; any number may be tried, above 32 too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(pub u32);

impl Group {
    /// Links.
    pub const LINK: Self = Self(1);
    /// Neighbours and forwarding database entries.
    pub const NEIGH: Self = Self(3);
    /// IPv4 addresses.
    pub const IPV4_IFADDR: Self = Self(5);
    /// IPv4 multicast routes.
    pub const IPV4_MROUTE: Self = Self(6);
    /// IPv4 routes.
    pub const IPV4_ROUTE: Self = Self(7);
    /// IPv4 rules.
    pub const IPV4_RULE: Self = Self(8);
    /// IPv6 addresses.
    pub const IPV6_IFADDR: Self = Self(9);
    /// IPv6 multicast routes.
    pub const IPV6_MROUTE: Self = Self(10);
    /// IPv6 routes.
    pub const IPV6_ROUTE: Self = Self(11);
    /// IPv6 settings of links.
    pub const IPV6_IFINFO: Self = Self(12);
    /// IPv6 prefixes from router advertisements.
    pub const IPV6_PREFIX: Self = Self(18);
    /// IPv6 rules.
    pub const IPV6_RULE: Self = Self(19);
    /// IPv4 settings (`forwarding`, `rp_filter`, …).
    pub const IPV4_NETCONF: Self = Self(24);
    /// IPv6 settings.
    pub const IPV6_NETCONF: Self = Self(25);
    /// Bridge multicast database.
    pub const MDB: Self = Self(26);
    /// MPLS routes.
    pub const MPLS_ROUTE: Self = Self(27);
    /// Namespace ids.
    pub const NSID: Self = Self(28);
    /// Next hops and their groups.
    pub const NEXTHOP: Self = Self(32);
    /// Bridge VLANs.
    pub const BRVLAN: Self = Self(33);
    /// nf_tables, on a [`Protocol::NETFILTER`] socket (`NFNLGRP_NFTABLES`).
    pub const NFTABLES: Self = Self(7);
}

/// Portids of monitors are drawn from here: above every pid (at most 2^22), which programs take as their
/// portid, and below what the kernel gives out itself (from 2^31).
const MONITOR_PORTIDS: std::ops::Range<u32> = 0x4000_0000..0x8000_0000;

/// Draws before giving up; with 2^30 portids even the second is rare.
const PORTID_ATTEMPTS: usize = 64;

/// A netlink socket. It may be used by many threads: each call is one system call, and
/// [`next_seq`](Self::next_seq) never gives two callers the same number.
///
/// An open socket keeps its namespace alive (KERNEL.md 6.3): close it when the namespace's name or process is
/// gone.
///
/// ```
/// use linx_sys::{Netns, Protocol, RecvBuf, Socket};
/// # fn main() -> Result<(), linx_sys::Error> {
/// let socket = Socket::open(Protocol::ROUTE, &Netns::host()?)?;
/// // RTM_GETLINK with NLM_F_REQUEST | NLM_F_DUMP, and an ifinfomsg.
/// let mut request = Vec::new();
/// request.extend_from_slice(&32_u32.to_ne_bytes());
/// request.extend_from_slice(&18_u16.to_ne_bytes());
/// request.extend_from_slice(&0x301_u16.to_ne_bytes());
/// request.extend_from_slice(&socket.next_seq().to_ne_bytes());
/// request.extend_from_slice(&[0; 20]);
/// socket.send(&request)?;
/// let mut buf = RecvBuf::for_dumps();
/// let reply = socket.recv_timeout(&mut buf, None)?;
/// assert!(reply.is_from_kernel() && !reply.is_truncated());
/// # Ok(())
/// # }
/// ```
pub struct Socket {
    fd: OwnedFd,
    protocol: Protocol,
    portid: u32,
    netns_cookie: u64,
    seq: AtomicU32,
    /// LISTEN_ALL_NSID is on, so each datagram's nsid is asked for.
    all_nsid: AtomicBool,
}

impl Socket {
    /// A socket for requests and dumps in `netns`, with a portid of the kernel's choice; EXT_ACK and CAP_ACK
    /// are on, and GET_STRICT_CHK for [`Protocol::ROUTE`].
    ///
    /// The calling thread never changes its namespace: if it is not in `netns` already, a throwaway thread
    /// makes the socket.
    ///
    /// # Errors
    /// Those of entering `netns` ([`Netns::run`]); [`ErrorKind::Unsupported`] for an unknown protocol;
    /// [`ErrorKind::TooManyFiles`].
    pub fn open(protocol: Protocol, netns: &Netns) -> Result<Self> {
        netns.inside(|| Self::open_here(protocol, bind_any)).map_err(|e| in_netns(e, netns))
    }

    /// A socket for events in `netns`: as [`open`](Self::open), but bound to a random high portid. A program
    /// whose portid is a monitor's could hide its nf_tables commits from it (KERNEL.md 1.7).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_monitor(protocol: Protocol, netns: &Netns) -> Result<Self> {
        netns.inside(|| Self::open_here(protocol, bind_random)).map_err(|e| in_netns(e, netns))
    }

    fn open_here(protocol: Protocol, bind: fn(BorrowedFd<'_>) -> Result<()>) -> Result<Self> {
        let number = std::num::NonZeroU32::new(protocol.0).map(rustix::net::Protocol::from_raw);
        let fd =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, number)
                .map_err(|e| Error::os(OPEN, e).about(format!("protocol {}", protocol.0)))?;
        bind(fd.as_fd())?;
        let address = rustix::net::getsockname(&fd).map_err(|e| Error::os(OPEN, e))?;
        let address = SocketAddrNetlink::try_from(address).map_err(|e| Error::os(OPEN, e))?;
        let netns_cookie = options::netns_cookie(fd.as_fd())?;
        let socket = Self {
            fd,
            protocol,
            portid: address.pid(),
            netns_cookie,
            seq: AtomicU32::new(1),
            all_nsid: AtomicBool::new(false),
        };
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        if protocol == Protocol::ROUTE {
            socket.set_strict_checking(true)?;
        }
        Ok(socket)
    }

    /// Closes it. Dropping does the same.
    pub fn close(self) {
        drop(self);
    }

    /// Its protocol.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its address: what the kernel puts into `nlmsg_pid` of replies, and of the events that its requests
    /// cause.
    #[must_use]
    pub fn portid(&self) -> u32 {
        self.portid
    }

    /// The identity of the namespace it was opened in ([`Netns::cookie`]).
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.netns_cookie
    }

    /// The next sequence number: 1, 2, … `u32::MAX`, 1, …; never 0, which is the kernel's own in events.
    pub fn next_seq(&self) -> u32 {
        loop {
            let seq = self.seq.fetch_add(1, Ordering::Relaxed);
            if seq != 0 {
                return seq;
            }
        }
    }

    /// Joins a multicast group: its events arrive from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Permission`] where the group needs CAP_NET_ADMIN (nf_tables); EINVAL for group 0 and for
    /// one that the protocol does not have.
    pub fn add_membership(&self, group: Group) -> Result<()> {
        self.membership(libc::NETLINK_ADD_MEMBERSHIP, group).map_err(|e| {
            Error::os("join a multicast group", e)
                .about(format!("group {} of protocol {}", group.0, self.protocol.0))
                .needing(Capability::NET_ADMIN)
        })
    }

    /// Leaves a multicast group. What is queued stays queued.
    ///
    /// # Errors
    /// EINVAL for group 0 and for one that the protocol does not have.
    pub fn drop_membership(&self, group: Group) -> Result<()> {
        self.membership(libc::NETLINK_DROP_MEMBERSHIP, group).map_err(|e| {
            Error::os("leave a multicast group", e)
                .about(format!("group {} of protocol {}", group.0, self.protocol.0))
        })
    }

    fn membership(&self, option: libc::c_int, group: Group) -> std::result::Result<(), Errno> {
        let number = i32::try_from(group.0).map_err(|_| Errno::INVAL)?;
        options::set_int(self.as_fd(), libc::SOL_NETLINK, option, number)
    }

    /// Sets the receive buffer, past the system's limit (SO_RCVBUFFORCE, CAP_NET_ADMIN in the initial user
    /// namespace) or else up to it (SO_RCVBUF, `net.core.rmem_max`). Returns the effective size in bytes,
    /// which is twice what was granted: the kernel counts its bookkeeping too.
    ///
    /// # Errors
    /// The error of `setsockopt(2)`; a refusal to go past the limit is not one.
    pub fn set_rcvbuf(&self, bytes: usize) -> Result<usize> {
        let value = clamp_to_int(bytes);
        let set = |option| options::set_int(self.as_fd(), libc::SOL_SOCKET, option, value);
        set(libc::SO_RCVBUFFORCE)
            .or_else(|_| set(libc::SO_RCVBUF))
            .map_err(|e| Error::os("set the receive buffer", e).about(format!("{bytes} bytes")))?;
        self.rcvbuf()
    }

    /// The effective receive buffer in bytes.
    ///
    /// # Errors
    /// The error of `getsockopt(2)`.
    pub fn rcvbuf(&self) -> Result<usize> {
        rustix::net::sockopt::socket_recv_buffer_size(&self.fd)
            .map_err(|e| Error::os("read the receive buffer", e))
    }

    /// Sets the send buffer, which bounds one request, like [`set_rcvbuf`](Self::set_rcvbuf).
    ///
    /// # Errors
    /// The error of `setsockopt(2)`; a refusal to go past the limit is not one.
    pub fn set_sndbuf(&self, bytes: usize) -> Result<usize> {
        let value = clamp_to_int(bytes);
        let set = |option| options::set_int(self.as_fd(), libc::SOL_SOCKET, option, value);
        set(libc::SO_SNDBUFFORCE)
            .or_else(|_| set(libc::SO_SNDBUF))
            .map_err(|e| Error::os("set the send buffer", e).about(format!("{bytes} bytes")))?;
        rustix::net::sockopt::socket_send_buffer_size(&self.fd)
            .map_err(|e| Error::os("read the send buffer", e))
    }

    /// Messages that the kernel dropped since the socket was opened, because its buffer was full; wraps at 32
    /// bits. An event too large to be sent at all is not counted (KERNEL.md 1.5): it shows only as ENOBUFS.
    ///
    /// # Errors
    /// The error of `getsockopt(2)`.
    pub fn drops(&self) -> Result<u32> {
        Ok(self.meminfo()?.drops)
    }

    /// The socket's memory accounting: what is queued, the limit, the drops.
    ///
    /// # Errors
    /// The error of `getsockopt(2)`.
    pub fn meminfo(&self) -> Result<MemInfo> {
        options::meminfo(self.as_fd())
    }

    /// Errors carry the kernel's text and the offset of the offending attribute (NETLINK_EXT_ACK). On since
    /// the socket was opened.
    ///
    /// # Errors
    /// The error of `setsockopt(2)`.
    pub fn set_ext_ack(&self, on: bool) -> Result<()> {
        self.option(libc::NETLINK_EXT_ACK, on, "NETLINK_EXT_ACK")
    }

    /// Acknowledgements do not repeat the request (NETLINK_CAP_ACK). On since the socket was opened.
    ///
    /// # Errors
    /// The error of `setsockopt(2)`.
    pub fn set_cap_ack(&self, on: bool) -> Result<()> {
        self.option(libc::NETLINK_CAP_ACK, on, "NETLINK_CAP_ACK")
    }

    /// The kernel checks requests strictly, and heeds the filters in dump requests, which it otherwise
    /// ignores silently (NETLINK_GET_STRICT_CHK). On for rtnetlink since the socket was opened.
    ///
    /// # Errors
    /// The error of `setsockopt(2)`.
    pub fn set_strict_checking(&self, on: bool) -> Result<()> {
        self.option(libc::NETLINK_GET_STRICT_CHK, on, "NETLINK_GET_STRICT_CHK")
    }

    /// Events of every namespace that has an nsid here arrive too, each marked with it
    /// ([`Received::nsid`]; NETLINK_LISTEN_ALL_NSID).
    ///
    /// # Errors
    /// [`ErrorKind::Permission`] without CAP_NET_BROADCAST.
    pub fn set_listen_all_nsid(&self, on: bool) -> Result<()> {
        self.option(libc::NETLINK_LISTEN_ALL_NSID, on, "NETLINK_LISTEN_ALL_NSID")
            .map_err(|e| e.needing(Capability::NET_BROADCAST))?;
        self.all_nsid.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Events for which a program of classic BPF returns 0 are not queued, cost no room, and are no loss. It sees the
    /// datagram, the first netlink header first (SO_ATTACH_FILTER).
    ///
    /// # Errors
    /// EINVAL for a program that the kernel refuses, ENOMEM for one that is too long (`net.core.optmem_max`).
    pub fn attach_filter(&self, program: &[Instruction]) -> Result<()> {
        options::attach_filter(self.as_fd(), program).map_err(|e| Error::os("attach a socket filter", e))
    }

    fn option(&self, option: libc::c_int, on: bool, name: &'static str) -> Result<()> {
        options::set_int(self.as_fd(), libc::SOL_NETLINK, option, libc::c_int::from(on))
            .map_err(|e| Error::os("set a socket option", e).about(name))
    }

    /// Sends messages to the kernel (portid 0) as one datagram. The kernel acts on them before this returns,
    /// and queues its answers.
    ///
    /// # Errors
    /// EMSGSIZE beyond the send buffer, ECONNREFUSED where the kernel does not listen (a protocol that
    /// exists only in the initial namespace), [`ErrorKind::Permission`].
    pub fn send(&self, messages: &[u8]) -> Result<()> {
        const SEND: &str = "send to the kernel";
        let kernel = SocketAddrNetlink::new(0, 0);
        let sent = rustix::io::retry_on_intr(|| {
            rustix::net::sendto(&self.fd, messages, SendFlags::DONTWAIT, &kernel)
        })
        .map_err(|e| {
            let error = Error::os(SEND, e).needing(Capability::NET_ADMIN);
            // ENOBUFS is want of memory here: nothing was lost.
            if error.is_nobufs() { error.with_kind(ErrorKind::System) } else { error }
        })?;
        if sent == messages.len() { Ok(()) } else { Err(Error::os(SEND, Errno::MSGSIZE)) }
    }

    /// Receives one datagram if there is one. One system call; no peek, no copy, no allocation.
    ///
    /// What it returns may be truncated, and may come from anybody: look at [`Received::is_truncated`] and
    /// [`Received::is_from_kernel`].
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when nothing is queued. [`ErrorKind::Overflow`] when messages were lost: it
    /// comes before what is still queued, all of which is older than the gap, and the kernel accepts nothing
    /// more until the queue is empty. So read on to `WouldBlock`, then list again.
    #[inline]
    pub fn recv<'b>(&self, buf: &'b mut RecvBuf) -> Result<Received<'b>> {
        let head = self.recv_into(buf, false).map_err(|e| Error::os(RECEIVE, e))?;
        Ok(head.with(buf))
    }

    /// How long [`recv_waiting`](Self::recv_waiting) waits at most (SO_RCVTIMEO); for ever, unless this was called.
    ///
    /// # Errors
    /// EINVAL for no time at all; else those of `setsockopt(2)`.
    pub fn set_longest_wait(&self, wait: Duration) -> Result<()> {
        rustix::net::sockopt::set_socket_timeout(&self.fd, rustix::net::sockopt::Timeout::Recv, Some(wait))
            .map_err(|e| Error::os("set a socket option", e).about("SO_RCVTIMEO"))
    }

    /// Receives one datagram, waiting for it in the same system call: half of what waiting for the descriptor first
    /// costs. To end that from another thread, [send](Self::send) something that the kernel acknowledges.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `WouldBlock` when [the longest wait](Self::set_longest_wait) is over.
    pub fn recv_waiting<'b>(&self, buf: &'b mut RecvBuf) -> Result<Received<'b>> {
        let head = self.recv_into(buf, true).map_err(|e| Error::os(RECEIVE, e))?;
        Ok(head.with(buf))
    }

    /// Receives one datagram, waiting for it at most `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the time ran out; else as [`recv`](Self::recv).
    pub fn recv_timeout<'b>(&self, buf: &'b mut RecvBuf, timeout: Option<Duration>) -> Result<Received<'b>> {
        let end = timeout.and_then(|t| Instant::now().checked_add(t));
        loop {
            match self.recv_into(buf, false) {
                Ok(head) => return Ok(head.with(buf)),
                Err(Errno::AGAIN) => {}
                Err(e) => return Err(Error::os(RECEIVE, e)),
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if !self.wait_readable(left)? {
                return Err(Error::other(ErrorKind::Timeout, RECEIVE, "nothing came in time"));
            }
        }
    }

    /// Waits until there is something to receive, an overflow to report included, at most `timeout`
    /// (`None`: for ever); `false` when the time ran out. Signals do not shorten it.
    ///
    /// # Errors
    /// The error of `poll(2)`.
    pub fn wait_readable(&self, timeout: Option<Duration>) -> Result<bool> {
        poll::wait_readable(self.as_fd(), timeout)
    }

    #[inline]
    fn recv_into(&self, buf: &mut RecvBuf, waits: bool) -> std::result::Result<Head, Errno> {
        if self.all_nsid.load(Ordering::Relaxed) {
            return recv::recv_with_nsid(self.as_fd(), buf, waits);
        }
        let flags = RecvFlags::TRUNC | if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        let (_, length, address) =
            rustix::io::retry_on_intr(|| rustix::net::recvfrom(&self.fd, buf.space(), flags))?;
        let address = address.map(SocketAddrNetlink::try_from).transpose()?.ok_or(Errno::IO)?;
        Ok(Head { length, portid: address.pid(), groups: address.groups(), nsid: None })
    }
}

/// Portid 0: the kernel chooses (the pid for a process's first socket, then something from 2^31 up).
fn bind_any(fd: BorrowedFd<'_>) -> Result<()> {
    rustix::net::bind(fd, &SocketAddrNetlink::new(0, 0)).map_err(|e| Error::os("bind a netlink socket", e))
}

fn bind_random(fd: BorrowedFd<'_>) -> Result<()> {
    const BIND: &str = "bind a netlink socket to a random portid";
    for _ in 0..PORTID_ATTEMPTS {
        let mut random = [0_u8; 4];
        rustix::io::retry_on_intr(|| {
            rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty())
        })
        .map_err(|e| Error::os("draw a random number", e))?;
        let span = MONITOR_PORTIDS.end - MONITOR_PORTIDS.start;
        let portid = MONITOR_PORTIDS.start + u32::from_ne_bytes(random) % span;
        match rustix::net::bind(fd, &SocketAddrNetlink::new(portid, 0)) {
            Ok(()) => return Ok(()),
            Err(Errno::ADDRINUSE) => {}
            Err(e) => return Err(Error::os(BIND, e)),
        }
    }
    Err(Error::os(BIND, Errno::ADDRINUSE))
}

/// Says which namespace an error was in, where it is not the caller's own and is not named already.
fn in_netns(error: Error, netns: &Netns) -> Error {
    match error.subject() {
        None => error.about(format!("namespace {netns}")),
        Some(_) => error,
    }
}

fn clamp_to_int(bytes: usize) -> libc::c_int {
    libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("fd", &self.fd.as_raw_fd())
            .field("protocol", &self.protocol.0)
            .field("portid", &self.portid)
            .field("netns_cookie", &self.netns_cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_wrap_past_zero() {
        let socket = Socket::open(Protocol::ROUTE, &Netns::host().unwrap()).unwrap();
        assert_eq!(socket.next_seq(), 1);
        assert_eq!(socket.next_seq(), 2);
        socket.seq.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(socket.next_seq(), u32::MAX);
        assert_eq!(socket.next_seq(), 1);
    }

    #[test]
    fn sequence_numbers_are_given_once_each_across_threads() {
        let socket = Socket::open(Protocol::ROUTE, &Netns::host().unwrap()).unwrap();
        // The wrap lies in the middle.
        socket.seq.store(u32::MAX - 2_000, Ordering::Relaxed);
        let mut all: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1_000).map(|_| socket.next_seq()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8_000);
        assert!(!all.contains(&0));
    }

    #[test]
    fn a_socket_is_shared_between_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Socket>();
    }
}
