//! What goes wrong with one namespace, and does not disturb the others.

use std::process::Command;
use std::time::{Duration, Instant};

use linx::mirror::{Cause, Fleet, News};
use linx::{Capability, ErrorKind, Netns, Notice};
use linx_test::{Namespace, Storm, is_root, skip_unless, until};

use crate::{PATIENCE, alone, delta, fleet_of, next, own_world, synced};

const ROLE: &str = "LINX_FLEET_CHILD";

fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

fn in_own_world(test: &str, first: &str) {
    let status = own_world(test, first).env(ROLE, "1").status().unwrap();
    assert!(status.success());
}

fn ip(args: &str) {
    assert!(Command::new("ip").args(args.split_whitespace()).status().unwrap().success(), "{args}");
}

#[test]
fn without_descriptors_namespaces_wait_for_them() {
    skip_unless!(is_root(), "not root");
    in_own_world("failures::few_descriptors", "ulimit -n 64");
}

/// The child of the test above: of thirty namespaces about a dozen can be entered at a time.
#[test]
fn few_descriptors() {
    if !is_child() {
        return;
    }
    (0..30).for_each(|n| ip(&format!("netns add few{n}")));
    let fleet = Fleet::builder().start().unwrap();
    let mut watch = fleet.watch();
    let mut refused = 0;
    let mut all = Vec::new();
    while let Some(told) = watch.next_timeout(Duration::from_millis(500)).unwrap() {
        match told.news {
            News::Refused(error) => {
                assert_eq!(error.errno(), Some(24), "{error}");
                refused += 1;
            }
            News::Added => all.push(told.namespace.name.to_string()),
            News::Removed { .. } => panic!("{:?} is not gone", told.namespace),
            _ => {}
        }
    }
    let names: Vec<String> = all.into_iter().filter(|name| name.starts_with("few")).collect();
    let entered = |name: &String| fleet.by_name(name).is_some();
    let mut left: Vec<String> = names.clone();
    assert_eq!(names.len(), 30);
    assert!((5..25).contains(&refused), "{refused}");
    assert_eq!(names.iter().filter(|name| entered(name)).count(), 30 - refused);
    // Where there is room again, the others are entered, all of them in the end.
    while left.len() > 4 {
        until("somebody is entered", || left.iter().any(&entered));
        let at = left.iter().position(entered).unwrap();
        let name = left.swap_remove(at);
        ip(&format!("netns del {name}"));
        until("it is gone", || fleet.by_name(&name).is_none());
    }
    until("the others are entered", || left.iter().all(&entered));
    println!("{refused} of 30 waited for a descriptor; all of them were entered");
}

#[test]
fn without_the_privilege_to_enter_the_others_it_is_said_of_each() {
    skip_unless!(is_root(), "not root");
    in_own_world("failures::no_privilege", "true");
}

/// The child of the test above.
#[test]
fn no_privilege() {
    if !is_child() {
        return;
    }
    (0..3).for_each(|n| ip(&format!("netns add other{n}")));
    let other = Netns::name("other1").unwrap();
    linx_sys::drop_capabilities_except(&[]).unwrap();
    let fleet = Fleet::builder().template(|builder| builder.links()).start().unwrap();
    let mut watch = fleet.watch();
    let (mut refused, mut read) = (0, 0);
    loop {
        // Behind the last of them, what would be told again.
        let longest = if (refused, read) == (3, 1) { Duration::from_millis(1500) } else { PATIENCE };
        let Some(told) = watch.next_timeout(longest).unwrap() else { break };
        match told.news {
            News::Refused(error) => {
                assert_eq!(error.kind, ErrorKind::Permission { capability: Some(Capability::SYS_ADMIN) });
                assert!(!told.namespace.is_own);
                refused += 1;
            }
            News::Mirror(Notice::Synced(_)) => {
                assert!(told.namespace.is_own);
                read += 1;
            }
            News::Added => {}
            other => panic!("{other:?}"),
        }
    }
    // Told once, tried again in silence.
    assert_eq!((refused, read), (3, 1));
    until("they are tried again", || fleet.stats().refusals > 3);
    assert!(watch.try_next().unwrap().is_none());
    let chosen = Fleet::builder().only(vec![other, Netns::host().unwrap()]).start().unwrap();
    assert_eq!(chosen.namespaces().len(), 2);
    assert!(chosen.state(Netns::host().unwrap().cookie().unwrap()).is_some());
}

#[test]
fn a_namespace_that_is_deleted_in_a_storm_ends() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let keeper = Namespace::new("fleet-keeper");
    let mut stormy = Namespace::new("fleet-stormy");
    let fleet = Fleet::builder().template(|builder| builder.links().routes()).start().unwrap();
    let mut watch = fleet.watch();
    let cookie = synced(&mut watch, stormy.name());
    // The other end of the pair goes when the namespace ends, and not before.
    keeper.ip(&format!("link add end0 type veth peer name end1 netns {}", stormy.name()));
    stormy.batch("link set end1 up\naddress add 10.0.0.1/16 dev end1\n");
    keeper.ip("link set end0 up");
    let lines: String =
        (0..10_000).map(|n| format!("route add 10.{}.{}.0/24 dev end1\n", 1 + n / 250, n % 250)).collect();
    let (name, deleted) = (stormy.name().to_owned(), std::sync::Mutex::new(None));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It is inside until it has ended.
            let file = std::env::temp_dir().join(format!("{name}.batch"));
            std::fs::write(&file, &lines).unwrap();
            let _ = Command::new("ip").args(["-n", &name, "-batch"]).arg(&file).output();
            let _ = std::fs::remove_file(&file);
            *deleted.lock().unwrap() = Some(Instant::now());
        });
        until("the storm has begun", || fleet.state(cookie).is_some_and(|state| state.routes().len() > 100));
        stormy.delete();
    });
    let last = next(&mut watch, "it goes", |told| match &told.news {
        News::Removed { last } if told.namespace.cookie == Some(cookie) => last.clone(),
        _ => None,
    });
    println!(
        "told {:?} after it was left; {} routes",
        deleted.lock().unwrap().unwrap().elapsed(),
        last.routes().len()
    );
    until("it has ended", || keeper.try_ip("link show end0").is_err());
    assert!(fleet.state(keeper.netns().cookie().unwrap()).is_some());
}

#[test]
fn who_does_not_read_loses_of_the_storm_alone() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let (stormy, calm) = (Namespace::new("fleet-storm"), Namespace::new("fleet-calm"));
    stormy.batch("link set lo up\n");
    let fleet = fleet_of(&[&stormy, &calm]);
    let (mut slow, mut quick) = (fleet.watch(), fleet.watch());
    let (a, b) = (synced(&mut slow, stormy.name()), synced(&mut slow, calm.name()));
    synced(&mut quick, calm.name());
    let add: String =
        (0..20_000).map(|n| format!("route add 10.{}.{}.0/24 dev lo\n", 1 + n / 250, n % 250)).collect();
    let del = add.replace("route add", "route del");
    let mut longest = Duration::ZERO;
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            stormy.batch(&add);
            // What came and went before it was read would not be told.
            until("most of them are read", || fleet.state(a).unwrap().routes().len() >= 20_000);
            stormy.batch(&del);
        });
        let mut rounds = 0;
        while !storm.is_finished() || rounds == 0 {
            rounds += 1;
            let begun = Instant::now();
            calm.ip(&format!("link add calm{rounds} type veth peer name peer{rounds}"));
            next(&mut quick, "the calm one is heard", |told| (delta(told)?.netns() == b).then_some(()));
            longest = longest.max(begun.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("heard of the calm one {rounds} times within {longest:?}");
        // Each pair is two links.
        until("all is read", || fleet.state(b).unwrap().links().len() == 1 + 2 * rounds);
    });
    fleet.quiet(PATIENCE).unwrap();
    let (mut lagged, mut added) = (Vec::new(), 0);
    while let Some(told) = slow.next_timeout(Duration::from_millis(500)).unwrap() {
        match &told.news {
            News::Mirror(Notice::Lagged) => lagged.push(told.namespace.cookie.unwrap()),
            News::Mirror(Notice::Delta(delta)) if delta.netns() == b => {
                added += usize::from(delta.before().is_none() && delta.cause() == Cause::Event);
            }
            _ => {}
        }
    }
    assert_eq!(lagged, [a]);
    let now = fleet.state(b).unwrap();
    // Its loopback was there before.
    assert!(added >= now.links().len() - 1, "{added}");
    for cookie in [a, b] {
        assert_eq!(slow.state(cookie).unwrap().fingerprint(), fleet.state(cookie).unwrap().fingerprint());
    }
    assert!(longest < Duration::from_secs(20), "{longest:?}");
}

/// Who begins to watch while a namespace is in doubt is told of it, right after its state.
#[test]
fn who_joins_while_a_namespace_is_in_doubt_is_told_of_it() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let namespace = Namespace::new("fleetdoubt");
    let mut storm = Storm::new(&namespace);
    let builder = Fleet::builder().template(|builder| builder.routes().rcvbuf(4096).audit(None));
    let mut driver = builder.only(vec![namespace.netns()]).driver().unwrap();
    let fleet = driver.fleet();
    let end = Instant::now() + PATIENCE;
    while !fleet.is_synced() {
        assert!(Instant::now() < end, "it is never read");
        driver.advance(Instant::now()).unwrap();
    }
    let mirror = fleet.mirror(fleet.namespaces()[0].cookie.unwrap()).unwrap();
    while mirror.is_certain() {
        assert!(Instant::now() < end, "nothing was lost");
        storm.cycles(500, 2);
        driver.advance(Instant::now()).unwrap();
    }
    let mut watch = fleet.watch();
    let mut is_told =
        |wanted: &dyn Fn(&News) -> bool| watch.try_next().unwrap().is_some_and(|it| wanted(&it.news));
    assert!(is_told(&|news| matches!(news, News::Added)));
    assert!(is_told(&|news| matches!(news, News::Mirror(Notice::Synced(_)))));
    assert!(is_told(&|news| matches!(news, News::Mirror(Notice::ResyncNeeded(_)))));
    // An end of that comes as ever.
    let mut is_certain = false;
    while !is_certain {
        assert!(Instant::now() < end, "it stays in doubt");
        driver.advance(Instant::now()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        while let Some(told) = watch.try_next().unwrap() {
            is_certain |= matches!(told.news, News::Mirror(Notice::Resynced(_)));
        }
    }
}
