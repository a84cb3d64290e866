//! The monitor in namespaces whose changes the test makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use linx::monitor::{Builder, Decoder, Origin, Sink};
use linx::route::{Event, Monitor, Notice, NoticeRef};
use linx::{
    AddressView, ErrorKind, Group, Handle, Key, Kind, LinkView, LossReason, NeighbourState, NeighbourView,
    Netns, Object, ObjectRef, Operation, Protocol, RestartPolicy, Route, RouteFilter, RouteView,
};
use linx_sys::wait_readable;
use linx_test::{Namespace, PATIENCE, Raw, Step, Storm, break_socket, is_root, send_to_portid, skip_unless};
use linx_wire::DecodeError;
use linx_wire::emit::Request;
use linx_wire::header::{Message, MessageFlags};
use linx_wire::uapi::rtm;

fn monitor(namespace: &Namespace) -> Monitor {
    Monitor::builder().netns(&namespace.netns()).subscribe().unwrap()
}

fn routes(namespace: &Namespace) -> linx::route::Builder {
    Monitor::builder().netns(&namespace.netns()).groups(&[Group::IPV4_ROUTE])
}

/// The next notice; the test fails when none comes.
fn next(monitor: &mut Monitor) -> Notice {
    monitor.recv_timeout(PATIENCE).unwrap().expect("a notice")
}

/// The change of a storm that an object is.
fn step(op: Operation, route: &impl RouteView) -> Option<Step> {
    let IpAddr::V4(address) = route.destination()?.addr() else { return None };
    let number = u32::from(address).checked_sub(0x0b00_0000).filter(|number| *number < 1 << 24)?;
    Some(Step { add: op == Operation::New, number })
}

fn step_of(event: &Event) -> Option<Step> {
    match &event.object {
        Object::Route(route) => step(event.op, route),
        _ => None,
    }
}

#[test]
fn what_happens_is_told_in_order() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("order");
    // The blackhole next hop is on it.
    namespace.ip("link set lo up");
    let before = SystemTime::now();
    let mut monitor = monitor(&namespace);
    let script = [
        "link add ve0 type veth peer name ve1",
        "link set ve0 up",
        "address add 10.0.0.1/24 dev ve0",
        "route add 10.9.0.0/16 dev ve0",
        "neigh add 10.0.0.7 lladdr 02:00:00:00:00:01 dev ve0",
        "rule add priority 77 from 10.0.0.0/8 table 9",
        "nexthop add id 5 blackhole",
        "nexthop del id 5",
        "rule del priority 77",
        "neigh del 10.0.0.7 dev ve0",
        "route del 10.9.0.0/16",
        "address del 10.0.0.1/24 dev ve0",
        "link del ve0",
    ];
    namespace.batch(&script.join("\n"));
    let mut events = Vec::new();
    monitor.until_now(PATIENCE, |notice| events.push(notice.event().expect("an event"))).unwrap();
    let mut story = Vec::new();
    for event in &events {
        assert_eq!(event.netns, monitor.netns_cookie());
        assert!(event.time >= before && event.time <= SystemTime::now());
        let sign = if event.op == Operation::New { '+' } else { '-' };
        let what = match &event.object {
            Object::Link(link) if link.name() == "ve0" && link.family() == 0 => "link",
            Object::Address(address) if address.family() == 2 => "address",
            Object::Route(route) if route.destination().is_some_and(|d| d.to_string() == "10.9.0.0/16") => {
                "route"
            }
            Object::Neighbour(neighbour) if neighbour.dst() == Some("10.0.0.7".parse().unwrap()) => {
                // Deletion is announced twice: as the state FAILED, then as deletion.
                if event.op == Operation::New && neighbour.state().contains(NeighbourState::FAILED) {
                    continue;
                }
                "neigh"
            }
            Object::Rule(_) => "rule",
            Object::NextHop(_) => "nexthop",
            _ => continue,
        };
        let entry = format!("{sign}{what}");
        // A link is told several times: made, up, with its qdisc.
        if story.last() != Some(&entry) {
            story.push(entry);
        }
    }
    let expected = "+link +address +route +neigh +rule +nexthop -nexthop -rule -neigh -route -address -link";
    story.dedup();
    let story = story.join(" ");
    let without_links = |story: &str| story.replace(" +link", "");
    assert_eq!(without_links(&story), without_links(expected), "{story}");
    let stats = monitor.control().stats();
    assert_eq!((stats.events, stats.losses), (events.len() as u64, 0));
}

#[test]
fn the_key_of_a_multipath_route_is_the_lists() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("hops");
    namespace.batch("link set lo up\nlink add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\n");
    namespace.batch("address add fd00::1/64 dev v0 nodad\n");
    let groups = [Group::IPV6_ROUTE];
    let mut monitor = Monitor::builder().netns(&namespace.netns()).groups(&groups).subscribe().unwrap();
    namespace.batch(
        "route add fd06::/64 nexthop via fd00::2 dev v0 nexthop via fd00::3 dev v0\n\
         route append fd06::/64 via fd00::4 dev v0\n",
    );
    let is_it = |route: &Route| route.destination().is_some_and(|dst| dst.to_string() == "fd06::/64");
    let mut told = None;
    monitor
        .until_now(PATIENCE, |notice| match notice {
            Notice::Event(Event { object: Object::Route(route), .. }) if is_it(&route) => {
                told = Some(Key::of(&route.as_ref()));
            }
            _ => {}
        })
        .unwrap();
    let listed = Handle::new(&namespace.netns()).unwrap().routes().all().unwrap();
    let listed: Vec<_> = listed.iter().filter(|route| is_it(route)).collect();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].hops().count(), 3);
    assert_eq!(told, Some(Key::of(&listed[0].as_ref())));
}

#[test]
fn groups_and_kinds_narrow_and_unknown_messages_are_passed_on() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("groups");
    let netns = namespace.netns();
    let mut addresses = Monitor::builder().netns(&netns).kinds(&[Kind::Address]).subscribe().unwrap();
    let mut netconf = Monitor::builder().netns(&netns).groups(&[Group::IPV4_NETCONF]).subscribe().unwrap();
    namespace.batch("link set lo up\naddress add 10.0.0.1/32 dev lo\n");
    namespace.sysctl("net.ipv4.conf.lo.forwarding", "1");
    let mut seen = 0;
    addresses
        .until_now(PATIENCE, |notice| {
            seen += 1;
            assert!(matches!(notice.event().unwrap().object, Object::Address(_)));
        })
        .unwrap();
    assert!(seen >= 2, "127.0.0.1 and 10.0.0.1");
    let Notice::Unknown(unknown) = next(&mut netconf) else { panic!("RTM_NEWNETCONF is no object") };
    assert_eq!(unknown.message_type, 80);
    let error = Monitor::builder().netns(&netns).groups(&[Group(4000)]).subscribe().unwrap_err();
    assert!(error.to_string().contains("group 4000"), "{error}");
}

/// 200,000 changes as fast as they can be made: none missing, in order. Both ways of reading.
#[test]
fn a_storm_is_told_whole_and_in_order() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("storm");
    let mut storm = Storm::new(&namespace);
    // All of it fits, however late it is read.
    let mut owned = routes(&namespace).rcvbuf(128 << 20).subscribe().unwrap();
    let mut borrowed = routes(&namespace).rcvbuf(128 << 20).subscribe().unwrap();
    let portid = storm.portid();
    std::thread::scope(|scope| {
        scope.spawn(|| storm.cycles(10_000, 10));
        scope.spawn(|| {
            let mut expected = Step::of_cycles(10_000, 10);
            for _ in 0..200_000 {
                let Notice::Event(event) = next(&mut owned) else { panic!("a loss") };
                assert_eq!(step_of(&event), expected.next());
                assert_eq!(event.portid, portid);
            }
        });
        let (mut expected, mut count) = (Step::of_cycles(10_000, 10), 0);
        borrowed
            .for_each_ref(Some(PATIENCE), |notice| {
                let NoticeRef::Event(event) = notice else { panic!("{notice:?}") };
                let ObjectRef::Route(route) = event.object else { panic!("{event:?}") };
                assert_eq!(step(event.op, &route), expected.next());
                count += 1;
                if count < 200_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
    });
    assert_eq!(owned.control().stats().events, 200_000);
    assert_eq!(borrowed.control().stats().losses, 0);
}

/// The same with a receive buffer of 2 KiB: every hole is told, and the stream goes on. Who ignores what is told (the
/// negative control) has a wrong picture.
#[test]
fn a_storm_into_a_tiny_buffer_tells_every_loss() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("tiny-storm");
    let mut storm = Storm::new(&namespace);
    let mut monitor = routes(&namespace).rcvbuf(2048).subscribe().unwrap();
    let handle = Handle::new(&namespace.netns()).unwrap();
    let list = || -> BTreeSet<u32> {
        let filter = RouteFilter { family: 2, table: Some(254), ..RouteFilter::default() };
        let mut numbers = BTreeSet::new();
        handle
            .routes_by(filter)
            .for_each(|route| numbers.extend(step(Operation::New, &route).map(|step| step.number)))
            .unwrap();
        numbers
    };
    let mut steps: Vec<Step> = Step::of_cycles(2_000, 50).collect();
    steps.extend((0..2_000).map(|number| Step { add: true, number }));
    // Sent while nobody reads, so that each batch overflows the buffer.
    let unattended: Vec<Step> = (0..2_000).map(|number| Step { add: false, number }).collect();
    let attended = steps.len();
    steps.extend(&unattended);
    let heedless = RefCell::new(BTreeSet::new());
    let (mut losses, mut events, mut holes) = (0u64, 0u64, 0u64);
    // Events since a hole that was not told yet; whether a loss was told since the last event; the last event's place.
    let (mut untold, mut told, mut last) = (0, false, None);
    let mut take = |notice: Notice| match notice {
        Notice::Event(event) => {
            let Some(change) = step_of(&event) else { return };
            events += 1;
            let mut heedless = heedless.borrow_mut();
            if change.add {
                heedless.insert(change.number)
            } else {
                heedless.remove(&change.number)
            };
            let from = last.map_or(0, |last| last + 1);
            let place = from + steps[from..].iter().position(|step| *step == change).expect("in order");
            if place != from {
                holes += 1;
                // Told between the event before the hole and this one, or else soon.
                untold = if told { 0 } else { untold + 1 };
            } else if untold > 0 {
                untold += 1;
            }
            assert!(untold < 64, "a hole before {place} is not told");
            (told, last) = (false, Some(place));
        }
        Notice::ResyncNeeded(loss) => {
            assert!(matches!(loss.reason, LossReason::Overflow), "{:?}", loss.reason);
            losses += 1;
            (untold, told) = (0, true);
        }
        other => panic!("{other:?}"),
    };
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for steps in steps[..attended].chunks(64) {
                storm.send(steps);
            }
        });
        while !sender.is_finished() {
            if let Some(notice) = monitor.recv_timeout(Duration::from_millis(10)).unwrap() {
                take(notice);
            }
        }
    });
    monitor.until_now(PATIENCE, &mut take).unwrap();
    // Who listed once is right now, and heeds nothing from here on.
    heedless.replace(list());
    assert_eq!(heedless.borrow().len(), 2_000);
    let mut rounds = 0;
    for batch in unattended.chunks(64) {
        let before = monitor.control().stats().losses;
        storm.send(batch);
        monitor.until_now(PATIENCE, &mut take).unwrap();
        assert!(monitor.control().stats().losses > before, "round {rounds}");
        rounds += 1;
    }
    assert!(untold == 0 && (last == Some(steps.len() - 1) || told), "the last hole is not told");
    let stats = monitor.control().stats();
    assert_eq!(stats.losses, losses);
    // Every change is an event or a counted drop; lost acknowledgements of barriers are counted, too.
    let accounted = events + stats.drops;
    assert!((steps.len() as u64..=steps.len() as u64 + 3 * rounds).contains(&accounted), "{accounted}");
    assert!(losses >= rounds && holes + 1 >= rounds, "{losses} losses, {holes} holes");
    assert!(list().is_empty());
    assert!(heedless.borrow().len() > 1_000, "the negative control: who does not heed losses is wrong");
    // It goes on: the next change is told.
    storm.send(&[Step { add: true, number: 7 }]);
    let Notice::Event(event) = next(&mut monitor) else { panic!("an event") };
    assert_eq!(step_of(&event), Some(Step { add: true, number: 7 }));
}

/// Who lists again at every loss, while the storm goes on, is right at the end.
#[test]
fn a_storm_is_survived_by_listing_again_at_each_loss() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("relist-storm");
    let mut storm = Storm::new(&namespace);
    let mut monitor = routes(&namespace).rcvbuf(4 << 10).subscribe().unwrap();
    let handle = Handle::new(&namespace.netns()).unwrap();
    let kept = || (0..1_000).filter(|number| number % 3 == 0);
    let mut picture = BTreeSet::new();
    let mut losses = 0;
    let list = |picture: &mut BTreeSet<u32>| {
        picture.clear();
        let filter = RouteFilter { family: 2, ..RouteFilter::default() };
        handle
            .routes_by(filter)
            .for_each(|route| picture.extend(step(Operation::New, &route).map(|step| step.number)))
            .unwrap();
    };
    let mut take = |notice: Notice, picture: &mut BTreeSet<u32>| match notice {
        Notice::Event(event) => {
            if let Some(change) = step_of(&event) {
                if change.add {
                    picture.insert(change.number)
                } else {
                    picture.remove(&change.number)
                };
            }
        }
        Notice::ResyncNeeded(_) => {
            losses += 1;
            list(picture);
        }
        _ => {}
    };
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            storm.cycles(1_000, 20);
            storm
        });
        while !sender.is_finished() {
            if let Some(notice) = monitor.recv_timeout(Duration::from_millis(10)).unwrap() {
                take(notice, &mut picture);
            }
        }
        // And once without a reader.
        let mut storm = sender.join().unwrap();
        let last: Vec<Step> = kept().map(|number| Step { add: true, number }).collect();
        storm.send(&last);
        monitor.until_now(PATIENCE, |notice| take(notice, &mut picture)).unwrap();
    });
    assert!(losses > 0);
    assert_eq!(picture, kept().collect());
}

/// KERNEL.md 5.8: events before, none after; 300 times, while others make changes too.
#[test]
fn a_barrier_stands_behind_all_that_happened() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("barrier");
    let mut storm = Storm::new(&namespace);
    let mut monitor = routes(&namespace).subscribe().unwrap();
    for number in 0..300 {
        storm.send(&[Step { add: true, number }]);
        let barrier = monitor.barrier().unwrap();
        storm.send(&[Step { add: false, number }]);
        let Notice::Event(first) = next(&mut monitor) else { panic!("an event") };
        assert_eq!(step_of(&first), Some(Step { add: true, number }));
        assert!(
            matches!(next(&mut monitor), Notice::Barrier(reached) if reached == barrier),
            "round {number}"
        );
        let Notice::Event(second) = next(&mut monitor) else { panic!("an event") };
        assert_eq!(step_of(&second), Some(Step { add: false, number }));
    }
}

/// One `try_recv` each time the descriptor is readable is enough to hear of everything.
#[test]
fn the_descriptor_is_readable_while_anything_is_pending() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("fd-storm");
    let mut storm = Storm::new(&namespace);
    // That other namespaces come and go would make it readable, too.
    let mut monitor = routes(&namespace).rcvbuf(4096).follow(false).subscribe().unwrap();
    let readable = |monitor: &Monitor, timeout| wait_readable(monitor.as_fd(), Some(timeout)).unwrap();
    monitor.until_now(PATIENCE, drop).unwrap();
    assert!(!readable(&monitor, Duration::ZERO));
    for round in 0..20 {
        // More than the buffer holds, sent before anything is read: a loss, and nothing after it.
        let steps: Vec<Step> = (0..64).map(|number| Step { add: round % 2 == 0, number }).collect();
        storm.send(&steps);
        let (mut events, mut losses) = (0, 0);
        while readable(&monitor, Duration::from_millis(if losses == 0 { 20_000 } else { 0 })) {
            match monitor.try_recv().unwrap() {
                Some(Notice::Event(_)) => events += 1,
                Some(Notice::ResyncNeeded(loss)) => losses += loss.drops,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
        assert_eq!(events + losses, 64, "round {round}");
        assert!(monitor.try_recv().unwrap().is_none());
    }
    let control = monitor.control();
    control.unsubscribe();
    assert!(readable(&monitor, PATIENCE) && control.is_ended());
    assert_eq!(monitor.try_recv().unwrap_err().kind, ErrorKind::Unsubscribed);
    assert!(readable(&monitor, Duration::ZERO), "an end stays pending");
}

#[test]
fn a_stranger_is_not_believed() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("spoof");
    let mut monitor = monitor(&namespace);
    let forged = Request::new(rtm::NEWROUTE, MessageFlags::empty())
        .body(&[2u8, 32, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0])
        .attribute(1, &[10, 66, 66, 66])
        .finish(0, 0)
        .unwrap();
    let sender = send_to_portid(&namespace.netns(), monitor.portid(), &forged);
    match next(&mut monitor) {
        Notice::Spoofed { portid, length } => assert_eq!((portid, length), (sender, forged.len())),
        other => panic!("{other:?}"),
    }
    assert_eq!(monitor.control().stats().spoofed, 1);
    namespace.ip("link set lo up");
    let Notice::Event(event) = next(&mut monitor) else { panic!("an event") };
    assert_ne!(event.object.kind(), Kind::NsId);
}

/// A decoder that cannot read every third message.
struct Picky(u32);

impl Decoder for Picky {
    type Event = u32;
    type Transaction = std::convert::Infallible;
    const PROTOCOL: Protocol = Protocol::ROUTE;

    fn message(
        &mut self,
        message: &Message<'_>,
        _: Origin,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), DecodeError> {
        self.0 += 1;
        if self.0 % 3 == 0 {
            // A route of family AF_INET whose destination has 16 bytes.
            let mut broken = message.payload.to_vec();
            broken.extend([20, 0, 1, 0]);
            broken.extend([0; 16]);
            return Object::decode(rtm::NEWROUTE, &broken).map(|_| ());
        }
        sink.event(self.0);
        Ok(())
    }
}

#[test]
fn an_undecodable_message_is_reported_with_its_bytes_and_ends_nothing() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("picky");
    let mut storm = Storm::new(&namespace);
    let mut monitor =
        Builder::new(Picky(0), &[Group::IPV4_ROUTE]).netns(&namespace.netns()).subscribe().unwrap();
    storm.cycles(15, 1);
    let (mut events, mut faults) = (Vec::new(), 0);
    monitor
        .until_now(PATIENCE, |notice| match notice {
            linx::monitor::Notice::Event(number) => events.push(number),
            linx::monitor::Notice::ResyncNeeded(loss) => {
                let LossReason::Undecodable { bytes, error } = loss.reason else {
                    panic!("{:?}", loss.reason)
                };
                assert_eq!(bytes[..4], u32::try_from(bytes.len()).unwrap().to_ne_bytes());
                assert!(error.to_string().starts_with("RTA_DST: "), "{error}");
                faults += 1;
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!(events, (1..=30).filter(|number| number % 3 != 0).collect::<Vec<_>>());
    assert_eq!((faults, monitor.control().stats().undecodable), (10, 10));
}

#[test]
fn a_namespace_deleted_under_the_monitor_ends_it() {
    skip_unless!(is_root(), "not root");
    let mut namespace = Namespace::new("dead");
    let mut monitor = monitor(&namespace);
    namespace.ip("link set lo up");
    monitor.until_now(PATIENCE, drop).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| monitor.recv().unwrap_err());
        namespace.delete();
        let error = reader.join().unwrap();
        assert_eq!(error.kind, ErrorKind::NamespaceGone, "{error}");
    });
    assert!(started.elapsed() < PATIENCE);
    assert!(wait_readable(monitor.as_fd(), Some(Duration::ZERO)).unwrap());
    assert_eq!(monitor.try_recv().unwrap_err().kind, ErrorKind::NamespaceGone, "and stays ended");
    // Other mounts come and go unnoticed.
    let other = Namespace::new("other");
    let mut alive = self::monitor(&other);
    drop(Namespace::new("third"));
    assert!(alive.recv_timeout(Duration::from_millis(50)).unwrap().is_none());
    assert!(alive.try_recv().unwrap().is_none());
}

/// "For ever", said as a time.
#[test]
fn a_time_that_no_clock_reaches_is_waited_for() {
    let mut monitor = Monitor::builder().groups(&[Group::IPV4_RULE]).subscribe().unwrap();
    monitor.until_now(Duration::MAX, |_| {}).unwrap();
    let handle = Handle::host().unwrap().with_timeout(Duration::MAX);
    assert!(!handle.links().all().unwrap().is_empty());
}

/// Whatever the reader does just then: has not begun, looks, is about to wait, waits. Who is not woken sees it after two
/// seconds, which is too late: of all together here.
#[test]
fn a_control_ends_a_reader_who_waits() {
    let start = Instant::now();
    for pause in (0..500).map(|step| Duration::from_micros(4 * step)) {
        let mut monitor = Monitor::builder().groups(&[Group::MDB]).subscribe().unwrap();
        let control = monitor.control();
        let (sender, ended) = sync_channel(1);
        let reader = std::thread::spawn(move || {
            sender.send(monitor.notices().count()).unwrap();
            monitor
        });
        let begun = Instant::now();
        while begun.elapsed() < pause {
            std::hint::spin_loop();
        }
        control.unsubscribe();
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(0), "{pause:?}");
        assert!(start.elapsed() < Duration::from_secs(60), "nothing wakes it: {pause:?}");
        control.namespace_gone();
        let error = reader.join().unwrap().recv().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsubscribed, "the first reason stands");
    }
}

/// Of a protocol that only programs speak (NETLINK_USERSOCK): the kernel answers nothing there.
struct Chatter;

impl Decoder for Chatter {
    type Event = ();
    type Transaction = std::convert::Infallible;
    const PROTOCOL: Protocol = Protocol(2);

    fn message(&mut self, _: &Message<'_>, _: Origin, _: &mut Sink<'_, Self>) -> Result<(), DecodeError> {
        Ok(())
    }
}

#[test]
fn a_control_ends_a_reader_whom_the_kernel_does_not_answer() {
    let start = Instant::now();
    for _ in 0..20 {
        let mut monitor = Builder::new(Chatter, &[]).subscribe().unwrap();
        let control = monitor.control();
        let (sender, ended) = sync_channel(1);
        std::thread::spawn(move || sender.send(monitor.recv().unwrap_err().kind));
        assert!(ended.recv_timeout(Duration::from_millis(20)).is_err(), "it waits");
        control.unsubscribe();
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(ErrorKind::Unsubscribed));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "nothing wakes it");
}

/// Without a name to follow it waits in the call that receives, which a message of the kernel ends.
#[test]
fn a_reader_who_waits_hears_all_that_comes() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("patient");
    let mut storm = Storm::new(&namespace);
    let nameless = Netns::fd(namespace.netns().open().unwrap()).unwrap();
    let mut monitor = routes(&namespace).netns(&nameless).subscribe().unwrap();
    let control = monitor.control();
    let (sender, events) = sync_channel(64);
    let reader =
        std::thread::spawn(move || monitor.notices().all(|notice| sender.send(notice.unwrap()).is_ok()));
    for number in 0..50 {
        std::thread::sleep(Duration::from_millis(2));
        storm.send(&[Step { add: true, number }]);
        let notice = events.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(notice, Notice::Event(_)), "{notice:?}");
    }
    control.unsubscribe();
    let end = events.recv_timeout(PATIENCE);
    assert_eq!(end.err(), Some(RecvTimeoutError::Disconnected), "what wakes it is not told");
    assert!(reader.join().unwrap());
}

#[test]
fn a_failed_socket_is_replaced_and_that_is_a_loss() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("restart");
    let policy = RestartPolicy { first_pause: Duration::from_millis(20), ..RestartPolicy::default() };
    let mut monitor = Monitor::builder().netns(&namespace.netns()).supervised(policy).subscribe().unwrap();
    let mut frail = self::monitor(&namespace);
    for round in 1..=3 {
        // The descriptor becomes /dev/null.
        break_socket(&namespace.netns(), monitor.portid());
        assert!(monitor.try_recv().unwrap().is_none());
        assert!(monitor.deadline().is_some());
        let Notice::ResyncNeeded(loss) = next(&mut monitor) else { panic!("a loss") };
        let LossReason::Restarted { error, failures } = loss.reason else { panic!("{:?}", loss.reason) };
        assert_eq!((error.errno(), failures), (Some(88), 0), "{error}");
        assert!(monitor.deadline().is_none());
        namespace.ip("link set lo up");
        namespace.ip("link set lo down");
        assert!(matches!(next(&mut monitor), Notice::Event(_)));
        monitor.until_now(PATIENCE, drop).unwrap();
        assert_eq!(monitor.control().stats().restarts, round);
    }
    break_socket(&namespace.netns(), frail.portid());
    let end = loop {
        if let Err(error) = frail.recv() {
            break error;
        }
    };
    assert_eq!((end.kind.clone(), end.errno()), (ErrorKind::Io, Some(88)), "{end}");
}

#[test]
fn a_slow_receiver_lags_and_is_told_once() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("slow");
    let mut storm = Storm::new(&namespace);
    let (sender, receiver) = sync_channel(8);
    let control = routes(&namespace).subscribe().unwrap().forward_to(sender).unwrap();
    storm.cycles(500, 1);
    linx_test::until("all events are read", || control.stats().events >= 1000);
    // Eight in the channel at least, then one that tells of the rest; the last one may have been read and not passed on.
    let (mut events, mut lags) = (0, Vec::new());
    while events + lags.iter().sum::<u64>() < 1000 {
        match receiver.recv_timeout(PATIENCE).unwrap() {
            Notice::Event(_) => events += 1,
            Notice::Lagged(missed) => {
                assert!(events >= 8, "{events}");
                lags.push(missed);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(lags.len() == 1 && events <= 9, "{events}: {lags:?}");
    storm.send(&[Step { add: true, number: 1 }]);
    assert!(matches!(receiver.recv_timeout(PATIENCE).unwrap(), Notice::Event(_)), "and it goes on");
    control.namespace_gone();
    let Notice::Ended(error) = receiver.recv_timeout(PATIENCE).unwrap() else { panic!("its end") };
    assert_eq!(error.kind, ErrorKind::NamespaceGone);
    assert!(receiver.recv().is_err());
}

/// rtnetlink needs no privilege: a thread without any capability lists and monitors the namespace that it is in.
#[test]
fn without_privilege_everything_but_a_large_buffer_works() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nobody");
    namespace.batch("link set lo up\nlink add ve0 type veth peer name ve1\n");
    let mut raw = Raw::new(&namespace.netns());
    let change = |flags| {
        Request::new(rtm::NEWNEXTHOP, MessageFlags::ACK | flags)
            .body(&[2u8, 0, 0, 0, 0, 0, 0, 0])
            .attribute_u32(1, 9)
            .attribute(4, &[])
    };
    let other = Namespace::new("elsewhere");
    let (netns, elsewhere) = (namespace.netns(), other.netns());
    let (ask, asked) = sync_channel(1);
    std::thread::scope(|scope| {
        // One that keeps its privilege makes the change.
        scope.spawn(move || {
            asked.recv().unwrap();
            assert_eq!(raw.ask(change(MessageFlags::from_bits_retain(0x600))), 0);
        });
        netns.run(move || {
            let own = Netns::host().unwrap();
            linx_sys::drop_capabilities_except(&[]).unwrap();
            assert!(!is_root());
            let handle = Handle::new(&own).unwrap();
            assert_eq!(handle.links().all().unwrap().len(), 3);
            assert!(handle.rules().all().unwrap().is_settled());
            assert!(handle.routes().all().is_ok() && handle.neighbours().all().is_ok());
            assert!(handle.addresses().all().unwrap().iter().any(|address| address.prefix_len() == 8));
            let mut monitor = Monitor::builder().rcvbuf(64 << 20).subscribe().unwrap();
            assert!(monitor.control().stats().rcvbuf_bytes < 64 << 20, "it cannot be forced");
            ask.send(()).unwrap();
            let Notice::Event(event) = next(&mut monitor) else { panic!("an event") };
            assert_eq!(event.object.kind(), Kind::NextHop);
            // Another namespace needs a capability, which the error names.
            let error = Handle::new(&elsewhere).unwrap_err();
            assert!(matches!(
                error.kind,
                ErrorKind::Permission { capability: Some(linx::Capability::SYS_ADMIN) }
            ));
        })
    })
    .unwrap();
}

/// A namespace that was given by a process ends with it, as far as the monitor is concerned: by its pid, by its file in
/// `/proc`. What happened before is told first.
#[test]
fn a_process_that_ends_ends_the_monitor_that_was_given_by_it() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("process");
    /// Ended with the test.
    struct Process(std::process::Child);
    impl Drop for Process {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
    let held = || {
        let mut command = std::process::Command::new("ip");
        Process(command.args(["netns", "exec", namespace.name(), "sleep", "1000"]).spawn().unwrap())
    };
    let inside =
        |pid| Netns::pid(pid).is_ok_and(|netns| netns.cookie().ok() == namespace.netns().cookie().ok());
    for by_path in [false, true] {
        let process = held();
        let pid = process.0.id();
        linx_test::until("the process to be inside", || inside(pid));
        let netns =
            if by_path { Netns::path(format!("/proc/{pid}/ns/net")) } else { Netns::pid(pid) }.unwrap();
        let mut monitor =
            Monitor::builder().netns(&netns).supervised(RestartPolicy::default()).subscribe().unwrap();
        let mut apart = Monitor::builder().netns(&netns).follow(false).subscribe().unwrap();
        assert!(monitor.recv_timeout(Duration::from_millis(20)).unwrap().is_none());
        namespace.ip(if by_path { "link set lo down" } else { "link set lo up" });
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut told = 0;
                loop {
                    match monitor.recv() {
                        Ok(_) => told += 1,
                        Err(error) => return (told, error.kind),
                    }
                }
            });
            drop(process);
            let (told, end) = reader.join().unwrap();
            assert!(told > 0 && end == ErrorKind::NamespaceGone, "{told}, {end:?}");
        });
        assert!(wait_readable(monitor.as_fd(), Some(Duration::ZERO)).unwrap());
        assert_eq!(monitor.try_recv().unwrap_err().kind, ErrorKind::NamespaceGone, "and stays ended");
        // Who does not follow is not told: the namespace has a name and lives on.
        while apart.recv_timeout(Duration::from_millis(20)).unwrap().is_some() {}
        namespace.ip("address add 10.0.0.1/8 dev lo");
        assert!(apart.recv_timeout(PATIENCE).unwrap().is_some());
        namespace.ip("address flush dev lo");
        let gone = Monitor::builder().netns(&netns).subscribe().unwrap_err();
        assert_eq!(gone.kind, ErrorKind::NamespaceGone, "{gone}");
    }
}
