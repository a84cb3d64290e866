//! The body of a rule.

use linx_wire::route::{Ports, RuleAction, RuleFlags, RuleView};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::fields::{Bits, Fields, Ip};
use crate::names::{Context, NameFile};
use crate::words;

/// A rule as JSON.
#[derive(Debug)]
pub struct RuleBody<'a, R>(pub &'a R, pub &'a Context<'a>);

impl<R: RuleView> Serialize for RuleBody<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (rule, cx) = (self.0, self.1);
        let flags = rule.flags();
        let mut out = Fields::open(serializer, "rule", 7)?;
        out.put("family", &*words::word_or_number(words::FAMILIES, rule.family().into()))?;
        out.put("priority", &rule.priority())?;
        out.flag("not", flags.contains(RuleFlags::INVERT))?;
        match rule.from() {
            Some(from) => {
                out.put("src", &Ip(from.addr()))?;
                out.maybe(
                    "srclen",
                    Some(from.prefix_len()).filter(|length| *length != from.max_prefix_len()),
                )?;
            }
            None => out.put("src", "all")?,
        }
        if let Some(to) = rule.to() {
            out.put("dst", &Ip(to.addr()))?;
            out.maybe("dstlen", Some(to.prefix_len()).filter(|length| *length != to.max_prefix_len()))?;
        }
        if rule.tos() != 0 {
            out.put("tos", &*cx.names.name(NameFile::DsField, rule.tos().into()))?;
        }
        selectors(&mut out, rule, cx)?;
        action(&mut out, rule, cx)?;
        out.put("protocol", &*cx.names.name(NameFile::Protocols, rule.protocol().into()))?;
        let shown =
            RuleFlags::INVERT | RuleFlags::UNRESOLVED | RuleFlags::IIF_DETACHED | RuleFlags::OIF_DETACHED;
        let rest = (flags - shown).bits();
        if rest != 0 {
            out.put("flags", &Bits(words::RULE_FLAGS, rest))?;
        }
        out.unknown(&rule.unknown())?;
        out.close()
    }
}

fn selectors<S: SerializeStruct>(
    out: &mut Fields<S>,
    rule: &impl RuleView,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    let flags = rule.flags();
    if let Some((dscp, mask)) = rule.dscp() {
        out.put("dscp", &dscp.to_string())?;
        out.maybe("dscp_mask", mask.map(|mask| format!("{mask:#x}")))?;
    }
    if let Some((label, mask)) = rule.flowlabel() {
        out.put("flowlabel", &format!("{label:#x}"))?;
        out.maybe("flowlabel_mask", mask.map(|mask| format!("{mask:#x}")))?;
    }
    if let Some(fwmark) = rule.fwmark() {
        out.put("fwmark", &format!("{:#x}", fwmark.mark))?;
        out.maybe(
            "fwmask",
            Some(fwmark.mask).filter(|mask| *mask != u32::MAX).map(|mask| format!("{mask:#x}")),
        )?;
    }
    if let Some(iif) = rule.iif() {
        out.name(("iif", "iif_hex"), iif)?;
        out.flag("iif_detached", flags.contains(RuleFlags::IIF_DETACHED))?;
    }
    if let Some(oif) = rule.oif() {
        out.name(("oif", "oif_hex"), oif)?;
        out.flag("oif_detached", flags.contains(RuleFlags::OIF_DETACHED))?;
    }
    out.flag("l3mdev", rule.l3mdev())?;
    if let Some(users) = rule.uid_range() {
        out.put("uid_start", &{ users.start })?;
        out.put("uid_end", &{ users.end })?;
    }
    out.maybe(
        "ipproto",
        rule.ip_protocol().map(|number| cx.names.name(NameFile::IpProtocols, number.into())),
    )?;
    ports(out, ["sport", "sport_start", "sport_end", "sport_mask"], rule.sport())?;
    ports(out, ["dport", "dport_start", "dport_end", "dport_mask"], rule.dport())?;
    out.maybe("tun_id", rule.tun_id())
}

/// One port, or a range of them.
fn ports<S: SerializeStruct>(
    out: &mut Fields<S>,
    keys: [&'static str; 4],
    ports: Option<Ports>,
) -> Result<(), S::Error> {
    let (Some(Ports { start, end, mask }), [one, first, last, masked]) = (ports, keys) else { return Ok(()) };
    if start == end {
        out.put(one, &start)?;
    } else {
        out.put(first, &start)?;
        out.put(last, &end)?;
    }
    out.maybe(masked, mask.map(|mask| format!("{mask:#x}")))
}

fn action<S: SerializeStruct>(
    out: &mut Fields<S>,
    rule: &impl RuleView,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    let table = rule.table();
    if table != 0 {
        out.put("table", &*cx.names.name(NameFile::Tables, table))?;
        out.put("table_id", &table)?;
    }
    out.maybe("suppress_prefixlen", rule.suppress_prefixlen())?;
    out.maybe(
        "suppress_ifgroup",
        rule.suppress_ifgroup().map(|group| cx.names.name(NameFile::Groups, group)),
    )?;
    if let Some(flow) = rule.flow().filter(|flow| *flow != 0) {
        let (from, to) = (flow >> 16, flow & 0xffff);
        out.maybe("flow_from", (from != 0).then(|| cx.names.name(NameFile::Realms, from)))?;
        out.put("flow_to", &*cx.names.name(NameFile::Realms, to))?;
    }
    match rule.action() {
        RuleAction::ToTable => Ok(()),
        RuleAction::Goto => {
            out.maybe("goto", rule.goto())?;
            out.flag("unresolved", rule.flags().contains(RuleFlags::UNRESOLVED))
        }
        RuleAction::Nop => out.flag("nop", true),
        _ => out.put("action", &*cx.names.word(words::RULE_ACTIONS, rule.header().action.into())),
    }
}
