//! The only cursor: every read of kernel bytes that are not yet validated is checked here.
//!
//! Nothing in here panics, whatever the bytes: a read past the end is [`DecodeErrorKind::Truncated`].
//! Integers are in the machine's byte order unless their name says otherwise, as netlink has it.

use crate::error::{DecodeError, DecodeErrorKind, Result};

/// A checked cursor over a byte slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

macro_rules! integers {
    ($($(#[$doc:meta])* $name:ident -> $ty:ty, $from:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self) -> Result<$ty> {
            Ok(<$ty>::$from(*self.array()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Bytes read so far.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `Truncated` when there are fewer.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else { return Err(self.short(count)) };
        self.rest = rest;
        self.offset += count;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// `Truncated` when there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.short(N)) };
        self.rest = rest;
        self.offset += N;
        Ok(head)
    }

    integers! {
        /// One byte.
        u8 -> u8, from_ne_bytes;
        /// Two bytes, the machine's order.
        u16 -> u16, from_ne_bytes;
        /// Four bytes, the machine's order.
        u32 -> u32, from_ne_bytes;
        /// Eight bytes, the machine's order.
        u64 -> u64, from_ne_bytes;
        /// Four bytes, signed, the machine's order.
        i32 -> i32, from_ne_bytes;
        /// Two bytes, network order.
        be16 -> u16, from_be_bytes;
        /// Four bytes, network order.
        be32 -> u32, from_be_bytes;
    }

    #[cold]
    fn short(&self, needed: usize) -> DecodeError {
        DecodeError::new(DecodeErrorKind::Truncated { needed, have: self.rest.len() }, self.offset)
    }
}

/// The first `N` bytes, or zeros where `bytes` is shorter: for payloads whose size was validated before.
#[inline]
#[must_use]
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk::<N>().copied().unwrap_or([0; N])
}

/// A validated payload as `u32` in the machine's order; 0 where it is shorter.
#[inline]
#[must_use]
pub(crate) fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes(fixed(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_says_where() {
        let mut reader = Reader::new(&[1, 0, 2]);
        assert_eq!(reader.u16(), Ok(u16::from_ne_bytes([1, 0])));
        let error = reader.u32().unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Truncated { needed: 4, have: 1 });
        assert_eq!(error.offset(), 2);
        assert_eq!(reader.u8(), Ok(2));
        assert!(reader.is_empty());
    }
}
