//! Announcements of elements that may have been read late. No I/O, no clock.
//!
//! What is told of an element that ends is how long it lasts from the announcement on, and nothing tells when that was made.
//! A thread that did not run for a while (it was stopped, or others had the processors) takes it for a later one, and the
//! element for one that ends later than it does, which the kernel does not announce. An announcement is known to be young
//! when all before it was read a moment ago; where it may be old, the elements are read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::core::Core;
use crate::nft::Family;
use crate::request::after;

/// An announcement that may be older than this is late.
const LATE: Duration = Duration::from_secs(1);
/// Reading elements for this takes at most one part in about so many of the time.
const SHARE: u32 = 20;

/// Sets of one table in which it is not known when elements end.
pub(super) struct Unsure {
    pub(super) family: Family,
    pub(super) table: Box<[u8]>,
    pub(super) sets: BTreeSet<Box<[u8]>>,
}

/// The names of sets, by the family and the name of their table.
type Sets = BTreeMap<(u8, Box<[u8]>), BTreeSet<Box<[u8]>>>;

/// What is to be read for that.
pub(super) struct Late {
    /// All that was announced until then has been read.
    read: Instant,
    sets: Sets,
    /// Not before.
    due: Instant,
}

impl Late {
    pub(super) fn new(now: Instant) -> Self {
        Self { read: now, sets: Sets::new(), due: now }
    }

    /// All that was announced until then has been read.
    pub(super) fn read_until(&mut self, then: Instant) {
        self.read = then;
    }

    /// A commit was read now, and is in the state.
    pub(super) fn note(&mut self, core: &Core, now: Instant) {
        if now.saturating_duration_since(self.read) <= LATE {
            return;
        }
        for (family, table, set) in core.book.iter().flat_map(super::nft::Book::lengthened) {
            self.sets.entry((family.number(), table.into())).or_default().insert(set.into());
        }
    }

    /// When something is to be read.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.due)
    }

    /// What is to be read now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Unsure> {
        self.deadline().filter(|due| *due <= now)?;
        let ((family, table), sets) = self.sets.pop_first()?;
        Some(Unsure { family: Family::of_number(family)?, table, sets })
    }

    /// It was read from then to then.
    pub(super) fn took(&mut self, begun: Instant, ended: Instant) {
        self.due = after(ended, ended.saturating_duration_since(begun) * (SHARE - 1));
    }

    /// It could not be read yet.
    pub(super) fn put_back(&mut self, unsure: Unsure) {
        let Unsure { family, table, sets } = unsure;
        self.sets.entry((family.number(), table)).or_default().extend(sets);
    }

    /// Everything was read.
    pub(super) fn clear(&mut self) {
        self.sets.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}
