//! The notices of a mirror, the newest of them, for its watches. No I/O.
//!
//! There is one log, whatever the number of watches; each of them has a place in it. It is bounded: a watch whose place
//! has been dropped is told that it lagged, and goes on from the state of now. So a slow watch costs nothing but the log,
//! and the others do not notice it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::delta::Notice;

/// Notices that are held at most.
const ENTRIES: usize = 32_768;
/// Bytes that they take at most, about; a single notice may be larger.
const BYTES: usize = 16 << 20;
/// Notices that a watch takes along at once, and their bytes: a lock less for each of them.
const ALONG: usize = 64;
const ALONG_BYTES: usize = 64 << 10;

/// The newest notices.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<(Notice, u32)>,
    /// The place of the first of them.
    first: u64,
    /// The same, for whoever does not hold the lock.
    oldest: Oldest,
    bytes: usize,
    /// Bytes to hold at most, whatever the number; `None`: as said above.
    most: Option<usize>,
}

/// The place of the oldest notice that is held, as it was a moment ago.
#[derive(Clone, Debug, Default)]
pub(super) struct Oldest(Arc<AtomicU64>);

impl Oldest {
    /// Whether the notice at a place is held still.
    pub(super) fn holds(&self, place: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= place
    }
}

impl Log {
    pub(super) fn oldest(&self) -> Oldest {
        self.oldest.clone()
    }

    /// Holds so many bytes from here on, whatever the number of notices.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.most = Some(bytes);
    }

    /// The place behind the last.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn push(&mut self, notice: Notice) {
        let bytes = notice.heap_bytes();
        self.bytes += bytes;
        self.entries.push_back((notice, u32::try_from(bytes).unwrap_or(u32::MAX)));
        let (entries, most) = self.most.map_or((ENTRIES, BYTES), |most| (usize::MAX, most));
        while self.entries.len() > entries || self.bytes > most && self.entries.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, bytes)) = self.entries.pop_front() {
            self.bytes = self.bytes.saturating_sub(bytes as usize);
            self.first += 1;
            self.oldest.0.store(self.first, Ordering::Relaxed);
        }
    }

    /// Notices from a place on, some of them; none: none yet.
    ///
    /// # Errors
    /// The first is not held any more.
    pub(super) fn along(&self, place: u64, into: &mut VecDeque<Notice>) -> Result<(), Lag> {
        let at = place.checked_sub(self.first).ok_or(Lag)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut left = ALONG_BYTES;
        for (notice, bytes) in self.entries.iter().skip(at).take(ALONG) {
            into.push_back(notice.clone());
            left = left.saturating_sub(*bytes as usize);
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The notice at a place; `None`: none yet.
    ///
    /// # Errors
    /// It is not held any more.
    pub(super) fn at(&self, place: u64) -> Result<Option<&Notice>, Lag> {
        let at = place.checked_sub(self.first).ok_or(Lag)?;
        Ok(usize::try_from(at).ok().and_then(|at| self.entries.get(at)).map(|entry| &entry.0))
    }

    /// The notices from a place on, the newest first.
    pub(super) fn back_to(&self, place: u64) -> impl Iterator<Item = &Notice> {
        let newer = usize::try_from(self.end().saturating_sub(place)).unwrap_or(usize::MAX);
        self.entries.iter().rev().take(newer).map(|entry| &entry.0)
    }

    /// The place behind the notice that led to a revision; `None` where it is not held any more.
    pub(super) fn behind(&self, revision: u64, now: u64) -> Option<u64> {
        if revision == now {
            return Some(self.end());
        }
        let of = |notice: &Notice| notice.revision();
        let at = self.entries.iter().position(|entry| of(&entry.0) == revision.checked_add(1))?;
        Some(self.first + at as u64)
    }

    /// The notices from a place on, those that are held, each with its place.
    pub(super) fn since(&self, place: u64) -> impl Iterator<Item = (u64, &Notice)> {
        let from = place.max(self.first);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).zip(from..).map(|(entry, place)| (place, &entry.0))
    }

    /// Forgets the oldest, down to so many bytes.
    pub(super) fn shed(&mut self, most: usize) {
        while self.bytes > most && !self.entries.is_empty() {
            self.drop_oldest();
        }
    }

    /// Forgets all of them, and gives the memory back.
    pub(super) fn forget(&mut self) {
        self.first = self.end();
        self.oldest.0.store(self.first, Ordering::Relaxed);
        (self.entries, self.bytes) = (VecDeque::new(), 0);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes
    }
}

/// A place that is not held any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lag;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_held_where_it_is_asked_for_and_forgotten_when_it_was_read() {
        let mut log = Log::default();
        for _ in 0..ENTRIES + 10 {
            log.push(Notice::Lagged);
        }
        assert!(log.at(9).is_err() && matches!(log.at(10), Ok(Some(_))));
        log.hold(usize::MAX);
        for _ in 0..ENTRIES {
            log.push(Notice::Lagged);
        }
        assert!(matches!(log.at(10), Ok(Some(_))));
        let end = log.end();
        log.forget();
        assert_eq!((log.end(), log.heap_bytes()), (end, 0));
        assert!(log.at(end - 1).is_err() && matches!(log.at(end), Ok(None)));
        log.hold(1);
        log.push(Notice::Lagged);
        log.push(Notice::Lagged);
        assert!(log.at(end).is_err() && matches!(log.at(end + 1), Ok(Some(_))), "one is held at least");
    }
}
