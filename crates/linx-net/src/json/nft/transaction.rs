//! The lines of a transaction.

use std::time::SystemTime;

use linx_wire::nft::{EntityRef, ItemRef};
use linx_wire::route::Operation;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{NftBody, word};
use crate::json::delta::append_nft_bodies;
use crate::json::record::infallible;
use crate::json::write::{append, append_number, append_string};
use crate::json::{AppendJson, NetnsTag, Op, Records};
use crate::key::Key;
use crate::names::{Context, KnownSets};
use crate::nft::Transaction;

/// The longest line of a transaction, its line feed included, bytes; only a single object's may be longer.
pub const LINE_LIMIT: usize = 32 << 10;

/// Room for the counts on the first line: each operation with each kind, and ten digits.
const COUNTS: usize = 512;
/// Room for the number of the line, the part and the number of parts, and for brackets.
const NUMBERS: usize = 128;

/// The envelope of a transaction's lines.
#[derive(Clone, Copy)]
pub struct TransactionHead<'a> {
    /// When Linx read its end.
    pub time: SystemTime,
    /// The namespace that it was made in.
    pub netns: &'a NetnsTag,
    /// The generation that it led to.
    pub generation: Option<u32>,
    /// Who made it.
    pub process: Option<&'a dyn AppendJson>,
    /// Nothing of it is missing.
    pub complete: bool,
    /// Number of its first line: 1, but where lines of it were written before.
    pub part: u32,
    /// No further lines of it follow, behind those of this call.
    pub is_last: bool,
}

impl<'a> TransactionHead<'a> {
    /// That of a transaction, from line `part` on.
    #[must_use]
    pub fn of(
        transaction: &Transaction,
        netns: &'a NetnsTag,
        process: Option<&'a dyn AppendJson>,
        part: u32,
    ) -> Self {
        Self {
            time: transaction.time,
            netns,
            generation: transaction.generation,
            process,
            complete: transaction.complete,
            part,
            is_last: transaction.is_last,
        }
    }
}

impl std::fmt::Debug for TransactionHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionHead")
            .field("time", &self.time)
            .field("generation", &self.generation)
            .field("complete", &self.complete)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Writes the lines of a transaction, and calls `each` with every one, its line feed included: one line, or as
    /// many as are needed so that none is longer than [`LINE_LIMIT`]; with `whole` always one. The number of the line
    /// that would come next is returned: for the next part of a transaction that comes in several.
    ///
    /// `changes` is asked for the changes once or twice: the lines are counted before the first is written, and
    /// nothing longer than a line is kept. Elements are written by what `cx` knows of their sets, and by the sets that
    /// the transaction itself makes.
    pub fn transaction<'c, I: Iterator<Item = (Operation, EntityRef<'c>)>>(
        &mut self,
        head: &TransactionHead<'_>,
        changes: impl Fn() -> I,
        cx: &Context<'_>,
        whole: bool,
        each: impl FnMut(&[u8]),
    ) -> u32 {
        let all = || changes().map(|(op, entity)| (op, entity, true));
        self.transaction_of_some(head, all, cx, whole, each)
    }

    /// Writes [`transaction`](Self::transaction) with only those changes that are wanted: `changes` yields all of them,
    /// each with whether it is. Elements are written by their sets also where the making of those is not.
    pub fn transaction_of_some<'c, I: Iterator<Item = (Operation, EntityRef<'c>, bool)>>(
        &mut self,
        head: &TransactionHead<'_>,
        changes: impl Fn() -> I,
        cx: &Context<'_>,
        whole: bool,
        each: impl FnMut(&[u8]),
    ) -> u32 {
        self.lines(head, whole, |one| render(changes(), cx, one), each)
    }

    /// Writes the lines of a transaction as a mirror tells it, like [`transaction`](Self::transaction): what is new,
    /// changed and gone, each object once. `changes` yields all of them, each with whether it is wanted.
    pub fn transaction_of_items<'c, I: Iterator<Item = (ItemChange<'c>, bool)>>(
        &mut self,
        head: &TransactionHead<'_>,
        changes: impl Fn() -> I,
        cx: &Context<'_>,
        whole: bool,
        each: impl FnMut(&[u8]),
    ) -> u32 {
        self.lines(head, whole, |one| render_items(changes(), cx, one), each)
    }

    /// Writes lines. `render` is called once or twice, and calls what it is given with each change.
    fn lines(
        &mut self,
        head: &TransactionHead<'_>,
        whole: bool,
        render: impl Fn(&mut dyn FnMut(&[u8], Op, &'static str)),
        mut each: impl FnMut(&[u8]),
    ) -> u32 {
        let mut fixed = Vec::new();
        append_head(&mut fixed, head);
        let envelope = head.netns.as_bytes().len() + fixed.len() + NUMBERS;
        let room = if whole { usize::MAX } else { LINE_LIMIT.saturating_sub(envelope) };

        // What fits into the first line is kept: most transactions are no longer.
        let mut plan = Plan { lines: vec![0], used: COUNTS, room, counts: Counts::default() };
        let mut first = Vec::new();
        render(&mut |change, op, kind| {
            plan.add(change.len() + 1, op, kind);
            if plan.lines.len() == 1 {
                push(&mut first, change);
            }
        });
        let lines = u32::try_from(plan.lines.len()).unwrap_or(u32::MAX);
        let next = head.part.saturating_add(lines);
        let numbers = |at: u32| {
            let several = lines > 1 || head.part > 1 || !head.is_last;
            several.then(|| (head.part.saturating_add(at), head.is_last.then_some(next - 1)))
        };
        let mut line = Vec::new();
        let mut write = |records: &mut Self, at: u32, changes: &[u8], counts: Option<&Counts>| {
            line.clear();
            records.envelope(&mut line, head.time, Some(head.netns), "transaction");
            line.extend_from_slice(&fixed);
            if let Some((part, parts)) = numbers(at) {
                line.extend_from_slice(b",\"part\":");
                append_number(&mut line, part.into());
                if let Some(parts) = parts {
                    line.extend_from_slice(b",\"parts\":");
                    append_number(&mut line, parts.into());
                }
            }
            if let Some(counts) = counts {
                line.extend_from_slice(b",\"counts\":");
                infallible(&append(&mut line, counts));
            }
            line.extend_from_slice(b",\"changes\":[");
            line.extend_from_slice(changes);
            line.push(b']');
            records.finish(&mut line, 0);
            each(&line);
        };
        write(self, 0, &first, Some(&plan.counts));
        if lines == 1 {
            return next;
        }
        let (mut at, mut left) = (0, plan.lines.first().copied().unwrap_or_default());
        let mut line = std::mem::take(&mut first);
        render(&mut |change, _, _| {
            if left == 0 {
                if at > 0 {
                    write(self, at, &line, None);
                }
                line.clear();
                at += 1;
                left = plan.lines.get(at as usize).copied().unwrap_or_default();
            }
            if at > 0 {
                push(&mut line, change);
            }
            left = left.saturating_sub(1);
        });
        write(self, at, &line, None);
        next
    }
}

fn push(list: &mut Vec<u8>, change: &[u8]) {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(change);
}

/// Which changes go into which line.
struct Plan {
    /// How many changes each line has.
    lines: Vec<u32>,
    /// Bytes used of the last.
    used: usize,
    /// Bytes for changes on each.
    room: usize,
    counts: Counts,
}

impl Plan {
    fn add(&mut self, size: usize, op: Op, kind: &'static str) {
        self.counts.add(op, kind);
        let is_empty = self.lines.last() == Some(&0);
        if self.used.saturating_add(size) > self.room && !is_empty {
            self.lines.push(0);
            self.used = 0;
        }
        self.used = self.used.saturating_add(size);
        if let Some(count) = self.lines.last_mut() {
            *count += 1;
        }
    }
}

/// What became of an object of the rule set.
#[derive(Clone, Debug)]
pub struct ItemChange<'a> {
    /// [`Added`](Op::Added), [`Changed`](Op::Changed) or [`Removed`](Op::Removed).
    pub op: Op,
    /// As it is now; of one that is gone, as it was last.
    pub object: ItemRef<'a>,
    /// Of one that changed, as it was before.
    pub before: Option<ItemRef<'a>>,
    /// Of one that changed, the fields that the mirror found different.
    pub fields: Vec<String>,
}

/// Renders each change that is wanted by itself, and passes it on. What is new of sets is known before, and as long as
/// the end of one is written.
fn render_items<'c>(
    changes: impl Iterator<Item = (ItemChange<'c>, bool)>,
    cx: &Context<'_>,
    each: &mut dyn FnMut(&[u8], Op, &'static str),
) {
    let (mut key, mut one) = (String::new(), Vec::new());
    let mut sets = KnownSets::over(cx.sets);
    for (change, is_wanted) in changes {
        let ItemChange { op, object, before, fields } = change;
        if let (Op::Added | Op::Changed, ItemRef::Set(set)) = (op, &object) {
            sets.note(Operation::New, (*set).into());
        }
        if !is_wanted {
            continue;
        }
        key.clear();
        one.clear();
        Key::append_nft(&object, &mut key);
        let cx = cx.sets(Some(&sets));
        let kind = word(&object, &cx);
        append_change(&mut one, op, kind, &key, |out| match before {
            Some(before) => append_nft_bodies(out, before, object, &fields, &cx),
            None => infallible(&append(out, &NftBody(object, &cx))),
        });
        each(&one, op, kind);
    }
}

/// Renders each change that is wanted by itself, and passes it on.
fn render<'c>(
    changes: impl Iterator<Item = (Operation, EntityRef<'c>, bool)>,
    cx: &Context<'_>,
    each: &mut dyn FnMut(&[u8], Op, &'static str),
) {
    let (mut key, mut one) = (String::new(), Vec::new());
    let mut sets = KnownSets::over(cx.sets);
    for (op, entity, is_wanted) in changes {
        // A set is known as soon as it is made, and as long as its end is written.
        if op == Operation::New {
            sets.note(op, entity);
        }
        for item in entity.items().take(if is_wanted { usize::MAX } else { 0 }) {
            key.clear();
            one.clear();
            Key::append_nft(&item, &mut key);
            let cx = cx.sets(Some(&sets));
            let kind = word(&item, &cx);
            let word = op_of(op);
            append_change(&mut one, word, kind, &key, |out| infallible(&append(out, &NftBody(item, &cx))));
            each(&one, word, kind);
        }
        if op == Operation::Del {
            sets.note(op, entity);
        }
    }
}

fn append_change(out: &mut Vec<u8>, op: Op, kind: &'static str, key: &str, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"op\":\"");
    out.extend_from_slice(op.word().as_bytes());
    out.extend_from_slice(b"\",\"kind\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"key\":");
    append_string(out, key);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\":");
    body(out);
    out.push(b'}');
}

fn op_of(op: Operation) -> Op {
    match op {
        Operation::New => Op::New,
        Operation::Del => Op::Del,
    }
}

/// Kind, generation, process and whether it is complete.
fn append_head(out: &mut Vec<u8>, head: &TransactionHead<'_>) {
    out.extend_from_slice(b",\"kind\":\"nft\"");
    if let Some(generation) = head.generation {
        out.extend_from_slice(b",\"generation\":");
        append_number(out, generation.into());
    }
    if let Some(process) = head.process {
        out.extend_from_slice(b",\"process\":");
        process.append_json(out);
    }
    out.extend_from_slice(if head.complete { b",\"complete\":true" } else { b",\"complete\":false" });
}

/// How many changes there are of each kind, by operation.
#[derive(Debug, Default)]
struct Counts(Vec<(Op, Vec<(&'static str, u64)>)>);

/// Operations in the order in which they are counted.
const ORDER: [Op; 5] = [Op::New, Op::Added, Op::Changed, Op::Del, Op::Removed];

impl Counts {
    fn add(&mut self, op: Op, kind: &'static str) {
        let list = match self.0.iter_mut().position(|(known, _)| *known == op) {
            Some(at) => self.0.get_mut(at),
            None => {
                self.0.push((op, Vec::new()));
                self.0.last_mut()
            }
        };
        let Some((_, list)) = list else { return };
        match list.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => list.push((kind, 1)),
        }
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct One<'a>(&'a [(&'static str, u64)]);
        impl Serialize for One<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().copied())
            }
        }
        let mut map = serializer.serialize_map(None)?;
        for op in ORDER {
            for (_, list) in self.0.iter().filter(|(known, _)| *known == op) {
                map.serialize_entry(op.word(), &One(list))?;
            }
        }
        map.end()
    }
}
