//! The names of namespaces come and go as mounts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod common;

use std::os::fd::AsFd;
use std::time::Duration;

use common::{TestNetns, root, until};
use linx_sys::{MountWatch, Netns, PollSet, wait_readable};

#[test]
fn a_name_that_comes_and_goes_is_seen_once_it_can_be_used() {
    if !root() {
        return;
    }
    let watch = MountWatch::new().unwrap();
    // Twice inside each other, as in a program's own loop: the change must survive every poll on the way.
    let mut inner = PollSet::new().unwrap();
    inner.add(&watch, 7).unwrap();
    let mut outer = PollSet::new().unwrap();
    outer.add(&inner, 1).unwrap();
    for _ in 0..5 {
        let name = common::unique("mnt");
        let ns = std::thread::spawn({
            let name = name.clone();
            move || TestNetns::with_name(&name)
        });
        // Other programs may mount too: what counts is that after the last change the name can be opened.
        until("the name is there", || {
            assert!(wait_readable(outer.as_fd(), Some(Duration::from_secs(60))).unwrap());
            assert!(wait_readable(inner.as_fd(), Some(Duration::ZERO)).unwrap());
            assert_eq!(outer.wait(Some(Duration::ZERO)).unwrap(), [1]);
            assert_eq!(inner.wait(Some(Duration::ZERO)).unwrap(), [7]);
            assert!(watch.changed().unwrap());
            Netns::name(&name).is_ok()
        });
        let ns = ns.join().unwrap();
        while watch.changed().unwrap() {}
        drop(ns);
        until("the name is gone", || {
            assert!(wait_readable(outer.as_fd(), Some(Duration::from_secs(60))).unwrap());
            assert!(watch.changed().unwrap());
            Netns::name(&name).is_err_and(|e| e.is_gone() || e.kind() == linx_sys::ErrorKind::NotANamespace)
        });
    }
}
