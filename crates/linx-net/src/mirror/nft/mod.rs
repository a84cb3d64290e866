//! The mirror of nf_tables: the rule set as it is, and what really changed in it.
//!
//! # For readers
//!
//! [`State`] is the rule set as of one moment: tables, chains, rules in the order in which packets meet them, sets with
//! their elements, objects, flow tables. A clone is a snapshot and costs nothing.
//!
//! [`Transaction`] is what one commit changed: who made it, and [`Changes`], each [`Item`] of which says what was before
//! and what is now. [`Delta`] is a change that no commit made: an element expired, a packet crossed a quota, or it was
//! found by reading again. Both can be done and undone ([`Transaction::apply`], [`Transaction::undo`]), so that a reader
//! may go back in time.
//!
//! - What is told twice, or changes nothing, is not told. Counters and what else is volatile make no change unless that
//!   was asked for; the state has them as they were told last.
//! - Of an element that a commit changes several times the outcome is told. What has a handle, and is deleted and made
//!   again in one commit, is removed and added.
//! - Elements leave with their set, rules and sets with their table, anonymous sets and bound chains with their rule, the
//!   kernel says so or not. Each is a change; a million elements that leave with their set cost as much as one.
//! - When a chain is renamed, its rules and all verdicts that lead to it change; when a set's default timeout changes, what
//!   its elements tell of theirs. The kernel announces none of it.
//! - A commit that changes nothing is not told, but [`State::generation`] goes on.
//!
//! # For the driver
//!
//! [`Book`] keeps the state. It has no socket, clock or thread: it is fed.
//!
//! | when | call | told |
//! |---|---|---|
//! | it begins | [`load`](Book::load) a pull | nothing |
//! | a commit was announced, or a part of one | [`commit`](Book::commit) | a [`Transaction`], if it changed anything |
//! | a packet's doing was announced | [`event`](Book::event) | a [`Group`] of deltas |
//! | the moment of [`deadline`](Book::deadline) has come | [`expire`](Book::expire) | a group, cause `expired` |
//! | [`doubtful`](Book::doubtful) names a table | [`replace_rules`](Book::replace_rules) with a pull of it | a group, of the cause given |
//! | a commit was read late that [`lengthened`](Book::lengthened) sets | [`renew`](Book::renew) with a pull of them | a group, of the cause given |
//! | a pull again: resync, audit | [`replace`](Book::replace), [`replace_table`](Book::replace_table) | a group, of that cause |
//! //! | a portid of [`owners`](Book::owners) is not there any more | [`owner_gone`](Book::owner_gone) | groups, cause `implied` |
//!
//! Commits up to the state's generation are known already, and are passed over: a pull may overtake them. What is told
//! has no revision yet: a transaction's is a field, deltas get theirs from [`Group::deltas`].

mod changes;
mod commit;
mod content;
mod expiry;
#[cfg(test)]
mod model;
mod replace;
mod rewrite;
mod shelf;
mod state;
mod transaction;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_wire::nft::{EntityRef, TableFlags, TableRef, TableView};
use linx_wire::route::Operation;

use self::commit::Course;
use self::content::{Deadline, Place, What, table_key};
use self::expiry::{Deadlines, Intervals};
use self::replace::{Fresh, Scope};
use self::work::Work;
use super::delta::{Cause, Trigger};
use crate::nft::{self, Family, Ruleset};

pub use self::changes::{Changes, Item};
pub use self::state::{Members, State};

pub use self::transaction::{Delta, Group, Transaction};

/// What is mirrored.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is volatile makes changes, too.
    pub volatile: bool,
    /// Elements are left out.
    pub without_elements: bool,
    /// This table alone.
    pub table: Option<(Family, Box<[u8]>)>,
}

impl Options {
    /// Whether a change is of what is mirrored.
    fn wants(&self, entity: &EntityRef<'_>) -> bool {
        if self.without_elements && matches!(entity, EntityRef::Elements(_)) {
            return false;
        }
        self.table.as_ref().is_none_or(|(family, name)| {
            entity.family() == family.number()
                && entity.table().is_some_and(|table| table.as_bytes() == &**name)
        })
    }

    fn key(&self) -> Option<Vec<u8>> {
        self.table.as_ref().map(|(family, name)| table_key(family.number(), name))
    }
}

/// The state of one namespace's rule set, and what makes of announcements what really changed. See the
/// [module](self).
#[derive(Default)]
pub struct Book {
    options: Options,
    state: State,
    deadlines: Deadlines,
    course: Course,
    /// All commits up to this generation were announced whole, or are in what was read.
    sure: Option<u32>,
    /// Tables in which the order of rules is in doubt.
    doubtful: BTreeSet<Vec<u8>>,
    /// Sets to which the last commit added elements that end.
    lengthened: Vec<Arc<Place>>,
}

impl Book {
    /// Without anything in it.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The state of now.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Begins with a pull.
    pub fn load(&mut self, ruleset: &Ruleset, now: Instant) {
        self.state.tables = <_>::default();
        (self.deadlines, self.course) = <_>::default();
        self.state.since.get_or_insert(ruleset.first_read().map_or(now, |first| first.min(now)));
        let key = self.options.key();
        let mut work = Work::new(&mut self.state, &mut self.deadlines, false).mute();
        let elements = (!self.options.without_elements).then_some(ruleset);
        work.replace(&Fresh::new(ruleset), Scope { table: key.as_deref(), ruleset: elements }, now);
        self.state.generation = Some(ruleset.generation());
        self.sure = self.state.generation;
        self.deadlines.renew(&self.state);
    }

    /// A commit, or a part of one: what it changed.
    pub fn commit(&mut self, commit: &nft::Transaction, now: Instant) -> Option<Transaction> {
        let previous = self.state.generation;
        self.lengthened.clear();
        if previous.zip(commit.generation).is_some_and(|(have, told)| is_up_to(told, have)) {
            return None;
        }
        let mut work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
        work.changes.reserve(commit.changes.len());
        for change in commit.changes.iter().filter(|change| self.options.wants(&change.entity)) {
            work.announced(&change, &mut self.course, now);
            if std::mem::take(&mut work.is_doubtful) {
                let table =
                    change.entity.table().map(|name| table_key(change.entity.family(), name.as_bytes()));
                self.doubtful.extend(table);
            }
        }
        if commit.is_last {
            work.end(&mut self.course);
        }
        self.lengthened = work.lengthened;
        let mut changes = work.changes;
        changes.settle();
        if commit.is_last && commit.generation.is_some() {
            self.state.generation = commit.generation;
            if commit.complete && self.sure.map(nft::next_generation) == commit.generation {
                self.sure = commit.generation;
            }
        }
        self.deadlines.tidy(&self.state);
        (!changes.is_empty()).then(|| Transaction {
            revision: 0,
            generation: commit.generation,
            process: Arc::clone(&commit.process),
            changes: Arc::new(changes),
            complete: commit.complete,
            netns: commit.netns,
            time: commit.time,
            previous,
        })
    }

    /// A change outside of commits that was announced: a packet's doing.
    pub fn event(&mut self, event: &nft::Event, now: Instant) -> Option<Group> {
        let change = event.change();
        let mut work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
        match change.entity {
            EntityRef::Object(object) if change.op == Operation::New => work.packet(&object),
            _ => work.announced(&change, &mut Course::default(), now),
        }
        let group = Group::new(work.changes, Cause::Event)?;
        Some(Group { process: Some(Arc::clone(&event.process)), ..group })
    }

    /// All of it was read again: what differs. Elements that were not read ([`Ruleset::has_elements_of`]) stay as they
    /// are. Call [`expire`](Self::expire) before.
    pub fn replace(&mut self, ruleset: &Ruleset, cause: Cause, now: Instant) -> Option<Group> {
        let group = self.replace_with(ruleset, None, true, cause, now);
        self.state.generation = Some(ruleset.generation());
        // An audit may leave out elements of which nothing is known.
        if cause != Cause::Audit || ruleset.has_all_elements() {
            self.sure = self.state.generation;
        }
        group
    }

    /// The generation up to which all commits are in the state, whole: a loss is of those after it.
    #[must_use]
    pub fn sure(&self) -> Option<u32> {
        self.sure
    }

    /// The tables in which the order of rules is in doubt since a commit: of a rule that was added beside one that the
    /// same commit deleted, the kernel does not tell where it is. They are to be pulled, without elements, for
    /// [`replace_rules`](Self::replace_rules).
    #[must_use]
    pub fn doubtful(&self) -> Vec<(Family, Box<[u8]>)> {
        let parts = |key: &Vec<u8>| {
            let (family, name) = key.split_first()?;
            Some((Family::of_number(*family)?, name.into()))
        };
        self.doubtful.iter().filter_map(parts).collect()
    }

    /// One table was read again, or is gone; its elements were not read.
    pub fn replace_rules(
        &mut self,
        family: Family,
        table: &[u8],
        ruleset: &Ruleset,
        cause: Cause,
        now: Instant,
    ) -> Option<Group> {
        let table = table_key(family.number(), table);
        self.replace_with(ruleset, Some(table), false, cause, now)
    }

    /// One table was read again, or is gone. The state's generation stays as it is.
    pub fn replace_table(
        &mut self,
        family: Family,
        table: &[u8],
        ruleset: &Ruleset,
        cause: Cause,
        now: Instant,
    ) -> Option<Group> {
        self.replace_with(ruleset, Some(table_key(family.number(), table)), true, cause, now)
    }

    /// Elements were read again for the moments at which they end: those that it knows end then, and those that have ended
    /// are found by [`expire`](Self::expire). Nothing else is compared.
    pub fn renew(&mut self, ruleset: &Ruleset, cause: Cause, now: Instant) -> Option<Group> {
        let mut work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
        work.renew(ruleset, now);
        let mut changes = work.changes;
        changes.settle();
        self.deadlines.tidy(&self.state);
        Group::new(changes, cause)
    }

    fn replace_with(
        &mut self,
        ruleset: &Ruleset,
        table: Option<Vec<u8>>,
        has_elements: bool,
        cause: Cause,
        now: Instant,
    ) -> Option<Group> {
        let table = table.or_else(|| self.options.key());
        let elements = (has_elements && !self.options.without_elements).then_some(ruleset);
        match &table {
            Some(table) => _ = self.doubtful.remove(table),
            None => self.doubtful.clear(),
        }
        self.course = Course::default();
        let work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
        let mut work = work.without_refreshing();
        work.replace(&Fresh::new(ruleset), Scope { table: table.as_deref(), ruleset: elements }, now);
        let mut changes = work.changes;
        changes.settle();
        self.deadlines.tidy(&self.state);
        Group::new(changes, cause)
    }

    /// The sets to which the last commit added elements that end: family, table, name. How long these last is told, but
    /// not from when on: where the commit may have been read some time after it was announced, they are to be pulled for
    /// [`renew`](Self::renew).
    pub fn lengthened(&self) -> impl Iterator<Item = (Family, &[u8], &[u8])> {
        self.lengthened.iter().filter_map(|place| {
            let (family, table) = place.table.split_first()?;
            Some((Family::of_number(*family)?, table, &*place.set))
        })
    }

    /// When an element may end next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state.moment(self.deadlines.next()?)
    }

    /// What ended by now.
    pub fn expire(&mut self, now: Instant) -> Option<Group> {
        let since = self.state.since?;
        // Its deadline has come when no whole millisecond is left.
        let now = now.saturating_duration_since(since) + Duration::from_micros(999);
        let now = Deadline(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        self.deadlines.next().filter(|next| *next <= now)?;
        let mut due = Vec::new();
        while let Some(next) = self.deadlines.due(now) {
            due.push(next);
        }
        let mut work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
        let mut intervals = Intervals::default();
        due.iter().for_each(|due| work.expire(due, now, &mut intervals));
        let mut changes = work.changes;
        changes.settle();
        Group::new(changes, Cause::Expired)
    }

    /// Portids of the sockets that own tables: when one is closed, its tables go without a word (KERNEL.md 1.6).
    #[must_use]
    pub fn owners(&self) -> Vec<u32> {
        let mut owners: Vec<_> = self.state.tables().filter_map(|table| table.owner()).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// The socket with this portid is closed: what went with it, a group for each table.
    pub fn owner_gone(&mut self, portid: u32) -> Vec<Group> {
        let is_its = |table: &TableRef<'_>| table.owner() == Some(portid);
        let tables: Vec<_> =
            self.state.tables.iter().map(|(key, table)| (Arc::clone(key), table.bytes.clone())).collect();
        let mut groups = Vec::new();
        for (key, bytes) in tables {
            let Some(table) = TableRef::decode(&bytes).ok().filter(is_its) else { continue };
            let mut work = Work::new(&mut self.state, &mut self.deadlines, self.options.volatile);
            if table.flags().contains(TableFlags::PERSIST) {
                work.put(What::Table, &key, &rewrite::without_owner(&bytes));
            } else {
                work.remove(What::Table, &key, &[]);
            }
            let what = format!("owner of table {} {} gone", family_word(table.family()), table.name());
            let trigger = Some(Trigger { revision: None, what: what.into() });
            groups.extend(Group::new(work.changes, Cause::Implied).map(|group| Group { trigger, ..group }));
        }
        groups
    }
}

fn family_word(family: u8) -> &'static str {
    linx_wire::nft::family::word(family).unwrap_or("?")
}

/// Whether a generation is that one, or one before it.
fn is_up_to(generation: u32, other: u32) -> bool {
    other.wrapping_sub(generation) < 1 << 31
}
