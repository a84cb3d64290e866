//! What a fleet may cost: receive buffers, comparisons with the kernel, descriptors, logs.
//!
//! - **Receive buffers.** All together at most an eighth of the machine's memory: with many namespaces each socket has less
//!   than it asked for. What is not used costs nothing; it is the most that a storm can take.
//! - **Comparisons with the kernel (audits).** One namespace at a time. Where something was announced since the last one,
//!   every minute, as a mirror alone. Where nothing was, one namespace in two seconds: so with up to thirty namespaces each
//!   is compared every minute, with a thousand every 33 minutes. All together at most one hundredth of a core's time.
//! - **Descriptors.** A few are kept in reserve, for looking at what the fleet has when there are no others.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use linx_sys::Wake;

/// Part of the machine's memory that receive buffers may take together.
const MEMORY_SHARE: u64 = 8;
/// Memory of a machine that does not tell.
const MEMORY: u64 = 1 << 30;
/// A receive buffer is never asked to be smaller.
const LEAST: usize = 32 << 10;
/// Of namespaces in which nothing happens, one is compared in this time.
const ONE_QUIET: Duration = Duration::from_secs(2);
/// Comparisons take at most one part in so many of the time.
const SHARE: u32 = 100;
/// Descriptors in reserve.
const SPARES: usize = 8;

/// The size to ask for of each of so many receive buffers.
pub(super) fn rcvbuf(asked: usize, sockets: usize) -> usize {
    let most = usize::try_from(memory() / MEMORY_SHARE).unwrap_or(usize::MAX);
    share(asked, sockets, most)
}

fn share(asked: usize, sockets: usize, most: usize) -> usize {
    // The kernel doubles what is asked for.
    let each = most / 2 / sockets.max(1);
    if each >= asked {
        return asked;
    }
    // In powers of two, so that a socket more does not change them all.
    let rounded = if each == 0 { 0 } else { 1 << each.ilog2() };
    rounded.max(LEAST).min(asked)
}

/// Memory of the machine, bytes.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib =
        line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.map_or(MEMORY, |kib| kib.saturating_mul(1024))
}

/// When which namespace is compared with the kernel.
#[derive(Debug, Default)]
pub(super) struct Audits {
    due: BTreeSet<(Instant, u64)>,
    of: HashMap<u64, Turn>,
    /// Not before.
    rest: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    last: Instant,
    interval: Duration,
}

impl Audits {
    /// A namespace has been read, or compared.
    pub(super) fn begin(&mut self, id: u64, interval: Option<Duration>, now: Instant) {
        let Some(interval) = interval else { return };
        self.forget(id);
        let all =
            ONE_QUIET.saturating_mul(u32::try_from(self.of.len()).unwrap_or(u32::MAX).saturating_add(1));
        // Any spread does: the multiplier is that of a linear congruential generator.
        let spread = (id.wrapping_mul(6_364_136_223_846_793_005) >> 33) % 200;
        let due = now + interval.max(all).mul_f64(0.9 + spread as f64 / 1000.0);
        self.of.insert(id, Turn { due, last: now, interval });
        self.due.insert((due, id));
    }

    /// Something was announced in it.
    pub(super) fn stir(&mut self, id: u64) {
        let Some(turn) = self.of.get_mut(&id) else { return };
        let due = turn.last + turn.interval;
        if due < turn.due {
            self.due.remove(&(turn.due, id));
            turn.due = due;
            self.due.insert((due, id));
        }
    }

    pub(super) fn forget(&mut self, id: u64) {
        if let Some(turn) = self.of.remove(&id) {
            self.due.remove(&(turn.due, id));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.due.first().map(|(due, _)| *due)?;
        Some(self.rest.map_or(due, |rest| due.max(rest)))
    }

    /// The namespace whose turn it is.
    pub(super) fn next(&mut self, now: Instant) -> Option<u64> {
        self.deadline().filter(|due| *due <= now)?;
        let (_, id) = self.due.first().copied()?;
        Some(id)
    }

    /// How long a comparison took.
    pub(super) fn took(&mut self, cost: Duration, now: Instant) {
        self.rest = Some(now + cost.saturating_mul(SHARE));
    }
}

/// Descriptors in reserve.
#[derive(Debug, Default)]
pub(super) struct Spares {
    held: Vec<Wake>,
    /// There were no others lately.
    pub(super) is_scarce: bool,
}

impl Spares {
    pub(super) fn new() -> Self {
        let mut spares = Self::default();
        spares.refill();
        spares
    }

    /// Gives them back, where they are needed.
    pub(super) fn lend(&mut self) {
        if self.is_scarce {
            self.held.clear();
        }
    }

    pub(super) fn refill(&mut self) {
        while self.held.len() < SPARES {
            let Ok(spare) = Wake::new() else { return };
            self.held.push(spare);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sockets_share_the_memory() {
        assert_eq!(share(4 << 20, 3, 3 << 30), 4 << 20);
        assert_eq!(share(4 << 20, 3000, 3 << 30), 512 << 10);
        assert_eq!(share(4 << 20, 1_000_000, 3 << 30), LEAST);
        assert_eq!(share(4096, 3000, 3 << 30), 4096);
        for sockets in [1, 10, 100, 1000, 10_000] {
            let each = share(64 << 20, sockets, 2 << 30);
            assert!(each == LEAST || each * 2 * sockets <= 2 << 30, "{sockets}: {each}");
        }
        assert!(memory() > 64 << 20);
    }

    #[test]
    fn quiet_namespaces_are_compared_seldom_and_others_every_minute() {
        let begun = Instant::now();
        let minute = Duration::from_secs(60);
        let mut audits = Audits::default();
        (0..1000).for_each(|id| audits.begin(id, Some(minute), begun));
        let mut count = 0;
        let mut now = begun;
        // Two hours, in tenths of a second; number 7 is busy.
        let mut busy = 0;
        for _ in 0..72_000 {
            now += Duration::from_millis(100);
            audits.stir(7);
            while let Some(id) = audits.next(now) {
                audits.took(Duration::from_micros(500), now);
                audits.begin(id, Some(minute), now);
                count += u32::from(id != 7);
                busy += u32::from(id == 7);
            }
        }
        assert!((2_500..4_500).contains(&count), "{count}");
        assert!((110..=120).contains(&busy), "{busy}");
        audits.forget(7);
        assert!(audits.of.len() == 999 && audits.due.len() == 999);
    }
}
