//! A transaction: one commit of nf_tables, as it was announced.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use linx_wire::Kind;
use linx_wire::header::{MessageFlags, Messages};
use linx_wire::nft::{ChainView, Entity, EntityRef};
use linx_wire::route::Operation;

use crate::author::Author;

/// One commit of nf_tables: who made it, which generation it led to, and all that it changed.
///
/// ```
/// use linx::nft::Transaction;
///
/// fn show(transaction: &Transaction) {
///     println!("generation {:?} by {:?}", transaction.generation, transaction.process.comm());
///     for change in &transaction.changes {
///         println!("{:?} {:?}", change.op, change.entity);
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The generation that it led to. `None` when its end is missing, which carries the number, and of a
    /// [part](Self::part) before the end where the one before is not known.
    pub generation: Option<u32>,
    /// Who made it: the port id, and where its end is not missing the thread and its name, as the kernel tells them.
    /// [`Authors::complete`](crate::author::Authors::complete) finds the rest.
    pub process: Arc<Author>,
    /// What it changed, in the kernel's order.
    pub changes: Changes,
    /// Nothing of it is missing. If something is, a [`ResyncNeeded`](crate::monitor::Notice::ResyncNeeded) follows.
    pub complete: bool,
    /// Which part of it this is, from 1: a commit larger than the [limit](crate::nft::Builder::limit) comes in several.
    pub part: u32,
    /// This is the last part, which alone names the process; that of an ordinary commit is the only one.
    pub is_last: bool,
    /// Identity of the namespace (SO_NETNS_COOKIE).
    pub netns: u64,
    /// The namespace's id, of a monitor of [several](crate::monitor::Builder::all_nsids); `None` is the monitored one.
    pub nsid: Option<i32>,
    /// When its end was received (CLOCK_REALTIME).
    pub time: SystemTime,
}

impl Transaction {
    /// Each change by itself, with the transaction's provenance.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.changes.iter().map(|change| Event {
            op: change.op,
            object: change.entity.to_owned(),
            flags: change.flags,
            generation: self.generation,
            process: Arc::clone(&self.process),
            netns: self.netns,
            nsid: self.nsid,
            time: self.time,
        })
    }
}

/// Which generation, how much and who: the first line that `linx monitor nft` prints of it. Names are escaped.
impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            Some(generation) => write!(f, "nft {generation}")?,
            None => f.write_str("nft ?")?,
        }
        let s = if self.changes.len() == 1 { "" } else { "s" };
        write!(f, "  {} change{s}", self.changes.len())?;
        if self.part > 1 || !self.is_last {
            write!(f, ", part {}", self.part)?;
        }
        if !self.complete {
            f.write_str(", incomplete")?;
        }
        if self.is_last {
            write!(f, "  by {}", self.process.in_full())?;
        }
        Ok(())
    }
}

/// A change of nf_tables by itself: of a transaction, or one that belongs to none. The kernel gives one that a packet made
/// the family of that packet, which for an object of an `inet` table is not the table's (`nft_quota_obj_eval`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What the kernel said of the object.
    pub op: Operation,
    /// The object, as lists return it.
    pub object: Entity,
    /// As [`Change::flags`].
    pub flags: MessageFlags,
    /// The generation that its transaction led to; `None` where its end is missing, and outside of transactions.
    pub generation: Option<u32>,
    /// Who made it; the kernel where a packet did.
    pub process: Arc<Author>,
    /// As [`Transaction::netns`].
    pub netns: u64,
    /// As [`Transaction::nsid`].
    pub nsid: Option<i32>,
    /// As [`Transaction::time`].
    pub time: SystemTime,
}

impl Event {
    /// The change, borrowed.
    #[must_use]
    pub fn change(&self) -> Change<'_> {
        Change { op: self.op, entity: self.object.as_ref(), flags: self.flags }
    }
}

/// What a transaction changed: its messages, as the kernel sent them. All of them were decoded when they came; they are
/// decoded again when they are looked at.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Changes {
    messages: Vec<u8>,
    count: usize,
}

impl Changes {
    pub(super) fn push(&mut self, message: &[u8]) {
        self.messages.extend_from_slice(message);
        self.messages.resize(self.messages.len().next_multiple_of(4), 0);
        self.count += 1;
    }

    /// How many messages it consists of. A message is of one object, but may be of several elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none: a commit may change nothing that is announced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The netlink messages, one after the other, each at a multiple of four bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.messages
    }

    /// The changes, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        // Nothing that does not decode was put in.
        Messages::new(&self.messages).filter_map(|message| {
            let message = message.ok()?;
            let (op, entity) = EntityRef::decode(message.header.message_type, message.payload).ok()??;
            Some(Change { op, entity, flags: message.header.flags })
        })
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = Change<'a>;
    type IntoIter = Box<dyn Iterator<Item = Change<'a>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// One change of a transaction, borrowed from it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Change<'a> {
    /// What the kernel said of the object.
    pub op: Operation,
    /// The object.
    pub entity: EntityRef<'a>,
    /// The message's flags. A new rule without a [position](linx_wire::nft::RuleView::position) is the first of its chain;
    /// with APPEND and CREATE it is the last; with APPEND alone it replaces the rule whose end was announced just before.
    pub flags: MessageFlags,
}

impl Change<'_> {
    /// Which kind of object it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.entity.kind()
    }

    /// A device left a netdev chain or a flow table, which is still there: the kernel says so by deleting it with a hook
    /// (KERNEL.md 1.6).
    #[must_use]
    pub fn is_device_removed(&self) -> bool {
        self.op == Operation::Del && matches!(&self.entity, EntityRef::Chain(chain) if chain.hook().is_some())
    }
}
