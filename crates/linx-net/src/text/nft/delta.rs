//! What changed of an object of a rule set: the words that identify it, then each field that differs.

use linx_wire::name::Name;
use linx_wire::nft::{
    ChainFlags, ChainView, Devices, FlowtableView, ItemRef, SetFlags, SetView, TableView, family,
};

use super::super::delta::{differences, write_difference};
use super::super::values::Fields;
use super::super::{Line, Style};
use super::{duration, hook, open, quoted, shown};
use crate::forms::value::Value;
use crate::names::Context;
use crate::words;

pub(in crate::text) fn write_changed(
    line: &mut Line,
    before: &ItemRef<'_>,
    after: &ItemRef<'_>,
    cx: &Context<'_>,
) {
    match after {
        ItemRef::Table(table) => open(line, "table", table.family(), &[table.name()]),
        ItemRef::Chain(chain) => open(line, "chain", chain.family(), &[chain.table(), chain.name()]),
        ItemRef::Set(set) => {
            let kind = if words::is_map(set, cx) { "map" } else { "set" };
            open(line, kind, set.family(), &[set.table(), set.name()]);
        }
        ItemRef::Flowtable(table) => open(line, "flowtable", table.family(), &[table.table(), table.name()]),
        // Rules, elements and objects have no fields with names: what their lines have in common says which it is.
        _ => return write_rest(line, before, after, cx),
    }
    let (old, new) = (fields(before), fields(after));
    differences(&old.0, &new.0).iter().for_each(|field| write_difference(line, field));
}

fn fields(item: &ItemRef<'_>) -> Fields {
    let mut out = Fields::default();
    match item {
        ItemRef::Table(table) => {
            out.list(
                "flags",
                words::bits(words::NFT_TABLE_FLAGS, table.flags().bits()).map(|word| word.into_owned()),
            );
            out.maybe("owner", table.owner());
            out.maybe("comment", table.comment().map(quoted));
        }
        ItemRef::Chain(chain) => {
            out.text("name", shown(chain.name()));
            out.maybe("type", chain.chain_type());
            let place = chain.hook();
            let number = place.and_then(|place| place.hook());
            out.maybe("hook", number.map(|number| hook(chain.family(), number)));
            out.maybe("priority", place.and_then(|place| place.prio()));
            let names = place.into_iter().flat_map(|place| place.device_names().collect::<Vec<_>>());
            devices(&mut out, names, place.and_then(|place| place.devices()));
            out.maybe(
                "policy",
                chain
                    .policy_word()
                    .map(str::to_owned)
                    .or_else(|| chain.attributes().policy().map(|number| number.to_string())),
            );
            let flags = (chain.flags() - ChainFlags::BASE).bits();
            out.list("flags", words::bits(words::NFT_CHAIN_FLAGS, flags).map(|word| word.into_owned()));
            out.maybe("comment", chain.comment().map(quoted));
        }
        ItemRef::Set(set) => {
            let shown = SetFlags::MAP | SetFlags::OBJECT | SetFlags::CONCAT | SetFlags::EXPR;
            let flags = (set.flags() - shown).bits();
            out.list("flags", words::bits(words::NFT_SET_FLAGS, flags).map(|word| word.into_owned()));
            out.maybe("timeout", set.timeout().map(duration));
            out.maybe("gc-interval", set.gc_interval().map(duration));
            out.maybe("size", set.size());
            let policy = set.attributes().policy();
            out.maybe("policy", policy.map(|policy| words::word_or_number(words::NFT_SET_POLICIES, policy)));
            let expressions: Vec<_> = set.expressions().map(|expression| format!("{expression:#}")).collect();
            out.maybe("expressions", Some(expressions.join(" ")).filter(|text| !text.is_empty()));
            out.maybe("comment", set.comment().map(quoted));
        }
        ItemRef::Flowtable(table) => {
            let place = table.hook();
            let number = place.and_then(|place| place.hook());
            out.maybe("hook", number.map(|number| hook(family::NETDEV, number)));
            out.maybe("priority", place.and_then(|place| place.prio()));
            let all = place.and_then(|place| place.devices());
            devices(&mut out, all.into_iter().flat_map(Devices::names), all);
            let flags = table.flags().bits();
            out.list("flags", words::bits(words::NFT_FLOWTABLE_FLAGS, flags).map(|word| word.into_owned()));
        }
        _ => {}
    }
    out
}

fn devices<'a>(out: &mut Fields, names: impl Iterator<Item = Name<'a>>, prefixes: Option<Devices<'a>>) {
    let prefixes =
        prefixes.into_iter().flat_map(Devices::prefixes).map(|prefix| format!("{}*", quoted(prefix)));
    let all: Vec<_> = names.map(quoted).chain(prefixes).map(|text| Value::Text(text.into())).collect();
    if !all.is_empty() {
        out.put("devices", Value::List(all));
    }
}

/// What two lines have in common, then what the rest of one became.
fn write_rest(line: &mut Line, before: &ItemRef<'_>, after: &ItemRef<'_>, cx: &Context<'_>) {
    let text = |item: &ItemRef<'_>| {
        let mut line = Line::new();
        super::write(&mut line, item, cx);
        line.to_string()
    };
    let (old, new) = (text(before), text(after));
    let mut common = 0;
    for (at, _) in new.match_indices(' ').chain([(new.len(), "")]) {
        let is_end = old.len() == at || old.as_bytes().get(at) == Some(&b' ');
        if !is_end || old.get(..at) != new.get(..at) {
            break;
        }
        common = at;
    }
    let (same, new) = new.split_at_checked(common).unwrap_or(("", &new));
    let old = old.get(common..).unwrap_or_default().trim_start();
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let (kind, rest) = same.split_once(' ').unwrap_or((same, ""));
    line.word_as(Style::Kind, kind);
    line.word(rest);
    line.push("  ");
    line.push(&or_none(old));
    line.word("→");
    line.word(&or_none(new.trim_start()));
}
