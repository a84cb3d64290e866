//! Signals as something to read: blocked, and taken from a file descriptor instead of by a handler.
//!
//! Source: `signalfd(2)`, `pthread_sigmask(3)`.

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{Error, Result};

/// SIGINT, what Ctrl-C sends.
pub const SIGINT: i32 = libc::SIGINT;
/// SIGTERM, what asks a program to end.
pub const SIGTERM: i32 = libc::SIGTERM;

const WATCH: &str = "watch for signals";

/// Signals that are read instead of obeyed. Readable (see [`AsFd`]) while one is waiting.
///
/// They stay blocked in the thread that made it after it is dropped, and in the threads that this thread starts.
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks `signals` in the calling thread, and in threads that it starts later, and watches for them. Threads
    /// that run already must not be able to take them: call this before there are any.
    ///
    /// # Errors
    /// EINVAL for a number that is no signal; EMFILE.
    pub fn block(signals: &[i32]) -> Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the set that the pointer leads to, and never fails.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: initialised by the call above.
        let mut set = unsafe { set.assume_init() };
        for signal in signals {
            // SAFETY: the set is initialised and exclusively borrowed; a bad number is refused with EINVAL.
            let result = unsafe { libc::sigaddset(&raw mut set, *signal) };
            if result != 0 {
                return Err(Error::io(WATCH, &std::io::Error::last_os_error()).about(signal.to_string()));
            }
        }
        // SAFETY: the set is initialised and only read; the old mask is not asked for.
        let errno = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if errno != 0 {
            return Err(Error::io(WATCH, &std::io::Error::from_raw_os_error(errno)));
        }
        // SAFETY: -1 asks for a new descriptor; the set is initialised and only read.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(Error::io(WATCH, &std::io::Error::last_os_error()));
        }
        // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes a signal that is waiting: its number.
    pub fn take(&self) -> Option<i32> {
        // struct signalfd_siginfo: 128 bytes that begin with the number.
        let mut info = [0_u8; 128];
        rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut info[..])).ok()?;
        info.first_chunk().map(|number| i32::from_ne_bytes(*number))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signals({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_blocked_signal_is_read_and_not_obeyed() {
        // A thread of its own, to which the signal is sent: the mask and the signal are the thread's.
        std::thread::spawn(|| {
            let signals = Signals::block(&[libc::SIGUSR1]).unwrap();
            assert_eq!(signals.take(), None);
            // SAFETY: it only tells the calling thread's handle.
            let this = unsafe { libc::pthread_self() };
            // SAFETY: the handle is that of a running thread, this one, where the signal is blocked.
            unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
            assert!(crate::wait_readable(signals.as_fd(), Some(Duration::from_secs(60))).unwrap());
            assert_eq!(signals.take(), Some(libc::SIGUSR1));
            assert_eq!(signals.take(), None);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        assert_eq!(
            Signals::block(&[4711]).unwrap_err().to_string(),
            "watch for signals: 4711: Invalid argument"
        );
    }
}
