//! Waiting for many file descriptors at once, and waking who waits.
//!
//! Source: `poll(2)`, `epoll(7)`, `eventfd(2)`. Signals that interrupt a wait (EINTR) do not shorten it.

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Events taken from the kernel in one call; more wait for the next.
const BATCH: usize = 128;

/// A deadline that is waited for across interruptions.
struct Until(Option<Instant>);

impl Until {
    /// A timeout beyond what the clock can hold means "for ever".
    fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|t| Instant::now().checked_add(t)))
    }

    fn remaining(&self) -> Option<Timespec> {
        let left = self.0?.saturating_duration_since(Instant::now());
        Some(Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
    }
}

/// Waits until `fd` is readable or has an error to report; `false` when `timeout` (`None`: for ever) ran out.
///
/// # Errors
/// The error of `poll(2)`; EINTR is retried.
pub fn wait_readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<bool> {
    Ok(first_readable(&[fd], timeout)?.is_some())
}

/// Waits until one of a few descriptors is readable, and returns the index of the first that is; `None` when
/// `timeout` (`None`: for ever) ran out. For many descriptors, or many waits, use [`PollSet`].
///
/// # Errors
/// The error of `poll(2)`; EINTR is retried.
pub fn first_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<Option<usize>> {
    let wait = |set: &mut [PollFd<'_>]| -> Result<Option<usize>> {
        let until = Until::after(timeout);
        loop {
            match rustix::event::poll(set, until.remaining().as_ref()) {
                Ok(_) => return Ok(set.iter().position(|p| !p.revents().is_empty())),
                Err(Errno::INTR) => {}
                Err(e) => return Err(Error::os("wait for a file descriptor", e)),
            }
        }
    };
    match fds {
        [one] => wait(&mut [PollFd::from_borrowed_fd(*one, PollFlags::IN)]),
        many => {
            let mut set: Vec<_> =
                many.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
            wait(&mut set)
        }
    }
}

/// A set of file descriptors that is waited for together (epoll, level-triggered). Its own descriptor is
/// readable while any of them is, so that a whole set can be one descriptor in somebody else's loop.
///
/// Take a descriptor out before closing it: the kernel forgets it by itself only if no copy of it is open.
pub struct PollSet {
    epoll: Arc<OwnedFd>,
    tokens: Vec<u64>,
}

impl PollSet {
    /// An empty set.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| Error::os("open an epoll", e))?;
        Ok(Self { epoll: Arc::new(epoll), tokens: Vec::new() })
    }

    /// The same set, for somebody else to add to.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { epoll: Arc::clone(&self.epoll), tokens: Vec::new() }
    }

    /// Adds `fd`; [`wait`](Self::wait) answers `token` when it is readable or has an error to report.
    ///
    /// # Errors
    /// EEXIST when it is there already, ENOSPC beyond `fs.epoll.max_user_watches`, EPERM for a regular file.
    pub fn add(&self, fd: impl AsFd, token: u64) -> Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
            .map_err(|e| Error::os("wait for a file descriptor", e))
    }

    /// Takes `fd` out.
    ///
    /// # Errors
    /// ENOENT when it is not in the set.
    pub fn remove(&self, fd: impl AsFd) -> Result<()> {
        epoll::delete(&self.epoll, fd).map_err(|e| Error::os("stop waiting for a file descriptor", e))
    }

    /// Waits until something is ready, at most `timeout` (`None`: for ever), and returns the tokens of what
    /// is: none when the time ran out. At most 128 at a time; the others come with the next call.
    ///
    /// # Errors
    /// The error of `epoll_wait(2)`; EINTR is retried.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<&[u64]> {
        let until = Until::after(timeout);
        self.tokens.clear();
        // Not kept between calls: an event can hold a pointer, which would tie the set to one thread.
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        let ready = loop {
            match epoll::wait(&self.epoll, &mut events, until.remaining().as_ref()) {
                Ok((ready, _)) => break ready,
                Err(Errno::INTR) => {}
                Err(e) => return Err(Error::os("wait for file descriptors", e)),
            }
        };
        self.tokens.extend(ready.iter().map(|event| event.data.u64()));
        Ok(&self.tokens)
    }
}

impl AsFd for PollSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl fmt::Debug for PollSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSet").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

/// A bell: any thread rings it, and whoever waits for its descriptor becomes ready. Cheap to clone; clones
/// are the same bell.
#[derive(Clone, Debug)]
pub struct Wake(Arc<OwnedFd>);

impl Wake {
    /// A silent one.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> Result<Self> {
        let fd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| Error::os("open an eventfd", e))?;
        Ok(Self(Arc::new(fd)))
    }

    /// Rings: its descriptor is readable until [`clear`](Self::clear). Ringing twice is ringing once.
    pub fn wake(&self) {
        // The only errors are EAGAIN, when it has been rung 2^64 - 2 times and so is readable anyway, and
        // EINTR, which a non-blocking write does not return.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Silences it; whether it had been rung.
    pub fn clear(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0_u8; 8][..]).is_ok()
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_is_readable_until_cleared() {
        let bell = Wake::new().unwrap();
        assert!(!wait_readable(bell.as_fd(), Some(Duration::ZERO)).unwrap());
        assert!(!bell.clear());
        let copy = bell.clone();
        copy.wake();
        bell.wake();
        assert!(wait_readable(bell.as_fd(), Some(Duration::ZERO)).unwrap());
        assert!(bell.clear());
        assert!(!wait_readable(bell.as_fd(), Some(Duration::ZERO)).unwrap());
    }

    #[test]
    fn a_wait_across_threads_ends_when_rung() {
        let bell = Wake::new().unwrap();
        let other = bell.clone();
        let waiter = std::thread::spawn(move || wait_readable(other.as_fd(), Some(Duration::from_secs(60))));
        bell.wake();
        assert!(waiter.join().unwrap().unwrap());
    }

    #[test]
    fn a_set_names_what_is_ready_and_is_itself_readable() {
        let bells: Vec<_> = (0..200).map(|_| Wake::new().unwrap()).collect();
        let mut set = PollSet::new().unwrap();
        for (token, bell) in bells.iter().enumerate() {
            set.add(bell, token as u64).unwrap();
        }
        assert!(set.wait(Some(Duration::ZERO)).unwrap().is_empty());
        assert!(!wait_readable(set.as_fd(), Some(Duration::ZERO)).unwrap());
        bells[3].wake();
        bells[199].wake();
        assert!(wait_readable(set.as_fd(), Some(Duration::ZERO)).unwrap());
        let mut ready = set.wait(None).unwrap().to_vec();
        ready.sort_unstable();
        assert_eq!(ready, [3, 199]);
        set.remove(&bells[3]).unwrap();
        assert_eq!(set.wait(None).unwrap(), [199]);
        // More are ready than one call takes: none is forgotten.
        let mut seen = std::collections::BTreeSet::new();
        bells.iter().for_each(Wake::wake);
        while seen.len() < 199 {
            let batch = set.wait(Some(Duration::ZERO)).unwrap().to_vec();
            assert!(!batch.is_empty());
            for token in batch {
                bells[usize::try_from(token).unwrap()].clear();
                seen.insert(token);
            }
        }
    }

    #[test]
    fn a_set_crosses_threads() {
        fn check<T: Send + 'static>() {}
        check::<PollSet>();
    }

    #[test]
    fn the_first_of_a_few() {
        let (a, b) = (Wake::new().unwrap(), Wake::new().unwrap());
        let fds = [a.as_fd(), b.as_fd()];
        assert_eq!(first_readable(&fds, Some(Duration::ZERO)).unwrap(), None);
        b.wake();
        assert_eq!(first_readable(&fds, None).unwrap(), Some(1));
        assert_eq!(first_readable(&fds, Some(Duration::MAX)).unwrap(), Some(1));
        a.wake();
        assert_eq!(first_readable(&fds, None).unwrap(), Some(0));
    }
}
