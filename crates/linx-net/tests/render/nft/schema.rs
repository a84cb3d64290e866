//! Every line satisfies the schema, which allows no field that it does not declare.

use linx::json::Op;
use linx::names::{Context, KnownSets, LinkNames, Names};
use linx_test::{Nft, is_root, nft_made, skip_unless};
use linx_wire::nft::{
    CHAIN, CT_TIMEOUT, ELEMENT, ELEMENT_LIST, Entity, FLOWTABLE, OBJECT, ObjectData, RULE, SET, TABLE, expr,
};
use linx_wire::policy::{Policy, Shape};
use linx_wire::uapi::nft;
use serde_json::json;

use super::super::schema::{check, push, validator};
use super::{Pulled, line, scenes};

#[test]
fn every_line_of_every_scene_satisfies_it() {
    skip_unless!(is_root(), "not root");
    let namespace = scenes("nft-schema");
    // What nft cannot make, nor list.
    let mut socket = Nft::new(&namespace.netns());
    for (what, request) in nft_made() {
        assert_eq!(socket.commit(vec![request]), [], "{what}");
    }
    let pulled = Pulled::of(&namespace);
    let (names, links) = (Names::load(), LinkNames::new());
    let validator = validator();
    let mut count = 0;
    for item in pulled.items() {
        for (volatile, known) in [(false, true), (true, false), (true, true)] {
            let cx = Context::new(&names, &links).volatile(volatile);
            let cx = if known { cx.sets(Some(&pulled.sets)) } else { cx };
            let value = check(&validator, &line(item, Op::New, &cx));
            assert_eq!(value["kind"], "nft");
            if volatile && known {
                // And allows nothing that is not declared.
                let word = linx::json::nft::word(&item, &cx);
                let mut other = value.clone();
                other[word]["surprise"] = json!(1);
                assert!(!validator.is_valid(&other));
                let mut other = value;
                other["table2"] = json!({});
                assert!(!validator.is_valid(&other));
            }
        }
        count += 1;
    }
    assert!(count > 280, "{count}");
}

/// Attributes of a table, one of each.
fn filled(policy: &Policy, depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in policy.entries {
        if let Some(payload) = payload(&entry.shape, depth) {
            push(&mut bytes, entry.number, &payload);
        }
    }
    push(&mut bytes, 0x3f00, &[1, 2]);
    bytes
}

fn payload(shape: &Shape, depth: usize) -> Option<Vec<u8>> {
    Some(match shape {
        Shape::U8 => vec![1],
        Shape::Be16 => vec![1, 1],
        Shape::U32 | Shape::Be32 | Shape::BeI32 | Shape::Be32But(_) => vec![0, 0, 0, 1],
        Shape::Be64 | Shape::Bytes => vec![1; 8],
        Shape::Ip => vec![1; 4],
        Shape::Name => b"na\xffme\x1b\0".to_vec(),
        Shape::Nested(policy) if std::ptr::eq(*policy, &expr::EXPR) => expression("counter", depth),
        Shape::Nested(policy) => filled(policy, depth),
        Shape::Many(inner) => payload(inner, depth)?,
        Shape::Items(Shape::Nested(policy)) if std::ptr::eq(*policy, &expr::EXPR) => {
            let mut items = Vec::new();
            for (name, _) in expr::KINDS.iter().filter(|_| depth == 0) {
                push(&mut items, 1, &expression(name, depth + 1));
            }
            push(&mut items, 1, &expression("unheard\u{1b}", depth));
            items
        }
        Shape::Items(inner) => {
            let mut items = Vec::new();
            push(&mut items, 1, &payload(inner, depth)?);
            push(&mut items, 1, &payload(inner, depth)?);
            items
        }
        _ => return None,
    })
}

fn expression(name: &str, depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, 1, &[name.as_bytes(), &[0]].concat());
    match expr::policy_of(name.as_bytes()) {
        Some(policy) => push(&mut bytes, 2, &filled(policy, depth + 1)),
        None => push(&mut bytes, 2, &[1, 2, 3]),
    }
    push(&mut bytes, 0x3f00, &[1, 2]);
    bytes
}

#[test]
fn every_attribute_of_everything_satisfies_it() {
    let (names, links) = (Names::built_in(), LinkNames::new());
    let validator = validator();
    let mut messages: Vec<(u16, Vec<u8>)> = [
        (nft::NEWTABLE, &TABLE),
        (nft::NEWCHAIN, &CHAIN),
        (nft::NEWRULE, &RULE),
        (nft::NEWSET, &SET),
        (nft::NEWSETELEM, &ELEMENT_LIST),
        (nft::NEWFLOWTABLE, &FLOWTABLE),
    ]
    .map(|(message, policy)| (message, filled(policy, 0)))
    .into();
    for kind in 0..=12u32 {
        let mut bytes = filled(&OBJECT, 0);
        push(&mut bytes, 3, &kind.to_be_bytes());
        for protocol in [0u8, 1, 6, 17, 33, 47, 58, 132, 136, 255] {
            let mut data = ObjectData::policy(kind).map_or(vec![7; 5], |policy| filled(policy, 0));
            if kind == 7 {
                push(&mut data, 2, &[protocol]);
                let mut timeouts = Vec::new();
                (1..4).for_each(|state| push(&mut timeouts, state, &[0, 0, 0, 9]));
                push(&mut data, 3, &timeouts);
                assert_eq!(CT_TIMEOUT.entries.len(), 3);
            }
            let mut bytes = bytes.clone();
            push(&mut bytes, 4, &data);
            messages.push((nft::NEWOBJ, bytes));
        }
    }
    // Keys of every type, and none.
    for flags in [0u32, 1, 2] {
        let mut element = filled(&ELEMENT, 1);
        push(&mut element, 3, &flags.to_be_bytes());
        let mut list = filled(&ELEMENT_LIST, 1);
        let mut items = Vec::new();
        push(&mut items, 1, &element);
        push(&mut list, 3, &items);
        messages.push((nft::NEWSETELEM, list));
    }
    let sets: Vec<_> = (0..64u32)
        .map(|kind| {
            let mut set = filled(&SET, 1);
            push(&mut set, 4, &kind.to_be_bytes());
            push(&mut set, 6, &kind.to_be_bytes());
            Entity::decode(nft::NEWSET, &[&[2, 0, 0, 0], &set[..]].concat()).unwrap().unwrap().1
        })
        .collect();
    let mut count = 0;
    for (message, attributes) in &messages {
        for family in [2u8, 5, 200] {
            let payload = [&[family, 0, 0, 0], &attributes[..]].concat();
            let (operation, entity) = Entity::decode(*message, &payload).unwrap().unwrap();
            for volatile in [false, true] {
                let cx = Context::new(&names, &links).volatile(volatile);
                for item in entity.as_ref().items() {
                    check(&validator, &line(item, Op::New, &cx));
                    count += 1;
                }
                if family == 2 && *message == nft::NEWSETELEM {
                    for set in &sets {
                        let mut known = KnownSets::new();
                        known.note(operation, set.as_ref());
                        for item in entity.as_ref().items() {
                            check(&validator, &line(item, Op::New, &cx.sets(Some(&known))));
                        }
                    }
                }
            }
        }
    }
    assert!(count > 600, "{count}");
}
