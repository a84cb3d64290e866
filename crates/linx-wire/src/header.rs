//! Message framing (`struct nlmsghdr`, `struct nlmsgerr`, <linux/netlink.h>).

use crate::attr::Attrs;
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::reader::Reader;

/// Size of a message header, bytes (`NLMSG_HDRLEN`).
pub const HEADER_LEN: usize = 16;

/// Message types below [`control::MIN_TYPE`] are netlink's own.
pub mod control {
    /// `NLMSG_NOOP`
    pub const NOOP: u16 = 1;
    /// `NLMSG_ERROR`: an acknowledgement when its error is 0
    pub const ERROR: u16 = 2;
    /// `NLMSG_DONE`: the end of a multipart answer
    pub const DONE: u16 = 3;
    /// `NLMSG_OVERRUN`
    pub const OVERRUN: u16 = 4;
    /// `NLMSG_MIN_TYPE`
    pub const MIN_TYPE: u16 = 16;
}

bitflags::bitflags! {
    /// `nlmsg_flags`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MessageFlags: u16 {
        /// `NLM_F_REQUEST`
        const REQUEST = 0x1;
        /// `NLM_F_MULTI`
        const MULTI = 0x2;
        /// `NLM_F_ACK`
        const ACK = 0x4;
        /// `NLM_F_ECHO`
        const ECHO = 0x8;
        /// `NLM_F_DUMP_INTR`: the dump is torn
        const DUMP_INTR = 0x10;
        /// `NLM_F_DUMP_FILTERED`
        const DUMP_FILTERED = 0x20;
        /// `NLM_F_ROOT`; with `NEW`: `NLM_F_REPLACE`
        const ROOT = 0x100;
        /// `NLM_F_MATCH`; with `NEW`: `NLM_F_EXCL`
        const MATCH = 0x200;
        /// `NLM_F_ATOMIC`; with `NEW`: `NLM_F_CREATE`
        const ATOMIC = 0x400;
        /// `NLM_F_APPEND`
        const APPEND = 0x800;
        /// `NLM_F_DUMP`
        const DUMP = 0x300;
        /// `NLM_F_REPLACE`, of what makes something: it took the place of what was there
        const REPLACE = 0x100;
        const _ = !0;
    }
}

/// `struct nlmsghdr`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MessageHeader {
    /// Length of the message with this header, bytes.
    pub length: u32,
    /// Message type (`RTM_*`, `NLMSG_*`).
    pub message_type: u16,
    /// `NLM_F_*`
    pub flags: MessageFlags,
    /// Sequence number of the request that this answers.
    pub seq: u32,
    /// Port id: of the asker in an answer, of the requester in most notifications, 0 for the kernel's own acts.
    pub portid: u32,
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its header.
    pub header: MessageHeader,
    /// What follows the header, without padding.
    pub payload: &'a [u8],
    /// The whole message, header included, without padding.
    pub bytes: &'a [u8],
}

/// Iterator over the messages of a datagram; ends after the first error.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Messages<'a> {
    /// The messages that `datagram` consists of.
    #[inline]
    #[must_use]
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, whole: datagram.len() }
    }

    #[inline]
    fn parse(&mut self) -> Result<Message<'a>> {
        let offset = self.whole - self.rest.len();
        let mut reader = Reader::new(self.rest);
        let header = MessageHeader::read(&mut reader).map_err(|error| error.at_base(offset))?;
        let length = header.length as usize;
        let (Some(bytes), Some(payload)) = (self.rest.get(..length), self.rest.get(HEADER_LEN..length))
        else {
            let kind = DecodeErrorKind::BadLength { length, have: self.rest.len() };
            return Err(DecodeError::new(kind, offset));
        };
        self.rest = length.checked_add(3).and_then(|end| self.rest.get(end & !3..)).unwrap_or(&[]);
        Ok(Message { header, payload, bytes })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.parse();
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

impl MessageHeader {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let &[l0, l1, l2, l3, t0, t1, f0, f1, s0, s1, s2, s3, p0, p1, p2, p3] =
            reader.array::<HEADER_LEN>()?;
        Ok(Self {
            length: u32::from_ne_bytes([l0, l1, l2, l3]),
            message_type: u16::from_ne_bytes([t0, t1]),
            flags: MessageFlags::from_bits_retain(u16::from_ne_bytes([f0, f1])),
            seq: u32::from_ne_bytes([s0, s1, s2, s3]),
            portid: u32::from_ne_bytes([p0, p1, p2, p3]),
        })
    }
}

/// What `NLMSG_ERROR` and `NLMSG_DONE` say (`struct nlmsgerr` and `NLMSGERR_ATTR_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ack<'a> {
    /// Positive errno; 0 is success.
    pub errno: i32,
    /// The kernel's text (`NLMSGERR_ATTR_MSG`), without its NUL.
    pub message: Option<&'a [u8]>,
    /// Offset into the request, header included, of what the kernel refuses (`NLMSGERR_ATTR_OFFS`), bytes.
    pub offset: Option<u32>,
    /// Type of the attribute that is missing (`NLMSGERR_ATTR_MISS_TYPE`).
    pub missing_type: Option<u32>,
}

/// `NLM_F_CAPPED`: the request is not repeated in the acknowledgement.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow.
const ACK_TLVS: u16 = 0x200;

impl<'a> Ack<'a> {
    /// Reads `NLMSG_ERROR` or `NLMSG_DONE`.
    ///
    /// # Errors
    /// `Truncated` when there is no error number. Attributes that cannot be read are left out: the error matters more.
    pub fn decode(message: &Message<'a>) -> Result<Self> {
        let mut reader = Reader::new(message.payload);
        if message.header.message_type == control::DONE && message.payload.is_empty() {
            return Ok(Self::default());
        }
        let errno = reader.i32()?.saturating_neg();
        let mut ack = Self { errno, ..Self::default() };
        let flags = message.header.flags.bits();
        if flags & ACK_TLVS == 0 {
            return Ok(ack);
        }
        if message.header.message_type == control::ERROR {
            let request = MessageHeader::read(&mut reader)?;
            if flags & CAPPED == 0 {
                let body = (request.length as usize).saturating_sub(HEADER_LEN);
                reader.bytes(body.saturating_add(3) & !3)?;
            }
        }
        for attr in Attrs::new(reader.rest()).map_while(Result::ok) {
            match attr.number() {
                1 => ack.message = Some(attr.payload.split(|byte| *byte == 0).next().unwrap_or_default()),
                2 => ack.offset = attr.payload.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)),
                5 => ack.missing_type = attr.payload.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)),
                _ => {}
            }
        }
        Ok(ack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_datagram_is_an_error_and_ends_it() {
        let mut datagram = vec![0u8; 16];
        datagram[0] = 20;
        let mut messages = Messages::new(&datagram);
        let error = messages.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::BadLength { length: 20, have: 16 });
        assert!(messages.next().is_none());
        datagram[0] = 15;
        assert!(Messages::new(&datagram).next().unwrap().is_err());
    }

    #[test]
    fn an_extended_acknowledgement_keeps_text_and_offset() {
        let mut bytes = Vec::new();
        bytes.extend(56u32.to_ne_bytes());
        bytes.extend(control::ERROR.to_ne_bytes());
        bytes.extend((CAPPED | ACK_TLVS).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend((-22i32).to_ne_bytes());
        bytes.extend([0; 16]);
        bytes.extend([7, 0, 1, 0, b'n', b'o', 0, 0, 8, 0, 2, 0]);
        bytes.extend(36u32.to_ne_bytes());
        bytes.truncate(56);
        bytes.resize(56, 0);
        let message = Messages::new(&bytes).next().unwrap().unwrap();
        let ack = Ack::decode(&message).unwrap();
        assert_eq!((ack.errno, ack.message, ack.offset), (22, Some(&b"no"[..]), Some(36)));
    }
}
