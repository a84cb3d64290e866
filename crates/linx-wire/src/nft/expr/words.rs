//! Words for the numbers of expressions: the kernel's constants without their prefixes, each at the place of its number.

use crate::nft::object_type;

/// `NFT_META_*`
pub const META: &[&str] = &[
    "len",
    "protocol",
    "priority",
    "mark",
    "iif",
    "oif",
    "iifname",
    "oifname",
    "iiftype",
    "oiftype",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "secmark",
    "nfproto",
    "l4proto",
    "bri_iifname",
    "bri_oifname",
    "pkttype",
    "cpu",
    "iifgroup",
    "oifgroup",
    "cgroup",
    "prandom",
    "secpath",
    "iifkind",
    "oifkind",
    "bri_iifpvid",
    "bri_iifvproto",
    "time_ns",
    "time_day",
    "time_hour",
    "sdif",
    "sdifname",
    "bri_broute",
];
/// `NFT_CT_*`
pub const CT: &[&str] = &[
    "state",
    "direction",
    "status",
    "mark",
    "secmark",
    "expiration",
    "helper",
    "l3protocol",
    "src",
    "dst",
    "protocol",
    "proto_src",
    "proto_dst",
    "labels",
    "pkts",
    "bytes",
    "avgpkt",
    "zone",
    "eventmask",
    "src_ip",
    "dst_ip",
    "src_ip6",
    "dst_ip6",
    "id",
];
/// `IP_CT_DIR_*`
pub const CT_DIRECTIONS: &[&str] = &["original", "reply"];
/// `NFT_RT_*`
pub const RT: &[&str] = &["classid", "nexthop4", "nexthop6", "tcpmss", "xfrm"];
/// `NFT_SOCKET_*`
pub const SOCKET: &[&str] = &["transparent", "mark", "wildcard", "cgroupv2"];
/// `NFT_XFRM_KEY_*`
pub const XFRM: &[&str] = &["unspec", "daddr_ip4", "daddr_ip6", "saddr_ip4", "saddr_ip6", "reqid", "spi"];
/// `XFRM_POLICY_IN`, `XFRM_POLICY_OUT`
pub const XFRM_DIRECTIONS: &[&str] = &["in", "out"];
/// `NFT_TUNNEL_*`
pub const TUNNEL: &[&str] = &["path", "id"];
/// `NFT_TUNNEL_MODE_*`
pub const TUNNEL_MODES: &[&str] = &["none", "rx", "tx"];
/// `NFT_PAYLOAD_*_HEADER`
pub const PAYLOAD_BASES: &[&str] = &["link", "network", "transport", "inner", "tunnel"];
/// `NFT_PAYLOAD_CSUM_*`
pub const PAYLOAD_CHECKSUMS: &[&str] = &["none", "inet", "sctp"];
/// `NFT_EXTHDR_OP_*`
pub const EXTHDR: &[&str] = &["ipv6", "tcpopt", "ipv4", "sctp", "dccp"];
/// `NFT_CMP_*`
pub const CMP: &[&str] = &["eq", "neq", "lt", "lte", "gt", "gte"];
/// `NFT_RANGE_*`
pub const RANGE: &[&str] = &["eq", "neq"];
/// `NFT_BYTEORDER_*`
pub const BYTEORDER: &[&str] = &["ntoh", "hton"];
/// `NFT_BITWISE_*`
pub const BITWISE: &[&str] = &["mask_xor", "<<", ">>", "&", "|", "^"];
/// `NFT_DYNSET_OP_*`
pub const DYNSET: &[&str] = &["add", "update", "delete"];
/// `NFT_FIB_RESULT_*`
pub const FIB: &[&str] = &["unspec", "oif", "oifname", "addrtype"];
/// `NFT_NG_*`
pub const NUMGEN: &[&str] = &["incremental", "random"];
/// `NFT_HASH_*`
pub const HASH: &[&str] = &["jenkins", "sym"];
/// `NFT_INNER_*`
pub const INNER: &[&str] = &["unspec", "vxlan", "geneve"];
/// `NFT_LIMIT_*`
pub const LIMIT: &[&str] = &["pkts", "pkt_bytes"];
/// `NFT_LOGLEVEL_*`
pub const LOG_LEVELS: &[&str] =
    &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "audit"];
/// `NFT_NAT_*`
pub const NAT: &[&str] = &["snat", "dnat"];
/// `NFT_REJECT_*`
pub const REJECT: &[&str] = &["icmp_unreach", "tcp_rst", "icmpx_unreach"];

/// The word for a number of an attribute (by its accessor's name) of a kind of expression; `None` where there is none.
#[must_use]
pub fn word(kind: &[u8], key: &str, number: u32) -> Option<&'static str> {
    let words = match (kind, key) {
        (b"meta", "key") => META,
        (b"ct", "key") => CT,
        (b"ct", "direction") => CT_DIRECTIONS,
        (b"rt", "key") => RT,
        (b"socket", "key") => SOCKET,
        (b"xfrm", "key") => XFRM,
        (b"xfrm", "dir") => XFRM_DIRECTIONS,
        (b"tunnel", "key") => TUNNEL,
        (b"tunnel", "mode") => TUNNEL_MODES,
        (b"payload", "base") => PAYLOAD_BASES,
        (b"payload", "csum_type") => PAYLOAD_CHECKSUMS,
        (b"exthdr", "op") => EXTHDR,
        (b"cmp", "op") => CMP,
        (b"range", "op") => RANGE,
        (b"byteorder", "op") => BYTEORDER,
        (b"bitwise", "op") => BITWISE,
        (b"dynset", "op") => DYNSET,
        (b"fib", "result") => FIB,
        (b"numgen", "type") => NUMGEN,
        (b"hash", "type") => HASH,
        (b"inner", "type") => INNER,
        (b"limit", "type") => LIMIT,
        (b"log", "level") => LOG_LEVELS,
        (b"nat", "type") => NAT,
        (b"reject", "type") => REJECT,
        (b"nat" | b"tproxy", "family") | (b"fwd", "nfproto") => {
            return u8::try_from(number).ok().and_then(crate::nft::family::word);
        }
        (b"objref", "imm_type") => return object_type::word(number),
        _ => return None,
    };
    words.get(usize::try_from(number).ok()?).copied()
}
