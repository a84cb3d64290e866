//! The mirrors of many namespaces, on one thread.
//!
//! A [`Fleet`] has a [`Mirror`] of each network namespace of the machine, as they come and go: those with a name, and those
//! that a process or a container lives in ([`namespaces`](crate::namespaces)). Or of chosen ones. All of them share a
//! thread, a receive buffer and a table of names; an idle namespace costs four descriptors (five with nf_tables) and 20 KiB.
//!
//! - **Identity** is the namespace's cookie. The same name again is another namespace.
//! - **Gone.** Within a second of a namespace's deletion the fleet closes what it has open in it, and it ends. One notice,
//!   [`News::Removed`], tells that, with the state that it had.
//! - **Failures.** A namespace that cannot be entered is told ([`News::Refused`]) and tried again, and never disturbs the
//!   others; also one for which no descriptor was left. (A thousand namespaces need 4,000, or 5,000: the soft limit is often 1,024,
//!   and a program may raise it to the hard one with `setrlimit(2)`. The fleet does not.)
//! - **Moves.** A link that moves between two of its namespaces is told to be gone with [`FleetNotice::moved_to`], and to
//!   have come with [`FleetNotice::moved_from`].
//! - **Turns.** A storm in one namespace does not keep another from being read, nor a slow watch from hearing of it.
//! - **Cost.** All receive buffers together take at most an eighth of the memory. Comparisons with the kernel are spread:
//!   every minute where something is announced, and of idle namespaces one in two seconds.
//!
//! ```
//! use linx::Notice;
//! use linx::mirror::{Fleet, News};
//! use std::time::Duration;
//!
//! let fleet = Fleet::builder().template(|builder| builder.links().addresses()).start()?;
//! for namespace in fleet.namespaces() {
//!     let state = namespace.cookie.and_then(|cookie| fleet.state(cookie));
//!     println!("{}: {} links", namespace.name, state.map_or(0, |state| state.links().len()));
//! }
//! let mut watch = fleet.watch();
//! while let Some(told) = watch.next_timeout(Duration::from_millis(10))? {
//!     let name = &told.namespace.name;
//!     match &told.news {
//!         News::Added => println!("+ netns {name}"),
//!         News::Removed { .. } => println!("- netns {name}"),
//!         News::Mirror(Notice::Delta(delta)) => println!("{name}: {delta}"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), linx::Error>(())
//! ```

mod budget;
mod drive;
mod moves;
mod told;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_sys::Netns;

use super::{Builder, Mirror, State};
use crate::error::{Error, ErrorKind, Result};
use crate::namespaces::Namespace;
use crate::request::after;

pub use drive::FleetDriver;
pub use told::{FleetNotice, MovedFrom, MovedTo, News};
pub use watch::FleetWatch;

use told::FleetShared;

type Template = Box<dyn Fn(Builder) -> Builder + Send>;

/// A fleet to be.
#[must_use = "a fleet begins with start() or driver()"]
pub struct FleetBuilder {
    template: Template,
    chosen: Option<Vec<Netns>>,
    hold: Option<usize>,
}

impl FleetBuilder {
    /// How the mirror of each namespace is made: what it holds, and how. All of rtnetlink unless told. What concerns
    /// names and `follow` is the fleet's own.
    pub fn template(mut self, template: impl Fn(Builder) -> Builder + Send + 'static) -> Self {
        self.template = Box::new(template);
        self
    }

    /// These namespaces alone, rather than all as they come and go. Each ends with what it was given by; the fleet ends
    /// with the last.
    pub fn only(mut self, namespaces: Vec<Netns>) -> Self {
        self.chosen = Some(namespaces);
        self
    }

    /// Holds so many bytes of changes for the watches, of all namespaces together, however many changes these are: for
    /// whoever reads them at once, and [forgets](FleetDriver::forget) them then. Unless told, 32 MiB, of each namespace
    /// 32,768 changes and 16 MiB at most.
    pub fn hold(mut self, bytes: usize) -> Self {
        self.hold = Some(bytes);
        self
    }

    /// Begins, on a thread of its own (`linx-fleet`). When it returns, the states of the namespaces that can be entered
    /// have been read.
    ///
    /// # Errors
    /// `NamespaceGone` when all of the chosen ones are; `Io` when `/proc` is not mounted, and on EMFILE.
    pub fn start(self) -> Result<Fleet> {
        let mut driver = self.driver()?;
        let fleet = driver.fleet();
        loop {
            driver.advance(Instant::now())?;
            if driver.is_settled() {
                break;
            }
            driver.wait()?;
        }
        let thread = std::thread::Builder::new().name("linx-fleet".into());
        let run = move || while driver.advance(Instant::now()).and_then(|()| driver.wait()).is_ok() {};
        thread
            .spawn(run)
            .map_err(|error| Error::system("mirror", linx_sys::Error::io("start a thread", &error)))?;
        Ok(fleet)
    }

    /// Begins without a thread: see [`FleetDriver`].
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn driver(self) -> Result<FleetDriver> {
        FleetDriver::new(self.template, self.chosen, self.hold)
    }
}

impl fmt::Debug for FleetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetBuilder").field("chosen", &self.chosen).finish_non_exhaustive()
    }
}

/// What a fleet has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetStats {
    /// Times that a namespace could not be entered.
    pub refusals: u64,
    /// Links that came from another namespace of the fleet.
    pub moves: u64,
    /// Comparisons of a namespace with the kernel.
    pub audits: u64,
}

/// The mirrors of many namespaces. See the [module](self). Cheap to clone; when the last clone is dropped, it ends.
#[derive(Clone)]
pub struct Fleet {
    shared: Arc<FleetShared>,
    #[allow(dead_code, reason = "it ends the fleet when it is dropped")]
    held: Arc<Held>,
}

/// Ends a fleet when nobody holds it any more.
struct Held(Arc<FleetShared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().is_left = true;
        self.0.wake.wake();
    }
}

impl Fleet {
    /// A fleet to be: of all namespaces, unless some are chosen.
    pub fn builder() -> FleetBuilder {
        FleetBuilder { template: Box::new(|builder| builder), chosen: None, hold: None }
    }

    fn of(shared: &Arc<FleetShared>) -> Self {
        Self { shared: Arc::clone(shared), held: Arc::new(Held(Arc::clone(shared))) }
    }

    /// The namespaces that are there, those that could not be entered included, in the order in which they were found.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let guarded = self.shared.lock();
        guarded.members.values().map(|member| Arc::clone(&member.lock().namespace)).collect()
    }

    /// The mirror of a namespace, whose state has been read; `None` where there is none.
    ///
    /// It ends with the namespace, and with the fleet.
    #[must_use]
    pub fn mirror(&self, cookie: u64) -> Option<Mirror> {
        let guarded = self.shared.lock();
        let id = guarded.by_cookie.get(&cookie)?;
        let told = guarded.members.get(id)?.lock();
        told.mirror.clone().filter(|_| told.is_synced)
    }

    /// The newest state of a namespace.
    #[must_use]
    pub fn state(&self, cookie: u64) -> Option<State> {
        self.mirror(cookie).map(|mirror| mirror.snapshot())
    }

    /// The mirror of the namespace that Linx calls so ([`Namespace::name`]).
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Mirror> {
        let called = |namespace: &Arc<Namespace>| &*namespace.name == name && name != "-";
        self.mirror(self.namespaces().iter().find(|namespace| called(namespace))?.cookie?)
    }

    /// Whether the state of each namespace that can be entered has been read.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let guarded = self.shared.lock();
        !guarded.members.is_empty()
            && guarded.members.values().all(|member| {
                let told = member.lock();
                told.is_synced || told.refused.is_some()
            })
    }

    /// All that happens from now on, and first what is there.
    #[must_use]
    pub fn watch(&self) -> FleetWatch {
        FleetWatch::new(&self.shared)
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> FleetStats {
        self.shared.lock().stats
    }

    /// Why the last look for namespaces failed, if it did: for want of descriptors, say. It is repeated; what is known
    /// already goes on.
    #[must_use]
    pub fn trouble(&self) -> Option<Error> {
        self.shared.lock().trouble.clone()
    }

    /// Waits until everything that has happened until now in the namespaces that are known is in their states, as
    /// [`Mirror::quiet`].
    ///
    /// # Errors
    /// `Timeout`, `Unsubscribed`.
    pub fn quiet(&self, timeout: Duration) -> Result<()> {
        let end = after(Instant::now(), timeout);
        let mirrors: Vec<Mirror> = {
            let guarded = self.shared.lock();
            guarded.members.values().filter_map(|member| member.lock().mirror.clone()).collect()
        };
        for mirror in mirrors {
            match mirror.quiet(end.saturating_duration_since(Instant::now())) {
                Err(error) if error.kind != ErrorKind::NamespaceGone => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("namespaces", &self.shared.lock().members.len()).finish_non_exhaustive()
    }
}
