//! Comparison and hashing of validated attributes, as far as their classes go.

use std::hash::{Hash, Hasher};

use crate::attr::{Attrs, MAX_DEPTH};
use crate::policy::{Class, Compare, Entry, Inner, Policy, Shape, Surroundings, each, items};

impl Policy {
    /// Whether two validated attribute lists are equal, as far as `compare` looks.
    #[must_use]
    pub fn same(&'static self, a: &[u8], b: &[u8], family: u8, compare: Compare) -> bool {
        if a == b {
            return true;
        }
        let mut same = true;
        self.differences(a, b, family, compare, &mut |_| {
            same = false;
            false
        });
        same
    }

    /// Calls `found` with the path of each declared attribute in which two validated lists differ, as far as `compare`
    /// looks; a difference in unknown attributes is an empty path. Ends when `found` returns false.
    pub fn differences(
        &'static self,
        a: &[u8],
        b: &[u8],
        family: u8,
        compare: Compare,
        found: &mut dyn FnMut(&[&'static Entry]) -> bool,
    ) {
        Differing { family, compare, path: Vec::new(), found }.lists(self, a, b);
    }

    /// Feeds the tracked fields of a validated list to `state`: equal lists ([`Compare::Tracked`]) give equal hashes.
    pub fn hash_tracked<H: Hasher>(&'static self, bytes: &[u8], family: u8, state: &mut H) {
        self.hash_at(bytes, family, state, 0);
    }

    fn hash_at<H: Hasher>(&'static self, bytes: &[u8], family: u8, state: &mut H, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        for entry in self.entries.iter().filter(|entry| entry.class == Class::Tracked) {
            let around = Surroundings { siblings: bytes, family };
            if let Shape::Many(shape) = entry.shape {
                each(bytes, entry.number)
                    .for_each(|payload| hash_value(*shape, entry.number, payload, around, state, depth));
            } else if let Some(payload) = Attrs::new(bytes).last(entry.number) {
                hash_value(entry.shape, entry.number, payload, around, state, depth);
            }
        }
        self.unknown(bytes).for_each(|attr| (attr.raw_type, attr.payload).hash(state));
    }
}

impl Shape {
    /// A value without inner attributes, as far as `compare` looks at it.
    fn compared(self, payload: &[u8], compare: Compare) -> Compared<'_> {
        match (self, payload.first_chunk()) {
            (Self::Be32But(silent), Some(bytes)) if compare == Compare::Tracked => {
                Compared::Flags(u32::from_be_bytes(*bytes) & !silent)
            }
            _ => Compared::Bytes(payload),
        }
    }
}

/// What of a value is compared and hashed.
#[derive(PartialEq, Eq, Hash)]
enum Compared<'a> {
    Bytes(&'a [u8]),
    Flags(u32),
}

/// Feeds one tracked value to `state`: of a nest or a list what is inside, so that what is volatile there stays out.
fn hash_value<H: Hasher>(
    shape: Shape,
    number: u16,
    payload: &[u8],
    around: Surroundings<'_>,
    state: &mut H,
    depth: usize,
) {
    match shape.inner(around) {
        Inner::Policy(policy) => policy.hash_at(payload, around.family, state, depth + 1),
        Inner::Items(shape) if depth + 1 < MAX_DEPTH => {
            let around = Surroundings { siblings: payload, family: around.family };
            let mut attrs = Attrs::new(payload);
            while let Some(attr) = attrs.step() {
                hash_value(*shape, attr.number(), attr.payload, around, state, depth + 1);
            }
        }
        Inner::Items(_) => {}
        Inner::Nothing => (number, shape.compared(payload, Compare::Tracked)).hash(state),
    }
}

/// A comparison of two validated lists under way.
struct Differing<'f> {
    family: u8,
    compare: Compare,
    path: Vec<&'static Entry>,
    /// Called with the path of each difference; ends the comparison when it returns false.
    found: &'f mut dyn FnMut(&[&'static Entry]) -> bool,
}

impl Differing<'_> {
    fn found(&mut self) -> bool {
        (self.found)(&self.path)
    }

    fn lists(&mut self, policy: &'static Policy, a: &[u8], b: &[u8]) -> bool {
        if self.path.len() >= MAX_DEPTH {
            return true;
        }
        let compare = self.compare;
        for entry in policy.entries.iter().filter(|entry| compare.sees(entry.class)) {
            self.path.push(entry);
            let go_on = self.entries(entry, a, b);
            self.path.pop();
            if !go_on {
                return false;
            }
        }
        policy.unknown(a).eq(policy.unknown(b)) || self.found()
    }

    fn entries(&mut self, entry: &'static Entry, a: &[u8], b: &[u8]) -> bool {
        if let Shape::Many(shape) = entry.shape {
            let (left, right) = (each(a, entry.number), each(b, entry.number));
            return self.sequences(*shape, left, right, [a, b]);
        }
        let (x, y) = (Attrs::new(a).last(entry.number), Attrs::new(b).last(entry.number));
        x == y || self.values(entry.shape, x, y, [a, b])
    }

    /// Compares two values, or one with none.
    fn values(&mut self, shape: Shape, x: Option<&[u8]>, y: Option<&[u8]>, siblings: [&[u8]; 2]) -> bool {
        let [inner_a, inner_b] =
            siblings.map(|siblings| shape.inner(Surroundings { siblings, family: self.family }));
        match (inner_a, inner_b) {
            // A nest that is absent equals a nest in which nothing that counts is present.
            (Inner::Policy(p), Inner::Policy(q)) if std::ptr::eq(p, q) => {
                self.lists(p, x.unwrap_or_default(), y.unwrap_or_default())
            }
            (Inner::Items(shape), Inner::Items(_)) => {
                let (x, y) = (x.unwrap_or_default(), y.unwrap_or_default());
                if !numbers(x).eq(numbers(y)) {
                    return self.found();
                }
                self.sequences(*shape, items(x), items(y), [x, y])
            }
            _ => match (x, y) {
                (Some(x), Some(y)) if shape.compared(x, self.compare) == shape.compared(y, self.compare) => {
                    true
                }
                _ => self.found(),
            },
        }
    }

    /// Compares the values of two lists one by one, so that what is volatile inside stays volatile.
    fn sequences<'b>(
        &mut self,
        shape: Shape,
        mut left: impl Iterator<Item = &'b [u8]>,
        mut right: impl Iterator<Item = &'b [u8]>,
        siblings: [&[u8]; 2],
    ) -> bool {
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(x), Some(y)) if x == y => {}
                (Some(x), Some(y)) => {
                    if !self.values(shape, Some(x), Some(y), siblings) {
                        return false;
                    }
                }
                _ => return self.found(),
            }
        }
    }
}

/// The numbers of all attributes.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let mut attrs = Attrs::new(bytes);
    std::iter::from_fn(move || attrs.step()).map(|attr| attr.number())
}
