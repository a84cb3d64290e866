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
mod oracle;
#[cfg(feature = "nft")]
mod rules;
mod silent;

use std::time::Duration;

use linx::mirror::{Cause, Change};
use linx::{Kind, Mirror, Notice};
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
