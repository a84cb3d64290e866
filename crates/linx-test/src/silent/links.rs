//! Links whose attributes change without a word, and addresses that are not told yet.

use super::{SilentScene, Stage};

const SYSCTL: &str = "sysctl `conf.*.arp_filter`, `accept_local`, v6 `accept_ra`, `mtu`";
const LINK: &str = "link";
const SMALL: &str = "link MTU below 1280, and back";
const SYSFS: &str = "`/sys/class/net/X/netdev_group` written";
const DOWN: &str = "link that is down";
const PORT: &str = "bridge port";
const TUN: &str = "tun made to last (`ip tuntap add`)";
const TENTATIVE: &str = "IPv6 address";

fn ve0_down(stage: &mut Stage) {
    stage.ip("link set ve0 down");
}

fn in_a_bridge(stage: &mut Stage) {
    stage.ip("link add br0 type bridge\nlink set br0 up\nlink set ve1 master br0");
    stage.shows("-o -d link show ve1", "state forwarding");
}

pub(super) const SCENES: &[SilentScene] = &[
    SilentScene {
        name: "sysctl_arp_filter",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv4", "arp_filter", "1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_accept_local",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv4", "accept_local", "1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_rp_filter",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv4", "rp_filter", "2"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_ipv4_forwarding",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv4", "forwarding", "1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_accept_ra",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet6.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv6", "accept_ra", "2"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_ipv6_mtu",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet6.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv6", "mtu", "1400"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_ipv6_forwarding",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet6.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv6", "forwarding", "1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_disable_ipv6",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet6.conf"],
        act: |stage| stage.sysctl_of_ve0("ipv6", "disable_ipv6", "1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_gso_max_size",
        row: LINK,
        silent: &["~ link/10 gso_max_size", "~ link/10 gso_ipv4_max_size"],
        act: |stage| stage.ip("link set ve0 gso_max_size 30000"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_gro_max_size",
        row: LINK,
        silent: &["~ link/10 gro_max_size", "~ link/10 gro_ipv4_max_size"],
        act: |stage| stage.ip("link set ve0 gro_max_size 30000"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_mtu_is_that_of_ipv6_after_it_was_told",
        row: LINK,
        silent: &["~ link/10 af_spec.inet6.conf"],
        act: |stage| stage.ip("link set ve0 mtu 1400"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "veth_is_told_before_its_peer_has_a_number",
        row: LINK,
        silent: &["~ link/ link"],
        act: |stage| stage.ip("link add later0 index 30 type veth peer name later1"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_qdisc",
        row: LINK,
        silent: &["~ link/10 qdisc"],
        act: |stage| {
            stage.namespace.exec("tc", &["qdisc", "add", "dev", "ve0", "root", "pfifo", "limit", "5"]);
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_promiscuity_after_a_promiscuous_macvlan",
        row: LINK,
        silent: &["~ link/10 promiscuity"],
        needs: Some("link ve0 type macvlan"),
        prepare: |stage| {
            stage.ip("link add mv0 link ve0 type macvlan mode bridge\n\
                      link set mv0 up\n\
                      link set mv0 promisc on");
        },
        act: |stage| stage.ip("link del mv0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_gets_an_alias_a_group_a_name",
        row: DOWN,
        silent: &["~ link/10 ifalias", "~ link/10 group", "~ link/10 altnames", "~ link/10 linkmode"],
        prepare: ve0_down,
        act: |stage| {
            stage.ip("link set ve0 alias unheard\n\
                      link set ve0 group 7\n\
                      link property add dev ve0 altname unheard-of\n\
                      link set ve0 mode dormant");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_changes_the_data_of_its_kind",
        row: DOWN,
        silent: &["~ link/20 linkinfo.info_data"],
        needs: Some("type bridge"),
        prepare: |stage| stage.ip("link add br0 index 20 type bridge"),
        act: |stage| stage.ip("link set br0 type bridge ageing_time 1000"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_makes_addresses_another_way",
        row: DOWN,
        silent: &["~ link/10 af_spec.inet6.addr_gen_mode"],
        also: &["~ link/10 af_spec.inet6.conf"],
        prepare: ve0_down,
        act: |stage| stage.ip("link set ve0 addrgenmode none"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "bridge_port_changed_by_bridge_is_told_as_another_family",
        row: PORT,
        silent: &["~ link/11 linkinfo.info_slave_data"],
        needs: Some("type bridge"),
        prepare: in_a_bridge,
        act: |stage| {
            stage.namespace.exec("bridge", &["link", "set", "dev", "ve1", "learning", "off"]);
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "bridge_port_goes_through_states",
        row: PORT,
        silent: &["~ link/11 linkinfo.info_slave_data"],
        needs: Some("type bridge"),
        prepare: |stage| stage.ip("link add br0 type bridge\nlink set br0 up"),
        act: |stage| {
            stage.ip("link set ve1 master br0");
            stage.shows("-o -d link show ve1", "state forwarding");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "tun_made_to_last",
        row: TUN,
        silent: &["~ link/ linkinfo.info_data.persist", "~ link/ carrier"],
        act: |stage| stage.ip("tuntap add dev tun0 mode tun"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_local_address_while_tentative",
        row: TENTATIVE,
        silent: &["+ address/10/10/fe80::"],
        prepare: |stage| {
            stage.ip("link set ve0 down");
            stage.sysctl_of_ve0("ipv6", "accept_dad", "1");
            // Fifty seconds of asking.
            stage.sysctl_of_ve0("ipv6", "dad_transmits", "50");
        },
        act: |stage| {
            stage.ip("link set ve0 up");
            stage.shows("-6 -o address show dev ve0 scope link", "tentative");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_mtu_too_small_for_ipv6",
        row: SMALL,
        silent: &[
            "~ link/10 af_spec.inet6.conf",
            "~ link/10 af_spec.inet6.addr_gen_mode",
            "~ link/10 af_spec.inet6.token",
        ],
        act: |stage| {
            stage.ip("link set ve0 mtu 1200");
            stage.lacks("-6 -o address show dev ve0", "fe80::");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_mtu_large_enough_for_ipv6_again",
        row: SMALL,
        silent: &[
            "~ link/10 af_spec.inet6.conf",
            "~ link/10 af_spec.inet6.addr_gen_mode",
            "~ link/10 af_spec.inet6.token",
        ],
        prepare: |stage| {
            stage.ip("link set ve0 mtu 1200");
            stage.lacks("-6 -o address show dev ve0", "fe80::");
        },
        act: |stage| {
            stage.ip("link set ve0 mtu 1500");
            stage.shows("-6 -o address show dev ve0 scope link", "fe80::");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "sysctl_disable_ipv6_taken_back",
        row: SYSCTL,
        silent: &["~ link/10 af_spec.inet6.conf"],
        prepare: |stage| {
            stage.sysctl_of_ve0("ipv6", "disable_ipv6", "1");
            stage.lacks("-6 -o address show dev ve0", "fe80::");
        },
        act: |stage| {
            stage.sysctl_of_ve0("ipv6", "disable_ipv6", "0");
            stage.shows("-6 -o address show dev ve0 scope link", "fe80::");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_group_written_in_sysfs",
        row: SYSFS,
        silent: &["~ link/10 group"],
        act: |stage| {
            stage.namespace.exec("sh", &["-c", "echo 7 > /sys/class/net/ve0/netdev_group"]);
        },
        ..SilentScene::ROUTE
    },
];
