//! The text line of a route, pasted after `ip route add`, makes the same route.

use linx::names::{Context, Names};
use linx::text;
use linx_test::{Namespace, Zoo, is_root, skip_unless};
use linx_wire::Compare;
use linx_wire::route::{Object, Route, RouteView};

use super::dump::State;

/// `RTPROT_KERNEL`
const KERNEL: u8 = 2;

/// The routes that somebody made, each with its line.
fn made(namespace: &Namespace) -> Vec<(String, Route)> {
    let state = State::of(&namespace.netns());
    let names = Names::load();
    let cx = Context::new(&names, &state.names);
    let routes = state.routes.iter().chain(&state.routes6).filter_map(|object| match object {
        Object::Route(route) if route.protocol() != KERNEL => {
            Some((text::line(object.as_ref(), &cx).to_string(), route.clone()))
        }
        _ => None,
    });
    routes.collect()
}

/// Ways to write a route that the zoo has not.
const MORE: &str = "\
    route add default via 10.1.0.10 metric 51 proto static\n\
    route add 0.0.0.0/0 via inet6 fe80::9 dev ve2 metric 52\n\
    route add default dev ve3 metric 53\n\
    route add ::/0 dev ve3 metric 54\n\
    route add default metric 55 nexthop via fd00:0::10 dev ve0 nexthop via fd00:1::10 dev ve1 weight 9\n\
    route add unreachable ::/0 metric 4711\n\
    route add default dev ve3 src fd00:3::1 metric 56\n\
    route add 198.51.110.0/24 via 10.0.0.10 rtt 250 rttvar 2s window 4000 ssthresh 9 cwnd lock 8 mtu lock 1400\n\
    route add 198.51.111.0/24 via 10.0.0.10 realm 3/4\n\
    route add 198.51.112.0/24 via 10.0.0.10 realm 9 congctl lock reno rto_min 1500ms\n\
    route add multicast 224.9.9.0/24 dev ve3\n\
    route add broadcast 198.51.113.0/24 dev ve3\n\
    route add broadcast 198.51.113.0/24 dev ve3 table main\n\
    route add local 198.51.114.0/24 dev ve3 table main\n\
    route add 198.51.115.0/24 dev ve3 scope global\n\
    route add 198.51.116.0/24 proto 99 via 10.3.0.10 table 4711 src 10.3.0.2\n\
    route add 198.51.117.0/24 nexthop via 10.2.0.10 dev ve2 onlink weight 7 nexthop via inet6 fe80::9 dev ve3\n\
    route add 198.51.118.0/24 encap ip id 7 src 10.0.0.1 dst 10.0.0.9 ttl 9 tos 4 key csum dev ve0\n\
    route add ::ffff:1.2.3.4/128 dev ve3\n\
    route add ::1.2.3.4/128 dev ve3\n\
    route add fd70::/48 from fd71::/48 via fd00:3::10 dev ve3\n\
    route add fd73::/48 encap ip6 id 8 dst fd00:0::9 hoplimit 7 tc 3 via fd00:0::10 dev ve0\n\
    route add fd74::/48 via fd00:3::10 dev ve3 mtu 1400 hoplimit 9 pref low expires 4000\n";

#[test]
fn a_pasted_line_makes_the_same_route() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("paste");
    let namespace = &zoo.namespace;
    for line in MORE.lines() {
        if let Err(error) = namespace.try_ip(line) {
            eprintln!("SKIPPED ip {line}: {}", error.lines().next().unwrap_or_default());
        }
    }
    // Without a carrier a route is `linkdown`, which nobody can ask for.
    namespace.ip("link set vp5 down");
    linx_test::until("routes without a carrier", || {
        made(namespace).iter().any(|(line, _)| line.contains("# linkdown"))
    });
    let before = made(namespace);
    assert!(before.len() >= 60, "{}", before.len());
    for (line, _) in &before {
        if let Err(error) = namespace.try_exec("sh", &["-c", &format!("ip route del {line}")]) {
            panic!("{line}: {error}");
        }
    }
    assert_eq!(made(namespace), []);
    let mut keys = Vec::new();
    for (line, route) in &before {
        // A second route of the same key takes `append`, whatever its line says.
        let key = (route.destination(), route.table(), route.tos(), route.priority());
        let verb = if keys.contains(&key) { "append" } else { "add" };
        keys.push(key);
        let command = format!("ip route {verb} {line}");
        if let Err(error) = namespace.try_exec("sh", &["-c", &command]) {
            panic!("{command}: {error}");
        }
    }
    let mut after = made(namespace);
    for (line, route) in &before {
        let at = after.iter().position(|(_, other)| same(route, other));
        let Some(at) = at else {
            let near = after
                .iter()
                .find(|(other, _)| other == line)
                .map(|other| route.differences(&other.1, Compare::Tracked));
            panic!(
                "{line}: not made again: {near:?}; there are\n{}",
                after.iter().map(|other| other.0.as_str()).collect::<Vec<_>>().join("\n")
            );
        };
        after.swap_remove(at);
    }
    assert_eq!(after, []);
}

/// Whether two routes are equal in all that was asked for.
fn same(one: &Route, other: &Route) -> bool {
    one.differences(other, Compare::Tracked).is_empty()
}
