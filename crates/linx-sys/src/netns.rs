//! Network namespaces: naming one, and running code inside it without moving the caller.
//!
//! Source: `setns(2)`, `namespaces(7)`, `linux/nsfs.h`. `setns` moves one thread, so only throwaway threads
//! are ever moved; a socket made there works anywhere after the thread has ended.
//!
//! What pins a namespace (keeps it alive after its name and its processes are gone): [`Netns::fd`] and
//! [`Netns::host`] do, as they hold a file of it. A name, a path and a process do not: they are opened each
//! time they are used. The same name may therefore be *another* namespace at the next use: compare
//! [`Netns::cookie`] or [`Socket::netns_cookie`](crate::Socket::netns_cookie), which never repeat, where it
//! matters. An open socket pins its namespace too.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType};

use crate::caps::Capability;
use crate::error::{Error, ErrorKind, Result, printable};
use crate::options;
use crate::process::Pidfd;

/// Where `ip netns` keeps its names.
pub const NETNS_DIR: &str = "/run/netns";

const OWN: &str = "/proc/thread-self/ns/net";
const OPEN: &str = "open the network namespace";
const ENTER: &str = "enter the network namespace";

/// A throwaway thread opens one socket and ends: it needs little stack.
const THREAD_STACK_BYTES: usize = 128 * 1024;

/// A network namespace: the caller's own, a process's, or that of a path, a name or a file descriptor.
///
/// Cheap to clone. Making one checks that it exists and is a network namespace; using it checks again.
///
/// ```
/// # fn main() -> Result<(), linx_sys::Error> {
/// let own = linx_sys::Netns::host()?;
/// let init = linx_sys::Netns::process(linx_sys::Pidfd::open(std::process::id())?);
/// assert_eq!(own.cookie()?, init.cookie()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Netns(Arc<Source>);

enum Source {
    Host(OwnedFd),
    Process(Pidfd),
    Path(PathBuf),
    Name { name: Box<str>, path: PathBuf },
    Fd(OwnedFd),
}

/// How a [`Netns`] was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetnsOrigin<'a> {
    /// The namespace of the thread that called [`Netns::host`].
    Host,
    /// The namespace that this process is in.
    Process(u32),
    /// The namespace file at this path.
    Path(&'a Path),
    /// The namespace with this name in `/run/netns`.
    Name(&'a str),
    /// The namespace of an open file.
    Fd,
}

/// A namespace that is about to be entered.
enum Target<'a> {
    /// The calling thread is in it already.
    Own,
    Pinned(BorrowedFd<'a>),
    Opened(OwnedFd),
    Process(&'a Pidfd),
}

impl Netns {
    /// The namespace that the calling thread is in now. Pins it.
    ///
    /// # Errors
    /// When `/proc` is not mounted, or on EMFILE.
    pub fn host() -> Result<Self> {
        let fd = open_file(Path::new(OWN)).map_err(|e| Error::os(OPEN, e).about(OWN))?;
        Ok(Self(Arc::new(Source::Host(fd))))
    }

    /// The namespace that the process `pid` is in. The process is pinned by a pidfd, so that a reused pid
    /// never leads elsewhere; its namespace is not.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] when there is no such process.
    pub fn pid(pid: u32) -> Result<Self> {
        Ok(Self::process(Pidfd::open(pid)?))
    }

    /// The namespace that the process behind a pidfd is in.
    ///
    /// # Errors
    /// [`ErrorKind::NoProcess`] when it has ended; an error when `pidfd` is no pidfd.
    pub fn pidfd(pidfd: OwnedFd) -> Result<Self> {
        Ok(Self::process(Pidfd::from_fd(pidfd)?))
    }

    /// The namespace that `process` is in, at each use.
    #[must_use]
    pub fn process(process: Pidfd) -> Self {
        Self(Arc::new(Source::Process(process)))
    }

    /// The namespace file at `path`, such as `/proc/1/ns/net`. Opened at each use, not pinned.
    ///
    /// # Errors
    /// [`ErrorKind::NoNamespace`] when there is no such file, [`ErrorKind::NotANamespace`] or
    /// [`ErrorKind::NotANetworkNamespace`] when it is something else.
    pub fn path(path: impl AsRef<Path>) -> Result<Self> {
        let netns = Self(Arc::new(Source::Path(path.as_ref().to_owned())));
        netns.look()?;
        Ok(netns)
    }

    /// The namespace that `ip netns` calls `name`: `/run/netns/NAME`. Opened at each use, not pinned.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`] for what cannot be a name; else as [`Netns::path`].
    pub fn name(name: &str) -> Result<Self> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            let detail = "not the name of a namespace (empty, \".\", \"..\", or with a \"/\")";
            return Err(
                Error::other(ErrorKind::InvalidName, OPEN, detail).about(printable(&format!("{name:?}")))
            );
        }
        let path = Path::new(NETNS_DIR).join(name);
        let netns = Self(Arc::new(Source::Name { name: name.into(), path }));
        netns.look()?;
        Ok(netns)
    }

    /// The namespace of an open namespace file. Pins it for as long as this handle or a clone lives.
    ///
    /// # Errors
    /// As [`Netns::path`].
    pub fn fd(fd: OwnedFd) -> Result<Self> {
        let subject = format!("fd {}", fd.as_raw_fd());
        check_is_netns(fd.as_fd()).map_err(|e| e.about(subject))?;
        Ok(Self(Arc::new(Source::Fd(fd))))
    }

    /// How it was named.
    #[must_use]
    pub fn origin(&self) -> NetnsOrigin<'_> {
        match &*self.0 {
            Source::Host(_) => NetnsOrigin::Host,
            Source::Process(process) => NetnsOrigin::Process(process.pid()),
            Source::Path(path) => NetnsOrigin::Path(path),
            Source::Name { name, .. } => NetnsOrigin::Name(name),
            Source::Fd(_) => NetnsOrigin::Fd,
        }
    }

    /// The file that leads to it, if there is one: the name's or path's file, or the process's in `/proc`.
    #[must_use]
    pub fn file_path(&self) -> Option<PathBuf> {
        match &*self.0 {
            Source::Host(_) => Some(PathBuf::from(format!("/proc/{}/ns/net", std::process::id()))),
            Source::Process(process) => Some(process_path(process)),
            Source::Path(path) | Source::Name { path, .. } => Some(path.clone()),
            Source::Fd(_) => None,
        }
    }

    /// The process that it was given by; its end can be waited for.
    #[must_use]
    pub fn held_process(&self) -> Option<&Pidfd> {
        match &*self.0 {
            Source::Process(process) => Some(process),
            _ => None,
        }
    }

    /// Whether holding this handle keeps the namespace alive.
    #[must_use]
    pub fn pins(&self) -> bool {
        matches!(&*self.0, Source::Host(_) | Source::Fd(_))
    }

    /// Opens its namespace file: for `NETNSA_FD` and `IFLA_NET_NS_FD`, or to pin it.
    ///
    /// # Errors
    /// [`ErrorKind::NoNamespace`] or [`ErrorKind::NoProcess`] when it is gone, [`ErrorKind::Permission`]
    /// when the process is another user's.
    pub fn open(&self) -> Result<OwnedFd> {
        self.look().map_err(|error| match error.kind() {
            // It was one when this was made: `ip netns del` unmounts first, and removes the file then.
            ErrorKind::NotANamespace => error.with_kind(ErrorKind::NoNamespace),
            _ => error,
        })
    }

    fn look(&self) -> Result<OwnedFd> {
        match &*self.0 {
            Source::Host(fd) | Source::Fd(fd) => {
                fd.try_clone().map_err(|e| Error::io(OPEN, &e).about(self.to_string()))
            }
            Source::Process(process) => {
                let opened = open_file(&process_path(process));
                // The pid in the path is the process's only as long as the pidfd says that it lives.
                process.check_alive()?;
                opened.map_err(|e| Error::os(OPEN, e).about(self.to_string()).needing(Capability::SYS_PTRACE))
            }
            Source::Path(path) => {
                let shown = printable(&path.to_string_lossy());
                let fd = open_file(path).map_err(|e| missing(e, shown.clone()))?;
                check_is_netns(fd.as_fd()).map_err(|e| e.about(shown))?;
                Ok(fd)
            }
            Source::Name { name, path } => {
                let shown =
                    format!("{}: {}", printable(&format!("{name:?}")), printable(&path.to_string_lossy()));
                let fd = open_file(path).map_err(|e| missing(e, shown.clone()))?;
                check_is_netns(fd.as_fd()).map_err(|e| e.about(shown))?;
                Ok(fd)
            }
        }
    }

    /// Runs `f` on a throwaway thread inside the namespace and returns what it returns. The calling thread
    /// stays where it is; a panic of `f` continues in the caller.
    ///
    /// # Errors
    /// When the namespace cannot be entered (it is gone, or CAP_SYS_ADMIN is missing), or no thread can be
    /// started.
    ///
    /// ```
    /// # fn main() -> Result<(), linx_sys::Error> {
    /// let netns = linx_sys::Netns::host()?;
    /// let devices = netns.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    /// assert!(devices.is_ok_and(|text| text.contains("lo:")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        let target = self.target()?;
        self.run_on_thread(&target, std::thread::Builder::new().name("linx-netns".into()), f)
    }

    /// Its identity: the kernel's counter of namespaces (SO_NETNS_COOKIE), which never repeats while the
    /// machine runs.
    ///
    /// # Errors
    /// As [`Netns::run`], and on EMFILE.
    pub fn cookie(&self) -> Result<u64> {
        self.inside(cookie_here)
    }

    /// Whether process 1 is in this namespace too; `None` when that cannot be told (it is another user's
    /// process, and CAP_SYS_PTRACE is missing).
    #[must_use]
    pub fn is_of_pid_1(&self) -> Option<bool> {
        let theirs = rustix::fs::stat("/proc/1/ns/net").ok()?;
        let ours = rustix::fs::fstat(self.open().ok()?).ok()?;
        Some((theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino))
    }

    /// Runs `f` inside: here if the calling thread is in the namespace already, which needs no privilege;
    /// else on a throwaway thread.
    pub(crate) fn inside<T: Send>(&self, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self.target()? {
            Target::Own => f(),
            target => {
                let builder =
                    std::thread::Builder::new().name("linx-netns".into()).stack_size(THREAD_STACK_BYTES);
                self.run_on_thread(&target, builder, f)?
            }
        }
    }

    fn target(&self) -> Result<Target<'_>> {
        let own = rustix::fs::stat(OWN).ok().map(|s| (s.st_dev, s.st_ino));
        // An inode number names a namespace only while a file of it is held, as it is here.
        let is_own = |fd: BorrowedFd<'_>| {
            own.is_some() && rustix::fs::fstat(fd).ok().map(|s| (s.st_dev, s.st_ino)) == own
        };
        match &*self.0 {
            Source::Host(fd) | Source::Fd(fd) if is_own(fd.as_fd()) => Ok(Target::Own),
            Source::Host(fd) | Source::Fd(fd) => Ok(Target::Pinned(fd.as_fd())),
            Source::Path(_) | Source::Name { .. } => {
                let fd = self.open()?;
                Ok(if is_own(fd.as_fd()) { Target::Own } else { Target::Opened(fd) })
            }
            Source::Process(process) => {
                let theirs = rustix::fs::stat(process_path(process)).ok().map(|s| (s.st_dev, s.st_ino));
                process.check_alive()?;
                Ok(if own.is_some() && theirs == own { Target::Own } else { Target::Process(process) })
            }
        }
    }

    fn run_on_thread<T: Send>(
        &self,
        target: &Target<'_>,
        builder: std::thread::Builder,
        f: impl FnOnce() -> T + Send,
    ) -> Result<T> {
        std::thread::scope(|scope| {
            let body = || {
                enter(target).map_err(|e| self.enter_error(e))?;
                Ok(f())
            };
            let thread = builder.spawn_scoped(scope, body).map_err(|e| {
                // EAGAIN here is a limit on threads, not "try the socket again".
                Error::io("start a thread", &e).with_kind(ErrorKind::System)
            })?;
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn enter_error(&self, errno: Errno) -> Error {
        let error = Error::os(ENTER, errno).needing(Capability::SYS_ADMIN);
        match &*self.0 {
            Source::Process(process) if error.kind() == ErrorKind::NoProcess => {
                error.about(process.pid().to_string())
            }
            _ => error.about(self.to_string()),
        }
    }
}

/// The identities of many namespaces, as [`Netns::cookie`] of each, in the same order: one throwaway thread enters
/// them in turn, which is ten times quicker than a thread for each.
///
/// # Errors
/// When no thread can be started. Of each: [`ErrorKind::Permission`] without CAP_SYS_ADMIN, but for the caller's
/// own namespace.
pub fn netns_cookies(files: &[OwnedFd]) -> Result<Vec<Result<u64>>> {
    let inode = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).ok().map(|s| (s.st_dev, s.st_ino));
    let own = rustix::fs::stat(OWN).ok().map(|s| (s.st_dev, s.st_ino));
    let is_own = |fd: &OwnedFd| own.is_some() && inode(fd.as_fd()) == own;
    let here = cookie_here();
    let one = |fd: &OwnedFd| {
        if is_own(fd) {
            return here.clone();
        }
        enter(&Target::Pinned(fd.as_fd()))
            .map_err(|e| Error::os(ENTER, e).needing(Capability::SYS_ADMIN))
            .and_then(|()| cookie_here())
    };
    if files.iter().all(is_own) {
        return Ok(files.iter().map(one).collect());
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("linx-netns".into()).stack_size(THREAD_STACK_BYTES);
        let thread = builder
            .spawn_scoped(scope, || files.iter().map(one).collect())
            .map_err(|e| Error::io("start a thread", &e).with_kind(ErrorKind::System))?;
        thread.join().or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The cookie of the namespace that the calling thread is in.
fn cookie_here() -> Result<u64> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::NETLINK,
        rustix::net::SocketType::RAW,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|e| Error::os("open a netlink socket", e))?;
    options::netns_cookie(socket.as_fd())
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Source::Host(_) => f.write_str("host"),
            Source::Process(process) => write!(f, "pid {}", process.pid()),
            Source::Path(path) => f.write_str(&printable(&path.to_string_lossy())),
            Source::Name { name, .. } => f.write_str(&printable(name)),
            Source::Fd(fd) => write!(f, "fd {}", fd.as_raw_fd()),
        }
    }
}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netns({self})")
    }
}

fn process_path(process: &Pidfd) -> PathBuf {
    PathBuf::from(format!("/proc/{}/ns/net", process.pid()))
}

fn open_file(path: &Path) -> std::result::Result<OwnedFd, Errno> {
    // NONBLOCK and NOCTTY: the path is the user's, and may be a FIFO or a terminal.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
}

fn missing(errno: Errno, shown: String) -> Error {
    let error = Error::os(OPEN, errno);
    if errno == Errno::NOENT || errno == Errno::NOTDIR {
        return error.with_kind(ErrorKind::NoNamespace).about(shown);
    }
    error.about(shown)
}

/// A file of the namespace file system (`linux/magic.h`).
const NSFS_MAGIC: u32 = 0x6e73_6673;

fn check_is_netns(fd: BorrowedFd<'_>) -> Result<()> {
    let kind = rustix::fs::fstatfs(fd).map_err(|e| Error::os(OPEN, e))?;
    // The field's width differs between architectures; the magic number has 32 bits everywhere.
    if kind.f_type as u32 != NSFS_MAGIC {
        return Err(Error::other(ErrorKind::NotANamespace, OPEN, "not a namespace file"));
    }
    let wrong = match options::namespace_type(fd).map_err(|e| Error::os(OPEN, e))? {
        libc::CLONE_NEWNET => return Ok(()),
        libc::CLONE_NEWNS => "a mount namespace, not a network namespace",
        libc::CLONE_NEWPID => "a pid namespace, not a network namespace",
        libc::CLONE_NEWUSER => "a user namespace, not a network namespace",
        libc::CLONE_NEWUTS => "a UTS namespace, not a network namespace",
        libc::CLONE_NEWIPC => "an IPC namespace, not a network namespace",
        libc::CLONE_NEWCGROUP => "a cgroup namespace, not a network namespace",
        _ => "a namespace of another type, not a network namespace",
    };
    Err(Error::other(ErrorKind::NotANetworkNamespace, OPEN, wrong))
}

fn enter(target: &Target<'_>) -> std::result::Result<(), Errno> {
    let fd = match target {
        Target::Own => return Ok(()),
        Target::Pinned(fd) => *fd,
        Target::Opened(fd) => fd.as_fd(),
        Target::Process(process) => {
            return rustix::thread::move_into_thread_name_spaces(
                process.as_fd(),
                ThreadNameSpaceType::NETWORK,
            );
        }
    };
    rustix::thread::move_into_link_name_space(fd, Some(LinkNameSpaceType::Network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be() {
        for name in ["", ".", "..", "a/b", "/run/netns/a", "a\0b"] {
            let error = Netns::name(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidName, "{name:?}");
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }

    #[test]
    fn a_missing_name_keeps_the_path_and_the_text() {
        let error = Netns::name("linx-no-such").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoNamespace);
        assert!(error.is_gone());
        assert_eq!(
            error.to_string(),
            "no namespace \"linx-no-such\": /run/netns/linx-no-such: No such file or directory"
        );
        let error = Netns::path("/nonexistent/ns").unwrap_err();
        assert_eq!(error.to_string(), "no namespace /nonexistent/ns: No such file or directory");
    }

    #[test]
    fn files_that_are_no_network_namespace() {
        let error = Netns::path("/proc/self/status").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotANamespace);
        assert_eq!(error.to_string(), "open the network namespace: /proc/self/status: not a namespace file");
        let error = Netns::path("/proc/self/ns/mnt").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotANetworkNamespace);
        assert!(error.to_string().ends_with("a mount namespace, not a network namespace"), "{error}");
        let socket = std::os::unix::net::UnixStream::pair().unwrap().0;
        assert_eq!(Netns::fd(socket.into()).unwrap_err().kind(), ErrorKind::NotANamespace);
    }

    #[test]
    fn a_closure_that_panics_panics_in_the_caller() {
        let host = Netns::host().unwrap();
        let caught = std::panic::catch_unwind(|| host.run(|| std::panic::panic_any(7_u8)));
        assert_eq!(*caught.unwrap_err().downcast::<u8>().unwrap(), 7);
    }

    #[test]
    fn many_cookies_are_those_of_each() {
        let own = || Netns::host().unwrap().open().unwrap();
        let all = netns_cookies(&[own(), own()]).unwrap();
        let cookie = Netns::host().unwrap().cookie().unwrap();
        assert_eq!(all.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [cookie, cookie]);
        assert!(netns_cookies(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_handle_crosses_threads() {
        fn check<T: Send + Sync + Clone + 'static>() {}
        check::<Netns>();
    }
}
