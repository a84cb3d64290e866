//! A link as text: one line, where ip has two to six.

use linx_wire::name::Name;
use linx_wire::policy::{Shape, Surroundings};
use linx_wire::route::link::INFO;
use linx_wire::route::{LinkFlags, LinkView, OperState};

use super::{Line, Style, nest};
use crate::forms::attributes;
use crate::forms::value::hex;
use crate::names::{Context, NameFile};
use crate::words;

pub(super) fn write(line: &mut Line, link: &impl LinkView, cx: &Context<'_>) {
    let attributes = link.attributes();
    line.display_first(link.index());
    line.push(":");
    line.name(link.name());
    other_end(line, link, cx);
    line.word("<");
    for (at, word) in link.flags().words().enumerate() {
        line.push(if at == 0 { "" } else { "," });
        let style = match &*word {
            "UP" | "LOWER_UP" => Style::Good,
            "NO-CARRIER" => Style::Bad,
            _ => Style::Plain,
        };
        line.push_as(style, &word);
    }
    line.push(">");
    line.maybe("mtu", attributes.mtu());
    if let Some(qdisc) = attributes.qdisc() {
        line.display("qdisc", qdisc);
    }
    if let Some(master) = link.master() {
        line.word("master");
        line.link(cx.links, master);
    }
    if attributes.operstate().is_some() {
        let style = match link.operstate() {
            OperState::Up => Style::Good,
            OperState::Down | OperState::LowerLayerDown => Style::Bad,
            _ => Style::Plain,
        };
        line.word("state");
        line.word_as(style, &link.operstate().to_string());
    }
    if let Some(mode) = attributes.linkmode().filter(|mode| *mode != 0 || cx.details) {
        line.pair("mode", &words::word_or_number(words::LINK_MODES, mode.into()));
    }
    if let Some(group) = attributes.group().filter(|group| *group != 0 || cx.details) {
        line.pair("group", &cx.names.name(NameFile::Groups, group));
    }
    if cx.details {
        line.maybe("qlen", attributes.txqlen());
    }
    hardware(line, link, cx);
    if let Some(kind) = link.kind() {
        line.display("type", kind);
    }
    if cx.details {
        data(line, link, cx);
    }
    if attributes.proto_down().is_some_and(|down| down != 0) {
        line.word_as(Style::Bad, "protodown on");
    }
    if let Some(alias) = attributes.ifalias() {
        line.display("alias", format_args!("\"{alias}\""));
    }
    for name in link.altnames() {
        line.word("altname");
        line.name(name);
    }
    if cx.details {
        details(line, link);
    }
    if let Some(stats) = link.stats().filter(|_| cx.volatile) {
        line.display("rx", format_args!("{} bytes {} packets", stats.rx_bytes, stats.rx_packets));
        line.display("tx", format_args!("{} bytes {} packets", stats.tx_bytes, stats.tx_packets));
        let bad = [
            ("rx_errors", stats.rx_errors),
            ("rx_dropped", stats.rx_dropped),
            ("tx_errors", stats.tx_errors),
            ("tx_dropped", stats.tx_dropped),
        ];
        for (key, count) in bad.into_iter().filter(|counter| counter.1 != 0) {
            line.number(key, count);
        }
    }
    nest::unknown(line, &link.unknown());
}

/// `@` and the link below or the other end: `@eth0`, `@shop:eth0`, `@if7`.
fn other_end(line: &mut Line, link: &impl LinkView, cx: &Context<'_>) {
    let Some(index) = link.link().filter(|index| *index != 0) else { return };
    line.push("@");
    let Some(nsid) = link.attributes().link_netnsid() else { return line.push_link(cx.links, index) };
    match cx.peers.and_then(|peers| peers.peer(nsid, index)) {
        Some(peer) => {
            line.push(&Name::new(peer.namespace.as_bytes()).to_string());
            line.push(":");
            match &peer.name {
                Some(name) => line.push_name(Name::new(name)),
                None => line.push(&format!("if{index}")),
            }
        }
        None => line.push(&format!("if{index}")),
    }
}

fn hardware(line: &mut Line, link: &impl LinkView, cx: &Context<'_>) {
    let attributes = link.attributes();
    line.space();
    line.push_as(Style::Kind, &format!("link/{}", cx.names.link_type(link.link_type())));
    let shown = |address: &linx_wire::addr::LinkAddr| !address.as_bytes().is_empty();
    if let Some(address) = attributes.address().filter(shown) {
        line.link_address(address, link.link_type());
    }
    let point_to_point = link.flags().contains(LinkFlags::POINTOPOINT);
    if let Some(address) = attributes.broadcast().filter(shown).filter(|_| point_to_point || cx.details) {
        line.word(if point_to_point { "peer" } else { "brd" });
        line.link_address(address, link.link_type());
    }
    if let Some(nsid) = attributes.link_netnsid().filter(|_| cx.details) {
        line.display("link-netnsid", nsid);
    }
    let permanent = attributes.permaddr().filter(|address| Some(*address) != attributes.address());
    if let Some(address) = permanent.filter(shown) {
        line.word("permaddr");
        line.link_address(address, link.link_type());
    }
}

/// The data of its kind, and behind `KIND_slave` that of its master's kind.
fn data(line: &mut Line, link: &impl LinkView, cx: &Context<'_>) {
    let Some(info) = link.attributes().linkinfo() else { return };
    let write = |line: &mut Line, name: &str| {
        let Some(entry) = INFO.entries.iter().find(|entry| entry.name == name) else { return };
        let Shape::Depends(choose) = entry.shape else { return };
        let around = Surroundings { siblings: info.as_bytes(), family: link.family() };
        let found = attributes(info.as_bytes()).filter(|attr| attr.number() == entry.number).last();
        match (choose(around), found) {
            (Some(policy), Some(attr)) => nest::write(line, policy, attr.payload, cx),
            (None, Some(attr)) if !attr.payload.is_empty() => line.pair("data", &hex(attr.payload)),
            _ => {}
        }
    };
    write(line, "DATA");
    if let Some(master) = info.info_slave_kind() {
        line.space();
        line.push_as(Style::Kind, &format!("{master}_slave"));
        write(line, "SLAVE_DATA");
    }
}

/// What else `-d` adds.
fn details(line: &mut Line, link: &impl LinkView) {
    let own = link.attributes();
    if let Some(mode) = link.inet6().and_then(|inet6| inet6.addr_gen_mode()) {
        line.pair("addrgenmode", &words::word_or_number(words::ADDR_GEN_MODES, mode.into()));
    }
    for (key, number) in [
        ("promiscuity", own.promiscuity()),
        ("allmulti", own.allmulti()),
        ("minmtu", own.min_mtu()),
        ("maxmtu", own.max_mtu()),
        ("numtxqueues", own.num_tx_queues()),
        ("numrxqueues", own.num_rx_queues()),
        ("gso_max_size", own.gso_max_size()),
        ("gso_max_segs", own.gso_max_segs()),
        ("tso_max_size", own.tso_max_size()),
        ("tso_max_segs", own.tso_max_segs()),
        ("gro_max_size", own.gro_max_size()),
        ("gso_ipv4_max_size", own.gso_ipv4_max_size()),
        ("gro_ipv4_max_size", own.gro_ipv4_max_size()),
    ] {
        line.maybe(key, number);
    }
    for (key, name) in
        [("parentbus", own.parentbus()), ("parentdev", own.parentdev()), ("portname", own.phys_port_name())]
    {
        if let Some(name) = name {
            line.display(key, name);
        }
    }
}
