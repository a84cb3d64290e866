//! When to sleep between drains. No I/O, no clock.
//!
//! Under a storm most of a monitor's cost is waking up, once an event (KERNEL.md 5.3; measured 1.4 µs an event
//! against 0.8 µs): when much came lately, a short sleep lets events gather. When it is quiet, each is delivered at once.

use std::time::{Duration, Instant};

/// How long a busy monitor sleeps. At the fastest sender seen (0.5 M/s) that is 500 events, 0.4 MB of the buffer.
const NAP: Duration = Duration::from_millis(1);
/// The same with [`ROOMY`]: waking up is a tenth of what an event of 100,000 a second costs with the shorter one.
const LONG_NAP: Duration = Duration::from_millis(2);
/// Bytes of receive buffer of which the longer nap takes a tenth.
const ROOMY: usize = 8 << 20;
/// A busy monitor has at least so many events in a window.
const BUSY_EVENTS: u32 = 12;
/// Least length of a window.
const WINDOW: Duration = Duration::from_millis(1);
/// Bytes of receive buffer below which a nap could fill it.
const LEAST_BUFFER: usize = 2 << 20;

/// Decides whether to sleep or to wait when the queue is empty.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How long to sleep; `None`: never.
    nap: Option<Duration>,
    since: Instant,
    events: u32,
    busy: bool,
}

impl Pace {
    /// For a receive buffer of this effective size.
    pub(crate) fn new(rcvbuf_bytes: usize, now: Instant) -> Self {
        let nap = match rcvbuf_bytes {
            ROOMY.. => Some(LONG_NAP),
            LEAST_BUFFER.. => Some(NAP),
            _ => None,
        };
        Self { nap, since: now, events: 0, busy: false }
    }

    /// An event came.
    #[inline]
    pub(crate) fn event(&mut self) {
        self.events = self.events.wrapping_add(1);
    }

    /// The queue is empty: how long to sleep before looking again, or `None` to wait until something comes.
    pub(crate) fn empty(&mut self, now: Instant) -> Option<Duration> {
        if now.saturating_duration_since(self.since) >= WINDOW {
            let windows = now.saturating_duration_since(self.since).as_millis().max(1);
            self.busy = u128::from(self.events) >= u128::from(BUSY_EVENTS) * windows;
            self.since = now;
            self.events = 0;
        }
        self.nap.filter(|_| self.busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events that come every `gap`, for 50 ms: (naps, waits).
    fn run(gap: Duration, rcvbuf: usize) -> (u32, u32) {
        let start = Instant::now();
        let mut pace = Pace::new(rcvbuf, start);
        let (mut now, mut due, mut naps, mut waits) = (start, start, 0, 0);
        while now < start + Duration::from_millis(50) {
            while due <= now {
                pace.event();
                due += gap;
            }
            match pace.empty(now) {
                Some(nap) => {
                    naps += 1;
                    now += nap;
                }
                None => {
                    waits += 1;
                    now = due;
                }
            }
        }
        (naps, waits)
    }

    #[test]
    fn a_storm_is_read_in_bursts_and_a_trickle_at_once() {
        for (rcvbuf, least) in [(2 << 20, 45), (8 << 20, 22)] {
            let (naps, waits) = run(Duration::from_micros(10), rcvbuf);
            assert!(naps >= least && waits <= 200, "{naps} naps, {waits} waits");
        }
        assert_eq!(run(Duration::from_micros(500), 8 << 20).0, 0);
        assert_eq!(run(Duration::from_micros(10), 4096).0, 0, "a small buffer would overflow meanwhile");
    }

    #[test]
    fn after_a_storm_it_waits_again() {
        let start = Instant::now();
        let mut pace = Pace::new(8 << 20, start);
        (0..1000).for_each(|_| pace.event());
        let after = start + Duration::from_millis(2);
        assert!(pace.empty(after).is_some());
        assert_eq!(pace.empty(after + LONG_NAP), None);
    }
}
