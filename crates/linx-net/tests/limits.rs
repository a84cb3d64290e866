//! When there is no descriptor left: a documented error, and all is well again afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::process::Command;

use linx::route::Monitor;
use linx::{ErrorKind, Handle};

const CHILD: &str = "LINX_TEST_FEW_DESCRIPTORS";

/// Runs [`a_child_with_few_descriptors`] in a process that may open 16 files.
#[test]
fn without_descriptors_there_is_an_error_and_then_it_works_again() {
    let own = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 16; exec \"$0\" \"$@\""])
        .arg(own)
        .args(["--exact", "a_child_with_few_descriptors", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("survived"), "{text}\n{errors}");
}

#[test]
fn a_child_with_few_descriptors() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let handle = Handle::host().unwrap();
    let mut streams = Vec::new();
    // Each stream holds a socket.
    let error = loop {
        let mut stream = handle.links().stream();
        match stream.next().unwrap() {
            Ok(_) => streams.push(stream),
            Err(error) => break error,
        }
        assert!(streams.len() < 16);
    };
    assert_eq!((error.kind.clone(), error.errno()), (ErrorKind::Io, Some(24)), "{error}");
    assert!(error.to_string().contains("Too many open files"), "{error}");
    let error = Monitor::builder().subscribe().unwrap_err();
    assert_eq!((error.kind.clone(), error.errno()), (ErrorKind::Io, Some(24)), "{error}");
    // Streams go on without new descriptors, and what is closed can be opened again.
    assert!(streams.pop().unwrap().all(|link| link.is_ok()));
    drop(streams);
    assert!(!handle.links().all().unwrap().is_empty());
    let mut monitors = Vec::new();
    let error = loop {
        match Monitor::builder().subscribe() {
            Ok(monitor) => monitors.push(monitor),
            Err(error) => break error,
        }
        assert!(monitors.len() < 16);
    };
    assert_eq!(error.errno(), Some(24), "{error}");
    monitors.pop();
    Monitor::builder().subscribe().unwrap().barrier().unwrap();
    eprintln!("survived");
}
