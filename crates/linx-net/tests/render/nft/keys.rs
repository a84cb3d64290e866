//! Keys of a dump and of what the kernel announces are equal, and no two objects have one.

use std::collections::BTreeSet;
use std::time::Duration;

use linx::Key;
use linx_sys::{Protocol, RecvBuf, Socket};
use linx_test::{is_root, skip_unless};
use linx_wire::header::Messages;
use linx_wire::nft::{ChainFlags, ChainView, EntityRef, ItemRef, RuleView};
use linx_wire::route::Operation;

use super::{Pulled, nft, scenes};

/// `NFNLGRP_NFTABLES`
const GROUP: u32 = 7;

/// The keys of what is announced, until nothing comes any more.
fn announced(socket: &Socket, operation: Operation) -> BTreeSet<String> {
    let mut buf = RecvBuf::for_events();
    let mut keys = BTreeSet::new();
    while let Ok(received) = socket.recv_timeout(&mut buf, Some(Duration::from_millis(500))) {
        for message in Messages::new(received.bytes()).map(Result::unwrap) {
            let decoded = EntityRef::decode(message.header.message_type, message.payload).unwrap();
            if let Some((_, entity)) = decoded.filter(|(op, _)| *op == operation) {
                keys.extend(entity.items().map(|item| Key::of_nft(item).to_string()));
            }
        }
    }
    keys
}

#[test]
fn they_are_equal_in_dumps_and_announcements() {
    skip_unless!(is_root(), "not root");
    let namespace = scenes("nft-keys");
    nft(&namespace, &["add set inet plain rest { type ipv4_addr; elements = { 10.0.0.9, * }; }"]).unwrap();
    let before = Pulled::of(&namespace);
    let keys: Vec<_> = before.items().map(|item| Key::of_nft(item).to_string()).collect();
    let dumped: BTreeSet<_> = keys.iter().cloned().collect();
    assert_eq!(dumped.len(), keys.len(), "two objects have one key");
    assert!(dumped.iter().all(|key| key.bytes().all(|byte| byte.is_ascii_graphic())));
    assert!(dumped.len() > 250, "{}", dumped.len());

    // A chain and its rules keep theirs when it is renamed.
    let socket = Socket::open(Protocol::NETFILTER, &namespace.netns()).unwrap();
    socket.set_rcvbuf(4 << 20).unwrap();
    socket.add_membership(linx_sys::Group(GROUP)).unwrap();
    nft(&namespace, &["rename chain inet plain regular other"]).unwrap();
    let renamed = announced(&socket, Operation::New);
    assert_eq!(renamed.len(), 1);
    assert!(renamed.is_subset(&dumped), "{renamed:?}");
    let after: BTreeSet<_> =
        Pulled::of(&namespace).items().map(|item| Key::of_nft(item).to_string()).collect();
    assert_eq!(after, dumped);

    // The end of each is announced under the key that the dump had; of elements nothing is said when their set goes.
    nft(&namespace, &["flush set inet sets pairs"]).unwrap();
    nft(&namespace, &["flush set inet sets nets"]).unwrap();
    nft(&namespace, &["delete element inet plain rest { * }"]).unwrap();
    let gone = announced(&socket, Operation::Del);
    assert!(gone.len() >= 7 && gone.is_subset(&dumped), "{gone:?}\n{dumped:#?}");
    nft(&namespace, &["flush ruleset"]).unwrap();
    let gone = announced(&socket, Operation::Del);
    // Nor of a chain that belongs to a rule, and its rules, when that goes.
    let is_bound = |item: &ItemRef<'_>| match item {
        ItemRef::Chain(chain) => chain.flags().contains(ChainFlags::BINDING),
        ItemRef::Rule(rule) => rule.chain().as_bytes().starts_with(b"__chain"),
        _ => false,
    };
    assert_eq!(before.items().filter(is_bound).count(), 3);
    let expected: BTreeSet<_> = before
        .items()
        .filter(|item| !matches!(item, ItemRef::Element(_)) && !is_bound(item))
        .map(|item| Key::of_nft(item).to_string())
        .collect();
    assert_eq!(gone, expected);
}
