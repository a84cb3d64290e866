//! What announcements of routes mean (measured on 6.18; `fib_table_insert`, `fib6_add_rt2node`).
//!
//! | announcement | means |
//! |---|---|
//! | IPv4, APPEND | it is behind its siblings: the routes of one destination, type of service and metric |
//! | IPv4, REPLACE | it is in the place of the first of them |
//! | IPv4, neither | it is before them |
//! | IPv6, several hops | it is the whole set that routes with gateways of one metric are joined to, the new hop first |
//! | IPv6, REPLACE | a gateway: instead of that set; none, or a next hop object: instead of the first such route |
//! | IPv6, REPLACE by what is there already | there may be two of it |
//! | IPv6, DELROUTE of one hop | the set without it, which is not told |

use std::time::Instant;

use linx_wire::Kind;
use linx_wire::addr::family;
use linx_wire::attr::{Attrs, HEADER_LEN};
use linx_wire::header::MessageFlags;
use linx_wire::route::{ObjectRef, RouteHeader, RouteRef, RouteView};

use super::core::Core;
use super::delta::{Cause, Why};
use super::identity;
use super::implied::{self, Reach, Scope};
use super::state::Spot;
use super::table::Place;
use crate::key::Key;

impl Core {
    pub(super) fn route_new(
        &mut self,
        route: &RouteRef<'_>,
        payload: &[u8],
        flags: MessageFlags,
        why: &Why,
        now: Instant,
    ) {
        let object = ObjectRef::Route(*route);
        let hash = self.state.hashes.object(&object);
        let replaces = flags.contains(MessageFlags::REPLACE);
        // What it replaces goes, whatever becomes of itself.
        let reach = if replaces { Reach::Victim(hash) } else { Reach::Hash(hash) };
        if !self.is_wanted(&object) {
            // It may be in the place of one that is.
            if !self.siblings(hash, route).is_empty() {
                self.read_again(route, reach, now);
            }
            return;
        }
        if self.is_astray(route) {
            // Its link went after this was announced.
            return self.read_again(route, reach, now);
        }
        if self.state.routes.of(hash).next().is_none() {
            // The only one to its destination: nothing is in its place, or beside it.
            return self.add(hash, &object, payload, Place::Last, why);
        }
        if self.meets_advertised(route, hash, replaces) {
            return self.read_again(route, reach, now);
        }
        if let Some((spot, _)) = self.state.find_payload(hash, &object, payload) {
            let is_twin = replaces && self.would_be_twin(route, spot);
            self.put_at(Some(spot), hash, &object, payload, why);
            if is_twin {
                // It may have taken another's place, and there are two of it then.
                self.tasks.twice(Key::of(&object), true);
            }
            if is_twin || route.family() == family::INET && self.siblings(hash, route).len() > 1 {
                // One that is new had gone in silence, and stands elsewhere now.
                self.ambiguous(route, hash, now);
            }
            return;
        }
        let siblings = self.siblings(hash, route);
        if replaces && siblings.len() > 1 && self.tasks.reads(Kind::Route) {
            // The first of them may be gone already.
            self.read_again(route, Reach::Victim(hash), now);
        }
        if route.family() != family::INET6 {
            return match siblings.first() {
                Some(spot) if replaces => self.put_at(Some(*spot), hash, &object, payload, why),
                _ => {
                    let place = if flags.contains(MessageFlags::APPEND) { Place::Last } else { Place::First };
                    self.add(hash, &object, payload, place, why);
                }
            };
        }
        let joins = is_ecmp(route);
        let alike: Vec<Spot> =
            siblings.iter().copied().filter(|spot| self.is_ecmp_at(*spot) == joins).collect();
        let is_set = route.hops().nth(1).is_some();
        let victims: &[Spot] = match (joins, replaces) {
            // One announcement tells the whole set.
            (true, _) if replaces || is_set => &alike,
            (false, true) => alike.get(..1).unwrap_or_default(),
            _ => &[],
        };
        let victims = match (victims, replaces) {
            ([], true) => siblings.get(..1).unwrap_or_default(),
            (victims, _) => victims,
        };
        let known = victims.first().and_then(|spot| self.route_at(*spot));
        if known.is_some_and(|known| is_set && !replaces && !wants_the_same(&known, route)) {
            // A list shows a set with what its oldest hop wants, an announcement with what the newest does.
            return self.ambiguous(route, hash, now);
        }
        let ordered = known.filter(|_| is_set && !replaces).and_then(|known| in_order(payload, &known));
        let is_itself = known.is_some_and(|known| Key::of(&known) == Key::of(&object));
        if let [spot] = *victims {
            if is_itself && !is_set {
                return self.put_at(Some(spot), hash, &object, payload, why);
            }
        }
        // From the last to the first, so that the places before stay what they are.
        for spot in victims.to_vec().iter().rev() {
            self.remove_at(*spot, Kind::Route, why);
        }
        let payload = ordered.as_deref().unwrap_or(payload);
        self.add(hash, &object, payload, Place::Last, why);
    }

    pub(super) fn route_del(&mut self, route: &RouteRef<'_>, payload: &[u8], why: &Why, now: Instant) {
        let object = ObjectRef::Route(*route);
        let hash = self.state.hashes.object(&object);
        if self.tasks.has_twins() && self.tasks.twice(Key::of(&object), false) {
            // Whether there is another is told by a reading alone.
            return self.ambiguous(route, hash, now);
        }
        if self.remove_same(hash, &object, payload, why) {
            return;
        }
        // One hop of several went: what is left is not announced.
        let is_part = self
            .siblings(hash, route)
            .into_iter()
            .any(|spot| self.route_at(spot).is_some_and(|known| identity::is_part_of(route, &known)));
        if is_part {
            self.ambiguous(route, hash, now);
        }
    }

    /// Whether an announcement is about a set of IPv6 routes, or replaces one, where there is one that a router advertised:
    /// the kernel joins its own to no set, and those of programs that take advertisements (`proto ra`, too) it does.
    fn meets_advertised(&self, route: &RouteRef<'_>, hash: u32, replaces: bool) -> bool {
        let is_of_several = replaces || route.hops().nth(1).is_some();
        let is_advertised = |route: RouteRef<'_>| implied::is_advertised(&route) && is_ecmp(&route);
        let is_at = |spot: &Spot| self.route_at(*spot).is_some_and(is_advertised);
        is_of_several && route.family() == family::INET6 && self.siblings(hash, route).iter().any(is_at)
    }

    /// Whether an IPv6 route that replaces one, and is held already, replaces another than itself: the kernel does not
    /// look whether it has it.
    fn would_be_twin(&self, route: &RouteRef<'_>, held: Spot) -> bool {
        if route.family() != family::INET6 || is_ecmp(route) {
            return false;
        }
        let siblings = self.siblings(held.hash, route);
        let victim = siblings.iter().find(|spot| !self.is_ecmp_at(**spot));
        victim.is_some_and(|victim| victim.nth != held.nth)
    }

    /// An announcement does not say all: what it is about is read again.
    fn ambiguous(&mut self, route: &RouteRef<'_>, hash: u32, now: Instant) {
        self.read_again(route, Reach::Hash(hash), now);
    }

    fn read_again(&mut self, route: &RouteRef<'_>, reach: Reach, now: Instant) {
        let scope = Scope::all(Kind::Route).family(route.family()).table(route.table());
        self.tasks.add(scope, Cause::Event, reach, None, 0, now);
    }

    /// Whether a route leads over a link that is not there.
    pub(super) fn is_astray(&self, route: &RouteRef<'_>) -> bool {
        let is_gone = |index: u32| index != 0 && !self.facts.contains_key(&index);
        !self.facts.is_empty()
            && (route.oif().is_some_and(is_gone) || route.hops().any(|hop| is_gone(hop.ifindex)))
    }

    /// The routes that one may replace, or stand beside.
    fn siblings(&self, hash: u32, route: &RouteRef<'_>) -> Vec<Spot> {
        let records = self.state.routes.of(hash).enumerate();
        let alike = records.filter(|(_, record)| match identity::borrowed(Kind::Route, record.bytes) {
            Some(ObjectRef::Route(known)) => identity::is_same_place(&known, route),
            _ => false,
        });
        alike.map(|(nth, _)| Spot { hash, nth }).collect()
    }

    fn route_at(&self, spot: Spot) -> Option<RouteRef<'_>> {
        let record = self.state.routes.of(spot.hash).nth(spot.nth)?;
        match identity::borrowed(Kind::Route, record.bytes) {
            Some(ObjectRef::Route(route)) => Some(route),
            _ => None,
        }
    }

    fn is_ecmp_at(&self, spot: Spot) -> bool {
        self.route_at(spot).is_some_and(|route| is_ecmp(&route))
    }
}

/// Whether an IPv6 route is of those that the kernel joins into one set (`rt6_qualify_for_ecmp`).
fn is_ecmp(route: &RouteRef<'_>) -> bool {
    route.nhid().is_none() && (route.gateway().is_some() || route.hops().next().is_some())
}

/// Whether two IPv6 routes differ in their hops alone.
fn wants_the_same(a: &RouteRef<'_>, b: &RouteRef<'_>) -> bool {
    let metrics = |x: &RouteRef<'_>| x.metrics().map(|metrics| metrics.as_bytes().to_vec());
    let wants = |x: &RouteRef<'_>| (x.protocol(), x.prefsrc(), x.pref(), x.route_type(), x.scope());
    wants(a) == wants(b) && metrics(a) == metrics(b)
}

/// `RTA_MULTIPATH`
const MULTIPATH: u16 = 9;
/// Bytes of `struct rtnexthop`.
const HOP_LEN: usize = 8;

/// The same route with its hops in the order of lists: those that it had, then the new ones. An announcement begins with
/// the new one.
fn in_order(payload: &[u8], known: &RouteRef<'_>) -> Option<Vec<u8>> {
    let attributes = payload.get(size_of::<RouteHeader>()..)?;
    let multipath =
        Attrs::new(attributes).map_while(Result::ok).find(|attr| attr.number() == MULTIPATH)?.payload;
    let at = multipath.as_ptr().addr().checked_sub(payload.as_ptr().addr())?;
    let mut hops = Vec::new();
    let mut rest = multipath;
    while let Some(length) = rest.first_chunk().map(|length| usize::from(u16::from_ne_bytes(*length))) {
        if length < HOP_LEN {
            return None;
        }
        let padded = length.next_multiple_of(HEADER_LEN).min(rest.len());
        let (hop, others) = rest.split_at_checked(padded)?;
        hops.push(hop);
        rest = others;
    }
    let route = RouteRef::decode(payload).ok()?;
    // Two hops may differ in their encapsulation alone.
    let mut before: Vec<_> = known.hops().map(|hop| (hop.ifindex, hop.gateway(), hop.encap())).collect();
    if let (true, Some(oif)) = (before.is_empty(), known.oif()) {
        before.push((oif, known.gateway(), known.encap()));
    }
    let names: Vec<_> = route.hops().map(|hop| (hop.ifindex, hop.gateway(), hop.encap())).collect();
    let mut order: Vec<usize> = (0..hops.len()).collect();
    let rank = |at: &usize| {
        let place = names.get(*at).and_then(|name| before.iter().position(|known| known == name));
        place.unwrap_or(before.len())
    };
    order.sort_by_key(rank);
    let mut ordered = payload.get(..at)?.to_vec();
    for hop in order.into_iter().filter_map(|at| hops.get(at)) {
        ordered.extend_from_slice(hop);
        ordered.resize(ordered.len().next_multiple_of(HEADER_LEN), 0);
    }
    ordered.truncate(at + multipath.len());
    ordered.extend_from_slice(payload.get(ordered.len()..)?);
    Some(ordered)
}
