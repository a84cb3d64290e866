//! The pass over a route's attributes: what is common becomes fields.
//!
//! A route dump is a million times these few lines, so their cost is the cost of a dump beside the kernel's.

use std::net::IpAddr;

use super::route::{CacheInfo, ROUTE, RouteHeader};
use crate::addr::{self, family};
use crate::attr::{Attr, Attrs, HEADER_LEN};
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::reader::{fixed, u32_of};

/// `RTA_*` numbers of the pass.
pub(super) mod rta {
    pub(crate) const DST: u16 = 1;
    pub(crate) const SRC: u16 = 2;
    pub(crate) const IIF: u16 = 3;
    pub(crate) const OIF: u16 = 4;
    pub(crate) const GATEWAY: u16 = 5;
    pub(crate) const PRIORITY: u16 = 6;
    pub(crate) const PREFSRC: u16 = 7;
    pub(crate) const FLOW: u16 = 11;
    pub(crate) const CACHEINFO: u16 = 12;
    pub(crate) const TABLE: u16 = 15;
    pub(crate) const MARK: u16 = 16;
    pub(crate) const VIA: u16 = 18;
    pub(crate) const PREF: u16 = 20;
    pub(crate) const UID: u16 = 25;
    pub(crate) const TTL_PROPAGATE: u16 = 26;
    pub(crate) const IP_PROTO: u16 = 27;
    pub(crate) const SPORT: u16 = 28;
    pub(crate) const DPORT: u16 = 29;
    pub(crate) const NH_ID: u16 = 30;
}

/// Presence of an attribute that is not a field is this bit.
pub(super) const RARE: u32 = 1;

/// Size of the gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Gateway {
    None,
    V4,
    V6,
}

/// What both forms of a route consist of. Values are as they were sent.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Fields {
    pub(super) header: RouteHeader,
    /// Which attributes were there, by number; bit 0: others than fields.
    present: u32,
    dst: [u8; 16],
    src: [u8; 16],
    gateway: [u8; 16],
    prefsrc: [u8; 16],
    pub(super) iif: u32,
    pub(super) oif: u32,
    pub(super) priority: u32,
    pub(super) table: u32,
    pub(super) mark: u32,
    pub(super) flow: u32,
    pub(super) uid: u32,
    pub(super) nhid: u32,
    pub(super) cacheinfo: CacheInfo,
    pub(super) sport: u16,
    pub(super) dport: u16,
    pub(super) pref: u8,
    pub(super) ttl_propagate: u8,
    pub(super) ip_proto: u8,
    gateway_size: Gateway,
}

/// What an attribute's size was not.
pub(super) struct Misfit;

/// Where a route's fields come from: filled in ([`Fields`]), or found in its message.
pub(super) trait Source {
    fn header(&self) -> &RouteHeader;
    fn has(&self, number: u16) -> bool;
    /// An attribute of 32 bits.
    fn word(&self, number: u16) -> Option<u32>;
    fn byte(&self, number: u16) -> Option<u8>;
    fn port(&self, number: u16) -> Option<u16>;
    fn cacheinfo(&self) -> Option<CacheInfo>;
    /// An address of the route's family.
    fn ip(&self, number: u16) -> Option<IpAddr>;
    /// Of whatever family.
    fn gateway(&self) -> Option<IpAddr>;
    /// All of them.
    fn fields(&self) -> Fields;
}

impl Fields {
    pub(super) const BLANK: Self = Self {
        header: RouteHeader::EMPTY,
        present: 0,
        dst: [0; 16],
        src: [0; 16],
        gateway: [0; 16],
        prefsrc: [0; 16],
        iif: 0,
        oif: 0,
        priority: 0,
        table: 0,
        mark: 0,
        flow: 0,
        uid: 0,
        nhid: 0,
        cacheinfo: CacheInfo::EMPTY,
        sport: 0,
        dport: 0,
        pref: 0,
        ttl_propagate: 0,
        ip_proto: 0,
        gateway_size: Gateway::None,
    };

    /// Fills blank fields from a message's payload; returns its attributes.
    #[inline(always)]
    pub(super) fn parse<'a>(&mut self, payload: &'a [u8]) -> Result<&'a [u8]> {
        let Some((header, attributes)) = payload.split_first_chunk::<12>() else {
            let kind = DecodeErrorKind::Truncated { needed: 12, have: payload.len() };
            return Err(DecodeError::new(kind, 0));
        };
        self.header = zerocopy::transmute!(*header);
        // One loop a width, so that each compares sizes with constants.
        let outcome = match addr::address_len(self.header.family) {
            Some(4) => self.fill::<4>(attributes),
            Some(_) => self.fill::<16>(attributes),
            None => self.fill::<0>(attributes),
        };
        if let Err(error) = outcome {
            return Err(error.at_base(12));
        }
        if self.present & RARE != 0 {
            ROUTE.validate(attributes, self.header.family).map_err(|error| error.at_base(12))?;
        }
        Ok(attributes)
    }

    /// Most attributes are a word: their size is a constant then, and the next one's place does not wait for it to
    /// be read.
    #[inline(always)]
    fn fill<const WIDTH: usize>(&mut self, attributes: &[u8]) -> Result<()> {
        let mut rest = attributes;
        let mut present = 0;
        loop {
            if let Some((&[l0, l1, t0, t1, a, b, c, d], after)) = rest.split_first_chunk::<8>() {
                let number = u16::from_ne_bytes([t0, t1]);
                if u16::from_ne_bytes([l0, l1]) == 8 && self.word_at::<WIDTH>(number, [a, b, c, d]) {
                    present |= 1 << (number & 31);
                    rest = after;
                    continue;
                }
            }
            if WIDTH == 16 {
                if let Some((&[l0, l1, t0, t1, ref value @ ..], after)) = rest.split_first_chunk::<20>() {
                    let number = u16::from_ne_bytes([t0, t1]);
                    if u16::from_ne_bytes([l0, l1]) == 20 && self.address_at(number, value) {
                        present |= 1 << (number & 31);
                        rest = after;
                        continue;
                    }
                }
            }
            let mut attrs = Attrs::new(rest);
            let Some(attr) = attrs.step() else { break };
            match self.seldom::<WIDTH>(attr.number(), attr.payload) {
                Ok(bits) => present |= bits,
                Err(Misfit) => {
                    let at = attributes.len() - rest.len();
                    return Err(misfit(attr.number(), attr.payload.len(), at));
                }
            }
            rest = rest.get(attrs.offset()..).unwrap_or_default();
        }
        if present & 1 << rta::GATEWAY != 0 {
            if present & 1 << rta::VIA != 0 {
                self.two_gateways(attributes);
            }
            self.gateway_size = if WIDTH == 4 { Gateway::V4 } else { Gateway::V6 };
        }
        self.present = present;
        if rest.is_empty() { Ok(()) } else { Err(fault(rest, attributes.len() - rest.len())) }
    }

    /// A gateway of the route's family goes before one of another; no kernel sends both.
    #[cold]
    fn two_gateways(&mut self, attributes: &[u8]) {
        self.gateway = [0; 16];
        copy(&mut self.gateway, Attrs::new(attributes).last(rta::GATEWAY).unwrap_or_default());
    }

    /// The fields of a message that was decoded before.
    pub(super) fn of(header: &RouteHeader, attributes: &[u8]) -> Self {
        let mut fields = Self { header: *header, ..Self::BLANK };
        // It was free of faults then, and is the same.
        let _ = match addr::address_len(header.family) {
            Some(4) => fields.fill::<4>(attributes),
            Some(_) => fields.fill::<16>(attributes),
            None => fields.fill::<0>(attributes),
        };
        fields
    }

    /// Takes an attribute of four bytes, if it is a field.
    #[inline(always)]
    fn word_at<const WIDTH: usize>(&mut self, number: u16, value: [u8; 4]) -> bool {
        let word = u32::from_ne_bytes(value);
        match number {
            rta::OIF => self.oif = word,
            rta::TABLE => self.table = word,
            rta::PRIORITY => self.priority = word,
            rta::NH_ID => self.nhid = word,
            rta::FLOW => self.flow = word,
            rta::MARK => self.mark = word,
            rta::UID => self.uid = word,
            rta::IIF => self.iif = word,
            rta::DST if WIDTH == 4 => start(&mut self.dst, value),
            rta::GATEWAY if WIDTH == 4 => start(&mut self.gateway, value),
            rta::PREFSRC if WIDTH == 4 => start(&mut self.prefsrc, value),
            rta::SRC if WIDTH == 4 => start(&mut self.src, value),
            _ => return false,
        }
        true
    }

    /// Takes an attribute of sixteen bytes, if it is a field.
    #[inline(always)]
    fn address_at(&mut self, number: u16, value: &[u8; 16]) -> bool {
        match number {
            rta::DST => self.dst = *value,
            rta::GATEWAY => self.gateway = *value,
            rta::PREFSRC => self.prefsrc = *value,
            rta::SRC => self.src = *value,
            _ => return false,
        }
        true
    }

    /// The attributes that are not a word or an address. Returns the bit of presence.
    #[inline(always)]
    fn seldom<const WIDTH: usize>(&mut self, number: u16, value: &[u8]) -> Result<u32, Misfit> {
        let bits = check::<WIDTH>(number, value)?;
        if bits == RARE {
            return Ok(RARE);
        }
        let first = value.first().copied().unwrap_or_default();
        match number {
            rta::PREF => self.pref = first,
            rta::TTL_PROPAGATE => self.ttl_propagate = first,
            rta::IP_PROTO => self.ip_proto = first,
            rta::SPORT => self.sport = u16::from_be_bytes(fixed(value)),
            rta::DPORT => self.dport = u16::from_be_bytes(fixed(value)),
            rta::CACHEINFO => {
                let whole: [u8; 32] = fixed(value);
                self.cacheinfo = zerocopy::transmute!(whole);
            }
            rta::VIA => {
                if let Some((size, address)) = via(value) {
                    self.gateway_size = size;
                    copy(&mut self.gateway, address);
                }
            }
            rta::DST => copy(&mut self.dst, value),
            // Not followed by another attribute, or longer than its word: the kernel takes the first four bytes.
            _ => {
                self.word_at::<WIDTH>(number, fixed(value));
            }
        }
        Ok(bits)
    }

    /// Whether there are attributes that are not fields.
    #[inline]
    pub(super) fn has_rare(&self) -> bool {
        self.present & RARE != 0
    }

    /// The 16 bytes of an address's place.
    #[inline]
    pub(super) fn bytes(&self, number: u16) -> &[u8; 16] {
        match number {
            rta::SRC => &self.src,
            rta::GATEWAY => &self.gateway,
            rta::PREFSRC => &self.prefsrc,
            _ => &self.dst,
        }
    }

    /// Size of the gateway, of whatever family; 0 without one.
    #[inline]
    pub(super) fn gateway_len(&self) -> usize {
        match self.gateway_size {
            Gateway::None => 0,
            Gateway::V4 => 4,
            Gateway::V6 => 16,
        }
    }

    /// The fields without what no comparison looks at.
    pub(super) fn tracked(&self) -> Self {
        let mut fields = Self { cacheinfo: CacheInfo::EMPTY, ..*self };
        fields.present &= !(1 << rta::CACHEINFO | RARE);
        fields
    }
}

impl Source for Fields {
    #[inline]
    fn header(&self) -> &RouteHeader {
        &self.header
    }

    #[inline]
    fn has(&self, number: u16) -> bool {
        self.present & (1 << (number & 31)) != 0
    }

    #[inline]
    fn word(&self, number: u16) -> Option<u32> {
        let value = match number {
            rta::IIF => self.iif,
            rta::OIF => self.oif,
            rta::PRIORITY => self.priority,
            rta::TABLE => self.table,
            rta::MARK => self.mark,
            rta::FLOW => self.flow,
            rta::UID => self.uid,
            rta::NH_ID => self.nhid,
            _ => return None,
        };
        self.has(number).then_some(value)
    }

    #[inline]
    fn byte(&self, number: u16) -> Option<u8> {
        let value = match number {
            rta::PREF => self.pref,
            rta::TTL_PROPAGATE => self.ttl_propagate,
            rta::IP_PROTO => self.ip_proto,
            _ => return None,
        };
        self.has(number).then_some(value)
    }

    #[inline]
    fn port(&self, number: u16) -> Option<u16> {
        let value = if number == rta::SPORT { self.sport } else { self.dport };
        self.has(number).then_some(value)
    }

    #[inline]
    fn cacheinfo(&self) -> Option<CacheInfo> {
        self.has(rta::CACHEINFO).then_some(self.cacheinfo)
    }

    #[inline]
    fn ip(&self, number: u16) -> Option<IpAddr> {
        let width = addr::address_len(self.header.family)?;
        if self.has(number) { addr::ip(self.bytes(number).get(..width)?) } else { None }
    }

    #[inline]
    fn gateway(&self) -> Option<IpAddr> {
        addr::ip(self.gateway.get(..self.gateway_len())?)
    }

    #[inline]
    fn fields(&self) -> Fields {
        *self
    }
}

/// Writes an IPv4 address into the place of an address.
#[inline(always)]
fn start(place: &mut [u8; 16], value: [u8; 4]) {
    if let Some(first) = place.first_chunk_mut::<4>() {
        *first = value;
    }
}

fn copy(place: &mut [u8; 16], value: &[u8]) {
    place.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
}

pub(super) const fn is_word(number: u16) -> bool {
    matches!(
        number,
        rta::IIF | rta::OIF | rta::PRIORITY | rta::TABLE | rta::MARK | rta::FLOW | rta::UID | rta::NH_ID
    )
}

/// The fault in bytes that are no attribute.
#[cold]
pub(super) fn fault(rest: &[u8], at: usize) -> DecodeError {
    let fault = Attrs::new(rest).fault();
    fault.unwrap_or_else(|| DecodeError::new(DecodeErrorKind::Trailing(rest.len()), 0)).at_base(at)
}

/// Checks the size of an attribute that is not a word or an address, or not one of the usual size. Returns its bit, or
/// [`RARE`] when it is no field.
#[inline(always)]
pub(super) fn check<const WIDTH: usize>(number: u16, value: &[u8]) -> Result<u32, Misfit> {
    let least = match number {
        rta::PREF | rta::TTL_PROPAGATE | rta::IP_PROTO => 1,
        rta::SPORT | rta::DPORT => 2,
        rta::CACHEINFO => 32,
        rta::VIA if value.len() >= 2 && via(value).is_none() => return Ok(RARE),
        rta::VIA => 2,
        rta::DST if WIDTH == 0 && value.len() == 4 => 4,
        // A family without IP addresses: kept as bytes.
        rta::DST | rta::SRC | rta::GATEWAY | rta::PREFSRC if WIDTH == 0 => return Ok(RARE),
        rta::DST | rta::SRC | rta::GATEWAY | rta::PREFSRC => return Err(Misfit),
        _ if is_word(number) => 4,
        _ => return Ok(RARE),
    };
    if value.len() < least { Err(Misfit) } else { Ok(1 << (number & 31)) }
}

/// The gateway in a `struct rtvia`: its family and address.
pub(super) fn via(value: &[u8]) -> Option<(Gateway, &[u8])> {
    let (family, address) = value.split_first_chunk::<2>()?;
    Some((via_len(u16::from_ne_bytes(*family), address.len())?, address))
}

/// The gateway in a `struct rtvia`; `None` when it is of another family than IPv4 and IPv6.
fn via_len(family: u16, length: usize) -> Option<Gateway> {
    match length {
        4 if family == u16::from(family::INET) => Some(Gateway::V4),
        16 if family == u16::from(family::INET6) => Some(Gateway::V6),
        _ => None,
    }
}

/// Whether an attribute is one of the fields: not kept a second time among the rare ones.
pub(super) fn is_field(attr: &Attr<'_>, width: usize) -> bool {
    match attr.number() {
        rta::DST => width != 0 || attr.payload.len() == 4,
        rta::SRC | rta::GATEWAY | rta::PREFSRC => width != 0,
        rta::VIA => {
            via_len(u16::from_ne_bytes(fixed(attr.payload)), attr.payload.len().wrapping_sub(2)).is_some()
        }
        rta::CACHEINFO | rta::PREF | rta::TTL_PROPAGATE | rta::IP_PROTO | rta::SPORT | rta::DPORT => true,
        number => is_word(number),
    }
}

#[cold]
pub(super) fn misfit(number: u16, have: usize, at: usize) -> DecodeError {
    let expected = match number {
        rta::DST | rta::SRC | rta::GATEWAY | rta::PREFSRC => "an address of the route's family",
        rta::SPORT | rta::DPORT => "2",
        rta::PREF | rta::TTL_PROPAGATE | rta::IP_PROTO => "1",
        rta::CACHEINFO => "a structure of 32",
        rta::VIA => "at least 2",
        _ => "4",
    };
    DecodeError::new(DecodeErrorKind::BadSize { expected, have }, at + HEADER_LEN).inside(ROUTE.step(number))
}

/// Time until a route expires, `USER_HZ`; 0 is never.
pub(super) fn expires_of(info: &CacheInfo) -> u32 {
    u32_of(&info.expires)
}
