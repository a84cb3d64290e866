//! When to sleep between drains. No I/O, no clock.
//!
//! Under a storm most of a monitor's cost is waking up, once an event (KERNEL.md 5.3; measured 1.4 µs an event
//! against 0.8 µs): when much came lately, a short sleep lets events gather. When it is quiet, each is delivered at once.

use std::time::{Duration, Instant};

/// How long a busy monitor sleeps: until [`GATHERED`] events are there, as far as the rate tells, within these bounds, and at
/// most twice as long as the last time: a few events at once are no storm, and what comes after them is not to wait.
const NAP: Duration = Duration::from_millis(1);
const LONGEST_NAP: Duration = Duration::from_millis(5);
/// So many that waking up is little of what one costs (124 µs in all, measured), so few that they are still in the
/// processor's caches when they are read: with 1,350 each costs a twelfth more.
const GATHERED: u32 = 500;
/// Bytes of receive buffer that one event may be expected to take (a route's takes 832), and the part of the buffer that
/// may fill during a nap.
const EVENT_BYTES: usize = 1 << 10;
const SHARE: usize = 16;
/// Bytes of it that the fastest sender seen (0.5 M/s) fills in a millisecond: a sender that was slow may become that one
/// during a nap, which is to leave half of the buffer free.
const FASTEST: usize = 416 << 10;
/// A busy monitor has at least so many events in a window.
const BUSY_EVENTS: u32 = 12;
/// Least length of a window.
const WINDOW: Duration = Duration::from_millis(1);
/// Bytes of receive buffer below which a nap could fill it.
const LEAST_BUFFER: usize = 2 << 20;

/// Decides whether to sleep or to wait when the queue is empty.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How many events are to gather; none: never sleep.
    gathered: u32,
    longest: Duration,
    since: Instant,
    events: u32,
    /// How long to sleep, while busy.
    nap: Option<Duration>,
}

impl Pace {
    /// For a receive buffer of this effective size.
    pub(crate) fn new(rcvbuf_bytes: usize, now: Instant) -> Self {
        let mut pace = Self { gathered: GATHERED, longest: LONGEST_NAP, since: now, events: 0, nap: None };
        pace.bound(rcvbuf_bytes);
        pace
    }

    /// There is a receive buffer of this effective size, too.
    pub(crate) fn bound(&mut self, rcvbuf_bytes: usize) {
        let room = u32::try_from(rcvbuf_bytes / SHARE / EVENT_BYTES).unwrap_or(u32::MAX);
        let most = if rcvbuf_bytes < LEAST_BUFFER { 0 } else { room };
        self.gathered = self.gathered.min(most);
        let millis = u64::try_from(rcvbuf_bytes / 2 / FASTEST).unwrap_or(u64::MAX);
        self.longest = self.longest.min(Duration::from_millis(millis)).max(NAP);
    }

    /// An event came.
    #[inline]
    pub(crate) fn event(&mut self) {
        self.events = self.events.wrapping_add(1);
    }

    /// The queue is empty: how long to sleep before looking again, or `None` to wait until something comes.
    pub(crate) fn empty(&mut self, now: Instant) -> Option<Duration> {
        let window = now.saturating_duration_since(self.since);
        if window >= WINDOW {
            let windows = window.as_millis().max(1);
            let is_busy = u128::from(self.events) >= u128::from(BUSY_EVENTS) * windows;
            let wanted = (window / self.events.max(1) * self.gathered).clamp(NAP, self.longest);
            let longer = self.nap.map_or(NAP, |last| last * 2);
            self.nap = (is_busy && self.gathered > 0).then(|| wanted.min(longer));
            self.since = now;
            self.events = 0;
        }
        self.nap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_buffer_bounds_a_nap() {
        let start = Instant::now();
        let mut pace = Pace::new(8 << 20, start);
        pace.bound(64 << 10);
        (0..1000).for_each(|_| pace.event());
        assert_eq!(pace.empty(start + Duration::from_millis(2)), None);
    }

    #[test]
    fn a_few_events_at_once_make_the_next_wait_for_a_millisecond() {
        let start = Instant::now();
        let mut pace = Pace::new(8 << 20, start);
        let mut at = start;
        for longest in [1, 2, 4, 5, 5] {
            at += Duration::from_millis(5);
            (0..100).for_each(|_| pace.event());
            assert_eq!(pace.empty(at), Some(Duration::from_millis(longest)));
        }
        at += Duration::from_millis(5);
        assert_eq!(pace.empty(at), None);
    }

    #[test]
    fn a_sender_that_becomes_fast_during_a_nap_fills_half_of_the_buffer() {
        let start = Instant::now();
        for (rcvbuf, longest) in [(2 << 20, 2), (4 << 20, 4), (8 << 20, 5), (usize::MAX, 5)] {
            let mut pace = Pace::new(rcvbuf, start);
            let naps = (1..10).map(|round| {
                (0..26).for_each(|_| pace.event());
                pace.empty(start + round * Duration::from_millis(2))
            });
            assert_eq!(naps.last(), Some(Some(Duration::from_millis(longest))), "{rcvbuf}");
        }
    }

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
        // 100,000/s: 5 ms for 500 of them; with less room for fewer.
        for (rcvbuf, least) in [(2 << 20, 34), (8 << 20, 9), (256 << 20, 9)] {
            let (naps, waits) = run(Duration::from_micros(10), rcvbuf);
            assert!(naps >= least && naps <= least + 8 && waits <= 200, "{naps} naps, {waits} waits");
        }
        // 500,000/s: 1 ms.
        let (naps, _) = run(Duration::from_micros(2), 8 << 20);
        assert!(naps >= 44, "{naps} naps");
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
        assert_eq!(pace.empty(after + LONGEST_NAP), None);
    }
}
