//! Lines of transactions: none too long, none lost, each with its counts.

use std::time::SystemTime;

use linx::author::Author;
use linx::json::nft::{LINE_LIMIT, TransactionHead};
use linx::json::{NetnsTag, Records};
use linx::names::{Context, KnownSets, LinkNames, Names};
use linx_wire::nft::expr::COUNTER;
use linx_wire::nft::{ELEMENT, ELEMENT_LIST, Entity, Nest, RULE, SET, comment};
use linx_wire::route::Operation;
use linx_wire::uapi::nft;
use serde_json::{Value, json};

use super::super::schema::{check, validator};

fn entity(message: u16, nest: Nest) -> (Operation, Entity) {
    Entity::decode(message, &[&[1, 0, 0, 9], &nest.finish().unwrap()[..]].concat()).unwrap().unwrap()
}

fn rule(handle: u64, expressions: usize) -> (Operation, Entity) {
    let counter = || Nest::expression(Nest::new(&COUNTER).set("bytes", 1u64).set("packets", 2u64));
    let rule = Nest::new(&RULE).set("table", "t").set("chain", "c\x1b").set("handle", handle);
    entity(nft::NEWRULE, rule.set("expr", (0..expressions).map(|_| counter()).collect::<Vec<_>>()))
}

fn set(message: u16, key_type: u32) -> (Operation, Entity) {
    let set = Nest::new(&SET).set("table", "t").set("name", "s");
    let set = if message == nft::NEWSET { set.set("key_type", key_type).set("flags", 8u32) } else { set };
    entity(message, set)
}

fn elements(message: u16, keys: &[[u8; 4]]) -> (Operation, Entity) {
    let one = |key: &[u8; 4]| {
        Nest::new(&ELEMENT).set("key", Nest::value(key)).set("userdata", comment(b"x").unwrap())
    };
    let list = Nest::new(&ELEMENT_LIST).set("table", "t").set("set", "s");
    entity(message, list.set("elem", keys.iter().map(one).collect::<Vec<_>>()))
}

struct Made {
    lines: Vec<Vec<u8>>,
    values: Vec<Value>,
    next: u32,
}

fn lines(changes: &[(Operation, Entity)], whole: bool, part: u32, is_last: bool) -> Made {
    let (names, links) = (Names::built_in(), LinkNames::new());
    let netns = NetnsTag::new("host", 3, None, None);
    let process = Author::of_portid(77);
    let head = TransactionHead {
        time: SystemTime::UNIX_EPOCH,
        netns: &netns,
        generation: Some(4213),
        process: Some(&process),
        complete: true,
        part,
        is_last,
    };
    let mut state = KnownSets::new();
    state.note(Operation::New, set(nft::NEWSET, 13).1.as_ref());
    let cx = Context::new(&names, &links).volatile(true).sets(Some(&state));
    let mut records = Records::new();
    let mut lines = Vec::new();
    let next = records.transaction(
        &head,
        || changes.iter().map(|(op, entity)| (*op, entity.as_ref())),
        &cx,
        whole,
        |line| lines.push(line.to_vec()),
    );
    assert_eq!(records.seq(), lines.len() as u64);
    let validator = validator();
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
    // Of many the first and the last: the validator is slow.
    let ends = [0, lines.len() - 1];
    let short = ends.into_iter().filter(|at| lines[*at].len() <= LINE_LIMIT);
    short.for_each(|at| _ = check(&validator, &lines[at]));
    Made { lines, values, next }
}

#[test]
fn a_small_one_is_one_line() {
    let changes = [rule(4, 1), elements(nft::NEWSETELEM, &[[0, 80, 0, 0], [0, 81, 0, 0]])];
    let made = lines(&changes, false, 1, true);
    assert_eq!((made.lines.len(), made.next), (1, 2));
    assert!(made.lines[0].ends_with(b"]}\n"));
    let value = &made.values[0];
    assert_eq!(
        (&value["op"], &value["kind"], &value["generation"]),
        (&json!("transaction"), &json!("nft"), &json!(4213))
    );
    assert_eq!(value["process"]["portid"], 77);
    assert!(value.get("part").is_none() && value.get("parts").is_none());
    assert_eq!(value["counts"], json!({"new": {"rule": 1, "element": 2}}));
    let first = &value["changes"][0];
    assert_eq!(
        (&first["op"], &first["kind"], &first["key"]),
        (&json!("new"), &json!("rule"), &json!("nft/rule/inet/t/4"))
    );
    assert_eq!(first["rule"]["expressions"], json!([{"name": "counter", "bytes": 1, "packets": 2}]));
    assert_eq!(value["changes"].as_array().unwrap().len(), 3);
    let empty = lines(&[], false, 1, true);
    assert_eq!((&empty.values[0]["counts"], &empty.values[0]["changes"]), (&json!({}), &json!([])));
}

#[test]
fn a_large_one_is_several_lines_and_none_is_too_long() {
    let one = |handle: u64| rule(handle, (handle % 7) as usize);
    // One that is longer than a line by itself, in the middle.
    let mut changes: Vec<_> = (1..=1_000).map(one).collect();
    changes.insert(500, rule(9_999, 900));
    for whole in [false, true] {
        let made = lines(&changes, whole, 1, true);
        let parts = made.lines.len();
        assert_eq!(made.next as usize, parts + 1);
        let mut handles = Vec::new();
        for (at, (line, value)) in made.lines.iter().zip(&made.values).enumerate() {
            let list = value["changes"].as_array().unwrap();
            assert!(whole || line.len() <= LINE_LIMIT || list.len() == 1, "{} bytes", line.len());
            assert_eq!(value["generation"], 4213);
            assert_eq!(value["counts"].is_null(), at > 0);
            assert_eq!(value["seq"], at + 1);
            if !whole {
                assert_eq!((&value["part"], &value["parts"]), (&json!(at + 1), &json!(parts)));
            }
            handles.extend(list.iter().map(|change| change["rule"]["handle"].as_u64().unwrap()));
        }
        let expected: Vec<u64> = (1..=500).chain([9_999]).chain(501..=1_000).collect();
        assert_eq!(handles, expected);
        assert_eq!(made.values[0]["counts"], json!({"new": {"rule": 1_001}}));
        assert_eq!(parts == 1, whole);
        if !whole {
            // Filled, and not one line for each.
            assert!(
                made.lines.iter().filter(|line| line.len() > LINE_LIMIT / 2).count() + 3 >= parts,
                "{parts}"
            );
        }
    }
}

#[test]
fn parts_go_on_where_the_last_ended() {
    let changes: Vec<_> = (1..=300).map(|handle| rule(handle, 3)).collect();
    let first = lines(&changes, false, 1, false);
    let last = lines(&changes[..1], false, first.next, true);
    let total = first.lines.len() + 1;
    assert!(total > 2);
    assert!(first.values.iter().all(|value| value.get("parts").is_none()));
    assert_eq!((&last.values[0]["part"], &last.values[0]["parts"]), (&json!(total), &json!(total)));
}

#[test]
fn elements_are_typed_by_the_sets_of_the_moment() {
    // Known as one of ports; made anew as one of addresses.
    let key = [10, 0, 0, 1];
    let changes = [
        elements(nft::DELSETELEM, &[[0, 80, 0, 0]]),
        set(nft::DELSET, 0),
        set(nft::NEWSET, 7),
        elements(nft::NEWSETELEM, &[key]),
    ];
    let made = lines(&changes, false, 1, true);
    let changes = made.values[0]["changes"].as_array().unwrap();
    let kinds: Vec<_> = changes.iter().map(|change| change["kind"].as_str().unwrap()).collect();
    // What its end does not say: that it was a map.
    assert_eq!(kinds, ["element", "map", "map", "element"]);
    assert_eq!(changes[0]["element"]["key_hex"], "00500000", "a port has two bytes");
    assert_eq!(changes[3]["element"]["key"], "10.0.0.1");
    assert_eq!(
        made.values[0]["counts"],
        json!({"new": {"map": 1, "element": 1}, "del": {"element": 1, "map": 1}})
    );
}
