//! A next hop object and a namespace id as text.

use linx_wire::addr::family;
use linx_wire::route::{GroupEntry, GroupType, NextHopView, NsIdView, RouteFlags, clock_time};

use super::{Line, Style, encap, nest, route};
use crate::names::{Context, NameFile};
use crate::words;

pub(super) fn write(line: &mut Line, hop: &impl NextHopView, cx: &Context<'_>) {
    let attributes = hop.attributes();
    line.number("id", hop.id());
    if hop.is_group() {
        line.word("group");
        for (at, member) in hop.group().iter().enumerate() {
            line.push(if at == 0 { " " } else { "/" });
            line.push(&self::member(member));
        }
    }
    match hop.group_type() {
        None | Some(GroupType::Mpath) => {}
        Some(_) => {
            let number = attributes.group_type().unwrap_or_default();
            line.pair("type", &words::word_or_number(words::NEXT_HOP_GROUPS, number.into()));
        }
    }
    if let Some(group) = hop.resilient() {
        line.maybe("buckets", group.buckets());
        seconds(line, "idle_timer", group.idle_timer().map(Into::into));
        seconds(line, "unbalanced_timer", group.unbalanced_timer().map(Into::into));
        seconds(line, "unbalanced_time", group.unbalanced_time().filter(|_| cx.volatile));
    }
    if let Some(encap) = hop.encap() {
        encap::write(line, encap, cx);
    }
    if let Some(gateway) = hop.gateway() {
        let other = matches!(hop.family(), family::INET | family::INET6)
            && gateway.is_ipv4() != (hop.family() == family::INET);
        route::via(line, gateway, other);
    }
    if let Some(oif) = hop.oif() {
        line.word("dev");
        line.link(cx.links, oif);
    }
    if hop.scope() != 0 || cx.details {
        line.pair("scope", &cx.names.name(NameFile::Scopes, hop.scope().into()));
    }
    if hop.is_blackhole() {
        line.word_as(Style::Kind, "blackhole");
        if hop.family() == family::INET6 {
            // The only thing that tells it from one of IPv4.
            line.word("inet6");
        }
    }
    if hop.protocol() != 0 || cx.details {
        line.pair("proto", &cx.names.name(NameFile::Protocols, hop.protocol().into()));
    }
    if hop.flags().contains(RouteFlags::ONLINK) {
        line.word("onlink");
    }
    for (bit, word) in words::ROUTE_FLAGS {
        if hop.flags().bits() & words::ROUTE_STATE & bit != 0 {
            let bad = matches!(*word, "dead" | "linkdown");
            line.word_as(if bad { Style::Bad } else { Style::Plain }, word);
        }
    }
    if hop.is_fdb() {
        line.word("fdb");
    }
    nest::unknown(line, &hop.unknown());
}

/// A member of a group: `12`, `12,3` where its weight is not 1.
pub(super) fn member(member: &GroupEntry) -> String {
    let id = { member.id };
    if member.weight() == 1 { id.to_string() } else { format!("{id},{}", member.weight()) }
}

/// Hundredths of a second as seconds.
fn seconds(line: &mut Line, key: &str, hundredths: Option<u64>) {
    if let Some(hundredths) = hundredths {
        line.display(key, clock_time(hundredths).as_secs_f64());
    }
}

pub(super) fn write_nsid(line: &mut Line, id: &impl NsIdView, cx: &Context<'_>) {
    line.display("nsid", id.nsid());
    if let Some(current) = id.attributes().current_nsid() {
        line.display("current-nsid", current);
    }
    if let Some(peer) = cx.peers.and_then(|peers| peers.peer(id.nsid(), 0)) {
        line.display("name", linx_wire::name::Name::new(peer.namespace.as_bytes()));
    }
    nest::unknown(line, &id.unknown());
}
