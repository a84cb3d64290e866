//! What a state holds of a table, and how it is told apart. Objects are the payloads of their messages, all of which were
//! decoded when they came; elements are packed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use linx_wire::Compare;
use linx_wire::nft::{
    ChainRef, ChainView, ELEMENT, ELEMENT_LIST, ElementFlags, ElementRef, ElementView, ElementsRef,
    FlowtableRef, FlowtableView, ItemRef, Nest, RuleRef, SetFlags, SetRef, SetView, StatefulObjectRef,
    StatefulObjectView, TableRef,
};

use super::shelf::{Bytes, Rules, Shelf};
use crate::mirror::table::{Record, Table};

/// The kinds of objects that are kept one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Table,
    Chain,
    Set,
    Object,
    Flowtable,
    Rule,
    Element,
}

/// A table and what is in it.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    pub(super) home: Arc<Place>,
    /// By their handles.
    pub(super) chains: Shelf<Arc<InChain>>,
    /// Handles of chains, by their names.
    pub(super) names: Shelf<u64>,
    pub(super) sets: Shelf<Arc<InSet>>,
    /// By type and name.
    pub(super) objects: Shelf<Bytes>,
    pub(super) flowtables: Shelf<Bytes>,
}

impl Content {
    pub(super) fn new(bytes: Bytes, home: Arc<Place>) -> Self {
        let (chains, names, sets) = <_>::default();
        Self { bytes, home, chains, names, sets, objects: Shelf::default(), flowtables: Shelf::default() }
    }

    pub(super) fn chain(&self, handle: u64) -> Option<&InChain> {
        self.chains.get(&handle.to_be_bytes()).map(|chain| &**chain)
    }

    pub(super) fn chain_mut(&mut self, handle: u64) -> Option<&mut InChain> {
        self.chains.get_mut(&handle.to_be_bytes()).map(Arc::make_mut)
    }

    /// The handle of the chain of this name.
    pub(super) fn chain_handle(&self, name: &[u8]) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn set(&self, name: &[u8]) -> Option<&InSet> {
        self.sets.get(name).map(|set| &**set)
    }

    pub(super) fn set_mut(&mut self, name: &[u8]) -> Option<&mut InSet> {
        self.sets.get_mut(name).map(Arc::make_mut)
    }

    /// The bytes of an object that is neither rule nor element.
    pub(super) fn whole(&self, what: What, key: &[u8]) -> Option<&Bytes> {
        match what {
            What::Table => Some(&self.bytes),
            What::Chain => self.chains.get(key).map(|chain| &chain.bytes),
            What::Set => self.sets.get(key).map(|set| &set.bytes),
            What::Object => self.objects.get(key),
            What::Flowtable => self.flowtables.get(key),
            What::Rule | What::Element => None,
        }
    }
}

/// A chain and its rules.
#[derive(Clone)]
pub(super) struct InChain {
    pub(super) bytes: Bytes,
    pub(super) rules: Rules,
}

/// A set and its elements.
#[derive(Clone)]
pub(super) struct InSet {
    pub(super) bytes: Bytes,
    pub(super) place: Arc<Place>,
    pub(super) elements: Table,
}

/// Where an object is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Family and name of the table.
    pub(super) table: Box<[u8]>,
    /// Of elements, the name of their set.
    pub(super) set: Box<[u8]>,
    /// And a message of elements without any: what all of the set's have in common.
    message: Box<[u8]>,
    /// Elements of this set may expire: their records begin with the moment.
    pub(super) is_timed: bool,
}

impl Place {
    /// Of what is not an element.
    pub(super) fn table(key: &[u8]) -> Self {
        Self { table: key.into(), set: Box::default(), message: Box::default(), is_timed: false }
    }

    /// Of the elements of a set.
    pub(super) fn of(set: &SetRef<'_>) -> Self {
        let (table, name) = (set.table().as_bytes(), set.name().as_bytes());
        let list = Nest::new(&ELEMENT_LIST).set("table", table).set("set", name);
        let mut message = vec![set.family(), 0, 0, 0];
        // The names came in attributes that were no shorter.
        message.extend(list.finish().unwrap_or_default());
        Self {
            table: table_key(set.family(), table).into(),
            set: name.into(),
            message: message.into(),
            is_timed: set.flags().contains(SetFlags::TIMEOUT),
        }
    }

    /// The element of a record.
    pub(super) fn element<'a>(&'a self, record: &'a [u8]) -> Option<ElementRef<'a>> {
        let message = ElementsRef::decode(&self.message).ok()?;
        Some(ElementRef::placed(message, self.split(record).1))
    }

    /// When an element ends, and its attributes.
    pub(super) fn split<'a>(&self, record: &'a [u8]) -> (Option<Deadline>, &'a [u8]) {
        match record.split_first_chunk::<8>() {
            Some((moment, element)) if self.is_timed => {
                let moment = u64::from_le_bytes(*moment);
                ((moment != NEVER).then_some(Deadline(moment)), element)
            }
            _ => (None, record),
        }
    }

    /// Makes the record of an element.
    pub(super) fn pack(&self, element: &[u8], deadline: Option<Deadline>, record: &mut Vec<u8>) {
        record.clear();
        if self.is_timed {
            record.extend(deadline.map_or(NEVER, |deadline| deadline.0).to_le_bytes());
        }
        record.extend_from_slice(element);
    }

    /// Whether the records of two elements are equal, as far as `compare` looks; and their ends.
    pub(super) fn is_same(&self, a: &[u8], b: &[u8], compare: Compare) -> (bool, bool) {
        let ((ends, a), (other, b)) = (self.split(a), self.split(b));
        let family = self.table.first().copied().unwrap_or_default();
        // How long it lasts from now on is always another number.
        let is_same = match compare {
            Compare::Everything => is_all_but_expiry(a, b, family),
            _ => ELEMENT.same(a, b, family, compare),
        };
        (is_same, ends.is_some() == other.is_some() && ends.zip(other).is_none_or(|(a, b)| a.is_near(b)))
    }
}

/// Whether nothing differs but how long they last.
fn is_all_but_expiry(a: &[u8], b: &[u8], family: u8) -> bool {
    let mut same = true;
    ELEMENT.differences(a, b, family, Compare::Everything, &mut |path| {
        same = path.len() == 1 && path.first().is_some_and(|entry| entry.key == "expires");
        same
    });
    same
}

const NEVER: u64 = u64::MAX;

/// The moment in which an element ends, in milliseconds from where a state counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(pub(super) u64);

impl Deadline {
    pub(super) fn is_near(self, other: Self) -> bool {
        self.is_within(other, 0)
    }

    /// The same, where one of them is known to so many milliseconds.
    pub(super) fn is_within(self, other: Self, slack: u64) -> bool {
        self.0.abs_diff(other.0) <= u64::from(linx_wire::DEADLINE_TOLERANCE_SECS) * 1000 + slack
    }
}

/// Hashes of elements' keys, different in each book: nobody can make packets whose addresses collide.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes(RandomState);

impl Hashes {
    pub(super) fn of(&self, element: &ElementRef<'_>) -> u32 {
        // The upper half is as good as the lower.
        self.long(element) as u32
    }

    /// One that no two elements have in common, or hardly ever; its lower half is [`of`](Self::of).
    pub(super) fn long(&self, element: &ElementRef<'_>) -> u64 {
        let flags = element.flags() & (ElementFlags::INTERVAL_END | ElementFlags::CATCHALL);
        self.0.hash_one((element.key(), element.key_end(), flags.bits()))
    }
}

/// Whether two elements of a set are the same one.
pub(super) fn is_one(a: &ElementRef<'_>, b: &ElementRef<'_>) -> bool {
    const IDENTITY: ElementFlags = ElementFlags::INTERVAL_END.union(ElementFlags::CATCHALL);
    a.key() == b.key() && a.key_end() == b.key_end() && (a.flags() & IDENTITY) == (b.flags() & IDENTITY)
}

/// The record of an element among a set's, with its place among those of its hash.
pub(super) fn find<'t>(
    elements: &'t Table,
    place: &Place,
    hash: u32,
    element: &ElementRef<'_>,
) -> Option<(usize, Record<'t>)> {
    elements.of(hash).enumerate().find(|(_, record)| {
        // The place's own message says nothing of which element it is.
        let other = ElementRef::placed(nowhere(), place.split(record.bytes).1);
        is_one(&other, element)
    })
}

/// A message of elements, of no set.
pub(super) fn nowhere() -> ElementsRef<'static> {
    match ElementsRef::decode(&[0; 4]) {
        Ok(message) => message,
        Err(_) => unreachable!("a header without attributes is a message"),
    }
}

/// What tells tables apart.
pub(super) fn table_key(family: u8, name: &[u8]) -> Vec<u8> {
    [&[family], name].concat()
}

/// What tells objects of one kind of a table apart, of a message that was decoded before; of a table nothing.
pub(super) fn own_key(what: What, bytes: &[u8]) -> Vec<u8> {
    let key = match what {
        What::Table | What::Rule | What::Element => None,
        What::Chain => ChainRef::decode(bytes).ok().map(|chain| handle_of(&chain).to_be_bytes().into()),
        What::Set => SetRef::decode(bytes).ok().map(|set| set.name().as_bytes().into()),
        What::Object => StatefulObjectRef::decode(bytes).ok().map(|object| object_key(&object)),
        What::Flowtable => {
            FlowtableRef::decode(bytes).ok().map(|flowtable| flowtable.name().as_bytes().into())
        }
    };
    key.unwrap_or_default()
}

/// No kernel leaves it out.
pub(super) fn handle_of(chain: &ChainRef<'_>) -> u64 {
    chain.handle().unwrap_or_default()
}

pub(super) fn object_key(object: &StatefulObjectRef<'_>) -> Vec<u8> {
    [&object.object_type().to_be_bytes()[..], object.name().as_bytes()].concat()
}

/// The object of a message that was decoded before; none of an element, whose place is needed.
pub(super) fn item(what: What, bytes: &[u8]) -> Option<ItemRef<'_>> {
    Some(match what {
        What::Table => TableRef::decode(bytes).ok()?.into(),
        What::Chain => ChainRef::decode(bytes).ok()?.into(),
        What::Set => SetRef::decode(bytes).ok()?.into(),
        What::Object => StatefulObjectRef::decode(bytes).ok()?.into(),
        What::Flowtable => FlowtableRef::decode(bytes).ok()?.into(),
        What::Rule => RuleRef::decode(bytes).ok()?.into(),
        What::Element => return None,
    })
}

/// The fields in which two objects of one kind differ.
pub(super) fn differences(a: &ItemRef<'_>, b: &ItemRef<'_>, compare: Compare) -> Vec<String> {
    match (*a, *b) {
        (ItemRef::Table(a), ItemRef::Table(b)) => a.differences(b, compare),
        (ItemRef::Chain(a), ItemRef::Chain(b)) => a.differences(b, compare),
        (ItemRef::Set(a), ItemRef::Set(b)) => a.differences(b, compare),
        (ItemRef::Object(a), ItemRef::Object(b)) => a.differences(b, compare),
        (ItemRef::Flowtable(a), ItemRef::Flowtable(b)) => a.differences(b, compare),
        (ItemRef::Rule(a), ItemRef::Rule(b)) => a.differences(b, compare),
        (ItemRef::Element(a), ItemRef::Element(b)) => a.differences(b, compare),
        _ => vec!["kind".to_owned()],
    }
}

/// Whether two messages of one kind are of equal objects, as far as `compare` looks.
pub(super) fn is_same(what: What, a: &[u8], b: &[u8], compare: Compare) -> bool {
    // But for the generation that they were written in.
    if a.first() == b.first() && a.get(4..) == b.get(4..) {
        return true;
    }
    match (item(what, a), item(what, b)) {
        (Some(ItemRef::Table(a)), Some(ItemRef::Table(b))) => a.same(b, compare),
        (Some(ItemRef::Chain(a)), Some(ItemRef::Chain(b))) => a.same(b, compare),
        (Some(ItemRef::Set(a)), Some(ItemRef::Set(b))) => a.same(b, compare),
        (Some(ItemRef::Object(a)), Some(ItemRef::Object(b))) => a.same(b, compare),
        (Some(ItemRef::Flowtable(a)), Some(ItemRef::Flowtable(b))) => a.same(b, compare),
        (Some(ItemRef::Rule(a)), Some(ItemRef::Rule(b))) => a.same(b, compare),
        _ => false,
    }
}
