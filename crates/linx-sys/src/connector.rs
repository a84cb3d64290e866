//! Process events: the kernel tells of every fork, execution and exit as it happens.
//!
//! Source: `linux/connector.h`, `linux/cn_proc.h`, `drivers/connector/cn_proc.c`, KERNEL.md 5.10. Most one-shot
//! commands are gone before anybody reads their command line; who hears of the execution at once is in time.
//!
//! The kernel serves only listeners in the initial network, pid and user namespaces, and ignores others
//! without a word, so [`ProcConnector::open`] waits for its acknowledgement.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bitflags::bitflags;

use crate::caps::Capability;
use crate::error::{Error, ErrorKind, Result};
use crate::netns::Netns;
use crate::process;
use crate::recv::RecvBuf;
use crate::socket::{Group, Protocol, Socket};

const LISTEN: &str = "listen to process events";

/// CN_IDX_PROC and CN_VAL_PROC, which is also the multicast group.
const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;

/// Requests: PROC_CN_MCAST_LISTEN and PROC_CN_MCAST_IGNORE.
const MCAST_LISTEN: u32 = 1;
const MCAST_IGNORE: u32 = 2;

/// `struct nlmsghdr` and `struct cn_msg`, in bytes.
const NLMSG_HEADER: usize = 16;
const CN_HEADER: usize = 20;

/// The kernel acknowledges within the send; this allows for a machine that is very busy.
const ACK_TIME: Duration = Duration::from_secs(5);

/// Process events are small (76 bytes): room enough for one, and for its growth.
const BUFFER_BYTES: usize = 4096;

bitflags! {
    /// Which process events to hear of (PROC_EVENT_*).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ProcEvents: u32 {
        /// A process or a thread was made.
        const FORK = 0x1;
        /// A program was executed.
        const EXEC = 0x2;
        /// A user id was changed.
        const UID = 0x4;
        /// A group id was changed.
        const GID = 0x40;
        /// A session was begun.
        const SID = 0x80;
        /// A thread was renamed.
        const COMM = 0x200;
        /// A process or a thread has ended.
        const EXIT = 0x8000_0000;
    }
}

/// What happened to a process, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcNotice {
    /// Since the machine started (CLOCK_MONOTONIC, see [`monotonic`](crate::monotonic)).
    pub time: Duration,
    /// What happened.
    pub event: ProcEvent,
}

/// What happened to a process. A `pid` is a process (thread group), a `tid` one thread of it, both in the
/// initial pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcEvent {
    /// A new thread; a new process if its two ids are equal.
    Fork {
        /// The thread that called `fork` or `clone`, or for a thread its new sibling's parent process.
        parent_tid: u32,
        /// Its process.
        parent_pid: u32,
        /// The new thread.
        tid: u32,
        /// Its process.
        pid: u32,
    },
    /// The process executed a program: its command line is now another.
    Exec {
        /// The thread; it is its process's first from now on.
        tid: u32,
        /// The process.
        pid: u32,
    },
    /// The thread's user ids changed.
    Uid {
        /// The thread.
        tid: u32,
        /// Its process.
        pid: u32,
        /// The real user id.
        ruid: u32,
        /// The effective user id.
        euid: u32,
    },
    /// The thread's group ids changed.
    Gid {
        /// The thread.
        tid: u32,
        /// Its process.
        pid: u32,
        /// The real group id.
        rgid: u32,
        /// The effective group id.
        egid: u32,
    },
    /// The process began a session.
    Sid {
        /// The thread.
        tid: u32,
        /// Its process.
        pid: u32,
    },
    /// The thread was given a name.
    Comm {
        /// The thread.
        tid: u32,
        /// Its process.
        pid: u32,
        /// The name.
        comm: Comm,
    },
    /// The thread ended; the process, if the two ids are equal and it was the last.
    Exit {
        /// The thread.
        tid: u32,
        /// Its process.
        pid: u32,
        /// As `wait(2)` encodes it.
        code: u32,
        /// The signal sent to the parent.
        signal: u32,
    },
    /// An event of another kind (ptrace, core dump, or newer than this library).
    Other {
        /// The number of the kind (PROC_EVENT_*).
        what: u32,
    },
}

/// The name of a thread: at most 15 bytes, any but NUL.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Comm([u8; 16]);

impl Comm {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or(&[])
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A listener to process events. The kernel stops telling when it is dropped.
///
/// ```no_run
/// use linx_sys::{Netns, ProcConnector, ProcEvent, ProcEvents};
/// # fn main() -> Result<(), linx_sys::Error> {
/// let mut connector = ProcConnector::open(&Netns::host()?, ProcEvents::EXEC)?;
/// loop {
///     connector.wait_readable(None)?;
///     while let Some(notice) = connector.recv()? {
///         if let ProcEvent::Exec { pid, .. } = notice.event {
///             let _command_line = std::fs::read(format!("/proc/{pid}/cmdline"));
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ProcConnector {
    socket: Socket,
    events: ProcEvents,
    buf: RecvBuf,
}

impl ProcConnector {
    /// Begins to listen. `netns` must be the initial network namespace, which is where the kernel serves
    /// process events; the caller must be in the initial pid and user namespaces.
    ///
    /// # Errors
    /// [`ErrorKind::Permission`] without CAP_NET_ADMIN (Linux 6.6 and later need none);
    /// [`ErrorKind::Unsupported`], with the reason, outside the initial namespaces and for a kernel without
    /// process events.
    pub fn open(netns: &Netns, events: ProcEvents) -> Result<Self> {
        let unsupported = |why| Error::other(ErrorKind::Unsupported, LISTEN, why);
        if process::in_initial_pid_namespace() == Some(false) {
            return Err(unsupported("needs the initial pid namespace"));
        }
        if process::in_initial_user_namespace() == Some(false) {
            return Err(unsupported("needs the initial user namespace"));
        }
        let socket = Socket::open_monitor(Protocol::CONNECTOR, netns)?;
        socket.add_membership(Group(CN_IDX_PROC)).map_err(|e| match e.kind() {
            ErrorKind::Permission => e,
            _ => unsupported("this kernel has no process events"),
        })?;
        let buf = RecvBuf::with_capacity(BUFFER_BYTES);
        let mut connector = Self { socket, events, buf };
        // The acknowledgement is told from others' by a number that comes back plus one.
        let ack = connector.socket.portid();
        connector.request(&[MCAST_LISTEN], ack).map_err(|e| match e.raw_os_error() {
            Some(libc::ECONNREFUSED) => unsupported("needs the initial network namespace"),
            _ => e,
        })?;
        connector.await_ack(ack.wrapping_add(1))?;
        if events != ProcEvents::all() {
            // Since Linux 6.6 the kernel itself can leave out the rest; before, it ignores a request of this
            // length. Either way the first request stands, and `recv` leaves out what still comes. This one is
            // not acknowledged: acknowledgements are left out too.
            connector.request(&[MCAST_LISTEN, events.bits()], 0)?;
        }
        Ok(connector)
    }

    /// The next event that was asked for, if one is pending. Messages that did not come from the kernel are
    /// passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Overflow`] when events were lost: what was remembered of processes may be out of date.
    pub fn recv(&mut self) -> Result<Option<ProcNotice>> {
        loop {
            match self.next_any()? {
                None => return Ok(None),
                Some(Message::Notice(what, notice)) if self.events.bits() & what != 0 => {
                    return Ok(Some(notice));
                }
                Some(_) => {}
            }
        }
    }

    /// Waits until something is pending, at most `timeout` (`None`: for ever); `false` when the time ran out.
    ///
    /// # Errors
    /// The error of `poll(2)`.
    pub fn wait_readable(&self, timeout: Option<Duration>) -> Result<bool> {
        self.socket.wait_readable(timeout)
    }

    /// Sets the receive buffer, as [`Socket::set_rcvbuf`].
    ///
    /// # Errors
    /// The error of `setsockopt(2)`.
    pub fn set_rcvbuf(&self, bytes: usize) -> Result<usize> {
        self.socket.set_rcvbuf(bytes)
    }

    /// Events lost so far, as [`Socket::drops`].
    ///
    /// # Errors
    /// The error of `getsockopt(2)`.
    pub fn drops(&self) -> Result<u32> {
        self.socket.drops()
    }

    fn next_any(&mut self) -> Result<Option<Message>> {
        match self.socket.recv(&mut self.buf) {
            Ok(received) if received.is_from_kernel() => {
                Ok(Some(parse(received.bytes()).unwrap_or(Message::Strange)))
            }
            Ok(_) => Ok(Some(Message::Strange)),
            Err(e) if e.is_would_block() => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn await_ack(&mut self, expected: u32) -> Result<()> {
        let end = Instant::now() + ACK_TIME;
        loop {
            match self.next_any() {
                Ok(Some(Message::Ack { ack, errno })) if ack == expected => {
                    return match i32::try_from(errno) {
                        Ok(0) => Ok(()),
                        Ok(errno) => Err(Error::os(LISTEN, rustix::io::Errno::from_raw_os_error(errno))
                            .needing(Capability::NET_ADMIN)),
                        Err(_) => Err(Error::os(LISTEN, rustix::io::Errno::IO)),
                    };
                }
                Ok(Some(_)) => {}
                // With many events of others the acknowledgement itself may be lost; the request was heeded
                // or not, and asking again is harmless.
                Err(e) if e.is_nobufs() => self.request(&[MCAST_LISTEN], expected.wrapping_sub(1))?,
                Err(e) => return Err(e),
                Ok(None) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if !self.socket.wait_readable(Some(left))? {
                        let why = "the kernel does not answer; it serves only the initial namespaces";
                        return Err(Error::other(ErrorKind::Unsupported, LISTEN, why));
                    }
                }
            }
            if Instant::now() > end {
                return Err(Error::other(ErrorKind::Timeout, LISTEN, "no acknowledgement in time"));
            }
        }
    }

    /// A request of the connector: `words` to the process events' callback.
    fn request(&self, words: &[u32], ack: u32) -> Result<()> {
        const NLMSG_DONE: u16 = 3;
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let length = NLMSG_HEADER + CN_HEADER + body.len();
        let mut message = Vec::with_capacity(length);
        message.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_ne_bytes());
        message.extend_from_slice(&NLMSG_DONE.to_ne_bytes());
        message.extend_from_slice(&[0; 2]);
        message.extend_from_slice(&self.socket.next_seq().to_ne_bytes());
        message.extend_from_slice(&self.socket.portid().to_ne_bytes());
        for word in [CN_IDX_PROC, CN_VAL_PROC, 0, ack] {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        message.extend_from_slice(&u16::try_from(body.len()).unwrap_or(0).to_ne_bytes());
        message.extend_from_slice(&[0; 2]);
        message.extend_from_slice(&body);
        self.socket.send(&message)
    }
}

impl Drop for ProcConnector {
    fn drop(&mut self) {
        // Before Linux 6.6 the kernel counts listeners by these requests, not by sockets, and goes on
        // making events for nobody. An error changes nothing: the socket is closed.
        let _ = self.request(&[MCAST_IGNORE], 0);
    }
}

impl AsFd for ProcConnector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One datagram of the process connector.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    Ack {
        ack: u32,
        errno: u32,
    },
    /// The number of its kind, and the event.
    Notice(u32, ProcNotice),
    /// Not of this protocol.
    Strange,
}

/// Parses a datagram: `nlmsghdr`, `cn_msg`, `proc_event`. `None` when it is too short for what it claims.
fn parse(datagram: &[u8]) -> Option<Message> {
    let word = |at: usize| datagram.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes));
    if (word(NLMSG_HEADER)?, word(NLMSG_HEADER + 4)?) != (CN_IDX_PROC, CN_VAL_PROC) {
        return Some(Message::Strange);
    }
    let ack = word(NLMSG_HEADER + 12)?;
    let event = NLMSG_HEADER + CN_HEADER;
    let what = word(event)?;
    let nanoseconds = u64::from_ne_bytes(*datagram.get(event + 8..)?.first_chunk::<8>()?);
    let field = |index: usize| word(event + 16 + 4 * index);
    let (first, second) = (|| field(0), || field(1));
    if what == 0 {
        return Some(Message::Ack { ack, errno: first()? });
    }
    let parsed = match ProcEvents::from_bits_retain(what) {
        ProcEvents::FORK => {
            ProcEvent::Fork { parent_tid: first()?, parent_pid: second()?, tid: field(2)?, pid: field(3)? }
        }
        ProcEvents::EXEC => ProcEvent::Exec { tid: first()?, pid: second()? },
        ProcEvents::UID => ProcEvent::Uid { tid: first()?, pid: second()?, ruid: field(2)?, euid: field(3)? },
        ProcEvents::GID => ProcEvent::Gid { tid: first()?, pid: second()?, rgid: field(2)?, egid: field(3)? },
        ProcEvents::SID => ProcEvent::Sid { tid: first()?, pid: second()? },
        ProcEvents::COMM => {
            let comm = *datagram.get(event + 24..)?.first_chunk::<16>()?;
            ProcEvent::Comm { tid: first()?, pid: second()?, comm: Comm(comm) }
        }
        ProcEvents::EXIT => {
            ProcEvent::Exit { tid: first()?, pid: second()?, code: field(2)?, signal: field(3)? }
        }
        _ => ProcEvent::Other { what },
    };
    let notice = ProcNotice { time: Duration::from_nanos(nanoseconds), event: parsed };
    Some(Message::Notice(what, notice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(what: u32, data: &[u32]) -> Vec<u8> {
        let mut words = vec![76, 3, 0, 0, CN_IDX_PROC, CN_VAL_PROC, 5, 9, 40, what, 0];
        words.extend([1_000_000_007_u64 as u32, 0]);
        words.extend(data);
        words.resize(19, 0);
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    fn event(what: u32, data: &[u32]) -> ProcEvent {
        match parse(&datagram(what, data)) {
            Some(Message::Notice(kind, notice)) => {
                assert_eq!((kind, notice.time), (what, Duration::from_nanos(1_000_000_007)));
                notice.event
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_kind_of_event() {
        assert_eq!(
            event(1, &[10, 11, 12, 13]),
            ProcEvent::Fork { parent_tid: 10, parent_pid: 11, tid: 12, pid: 13 }
        );
        assert_eq!(event(2, &[10, 11]), ProcEvent::Exec { tid: 10, pid: 11 });
        assert_eq!(event(4, &[1, 2, 3, 4]), ProcEvent::Uid { tid: 1, pid: 2, ruid: 3, euid: 4 });
        assert_eq!(event(0x40, &[1, 2, 3, 4]), ProcEvent::Gid { tid: 1, pid: 2, rgid: 3, egid: 4 });
        assert_eq!(event(0x80, &[1, 2]), ProcEvent::Sid { tid: 1, pid: 2 });
        assert_eq!(
            event(0x8000_0000, &[1, 2, 256, 17]),
            ProcEvent::Exit { tid: 1, pid: 2, code: 256, signal: 17 }
        );
        assert_eq!(event(0x4000_0000, &[1, 2]), ProcEvent::Other { what: 0x4000_0000 });
        let ProcEvent::Comm { tid: 1, pid: 2, comm } =
            event(0x200, &[1, 2, u32::from_ne_bytes(*b"ba\x1bs"), u32::from_ne_bytes(*b"h\0\0\0")])
        else {
            panic!("not a comm event")
        };
        assert_eq!(comm.as_bytes(), b"ba\x1bsh");
        assert_eq!(format!("{comm:?}"), "\"ba\\x1bsh\"");
        assert_eq!(parse(&datagram(0, &[1])), Some(Message::Ack { ack: 9, errno: 1 }));
    }

    #[test]
    fn short_and_strange_datagrams() {
        for what in [0, 1, 2, 4, 0x40, 0x80, 0x200, 0x8000_0000] {
            let whole = datagram(what, &[1, 2, 3, 4, 5, 6]);
            for length in 0..whole.len() {
                let _ = parse(&whole[..length]);
            }
            assert_eq!(parse(&whole[..54]), None);
        }
        let mut other = datagram(2, &[1, 2]);
        other[16] = 7;
        assert_eq!(parse(&other), Some(Message::Strange));
    }
}
