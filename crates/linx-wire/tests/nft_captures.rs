//! What a 6.18 kernel really sent of nf_tables (`testdata/nft/`, recorded by linx-test's example `nft_capture`): every
//! message decodes, whole, cut anywhere and with any bit flipped; nothing of it is unknown; every kind of expression and
//! object that this kernel has is there, and the numbers are those that were asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::collections::BTreeSet;

use common::Capture;
use linx_wire::Kind;
use linx_wire::attr::Attrs;
use linx_wire::header::control;
use linx_wire::nft::expr::KINDS;
use linx_wire::nft::*;
use linx_wire::policy::{Compare, Policy, Shape, Surroundings};
use linx_wire::route::Operation;
use linx_wire::uapi::nft;

/// Kinds of expressions that this kernel was not built with.
const ABSENT: &[&str] = &["flow_offload", "queue"];

fn captures() -> Vec<Capture> {
    common::captures_in("testdata/nft")
}

/// The messages of all captures that announce something, each once.
fn messages() -> BTreeSet<(u16, Vec<u8>)> {
    let captures = captures();
    let messages = captures.iter().flat_map(Capture::messages);
    messages
        .filter(|message| message.header.message_type >= control::MIN_TYPE)
        .map(|message| (message.header.message_type, message.payload.to_vec()))
        .collect()
}

fn decode(message_type: u16, payload: &[u8]) -> (Operation, Entity) {
    Entity::decode(message_type, payload).unwrap().unwrap()
}

/// One line of a message, as `nft_capture` writes it.
fn told(message_type: u16, payload: &[u8]) -> String {
    let (operation, entity) = match EntityRef::decode(message_type, payload) {
        Ok(Some(found)) => found,
        Ok(None) => return format!("message {message_type:#x}: {} bytes", payload.len()),
        Err(error) => return format!("message {message_type:#x}: {error}"),
    };
    let what = match entity {
        EntityRef::Rule(rule) => rule.expressions().map(|e| e.to_string()).collect::<Vec<_>>().join(" "),
        EntityRef::Elements(elements) => elements
            .iter()
            .map(|element| {
                let carried: String = element.expressions().map(|e| format!(" {e}")).collect();
                format!("{:?}{carried}", element.attributes())
            })
            .collect::<Vec<_>>()
            .join(", "),
        EntityRef::Object(object) => format!("{:?} {:?}", object.name(), object.data()),
        EntityRef::Table(table) => format!("{table:?}"),
        EntityRef::Chain(chain) => format!("{chain:?}"),
        EntityRef::Set(set) => format!("{set:?}"),
        EntityRef::Flowtable(flowtable) => format!("{flowtable:?}"),
        _ => String::new(),
    };
    format!("{operation:?} {:?} family {}: {what}", entity.kind(), entity.family())
}

#[test]
fn every_message_is_what_its_text_says() {
    for capture in captures() {
        let lines: String = capture
            .messages()
            .map(|message| told(message.header.message_type, message.payload) + "\n")
            .collect();
        assert!(capture.text.ends_with(&format!("\n\n{lines}")), "{}:\n{lines}", capture.name);
    }
}

/// Collects the paths of attributes that no table declares, and the names of the expressions, to any depth.
fn walk(policy: &'static Policy, bytes: &[u8], family: u8, path: &str, out: &mut [BTreeSet<String>; 2]) {
    for attr in Attrs::new(bytes).map(Result::unwrap) {
        let step = format!("{path}/{}", policy.step(attr.number()));
        let Some(entry) = policy.entry(attr.number()) else {
            out[0].insert(step);
            continue;
        };
        if policy.prefix == "NFTA_EXPR" && attr.number() == 1 {
            out[1].insert(linx_wire::name::Name::from_payload(attr.payload).to_string());
        }
        inside(entry.shape, attr.payload, Surroundings { siblings: bytes, family }, &step, out);
    }
}

fn inside(
    shape: Shape,
    payload: &[u8],
    around: Surroundings<'_>,
    path: &str,
    out: &mut [BTreeSet<String>; 2],
) {
    match shape {
        Shape::Nested(policy) => walk(policy, payload, around.family, path, out),
        Shape::Many(shape) => inside(*shape, payload, around, path, out),
        Shape::Depends(choose) => match choose(around) {
            Some(policy) => walk(policy, payload, around.family, path, out),
            None => drop(out[0].insert(format!("{path}/?"))),
        },
        Shape::Items(shape) => {
            for attr in Attrs::new(payload).map(Result::unwrap) {
                inside(*shape, attr.payload, Surroundings { siblings: payload, ..around }, path, out);
            }
        }
        _ => {}
    }
}

fn table_of(message_type: u16) -> &'static Policy {
    match message_type {
        nft::NEWTABLE | nft::DELTABLE => &TABLE,
        nft::NEWCHAIN | nft::DELCHAIN => &CHAIN,
        nft::NEWRULE | nft::DELRULE => &RULE,
        nft::NEWSET | nft::DELSET => &SET,
        nft::NEWSETELEM | nft::DELSETELEM => &ELEMENT_LIST,
        nft::NEWOBJ | nft::DELOBJ => &OBJECT,
        nft::NEWGEN => &GENERATION,
        other => panic!("message {other:#x}"),
    }
}

#[test]
fn nothing_is_unknown_and_every_kind_is_there() {
    let mut out = [BTreeSet::new(), BTreeSet::new()];
    for (message_type, payload) in messages() {
        walk(table_of(message_type), &payload[4..], payload[0], "", &mut out);
    }
    assert!(out[0].is_empty(), "{:?}", out[0]);
    let missing: Vec<_> =
        KINDS.iter().map(|(name, _)| *name).filter(|name| !out[1].contains(*name)).collect();
    assert_eq!(missing, ABSENT);
    let types: BTreeSet<_> = messages()
        .into_iter()
        .filter_map(|(message_type, payload)| match decode(message_type, &payload).1 {
            Entity::Object(object) => Some(object.object_type()),
            _ => None,
        })
        .collect();
    let absent: Vec<_> = (1..=10).filter(|object_type| !types.contains(object_type)).collect();
    assert_eq!(absent, [object_type::SECMARK]);
}

#[test]
fn both_forms_keep_the_bytes_and_elements_stand_alone() {
    let mut elements = 0;
    for (message_type, payload) in messages() {
        let (_, borrowed) = EntityRef::decode(message_type, &payload).unwrap().unwrap();
        let (_, owned) = decode(message_type, &payload);
        assert_eq!(owned.as_ref().as_bytes(), payload);
        assert_eq!(format!("{borrowed:?}"), format!("{:?}", owned.as_ref()));
        if let Entity::Elements(list) = &owned {
            for element in list.iter() {
                let one = element.to_owned();
                assert!(one.as_ref().same(element, Compare::Everything));
                assert_eq!(Element::decode(one.as_bytes()).unwrap().as_ref(), Some(&one));
                elements += 1;
            }
        }
    }
    assert!(elements > 50, "{elements}");
}

#[test]
fn numbers_are_those_that_were_asked_for() {
    let all: Vec<_> = messages().into_iter().map(|(kind, payload)| decode(kind, &payload).1).collect();
    let lines: String = all
        .iter()
        .filter_map(|entity| match entity {
            Entity::Rule(rule) => Some(rule.expressions().map(|e| e.to_string()).collect::<String>() + "\n"),
            _ => None,
        })
        .collect();
    for line in [
        "[counter packets 5 bytes 4886718345]",
        "[limit rate 400 unit 60 burst 6 type pkts flags 0x0]",
        "[quota bytes 26214400 used 1048576 flags 0x0]",
        "[log prefix \"in: \" group 5 snaplen 64 qthreshold 7]",
        "[synproxy mss 1460 wscale 9 flags 0xf]",
        "dreg r1 len 8 modulus 32 seed 3735928559 offset 5 type jenkins]",
        "op update set seen timeout 5000 ",
        "[xfrm dreg r1 key spi dir out spnum 1]",
        "[last set 1 msecs 5",
    ] {
        assert!(lines.contains(line), "{line} is not in\n{lines}");
    }
    let objects =
        || all.iter().filter_map(|e| if let Entity::Object(object) = e { Some(object) } else { None });
    let object = |name: &str| objects().find(|object| object.name() == name).unwrap();
    let ObjectData::CtExpectation(expected) = object("expected").data() else { panic!() };
    assert_eq!(
        (expected.dport(), expected.timeout(), expected.size()),
        (Some(9876), Some(120_000), Some(12))
    );
    assert_eq!((expected.l3proto(), expected.protocol()), (Some(2), Some(17)));
    let ObjectData::CtTimeout(timeout) = object("tcp_times").data() else { panic!() };
    assert!(timeout.timeouts().contains(&("established", 132)), "{:?}", timeout.timeouts());
    let ObjectData::Tunnel(tunnel) = object("geneve").data() else { panic!() };
    let options = tunnel.options().unwrap().geneve().map(|option| (option.class(), option.data()));
    assert!(options.eq([(Some(0x102), Some(&[1, 2, 3, 4][..])), (Some(0x102), Some(&[5, 6, 7, 8][..]))]));
    let ObjectData::Tunnel(tunnel) = object("bare").data() else { panic!() };
    assert_eq!((tunnel.id(), tunnel.sport(), tunnel.dport()), (Some(7), Some(1000), Some(4789)));
    let chains = || all.iter().filter_map(|e| if let Entity::Chain(chain) = e { Some(chain) } else { None });
    let priorities: BTreeSet<_> = chains().filter_map(|chain| chain.hook()?.prio()).collect();
    assert!(
        [-500, -300, -150, -100, -7, 0, 100].iter().all(|prio| priorities.contains(prio)),
        "{priorities:?}"
    );
    assert!(chains().any(|chain| chain.counters().is_some_and(|c| c.bytes() == Some(4_886_718_345))));
    let devices = chains().map(|chain| chain.hook().map_or(0, |hook| hook.device_names().count())).max();
    assert_eq!(devices, Some(2));
    let comments: BTreeSet<String> = all
        .iter()
        .flat_map(|entity| match entity {
            Entity::Table(table) => vec![table.comment()],
            Entity::Chain(chain) => vec![chain.comment()],
            Entity::Rule(rule) => vec![rule.comment()],
            Entity::Set(set) => vec![set.comment()],
            Entity::Object(object) => vec![object.comment()],
            _ => Vec::new(),
        })
        .flatten()
        .map(|comment| comment.to_string())
        .collect();
    for comment in ["a comment with \\\\ and é", "why", "first", "some addresses", "kept"] {
        assert!(comments.contains(comment), "{comment}: {comments:?}");
    }
}

#[test]
fn events_end_with_a_generation_that_names_the_process() {
    let captures = captures();
    let events = captures.iter().find(|capture| capture.name == "events").unwrap();
    let mut open = BTreeSet::new();
    let mut generations = Vec::new();
    for message in events.messages() {
        let (_, entity) = decode(message.header.message_type, message.payload);
        let Entity::Generation(generation) = &entity else {
            open.insert(entity.as_ref().generation_low());
            continue;
        };
        // KERNEL.md 1.2: what came before carries the low bits of the generation that closes it.
        assert_eq!(std::mem::take(&mut open), BTreeSet::from([generation.id() as u16]));
        assert!(generation.thread_id().is_some() && generation.thread_name().is_some());
        generations.push(generation.id());
    }
    assert!(open.is_empty());
    assert!(
        generations.len() > 15 && generations.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{generations:?}"
    );
    let kinds: BTreeSet<_> = events
        .messages()
        .map(|m| decode(m.header.message_type, m.payload))
        .map(|(o, e)| (e.kind(), o))
        .collect();
    for kind in [Kind::Table, Kind::Chain, Kind::NftRule, Kind::Set, Kind::Elements, Kind::StatefulObject] {
        for operation in [Operation::New, Operation::Del] {
            assert!(kinds.contains(&(kind, operation)), "{operation:?} {kind:?}: {kinds:?}");
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_an_error_or_a_shorter_message() {
    let mut cuts = 0;
    for (message_type, payload) in messages() {
        for length in 0..payload.len() {
            cuts += 1;
            if let Err(error) = Entity::decode(message_type, &payload[..length]) {
                assert!(error.offset() <= length, "{error}");
            }
        }
    }
    assert!(cuts > 30_000, "{cuts}");
}

#[test]
fn no_flipped_bit_makes_a_panic() {
    let messages: Vec<_> = messages().into_iter().collect();
    let half = messages.len() / 2;
    let flips: usize = std::thread::scope(|scope| {
        let halves = [&messages[..half], &messages[half..]].map(|half| {
            scope.spawn(move || {
                half.iter().map(|(message_type, payload)| flip(*message_type, payload)).sum::<usize>()
            })
        });
        halves.map(|half| half.join().unwrap()).iter().sum()
    });
    assert!(flips > 200_000, "{flips}");
}

fn flip(message_type: u16, payload: &[u8]) -> usize {
    let mut flipped = payload.to_vec();
    for bit in 0..payload.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Reading all of it is slow; each attribute has bits enough for it to come about.
        if bit % 29 == 0 {
            told(message_type, &flipped);
        } else {
            drop(EntityRef::decode(message_type, &flipped));
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    payload.len() * 8
}
