//! What to monitor, and how.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use linx_sys::{Group, MountWatch, Netns, NetnsOrigin, Pidfd};

use super::core::Monitor;
use super::link::{Config, Seat};
use super::{Decoder, RestartPolicy};
use crate::error::{Error, Result};
use crate::handle::{FileId, file_id};

/// Default size of the receive buffer that is asked for, bytes: 10,000 route events.
const RCVBUF: usize = 4 << 20;

/// A monitor to be.
#[must_use = "a monitor begins with subscribe()"]
pub struct Builder<D> {
    decoder: D,
    netns: Option<Netns>,
    groups: Vec<Group>,
    rcvbuf: usize,
    restart: Option<RestartPolicy>,
    follow: bool,
    all_nsid: bool,
    seat: Option<Seat>,
}

impl<D: Decoder> Builder<D> {
    /// A monitor whose messages `decoder` reads, of `groups`.
    pub fn new(decoder: D, groups: &[Group]) -> Self {
        Self {
            decoder,
            netns: None,
            groups: groups.to_vec(),
            rcvbuf: RCVBUF,
            restart: None,
            follow: true,
            all_nsid: false,
            seat: None,
        }
    }

    /// The same, with another decoder.
    pub fn map_decoder(self, change: impl FnOnce(D) -> D) -> Self {
        Self { decoder: change(self.decoder), ..self }
    }

    /// The namespace; that of the calling thread unless told.
    pub fn netns(mut self, netns: &Netns) -> Self {
        self.netns = Some(netns.clone());
        self
    }

    /// The multicast groups, instead of the default ones. Any number may be given.
    pub fn groups(mut self, groups: &[Group]) -> Self {
        self.groups = groups.to_vec();
        self
    }

    /// Size of the receive buffer to ask for, bytes (4 MiB unless told). It is forced past `net.core.rmem_max` with
    /// CAP_NET_ADMIN, otherwise limited by it; [`Stats::rcvbuf_bytes`](super::Stats) says what it is.
    pub fn rcvbuf(mut self, bytes: usize) -> Self {
        self.rcvbuf = bytes;
        self
    }

    /// Replaces the socket when it fails, and tells that as a loss.
    pub fn supervised(mut self, policy: RestartPolicy) -> Self {
        self.restart = Some(policy);
        self
    }

    /// Whether the monitor ends with `NamespaceGone` when that ends by which its namespace was given: a name or a path
    /// when it is unmounted or becomes another's, a process ([`Netns::pid`], [`Netns::pidfd`] or `/proc/PID/ns/net`)
    /// when it ends, even if others live in the namespace. Yes unless told; it costs two descriptors. An open socket
    /// keeps a deleted namespace alive, in which nothing ever happens again. A process that moves to another namespace
    /// is not followed there. Who watches many namespaces watches their names once, and calls
    /// [`Control::namespace_gone`](super::Control::namespace_gone).
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Events of all namespaces that have an id in this one come, too ([`Origin::nsid`](super::Origin)).
    pub fn all_nsids(mut self, all: bool) -> Self {
        self.all_nsid = all;
        self
    }

    /// It is waited for with others: it has no descriptor of its own, and no buffer.
    #[cfg(feature = "nft")]
    pub(crate) fn seat(mut self, seat: Seat) -> Self {
        self.seat = Some(seat);
        self
    }

    /// Begins. Events from now on are told.
    ///
    /// # Errors
    /// `NamespaceGone`; `Permission` (entering another namespace needs CAP_SYS_ADMIN, some groups and `all_nsids`
    /// others); `Kernel` or `Io` for a group that the kernel does not have, and on EMFILE.
    pub fn subscribe(self) -> Result<Monitor<D>> {
        const MONITOR: &str = "monitor";
        let netns = match self.netns {
            Some(netns) => netns,
            None => Netns::host().map_err(|error| Error::system(MONITOR, error))?,
        };
        let label = crate::handle::label_of(&netns);
        let config = Config {
            netns,
            label,
            protocol: D::PROTOCOL,
            groups: self.groups,
            rcvbuf: self.rcvbuf,
            all_nsid: self.all_nsid,
            restart: self.restart,
            seat: self.seat,
        };
        let name = if self.follow { Name::watch(&config.netns, &|error| config.error(error))? } else { None };
        Monitor::start(config, self.decoder, name)
    }
}

impl<D> fmt::Debug for Builder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("netns", &self.netns)
            .field("groups", &self.groups)
            .field("rcvbuf", &self.rcvbuf)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

/// What a namespace was given by, watched.
pub(crate) enum Name {
    Mount { mounts: MountWatch, path: PathBuf, id: FileId },
    Process(Pidfd),
}

impl Name {
    /// `None` where the namespace was given by nothing that can end.
    pub(crate) fn watch(netns: &Netns, fail: &dyn Fn(linx_sys::Error) -> Error) -> Result<Option<Self>> {
        if let Some(process) = netns.held_process() {
            return Ok(Some(Self::Process(process.clone())));
        }
        let path = match netns.origin() {
            NetnsOrigin::Name(_) => None,
            NetnsOrigin::Path(path) => Some(path),
            _ => return Ok(None),
        };
        // The socket is opened after this, so it is in the namespace of the process that is held here.
        if let Some(pid) = path.and_then(pid_of) {
            return Pidfd::open(pid).map(|process| Some(Self::Process(process))).map_err(fail);
        }
        let mounts = MountWatch::new().map_err(fail)?;
        let found = netns.file_path().and_then(|path| file_id(&path).map(|id| (path, id)));
        Ok(found.map(|(path, id)| Self::Mount { mounts, path, id }))
    }

    /// Whether it leads where it led.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Process(process) => process.is_alive().unwrap_or(true),
            Self::Mount { mounts, path, id } => {
                // Asked first: a change after the look is seen the next time.
                let changed = mounts.changed().unwrap_or(true);
                !changed || file_id(path) == Some(*id)
            }
        }
    }
}

/// Readable when it may have ended.
impl AsFd for Name {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Mount { mounts, .. } => mounts.as_fd(),
            Self::Process(process) => process.as_fd(),
        }
    }
}

/// The process whose namespace file this is.
fn pid_of(path: &Path) -> Option<u32> {
    path.to_str()?.strip_prefix("/proc/")?.strip_suffix("/ns/net")?.parse().ok()
}
