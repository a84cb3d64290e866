//! Routes (`struct rtmsg`, `RTA_*`, <linux/rtnetlink.h>).
//!
//! The kind of which there are a million: both forms are a typed structure filled in one pass over the attributes,
//! without an allocation. What is rare (metrics, multipath hops, encapsulation, and what is not known) stays bytes:
//! [`RouteRef`] finds them in the datagram, [`Route`] keeps a copy in a box.

use std::net::IpAddr;

use ipnet::IpNet;

use super::again;
use super::encap::{Encap, encap_policy};
use super::fields::{Fields, Source, expires_of, is_field, rta};
use super::hops::{Hops, METRICS, Metrics, check_hops};
use super::places::Places;
use crate::addr::{self, family};
use crate::attr::{Attr, Attrs, HEADER_LEN};
use crate::emit::Request;
use crate::error::Result;
use crate::header::MessageFlags;
use crate::object::{Decode, Kind, fixed_part};
use crate::policy::{Compare, Policy, Surroundings, attributes};
use crate::reader::fixed;
use crate::uapi::rtm;

fixed_part! {
    /// `struct rtmsg`
    pub struct RouteHeader {
        /// Address family (`AF_INET`, `AF_INET6`, `AF_MPLS`, `RTNL_FAMILY_IPMR`, `RTNL_FAMILY_IP6MR`).
        pub family: u8, Tracked;
        /// Bits of the destination that count.
        pub dst_len: u8, Tracked;
        /// Bits of the source that count.
        pub src_len: u8, Tracked;
        /// Type of service filter.
        pub tos: u8, Tracked;
        /// Table, `RT_TABLE_COMPAT` (252) when it is above 255.
        pub table: u8, Tracked;
        /// Who made it (`RTPROT_*`).
        pub protocol: u8, Tracked;
        /// Distance to the destination (`RT_SCOPE_*`).
        pub scope: u8, Tracked;
        /// `RTN_*`
        pub kind: u8, Tracked;
        /// `RTM_F_*` and `RTNH_F_*`, the machine's byte order.
        pub flags: [u8; 4], Tracked;
    }
}

attributes! {
    /// `RTA_*`
    pub ROUTE "RTA" as RouteAttributes {
        dst = 1 DST: bytes, Tracked;
        src = 2 SRC: bytes, Tracked;
        iif = 3 IIF: u32, Tracked;
        oif = 4 OIF: u32, Tracked;
        gateway = 5 GATEWAY: bytes, Tracked;
        priority = 6 PRIORITY: u32, Tracked;
        prefsrc = 7 PREFSRC: bytes, Tracked;
        metrics = 8 METRICS: nested(METRICS, Metrics), Tracked;
        multipath = 9 MULTIPATH: checked(check_hops), Tracked;
        flow = 11 FLOW: u32, Tracked;
        cacheinfo = 12 CACHEINFO: structure(CacheInfo), Volatile;
        table = 15 TABLE: u32, Tracked;
        mark = 16 MARK: u32, Tracked;
        mfc_stats = 17 MFC_STATS: at_least(24), Volatile;
        via = 18 VIA: at_least(2), Tracked;
        newdst = 19 NEWDST: bytes, Tracked;
        pref = 20 PREF: u8, Tracked;
        encap_type = 21 ENCAP_TYPE: u16, Tracked;
        encap = 22 ENCAP: depends(encap_of), Tracked;
        expires = 23 EXPIRES: at_least(4), Deadline;
        pad = 24 PAD: bytes, Volatile;
        uid = 25 UID: u32, Tracked;
        ttl_propagate = 26 TTL_PROPAGATE: u8, Tracked;
        ip_proto = 27 IP_PROTO: u8, Tracked;
        sport = 28 SPORT: be16, Tracked;
        dport = 29 DPORT: be16, Tracked;
        nhid = 30 NH_ID: u32, Tracked;
        flowlabel = 31 FLOWLABEL: be32, Tracked;
    }
}

fn encap_of(around: Surroundings<'_>) -> Option<&'static Policy> {
    encap_policy(u16::from_ne_bytes(fixed(around.sibling(21)?)))
}

fixed_part! {
    /// `struct rta_cacheinfo`. Times are in `USER_HZ` (1/100 s).
    pub struct CacheInfo {
        /// References to the entry.
        pub clntref: [u8; 4], Volatile;
        /// Since it was last used.
        pub lastuse: [u8; 4], Volatile;
        /// Until it expires; 0 is never.
        pub expires: [u8; 4], Deadline;
        /// Positive or negative errno of an unreachable entry.
        pub error: [u8; 4], Volatile;
        /// Times it was used.
        pub used: [u8; 4], Volatile;
        /// Not used by kernels since 3.6.
        pub id: [u8; 4], Volatile;
        /// Not used by kernels since 3.6.
        pub ts: [u8; 4], Volatile;
        /// Not used by kernels since 3.6.
        pub tsage: [u8; 4], Volatile;
    }
}

bitflags::bitflags! {
    /// Flags of a route, `RTM_F_*` and `RTNH_F_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct RouteFlags: u32 {
        /// `RTNH_F_DEAD`: its link is down
        const DEAD = 0x1;
        /// `RTNH_F_PERVASIVE`
        const PERVASIVE = 0x2;
        /// `RTNH_F_ONLINK`: the gateway is on the link, whatever the addresses say
        const ONLINK = 0x4;
        /// `RTNH_F_OFFLOAD`: the next hop is offloaded
        const OFFLOAD = 0x8;
        /// `RTNH_F_LINKDOWN`: no carrier
        const LINKDOWN = 0x10;
        /// `RTNH_F_UNRESOLVED` (multicast)
        const UNRESOLVED = 0x20;
        /// `RTNH_F_TRAP`
        const TRAP = 0x40;
        /// `RTM_F_NOTIFY`
        const NOTIFY = 0x100;
        /// `RTM_F_CLONED`: an answer of `route get`, or a cached entry
        const CLONED = 0x200;
        /// `RTM_F_EQUALIZE`
        const EQUALIZE = 0x400;
        /// `RTM_F_PREFIX`
        const PREFIX = 0x800;
        /// `RTM_F_LOOKUP_TABLE`
        const LOOKUP_TABLE = 0x1000;
        /// `RTM_F_FIB_MATCH`
        const FIB_MATCH = 0x2000;
        /// `RTM_F_OFFLOAD`: the route is offloaded
        const RT_OFFLOAD = 0x4000;
        /// `RTM_F_TRAP`
        const RT_TRAP = 0x8000;
        /// `RTM_F_OFFLOAD_FAILED`
        const OFFLOAD_FAILED = 0x2000_0000;
        const _ = !0;
    }
}

impl RouteFlags {
    /// What the kernel says of the present, and nobody may ask for.
    pub(super) const STATE: Self = Self::DEAD
        .union(Self::OFFLOAD)
        .union(Self::LINKDOWN)
        .union(Self::UNRESOLVED)
        .union(Self::TRAP)
        .union(Self::RT_OFFLOAD)
        .union(Self::RT_TRAP)
        .union(Self::OFFLOAD_FAILED);
    /// `RTNH_F_*`: of the next hop.
    pub(super) const OF_HOP: Self = Self::from_bits_retain(0xff);
}

/// A route, borrowed: a checked message and where its attributes are, or an owned route.
#[derive(Clone, Copy)]
pub struct RouteRef<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    Message(Places<'a>),
    /// And the rare attributes.
    Owned(&'a Fields, &'a [u8]),
}

/// A route, owned: 160 bytes, without an allocation unless it has metrics, several hops, an encapsulation or
/// something that is not known.
#[derive(Clone)]
pub struct Route {
    fields: Fields,
    /// Double, so that it takes one word here: routes that have it are few.
    rare: Option<Box<Box<[u8]>>>,
}

const _: () = assert!(size_of::<Route>() <= 160);

impl<'a> RouteRef<'a> {
    /// Decodes a message's payload (what follows the netlink header).
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self> {
        Places::find(payload).map(|places| Self(Form::Message(places)))
    }

    /// The message's parts around the destination's address, for those who look for routes that differ in the
    /// destination alone: they have the same [`header`](RouteView::header) but for `dst_len`, and the same bytes here.
    /// `None` for an owned route, and for one without a destination or with attributes that are seldom.
    #[inline]
    #[must_use]
    pub fn around_destination(&self) -> Option<(&'a [u8], &'a [u8])> {
        match &self.0 {
            Form::Message(places) => places.around_destination(),
            Form::Owned(..) => None,
        }
    }

    /// The owned form.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn to_owned(self) -> Route {
        let fields = sealed::Parts::fields(&self);
        Route { fields, rare: keep_rare(&fields, sealed::Parts::rare_bytes(&self)) }
    }
}

impl Route {
    /// Decodes a message's payload (what follows the netlink header).
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    #[inline]
    pub fn decode(payload: &[u8]) -> Result<Self> {
        // Filled where it is returned: a copy of fields just written would wait for each of them.
        let mut route = Ok(Self { fields: Fields::BLANK, rare: None });
        if let Ok(Self { fields, rare }) = &mut route {
            match fields.parse(payload) {
                Ok(attributes) if fields.has_rare() => *rare = Some(copy_rare(fields, attributes)),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        route
    }
}

#[inline]
fn keep_rare(fields: &Fields, attributes: &[u8]) -> Option<Box<Box<[u8]>>> {
    if fields.has_rare() { Some(copy_rare(fields, attributes)) } else { None }
}

#[cold]
fn copy_rare(fields: &Fields, attributes: &[u8]) -> Box<Box<[u8]>> {
    let width = addr::address_len(fields.header.family).unwrap_or(0);
    let mut kept = Vec::new();
    for attr in Attrs::new(attributes).map_while(Result::ok).filter(|attr| !is_field(attr, width)) {
        push_attribute(&mut kept, attr.raw_type, attr.payload);
    }
    Box::new(kept.into())
}

fn push_attribute(bytes: &mut Vec<u8>, raw_type: u16, payload: &[u8]) {
    // A payload came out of an attribute, so its length fits into one.
    let length = u16::try_from(payload.len() + HEADER_LEN).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&raw_type.to_ne_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

mod sealed {
    use super::{CacheInfo, Fields, IpAddr, RouteHeader};

    /// What [`super::RouteView`] stands on.
    pub trait Parts {
        fn fixed_part(&self) -> &RouteHeader;
        fn has(&self, number: u16) -> bool;
        fn word(&self, number: u16) -> Option<u32>;
        fn byte(&self, number: u16) -> Option<u8>;
        fn port(&self, number: u16) -> Option<u16>;
        fn times(&self) -> Option<CacheInfo>;
        fn ip(&self, number: u16) -> Option<IpAddr>;
        fn next_hop(&self) -> Option<IpAddr>;
        fn fields(&self) -> Fields;
        fn rare_bytes(&self) -> &[u8];
    }
}

/// Passes everything on to where the fields are.
macro_rules! parts {
    ($source:ident, $self:ident, $with:ident) => {
        #[inline]
        fn fixed_part(&$self) -> &RouteHeader {
            $with!($self, |$source| $source.header())
        }

        #[inline]
        fn has(&$self, number: u16) -> bool {
            $with!($self, |$source| $source.has(number))
        }

        #[inline]
        fn word(&$self, number: u16) -> Option<u32> {
            $with!($self, |$source| $source.word(number))
        }

        #[inline]
        fn byte(&$self, number: u16) -> Option<u8> {
            $with!($self, |$source| $source.byte(number))
        }

        #[inline]
        fn port(&$self, number: u16) -> Option<u16> {
            $with!($self, |$source| $source.port(number))
        }

        #[inline]
        fn times(&$self) -> Option<CacheInfo> {
            $with!($self, |$source| $source.cacheinfo())
        }

        #[inline]
        fn ip(&$self, number: u16) -> Option<IpAddr> {
            $with!($self, |$source| $source.ip(number))
        }

        #[inline]
        fn next_hop(&$self) -> Option<IpAddr> {
            $with!($self, |$source| $source.gateway())
        }

        #[inline]
        fn fields(&$self) -> Fields {
            $with!($self, |$source| $source.fields())
        }
    };
}

macro_rules! of_borrowed {
    ($self:ident, |$source:ident| $value:expr) => {
        match &$self.0 {
            Form::Message($source) => $value,
            Form::Owned($source, _) => $value,
        }
    };
}

macro_rules! of_owned {
    ($self:ident, |$source:ident| $value:expr) => {{
        let $source = &$self.fields;
        $value
    }};
}

impl sealed::Parts for RouteRef<'_> {
    parts!(source, self, of_borrowed);

    #[inline]
    fn rare_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Message(places) if places.has_rare() => places.attributes(),
            Form::Message(_) => &[],
            Form::Owned(_, rare) => rare,
        }
    }
}

impl sealed::Parts for Route {
    parts!(source, self, of_owned);

    #[inline]
    fn rare_bytes(&self) -> &[u8] {
        self.rare.as_ref().map_or(&[], |bytes| bytes)
    }
}

macro_rules! optional {
    ($($(#[$doc:meta])* $name:ident: $ty:ty = $shape:ident $number:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        fn $name(&self) -> Option<$ty> {
            self.$shape(rta::$number)
        }
    )*};
}

/// What [`Route`] and [`RouteRef`] tell.
pub trait RouteView: sealed::Parts {
    /// The fixed part.
    #[inline]
    fn header(&self) -> &RouteHeader {
        self.fixed_part()
    }

    /// Address family (`AF_*`).
    #[inline]
    fn family(&self) -> u8 {
        self.fixed_part().family
    }

    /// `RTN_*`: unicast, local, blackhole …
    #[inline]
    fn route_type(&self) -> u8 {
        self.fixed_part().kind
    }

    /// Who made it (`RTPROT_*`).
    #[inline]
    fn protocol(&self) -> u8 {
        self.fixed_part().protocol
    }

    /// `RT_SCOPE_*`
    #[inline]
    fn scope(&self) -> u8 {
        self.fixed_part().scope
    }

    /// Type of service filter.
    #[inline]
    fn tos(&self) -> u8 {
        self.fixed_part().tos
    }

    /// `RTM_F_*` and `RTNH_F_*`.
    #[inline]
    fn flags(&self) -> RouteFlags {
        RouteFlags::from_bits_retain(u32::from_ne_bytes(self.fixed_part().flags))
    }

    /// Routing table (`RTA_TABLE`, else the header's byte).
    #[inline]
    fn table(&self) -> u32 {
        self.word(rta::TABLE).unwrap_or_else(|| u32::from(self.fixed_part().table))
    }

    /// Destination; the default route is a prefix of length 0. `None` where the family has no IP addresses (MPLS).
    #[inline]
    fn destination(&self) -> Option<IpNet> {
        let header = self.fixed_part();
        let address = match self.ip(rta::DST) {
            Some(address) => address,
            None => addr::unspecified(header.family)?,
        };
        addr::prefix(address, header.dst_len)
    }

    /// Source prefix of a source-specific route.
    #[inline]
    fn source(&self) -> Option<IpNet> {
        addr::prefix(self.ip(rta::SRC)?, self.fixed_part().src_len)
    }

    /// Label of an MPLS route, 0 to 1,048,575.
    #[inline]
    fn label(&self) -> Option<u32> {
        if self.fixed_part().family != family::MPLS || !self.has(rta::DST) {
            return None;
        }
        Some(u32::from_be_bytes(fixed(self.fields().bytes(rta::DST))) >> 12)
    }

    /// Gateway, of the route's family or (`RTA_VIA`) of another.
    #[inline]
    fn gateway(&self) -> Option<IpAddr> {
        self.next_hop()
    }

    /// Whether the gateway is of another family than the route (`RTA_VIA`).
    #[inline]
    fn is_via(&self) -> bool {
        self.has(rta::VIA)
    }

    /// Preferred source address (`src`).
    #[inline]
    fn prefsrc(&self) -> Option<IpAddr> {
        self.ip(rta::PREFSRC)
    }

    optional! {
        /// Index of the incoming link (multicast, `route get`).
        iif: u32 = word IIF;
        /// Index of the outgoing link.
        oif: u32 = word OIF;
        /// Metric.
        priority: u32 = word PRIORITY;
        /// Firewall mark (`route get`).
        mark: u32 = word MARK;
        /// Realm.
        flow: u32 = word FLOW;
        /// User (`route get`).
        uid: u32 = word UID;
        /// Id of the next hop object.
        nhid: u32 = word NH_ID;
        /// Router preference (`ICMPV6_ROUTER_PREF_*`).
        pref: u8 = byte PREF;
        /// Whether the TTL is propagated (MPLS).
        ttl_propagate: u8 = byte TTL_PROPAGATE;
        /// IP protocol (`route get`).
        ip_proto: u8 = byte IP_PROTO;
        /// Source port (`route get`).
        sport: u16 = port SPORT;
        /// Destination port (`route get`).
        dport: u16 = port DPORT;
    }

    /// Ages and expiry.
    #[inline]
    fn cacheinfo(&self) -> Option<CacheInfo> {
        self.times()
    }

    /// Time until it expires, in `USER_HZ` (1/100 s); `None` is never.
    fn expires(&self) -> Option<u32> {
        self.cacheinfo().as_ref().map(expires_of).filter(|expires| *expires != 0)
    }

    /// Metrics.
    fn metrics(&self) -> Option<Metrics<'_>> {
        RouteAttributes::new(self.rare_bytes()).metrics()
    }

    /// The hops of a multipath route, none for others.
    fn hops(&self) -> Hops<'_> {
        let payload = RouteAttributes::new(self.rare_bytes()).multipath().unwrap_or_default();
        Hops::new(payload, self.family())
    }

    /// Encapsulation.
    fn encap(&self) -> Option<Encap<'_>> {
        let rare = RouteAttributes::new(self.rare_bytes());
        Some(Encap { encap_type: rare.encap_type()?, attributes: rare.encap()? })
    }

    /// New label stack of an MPLS route (`RTA_NEWDST`).
    fn newdst(&self) -> Option<&[u8]> {
        RouteAttributes::new(self.rare_bytes()).newdst()
    }

    /// `RTA_EXPIRES` of a multicast route, clock ticks.
    fn multicast_expires(&self) -> Option<u64> {
        let payload = RouteAttributes::new(self.rare_bytes()).expires()?;
        payload.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    }

    /// `struct rta_mfc_stats` of a multicast route: packets, bytes, wrong interface.
    fn mfc_stats(&self) -> Option<[u64; 3]> {
        let payload = RouteAttributes::new(self.rare_bytes()).mfc_stats()?;
        let value = |at: usize| Some(u64::from_ne_bytes(*payload.get(at..)?.first_chunk()?));
        Some([value(0)?, value(8)?, value(16)?])
    }

    /// The attributes that this version does not know.
    fn unknown(&self) -> Vec<Attr<'_>> {
        ROUTE.unknown(self.rare_bytes()).collect()
    }

    /// Whether it leads everywhere: a destination prefix of length 0.
    #[inline]
    fn is_default(&self) -> bool {
        self.fixed_part().dst_len == 0
    }

    /// A request to make the route, or to delete it: the same fields, metrics, hops and what is not known, without what
    /// the kernel adds when it lists one. Of a route whose next hop is an object ([`nhid`](Self::nhid)) that is the
    /// object's own gateway, link and encapsulation; of any, marks of the present such as
    /// [`LINKDOWN`](RouteFlags::LINKDOWN).
    fn to_request(&self, message_type: u16, flags: MessageFlags) -> Request {
        again::request(&self.fields(), self.rare_bytes(), message_type, flags)
    }
}

impl RouteView for Route {}
impl RouteView for RouteRef<'_> {}

/// A number of a route.
type Number = fn(&dyn RouteView) -> Option<u32>;

/// The tracked fields, in the order and under the names of the differences.
fn differences(a: &dyn RouteView, b: &dyn RouteView, compare: Compare) -> Vec<String> {
    let (x, y) = (a.fields(), b.fields());
    let mut names = x.header.differences(&y.header, compare);
    let mut note = |differs: bool, name: &str| {
        if differs {
            names.push(name.to_owned());
        }
    };
    note(a.table() != b.table() && x.header.table == y.header.table, "table");
    note(x.bytes(rta::DST) != y.bytes(rta::DST), "dst");
    note(x.bytes(rta::SRC) != y.bytes(rta::SRC), "src");
    note(a.gateway() != b.gateway(), "gateway");
    note(a.prefsrc() != b.prefsrc(), "prefsrc");
    for (name, of) in [
        ("iif", (|r| r.iif()) as Number),
        ("oif", |r| r.oif()),
        ("priority", |r| r.priority()),
        ("mark", |r| r.mark()),
        ("flow", |r| r.flow()),
        ("uid", |r| r.uid()),
        ("nhid", |r| r.nhid()),
        ("pref", |r| r.pref().map(u32::from)),
        ("ttl_propagate", |r| r.ttl_propagate().map(u32::from)),
        ("ip_proto", |r| r.ip_proto().map(u32::from)),
        ("sport", |r| r.sport().map(u32::from)),
        ("dport", |r| r.dport().map(u32::from)),
    ] {
        note(of(a) != of(b), name);
    }
    if compare == Compare::Everything {
        note(x.cacheinfo != y.cacheinfo, "cacheinfo");
    }
    let (rare_a, rare_b) = (rare_only(a), rare_only(b));
    ROUTE.differences(&rare_a, &rare_b, a.family(), compare, &mut |path| {
        note(true, &crate::object::dotted(path));
        true
    });
    names
}

/// The rare attributes alone, whichever form they come from.
fn rare_only(route: &dyn RouteView) -> Vec<u8> {
    let width = addr::address_len(route.family()).unwrap_or(0);
    let mut bytes = Vec::new();
    for attr in Attrs::new(route.rare_bytes()).map_while(Result::ok).filter(|attr| !is_field(attr, width)) {
        push_attribute(&mut bytes, attr.raw_type, attr.payload);
    }
    bytes
}

impl Route {
    /// The borrowed form.
    #[must_use]
    pub fn as_ref(&self) -> RouteRef<'_> {
        RouteRef(Form::Owned(&self.fields, sealed::Parts::rare_bytes(self)))
    }

    /// The fields in which two routes differ, as far as `compare` looks.
    #[must_use]
    pub fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
        differences(self, other, compare)
    }
}

impl RouteRef<'_> {
    /// The fields in which two routes differ, as far as `compare` looks.
    #[must_use]
    pub fn differences(self, other: RouteRef<'_>, compare: Compare) -> Vec<String> {
        differences(&self, &other, compare)
    }

    /// Whether two routes are equal, as far as `compare` looks.
    #[must_use]
    pub fn same(self, other: RouteRef<'_>, compare: Compare) -> bool {
        differences(&self, &other, compare).is_empty()
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        let alike =
            self.rare.is_none() && other.rare.is_none() && self.fields.tracked() == other.fields.tracked();
        alike || differences(self, other, Compare::Tracked).is_empty()
    }
}

impl Eq for Route {}

impl std::hash::Hash for Route {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.fields.header.hash_tracked(state);
        (self.destination(), self.gateway(), self.oif(), self.priority(), self.table(), self.nhid())
            .hash(state);
        ROUTE.hash_tracked(sealed::Parts::rare_bytes(self), self.family(), state);
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug(self, f)
    }
}

impl std::fmt::Debug for RouteRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug(self, f)
    }
}

fn debug(route: &dyn RouteView, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.debug_struct("Route")
        .field("header", route.header())
        .field("destination", &route.destination())
        .field("gateway", &route.gateway())
        .field("prefsrc", &route.prefsrc())
        .field("oif", &route.oif())
        .field("priority", &route.priority())
        .field("table", &route.table())
        .field("nhid", &route.nhid())
        .field("rare", &RouteAttributes::new(route.rare_bytes()))
        .finish_non_exhaustive()
}

impl Decode for Route {
    type Ref<'a> = RouteRef<'a>;
    const KIND: Kind = Kind::Route;
    const NEW: u16 = rtm::NEWROUTE;
    const DEL: u16 = rtm::DELROUTE;
    const GET: u16 = rtm::GETROUTE;

    #[inline]
    fn decode_ref(payload: &[u8]) -> Result<RouteRef<'_>> {
        RouteRef::decode(payload)
    }

    #[inline]
    fn owned(borrowed: RouteRef<'_>) -> Self {
        borrowed.to_owned()
    }
}
