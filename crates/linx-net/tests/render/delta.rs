//! What changed, as JSON and as text: any object of a zoo taken for what another of its kind became.

use std::time::SystemTime;

use linx::author::Author;
use linx::json::{Elsewhere, Head, NetnsTag, Op, Records, Told};
use linx::names::{Context, LinkNames, Names};
use linx::text::{self, Line};
use linx_test::{Zoo, is_root, skip_unless};
use linx_wire::policy::Compare;
use linx_wire::route::{Object, ObjectRef};
use linx_wire::{Kind, name};
use serde_json::{Map, Value, json};

use super::dump::State;
use super::schema::{check, validator};

fn record(op: Op, before: Option<&Object>, object: &Object, fields: &[String], cx: &Context<'_>) -> Vec<u8> {
    let netns = NetnsTag::new("x", 3, None, None);
    let elsewhere = Elsewhere { netns: Some(&netns), nsid: Some(-1), ifindex: Some(7) };
    let told = Told { trigger: Some(1), ..Told::cause("implied") };
    let is_link = object.kind() == Kind::Link;
    let told = if is_link { Told { moved_to: Some(elsewhere), ..told } } else { told };
    let somebody = Author::of_portid(7);
    let head = Head::new(SystemTime::now(), &netns, op).told(&told);
    let head = if is_link { head } else { head.author(Some(&somebody)) };
    let mut line = Vec::new();
    let mut records = Records::new();
    match before {
        Some(before) => {
            records.changed(&mut line, &head, (before.as_ref(), object.as_ref()), fields, cx);
        }
        None => records.keyed(&mut line, &head, object.as_ref(), cx),
    }
    line
}

/// Takes what is at a dotted path out of a body.
fn take(body: &mut Value, path: &str) -> Option<Value> {
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    let mut at = body;
    for key in parents.into_iter().flat_map(|parents| parents.split('.')) {
        at = at.get_mut(key)?;
    }
    at.as_object_mut()?.remove(last)
}

/// Objects in which nothing is left do not tell two bodies apart.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let inner = map.into_iter().map(|(key, value)| (key, without_empty(value)));
            let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            Value::Object(inner.filter(|(_, value)| !is_empty(value)).collect())
        }
        value => value,
    }
}

const DEADLINES: [&str; 3] = ["valid_life_time", "preferred_life_time", "expires"];

#[test]
fn any_object_may_become_any_other_of_its_kind() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("deltas");
    let state = State::of(&zoo.namespace.netns());
    let (names, validator) = (Names::load(), validator());
    let all: Vec<Object> = state.all().cloned().collect();
    let mut pairs = 0;
    for kind in [Kind::Link, Kind::Address, Kind::Route, Kind::Neighbour, Kind::Rule, Kind::NextHop] {
        let of_kind: Vec<&Object> = all.iter().filter(|object| object.kind() == kind).collect();
        for pair in of_kind.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            let volatile = pairs % 2 == 0;
            let cx = Context::new(&names, &state.names).volatile(volatile);
            let fields = before.differences(after, Compare::Tracked);
            let value = check(&validator, &record(Op::Changed, Some(before), after, &fields, &cx));
            let word = value["kind"].as_str().unwrap().to_owned();
            let body = |object: &Object| -> Value {
                let mut json = Vec::new();
                let cx = cx.volatile(false);
                linx::json::append(&mut json, &linx::json::Body(object.as_ref(), &cx)).unwrap();
                serde_json::from_slice(&json).unwrap()
            };
            let (mut old, mut new, mut told) = (body(before), body(after), value["before"].clone());
            for path in value["fields"].as_array().unwrap() {
                let path = path.as_str().unwrap();
                let was = take(&mut old, path);
                assert_eq!(take(&mut told, path), was, "{path}");
                assert_ne!(take(&mut new, path), was, "{path}");
            }
            for path in DEADLINES {
                take(&mut old, path);
                take(&mut new, path);
            }
            if kind == Kind::Neighbour && !fields.contains(&"state".to_owned()) {
                take(&mut old, "state");
                take(&mut new, "state");
            }
            assert_eq!(without_empty(old), without_empty(new), "{value}");
            assert_eq!(without_empty(told), json!({}), "{value}");
            assert!(value[&word].is_object() && value["cause"] == "implied" && value["trigger"] == 1);
            let mut line = Line::new();
            text::write_changed(&mut line, before.as_ref(), after.as_ref(), &cx.details(true));
            assert!(!line.as_str().chars().any(name::is_dangerous), "{line:?}");
            // What identifies an object is not told again.
            let same = linx::Key::from(before) == linx::Key::from(after);
            assert!(!same || fields.is_empty() || line.as_str().contains("  "), "{fields:?}: {line}");
            pairs += 1;
        }
        for (op, object) in [Op::Added, Op::Removed].into_iter().zip(&of_kind) {
            let cx = Context::new(&names, &state.names);
            let value = check(&validator, &record(op, None, object, &[], &cx));
            assert_eq!(value["op"], op.word());
        }
    }
    assert!(pairs > 100, "{pairs}");
}

fn route(flags: u8, gateway: Option<u8>) -> Object {
    let mut bytes = vec![2, 24, 0, 0, 254, 12, 0, 1, flags, 0, 0, 0];
    super::schema::push(&mut bytes, 1, &[10, 9, 5, 0]);
    if let Some(last) = gateway {
        super::schema::push(&mut bytes, 5, &[10, 1, 1, last]);
    }
    super::schema::push(&mut bytes, 4, &2u32.to_ne_bytes());
    linx::Route::decode(&bytes).unwrap().into()
}

fn link(flags: u32, operstate: u8, more: &[(u16, &[u8])]) -> Object {
    let mut bytes = vec![0, 0, 1, 0, 2, 0, 0, 0];
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 4]);
    super::schema::push(&mut bytes, 3, b"eth0\0");
    super::schema::push(&mut bytes, 16, &[operstate]);
    more.iter().for_each(|(number, payload)| super::schema::push(&mut bytes, *number, payload));
    linx::Link::decode(&bytes).unwrap().into()
}

fn neighbour(state: u16, last: u8) -> Object {
    let mut bytes = vec![2, 0, 0, 0, 2, 0, 0, 0];
    bytes.extend(state.to_ne_bytes());
    bytes.extend([0, 1]);
    super::schema::push(&mut bytes, 1, &[10, 1, 1, 1]);
    super::schema::push(&mut bytes, 2, &[2, 0, 0, 0, 0, last]);
    linx::Neighbour::decode(&bytes).unwrap().into()
}

fn changed(before: &Object, after: &Object) -> String {
    let names = Names::built_in();
    let mut links = LinkNames::new();
    links.insert(2, name::Name::new(b"eth0"), 1);
    links.insert(7, name::Name::new(b"br\x1b0"), 1);
    let mut line = Line::new();
    text::write_changed(&mut line, before.as_ref(), after.as_ref(), &Context::new(&names, &links));
    line.to_string()
}

/// The lines of SESSIONS.
#[test]
fn lines_name_the_object_and_what_became_of_its_fields() {
    const UP: u32 = 0x1 | 0x40 | 0x1_0000;
    for (before, after, expected) in [
        (link(UP, 6, &[]), link(0, 2, &[]), "eth0  flags -UP -LOWER_UP  operstate UP → DOWN"),
        (link(0, 2, &[]), link(0x1_0001, 2, &[]), "eth0  flags +NO-CARRIER +UP +LOWER_UP"),
        // A queueing discipline comes with it, in silence.
        (
            link(UP, 6, &[(6, b"noop\0")]),
            link(0, 2, &[(6, b"mq\0")]),
            "eth0  flags -UP -LOWER_UP  operstate UP → DOWN",
        ),
        (link(UP, 6, &[(6, b"noop\0")]), link(UP, 6, &[(6, b"mq\0")]), "eth0  qdisc noop → mq"),
        (link(UP, 6, &[]), link(UP, 6, &[(10, &[7, 0, 0, 0])]), "eth0  master none → br\\x1b0"),
        (link(UP, 6, &[(4, &[220, 5, 0, 0])]), link(UP, 6, &[(4, &[40, 35, 0, 0])]), "eth0  mtu 1500 → 9000"),
        (route(16, None), route(0, None), "10.9.5.0/24 dev eth0 proto bird  flags -linkdown"),
        (
            route(0, Some(8)),
            route(0, Some(9)),
            "10.9.5.0/24 dev eth0 proto bird  gateway 10.1.1.8 → 10.1.1.9",
        ),
        (route(0, Some(8)), route(1, Some(8)), "10.9.5.0/24 via 10.1.1.8 dev eth0 proto bird  flags +dead"),
        (neighbour(2, 1), neighbour(0x20, 1), "10.1.1.1 dev eth0  state REACHABLE → FAILED"),
        (neighbour(2, 1), neighbour(4, 1), "10.1.1.1 dev eth0  state REACHABLE → STALE"),
        // The first does not change anything.
        (neighbour(2, 1), neighbour(4, 2), "10.1.1.1 dev eth0  lladdr 02:00:00:00:00:01 → 02:00:00:00:00:02"),
    ] {
        assert_eq!(changed(&before, &after), expected);
    }
}

/// Of counters those that counted.
#[test]
fn of_what_has_parts_those_that_differ_are_told() {
    let counted = |rx_packets: u64, tx_bytes: u64| {
        let counters: Vec<u8> = (0..25)
            .map(|n| [rx_packets, 3, 90, tx_bytes].get(n).copied().unwrap_or(0))
            .flat_map(u64::to_ne_bytes)
            .collect();
        link(1, 6, &[(23, &counters)])
    };
    let (names, links) = (Names::built_in(), LinkNames::new());
    let cx = Context::new(&names, &links);
    let line = |before: &Object, after: &Object, cx: &Context<'_>| {
        let mut line = Line::new();
        let is_told = text::write_changed(&mut line, before.as_ref(), after.as_ref(), cx);
        (line.to_string(), is_told)
    };
    let (one, two) = (counted(1, 90), counted(3, 266));
    let told = "eth0  stats64.rx.packets 1 → 3  stats64.tx.bytes 90 → 266".to_owned();
    assert_eq!(line(&one, &two, &cx.volatile(true)), (told, true));
    assert_eq!(line(&one, &two, &cx), ("eth0".to_owned(), false));
    assert_eq!(line(&one, &one, &cx.volatile(true)), ("eth0".to_owned(), false));
}

#[test]
fn a_flap_in_json() {
    let names = Names::built_in();
    let links = LinkNames::new();
    let cx = Context::new(&names, &links);
    let line = record(Op::Changed, Some(&neighbour(2, 1)), &neighbour(4, 2), &["lladdr".into()], &cx);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["fields"], json!(["lladdr"]));
    assert_eq!(value["before"], json!({"lladdr": "02:00:00:00:00:01"}));
    let line = record(Op::Changed, Some(&link(0x1_0041, 6, &[])), &link(0, 2, &[]), &[], &cx);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["fields"], json!(["flags", "operstate"]));
    assert_eq!(value["before"], json!({"flags": ["UP", "LOWER_UP"], "operstate": "UP"}));
}

/// Times that run down differ in each message.
#[test]
fn a_lifetime_is_told_where_it_is_what_changed() {
    let address = |flags: u8, valid: u32| {
        let mut bytes = vec![2, 24, flags, 0, 2, 0, 0, 0];
        super::schema::push(&mut bytes, 2, &[10, 1, 1, 4]);
        let info: Vec<u8> = [valid, valid, 1, 2].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        super::schema::push(&mut bytes, 6, &info);
        Object::from(linx::Address::decode(&bytes).unwrap())
    };
    let (old, new, renewed) = (address(0, 90), address(0x20, 80), address(0, 3600));
    assert_eq!(changed(&old, &new), "10.1.1.4/24 dev eth0  flags +deprecated");
    assert!(
        changed(&old, &renewed).contains("valid_life_time 90sec → 3600sec"),
        "{}",
        changed(&old, &renewed)
    );
    let (names, links) = (Names::built_in(), LinkNames::new());
    let cx = Context::new(&names, &links);
    let fields = |after: &Object, fields: &[&str]| {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        let line = record(Op::Changed, Some(&old), after, &fields, &cx);
        serde_json::from_slice::<Value>(&line).unwrap()["fields"].clone()
    };
    assert_eq!(fields(&new, &["flags"]), json!(["deprecated"]));
    assert_eq!(fields(&renewed, &["cacheinfo"]), json!(["valid_life_time", "preferred_life_time"]));
}

/// A link that comes or goes, in a few words.
#[test]
fn links_come_in_few_words() {
    let names = Names::built_in();
    let mut links = LinkNames::new();
    links.insert(7, name::Name::new(b"br0"), 1);
    let mut info = Vec::new();
    super::schema::push(&mut info, 1, b"veth\0");
    let veth =
        link(0x1_0041, 6, &[(1, &[2, 0, 0, 0, 0, 1]), (5, &[7, 0, 0, 0]), (10, &[7, 0, 0, 0]), (18, &info)]);
    let mut line = Line::new();
    text::write_whole(&mut line, veth.as_ref(), &Context::new(&names, &links));
    assert_eq!(line.as_str(), "eth0 type veth peer br0 master br0 address 02:00:00:00:00:01 state UP");
    let ObjectRef::Link(_) = veth.as_ref() else { panic!() };
}

#[test]
fn namespaces_come_change_and_go() {
    let validator = validator();
    let netns = NetnsTag::new("host", 3, None, None);
    let told = Told { with: &[("link", 2), ("route", 5)], ..Told::cause("event") };
    let mut records = Records::new();
    for op in [Op::Added, Op::Removed] {
        let mut line = Vec::new();
        records.namespace(&mut line, &Head::new(SystemTime::now(), &netns, op).told(&told));
        let value = check(&validator, &line);
        assert_eq!((&value["with"], &value["cause"]), (&json!({"link": 2, "route": 5}), &json!("event")));
    }
    let mut line = Vec::new();
    let told = Told::cause("event");
    records.renamed(&mut line, &Head::new(SystemTime::now(), &netns, Op::Changed).told(&told), "a\x1bb");
    let value = check(&validator, &line);
    assert_eq!((&value["before"]["name"], &value["fields"]), (&json!("a\u{1b}b"), &json!(["name"])));
}
