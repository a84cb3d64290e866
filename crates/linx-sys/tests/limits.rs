//! What happens when a limit of the process is reached. Alone in its program: the limit is everybody's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

use linx_sys::{ErrorKind, MountWatch, Netns, Pidfd, PollSet, Protocol, Socket, Wake};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn without_a_free_descriptor_every_call_says_so() {
    let host = Netns::host().unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: before.maximum }).unwrap();
    let mut hoard = Vec::new();
    let error = loop {
        match Socket::open_monitor(Protocol::ROUTE, &host) {
            Ok(socket) => hoard.push(socket),
            Err(error) => break error,
        }
    };
    let others = [
        Netns::host().unwrap_err(),
        Netns::path("/proc/self/ns/net").unwrap_err(),
        host.open().unwrap_err(),
        host.cookie().unwrap_err(),
        Pidfd::open(std::process::id()).unwrap_err(),
        Wake::new().unwrap_err(),
        PollSet::new().unwrap_err(),
        MountWatch::new().unwrap_err(),
    ];
    drop(hoard);
    setrlimit(Resource::Nofile, before).unwrap();
    for error in others.iter().chain([&error]) {
        assert_eq!(error.kind(), ErrorKind::TooManyFiles, "{error}");
        assert!(error.to_string().ends_with("Too many open files"), "{error}");
    }
    // And all is well again once there is room.
    Socket::open_monitor(Protocol::ROUTE, &host).unwrap();
    assert!(linx_sys::raise_nofile().unwrap() > 64);
}
