//! The declarations of the fields of every body that is written by hand, and of the envelope.

use crate::forms::field::{Field, Type, field};
use crate::words;

/// `"unknown":[{"type":77,"hex":"…"}]`
pub(super) const UNKNOWN: Field =
    field("unknown", Type::Unknown, "", "", "attributes that this version does not know");

/// A tunnel encapsulation.
const ENCAP: Field =
    field("encap", Type::Text, "RTA_ENCAP_TYPE", "mpls ip ip6 seg6 seg6local bpf …", "tunnel encapsulation");
const ENCAP_INFO: Field = field(
    "encap_info",
    Type::Encap,
    "RTA_ENCAP",
    "",
    "its fields; ip writes them flat, over those of the route",
);
const VIA: Field = field(
    "via",
    Type::Object(&[
        field("family", Type::Text, "rtvia.rtvia_family", "inet, inet6", ""),
        field("host", Type::Text, "rtvia.rtvia_addr", "address", ""),
    ]),
    "RTA_VIA",
    "",
    "gateway of another family than the route's",
);
const REALMS: Field = field(
    "flow",
    Type::Object(&[
        field("from", Type::Text, "RTA_FLOW", "rt_realms", ""),
        field("to", Type::Text, "RTA_FLOW", "rt_realms", ""),
    ]),
    "RTA_FLOW",
    "",
    "realms",
);
const LABELS: Field =
    field("to", Type::Text, "RTA_NEWDST", "labels, joined by /", "new label stack of an MPLS route");
const NEXT_HOP_FLAGS: &str = "dead onlink pervasive offload trap linkdown unresolved";

/// `route`
pub(super) const ROUTE: &[Field] = &[
    field("family", Type::Text, "rtmsg.rtm_family", "inet inet6 mpls ipmr ip6mr", "address family"),
    field(
        "type",
        Type::Text,
        "rtmsg.rtm_type",
        "unicast local broadcast anycast multicast blackhole unreachable prohibit throw nat",
        "what happens to packets",
    ),
    field(
        "dst",
        Type::Text,
        "RTA_DST, rtmsg.rtm_dst_len",
        "prefix, without its length when all bits count; default",
        "destination",
    ),
    field("from", Type::Text, "RTA_SRC, rtmsg.rtm_src_len", "prefix", "source of a source-specific route"),
    LABELS,
    ENCAP,
    ENCAP_INFO,
    field("tos", Type::Text, "rtmsg.rtm_tos", "rt_dsfield, or 0x10", "type of service that it is for"),
    field("gateway", Type::Text, "RTA_GATEWAY", "address", "next router"),
    VIA,
    field("dev", Type::Name, "RTA_OIF", "", "name of the outgoing link"),
    field("oif", Type::Int, "RTA_OIF", "ifindex", "the outgoing link"),
    field("iif", Type::Name, "RTA_IIF", "", "name of the incoming link"),
    field("iif_index", Type::Int, "RTA_IIF", "ifindex", "the incoming link"),
    field("nhid", Type::Int, "RTA_NH_ID", "", "next hop object that it uses"),
    field("protocol", Type::Text, "rtmsg.rtm_protocol", "rt_protos", "who made it"),
    field("scope", Type::Text, "rtmsg.rtm_scope", "rt_scopes", "distance to the destination"),
    field("prefsrc", Type::Text, "RTA_PREFSRC", "address", "preferred source address"),
    field("metric", Type::Int, "RTA_PRIORITY", "the lowest wins", "metric"),
    field("table", Type::Text, "RTA_TABLE", "rt_tables", "routing table"),
    field("table_id", Type::Int, "RTA_TABLE", "", "its number"),
    field(
        "flags",
        Type::Texts,
        "rtmsg.rtm_flags",
        "as in nexthops, notify rt_offload rt_trap rt_offload_failed",
        "flags",
    ),
    field(
        "cache",
        Type::Texts,
        "rtmsg.rtm_flags",
        "RTCF_*: local reject mc brd …",
        "flags of an answer to route get",
    ),
    field("mark", Type::Int, "RTA_MARK", "", "firewall mark of an answer to route get"),
    REALMS,
    field("uid", Type::Int, "RTA_UID", "", "user of an answer to route get"),
    field("ipproto", Type::Text, "RTA_IP_PROTO", "/etc/protocols", "protocol of an answer to route get"),
    field("sport", Type::Int, "RTA_SPORT", "", "source port of an answer to route get"),
    field("dport", Type::Int, "RTA_DPORT", "", "destination port of an answer to route get"),
    field("expires", Type::Number, "rta_cacheinfo.rta_expires, RTA_EXPIRES", "seconds", "time until it ends"),
    field("error", Type::Int, "rta_cacheinfo.rta_error", "errno", "what packets get"),
    field("users", Type::Int, "rta_cacheinfo.rta_clntref", "", "references (volatile)"),
    field("used", Type::Int, "rta_cacheinfo.rta_used", "", "times used (volatile)"),
    field("age", Type::Int, "rta_cacheinfo.rta_lastuse", "seconds", "since it was used (volatile)"),
    field("metrics", Type::List(&Type::Object(METRICS)), "RTA_METRICS", "", "metrics: one object"),
    field("pref", Type::Text, "RTA_PREF", "low medium high", "preference of a router, RFC 4191"),
    field("ttl-propagate", Type::Bool, "RTA_TTL_PROPAGATE", "", "whether MPLS propagates the TTL"),
    field("packets", Type::Int, "rta_mfc_stats.mfcs_packets", "", "of a multicast route (volatile)"),
    field("bytes", Type::Int, "rta_mfc_stats.mfcs_bytes", "", "of a multicast route (volatile)"),
    field("wrong_if", Type::Int, "rta_mfc_stats.mfcs_wrong_if", "packets", "of a multicast route (volatile)"),
    field("nexthops", Type::List(&Type::Object(HOP)), "RTA_MULTIPATH", "", "hops of a multipath route"),
    UNKNOWN,
];

const HOP: &[Field] = &[
    ENCAP,
    ENCAP_INFO,
    LABELS,
    field("gateway", Type::Text, "RTA_GATEWAY", "address", "next router"),
    VIA,
    field("dev", Type::Name, "rtnexthop.rtnh_ifindex", "", "name of the outgoing link"),
    field("oif", Type::Int, "rtnexthop.rtnh_ifindex", "ifindex", "the outgoing link"),
    field("weight", Type::Int, "rtnexthop.rtnh_hops", "1 to 256", "share of the traffic"),
    field("ttl", Type::Int, "rtnexthop.rtnh_hops", "", "threshold of a multicast route"),
    REALMS,
    field("flags", Type::Texts, "rtnexthop.rtnh_flags", NEXT_HOP_FLAGS, "flags"),
    UNKNOWN,
];

const METRICS: &[Field] = &[
    field("mtu", Type::Int, "RTAX_MTU", "bytes", ""),
    field("window", Type::Int, "RTAX_WINDOW", "bytes", "largest TCP window"),
    field("rtt", Type::Number, "RTAX_RTT", "ms, in eighths (ip cuts them off)", "initial round trip time"),
    field("rttvar", Type::Number, "RTAX_RTTVAR", "ms, in quarters (ip cuts them off)", "its variance"),
    field("ssthresh", Type::Int, "RTAX_SSTHRESH", "packets", "initial slow start threshold"),
    field("cwnd", Type::Int, "RTAX_CWND", "packets", "clamp of the congestion window"),
    field("advmss", Type::Int, "RTAX_ADVMSS", "bytes", "advertised segment size"),
    field("reordering", Type::Int, "RTAX_REORDERING", "packets", "reordering that is not a loss"),
    field("hoplimit", Type::Int, "RTAX_HOPLIMIT", "", "hop limit"),
    field("initcwnd", Type::Int, "RTAX_INITCWND", "packets", "initial congestion window"),
    field("ecn", Type::True, "RTAX_FEATURES", "", "explicit congestion notification"),
    field("features", Type::Text, "RTAX_FEATURES", "0x…", "other features"),
    field("rto_min", Type::Int, "RTAX_RTO_MIN", "ms", "least retransmission timeout"),
    field("initrwnd", Type::Int, "RTAX_INITRWND", "packets", "initial receive window"),
    field("quickack", Type::Int, "RTAX_QUICKACK", "", "quick acknowledgements"),
    field("congestion", Type::Text, "RTAX_CC_ALGO", "", "congestion control algorithm"),
    field("fastopen_no_cookie", Type::Int, "RTAX_FASTOPEN_NO_COOKIE", "", "TCP fast open without a cookie"),
    field("lock", Type::Texts, "RTAX_LOCK", "words of metrics", "metrics that the kernel must not adapt"),
    UNKNOWN,
];

/// `address`
pub(super) const ADDRESS: &[Field] = &[
    field("ifindex", Type::Int, "ifaddrmsg.ifa_index", "", "link that it is on"),
    field("dev", Type::Name, "ifaddrmsg.ifa_index", "", "name of the link"),
    field("family", Type::Text, "ifaddrmsg.ifa_family", "inet inet6", "address family"),
    field("local", Type::Text, "IFA_LOCAL, IFA_ADDRESS", "address", "the address"),
    field("address", Type::Text, "IFA_ADDRESS", "address", "the other end, where it is not the same"),
    field("prefixlen", Type::Int, "ifaddrmsg.ifa_prefixlen", "bits", "length of the prefix"),
    field("metric", Type::Int, "IFA_RT_PRIORITY", "", "metric of the prefix route"),
    field("broadcast", Type::Text, "IFA_BROADCAST", "address", "broadcast address"),
    field("anycast", Type::Text, "IFA_ANYCAST", "address", "anycast address"),
    field("multicast", Type::Text, "IFA_MULTICAST", "address", "multicast address"),
    field("scope", Type::Text, "ifaddrmsg.ifa_scope", "rt_scopes", "where it is valid"),
    field("secondary", Type::True, "IFA_F_SECONDARY", "", "IPv4: not the first of its prefix"),
    field("temporary", Type::True, "IFA_F_TEMPORARY", "", "IPv6: a privacy address"),
    field("tentative", Type::True, "IFA_F_TENTATIVE", "", "being checked for duplicates"),
    field("deprecated", Type::True, "IFA_F_DEPRECATED", "", "no longer preferred"),
    field("home", Type::True, "IFA_F_HOMEADDRESS", "", "Mobile IPv6 home address"),
    field("nodad", Type::True, "IFA_F_NODAD", "", "not checked for duplicates"),
    field("dynamic", Type::True, "IFA_F_PERMANENT", "", "it is not permanent"),
    field("mngtmpaddr", Type::True, "IFA_F_MANAGETEMPADDR", "", "template of temporary addresses"),
    field("noprefixroute", Type::True, "IFA_F_NOPREFIXROUTE", "", "no prefix route was made for it"),
    field("autojoin", Type::True, "IFA_F_MCAUTOJOIN", "", "its multicast group is joined"),
    field("optimistic", Type::True, "IFA_F_OPTIMISTIC", "", "used while being checked"),
    field("dadfailed", Type::True, "IFA_F_DADFAILED", "", "a duplicate"),
    field("stable-privacy", Type::True, "IFA_F_STABLE_PRIVACY", "", "made by RFC 7217"),
    field("ifa_flags", Type::Text, "IFA_FLAGS", "0x…", "flags without a word"),
    field("label", Type::Name, "IFA_LABEL", "", "IPv4 label"),
    field("protocol", Type::Text, "IFA_PROTO", "rt_addrprotos", "who made it"),
    field(
        "valid_life_time",
        Type::Int,
        "ifa_cacheinfo.ifa_valid",
        "seconds; 4294967295: for ever",
        "time that it stays valid",
    ),
    field(
        "preferred_life_time",
        Type::Int,
        "ifa_cacheinfo.ifa_prefered",
        "seconds; 4294967295: for ever",
        "time that it stays preferred",
    ),
    field("created", Type::Int, "ifa_cacheinfo.cstamp", "1/100 s of uptime", "when it was made (volatile)"),
    field("updated", Type::Int, "ifa_cacheinfo.tstamp", "1/100 s of uptime", "when it changed (volatile)"),
    UNKNOWN,
];

/// `neigh`
pub(super) const NEIGHBOUR: &[Field] = &[
    field(
        "family",
        Type::Text,
        "ndmsg.ndm_family",
        "inet inet6; bridge: a forwarding entry",
        "address family",
    ),
    field(
        "dst",
        Type::Text,
        "NDA_DST",
        "address",
        "IP address; of a forwarding entry the remote tunnel endpoint",
    ),
    field("dev", Type::Name, "ndmsg.ndm_ifindex", "", "name of the link; absent: a proxy of all links"),
    field("ifindex", Type::Int, "ndmsg.ndm_ifindex", "", "link that it is on"),
    field("lladdr", Type::Text, "NDA_LLADDR", "", "link address (bridge's word is mac)"),
    field("vlan", Type::Int, "NDA_VLAN", "", "VLAN of a forwarding entry"),
    field("port", Type::Int, "NDA_PORT", "UDP port", "of the remote tunnel endpoint"),
    field("vni", Type::Int, "NDA_VNI", "", "VXLAN id of the remote tunnel endpoint"),
    field("src_vni", Type::Int, "NDA_SRC_VNI", "", "VXLAN id that the entry belongs to"),
    field("nhid", Type::Int, "NDA_NH_ID", "", "next hop object of a forwarding entry"),
    field("viaIf", Type::Name, "NDA_IFINDEX", "", "name of the link to the remote tunnel endpoint"),
    field("via_ifindex", Type::Int, "NDA_IFINDEX", "ifindex", "link to the remote tunnel endpoint"),
    field("via_netnsid", Type::Int, "NDA_LINK_NETNSID", "nsid", "namespace of that link"),
    field("master", Type::Name, "NDA_MASTER", "", "name of the bridge that the entry belongs to"),
    field("master_index", Type::Int, "NDA_MASTER", "ifindex", "that bridge"),
    field(
        "flags",
        Type::Texts,
        "ndmsg.ndm_flags, NDA_FLAGS_EXT",
        "self router extern_learn offload master sticky locked managed",
        "flags of a forwarding entry",
    ),
    field("router", Type::True, "NTF_ROUTER", "", "a router"),
    field("proxy", Type::True, "NTF_PROXY", "", "answered for by proxy"),
    field("managed", Type::True, "NTF_EXT_MANAGED", "", "kept resolved by the kernel"),
    field("extern_valid", Type::True, "NTF_EXT_EXT_VALIDATED", "", "validated by its user"),
    field("extern_learn", Type::True, "NTF_EXT_LEARNED", "", "learnt by somebody else than the kernel"),
    field("offload", Type::True, "NTF_OFFLOADED", "", "in hardware"),
    field("sticky", Type::True, "NTF_STICKY", "", "never moves"),
    field("self", Type::True, "NTF_SELF", "", "of the device itself"),
    field("of_master", Type::True, "NTF_MASTER", "", "of the device's master"),
    field("use", Type::True, "NTF_USE", "", "in requests only"),
    field("locked", Type::True, "NTF_EXT_LOCKED", "", "heard on a locked port"),
    field("ndm_flags", Type::Text, "ndmsg.ndm_flags", "0x…", "flags without a word"),
    field("activity_notify", Type::True, "NFEA_ACTIVITY_NOTIFY", "", "becoming active is announced"),
    field("inactive", Type::True, "NFEA_ACTIVITY_NOTIFY", "", "it is inactive"),
    field("dont_refresh", Type::True, "NFEA_DONT_REFRESH", "", "not refreshed by packets"),
    field("refcnt", Type::Int, "nda_cacheinfo.ndm_refcnt", "", "references (volatile)"),
    field("used", Type::Int, "nda_cacheinfo.ndm_used", "seconds", "since it was used (volatile)"),
    field(
        "confirmed",
        Type::Int,
        "nda_cacheinfo.ndm_confirmed",
        "seconds",
        "since it was confirmed (volatile)",
    ),
    field("updated", Type::Int, "nda_cacheinfo.ndm_updated", "seconds", "since it changed (volatile)"),
    field("probes", Type::Int, "NDA_PROBES", "", "probes sent (volatile)"),
    field(
        "state",
        Type::Texts,
        "ndmsg.ndm_state",
        "INCOMPLETE REACHABLE STALE DELAY PROBE FAILED NOARP PERMANENT",
        "state of resolution",
    ),
    field("protocol", Type::Text, "NDA_PROTOCOL", "rt_protos", "who made it"),
    UNKNOWN,
];

/// `rule`
pub(super) const RULE: &[Field] = &[
    field("family", Type::Text, "fib_rule_hdr.family", "inet inet6 ipmr ip6mr", "address family"),
    field("priority", Type::Int, "FRA_PRIORITY", "the lowest comes first", "place among the rules"),
    field("not", Type::True, "FIB_RULE_INVERT", "", "it holds for what does not match"),
    field("src", Type::Text, "FRA_SRC", "address; all", "source that it wants"),
    field("srclen", Type::Int, "fib_rule_hdr.src_len", "bits; absent: all", "length of that prefix"),
    field("dst", Type::Text, "FRA_DST", "address", "destination that it wants"),
    field("dstlen", Type::Int, "fib_rule_hdr.dst_len", "bits; absent: all", "length of that prefix"),
    field("tos", Type::Text, "fib_rule_hdr.tos", "rt_dsfield, or 0x10", "type of service that it wants"),
    field("dscp", Type::Text, "FRA_DSCP", "", "DSCP that it wants"),
    field("dscp_mask", Type::Text, "FRA_DSCP_MASK", "0x…", "bits of it that count"),
    field("flowlabel", Type::Text, "FRA_FLOWLABEL", "0x…", "IPv6 flow label that it wants"),
    field("flowlabel_mask", Type::Text, "FRA_FLOWLABEL_MASK", "0x…", "bits of it that count"),
    field("fwmark", Type::Text, "FRA_FWMARK", "0x…", "firewall mark that it wants"),
    field("fwmask", Type::Text, "FRA_FWMASK", "0x…; absent: all", "bits of it that count"),
    field("iif", Type::Name, "FRA_IIFNAME", "", "incoming link that it wants"),
    field("iif_detached", Type::True, "FIB_RULE_IIF_DETACHED", "", "there is no such link"),
    field("oif", Type::Name, "FRA_OIFNAME", "", "outgoing link that it wants"),
    field("oif_detached", Type::True, "FIB_RULE_OIF_DETACHED", "", "there is no such link"),
    field("l3mdev", Type::True, "FRA_L3MDEV", "", "it looks up the table of the packet's VRF"),
    field("uid_start", Type::Int, "fib_rule_uid_range.start", "", "first user that it wants"),
    field("uid_end", Type::Int, "fib_rule_uid_range.end", "", "last user that it wants"),
    field("ipproto", Type::Text, "FRA_IP_PROTO", "/etc/protocols, or ipproto-N", "protocol that it wants"),
    field("sport", Type::Int, "FRA_SPORT_RANGE", "", "source port that it wants"),
    field("sport_start", Type::Int, "FRA_SPORT_RANGE", "", "first of several"),
    field("sport_end", Type::Int, "FRA_SPORT_RANGE", "", "last of several"),
    field("sport_mask", Type::Text, "FRA_SPORT_MASK", "0x…", "bits of it that count"),
    field("dport", Type::Int, "FRA_DPORT_RANGE", "", "destination port that it wants"),
    field("dport_start", Type::Int, "FRA_DPORT_RANGE", "", "first of several"),
    field("dport_end", Type::Int, "FRA_DPORT_RANGE", "", "last of several"),
    field("dport_mask", Type::Text, "FRA_DPORT_MASK", "0x…", "bits of it that count"),
    field("tun_id", Type::Int, "FRA_TUN_ID", "", "tunnel id that it wants"),
    field("table", Type::Text, "FRA_TABLE", "rt_tables", "table that it looks up"),
    field("table_id", Type::Int, "FRA_TABLE", "", "its number"),
    field(
        "suppress_prefixlen",
        Type::Int,
        "FRA_SUPPRESS_PREFIXLEN",
        "bits",
        "results this short or shorter are not used",
    ),
    field(
        "suppress_ifgroup",
        Type::Text,
        "FRA_SUPPRESS_IFGROUP",
        "group",
        "results through links of this group are not used",
    ),
    field("flow_from", Type::Text, "FRA_FLOW", "rt_realms", "realm of the source that it sets"),
    field("flow_to", Type::Text, "FRA_FLOW", "rt_realms", "realm of the destination that it sets"),
    field("goto", Type::Int, "FRA_GOTO", "priority", "rule that it goes on at"),
    field("unresolved", Type::True, "FIB_RULE_UNRESOLVED", "", "there is no such rule"),
    field("nop", Type::True, "fib_rule_hdr.action", "", "it does nothing"),
    field(
        "action",
        Type::Text,
        "fib_rule_hdr.action",
        "blackhole unreachable prohibit",
        "what it does instead of a lookup",
    ),
    field("protocol", Type::Text, "FRA_PROTOCOL", "rt_protos", "who made it"),
    field("flags", Type::Texts, "fib_rule_hdr.flags", "permanent find_saddr", "other flags"),
    UNKNOWN,
];

/// `nexthop`
pub(super) const NEXT_HOP: &[Field] = &[
    field("id", Type::Int, "NHA_ID", "", "its id"),
    field("family", Type::Text, "nhmsg.nh_family", "inet inet6; unspec: a group", "family of the gateway"),
    field(
        "group",
        Type::List(&Type::Object(&[
            field("id", Type::Int, "nexthop_grp.id", "", "the member"),
            field("weight", Type::Int, "nexthop_grp.weight", "from 1", "its share of the traffic"),
        ])),
        "NHA_GROUP",
        "",
        "members of a group",
    ),
    field("type", Type::Text, "NHA_GROUP_TYPE", "absent: mpath; resilient", "how a group spreads traffic"),
    field(
        "resilient_args",
        Type::Object(&[
            field("buckets", Type::Int, "NHA_RES_GROUP_BUCKETS", "", ""),
            field("idle_timer", Type::Number, "NHA_RES_GROUP_IDLE_TIMER", "seconds", ""),
            field("unbalanced_timer", Type::Number, "NHA_RES_GROUP_UNBALANCED_TIMER", "seconds", ""),
            field("unbalanced_time", Type::Number, "NHA_RES_GROUP_UNBALANCED_TIME", "seconds", "volatile"),
        ]),
        "NHA_RES_GROUP",
        "",
        "buckets and timers of a resilient group",
    ),
    ENCAP,
    ENCAP_INFO,
    field("gateway", Type::Text, "NHA_GATEWAY", "address", "next router"),
    VIA,
    field("dev", Type::Name, "NHA_OIF", "", "name of the outgoing link"),
    field("oif", Type::Int, "NHA_OIF", "ifindex", "the outgoing link"),
    field("scope", Type::Text, "nhmsg.nh_scope", "rt_scopes", "distance"),
    field("blackhole", Type::True, "NHA_BLACKHOLE", "", "it drops packets"),
    field("protocol", Type::Text, "nhmsg.nh_protocol", "rt_protos", "who made it"),
    field("flags", Type::Texts, "nhmsg.nh_flags", NEXT_HOP_FLAGS, "flags"),
    field("fdb", Type::True, "NHA_FDB", "", "for forwarding entries of vxlan"),
    field("hw_stats_enabled", Type::Bool, "NHA_HW_STATS_ENABLE", "", "counted by hardware"),
    field("hw_stats_used", Type::Bool, "NHA_HW_STATS_USED", "", "counted by hardware now (volatile)"),
    field(
        "group_stats",
        Type::List(&Type::Object(&[
            field("id", Type::Int, "NHA_GROUP_STATS_ENTRY_ID", "", ""),
            field("packets", Type::Int, "NHA_GROUP_STATS_ENTRY_PACKETS", "", ""),
            field("packets_hw", Type::Int, "NHA_GROUP_STATS_ENTRY_PACKETS_HW", "", ""),
        ])),
        "NHA_GROUP_STATS",
        "",
        "packets of each member (volatile)",
    ),
    UNKNOWN,
];

/// `nsid`
pub(super) const NSID: &[Field] = &[
    field("nsid", Type::Int, "NETNSA_NSID", "", "id by which the namespace knows another"),
    field("current_nsid", Type::Int, "NETNSA_CURRENT_NSID", "", "its id in the asker's namespace"),
    field("name", Type::Text, "", "", "name of that namespace, where Linx knows it"),
    UNKNOWN,
];

/// What a link has beside its attributes.
pub(super) const LINK: &[Field] = &[
    field("ifindex", Type::Int, "ifinfomsg.ifi_index", "", "index of the link"),
    field(
        "family",
        Type::Text,
        "ifinfomsg.ifi_family",
        "bridge inet6",
        "of a message about a part of a link",
    ),
    field(
        "flags",
        Type::Texts,
        "ifinfomsg.ifi_flags",
        "UP LOWER_UP NO-CARRIER …, without ip's M-DOWN, which is another link's state",
        "flags",
    ),
    field("link_type", Type::Text, "ifinfomsg.ifi_type", "ether loopback none …", "hardware"),
    field("address", Type::Text, "IFLA_ADDRESS", "", "link address"),
    field("broadcast", Type::Text, "IFLA_BROADCAST", "", "broadcast address, or the other end"),
    field("link_pointtopoint", Type::True, "IFF_POINTOPOINT", "", "broadcast is the other end"),
    field("permaddr", Type::Text, "IFLA_PERM_ADDRESS", "", "address of the hardware, where it is another"),
    field(
        "inet6_addr_gen_mode",
        Type::Text,
        "IFLA_INET6_ADDR_GEN_MODE",
        "eui64 none stable_secret random",
        "how IPv6 addresses are made",
    ),
    field("link_netns", Type::Text, "IFLA_LINK_NETNSID", "", "name of the namespace of the other end"),
    field("link_hex", Type::Hex, "IFLA_IFNAME of the other end", "", "its name, where that is not UTF-8"),
];

/// The fields of encapsulations that are written by hand.
pub(super) const ENCAPS: &[Field] = &[
    field("id", Type::Int, "LWTUNNEL_IP_ID, LWTUNNEL_IP6_ID", "", "tunnel id"),
    field(
        "src",
        Type::Text,
        "LWTUNNEL_IP_SRC, LWTUNNEL_IP6_SRC, SEG6_IPTUNNEL_SRC",
        "address",
        "outer source",
    ),
    field(
        "dst",
        Type::Text,
        "LWTUNNEL_IP_DST, LWTUNNEL_IP6_DST, MPLS_IPTUNNEL_DST",
        "address; labels",
        "outer destination",
    ),
    field("ttl", Type::Int, "LWTUNNEL_IP_TTL, MPLS_IPTUNNEL_TTL", "", "outer TTL"),
    field("tos", Type::Int, "LWTUNNEL_IP_TOS", "", "outer type of service"),
    field("hoplimit", Type::Int, "LWTUNNEL_IP6_HOPLIMIT", "", "outer hop limit"),
    field("tc", Type::Int, "LWTUNNEL_IP6_TC", "", "outer traffic class"),
    field("key", Type::True, "LWTUNNEL_IP_FLAGS", "", "with a key"),
    field("csum", Type::True, "LWTUNNEL_IP_FLAGS", "", "with a checksum"),
    field("seq", Type::True, "LWTUNNEL_IP_FLAGS", "", "with sequence numbers"),
    field("tunnel_flags", Type::Text, "LWTUNNEL_IP_FLAGS", "0x…", "other flags"),
    field("opts", Type::Hex, "LWTUNNEL_IP_OPTS", "", "options of the tunnel"),
    field(
        "mode",
        Type::Text,
        "seg6_iptunnel_encap.mode",
        "inline encap l2encap …",
        "how the header is added",
    ),
    field("segs", Type::Texts, "ipv6_sr_hdr.segments", "addresses", "segments in the order of travel"),
    field("hmac", Type::Text, "sr6_tlv_hmac.hmackeyid", "", "key id"),
    field("srh", Type::Hex, "ipv6_sr_hdr", "", "a header that cannot be read"),
    field("hex", Type::Hex, "RTA_ENCAP", "", "an encapsulation that this version does not know"),
    UNKNOWN,
];

/// A container.
const CONTAINER: Field = field(
    "container",
    Type::Object(&[
        field("id", Type::Text, "/proc/PID/cgroup", "", "its whole id, or its name"),
        field(
            "runtime",
            Type::Text,
            "/proc/PID/cgroup",
            "docker containerd podman crio lxc nspawn",
            "what made it",
        ),
        field("pod", Type::Text, "/proc/PID/cgroup", "", "uid of its Kubernetes pod"),
    ]),
    "/proc/PID/cgroup",
    "",
    "the container that it belongs to",
);

/// Who made a change: `author`.
pub(super) const AUTHOR: &[Field] = &[
    field("portid", Type::Int, "nlmsghdr.nlmsg_pid", "", "netlink port of the requester"),
    field("pid", Type::Int, "owner of the socket", "initial pid namespace only", "process"),
    field("tid", Type::Int, "owner of the socket", "initial pid namespace only", "thread"),
    field("comm", Type::Name, "/proc/PID/stat", "", "command name"),
    field("exe", Type::Name, "process connector, /proc/PID/exe", "path", "executable"),
    field("cmdline", Type::Texts, "process connector, /proc/PID/cmdline", "", "command line"),
    field(
        "cmdline_hex",
        Type::Texts,
        "process connector, /proc/PID/cmdline",
        "hexadecimal",
        "the same, where it is not UTF-8",
    ),
    field("uid", Type::Int, "/proc/PID/status", "", "effective user"),
    field("loginuid", Type::Int, "/proc/PID/loginuid", "", "user who logged in"),
    field("login", Type::Text, "the user database", "", "name of that user"),
    field("session", Type::Int, "/proc/PID/sessionid", "", "audit session"),
    field("unit", Type::Text, "/proc/PID/cgroup", "", "systemd unit"),
    CONTAINER,
    field(
        "parent",
        Type::Object(&[
            field("pid", Type::Int, "/proc/PID/stat", "", ""),
            field("comm", Type::Name, "/proc/PPID/stat", "", ""),
        ]),
        "/proc/PID/stat",
        "",
        "who started it",
    ),
    field("certainty", Type::Text, "", "certain likely kernel", "how sure that is"),
];

/// The namespace on each line: `netns`.
pub(super) const NETNS: &[Field] = &[
    field("name", Type::Text, "", "host, self, a name, pid:N", "its name"),
    field("cookie", Type::Int, "SO_NETNS_COOKIE", "", "its identity until the next boot"),
    field("path", Type::Name, "/run/netns and the like", "", "where it is mounted"),
    CONTAINER,
];

const KINDS: Field =
    field("kinds", Type::Texts, "", "link address route neigh rule nexthop nsid nft", "what it is about");

/// The markers and their fields.
pub(super) const MARKERS: &[(&str, &str, &[Field])] = &[
    (
        "synced",
        "The state is complete; what follows are changes.",
        &[
            KINDS,
            field("hidden", Type::Texts, "", "", "what is left out"),
            field("generation", Type::Int, "NFTA_GEN_ID", "", "of nf_tables, where that is followed"),
        ],
    ),
    (
        "resync_needed",
        "From here on these kinds are in doubt.",
        &[
            field("reason", Type::Text, "", "overflow truncated undecodable gap restarted", "why"),
            KINDS,
            field("rcvbuf", Type::Int, "SO_RCVBUF", "bytes", "size of the receive buffer"),
            field("dropped", Type::Int, "SO_MEMINFO", "datagrams", "what the kernel counted as dropped"),
            field("error", Type::Text, "", "", "what is wrong with a message that cannot be decoded"),
            field("message", Type::Hex, "", "", "its bytes"),
        ],
    ),
    (
        "resynced",
        "These kinds are certain again.",
        &[
            KINDS,
            field("took_ms", Type::Int, "", "milliseconds", "how long it took"),
            field("deltas", Type::Int, "", "", "differences that were found"),
        ],
    ),
    ("lagged", "The reader was too slow.", &[field("lost", Type::Int, "", "lines", "what is left out here")]),
    ("torn", "The list before this line is not one moment's state.", &[KINDS]),
];

/// Whether a kind's messages carry who changed them.
pub(super) fn has_author(kind: &str) -> bool {
    kind != words::kind(linx_wire::Kind::Link)
}
