//! Readings: what is to be read again, when, and what follows from it. No I/O, no clock.
//!
//! A reading is a dump between two looks at the sockets: the driver feeds all that has been announced, dumps, and takes
//! what was announced meanwhile. Then
//!
//! 1. what differs from the state is published as deltas, but not of objects about which something was announced
//!    meanwhile: their announcements say better what they are, and who did it;
//! 2. these announcements are fed;
//! 3. objects of the second sort that are now not as they were read are read again, until nothing is announced meanwhile.
//!
//! What is missing from a dump that the kernel tore in silence (rules, neighbours; KERNEL.md 3.5), or said to have torn,
//! or cut short, is not taken to be gone: it is read again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linx_wire::Kind;
use linx_wire::addr::family;
use linx_wire::header::Messages;
use linx_wire::route::{LinkView, NeighbourView, ObjectRef, Operation, RouteView, RuleAction, RuleView};

use super::core::{Core, Lane};
use super::delta::{Cause, Trigger, Why};
use super::identity::{self, Hashes};
use super::implied::{self, Fact, Reach, Scope};
use super::options::Options;
use super::state::KINDS;
use super::table::{Bulk, Table};
use crate::key::Key;
use crate::request::after;

/// Pause before something is read again that did not hold still; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause: how old the state may get while a storm lasts, beside the time that a reading takes.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A loss so long after the last begins with the first pause again.
const CALM: Duration = Duration::from_secs(10);
/// Readings of a kind take at most one part in so many of the time.
const SHARE: u32 = 4;
/// Least time between the readings of one kind.
const GAP: Duration = Duration::from_millis(2);
/// Readings of routes by link that wait; if there are more, all routes are read.
const MOST_BY_LINK: usize = 8;
/// Longest time between comparisons of everything; a longer one is never.
const LONGEST_AUDIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Reasons that a reading remembers.
const MOST_REASONS: usize = 64;
/// Every namespace has this link.
const LOOPBACK: u32 = 1;
/// Links that are asked for before a reading.
const MOST_FENCES: usize = 16;
/// Attempts after which it does not matter to what nothing accounts for that something else was announced meanwhile.
const DOUBTFUL_ATTEMPTS: u32 = 8;
/// Attempts after which the first state is taken as it is; what is uncertain is read again later.
const FIRST_ATTEMPTS: u32 = 6;
/// How long the first state waits for what follows from changes that go on meanwhile.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// Why something is read again, and what that can account for.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) cause: Cause,
    pub(super) reach: Reach,
    pub(super) trigger: Option<Trigger>,
}

impl Reason {
    /// What stands for all reasons beyond those that are remembered.
    fn beyond() -> Self {
        let what = Arc::from(format!("more than {MOST_REASONS} changes"));
        let trigger = Some(Trigger { revision: None, what });
        Self { cause: Cause::Implied, reach: Reach::All, trigger }
    }

    pub(super) fn is_beyond(&self) -> bool {
        self.cause == Cause::Implied && self.reach == Reach::All
    }
}

/// Something to read again.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) scope: Scope,
    pub(super) reasons: Vec<Reason>,
    /// The lanes whose loss it repairs, as bits.
    pub(super) doubts: u8,
    /// Those of them for which nothing was read yet.
    unread: u8,
    due: Instant,
    /// How often all sockets had been read to their end when it was added.
    added: u64,
    pub(super) attempts: u32,
    /// Something was announced while it was read, or lost, that may account for what it shows.
    pub(super) is_doubtful: bool,
    /// It is read before the links for which it should have waited, and once more after them.
    is_early: bool,
}

impl Task {
    /// The links at which to wait for what was announced to be carried out, or whose announcement was lost; none where the
    /// list waits by itself. To ask for a link also runs its link watch (`linkwatch_sync_dev`), which is late otherwise.
    pub(super) fn fences(&self) -> Vec<u32> {
        let implied = self.reasons.iter().filter(|reason| reason.cause == Cause::Implied);
        let link = |reason: &Reason| match reason.reach {
            Reach::Link(index) | Reach::Address(index, _) => index,
            _ => LOOPBACK,
        };
        let mut links: Vec<u32> = implied.map(link).take(MOST_FENCES).collect();
        if links.is_empty() && !matches!(self.scope.kind, Kind::Link | Kind::NextHop) {
            links.push(LOOPBACK);
        }
        links.sort_unstable();
        links.dedup();
        links
    }

    pub(super) fn has(&self, cause: Cause) -> bool {
        self.reasons.iter().any(|reason| reason.cause == cause)
    }

    fn is_only(&self, cause: Cause) -> bool {
        self.reasons.iter().all(|reason| reason.cause == cause)
    }

    /// Whether it follows from announcements alone, so that the state tells what of it is to be read.
    fn follows(&self) -> bool {
        self.doubts == 0 && self.is_only(Cause::Implied) && !self.reasons.iter().any(Reason::is_beyond)
    }
}

/// How readings of a kind went.
#[derive(Clone, Copy, Debug)]
struct Pace {
    ended: Instant,
    cost: Duration,
}

/// How losses of a lane followed each other.
#[derive(Clone, Copy, Debug)]
struct Losses {
    last: Instant,
    pause: Duration,
}

/// What is to be read again.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    list: Vec<Task>,
    /// The doubts that the reading which is under way repairs.
    running: u8,
    /// The kind that is being read.
    reading: Option<Kind>,
    /// Links that are gone, and what is on them with them.
    sweeps: Vec<(u32, Option<u64>)>,
    /// Rules and IPv6 routes of which there is more than one to the letter.
    twice: HashSet<Key>,
    paces: HashMap<Kind, Pace>,
    losses: HashMap<Lane, Losses>,
    /// How often a kind was read, before the first state was there.
    tries: HashMap<Kind, u32>,
    /// How often all sockets were read to their end.
    drains: u64,
    /// The rule set of nf_tables is to be pulled.
    is_pulling: bool,
    pub(super) audit_due: Option<Instant>,
    audit_cost: Duration,
    audits: u32,
}

impl Tasks {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds what is to be read; what is read anyway is not read twice for it.
    pub(super) fn add(
        &mut self,
        scope: Scope,
        cause: Cause,
        reach: Reach,
        trigger: Option<Trigger>,
        doubts: u8,
        now: Instant,
    ) {
        let mut task = Task {
            scope,
            reasons: vec![Reason { cause, reach, trigger }],
            doubts,
            unread: doubts,
            due: self.earliest(scope.kind, doubts, now),
            added: self.drains,
            attempts: 0,
            is_doubtful: false,
            is_early: false,
        };
        self.merge(&mut task);
        let by_link = |task: &&Task| task.scope.kind == Kind::Route && task.scope.index.is_some();
        if self.list.iter().filter(by_link).count() >= MOST_BY_LINK && by_link(&&task) {
            task.scope = Scope::all(Kind::Route);
            self.merge(&mut task);
        }
        self.list.push(task);
    }

    /// Takes in all tasks that this one covers, and those that cover it.
    fn merge(&mut self, task: &mut Task) {
        let mut at = 0;
        while let Some(other) = self.list.get(at) {
            if !task.scope.covers(&other.scope) && !other.scope.covers(&task.scope) {
                at += 1;
                continue;
            }
            let other = self.list.swap_remove(at);
            if other.scope.covers(&task.scope) {
                task.scope = other.scope;
            }
            task.doubts |= other.doubts;
            task.unread |= other.unread;
            task.due = task.due.min(other.due);
            task.added = task.added.max(other.added);
            task.attempts = task.attempts.max(other.attempts);
            for reason in other.reasons {
                let is_known = |known: &Reason| known.cause == reason.cause && known.reach == reason.reach;
                if task.reasons.iter().any(is_known) {
                    continue;
                }
                // What is to be read whatever the state tells is not forgotten.
                if task.reasons.len() < MOST_REASONS || matches!(reason.cause, Cause::Resync | Cause::Audit) {
                    task.reasons.push(reason);
                } else if !task.reasons.iter().any(Reason::is_beyond) {
                    task.reasons.push(Reason::beyond());
                }
            }
        }
    }

    /// When a kind may be read again.
    fn earliest(&self, kind: Kind, doubts: u8, now: Instant) -> Instant {
        let mut due = now;
        if let Some(pace) = self.paces.get(&kind) {
            due = due.max(pace.ended + (pace.cost * (SHARE - 1)).clamp(GAP, LONGEST_PAUSE));
        }
        for (lane, losses) in &self.losses {
            if doubts & lane.bit() != 0 && losses.pause > FIRST_PAUSE {
                due = due.max(losses.last + losses.pause);
            }
        }
        due
    }

    /// Announcements of a lane were lost: where that goes on after it was read again, it takes longer until the next time.
    /// What is to be read anyway is not put off by it: under a storm there is a loss every moment.
    pub(super) fn lost(&mut self, lane: Lane, now: Instant) {
        let is_pending = self.list.iter().any(|task| task.doubts & lane.bit() != 0);
        let losses = self.losses.entry(lane).or_insert(Losses { last: now, pause: FIRST_PAUSE / 2 });
        if !is_pending {
            let is_calm = now.saturating_duration_since(losses.last) > CALM;
            losses.pause = if is_calm { FIRST_PAUSE } else { (losses.pause * 2).min(LONGEST_PAUSE) };
        }
        losses.last = now;
    }

    pub(super) fn is_in_doubt(&self, bit: u8) -> bool {
        if bit == Lane::Nft.bit() {
            return self.is_pulling;
        }
        (self.running | self.list.iter().fold(0, |bits, task| bits | task.doubts)) & bit != 0
    }

    /// Whether everything was read once. What never held still is read again later; and where changes go on and on, there
    /// is always something that follows from the last ones: that is not waited for longer than `is_late` says.
    pub(super) fn is_read(&self, is_late: bool) -> bool {
        let was_tried = |task: &Task| {
            let tries = self.tries.get(&task.scope.kind).copied().unwrap_or_default();
            // What was lost is told to be in doubt.
            let enough = if task.doubts == 0 { FIRST_ATTEMPTS } else { 1 };
            task.attempts.max(tries) >= enough || !task.has(Cause::Resync)
        };
        let is_enough = |task: &Task| task.attempts >= FIRST_ATTEMPTS || is_late && was_tried(task);
        !self.is_pulling && self.list.iter().all(is_enough)
    }

    /// Whether the rule set of nf_tables is to be pulled.
    #[cfg(feature = "nft")]
    pub(super) fn set_pulling(&mut self, is_pulling: bool) {
        self.is_pulling = is_pulling;
    }

    /// Whether objects of a kind are to be read, or are being read.
    pub(super) fn reads(&self, kind: Kind) -> bool {
        self.reading == Some(kind) || self.list.iter().any(|task| task.scope.kind == kind)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let waits = self.waits_for_links();
        let due = |task: &Task| if waits(task) { after(task.due, LONGEST_PAUSE) } else { task.due };
        let due = self.list.iter().map(due).min();
        // The next comparison waits for the end of the last.
        let audit = self.audit_due.filter(|_| !self.is_auditing());
        due.into_iter().chain(audit).min()
    }

    fn is_auditing(&self) -> bool {
        self.list.iter().any(|task| task.has(Cause::Audit))
    }

    /// After a loss, links are read before what is on them: until then it is not known which announcements of links are of
    /// a change, from which something else follows.
    fn waits_for_links(&self) -> impl Fn(&Task) -> bool + use<> {
        let links = self.list.iter().filter(|task| task.scope.kind == Kind::Link);
        let unread = links.fold(0, |bits, task| bits | task.unread);
        move |task| task.scope.kind != Kind::Link && task.unread & unread != 0
    }

    fn take_due(&mut self, now: Instant) -> Option<Task> {
        let rank = |task: &Task| KINDS.iter().position(|kind| *kind == task.scope.kind);
        let waits = self.waits_for_links();
        // Where there is always more to receive, it is read without being judged in the end.
        let is_ready =
            |task: &Task| !task.follows() || self.can_judge(task) || now >= task.due + LONGEST_PAUSE;
        // Where each reading of the links loses something, what is on them would never be read.
        let is_in_turn = |task: &Task| !waits(task) || now >= after(task.due, LONGEST_PAUSE);
        let is_due = |task: &Task| task.due <= now && is_in_turn(task) && is_ready(task);
        let due = self.list.iter().enumerate().filter(|(_, task)| is_due(task));
        let (at, task) = due.min_by_key(|(_, task)| (rank(task), task.due))?;
        let is_early = waits(task);
        Some(Task { is_early, ..self.list.swap_remove(at) })
    }

    /// All sockets were read to their end, and all of it was fed.
    pub(super) fn drained(&mut self) {
        self.drains += 1;
    }

    /// Whether the state can tell what of a task is to be read: the sockets are read one after the other, so what was
    /// announced on one before the trigger on another may be fed after it. Once all were read again, it has been.
    fn can_judge(&self, task: &Task) -> bool {
        self.drains >= task.added + 2
    }

    /// Whether anything may be there twice.
    pub(super) fn has_twins(&self) -> bool {
        !self.twice.is_empty()
    }

    /// Notes that a rule or a route is there twice, or takes the note back: whether it was.
    pub(super) fn twice(&mut self, key: Key, is_twice: bool) -> bool {
        if is_twice { self.twice.insert(key) } else { self.twice.remove(&key) }
    }

    /// A link is gone, which was told with this revision.
    pub(super) fn sweep(&mut self, index: u32, revision: Option<u64>) {
        self.sweeps.push((index, revision));
    }

    pub(super) fn is_to_be_swept(&self, index: u32) -> bool {
        self.sweeps.iter().any(|(swept, _)| *swept == index)
    }
}

/// What a reading has found so far.
pub(super) struct Reading {
    pub(super) task: Task,
    read: Bulk,
    /// The same, when the dump is over.
    pub(super) fresh: Table,
    hashes: Hashes,
    /// What is there twice, to the letter.
    twins: Vec<Key>,
    begun: Instant,
    /// What is missing from it may be there.
    pub(super) is_partial: bool,
    /// It is to be read again for that.
    pub(super) is_torn: bool,
    /// Announcements were lost while it was read, which is not told yet.
    pub(super) is_losing: bool,
}

impl Reading {
    /// Takes an object that was dumped.
    #[inline]
    pub(super) fn take(&mut self, object: &ObjectRef<'_>, payload: &[u8], options: &Options) {
        let is_wanted = options.wants(object) || object.kind() == Kind::Link;
        if !is_wanted || !self.task.scope.holds(object) {
            return;
        }
        let (kind, hash) = (object.kind(), self.hashes.object(object));
        debug_assert_eq!(kind, self.task.scope.kind);
        self.read.push(hash, 0, payload);
    }

    /// The dump is over: what it showed, in order. What it showed twice counts once, as it was shown last.
    pub(super) fn seal(&mut self) {
        if self.read.is_empty() {
            return;
        }
        let kind = self.task.scope.kind;
        let twins = &mut self.twins;
        self.fresh = std::mem::take(&mut self.read).finish(|a, b| {
            let Some((a, b)) = identity::borrowed(kind, a).zip(identity::borrowed(kind, b)) else {
                return false;
            };
            let is_same = identity::is_same(&a, &b);
            if is_same && matches!(kind, Kind::Rule | Kind::Route) {
                twins.push(Key::of(&b));
            }
            is_same
        });
    }

    /// Whether the kernel leaves an IPv6 route out of its lists: one without a gateway, or by a next hop object, that stands
    /// among the hops of a set of the same destination and metric is there, and not shown (KERNEL.md 4.3).
    pub(super) fn hides(&self, hash: u32, object: &ObjectRef<'_>) -> bool {
        let ObjectRef::Route(route) = object else { return false };
        // Where announcements were lost, that of its end may be among them; and some ends are not announced.
        let may_have_gone = self.task.doubts != 0
            || self.task.reasons.iter().any(|it| {
                let is_meant = it.cause == Cause::Implied || matches!(it.reach, Reach::Victim(_));
                is_meant && it.reach.explains(object, hash)
            });
        let is_plain = route.nhid().is_some() || route.gateway().is_none() && route.hops().next().is_none();
        if may_have_gone || route.family() != family::INET6 || !is_plain {
            return false;
        }
        self.fresh.of(hash).any(|record| match identity::borrowed(Kind::Route, record.bytes) {
            Some(ObjectRef::Route(set)) => {
                set.hops().nth(1).is_some() && identity::is_same_place(&set, route)
            }
            _ => false,
        })
    }

    pub(super) fn find(&self, hash: u32, object: &ObjectRef<'_>) -> Option<&[u8]> {
        let kind = object.kind();
        self.fresh.of(hash).map(|record| record.bytes).find(|payload| {
            identity::borrowed(kind, payload).is_some_and(|known| identity::is_same(&known, object))
        })
    }
}

/// A reading whose differences were published, until what was announced meanwhile is fed.
pub(super) struct Concluded {
    reading: Reading,
    touched: HashSet<u32>,
    is_unsettled: bool,
}

impl Core {
    /// The next reading that is due; what need not be read any more is left out.
    pub(super) fn next_reading(&mut self, now: Instant) -> Option<Reading> {
        self.audit(now);
        while let Some(mut task) = self.tasks.take_due(now) {
            if !self.refine(&mut task) {
                // It may have been the last that the first state waited for.
                self.begin_if_read(now);
                continue;
            }
            (self.tasks.running, self.tasks.reading) = (task.doubts, Some(task.scope.kind));
            self.stats.readings += 1;
            return Some(Reading {
                task,
                read: Bulk::default(),
                fresh: Table::new(),
                hashes: self.state.hashes.clone(),
                twins: Vec::new(),
                begun: now,
                is_partial: false,
                is_torn: false,
                is_losing: false,
            });
        }
        None
    }

    /// Adds a comparison of everything when it is time.
    fn audit(&mut self, now: Instant) {
        let Some(interval) = self.options.audit.filter(|_| self.synced && self.options.has_rtnetlink())
        else {
            return;
        };
        let Some(due) = self.tasks.audit_due else {
            self.tasks.audit_due = Some(jittered(now, interval, self.state.netns));
            return;
        };
        if due > now || self.tasks.is_auditing() {
            return;
        }
        self.audit_now(now);
        // At most one part in a hundred of the time.
        let interval = interval.max(self.tasks.audit_cost.saturating_mul(100));
        self.tasks.audit_cost = Duration::ZERO;
        self.tasks.audits = self.tasks.audits.wrapping_add(1);
        self.stats.audits += 1;
        self.tasks.audit_due =
            Some(jittered(now, interval, self.state.netns ^ u64::from(self.tasks.audits) << 32));
    }

    /// Compares everything now.
    pub(super) fn audit_now(&mut self, now: Instant) {
        for kind in self.options.held() {
            self.tasks.add(Scope::all(kind), Cause::Audit, Reach::All, None, 0, now);
        }
    }

    /// Narrows what is to be read to what may have changed; false when nothing can have.
    fn refine(&self, task: &mut Task) -> bool {
        if !task.follows() || !self.tasks.can_judge(task) {
            return true;
        }
        match task.scope.kind {
            Kind::Route => self.refine_routes(task),
            Kind::Rule => self
                .state
                .rules()
                .iter()
                .any(|rule| rule.action() == RuleAction::Goto || implied::has_device(&rule)),
            Kind::NextHop => !self.state.nexthops.is_empty(),
            Kind::Neighbour => {
                let mut held = self.state.neighbours().iter();
                match task.scope.index {
                    Some(index) => held.any(|it| it.index() == index && it.is_proxy()),
                    None => held.any(|it| it.is_fdb()),
                }
            }
            Kind::Link | Kind::Address => {
                task.scope.index.is_none_or(|index| self.facts.contains_key(&index))
            }
            _ => true,
        }
    }

    fn refine_routes(&self, task: &mut Task) -> bool {
        let (mut indices, mut all, mut some) = (HashSet::new(), false, false);
        for (hash, record) in self.state.routes.iter() {
            let Some(object @ ObjectRef::Route(route)) = identity::borrowed(Kind::Route, record.bytes) else {
                continue;
            };
            if !task.scope.is_of_family(route.family()) {
                continue;
            }
            for reason in &task.reasons {
                if !reason.reach.explains(&object, hash) {
                    continue;
                }
                some = true;
                match reason.reach {
                    // Of a route by an object, a hop may go without leaving the others' link.
                    _ if route.nhid().is_some() => all = true,
                    Reach::Link(index) => _ = indices.insert(index),
                    Reach::Address(index, _) if identity::leads_over(&route, index) => {
                        _ = indices.insert(index);
                    }
                    _ => all = true,
                }
            }
            if all {
                break;
            }
        }
        let is_gone = |index: &u32| !self.facts.contains_key(index);
        let only = if indices.len() == 1 { indices.iter().next().copied() } else { None };
        task.scope.index = only.filter(|index| !all && !is_gone(index));
        some
    }

    /// The dump is over: publishes what it shows to be different, unless something was announced about it meanwhile
    /// (`pending`, of all lanes).
    pub(super) fn conclude(
        &mut self,
        mut reading: Reading,
        pending: &[&[u8]],
        time: SystemTime,
        now: Instant,
    ) -> Concluded {
        reading.seal();
        let kind = reading.task.scope.kind;
        self.tick(now);
        let (mut touched, is_disturbed) = self.touched(kind, pending);
        if !self.options.drain {
            touched.clear();
        }
        let is_busy = pending.iter().any(|bytes| !bytes.is_empty());
        // What was fed after the reading had been chosen may account for it.
        let is_to_be_read = self.tasks.list.iter().any(|task| task.scope.kind == kind);
        reading.task.is_doubtful =
            reading.is_losing || (is_busy || is_to_be_read) && reading.task.attempts < DOUBTFUL_ATTEMPTS;
        // The kernel does not say that it tore these.
        let is_silently_torn = is_disturbed && matches!(kind, Kind::Rule | Kind::Neighbour);
        reading.is_torn |= is_silently_torn;
        let mut is_unsettled = reading.is_torn;
        reading.is_partial |= reading.is_torn;
        if kind == Kind::Link {
            self.mark_here();
            self.links_read(&reading, &touched, time, now);
        }
        if self.options.holds(kind) {
            is_unsettled |= !self.publish(&reading, &touched, time);
        }
        for key in reading.twins.drain(..) {
            self.tasks.twice(key, true);
        }
        let cost = now.saturating_duration_since(reading.begun);
        self.tasks.paces.insert(kind, Pace { ended: now, cost });
        if reading.task.reasons.iter().any(|reason| reason.cause == Cause::Audit) {
            self.tasks.audit_cost += cost;
        }
        Concluded { reading, touched, is_unsettled }
    }

    /// What was announced meanwhile has been fed: whatever is not as it was read is read again.
    pub(super) fn verify(&mut self, concluded: Concluded, time: SystemTime, now: Instant) {
        let Concluded { reading, touched, mut is_unsettled } = concluded;
        let kind = reading.task.scope.kind;
        if self.options.holds(kind) {
            is_unsettled |= touched.iter().any(|hash| !self.agrees(&reading, *hash));
        }
        (self.tasks.running, self.tasks.reading) = (0, None);
        if !self.synced && reading.task.has(Cause::Resync) {
            *self.tasks.tries.entry(kind).or_default() += 1;
        }
        if is_unsettled || reading.task.is_early {
            let Task { scope, reasons, doubts, unread, added, attempts, is_early, .. } = reading.task;
            let pause = FIRST_PAUSE.saturating_mul(1 << attempts.min(10)).min(LONGEST_PAUSE);
            let attempts = attempts + 1;
            let mut task = Task {
                scope,
                reasons,
                doubts,
                unread: if is_early { unread } else { 0 },
                due: now + pause,
                added,
                attempts,
                is_doubtful: false,
                is_early: false,
            };
            self.tasks.merge(&mut task);
            self.tasks.list.push(task);
        }
        self.begin_if_read(now);
        self.settle(time, now);
    }

    /// The objects of a kind that announcements are about, and whether any of these came or went.
    fn touched(&self, kind: Kind, pending: &[&[u8]]) -> (HashSet<u32>, bool) {
        let (mut touched, mut is_disturbed) = (HashSet::new(), false);
        let messages = pending.iter().flat_map(|bytes| Messages::new(bytes).map_while(Result::ok));
        for message in messages {
            let decoded = ObjectRef::decode(message.header.message_type, message.payload);
            let Some((op, object)) = decoded.ok().flatten().filter(|(_, object)| object.kind() == kind)
            else {
                continue;
            };
            touched.insert(self.state.hashes.object(&object));
            is_disturbed |= op == Operation::Del || self.state.find(&object).is_none();
        }
        (touched, is_disturbed)
    }

    /// Whether the objects of one hash are as they were read.
    fn agrees(&self, reading: &Reading, hash: u32) -> bool {
        let kind = reading.task.scope.kind;
        let compare = self.compare(Cause::Event);
        let held = self.state.table(kind).into_iter().flat_map(|table| table.of(hash));
        let held: Vec<_> = held
            .filter_map(|record| identity::borrowed(kind, record.bytes))
            .filter(|object| reading.task.scope.holds(object))
            .collect();
        let held: Vec<_> = held.into_iter().filter(|object| !reading.hides(hash, object)).collect();
        let read = reading.fresh.of(hash).filter_map(|record| identity::borrowed(kind, record.bytes));
        held.len() == read.filter(|object| self.is_told(object)).count()
            && held.iter().all(|object| {
                let read = reading.find(hash, object).and_then(|payload| identity::borrowed(kind, payload));
                read.is_some_and(|read| identity::is_equal(&read, object, compare))
            })
    }

    /// A reading failed: it is tried again later.
    pub(super) fn put_off(&mut self, reading: Reading, now: Instant) {
        (self.tasks.running, self.tasks.reading) = (0, None);
        let mut task = Task { due: now + FIRST_PAUSE, ..reading.task };
        self.tasks.merge(&mut task);
        self.tasks.list.push(task);
    }

    /// Links were read: what is known of each, for what follows from it.
    fn links_read(&mut self, reading: &Reading, touched: &HashSet<u32>, time: SystemTime, now: Instant) {
        let fresh = reading.fresh.clone();
        let mut seen = HashSet::new();
        for (hash, record) in fresh.iter() {
            let Some(ObjectRef::Link(link)) = identity::borrowed(Kind::Link, record.bytes) else { continue };
            seen.insert(link.index());
            if touched.contains(&hash) && self.facts.contains_key(&link.index()) {
                continue;
            }
            self.name_link(&link);
            let (before, after) = (self.facts.get(&link.index()).cloned(), Fact::of(&link));
            if before.as_ref() != Some(&after) {
                let before = before.filter(|_| self.synced);
                if before.is_some() || self.synced {
                    self.follow_link(link.index(), before.as_ref(), Some(after), now);
                } else {
                    self.facts.insert(link.index(), after);
                }
            }
        }
        if reading.is_partial {
            return;
        }
        let gone: Vec<u32> = self
            .facts
            .keys()
            .copied()
            .filter(|index| {
                !seen.contains(index)
                    && reading.task.scope.index.is_none_or(|only| only == *index)
                    && !touched.contains(&self.state.hashes.link(*index))
            })
            .collect();
        for index in gone {
            let before = self.facts.get(&index).cloned();
            self.tasks.sweep(index, None);
            self.follow_link(index, before.as_ref(), None, now);
        }
        self.sweep(time, now);
    }

    /// Takes away what was on links that are gone (DELLINK comes after the kernel has done it).
    pub(super) fn sweep(&mut self, time: SystemTime, now: Instant) {
        for (index, revision) in std::mem::take(&mut self.tasks.sweeps) {
            if !self.options.implied {
                continue;
            }
            let name = self
                .state
                .words
                .links
                .get(index)
                .map_or_else(|| format!("link {index}"), |link| link.name().to_string());
            let trigger = Trigger { revision, what: Arc::from(format!("{name} removed")) };
            let why = Why { trigger: Some(trigger), ..Why::new(time, Cause::Implied) };
            for kind in [Kind::Address, Kind::Neighbour, Kind::Route] {
                let mut gone: Vec<Box<[u8]>> = Vec::new();
                let mut in_part = Vec::new();
                for (hash, record) in self.state.table(kind).into_iter().flat_map(Table::iter) {
                    match identity::borrowed(kind, record.bytes) {
                        Some(ObjectRef::Route(route)) if identity::leads_over(&route, index) => {
                            // Of an IPv6 set the other hops stay; of a group, too. IPv4 has no mercy.
                            let is_whole = route.family() == family::INET || route.hops().next().is_none();
                            if route.nhid().is_none() && is_whole {
                                gone.push(record.bytes.into());
                            } else {
                                in_part.push((route.family(), hash));
                            }
                        }
                        Some(object) if object.kind() != Kind::Route && object.ifindex() == Some(index) => {
                            gone.push(record.bytes.into());
                        }
                        _ => {}
                    }
                }
                for payload in gone {
                    if let Some(object) = identity::borrowed(kind, &payload) {
                        self.remove(&object, &why);
                    }
                }
                for (family, hash) in in_part {
                    let scope = Scope::all(Kind::Route).family(family);
                    let (reach, trigger) = (Reach::Hash(hash), why.trigger.clone());
                    self.tasks.add(scope, Cause::Implied, reach, trigger, 0, now);
                }
            }
        }
    }
}

impl Scope {
    fn is_of_family(&self, number: u8) -> bool {
        self.family == family::UNSPEC || self.family == number
    }
}

/// After an interval, up to a tenth longer or shorter, so that many mirrors do not compare at once.
fn jittered(now: Instant, interval: Duration, seed: u64) -> Instant {
    // Any spread does: the multiplier is that of a linear congruential generator.
    let spread = (seed.wrapping_mul(6_364_136_223_846_793_005) >> 33) % 200;
    after(now, interval.min(LONGEST_AUDIT).mul_f64(0.9 + spread as f64 / 1000.0))
}
