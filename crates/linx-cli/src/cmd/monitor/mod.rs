//! `linx monitor`: every change as it happens, in one namespace or many.
//!
//! One thread reads: it waits for all namespaces, for authors, for the signals, for namespaces that come and go and
//! for the end of the time at once, takes what there is in turns, and prints it. Another writes (`out/writer.rs`).

mod follow;
mod source;
mod tail;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use linx::Kind;
use linx::author::{Attach, Authors};
use linx::json::Op;
use linx::namespaces::Change as Coming;

use super::follow::{ANSWERS, End, INTERRUPT, NAMESPACES, OUTPUT, due, note_last, note_not_followed};
use super::state::{Opened, State};
use crate::args::{Family, Global, Monitor};
use crate::error::{Failure, Outcome, note};
use crate::filter::{self, Query};
use crate::names::Machine;
use crate::object::Object;
use crate::out::{CommitForm, Layout, Printer, Sign};
use crate::place::{self, Place};
use crate::privileges;
use crate::signals;
use crate::units::{self, show_duration};

use follow::{Ended, Follow};
use source::{Nft, Source};
use tail::{Item, Tail};

/// What it is called in messages.
const MONITOR: &str = "monitor";

/// Notices that one namespace may have printed before the others have their turn.
const SHARE: usize = 8192;

/// How long after a signal that is told which was announced before.
const LAST: Duration = Duration::from_secs(1);

/// When so many came in one round, the next is put off for a moment: much of a storm's cost is waking up for each event.
const MANY: usize = 12;
const NAP: Duration = Duration::from_millis(4);
/// Bytes of a receive buffer that the fastest sender seen (0.5 M/s) fills in a millisecond: half of it is to stay free.
const FASTEST: usize = 416 << 10;

/// How long the next round is put off, with a smallest receive buffer of so many bytes.
fn nap(least: usize) -> Option<Duration> {
    let millis = u64::try_from(least / 2 / FASTEST).unwrap_or(u64::MAX);
    (millis > 0).then(|| NAP.min(Duration::from_millis(millis)))
}

/// What was asked for.
struct Wish {
    query: Query,
    nft: Nft,
    commits: CommitForm,
    snapshot: bool,
    family: Option<Family>,
    /// Receive buffer, bytes.
    rcvbuf: usize,
    until: Option<Instant>,
}

impl Wish {
    /// Monitors in each namespace.
    fn sockets(&self) -> usize {
        let route = self.query.kinds().iter().any(|kind| kind.kind().is_some());
        usize::from(route) + usize::from(self.nft != Nft::No)
    }
}

/// What is asked of nf_tables.
fn nft_of(args: &Monitor, query: &Query) -> Outcome<Nft> {
    let since = args.since_gen;
    match (query.names_nft(), query.kinds().contains(&Object::Nft)) {
        (true, _) => Ok(Nft::Wanted(since.unwrap_or(0))),
        _ if since.is_some() => {
            let failure = Failure::usage("--since-gen is about nf_tables alone");
            Err(failure.remedy("linx monitor nft --since-gen N"))
        }
        (_, true) => Ok(Nft::IfAllowed),
        _ => Ok(Nft::No),
    }
}

struct Session {
    wish: Wish,
    follow: Follow,
    tail: Tail,
    began: Instant,
    /// Namespaces of the beginning whose snapshot is not complete; `None`: people were told that all are.
    unsynced: Option<usize>,
}

/// Runs it.
pub(crate) fn run(args: &Monitor, global: &Global) -> Outcome {
    let machine = Machine::load(global.numeric);
    let query = filter::parse("monitor", &args.words, &machine)?;
    let operation = query.operation("monitor");
    let until = match &args.duration {
        Some(text) => Instant::now().checked_add(units::duration(text)?),
        None => None,
    };
    let family = global.family();
    let wish = Wish {
        nft: nft_of(args, &query).map_err(|failure| failure.of(&operation))?,
        commits: CommitForm { fold: args.fold, whole: args.whole },
        query,
        snapshot: args.snapshot,
        family,
        rcvbuf: units::size(&args.rcvbuf)?,
        until,
    };
    let session = Session::start(wish, args.count, global, machine);
    session.and_then(Session::run).map_err(|failure| failure.of(&operation))
}

impl Session {
    /// Opens everything, then gives up what was needed for that alone. Nothing is printed before it has succeeded.
    fn start(wish: Wish, count: Option<u64>, global: &Global, machine: Machine) -> Outcome<Self> {
        privileges::raise_files();
        let places = place::chosen(global)?;
        let signals = signals::block()?;
        let authors = Authors::start_keeping(privileges::of_authors(global))?;
        let buffers = (wish.rcvbuf, wish.sockets());
        let mut follow = Follow::open(places, global, buffers, |place, each| {
            Source::open(place, &wish.query.kinds(), wish.nft, each, !global.all_netns)
        })?;
        let sources = &follow.sources;
        let has_nft = sources.values().any(Source::has_nft);
        if wish.nft == Nft::IfAllowed && !has_nft {
            privileges::note_no_nft();
        }
        privileges::keep_only(&privileges::of_monitor(global, has_nft))?;
        check_links(sources, &wish.query)?;
        let cache = authors.cache().err().map(ToString::to_string);
        let queue = Attach::new(authors)?;
        let least = sources.values().map(Source::least_rcvbuf).min().unwrap_or(usize::MAX);
        if least < wish.rcvbuf {
            privileges::note_clamped(least, wish.rcvbuf, follow.each < wish.rcvbuf, "reported");
        }
        if let (Some(why), 1..) = (cache, global.verbose) {
            note(format_args!("authors that have ended are known by their number alone: {why}"));
        }
        follow.waits.attend(signals, &queue)?;
        let printer = Printer::new(Layout { live: true, ..Layout::new(global) }, machine)?;
        let mut printer = printer.commits(wish.commits);
        follow.sources.values().for_each(|source| printer.make_room(&source.place));
        let tail = Tail::new(printer, queue, &wish.query, wish.family, count);
        Ok(Self { wish, follow, tail, began: Instant::now(), unsynced: None })
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
        self.unsynced = self.wish.snapshot.then_some(self.follow.sources.len());
        for token in self.follow.sources.keys().copied().collect::<Vec<_>>() {
            match self.begin(token) {
                Err(failure) if self.follow.is_open() => {
                    self.follow.give_up(token, MONITOR, failure)?;
                    self.one_less();
                }
                outcome => outcome?,
            }
        }
        loop {
            self.settle()?;
            self.tail.printer.flush();
            if let Some(end) = self.end() {
                return Ok(end);
            }
            let ready = self.follow.wait([self.wish.until, due(&self.tail.queue)])?;
            let mut taken = 0;
            for token in ready {
                match token {
                    INTERRUPT => return Ok(self.last_turn()),
                    OUTPUT => return Ok(End::Closed),
                    NAMESPACES | ANSWERS => {}
                    token => taken += self.turn(token)?,
                }
            }
            // Those that wait for another try to open their socket.
            for token in self.follow.late() {
                self.turn(token)?;
            }
            self.namespaces()?;
            if (MANY..SHARE).contains(&taken)
                && let Some(nap) = nap(self.least_rcvbuf())
            {
                self.settle()?;
                self.tail.printer.flush();
                std::thread::sleep(nap);
            }
        }
    }

    /// What was announced before a signal came is told before the end. Who asked for that has it in any case, also where a
    /// source fails now or never rests.
    fn last_turn(&mut self) -> End {
        let until = Instant::now() + LAST;
        for token in self.follow.sources.keys().copied().collect::<Vec<_>>() {
            if let Err(failure) = self.read_up(token, until) {
                note_last(MONITOR, failure);
            }
        }
        End::Interrupted
    }

    fn read_up(&mut self, token: u64, until: Instant) -> Outcome {
        while self.turn(token)? >= SHARE && Instant::now() < until {
            self.settle()?;
        }
        self.settle()
    }

    /// Effective size of the smallest receive buffer, bytes.
    fn least_rcvbuf(&self) -> usize {
        self.follow.sources.values().map(Source::least_rcvbuf).min().unwrap_or(usize::MAX)
    }

    /// Why to end now, if there is a reason.
    fn end(&self) -> Option<End> {
        let Tail { printer, .. } = &self.tail;
        let left = self.follow.nothing_left();
        End::now(self.tail.is_full(), left, printer.is_closed(), self.wish.until)
    }

    /// Learns a namespace's links; with `--snapshot` prints its state.
    fn begin(&mut self, token: u64) -> Outcome {
        let Some(source) = self.follow.sources.get_mut(&token) else { return Ok(()) };
        match snapshot(&self.wish, source, &mut self.tail) {
            Ok(()) => {
                if self.wish.snapshot && !source.is_incomplete() {
                    // Nothing of the tail comes before it.
                    let item = Item::Synced(token, SystemTime::now());
                    self.tail.queue.push(item, None, Instant::now());
                }
                Ok(())
            }
            Err(Ended::Gone) => {
                self.tail.queue.push(Item::Gone(token), None, Instant::now());
                Ok(())
            }
            Err(Ended::Failed(failure)) => Err(failure),
        }
    }

    /// Takes what a namespace has to tell.
    fn turn(&mut self, token: u64) -> Outcome<usize> {
        let Some(source) = self.follow.sources.get_mut(&token) else { return Ok(0) };
        let tail = &mut self.tail;
        match source.turn(SHARE, |place, links, turn| tail.take(token, place, links, turn)) {
            Ok(taken) => Ok(taken),
            Err(Ended::Gone) => {
                if self.follow.silence(token)? {
                    tail.queue.push(Item::Gone(token), None, Instant::now());
                }
                Ok(0)
            }
            Err(Ended::Failed(failure)) => Err(failure),
        }
    }

    /// Prints what has its author now.
    fn settle(&mut self) -> Outcome {
        while let Some((item, author)) = self.tail.queue.pop(Instant::now()) {
            let token = item.token();
            let Some(source) = self.follow.sources.get_mut(&token) else { continue };
            match item {
                Item::Gone(_) => self.leave(token)?,
                Item::Synced(_, time) => {
                    self.tail.synced(source, time);
                    self.one_less();
                }
                item => self.tail.show_item(source, &item, author.as_ref()),
            }
        }
        Ok(())
    }

    /// One of the namespaces of the beginning is complete, or gone.
    fn one_less(&mut self) {
        self.unsynced = self.unsynced.map(|left| left.saturating_sub(1));
        if self.unsynced == Some(0) {
            self.unsynced = None;
            // Each namespace has its own.
            let sources = &self.follow.sources;
            let generation = sources.values().next().and_then(Source::generation);
            let generation = generation.filter(|_| sources.len() == 1);
            self.tail.printer.all_synced(sources.len(), generation, self.began.elapsed());
        }
    }

    /// A namespace is gone.
    fn leave(&mut self, token: u64) -> Outcome {
        let Some(source) = self.follow.leave(token)? else { return Ok(()) };
        if source.is_incomplete() {
            self.one_less();
        }
        self.tail.printer.netns(&source.place, Op::Del, Sign::Minus);
        Ok(())
    }

    /// Namespaces that came or went.
    fn namespaces(&mut self) -> Outcome {
        for (change, known) in self.follow.changes()? {
            match (change, known) {
                // One that could not be entered by what led to it first may be by what leads to it now. That one of them
                // cannot be followed does not end the others.
                (Coming::Added(namespace) | Coming::Changed(namespace), None) => {
                    match Place::found(&namespace) {
                        Ok(Some(place)) => self.join(place)?,
                        Ok(None) => {}
                        Err(failure) => note_not_followed(MONITOR, &namespace.name, failure),
                    }
                }
                (Coming::Changed(namespace), Some(token)) => {
                    let Some(source) = self.follow.sources.get_mut(&token) else { continue };
                    let place = match Place::found(&namespace) {
                        Ok(Some(place)) => place,
                        Ok(None) => continue,
                        // It is called so all the same.
                        Err(_) => Place::of(&namespace, source.place.cookie, source.place.netns.clone()),
                    };
                    if place.name != source.place.name {
                        self.tail.printer.netns(&place, Op::New, Sign::Tilde);
                        source.place = place;
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
        let rcvbuf = self.follow.share(self.wish.rcvbuf, self.wish.sockets());
        let name = place.name.clone();
        let nft = if self.wish.nft == Nft::No { Nft::No } else { Nft::IfAllowed };
        let source = match Source::open(place, &self.wish.query.kinds(), nft, rcvbuf, false) {
            Ok(source) => source,
            Err(Ended::Gone) => return Ok(()),
            Err(Ended::Failed(failure)) => {
                note_not_followed(MONITOR, &name, failure);
                return Ok(());
            }
        };
        self.tail.printer.netns(&source.place, Op::New, Sign::Plus);
        let token = self.follow.add(source)?;
        self.begin(token).or_else(|failure| self.follow.give_up(token, MONITOR, failure))
    }

    /// Ends in good order: everything is written, and a person is told what there was.
    fn close(mut self, end: &End) -> Outcome {
        if matches!(end, End::Interrupted | End::TimeOut) {
            // What is known is printed, with authors as far as they are.
            let later = Instant::now() + Attach::<Item>::PATIENCE;
            while let Some((item, author)) = self.tail.queue.pop(later) {
                if let Some(source) = self.follow.sources.get_mut(&item.token()) {
                    self.tail.show_item(source, &item, author.as_ref());
                }
            }
        }
        let summary = self.tail.summary(&show_duration(self.began.elapsed()));
        self.tail.printer.finish()?;
        if matches!(end, End::Interrupted) {
            note(summary);
        }
        end.outcome(MONITOR)
    }
}

/// A link that is named must be in one of the namespaces at least.
fn check_links(sources: &BTreeMap<u64, Source>, query: &Query) -> Outcome {
    if query.filter.links().next().is_none() {
        return Ok(());
    }
    let opened: Vec<Opened> =
        sources.values().filter_map(|source| Opened::new(source.place.clone()).ok()).collect();
    super::state::check_links(&opened, &query.filter)
}

/// Learns the links; with `--snapshot` prints the state. What happened before it is dropped, what happens meanwhile may
/// be in it.
fn snapshot(wish: &Wish, source: &mut Source, tail: &mut Tail) -> Result<(), Ended> {
    if wish.snapshot
        && let Some(loss) = source.forget()?
    {
        let Source { place, links, .. } = source;
        tail.lost(place, links, &loss, true, SystemTime::now());
    }
    let printer = &mut tail.printer;
    let opened = Opened::new(source.place.clone())?;
    if wish.snapshot {
        let state = State { filter: &wish.query.filter, all: true, family: wish.family };
        // Who asks for somebody's changes does not ask for the state.
        let shows = wish.query.filter.keeps_author(&filter::Who::default());
        for kind in wish.query.kinds().into_iter().filter(|kind| shows && *kind != Object::Nft) {
            state.print(&opened, kind, printer)?;
        }
        if let Some(control) = source.nft_control() {
            let kinds = if shows { wish.query.nft_kinds() } else { &[Kind::Set] };
            let ruleset = state.rule_set(&opened, kinds, Some(&control))?;
            if shows {
                state.print_rule_set(&opened, &ruleset, kinds, printer);
            }
            source.set_rule_set(&ruleset);
        }
        source.overlap()?;
    }
    if source.has_nft() && !wish.snapshot {
        source.learn_sets();
    }
    source.links = opened.links;
    Ok(())
}

/// Whether to go on with a turn.
fn go_on(yes: bool) -> ControlFlow<()> {
    if yes { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_leaves_half_of_the_buffer_to_the_fastest_sender() {
        let none = nap(416 << 10);
        assert_eq!((none, nap(512 << 10)), (None, None));
        assert_eq!(nap(2 << 20), Some(Duration::from_millis(2)));
        assert_eq!(nap(8 << 20), Some(NAP));
        assert_eq!(nap(usize::MAX), Some(NAP));
        for least in [1 << 20, 2 << 20, 3 << 20, 64 << 20] {
            let filled = nap(least).map_or(0, |nap| nap.as_millis() as usize * FASTEST);
            assert!(filled <= least / 2);
        }
    }
}
