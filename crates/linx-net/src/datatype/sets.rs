//! What is known of sets: an element says its bytes, and its set what they mean.

use std::collections::HashMap;
use std::fmt;

use linx_wire::name::Name;
use linx_wire::nft::{DATA_TYPE_VERDICT, EntityRef, SetFlags, SetView};
use linx_wire::route::Operation;

use super::Typed;

/// The types of a set's keys and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetTypes {
    flags: SetFlags,
    key: u32,
    data: u32,
    is_range: bool,
}

/// In a set's user data: its data are ranges.
const DATA_IS_RANGE: u8 = 6;

impl SetTypes {
    /// Those of a set, as a list or the announcement that it is new has it.
    #[must_use]
    pub fn of(set: &impl SetView) -> Self {
        let attributes = set.attributes();
        let entries = set.userdata().and_then(|userdata| userdata.entries()).unwrap_or_default();
        Self {
            flags: set.flags(),
            key: attributes.key_type().unwrap_or_default(),
            data: attributes.data_type().filter(|data| *data != DATA_TYPE_VERDICT).unwrap_or_default(),
            is_range: entries
                .iter()
                .any(|(kind, value)| *kind == DATA_IS_RANGE && value.iter().any(|byte| *byte != 0)),
        }
    }

    /// Whether it is a map.
    #[must_use]
    pub fn is_map(&self) -> bool {
        self.flags.intersects(SetFlags::MAP | SetFlags::OBJECT)
    }

    /// A key.
    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> Typed<'a> {
        Typed { bytes, types: self.key, network: self.flags.contains(SetFlags::INTERVAL) }
    }

    /// Data of a map: one value, or the first and the last of a range.
    pub(crate) fn data<'a>(&self, bytes: &'a [u8]) -> (Typed<'a>, Option<Typed<'a>>) {
        let typed = |bytes| Typed { bytes, types: self.data, network: false };
        if !self.is_range {
            return (typed(bytes), None);
        }
        let (first, last) = bytes.split_at(bytes.len() / 2);
        (typed(first), Some(typed(last)))
    }
}

/// Knows sets.
pub trait Sets {
    /// The types of a set of a table of a family ([`linx_wire::nft::family`]); `None` where nothing is known of it.
    fn types(&self, family: u8, table: Name<'_>, set: Name<'_>) -> Option<SetTypes>;
}

/// The sets of a rule set, kept from what lists and events tell.
///
/// ```
/// use linx::names::{KnownSets, Sets};
/// # let bytes = [1, 0, 0, 0, 6, 0, 1, 0, b't', 0, 0, 0, 6, 0, 2, 0, b's', 0, 0, 0, 8, 0, 4, 0, 0, 0, 0, 7];
/// # let set = linx_wire::nft::SetRef::decode(&bytes)?;
/// use linx::{Name, Operation};
///
/// let mut sets = KnownSets::new();
/// sets.note(Operation::New, set.into());
/// assert!(sets.types(1, Name::new(b"t"), Name::new(b"s")).is_some());
/// # Ok::<(), linx::DecodeError>(())
/// ```
#[derive(Clone, Default)]
pub struct KnownSets<'a> {
    base: Option<&'a dyn Sets>,
    /// By table.
    sets: HashMap<Box<[u8]>, ByName>,
}

/// Sets by their names; each by family, and nothing where it is gone.
type ByName = HashMap<Box<[u8]>, Vec<(u8, Option<SetTypes>)>>;

impl<'a> KnownSets<'a> {
    /// No sets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known here, and behind it what another knows: for the sets of one transaction, which are not the state
    /// yet.
    #[must_use]
    pub fn over(base: Option<&'a dyn Sets>) -> Self {
        Self { base, ..Self::default() }
    }

    /// Takes note of what was listed or announced; of anything but sets there is nothing to note.
    pub fn note(&mut self, operation: Operation, entity: EntityRef<'_>) {
        let EntityRef::Set(set) = entity else { return };
        let (table, name) = (set.table(), set.name());
        let types = (operation == Operation::New).then(|| SetTypes::of(&set));
        if types.is_none() && self.base.is_none() {
            return self.forget(set.family(), table.as_bytes(), name.as_bytes());
        }
        let known = self.sets.entry(table.as_bytes().into()).or_default();
        let known = known.entry(name.as_bytes().into()).or_default();
        match known.iter_mut().find(|(family, _)| *family == set.family()) {
            Some(known) => known.1 = types,
            None => known.push((set.family(), types)),
        }
    }

    fn forget(&mut self, family: u8, table: &[u8], set: &[u8]) {
        let Some(sets) = self.sets.get_mut(table) else { return };
        let Some(known) = sets.get_mut(set) else { return };
        known.retain(|known| known.0 != family);
        if known.is_empty() {
            sets.remove(set);
        }
        if sets.is_empty() {
            self.sets.remove(table);
        }
    }
}

impl Sets for KnownSets<'_> {
    fn types(&self, family: u8, table: Name<'_>, set: Name<'_>) -> Option<SetTypes> {
        let known = self.sets.get(table.as_bytes()).and_then(|sets| sets.get(set.as_bytes()));
        match known.and_then(|known| known.iter().find(|known| known.0 == family)) {
            Some((_, types)) => *types,
            None => self.base?.types(family, table, set),
        }
    }
}

impl fmt::Debug for KnownSets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSets").field("tables", &self.sets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linx_wire::nft::{Nest, SET, Set};

    fn set(family: u8, key_type: u32) -> Set {
        let nest = Nest::new(&SET).set("table", "t").set("name", "s").set("key_type", key_type);
        Set::decode(&[&[family, 0, 0, 0], &nest.finish().unwrap()[..]].concat()).unwrap()
    }

    #[test]
    fn sets_come_and_go_and_hide_those_behind() {
        let at = |sets: &KnownSets<'_>, family| {
            sets.types(family, Name::new(b"t"), Name::new(b"s")).map(|types| types.key)
        };
        let (ports, addresses, other) = (set(1, 13), set(1, 7), set(2, 8));
        let mut state = KnownSets::new();
        state.note(Operation::New, ports.as_ref().into());
        state.note(Operation::New, other.as_ref().into());
        assert_eq!((at(&state, 1), at(&state, 2), at(&state, 10)), (Some(13), Some(8), None));
        let mut change = KnownSets::over(Some(&state));
        change.note(Operation::Del, ports.as_ref().into());
        assert_eq!((at(&change, 1), at(&change, 2)), (None, Some(8)));
        change.note(Operation::New, addresses.as_ref().into());
        assert_eq!(at(&change, 1), Some(7));
        state.note(Operation::Del, ports.as_ref().into());
        state.note(Operation::Del, other.as_ref().into());
        assert!(state.sets.is_empty());
    }
}
