//! The fields of an object as keys and values, for what tells them one by one: lines of what changed.
//!
//! Keys and spellings are those of JSON, and so of `ip -j`: what is read here can be looked for there. What identifies
//! an object is left out: it does not change.

use linx_wire::addr::LinkAddr;
use linx_wire::name::Name;
use linx_wire::policy::{Class, Policy, Shape, Surroundings};
use linx_wire::route::link::{INFO, LINK};
use linx_wire::route::{
    AddressView, Lifetime, LinkView, NeighbourView, NextHopView, NsIdView, ObjectRef, RouteView, RuleFlags,
    RuleView,
};

use super::{Line, encap, nest, nexthop, route};
use crate::forms::value::{Value, hex};
use crate::forms::{self, Form, Given, attributes};
use crate::ip;
use crate::names::{Context, NameFile};
use crate::words;

/// A field. Texts in its value are escaped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) class: Class,
    /// The table of the nest that it is in, if it is in one.
    pub(super) nest: Option<&'static str>,
}

/// Fields of an object, in the order in which they are told.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

impl Fields {
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.push(key, value, Class::Tracked, None);
    }

    fn push(&mut self, key: &str, value: Value, class: Class, nest: Option<&'static str>) {
        self.0.push(Field { key: key.to_owned(), value, class, nest });
    }

    pub(super) fn text(&mut self, key: &str, text: impl Into<String>) {
        self.put(key, Value::Text(text.into().into()));
    }

    pub(super) fn maybe(&mut self, key: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.text(key, text.to_string());
        }
    }

    fn number(&mut self, key: &str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.put(key, Value::Unsigned(number.into()));
        }
    }

    fn link(&mut self, key: &str, index: Option<u32>, cx: &Context<'_>) {
        if let Some(index) = index.filter(|index| *index != 0) {
            let mut line = Line::new();
            line.link(cx.links, index);
            self.text(key, line.as_str());
        }
    }

    /// Words, of which some may come and others go.
    pub(super) fn list(&mut self, key: &str, words: impl Iterator<Item = impl Into<String>>) {
        self.put(key, Value::List(words.map(|word| Value::Text(word.into().into())).collect()));
    }

    /// What a part of a line says.
    fn line(&mut self, key: &str, write: impl FnOnce(&mut Line)) {
        let mut line = Line::new();
        write(&mut line);
        let text = line.as_str();
        let text = text.strip_prefix(key).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(text);
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    fn unknown(&mut self, attributes: &[linx_wire::attr::Attr<'_>]) {
        if !attributes.is_empty() {
            self.list(
                "unknown",
                attributes.iter().map(|attr| format!("{}:{}", attr.number(), hex(attr.payload))),
            );
        }
    }
}

/// The fields of an object of rtnetlink.
pub(super) fn of(object: ObjectRef<'_>, cx: &Context<'_>) -> Fields {
    let mut out = Fields::default();
    match &object {
        ObjectRef::Link(link) => link_fields(&mut out, link, cx),
        ObjectRef::Address(address) => address_fields(&mut out, address, cx),
        ObjectRef::Route(route) => route_fields(&mut out, route, cx),
        ObjectRef::Neighbour(neighbour) => neighbour_fields(&mut out, neighbour, cx),
        ObjectRef::Rule(rule) => rule_fields(&mut out, rule, cx),
        ObjectRef::NextHop(hop) => nexthop_fields(&mut out, hop, cx),
        ObjectRef::NsId(id) => {
            if let Some(current) = id.attributes().current_nsid() {
                out.put("current_nsid", Value::Int(current.into()));
            }
            out.unknown(&id.unknown());
        }
        // A kind of a later version.
        _ => {}
    }
    out
}

fn link_fields(out: &mut Fields, link: &impl LinkView, cx: &Context<'_>) {
    out.list("flags", link.flags().words().map(|word| word.into_owned()));
    let own = link.attributes();
    for (key, address) in [("address", own.address()), ("broadcast", own.broadcast())] {
        hardware(out, key, address, link.link_type());
    }
    nest_fields(
        out,
        &Nest { policy: &LINK, bytes: own.as_bytes(), family: link.family(), cx },
        "",
        Class::Tracked,
    );
}

fn hardware(out: &mut Fields, key: &str, address: Option<LinkAddr>, link_type: u16) {
    if let Some(address) = address.filter(|address| !address.as_bytes().is_empty()) {
        out.line(key, |line| line.link_address(address, link_type));
    }
}

/// Attributes with their table.
struct Nest<'a> {
    policy: &'static Policy,
    bytes: &'a [u8],
    family: u8,
    cx: &'a Context<'a>,
}

/// Attributes of links that are told otherwise, or not at all: a carrier is the flag LOWER_UP, and the kind of the master
/// is known by its name.
const ELSEWHERE: [&str; 5] = ["ADDRESS", "BROADCAST", "CARRIER", "EVENT", "SLAVE_KIND"];

/// Nests whose keys say nothing that what is in them does not.
const PLAIN: [&str; 3] = ["linkinfo", "info_data", "af_spec"];

/// `IFLA_INFO_SLAVE_KIND`
const SLAVE_KIND: u16 = 4;

fn slave_prefix(info: &[u8]) -> String {
    let kind = attributes(info).filter(|attr| attr.number() == SLAVE_KIND).last();
    kind.map_or_else(String::new, |attr| format!("{}_slave ", Name::from_payload(attr.payload)))
}

fn nest_fields(out: &mut Fields, nest: &Nest<'_>, prefix: &str, outer: Class) {
    let own = forms::of(nest.policy);
    let within = (!std::ptr::eq(nest.policy, &LINK) && !std::ptr::eq(nest.policy, &INFO))
        .then_some(nest.policy.prefix);
    for entry in nest.policy.entries {
        let found = attributes(nest.bytes).filter(|attr| attr.number() == entry.number).last();
        let Some(payload) = found.map(|attr| attr.payload) else { continue };
        let elsewhere = within.is_none() && ELSEWHERE.contains(&entry.name);
        if elsewhere || (entry.class == Class::Volatile && !nest.cx.volatile) {
            continue;
        }
        let class = if outer == Class::Audited { outer } else { entry.class };
        let given = Given { payload, shape: entry.shape, cx: nest.cx, siblings: nest.bytes };
        let key = match forms::form(own, entry) {
            Some(Form::Key(key) | Form::Only(key)) => key,
            Some(form) => {
                // The names of links say enough without their indices.
                for (key, value) in
                    form.fields(&given).into_iter().filter(|field| !field.0.ends_with("_index"))
                {
                    out.push(&format!("{prefix}{key}"), escaped(value), class, within);
                }
                continue;
            }
            None => forms::key(entry),
        };
        let full = format!("{prefix}{key}");
        let around = Surroundings { siblings: nest.bytes, family: nest.family };
        let inner = match entry.shape {
            Shape::Nested(policy) => Some(policy),
            Shape::Depends(choose) => choose(around),
            _ => None,
        };
        if let Some(policy) = inner {
            let prefix = match key {
                // As ip has it: `bridge_slave state forwarding`.
                "info_slave_data" => slave_prefix(nest.bytes),
                key if PLAIN.contains(&key) => prefix.to_owned(),
                _ => format!("{full}."),
            };
            nest_fields(out, &Nest { policy, bytes: payload, ..*nest }, &prefix, class);
            continue;
        }
        let one = |shape: Shape, payload: &[u8]| {
            let mut line = Line::new();
            nest::shaped(&mut line, key, shape, payload, nest.cx);
            let text = line.as_str().strip_prefix(key).unwrap_or_default().trim_start();
            Value::Text(text.to_owned().into())
        };
        let value = match entry.shape {
            Shape::Flag => Value::Bool(true),
            Shape::Items(shape) => {
                Value::List(attributes(payload).map(|attr| one(*shape, attr.payload)).collect())
            }
            Shape::Many(shape) => {
                let all = attributes(nest.bytes).filter(|attr| attr.number() == entry.number);
                Value::List(all.map(|attr| one(*shape, attr.payload)).collect())
            }
            shape => one(shape, payload),
        };
        out.push(&full, value, class, within);
    }
    let unknown: Vec<_> = nest.policy.unknown(nest.bytes).collect();
    out.unknown(&unknown);
}

/// What a form made, safe for a terminal.
fn escaped(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(nest::escaped(&text).into()),
        Value::Name(name) => Value::Text(Name::new(&name).to_string().into()),
        Value::List(list) => Value::List(list.into_iter().map(escaped).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, escaped(value))).collect())
        }
        value => value,
    }
}

fn address_fields(out: &mut Fields, address: &impl AddressView, cx: &Context<'_>) {
    let flags = address.flags();
    let named = words::address_flags(flags, address.family());
    let rest = words::unnamed_address_flags(flags);
    let rest = (rest != 0).then(|| format!("{rest:#x}"));
    out.list("flags", named.filter(|flag| flag.1).map(|flag| flag.0.to_owned()).chain(rest));
    out.maybe("broadcast", address.broadcast());
    out.text("scope", cx.names.name(NameFile::Scopes, address.scope().into()));
    out.maybe("label", address.label());
    out.put("metric", Value::Unsigned(address.metric().into()));
    out.text("protocol", cx.names.name(NameFile::AddressProtocols, address.protocol().into()));
    for (key, lifetime) in
        [("valid_life_time", address.valid()), ("preferred_life_time", address.preferred())]
    {
        out.push(key, lifetime_value(lifetime), Class::Deadline, None);
    }
    out.unknown(&address.unknown());
}

fn lifetime_value(lifetime: Lifetime) -> Value {
    match lifetime.remaining() {
        None => Value::Text("forever".into()),
        Some(remaining) => Value::Text(format!("{}sec", remaining.as_secs()).into()),
    }
}

fn route_fields(out: &mut Fields, route: &impl RouteView, cx: &Context<'_>) {
    out.text("type", cx.names.word(words::ROUTE_TYPES, route.route_type().into()));
    out.number("nhid", route.nhid());
    out.maybe("gateway", route.gateway().map(address_text));
    out.link("dev", route.oif(), cx);
    out.text("protocol", cx.names.name(NameFile::Protocols, route.protocol().into()));
    out.text("scope", cx.names.name(NameFile::Scopes, route.scope().into()));
    out.maybe("prefsrc", route.prefsrc().map(address_text));
    out.list("flags", words::bits(words::ROUTE_FLAGS, route.flags().bits()).map(|word| word.into_owned()));
    if let Some(stack) = route.newdst() {
        out.text("to", &*ip::labels(stack));
    }
    if let Some(own) = route.encap() {
        out.line("encap", |line| encap::write(line, own, cx));
    }
    if let Some(flow) = route.flow() {
        out.line("flow", |line| route::realms(line, flow, cx));
    }
    for (key, value) in route.metrics().into_iter().flat_map(route::metric_values) {
        out.text(key, value);
    }
    out.maybe("pref", route.pref().map(|pref| words::word_or_number(words::PREFERENCES, pref.into())));
    if let Some(propagate) = route.ttl_propagate() {
        out.put("ttl-propagate", Value::Bool(propagate != 0));
    }
    out.list("nexthops", route::hop_lines(route, cx).into_iter());
    if let Some(expires) = route.expires() {
        out.push("expires", Value::Text(format!("{}sec", expires / route::HZ).into()), Class::Deadline, None);
    }
    out.unknown(&route.unknown());
}

fn neighbour_fields(out: &mut Fields, neighbour: &impl NeighbourView, cx: &Context<'_>) {
    let link_type = cx.links.get(neighbour.index()).map_or(0, |link| link.link_type());
    hardware(out, "lladdr", neighbour.lladdr(), link_type);
    let state: Vec<_> = words::bits(words::NEIGHBOUR_STATES, neighbour.state().bits().into()).collect();
    out.text("state", state.join(","));
    let all = if neighbour.is_fdb() { words::FDB_FLAGS } else { words::NEIGHBOUR_FLAGS };
    out.list("flags", words::bits(all, neighbour.flags().bits()).map(|word| word.into_owned()));
    out.number("port", neighbour.port());
    out.number("nhid", neighbour.nexthop_id());
    out.link("master", neighbour.master(), cx);
    out.text("protocol", cx.names.name(NameFile::Protocols, neighbour.protocol().into()));
    if let Some(extended) = neighbour.attributes().fdb_ext_attrs() {
        let notify = extended.activity_notify().unwrap_or_default();
        let present = [
            (notify & 1 != 0, "activity_notify"),
            (notify & 2 != 0, "inactive"),
            (extended.dont_refresh(), "dont_refresh"),
        ];
        out.list("activity", present.into_iter().filter(|flag| flag.0).map(|flag| flag.1));
    }
    out.unknown(&neighbour.unknown());
}

fn rule_fields(out: &mut Fields, rule: &impl RuleView, cx: &Context<'_>) {
    let flags = rule.flags();
    let named = [
        (RuleFlags::IIF_DETACHED, "iif_detached"),
        (RuleFlags::OIF_DETACHED, "oif_detached"),
        (RuleFlags::UNRESOLVED, "unresolved"),
    ];
    let named: Vec<_> =
        named.into_iter().filter(|flag| flags.contains(flag.0)).map(|flag| flag.1.to_owned()).collect();
    let shown = RuleFlags::INVERT | RuleFlags::UNRESOLVED | RuleFlags::IIF_DETACHED | RuleFlags::OIF_DETACHED;
    let rest = words::bits(words::RULE_FLAGS, (flags - shown).bits()).map(|word| word.into_owned());
    out.list("flags", named.into_iter().chain(rest));
    out.text("protocol", cx.names.name(NameFile::Protocols, rule.protocol().into()));
    out.unknown(&rule.unknown());
}

fn nexthop_fields(out: &mut Fields, hop: &impl NextHopView, cx: &Context<'_>) {
    let attributes = hop.attributes();
    out.list("group", hop.group().iter().map(nexthop::member));
    out.maybe(
        "type",
        attributes.group_type().map(|number| words::word_or_number(words::NEXT_HOP_GROUPS, number.into())),
    );
    if let Some(group) = hop.resilient() {
        out.number("buckets", group.buckets());
        let seconds = |hundredths: u64| linx_wire::route::clock_time(hundredths).as_secs_f64();
        out.maybe("idle_timer", group.idle_timer().map(|timer| seconds(timer.into())));
        out.maybe("unbalanced_timer", group.unbalanced_timer().map(|timer| seconds(timer.into())));
    }
    if let Some(own) = hop.encap() {
        out.line("encap", |line| encap::write(line, own, cx));
    }
    out.maybe("gateway", hop.gateway().map(address_text));
    out.link("dev", hop.oif(), cx);
    out.text("scope", cx.names.name(NameFile::Scopes, hop.scope().into()));
    out.put("blackhole", Value::Bool(hop.is_blackhole()));
    out.text("protocol", cx.names.name(NameFile::Protocols, hop.protocol().into()));
    out.list("flags", words::bits(words::ROUTE_FLAGS, hop.flags().bits()).map(|word| word.into_owned()));
    out.put("fdb", Value::Bool(hop.is_fdb()));
    out.unknown(&hop.unknown());
}

fn address_text(address: std::net::IpAddr) -> String {
    ip::address(address).to_string()
}
