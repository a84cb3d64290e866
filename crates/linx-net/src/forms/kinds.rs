//! The forms of the data of link kinds, as ip writes them (`ip -j -d link`).

use std::borrow::Cow;

use super::field::{Field, Type, flag, int, text, texts};
use super::value::Value;
use super::{Form, Forms, Given, Pairs, attributes};
use crate::words::{self, Words};

/// Tables of kinds, and of the masters' parts.
pub(super) const FORMS: &[(&str, Forms)] = &[
    ("IFLA_BR", BRIDGE),
    ("IFLA_BRPORT", BRIDGE_PORT),
    (
        "BRIDGE_QUERIER",
        &[
            ("IP_PORT", Form::Link("ip_port", "ip_port_index")),
            ("IPV6_PORT", Form::Link("ipv6_port", "ipv6_port_index")),
            ("IP_OTHER_TIMER", Form::Timer("ip_other_timer")),
            ("IPV6_OTHER_TIMER", Form::Timer("ipv6_other_timer")),
        ],
    ),
    ("IFLA_VXLAN", VXLAN),
    ("IFLA_GENEVE", GENEVE),
    ("IFLA_TUN", TUN),
    ("IFLA_MACVLAN", MACVLAN),
    (
        "IFLA_IPVLAN",
        &[("MODE", Form::Word("mode", IPVLAN_MODES)), ("FLAGS", Form::Word("mode_flag", IPVLAN_FLAGS))],
    ),
    ("IFLA_VLAN", VLAN),
    ("IFLA_BOND", BOND),
    (
        "IFLA_BOND_SLAVE",
        &[
            ("STATE", Form::Word("state", &[(0, "ACTIVE"), (1, "BACKUP")])),
            (
                "MII_STATUS",
                Form::Word("mii_status", &[(0, "UP"), (1, "GOING_DOWN"), (2, "DOWN"), (3, "GOING_BACK")]),
            ),
        ],
    ),
    ("IFLA_GRE", TUNNEL),
    ("IFLA_IPTUN", TUNNEL),
    ("IFLA_VTI", TUNNEL),
    ("IFLA_XFRM", &[("LINK", Form::Link("link", "link_index")), ("IF_ID", Form::Hex("if_id"))]),
    (
        "IFLA_HSR",
        &[
            ("SLAVE1", Form::Link("slave1", "slave1_index")),
            ("SLAVE2", Form::Link("slave2", "slave2_index")),
            ("INTERLINK", Form::Link("interlink", "interlink_index")),
        ],
    ),
    (
        "IFLA_NETKIT",
        &[
            ("PRIMARY", Form::Word("type", &[(0, "peer"), (1, "primary")])),
            ("POLICY", Form::Word("policy", NETKIT_POLICIES)),
            ("PEER_POLICY", Form::Word("peer_policy", NETKIT_POLICIES)),
            ("MODE", Form::Word("mode", &[(0, "l2"), (1, "l3")])),
            ("SCRUB", Form::Word("scrub", NETKIT_SCRUB)),
            ("PEER_SCRUB", Form::Word("peer_scrub", NETKIT_SCRUB)),
        ],
    ),
    (
        "IFLA_AMT",
        &[
            ("MODE", Form::Word("mode", &[(0, "gateway"), (1, "relay")])),
            ("LINK", Form::Link("link", "link_index")),
        ],
    ),
    (
        "IFLA_MACSEC",
        &[
            ("CIPHER_SUITE", Form::Own(cipher_suite, &[CIPHER_SUITE])),
            ("ENCRYPT", Form::Bool("encrypt")),
            ("PROTECT", Form::Bool("protect")),
            ("INC_SCI", Form::Bool("inc_sci")),
            ("ES", Form::Bool("es")),
            ("SCB", Form::Bool("scb")),
            ("REPLAY_PROTECT", Form::Bool("replay_protect")),
            ("VALIDATION", Form::Word("validation", &[(0, "disabled"), (1, "check"), (2, "strict")])),
            ("OFFLOAD", Form::Word("offload", &[(0, "off"), (1, "phy"), (2, "mac")])),
        ],
    ),
    ("IFLA_RMNET", &[("FLAGS", Form::Own(plain_flags, &[PLAIN_FLAGS]))]),
    (
        "IFLA_IPOIB",
        &[
            ("PKEY", Form::Hex("pkey")),
            ("MODE", Form::Word("mode", &[(0, "datagram"), (1, "connected")])),
            ("UMCAST", Form::Hex("umcast")),
        ],
    ),
    ("IFLA_DSA", &[("CONDUIT", Form::Link("conduit", "conduit_index"))]),
    ("IFLA_OVPN", &[("MODE", Form::Word("mode", &[(0, "p2p"), (1, "mp")]))]),
    ("IFLA_CAN", CAN),
];

const NETKIT_POLICIES: Words = &[(0, "forward"), (2, "blackhole")];
const NETKIT_SCRUB: Words = &[(0, "none"), (1, "default")];
const IPVLAN_MODES: Words = &[(0, "l2"), (1, "l3"), (2, "l3s")];
const IPVLAN_FLAGS: Words = &[(0, "bridge"), (1, "private"), (2, "vepa")];

const BRIDGE: Forms = &[
    ("VLAN_PROTOCOL", Form::Word("vlan_protocol", words::ETHERTYPES)),
    ("GROUP_FWD_MASK", Form::Own(bare_mask, &[text("group_fwd_mask", "IFLA_BR_GROUP_FWD_MASK")])),
    ("ROOT_ID", Form::Own(|given| bridge_id("root_id", given), &[text("root_id", "IFLA_BR_ROOT_ID")])),
    (
        "BRIDGE_ID",
        Form::Own(|given| bridge_id("bridge_id", given), &[text("bridge_id", "IFLA_BR_BRIDGE_ID")]),
    ),
    ("HELLO_TIMER", Form::Timer("hello_timer")),
    ("TCN_TIMER", Form::Timer("tcn_timer")),
    ("TOPOLOGY_CHANGE_TIMER", Form::Timer("topology_change_timer")),
    ("GC_TIMER", Form::Timer("gc_timer")),
    ("GROUP_ADDR", Form::Key("group_addr")),
    ("MULTI_BOOLOPT", Form::Own(bool_options, BOOL_OPTIONS)),
];

const BOOL_OPTIONS: &[Field] = &[
    int("no_linklocal_learn", "IFLA_BR_MULTI_BOOLOPT"),
    int("mcast_vlan_snooping", "IFLA_BR_MULTI_BOOLOPT"),
    int("mst_enabled", "IFLA_BR_MULTI_BOOLOPT"),
    int("mdb_offload_fail_notification", "IFLA_BR_MULTI_BOOLOPT"),
    int("fdb_local_vlan_0", "IFLA_BR_MULTI_BOOLOPT"),
    text("bool_options", "IFLA_BR_MULTI_BOOLOPT"),
];

/// `struct br_boolopt_multi`: each option that the kernel knows.
fn bool_options(given: &Given<'_>) -> Pairs {
    let (value, mask) = (given.u32(0), given.u32(4));
    let names = [
        "no_linklocal_learn",
        "mcast_vlan_snooping",
        "mst_enabled",
        "mdb_offload_fail_notification",
        "fdb_local_vlan_0",
    ];
    let known = names.into_iter().enumerate().filter(|(bit, _)| mask >> bit & 1 != 0);
    let mut pairs: Pairs = known.map(|(bit, name)| (name, Value::Unsigned(value >> bit & 1))).collect();
    let rest = mask >> names.len() << names.len();
    if rest != 0 {
        pairs.push(("bool_options", Value::Text(format!("{:#x}/{rest:#x}", value & rest).into())));
    }
    pairs
}

/// `struct ifla_bridge_id`, as ip writes it: priority in hexadecimal, bytes without leading zeros.
fn bridge_id(key: &'static str, given: &Given<'_>) -> Pairs {
    let address: Vec<_> = given.payload.iter().skip(2).take(6).map(|byte| format!("{byte:x}")).collect();
    vec![(key, Value::Text(format!("{:x}.{}", given.be16(0), address.join(":")).into()))]
}

fn bare_mask(given: &Given<'_>) -> Pairs {
    vec![("group_fwd_mask", Value::Text(format!("{:x}", given.number()).into()))]
}

const BRIDGE_PORT: Forms = &[
    ("STATE", Form::Word("state", words::BRIDGE_STATES)),
    ("MODE", Form::Bool("hairpin")),
    ("GUARD", Form::Bool("guard")),
    ("PROTECT", Form::Bool("root_block")),
    ("FAST_LEAVE", Form::Bool("fastleave")),
    ("LEARNING", Form::Bool("learning")),
    ("UNICAST_FLOOD", Form::Bool("flood")),
    ("PROXYARP", Form::Bool("proxy_arp")),
    ("LEARNING_SYNC", Form::Bool("learning_sync")),
    ("PROXYARP_WIFI", Form::Bool("proxy_arp_wifi")),
    ("ROOT_ID", Form::Own(|given| bridge_id("root_id", given), &[text("root_id", "IFLA_BRPORT_ROOT_ID")])),
    (
        "BRIDGE_ID",
        Form::Own(|given| bridge_id("bridge_id", given), &[text("bridge_id", "IFLA_BRPORT_BRIDGE_ID")]),
    ),
    ("ID", Form::Hex("id")),
    ("NO", Form::Hex("no")),
    ("MESSAGE_AGE_TIMER", Form::Timer("message_age_timer")),
    ("FORWARD_DELAY_TIMER", Form::Timer("forward_delay_timer")),
    ("HOLD_TIMER", Form::Timer("hold_timer")),
    ("MCAST_FLOOD", Form::Bool("mcast_flood")),
    ("BCAST_FLOOD", Form::Bool("bcast_flood")),
    ("MCAST_TO_UCAST", Form::Bool("mcast_to_unicast")),
    ("VLAN_TUNNEL", Form::Bool("vlan_tunnel")),
    ("GROUP_FWD_MASK", Form::Own(port_mask, PORT_MASK)),
    ("NEIGH_SUPPRESS", Form::Bool("neigh_suppress")),
    ("NEIGH_VLAN_SUPPRESS", Form::Bool("neigh_vlan_suppress")),
    ("ISOLATED", Form::Bool("isolated")),
    ("LOCKED", Form::Bool("locked")),
    ("MAB", Form::Bool("mab")),
    ("MRP_RING_OPEN", Form::Bool("mrp_ring_open")),
    ("MRP_IN_OPEN", Form::Bool("mrp_in_open")),
    ("BACKUP_PORT", Form::Link("backup_port", "backup_port_index")),
];

const PORT_MASK: &[Field] = &[
    text("group_fwd_mask", "IFLA_BRPORT_GROUP_FWD_MASK"),
    text("group_fwd_mask_str", "IFLA_BRPORT_GROUP_FWD_MASK"),
];

/// ip writes the mask of a port twice.
fn port_mask(given: &Given<'_>) -> Pairs {
    let mask = given.number();
    let mut names: Vec<Cow<'static, str>> = [(1, "stp"), (1 << 2, "lacp"), (1 << 14, "lldp")]
        .iter()
        .filter(|name| mask & name.0 != 0)
        .map(|name| name.1.into())
        .collect();
    let rest = mask & !(1 | 1 << 2 | 1 << 14);
    if rest != 0 || names.is_empty() {
        names.push(format!("{rest:#x}").into());
    }
    vec![
        ("group_fwd_mask", Value::Text(format!("{mask:x}").into())),
        ("group_fwd_mask_str", Value::Text(names.join(",").into())),
    ]
}

const VXLAN: Forms = &[
    ("GROUP", Form::Own(remote, REMOTE)),
    ("GROUP6", Form::Own(remote6, REMOTE6)),
    ("LINK", Form::Link("link", "link_index")),
    ("TOS", Form::SomeHex("tos")),
    ("LEARNING", Form::Bool("learning")),
    ("PORT_RANGE", Form::Own(port_range, &[PORT_RANGE])),
    ("PROXY", Form::Flag("proxy")),
    ("RSC", Form::Flag("rsc")),
    ("L2MISS", Form::Flag("l2miss")),
    ("L3MISS", Form::Flag("l3miss")),
    ("LIMIT", Form::Some("limit")),
    ("UDP_CSUM", Form::Bool("udp_csum")),
    ("UDP_ZERO_CSUM6_TX", Form::Bool("udp_zero_csum6_tx")),
    ("UDP_ZERO_CSUM6_RX", Form::Bool("udp_zero_csum6_rx")),
    ("REMCSUM_TX", Form::Flag("remcsum_tx")),
    ("REMCSUM_RX", Form::Flag("remcsum_rx")),
    ("COLLECT_METADATA", Form::Flag("external")),
    ("VNIFILTER", Form::Flag("vnifilter")),
    ("LOCALBYPASS", Form::Bool("localbypass")),
    ("LABEL", Form::SomeHex("label")),
    ("LABEL_POLICY", Form::Word("label_policy", &[(0, "fixed"), (1, "inherit")])),
    ("TTL_INHERIT", Form::Flag("ttl_inherit")),
    ("DF", Form::Word("df", DF)),
    ("MC_ROUTE", Form::Bool("mcroute")),
];

const DF: Words = &[(0, "unset"), (1, "set"), (2, "inherit")];

const GENEVE: Forms = &[
    ("REMOTE6", Form::Key("remote6")),
    ("TOS", Form::SomeHex("tos")),
    ("UDP_CSUM", Form::Bool("udp_csum")),
    ("UDP_ZERO_CSUM6_TX", Form::Bool("udp_zero_csum6_tx")),
    ("UDP_ZERO_CSUM6_RX", Form::Bool("udp_zero_csum6_rx")),
    ("LABEL", Form::SomeHex("label")),
    ("TTL_INHERIT", Form::Flag("ttl_inherit")),
    ("DF", Form::Word("df", DF)),
    ("PORT_RANGE", Form::Own(port_range, &[PORT_RANGE])),
];

const REMOTE: &[Field] = &[text("group", "IFLA_VXLAN_GROUP"), text("remote", "IFLA_VXLAN_GROUP")];
const REMOTE6: &[Field] = &[text("group6", "IFLA_VXLAN_GROUP6"), text("remote6", "IFLA_VXLAN_GROUP6")];

/// A multicast group, or the other end; nothing where it is not given.
fn end(given: &Given<'_>, group: &'static str, remote: &'static str) -> Pairs {
    match linx_wire::addr::ip(given.payload).filter(|address| !address.is_unspecified()) {
        Some(address) => {
            let key = if address.is_multicast() { group } else { remote };
            vec![(key, Value::Text(crate::ip::address(address).to_string().into()))]
        }
        None => vec![],
    }
}

fn remote(given: &Given<'_>) -> Pairs {
    end(given, "group", "remote")
}

fn remote6(given: &Given<'_>) -> Pairs {
    end(given, "group6", "remote6")
}

const PORT_RANGE: Field = Field {
    key: "port_range",
    ty: Type::Object(&[int("low", "ifla_vxlan_port_range"), int("high", "ifla_vxlan_port_range")]),
    source: "IFLA_VXLAN_PORT_RANGE",
    unit: "UDP ports",
    about: "source ports",
};

fn port_range(given: &Given<'_>) -> Pairs {
    let ends = vec![("low", Value::Unsigned(given.be16(0))), ("high", Value::Unsigned(given.be16(2)))];
    vec![("port_range", Value::Object(ends))]
}

const TUN: Forms = &[
    ("TYPE", Form::Word("type", &[(1, "tun"), (2, "tap")])),
    ("PI", Form::Bool("pi")),
    ("VNET_HDR", Form::Bool("vnet_hdr")),
    ("PERSIST", Form::Bool("persist")),
    ("MULTI_QUEUE", Form::Bool("multi_queue")),
];

const MACVLAN: Forms = &[
    (
        "MODE",
        Form::Word("mode", &[(1, "private"), (2, "vepa"), (4, "bridge"), (8, "passthru"), (16, "source")]),
    ),
    (
        "FLAGS",
        Form::Own(
            macvlan_flags,
            &[flag("nopromisc", "IFLA_MACVLAN_FLAGS"), flag("nodst", "IFLA_MACVLAN_FLAGS")],
        ),
    ),
];

fn macvlan_flags(given: &Given<'_>) -> Pairs {
    let flags = [(1, "nopromisc"), (2, "nodst")].into_iter().filter(|flag| given.number() & flag.0 != 0);
    flags.map(|flag| (flag.1, Value::Bool(true))).collect()
}

const VLAN: Forms = &[
    ("FLAGS", Form::Own(vlan_flags, &[texts("flags", "IFLA_VLAN_FLAGS")])),
    ("EGRESS_QOS", Form::Own(|given| vec![("egress_qos", qos(given))], &[qos_field("egress_qos")])),
    ("INGRESS_QOS", Form::Own(|given| vec![("ingress_qos", qos(given))], &[qos_field("ingress_qos")])),
    ("PROTOCOL", Form::Word("protocol", words::ETHERTYPES)),
];

const fn qos_field(key: &'static str) -> Field {
    const ENDS: &[Field] = &[int("from", "ifla_vlan_qos_mapping"), int("to", "ifla_vlan_qos_mapping")];
    Field { key, ty: Type::List(&Type::Object(ENDS)), source: "IFLA_VLAN_QOS", unit: "", about: "priorities" }
}

fn qos(given: &Given<'_>) -> Value {
    let mappings = attributes(given.payload).map(|mapping| {
        let at = |at| Given { payload: mapping.payload, ..*given }.u32(at);
        Value::Object(vec![("from", Value::Unsigned(at(0))), ("to", Value::Unsigned(at(4)))])
    });
    Value::List(mappings.collect())
}

/// `struct ifla_vlan_flags`
fn vlan_flags(given: &Given<'_>) -> Pairs {
    const WORDS: Words =
        &[(1, "REORDER_HDR"), (2, "GVRP"), (4, "LOOSE_BINDING"), (8, "MVRP"), (16, "BRIDGE_BINDING")];
    let flags = u32::try_from(given.u32(0)).unwrap_or_default();
    vec![("flags", Value::List(words::bits(WORDS, flags).map(Value::Text).collect()))]
}

const PLAIN_FLAGS: Field = text("flags", "IFLA_RMNET_FLAGS");

fn plain_flags(given: &Given<'_>) -> Pairs {
    vec![("flags", Value::Text(format!("{:#x}", given.u32(0)).into()))]
}

const BOND: Forms = &[
    (
        "MODE",
        Form::Word(
            "mode",
            &[
                (0, "balance-rr"),
                (1, "active-backup"),
                (2, "balance-xor"),
                (3, "broadcast"),
                (4, "802.3ad"),
                (5, "balance-tlb"),
                (6, "balance-alb"),
            ],
        ),
    ),
    ("ACTIVE_SLAVE", Form::Link("active_slave", "active_slave_index")),
    ("PRIMARY", Form::Link("primary", "primary_index")),
    (
        "ARP_VALIDATE",
        Form::Word(
            "arp_validate",
            &[
                (0, "none"),
                (1, "active"),
                (2, "backup"),
                (3, "all"),
                (4, "filter"),
                (5, "filter_active"),
                (6, "filter_backup"),
            ],
        ),
    ),
    ("ARP_ALL_TARGETS", Form::Word("arp_all_targets", &[(0, "any"), (1, "all")])),
    ("PRIMARY_RESELECT", Form::Word("primary_reselect", &[(0, "always"), (1, "better"), (2, "failure")])),
    ("FAIL_OVER_MAC", Form::Word("fail_over_mac", &[(0, "none"), (1, "active"), (2, "follow")])),
    (
        "XMIT_HASH_POLICY",
        Form::Word(
            "xmit_hash_policy",
            &[
                (0, "layer2"),
                (1, "layer3+4"),
                (2, "layer2+3"),
                (3, "encap2+3"),
                (4, "encap3+4"),
                (5, "vlan+srcmac"),
            ],
        ),
    ),
    ("AD_LACP_ACTIVE", Form::Word("ad_lacp_active", &[(0, "off"), (1, "on")])),
    ("AD_LACP_RATE", Form::Word("ad_lacp_rate", &[(0, "slow"), (1, "fast")])),
    ("AD_SELECT", Form::Word("ad_select", &[(0, "stable"), (1, "bandwidth"), (2, "count")])),
];

/// gre, ipip, sit, vti: what they have in common.
const TUNNEL: Forms = &[
    ("LINK", Form::Link("link", "link_index")),
    ("TOS", Form::SomeHex("tos")),
    ("PMTUDISC", Form::Bool("pmtudisc")),
    (
        "IFLAGS",
        Form::Own(
            |given| gre_flags(given, "ikey_set", "icsum", "iseq"),
            &[
                flag("ikey_set", "IFLA_GRE_IFLAGS"),
                flag("icsum", "IFLA_GRE_IFLAGS"),
                flag("iseq", "IFLA_GRE_IFLAGS"),
            ],
        ),
    ),
    (
        "OFLAGS",
        Form::Own(
            |given| gre_flags(given, "okey_set", "ocsum", "oseq"),
            &[
                flag("okey_set", "IFLA_GRE_OFLAGS"),
                flag("ocsum", "IFLA_GRE_OFLAGS"),
                flag("oseq", "IFLA_GRE_OFLAGS"),
            ],
        ),
    ),
    ("IKEY", Form::Own(|given| vec![("ikey", key(given))], &[text("ikey", "IFLA_GRE_IKEY")])),
    ("OKEY", Form::Own(|given| vec![("okey", key(given))], &[text("okey", "IFLA_GRE_OKEY")])),
    ("FLAGS", Form::Own(tunnel_flags, &[text("flags", "IFLA_GRE_FLAGS, IFLA_IPTUN_FLAGS")])),
    ("FLOWINFO", Form::Hex("flowinfo")),
    ("PROTO", Form::Word("proto", &[(0, "any"), (4, "ipip"), (41, "ip6ip"), (137, "mplsip")])),
    ("ENCAP_TYPE", Form::Word("encap_type", &[(0, "none"), (1, "fou"), (2, "gue"), (3, "mpls")])),
    ("ENCAP_FLAGS", Form::Bits("encap_flags", &[(1, "csum"), (2, "csum6"), (4, "remcsum")])),
    ("IGNORE_DF", Form::Bool("ignore_df")),
    ("FWMARK", Form::SomeHex("fwmark")),
    ("ERSPAN_HWID", Form::Hex("erspan_hwid")),
    ("ERSPAN_DIR", Form::Word("erspan_dir", &[(0, "ingress"), (1, "egress")])),
];

fn gre_flags(given: &Given<'_>, key: &'static str, csum: &'static str, seq: &'static str) -> Pairs {
    let flags = [(0x2000, key), (0x8000, csum), (0x1000, seq)].into_iter();
    flags.filter(|flag| given.number() & flag.0 != 0).map(|flag| (flag.1, Value::Bool(true))).collect()
}

/// A key of 32 bits, written as an IPv4 address.
fn key(given: &Given<'_>) -> Value {
    let number = u32::try_from(given.number()).unwrap_or_default();
    Value::Text(std::net::Ipv4Addr::from(number).to_string().into())
}

/// 32 bits (ip6tnl, ip6gre), or 16 in network order (sit).
fn tunnel_flags(given: &Given<'_>) -> Pairs {
    let flags = if given.payload.len() >= 4 { given.u32(0) } else { given.be16(0) };
    vec![("flags", Value::Text(format!("{flags:#x}").into()))]
}

const CIPHER_SUITE: Field = text("cipher_suite", "IFLA_MACSEC_CIPHER_SUITE");

fn cipher_suite(given: &Given<'_>) -> Pairs {
    let name = match given.number() {
        // MACSEC_DEFAULT_CIPHER_ID and MACSEC_CIPHER_ID_*, <linux/if_macsec.h>.
        0x0080_0200_0100_0001 | 0x0080_c200_0100_0001 => "GCM-AES-128".into(),
        0x0080_c200_0100_0002 => "GCM-AES-256".into(),
        0x0080_c200_0100_0003 => "GCM-AES-XPN-128".into(),
        0x0080_c200_0100_0004 => "GCM-AES-XPN-256".into(),
        other => format!("{other:#018x}").into(),
    };
    vec![("cipher_suite", Value::Text(name))]
}

const CAN: Forms = &[
    (
        "STATE",
        Form::Word(
            "state",
            &[
                (0, "ERROR-ACTIVE"),
                (1, "ERROR-WARNING"),
                (2, "ERROR-PASSIVE"),
                (3, "BUS-OFF"),
                (4, "STOPPED"),
                (5, "SLEEPING"),
            ],
        ),
    ),
    ("BITTIMING", Form::Own(|given| vec![("bittiming", bit_timing(given))], &[BIT_TIMING])),
    ("DATA_BITTIMING", Form::Own(|given| vec![("data_bittiming", bit_timing(given))], &[DATA_BIT_TIMING])),
    ("CTRLMODE", Form::Own(ctrlmode, &[texts("ctrlmode", "IFLA_CAN_CTRLMODE")])),
    (
        "BERR_COUNTER",
        Form::Own(
            error_counter,
            &[Field {
                key: "berr_counter",
                ty: Type::Object(&[int("tx", "can_berr_counter"), int("rx", "can_berr_counter")]),
                source: "IFLA_CAN_BERR_COUNTER",
                unit: "errors",
                about: "",
            }],
        ),
    ),
];

const TIMES: &[Field] = &[
    int("bitrate", "can_bittiming, bit/s"),
    text("sample_point", "can_bittiming"),
    int("tq", "can_bittiming, ns"),
    int("prop_seg", "can_bittiming"),
    int("phase_seg1", "can_bittiming"),
    int("phase_seg2", "can_bittiming"),
    int("sjw", "can_bittiming"),
    int("brp", "can_bittiming"),
];
const BIT_TIMING: Field = Field {
    key: "bittiming",
    ty: Type::Object(TIMES),
    source: "IFLA_CAN_BITTIMING",
    unit: "",
    about: "bit timing",
};
const DATA_BIT_TIMING: Field =
    Field { key: "data_bittiming", source: "IFLA_CAN_DATA_BITTIMING", ..BIT_TIMING };

fn bit_timing(given: &Given<'_>) -> Value {
    let number = |at| Value::Unsigned(given.u32(at));
    let point = given.u32(4);
    Value::Object(vec![
        ("bitrate", number(0)),
        ("sample_point", Value::Text(format!("{}.{:03}", point / 1000, point % 1000).into())),
        ("tq", number(8)),
        ("prop_seg", number(12)),
        ("phase_seg1", number(16)),
        ("phase_seg2", number(20)),
        ("sjw", number(24)),
        ("brp", number(28)),
    ])
}

/// `struct can_ctrlmode`: mask, then flags.
fn ctrlmode(given: &Given<'_>) -> Pairs {
    const WORDS: Words = &[
        (0x01, "LOOPBACK"),
        (0x02, "LISTEN-ONLY"),
        (0x04, "TRIPLE-SAMPLING"),
        (0x08, "ONE-SHOT"),
        (0x10, "BERR-REPORTING"),
        (0x20, "FD"),
        (0x80, "FD-NON-ISO"),
        (0x40, "PRESUME-ACK"),
        (0x100, "CC-LEN8-DLC"),
        (0x200, "TDC-AUTO"),
        (0x400, "TDC-MANUAL"),
    ];
    let flags = u32::try_from(given.u32(4)).unwrap_or_default();
    vec![("ctrlmode", Value::List(words::bits(WORDS, flags).map(Value::Text).collect()))]
}

fn error_counter(given: &Given<'_>) -> Pairs {
    let counters = vec![("tx", Value::Unsigned(given.u16(0))), ("rx", Value::Unsigned(given.u16(2)))];
    vec![("berr_counter", Value::Object(counters))]
}
