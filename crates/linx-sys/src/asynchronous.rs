//! Readiness for tokio (feature `tokio`): waiting for a descriptor without blocking a thread.
//!
//! tokio's own wrapper can be made only by an `unsafe fn` (since 1.54, the old constructor being unsound:
//! the descriptor must stay the same open file while it is registered), so it is made here, over a duplicate
//! that nobody else can close or replace.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, ErrorKind, Result};
use crate::poll;

const WAIT: &str = "wait for a file descriptor under tokio";

/// Tells a task when a descriptor is readable: a [`Socket`](crate::Socket), a [`PollSet`](crate::PollSet), a
/// [`MountWatch`](crate::MountWatch), anything that can be polled.
///
/// It holds a duplicate of the descriptor, so the file (and a socket's namespace) lives at least as long.
/// Ready means ready now: the answer is checked with `poll(2)`, so to receive until
/// [`ErrorKind::WouldBlock`] and to wait again is all that a caller does.
pub struct AsyncReady {
    fd: AsyncFd<OwnedFd>,
}

impl AsyncReady {
    /// Registers `fd` with the runtime of the calling task.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] outside a runtime; EMFILE; EPERM for what cannot be polled, such as a
    /// regular file.
    ///
    /// # Panics
    /// tokio panics when the runtime was built without I/O (`enable_io` or `enable_all`).
    pub fn new(fd: impl AsFd) -> Result<Self> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::other(ErrorKind::Unsupported, WAIT, "not called from within a tokio runtime"));
        }
        let copy = fd.as_fd().try_clone_to_owned().map_err(|e| Error::io(WAIT, &e))?;
        // SAFETY: the OwnedFd is valid and open; it is moved in here, this type gives out only shared
        // borrows of it, and so it stays the same open file until the AsyncFd is dropped.
        let registered = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) };
        let fd = registered.map_err(|e| Error::io(WAIT, &e.into_parts().1))?;
        Ok(Self { fd })
    }

    /// Waits until it is readable. Any number of tasks may wait.
    ///
    /// # Errors
    /// When the runtime shuts down, or the error of `poll(2)`.
    pub async fn readable(&self) -> Result<()> {
        loop {
            let mut guard = self.fd.readable().await.map_err(|e| Error::io(WAIT, &e))?;
            if self.is_readable()? {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// The same for hand-written futures. Only the task that asked last is woken.
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx)).map_err(|e| Error::io(WAIT, &e))?;
            if self.is_readable()? {
                return Poll::Ready(Ok(()));
            }
            guard.clear_ready();
        }
    }

    fn is_readable(&self) -> Result<bool> {
        poll::wait_readable(self.as_fd(), Some(Duration::ZERO))
    }
}

impl AsFd for AsyncReady {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}

impl fmt::Debug for AsyncReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncReady").field("fd", self.fd.get_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PollSet, Wake};
    use std::future::poll_fn;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap()
    }

    #[test]
    fn outside_a_runtime_it_is_an_error() {
        let error = AsyncReady::new(Wake::new().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn what_cannot_be_polled_is_an_error() {
        runtime().block_on(async {
            let error = AsyncReady::new(std::fs::File::open("/proc/self/exe").unwrap()).unwrap_err();
            assert!(error.is_permission(), "{error}");
        });
    }

    #[test]
    fn a_task_is_woken_each_time_and_not_in_between() {
        runtime().block_on(async {
            let bell = Wake::new().unwrap();
            let mut set = PollSet::new().unwrap();
            set.add(&bell, 5).unwrap();
            let ready = AsyncReady::new(&set).unwrap();
            for _ in 0..20 {
                let pending = poll_fn(|cx| Poll::Ready(ready.poll_readable(cx).is_pending())).await;
                assert!(pending);
                let other = bell.clone();
                let ringer = std::thread::spawn(move || other.wake());
                ready.readable().await.unwrap();
                // Still ready: nobody has taken it.
                ready.readable().await.unwrap();
                poll_fn(|cx| ready.poll_readable(cx)).await.unwrap();
                ringer.join().unwrap();
                assert_eq!(set.wait(Some(Duration::ZERO)).unwrap(), [5]);
                bell.clear();
            }
        });
    }

    #[test]
    fn it_outlives_the_original() {
        runtime().block_on(async {
            let bell = Wake::new().unwrap();
            bell.wake();
            let ready = AsyncReady::new(&bell).unwrap();
            drop(bell);
            ready.readable().await.unwrap();
        });
    }
}
