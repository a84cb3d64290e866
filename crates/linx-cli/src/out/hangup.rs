//! Noticing that nobody reads our output any more while there is nothing to write: `linx monitor | head -1` ends
//! when head does, not with the next change.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;

/// Standard output, where it is a pipe that only we write to: its descriptor is never readable, and has an error to
/// report once the reading end is closed.
#[derive(Debug)]
pub(crate) struct Hangup(File);

impl Hangup {
    /// `None` where the output is no such pipe: a terminal could be readable, and a file never tells.
    pub(crate) fn of_stdout() -> Option<Self> {
        let file = File::from(std::io::stdout().as_fd().try_clone_to_owned().ok()?);
        let is_pipe = file.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
        (is_pipe && is_write_only()).then_some(Self(file))
    }
}

/// A pipe that was opened for both directions would be readable whenever it holds something.
fn is_write_only() -> bool {
    let info = std::fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    // O_ACCMODE is 3, O_WRONLY is 1.
    flags.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).is_some_and(|flags| flags & 3 == 1)
}

impl AsFd for Hangup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
