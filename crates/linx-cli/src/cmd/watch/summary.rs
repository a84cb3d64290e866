//! What people are told before the first change: what there is, what they do not see.

use std::collections::BTreeMap;

use super::source::{Source, counts};
use crate::error::note;
use crate::filter::Query;
use crate::object::Object;
use crate::out::{counted, grouped};
use crate::place::{Group, Place};

/// Says what there is, as of the states that are complete.
pub(super) fn note_what_there_is(sources: &BTreeMap<u64, Source>) {
    let mut all: Vec<(&str, u64)> = Vec::new();
    for state in sources.values().filter_map(|source| source.begun.as_ref()) {
        for (kind, count) in counts(state) {
            match all.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => *sum += count,
                None => all.push((kind, count)),
            }
        }
    }
    let order = |kind: &str| {
        ["link", "address", "route", "rule", "nexthop", "neigh", "nft"].iter().position(|k| *k == kind)
    };
    all.sort_by_key(|(kind, _)| order(kind));
    let names = match (sources.len(), sources.values().next()) {
        (1, Some(only)) => format!("namespace {}", only.place.name),
        (many, _) => format!("{} namespaces ({})", grouped(many as u64), which(sources)),
    };
    let what = if all.is_empty() { "nothing that is asked for".to_owned() } else { counted(&all) };
    note(format_args!("{names}: {what}"));
}

/// `host, 200 pods, 2 containers`
fn which(sources: &BTreeMap<u64, Source>) -> String {
    let places = || sources.values().map(|source| &source.place);
    let own = places().filter(|place| place.group == Group::Own).map(|place| place.name.clone());
    let others = Group::COUNTED.into_iter().filter_map(|(group, one, many)| {
        let count = places().filter(|place| place.group == group).count() as u64;
        (count > 0).then(|| format!("{} {}", grouped(count), if count == 1 { one } else { many }))
    });
    own.chain(others).collect::<Vec<_>>().join(", ")
}

/// Says what is hidden.
pub(super) fn note_hidden(query: &Query) {
    let kinds = query.kinds();
    let hidden = [
        (Object::Link, "IPv6's own flags of links"),
        (Object::Neigh, "neighbour states, NOARP entries and devices' multicast addresses"),
        (Object::Address, "lifetimes"),
        (Object::Nft, "counters"),
        (Object::Route, "table local"),
    ];
    let hidden: Vec<_> = hidden
        .into_iter()
        .filter(|(kind, _)| kinds.contains(kind) && !(*kind == Object::Route && query.filter.names_table()))
        .map(|(_, text)| text)
        .collect();
    if !hidden.is_empty() {
        note(format_args!(
            "hidden: {} (--all shows them; --snapshot prints the state itself)",
            hidden.join(", ")
        ));
    }
}

/// Says which namespaces have tables of the old iptables, which nf_tables does not know.
pub(super) fn note_legacy<'a>(places: impl Iterator<Item = &'a Place>) {
    for place in places {
        let tables = legacy(place);
        if !tables.is_empty() {
            note(format_args!(
                "{} has legacy iptables tables ({}): they are not part of nf_tables and are not seen here",
                place.name,
                tables.join(", ")
            ));
        }
    }
}

/// The tables of the old iptables and ip6tables.
fn legacy(place: &Place) -> Vec<String> {
    let read = || {
        let all = ["ip_tables_names", "ip6_tables_names", "arp_tables_names"];
        // Without the module there is no such file.
        all.map(|file| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default())
    };
    let Ok(files) = place.netns.run(read) else { return vec![] };
    let mut tables: Vec<String> = Vec::new();
    for table in files.iter().flat_map(|text| text.lines()) {
        let table = linx_wire::name::Name::new(table.as_bytes()).to_string();
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}
