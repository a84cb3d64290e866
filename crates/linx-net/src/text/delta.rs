//! Lines of what changed: what an object is that came or went, and of one that changed, which field became what.
//!
//! `+ route    10.1.1.0/24 dev eth0 proto kernel scope link src 10.1.1.4`
//! `~ link     eth0  flags -UP -LOWER_UP  operstate UP → DOWN`

use linx_wire::name::Name;
use linx_wire::policy::Class;
use linx_wire::route::{AddressView, LinkView, NeighbourView, NextHopView, NsIdView, ObjectRef, OperState};

use super::values::{self, Field};
use super::{Line, Style, address, neighbour, nest, route, rule};
use crate::forms::value::Value;
use crate::names::Context;

pub(super) fn write_whole(line: &mut Line, object: ObjectRef<'_>, cx: &Context<'_>) {
    match &object {
        ObjectRef::Link(link) if !link.is_part() => write_link(line, link, cx),
        _ => super::write(line, object, cx),
    }
}

/// Whether any of what is shown of it differs.
pub(super) fn write_changed(
    line: &mut Line,
    before: ObjectRef<'_>,
    after: ObjectRef<'_>,
    cx: &Context<'_>,
) -> bool {
    let (old, new) = (values::of(before, cx), values::of(after, cx));
    let mut all = differences(&old.0, &new.0);
    if let (ObjectRef::Neighbour(before), ObjectRef::Neighbour(after)) = (&before, &after)
        && before.state().settled() == after.state().settled()
        && !cx.volatile
        && all.iter().any(|field| field.key != "state")
    {
        all.retain(|field| field.key != "state");
    }
    // Times that run down differ always.
    if !cx.volatile && all.iter().any(|field| field.class != Class::Deadline) {
        all.retain(|field| field.class != Class::Deadline);
    }
    if !cx.details && all.iter().any(|field| field.class != Class::Audited) {
        all.retain(|field| field.class != Class::Audited);
    }
    let changed = |key: &str| all.iter().any(|field| field.key == key);
    match &after {
        ObjectRef::Link(link) => line.name(link.name()),
        ObjectRef::Address(own) => {
            address::write_prefix(line, own);
            line.word("dev");
            line.link(cx.links, own.index());
        }
        ObjectRef::Route(own) => route::write_identity(line, own, cx, &changed),
        ObjectRef::Neighbour(own) => neighbour::write_identity(line, own, cx),
        ObjectRef::Rule(own) => rule::write(line, own, cx),
        ObjectRef::NextHop(hop) => line.number("id", hop.id()),
        ObjectRef::NsId(id) => line.display("nsid", id.nsid()),
        // A kind of a later version.
        other => super::write(line, *other, cx),
    }
    all.iter().for_each(|field| write_difference(line, field));
    !all.is_empty()
}

/// A link in a few words: kind, what it is on or leads to, master, address, state.
fn write_link(line: &mut Line, link: &impl LinkView, cx: &Context<'_>) {
    line.name(link.name());
    if let Some(kind) = link.kind() {
        line.display("type", kind);
    }
    let own = link.attributes();
    if let Some(index) = link.link().filter(|index| *index != 0) {
        let is_pair =
            link.kind().is_some_and(|kind| matches!(kind.as_bytes(), b"veth" | b"netkit" | b"vxcan"));
        line.word(if is_pair { "peer" } else { "link" });
        let peer = own.link_netnsid().and_then(|nsid| cx.peers?.peer(nsid, index));
        match (peer, own.link_netnsid()) {
            (Some(peer), _) => {
                line.name(Name::new(peer.namespace.as_bytes()));
                line.push("/");
                match &peer.name {
                    Some(name) => line.push_name(Name::new(name)),
                    None => line.push(&format!("if{index}")),
                }
            }
            (None, Some(nsid)) => line.word(&format!("if{index} link-netnsid {nsid}")),
            (None, None) => line.link(cx.links, index),
        }
    }
    if let Some(master) = link.master() {
        line.word("master");
        line.link(cx.links, master);
    }
    if let Some(address) = own.address().filter(|address| !address.as_bytes().is_empty()) {
        line.word("address");
        line.link_address(address, link.link_type());
    }
    if own.operstate().is_some() {
        line.word("state");
        line.word_as(state_style(&link.operstate().to_string()), &link.operstate().to_string());
    }
}

fn state_style(word: &str) -> Style {
    if word == OperState::Up.to_string() {
        Style::Good
    } else if ["DOWN", "LOWERLAYERDOWN", "FAILED", "INCOMPLETE"].contains(&word) {
        Style::Bad
    } else {
        Style::Plain
    }
}

/// Keys and values of what has parts.
type Parts = [(&'static str, Value)];

/// A field that differs.
#[derive(Debug)]
pub(super) struct Difference<'a> {
    key: &'a str,
    class: Class,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

pub(super) fn differences<'a>(old: &'a [Field], new: &'a [Field]) -> Vec<Difference<'a>> {
    let find = |fields: &'a [Field], key: &str| fields.iter().find(|field| field.key == key);
    // A link that joins a bridge has all that a port has: that it joined says it.
    let is_told = |field: &Field, others: &[Field]| {
        field.nest.is_none_or(|nest| others.iter().any(|other| other.nest == Some(nest)))
    };
    // What is off is often left out.
    let or_off = |value: Option<&'a Value>| value.filter(|value| **value != Value::Bool(false));
    let mut all = Vec::new();
    for field in new.iter().filter(|field| is_told(field, old)) {
        let (before, after) = (find(old, &field.key).map(|field| &field.value), Some(&field.value));
        if or_off(before) != or_off(after) {
            all.push(Difference { key: &field.key, class: field.class, before, after });
        }
    }
    let gone = old.iter().filter(|field| find(new, &field.key).is_none() && is_told(field, new));
    for field in gone.filter(|field| field.value != Value::Bool(false)) {
        all.push(Difference { key: &field.key, class: field.class, before: Some(&field.value), after: None });
    }
    all
}

pub(super) fn write_difference(line: &mut Line, field: &Difference<'_>) {
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (field.before, field.after) {
        return write_parts(line, field, before, after);
    }
    line.push("  ");
    line.push(field.key);
    let lists = match (field.before, field.after) {
        (Some(Value::List(before)), Some(Value::List(after))) => Some((&before[..], &after[..])),
        (Some(Value::List(before)), None) => Some((&before[..], &[][..])),
        (None, Some(Value::List(after))) => Some((&[][..], &after[..])),
        _ => None,
    };
    if let Some((before, after)) = lists {
        let gone = before.iter().filter(|value| !after.contains(value)).map(|value| ("-", value));
        let new = after.iter().filter(|value| !before.contains(value)).map(|value| ("+", value));
        let mut moved = true;
        for (sign, value) in gone.chain(new) {
            moved = false;
            let text = flat(value);
            line.word_as(Style::Plain, sign);
            line.push_as(state_style(&text), &text);
        }
        if !moved {
            return;
        }
    }
    let is_switch = [field.before, field.after].iter().flatten().all(|value| matches!(value, Value::Bool(_)));
    let shown = |value: Option<&Value>| match value {
        Some(Value::Bool(on)) => if *on { "on" } else { "off" }.to_owned(),
        Some(value) => flat(value),
        None => if is_switch { "off" } else { "none" }.to_owned(),
    };
    let (before, after) = (shown(field.before), shown(field.after));
    line.word_as(state_style(&before), &before);
    line.word("→");
    line.word_as(state_style(&after), &after);
}

/// Of what has parts, those that differ.
fn write_parts(line: &mut Line, whole: &Difference<'_>, before: &Parts, after: &Parts) {
    fn part<'a>(parts: &'a Parts, key: &str) -> Option<&'a Value> {
        parts.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
    let gone = before.iter().filter(|(key, _)| part(after, key).is_none());
    for (key, _) in after.iter().chain(gone) {
        let [before, after] = [before, after].map(|parts| part(parts, key));
        if before != after {
            let key = format!("{}.{key}", whole.key);
            write_difference(line, &Difference { key: &key, class: whole.class, before, after });
        }
    }
}

/// A value in one word: texts in it are escaped already.
fn flat(value: &Value) -> String {
    nest::flat_by(value, &str::to_owned)
}
