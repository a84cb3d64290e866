//! What every line looks like: the JSON Schema (`linx schema`), and the table in docs/5-json.md.
//!
//! Bodies that are written by hand are declared in `bodies.rs`, and a test validates every line of a zoo of objects
//! against the schema, which allows no field that is not declared. The attributes of links are declared by the same
//! tables and forms that write them.

mod bodies;
#[cfg(feature = "nft")]
mod nft;
mod notes;

use linx_wire::policy::{Class, Entry, Policy, Shape};
use linx_wire::route::{encap, link, policies};
use serde::ser::{Serialize, Serializer};

use self::bodies::{
    ADDRESS, AUTHOR, ENCAPS, LINK, MARKERS, NEIGHBOUR, NETNS, NEXT_HOP, NSID, ROUTE, RULE, has_author,
};
use self::notes::note;
use crate::forms::field::{Field, Type};
use crate::forms::{self, Form};

/// A node of the schema.
#[derive(Clone, Debug)]
enum Node {
    Bool(bool),
    Int(u64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Map(map) => serializer.collect_map(map.iter().map(|(key, value)| (key, value))),
        }
    }
}

fn node<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn string(text: &str) -> Node {
    Node::Text(text.to_owned())
}

fn of_type(name: &str) -> Node {
    node([("type", string(name))])
}

fn list_of(items: Node) -> Node {
    node([("type", string("array")), ("items", items)])
}

/// An object of these properties and no others.
fn closed(properties: Vec<(String, Node)>, required: &[&str]) -> Node {
    node([
        ("type", string("object")),
        ("properties", Node::Map(properties)),
        ("required", Node::List(required.iter().map(|key| string(key)).collect())),
        ("additionalProperties", Node::Bool(false)),
    ])
}

fn hex() -> Node {
    node([("type", string("string")), ("pattern", string("^([0-9a-f]{2})*$"))])
}

fn unknown() -> Node {
    let one = vec![("type".to_owned(), of_type("integer")), ("hex".to_owned(), hex())];
    list_of(closed(one, &["type", "hex"]))
}

/// The schema of a type, without the description of its field.
fn typed(ty: Type) -> Node {
    match ty {
        Type::Bool => of_type("boolean"),
        Type::True => node([("const", Node::Bool(true))]),
        Type::Int => of_type("integer"),
        Type::Number => of_type("number"),
        Type::Text | Type::Name => of_type("string"),
        Type::Hex => hex(),
        Type::Texts => list_of(of_type("string")),
        Type::Numbers => node([("type", string("object")), ("additionalProperties", of_type("integer"))]),
        Type::Object(fields) => closed(properties(fields), &[]),
        Type::List(inner) => list_of(typed(*inner)),
        Type::Encap => node([("$ref", string("#/$defs/encap"))]),
        Type::NameOrNames | Type::TextOrTexts => one_or_several(of_type("string")),
        Type::Table(policy) => closed(attributes(policy), &[]),
        Type::Expressions => list_of(node([("$ref", string("#/$defs/nft_expression"))])),
        Type::Author => node([("$ref", string("#/$defs/author"))]),
        Type::Counts => node([("type", string("object")), ("additionalProperties", typed(Type::Numbers))]),
        #[cfg(feature = "nft")]
        Type::Changes => nft::changes(),
        #[cfg(not(feature = "nft"))]
        Type::Changes => Node::Bool(true),
        Type::Value => node([("$ref", string("#/$defs/nft_value"))]),
        Type::Unknown => unknown(),
    }
}

fn one_or_several(one: Node) -> Node {
    node([("anyOf", Node::List(vec![one.clone(), list_of(one)]))])
}

fn describe(schema: Node, text: String) -> Node {
    match schema {
        Node::Map(mut entries) if !text.is_empty() => {
            entries.push(("description".to_owned(), Node::Text(text)));
            Node::Map(entries)
        }
        schema => schema,
    }
}

fn properties(fields: &[Field]) -> Vec<(String, Node)> {
    let mut all = Vec::new();
    for field in fields {
        let words: Vec<_> =
            [field.about, field.source, field.unit].into_iter().filter(|part| !part.is_empty()).collect();
        all.push((field.key.to_owned(), describe(typed(field.ty), words.join("; "))));
        if matches!(field.ty, Type::Name) {
            all.push((
                format!("{}_hex", field.key),
                describe(hex(), "its bytes, where they are not UTF-8".into()),
            ));
        }
        if matches!(field.ty, Type::NameOrNames) {
            let bytes = describe(one_or_several(hex()), "their bytes, where they are not UTF-8".into());
            all.push((format!("{}_hex", field.key), bytes));
        }
    }
    all
}

/// The properties of the attributes of a table.
fn attributes(policy: &Policy) -> Vec<(String, Node)> {
    let mut all = Vec::new();
    for entry in policy.entries {
        all.extend(attribute(policy, entry));
    }
    all.push(("unknown".to_owned(), unknown()));
    all
}

fn attribute(policy: &Policy, entry: &Entry) -> Vec<(String, Node)> {
    let volatile = if entry.class == Class::Volatile { "volatile" } else { "" };
    let (about, unit) = note(policy.prefix, entry.name);
    let source = format!("{}_{}", policy.prefix, entry.name);
    let described = [about, &source, unit, volatile].into_iter().filter(|part| !part.is_empty());
    let described = described.collect::<Vec<_>>().join("; ");
    let one = |key: &str, schema: Node| vec![(key.to_owned(), describe(schema, described.clone()))];
    let words = |words: crate::words::Words| {
        let words = words.iter().map(|word| string(word.1)).collect();
        node([("type", string("string")), ("examples", Node::List(words))])
    };
    let key = match forms::form(forms::of(policy), entry) {
        None => forms::key(entry),
        Some(Form::Key(key)) => key,
        Some(Form::Nothing) => return vec![],
        Some(Form::Bool(key)) => return one(key, of_type("boolean")),
        Some(Form::Flag(key)) => return one(key, typed(Type::True)),
        Some(Form::Word(key, all)) => return one(key, words(all)),
        Some(Form::Place(key, all)) => {
            let words = all.iter().map(|word| string(word)).collect();
            return one(key, node([("type", string("string")), ("examples", Node::List(words))]));
        }
        Some(Form::Bits(key, all)) => return one(key, list_of(words(all))),
        Some(Form::Hex(key) | Form::SomeHex(key) | Form::Named(key, _)) => {
            return one(key, of_type("string"));
        }
        Some(Form::Some(key)) => return one(key, of_type("integer")),
        Some(Form::Timer(key)) => return one(key, of_type("number")),
        Some(Form::Link(key, index)) => {
            let bytes = (format!("{key}_hex"), hex());
            return [one(key, of_type("string")), vec![bytes], one(index, of_type("integer"))].concat();
        }
        Some(Form::Only(key)) => return one(key, only(entry)),
        Some(Form::Own(_, fields)) => return properties(fields),
    };
    let mut all = one(key, shaped(policy, entry, entry.shape));
    match entry.shape {
        Shape::Name => all.push((format!("{key}_hex"), hex())),
        Shape::Items(Shape::Name) => all.push((format!("{key}_hex"), list_of(hex()))),
        _ => {}
    }
    all
}

/// The list of values of a nest's only attribute.
fn only(entry: &Entry) -> Node {
    let inner = match entry.shape {
        Shape::Nested(policy) => policy.entries.first().map(|first| match first.shape {
            Shape::Many(shape) => shaped(policy, first, *shape),
            shape => shaped(policy, first, shape),
        }),
        _ => None,
    };
    list_of(inner.unwrap_or(Node::Bool(true)))
}

fn shaped(policy: &Policy, entry: &Entry, shape: Shape) -> Node {
    match shape {
        Shape::Flag => typed(Type::True),
        Shape::Bool => of_type("boolean"),
        Shape::Name | Shape::Ip | Shape::LinkAddr => of_type("string"),
        Shape::Bytes | Shape::AtLeast(_) | Shape::Multiple(_) | Shape::Checked(_) => hex(),
        #[cfg(feature = "nft")]
        Shape::Nested(inner) if nft::is_expression(inner) => {
            node([("$ref", string("#/$defs/nft_expression"))])
        }
        Shape::Nested(inner) => closed(attributes(inner), &[]),
        Shape::Depends(_) => depends(policy, entry),
        Shape::Items(inner) => list_of(shaped(policy, entry, *inner)),
        Shape::Many(inner) => list_of(shaped(policy, entry, *inner)),
        _ => of_type("integer"),
    }
}

/// The tables that an attribute may have, by their prefixes.
fn depends(policy: &Policy, entry: &Entry) -> Node {
    #[cfg(feature = "nft")]
    if let Some(node) = nft::depends(policy) {
        return node;
    }
    let named = |prefix: &str| policies().into_iter().find(|policy| policy.prefix == prefix);
    let prefixes: &[&str] = match (policy.prefix, entry.name) {
        ("IFLA_INFO", "SLAVE_DATA") => &["IFLA_BRPORT", "IFLA_BOND_SLAVE", "IFLA_VRF_PORT"],
        ("IFLA_INFO", _) => return link_data(),
        ("IFLA", "PROTINFO") => &["IFLA_BRPORT", "IFLA_INET6"],
        ("IFLA", "AF_SPEC") => &["AF", "IFLA_BRIDGE"],
        _ => &[],
    };
    any(prefixes.iter().filter_map(|prefix| named(prefix)))
}

/// One of several tables, or bytes of none of them.
fn any(tables: impl Iterator<Item = &'static Policy>) -> Node {
    let opaque = closed(vec![("hex".to_owned(), hex())], &["hex"]);
    let all = tables.map(|policy| {
        Node::Map(vec![
            ("title".to_owned(), string(policy.prefix)),
            ("type".to_owned(), string("object")),
            ("properties".to_owned(), Node::Map(attributes(policy))),
            ("additionalProperties".to_owned(), Node::Bool(false)),
        ])
    });
    node([("anyOf", Node::List(all.chain([opaque]).collect()))])
}

/// The data of all kinds of links.
fn link_data() -> Node {
    let tables =
        policies().into_iter().filter(|policy| LINK_KINDS.split(' ').any(|prefix| policy.prefix == prefix));
    any(tables)
}

/// Prefixes of the tables of [`link::LinkData`].
const LINK_KINDS: &str = "VETH_INFO IFLA_BR IFLA_VLAN IFLA_VXLAN IFLA_MACVLAN IFLA_IPVLAN IFLA_TUN IFLA_BOND \
    IFLA_VRF IFLA_GENEVE IFLA_GRE IFLA_IPTUN IFLA_VTI IFLA_XFRM IFLA_HSR IFLA_NETKIT IFLA_GTP IFLA_BAREUDP IFLA_AMT \
    IFLA_OVPN IFLA_MACSEC IFLA_BATADV IFLA_RMNET IFLA_WWAN IFLA_IPOIB IFLA_DSA IFLA_CAN VXCAN_INFO";

fn encap_schema() -> Node {
    let by_hand = Node::Map(vec![
        ("title".to_owned(), string("mpls, ip, ip6, seg6")),
        ("type".to_owned(), string("object")),
        ("properties".to_owned(), Node::Map(properties(ENCAPS))),
        ("additionalProperties".to_owned(), Node::Bool(false)),
    ]);
    let tables = [
        &encap::ENCAP_ILA,
        &encap::ENCAP_BPF,
        &encap::ENCAP_SEG6_LOCAL,
        &encap::ENCAP_RPL,
        &encap::ENCAP_IOAM6,
        &encap::ENCAP_XFRM,
    ];
    let Node::Map(mut entries) = any(tables.into_iter()) else { return by_hand };
    if let Some((_, Node::List(all))) = entries.first_mut() {
        all.insert(0, by_hand);
    }
    Node::Map(entries)
}

/// The kinds and their bodies.
fn bodies() -> [(&'static str, Node); 7] {
    let link = [properties(LINK), attributes(&link::LINK)].concat();
    let required = |fields: &[Field], required: &[&str]| closed(properties(fields), required);
    [
        ("link", closed(link, &["ifindex", "ifname", "flags", "link_type"])),
        ("address", required(ADDRESS, &["ifindex", "dev", "family", "prefixlen", "scope"])),
        ("route", required(ROUTE, &["family", "type", "dst", "table", "table_id", "flags"])),
        ("neigh", required(NEIGHBOUR, &["family", "state"])),
        ("rule", required(RULE, &["family", "priority", "src", "protocol"])),
        ("nexthop", required(NEXT_HOP, &["id", "family", "scope", "protocol", "flags"])),
        ("nsid", required(NSID, &["nsid"])),
    ]
}

/// What every line begins with.
fn envelope(netns: bool) -> Vec<(String, Node)> {
    let time = node([("type", string("string")), ("format", string("date-time"))]);
    let mut all = vec![
        ("schema".to_owned(), describe(node([("const", Node::Int(1))]), "version of this schema".into())),
        ("seq".to_owned(), describe(of_type("integer"), "counts the lines of a stream from 1".into())),
        ("time".to_owned(), describe(time, "when Linx read it; UTC, nanoseconds".into())),
    ];
    if netns {
        all.push(("netns".to_owned(), node([("$ref", string("#/$defs/netns"))])));
    }
    all
}

fn constant(text: &str) -> Node {
    node([("const", string(text))])
}

fn one_of(words: &[&str]) -> Node {
    node([("enum", Node::List(words.iter().map(|word| string(word)).collect()))])
}

fn ops() -> Node {
    one_of(&["list", "new", "del"])
}

/// What a mirror says of an object.
const CHANGES: [&str; 3] = ["added", "changed", "removed"];

/// Why.
const CAUSES: [&str; 5] = ["event", "implied", "resync", "expired", "audit"];

fn any_op() -> Node {
    describe(ops(), "list: it is there; new, del: what the kernel said".into())
}

/// Operation, kind, key and body of an object.
fn object(op: Node, kind: &str, key: &str, definition: &str) -> Vec<(String, Node)> {
    vec![
        ("op".to_owned(), op),
        ("kind".to_owned(), constant(kind)),
        ("key".to_owned(), describe(of_type("string"), "opaque, stable within the namespace".into())),
        (key.to_owned(), node([("$ref", Node::Text(format!("#/$defs/{definition}")))])),
    ]
}

/// The line of an object of a kind.
fn object_line(kind: &str) -> Node {
    let mut all = envelope(true);
    all.extend(object(any_op(), kind, kind, kind));
    all.push((
        "overlap".to_owned(),
        describe(typed(Type::True), "may already have been in the snapshot".into()),
    ));
    if matches!(kind, "neigh" | "rule") {
        let about =
            "others of its kind came or went during each of several readings; the list is those joined";
        all.push(("unsettled".to_owned(), describe(typed(Type::True), about.into())));
    }
    if has_author(kind) {
        all.push(("author".to_owned(), node([("$ref", string("#/$defs/author"))])));
    }
    closed(all, &["schema", "seq", "time", "netns", "op", "kind", kind])
}

/// What a mirror says of a change: its cause, and what it follows from.
fn told() -> Vec<(String, Node)> {
    let cause = "event: the kernel announced it; implied: it follows from what did; resync, audit: found by reading \
                 again; expired: its time ran out";
    vec![
        ("cause".to_owned(), describe(one_of(&CAUSES), cause.into())),
        (
            "trigger".to_owned(),
            describe(of_type("integer"), "seq of the line that an implied one follows from".into()),
        ),
    ]
}

/// How an object that changed differs from what it was.
fn difference(definition: &str) -> Vec<(String, Node)> {
    let before = node([("$ref", Node::Text(format!("#/$defs/{definition}_before")))]);
    let fields = describe(list_of(of_type("string")), "dotted paths of the body that differ".into());
    vec![("before".to_owned(), before), ("fields".to_owned(), fields)]
}

/// Old values of some fields: the body, of which nothing has to be there.
fn before(body: &Node) -> Node {
    let Node::Map(entries) = body else { return body.clone() };
    let optional = |(key, value): &(String, Node)| match key.as_str() {
        "required" => (key.clone(), Node::List(vec![])),
        _ => (key.clone(), value.clone()),
    };
    Node::Map(entries.iter().map(optional).collect())
}

/// The line of an object of a kind that changed; `author`: the key of who did it.
fn change_line(kind: &str, key: &str, definition: &str, author: Option<&str>) -> Node {
    let mut all = envelope(true);
    all.extend(object(one_of(&CHANGES), kind, key, definition));
    all.extend(difference(definition));
    all.extend(told());
    if kind == "link" {
        for (key, about) in [("moved_to", "it went there"), ("moved_from", "it came from there")] {
            let place = vec![
                ("netns".to_owned(), node([("$ref", string("#/$defs/netns"))])),
                (
                    "nsid".to_owned(),
                    describe(of_type("integer"), "its id in the namespace of the line".into()),
                ),
                ("ifindex".to_owned(), describe(of_type("integer"), "the link's index there".into())),
            ];
            all.push((key.to_owned(), describe(closed(place, &[]), about.into())));
        }
    }
    if let Some(author) = author {
        all.push((author.to_owned(), node([("$ref", string("#/$defs/author"))])));
    }
    closed(all, &["schema", "seq", "time", "netns", "op", "kind", "key", key, "cause"])
}

/// The lines of a namespace: its envelope is its body.
fn namespace_lines() -> [Node; 2] {
    let line = |ops: Node| {
        let mut all = envelope(true);
        all.push(("op".to_owned(), ops));
        all.push(("kind".to_owned(), constant("netns")));
        all
    };
    let required = ["schema", "seq", "time", "netns", "op", "kind", "cause"];
    let mut change = line(one_of(&CHANGES));
    change.push(("before".to_owned(), closed(vec![("name".to_owned(), of_type("string"))], &[])));
    change.push(("fields".to_owned(), list_of(of_type("string"))));
    change.extend(told());
    change.push((
        "with".to_owned(),
        describe(typed(Type::Numbers), "objects that went with it, by kind".into()),
    ));
    let (required_of_list, _) = required.split_at(required.len() - 1);
    [closed(line(ops()), required_of_list), closed(change, &required)]
}

fn schema() -> Node {
    let bodies = bodies();
    let mut lines: Vec<_> = bodies.iter().map(|(kind, _)| object_line(kind)).collect();
    let change = |kind: &str| change_line(kind, kind, kind, has_author(kind).then_some("author"));
    lines.extend(bodies.iter().map(|(kind, _)| change(kind)));
    lines.extend(namespace_lines());
    #[cfg(feature = "nft")]
    lines.extend(nft::lines());
    for (op, about, fields) in MARKERS {
        let mut marker = envelope(true);
        marker.push(("op".to_owned(), constant(op)));
        marker.extend(properties(fields));
        lines.push(describe(closed(marker, &["schema", "seq", "time", "op"]), (*about).to_owned()));
    }
    let old: Vec<_> = bodies.iter().map(|(kind, body)| (format!("{kind}_before"), before(body))).collect();
    let defs = bodies.into_iter().chain([
        ("netns", closed(properties(NETNS), &["name"])),
        ("author", closed(properties(AUTHOR), &["certainty"])),
        ("encap", encap_schema()),
    ]);
    #[cfg(feature = "nft")]
    let old = [old, nft::definitions_before()].concat();
    #[cfg(feature = "nft")]
    let defs = defs.chain(nft::definitions());
    node([
        ("$schema", string("https://json-schema.org/draft/2020-12/schema")),
        ("title", string("A line of linx")),
        (
            "description",
            string("One JSON object a line: list, monitor, watch. Fields marked volatile are in lists only."),
        ),
        ("oneOf", Node::List(lines)),
        ("$defs", Node::Map(defs.map(|(name, schema)| (name.to_owned(), schema)).chain(old).collect())),
    ])
}

/// The JSON Schema of every line that Linx writes.
///
/// # Errors
/// What the serializer reports.
pub fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    schema().serialize(serializer)
}

/// The JSON Schema of every line that Linx writes, as text over several lines.
#[must_use]
pub fn text() -> String {
    let mut line = Vec::new();
    // A tree of strings and truth values is JSON.
    let outcome = super::append(&mut line, &schema());
    debug_assert!(outcome.is_ok());
    String::from_utf8(super::pretty(&line)).unwrap_or_default()
}

/// The tables of docs/5-json.md: every field with its source and unit, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    let tables: Vec<(&str, &[Field])> = vec![
        ("netns", NETNS),
        ("author", AUTHOR),
        ("link", LINK),
        ("address", ADDRESS),
        ("route", ROUTE),
        ("encap_info", ENCAPS),
        ("neigh", NEIGHBOUR),
        ("rule", RULE),
        ("nexthop", NEXT_HOP),
        ("nsid", NSID),
    ];
    #[cfg(feature = "nft")]
    let tables = [tables, nft::TABLES.into()].concat();
    for (name, fields) in tables {
        out.push_str(&format!(
            "\n### `{name}`\n\n| field | what | source | unit, values |\n|---|---|---|---|\n"
        ));
        rows(&mut out, "", fields);
        if name == "link" {
            attribute_rows(&mut out, &link::LINK);
            kind_tables(&mut out);
        }
    }
    #[cfg(feature = "nft")]
    nft::expression_tables(&mut out);
    out
}

/// The data of each kind of link, and of each kind of master.
fn kind_tables(out: &mut String) {
    let masters = ["IFLA_BRPORT", "IFLA_BOND_SLAVE", "IFLA_VRF_PORT"];
    for (title, prefixes) in [
        ("link.linkinfo.info_data", LINK_KINDS.split_whitespace().collect::<Vec<_>>()),
        ("link.linkinfo.info_slave_data", masters.into()),
        ("link.af_spec", vec!["IFLA_INET", "IFLA_INET6", "IFLA_BRIDGE"]),
    ] {
        out.push_str(&format!(
            "\n### `{title}`\n\n| field | what | source | unit, values |\n|---|---|---|---|\n"
        ));
        for prefix in prefixes {
            policies()
                .iter()
                .filter(|policy| policy.prefix == prefix)
                .for_each(|policy| attribute_rows(out, policy));
        }
    }
}

fn rows(out: &mut String, prefix: &str, fields: &[Field]) {
    for field in fields {
        let key = format!("{prefix}{}", field.key);
        let source = if field.source.is_empty() { String::new() } else { format!("`{}`", field.source) };
        out.push_str(&format!("| `{key}` | {} | {source} | {} |\n", field.about, field.unit));
        match field.ty {
            Type::Object(inner) => rows(out, &format!("{key}."), inner),
            Type::List(Type::Object(inner)) => rows(out, &format!("{key}[]."), inner),
            _ => {}
        }
    }
}

/// The attributes of a table that are no fields of a link's own table above.
fn attribute_rows(out: &mut String, policy: &Policy) {
    for entry in policy.entries {
        let (about, unit) = note(policy.prefix, entry.name);
        let volatile = if entry.class == Class::Volatile { "(volatile)" } else { "" };
        let about =
            [about, volatile].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        for (key, _) in attribute(policy, entry).iter().filter(|(key, _)| !key.ends_with("_hex")) {
            if policy.prefix != "IFLA" || LINK.iter().all(|field| field.key != key) {
                out.push_str(&format!(
                    "| `{key}` | {about} | `{}_{}` | {unit} |\n",
                    policy.prefix, entry.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::notes::NOTES;
    use super::*;

    #[test]
    fn notes_and_forms_are_about_attributes_that_there_are() {
        let all = policies();
        #[cfg(feature = "nft")]
        let all = [all, linx_wire::nft::policies()].concat();
        let names: Vec<_> = all
            .iter()
            .flat_map(|policy| policy.entries.iter().map(|entry| format!("{}_{}", policy.prefix, entry.name)))
            .collect();
        for (name, ..) in NOTES {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        let forms = forms::all().map(|(prefix, form)| format!("{prefix}_{form}"));
        let wrong: Vec<_> = forms.filter(|name| !names.contains(name)).collect();
        // One table of forms for four kinds of tunnels: not each has all.
        let shared = ["IFLA_GRE_", "IFLA_IPTUN_", "IFLA_VTI_"];
        let wrong: Vec<_> =
            wrong.iter().filter(|name| !shared.iter().any(|prefix| name.starts_with(prefix))).collect();
        assert_eq!(wrong, [""; 0]);
        for prefix in LINK_KINDS.split_whitespace() {
            assert!(policies().iter().any(|policy| policy.prefix == prefix), "{prefix}");
        }
    }
}
