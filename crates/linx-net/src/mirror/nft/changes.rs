//! What changed, packed: some bytes a change beyond the objects themselves, no allocation each. It can be done and undone.

use std::fmt;
use std::sync::Arc;

use linx_wire::nft::ItemRef;
use linx_wire::{Compare, Kind};

use super::content::{Place, What, differences, item};
use crate::key::Key;
use crate::mirror::delta::Change;
use crate::mirror::table::Table;

/// What changed, in order.
///
/// ```no_run
/// # fn show(transaction: &linx::mirror::nft::Transaction) {
/// for item in transaction.changes.iter() {
///     println!("{} {:?} {:?}", item.change().sign(), item.after(), item.fields());
/// }
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Changes {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    places: Vec<Arc<Place>>,
    /// Elements that came or went with their set: what the state has of them, shared.
    tables: Vec<Table>,
    count: usize,
    sees_volatile: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Where in `bytes` it begins; of elements that came or went as a whole, which of `tables`.
    at: usize,
    place: u32,
    before: u32,
    after: u32,
    kind: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    One(What),
    /// All elements of a set.
    All(Change),
    /// It was taken back.
    Nothing,
}

/// No object.
const ABSENT: u32 = u32::MAX;

/// Where a rule is, and was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Handle of the chain.
    pub(super) chain: u64,
    pub(super) handle: u64,
    /// Handle of the rule before it; 0 is none.
    pub(super) behind: u64,
}

impl Spot {
    const SIZE: usize = 24;

    fn write(self, bytes: &mut Vec<u8>) {
        for number in [self.chain, self.handle, self.behind] {
            bytes.extend_from_slice(&number.to_ne_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let mut numbers = bytes.chunks_exact(8).map(|chunk| chunk.try_into().map_or(0, u64::from_ne_bytes));
        let mut next = || numbers.next().unwrap_or_default();
        Self { chain: next(), handle: next(), behind: next() }
    }
}

/// One step, as a state takes it; see [`State::step`](super::State).
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    One { place: &'a Arc<Place>, what: What, spot: Spot, before: Option<&'a [u8]>, after: Option<&'a [u8]> },
    All { place: &'a Arc<Place>, comes: bool, elements: &'a Table },
}

impl Step<'_> {
    /// The step back.
    pub(super) fn back(self) -> Self {
        match self {
            Self::One { place, what, spot, before, after } => {
                Self::One { place, what, spot, before: after, after: before }
            }
            Self::All { place, comes, elements } => Self::All { place, comes: !comes, elements },
        }
    }
}

impl Changes {
    pub(super) fn new(sees_volatile: bool) -> Self {
        Self { sees_volatile, ..Self::default() }
    }

    /// How many objects changed; elements that went with their set count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of memory that it takes, about, without what it shares with the state.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.bytes.capacity()
    }

    pub(super) fn compare(&self) -> Compare {
        if self.sees_volatile { Compare::Everything } else { Compare::Tracked }
    }

    /// Each change.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        self.iter_at().map(|(_, item)| item)
    }

    pub(super) fn iter_at(&self) -> impl Iterator<Item = (At, Item<'_>)> {
        let entries = self.entries.iter().enumerate();
        entries.flat_map(move |(number, entry)| {
            let one =
                matches!(entry.kind, Of::One(_)).then(|| (At { entry: number, hash: 0, nth: 0 }, entry));
            let all = match entry.kind {
                Of::All(_) => self.tables.get(entry.at),
                _ => None,
            };
            let one = one.map(|(at, entry)| (at, self.one(entry)));
            one.into_iter().chain(all.into_iter().flat_map(move |table| {
                let mut last = (0, 0);
                table.iter().map(move |(hash, record)| {
                    last = if last.1 > 0 && last.0 == hash { (hash, last.1 + 1) } else { (hash, 1) };
                    let at = At { entry: number, hash, nth: last.1 - 1 };
                    (at, self.of_all(entry, record.bytes))
                })
            }))
        })
    }

    /// The change there.
    pub(super) fn at(&self, at: At) -> Option<Item<'_>> {
        let entry = self.entries.get(at.entry)?;
        match entry.kind {
            Of::One(_) => Some(self.one(entry)),
            Of::All(_) => {
                let record = self.tables.get(entry.at)?.of(at.hash).nth(at.nth)?;
                Some(self.of_all(entry, record.bytes))
            }
            Of::Nothing => None,
        }
    }

    fn one(&self, entry: &Entry) -> Item<'_> {
        let (spot, before, after) = self.read(entry);
        let what = if let Of::One(what) = entry.kind { what } else { What::Element };
        let place = self.places.get(entry.place as usize);
        Item { place, what, spot, before, after, compare: self.compare() }
    }

    fn of_all<'a>(&'a self, entry: &Entry, record: &'a [u8]) -> Item<'a> {
        let comes = entry.kind == Of::All(Change::Added);
        let (before, after) = if comes { (None, Some(record)) } else { (Some(record), None) };
        let place = self.places.get(entry.place as usize);
        let (what, spot) = (What::Element, Spot::default());
        Item { place, what, spot, before, after, compare: self.compare() }
    }

    fn read(&self, entry: &Entry) -> (Spot, Option<&[u8]>, Option<&[u8]>) {
        let mut bytes = self.bytes.get(entry.at..).unwrap_or_default();
        let mut spot = Spot::default();
        if entry.kind == Of::One(What::Rule) {
            let (head, rest) = bytes.split_at_checked(Spot::SIZE).unwrap_or_default();
            (spot, bytes) = (Spot::read(head), rest);
        }
        let mut take = |length: u32| {
            if length == ABSENT {
                return None;
            }
            let (taken, rest) = bytes.split_at_checked(length as usize)?;
            bytes = rest.get(length.next_multiple_of(4) as usize - length as usize..).unwrap_or_default();
            Some(taken)
        };
        let before = take(entry.before);
        (spot, before, take(entry.after))
    }

    /// The number of a place. What is in it is told apart from what was in one before, even of the same name.
    pub(super) fn place(&mut self, place: &Arc<Place>) -> u32 {
        let known = self.places.iter().rev().take(8).position(|other| Arc::ptr_eq(other, place));
        if let Some(back) = known {
            return (self.places.len() - 1 - back) as u32;
        }
        self.places.push(Arc::clone(place));
        (self.places.len() - 1) as u32
    }

    /// Adds a change; its number.
    pub(super) fn push(
        &mut self,
        place: u32,
        what: What,
        spot: Spot,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> usize {
        let at = self.bytes.len();
        if what == What::Rule {
            spot.write(&mut self.bytes);
        }
        let mut put = |object: Option<&[u8]>| {
            let Some(object) = object else { return ABSENT };
            self.bytes.extend_from_slice(object);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
            // No message is as long.
            u32::try_from(object.len()).unwrap_or(ABSENT)
        };
        let (before, after) = (put(before), put(after));
        self.entries.push(Entry { at, place, before, after, kind: Of::One(what) });
        self.count += 1;
        self.entries.len() - 1
    }

    /// Adds that all elements of a set came, or went.
    pub(super) fn push_all(&mut self, place: u32, change: Change, elements: &Table) {
        if elements.is_empty() {
            return;
        }
        let at = self.tables.len();
        self.tables.push(elements.clone());
        self.entries.push(Entry { at, place, before: ABSENT, after: ABSENT, kind: Of::All(change) });
        self.count += elements.len();
    }

    /// The object before a change of one.
    pub(super) fn before(&self, number: usize) -> Option<&[u8]> {
        self.read(self.entries.get(number)?).1
    }

    /// The object after a change of one.
    pub(super) fn after(&self, number: usize) -> Option<&[u8]> {
        self.read(self.entries.get(number)?).2
    }

    /// Takes a change back.
    pub(super) fn void(&mut self, number: usize) {
        if let Some(entry) = self.entries.get_mut(number).filter(|entry| matches!(entry.kind, Of::One(_))) {
            entry.kind = Of::Nothing;
            self.count -= 1;
        }
    }

    /// Makes room for so many.
    pub(super) fn reserve(&mut self, count: usize) {
        self.entries.reserve(count);
    }

    /// Each change of an element by itself: number of its place, its own number, its place, and the record.
    pub(super) fn elements(&self) -> impl Iterator<Item = (u32, usize, &Arc<Place>, &[u8])> {
        let entries = self.entries.iter().enumerate();
        entries.filter(|(_, entry)| entry.kind == Of::One(What::Element)).filter_map(|(number, entry)| {
            let (_, before, after) = self.read(entry);
            Some((entry.place, number, self.places.get(entry.place as usize)?, after.or(before)?))
        })
    }

    /// Gives back what is not needed.
    pub(super) fn settle(&mut self) {
        self.entries.retain(|entry| entry.kind != Of::Nothing);
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// Each step, to be taken in this order, or back from the last.
    pub(super) fn steps(&self) -> impl DoubleEndedIterator<Item = Step<'_>> {
        self.entries.iter().filter_map(|entry| {
            let place = self.places.get(entry.place as usize)?;
            match entry.kind {
                Of::Nothing => None,
                Of::One(what) => {
                    let (spot, before, after) = self.read(entry);
                    Some(Step::One { place, what, spot, before, after })
                }
                Of::All(change) => {
                    let elements = self.tables.get(entry.at)?;
                    Some(Step::All { place, comes: change == Change::Added, elements })
                }
            }
        })
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = Item<'a>;
    type IntoIter = Box<dyn Iterator<Item = Item<'a>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Which of several changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    entry: usize,
    hash: u32,
    nth: usize,
}

/// One change of one object.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    place: Option<&'a Arc<Place>>,
    what: What,
    spot: Spot,
    before: Option<&'a [u8]>,
    after: Option<&'a [u8]>,
    compare: Compare,
}

impl<'a> Item<'a> {
    /// What became of the object.
    #[must_use]
    pub fn change(&self) -> Change {
        match (self.before, self.after) {
            (None, _) => Change::Added,
            (Some(_), Some(_)) => Change::Changed,
            (Some(_), None) => Change::Removed,
        }
    }

    /// The object as it was before; `None` of one that is new.
    #[must_use]
    pub fn before(&self) -> Option<ItemRef<'a>> {
        self.object_of(self.before?)
    }

    /// The object as it is now; `None` of one that is gone.
    #[must_use]
    pub fn after(&self) -> Option<ItemRef<'a>> {
        self.object_of(self.after?)
    }

    /// The object as it is now; of one that is gone, as it was last.
    #[must_use]
    pub fn object(&self) -> Option<ItemRef<'a>> {
        self.after().or_else(|| self.before())
    }

    /// Which kind of object it is of; of an element [`Kind::Elements`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.what {
            What::Table => Kind::Table,
            What::Chain => Kind::Chain,
            What::Set => Kind::Set,
            What::Object => Kind::StatefulObject,
            What::Flowtable => Kind::Flowtable,
            What::Rule => Kind::NftRule,
            What::Element => Kind::Elements,
        }
    }

    /// What identifies the object; `None` never, of what decodes.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        self.object().map(Key::of_nft)
    }

    /// Of an object that changed, the fields that differ: dotted paths of accessor names. That an element's time was
    /// renewed is `expires`.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let (Some(before), Some(after)) = (self.before(), self.after()) else { return Vec::new() };
        let mut fields = differences(&before, &after, self.compare);
        // One for each item of a list that differs.
        fields.dedup();
        if let (What::Element, Some(place), Some(a), Some(b)) =
            (self.what, self.place, self.before, self.after)
        {
            fields.retain(|field| field != "expires");
            if !place.is_same(a, b, Compare::Tracked).1 {
                fields.push("expires".to_owned());
            }
        }
        fields
    }

    fn object_of(&self, bytes: &'a [u8]) -> Option<ItemRef<'a>> {
        match self.what {
            What::Element => self.place?.element(bytes).map(ItemRef::Element),
            what => item(what, bytes),
        }
    }

    /// The step that it is.
    pub(super) fn step(&self) -> Option<Step<'a>> {
        let place = self.place?;
        Some(Step::One { place, what: self.what, spot: self.spot, before: self.before, after: self.after })
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        f.debug_struct("Item")
            .field("change", &self.change())
            .field("key", &key.as_ref().map(Key::as_str))
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}
