//! nf_tables: what no commit says, and what a commit leaves out.

use linx_wire::header::MessageFlags;
use linx_wire::nft::{CHAIN, DEVICE, HOOK, Nest, TABLE, family};
use linx_wire::uapi::nft as number;

use super::{SilentScene, Stage};
use crate::{Nft, until};

const NOTHING: &str = "no-op add, failed commit, `nft -c`, empty batch, `add` of an existing element";
const DELETED: &str = "delete set / table, flush ruleset";
const ANONYMOUS: &str = "delete a rule with an anonymous set";
const BOUND: &str = "flush ruleset, with a rule that jumps to a chain of its own (`jump { … }`)";
const RENAME: &str = "chain rename, flags, element timeout update";
const ADDED: &str = "netdev chain: device added";
const REMOVED: &str = "netdev chain: device removed";
const ELEMENT: &str = "element expiry; element added by a packet (`update @s`)";
const QUOTA: &str = "quota crossed";
const RESET: &str = "`nft reset`";
const OWNER: &str = "**`owner` table removed because its socket closed**";

fn set(stage: &mut Stage) {
    stage.namespace.nft(
        "add table inet t\n\
         add set inet t s { type ipv4_addr; }\n\
         add element inet t s { 10.0.0.1, 10.0.0.2 }\n\
         add table inet kept",
    );
}

fn packets(stage: &mut Stage) {
    stage.namespace.nft(
        "add table inet t\n\
         add set inet t s { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 100; }\n\
         add quota inet t q { over 50 bytes }\n\
         add counter inet t n\n\
         add chain inet t c { type filter hook output priority 0; }\n\
         add rule inet t c ip daddr 10.0.0.0/24 update @s { ip daddr }",
    );
    // Who is sent to is known: nobody is told after some seconds that there is no such host.
    for other in ["10.0.0.2", "10.1.0.2"] {
        stage.namespace.ip(&format!("neigh add {other} lladdr 02:00:00:00:00:02 nud permanent dev ve0"));
    }
    // Of what the links themselves send, nothing meets these.
    stage.namespace.nft(
        "add rule inet t c ip daddr 10.1.0.0/16 quota name \"q\"\n\
         add rule inet t c ip daddr 10.1.0.0/16 counter name \"n\"",
    );
}

fn chain_of_devices(stage: &mut Stage, devices: &str) {
    stage.namespace.nft(&format!(
        "add table netdev t\n\
         add chain netdev t c {{ type filter hook ingress devices = {{ {devices} }} priority 0; }}"
    ));
}

/// Adds a device to the chain, or takes it away (`NEWCHAIN`, `DELCHAIN`).
fn change_device(stage: &mut Stage, message: u16, device: &'static str) {
    let devices = Nest::new(&DEVICE).set("names", vec![device]);
    let hook = Nest::new(&HOOK).set("hook", 0u32).set("prio", 0).set("devices", devices);
    let chain = Nest::new(&CHAIN).set("table", "t").set("name", "c").set("hook", hook);
    let chain = if message == number::NEWCHAIN { chain.set("type", "filter") } else { chain };
    let flags = if message == number::NEWCHAIN { MessageFlags::ATOMIC } else { MessageFlags::empty() };
    let request = chain.request(message, flags, family::NETDEV).unwrap();
    assert_eq!(Nft::new(&stage.netns()).commit(vec![request]), []);
}

/// How often `nft list ruleset` prints a word.
fn count(stage: &Stage, word: &str) -> usize {
    stage.namespace.nft("list ruleset").matches(word).count()
}

pub(super) const SCENES: &[SilentScene] = &[
    SilentScene {
        name: "set_deleted_with_its_elements",
        row: DELETED,
        silent: &["- element/inet/t/s/0a000001", "- element/inet/t/s/0a000002"],
        prepare: set,
        act: |stage| _ = stage.namespace.nft("delete set inet t s"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "table_deleted_with_its_elements",
        row: DELETED,
        silent: &["- element/inet/t/s/0a000001", "- element/inet/t/s/0a000002"],
        prepare: set,
        act: |stage| _ = stage.namespace.nft("delete table inet t"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "ruleset_flushed_with_its_elements",
        row: DELETED,
        silent: &["- element/inet/t/s/0a000001", "- element/inet/t/s/0a000002"],
        prepare: set,
        act: |stage| _ = stage.namespace.nft("flush ruleset"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "rule_deleted_with_the_elements_of_its_set",
        row: ANONYMOUS,
        silent: &["- element/inet/t/__set0/"],
        prepare: |stage| {
            stage.namespace.nft(
                "add table inet t\nadd chain inet t c\nadd rule inet t c ip saddr { 10.0.0.1, 10.0.0.2 } accept",
            );
        },
        act: |stage| _ = stage.namespace.nft("flush chain inet t c"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "ruleset_flushed_with_a_chain_of_a_rule",
        row: BOUND,
        silent: &["- chain/inet/t/", "- rule/inet/t/"],
        prepare: |stage| {
            stage
                .namespace
                .nft("add table inet t\nadd chain inet t c\nadd rule inet t c jump { counter; accept; }");
        },
        act: |stage| _ = stage.namespace.nft("flush ruleset"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "chain_renamed_with_its_rules",
        row: RENAME,
        silent: &["~ rule/inet/t/"],
        prepare: |stage| {
            stage.namespace.nft("add table inet t\nadd chain inet t c\nadd rule inet t c accept");
        },
        act: |stage| _ = stage.namespace.nft("rename chain inet t c renamed"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "device_added_to_a_chain",
        row: ADDED,
        silent: &["~ chain/netdev/t/"],
        prepare: |stage| chain_of_devices(stage, "ve0"),
        act: |stage| change_device(stage, number::NEWCHAIN, "ve1"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "device_taken_from_a_chain",
        row: REMOVED,
        silent: &["+ chain/netdev/t/"],
        prepare: |stage| chain_of_devices(stage, "ve0, ve1"),
        act: |stage| change_device(stage, number::DELCHAIN, "ve1"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "element_expires",
        row: ELEMENT,
        silent: &["- element/inet/t/s/0a000001"],
        prepare: |stage| {
            stage.namespace.nft(
                "add table inet t\n\
                 add set inet t s { type ipv4_addr; flags timeout; }\n\
                 add element inet t s { 10.0.0.1 timeout 4s, 10.0.0.2 timeout 1h }",
            );
        },
        act: |stage| until("the element to expire", || count(stage, "10.0.0.1") == 0),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "element_added_by_a_packet",
        row: ELEMENT,
        silent: &["+ element/inet/t/s/0a000002"],
        prepare: packets,
        act: |stage| {
            stage.send("10.0.0.2:9");
            until("the element", || count(stage, "10.0.0.2 ") == 1);
        },
        ..SilentScene::NFT
    },
    SilentScene {
        name: "quota_crossed_is_told_as_of_another_table",
        row: QUOTA,
        silent: &["~ object/inet/t/quota/q data.flags"],
        also: &["- object/ip/t/quota/q"],
        prepare: packets,
        act: |stage| stage.send("10.1.0.2:9"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "counter_reset",
        row: RESET,
        silent: &["~~ object/inet/t/counter/n"],
        prepare: |stage| {
            packets(stage);
            stage.send("10.1.0.2:9");
        },
        act: |stage| _ = stage.namespace.nft("reset counter inet t n"),
        ..SilentScene::NFT
    },
    SilentScene {
        name: "owned_table_goes_with_its_owner",
        row: OWNER,
        silent: &["- table/inet/owned"],
        prepare: |stage| {
            let mut owner = Nft::new(&stage.netns());
            let table = Nest::new(&TABLE).set("name", "owned").set("flags", 2u32);
            let request = table.request(number::NEWTABLE, MessageFlags::ATOMIC, family::INET).unwrap();
            assert_eq!(owner.commit(vec![request]), []);
            stage.held.push(Box::new(owner));
        },
        act: |stage| {
            stage.held.clear();
            until("the table to go", || count(stage, "owned") == 0);
        },
        ..SilentScene::NFT
    },
];

pub(super) const TOLD: &[SilentScene] = &[
    SilentScene {
        name: "what_changes_nothing_is_not_told",
        row: NOTHING,
        prepare: set,
        act: |stage| {
            stage.namespace.nft("add table inet t\nadd element inet t s { 10.0.0.1 }");
            let refused = stage.namespace.try_exec("nft", &["add table inet u\ndelete table inet absent"]);
            assert!(refused.is_err());
            stage.namespace.exec("nft", &["-c", "add table inet u"]);
            assert_eq!(Nft::new(&stage.netns()).commit(Vec::new()), []);
        },
        ..SilentScene::NFT
    },
    SilentScene {
        name: "elements_added_and_flushed_are_told",
        row: "flush set",
        prepare: set,
        act: |stage| {
            stage.namespace.nft("add element inet t s { 10.0.0.3 }");
            stage.namespace.nft("flush set inet t s");
            stage.namespace.nft("add element inet t s { 10.0.0.4 }");
        },
        ..SilentScene::NFT
    },
];
