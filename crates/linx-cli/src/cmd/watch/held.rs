//! Lines for people that are held back a moment: what happens to a link right after it came joins the line that it
//! came with; many changes of one cause become one line. The order stays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linx::Key;
use linx::author::Author;
use linx::mirror::{Cause, Change, Delta};

use super::tail::Item;

/// For how long what happens to a link that came is told with it.
const YOUTH: Duration = Duration::from_millis(500);

/// A line that is to be printed.
pub(super) struct Entry {
    pub(super) item: Item,
    pub(super) author: Option<Arc<Author>>,
    /// What became of it since: how many changes, and the last.
    pub(super) joined: Option<(u32, Delta)>,
    /// Not before.
    due: Instant,
}

impl Entry {
    fn delta(&self) -> Option<&Delta> {
        if let Item::Delta(_, delta, _) = &self.item { Some(delta) } else { None }
    }

    /// In which time what joined it happened.
    pub(super) fn took(&self) -> Duration {
        let Some(((_, last), first)) = self.joined.as_ref().zip(self.delta()) else { return Duration::ZERO };
        since(first.time(), last.time())
    }

    /// What one line for many tells: namespace, cause, and what it follows from.
    fn run(&self) -> Option<(u64, Cause, Option<u64>, &str)> {
        let Item::Delta(token, delta, _) = &self.item else { return None };
        if delta.cause() == Cause::Event || self.joined.is_some() {
            return None;
        }
        let trigger = delta.trigger();
        let what = trigger.map_or("", |trigger| &trigger.what);
        Some((*token, delta.cause(), trigger.and_then(|trigger| trigger.revision), what))
    }
}

fn since(first: SystemTime, last: SystemTime) -> Duration {
    last.duration_since(first).unwrap_or_default()
}

/// Links that came lately: namespace, key, and the place of their line.
type Young = (u64, Key, u64);

/// Lines that wait.
pub(super) struct Held {
    entries: VecDeque<Entry>,
    /// The place of the first.
    first: u64,
    young: Vec<Young>,
    /// Changes of one cause that are printed one by one; `None`: nothing is held, and none become one.
    fold: Option<usize>,
}

/// What is to be printed.
pub(super) enum Lines {
    One(Box<Entry>),
    /// Deltas of one cause.
    Many(Vec<Entry>),
}

impl Held {
    /// `fold`: changes of one cause that are printed one by one; `None`: nothing is joined.
    pub(super) fn new(fold: Option<usize>) -> Self {
        Self { entries: VecDeque::new(), first: 0, young: Vec::new(), fold }
    }

    /// Adds a line; true: it joined another.
    pub(super) fn push(&mut self, item: Item, author: Option<Arc<Author>>, now: Instant) -> bool {
        let mut due = now;
        if let (Item::Delta(token, delta, _), Some(_)) = (&item, self.fold) {
            if !self.young.is_empty() && self.join(*token, delta) {
                return true;
            }
            if delta.change() == Change::Added && delta.kind() == linx::Kind::Link {
                due = now + YOUTH;
                self.young.push((*token, delta.key(), self.first + self.entries.len() as u64));
            }
        }
        self.entries.push_back(Entry { item, author, joined: None, due });
        false
    }

    /// Whether a change is told with the line of its link; one that is gone is not.
    fn join(&mut self, token: u64, delta: &Delta) -> bool {
        let key = delta.key();
        let Some(at) = self.young.iter().position(|young| young.0 == token && young.1 == key) else {
            return false;
        };
        let place = self.young.get(at).map_or(0, |young| young.2);
        let entry = usize::try_from(place - self.first).ok().and_then(|at| self.entries.get_mut(at));
        let Some(entry) = entry else { return false };
        let is_young = entry.delta().is_some_and(|first| since(first.time(), delta.time()) <= YOUTH);
        if delta.change() != Change::Changed || delta.cause() != Cause::Event || !is_young {
            self.young.swap_remove(at);
            return false;
        }
        let count = entry.joined.as_ref().map_or(0, |joined| joined.0);
        entry.joined = Some((count + 1, delta.clone()));
        true
    }

    /// When the first of them is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.due)
    }

    /// Nothing waits any longer.
    pub(super) fn release(&mut self, now: Instant) {
        self.young.clear();
        self.entries.iter_mut().for_each(|entry| entry.due = now);
    }

    /// What is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Lines> {
        let first = self.entries.front().filter(|entry| entry.due <= now)?;
        let most = self.fold.filter(|fold| *fold > 0);
        let alike = match (most, first.run()) {
            (Some(_), Some(run)) => {
                self.entries.iter().take_while(|entry| entry.due <= now && entry.run() == Some(run)).count()
            }
            _ => 1,
        };
        let count = if most.is_some_and(|most| alike > most) { alike } else { 1 };
        let taken: Vec<_> = self.entries.drain(..count).collect();
        self.first += count as u64;
        let first = self.first;
        self.young.retain(|young| young.2 >= first);
        if count > 1 {
            return Some(Lines::Many(taken));
        }
        taken.into_iter().next().map(|entry| Lines::One(Box::new(entry)))
    }
}
