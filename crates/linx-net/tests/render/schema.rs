//! Every line satisfies the schema, which allows no field that it does not declare.

use std::path::Path;
use std::time::SystemTime;

use jsonschema::Validator;
use linx::author::Author;
use linx::json::{Head, Marker, NetnsTag, Op, Records, schema};
use linx::names::{Context, LinkNames, Names};
use linx_test::{Zoo, is_root, skip_unless};
use linx_wire::Kind;
use linx_wire::policy::{Policy, Shape};
use linx_wire::route::{LinkRef, Object, ObjectRef, policies};
use serde_json::{Value, json};

use super::dump::State;

pub(crate) fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&schema::text()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Why a line does not satisfy the schema: against the schema of its own kind, which says more than `oneOf`.
pub(crate) fn check(validator: &Validator, line: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(line).unwrap();
    if !validator.is_valid(&value) {
        let text = schema::text();
        let mut whole: Value = serde_json::from_str(&text).unwrap();
        let kind = value["kind"].as_str().unwrap_or_default();
        let bodies = ["table", "chain", "rule", "set", "map", "element", "object", "flowtable"];
        let body = bodies.into_iter().find(|body| kind == "nft" && value.get(body).is_some());
        let definition = body.map_or(kind.to_owned(), |body| format!("nft_{}", body.replace("map", "set")));
        let kind = body.unwrap_or(kind);
        let own = whole["$defs"].get(&definition).cloned().unwrap_or(json!(true));
        let defs = whole["$defs"].take();
        let mut own = own;
        own["$defs"] = defs;
        let own = jsonschema::draft202012::new(&own).unwrap();
        let errors: Vec<_> =
            own.iter_errors(&value[kind]).map(|error| format!("{}: {error}", error.instance_path)).collect();
        panic!("{value}\n{}", errors.join("\n"));
    }
    value
}

pub(crate) fn line(object: ObjectRef<'_>, cx: &Context<'_>) -> Vec<u8> {
    let netns = NetnsTag::new("x", 3, Some(Path::new("/run/netns/x")), None);
    let mut line = Vec::new();
    let head = Head::new(SystemTime::now(), &netns, Op::New).key("a-key").overlap(true);
    // A link's message does not say who changed it.
    let somebody = Author::of_portid(7);
    let head = if object.kind() == Kind::Link { head } else { head.author(Some(&somebody)) };
    Records::new().object(&mut line, &head, object, cx);
    line
}

/// Lists of neighbours and rules may be several readings joined, others may not.
#[test]
fn an_unsettled_list_satisfies_it() {
    let validator = validator();
    let (names, links) = (Names::load(), Default::default());
    let cx = Context::new(&names, &links);
    let netns = NetnsTag::new("x", 3, None, None);
    let head = Head::new(SystemTime::now(), &netns, Op::List).key("a-key").unsettled(true);
    let mut line = Vec::new();
    let rule = linx::Rule::decode(&[2, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    Records::new().object(&mut line, &head, rule.as_ref().into(), &cx);
    assert_eq!(check(&validator, &line)["unsettled"], true);
    let route = linx::Route::decode(&[2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]).unwrap();
    line.clear();
    Records::new().object(&mut line, &head, route.as_ref().into(), &cx);
    assert!(!validator.is_valid(&serde_json::from_slice(&line).unwrap()));
}

/// Authors and namespaces of this machine.
#[test]
fn what_is_found_satisfies_it() {
    let validator = validator();
    let mut records = Records::new();
    for namespace in linx::namespaces::discover().unwrap().namespaces {
        let netns = NetnsTag::of(&namespace);
        let mut line = Vec::new();
        records.namespace(&mut line, &Head::new(SystemTime::now(), &netns, Op::List));
        check(&validator, &line);
    }
}

#[test]
fn every_line_of_a_zoo_satisfies_it() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("schema");
    let state = State::of(&zoo.namespace.netns());
    let names = Names::load();
    let validator = validator();
    for object in state.all() {
        for volatile in [false, true] {
            let cx = Context::new(&names, &state.names).volatile(volatile);
            let value = check(&validator, &line(object.as_ref(), &cx));
            // And allows nothing that is not declared.
            let kind = value["kind"].as_str().unwrap().to_owned();
            let mut other = value.clone();
            other[&kind]["surprise"] = json!(1);
            assert!(!validator.is_valid(&other));
            let mut other = value;
            other["surprise"] = json!(1);
            assert!(!validator.is_valid(&other));
        }
    }
}

#[test]
fn markers_and_namespaces_satisfy_it() {
    let validator = validator();
    let netns = NetnsTag::new("host", 3, None, None);
    let kinds = &[Kind::Link, Kind::NsId][..];
    let markers = [
        Marker::Synced { kinds, hidden: &["neigh.state"], generation: Some(7) },
        Marker::ResyncNeeded {
            reason: "overflow",
            kinds,
            rcvbuf: Some(1),
            dropped: Some(2),
            error: Some("x"),
            message: Some(&[1]),
        },
        Marker::Resynced { kinds, took_ms: 1, deltas: 2 },
        Marker::Lagged { lost: 3 },
        Marker::Torn { kinds },
    ];
    let mut records = Records::new();
    for marker in &markers {
        for netns in [None, Some(&netns)] {
            let mut line = Vec::new();
            records.marker(&mut line, SystemTime::now(), netns, marker);
            check(&validator, &line);
        }
    }
    let mut line = Vec::new();
    records.namespace(&mut line, &Head::new(SystemTime::now(), &netns, Op::Del));
    check(&validator, &line);
    assert!(!validator.is_valid(&json!({"schema": 1, "seq": 1, "time": "x", "op": "nonsense"})));
}

/// Attributes of a table, one of each, with payloads of the least size.
fn filled(policy: &Policy, skip: &dyn Fn(&str, &str) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in policy.entries {
        if skip(policy.prefix, entry.name) {
            continue;
        }
        if let Some(payload) = payload(&entry.shape, skip) {
            push(&mut bytes, entry.number, &payload);
        }
    }
    push(&mut bytes, 0x3f00, &[1, 2]);
    bytes
}

pub(crate) fn push(bytes: &mut Vec<u8>, number: u16, payload: &[u8]) {
    bytes.extend(u16::try_from(payload.len() + 4).unwrap().to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn payload(shape: &Shape, skip: &dyn Fn(&str, &str) -> bool) -> Option<Vec<u8>> {
    Some(match shape {
        Shape::Flag => vec![],
        Shape::Bool | Shape::U8 | Shape::I8 => vec![1],
        Shape::U16 | Shape::Be16 => vec![1, 1],
        Shape::U32 | Shape::Be32 | Shape::I32 | Shape::Ip => vec![1; 4],
        Shape::U64 | Shape::Be64 | Shape::Uint | Shape::Bytes => vec![1; 8],
        Shape::AtLeast(size) => vec![1; usize::from(*size)],
        Shape::Multiple(size) => vec![1; usize::from(*size) * 2],
        Shape::Name => b"na\xffme\x1b\0".to_vec(),
        Shape::LinkAddr => vec![2; 6],
        Shape::Nested(policy) => filled(policy, skip),
        Shape::Items(inner) => {
            let mut items = Vec::new();
            push(&mut items, 1, &payload(inner, skip)?);
            push(&mut items, 2, &payload(inner, skip)?);
            items
        }
        Shape::Many(inner) => payload(inner, skip)?,
        _ => return None,
    })
}

/// Kinds of links that this kernel may not have: their tables, all attributes of them.
#[test]
fn every_attribute_of_every_kind_satisfies_it() {
    let names = Names::built_in();
    let mut links = LinkNames::new();
    links.insert(0x0101_0101, linx_wire::name::Name::new(b"lo\x9b"), 1);
    let validator = validator();
    let kinds = [
        ("veth", "VETH_INFO"),
        ("bridge", "IFLA_BR"),
        ("vlan", "IFLA_VLAN"),
        ("vxlan", "IFLA_VXLAN"),
        ("macvlan", "IFLA_MACVLAN"),
        ("ipvlan", "IFLA_IPVLAN"),
        ("tun", "IFLA_TUN"),
        ("bond", "IFLA_BOND"),
        ("vrf", "IFLA_VRF"),
        ("geneve", "IFLA_GENEVE"),
        ("gre", "IFLA_GRE"),
        ("sit", "IFLA_IPTUN"),
        ("vti", "IFLA_VTI"),
        ("xfrm", "IFLA_XFRM"),
        ("hsr", "IFLA_HSR"),
        ("netkit", "IFLA_NETKIT"),
        ("gtp", "IFLA_GTP"),
        ("bareudp", "IFLA_BAREUDP"),
        ("amt", "IFLA_AMT"),
        ("ovpn", "IFLA_OVPN"),
        ("macsec", "IFLA_MACSEC"),
        ("batadv", "IFLA_BATADV"),
        ("rmnet", "IFLA_RMNET"),
        ("wwan", "IFLA_WWAN"),
        ("ipoib", "IFLA_IPOIB"),
        ("dsa", "IFLA_DSA"),
        ("can", "IFLA_CAN"),
        ("vxcan", "VXCAN_INFO"),
        ("nobody-knows", "IFLA_BR"),
    ];
    let masters = [("bridge", "IFLA_BRPORT"), ("bond", "IFLA_BOND_SLAVE"), ("vrf", "IFLA_VRF_PORT")];
    let table = |prefix: &str| policies().into_iter().find(|policy| policy.prefix == prefix).unwrap();
    for (at, (kind, prefix)) in kinds.into_iter().enumerate() {
        let (master, master_prefix) = masters[at % masters.len()];
        let mut info = Vec::new();
        push(&mut info, 1, kind.as_bytes());
        push(&mut info, 2, &filled(table(prefix), &|_, _| false));
        push(&mut info, 4, master.as_bytes());
        push(&mut info, 5, &filled(table(master_prefix), &|_, _| false));
        let skip = |prefix: &str, name: &str| prefix == "IFLA" && name == "LINKINFO";
        let mut bytes = vec![0, 0, 1, 0, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        bytes.extend(filled(&linx_wire::route::link::LINK, &skip));
        push(&mut bytes, 18, &info);
        push(&mut bytes, 26, &filled(table("AF"), &|_, _| false));
        let link = LinkRef::decode(&bytes).unwrap();
        for volatile in [false, true] {
            let cx = Context::new(&names, &links).volatile(volatile);
            check(&validator, &line(link.into(), &cx));
            // And text says it without harm.
            let text = linx::text::line(link.into(), &cx.details(true)).to_string();
            assert!(!text.chars().any(linx_wire::name::is_dangerous), "{text:?}");
        }
    }
}

/// One message of each kind, with every attribute.
#[test]
fn every_attribute_of_every_object_satisfies_it() {
    use linx_wire::uapi::rtm;
    let names = Names::built_in();
    let mut links = LinkNames::new();
    links.insert(0x0101_0101, linx_wire::name::Name::new(b"lo\xff"), 1);
    let validator = validator();
    let cases: [(u16, usize, &str); 6] = [
        (rtm::NEWADDR, 8, "IFA"),
        (rtm::NEWROUTE, 12, "RTA"),
        (rtm::NEWNEIGH, 12, "NDA"),
        (rtm::NEWRULE, 12, "FRA"),
        (rtm::NEWNEXTHOP, 8, "NHA"),
        (rtm::NEWNSID, 4, "NETNSA"),
    ];
    let table = |prefix: &str| policies().into_iter().find(|policy| policy.prefix == prefix).unwrap();
    for (message, fixed, prefix) in cases {
        for family in [2u8, 7, 10, 28, 128] {
            for (fill, encap) in (1..=11u16).map(|encap| (if encap % 2 == 0 { 0xff } else { 0 }, encap)) {
                let mut bytes = vec![fill; fixed];
                bytes[0] = family;
                // An address's size depends on the family, and an encapsulation's table on its type.
                let width = if matches!(family, 2 | 128) { 4 } else { 16 };
                let odd =
                    ["DST", "SRC", "GATEWAY", "PREFSRC", "VIA", "ENCAP_TYPE", "ENCAP", "MULTIPATH", "NEWDST"];
                let skip = |prefix: &str, name: &str| prefix == "RTA" && odd.contains(&name);
                bytes.extend(filled(table(prefix), &skip));
                if prefix == "RTA" || prefix == "NHA" {
                    let (number, nest) = if prefix == "RTA" { (21, 22) } else { (7, 8) };
                    push(&mut bytes, number, &encap.to_ne_bytes());
                    let inner = linx_wire::route::encap::encap_policy(encap);
                    push(&mut bytes, nest, &inner.map_or(vec![7; 5], |inner| filled(inner, &|_, _| false)));
                }
                if prefix == "RTA" {
                    for number in [1, 2, 5, 7] {
                        push(&mut bytes, number, &vec![9; width]);
                    }
                    push(&mut bytes, 19, &[0, 6, 0x41, 0]);
                }
                let Some((_, object)) = Object::decode(message, &bytes).unwrap() else { panic!("{prefix}") };
                for volatile in [false, true] {
                    let cx = Context::new(&names, &links).volatile(volatile);
                    check(&validator, &line(object.as_ref(), &cx));
                    let text = linx::text::line(object.as_ref(), &cx.details(true)).to_string();
                    assert!(!text.chars().any(linx_wire::name::is_dangerous), "{text:?}");
                }
            }
        }
    }
}
