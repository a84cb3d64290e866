//! What is printed of what changed: which deltas, and in which order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linx::author::{Attach, Author, Question};
use linx::json::{Marker, NetnsTag};
use linx::mirror::nft::{self, Transaction};
use linx::mirror::{
    Cause, Change, Delta, Doubt, FleetNotice, FleetWatch, MirrorStats, Moved, MovedFrom, MovedTo, Notice,
    Resynced, State, Synced,
};
use linx::names::KnownSets;
use linx::namespaces::Namespace;
use linx::{Kind, Mirror, NeighbourFlags, NeighbourState, NeighbourView, Object, ObjectRef, RouteView};
use linx_wire::addr::family;
use linx_wire::name::Name;

use super::held::{Entry, Held, Lines};
use super::net::Net;
use super::peers::Around;
use super::source::{Source, Told, sets_of};
use crate::args::Family;
use crate::filter::{Filter, Links, Query, Subject, Who, is_of};
use crate::out::{Aside, Printer, counted, kind_words, note_set};
use crate::place::Place;

/// `IFLA_INET6_FLAGS`
const INET6_FLAGS: &str = "af_spec.inet6.flags";

/// `RT_TABLE_LOCAL`
const LOCAL: u32 = 255;

/// Something that waits for its author, or behind something that does.
pub(super) enum Item {
    Delta(u64, Delta, Option<Box<Move>>),
    /// A commit of nf_tables; nothing is left behind it.
    Commit(u64, Transaction, bool),
    /// What happened to an object of nf_tables outside of commits.
    Nft(u64, nft::Delta),
    /// The state of this namespace is complete.
    Synced(u64, Synced),
    Doubt(u64, Box<Doubt>),
    Resynced(u64, Resynced),
    /// Changes of this namespace are not told one by one: its state before them, and behind.
    Lagged(u64, Box<(State, State)>),
    /// This namespace is gone, since about then.
    Gone(u64, SystemTime),
}

impl Item {
    /// The namespace that it is of.
    pub(super) fn token(&self) -> u64 {
        match self {
            Self::Delta(token, ..)
            | Self::Commit(token, ..)
            | Self::Nft(token, _)
            | Self::Synced(token, _)
            | Self::Doubt(token, _)
            | Self::Resynced(token, _)
            | Self::Lagged(token, _)
            | Self::Gone(token, _) => *token,
        }
    }
}

/// Where a link went, or came from.
pub(super) enum Move {
    To(MovedTo),
    From(MovedFrom),
}

impl Move {
    pub(super) fn of(notice: &FleetNotice) -> Option<Box<Self>> {
        let to = notice.moved_to().cloned().map(Self::To);
        to.or_else(|| notice.moved_from().cloned().map(Self::From)).map(Box::new)
    }
}

/// Prints changes.
pub(super) struct Tail {
    pub(super) printer: Printer,
    pub(super) queue: Attach<Item>,
    pub(super) held: Held,
    filter: Filter,
    pub(super) kinds: Vec<Kind>,
    /// Kinds of objects of nf_tables.
    pub(super) nft: Vec<Kind>,
    pub(super) family: Option<u8>,
    /// What people do not see unless they ask for it is left out.
    hides: bool,
    /// Only what is different at the end is printed.
    quiet: bool,
    /// Changes still to be printed.
    left: Option<u64>,
    around: Around,
    /// When the last datagram was read, by both clocks.
    read: (SystemTime, Duration),
    pub(super) tally: Tally,
}

/// What there was, for the end.
#[derive(Default)]
pub(super) struct Tally {
    /// Of namespaces that are gone.
    past: MirrorStats,
    deltas: u64,
    lines: u64,
    lags: u64,
    /// For how long something was in doubt.
    doubt: Duration,
    pub(super) came: u64,
    pub(super) gone: u64,
}

impl Tail {
    pub(super) fn new(
        printer: Printer,
        queue: Attach<Item>,
        held: Held,
        query: &Query,
        family: Option<Family>,
        (hides, quiet, count): (bool, bool, Option<u64>),
    ) -> Self {
        Self {
            printer,
            queue,
            held,
            filter: query.filter.clone(),
            kinds: query
                .kinds()
                .iter()
                .filter_map(|kind| kind.kind())
                .filter(|kind| *kind != Kind::NsId)
                .collect(),
            nft: query.nft_kinds().to_vec(),
            family: family.map(Family::number).filter(|number| *number != family::UNSPEC),
            hides,
            quiet,
            left: count,
            around: Around::default(),
            read: (SystemTime::UNIX_EPOCH, Duration::ZERO),
            tally: Tally::default(),
        }
    }

    /// Whether as many changes were printed as were asked for.
    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// Takes what a mirror tells.
    pub(super) fn take(&mut self, source: &Source, told: Told, moved: Option<Box<Move>>, watch: &FleetWatch) {
        let token = source.place.cookie;
        let now = Instant::now();
        let notice = match told {
            Told::Notice(notice) => notice,
            Told::Lagged(states) => return self.queue.push(Item::Lagged(token, states), None, now),
        };
        match notice {
            Notice::Delta(delta) => {
                // Link messages carry no sender.
                let portid = delta.author().and_then(|author| author.portid);
                if self.read.0 != delta.time() {
                    self.read = (delta.time(), seen_at(delta.time()));
                }
                let Place { netns, cookie, .. } = &source.place;
                let question =
                    portid.map(|portid| Question { netns, cookie: *cookie, portid, seen: self.read.1 });
                self.queue.push(Item::Delta(token, delta, moved), question, now);
            }
            Notice::Transaction(commit) => {
                let process = Arc::clone(&commit.process);
                let is_flush = is_flush(&commit, || watch.state(token));
                let commit_time = commit.time;
                let item = Item::Commit(token, commit, is_flush);
                self.queue.push_task(item, &process, seen_at(commit_time), now);
            }
            Notice::Nft(delta) => self.queue.push(Item::Nft(token, delta), None, now),
            Notice::Synced(synced) => self.queue.push(Item::Synced(token, synced), None, now),
            Notice::ResyncNeeded(doubt) => self.queue.push(Item::Doubt(token, Box::new(doubt)), None, now),
            Notice::Resynced(resynced) => self.queue.push(Item::Resynced(token, resynced), None, now),
            // Of a later version.
            _ => {}
        }
    }

    /// Decides about what has its author now: whether it is printed, and by which links its names are looked up.
    pub(super) fn sort(
        &mut self,
        sources: &mut BTreeMap<u64, Source>,
        item: Item,
        author: Option<Arc<Author>>,
        now: Instant,
    ) {
        let wanted = match &item {
            Item::Delta(..) => true,
            Item::Commit(token, commit, _) => {
                self.tally.deltas += 1;
                self.wants_commit(commit, author.as_deref())
                    || self.passes(sources, *token, commit.changes.iter())
            }
            Item::Nft(token, delta) => {
                self.tally.deltas += 1;
                self.wants_nft_delta(delta) || self.passes(sources, *token, delta.item().into_iter())
            }
            _ => true,
        };
        let Item::Delta(token, delta, _) = &item else {
            if wanted {
                self.held.push(item, author, now);
            }
            return;
        };
        let (token, delta) = (*token, delta.clone());
        self.tally.deltas += 1;
        let Some(source) = sources.get_mut(&token) else { return };
        if let (Some(Object::Link(link)), true) = (delta.after(), delta.change() != Change::Removed) {
            source.links.insert(link);
        }
        let wanted = self.wants(&source.links, &delta, author.as_deref());
        if let (Object::Link(link), Change::Removed) = (delta.object(), delta.change()) {
            source.links.remove(link);
        }
        if wanted {
            self.held.push(item, author, now);
        }
    }

    fn wants(&self, links: &Links, delta: &Delta, author: Option<&Author>) -> bool {
        if !self.kinds.contains(&delta.kind())
            || self.family.is_some_and(|wanted| !is_of(&delta.object().as_ref(), wanted))
            || self.hides && self.is_hidden(delta)
        {
            return false;
        }
        if self.filter.is_empty() {
            return true;
        }
        let keeps = |object: &Object| {
            self.filter.keeps(&Subject {
                object: object.as_ref(),
                op: delta.change().word(),
                cause: Some(delta.cause().word()),
                links,
            })
        };
        // One that is of what is asked for no more is a change of it, too.
        let keeps = keeps(delta.object()) || delta.before().is_some_and(keeps);
        keeps && (!self.filter.asks_author() || self.filter.keeps_author(&Who::of(author)))
    }

    /// Takes note of the sets among changes that are not printed: elements of others are written by them. Always false.
    fn passes<'a>(
        &self,
        sources: &mut BTreeMap<u64, Source>,
        token: u64,
        items: impl Iterator<Item = nft::Item<'a>>,
    ) -> bool {
        if let Some(source) = sources.get_mut(&token) {
            note_sets(&mut source.sets, items);
        }
        false
    }

    fn wants_item(&self, item: &nft::Item<'_>, cause: Cause) -> bool {
        Wanted { filter: &self.filter, nft: &self.nft, cause }.wants(item)
    }

    fn wants_commit(&self, commit: &Transaction, author: Option<&Author>) -> bool {
        self.filter.keeps_author(&Who::of(author))
            && commit.changes.iter().any(|item| self.wants_item(&item, Cause::Event))
    }

    fn wants_nft_delta(&self, delta: &nft::Delta) -> bool {
        let process = delta.process().map(|process| &**process);
        self.filter.keeps_author(&Who::of(process))
            && delta.item().is_some_and(|item| self.wants_item(&item, delta.cause()))
    }

    /// Whether people do not see it unless they ask for it.
    fn is_hidden(&self, delta: &Delta) -> bool {
        if is_aside(&delta.object().as_ref(), &self.filter) {
            return true;
        }
        match (delta.before(), delta.after()) {
            (Some(Object::Neighbour(before)), Some(Object::Neighbour(after))) => {
                // One that does not answer any more loses its link address with its state.
                let is_known = before.lladdr().is_some() && after.lladdr().is_some();
                let is_state = |field: &String| {
                    field == "state" || field.contains("cacheinfo") || field == "lladdr" && !is_known
                };
                before.state() != after.state() && delta.fields().iter().all(is_state)
            }
            (Some(_), Some(_)) => {
                let fields = delta.fields();
                // What IPv6 notes of a link that came up (`IF_READY`) shows a minute later, when it is compared.
                let says_nothing = |field: &String| {
                    field.contains("cacheinfo") || field.contains("expires") || field == INET6_FLAGS
                };
                !fields.is_empty() && fields.iter().all(says_nothing)
            }
            _ => false,
        }
    }

    /// Prints what is due, but for what is about a namespace as a whole, which is returned.
    pub(super) fn print(&mut self, sources: &mut BTreeMap<u64, Source>, now: Instant) -> Option<Item> {
        while let Some(lines) = self.held.pop(now) {
            match lines {
                Lines::One(entry) => match entry.item {
                    Item::Synced(..) | Item::Gone(..) => return Some(entry.item),
                    _ => self.one(sources, &entry),
                },
                Lines::Many(entries) => self.many(sources, &entries),
            }
        }
        None
    }

    fn one(&mut self, sources: &mut BTreeMap<u64, Source>, entry: &Entry) {
        let token = entry.item.token();
        match &entry.item {
            Item::Delta(_, delta, _) if !self.is_full() && !self.quiet => {
                self.delta(sources, token, delta, entry);
            }
            Item::Commit(_, commit, is_flush) => {
                let Some(source) = sources.get_mut(&token) else { return };
                if !self.is_full() && !self.quiet {
                    let filter = Wanted { filter: &self.filter, nft: &self.nft, cause: Cause::Event };
                    let wants = |item: &nft::Item<'_>| filter.wants(item);
                    let who = (entry.author.as_ref(), *is_flush);
                    self.printer.transaction(&source.place, &source.sets, commit, &wants, who);
                    self.tally.lines += 1;
                    self.left = self.left.map(|left| left - 1);
                }
                note_sets(&mut source.sets, commit.changes.iter());
            }
            Item::Nft(_, delta) => {
                let Some(source) = sources.get_mut(&token) else { return };
                if delta.change() != Change::Removed {
                    note_sets(&mut source.sets, delta.item().into_iter());
                }
                if !self.is_full() && !self.quiet {
                    let trigger = delta.trigger().and_then(|trigger| source.line_of(trigger.revision?));
                    self.printer.nft_delta(&source.place, &source.sets, delta, trigger);
                    self.tally.lines += 1;
                    self.left = self.left.map(|left| left - 1);
                }
                note_sets(&mut source.sets, delta.item().into_iter());
            }
            Item::Doubt(_, doubt) if !self.quiet => {
                let Some(source) = sources.get(&token) else { return };
                let then = "; what follows until \"resynced\" may be late";
                self.printer.loss(doubt.time, &source.place, &doubt.loss, &doubt.kinds, then);
                self.tally.lines += 1;
            }
            Item::Resynced(_, resynced) => {
                self.tally.doubt += resynced.took;
                let Some(source) = sources.get(&token).filter(|_| !self.quiet) else { return };
                let Resynced { kinds, took, deltas, time, .. } = resynced;
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let s = if *deltas == 1 { "" } else { "s" };
                let text = format!(
                    "{}: certain again after {took_ms} ms; {deltas} difference{s} found, their authors unknown",
                    kind_words(kinds)
                );
                let marker = Marker::Resynced { kinds, took_ms, deltas: *deltas };
                self.printer.marker(*time, Some(&source.place), &marker, &text);
                self.tally.lines += 1;
            }
            Item::Lagged(_, states) => self.lagged(sources, token, &states.0, &states.1),
            _ => {}
        }
    }

    /// More happened at once than is held: the differences are told.
    fn lagged(&mut self, sources: &mut BTreeMap<u64, Source>, token: u64, before: &State, after: &State) {
        self.tally.lags += 1;
        let Some(source) = sources.get_mut(&token) else { return };
        source.learn(after);
        if self.quiet {
            return;
        }
        let time = SystemTime::now();
        let lost = after.revision().saturating_sub(before.revision());
        let text = format!("{lost} changes at once: what they come to is told, not each, and not by whom");
        let (marker, place) = (Marker::Lagged { lost }, source.place.clone());
        self.printer.marker(time, Some(&place), &marker, &text);
        let (net, printer) = self.net();
        let all = net.differences(before, after, &source.links);
        let mut counts: Vec<(Change, Kind, u64)> = Vec::new();
        let fold = printer.fold().filter(|fold| all.len() > *fold);
        for (old, new) in &all {
            let Some(object) = new.as_ref().or(old.as_ref()) else { continue };
            let change = match (old, new) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                _ => Change::Changed,
            };
            if fold.is_some() {
                match counts.iter_mut().find(|(known, kind, _)| (*known, *kind) == (change, object.kind())) {
                    Some(count) => count.2 += 1,
                    None => counts.push((change, object.kind(), 1)),
                }
                continue;
            }
            let links = if new.is_some() { after.link_names() } else { before.link_names() };
            let [old, new] = [old, new].map(|object| object.as_ref().map(Object::as_ref));
            printer.coalesced((&place, links, time), old, new);
        }
        for (change, kind, count) in counts {
            let kind = linx::words::kind(kind);
            printer.many(&place, time, change, &format!("{kind} {}", counted(&[(kind, count)])), "resync");
        }
        if let (Some(old), Some(new)) = (before.nft(), after.nft()) {
            let sets = [before, after].map(sets_of);
            let [was, is] = &sets;
            for (change, old, item) in net.items((old, new), [was, is], printer) {
                let sets = if change == Change::Removed { was } else { is };
                printer.nft_coalesced((&place, sets, time), change, old, item);
            }
        }
        self.tally.lines += 1;
    }

    /// What is compared of two states, and where it is printed.
    pub(super) fn net(&mut self) -> (Net<'_>, &mut Printer) {
        let net = Net {
            kinds: &self.kinds,
            nft: Wanted { filter: &self.filter, nft: &self.nft, cause: Cause::Resync },
            filter: &self.filter,
            family: self.family,
            hides: self.hides,
        };
        (net, &mut self.printer)
    }

    fn delta(&mut self, sources: &mut BTreeMap<u64, Source>, token: u64, delta: &Delta, entry: &Entry) {
        let shown = entry.joined.as_ref().map_or(delta, |joined| &joined.1);
        let peer = match shown.object() {
            Object::Link(link) => self.around.peer(sources, token, link),
            _ => None,
        };
        let moved = if let Item::Delta(_, _, moved) = &entry.item { moved.as_deref() } else { None };
        let moved_to = match moved {
            Some(Move::To(to)) => Some((
                to.namespace.as_ref().map(|to| there(sources, to)),
                Moved { nsid: to.nsid, ifindex: to.ifindex },
            )),
            _ => delta.moved_to().map(|moved| (None, moved)),
        };
        let moved_from = match moved {
            Some(Move::From(from)) => {
                Some((there(sources, &from.namespace), from.ifindex, Name::new(&from.name).to_string()))
            }
            _ => None,
        };
        let Some(source) = sources.get(&token) else { return };
        let trigger = delta.trigger().and_then(|trigger| source.line_of(trigger.revision?));
        // What is on a link may be told before the link.
        let is_early = delta.object().ifindex().is_some_and(|index| delta.links().get(index).is_none());
        let aside = Aside {
            author: entry.author.as_ref(),
            trigger,
            links: is_early.then_some(&source.links.names),
            peers: peer.as_ref().map(|peer| peer as _),
            moved_to: moved_to.as_ref().map(|(to, moved)| (to.as_ref(), *moved)),
            moved_from: moved_from.as_ref().map(|(from, ifindex, name)| (from, *ifindex, &**name)),
            joined: entry.joined.as_ref().map(|(count, last)| (*count, entry.took(), last)),
        };
        let line = self.printer.delta(&source.place, delta, &aside);
        self.tally.lines += 1;
        self.left = self.left.map(|left| left - 1);
        if let (true, Some(source)) = (is_trigger(delta.kind()), sources.get_mut(&token)) {
            source.printed(delta.revision(), line);
        }
    }

    /// Prints many deltas of one cause as a line for each kind.
    fn many(&mut self, sources: &BTreeMap<u64, Source>, entries: &[Entry]) {
        let mut groups: Vec<(Change, Kind, u64, &Delta)> = Vec::new();
        for entry in entries {
            let Item::Delta(_, delta, _) = &entry.item else { continue };
            let is_same = |group: &&mut (Change, Kind, u64, &Delta)| {
                (group.0, group.1) == (delta.change(), delta.kind())
            };
            match groups.iter_mut().find(is_same) {
                Some(group) => group.2 += 1,
                None => groups.push((delta.change(), delta.kind(), 1, delta)),
            }
        }
        let Some(source) = entries.first().and_then(|entry| sources.get(&entry.item.token())) else { return };
        for (change, kind, count, delta) in groups {
            if self.is_full() || self.quiet {
                return;
            }
            let kind = linx::words::kind(kind);
            let what = format!("{kind} {}", counted(&[(kind, count)]));
            let why = delta.why().unwrap_or_default();
            self.printer.many(&source.place, delta.time(), change, &what, &why);
            self.tally.lines += 1;
            self.left = self.left.map(|left| left.saturating_sub(count));
        }
    }

    /// The state of a namespace: each object that is asked for.
    pub(super) fn state(&mut self, sources: &BTreeMap<u64, Source>, token: u64) {
        let Some((source, state)) =
            sources.get(&token).and_then(|source| Some((source, source.begun.as_ref()?)))
        else {
            return;
        };
        self.printer.begin_state();
        // Who asks for somebody's changes does not ask for the state.
        if !self.filter.keeps_author(&Who::default()) {
            return;
        }
        let none = super::peers::Nobody;
        for object in state.objects() {
            let subject = Subject { object, op: "list", cause: None, links: &source.links };
            let is_wanted = self.kinds.contains(&object.kind())
                && self.family.is_none_or(|wanted| is_of(&object, wanted))
                && self.filter.keeps(&subject)
                && !(self.hides && is_aside(&object, &self.filter));
            if is_wanted {
                let peer = match object {
                    ObjectRef::Link(link) => self.around.peer(sources, token, &link),
                    _ => None,
                };
                let peers = peer.as_ref().map_or(&none as &dyn linx::names::Peers, |peer| peer);
                self.printer.state(&source.place, state.link_names(), peers, object, false);
            }
        }
        self.printer.begin_state();
        for item in state.nft().into_iter().flat_map(nft::State::items) {
            let of = (item.family(), Some(item.table()));
            if self.nft.contains(&item.kind()) && self.filter.keeps_nft_of(of, "list", None) {
                self.printer.nft_item_state(&source.place, &source.sets, item);
            }
        }
    }

    /// Adds what a mirror did that is gone.
    pub(super) fn bury(&mut self, source: &Source) {
        source.mirror.iter().for_each(|mirror| self.add_past(mirror));
        self.tally.gone += 1;
    }

    /// Adds what a mirror did that is not the namespace's any more.
    pub(super) fn add_past(&mut self, mirror: &Mirror) {
        self.tally.past = sum(self.tally.past, mirror.stats());
    }

    /// What there was.
    pub(super) fn summary<'a>(&self, sources: impl Iterator<Item = &'a Source>) -> String {
        use crate::out::grouped;
        let mirrors = sources.filter_map(|source| source.mirror.as_ref());
        let stats = mirrors.fold(self.tally.past, |sum_so_far, mirror| sum(sum_so_far, mirror.stats()));
        let count = |number: u64, one: &str, many: &str| {
            format!("{} {}", grouped(number), if number == 1 { one } else { many })
        };
        let mut text = format!(
            "{}, {} in {}, {}, {}",
            count(stats.events, "event", "events"),
            count(stats.deltas, "delta", "deltas"),
            count(self.tally.lines, "line", "lines"),
            count(stats.losses, "loss", "losses"),
            count(stats.resyncs, "resync", "resyncs"),
        );
        if stats.resyncs > 0 {
            text += &format!(" ({} ms)", self.tally.doubt.as_millis());
        }
        text += &format!(", {} implied, ", grouped(stats.implied));
        text += &count(stats.audit_repairs, "audit repair", "audit repairs");
        if self.tally.lags > 0 {
            text += &format!(", {}", count(self.tally.lags, "lag", "lags"));
        }
        text
    }
}

/// How lines name the namespace at the other end of a move, which may not be followed any more.
fn there(sources: &BTreeMap<u64, Source>, namespace: &Namespace) -> (String, NetnsTag) {
    let cookie = namespace.cookie.unwrap_or_default();
    let name = sources.get(&cookie).map_or(&*namespace.name, |source| &*source.place.name);
    (name.to_owned(), NetnsTag::new(name, cookie, None, None))
}

/// When something was received, by the clock that processes' starts are told by. Where the other clock was set meanwhile it
/// is too early, which finds fewer authors and no wrong ones, or now.
fn seen_at(time: SystemTime) -> Duration {
    linx_sys::boottime().saturating_sub(time.elapsed().unwrap_or_default())
}

/// Which objects of nf_tables are asked for.
pub(super) struct Wanted<'a> {
    pub(super) filter: &'a Filter,
    pub(super) nft: &'a [Kind],
    pub(super) cause: Cause,
}

impl Wanted<'_> {
    /// Whether an object is, whatever became of it.
    pub(super) fn wants_object(&self, item: &linx::nft::ItemRef<'_>) -> bool {
        self.nft.contains(&item.kind()) && self.filter.keeps_nft_object((item.family(), Some(item.table())))
    }

    fn wants(&self, item: &nft::Item<'_>) -> bool {
        let Some(object) = item.object().filter(|_| self.nft.contains(&item.kind())) else { return false };
        let of = (object.family(), Some(object.table()));
        self.filter.is_empty() || self.filter.keeps_nft_of(of, item.change().word(), Some(self.cause.word()))
    }
}

fn note_sets<'a>(sets: &mut KnownSets<'_>, items: impl Iterator<Item = nft::Item<'a>>) {
    for item in items {
        if let Some(object) = item.object() {
            note_set(sets, item.change(), &object);
        }
    }
}

/// Whether a commit leaves nothing behind.
fn is_flush(commit: &Transaction, state: impl Fn() -> Option<State>) -> bool {
    let mut tables = 0;
    for item in commit.changes.iter() {
        if item.change() != Change::Removed {
            return false;
        }
        tables += usize::from(item.kind() == Kind::Table);
    }
    tables > 0 && state().is_some_and(|state| state.nft().is_some_and(nft::State::is_empty))
}

fn sum(a: MirrorStats, b: MirrorStats) -> MirrorStats {
    let mut all = a;
    all.events += b.events;
    all.deltas += b.deltas;
    all.losses += b.losses;
    all.resyncs += b.resyncs;
    all.implied += b.implied;
    all.audit_repairs += b.audit_repairs;
    all
}

/// Kinds of which changes follow that the kernel does not announce.
fn is_trigger(kind: Kind) -> bool {
    matches!(kind, Kind::Link | Kind::NextHop | Kind::Address | Kind::Rule)
}

/// What people do not see unless they ask for it: table local, neighbours that need no resolution, and the multicast
/// addresses that a device receives, which come and go without a word.
pub(super) fn is_aside(object: &ObjectRef<'_>, filter: &Filter) -> bool {
    match object {
        ObjectRef::Route(route) => route.table() == LOCAL && !filter.names_table(),
        ObjectRef::Neighbour(neighbour) if neighbour.is_fdb() => {
            let address = neighbour.lladdr();
            let is_multicast =
                address.is_some_and(|it| it.as_bytes().first().is_some_and(|byte| byte & 1 == 1));
            is_multicast && neighbour.flags().contains(NeighbourFlags::SELF) && neighbour.dst().is_none()
        }
        ObjectRef::Neighbour(neighbour) => neighbour.state().contains(NeighbourState::NOARP),
        _ => false,
    }
}
