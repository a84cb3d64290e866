//! The process connector against the kernel. Where it cannot be had, the error must say why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::TestNetns;
use linx_sys::{Error, ErrorKind, Netns, ProcConnector, ProcEvent, ProcEvents, monotonic};

/// The connector, or a loud skip for a reason that the error gives.
fn open(events: ProcEvents) -> Option<ProcConnector> {
    match ProcConnector::open(&Netns::host().unwrap(), events) {
        Ok(mut connector) => {
            connector.set_rcvbuf(16 << 20).unwrap();
            // Where many begin and end at this moment, the buffer that it began with was too small for them.
            while !matches!(connector.recv(), Ok(None)) {}
            Some(connector)
        }
        Err(error) => {
            assert!(is_clear(&error), "{error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

fn is_clear(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Permission => error.to_string().contains("CAP_NET_ADMIN"),
        ErrorKind::Unsupported => ["initial", "kernel"].iter().any(|w| error.to_string().contains(w)),
        _ => false,
    }
}

/// Reads events until `wanted` answers true.
fn read_until(connector: &mut ProcConnector, mut wanted: impl FnMut(Duration, ProcEvent) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        while let Some(notice) = connector.recv().unwrap() {
            if wanted(notice.time, notice.event) {
                return;
            }
        }
        assert!(Instant::now() < end, "the event did not come within a minute");
        connector.wait_readable(Some(Duration::from_secs(1))).unwrap();
    }
}

#[test]
fn a_child_is_seen_to_fork_execute_and_end() {
    let Some(mut connector) = open(ProcEvents::all()) else { return };
    let before = monotonic();
    let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    let pid = child.id();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut seen = Vec::new();
    read_until(&mut connector, |time, event| {
        match event {
            ProcEvent::Fork { tid, pid: p, parent_pid, .. } if (tid, p) == (pid, pid) => {
                assert_eq!(parent_pid, std::process::id());
                seen.push("fork");
            }
            ProcEvent::Exec { tid, pid: p } if p == pid => {
                assert_eq!(tid, pid);
                seen.push("exec");
            }
            ProcEvent::Exit { tid, pid: p, code, .. } if p == pid => {
                assert_eq!((tid, code), (pid, 3 << 8));
                seen.push("exit");
            }
            _ => return false,
        }
        assert!(time >= before && time <= monotonic(), "{time:?}");
        seen.last() == Some(&"exit")
    });
    assert_eq!(seen, ["fork", "exec", "exit"]);
}

#[test]
fn only_what_was_asked_for_comes() {
    let Some(mut connector) = open(ProcEvents::EXEC) else { return };
    let dropped = connector.drops().unwrap();
    for _ in 0..20 {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        read_until(&mut connector, |_, event| match event {
            ProcEvent::Exec { pid: p, .. } => p == pid,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(connector.drops().unwrap(), dropped);
}

#[test]
fn a_thread_that_is_renamed() {
    let Some(mut connector) = open(ProcEvents::COMM | ProcEvents::FORK) else { return };
    let tid = std::thread::Builder::new()
        .name("renamed-é\x1b".into())
        .spawn(|| rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
        .unwrap()
        .join()
        .unwrap();
    read_until(&mut connector, |_, event| match event {
        ProcEvent::Comm { tid: t, pid, comm } if t == tid => {
            assert_eq!(pid, std::process::id());
            comm.as_bytes() == "renamed-é\x1b".as_bytes()
        }
        _ => false,
    });
}

#[test]
fn two_listeners_do_not_disturb_each_other() {
    let Some(mut first) = open(ProcEvents::EXEC) else { return };
    let Some(second) = open(ProcEvents::EXIT) else { return };
    drop(second);
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    read_until(&mut first, |_, event| event == ProcEvent::Exec { tid: pid, pid });
}

#[test]
fn elsewhere_than_in_the_initial_network_namespace_the_error_says_so() {
    let Some(ns) = TestNetns::new("cn") else { return };
    let error = ProcConnector::open(&ns.netns(), ProcEvents::all()).unwrap_err();
    assert!(is_clear(&error), "{error}");
    if linx_sys::in_initial_pid_namespace() == Some(true)
        && linx_sys::in_initial_user_namespace() == Some(true)
    {
        assert_eq!(error.to_string(), "listen to process events: needs the initial network namespace");
    }
}

#[test]
fn without_privilege_it_works_or_names_the_capability() {
    std::thread::spawn(|| {
        linx_sys::drop_capabilities_except(&[]).unwrap();
        if let Some(mut connector) = open(ProcEvents::EXEC) {
            let mut child = Command::new("true").spawn().unwrap();
            let pid = child.id();
            child.wait().unwrap();
            read_until(&mut connector, |_, event| event == ProcEvent::Exec { tid: pid, pid });
        }
    })
    .join()
    .unwrap();
}
