//! `linx watch`: what really changes, in one namespace or many, and why.
//!
//! A fleet of mirrors keeps the state of each namespace; its deltas get their authors and are printed. One thread reads: it
//! waits for the fleet, for authors, for the signals and for the end of the time at once. Another writes (`out/writer.rs`).

mod held;
mod net;
mod peers;
mod source;
mod summary;
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use linx::author::{Attach, Authors};
use linx::json::Marker;
use linx::mirror::{Change, Fleet, FleetDriver, FleetNotice, FleetWatch, News, State, Synced};
use linx::namespaces::Namespace;
use linx::{ErrorKind, Kind, Mirror, Notice};

use super::follow::{End, INTERRUPT, NAMESPACES, OUTPUT, Waits, due, note_last, note_not_followed};
use crate::args::{Family, Global, Watch};
use crate::error::{Failure, Outcome, note};
use crate::filter::{self, Links, Query};
use crate::names::Machine;
use crate::object::Object;
use crate::out::{CommitForm, Layout, Printer};
use crate::place::{self, Place};
use crate::privileges;
use crate::signals;
use crate::units;

use held::Held;
use source::{Plan, Source, counts};
use tail::{Item, Move, Tail};

/// What it is called in messages.
const WATCH: &str = "watch";

/// Changes that may be told at once, in receive buffers; and bytes of them at least. What is more is told as what it comes
/// to.
const HELD: usize = 8;
const LEAST_HELD: usize = 1 << 20;

/// What was asked for.
struct Wish {
    query: Query,
    plan: Plan,
    /// The state comes first.
    state: bool,
    summary: bool,
    hides: bool,
    fold: usize,
    family: Option<Family>,
    until: Option<Instant>,
}

struct Session {
    wish: Wish,
    driver: FleetDriver,
    fleet: Fleet,
    watch: FleetWatch,
    waits: Waits,
    /// By their cookies.
    sources: BTreeMap<u64, Source>,
    tail: Tail,
    began: Instant,
    /// When all of the beginning were complete.
    synced: SystemTime,
    /// Namespaces of the beginning whose state is not complete; `None`: people were told that all are.
    unsynced: Option<BTreeSet<u64>>,
    /// Receive buffer as the kernel grants it, bytes.
    granted: usize,
    /// The namespace that went last.
    last_gone: Option<String>,
    /// None of those that were chosen is left.
    is_over: bool,
    /// It was said that namespaces that come are not seen.
    is_blind: bool,
}

/// Runs it.
pub(crate) fn run(args: &Watch, global: &Global) -> Outcome {
    let machine = Machine::load(global.numeric);
    let query = filter::parse(WATCH, &args.words, &machine)?;
    let operation = query.operation(WATCH);
    let wish = wish(args, global, query).map_err(|failure| failure.of(&operation))?;
    let session = Session::start(wish, args, global, machine);
    session.and_then(Session::run).map_err(|failure| failure.of(&operation))
}

fn wish(args: &Watch, global: &Global, query: Query) -> Outcome<Wish> {
    let json = global.is_json();
    if query.objects.contains(&Object::NsId) {
        let failure = Failure::usage("nsid: the ids of namespaces are not mirrored");
        return Err(failure.remedy("linx monitor nsid"));
    }
    if args.summary && json {
        let failure = Failure::usage("--summary is for people");
        return Err(failure.remedy("with -j, compare two runs of linx list, or fold the records of a watch"));
    }
    let until = match &args.duration {
        Some(text) => Instant::now().checked_add(units::duration(text)?),
        None => None,
    };
    let plan = Plan {
        kinds: query.kinds(),
        is_nft_named: query.names_nft(),
        table: query.filter.only_nft_table().map(|(family, name)| (family, name.0.clone())),
        volatile: args.all && !json || global.statistics > 0,
        rcvbuf: units::size(&args.rcvbuf)?,
        is_open: global.all_netns,
    };
    Ok(Wish {
        query,
        plan,
        state: if json { !args.no_state } else { args.snapshot && !args.summary },
        summary: args.summary,
        hides: !json && !args.all,
        fold: args.fold,
        family: global.family(),
        until,
    })
}

impl Session {
    /// Opens everything, then gives up what was needed for that alone. Nothing is printed before it has succeeded.
    fn start(wish: Wish, args: &Watch, global: &Global, machine: Machine) -> Outcome<Self> {
        privileges::raise_files();
        let places = place::chosen(global)?;
        let signals = signals::block()?;
        let authors = Authors::start_keeping(privileges::of_authors(global))?;
        let plan = wish.plan.clone();
        let builder = Fleet::builder().hold(plan.rcvbuf.saturating_mul(HELD).max(LEAST_HELD));
        let builder = builder.template(move |builder| plan.of(builder));
        let chosen = || places.iter().map(|place| place.netns.clone()).collect();
        let builder = if global.all_netns { builder } else { builder.only(chosen()) };
        let mut driver = builder.driver()?;
        let fleet = driver.fleet();
        let watch = fleet.watch();
        let granted = match places.first() {
            Some(place) => source::granted(place, wish.plan.rcvbuf)?,
            None => usize::MAX,
        };
        let mut is_over = false;
        while !is_over && !global.all_netns && !driver.has_entered() {
            is_over = driver.advance(Instant::now()).is_err();
        }
        let has_nft = wish.plan.kinds.contains(&Object::Nft);
        privileges::keep_only(&privileges::of_monitor(global, has_nft))?;
        let cache = authors.cache().err().map(ToString::to_string);
        let queue = Attach::new(authors)?;
        let mut waits = Waits::new()?;
        waits.attend(signals, &queue)?;
        waits.add(&driver, NAMESPACES)?;
        if let (Some(why), 1..) = (cache, global.verbose) {
            note(format_args!("authors that have ended are known by their number alone: {why}"));
        }
        let printer = Printer::new(Layout { live: true, ..Layout::new(global) }, machine)?;
        let mut printer = printer.commits(CommitForm { fold: args.fold, whole: args.whole });
        places.iter().for_each(|place| printer.make_room(place));
        let held = Held::new((!global.is_json() && args.fold > 0).then_some(args.fold));
        let what = (wish.hides, wish.summary, args.count);
        let tail = Tail::new(printer, queue, held, &wish.query, wish.family, what);
        let sources: BTreeMap<_, _> =
            places.into_iter().map(|place| (place.cookie, Source::new(place, false))).collect();
        Ok(Self {
            wish,
            driver,
            fleet,
            watch,
            waits,
            unsynced: Some(sources.keys().copied().collect()),
            sources,
            tail,
            began: Instant::now(),
            synced: SystemTime::now(),
            granted,
            last_gone: None,
            is_over,
            is_blind: false,
        })
    }

    fn run(mut self) -> Outcome {
        match self.go_on() {
            Ok(end) => self.close(&end),
            Err(failure) => {
                // What came before is worth having.
                let _ = self.tail.printer.finish();
                Err(failure)
            }
        }
    }

    /// Prints until something ends it.
    fn go_on(&mut self) -> Outcome<End> {
        self.advance()?;
        self.forget_those_that_went()?;
        loop {
            self.settle()?;
            self.tail.printer.flush();
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let fleet = if self.is_over { None } else { self.driver.deadline() };
            let moments = [self.wish.until, due(&self.tail.queue), self.tail.held.deadline(), fleet];
            let ready = self.waits.wait(moments)?;
            if ready.contains(&INTERRUPT) {
                // What was announced before is part of what there was.
                if let Err(failure) = self.advance().and_then(|()| self.settle()) {
                    note_last(WATCH, failure);
                }
                return Ok(End::Interrupted);
            }
            if ready.contains(&OUTPUT) {
                return Ok(End::Closed);
            }
            self.advance()?;
        }
    }

    /// Why to end now, if there is a reason.
    fn end(&self) -> Option<End> {
        let Tail { printer, .. } = &self.tail;
        let left = self.last_gone.as_deref().filter(|_| self.is_over && self.sources.is_empty());
        End::now(self.tail.is_full(), left, printer.is_closed(), self.wish.until)
    }

    /// Reads what the kernel announced, what has to be read again, and which namespaces there are; takes what is told of
    /// that.
    fn advance(&mut self) -> Outcome {
        // Of those that were chosen, none is left; nothing else ends it.
        self.is_over = self.is_over || self.driver.advance(Instant::now()).is_err();
        let mut read = BTreeSet::new();
        while let Ok(Some(notice)) = self.watch.try_next() {
            read.extend(notice.namespace.cookie);
            self.take(notice)?;
        }
        // It is bounded: nothing comes while it is read.
        for cookie in read {
            if let (Some(source), Some(state)) = (self.sources.get_mut(&cookie), self.watch.state(cookie)) {
                source.last = Some(state);
            }
        }
        self.driver.forget(LEAST_HELD);
        let trouble = self.fleet.trouble();
        if let Some(error) = trouble.as_ref().filter(|_| !self.is_blind) {
            note(format_args!("namespaces that come and go are not seen: {error}"));
        }
        self.is_blind = trouble.is_some();
        Ok(())
    }

    /// Takes what is told of a namespace.
    fn take(&mut self, notice: FleetNotice) -> Outcome {
        let moved = Move::of(&notice);
        let FleetNotice { namespace, news, .. } = notice;
        let known = namespace.cookie.filter(|cookie| self.sources.contains_key(cookie));
        match (news, known) {
            (News::Added, None) => self.join(&namespace),
            (News::Changed, Some(cookie)) => self.rename(&namespace, cookie),
            (News::Refused(error), _) => self.refuse(&namespace, error),
            (News::Removed { last }, Some(cookie)) => {
                if let (Some(source), Some(last)) = (self.sources.get_mut(&cookie), last) {
                    source.last = Some(last);
                }
                self.tail.queue.push(Item::Gone(cookie, SystemTime::now()), None, Instant::now());
                Ok(())
            }
            (News::Mirror(notice), known) => {
                if known.is_none() {
                    // It could not be entered when it came.
                    self.join(&namespace)?;
                }
                let Some(cookie) = namespace.cookie else { return Ok(()) };
                let Some(source) = self.sources.get_mut(&cookie) else { return Ok(()) };
                if matches!(notice, Notice::Synced(_)) {
                    let mirror = self.fleet.mirror(cookie);
                    let before = std::mem::replace(&mut source.mirror, mirror);
                    before.iter().for_each(|before| self.tail.add_past(before));
                }
                if let Some(told) = source.take(notice, &self.watch) {
                    self.tail.take(source, told, moved, &self.watch);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Namespaces that went between two looks are not waited for.
    fn forget_those_that_went(&mut self) -> Outcome {
        let there: BTreeSet<u64> = self.fleet.namespaces().iter().filter_map(|one| one.cookie).collect();
        let gone: Vec<u64> = self.sources.keys().filter(|cookie| !there.contains(cookie)).copied().collect();
        for cookie in gone {
            if self.wish.plan.is_open
                && self.sources.get(&cookie).is_some_and(|source| source.mirror.is_none())
            {
                self.sources.remove(&cookie);
                self.one_less(cookie)?;
            }
        }
        Ok(())
    }

    /// Prints what is due.
    fn settle(&mut self) -> Outcome {
        let now = Instant::now();
        while let Some((item, author)) = self.tail.queue.pop(now) {
            self.tail.sort(&mut self.sources, item, author, now);
        }
        while let Some(item) = self.tail.print(&mut self.sources, now) {
            match item {
                Item::Synced(cookie, synced) => self.begin(cookie, &synced)?,
                Item::Gone(cookie, time) => self.leave(cookie, time)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The state of a namespace is complete.
    fn begin(&mut self, cookie: u64, synced: &Synced) -> Outcome {
        let sources = &mut self.sources;
        let Some(source) = sources.get_mut(&cookie) else { return Ok(()) };
        let Some(state) = source.begun.clone() else { return Ok(()) };
        let json = self.tail.printer.is_json();
        if source.is_new && !json && !self.wish.summary {
            self.tail.printer.netns_delta(&source.place, (Change::Added, synced.time), None, &counts(&state));
        }
        let place = source.place.clone();
        let is_new = source.is_new;
        if self.wish.state && (json || !is_new) {
            self.tail.state(sources, cookie);
        }
        if json {
            let marker = Marker::Synced { kinds: &synced.kinds, hidden: &[], generation: synced.generation };
            self.tail.printer.marker(synced.time, Some(&place), &marker, "");
        }
        self.one_less(cookie)
    }

    /// One of the namespaces of the beginning is complete, or gone.
    fn one_less(&mut self, cookie: u64) -> Outcome {
        let Some(unsynced) = &mut self.unsynced else { return Ok(()) };
        unsynced.remove(&cookie);
        if !unsynced.is_empty() {
            return Ok(());
        }
        self.unsynced = None;
        self.synced = SystemTime::now();
        self.note_what_is_missing();
        let sources = &self.sources;
        check_links(sources.values().map(|source| (&source.place, &source.links)), &self.wish.query)?;
        if !self.tail.printer.is_json() {
            summary::note_what_there_is(sources);
            if self.wish.hides {
                summary::note_hidden(&self.wish.query);
            }
            if self.wish.plan.kinds.contains(&Object::Nft) {
                summary::note_legacy(sources.values().map(|source| &source.place));
            }
        }
        if !self.wish.summary {
            // Each namespace has its own.
            let only = sources.values().next().filter(|_| sources.len() == 1);
            let generation = only.and_then(|source| source.begun.as_ref()?.generation());
            self.tail.printer.all_synced(sources.len(), generation, self.began.elapsed());
        }
        Ok(())
    }

    /// Says what is less than was asked for.
    fn note_what_is_missing(&self) {
        let plan = &self.wish.plan;
        let states = || self.sources.values().filter_map(|source| source.begun.as_ref());
        let has_nft = |state: &State| state.kinds().contains(&Kind::Table);
        if plan.kinds.contains(&Object::Nft) && states().next().is_some() && !states().any(has_nft) {
            privileges::note_no_nft();
        }
        let shared = self.driver.rcvbuf().filter(|each| *each < plan.rcvbuf);
        // The kernel makes twice of what is asked.
        let granted = shared.map_or(self.granted, |each| self.granted.min(each.saturating_mul(2)));
        if granted < plan.rcvbuf {
            privileges::note_clamped(granted, plan.rcvbuf, shared.is_some(), "repaired and reported");
        }
    }

    /// A namespace is gone.
    fn leave(&mut self, cookie: u64, time: SystemTime) -> Outcome {
        let Some(source) = self.sources.remove(&cookie) else { return Ok(()) };
        self.one_less(cookie)?;
        self.tail.bury(&source);
        if !self.wish.summary {
            let with = source.last.as_ref().map(counts).unwrap_or_default();
            self.tail.printer.netns_delta(&source.place, (Change::Removed, time), None, &with);
        }
        self.last_gone = Some(source.place.name);
        Ok(())
    }

    /// What lines say of a namespace, and a handle to it: where its name or its process has just gone, the fleet's own.
    fn place(&self, namespace: &Namespace) -> Option<Place> {
        let found = Place::found(namespace).ok().flatten();
        let entered = || Some(Place::of(namespace, namespace.cookie?, self.driver.netns(namespace.cookie?)?));
        found.or_else(entered)
    }

    /// A namespace came.
    fn join(&mut self, namespace: &Namespace) -> Outcome {
        let Some(place) = self.place(namespace) else { return Ok(()) };
        self.tail.tally.came += 1;
        if self.tail.printer.is_json() {
            self.tail.printer.netns_delta(&place, (Change::Added, SystemTime::now()), None, &[]);
        }
        self.sources.insert(place.cookie, Source::new(place, true));
        Ok(())
    }

    /// A namespace is called otherwise now, or something else leads to it.
    fn rename(&mut self, namespace: &Namespace, cookie: u64) -> Outcome {
        let (Some(place), Some(source)) = (self.place(namespace), self.sources.get_mut(&cookie)) else {
            return Ok(());
        };
        let before = std::mem::replace(&mut source.place, place);
        if before.name != source.place.name && !self.wish.summary {
            let name = Some(&*before.name);
            self.tail.printer.netns_delta(&source.place, (Change::Changed, SystemTime::now()), name, &[]);
        }
        Ok(())
    }

    /// A namespace cannot be entered, or not any more. That one of them cannot does not end the others, unless they were
    /// chosen.
    fn refuse(&mut self, namespace: &Namespace, error: linx::Error) -> Outcome {
        // That it is gone is told next.
        if error.kind == ErrorKind::NamespaceGone {
            return Ok(());
        }
        let is_nft_named = self.wish.plan.is_nft_named && self.unsynced.is_some();
        let is_needed = is_nft_named && matches!(error.kind, ErrorKind::Permission { .. });
        if !self.wish.plan.is_open || is_needed && namespace.is_own {
            return Err(error.into());
        }
        // How many may not be entered was said at the beginning.
        if namespace.refused.is_none() || self.unsynced.is_none() {
            note_not_followed(WATCH, &namespace.name, error.into());
        }
        namespace.cookie.map_or(Ok(()), |cookie| self.one_less(cookie))
    }

    /// Ends in good order: everything is written, and a person is told what there was.
    fn close(mut self, end: &End) -> Outcome {
        if matches!(end, End::Interrupted | End::TimeOut) {
            // What is known is printed, with authors as far as they are.
            let later = Instant::now() + Attach::<Item>::PATIENCE;
            while let Some((item, author)) = self.tail.queue.pop(later) {
                self.tail.sort(&mut self.sources, item, author, later);
            }
        }
        let now = Instant::now() + Attach::<Item>::PATIENCE;
        self.tail.held.release(now);
        while let Some(item) = self.tail.print(&mut self.sources, now) {
            if let Item::Gone(cookie, time) = item {
                self.leave(cookie, time)?;
            }
        }
        let text = self.tail.summary(self.sources.values());
        let interrupted = matches!(end, End::Interrupted);
        if self.wish.summary {
            self.net_change();
        } else if interrupted && !self.tail.printer.is_json() && self.unsynced.is_none() {
            let since = self.tail.printer.second(self.synced);
            let heading = format!("linx: net change since {since}");
            self.tail.printer.onto_stderr()?;
            self.tail.printer.heading(&format!("{heading} (--summary prints only this):"));
            if self.net_change() == 0 {
                self.tail.printer.heading("nothing");
            }
        }
        self.tail.printer.finish()?;
        for repair in
            self.sources.values().filter_map(|source| source.mirror.as_ref()).flat_map(Mirror::repairs)
        {
            note(repair);
        }
        if interrupted {
            note(text);
        }
        end.outcome(WATCH)
    }

    /// Prints what is different now from what it was at the beginning; how many differences that were.
    fn net_change(&mut self) -> usize {
        let fold = self.wish.fold;
        let (net, printer) = self.tail.net();
        let count = net.print(&self.sources, fold, printer);
        let tally = &self.tail.tally;
        let went = [(tally.gone, "gone"), (tally.came, "came")];
        let went: Vec<_> = went.iter().filter(|(count, _)| *count > 0).collect();
        if !went.is_empty() {
            let words: Vec<_> = went.iter().map(|(count, word)| format!("{count} {word}")).collect();
            self.tail.printer.heading(&format!("namespaces: {}", words.join(", ")));
        }
        count + went.len()
    }
}

/// A link that is named must be in one of the namespaces at least.
fn check_links<'a>(all: impl Iterator<Item = (&'a Place, &'a Links)> + Clone, query: &Query) -> Outcome {
    for word in query.filter.links() {
        if all.clone().all(|(_, links)| links.index(word).is_none()) {
            return Err(place::no_link(word, all));
        }
    }
    Ok(())
}
