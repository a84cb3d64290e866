//! The pass over a route's attributes that only finds them: the borrowed form.
//!
//! It writes down where each attribute is, and reads it when asked: most of those who see a million routes look at two
//! or three fields of each.

use std::net::IpAddr;

use super::fields::{Fields, RARE, Source, check, fault, is_word, misfit, rta, via};
use super::route::{CacheInfo, ROUTE, RouteHeader};
use crate::addr;
use crate::attr::{Attrs, HEADER_LEN};
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::policy::each;

/// Presence of this bit: places do not fit, or an attribute came twice, so that each is searched for. No kernel sends
/// such a route.
const FAR: u32 = 1 << 31;

/// The attributes whose place is kept, as bits: the eight that most routes have most of.
const PLACED: u32 = addresses() | 1 << rta::OIF | 1 << rta::TABLE | 1 << rta::PRIORITY | 1 << rta::NH_ID;

/// How far to the left the place of one of the eight is. A table: as a `match` it becomes a jump to anywhere.
static SHIFTS: [u8; 32] = {
    let mut shifts = [0; 32];
    let eight =
        [rta::DST, rta::OIF, rta::GATEWAY, rta::TABLE, rta::PRIORITY, rta::PREFSRC, rta::NH_ID, rta::SRC];
    let mut place = 0;
    while place < eight.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            shifts[eight[place] as usize] = 8 * place as u8;
        }
        place += 1;
    }
    shifts
};

#[inline(always)]
fn shift(number: u16) -> u32 {
    SHIFTS.get(usize::from(number & 31)).copied().unwrap_or_default().into()
}

/// Length and number of an attribute, read at once.
#[inline(always)]
fn head(bytes: [u8; 4]) -> (u16, u16) {
    let word = u32::from_ne_bytes(bytes);
    let (low, high) = (word as u16, (word >> 16) as u16);
    if cfg!(target_endian = "little") { (low, high) } else { (high, low) }
}

/// A route's message, and where its attributes are. Small, and made in registers: a table in memory would be copied
/// with the value, just after it was written.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    header: &'a RouteHeader,
    attributes: &'a [u8],
    /// Offsets of the eight, in words of four bytes, eight bits each.
    at: u64,
    /// Which attributes are there, by number; bit 0: others than fields.
    present: u32,
}

/// The attributes whose payload is of four bytes, as bits.
const fn words(width: usize) -> u32 {
    let mut bits = 0;
    let mut number = 0;
    while number < 32 {
        if is_word(number) || (width == 4 && is_address(number)) {
            bits |= 1 << number;
        }
        number += 1;
    }
    bits
}

/// Those that are addresses of the route's family.
const fn addresses() -> u32 {
    1 << rta::DST | 1 << rta::SRC | 1 << rta::GATEWAY | 1 << rta::PREFSRC
}

const fn is_address(number: u16) -> bool {
    addresses() >> number & 1 != 0
}

/// Whether an attribute is one of a set, all of whose numbers are below 32.
#[inline(always)]
fn among(set: u32, number: u16) -> bool {
    number < 32 && set >> (number & 31) & 1 != 0
}

/// What was found so far.
#[derive(Clone, Copy)]
struct Found {
    /// As in [`Places`].
    at: u64,
    present: u32,
    /// Those of the eight that came once more.
    again: u32,
}

impl Found {
    /// Writes down the place of one of the eight, and that it is there.
    #[inline(always)]
    fn put(&mut self, number: u16, at: usize) {
        let bit = 1 << (number & 31);
        self.again |= self.present & bit;
        self.present |= bit;
        self.at |= (at as u64 / 4) << shift(number);
    }
}

impl<'a> Places<'a> {
    #[inline(always)]
    pub(super) fn find(payload: &'a [u8]) -> Result<Self> {
        let Ok((header, attributes)) = <RouteHeader as zerocopy::FromBytes>::ref_from_prefix(payload) else {
            let kind = DecodeErrorKind::Truncated { needed: 12, have: payload.len() };
            return Err(DecodeError::new(kind, 0));
        };
        let mut places = Self { header, attributes, at: 0, present: 0 };
        // One loop a width, so that each compares sizes with constants.
        let outcome = match addr::address_len(header.family) {
            Some(4) => places.fill::<4>(),
            Some(_) => places.fill::<16>(),
            None => places.fill::<0>(),
        };
        if let Err(error) = outcome {
            return Err(error.at_base(12));
        }
        if places.has_rare() {
            ROUTE.validate(attributes, header.family).map_err(|error| error.at_base(12))?;
        }
        Ok(places)
    }

    /// The size of a word is a constant, so that the next attribute's place does not wait for it to be read.
    #[inline(always)]
    fn fill<const WIDTH: usize>(&mut self) -> Result<()> {
        let whole = self.attributes.len();
        let mut rest = self.attributes;
        // Where the last place would fit, all do.
        let present = if whole > 255 * 4 { FAR } else { 0 };
        let mut found = Found { at: 0, present, again: 0 };
        loop {
            let at = whole - rest.len();
            if let Some((&[l0, l1, t0, t1, ..], after)) = rest.split_first_chunk::<8>() {
                let (length, number) = head([l0, l1, t0, t1]);
                if length == 8 && among(const { words(WIDTH) & PLACED }, number) {
                    found.put(number, at);
                    rest = after;
                    continue;
                }
            }
            if WIDTH == 16 {
                if let Some((&[l0, l1, t0, t1, ..], after)) = rest.split_first_chunk::<20>() {
                    let (length, number) = head([l0, l1, t0, t1]);
                    if length == 20 && among(addresses(), number) {
                        found.put(number, at);
                        rest = after;
                        continue;
                    }
                }
            }
            let mut attrs = Attrs::new(rest);
            let Some(attr) = attrs.step() else { break };
            let number = attr.number();
            match check::<WIDTH>(number, attr.payload) {
                Ok(RARE) => found.present |= RARE,
                Ok(_) if among(PLACED, number) => found.put(number, at),
                Ok(bit) => found.present |= bit,
                Err(_) => return Err(misfit(number, attr.payload.len(), at)),
            }
            rest = rest.get(attrs.offset()..).unwrap_or_default();
        }
        (self.at, self.present) = (found.at, found.present);
        if found.again != 0 {
            self.present |= FAR;
        }
        if rest.is_empty() { Ok(()) } else { Err(fault(rest, whole - rest.len())) }
    }

    /// What begins with an attribute's payload; its size was checked.
    #[inline(always)]
    fn value(&self, number: u16) -> Option<&'a [u8]> {
        if !self.has(number) {
            return None;
        }
        if self.present & FAR != 0 || !among(PLACED, number) {
            return self.payload(number);
        }
        let place = (self.at >> shift(number)) & 0xff;
        self.attributes.get(4 * place as usize + HEADER_LEN..)
    }

    /// An attribute's payload, its size as sent.
    #[inline(never)]
    fn payload(&self, number: u16) -> Option<&'a [u8]> {
        if self.has(number) { Attrs::new(self.attributes).last(number) } else { None }
    }

    /// The attributes before the destination's address (its own header is the last of it), and those after it.
    #[inline]
    pub(super) fn around_destination(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.present & (FAR | RARE | 1 << rta::DST) != 1 << rta::DST {
            return None;
        }
        let place = (self.at >> shift(rta::DST)) & 0xff;
        let (before, address) = self.attributes.split_at_checked(4 * place as usize + HEADER_LEN)?;
        Some((before, address.get(addr::address_len(self.header.family)?..)?))
    }

    #[inline]
    pub(super) fn has_rare(&self) -> bool {
        self.present & RARE != 0
    }

    #[inline]
    pub(super) fn attributes(&self) -> &'a [u8] {
        self.attributes
    }
}

impl Source for Places<'_> {
    #[inline]
    fn header(&self) -> &RouteHeader {
        self.header
    }

    #[inline]
    fn has(&self, number: u16) -> bool {
        self.present & (1 << (number & 31)) != 0
    }

    #[inline]
    fn word(&self, number: u16) -> Option<u32> {
        self.value(number)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    #[inline]
    fn byte(&self, number: u16) -> Option<u8> {
        self.value(number)?.first().copied()
    }

    #[inline]
    fn port(&self, number: u16) -> Option<u16> {
        self.value(number)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    #[inline]
    fn cacheinfo(&self) -> Option<CacheInfo> {
        let bytes: &[u8; 32] = self.value(rta::CACHEINFO)?.first_chunk()?;
        Some(zerocopy::transmute!(*bytes))
    }

    #[inline]
    fn ip(&self, number: u16) -> Option<IpAddr> {
        let value = self.value(number)?;
        match addr::address_len(self.header.family)? {
            4 => value.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
            _ => value.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
        }
    }

    #[inline]
    fn gateway(&self) -> Option<IpAddr> {
        if self.has(rta::GATEWAY) {
            return self.ip(rta::GATEWAY);
        }
        if !self.has(rta::VIA) {
            return None;
        }
        // The last of a family that is known, as the owned form has it.
        each(self.attributes, rta::VIA).filter_map(via).last().and_then(|(_, bytes)| addr::ip(bytes))
    }

    fn fields(&self) -> Fields {
        Fields::of(self.header, self.attributes)
    }
}
