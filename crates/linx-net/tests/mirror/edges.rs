//! Edges: narrowed mirrors whose objects begin and cease to match, things that are there twice, many causes at once.

use std::time::{Duration, Instant};

use linx::mirror::{Cause, Delta, Watch};
use linx::{LinkFilter, LinkView, Mirror, Notice, RouteFilter, RouteView, RuleView};
use linx_test::{Namespace, PATIENCE, Raw, is_root, skip_unless, until};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::route::FibRuleHdr;

/// What is told until nothing more comes.
fn deltas(watch: &mut Watch) -> Vec<Delta> {
    let mut all = Vec::new();
    while let Some(notice) = watch.try_next().unwrap() {
        if let Notice::Delta(delta) = notice {
            all.push(delta);
        }
    }
    all
}

#[test]
fn an_announcement_that_made_no_delta_blames_no_other() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("blame");
    namespace.batch(
        "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddress add 10.0.0.1/24 dev v0\n",
    );
    // Links are not told.
    let mirror = Mirror::builder(&namespace.netns()).routes().audit(None).start().unwrap();
    let mut watch = mirror.watch();
    namespace.ip("route add 10.9.0.0/16 via 10.0.0.2");
    namespace.ip("link set v0 down");
    mirror.quiet(PATIENCE).unwrap();
    let told = deltas(&mut watch);
    let implied: Vec<_> = told.iter().filter(|delta| delta.cause() == Cause::Implied).collect();
    assert!(!implied.is_empty());
    for delta in implied {
        assert_eq!(delta.trigger().and_then(|trigger| trigger.revision), None, "{delta}");
    }
}

#[test]
fn more_links_go_down_at_once_than_reasons_are_remembered() {
    const LINKS: u32 = 80;
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("reasons");
    let all = |line: &dyn Fn(u32) -> String| (0..LINKS).map(line).collect::<String>();
    namespace.batch(&all(&|n| {
        format!("link add a{n} type veth peer name b{n}\nlink set a{n} up\nlink set b{n} up\n")
    }));
    namespace.batch("address add 10.0.0.1/24 dev a79\nroute add 10.9.0.0/16 via 10.0.0.2\n");
    let mut driver = Mirror::builder(&namespace.netns()).routes().audit(None).driver().unwrap();
    let mirror = driver.mirror();
    let is_main = |route: &linx::RouteRef<'_>| (route.family(), route.table()) == (2, 254);
    let mut settle = |routes: usize| {
        until("all to be done, with so many routes", || {
            driver.advance(Instant::now()).unwrap();
            let held = mirror.snapshot().routes().iter().filter(is_main).count();
            mirror.is_synced() && driver.deadline().is_none() && held == routes
        });
    };
    settle(2);
    // Nobody reads until all are down.
    namespace.batch(&all(&|n| format!("link set a{n} down\n")));
    settle(0);
    assert_eq!(mirror.stats().audit_repairs, 0);
}

#[test]
fn links_of_a_filter_come_and_go() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("wanted");
    namespace.batch(
        "link add v0 type veth peer name v1\nlink add br0 type bridge\nlink set br0 up\nlink set v0 up\n\
         link set v1 up\n",
    );
    let handle = linx::Handle::new(&namespace.netns()).unwrap();
    let veths = LinkFilter { kind: Some("veth".into()), ..LinkFilter::default() };
    let ports =
        LinkFilter { master: Some(handle.link_by_name("br0").unwrap().index()), ..LinkFilter::default() };
    let [veths, ports] =
        [veths, ports].map(|filter| Mirror::builder(&namespace.netns()).links_by(filter).start().unwrap());
    let names = |mirror: &Mirror| {
        mirror.audit();
        mirror.quiet(PATIENCE).unwrap();
        let mut names: Vec<String> =
            mirror.snapshot().links().iter().map(|link| link.name().to_string()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&veths), ["v0", "v1"]);
    assert!(names(&ports).is_empty());
    for _ in 0..2 {
        namespace.ip("link set v0 master br0");
        assert_eq!(names(&ports), ["v0"]);
        namespace.ip("link set v0 nomaster");
        assert!(names(&ports).is_empty());
    }
    assert_eq!(names(&veths), ["v0", "v1"]);
}

#[test]
fn a_route_is_replaced_by_one_that_does_not_match() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("replaced");
    namespace.batch(
        "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddress add 10.0.0.1/24 dev v0\n\
         address add 10.1.0.1/24 dev v1\nroute add default via 10.0.0.2\naddress add fd01::1/64 dev v0 nodad\n\
         address add fd02::1/64 dev v1 nodad\nroute add fd99::/64 via fd01::2\n",
    );
    let index = linx::Handle::new(&namespace.netns()).unwrap().link_by_name("v0").unwrap().index();
    let filter = RouteFilter { oif: Some(index), ..RouteFilter::default() };
    let mirror = Mirror::builder(&namespace.netns()).routes_by(filter).audit(None).start().unwrap();
    let count = || {
        mirror.quiet(PATIENCE).unwrap();
        mirror.snapshot().routes().iter().filter(|route| route.gateway().is_some()).count()
    };
    assert_eq!(count(), 2);
    namespace.ip("route replace default via 10.1.0.2");
    assert_eq!(count(), 1);
    namespace.ip("route replace fd99::/64 via fd02::2");
    assert_eq!(count(), 0);
}

#[test]
fn rules_that_are_the_same_to_the_letter_go_one_by_one() {
    const PRIORITY: u32 = 500;
    const FRA_PRIORITY: u16 = 6;
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("twice");
    let mut raw = Raw::new(&namespace.netns());
    let mut ask = |request: u16, flags: u16| {
        let header = FibRuleHdr { family: 2, table8: 77, action: 1, ..FibRuleHdr::default() };
        let flags = MessageFlags::from_bits_retain(flags) | MessageFlags::ACK;
        let request = Request::new(request, flags).body(&header).attribute_u32(FRA_PRIORITY, PRIORITY);
        assert_eq!(raw.ask(request), 0);
    };
    // RTM_NEWRULE with NLM_F_CREATE alone, RTM_DELRULE.
    let (new, del) = ((32, 0x400), (33, 0));
    (0..2).for_each(|_| ask(new.0, new.1));
    let mirror = Mirror::builder(&namespace.netns()).rules().audit(None).start().unwrap();
    let is_there = || {
        mirror.quiet(PATIENCE).unwrap();
        mirror.snapshot().rules().iter().any(|rule| rule.priority() == PRIORITY)
    };
    ask(del.0, del.1);
    assert!(is_there(), "there were two before it began");
    ask(del.0, del.1);
    assert!(!is_there());
    (0..3).for_each(|_| ask(new.0, new.1));
    for left in [2, 1, 0] {
        ask(del.0, del.1);
        assert_eq!(is_there(), left > 0, "{left} left");
    }
}

#[test]
fn a_driver_does_not_end_with_a_mirror() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("driven");
    let mut driver = Mirror::builder(&namespace.netns()).links().driver().unwrap();
    while !driver.mirror().is_synced() {
        driver.advance(Instant::now()).unwrap();
    }
    namespace.ip("link add v0 type veth peer name v1");
    driver.advance(Instant::now()).unwrap();
    assert_eq!(driver.mirror().snapshot().links().len(), 3);
}

#[test]
fn audits_that_never_come_and_such_that_never_end() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("audits");
    for interval in [Duration::MAX, Duration::ZERO] {
        let mirror = Mirror::builder(&namespace.netns()).audit(Some(interval)).start().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        namespace.try_ip("link set lo up").unwrap();
        assert_eq!(mirror.snapshot().netns(), mirror.netns_cookie());
        assert!(mirror.watch().next().is_ok());
    }
}

#[test]
fn an_mtu_that_ipv6_needs_makes_an_address_in_silence() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("mtu");
    namespace.batch("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\n");
    until("an address of each", || namespace.ip("-6 -o address").lines().count() == 2);
    let mirror = Mirror::builder(&namespace.netns()).addresses().audit(None).start().unwrap();
    namespace.ip("link set v0 mtu 1200");
    mirror.quiet(PATIENCE).unwrap();
    assert_eq!(mirror.snapshot().addresses().len(), 1);
    namespace.ip("link set v0 mtu 1500");
    mirror.quiet(PATIENCE).unwrap();
    let listed = linx::Handle::new(&namespace.netns()).unwrap().addresses().all().unwrap();
    assert_eq!((mirror.snapshot().addresses().len(), listed.len()), (2, 2));
}

/// The kernel does not look whether it has what a replacement makes, and then has two over one link.
#[test]
fn two_ipv6_routes_over_one_link_differ_in_who_made_them() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("whomade");
    namespace.batch(
        "link add v0 type veth peer name v1\nlink add v2 type veth peer name v3\nlink set v0 up\nlink set v1 up\n\
         link set v2 up\nlink set v3 up\nroute add fdaa::/48 dev v0 metric 100\n",
    );
    let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
    let mut watch = mirror.watch();
    namespace.batch(
        "route append fdaa::/48 dev v2 metric 100\nroute replace fdaa::/48 dev v2 metric 100 proto static\n",
    );
    crate::oracle::assert_true(&mirror, &namespace);
    deltas(&mut watch);
    // Of one alone, who made it is what changes.
    namespace.batch(
        "route add fdbb::/48 dev v0 metric 100\nroute replace fdbb::/48 dev v0 metric 100 proto static\n",
    );
    crate::oracle::assert_true(&mirror, &namespace);
    // The links' own addresses come by themselves meanwhile.
    let told: Vec<_> = deltas(&mut watch)
        .iter()
        .filter(|delta| delta.kind() == linx::Kind::Route && delta.key().to_string().contains("fdbb:"))
        .map(|delta| (delta.change(), delta.fields().to_vec()))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], (linx::mirror::Change::Changed, vec!["protocol".to_owned()]));
    namespace.batch("route del fdaa::/48 dev v2 metric 100\n");
    crate::oracle::assert_true(&mirror, &namespace);
    namespace.batch("route del fdaa::/48 dev v2 metric 100\n");
    crate::oracle::assert_true(&mirror, &namespace);
}

/// The kernel lists them, but what it announces later does not say: such a mirror would hold others, too.
#[test]
fn what_no_announcement_tells_is_no_filter() {
    use linx::{ErrorKind, NeighbourFilter, Netns, NextHopFilter};
    let own = || Mirror::builder(&Netns::host().unwrap());
    let ports = NeighbourFilter { master: Some(1), ..NeighbourFilter::default() };
    let error = own().neighbours_by(ports).start().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.to_string().starts_with("follow neighbours by the master of their link: "), "{error}");
    let hops = NextHopFilter { master: Some(1), ..NextHopFilter::default() };
    assert_eq!(own().nexthops_by(hops).driver().unwrap_err().kind, ErrorKind::Unsupported);
    // Forwarding entries say whose they are.
    let entries = NeighbourFilter { master: Some(1), ..NeighbourFilter::fdb() };
    assert!(own().neighbours_by(entries).audit(None).start().is_ok());
}

/// More changes before the first reading than a reading remembers reasons: it is of everything all the same.
#[test]
fn a_mirror_that_begins_amid_many_changes_reads_everything() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("amid");
    namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
    namespace.batch("link add d0 type veth peer name d1\nlink set d1 up\nlink set d0 up\n");
    let all = |how: &str, count: u32| -> String {
        (0..count).map(|at| format!("address {how} 10.0.{at}.1/24 dev d0\n")).collect()
    };
    namespace.batch(&all("add", 120));
    let mut driver = Mirror::builder(&namespace.netns()).audit(None).driver().unwrap();
    let mirror = driver.mirror();
    namespace.batch(&all("del", 100));
    let mut wrong = Vec::new();
    for _ in 0..10 {
        until("all to be done", || {
            driver.advance(Instant::now()).unwrap();
            mirror.is_synced() && driver.deadline().is_none()
        });
        wrong = crate::oracle::differences(&mirror, &namespace);
        if wrong.is_empty() {
            break;
        }
        // Some things are listed a moment before they are announced.
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
