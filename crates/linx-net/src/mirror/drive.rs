//! A mirror's sockets: the only part of it that does I/O.
//!
//! One round: read all sockets until they are empty, the links' last; feed links first, then what is on them, so that a
//! route on a link that is not there is one of a link that is gone; then carry out the reading that is due, reading the
//! sockets in between so that they do not overflow.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use linx_sys::{Netns, PollSet, RecvBuf, Wake};
use linx_wire::Kind;
use linx_wire::route::{
    AddressFilter, LinkDetail, LinkFilter, NeighbourFilter, ObjectRef, RouteFilter, RuleFilter,
};

use super::Mirror;
use super::clock::wall_clock;
use super::core::{Core, LANES};
use super::lane::{self, Intakes};
use super::options::Options;
use super::resync::Reading;
#[cfg(feature = "nft")]
use super::ruleset::Rules;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::monitor::builder::Name;
use crate::monitor::pace::Pace;
use crate::names::Names;
use crate::request::after;

const MIRROR: &str = "mirror";
/// Tokens of a driver's descriptors, behind those of its lanes.
const NAME: u64 = 4;
const WAKE: u64 = 5;
#[cfg(feature = "nft")]
const RULES: u64 = 6;
/// Tokens that a driver has.
pub(super) const TOKENS: u64 = 8;
/// Datagrams that are read of a socket at once.
const AT_ONCE: usize = 4096;
/// Objects of a reading after which the sockets are looked at.
const BETWEEN: u32 = 512;
/// Readings that one call of [`Driver::advance`] carries out at most.
const READINGS: u32 = 8;
/// How long a request that failed is left alone.
const REST: Duration = Duration::from_millis(200);

/// What a mirror shares with those who look at it.
pub(super) struct Shared {
    guarded: Mutex<Guarded>,
    told: Condvar,
    wake: Wake,
    /// Who drives it was asked for something since its last round.
    asked: AtomicBool,
    pub(super) netns: u64,
}

/// The same, locked.
pub(super) struct Guarded {
    pub(super) core: Core,
    pub(super) bells: Vec<Wake>,
    /// When the state was read first.
    pub(super) synced: SystemTime,
    ended: Option<Error>,
    /// Nobody holds the mirror any more.
    pub(super) is_left: bool,
    /// How many have asked to be told when all is quiet, and how many of these have been.
    pub(super) quiet: (u64, u64),
    /// How many of them still wait for it.
    pub(super) waiting: u32,
    /// The rule set of nf_tables is to be compared.
    pub(super) audits_rules: bool,
}

impl Guarded {
    #[cfg(feature = "nft")]
    fn take_audit(&mut self) -> bool {
        std::mem::take(&mut self.audits_rules)
    }

    pub(super) fn ended(&self) -> Option<Error> {
        self.ended.clone()
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Guarded> {
        // A panic elsewhere is a bug there; what is here is as it was before or after a whole step.
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is told.
    pub(super) fn wait<'a>(
        &self,
        guarded: MutexGuard<'a, Guarded>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Guarded> {
        match left {
            None => self.told.wait(guarded).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.told.wait_timeout(guarded, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Lets who drives it take a look.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.wake();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    fn tell(&self, guarded: &Guarded) {
        self.told.notify_all();
        guarded.bells.iter().for_each(Wake::wake);
    }
}

/// A mirror without a thread of its own: for an event loop. Wait until its descriptor is readable or
/// [`deadline`](Self::deadline) has come, then [`advance`](Self::advance).
///
/// ```
/// use linx::{Mirror, Netns};
/// use std::time::Instant;
///
/// let mut driver = Mirror::builder(&Netns::host()?).links().driver()?;
/// let mirror = driver.mirror();
/// while !mirror.is_synced() {
///     driver.advance(Instant::now())?;
/// }
/// println!("{} links", mirror.snapshot().links().len());
/// # Ok::<(), linx::Error>(())
/// ```
pub struct Driver {
    // Taken out of the set before they are closed.
    poll: PollSet,
    lanes: Vec<Intakes>,
    #[cfg(feature = "nft")]
    rules: Option<Rules>,
    shared: Arc<Shared>,
    handle: Handle,
    netns: Netns,
    name: Option<Name>,
    buf: RecvBuf,
    pace: Pace,
    options: Options,
    /// Until when nothing is asked of the kernel, after a request that failed.
    rest: Option<Instant>,
    /// Sockets that were opened for requests are kept.
    keeps: bool,
    marked: u64,
    /// The first of its tokens, where it has a seat among others.
    seat: Option<u64>,
    /// It ends when nobody holds the mirror any more.
    is_own: bool,
    /// There was more to read when the last round ended.
    is_behind: bool,
}

/// A driver's place among others, and what they share.
pub(super) struct Seat {
    pub(super) poll: PollSet,
    pub(super) wake: Wake,
    /// The first of its tokens.
    pub(super) token: u64,
    /// What the namespace is called in errors.
    pub(super) label: Box<str>,
}

/// How a mirror is to be made.
pub(super) struct Plan {
    pub(super) netns: Netns,
    pub(super) options: Options,
    pub(super) rcvbuf: usize,
    pub(super) names: Option<Arc<Names>>,
    pub(super) follow: bool,
    pub(super) keeps: bool,
    pub(super) seat: Option<Seat>,
}

/// Whether somebody may not, or cannot here.
#[cfg(feature = "nft")]
fn is_refused(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Permission { .. } | ErrorKind::Unsupported)
}

impl Driver {
    pub(super) fn new(plan: Plan) -> Result<Self> {
        let Plan { netns, options, rcvbuf, names, follow, keeps, seat } = plan;
        let label = match &seat {
            Some(seat) => seat.label.clone(),
            None => crate::handle::label_of(&netns),
        };
        let fail = |error| Error::system(MIRROR, error).inside(&label);
        let token = seat.as_ref().map(|seat| seat.token);
        let (poll, wake, buf) = match seat {
            Some(seat) => (seat.poll, seat.wake, RecvBuf::with_capacity(0)),
            None => {
                let (poll, wake) = (PollSet::new().map_err(fail)?, Wake::new().map_err(fail)?);
                poll.add(&wake, WAKE).map_err(fail)?;
                (poll, wake, RecvBuf::for_events())
            }
        };
        let base = token.unwrap_or_default();
        let name = if follow { Name::watch(&netns, &fail)? } else { None };
        if let Some(name) = &name {
            poll.add(name, base + NAME).map_err(fail)?;
        }
        let handle = Handle::named(&netns, &label, follow, keeps)?;
        let mut lanes = Vec::new();
        for (place, lane) in LANES.into_iter().enumerate() {
            let groups = lane::groups(lane, &options);
            if !groups.is_empty() {
                let (token, size) = (base + place as u64, (rcvbuf, options.drain));
                let lane = Intakes::open(lane, groups, &netns, size, &poll, token).map_err(fail)?;
                lanes.push(lane);
            }
        }
        let is_other = |lane: &Intakes| lane.cookie() != Some(handle.netns_cookie());
        if lanes.iter().any(is_other) || name.as_ref().is_some_and(|name| !name.holds()) {
            return Err(Error::new(ErrorKind::NamespaceGone, MIRROR).inside(&label));
        }
        #[cfg(feature = "nft")]
        let rules = match &options.nft {
            Some(nft) => {
                let seat = crate::monitor::link::Seat {
                    poll: poll.share(),
                    wake: wake.clone(),
                    token: base + RULES,
                };
                match Rules::open(&netns, rcvbuf, nft.clone(), seat) {
                    Err(error) if nft.is_optional && is_refused(&error) => None,
                    rules => Some(rules?),
                }
            }
            None => None,
        };
        #[cfg(feature = "nft")]
        let options = Options { nft: options.nft.filter(|_| rules.is_some()), ..options };
        let names = names.unwrap_or_else(|| Arc::new(Names::load()));
        let now = Instant::now();
        let core = Core::new(options.clone(), handle.netns_cookie(), names, now);
        let guarded = Guarded {
            core,
            bells: Vec::new(),
            synced: wall_clock(),
            ended: None,
            is_left: false,
            quiet: (0, 0),
            waiting: 0,
            audits_rules: false,
        };
        let (guarded, told) = (Mutex::new(guarded), Condvar::new());
        let asked = AtomicBool::new(false);
        let shared = Arc::new(Shared { guarded, told, wake, asked, netns: handle.netns_cookie() });
        let pace = Pace::new(lanes.iter().map(Intakes::rcvbuf_bytes).min().unwrap_or_default(), now);
        Ok(Self {
            poll,
            lanes,
            #[cfg(feature = "nft")]
            rules,
            shared,
            handle,
            netns,
            name,
            buf,
            pace,
            options,
            rest: None,
            keeps,
            marked: 0,
            seat: token,
            is_own: false,
            is_behind: false,
        })
    }

    /// The mirror that it drives. That ends with the driver; the driver does not end with it.
    #[must_use]
    pub fn mirror(&self) -> Mirror {
        Mirror::of(&self.shared)
    }

    /// It ends when nobody holds the mirror any more.
    pub(super) fn end_with_mirror(&mut self) {
        self.is_own = true;
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Holds so many bytes of changes for the watches from here on, however many changes these are: a link that takes a
    /// million routes along makes a million at once. Unless told, 32,768 changes are held, 16 MiB at most.
    pub fn hold(&self, bytes: usize) {
        self.shared.lock().core.log.hold(bytes);
    }

    /// Forgets the changes that are held, where they take more than `bytes`: for whoever has read them all. A watch that
    /// has not is told [`Lagged`](super::Notice::Lagged).
    pub fn forget(&self, bytes: usize) {
        let mut guarded = self.shared.lock();
        if guarded.core.log.heap_bytes() > bytes {
            guarded.core.log.forget();
        }
    }

    /// When [`advance`](Self::advance) wants to be called, if its descriptor is not readable before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let guarded = self.shared.lock();
        let due = guarded.core.tasks.deadline();
        #[cfg(feature = "nft")]
        let rules = self.rules.as_ref().and_then(|rules| rules.deadline(&guarded.core));
        #[cfg(feature = "nft")]
        let due = due.into_iter().chain(rules).min();
        drop(guarded);
        let broken = self.lanes.iter().any(|lane| !lane.is_open()).then(Instant::now);
        let due = due.into_iter().chain(broken).min();
        match self.rest {
            Some(rest) => due.map(|due| due.max(rest)),
            None => due,
        }
    }

    /// The same, with a look at whether it is quiet, where somebody waits for that.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let waits_for_quiet = self.shared.lock().waiting > 0;
        let look = waits_for_quiet.then(|| now + QUIET_LOOK);
        self.deadline().into_iter().chain(look).min()
    }

    /// [`advance`](Self::advance), with a buffer that many share.
    pub(super) fn advance_with(&mut self, now: Instant, buf: &mut RecvBuf) -> Result<()> {
        std::mem::swap(&mut self.buf, buf);
        let outcome = self.advance(now);
        std::mem::swap(&mut self.buf, buf);
        outcome
    }

    /// There was more to read when the last round ended.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Datagrams received so far.
    pub(super) fn datagrams(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.datagrams).sum()
    }

    /// Effective size of its smallest receive buffer, if it has one that is read here.
    pub(super) fn rcvbuf_bytes(&self) -> Option<usize> {
        self.lanes.iter().map(Intakes::rcvbuf_bytes).min()
    }

    /// How many sockets it has, with receive buffers of the size that is asked for.
    pub(super) fn sockets(&self) -> usize {
        #[cfg(feature = "nft")]
        return self.lanes.len() + usize::from(self.rules.is_some());
        #[cfg(not(feature = "nft"))]
        self.lanes.len()
    }

    /// Asks for receive buffers of another size.
    pub(super) fn set_rcvbuf(&mut self, bytes: usize) {
        self.lanes.iter_mut().for_each(|lane| lane.set_rcvbuf(bytes));
        #[cfg(feature = "nft")]
        self.rules.iter_mut().for_each(|rules| rules.set_rcvbuf(bytes));
    }

    /// For what is asked beside the readings.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// It is over: this is why.
    pub(super) fn end(&mut self, error: Error) {
        self.lanes.clear();
        #[cfg(feature = "nft")]
        {
            self.rules = None;
        }
        self.handle.release();
        let mut guarded = self.shared.lock();
        guarded.ended.get_or_insert(error);
        self.shared.tell(&guarded);
    }

    /// Does what there is to do now: reads announcements, and what has to be read again. It does not wait for anything but
    /// the kernel's answers: a list of a million routes takes it a second.
    ///
    /// # Errors
    /// `NamespaceGone` and `Unsubscribed` when it is over: calling it again gives the same answer. Nothing else ends it:
    /// what fails is tried again.
    pub fn advance(&mut self, now: Instant) -> Result<()> {
        if let Some(error) = self.shared.lock().ended() {
            return Err(error);
        }
        match self.round(now) {
            Ok(()) => {
                if !self.keeps {
                    self.handle.release();
                }
                Ok(())
            }
            Err(error) => {
                self.end(error.clone());
                Err(error)
            }
        }
    }

    fn round(&mut self, begun: Instant) -> Result<()> {
        if self.seat.is_none() {
            self.shared.wake.clear();
        }
        self.shared.asked.store(false, Ordering::Release);
        if self.is_own && self.shared.lock().is_left {
            return Err(self.failed(ErrorKind::Unsubscribed));
        }
        if self.name.as_ref().is_some_and(|name| !name.holds()) {
            return Err(self.failed(ErrorKind::NamespaceGone));
        }
        self.revive(begun)?;
        #[cfg(feature = "nft")]
        if let Some(rules) = self.rules.as_mut().filter(|_| self.shared.lock().take_audit()) {
            rules.audit_now(begun);
        }
        self.mark();
        for at in 0..READINGS {
            let more = (self.options.drain || at == 0) && self.intake();
            let more = self.intake_rules()? || more;
            self.is_behind = more;
            let now = Instant::now();
            let is_resting = self.rest.is_some_and(|rest| now < rest);
            let reading = if is_resting { None } else { self.next_reading(now) };
            let has_read = reading.is_some();
            if let Some(reading) = reading {
                self.read(reading)?;
            }
            let has_pulled = !is_resting && self.pull_rules(now)?;
            if !has_read && !has_pulled && !more {
                break;
            }
        }
        self.finish();
        Ok(())
    }

    fn failed(&self, kind: ErrorKind) -> Error {
        Error::new(kind, MIRROR).inside(self.handle.netns_name())
    }

    /// Replaces sockets that failed.
    fn revive(&mut self, now: Instant) -> Result<()> {
        if self.rest.is_some_and(|rest| now < rest) {
            return Ok(());
        }
        let (cookie, base) = (self.handle.netns_cookie(), self.seat.unwrap_or_default());
        for (place, lane) in LANES.into_iter().enumerate() {
            let Some(lane) = self.lanes.iter_mut().find(|open| open.lane == lane) else { continue };
            match lane.revive(&self.netns, cookie, &self.poll, base + place as u64) {
                Ok(true) => {}
                Ok(false) => return Err(self.failed(ErrorKind::NamespaceGone)),
                Err(_) => self.rest = Some(after(now, REST)),
            }
        }
        Ok(())
    }

    /// Receives what is there, and feeds it; true when there may be more.
    fn intake(&mut self) -> bool {
        let (mut more, mut events) = (false, 0);
        // What is on links before the links themselves: of whatever is on one, its making has been read then.
        for lane in self.lanes.iter_mut().rev() {
            let before = lane.datagrams;
            more |= lane.drain(&mut self.buf, AT_ONCE);
            events += lane.datagrams - before;
        }
        (0..events).for_each(|_| self.pace.event());
        let shared = Arc::clone(&self.shared);
        let mut guarded = shared.lock();
        self.feed(&mut guarded.core);
        if !more {
            guarded.core.tasks.drained();
            if guarded.core.synced {
                guarded.core.rest(Instant::now());
            }
        }
        if events > 0 {
            shared.tell(&guarded);
        }
        more
    }

    /// Takes what nf_tables announced; true when there may be more.
    #[cfg(feature = "nft")]
    fn intake_rules(&mut self) -> Result<bool> {
        let Some(rules) = &mut self.rules else { return Ok(false) };
        let mut guarded = self.shared.lock();
        let before = guarded.core.log.end();
        std::mem::swap(rules.buf_mut(), &mut self.buf);
        let more = rules.intake(&mut guarded.core, Instant::now());
        std::mem::swap(rules.buf_mut(), &mut self.buf);
        let more = more?;
        if guarded.core.log.end() != before {
            guarded.core.rest(Instant::now());
            self.shared.tell(&guarded);
        }
        Ok(more)
    }

    /// Pulls what is due of nf_tables; false when nothing was.
    #[cfg(feature = "nft")]
    fn pull_rules(&mut self, now: Instant) -> Result<bool> {
        let Some(rules) = &mut self.rules else { return Ok(false) };
        let shared = Arc::clone(&self.shared);
        let with = move |each: &mut dyn FnMut(&mut Core)| {
            let mut guarded = shared.lock();
            let (before, was_synced) = (guarded.core.log.end(), guarded.core.synced);
            each(&mut guarded.core);
            if guarded.core.synced && !was_synced {
                guarded.synced = wall_clock();
            }
            if guarded.core.log.end() != before || !was_synced {
                shared.tell(&guarded);
            }
        };
        std::mem::swap(rules.buf_mut(), &mut self.buf);
        let outcome = rules.pull(&self.handle, &with, now);
        std::mem::swap(rules.buf_mut(), &mut self.buf);
        outcome
    }

    #[cfg(not(feature = "nft"))]
    fn intake_rules(&mut self) -> Result<bool> {
        Ok(false)
    }

    #[cfg(not(feature = "nft"))]
    fn pull_rules(&mut self, _: Instant) -> Result<bool> {
        Ok(false)
    }

    /// Feeds what was received.
    fn feed(&mut self, core: &mut Core) {
        let (time, now) = (wall_clock(), Instant::now());
        for lane in &mut self.lanes {
            let fed = core.feed(lane.lane, &lane.pending, time, now);
            lane.pending.clear();
            lane.pending.shrink_to(1 << 20);
            core.stats.spoofed += std::mem::take(&mut lane.spoofed);
            if let Err(reason) = fed {
                lane.lose(reason, 0);
            }
        }
        core.sweep(time, now);
        for lane in &mut self.lanes {
            if let Some(loss) = lane.take_loss() {
                core.lost(lane.lane, loss, time, now);
            }
        }
    }

    /// What is to be read now. Where nothing is left to read, the first state is what was read so far.
    fn next_reading(&self, now: Instant) -> Option<Reading> {
        let mut guarded = self.shared.lock();
        let was_synced = guarded.core.synced;
        let reading = guarded.core.next_reading(now);
        if guarded.core.synced && !was_synced {
            guarded.synced = wall_clock();
            self.shared.tell(&guarded);
        }
        reading
    }

    /// Carries out a reading.
    fn read(&mut self, mut reading: Reading) -> Result<()> {
        let outcome = self.dump(&mut reading);
        // Not under the lock.
        reading.seal();
        let shared = Arc::clone(&self.shared);
        for lane in self.lanes.iter_mut().rev().filter(|_| self.options.drain) {
            lane.drain(&mut self.buf, usize::MAX);
        }
        let mut guarded = shared.lock();
        let core = &mut guarded.core;
        let (time, now) = (wall_clock(), Instant::now());
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Torn => reading.is_torn = true,
            // What is too large for the kernel's lists is not in them (KERNEL.md 3.3), and much behind it.
            Err(error) if matches!(error.kind, ErrorKind::Oversize { .. }) => reading.is_partial = true,
            // The link or the table is gone.
            Err(error) if matches!(error.errno(), Some(ENOENT | ENODEV)) => {}
            Err(error) if error.kind == ErrorKind::NamespaceGone => return Err(error),
            Err(_) => {
                self.rest = Some(after(now, REST));
                core.put_off(reading, now);
                self.feed(core);
                return Ok(());
            }
        }
        reading.is_losing = self.lanes.iter().any(|lane| lane.lost.is_some() || lane.is_losing());
        let pending: Vec<&[u8]> = self.lanes.iter().map(|lane| &*lane.pending).collect();
        let was_synced = core.synced;
        let concluded = core.conclude(reading, &pending, time, now);
        drop(pending);
        self.feed(core);
        core.verify(concluded, time, now);
        if core.synced && !was_synced {
            guarded.synced = time;
        }
        shared.tell(&guarded);
        Ok(())
    }

    /// Asks the kernel for what a reading is to read.
    fn dump(&mut self, reading: &mut Reading) -> Result<()> {
        for link in reading.task.fences() {
            // It takes the lock under which the kernel carries out what it announced before (see `implied.rs`), also when
            // there is no such link any more.
            match self.handle.link_by_index(link) {
                Err(error) if error.kind == ErrorKind::NamespaceGone => return Err(error),
                _ => {}
            }
        }
        if self.options.drain {
            self.intake();
        }
        let (scope, handle) = (reading.task.scope, self.handle.clone());
        let mut dump =
            Dump { reading, lanes: &mut self.lanes, buf: &mut self.buf, options: &self.options, count: 0 };
        match scope.kind {
            Kind::Link => match scope.index {
                Some(index) => {
                    let link = handle.link_by_index(index)?;
                    let payload = linx_wire::route::LinkView::as_bytes(&link).to_vec();
                    dump.take(link.as_ref().into(), &payload);
                    Ok(())
                }
                // As announcements are: without statistics.
                None => handle
                    .links_by(LinkFilter { detail: LinkDetail::SKIP_STATS, ..LinkFilter::default() })
                    .for_each_payload(|link, payload| dump.take(link.into(), payload)),
            },
            Kind::Address => handle
                .addresses_by(AddressFilter { family: scope.family, index: scope.index })
                .for_each_payload(|address, payload| dump.take(address.into(), payload)),
            Kind::Rule => handle
                .rules_by(RuleFilter::default())
                .for_each_payload(|rule, payload| dump.take(rule.into(), payload)),
            Kind::NextHop => {
                handle.nexthops().for_each_payload(|next_hop, payload| dump.take(next_hop.into(), payload))
            }
            Kind::Route => {
                let narrowed = self.options.routes.unwrap_or_default();
                let filter = RouteFilter {
                    family: scope.family,
                    table: scope.table.or(narrowed.table),
                    oif: scope.index.or(narrowed.oif),
                    ..narrowed
                };
                handle.routes_by(filter).for_each_payload(|route, payload| dump.take(route.into(), payload))
            }
            Kind::Neighbour => {
                let proxies =
                    NeighbourFilter { index: scope.index, proxy: Some(true), ..NeighbourFilter::default() };
                if scope.index.is_none() {
                    handle
                        .neighbours()
                        .for_each_payload(|neighbour, payload| dump.take(neighbour.into(), payload))?;
                    handle
                        .neighbours_by(NeighbourFilter::fdb())
                        .for_each_payload(|entry, payload| dump.take(entry.into(), payload))?;
                }
                handle
                    .neighbours_by(proxies)
                    .for_each_payload(|proxy, payload| dump.take(proxy.into(), payload))
            }
            _ => Ok(()),
        }
    }

    /// Marks the sockets for those who wait for quiet.
    fn mark(&mut self) {
        let asked = self.shared.lock().quiet.0;
        if asked == self.marked {
            return;
        }
        // Where the kernel does not take the mark, the next round tries again.
        #[cfg_attr(not(feature = "nft"), allow(unused_mut))]
        let mut is_marked = self.lanes.iter_mut().all(|lane| lane.mark().is_ok());
        #[cfg(feature = "nft")]
        {
            is_marked = is_marked && self.rules.as_mut().is_none_or(|rules| rules.mark().is_ok());
        }
        if is_marked {
            self.marked = asked;
        }
    }

    /// Tells those who wait for quiet, if it is.
    fn finish(&mut self) {
        let mut guarded = self.shared.lock();
        let (asked, told) = guarded.quiet;
        if asked == told {
            return;
        }
        let is_clean =
            self.lanes.iter().all(|lane| lane.is_open() && lane.lost.is_none() && !lane.is_losing());
        #[cfg(feature = "nft")]
        let is_clean = is_clean && self.rules.as_ref().is_none_or(Rules::is_idle);
        let core = &guarded.core;
        let is_quiet = is_clean && core.synced && core.is_certain() && core.tasks.is_empty();
        let is_reached = self.marked == asked && self.lanes.iter().all(|lane| !lane.is_marked());
        #[cfg(feature = "nft")]
        let is_reached = is_reached && self.rules.as_ref().is_none_or(|rules| !rules.is_marked());
        if is_quiet && is_reached {
            guarded.quiet.1 = asked;
            self.shared.tell(&guarded);
        } else if is_reached {
            // What was still to be done came after the mark: another one.
            self.marked = told;
        }
    }

    /// Waits until there is something to do. A busy mirror sleeps a little instead, so that announcements gather.
    pub(super) fn wait(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(nap) = self.pace.empty(now) {
            std::thread::sleep(nap);
            return Ok(());
        }
        let left = self.due(now).map(|due| due.saturating_duration_since(now));
        self.poll.wait(left).map_err(|error| Error::system(MIRROR, error)).map(|_| ())
    }
}

/// How often it is looked whether it is quiet, while somebody waits for it.
const QUIET_LOOK: Duration = Duration::from_millis(5);
const ENOENT: i32 = 2;
const ENODEV: i32 = 19;

/// A dump under way.
struct Dump<'a> {
    reading: &'a mut Reading,
    lanes: &'a mut [Intakes],
    buf: &'a mut RecvBuf,
    options: &'a Options,
    count: u32,
}

impl Dump<'_> {
    fn take(&mut self, object: ObjectRef<'_>, payload: &[u8]) {
        self.reading.take(&object, payload, self.options);
        self.count += 1;
        if self.count % BETWEEN == 0 && self.options.drain {
            for lane in self.lanes.iter_mut() {
                lane.drain(self.buf, AT_ONCE);
            }
        }
    }
}

impl AsFd for Driver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let mut guarded = self.shared.lock();
        if guarded.ended.is_none() {
            guarded.ended =
                Some(Error::new(ErrorKind::Unsubscribed, MIRROR).inside(self.handle.netns_name()));
        }
        self.shared.tell(&guarded);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("netns", &self.netns)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
