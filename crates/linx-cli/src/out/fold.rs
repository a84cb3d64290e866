//! A large commit for people: a line a table, with counts.

use std::collections::BTreeMap;
use std::fmt::Write;

use linx::names::{KnownSets, Sets};
use linx::nft::{Change, ElementsView, EntityRef, SetView, family};
use linx::{Kind, Operation};
use linx_wire::name::Name;

use super::Sign;

/// Sets of a table whose elements are counted by name.
const SETS: usize = 3;

/// New ones and those that are gone.
#[derive(Clone, Copy, Default)]
struct Count {
    new: u64,
    del: u64,
}

impl Count {
    fn add(&mut self, op: Operation, number: u64) {
        let count = if op == Operation::New { &mut self.new } else { &mut self.del };
        *count = count.saturating_add(number);
    }

    /// `+1,500 -3`
    fn show(self, text: &mut String) {
        for (sign, number) in [("+", self.new), ("-", self.del)] {
            if number > 0 {
                // Writing into a string does not fail.
                let _ = write!(text, " {sign}{}", grouped(number));
            }
        }
    }
}

/// What changed in one table.
#[derive(Default)]
struct Table {
    /// What happened to the table itself.
    op: Option<Operation>,
    /// By the kind's place among [`KINDS`].
    kinds: BTreeMap<usize, Count>,
    /// Elements by set; whether it is a map, as far as the commit tells.
    elements: BTreeMap<Vec<u8>, Count>,
    maps: BTreeMap<Vec<u8>, bool>,
}

/// Kinds in the order in which they are counted, whether they are maps: one of them, several.
const KINDS: [(Kind, bool, &str, &str); 6] = [
    (Kind::Chain, false, "chain", "chains"),
    (Kind::NftRule, false, "rule", "rules"),
    (Kind::Set, false, "set", "sets"),
    (Kind::Set, true, "map", "maps"),
    (Kind::StatefulObject, false, "object", "objects"),
    (Kind::Flowtable, false, "flowtable", "flowtables"),
];

/// The lines of a commit: sign, and what stands behind the kind `table`. `sets` are those of before it.
pub(crate) fn lines<'a>(
    changes: impl Iterator<Item = Change<'a>>,
    sets: &KnownSets<'_>,
) -> Vec<(Sign, String)> {
    let mut order = Vec::new();
    let mut tables: BTreeMap<(u8, Vec<u8>), Table> = BTreeMap::new();
    for change in changes {
        let Some(name) = change.entity.table() else { continue };
        let key = (change.entity.family(), name.as_bytes().to_vec());
        if !tables.contains_key(&key) {
            order.push(key.clone());
        }
        tables.entry(key).or_default().add(&change, sets);
    }
    let shown = order.iter().filter_map(|key| {
        let table = tables.get(key)?;
        let family = family::word(key.0).unwrap_or("?");
        Some((table.sign(), format!("{family} {}  {}", Name::new(&key.1), table.show())))
    });
    shown.collect()
}

impl Table {
    fn add(&mut self, change: &Change<'_>, sets: &KnownSets<'_>) {
        let op = change.op;
        let known =
            |table, set| sets.types(change.entity.family(), table, set).is_some_and(|set| set.is_map());
        match &change.entity {
            // One that goes and comes in one commit is another.
            EntityRef::Table(_) => self.op = if self.op.is_some() { None } else { Some(op) },
            EntityRef::Elements(elements) => {
                let number = elements.elements().count() as u64;
                let set = elements.set();
                self.elements.entry(set.as_bytes().to_vec()).or_default().add(op, number);
                self.maps.entry(set.as_bytes().to_vec()).or_insert_with(|| known(elements.table(), set));
            }
            EntityRef::Set(set) => {
                // The announcement that one is gone does not say.
                let is_map = match set.attributes().flags() {
                    Some(_) => set.is_map(),
                    None => known(set.table(), set.name()),
                };
                self.maps.insert(set.name().as_bytes().to_vec(), is_map);
                self.count(op, Kind::Set, is_map);
            }
            other => self.count(op, other.kind(), false),
        }
    }

    fn count(&mut self, op: Operation, kind: Kind, is_map: bool) {
        if let Some(place) = KINDS.iter().position(|(known, map, ..)| (*known, *map) == (kind, is_map)) {
            self.kinds.entry(place).or_default().add(op, 1);
        }
    }

    fn sign(&self) -> Sign {
        match self.op {
            Some(Operation::New) => Sign::Plus,
            Some(Operation::Del) => Sign::Minus,
            None => Sign::Tilde,
        }
    }

    fn show(&self) -> String {
        let mut parts = Vec::new();
        let whole = match self.op {
            Some(op) => self.kinds.values().chain(self.elements.values()).all(|count| match op {
                Operation::New => count.del == 0,
                Operation::Del => count.new == 0,
            }),
            None => false,
        };
        let elements = self.elements.values().fold(Count::default(), |sum, count| Count {
            new: sum.new.saturating_add(count.new),
            del: sum.del.saturating_add(count.del),
        });
        if whole {
            let counted = |one: &str, many: &str, count: &Count| {
                let number = count.new + count.del;
                format!("{} {}", grouped(number), if number == 1 { one } else { many })
            };
            for (place, count) in &self.kinds {
                if let Some((_, _, one, many)) = KINDS.get(*place) {
                    parts.push(counted(one, many, count));
                }
            }
            if !self.elements.is_empty() {
                parts.push(counted("element", "elements", &elements));
            }
            return if parts.is_empty() { String::new() } else { format!("with {}", parts.join(", ")) };
        }
        if self.elements.len() <= SETS {
            for (set, count) in &self.elements {
                let word = if self.maps.get(set) == Some(&true) { "map" } else { "set" };
                let mut part = format!("{word} {}", Name::new(set));
                count.show(&mut part);
                parts.push(part + " elements");
            }
        } else {
            let mut part = format!("{} sets", grouped(self.elements.len() as u64));
            elements.show(&mut part);
            parts.push(part + " elements");
        }
        for (place, count) in &self.kinds {
            if let Some((.., many)) = KINDS.get(*place) {
                let mut part = (*many).to_owned();
                count.show(&mut part);
                parts.push(part);
            }
        }
        parts.join(", ")
    }
}

/// `10,524`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 7, 999, 1000, 10_524, 1_000_000].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "10,524", "1,000,000"]);
    }

    #[test]
    fn counts_show_what_there_is() {
        let mut text = String::from("rules");
        Count { new: 1500, del: 3 }.show(&mut text);
        assert_eq!(text, "rules +1,500 -3");
    }
}
