//! Recorded messages, whole and damaged.

use linx::json::Op;
use linx::names::{Context, KnownSets, LinkNames, Names};
use linx_wire::header::Messages;
use linx_wire::name::is_dangerous;
use linx_wire::nft::{EntityRef, ItemRef};

use super::super::captures::datagrams;
use super::super::schema::{check, validator};
use super::line;

/// Calls `take` with each object of a datagram.
fn each(
    datagram: &[u8],
    sets: &mut KnownSets<'_>,
    mut take: impl FnMut(ItemRef<'_>, &KnownSets<'_>),
) -> usize {
    let mut count = 0;
    for message in Messages::new(datagram).map_while(Result::ok) {
        if let Ok(Some((operation, entity))) = EntityRef::decode(message.header.message_type, message.payload)
        {
            sets.note(operation, entity);
            entity.items().for_each(|item| take(item, sets));
            count += 1;
        }
    }
    count
}

fn assert_harmless(item: ItemRef<'_>, cx: &Context<'_>) {
    let json = String::from_utf8(line(item, Op::List, cx)).unwrap();
    assert!(!json.trim_end_matches('\n').chars().any(is_dangerous), "{json:?}");
    let text = linx::text::nft_line(item, cx).to_string();
    assert!(!text.chars().any(is_dangerous), "{text:?}");
}

#[test]
fn recorded_messages_whole_and_damaged() {
    let (names, mut links) = (Names::built_in(), LinkNames::new());
    links.insert(1, linx_wire::name::Name::new(b"e\x1b\xff"), 1);
    let validator = validator();
    let cx = Context::new(&names, &links).volatile(true);
    let (mut whole, mut damaged, mut seed) = (0, 0, 0x9e37_79b9_7f4a_7c15_u64);
    let mut sets = KnownSets::new();
    let all = datagrams("../linx-wire/testdata/nft");
    // Sets are dumped behind their elements.
    for datagram in &all {
        each(datagram, &mut sets, |_, _| {});
    }
    for datagram in &all {
        whole += each(datagram, &mut sets, |item, sets| {
            let cx = cx.sets(Some(sets));
            check(&validator, &line(item, Op::List, &cx));
            assert_harmless(item, &cx);
        });
        let mut bytes = datagram.clone();
        for _ in 0..20 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let Some(at) = (seed as usize).checked_rem(bytes.len().saturating_sub(16)) else { break };
            bytes[16 + at] ^= 1 << (seed >> 61);
            let mut known = KnownSets::over(Some(&sets));
            damaged += each(&bytes, &mut known, |item, sets| {
                let cx = cx.sets(Some(sets));
                if seed.is_multiple_of(64) {
                    check(&validator, &line(item, Op::List, &cx));
                }
                assert_harmless(item, &cx);
            });
            bytes.copy_from_slice(datagram);
        }
    }
    assert!(whole >= 300 && damaged >= 2_000, "{whole} whole, {damaged} damaged");
}
