//! `linx watch`: what really changes, in one namespace or many, and why.
//!
//! A mirror keeps the state of each namespace; its deltas get their authors and are printed. One thread reads: it waits
//! for all mirrors, for authors, for the signals, for namespaces that come and go and for the end of the time at once.
//! Another writes (`out/writer.rs`).

mod held;
mod net;
mod peers;
mod source;
mod summary;
mod tail;

use std::time::{Duration, Instant, SystemTime};

use linx::author::{Attach, Authors};
use linx::json::Marker;
use linx::mirror::{Change, Synced};
use linx::namespaces::Change as Coming;

use super::follow::{ANSWERS, End, Ended, Follow, INTERRUPT, NAMESPACES, OUTPUT, note_not_followed};
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
use tail::{Item, Tail};

/// What it is called in messages.
const WATCH: &str = "watch";

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
    /// Receive buffer, bytes.
    rcvbuf: usize,
    until: Option<Instant>,
}

struct Session {
    wish: Wish,
    follow: Follow<Source>,
    tail: Tail,
    began: Instant,
    /// When all of the beginning were complete.
    synced: SystemTime,
    /// Namespaces of the beginning whose state is not complete; `None`: people were told that all are.
    unsynced: Option<usize>,
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
        nft: query.names_nft().then_some(true),
        table: query.filter.only_nft_table().map(|(family, name)| (family, name.0.clone())),
        volatile: args.all && !json || global.statistics > 0,
        follow: !global.all_netns,
    };
    Ok(Wish {
        query,
        plan,
        state: if json { !args.no_state } else { args.snapshot && !args.summary },
        summary: args.summary,
        hides: !json && !args.all,
        fold: args.fold,
        family: global.family(),
        rcvbuf: units::size(&args.rcvbuf)?,
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
        let buffers = (wish.rcvbuf, wish.plan.sockets());
        let mut follow =
            Follow::open(places, global, buffers, |place, each| Source::open(place, &wish.plan, each))?;
        let granted = match follow.sources.values().next() {
            Some(source) => source::granted(&source.place, follow.each)?,
            None => usize::MAX,
        };
        let has_nft = follow.sources.values().any(|source| source.has_nft);
        if wish.plan.kinds.contains(&Object::Nft) && !has_nft {
            privileges::note_no_nft();
        }
        privileges::keep_only(&privileges::of_monitor(global, has_nft))?;
        let cache = authors.cache().err().map(ToString::to_string);
        let queue = Attach::new(authors)?;
        follow.attend(signals, &queue)?;
        if granted < wish.rcvbuf {
            privileges::note_clamped(
                granted,
                wish.rcvbuf,
                follow.each < wish.rcvbuf,
                "repaired and reported",
            );
        }
        if let (Some(why), 1..) = (cache, global.verbose) {
            note(format_args!("authors that have ended are known by their number alone: {why}"));
        }
        let printer = Printer::new(Layout { live: true, ..Layout::new(global) }, machine)?;
        let mut printer = printer.commits(CommitForm { fold: args.fold, whole: args.whole });
        follow.sources.values().for_each(|source| printer.make_room(&source.place));
        let held = Held::new((!global.is_json() && args.fold > 0).then_some(args.fold));
        let what = (wish.hides, wish.summary, args.count);
        let tail = Tail::new(printer, queue, held, &wish.query, wish.family, what);
        let unsynced = Some(follow.sources.len());
        Ok(Self { wish, follow, tail, began: Instant::now(), synced: SystemTime::now(), unsynced })
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
        for token in self.follow.sources.keys().copied().collect::<Vec<_>>() {
            self.turn(token)?;
        }
        loop {
            self.settle()?;
            self.tail.printer.flush();
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let patience = self.patience();
            for token in self.follow.wait(patience)? {
                match token {
                    INTERRUPT => return Ok(End::Interrupted),
                    OUTPUT => return Ok(End::Closed),
                    NAMESPACES | ANSWERS => {}
                    token => self.turn(token)?,
                }
            }
            for token in self.follow.late() {
                self.turn(token)?;
            }
            self.namespaces()?;
        }
    }

    /// Why to end now, if there is a reason.
    fn end(&self) -> Option<End> {
        let Tail { printer, .. } = &self.tail;
        self.follow.end(self.tail.is_full(), printer.is_closed(), self.wish.until)
    }

    /// How long to wait for something to happen.
    fn patience(&self) -> Option<Duration> {
        if self.tail.queue.is_ready(Instant::now()) {
            return Some(Duration::ZERO);
        }
        self.follow.patience([self.wish.until, self.tail.queue.deadline(), self.tail.held.deadline()])
    }

    /// Takes what a mirror has to tell.
    fn turn(&mut self, token: u64) -> Outcome {
        let Some(source) = self.follow.sources.get_mut(&token) else { return Ok(()) };
        let outcome = source.advance();
        // They are bounded: nothing comes while they are read.
        while let Some(told) = source.next() {
            self.tail.take(token, source, told);
        }
        source.rest();
        match outcome {
            Ok(()) => Ok(()),
            Err(Ended::Gone) => {
                if self.follow.silence(token)? {
                    self.tail.queue.push(Item::Gone(token), None, Instant::now());
                }
                Ok(())
            }
            Err(Ended::Failed(failure)) if self.follow.is_open() => {
                self.one_less_if(token);
                self.follow.give_up(token, WATCH, failure)
            }
            Err(Ended::Failed(failure)) => Err(failure),
        }
    }

    /// Prints what is due.
    fn settle(&mut self) -> Outcome {
        let now = Instant::now();
        while let Some((item, author)) = self.tail.queue.pop(now) {
            self.tail.sort(&mut self.follow.sources, item, author, now);
        }
        while let Some(item) = self.tail.print(&mut self.follow.sources, now) {
            match item {
                Item::Synced(token, synced) => self.begin(token, &synced)?,
                Item::Gone(token) => self.leave(token)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The state of a namespace is complete.
    fn begin(&mut self, token: u64, synced: &Synced) -> Outcome {
        let sources = &mut self.follow.sources;
        let Some(source) = sources.get_mut(&token) else { return Ok(()) };
        let Some(state) = source.begun.clone() else { return Ok(()) };
        let json = self.tail.printer.is_json();
        if source.is_new && !json && !self.wish.summary {
            self.tail.printer.netns_delta(&source.place, Change::Added, None, &counts(&state));
        }
        let place = source.place.clone();
        let is_new = source.is_new;
        if self.wish.state && (json || !is_new) {
            self.tail.state(sources, token);
        }
        if json {
            let marker = Marker::Synced { kinds: &synced.kinds, hidden: &[], generation: synced.generation };
            self.tail.printer.marker(synced.time, Some(&place), &marker, "");
        }
        if !is_new {
            self.one_less()?;
        }
        Ok(())
    }

    /// One of the namespaces of the beginning is complete, or gone.
    fn one_less(&mut self) -> Outcome {
        self.unsynced = self.unsynced.map(|left| left.saturating_sub(1));
        if self.unsynced == Some(0) {
            self.unsynced = None;
            self.synced = SystemTime::now();
            let sources = &self.follow.sources;
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
        }
        Ok(())
    }

    /// The same, of one that is followed no more.
    fn one_less_if(&mut self, token: u64) {
        let source = self.follow.sources.get(&token);
        if source.is_some_and(|source| source.is_incomplete() && !source.is_new) {
            self.unsynced = self.unsynced.map(|left| left.saturating_sub(1));
        }
    }

    /// A namespace is gone.
    fn leave(&mut self, token: u64) -> Outcome {
        let Some(source) = self.follow.leave(token)? else { return Ok(()) };
        if source.is_incomplete() && !source.is_new {
            self.one_less()?;
        }
        self.tail.bury(&source);
        if !self.wish.summary {
            let with = counts(&source.state());
            self.tail.printer.netns_delta(&source.place, Change::Removed, None, &with);
        }
        Ok(())
    }

    /// Namespaces that came or went.
    fn namespaces(&mut self) -> Outcome {
        for (change, known) in self.follow.changes()? {
            match (change, known) {
                (Coming::Added(namespace), None) => {
                    if let Some(place) = Place::found(&namespace)? {
                        self.join(place)?;
                    }
                }
                (Coming::Changed(namespace), Some(token)) => {
                    if let (Some(place), Some(source)) =
                        (Place::found(&namespace)?, self.follow.sources.get_mut(&token))
                        && place.name != source.place.name
                    {
                        let before = std::mem::replace(&mut source.place, place);
                        if !self.wish.summary {
                            let name = Some(&*before.name);
                            self.tail.printer.netns_delta(&source.place, Change::Changed, name, &[]);
                        }
                    }
                }
                (Coming::Removed(_), Some(token)) => {
                    // What it told before it went.
                    self.turn(token)?;
                    self.tail.queue.push(Item::Gone(token), None, Instant::now());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A namespace that came. That one of them cannot be followed does not end the others.
    fn join(&mut self, place: Place) -> Outcome {
        let rcvbuf = self.follow.share(self.wish.rcvbuf, self.wish.plan.sockets());
        let name = place.name.clone();
        // That one of them has none does not end the others.
        let plan = Plan { nft: None, ..self.wish.plan.clone() };
        let mut source = match Source::open(place, &plan, rcvbuf) {
            Ok(source) => source,
            Err(Ended::Gone) => return Ok(()),
            Err(Ended::Failed(failure)) => {
                note_not_followed(WATCH, &name, failure);
                return Ok(());
            }
        };
        source.is_new = true;
        self.tail.tally.came += 1;
        if self.tail.printer.is_json() {
            self.tail.printer.netns_delta(&source.place, Change::Added, None, &[]);
        }
        let token = self.follow.add(source)?;
        self.turn(token)
    }

    /// Ends in good order: everything is written, and a person is told what there was.
    fn close(mut self, end: &End) -> Outcome {
        if matches!(end, End::Interrupted | End::TimeOut) {
            // What is known is printed, with authors as far as they are.
            let later = Instant::now() + Attach::<Item>::PATIENCE;
            while let Some((item, author)) = self.tail.queue.pop(later) {
                self.tail.sort(&mut self.follow.sources, item, author, later);
            }
        }
        let now = Instant::now() + Attach::<Item>::PATIENCE;
        self.tail.held.release(now);
        while let Some(item) = self.tail.print(&mut self.follow.sources, now) {
            if let Item::Gone(token) = item {
                self.leave(token)?;
            }
        }
        let text = self.tail.summary(self.follow.sources.values());
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
        for repair in self.follow.sources.values().flat_map(|source| source.mirror.repairs()) {
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
        let count = net.print(&self.follow.sources, fold, printer);
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
