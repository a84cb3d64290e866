//! Lines of what really changed of nf_tables: commits, and what happened outside of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use linx::author::Author;
use linx::json::nft::{ItemChange, TransactionHead};
use linx::json::{AppendJson, Head, Told};
use linx::mirror::Change;
use linx::mirror::nft::{Delta, Item, Transaction};
use linx::names::{KnownSets, LinkNames};
use linx::nft::{ElementView, ItemRef, SetView};
use linx::{Key, Operation, text};

use super::delta::{RESYNC, op_of, sign_of};
use super::fold::{self, grouped};
use super::human;
use super::nft::context;
use super::printer::{Printer, remembered};
use crate::place::Place;

/// A set: family, table, name.
type SetKey = (u8, Vec<u8>, Vec<u8>);

fn set_key(item: &ItemRef<'_>) -> Option<SetKey> {
    let name = match item {
        ItemRef::Set(set) => set.name().as_bytes(),
        ItemRef::Element(element) => element.set().as_bytes(),
        _ => return None,
    };
    Some((item.family(), item.table().as_bytes().to_vec(), name.to_vec()))
}

/// Takes note of a set that came, changed or went.
pub(crate) fn note_set(sets: &mut KnownSets<'_>, change: Change, item: &ItemRef<'_>) {
    if let ItemRef::Set(set) = item {
        let op = if change == Change::Removed { Operation::Del } else { Operation::New };
        sets.note(op, (*set).into());
    }
}

impl Printer {
    /// A commit, or what is wanted of it; `is_flush`: nothing is left behind it.
    pub(crate) fn transaction(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Item<'_>) -> bool,
        (author, is_flush): (Option<&Arc<Author>>, bool),
    ) {
        if self.layout.json {
            self.transaction_records(place, sets, commit, wants, author);
        } else {
            self.transaction_for_people(place, sets, commit, wants, (author, is_flush));
        }
    }

    fn transaction_records(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Item<'_>) -> bool,
        author: Option<&Arc<Author>>,
    ) {
        let links = LinkNames::new();
        let process = remembered(&mut self.author, author).map(|author| author as &dyn AppendJson);
        let head = TransactionHead {
            time: commit.time,
            netns: &place.tag,
            generation: commit.generation,
            process,
            complete: commit.complete,
            part: 1,
            is_last: true,
        };
        let cx = context(&self.layout, &self.machine, &links, sets);
        let changes = || {
            commit.changes.iter().filter_map(|item| {
                let change = ItemChange {
                    op: op_of(item.change()),
                    object: item.object()?,
                    before: item.before().filter(|_| item.change() == Change::Changed),
                    fields: item.fields(),
                };
                Some((change, wants(&item)))
            })
        };
        let output = &mut self.output;
        self.records.transaction_of_items(&head, changes, &cx, self.commits.whole, |line| {
            output.buffer().extend_from_slice(line);
            output.line();
        });
    }

    fn transaction_for_people(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Item<'_>) -> bool,
        (author, is_flush): (Option<&Arc<Author>>, bool),
    ) {
        let wanted = || commit.changes.iter().filter(|item| wants(item));
        let items = wanted().count();
        let s = if items == 1 { "" } else { "s" };
        let told = match is_flush {
            true => format!("flush ruleset: {} object{s}", grouped(items as u64)),
            false => format!("{} change{s}", grouped(items as u64)),
        };
        let indent =
            self.commit_head(place, (commit.time, commit.generation, commit.complete), &told, author);
        let parts = || wanted().filter_map(|item| Some((item.change(), item.object()?)));
        let fold = self.commits.fold;
        if fold > 0 && items > fold {
            return self.table_lines(indent, &fold::lines_of_items(parts(), sets), Some(items));
        }
        let mut known = KnownSets::over(Some(sets));
        // What comes or goes as a whole is one line.
        let (mut tables, mut whole) = (BTreeSet::new(), BTreeSet::new());
        if fold > 0 {
            for (change, item) in parts().filter(|(change, _)| *change != Change::Changed) {
                match (&item, set_key(&item)) {
                    (ItemRef::Table(_), _) => {
                        let key = (item.family(), item.table().as_bytes().to_vec());
                        // One that goes and comes is another.
                        if !tables.remove(&key) {
                            tables.insert(key);
                        }
                    }
                    (ItemRef::Set(_), Some(key)) => _ = whole.insert((change, key)),
                    _ => {}
                }
            }
        }
        let in_whole = |change: Change, item: &ItemRef<'_>| {
            matches!(item, ItemRef::Element(_))
                && set_key(item).is_some_and(|key| whole.contains(&(change, key)))
        };
        for (change, item, before) in
            wanted().filter_map(|item| Some((item.change(), item.object()?, item.before())))
        {
            let table = (item.family(), item.table().as_bytes().to_vec());
            if change != Change::Removed {
                note_set(&mut known, change, &item);
            }
            if tables.contains(&table) {
                if matches!(item, ItemRef::Table(_)) {
                    let of_it = |(_, other): &(Change, ItemRef<'_>)| {
                        (other.family(), other.table().as_bytes()) == (table.0, &*table.1)
                    };
                    let lines = fold::lines_of_items(parts().filter(of_it), sets);
                    self.table_lines(indent, &lines, None);
                }
                continue;
            }
            if in_whole(change, &item) {
                continue;
            }
            let line = self.output.buffer();
            line.resize(line.len() + indent, b' ');
            self.nft_text(&known, change, before, item);
            if let (ItemRef::Set(_), Some(key)) = (&item, set_key(&item)) {
                let elements = parts().filter(|(c, other)| {
                    *c == change && in_whole(change, other) && set_key(other).as_ref() == Some(&key)
                });
                let count = elements.count() as u64;
                if count > 0 {
                    let s = if count == 1 { "" } else { "s" };
                    self.output
                        .buffer()
                        .extend_from_slice(format!("  with {} element{s}", grouped(count)).as_bytes());
                }
            }
            self.output.buffer().push(b'\n');
            self.output.line();
        }
    }

    /// Sign, kind and text of an object of nf_tables that came, changed or went.
    fn nft_text(
        &mut self,
        sets: &KnownSets<'_>,
        change: Change,
        before: Option<ItemRef<'_>>,
        item: ItemRef<'_>,
    ) {
        let links = LinkNames::new();
        let cx = context(&self.layout, &self.machine, &links, sets);
        self.text.clear();
        match before.filter(|_| change == Change::Changed) {
            Some(before) => text::write_nft_changed(&mut self.text, before, item, &cx),
            None => text::write_nft(&mut self.text, item, &cx),
        }
        self.nft_columns(Some(sign_of(change)));
    }

    /// A change outside of commits; the number of its line.
    pub(crate) fn nft_delta(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        delta: &Delta,
        trigger: Option<u64>,
    ) -> u64 {
        let Some(item) = delta.object() else { return self.records.seq() };
        let change = delta.change();
        if self.layout.json {
            let links = LinkNames::new();
            let told = Told { trigger, ..Told::cause(delta.cause().word()) };
            let process =
                remembered(&mut self.author, delta.process()).map(|author| author as &dyn AppendJson);
            let head = Head::new(delta.time(), &place.tag, op_of(change)).told(&told).author(process);
            let cx = context(&self.layout, &self.machine, &links, sets);
            let out = self.output.buffer();
            match delta.before().filter(|_| change == Change::Changed) {
                Some(before) => self.records.nft_changed(out, &head, (before, item), &delta.fields(), &cx),
                None => {
                    let key = Key::of_nft(item);
                    self.records.nft(out, &head.key(key.as_str()), item, &cx);
                }
            }
        } else {
            self.prefix(delta.time(), Some(&place.name));
            self.nft_text(sets, change, delta.before(), item);
            let why = delta.why().map_or_else(String::new, |why| format!("  [{why}]"));
            self.layout.paint.text(human::ASIDE, &why, self.output.buffer());
            self.nft_author(delta.process());
            self.output.buffer().push(b'\n');
        }
        self.output.line();
        self.records.seq()
    }

    /// How an object of nf_tables differs from what it was, with a time, where nothing more is known of it.
    pub(crate) fn nft_coalesced(
        &mut self,
        (place, sets, time): (&Place, &KnownSets<'_>, SystemTime),
        change: Change,
        before: Option<ItemRef<'_>>,
        item: ItemRef<'_>,
    ) {
        if self.layout.json {
            let links = LinkNames::new();
            let cx = context(&self.layout, &self.machine, &links, sets);
            let told = Told::cause(RESYNC);
            let head = Head::new(time, &place.tag, op_of(change)).told(&told);
            let out = self.output.buffer();
            match before {
                Some(before) => self.records.nft_changed(out, &head, (before, item), &[], &cx),
                None => {
                    let key = Key::of_nft(item);
                    self.records.nft(out, &head.key(key.as_str()), item, &cx);
                }
            }
        } else {
            self.prefix(time, Some(&place.name));
            self.nft_text(sets, change, before, item);
            self.layout.paint.text(human::ASIDE, &format!("  [{RESYNC}]\n"), self.output.buffer());
        }
        self.output.line();
    }

    /// What a line says of an object of nf_tables.
    pub(crate) fn nft_shows(&self, sets: &KnownSets<'_>, item: ItemRef<'_>) -> String {
        let links = LinkNames::new();
        text::nft_line(item, &context(&self.layout, &self.machine, &links, sets)).to_string()
    }

    /// How an object of nf_tables differs from what it was, without a time.
    pub(crate) fn nft_difference(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        change: Change,
        before: Option<ItemRef<'_>>,
        item: ItemRef<'_>,
    ) {
        self.namespace(&place.name);
        self.nft_text(sets, change, before, item);
        self.output.buffer().push(b'\n');
        self.output.line();
    }

    /// The lines of tables that are different, without a time.
    pub(crate) fn table_differences<'a>(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        changes: impl Iterator<Item = (Change, ItemRef<'a>)>,
    ) {
        for (sign, text) in fold::lines_of_items(changes, sets) {
            self.namespace(&place.name);
            let line = self.output.buffer();
            human::columns(self.layout.paint, sign, "table", line);
            line.extend_from_slice(text.trim_end().as_bytes());
            line.push(b'\n');
            self.output.line();
        }
    }
}
