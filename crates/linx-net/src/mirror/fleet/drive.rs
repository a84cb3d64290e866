//! A fleet's driver: the drivers of its namespaces, in turns.
//!
//! One call: look for namespaces if it is time; let each namespace have one turn in which something can be read or is
//! due, which is bounded; enter those that are new, or are to be tried again. What was told is passed on after each turn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use linx_sys::{Netns, PollSet, RecvBuf, Wake};

use super::budget::{self, Audits, Spares};
use super::moves::Moves;
use super::told::{FleetShared, Member};
use super::{Fleet, Held, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::mirror::drive::{Seat, TOKENS};
use crate::mirror::{Builder, Delta, Driver, Mirror};
use crate::monitor::pace::Pace;
use crate::names::Names;
use crate::namespaces::{Change as Coming, Namespace, Watcher, discover};

mod links;

use links::moves;

const FLEET: &str = "mirror";
const WAKE: u64 = u64::MAX;
const WATCHER: u64 = u64::MAX - 1;
/// Namespaces that one call enters at most.
const ENTERED: usize = 16;
/// Times that one call asks what is readable: each time, as many as the kernel tells at once.
const LOOKS: usize = 32;
/// Pause before a namespace that could not be entered is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of all namespaces' logs.
const LOGS: usize = 32 << 20;
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// One of the namespaces.
struct Unit {
    member: Arc<Member>,
    /// How it was given, where it was chosen.
    chosen: Option<Netns>,
    /// The first is for its descriptors, which are closed with it.
    driver: Option<Driver>,
    mirror: Option<Mirror>,
    due: Option<Instant>,
    pause: Duration,
    /// The place in the log up to which it was looked through.
    seen: u64,
    is_synced: bool,
    /// What its log takes; [`FleetDriver::log_bytes`] is the sum.
    log_bytes: usize,
    events: u64,
    datagrams: u64,
    /// How many it had when it was entered.
    sockets: usize,
}

/// What of a namespace is held back: a link that came may have left another.
#[derive(Clone, Copy)]
struct Holding {
    /// The place in the log from which on it is held back.
    place: u64,
    since: Instant,
    round: u64,
}

/// A fleet without a thread of its own: for an event loop. Wait until its descriptor is readable or
/// [`deadline`](Self::deadline) has come, then [`advance`](Self::advance).
///
/// ```
/// use linx::Netns;
/// use linx::mirror::Fleet;
/// use std::time::Instant;
///
/// let own = Netns::host()?;
/// let mut driver = Fleet::builder().template(|builder| builder.links()).only(vec![own.clone()]).driver()?;
/// let fleet = driver.fleet();
/// while !fleet.is_synced() {
///     driver.advance(Instant::now())?;
/// }
/// assert!(fleet.state(own.cookie()?).is_some());
/// # Ok::<(), linx::Error>(())
/// ```
pub struct FleetDriver {
    units: BTreeMap<u64, Unit>,
    poll: PollSet,
    watcher: Option<Watcher>,
    shared: Arc<FleetShared>,
    template: Template,
    names: Arc<Names>,
    buf: RecvBuf,
    due: BTreeSet<(Instant, u64)>,
    /// Which are held back: few, if any.
    holding: BTreeMap<u64, Holding>,
    /// What all logs take.
    log_bytes: usize,
    next_id: u64,
    round: u64,
    moves: Moves,
    audits: Audits,
    audit: Option<Duration>,
    /// Bytes of changes to hold of all namespaces, if that was told.
    hold: Option<usize>,
    spares: Spares,
    pace: Pace,
    /// The receive buffer that the template asked for, and what each has.
    rcvbuf: Option<(usize, usize)>,
    sockets: usize,
    /// Units that had more to read than one turn takes.
    is_behind: bool,
    /// The first, until it is asked for; afterwards whoever has one.
    fleet: Option<Fleet>,
    held: Weak<Held>,
}

impl FleetDriver {
    pub(super) fn new(template: Template, chosen: Option<Vec<Netns>>, hold: Option<usize>) -> Result<Self> {
        let fail = |error| Error::system(FLEET, error);
        let poll = PollSet::new().map_err(fail)?;
        let wake = Wake::new().map_err(fail)?;
        poll.add(&wake, WAKE).map_err(fail)?;
        let watcher = match chosen {
            Some(_) => None,
            None => Some(Watcher::new().map_err(fail)?),
        };
        if let Some(watcher) = &watcher {
            poll.add(watcher, WATCHER).map_err(fail)?;
        }
        let shared = Arc::new(FleetShared::new(wake));
        let fleet = Fleet::of(&shared);
        let now = Instant::now();
        let mut driver = Self {
            units: BTreeMap::new(),
            poll,
            watcher,
            shared,
            template,
            names: Arc::new(Names::load()),
            buf: RecvBuf::for_events(),
            due: BTreeSet::new(),
            holding: BTreeMap::new(),
            log_bytes: 0,
            next_id: 1,
            round: 0,
            moves: Moves::default(),
            audits: Audits::default(),
            audit: None,
            hold,
            spares: Spares::new(),
            pace: Pace::new(super::super::RCVBUF, now),
            rcvbuf: None,
            sockets: 0,
            is_behind: false,
            held: Arc::downgrade(&fleet.held),
            fleet: Some(fleet),
        };
        let found = chosen.as_ref().and_then(|_| discover().ok());
        for netns in chosen.into_iter().flatten() {
            let label = crate::handle::label_of(&netns);
            let cookie = netns.cookie().ok();
            let known = cookie.and_then(|cookie| found.as_ref()?.by_cookie(cookie)).cloned();
            let is_twice = cookie.is_some_and(|cookie| driver.by_cookie(cookie).is_some());
            if !is_twice {
                driver.add(
                    known.unwrap_or_else(|| Namespace::given(&label, cookie, &netns)),
                    Some(netns),
                    now,
                );
            }
        }
        Ok(driver)
    }

    /// The fleet that it drives. When its last clone is dropped, and this has been asked for, it ends.
    #[must_use]
    pub fn fleet(&mut self) -> Fleet {
        let another = || Some(Fleet { shared: Arc::clone(&self.shared), held: self.held.upgrade()? });
        self.fleet.take().or_else(another).unwrap_or_else(|| Fleet::of(&self.shared))
    }

    /// Whether each namespace that is known was entered, or could not be. That needs the privileges of the beginning, which
    /// may be given up afterwards where the namespaces are [chosen](super::FleetBuilder::only) and their mirrors
    /// [keep their sockets](Builder::keep_sockets).
    #[must_use]
    pub fn has_entered(&self) -> bool {
        self.units.values().all(|unit| unit.driver.is_some() || unit.member.lock().refused.is_some())
    }

    /// A handle to a namespace that was entered; of one that was not chosen, by its open file: until the handle is dropped,
    /// what is in the namespace stays when the namespace goes.
    #[must_use]
    pub fn netns(&self, cookie: u64) -> Option<Netns> {
        let unit = self.units.get(&self.by_cookie(cookie)?)?;
        Some(unit.driver.as_ref()?.handle().netns().clone())
    }

    /// Size that is asked for of each receive buffer, bytes: what the template says, or less, where many share the memory.
    /// `None` before the first namespace is entered.
    #[must_use]
    pub fn rcvbuf(&self) -> Option<usize> {
        self.rcvbuf.map(|(asked, each)| each.min(asked))
    }

    /// Forgets the changes that are held of a namespace, where they take more than `bytes`: for whoever has read all that
    /// the [watches](Fleet::watch) return. A watch that has not is told [`Lagged`](crate::mirror::Notice::Lagged).
    pub fn forget(&mut self, bytes: usize) {
        // What is held back has not been returned yet.
        let holding = &self.holding;
        let is_read = |(id, unit): &(&u64, &mut Unit)| unit.log_bytes > bytes && !holding.contains_key(*id);
        for (_, unit) in self.units.iter_mut().filter(is_read) {
            unit.driver.iter().for_each(|driver| driver.forget(bytes));
            self.log_bytes -= std::mem::take(&mut unit.log_bytes);
        }
    }

    /// When [`advance`](Self::advance) wants to be called, if its descriptor is not readable before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.due.first().map(|(due, _)| *due);
        let watcher = self.watcher.as_ref().map(Watcher::deadline);
        let at_once = (!self.holding.is_empty()).then(Instant::now);
        [due, watcher, self.audits.deadline(), at_once].into_iter().flatten().min()
    }

    /// Does what there is to do now: looks for namespaces, and reads what was announced in each, one turn a namespace. It
    /// does not wait for anything but the kernel's answers.
    ///
    /// # Errors
    /// `Unsubscribed` when it is over, `NamespaceGone` when all namespaces that were chosen are gone. Nothing else ends
    /// it: what fails is tried again.
    pub fn advance(&mut self, now: Instant) -> Result<()> {
        let is_woken = self.shared.wake.clear();
        let (ended, is_left) = {
            let guarded = self.shared.lock();
            (guarded.ended.clone(), guarded.is_left)
        };
        if let Some(error) = ended {
            return Err(error);
        }
        if is_left {
            return Err(self.end(ErrorKind::Unsubscribed));
        }
        self.spares.lend();
        let mut turns = self.readable();
        self.look(now);
        let mut entries = Vec::new();
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Some(unit) = self.units.get_mut(&id) else {
                self.due.remove(&(due, id));
                continue;
            };
            if unit.driver.is_none() && entries.len() >= ENTERED {
                break;
            }
            self.due.remove(&(due, id));
            unit.due = None;
            if unit.driver.is_none() {
                entries.push(id);
            } else {
                turns.insert(id);
            }
        }
        if is_woken {
            let asked = |unit: &Unit| unit.mirror.as_ref().is_some_and(|mirror| mirror.shared.is_asked());
            turns.extend(self.units.iter().filter(|(_, unit)| asked(unit)).map(|(id, _)| *id));
        }
        self.is_behind = false;
        for id in turns {
            self.turn(id, now);
        }
        self.compare(now);
        self.spares.refill();
        for id in entries {
            self.enter(id, now);
        }
        self.round += 1;
        self.release(now);
        self.shed();
        if self.watcher.is_none() && self.units.is_empty() {
            return Err(self.end(ErrorKind::NamespaceGone));
        }
        Ok(())
    }

    fn end(&mut self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, FLEET);
        let ids: Vec<u64> = self.units.keys().copied().collect();
        ids.into_iter().for_each(|id| self.drop_driver(id, &Error::new(ErrorKind::Unsubscribed, FLEET)));
        self.shared.end(error.clone());
        error
    }

    /// The namespaces of which something can be read.
    fn readable(&mut self) -> BTreeSet<u64> {
        let mut turns = BTreeSet::new();
        for _ in 0..LOOKS {
            let Ok(ready) = self.poll.wait(Some(Duration::ZERO)) else { break };
            let before = turns.len();
            turns.extend(ready.iter().filter(|token| **token < WATCHER).map(|token| token / TOKENS));
            // The kernel tells the next ones the next time, and the first ones again after the last.
            if turns.len() == before {
                break;
            }
        }
        turns.retain(|id| self.units.contains_key(id));
        turns
    }

    // ---- namespaces that come and go

    fn look(&mut self, now: Instant) {
        let Some(watcher) = &mut self.watcher else { return };
        let changes = match watcher.advance(now) {
            Ok(changes) => changes,
            Err(error) => {
                let error = Error::system("look for namespaces", error);
                self.spares.is_scarce |= is_scarce(&error);
                self.shared.lock().trouble = Some(error);
                return;
            }
        };
        let was_trouble = self.shared.lock().trouble.take().is_some();
        if was_trouble && changes.is_empty() {
            return;
        }
        let (mut gone, mut others) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Coming::Removed(namespace) => gone.push(namespace),
                other => others.push(other),
            }
        }
        for change in others {
            match change {
                Coming::Added(namespace) => {
                    // One whose identity could not be asked for before, or cannot now.
                    let is_same = |old: &Namespace| {
                        old.inode == namespace.inode && (old.cookie.is_none() || namespace.cookie.is_none())
                    };
                    match gone.iter().position(is_same) {
                        Some(at) => {
                            let old = gone.swap_remove(at);
                            self.rename(&old, namespace, now);
                        }
                        None => self.add(namespace, None, now),
                    }
                }
                Coming::Changed(namespace) => self.rename(&namespace.clone(), namespace, now),
                Coming::Removed(_) => {}
            }
        }
        for namespace in gone {
            if let Some(id) = self.find(&namespace) {
                self.remove(id);
            }
        }
    }

    fn by_cookie(&self, cookie: u64) -> Option<u64> {
        self.shared.lock().by_cookie.get(&cookie).copied()
    }

    fn find(&self, namespace: &Namespace) -> Option<u64> {
        if let Some(cookie) = namespace.cookie {
            return self.by_cookie(cookie);
        }
        let is_it = |unit: &&Unit| unit.member.lock().namespace.inode == namespace.inode;
        self.units.values().find(is_it).map(|unit| unit.member.id)
    }

    fn add(&mut self, namespace: Namespace, chosen: Option<Netns>, now: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        self.moves.came();
        let member = Arc::new(Member::new(id, namespace));
        self.shared.begin(&member);
        let unit = Unit {
            member,
            chosen,
            driver: None,
            mirror: None,
            due: None,
            pause: FIRST_PAUSE,
            seen: 0,
            is_synced: false,
            log_bytes: 0,
            events: 0,
            datagrams: 0,
            sockets: 0,
        };
        self.units.insert(id, unit);
        self.schedule(id, Some(now));
    }

    fn rename(&mut self, old: &Namespace, mut new: Namespace, now: Instant) {
        let Some(id) = self.find(old) else { return };
        let Some(unit) = self.units.get_mut(&id) else { return };
        // What is in it already stays in it, whatever may be asked of it now.
        new.cookie = new.cookie.or_else(|| unit.mirror.as_ref().map(Mirror::netns_cookie));
        let cookie = new.cookie;
        {
            let mut told = unit.member.lock();
            told.namespace = Arc::new(new);
            told.changes += 1;
        }
        let member = Arc::clone(&unit.member);
        let is_out = unit.driver.is_none();
        let mut guarded = self.shared.lock();
        if let Some(cookie) = cookie {
            guarded.by_cookie.insert(cookie, id);
        }
        self.shared.tell(&mut guarded, &member);
        drop(guarded);
        if is_out {
            self.schedule(id, Some(now));
        }
    }

    fn remove(&mut self, id: u64) {
        let gone = Error::new(ErrorKind::NamespaceGone, FLEET);
        self.drop_driver(id, &gone);
        let Some(unit) = self.units.remove(&id) else { return };
        if let Some(due) = unit.due {
            self.due.remove(&(due, id));
        }
        self.moves.gone(id);
        self.shared.finish(&unit.member);
        // A descriptor may be what others wait for.
        let now = Instant::now();
        let waiting: Vec<u64> =
            self.units.values().filter(|unit| unit.driver.is_none()).map(|unit| unit.member.id).collect();
        waiting.into_iter().for_each(|id| self.schedule(id, Some(now)));
    }

    /// Closes what is open in a namespace.
    fn drop_driver(&mut self, id: u64, why: &Error) {
        let Some(unit) = self.units.get_mut(&id) else { return };
        let Some(mut driver) = unit.driver.take() else { return };
        self.sockets = self.sockets.saturating_sub(std::mem::take(&mut unit.sockets));
        let label = unit.member.lock().namespace.name.clone();
        driver.end(why.clone().inside(&label));
        let inode = unit.member.lock().namespace.inode;
        unit.mirror = None;
        self.log_bytes -= std::mem::take(&mut unit.log_bytes);
        self.holding.remove(&id);
        self.audits.forget(id);
        if let Some(watcher) = &mut self.watcher {
            watcher.unpin(inode);
        }
    }

    fn schedule(&mut self, id: u64, due: Option<Instant>) {
        let Some(unit) = self.units.get_mut(&id) else { return };
        if unit.due == due {
            return;
        }
        if let Some(old) = unit.due {
            self.due.remove(&(old, id));
        }
        unit.due = due;
        if let Some(due) = due {
            self.due.insert((due, id));
        }
    }

    // ---- entering

    fn enter(&mut self, id: u64, now: Instant) {
        let Some(unit) = self.units.get(&id) else { return };
        let namespace = Arc::clone(&unit.member.lock().namespace);
        let outcome = match (&unit.chosen, &namespace.refused) {
            (None, Some(error)) if namespace.cookie.is_none() => {
                Err(Error::system(FLEET, error.clone()).inside(&namespace.name))
            }
            (chosen, _) => self.driver(id, &namespace, chosen.as_ref()),
        };
        match outcome {
            Ok(driver) => self.entered(id, driver, now),
            Err(error) => self.refused(id, error, now),
        }
    }

    fn driver(
        &self,
        id: u64,
        namespace: &Namespace,
        chosen: Option<&Netns>,
    ) -> Result<(Driver, usize, Option<Duration>)> {
        let fail = |error| Error::system(FLEET, error).inside(&namespace.name);
        let netns = match chosen {
            Some(netns) => netns.clone(),
            None if namespace.is_own => namespace.netns().map_err(fail)?,
            // By its file, which stays the same when its name goes or the process ends. It is closed with the sockets.
            None => namespace.netns().and_then(|netns| netns.open()).and_then(Netns::fd).map_err(fail)?,
        };
        let builder = Mirror::builder(&netns).names(Arc::clone(&self.names)).keep_sockets(false);
        let mut builder: Builder = (self.template)(builder).follow(chosen.is_some());
        // The fleet sees to that.
        let audit = builder.options.audit.take();
        let asked = builder.rcvbuf;
        if let Some((_, each)) = self.rcvbuf {
            builder.rcvbuf = each.min(asked);
        }
        let label = match chosen {
            Some(netns) => crate::handle::label_of(netns),
            None => namespace.name.clone(),
        };
        let seat =
            Seat { poll: self.poll.share(), wake: self.shared.wake.clone(), token: id * TOKENS, label };
        let driver = builder.seated(Some(seat))?;
        self.hold.iter().for_each(|bytes| driver.hold(*bytes));
        let cookie = driver.handle().netns_cookie();
        if namespace.cookie.is_some_and(|known| known != cookie) {
            return Err(Error::new(ErrorKind::NamespaceGone, FLEET).inside(&namespace.name));
        }
        Ok((driver, asked, audit))
    }

    fn entered(&mut self, id: u64, entered: (Driver, usize, Option<Duration>), now: Instant) {
        let (driver, asked, audit) = entered;
        let (mirror, cookie) = (driver.mirror(), driver.handle().netns_cookie());
        if self.by_cookie(cookie).is_some_and(|other| other != id) {
            // Given twice, by different means.
            drop(driver);
            return self.remove(id);
        }
        self.spares.is_scarce = false;
        self.audit = audit;
        let Some(unit) = self.units.get_mut(&id) else { return };
        unit.sockets = driver.sockets();
        self.sockets += unit.sockets;
        unit.driver = Some(driver);
        unit.mirror = Some(mirror.clone());
        (unit.pause, unit.seen, unit.is_synced) = (FIRST_PAUSE, 0, false);
        (unit.events, unit.datagrams) = (0, 0);
        let member = Arc::clone(&unit.member);
        let mut guarded = self.shared.lock();
        guarded.by_cookie.insert(cookie, id);
        {
            let mut told = member.lock();
            if told.namespace.cookie != Some(cookie) {
                told.namespace = Arc::new(Namespace { cookie: Some(cookie), ..(*told.namespace).clone() });
            }
            told.enter(mirror);
        }
        drop(guarded);
        self.pin(id, cookie);
        self.share_memory(asked);
        // All have buffers of one size, where they have the same privileges.
        let entered = self.units.get(&id).and_then(|unit| unit.driver.as_ref());
        if let Some(bytes) = entered.and_then(Driver::rcvbuf_bytes) {
            self.pace.bound(bytes);
        }
        self.turn(id, now);
    }

    /// What is open in a namespace keeps its inode from being another's: it need not be asked again who it is.
    fn pin(&mut self, id: u64, cookie: u64) {
        let (Some(watcher), Some(unit)) = (&mut self.watcher, self.units.get(&id)) else { return };
        let inode = unit.member.lock().namespace.inode;
        watcher.pin(inode, cookie);
    }

    fn refused(&mut self, id: u64, error: Error, now: Instant) {
        self.spares.is_scarce |= is_scarce(&error);
        let Some(unit) = self.units.get_mut(&id) else { return };
        let due = now + unit.pause;
        unit.pause = (unit.pause * 2).min(LONGEST_PAUSE);
        let member = Arc::clone(&unit.member);
        let is_over = unit.chosen.is_some() && error.kind == ErrorKind::NamespaceGone;
        let is_news = member.lock().refuse(error);
        {
            let mut guarded = self.shared.lock();
            guarded.stats.refusals += 1;
            if is_news {
                self.shared.tell(&mut guarded, &member);
            }
        }
        if is_over {
            return self.remove(id);
        }
        self.schedule(id, Some(due));
    }

    /// Receive buffers of all take a part of the memory.
    fn share_memory(&mut self, asked: usize) {
        let each = budget::rcvbuf(asked, self.sockets);
        if self.rcvbuf == Some((asked, each)) {
            return;
        }
        self.rcvbuf = Some((asked, each));
        self.units
            .values_mut()
            .filter_map(|unit| unit.driver.as_mut())
            .for_each(|driver| driver.set_rcvbuf(each));
    }

    // ---- turns

    /// One namespace's turn.
    fn turn(&mut self, id: u64, now: Instant) {
        let Some(unit) = self.units.get_mut(&id) else { return };
        let Some(driver) = &mut unit.driver else { return };
        match driver.advance_with(now, &mut self.buf) {
            Ok(()) => {
                let due = driver.due(Instant::now());
                self.is_behind |= driver.is_behind();
                let datagrams = driver.datagrams();
                (unit.datagrams..datagrams).for_each(|_| self.pace.event());
                unit.datagrams = datagrams;
                self.schedule(id, due);
                self.collect(id, now);
            }
            Err(error) => {
                let is_over = unit.chosen.is_some() && error.kind == ErrorKind::NamespaceGone;
                self.collect(id, now);
                self.drop_driver(id, &error);
                if is_over {
                    return self.remove(id);
                }
                self.refused(id, error, now);
            }
        }
    }

    /// Passes on what was told in a turn.
    fn collect(&mut self, id: u64, now: Instant) {
        let Some(unit) = self.units.get_mut(&id) else { return };
        let Some(mirror) = unit.mirror.clone() else { return };
        let (mut moving, end, events) = {
            let guarded = mirror.shared.lock();
            let core = &guarded.core;
            let moving: Vec<(u64, Delta)> = core.log.since(unit.seen).filter_map(moves).collect();
            let before = std::mem::replace(&mut unit.log_bytes, core.log.heap_bytes());
            self.log_bytes = self.log_bytes - before + unit.log_bytes;
            (moving, core.log.end(), core.stats.events)
        };
        let was_synced = std::mem::replace(&mut unit.is_synced, mirror.is_synced());
        if !unit.is_synced {
            return;
        }
        let is_new = !was_synced;
        let is_told = is_new || end != unit.seen;
        unit.seen = end;
        if unit.events != events {
            unit.events = events;
            self.audits.stir(id);
        }
        let member = Arc::clone(&unit.member);
        let mut first_new = None;
        for (place, delta) in moving.drain(..) {
            if delta.moved_to().is_some() {
                self.depart(id, &delta, now);
            } else if !self.arrive(&member, &delta, now) && first_new.is_none() {
                first_new = Some(place);
            }
        }
        if is_new {
            self.audits.begin(id, self.audit, now);
        }
        if let Some(place) = first_new.filter(|_| self.units.len() > 1) {
            let round = self.round;
            self.holding.entry(id).or_insert(Holding { place, since: now, round }).round = round;
        }
        if is_told {
            self.show(id);
        }
    }

    /// Lets the watches read a namespace, up to where it is held back.
    fn show(&self, id: u64) {
        let Some(unit) = self.units.get(&id) else { return };
        let until = self.holding.get(&id).map_or(unit.seen, |holding| holding.place);
        {
            let mut told = unit.member.lock();
            told.until = until;
            told.is_synced = unit.is_synced;
        }
        let mut guarded = self.shared.lock();
        self.shared.tell(&mut guarded, &unit.member);
    }

    /// Compares a namespace with the kernel when it is its turn.
    fn compare(&mut self, now: Instant) {
        let Some(id) = self.audits.next(now) else { return };
        self.audits.begin(id, self.audit, now);
        let Some(mirror) = self.units.get(&id).and_then(|unit| unit.mirror.clone()) else { return };
        {
            let mut guarded = mirror.shared.lock();
            guarded.core.audit_now(now);
            guarded.core.stats.audits += 1;
            guarded.audits_rules = true;
        }
        let begun = Instant::now();
        self.turn(id, begun);
        let end = Instant::now();
        self.audits.took(end.saturating_duration_since(begun), end);
        self.shared.lock().stats.audits += 1;
    }

    /// Logs take a bounded amount of memory: the largest is shortened first.
    fn shed(&mut self) {
        while self.log_bytes > self.hold.unwrap_or(LOGS) {
            let Some(unit) = self.units.values_mut().max_by_key(|unit| unit.log_bytes) else { return };
            let Some(mirror) = &unit.mirror else { return };
            let most = unit.log_bytes - unit.log_bytes / 4;
            let mut guarded = mirror.shared.lock();
            guarded.core.log.shed(most.min(unit.log_bytes.saturating_sub(1)));
            let left = guarded.core.log.heap_bytes();
            self.log_bytes = self.log_bytes - unit.log_bytes + left;
            unit.log_bytes = left;
        }
    }

    /// Waits until there is something to do. A busy fleet sleeps a little instead, so that announcements gather.
    pub(super) fn wait(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(nap) = self.pace.empty(now) {
            std::thread::sleep(nap);
            return Ok(());
        }
        let left = self.deadline().map(|due| due.saturating_duration_since(now));
        self.poll.wait(left).map_err(|error| Error::system(FLEET, error)).map(|_| ())
    }

    /// Whether all namespaces that are known were read, or could not be entered.
    pub(super) fn is_settled(&self) -> bool {
        let has_looked = self
            .watcher
            .as_ref()
            .is_none_or(|watcher| !watcher.namespaces().is_empty() || self.shared.lock().trouble.is_some());
        has_looked && self.units.values().all(|unit| unit.is_synced || unit.member.lock().refused.is_some())
    }
}

fn is_scarce(error: &Error) -> bool {
    matches!(error.errno(), Some(EMFILE | ENFILE))
}

impl AsFd for FleetDriver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

impl Drop for FleetDriver {
    fn drop(&mut self) {
        self.end(ErrorKind::Unsubscribed);
    }
}

impl fmt::Debug for FleetDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetDriver").field("namespaces", &self.units.len()).finish_non_exhaustive()
    }
}
