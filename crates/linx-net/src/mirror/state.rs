//! The state of a namespace at one revision: what a mirror holds, looked at.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use linx_wire::addr::family;
use linx_wire::route::{
    AddressRef, AddressView, LinkRef, LinkView, NeighbourRef, NextHopRef, NextHopView, Object, ObjectRef,
    RouteFlags, RouteRef, RouteView, RuleRef, RuleView,
};
use linx_wire::{Compare, Kind};

use super::delta::{Delta, Notice, Words};
use super::identity::{self, Hashes};
use super::table::{Place, Record, Table};
use crate::names::LinkNames;

/// The kinds of rtnetlink that a mirror can hold, in the order in which they depend on each other.
pub(super) const KINDS: [Kind; 6] =
    [Kind::Link, Kind::Address, Kind::Rule, Kind::NextHop, Kind::Route, Kind::Neighbour];

/// An address family, of what is asked of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The state at one revision: it never changes. Cheap to clone, and cheap to hold: what later states have in common with
/// it is shared.
///
/// ```
/// use linx::{LinkView, Mirror, Netns};
///
/// let mirror = Mirror::builder(&Netns::host()?).links().addresses().start()?;
/// let state = mirror.snapshot();
/// let lo = state.links().by_name("lo").expect("every namespace has one");
/// println!("{} has {} addresses", lo.name(), state.addresses().of_link(lo.index()).count());
/// # Ok::<(), linx::Error>(())
/// ```
#[derive(Clone)]
pub struct State {
    pub(super) revision: u64,
    pub(super) netns: u64,
    pub(super) kinds: Arc<[Kind]>,
    pub(super) words: Arc<Words>,
    pub(super) hashes: Hashes,
    /// Seconds since the mirror began, as of what is put in now.
    pub(super) seconds: u32,
    pub(super) links: Table,
    /// Indices of links, by the hash of their names.
    names: Table,
    pub(super) addresses: Table,
    pub(super) rules: Table,
    pub(super) nexthops: Table,
    pub(super) routes: Table,
    pub(super) neighbours: Table,
    /// How many routes have a destination of a length.
    lengths: Arc<Lengths>,
    #[cfg(feature = "nft")]
    pub(super) nft: Option<super::nft::State>,
}

/// Numbers of routes by the length of their destination.
#[derive(Clone)]
struct Lengths {
    v4: [u32; 33],
    v6: [u32; 129],
}

impl Lengths {
    fn of(&mut self, net: IpNet) -> Option<&mut u32> {
        let length = usize::from(net.prefix_len());
        match net {
            IpNet::V4(_) => self.v4.get_mut(length),
            IpNet::V6(_) => self.v6.get_mut(length),
        }
    }
}

/// A record's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) hash: u32,
    pub(super) nth: usize,
}

impl State {
    pub(super) fn new(netns: u64, kinds: &[Kind], words: Arc<Words>) -> Self {
        Self {
            revision: 0,
            netns,
            kinds: kinds.into(),
            words,
            hashes: Hashes::default(),
            seconds: 0,
            links: Table::new(),
            names: Table::new(),
            addresses: Table::new(),
            rules: Table::new(),
            nexthops: Table::new(),
            routes: Table::new(),
            neighbours: Table::new(),
            lengths: Arc::new(Lengths { v4: [0; 33], v6: [0; 129] }),
            #[cfg(feature = "nft")]
            nft: None,
        }
    }

    /// The revision: how many deltas and transactions led here.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns(&self) -> u64 {
        self.netns
    }

    /// The kinds that are mirrored.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The generation of nf_tables' rule set; `None` where that is not mirrored.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        #[cfg(feature = "nft")]
        return self.nft.as_ref().and_then(super::nft::State::generation);
        #[cfg(not(feature = "nft"))]
        None
    }

    /// The rule set of nf_tables; `None` where it is not mirrored.
    #[cfg(feature = "nft")]
    #[must_use]
    pub fn nft(&self) -> Option<&super::nft::State> {
        self.nft.as_ref()
    }

    /// The names of all links, for printing.
    #[must_use]
    pub fn link_names(&self) -> &LinkNames {
        &self.words.links
    }

    /// Links.
    #[must_use]
    pub fn links(&self) -> Links<'_> {
        Links(self)
    }

    /// IP addresses.
    #[must_use]
    pub fn addresses(&self) -> Addresses<'_> {
        Addresses(self)
    }

    /// Routes.
    #[must_use]
    pub fn routes(&self) -> Routes<'_> {
        Routes(self)
    }

    /// Neighbours and forwarding entries.
    #[must_use]
    pub fn neighbours(&self) -> Neighbours<'_> {
        Neighbours(self)
    }

    /// Routing policy rules.
    #[must_use]
    pub fn rules(&self) -> Rules<'_> {
        Rules(self)
    }

    /// Next hop objects.
    #[must_use]
    pub fn nexthops(&self) -> NextHops<'_> {
        NextHops(self)
    }

    /// All objects of rtnetlink.
    pub fn objects(&self) -> impl Iterator<Item = ObjectRef<'_>> {
        KINDS.into_iter().flat_map(|kind| self.objects_of(kind))
    }

    pub(super) fn objects_of(&self, kind: Kind) -> impl Iterator<Item = ObjectRef<'_>> {
        let records = self.table(kind).into_iter().flat_map(Table::iter);
        records.filter_map(move |(_, record)| identity::borrowed(kind, record.bytes))
    }

    /// A hash of the tracked fields of everything, whatever the order: equal states have equal fingerprints, in one
    /// version of Linx.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        use std::hash::{Hash, Hasher};
        let mut sum = 0u64;
        for kind in KINDS {
            for (_, record) in self.table(kind).into_iter().flat_map(Table::iter) {
                let mut hasher = std::hash::DefaultHasher::new();
                identity::owned(kind, record.bytes).hash(&mut hasher);
                sum = sum.wrapping_add(hasher.finish());
            }
        }
        #[cfg(feature = "nft")]
        let sum = sum.wrapping_add(self.nft.as_ref().map_or(0, super::nft::State::fingerprint));
        sum
    }

    /// Objects in which two states differ, as far as `compare` looks, each as a line for people: for tests, and for those
    /// who want to know what is wrong.
    #[must_use]
    pub fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
        let mut lines = Vec::new();
        for kind in KINDS {
            for object in self.objects_of(kind) {
                match other.find(&object) {
                    None => lines.push(format!("- {}", crate::key::Key::of(&object))),
                    Some((_, record)) => {
                        let Some(theirs) = identity::borrowed(kind, record.bytes) else { continue };
                        let fields = identity::differences(&object, &theirs, compare);
                        if !fields.is_empty() {
                            lines.push(format!("~ {} {}", crate::key::Key::of(&object), fields.join(" ")));
                        }
                    }
                }
            }
            let added = other.objects_of(kind).filter(|object| self.find(object).is_none());
            lines.extend(added.map(|object| format!("+ {}", crate::key::Key::of(&object))));
        }
        lines
    }

    pub(super) fn table(&self, kind: Kind) -> Option<&Table> {
        match kind {
            Kind::Link => Some(&self.links),
            Kind::Address => Some(&self.addresses),
            Kind::Rule => Some(&self.rules),
            Kind::NextHop => Some(&self.nexthops),
            Kind::Route => Some(&self.routes),
            Kind::Neighbour => Some(&self.neighbours),
            _ => None,
        }
    }

    pub(super) fn table_mut(&mut self, kind: Kind) -> Option<&mut Table> {
        match kind {
            Kind::Link => Some(&mut self.links),
            Kind::Address => Some(&mut self.addresses),
            Kind::Rule => Some(&mut self.rules),
            Kind::NextHop => Some(&mut self.nexthops),
            Kind::Route => Some(&mut self.routes),
            Kind::Neighbour => Some(&mut self.neighbours),
            _ => None,
        }
    }

    /// Where the object is that is the same as this one.
    pub(super) fn find(&self, object: &ObjectRef<'_>) -> Option<(Spot, Record<'_>)> {
        self.find_at(self.hashes.object(object), object)
    }

    pub(super) fn find_at(&self, hash: u32, object: &ObjectRef<'_>) -> Option<(Spot, Record<'_>)> {
        self.find_payload(hash, object, &[])
    }

    /// The same; what is the same to the letter is not decoded for it.
    pub(super) fn find_payload(
        &self,
        hash: u32,
        object: &ObjectRef<'_>,
        payload: &[u8],
    ) -> Option<(Spot, Record<'_>)> {
        let kind = object.kind();
        let (nth, record) = self.table(kind)?.of(hash).enumerate().find(|(_, record)| {
            record.bytes == payload
                || identity::borrowed(kind, record.bytes)
                    .is_some_and(|known| identity::is_same(&known, object))
        })?;
        Some((Spot { hash, nth }, record))
    }

    pub(super) fn insert(&mut self, hash: u32, object: &ObjectRef<'_>, payload: &[u8], place: Place) {
        match object {
            ObjectRef::Link(link) => self.name(link),
            ObjectRef::Route(route) => self.count(route, true),
            _ => {}
        }
        let seconds = self.seconds;
        if let Some(table) = self.table_mut(object.kind()) {
            table.insert(hash, seconds, payload, place);
        }
    }

    pub(super) fn replace(&mut self, spot: Spot, object: &ObjectRef<'_>, payload: &[u8]) {
        if let ObjectRef::Link(link) = object {
            self.unname(link.index());
            self.name(link);
        }
        let seconds = self.seconds;
        if let Some(table) = self.table_mut(object.kind()) {
            table.replace(spot.hash, spot.nth, seconds, payload);
        }
    }

    pub(super) fn remove(&mut self, spot: Spot, object: &ObjectRef<'_>) {
        match object {
            ObjectRef::Link(link) => self.unname(link.index()),
            ObjectRef::Route(route) => self.count(route, false),
            _ => {}
        }
        if let Some(table) = self.table_mut(object.kind()) {
            table.remove(spot.hash, spot.nth);
        }
    }

    fn name(&mut self, link: &LinkRef<'_>) {
        let hash = self.hashes.name(link.name().as_bytes());
        self.names.insert(hash, 0, &link.index().to_ne_bytes(), Place::Last);
    }

    /// Forgets the name that a link has now.
    fn unname(&mut self, index: u32) {
        let Some(link) = Links(self).by_index(index) else { return };
        let hash = self.hashes.name(link.name().as_bytes());
        let nth = self.names.of(hash).position(|record| record.bytes == index.to_ne_bytes());
        if let Some(nth) = nth {
            self.names.remove(hash, nth);
        }
    }

    fn count(&mut self, route: &RouteRef<'_>, more: bool) {
        let Some(destination) = route.destination() else { return };
        if let Some(count) = Arc::make_mut(&mut self.lengths).of(destination) {
            *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// Replaces all routes at once, of a reading into an empty table.
    pub(super) fn adopt_routes(&mut self, routes: Table) {
        let mut lengths = Lengths { v4: [0; 33], v6: [0; 129] };
        for record in routes.records() {
            // What a route's message begins with.
            let Some([number, length]) = record.bytes.first_chunk().copied() else { continue };
            let counts = if number == family::INET { &mut lengths.v4[..] } else { &mut lengths.v6[..] };
            if let Some(count) = counts.get_mut(usize::from(length)) {
                *count = count.saturating_add(1);
            }
        }
        self.lengths = Arc::new(lengths);
        self.routes = routes;
    }

    /// The state that a delta leads to.
    pub(super) fn forward(&mut self, delta: &Delta) {
        let body = &delta.0.body;
        self.step(body.kind, body.before(), body.after());
        self.revision = delta.revision();
        self.words = Arc::clone(&delta.0.words);
    }

    /// The state that a delta came from.
    pub(super) fn back(&mut self, delta: &Delta) {
        let body = &delta.0.body;
        self.step(body.kind, body.after(), body.before());
        self.revision = delta.revision().saturating_sub(1);
    }

    /// The state after a notice that was told behind this one: for those who keep a state of their own.
    ///
    /// ```
    /// use linx::{Mirror, Netns};
    ///
    /// let mirror = Mirror::builder(&Netns::host()?).links().start()?;
    /// let mut watch = mirror.watch();
    /// let mut own = watch.state();
    /// while let Some(notice) = watch.try_next()? {
    ///     own.apply(&notice);
    ///     assert_eq!(own.revision(), watch.state().revision());
    /// }
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn apply(&mut self, notice: &Notice) {
        match notice {
            Notice::Delta(delta) => self.forward(delta),
            #[cfg(feature = "nft")]
            Notice::Transaction(told) => {
                if let Some(nft) = &mut self.nft {
                    told.apply(nft);
                }
                self.revision = told.revision;
            }
            #[cfg(feature = "nft")]
            Notice::Nft(delta) => {
                if let Some(nft) = &mut self.nft {
                    delta.apply(nft);
                }
                self.revision = delta.revision();
            }
            _ => {}
        }
    }

    /// The state before a notice that led to this one.
    pub fn undo(&mut self, notice: &Notice) {
        match notice {
            Notice::Delta(delta) => self.back(delta),
            #[cfg(feature = "nft")]
            Notice::Transaction(told) => {
                if let Some(nft) = &mut self.nft {
                    told.undo(nft);
                }
                self.revision = told.revision.saturating_sub(1);
            }
            #[cfg(feature = "nft")]
            Notice::Nft(delta) => {
                if let Some(nft) = &mut self.nft {
                    delta.undo(nft);
                }
                self.revision = delta.revision().saturating_sub(1);
            }
            _ => {}
        }
    }

    fn step(&mut self, kind: Kind, from: Option<&[u8]>, to: Option<&[u8]>) {
        let from = from.and_then(|payload| identity::borrowed(kind, payload));
        let new = to.and_then(|payload| identity::borrowed(kind, payload));
        let spot = from.as_ref().and_then(|object| self.find(object)).map(|(spot, _)| spot);
        match (spot, new, to) {
            (Some(spot), Some(object), Some(payload)) => self.replace(spot, &object, payload),
            (Some(spot), _, _) => {
                if let Some(object) = &from {
                    self.remove(spot, object);
                }
            }
            (None, Some(object), Some(payload)) => {
                let hash = self.hashes.object(&object);
                self.insert(hash, &object, payload, Place::Last);
            }
            _ => {}
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("revision", &self.revision)
            .field("links", &self.links.len())
            .field("addresses", &self.addresses.len())
            .field("routes", &self.routes.len())
            .field("neighbours", &self.neighbours.len())
            .field("rules", &self.rules.len())
            .field("nexthops", &self.nexthops.len())
            .finish_non_exhaustive()
    }
}

/// Declares the view of a kind.
macro_rules! views {
    ($($(#[$doc:meta])* $view:ident of $table:ident: $kind:ident($borrowed:ident);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a>(&'a State);

        impl<'a> $view<'a> {
            /// How many.
            #[must_use]
            pub fn len(self) -> usize {
                self.0.$table.len()
            }

            /// Whether there is none.
            #[must_use]
            pub fn is_empty(self) -> bool {
                self.len() == 0
            }

            /// All of them, in no particular order.
            pub fn iter(self) -> impl Iterator<Item = $borrowed<'a>> {
                self.0.objects_of(Kind::$kind).filter_map(|object| match object {
                    ObjectRef::$kind(object) => Some(object),
                    _ => None,
                })
            }

            /// The one that is the same as `object`: with the same [key](crate::Key), of IPv4 routes made by `append` also
            /// the same next hop.
            #[must_use]
            pub fn same_as(self, object: &Object) -> Option<$borrowed<'a>> {
                let (_, record) = self.0.find(&object.as_ref())?;
                match identity::borrowed(Kind::$kind, record.bytes) {
                    Some(ObjectRef::$kind(object)) => Some(object),
                    _ => None,
                }
            }
        }
    )*};
}

views! {
    /// The links of a state.
    Links of links: Link(LinkRef);
    /// The IP addresses of a state.
    Addresses of addresses: Address(AddressRef);
    /// The routes of a state.
    Routes of routes: Route(RouteRef);
    /// The neighbours and forwarding entries of a state.
    Neighbours of neighbours: Neighbour(NeighbourRef);
    /// The rules of a state.
    Rules of rules: Rule(RuleRef);
    /// The next hop objects of a state.
    NextHops of nexthops: NextHop(NextHopRef);
}

impl<'a> Links<'a> {
    /// The link with this index.
    #[must_use]
    pub fn by_index(self, index: u32) -> Option<LinkRef<'a>> {
        let hash = self.0.hashes.link(index);
        self.0.links.of(hash).find_map(|record| match identity::borrowed(Kind::Link, record.bytes) {
            Some(ObjectRef::Link(link)) if link.index() == index => Some(link),
            _ => None,
        })
    }

    /// The link with this name.
    #[must_use]
    pub fn by_name(self, name: impl AsRef<[u8]>) -> Option<LinkRef<'a>> {
        let name = name.as_ref();
        let hash = self.0.hashes.name(name);
        self.0.names.of(hash).find_map(|record| {
            let index = u32::from_ne_bytes(*record.bytes.first_chunk()?);
            self.by_index(index).filter(|link| link.name().as_bytes() == name)
        })
    }
}

impl<'a> Addresses<'a> {
    /// Those of a link.
    pub fn of_link(self, index: u32) -> impl Iterator<Item = AddressRef<'a>> {
        self.iter().filter(move |address| address.index() == index)
    }
}

impl<'a> NextHops<'a> {
    /// The next hop object with this id.
    #[must_use]
    pub fn by_id(self, id: u32) -> Option<NextHopRef<'a>> {
        let hash = self.0.hashes.next_hop(id);
        self.0.nexthops.of(hash).find_map(|record| match identity::borrowed(Kind::NextHop, record.bytes) {
            Some(ObjectRef::NextHop(next_hop)) if next_hop.id() == id => Some(next_hop),
            _ => None,
        })
    }
}

impl<'a> Rules<'a> {
    /// All of them, IPv4 first, in the order in which they are asked.
    #[must_use]
    pub fn in_order(self) -> Vec<RuleRef<'a>> {
        let mut rules: Vec<_> = self.iter().collect();
        rules.sort_by_key(|rule| (rule.family(), rule.priority()));
        rules
    }
}

/// `RT_TABLE_DEFAULT`, `RT_TABLE_MAIN`, `RT_TABLE_LOCAL`, in the order in which the kernel's own rules ask them.
const TABLES: [u32; 3] = [255, 254, 253];
const MAIN: u32 = 254;

impl<'a> Routes<'a> {
    /// The route that the kernel's own rules find for an address: the longest prefix of table local, else main, else
    /// default, the one with the smallest metric. Rules of one's own, sources and marks are not looked at: ask
    /// [`Handle::route_get`](crate::Handle::route_get) for the kernel's decision.
    #[must_use]
    pub fn lookup(self, address: IpAddr) -> Option<RouteRef<'a>> {
        TABLES.into_iter().find_map(|table| self.lookup_in(table, address))
    }

    /// The same in one table.
    #[must_use]
    pub fn lookup_in(self, table: u32, address: IpAddr) -> Option<RouteRef<'a>> {
        let lengths: &[u32] = match address {
            IpAddr::V4(_) => &self.0.lengths.v4,
            IpAddr::V6(_) => &self.0.lengths.v6,
        };
        let used = lengths.iter().enumerate().rev().filter(|(_, count)| **count > 0);
        used.filter_map(|(length, _)| IpNet::new(address, u8::try_from(length).ok()?).ok())
            .find_map(|net| self.best(table, net))
    }

    /// The default route of the main table with the smallest metric.
    #[must_use]
    pub fn default(self, family: Family) -> Option<RouteRef<'a>> {
        let address: IpAddr = match family {
            Family::V4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        self.best(MAIN, IpNet::new(address, 0).ok()?)
    }

    /// The routes of a table to just this prefix, of any metric.
    pub fn exact(self, table: u32, prefix: IpNet) -> impl Iterator<Item = RouteRef<'a>> {
        let hash = self.0.hashes.prefix(table, prefix.network(), prefix.prefix_len());
        self.0.routes.of(hash).filter_map(move |record| match identity::borrowed(Kind::Route, record.bytes) {
            Some(ObjectRef::Route(route)) => {
                (route.table() == table && route.destination() == Some(prefix.trunc())).then_some(route)
            }
            _ => None,
        })
    }

    /// The best of the routes to a prefix that a packet could take.
    fn best(self, table: u32, prefix: IpNet) -> Option<RouteRef<'a>> {
        self.exact(table, prefix)
            .filter(|route| !route.flags().contains(RouteFlags::DEAD))
            .filter(|route| route.source().is_none() && route.tos() == 0)
            .min_by_key(|route| metric(route))
    }
}

/// An IPv6 route without a metric has this one (`IP6_RT_PRIO_USER`).
const IPV6_METRIC: u32 = 1024;

fn metric(route: &RouteRef<'_>) -> u32 {
    let none = if route.family() == family::INET6 { IPV6_METRIC } else { 0 };
    route.priority().unwrap_or(none)
}
