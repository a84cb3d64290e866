//! What a mirror tells: what really changed, why, and who did it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use linx_wire::route::Object;
use linx_wire::{Compare, Kind};
use smallvec::SmallVec;

use super::identity::{self, no_object};
use crate::author::{Author, Certainty};
use crate::key::Key;
use crate::monitor::Loss;
use crate::names::{Context, LinkNames, Names};
use crate::text::{self, Line};
use crate::words;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It is there now.
    Added,
    /// It is another now.
    Changed,
    /// It is gone.
    Removed,
}

impl Change {
    /// The word for it: `added`, `changed`, `removed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }

    /// The sign before a line for people: `+`, `~`, `-`.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Removed => '-',
        }
    }
}

/// How a change came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The kernel announced it.
    Event,
    /// It follows from something that the kernel announced, and is not announced itself (KERNEL.md 4.4).
    Implied,
    /// It was found when the state was read again after a loss: nobody knows who did it.
    Resync,
    /// Its time ran out.
    Expired,
    /// It was found by the periodic comparison with the kernel.
    Audit,
}

impl Cause {
    /// The word for it: `event`, `implied`, `resync`, `expired`, `audit`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Implied => "implied",
            Self::Resync => "resync",
            Self::Expired => "expired",
            Self::Audit => "audit",
        }
    }
}

/// What an implied change follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// The revision of the delta that was its announcement; `None` where that changed nothing that is mirrored.
    pub revision: Option<u64>,
    /// What happened, for people: `eth0 down`, `veth1 removed`, `next hop 12 removed`. Names are escaped.
    pub what: Arc<str>,
}

/// Where a link that left this namespace went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moved {
    /// The id of that namespace, as this one knows it.
    pub nsid: Option<i32>,
    /// The link's index there.
    pub ifindex: Option<u32>,
}

/// Names as they were when something was told.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) names: Arc<Names>,
    pub(crate) links: LinkNames,
}

/// A true change of one object: never a duplicate, never a step that took nothing anywhere.
///
/// Cheap to clone. `Display` is the line that `linx watch` prints, its names escaped.
#[derive(Clone)]
pub struct Delta(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) revision: u64,
    pub(super) netns: u64,
    pub(super) time: SystemTime,
    pub(super) cause: Cause,
    pub(super) trigger: Option<Trigger>,
    pub(super) author: Option<Arc<Author>>,
    pub(super) moved: Option<Moved>,
    pub(super) words: Arc<Words>,
    pub(super) body: Body,
    /// How far the fields were compared.
    pub(super) compare: Compare,
    /// Moments that are other ones now.
    ends: Vec<&'static str>,
    before: OnceLock<Box<Object>>,
    after: OnceLock<Box<Object>>,
    fields: OnceLock<Vec<String>>,
}

/// What became of an object: its messages, decoded when they are asked for.
pub(super) struct Body {
    pub(super) kind: Kind,
    pub(super) change: Change,
    /// The payload before, then that after; of most routes in place.
    bytes: SmallVec<[u8; 64]>,
    /// Where the second begins.
    middle: usize,
}

impl Body {
    /// Of payloads that were decoded before.
    pub(super) fn new(kind: Kind, before: Option<&[u8]>, after: Option<&[u8]>) -> Self {
        let (old, new) = (before.unwrap_or_default(), after.unwrap_or_default());
        let mut bytes = SmallVec::with_capacity(old.len() + new.len());
        bytes.extend_from_slice(old);
        bytes.extend_from_slice(new);
        let change = match (before, after) {
            (None, _) => Change::Added,
            (Some(_), None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        };
        Self { kind, change, bytes, middle: old.len() }
    }

    pub(super) fn before(&self) -> Option<&[u8]> {
        if self.change == Change::Added { None } else { self.bytes.get(..self.middle) }
    }

    pub(super) fn after(&self) -> Option<&[u8]> {
        if self.change == Change::Removed { None } else { self.bytes.get(self.middle..) }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        if self.bytes.spilled() { self.bytes.capacity() } else { 0 }
    }
}

impl Inner {
    pub(super) fn new(body: Body, compare: Compare, why: &Why, at: At<'_>) -> Self {
        Self {
            revision: at.revision,
            netns: at.netns,
            time: why.time,
            cause: why.cause,
            trigger: why.trigger.clone(),
            author: why.author.clone(),
            moved: why.moved,
            words: Arc::clone(at.words),
            body,
            compare,
            ends: why.ends.clone(),
            before: OnceLock::new(),
            after: OnceLock::new(),
            fields: OnceLock::new(),
        }
    }
}

/// Why something changed, and when that was noticed.
#[derive(Clone, Debug)]
pub(super) struct Why {
    pub(super) time: SystemTime,
    pub(super) cause: Cause,
    pub(super) trigger: Option<Trigger>,
    pub(super) author: Option<Arc<Author>>,
    pub(super) moved: Option<Moved>,
    /// Moments that are other ones now.
    pub(super) ends: Vec<&'static str>,
}

impl Why {
    pub(super) fn new(time: SystemTime, cause: Cause) -> Self {
        Self { time, cause, trigger: None, author: None, moved: None, ends: Vec::new() }
    }
}

/// Where in a mirror's history a delta stands.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) revision: u64,
    pub(super) netns: u64,
    pub(super) words: &'a Arc<Words>,
}

impl Delta {
    /// The revision of the state that it leads to. Revisions of a mirror grow by one from delta to delta, transactions
    /// included.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.0.revision
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns(&self) -> u64 {
        self.0.netns
    }

    /// When what told of it was received (CLOCK_REALTIME).
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.0.time
    }

    /// What became of the object.
    #[must_use]
    pub fn change(&self) -> Change {
        self.0.body.change
    }

    /// The object as it is now; of one that is gone, as it was last.
    #[must_use]
    pub fn object(&self) -> &Object {
        match self.after().or_else(|| self.before()) {
            Some(object) => object,
            // There is one or the other.
            None => no_object(),
        }
    }

    /// The object as it was before; `None` of one that is new.
    #[must_use]
    pub fn before(&self) -> Option<&Object> {
        let payload = self.0.body.before()?;
        Some(self.0.before.get_or_init(|| Box::new(identity::owned(self.0.body.kind, payload))))
    }

    /// The object as it is now; `None` of one that is gone.
    #[must_use]
    pub fn after(&self) -> Option<&Object> {
        let payload = self.0.body.after()?;
        Some(self.0.after.get_or_init(|| Box::new(identity::owned(self.0.body.kind, payload))))
    }

    /// Of an object that changed, the fields that differ: dotted paths of accessor names. Of lifetimes those
    /// (`cacheinfo.valid`, `cacheinfo.expires`) that end at another moment than before. What is only audited is among them
    /// where an audit found it; JSON names it also where it changed along with what was announced.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        let (Some(before), Some(after)) = (self.before(), self.after()) else { return &[] };
        self.0.fields.get_or_init(|| {
            let mut fields = before.differences(after, self.0.compare);
            fields.extend(self.0.ends.iter().map(|end| (*end).to_owned()));
            fields
        })
    }

    /// Which kind of object it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.body.kind
    }

    /// What identifies the object.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::from(self.object())
    }

    /// How it came to be known.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.0.cause
    }

    /// Of an [implied](Cause::Implied) change, what it follows from.
    #[must_use]
    pub fn trigger(&self) -> Option<&Trigger> {
        self.0.trigger.as_ref()
    }

    /// Who did it: the port id that the announcement carries. `None` of links, whose announcements carry none, and of
    /// what was not announced.
    #[must_use]
    pub fn author(&self) -> Option<&Arc<Author>> {
        self.0.author.as_ref()
    }

    /// Of a link that is gone because it was moved: where it went.
    #[must_use]
    pub fn moved_to(&self) -> Option<Moved> {
        self.0.moved
    }

    /// The names of the namespace's links when it happened.
    #[must_use]
    pub fn links(&self) -> &LinkNames {
        &self.0.words.links
    }
}

impl Delta {
    /// Why it is known, for people: `implied: eth0 down`, `resync`; `None` of what the kernel announced. Safe for a
    /// terminal.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self.trigger() {
            Some(trigger) => Some(format!("{}: {}", self.cause().word(), trigger.what)),
            None => (self.cause() != Cause::Event).then(|| self.cause().word().to_owned()),
        }
    }

    /// Adds what became of the object to a line: what it is that came or went; of one that changed which it is, and
    /// each field that differs, or the names of those that are not shown.
    pub fn write(&self, line: &mut Line, cx: &Context<'_>) {
        match (self.change(), self.before(), self.after()) {
            (Change::Changed, Some(before), Some(after)) => {
                if !text::write_changed(line, before.as_ref(), after.as_ref(), cx)
                    && !self.fields().is_empty()
                {
                    line.push(&format!("  ({})", self.fields().join(", ")));
                }
            }
            _ => text::write_whole(line, self.object().as_ref(), cx),
        }
    }
}

/// The line of `linx watch`, without time and namespace.
impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cx = Context::new(&self.0.words.names, &self.0.words.links);
        let mut line = Line::new();
        self.write(&mut line, &cx);
        write!(f, "{} {:<9}{line}", self.change().sign(), words::kind(self.kind()))?;
        if let Some(why) = self.why() {
            write!(f, "  [{why}]")?;
        }
        match self.author().filter(|author| author.certainty != Certainty::Kernel) {
            Some(author) => write!(f, "  by {author}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delta")
            .field("revision", &self.revision())
            .field("change", &self.change())
            .field("key", &self.key())
            .field("fields", &self.fields())
            .field("cause", &self.cause())
            .finish_non_exhaustive()
    }
}

/// What a [`Watch`](super::Watch) tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The state is what the kernel has: what comes now are changes. The first notice of every watch. What is in doubt
    /// nevertheless is told right after it, by [`ResyncNeeded`](Self::ResyncNeeded).
    Synced(Synced),
    /// Something changed.
    Delta(Delta),
    /// A commit of nf_tables changed several things as one.
    #[cfg(feature = "nft")]
    Transaction(super::nft::Transaction),
    /// Something of nf_tables changed outside of a commit: it expired, a packet did it, or it was found by reading
    /// again.
    #[cfg(feature = "nft")]
    Nft(super::nft::Delta),
    /// The kernel did not manage to announce everything: what is told of these kinds until
    /// [`Resynced`](Self::Resynced) may be late.
    ResyncNeeded(Doubt),
    /// What was in doubt was read again, and the differences told: it is certain.
    Resynced(Resynced),
    /// The reader was too slow, and what it missed is not held any more. [`Watch::state`](super::Watch::state) is the
    /// state of now, and what comes are the changes from there. What is in doubt is told anew right after it; what was in
    /// doubt before it, and is not told again, is certain.
    Lagged,
}

/// Something that an audit found to be wrong, and repaired: a bug of Linx, or of the kernel. What it takes to look into it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Repair {
    /// What was wrong: before, what the mirror held; after, what the kernel has.
    pub delta: Delta,
    /// What was told before it, the oldest first: at most 32 notices.
    pub history: Vec<Notice>,
}

/// `bug: repaired by an audit: …`, then what was told before, a line each.
impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bug: repaired by an audit: {}", self.delta)?;
        for notice in &self.history {
            match notice {
                Notice::Delta(delta) => write!(f, "\n  after {delta}")?,
                Notice::ResyncNeeded(doubt) => write!(f, "\n  after a loss: {}", doubt.loss.reason)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// From here on, changes are told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Synced {
    /// The revision of the state.
    pub revision: u64,
    /// The kinds that are mirrored.
    pub kinds: Arc<[Kind]>,
    /// The generation of nf_tables' rule set, where that is mirrored.
    pub generation: Option<u32>,
    /// When it was (CLOCK_REALTIME).
    pub time: SystemTime,
}

/// What is in doubt, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Doubt {
    /// The kinds that the lost announcements may have been about.
    pub kinds: Arc<[Kind]>,
    /// Why.
    pub loss: Loss,
    /// When it was noticed (CLOCK_REALTIME).
    pub time: SystemTime,
}

/// What is certain again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resynced {
    /// The kinds.
    pub kinds: Arc<[Kind]>,
    /// For how long they were in doubt.
    pub took: Duration,
    /// How many differences were found.
    pub deltas: u64,
    /// When it was (CLOCK_REALTIME).
    pub time: SystemTime,
}

impl Notice {
    /// The revision of the state that it leads to; `None` of what is about the stream.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        match self {
            Self::Delta(delta) => Some(delta.revision()),
            #[cfg(feature = "nft")]
            Self::Transaction(told) => Some(told.revision),
            #[cfg(feature = "nft")]
            Self::Nft(delta) => Some(delta.revision()),
            _ => None,
        }
    }

    /// Who made the change that it tells, as far as the announcement says.
    #[must_use]
    pub fn author(&self) -> Option<&Author> {
        match self {
            Self::Delta(delta) => delta.author().map(Arc::as_ref),
            #[cfg(feature = "nft")]
            Self::Transaction(told) => Some(&told.process),
            #[cfg(feature = "nft")]
            Self::Nft(delta) => delta.process().map(Arc::as_ref),
            _ => None,
        }
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Delta(delta) => size_of::<Inner>() + delta.0.body.heap_bytes(),
            #[cfg(feature = "nft")]
            Self::Transaction(told) => size_of::<Self>() + told.changes.heap_bytes(),
            #[cfg(feature = "nft")]
            Self::Nft(_) => 2 * size_of::<Self>(),
            _ => size_of::<Self>(),
        }
    }
}
