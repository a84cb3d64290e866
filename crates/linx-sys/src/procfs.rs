//! One process's directory in `/proc`, held open: what is read through it is that process's, or an error,
//! also when the process has ended and its pid is another's.
//!
//! Source: `proc(5)`. Bytes only: what they mean is the caller's to know.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};

const OPEN: &str = "open a process's directory";
const READ: &str = "read about a process";

/// A first read of this many bytes takes most files of `/proc/PID` whole.
const FIRST_READ_BYTES: usize = 1024;

/// The directory `/proc/PID` of one process, or `/proc/TID` of one thread.
#[derive(Debug)]
pub struct ProcDir(OwnedFd);

impl ProcDir {
    /// The directory of the process or thread with this number, in the pid namespace that `/proc` shows.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] when there is none; EMFILE.
    pub fn open(pid: u32) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty()) {
            Ok(fd) => Ok(Self(fd)),
            Err(Errno::NOENT) => {
                Err(Error::os(OPEN, Errno::SRCH).with_kind(ErrorKind::NoProcess).about(pid.to_string()))
            }
            Err(e) => Err(Error::os(OPEN, e).about(pid.to_string())),
        }
    }

    /// The first `limit` bytes of the file `name`, such as `stat` or `task/7/comm`.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] once the process has ended and been waited for; [`ErrorKind::Permission`].
    pub fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, name, flags, Mode::empty()).map_err(|e| error(e, name))?;
        let mut bytes = Vec::new();
        while bytes.len() < limit {
            let have = bytes.len();
            let room = (limit - have).min(if have == 0 { FIRST_READ_BYTES } else { have * 4 });
            bytes.resize(have + room, 0);
            let read = match bytes.get_mut(have..) {
                Some(space) => rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *space)),
                None => Ok(0),
            };
            let read = read.map_err(|e| error(e, name))?;
            bytes.truncate(have + read);
            if read == 0 {
                break;
            }
        }
        Ok(bytes)
    }

    /// What the link `name` says, such as `exe` or `ns/net`.
    ///
    /// # Errors
    /// As [`read`](Self::read); a kernel thread and a process that has ended have no `exe`.
    pub fn link(&self, name: &str) -> Result<Vec<u8>> {
        let target = rustix::fs::readlinkat(&self.0, name, Vec::new()).map_err(|e| error(e, name))?;
        Ok(target.into_bytes())
    }

    /// The names in the directory `name`, such as `fd` or `task`, at most `limit`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn names(&self, name: &str, limit: usize) -> Result<Vec<u32>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::openat(&self.0, name, flags, Mode::empty()).map_err(|e| error(e, name))?;
        let entries = rustix::fs::Dir::new(directory).map_err(|e| error(e, name))?;
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
        Ok(numbers.take(limit).collect())
    }
}

fn error(errno: Errno, name: &str) -> Error {
    Error::os(READ, errno).about(name)
}

/// The pids of all processes that `/proc` shows.
///
/// # Errors
/// When `/proc` is not mounted, or on EMFILE.
pub fn processes() -> Result<Vec<u32>> {
    let entries =
        std::fs::read_dir("/proc").map_err(|e| Error::io("list the processes", &e).about("/proc"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_reads_itself() {
        let me = ProcDir::open(std::process::id()).unwrap();
        let stat = me.read("stat", 4096).unwrap();
        assert!(stat.starts_with(format!("{} (", std::process::id()).as_bytes()));
        assert_eq!(me.read("stat", 3).unwrap(), stat[..3]);
        assert!(me.link("ns/net").unwrap().starts_with(b"net:["));
        assert!(!me.names("fd", usize::MAX).unwrap().is_empty());
        assert_eq!(me.names("task", 1).unwrap().len(), 1);
        assert!(processes().unwrap().contains(&std::process::id()));
        assert!(me.read("no-such", 1).is_err());
    }

    #[test]
    fn a_long_file_is_read_whole() {
        let me = ProcDir::open(std::process::id()).unwrap();
        let maps = me.read("smaps", usize::MAX).unwrap();
        assert!(maps.len() > FIRST_READ_BYTES && maps.ends_with(b"\n"), "{}", maps.len());
    }

    #[test]
    fn a_process_that_was_waited_for_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let directory = ProcDir::open(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(directory.read("stat", 64).unwrap_err().kind(), ErrorKind::NoProcess);
        assert_eq!(ProcDir::open(u32::MAX).unwrap_err().kind(), ErrorKind::NoProcess);
    }
}
