//! Fleets of real namespaces, which come and go.
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

mod come_and_go;
mod containers;
mod failures;
mod idle;
mod moves;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linx::Notice;
use linx::mirror::{Delta, Fleet, FleetNotice, FleetWatch, News};
use linx_test::Namespace;

/// Generous: machines that test are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One at a time: they look at all namespaces of the machine, and count descriptors.
static ONE: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The next notice that `wanted` recognises; others are other programs'.
pub fn next<T>(watch: &mut FleetWatch, what: &str, mut wanted: impl FnMut(&FleetNotice) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(notice) = watch.next_timeout(Duration::from_millis(200)).unwrap()
            && let Some(found) = wanted(&notice)
        {
            return found;
        }
        assert!(Instant::now() < end, "not within a minute: {what}");
    }
}

/// Waits until the namespace of this name has been read, and returns its cookie.
pub fn synced(watch: &mut FleetWatch, name: &str) -> u64 {
    next(watch, &format!("{name} is read"), |told| {
        let is_it = &*told.namespace.name == name && matches!(told.news, News::Mirror(Notice::Synced(_)));
        is_it.then(|| told.namespace.cookie.unwrap())
    })
}

pub fn delta(told: &FleetNotice) -> Option<&Delta> {
    match &told.news {
        News::Mirror(Notice::Delta(delta)) => Some(delta),
        _ => None,
    }
}

/// A fleet of these alone.
pub fn fleet_of(namespaces: &[&Namespace]) -> Fleet {
    let chosen = namespaces.iter().map(|namespace| namespace.netns()).collect();
    Fleet::builder().only(chosen).start().unwrap()
}

/// A command that runs one of these tests in a world of its own: nobody else's names, processes and links are there, and
/// what is made there ends with it. `first` is what the shell does before.
pub fn own_world(test: &str, first: &str) -> Command {
    let script = format!(
        "mount -t tmpfs none /run && mkdir /run/netns && {first} && exec \"$0\" --exact {test} --nocapture"
    );
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--net",
        "sh",
        "-c",
        &script,
    ]);
    command.arg(std::env::current_exe().unwrap());
    command
}
