//! Reading what a fleet tells.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use linx_sys::Wake;

use super::told::{Departure, FleetNotice, FleetShared, Guarded, Member, Move, News, Reader};
use crate::error::{Error, Result};
use crate::mirror::{Notice, State, Watch};
use crate::request::after;

/// What happens in the namespaces of a [`Fleet`](super::Fleet): of each in its order, of all in turns.
///
/// First [`News::Added`] and [`Synced`](crate::mirror::Notice::Synced) of each namespace that is there, then what changes.
/// A watch that is not read costs nothing but the fleet's own logs (32 MiB of all namespaces together); where it is too
/// far behind in one of them, it is told [`Lagged`](crate::mirror::Notice::Lagged) of that one. That a link came from another
/// namespace is told after it left that one.
pub struct FleetWatch {
    shared: Arc<FleetShared>,
    id: u64,
    cursors: HashMap<u64, Cursor>,
    /// Members that wait until it is told what a link that came to them left: who, and for which member.
    waiting: Vec<(Arc<Member>, u64)>,
    bell: OnceLock<Wake>,
}

/// What has been told of a namespace.
#[derive(Default)]
struct Cursor {
    is_begun: bool,
    changes: u32,
    refusals: u32,
    entered: u32,
    watch: Option<Watch>,
    cookie: Option<u64>,
    /// The revision that was told last; the highest when some were lost.
    told: u64,
}

impl Cursor {
    /// The next notice of a namespace; the second: whether it was the last.
    fn step(&mut self, member: &Member, reader: &mut Reader) -> Option<(FleetNotice, bool)> {
        let told = member.lock();
        let mut moved = None;
        let is_changed = self.changes != told.changes;
        let is_refused = self.refusals != told.refusals && told.refused.is_some();
        let news = if !self.is_begun {
            (self.is_begun, self.changes) = (true, told.changes);
            reader.begun.insert(member.id);
            News::Added
        } else if is_changed && !told.is_gone {
            self.changes = told.changes;
            News::Changed
        } else if let Some(error) = told.refused.as_ref().filter(|_| is_refused) {
            self.refusals = told.refusals;
            News::Refused(error.clone())
        } else {
            if self.entered != told.entered && told.is_synced {
                self.entered = told.entered;
                let place = reader.places.remove(&member.id).filter(|(entered, ..)| *entered == told.entered);
                let (_, place, doubts) = place.unwrap_or_default();
                let mirror = told.mirror.as_ref();
                self.watch =
                    mirror.map(|mirror| Watch::new(Arc::clone(&mirror.shared), place, doubts, false));
            }
            let is_of_now = self.entered == told.entered;
            let until = if is_of_now { told.until } else { u64::MAX };
            match self.watch.as_mut().and_then(|watch| watch.step(until)) {
                Some(notice) => {
                    match &notice {
                        Notice::Lagged => self.told = u64::MAX,
                        Notice::Synced(_) => self.told = 0,
                        other => self.told = other.revision().unwrap_or(self.told),
                    }
                    moved =
                        notice.revision().filter(|_| is_of_now).and_then(|revision| told.move_of(revision));
                    News::Mirror(notice)
                }
                None if told.is_gone => {
                    reader.begun.remove(&member.id);
                    reader.places.remove(&member.id);
                    reader.told_of_an_end();
                    News::Removed { last: told.last.clone() }
                }
                None => return None,
            }
        };
        self.cookie = told.namespace.cookie;
        let is_last = matches!(news, News::Removed { .. });
        Some((FleetNotice { namespace: Arc::clone(&told.namespace), news, moved }, is_last))
    }
}

/// Those that wait for a member are looked at again.
fn go_on(waiting: &mut Vec<(Arc<Member>, u64)>, member: u64, reader: &mut Reader) {
    if waiting.is_empty() {
        return;
    }
    let (on, rest): (Vec<_>, Vec<_>) =
        std::mem::take(waiting).into_iter().partition(|(_, awaited)| *awaited == member);
    *waiting = rest;
    on.into_iter().for_each(|(other, _)| reader.again(other));
}

/// Whether it is still to be read that a link left, before it came to a member: there is more of the one that it left, or
/// that one waits itself, but not for this one.
fn is_ahead(
    cursors: &HashMap<u64, Cursor>,
    (member, departure): (u64, Departure),
    waiting: &[(Arc<Member>, u64)],
    reader: &Reader,
) -> bool {
    let awaited_by = |id: u64| waiting.iter().find(|(other, _)| other.id == id).map(|(_, awaited)| *awaited);
    let is_untold = |cursor: &Cursor| cursor.told < departure.revision;
    let has_more = reader.has(departure.member) || awaited_by(departure.member).is_some();
    let all = std::iter::successors(Some(departure.member), |id| awaited_by(*id));
    has_more
        && cursors.get(&departure.member).is_some_and(is_untold)
        && all.take(waiting.len() + 1).all(|id| id != member)
}

impl FleetWatch {
    pub(super) fn new(shared: &Arc<FleetShared>) -> Self {
        let mut guarded = shared.lock();
        let id = guarded.next_reader;
        guarded.next_reader += 1;
        let mut reader = Reader::default();
        for member in guarded.members.values() {
            let told = member.lock();
            if let Some(mirror) = told.mirror.as_ref().filter(|_| told.is_synced) {
                let guarded = mirror.shared.lock();
                let place = guarded.core.log.end();
                let doubts = guarded.core.doubts_before(place);
                drop(guarded);
                reader.places.insert(member.id, (told.entered, place, doubts));
            }
            drop(told);
            reader.again(Arc::clone(member));
        }
        guarded.readers.insert(id, reader);
        drop(guarded);
        Self {
            shared: Arc::clone(shared),
            id,
            cursors: HashMap::new(),
            waiting: Vec::new(),
            bell: OnceLock::new(),
        }
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// `Unsubscribed` when the fleet is, `NamespaceGone` when the last of the namespaces is gone that were
    /// [chosen](super::FleetBuilder::only); all that was told before has been returned then.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<FleetNotice> {
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
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<FleetNotice>> {
        self.next_within(Some(timeout))
    }

    /// The next notice if there is one now.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<FleetNotice>> {
        self.next_within(Some(Duration::ZERO))
    }

    fn next_within(&mut self, timeout: Option<Duration>) -> Result<Option<FleetNotice>> {
        let end = timeout.map(|timeout| after(Instant::now(), timeout));
        let shared = Arc::clone(&self.shared);
        let mut guarded = shared.lock();
        loop {
            if let Some(notice) = self.take(&mut guarded) {
                return Ok(Some(notice));
            }
            if let Some(error) = guarded.ended.clone() {
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

    fn take(&mut self, guarded: &mut Guarded) -> Option<FleetNotice> {
        let reader = guarded.readers.get_mut(&self.id)?;
        while let Some(member) = reader.pop() {
            let cursor = self.cursors.entry(member.id).or_default();
            let Some((notice, is_last)) = cursor.step(&member, reader) else {
                go_on(&mut self.waiting, member.id, reader);
                continue;
            };
            match (notice.moved.as_deref(), &notice.news) {
                (Some(Move::From(_, departure)), News::Mirror(told))
                    if is_ahead(&self.cursors, (member.id, *departure), &self.waiting, reader) =>
                {
                    if let Some(watch) = self.cursors.get_mut(&member.id).and_then(|it| it.watch.as_mut()) {
                        watch.back(told.clone());
                    }
                    self.waiting.retain(|(other, _)| other.id != member.id);
                    self.waiting.push((member, departure.member));
                    continue;
                }
                // What it left may have been among what is not held any more.
                (Some(Move::To(_)), _) | (_, News::Mirror(Notice::Lagged | Notice::Synced(_))) => {
                    go_on(&mut self.waiting, member.id, reader);
                }
                _ => {}
            }
            self.waiting.retain(|(other, _)| other.id != member.id);
            if is_last {
                self.cursors.remove(&member.id);
                go_on(&mut self.waiting, member.id, reader);
            } else {
                reader.again(member);
            }
            return Some(notice);
        }
        None
    }

    /// The state of a namespace right after what was returned last of it, as [`Watch::state`]; `None` before its
    /// [`Synced`](crate::mirror::Notice::Synced), and when it is gone.
    #[must_use]
    pub fn state(&self, cookie: u64) -> Option<State> {
        let of = |cursor: &&Cursor| cursor.cookie == Some(cookie);
        let id = self.shared.lock().by_cookie.get(&cookie).copied();
        let cursor = id.and_then(|id| self.cursors.get(&id)).filter(of);
        cursor.or_else(|| self.cursors.values().find(of))?.watch.as_ref().map(Watch::state)
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
            if let Some(reader) = self.shared.lock().readers.get_mut(&self.id) {
                reader.bell = Some(bell.clone());
            }
            // Nobody else has this watch.
            let _ = self.bell.set(bell);
        }
        self.bell.get().map(AsFd::as_fd).ok_or_else(|| {
            let gone = linx_sys::Error::io("open an eventfd", &std::io::Error::other("none"));
            Error::system("watch", gone)
        })
    }
}

impl Drop for FleetWatch {
    fn drop(&mut self) {
        self.shared.lock().readers.remove(&self.id);
    }
}

impl fmt::Debug for FleetWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetWatch").field("namespaces", &self.cursors.len()).finish_non_exhaustive()
    }
}
