//! The sysctls of a link (`net.ipv4.conf.DEV.*`, `net.ipv6.conf.DEV.*`) by their names, in the order in which
//! `IFLA_INET_CONF` (`IPV4_DEVCONF_*`, <linux/ip.h>) and `IFLA_INET6_CONF` (`DEVCONF_*`, <linux/ipv6.h>) send them.

use super::field::{Field, Type};
use super::value::Value;
use super::{Given, Pairs};

/// `IPV4_DEVCONF_*`, the first is number 1.
const INET: &[&str] = &[
    "forwarding",
    "mc_forwarding",
    "proxy_arp",
    "accept_redirects",
    "secure_redirects",
    "send_redirects",
    "shared_media",
    "rp_filter",
    "accept_source_route",
    "bootp_relay",
    "log_martians",
    "tag",
    "arp_filter",
    "medium_id",
    "disable_xfrm",
    "disable_policy",
    "force_igmp_version",
    "arp_announce",
    "arp_ignore",
    "promote_secondaries",
    "arp_accept",
    "arp_notify",
    "accept_local",
    "src_valid_mark",
    "proxy_arp_pvlan",
    "route_localnet",
    "igmpv2_unsolicited_report_interval",
    "igmpv3_unsolicited_report_interval",
    "ignore_routes_with_linkdown",
    "drop_unicast_in_l2_multicast",
    "drop_gratuitous_arp",
    "bc_forwarding",
    "arp_evict_nocarrier",
];

/// `DEVCONF_*`, the first is number 0.
const INET6: &[&str] = &[
    "forwarding",
    "hop_limit",
    "mtu",
    "accept_ra",
    "accept_redirects",
    "autoconf",
    "dad_transmits",
    "router_solicitations",
    "router_solicitation_interval",
    "router_solicitation_delay",
    "use_tempaddr",
    "temp_valid_lft",
    "temp_prefered_lft",
    "regen_max_retry",
    "max_desync_factor",
    "max_addresses",
    "force_mld_version",
    "accept_ra_defrtr",
    "accept_ra_pinfo",
    "accept_ra_rtr_pref",
    "router_probe_interval",
    "accept_ra_rt_info_max_plen",
    "proxy_ndp",
    "optimistic_dad",
    "accept_source_route",
    "mc_forwarding",
    "disable_ipv6",
    "accept_dad",
    "force_tllao",
    "ndisc_notify",
    "mldv1_unsolicited_report_interval",
    "mldv2_unsolicited_report_interval",
    "suppress_frag_ndisc",
    "accept_ra_from_local",
    "use_optimistic",
    "accept_ra_mtu",
    "stable_secret",
    "use_oif_addrs_only",
    "accept_ra_min_hop_limit",
    "ignore_routes_with_linkdown",
    "drop_unicast_in_l2_multicast",
    "drop_unsolicited_na",
    "keep_addr_on_down",
    "router_solicitation_max_interval",
    "seg6_enabled",
    "seg6_require_hmac",
    "enhanced_dad",
    "addr_gen_mode",
    "disable_policy",
    "accept_ra_rt_info_min_plen",
    "ndisc_tclass",
    "rpl_seg_enabled",
    "ra_defrtr_metric",
    "ioam6_enabled",
    "ioam6_id",
    "ioam6_id_wide",
    "ndisc_evict_nocarrier",
    "accept_untracked_na",
    "accept_ra_min_lft",
    "force_forwarding",
];

/// The fields that both forms write.
pub(super) const CONF: &[Field] = &[
    Field {
        key: "conf",
        ty: Type::Numbers,
        source: "IFLA_INET_CONF, IFLA_INET6_CONF",
        unit: "as in /proc/sys/net, times in ms",
        about: "sysctls of the link",
    },
    Field {
        key: "conf_more",
        ty: Type::List(&Type::Int),
        source: "IFLA_INET_CONF, IFLA_INET6_CONF",
        unit: "",
        about: "those of later kernels, that have no name here",
    },
];

/// What [`cacheinfo`] writes.
pub(super) const CACHEINFO: &[Field] = &[
    Field {
        key: "max_reasm_len",
        ty: Type::Int,
        source: "ifla_cacheinfo",
        unit: "bytes",
        about: "largest reassembled packet",
    },
    Field {
        key: "reachable_time",
        ty: Type::Int,
        source: "ifla_cacheinfo",
        unit: "ms",
        about: "neighbour reachable time, random",
    },
    Field {
        key: "retrans_time",
        ty: Type::Int,
        source: "ifla_cacheinfo",
        unit: "ms",
        about: "neighbour retransmission time",
    },
];

fn conf(given: &Given<'_>, names: &'static [&'static str]) -> Pairs {
    let values = given.payload.chunks_exact(4).filter_map(|value| value.first_chunk());
    let values = values.map(|value| Value::Int(i32::from_ne_bytes(*value).into()));
    let named = names.iter().copied().zip(values.clone()).collect();
    let more: Vec<_> = values.skip(names.len()).collect();
    let mut pairs = vec![("conf", Value::Object(named))];
    if !more.is_empty() {
        pairs.push(("conf_more", Value::List(more)));
    }
    pairs
}

pub(super) fn inet(given: &Given<'_>) -> Pairs {
    conf(given, INET)
}

pub(super) fn inet6(given: &Given<'_>) -> Pairs {
    conf(given, INET6)
}

/// `struct ifla_cacheinfo`
pub(super) fn cacheinfo(given: &Given<'_>) -> Pairs {
    [("max_reasm_len", 0), ("reachable_time", 8), ("retrans_time", 12)]
        .map(|(key, at)| (key, Value::Unsigned(given.u32(at))))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own names, where it has the sysctl at all.
    #[test]
    fn each_name_is_a_sysctl_of_this_kernel_or_newer() {
        for (directory, names, absent) in
            [("/proc/sys/net/ipv4/conf/lo", INET, 0), ("/proc/sys/net/ipv6/conf/lo", INET6, 8)]
        {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            let known: Vec<_> =
                entries.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
            let missing: Vec<_> =
                names.iter().filter(|name| !known.iter().any(|known| known == *name)).collect();
            assert!(missing.len() <= absent, "{directory}: {missing:?}");
        }
    }
}
