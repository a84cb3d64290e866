//! What is there instead of something else, or beside it, without the announcement saying so.

use std::time::Duration;

use linx::mirror::{Cause, Change, Delta, Watch};
use linx::{Mirror, NeighbourView, Notice};
use linx_test::{Namespace, PATIENCE, SilentScene, advertise, is_root, skip_unless, until};

use crate::oracle::assert_true;

fn deltas(watch: &mut Watch) -> Vec<Delta> {
    let mut all = Vec::new();
    while let Some(notice) = watch.try_next().unwrap() {
        if let Notice::Delta(delta) = notice {
            all.push(delta);
        }
    }
    all
}

/// Two pairs of links that are up.
fn links(tag: &str) -> Namespace {
    let namespace = Namespace::new(tag);
    namespace.batch(
        "link add v0 type veth peer name v1\nlink add v2 type veth peer name v3\nlink set v0 up\nlink set v1 up\n\
         link set v2 up\nlink set v3 up\naddress add 10.0.0.1/24 dev v0\naddress add fd00::1/64 dev v0 nodad\n",
    );
    namespace
}

/// Runs `ip` command after command; the mirror is right after each.
fn all_are_right(tag: &str, commands: &[&str]) {
    skip_unless!(is_root(), "not root");
    let namespace = links(tag);
    let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
    for command in commands {
        namespace.ip(command);
        assert_true(&mirror, &namespace);
    }
    mirror.audit();
    assert_true(&mirror, &namespace);
    assert_eq!(mirror.stats().audit_repairs, 0, "{:?}", mirror.repairs());
}

#[test]
fn a_bridge_has_an_entry_of_one_port() {
    skip_unless!(is_root(), "not root");
    let namespace = links("oneport");
    namespace
        .batch("link add br0 type bridge\nlink set br0 up\nlink set v1 master br0\nlink set v3 master br0\n");
    let bridge = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        namespace.exec("bridge", &args);
    };
    bridge("fdb add 02:00:00:00:00:09 dev v1 master static");
    let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
    assert_true(&mirror, &namespace);
    let mut watch = mirror.watch();
    bridge("fdb replace 02:00:00:00:00:09 dev v3 master static");
    assert_true(&mirror, &namespace);
    let moved: Vec<_> = deltas(&mut watch)
        .iter()
        .filter_map(|delta| match delta.object() {
            linx::Object::Neighbour(entry) if entry.lladdr().is_some_and(|it| it.as_bytes()[5] == 9) => {
                Some((delta.change(), delta.cause()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(moved, [(Change::Removed, Cause::Event), (Change::Added, Cause::Event)]);
}

#[test]
fn an_ipv6_address_has_one_peer_on_a_link() {
    all_are_right(
        "onepeer",
        &[
            "address add fd01::1 peer fd01::2/64 dev v0 nodad",
            "address change fd01::1 peer fd01::3/64 dev v0 nodad",
            "address change fd01::1/64 dev v0 nodad",
            "address add fd01::1 peer fd01::2/64 dev v2 nodad",
        ],
    );
}

#[test]
fn ipv6_routes_over_one_link_differ_in_anything() {
    all_are_right(
        "anything",
        &[
            "-6 route add fdaa::/48 dev v0 mtu 1400",
            "-6 route append fdaa::/48 dev v2",
            "-6 route replace fdaa::/48 dev v2 mtu 1300",
            "-6 route del fdaa::/48",
            "-6 route add fdbb::/48 dev v0",
            "-6 route append unreachable fdbb::/48",
            "-6 route replace blackhole fdbb::/48",
            "-6 route del fdbb::/48",
        ],
    );
}

#[test]
fn routes_over_one_link_differ_in_their_encapsulation() {
    skip_unless!(is_root(), "not root");
    let probe = links("seg6");
    let known = probe.try_ip("-6 route add fdaa::/48 encap seg6 mode encap segs fd00::5 dev v0");
    skip_unless!(known.is_ok(), "no encap seg6");
    all_are_right(
        "encap",
        &[
            "-6 route add fdaa::/48 encap seg6 mode encap segs fd00::5 dev v0",
            "-6 route append fdaa::/48 encap seg6 mode encap segs fd00::6 dev v0",
            "-6 route append fdaa::/48 encap seg6 mode encap segs fd00::7 via fd00::2 dev v0",
            "-6 route append fdaa::/48 encap seg6 mode encap segs fd00::8 via fd00::2 dev v0",
            "-6 route append fdaa::/48 encap seg6 mode encap segs fd00::9 via fd00::2 dev v0",
            "-6 route del fdaa::/48 encap seg6 mode encap segs fd00::8 via fd00::2 dev v0",
            "-6 route del fdaa::/48 dev v0",
            "route add 10.9.0.0/16 nexthop encap seg6 mode encap segs fd00::5 via 10.0.0.2 nexthop via 10.0.0.3",
            "route append 10.9.0.0/16 nexthop encap seg6 mode encap segs fd00::6 via 10.0.0.2 nexthop via 10.0.0.3",
            "route del 10.9.0.0/16",
        ],
    );
}

/// The lifetimes of what a router advertised, and of the route of an address's prefix, are those of now.
#[test]
fn routes_end_with_what_they_are_of() {
    skip_unless!(is_root(), "not root");
    let mut stage =
        SilentScene::named("advertised_route_is_told_before_its_hop_limit_is_set").prepare().unwrap();
    let mirror = Mirror::builder(&stage.netns()).audit(None).start().unwrap();
    stage.act();
    mirror.quiet(PATIENCE).unwrap();
    let mut watch = mirror.watch();
    std::thread::sleep(Duration::from_secs(4));
    advertise(&stage.peer, "vp0");
    // The address is told, and what it says of the routes follows.
    until("two routes that end later", || {
        mirror.quiet(PATIENCE).unwrap();
        let told = deltas(&mut watch);
        let later = told.iter().filter(|delta| {
            delta.kind() == linx::Kind::Route
                && delta.cause() == Cause::Implied
                && delta.fields() == ["cacheinfo.expires"]
        });
        later.count() == 2
    });
    let moment = mirror.stats();
    mirror.audit();
    mirror.quiet(PATIENCE).unwrap();
    let routes = deltas(&mut watch).iter().filter(|delta| delta.kind() == linx::Kind::Route).count();
    assert_eq!(routes, 0);
    assert_eq!(mirror.stats().audit_repairs, moment.audit_repairs);
}

/// The kernel joins its own advertised routes to no set, and replaces none of them by one with a gateway.
#[test]
fn an_advertised_route_is_of_no_set() {
    skip_unless!(is_root(), "not root");
    let mut stage =
        SilentScene::named("advertised_route_is_told_before_its_hop_limit_is_set").prepare().unwrap();
    stage.act();
    let mirror = Mirror::builder(&stage.netns()).audit(None).start().unwrap();
    for command in [
        "append default via fd00::5 dev ve0",
        "append default via fd00::6 dev ve0",
        "replace default via fd00::7 dev ve0",
        "append default dev ve0",
        "replace default dev ve0 mtu 1400",
        "del default",
        "append default via fd00::5 dev ve0 proto ra",
        "replace default via fd00::6 dev ve0 proto ra",
    ] {
        stage.namespace.ip(&format!("-6 route {command}"));
        assert_true(&mirror, &stage.namespace);
    }
    mirror.audit();
    assert_true(&mirror, &stage.namespace);
    assert_eq!(mirror.stats().audit_repairs, 0, "{:?}", mirror.repairs());
}
