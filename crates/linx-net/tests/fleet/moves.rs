//! Links that move from one namespace to another.

use std::time::{Duration, Instant};

use linx::mirror::{Change, FleetWatch, MovedFrom, MovedTo};
use linx::{LinkView, Object};
use linx_test::{Namespace, is_root, skip_unless};

use crate::{PATIENCE, alone, delta, fleet_of, synced};

/// What is told of a link that moves: both ends of it, that where it was first.
fn of_a_move(watch: &mut FleetWatch, from: u64, to: u64, name: &[u8]) -> (MovedTo, u32, MovedFrom) {
    let end = Instant::now() + PATIENCE;
    let (mut gone, mut come) = (None, None);
    while gone.is_none() || come.is_none() {
        assert!(Instant::now() < end, "no move: {gone:?} {come:?}");
        let Some(told) = watch.next_timeout(Duration::from_millis(200)).unwrap() else { continue };
        let Some(delta) = delta(&told) else { continue };
        let Object::Link(link) = delta.object() else { continue };
        match delta.change() {
            Change::Removed if delta.netns() == from && link.name().as_bytes() == name => {
                assert!(told.moved_from().is_none());
                gone = Some((told.moved_to().expect("told where to").clone(), link.index()));
            }
            Change::Added if delta.netns() == to => {
                assert!(gone.is_some(), "it came before it left");
                let of = told.moved_from().expect("told where from").clone();
                assert_eq!(&*of.name, name);
                come = Some(of);
            }
            _ => {}
        }
    }
    let (to, index) = gone.unwrap();
    (to, index, come.unwrap())
}

#[test]
fn a_link_that_moves_is_told_to_move() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let (one, two) = (Namespace::new("fleet-from"), Namespace::new("fleet-to"));
    let third = Namespace::new("fleet-strange");
    one.batch("link add veth0 type veth peer name veth1\n");
    // So that the indices differ.
    two.batch("link add other0 type veth peer name other1\nlink add other2 type veth peer name other3\n");
    let fleet = fleet_of(&[&one, &two]);
    let mut watch = fleet.watch();
    let (a, b) = (synced(&mut watch, one.name()), synced(&mut watch, two.name()));
    assert_eq!(a, one.netns().cookie().unwrap());

    for round in 0..20 {
        one.ip(&format!("link set veth0 netns {}", two.name()));
        let (to, index, from) = of_a_move(&mut watch, a, b, b"veth0");
        assert_eq!(to.namespace.unwrap().cookie, Some(b), "{round}");
        assert_eq!((from.namespace.cookie, from.ifindex), (Some(a), index));
        let link = fleet.state(b).unwrap().links().by_name(b"veth0").map(|link| link.index());
        assert_eq!(link, to.ifindex);
        // Back, and called otherwise at once: the kernel renames it after the move.
        two.ip(&format!("link set veth0 name moved0 netns {}", one.name()));
        let (to, _, from) = of_a_move(&mut watch, b, a, b"veth0");
        assert_eq!((to.namespace.unwrap().cookie, from.namespace.cookie), (Some(a), Some(b)));
        linx_test::until("it is called otherwise", || {
            fleet.state(a).unwrap().links().by_name(b"moved0").is_some()
        });
        one.ip("link set moved0 name veth0");
        fleet.quiet(PATIENCE).unwrap();
    }
    assert_eq!(fleet.stats().moves, 40);

    // To one that is not mirrored, and back from there.
    one.ip(&format!("link set veth0 netns {}", third.name()));
    let gone = crate::next(&mut watch, "it goes", |told| {
        let is_it = delta(told)?.change() == Change::Removed;
        is_it.then(|| told.moved_to().unwrap().clone())
    });
    assert!(gone.namespace.is_none() && gone.nsid.is_some() && gone.ifindex.is_some());
    third.ip(&format!("link set veth0 netns {}", two.name()));
    crate::next(&mut watch, "it comes from nowhere", |told| {
        let delta = delta(told)?;
        let is_it = delta.change() == Change::Added && delta.netns() == b;
        is_it.then(|| assert!(told.moved_from().is_none()))
    });
}

#[test]
fn no_move_is_lost_and_none_invented() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let (one, two) = (Namespace::new("fleet-a"), Namespace::new("fleet-b"));
    one.batch("link add a0 type veth peer name p0\nlink add a1 type veth peer name p1\n");
    let fleet = fleet_of(&[&one, &two]);
    let mut watch = fleet.watch();
    let (a, b) = (synced(&mut watch, one.name()), synced(&mut watch, two.name()));
    // Two links go to and fro, while others are made and removed in both, and what is new is not what moved.
    let rounds = 40;
    std::thread::scope(|scope| {
        for n in 0..2 {
            let (one, two) = (&one, &two);
            scope.spawn(move || {
                for _ in 0..rounds {
                    one.ip(&format!("link set a{n} netns {}", two.name()));
                    two.ip(&format!("link set a{n} netns {}", one.name()));
                }
            });
        }
        for namespace in [&one, &two] {
            scope.spawn(move || {
                for n in 0..rounds {
                    namespace.ip(&format!("link add new{n} type veth peer name other{n}"));
                    namespace.ip(&format!("link del new{n}"));
                }
            });
        }
    });
    fleet.quiet(PATIENCE).unwrap();
    let (mut gone, mut come, mut strange) = (0, 0, 0);
    // Those that left and have not come: each leaves before it comes, though namespaces have turns.
    let mut away = std::collections::BTreeSet::new();
    // Where a link went to and fro before the fleet looked, it is not known where it came from: never told wrongly.
    let mut unknown = std::collections::BTreeMap::new();
    let end = Instant::now() + PATIENCE;
    loop {
        // Behind the last of them, what would be invented.
        let is_all = gone == 4 * rounds && come == 4 * rounds && strange == 8 * rounds;
        let left = end.saturating_duration_since(Instant::now());
        let longest = if is_all { left.min(Duration::from_millis(500)) } else { left };
        let Some(told) = watch.next_timeout(longest).unwrap() else { break };
        let Some(delta) = delta(&told) else { continue };
        let Object::Link(link) = delta.object() else { continue };
        let moves = link.name().as_bytes().starts_with(b"a");
        match delta.change() {
            Change::Removed if moves => {
                let to = told.moved_to().unwrap().namespace.as_ref().unwrap().cookie.unwrap();
                assert!(to != delta.netns() && (to == a || to == b));
                let name = link.name().as_bytes().to_vec();
                assert!(away.insert(name.clone()) || unknown.contains_key(&name), "{delta}");
                gone += 1;
            }
            Change::Added if moves => {
                let name = link.name().as_bytes().to_vec();
                match told.moved_from() {
                    Some(from) => {
                        assert_eq!(&*from.name, &name[..]);
                        assert_ne!(from.namespace.cookie, Some(delta.netns()));
                    }
                    None => *unknown.entry(name.clone()).or_insert(0) += 1,
                }
                let is_in_order = away.remove(&name) || unknown.contains_key(&name);
                assert!(is_in_order, "it came before it left: {delta}");
                come += 1;
            }
            Change::Changed => {}
            _ => {
                assert!(told.moved_from().is_none() && told.moved_to().is_none());
                strange += 1;
            }
        }
    }
    let unknown: i32 = unknown.values().sum();
    println!("{gone} left, {come} came, {unknown} of them from nobody knows where, {strange} others");
    assert!(unknown * 10 <= come, "{unknown} of {come}");
    assert_eq!((gone, come), (4 * rounds, 4 * rounds));
    assert_eq!(strange, 8 * rounds);
}
