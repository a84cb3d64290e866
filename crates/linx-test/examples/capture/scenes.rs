//! What is recorded. Commands of `ip` and `bridge` run in the scene's namespace, others by a shell inside it; THERE is
//! the name of the namespace beside it.

use linx_wire::uapi::rtm;

/// A scene: commands, and who listens.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What is done before anyone listens.
    pub(crate) before: &'static str,
    /// The groups that the monitor joins (`RTNLGRP_*`).
    pub(crate) groups: &'static [u32],
    pub(crate) commands: &'static str,
    pub(crate) dumps: &'static [Dump],
}

/// What is dumped at the end; the number is an address family.
#[derive(Debug)]
pub(crate) enum Dump {
    Links,
    /// With virtual functions, without statistics.
    LinksMasked,
    BridgeLinks,
    Addresses(u8),
    Routes(u8),
    Rules(u8),
    Neighbours(u8),
    /// Proxy entries.
    Proxies(u8),
    Fdb,
    NextHops,
    NsIds,
}

impl Dump {
    /// Message type, fixed part, `IFLA_EXT_MASK`.
    pub(crate) fn request(&self) -> (u16, Vec<u8>, Option<u32>) {
        let body = |family: u8, size: usize| {
            let mut body = vec![0; size];
            body[0] = family;
            body
        };
        match self {
            Self::Links => (rtm::GETLINK, body(0, 16), None),
            Self::LinksMasked => (rtm::GETLINK, body(0, 16), Some(1 | 8)),
            Self::BridgeLinks => (rtm::GETLINK, body(7, 16), Some(4)),
            Self::Addresses(family) => (rtm::GETADDR, body(*family, 8), None),
            Self::Routes(family) => (rtm::GETROUTE, body(*family, 12), None),
            Self::Rules(family) => (rtm::GETRULE, body(*family, 12), None),
            Self::Neighbours(family) => (rtm::GETNEIGH, body(*family, 12), None),
            Self::Proxies(family) => {
                let mut proxies = body(*family, 12);
                proxies[10] = 8;
                (rtm::GETNEIGH, proxies, None)
            }
            Self::Fdb => (rtm::GETNEIGH, body(7, 12), None),
            Self::NextHops => (rtm::GETNEXTHOP, body(0, 8), None),
            Self::NsIds => (rtm::GETNSID, body(0, 4), None),
        }
    }
}

const LINK: u32 = 1;
const NEIGH: u32 = 3;
const IPV4_ADDRESS: u32 = 5;
const IPV4_ROUTE: u32 = 7;
const IPV4_RULE: u32 = 8;
const IPV6_ADDRESS: u32 = 9;
const IPV6_ROUTE: u32 = 11;
const IPV6_IFINFO: u32 = 12;
const IPV6_RULE: u32 = 19;
const NSID: u32 = 28;
const NEXTHOP: u32 = 32;

pub(crate) const SCENES: &[Scene] = &[
    Scene {
        name: "links-veth",
        about: "A veth pair: made, renamed, given names, moved to another namespace and back, deleted.",
        before: "ip netns set THERE 5",
        groups: &[LINK, NSID],
        commands: "
            ip link add v0 type veth peer name v1
            ip link set v0 up
            ip link set v1 up
            ip link set v0 alias uplink
            ip link property add dev v0 altname wan altname a-rather-long-name-for-a-link
            ip link set v0 mtu 1400 txqueuelen 500
            ip link set v0 address 02:00:00:00:00:10
            ip link set v0 group 7
            ip link set v0 promisc on
            ip link set v0 allmulticast on
            ip link set v0 mode dormant
            ip link set v1 netns THERE
            ip link set v0 down
            ip link set v0 name w0
            ip link add d0 type veth peer name d1
            ip link del d0
            ip link add e0 numtxqueues 3 numrxqueues 2 type veth peer name e1",
        dumps: &[Dump::Links, Dump::LinksMasked, Dump::NsIds],
    },
    Scene {
        name: "links-bridge",
        about: "A bridge with three ports: carrier, spanning tree, options, a port that leaves.",
        before: "",
        groups: &[LINK],
        commands: "
            ip link add br0 type bridge
            ip link add p0 type veth peer name q0
            ip link add p1 type veth peer name q1
            ip link set p0 master br0
            ip link set p1 master br0
            ip link set br0 up
            ip link set p0 up
            ip link set q0 up
            ip link set br0 type bridge stp_state 1 forward_delay 400 hello_time 200 mcast_snooping 1 mcast_querier 1
            bridge link set dev p0 cost 7 isolated on hairpin on guard on
            bridge link set dev p1 learning off flood off neigh_suppress on mcast_to_unicast on
            ip link set p1 nomaster
            ip link set p1 master br0
            ip link set q0 down
            ip link set br0 type bridge group_fwd_mask 8 ageing_time 1000 priority 100",
        dumps: &[Dump::Links, Dump::BridgeLinks],
    },
    Scene {
        name: "links-kinds",
        about: "A link of every kind that this kernel can make, some of them changed.",
        before: "ip link add v0 type veth peer name v1\nip link set v0 up\nip link set v1 up",
        groups: &[LINK],
        commands: "
            ip link add m0 link v0 type macvlan mode bridge bcqueuelen 500
            ip link add m1 link v0 type macvlan mode source
            ip link set m1 type macvlan macaddr add 02:00:00:00:00:01
            ip link set m1 type macvlan macaddr add 02:00:00:00:00:02
            ip link add m2 link v1 type macvlan mode passthru nopromisc
            ip link add t0 link v0 type macvtap mode vepa
            ip link add x0 type vxlan id 100 local 10.0.0.1 remote 10.0.0.2 dstport 4789 ttl 5 tos 16 udpcsum
            ip link add x1 type vxlan id 200 group 239.1.1.1 dev v0 dstport 8472 nolearning proxy rsc l2miss l3miss
            ip link add x2 type vxlan external dstport 4790 vnifilter
            ip link add x3 type vxlan id 300 local fd00::1 remote fd00::2 dstport 4789 srcport 1000 2000 gbp
            ip link set x0 up
            ip link add i0 type ifb
            ip tuntap add dev tun0 mode tun user 1000 group 1000
            ip tuntap add dev tap0 mode tap multi_queue vnet_hdr pi
            ip link set tun0 up
            ip link set x0 type vxlan ttl 9
            ip link add dummy0 type dummy
            ip link add link v0 vlan5 type vlan id 5
            ip link add bond0 type bond
            ip link add vrf0 type vrf table 10
            ip link add g0 type geneve id 5 remote 10.0.0.3
            ip link add gre0x type gretap remote 10.0.0.3 local 10.0.0.1
            ip link add ipip0x type ipip remote 10.0.0.3 local 10.0.0.1
            ip link add sit0x type sit remote 10.0.0.3 local 10.0.0.1
            ip link add ip60x type ip6tnl remote fd00::3 local fd00::1
            ip link add vti0x type vti remote 10.0.0.3 local 10.0.0.1 key 7
            ip link add xfrm0 type xfrm if_id 7
            ip link add wg0 type wireguard
            ip link add ipv0 link v1 type ipvlan mode l3
            ip link add nk0 type netkit
            ip link add vcan0 type vcan
            ip link add hsr0 type hsr slave1 v0 slave2 v1",
        dumps: &[Dump::Links],
    },
    Scene {
        name: "links-parts",
        about: "Messages that tell a part of a link: the families AF_INET6 and AF_BRIDGE.",
        before: "ip link add br0 type bridge\nip link add v0 type veth peer name v1\nip link set v0 master br0",
        groups: &[LINK, IPV6_IFINFO],
        commands: "
            ip link set br0 up
            ip link set v0 up
            ip link set v1 up
            ip link set v1 addrgenmode none
            echo 1 > /proc/sys/net/ipv6/conf/v1/disable_ipv6
            echo 0 > /proc/sys/net/ipv6/conf/v1/disable_ipv6
            ip token set ::5 dev v1
            bridge link set dev v0 cost 11
            ip link set v0 nomaster",
        dumps: &[Dump::Links, Dump::BridgeLinks],
    },
    Scene {
        name: "addresses",
        about: "Addresses of both families: labels, peers, lifetimes, metrics, protocols, deletions.",
        before: "ip link add v0 type veth peer name v1\nip link set lo up\nip link set v0 up\nip link set v1 up",
        groups: &[IPV4_ADDRESS, IPV6_ADDRESS],
        commands: "
            ip addr add 10.0.0.1/24 dev v0
            ip addr add 10.0.0.2/24 dev v0 label v0:second
            ip addr add 10.0.1.1/24 brd + dev v0 label v0:x
            ip addr add 10.0.2.1 peer 10.0.2.2/32 dev v0
            ip addr add 10.0.3.1/32 dev lo scope host
            ip addr add 10.0.4.1/24 dev v0 valid_lft 1000 preferred_lft 500
            ip addr add 10.0.5.1/24 dev v0 metric 77 noprefixroute
            ip addr change 10.0.4.1/24 dev v0 valid_lft 2000 preferred_lft 0
            ip addr add fd00::1/64 dev v0 nodad
            ip addr add fd00::2/64 dev v0 valid_lft 1000 preferred_lft 500 nodad
            ip addr add fd00::3/128 peer fd00::4/128 dev v0 nodad
            ip addr add fd00:1::1/64 dev v0 home noprefixroute nodad
            ip addr add fd00:2::1/64 dev v0 mngtmpaddr metric 5
            ip addr add fd00:3::1/64 dev v0 optimistic
            ip addr add 2001:db8::1/64 dev v1
            ip addr del 10.0.0.1/24 dev v0
            ip addr del fd00::1/64 dev v0
            ip addr flush dev v0 label v0:x",
        dumps: &[Dump::Addresses(0), Dump::Addresses(2), Dump::Addresses(10)],
    },
    Scene {
        name: "routes-ipv4",
        about: "IPv4 routes of every type, with metrics, several hops, gateways of the other family, encapsulations.",
        before: ROUTED,
        groups: &[IPV4_ROUTE],
        commands: "
            ip route add 10.1.0.0/16 via 10.0.0.2
            ip route add 10.2.0.0/16 dev v0 scope link src 10.0.0.1 proto static metric 100
            ip route add 10.3.0.0/16 via inet6 fd00::2 dev v0
            ip route add default via 10.0.0.2 proto dhcp metric 1024
            ip route add unreachable 10.4.0.0/16
            ip route add blackhole 10.5.0.0/16 metric 4278198272
            ip route add prohibit 10.6.0.0/16
            ip route add throw 10.7.0.0/16 table 100
            ip route add local 10.8.0.1 dev v0 table 100
            ip route add broadcast 10.8.0.255 dev v0 table 1000
            ip route add multicast 239.0.0.0/8 dev v0
            ip route add 10.9.0.0/16 dsfield 0x10 via 10.0.0.2
            ip route add 10.10.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via 10.0.0.3 dev v0 weight 1 onlink
            ip route add 10.11.0.0/16 nexthop via inet6 fd00::2 dev v0 nexthop dev w0
            ip route add 10.12.0.0/16 via 10.0.0.2 mtu lock 1400 advmss 1300 initcwnd 20 rto_min 50ms hoplimit 9
            ip route add 10.13.0.0/16 via 10.0.0.2 congctl cubic quickack 1 features ecn window 1000 rtt 40ms
            ip route add 10.14.0.0/16 via 10.0.0.2 realm 3/4
            ip route add 10.15.0.0/16 via 192.0.2.1 dev v0 onlink
            ip route add 10.16.0.0/16 encap ip id 7 dst 10.0.0.2 ttl 9 dev v0
            ip route add 10.17.0.0/16 encap ip6 id 8 dst fd00::2 dev v0
            ip route add 10.18.0.0/16 encap seg6 mode encap segs fd00::2,fd00::3 dev v0
            ip route add 10.19.0.0/16 nexthop encap ip id 9 dst 10.0.0.2 dev v0 nexthop via 10.0.0.2 weight 200
            ip route add 10.20.0.0/16 encap mpls 100/200 via 10.0.0.2
            ip route replace 10.1.0.0/16 via 10.0.0.3
            ip route append 10.1.0.0/16 via 10.0.0.2
            ip route change 10.2.0.0/16 dev w0 metric 100
            ip route del 10.9.0.0/16 tos 0x10
            ip route del 10.10.0.0/16
            ip route flush table 1000",
        dumps: &[Dump::Routes(2)],
    },
    Scene {
        name: "routes-ipv6",
        about: "IPv6 routes: preferences, lifetimes, sources, several hops, single hops of them deleted.",
        before: ROUTED,
        groups: &[IPV6_ROUTE],
        commands: "
            ip route add fd01::/64 via fd00::2
            ip route add fd02::/64 dev v0 metric 7 proto static pref high
            ip route add default via fd00::2 expires 600
            ip route add unreachable fd03::/64
            ip route add blackhole fd04::/64
            ip route add prohibit fd05::/64 table 100
            ip route add throw fd06::/64 table 100
            ip route add fd07::/64 from fd00:1::/64 via fd00::2
            ip route add fd08::/64 nexthop via fd00::2 dev v0 weight 2 nexthop via fd00::3 dev v0
            ip route append fd08::/64 via fd00::4
            ip route del fd08::/64 via fd00::3 dev v0
            ip route add fd09::/64 via fd00::2 mtu 1400 hoplimit 9 advmss 1300 src fd00::1
            ip route add fd0a::/64 encap seg6 mode inline segs fd00::2 dev v0
            ip route add fd0b::/64 encap ip6 id 8 dst fd00::2 hoplimit 4 dev v0
            ip route add fd0c::/64 encap seg6local action End dev v0
            ip route add fd0d::/64 encap seg6local action End.DX6 nh6 fd00::2 dev v0
            ip route add local fd0e::1 dev v0 table 100
            ip route add fd0f::/64 encap seg6 mode encap segs fd00::2,fd00::3,fd00::4 hmac 0 dev v0
            ip route replace fd01::/64 via fd00::3
            ip route del fd02::/64 dev v0
            ip link set w0 down",
        dumps: &[Dump::Routes(10), Dump::Routes(0)],
    },
    Scene {
        name: "rules",
        about: "Rules of both families with every selector and action.",
        before: ROUTED,
        groups: &[IPV4_RULE, IPV6_RULE],
        commands: "
            ip rule add pref 100 from 10.0.0.0/8 lookup 100
            ip rule add pref 101 to 10.1.0.0/16 iif v0 lookup 1000
            ip rule add pref 102 oif absent fwmark 0x10/0xff lookup main
            ip rule add pref 103 tos 0x10 goto 200
            ip rule add pref 104 uidrange 1000-2000 lookup 100 suppress_prefixlength 0
            ip rule add pref 105 ipproto tcp sport 1000-2000 dport 443 lookup 100
            ip rule add pref 106 not from 10.2.0.1 blackhole
            ip rule add pref 107 prohibit
            ip rule add pref 108 unreachable
            ip rule add pref 109 lookup 100 suppress_ifgroup 7 protocol static
            ip rule add pref 110 l3mdev
            ip rule add pref 111 from 10.3.0.0/16 lookup 100 realms 3/4
            ip rule add pref 112 tun_id 7 lookup 100
            ip rule add pref 200 nop
            ip -6 rule add pref 100 from fd00::/8 to fd01::/16 lookup 100
            ip -6 rule add pref 101 iif v0 fwmark 7 lookup 100000
            ip -6 rule add pref 102 ipproto udp dport 53 goto 300
            ip rule del pref 107
            ip -6 rule del pref 101
            ip rule flush protocol static",
        dumps: &[Dump::Rules(0), Dump::Rules(2), Dump::Rules(10)],
    },
    Scene {
        name: "nexthops",
        about: "Next hops: single, blackhole, for the forwarding table, groups, resilient groups, and routes by them.",
        before: ROUTED,
        groups: &[NEXTHOP, IPV4_ROUTE, IPV6_ROUTE],
        commands: "
            ip nexthop add id 1 via 10.0.0.2 dev v0
            ip nexthop add id 2 via 10.0.0.3 dev v0 proto static
            ip nexthop add id 3 via fd00::2 dev v0
            ip nexthop add id 4 via fd00::3 dev v0 onlink
            ip nexthop add id 5 dev w0
            ip nexthop add id 6 blackhole
            ip nexthop add id 7 via 10.0.0.4 fdb
            ip nexthop add id 8 via 10.0.0.5 fdb
            ip nexthop add id 10 group 1,3/2
            ip nexthop add id 11 group 3/4 proto 99
            ip nexthop add id 12 group 7/8 fdb
            ip nexthop add id 13 group 1,5/2,4 type resilient buckets 8 idle_timer 60 unbalanced_timer 120
            ip nexthop add id 14 encap ip id 7 dst 10.0.0.2 dev v0
            ip nexthop add id 15 encap seg6 mode encap segs fd00::2 dev v0
            ip route add 10.30.0.0/16 nhid 1
            ip route add 10.31.0.0/16 nhid 10
            ip route add 10.32.0.0/16 nhid 13
            ip route add 10.33.0.0/16 nhid 6
            ip route add fd30::/64 nhid 3
            ip route add fd31::/64 nhid 11
            ip nexthop replace id 1 via 10.0.0.9 dev v0
            ip nexthop replace id 10 group 1/2
            ip nexthop del id 2
            ip nexthop del id 3
            ip link set w0 down",
        dumps: &[Dump::NextHops, Dump::Routes(2), Dump::Routes(10)],
    },
    Scene {
        name: "neighbours",
        about: "Neighbours of both families: states, flags, proxies.",
        before: ROUTED,
        groups: &[NEIGH],
        commands: "
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0
            ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud reachable dev v0
            ip neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 nud stale dev v0
            ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 nud noarp dev v0 protocol static
            ip neigh add 10.0.0.6 lladdr 02:00:00:00:00:06 extern_learn dev v0
            ip neigh add 10.0.0.7 managed dev v0
            ip neigh add 10.0.0.8 use dev v0
            ip neigh add proxy 10.0.0.9 dev v0
            ip neigh add fd00::2 lladdr 02:00:00:00:00:02 dev v0 router
            ip neigh add fd00::3 lladdr 02:00:00:00:00:03 nud delay dev v0
            ip neigh add fd00::4 lladdr 02:00:00:00:00:04 nud probe dev v0
            ip neigh add proxy fd00::9 dev v0 protocol kernel
            ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:22 dev v0
            ip neigh change 10.0.0.4 lladdr 02:00:00:00:00:44 nud reachable dev v0
            ip neigh del 10.0.0.3 dev v0
            ip neigh del fd00::2 dev v0
            ip neigh add 10.0.0.10 lladdr 02:00:00:00:00:0a nud failed dev v0",
        dumps: &[Dump::Neighbours(2), Dump::Neighbours(10), Dump::Proxies(2), Dump::Proxies(10)],
    },
    Scene {
        name: "fdb",
        about: "Forwarding tables of a bridge, of vxlan links and of a macvlan's lower link.",
        before: "
            ip link add br0 type bridge
            ip link add v0 type veth peer name v1
            ip link set v0 master br0
            ip link set br0 up
            ip link set v0 up
            ip link set v1 up
            ip nexthop add id 7 via 10.0.0.4 fdb
            ip nexthop add id 12 group 7 fdb
            ip link add x0 type vxlan id 100 local 10.0.0.1 dstport 4789
            ip link add x1 type vxlan external dstport 4790
            ip link set x0 up",
        groups: &[NEIGH],
        commands: "
            bridge fdb add 02:00:00:00:01:01 dev v0 master static
            bridge fdb add 02:00:00:00:01:02 dev v0 master dynamic
            bridge fdb add 02:00:00:00:01:03 dev v0 master extern_learn
            bridge fdb add 02:00:00:00:01:04 dev v0 master sticky static
            bridge fdb add 02:00:00:00:01:05 dev br0 self local
            bridge fdb add 02:00:00:00:01:06 dev v0 self
            bridge fdb add 02:00:00:00:02:01 dev x0 dst 10.0.0.2
            bridge fdb append 00:00:00:00:00:00 dev x0 dst 10.0.0.3 port 8472 vni 200
            bridge fdb append 00:00:00:00:00:00 dev x0 dst 10.0.0.4 via v1
            bridge fdb add 02:00:00:00:02:02 dev x0 nhid 12
            bridge fdb add 02:00:00:00:02:03 dev x1 src_vni 300 dst 10.0.0.5
            bridge fdb replace 02:00:00:00:02:01 dev x0 dst 10.0.0.6
            bridge fdb del 02:00:00:00:01:01 dev v0 master
            bridge fdb del 02:00:00:00:02:01 dev x0 dst 10.0.0.6",
        dumps: &[Dump::Fdb],
    },
    Scene {
        name: "everything",
        about: "A link goes down with all that is on it, a namespace gets an id, a link changes its namespace.",
        before: ROUTED,
        groups: &[
            LINK, NEIGH, IPV4_ADDRESS, IPV4_ROUTE, IPV4_RULE, IPV6_ADDRESS, IPV6_ROUTE, IPV6_IFINFO, IPV6_RULE, NSID,
            NEXTHOP,
        ],
        commands: "
            ip nexthop add id 1 via 10.0.0.2 dev v0
            ip route add 10.40.0.0/16 nhid 1
            ip route add default via 10.0.0.2
            ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0
            ip netns set THERE auto
            ip link set v0 down
            ip link set v0 up
            ip link set w0 netns THERE
            ip addr flush dev v0
            ip link del v0",
        dumps: &[Dump::Links, Dump::Addresses(0), Dump::NsIds],
    },
];

/// Two veth pairs that are up, with addresses.
const ROUTED: &str = "
    ip link set lo up
    ip link add v0 type veth peer name v1
    ip link add w0 type veth peer name w1
    ip link set v0 up
    ip link set v1 up
    ip link set w0 up
    ip link set w1 up
    ip addr add 10.0.0.1/24 dev v0
    ip addr add fd00::1/64 dev v0 nodad
    ip addr add 10.0.1.1/24 dev w0";
