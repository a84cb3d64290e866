//! What a list shows, sent back as a request: the kernel takes it, and shows the same again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use linx::{Handle, Route, RouteView};
use linx_test::{Namespace, Raw, is_root, skip_unless};
use linx_wire::header::MessageFlags;
use linx_wire::uapi::rtm;

/// Routes of all forms: with next hops of their own, with objects that stand for them, some of which have no carrier.
const ROUTES: &str = "
    link set lo up
    link add ve0 type veth peer name vp0
    link set ve0 up
    link set vp0 up
    link add ve1 type veth peer name vp1
    link set ve1 up
    link set vp1 up
    address add 10.0.0.1/24 dev ve0
    address add 10.1.0.1/24 dev ve1
    address add fd00::1/64 dev ve0 nodad
    address add fd01::1/64 dev ve1 nodad
    nexthop add id 1 via 10.0.0.10 dev ve0
    nexthop add id 2 via fd00::10 dev ve0
    nexthop add id 3 blackhole
    nexthop add id 4 dev ve0
    nexthop add id 5 via 10.0.0.11 dev ve0
    nexthop add id 6 group 1,2/5,3
    nexthop add id 7 via 10.9.9.9 dev ve0 onlink
    nexthop add id 9 group 1/7
    -6 nexthop add id 10 blackhole
    route add 172.16.0.0/24 nhid 1
    route add 172.16.1.0/24 nhid 2
    route add 172.16.2.0/24 nhid 3
    route add 172.16.3.0/24 nhid 4
    route add 172.16.4.0/24 nhid 6 metric 7 table 1003
    route add 172.16.5.0/24 nhid 7 src 10.0.0.1 mtu 1400
    route add 172.16.7.0/24 nhid 9 proto 77
    -6 route add fd10::/64 nhid 2
    -6 route add fd12::/64 nhid 10
    -6 route add fd11::/64 nhid 2 metric 3 table 1003
    route add 172.17.0.0/24 via 10.0.0.10
    route add 172.17.1.0/24 via inet6 fd00::10 dev ve0
    route add 172.17.2.0/24 dev ve0 scope link src 10.0.0.1
    route add 172.17.3.0/24 via 10.1.0.10
    route add 172.17.4.0/24 nexthop via 10.0.0.10 weight 2 nexthop via 10.1.0.10 dev ve1 weight 3
    route add 172.17.5.0/24 via 10.9.9.9 dev ve0 onlink mtu 1300 advmss 1200
    route add blackhole 172.17.6.0/24
    route add unreachable 172.17.7.0/24 metric 9 table 1003
    -6 route add fd17::/64 via fd00::10 metric 99 pref high
    -6 route add fd18::/64 via fd01::10
    -6 route add fd19::/64 nexthop via fd00::10 nexthop via fd01::10
    -6 route add unreachable fd1a::/64
";

/// The routes that a person made, in the order of their requests.
fn made(handle: &Handle) -> Vec<Route> {
    const RTPROT_KERNEL: u8 = 2;
    let mut routes = handle.routes().all().unwrap().into_vec();
    routes.retain(|route| route.protocol() != RTPROT_KERNEL);
    routes.sort_by_key(|route| format!("{:?} {} {:?}", route.destination(), route.table(), route.priority()));
    routes
}

#[test]
fn a_listed_route_can_be_made_again() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("again");
    let conf = |key: &str| namespace.sysctl(&format!("net.ipv6.conf.{key}"), "0");
    conf("all.accept_dad");
    conf("default.accept_dad");
    namespace.batch(ROUTES);
    namespace.ip("link set vp1 down");
    let handle = Handle::new(&namespace.netns()).unwrap();
    // Those over the link without carrier are marked, once the kernel has seen it.
    linx_test::until("routes without carrier", || {
        namespace.ip("route show table all").matches("linkdown").count() >= 4
            && namespace.ip("-6 route show table all").matches("linkdown").count() >= 2
    });
    let before = made(&handle);
    let destinations: Vec<_> = before.iter().map(|route| format!("{:?}", route.destination())).collect();
    assert_eq!(before.len(), 22, "{destinations:?}");
    let mut raw = Raw::new(&namespace.netns());
    let mut refused = Vec::new();
    let ask = |raw: &mut Raw, route: &Route, kind, flags: u16| {
        let flags = MessageFlags::ACK | MessageFlags::from_bits_retain(flags);
        raw.ask(route.to_request(kind, flags))
    };
    const CREATE_EXCL: u16 = 0x600;
    for route in &before {
        let deleted = ask(&mut raw, route, rtm::DELROUTE, 0);
        let gone = made(&handle).len();
        let added = ask(&mut raw, route, rtm::NEWROUTE, CREATE_EXCL);
        if (deleted, gone, added) != (0, before.len() - 1, 0) {
            let what = (route.destination(), route.nhid(), route.flags());
            refused.push(format!("{what:?}: errno {deleted} deleting, {gone} left, {added} adding"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    let after = made(&handle);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.differences(after, linx::Compare::Tracked), Vec::<String>::new(), "{before:?}");
    }
    assert_eq!(before, after);
}
