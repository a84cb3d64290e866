//! Changes being made: each is done to the state and written down.

use std::collections::HashMap;
use std::sync::Arc;

use linx_wire::Compare;
use linx_wire::nft::expr::Expression;
use linx_wire::nft::{
    ChainFlags, ChainRef, ChainView, ElementRef, RuleRef, RuleView, SetFlags, SetRef, SetView,
};

use super::changes::{Changes, Spot, Step};
use super::content::{Content, Deadline, Place, What, find, is_one, is_same, own_key};
use super::expiry::Deadlines;
use super::rewrite;
use super::shelf::Bytes;
use super::state::State;
use crate::mirror::delta::Change;
use crate::mirror::table;

/// A new rule whose predecessor was not announced yet: in one commit, a rule that came later may stand before it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) place: Arc<Place>,
    pub(super) chain: u64,
    pub(super) handle: u64,
    pub(super) bytes: Bytes,
}

/// Of each element that changed, by its set's number and its long hash, the number of the change. Made when an element
/// may have changed twice.
#[derive(Default)]
struct Merged {
    map: Option<HashMap<(u32, u64), usize>>,
    has_added: bool,
    has_removed: bool,
}

impl Merged {
    /// Whether an element that was there, or was not, may have changed before.
    fn is_needed(&self, was: bool) -> bool {
        self.has_added && was || self.has_removed
    }

    fn map(
        &mut self,
        changes: &Changes,
        hash: impl Fn(&ElementRef<'_>) -> u64,
    ) -> &mut HashMap<(u32, u64), usize> {
        self.map.get_or_insert_with(|| {
            let each = changes.elements();
            each.filter_map(|(number, place, of, record)| Some(((number, hash(&of.element(record)?)), place)))
                .collect()
        })
    }
}

pub(super) struct Work<'b> {
    pub(super) state: &'b mut State,
    pub(super) deadlines: &'b mut Deadlines,
    pub(super) changes: Changes,
    merged: Merged,
    /// Nobody wants to know what changes.
    is_mute: bool,
    /// What is volatile is kept as it was told last; when all is read again, what is shared stays shared instead.
    refreshes: bool,
    /// Where the last rule stands is not told for certain.
    pub(super) is_doubtful: bool,
    /// Sets to which elements were added that end.
    pub(super) lengthened: Vec<Arc<Place>>,
    record: Vec<u8>,
    before: Vec<u8>,
}

impl<'b> Work<'b> {
    pub(super) fn new(state: &'b mut State, deadlines: &'b mut Deadlines, sees_volatile: bool) -> Self {
        Self {
            state,
            deadlines,
            changes: Changes::new(sees_volatile),
            merged: Merged::default(),
            is_mute: false,
            refreshes: true,
            is_doubtful: false,
            lengthened: Vec::new(),
            record: Vec::new(),
            before: Vec::new(),
        }
    }

    pub(super) fn mute(self) -> Self {
        Self { is_mute: true, ..self }
    }

    pub(super) fn without_refreshing(self) -> Self {
        Self { refreshes: false, ..self }
    }

    pub(super) fn compare(&self) -> Compare {
        self.changes.compare()
    }

    fn one(
        &mut self,
        place: &Arc<Place>,
        what: What,
        spot: Spot,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) {
        self.state.step(Step::One { place, what, spot, before, after });
        if !self.is_mute {
            let place = self.changes.place(place);
            self.changes.push(place, what, spot, before, after);
        }
    }

    /// Puts a table, chain, set, object or flow table, as a message of it says that it is now.
    pub(super) fn put(&mut self, what: What, table: &[u8], bytes: &[u8]) {
        let key = own_key(what, bytes);
        let Some(content) = self.state.content(table) else {
            if what == What::Table {
                self.one(&Arc::new(Place::table(table)), what, Spot::default(), None, Some(bytes));
            }
            return;
        };
        let home = Arc::clone(&content.home);
        let Some(before) = content.whole(what, &key).cloned() else {
            if what == What::Chain {
                self.make_room(&home, bytes);
            }
            self.one(&home, what, Spot::default(), None, Some(bytes));
            return;
        };
        let (old, new) = (handle(what, &before), handle(what, bytes));
        if old.is_some() && new.is_some() && old != new {
            // It went and came, unseen.
            self.remove(what, table, &key);
            self.put(what, table, bytes);
            return;
        }
        if is_same(what, &before, bytes, self.compare()) {
            self.refresh(&home, what, Spot::default(), &before, bytes);
            return;
        }
        if what == What::Chain {
            self.make_room(&home, bytes);
        }
        self.one(&home, what, Spot::default(), Some(&before), Some(bytes));
        match what {
            What::Chain => self.renamed(&home, &before, bytes),
            What::Set => self.retimed(&home, &before, bytes),
            _ => {}
        }
    }

    /// What is volatile is kept as it was last told, but is no change.
    fn refresh(&mut self, place: &Arc<Place>, what: What, spot: Spot, before: &[u8], bytes: &[u8]) {
        if self.refreshes && before.get(4..) != bytes.get(4..) {
            let (before, after) = (Some(before), Some(bytes));
            self.state.step(Step::One { place, what, spot, before, after });
        }
    }

    /// Removes a chain that has the name of another one: it must have gone unseen.
    fn make_room(&mut self, home: &Arc<Place>, bytes: &[u8]) {
        let Ok(chain) = ChainRef::decode(bytes) else { return };
        let Some(content) = self.state.content(&home.table) else { return };
        let other = content.chain_handle(chain.name().as_bytes());
        if let Some(other) = other.filter(|other| Some(*other) != chain.handle()) {
            self.remove(What::Chain, &home.table, &other.to_be_bytes());
        }
    }

    /// Removes a table, chain, set, object or flow table, and first all that is in it.
    pub(super) fn remove(&mut self, what: What, table: &[u8], key: &[u8]) {
        let Some(content) = self.state.content(table) else { return };
        let home = Arc::clone(&content.home);
        let Some(before) = content.whole(what, key).cloned() else { return };
        match what {
            What::Table => self.empty(&home),
            What::Chain => {
                let handle = key.try_into().map_or(0, u64::from_be_bytes);
                self.empty_chain(&home, handle);
            }
            What::Set => self.empty_set(&home, key),
            _ => {}
        }
        self.one(&home, what, Spot::default(), Some(&before), None);
    }

    /// Removes all that is in a table.
    fn empty(&mut self, home: &Arc<Place>) {
        let Some(content) = self.state.content(&home.table) else { return };
        // A copy costs nothing, and stays as it is.
        let content = content.clone();
        for (handle, _) in content.chains.iter() {
            let handle = (**handle).try_into().map_or(0, u64::from_be_bytes);
            self.empty_chain(home, handle);
        }
        for (key, _) in content.sets.iter() {
            self.remove(What::Set, &home.table, key);
        }
        for (key, _) in content.chains.iter() {
            self.remove(What::Chain, &home.table, key);
        }
        for (key, _) in content.objects.iter() {
            self.remove(What::Object, &home.table, key);
        }
        for (key, _) in content.flowtables.iter() {
            self.remove(What::Flowtable, &home.table, key);
        }
    }

    fn empty_chain(&mut self, home: &Arc<Place>, chain: u64) {
        let rules = self.state.content(&home.table).and_then(|table| table.chain(chain));
        let Some(rules) = rules.map(|chain| chain.rules.clone()) else { return };
        for (handle, before) in rules.iter() {
            // Always the first.
            let spot = Spot { chain, handle: *handle, behind: 0 };
            self.one(home, What::Rule, spot, Some(before), None);
        }
    }

    fn empty_set(&mut self, home: &Arc<Place>, name: &[u8]) {
        let Some(set) = self.state.content(&home.table).and_then(|table| table.set(name)) else { return };
        let (place, elements) = (Arc::clone(&set.place), set.elements.clone());
        self.all(&place, false, &elements);
    }

    /// All elements of a set, which has none, or all of these.
    fn all(&mut self, place: &Arc<Place>, comes: bool, elements: &table::Table) {
        self.state.step(Step::All { place, comes, elements });
        if !self.is_mute {
            let place = self.changes.place(place);
            self.changes.push_all(place, if comes { Change::Added } else { Change::Removed }, elements);
        }
    }

    /// A chain has another name now.
    fn renamed(&mut self, home: &Arc<Place>, before: &[u8], after: &[u8]) {
        let (Ok(before), Ok(after)) = (ChainRef::decode(before), ChainRef::decode(after)) else { return };
        let (old, new) = (before.name().as_bytes(), after.name().as_bytes());
        if old == new {
            return;
        }
        let Some(content) = self.state.content(&home.table).cloned() else { return };
        for (chain, held) in content.chains.iter() {
            let chain = (**chain).try_into().map_or(0, u64::from_be_bytes);
            let is_own = Some(chain) == after.handle();
            for (handle, rule) in held.rules.iter() {
                if let Some(renamed) = rewrite::renamed_in_rule(rule, is_own, old, new) {
                    let spot = Spot { chain, handle: *handle, behind: 0 };
                    self.one(home, What::Rule, spot, Some(rule), Some(&renamed));
                }
            }
        }
        for set in content.sets.values() {
            let is_map = SetRef::decode(&set.bytes).is_ok_and(|set| set.flags().contains(SetFlags::MAP));
            if is_map {
                self.each_element(&set.place, &set.elements, |element| {
                    rewrite::renamed_in_element(element, old, new)
                });
            }
        }
    }

    /// A set may have another default timeout now.
    fn retimed(&mut self, home: &Arc<Place>, before: &[u8], after: &[u8]) {
        let timeout =
            |bytes| SetRef::decode(bytes).ok().and_then(|set| set.attributes().timeout()).unwrap_or(0);
        let (old, new) = (timeout(before), timeout(after));
        let key = own_key(What::Set, after);
        let Some(set) = self.state.content(&home.table).and_then(|table| table.set(&key)).cloned() else {
            return;
        };
        if old != new {
            self.each_element(&set.place, &set.elements, |element| rewrite::retimed(element, old, new));
        }
    }

    fn each_element(
        &mut self,
        place: &Arc<Place>,
        elements: &table::Table,
        rewritten: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) {
        for (_, record) in elements.iter() {
            let (deadline, element) = place.split(record.bytes);
            if let Some(other) = rewritten(element) {
                let other = ElementRef::placed(super::content::nowhere(), &other);
                self.put_element(place, &other, deadline);
            }
        }
    }

    /// Puts an element, as a message of it says that it is now. Its place must be the set's own.
    pub(super) fn put_element(
        &mut self,
        place: &Arc<Place>,
        element: &ElementRef<'_>,
        deadline: Option<Deadline>,
    ) {
        let long = self.state.hashes.long(element);
        let hash = long as u32;
        let compare = self.compare();
        let set = self.state.content_mut(&place.table).and_then(|table| table.set_mut(&place.set));
        let Some(set) = set else { return };
        place.pack(element.as_bytes(), deadline, &mut self.record);
        self.before.clear();
        let mut exists = false;
        match find(&set.elements, place, hash, element) {
            None => set.elements.insert(hash, 0, &self.record, table::Place::Last),
            Some((_, record)) if record.bytes == &*self.record => return,
            Some((nth, record)) => {
                exists = true;
                self.before.extend_from_slice(record.bytes);
                let is_same = place.is_same(record.bytes, &self.record, compare) == (true, true);
                set.elements.replace(hash, nth, 0, &self.record);
                if is_same {
                    let (old, _) = place.split(&self.before);
                    self.deadlines.note(deadline, old, place, hash);
                    return;
                }
            }
        }
        let (old, _) = if exists { place.split(&self.before) } else { (None, &[][..]) };
        self.deadlines.note(deadline, old, place, hash);
        self.told(place, long, exists, true);
    }

    /// The same, but nobody is told.
    pub(super) fn renew_element(
        &mut self,
        place: &Arc<Place>,
        element: &ElementRef<'_>,
        deadline: Option<Deadline>,
    ) {
        let is_mute = std::mem::replace(&mut self.is_mute, true);
        self.put_element(place, element, deadline);
        self.is_mute = is_mute;
    }

    /// Removes an element.
    pub(super) fn remove_element(&mut self, place: &Arc<Place>, element: &ElementRef<'_>) {
        let long = self.state.hashes.long(element);
        let hash = long as u32;
        let set = self.state.content(&place.table).and_then(|table| table.set(&place.set));
        let Some((nth, record)) = set.and_then(|set| find(&set.elements, place, hash, element)) else {
            return;
        };
        self.before.clear();
        self.before.extend_from_slice(record.bytes);
        let set = self.state.content_mut(&place.table).and_then(|table| table.set_mut(&place.set));
        if let Some(set) = set {
            set.elements.remove(hash, nth);
        }
        self.told(place, long, true, false);
    }

    /// Writes down that the element with this hash is `self.record` now where it `is` there, and was `self.before`
    /// where it `was`. With a change of it before, it becomes one.
    fn told(&mut self, place: &Arc<Place>, hash: u64, was: bool, is: bool) {
        if self.is_mute {
            return;
        }
        let number = self.changes.place(place);
        let mut before = was.then_some(&*self.before);
        let after = is.then_some(&*self.record);
        let owned;
        let earlier = self.merged.is_needed(was).then(|| {
            let hashes = &self.state.hashes;
            let map = self.merged.map(&self.changes, |element| hashes.long(element));
            map.get(&(number, hash)).copied()
        });
        if let Some(earlier) = earlier.flatten() {
            let known = self.changes.after(earlier).or_else(|| self.changes.before(earlier));
            let current = after.or(before);
            let both =
                known.and_then(|known| place.element(known)).zip(current.and_then(|c| place.element(c)));
            if both.is_some_and(|(known, current)| is_one(&known, &current)) {
                owned = self.changes.before(earlier).map(<[u8]>::to_vec);
                before = owned.as_deref();
                self.changes.void(earlier);
                let is_back = before.zip(after).is_some_and(|(before, after)| {
                    place.is_same(before, after, self.changes.compare()) == (true, true)
                });
                if is_back || before.is_none() && after.is_none() {
                    if let Some(map) = &mut self.merged.map {
                        map.remove(&(number, hash));
                    }
                    return;
                }
            }
        }
        let change = self.changes.push(number, What::Element, Spot::default(), before, after);
        self.merged.has_added |= after.is_some();
        self.merged.has_removed |= after.is_none();
        if let Some(map) = &mut self.merged.map {
            map.insert((number, hash), change);
        }
    }

    /// Puts a rule that is there behind another, 0 is none, or as it is now.
    pub(super) fn put_rule(&mut self, home: &Arc<Place>, spot: Spot, bytes: &[u8]) {
        let Some(chain) = self.state.content(&home.table).and_then(|table| table.chain(spot.chain)) else {
            return;
        };
        let before = chain.rules.get(spot.handle).cloned();
        match before {
            None => self.one(home, What::Rule, spot, None, Some(bytes)),
            Some(before) if is_same(What::Rule, &before, bytes, self.compare()) => {
                self.refresh(home, What::Rule, spot, &before, bytes);
            }
            Some(before) => {
                let spot = Spot { behind: 0, ..spot };
                self.one(home, What::Rule, spot, Some(&before), Some(bytes));
            }
        }
    }

    /// Removes a rule, and the chains that belong to it; where it was.
    pub(super) fn remove_rule(&mut self, home: &Arc<Place>, chain: u64, handle: u64) -> Option<Spot> {
        let (spot, before) = self.take_rule(home, chain, handle)?;
        self.remove_belongings(home, &before);
        Some(spot)
    }

    /// Removes a rule alone; where it was, and what.
    pub(super) fn take_rule(
        &mut self,
        home: &Arc<Place>,
        chain: u64,
        handle: u64,
    ) -> Option<(Spot, Arc<[u8]>)> {
        let held = self.state.content(&home.table)?.chain(chain)?;
        let before = Arc::clone(held.rules.get(handle)?);
        let spot = Spot { chain, handle, behind: held.rules.before(handle)? };
        self.one(home, What::Rule, spot, Some(&before), None);
        Some((spot, before))
    }

    /// Removes what belongs to a rule alone: anonymous sets, and the chains of `jump { … }`. They go with it, not always
    /// announced (KERNEL.md 1.6).
    pub(super) fn remove_belongings(&mut self, home: &Arc<Place>, rule: &[u8]) {
        let (Ok(rule), Some(content)) = (RuleRef::decode(rule), self.state.content(&home.table)) else {
            return;
        };
        let (mut chains, mut sets) = (Vec::new(), Vec::new());
        for expression in rule.expressions() {
            let verdict = match expression {
                Expression::Immediate(immediate) => immediate.data().and_then(|data| data.verdict()),
                _ => None,
            };
            let chain = verdict.and_then(|verdict| content.chain_handle(verdict.chain()?.as_bytes()));
            chains.extend(chain.filter(|handle| is_bound(content, *handle)));
            let set = match expression {
                Expression::Lookup(lookup) => lookup.set(),
                Expression::Objref(reference) => reference.set(),
                Expression::Dynset(dynset) => dynset.set(),
                _ => None,
            };
            sets.extend(set.filter(|set| is_anonymous(content, set.as_bytes())));
        }
        chains.into_iter().for_each(|chain| self.remove_bound(home, chain));
        for set in sets {
            self.remove(What::Set, &home.table, set.as_bytes());
        }
    }

    fn remove_bound(&mut self, home: &Arc<Place>, chain: u64) {
        let held = self.state.content(&home.table).and_then(|table| table.chain(chain));
        let Some(rules) = held.map(|chain| chain.rules.clone()) else { return };
        for (handle, _) in rules.iter() {
            self.remove_rule(home, chain, *handle);
        }
        self.remove(What::Chain, &home.table, &chain.to_be_bytes());
    }
}

fn is_bound(content: &Content, handle: u64) -> bool {
    let chain = content.chain(handle).and_then(|chain| ChainRef::decode(&chain.bytes).ok());
    chain.is_some_and(|chain| chain.flags().contains(ChainFlags::BINDING))
}

fn is_anonymous(content: &Content, name: &[u8]) -> bool {
    let set = content.set(name).and_then(|set| SetRef::decode(&set.bytes).ok());
    set.is_some_and(|set| set.flags().contains(SetFlags::ANONYMOUS))
}

/// The kernel's number for an object.
pub(super) fn handle(what: What, bytes: &[u8]) -> Option<u64> {
    use linx_wire::nft::{
        FlowtableRef, FlowtableView, StatefulObjectRef, StatefulObjectView, TableRef, TableView,
    };
    match what {
        What::Table => TableRef::decode(bytes).ok()?.handle(),
        What::Chain => ChainRef::decode(bytes).ok()?.handle(),
        What::Set => SetRef::decode(bytes).ok()?.handle(),
        What::Object => StatefulObjectRef::decode(bytes).ok()?.handle(),
        What::Flowtable => FlowtableRef::decode(bytes).ok()?.handle(),
        What::Rule => Some(RuleRef::decode(bytes).ok()?.handle()),
        What::Element => None,
    }
}
