//! Field by field equality with `ip -j -d -s` and `bridge -j -d -s`.
//!
//! For each field of ip's there is the same of ours with the same value, but for what stands at [`MOVING`]; fields that are
//! only ours are in [`OURS`]. ip here may be older than the kernel.

use std::collections::BTreeSet;

use linx::json::Body;
use linx::names::{Context, Names};
use linx_test::{Namespace, Zoo, is_root, skip_unless};
use linx_wire::route::Object;
use serde_json::{Map, Value, json};

use super::dump::State;

/// Fields that move between two dumps: they are there in both, their values are not compared.
///
/// Other fields of ip's that are otherwise here:
/// - `M-DOWN` in a link's flags is the state of another link.
/// - `nh_info` of a route is another object: it is in the list of next hops.
/// - what ip prints as `null` where a flag is there is `true` (CONTRACT 4); as `null` where nothing is there: absent.
/// - encapsulations: ip writes their fields flat into the route, where `dst` and `id` stand twice (the route's own is
///   lost to every reader); they are in `encap_info`.
/// - `weight` of a group's member: ip leaves out 1.
/// - `rtt`, `rttvar`: ip cuts off what is less than a millisecond.
/// - forwarding entries: `bridge` calls `lladdr` `mac` and `dev` `ifname`, and has one word for the state.
/// - `user` and `group` of a tun: ip looks their names up, Linx has their numbers.
const MOVING: &[&str] = &[
    "stats64",
    "used",
    "confirmed",
    "updated",
    "probes",
    "refcnt",
    "expires",
    "valid_life_time",
    "preferred_life_time",
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "gc_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
    "unbalanced_time",
    "users",
    "age",
];

/// Fields that ip has no word for, or that this ip is too old for.
const OURS: &[(&str, &[&str])] = &[
    (
        "link",
        &[
            // Numbers beside names.
            "link_index",
            "master_index",
            "link_hex",
            // ip prints them with `-s -s`, or in `ip stats`.
            "carrier",
            "carrier_changes",
            "carrier_up_count",
            "carrier_down_count",
            // Not printed, or by a later ip.
            "proto_down",
            "af_spec",
            "gso_ipv4_max_size",
            "gro_ipv4_max_size",
            "max_pacing_offload_horizon",
            "netns_immutable",
            "bool_options",
            "fdb_local_vlan_0",
            "fdb_max_learned",
            "fdb_n_learned",
            "mdb_offload_fail_notification",
            "mst_enabled",
            "mab",
            "mcast_eht_hosts_cnt",
            "mcast_eht_hosts_limit",
            "mcast_max_groups",
            "mcast_n_groups",
            "mrp_in_open",
            "mrp_ring_open",
            "neigh_vlan_suppress",
            "backup_nhid",
            "macaddr_count",
            "label_policy",
            "localbypass",
            "reserved_bits",
            "bccutoff",
            "user",
            "headroom",
            "tailroom",
            "devlink_port",
            "phys_port_id",
            "map",
        ],
    ),
    ("address", &["ifindex", "dev", "protocol", "created", "updated", "metric"]),
    ("route", &["family", "oif", "table_id", "encap_info", "iif_index", "users", "used", "age", "lock"]),
    ("rule", &["family", "table_id", "action"]),
    ("nexthop", &["family", "oif", "encap_info", "hw_stats_enabled", "hw_stats_used", "group_stats"]),
    (
        "neigh",
        &[
            "family",
            "ifindex",
            "used",
            "confirmed",
            "updated",
            "refcnt",
            "probes",
            "state",
            "master_index",
            "via_ifindex",
            "protocol",
            "nhid",
        ],
    ),
];

/// `ip` or `bridge` in the namespace, as JSON.
fn ask(namespace: &Namespace, program: &str, args: &str) -> Vec<Value> {
    let mut all = vec!["-n", namespace.name(), "-j", "-d", "-s"];
    all.extend(args.split_whitespace());
    let text = linx_test::run(program, &all);
    if text.trim().is_empty() { vec![] } else { serde_json::from_str(&text).unwrap() }
}

fn body(object: &Object, cx: &Context<'_>) -> Value {
    let mut text = Vec::new();
    linx::json::append(&mut text, &Body(object.as_ref(), cx)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// ip's object as it would be if it were ours.
fn translate(kind: &str, value: &Value) -> Value {
    match value {
        Value::Null => json!(true),
        Value::Array(list) => Value::Array(list.iter().map(|value| translate(kind, value)).collect()),
        Value::Object(map) => {
            let map: Map<_, _> =
                map.iter().map(|(key, value)| (key.clone(), translate(kind, value))).collect();
            Value::Object(translate_object(kind, map))
        }
        other => other.clone(),
    }
}

fn translate_object(kind: &str, mut map: Map<String, Value>) -> Map<String, Value> {
    match kind {
        "link" => {
            if map.get("link") == Some(&json!(true)) {
                map.remove("link");
            }
            for key in ["user", "group"] {
                if map.get("type") == Some(&json!("tun")) {
                    map.remove(key);
                }
            }
            if let Some(Value::Array(flags)) = map.get_mut("flags") {
                flags.retain(|flag| flag != "M-DOWN");
            }
        }
        "route" => {
            map.remove("nh_info");
            flat_encap(&mut map);
        }
        "nexthop" => {
            flat_encap(&mut map);
            if let Some(Value::Array(members)) = map.get_mut("group") {
                for member in members {
                    member.as_object_mut().unwrap().entry("weight").or_insert(json!(1));
                }
            }
        }
        "neigh" => {
            for (theirs, ours) in [("mac", "lladdr"), ("ifname", "dev")] {
                if let Some(value) = map.remove(theirs) {
                    map.insert(ours.to_owned(), value);
                    // Only `bridge` has these words, and one word for the state.
                    map.remove("state");
                }
            }
        }
        _ => {}
    }
    map
}

/// Fields that ip writes flat: those that collide with the object's own are not compared.
fn flat_encap(map: &mut Map<String, Value>) {
    if map.contains_key("encap") {
        for key in
            ["id", "src", "dst", "ttl", "tos", "hoplimit", "tc", "mode", "segs", "hmac", "key", "csum", "seq"]
        {
            map.remove(key);
        }
        // Of other tunnels.
        for key in [
            "action", "nh6", "nh4", "table", "vrftable", "trace", "type", "ns", "size", "freqk", "freqn",
            "oif",
        ] {
            map.remove(key);
        }
    }
}

/// Differences between ip's object and ours, as `path: theirs, ours`.
fn compare(kind: &str, path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    None => found.push(format!("{path}: {value}, absent")),
                    Some(_) if MOVING.contains(&key.as_str()) => {}
                    Some(mine) => compare(kind, &path, value, mine, found),
                }
            }
            let allowed = OURS.iter().find(|entry| entry.0 == kind).unwrap().1;
            for (key, value) in ours.iter().filter(|(key, _)| !theirs.contains_key(*key)) {
                let inside_known = path.contains(".stats64");
                let encap = theirs.contains_key("encap");
                if !allowed.contains(&key.as_str()) && !inside_known && !encap {
                    found.push(format!("{path}.{key}: absent, {value}"));
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                compare(kind, &format!("{path}[{at}]"), theirs, ours, found);
            }
        }
        (Value::Number(theirs), Value::Number(ours)) if theirs.as_f64() == ours.as_f64() => {}
        (Value::Number(theirs), Value::Number(ours)) if path.ends_with("rtt") || path.ends_with("rttvar") => {
            assert_eq!(theirs.as_f64(), ours.as_f64().map(f64::floor), "{path}");
        }
        _ if theirs == ours => {}
        _ => found.push(format!("{path}: {theirs}, {ours}")),
    }
}

/// Compares two lists in the kernel's order.
fn lists(kind: &str, theirs: &[Value], ours: &[Object], cx: &Context<'_>, found: &mut Vec<String>) -> usize {
    let ours: Vec<_> = ours.iter().map(|object| body(object, cx)).collect();
    if theirs.len() != ours.len() {
        found.push(format!("{kind}: {} of ip's, {} of ours", theirs.len(), ours.len()));
        return 0;
    }
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let mut here = Vec::new();
        compare(kind, kind, &translate(kind, theirs), ours, &mut here);
        if !here.is_empty() {
            let name =
                ["ifname", "dst", "local", "lladdr", "priority", "id"].map(|key| ours[key].to_string());
            found.push(format!("{} {}: {}", kind, name.join(" "), here.join("; ")));
        }
    }
    ours.len()
}

/// What the zoo has not: more ways to write a route, a rule, an address.
const MORE: &str = "\
    address add 10.93.0.1/24 dev ve3 label ve3:x noprefixroute\n\
    address add 10.93.0.2/24 dev ve3 valid_lft 5000 preferred_lft 0\n\
    address add fd93::1/64 dev ve3 home nodad mngtmpaddr\n\
    address add 224.1.2.3/32 dev ve3 autojoin\n\
    route add 203.0.113.0/25 via 10.0.0.10 realm 3/4 metric 7\n\
    route add 203.0.113.128/25 via 10.0.0.10 realm 9\n\
    route add 198.51.110.0/24 via 10.0.0.10 rtt 250 rttvar 2s window 4000 ssthresh 9 cwnd lock 8 reordering 5 initrwnd 4 features ecn\n\
    route add multicast 224.9.9.0/24 dev ve3\n\
    route add broadcast 198.51.111.0/24 dev ve3\n\
    route add 198.51.112.0/24 dev ve3 scope global\n\
    route add 198.51.113.0/24 proto 99 via 10.3.0.10 table 4711\n\
    route add ::ffff:1.2.3.4/128 dev ve3\n\
    route add ::1.2.3.4/128 dev ve3\n\
    route add fd70::/48 from fd71::/48 via fd00:3::10 dev ve3\n\
    route add fd72::/48 nexthop via fd00:3::10 dev ve3 weight 9 nexthop dev ve4\n\
    rule add priority 400 from 10.1.2.3 to 10.0.0.0/8 tos 0x10 fwmark 0xff iif lo ipproto udp sport 7 dport 8-9 uidrange 5-5 table 4711 realms 3/4 protocol 99\n\
    rule add priority 401 nop\n\
    rule add priority 402 ipproto 253 table 9\n\
    -6 rule add priority 403 from fd00::1 to fd01::/64 ipproto ipv6-icmp oif ve0 table 9\n\
    -6 rule add priority 404 from fd00::/16 unreachable\n\
    neigh add 10.3.0.66 lladdr 02:00:00:00:00:66 dev ve3 nud stale router\n\
    neigh add 10.3.0.67 lladdr 02:00:00:00:00:67 dev ve3 nud permanent extern_learn protocol static\n";

#[test]
fn every_field_is_that_of_ip() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("render");
    for line in MORE.lines() {
        if let Err(error) = zoo.namespace.try_ip(line) {
            eprintln!("SKIPPED ip {line}: {}", error.lines().next().unwrap_or_default());
        }
    }
    agree(&zoo, &Names::load(), "");
    // Numbers instead of names.
    agree(&zoo, &Names::load().numeric(true), "-N ");
}

fn agree(zoo: &Zoo, names: &Names, numeric: &str) {
    let mut problems = Vec::new();
    // An event between the two dumps would show as a difference: the same must come twice to count.
    for round in 0..3 {
        problems.clear();
        let count = round_of(zoo, names, numeric, &mut problems);
        assert!(count >= 150, "{count} objects");
        if problems.is_empty() {
            return;
        }
        eprintln!("round {round}: {} differ", problems.len());
    }
    panic!("{} objects differ:\n{}", problems.len(), problems.join("\n"));
}

fn round_of(zoo: &Zoo, names: &Names, numeric: &str, problems: &mut Vec<String>) -> usize {
    let namespace = &zoo.namespace;
    let ip = |args: &str| ask(namespace, "ip", &format!("{numeric}{args}"));
    let addresses = |list: Vec<Value>| -> Vec<Value> {
        let families = ["inet", "inet6"].map(|family| {
            let all = list.iter().flat_map(|link| link["addr_info"].as_array().cloned().unwrap_or_default());
            all.filter(|address| address["family"] == family).collect::<Vec<_>>()
        });
        families.concat()
    };
    let state = State::of(&namespace.netns());
    let cx = Context::new(names, &state.names).volatile(true);
    let pairs = [
        ("link", ip("link"), &state.links),
        ("address", addresses(ip("address")), &state.addresses),
        ("route", ip("-4 route show table all"), &state.routes),
        ("route", ip("-6 route show table all"), &state.routes6),
        ("rule", ip("-4 rule"), &state.rules),
        ("rule", ip("-6 rule"), &state.rules6),
        ("nexthop", ip("nexthop"), &state.next_hops),
        ("neigh", ip("neigh show nud all"), &state.neighbours),
        ("neigh", ip("neigh show proxy"), &state.proxies),
        ("neigh", ask(namespace, "bridge", "fdb"), &state.entries),
    ];
    let count = pairs.iter().map(|(kind, theirs, ours)| lists(kind, theirs, ours, &cx, problems)).sum();
    let kinds: BTreeSet<_> = state.all().map(Object::kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    count
}
