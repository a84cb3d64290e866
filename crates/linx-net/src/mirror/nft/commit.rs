//! What the kernel announces, done to a state. Its ways are in KERNEL.md 1.6 and 1.9.
//!
//! Where a new rule stands is told by the rule before it, as of the moment of its announcement, when all rules of the
//! commit are in the chain but those whose end was announced before. So the rule before it may be announced later. Of the
//! first and of the last rule of a chain it is told by what was asked for, which is not always where it is: one that was
//! to stand behind a rule that went in the same commit may be the first, and look as if it were the last. Where that is
//! possible, the place is in doubt; so are all places of a table in which a rule came and went in one commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use linx_wire::header::MessageFlags;
use linx_wire::nft::{
    ChainRef, ElementsRef, ElementsView, EntityRef, FlowtableRef, FlowtableView, RuleRef, RuleView, SetRef,
    SetView, StatefulObjectRef, StatefulObjectView, TableView,
};
use linx_wire::route::Operation;

use super::changes::Spot;
use super::content::{Deadline, Place, What, handle_of, object_key, table_key};
use super::rewrite;
use super::shelf::Bytes;
use super::work::{Waiting, Work};
use crate::nft::Change;

/// `NLM_F_CREATE`
const CREATE: MessageFlags = MessageFlags::ATOMIC;

/// What is known between the messages of one commit.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// By the handle of the rule that they stand behind.
    waiting: HashMap<u64, Vec<Waiting>>,
    /// The rule that went last: its chain, and what it stood behind.
    vacated: Option<(Arc<Place>, Spot)>,
    /// Chains whose first or last rule went, by table and handle.
    cut: HashMap<(Arc<Place>, u64), Cut>,
    /// Handles of the rules that came, and of how many of them `came` is.
    made: Vec<u64>,
    came: (usize, HashSet<u64>),
}

/// The first or the last rule of a chain went, and no other is known for certain to be the first or the last.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    is_first: bool,
    is_last: bool,
    /// A new rule that is the first or the last: the first, if another comes behind it.
    either: u64,
}

impl Course {
    /// The rule that waits for this one.
    fn behind(&mut self, handle: u64, table: &[u8]) -> Option<Waiting> {
        let waiting = self.waiting.get_mut(&handle)?;
        let at = waiting.iter().position(|waiting| *waiting.place.table == *table)?;
        let found = waiting.swap_remove(at);
        if waiting.is_empty() {
            self.waiting.remove(&handle);
        }
        Some(found)
    }

    /// Whether a rule waits for this one.
    fn waits(&self, handle: u64, table: &[u8]) -> bool {
        self.waiting.get(&handle).is_some_and(|all| all.iter().any(|waiting| *waiting.place.table == *table))
    }

    /// Whether a rule came in this commit. Most commits take rules away first, if at all.
    fn has_come(&mut self, handle: u64) -> bool {
        let (count, came) = &mut self.came;
        came.extend(self.made.iter().skip(*count));
        *count = self.made.len();
        came.contains(&handle)
    }

    /// A rule that waits is gone: its bytes.
    fn forget(&mut self, handle: u64, table: &[u8]) -> Option<Bytes> {
        let mut gone = None;
        self.waiting.retain(|_, waiting| {
            let is_it = |waiting: &Waiting| waiting.handle == handle && *waiting.place.table == *table;
            if let Some(at) = waiting.iter().position(is_it) {
                gone = Some(waiting.remove(at).bytes);
            }
            !waiting.is_empty()
        });
        gone
    }
}

impl Work<'_> {
    /// One change that was announced.
    pub(super) fn announced(&mut self, change: &Change<'_>, course: &mut Course, now: Instant) {
        let is_new = change.op == Operation::New;
        match change.entity {
            EntityRef::Elements(elements) => self.elements(&elements, is_new, now),
            EntityRef::Rule(rule) if is_new => self.new_rule(&rule, change.flags, course),
            EntityRef::Rule(rule) => self.no_rule(&rule, course),
            EntityRef::Table(table) => {
                let key = table_key(table.family(), table.name().as_bytes());
                if is_new {
                    self.put(What::Table, &key, linx_wire::nft::TableView::as_bytes(&table));
                } else {
                    self.remove(What::Table, &key, &[]);
                }
            }
            EntityRef::Chain(chain) => self.chain(&chain, is_new),
            EntityRef::Set(set) => self.set(&set, is_new),
            EntityRef::Object(object) => self.object(&object, is_new),
            EntityRef::Flowtable(flowtable) => self.flowtable(&flowtable, is_new),
            _ => {}
        }
    }

    /// Nothing more is announced of this commit.
    pub(super) fn end(&mut self, course: &mut Course) {
        // What they stand behind is not there: where they are is found by the next audit.
        for waiting in std::mem::take(&mut course.waiting).into_values().flatten() {
            let Waiting { place, chain, handle, bytes } = waiting;
            self.put_rule(&place, Spot { chain, handle, behind: 0 }, &bytes);
        }
        *course = Course::default();
    }

    fn chain(&mut self, chain: &ChainRef<'_>, is_new: bool) {
        use linx_wire::nft::ChainView;
        let table = table_key(chain.family(), chain.table().as_bytes());
        let key = handle_of(chain).to_be_bytes();
        self.with_hook(What::Chain, &table, &key, chain.as_bytes(), is_new);
    }

    fn flowtable(&mut self, flowtable: &FlowtableRef<'_>, is_new: bool) {
        let table = table_key(flowtable.family(), flowtable.table().as_bytes());
        let key = flowtable.name().as_bytes();
        self.with_hook(What::Flowtable, &table, key, flowtable.as_bytes(), is_new);
    }

    /// A chain or a flow table, whose devices come and go one by one.
    fn with_hook(&mut self, what: What, table: &[u8], key: &[u8], told: &[u8], is_new: bool) {
        let known = self.state.content(table).and_then(|content| content.whole(what, key)).cloned();
        let has_devices = |bytes: &[u8]| rewrite::has_devices(what, bytes);
        match known {
            Some(known) if has_devices(&known) && (is_new || has_devices(told)) => {
                let is_other = is_new && super::work::handle(what, &known) != super::work::handle(what, told);
                let told =
                    if is_other { told.to_vec() } else { rewrite::with_devices(what, &known, told, is_new) };
                self.put(what, table, &told);
            }
            _ if is_new => self.put(what, table, told),
            _ => self.remove(what, table, key),
        }
    }

    fn set(&mut self, set: &SetRef<'_>, is_new: bool) {
        let table = table_key(set.family(), set.table().as_bytes());
        if is_new {
            self.put(What::Set, &table, set.as_bytes());
        } else {
            self.remove(What::Set, &table, set.name().as_bytes());
        }
    }

    fn object(&mut self, object: &StatefulObjectRef<'_>, is_new: bool) {
        let table = table_key(object.family(), object.table().as_bytes());
        if is_new {
            self.put(What::Object, &table, object.as_bytes());
        } else {
            self.remove(What::Object, &table, &object_key(object));
        }
    }

    /// An object of which a packet made something else: of a table of any family, for the family that is told is the
    /// packet's. It is known by its handle, or else by its family.
    pub(super) fn packet(&mut self, object: &StatefulObjectRef<'_>) {
        let (name, key) = (object.table(), object_key(object));
        let own = table_key(object.family(), name.as_bytes());
        let of_name = |table: &[u8]| table.get(1..) == Some(name.as_bytes());
        let known =
            self.state.tables.iter().filter(|(table, _)| of_name(table)).filter_map(|(table, content)| {
                let handle = super::work::handle(What::Object, content.objects.get(&key)?);
                Some((handle != object.handle(), **table != *own, table))
            });
        let Some(table) = known.min().map(|(_, _, table)| Arc::clone(table)) else { return };
        let mut bytes = object.as_bytes().to_vec();
        if let (Some(family), Some(first)) = (table.first(), bytes.first_mut()) {
            *first = *family;
        }
        self.put(What::Object, &table, &bytes);
    }

    fn elements(&mut self, elements: &ElementsRef<'_>, is_new: bool, now: Instant) {
        let table = table_key(elements.family(), elements.table().as_bytes());
        let set = self.state.content(&table).and_then(|table| table.set(elements.set().as_bytes()));
        let Some(place) = set.map(|set| Arc::clone(&set.place)) else { return };
        for element in elements.iter() {
            if is_new {
                let deadline = self.deadline(&place, rewrite::expires(&element), now);
                if deadline.is_some() && self.lengthened.last().is_none_or(|last| !Arc::ptr_eq(last, &place))
                {
                    self.lengthened.push(Arc::clone(&place));
                }
                self.put_element(&place, &element, deadline);
            } else {
                self.remove_element(&place, &element);
            }
        }
    }

    /// When an element ends that lasts so many milliseconds from now on.
    pub(super) fn deadline(&mut self, place: &Place, expires: Option<u64>, now: Instant) -> Option<Deadline> {
        let expires = expires.filter(|_| place.is_timed)?;
        let since = *self.state.since.get_or_insert(now);
        let now = u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX);
        // What lasts for half a billion years lasts for ever.
        Some(Deadline(now.saturating_add(expires).min(u64::MAX - 1)))
    }

    fn new_rule(&mut self, rule: &RuleRef<'_>, flags: MessageFlags, course: &mut Course) {
        let table = table_key(rule.family(), rule.table().as_bytes());
        let Some(content) = self.state.content(&table) else { return };
        let home = Arc::clone(&content.home);
        let Some(chain) = content.chain_handle(rule.chain().as_bytes()) else { return };
        let handle = rule.handle();
        course.made.push(handle);
        let Some(held) = content.chain(chain) else { return };
        let (first, last) = (held.rules.iter().next().map_or(0, |(handle, _)| *handle), held.rules.last());
        let waits = course.waits(handle, &home.table);
        let cut = course.cut.get_mut(&(Arc::clone(&home), chain));
        let behind = match rule.position() {
            Some(behind) if held.rules.get(behind).is_some() => {
                if let Some(cut) = cut.filter(|cut| cut.either == behind) {
                    cut.is_first = false;
                }
                behind
            }
            Some(behind) if held.rules.get(handle).is_none() => {
                let bytes = rule.as_bytes().into();
                let waiting = Waiting { place: home, chain, handle, bytes };
                course.waiting.entry(behind).or_default().push(waiting);
                return;
            }
            Some(_) => 0,
            // There is one behind it, so it is the first.
            None if waits => {
                cut.into_iter().for_each(|cut| cut.is_first = false);
                0
            }
            None if !flags.contains(MessageFlags::APPEND) => {
                self.is_doubtful |= first != 0 && cut.as_ref().is_some_and(|cut| cut.is_last);
                cut.into_iter().for_each(|cut| cut.either = handle);
                0
            }
            None if flags.contains(CREATE) => {
                self.is_doubtful |= first != 0 && cut.as_ref().is_some_and(|cut| cut.is_first);
                cut.into_iter().for_each(|cut| cut.either = handle);
                last
            }
            // Others stood behind or before the rule in whose place it is: it is the first, or the last.
            None => {
                let place = course.vacated.as_ref().filter(|(place, _)| place.table == home.table);
                let behind =
                    place.filter(|(_, spot)| spot.chain == chain).map_or(last, |(_, spot)| spot.behind);
                if let Some(cut) = cut.filter(|_| first != 0) {
                    cut.is_first &= behind != 0;
                    cut.is_last &= behind == 0;
                }
                behind
            }
        };
        self.put_rule(&home, Spot { chain, handle, behind }, rule.as_bytes());
        let mut last = handle;
        while let Some(next) = course.behind(last, &home.table) {
            let Waiting { place, chain, handle, bytes } = next;
            self.put_rule(&place, Spot { chain, handle, behind: last }, &bytes);
            last = handle;
        }
    }

    fn no_rule(&mut self, rule: &RuleRef<'_>, course: &mut Course) {
        let table = table_key(rule.family(), rule.table().as_bytes());
        let handle = rule.handle();
        let Some(content) = self.state.content(&table) else { return };
        let home = Arc::clone(&content.home);
        // The places of others were told beside one that is none, and of another with its handle.
        self.is_doubtful |= course.has_come(handle);
        let named = content.chain_handle(rule.chain().as_bytes());
        if let Some(waiting) = course.forget(handle, &home.table) {
            // It never was, but what belongs to it has come.
            self.remove_belongings(&home, &waiting);
        }
        let Some(content) = self.state.content(&table) else { return };
        let Some(chain) = named else { return };
        let held = content.chain(chain);
        let is_last = held.is_some_and(|held| held.rules.last() == handle);
        if let Some(spot) = self.remove_rule(&home, chain, handle) {
            if spot.behind == 0 || is_last {
                let cut = course.cut.entry((Arc::clone(&home), chain)).or_default();
                cut.is_first |= spot.behind == 0;
                cut.is_last |= is_last;
            }
            course.vacated = Some((home, spot));
        }
    }
}
