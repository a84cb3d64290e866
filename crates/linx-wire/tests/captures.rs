//! What a 6.18 kernel really sent (`testdata/`, recorded by linx-test's example `capture`): every message decodes, whole,
//! cut anywhere and with any bit flipped; nothing of it is unknown; replayed events lead to what the dump after them says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use common::{Capture, captures};
use linx_wire::attr::{Attrs, TYPE_MASK};
use linx_wire::header::{MessageFlags, Messages, control};
use linx_wire::policy::{Compare, Policy, Shape, Surroundings};
use linx_wire::route::link::{LINK, LinkView};
use linx_wire::route::{
    ADDRESS, Link, NEIGHBOUR, NEXT_HOP, NSID, Object, ObjectRef, Operation, ROUTE, RULE, RouteView,
};
use linx_wire::uapi::rtm;

/// Size of a message's fixed part, and its table.
fn layout(message_type: u16) -> Option<(usize, &'static Policy)> {
    Some(match message_type {
        rtm::NEWLINK | rtm::DELLINK => (16, &LINK),
        rtm::NEWADDR | rtm::DELADDR => (8, &ADDRESS),
        rtm::NEWROUTE | rtm::DELROUTE => (12, &ROUTE),
        rtm::NEWNEIGH | rtm::DELNEIGH => (12, &NEIGHBOUR),
        rtm::NEWRULE | rtm::DELRULE => (12, &RULE),
        rtm::NEWNEXTHOP | rtm::DELNEXTHOP => (8, &NEXT_HOP),
        rtm::NEWNSID | rtm::DELNSID => (4, &NSID),
        _ => return None,
    })
}

/// One line of a message, as `capture` writes it.
fn told(message_type: u16, payload: &[u8]) -> String {
    match Object::decode(message_type, payload) {
        Ok(Some((operation, object))) => {
            let (kind, family) = (object.kind(), object.family());
            let link = object.ifindex().map_or_else(|| "-".to_owned(), |index| index.to_string());
            format!("{operation:?} {kind:?} family {family} link {link}: {} bytes", payload.len())
        }
        Ok(None) => format!("message {message_type}: {} bytes", payload.len()),
        Err(error) => format!("message {message_type}: {error}"),
    }
}

/// The messages of all captures that hold an object, each once.
fn objects() -> BTreeSet<(u16, Vec<u8>)> {
    let captures = captures();
    let messages = captures.iter().flat_map(Capture::messages);
    messages
        .filter(|message| message.header.message_type >= control::MIN_TYPE)
        .map(|message| (message.header.message_type, message.payload.to_vec()))
        .collect()
}

#[test]
fn there_are_more_than_300_of_every_kind() {
    let mut kinds = BTreeMap::new();
    for (message_type, payload) in objects() {
        let (operation, object) = Object::decode(message_type, &payload).unwrap().unwrap();
        *kinds.entry((object.kind(), operation)).or_insert(0) += 1;
    }
    assert!(kinds.values().sum::<i32>() >= 300, "{kinds:?}");
    assert_eq!(kinds.len(), 13, "seven kinds, new and gone, but no namespace id is gone: {kinds:?}");
}

#[test]
fn every_message_is_what_its_text_says() {
    for capture in captures() {
        let mut lines = String::new();
        for message in capture.messages() {
            writeln!(lines, "{}", told(message.header.message_type, message.payload)).unwrap();
        }
        assert!(capture.text.ends_with(&format!("\n\n{lines}")), "{}:\n{lines}", capture.name);
    }
}

#[test]
fn both_forms_tell_the_same_and_keep_the_bytes() {
    for (message_type, payload) in objects() {
        let (operation, borrowed) = ObjectRef::decode(message_type, &payload).unwrap().unwrap();
        let (same, owned) = Object::decode(message_type, &payload).unwrap().unwrap();
        assert_eq!(operation, same);
        assert_eq!(owned, borrowed.to_owned());
        // A route keeps only what is rare as bytes: its owned form prints fewer.
        if !matches!(owned, Object::Route(_)) {
            assert_eq!(format!("{borrowed:?}"), format!("{:?}", owned.as_ref()));
        }
        assert!(owned.differences(&borrowed.to_owned(), Compare::Everything).is_empty());
        if let Object::Link(link) = &owned {
            assert_eq!(link.as_bytes(), payload);
        }
    }
}

/// Collects the paths of attributes that no table declares, to any depth.
fn unknown(policy: &'static Policy, bytes: &[u8], family: u8, path: &str, out: &mut BTreeSet<String>) {
    for attr in Attrs::new(bytes).map(Result::unwrap) {
        let step = format!("{path}/{}", policy.step(attr.number()));
        let Some(entry) = policy.entry(attr.number()) else {
            out.insert(step);
            continue;
        };
        inside(entry.shape, attr.payload, Surroundings { siblings: bytes, family }, &step, out);
    }
}

fn inside(shape: Shape, payload: &[u8], around: Surroundings<'_>, path: &str, out: &mut BTreeSet<String>) {
    match shape {
        Shape::Nested(policy) => unknown(policy, payload, around.family, path, out),
        Shape::Many(shape) => inside(*shape, payload, around, path, out),
        Shape::Depends(choose) => match choose(around) {
            Some(policy) => unknown(policy, payload, around.family, path, out),
            None => {
                out.insert(format!("{path}/?"));
            }
        },
        Shape::Items(shape) => {
            for attr in Attrs::new(payload).map(Result::unwrap) {
                inside(*shape, attr.payload, Surroundings { siblings: payload, ..around }, path, out);
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_is_unknown() {
    let mut found = BTreeSet::new();
    for (message_type, payload) in objects() {
        let (fixed, policy) = layout(message_type).unwrap();
        unknown(policy, &payload[fixed..], payload[0], "", &mut found);
        if let Some((_, Object::Route(route))) = Object::decode(message_type, &payload).unwrap() {
            for hop in route.hops() {
                found.extend(hop.unknown().map(|attr| format!("hop/{}", attr.number())));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

/// Whether a message cut after `length` bytes is one that happens to have fewer attributes: cut between two of them, or
/// in the padding of one.
fn between_attributes(fixed: usize, payload: &[u8], length: usize) -> bool {
    let mut end = fixed;
    while end < length {
        let header = &payload[end..end + 4];
        let size = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        if length >= end + size && length < (end + size).next_multiple_of(4) {
            return true;
        }
        end = (end + size).next_multiple_of(4);
    }
    end == length
}

#[test]
fn a_message_cut_anywhere_is_an_error_or_a_shorter_message() {
    let mut cuts = 0;
    for (message_type, payload) in objects() {
        let (fixed, _) = layout(message_type).unwrap();
        for length in 0..payload.len() {
            let cut = Object::decode(message_type, &payload[..length]);
            cuts += 1;
            match cut {
                Ok(_) => assert!(
                    between_attributes(fixed, &payload, length),
                    "{message_type} {length} {payload:?}"
                ),
                Err(error) => assert!(error.offset() <= length, "{error}"),
            }
        }
    }
    assert!(cuts > 50_000, "{cuts}");
}

#[test]
fn a_datagram_cut_inside_a_message_is_an_error() {
    for capture in captures() {
        for datagram in &capture.datagrams {
            let mut ends = BTreeSet::from([0]);
            let mut end: usize = 0;
            for message in Messages::new(datagram) {
                end += message.unwrap().bytes.len();
                ends.extend(end..=end.next_multiple_of(4));
                end = end.next_multiple_of(4);
            }
            assert_eq!(end, datagram.len().next_multiple_of(4));
            for length in 0..datagram.len() {
                let whole = Messages::new(&datagram[..length]).all(|message| message.is_ok());
                assert_eq!(whole, ends.contains(&length), "{} {length}", capture.name);
            }
        }
    }
}

/// Largest message whose bits are flipped, bytes.
const FLIPPED: usize = 4096;

#[test]
fn no_flipped_bit_makes_a_panic() {
    // Two halves at once: these are most of the time that all tests of this file take.
    let objects: Vec<_> = objects().into_iter().filter(|(_, payload)| payload.len() <= FLIPPED).collect();
    let (even, odd): (Vec<_>, Vec<_>) = objects.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let flips: usize = std::thread::scope(|scope| {
        let halves = [even, odd]
            .map(|half| scope.spawn(move || half.iter().map(|(_, object)| flip(object)).sum::<usize>()));
        halves.map(|half| half.join().unwrap()).iter().sum()
    });
    assert!(flips > 400_000, "{flips}");
}

fn flip((message_type, payload): &(u16, Vec<u8>)) -> usize {
    let mut flipped = payload.clone();
    for bit in 0..payload.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Some((_, object))) = ObjectRef::decode(*message_type, &flipped) {
            // Reading all of it is slow; each attribute has bits enough for it to come about.
            if bit % 29 == 0 {
                let _ = format!("{object:?} {:?}", object.unknown());
            }
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    payload.len() * 8
}

#[test]
fn no_flipped_bit_of_a_header_makes_a_panic() {
    for capture in captures() {
        for datagram in &capture.datagrams {
            let mut flipped = datagram[..datagram.len().min(64)].to_vec();
            for bit in 0..16 * 8 {
                flipped[bit / 8] ^= 1 << (bit % 8);
                for message in Messages::new(&flipped).map_while(Result::ok) {
                    let _ = Object::decode(message.header.message_type, message.payload);
                }
                flipped[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

/// The classes of a link's fields are a claim about the kernel: what is tracked is announced.
#[test]
fn events_lead_to_the_links_that_a_dump_has() {
    let mut compared = 0;
    for capture in captures() {
        let mut links: BTreeMap<u32, Link> = BTreeMap::new();
        let mut parts = 0;
        let mut dumped = 0;
        for message in capture.messages() {
            let (message_type, flags) = (message.header.message_type, message.header.flags);
            let Ok(Some((operation, Object::Link(link)))) = Object::decode(message_type, message.payload)
            else {
                continue;
            };
            if !flags.contains(MessageFlags::MULTI) {
                let index = link.index();
                match (operation, link.is_part()) {
                    (Operation::Del, false) => drop(links.remove(&index)),
                    (Operation::Del, true) => {}
                    (Operation::New, false) => drop(links.insert(index, link)),
                    (Operation::New, true) => {
                        parts += 1;
                        if let Some(whole) = links.get_mut(&index) {
                            *whole = whole.with_part(link.as_ref());
                        }
                    }
                }
            } else if let Some(replayed) = links.get(&link.index()).filter(|_| !link.is_part()) {
                // A dump without statistics has the same tracked fields.
                let differences = replayed.differences(&link, Compare::Tracked);
                assert!(differences.is_empty(), "{} {}: {differences:?}", capture.name, link.name());
                compared += 1;
                dumped += 1;
            } else {
                dumped += 1;
            }
        }
        assert!(parts == 0 || dumped > 0, "{}: no dump to compare with", capture.name);
    }
    assert!(compared >= 25, "only {compared} links compared");
}

#[test]
fn flag_bits_are_no_part_of_a_number() {
    // Every nest that a 6.18 kernel sends is flagged or not as it likes: both occur, and both are read.
    let mut flagged = BTreeMap::new();
    for (message_type, payload) in objects() {
        let (fixed, policy) = layout(message_type).unwrap();
        for attr in Attrs::new(&payload[fixed..]).map(Result::unwrap) {
            let nest =
                policy.entry(attr.number()).is_some_and(|entry| matches!(entry.shape, Shape::Nested(_)));
            if nest {
                *flagged.entry(attr.raw_type & !TYPE_MASK != 0).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(flagged.len(), 2, "{flagged:?}");
}
