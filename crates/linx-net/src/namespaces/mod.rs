//! The network namespaces of this machine: which there are, what they are called, and when they come and go.
//!
//! A namespace has no name of its own. It is known by where its file is mounted (`/run/netns`,
//! `/run/docker/netns`, `/run/user/*/netns`) and by the processes that live in it; [`discover`] finds each once,
//! whatever leads to it. Its identity is its cookie, which is never used again; inode numbers are (KERNEL.md 6.2).
//!
//! Nothing here keeps a namespace alive: what is returned are names, paths and pids. A namespace that neither a
//! name nor a process leads to is gone, also where somebody's open socket still pins it.
//!
//! ```
//! let found = linx::namespaces::discover()?;
//! let own = found.own().expect("a process lives in a namespace");
//! println!("{} is {}", own.name, own.what());
//! # Ok::<(), linx_sys::Error>(())
//! ```

mod discover;
mod resolve;
mod watch;

use std::fmt;
use std::path::PathBuf;

use linx_sys::{Error, NETNS_DIR, Netns};
use linx_wire::name::Name;

use crate::author::Container;

pub use discover::discover;
pub use resolve::resolve;
pub use watch::{Change, Watcher};

/// Pids kept of each namespace; [`Namespace::processes`] counts all.
pub const PIDS: usize = 8;

/// A network namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Namespace {
    /// What Linx calls it, safe to print: `host` is the caller's own when process 1 is in it too or that cannot
    /// be told, `self` when it is not; else the name of its file, or of its container (`docker:9f3c1a7be210`), or
    /// `-`.
    pub name: Box<str>,
    /// Its identity; `None` where it could not be entered, see [`refused`](Self::refused).
    pub cookie: Option<u64>,
    /// The inode number of its file, which names it only while it lives.
    pub inode: u64,
    /// The file that leads to it: a name's, else a process's in `/proc`.
    pub path: Option<PathBuf>,
    /// All names' files.
    pub names: Vec<PathBuf>,
    /// The processes that live in it, the first [`PIDS`] by number.
    pub pids: Vec<u32>,
    /// How many processes live in it, as far as they can be seen.
    pub processes: usize,
    /// The container that it belongs to, as far as a control group names it; never for the caller's own.
    pub container: Option<Container>,
    /// The systemd unit of its first process.
    pub unit: Option<Box<str>>,
    /// The name of its first process, which that chooses itself.
    pub comm: Option<Box<[u8]>>,
    /// The caller lives in it.
    pub is_own: bool,
    /// Why its identity is not known.
    pub refused: Option<Error>,
}

impl Namespace {
    /// One that was given, and is not known otherwise.
    pub(crate) fn given(name: &str, cookie: Option<u64>, netns: &Netns) -> Self {
        Self {
            name: name.into(),
            cookie,
            inode: 0,
            path: netns.file_path(),
            names: Vec::new(),
            pids: netns.held_process().map(linx_sys::Pidfd::pid).into_iter().collect(),
            processes: 0,
            container: None,
            unit: None,
            comm: None,
            is_own: false,
            refused: None,
        }
    }

    /// A handle to it, which does not keep it alive.
    ///
    /// # Errors
    /// When it is gone, or another user's.
    pub fn netns(&self) -> Result<Netns, Error> {
        if self.is_own {
            return Netns::host();
        }
        match (self.names.first(), self.pids.first(), &self.path) {
            (Some(file), _, _) => match file.strip_prefix(NETNS_DIR).ok().and_then(|name| name.to_str()) {
                Some(name) => Netns::name(name),
                None => Netns::path(file),
            },
            (None, Some(pid), _) => Netns::pid(*pid),
            (None, None, Some(path)) => Netns::path(path),
            // Found by nothing: it cannot have been found.
            (None, None, None) => Netns::path(""),
        }
    }

    /// What it is, in a few words: `this process and pid 1`, `pod, containerd 7b11c0de9a42`,
    /// `pid 2210 (unit systemd-hostnamed)`, `no process`.
    #[must_use]
    pub fn what(&self) -> What<'_> {
        What(self)
    }
}

/// Prints what a namespace is ([`Namespace::what`]).
#[derive(Clone, Copy, Debug)]
pub struct What<'a>(&'a Namespace);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(it) = self;
        if it.is_own {
            f.write_str(if it.pids.first() == Some(&1) { "this process and pid 1" } else { "this process" })?;
        } else if let Some(container) = &it.container {
            let id = Name::new(container.short_id().as_bytes());
            match (&container.pod, container.runtime) {
                (Some(_), Some(runtime)) => write!(f, "pod, {runtime} {id}")?,
                (Some(_), None) => write!(f, "pod, container {id}")?,
                (None, _) => write!(f, "container {id}")?,
            }
        } else if let Some(pid) = it.pids.first() {
            write!(f, "pid {pid}")?;
            if let Some(unit) = &it.unit {
                let unit = unit.strip_suffix(".service").unwrap_or(unit);
                write!(f, " (unit {})", Name::new(unit.as_bytes()))?;
            } else if let Some(comm) = &it.comm {
                write!(f, " ({})", Name::new(comm))?;
            }
            if it.processes > 1 {
                write!(f, " +{}", it.processes - 1)?;
            }
        } else {
            f.write_str("no process")?;
        }
        match &it.refused {
            Some(error) => match error.capability() {
                Some(capability) => write!(f, ", cannot be entered: needs {capability}"),
                None => write!(f, ", cannot be entered: {error}"),
            },
            None => Ok(()),
        }
    }
}

/// What [`discover`] found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Discovery {
    /// Each namespace once: the caller's own, then those with a name, then the others by pid.
    pub namespaces: Vec<Namespace>,
    /// Processes whose namespace may not be seen (other users', without CAP_SYS_PTRACE): there may be more
    /// namespaces than these.
    pub hidden_processes: usize,
    /// Directories of names that may not be read.
    pub hidden_directories: Vec<PathBuf>,
}

impl Discovery {
    /// The caller's own.
    #[must_use]
    pub fn own(&self) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.is_own)
    }

    /// The one with this identity.
    #[must_use]
    pub fn by_cookie(&self, cookie: u64) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.cookie == Some(cookie))
    }

    /// The one that Linx calls so; `None` for `-`, which is no name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| &*namespace.name == name && name != "-")
    }
}
