use super::super::route::{Monitor, Notice, Objects};
use super::*;
use linx_sys::Group;
use linx_test::{Namespace, PATIENCE, Storm, is_root};

/// The buffer is twice as large as the largest message seen: what is larger is told, and the next comes.
#[test]
fn a_message_larger_than_the_buffer_is_told() {
    if !is_root() {
        eprintln!("SKIPPED a_message_larger_than_the_buffer_is_told: not root");
        return;
    }
    let namespace = Namespace::new("trunc");
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    // A link's message is larger, an address's is not.
    monitor.buf = RecvBuf::with_capacity(256);
    namespace.batch("link set lo up\naddress add 10.0.0.1/32 dev lo\n");
    let (mut truncated, mut events) = (0, 0);
    monitor
        .until_now(PATIENCE, |notice| match notice {
            Notice::Event(_) => events += 1,
            Notice::ResyncNeeded(loss) => {
                assert!(matches!(loss.reason, LossReason::Truncated { length: 257.. }), "{loss:?}");
                truncated += 1;
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert!(truncated >= 1 && events >= 1, "{truncated} truncated, {events} events");
}

/// An acknowledgement may come between the last datagram that is older than a gap and the empty queue that ends them.
#[test]
fn a_barrier_is_not_told_while_a_loss_is_not() {
    if !is_root() {
        eprintln!("SKIPPED a_barrier_is_not_told_while_a_loss_is_not: not root");
        return;
    }
    let namespace = Namespace::new("barrier");
    let mut storm = Storm::new(&namespace);
    let builder = Monitor::builder().netns(&namespace.netns()).rcvbuf(4096);
    let mut monitor = builder.groups(&[Group::IPV4_ROUTE]).subscribe().unwrap();
    storm.cycles(200, 1);
    while monitor.socket.as_ref().unwrap().meminfo().unwrap().queued_bytes > 0 {
        assert!(matches!(monitor.try_recv().unwrap(), Some(Notice::Event(_))));
    }
    assert!(monitor.intake.is_pending());
    let early = monitor.barrier().unwrap();
    let mut told = Vec::new();
    while let Some(notice) = monitor.try_recv().unwrap() {
        told.push(notice);
    }
    assert!(matches!(told.first(), Some(Notice::ResyncNeeded(_))), "{told:?}");
    assert!(!told.iter().any(|notice| matches!(notice, Notice::Barrier(reached) if *reached == early)));
    monitor.until_now(PATIENCE, |notice| panic!("{notice:?}")).unwrap();
}

fn message(kind: u16, seq: u32, portid: u32) -> Vec<u8> {
    let mut bytes = 36u32.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(portid.to_ne_bytes());
    bytes.extend([0; 20]);
    bytes
}

#[test]
fn a_lost_acknowledgement_is_a_loss() {
    let mut monitor = super::super::Builder::new(Objects, &[Group::MDB]).subscribe().unwrap();
    let portid = monitor.portid();
    monitor.barriers = VecDeque::from([5, 6, 7]);
    let feed = |monitor: &mut Monitor, bytes: Vec<u8>| {
        let mut told = Vec::new();
        for message in linx_wire::header::Messages::new(&bytes) {
            let message = message.unwrap();
            told.push(acknowledged(&mut monitor.barriers, &message, monitor.socket.as_deref()));
        }
        told
    };
    assert!(feed(&mut monitor, message(control::ERROR, 5, portid)) == [Reached::Next]);
    assert!(feed(&mut monitor, message(control::ERROR, 7, portid)) == [Reached::Later]);
    assert!(monitor.barriers.is_empty());
    monitor.barriers = VecDeque::from([8]);
    for stranger in [
        message(control::ERROR, 8, portid + 1),
        message(control::ERROR, 9, portid),
        message(control::NOOP, 8, portid),
    ] {
        assert!(feed(&mut monitor, stranger) == [Reached::Nothing]);
    }
    assert!(feed(&mut monitor, message(control::OVERRUN, 0, 0)) == [Reached::Loss]);
    assert!(monitor.barriers.is_empty());
}
