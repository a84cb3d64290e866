//! When elements end: the kernel does not announce it (KERNEL.md 1.6).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use linx_wire::nft::{ElementFlags, ElementView, SetFlags, SetRef, SetView};

use super::content::{Deadline, Place};
use super::state::State;
use super::work::Work;
use crate::mirror::table::Table;

/// Deadlines that may have passed before all are gone through again.
const FEW: usize = 4096;

/// Which element, as far as it must be known to look for it.
#[derive(Debug)]
pub(super) struct Due {
    deadline: Deadline,
    pub(super) place: Arc<Place>,
    pub(super) hash: u32,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.cmp(&other.deadline)
    }
}

/// The next deadlines. Each element that ends is here with its deadline or an earlier one; what is here may be gone.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<Due>>,
    /// As many as there were when all were gone through last.
    least: usize,
}

impl Deadlines {
    /// An element ends then; before it ended at `old`.
    pub(super) fn note(
        &mut self,
        deadline: Option<Deadline>,
        old: Option<Deadline>,
        place: &Arc<Place>,
        hash: u32,
    ) {
        let Some(deadline) = deadline else { return };
        // One that was renewed is looked at when it would have ended.
        if old.is_none_or(|old| deadline < old) {
            self.heap.push(Reverse(Due { deadline, place: Arc::clone(place), hash }));
        }
    }

    /// The next moment at which something may end.
    pub(super) fn next(&self) -> Option<Deadline> {
        self.heap.peek().map(|Reverse(due)| due.deadline)
    }

    /// What may end by this moment.
    pub(super) fn due(&mut self, by: Deadline) -> Option<Due> {
        self.next().filter(|next| *next <= by)?;
        self.heap.pop().map(|Reverse(due)| due)
    }

    /// Forgets what is gone, when that may be most of it.
    pub(super) fn tidy(&mut self, state: &State) {
        if self.heap.len() > 2 * self.least + FEW {
            self.renew(state);
        }
    }

    /// Goes through all elements.
    pub(super) fn renew(&mut self, state: &State) {
        self.heap.clear();
        for set in
            state.tables.values().flat_map(|table| table.sets.values()).filter(|set| set.place.is_timed)
        {
            for (hash, record) in set.elements.iter() {
                self.note(set.place.split(record.bytes).0, None, &set.place, hash);
            }
        }
        self.least = self.heap.len();
    }
}

/// What marks where the intervals of a set begin and end, by key; at one key an end comes first.
type Marks = BTreeMap<(Vec<u8>, bool), Vec<u8>>;

/// The marks of sets in which something ended.
#[derive(Default)]
pub(super) struct Intervals(Vec<(Arc<Place>, Marks)>);

impl Intervals {
    fn of(&mut self, place: &Arc<Place>, elements: &Table) -> &mut Marks {
        let at = self.0.iter().position(|(other, _)| Arc::ptr_eq(other, place)).unwrap_or_else(|| {
            let all = elements.iter().filter_map(|(_, record)| {
                let element = place.element(record.bytes)?;
                let is_start = !element.flags().contains(ElementFlags::INTERVAL_END);
                Some(((element.key()?.to_vec(), is_start), record.bytes.to_vec()))
            });
            self.0.push((Arc::clone(place), all.collect()));
            self.0.len() - 1
        });
        // It was found, or put there.
        match self.0.get_mut(at) {
            Some((_, marks)) => marks,
            None => unreachable!("the marks of a set"),
        }
    }
}

/// What marks the end of the interval that begins at a key: the next mark, if it is an end.
fn end_of(marks: &mut Marks, key: &[u8]) -> Option<Vec<u8>> {
    let start = (key.to_vec(), true);
    let (next, _) = marks.range((Bound::Excluded(&start), Bound::Unbounded)).next()?;
    let next = next.clone();
    marks.remove(&start);
    if next.1 { None } else { marks.remove(&next) }
}

impl Work<'_> {
    /// Removes what is due, unless it was renewed or is gone.
    pub(super) fn expire(&mut self, due: &Due, now: Deadline, intervals: &mut Intervals) {
        let Some(set) = self.state.content(&due.place.table).and_then(|table| table.set(&due.place.set))
        else {
            return;
        };
        let place = Arc::clone(&set.place);
        let ends: Vec<_> = set
            .elements
            .of(due.hash)
            .filter_map(|record| Some((place.split(record.bytes).0?, record.bytes.to_vec())))
            .collect();
        let has_ends = SetRef::decode(&set.bytes).is_ok_and(|set| {
            set.flags().contains(SetFlags::INTERVAL) && !set.flags().contains(SetFlags::CONCAT)
        });
        let mut later = None;
        for (deadline, record) in ends {
            if deadline > now {
                later = Some(later.map_or(deadline, |later: Deadline| later.min(deadline)));
                continue;
            }
            let Some(element) = place.element(&record) else { continue };
            let set = self.state.content(&place.table).and_then(|table| table.set(&place.set));
            // What marks the end has no deadline of its own.
            let end = match (set, element.key()) {
                (Some(set), Some(key)) if has_ends => end_of(intervals.of(&place, &set.elements), key),
                _ => None,
            };
            self.remove_element(&place, &element);
            if let Some(end) = end.as_deref().and_then(|end| place.element(end)) {
                self.remove_element(&place, &end);
            }
        }
        if let Some(later) = later {
            self.deadlines.note(Some(later), None, &place, due.hash);
        }
    }
}
