//! A monitor's socket: opening it, and opening another when it fails.

use std::time::{Duration, Instant};

use linx_sys::{Group, Netns, PollSet, Protocol, Socket, Wake};
use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, control};

use super::RestartPolicy;
use crate::error::{Error, ErrorKind, Result};
use crate::request::after;

/// What a monitor's socket is to be.
pub(super) struct Config {
    pub(super) netns: Netns,
    pub(super) label: Box<str>,
    pub(super) protocol: Protocol,
    pub(super) groups: Vec<Group>,
    pub(super) rcvbuf: usize,
    pub(super) all_nsid: bool,
    pub(super) restart: Option<RestartPolicy>,
    pub(super) seat: Option<Seat>,
}

/// A monitor's place among other sockets that are waited for, rather than a descriptor to wait for of its own.
pub(crate) struct Seat {
    pub(crate) poll: PollSet,
    pub(crate) wake: Wake,
    pub(crate) token: u64,
}

/// Its token in a set of its own.
const SOCKET: u64 = 0;

/// How late the end of a monitor is seen that waits at its socket, where whoever ends it may send nothing (a sandbox).
const LONGEST_WAIT: Duration = Duration::from_secs(2);

const MONITOR: &str = "monitor";

/// Has the kernel answer behind all that it has sent so far; the number of the answer.
pub(super) fn mark(socket: &Socket) -> Result<u32, linx_sys::Error> {
    let seq = socket.next_seq();
    // It is a header alone, which always fits.
    let bytes =
        Request::new(control::NOOP, MessageFlags::ACK).finish(seq, socket.portid()).unwrap_or_default();
    socket.send(&bytes).map(|()| seq)
}

impl Config {
    /// A socket that has joined all groups, and the effective size of its receive buffer.
    pub(super) fn open(&self) -> Result<(Socket, usize)> {
        self.try_open().map_err(|error| self.error(error))
    }

    fn try_open(&self) -> Result<(Socket, usize), linx_sys::Error> {
        let socket = Socket::open_monitor(self.protocol, &self.netns)?;
        // Before the groups: what comes first has the room, too.
        let rcvbuf = socket.set_rcvbuf(self.rcvbuf)?;
        if self.may_wait_there() {
            socket.set_longest_wait(LONGEST_WAIT)?;
        }
        if self.all_nsid {
            socket.set_listen_all_nsid(true)?;
        }
        for group in &self.groups {
            socket.add_membership(*group)?;
        }
        Ok((socket, rcvbuf))
    }

    /// Whether the monitor may wait at its socket alone: there is no other descriptor to wait for, and the kernel answers
    /// what wakes it. Not all protocols do: the connector does not, and of some there is nobody in the kernel.
    pub(super) fn may_wait_there(&self) -> bool {
        self.seat.is_none() && matches!(self.protocol, Protocol::ROUTE | Protocol::NETFILTER)
    }

    pub(super) fn token(&self) -> u64 {
        self.seat.as_ref().map_or(SOCKET, |seat| seat.token)
    }

    pub(super) fn error(&self, error: linx_sys::Error) -> Error {
        Error::system(MONITOR, error).inside(&self.label)
    }

    pub(super) fn failed(&self, kind: ErrorKind) -> Error {
        Error::new(kind, MONITOR).inside(&self.label)
    }
}

/// A monitor without a socket: how its last one failed, and when to try another.
pub(super) struct Down {
    pub(super) error: Error,
    pub(super) failures: u32,
    pub(super) retry_at: Instant,
}

impl Down {
    pub(super) fn new(error: Error, policy: RestartPolicy, now: Instant) -> Self {
        Self { error, failures: 0, retry_at: after(now, policy.first_pause) }
    }

    /// Another attempt failed. False: it was the last.
    pub(super) fn again(&mut self, policy: RestartPolicy, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause = policy.first_pause.saturating_mul(factor).min(policy.longest_pause);
        self.retry_at = after(now, pause);
        policy.attempts.is_none_or(|most| self.failures < most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_attempts_are_counted() {
        let now = Instant::now();
        let policy = RestartPolicy {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(500),
            attempts: Some(4),
        };
        let mut down = Down::new(Error::new(ErrorKind::Io, "x"), policy, now);
        let mut pauses = vec![down.retry_at - now];
        while down.again(policy, now) {
            pauses.push(down.retry_at - now);
        }
        assert_eq!(pauses, [100, 200, 400, 500].map(Duration::from_millis));
        let forever = RestartPolicy { attempts: None, ..policy };
        assert!((0..100).all(|_| down.again(forever, now)));
        assert_eq!(down.retry_at - now, Duration::from_millis(500));
    }
}
