//! Monitors: what the kernel announces, as it happens, and what it did not manage to announce.
//!
//! A [`Monitor`] is one netlink socket. Its queue is the kernel's: nothing is kept in this process, and what the kernel
//! had to drop is told as [`Notice::ResyncNeeded`], every time. Whoever holds the monitor reads it: by
//! [`recv`](Monitor::recv) or as an iterator, from an event loop ([`as_fd`](std::os::fd::AsFd::as_fd) and
//! [`try_recv`](Monitor::try_recv)), as a `Stream` (feature `tokio`), or from a channel
//! ([`forward_to`](Monitor::forward_to)).
//!
//! What messages mean is a [`Decoder`]'s business: [`route`] has that of rtnetlink.

pub(crate) mod builder;
mod control;
pub(crate) mod core;
mod forward;
pub(crate) mod intake;
pub(crate) mod link;
#[cfg(feature = "nft")]
pub mod nft;
pub(crate) mod pace;
pub mod route;
#[cfg(feature = "tokio")]
mod stream;

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, SystemTime};

use linx_sys::Protocol;
use linx_wire::DecodeError;
use linx_wire::emit::Request;
use linx_wire::header::Message;

use crate::error::Error;

pub use self::core::Monitor;
pub use builder::Builder;
pub use control::{Control, Stats};
pub use core::Sink;
#[cfg(feature = "tokio")]
pub use stream::Notices;

/// What makes events of messages.
pub trait Decoder: Send + 'static {
    /// What it makes of a message.
    type Event: Send + 'static;
    /// What it makes of messages that belong together; [`Infallible`] where none do.
    type Transaction: Send + 'static;
    /// The protocol whose messages it reads.
    const PROTOCOL: Protocol;

    /// Takes one message, in the order of their arrival. What it makes goes to `sink`, now or with a later message.
    ///
    /// # Errors
    /// The message cannot be decoded: it is reported with its bytes, and the next one comes.
    fn message(
        &mut self,
        message: &Message<'_>,
        origin: Origin,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), DecodeError>;

    /// A message could not be decoded, or not even be found in its datagram (`bytes` is that, then). It has to be told
    /// to `sink`, now or when what it belongs to has been.
    fn undecodable(&mut self, bytes: &[u8], error: DecodeError, _: Origin, sink: &mut Sink<'_, Self>) {
        sink.undecodable(bytes, error);
    }

    /// Messages were lost, and where they are missing is not known: somewhere up to the next call of
    /// [`lost`](Self::lost).
    fn doubt(&mut self) {}

    /// Messages were lost before the next one. What is unfinished is to be given up; the loss is told afterwards.
    fn lost(&mut self, _sink: &mut Sink<'_, Self>) {}

    /// What to ask, when the monitor begins and after each loss, for messages to be placed: the answer to it stands
    /// behind all that happened before. `None`: nothing.
    fn position(&self) -> Option<Request> {
        None
    }

    /// The answer to [`position`](Self::position); `None`: there will be none.
    fn placed(&mut self, _answer: Option<&Message<'_>>, _sink: &mut Sink<'_, Self>) {}

    /// The number that [`Control::set_min_gen`] compares.
    fn generation(_transaction: &Self::Transaction) -> Option<u32> {
        None
    }
}

impl Origin {
    /// For who reads a socket without a [`Monitor`].
    #[must_use]
    pub fn new(netns: u64, nsid: Option<i32>, time: SystemTime) -> Self {
        Self { netns, nsid, time }
    }
}

/// What the monitor of a decoder tells.
pub type NoticeOf<D> = Notice<<D as Decoder>::Event, <D as Decoder>::Transaction>;

/// Where and when a message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// Identity of the monitored namespace (SO_NETNS_COOKIE).
    pub netns: u64,
    /// For a monitor of several namespaces: the id of the namespace that the message comes from; `None` is the
    /// monitored one.
    pub nsid: Option<i32>,
    /// When it was received (CLOCK_REALTIME). The kernel does not say when it was sent.
    pub time: SystemTime,
}

/// What a monitor tells. Of protocols without transactions `T` is empty.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice<E, T = Infallible> {
    /// Something happened.
    Event(E),
    /// Several things happened as one.
    Transaction(T),
    /// What is known may be wrong from here on: list it again.
    ResyncNeeded(Loss),
    /// All events before the barrier of this number ([`Monitor::barrier`]) have been told.
    Barrier(Barrier),
    /// A message of a type that is not known here, of a group that was asked for by its number.
    Unknown(Unknown),
    /// Something that is not the kernel sent to the monitor's socket. It was not believed.
    Spoofed {
        /// The sender's port id.
        portid: u32,
        /// Size of what it sent, bytes.
        length: usize,
    },
    /// So many notices were dropped because the receiver of [`Monitor::forward_to`] was slow: list again.
    Lagged(u64),
    /// The monitor behind [`Monitor::forward_to`] ended by this error.
    Ended(Error),
}

impl<E, T> Notice<E, T> {
    /// The event, if it is one.
    #[must_use]
    pub fn event(self) -> Option<E> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }

    /// The transaction, if it is one.
    #[must_use]
    pub fn transaction(self) -> Option<T> {
        match self {
            Self::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// Whether a state that was built from events is certain no more: after a loss, or when notices were dropped.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::ResyncNeeded(_) | Self::Lagged(_))
    }
}

/// Events that did not arrive.
///
/// Where in the order they belong is known only so far: before this notice. After an overflow the events that were
/// queued come first, as they are older than the gap; one or the other that is newer may come with them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loss {
    /// Why.
    pub reason: LossReason,
    /// Messages that the kernel counted as dropped since the last loss. 0 when it did not count: a message that was
    /// too large to be sent is not.
    pub drops: u32,
    /// Size of the receive buffer, bytes.
    pub rcvbuf_bytes: usize,
}

/// Why events did not arrive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LossReason {
    /// The receive buffer was full, or the kernel had no memory for a message (ENOBUFS).
    Overflow,
    /// A message was larger than the buffer that it was read into.
    Truncated {
        /// Its size, bytes.
        length: usize,
    },
    /// A message could not be decoded.
    Undecodable {
        /// The message, with its header.
        bytes: Box<[u8]>,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// What came does not continue what came before; or, of a mirror, it does not tell all, and the kernel does not answer
    /// what was left to ask.
    Gap,
    /// The socket failed, and was replaced.
    Restarted {
        /// How it failed.
        error: Error,
        /// How often opening another failed before it succeeded.
        failures: u32,
    },
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow => f.write_str("receive buffer overflowed"),
            Self::Truncated { length } => write!(f, "a message of {length} bytes was truncated"),
            Self::Undecodable { bytes, error } => {
                write!(f, "a message of {} bytes could not be decoded: {error}", bytes.len())
            }
            Self::Gap => f.write_str("events are missing"),
            Self::Restarted { error, .. } => write!(f, "the socket was replaced: {error}"),
        }
    }
}

impl LossReason {
    /// The reason in one word: `overflow`, `truncated`, `undecodable`, `gap`, `restarted`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Truncated { .. } => "truncated",
            Self::Undecodable { .. } => "undecodable",
            Self::Gap => "gap",
            Self::Restarted { .. } => "restarted",
        }
    }
}

/// A message of a type that is not known here.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unknown {
    /// Its type (`RTM_*`).
    pub message_type: u16,
    /// What follows its header.
    pub payload: Box<[u8]>,
    /// Its port id.
    pub portid: u32,
    /// Where and when it was received.
    pub origin: Origin,
}

/// A point in the order of events. See [`Monitor::barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Barrier(pub(crate) u32);

/// How a monitor whose socket failed is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Pause before the first attempt; it doubles after each failure.
    pub first_pause: Duration,
    /// Longest pause between attempts.
    pub longest_pause: Duration,
    /// Failed attempts in a row after which it is given up; `None`: never.
    pub attempts: Option<u32>,
}

impl Default for RestartPolicy {
    /// 100 ms, doubling up to 30 s, for ever.
    fn default() -> Self {
        let (first_pause, longest_pause) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { first_pause, longest_pause, attempts: None }
    }
}
