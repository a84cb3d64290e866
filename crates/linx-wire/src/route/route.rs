//! Routes (`struct rtmsg`, `RTA_*`, <linux/rtnetlink.h>).
//!
//! The kind of which there are a million: both forms are a typed structure filled in one pass over the attributes,
//! without an allocation. What is rare (metrics, multipath hops, encapsulation, and what is not known) stays bytes:
//! [`RouteRef`] finds them in the datagram, [`Route`] keeps a copy in a box.

use std::net::IpAddr;

use ipnet::IpNet;

use super::encap::{Encap, encap_policy};
use super::hops::{Hops, METRICS, Metrics, check_hops};
use crate::addr::{self, family};
use crate::attr::{Attr, Attrs, HEADER_LEN};
use crate::emit::Request;
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::header::MessageFlags;
use crate::object::{Decode, Kind, fixed_part};
use crate::policy::{Compare, Policy, Surroundings, attributes};
use crate::reader::{fixed, u32_of};
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

/// `RTA_*` numbers of the pass in [`Fields::fill`].
mod rta {
    pub(super) const DST: u16 = 1;
    pub(super) const SRC: u16 = 2;
    pub(super) const IIF: u16 = 3;
    pub(super) const OIF: u16 = 4;
    pub(super) const GATEWAY: u16 = 5;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const PREFSRC: u16 = 7;
    pub(super) const FLOW: u16 = 11;
    pub(super) const CACHEINFO: u16 = 12;
    pub(super) const TABLE: u16 = 15;
    pub(super) const MARK: u16 = 16;
    pub(super) const VIA: u16 = 18;
    pub(super) const PREF: u16 = 20;
    pub(super) const UID: u16 = 25;
    pub(super) const TTL_PROPAGATE: u16 = 26;
    pub(super) const IP_PROTO: u16 = 27;
    pub(super) const SPORT: u16 = 28;
    pub(super) const DPORT: u16 = 29;
    pub(super) const NH_ID: u16 = 30;
}

/// Attributes that are not fields: presence of one of them is this bit.
const RARE: u32 = 1;

/// What both forms consist of.
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
#[allow(missing_docs)]
pub struct Fields {
    header: RouteHeader,
    /// Which attributes were there, by number; bit 0: others than the fields below.
    present: u32,
    dst: [u8; 16],
    src: [u8; 16],
    gateway: [u8; 16],
    prefsrc: [u8; 16],
    iif: u32,
    oif: u32,
    priority: u32,
    table: u32,
    mark: u32,
    flow: u32,
    uid: u32,
    nhid: u32,
    cacheinfo: CacheInfo,
    sport: u16,
    dport: u16,
    pref: u8,
    ttl_propagate: u8,
    ip_proto: u8,
    /// Size of the gateway, bytes.
    gateway_len: u8,
}

const BLANK: Fields = Fields {
    header: RouteHeader::EMPTY,
    present: 0,
    dst: [0; 16],
    src: [0; 16],
    gateway: [0; 16],
    prefsrc: [0; 16],
    iif: 0,
    oif: 0,
    priority: 0,
    table: 0,
    mark: 0,
    flow: 0,
    uid: 0,
    nhid: 0,
    cacheinfo: CacheInfo::EMPTY,
    sport: 0,
    dport: 0,
    pref: 0,
    ttl_propagate: 0,
    ip_proto: 0,
    gateway_len: 0,
};

/// What an attribute of the pass did not like.
struct Misfit;

#[inline(always)]
fn word(value: &[u8]) -> Result<u32, Misfit> {
    Ok(u32::from_ne_bytes(*value.first_chunk().ok_or(Misfit)?))
}

#[inline(always)]
fn half(value: &[u8]) -> Result<u16, Misfit> {
    Ok(u16::from_be_bytes(*value.first_chunk().ok_or(Misfit)?))
}

#[inline(always)]
fn byte(value: &[u8]) -> Result<u8, Misfit> {
    value.first().copied().ok_or(Misfit)
}

impl Fields {
    /// One pass over `attributes`. `width` is the size of the family's addresses, 0 where they are none.
    #[inline(always)]
    fn fill(&mut self, attributes: &[u8], width: usize) -> Result<()> {
        let mut attrs = Attrs::new(attributes);
        loop {
            let at = attrs.offset();
            let Some(attr) = attrs.step() else { break };
            let number = attr.number();
            if self.field(number, attr.payload, width).is_err() {
                return Err(misfit(number, attr.payload.len(), at));
            }
        }
        match attrs.fault() {
            None => Ok(()),
            Some(fault) => Err(fault),
        }
    }

    #[inline(always)]
    fn field(&mut self, number: u16, value: &[u8], width: usize) -> Result<(), Misfit> {
        match number {
            rta::DST => self.address(|f| &mut f.dst, number, value, width)?,
            rta::SRC => self.address(|f| &mut f.src, number, value, width)?,
            rta::PREFSRC => self.address(|f| &mut f.prefsrc, number, value, width)?,
            rta::GATEWAY => {
                self.address(|f| &mut f.gateway, number, value, width)?;
                self.gateway_len = width as u8;
            }
            rta::IIF => self.iif = word(value)?,
            rta::OIF => self.oif = word(value)?,
            rta::PRIORITY => self.priority = word(value)?,
            rta::TABLE => self.table = word(value)?,
            rta::MARK => self.mark = word(value)?,
            rta::FLOW => self.flow = word(value)?,
            rta::UID => self.uid = word(value)?,
            rta::NH_ID => self.nhid = word(value)?,
            rta::SPORT => self.sport = half(value)?,
            rta::DPORT => self.dport = half(value)?,
            rta::PREF => self.pref = byte(value)?,
            rta::TTL_PROPAGATE => self.ttl_propagate = byte(value)?,
            rta::IP_PROTO => self.ip_proto = byte(value)?,
            rta::CACHEINFO => {
                let whole: &[u8; 32] = value.first_chunk().ok_or(Misfit)?;
                self.cacheinfo = zerocopy::transmute!(*whole);
            }
            rta::VIA => self.via(value)?,
            _ => {
                self.present |= RARE;
                return Ok(());
            }
        }
        self.present |= 1 << (number & 31);
        Ok(())
    }

    #[inline(always)]
    fn address(
        &mut self,
        place: impl Fn(&mut Self) -> &mut [u8; 16],
        number: u16,
        value: &[u8],
        width: usize,
    ) -> Result<(), Misfit> {
        let place = place(self);
        match (width, value.len()) {
            (4, 4) => {
                let [a, b, c, d, ..] = place;
                (*a, *b, *c, *d) = fixed::<4>(value).into();
            }
            (16, 16) => *place = fixed(value),
            (0, length) if length <= 16 && number == rta::DST => {
                for (to, from) in place.iter_mut().zip(value) {
                    *to = *from;
                }
            }
            (0, _) => self.present |= RARE,
            _ => return Err(Misfit),
        }
        Ok(())
    }

    /// `struct rtvia`: a gateway of another family.
    fn via(&mut self, value: &[u8]) -> Result<(), Misfit> {
        let family: &[u8; 2] = value.first_chunk().ok_or(Misfit)?;
        let address = value.get(2..).unwrap_or_default();
        let known = match u16::from_ne_bytes(*family) {
            f if f == u16::from(family::INET) => address.len() == 4,
            f if f == u16::from(family::INET6) => address.len() == 16,
            _ => false,
        };
        if known {
            for (to, from) in self.gateway.iter_mut().zip(address) {
                *to = *from;
            }
            self.gateway_len = address.len() as u8;
        } else {
            self.present |= RARE;
        }
        Ok(())
    }

    fn has(&self, number: u16) -> bool {
        self.present & (1 << (number & 31)) != 0
    }

    fn ip(&self, place: &[u8; 16], number: u16) -> Option<IpAddr> {
        let width = addr::address_len(self.header.family)?;
        if self.has(number) { addr::ip(place.get(..width)?) } else { None }
    }
}

/// Whether a number is one of the fields: not kept a second time among the rare ones.
fn is_field(attr: &Attr<'_>, width: usize) -> bool {
    match attr.number() {
        rta::DST => width != 0 || attr.payload.len() <= 16,
        rta::SRC | rta::GATEWAY | rta::PREFSRC => width != 0,
        rta::VIA => {
            let family = u16::from_ne_bytes(fixed(attr.payload));
            let length = attr.payload.len().wrapping_sub(2);
            (family == u16::from(family::INET) && length == 4)
                || (family == u16::from(family::INET6) && length == 16)
        }
        rta::IIF
        | rta::OIF
        | rta::PRIORITY
        | rta::FLOW
        | rta::CACHEINFO
        | rta::TABLE
        | rta::MARK
        | rta::PREF
        | rta::UID
        | rta::TTL_PROPAGATE
        | rta::IP_PROTO
        | rta::SPORT
        | rta::DPORT
        | rta::NH_ID => true,
        _ => false,
    }
}

#[cold]
fn misfit(number: u16, have: usize, at: usize) -> DecodeError {
    let expected = match number {
        rta::DST | rta::SRC | rta::GATEWAY | rta::PREFSRC => "an address of the route's family",
        rta::SPORT | rta::DPORT => "2",
        rta::PREF | rta::TTL_PROPAGATE | rta::IP_PROTO => "1",
        rta::CACHEINFO => "a structure of 32",
        rta::VIA => "at least 2",
        _ => "4",
    };
    DecodeError::new(DecodeErrorKind::BadSize { expected, have }, at + HEADER_LEN).inside(ROUTE.step(number))
}

/// A route, borrowed: typed fields, and the datagram for what is rare.
#[derive(Clone, Copy)]
pub struct RouteRef<'a> {
    fields: Fields,
    attributes: &'a [u8],
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
        let (fields, attributes) = parse(payload)?;
        Ok(Self { fields, attributes })
    }

    /// The owned form.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn to_owned(self) -> Route {
        Route { fields: self.fields, rare: keep_rare(&self.fields, self.attributes) }
    }
}

impl Route {
    /// Decodes a message's payload (what follows the netlink header).
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    #[inline]
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let (fields, attributes) = parse(payload)?;
        Ok(Self { fields, rare: keep_rare(&fields, attributes) })
    }
}

#[inline(always)]
fn parse(payload: &[u8]) -> Result<(Fields, &[u8])> {
    let Some((header, attributes)) = payload.split_first_chunk::<12>() else {
        let kind = DecodeErrorKind::Truncated { needed: 12, have: payload.len() };
        return Err(DecodeError::new(kind, 0));
    };
    let mut fields = BLANK;
    fields.header = zerocopy::transmute!(*header);
    // Two loops, so that each compares sizes with constants.
    let outcome = match fields.header.family {
        family::INET => fields.fill(attributes, 4),
        family::INET6 => fields.fill(attributes, 16),
        other => fields.fill(attributes, addr::address_len(other).unwrap_or(0)),
    };
    if let Err(error) = outcome {
        return Err(error.at_base(12));
    }
    if fields.present & RARE != 0 {
        ROUTE.validate(attributes, fields.header.family).map_err(|error| error.at_base(12))?;
    }
    Ok((fields, attributes))
}

#[inline]
fn keep_rare(fields: &Fields, attributes: &[u8]) -> Option<Box<Box<[u8]>>> {
    if fields.present & RARE == 0 { None } else { Some(copy_rare(fields, attributes)) }
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
    /// What [`super::RouteView`] stands on.
    pub trait Parts {
        fn fields(&self) -> &super::Fields;
        fn rare_bytes(&self) -> &[u8];
    }
}

impl sealed::Parts for RouteRef<'_> {
    #[inline]
    fn fields(&self) -> &Fields {
        &self.fields
    }

    #[inline]
    fn rare_bytes(&self) -> &[u8] {
        if self.fields.present & RARE == 0 { &[] } else { self.attributes }
    }
}

impl sealed::Parts for Route {
    #[inline]
    fn fields(&self) -> &Fields {
        &self.fields
    }

    #[inline]
    fn rare_bytes(&self) -> &[u8] {
        self.rare.as_ref().map_or(&[], |bytes| bytes)
    }
}

macro_rules! optional {
    ($($(#[$doc:meta])* $name:ident: $ty:ty = $number:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        fn $name(&self) -> Option<$ty> {
            let fields = self.fields();
            if fields.has(rta::$number) { Some(fields.$name) } else { None }
        }
    )*};
}

/// What [`Route`] and [`RouteRef`] tell.
pub trait RouteView: sealed::Parts {
    /// The fixed part.
    #[inline]
    fn header(&self) -> &RouteHeader {
        &self.fields().header
    }

    /// Address family (`AF_*`).
    #[inline]
    fn family(&self) -> u8 {
        self.fields().header.family
    }

    /// `RTN_*`: unicast, local, blackhole …
    #[inline]
    fn route_type(&self) -> u8 {
        self.fields().header.kind
    }

    /// Who made it (`RTPROT_*`).
    #[inline]
    fn protocol(&self) -> u8 {
        self.fields().header.protocol
    }

    /// `RT_SCOPE_*`
    #[inline]
    fn scope(&self) -> u8 {
        self.fields().header.scope
    }

    /// Type of service filter.
    #[inline]
    fn tos(&self) -> u8 {
        self.fields().header.tos
    }

    /// `RTM_F_*` and `RTNH_F_*`.
    #[inline]
    fn flags(&self) -> RouteFlags {
        RouteFlags::from_bits_retain(u32::from_ne_bytes(self.fields().header.flags))
    }

    /// Routing table (`RTA_TABLE`, else the header's byte).
    #[inline]
    fn table(&self) -> u32 {
        let fields = self.fields();
        if fields.has(rta::TABLE) { fields.table } else { u32::from(fields.header.table) }
    }

    /// Destination; the default route is a prefix of length 0. `None` where the family has no IP addresses (MPLS).
    #[inline]
    fn destination(&self) -> Option<IpNet> {
        let fields = self.fields();
        let address = match fields.ip(&fields.dst, rta::DST) {
            Some(address) => address,
            None => addr::unspecified(fields.header.family)?,
        };
        addr::prefix(address, fields.header.dst_len)
    }

    /// Source prefix of a source-specific route.
    #[inline]
    fn source(&self) -> Option<IpNet> {
        let fields = self.fields();
        addr::prefix(fields.ip(&fields.src, rta::SRC)?, fields.header.src_len)
    }

    /// Destination labels of an MPLS route, network order, 4 bytes each.
    fn labels(&self) -> Option<&[u8]> {
        let fields = self.fields();
        if fields.header.family != family::MPLS || !fields.has(rta::DST) {
            return None;
        }
        RouteAttributes::new(self.rare_bytes()).dst().or_else(|| fields.dst.get(..4))
    }

    /// Gateway, of the route's family or (`RTA_VIA`) of another.
    #[inline]
    fn gateway(&self) -> Option<IpAddr> {
        let fields = self.fields();
        addr::ip(fields.gateway.get(..usize::from(fields.gateway_len))?)
    }

    /// Whether the gateway is of another family than the route (`RTA_VIA`).
    #[inline]
    fn is_via(&self) -> bool {
        self.fields().has(rta::VIA)
    }

    /// Preferred source address (`src`).
    #[inline]
    fn prefsrc(&self) -> Option<IpAddr> {
        let fields = self.fields();
        fields.ip(&fields.prefsrc, rta::PREFSRC)
    }

    optional! {
        /// Index of the incoming link (multicast, `route get`).
        iif: u32 = IIF;
        /// Index of the outgoing link.
        oif: u32 = OIF;
        /// Metric.
        priority: u32 = PRIORITY;
        /// Firewall mark (`route get`).
        mark: u32 = MARK;
        /// Realm.
        flow: u32 = FLOW;
        /// User (`route get`).
        uid: u32 = UID;
        /// Id of the next hop object.
        nhid: u32 = NH_ID;
        /// Router preference (`ICMPV6_ROUTER_PREF_*`).
        pref: u8 = PREF;
        /// Whether the TTL is propagated (MPLS).
        ttl_propagate: u8 = TTL_PROPAGATE;
        /// IP protocol (`route get`).
        ip_proto: u8 = IP_PROTO;
        /// Source port (`route get`).
        sport: u16 = SPORT;
        /// Destination port (`route get`).
        dport: u16 = DPORT;
        /// Ages and expiry.
        cacheinfo: CacheInfo = CACHEINFO;
    }

    /// Time until it expires, in `USER_HZ` (1/100 s); `None` is never.
    fn expires(&self) -> Option<u32> {
        self.cacheinfo().map(|info| u32_of(&info.expires)).filter(|expires| *expires != 0)
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
        self.fields().header.dst_len == 0
    }

    /// The route's message, as a request to make it would have it: the same fields, metrics, hops and what is not
    /// known.
    fn to_request(&self, message_type: u16, flags: MessageFlags) -> Request {
        let fields = self.fields();
        let width = addr::address_len(fields.header.family).unwrap_or(0);
        let mut request = Request::new(message_type, flags).body(&fields.header);
        let address =
            |request: Request, number: u16, place: &[u8; 16], length: usize| match place.get(..length) {
                Some(bytes) if fields.has(number) && length != 0 => request.attribute(number, bytes),
                _ => request,
            };
        request = address(request, rta::DST, &fields.dst, if width == 0 { 4 } else { width });
        request = address(request, rta::SRC, &fields.src, width);
        request = address(request, rta::GATEWAY, &fields.gateway, width);
        request = address(request, rta::PREFSRC, &fields.prefsrc, width);
        for (number, value) in [
            (rta::IIF, fields.iif),
            (rta::OIF, fields.oif),
            (rta::PRIORITY, fields.priority),
            (rta::TABLE, fields.table),
            (rta::MARK, fields.mark),
            (rta::FLOW, fields.flow),
            (rta::UID, fields.uid),
            (rta::NH_ID, fields.nhid),
        ] {
            if fields.has(number) {
                request = request.attribute_u32(number, value);
            }
        }
        for (number, value) in [
            (rta::PREF, fields.pref),
            (rta::TTL_PROPAGATE, fields.ttl_propagate),
            (rta::IP_PROTO, fields.ip_proto),
        ] {
            if fields.has(number) {
                request = request.attribute_u8(number, value);
            }
        }
        for (number, value) in [(rta::SPORT, fields.sport), (rta::DPORT, fields.dport)] {
            if fields.has(number) {
                request = request.attribute(number, &value.to_be_bytes());
            }
        }
        if fields.has(rta::CACHEINFO) {
            request = request.attribute(rta::CACHEINFO, zerocopy::IntoBytes::as_bytes(&fields.cacheinfo));
        }
        if fields.has(rta::VIA) && fields.gateway_len != 0 {
            let length = usize::from(fields.gateway_len);
            let family = if length == 4 { family::INET } else { family::INET6 };
            let mut via = u16::from(family).to_ne_bytes().to_vec();
            via.extend_from_slice(fields.gateway.get(..length).unwrap_or_default());
            request = request.attribute(rta::VIA, &via);
        }
        for attr in Attrs::new(self.rare_bytes()).map_while(Result::ok).filter(|attr| !is_field(attr, width))
        {
            request = request.attribute(attr.raw_type, attr.payload);
        }
        request
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
    note(x.dst != y.dst, "dst");
    note(x.src != y.src, "src");
    note((x.gateway, x.gateway_len) != (y.gateway, y.gateway_len), "gateway");
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
        RouteRef { fields: self.fields, attributes: sealed::Parts::rare_bytes(self) }
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

/// The fields with those taken out that do not count.
fn tracked(fields: &Fields) -> Fields {
    let mut fields = Fields { cacheinfo: CacheInfo::EMPTY, ..*fields };
    fields.present &= !(1 << rta::CACHEINFO | RARE);
    fields
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        let alike =
            self.rare.is_none() && other.rare.is_none() && tracked(&self.fields) == tracked(&other.fields);
        alike || differences(self, other, Compare::Tracked).is_empty()
    }
}

impl Eq for Route {}

impl std::hash::Hash for Route {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let fields = &self.fields;
        fields.header.hash_tracked(state);
        (fields.dst, fields.gateway, fields.oif, fields.priority, self.table(), fields.nhid).hash(state);
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
