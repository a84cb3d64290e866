//! Recorded messages, whole and damaged: whatever decodes is written without a panic, as JSON that satisfies the
//! schema, and without a character that a terminal would obey.

use std::path::Path;

use linx::names::{Context, LinkNames, Names};
use linx_wire::header::Messages;
use linx_wire::name::is_dangerous;
use linx_wire::route::{Object, ObjectRef};

use super::schema::{check, line, validator};

/// The datagrams of the wire crate's captures of rtnetlink.
pub(super) fn captures() -> Vec<Vec<u8>> {
    datagrams("../linx-wire/testdata")
}

/// The datagrams of the captures in a directory: each has its length in front, 32 bits, little endian.
pub(super) fn datagrams(directory: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "bin"));
    paths.sort();
    let mut found = Vec::new();
    for bytes in paths.iter().map(|path| std::fs::read(path).unwrap()) {
        let mut rest = &bytes[..];
        while let Some((length, after)) = rest.split_first_chunk() {
            let (datagram, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            found.push(datagram.to_vec());
            rest = after;
        }
    }
    found
}

/// Calls `take` with each object of a datagram.
fn each(datagram: &[u8], mut take: impl FnMut(ObjectRef<'_>)) -> usize {
    let mut count = 0;
    for message in Messages::new(datagram).map_while(Result::ok) {
        if let Ok(Some((_, object))) = Object::decode(message.header.message_type, message.payload) {
            take(object.as_ref());
            count += 1;
        }
    }
    count
}

#[test]
fn recorded_messages_whole_and_damaged() {
    let names = Names::built_in();
    let mut links = LinkNames::new();
    (1..64).for_each(|index| links.insert(index, linx_wire::name::Name::new(b"e\x1b\xff"), 1));
    let validator = validator();
    let cx = Context::new(&names, &links).volatile(true).details(true);
    let (mut whole, mut damaged, mut seed) = (0, 0, 0x9e37_79b9_7f4a_7c15_u64);
    for datagram in captures() {
        whole += each(&datagram, |object| {
            check(&validator, &line(object, &cx));
            assert_harmless(object, &cx);
        });
        let mut bytes = datagram.clone();
        for _ in 0..40 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // Behind the first header, which says how long the message is and what it is.
            let Some(at) = (seed as usize).checked_rem(bytes.len().saturating_sub(16)) else { break };
            bytes[16 + at] ^= 1 << (seed >> 61);
            damaged += each(&bytes, |object| {
                if seed.is_multiple_of(16) {
                    check(&validator, &line(object, &cx));
                }
                assert_harmless(object, &cx);
            });
            bytes.copy_from_slice(&datagram);
        }
    }
    assert!(whole >= 300 && damaged >= 5_000, "{whole} whole, {damaged} damaged");
}

fn assert_harmless(object: ObjectRef<'_>, cx: &Context<'_>) {
    let text = linx::text::line(object, cx).to_string();
    assert!(!text.chars().any(is_dangerous), "{text:?}");
    let json = String::from_utf8(line(object, cx)).unwrap();
    let json = json.trim_end_matches('\n');
    assert!(!json.chars().any(is_dangerous), "{json:?}");
}
