//! Processes: the pidfd that outlasts a pid, the clocks that process start times use, and the limit on
//! open files.
//!
//! Source: `pidfd_open(2)`, `proc(5)`, `clock_gettime(2)`, `getrlimit(2)`, `sched(7)`.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit};
use rustix::time::ClockId;

use crate::caps::Capability;
use crate::error::{Error, ErrorKind, Result};
use crate::poll;

const OPEN: &str = "open a pidfd";

/// A process, held by a pidfd: when it ends and its pid is given to another, this still means the first.
/// Readable (see [`AsFd`]) once the process has ended. Cheap to clone.
#[derive(Clone)]
pub struct Pidfd {
    fd: Arc<OwnedFd>,
    pid: u32,
}

impl Pidfd {
    /// The process with this pid, in the caller's pid namespace.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] when there is none; EMFILE.
    pub fn open(pid: u32) -> Result<Self> {
        let gone = |errno| Error::os(OPEN, errno).with_kind(ErrorKind::NoProcess).about(pid.to_string());
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| gone(Errno::SRCH))?;
        match rustix::process::pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => Ok(Self { fd: Arc::new(fd), pid }),
            Err(Errno::SRCH) => Err(gone(Errno::SRCH)),
            // The id of a thread that is not its process's first: EINVAL up to Linux 6.15, then ENOENT.
            Err(e @ (Errno::INVAL | Errno::NOENT)) => {
                Err(Error::os(OPEN, e).about(pid.to_string()).with_detail("a thread, not a process"))
            }
            Err(e) => Err(Error::os(OPEN, e).about(pid.to_string())),
        }
    }

    /// Takes a pidfd that was made elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] when the process has ended and been waited for; an error when `fd` is no
    /// pidfd, or the process is not visible in this pid namespace.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        let subject = format!("fd {}", fd.as_raw_fd());
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))
            .map_err(|e| Error::io(OPEN, &e).about(subject.clone()))?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"));
        match pid.and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(pid) if pid > 0 => match u32::try_from(pid) {
                Ok(pid) => Ok(Self { fd: Arc::new(fd), pid }),
                Err(_) => Err(Error::os(OPEN, Errno::RANGE).about(subject)),
            },
            // -1 once it has been waited for, 0 when it is not visible from this pid namespace.
            Some(-1) => Err(Error::os(OPEN, Errno::SRCH).about(subject)),
            Some(_) => Err(Error::os(OPEN, Errno::SRCH)
                .about(subject)
                .with_detail("the process is not visible in this pid namespace")),
            None => Err(Error::os(OPEN, Errno::BADF).about(subject).with_detail("not a pidfd")),
        }
    }

    /// Its pid, which is another process's once this one has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs. A process that ended but was not waited for (a zombie) does not.
    ///
    /// # Errors
    /// The error of `poll(2)`.
    pub fn is_alive(&self) -> Result<bool> {
        Ok(!poll::wait_readable(self.as_fd(), Some(Duration::ZERO))?)
    }

    pub(crate) fn check_alive(&self) -> Result<()> {
        if self.is_alive()? {
            Ok(())
        } else {
            Err(Error::os("look at a process", Errno::SRCH).about(self.pid.to_string()))
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Pidfd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pidfd({})", self.pid)
    }
}

/// Time since the machine started, sleep included (CLOCK_BOOTTIME): the clock of the start time in
/// `/proc/PID/stat`.
#[must_use]
pub fn boottime() -> Duration {
    clock(ClockId::Boottime)
}

/// Processor time that this process has had so far, all threads together (CLOCK_PROCESS_CPUTIME_ID, clock_gettime(2)).
#[must_use]
pub fn processor_time() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// Processor time that the calling thread has had so far (CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)).
#[must_use]
pub fn thread_time() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// Time since the machine started, sleep not included (CLOCK_MONOTONIC): the clock of process events.
#[must_use]
pub fn monotonic() -> Duration {
    clock(ClockId::Monotonic)
}

fn clock(id: ClockId) -> Duration {
    let now = rustix::time::clock_gettime(id);
    Duration::try_from(now).unwrap_or_default()
}

/// The unit of the times in `/proc/PID/stat`, per second (`_SC_CLK_TCK`, 100 in practice).
#[must_use]
pub fn clock_ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

/// Raises the soft limit on open files to the hard one, and returns the limit in force (`u64::MAX`: none).
///
/// # Errors
/// The error of `setrlimit(2)`.
pub fn raise_nofile() -> Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        rustix::process::setrlimit(Resource::Nofile, raised)
            .map_err(|e| Error::os("raise the limit on open files", e))?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Lets the calling thread run as soon as it can (SCHED_RR at the lowest real-time priority), for work that is
/// short and lost when it comes late. Only this thread; those that it starts do not inherit it.
///
/// # Errors
/// [`ErrorKind::Permission`] without CAP_SYS_NICE.
pub fn hurry_this_thread() -> Result<()> {
    // SAFETY: all bytes zero is a valid sched_param: it is made of integers.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = 1;
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to a live sched_param, which the kernel only reads; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 {
        return Ok(());
    }
    let error = Error::io("raise a thread's priority", &std::io::Error::last_os_error());
    Err(error.needing(Capability::SYS_NICE))
}

/// Whether the caller is in the initial pid namespace, the one that the kernel's notifications name tasks
/// in. `None` when `/proc` does not say.
#[must_use]
pub fn in_initial_pid_namespace() -> Option<bool> {
    is_initial("/proc/thread-self/ns/pid", INITIAL_PID_INODE)
}

/// Whether the caller is in the initial user namespace. `None` when `/proc` does not say.
#[must_use]
pub fn in_initial_user_namespace() -> Option<bool> {
    is_initial("/proc/thread-self/ns/user", INITIAL_USER_INODE)
}

/// PROC_PID_INIT_INO and PROC_USER_INIT_INO of `linux/proc_ns.h`: the initial namespaces have fixed
/// inode numbers.
const INITIAL_PID_INODE: u64 = 0xeffffffc;
const INITIAL_USER_INODE: u64 = 0xeffffffd;

fn is_initial(path: &str, inode: u64) -> Option<bool> {
    rustix::fs::stat(path).ok().map(|s| s.st_ino == inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_that_cannot_be() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            let error = Pidfd::open(pid).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoProcess);
            assert_eq!(error.to_string(), format!("no process {pid}: No such process"));
        }
    }

    #[test]
    fn a_process_that_ends_becomes_readable_and_stays_itself() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Pidfd::open(child.id()).unwrap();
        assert!(process.is_alive().unwrap());
        let copy = rustix::io::dup(process.as_fd()).unwrap();
        assert_eq!(Pidfd::from_fd(copy).unwrap().pid(), child.id());
        child.kill().unwrap();
        assert!(poll::wait_readable(process.as_fd(), Some(Duration::from_secs(30))).unwrap());
        assert!(!process.is_alive().unwrap());
        child.wait().unwrap();
        let error = Pidfd::from_fd(rustix::io::dup(process.as_fd()).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoProcess);
    }

    #[test]
    fn what_is_no_pidfd_is_refused() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let error = Pidfd::from_fd(file.into()).unwrap_err();
        assert!(error.to_string().contains("not a pidfd"), "{error}");
    }

    #[test]
    fn the_start_time_of_this_process_lies_in_the_past() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let after_comm = stat.rsplit_once(')').unwrap().1;
        let ticks: u64 = after_comm.split_whitespace().nth(19).unwrap().parse().unwrap();
        let start = Duration::from_millis(ticks * 1000 / clock_ticks_per_second());
        assert!(start <= boottime());
        assert!(monotonic() <= boottime() + Duration::from_secs(1));
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise_nofile().unwrap();
        let now = rustix::process::getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert_eq!(limit, now.current.unwrap_or(u64::MAX));
    }
}
