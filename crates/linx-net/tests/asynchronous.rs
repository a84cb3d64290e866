//! Under tokio: monitors as streams, lists on the blocking pool.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use linx::monitor::Notices;
use linx::route::{Monitor, Notice, Objects};
use linx::{ErrorKind, Group, Handle, Key, RestartPolicy};
use linx_test::{Namespace, PATIENCE, Step, Storm, Zoo, break_socket, is_root, skip_unless};
use tokio::time::timeout;

async fn next(notices: &mut Notices<Objects>) -> Option<linx::Result<Notice>> {
    let next = poll_fn(|cx| Pin::new(&mut *notices).poll_next(cx));
    timeout(PATIENCE, next).await.expect("a notice in time")
}

#[tokio::test]
async fn a_stream_tells_events_in_order_and_ends_when_unsubscribed() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("stream");
    let mut storm = Storm::new(&namespace);
    let monitor = Monitor::builder()
        .netns(&namespace.netns())
        .groups(&[Group::IPV4_ROUTE])
        .rcvbuf(64 << 20)
        .subscribe();
    let mut notices = monitor.unwrap().into_stream().unwrap();
    // Twice: in a burst, then one by one.
    let sender = tokio::task::spawn_blocking(move || {
        storm.cycles(5_000, 2);
        for number in 0..50 {
            std::thread::sleep(Duration::from_micros(300));
            storm.send(&[Step { add: true, number }]);
        }
    });
    let mut count = 0;
    while count < 20_050 {
        match next(&mut notices).await.unwrap().unwrap() {
            Notice::Event(_) => count += 1,
            other => panic!("{other:?}"),
        }
    }
    sender.await.unwrap();
    let control = notices.control();
    assert_eq!(control.stats().losses, 0);
    let waiting = tokio::spawn(async move {
        let end = next(&mut notices).await;
        (end.is_none(), next(&mut notices).await.is_none())
    });
    tokio::task::yield_now().await;
    control.unsubscribe();
    assert_eq!(waiting.await.unwrap(), (true, true));
}

#[tokio::test]
async fn a_supervised_stream_goes_on_and_another_ends_with_its_error() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("restream");
    let builder = || Monitor::builder().netns(&namespace.netns());
    let policy = RestartPolicy { first_pause: Duration::from_millis(20), ..RestartPolicy::default() };
    let monitor = builder().supervised(policy).subscribe().unwrap();
    let portid = monitor.portid();
    let mut notices = monitor.into_stream().unwrap();
    break_socket(&namespace.netns(), portid);
    assert!(matches!(next(&mut notices).await, Some(Ok(Notice::ResyncNeeded(_)))));
    namespace.ip("link set lo up");
    assert!(matches!(next(&mut notices).await, Some(Ok(Notice::Event(_)))));

    let monitor = builder().subscribe().unwrap();
    let portid = monitor.portid();
    let mut notices = monitor.into_stream().unwrap();
    break_socket(&namespace.netns(), portid);
    let Some(Err(error)) = next(&mut notices).await else { panic!("an error") };
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(next(&mut notices).await.is_none());
}

#[tokio::test]
async fn many_tasks_share_a_handle() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("tasks");
    let handle = Handle::new(&zoo.namespace.netns()).unwrap();
    let keys = |routes: linx::Listing<linx::Route>| {
        routes.iter().map(|route| Key::of(&route.as_ref())).collect::<Vec<_>>()
    };
    let expected = keys(handle.routes().all_async().await.unwrap());
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    handle.links().all_async().await.unwrap();
                }
                handle.routes().all_async().await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(keys(task.await.unwrap()), expected);
    }
}
