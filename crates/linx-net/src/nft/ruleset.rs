//! A rule set as of one generation.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Instant;

use linx_wire::Decode;
use linx_wire::header::Messages;
use linx_wire::nft::{
    Chain, ChainRef, ElementRef, Elements, ElementsRef, EntityRef, Flowtable, FlowtableRef, Rule, RuleRef,
    Set, SetFlags, SetRef, SetView, StatefulObject, StatefulObjectRef, Table, TableRef,
};

/// The messages of one kind that a dump consisted of. All of them were decoded when they came.
pub(super) struct Bag<T> {
    messages: Vec<u8>,
    count: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> Default for Bag<T> {
    fn default() -> Self {
        Self { messages: Vec::new(), count: 0, kind: PhantomData }
    }
}

impl<T> Clone for Bag<T> {
    fn clone(&self) -> Self {
        Self { messages: self.messages.clone(), ..*self }
    }
}

impl<T: Decode> Bag<T> {
    pub(super) fn push(&mut self, message: &[u8]) {
        self.messages.extend_from_slice(message);
        self.messages.resize(self.messages.len().next_multiple_of(4), 0);
        self.count += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T::Ref<'_>> {
        // Nothing that does not decode was put in.
        Messages::new(&self.messages).filter_map(|message| T::decode_ref(message.ok()?.payload).ok())
    }
}

/// Family, table and name of a set.
pub(super) type SetKey = (u8, Box<[u8]>, Box<[u8]>);

pub(super) fn set_key(set: &SetRef<'_>) -> SetKey {
    (set.family(), set.table().as_bytes().into(), set.name().as_bytes().into())
}

/// What [`pull`](super::pull) read: the objects of nf_tables, all of one generation.
///
/// They are kept as the kernel sent them, and decoded again when they are looked at: a set of a million elements takes
/// some forty bytes an element.
#[derive(Clone, Default)]
pub struct Ruleset {
    pub(super) generation: u32,
    pub(super) netns: u64,
    /// Elements were asked for.
    pub(super) reads_elements: bool,
    /// But for those of these sets.
    pub(super) unread: HashSet<SetKey>,
    pub(super) tables: Bag<Table>,
    pub(super) chains: Bag<Chain>,
    pub(super) rules: Bag<Rule>,
    pub(super) sets: Bag<Set>,
    pub(super) elements: Bag<Elements>,
    /// When the elements were read of sets whose elements end: what is left is told as of a moment in between.
    pub(super) read: HashMap<SetKey, Range<Instant>>,
    pub(super) objects: Bag<StatefulObject>,
    pub(super) flowtables: Bag<Flowtable>,
}

impl Ruleset {
    /// Of a generation in which nothing is there that was asked for.
    pub(crate) fn empty(generation: u32, netns: u64) -> Self {
        Self { generation, netns, ..Self::default() }
    }

    /// Whether the elements of a set were read, if it has any.
    #[must_use]
    pub fn has_elements_of(&self, set: &SetRef<'_>) -> bool {
        self.reads_elements && (self.unread.is_empty() || !self.unread.contains(&set_key(set)))
    }

    /// The elements of a set were read from then to then.
    pub(super) fn was_read(&mut self, set: &SetRef<'_>, from: Instant) {
        if set.flags().contains(SetFlags::TIMEOUT) {
            self.read.insert(set_key(set), from..Instant::now());
        }
    }

    /// From when to when the elements of a set were read, if they have an end.
    pub(crate) fn read_of(&self, set: &SetRef<'_>) -> Option<Range<Instant>> {
        if self.read.is_empty() { None } else { self.read.get(&set_key(set)).cloned() }
    }

    /// When the first of these was begun.
    pub(crate) fn first_read(&self) -> Option<Instant> {
        self.read.values().map(|read| read.start).min()
    }

    /// Of messages that no kernel sent.
    #[cfg(test)]
    pub(crate) fn made(generation: u32, messages: &[u8]) -> Self {
        use linx_wire::uapi::nft;
        let mut made = Self { generation, reads_elements: true, ..Self::default() };
        for message in Messages::new(messages).map(Result::unwrap) {
            let bytes = message.bytes;
            match message.header.message_type {
                nft::NEWTABLE => made.tables.push(bytes),
                nft::NEWCHAIN => made.chains.push(bytes),
                nft::NEWRULE => made.rules.push(bytes),
                nft::NEWSET => made.sets.push(bytes),
                nft::NEWSETELEM => made.elements.push(bytes),
                other => panic!("{other}"),
            }
        }
        made
    }

    /// As if the elements of all sets had been read then.
    #[cfg(test)]
    pub(crate) fn read_during(mut self, during: &Range<Instant>) -> Self {
        let keys: Vec<_> = self.sets().map(|set| set_key(&set)).collect();
        self.read = keys.into_iter().map(|key| (key, during.clone())).collect();
        self
    }

    /// Whether the elements of all sets were read.
    pub(crate) fn has_all_elements(&self) -> bool {
        self.reads_elements && self.unread.is_empty()
    }

    /// The generation that all of it is of.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.netns
    }

    /// Tables.
    pub fn tables(&self) -> impl Iterator<Item = TableRef<'_>> {
        self.tables.iter()
    }

    /// Chains, with their tables.
    pub fn chains(&self) -> impl Iterator<Item = ChainRef<'_>> {
        self.chains.iter()
    }

    /// Rules, chain by chain and in the order in which packets meet them.
    pub fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> {
        self.rules.iter()
    }

    /// Sets and maps, those without a name (anonymous ones) included.
    pub fn sets(&self) -> impl Iterator<Item = SetRef<'_>> {
        self.sets.iter()
    }

    /// Elements of sets and maps, set by set.
    pub fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.elements.iter().flat_map(ElementsRef::elements)
    }

    /// Stateful objects.
    pub fn objects(&self) -> impl Iterator<Item = StatefulObjectRef<'_>> {
        self.objects.iter()
    }

    /// Flow tables.
    pub fn flowtables(&self) -> impl Iterator<Item = FlowtableRef<'_>> {
        self.flowtables.iter()
    }

    /// Everything, each after what it needs: tables, chains, objects, flow tables, sets, elements, rules. An entity of
    /// elements holds many.
    pub fn entities(&self) -> impl Iterator<Item = EntityRef<'_>> {
        let first = self.tables().map(EntityRef::from).chain(self.chains().map(EntityRef::from));
        let named = self.objects().map(EntityRef::from).chain(self.flowtables().map(EntityRef::from));
        let sets = self.sets().map(EntityRef::from).chain(self.elements.iter().map(EntityRef::from));
        first.chain(named).chain(sets).chain(self.rules().map(EntityRef::from))
    }
}

impl fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruleset")
            .field("generation", &self.generation)
            .field("tables", &self.tables.len())
            .field("chains", &self.chains.len())
            .field("rules", &self.rules.len())
            .field("sets", &self.sets.len())
            .field("objects", &self.objects.len())
            .field("flowtables", &self.flowtables.len())
            .finish_non_exhaustive()
    }
}
