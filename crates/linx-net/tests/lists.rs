//! Lists against a namespace that the test fills.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use linx::{
    AddressFilter, AddressView, ErrorKind, Handle, Key, LinkFilter, LinkView, Neighbour, NeighbourFilter,
    NeighbourView, NextHopView, NsIdView, RouteFilter, RouteQuery, RouteView, RuleFilter, RuleView,
};
use linx_test::{Namespace, Raw, StopOnDrop, Zoo, is_root, skip_unless};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::route::RouteHeader;
use linx_wire::uapi::rtm;

/// Numbers of lines that `ip` prints.
fn lines(namespace: &Namespace, args: &str) -> usize {
    namespace.ip(args).lines().count()
}

/// What the kernel changes by itself between two readings is read again.
fn assert_same(what: &str, ours: impl Fn() -> usize, theirs: impl Fn() -> usize) {
    linx_test::until(what, || {
        let counts = (ours(), theirs());
        let is_at_rest = counts.0 == ours();
        assert!(!is_at_rest || counts.0 == counts.1, "{what}: {counts:?}");
        is_at_rest
    });
}

#[test]
fn a_zoo_is_listed_as_ip_lists_it() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("zoo");
    let namespace = &zoo.namespace;
    let handle = Handle::new(&namespace.netns()).unwrap();

    let links = handle.links().all().unwrap();
    assert_eq!(links.len(), lines(namespace, "-o link show"));
    let veth = LinkFilter { kind: Some("veth".into()), ..LinkFilter::default() };
    assert_eq!(handle.links_by(veth).all().unwrap().len(), lines(namespace, "-o link show type veth"));
    let bridge = handle.link_by_name("br0").unwrap().index();
    let ports = LinkFilter { master: Some(bridge), ..LinkFilter::default() };
    assert_eq!(handle.links_by(ports).all().unwrap().len(), lines(namespace, "-o link show master br0"));
    for link in &links {
        let (by_index, by_name) =
            (handle.link_by_index(link.index()), handle.link_by_name(link.name().as_bytes()));
        assert_eq!(by_index.unwrap().name(), link.name());
        assert_eq!(by_name.unwrap().index(), link.index());
    }
    let long = handle.link_by_name("the-first-veth-of-the-zoo").unwrap();
    assert_eq!(long.name(), "ve0");

    let addresses = handle.addresses().all().unwrap();
    assert_eq!(addresses.len(), lines(namespace, "-o address show"));
    let v4 = handle.addresses_by(AddressFilter { family: 2, index: None }).all().unwrap();
    assert_eq!(v4.len(), lines(namespace, "-4 -o address show"));
    assert!(v4.iter().all(|address| address.family() == 2));

    let routes = handle.routes().all().unwrap();
    let of = |family| handle.routes_by(RouteFilter { family, ..RouteFilter::default() }).all().unwrap().len();
    assert_eq!(of(2), lines(namespace, "-4 -o route show table all"));
    assert_eq!(of(10), lines(namespace, "-6 -o route show table all"));
    assert!(routes.len() >= of(2) + of(10));
    let table = RouteFilter { table: Some(1001), ..RouteFilter::default() };
    let in_table = handle.routes_by(table).all().unwrap();
    assert!(!in_table.is_empty() && in_table.iter().all(|route| route.table() == 1001));

    let rules = handle.rules().all().unwrap();
    // Those of multicast routing (families 128, 129) are not shown by `ip rule`.
    let unicast = rules.iter().filter(|rule| rule.family() <= 10).count();
    assert_eq!(unicast, lines(namespace, "-4 rule show") + lines(namespace, "-6 rule show"));
    assert!(rules.is_settled());
    assert_eq!(
        handle.rules_by(RuleFilter { family: 10, ..RuleFilter::default() }).all().unwrap().len(),
        lines(namespace, "-6 rule show")
    );

    let neighbours = handle.neighbours().all().unwrap();
    let count = || handle.neighbours().all().unwrap().len();
    assert_same("neighbours", count, || lines(namespace, "neigh show nud all"));
    let proxies = handle.neighbours_by(NeighbourFilter { proxy: Some(true), ..NeighbourFilter::default() });
    let proxies = proxies.all().unwrap();
    assert_eq!(proxies.len(), 2, "{proxies:?}");
    let fdb = handle.neighbours_by(NeighbourFilter::fdb()).all().unwrap();
    let count = || handle.neighbours_by(NeighbourFilter::fdb()).all().unwrap().len();
    assert_same("forwarding entries", count, || namespace.exec("bridge", &["fdb", "show"]).lines().count());

    let nexthops = handle.nexthops().all().unwrap();
    assert_eq!(nexthops.len(), lines(namespace, "nexthop show"));
    let nsids = handle.nsids().all().unwrap();
    assert!(nsids.iter().any(|nsid| nsid.nsid() == 5), "{nsids:?}");

    let total = links.len()
        + addresses.len()
        + routes.len()
        + rules.len()
        + neighbours.len()
        + fdb.len()
        + nexthops.len();
    assert!(total >= 150, "{total} objects");

    // Keys are unique, but for IPv4 routes made by append.
    let keys = |keys: Vec<Key>| keys.into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!(keys(links.iter().map(|o| Key::of(&o.as_ref())).collect()), links.len());
    assert_eq!(keys(addresses.iter().map(|o| Key::of(&o.as_ref())).collect()), addresses.len());
    assert_eq!(keys(routes.iter().map(|o| Key::of(&o.as_ref())).collect()), routes.len() - 1);
    assert_eq!(keys(rules.iter().map(|o| Key::of(&o.as_ref())).collect()), rules.len());
    assert_eq!(keys(neighbours.iter().map(|o| Key::of(&o.as_ref())).collect()), neighbours.len());
    assert_eq!(keys(fdb.iter().map(|o| Key::of(&o.as_ref())).collect()), fdb.len());
    assert_eq!(keys(nexthops.iter().map(|o| Key::of(&o.as_ref())).collect()), nexthops.len());

    // The three ways to read a list agree.
    let streamed: Vec<_> = handle.routes().stream().map(Result::unwrap).collect();
    assert_eq!(streamed, routes.into_vec());
    let mut ids = BTreeSet::new();
    handle.nexthops().for_each(|next_hop| assert!(ids.insert(next_hop.id()))).unwrap();
    assert_eq!(ids.len(), nexthops.len());
}

#[test]
fn the_kernel_is_asked_for_one_object() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("one");
    let handle = Handle::new(&zoo.namespace.netns()).unwrap();
    let get = |to: &str| handle.route_get(to.parse().unwrap(), &RouteQuery::default());
    let route = get("172.16.1.9").unwrap();
    assert_eq!(route.gateway(), Some("10.1.0.10".parse().unwrap()));
    assert_eq!(route.prefsrc(), Some("10.1.0.1".parse().unwrap()));
    assert_eq!(get("fd10:1::9").unwrap().gateway(), Some("fd00:1::10".parse().unwrap()));
    let error = get("198.18.1.1").unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Kernel { errno: 113, .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("route get 198.18.1.1: namespace {}: No route", zoo.namespace.name())));
    let own = handle.nsid_of_pid(std::process::id()).unwrap();
    assert_eq!(own, None);
}

#[test]
fn a_filter_for_what_is_not_there_is_the_kernels_error() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nodev");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let error = handle.routes_by(RouteFilter { oif: Some(999), ..RouteFilter::default() }).all().unwrap_err();
    assert_eq!(error.errno(), Some(19), "{error}");
    let empty = handle.routes_by(RouteFilter { table: Some(999), ..RouteFilter::default() }).all().unwrap();
    assert!(empty.is_empty());
}

#[test]
fn eight_threads_share_a_handle() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("eight");
    let handle = Handle::new(&zoo.namespace.netns()).unwrap();
    let routes: BTreeSet<Key> =
        handle.routes().stream().map(|route| Key::of(&route.unwrap().as_ref())).collect();
    let addresses = handle.addresses().all().unwrap().len();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (handle, routes) = (handle.clone(), &routes);
            scope.spawn(move || {
                for round in 0..15 {
                    // A dump that is abandoned, while others run.
                    assert!(handle.routes().stream().next().unwrap().is_ok());
                    let mut keys = BTreeSet::new();
                    handle.routes().for_each(|route| _ = keys.insert(Key::of(&route))).unwrap();
                    assert_eq!(&keys, routes, "thread {thread}, round {round}");
                    assert_eq!(handle.addresses().all().unwrap().len(), addresses);
                    let query = RouteQuery::default();
                    let route = handle.route_get("172.16.1.9".parse().unwrap(), &query).unwrap();
                    assert_eq!(route.gateway(), Some("10.1.0.10".parse().unwrap()));
                }
            });
        }
    });
}

#[test]
fn a_torn_dump_is_read_again_or_said_to_be_torn() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("torn");
    // More than one part of a dump, so that a change can fall between two.
    let mut batch = String::from("link add ve0 index 20 type veth peer name ve1 index 21\n");
    for n in 0..1200 {
        batch.push_str(&format!("address add 10.{}.{}.1/32 dev ve0\n", n / 250, n % 250));
    }
    namespace.batch(&batch);
    let handle = Handle::new(&namespace.netns()).unwrap();
    let stop = AtomicBool::new(false);
    let (mut torn, mut whole) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut raw = Raw::new(&namespace.netns());
            let mut round = 0u8;
            while !stop.load(Ordering::Relaxed) {
                round = round.wrapping_add(1);
                let change = |kind, flags| {
                    Request::new(kind, MessageFlags::ACK | flags)
                        .body(&[2u8, 32, 0, 0])
                        .body(&20u32.to_ne_bytes())
                        .attribute(2, &[10, 99, 0, round])
                };
                raw.ask(change(rtm::NEWADDR, MessageFlags::from_bits_retain(0x600)));
                raw.ask(change(rtm::DELADDR, MessageFlags::empty()));
            }
        });
        let _stop = StopOnDrop(&stop);
        // A whole list or an error; a stream ends with the tear.
        linx_test::until("a torn stream", || {
            let outcome: Result<Vec<_>, _> = handle.addresses().stream().collect();
            match outcome {
                Err(error) if error.kind == ErrorKind::Torn => torn += 1,
                Err(error) => panic!("{error}"),
                Ok(_) => whole += 1,
            }
            torn >= 5
        });
        for _ in 0..5 {
            match handle.addresses().all() {
                Ok(list) => {
                    let fixed = list.iter().filter(|a| {
                        a.address().is_some_and(|net| !net.addr().to_string().starts_with("10.99."))
                    });
                    assert!(fixed.count() >= 1200);
                }
                Err(error) => assert_eq!(error.kind, ErrorKind::Torn),
            }
        }
    });
    assert!(torn >= 5, "{torn} torn, {whole} whole");
    handle.addresses().all().unwrap();
}

/// An IPv4 or IPv6 route with many next hops over the link 20.
fn wide_route(destination: &[u8], hops: u16) -> Request {
    let header = RouteHeader {
        family: if destination.len() == 4 { 2 } else { 10 },
        dst_len: if destination.len() == 4 { 24 } else { 64 },
        table: 254,
        protocol: 4,
        kind: 1,
        ..RouteHeader::default()
    };
    let mut nest = Vec::new();
    for hop in 0..hops {
        let [high, low] = hop.to_be_bytes();
        let mut gateway = if destination.len() == 4 { vec![10, 0] } else { vec![0xfd; 14] };
        gateway.extend([high + 1, low]);
        let attribute = 4 + gateway.len() as u16;
        nest.extend((8 + attribute).to_ne_bytes());
        nest.extend([0; 2]);
        nest.extend(20u32.to_ne_bytes());
        nest.extend(attribute.to_ne_bytes());
        nest.extend(5u16.to_ne_bytes());
        nest.extend(gateway);
    }
    Request::new(rtm::NEWROUTE, MessageFlags::ACK | MessageFlags::from_bits_retain(0x600))
        .body(&header)
        .attribute(1, destination)
        .attribute(9, &nest)
}

fn wide_namespace(tag: &str) -> (Namespace, Raw) {
    let namespace = Namespace::new(tag);
    namespace.batch(
        "link set lo up\nlink add ve0 index 20 type veth peer name ve1 index 21\nlink set ve0 up\nlink set ve1 up\n\
         address add 10.0.0.1/16 dev ve0\naddress add fdfd:fdfd:fdfd:fdfd::1/64 dev ve0 nodad\n",
    );
    for n in 0..10 {
        namespace.batch(&format!(
            "route add 20.0.{}.0/24 dev ve0\nroute add 30.0.{n}.0/24 dev ve0 table 100\n\
             route add fd20:{n}::/64 dev ve0\n",
            n * 2
        ));
    }
    let raw = Raw::new(&namespace.netns());
    (namespace, raw)
}

/// KERNEL.md 3.2: the first part of a socket's first dump has 3,776 bytes, and a route that is larger ends it.
#[test]
fn a_first_route_larger_than_the_first_part_is_listed() {
    skip_unless!(is_root(), "not root");
    let (namespace, mut raw) = wide_namespace("small");
    assert_eq!(raw.ask(wide_route(&[1, 0, 0, 0], 1000)), 0);
    let handle = Handle::new(&namespace.netns()).unwrap();
    for _ in 0..3 {
        handle.release();
        let routes = handle.routes().all().unwrap();
        assert_eq!(routes.iter().map(|route| route.hops().count()).max(), Some(1000));
        let destinations = routes.iter().filter_map(|route| route.destination());
        assert_eq!(destinations.filter(|net| net.to_string().starts_with("20.0.")).count(), 10);
    }
}

/// KERNEL.md 3.3: a route that does not fit into 32 KiB ends a dump, which looks complete.
#[test]
fn a_route_too_large_for_a_dump_is_told() {
    skip_unless!(is_root(), "not root");
    let (namespace, mut raw) = wide_namespace("wide");
    assert_eq!(raw.ask(wide_route(&[20, 0, 5, 0], 3000)), 0);
    let handle = Handle::new(&namespace.netns()).unwrap();
    for family in [0, 2] {
        let filter = RouteFilter { family, ..RouteFilter::default() };
        let error = handle.routes_by(filter).all().unwrap_err();
        let ErrorKind::Oversize { missing } = error.kind else { panic!("{error}") };
        // Itself, seven routes behind it, and what IPv4 addresses made.
        assert!((8..=14).contains(&missing), "{missing}");
        let mut found = Vec::new();
        let ends: Vec<_> =
            handle.routes_by(filter).stream().filter_map(|item| item.map(|r| found.push(r)).err()).collect();
        assert!(matches!(ends[..], [ref end] if matches!(end.kind, ErrorKind::Oversize { .. })), "{ends:?}");
        let count = |prefix: &str| {
            found
                .iter()
                .filter_map(|r| r.destination())
                .filter(|net| net.to_string().starts_with(prefix))
                .count()
        };
        assert_eq!(count("30.0."), 10, "the other table");
        assert_eq!(count("fd20:"), if family == 0 { 10 } else { 0 });
    }
    // What does not meet it is whole.
    let table = RouteFilter { table: Some(100), ..RouteFilter::default() };
    assert_eq!(handle.routes_by(table).all().unwrap().len(), 10);
    let loopback = RouteFilter { oif: Some(1), ..RouteFilter::default() };
    assert!(!handle.routes_by(loopback).all().unwrap().is_empty());
    let main = RouteFilter { table: Some(254), family: 2, ..RouteFilter::default() };
    assert!(matches!(handle.routes_by(main).all().unwrap_err().kind, ErrorKind::Oversize { .. }));
}

/// The same for IPv6, where 1,300 next hops are enough.
#[test]
fn an_ipv6_route_too_large_for_a_dump_is_told() {
    skip_unless!(is_root(), "not root");
    let (namespace, mut raw) = wide_namespace("wide6");
    let destination = [0xfd, 0x20, 0, 5, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(raw.ask(wide_route(&destination, 1000)), 0);
    let handle = Handle::new(&namespace.netns()).unwrap();
    let routes = handle.routes().all().unwrap();
    assert_eq!(routes.iter().map(|route| route.hops().count()).max(), Some(1000));
    let other = [0xfd, 0x20, 0, 4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(raw.ask(wide_route(&other, 1300)), 0);
    for family in [0, 10] {
        let filter = RouteFilter { family, ..RouteFilter::default() };
        let error = handle.routes_by(filter).all().unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Oversize { missing: 1.. }), "{error}");
    }
    let filter = RouteFilter { family: 2, ..RouteFilter::default() };
    assert!(handle.routes_by(filter).all().unwrap().len() >= 20);
}

/// KERNEL.md 3.5: neither flags a dump that missed entries; both are read again, and joined when it never ends.
#[test]
fn neighbours_and_rules_under_churn_miss_nothing_that_stays() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("churn");
    let mut batch = String::from(
        "link add ve0 index 20 type veth peer name ve1 index 21\nlink set ve1 up\nlink set ve0 up\n",
    );
    for n in 0..1500 {
        let (high, low) = (n / 250, n % 250 + 1);
        batch.push_str(&format!(
            "neigh add 10.9.{high}.{low} lladdr 02:00:00:00:00:01 nud permanent dev ve0\n"
        ));
        if n < 1000 {
            batch.push_str(&format!("rule add priority {} from 10.9.{high}.{low} table 7\n", 1000 + n));
        }
    }
    namespace.batch(&batch);
    let handle = Handle::new(&namespace.netns()).unwrap();
    let quiet = (handle.neighbours().all().unwrap(), handle.rules().all().unwrap());
    assert!(quiet.0.is_settled() && quiet.1.is_settled());
    assert!(quiet.0.len() >= 1500 && quiet.1.len() >= 1000);
    let stop = AtomicBool::new(false);
    let mut unsettled = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut raw = Raw::new(&namespace.netns());
            let mut round = 0u8;
            while !stop.load(Ordering::Relaxed) {
                round = round.wrapping_add(1);
                for (kind, flags) in [(rtm::NEWNEIGH, 0x400), (rtm::DELNEIGH, 0)] {
                    let flags = MessageFlags::ACK | MessageFlags::from_bits_retain(flags);
                    raw.ask(
                        Request::new(kind, flags)
                            .body(&[2u8, 0, 0, 0, 20, 0, 0, 0, 0x80, 0, 0, 0])
                            .attribute(1, &[10, 10, round, 1])
                            .attribute(2, &[2, 0, 0, 0, 0, 2]),
                    );
                }
                for (kind, flags) in [(rtm::NEWRULE, 0x600), (rtm::DELRULE, 0)] {
                    let flags = MessageFlags::ACK | MessageFlags::from_bits_retain(flags);
                    raw.ask(
                        Request::new(kind, flags)
                            .body(&[2u8, 0, 32, 0, 7, 0, 0, 1, 0, 0, 0, 0])
                            .attribute(2, &[10, 11, round, 1])
                            .attribute_u32(6, 500 + u32::from(round)),
                    );
                }
            }
        });
        let _stop = StopOnDrop(&stop);
        for _ in 0..8 {
            let neighbours = handle.neighbours().all().unwrap();
            let stay = |neighbour: &&Neighbour| {
                neighbour.dst().is_some_and(|dst| dst.to_string().starts_with("10.9."))
            };
            assert_eq!(neighbours.iter().filter(stay).count(), 1500, "settled: {}", neighbours.is_settled());
            let rules = handle.rules().all().unwrap();
            let stay = rules.iter().filter(|rule| rule.priority() >= 1000 && rule.priority() < 2000);
            assert_eq!(stay.count(), 1000, "settled: {}", rules.is_settled());
            unsettled += usize::from(!neighbours.is_settled()) + usize::from(!rules.is_settled());
        }
    });
    eprintln!("{unsettled} of 16 lists never became quiet");
    let after = handle.neighbours().all().unwrap();
    assert!(after.is_settled());
    // Those that the kernel makes for itself (multicast of IPv6) come and go.
    let own = |neighbour: &&Neighbour| neighbour.dst().is_some_and(|dst| dst.is_ipv4());
    assert_eq!(after.iter().filter(own).count(), 1500);
}

#[test]
fn a_deleted_namespace_is_gone_and_its_name_is_another() {
    skip_unless!(is_root(), "not root");
    let mut namespace = Namespace::new("gone");
    let handle = Handle::new(&namespace.netns()).unwrap();
    handle.rules().all().unwrap();
    let cookie = handle.netns_cookie();
    namespace.delete();
    let error = handle.rules().all().unwrap_err();
    assert_eq!(error.kind, ErrorKind::NamespaceGone, "{error}");
    let again = Namespace::named(namespace.name());
    assert_eq!(handle.rules().all().unwrap_err().kind, ErrorKind::NamespaceGone);
    let other = Handle::new(&again.netns()).unwrap();
    assert_ne!(other.netns_cookie(), cookie);
    other.rules().all().unwrap();
}

/// KERNEL.md 3.4: a link message of more than 32 KiB is left out of a dump, unless the dump says what it wants.
#[test]
fn a_link_with_many_alternative_names_is_listed() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("altname");
    namespace.ip("link add ve0 index 20 type veth peer name ve1 index 21");
    let mut batch = String::new();
    for n in 0..300 {
        batch.push_str(&format!("link property add dev ve0 altname {:x>120}\n", format!("-{n}")));
    }
    namespace.batch(&batch);
    let handle = Handle::new(&namespace.netns()).unwrap();
    for _ in 0..2 {
        let links = handle.links().all().unwrap();
        let big = links.iter().find(|link| link.index() == 20).expect("the large link");
        assert!(big.as_bytes().len() > 32 << 10, "{} bytes", big.as_bytes().len());
        assert!(links.iter().any(|link| link.index() == 21) && links.iter().any(|link| link.name() == "lo"));
        handle.release();
    }
    let name = format!("{:x>120}", "-299");
    assert_eq!(handle.link_by_name(&name).unwrap().index(), 20);
}

/// A group of next hops may be larger than a dump's message, too.
#[test]
fn a_group_too_large_for_a_dump_is_told() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("group");
    namespace
        .batch("link set lo up\nlink add ve0 index 20 type veth peer name ve1 index 21\nlink set ve1 up\nlink set ve0 up\n");
    let mut raw = Raw::new(&namespace.netns());
    let make = || Request::new(rtm::NEWNEXTHOP, MessageFlags::ACK | MessageFlags::from_bits_retain(0x600));
    for id in 1..=5000 {
        // An IPv4 next hop over the link 20.
        let request = make().body(&[2u8, 0, 0, 0, 0, 0, 0, 0]).attribute_u32(1, id).attribute_u32(5, 20);
        assert_eq!(raw.ask(request), 0);
    }
    let mut group = |id: u32, members: u32| {
        let entries: Vec<u8> = (1..=members).flat_map(|n| [n.to_ne_bytes(), [0; 4]].concat()).collect();
        raw.ask(make().body(&[0u8; 8]).attribute_u32(1, id).attribute(2, &entries))
    };
    assert_eq!(group(6000, 3000), 0);
    let handle = Handle::new(&namespace.netns()).unwrap();
    assert_eq!(handle.nexthops().all().unwrap().len(), 5001);
    assert_eq!(group(6001, 5000), 0);
    let error = handle.nexthops().all().unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Oversize { missing: 1.. }), "{error}");
}
