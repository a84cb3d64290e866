//! Who changed it: the process behind the port id of an rtnetlink event, and behind the task that nf_tables
//! names.
//!
//! An event names a *socket* (`nlmsg_pid`, the port id), not a process, and most one-shot commands are gone before
//! they can be looked at. So executions are remembered as they happen, from the kernel's process connector
//! (CAP_NET_ADMIN before Linux 6.6; the initial pid, user and network namespaces), and `/proc` is read for the rest.
//!
//! What is never done is guess:
//! - a process that started after the event was seen did not cause it: its pid was reused;
//! - a port id is the pid of its maker *in the maker's own pid namespace*, so a container's 12 is not the host's 12;
//! - where two processes could have been it, it is neither, and the author is the port id alone.
//!
//! A link message carries no sender: links have no author at all, and nobody should ask for one.
//!
//! Times are CLOCK_BOOTTIME ([`linx_sys::boottime`]), because wall clocks jump and processes are older than that.
//!
//! ```
//! use linx::author::{Authors, Certainty};
//!
//! let authors = Authors::start()?;
//! if let Err(why) = authors.cache() {
//!     eprintln!("one-shot commands will show as a number: {why}");
//! }
//! let netns = linx_sys::Netns::host()?;
//! let author = authors.resolve(&netns, netns.cookie()?, 0, linx_sys::boottime());
//! assert_eq!(author.certainty, Certainty::Kernel);
//! # Ok::<(), linx_sys::Error>(())
//! ```

mod attach;
mod cache;
mod feed;
mod memo;
pub(crate) mod parse;
mod procfs;
mod resolve;
mod show;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use linx_sys::{Capability, Netns};
use linx_wire::name::Name;

pub use attach::{Attach, Question};
pub use parse::Container;
pub use show::InFull;

use attach::{Job, Whom};
use resolve::Core;

/// Questions that wait for the resolving thread; one more is answered with the port id alone.
const QUESTIONS: usize = 4096;

/// How sure it is that this is who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certainty {
    /// The kernel named the task itself (nf_tables).
    Certain,
    /// A port id was resolved to a process, by all that could be checked.
    Likely,
    /// Nobody asked for it by a socket: the kernel's own act, though somebody may have caused it.
    Kernel,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Kernel => "kernel",
        })
    }
}

/// The process that started another, as long as it had not ended itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Parent {
    /// Its pid.
    pub pid: u32,
    /// Its name, at most 15 bytes; `None` when it was gone.
    pub comm: Option<Box<[u8]>>,
}

impl Parent {
    /// Its name.
    #[must_use]
    pub fn comm(&self) -> Option<Name<'_>> {
        self.comm.as_deref().map(Name::new)
    }
}

/// Who made a change. What is not known is `None` or empty, never a guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Author {
    /// The port id of the socket that asked for the change (`nlmsg_pid`); 0 is the kernel's own.
    pub portid: Option<u32>,
    /// The process, in the initial pid namespace.
    pub pid: Option<u32>,
    /// The thread, where the kernel named it.
    pub tid: Option<u32>,
    /// The name of the process or thread (`/proc/PID/comm`), at most 15 bytes, which it chooses itself.
    pub comm: Option<Box<[u8]>>,
    /// The executable file (`/proc/PID/exe`).
    pub exe: Option<PathBuf>,
    /// The command line, at most 4 KiB: what is left out shows as a last argument `…`.
    pub cmdline: Vec<Box<[u8]>>,
    /// Its effective user id.
    pub uid: Option<u32>,
    /// The user that logged in, whoever they became since (`/proc/PID/loginuid`); `None` for a service.
    pub loginuid: Option<u32>,
    /// The name of `loginuid` in `/etc/passwd`.
    pub login: Option<Box<str>>,
    /// The audit session (`/proc/PID/sessionid`).
    pub session: Option<u32>,
    /// The systemd unit, as its control group names it.
    pub unit: Option<Box<str>>,
    /// The container, as its control group names it.
    pub container: Option<Container>,
    /// Who started it.
    pub parent: Option<Parent>,
    /// How sure this is.
    pub certainty: Certainty,
}

impl Author {
    /// Somebody with this port id, of whom nothing else is known.
    #[must_use]
    pub fn of_portid(portid: u32) -> Self {
        let certainty = if portid == 0 { Certainty::Kernel } else { Certainty::Likely };
        Self { portid: Some(portid), ..Self::nobody(certainty) }
    }

    fn nobody(certainty: Certainty) -> Self {
        Self {
            portid: None,
            pid: None,
            tid: None,
            comm: None,
            exe: None,
            cmdline: Vec::new(),
            uid: None,
            loginuid: None,
            login: None,
            session: None,
            unit: None,
            container: None,
            parent: None,
            certainty,
        }
    }

    /// Whether the change was asked for by the socket with this port id: one's own changes are recognised so.
    #[must_use]
    pub fn is(&self, portid: u32) -> bool {
        self.portid == Some(portid)
    }

    /// Whether more is known than a number.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.pid.is_some()
    }

    /// The name of the process or thread; prints safely.
    #[must_use]
    pub fn comm(&self) -> Option<Name<'_>> {
        self.comm.as_deref().map(Name::new)
    }
}

/// Why executions are not remembered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoCache {
    /// It was not asked for ([`Authors::without_cache`]).
    #[error("executions are not listened to")]
    NotWanted,
    /// The kernel does not tell of executions here.
    #[error(transparent)]
    Connector(#[from] linx_sys::Error),
}

/// Finds authors. Cheap to clone; clones share what they know. When the last is dropped, its threads end.
#[derive(Clone)]
pub struct Authors(Arc<Service>);

struct Service {
    core: Arc<Core>,
    /// `None` only while it is being dropped.
    jobs: Option<SyncSender<Job>>,
    resolver: Option<JoinHandle<()>>,
    feed: Result<feed::Feed, NoCache>,
}

impl Authors {
    /// Starts the service: a thread `linx-authors` that answers questions, and a thread `linx-executions` that
    /// remembers executions where the kernel tells them ([`Authors::cache`] says whether).
    ///
    /// # Errors
    /// When no thread can be started, or `/proc` is not mounted.
    pub fn start() -> Result<Self, linx_sys::Error> {
        Self::start_with(true, None)
    }

    /// As [`start`](Self::start), but its threads give up every capability except those in `keep` before they do
    /// anything, CAP_SYS_NICE as soon as the one that hears of executions has its priority. To read of other users' processes takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, of the sockets of
    /// other namespaces CAP_SYS_ADMIN. The calling thread keeps its own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_keeping(keep: &[Capability]) -> Result<Self, linx_sys::Error> {
        Self::start_with(true, Some(keep))
    }

    /// As [`start`](Self::start), but remembers nothing: only `/proc` is read.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn without_cache() -> Result<Self, linx_sys::Error> {
        Self::start_with(false, None)
    }

    fn start_with(cache: bool, keep: Option<&[Capability]>) -> Result<Self, linx_sys::Error> {
        let keep: Option<Arc<[Capability]>> = keep.map(Into::into);
        let core = Arc::new(Core::new()?);
        let feed = if cache {
            feed::Feed::start(&core.memory, &core.procfs, &core.memo, keep.clone())
                .map_err(NoCache::Connector)
        } else {
            Err(NoCache::NotWanted)
        };
        if let Ok(feed) = &feed {
            // Nobody else has it yet.
            let _ = core.bell.set(Arc::clone(feed.bell()));
        }
        let (jobs, queue) = std::sync::mpsc::sync_channel::<Job>(QUESTIONS);
        let of_thread = Arc::clone(&core);
        let work = move || {
            give_up_all_but(keep.as_deref());
            while let Ok(job) = queue.recv() {
                let author = match &job.whom {
                    Whom::Socket { netns, cookie, portid } => {
                        of_thread.resolve(netns, *cookie, *portid, job.seen)
                    }
                    Whom::Task(process) => of_thread.complete(process, job.seen),
                };
                job.answer(author);
            }
        };
        let resolver = std::thread::Builder::new()
            .name("linx-authors".into())
            .spawn(work)
            .map_err(|e| linx_sys::Error::io("start a thread", &e))?;
        Ok(Self(Arc::new(Service { core, jobs: Some(jobs), resolver: Some(resolver), feed })))
    }

    /// Whether executions are remembered; else why not. Without, one-shot commands mostly show without their
    /// command line.
    ///
    /// # Errors
    /// Why the process connector could not be had.
    pub fn cache(&self) -> Result<(), &NoCache> {
        self.0.feed.as_ref().map(|_| ())
    }

    /// The author of an event with this port id, if it is known without looking: at most a hundred nanoseconds,
    /// or ten microseconds every tenth of a second, when it is checked that the process is still the same.
    ///
    /// `cookie` is the identity of the namespace that the event came from, `seen` when it was received.
    #[must_use]
    pub fn known(&self, cookie: u64, portid: u32, seen: Duration) -> Option<Arc<Author>> {
        self.0.core.known(cookie, portid, seen)
    }

    /// The author of an event with this port id that was received from `netns`, whose identity is `cookie`, at
    /// `seen`. Reads `/proc` on the calling thread: at best microseconds, at worst tens of milliseconds.
    ///
    /// Not for links: their events carry no sender, and a 0 there says nothing.
    #[must_use]
    pub fn resolve(&self, netns: &Netns, cookie: u64, portid: u32, seen: Duration) -> Arc<Author> {
        self.0.core.resolve(netns, cookie, portid, seen)
    }

    /// The author of an nf_tables transaction, whose closing message names the thread (`NFTA_GEN_PROC_PID`, in
    /// the initial pid namespace) and the thread's name (`NFTA_GEN_PROC_NAME`). Certain where the name agrees; else
    /// the thread and the name alone.
    #[must_use]
    pub fn of_task(&self, tid: u32, comm: &[u8], portid: Option<u32>, seen: Duration) -> Arc<Author> {
        self.0.core.of_task(tid, comm, portid, seen)
    }

    /// All that can be found of a process that the kernel named, such as a transaction's: [`of_task`](Self::of_task)
    /// where its thread is known, otherwise what is known already.
    #[must_use]
    pub fn complete(&self, process: &Arc<Author>, seen: Duration) -> Arc<Author> {
        self.0.core.complete(process, seen)
    }

    /// As [`complete`](Self::complete), if it is known without looking; see [`known`](Self::known).
    #[must_use]
    pub fn known_task(&self, process: &Arc<Author>, seen: Duration) -> Option<Arc<Author>> {
        self.0.core.known_task(process, seen)
    }

    fn ask(&self, job: Job) -> Result<(), Job> {
        match &self.0.jobs {
            Some(jobs) => jobs.try_send(job).map_err(|e| match e {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
            }),
            None => Err(job),
        }
    }
}

/// Gives up the calling thread's capabilities but for these. What cannot be given up was not there: a thread may
/// always shrink its own sets.
fn give_up_all_but(keep: Option<&[Capability]>) {
    if let Some(keep) = keep {
        let _ = linx_sys::drop_capabilities_except(keep);
    }
}

impl fmt::Debug for Authors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authors").field("cache", &self.cache()).finish_non_exhaustive()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The queue's end ends the thread that reads it.
        self.jobs = None;
        if let Some(thread) = self.resolver.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_knows_oneself() {
        let author = Author::of_portid(7);
        assert!(author.is(7) && !author.is(8) && !author.is_known());
        assert_eq!(author.certainty, Certainty::Likely);
        assert_eq!(Author::of_portid(0).certainty, Certainty::Kernel);
    }

    #[test]
    fn a_service_crosses_threads() {
        fn check<T: Send + Sync + Clone + 'static>() {}
        check::<Authors>();
    }
}
