//! The error of every call in this crate: which operation, on what, and the kernel's errno with its text.
//!
//! It holds no back-trace and allocates only when it names a subject, so that "would block", which ends
//! every drain of a socket, costs nothing.

use std::fmt;
use std::io;

use crate::caps::Capability;

/// The result of the calls in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed, in the classes that a caller treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// EAGAIN: nothing is queued now. The end of a drain, not a failure.
    WouldBlock,
    /// ENOBUFS on receive: the kernel dropped messages because the receive buffer was full, or because
    /// one message was too large to be sent at all. What is still queued is older than the gap.
    Overflow,
    /// EPERM or EACCES; [`Error::capability`] says what is missing where that is known.
    Permission,
    /// A namespace file that does not exist.
    NoNamespace,
    /// ESRCH: the process is gone, or never was.
    NoProcess,
    /// The file is no namespace at all: a regular file, a socket, or a name whose mount is not there yet.
    NotANamespace,
    /// The file is a namespace of another type (mount, pid, user, …).
    NotANetworkNamespace,
    /// A name that can name no namespace: empty, `.`, `..`, or with a `/` or a NUL.
    InvalidName,
    /// EMFILE or ENFILE: the process or the system has no file descriptor left.
    TooManyFiles,
    /// The kernel has no such thing: protocol, option or process connector.
    Unsupported,
    /// No answer within the time allowed.
    Timeout,
    /// Any other errno.
    System,
}

/// A failed call: the operation, the thing it was about, and the kernel's answer.
///
/// ```
/// let error = linx_sys::Netns::name("no-such-namespace").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no namespace \"no-such-namespace\": /run/netns/no-such-namespace: No such file or directory"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    errno: i32,
    operation: &'static str,
    subject: Option<Box<str>>,
    detail: Option<&'static str>,
    capability: Option<Capability>,
}

impl Error {
    /// The error of a system call.
    pub(crate) fn os(operation: &'static str, errno: rustix::io::Errno) -> Self {
        let errno = errno.raw_os_error();
        let kind = match errno {
            libc::EAGAIN => ErrorKind::WouldBlock,
            libc::ENOBUFS => ErrorKind::Overflow,
            libc::EPERM | libc::EACCES => ErrorKind::Permission,
            libc::ESRCH => ErrorKind::NoProcess,
            libc::EMFILE | libc::ENFILE => ErrorKind::TooManyFiles,
            libc::EPROTONOSUPPORT
            | libc::ENOPROTOOPT
            | libc::EOPNOTSUPP
            | libc::ENOSYS
            | libc::ESOCKTNOSUPPORT => ErrorKind::Unsupported,
            _ => ErrorKind::System,
        };
        Self { kind, errno, operation, subject: None, detail: None, capability: None }
    }

    /// The error of a call of the standard library.
    #[must_use]
    pub fn io(operation: &'static str, error: &io::Error) -> Self {
        let errno = rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO);
        Self::os(operation, errno)
    }

    /// An error that no errno describes.
    pub(crate) fn other(kind: ErrorKind, operation: &'static str, detail: &'static str) -> Self {
        Self { kind, errno: 0, operation, subject: None, detail: Some(detail), capability: None }
    }

    /// Names the thing that the operation was about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    #[must_use]
    pub(crate) fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Names the capability that would have helped, if this is a refusal.
    #[must_use]
    pub(crate) fn needing(mut self, capability: Capability) -> Self {
        if self.kind == ErrorKind::Permission {
            self.capability = Some(capability);
        }
        self
    }

    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, such as `"open a netlink socket"`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The namespace, path, pid, group or capability that it was done to.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The kernel's errno, if it was the kernel that refused.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        (self.errno != 0).then_some(self.errno)
    }

    /// The capability that the caller lacks, where the refusal has one plain reason.
    #[must_use]
    pub fn capability(&self) -> Option<Capability> {
        self.capability
    }

    /// ENOBUFS: messages were lost.
    #[must_use]
    pub fn is_nobufs(&self) -> bool {
        self.kind == ErrorKind::Overflow
    }

    /// EAGAIN: nothing is queued.
    #[must_use]
    pub fn is_would_block(&self) -> bool {
        self.kind == ErrorKind::WouldBlock
    }

    /// EPERM or EACCES.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        self.kind == ErrorKind::Permission
    }

    /// The namespace or the process it was about does not exist (any more).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.kind, ErrorKind::NoNamespace | ErrorKind::NoProcess)
    }
}

/// The kernel's text for an errno, as `strerror(3)` spells it.
#[must_use]
pub fn errno_text(errno: i32) -> String {
    // The standard library spells it "text (os error N)"; the number helps nobody who has the text.
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.subject()) {
            (ErrorKind::NoNamespace, Some(subject)) => write!(f, "no namespace {subject}")?,
            (ErrorKind::NoProcess, Some(subject)) => write!(f, "no process {subject}")?,
            (ErrorKind::InvalidName, Some(subject)) => f.write_str(subject)?,
            (_, Some(subject)) => write!(f, "{}: {subject}", self.operation)?,
            (_, None) => f.write_str(self.operation)?,
        }
        if let Some(detail) = self.detail {
            write!(f, ": {detail}")?;
        }
        if self.errno != 0 {
            write!(f, ": {}", errno_text(self.errno))?;
        }
        if let Some(capability) = self.capability {
            write!(f, ": needs {capability}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.kind)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::WouldBlock => io::ErrorKind::WouldBlock,
            ErrorKind::Permission => io::ErrorKind::PermissionDenied,
            ErrorKind::NoNamespace | ErrorKind::NoProcess => io::ErrorKind::NotFound,
            ErrorKind::InvalidName => io::ErrorKind::InvalidInput,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// `text` with what a terminal would obey, reorder or not show escaped: it may come from a file name, and errors end on a
/// terminal. The same characters as in `linx_wire::name::is_dangerous`, which this crate does not know.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_unseen = matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}');
        if c.is_control() || is_unseen {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_has_operation_subject_text_and_capability() {
        let e = Error::os("join a group", rustix::io::Errno::PERM)
            .about("group 7")
            .needing(Capability::NET_ADMIN);
        assert_eq!(e.to_string(), "join a group: group 7: Operation not permitted: needs CAP_NET_ADMIN");
        assert!(e.is_permission());
        assert_eq!(e.raw_os_error(), Some(libc::EPERM));
        let io: io::Error = e.into();
        assert_eq!(io.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_capability_is_named_only_for_a_refusal() {
        let e = Error::os("join a group", rustix::io::Errno::INVAL).needing(Capability::NET_ADMIN);
        assert_eq!(e.capability(), None);
        assert_eq!(e.to_string(), "join a group: Invalid argument");
    }

    #[test]
    fn control_bytes_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(printable("\u{200b}\u{feff}é"), "\\u{200b}\\u{feff}é");
    }

    #[test]
    fn kinds_follow_errno() {
        let kind = |e| Error::os("x", e).kind();
        assert_eq!(kind(rustix::io::Errno::AGAIN), ErrorKind::WouldBlock);
        assert_eq!(kind(rustix::io::Errno::NOBUFS), ErrorKind::Overflow);
        assert_eq!(kind(rustix::io::Errno::MFILE), ErrorKind::TooManyFiles);
        assert_eq!(kind(rustix::io::Errno::PROTONOSUPPORT), ErrorKind::Unsupported);
        assert_eq!(kind(rustix::io::Errno::IO), ErrorKind::System);
    }
}
