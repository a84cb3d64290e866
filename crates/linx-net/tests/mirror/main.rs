//! Mirrors of real namespaces: what they hold is what the kernel lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod churn;
mod consumers;
mod controls;
mod edges;
mod instead;
mod oracle;
#[cfg(feature = "nft")]
mod rules;
mod silent;

use std::time::{Duration, Instant};

use linx::mirror::{Cause, Change, Family};
use linx::{Kind, Mirror, NeighbourView, Notice, RouteFilter, RouteView};
use linx_test::{Namespace, is_root};

use oracle::assert_true;

/// Whether the full lengths are to be run.
fn is_long() -> bool {
    std::env::var_os("LINX_LONG").is_some()
}

/// A seed, printed: `LINX_SEED` repeats a run.
fn seed() -> u64 {
    let given = std::env::var("LINX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) << 20 | u64::from(std::process::id())
    });
    eprintln!("LINX_SEED={seed}");
    seed
}

#[test]
fn a_mirror_holds_what_there_is_and_tells_what_changes() {
    if !is_root() {
        eprintln!("SKIPPED a_mirror_holds_what_there_is_and_tells_what_changes: not root");
        return;
    }
    let namespace = Namespace::new("mirror");
    namespace.batch(
        "link set lo up\nlink add veth0 type veth peer name veth1\nlink set veth0 up\nlink set veth1 up\n\
         address add 10.0.0.1/24 dev veth0\n",
    );
    let mirror = Mirror::builder(&namespace.netns()).start().unwrap();
    assert_true(&mirror, &namespace);
    let mut watch = mirror.watch();
    assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
    namespace.batch("route add 10.9.0.0/16 via 10.0.0.2\nroute add 10.8.0.0/16 via 10.0.0.2\n");
    assert_true(&mirror, &namespace);
    namespace.batch("link set veth0 down\n");
    assert_true(&mirror, &namespace);
    let mut told = Vec::new();
    while let Some(notice) = watch.next_timeout(Duration::from_millis(100)).unwrap() {
        if let Notice::Delta(delta) = notice {
            println!(
                "{:?} {:?} {} {:?} {:?}",
                delta.change(),
                delta.cause(),
                delta.key(),
                delta.fields(),
                delta.trigger()
            );
            told.push((delta.change(), delta.kind(), delta.cause()));
        }
    }
    assert!(told.contains(&(Change::Added, Kind::Route, Cause::Event)));
    assert!(told.contains(&(Change::Removed, Kind::Route, Cause::Implied)));
    println!("{:?}", mirror.stats());
}

#[test]
fn a_lifetime_that_is_renewed_is_a_change_and_one_that_passes_is_none() {
    if !is_root() {
        eprintln!("SKIPPED a_lifetime_that_is_renewed_is_a_change_and_one_that_passes_is_none: not root");
        return;
    }
    let namespace = Namespace::new("lifetime");
    let added = Instant::now();
    // To the nearest second.
    let gone = || (added.elapsed() + Duration::from_millis(500)).as_secs();
    namespace.batch("link set lo up\naddress add 10.0.0.1/32 dev lo valid_lft 500 preferred_lft 400\n");
    let mirror = Mirror::builder(&namespace.netns()).addresses().start().unwrap();
    let mut watch = mirror.watch();
    assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
    std::thread::sleep(Duration::from_secs(3));
    mirror.audit();
    // Three seconds later it has three seconds less, and ends when it did.
    let (valid, preferred) = (500 - gone(), 400 - gone());
    namespace.ip(&format!("address change 10.0.0.1/32 dev lo valid_lft {valid} preferred_lft {preferred}"));
    mirror.quiet(linx_test::PATIENCE).unwrap();
    assert!(watch.try_next().unwrap().is_none());
    let preferred = 400 - gone();
    namespace.ip(&format!("address change 10.0.0.1/32 dev lo valid_lft 900 preferred_lft {preferred}"));
    let Notice::Delta(delta) = watch.next().unwrap() else { panic!("a delta") };
    assert_eq!((delta.change(), delta.fields()), (Change::Changed, &["cacheinfo.valid".to_owned()][..]));
    namespace.ip("address change 10.0.0.1/32 dev lo valid_lft forever preferred_lft forever");
    let Notice::Delta(delta) = watch.next().unwrap() else { panic!("a delta") };
    assert_eq!(delta.fields(), ["flags", "cacheinfo.preferred", "cacheinfo.valid"]);
}

#[test]
fn default_routes_alone_are_held_and_told() {
    if !is_root() {
        eprintln!("SKIPPED default_routes_alone_are_held_and_told: not root");
        return;
    }
    let namespace = Namespace::new("narrow");
    namespace.batch("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddress add 10.0.0.1/24 dev v0\n");
    let mirror = Mirror::builder(&namespace.netns()).routes_by(RouteFilter::default_route()).start().unwrap();
    let mut watch = mirror.watch();
    assert!(watch.state().routes().is_empty() && watch.state().links().is_empty());
    assert!(matches!(watch.next().unwrap(), Notice::Synced(told) if *told.kinds == [Kind::Route]));
    namespace
        .batch("route add 10.9.0.0/16 via 10.0.0.2\nroute add default via 10.0.0.2\nlink set v0 mtu 1400\n");
    mirror.quiet(linx_test::PATIENCE).unwrap();
    assert_eq!(watch.state().routes().len(), 0, "nothing was read yet");
    assert!(matches!(watch.next().unwrap(), Notice::Delta(delta) if delta.change() == Change::Added));
    assert_eq!(watch.state().routes().default(Family::V4).unwrap().oif(), Some(3));
    assert!(
        mirror
            .snapshot()
            .routes()
            .lookup("10.9.0.1".parse().unwrap())
            .is_some_and(|route| route.is_default())
    );
    namespace.ip("link set v0 down");
    let delta = loop {
        let Some(Notice::Delta(delta)) = watch.next_timeout(linx_test::PATIENCE).unwrap() else {
            panic!("a delta")
        };
        if delta.change() == Change::Removed {
            break delta;
        }
    };
    assert_eq!((delta.cause(), delta.kind()), (Cause::Implied, Kind::Route));
    assert_eq!(&*delta.trigger().unwrap().what, "v0 down");
    mirror.quiet(linx_test::PATIENCE).unwrap();
    assert!(watch.try_next().unwrap().is_none());
}

#[test]
fn ones_own_changes_are_recognised_and_can_be_left_out() {
    if !is_root() {
        eprintln!("SKIPPED ones_own_changes_are_recognised_and_can_be_left_out: not root");
        return;
    }
    let namespace = Namespace::new("own");
    let mut storm = linx_test::Storm::new(&namespace);
    let mirror = Mirror::builder(&namespace.netns()).routes().start().unwrap();
    let (mut all, mut others) = (mirror.watch(), mirror.watch());
    others.ignore(storm.portid());
    for watch in [&mut all, &mut others] {
        assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
    }
    storm.cycles(5, 1);
    namespace.ip("route add unreachable 10.77.0.0/16");
    mirror.quiet(linx_test::PATIENCE).unwrap();
    let mut own = 0;
    while let Some(notice) = all.try_next().unwrap() {
        own += usize::from(notice.author().is_some_and(|author| author.is(storm.portid())));
    }
    assert_eq!(own, 10);
    let Notice::Delta(delta) = others.next().unwrap() else { panic!("a delta") };
    assert!(delta.to_string().contains("10.77.0.0/16"), "{delta}");
    assert_eq!(others.state().fingerprint(), all.state().fingerprint());
    assert!(others.try_next().unwrap().is_none());
}

#[test]
fn volatile_fields_make_deltas_for_those_who_ask_alone() {
    if !is_root() {
        eprintln!("SKIPPED volatile_fields_make_deltas_for_those_who_ask_alone: not root");
        return;
    }
    let namespace = Namespace::new("volatile");
    namespace.batch(
        "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\n\
         neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud reachable\n",
    );
    let [quiet, loud] = [false, true].map(|volatile| {
        Mirror::builder(&namespace.netns()).neighbours().volatile(volatile).audit(None).start().unwrap()
    });
    let [mut calm, mut busy] = [quiet.watch(), loud.watch()];
    for watch in [&mut calm, &mut busy] {
        assert!(matches!(watch.next().unwrap(), Notice::Synced(_)));
    }
    namespace.ip("neigh change 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud stale");
    quiet.quiet(linx_test::PATIENCE).unwrap();
    loud.quiet(linx_test::PATIENCE).unwrap();
    let Some(Notice::Delta(delta)) = busy.try_next().unwrap() else { panic!("a delta") };
    assert!(delta.fields().contains(&"state".to_owned()), "{:?}", delta.fields());
    let mut calm_ones = 0;
    while let Some(notice) = calm.try_next().unwrap() {
        calm_ones +=
            usize::from(matches!(notice, Notice::Delta(delta) if delta.key().as_str().contains("10.0.0.2")));
    }
    assert_eq!(calm_ones, 0);
    // The state has it all the same.
    let there = quiet.snapshot();
    let neighbour =
        there.neighbours().iter().find(|it| it.dst() == Some("10.0.0.2".parse().unwrap())).unwrap();
    assert_eq!(neighbour.state(), linx::NeighbourState::STALE);
}
