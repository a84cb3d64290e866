//! A large commit for people: a line a table, with counts.

use std::collections::BTreeMap;
use std::fmt::Write;

use linx::mirror;
use linx::names::{KnownSets, Sets};
use linx::nft::{Change, ElementsView, EntityRef, ItemRef, SetView, family};
use linx::{Kind, Operation};
use linx_wire::name::Name;

use super::Sign;

/// Sets of a table whose elements are counted by name.
const SETS: usize = 3;

/// What happened to an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    New,
    Del,
    Changed,
}

impl From<Operation> for What {
    fn from(op: Operation) -> Self {
        if op == Operation::New { Self::New } else { Self::Del }
    }
}

impl From<mirror::Change> for What {
    fn from(change: mirror::Change) -> Self {
        match change {
            mirror::Change::Added => Self::New,
            mirror::Change::Changed => Self::Changed,
            mirror::Change::Removed => Self::Del,
        }
    }
}

/// New ones, those that are gone, and those that changed.
#[derive(Clone, Copy, Default)]
struct Count {
    new: u64,
    del: u64,
    changed: u64,
}

impl Count {
    fn add(&mut self, what: What, number: u64) {
        let count = match what {
            What::New => &mut self.new,
            What::Del => &mut self.del,
            What::Changed => &mut self.changed,
        };
        *count = count.saturating_add(number);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            new: self.new.saturating_add(other.new),
            del: self.del.saturating_add(other.del),
            changed: self.changed.saturating_add(other.changed),
        }
    }

    /// `+1,500 -3 ~1`
    fn show(self, text: &mut String) {
        for (sign, number) in [("+", self.new), ("-", self.del), ("~", self.changed)] {
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
    /// What happened to the table itself: it came, or went.
    op: Option<What>,
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
    let mut tables = Tables::default();
    for change in changes {
        let Some(name) = change.entity.table() else { continue };
        tables.of(change.entity.family(), name).add(&change, sets);
    }
    tables.lines()
}

/// The same of what a mirror tells.
pub(crate) fn lines_of_items<'a>(
    changes: impl Iterator<Item = (mirror::Change, ItemRef<'a>)>,
    sets: &KnownSets<'_>,
) -> Vec<(Sign, String)> {
    let mut tables = Tables::default();
    for (change, item) in changes {
        tables.of(item.family(), item.table()).add_item(change.into(), &item, sets);
    }
    tables.lines()
}

/// Tables in the order in which they came up.
#[derive(Default)]
struct Tables {
    order: Vec<(u8, Vec<u8>)>,
    tables: BTreeMap<(u8, Vec<u8>), Table>,
}

impl Tables {
    fn of(&mut self, family: u8, name: Name<'_>) -> &mut Table {
        let key = (family, name.as_bytes().to_vec());
        if !self.tables.contains_key(&key) {
            self.order.push(key.clone());
        }
        self.tables.entry(key).or_default()
    }

    fn lines(&self) -> Vec<(Sign, String)> {
        let shown = self.order.iter().filter_map(|key| {
            let table = self.tables.get(key)?;
            let family = family::word(key.0).unwrap_or("?");
            Some((table.sign(), format!("{family} {}  {}", Name::new(&key.1), table.show())))
        });
        shown.collect()
    }
}

impl Table {
    fn add(&mut self, change: &Change<'_>, sets: &KnownSets<'_>) {
        let what = change.op.into();
        match &change.entity {
            EntityRef::Elements(elements) => {
                let number = elements.elements().count() as u64;
                self.add_elements(what, (elements.family(), elements.table(), elements.set()), number, sets);
            }
            other => other.items().for_each(|item| self.add_item(what, &item, sets)),
        }
    }

    fn add_item(&mut self, what: What, item: &ItemRef<'_>, sets: &KnownSets<'_>) {
        match item {
            ItemRef::Table(_) if what == What::Changed => {}
            // One that goes and comes in one commit is another.
            ItemRef::Table(_) => self.op = if self.op.is_some() { None } else { Some(what) },
            ItemRef::Element(element) => {
                use linx::nft::ElementView;
                self.add_elements(what, (element.family(), element.table(), element.set()), 1, sets);
            }
            ItemRef::Set(set) => {
                // The announcement that one is gone does not say.
                let is_map = match set.attributes().flags() {
                    Some(_) => set.is_map(),
                    None => is_known_map((set.family(), set.table(), set.name()), sets),
                };
                self.maps.insert(set.name().as_bytes().to_vec(), is_map);
                self.count(what, Kind::Set, is_map);
            }
            other => self.count(what, other.kind(), false),
        }
    }

    fn add_elements(&mut self, what: What, of: (u8, Name<'_>, Name<'_>), number: u64, sets: &KnownSets<'_>) {
        let set = of.2.as_bytes();
        match self.elements.get_mut(set) {
            Some(count) => count.add(what, number),
            None => self.elements.entry(set.to_vec()).or_default().add(what, number),
        }
        if !self.maps.contains_key(set) {
            self.maps.insert(set.to_vec(), is_known_map(of, sets));
        }
    }

    fn count(&mut self, op: What, kind: Kind, is_map: bool) {
        if let Some(place) = KINDS.iter().position(|(known, map, ..)| (*known, *map) == (kind, is_map)) {
            self.kinds.entry(place).or_default().add(op, 1);
        }
    }

    fn sign(&self) -> Sign {
        match self.op {
            Some(What::New) => Sign::Plus,
            Some(What::Del) => Sign::Minus,
            _ => Sign::Tilde,
        }
    }

    fn show(&self) -> String {
        let mut parts = Vec::new();
        let whole = match self.op {
            Some(op) => self.kinds.values().chain(self.elements.values()).all(|count| match op {
                What::New => count.del == 0 && count.changed == 0,
                _ => count.new == 0 && count.changed == 0,
            }),
            None => false,
        };
        let elements = self.elements.values().fold(Count::default(), |sum, count| sum.plus(*count));
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

fn is_known_map((family, table, set): (u8, Name<'_>, Name<'_>), sets: &KnownSets<'_>) -> bool {
    sets.types(family, table, set).is_some_and(|set| set.is_map())
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
        Count { new: 1500, del: 3, changed: 1 }.show(&mut text);
        assert_eq!(text, "rules +1,500 -3 ~1");
    }
}
