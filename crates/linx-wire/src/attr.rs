//! Netlink attributes (`struct nlattr`, <linux/netlink.h>): a checked iterator over type-length-value lists.
//!
//! The nested flag is not trusted (nf_tables does not set it): what is nested is what the policy says is.

use crate::error::{DecodeError, DecodeErrorKind, Result};

/// Size of an attribute's header, bytes (`NLA_HDRLEN`).
pub const HEADER_LEN: usize = 4;
/// Deepest nesting that a decoder follows. The deepest that a 6.18 kernel sends is 6 (link `AF_SPEC`, nested twice,
/// inside a bridge port's data), nf_tables 8.
pub const MAX_DEPTH: usize = 12;
/// `NLA_F_NESTED`
pub const NESTED: u16 = 0x8000;
/// `NLA_F_NET_BYTEORDER`
pub const NET_BYTEORDER: u16 = 0x4000;
/// Bits of the type field that are the attribute's number (`NLA_TYPE_MASK`).
pub const TYPE_MASK: u16 = 0x3fff;

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// The type field as sent, flag bits included.
    pub raw_type: u16,
    /// The value without padding.
    pub payload: &'a [u8],
}

impl Attr<'_> {
    /// The attribute's number, flag bits removed.
    #[inline]
    #[must_use]
    pub fn number(&self) -> u16 {
        self.raw_type & TYPE_MASK
    }
}

/// Iterator over the attributes in a byte slice; ends after the first error.
#[derive(Clone, Copy, Debug)]
pub struct Attrs<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Attrs<'a> {
    /// The attributes that `bytes` consists of.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, whole: bytes.len() }
    }

    /// Bytes from the start to the attribute that comes next.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        self.whole - self.rest.len()
    }

    /// The next attribute; `None` at the end, and at bytes that are no attribute.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<Attr<'a>> {
        let &[l0, l1, t0, t1] = self.rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let payload = self.rest.get(HEADER_LEN..length)?;
        self.rest = self.rest.get((length + 3) & !3..).unwrap_or(&[]);
        Some(Attr { raw_type: u16::from_ne_bytes([t0, t1]), payload })
    }

    /// The fault that ended [`Attrs::step`], if it was one.
    #[inline]
    pub(crate) fn fault(&self) -> Option<DecodeError> {
        if self.rest.is_empty() { None } else { Some(self.fault_here()) }
    }

    #[cold]
    fn fault_here(&self) -> DecodeError {
        let have = self.rest.len();
        let kind = match self.rest.first_chunk::<4>() {
            None => DecodeErrorKind::Trailing(have),
            Some(&[l0, l1, ..]) => {
                DecodeErrorKind::BadLength { length: usize::from(u16::from_ne_bytes([l0, l1])), have }
            }
        };
        DecodeError::new(kind, self.offset())
    }

    /// The last attribute with this number, of bytes that were validated: as in the kernel's own parser
    /// (`nla_parse`), a later one replaces an earlier one.
    #[inline]
    pub(crate) fn last(mut self, number: u16) -> Option<&'a [u8]> {
        let mut found = None;
        while let Some(attr) = self.step() {
            if attr.number() == number {
                found = Some(attr.payload);
            }
        }
        found
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(attr) = self.step() {
            return Some(Ok(attr));
        }
        let fault = self.fault()?;
        self.whole = self.offset();
        self.rest = &[];
        Some(Err(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_skipped_and_may_be_missing_at_the_end() {
        let bytes = [5u8, 0, 1, 0, 7, 0, 0, 0, 6, 0, 2, 0x80, 1, 2];
        let attrs: Vec<_> = Attrs::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(attrs.len(), 2);
        assert_eq!(attrs[0].payload, [7]);
        assert_eq!((attrs[1].number(), attrs[1].payload), (2, &[1u8, 2][..]));
    }

    #[test]
    fn each_fault_ends_the_iteration_with_its_offset() {
        for (bytes, offset) in [
            (&[3u8, 0, 1, 0][..], 0),           // shorter than its header
            (&[9, 0, 1, 0, 0, 0, 0, 0][..], 0), // longer than what encloses it
            (&[4, 0, 1, 0, 4, 0][..], 4),       // trailing
        ] {
            let mut attrs = Attrs::new(bytes);
            let error = attrs.find_map(Result::err).unwrap();
            assert_eq!(error.offset(), offset, "{bytes:?}");
            assert!(attrs.next().is_none());
        }
    }
}
