//! The namespaces that a monitor follows: those that come and go, and the wait for all of them.

use std::collections::BTreeMap;
use std::time::Instant;

use linx::namespaces::{Change, Watcher};
use linx::{Error, ErrorKind};

use super::source::Source;
use crate::args::Global;
use crate::cmd::follow::{FIRST, NAMESPACES, Waits, note_not_followed};
use crate::error::{Failure, Outcome, note};
use crate::place::Place;
use crate::privileges::Budget;

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

/// Namespaces that are followed.
pub(super) struct Follow {
    pub(super) waits: Waits,
    pub(super) sources: BTreeMap<u64, Source>,
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

impl Follow {
    /// Opens the namespaces; of all of the machine's, those that go meanwhile are left out.
    pub(super) fn open(
        places: Vec<Place>,
        global: &Global,
        (rcvbuf, sockets): (usize, usize),
        open: impl Fn(Place, usize) -> Result<Source, Ended>,
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
        let sources = self.sources.values().map(Source::deadline);
        self.waits.wait(moments.into_iter().chain([own]).chain(sources))
    }

    /// Those that want their turn though nothing shows.
    pub(super) fn late(&self) -> Vec<u64> {
        let now = Instant::now();
        let late =
            |(token, source): (&u64, &Source)| source.deadline().filter(|at| *at <= now).map(|_| *token);
        self.sources.iter().filter_map(late).collect()
    }

    /// What it took to open one more.
    pub(super) fn share(&self, rcvbuf: usize, sockets: usize) -> usize {
        self.budget.each(rcvbuf, sockets)
    }

    /// Follows one more.
    pub(super) fn add(&mut self, source: Source) -> Outcome<u64> {
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
    pub(super) fn remove(&mut self, token: u64) -> Outcome<Option<Source>> {
        self.silence(token)?;
        let Some(source) = self.sources.remove(&token) else { return Ok(None) };
        self.budget.give_back(source.rcvbuf());
        Ok(Some(source))
    }

    /// Follows one no more that is gone.
    pub(super) fn leave(&mut self, token: u64) -> Outcome<Option<Source>> {
        let source = self.remove(token)?;
        if let Some(source) = &source {
            self.last_gone = Some(source.place.name.clone());
        }
        Ok(source)
    }

    /// Leaves out one that cannot be followed.
    pub(super) fn give_up(&mut self, token: u64, what: &str, failure: Failure) -> Outcome {
        if let Some(source) = self.remove(token)? {
            note_not_followed(what, &source.place.name, failure);
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
            let known = self.sources.iter().find(|(_, source)| Some(source.place.cookie) == cookie);
            let token = known.map(|(token, _)| *token);
            (change, token)
        };
        Ok(changes.into_iter().map(with_token).collect())
    }
}
