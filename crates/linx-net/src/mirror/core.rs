//! The mirror without I/O, clock or thread: fed with the bytes of announcements and of readings, and with the time, it
//! holds the state and tells what really changed.
//!
//! - An announcement carries a whole object (a few do not: those are folded in, or what they are about is read again). One
//!   that changes nothing makes no delta.
//! - What the kernel does not announce follows from something that it does ([`implied`]) or is found by
//!   the audit. Both, and what a loss left in doubt, are *readings*: tasks that the driver carries out ([`resync`]).

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linx_wire::addr::family;
use linx_wire::header::{Message, Messages};
use linx_wire::route::{AddressView, LinkRef, LinkView, NextHopView, ObjectRef, Operation};
use linx_wire::{Compare, DecodeError, Kind};

use super::delta::{
    At, Body, Cause, Change, Delta, Doubt, Inner, Moved, Notice, Repair, Resynced, Trigger, Why, Words,
};
use super::identity;
use super::implied::{self, Consequence, Fact, Reach, Scope};
use super::log::Log;
use super::options::Options;
use super::resync::{FIRST_PATIENCE, Tasks};
use super::state::{Spot, State};
use super::table::{Place, Table};
use crate::author::Author;
use crate::key::Key;
use crate::monitor::{Loss, LossReason};
use crate::names::{LinkNames, Names};

/// The sockets of a mirror. What overflows is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Links, addresses, rules.
    Links,
    /// Routes and next hops.
    Routes,
    /// Neighbours and forwarding entries.
    Neighbours,
    /// nf_tables.
    Nft,
}

pub(super) const LANES: [Lane; 4] = [Lane::Links, Lane::Routes, Lane::Neighbours, Lane::Nft];

impl Lane {
    /// Whose announcements it carries.
    pub(super) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Links => &[Kind::Link, Kind::Address, Kind::Rule],
            Self::Routes => &[Kind::NextHop, Kind::Route],
            Self::Neighbours => &[Kind::Neighbour],
            Self::Nft => &[Kind::Table],
        }
    }

    /// What its loss leaves in doubt: with links, what is on them.
    pub(super) fn doubts(self) -> &'static [Kind] {
        match self {
            Self::Links => {
                &[Kind::Link, Kind::Address, Kind::Rule, Kind::NextHop, Kind::Route, Kind::Neighbour]
            }
            lane => lane.kinds(),
        }
    }

    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What a mirror has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirrorStats {
    /// Announcements received.
    pub events: u64,
    /// Deltas told, each change of a transaction counted.
    pub deltas: u64,
    /// Losses of announcements.
    pub losses: u64,
    /// Times that what a loss left in doubt was read again.
    pub resyncs: u64,
    /// Elements of large sets of nf_tables that were not read again after a loss, because nothing that was lost was about
    /// their tables.
    pub elements_spared: u64,
    /// Deltas that followed from something else (cause `implied`).
    pub implied: u64,
    /// Readings of what may have changed without an announcement.
    pub readings: u64,
    /// Comparisons of everything with the kernel that were begun by the clock.
    pub audits: u64,
    /// Tracked differences that an audit found, and repaired: each is a bug of Linx, or of the kernel.
    pub audit_repairs: u64,
    /// Differences in what the kernel is known to change in silence, found by audits.
    pub audit_updates: u64,
    /// Datagrams that did not come from the kernel; they are not believed.
    pub spoofed: u64,
}

/// How long the kernel may take for the rest of a router's advertisement when it has told its route.
const ADVERTISED: Duration = Duration::from_millis(20);

/// Repairs that are remembered, and notices before each.
const REPAIRS: usize = 16;
const HISTORY: u64 = 32;

/// The doubt about a lane's kinds.
#[derive(Clone, Debug)]
struct Doubtful {
    since: Instant,
    /// What was told of it first, and its place in the log.
    doubt: Doubt,
    place: u64,
    deltas: u64,
}

/// The state of a namespace, and how it changes.
pub(super) struct Core {
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) log: Log,
    pub(super) tasks: Tasks,
    pub(super) stats: MirrorStats,
    pub(super) facts: HashMap<u32, Fact>,
    /// The state was read once: from here on changes are told.
    pub(super) synced: bool,
    /// The revision before what is being taken now.
    mark: u64,
    begun: Instant,
    /// When the deltas were last compared with the state.
    checked: Option<Instant>,
    doubts: HashMap<Lane, Doubtful>,
    /// The last losses before the first state was there.
    early: Vec<(Lane, Instant, Doubt)>,
    /// Links whose names are kept for what is still to be told of them.
    departed: Vec<u32>,
    /// The last things that an audit repaired.
    pub(super) repairs: Vec<Repair>,
    /// The last author, who often is the next one, too.
    author: Option<(u32, Arc<Author>)>,
    /// What replaying the deltas gives, where everything is checked.
    pub(super) shadow: Option<State>,
    /// The rule set of nf_tables, whose state is joined to the others in a snapshot.
    #[cfg(feature = "nft")]
    pub(super) book: Option<super::nft::Book>,
}

impl Core {
    pub(super) fn new(options: Options, netns: u64, names: Arc<Names>, now: Instant) -> Self {
        let words = Arc::new(Words { names, links: LinkNames::new() });
        let kinds: Vec<Kind> = options.visible();
        let mut core = Self {
            state: State::new(netns, &kinds, words),
            log: Log::default(),
            tasks: Tasks::default(),
            stats: MirrorStats::default(),
            facts: HashMap::new(),
            synced: false,
            mark: 0,
            begun: now,
            checked: None,
            doubts: HashMap::new(),
            early: Vec::new(),
            departed: Vec::new(),
            repairs: Vec::new(),
            author: None,
            shadow: None,
            #[cfg(feature = "nft")]
            book: options.nft.as_ref().map(|nft| super::nft::Book::new(nft.book(options.volatile))),
            options,
        };
        for kind in core.options.held() {
            core.tasks.add(Scope::all(kind), Cause::Resync, Reach::All, None, 0, now);
        }
        #[cfg(feature = "nft")]
        core.tasks.set_pulling(core.book.is_some());
        core
    }

    /// It is this late.
    pub(super) fn tick(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.begun).as_secs();
        self.state.seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    }

    /// Takes the announcements of a lane, in the order of their arrival.
    ///
    /// # Errors
    /// The first that cannot be decoded; the others were taken.
    pub(super) fn feed(
        &mut self,
        lane: Lane,
        bytes: &[u8],
        time: SystemTime,
        now: Instant,
    ) -> Result<(), LossReason> {
        let mut outcome = Ok(());
        self.tick(now);
        for message in Messages::new(bytes) {
            let failed = match message {
                Ok(message) => match self.message(&message, time, now) {
                    Ok(()) => continue,
                    Err(error) => LossReason::Undecodable { bytes: message.bytes.into(), error },
                },
                Err(error) => LossReason::Undecodable { bytes: bytes.into(), error },
            };
            if outcome.is_ok() {
                outcome = Err(failed);
            }
        }
        debug_assert!(lane != Lane::Nft, "nf_tables has a book of its own");
        outcome
    }

    fn message(&mut self, message: &Message<'_>, time: SystemTime, now: Instant) -> Result<(), DecodeError> {
        let header = message.header;
        let Some((op, object)) = ObjectRef::decode(header.message_type, message.payload)? else {
            return Ok(());
        };
        self.stats.events += 1;
        self.mark_here();
        if !self.options.holds(object.kind()) && object.kind() != Kind::Link {
            self.follow_only(op, &object, now);
            return Ok(());
        }
        let mut why = Why::new(time, Cause::Event);
        if object.kind() != Kind::Link {
            why.author = Some(self.author_of(header.portid));
        }
        match (&object, op) {
            (ObjectRef::Link(link), _) => self.link(op, link, message.payload, &mut why, now),
            (ObjectRef::Route(route), Operation::New) => {
                self.route_new(route, message.payload, header.flags, &why, now);
                self.consequences(op, &object, now);
            }
            (ObjectRef::Route(route), Operation::Del) => self.route_del(route, message.payload, &why, now),
            (_, Operation::New) => {
                self.supersede(&object, &why);
                let is_prolonged = self.is_prolonged(&object);
                if self.is_wanted(&object) {
                    let is_twice = object.kind() == Kind::Rule && self.state.find(&object).is_some();
                    self.put(&object, message.payload, &why);
                    if is_twice {
                        // Two rules may be the same to the letter: only a reading tells how many are left.
                        self.tasks.twice(Key::of(&object), true);
                    }
                } else {
                    self.remove(&object, &why);
                }
                self.consequences(op, &object, now);
                if let ObjectRef::Address(address) = &object {
                    if is_prolonged {
                        self.follow(implied::of_address_prolonged(address), now);
                    }
                }
            }
            (_, Operation::Del) => {
                let is_twice = object.kind() == Kind::Rule && self.tasks.twice(Key::of(&object), false);
                if is_twice {
                    self.tasks.add(Scope::all(Kind::Rule), Cause::Event, Reach::All, None, 0, now);
                } else {
                    self.remove(&object, &why);
                }
                self.consequences(op, &object, now);
            }
        }
        Ok(())
    }

    /// Of an object that is not held: what follows from it for those that are.
    fn follow_only(&mut self, op: Operation, object: &ObjectRef<'_>, now: Instant) {
        self.consequences(op, object, now);
        if let (ObjectRef::Address(address), Operation::New) = (object, op) {
            // When it ended before is not known.
            if address.valid().remaining().is_some() {
                self.follow(implied::of_address_prolonged(address), now);
            }
        }
    }

    fn consequences(&mut self, op: Operation, object: &ObjectRef<'_>, now: Instant) {
        let consequence = match (object, op) {
            (ObjectRef::Address(address), Operation::Del) => implied::of_address_gone(address),
            (ObjectRef::Address(address), Operation::New) if address.family() == family::INET => {
                implied::of_address_come(address)
            }
            (ObjectRef::NextHop(next_hop), _) => implied::of_next_hop(next_hop.id(), op == Operation::Del),
            (ObjectRef::Rule(rule), _) => implied::of_rule(rule, op == Operation::Del),
            (ObjectRef::Route(route), Operation::New) if implied::is_advertised(route) => {
                // The kernel tells it before it is done with it.
                return self.follow(implied::of_advertised(route), now + ADVERTISED);
            }
            _ => return,
        };
        self.follow(consequence, now);
    }

    /// Notes what is to be read again.
    fn follow(&mut self, consequence: Consequence, now: Instant) {
        if !self.options.implied {
            return;
        }
        let Consequence { reach, what, scopes } = consequence;
        let trigger = Trigger { revision: self.told(), what };
        for scope in scopes.into_iter().filter(|scope| self.options.holds(scope.kind)) {
            self.tasks.add(scope, Cause::Implied, reach.clone(), Some(trigger.clone()), 0, now);
        }
    }

    /// What is told from here on is what the next announcement made.
    pub(super) fn mark_here(&mut self) {
        self.mark = self.state.revision;
    }

    /// The revision of the delta that the announcement which is being taken made; `None` where it made none.
    fn told(&self) -> Option<u64> {
        self.synced.then_some(self.state.revision).filter(|revision| *revision > self.mark)
    }

    pub(super) fn author_of(&mut self, portid: u32) -> Arc<Author> {
        match &self.author {
            Some((known, author)) if *known == portid => Arc::clone(author),
            _ => {
                let author = Arc::new(Author::of_portid(portid));
                self.author = Some((portid, Arc::clone(&author)));
                author
            }
        }
    }

    pub(super) fn is_wanted(&self, object: &ObjectRef<'_>) -> bool {
        self.options.wants(object)
    }

    // ---- links

    fn link(&mut self, op: Operation, link: &LinkRef<'_>, payload: &[u8], why: &mut Why, now: Instant) {
        let index = link.index();
        let before = self.facts.get(&index).cloned();
        if link.is_part() {
            // A DELLINK of a part: it left its bridge.
            if let Some(known) = &before {
                let after = known.with_part(link);
                if op == Operation::New {
                    self.fold(link, why);
                }
                self.follow(implied::of_part(index, &known.name), now);
                if op == Operation::New {
                    self.follow_link(index, before.as_ref(), Some(after), now);
                }
            }
            return;
        }
        match op {
            Operation::New => {
                let after = Fact::of(link);
                if self.tasks.is_to_be_swept(index) {
                    // Its index is used again already: what is on it now may be the old one's.
                    self.sweep(why.time, now);
                    self.mark_here();
                    self.follow(implied::of_reuse(index, link.name()), now);
                }
                self.name_link(link);
                if self.options.holds(Kind::Link) {
                    self.put_link(link, payload, why);
                }
                self.follow_link(index, before.as_ref(), Some(after), now);
            }
            Operation::Del => {
                let attributes = link.attributes();
                let nsid = attributes.new_netnsid();
                let ifindex = attributes.new_ifindex().and_then(|index| u32::try_from(index).ok());
                if nsid.is_some() || ifindex.is_some() {
                    why.moved = Some(Moved { nsid, ifindex });
                }
                self.remove(&ObjectRef::Link(*link), why);
                self.departed.push(index);
                if before.is_some() {
                    self.tasks.sweep(index, self.told());
                    self.follow_link(index, before.as_ref(), None, now);
                }
            }
        }
    }

    /// Remembers what a link is now, and notes what follows from it.
    pub(super) fn follow_link(
        &mut self,
        index: u32,
        before: Option<&Fact>,
        after: Option<Fact>,
        now: Instant,
    ) {
        let moved = before.zip(after.as_ref()).and_then(|(old, new)| implied::of_address_changed(old, new));
        if let Some(consequence) = moved {
            self.follow(consequence, now);
        }
        let consequence = implied::of_link(index, before, after.as_ref());
        match after {
            Some(fact) => self.facts.insert(index, fact),
            None => self.facts.remove(&index),
        };
        if let Some(consequence) = consequence {
            self.follow(consequence, now);
        }
    }

    fn put_link(&mut self, link: &LinkRef<'_>, payload: &[u8], why: &Why) {
        let object = ObjectRef::Link(*link);
        if !self.is_wanted(&object) {
            return self.remove(&object, why);
        }
        // An index may be used again at once, and its DELLINK lost: another kind of link is another link.
        let is_other = self.state.links().by_index(link.index()).is_some_and(|known| {
            known.link_type() != link.link_type()
                || known.kind().map(|kind| kind.as_bytes().to_vec())
                    != link.kind().map(|kind| kind.as_bytes().to_vec())
        });
        if is_other {
            self.remove(&object, why);
        }
        self.put(&object, payload, why);
    }

    fn fold(&mut self, part: &LinkRef<'_>, why: &Why) {
        let Some(known) = self.state.links().by_index(part.index()) else { return };
        let whole = known.to_owned().with_part(*part);
        self.put(&ObjectRef::Link(whole.as_ref()), whole.as_bytes(), why);
    }

    /// Keeps the names of links for printing.
    pub(super) fn name_link(&mut self, link: &LinkRef<'_>) {
        let names = &self.state.words.links;
        let is_known = names
            .get(link.index())
            .is_some_and(|known| known.name() == link.name() && known.link_type() == link.link_type());
        self.departed.retain(|index| *index != link.index());
        if !is_known {
            Arc::make_mut(&mut self.state.words).links.update(link);
        }
    }

    // ---- all kinds

    /// What the kernel has instead of something else, which it does not announce to be gone.
    fn supersede(&mut self, object: &ObjectRef<'_>, why: &Why) {
        let (kind, hash) = (object.kind(), self.state.hashes.object(object));
        let Some(table) = self.state.table(kind) else { return };
        let nth = table.of(hash).position(|record| {
            identity::borrowed(kind, record.bytes).is_some_and(|old| identity::is_superseded(&old, object))
        });
        if let Some(nth) = nth {
            self.remove_at(Spot { hash, nth }, kind, why);
        }
    }

    /// Whether what is known already ends at another moment from now on.
    fn is_prolonged(&self, object: &ObjectRef<'_>) -> bool {
        let Some((_, record)) = self.state.find(object) else { return false };
        let known = identity::borrowed(object.kind(), record.bytes);
        known.is_some_and(|known| {
            !identity::ends_that_differ((&known, record.stamp), (object, self.state.seconds)).is_empty()
        })
    }

    /// What there is now: new, changed or the same.
    pub(super) fn put(&mut self, object: &ObjectRef<'_>, payload: &[u8], why: &Why) {
        let hash = self.state.hashes.object(object);
        let spot = self.state.find_payload(hash, object, payload).map(|(spot, _)| spot);
        self.put_at(spot, hash, object, payload, why);
    }

    pub(super) fn put_at(
        &mut self,
        spot: Option<Spot>,
        hash: u32,
        object: &ObjectRef<'_>,
        payload: &[u8],
        why: &Why,
    ) {
        let Some(spot) = spot else { return self.add(hash, object, payload, Place::Last, why) };
        let kind = object.kind();
        let Some(record) = self.state.table(kind).and_then(|table| table.of(spot.hash).nth(spot.nth)) else {
            return;
        };
        if record.bytes == payload {
            return;
        }
        let Some(known) = identity::borrowed(kind, record.bytes) else { return };
        let compare = self.compare(why.cause);
        let ends = identity::ends_that_differ((&known, record.stamp), (object, self.state.seconds));
        let same = identity::is_equal(&known, object, compare);
        let why = &if ends.is_empty() { Cow::Borrowed(why) } else { Cow::Owned(Why { ends, ..why.clone() }) };
        if same && why.ends.is_empty() {
            // Ages and counters; what the kernel changes in silence waits for the audit, so that it is told then.
            if compare == Compare::Audited || identity::is_equal(&known, object, Compare::Audited) {
                self.state.replace(spot, object, payload);
            }
            return;
        }
        if kind == Kind::Route && Key::of(&known) != Key::of(object) {
            let gone = Body::new(kind, Some(record.bytes), None);
            let come = Body::new(kind, None, Some(payload));
            let (old, table) = (known.to_owned(), hash);
            self.state.remove(spot, &old.as_ref());
            self.tell(gone, why);
            self.state.insert(table, object, payload, Place::Last);
            return self.tell(come, why);
        }
        let body = Body::new(kind, Some(record.bytes), Some(payload));
        self.state.replace(spot, object, payload);
        self.tell(body, why);
        self.look_at_carrier(object);
    }

    /// A route that is marked to be without a carrier, over a link that has one: its link watch has not run yet, and when it
    /// does, it takes the mark away without a word, and may not announce a link that is again what it was.
    fn look_at_carrier(&mut self, object: &ObjectRef<'_>) {
        let ObjectRef::Route(route) = object else { return };
        let Some(index) = identity::link_without_carrier(route) else { return };
        let now = self.begun + Duration::from_secs(self.state.seconds.into());
        if let Some(consequence) = self.facts.get(&index).and_then(|fact| implied::of_mark(index, fact)) {
            self.follow(consequence, now);
        }
    }

    pub(super) fn add(&mut self, hash: u32, object: &ObjectRef<'_>, payload: &[u8], place: Place, why: &Why) {
        self.state.insert(hash, object, payload, place);
        self.tell(Body::new(object.kind(), None, Some(payload)), why);
        self.look_at_carrier(object);
    }

    /// What is not there any more, if it was.
    pub(super) fn remove(&mut self, object: &ObjectRef<'_>, why: &Why) {
        self.remove_same(self.state.hashes.object(object), object, &[], why);
    }

    /// The same; its payload, if at hand, finds it sooner. False: it was not there.
    pub(super) fn remove_same(
        &mut self,
        hash: u32,
        object: &ObjectRef<'_>,
        payload: &[u8],
        why: &Why,
    ) -> bool {
        let Some((spot, record)) = self.state.find_payload(hash, object, payload) else { return false };
        let body = Body::new(object.kind(), Some(record.bytes), None);
        self.state.remove(spot, object);
        self.tell(body, why);
        true
    }

    pub(super) fn remove_at(&mut self, spot: Spot, kind: Kind, why: &Why) {
        let Some(record) = self.state.table(kind).and_then(|table| table.of(spot.hash).nth(spot.nth)) else {
            return;
        };
        let body = Body::new(kind, Some(record.bytes), None);
        if let Some(object) = body.before().and_then(|payload| identity::borrowed(kind, payload)) {
            self.state.remove(spot, &object);
        }
        self.tell(body, why);
    }

    /// How far an object is compared with what is known of it.
    pub(super) fn compare(&self, cause: Cause) -> Compare {
        match cause {
            _ if self.options.volatile => Compare::Everything,
            Cause::Audit => Compare::Audited,
            _ => Compare::Tracked,
        }
    }

    /// Tells a change that the state has already.
    fn tell(&mut self, body: Body, why: &Why) {
        if !self.synced || !self.options.is_visible(body.kind) {
            return;
        }
        self.state.revision += 1;
        self.stats.deltas += 1;
        match why.cause {
            Cause::Implied => self.stats.implied += 1,
            Cause::Resync => self.count_resynced(body.kind),
            _ => {}
        }
        let at = At { revision: self.state.revision, netns: self.state.netns, words: &self.state.words };
        let delta = Delta(Arc::new(Inner::new(body, self.compare(why.cause), why, at)));
        if why.cause == Cause::Audit {
            let is_tracked = delta.change() != Change::Changed || {
                let (before, after) = (delta.before(), delta.after());
                before.zip(after).is_some_and(|(a, b)| !a.differences(b, Compare::Tracked).is_empty())
            };
            if is_tracked && !is_silent(&delta) {
                self.stats.audit_repairs += 1;
                let mut history: Vec<Notice> =
                    self.log.back_to(self.log.end().saturating_sub(HISTORY)).cloned().collect();
                history.reverse();
                if self.repairs.len() == REPAIRS {
                    self.repairs.remove(0);
                }
                self.repairs.push(Repair { delta: delta.clone(), history });
            } else {
                self.stats.audit_updates += 1;
            }
        }
        if let Some(shadow) = &mut self.shadow {
            shadow.forward(&delta);
        }
        self.log.push(Notice::Delta(delta));
    }

    /// The state of now.
    pub(super) fn snapshot(&self) -> State {
        #[cfg_attr(not(feature = "nft"), allow(unused_mut))]
        let mut state = self.state.clone();
        #[cfg(feature = "nft")]
        {
            state.nft = self.book.as_ref().map(|book| book.state().clone());
        }
        state
    }

    pub(super) fn count_resynced(&mut self, kind: Kind) {
        for doubt in self.doubts.values_mut().filter(|it| it.doubt.kinds.contains(&kind)) {
            doubt.deltas += 1;
        }
    }

    /// Begins to tell, if everything was read once.
    pub(super) fn begin_if_read(&mut self, now: Instant) {
        let is_late = now.saturating_duration_since(self.begun) > FIRST_PATIENCE;
        if !self.synced && self.tasks.is_read(is_late) {
            self.begin_to_tell();
        }
    }

    /// The first reading has ended: from here on changes are told.
    fn begin_to_tell(&mut self) {
        self.synced = true;
        self.stats.readings = 0;
        if self.options.validate {
            self.shadow = Some(self.snapshot());
        }
        for (lane, since, doubt) in std::mem::take(&mut self.early) {
            if self.tasks.is_in_doubt(lane.bit()) {
                self.doubt(lane, since, doubt);
            }
        }
    }

    // ---- losses

    /// Announcements of a lane were lost, and all that came before was fed.
    pub(super) fn lost(&mut self, lane: Lane, loss: Loss, time: SystemTime, now: Instant) {
        self.stats.losses += 1;
        let kinds = lane.doubts().iter().filter(|kind| self.options.is_visible(**kind)).copied();
        let kinds: Arc<[Kind]> = if lane == Lane::Nft { [Kind::Table].into() } else { kinds.collect() };
        let doubt = Doubt { kinds, loss, time };
        if self.synced {
            self.doubt(lane, now, doubt);
        } else {
            self.early.retain(|(other, ..)| *other != lane);
            self.early.push((lane, now, doubt));
        }
        if lane == Lane::Nft {
            return;
        }
        self.tasks.lost(lane, now);
        for kind in lane.doubts().iter().filter(|kind| self.options.holds(**kind)) {
            self.tasks.add(Scope::all(*kind), Cause::Resync, Reach::All, None, lane.bit(), now);
        }
    }

    fn doubt(&mut self, lane: Lane, since: Instant, doubt: Doubt) {
        let first = || Doubtful { since, doubt: doubt.clone(), place: self.log.end(), deltas: 0 };
        self.doubts.entry(lane).or_insert_with(first);
        self.log.push(Notice::ResyncNeeded(doubt));
    }

    /// What is in doubt still of what was told to be before a place of the log, the oldest first.
    pub(super) fn doubts_before(&self, place: u64) -> VecDeque<Doubt> {
        let mut doubts: Vec<_> = self.doubts.values().filter(|it| it.place < place).collect();
        doubts.sort_unstable_by_key(|it| it.place);
        doubts.into_iter().map(|it| it.doubt.clone()).collect()
    }

    /// Readings have ended: what is in doubt no more is told to be certain.
    pub(super) fn settle(&mut self, time: SystemTime, now: Instant) {
        for lane in LANES {
            if self.tasks.is_in_doubt(lane.bit()) {
                continue;
            }
            if let Some(doubt) = self.doubts.remove(&lane) {
                self.stats.resyncs += 1;
                let took = now.saturating_duration_since(doubt.since);
                let (kinds, deltas) = (doubt.doubt.kinds, doubt.deltas);
                self.log.push(Notice::Resynced(Resynced { kinds, took, deltas, time }));
            }
        }
    }

    /// Whether anything is in doubt.
    pub(super) fn is_certain(&self) -> bool {
        self.doubts.is_empty()
    }

    /// After a batch: forgets the names of links that are gone, and checks itself where that is asked for.
    pub(super) fn rest(&mut self, now: Instant) {
        if !self.departed.is_empty() && self.tasks.is_empty() {
            let words = Arc::make_mut(&mut self.state.words);
            for index in self.departed.drain(..) {
                words.links.remove(index);
            }
        }
        // A large state is not checked after each batch: that takes one part in twenty of the time.
        let objects: usize =
            super::state::KINDS.into_iter().filter_map(|kind| self.state.table(kind)).map(Table::len).sum();
        let pause = Duration::from_micros(20) * u32::try_from(objects).unwrap_or(u32::MAX);
        let is_due = self.checked.is_none_or(|checked| now.saturating_duration_since(checked) >= pause);
        if let Some(shadow) = self.shadow.as_ref().filter(|_| is_due) {
            self.checked = Some(now);
            let kinds = self.options.visible();
            let differ = differences(shadow, &self.state, &kinds);
            assert!(differ.is_empty(), "the deltas do not lead to the state: {differ:#?}");
            #[cfg(feature = "nft")]
            if let (Some(book), Some(replayed)) = (&self.book, &shadow.nft) {
                let same = book.state().fingerprint() == replayed.fingerprint();
                assert!(same, "the deltas do not lead to the rule set");
            }
        }
    }

    /// Bytes of memory that the state and the log take, about.
    pub(super) fn heap_bytes(&self) -> usize {
        let kinds = super::state::KINDS.into_iter();
        let tables: usize = kinds.filter_map(|kind| self.state.table(kind)).map(Table::heap_bytes).sum();
        #[cfg(feature = "nft")]
        let tables = tables + self.book.as_ref().map_or(0, |book| book.state().elements_bytes());
        tables + self.log.heap_bytes()
    }
}

/// Whether the kernel is known to make and end an object of this sort in silence.
fn is_silent(delta: &Delta) -> bool {
    use linx_wire::route::{NeighbourFlags, NeighbourState, NeighbourView, Object};
    // FAILED is announced when something was there before.
    const SILENT: NeighbourState =
        NeighbourState::INCOMPLETE.union(NeighbourState::NOARP).union(NeighbourState::FAILED);
    match delta.object() {
        Object::Neighbour(neighbour) if neighbour.is_fdb() => {
            neighbour.flags().contains(NeighbourFlags::SELF)
        }
        Object::Neighbour(neighbour) => {
            neighbour.is_proxy() || neighbour.state().is_empty() || neighbour.state().intersects(SILENT)
        }
        _ => false,
    }
}

fn differences(a: &State, b: &State, kinds: &[Kind]) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in kinds {
        for (from, to, sign) in [(a, b, '-'), (b, a, '+')] {
            for object in from.objects_of(*kind) {
                let other = to.find(&object).and_then(|(_, record)| identity::borrowed(*kind, record.bytes));
                if !other.is_some_and(|other| identity::is_equal(&object, &other, Compare::Tracked)) {
                    lines.push(format!("{sign} {}", Key::of(&object)));
                }
            }
        }
    }
    lines
}
