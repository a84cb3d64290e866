//! Building messages: lengths are patched backwards, padding is zeros.

use zerocopy::{Immutable, IntoBytes};

use crate::attr::NESTED;
use crate::header::{HEADER_LEN, MessageFlags};

/// A message, or a part of one, could not be built: an attribute's value is longer than its 16-bit length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute} is {length} bytes long; an attribute holds at most 65531")]
pub struct TooLong {
    /// The attribute's number.
    pub attribute: u16,
    /// The length asked for, bytes.
    pub length: usize,
}

/// A request being built.
///
/// ```
/// use linx_wire::{emit::Request, header::MessageFlags};
///
/// let request = Request::new(18, MessageFlags::DUMP).body(&[0u8; 16]).attribute_u32(29, 1);
/// let bytes = request.finish(7, 0)?;
/// assert_eq!(bytes.len(), 16 + 16 + 8);
/// # Ok::<(), linx_wire::emit::TooLong>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Request {
    bytes: Vec<u8>,
    fault: Option<TooLong>,
}

impl Request {
    /// An empty message of this type; `NLM_F_REQUEST` is added.
    pub fn new(message_type: u16, flags: MessageFlags) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&message_type.to_ne_bytes());
        bytes.extend_from_slice(&(flags | MessageFlags::REQUEST).bits().to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, fault: None }
    }

    /// Asks for an acknowledgement (`NLM_F_ACK`).
    pub fn acknowledged(mut self) -> Self {
        let flags = (self.flags() | MessageFlags::ACK).bits().to_ne_bytes();
        if let Some(place) = self.bytes.get_mut(6..8) {
            place.copy_from_slice(&flags);
        }
        self
    }

    /// Appends the fixed part of the message.
    pub fn body<T: IntoBytes + Immutable + ?Sized>(mut self, body: &T) -> Self {
        self.bytes.extend_from_slice(body.as_bytes());
        self.pad();
        self
    }

    /// Appends an attribute.
    pub fn attribute(mut self, number: u16, value: &[u8]) -> Self {
        let start = self.open(number);
        self.bytes.extend_from_slice(value);
        self.close(start, number);
        self
    }

    /// Appends an attribute of 8 bits.
    pub fn attribute_u8(self, number: u16, value: u8) -> Self {
        self.attribute(number, &[value])
    }

    /// Appends an attribute of 32 bits in the machine's byte order.
    pub fn attribute_u32(self, number: u16, value: u32) -> Self {
        self.attribute(number, &value.to_ne_bytes())
    }

    /// Appends an attribute of 16 bits in network byte order.
    pub fn attribute_be16(self, number: u16, value: u16) -> Self {
        self.attribute(number, &value.to_be_bytes())
    }

    /// Appends an attribute of 32 bits in network byte order.
    pub fn attribute_be32(self, number: u16, value: u32) -> Self {
        self.attribute(number, &value.to_be_bytes())
    }

    /// Appends an attribute of 64 bits in network byte order.
    pub fn attribute_be64(self, number: u16, value: u64) -> Self {
        self.attribute(number, &value.to_be_bytes())
    }

    /// Appends a NUL-terminated string.
    pub fn attribute_name(mut self, number: u16, value: &[u8]) -> Self {
        let start = self.open(number);
        self.bytes.extend_from_slice(value);
        self.bytes.push(0);
        self.close(start, number);
        self
    }

    /// Appends a nested attribute, flagged as such, whose content `build` appends.
    pub fn nested(mut self, number: u16, build: impl FnOnce(Self) -> Self) -> Self {
        let start = self.open(number | NESTED);
        self = build(self);
        self.close(start, number);
        self
    }

    /// Appends a nested attribute without the flag that says so, as nf_tables sends its own.
    pub fn nest(mut self, number: u16, build: impl FnOnce(Self) -> Self) -> Self {
        let start = self.open(number);
        self = build(self);
        self.close(start, number);
        self
    }

    /// Appends attributes that are complete already, padding included.
    pub fn raw(mut self, attributes: &[u8]) -> Self {
        self.bytes.extend_from_slice(attributes);
        self.pad();
        self
    }

    /// The finished message.
    ///
    /// # Errors
    /// [`TooLong`] when an attribute was.
    pub fn finish(mut self, seq: u32, portid: u32) -> Result<Vec<u8>, TooLong> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        for (at, value) in [(0, length), (8, seq), (12, portid)] {
            patch(&mut self.bytes, at, &value.to_ne_bytes());
        }
        Ok(self.bytes)
    }

    /// The message's type.
    #[must_use]
    pub fn message_type(&self) -> u16 {
        self.bytes.get(4..6).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_ne_bytes(*b))
    }

    /// The message's flags.
    #[must_use]
    pub fn flags(&self) -> MessageFlags {
        let bits = self.bytes.get(6..8).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_ne_bytes(*b));
        MessageFlags::from_bits_retain(bits)
    }

    /// What follows the header so far.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    fn open(&mut self, raw_type: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&raw_type.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize, attribute: u16) {
        let length = self.bytes.len() - start;
        match u16::try_from(length) {
            Ok(length) => patch(&mut self.bytes, start, &length.to_ne_bytes()),
            Err(_) => self.fault = Some(TooLong { attribute, length }),
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

fn patch(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attr::Attrs, header::Messages};

    #[test]
    fn nested_lengths_are_patched_and_padding_is_zero() {
        let bytes = Request::new(16, MessageFlags::ACK)
            .body(&[1u8, 2, 3])
            .nested(18, |nest| nest.attribute_name(1, b"veth").nested(2, |data| data.attribute_u8(1, 9)))
            .finish(5, 77)
            .unwrap();
        let message = Messages::new(&bytes).next().unwrap().unwrap();
        assert_eq!((message.header.seq, message.header.portid), (5, 77));
        assert_eq!(message.header.flags, MessageFlags::ACK | MessageFlags::REQUEST);
        let outer = Attrs::new(&message.payload[4..]).next().unwrap().unwrap();
        assert_eq!(outer.number(), 18);
        let inner: Vec<_> = Attrs::new(outer.payload).map(Result::unwrap).collect();
        assert_eq!(inner[0].payload, b"veth\0");
        assert_eq!(Attrs::new(inner[1].payload).next().unwrap().unwrap().payload, [9]);
    }

    #[test]
    fn a_value_too_long_for_its_length_field_is_an_error() {
        let error =
            Request::new(1, MessageFlags::empty()).attribute(3, &[0; 65_532]).finish(1, 0).unwrap_err();
        assert_eq!(error, TooLong { attribute: 3, length: 65_536 });
    }
}
