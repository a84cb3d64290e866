//! What is different at the end from what it was when the watch began.

use std::collections::BTreeMap;

use linx::mirror::State;
use linx::{Kind, Object, ObjectRef};

use super::source::Source;
use super::tail::is_aside;
use crate::filter::{Filter, Links, Subject, is_of};
use crate::out::{Printer, counted};

/// Which objects are compared.
pub(super) struct Net<'a> {
    pub(super) kinds: &'a [Kind],
    pub(super) filter: &'a Filter,
    pub(super) family: Option<u8>,
    /// What people do not see unless they ask for it is left out.
    pub(super) hides: bool,
    /// Lines that are printed; 0: all.
    pub(super) fold: usize,
}

/// A difference of one object.
type Difference = (Option<Object>, Option<Object>);

impl Net<'_> {
    /// Prints the differences of all namespaces; how many there were.
    pub(super) fn print(&self, sources: &BTreeMap<u64, Source>, printer: &mut Printer) -> usize {
        let (mut total, mut left) = (0, Vec::new());
        for source in sources.values() {
            let Some(begun) = &source.begun else { continue };
            let now = source.mirror.snapshot();
            if begun.revision() == now.revision() {
                continue;
            }
            for (before, after) in self.differences(begun, &now, &source.links) {
                total += 1;
                if self.fold == 0 || total <= self.fold {
                    let names = if after.is_some() { now.link_names() } else { begun.link_names() };
                    let [old, new] = [&before, &after].map(|object| object.as_ref().map(Object::as_ref));
                    printer.difference(&source.place, names, old, new);
                } else if let Some(object) = after.or(before) {
                    count(&mut left, super::summary::word(object.kind()));
                }
            }
        }
        if !left.is_empty() {
            let more: u64 = left.iter().map(|(_, count)| count).sum();
            printer.heading(&format!("…  {more} more: {} (--fold 0)", counted(&left)));
        }
        total
    }

    fn differences(&self, begun: &State, now: &State, links: &Links) -> Vec<Difference> {
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
