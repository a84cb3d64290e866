//! A route as text.

use std::net::IpAddr;

use linx_wire::addr::family;
use linx_wire::route::{Hop, Metrics, RouteFlags, RouteView};

use super::{Line, Style, encap, inet_style};
use crate::ip;
use crate::names::{Context, NameFile};
use crate::words;

/// `RT_TABLE_MAIN`
const MAIN: u32 = 254;
/// `RTPROT_BOOT`: what `ip route add` makes a route with.
const BOOT: u8 = 3;
/// `USER_HZ`: units of the kernel's times in a second.
pub(super) const HZ: u32 = 100;

/// `RTN_*`
mod kind {
    pub(super) const UNSPEC: u8 = 0;
    pub(super) const UNICAST: u8 = 1;
    pub(super) const LOCAL: u8 = 2;
    pub(super) const BROADCAST: u8 = 3;
    pub(super) const ANYCAST: u8 = 4;
    pub(super) const MULTICAST: u8 = 5;
    pub(super) const NAT: u8 = 10;
}

/// `RT_SCOPE_*`
mod scope {
    pub(super) const UNIVERSE: u8 = 0;
    pub(super) const LINK: u8 = 253;
    pub(super) const HOST: u8 = 254;
}

pub(super) fn write(line: &mut Line, route: &impl RouteView, cx: &Context<'_>) {
    let header = route.header();
    let flags = route.flags();
    if header.kind != kind::UNICAST || cx.details {
        line.word_as(Style::Kind, &cx.names.word(words::ROUTE_TYPES, header.kind.into()));
    }
    destination(line, route);
    if let Some(source) = route.source() {
        line.word("from");
        line.word_as(inet_style(source.addr()), &ip::prefix(source));
    }
    if let Some(stack) = route.newdst() {
        line.pair("as to", &ip::labels(stack));
    }
    if header.tos != 0 {
        line.pair("tos", &cx.names.name(NameFile::DsField, header.tos.into()));
    }
    let by_object = route.nhid().is_some();
    line.maybe("nhid", route.nhid());
    if !by_object {
        way(line, route, cx);
    }
    if let Some(iif) = route.iif() {
        line.word("iif");
        line.link(cx.links, iif);
    }
    origin(line, route, cx);
    if let Some(source) = route.prefsrc() {
        line.word("src");
        line.ip(source);
    }
    line.maybe("metric", route.priority());
    if flags.contains(RouteFlags::ONLINK) && !by_object {
        line.word("onlink");
    }
    rest(line, route, cx);
    if !by_object {
        hops(line, route, cx, false);
    }
    remarks(line, route, cx, by_object);
}

/// What says which route it is, without the fields in `changed`.
pub(super) fn write_identity(
    line: &mut Line,
    route: &impl RouteView,
    cx: &Context<'_>,
    changed: &dyn Fn(&str) -> bool,
) {
    if route.header().kind != kind::UNICAST && !changed("type") {
        line.word_as(Style::Kind, &cx.names.word(words::ROUTE_TYPES, route.header().kind.into()));
    }
    destination(line, route);
    if let Some(source) = route.source() {
        line.word("from");
        line.word_as(inet_style(source.addr()), &ip::prefix(source));
    }
    if route.header().tos != 0 {
        line.pair("tos", &cx.names.name(NameFile::DsField, route.header().tos.into()));
    }
    line.maybe("nhid", route.nhid().filter(|_| !changed("nhid")));
    if let Some(gateway) = route.gateway().filter(|_| !changed("gateway")) {
        via(line, gateway, route.is_via());
    }
    if let Some(oif) = route.oif().filter(|_| !changed("dev")) {
        line.word("dev");
        line.link(cx.links, oif);
    }
    if route.table() != MAIN {
        line.pair("table", &cx.names.name(NameFile::Tables, route.table()));
    }
    if route.protocol() != BOOT && !changed("protocol") {
        line.pair("proto", &cx.names.name(NameFile::Protocols, route.protocol().into()));
    }
    line.maybe("metric", route.priority());
}

fn destination(line: &mut Line, route: &impl RouteView) {
    let Some(destination) = route.destination() else {
        let label = route.label().map_or_else(|| "default".to_owned(), |label| label.to_string());
        return line.word(&label);
    };
    let style = inet_style(destination.addr());
    // Where no other address tells `ip route add` the family, `default` is IPv4.
    let text =
        if destination.prefix_len() == 0 && destination.addr().is_unspecified() && !default_is_clear(route) {
            ip::with_length(destination)
        } else {
            ip::destination(destination)
        };
    line.word_as(style, &text);
}

/// Whether the family of a default route follows from what else its line says.
fn default_is_clear(route: &impl RouteView) -> bool {
    let first = route.gateway().or_else(|| route.hops().find_map(|hop| hop.gateway()));
    let other = route.nhid().map_or(first, |_| None).or_else(|| route.prefsrc());
    let other = other.or_else(|| route.source().map(|source| source.addr()));
    let is_inet = route.family() == family::INET;
    other.map_or(is_inet, |address| address.is_ipv4() == is_inet)
}

/// Where it goes: tunnel, gateway, link.
fn way(line: &mut Line, route: &impl RouteView, cx: &Context<'_>) {
    if let Some(encap) = route.encap() {
        encap::write(line, encap, cx);
    }
    if let Some(gateway) = route.gateway() {
        via(line, gateway, route.is_via());
    }
    if let Some(oif) = route.oif() {
        line.word("dev");
        line.link(cx.links, oif);
    }
}

pub(super) fn via(line: &mut Line, gateway: IpAddr, other_family: bool) {
    line.word("via");
    if other_family {
        line.word(if gateway.is_ipv4() { "inet" } else { "inet6" });
    }
    line.ip(gateway);
}

/// Table, protocol and scope, where they are not those that a route has when it is added without them.
fn origin(line: &mut Line, route: &impl RouteView, cx: &Context<'_>) {
    if route.flags().contains(RouteFlags::CLONED) {
        return;
    }
    let table = route.table();
    if cx.details || table != MAIN || has_local_table(route.route_type()) {
        line.pair("table", &cx.names.name(NameFile::Tables, table));
    }
    if cx.details || route.protocol() != BOOT {
        line.pair("proto", &cx.names.name(NameFile::Protocols, route.protocol().into()));
    }
    if cx.details || route.scope() != scope::UNIVERSE || route.scope() != default_scope(route) {
        line.pair("scope", &cx.names.name(NameFile::Scopes, route.scope().into()));
    }
}

/// Whether `ip route add` puts a route of this type into table local.
fn has_local_table(route_type: u8) -> bool {
    matches!(route_type, kind::LOCAL | kind::BROADCAST | kind::ANYCAST | kind::NAT)
}

/// The scope that `ip route add` gives.
fn default_scope(route: &impl RouteView) -> u8 {
    match route.route_type() {
        _ if route.family() != family::INET => scope::UNIVERSE,
        kind::LOCAL | kind::NAT => scope::HOST,
        kind::BROADCAST | kind::MULTICAST | kind::ANYCAST => scope::LINK,
        kind::UNICAST | kind::UNSPEC => {
            let onward = route.gateway().is_some() || route.nhid().is_some() || route.hops().next().is_some();
            if onward { scope::UNIVERSE } else { scope::LINK }
        }
        _ => scope::UNIVERSE,
    }
}

/// What few routes have.
fn rest(line: &mut Line, route: &impl RouteView, cx: &Context<'_>) {
    if let Some(mark) = route.mark() {
        if mark >= 16 { line.display("mark", format_args!("{mark:#x}")) } else { line.number("mark", mark) }
    }
    if let Some(flow) = route.flow() {
        realms(line, flow, cx);
    }
    line.maybe("uid", route.uid());
    if let Some(protocol) = route.ip_proto() {
        line.pair("ipproto", &cx.names.name(NameFile::IpProtocols, protocol.into()));
    }
    line.maybe("sport", route.sport());
    line.maybe("dport", route.dport());
    if let Some(expires) = route.expires() {
        line.number("expires", expires / HZ);
    }
    if let Some(own) = route.metrics() {
        metrics(line, own);
    }
    if let Some(pref) = route.pref() {
        line.pair("pref", &words::word_or_number(words::PREFERENCES, pref.into()));
    }
    if let Some(propagate) = route.ttl_propagate() {
        line.pair("ttl-propagate", if propagate == 0 { "disabled" } else { "enabled" });
    }
}

pub(super) fn realms(line: &mut Line, flow: u32, cx: &Context<'_>) {
    let (from, to) = (flow >> 16, cx.names.name(NameFile::Realms, flow & 0xffff));
    if from == 0 {
        line.pair("realm", &to);
    } else {
        line.pair("realms", &cx.names.name(NameFile::Realms, from));
        line.push("/");
        line.push(&to);
    }
}

fn metrics(line: &mut Line, metrics: Metrics<'_>) {
    for (key, value) in metric_values(metrics) {
        line.pair(key, &value);
    }
}

/// Metrics by their words; in front of the value of one that is locked stands `lock`.
pub(super) fn metric_values(metrics: Metrics<'_>) -> impl Iterator<Item = (&'static str, String)> {
    let locked = metrics.lock().unwrap_or_default();
    let all = [
        metrics.mtu(),
        metrics.window(),
        metrics.rtt(),
        metrics.rttvar(),
        metrics.ssthresh(),
        metrics.cwnd(),
        metrics.advmss(),
        metrics.reordering(),
        metrics.hoplimit().filter(|limit| *limit != u32::MAX),
        metrics.initcwnd(),
        metrics.features(),
        metrics.rto_min(),
        metrics.initrwnd(),
        metrics.quickack(),
        None,
        metrics.fastopen_no_cookie(),
    ];
    words::METRICS.iter().zip(all).filter_map(move |((bit, key), value)| {
        let text = match (*key, value) {
            ("rtt", Some(eighths)) => time(eighths, 8),
            ("rttvar", Some(quarters)) => time(quarters, 4),
            ("rto_min", Some(milliseconds)) => time(milliseconds, 1),
            ("features", Some(1)) => "ecn".to_owned(),
            ("features", Some(features)) => format!("{features:#x}"),
            ("congctl", _) => metrics.congctl()?.to_string(),
            (_, Some(number)) => number.to_string(),
            (_, None) => return None,
        };
        // ip locks this one unasked, and does not take the word.
        let is_locked = locked & bit != 0 && *key != "rto_min";
        Some((*key, if is_locked { format!("lock {text}") } else { text }))
    })
}

/// A time of so many units a millisecond, as ip takes it: without a word for the unit where it is no whole number of
/// milliseconds.
fn time(value: u32, units: u32) -> String {
    let milliseconds = value / units;
    match value % units {
        0 if milliseconds >= 1000 && milliseconds % 1000 == 0 => format!("{}s", milliseconds / 1000),
        0 => format!("{milliseconds}ms"),
        _ => value.to_string(),
    }
}

fn hops(line: &mut Line, route: &impl RouteView, cx: &Context<'_>, state: bool) {
    for own in route.hops() {
        line.word("nexthop");
        hop(line, &own, route.route_type() == kind::MULTICAST, cx, state);
    }
}

/// The hops of a multipath route, each with its state.
pub(super) fn hop_lines(route: &impl RouteView, cx: &Context<'_>) -> Vec<String> {
    let shown = |own: Hop<'_>| {
        let mut line = Line::new();
        hop(&mut line, &own, route.route_type() == kind::MULTICAST, cx, true);
        line.to_string()
    };
    route.hops().map(shown).collect()
}

fn hop(line: &mut Line, hop: &Hop<'_>, multicast: bool, cx: &Context<'_>, state: bool) {
    if let Some(encap) = hop.encap() {
        encap::write(line, encap, cx);
    }
    if let Some(stack) = hop.newdst() {
        line.pair("as to", &ip::labels(stack));
    }
    if let Some(gateway) = hop.gateway() {
        via(line, gateway, hop.is_via());
    }
    if hop.ifindex != 0 {
        line.word("dev");
        line.link(cx.links, hop.ifindex);
    }
    if multicast {
        line.number("ttl", hop.hops);
    } else {
        line.number("weight", hop.weight());
    }
    if let Some(flow) = hop.flow() {
        realms(line, flow, cx);
    }
    let flags = RouteFlags::from_bits_retain(hop.flags.into());
    if flags.contains(RouteFlags::ONLINK) {
        line.word("onlink");
    }
    if state {
        states(line, hop_state(hop));
    }
}

fn hop_state(hop: &Hop<'_>) -> u32 {
    u32::from(hop.flags) & words::ROUTE_STATE
}

fn states(line: &mut Line, flags: u32) {
    for (bit, word) in words::ROUTE_FLAGS {
        if flags & words::ROUTE_STATE & bit != 0 {
            let bad = matches!(*word, "dead" | "linkdown" | "unresolved" | "rt_offload_failed");
            line.word_as(if bad { Style::Bad } else { Style::Plain }, word);
        }
    }
}

/// What the kernel says beside what was asked of it: `ip route add` would not take it.
fn remarks(line: &mut Line, route: &impl RouteView, cx: &Context<'_>, by_object: bool) {
    let flags = route.flags();
    if flags.contains(RouteFlags::CLONED) {
        return cache(line, route, cx);
    }
    let state = flags.bits() & words::ROUTE_STATE;
    let hops_state = route.hops().any(|hop| hop_state(&hop) != 0);
    let unknown = route.unknown();
    let error = route.cacheinfo().map_or(0, |info| i32::from_ne_bytes(info.error));
    if !by_object && state == 0 && !hops_state && unknown.is_empty() && error == 0 {
        return;
    }
    line.word("#");
    if by_object {
        way(line, route, cx);
        hops(line, route, cx, true);
    } else if hops_state {
        for hop in route.hops().filter(|hop| hop_state(hop) != 0) {
            line.word("nexthop");
            if let Some(gateway) = hop.gateway() {
                via(line, gateway, hop.is_via());
            }
            line.word("dev");
            line.link(cx.links, hop.ifindex);
            states(line, hop_state(&hop));
        }
    }
    if flags.contains(RouteFlags::ONLINK) && by_object {
        line.word("onlink");
    }
    states(line, state);
    if error != 0 {
        line.display("error", error);
    }
    super::nest::unknown(line, &unknown);
}

/// What an answer to `route get` says of the cached route.
fn cache(line: &mut Line, route: &impl RouteView, _cx: &Context<'_>) {
    let flags = if route.family() == family::INET { route.flags().bits() & 0xffff_0000 } else { 0 };
    let words: Vec<_> = words::bits(words::CACHE_FLAGS, flags).collect();
    if !words.is_empty() {
        line.display("cache", format_args!("<{}>", words.join(",")));
    }
}
