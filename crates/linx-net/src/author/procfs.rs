//! What `/proc` says of a process: read at once when it was executed, or later in the order of what
//! outlives the process.
//!
//! A process that has ended and was not waited for (a zombie) still has `stat cgroup loginuid sessionid
//! status`; its command line, executable and namespaces are gone. Once it was waited for, all is gone.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use linx_sys::ProcDir;

use super::parse::{self, Container, Stat, Status};
use super::{Author, Certainty, Parent};

/// Bytes of a command line that are kept. `getconf ARG_MAX` is 2 MiB; who makes routes needs few.
pub(super) const CMDLINE_BYTES: usize = 4096;
/// More than any of the small files holds.
const FILE_BYTES: usize = 16 * 1024;
/// Threads of a process whose namespace is looked at.
const THREADS: usize = 256;
/// File descriptors of a process that are looked at.
const DESCRIPTORS: usize = 65_536;

/// What is known of one image that a process executed.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) pid: u32,
    pub(super) stat: Stat,
    pub(super) status: Option<Status>,
    /// Inode of the network namespace of its first thread, when this was read.
    pub(super) netns: Option<u64>,
    pub(super) exe: Option<PathBuf>,
    pub(super) cmdline: Vec<Box<[u8]>>,
    pub(super) loginuid: Option<u32>,
    pub(super) login: Option<Box<str>>,
    pub(super) session: Option<u32>,
    pub(super) unit: Option<Box<str>>,
    pub(super) container: Option<Container>,
    pub(super) parent: Option<Parent>,
}

impl Facts {
    /// Its pid in its own pid namespace: the portid that the kernel gives to its first socket.
    pub(super) fn own_pid(&self) -> u32 {
        self.status.as_ref().map_or(self.pid, |status| status.own_pid)
    }

    pub(super) fn is_nested(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.is_nested)
    }

    /// Heap and stack bytes, roughly: what the cache's limit counts.
    pub(super) fn bytes(&self) -> usize {
        let text = |s: &Option<Box<str>>| s.as_ref().map_or(0, |s| s.len());
        size_of::<Self>()
            + self.cmdline.iter().map(|a| a.len() + size_of::<Box<[u8]>>()).sum::<usize>()
            + self.exe.as_ref().map_or(0, |p| p.as_os_str().len())
            + text(&self.login)
            + text(&self.unit)
            + self.container.as_ref().map_or(0, |c| c.id.len() + text(&c.pod))
            + self.stat.comm.len()
    }

    pub(super) fn author(&self, portid: Option<u32>, tid: Option<u32>, certainty: Certainty) -> Author {
        Author {
            portid,
            pid: Some(self.pid),
            tid,
            comm: Some(self.stat.comm.clone().into_boxed_slice()),
            exe: self.exe.clone(),
            cmdline: self.cmdline.clone(),
            uid: self.status.as_ref().map(|status| status.uid),
            loginuid: self.loginuid,
            login: self.login.clone(),
            session: self.session,
            unit: self.unit.clone(),
            container: self.container.clone(),
            parent: self.parent.clone(),
            certainty,
        }
    }
}

/// Reads `/proc`.
#[derive(Debug)]
pub(super) struct Procfs {
    hz: u64,
    logins: Mutex<Logins>,
}

/// `/etc/passwd`, read again when it has changed.
#[derive(Debug, Default)]
struct Logins {
    version: Option<(i64, i64, u64)>,
    names: Vec<(u32, Box<str>)>,
}

impl Procfs {
    pub(super) fn new() -> Self {
        Self { hz: linx_sys::clock_ticks_per_second(), logins: Mutex::default() }
    }

    /// A process that has just been executed: what dies first is read first.
    pub(super) fn executed(&self, pid: u32) -> Option<Facts> {
        let directory = ProcDir::open(pid).ok()?;
        let cmdline = directory.read("cmdline", CMDLINE_BYTES + 1).unwrap_or_default();
        let exe = directory.link("exe").ok();
        let netns = netns(&directory);
        let stat = parse::stat(&directory.read("stat", FILE_BYTES).ok()?, self.hz)?;
        Some(self.facts(pid, &directory, stat, &cmdline, exe, netns))
    }

    /// A process that may have ended: what outlives it is read first, so that all that is read is of one
    /// moment as far as can be.
    pub(super) fn now(&self, pid: u32) -> Option<Facts> {
        let directory = ProcDir::open(pid).ok()?;
        let stat = parse::stat(&directory.read("stat", FILE_BYTES).ok()?, self.hz)?;
        let mut facts = self.facts(pid, &directory, stat, &[], None, None);
        facts.netns = netns(&directory);
        let cmdline = directory.read("cmdline", CMDLINE_BYTES + 1).unwrap_or_default();
        facts.cmdline = parse::cmdline(&cmdline, CMDLINE_BYTES);
        facts.exe = directory.link("exe").ok().map(path);
        Some(facts)
    }

    fn facts(
        &self,
        pid: u32,
        directory: &ProcDir,
        stat: Stat,
        cmdline: &[u8],
        exe: Option<Vec<u8>>,
        netns: Option<u64>,
    ) -> Facts {
        let read = |name: &str| directory.read(name, FILE_BYTES).unwrap_or_default();
        let cgroup = parse::cgroup(&read("cgroup"));
        let loginuid = parse::login_number(&read("loginuid"));
        let session = parse::login_number(&read("sessionid"));
        let status = parse::status(&read("status"));
        let parent = self.parent(&stat);
        Facts {
            pid,
            stat,
            status,
            netns,
            exe: exe.map(path),
            cmdline: parse::cmdline(cmdline, CMDLINE_BYTES),
            loginuid,
            login: loginuid.and_then(|uid| self.login(uid)),
            session,
            unit: cgroup.unit,
            container: cgroup.container,
            parent,
        }
    }

    fn parent(&self, child: &Stat) -> Option<Parent> {
        if child.ppid == 0 {
            return None;
        }
        let stat = self.stat(child.ppid);
        // A parent is older than its child; a younger one has only got the pid.
        let comm = stat.filter(|stat| stat.start <= child.start).map(|stat| stat.comm.into_boxed_slice());
        Some(Parent { pid: child.ppid, comm })
    }

    pub(super) fn stat(&self, pid: u32) -> Option<Stat> {
        let directory = ProcDir::open(pid).ok()?;
        parse::stat(&directory.read("stat", FILE_BYTES).ok()?, self.hz)
    }

    /// The name of a thread, the process it belongs to, and when the thread started.
    pub(super) fn thread(&self, tid: u32) -> Option<(Stat, u32)> {
        let directory = ProcDir::open(tid).ok()?;
        let stat = parse::stat(&directory.read("stat", FILE_BYTES).ok()?, self.hz)?;
        let status = parse::status(&directory.read("status", FILE_BYTES).ok()?)?;
        Some((stat, status.tgid))
    }

    /// The login name of a uid in `/etc/passwd`: never by a name service, which could block.
    fn login(&self, uid: u32) -> Option<Box<str>> {
        let file = std::fs::metadata("/etc/passwd").ok()?;
        let version = Some((file.mtime(), file.mtime_nsec(), file.ino()));
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.version != version {
            logins.names = parse::passwd(&std::fs::read("/etc/passwd").unwrap_or_default());
            logins.version = version;
        }
        let at = logins.names.binary_search_by_key(&uid, |(uid, _)| *uid).ok()?;
        logins.names.get(at).map(|(_, name)| name.clone())
    }
}

/// Inode of the namespace of the process's first thread; `None` for a zombie and for another user's process.
fn netns(directory: &ProcDir) -> Option<u64> {
    parse::inode(&directory.link("ns/net").ok()?, "net")
}

/// Whether a thread of the process is in the network namespace with this inode.
pub(super) fn has_thread_in(pid: u32, netns: u64) -> bool {
    let Ok(directory) = ProcDir::open(pid) else { return false };
    directory.names("task", THREADS).unwrap_or_default().into_iter().any(|tid| {
        let link = directory.link(&format!("task/{tid}/ns/net"));
        link.is_ok_and(|link| parse::inode(&link, "net") == Some(netns))
    })
}

/// The file descriptor of the process that is the socket with this inode.
pub(super) fn descriptor_of(pid: u32, socket: u64) -> Option<u32> {
    let directory = ProcDir::open(pid).ok()?;
    let descriptors = directory.names("fd", DESCRIPTORS).ok()?;
    descriptors.into_iter().find(|fd| is_descriptor(&directory, *fd, socket))
}

/// Whether that file descriptor of the process is (still) the socket with this inode.
pub(super) fn holds(pid: u32, descriptor: u32, socket: u64) -> bool {
    ProcDir::open(pid).is_ok_and(|directory| is_descriptor(&directory, descriptor, socket))
}

fn is_descriptor(directory: &ProcDir, descriptor: u32, socket: u64) -> bool {
    let link = directory.link(&format!("fd/{descriptor}"));
    link.is_ok_and(|link| parse::inode(&link, "socket") == Some(socket))
}

/// A live process in a pid namespace below the initial one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nested {
    pub(super) pid: u32,
    pub(super) own_pid: u32,
    /// Inode of its network namespace; `None` for another user's process.
    pub(super) netns: Option<u64>,
}

/// The processes in other pid namespaces than this process's.
pub(super) fn nested() -> Vec<Nested> {
    let Ok(own) = std::fs::read_link("/proc/self/ns/pid") else { return Vec::new() };
    let own = own.into_os_string().into_encoded_bytes();
    let one = |pid| {
        let directory = ProcDir::open(pid).ok()?;
        // Another user's namespaces cannot be read, but how deep they are nested can.
        if directory.link("ns/pid").ok().as_ref() == Some(&own) {
            return None;
        }
        let status = parse::status(&directory.read("status", FILE_BYTES).ok()?)?;
        let own_pid = status.own_pid;
        status.is_nested.then(|| Nested { pid, own_pid, netns: netns(&directory) })
    };
    linx_sys::processes().unwrap_or_default().into_iter().filter_map(one).collect()
}

fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}
