//! The wall clock: it tells when something was read, for people and records, and decides nothing. All that waits goes by
//! the monotonic one.

use std::time::SystemTime;

/// What is told as the time of what was read now.
pub(super) fn wall_clock() -> SystemTime {
    #[cfg(test)]
    if let Some(time) = tests::jumping() {
        return time;
    }
    SystemTime::now()
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::time::{Duration, SystemTime};

    thread_local! {
        /// How often the clock of this thread was asked, where it jumps.
        static ASKED: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From here on the clock of this thread jumps, whenever it is asked, by decades and by seconds, back and forth.
    pub(in super::super) fn jump() {
        ASKED.set(Some(0));
    }

    pub(super) fn jumping() -> Option<SystemTime> {
        let asked = ASKED.get()?;
        ASKED.set(Some(asked + 1));
        let seconds = [0, 4_000_000_000, 1, 1_700_000_000, 1_699_999_990, 3_600][asked as usize % 6];
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}
