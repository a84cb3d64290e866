//! From messages to transactions. No I/O, no clock.
//!
//! The kernel announces a commit by a message for each change, then by one `NFT_MSG_NEWGEN` that says which generation it
//! led to and who made it (KERNEL.md 1.1). Each change carries the low 16 bits of that generation and the committer's
//! port id, and commits of a namespace never interleave. So the changes of one number are one commit, and only the end
//! that has the number names its author; an end is never attached to anything else.
//!
//! What may be missing:
//!
//! - After an overflow the queue is older than the gap, or nearly all of it: which commit the gap is in is not known. All
//!   that end before the loss is told are incomplete.
//! - The first commit after a loss may lack its beginning. So the generation is asked for on the monitor's own socket: the
//!   kernel counts it up before it announces anything, so commits up to the answer are part of the loss, and those after
//!   it are whole. The same tells where a monitor begins. The kernel takes no lock for it: a commit may overtake the
//!   answer that was written before it, and then is part of the loss, too.
//! - Where asking is refused (CAP_NET_ADMIN was given up meanwhile), the first commit is incomplete.
//! - A commit follows another that did not end, or a generation is skipped: nothing of the kind was seen without an
//!   overflow, but it is told, and what follows the hole is incomplete, too: its beginning may be in it.

use std::sync::Arc;

use linx_wire::DecodeError;
use linx_wire::header::Message;
use linx_wire::nft::{EntityRef, GenerationRef, GenerationView};
use linx_wire::uapi::nft;

use super::transaction::{Changes, Event, Transaction};
use crate::author::{Author, Certainty};
use crate::monitor::Origin;

/// Bytes of changes that are held until their commit ends; a larger one comes in parts.
pub const LIMIT: usize = 256 << 20;

/// The generation after this one: 32 bits, never 0.
#[must_use]
pub fn next_generation(generation: u32) -> u32 {
    match generation.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

/// Where an [`Assembler`] puts what it makes.
pub trait Outlet {
    /// A transaction, or a part of one.
    fn transaction(&mut self, transaction: Transaction);
    /// A change that belongs to no transaction: made by a packet.
    fn event(&mut self, event: Event);
    /// Transactions, or changes of the one before, are missing.
    fn gap(&mut self);
    /// A message could not be decoded.
    fn undecodable(&mut self, bytes: &[u8], error: DecodeError);
    /// A message of a type that is not known.
    fn unknown(&mut self, message: &Message<'_>, origin: Origin);
}

/// How sure it is that nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// It begins: what comes before the answer was committed before.
    Begun,
    Sure,
    /// Something is missing in what comes until the loss is told.
    Doubt,
    /// The loss was told: what comes before the answer was committed before.
    Lost,
    /// There is no answer: the next commit may lack its beginning.
    Blind,
}

/// The commit that is being announced.
#[derive(Debug)]
struct Open {
    /// Low 16 bits of its generation.
    low: u16,
    /// Its generation, if fewer than 65,536 came since the last.
    generation: Option<u32>,
    portid: u32,
    changes: Changes,
    part: u32,
    is_whole: bool,
    origin: Origin,
}

/// Makes transactions of one namespace's messages. [`Monitor`](super::Monitor) has one in it; it is here for those who
/// read the socket themselves.
#[derive(Debug)]
pub struct Assembler {
    limit: usize,
    /// The generation that the reader knows already.
    since: Option<u32>,
    stand: Stand,
    /// Messages were lost, and that was not told yet: the answer does not make it sure then.
    is_owed: bool,
    /// The last generation whose end was seen, or that was told in answer.
    last: Option<u32>,
    /// `last` is from an answer: changes of it and of those before it may still come.
    is_past: bool,
    /// Of what came before the answer: the last end, and the low bits of changes behind it.
    overtaking: (Option<u32>, Option<u16>),
    open: Option<Open>,
    /// Messages of the open commit, or of one before its first change, that could not be decoded.
    faults: Vec<(Box<[u8]>, DecodeError)>,
}

impl Assembler {
    /// Holds changes up to `limit` bytes; of a reader who knows generation `since`, if any.
    #[must_use]
    pub fn new(limit: usize, since: Option<u32>) -> Self {
        let (stand, faults) = (Stand::Begun, Vec::new());
        let (is_owed, is_past) = (false, false);
        Self {
            limit,
            since,
            stand,
            is_owed,
            last: None,
            is_past,
            overtaking: (None, None),
            open: None,
            faults,
        }
    }

    /// The same, with another limit.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The last generation that was told of, or that was the namespace's when it was asked.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.last
    }

    /// Takes a message, in the order of their arrival.
    ///
    /// # Errors
    /// It cannot be decoded: it is to be passed to [`undecodable`](Self::undecodable).
    #[inline]
    pub fn message(
        &mut self,
        message: &Message<'_>,
        origin: Origin,
        out: &mut impl Outlet,
    ) -> Result<(), DecodeError> {
        let header = message.header;
        if header.message_type == nft::NEWGEN {
            let generation = GenerationRef::decode(message.payload)?;
            self.end(generation.number()?, &generation, header.portid, origin, out);
            return Ok(());
        }
        let Some((op, entity)) = EntityRef::decode(header.message_type, message.payload)? else {
            out.unknown(message, origin);
            return Ok(());
        };
        if header.portid == 0 && header.seq == 0 {
            let Origin { netns, nsid, time } = origin;
            let process = Arc::new(Author::of_portid(0));
            let (object, flags, generation) = (entity.to_owned(), header.flags, None);
            out.event(Event { op, object, flags, generation, process, netns, nsid, time });
            return Ok(());
        }
        self.change(entity.generation_low(), header.portid, message.bytes, origin, out);
        Ok(())
    }

    fn change(&mut self, low: u16, portid: u32, bytes: &[u8], origin: Origin, out: &mut impl Outlet) {
        if matches!(self.stand, Stand::Begun | Stand::Lost) {
            self.overtaking.1 = Some(low);
            return;
        }
        let is_same = self.open.as_ref().is_some_and(|open| (open.low, open.portid) == (low, portid));
        if !is_same {
            let is_behind_a_hole = self.abandon(out);
            if self.is_past && self.last.is_some_and(|last| is_up_to(low, last as u16)) {
                return;
            }
            let is_next = self.last.is_none_or(|last| next_generation(last) as u16 == low);
            let is_sure = self.stand == Stand::Sure && is_next && !is_behind_a_hole;
            let generation = self.last.map(|last| last.wrapping_add(low.wrapping_sub(last as u16).into()));
            let is_whole = is_sure && self.faults.is_empty();
            let changes = Changes::default();
            self.open = Some(Open { low, generation, portid, changes, part: 1, is_whole, origin });
        }
        let Some(open) = &mut self.open else { return };
        open.changes.push(bytes);
        if open.changes.as_bytes().len() > self.limit {
            let changes = std::mem::take(&mut open.changes);
            let part = open.part;
            open.part = part.saturating_add(1);
            let process = Arc::new(Author::of_portid(portid));
            let Origin { netns, nsid, time } = origin;
            out.transaction(Transaction {
                generation: open.generation,
                process,
                changes,
                complete: open.is_whole,
                part,
                is_last: false,
                netns,
                nsid,
                time,
            });
        }
    }

    /// The end of a commit.
    fn end(
        &mut self,
        id: u32,
        generation: &GenerationRef<'_>,
        portid: u32,
        origin: Origin,
        out: &mut impl Outlet,
    ) {
        let is_old = self.is_past && self.last.is_some_and(|last| is_up_to_generation(id, last));
        if matches!(self.stand, Stand::Begun | Stand::Lost) {
            self.overtaking = (Some(id), None);
            return;
        }
        if is_old {
            return;
        }
        let is_other = self.open.as_ref().is_some_and(|open| {
            (open.low, open.portid) != (id as u16, portid) || open.generation.is_some_and(|known| known != id)
        });
        let is_behind_a_hole = is_other && self.abandon(out);
        let is_next = self.last.is_none_or(|last| next_generation(last) == id);
        let (changes, part, is_whole) = match self.open.take() {
            Some(open) => (open.changes, open.part, open.is_whole),
            None => (Changes::default(), 1, !is_behind_a_hole),
        };
        let complete = is_whole && is_next && self.stand == Stand::Sure && self.faults.is_empty();
        let comm = generation.thread_name().map(|name| name.as_bytes().into());
        let tid = generation.thread_id();
        let certainty = Certainty::Certain;
        let process = Arc::new(Author { tid, comm, certainty, ..Author::of_portid(portid) });
        let Origin { netns, nsid, time } = origin;
        let generation = Some(id);
        let is_last = true;
        out.transaction(Transaction {
            generation,
            process,
            changes,
            complete,
            part,
            is_last,
            netns,
            nsid,
            time,
        });
        self.last = Some(id);
        self.is_past = false;
        if !complete {
            self.tell(out);
        }
        if self.stand == Stand::Blind {
            self.stand = Stand::Sure;
        }
    }

    /// The open commit, if there is one, has no end.
    fn abandon(&mut self, out: &mut impl Outlet) -> bool {
        let Some(open) = self.open.take() else { return false };
        let Origin { netns, nsid, time } = open.origin;
        out.transaction(Transaction {
            generation: None,
            process: Arc::new(Author::of_portid(open.portid)),
            changes: open.changes,
            complete: false,
            part: open.part,
            is_last: true,
            netns,
            nsid,
            time,
        });
        // Its number is used up.
        if let Some(last) = self.last.filter(|last| next_generation(*last) as u16 == open.low) {
            self.last = Some(next_generation(last));
        }
        self.tell(out);
        true
    }

    /// Tells why the transaction before is incomplete, unless the loss is about to be told.
    fn tell(&mut self, out: &mut impl Outlet) {
        if self.faults.is_empty() && self.stand != Stand::Doubt {
            out.gap();
        }
        for (bytes, error) in self.faults.drain(..) {
            out.undecodable(&bytes, error);
        }
    }

    /// A message could not be decoded. It is told behind the transaction that it belongs to.
    pub fn undecodable(&mut self, bytes: &[u8], error: DecodeError, out: &mut impl Outlet) {
        let header = linx_wire::header::Messages::new(bytes).next().and_then(Result::ok);
        let header = header.map(|message| message.header);
        match header {
            // Whose it is does not matter: the reader knows generations that come after it.
            _ if matches!(self.stand, Stand::Begun | Stand::Lost) => out.undecodable(bytes, error),
            // Made by a packet.
            Some(header) if header.portid == 0 && header.seq == 0 => out.undecodable(bytes, error),
            Some(header) if header.message_type != nft::NEWGEN => {
                if let Some(open) = &mut self.open {
                    open.is_whole = false;
                }
                self.faults.push((bytes.into(), error));
            }
            // An end, or nothing that could be found in its datagram: nobody knows whose.
            _ => {
                if let Some(open) = &mut self.open {
                    open.is_whole = false;
                }
                self.faults.push((bytes.into(), error));
                let is_its_end = self.abandon(out) && header.is_some();
                for (bytes, error) in self.faults.drain(..) {
                    out.undecodable(&bytes, error);
                }
                if !is_its_end {
                    // A generation may have passed, or the next have begun.
                    self.last = None;
                    self.stand = if self.stand == Stand::Sure { Stand::Blind } else { self.stand };
                }
            }
        }
    }

    /// Messages were lost, somewhere up to the next call of [`lost`](Self::lost).
    pub fn doubt(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_whole = false;
        }
        self.is_owed = true;
        if self.stand != Stand::Begun && self.stand != Stand::Lost {
            self.stand = Stand::Doubt;
        }
    }

    /// Messages were lost before the next one. The loss is told afterwards, then the generation asked for.
    pub fn lost(&mut self, out: &mut impl Outlet) {
        self.doubt();
        self.abandon(out);
        for (bytes, error) in self.faults.drain(..) {
            out.undecodable(&bytes, error);
        }
        (self.stand, self.is_owed, self.overtaking) = (Stand::Lost, false, (None, None));
    }

    /// The generation that was asked for, told behind all that came before; `None`: it cannot be had.
    pub fn placed(&mut self, generation: Option<u32>, out: &mut impl Outlet) {
        if !matches!(self.stand, Stand::Begun | Stand::Lost) {
            return;
        }
        let Some(generation) = generation.filter(|generation| *generation != 0) else {
            self.stand = if self.is_owed { Stand::Doubt } else { Stand::Blind };
            self.last = None;
            return;
        };
        let (end, low) = self.overtaking;
        let newest = end.filter(|end| !is_up_to_generation(*end, generation)).unwrap_or(generation);
        let next = next_generation(newest);
        let generation = if low == Some(next as u16) { next } else { newest };
        if self.stand == Stand::Begun && self.since.is_some_and(|since| since != generation) {
            out.gap();
        }
        self.stand = if self.is_owed { Stand::Doubt } else { Stand::Sure };
        self.last = Some(generation);
        self.is_past = true;
    }
}

/// Whether the generation with these low bits is `last` or one before it.
fn is_up_to(low: u16, last: u16) -> bool {
    last.wrapping_sub(low) < 1 << 15
}

/// As serial numbers.
fn is_up_to_generation(id: u32, last: u32) -> bool {
    last.wrapping_sub(id) < 1 << 31
}
