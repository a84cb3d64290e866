//! Namespaces come and go, by name and by process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs)]

mod netns_guard;

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linx::namespaces::{Change, Namespace, Watcher, discover, resolve};
use linx_sys::{Netns, Protocol, Socket};
use netns_guard::{Running, TestNetns};

/// Generous: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// One at a time: they all look at all namespaces of the machine, and count descriptors.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process in a namespace of its own, without a name.
fn hermit() -> Running {
    Running::new(Command::new("unshare").args(["-n", "sleep", "600"]), "sleep")
}

/// The next change that `wanted` recognises; others are other programs'.
fn next<T>(watcher: &mut Watcher, what: &str, mut wanted: impl FnMut(&Change) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(change) = watcher.next_timeout(Duration::from_millis(200)).unwrap()
            && let Some(found) = wanted(&change)
        {
            return found;
        }
        assert!(Instant::now() < end, "not within a minute: {what}");
    }
}

fn added(watcher: &mut Watcher, name: &str) -> Namespace {
    next(watcher, "a name comes", |change| match change {
        Change::Added(namespace) if &*namespace.name == name => Some(namespace.clone()),
        _ => None,
    })
}

fn removed(watcher: &mut Watcher, cookie: Option<u64>) -> Namespace {
    assert!(cookie.is_some());
    next(watcher, "a namespace goes", |change| match change {
        Change::Removed(namespace) if namespace.cookie == cookie => Some(namespace.clone()),
        _ => None,
    })
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn each_namespace_is_found_once_by_what_leads_to_it() {
    let _alone = alone();
    let Some(named) = TestNetns::new("found") else { return };
    let inside = named.spawn("sleep", &["600"]);
    let hermit = hermit();

    let found = discover().unwrap();
    let own = found.own().unwrap();
    assert_eq!(own.cookie, Some(Netns::host().unwrap().cookie().unwrap()));
    let (name, what) = match std::fs::read_link("/proc/1/ns/net") {
        Ok(link) if link == std::fs::read_link("/proc/self/ns/net").unwrap() => {
            ("host", "this process and pid 1")
        }
        Ok(_) => ("self", "this process"),
        // It cannot be told.
        Err(_) => ("host", "this process"),
    };
    assert_eq!((&*own.name, &*own.what().to_string()), (name, what));

    let by_name = found.by_name(named.name()).unwrap();
    assert_eq!(by_name.cookie, Some(named.netns().cookie().unwrap()));
    assert_eq!(by_name.pids, [inside.id()]);
    assert_eq!(by_name.path.as_ref().unwrap().to_str().unwrap(), format!("/run/netns/{}", named.name()));
    assert_eq!(by_name.netns().unwrap().cookie().ok(), by_name.cookie);

    let nameless = found.namespaces.iter().find(|n| n.pids.contains(&hermit.id())).unwrap();
    assert_eq!((&*nameless.name, nameless.processes), ("-", 1));
    assert_eq!(nameless.path.as_ref().unwrap().to_str().unwrap(), format!("/proc/{}/ns/net", hermit.id()));
    assert!(nameless.what().to_string().starts_with(&format!("pid {} (", hermit.id())));
    assert_eq!(nameless.netns().unwrap().cookie().ok(), nameless.cookie);

    let mut cookies: Vec<_> = found.namespaces.iter().filter_map(|n| n.cookie).collect();
    let count = cookies.len();
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), count, "one of them twice");
    assert_eq!(found.by_cookie(nameless.cookie.unwrap()).unwrap().inode, nameless.inode);
    assert!(found.by_name("-").is_none());

    // What a user calls them.
    let cookie = |word: &str| resolve(word.as_ref()).unwrap().cookie().ok();
    assert_eq!(cookie(named.name()), by_name.cookie);
    assert_eq!(cookie(&format!("name:{}", named.name())), by_name.cookie);
    assert_eq!(cookie(&format!("/run/netns/{}", named.name())), by_name.cookie);
    assert_eq!(cookie(&hermit.id().to_string()), nameless.cookie);
    assert_eq!(cookie(&format!("pid:{}", inside.id())), by_name.cookie);
}

/// A name that is a number is a name; `pid:` says that the process is meant.
#[test]
fn a_name_comes_before_a_pid() {
    let _alone = alone();
    if !netns_guard::root() {
        return;
    }
    let number = std::process::id().to_string();
    let named = TestNetns::with_name(&number);
    let own = Netns::host().unwrap().cookie().unwrap();
    assert_eq!(resolve(number.as_ref()).unwrap().cookie().unwrap(), named.netns().cookie().unwrap());
    assert_eq!(resolve(format!("pid:{number}").as_ref()).unwrap().cookie().unwrap(), own);
}

#[test]
fn the_same_name_again_is_another_namespace() {
    let _alone = alone();
    let Some(first) = TestNetns::new("again") else { return };
    let name = first.name().to_owned();
    let mut watcher = Watcher::new().unwrap();
    let old = added(&mut watcher, &name);
    // A monitor's socket keeps it alive; it is told all the same, so that the socket can be closed.
    let pin = Socket::open_monitor(Protocol::ROUTE, &first.netns()).unwrap();
    assert_eq!(Some(pin.netns_cookie()), old.cookie);
    drop(first);
    let second = TestNetns::with_name(&name);
    let mut order = Vec::new();
    while order.len() < 2 {
        let is_ours = |change: &Change| (*change.namespace().name == *name).then(|| change.clone());
        order.push(next(&mut watcher, "the old goes, the new comes", is_ours));
    }
    assert!(matches!(&order[0], Change::Removed(namespace) if namespace.cookie == old.cookie), "{order:?}");
    assert!(matches!(&order[1], Change::Added(namespace) if namespace.cookie != old.cookie), "{order:?}");
    let cookie = second.netns().cookie().ok();
    drop(second);
    assert_eq!(&*removed(&mut watcher, cookie).name, &*name);
}

/// With nothing but the descriptor and the deadline, as in somebody's own loop.
#[test]
fn a_deletion_makes_the_descriptor_readable() {
    let _alone = alone();
    let Some(named) = TestNetns::new("loop") else { return };
    let cookie = named.netns().cookie().ok();
    let mut watcher = Watcher::new().unwrap();
    let mut changes = watcher.advance(Instant::now()).unwrap();
    assert!(changes.iter().any(|change| matches!(change, Change::Added(n) if n.cookie == cookie)));
    drop(named);
    assert!(linx_sys::wait_readable(watcher.as_fd(), Some(PATIENCE)).unwrap());
    let end = Instant::now() + PATIENCE;
    changes.clear();
    while !changes.iter().any(|change| matches!(change, Change::Removed(n) if n.cookie == cookie)) {
        assert!(Instant::now() < end);
        let wait = watcher.deadline().saturating_duration_since(Instant::now());
        linx_sys::wait_readable(watcher.as_fd(), Some(wait)).unwrap();
        changes.extend(watcher.advance(Instant::now()).unwrap());
    }
}

#[test]
fn namespaces_of_processes_come_and_go() {
    let _alone = alone();
    if !netns_guard::root() {
        return;
    }
    let mut watcher = Watcher::new().unwrap();
    while watcher.next_timeout(Duration::ZERO).unwrap().is_some() {}
    let hermit = hermit();
    let pid = hermit.id();
    let came = next(&mut watcher, "the hermit comes", |change| match change {
        Change::Added(namespace) if namespace.pids.contains(&pid) => Some(namespace.clone()),
        _ => None,
    });
    assert_eq!(came.cookie, Netns::pid(pid).unwrap().cookie().ok());

    // It gets a name, and loses it: it is the same all the time.
    let name = netns_guard::unique("attach");
    let attach = Command::new("ip").args(["netns", "attach", &name, &pid.to_string()]).status().unwrap();
    assert!(attach.success());
    let called = |change: &Change, name: &str| match change {
        Change::Changed(n) if n.cookie == came.cookie && &*n.name == name => Some(()),
        Change::Removed(n) if n.cookie == came.cookie => panic!("it is still there"),
        _ => None,
    };
    next(&mut watcher, "it has a name", |change| called(change, &name));
    assert!(Command::new("ip").args(["netns", "delete", &name]).status().unwrap().success());
    next(&mut watcher, "it has lost its name", |change| called(change, "-"));

    // Another process is in it when the first one goes: that leads to it now.
    let enter = format!("--net=/proc/{pid}/ns/net");
    let other = Running::new(Command::new("nsenter").args([&enter, "sleep", "600"]), "sleep");
    drop(hermit);
    let path = next(&mut watcher, "something else leads to it", |change| match change {
        Change::Changed(n) if n.cookie == came.cookie && !n.pids.contains(&pid) => n.path.clone(),
        Change::Removed(n) if n.cookie == came.cookie => panic!("it is still there"),
        _ => None,
    });
    assert_eq!(path, std::path::PathBuf::from(format!("/proc/{}/ns/net", other.id())));
    drop(other);
    removed(&mut watcher, came.cookie);
}

#[test]
fn a_hundred_namespaces_and_nothing_leaks() {
    let _alone = alone();
    if !netns_guard::root() {
        return;
    }
    let before = descriptors();
    {
        let mut watcher = Watcher::new().unwrap();
        while watcher.next_timeout(Duration::ZERO).unwrap().is_some() {}
        let own = descriptors();
        let all: Vec<_> = (0..100).map(|_| TestNetns::new("many").unwrap()).collect();
        let mut cookies: Vec<_> = all.iter().map(|named| named.netns().cookie().unwrap()).collect();
        let mut waiting: std::collections::HashSet<u64> = cookies.iter().copied().collect();
        while !waiting.is_empty() {
            next(&mut watcher, "a hundred come", |change| match change {
                Change::Added(namespace) => Some(namespace.cookie.is_some_and(|c| waiting.remove(&c))),
                _ => None,
            });
        }
        let begin = Instant::now();
        let found = discover().unwrap();
        eprintln!("{} namespaces are found in {:?}", found.namespaces.len(), begin.elapsed());
        assert!(cookies.iter().all(|cookie| found.by_cookie(*cookie).is_some()));
        // Other programs' processes are watched by descriptors, names are not.
        assert!(descriptors() < own + 50, "{} descriptors, {own} before", descriptors());
        drop(all);
        while let Some(cookie) = cookies.pop() {
            if watcher.namespaces().iter().any(|namespace| namespace.cookie == Some(cookie)) {
                next(&mut watcher, "a hundred go", |change| match change {
                    Change::Removed(namespace) if namespace.cookie == Some(cookie) => Some(()),
                    // Told in the order of their cookies.
                    Change::Removed(namespace) => {
                        cookies.retain(|other| Some(*other) != namespace.cookie);
                        None
                    }
                    _ => None,
                });
            }
        }
    }
    assert_eq!(descriptors(), before);
}

/// What an unprivileged user sees: names, without identities, and how much is hidden.
#[test]
fn without_privileges_what_is_hidden_is_said() {
    let _alone = alone();
    let Some(named) = TestNetns::new("unpriv") else { return };
    let name = named.name().to_owned();
    let hermit = hermit();
    // In a thread: what it gives up is its own.
    let thread = std::thread::spawn(move || {
        linx_sys::drop_capabilities_except(&[]).unwrap();
        let found = discover().unwrap();
        let own = found.own().unwrap();
        assert!(own.cookie.is_some() && own.refused.is_none());
        let named = found.by_name(&name).unwrap();
        assert_eq!(named.cookie, None);
        let refused = named.refused.clone().unwrap();
        assert!(refused.is_permission());
        assert_eq!(refused.capability(), Some(linx_sys::Capability::SYS_ADMIN));
        assert!(named.what().to_string().ends_with("cannot be entered: needs CAP_SYS_ADMIN"));
        let mut watcher = Watcher::new().unwrap();
        added(&mut watcher, &name);
        (found.hidden_processes, watcher)
    });
    let (hidden, mut watcher) = thread.join().unwrap();
    eprintln!("{hidden} processes hidden");
    drop(hermit);
    let name = named.name().to_owned();
    drop(named);
    // This thread may enter it; what matters is that the name is told to be gone.
    next(&mut watcher, "the name goes", |change| match change {
        Change::Removed(namespace) if *namespace.name == *name => Some(()),
        _ => None,
    });
}
