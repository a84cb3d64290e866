//! What makes two records the same object, by kind (KERNEL.md 4.5). The mirror keeps objects as the payloads of their
//! messages, all of which were decoded when they came.
//!
//! A route's hash is that of its family, table and destination alone: all that could be confused stands side by side,
//! and the longest prefix is found by asking for one length after the other. IPv4 routes made by `append` have equal
//! keys; what the kernel tells them apart by is all that they want of the next hop, so that is compared, without marks
//! of the present such as `linkdown`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::OnceLock;

use linx_wire::addr::family;
use linx_wire::route::{
    Address, AddressRef, AddressView, Hop, Lifetime, Link, LinkView, Neighbour, NeighbourRef, NeighbourView,
    NextHop, NextHopView, NsId, NsIdView, Object, ObjectRef, Route, RouteFlags, RouteRef, RouteView, Rule,
};
use linx_wire::{Compare, Decode, Kind};

use crate::key::Key;

/// The object of a payload that was decoded before.
pub(super) fn borrowed(kind: Kind, payload: &[u8]) -> Option<ObjectRef<'_>> {
    match kind {
        Kind::Link => Link::decode_ref(payload).ok().map(ObjectRef::Link),
        Kind::Address => Address::decode_ref(payload).ok().map(ObjectRef::Address),
        Kind::Route => Route::decode_ref(payload).ok().map(ObjectRef::Route),
        Kind::Neighbour => Neighbour::decode_ref(payload).ok().map(ObjectRef::Neighbour),
        Kind::Rule => Rule::decode_ref(payload).ok().map(ObjectRef::Rule),
        Kind::NextHop => NextHop::decode_ref(payload).ok().map(ObjectRef::NextHop),
        Kind::NsId => NsId::decode_ref(payload).ok().map(ObjectRef::NsId),
        _ => None,
    }
}

/// The same, owned.
pub(super) fn owned(kind: Kind, payload: &[u8]) -> Object {
    borrowed(kind, payload).map_or_else(|| no_object().clone(), ObjectRef::to_owned)
}

/// Bytes of `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

/// What stands for an object where there cannot be none: a link without a name.
pub(super) fn no_object() -> &'static Object {
    static NONE: OnceLock<Object> = OnceLock::new();
    NONE.get_or_init(|| {
        Link::decode(&[0; LINK_HEADER])
            .map_or_else(|_| unreachable!("a header without attributes is a link"), Object::Link)
    })
}

/// The fields in which two objects of a kind differ.
pub(super) fn differences(a: &ObjectRef<'_>, b: &ObjectRef<'_>, compare: Compare) -> Vec<String> {
    match (*a, *b) {
        (ObjectRef::Link(a), ObjectRef::Link(b)) => a.differences(b, compare),
        (ObjectRef::Address(a), ObjectRef::Address(b)) => a.differences(b, compare),
        (ObjectRef::Route(a), ObjectRef::Route(b)) => a.differences(b, compare),
        (ObjectRef::Neighbour(a), ObjectRef::Neighbour(b)) => a.differences(b, compare),
        (ObjectRef::Rule(a), ObjectRef::Rule(b)) => a.differences(b, compare),
        (ObjectRef::NextHop(a), ObjectRef::NextHop(b)) => a.differences(b, compare),
        (ObjectRef::NsId(a), ObjectRef::NsId(b)) => a.differences(b, compare),
        _ => vec!["kind".to_owned()],
    }
}

/// Whether two objects of a kind are equal, as far as `compare` looks.
pub(super) fn is_equal(a: &ObjectRef<'_>, b: &ObjectRef<'_>, compare: Compare) -> bool {
    match (*a, *b) {
        (ObjectRef::Link(a), ObjectRef::Link(b)) => a.same(b, compare),
        (ObjectRef::Address(a), ObjectRef::Address(b)) => a.same(b, compare),
        (ObjectRef::Route(a), ObjectRef::Route(b)) => a.same(b, compare),
        (ObjectRef::Neighbour(a), ObjectRef::Neighbour(b)) => a.same(b, compare),
        (ObjectRef::Rule(a), ObjectRef::Rule(b)) => a.same(b, compare),
        (ObjectRef::NextHop(a), ObjectRef::NextHop(b)) => a.same(b, compare),
        (ObjectRef::NsId(a), ObjectRef::NsId(b)) => a.same(b, compare),
        _ => false,
    }
}

/// The same of a payload that was decoded before.
pub(super) fn is_equal_bytes(kind: Kind, payload: &[u8], object: &ObjectRef<'_>, compare: Compare) -> bool {
    borrowed(kind, payload).is_some_and(|known| is_equal(&known, object, compare))
}

/// The moments at which something of an object ends, by field, in seconds from when the kernel told it; `None`: never.
type Ends = [(&'static str, Option<u32>); 2];

fn ends(object: &ObjectRef<'_>) -> Option<Ends> {
    match object {
        ObjectRef::Address(address) => {
            let seconds = |lifetime: Lifetime| {
                lifetime.remaining().map(|left| u32::try_from(left.as_secs()).unwrap_or(u32::MAX))
            };
            Some([
                ("cacheinfo.preferred", seconds(address.preferred())),
                ("cacheinfo.valid", seconds(address.valid())),
            ])
        }
        // In hundredths of a second.
        ObjectRef::Route(route) => {
            Some([("cacheinfo.expires", route.expires().map(|left| left / 100)), ("", None)])
        }
        _ => None,
    }
}

/// The fields in which two objects, told at these seconds, end at other moments: two seconds make no difference.
pub(super) fn ends_that_differ(a: (&ObjectRef<'_>, u32), b: (&ObjectRef<'_>, u32)) -> Vec<&'static str> {
    let (Some(before), Some(after)) = (ends(a.0), ends(b.0)) else { return Vec::new() };
    let is_near = |x: Option<u32>, y: Option<u32>| match (x, y) {
        (None, None) => true,
        (Some(x), Some(y)) => {
            let (x, y) = (i64::from(x) + i64::from(a.1), i64::from(y) + i64::from(b.1));
            (x - y).abs() <= i64::from(linx_wire::DEADLINE_TOLERANCE_SECS)
        }
        _ => false,
    };
    let pairs = before.into_iter().zip(after);
    pairs.filter(|(old, new)| !is_near(old.1, new.1)).map(|(old, _)| old.0).collect()
}

/// Hashes of keys, different in each mirror: nobody can make keys that collide.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes(RandomState);

impl Hashes {
    fn of(&self, value: impl Hash) -> u32 {
        // The upper half is as good as the lower.
        self.0.hash_one(value) as u32
    }

    /// Of an object's key.
    pub(super) fn object(&self, object: &ObjectRef<'_>) -> u32 {
        match object {
            ObjectRef::Link(link) => self.link(link.index()),
            ObjectRef::Route(route) => match route.destination() {
                Some(destination) => {
                    self.prefix(route.table(), destination.network(), destination.prefix_len())
                }
                None => self.of((route.family(), route.table())),
            },
            ObjectRef::Address(address) => self.of((address.index(), address.local())),
            ObjectRef::Neighbour(neighbour) => {
                let lladdr = neighbour.is_fdb().then(|| neighbour.lladdr()).flatten();
                let lladdr = lladdr.as_ref().map(|address| address.as_bytes().to_vec());
                // A bridge's entry may be of any of its ports.
                let bridge = neighbour.master().filter(|_| neighbour.is_fdb());
                self.of((bridge.unwrap_or(neighbour.index()), neighbour.dst(), lladdr))
            }
            ObjectRef::NextHop(next_hop) => self.next_hop(next_hop.id()),
            ObjectRef::NsId(nsid) => self.of(nsid.nsid()),
            other => self.of(Key::of(other).as_str()),
        }
    }

    pub(super) fn link(&self, index: u32) -> u32 {
        self.of(index)
    }

    pub(super) fn name(&self, name: &[u8]) -> u32 {
        self.of(name)
    }

    pub(super) fn next_hop(&self, id: u32) -> u32 {
        self.of(id)
    }

    /// Of the routes of a table to a prefix; `network` has no host bits.
    pub(super) fn prefix(&self, table: u32, network: IpAddr, length: u8) -> u32 {
        let mut hasher = self.0.build_hasher();
        // Whole words are what the hash function takes at once.
        match network {
            // One: the upper bits of a table's number, which few have, share their place with the length.
            IpAddr::V4(address) => {
                let place = table ^ u32::from(length) << 24;
                hasher.write_u64(u64::from(address.to_bits()) << 32 | u64::from(place));
            }
            IpAddr::V6(address) => {
                hasher.write_u128(address.to_bits());
                hasher.write_u64(u64::from(table) << 8 | u64::from(length));
            }
        }
        hasher.finish() as u32
    }
}

/// Whether two objects of a kind are one, perhaps changed.
pub(super) fn is_same(a: &ObjectRef<'_>, b: &ObjectRef<'_>) -> bool {
    match (a, b) {
        (ObjectRef::Link(a), ObjectRef::Link(b)) => a.index() == b.index(),
        (ObjectRef::Address(a), ObjectRef::Address(b)) => is_same_address(a, b),
        (ObjectRef::Route(a), ObjectRef::Route(b)) => is_same_place(a, b) && is_same_route(a, b),
        (ObjectRef::Neighbour(a), ObjectRef::Neighbour(b)) => is_same_neighbour(a, b),
        (ObjectRef::NextHop(a), ObjectRef::NextHop(b)) => a.id() == b.id(),
        (ObjectRef::NsId(a), ObjectRef::NsId(b)) => a.nsid() == b.nsid(),
        (a, b) => a.kind() == b.kind() && Key::of(a) == Key::of(b),
    }
}

fn is_same_address(a: &AddressRef<'_>, b: &AddressRef<'_>) -> bool {
    let plain = |x: &AddressRef<'_>| {
        let peer = x.peer().map(|peer| peer.addr());
        (x.index(), x.family(), x.local(), x.prefix_len(), peer)
    };
    plain(a) == plain(b) && (a.local().is_some() || Key::of(a) == Key::of(b))
}

fn is_same_neighbour(a: &NeighbourRef<'_>, b: &NeighbourRef<'_>) -> bool {
    if a.is_fdb() || b.is_fdb() {
        return a.is_fdb() == b.is_fdb() && Key::of(a) == Key::of(b);
    }
    let plain = |x: &NeighbourRef<'_>| (x.index(), x.family(), x.dst(), x.is_proxy());
    plain(a) == plain(b)
}

/// Whether the kernel has one of two alone, though they are not the same: an IPv6 address has one peer and one length on a
/// link, and a forwarding entry is of one port of its bridge. What the other was is not announced.
pub(super) fn is_superseded(old: &ObjectRef<'_>, new: &ObjectRef<'_>) -> bool {
    let is_one = match (old, new) {
        (ObjectRef::Address(old), ObjectRef::Address(new)) => {
            let one = |x: &AddressRef<'_>| (x.index(), x.family(), x.local());
            new.family() == family::INET6 && new.local().is_some() && one(old) == one(new)
        }
        (ObjectRef::Neighbour(old), ObjectRef::Neighbour(new)) => {
            let one = |x: &NeighbourRef<'_>| (x.is_fdb(), x.master(), x.vlan());
            let is_bridges = new.is_fdb() && new.master().is_some();
            is_bridges && one(old) == one(new) && old.lladdr() == new.lladdr()
        }
        _ => false,
    };
    is_one && !is_same(old, new)
}

/// Whether two routes are alternatives of each other: where one may replace the other.
pub(super) fn is_same_place(a: &RouteRef<'_>, b: &RouteRef<'_>) -> bool {
    a.family() == b.family()
        && a.table() == b.table()
        && a.destination() == b.destination()
        && a.label() == b.label()
        && a.tos() == b.tos()
        && a.priority().unwrap_or_default() == b.priority().unwrap_or_default()
        && a.source() == b.source()
}

/// Whether two routes of one place are one.
fn is_same_route(a: &RouteRef<'_>, b: &RouteRef<'_>) -> bool {
    if a.nhid().is_some() || b.nhid().is_some() {
        // The type is the object's: `blackhole` while it is one.
        let wants = |x: &RouteRef<'_>| (x.scope(), x.protocol(), x.prefsrc(), x.flow());
        let are_alike = || wants(a) == wants(b) && is_rarely_different(a, b);
        return a.nhid() == b.nhid() && (a.family() == family::INET6 || are_alike());
    }
    if a.family() == family::INET6 {
        // Of those without a gateway `append` may make several over one link, which differ in their encapsulation, and a
        // replacement may leave several that differ in anything.
        let is_plain = a.gateway().is_none() && a.hops().next().is_none();
        let wants = |x: &RouteRef<'_>| (x.route_type(), x.protocol(), x.prefsrc(), x.pref());
        let are_alike = || wants(a) == wants(b) && is_rarely_different(a, b);
        return has_same_hops(a, b) && (!is_plain || are_alike());
    }
    let wants = |x: &RouteRef<'_>| {
        (x.route_type(), x.scope(), x.protocol(), x.prefsrc(), x.oif(), x.gateway(), x.flow())
    };
    wants(a) == wants(b) && has_same_hops(a, b) && is_rarely_different(a, b)
}

/// Whether two routes want the same of what is seldom wanted.
fn is_rarely_different(a: &RouteRef<'_>, b: &RouteRef<'_>) -> bool {
    let metrics = |x: &RouteRef<'_>| x.metrics().map(|metrics| metrics.as_bytes().to_vec());
    let encap = |x: &RouteRef<'_>| x.encap().map(|encap| (encap.encap_type, encap.attributes.to_vec()));
    metrics(a) == metrics(b) && encap(a) == encap(b)
}

fn has_same_hops(a: &RouteRef<'_>, b: &RouteRef<'_>) -> bool {
    if (a.oif(), a.gateway()) != (b.oif(), b.gateway()) {
        return false;
    }
    // IPv6 has one set at a time, whose order depends on who tells it; IPv4's stand as they were asked for.
    let is_ordered = a.family() != family::INET6;
    let hops = |x: &RouteRef<'_>| {
        let mut hops: Vec<_> =
            x.hops().map(|hop| (hop.ifindex, hop.gateway(), hop.hops, hop.flow())).collect();
        if !is_ordered {
            hops.sort_unstable();
        }
        hops
    };
    hops(a) == hops(b) && (!is_ordered || encaps(a) == encaps(b))
}

/// What the hops of a route want to be encapsulated in.
fn encaps(route: &RouteRef<'_>) -> Vec<(u16, Vec<u8>)> {
    let encap = |hop: Hop<'_>| hop.encap().map(|encap| (encap.encap_type, encap.attributes.to_vec()));
    route.hops().map(|hop| encap(hop).unwrap_or_default()).collect()
}

/// A link over which a route leads, and of which it says that it has no carrier or is down.
pub(super) fn link_without_carrier(route: &RouteRef<'_>) -> Option<u32> {
    let marks = RouteFlags::LINKDOWN | RouteFlags::DEAD;
    if route.flags().intersects(marks) {
        return route.oif();
    }
    route.hops().find(|hop| marks.bits() & u32::from(hop.flags) != 0).map(|hop| hop.ifindex)
}

/// Whether every hop of `part` is one of `whole`, which has more.
pub(super) fn is_part_of(part: &RouteRef<'_>, whole: &RouteRef<'_>) -> bool {
    let all: Vec<_> = whole.hops().map(|hop| (hop.ifindex, hop.gateway())).collect();
    let mut mine: Vec<_> = part.hops().map(|hop| (hop.ifindex, hop.gateway())).collect();
    if let (true, Some(oif)) = (mine.is_empty(), part.oif()) {
        mine.push((oif, part.gateway()));
    }
    !mine.is_empty() && mine.len() < all.len() && mine.iter().all(|hop| all.contains(hop))
}

/// Whether a route leads over a link itself, not by way of a next hop object.
pub(super) fn leads_over(route: &RouteRef<'_>, index: u32) -> bool {
    route.oif() == Some(index) || route.hops().any(|hop| hop.ifindex == index)
}
