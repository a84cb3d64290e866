//! What is printed of what happens: each change in its order, with its author.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linx::author::{Attach, Author, Question};
use linx::json::{Marker, Op};
use linx::monitor::Loss;
use linx::names::KnownSets;
use linx::nft::{self, Transaction};
use linx::{Handle, Kind, Object, ObjectRef, Operation};
use linx_wire::addr::family;

use super::go_on;
use super::source::{Change, Source, Turn};
use crate::args::Family;
use crate::error::note;
use crate::filter::{Filter, Links, Query, Subject, Who, is_of};
use crate::out::{Happening, Printer};
use crate::place::Place;

/// In marks, all that nf_tables has is one kind.
const NFT_ALONE: [Kind; 1] = [Kind::Table];

/// Something that waits for its author, or behind something that does.
pub(super) enum Item {
    Event {
        token: u64,
        op: Operation,
        object: Object,
        time: SystemTime,
        overlap: bool,
    },
    /// A commit of nf_tables.
    Commit(u64, Box<Transaction>),
    /// Something that a packet did to an object of nf_tables.
    Packet(u64, Box<nft::Event>),
    /// Events are missing; of nf_tables, or of the rest. With when it was told.
    Loss(u64, Box<Loss>, bool, SystemTime),
    /// The snapshot of this namespace is complete, since then.
    Synced(u64, SystemTime),
    /// This namespace is gone.
    Gone(u64),
}

impl Item {
    /// The namespace that it is of.
    pub(super) fn token(&self) -> u64 {
        match self {
            Self::Event { token, .. }
            | Self::Commit(token, _)
            | Self::Packet(token, _)
            | Self::Loss(token, ..)
            | Self::Synced(token, _)
            | Self::Gone(token) => *token,
        }
    }
}

/// Prints changes.
pub(super) struct Tail {
    pub(super) printer: Printer,
    pub(super) queue: Attach<Item>,
    filter: Filter,
    kinds: Vec<Kind>,
    /// Kinds of objects of nf_tables.
    nft: Vec<Kind>,
    family: Option<u8>,
    /// Changes still to be printed.
    left: Option<u64>,
    seen: u64,
    printed: u64,
    losses: u64,
    /// When the last datagram was read, by both clocks.
    read: (SystemTime, Duration),
}

impl Tail {
    pub(super) fn new(
        printer: Printer,
        queue: Attach<Item>,
        query: &Query,
        family: Option<Family>,
        count: Option<u64>,
    ) -> Self {
        Self {
            printer,
            queue,
            filter: query.filter.clone(),
            kinds: query.kinds().iter().filter_map(|kind| kind.kind()).collect(),
            nft: query.nft_kinds().to_vec(),
            family: family.map(Family::number).filter(|number| *number != family::UNSPEC),
            left: count,
            seen: 0,
            printed: 0,
            losses: 0,
            read: (SystemTime::UNIX_EPOCH, Duration::ZERO),
        }
    }

    /// Whether as many changes were printed as were asked for.
    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// Takes what a namespace tells: prints it at once where its author is known and nothing waits before it.
    #[inline]
    pub(super) fn take(
        &mut self,
        token: u64,
        place: &Place,
        links: &mut Links,
        turn: Turn<'_>,
    ) -> ControlFlow<()> {
        match turn {
            Turn::Event(change) => self.event(token, place, links, &change),
            Turn::Commit(commit) => {
                let process = Arc::clone(&commit.process);
                let item = Item::Commit(token, Box::new(commit));
                self.queue.push_task(item, &process, linx_sys::boottime(), Instant::now());
            }
            Turn::Packet(event) => {
                self.queue.push(Item::Packet(token, Box::new(event)), None, Instant::now());
            }
            Turn::Loss(loss, false) if self.queue.is_empty() => {
                self.lost(place, links, &loss, false, SystemTime::now());
            }
            Turn::Loss(loss, nft) => {
                let item = Item::Loss(token, Box::new(loss), nft, SystemTime::now());
                self.queue.push(item, None, Instant::now());
            }
            Turn::Spoofed { portid, length } => note(format_args!(
                "namespace {}: {length} bytes that port {portid} sent, not the kernel, were not believed",
                place.name
            )),
            Turn::Synced => self.queue.push(Item::Synced(token, SystemTime::now()), None, Instant::now()),
        }
        go_on(!self.is_full())
    }

    #[inline]
    fn event(&mut self, token: u64, place: &Place, links: &mut Links, change: &Change<'_>) {
        // Link messages carry no sender.
        let question = (change.object.kind() != Kind::Link).then(|| {
            if self.read.0 != change.time {
                self.read = (change.time, linx_sys::boottime());
            }
            Question { netns: &place.netns, cookie: place.cookie, portid: change.portid, seen: self.read.1 }
        });
        if self.queue.is_empty() {
            match &question {
                None => return self.show(place, links, change, None),
                Some(asked) => {
                    let known = self.queue.authors().known(asked.cookie, asked.portid, asked.seen);
                    if let Some(author) = known {
                        return self.show(place, links, change, Some(&author));
                    }
                }
            }
        }
        let Change { op, object, time, overlap, .. } = *change;
        let item = Item::Event { token, op, object: object.to_owned(), time, overlap };
        self.queue.push(item, question, Instant::now());
    }

    /// Prints what waited.
    pub(super) fn show_item(&mut self, source: &mut Source, item: &Item, author: Option<&Arc<Author>>) {
        let Source { place, links, sets, .. } = source;
        match item {
            Item::Event { op, object, time, overlap, .. } => {
                let change =
                    Change { op: *op, object: object.as_ref(), portid: 0, time: *time, overlap: *overlap };
                self.show(place, links, &change, author);
            }
            Item::Commit(_, commit) => self.commit(place, sets, commit, author),
            Item::Packet(_, event) => self.packet(place, sets, event),
            Item::Loss(_, loss, nft, time) => {
                self.lost(place, links, loss, *nft, *time);
                // Sets may have come or gone meanwhile, and others have their names.
                if *nft {
                    source.learn_sets();
                }
            }
            Item::Synced(..) | Item::Gone(_) => {}
        }
    }

    /// Prints a change, if it is one of those wanted. Links are learned in the order of what is printed, so that each
    /// line has the names of its moment.
    #[inline]
    fn show(&mut self, place: &Place, links: &mut Links, change: &Change<'_>, author: Option<&Arc<Author>>) {
        self.seen += 1;
        if let (ObjectRef::Link(link), Operation::New) = (&change.object, change.op) {
            links.insert(link);
        }
        let op = match change.op {
            Operation::New => Op::New,
            Operation::Del => Op::Del,
        };
        if self.wants(links, change, op, author) && !self.is_full() {
            let Change { object, time, overlap, .. } = *change;
            let happening = Happening { object, op, time, overlap, unsettled: false, author, peers: None };
            self.printer.object(place, &links.names, &happening);
            self.printed += 1;
            self.left = self.left.map(|left| left - 1);
        }
        if let (ObjectRef::Link(link), Operation::Del) = (&change.object, change.op) {
            links.remove(link);
        }
    }

    #[inline]
    fn wants(&self, links: &Links, change: &Change<'_>, op: Op, author: Option<&Arc<Author>>) -> bool {
        let object = change.object;
        if !self.kinds.contains(&object.kind()) {
            return false;
        }
        if self.family.is_some_and(|wanted| !is_of(&object, wanted)) {
            return false;
        }
        if self.filter.is_empty() {
            return true;
        }
        let subject = Subject { object, op: op.word(), cause: None, links };
        self.filter.keeps(&subject)
            && (!self.filter.asks_author()
                || self.filter.keeps_author(&Who::of(author.map(|author| &**author))))
    }

    /// Prints a commit, as far as it is wanted.
    fn commit(
        &mut self,
        place: &Place,
        sets: &mut KnownSets<'static>,
        commit: &Transaction,
        author: Option<&Arc<Author>>,
    ) {
        self.seen += 1;
        let wants = |change: &nft::Change<'_>| wants_nft(&self.nft, &self.filter, &change.entity, change.op);
        // A commit that changed nothing that is told is told where everything is wanted.
        let is_wanted = !self.is_full()
            && self.filter.keeps_author(&Who::of(author.map(|author| &**author)))
            && (commit.changes.iter().any(|change| wants(&change))
                || commit.changes.is_empty() && self.filter.is_empty());
        if is_wanted {
            self.printer.commit(place, sets, commit, &wants, author);
            self.printed += 1;
            self.left = self.left.map(|left| left - 1);
        }
        // Also of those that are not printed: elements of others are written by them.
        for change in &commit.changes {
            sets.note(change.op, change.entity);
        }
    }

    /// Prints what a packet did, if it is wanted.
    fn packet(&mut self, place: &Place, sets: &KnownSets<'static>, event: &nft::Event) {
        self.seen += 1;
        let entity = event.object.as_ref();
        let by_nobody = self.filter.keeps_author(&Who::of(Some(&event.process)));
        if by_nobody && wants_nft(&self.nft, &self.filter, &entity, event.op) && !self.is_full() {
            self.printer.nft_event(place, sets, event.change(), event.time, &event.process);
            self.printed += 1;
            self.left = self.left.map(|left| left - 1);
        }
    }

    pub(super) fn lost(
        &mut self,
        place: &Place,
        links: &mut Links,
        loss: &Loss,
        nft: bool,
        time: SystemTime,
    ) {
        self.losses += 1;
        self.loss(place, loss, nft, time);
        // Links may have come meanwhile. Where they cannot be listed, what is known has to do.
        if !nft && let Ok(all) = Handle::new(&place.netns).and_then(|handle| handle.links().all()) {
            *links = Links::default();
            all.iter().for_each(|link| links.insert(link));
        }
    }

    fn loss(&mut self, place: &Place, loss: &Loss, nft: bool, time: SystemTime) {
        let kinds = if nft { &NFT_ALONE[..] } else { &self.kinds };
        self.printer.loss(time, place, loss, kinds, "; changes before this line are missing");
    }

    /// The snapshot of a namespace is complete.
    pub(super) fn synced(&mut self, source: &Source, time: SystemTime) {
        if self.printer.is_json() {
            let kinds = self.all_kinds(source.has_nft());
            let marker = Marker::Synced { kinds: &kinds, hidden: &[], generation: source.generation() };
            self.printer.marker(time, Some(&source.place), &marker, "");
        }
    }

    /// What is followed.
    fn all_kinds(&self, nft: bool) -> Vec<Kind> {
        let nft = if nft { &NFT_ALONE[..] } else { &[] };
        self.kinds.iter().chain(nft).copied().collect()
    }

    /// What there was, for the end.
    pub(super) fn summary(&self, took: &str) -> String {
        let s = |number| if number == 1 { "" } else { "s" };
        let lost = match self.losses {
            0 => "none lost".to_owned(),
            1 => "a loss was reported".to_owned(),
            many => format!("{many} losses were reported"),
        };
        format!("{} change{} printed of {} seen in {took}; {lost}", self.printed, s(self.printed), self.seen)
    }
}

fn wants_nft(kinds: &[Kind], filter: &Filter, entity: &nft::EntityRef<'_>, op: Operation) -> bool {
    let op = if op == Operation::New { Op::New } else { Op::Del };
    kinds.contains(&entity.kind()) && filter.keeps_nft(entity, op.word())
}
