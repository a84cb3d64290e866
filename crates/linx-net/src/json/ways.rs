//! Routes that lead to many destinations by one way: what their lines share is rendered once.
//!
//! Of a million routes most differ in their destination alone. So the text around it is kept, under the bytes that it
//! was made from: the rest of the message. A line is then three copies and two addresses, a quarter of the work.

use linx_wire::route::{RouteRef, RouteView};

use crate::ip;
use crate::names::{Context, Token};

/// Ways that are remembered: a router has a few dozen neighbours.
const SLOTS: usize = 256;

/// What was rendered of the ways that came more than once.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// Of the way that came last: it is kept when it comes again.
    hash: u64,
    way: Option<Box<Way>>,
}

#[derive(Clone, Debug)]
struct Way {
    of: Identity,
    /// The bytes of the message before and after the destination.
    bytes: Box<[u8]>,
    before: usize,
    /// What stands before the key's destination, between it and that of the body, and behind.
    text: Box<[u8]>,
    first: usize,
    second: usize,
}

/// What a line depends on beside the message.
#[derive(Clone, Debug)]
struct Identity {
    names: Token,
    links: Token,
    volatile: bool,
}

impl Identity {
    #[inline]
    fn is_of(&self, cx: &Context<'_>) -> bool {
        self.links.is(cx.links.state()) && self.names.is(cx.names.state()) && self.volatile == cx.volatile
    }
}

/// A route that may share its way with others.
pub(super) struct Shared<'a> {
    hash: u64,
    header: [u8; 12],
    before: &'a [u8],
    after: &'a [u8],
}

impl<'a> Shared<'a> {
    /// What a route shares; `None` where its way is its own.
    #[inline]
    pub(super) fn of(route: &RouteRef<'a>, cx: &Context<'_>) -> Option<Self> {
        let (before, after) = route.around_destination()?;
        let h = route.header();
        let [f0, f1, f2, f3] = h.flags;
        // Without the length of the destination.
        let header = [h.family, 0, h.src_len, h.tos, h.table, h.protocol, h.scope, h.kind, f0, f1, f2, f3];
        // Namespaces have ways of their own.
        let mut hash = (std::ptr::from_ref(cx.links) as usize as u64).rotate_left(17);
        for part in [&header, before, after] {
            mix(&mut hash, part);
        }
        Some(Self { hash, header, before, after })
    }

    #[inline]
    fn is(&self, way: &Way) -> bool {
        let parts = way.bytes.split_first_chunk::<12>();
        let Some((header, rest)) = parts else { return false };
        let Some((before, after)) = rest.split_at_checked(way.before) else { return false };
        *header == self.header && before == self.before && after == self.after
    }
}

/// FNV over words, with the high bits brought down.
#[inline(always)]
fn mix(hash: &mut u64, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        rest = behind;
        *hash = (*hash ^ u64::from(u32::from_ne_bytes(*word))).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *hash ^= *hash >> 32;
    }
    rest.iter().for_each(|byte| *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
}

impl Ways {
    #[inline]
    fn slot(&mut self, hash: u64) -> Option<&mut Slot> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Slot::default);
        }
        self.slots.get_mut(hash as usize % SLOTS)
    }

    /// Appends what stands behind the envelope of a route's line, its last bracket left out; false, and nothing,
    /// where its way is not known.
    #[inline]
    pub(super) fn append(
        &mut self,
        out: &mut Vec<u8>,
        shared: &Shared<'_>,
        route: &RouteRef<'_>,
        cx: &Context<'_>,
    ) -> bool {
        let Some(way) = self.slot(shared.hash).and_then(|slot| slot.way.as_deref()) else { return false };
        if !shared.is(way) || !way.of.is_of(cx) {
            return false;
        }
        let Some(prefix) = route.destination() else { return false };
        let Some((first, rest)) = way.text.split_at_checked(way.first) else { return false };
        let Some((second, third)) = rest.split_at_checked(way.second) else { return false };
        let destination = ip::Destination::new(prefix);
        out.reserve(way.text.len() + 128);
        out.extend_from_slice(first);
        out.extend_from_slice(destination.with_length());
        out.extend_from_slice(second);
        out.extend_from_slice(destination.shown());
        out.extend_from_slice(third);
        true
    }

    /// Remembers the way of a route that came a second time; `line` is what was appended for it.
    #[cold]
    pub(super) fn learn(&mut self, line: &[u8], shared: &Shared<'_>, route: &RouteRef<'_>, cx: &Context<'_>) {
        let Some(slot) = self.slot(shared.hash) else { return };
        if std::mem::replace(&mut slot.hash, shared.hash) != shared.hash {
            return;
        }
        let Some(to) = route.destination().map(ip::Destination::new) else { return };
        let Some((text, first, second)) = without(line, to.with_length(), to.shown()) else { return };
        slot.way = Some(Box::new(Way {
            of: Identity {
                names: cx.names.state().clone(),
                links: cx.links.state().clone(),
                volatile: cx.volatile,
            },
            bytes: [&shared.header, shared.before, shared.after].concat().into(),
            before: shared.before.len(),
            text: text.into(),
            first,
            second,
        }));
    }
}

/// A line without the destination in its key (behind the third slash) and in its body (the first `dst`): before the
/// body nothing but words of Linx's own stands.
fn without(line: &[u8], key: &[u8], body: &[u8]) -> Option<(Vec<u8>, usize, usize)> {
    let mut slashes = line.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let first = slashes.nth(2)?.0 + 1;
    let (before, rest) = line.split_at_checked(first)?;
    let rest = rest.strip_prefix(key)?;
    let word = b"\"dst\":\"";
    let second = rest.windows(word.len()).position(|bytes| bytes == word)? + word.len();
    let (between, rest) = rest.split_at_checked(second)?;
    let behind = rest.strip_prefix(body).filter(|rest| rest.starts_with(b"\""))?;
    Some(([before, between, behind].concat(), first, second))
}
