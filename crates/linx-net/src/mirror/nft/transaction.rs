//! What is told of a rule set: commits as transactions, all else as deltas.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use linx_wire::Kind;
use linx_wire::nft::ItemRef;

use super::changes::{At, Changes, Item};
use super::state::State;
use crate::author::Author;
use crate::key::Key;
use crate::mirror::delta::{Cause, Change, Trigger};
use crate::names::{Context, LinkNames, Names};
use crate::text::{self, Line};

/// What one commit of nf_tables really changed. Cheap to clone.
///
/// Of an element that a commit changes several times, the outcome alone is told: a set that is flushed and filled again
/// has as many changes as it has other elements. What has a handle, and is deleted and made again, is removed and added.
/// A commit that changed nothing is not told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The revision of the state that it leads to; see [`Delta::revision`].
    pub revision: u64,
    /// The generation that it led to, where that is known.
    pub generation: Option<u32>,
    /// Who made it.
    pub process: Arc<Author>,
    /// What it changed.
    pub changes: Arc<Changes>,
    /// Nothing of it is missing: of an incomplete one, the rest is found by a resync.
    pub complete: bool,
    /// Identity of the namespace (SO_NETNS_COOKIE).
    pub netns: u64,
    /// When its end was received (CLOCK_REALTIME).
    pub time: SystemTime,
    /// The generation before it.
    pub(super) previous: Option<u32>,
}

impl Transaction {
    /// Makes of the state before it the one after it.
    pub fn apply(&self, state: &mut State) {
        state.apply(&self.changes);
        state.generation = self.generation.or(state.generation);
    }

    /// Makes of the state after it the one before it.
    pub fn undo(&self, state: &mut State) {
        state.undo(&self.changes);
        state.generation = self.previous;
    }
}

/// Which generation, how much and who: the first line that `linx watch nft` prints of it. Names are escaped.
impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            Some(generation) => write!(f, "nft {generation}")?,
            None => f.write_str("nft ?")?,
        }
        let s = if self.changes.len() == 1 { "" } else { "s" };
        write!(f, "  {} change{s}", self.changes.len())?;
        if !self.complete {
            f.write_str(", incomplete")?;
        }
        write!(f, "  by {}", self.process.in_full())
    }
}

/// Changes outside of commits, of one cause.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The changes, in order.
    pub changes: Arc<Changes>,
    /// How they came to be known.
    pub cause: Cause,
    /// What implied ones follow from.
    pub trigger: Option<Trigger>,
    /// Of what was announced: who did it.
    pub process: Option<Arc<Author>>,
}

impl Group {
    pub(super) fn new(changes: Changes, cause: Cause) -> Option<Self> {
        let changes = Arc::new(changes);
        (!changes.is_empty()).then_some(Self { changes, cause, trigger: None, process: None })
    }

    /// Each by itself, with revisions from `first` on.
    pub fn deltas(&self, first: u64, netns: u64, time: SystemTime) -> impl Iterator<Item = Delta> + '_ {
        let shared = Arc::new(Shared { group: self.clone(), netns, time });
        let each = self.changes.iter_at().zip(first..);
        each.map(move |((at, _), revision)| {
            Delta(Arc::new(Inner { revision, at, shared: Arc::clone(&shared) }))
        })
    }
}

/// A change of one object of nf_tables outside of a commit: it expired, a packet made it, or it was found by reading
/// again. Cheap to clone.
#[derive(Clone)]
pub struct Delta(Arc<Inner>);

struct Inner {
    revision: u64,
    at: At,
    shared: Arc<Shared>,
}

struct Shared {
    group: Group,
    netns: u64,
    time: SystemTime,
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
        self.0.shared.netns
    }

    /// When what told of it was received (CLOCK_REALTIME).
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.0.shared.time
    }

    /// What became of the object.
    #[must_use]
    pub fn change(&self) -> Change {
        self.item().map_or(Change::Changed, |item| item.change())
    }

    /// The object as it was before; `None` of one that is new.
    #[must_use]
    pub fn before(&self) -> Option<ItemRef<'_>> {
        self.item()?.before()
    }

    /// The object as it is now; `None` of one that is gone.
    #[must_use]
    pub fn after(&self) -> Option<ItemRef<'_>> {
        self.item()?.after()
    }

    /// The object as it is now; of one that is gone, as it was last.
    #[must_use]
    pub fn object(&self) -> Option<ItemRef<'_>> {
        self.item()?.object()
    }

    /// Of an object that changed, the fields that differ: dotted paths of accessor names.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        self.item().map(|item| item.fields()).unwrap_or_default()
    }

    /// Which kind of object it is of; of an element [`Kind::Elements`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.item().map_or(Kind::Elements, |item| item.kind())
    }

    /// What identifies the object.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.item()?.key()
    }

    /// How it came to be known.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.0.shared.group.cause
    }

    /// Of an [implied](Cause::Implied) change, what it follows from.
    #[must_use]
    pub fn trigger(&self) -> Option<&Trigger> {
        self.0.shared.group.trigger.as_ref()
    }

    /// Of what was announced: who did it, which for a packet's doing is the kernel.
    #[must_use]
    pub fn process(&self) -> Option<&Arc<Author>> {
        self.0.shared.group.process.as_ref()
    }

    /// The change, as one of a transaction.
    #[must_use]
    pub fn item(&self) -> Option<Item<'_>> {
        self.0.shared.group.changes.at(self.0.at)
    }

    /// Makes of the state before it the one after it.
    pub fn apply(&self, state: &mut State) {
        if let Some(step) = self.item().and_then(|item| item.step()) {
            state.step(step);
        }
    }

    /// Makes of the state after it the one before it.
    pub fn undo(&self, state: &mut State) {
        if let Some(step) = self.item().and_then(|item| item.step()) {
            state.step(step.back());
        }
    }
}

impl Delta {
    /// Why it is known, for people: `expired`, `implied: …`; `None` of what the kernel announced. Safe for a terminal.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self.trigger() {
            Some(trigger) => Some(format!("{}: {}", self.cause().word(), trigger.what)),
            None => (self.cause() != Cause::Event).then(|| self.cause().word().to_owned()),
        }
    }
}

/// The line of `linx watch`, without time and namespace; keys of elements as bytes, where the type of their set is not
/// at hand.
impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static NAMES: OnceLock<Names> = OnceLock::new();
        let links = LinkNames::new();
        let cx = Context::new(NAMES.get_or_init(Names::built_in), &links);
        let mut line = Line::new();
        match (self.before().filter(|_| self.change() == Change::Changed), self.object()) {
            (Some(before), Some(object)) => text::write_nft_changed(&mut line, before, object, &cx),
            (None, Some(object)) => text::write_nft(&mut line, object, &cx),
            (_, None) => {}
        }
        let (kind, rest) = line.as_str().split_once(' ').unwrap_or((line.as_str(), ""));
        write!(f, "{} {kind:<9}{rest}", self.change().sign())?;
        match self.why() {
            Some(why) => write!(f, "  [{why}]"),
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
