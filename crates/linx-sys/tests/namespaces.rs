//! Namespaces of our own: entering them, telling them apart, and leaving the caller where it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod common;

use std::os::fd::OwnedFd;
use std::process::Command;

use common::{Running, TestNetns, own_namespace, root};
use linx_sys::{ErrorKind, Netns, NetnsOrigin, Pidfd, Protocol, Socket};

#[test]
fn every_way_to_name_a_namespace_leads_to_the_same_one() {
    let Some(ns) = TestNetns::new("ways") else { return };
    let before = own_namespace();
    let sleeper = ns.spawn("sleep", &["600"]);
    let pid = sleeper.pid();
    let by_pid = Netns::pid(pid).unwrap();
    let pidfd = std::os::fd::AsFd::as_fd(&Pidfd::open(pid).unwrap()).try_clone_to_owned().unwrap();
    let by_path = Netns::path(format!("/run/netns/{}", ns.name())).unwrap();
    let fd: OwnedFd = std::fs::File::open(format!("/run/netns/{}", ns.name())).unwrap().into();
    let all = [
        Netns::name(ns.name()).unwrap(),
        by_path,
        by_pid,
        Netns::pidfd(pidfd).unwrap(),
        Netns::process(Pidfd::open(pid).unwrap()),
        Netns::fd(fd).unwrap(),
        Netns::path(format!("/proc/{pid}/ns/net")).unwrap(),
    ];
    let cookies: Vec<u64> = all.iter().map(|n| n.cookie().unwrap()).collect();
    assert!(cookies.iter().all(|c| *c == cookies[0]), "{cookies:?}");
    let host = Netns::host().unwrap();
    assert_ne!(cookies[0], host.cookie().unwrap());
    for netns in &all {
        for protocol in [Protocol::ROUTE, Protocol::NETFILTER, Protocol::GENERIC] {
            let socket = Socket::open(protocol, netns).unwrap();
            assert_eq!(socket.netns_cookie(), cookies[0], "{netns}");
            let monitor = Socket::open_monitor(protocol, netns).unwrap();
            assert_eq!(monitor.netns_cookie(), cookies[0], "{netns}");
        }
        // What runs inside sees the namespace's devices: only lo.
        let devices = netns.run(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap()).unwrap();
        assert_eq!(devices.lines().filter(|l| l.contains(": ")).count(), 1, "{devices}");
        assert_eq!(own_namespace(), before, "{netns} moved the caller");
    }
    assert_eq!(Socket::open(Protocol::ROUTE, &host).unwrap().netns_cookie(), host.cookie().unwrap());
    // None where process 1 may not be looked at.
    assert_ne!(host.is_of_pid_1(), Some(false));
    assert_ne!(all[0].is_of_pid_1(), Some(true));
}

#[test]
fn names_for_people() {
    let Some(ns) = TestNetns::new("names") else { return };
    let name = ns.name();
    let by_name = Netns::name(name).unwrap();
    assert_eq!(by_name.to_string(), name);
    assert_eq!(by_name.origin(), NetnsOrigin::Name(name));
    assert!(!by_name.pins());
    let path = format!("/run/netns/{name}");
    assert_eq!(Netns::path(&path).unwrap().to_string(), path);
    let me = std::process::id();
    assert_eq!(Netns::pid(me).unwrap().to_string(), format!("pid {me}"));
    assert_eq!(Netns::pid(me).unwrap().origin(), NetnsOrigin::Process(me));
    let host = Netns::host().unwrap();
    assert_eq!(host.to_string(), "host");
    assert!(host.pins());
}

#[test]
fn host_is_the_namespace_of_the_calling_thread() {
    let Some(ns) = TestNetns::new("host") else { return };
    let cookie = ns.netns().cookie().unwrap();
    // Made in there, used out here: it still means in there.
    let inner = ns.netns().run(|| Netns::host().unwrap()).unwrap();
    assert_eq!(inner.cookie().unwrap(), cookie);
    assert_eq!(Socket::open(Protocol::ROUTE, &inner).unwrap().netns_cookie(), cookie);
    assert_ne!(Netns::host().unwrap().cookie().unwrap(), cookie);
    // And out here used in there.
    let outer = Netns::host().unwrap();
    let outer_cookie = outer.cookie().unwrap();
    let seen = ns.netns().run(|| Socket::open(Protocol::ROUTE, &outer).unwrap().netns_cookie()).unwrap();
    assert_eq!(seen, outer_cookie);
}

#[test]
fn the_caller_stays_where_it_is_when_entering_fails() {
    let before = own_namespace();
    assert!(Netns::name("linx-none").is_err());
    let Some(ns) = TestNetns::new("stay") else { return };
    let netns = ns.netns();
    drop(ns);
    let error = Socket::open(Protocol::ROUTE, &netns).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoNamespace, "{error}");
    assert_eq!(netns.cookie().unwrap_err().kind(), ErrorKind::NoNamespace);
    assert_eq!(own_namespace(), before);
}

/// `ip netns del` unmounts first, and removes the file then.
#[test]
fn a_name_that_is_unmounted_is_gone() {
    let Some(made) = TestNetns::new("unmounted") else { return };
    let netns = Netns::name(made.name()).unwrap();
    let path = format!("/run/netns/{}", made.name());
    assert!(Command::new("umount").arg(&path).status().unwrap().success());
    assert_eq!(netns.open().unwrap_err().kind(), ErrorKind::NoNamespace);
    assert!(Socket::open(Protocol::ROUTE, &netns).unwrap_err().is_gone());
    assert_eq!(Netns::name(made.name()).unwrap_err().kind(), ErrorKind::NotANamespace);
}

#[test]
fn a_descriptor_pins_and_a_name_does_not() {
    let Some(ns) = TestNetns::new("pin") else { return };
    let by_name = ns.netns();
    let cookie = by_name.cookie().unwrap();
    let pinned = Netns::fd(by_name.open().unwrap()).unwrap();
    let name = ns.name().to_owned();
    drop(ns);
    assert!(by_name.cookie().unwrap_err().is_gone());
    assert_eq!(pinned.cookie().unwrap(), cookie);
    // The same name again is another namespace.
    let again = TestNetns::with_name(&name).unwrap();
    assert_ne!(by_name.cookie().unwrap(), cookie);
    assert_eq!(pinned.cookie().unwrap(), cookie);
    drop(again);
}

#[test]
fn a_process_that_is_gone() {
    let Some(ns) = TestNetns::new("gone") else { return };
    let mut child = ns.spawn("sleep", &["600"]);
    let pid = child.pid();
    let netns = Netns::pid(pid).unwrap();
    assert_eq!(netns.cookie().unwrap(), ns.netns().cookie().unwrap());
    child.0.kill().unwrap();
    // Dead but not waited for, then waited for: no process either way.
    let pidfd = Pidfd::open(pid).unwrap();
    common::until("the child is dead", || !pidfd.is_alive().unwrap());
    for _ in 0..2 {
        let expected = format!("no process {pid}: No such process");
        for error in [
            netns.cookie().unwrap_err(),
            netns.run(|| ()).unwrap_err(),
            netns.open().unwrap_err(),
            Socket::open(Protocol::ROUTE, &netns).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NoProcess, "{error}");
            assert_eq!(error.raw_os_error(), Some(3), "{error}");
            assert_eq!(error.to_string(), expected);
        }
        child.stop();
    }
    assert_eq!(Netns::pid(pid).unwrap_err().kind(), ErrorKind::NoProcess);
}

#[test]
fn a_file_in_the_place_of_a_name() {
    if !root() {
        return;
    }
    // `ip netns add` first makes the file, then mounts the namespace over it: between the two it is a file.
    let name = common::unique("file");
    let path = format!("/run/netns/{name}");
    std::fs::create_dir_all("/run/netns").unwrap();
    std::fs::write(&path, "").unwrap();
    let error = Netns::name(&name).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.kind(), ErrorKind::NotANamespace);
    assert!(error.to_string().contains(&path), "{error}");
}

#[test]
fn without_privilege_ones_own_namespace_is_open_and_others_are_not() {
    let Some(ns) = TestNetns::new("unpriv") else { return };
    let own_cookie = Netns::host().unwrap().cookie().unwrap();
    let sleeper = Running(Command::new("sleep").arg("600").spawn().unwrap());
    let pid = sleeper.pid();
    let name = ns.name().to_owned();
    std::thread::spawn(move || {
        linx_sys::drop_capabilities_except(&[]).unwrap();
        let host = Netns::host().unwrap();
        assert_eq!(Socket::open_monitor(Protocol::ROUTE, &host).unwrap().netns_cookie(), own_cookie);
        assert_eq!(host.run(|| 5).unwrap(), 5);
        let by_pid = Netns::pid(std::process::id()).unwrap();
        assert_eq!(by_pid.cookie().unwrap(), own_cookie);
        assert_eq!(Netns::path("/proc/self/ns/net").unwrap().cookie().unwrap(), own_cookie);
        let other = Netns::name(&name).unwrap();
        for error in [
            other.cookie().unwrap_err(),
            Socket::open(Protocol::ROUTE, &other).unwrap_err(),
            other.run(|| ()).unwrap_err(),
        ] {
            assert!(error.is_permission(), "{error}");
            assert_eq!(
                error.to_string(),
                format!("enter the network namespace: {name}: Operation not permitted: needs CAP_SYS_ADMIN")
            );
        }
        let _ = Netns::pid(pid).unwrap().cookie();
    })
    .join()
    .unwrap();
}

#[test]
fn many_threads_open_in_many_namespaces_at_once() {
    let spaces: Vec<_> = (0..4).filter_map(|i| TestNetns::new(&format!("many{i}"))).collect();
    if spaces.is_empty() {
        return;
    }
    let before = own_namespace();
    std::thread::scope(|scope| {
        for ns in &spaces {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mine = own_namespace();
                    let netns = ns.netns();
                    let cookie = netns.cookie().unwrap();
                    for _ in 0..25 {
                        assert_eq!(Socket::open(Protocol::ROUTE, &netns).unwrap().netns_cookie(), cookie);
                    }
                    assert_eq!(own_namespace(), mine);
                });
            }
        }
    });
    assert_eq!(own_namespace(), before);
}
