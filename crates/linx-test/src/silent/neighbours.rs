//! Neighbours and forwarding entries.

use super::stage::send_from;
use super::{CONNECTED, SilentScene, Stage};

const ROW: &str = "neighbour";
const PORT: &str = "forwarding entry of another port";
const PROXY: &str = "link down / deleted / moved / renamed (down+up)";

/// A neighbour that may not answer.
fn stale(stage: &mut Stage) {
    stage.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud stale dev ve0");
}

fn proxies(stage: &mut Stage) {
    stage.ip("neigh add proxy 10.0.0.77 dev ve0\nneigh add proxy fd00:0::77 dev ve0");
}

/// A bridge with the port `ve1`.
fn bridge(stage: &mut Stage) {
    stage.ip("link add br0 index 20 type bridge\n\
              address add 10.9.0.1/24 dev br0\n\
              link set br0 up\n\
              link set ve1 master br0");
    stage.shows("-o -d link show ve1", "state forwarding");
    stage
        .peer
        .batch("address add 10.9.0.2/24 dev vp1\nneigh add 10.9.0.1 lladdr 02:00:00:00:00:01 dev vp1\n");
    send_from(&stage.peer, "10.9.0.1:9");
}

pub(super) const SCENES: &[SilentScene] = &[
    SilentScene {
        name: "neighbour_is_delayed",
        row: ROW,
        silent: &["~~ neigh/10/2/10.0.0.2 "],
        prepare: stale,
        act: |stage| {
            // It has a minute before it is probed, which is told.
            stage.namespace.sysctl("net.ipv4.neigh.ve0.delay_first_probe_time", "60");
            stage.send("10.0.0.2:9");
            stage.shows("neigh show dev ve0", "DELAY");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "neighbour_is_looked_for",
        row: ROW,
        silent: &["+ neigh/10/2/10.0.0.99"],
        prepare: |stage| stage.namespace.sysctl("net.ipv4.neigh.ve0.mcast_solicit", "60"),
        act: |stage| {
            stage.send("10.0.0.99:9");
            stage.shows("neigh show dev ve0", "INCOMPLETE");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "neighbour_of_a_multicast_group",
        row: ROW,
        silent: &["+ neigh/10/2/224.0.0.77"],
        prepare: |stage| stage.ip("route add 224.0.0.0/4 dev ve0"),
        act: |stage| {
            stage.send("224.0.0.77:9");
            stage.shows("neigh show dev ve0 nud noarp", "224.0.0.77");
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "proxy_neighbours_are_made",
        row: ROW,
        silent: &["+ neigh/10/2/10.0.0.77/proxy", "+ neigh/10/10/fd00::77/proxy"],
        act: proxies,
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "proxy_neighbours_are_deleted",
        row: ROW,
        silent: &["- neigh/10/2/10.0.0.77/proxy", "- neigh/10/10/fd00::77/proxy"],
        prepare: proxies,
        act: |stage| stage.ip("neigh del proxy 10.0.0.77 dev ve0\nneigh del proxy fd00:0::77 dev ve0"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "link_down_takes_proxy_neighbours",
        row: PROXY,
        silent: &["- neigh/10/2/10.0.0.77/proxy", "- neigh/10/10/fd00::77/proxy"],
        also: CONNECTED,
        prepare: proxies,
        act: |stage| stage.ip("link set ve0 down"),
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "forwarding_entry_learned_at_another_port",
        row: PORT,
        silent: &["- fdb/11/02:00:00:00:00:77/"],
        needs: Some("type bridge"),
        prepare: two_ports,
        act: |stage| {
            stage.peer.batch(
                "link set vp1 address 02:00:00:00:00:78\nlink set vp0 address 02:00:00:00:00:77\n\
                              address flush dev vp1\n",
            );
            learn(stage, "vp0", "ve0");
        },
        ..SilentScene::ROUTE
    },
];

/// Two ports, and an entry of one of them.
fn two_ports(stage: &mut Stage) {
    bridge(stage);
    stage.ip("link set ve0 master br0");
    stage.shows("-o -d link show ve0", "state forwarding");
    stage.peer.ip("link set vp1 address 02:00:00:00:00:77");
    learn(stage, "vp1", "ve1");
}

/// The bridge learns where an address is.
fn learn(stage: &Stage, from: &str, port: &str) {
    stage.peer.batch(&format!(
        "address flush dev {from}\naddress add 10.9.0.2/24 dev {from}\n\
                               neigh replace 10.9.0.1 lladdr 02:00:00:00:00:01 dev {from}\n"
    ));
    send_from(&stage.peer, "10.9.0.1:9");
    let entry = format!("02:00:00:00:00:77 dev {port} master");
    crate::until(&entry, || stage.namespace.exec("bridge", &["fdb", "show"]).contains(&entry));
}

pub(super) const TOLD: &[SilentScene] = &[
    SilentScene {
        name: "forwarding_entry_learned_is_told",
        needs: Some("type bridge"),
        prepare: bridge,
        act: |stage| {
            stage.peer.ip("link set vp1 address 02:00:00:00:00:77");
            send_from(&stage.peer, "10.9.0.1:9");
            let learned = || {
                stage.namespace.exec("bridge", &["fdb", "show"]).contains("02:00:00:00:00:77 dev ve1 master")
            };
            crate::until("the entry", learned);
        },
        ..SilentScene::ROUTE
    },
    SilentScene {
        name: "neighbours_of_a_link_that_goes_down_are_told",
        prepare: |stage| {
            stage.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev ve0\n\
                      neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud noarp dev ve0\n\
                      neigh add 10.0.0.4 lladdr 02:00:00:00:00:04 nud stale dev ve0");
        },
        also: CONNECTED,
        act: |stage| stage.ip("link set ve0 down"),
        ..SilentScene::ROUTE
    },
];
