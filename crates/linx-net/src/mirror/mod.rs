//! The state of a network namespace, kept true, and what really changes in it.
//!
//! A [`Mirror`] holds links, addresses, routes, neighbours, rules and next hops as the kernel has them. It is read as a
//! [`State`], an immutable snapshot that costs nothing to take, and by a [`Watch`], which tells each change: a [`Delta`]
//! with the object before and after it, why it is known, and who did it.
//!
//! What a program that applies the kernel's announcements to a list gets wrong, also without ever losing one:
//!
//! - A link goes down, and every IPv4 route over it is gone without a word. So is what follows from an address, a next hop
//!   or a carrier that goes. The mirror knows from what announcements such changes follow, waits until the kernel has
//!   carried them out, reads what may have changed, and tells the differences with cause [`Implied`](Cause::Implied).
//! - An announcement may change nothing, or tell the half of it (one hop of several). Neither makes a wrong delta.
//! - The kernel drops announcements when a reader is slow. What was queued is read first, then what is in doubt; the
//!   *differences* are told, with cause [`Resync`](Cause::Resync), between [`Notice::ResyncNeeded`] and
//!   [`Notice::Resynced`].
//! - Some changes follow from nothing. Every minute all is compared with the kernel ([`Cause::Audit`]).
//!
//! # What is promised
//!
//! - After any history, once it is quiet, the tracked fields of the state are those of a fresh list. Fields that the kernel
//!   changes in silence (audited ones, such as the queueing discipline of a link) are so after the next audit.
//! - A snapshot and the deltas after it are the state at every revision. There is no delta without a change.
//! - No delta shows a route on a link that is not there.
//! - Links, addresses and rules; routes and next hops; neighbours; nf_tables: the changes of each of these are told in the
//!   order in which the kernel announced them. Of two of them, what happened within moments may be told the other way
//!   round: a mirror has a socket for each (a [monitor](crate::monitor::route::Monitor) has one for all).
//! - A change keeps the [key](Delta::key). What has another key then (an IPv6 route by another gateway, a forwarding entry of
//!   another port) is told as `Removed`, then as `Added`.
//! - What the kernel has twice to the letter (rules, IPv6 routes over one link) is held once, until the last of them is gone;
//!   an IPv6 route that it leaves out of its lists, as it stands among the hops of a set, is held as it was announced.
//! - A slow watch costs nothing but a bounded log, is told [`Notice::Lagged`], and goes on from the state of now.
//! - While a storm lasts that makes the kernel drop announcements all the time, a change that was dropped is in the state
//!   after the reading under way, a pause of at most two seconds and another reading: a list may have passed it already.
//!
//! # What happens when …
//!
//! Each of these has its test in `tests/mirror/weather/` (the clock and what does not fit in `drive/tests.rs`, elements
//! that end in `tests/mirror/rules.rs`). In none of
//! them is the state wrong without saying so, is anything waited for in vain, or is the processor kept busy.
//!
//! | what happens | how it ends |
//! |---|---|
//! | The namespace is deleted | All watches, [`quiet`](Mirror::quiet) and the driver end with `NamespaceGone` within a second; the sockets are closed, so that the namespace is not kept; [`snapshot`](Mirror::snapshot) is what was known last. One that was given by a descriptor is kept by it, and the mirror goes on |
//! | It is made again under its name | The same: that is another namespace. A new mirror is one of the new namespace |
//! | The process ends by which it was given | The same. With [`follow(false)`](Builder::follow) the mirror goes on with the sockets that it has |
//! | That process's number is used again | It is another process, whose namespace is never entered: with `follow(false)` and without [kept sockets](Builder::keep_sockets), the next reading ends with `NamespaceGone` |
//! | An index is used again at once | The old link is `Removed` with all that was on it, the new one `Added`, and what is on it is read again. Only where the DELLINK was dropped by the kernel, a new link of the same kind is told as a change of the old one |
//! | A link is renamed, names are swapped | The link is `Changed`, however often, and what names it (rules) is read again |
//! | A link moves to another namespace | `Removed`, with [`moved_to`](Delta::moved_to); when it comes back, `Added` |
//! | There is no descriptor left | Nothing, as the sockets are kept. With `keep_sockets(false)`: what is in doubt stays in doubt ([`is_certain`](Mirror::is_certain), `ResyncNeeded` without `Resynced`), and is tried again five times a second; what is announced is told meanwhile |
//! | The privileges are given up | The same. nf_tables can be asked with CAP_NET_ADMIN alone: without it, what was lost stays in doubt, and so does the rule set once an announcement does not tell all (when an element ends that was announced late; where a rule stands that was added beside one which the same commit deleted) |
//! | Signals interrupt system calls | Nothing |
//! | Lists are torn again and again | What is missing from a torn list is not taken to be gone (nor from one of rules or neighbours while any come and go, where the kernel does not say that it tore): it is read again after 5 ms, then after twice as long, up to two seconds. `quiet` ends with `Timeout` as long as that lasts; announcements are told meanwhile |
//! | An announcement is larger than 64 KiB | A loss ([`Truncated`](crate::monitor::LossReason::Truncated)): its kinds are read again |
//! | The receive buffer is far too small | Each loss is told, and what it leaves in doubt is read after 5 ms, then after twice as long, up to two seconds |
//! | The process is stopped | What its buffers did not hold is lost, and read again when it goes on. Of elements that end it is asked when: what is told is how long they last |
//! | It begins while changes go on without an end | After two seconds it begins when each kind was read (six times, where its lists never held still), and does not wait for what follows from the latest changes; what was lost meanwhile is in doubt still |
//! | The wall clock jumps | The times that are printed jump. Nothing waits by that clock |
//! | A message does not come from the kernel | It is not believed, and counted ([`MirrorStats::spoofed`]) |
//! | A watch is not read | The newest 32,768 notices or 16 MiB are held for all; then it is told `Lagged`, and [`state`](Watch::state) is the newest. The others do not notice |
//!
//! ```
//! use linx::{Mirror, Netns, Notice, Object};
//! use std::time::Duration;
//!
//! let mirror = Mirror::builder(&Netns::host()?).links().routes().start()?;
//! let mut watch = mirror.watch();
//! println!("{} routes", watch.state().routes().len());
//! while let Some(notice) = watch.next_timeout(Duration::from_millis(10))? {
//!     match notice {
//!         Notice::Delta(delta) => match delta.object() {
//!             Object::Route(_) => println!("{delta}: now {} routes", watch.state().routes().len()),
//!             _ => println!("{delta}"),
//!         },
//!         Notice::Lagged => println!("begin again with watch.state()"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), linx::Error>(())
//! ```

mod clock;
mod core;
mod delta;
mod drive;
pub mod fleet;
mod identity;
mod implied;
mod lane;
#[cfg(feature = "nft")]
mod late;
mod log;
#[cfg(test)]
mod model;
#[cfg(feature = "nft")]
pub mod nft;
mod options;
mod publish;
mod resync;
mod routes;
#[cfg(feature = "nft")]
mod rules;
#[cfg(feature = "nft")]
mod ruleset;
mod state;
#[cfg(feature = "tokio")]
mod stream;
mod table;
mod watch;
#[cfg(feature = "nft")]
mod witness;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_sys::Netns;
use linx_wire::route::{AddressFilter, LinkFilter, NeighbourFilter, NextHopFilter, RouteFilter, RuleFilter};

use crate::error::{Error, ErrorKind, Result};
use crate::names::Names;
use crate::request::after;

pub use self::core::MirrorStats;
pub use delta::{Cause, Change, Delta, Doubt, Moved, Notice, Repair, Resynced, Synced, Trigger};
pub use drive::Driver;
pub use fleet::{
    Fleet, FleetBuilder, FleetDriver, FleetNotice, FleetStats, FleetWatch, MovedFrom, MovedTo, News,
};
pub use state::{Addresses, Family, Links, Neighbours, NextHops, Routes, Rules, State};
#[cfg(feature = "tokio")]
pub use stream::{Changes, FleetChanges};
pub use watch::Watch;

use drive::{Plan, Shared};
use options::Options;

/// Size of the receive buffers that are asked for, bytes: 10,000 route events.
const RCVBUF: usize = 4 << 20;
/// How often everything is compared with the kernel.
const AUDIT: Duration = Duration::from_secs(60);

/// A mirror to be.
///
/// Without a kind named, it holds all of rtnetlink's. nf_tables has to be named: it takes a privilege.
#[must_use = "a mirror begins with start() or driver()"]
pub struct Builder {
    netns: Netns,
    options: Options,
    rcvbuf: usize,
    names: Option<Arc<Names>>,
    follow: bool,
    keeps: bool,
}

/// Declares the methods that choose kinds.
macro_rules! choices {
    ($($(#[$doc:meta])* $all:ident, $some:ident($filter:ty);)*) => {$(
        $(#[$doc])*
        pub fn $all(self) -> Self {
            self.$some(<$filter>::default())
        }

        /// The same, those alone that match: what does not is not kept.
        pub fn $some(mut self, filter: $filter) -> Self {
            self.options.$all = Some(filter);
            self
        }
    )*};
}

impl Builder {
    choices! {
        /// Holds links.
        links, links_by(LinkFilter);
        /// Holds IP addresses.
        addresses, addresses_by(AddressFilter);
        /// Holds routes, IPv4's and IPv6's of all tables.
        routes, routes_by(RouteFilter);
        /// Holds neighbours and forwarding entries.
        neighbours, neighbours_by(NeighbourFilter);
        /// Holds routing policy rules.
        rules, rules_by(RuleFilter);
        /// Holds next hop objects.
        nexthops, nexthops_by(NextHopFilter);
    }

    /// Holds the rule set of nf_tables. It takes CAP_NET_ADMIN.
    #[cfg(feature = "nft")]
    pub fn nft(mut self) -> Self {
        self.options.nft.get_or_insert_default();
        self
    }

    /// The same, of this table alone: the others are neither pulled nor kept.
    #[cfg(feature = "nft")]
    pub fn nft_table(mut self, family: crate::nft::Family, name: impl AsRef<[u8]>) -> Self {
        self.options.nft.get_or_insert_default().table = Some((family, name.as_ref().into()));
        self
    }

    /// The same, without the elements of sets and maps.
    #[cfg(feature = "nft")]
    pub fn nft_without_elements(mut self) -> Self {
        self.options.nft.get_or_insert_default().without_elements = true;
        self
    }

    /// nf_tables is left out where it may not be had: without CAP_NET_ADMIN in the namespace, or without nf_tables in the
    /// kernel. [`State::kinds`] tells whether it was. Otherwise that is an error.
    #[cfg(feature = "nft")]
    pub fn nft_where_allowed(mut self) -> Self {
        self.options.nft.get_or_insert_default().is_optional = true;
        self
    }

    /// Volatile fields (statistics, ages, the states of neighbours that are reachable) make deltas as well.
    pub fn volatile(mut self, volatile: bool) -> Self {
        self.options.volatile = volatile;
        self
    }

    /// How often everything is compared with the kernel: every minute unless told, up to a tenth earlier or later, and
    /// never more than one hundredth of a core's time. `None`: never.
    pub fn audit(mut self, interval: Option<Duration>) -> Self {
        self.options.audit = interval;
        self
    }

    /// Size of the receive buffer of each socket (there are up to four), bytes; 4 MiB unless told. It is forced past
    /// `net.core.rmem_max` with CAP_NET_ADMIN.
    pub fn rcvbuf(mut self, bytes: usize) -> Self {
        self.rcvbuf = bytes;
        self
    }

    /// Names for printing, where they are loaded already.
    pub fn names(mut self, names: Arc<Names>) -> Self {
        self.names = Some(names);
        self
    }

    /// Whether it ends with `NamespaceGone` when that ends by which its namespace was given, as a
    /// [monitor's](crate::monitor::Builder::follow). Yes unless told.
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Whether a socket for requests is kept open. Yes unless told: opening another needs the privileges of the beginning.
    /// Without, a mirror has fewer descriptors and less memory.
    pub fn keep_sockets(mut self, keep: bool) -> Self {
        self.keeps = keep;
        self
    }

    /// For tests: without the rules of what is not announced.
    #[doc(hidden)]
    pub fn without_implied(mut self) -> Self {
        self.options.implied = false;
        self
    }

    /// For tests: without reading the queue before the state.
    #[doc(hidden)]
    pub fn without_drain(mut self) -> Self {
        self.options.drain = false;
        self
    }

    /// Begins, on a thread of its own (`linx-mirror`). The state is read when it returns.
    ///
    /// # Errors
    /// `NamespaceGone`; `Permission` (entering another namespace needs CAP_SYS_ADMIN); `Io` on EMFILE; `Unsupported` of
    /// neighbours (but forwarding entries) and next hops by the master of their link, which no announcement names: choose
    /// by [`index`](NeighbourFilter::index) those of each of its ports.
    pub fn start(self) -> Result<Mirror> {
        let mut driver = self.driver()?;
        let mirror = driver.mirror();
        driver.end_with_mirror();
        while !mirror.is_synced() {
            driver.advance(Instant::now())?;
            if let Some(due) = driver.deadline().filter(|_| !mirror.is_synced()) {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        let label = driver.shared().lock().core.state.netns;
        let thread = std::thread::Builder::new().name("linx-mirror".into());
        let run = move || while driver.advance(Instant::now()).and_then(|()| driver.wait()).is_ok() {};
        thread.spawn(run).map_err(|error| {
            let error = linx_sys::Error::io("start a thread", &error);
            Error::system("mirror", error).inside(&format!("cookie {label}"))
        })?;
        Ok(mirror)
    }

    /// Begins without a thread: see [`Driver`].
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn driver(self) -> Result<Driver> {
        self.seated(None)
    }

    fn seated(mut self, seat: Option<drive::Seat>) -> Result<Driver> {
        use crate::ErrorKind::Unsupported;
        // The kernel can list them; what comes later could not be told from others.
        let is_by_master =
            |it: NeighbourFilter| it.master.is_some() && it.family != linx_wire::addr::family::BRIDGE;
        if self.options.neighbours.is_some_and(is_by_master) {
            return Err(Error::new(Unsupported, "follow neighbours by the master of their link"));
        }
        if self.options.nexthops.is_some_and(|it| it.master.is_some()) {
            return Err(Error::new(Unsupported, "follow next hops by the master of their link"));
        }
        if !self.options.has_rtnetlink() && !self.options.has_nft() {
            self = self.links().addresses().routes().neighbours().rules().nexthops();
        }
        self.options.validate = std::env::var_os("LINX_VALIDATE").is_some_and(|value| value == "1");
        let Self { netns, options, rcvbuf, names, follow, keeps } = self;
        Driver::new(Plan { netns, options, rcvbuf, names, follow, keeps, seat })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("netns", &self.netns)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The state of a namespace, kept true. See the [module](self). Cheap to clone; when the last clone of one that
/// was [started](Builder::start) is dropped, it ends.
#[derive(Clone)]
pub struct Mirror {
    shared: Arc<Shared>,
    _held: Arc<Held>,
}

/// Ends a mirror when nobody holds it any more.
struct Held(Arc<Shared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().is_left = true;
        self.0.ask();
    }
}

impl Mirror {
    /// A mirror to be, of a namespace.
    pub fn builder(netns: &Netns) -> Builder {
        let options = Options { implied: true, drain: true, audit: Some(AUDIT), ..Options::default() };
        Builder { netns: netns.clone(), options, rcvbuf: RCVBUF, names: None, follow: true, keeps: true }
    }

    fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), _held: Arc::new(Held(Arc::clone(shared))) }
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.shared.netns
    }

    /// Whether the state has been read: always of a mirror that was [started](Builder::start).
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.shared.lock().core.synced
    }

    /// Whether nothing is in doubt.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.shared.lock().core.is_certain()
    }

    /// The newest state.
    #[must_use]
    pub fn snapshot(&self) -> State {
        self.shared.lock().core.snapshot()
    }

    /// All changes from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let guarded = self.shared.lock();
        let place = guarded.core.log.end();
        let doubts = guarded.core.doubts_before(place);
        drop(guarded);
        Watch::new(Arc::clone(&self.shared), place, doubts, false)
    }

    /// All changes since a revision; `None` when they are not held any more. What was in doubt at that revision, and is
    /// still, comes first.
    #[must_use]
    pub fn watch_from(&self, revision: u64) -> Option<Watch> {
        let guarded = self.shared.lock();
        let place = guarded.core.log.behind(revision, guarded.core.state.revision)?;
        let doubts = guarded.core.doubts_before(place);
        drop(guarded);
        Some(Watch::new(Arc::clone(&self.shared), place, doubts, true))
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> MirrorStats {
        self.shared.lock().core.stats
    }

    /// The last sixteen things that audits found to be wrong, each with what was told before it: each is a bug, of Linx or
    /// of the kernel, and what its report needs. [`MirrorStats::audit_repairs`] counts all of them.
    #[must_use]
    pub fn repairs(&self) -> Vec<Repair> {
        self.shared.lock().core.repairs.clone()
    }

    /// Bytes of memory that the state and the log of changes take, about.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.shared.lock().core.heap_bytes()
    }

    /// Compares everything with the kernel now, rather than at the next audit; [`quiet`](Self::quiet) waits for its end.
    pub fn audit(&self) {
        let mut guarded = self.shared.lock();
        guarded.core.audit_now(Instant::now());
        guarded.audits_rules = true;
        drop(guarded);
        self.shared.ask();
    }

    /// Waits until everything that has happened until now is in the state: all sockets have been read up to here, and
    /// nothing is waiting to be read again.
    ///
    /// # Errors
    /// `Timeout`; what ended it. Of a [`Driver`] on the same thread: it waits for ever, or for `timeout`.
    pub fn quiet(&self, timeout: Duration) -> Result<()> {
        let end = after(Instant::now(), timeout);
        let mut guarded = self.shared.lock();
        guarded.quiet.0 += 1;
        let mine = guarded.quiet.0;
        guarded.waiting += 1;
        self.shared.ask();
        let outcome = loop {
            if guarded.quiet.1 >= mine {
                break Ok(());
            }
            if let Some(error) = guarded.ended() {
                break Err(error);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Err(Error::new(ErrorKind::Timeout, "mirror"));
            }
            guarded = self.shared.wait(guarded, Some(left));
        };
        guarded.waiting -= 1;
        outcome
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("netns", &self.shared.netns).finish_non_exhaustive()
    }
}
