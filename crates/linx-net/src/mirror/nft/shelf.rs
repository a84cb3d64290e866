//! Sorted lists and ordered lists in chunks that snapshots share: a clone is one pointer, and a change copies the list of
//! chunks and one chunk, where they are shared. For what there are thousands of; elements are in [`Table`](super::super::table).

use std::sync::Arc;

/// Entries of a chunk before it is split.
const MOST: usize = 64;

/// Bytes that a state and its snapshots share.
pub(super) type Bytes = Arc<[u8]>;

/// Values by keys of bytes, sorted by these.
#[derive(Clone, Debug)]
pub(super) struct Shelf<V> {
    /// None is empty.
    chunks: Arc<Vec<Chunk<V>>>,
    len: usize,
}

type Chunk<V> = Arc<Vec<(Bytes, V)>>;

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

impl<V: Clone> Shelf<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunk in which a key would be, and where in it.
    fn find(&self, key: &[u8]) -> (usize, Result<usize, usize>) {
        let is_up_to = |chunk: &Chunk<V>| chunk.first().is_some_and(|(first, _)| **first <= *key);
        let at = self.chunks.partition_point(is_up_to).saturating_sub(1);
        let within = |chunk: &Chunk<V>| chunk.binary_search_by(|(other, _)| (**other).cmp(key));
        (at, self.chunks.get(at).map_or(Err(0), within))
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&V> {
        let (at, Ok(place)) = self.find(key) else { return None };
        Some(&self.chunks.get(at)?.get(place)?.1)
    }

    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let (at, Ok(place)) = self.find(key) else { return None };
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(at)?;
        Some(&mut Arc::make_mut(chunk).get_mut(place)?.1)
    }

    /// Puts a value, in the place of what had the key.
    pub(super) fn insert(&mut self, key: &[u8], value: V) -> Option<V> {
        let (at, place) = self.find(key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![(key.into(), value)]));
            self.len += 1;
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        match place {
            Ok(place) => chunk.get_mut(place).map(|(_, old)| std::mem::replace(old, value)),
            Err(place) => {
                chunk.insert(place.min(chunk.len()), (key.into(), value));
                self.len += 1;
                if chunk.len() > MOST {
                    let half = chunk.split_off(MOST / 2);
                    chunks.insert(at + 1, Arc::new(half));
                }
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let (at, Ok(place)) = self.find(key) else { return None };
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(chunks.get_mut(at)?);
        let (_, value) = chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
        self.len -= 1;
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Bytes, &V)> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|(key, value)| (key, value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }
}

/// Rules in the order in which packets meet them, each with its handle.
///
/// One is found by the least and the most handle of each chunk: at once where rules were appended, as nearly all are; in
/// the worst case by looking at all handles of the chain (50,000 take some 20 µs).
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    runs: Arc<Vec<Run>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Run {
    least: u64,
    most: u64,
    rules: Arc<Vec<(u64, Bytes)>>,
}

impl Run {
    fn new(rules: Vec<(u64, Bytes)>) -> Self {
        let mut run = Self { least: 0, most: 0, rules: Arc::new(rules) };
        run.measure();
        run
    }

    fn measure(&mut self) {
        let handles = || self.rules.iter().map(|(handle, _)| *handle);
        (self.least, self.most) = (handles().min().unwrap_or(u64::MAX), handles().max().unwrap_or_default());
    }
}

impl Rules {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn find(&self, handle: u64) -> Option<(usize, usize)> {
        self.runs.iter().enumerate().filter(|(_, run)| run.least <= handle && handle <= run.most).find_map(
            |(at, run)| {
                let place = run.rules.iter().position(|(other, _)| *other == handle)?;
                Some((at, place))
            },
        )
    }

    fn at(&self, at: usize, place: usize) -> Option<&(u64, Bytes)> {
        self.runs.get(at)?.rules.get(place)
    }

    pub(super) fn get(&self, handle: u64) -> Option<&Bytes> {
        let (at, place) = self.find(handle)?;
        Some(&self.at(at, place)?.1)
    }

    /// The handle of the rule before this one; 0 of the first.
    pub(super) fn before(&self, handle: u64) -> Option<u64> {
        let (at, place) = self.find(handle)?;
        let before = match (at.checked_sub(1), place.checked_sub(1)) {
            (_, Some(place)) => self.at(at, place),
            (Some(at), None) => self.runs.get(at)?.rules.last(),
            (None, None) => None,
        };
        Some(before.map_or(0, |(handle, _)| *handle))
    }

    /// The last rule's handle; 0 when there is none.
    pub(super) fn last(&self) -> u64 {
        self.runs.last().and_then(|run| run.rules.last()).map_or(0, |(handle, _)| *handle)
    }

    /// Puts a rule behind the one with the handle `before`, or first where there is none.
    pub(super) fn insert(&mut self, before: u64, handle: u64, bytes: Bytes) {
        let (at, place) = match self.find(before) {
            Some((at, place)) => (at, place + 1),
            None => (0, 0),
        };
        self.len += 1;
        let runs = Arc::make_mut(&mut self.runs);
        let Some(run) = runs.get_mut(at) else {
            runs.push(Run::new(vec![(handle, bytes)]));
            return;
        };
        let rules = Arc::make_mut(&mut run.rules);
        rules.insert(place.min(rules.len()), (handle, bytes));
        (run.least, run.most) = (run.least.min(handle), run.most.max(handle));
        if rules.len() > MOST {
            // What is appended goes on in a chunk of its own.
            let from = if place == MOST { MOST } else { MOST / 2 };
            let half = rules.split_off(from);
            run.measure();
            runs.insert(at + 1, Run::new(half));
        }
    }

    /// Puts other bytes in the place of a rule's; false when there is none.
    pub(super) fn replace(&mut self, handle: u64, bytes: Bytes) -> bool {
        let Some((at, place)) = self.find(handle) else { return false };
        let run = Arc::make_mut(&mut self.runs).get_mut(at);
        let slot = run.and_then(|run| Arc::make_mut(&mut run.rules).get_mut(place));
        if let Some((_, old)) = slot {
            *old = bytes;
        }
        true
    }

    pub(super) fn remove(&mut self, handle: u64) -> Option<Bytes> {
        let (at, place) = self.find(handle)?;
        let runs = Arc::make_mut(&mut self.runs);
        let run = runs.get_mut(at)?;
        let (_, bytes) = Arc::make_mut(&mut run.rules).remove(place);
        if run.rules.is_empty() {
            runs.remove(at);
        } else if handle == run.least || handle == run.most {
            run.measure();
        }
        self.len -= 1;
        Some(bytes)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, Bytes)> + Clone {
        self.runs.iter().flat_map(|run| run.rules.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_shelf_is_a_sorted_map_and_its_clones_stay(steps in prop::collection::vec((any::<bool>(), 0..300u16), 0..900)) {
            let mut shelf = Shelf::default();
            let mut model = BTreeMap::new();
            let mut kept = Vec::new();
            for (at, (adds, key)) in steps.into_iter().enumerate() {
                let bytes = key.to_be_bytes();
                if adds {
                    prop_assert_eq!(shelf.insert(&bytes, at), model.insert(key, at));
                } else {
                    prop_assert_eq!(shelf.remove(&bytes), model.remove(&key));
                }
                if let Some(value) = shelf.get_mut(&bytes) {
                    *value += 1;
                    model.insert(key, *value);
                }
                prop_assert_eq!(shelf.get(&bytes), model.get(&key));
                if at % 100 == 7 {
                    kept.push((shelf.clone(), model.clone()));
                }
            }
            kept.push((shelf, model));
            for (shelf, model) in kept {
                prop_assert_eq!(shelf.len(), model.len());
                prop_assert!(shelf.values().eq(model.values()));
                prop_assert!(shelf.iter().map(|(key, _)| u16::from_be_bytes([key[0], key[1]])).eq(model.keys().copied()));
            }
        }

        #[test]
        fn rules_keep_their_order(steps in prop::collection::vec((0..8u8, any::<prop::sample::Index>()), 0..900)) {
            let mut rules = Rules::default();
            let mut model: Vec<(u64, Bytes)> = Vec::new();
            let mut kept = Vec::new();
            for (at, (step, index)) in steps.into_iter().enumerate() {
                let handle = at as u64 + 1;
                let bytes: Bytes = handle.to_be_bytes().into();
                let some = (!model.is_empty()).then(|| index.index(model.len()));
                match (step, some) {
                    (0, Some(place)) => {
                        let (gone, old) = model.remove(place);
                        let before = place.checked_sub(1).map_or(0, |place| model[place].0);
                        prop_assert_eq!(rules.before(gone), Some(before));
                        prop_assert_eq!(rules.remove(gone), Some(old));
                    }
                    (1, Some(place)) => {
                        model[place].1 = bytes.clone();
                        prop_assert!(rules.replace(model[place].0, bytes));
                    }
                    (2, Some(place)) => {
                        rules.insert(model[place].0, handle, bytes.clone());
                        model.insert(place + 1, (handle, bytes));
                    }
                    (3, _) => {
                        rules.insert(0, handle, bytes.clone());
                        model.insert(0, (handle, bytes));
                    }
                    _ => {
                        rules.insert(rules.last(), handle, bytes.clone());
                        model.push((handle, bytes));
                    }
                }
                prop_assert!(rules.remove(u64::MAX).is_none() && rules.get(u64::MAX - 1).is_none());
                if at % 100 == 7 {
                    kept.push((rules.clone(), model.clone()));
                }
            }
            kept.push((rules, model));
            for (rules, model) in kept {
                prop_assert!(rules.iter().eq(model.iter()));
                prop_assert_eq!(rules.len(), model.len());
                prop_assert_eq!(rules.last(), model.last().map_or(0, |(handle, _)| *handle));
                for (handle, bytes) in &model {
                    prop_assert_eq!(rules.get(*handle), Some(bytes));
                }
            }
        }
    }
}
