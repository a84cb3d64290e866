//! The rule set as of one moment: views, and the one way to change it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_wire::nft::{
    Chain, ChainRef, ChainView, Element, ElementFlags, ElementRef, ElementView, Flowtable, FlowtableRef,
    ItemRef, Rule, RuleRef, SetFlags, SetRef, SetView, StatefulObject, StatefulObjectRef,
    Table as TableObject, TableRef, TableView,
};

use super::changes::{Changes, Spot, Step};
use super::content::{
    Content, Deadline, Hashes, InChain, InSet, Place, What, find, handle_of, item, own_key, table_key,
};
use super::shelf::{Rules, Shelf};
use crate::mirror::table::{self, Table};
use crate::nft::Family;

/// The rule set of nf_tables as of one moment. A clone is a snapshot, and costs nothing.
///
/// ```no_run
/// # fn show(state: &linx::mirror::nft::State) {
/// use linx::nft::{Family, RuleView, TableView};
///
/// println!("generation {:?}: {} tables", state.generation(), state.tables().count());
/// for rule in state.rules_of(Family::Inet, "filter", "input") {
///     println!("{}", rule.handle());
/// }
/// if let Some(set) = state.set(Family::Inet, "filter", "blocked") {
///     println!("{} addresses, 192.0.2.1 {}", set.len(), set.element(&[192, 0, 2, 1]).is_some());
/// }
/// # }
/// ```
#[derive(Clone, Default)]
pub struct State {
    pub(super) generation: Option<u32>,
    /// What deadlines count from.
    pub(super) since: Option<Instant>,
    pub(super) hashes: Hashes,
    pub(super) tables: Shelf<Arc<Content>>,
}

impl State {
    /// The generation that it is of; `None` before anything was read.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.generation
    }

    /// How many objects there are, elements included.
    #[must_use]
    pub fn len(&self) -> usize {
        let of = |table: &Arc<Content>| {
            let chains: usize = table.chains.values().map(|chain| 1 + chain.rules.len()).sum();
            let sets: usize = table.sets.values().map(|set| 1 + set.elements.len()).sum();
            1 + chains + sets + table.objects.len() + table.flowtables.len()
        };
        self.tables.values().map(of).sum()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Tables, by family and name.
    pub fn tables(&self) -> impl Iterator<Item = TableRef<'_>> {
        self.tables.values().filter_map(|table| decoded::<TableObject>(&table.bytes))
    }

    /// A table.
    #[must_use]
    pub fn table(&self, family: Family, name: impl AsRef<[u8]>) -> Option<TableRef<'_>> {
        decoded::<TableObject>(&self.of(family, name)?.bytes)
    }

    /// Chains of all tables.
    pub fn chains(&self) -> impl Iterator<Item = ChainRef<'_>> {
        self.tables.values().flat_map(|table| chains(table))
    }

    /// Chains of a table.
    pub fn chains_of(&self, family: Family, table: impl AsRef<[u8]>) -> impl Iterator<Item = ChainRef<'_>> {
        self.of(family, table).into_iter().flat_map(chains)
    }

    /// A chain.
    #[must_use]
    pub fn chain(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
    ) -> Option<ChainRef<'_>> {
        let table = self.of(family, table)?;
        decoded::<Chain>(&table.chain(table.chain_handle(name.as_ref())?)?.bytes)
    }

    /// Rules of all chains, chain by chain, in the order in which packets meet them.
    pub fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> {
        self.tables.values().flat_map(|table| table.chains.values()).flat_map(|chain| rules(chain))
    }

    /// Rules of a chain, in the order in which packets meet them.
    pub fn rules_of(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        chain: impl AsRef<[u8]>,
    ) -> impl Iterator<Item = RuleRef<'_>> {
        let table = self.of(family, table);
        let found = table.and_then(|table| table.chain(table.chain_handle(chain.as_ref())?));
        found.into_iter().flat_map(rules)
    }

    /// A rule, by its handle.
    #[must_use]
    pub fn rule(&self, family: Family, table: impl AsRef<[u8]>, handle: u64) -> Option<RuleRef<'_>> {
        let mut chains = self.of(family, table)?.chains.values();
        decoded::<Rule>(chains.find_map(|chain| chain.rules.get(handle))?)
    }

    /// Sets and maps of all tables, those without a name (anonymous ones) included.
    pub fn sets(&self) -> impl Iterator<Item = Members<'_>> {
        self.tables.values().flat_map(|table| table.sets.values()).map(|set| Members { state: self, set })
    }

    /// Sets and maps of a table.
    pub fn sets_of(&self, family: Family, table: impl AsRef<[u8]>) -> impl Iterator<Item = Members<'_>> {
        let sets = self.of(family, table).into_iter().flat_map(|table| table.sets.values());
        sets.map(|set| Members { state: self, set })
    }

    /// A set or map.
    #[must_use]
    pub fn set(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
    ) -> Option<Members<'_>> {
        let set = self.of(family, table)?.set(name.as_ref())?;
        Some(Members { state: self, set })
    }

    /// Elements of a set or map, in no order.
    pub fn elements_of(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        set: impl AsRef<[u8]>,
    ) -> impl Iterator<Item = ElementRef<'_>> {
        let set = self.of(family, table).and_then(|table| table.set(set.as_ref()));
        set.into_iter().flat_map(elements)
    }

    /// Stateful objects of all tables.
    pub fn objects(&self) -> impl Iterator<Item = StatefulObjectRef<'_>> {
        let all = self.tables.values().flat_map(|table| table.objects.values());
        all.filter_map(|object| decoded::<StatefulObject>(object))
    }

    /// A stateful object of a table, of one of [`object_type`](linx_wire::nft::object_type)'s types.
    #[must_use]
    pub fn object(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        object_type: u32,
        name: impl AsRef<[u8]>,
    ) -> Option<StatefulObjectRef<'_>> {
        let key = [&object_type.to_be_bytes()[..], name.as_ref()].concat();
        decoded::<StatefulObject>(self.of(family, table)?.objects.get(&key)?)
    }

    /// Flow tables of all tables.
    pub fn flowtables(&self) -> impl Iterator<Item = FlowtableRef<'_>> {
        let all = self.tables.values().flat_map(|table| table.flowtables.values());
        all.filter_map(|flowtable| decoded::<Flowtable>(flowtable))
    }

    /// A flow table.
    #[must_use]
    pub fn flowtable(
        &self,
        family: Family,
        table: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
    ) -> Option<FlowtableRef<'_>> {
        decoded::<Flowtable>(self.of(family, table)?.flowtables.get(name.as_ref())?)
    }

    /// All objects, each after what it needs but for rules, which may need anything: tables, chains, objects, flow
    /// tables, sets, elements, rules.
    pub fn items(&self) -> impl Iterator<Item = ItemRef<'_>> {
        self.tables.values().flat_map(|table| {
            let own = item(What::Table, &table.bytes).into_iter();
            own.chain(chains(table).map(ItemRef::from))
                .chain(table.objects.values().filter_map(|bytes| item(What::Object, bytes)))
                .chain(table.flowtables.values().filter_map(|bytes| item(What::Flowtable, bytes)))
                .chain(table.sets.values().flat_map(|set| {
                    item(What::Set, &set.bytes).into_iter().chain(elements(set).map(ItemRef::Element))
                }))
                .chain(table.chains.values().flat_map(|chain| rules(chain)).map(ItemRef::from))
        })
    }

    /// A hash of the tracked fields of everything and of the order of rules; elements and sets have no order. Equal
    /// states have equal ones, whatever way they came about. It walks over everything.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut sum = 0u64;
        let mut add = |hasher: DefaultHasher| sum = sum.wrapping_add(hasher.finish());
        for item in self.items() {
            let mut hasher = DefaultHasher::new();
            match item {
                ItemRef::Table(table) => TableRef::to_owned(table).hash(&mut hasher),
                ItemRef::Chain(chain) => ChainRef::to_owned(chain).hash(&mut hasher),
                ItemRef::Set(set) => SetRef::to_owned(set).hash(&mut hasher),
                ItemRef::Object(object) => StatefulObjectRef::to_owned(object).hash(&mut hasher),
                ItemRef::Flowtable(flowtable) => FlowtableRef::to_owned(flowtable).hash(&mut hasher),
                ItemRef::Rule(rule) => RuleRef::to_owned(rule).hash(&mut hasher),
                ItemRef::Element(element) => ElementRef::to_owned(element).hash(&mut hasher),
                _ => {}
            }
            std::mem::discriminant(&item).hash(&mut hasher);
            add(hasher);
        }
        for (table, content) in self.tables.iter() {
            for (handle, chain) in content.chains.iter() {
                let mut hasher = DefaultHasher::new();
                (table, handle).hash(&mut hasher);
                chain.rules.iter().for_each(|(handle, _)| handle.hash(&mut hasher));
                add(hasher);
            }
        }
        sum
    }

    /// Bytes of memory that its elements take, about; what it shares with snapshots included.
    #[must_use]
    pub fn elements_bytes(&self) -> usize {
        let sets = self.tables.values().flat_map(|table| table.sets.values());
        sets.map(|set| set.elements.heap_bytes()).sum()
    }

    /// The state that the changes lead to from this one: a watcher goes forward in time.
    pub fn apply(&mut self, changes: &Changes) {
        changes.steps().for_each(|step| self.step(step));
    }

    /// The state that the changes led from to this one: a watcher goes back in time.
    pub fn undo(&mut self, changes: &Changes) {
        changes.steps().rev().for_each(|step| self.step(step.back()));
    }

    /// How many elements the set of this name has here.
    pub(crate) fn size_of(&self, set: &SetRef<'_>) -> Option<usize> {
        let table = table_key(set.family(), set.table().as_bytes());
        Some(self.content(&table)?.set(set.name().as_bytes())?.elements.len())
    }

    /// Whether a set, as it was read now, may have other elements than here, after messages were lost.
    ///
    /// Provable is little: elements have no handles, and one may have taken the place of another. What shows is another
    /// set of this name (its handle), and another number of elements (kernel 6.16). What cannot be is a change of an
    /// anonymous set, which a rule holds from the commit on that made it. All else depends on whether it
    /// `is_untouched`: known not to be of a table that a lost message was about.
    pub(crate) fn is_suspect(&self, set: &SetRef<'_>, is_untouched: bool) -> bool {
        let table = table_key(set.family(), set.table().as_bytes());
        let known = self.content(&table).and_then(|table| table.set(set.name().as_bytes()));
        let Some((known, old)) = known.and_then(|known| Some((known, SetRef::decode(&known.bytes).ok()?)))
        else {
            return true;
        };
        if set.handle().is_none() || old.handle() != set.handle() {
            return true;
        }
        if set.flags().contains(SetFlags::ANONYMOUS) && !set.flags().contains(SetFlags::EVAL) {
            return false;
        }
        let count = set.attributes().count().and_then(|count| usize::try_from(count).ok());
        // Those that ended are counted until the kernel clears up.
        let is_other = !known.place.is_timed && count.is_some_and(|count| count != counted(known));
        is_other || !is_untouched
    }

    /// The moment of a deadline.
    pub(super) fn moment(&self, deadline: Deadline) -> Option<Instant> {
        self.since?.checked_add(Duration::from_millis(deadline.0))
    }

    fn of(&self, family: Family, name: impl AsRef<[u8]>) -> Option<&Content> {
        self.content(&table_key(family.number(), name.as_ref()))
    }

    pub(super) fn content(&self, key: &[u8]) -> Option<&Content> {
        self.tables.get(key).map(|table| &**table)
    }

    pub(super) fn content_mut(&mut self, key: &[u8]) -> Option<&mut Content> {
        self.tables.get_mut(key).map(Arc::make_mut)
    }

    /// Takes one step.
    pub(super) fn step(&mut self, step: Step<'_>) {
        match step {
            Step::One { place, what: What::Element, before, after, .. } => {
                self.step_element(place, before, after);
            }
            Step::One { place, what: What::Rule, spot, before, after } => {
                self.step_rule(place, spot, before.is_some(), after);
            }
            Step::One { place, what: What::Table, after, .. } => self.step_table(place, after),
            Step::One { place, what, before, after, .. } => self.step_whole(place, what, before, after),
            Step::All { place, comes, elements } => {
                let set = self.content_mut(&place.table).and_then(|table| table.set_mut(&place.set));
                if let Some(set) = set {
                    set.elements = if comes { elements.clone() } else { Table::new() };
                }
            }
        }
    }

    fn step_table(&mut self, place: &Arc<Place>, after: Option<&[u8]>) {
        let Some(after) = after else {
            self.tables.remove(&place.table);
            return;
        };
        match self.content_mut(&place.table) {
            Some(content) => content.bytes = after.into(),
            None => {
                let home = if place.set.is_empty() {
                    Arc::clone(place)
                } else {
                    Arc::new(Place::table(&place.table))
                };
                self.tables.insert(&place.table, Arc::new(Content::new(after.into(), home)));
            }
        }
    }

    /// A chain, set, object or flow table.
    fn step_whole(&mut self, place: &Arc<Place>, what: What, before: Option<&[u8]>, after: Option<&[u8]>) {
        let Some(content) = self.content_mut(&place.table) else { return };
        let key = |bytes: &[u8]| own_key(what, bytes);
        match (what, before, after) {
            (What::Chain, before, after) => content.chain_step(before, after),
            (What::Set, before, None) => _ = content.sets.remove(&before.map(key).unwrap_or_default()),
            (What::Set, _, Some(after)) => content.put_set(after),
            (What::Object, before, None) => _ = content.objects.remove(&before.map(key).unwrap_or_default()),
            (What::Object, _, Some(after)) => _ = content.objects.insert(&key(after), after.into()),
            (_, before, None) => _ = content.flowtables.remove(&before.map(key).unwrap_or_default()),
            (_, _, Some(after)) => _ = content.flowtables.insert(&key(after), after.into()),
        }
    }

    fn step_rule(&mut self, place: &Place, spot: Spot, exists: bool, after: Option<&[u8]>) {
        let chain = self.content_mut(&place.table).and_then(|table| table.chain_mut(spot.chain));
        let Some(InChain { rules, .. }) = chain else { return };
        match after {
            None => _ = rules.remove(spot.handle),
            Some(after) if exists => _ = rules.replace(spot.handle, after.into()),
            Some(after) => rules.insert(spot.behind, spot.handle, after.into()),
        }
    }

    fn step_element(&mut self, place: &Place, before: Option<&[u8]>, after: Option<&[u8]>) {
        let Some(element) = after.or(before).and_then(|record| place.element(record)) else { return };
        let hash = self.hashes.of(&element);
        let Some(set) = self.content_mut(&place.table).and_then(|table| table.set_mut(&place.set)) else {
            return;
        };
        let found = find(&set.elements, place, hash, &element).map(|(nth, _)| nth);
        match (found, after) {
            (Some(nth), Some(after)) => _ = set.elements.replace(hash, nth, 0, after),
            (Some(nth), None) => _ = set.elements.remove(hash, nth),
            (None, Some(after)) => set.elements.insert(hash, 0, after, table::Place::Last),
            (None, None) => {}
        }
    }
}

impl Content {
    fn chain_step(&mut self, before: Option<&[u8]>, after: Option<&[u8]>) {
        let decoded = |bytes| ChainRef::decode(bytes).ok();
        let (before, after) = (before.and_then(decoded), after.and_then(decoded));
        if let Some(before) = before {
            let (name, handle) = (before.name().as_bytes(), handle_of(&before));
            if self.chain_handle(name) == Some(handle) {
                self.names.remove(name);
            }
            if after.is_none() {
                self.chains.remove(&handle.to_be_bytes());
            }
        }
        if let Some(after) = after {
            let handle = handle_of(&after);
            self.names.insert(after.name().as_bytes(), handle);
            match self.chain_mut(handle) {
                Some(chain) => chain.bytes = after.as_bytes().into(),
                None => {
                    let chain = InChain { bytes: after.as_bytes().into(), rules: Rules::default() };
                    self.chains.insert(&handle.to_be_bytes(), Arc::new(chain));
                }
            }
        }
    }

    fn put_set(&mut self, after: &[u8]) {
        let Ok(set) = SetRef::decode(after) else { return };
        let place = Place::of(&set);
        match self.set_mut(&place.set) {
            Some(set) => set.bytes = after.into(),
            None => {
                let name = place.set.clone();
                let set = InSet { bytes: after.into(), place: Arc::new(place), elements: Table::new() };
                self.sets.insert(&name, Arc::new(set));
            }
        }
    }
}

/// A set or map with its elements.
#[derive(Clone, Copy)]
pub struct Members<'a> {
    state: &'a State,
    set: &'a InSet,
}

impl<'a> Members<'a> {
    /// The set itself.
    #[must_use]
    pub fn set(self) -> SetRef<'a> {
        // It decoded when it came.
        SetRef::decode(&self.set.bytes).unwrap_or_else(|_| empty_set())
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(self) -> usize {
        self.set.elements.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its elements, in no order.
    pub fn elements(self) -> impl Iterator<Item = ElementRef<'a>> {
        elements(self.set)
    }

    /// Its elements, each with when it ends if nothing renews it. (What an element itself tells of
    /// [`expires`](linx_wire::nft::ElementView::expires) is of when its message was written.)
    pub fn with_deadlines(self) -> impl Iterator<Item = (ElementRef<'a>, Option<Instant>)> {
        self.set.elements.iter().filter_map(move |(_, record)| {
            let (deadline, _) = self.set.place.split(record.bytes);
            let moment = deadline.and_then(|deadline| self.state.moment(deadline));
            Some((self.set.place.element(record.bytes)?, moment))
        })
    }

    /// The element with this key, as registers hold it; of a set of intervals the one that begins there.
    #[must_use]
    pub fn element(self, key: &[u8]) -> Option<ElementRef<'a>> {
        use linx_wire::nft::{ELEMENT, Nest};
        let wanted = Nest::new(&ELEMENT).set("key", Nest::value(key)).finish().ok()?;
        let wanted = ElementRef::placed(super::content::nowhere(), &wanted);
        let hash = self.state.hashes.of(&wanted);
        let (_, record) = match find(&self.set.elements, &self.set.place, hash, &wanted) {
            Some(found) => found,
            // One of a concatenation with intervals is known by its end, too: all are looked at.
            None if self.set().flags().contains(SetFlags::INTERVAL | SetFlags::CONCAT) => {
                let records = self.set.elements.iter().map(|(_, record)| record);
                let is_it = |record: &table::Record<'_>| {
                    let element = self.set.place.element(record.bytes);
                    element.is_some_and(|element| element.key() == Some(key) && element.key_end().is_some())
                };
                (0, records.into_iter().find(is_it)?)
            }
            None => return None,
        };
        self.set.place.element(record.bytes)
    }

    /// This very element: of its key, and of the end of its interval.
    #[must_use]
    pub fn same_as(self, element: &Element) -> Option<ElementRef<'a>> {
        let hash = self.state.hashes.of(&element.as_ref());
        let (_, record) = find(&self.set.elements, &self.set.place, hash, &element.as_ref())?;
        self.set.place.element(record.bytes)
    }
}

/// How many elements the kernel counts: neither those that stand for all others, nor the ends of intervals.
fn counted(known: &InSet) -> usize {
    const UNCOUNTED: ElementFlags = ElementFlags::INTERVAL_END.union(ElementFlags::CATCHALL);
    elements(known).filter(|element| !element.flags().intersects(UNCOUNTED)).count()
}

fn empty_set() -> SetRef<'static> {
    match SetRef::decode(&[0; 4]) {
        Ok(set) => set,
        Err(_) => unreachable!("a header without attributes is a set"),
    }
}

fn decoded<T: linx_wire::Decode>(bytes: &[u8]) -> Option<T::Ref<'_>> {
    T::decode_ref(bytes).ok()
}

fn chains(table: &Content) -> impl Iterator<Item = ChainRef<'_>> {
    table.chains.values().filter_map(|chain| decoded::<Chain>(&chain.bytes))
}

fn rules(chain: &InChain) -> impl Iterator<Item = RuleRef<'_>> {
    chain.rules.iter().filter_map(|(_, rule)| decoded::<Rule>(rule))
}

fn elements(set: &InSet) -> impl Iterator<Item = ElementRef<'_>> {
    set.elements.iter().filter_map(|(_, record)| set.place.element(record.bytes))
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tables().map(|table| table.name().to_string()).collect();
        f.debug_struct("State")
            .field("generation", &self.generation)
            .field("tables", &names)
            .field("objects", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("set", &self.set()).field("len", &self.len()).finish()
    }
}
