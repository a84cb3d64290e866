//! What the kernel changes without a word (KERNEL.md 4.4, and 1.6 where the events do not say what changed): that it
//! does change, and that no event tells. A kernel that begins to tell is noticed here.

#![cfg(feature = "nft")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use linx::nft::{self, Entity, ItemRef};
use linx::{
    AddressView, Compare, Handle, Key, LinkFlags, LinkView, Neighbour, NeighbourFilter, Object, Operation,
    RouteFilter, route,
};
use linx_sys::{Protocol, RecvBuf, Socket};
use linx_test::{PATIENCE, SilentScene, Stage, Teller, is_root, skip_unless};
use linx_wire::header::{Messages, control};
use linx_wire::nft::{Element, EntityRef};

/// So long nothing is said before nothing more is expected.
const QUIET: Duration = Duration::from_millis(300);

/// Something of a state.
#[derive(Clone, Debug)]
enum Thing {
    Object(Object),
    Entity(Entity),
    Element(Element),
}

impl Thing {
    fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
        match (self, other) {
            (Self::Object(a), Self::Object(b)) => a.differences(b, compare),
            (Self::Entity(a), Self::Entity(b)) => a.differences(b, compare),
            (Self::Element(a), Self::Element(b)) => a.differences(b, compare),
            _ => vec!["kind".to_owned()],
        }
    }
}

/// What is there, by key; of nf_tables without the `nft/` that all keys begin with.
#[derive(Clone, Debug, Default)]
struct State(BTreeMap<String, Thing>);

impl State {
    fn put(&mut self, object: Object) {
        self.0.insert(Key::from(&object).to_string(), Thing::Object(object));
    }

    fn items(entity: EntityRef<'_>) -> Vec<(String, Thing)> {
        let key = |item: ItemRef<'_>| Key::of_nft(item).as_str().trim_start_matches("nft/").to_owned();
        let thing = |item: ItemRef<'_>| match item {
            ItemRef::Element(element) => Thing::Element(element.to_owned()),
            _ => Thing::Entity(entity.to_owned()),
        };
        entity.items().map(|item| (key(item), thing(item))).collect()
    }

    /// What the kernel says is there.
    fn read(stage: &Stage, teller: Teller) -> Self {
        let handle = Handle::new(&stage.netns()).unwrap();
        let mut state = Self::default();
        if teller == Teller::Nft {
            let rules = nft::pull(&handle).ruleset().unwrap();
            state.0.extend(rules.entities().flat_map(Self::items));
            return state;
        }
        handle.links().all().unwrap().into_iter().for_each(|link| state.put(link.into()));
        handle.addresses().all().unwrap().into_iter().for_each(|address| state.put(address.into()));
        handle.routes().all().unwrap().into_iter().for_each(|route| state.put(route.into()));
        handle.rules().all().unwrap().into_iter().for_each(|rule| state.put(rule.into()));
        handle.nexthops().all().unwrap().into_iter().for_each(|next_hop| state.put(next_hop.into()));
        let proxies = NeighbourFilter { proxy: Some(true), ..NeighbourFilter::default() };
        for filter in [NeighbourFilter::default(), proxies, NeighbourFilter::fdb()] {
            let neighbours = handle.neighbours_by(filter).all().unwrap().into_iter();
            neighbours.filter(|neighbour| !is_of_a_device(neighbour)).for_each(|it| state.put(it.into()));
        }
        state
    }

    /// What somebody believes who believes events.
    fn hear(&mut self, op: Operation, told: Vec<(String, Thing)>) {
        for (key, thing) in told {
            match op {
                Operation::New => _ = self.0.insert(key, thing),
                Operation::Del => _ = self.0.remove(&key),
            }
        }
    }

    fn hear_object(&mut self, event: route::Event) {
        match &event.object {
            // About bridge ports and IPv6 on links, not about links.
            Object::Link(link) if link.family() != 0 => return,
            Object::Neighbour(neighbour) if is_of_a_device(neighbour) => return,
            _ => {}
        }
        self.hear(event.op, vec![(Key::from(&event.object).to_string(), Thing::Object(event.object))]);
    }

    /// The lines by which `other` differs from this, as scenes write them.
    fn differences(&self, other: &Self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        let gone = self.0.keys().filter(|key| !other.0.contains_key(*key));
        lines.extend(gone.map(|key| format!("- {key}")));
        for (key, thing) in &other.0 {
            let Some(known) = self.0.get(key) else {
                lines.insert(format!("+ {key}"));
                continue;
            };
            let compared = known.differences(thing, Compare::Audited);
            let volatile = known.differences(thing, Compare::Everything);
            let volatile = volatile.into_iter().filter(|field| !compared.contains(field));
            lines.extend(volatile.map(|field| format!("~~ {key} {field}")));
            lines.extend(compared.into_iter().map(|field| format!("~ {key} {field}")));
        }
        lines
    }
}

/// A device's own list of link addresses, of which nothing is ever told.
fn is_of_a_device(neighbour: &Neighbour) -> bool {
    use linx::NeighbourView;
    neighbour.is_fdb() && neighbour.master().is_none() && neighbour.dst().is_none()
}

/// A monitor of either kind.
enum Ear {
    Route(Box<route::Monitor>),
    Nft(Box<nft::Monitor>),
}

impl Ear {
    fn new(stage: &Stage, teller: Teller) -> Self {
        match teller {
            Teller::Route => {
                Self::Route(Box::new(route::Monitor::builder().netns(&stage.netns()).subscribe().unwrap()))
            }
            Teller::Nft => {
                Self::Nft(Box::new(nft::Monitor::builder().netns(&stage.netns()).subscribe().unwrap()))
            }
        }
    }

    /// Passes on all that has been told until now, and returns how much.
    fn hear(&mut self, state: &mut State) -> usize {
        let mut count = 0;
        match self {
            Self::Route(monitor) => monitor.until_now(PATIENCE, |notice| match notice {
                route::Notice::Event(event) => {
                    count += 1;
                    state.hear_object(event);
                }
                other => panic!("{other:?}"),
            }),
            Self::Nft(monitor) => monitor.until_now(PATIENCE, |notice| match notice {
                nft::Notice::Transaction(commit) => {
                    assert!(commit.complete);
                    for change in &commit.changes {
                        count += 1;
                        state.hear(change.op, State::items(change.entity));
                    }
                }
                nft::Notice::Event(event) => {
                    count += 1;
                    state.hear(event.op, State::items(event.object.as_ref()));
                }
                other => panic!("{other:?}"),
            }),
        }
        .unwrap();
        count
    }
}

/// What a scene came to.
struct Played {
    /// What really changed.
    changed: BTreeSet<String>,
    /// By what somebody is wrong who believes events.
    wrong: BTreeSet<String>,
    /// How many events there were.
    told: usize,
}

/// Plays a scene; `None` when this kernel has not what it needs.
fn play(scene: &'static SilentScene) -> Option<Played> {
    let mut stage = scene.prepare()?;
    let mut ear = Ear::new(&stage, scene.teller);
    let mut believed = State::default();
    // What came while it was read is in it, or the reading is not one state.
    let before = loop {
        ear.hear(&mut believed);
        let before = State::read(&stage, scene.teller);
        if ear.hear(&mut believed) == 0 {
            break before;
        }
    };
    believed = before.clone();
    stage.act();
    std::thread::sleep(QUIET);
    let mut told = 0;
    let after = loop {
        told += ear.hear(&mut believed);
        let after = State::read(&stage, scene.teller);
        match ear.hear(&mut believed) {
            0 => break after,
            more => told += more,
        }
    };
    Some(Played { changed: before.differences(&after), wrong: believed.differences(&after), told })
}

/// A line of differences, or the beginning of one: sign, key, field.
fn parts(line: &str) -> (&str, &str, &str) {
    let (sign, rest) = line.split_once(' ').unwrap();
    let (key, field) = rest.split_once(' ').unwrap_or((rest, ""));
    (sign, key, field)
}

/// Whether a line is one that a scene names.
fn is_named(line: &str, named: &str) -> bool {
    let ((sign, key, field), (named_sign, named_key, named_field)) = (parts(line), parts(named));
    sign == named_sign && key.starts_with(named_key) && field.starts_with(named_field)
}

/// Whether a line is about what a scene names, whatever has become of it.
fn is_about(line: &str, named: &str) -> bool {
    parts(line).1.starts_with(parts(named).1)
}

/// Whether the kernel does so by itself wherever there are links: it talks to multicast groups, and finds IPv6 ready.
fn is_usual(line: &str) -> bool {
    let (_, key, field) = parts(line);
    let to_a_group = key.contains("/ff02::") || key.contains("/224.0.0.22");
    (key.starts_with("neigh/") && to_a_group) || field == "af_spec.inet6.flags"
}

/// Lines one below the other.
fn show(lines: &BTreeSet<String>) -> String {
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

/// The lines that count, but for those that a scene names.
fn beyond<'a>(lines: &'a BTreeSet<String>, scene: &SilentScene) -> Vec<&'a String> {
    let named = |line: &str| scene.silent.iter().chain(scene.also).any(|named| is_named(line, named));
    lines.iter().filter(|line| !line.starts_with("~~") && !is_usual(line) && !named(line)).collect()
}

/// All that a scene names changes without being told, and nothing else does.
fn is_silent(name: &str) {
    skip_unless!(is_root(), "not root");
    let scene = SilentScene::named(name);
    let Some(Played { changed, wrong, .. }) = play(scene) else { return };
    let seen = format!("changed:\n{}not told:\n{}", show(&changed), show(&wrong));
    for named in scene.silent {
        assert!(changed.iter().any(|line| is_about(line, named)), "{name}: {named} does not change\n{seen}");
        let silent = wrong.iter().any(|line| is_named(line, named));
        assert!(silent, "{name}: the kernel tells of {named}: KERNEL.md is wrong\n{seen}");
    }
    // What is silent beyond that is a gap in what is known.
    assert_eq!(beyond(&wrong, scene), Vec::<&String>::new(), "{name}: not told either\n{seen}");
}

/// Something changes, and who believes events is right.
fn is_told(name: &str) {
    skip_unless!(is_root(), "not root");
    let scene = SilentScene::named(name);
    let Some(Played { changed, wrong, told }) = play(scene) else { return };
    assert!(told > 0 && !beyond(&changed, scene).is_empty(), "{name}: nothing changes\n{}", show(&changed));
    assert_eq!(beyond(&wrong, scene), Vec::<&String>::new(), "{name}: not told\n{}", show(&changed));
}

/// A test of each name, and which there are.
macro_rules! scenes {
    ($list:ident by $check:ident: $(fn $name:ident();)*) => {
        const $list: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                $check(stringify!($name));
            }
        )*
    };
}

scenes! { SILENT by is_silent:
    fn link_down_takes_ipv4_routes();
    fn link_down_takes_next_hops_and_changes_groups();
    fn link_down_makes_hops_dead();
    fn link_deleted_takes_ipv4_routes();
    fn link_deleted_takes_next_hops_and_changes_groups();
    fn link_deleted_takes_routes_that_have_other_hops();
    fn link_moved_takes_ipv4_routes();
    fn link_moved_takes_next_hops_and_changes_groups();
    fn link_renamed_through_down_takes_ipv4_routes();
    fn carrier_lost_marks_routes();
    fn carrier_lost_marks_hops();
    fn carrier_lost_takes_next_hops_and_changes_groups();
    fn carrier_back_clears_the_marks();
    fn link_up_revives_hops();
    fn last_ipv4_address_takes_the_other_routes();
    fn next_hop_deleted_takes_ipv4_routes();
    fn group_deleted_takes_ipv4_routes();
    fn next_hop_deleted_takes_all_routes_without_compat();
    fn member_deleted_shortens_routes_of_its_group();
    fn next_hop_made_a_blackhole_changes_routes_without_compat();
    fn ipv6_routes_go_unannounced_when_the_kernel_is_told_so();
    fn source_address_deleted_is_taken_from_ipv6_routes();
    fn ipv4_address_added_revives_hops();
    fn ipv6_routes_take_the_mtu_of_their_link();
    fn advertised_route_is_told_before_its_hop_limit_is_set();
    fn ipv6_address_gets_another_peer();
    fn forwarding_entry_learned_at_another_port();
    fn rule_device_appears();
    fn rule_device_vanishes();
    fn goto_target_appears();
    fn goto_target_vanishes();
    fn sysctl_arp_filter();
    fn sysctl_accept_local();
    fn sysctl_rp_filter();
    fn sysctl_ipv4_forwarding();
    fn sysctl_accept_ra();
    fn sysctl_ipv6_mtu();
    fn sysctl_ipv6_forwarding();
    fn sysctl_disable_ipv6();
    fn sysctl_disable_ipv6_taken_back();
    fn link_mtu_too_small_for_ipv6();
    fn link_mtu_large_enough_for_ipv6_again();
    fn link_group_written_in_sysfs();
    fn link_gso_max_size();
    fn link_gro_max_size();
    fn link_mtu_is_that_of_ipv6_after_it_was_told();
    fn veth_is_told_before_its_peer_has_a_number();
    fn link_qdisc();
    fn link_promiscuity_after_a_promiscuous_macvlan();
    fn link_down_gets_an_alias_a_group_a_name();
    fn link_down_changes_the_data_of_its_kind();
    fn link_down_makes_addresses_another_way();
    fn bridge_port_changed_by_bridge_is_told_as_another_family();
    fn bridge_port_goes_through_states();
    fn tun_made_to_last();
    fn link_local_address_while_tentative();
    fn neighbour_is_delayed();
    fn neighbour_is_looked_for();
    fn neighbour_of_a_multicast_group();
    fn proxy_neighbours_are_made();
    fn proxy_neighbours_are_deleted();
    fn link_down_takes_proxy_neighbours();
    fn set_deleted_with_its_elements();
    fn table_deleted_with_its_elements();
    fn ruleset_flushed_with_its_elements();
    fn rule_deleted_with_the_elements_of_its_set();
    fn ruleset_flushed_with_a_chain_of_a_rule();
    fn chain_renamed_with_its_rules();
    fn device_added_to_a_chain();
    fn device_taken_from_a_chain();
    fn element_expires();
    fn element_added_by_a_packet();
    fn quota_crossed_is_told_as_of_another_table();
    fn counter_reset();
    fn owned_table_goes_with_its_owner();
}

scenes! { TOLD by is_told:
    fn address_deleted_with_promotion_is_told();
    fn ipv4_routes_from_a_deleted_address_are_told();
    fn next_hop_replaced_is_told_of_its_routes();
    fn ipv6_routes_of_a_link_that_goes_down_are_told();
    fn forwarding_entry_learned_is_told();
    fn neighbours_of_a_link_that_goes_down_are_told();
    fn elements_added_and_flushed_are_told();
}

#[test]
fn what_changes_nothing_is_not_told() {
    skip_unless!(is_root(), "not root");
    let played = play(SilentScene::named("what_changes_nothing_is_not_told")).unwrap();
    assert_eq!((show(&played.changed), show(&played.wrong), played.told), Default::default());
}

/// How many IPv4 routes a dump of them alone has, which does not wait for what the kernel is at (KERNEL.md 4.6).
fn dumped(socket: &Socket) -> usize {
    let request = RouteFilter { family: 2, ..RouteFilter::default() }.request();
    socket.send(&request.finish(socket.next_seq(), 0).unwrap()).unwrap();
    let (mut buf, mut count) = (RecvBuf::for_events(), 0);
    loop {
        let received = socket.recv_timeout(&mut buf, Some(PATIENCE)).unwrap();
        for message in Messages::new(received.bytes()) {
            match message.unwrap().header.message_type {
                control::DONE => return count,
                _ => count += 1,
            }
        }
    }
}

/// Whether an event is the one.
type Heard = fn(&route::Event) -> bool;

/// How routes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    AtOnce,
    AfterAskingForALink,
    AsListed,
}

/// Plays a scene with 10,000 more IPv4 routes by `ve0`, and counts routes as soon as an event is heard: how many of them are
/// not there in the end.
fn ghosts(name: &str, counted: Counted, heard: Heard) -> usize {
    let mut stage = SilentScene::named(name).prepare().unwrap();
    let lines =
        (0..10_000).map(|n| format!("route add 10.200.{}.{}/32 via 10.0.0.2 dev ve0\n", n / 256, n % 256));
    stage.namespace.batch(&lines.collect::<String>());
    let handle = Handle::new(&stage.netns()).unwrap();
    let socket = Socket::open(Protocol::ROUTE, &stage.netns()).unwrap();
    let mut monitor = route::Monitor::builder().netns(&stage.netns()).rcvbuf(64 << 20).subscribe().unwrap();
    let count = || match counted {
        Counted::AsListed => {
            handle.routes_by(RouteFilter { family: 2, ..RouteFilter::default() }).all().unwrap().len()
        }
        _ => dumped(&socket),
    };
    let at_once = std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            while !monitor.recv().unwrap().event().is_some_and(|event| heard(&event)) {}
            if counted == Counted::AfterAskingForALink {
                handle.link_by_index(11).unwrap();
            }
            count()
        });
        stage.act();
        counting.join().unwrap()
    });
    std::thread::sleep(QUIET);
    at_once.saturating_sub(count())
}

#[test]
fn a_list_waits_for_what_was_announced_too_early() {
    skip_unless!(is_root(), "not root");
    let down = |event: &route::Event| matches!(&event.object, Object::Link(link) if link.index() == 10 && !link.flags().contains(LinkFlags::UP));
    let deleted = |event: &route::Event| {
        event.op == Operation::Del
            && matches!(&event.object, Object::Address(address) if address.family() == 2)
    };
    let scenes: [(&str, Heard); 3] = [
        ("link_down_takes_ipv4_routes", down),
        ("link_deleted_takes_ipv4_routes", down),
        ("last_ipv4_address_takes_the_other_routes", deleted),
    ];
    for (name, heard) in scenes {
        // Whether there are any is a race.
        let early = ghosts(name, Counted::AtOnce, heard);
        eprintln!("{name}: {early} routes dumped that were about to go");
        assert_eq!(ghosts(name, Counted::AfterAskingForALink, heard), 0, "{name}");
        assert_eq!(ghosts(name, Counted::AsListed, heard), 0, "{name}");
    }
}

#[test]
fn every_scene_has_its_test() {
    let tested: BTreeSet<_> = SILENT.iter().chain(TOLD).copied().collect();
    let scenes: BTreeSet<_> = SilentScene::all().chain(SilentScene::told()).map(|scene| scene.name).collect();
    let without: Vec<_> = scenes.difference(&tested).collect();
    assert_eq!(without, [&"what_changes_nothing_is_not_told"]);
    assert_eq!(tested.difference(&scenes).next(), None);
}

/// KERNEL.md 6.3: who has a socket inside keeps it from ending, and nobody is told that it lost its name; once the socket is
/// closed, who is outside is told of the other ends of its links, and that is all.
#[test]
fn a_namespace_is_destroyed_without_a_word_inside() {
    skip_unless!(is_root(), "not root");
    let mut stage = Stage::empty();
    let monitor =
        |netns: &linx::Netns| route::Monitor::builder().netns(netns).follow(false).subscribe().unwrap();
    let (mut inside, mut outside) = (monitor(&stage.netns()), monitor(&stage.peer.netns()));
    let heard = |monitor: &mut route::Monitor| {
        let mut all = Vec::new();
        std::thread::sleep(QUIET);
        let told = monitor.until_now(PATIENCE, |notice| match notice {
            route::Notice::Event(event) => all.push((event.op, event.object)),
            other => panic!("{other:?}"),
        });
        told.unwrap();
        // Addresses of IPv6 become usable meanwhile, and the kernel talks to multicast groups.
        all.retain(|(op, object)| *op == Operation::Del || matches!(object, Object::Link(_)));
        all
    };
    heard(&mut inside);
    heard(&mut outside);
    stage.namespace.delete();
    assert_eq!((heard(&mut inside), heard(&mut outside)), (vec![], vec![]), "it is still there");
    drop(inside);
    let mut gone = BTreeSet::new();
    linx_test::until("the other ends to go", || {
        for (op, object) in heard(&mut outside) {
            if let (Operation::Del, Object::Link(link)) = (op, object) {
                gone.insert(link.name().to_string());
            }
        }
        gone.len() == 2
    });
    assert_eq!(gone, ["vp0", "vp1"].map(str::to_owned).into());
}

/// The first column of the table that follows a heading in KERNEL.md.
fn rows(heading: &str) -> BTreeSet<String> {
    let text = include_str!("../../../docs/KERNEL.md").split(heading).nth(1).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|line| line.split('|').nth(1).unwrap().trim().to_owned()).collect()
}

#[test]
fn every_line_of_the_table_has_a_scene() {
    let silent = rows("**Changes that are never announced**");
    let commits = rows("What each action sends:");
    let played: BTreeSet<String> = SilentScene::all().map(|scene| scene.row.to_owned()).collect();
    assert_eq!(silent.difference(&played).collect::<Vec<_>>(), Vec::<&String>::new());
    let known: BTreeSet<_> = silent.union(&commits).cloned().collect();
    assert_eq!(played.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}
