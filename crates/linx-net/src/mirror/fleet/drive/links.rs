//! A driver's part in links' moving: asks which namespace an id means, and holds back what is new until it is known where
//! it came from.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_wire::Kind;

use super::super::told::{Member, Move, MovedTo};
use super::{FleetDriver, Holding, Unit};
use crate::mirror::{Cause, Change, Delta, Notice};

/// What is new is held back at most so long for where it came from.
const HELD: Duration = Duration::from_millis(5);

impl FleetDriver {
    /// What was held back long enough.
    pub(super) fn release(&mut self, now: Instant) {
        let (round, is_behind) = (self.round, self.is_behind);
        let is_over = |holding: &Holding| {
            let is_looked = round > holding.round + 1 && !is_behind;
            is_looked || now.saturating_duration_since(holding.since) >= HELD
        };
        let over: Vec<u64> =
            self.holding.iter().filter(|(_, holding)| is_over(holding)).map(|(id, _)| *id).collect();
        for id in over {
            let Some(Holding { place, .. }) = self.holding.remove(&id) else { continue };
            let Some(unit) = self.units.get(&id) else { continue };
            let (member, mirror) = (Arc::clone(&unit.member), unit.mirror.clone());
            let held: Vec<(u64, Delta)> = mirror.map_or_else(Vec::new, |mirror| {
                mirror.shared.lock().core.log.since(place).filter_map(moves).collect()
            });
            for (_, delta) in held.iter().filter(|(_, delta)| delta.change() == Change::Added) {
                self.arrive(&member, delta, now);
            }
            self.show(id);
        }
    }

    /// A link came: from another namespace?
    pub(super) fn arrive(&mut self, member: &Arc<Member>, delta: &Delta, now: Instant) -> bool {
        let Some((from, departure)) = self.moves.arrive(delta, member.id, now) else { return false };
        member.lock().moved(delta.revision(), Move::From(from, departure));
        self.shared.lock().stats.moves += 1;
        true
    }

    /// A link left for another namespace.
    pub(super) fn depart(&mut self, id: u64, delta: &Delta, now: Instant) {
        let Some(moved) = delta.moved_to() else { return };
        let to = moved.nsid.and_then(|nsid| self.who(id, nsid));
        let Some(unit) = self.units.get(&id) else { return };
        let namespace_of = |unit: &Unit| Arc::clone(&unit.member.lock().namespace);
        let namespace = to.and_then(|to| self.units.get(&to)).map(namespace_of);
        if let (Some(to), Some(ifindex)) = (to, moved.ifindex) {
            self.moves.leave(delta, (id, &namespace_of(unit)), (to, ifindex), now);
        }
        let to = MovedTo { nsid: moved.nsid, ifindex: moved.ifindex, namespace };
        unit.member.lock().moved(delta.revision(), Move::To(to));
    }

    /// The namespace that another one knows by an id.
    fn who(&mut self, from: u64, nsid: i32) -> Option<u64> {
        if let Some(known) = self.moves.known(from, nsid) {
            return known;
        }
        let handle = self.units.get(&from)?.driver.as_ref()?.handle().clone();
        let mut asked: Vec<&Unit> = self.units.values().filter(|unit| unit.driver.is_some()).collect();
        // One that has a new link is likely.
        asked.sort_by_key(|unit| !self.holding.contains_key(&unit.member.id));
        let mut found: HashMap<i32, u64> = HashMap::new();
        for unit in asked {
            let netns = unit.driver.as_ref().map(|driver| driver.handle().netns());
            let known = netns.and_then(|netns| handle.nsid_of(netns).ok().flatten());
            if let Some(known) = known {
                found.insert(known, unit.member.id);
            }
            if known == Some(nsid) {
                break;
            }
        }
        handle.release();
        let to = found.get(&nsid).copied();
        found.into_iter().for_each(|(nsid, to)| self.moves.learn(from, nsid, Some(to)));
        if to.is_none() {
            self.moves.learn(from, nsid, None);
        }
        to
    }
}

/// Deltas that are about links' moving.
pub(super) fn moves((place, notice): (u64, &Notice)) -> Option<(u64, Delta)> {
    let Notice::Delta(delta) = notice else { return None };
    let may_have_moved = delta.kind() == Kind::Link
        && match delta.change() {
            Change::Added => delta.cause() == Cause::Event,
            Change::Removed => delta.moved_to().is_some(),
            Change::Changed => false,
        };
    may_have_moved.then(|| (place, delta.clone()))
}
