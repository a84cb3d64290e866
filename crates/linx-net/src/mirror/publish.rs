//! What a reading shows to be different from the state, and why: deltas.

use std::collections::HashSet;
use std::time::SystemTime;

use linx_wire::Kind;
use linx_wire::route::ObjectRef;

use super::core::Core;
use super::delta::{Cause, Why};
use super::identity;
use super::implied::Reach;
use super::resync::{Reading, Reason, Task};
use super::table::{Place, Record};

/// Attempts after which what nothing accounts for is taken for a difference that the audit should have found.
const UNEXPLAINED_ATTEMPTS: u32 = 3;
/// The same, of what the audit found: it reads again before it says that something was wrong.
const AUDIT_ATTEMPTS: u32 = 2;

impl Core {
    /// Why an object was found to be different. `None`: what it follows from may have been announced meanwhile, and is fed
    /// before it is read again.
    fn why(
        &self,
        task: &Task,
        (before, after): (Option<&ObjectRef<'_>>, Option<&ObjectRef<'_>>),
        hash: u32,
        time: SystemTime,
    ) -> Option<Why> {
        self.reason(task, (before, after), hash, time)
            // Nothing accounts for it: it was wrong before.
            .or_else(|| {
                let is_sure = task.attempts >= UNEXPLAINED_ATTEMPTS && !task.is_doubtful;
                is_sure.then(|| Why::new(time, Cause::Audit))
            })
    }

    fn why_changed(
        &self,
        task: &Task,
        (before, after): (&[u8], &ObjectRef<'_>),
        hash: u32,
        time: SystemTime,
    ) -> Option<Why> {
        let before = identity::borrowed(after.kind(), before);
        self.why(task, (before.as_ref(), Some(after)), hash, time)
    }

    fn reason(
        &self,
        task: &Task,
        (before, after): (Option<&ObjectRef<'_>>, Option<&ObjectRef<'_>>),
        hash: u32,
        time: SystemTime,
    ) -> Option<Why> {
        let rank = |reason: &&Reason| match reason.cause {
            Cause::Implied if !reason.is_beyond() => 0,
            Cause::Event => 1,
            Cause::Resync => 2,
            Cause::Implied => 3,
            _ => 4,
        };
        // A route that lost its source shows no more what it followed from.
        let explains = |reason: &&Reason| {
            before.into_iter().chain(after).any(|object| reason.reach.explains(object, hash))
        };
        let reason = task.reasons.iter().filter(explains).min_by_key(rank)?;
        // What an audit finds at first may follow from what is being carried out, and announced only now.
        if reason.cause == Cause::Audit && (task.attempts < AUDIT_ATTEMPTS || task.is_doubtful) {
            return None;
        }
        Some(Why { trigger: reason.trigger.clone(), ..Why::new(time, reason.cause) })
    }

    /// Whether an object that was read is one to hold: links are all read.
    pub(super) fn is_told(&self, object: &ObjectRef<'_>) -> bool {
        object.kind() != Kind::Link || self.is_wanted(object)
    }

    /// Whether an object that is held was read, and is one to hold still.
    fn is_read(&self, reading: &Reading, hash: u32, object: &ObjectRef<'_>) -> bool {
        let Some(payload) = reading.find(hash, object) else { return false };
        object.kind() != Kind::Link
            || identity::borrowed(Kind::Link, payload).is_some_and(|link| self.is_wanted(&link))
    }

    /// False: something is not accounted for.
    pub(super) fn publish(&mut self, reading: &Reading, touched: &HashSet<u32>, time: SystemTime) -> bool {
        let kind = reading.task.scope.kind;
        let is_astray =
            |object: &ObjectRef<'_>| matches!(object, ObjectRef::Route(route) if self.is_astray(route));
        let all_known = |record: Record<'_>| {
            identity::borrowed(kind, record.bytes).is_some_and(|object| !is_astray(&object))
        };
        let is_first = kind == Kind::Route && self.state.routes.is_empty() && !self.synced;
        if is_first && touched.is_empty() && reading.fresh.records().all(all_known) {
            self.state.adopt_routes(reading.fresh.clone());
            return true;
        }
        let mut is_explained = true;
        // A snapshot costs nothing, and what is changed meanwhile does not disturb it.
        let before = self.state.table(kind).cloned().unwrap_or_default();
        let mut gone: Vec<(u32, Box<[u8]>)> = Vec::new();
        if !reading.is_partial {
            for (hash, record) in before.iter() {
                let is_as_it_was = || reading.fresh.of(hash).any(|read| read.bytes == record.bytes);
                if kind != Kind::Link && is_as_it_was() {
                    continue;
                }
                let Some(object) = identity::borrowed(kind, record.bytes) else { continue };
                let is_missing = !touched.contains(&hash)
                    && reading.task.scope.holds(&object)
                    && !self.is_read(reading, hash, &object)
                    && !reading.hides(hash, &object);
                if is_missing {
                    gone.push((hash, record.bytes.into()));
                }
            }
        }
        let mut come: Vec<(u32, &[u8])> = Vec::new();
        for (hash, record) in reading.fresh.iter().filter(|(hash, _)| !touched.contains(hash)) {
            let Some(object) = identity::borrowed(kind, record.bytes) else { continue };
            if !self.is_told(&object) {
                continue;
            }
            if matches!(object, ObjectRef::Route(route) if self.is_astray(&route)) {
                // The link is announced, but not fed yet, or that was lost.
                is_explained = false;
                continue;
            }
            match self.state.find_at(hash, &object) {
                None => come.push((hash, record.bytes)),
                Some((_, known)) if known.bytes == record.bytes => {}
                Some((spot, known)) => {
                    match self.why_changed(&reading.task, (known.bytes, &object), hash, time) {
                        Some(why) => self.put_at(Some(spot), hash, &object, record.bytes, &why),
                        // What is the same as far as it is compared needs no reason.
                        None => {
                            let compare = self.compare(Cause::Event);
                            let is_equal = identity::is_equal_bytes(kind, known.bytes, &object, compare);
                            is_explained &= is_equal;
                            if is_equal && reading.task.has(Cause::Audit) {
                                let why = Why::new(time, Cause::Audit);
                                self.put_at(Some(spot), hash, &object, record.bytes, &why);
                            }
                        }
                    }
                }
            }
        }
        self.replace_pairs(reading, &mut gone, &mut come, time);
        for (hash, payload) in &gone {
            let Some(object) = identity::borrowed(kind, payload) else { continue };
            match self.why(&reading.task, (Some(&object), None), *hash, time) {
                Some(why) => self.remove(&object, &why),
                None => is_explained = false,
            }
        }
        for (hash, payload) in &come {
            let Some(object) = identity::borrowed(kind, payload) else { continue };
            match self.why(&reading.task, (None, Some(&object)), *hash, time) {
                Some(why) => self.add(*hash, &object, payload, Place::Last, &why),
                None => is_explained = false,
            }
        }
        if kind == Kind::Route {
            let asked = reading.task.reasons.iter().filter_map(|reason| match reason.reach {
                Reach::Hash(hash) | Reach::Victim(hash) => Some(hash),
                _ => None,
            });
            let changed = gone.iter().map(|(hash, _)| *hash).chain(come.iter().map(|(hash, _)| *hash));
            // What was lost, or never told, may have changed nothing but the order.
            let is_any = reading.task.doubts != 0 || reading.task.has(Cause::Audit);
            let mut last = None;
            let several = before.iter().filter(|_| is_any).map(|(hash, _)| hash);
            let several: Vec<u32> = several.filter(|hash| last.replace(*hash) == Some(*hash)).collect();
            let changed: HashSet<u32> =
                changed.chain(asked).chain(several).filter(|hash| !touched.contains(hash)).collect();
            changed.into_iter().for_each(|hash| self.restore_order(reading, hash));
        }
        is_explained
    }

    /// A route that is gone and one that came in its place are one that changed.
    fn replace_pairs(
        &mut self,
        reading: &Reading,
        gone: &mut Vec<(u32, Box<[u8]>)>,
        come: &mut Vec<(u32, &[u8])>,
        time: SystemTime,
    ) {
        if reading.task.scope.kind != Kind::Route || gone.is_empty() {
            return;
        }
        come.retain(|(hash, payload)| {
            let Some(new) = identity::borrowed(Kind::Route, payload) else { return true };
            let pair = gone.iter().position(|(other, old)| {
                other == hash
                    && match (identity::borrowed(Kind::Route, old), &new) {
                        (Some(ObjectRef::Route(old)), ObjectRef::Route(new)) => {
                            identity::is_same_place(&old, new)
                        }
                        _ => false,
                    }
            });
            let Some(at) = pair else { return true };
            let Some((_, old)) = gone.get(at) else { return true };
            let why = self.why_changed(&reading.task, (old, &new), *hash, time);
            let Some(why) = why else { return true };
            let (_, old) = gone.swap_remove(at);
            let Some(old) = identity::borrowed(Kind::Route, &old) else { return true };
            let spot = self.state.find_at(*hash, &old).map(|(spot, _)| spot);
            self.put_at(spot, *hash, &new, payload, &why);
            false
        });
    }

    /// Routes with equal keys are held in the kernel's order.
    fn restore_order(&mut self, reading: &Reading, hash: u32) {
        let is_whole = reading.task.scope.index.is_none();
        let (held, read) = (self.state.routes.of(hash), reading.fresh.of(hash));
        if !is_whole
            || held.clone().count() < 2
            || held.map(|it| it.bytes).eq(read.clone().map(|it| it.bytes))
        {
            return;
        }
        // What is held stays what it is: a difference that is not told yet is not one of order.
        let held: Vec<Box<[u8]>> = self.state.routes.of(hash).map(|record| record.bytes.into()).collect();
        let place = |record: Record<'_>| {
            let object = identity::borrowed(Kind::Route, record.bytes)?;
            held.iter().position(|payload| {
                identity::borrowed(Kind::Route, payload).is_some_and(|it| identity::is_same(&it, &object))
            })
        };
        let places: Option<Vec<usize>> = read.map(place).collect();
        let Some(places) = places.filter(|places| places.len() == held.len()) else { return };
        for (nth, place) in places.into_iter().enumerate() {
            if let Some(payload) = held.get(place) {
                self.state.routes.replace(hash, nth, 0, payload);
            }
        }
    }
}
