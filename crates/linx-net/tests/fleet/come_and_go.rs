//! Namespaces that come, go and come again.

use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

use linx::mirror::{Fleet, News};
use linx::{ErrorKind, LinkView, Notice};
use linx_test::{Namespace, is_root, skip_unless, until};

use crate::{alone, delta, descriptors, fleet_of, next, own_world, synced};

#[test]
fn namespaces_that_come_are_mirrored_and_those_that_go_are_let_go() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let before = Namespace::new("fleet");
    before.ip("link add dummy0 type veth peer name dummy1");
    let fleet = Fleet::builder().template(|builder| builder.links().routes()).start().unwrap();
    let mut watch = fleet.watch();
    let cookie = synced(&mut watch, before.name());
    assert_eq!(cookie, before.netns().cookie().unwrap());
    assert!(watch.state(cookie).unwrap().links().by_name(b"dummy0").is_some());
    assert!(fleet.by_name(before.name()).unwrap().snapshot().links().by_name(b"dummy1").is_some());

    let mut later = Namespace::new("fleet");
    let name = later.name().to_owned();
    let other = synced(&mut watch, &name);
    later.ip("link add veth0 type veth peer name veth1");
    next(&mut watch, "a link comes", |told| {
        let link = delta(told)?.object().clone();
        (told.namespace.cookie == Some(other) && told.moved_from().is_none()).then_some(link)
    });
    until("both ends of it", || fleet.state(other).is_some_and(|state| state.links().len() == 3));
    let begun = Instant::now();
    later.delete();
    let last = next(&mut watch, "it goes", |told| match &told.news {
        News::Removed { last } if told.namespace.cookie == Some(other) => last.clone(),
        _ => None,
    });
    println!("told after {:?}", begun.elapsed());
    assert_eq!(last.links().len(), 3);
    assert!(fleet.state(other).is_none() && fleet.by_name(&name).is_none());
    assert!(fleet.state(cookie).is_some());

    // The same name again is another namespace.
    let again = Namespace::named(&name);
    let third = synced(&mut watch, again.name());
    assert_ne!(third, other);
    assert_eq!(watch.state(third).unwrap().links().len(), 1);
    drop(fleet);
    let end = Instant::now() + Duration::from_secs(10);
    let over = loop {
        match watch.next() {
            Ok(_) => assert!(Instant::now() < end),
            Err(error) => break error,
        }
    };
    assert_eq!(over.kind, ErrorKind::Unsubscribed);
}

#[test]
fn a_hundred_that_come_and_go_leave_nothing_behind() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let fleet = Fleet::builder().template(|builder| builder.links()).start().unwrap();
    let mut watch = fleet.watch();
    for round in 0..100 {
        let namespace = Namespace::new("fleet-often");
        let cookie = synced(&mut watch, namespace.name());
        namespace.ip("link set lo up");
        next(&mut watch, "lo comes up", |told| {
            (told.namespace.cookie == Some(cookie) && delta(told).is_some()).then_some(())
        });
        drop(namespace);
        let begun = Instant::now();
        next(&mut watch, "it goes", |told| match &told.news {
            News::Removed { last } if told.namespace.cookie == Some(cookie) => {
                assert!(last.as_ref().unwrap().links().by_name(b"lo").unwrap().is_up());
                Some(())
            }
            _ => None,
        });
        assert!(begun.elapsed() < Duration::from_secs(20), "{round}: {:?}", begun.elapsed());
    }
    // Other tests' namespaces may be there now.
    until("nothing of them is open", || descriptors() <= 60 + 5 * fleet.namespaces().len());
}

#[test]
fn chosen_ones_end_with_their_names_and_the_fleet_with_the_last() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let (mut one, mut two) = (Namespace::new("fleet-one"), Namespace::new("fleet-two"));
    let fleet = fleet_of(&[&one, &two, &one]);
    assert_eq!(fleet.namespaces().len(), 2);
    assert!(fleet.by_name(one.name()).is_some() && fleet.by_name(two.name()).is_some());
    let mut watch = fleet.watch();
    one.delete();
    next(&mut watch, "one goes", |told| {
        (matches!(told.news, News::Removed { .. }) && &*told.namespace.name == one.name()).then_some(())
    });
    assert_eq!(fleet.namespaces().len(), 1);
    two.delete();
    let mut gone = 0;
    let error = loop {
        match watch.next_timeout(crate::PATIENCE) {
            Ok(told) => gone += u32::from(matches!(told.unwrap().news, News::Removed { .. })),
            Err(error) => break error,
        }
    };
    assert_eq!((gone, error.kind), (1, ErrorKind::NamespaceGone));
    assert_eq!(
        Fleet::builder().only(vec![]).start().unwrap_err().kind,
        ErrorKind::NamespaceGone,
        "of none there is nothing to wait for"
    );
}

#[test]
fn a_process_is_a_namespaces_as_long_as_it_lives() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let fleet = Fleet::builder().template(|builder| builder.links()).start().unwrap();
    let mut watch = fleet.watch();
    let mut child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
    let pid = child.id();
    let cookie = next(&mut watch, "its namespace is read", |told| {
        let is_it =
            told.namespace.pids.contains(&pid) && matches!(told.news, News::Mirror(Notice::Synced(_)));
        is_it.then(|| told.namespace.cookie.unwrap())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    next(&mut watch, "it goes with its process", |told| {
        (matches!(told.news, News::Removed { .. }) && told.namespace.cookie == Some(cookie)).then_some(())
    });
    until("its mirror is gone", || fleet.mirror(cookie).is_none());
}

/// Tells the child of the next test that it is one.
const ROLE: &str = "LINX_FLEET_LINKED";

#[test]
fn a_name_that_is_a_link_leads_where_its_process_is() {
    skip_unless!(is_root(), "not root");
    let status = own_world("come_and_go::linked_names", "true").env(ROLE, "1").status().unwrap();
    assert!(status.success());
}

/// The child of the test above. Docker's namespaces are given names so.
#[test]
fn linked_names() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let fleet = Fleet::builder().template(|builder| builder.links()).start().unwrap();
    let mut watch = fleet.watch();
    let mut before = None;
    // Longer than it takes until nothing is looked at without a reason.
    std::thread::sleep(Duration::from_secs(7));
    for _ in 0..2 {
        let mut child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
        let target = format!("/proc/{}/ns/net", child.id());
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        until("it is in its namespace", || std::fs::read_link(&target).is_ok_and(|link| link != own));
        std::os::unix::fs::symlink(&target, "/run/netns/next").unwrap();
        std::fs::rename("/run/netns/next", "/run/netns/linked").unwrap();
        let cookie = next(&mut watch, "it is found, and called so", |told| {
            let is_it = &*told.namespace.name == "linked" && fleet.mirror(told.namespace.cookie?).is_some();
            is_it.then(|| told.namespace.cookie.unwrap())
        });
        assert_ne!(before.replace(cookie), Some(cookie));
        child.kill().unwrap();
        child.wait().unwrap();
        next(&mut watch, "it goes with its process", |told| {
            let is_it = matches!(told.news, News::Removed { .. }) && told.namespace.cookie == Some(cookie);
            is_it.then_some(())
        });
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_stream_ends_with_its_fleet() {
    use std::future::poll_fn;
    use std::pin::Pin;

    use futures_core::Stream;

    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("fleet-stream");
    let fleet = fleet_of(&[&namespace]);
    let mut changes = fleet.watch().into_stream().unwrap();
    let mut told = Vec::new();
    let mut fleet = Some(fleet);
    while let Some(notice) = poll_fn(|cx| Pin::new(&mut changes).poll_next(cx)).await {
        match notice.unwrap().news {
            News::Added => told.push("added"),
            News::Mirror(Notice::Synced(_)) => {
                told.push("synced");
                namespace.ip("link set lo up");
            }
            News::Mirror(Notice::Delta(_)) => {
                told.push("delta");
                fleet = None;
            }
            _ => {}
        }
    }
    assert!(fleet.is_none());
    assert_eq!(told.get(..3), Some(&["added", "synced", "delta"][..]));
}

#[test]
fn a_loop_of_ones_own_drives_a_fleet() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let mut driver = Fleet::builder().template(|builder| builder.links()).driver().unwrap();
    let fleet = driver.fleet();
    let mut watch = fleet.watch();
    let mut turn = |done: &mut dyn FnMut() -> bool| {
        let end = Instant::now() + crate::PATIENCE;
        while !done() {
            assert!(Instant::now() < end);
            driver.advance(Instant::now()).unwrap();
            let left = driver.deadline().map(|due| due.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(Duration::MAX).min(Duration::from_millis(100));
            linx_sys::wait_readable(driver.as_fd(), Some(left)).unwrap();
        }
    };
    turn(&mut || fleet.is_synced());
    let namespace = Namespace::new("fleet-loop");
    turn(&mut || fleet.by_name(namespace.name()).is_some());
    let cookie = namespace.netns().cookie().unwrap();
    namespace.ip("link set lo up");
    let mut heard = false;
    turn(&mut || {
        while let Some(told) = watch.try_next().unwrap() {
            heard |= told.namespace.cookie == Some(cookie) && delta(&told).is_some();
        }
        heard
    });
    drop(fleet);
    assert_eq!(driver.advance(Instant::now()).unwrap_err().kind, ErrorKind::Unsubscribed);
    let over = loop {
        if let Err(error) = watch.try_next() {
            break error;
        }
    };
    assert_eq!(over.kind, ErrorKind::Unsubscribed);
}

/// For whoever has an own loop: all that is told at once is held until it was read, and forgotten then.
#[test]
fn what_is_told_at_once_is_held_and_forgotten_when_it_was_read() {
    skip_unless!(is_root(), "not root");
    let _alone = alone();
    let namespace = Namespace::new("fleet");
    namespace.ip("link add ve0 type veth peer name ve1");
    namespace.ip("link set ve1 up");
    namespace.ip("link set ve0 up");
    let routes: String = (0..40_000)
        .map(|n| format!("route add 10.{}.{}.{}/32 dev ve0\n", 128 + (n >> 16), n >> 8 & 255, n & 255))
        .collect();
    namespace.batch(&routes);
    let told = |bytes: Option<usize>| {
        let builder = Fleet::builder().only(vec![namespace.netns()]);
        let builder = builder.template(|builder| builder.routes().nft_where_allowed().rcvbuf(1 << 20));
        let builder = bytes.into_iter().fold(builder, linx::mirror::FleetBuilder::hold);
        let mut driver = builder.driver().unwrap();
        let (fleet, cookie) = (driver.fleet(), namespace.netns().cookie().unwrap());
        let mut watch = fleet.watch();
        assert!(driver.netns(cookie).is_none() && driver.rcvbuf().is_none());
        until("it is read", || {
            driver.advance(Instant::now()).unwrap();
            fleet.is_synced()
        });
        assert!(driver.has_entered() && driver.rcvbuf() == Some(1 << 20));
        assert_eq!(driver.netns(cookie).unwrap().cookie().unwrap(), cookie);
        while watch.try_next().unwrap().is_some() {}
        // Nothing is left of what was read.
        driver.forget(0);
        namespace.ip("link set ve0 down");
        let (mut deltas, mut lags) = (0, 0);
        until("the routes are gone", || {
            driver.advance(Instant::now()).unwrap();
            while let Some(notice) = watch.try_next().unwrap() {
                deltas += usize::from(delta(&notice).is_some());
                lags += usize::from(matches!(notice.news, News::Mirror(Notice::Lagged)));
            }
            driver.forget(0);
            watch.state(cookie).unwrap().routes().len() < 1000
        });
        namespace.ip("link set ve0 up");
        namespace.batch(&routes);
        (deltas, lags)
    };
    let (deltas, lags) = told(Some(256 << 20));
    assert!(deltas >= 40_000 && lags == 0, "{deltas} {lags}");
    // The control: as many as the other holds are not told one by one.
    let (deltas, lags) = told(None);
    assert!(deltas < 40_000 && lags > 0, "{deltas} {lags}");
}
