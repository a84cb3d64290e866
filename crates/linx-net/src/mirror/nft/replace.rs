//! The difference between a state and what was read now, done to the state: what is equal stays shared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use linx_wire::nft::{
    ChainRef, ChainView, ElementRef, ElementView, ElementsRef, ElementsView, EntityRef, FlowtableRef,
    FlowtableView, RuleRef, RuleView, SetFlags, SetRef, SetView, StatefulObjectRef, StatefulObjectView,
    TableRef, TableView,
};

use super::changes::Spot;
use super::content::{Deadline, Place, What, find, handle_of, is_one, object_key, table_key};
use super::rewrite;
use super::work::Work;
use crate::nft::Ruleset;

/// An element that ends so soon is as good as gone: the dump was written a moment ago.
const MOMENT_MS: u64 = 100;

/// A rule set that was read, by tables.
#[derive(Default)]
pub(super) struct Fresh<'r>(BTreeMap<Vec<u8>, FreshTable<'r>>);

#[derive(Default)]
struct FreshTable<'r> {
    table: Option<TableRef<'r>>,
    chains: Vec<ChainRef<'r>>,
    /// By the names of chains.
    rules: HashMap<Vec<u8>, Vec<RuleRef<'r>>>,
    sets: Vec<SetRef<'r>>,
    /// By the names of sets.
    elements: HashMap<Vec<u8>, Vec<ElementsRef<'r>>>,
    objects: Vec<StatefulObjectRef<'r>>,
    flowtables: Vec<FlowtableRef<'r>>,
}

impl<'r> Fresh<'r> {
    pub(super) fn new(ruleset: &'r Ruleset) -> Self {
        let mut fresh = Self::default();
        for entity in ruleset.entities() {
            let Some(name) = entity.table() else { continue };
            let table = fresh.0.entry(table_key(entity.family(), name.as_bytes())).or_default();
            match entity {
                EntityRef::Table(found) => table.table = Some(found),
                EntityRef::Chain(chain) => table.chains.push(chain),
                EntityRef::Rule(rule) => {
                    table.rules.entry(rule.chain().as_bytes().into()).or_default().push(rule);
                }
                EntityRef::Set(set) => table.sets.push(set),
                EntityRef::Elements(elements) => {
                    table.elements.entry(elements.set().as_bytes().into()).or_default().push(elements);
                }
                EntityRef::Object(object) => table.objects.push(object),
                EntityRef::Flowtable(flowtable) => table.flowtables.push(flowtable),
                _ => {}
            }
        }
        fresh.0.values_mut().for_each(FreshTable::name_once);
        fresh
    }
}

impl FreshTable<'_> {
    /// A commit that renames a chain and adds another by that name makes two of one name (KERNEL.md 1.12); what is in them is
    /// told by name, so the last is all that can be held.
    fn name_once(&mut self) {
        let last: HashMap<&[u8], u64> =
            self.chains.iter().map(|chain| (chain.name().as_bytes(), handle_of(chain))).collect();
        if last.len() < self.chains.len() {
            let kept: HashSet<u64> = last.into_values().collect();
            self.chains.retain(|chain| kept.contains(&handle_of(chain)));
            // They were read by name, once for each.
            let mut seen = HashSet::new();
            self.rules.values_mut().for_each(|rules| rules.retain(|rule| seen.insert(rule.handle())));
        }
    }
}

/// When elements were read: what is left of their time is told as of a moment in between.
#[derive(Clone)]
struct Read(Range<Instant>);

impl Read {
    /// The moment that is never more than half of it wrong, and that half, in milliseconds.
    fn middle(&self) -> (Instant, u64) {
        let half = self.0.end.saturating_duration_since(self.0.start) / 2;
        (self.0.start + half, u64::try_from(half.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What was read.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// This table alone.
    pub(super) table: Option<&'s [u8]>,
    /// Whose elements may be in it.
    pub(super) ruleset: Option<&'s Ruleset>,
}

impl Work<'_> {
    /// The state becomes what was read.
    pub(super) fn replace(&mut self, fresh: &Fresh<'_>, scope: Scope<'_>, now: Instant) {
        let is_meant = |key: &[u8]| scope.table.is_none_or(|table| table == key);
        let known: Vec<_> = self.state.tables.iter().map(|(key, _)| Arc::clone(key)).collect();
        for key in known.iter().filter(|key| is_meant(key)) {
            if fresh.0.get(&**key).is_none_or(|fresh| fresh.table.is_none()) {
                self.remove(What::Table, key, &[]);
            }
        }
        for (key, fresh) in fresh.0.iter().filter(|(key, _)| is_meant(key)) {
            let Some(table) = fresh.table else { continue };
            self.put(What::Table, key, table.as_bytes());
            self.table(key, fresh, scope, now);
        }
    }

    fn table(&mut self, key: &[u8], fresh: &FreshTable<'_>, scope: Scope<'_>, now: Instant) {
        self.without(
            What::Chain,
            key,
            fresh.chains.iter().map(|chain| handle_of(chain).to_be_bytes().to_vec()),
        );
        self.without(What::Set, key, fresh.sets.iter().map(|set| set.name().as_bytes().to_vec()));
        self.without(What::Object, key, fresh.objects.iter().map(object_key));
        let flowtables = fresh.flowtables.iter().map(|flowtable| flowtable.name().as_bytes().to_vec());
        self.without(What::Flowtable, key, flowtables);
        for chain in &fresh.chains {
            self.put(What::Chain, key, chain.as_bytes());
        }
        for object in &fresh.objects {
            self.put(What::Object, key, object.as_bytes());
        }
        for flowtable in &fresh.flowtables {
            self.put(What::Flowtable, key, flowtable.as_bytes());
        }
        for set in &fresh.sets {
            self.put(What::Set, key, set.as_bytes());
            let name = set.name().as_bytes();
            if scope.ruleset.is_some_and(|ruleset| ruleset.has_elements_of(set)) {
                let elements = fresh.elements.get(name).map(Vec::as_slice).unwrap_or_default();
                let read = scope.ruleset.and_then(|ruleset| ruleset.read_of(set));
                self.set_elements(key, set, elements, &Read(read.unwrap_or(now..now)));
            }
        }
        for chain in &fresh.chains {
            let rules = fresh.rules.get(chain.name().as_bytes()).map(Vec::as_slice).unwrap_or_default();
            self.rules(key, handle_of(chain), rules);
        }
    }

    /// Removes what is not among these.
    fn without(&mut self, what: What, table: &[u8], keys: impl Iterator<Item = Vec<u8>>) {
        let Some(content) = self.state.content(table) else { return };
        let kept: HashSet<Vec<u8>> = keys.collect();
        let known: Vec<_> = match what {
            What::Chain => content.chains.iter().map(|(key, _)| Arc::clone(key)).collect(),
            What::Set => content.sets.iter().map(|(key, _)| Arc::clone(key)).collect(),
            What::Object => content.objects.iter().map(|(key, _)| Arc::clone(key)).collect(),
            _ => content.flowtables.iter().map(|(key, _)| Arc::clone(key)).collect(),
        };
        for key in known.iter().filter(|key| !kept.contains(&***key)) {
            self.remove(what, table, key);
        }
    }

    fn rules(&mut self, table: &[u8], chain: u64, fresh: &[RuleRef<'_>]) {
        let Some(content) = self.state.content(table) else { return };
        let home = Arc::clone(&content.home);
        let Some(known) = content.chain(chain).map(|held| held.rules.clone()) else { return };
        let kept: HashSet<u64> = fresh.iter().map(RuleRef::handle).collect();
        let gone = |handle: &&u64| !kept.contains(*handle);
        // What belonged to it alone is gone already, and a set of its set's name is another's.
        for handle in known.iter().map(|(handle, _)| handle).filter(gone) {
            self.take_rule(&home, chain, *handle);
        }
        let mut order =
            known.iter().map(|(handle, _)| *handle).filter(|handle| kept.contains(handle)).peekable();
        let mut moved = HashSet::new();
        let mut behind = 0;
        for rule in fresh {
            let handle = rule.handle();
            while order.peek().is_some_and(|next| moved.contains(next)) {
                order.next();
            }
            if order.peek() == Some(&handle) {
                order.next();
            } else if known.get(handle).is_some() && moved.insert(handle) {
                // No kernel moves a rule.
                self.take_rule(&home, chain, handle);
            }
            self.put_rule(&home, Spot { chain, handle, behind }, rule.as_bytes());
            behind = handle;
        }
    }

    fn set_elements(&mut self, table: &[u8], set: &SetRef<'_>, fresh: &[ElementsRef<'_>], read: &Read) {
        let held = self.state.content(table).and_then(|content| content.set(set.name().as_bytes()));
        let Some(held) = held else { return };
        let (place, known) = (Arc::clone(&held.place), held.elements.clone());
        // Packets renew its elements, and nobody says so.
        let is_renewed = set.flags().contains(SetFlags::EVAL);
        let mut met = 0;
        for element in fresh.iter().flat_map(|elements| elements.elements()) {
            met += usize::from(self.read_element(&place, &element, is_renewed, read));
        }
        if met >= known.len() {
            return;
        }
        let all = fresh.iter().flat_map(|elements| elements.elements());
        let mut listed: Vec<(u32, ElementRef<'_>)> =
            all.map(|element| (self.state.hashes.of(&element), element)).collect();
        listed.sort_unstable_by_key(|(hash, _)| *hash);
        let soon = Some(u64::from(linx_wire::DEADLINE_TOLERANCE_SECS) * 1000);
        let soon = self.deadline(&place, soon, read.0.end);
        for (hash, record) in known.iter() {
            let from = listed.partition_point(|(other, _)| *other < hash);
            let alike = listed.iter().skip(from).take_while(|(other, _)| *other == hash);
            let Some(element) = place.element(record.bytes) else { continue };
            let is_there = alike.into_iter().any(|(_, other)| is_one(other, &element));
            // One that is about to end ends by itself.
            let ends = place.split(record.bytes).0.is_some_and(|deadline| Some(deadline) <= soon);
            if !is_there && !ends {
                self.remove_element(&place, &element);
            }
        }
    }

    /// Elements that are known end when a reading says; those that it does not show have ended.
    pub(super) fn renew(&mut self, ruleset: &Ruleset, now: Instant) {
        for (key, fresh) in &Fresh::new(ruleset).0 {
            for set in &fresh.sets {
                if let Some(read) = ruleset.read_of(set) {
                    let listed = fresh.elements.get(set.name().as_bytes());
                    let listed = listed.map(Vec::as_slice).unwrap_or_default();
                    self.renew_set(key, set, listed, &Read(read), now);
                }
            }
        }
    }

    fn renew_set(
        &mut self,
        table: &[u8],
        set: &SetRef<'_>,
        listed: &[ElementsRef<'_>],
        read: &Read,
        now: Instant,
    ) {
        let held = self.state.content(table).and_then(|content| content.set(set.name().as_bytes()));
        let Some(held) = held else { return };
        let (place, known) = (Arc::clone(&held.place), held.elements.clone());
        let is_renewed = set.flags().contains(SetFlags::EVAL);
        let mut seen = HashSet::new();
        for element in listed.iter().flat_map(|elements| elements.elements()) {
            let hash = self.state.hashes.of(&element);
            if let Some((nth, _)) = find(&known, &place, hash, &element) {
                seen.insert((hash, nth));
                self.read_element(&place, &element, is_renewed, read);
            }
        }
        let ended = self.deadline(&place, Some(0), now);
        for (hash, record) in known.iter() {
            // What has no end has not ended.
            let Some(element) = place.element(record.bytes).filter(|_| place.split(record.bytes).0 > ended)
            else {
                continue;
            };
            let nth = find(&known, &place, hash, &element).map(|(nth, _)| nth);
            if nth.is_some_and(|nth| !seen.contains(&(hash, nth))) {
                self.renew_element(&place, &element, ended);
            }
        }
    }

    /// An element that was read; whether it was known.
    fn read_element(
        &mut self,
        place: &Arc<Place>,
        element: &ElementRef<'_>,
        is_renewed: bool,
        read: &Read,
    ) -> bool {
        let expires = rewrite::expires(element);
        let (middle, slack) = read.middle();
        let deadline = self.deadline(place, expires, middle);
        let hash = self.state.hashes.of(element);
        let set = self.state.content(&place.table).and_then(|content| content.set(&place.set));
        let Some(set) = set else { return false };
        let known = find(&set.elements, place, hash, element).map(|(_, record)| record.bytes);
        let Some(known) = known else {
            if expires.is_none_or(|expires| expires > MOMENT_MS) {
                self.put_element(place, element, deadline);
            }
            return false;
        };
        let old: Option<Deadline> = place.split(known).0;
        let is_near = old.is_some() == deadline.is_some()
            && old.zip(deadline).is_none_or(|(old, new)| old.is_within(new, slack));
        let attributes = element.as_bytes();
        let is_equal = place.split(known).1 == attributes
            || linx_wire::nft::ELEMENT.same(
                place.split(known).1,
                attributes,
                ElementView::family(element),
                linx_wire::Compare::Tracked,
            );
        let sees_volatile = self.compare() == linx_wire::Compare::Everything;
        match (is_equal && !sees_volatile, is_near) {
            (true, true) => {}
            (true, false) if is_renewed => self.renew_element(place, element, deadline),
            _ => self.put_element(place, element, deadline),
        }
        true
    }
}
