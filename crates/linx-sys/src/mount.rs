//! Noticing that mounts come and go, which is how names in `/run/netns` do.
//!
//! Source: `proc(5)` on `/proc/PID/mountinfo`, KERNEL.md 6.5: an inotify watch on the directory fires before
//! the namespace is mounted there, the poll of `mountinfo` after.

use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};

use crate::error::{Error, Result};

const WATCH: &str = "watch the mounts";

/// Its descriptor is readable from a change of the mounts until [`changed`](Self::changed) is asked.
///
/// It watches the mount namespace of the thread that made it.
pub struct MountWatch {
    // Dropped first, while the file it watches is open.
    epoll: OwnedFd,
    _mountinfo: File,
}

impl MountWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When `/proc` is not mounted, or on EMFILE.
    pub fn new() -> Result<Self> {
        const PATH: &str = "/proc/thread-self/mountinfo";
        let mountinfo = File::open(PATH).map_err(|e| Error::io(WATCH, &e).about(PATH))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| Error::os(WATCH, e))?;
        // The file is always readable and forgets a change (EPOLLPRI) once anybody has polled it, an outer
        // epoll included. Edge-triggered, the inner epoll remembers: each change makes it ready, and only
        // `changed` makes it quiet.
        let flags = epoll::EventFlags::PRI | epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &mountinfo, epoll::EventData::new_u64(0), flags)
            .map_err(|e| Error::os(WATCH, e))?;
        let watch = Self { epoll, _mountinfo: mountinfo };
        // Ready once from the start: not a change.
        watch.changed()?;
        Ok(watch)
    }

    /// Whether mounts changed since this was last asked, or since the watch was made. Never a miss; now and
    /// then a change that is none.
    ///
    /// # Errors
    /// The error of `epoll_wait(2)`.
    pub fn changed(&self) -> Result<bool> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events = Vec::with_capacity(1);
        rustix::io::retry_on_intr(|| {
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now))
        })
        .map_err(|e| Error::os(WATCH, e))?;
        Ok(!events.is_empty())
    }
}

impl AsFd for MountWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl fmt::Debug for MountWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MountWatch").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}
