//! One request and its answers, without I/O: fed with datagrams and the time, it says what belongs to the answer
//! and how it ended.
//!
//! Source: netlink(7), <linux/netlink.h>, `af_netlink.c`. It knows nothing of objects: what it passes on are messages
//! whose sequence number and port id are the request's.

use std::time::{Duration, Instant};

use linx_wire::DecodeError;
use linx_wire::header::{Ack, Message, MessageFlags, Messages, control};

use crate::error::ErrorKind;

/// A kernel that builds an answer always has another part of it at once; longer silence is a fault.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Datagrams without a message, one after the other, that a dump may consist of before it is given up: a dump of all
/// families that meets an IPv6 route too large for it sends nothing else, for ever (Linux 6.18).
const MAX_EMPTY: u32 = 16;

/// So long after `now`; a time that no clock reaches is a century away.
pub(crate) fn after(now: Instant, time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(time).unwrap_or_else(|| now + CENTURY)
}

/// What ends an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Objects, then `NLMSG_DONE`.
    Dump,
    /// Any number of objects, then the acknowledgement that the request asked for.
    Ack,
}

/// What a message of the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// An object.
    Object(Message<'a>),
    /// Not for the asker: somebody else's answer, a leftover of an earlier one, padding.
    Skip,
    /// The end of the answer; [`Exchange::outcome`] says which.
    End,
}

/// The state of one request's answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    expect: Expect,
    seq: u32,
    portid: u32,
    deadline: Instant,
    timeout: Duration,
    torn: bool,
    outcome: Option<Result<(), ErrorKind>>,
    read_out: bool,
    empty: u32,
    /// Messages that were somebody else's.
    skipped: u64,
}

impl Exchange {
    /// A request with this sequence number, sent at `now` from the socket `portid`.
    pub(crate) fn new(expect: Expect, seq: u32, portid: u32, timeout: Duration, now: Instant) -> Self {
        let deadline = after(now, timeout);
        Self {
            expect,
            seq,
            portid,
            deadline,
            timeout,
            torn: false,
            outcome: None,
            read_out: false,
            empty: 0,
            skipped: 0,
        }
    }

    /// When to give up, unless a datagram comes before.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How it ended; `None` while it has not.
    pub(crate) fn outcome(&self) -> Option<&Result<(), ErrorKind>> {
        self.outcome.as_ref()
    }

    /// Whether the answer came to its end, so that nothing of it is left in the socket.
    pub(crate) fn is_read_out(&self) -> bool {
        self.read_out
    }

    /// Whether the kernel has said so far that it tore.
    pub(crate) fn is_torn(&self) -> bool {
        self.torn
    }

    /// Messages skipped so far.
    #[cfg(test)]
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// A datagram came. `false`: its messages are not to be looked at, because it is a stranger's or the exchange
    /// has ended by it.
    pub(crate) fn datagram(&mut self, sender: u32, length: usize, truncated: bool, now: Instant) -> bool {
        if self.outcome.is_some() || sender != 0 {
            return false;
        }
        if length == 0 {
            self.empty += 1;
            if self.empty > MAX_EMPTY {
                self.fail(ErrorKind::Oversize { missing: 1 });
            }
            return false;
        }
        self.empty = 0;
        self.deadline = after(now, self.timeout);
        if truncated {
            self.fail(ErrorKind::Truncated);
        }
        !truncated
    }

    /// The next message of the datagram.
    pub(crate) fn step<'a>(&mut self, message: Result<Message<'a>, DecodeError>) -> Step<'a> {
        if self.outcome.is_some() {
            return Step::End;
        }
        let message = match message {
            Ok(message) => message,
            Err(error) => return self.fail(ErrorKind::Decode(error)),
        };
        let header = message.header;
        if header.seq != self.seq || header.portid != self.portid {
            self.skipped += 1;
            return Step::Skip;
        }
        if header.flags.contains(MessageFlags::DUMP_INTR) && self.expect == Expect::Dump {
            self.torn = true;
        }
        match header.message_type {
            control::NOOP => Step::Skip,
            // Parts of the answer were lost.
            control::OVERRUN => self.fail(ErrorKind::Torn),
            control::ERROR | control::DONE => self.finish(&message),
            _ => Step::Object(message),
        }
    }

    fn finish<'a>(&mut self, message: &Message<'a>) -> Step<'a> {
        let ack = match Ack::decode(message) {
            Ok(ack) => ack,
            Err(error) => return self.fail(ErrorKind::Decode(error)),
        };
        self.read_out = true;
        if ack.errno != 0 {
            return self.fail(ErrorKind::of_ack(&ack));
        }
        let done = message.header.message_type == control::DONE;
        match self.expect {
            // A dump is not acknowledged; its end is its DONE.
            Expect::Dump if !done => {
                self.read_out = false;
                Step::Skip
            }
            Expect::Dump if self.torn => self.fail(ErrorKind::Torn),
            _ => {
                self.outcome = Some(Ok(()));
                Step::End
            }
        }
    }

    /// The socket lost messages (ENOBUFS).
    pub(crate) fn overflow(&mut self) {
        self.fail(ErrorKind::Torn);
    }

    /// Whether time has run out.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        if self.outcome.is_none() && now >= self.deadline {
            self.fail(ErrorKind::Timeout);
            return true;
        }
        false
    }

    fn fail(&mut self, kind: ErrorKind) -> Step<'static> {
        if self.outcome.is_none() {
            self.outcome = Some(Err(kind));
        }
        Step::End
    }
}

/// A place in a datagram whose messages are taken one by one, while the buffer stays where it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    at: usize,
}

impl Cursor {
    /// The place so many bytes from the start of the datagram, where a message begins.
    pub(crate) fn starting_at(at: usize) -> Self {
        Self { at }
    }

    /// Bytes from the start of the datagram to the message that comes next.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// The next message of `datagram`.
    #[inline]
    pub(crate) fn next<'a>(&mut self, datagram: &'a [u8]) -> Option<Result<Message<'a>, DecodeError>> {
        let rest = datagram.get(self.at..)?;
        let item = Messages::new(rest).next()?;
        match &item {
            Ok(message) => self.at = self.at.saturating_add(message.bytes.len().next_multiple_of(4)),
            Err(_) => self.at = datagram.len(),
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEQ: u32 = 7;
    const PORT: u32 = 99;

    fn message(kind: u16, flags: u16, seq: u32, portid: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u32::try_from(16 + payload.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(seq.to_ne_bytes());
        bytes.extend(portid.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn object(flags: u16) -> Vec<u8> {
        message(24, flags, SEQ, PORT, &[1, 2, 3, 4])
    }

    fn done(errno: i32) -> Vec<u8> {
        message(control::DONE, 2, SEQ, PORT, &(-errno).to_ne_bytes())
    }

    fn error(errno: i32) -> Vec<u8> {
        let mut payload = (-errno).to_ne_bytes().to_vec();
        payload.extend([0; 16]);
        message(control::ERROR, 0, SEQ, PORT, &payload)
    }

    fn start(expect: Expect) -> (Exchange, Instant) {
        let now = Instant::now();
        (Exchange::new(expect, SEQ, PORT, TIMEOUT, now), now)
    }

    /// Objects seen.
    fn feed(exchange: &mut Exchange, datagrams: &[Vec<u8>], now: Instant) -> usize {
        let mut objects = 0;
        for datagram in datagrams {
            if !exchange.datagram(0, 20, false, now) {
                continue;
            }
            let mut cursor = Cursor::default();
            while let Some(next) = cursor.next(datagram) {
                match exchange.step(next) {
                    Step::Object(_) => objects += 1,
                    Step::Skip => {}
                    Step::End => break,
                }
            }
        }
        objects
    }

    #[test]
    fn a_dump_in_two_datagrams_ends_with_done() {
        let (mut exchange, now) = start(Expect::Dump);
        let first = [object(2), object(2)].concat();
        assert_eq!(feed(&mut exchange, &[first], now), 2);
        assert_eq!(exchange.outcome(), None);
        let last = [object(2), done(0)].concat();
        assert_eq!(feed(&mut exchange, &[last], now), 1);
        assert_eq!(exchange.outcome(), Some(&Ok(())));
    }

    #[test]
    fn the_interrupted_flag_anywhere_tears_the_dump_at_its_end() {
        for datagrams in [
            vec![object(0x12), object(2), done(0)],
            vec![object(2), object(0x12), done(0)],
            vec![object(2), message(control::DONE, 0x12, SEQ, PORT, &[0; 4])],
        ] {
            let (mut exchange, now) = start(Expect::Dump);
            let objects = feed(&mut exchange, &datagrams, now);
            assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Torn)));
            assert_eq!(objects, datagrams.len() - 1, "items before the tear are passed on");
        }
    }

    #[test]
    fn an_error_of_the_kernel_keeps_text_and_offset_also_on_done() {
        let mut attributes = vec![7, 0, 1, 0, b'n', b'o', 0, 0];
        attributes.extend([8, 0, 2, 0]);
        attributes.extend(36u32.to_ne_bytes());
        let in_done = [(-22i32).to_ne_bytes().to_vec(), attributes.clone()].concat();
        let in_error = [(-22i32).to_ne_bytes().to_vec(), vec![0; 16], attributes].concat();
        for (expect, kind, payload) in [
            (Expect::Dump, control::DONE, in_done),
            (Expect::Dump, control::ERROR, in_error.clone()),
            (Expect::Ack, control::ERROR, in_error),
        ] {
            let (mut exchange, now) = start(expect);
            feed(&mut exchange, &[message(kind, 0x300, SEQ, PORT, &payload)], now);
            let expected = ErrorKind::Kernel { errno: 22, message: Some("no".into()), offset: Some(36) };
            assert_eq!(exchange.outcome(), Some(&Err(expected)));
        }
    }

    #[test]
    fn leftovers_and_strangers_are_skipped() {
        let (mut exchange, now) = start(Expect::Ack);
        let other_seq = message(24, 2, SEQ - 1, PORT, &[]);
        let other_port = message(24, 2, SEQ, PORT + 1, &[]);
        let old_done = message(control::DONE, 2, SEQ - 1, PORT, &[0; 4]);
        assert_eq!(feed(&mut exchange, &[other_seq, other_port, old_done], now), 0);
        assert_eq!((exchange.skipped(), exchange.outcome()), (3, None));
        assert!(!exchange.datagram(1234, 20, false, now), "a datagram that is not the kernel's");
        assert_eq!(feed(&mut exchange, &[object(0), error(0)], now), 1);
        assert_eq!(exchange.outcome(), Some(&Ok(())));
    }

    #[test]
    fn silence_truncation_overrun_and_overflow_end_it() {
        let (mut exchange, now) = start(Expect::Dump);
        assert!(!exchange.expire(now + TIMEOUT - Duration::from_millis(1)));
        feed(&mut exchange, &[object(2)], now + Duration::from_secs(4));
        assert!(!exchange.expire(now + Duration::from_secs(6)), "data moves the deadline");
        assert!(exchange.expire(now + Duration::from_secs(9)));
        assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Timeout)));

        let (mut exchange, now) = start(Expect::Dump);
        assert!(!exchange.datagram(0, 20, true, now));
        assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Truncated)));

        let (mut exchange, now) = start(Expect::Dump);
        feed(&mut exchange, &[message(control::OVERRUN, 0, SEQ, PORT, &[])], now);
        assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Torn)));

        let (mut exchange, _) = start(Expect::Dump);
        exchange.overflow();
        assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Torn)));
    }

    #[test]
    fn a_dump_of_empty_datagrams_ends() {
        let (mut exchange, now) = start(Expect::Dump);
        for round in 0..MAX_EMPTY {
            assert!(!exchange.datagram(0, 0, false, now + TIMEOUT / 2));
            assert!(exchange.outcome().is_none(), "{round}");
        }
        feed(&mut exchange, &[object(2)], now);
        assert!(!exchange.expire(now + TIMEOUT / 2), "they do not move the deadline");
        while exchange.outcome().is_none() {
            exchange.datagram(0, 0, false, now);
        }
        assert_eq!(exchange.outcome(), Some(&Err(ErrorKind::Oversize { missing: 1 })));
    }

    #[test]
    fn bytes_that_are_no_message_are_a_decode_error() {
        let (mut exchange, now) = start(Expect::Dump);
        let objects = feed(&mut exchange, &[[object(2), vec![9; 20]].concat()], now);
        assert_eq!(objects, 1);
        assert!(matches!(exchange.outcome(), Some(Err(ErrorKind::Decode(error))) if error.offset() == 0));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Object { torn: bool },
        Stranger(u32, u32),
        Noop,
        Overrun,
        Done(i32),
        Error(i32),
        Spoofed,
        Truncated,
        Wait(u64),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            6 => any::<bool>().prop_map(|torn| Op::Object { torn }),
            2 => (0u32..9, 98u32..101).prop_map(|(seq, port)| Op::Stranger(seq, port)),
            1 => Just(Op::Noop),
            1 => Just(Op::Overrun),
            2 => prop_oneof![Just(0), 1i32..40].prop_map(Op::Done),
            1 => prop_oneof![Just(0), 1i32..40].prop_map(Op::Error),
            1 => Just(Op::Spoofed),
            1 => Just(Op::Truncated),
            2 => (0u64..4000).prop_map(Op::Wait),
        ];
        prop::collection::vec(op, 0..24)
    }

    proptest! {
        /// Whatever comes, in whatever order and packed as it may be: the outcome is that of the first end, a torn
        /// flag before it is never forgotten, and nothing after it changes it.
        #[test]
        fn any_sequence_ends_as_its_first_end_says(ops in ops(), dump in any::<bool>(), pack in 1usize..4) {
            let (mut exchange, mut now) = start(if dump { Expect::Dump } else { Expect::Ack });
            let (mut objects, mut expected_objects) = (0, 0);
            let mut expected: Option<Result<(), &str>> = None;
            let mut torn = false;
            let mut silent = 0;
            let mut packed: Vec<Vec<u8>> = Vec::new();
            for op in &ops {
                let bytes = match op {
                    Op::Object { torn } => Some(object(if *torn { 0x12 } else { 2 })),
                    Op::Stranger(SEQ, PORT) => None,
                    Op::Stranger(seq, port) => Some(message(24, 0x12, *seq, *port, &[])),
                    Op::Noop => Some(message(control::NOOP, 0, SEQ, PORT, &[])),
                    Op::Overrun => Some(message(control::OVERRUN, 0, SEQ, PORT, &[])),
                    Op::Done(errno) => Some(done(*errno)),
                    Op::Error(errno) => Some(error(*errno)),
                    Op::Spoofed | Op::Truncated | Op::Wait(_) => None,
                };
                if let Some(bytes) = bytes {
                    packed.push(bytes);
                }
                let boundary = !matches!(op, Op::Object { .. } | Op::Noop | Op::Done(_) | Op::Stranger(..));
                if !packed.is_empty() && (packed.len() >= pack || boundary) {
                    silent = 0;
                    objects += feed(&mut exchange, &[packed.concat()], now);
                    packed.clear();
                }
                match op {
                    _ if expected.is_some() => {}
                    Op::Object { torn: flag } => {
                        torn |= *flag;
                        expected_objects += 1;
                    }
                    Op::Overrun => expected = Some(Err("torn")),
                    Op::Done(0) | Op::Error(0) if dump => {
                        if matches!(op, Op::Done(_)) {
                            expected = Some(if torn { Err("torn") } else { Ok(()) });
                        }
                    }
                    Op::Done(0) | Op::Error(0) => expected = Some(Ok(())),
                    Op::Done(_) | Op::Error(_) => expected = Some(Err("kernel")),
                    Op::Truncated => expected = Some(Err("truncated")),
                    _ => {}
                }
                match op {
                    Op::Spoofed => prop_assert!(!exchange.datagram(5, 20, false, now)),
                    Op::Truncated => {
                        exchange.datagram(0, 20, true, now);
                        silent = 0;
                    }
                    Op::Wait(millis) => {
                        now += Duration::from_millis(*millis);
                        silent += millis;
                        let expired = exchange.expire(now);
                        prop_assert_eq!(expired, expected.is_none() && silent >= 5000);
                        if expired {
                            expected = Some(Err("timeout"));
                        }
                    }
                    _ => {}
                }
            }
            if !packed.is_empty() {
                objects += feed(&mut exchange, &[packed.concat()], now);
            }
            prop_assert_eq!(objects, expected_objects);
            let outcome = exchange.outcome().map(|outcome| match outcome {
                Ok(()) => Ok(()),
                Err(ErrorKind::Torn) => Err("torn"),
                Err(ErrorKind::Truncated) => Err("truncated"),
                Err(ErrorKind::Timeout) => Err("timeout"),
                Err(_) => Err("kernel"),
            });
            prop_assert_eq!(outcome, expected);
        }

        /// Any bytes: no panic, and the cursor always ends.
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut exchange, now) = start(Expect::Dump);
            let mut steps = 0;
            let mut cursor = Cursor::default();
            exchange.datagram(0, 20, false, now);
            while let Some(message) = cursor.next(&bytes) {
                exchange.step(message);
                steps += 1;
            }
            prop_assert!(steps <= bytes.len() / 16 + 1);
        }
    }
}
