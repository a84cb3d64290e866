//! Noticing that namespaces come and go.
//!
//! Three things lead here to looking again: the mounts changed (names come and go; an inotify watch on the
//! directory fires too early, KERNEL.md 6.5), a process that was the only way to its namespace has ended (its pidfd
//! tells), and a second has passed, because nothing tells that a process made or entered a namespace. Then it is first
//! asked which processes live elsewhere than the caller, which costs little: where these are the same as before, and no
//! name was made or taken away, nothing is looked at. Each look takes all identities anew: a name, a path and even an
//! inode can be another namespace's by then.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use linx_sys::{Error, MountWatch, Pidfd, PollSet, thread_time};

use super::discover::{Traces, is_led_elsewhere, look, traces};
use super::{Discovery, Namespace};

/// Processes are looked through this often; a namespace without a name is seen at most this late.
const PERIOD: Duration = Duration::from_secs(1);
/// After so many periods without a trace of anything new it is looked all the same.
const BLIND: u32 = 60;
/// Periods after a change in which it is looked all the same.
const SETTLING: u32 = 5;
/// Two looks are at least this far apart.
const GAP: Duration = Duration::from_millis(100);
/// Between looks there is this many times the processor time that the last one took: at most 2 % of a core when nothing
/// happens, 10 % in a storm.
const PERIOD_FACTOR: u32 = 50;
const GAP_FACTOR: u32 = 10;
/// The latest that what happened is told, however long a look takes.
const LATEST: Duration = Duration::from_millis(900);
/// The token of the mounts; those of processes count from 1.
const MOUNTS: u64 = 0;
/// Processes watched at once, a file descriptor each. The other namespaces without a name are seen to go with the
/// next look.
const WITNESSES: usize = 4096;

/// What became of a namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// It is there now. A watcher tells so first of all that are there already.
    Added(Namespace),
    /// Nothing leads to it any more: no name, no process. Sockets inside should be closed now: they are what keeps it
    /// alive. As it was last.
    Removed(Namespace),
    /// It is called otherwise now, or something else leads to it: its name was deleted while processes live in it,
    /// it got one, its container is known now.
    Changed(Namespace),
}

impl Change {
    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::Added(namespace) | Self::Removed(namespace) | Self::Changed(namespace) => namespace,
        }
    }
}

/// Watches the namespaces that [`discover`](super::discover()) finds. It starts no thread and keeps no namespace alive.
///
/// A deleted namespace is told within a second, also while sockets in it are open; one that is made again under
/// the same name is another: `Removed`, then `Added`.
///
/// In a loop of one's own: wait until [`as_fd`](Self::as_fd) is readable or [`deadline`](Self::deadline) has come,
/// then [`advance`](Self::advance). Otherwise [`next_timeout`](Self::next_timeout).
///
/// ```
/// use linx::namespaces::{Change, Watcher};
/// use std::time::Duration;
///
/// let mut watcher = Watcher::new()?;
/// while let Some(change) = watcher.next_timeout(Duration::ZERO)? {
///     assert!(matches!(change, Change::Added(_)));
/// }
/// # Ok::<(), linx_sys::Error>(())
/// ```
pub struct Watcher {
    // Taken out of the set before they are closed.
    poll: PollSet,
    mounts: MountWatch,
    witnesses: HashMap<u64, Pidfd>,
    next_token: u64,
    known: Vec<Namespace>,
    hidden_processes: usize,
    looked: Option<Instant>,
    /// Processor time of the last look, and how long it took by the clock.
    took: Duration,
    lasted: Duration,
    /// Something happened since.
    is_due: bool,
    told: VecDeque<Change>,
    /// What there was at the last look, and how often it was the same since.
    traces: Option<Traces>,
    unchanged: u32,
    settling: u32,
    /// Inodes that the caller keeps from being used again, and whose they are.
    pinned: HashMap<u64, u64>,
}

impl Watcher {
    /// Begins to watch; the first [`advance`](Self::advance) tells what is there.
    ///
    /// # Errors
    /// When `/proc` is not mounted, or on EMFILE.
    pub fn new() -> Result<Self, Error> {
        let mounts = MountWatch::new()?;
        let poll = PollSet::new()?;
        poll.add(&mounts, MOUNTS)?;
        Ok(Self {
            poll,
            mounts,
            witnesses: HashMap::new(),
            next_token: MOUNTS + 1,
            known: Vec::new(),
            hidden_processes: 0,
            looked: None,
            took: Duration::ZERO,
            lasted: Duration::ZERO,
            is_due: true,
            told: VecDeque::new(),
            traces: None,
            unchanged: 0,
            settling: 0,
            pinned: HashMap::new(),
        })
    }

    /// What happened until `now`, in this order: gone, changed, come. Looks only if something happened, or the time
    /// has come; otherwise nothing happens.
    ///
    /// # Errors
    /// As [`discover`](super::discover()). It may be called again.
    pub fn advance(&mut self, now: Instant) -> Result<Vec<Change>, Error> {
        self.notice()?;
        if self.looked.is_some() && self.deadline() > now {
            return Ok(Vec::new());
        }
        // From here on: what happens during the look is noticed after it.
        let (begun, had) = (Instant::now(), thread_time());
        let traces = traces();
        let is_unchanged =
            !self.is_due && traces.is_some() && traces == self.traces && self.unchanged < BLIND;
        if is_unchanged && self.looked.is_some() {
            self.looked = Some(now);
            self.unchanged += 1;
            (self.took, self.lasted) = (thread_time().saturating_sub(had), begun.elapsed());
            return Ok(Vec::new());
        }
        self.looked = Some(now);
        let found = look(&self.pinned);
        (self.took, self.lasted) = (thread_time().saturating_sub(had), begun.elapsed());
        let found = found?;
        self.is_due = false;
        // What happened after they were taken is seen the next time: they will differ.
        self.traces = traces.filter(|_| !is_led_elsewhere(&found));
        self.hidden_processes = found.hidden_processes;
        let changes = self.compare(found);
        // A container's control group may be known a little later than its process.
        self.settling = if changes.is_empty() { self.settling.saturating_sub(1) } else { SETTLING };
        self.unchanged = if self.settling == 0 { 0 } else { BLIND };
        self.watch_processes();
        Ok(changes)
    }

    /// The next change, waiting at most `timeout`; `None` when the time ran out.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Change>, Error> {
        let end = Instant::now().checked_add(timeout);
        loop {
            if let Some(change) = self.told.pop_front() {
                return Ok(Some(change));
            }
            let now = Instant::now();
            let changes = self.advance(now)?;
            self.told.extend(changes);
            if !self.told.is_empty() {
                continue;
            }
            if end.is_some_and(|end| end <= now) {
                return Ok(None);
            }
            let until = end.map_or(self.deadline(), |end| end.min(self.deadline()));
            linx_sys::wait_readable(self.as_fd(), Some(until.saturating_duration_since(now)))?;
        }
    }

    /// When [`advance`](Self::advance) wants to be called, if nothing makes the descriptor readable before.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let Some(looked) = self.looked else { return Instant::now() };
        let wait = if self.is_due {
            GAP.max(self.lasted).max(self.took.saturating_mul(GAP_FACTOR)).min(LATEST)
        } else {
            PERIOD.max(self.took.saturating_mul(PERIOD_FACTOR))
        };
        looked.checked_add(wait).unwrap_or(looked)
    }

    /// The caller keeps this namespace from ending, by an open file or socket: it need not be asked who it is.
    pub(crate) fn pin(&mut self, inode: u64, cookie: u64) {
        self.pinned.insert(inode, cookie);
    }

    /// The caller does not any more.
    pub(crate) fn unpin(&mut self, inode: u64) {
        self.pinned.remove(&inode);
    }

    /// The namespaces as they were told last.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.known
    }

    /// Processes whose namespace may not be seen: there may be more namespaces.
    #[must_use]
    pub fn hidden_processes(&self) -> usize {
        self.hidden_processes
    }

    /// Takes notice of what is readable, so that it is not any more.
    fn notice(&mut self) -> Result<(), Error> {
        loop {
            let ready = self.poll.wait(Some(Duration::ZERO))?.to_vec();
            if ready.is_empty() {
                return Ok(());
            }
            self.is_due = true;
            for token in ready {
                if token == MOUNTS {
                    self.mounts.changed()?;
                } else {
                    self.forget(token)?;
                }
            }
        }
    }

    fn forget(&mut self, token: u64) -> Result<(), Error> {
        match self.witnesses.remove(&token) {
            Some(process) => self.poll.remove(&process),
            None => Ok(()),
        }
    }

    fn compare(&mut self, found: Discovery) -> Vec<Change> {
        let mut before: HashMap<Identity, Namespace> =
            std::mem::take(&mut self.known).into_iter().map(|old| (Identity::of(&old), old)).collect();
        let mut changed = Vec::new();
        let mut added = Vec::new();
        for namespace in &found.namespaces {
            match before.remove(&Identity::of(namespace)) {
                None => added.push(Change::Added(namespace.clone())),
                Some(old) if is_called_otherwise(&old, namespace) => {
                    changed.push(Change::Changed(namespace.clone()));
                }
                Some(_) => {}
            }
        }
        self.known = found.namespaces;
        let mut changes: Vec<Change> = before.into_values().map(Change::Removed).collect();
        changes.sort_by_key(|change| change.namespace().cookie);
        changes.append(&mut changed);
        changes.append(&mut added);
        changes
    }

    /// One process of each namespace that has no name, where that can be: the next look comes without it, too.
    fn watch_processes(&mut self) {
        let mut wanted: HashSet<u32> = self
            .known
            .iter()
            .filter(|namespace| namespace.names.is_empty() && !namespace.is_own)
            .filter_map(|namespace| namespace.pids.first().copied())
            .take(WITNESSES)
            .collect();
        let mut obsolete = Vec::new();
        for (token, process) in &self.witnesses {
            if !wanted.remove(&process.pid()) {
                obsolete.push(*token);
            }
        }
        for token in obsolete {
            // It leaves the set with its descriptor, at the latest.
            let _ = self.forget(token);
        }
        for pid in wanted {
            match Pidfd::open(pid) {
                Ok(process) if self.poll.add(&process, self.next_token).is_ok() => {
                    self.witnesses.insert(self.next_token, process);
                    self.next_token += 1;
                }
                // It went during the look: the next one shows what that means.
                Err(error) if error.is_gone() => self.is_due = true,
                // No descriptor left, or no place in the set: the next look is early enough.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// The cookie; where that is not known, the inode has to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Identity {
    Cookie(u64),
    Inode(u64),
}

impl Identity {
    fn of(namespace: &Namespace) -> Self {
        namespace.cookie.map_or(Self::Inode(namespace.inode), Self::Cookie)
    }
}

/// Whether it has another name, or none and something else leads to it.
fn is_called_otherwise(old: &Namespace, new: &Namespace) -> bool {
    let is_led_to = !new.is_own && old.path != new.path;
    is_led_to || (&old.name, &old.names, &old.container) != (&new.name, &new.names, &new.container)
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("namespaces", &self.known.len()).finish_non_exhaustive()
    }
}
