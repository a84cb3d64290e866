//! Reading a mirror's changes.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use linx_sys::Wake;

use super::delta::{Doubt, Notice, Synced};
use super::drive::{Guarded, Shared};
use super::log::Oldest;
use super::state::State;
use crate::error::{Error, Result};
use crate::request::after;

/// A mirror's changes, from a state on: every one of them, in order, or [`Notice::Lagged`].
///
/// What is in doubt when a watch begins, or goes on after it lagged, it is told first:
/// [`ResyncNeeded`](Notice::ResyncNeeded), right after [`Synced`](Notice::Synced) or [`Lagged`](Notice::Lagged).
///
/// A watch that is not read costs nothing: the newest changes are held once for all watches (32,768 of them, 16 MiB at
/// most), and a watch that is further behind is told so.
///
/// ```
/// use linx::{Mirror, Netns, Notice};
///
/// let mirror = Mirror::builder(&Netns::host()?).links().start()?;
/// let mut watch = mirror.watch();
/// println!("{} links", watch.state().links().len());
/// while let Some(notice) = watch.try_next()? {
///     match notice {
///         Notice::Delta(delta) => println!("{delta}"),
///         Notice::Lagged => println!("begin again with watch.state()"),
///         _ => {}
///     }
/// }
/// # Ok::<(), linx::Error>(())
/// ```
pub struct Watch {
    shared: Arc<Shared>,
    /// The place of the next notice in the log.
    place: u64,
    /// Notices from there on that were taken along.
    ahead: VecDeque<Notice>,
    /// What is in doubt where it begins, or went on after it lagged: told first.
    doubts: VecDeque<Doubt>,
    oldest: Oldest,
    /// The first notice was told.
    begun: bool,
    bell: OnceLock<Wake>,
    /// Port ids whose changes are not told.
    ignored: Vec<u32>,
}

impl Watch {
    /// From a place of the log on, before which this was told to be in doubt, and is still.
    pub(super) fn new(shared: Arc<Shared>, place: u64, doubts: VecDeque<Doubt>, begun: bool) -> Self {
        let oldest = shared.lock().core.log.oldest();
        let (ahead, bell) = (VecDeque::new(), OnceLock::new());
        Self { shared, place, ahead, doubts, oldest, begun, bell, ignored: Vec::new() }
    }

    /// Changes made by the socket with this port id are not told from now on: one's own. They are in the
    /// [`state`](Self::state) all the same. What follows from them without being announced has no author, and is told.
    pub fn ignore(&mut self, portid: u32) {
        self.ignored.push(portid);
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// `NamespaceGone` when the namespace is gone, `Unsubscribed` when the mirror is, and what else ended it; all that it
    /// told before has been returned then.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Notice> {
        loop {
            if let Some(notice) = self.next_within(None)? {
                return Ok(notice);
            }
        }
    }

    /// Waits for the next notice, at most so long; `None` when nothing came.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Notice>> {
        self.next_within(Some(timeout))
    }

    /// The next notice if there is one now.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Notice>> {
        self.next_within(Some(Duration::ZERO))
    }

    fn next_within(&mut self, timeout: Option<Duration>) -> Result<Option<Notice>> {
        if let Some(notice) = self.take_ahead() {
            return Ok(Some(notice));
        }
        let end = timeout.map(|timeout| after(Instant::now(), timeout));
        let shared = Arc::clone(&self.shared);
        let mut guarded = shared.lock();
        loop {
            if let Some(notice) = self.take(&guarded) {
                return Ok(Some(notice));
            }
            if let Some(error) = guarded.ended() {
                return Err(error);
            }
            if let Some(bell) = self.bell.get() {
                // Under the lock: what is told next rings it again.
                bell.clear();
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            guarded = shared.wait(guarded, left);
        }
    }

    /// The next notice before a place of the log.
    pub(super) fn step(&mut self, until: u64) -> Option<Notice> {
        if self.begun && self.place >= until && self.doubts.is_empty() {
            return None;
        }
        self.take_ahead().or_else(|| {
            let shared = Arc::clone(&self.shared);
            let guarded = shared.lock();
            self.take(&guarded)
        })
    }

    /// The next of the notices that were taken along; what is in doubt first.
    fn take_ahead(&mut self) -> Option<Notice> {
        if self.begun {
            if let Some(doubt) = self.doubts.pop_front() {
                return Some(Notice::ResyncNeeded(doubt));
            }
        }
        if !self.ahead.is_empty() && !self.oldest.holds(self.place) {
            // It is too far behind, as if it had taken none.
            self.ahead.clear();
        }
        while let Some(notice) = self.ahead.pop_front() {
            self.place += 1;
            let is_own = !self.ignored.is_empty()
                && notice.author().is_some_and(|author| self.ignored.iter().any(|own| author.is(*own)));
            if !is_own {
                return Some(notice);
            }
        }
        None
    }

    /// The notice that was returned last comes once more.
    pub(super) fn back(&mut self, notice: Notice) {
        self.place = self.place.saturating_sub(1);
        self.ahead.push_front(notice);
    }

    fn take(&mut self, guarded: &Guarded) -> Option<Notice> {
        let core = &guarded.core;
        if !self.begun {
            self.begun = true;
            let state = core.snapshot();
            return Some(Notice::Synced(Synced {
                revision: self.revision(guarded),
                kinds: Arc::clone(&state.kinds),
                generation: state.generation(),
                time: guarded.synced,
            }));
        }
        loop {
            if core.log.along(self.place, &mut self.ahead).is_err() {
                self.place = core.log.end();
                self.doubts = core.doubts_before(self.place);
                return Some(Notice::Lagged);
            }
            if self.ahead.is_empty() {
                return None;
            }
            if let Some(notice) = self.take_ahead() {
                return Some(notice);
            }
        }
    }

    /// The revision of the state at this place.
    fn revision(&self, guarded: &Guarded) -> u64 {
        let core = &guarded.core;
        let newer = core.log.back_to(self.place).filter_map(Notice::revision);
        newer.last().map_or(core.state.revision, |revision| revision.saturating_sub(1))
    }

    /// The state right after the notice that was returned last; before the first one, the state that the watch begins
    /// with. Where that is not held any more, because [`Notice::Lagged`] comes next, the newest.
    ///
    /// It costs as much as the watch is behind: changes not read yet are taken back from the newest state.
    #[must_use]
    pub fn state(&self) -> State {
        let guarded = self.shared.lock();
        let mut state = guarded.core.snapshot();
        if guarded.core.log.at(self.place).is_err() {
            return state;
        }
        let newer: Vec<Notice> = guarded.core.log.back_to(self.place).cloned().collect();
        drop(guarded);
        newer.iter().for_each(|notice| state.undo(notice));
        state
    }

    /// A descriptor that is readable while something is to be read, for an event loop. It is made when it is first asked
    /// for.
    ///
    /// # Errors
    /// `Io` on EMFILE.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>> {
        if self.bell.get().is_none() {
            let bell = Wake::new().map_err(|error| Error::system("watch", error))?;
            // It rings once, so that what is there already is seen.
            bell.wake();
            let mut guarded = self.shared.lock();
            guarded.bells.push(bell.clone());
            // Nobody else has this watch.
            let _ = self.bell.set(bell);
        }
        self.bell.get().map(AsFd::as_fd).ok_or_else(|| {
            let gone = linx_sys::Error::io("open an eventfd", &std::io::Error::other("none"));
            Error::system("watch", gone)
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bell) = self.bell.get() {
            let own = std::os::fd::AsRawFd::as_raw_fd(&bell.as_fd());
            let is_other = |bell: &Wake| std::os::fd::AsRawFd::as_raw_fd(&bell.as_fd()) != own;
            self.shared.lock().bells.retain(is_other);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("place", &self.place).finish_non_exhaustive()
    }
}
