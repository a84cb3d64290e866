//! A table of many records at once: what a reading of everything gives.
//!
//! Records are put aside as they come, in heaps by the highest bits of their hashes; at the end each heap is put in order
//! and becomes its part of the table. So a million of them are written one behind the other, and no page is looked for,
//! grown or split. The heaps' memory goes back one by one: both together take little more than the table.

use zerocopy::IntoBytes;

use super::{BITS, Node, PAGE_RECORDS, PAGE_WORDS, Page, Record, Table, WAYS, body_words, page_words, way};

/// Levels of the table above the heaps, when there are many.
const LEVELS: u32 = 4;
/// Records up to which there is one heap.
const FEW: usize = 4096;
/// Heaps grow by so much: 4 KiB.
const CHUNK_WORDS: usize = 1024;

/// Records of which a table is to be made.
#[derive(Default)]
pub(crate) struct Bulk {
    heaps: Vec<Heap>,
    len: usize,
}

/// Records in the order of their arrival: of each its hash, the length of its bytes, its stamp and its bytes.
#[derive(Default)]
struct Heap {
    chunks: Vec<Vec<u32>>,
}

impl Bulk {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a record behind those of the same hash.
    #[inline]
    pub(crate) fn push(&mut self, hash: u32, stamp: u32, bytes: &[u8]) {
        if self.heaps.is_empty() {
            self.heaps.push(Heap::default());
        }
        if self.len == FEW {
            self.spread();
        }
        self.len += 1;
        let heap = if self.heaps.len() > 1 { hash >> (u32::BITS - LEVELS * BITS) } else { 0 };
        if let Some(heap) = self.heaps.get_mut(heap as usize) {
            heap.push(hash, Record::new(stamp, bytes));
        }
    }

    /// Makes many heaps of one.
    fn spread(&mut self) {
        let all = std::mem::take(&mut self.heaps);
        self.heaps.resize_with(1 << (LEVELS * BITS), Heap::default);
        self.len = FEW + 1;
        for (hash, record) in all.iter().flat_map(Heap::records) {
            self.push(hash, record.stamp, record.bytes);
        }
        self.len = FEW;
    }

    /// The table. Of records of one hash that are the `same`, the last stands in the place of the first.
    pub(crate) fn finish(self, mut same: impl FnMut(&[u8], &[u8]) -> bool) -> Table {
        let levels = if self.heaps.len() > 1 { LEVELS } else { 0 };
        let mut len = 0;
        let mut nodes: Vec<Node> = Vec::with_capacity(self.heaps.len());
        for heap in self.heaps {
            let mut records: Vec<_> = heap.records().collect();
            records.sort_by_key(|(hash, _)| *hash);
            let records = distinct(records, &mut same);
            len += records.len();
            nodes.push(Node::of(u32::BITS - levels * BITS, &records));
        }
        for _ in 0..levels {
            let mut below = nodes.into_iter();
            let four = || Some([below.next()?, below.next()?, below.next()?, below.next()?]);
            nodes = std::iter::from_fn(four).map(Node::above).collect();
        }
        Table { root: nodes.pop().unwrap_or_default(), len }
    }
}

impl Heap {
    fn push(&mut self, hash: u32, record: Record<'_>) {
        let body = body_words(record.len());
        let words = 2 + body;
        if self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < words) {
            self.chunks.push(Vec::with_capacity(CHUNK_WORDS.max(words)));
        }
        let Some(chunk) = self.chunks.last_mut() else { return };
        chunk.extend_from_slice(&[hash, record.len(), record.stamp]);
        let at = chunk.len();
        chunk.resize(at + body - 1, 0);
        let to = chunk.get_mut(at..).and_then(|words| words.as_mut_bytes().get_mut(..record.bytes.len()));
        if let Some(to) = to {
            to.copy_from_slice(record.bytes);
        }
    }

    fn records(&self) -> impl Iterator<Item = (u32, Record<'_>)> {
        self.chunks.iter().flat_map(|chunk| {
            let mut rest = chunk.as_slice();
            std::iter::from_fn(move || {
                let (&[hash, len], behind) = rest.split_first_chunk()?;
                let (body, behind) = behind.split_at_checked(body_words(len))?;
                rest = behind;
                let (stamp, words) = body.split_first()?;
                Some((hash, Record { stamp: *stamp, bytes: words.as_bytes().get(..len as usize)? }))
            })
        })
    }
}

/// These records, which are in the order of their hashes, without those that came again.
fn distinct<'a>(
    records: Vec<(u32, Record<'a>)>,
    same: &mut impl FnMut(&[u8], &[u8]) -> bool,
) -> Vec<(u32, Record<'a>)> {
    if records.is_sorted_by(|(a, _), (b, _)| a < b) {
        return records;
    }
    let mut distinct: Vec<(u32, Record<'a>)> = Vec::with_capacity(records.len());
    for (hash, record) in records {
        let alike = distinct.iter_mut().rev().take_while(|(other, _)| *other == hash);
        let mut alike = alike.filter(|(_, known)| same(known.bytes, record.bytes));
        match alike.next() {
            Some((_, known)) => *known = record,
            None => {
                drop(alike);
                distinct.push((hash, record));
            }
        }
    }
    distinct
}

impl Node {
    /// Of records in the order of their hashes, which have all but the `shift` lowest bits in common.
    fn of(shift: u32, records: &[(u32, Record<'_>)]) -> Self {
        let bodies = || records.iter().map(|(_, record)| body_words(record.len())).sum();
        let is_long = records.len() > PAGE_RECORDS || page_words(records.len(), bodies()) > PAGE_WORDS;
        let ends = records.first().zip(records.last());
        if !is_long || ends.is_none_or(|((first, _), (last, _))| first == last) {
            return Self::Page(Page::new(records.iter().copied()));
        }
        let mut rest = records;
        let children = std::array::from_fn(|child| {
            let end = rest.partition_point(|(hash, _)| way(shift, *hash) <= child);
            let (ours, others) = rest.split_at(end);
            rest = others;
            Self::of(shift.saturating_sub(BITS), ours)
        });
        Self::Branch(std::sync::Arc::new(children))
    }

    fn above(children: [Self; WAYS]) -> Self {
        match super::gathered(&children) {
            Some(page) => Self::Page(page),
            None => Self::Branch(std::sync::Arc::new(children)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::table::Place;
    use proptest::prelude::*;

    /// A table made record by record, as `Bulk` promises.
    fn plain(records: &[(u32, Vec<u8>)]) -> Table {
        let mut table = Table::new();
        for (hash, bytes) in records {
            let known = table.of(*hash).position(|record| record.bytes.first() == bytes.first());
            match known {
                Some(nth) => assert!(table.replace(*hash, nth, 0, bytes)),
                None => table.insert(*hash, 0, bytes, Place::Last),
            }
        }
        table
    }

    fn bulk(records: &[(u32, Vec<u8>)]) -> Table {
        let mut bulk = Bulk::default();
        records.iter().for_each(|(hash, bytes)| bulk.push(*hash, 0, bytes));
        assert_eq!(bulk.is_empty(), records.is_empty());
        bulk.finish(|a, b| a.first() == b.first())
    }

    fn contents(table: &Table) -> Vec<(u32, Vec<u8>)> {
        table.iter().map(|(hash, record)| (hash, record.bytes.to_vec())).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Few and many, with hashes that are spread, near each other and equal.
        #[test]
        fn as_one_by_one(count in 0..12_000usize, spread in 0..33u32, seed: u64) {
            let mut seed = seed | 1;
            let mut roll = || {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed
            };
            let records: Vec<(u32, Vec<u8>)> = (0..count)
                .map(|_| {
                    let hash = (roll() as u32).checked_shr(spread).unwrap_or_default();
                    // Of one hash alone there are not many: each is compared with each.
                    let hash = if spread > 28 { hash | (roll() as u32 & 0x3ff) << 12 } else { hash };
                    (hash, (0..roll() % 90).map(|at| if at == 0 { roll() as u8 % 7 } else { at as u8 }).collect())
                })
                .collect();
            let (one_by_one, mut at_once) = (plain(&records), bulk(&records));
            prop_assert_eq!(at_once.len(), one_by_one.len());
            prop_assert_eq!(contents(&at_once), contents(&one_by_one));
            // It goes on as any other.
            for (hash, _) in records.iter().take(500) {
                while at_once.remove(*hash, 0) {}
                at_once.insert(*hash, 7, b"again", Place::First);
            }
            for (hash, _) in records.iter().take(500) {
                let again: Vec<_> = at_once.of(*hash).map(|record| (record.stamp, record.bytes)).collect();
                prop_assert!(again.iter().all(|record| *record == (7, &b"again"[..])) && !again.is_empty());
            }
        }
    }

    #[test]
    fn takes_little_more_than_the_table() {
        let mut bulk = Bulk::default();
        for number in 0..50_000u32 {
            bulk.push(number.wrapping_mul(2_654_435_761), 0, &[0; 52]);
        }
        let aside: usize =
            bulk.heaps.iter().flat_map(|heap| &heap.chunks).map(|chunk| chunk.capacity() * 4).sum();
        let table = bulk.finish(|_, _| false);
        assert_eq!(table.len(), 50_000);
        assert!(table.heap_bytes() < 50_000 * 75, "{}", table.heap_bytes());
        assert!(aside < 50_000 * 90, "{aside}");
    }
}
