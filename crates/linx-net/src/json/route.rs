//! The body of a route.

use linx_wire::addr::family;
use linx_wire::route::{Hop, Metrics, RouteFlags, RouteView};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::encap::EncapBody;
use super::fields::{Bits, Fields, Ip, readable};
use crate::forms::value::fraction;
use crate::ip;
use crate::names::{Context, NameFile};
use crate::words;

/// A route as JSON.
#[derive(Debug)]
pub struct RouteBody<'a, R>(pub &'a R, pub &'a Context<'a>);

impl<R: RouteView> Serialize for RouteBody<'_, R> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (route, cx) = (self.0, self.1);
        let header = route.header();
        let flags = route.flags();
        let mut out = Fields::open(serializer, "route", 13)?;
        out.put("family", &*words::word_or_number(words::FAMILIES, header.family.into()))?;
        out.put("type", &*cx.names.word(words::ROUTE_TYPES, header.kind.into()))?;
        match (route.destination(), route.label()) {
            (Some(destination), _) => out.put("dst", &*ip::destination(destination))?,
            (None, Some(label)) => out.put("dst", &*ip::decimal(label.into()))?,
            (None, None) => out.put("dst", "default")?,
        }
        if let Some(source) = route.source() {
            out.put("from", &*ip::prefix(source))?;
        }
        if header.tos != 0 {
            out.put("tos", &*cx.names.name(NameFile::DsField, header.tos.into()))?;
        }
        match route.gateway() {
            Some(gateway) if route.is_via() => out.put("via", &Via(gateway))?,
            gateway => out.ip("gateway", gateway)?,
        }
        if let Some(oif) = route.oif() {
            out.link(("dev", "dev_hex"), cx.links, oif)?;
            out.put("oif", &oif)?;
        }
        if let Some(iif) = route.iif() {
            out.link(("iif", "iif_hex"), cx.links, iif)?;
            out.put("iif_index", &iif)?;
        }
        out.maybe("nhid", route.nhid())?;
        if !flags.contains(RouteFlags::CLONED) {
            out.put("protocol", &*cx.names.name(NameFile::Protocols, header.protocol.into()))?;
            out.put("scope", &*cx.names.name(NameFile::Scopes, header.scope.into()))?;
        }
        out.ip("prefsrc", route.prefsrc())?;
        out.maybe("metric", route.priority())?;
        let table = route.table();
        out.put("table", &*cx.names.name(NameFile::Tables, table))?;
        out.put("table_id", &table)?;
        out.put("flags", &Bits(words::ROUTE_FLAGS, shown_flags(flags)))?;
        if flags.contains(RouteFlags::CLONED) {
            out.put("cache", &Bits(words::CACHE_FLAGS, cache_flags(header.family, flags)))?;
        }
        more(&mut out, route, cx)?;
        out.close()
    }
}

/// What few routes have.
fn more<S: SerializeStruct>(
    out: &mut Fields<S>,
    route: &impl RouteView,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    if let Some(stack) = route.newdst() {
        out.put("to", &*ip::labels(stack))?;
    }
    if let Some(encap) = route.encap() {
        out.put("encap", &*words::word_or_number(words::ENCAPS, encap.encap_type.into()))?;
        out.put("encap_info", &EncapBody(encap, route.family(), cx))?;
    }
    if let Some(mark) = route.mark() {
        out.put("mark", &mark)?;
    }
    out.maybe("flow", route.flow().map(|flow| Flow(flow, cx)))?;
    out.maybe("uid", route.uid())?;
    out.maybe("ipproto", route.ip_proto().map(|number| cx.names.name(NameFile::IpProtocols, number.into())))?;
    out.maybe("sport", route.sport())?;
    out.maybe("dport", route.dport())?;
    if let Some(info) = route.cacheinfo() {
        let word = u32::from_ne_bytes;
        let (expires, error) = (word(info.expires), word(info.error));
        if expires != 0 {
            out.put("expires", &(expires / HZ))?;
        }
        if error != 0 {
            out.put("error", &(error as i32))?;
        }
        if cx.volatile {
            for (key, value) in [("users", info.clntref), ("used", info.used), ("age", info.lastuse)] {
                out.maybe(
                    key,
                    Some(word(value))
                        .filter(|value| *value != 0)
                        .map(|value| if key == "age" { value / HZ } else { value }),
                )?;
            }
        }
    }
    if let Some(metrics) = route.metrics() {
        out.put("metrics", &[MetricsBody(metrics)])?;
    }
    out.maybe("pref", route.pref().map(|pref| words::word_or_number(words::PREFERENCES, pref.into())))?;
    out.maybe("ttl-propagate", route.ttl_propagate().map(|on| on != 0))?;
    if matches!(route.family(), family::IPMR | family::IP6MR) && cx.volatile {
        out.maybe("expires", route.multicast_expires().map(|ticks| fraction(ticks, HZ.into())))?;
        if let Some([packets, bytes, wrong_if]) = route.mfc_stats() {
            out.put("packets", &packets)?;
            out.put("bytes", &bytes)?;
            out.put("wrong_if", &wrong_if)?;
        }
    }
    if route.hops().next().is_some() {
        let multicast = route.route_type() == MULTICAST;
        out.put("nexthops", &Hops(route, multicast, cx))?;
    }
    out.unknown(&route.unknown())
}

/// `USER_HZ`: units of the kernel's times in a second.
const HZ: u32 = 100;
/// `RTN_MULTICAST`
const MULTICAST: u8 = 5;

/// The flags that are words of `flags`: without those that say what kind of answer it is.
fn shown_flags(flags: RouteFlags) -> u32 {
    let answer = RouteFlags::CLONED
        | RouteFlags::LOOKUP_TABLE
        | RouteFlags::FIB_MATCH
        | RouteFlags::EQUALIZE
        | RouteFlags::PREFIX;
    if flags.contains(RouteFlags::CLONED) {
        (flags - answer).bits() & 0xffff
    } else {
        (flags - answer).bits()
    }
}

/// `RTCF_*` of an answer to `route get`.
fn cache_flags(family: u8, flags: RouteFlags) -> u32 {
    if family == family::INET { flags.bits() & 0xffff_0000 } else { 0 }
}

/// A gateway of another family than the route's.
pub(super) struct Via(pub(super) std::net::IpAddr);

impl Serialize for Via {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Fields::open(serializer, "via", 2)?;
        out.put("family", if self.0.is_ipv4() { "inet" } else { "inet6" })?;
        out.put("host", &Ip(self.0))?;
        out.close()
    }
}

/// Realms: `{"from":"3","to":"4"}`
struct Flow<'a>(u32, &'a Context<'a>);

impl Serialize for Flow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (from, to) = (self.0 >> 16, self.0 & 0xffff);
        let mut out = Fields::open(serializer, "flow", 2)?;
        out.maybe("from", (from != 0).then(|| self.1.names.name(NameFile::Realms, from)))?;
        out.put("to", &*self.1.names.name(NameFile::Realms, to))?;
        out.close()
    }
}

/// The hops of a multipath route.
struct Hops<'a, R>(&'a R, bool, &'a Context<'a>);

impl<R: RouteView> Serialize for Hops<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.hops().map(|hop| HopBody(hop, self.1, self.2)))
    }
}

/// One hop of a multipath route.
struct HopBody<'a>(Hop<'a>, bool, &'a Context<'a>);

impl Serialize for HopBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (hop, multicast, cx) = (&self.0, self.1, self.2);
        let mut out = Fields::open(serializer, "hop", 5)?;
        if let Some(encap) = hop.encap() {
            out.put("encap", &*words::word_or_number(words::ENCAPS, encap.encap_type.into()))?;
            out.put("encap_info", &EncapBody(encap, hop.family(), cx))?;
        }
        if let Some(stack) = hop.newdst() {
            out.put("to", &*ip::labels(stack))?;
        }
        match hop.gateway() {
            Some(gateway) if hop.is_via() => out.put("via", &Via(gateway))?,
            gateway => out.ip("gateway", gateway)?,
        }
        if hop.ifindex != 0 {
            out.link(("dev", "dev_hex"), cx.links, hop.ifindex)?;
            out.put("oif", &hop.ifindex)?;
        }
        if multicast {
            out.put("ttl", &hop.hops)?;
        } else {
            out.put("weight", &hop.weight())?;
        }
        out.maybe("flow", hop.flow().map(|flow| Flow(flow, cx)))?;
        out.put("flags", &Bits(words::ROUTE_FLAGS, hop.flags.into()))?;
        out.unknown(&hop.unknown().collect::<Vec<_>>())?;
        out.close()
    }
}

/// Metrics, in ip's units: round trip times in milliseconds.
struct MetricsBody<'a>(Metrics<'a>);

impl Serialize for MetricsBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metrics = self.0;
        let mut out = Fields::open(serializer, "metrics", 4)?;
        for (key, value) in [("mtu", metrics.mtu()), ("window", metrics.window())] {
            out.maybe(key, value)?;
        }
        out.maybe("rtt", metrics.rtt().map(|eighths| fraction(eighths.into(), 8)))?;
        out.maybe("rttvar", metrics.rttvar().map(|quarters| fraction(quarters.into(), 4)))?;
        for (key, value) in [
            ("ssthresh", metrics.ssthresh()),
            ("cwnd", metrics.cwnd()),
            ("advmss", metrics.advmss()),
            ("reordering", metrics.reordering()),
            ("hoplimit", metrics.hoplimit().filter(|limit| *limit != u32::MAX)),
            ("initcwnd", metrics.initcwnd()),
        ] {
            out.maybe(key, value)?;
        }
        if let Some(features) = metrics.features() {
            const ECN: u32 = 1;
            out.flag("ecn", features & ECN != 0)?;
            out.maybe(
                "features",
                Some(features & !ECN).filter(|rest| *rest != 0).map(|rest| format!("{rest:#x}")),
            )?;
        }
        for (key, value) in [
            ("rto_min", metrics.rto_min()),
            ("initrwnd", metrics.initrwnd()),
            ("quickack", metrics.quickack()),
        ] {
            out.maybe(key, value)?;
        }
        out.maybe("congestion", metrics.congctl().map(readable))?;
        out.maybe("fastopen_no_cookie", metrics.fastopen_no_cookie())?;
        let locked = metrics.lock().unwrap_or_default();
        if locked != 0 {
            out.put("lock", &Bits(words::METRICS, locked))?;
        }
        out.unknown(&linx_wire::route::METRICS.unknown(metrics.as_bytes()).collect::<Vec<_>>())?;
        out.close()
    }
}
