//! Histories that broke a promise once, as small as they could be made.

use super::super::resync::LONGEST_PAUSE;
use super::ops::How::{Add, Append, Prepend, Replace};
use super::ops::Op::{self, *};
use super::ops::To::{self, Hops, Nowhere, Object};
use super::world::Step::{self, Audit, Do, Round, Wait};
use super::world::{History, Without, World, run};

fn holds(room: usize, compat: bool, before: Vec<Op>, steps: Vec<Step>) {
    let history = History { room, compat, before, steps };
    if let Err(why) = run(&history, Without::Nothing) {
        panic!("{why}\nafter {}", history.text());
    }
}

const PLENTY: usize = 10_000;

fn link(name: u8) -> Op {
    LinkAdd { name, kind: 0, low: false }
}

fn address(link: u8, v6: bool, number: u8) -> Op {
    Address { link, v6, number }
}

/// An IPv6 route of the main table.
fn v6(how: super::ops::How, dst: u8, to: To) -> Op {
    Route { how, v6: true, dst, metric: false, own_table: false, protocol: 0, source: 0, to }
}

/// The IPv6 default route, with a source.
fn v6_from(source: u8) -> Op {
    let to = Hops(vec![(1, 0)]);
    Route { how: Add, v6: true, dst: 0, metric: false, own_table: false, protocol: 0, source, to }
}

fn v4(how: super::ops::How, dst: u8, to: To) -> Op {
    Route { how, v6: false, dst, metric: false, own_table: false, protocol: 0, source: 0, to }
}

#[test]
fn a_last_reading_that_is_not_needed_ends_the_first_state_too() {
    let before = vec![link(0), address(0, false, 0), link(1), LinkUp(1)];
    holds(PLENTY, false, before, vec![Round(vec![(10, Mtu(0, 0))]), Wait(5), Do(LinkDown(1))]);
}

#[test]
fn a_route_that_lost_its_source_follows_from_the_address() {
    let route = v6_from(2);
    holds(
        PLENTY,
        true,
        vec![],
        vec![
            Do(link(0)),
            Do(link(2)),
            Do(LinkUp(0)),
            Do(address(2, true, 1)),
            Round(vec![(3, LinkUp(0)), (0, LinkUp(1))]),
            Wait(2),
            Round(vec![(0, route)]),
            Do(Carrier(0, false)),
            Do(LinkDel(0)),
        ],
    );
}

#[test]
fn what_an_audit_sees_too_early_is_no_repair() {
    holds(
        PLENTY,
        false,
        vec![],
        vec![
            Do(link(0)),
            Round(vec![]),
            Round(vec![(0, LinkUp(0))]),
            Do(link(1)),
            Do(LinkDel(0)),
            Audit,
            Wait(2),
            Round(vec![(4, LinkDown(0)), (1, Proceed(0)), (11, LinkUp(0))]),
        ],
    );
}

#[test]
fn an_ipv6_route_may_be_there_twice() {
    holds(
        PLENTY,
        false,
        vec![],
        vec![
            Do(link(0)),
            Round(vec![(0, LinkUp(0))]),
            Round(vec![(0, v6(Add, 1, Hops(vec![(0, 0)])))]),
            Do(v6(Append, 1, Nowhere)),
            Do(v6(Replace, 1, Nowhere)),
        ],
    );
}

#[test]
fn no_reading_shows_a_route_on_a_link_that_is_not_known_yet() {
    holds(
        1,
        false,
        vec![],
        vec![
            Do(link(0)),
            Round(vec![(0, address(0, false, 0))]),
            Do(LinkUp(0)),
            Do(link(1)),
            Round(vec![(0, Proceed(0)), (0, LinkUp(1))]),
            Do(LinkUp(0)),
            Round(vec![]),
            Do(v4(Add, 0, Hops(vec![(1, 0)]))),
            Round(vec![(0, NextHop { id: 0, link: 0, gateway: 0, replace: false })]),
            Do(Carrier(0, false)),
        ],
    );
}

#[test]
fn an_order_that_is_mended_changes_nothing_else() {
    let metric = Route {
        how: Add,
        v6: false,
        dst: 1,
        metric: true,
        own_table: false,
        protocol: 0,
        source: 0,
        to: Hops(vec![(0, 0)]),
    };
    holds(
        PLENTY,
        false,
        vec![link(0)],
        vec![
            Round(vec![(0, Rename(0, 2))]),
            Round(vec![(0, LinkUp(0))]),
            Round(vec![(0, NextHop { id: 4, link: 0, gateway: 0, replace: false })]),
            Do(Mtu(0, 0)),
            Do(v4(Add, 0, Hops(vec![(0, 0)]))),
            Do(v4(Add, 1, Hops(vec![(0, 0)]))),
            Do(link(1)),
            Do(address(1, false, 0)),
            Round(vec![(0, address(2, false, 1))]),
            Audit,
            Do(link(0)),
            Do(LinkUp(0)),
            Wait(2),
            Do(NextHop { id: 0, link: 0, gateway: 0, replace: false }),
            Round(vec![(0, link(3)), (0, metric)]),
            Do(NextHopDel(1)),
            Do(RouteDel(0, None)),
            Round(vec![(0, v4(Append, 1, Object(4))), (0, Carrier(0, false))]),
            Round(vec![(0, LinkDel(2))]),
            Round(vec![(0, Dad(0))]),
            Do(LinkUp(0)),
        ],
    );
}

#[test]
fn a_route_of_an_object_that_was_a_blackhole_is_the_same_route() {
    let own =
        |how, to| Route { how, v6: true, dst: 0, metric: false, own_table: true, protocol: 0, source: 0, to };
    holds(
        1,
        false,
        vec![],
        vec![
            Round(vec![(0, Blackhole { id: 3, replace: false })]),
            Round(vec![(0, link(0)), (0, link(1))]),
            Round(vec![(0, own(Add, Object(3)))]),
            Round(vec![(0, LinkUp(2))]),
            Do(LinkDel(1)),
            Round(vec![
                (0, NextHop { id: 3, link: 0, gateway: 0, replace: true }),
                (0, own(Append, Hops(vec![(0, 1), (1, 1)]))),
            ]),
        ],
    );
}

#[test]
fn after_a_loss_links_are_read_before_what_is_on_them() {
    holds(
        3,
        false,
        vec![],
        vec![
            Round(vec![(0, link(1))]),
            Do(LinkUp(0)),
            Wait(1),
            Do(link(3)),
            Do(link(2)),
            Do(link(0)),
            Round(vec![(0, LinkUp(3))]),
            Round(vec![]),
            Round(vec![(0, address(3, true, 0)), (3, LinkDown(3))]),
            Round(vec![(0, LinkDown(0))]),
            Wait(1),
            Round(vec![(0, LinkUp(1))]),
            Round(vec![(0, LinkUp(0))]),
        ],
    );
}

#[test]
fn a_link_that_came_up_while_announcements_were_lost_is_one_that_came_up() {
    holds(
        2,
        false,
        vec![],
        vec![
            Do(link(2)),
            Do(Mtu(0, 0)),
            Do(link(0)),
            Do(LinkDown(0)),
            Round(vec![]),
            Wait(2),
            Round(vec![(0, LinkDel(1))]),
            Round(vec![(0, LinkUp(0)), (0, link(0))]),
            Do(LinkUp(0)),
            Round(vec![(0, LinkUp(1))]),
        ],
    );
}

#[test]
fn a_route_whose_object_is_gone_is_not_hidden() {
    holds(
        PLENTY,
        false,
        vec![Blackhole { id: 1, replace: false }],
        vec![
            Do(v6(Add, 2, Object(1))),
            Round(vec![(0, link(1))]),
            Round(vec![(0, link(0)), (0, link(2))]),
            Round(vec![(0, link(3)), (0, address(0, false, 0))]),
            Round(vec![(0, NextHopDel(1))]),
            Round(vec![(0, LinkUp(2))]),
            Round(vec![(0, LinkUp(3)), (0, v6(Add, 2, Hops(vec![(2, 1), (3, 1)])))]),
        ],
    );
}

#[test]
fn a_route_that_was_replaced_by_a_set_is_not_hidden_by_it() {
    holds(
        PLENTY,
        false,
        vec![],
        vec![
            Round(vec![(0, link(0))]),
            Round(vec![(0, LinkUp(0))]),
            Round(vec![(0, v6(Add, 2, Hops(vec![(1, 1)])))]),
            Do(NextHop { id: 0, link: 0, gateway: 0, replace: false }),
            Do(Mtu(0, 0)),
            Do(Carrier(0, false)),
            Do(v6(Append, 2, Hops(vec![(0, 1)]))),
            Do(link(1)),
            Round(vec![(0, LinkUp(1))]),
            Do(NextHop { id: 0, link: 0, gateway: 0, replace: false }),
            Do(Carrier(0, false)),
            Do(LinkUp(0)),
            Round(vec![(0, v6(Append, 2, Nowhere))]),
            Round(vec![(0, LinkDown(0))]),
            Round(vec![(0, LinkDel(0))]),
            Do(v6(Replace, 2, Hops(vec![(0, 1), (0, 2)]))),
        ],
    );
}

#[test]
fn a_route_made_again_after_it_went_in_silence_stands_where_it_was_put() {
    let two = || Hops(vec![(0, 2), (3, 1)]);
    holds(
        PLENTY,
        false,
        vec![link(0), link(1), LinkDel(0), LinkUp(0), v4(Add, 2, two()), Rename(0, 3)],
        vec![
            Round(vec![]),
            Do(LinkDown(0)),
            Do(LinkUp(0)),
            Round(vec![(0, LinkAdd { name: 0, kind: 0, low: true })]),
            Round(vec![(0, v4(Add, 2, Hops(vec![(1, 0)])))]),
            Do(LinkDel(2)),
            Do(v4(Prepend, 2, two())),
        ],
    );
}

#[test]
fn what_an_audit_sees_while_its_announcement_is_lost_is_no_repair() {
    holds(
        PLENTY,
        false,
        vec![],
        vec![
            Round(vec![]),
            Wait(2),
            Do(link(0)),
            Audit,
            Round(vec![(9, LinkUp(0))]),
            Do(LinkUp(0)),
            Wait(5),
            Round(vec![(9, LinkDown(0))]),
            Wait(10),
            Round(vec![(3, Overflow(0)), (0, LinkUp(0))]),
        ],
    );
}

#[test]
fn an_order_that_changed_while_announcements_were_lost_is_mended() {
    holds(
        PLENTY,
        false,
        vec![],
        vec![
            Round(vec![(0, link(0))]),
            Round(vec![(0, v4(Add, 2, Nowhere))]),
            Do(LinkUp(0)),
            Do(Carrier(0, false)),
            Round(vec![(0, v4(Append, 2, Hops(vec![(0, 0)])))]),
            Do(Overflow(1)),
            Do(RouteDel(13, None)),
            Do(v4(Prepend, 2, Hops(vec![(0, 0)]))),
        ],
    );
}

#[test]
fn a_blackhole_that_a_set_replaced_goes_though_a_link_of_the_set_went_too() {
    let set = Hops(vec![(3, 1), (2, 1), (0, 1)]);
    holds(
        PLENTY,
        false,
        vec![v6(Add, 0, Nowhere), link(1), link(2)],
        vec![
            Do(link(0)),
            Do(Mtu(0, 0)),
            Do(NextHop { id: 0, link: 0, gateway: 0, replace: false }),
            Round(vec![(0, LinkUp(2))]),
            Round(vec![(0, LinkUp(0))]),
            Do(v6(Replace, 0, set)),
            Do(LinkDel(2)),
            Round(vec![(0, link(1))]),
            Do(Proceed(0)),
        ],
    );
}

#[test]
fn a_route_announced_before_its_source_went_but_read_after_it_loses_it_too() {
    let route = v6_from(2);
    holds(
        PLENTY,
        false,
        vec![link(1), link(0), link(2)],
        vec![
            Do(LinkUp(1)),
            Do(AddressDel(0)),
            Round(vec![]),
            Do(address(1, true, 1)),
            Wait(2),
            Round(vec![(2, Proceed(0)), (0, route), (0, AddressDel(0))]),
        ],
    );
}

#[test]
fn a_route_of_a_link_that_is_gone_is_not_taken_for_one_of_the_next_with_its_index() {
    holds(
        PLENTY,
        false,
        vec![link(0), LinkUp(0)],
        vec![
            Round(vec![]),
            Wait(2),
            Round(vec![(2, v4(Add, 2, Hops(vec![(0, 0)]))), (0, LinkDel(0)), (0, Proceed(200))]),
            Do(LinkAdd { name: 1, kind: 0, low: true }),
        ],
    );
}

#[test]
fn ipv4_routes_whose_hops_stand_in_another_order_are_two() {
    let hops = |first: u8, second: u8| Hops(vec![(0, first), (0, second)]);
    holds(
        PLENTY,
        false,
        vec![link(0), LinkUp(0), v4(Add, 0, hops(2, 1))],
        vec![Do(v4(Append, 0, hops(1, 2)))],
    );
}

#[test]
fn what_follows_is_read_though_there_is_always_more_to_receive() {
    let before = vec![link(0), LinkUp(0), v4(Add, 2, Hops(vec![(0, 0)]))];
    let history = History { room: PLENTY, compat: false, before, steps: Vec::new() };
    let mut world = run(&history, Without::Nothing).unwrap_or_else(|why| panic!("{why}"));
    world.kernel.apply(&LinkDown(0));
    world.kernel.lock();
    world.hear();
    let now = world.now();
    let is_read = world.core.next_reading(now + LONGEST_PAUSE / 2).is_some();
    assert!(!is_read, "the state cannot tell yet what hangs on it");
    assert!(world.core.next_reading(now + LONGEST_PAUSE * 2).is_some(), "it is not put off for ever");
}

/// Changes that never end, from each of which something follows: the first state does not wait until all is still. What
/// was lost meanwhile is told to be in doubt.
#[test]
fn a_mirror_begins_though_changes_go_on() {
    let before = vec![link(0), LinkUp(0), v4(Add, 2, Hops(vec![(0, 0)]))];
    for room in [PLENTY, 3] {
        let history = History { room, compat: false, before: before.clone(), steps: Vec::new() };
        let mut world = World::new(&history, Without::Nothing);
        let mut rounds = 0;
        while !world.core.synced {
            let script = (0..60).map(|at| (1, if at % 2 == 0 { LinkDown(0) } else { LinkUp(0) })).collect();
            world.step(&Step::Round(script)).unwrap_or_else(|why| panic!("{why}"));
            world.step(&Step::Wait(100)).unwrap();
            rounds += 1;
            assert!(rounds < 50, "it waits for ever: {:?}", world.core.tasks);
        }
        assert_eq!(world.core.is_certain(), room == PLENTY);
        world.quiet().unwrap_or_else(|why| panic!("{why}"));
    }
}
