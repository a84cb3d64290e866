//! Links that move from one namespace to another.

use std::time::{Duration, Instant};

use linx::mirror::{Change, Fleet, FleetDriver, FleetWatch, MovedFrom, MovedTo, News};
use linx::{LinkView, Notice, Object};
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

/// Whoever reads late is told each place that it left before the next one.
#[test]
fn who_reads_late_follows_a_link_from_one_to_the_next() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let all = ["fleet-first", "fleet-second", "fleet-third"].map(Namespace::new);
    let [first, second, third] = &all;
    first.batch("link add v0 type veth peer name v1\n");
    let fleet = fleet_of(&[first, second, third]);
    let mut watch = fleet.watch();
    let [a, b, c] = all.each_ref().map(|namespace| synced(&mut watch, namespace.name()));
    fleet.quiet(PATIENCE).unwrap();
    // Other changes, so that the first is read after the others' turn.
    first.batch("link set v1 mtu 1400\nlink set v1 mtu 1401\nlink set v1 mtu 1402\n");
    first.ip(&format!("link set v0 netns {}", second.name()));
    linx_test::until("it came", || fleet.stats().moves == 1);
    second.ip(&format!("link set v0 netns {}", third.name()));
    linx_test::until("it came", || fleet.stats().moves == 2);
    let mut told = Vec::new();
    while told.len() < 4 {
        let next = watch.next_timeout(PATIENCE).unwrap().expect("all of its ends");
        let Some(delta) = delta(&next) else { continue };
        let Object::Link(link) = delta.object() else { continue };
        if link.name().as_bytes() == b"v0" && delta.change() != Change::Changed {
            told.push((delta.change(), delta.netns()));
        }
    }
    let expected = [(Change::Removed, a), (Change::Added, b), (Change::Removed, b), (Change::Added, c)];
    assert_eq!(told, expected);
}

/// One whose changes are more than are held does not keep back another that waits to be told where its link came from.
#[test]
fn who_waits_for_one_that_lags_goes_on() {
    skip_unless!(is_root(), "not root");
    let (one, two) = (Namespace::new("fleet-lags"), Namespace::new("fleet-waits"));
    one.batch("link add v0 type veth peer name v1\n");
    let builder = Fleet::builder().template(|builder| builder.links().audit(None).rcvbuf(64 << 20));
    let mut driver = builder.hold(200_000).only(vec![one.netns(), two.netns()]).driver().unwrap();
    let fleet = driver.fleet();
    let mut watch = fleet.watch();
    let turns = |driver: &mut FleetDriver, count: u32| {
        for _ in 0..count {
            driver.advance(Instant::now()).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    linx_test::until("a beginning", || {
        turns(&mut driver, 1);
        fleet.is_synced()
    });
    while watch.try_next().unwrap().is_some() {}
    let changes = |from: u32, count: u32| -> String {
        (from..from + count).map(|n| format!("link set v1 mtu {}\n", 1000 + n % 400)).collect()
    };
    one.batch(&changes(0, 4));
    one.ip(&format!("link set v0 netns {}", two.name()));
    linx_test::until("a move", || {
        turns(&mut driver, 1);
        fleet.stats().moves == 1
    });
    turns(&mut driver, 20);
    let there = two.netns().cookie().ok();
    let read = |watch: &mut FleetWatch| {
        let told = watch.try_next().unwrap().expect("more of the one");
        (told.namespace.cookie == there, matches!(told.news, News::Mirror(Notice::Lagged)))
    };
    // The other's turn: it waits.
    for _ in 0..2 {
        assert!(!read(&mut watch).0, "told before it left");
    }
    one.batch(&changes(0, 2000));
    turns(&mut driver, 10);
    let mut lags = 0;
    for number in 0..300 {
        let (is_there, is_lag) = read(&mut watch);
        lags += u32::from(is_lag);
        if is_there {
            assert!(lags > 0);
            return;
        }
        one.batch(&changes(number * 30, 30));
        turns(&mut driver, 1);
    }
    panic!("it waits for ever, through {lags} lags");
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
