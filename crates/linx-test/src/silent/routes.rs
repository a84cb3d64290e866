//! Routes, next hops and rules that change because of something else.

use super::{CONNECTED, SilentScene, Stage};

const GONE: &str = "link down / deleted / moved / renamed (down+up)";
const CARRIER: &str = "carrier lost (NEWLINK with `ifi_change = 0`!)";
const UP: &str = "link up";
const ADDRESS: &str = "last IPv4 address of a device deleted";
const NEXTHOP: &str = "next hop / group deleted";
const MEMBER: &str = "next hop deleted that is in a group";
const BLACKHOLE: &str = "next hop replaced by a blackhole while `nexthop_compat_mode=0`";
const SKIP: &str = "`net.ipv6.route.skip_notify_on_dev_down=1`";
const RULE: &str = "rule device or goto target appears / vanishes";
const REVIVED: &str = "first IPv4 address of a device added";
const MTU: &str = "link MTU smaller than that of an IPv6 route over it";
const ADVERTISED: &str = "router advertisement";
const PEER: &str = "IPv6 address gets another peer";
const SOURCE: &str = "IPv6 address deleted that is the `src` of a route";

/// IPv4 routes of two tables.
fn plain(stage: &mut Stage) {
    stage.ip("route add 10.50.0.0/24 via 10.0.0.2 dev ve0\nroute add 10.51.0.0/24 dev ve0 table 100");
}

/// Routes with a hop on each link.
fn several(stage: &mut Stage) {
    stage.ip("route add 10.52.0.0/24 nexthop via 10.0.0.2 dev ve0 nexthop via 10.1.0.2 dev ve1\n\
              -6 route add fd52::/64 nexthop via fd00:0::2 dev ve0 nexthop via fd00:1::2 dev ve1");
}

/// Next hop objects on each link, groups of them, and routes that use them.
fn objects(stage: &mut Stage) {
    stage.ip("nexthop add id 1 via 10.0.0.2 dev ve0\n\
              nexthop add id 2 via 10.1.0.2 dev ve1\n\
              nexthop add id 6 via fd00:0::2 dev ve0\n\
              nexthop add id 7 via fd00:1::2 dev ve1\n\
              nexthop add id 10 group 1/2\n\
              nexthop add id 11 group 1\n\
              nexthop add id 60 group 6/7\n\
              route add 10.53.0.0/24 nhid 1\n\
              route add 10.54.0.0/24 nhid 10\n\
              -6 route add fd53::/64 nhid 6\n\
              -6 route add fd54::/64 nhid 60");
}

/// What of [`objects`] changes when `ve0` goes.
const OBJECTS: &[&str] = &[
    "- nexthop/1",
    "- nexthop/6",
    "- nexthop/11",
    "~ nexthop/10 group",
    "~ nexthop/60 group",
    "- route/2/254/10.53.0.0/24/",
    "~ route/2/254/10.54.0.0/24/",
    "~ route/10/254/fd54::/64/0/1024/nhid/60 multipath",
];

/// The routes that `ve0` has by its addresses, which are marked while it has no carrier.
const MARKED: &[&str] = &[
    "~ route/2/254/10.0.0.0/24/ flags",
    "~ route/2/255/10.0.0.255/32/ flags",
    "~ route/10/254/fd00::/64/ flags",
    "~ route/10/254/fe80::/64/ flags",
    "~ route/10/255/ff00::/8/ flags",
];

fn down(stage: &mut Stage) {
    stage.ip("link set ve0 down");
}

fn delete(stage: &mut Stage) {
    stage.ip("link del ve0");
}

fn move_away(stage: &mut Stage) {
    stage.ip(&format!("link set ve0 netns {}", stage.peer.name()));
}

fn rename(stage: &mut Stage) {
    stage.ip("link set ve0 down\nlink set ve0 name other\nlink set other up");
    stage.shows("-o link show other", "state UP");
}

fn up(stage: &mut Stage) {
    stage.ip("link set ve0 up");
    stage.shows("-o link show ve0", "state UP");
}

fn lose_carrier(stage: &mut Stage) {
    stage.peer.ip("link set vp0 down");
    stage.shows("route show 10.0.0.0/24", "linkdown");
}

fn find_carrier(stage: &mut Stage) {
    stage.peer.ip("link set vp0 up");
    stage.lacks("route show 10.0.0.0/24", "linkdown");
}

fn without_compat(stage: &mut Stage) {
    stage.namespace.sysctl("net.ipv4.nexthop_compat_mode", "0");
    objects(stage);
}

pub(super) const SCENES: &[SilentScene] = &[
    SilentScene {
        name: "link_down_takes_ipv4_routes",
        row: GONE,
        silent: &[
            "- route/2/254/10.0.0.0/24/",
            "- route/2/255/10.0.0.255/32/",
            "- route/2/254/10.50.0.0/24/",
            "- route/2/100/10.51.0.0/24/",
        ],
        prepare: plain,
        act: down,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_takes_next_hops_and_changes_groups",
        row: GONE,
        silent: OBJECTS,
        also: CONNECTED,
        prepare: objects,
        act: down,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_makes_hops_dead",
        row: GONE,
        silent: &["~ route/2/254/10.52.0.0/24/ multipath", "~ route/10/254/fd52::/64/ multipath"],
        also: CONNECTED,
        prepare: several,
        act: down,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_deleted_takes_ipv4_routes",
        row: GONE,
        silent: &[
            "- route/2/254/10.0.0.0/24/",
            "- route/2/255/10.0.0.255/32/",
            "- route/2/254/10.50.0.0/24/",
            "- route/2/100/10.51.0.0/24/",
        ],
        prepare: plain,
        act: delete,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_deleted_takes_next_hops_and_changes_groups",
        row: GONE,
        silent: OBJECTS,
        also: CONNECTED,
        prepare: objects,
        act: delete,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_deleted_takes_routes_that_have_other_hops",
        row: GONE,
        silent: &["- route/2/254/10.52.0.0/24/"],
        // Of IPv6 routes the hop goes, which is told.
        also: &[CONNECTED[0], CONNECTED[1], "- route/10/254/fd52::/64/", "+ route/10/254/fd52::/64/"],
        prepare: several,
        act: delete,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_moved_takes_ipv4_routes",
        row: GONE,
        silent: &[
            "- route/2/254/10.0.0.0/24/",
            "- route/2/255/10.0.0.255/32/",
            "- route/2/254/10.50.0.0/24/",
            "- route/2/100/10.51.0.0/24/",
        ],
        prepare: plain,
        act: move_away,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_moved_takes_next_hops_and_changes_groups",
        row: GONE,
        silent: OBJECTS,
        also: CONNECTED,
        prepare: objects,
        act: move_away,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_renamed_through_down_takes_ipv4_routes",
        row: GONE,
        silent: &["- route/2/254/10.50.0.0/24/", "- route/2/100/10.51.0.0/24/"],
        prepare: plain,
        act: rename,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "carrier_lost_marks_routes",
        row: CARRIER,
        silent: &[
            "~ route/2/254/10.0.0.0/24/ flags",
            "~ route/2/254/10.50.0.0/24/ flags",
            "~ route/2/100/10.51.0.0/24/ flags",
            "~ route/10/254/fd00::/64/ flags",
        ],
        also: MARKED,
        prepare: plain,
        act: lose_carrier,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "carrier_lost_marks_hops",
        row: CARRIER,
        silent: &["~ route/2/254/10.52.0.0/24/ multipath", "~ route/10/254/fd52::/64/ multipath"],
        also: MARKED,
        prepare: several,
        act: lose_carrier,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "carrier_lost_takes_next_hops_and_changes_groups",
        row: CARRIER,
        silent: OBJECTS,
        also: MARKED,
        prepare: objects,
        act: lose_carrier,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "carrier_back_clears_the_marks",
        row: CARRIER,
        silent: &[
            "~ route/2/254/10.0.0.0/24/ flags",
            "~ route/2/254/10.50.0.0/24/ flags",
            "~ route/2/100/10.51.0.0/24/ flags",
            "~ route/2/254/10.52.0.0/24/ multipath",
            "~ route/10/254/fd00::/64/ flags",
            "~ route/10/254/fd52::/64/ multipath",
        ],
        also: MARKED,
        prepare: |stage| {
            plain(stage);
            several(stage);
            lose_carrier(stage);
        },
        act: find_carrier,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_up_revives_hops",
        row: UP,
        silent: &["~ route/2/254/10.52.0.0/24/ multipath", "~ route/10/254/fd52::/64/ multipath"],
        prepare: |stage| {
            several(stage);
            down(stage);
        },
        act: up,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "last_ipv4_address_takes_the_other_routes",
        row: ADDRESS,
        silent: &[
            "- route/2/254/10.50.0.0/24/",
            "- route/2/100/10.51.0.0/24/",
            "~ route/2/254/10.52.0.0/24/ multipath",
        ],
        prepare: |stage| {
            plain(stage);
            several(stage);
        },
        act: |stage| stage.ip("address del 10.0.0.1/24 dev ve0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "next_hop_deleted_takes_ipv4_routes",
        row: NEXTHOP,
        silent: &["- route/2/254/10.53.0.0/24/"],
        also: &["~ route/2/254/10.54.0.0/24/"],
        prepare: objects,
        act: |stage| stage.ip("nexthop del id 1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "group_deleted_takes_ipv4_routes",
        row: NEXTHOP,
        silent: &["- route/2/254/10.54.0.0/24/"],
        prepare: objects,
        act: |stage| stage.ip("nexthop del id 10"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "next_hop_deleted_takes_all_routes_without_compat",
        row: NEXTHOP,
        silent: &[
            "- route/2/254/10.53.0.0/24/",
            "- route/2/254/10.54.0.0/24/",
            "- route/10/254/fd53::/64/",
            "- route/10/254/fd54::/64/",
        ],
        prepare: without_compat,
        act: |stage| stage.ip("nexthop del id 1\nnexthop del id 6\nnexthop del id 10\nnexthop del id 60"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "member_deleted_shortens_routes_of_its_group",
        row: MEMBER,
        silent: &["~ route/2/254/10.54.0.0/24/", "~ route/10/254/fd54::/64/0/1024/nhid/60 multipath"],
        also: &["- route/2/254/10.53.0.0/24/"],
        prepare: objects,
        act: |stage| stage.ip("nexthop del id 1\nnexthop del id 6"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "next_hop_made_a_blackhole_changes_routes_without_compat",
        row: BLACKHOLE,
        silent: &["~ route/2/254/10.53.0.0/24/"],
        prepare: |stage| {
            stage.namespace.sysctl("net.ipv4.nexthop_compat_mode", "0");
            stage.ip("nexthop add id 1 via 10.0.0.2 dev ve0\nroute add 10.53.0.0/24 nhid 1");
        },
        act: |stage| stage.ip("nexthop replace id 1 blackhole"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv6_routes_go_unannounced_when_the_kernel_is_told_so",
        row: SKIP,
        silent: &[
            "- route/10/254/fd55::/64/",
            "- route/10/254/fd00::/64/",
            "- route/10/254/fe80::/64/",
            "- route/10/255/",
        ],
        also: CONNECTED,
        prepare: |stage| {
            stage.namespace.sysctl("net.ipv6.route.skip_notify_on_dev_down", "1");
            stage.ip("-6 route add fd55::/64 via fd00:0::2 dev ve0");
        },
        act: down,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "source_address_deleted_is_taken_from_ipv6_routes",
        row: SOURCE,
        silent: &["~ route/10/254/fd56::/64/"],
        prepare: |stage| {
            stage.ip("address add fd00:0::7/64 dev ve0");
            stage.lacks("-6 -o address show dev ve0 tentative", "fd00::7");
            stage.ip("-6 route add fd56::/64 via fd00:1::2 dev ve1 src fd00:0::7");
        },
        act: |stage| stage.ip("address del fd00:0::7/64 dev ve0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv4_address_added_revives_hops",
        row: REVIVED,
        silent: &["~ route/2/254/10.52.0.0/24/"],
        prepare: |stage| {
            several(stage);
            stage.ip("address del 10.0.0.1/24 dev ve0");
            stage.shows("route show 10.52.0.0/24", "dead");
        },
        act: |stage| {
            stage.ip("address add 10.0.0.1/24 dev ve0");
            stage.lacks("route show 10.52.0.0/24", "dead");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv6_routes_take_the_mtu_of_their_link",
        row: MTU,
        silent: &["~ route/10/254/fd57::/64/ metrics.mtu"],
        also: &["~ link/10 af_spec.inet6.conf"],
        prepare: |stage| stage.ip("-6 route add fd57::/64 via fd00:0::2 dev ve0 mtu 1450"),
        act: |stage| stage.ip("link set ve0 mtu 1400"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "advertised_route_is_told_before_its_hop_limit_is_set",
        row: ADVERTISED,
        silent: &["~ route/10/254/::/0/ metrics.hoplimit", "~ route/10/254/::/0/ metrics.mtu"],
        // The router itself, and what its advertisement says of the link.
        also: &["+ neigh/10/10/fe80::", "~ link/10 af_spec.inet6"],
        act: |stage| {
            crate::advertise(&stage.peer, "vp0");
            stage.shows("-6 route show default", "hoplimit 33");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv6_address_gets_another_peer",
        row: PEER,
        silent: &["- address/10/10/fd58::1/64/fd58::2"],
        prepare: |stage| stage.ip("address add fd58::1 peer fd58::2/64 dev ve0 nodad"),
        act: |stage| stage.ip("address change fd58::1 peer fd58::3/64 dev ve0 nodad"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "rule_device_appears",
        row: RULE,
        silent: &["~ rule/2/100/", "~ rule/2/101/", "~ rule/10/102/"],
        prepare: |stage| {
            stage.ip("rule add priority 100 iif later0 table 100\n\
                      rule add priority 101 oif later0 table 100\n\
                      -6 rule add priority 102 iif later0 table 100");
        },
        also: &["~ link/ link"],
        act: |stage| stage.ip("link add later0 index 30 type veth peer name later1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "rule_device_vanishes",
        row: RULE,
        silent: &["~ rule/2/100/", "~ rule/2/101/", "~ rule/10/102/"],
        prepare: |stage| {
            stage.ip("rule add priority 100 iif ve0 table 100\n\
                      rule add priority 101 oif ve0 table 100\n\
                      -6 rule add priority 102 iif ve0 table 100");
        },
        also: CONNECTED,
        act: delete,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "goto_target_appears",
        row: RULE,
        silent: &["~ rule/2/100/", "~ rule/10/100/"],
        prepare: |stage| stage.ip("rule add priority 100 goto 200\n-6 rule add priority 100 goto 200"),
        act: |stage| {
            stage.ip("rule add priority 200 fwmark 1 table 100\n-6 rule add priority 200 fwmark 1 table 100");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "goto_target_vanishes",
        row: RULE,
        silent: &["~ rule/2/100/", "~ rule/10/100/"],
        prepare: |stage| {
            stage.ip("rule add priority 200 fwmark 1 table 100\n\
                      rule add priority 100 goto 200\n\
                      -6 rule add priority 200 fwmark 1 table 100\n\
                      -6 rule add priority 100 goto 200");
        },
        act: |stage| stage.ip("rule del priority 200\n-6 rule del priority 200"),
        ..SilentScene::ROUTE
    },
];

pub(super) const TOLD: &[SilentScene] = &[
    SilentScene {
        name: "address_deleted_with_promotion_is_told",
        prepare: |stage| {
            stage.sysctl_of_ve0("ipv4", "promote_secondaries", "1");
            stage.ip("address add 10.0.0.9/24 dev ve0\n\
                      route add 10.57.0.0/24 dev ve1 src 10.0.0.1\n\
                      route add 10.58.0.0/24 via 10.0.0.2 dev ve0");
        },
        act: |stage| stage.ip("address del 10.0.0.1/24 dev ve0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv4_routes_from_a_deleted_address_are_told",
        prepare: |stage| {
            stage.ip("address add 10.0.9.9/32 dev ve0\nroute add 10.57.0.0/24 dev ve1 src 10.0.9.9");
        },
        act: |stage| stage.ip("address del 10.0.9.9/32 dev ve0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "next_hop_replaced_is_told_of_its_routes",
        prepare: objects,
        act: |stage| stage.ip("nexthop replace id 1 via 10.0.0.9 dev ve0\nnexthop replace id 10 group 2"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "ipv6_routes_of_a_link_that_goes_down_are_told",
        prepare: |stage| {
            stage.ip("address flush dev ve0 scope global\n\
                      address add fd00:0::1/64 dev ve0\n\
                      -6 route add fd55::/64 via fd00:0::2 dev ve0");
        },
        act: down,
        ..SilentScene::ROUTE
    },
];
