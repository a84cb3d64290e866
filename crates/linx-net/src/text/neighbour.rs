//! A neighbour or a forwarding entry as text.

use linx_wire::route::{NeighbourState, NeighbourView};

use super::{Line, Style, nest};
use crate::names::{Context, NameFile};
use crate::words;

/// `USER_HZ`: units of the kernel's times in a second.
const HZ: u32 = 100;

pub(super) fn write(line: &mut Line, neighbour: &impl NeighbourView, cx: &Context<'_>) {
    whose(line, neighbour, cx, true);
    rest(line, neighbour, cx);
}

/// What says which one it is.
pub(super) fn write_identity(line: &mut Line, neighbour: &impl NeighbourView, cx: &Context<'_>) {
    whose(line, neighbour, cx, false);
}

/// Up to what tells one from others; `whole`: with what does not, between.
fn whose(line: &mut Line, neighbour: &impl NeighbourView, cx: &Context<'_>, whole: bool) {
    let fdb = neighbour.is_fdb();
    let link_type = cx.links.get(neighbour.index()).map_or(0, |link| link.link_type());
    let link_address = neighbour.lladdr().filter(|address| !address.as_bytes().is_empty());
    if let (true, Some(address)) = (fdb, link_address) {
        line.link_address(address, link_type);
    } else if let Some(address) = neighbour.dst() {
        line.ip(address);
    }
    line.word("dev");
    match neighbour.index() {
        // A proxy entry of all links.
        0 => line.word_as(Style::Name, "*"),
        index => line.link(cx.links, index),
    }
    if let (true, Some(remote)) = (fdb, neighbour.dst()) {
        line.word("dst");
        line.ip(remote);
    }
    if let (false, true, Some(address)) = (fdb, whole, link_address) {
        line.word("lladdr");
        line.link_address(address, link_type);
    }
    line.maybe("vlan", neighbour.vlan());
    if whole {
        line.maybe("port", neighbour.port());
    }
    line.maybe("vni", neighbour.vni());
    line.maybe("src_vni", neighbour.src_vni());
}

fn rest(line: &mut Line, neighbour: &impl NeighbourView, cx: &Context<'_>) {
    let fdb = neighbour.is_fdb();
    line.maybe("nhid", neighbour.nexthop_id());
    let attributes = neighbour.attributes();
    match (attributes.via_ifindex(), attributes.link_netnsid()) {
        (Some(via), None) => {
            line.word("via");
            line.link(cx.links, via);
        }
        (Some(via), Some(nsid)) => line.display("via", format_args!("if{via} link-netnsid {nsid}")),
        (None, _) => {}
    }
    if let Some(master) = neighbour.master() {
        line.word("master");
        line.link(cx.links, master);
    }
    for (bit, word) in if fdb { words::FDB_FLAGS } else { words::NEIGHBOUR_FLAGS } {
        // The name of the master says more.
        let told = *word == "master" && neighbour.master().is_some();
        if neighbour.flags().bits() & bit != 0 && !told {
            line.word(word);
        }
    }
    if let Some(extended) = attributes.fdb_ext_attrs() {
        for (present, word) in [
            (extended.activity_notify().is_some_and(|bits| bits & 1 != 0), "activity_notify"),
            (extended.activity_notify().is_some_and(|bits| bits & 2 != 0), "inactive"),
            (extended.dont_refresh(), "dont_refresh"),
        ] {
            if present {
                line.word(word);
            }
        }
    }
    if let Some(info) = attributes.cacheinfo().filter(|_| cx.volatile) {
        let (used, confirmed, updated) = (info.used / HZ, info.confirmed / HZ, info.updated / HZ);
        line.display("used", format_args!("{used}/{confirmed}/{updated}"));
        line.maybe("probes", attributes.probes());
    }
    state(line, neighbour.state(), fdb);
    if neighbour.protocol() != 0 {
        line.pair("proto", &cx.names.name(NameFile::Protocols, neighbour.protocol().into()));
    }
    nest::unknown(line, &neighbour.unknown());
}

/// Of a forwarding entry, `bridge`'s words.
fn state(line: &mut Line, state: NeighbourState, fdb: bool) {
    if fdb {
        return match state {
            state if state.contains(NeighbourState::PERMANENT) => line.word("permanent"),
            state if state.contains(NeighbourState::NOARP) => line.word("static"),
            state if state.contains(NeighbourState::STALE) => line.word("stale"),
            _ => {}
        };
    }
    for (bit, word) in words::NEIGHBOUR_STATES {
        if u32::from(state.bits()) & bit != 0 {
            let style = match *word {
                "FAILED" | "INCOMPLETE" => Style::Bad,
                "REACHABLE" => Style::Good,
                _ => Style::Plain,
            };
            line.word_as(style, word);
        }
    }
}
