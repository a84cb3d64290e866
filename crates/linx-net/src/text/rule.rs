//! A rule as text. Rules of IPv6 begin with `inet6`: their lines look like IPv4's otherwise.

use linx_wire::addr::family;
use linx_wire::route::{Ports, RuleAction, RuleFlags, RuleView};

use super::{Line, Style, inet_style, nest, route};
use crate::ip;
use crate::names::{Context, NameFile};
use crate::words;

pub(super) fn write(line: &mut Line, rule: &impl RuleView, cx: &Context<'_>) {
    let flags = rule.flags();
    line.word(&ip::decimal(rule.priority().into()));
    line.push(":");
    if rule.family() != family::INET {
        line.word(&words::word_or_number(words::FAMILIES, rule.family().into()));
    }
    if flags.contains(RuleFlags::INVERT) {
        line.word("not");
    }
    line.word("from");
    match rule.from() {
        Some(from) => line.word_as(inet_style(from.addr()), &ip::prefix(from)),
        None => line.word("all"),
    }
    if let Some(to) = rule.to() {
        line.word("to");
        line.word_as(inet_style(to.addr()), &ip::prefix(to));
    }
    if rule.tos() != 0 {
        line.pair("tos", &cx.names.name(NameFile::DsField, rule.tos().into()));
    }
    if let Some((dscp, mask)) = rule.dscp() {
        line.number("dscp", dscp);
        masked(line, mask);
    }
    if let Some((label, mask)) = rule.flowlabel() {
        line.display("flowlabel", format_args!("{label:#x}"));
        masked(line, mask);
    }
    if let Some(fwmark) = rule.fwmark() {
        line.display("fwmark", format_args!("{:#x}", fwmark.mark));
        masked(line, Some(fwmark.mask).filter(|mask| *mask != u32::MAX));
    }
    for (key, name, detached) in
        [("iif", rule.iif(), RuleFlags::IIF_DETACHED), ("oif", rule.oif(), RuleFlags::OIF_DETACHED)]
    {
        if let Some(name) = name {
            line.word(key);
            line.name(name);
            if flags.contains(detached) {
                line.word_as(Style::Bad, "[detached]");
            }
        }
    }
    if let Some(users) = rule.uid_range() {
        line.display("uidrange", format_args!("{}-{}", { users.start }, { users.end }));
    }
    if let Some(protocol) = rule.ip_protocol() {
        line.pair("ipproto", &cx.names.name(NameFile::IpProtocols, protocol.into()));
    }
    ports(line, "sport", rule.sport());
    ports(line, "dport", rule.dport());
    line.maybe("tun_id", rule.tun_id());
    action(line, rule, cx);
    if cx.details || rule.protocol() != 0 && rule.protocol() != KERNEL {
        line.pair("proto", &cx.names.name(NameFile::Protocols, rule.protocol().into()));
    }
    nest::unknown(line, &rule.unknown());
}

/// `RTPROT_KERNEL`
const KERNEL: u8 = 2;

fn masked(line: &mut Line, mask: Option<impl std::fmt::LowerHex>) {
    if let Some(mask) = mask {
        line.push(&format!("/{mask:#x}"));
    }
}

fn ports(line: &mut Line, key: &str, ports: Option<Ports>) {
    let Some(Ports { start, end, mask }) = ports else { return };
    line.number(key, start);
    if start != end {
        line.push(&format!("-{end}"));
    }
    masked(line, mask);
}

fn action(line: &mut Line, rule: &impl RuleView, cx: &Context<'_>) {
    if rule.l3mdev() {
        line.pair("lookup", "[l3mdev-table]");
    } else if rule.table() != 0 {
        line.word("lookup");
        line.word_as(Style::Kind, &cx.names.name(NameFile::Tables, rule.table()));
    }
    line.maybe("suppress_prefixlength", rule.suppress_prefixlen());
    if let Some(group) = rule.suppress_ifgroup() {
        line.pair("suppress_ifgroup", &cx.names.name(NameFile::Groups, group));
    }
    if let Some(flow) = rule.flow().filter(|flow| *flow != 0) {
        route::realms(line, flow, cx);
    }
    match rule.action() {
        RuleAction::ToTable => {}
        RuleAction::Goto => {
            line.maybe("goto", rule.goto());
            if rule.flags().contains(RuleFlags::UNRESOLVED) {
                line.word_as(Style::Bad, "[unresolved]");
            }
        }
        _ => line.word_as(Style::Kind, &cx.names.word(words::RULE_ACTIONS, rule.header().action.into())),
    }
}
