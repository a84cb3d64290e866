//! Lines of nf_tables: objects, and commits as one.

use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use linx::author::{Author, Certainty};
use linx::json::nft::TransactionHead;
use linx::json::{AppendJson, Head, Op};
use linx::names::{Context, KnownSets, LinkNames};
use linx::nft::{Change, EntityRef, ItemRef, Transaction};
use linx::{Key, Operation, text};

use super::fold::{self, grouped};
use super::human::{self, Sign};
use super::printer::{Layout, Printer, remembered};
use crate::names::Machine;
use crate::place::Place;

/// Something that happened to an object of nf_tables.
#[derive(Clone, Copy)]
pub(super) struct Happened<'a> {
    pub(super) op: Op,
    pub(super) time: SystemTime,
    pub(super) author: Option<&'a Arc<Author>>,
}

/// What a commit looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitForm {
    /// Changes that people see one by one; 0: all.
    pub(crate) fold: usize,
    /// One line of JSON, however long.
    pub(crate) whole: bool,
}

impl Printer {
    /// An object of nf_tables as it is now; elements one by one.
    pub(crate) fn nft_state(&mut self, place: &Place, sets: &KnownSets<'_>, entity: EntityRef<'_>) {
        entity.items().for_each(|item| self.nft_item_state(place, sets, item));
    }

    /// One of them.
    pub(crate) fn nft_item_state(&mut self, place: &Place, sets: &KnownSets<'_>, item: ItemRef<'_>) {
        let what = Happened { op: Op::List, time: self.state_time(), author: None };
        self.nft_item(place, sets, item, what);
    }

    /// Something that a packet did to an object of nf_tables.
    pub(crate) fn nft_event(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        change: Change<'_>,
        time: SystemTime,
        author: &Arc<Author>,
    ) {
        for item in change.entity.items() {
            let what = Happened { op: op_of(change.op), time, author: Some(author) };
            self.nft_item(place, sets, item, what);
        }
    }

    pub(super) fn nft_item(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        item: ItemRef<'_>,
        what: Happened<'_>,
    ) {
        let links = LinkNames::new();
        if self.layout.json {
            let mut key = String::new();
            Key::append_nft(&item, &mut key);
            let author = remembered(&mut self.author, what.author).map(|author| author as &dyn AppendJson);
            let head = Head::new(what.time, &place.tag, what.op).key(&key).author(author);
            let context = context(&self.layout, &self.machine, &links, sets);
            self.records.nft(self.output.buffer(), &head, item, &context);
        } else {
            if self.layout.live {
                self.prefix(what.time, Some(&place.name));
            } else if self.layout.namespaces {
                self.namespace(&place.name);
            }
            let context = context(&self.layout, &self.machine, &links, sets);
            self.text.clear();
            text::write_nft(&mut self.text, item, &context);
            let sign = self.layout.live.then_some(match what.op {
                Op::New => Sign::Plus,
                Op::Del => Sign::Minus,
                _ => Sign::State,
            });
            self.nft_columns(sign);
            self.nft_author(what.author);
            self.output.buffer().push(b'\n');
        }
        self.output.line();
    }

    /// The line that was rendered, its kind in the column of kinds where there is one.
    pub(super) fn nft_columns(&mut self, sign: Option<Sign>) {
        let paint = self.layout.paint;
        let line = self.output.buffer();
        let mut parts = self.text.parts();
        // Without colours the line is one piece.
        let (style, first) = parts.next().unwrap_or((text::Style::Plain, ""));
        let first = first.trim_start();
        // Objects of connection tracking have two words.
        let from = if first.starts_with("ct ") { 3 } else { 0 };
        let end = first.get(from..).and_then(|rest| rest.find(' ')).map_or(first.len(), |at| from + at);
        let (kind, rest) = first.split_at_checked(end).unwrap_or((first, ""));
        let rest = rest.trim_start();
        match sign {
            Some(sign) => human::columns(paint, sign, kind, line),
            None if self.layout.kinds => human::kind_column(paint, kind, line),
            None => {
                paint.text(human::kind_style(kind), kind, line);
                line.push(b' ');
            }
        }
        let start = line.len();
        for (style, part) in std::iter::once((style, rest)).chain(parts) {
            let part = if line.len() == start { part.trim_start() } else { part };
            paint.text(human::part_style(style), part, line);
        }
    }

    pub(super) fn nft_author(&mut self, author: Option<&Arc<Author>>) {
        let paint = self.layout.paint;
        let line = self.output.buffer();
        let Some(author) = author.filter(|author| author.certainty != Certainty::Kernel) else { return };
        paint.text(human::ASIDE, "  by ", line);
        paint.text(human::AUTHOR, &author.in_full().to_string(), line);
    }

    /// A commit of nf_tables, or what is wanted of it.
    pub(crate) fn commit(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Change<'_>) -> bool,
        author: Option<&Arc<Author>>,
    ) {
        if self.layout.json {
            self.commit_records(place, sets, commit, wants, author);
        } else {
            self.commit_for_people(place, sets, commit, wants, author);
        }
    }

    fn commit_records(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Change<'_>) -> bool,
        author: Option<&Arc<Author>>,
    ) {
        let links = LinkNames::new();
        let part = self.parts.remove(&place.cookie).unwrap_or(1);
        let process = remembered(&mut self.author, author).map(|author| author as &dyn AppendJson);
        let head = TransactionHead::of(commit, &place.tag, process, part);
        let context = context(&self.layout, &self.machine, &links, sets);
        let changes = || commit.changes.iter().map(|change| (change.op, change.entity, wants(&change)));
        let output = &mut self.output;
        let next = self.records.transaction_of_some(&head, changes, &context, self.commits.whole, |line| {
            output.buffer().extend_from_slice(line);
            output.line();
        });
        if !commit.is_last {
            self.parts.insert(place.cookie, next);
        }
    }

    /// The first line of a commit; where the lines of its changes begin.
    pub(super) fn commit_head(
        &mut self,
        place: &Place,
        (time, generation, complete): (SystemTime, Option<u32>, bool),
        told: &str,
        author: Option<&Arc<Author>>,
    ) -> usize {
        let start = self.output.buffer().len();
        self.prefix(time, Some(&place.name));
        let paint = self.layout.paint;
        let indent = visible(self.output.buffer().get(start..).unwrap_or_default());
        let line = self.output.buffer();
        let name = match generation {
            Some(generation) => format!("nft {generation}"),
            None => "nft ?".to_owned(),
        };
        let (style, mark) = if complete { (human::COMMIT, "") } else { (human::ALARM, "! ") };
        paint.text(style, &format!("{mark}{name}"), line);
        line.extend_from_slice(format!("   {told}").as_bytes());
        if !complete {
            line.extend_from_slice(b", incomplete");
        }
        self.nft_author(author);
        self.output.buffer().push(b'\n');
        self.output.line();
        indent
    }

    /// The lines of tables in which more changed than is shown one by one.
    pub(super) fn table_lines(&mut self, indent: usize, tables: &[(Sign, String)], items: Option<usize>) {
        let paint = self.layout.paint;
        let last = tables.len().saturating_sub(1);
        for (at, (sign, text)) in tables.iter().enumerate() {
            let line = self.output.buffer();
            line.resize(line.len() + indent, b' ');
            human::columns(paint, *sign, "table", line);
            line.extend_from_slice(text.trim_end().as_bytes());
            if let Some(items) = items.filter(|_| at == last) {
                let fold = format!("      ({} lines: --fold 0)", grouped(items as u64));
                paint.text(human::ASIDE, &fold, line);
            }
            line.push(b'\n');
            self.output.line();
        }
    }

    fn commit_for_people(
        &mut self,
        place: &Place,
        sets: &KnownSets<'_>,
        commit: &Transaction,
        wants: &dyn Fn(&Change<'_>) -> bool,
        author: Option<&Arc<Author>>,
    ) {
        let wanted = || commit.changes.iter().filter(|change| wants(change));
        let items: usize = wanted().map(|change| change.entity.items().count()).sum();
        let s = if items == 1 { "" } else { "s" };
        let mut told = format!("{} change{s}", grouped(items as u64));
        if commit.part > 1 || !commit.is_last {
            told += &format!(", part {}{}", commit.part, if commit.is_last { ", the last" } else { "" });
        }
        let author = author.filter(|_| commit.is_last);
        let indent =
            self.commit_head(place, (commit.time, commit.generation, commit.complete), &told, author);
        let paint = self.layout.paint;
        let context_links = LinkNames::new();
        if self.commits.fold > 0 && items > self.commits.fold {
            self.table_lines(indent, &fold::lines(wanted(), sets), Some(items));
            return;
        }
        let mut known = KnownSets::over(Some(sets));
        for change in &commit.changes {
            if change.op == Operation::New {
                known.note(change.op, change.entity);
            }
            if !wants(&change) {
                continue;
            }
            let sign = match (change.op, change.is_device_removed()) {
                (Operation::New, _) => Sign::Plus,
                // The chain is still there.
                (_, true) => Sign::Tilde,
                _ => Sign::Minus,
            };
            for item in change.entity.items() {
                let context: Context<'_> = context(&self.layout, &self.machine, &context_links, &known);
                self.text.clear();
                text::write_nft(&mut self.text, item, &context);
                let line = self.output.buffer();
                line.resize(line.len() + indent, b' ');
                self.nft_columns(Some(sign));
                let line = self.output.buffer();
                if change.is_device_removed() {
                    paint.text(human::ASIDE, "  (removed from it)", line);
                }
                // Writing to a vector does not fail.
                let _ = writeln!(line);
                self.output.line();
            }
        }
    }
}

/// What is shown of nf_tables: in lists state too, of changes where it is asked for.
pub(super) fn context<'a>(
    layout: &Layout,
    machine: &'a Machine,
    links: &'a LinkNames,
    sets: &'a KnownSets<'_>,
) -> Context<'a> {
    let volatile = layout.stateful && (!layout.live || layout.volatile);
    super::printer::context(layout, machine, links)
        .volatile(volatile)
        .details(layout.handles)
        .sets(Some(sets))
}

fn op_of(op: Operation) -> Op {
    match op {
        Operation::New => Op::New,
        Operation::Del => Op::Del,
    }
}

/// Characters of a line that show: its colours do not.
fn visible(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let mut count = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, _) => count += 1,
            (true, 'm') => escape = false,
            (true, _) => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_room() {
        assert_eq!(visible("14:02  \x1b[2mhost\x1b[0m  é".as_bytes()), 14);
    }
}
