//! What `monitor` and `watch` have in common: namespaces that are followed at once, those that come and go, the wait
//! for all of them, and the end.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Instant;

use linx::author::Attach;
use linx::namespaces::{Change, Watcher};
use linx::{Error, ErrorKind};
use linx_sys::PollSet;

use crate::args::Global;
use crate::error::{Failure, Outcome, note};
use crate::out::Hangup;
use crate::place::Place;
use crate::privileges::Budget;
use crate::signals::{Blocked, Interrupt};

/// Tokens of what is waited for; those of namespaces follow.
pub(super) const INTERRUPT: u64 = 0;
pub(super) const NAMESPACES: u64 = 1;
pub(super) const OUTPUT: u64 = 2;
pub(super) const ANSWERS: u64 = 3;
const FIRST: u64 = 16;

/// Why a namespace is followed no more.
pub(super) enum Ended {
    /// It does not exist any more.
    Gone,
    /// Something failed.
    Failed(Failure),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        if error.kind == ErrorKind::NamespaceGone { Self::Gone } else { Self::Failed(error.into()) }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        if failure.is_gone() { Self::Gone } else { Self::Failed(failure) }
    }
}

/// A namespace that is followed: readable when it wants its turn.
pub(super) trait Followed: AsFd {
    /// Which one it is.
    fn place(&self) -> &Place;
    /// Effective size of its receive buffers, bytes.
    fn rcvbuf(&self) -> usize;
    /// When it wants its turn even if nothing is there.
    fn deadline(&self) -> Option<Instant>;
    /// Remembers that it is gone; false when that was known.
    fn set_gone(&mut self) -> bool;
}

/// Why it ended.
#[derive(Debug)]
pub(super) enum End {
    /// A signal.
    Interrupted,
    /// So many changes were asked for.
    Counted,
    /// The time is over.
    TimeOut,
    /// Nobody reads any more.
    Closed,
    /// The last namespace is gone, by this name.
    NothingLeft(String),
}

impl End {
    /// What it means for the exit; `what` was being done.
    pub(super) fn outcome(&self, what: &str) -> Outcome {
        match self {
            Self::Interrupted | Self::Counted | Self::Closed => Ok(()),
            Self::TimeOut => Err(Failure::time_out()),
            Self::NothingLeft(name) => {
                Err(Failure::system(format!("namespace \"{name}\" was deleted; nothing is left to {what}")))
            }
        }
    }
}

impl End {
    /// Why to end now, if there is a reason: enough was printed, nothing is left to follow, nobody reads, the time is over.
    pub(super) fn now(
        is_full: bool,
        nothing_left: Option<&str>,
        is_closed: bool,
        until: Option<Instant>,
    ) -> Option<Self> {
        if is_full {
            return Some(Self::Counted);
        }
        if let Some(name) = nothing_left {
            return Some(Self::NothingLeft(name.to_owned()));
        }
        if is_closed {
            return Some(Self::Closed);
        }
        until.filter(|until| *until <= Instant::now()).map(|_| Self::TimeOut)
    }
}

/// What is waited for at once.
pub(super) struct Waits {
    poll: PollSet,
    /// What is only waited for.
    _held: Option<(Interrupt, Option<Hangup>)>,
}

impl Waits {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self { poll: PollSet::new()?, _held: None })
    }

    pub(super) fn add(&self, one: &impl AsFd, token: u64) -> Outcome {
        Ok(self.poll.add(one, token)?)
    }

    fn remove(&self, one: &impl AsFd) -> Outcome {
        Ok(self.poll.remove(one)?)
    }

    /// Also waits for signals, for the reader of the output to go, and for `answers`.
    pub(super) fn attend(&mut self, signals: Blocked, answers: &impl AsFd) -> Outcome {
        let interrupt = signals.listen()?;
        self.add(&interrupt, INTERRUPT)?;
        self.add(answers, ANSWERS)?;
        let hangup = Hangup::of_stdout();
        if let Some(hangup) = &hangup {
            self.add(hangup, OUTPUT)?;
        }
        self._held = Some((interrupt, hangup));
        Ok(())
    }

    /// Waits until something is there, or for the first of these moments; what it is.
    pub(super) fn wait(&mut self, moments: impl IntoIterator<Item = Option<Instant>>) -> Outcome<Vec<u64>> {
        let first = moments.into_iter().flatten().min();
        let patience = first.map(|moment| moment.saturating_duration_since(Instant::now()));
        Ok(self.poll.wait(patience)?.to_vec())
    }
}

/// When what waits for its author wants its turn.
pub(super) fn due<T>(queue: &Attach<T>) -> Option<Instant> {
    let now = Instant::now();
    if queue.is_ready(now) { Some(now) } else { queue.deadline() }
}

/// Namespaces that are followed.
pub(super) struct Follow<S> {
    pub(super) waits: Waits,
    pub(super) sources: BTreeMap<u64, S>,
    next_token: u64,
    /// With `--all-netns`: tells which come and go.
    watcher: Option<Watcher>,
    /// It was said that it cannot look.
    is_blind: bool,
    budget: Budget,
    /// Size of the receive buffers that were asked for at the beginning, bytes.
    pub(super) each: usize,
    /// The namespace that went last.
    last_gone: Option<String>,
}

impl<S: Followed> Follow<S> {
    /// Opens the namespaces; of all of the machine's, those that go meanwhile are left out.
    pub(super) fn open(
        places: Vec<Place>,
        global: &Global,
        (rcvbuf, sockets): (usize, usize),
        open: impl Fn(Place, usize) -> Result<S, Ended>,
    ) -> Outcome<Self> {
        let mut budget = Budget::of_machine();
        let each = budget.each(rcvbuf, places.len() * sockets);
        let waits = Waits::new()?;
        let mut sources = BTreeMap::new();
        for (token, place) in (FIRST..).zip(places) {
            let source = match open(place, each) {
                Ok(source) => source,
                // Gone since it was found: the watcher would tell the same.
                Err(Ended::Gone) if global.all_netns => continue,
                Err(Ended::Gone) => return Err(Failure::system("the namespace is gone")),
                Err(Ended::Failed(failure)) => return Err(failure),
            };
            budget.take(source.rcvbuf());
            waits.add(&source, token)?;
            sources.insert(token, source);
        }
        let watcher = if global.all_netns { Some(Watcher::new()?) } else { None };
        if let Some(watcher) = &watcher {
            waits.add(watcher, NAMESPACES)?;
        }
        let next_token = sources.keys().next_back().map_or(FIRST, |last| last + 1);
        let (is_blind, last_gone) = (false, None);
        Ok(Self { waits, sources, next_token, watcher, is_blind, budget, each, last_gone })
    }

    /// Whether namespaces come and go: that one of them fails does not end the others.
    pub(super) fn is_open(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits until something is there, or for the first of these moments, or of those of all that is followed.
    pub(super) fn wait<const N: usize>(&mut self, moments: [Option<Instant>; N]) -> Outcome<Vec<u64>> {
        let own = self.watcher.as_ref().map(Watcher::deadline);
        let sources = self.sources.values().map(Followed::deadline);
        self.waits.wait(moments.into_iter().chain([own]).chain(sources))
    }

    /// Those that want their turn though nothing shows.
    pub(super) fn late(&self) -> Vec<u64> {
        let now = Instant::now();
        let late = |(token, source): (&u64, &S)| source.deadline().filter(|at| *at <= now).map(|_| *token);
        self.sources.iter().filter_map(late).collect()
    }

    /// What it took to open one more.
    pub(super) fn share(&self, rcvbuf: usize, sockets: usize) -> usize {
        self.budget.each(rcvbuf, sockets)
    }

    /// Follows one more.
    pub(super) fn add(&mut self, source: S) -> Outcome<u64> {
        self.budget.take(source.rcvbuf());
        let token = self.next_token;
        self.next_token += 1;
        self.waits.add(&source, token)?;
        self.sources.insert(token, source);
        Ok(token)
    }

    /// One is gone: its descriptor is readable for ever. True when that is news.
    pub(super) fn silence(&mut self, token: u64) -> Outcome<bool> {
        let Some(source) = self.sources.get_mut(&token) else { return Ok(false) };
        if !source.set_gone() {
            return Ok(false);
        }
        self.waits.remove(&*source)?;
        Ok(true)
    }

    /// Follows one no more.
    pub(super) fn remove(&mut self, token: u64) -> Outcome<Option<S>> {
        self.silence(token)?;
        let Some(source) = self.sources.remove(&token) else { return Ok(None) };
        self.budget.give_back(source.rcvbuf());
        Ok(Some(source))
    }

    /// Follows one no more that is gone.
    pub(super) fn leave(&mut self, token: u64) -> Outcome<Option<S>> {
        let source = self.remove(token)?;
        if let Some(source) = &source {
            self.last_gone = Some(source.place().name.clone());
        }
        Ok(source)
    }

    /// Leaves out one that cannot be followed.
    pub(super) fn give_up(&mut self, token: u64, what: &str, failure: Failure) -> Outcome {
        if let Some(source) = self.remove(token)? {
            note_not_followed(what, &source.place().name, failure);
        }
        Ok(())
    }

    /// The namespace that went last, where no other is left or may come.
    pub(super) fn nothing_left(&self) -> Option<&str> {
        self.last_gone.as_deref().filter(|_| self.sources.is_empty() && self.watcher.is_none())
    }

    /// Namespaces that came or went, each with its token if it is followed.
    pub(super) fn changes(&mut self) -> Outcome<Vec<(Change, Option<u64>)>> {
        let Some(watcher) = &mut self.watcher else { return Ok(vec![]) };
        let changes = match watcher.advance(Instant::now()) {
            Ok(changes) => changes,
            // What is followed goes on; the next look may succeed.
            Err(error) if error.kind() == linx_sys::ErrorKind::TooManyFiles => {
                if !std::mem::replace(&mut self.is_blind, true) {
                    note(format_args!("namespaces that come and go are not seen: {error}"));
                }
                return Ok(vec![]);
            }
            Err(error) => return Err(error.into()),
        };
        // Where nothing came it may not have looked.
        self.is_blind &= changes.is_empty();
        let with_token = |change: Change| {
            let cookie = change.namespace().cookie;
            let known = self.sources.iter().find(|(_, source)| Some(source.place().cookie) == cookie);
            let token = known.map(|(token, _)| *token);
            (change, token)
        };
        Ok(changes.into_iter().map(with_token).collect())
    }
}

/// With `--all-netns`, one that cannot be followed does not end the others.
pub(super) fn note_not_followed(what: &str, name: &str, failure: Failure) {
    let text = failure.of(what).text().unwrap_or_default();
    note(format_args!("namespace {name} is not followed: {}", text.trim_start_matches("linx: ")));
}
