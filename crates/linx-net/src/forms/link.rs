//! The forms of a link's own attributes, as ip writes them (`ip -j -d -s link`).

use linx_wire::addr::LinkAddr;
use linx_wire::route::link::Stats64;

use super::field::{Field, Type, boolean, int, text, texts};
use super::value::{Value, link_value};
use super::{Form, Forms, Given, Pairs, attributes};
use crate::names::NameFile;
use crate::words;

/// The forms of `IFLA_*` and what stands right inside.
pub(super) const FORMS: &[(&str, Forms)] = &[
    (
        "IFLA",
        &[
            ("LINK", Form::Own(below, BELOW)),
            ("STATS", Form::Nothing),
            ("WIRELESS", Form::Nothing),
            ("MASTER", Form::Link("master", "master_index")),
            ("MAP", Form::Own(map, &[MAP])),
            ("OPERSTATE", Form::Word("operstate", words::OPER_STATES)),
            ("LINKMODE", Form::Word("linkmode", words::LINK_MODES)),
            ("COST", Form::Nothing),
            ("PRIORITY", Form::Nothing),
            ("WEIGHT", Form::Some("weight")),
            ("STATS64", Form::Own(stats, STATS)),
            ("VFINFO_LIST", Form::Only("vfinfo_list")),
            ("VF_PORTS", Form::Only("vf_ports")),
            ("GROUP", Form::Named("group", NameFile::Groups)),
            ("CARRIER", Form::Bool("carrier")),
            ("PROTO_DOWN", Form::Bool("proto_down")),
            ("PROTO_DOWN_REASON", Form::Own(proto_down, PROTO_DOWN)),
            ("XDP", Form::Own(xdp, &[XDP])),
            ("EVENT", Form::Word("event", EVENTS)),
            ("NETNS_IMMUTABLE", Form::Bool("netns_immutable")),
            ("ALT_IFNAME", Form::Nothing),
            ("EXT_MASK", Form::Nothing),
        ],
    ),
    (
        "IFLA_BRIDGE",
        &[
            ("FLAGS", Form::Bits("flags", &[(1, "master"), (2, "self")])),
            ("MODE", Form::Word("mode", &[(0, "VEB"), (1, "VEPA")])),
            ("VLAN_INFO", Form::Own(vlans, &[VLANS])),
        ],
    ),
    ("IFLA_BRIDGE_MST_ENTRY", &[("STATE", Form::Word("state", words::BRIDGE_STATES))]),
    (
        "IFLA_VF",
        &[
            ("MAC", Form::Own(vf_mac, &[int("vf", "ifla_vf_mac"), text("address", "ifla_vf_mac")])),
            ("VLAN", Form::Nothing),
            ("TX_RATE", Form::Nothing),
            ("VLAN_LIST", Form::Only("vlan_list")),
            ("RATE", Form::Own(vf_rate, &[VF_RATE])),
            (
                "SPOOFCHK",
                Form::Own(|given| vf_switch("spoofchk", given), &[boolean("spoofchk", "IFLA_VF_SPOOFCHK")]),
            ),
            ("TRUST", Form::Own(|given| vf_switch("trust", given), &[boolean("trust", "IFLA_VF_TRUST")])),
            (
                "RSS_QUERY_EN",
                Form::Own(
                    |given| vf_switch("query_rss_en", given),
                    &[boolean("query_rss_en", "IFLA_VF_RSS_QUERY_EN")],
                ),
            ),
            ("LINK_STATE", Form::Own(vf_link_state, &[text("link_state", "IFLA_VF_LINK_STATE")])),
        ],
    ),
];

/// `IFLA_EVENT_*`
const EVENTS: words::Words = &[
    (0, "NONE"),
    (1, "REBOOT"),
    (2, "FEATURE CHANGE"),
    (3, "BONDING FAILOVER"),
    (4, "NOTIFY PEERS"),
    (5, "RESEND IGMP"),
    (6, "BONDING OPTION"),
];

const BELOW: &[Field] = &[
    Field {
        key: "link",
        ty: Type::Text,
        source: "IFLA_LINK",
        unit: "",
        about: "name of the link below or of the other end",
    },
    Field {
        key: "link_index",
        ty: Type::Int,
        source: "IFLA_LINK",
        unit: "",
        about: "its index, in its own namespace",
    },
];

/// The link below or the other end: its name where it is in the same namespace.
fn below(given: &Given<'_>) -> Pairs {
    /// `IFLA_LINK_NETNSID`
    const NETNSID: u16 = 37;
    let index = u32::try_from(given.number()).unwrap_or_default();
    if index == 0 {
        return vec![];
    }
    let mut pairs = vec![("link_index", Value::Unsigned(index.into()))];
    if given.sibling(NETNSID).is_none() {
        pairs.insert(0, ("link", link_value(given.cx, index)));
    }
    pairs
}

const MAP: Field = Field {
    key: "map",
    ty: Type::Object(&[
        int("mem_start", "rtnl_link_ifmap"),
        int("mem_end", "rtnl_link_ifmap"),
        int("base_addr", "rtnl_link_ifmap"),
        int("irq", "rtnl_link_ifmap"),
        int("dma", "rtnl_link_ifmap"),
        int("port", "rtnl_link_ifmap"),
    ]),
    source: "IFLA_MAP",
    unit: "",
    about: "place of the hardware in the machine",
};

fn map(given: &Given<'_>) -> Pairs {
    if given.payload.iter().all(|byte| *byte == 0) {
        return vec![];
    }
    let wide = |at: usize| Value::Unsigned(given.u32(at) | given.u32(at + 4) << 32);
    let byte = |at: usize| Value::Unsigned(given.payload.get(at).copied().unwrap_or_default().into());
    let fields = vec![
        ("mem_start", wide(0)),
        ("mem_end", wide(8)),
        ("base_addr", wide(16)),
        ("irq", Value::Unsigned(given.u16(24))),
        ("dma", byte(26)),
        ("port", byte(27)),
    ];
    vec![("map", Value::Object(fields))]
}

const RX: &[Field] = &[
    int("bytes", "rx_bytes"),
    int("packets", "rx_packets"),
    int("errors", "rx_errors"),
    int("dropped", "rx_dropped"),
    int("over_errors", "rx_over_errors"),
    int("multicast", "multicast"),
    int("length_errors", "rx_length_errors"),
    int("crc_errors", "rx_crc_errors"),
    int("frame_errors", "rx_frame_errors"),
    int("fifo_errors", "rx_fifo_errors"),
    int("missed_errors", "rx_missed_errors"),
    int("compressed", "rx_compressed"),
    int("nohandler", "rx_nohandler"),
    int("otherhost_dropped", "rx_otherhost_dropped"),
];
const TX: &[Field] = &[
    int("bytes", "tx_bytes"),
    int("packets", "tx_packets"),
    int("errors", "tx_errors"),
    int("dropped", "tx_dropped"),
    int("carrier_errors", "tx_carrier_errors"),
    int("collisions", "collisions"),
    int("aborted_errors", "tx_aborted_errors"),
    int("fifo_errors", "tx_fifo_errors"),
    int("window_errors", "tx_window_errors"),
    int("heartbeat_errors", "tx_heartbeat_errors"),
    int("compressed", "tx_compressed"),
];
const STATS: &[Field] = &[Field {
    key: "stats64",
    ty: Type::Object(&[
        Field { key: "rx", ty: Type::Object(RX), source: "rtnl_link_stats64", unit: "", about: "received" },
        Field { key: "tx", ty: Type::Object(TX), source: "rtnl_link_stats64", unit: "", about: "sent" },
    ]),
    source: "IFLA_STATS64",
    unit: "packets, bytes",
    about: "counters since the device was made (volatile)",
}];

/// `struct rtnl_link_stats64`: each counter under the key whose source, in the schema, is its name.
fn stats(given: &Given<'_>) -> Pairs {
    let all: Vec<_> = Stats64::from_payload(given.payload).iter().collect();
    let side = |fields: &'static [Field]| {
        let value = |source| all.iter().find(|counter| counter.0 == source).map_or(0, |counter| counter.1);
        Value::Object(fields.iter().map(|field| (field.key, Value::Unsigned(value(field.source)))).collect())
    };
    vec![("stats64", Value::Object(vec![("rx", side(RX)), ("tx", side(TX))]))]
}

const PROTO_DOWN: &[Field] = &[texts("proto_down_reason", "IFLA_PROTO_DOWN_REASON_VALUE")];

/// The names of the bits.
fn proto_down(given: &Given<'_>) -> Pairs {
    /// `IFLA_PROTO_DOWN_REASON_VALUE`
    const VALUE: u16 = 2;
    let value = attributes(given.payload).filter(|attr| attr.number() == VALUE).last();
    let value =
        value.and_then(|attr| attr.payload.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let bits = (0..32).filter(|bit| value >> bit & 1 != 0);
    let names =
        bits.map(|bit| Value::Text(given.cx.names.name(NameFile::ProtoDownReasons, bit).into_owned().into()));
    let names: Vec<_> = names.collect();
    if names.is_empty() { vec![] } else { vec![("proto_down_reason", Value::List(names))] }
}

const PROGRAM: Field = Field {
    key: "prog",
    ty: Type::Object(&[int("id", "IFLA_XDP_PROG_ID")]),
    source: "IFLA_XDP_PROG_ID",
    unit: "",
    about: "the program",
};
const XDP: Field = Field {
    key: "xdp",
    ty: Type::Object(&[
        int("mode", "IFLA_XDP_ATTACHED"),
        PROGRAM,
        Field {
            key: "attached",
            ty: Type::List(&Type::Object(&[int("mode", "XDP_ATTACHED_*"), PROGRAM])),
            source: "IFLA_XDP_*_PROG_ID",
            unit: "",
            about: "each of several programs",
        },
    ]),
    source: "IFLA_XDP",
    unit: "",
    about: "XDP programs; absent without one",
};

/// Programs that are attached; nothing where there is none.
fn xdp(given: &Given<'_>) -> Pairs {
    let number = |wanted: u16| {
        let attr = attributes(given.payload).filter(|attr| attr.number() == wanted).last()?;
        let bytes = attr.payload;
        bytes
            .first_chunk()
            .map(|bytes| u32::from_ne_bytes(*bytes).into())
            .or_else(|| Some(u64::from(*bytes.first()?)))
    };
    let mode = number(2).unwrap_or_default();
    if mode == 0 {
        return vec![];
    }
    let program = |id| ("prog", Value::Object(vec![("id", Value::Unsigned(id))]));
    let mut fields = vec![("mode", Value::Unsigned(mode))];
    fields.extend(number(4).map(program));
    let several: Vec<_> = [(1, 5), (2, 6), (3, 7)]
        .into_iter()
        .filter_map(|(mode, attr)| {
            Some(Value::Object(vec![("mode", Value::Unsigned(mode)), program(number(attr)?)]))
        })
        .collect();
    fields.push(("attached", Value::List(several)));
    vec![("xdp", Value::Object(fields))]
}

const VLANS: Field = Field {
    key: "vlans",
    ty: Type::List(&Type::Object(&[int("vlan", "bridge_vlan_info"), texts("flags", "BRIDGE_VLAN_INFO_*")])),
    source: "IFLA_BRIDGE_VLAN_INFO",
    unit: "",
    about: "VLANs of a bridge port; a range has a begin and an end",
};

fn vlans(given: &Given<'_>) -> Pairs {
    /// `IFLA_BRIDGE_VLAN_INFO`
    const VLAN_INFO: u16 = 2;
    const WORDS: words::Words = &[
        (1, "Master"),
        (2, "PVID"),
        (4, "Egress Untagged"),
        (8, "Range Begin"),
        (16, "Range End"),
        (32, "Bridge Entry"),
    ];
    let one = |payload| {
        let at = |at| Given { payload, ..*given }.u16(at);
        let flags = words::bits(WORDS, u32::try_from(at(0)).unwrap_or_default()).map(Value::Text).collect();
        Value::Object(vec![("vlan", Value::Unsigned(at(2))), ("flags", Value::List(flags))])
    };
    let all =
        attributes(given.siblings).filter(|attr| attr.number() == VLAN_INFO).map(|attr| one(attr.payload));
    vec![("vlans", Value::List(all.collect()))]
}

fn vf_mac(given: &Given<'_>) -> Pairs {
    let mac = given.payload.get(4..10).and_then(LinkAddr::new);
    let mac = mac.map(|mac| ("address", Value::Text(mac.to_string().into())));
    [("vf", Value::Unsigned(given.u32(0)))].into_iter().chain(mac).collect()
}

const VF_RATE: Field = Field {
    key: "rate",
    ty: Type::Object(&[int("max_tx", "ifla_vf_rate"), int("min_tx", "ifla_vf_rate")]),
    source: "IFLA_VF_RATE",
    unit: "Mbit/s",
    about: "0 is unlimited",
};

fn vf_rate(given: &Given<'_>) -> Pairs {
    let rate = vec![("max_tx", Value::Unsigned(given.u32(8))), ("min_tx", Value::Unsigned(given.u32(4)))];
    vec![("rate", Value::Object(rate))]
}

/// A setting that a driver may not support (all ones).
fn vf_switch(key: &'static str, given: &Given<'_>) -> Pairs {
    let setting = Some(given.u32(4)).filter(|setting| *setting != u64::from(u32::MAX));
    setting.map(|setting| (key, Value::Bool(setting != 0))).into_iter().collect()
}

fn vf_link_state(given: &Given<'_>) -> Pairs {
    const WORDS: words::Words = &[(0, "auto"), (1, "enable"), (2, "disable")];
    let state = u32::try_from(given.u32(4)).unwrap_or_default();
    vec![("link_state", Value::Text(words::word_or_number(WORDS, state)))]
}
