//! What is different at the end from what it was when the watch began.

use std::collections::{BTreeMap, HashMap};

use linx::mirror::{Change, State, nft};
use linx::names::KnownSets;
use linx::nft::ItemRef;
use linx::{Kind, Object, ObjectRef};

use super::source::{Source, sets_of};
use super::tail::{Wanted, is_aside};
use crate::filter::{Filter, Links, Subject, is_of};
use crate::out::{Printer, counted};

/// Which objects are compared.
pub(super) struct Net<'a> {
    pub(super) kinds: &'a [Kind],
    pub(super) nft: Wanted<'a>,
    pub(super) filter: &'a Filter,
    pub(super) family: Option<u8>,
    /// What people do not see unless they ask for it is left out.
    pub(super) hides: bool,
}

/// A difference of one object of nf_tables: what became of it, what it was, what it is, or was last.
pub(super) type Different<'s> = (Change, Option<ItemRef<'s>>, ItemRef<'s>);

/// A difference of one object.
pub(super) type Difference = (Option<Object>, Option<Object>);

impl Net<'_> {
    /// Prints the differences of all namespaces; how many there were.
    pub(super) fn print(&self, sources: &BTreeMap<u64, Source>, fold: usize, printer: &mut Printer) -> usize {
        let (mut total, mut left) = (0, Vec::new());
        let mut has_room = |kind: &'static str| {
            total += 1;
            let room = fold == 0 || total <= fold;
            if !room {
                count(&mut left, kind);
            }
            room
        };
        for source in sources.values() {
            let Some(begun) = &source.begun else { continue };
            let Some(now) = source.newest() else { continue };
            if begun.revision() == now.revision() {
                continue;
            }
            for (before, after) in self.differences(begun, &now, &source.links) {
                let Some(object) = after.as_ref().or(before.as_ref()) else { continue };
                if has_room(linx::words::kind(object.kind())) {
                    let names = if after.is_some() { now.link_names() } else { begun.link_names() };
                    let [old, new] = [&before, &after].map(|object| object.as_ref().map(Object::as_ref));
                    printer.difference(&source.place, names, old, new);
                }
            }
            if let (Some(old), Some(new)) = (begun.nft(), now.nft()) {
                let sets = [sets_of(begun), sets_of(&now)];
                self.rule_set(source, (old, new), &sets, (fold, printer), &mut has_room);
            }
        }
        if !left.is_empty() {
            let more: u64 = left.iter().map(|(_, count)| count).sum();
            printer.heading(&format!("…  {more} more: {} (--fold 0)", counted(&left)));
        }
        total
    }

    /// The differences of a rule set. Tables that came or went, and those with more differences than are shown, are a line
    /// each.
    fn rule_set(
        &self,
        source: &Source,
        (old, new): (&nft::State, &nft::State),
        [before, after]: &[KnownSets<'static>; 2],
        (fold, printer): (usize, &mut Printer),
        has_room: &mut dyn FnMut(&'static str) -> bool,
    ) {
        let all = self.items((old, new), [before, after], printer);
        let mut tables: Vec<(u8, Vec<u8>)> = Vec::new();
        for (_, _, item) in &all {
            let table = (item.family(), item.table().as_bytes().to_vec());
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        for (family, table) in tables {
            let of_it = |item: &ItemRef<'_>| item.family() == family && item.table().as_bytes() == table;
            let own = || all.iter().filter(|(_, _, item)| of_it(item));
            let is_whole = own()
                .any(|(change, _, item)| matches!(item, ItemRef::Table(_)) && *change != Change::Changed);
            if fold > 0 && (is_whole || own().count() > fold) {
                if has_room("table") {
                    printer.table_differences(
                        &source.place,
                        before,
                        own().map(|(change, _, item)| (*change, *item)),
                    );
                }
                continue;
            }
            for (change, was, item) in own() {
                if has_room(linx::words::kind(item.kind())) {
                    let sets = if *change == Change::Removed { before } else { after };
                    printer.nft_difference(&source.place, sets, *change, *was, *item);
                }
            }
        }
    }

    /// The differences of a rule set, those that went first.
    pub(super) fn items<'s>(
        &self,
        (old, new): (&'s nft::State, &'s nft::State),
        [before, after]: [&KnownSets<'static>; 2],
        printer: &Printer,
    ) -> Vec<Different<'s>> {
        let wanted = |item: &ItemRef<'_>| self.nft.wants_object(item);
        let known: HashMap<String, ItemRef<'_>> =
            old.items().filter(wanted).map(|item| (key(&item), item)).collect();
        let came: HashMap<String, ItemRef<'_>> =
            new.items().filter(wanted).map(|item| (key(&item), item)).collect();
        let mut all: Vec<Different<'s>> = Vec::new();
        for item in old.items().filter(wanted) {
            if !came.contains_key(&key(&item)) {
                all.push((Change::Removed, None, item));
            }
        }
        for item in new.items().filter(wanted) {
            match known.get(&key(&item)) {
                None => all.push((Change::Added, None, item)),
                Some(was) if printer.nft_shows(before, *was) != printer.nft_shows(after, item) => {
                    all.push((Change::Changed, Some(*was), item));
                }
                Some(_) => {}
            }
        }
        all
    }

    pub(super) fn differences(&self, begun: &State, now: &State, links: &Links) -> Vec<Difference> {
        let mut all = Vec::new();
        let known = |object: &ObjectRef<'_>| self.wants(object, links);
        for object in begun.objects().filter(known) {
            let before = object.to_owned();
            let after = same(now, &before);
            if after.as_ref() != Some(&before) {
                all.push((Some(before), after));
            }
        }
        // Those that went, then those that changed, then those that came.
        all.sort_by_key(|(_, after)| after.is_some());
        for object in now.objects().filter(known) {
            let after = object.to_owned();
            if same(begun, &after).is_none() {
                all.push((None, Some(after)));
            }
        }
        all
    }

    fn wants(&self, object: &ObjectRef<'_>, links: &Links) -> bool {
        if !self.kinds.contains(&object.kind())
            || self.family.is_some_and(|wanted| !is_of(object, wanted))
            || self.hides && is_aside(object, self.filter)
        {
            return false;
        }
        self.filter.keeps_object(&Subject { object: *object, op: "", cause: None, links })
    }
}

fn count(counts: &mut Vec<(&'static str, u64)>, kind: &'static str) {
    match counts.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, count)) => *count += 1,
        None => counts.push((kind, 1)),
    }
}

fn key(item: &ItemRef<'_>) -> String {
    linx::Key::of_nft(*item).to_string()
}

/// The same object in a state.
fn same(state: &State, object: &Object) -> Option<Object> {
    let found: ObjectRef<'_> = match object {
        Object::Link(_) => state.links().same_as(object)?.into(),
        Object::Address(_) => state.addresses().same_as(object)?.into(),
        Object::Route(_) => state.routes().same_as(object)?.into(),
        Object::Neighbour(_) => state.neighbours().same_as(object)?.into(),
        Object::Rule(_) => state.rules().same_as(object)?.into(),
        Object::NextHop(_) => state.nexthops().same_as(object)?.into(),
        _ => return None,
    };
    Some(found.to_owned())
}
