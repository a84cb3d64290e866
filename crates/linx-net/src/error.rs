//! The error of every call in this crate: what was asked, in which namespace, and why it failed.

use std::fmt;

use linx_sys::Capability;
use linx_wire::DecodeError;
use linx_wire::header::Ack;
use linx_wire::name::Name;

/// The result of the calls in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call.
///
/// ```
/// use linx::{ErrorKind, Handle, Netns};
///
/// let error = Netns::name("no-such-namespace").map_err(linx::Error::from).unwrap_err();
/// assert!(matches!(error.kind, ErrorKind::NamespaceGone));
/// let error = Handle::host()?.link_by_name("no-such-link").unwrap_err();
/// assert_eq!(error.to_string(), "link no-such-link: namespace host: No such device");
/// # Ok::<(), linx::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Error {
    /// Why it failed.
    pub kind: ErrorKind,
    /// What was being done, in the command's words: `list route`.
    pub operation: Box<str>,
    /// The namespace it was done in, by the name it was given; `None` where there was none.
    pub netns: Option<Box<str>>,
    source: Option<Box<linx_sys::Error>>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The kernel refused.
    Kernel {
        /// Positive errno.
        errno: i32,
        /// The kernel's own explanation (`NLMSGERR_ATTR_MSG`), its control characters escaped.
        message: Option<Box<str>>,
        /// Offset into the request, header included, of what it refuses (`NLMSGERR_ATTR_OFFS`), bytes.
        offset: Option<u32>,
    },
    /// EPERM or EACCES.
    Permission {
        /// What is missing, where it is known.
        capability: Option<Capability>,
    },
    /// Objects changed while they were being listed, or answers were lost: the list is not one state.
    Torn,
    /// The rule set of nf_tables changed during every attempt to read it.
    Changing {
        /// Its generation before the last attempt.
        before: u32,
        /// Its generation afterwards.
        after: u32,
    },
    /// A message was larger than the buffer it was received into.
    Truncated,
    /// The kernel leaves out objects that are too large for its messages, and everything after them (KERNEL.md 3.3).
    Oversize {
        /// How many objects are missing, as far as the kernel's own count tells.
        missing: u64,
    },
    /// Bytes that are not what their type says.
    Decode(DecodeError),
    /// The namespace, its name or the process that it was named by does not exist (any more).
    NamespaceGone,
    /// Nothing came in time.
    Timeout,
    /// The kernel has no such thing.
    Unsupported,
    /// A system call failed; [`Error::source`](std::error::Error::source) says which.
    Io,
    /// The monitor was unsubscribed.
    Unsubscribed,
}

impl ErrorKind {
    /// What an acknowledgement with an error number means.
    pub(crate) fn of_ack(ack: &Ack<'_>) -> Self {
        if ack.errno == EPERM || ack.errno == EACCES {
            return Self::Permission { capability: Some(Capability::NET_ADMIN) };
        }
        let message = ack.message.map(|text| Name::new(text).to_string().into_boxed_str());
        Self::Kernel { errno: ack.errno, message, offset: ack.offset }
    }
}

const EPERM: i32 = 1;
const EACCES: i32 = 13;

impl Error {
    pub(crate) fn new(kind: ErrorKind, operation: impl Into<Box<str>>) -> Self {
        Self { kind, operation: operation.into(), netns: None, source: None }
    }

    /// Says which namespace it was in.
    #[must_use]
    pub(crate) fn inside(mut self, netns: &str) -> Self {
        self.netns = Some(netns.into());
        self
    }

    /// An error of the system call layer during `operation`.
    pub(crate) fn system(operation: impl Into<Box<str>>, source: linx_sys::Error) -> Self {
        let kind = match source.kind() {
            linx_sys::ErrorKind::Permission => ErrorKind::Permission { capability: source.capability() },
            linx_sys::ErrorKind::NoNamespace | linx_sys::ErrorKind::NoProcess => ErrorKind::NamespaceGone,
            linx_sys::ErrorKind::Timeout => ErrorKind::Timeout,
            linx_sys::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Io,
        };
        Self { kind, operation: operation.into(), netns: None, source: Some(Box::new(source)) }
    }

    /// The kernel's error number, if there was one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match &self.kind {
            ErrorKind::Kernel { errno, .. } => Some(*errno),
            ErrorKind::Permission { .. } if self.source.is_none() => Some(EPERM),
            _ => self.source.as_ref()?.raw_os_error(),
        }
    }
}

impl From<linx_sys::Error> for Error {
    fn from(source: linx_sys::Error) -> Self {
        Self::system("", source)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { errno, message, offset } => {
                f.write_str(&linx_sys::errno_text(*errno))?;
                match (message, offset) {
                    (Some(text), Some(at)) => write!(f, " (kernel: {text}, at byte {at} of the request)"),
                    (Some(text), None) => write!(f, " (kernel: {text})"),
                    (None, Some(at)) => write!(f, " (at byte {at} of the request)"),
                    (None, None) => Ok(()),
                }
            }
            Self::Permission { capability: Some(capability) } => {
                write!(f, "{}: needs {capability}", linx_sys::errno_text(EPERM))
            }
            Self::Permission { capability: None } => f.write_str(&linx_sys::errno_text(EPERM)),
            Self::Torn => f.write_str("the list is torn: objects changed while it was read"),
            Self::Changing { before, after } if before == after => {
                write!(f, "parts of the rule set were not of its generation {before}, each time it was read")
            }
            Self::Changing { before, after } => write!(
                f,
                "the rule set changed each time it was read, the last time from generation {before} to {after}"
            ),
            Self::Truncated => f.write_str("a message was larger than the receive buffer"),
            Self::Oversize { missing } => write!(
                f,
                "the kernel left out {missing} objects: one is too large for its messages, the others come after it"
            ),
            Self::Decode(error) => write!(f, "cannot decode the kernel's answer: {error}"),
            Self::NamespaceGone => f.write_str("the namespace is gone"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Unsupported => f.write_str("not supported by this kernel"),
            Self::Io => f.write_str("a system call failed"),
            Self::Unsubscribed => f.write_str("the monitor was unsubscribed"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.operation.is_empty() {
            write!(f, "{}: ", self.operation)?;
        }
        match (&self.source, &self.kind, &self.netns) {
            // Its text names the namespace already.
            (Some(source), ErrorKind::NamespaceGone, _) => write!(f, "{source}"),
            (Some(source), _, Some(netns)) => write!(f, "namespace {netns}: {source}"),
            (Some(source), _, None) => write!(f, "{source}"),
            (None, kind, Some(netns)) => write!(f, "namespace {netns}: {kind}"),
            (None, kind, None) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match (&self.source, &self.kind) {
            (Some(source), _) => Some(&**source),
            (None, ErrorKind::Decode(error)) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn operation_namespace_errno_and_the_kernels_words() {
        let ack = Ack { errno: 19, message: Some(b"no \x1b such"), offset: Some(20), missing_type: None };
        let error = Error::new(ErrorKind::of_ack(&ack), "list route").inside("blue");
        assert_eq!(
            error.to_string(),
            "list route: namespace blue: No such device (kernel: no \\x1b such, at byte 20 of the request)"
        );
        assert_eq!(error.errno(), Some(19));
        assert!(error.source().is_none());
    }

    #[test]
    fn a_refusal_names_the_capability() {
        let kind = ErrorKind::of_ack(&Ack { errno: EPERM, ..Ack::default() });
        let error = Error::new(kind, "list nft").inside("host");
        assert_eq!(
            error.to_string(),
            "list nft: namespace host: Operation not permitted: needs CAP_NET_ADMIN"
        );
        assert_eq!(error.errno(), Some(1));
    }

    #[test]
    fn a_missing_namespace_is_named_once_and_keeps_its_source() {
        let source = linx_sys::Netns::name("linx-no-such").unwrap_err();
        let error = Error::system("list route", source).inside("linx-no-such");
        assert_eq!(
            error.to_string(),
            "list route: no namespace \"linx-no-such\": /run/netns/linx-no-such: No such file or directory"
        );
        assert_eq!(error.kind, ErrorKind::NamespaceGone);
        assert_eq!(error.errno(), Some(2));
        assert!(error.source().is_some());
    }
}
