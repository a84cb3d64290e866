//! A namespace full of objects of every kind that this kernel can make.

use std::fmt::Write;

use crate::namespace::Namespace;

/// At least 150 objects: links, addresses, routes, rules, neighbours, forwarding entries, next hops.
///
/// Never an encapsulation with tunnel options (`geneve_opts`, `erspan_opts`, `vxlan_opts`): Linux 6.18 panics on
/// reading them back.
#[derive(Debug)]
pub struct Zoo {
    /// Where it lives.
    pub namespace: Namespace,
    /// The namespace that one of its links leads to, and whose id it knows as 5.
    pub peer: Namespace,
    /// The commands that this kernel or this iproute2 refused.
    pub refused: Vec<String>,
}

impl Zoo {
    /// A new one.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        let namespace = Namespace::new(tag);
        // Duplicate address detection would change addresses under the test's eyes.
        for conf in ["all", "default"] {
            namespace.sysctl(&format!("net.ipv6.conf.{conf}.accept_dad"), "0");
        }
        namespace.batch(&needed());
        let peer = Namespace::new(&format!("{tag}-peer"));
        // Before a link leads there, which would give it an id of the kernel's choice.
        namespace.ip(&format!("netns set {} 5", peer.name()));
        namespace.ip(&format!("link add far0 type veth peer name far1 netns {}", peer.name()));
        let mut refused = Vec::new();
        for line in probed().lines().map(str::trim) {
            if let Err(error) = namespace.try_ip(line) {
                eprintln!("SKIPPED ip {line}: {}", error.lines().next().unwrap_or_default());
                refused.push(line.to_owned());
            }
        }
        for line in FDB.lines() {
            if let Err(error) = namespace.try_exec("bridge", &line.split_whitespace().collect::<Vec<_>>()) {
                eprintln!("SKIPPED bridge {line}: {}", error.lines().next().unwrap_or_default());
                refused.push(line.to_owned());
            }
        }
        settle(&namespace);
        Self { namespace, peer, refused }
    }
}

/// Waits until the kernel has seen all carriers: it makes addresses and routes by itself when it does, up to a second
/// after a link was set up.
fn settle(namespace: &Namespace) {
    crate::until("links in state UP", || {
        let links = namespace.ip("-o link show up");
        let carried = links
            .lines()
            .filter(|line| line.contains(" ve") || line.contains(" vp") || line.contains(": br0"));
        let settled = carried.clone().filter(|line| line.contains("LOWER_UP") && line.contains("state UP"));
        settled.count() == carried.count()
    });
}

/// What every kernel of a test has: veth, bridge, IPv4, IPv6, policy rules.
fn needed() -> String {
    let mut lines = String::from("link set lo up\n");
    for n in 0..6 {
        writeln!(lines, "link add ve{n} type veth peer name vp{n}").unwrap();
        writeln!(lines, "link set vp{n} up\nlink set ve{n} up").unwrap();
        writeln!(lines, "address add 10.{n}.0.1/24 brd + dev ve{n}").unwrap();
        writeln!(lines, "address add fd00:{n}::1/64 dev ve{n}").unwrap();
        writeln!(lines, "address add 10.{n}.0.2/24 dev ve{n} label ve{n}:b").unwrap();
        for host in 10..13 {
            let state = ["permanent", "reachable", "stale"][host - 10];
            writeln!(lines, "neigh add 10.{n}.0.{host} lladdr 02:00:00:00:0{n}:{host} nud {state} dev ve{n}")
                .unwrap();
        }
        writeln!(lines, "neigh add fd00:{n}::10 lladdr 02:00:00:00:1{n}:01 nud permanent dev ve{n}").unwrap();
        writeln!(lines, "route add 172.16.{n}.0/24 via 10.{n}.0.10 dev ve{n}").unwrap();
        writeln!(lines, "route add 172.17.{n}.0/24 dev ve{n} scope link src 10.{n}.0.2 metric 10{n}")
            .unwrap();
        writeln!(lines, "route add fd10:{n}::/48 via fd00:{n}::10 dev ve{n}").unwrap();
        writeln!(lines, "route add 192.0.2.{n}/32 dev ve{n} table {} proto static", 1000 + n).unwrap();
        writeln!(lines, "rule add priority {} from 10.{n}.0.0/24 table {}", 100 + n, 1000 + n).unwrap();
        writeln!(lines, "-6 rule add priority {} to fd00:{n}::/64 table {}", 200 + n, 1000 + n).unwrap();
    }
    lines.push_str(
        "link set ve0 mtu 1400 txqueuelen 500 alias zoo-animal\n\
         link property add dev ve0 altname the-first-veth-of-the-zoo altname ve-zero\n\
         link add br0 type bridge\n\
         link add br1 type bridge stp_state 1 forward_delay 200 priority 4096\n\
         link set br0 up\n\
         link add bp0 type veth peer name bq0\n\
         link set bp0 master br0\n\
         link set bp0 up\n\
         link set bq0 up\n\
         link set bp0 type bridge_slave cost 7 priority 8 hairpin on guard on isolated on\n\
         address add 10.90.0.1 peer 10.90.0.2/32 dev ve1\n\
         address add 10.91.0.1/24 dev ve1 valid_lft 10000 preferred_lft 5000\n\
         address add fd91::1/64 dev ve1 valid_lft 10000 preferred_lft 0\n\
         address add fd92::1 peer fd92::2/128 dev ve1\n\
         address add 10.92.0.1/24 dev ve1 scope link metric 777\n\
         route add default via 10.0.0.10 dev ve0 metric 50\n\
         route add default via fd00:0::10 dev ve0 metric 50\n\
         route add blackhole 198.18.0.0/24\n\
         route add unreachable 198.18.1.0/24\n\
         route add prohibit 198.18.2.0/24\n\
         route add throw 198.18.3.0/24 table 1001\n\
         route add blackhole fd20::/48\n\
         route add unreachable fd21::/48 metric 9\n\
         route add prohibit fd22::/48\n\
         route add 198.19.0.0/16 nexthop via 10.0.0.10 dev ve0 weight 2 nexthop via 10.1.0.10 dev ve1 weight 5\n\
         route add fd30::/48 nexthop via fd00:0::10 dev ve0 weight 3 nexthop via fd00:1::10 dev ve1\n\
         route add 198.51.100.0/24 via 203.0.113.9 dev ve2 onlink\n\
         route add 198.51.101.0/24 via inet6 fe80::9 dev ve2\n\
         route add 198.51.102.0/24 dev ve2 mtu 1300 advmss 1200 initcwnd 20 hoplimit 9 rto_min 5ms features ecn\n\
         route add 198.51.103.0/24 dev ve2 tos 0x10 mtu lock 1280 quickack 1 congctl reno\n\
         route add fd40::/48 dev ve2 expires 3000 pref high\n\
         route append 198.51.104.0/24 dev ve2\n\
         route append 198.51.104.0/24 dev ve3\n\
         route add local 198.51.105.0/24 dev lo table 1002\n\
         neigh add proxy 10.0.0.99 dev ve0\n\
         neigh add proxy fd00:0::99 dev ve0\n\
         neigh add 10.2.0.77 lladdr 02:00:00:00:00:77 nud noarp dev ve2\n\
         rule add priority 300 fwmark 0x10/0xff table 1000\n\
         rule add priority 301 iif ve0 oif ve1 table 1001\n\
         rule add priority 302 iif nosuchdev blackhole\n\
         rule add priority 303 from 10.0.0.0/8 prohibit\n\
         rule add priority 304 tos 0x10 unreachable\n\
         rule add priority 305 ipproto tcp sport 1000-2000 dport 443 table 1002\n\
         rule add priority 306 uidrange 1000-2000 table 1003\n\
         rule add priority 307 not from 10.7.0.0/16 to 10.8.0.0/16 table main suppress_prefixlength 0\n\
         rule add priority 308 goto 309\n\
         rule add priority 309 table main protocol static suppress_ifgroup 5\n\
         -6 rule add priority 310 from fd00::/8 fwmark 7 table 1004\n\
         -6 rule add priority 311 goto 40000\n",
    );
    lines
}

/// What depends on the kernel and on iproute2.
fn probed() -> String {
    let mut lines = String::from(
        "link set br0 type bridge vlan_filtering 1\n\
         link add ifb0 type ifb\n\
         link set ifb0 up\n\
         link add mv0 link ve3 type macvlan mode bridge\n\
         link add mv1 link ve3 type macvlan mode source macaddr add 02:00:00:00:00:aa\n\
         link add vx0 type vxlan id 100 dstport 4789 local 10.0.0.1 ttl 7 tos inherit\n\
         link add vx1 type vxlan id 101 dstport 4790 local 10.0.0.1 group 239.1.1.1 dev ve0 ageing 77 learning\n\
         link add vx2 type vxlan dstport 4791 external\n\
         link set vx0 up\n\
         link set vx0 master br0\n\
         tuntap add dev tun0 mode tun user 1000\n\
         tuntap add dev tap0 mode tap multi_queue\n\
         link add dm0 type dummy\n\
         link add vl0 link ve4 type vlan id 7 protocol 802.1Q\n\
         link add bond0 type bond mode active-backup\n\
         link add vrf0 type vrf table 2000\n\
         link add gre0x type gre local 10.0.0.1 remote 10.0.0.2 key 9\n\
         link add ipip0x type ipip local 10.0.0.1 remote 10.0.0.2\n\
         link add sit0x type sit local 10.0.0.1 remote 10.0.0.2\n\
         link add wg0 type wireguard\n\
         link add gnv0 type geneve id 5 remote 10.0.0.2\n\
         link add ipv0 link ve4 type ipvlan mode l2\n",
    );
    for n in 0..6 {
        writeln!(lines, "nexthop add id {} via 10.{n}.0.10 dev ve{n}", 10 + n).unwrap();
        writeln!(lines, "nexthop add id {} via fd00:{n}::10 dev ve{n} proto static", 20 + n).unwrap();
    }
    lines.push_str(
        "nexthop add id 30 blackhole\n\
         nexthop add id 31 dev ve2\n\
         nexthop add id 32 via 10.2.0.10 dev ve2 onlink\n\
         nexthop add id 33 via 10.2.0.44 fdb\n\
         nexthop add id 34 via 10.2.0.45 fdb\n\
         nexthop add id 40 group 10/11,3/12,255\n\
         nexthop add id 41 group 10/11 type resilient buckets 8 idle_timer 60 unbalanced_timer 300\n\
         nexthop add id 42 group 33/34 fdb\n\
         nexthop add id 43 group 20/21,7\n\
         nexthop add id 50 encap ip id 7 dst 10.0.0.9 dev ve0\n\
         route add 100.64.0.0/24 nhid 10\n\
         route add 100.64.1.0/24 nhid 40\n\
         route add 100.64.2.0/24 nhid 41\n\
         route add fd50::/48 nhid 43\n\
         route add fd51::/48 nhid 20\n\
         route add 100.65.0.0/24 encap ip id 7 dst 10.0.0.9 ttl 9 dev ve0\n\
         route add 100.65.1.0/24 encap ip6 id 8 dst fd00:0::9 dev ve0\n\
         route add fd60::/48 encap seg6 mode encap segs fd00:0::9,fd00:1::9 dev ve0\n\
         route add fd61::/48 encap seg6 mode inline segs fd00:0::9 dev ve0\n\
         route add fd62::/128 encap seg6local action End.DX6 nh6 fd00:0::9 dev ve0\n\
         route add 100.66.0.0/24 encap mpls 100/200 via 10.0.0.10 dev ve0\n\
         route add fd63::/48 encap ioam6 trace prealloc type 0x800000 ns 0 size 4 dev ve0\n\
         -f mpls route add 100 as 200 via inet 10.0.0.10 dev ve0\n\
         rule add priority 320 l3mdev\n\
         rule add priority 321 tun_id 99 table 1005\n\
         rule add priority 322 dscp 10 table 1005\n",
    );
    lines
}

/// Forwarding entries, for `bridge`.
const FDB: &str = "fdb add 02:00:00:00:00:01 dev bp0 master static\n\
                   fdb add 02:00:00:00:00:06 dev bp0 master static vlan 1\n\
                   fdb add 02:00:00:00:00:02 dev bp0 self permanent\n\
                   fdb add 02:00:00:00:00:03 dev vx0 dst 10.0.0.3 port 4790 vni 200\n\
                   fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.4\n\
                   fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.5\n\
                   fdb add 02:00:00:00:00:04 dev vx0 nhid 42\n\
                   vlan add vid 10-12 dev bp0 untagged\n\
                   fdb add 02:00:00:00:00:05 dev br0 self local";
