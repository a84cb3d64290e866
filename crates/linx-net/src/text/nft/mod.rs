//! What nf_tables has as text, in nft's words: one object a line, with the names of what it is in.
//!
//! Rules and sets show the kernel's expressions, one in brackets after the other: not nft's syntax. With details
//! (`-d`) the kernel's handle stands behind a `#`, as `nft -a` has it; a rule always has it, for it has no name.

pub(super) mod delta;
mod element;
mod object;

use std::borrow::Cow;
use std::time::Duration;

use linx_wire::attr::Attr;
use linx_wire::name::Name;
use linx_wire::nft::{
    ChainFlags, ChainView, DATA_TYPE_VERDICT, Devices, Expression, FlowtableView, ItemRef, RuleView,
    SetFlags, SetView, TableView, family, hook_word, object_type,
};

use super::{Line, Style, nest};
use crate::datatype::{fields, type_name};
use crate::names::Context;
use crate::words::{self, Words};

pub(super) fn write(line: &mut Line, object: &ItemRef<'_>, cx: &Context<'_>) {
    match object {
        ItemRef::Table(table) => write_table(line, table, cx),
        ItemRef::Chain(chain) => write_chain(line, chain, cx),
        ItemRef::Rule(rule) => write_rule(line, rule, cx),
        ItemRef::Set(set) => write_set(line, set, cx),
        ItemRef::Element(element) => element::write(line, element, cx),
        ItemRef::Object(object) => object::write(line, object, cx),
        ItemRef::Flowtable(flowtable) => write_flowtable(line, flowtable, cx),
        // A kind of a later version.
        other => line.word(words::kind(other.kind())),
    }
}

/// What an object is, its family and names.
fn open(line: &mut Line, kind: &str, family: u8, names: &[Name<'_>]) {
    line.word_as(Style::Kind, kind);
    match family::word(family) {
        Some(word) => line.word(word),
        None => line.display_first(family.into()),
    }
    names.iter().for_each(|name| write_name(line, *name));
}

/// A name, escaped, and in quotes where it would run into what stands beside it.
fn write_name(line: &mut Line, name: Name<'_>) {
    if is_plain(name) {
        return line.name(name);
    }
    line.word_as(Style::Name, &quoted(name));
}

fn is_plain(name: Name<'_>) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:%+@$*".contains(byte);
    !name.as_bytes().is_empty() && name.as_bytes().iter().all(plain)
}

/// The same, by itself.
fn shown(name: Name<'_>) -> String {
    if is_plain(name) { name.to_string() } else { quoted(name) }
}

/// A name or comment, escaped, in quotes.
fn quoted(name: Name<'_>) -> String {
    format!("\"{}\"", name.to_string().replace('"', "\\\""))
}

fn comment(line: &mut Line, comment: Option<Name<'_>>) {
    if let Some(comment) = comment {
        line.pair("comment", &quoted(comment));
    }
}

/// The kernel's number, where details are asked for.
fn handle(line: &mut Line, handle: Option<u64>, cx: &Context<'_>) {
    if let Some(handle) = handle.filter(|_| cx.details) {
        line.number("# handle", handle);
    }
}

fn flags(line: &mut Line, flag_words: Words, bits: u32) {
    if bits != 0 {
        line.pair("flags", &words::bits(flag_words, bits).collect::<Vec<_>>().join(","));
    }
}

fn expressions<'a>(line: &mut Line, expressions: impl Iterator<Item = Expression<'a>>, cx: &Context<'_>) {
    // They escape the names in them.
    for expression in expressions {
        line.word(&if cx.volatile { format!("{expression}") } else { format!("{expression:#}") });
    }
}

fn unknown(line: &mut Line, attributes: &[Attr<'_>]) {
    nest::unknown(line, attributes);
}

/// As nft has it: `1h30m`, `59m58s968ms`.
fn duration(duration: Duration) -> String {
    let whole = duration.as_secs();
    let parts = [
        (whole / 86_400, "d"),
        (whole / 3_600 % 24, "h"),
        (whole / 60 % 60, "m"),
        (whole % 60, "s"),
        (duration.subsec_millis().into(), "ms"),
    ];
    let text: String = parts
        .into_iter()
        .filter(|(number, _)| *number != 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn write_table(line: &mut Line, table: &impl TableView, cx: &Context<'_>) {
    open(line, "table", table.family(), &[table.name()]);
    flags(line, words::NFT_TABLE_FLAGS, table.flags().bits());
    if let Some(owner) = table.owner() {
        line.number("owner", owner);
    }
    comment(line, table.comment());
    unknown(line, &table.unknown());
    handle(line, table.handle(), cx);
}

/// A hook's word, or its number.
fn hook(family: u8, hook: u32) -> Cow<'static, str> {
    hook_word(family, hook).map_or_else(|| hook.to_string().into(), Cow::Borrowed)
}

/// Devices: `device "eth0"`, `devices { "eth0", "eth1" }`.
fn devices(line: &mut Line, names: &[Name<'_>], prefixes: Option<Devices<'_>>) {
    let mut all: Vec<_> = names.iter().map(|name| quoted(*name)).collect();
    let prefixes = prefixes.into_iter().flat_map(Devices::prefixes);
    all.extend(prefixes.map(|prefix| format!("{}*", quoted(prefix))));
    match &all[..] {
        [] => {}
        [one] => line.pair("device", one),
        several => line.pair("devices", &format!("{{ {} }}", several.join(", "))),
    }
}

fn write_chain(line: &mut Line, chain: &impl ChainView, cx: &Context<'_>) {
    open(line, "chain", chain.family(), &[chain.table(), chain.name()]);
    if let Some(kind) = chain.chain_type() {
        line.word("type");
        write_name(line, kind);
    }
    if let Some(place) = chain.hook() {
        if let Some(number) = place.hook() {
            line.pair("hook", &hook(chain.family(), number));
        }
        devices(line, &place.device_names().collect::<Vec<_>>(), place.devices());
        if let Some(priority) = place.prio() {
            line.display("priority", priority);
        }
    }
    match (chain.policy_word(), chain.attributes().policy()) {
        (Some(word), _) => line.pair("policy", word),
        (None, Some(number)) => line.number("policy", number),
        (None, None) => {}
    }
    flags(line, words::NFT_CHAIN_FLAGS, (chain.flags() - ChainFlags::BASE).bits());
    if let Some(counters) = chain.counters().filter(|_| cx.volatile) {
        line.maybe("packets", counters.packets());
        line.maybe("bytes", counters.bytes());
    }
    comment(line, chain.comment());
    unknown(line, &chain.unknown());
    handle(line, chain.handle(), cx);
}

fn write_rule(line: &mut Line, rule: &impl RuleView, cx: &Context<'_>) {
    open(line, "rule", rule.family(), &[rule.table(), rule.chain()]);
    line.number("handle", rule.handle());
    expressions(line, rule.expressions(), cx);
    comment(line, rule.comment());
    unknown(line, &rule.unknown());
}

/// Names of types, joined as nft does.
fn types(concatenated: u32) -> String {
    let names: Vec<_> = fields(concatenated).map(type_name).collect();
    if names.is_empty() { type_name(concatenated).into_owned() } else { names.join(" . ") }
}

fn write_set(line: &mut Line, set: &linx_wire::nft::SetRef<'_>, cx: &Context<'_>) {
    let all = set.attributes();
    let kind = if words::is_map(set, cx) { "map" } else { "set" };
    open(line, kind, set.family(), &[set.table(), set.name()]);
    if let Some(key) = all.key_type() {
        line.pair("type", &types(key));
    }
    match (all.obj_type(), all.data_type()) {
        (Some(kind), _) => match object_type::word(kind) {
            Some(word) => line.pair(":", word),
            None => line.number(":", kind),
        },
        (None, Some(DATA_TYPE_VERDICT)) => line.pair(":", "verdict"),
        (None, Some(data)) => line.pair(":", &types(data)),
        (None, None) => {}
    }
    let shown = SetFlags::MAP | SetFlags::OBJECT | SetFlags::CONCAT | SetFlags::EXPR;
    flags(line, words::NFT_SET_FLAGS, (set.flags() - shown).bits());
    if let Some(timeout) = set.timeout() {
        line.pair("timeout", &duration(timeout));
    }
    if let Some(interval) = set.gc_interval() {
        line.pair("gc-interval", &duration(interval));
    }
    line.maybe("size", set.size());
    if let Some(policy) = all.policy() {
        line.pair("policy", &words::word_or_number(words::NFT_SET_POLICIES, policy));
    }
    expressions(line, set.expressions(), cx);
    comment(line, set.comment());
    unknown(line, &set.unknown());
    handle(line, set.handle(), cx);
}

fn write_flowtable(line: &mut Line, flowtable: &impl FlowtableView, cx: &Context<'_>) {
    open(line, "flowtable", flowtable.family(), &[flowtable.table(), flowtable.name()]);
    if let Some(place) = flowtable.hook() {
        if let Some(number) = place.hook() {
            line.pair("hook", &hook(family::NETDEV, number));
        }
        if let Some(priority) = place.prio() {
            line.display("priority", priority);
        }
        let names: Vec<_> = place.devices().into_iter().flat_map(Devices::names).collect();
        devices(line, &names, place.devices());
    }
    flags(line, words::NFT_FLOWTABLE_FLAGS, flowtable.flags().bits());
    unknown(line, &flowtable.unknown());
    handle(line, flowtable.handle(), cx);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nfts() {
        let text = |millis| duration(Duration::from_millis(millis));
        assert_eq!([0, 5, 1_000, 3_598_968].map(text), ["0s", "5ms", "1s", "59m58s968ms"]);
        assert_eq!([3_600_000, 90_061_000, 604_800_000].map(text), ["1h", "1d1h1m1s", "7d"]);
        duration(Duration::MAX);
    }

    #[test]
    fn names_are_told_from_what_is_beside_them() {
        let shown = |bytes: &[u8]| {
            let mut line = Line::new();
            write_name(&mut line, Name::new(bytes));
            line.to_string()
        };
        assert_eq!(shown(b"filter_v4"), "filter_v4");
        assert_eq!(shown(b""), "\"\"");
        assert_eq!(shown(b"a b"), "\"a b\"");
        assert_eq!(shown(b"a\"\n\x1b"), "\"a\\\"\\n\\x1b\"");
    }
}
