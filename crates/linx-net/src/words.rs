//! iproute2's words for kernel numbers, where no name file has them.
//!
//! A number without a word is written as iproute2 does it: most as decimal numbers.

use std::borrow::Cow;

use linx_wire::Kind;
use linx_wire::addr::family;
use linx_wire::route::AddressFlags;
use linx_wire::route::encap::encap_type;

/// Numbers and their words.
pub type Words = &'static [(u32, &'static str)];

/// The word of a number.
#[inline]
#[must_use]
pub fn word(words: Words, number: u32) -> Option<&'static str> {
    words.iter().find(|entry| entry.0 == number).map(|entry| entry.1)
}

/// The word of a number, else the number.
#[inline]
#[must_use]
pub fn word_or_number(words: Words, number: u32) -> Cow<'static, str> {
    word(words, number).map_or_else(|| number.to_string().into(), Cow::Borrowed)
}

/// The number of a word.
#[must_use]
pub fn number(words: Words, name: &str) -> Option<u32> {
    words.iter().find(|entry| entry.1 == name).map(|entry| entry.0)
}

/// The word of a kind of object, in JSON and in the command's arguments.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Link => "link",
        Kind::Address => "address",
        Kind::Route => "route",
        Kind::Neighbour => "neigh",
        Kind::Rule => "rule",
        Kind::NextHop => "nexthop",
        Kind::NsId => "nsid",
        Kind::Table => "table",
        Kind::Chain => "chain",
        // As a routing policy rule: the two never stand side by side.
        Kind::NftRule => "rule",
        Kind::Set => "set",
        Kind::Elements => "element",
        Kind::StatefulObject => "object",
        Kind::Flowtable => "flowtable",
        Kind::Generation => "generation",
        _ => "unknown",
    }
}

/// What is followed when a kind is: its own word, but `nft` for all that nf_tables has, which comes and is lost together.
#[must_use]
pub fn followed(followed: Kind) -> &'static str {
    match followed {
        Kind::Table
        | Kind::Chain
        | Kind::NftRule
        | Kind::Set
        | Kind::Elements
        | Kind::StatefulObject
        | Kind::Flowtable
        | Kind::Generation => "nft",
        other => kind(other),
    }
}

/// Address families.
pub const FAMILIES: Words = &[
    (family::UNSPEC as u32, "unspec"),
    (family::INET as u32, "inet"),
    (family::BRIDGE as u32, "bridge"),
    (family::INET6 as u32, "inet6"),
    (17, "link"),
    (family::MPLS as u32, "mpls"),
    (family::IPMR as u32, "ipmr"),
    (family::IP6MR as u32, "ip6mr"),
];

/// Families of tables of nf_tables (`NFPROTO_*`).
pub const NFT_FAMILIES: Words =
    &[(1, "inet"), (2, "ip"), (3, "arp"), (5, "netdev"), (7, "bridge"), (10, "ip6")];

/// `NFT_TABLE_F_*`
pub const NFT_TABLE_FLAGS: Words = &[(0x1, "dormant"), (0x2, "owner"), (0x4, "persist")];

/// `NFT_CHAIN_*`, without that of a base chain, which has a hook.
pub const NFT_CHAIN_FLAGS: Words = &[(0x2, "offload"), (0x4, "binding")];

/// `NFT_SET_*`, without those that say what else is to be seen: that it is a map, a concatenation, has expressions.
pub const NFT_SET_FLAGS: Words =
    &[(0x1, "anonymous"), (0x2, "constant"), (0x4, "interval"), (0x10, "timeout"), (0x20, "dynamic")];

/// `NFT_SET_ELEM_*`, without that of a catch-all element, which has no key.
pub const NFT_ELEMENT_FLAGS: Words = &[(0x1, "interval_end")];

/// `NFT_SET_POL_*`
pub const NFT_SET_POLICIES: Words = &[(0, "performance"), (1, "memory")];

/// `NFT_FLOWTABLE_*`
pub const NFT_FLOWTABLE_FLAGS: Words = &[(0x1, "offload"), (0x2, "counter")];

/// `NF_SYNPROXY_OPT_*`, without those that say what else is to be seen: `mss`, `wscale`.
pub const NFT_SYNPROXY_FLAGS: Words = &[(0x8, "timestamp"), (0x4, "sack-perm"), (0x10, "ecn")];

/// Seconds of a limit's unit.
pub const NFT_LIMIT_UNITS: Words =
    &[(1, "second"), (60, "minute"), (3_600, "hour"), (86_400, "day"), (604_800, "week")];

/// Of bytes, in the largest unit in which they are whole, as nft has it.
#[cfg(feature = "nft")]
pub(crate) fn in_units(bytes: u64) -> (u64, &'static str) {
    match bytes {
        0 => (0, "bytes"),
        bytes if bytes % (1 << 20) == 0 => (bytes >> 20, "mbytes"),
        bytes if bytes % (1 << 10) == 0 => (bytes >> 10, "kbytes"),
        bytes => (bytes, "bytes"),
    }
}

/// Whether a limit is one of bytes (`NFT_LIMIT_PKT_BYTES`).
#[cfg(feature = "nft")]
pub(crate) fn counts_bytes(limit: linx_wire::nft::expr::Limit<'_>) -> bool {
    limit.r#type() == Some(1)
}

/// Whether a set is a map. The announcement that one is gone does not say: then what is known of it does.
#[cfg(feature = "nft")]
pub(crate) fn is_map(set: &linx_wire::nft::SetRef<'_>, cx: &crate::names::Context<'_>) -> bool {
    use linx_wire::nft::SetView;
    if set.attributes().flags().is_some() {
        return set.is_map();
    }
    let known = cx.sets.and_then(|sets| sets.types(set.family(), set.table(), set.name()));
    known.is_some_and(|types| types.is_map())
}

/// `RTN_*`
pub const ROUTE_TYPES: Words = &[
    (0, "none"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (9, "throw"),
    (10, "nat"),
    (11, "xresolve"),
];

/// `ICMPV6_ROUTER_PREF_*`
pub const PREFERENCES: Words = &[(0, "medium"), (1, "high"), (2, "invalid"), (3, "low")];

/// `RTNH_F_*` and `RTM_F_*`, in ip's order.
pub const ROUTE_FLAGS: Words = &[
    (0x1, "dead"),
    (0x4, "onlink"),
    (0x2, "pervasive"),
    (0x8, "offload"),
    (0x40, "trap"),
    (0x100, "notify"),
    (0x10, "linkdown"),
    (0x20, "unresolved"),
    (0x4000, "rt_offload"),
    (0x8000, "rt_trap"),
    (0x2000_0000, "rt_offload_failed"),
];

/// `RTNH_F_*` that a route and a next hop object have beside what was asked for: their state.
pub const ROUTE_STATE: u32 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x4000 | 0x8000 | 0x2000_0000;

/// `RTCF_*` of an answer to `route get` (<linux/in_route.h>), in ip's order.
pub const CACHE_FLAGS: Words = &[
    (0x8000_0000, "local"),
    (0x4000_0000, "reject"),
    (0x2000_0000, "mc"),
    (0x1000_0000, "brd"),
    (0x0800_0000, "dst-nat"),
    (0x0002_0000, "dst-direct"),
    (0x0400_0000, "src-direct"),
    (0x0004_0000, "redirected"),
    (0x0100_0000, "redirect"),
    (0x0001_0000, "notify"),
];

/// The bits of locked metrics (`1 << RTAX_*`).
pub const METRICS: Words = &[
    (1 << 2, "mtu"),
    (1 << 3, "window"),
    (1 << 4, "rtt"),
    (1 << 5, "rttvar"),
    (1 << 6, "ssthresh"),
    (1 << 7, "cwnd"),
    (1 << 8, "advmss"),
    (1 << 9, "reordering"),
    (1 << 10, "hoplimit"),
    (1 << 11, "initcwnd"),
    (1 << 12, "features"),
    (1 << 13, "rto_min"),
    (1 << 14, "initrwnd"),
    (1 << 15, "quickack"),
    (1 << 16, "congctl"),
    (1 << 17, "fastopen_no_cookie"),
];

/// `LWTUNNEL_ENCAP_*`
pub const ENCAPS: Words = &[
    (encap_type::NONE as u32, "none"),
    (encap_type::MPLS as u32, "mpls"),
    (encap_type::IP as u32, "ip"),
    (encap_type::ILA as u32, "ila"),
    (encap_type::IP6 as u32, "ip6"),
    (encap_type::SEG6 as u32, "seg6"),
    (encap_type::BPF as u32, "bpf"),
    (encap_type::SEG6_LOCAL as u32, "seg6local"),
    (encap_type::RPL as u32, "rpl"),
    (encap_type::IOAM6 as u32, "ioam6"),
    (encap_type::XFRM as u32, "xfrm"),
];

/// `SEG6_IPTUN_MODE_*`
pub const SEG6_MODES: Words =
    &[(0, "inline"), (1, "encap"), (2, "l2encap"), (3, "encap.red"), (4, "l2encap.red")];

/// `SEG6_LOCAL_ACTION_*`
pub const SEG6_ACTIONS: Words = &[
    (1, "End"),
    (2, "End.X"),
    (3, "End.T"),
    (4, "End.DX2"),
    (5, "End.DX6"),
    (6, "End.DX4"),
    (7, "End.DT6"),
    (8, "End.DT4"),
    (9, "End.B6"),
    (10, "End.B6.Encaps"),
    (11, "End.BM"),
    (12, "End.S"),
    (13, "End.AS"),
    (14, "End.AM"),
    (15, "End.BPF"),
    (16, "End.DT46"),
];

/// `SEG6_LOCAL_FLV_OP_*`, bits.
pub const SEG6_FLAVORS: Words = &[(1 << 1, "psp"), (1 << 2, "usp"), (1 << 3, "usd"), (1 << 4, "next-csid")];

/// `ILA_CSUM_*`
pub const ILA_CSUM: Words =
    &[(0, "adj-transport"), (1, "neutral-map"), (2, "no-action"), (3, "neutral-map-auto")];

/// `ILA_ATYPE_*`
pub const ILA_IDENT: Words = &[
    (0, "iid"),
    (1, "luid"),
    (2, "virt-v4"),
    (3, "virt-uni-v6"),
    (4, "virt-multi-v6"),
    (5, "nonlocal"),
    (6, "use-format"),
];

/// `ILA_HOOK_*`
pub const ILA_HOOKS: Words = &[(0, "output"), (1, "input")];

/// `IOAM6_IPTUNNEL_MODE_*`
pub const IOAM6_MODES: Words = &[(1, "inline"), (2, "encap"), (3, "auto")];

/// Bits of the tunnel flags of an IP encapsulation (`TUNNEL_*`, <linux/if_tunnel.h>), by their words.
pub const TUNNEL_FLAGS: Words = &[(0x04, "key"), (0x01, "csum"), (0x08, "seq")];

/// `IFA_F_*`, in ip's order. Bit 0 is `temporary` for IPv6; of bit 7 (`IFA_F_PERMANENT`) its absence has the word.
pub const ADDRESS_FLAGS: Words = &[
    (0x01, "secondary"),
    (0x40, "tentative"),
    (0x20, "deprecated"),
    (0x10, "home"),
    (0x02, "nodad"),
    (0x80, "dynamic"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
    (0x04, "optimistic"),
    (0x08, "dadfailed"),
    (0x800, "stable-privacy"),
];

/// ip's words for the flags of an address, in its order, and whether each holds.
pub fn address_flags(flags: AddressFlags, family: u8) -> impl Iterator<Item = (&'static str, bool)> {
    ADDRESS_FLAGS.iter().map(move |(bit, word)| match AddressFlags::from_bits_retain(*bit) {
        AddressFlags::SECONDARY if family == family::INET6 => ("temporary", flags.bits() & bit != 0),
        AddressFlags::PERMANENT => (*word, flags.bits() & bit == 0),
        _ => (*word, flags.bits() & bit != 0),
    })
}

/// The flags of an address that have no word.
#[must_use]
pub fn unnamed_address_flags(flags: AddressFlags) -> u32 {
    ADDRESS_FLAGS.iter().fold(flags.bits(), |rest, word| rest & !word.0)
}

/// `NUD_*`, in ip's order.
pub const NEIGHBOUR_STATES: Words = &[
    (0x01, "INCOMPLETE"),
    (0x02, "REACHABLE"),
    (0x04, "STALE"),
    (0x08, "DELAY"),
    (0x10, "PROBE"),
    (0x20, "FAILED"),
    (0x40, "NOARP"),
    (0x80, "PERMANENT"),
];

/// `NTF_*`, and `NTF_EXT_*` from bit 8, as keys of a neighbour.
pub const NEIGHBOUR_FLAGS: Words = &[
    (0x80, "router"),
    (0x08, "proxy"),
    (0x100, "managed"),
    (0x400, "extern_valid"),
    (0x10, "extern_learn"),
    (0x20, "offload"),
    (0x40, "sticky"),
    (0x02, "self"),
    (0x04, "master"),
    (0x01, "use"),
    (0x200, "locked"),
];

/// The same, in `bridge`'s order, as the flags of a forwarding entry.
pub const FDB_FLAGS: Words = &[
    (0x02, "self"),
    (0x80, "router"),
    (0x10, "extern_learn"),
    (0x20, "offload"),
    (0x04, "master"),
    (0x40, "sticky"),
    (0x200, "locked"),
    (0x100, "managed"),
    (0x400, "extern_valid"),
    (0x08, "proxy"),
    (0x01, "use"),
];

/// `FR_ACT_*`
pub const RULE_ACTIONS: Words =
    &[(1, "lookup"), (2, "goto"), (3, "nop"), (6, "blackhole"), (7, "unreachable"), (8, "prohibit")];

/// `FIB_RULE_*` that are no field of their own.
pub const RULE_FLAGS: Words = &[(0x1, "permanent"), (0x1_0000, "find_saddr")];

/// `NEXTHOP_GRP_TYPE_*`
pub const NEXT_HOP_GROUPS: Words = &[(0, "mpath"), (1, "resilient")];

/// `IF_OPER_*`
pub const OPER_STATES: Words = &[
    (0, "UNKNOWN"),
    (1, "NOTPRESENT"),
    (2, "DOWN"),
    (3, "LOWERLAYERDOWN"),
    (4, "TESTING"),
    (5, "DORMANT"),
    (6, "UP"),
];

/// `IF_LINK_MODE_*`
pub const LINK_MODES: Words = &[(0, "DEFAULT"), (1, "DORMANT")];

/// `IN6_ADDR_GEN_MODE_*`
pub const ADDR_GEN_MODES: Words = &[(0, "eui64"), (1, "none"), (2, "stable_secret"), (3, "random")];

/// The words of the bits of `bits`; what has none is one number in hexadecimal, last.
pub fn bits(words: Words, bits: u32) -> impl Iterator<Item = Cow<'static, str>> {
    let rest = words.iter().fold(bits, |rest, word| rest & !word.0);
    let known = words.iter().filter(move |word| bits & word.0 != 0).map(|word| Cow::Borrowed(word.1));
    known.chain((rest != 0).then(|| Cow::Owned(format!("{rest:#x}"))))
}

/// `BR_STATE_*` of a bridge port.
pub const BRIDGE_STATES: Words =
    &[(0, "disabled"), (1, "listening"), (2, "learning"), (3, "forwarding"), (4, "blocking")];

/// `ETH_P_*` of VLAN headers.
pub const ETHERTYPES: Words = &[(0x8100, "802.1Q"), (0x88a8, "802.1ad")];

/// `ARPHRD_*`: what hardware a link is.
pub const LINK_TYPES: Words = &[
    (0, "netrom"),
    (1, "ether"),
    (2, "eether"),
    (3, "ax25"),
    (4, "pronet"),
    (5, "chaos"),
    (6, "ieee802"),
    (7, "arcnet"),
    (8, "atalk"),
    (15, "dlci"),
    (19, "atm"),
    (23, "metricom"),
    (24, "ieee1394"),
    (27, "eui64"),
    (32, "infiniband"),
    (256, "slip"),
    (257, "cslip"),
    (258, "slip6"),
    (259, "cslip6"),
    (260, "rsrvd"),
    (264, "adapt"),
    (270, "rose"),
    (271, "x25"),
    (272, "hwx25"),
    (280, "can"),
    (290, "mctp"),
    (512, "ppp"),
    (513, "hdlc"),
    (516, "lapb"),
    (517, "ddcmp"),
    (518, "rawhdlc"),
    (519, "rawip"),
    (768, "ipip"),
    (769, "tunnel6"),
    (770, "frad"),
    (771, "skip"),
    (772, "loopback"),
    (773, "ltalk"),
    (774, "fddi"),
    (775, "bif"),
    (776, "sit"),
    (777, "ip/ddp"),
    (778, "gre"),
    (779, "pimreg"),
    (780, "hippi"),
    (781, "ash"),
    (782, "econet"),
    (783, "irda"),
    (784, "fcpp"),
    (785, "fcal"),
    (786, "fcpl"),
    (787, "fcfb0"),
    (800, "tr"),
    (801, "ieee802.11"),
    (802, "ieee802.11/prism"),
    (803, "ieee802.11/radiotap"),
    (804, "ieee802.15.4"),
    (805, "ieee802.15.4/monitor"),
    (820, "phonet"),
    (821, "phonet_pipe"),
    (822, "caif"),
    (823, "gre6"),
    (824, "netlink"),
    (825, "6lowpan"),
    (826, "vsockmon"),
    (0xfffe, "none"),
    (0xffff, "void"),
];

/// The word of a link's hardware; `[NUMBER]` where there is none.
#[must_use]
pub fn link_type(number: u16) -> Cow<'static, str> {
    word(LINK_TYPES, number.into()).map_or_else(|| format!("[{number}]").into(), Cow::Borrowed)
}

/// Whether the link addresses of such a link are IP addresses (`ARPHRD_TUNNEL`, `ARPHRD_TUNNEL6`, `ARPHRD_SIT`,
/// `ARPHRD_IPGRE`, `ARPHRD_IP6GRE`).
#[must_use]
pub fn has_ip_link_addresses(link_type: u16) -> bool {
    matches!(link_type, 768 | 769 | 776 | 778 | 823)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_word_stay() {
        assert_eq!(word_or_number(ROUTE_TYPES, 1), "unicast");
        assert_eq!(word_or_number(ROUTE_TYPES, 77), "77");
        assert_eq!(number(ROUTE_TYPES, "blackhole"), Some(6));
        assert_eq!(link_type(4711), "[4711]");
        assert_eq!(bits(SEG6_FLAVORS, 0x102).collect::<Vec<_>>(), ["psp", "0x100"]);
    }

    #[test]
    fn no_number_has_two_words() {
        for words in [FAMILIES, ROUTE_TYPES, ROUTE_FLAGS, NEIGHBOUR_FLAGS, FDB_FLAGS, LINK_TYPES, ENCAPS] {
            for (at, one) in words.iter().enumerate() {
                assert!(
                    words.iter().skip(at + 1).all(|other| other.0 != one.0 && other.1 != one.1),
                    "{one:?}"
                );
            }
        }
    }
}
