//! What became of objects of nf_tables: lines for people, and transactions as a mirror tells them.

use std::time::SystemTime;

use linx::author::Author;
use linx::json::nft::{ItemChange, LINE_LIMIT, TransactionHead};
use linx::json::{Head, NetnsTag, Op, Records, Told};
use linx::names::{Context, KnownSets, LinkNames, Names};
use linx::text::{self, Line};
use linx_wire::nft::expr::COUNTER;
use linx_wire::nft::{
    CHAIN, ELEMENT, ELEMENT_LIST, Entity, FLOWTABLE, ItemRef, Nest, RULE, SET, TABLE, comment,
};
use linx_wire::uapi::nft;
use serde_json::{Value, json};

use super::super::schema::{check, validator};

fn entity(message: u16, nest: Nest) -> Entity {
    Entity::decode(message, &[&[1, 0, 0, 9], &nest.finish().unwrap()[..]].concat()).unwrap().unwrap().1
}

fn one(entity: &Entity) -> ItemRef<'_> {
    entity.as_ref().items().next().unwrap()
}

fn table(flags: u32) -> Entity {
    entity(nft::NEWTABLE, Nest::new(&TABLE).set("name", "t").set("flags", flags))
}

fn chain(policy: u32, text: &[u8]) -> Entity {
    named_chain("c\x1b", policy, text)
}

fn named_chain(name: &str, policy: u32, text: &[u8]) -> Entity {
    let chain = Nest::new(&CHAIN).set("table", "t").set("name", name).set("handle", 3u64);
    entity(nft::NEWCHAIN, chain.set("policy", policy).set("userdata", comment(text).unwrap()))
}

fn rule(handle: u64, counters: usize) -> Entity {
    let counter = || Nest::expression(Nest::new(&COUNTER).set("bytes", 1u64).set("packets", 2u64));
    let rule = Nest::new(&RULE).set("table", "t").set("chain", "c").set("handle", handle);
    entity(nft::NEWRULE, rule.set("expr", (0..counters).map(|_| counter()).collect::<Vec<_>>()))
}

fn set(timeout: u64) -> Entity {
    let set = Nest::new(&SET).set("table", "t").set("name", "s").set("key_type", 13u32);
    entity(nft::NEWSET, set.set("flags", 0x10u32).set("timeout", timeout))
}

fn element(data: &[u8]) -> Entity {
    let one =
        Nest::new(&ELEMENT).set("key", Nest::value(&[0, 80, 0, 0])).set("userdata", comment(data).unwrap());
    let list = Nest::new(&ELEMENT_LIST).set("table", "t").set("set", "s").set("elem", vec![one]);
    entity(nft::NEWSETELEM, list)
}

fn flowtable(flags: u32) -> Entity {
    entity(nft::NEWFLOWTABLE, Nest::new(&FLOWTABLE).set("table", "t").set("name", "f").set("flags", flags))
}

fn pairs() -> [(Entity, Entity, &'static str); 8] {
    [
        (table(0), table(1), "table inet t  flags +dormant"),
        (chain(1, b"a"), chain(0, b"a"), "chain inet t \"c\\x1b\"  policy accept → drop"),
        (chain(1, b"a"), chain(1, b"\x1b\"b"), "chain inet t \"c\\x1b\"  comment \"a\" → \"\\x1b\\\"b\""),
        (chain(1, b"a"), named_chain("d", 1, b"a"), "chain inet t d  name \"c\\x1b\" → d"),
        (rule(9, 1), rule(9, 2), "rule inet t c handle 9 [counter]  none → [counter]"),
        (set(0), set(1_000), "set inet t s  timeout 0s → 1s"),
        (element(b"a"), element(b"b"), "element inet t s 0x00500000 comment  \"a\" → \"b\""),
        (flowtable(0), flowtable(2), "flowtable inet t f  flags +counter"),
    ]
}

fn known() -> KnownSets<'static> {
    let mut sets = KnownSets::new();
    sets.note(linx_wire::route::Operation::New, set(0).as_ref());
    sets
}

#[test]
fn lines_name_the_object_and_what_became_of_its_fields() {
    let (names, links, sets) = (Names::built_in(), LinkNames::new(), known());
    let cx = Context::new(&names, &links).sets(Some(&sets));
    for (before, after, expected) in pairs() {
        let mut line = Line::new();
        text::write_nft_changed(&mut line, one(&before), one(&after), &cx);
        assert_eq!(line.as_str(), expected);
    }
}

#[test]
fn each_satisfies_the_schema_by_itself_and_in_a_transaction() {
    let (names, links, sets) = (Names::built_in(), LinkNames::new(), known());
    let cx = Context::new(&names, &links).sets(Some(&sets));
    let (validator, netns) = (validator(), NetnsTag::new("host", 3, None, None));
    let (process, told) = (Author::of_portid(77), Told::cause("audit"));
    let pairs = pairs();
    let mut records = Records::new();
    for (before, after, _) in &pairs {
        let head = Head::new(SystemTime::UNIX_EPOCH, &netns, Op::Changed).told(&told).author(Some(&process));
        let mut line = Vec::new();
        records.nft_changed(&mut line, &head, (one(before), one(after)), &[], &cx);
        let value = check(&validator, &line);
        assert_eq!((&value["op"], &value["cause"]), (&json!("changed"), &json!("audit")));
        assert_eq!(value["fields"].as_array().map(Vec::len).map(|length| length > 0), Some(true), "{value}");
        for op in [Op::Added, Op::Removed] {
            let mut line = Vec::new();
            records.nft(&mut line, &Head { op, ..head }.key("k"), one(after), &cx);
            check(&validator, &line);
        }
    }
    let head = TransactionHead {
        time: SystemTime::UNIX_EPOCH,
        netns: &netns,
        generation: Some(4213),
        process: Some(&process),
        complete: true,
        part: 1,
        is_last: true,
    };
    let changes = || {
        let changed = pairs.iter().map(|(before, after, _)| ItemChange {
            op: Op::Changed,
            object: one(after),
            before: Some(one(before)),
            fields: vec![],
        });
        let gone = pairs.iter().map(|(before, ..)| ItemChange {
            op: Op::Removed,
            object: one(before),
            before: None,
            fields: vec![],
        });
        changed.chain(gone).map(|change| (change, true))
    };
    let mut lines = Vec::new();
    records.transaction_of_items(&head, changes, &cx, false, |line| lines.push(line.to_vec()));
    assert_eq!(lines.len(), 1);
    let value = check(&validator, &lines[0]);
    let counts = json!({"table": 1, "chain": 3, "rule": 1, "set": 1, "element": 1, "flowtable": 1});
    assert_eq!(value["counts"], json!({"changed": counts, "removed": counts}));
    assert_eq!(value["changes"][1]["before"], json!({"policy": "accept"}));
    assert_eq!(value["changes"][1]["fields"], json!(["policy"]));
    // Many are several lines.
    let many = || (0..40).flat_map(|_| changes());
    lines.clear();
    records.transaction_of_items(&head, many, &cx, false, |line| lines.push(line.to_vec()));
    assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= LINE_LIMIT));
    let values: Vec<Value> = lines.iter().map(|line| check(&validator, line)).collect();
    assert_eq!(values.iter().map(|value| value["changes"].as_array().unwrap().len()).sum::<usize>(), 640);
}

/// What the kernel counts is not what changed.
#[test]
fn counters_are_no_difference() {
    let with = |bytes: u64| {
        let counter = Nest::expression(Nest::new(&COUNTER).set("bytes", bytes).set("packets", 2u64));
        let rule = Nest::new(&RULE).set("table", "t").set("chain", "c").set("handle", 1u64);
        entity(nft::NEWRULE, rule.set("expr", vec![counter]))
    };
    let (before, after) = (with(1), with(2));
    let (names, links, netns) = (Names::built_in(), LinkNames::new(), NetnsTag::new("host", 3, None, None));
    for volatile in [false, true] {
        let cx = Context::new(&names, &links).volatile(volatile);
        let told = Told::cause("event");
        let head = Head::new(SystemTime::UNIX_EPOCH, &netns, Op::Changed).told(&told);
        let mut line = Vec::new();
        Records::new().nft_changed(&mut line, &head, (one(&before), one(&after)), &[], &cx);
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&value["fields"], &value["before"]), (&json!([]), &json!({})));
    }
}
