//! A mirror's core over the model kernel: rounds as `drive.rs` makes them, and what is checked after each.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use linx_wire::route::{
    AddressFilter, LinkFilter, NeighbourFilter, NextHopFilter, ObjectRef, RouteFilter, RouteView, RuleFilter,
};
use linx_wire::{Compare, Kind};

use super::super::core::{Core, Lane};
use super::super::delta::{Cause, Change, Delta, Notice};
use super::super::identity;
use super::super::options::Options;
use super::super::resync::Reading;
use super::super::state::{KINDS, State};
use super::kernel::{Kernel, Refused};
use super::ops::Op;
use crate::monitor::intake::Intake;
use crate::monitor::{Loss, LossReason};
use crate::names::Names;

const READINGS: u32 = 8;
/// Rounds after which it must be quiet.
const MOST_ROUNDS: u32 = 300;

/// What a control leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    Drain,
    Implied,
    Fence,
}

/// What the history is made of.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Something happens.
    Do(Op),
    /// Time passes, ms.
    Wait(u16),
    /// The mirror works, while this happens: after so many points, that.
    Round(Vec<(u8, Op)>),
    /// As an audit that is due.
    Audit,
}

#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) room: usize,
    pub(super) compat: bool,
    pub(super) before: Vec<Op>,
    pub(super) steps: Vec<Step>,
}

impl History {
    /// One step a line.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("room {}, compat {}", self.room, self.compat)];
        lines.extend(self.before.iter().map(|op| format!("before: {op:?}")));
        lines.extend(self.steps.iter().map(|step| format!("{step:?}")));
        lines.join("\n")
    }
}

/// A socket's end in the mirror, as `lane.rs` has it.
struct Socket {
    lane: Lane,
    intake: Intake,
    pending: Vec<u8>,
    lost: bool,
}

impl Socket {
    /// As `Intakes::drain`.
    fn drain(&mut self, kernel: &mut Kernel, is_patient: bool) {
        loop {
            let Some(queue) = kernel.queue(self.lane) else { return };
            match queue.recv() {
                Ok(Some(bytes)) => {
                    self.lost |= self.intake.datagram();
                    self.pending.extend_from_slice(&bytes);
                }
                Ok(None) => {
                    self.lost |= self.intake.empty();
                    return;
                }
                Err(()) if !is_patient => {
                    self.lost = true;
                    return;
                }
                Err(()) => {
                    let queued = u32::try_from(queue.len() * 832).unwrap();
                    self.lost |= self.intake.overflow(queued);
                }
            }
        }
    }
}

pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) core: Core,
    sockets: Vec<Socket>,
    now: Instant,
    without: Without,
    /// What the deltas lead to.
    shadow: Option<State>,
    place: u64,
    /// What was announced, by kind and hash.
    announced: HashSet<(Kind, u32)>,
    /// States of earlier, and how many notices had been told then.
    snapshots: Vec<(u64, State)>,
    notices: Vec<Notice>,
}

fn names() -> Arc<Names> {
    static NAMES: OnceLock<Arc<Names>> = OnceLock::new();
    Arc::clone(NAMES.get_or_init(|| Arc::new(Names::built_in())))
}

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH
}

impl World {
    pub(super) fn new(history: &History, without: Without) -> Self {
        let mut kernel = Kernel::new(history.room, history.compat);
        history.before.iter().for_each(|op| kernel.apply(op));
        kernel.lock();
        // The mirror's sockets come into being here.
        kernel.queues = std::array::from_fn(|_| super::kernel::Queue::new(history.room));
        let options = Options {
            links: Some(LinkFilter::default()),
            addresses: Some(AddressFilter::default()),
            routes: Some(RouteFilter::default()),
            neighbours: Some(NeighbourFilter::default()),
            rules: Some(RuleFilter::default()),
            nexthops: Some(NextHopFilter::default()),
            implied: without != Without::Implied,
            drain: without != Without::Drain,
            ..Options::default()
        };
        let now = Instant::now();
        let core = Core::new(options, 1, names(), now);
        let socket = |lane| Socket { lane, intake: Intake::default(), pending: Vec::new(), lost: false };
        Self {
            kernel,
            core,
            sockets: [Lane::Links, Lane::Routes, Lane::Neighbours].map(socket).into(),
            now,
            without,
            shadow: None,
            place: 0,
            announced: HashSet::new(),
            snapshots: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// As `Driver::round`.
    fn round(&mut self) -> Result<(), String> {
        for at in 0..READINGS {
            if self.core.options.drain || at == 0 {
                self.intake()?;
            }
            let reading = self.core.next_reading(self.now);
            self.check()?;
            let Some(reading) = reading else { break };
            self.read(reading)?;
        }
        Ok(())
    }

    fn drain(&mut self) {
        for at in (0..self.sockets.len()).rev() {
            self.kernel.point();
            self.sockets[at].drain(&mut self.kernel, self.core.options.drain);
        }
    }

    /// Takes what was announced, as where there is more than is read at once.
    pub(super) fn hear(&mut self) {
        self.drain();
        self.feed();
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    fn intake(&mut self) -> Result<(), String> {
        self.hear();
        self.core.tasks.drained();
        if self.core.synced {
            self.core.rest(self.now);
        }
        self.check()
    }

    fn feed(&mut self) {
        let losing = |socket: &Socket| socket.lost && !socket.intake.is_pending();
        for socket in &mut self.sockets {
            self.core.feed(socket.lane, &socket.pending, time(), self.now).unwrap();
            socket.pending.clear();
        }
        self.core.sweep(time(), self.now);
        for socket in self.sockets.iter_mut().filter(|socket| losing(socket)) {
            socket.lost = false;
            let loss = Loss { reason: LossReason::Overflow, drops: 1, rcvbuf_bytes: 0 };
            self.core.lost(socket.lane, loss, time(), self.now);
        }
    }

    fn read(&mut self, mut reading: Reading) -> Result<(), String> {
        self.kernel.point();
        if !reading.task.fences().is_empty() && self.without != Without::Fence {
            self.kernel.lock();
        }
        self.kernel.point();
        if self.core.options.drain {
            self.intake()?;
        }
        self.kernel.point();
        let scope = reading.task.scope;
        let (options, sockets) = (self.core.options.clone(), &mut self.sockets);
        let mut count = 0;
        let outcome = self.kernel.dump(&scope, &mut |kernel, payload| {
            let object = identity::borrowed(scope.kind, payload).unwrap();
            reading.take(&object, payload, &options);
            count += 1;
            if count % 3 == 0 && options.drain {
                sockets.iter_mut().for_each(|socket| socket.drain(kernel, true));
            }
        });
        reading.is_torn |= outcome == Err(Refused::Torn);
        if self.core.options.drain {
            self.drain();
        }
        self.now += Duration::from_micros(100);
        reading.is_losing = self.sockets.iter().any(|socket| socket.lost || socket.intake.is_pending());
        let pending: Vec<&[u8]> = self.sockets.iter().map(|socket| &*socket.pending).collect();
        let concluded = self.core.conclude(reading, &pending, time(), self.now);
        drop(pending);
        self.feed();
        self.core.verify(concluded, time(), self.now);
        self.check()
    }

    pub(super) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Do(op) => self.kernel.apply(op),
            Step::Wait(ms) => self.now += Duration::from_millis((*ms).into()),
            Step::Round(script) => {
                self.kernel.script = script.iter().cloned().collect();
                self.round()?;
                // What did not find its time happens now.
                let rest: Vec<_> = std::mem::take(&mut self.kernel.script).into();
                rest.iter().for_each(|(_, op)| self.kernel.apply(op));
            }
            Step::Audit => {
                if self.core.synced {
                    self.core.audit_now(self.now);
                }
            }
        }
        Ok(())
    }

    /// Nothing happens any more: after a while nothing is left to be done.
    pub(super) fn quiet(&mut self) -> Result<(), String> {
        self.kernel.lock();
        for _ in 0..MOST_ROUNDS {
            self.round()?;
            let is_read = self.kernel.queues.iter().all(|queue| queue.len() == 0);
            match self.core.tasks.deadline() {
                None if is_read && self.core.synced => return self.settled(),
                due => self.now = self.now.max(due.unwrap_or(self.now)),
            }
        }
        Err(format!("it does not become quiet: {:?}", self.core.tasks))
    }

    fn settled(&mut self) -> Result<(), String> {
        let needed = self.notices.iter().filter(|it| matches!(it, Notice::ResyncNeeded(_))).count();
        let done = self.notices.iter().filter(|it| matches!(it, Notice::Resynced(_))).count();
        if !self.core.is_certain() || (needed > 0) != (done > 0) || done > needed {
            return Err(format!("{needed} losses told, {done} told to be repaired"));
        }
        let is_last = |it: &&Notice| matches!(it, Notice::ResyncNeeded(_) | Notice::Resynced(_));
        match self.notices.iter().rev().find(is_last) {
            Some(Notice::ResyncNeeded(doubt)) => Err(format!("{:?} stay in doubt", doubt.kinds)),
            _ => Ok(()),
        }
    }

    // ---- P2

    /// Follows the notices since the last look.
    fn check(&mut self) -> Result<(), String> {
        let hashes = self.core.state.hashes.clone();
        let newly: Vec<(Kind, Vec<u8>)> = std::mem::take(&mut self.kernel.said);
        for (kind, payload) in newly {
            let object = identity::borrowed(kind, &payload).unwrap();
            self.announced.insert((kind, hashes.object(&object)));
            self.kernel.announced.insert((kind, payload));
        }
        if !self.core.synced {
            return Ok(());
        }
        let Some(mut shadow) = self.shadow.take() else {
            let is_doubt = |(_, notice): (u64, &Notice)| matches!(notice, Notice::ResyncNeeded(_));
            if !self.core.log.since(0).all(is_doubt) {
                return Err("something was told before the first state".into());
            }
            self.shadow = Some(self.core.state.clone());
            self.snapshots.push((0, self.core.state.clone()));
            return Ok(());
        };
        let mut resynced: Vec<Delta> = Vec::new();
        while let Some(notice) = self.core.log.at(self.place).unwrap() {
            let notice = notice.clone();
            self.place += 1;
            if let Notice::Delta(delta) = &notice {
                self.delta(&shadow, delta)?;
                shadow.forward(delta);
                if delta.cause() == Cause::Resync {
                    resynced.push(delta.clone());
                }
            }
            self.notices.push(notice);
        }
        for (at, gone) in resynced.iter().enumerate().filter(|(_, it)| it.change() == Change::Removed) {
            for come in resynced[at..].iter().filter(|it| it.change() == Change::Added) {
                if come.object() == gone.object() {
                    return Err(format!("{gone:?}, then {come:?}: it was untouched"));
                }
            }
        }
        same("the deltas lead to", &shadow, "the state is", &self.core.state)?;
        if shadow.revision() != self.core.state.revision() {
            return Err(format!("revision {} by deltas, {}", shadow.revision(), self.core.state.revision()));
        }
        if self.snapshots.last().is_none_or(|(notices, _)| *notices != self.place) {
            self.snapshots.push((self.place, self.core.state.clone()));
        }
        self.shadow = Some(shadow);
        Ok(())
    }

    fn delta(&self, shadow: &State, delta: &Delta) -> Result<(), String> {
        let fail = |what: &str| Err(format!("{what}: {delta:?} {delta}"));
        if delta.revision() != shadow.revision() + 1 {
            return fail("the revision is not the next one");
        }
        let kind = delta.kind();
        let body = &delta.0.body;
        let before = body.before().and_then(|payload| identity::borrowed(kind, payload));
        let after = body.after().and_then(|payload| identity::borrowed(kind, payload));
        let held = |object: &ObjectRef<'_>| shadow.find(object).map(|(_, record)| record.bytes.to_vec());
        if let Some(object) = &before {
            let Some(held) = held(object) else { return fail("what it was is not held") };
            let held = identity::borrowed(kind, &held).unwrap();
            if !identity::is_equal(&held, object, Compare::Tracked) {
                return fail("what it was is not as it is held");
            }
        }
        match (&before, &after) {
            (None, Some(object)) if held(object).is_some() => return fail("what is added is held already"),
            (Some(a), Some(b)) if identity::is_equal(a, b, delta.0.compare) => {
                return fail("nothing changes");
            }
            _ => {}
        }
        if let Some(ObjectRef::Route(route)) = &after {
            let hops = route.hops().map(|hop| hop.ifindex).chain(route.oif());
            if let Some(gone) = hops.into_iter().find(|index| shadow.links().by_index(*index).is_none()) {
                return fail(&format!("it leads over link {gone}, which is not there"));
            }
        }
        let object = after.or(before).unwrap();
        let hash = shadow.hashes.object(&object);
        match delta.cause() {
            Cause::Event if !self.announced.contains(&(kind, hash)) => fail("it was not announced"),
            Cause::Event if kind != Kind::Route && delta.change() != Change::Removed => {
                let payload = body.after().unwrap().to_vec();
                if self.kernel.announced.contains(&(kind, payload)) {
                    Ok(())
                } else {
                    fail("not announced so")
                }
            }
            Cause::Implied if delta.trigger().is_none() => fail("there is no trigger"),
            _ => Ok(()),
        }
    }

    /// Taking the deltas back leads to the snapshots of then.
    pub(super) fn back(&self) -> Result<(), String> {
        let Some(mut state) = self.shadow.clone() else { return Ok(()) };
        let mut place = self.place;
        for (then, snapshot) in self.snapshots.iter().rev() {
            while place > *then {
                place -= 1;
                state.undo(&self.notices[usize::try_from(place).unwrap()]);
            }
            same("going back leads to", &state, "the snapshot was", snapshot)?;
            if state.revision() != snapshot.revision() {
                return Err("going back leads to another revision".into());
            }
        }
        Ok(())
    }

    // ---- P1

    /// The state is what the kernel has. What it changes in silence is left out unless `with_audited`.
    pub(super) fn compare(&self, with_audited: bool) -> Result<(), String> {
        let compare = if with_audited { Compare::Audited } else { Compare::Tracked };
        let mut wrong = Vec::new();
        for kind in KINDS {
            let truth = self.kernel.all(kind);
            let truth: Vec<ObjectRef<'_>> =
                truth.iter().map(|payload| identity::borrowed(kind, payload).unwrap()).collect();
            let held: Vec<ObjectRef<'_>> = self.core.state.objects_of(kind).collect();
            let counts = |object: &&ObjectRef<'_>| with_audited || !is_silent(object);
            for (these, those, sign) in [(&truth, &held, "kernel alone"), (&held, &truth, "mirror alone")] {
                for object in these.iter().filter(counts) {
                    if !those.iter().any(|other| identity::is_equal(object, other, compare)) {
                        wrong.push(format!("{sign}: {:?}", object.to_owned()));
                    }
                }
            }
            // Where the kernel has two that are the same to the letter, the mirror has one.
            let mut distinct: Vec<&ObjectRef<'_>> = Vec::new();
            for object in truth.iter().filter(counts) {
                if !distinct.iter().any(|other| identity::is_same(object, other)) {
                    distinct.push(object);
                }
            }
            let held = held.iter().filter(counts).count();
            if held != distinct.len() {
                wrong.push(format!("{held} of {kind:?}, the kernel has {}", distinct.len()));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    /// IPv4 routes of one place stand in the kernel's order.
    pub(super) fn order(&self) -> Result<(), String> {
        let truth = self.kernel.all(Kind::Route);
        for payload in &truth {
            let Some(ObjectRef::Route(route)) = identity::borrowed(Kind::Route, payload) else { continue };
            let hash = self.core.state.hashes.object(&ObjectRef::Route(route));
            let mine = |bytes: &[u8]| match identity::borrowed(Kind::Route, bytes) {
                Some(ObjectRef::Route(other)) => {
                    identity::is_same_place(&route, &other).then(|| bytes.to_vec())
                }
                _ => None,
            };
            let held: Vec<Vec<u8>> =
                self.core.state.routes.of(hash).filter_map(|record| mine(record.bytes)).collect();
            let there: Vec<Vec<u8>> = truth.iter().filter_map(|bytes| mine(bytes)).collect();
            if route.family() == 2 && held != there {
                return Err(format!("another order of {:?}", route.to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether the kernel makes and ends an object in silence, so that only an audit finds it.
fn is_silent(object: &ObjectRef<'_>) -> bool {
    use linx_wire::route::NeighbourView;
    matches!(object, ObjectRef::Neighbour(neighbour) if neighbour.is_proxy())
}

fn same(one: &str, a: &State, other: &str, b: &State) -> Result<(), String> {
    if a.fingerprint() == b.fingerprint() {
        return Ok(());
    }
    Err(format!("{one} not what {other}: {:#?}", a.differences(b, Compare::Tracked)))
}

/// All that is promised, after a history.
pub(super) fn run(history: &History, without: Without) -> Result<World, String> {
    let mut world = World::new(history, without);
    for step in &history.steps {
        world.step(step)?;
    }
    world.quiet()?;
    world.compare(false).map_err(|error| format!("once quiet:\n{error}"))?;
    world.core.audit_now(world.now);
    world.quiet()?;
    world.compare(true).map_err(|error| format!("after an audit:\n{error}"))?;
    world.back()?;
    if world.core.stats.audit_repairs > 0 {
        let audited: Vec<_> = world
            .notices
            .iter()
            .filter_map(|it| if let Notice::Delta(delta) = it { Some(delta) } else { None })
            .filter(|delta| delta.cause() == Cause::Audit)
            .map(|delta| format!("{delta:?} {delta} {:?}", delta.before()))
            .collect();
        return Err(format!("an audit had to repair: {audited:#?}"));
    }
    world.order()?;
    Ok(world)
}
