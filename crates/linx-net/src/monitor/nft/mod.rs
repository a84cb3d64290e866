//! The monitor of nf_tables: each commit as one, with who made it.

mod assembler;
#[cfg(test)]
mod model;
mod transaction;

use std::collections::HashMap;

use linx_sys::{Group, Protocol};
use linx_wire::DecodeError;
use linx_wire::emit::Request;
use linx_wire::header::Message;
use linx_wire::nft::{GenerationRef, GenerationView, request};

use super::{Decoder, Origin, Sink};

pub use assembler::{Assembler, LIMIT, Outlet, next_generation};
pub use transaction::{Change, Changes, Event, Transaction};

/// The monitor of nf_tables. It needs CAP_NET_ADMIN in the namespace's user namespace.
///
/// Commits made before [`subscribe`](super::Builder::subscribe) are not told, those made after it are, whole; a
/// transaction that is not is marked, and followed by [`Notice::ResyncNeeded`](super::Notice::ResyncNeeded). After a
/// loss the commits up to it are part of it: [pull](crate::nft::pull) the rule set again.
///
/// ```no_run
/// use linx::nft::{Monitor, Notice};
///
/// let mut monitor = Monitor::builder().subscribe()?;
/// for notice in monitor.notices() {
///     match notice? {
///         Notice::Transaction(commit) => {
///             println!("{:?} {:?}: {} changes", commit.generation, commit.process.comm(), commit.changes.len());
///         }
///         Notice::ResyncNeeded(loss) => println!("pull again: {}", loss.reason),
///         _ => {}
///     }
/// }
/// # Ok::<(), linx::Error>(())
/// ```
pub type Monitor = super::Monitor<Transactions>;

/// What the monitor of nf_tables tells: transactions, and as events what packets changed (a quota that was crossed).
pub type Notice = super::Notice<Event, Transaction>;

/// What the builder of it is.
pub type Builder = super::Builder<Transactions>;

/// The decoder of nf_tables' messages.
#[derive(Debug)]
pub struct Transactions {
    limit: usize,
    own: Assembler,
    /// Of a monitor of several namespaces: those of the others, by their ids.
    others: HashMap<i32, Assembler>,
}

impl Transactions {
    fn new(limit: usize, since: Option<u32>) -> Self {
        Self { limit, own: Assembler::new(limit, since), others: HashMap::new() }
    }

    fn of(&mut self, nsid: Option<i32>) -> &mut Assembler {
        match nsid {
            None => &mut self.own,
            Some(nsid) => self.others.entry(nsid).or_insert_with(|| {
                // Their generation cannot be asked for from here.
                let mut other = Assembler::new(self.limit, None);
                other.placed(None, &mut Nowhere);
                other
            }),
        }
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Assembler> {
        std::iter::once(&mut self.own).chain(self.others.values_mut())
    }
}

impl Decoder for Transactions {
    type Event = Event;
    type Transaction = Transaction;
    const PROTOCOL: Protocol = Protocol::NETFILTER;

    #[inline]
    fn message(
        &mut self,
        message: &Message<'_>,
        origin: Origin,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), DecodeError> {
        self.of(origin.nsid).message(message, origin, sink)
    }

    fn undecodable(&mut self, bytes: &[u8], error: DecodeError, origin: Origin, sink: &mut Sink<'_, Self>) {
        self.of(origin.nsid).undecodable(bytes, error, sink);
    }

    fn doubt(&mut self) {
        self.each().for_each(Assembler::doubt);
    }

    fn lost(&mut self, sink: &mut Sink<'_, Self>) {
        self.each().for_each(|assembler| assembler.lost(sink));
        self.others.values_mut().for_each(|other| other.placed(None, sink));
    }

    fn position(&self) -> Option<Request> {
        Some(request::generation())
    }

    fn placed(&mut self, answer: Option<&Message<'_>>, sink: &mut Sink<'_, Self>) {
        let generation = answer.and_then(|answer| GenerationRef::decode(answer.payload).ok());
        self.own.placed(generation.map(|generation| generation.id()), sink);
    }

    fn generation(transaction: &Transaction) -> Option<u32> {
        transaction.generation
    }
}

impl Outlet for Sink<'_, Transactions> {
    fn transaction(&mut self, transaction: Transaction) {
        self.transaction(transaction);
    }

    fn event(&mut self, event: Event) {
        self.event(event);
    }

    fn gap(&mut self) {
        self.gap();
    }

    fn undecodable(&mut self, bytes: &[u8], error: DecodeError) {
        self.undecodable(bytes, error);
    }

    fn unknown(&mut self, message: &Message<'_>, origin: Origin) {
        self.unknown(message, origin);
    }
}

/// An assembler that begins has nothing to tell.
struct Nowhere;

impl Outlet for Nowhere {
    fn transaction(&mut self, _: Transaction) {}
    fn event(&mut self, _: Event) {}
    fn gap(&mut self) {}
    fn undecodable(&mut self, _: &[u8], _: DecodeError) {}
    fn unknown(&mut self, _: &Message<'_>, _: Origin) {}
}

impl Monitor {
    /// A monitor to be, of nf_tables.
    pub fn builder() -> Builder {
        Builder::new(Transactions::new(LIMIT, None), &[Group::NFTABLES])
    }

    /// The last generation that was told of, or that was the namespace's when the monitor asked for it; `None` before
    /// anything was read.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.decoder().own.generation()
    }
}

impl Builder {
    /// The reader knows the rule set of this generation: if it is not the namespace's when the monitor begins, the first
    /// notice is a [loss](super::Notice::ResyncNeeded), because commits in between cannot be told any more.
    pub fn since_gen(self, generation: u32) -> Self {
        self.map_decoder(|decoder| Transactions::new(decoder.limit, Some(generation)))
    }

    /// Bytes of one commit's changes that are held until its end comes (256 MiB unless told). A larger commit is told in
    /// [parts](Transaction::part).
    pub fn limit(self, bytes: usize) -> Self {
        self.map_decoder(|decoder| Transactions {
            limit: bytes,
            own: decoder.own.with_limit(bytes),
            ..decoder
        })
    }
}
