//! Every number of every attribute table, and every message type, is compared with the kernel headers of this machine;
//! and the tables are complete as far as the headers go. Needs no compiler: the headers' enums are read here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use linx_wire::policy::Policy;
use linx_wire::uapi::{nfnl, nft, rtm};

/// Names that headers of an older kernel lack, with the kernel that brought them. (Debian 12 has those of 6.1.)
const NEWER: &[(&str, &str)] = &[
    ("IFLA_DEVLINK_PORT", "6.2"),
    ("IFLA_BRPORT_MAB", "6.2"),
    ("IFLA_GSO_IPV4_MAX_SIZE", "6.3"),
    ("IFLA_GRO_IPV4_MAX_SIZE", "6.3"),
    ("IFLA_BRPORT_MCAST_N_GROUPS", "6.3"),
    ("IFLA_BRPORT_MCAST_MAX_GROUPS", "6.3"),
    ("IFLA_MACVLAN_BC_CUTOFF", "6.4"),
    ("IFLA_BRPORT_NEIGH_VLAN_SUPPRESS", "6.4"),
    ("IFLA_VXLAN_LOCALBYPASS", "6.5"),
    ("IFLA_BRPORT_BACKUP_NHID", "6.6"),
    ("IFLA_DPLL_PIN", "6.7"),
    ("DPLL_A_PIN_ID", "6.7"),
    ("IFLA_NETKIT_PEER_INFO", "6.7"),
    ("IFLA_NETKIT_PRIMARY", "6.7"),
    ("IFLA_NETKIT_POLICY", "6.7"),
    ("IFLA_NETKIT_PEER_POLICY", "6.7"),
    ("IFLA_NETKIT_MODE", "6.7"),
    ("IFLA_BR_FDB_N_LEARNED", "6.7"),
    ("IFLA_BR_FDB_MAX_LEARNED", "6.7"),
    ("IFLA_DSA_CONDUIT", "6.7"),
    ("IFLA_VXLAN_LABEL_POLICY", "6.7"),
    ("IFLA_BOND_COUPLED_CONTROL", "6.9"),
    ("NHA_OP_FLAGS", "6.9"),
    ("NHA_GROUP_STATS", "6.9"),
    ("NHA_HW_STATS_ENABLE", "6.9"),
    ("NHA_HW_STATS_USED", "6.9"),
    ("NHA_GROUP_STATS_ENTRY", "6.9"),
    ("NHA_GROUP_STATS_ENTRY_ID", "6.9"),
    ("NHA_GROUP_STATS_ENTRY_PACKETS", "6.9"),
    ("NHA_GROUP_STATS_ENTRY_PACKETS_HW", "6.9"),
    ("IFLA_NETKIT_SCRUB", "6.10"),
    ("IFLA_NETKIT_PEER_SCRUB", "6.10"),
    ("IFLA_GTP_LOCAL", "6.10"),
    ("IFLA_GTP_LOCAL6", "6.10"),
    ("IFLA_HSR_INTERLINK", "6.10"),
    ("IOAM6_IPTUNNEL_SRC", "6.13"),
    ("FRA_DSCP", "6.13"),
    ("FRA_FLOWLABEL", "6.14"),
    ("FRA_FLOWLABEL_MASK", "6.14"),
    ("RTA_FLOWLABEL", "6.14"),
    ("IFLA_NETKIT_HEADROOM", "6.14"),
    ("IFLA_NETKIT_TAILROOM", "6.14"),
    ("IFLA_VXLAN_RESERVED_BITS", "6.14"),
    ("IFLA_MAX_PACING_OFFLOAD_HORIZON", "6.14"),
    ("IFLA_VXLAN_MC_ROUTE", "6.15"),
    ("IFLA_NETNS_IMMUTABLE", "6.15"),
    ("FRA_SPORT_MASK", "6.15"),
    ("FRA_DPORT_MASK", "6.15"),
    ("FRA_DSCP_MASK", "6.15"),
    ("IFLA_MCTP_PHYS_BINDING", "6.15"),
    ("IFLA_GENEVE_PORT_RANGE", "6.16"),
    ("IFLA_OVPN_MODE", "6.16"),
    ("IFLA_BOND_BROADCAST_NEIGH", "6.17"),
    ("IFLA_BOND_SLAVE_ACTOR_PORT_PRIO", "6.18"),
    ("SEG6_IPTUNNEL_SRC", "6.18"),
    ("IFLA_HEADROOM", "6.18"),
    ("IFLA_TAILROOM", "6.18"),
    ("NFTA_INNER_NUM", "6.2"),
    ("NFTA_INNER_TYPE", "6.2"),
    ("NFTA_INNER_FLAGS", "6.2"),
    ("NFTA_INNER_HDRSIZE", "6.2"),
    ("NFTA_INNER_EXPR", "6.2"),
    ("NFTA_BITWISE_SREG2", "6.13"),
    ("NFTA_SET_TYPE", "6.16"),
    ("NFTA_SET_COUNT", "6.16"),
    ("NFTA_DEVICE_PREFIX", "6.17"),
];

/// Constants beside those of our tables that are no attributes of a 6.18 kernel's messages.
const NOT_SENT: &[(&str, &str)] = &[
    ("IFLA_BOND_SLAVE_AD_CHURN_ACTOR_STATE", "later than 6.18"),
    ("IFLA_BOND_SLAVE_AD_CHURN_PARTNER_STATE", "later than 6.18"),
    ("IFLA_IF_NETNSID", "an older name of IFLA_TARGET_NETNSID"),
    ("NETNSA_NONE", "the zero of the enum"),
    ("RTA_PROTOINFO", "no longer used"),
    ("RTA_SESSION", "no longer used"),
    ("RTA_MP_ALGO", "no longer used"),
    ("FRA_UNUSED2", "no longer used"),
    ("FRA_UNUSED3", "no longer used"),
    ("FRA_UNUSED4", "no longer used"),
    ("FRA_UNUSED5", "no longer used"),
];

/// Tables of which only some constants belong to our messages: the rest of their enum is left alone.
const PARTIAL: &[&str] =
    &["DEVLINK_ATTR", "DPLL_A_PIN", "AF", "IFLA_BRIDGE_MRP", "IFLA_BRIDGE_CFM", "ILA_ATTR"];

/// The tables of both families of messages.
fn policies() -> Vec<&'static Policy> {
    [linx_wire::route::policies(), linx_wire::nft::policies()].concat()
}

#[derive(Default)]
struct Headers {
    values: BTreeMap<String, Vec<i64>>,
    enums: Vec<Vec<String>>,
}

impl Headers {
    fn value(&self, name: &str) -> Option<i64> {
        let values = self.values.get(name)?;
        assert!(
            values.iter().all(|value| value == &values[0]),
            "{name} is ambiguous in the headers: {values:?}"
        );
        Some(values[0])
    }

    /// The value of a constant expression: numbers, known names, `<<`, `|`, `+`, `-`, parentheses around the whole.
    fn evaluate(&self, text: &str) -> Option<i64> {
        let text = text.trim().trim_start_matches('(').trim_end_matches(')').trim();
        for operator in ["|", "<<", "+", "-"] {
            if let Some((left, right)) =
                text.rsplit_once(operator).filter(|(left, _)| !left.trim().is_empty())
            {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                return match operator {
                    "|" => Some(left | right),
                    "<<" => left.checked_shl(u32::try_from(right).ok()?),
                    "+" => Some(left + right),
                    _ => Some(left - right),
                };
            }
        }
        let digits = text.trim_end_matches(['U', 'L', 'u', 'l']);
        if let Some(hexadecimal) = digits.strip_prefix("0x") {
            return i64::from_str_radix(hexadecimal, 16).ok();
        }
        digits.parse().ok().or_else(|| self.values.get(text).map(|values| values[0]))
    }

    fn read(&mut self, path: &Path) {
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let text = without_comments(&text);
        let mut rest = String::new();
        for line in text.lines() {
            match line.trim_start().strip_prefix('#') {
                Some(directive) => self.define(directive.trim_start()),
                None => {
                    rest.push_str(line);
                    rest.push('\n');
                }
            }
        }
        for part in rest.split("enum").skip(1) {
            let Some((head, body)) = part.split_once('{') else { continue };
            let Some((body, _)) = body.split_once('}').filter(|_| !head.contains(';')) else { continue };
            self.enumeration(body);
        }
    }

    fn define(&mut self, directive: &str) {
        let Some(rest) = directive.strip_prefix("define") else { return };
        let mut words = rest.split_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next()) else { return };
        if words.next().is_none() && name != value {
            if let Some(value) = self.evaluate(value) {
                self.values.entry(name.to_owned()).or_default().push(value);
            }
        }
    }

    fn enumeration(&mut self, body: &str) {
        let mut next = Some(0);
        let mut names = Vec::new();
        for item in body.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => (name.trim(), self.evaluate(value)),
                None => (item, next),
            };
            if let Some(value) = value {
                self.values.entry(name.to_owned()).or_default().push(value);
            }
            next = value.map(|value| value + 1);
            names.push(name.to_owned());
        }
        self.enums.push(names);
    }
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The headers of <linux/…> and the one that defines `AF_*`; `None` where none are installed.
fn headers() -> Option<Headers> {
    let include = Path::new("/usr/include");
    if !include.join("linux/if_link.h").exists() {
        return None;
    }
    let mut paths: Vec<PathBuf> = ["linux", "linux/can", "linux/netfilter"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(include.join(folder)).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "h"))
        .collect();
    paths.sort();
    let machines = std::fs::read_dir(include).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(machines.map(|path| path.join("bits/socket.h")).filter(|path| path.exists()));
    let mut headers = Headers::default();
    paths.iter().for_each(|path| headers.read(path));
    Some(headers)
}

#[test]
fn every_number_is_the_kernels() {
    let Some(headers) = headers() else {
        eprintln!("SKIPPED every_number_is_the_kernels: no <linux/if_link.h> here (package linux-libc-dev)");
        return;
    };
    let mut faults = Vec::new();
    let mut compared = 0;
    for policy in policies() {
        for entry in policy.entries {
            let name = format!("{}_{}", policy.prefix, entry.name);
            match headers.value(&name) {
                Some(value) if value == i64::from(entry.number) => compared += 1,
                Some(value) => faults.push(format!("{name} is {value}, not {}", entry.number)),
                None if NEWER.iter().any(|(newer, _)| *newer == name) => {}
                None => faults.push(format!("{name} is not in the headers, nor listed as newer than them")),
            }
        }
        if PARTIAL.contains(&policy.prefix) {
            continue;
        }
        let ours = |name: &str| {
            policy.entries.iter().any(|entry| name == format!("{}_{}", policy.prefix, entry.name))
        };
        for constants in headers.enums.iter().filter(|names| names.iter().any(|name| ours(name))) {
            for name in constants.iter().filter(|name| !ours(name) && !is_bound(name)) {
                let known = policies().iter().any(|other| {
                    other.entries.iter().any(|entry| *name == format!("{}_{}", other.prefix, entry.name))
                });
                if !known && !NOT_SENT.iter().any(|(not_sent, _)| not_sent == name) {
                    faults.push(format!("{name} ({:?}) is missing", headers.value(name)));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(compared > 500, "only {compared} numbers compared");
}

/// Names that end an enum, begin it, or pad it.
fn is_bound(name: &str) -> bool {
    name.starts_with("__") || name.ends_with("_MAX") || name.ends_with("_UNSPEC") || name.ends_with("_PAD")
}

#[test]
fn every_message_type_is_the_kernels() {
    let Some(headers) = headers() else {
        eprintln!(
            "SKIPPED every_message_type_is_the_kernels: no <linux/rtnetlink.h> here (package linux-libc-dev)"
        );
        return;
    };
    for (name, number) in [
        ("RTM_NEWLINK", rtm::NEWLINK),
        ("RTM_DELLINK", rtm::DELLINK),
        ("RTM_GETLINK", rtm::GETLINK),
        ("RTM_SETLINK", rtm::SETLINK),
        ("RTM_NEWADDR", rtm::NEWADDR),
        ("RTM_DELADDR", rtm::DELADDR),
        ("RTM_GETADDR", rtm::GETADDR),
        ("RTM_NEWROUTE", rtm::NEWROUTE),
        ("RTM_DELROUTE", rtm::DELROUTE),
        ("RTM_GETROUTE", rtm::GETROUTE),
        ("RTM_NEWNEIGH", rtm::NEWNEIGH),
        ("RTM_DELNEIGH", rtm::DELNEIGH),
        ("RTM_GETNEIGH", rtm::GETNEIGH),
        ("RTM_NEWRULE", rtm::NEWRULE),
        ("RTM_DELRULE", rtm::DELRULE),
        ("RTM_GETRULE", rtm::GETRULE),
        ("RTM_NEWNSID", rtm::NEWNSID),
        ("RTM_DELNSID", rtm::DELNSID),
        ("RTM_GETNSID", rtm::GETNSID),
        ("RTM_NEWNEXTHOP", rtm::NEWNEXTHOP),
        ("RTM_DELNEXTHOP", rtm::DELNEXTHOP),
        ("RTM_GETNEXTHOP", rtm::GETNEXTHOP),
    ] {
        assert_eq!(headers.value(name), Some(i64::from(number)), "{name}");
    }
}

#[test]
fn every_message_type_of_nf_tables_is_the_kernels() {
    let Some(headers) = headers() else {
        eprintln!("SKIPPED every_message_type_of_nf_tables_is_the_kernels: no kernel headers here");
        return;
    };
    let subsystem = headers.value("NFNL_SUBSYS_NFTABLES").unwrap();
    assert_eq!(subsystem, i64::from(nft::SUBSYSTEM));
    for (name, number) in [
        ("NEWTABLE", nft::NEWTABLE),
        ("GETTABLE", nft::GETTABLE),
        ("DELTABLE", nft::DELTABLE),
        ("NEWCHAIN", nft::NEWCHAIN),
        ("GETCHAIN", nft::GETCHAIN),
        ("DELCHAIN", nft::DELCHAIN),
        ("NEWRULE", nft::NEWRULE),
        ("GETRULE", nft::GETRULE),
        ("DELRULE", nft::DELRULE),
        ("NEWSET", nft::NEWSET),
        ("GETSET", nft::GETSET),
        ("DELSET", nft::DELSET),
        ("NEWSETELEM", nft::NEWSETELEM),
        ("GETSETELEM", nft::GETSETELEM),
        ("DELSETELEM", nft::DELSETELEM),
        ("NEWGEN", nft::NEWGEN),
        ("GETGEN", nft::GETGEN),
        ("TRACE", nft::TRACE),
        ("NEWOBJ", nft::NEWOBJ),
        ("GETOBJ", nft::GETOBJ),
        ("DELOBJ", nft::DELOBJ),
        ("GETOBJ_RESET", nft::GETOBJ_RESET),
        ("NEWFLOWTABLE", nft::NEWFLOWTABLE),
        ("GETFLOWTABLE", nft::GETFLOWTABLE),
        ("DELFLOWTABLE", nft::DELFLOWTABLE),
        ("GETRULE_RESET", nft::GETRULE_RESET),
        ("DESTROYTABLE", nft::DESTROYTABLE),
        ("DESTROYCHAIN", nft::DESTROYCHAIN),
        ("DESTROYRULE", nft::DESTROYRULE),
        ("DESTROYSET", nft::DESTROYSET),
        ("DESTROYSETELEM", nft::DESTROYSETELEM),
        ("DESTROYOBJ", nft::DESTROYOBJ),
        ("DESTROYFLOWTABLE", nft::DESTROYFLOWTABLE),
        ("GETSETELEM_RESET", nft::GETSETELEM_RESET),
    ] {
        // The header of 6.1 has no messages that destroy or that reset elements.
        let newer = name.starts_with("DESTROY") || name.ends_with("_RESET");
        match headers.value(&format!("NFT_MSG_{name}")) {
            Some(value) => assert_eq!(subsystem << 8 | value, i64::from(number), "{name}"),
            None => assert!(newer, "{name} is not in the headers"),
        }
    }
    // NLMSG_MIN_TYPE and the one after it.
    let first = headers.value("NLMSG_MIN_TYPE").unwrap();
    assert_eq!([first, first + 1], [nfnl::BATCH_BEGIN, nfnl::BATCH_END].map(i64::from));
}

#[test]
fn a_wrong_number_would_be_noticed() {
    let mut headers = Headers::default();
    let text = "enum { A_UNSPEC, /* x, y */ A_ONE, A_TWO = 0x10, A_THREE, A_ALIAS = A_ONE, A_FOUR };";
    let text = without_comments(text);
    headers.enumeration(text.split_once('{').unwrap().1.split_once('}').unwrap().0);
    let values = ["A_ONE", "A_TWO", "A_THREE", "A_ALIAS", "A_FOUR"].map(|name| headers.value(name));
    assert_eq!(values, [Some(1), Some(16), Some(17), Some(1), Some(2)]);
    assert_eq!(headers.evaluate("(1 << 3)"), Some(8));
    assert_eq!(headers.value("A_NONE"), None);
}
