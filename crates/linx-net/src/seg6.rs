//! Segment routing headers inside encapsulations (`struct ipv6_sr_hdr`, <linux/seg6.h>, RFC 8754).

use std::net::Ipv6Addr;

/// Size of the fixed part, bytes.
const FIXED: usize = 8;

/// A segment routing header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    flags: u8,
    segments: &'a [u8],
    rest: &'a [u8],
}

/// `struct seg6_iptunnel_encap`: the mode, then the header.
pub(crate) fn with_mode(payload: &[u8]) -> Option<(u32, &[u8])> {
    let (mode, header) = payload.split_first_chunk()?;
    Some((u32::from_ne_bytes(*mode), header))
}

impl<'a> Header<'a> {
    /// Reads a header; `None` when it is shorter than it says.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[_, _, _, _, last, flags, ..], rest) = bytes.split_first_chunk::<FIXED>()?;
        let count = usize::from(last) + 1;
        let (segments, rest) = rest.split_at_checked(count * 16)?;
        Some(Self { flags, segments, rest })
    }

    /// The segments in the order of travel: the header has them the other way round.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Ipv6Addr> + use<'a> {
        self.segments
            .chunks_exact(16)
            .rev()
            .filter_map(|segment| Some(Ipv6Addr::from(*segment.first_chunk::<16>()?)))
    }

    /// Id of the key of its HMAC TLV (`SR6_FLAG1_HMAC`).
    pub(crate) fn hmac(&self) -> Option<u32> {
        const HMAC: u8 = 1 << 3;
        let key = self.rest.get(4..8)?.first_chunk()?;
        (self.flags & HMAC != 0).then(|| u32::from_be_bytes(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_in_the_order_of_travel() {
        let mut bytes = vec![0, 4, 4, 1, 1, 8, 0, 0];
        bytes.extend([2; 16]);
        bytes.extend([1; 16]);
        bytes.extend([5, 38, 0, 0, 0, 0, 0, 42]);
        let header = Header::parse(&bytes).unwrap();
        let words: Vec<_> = header.segments().map(|segment| segment.segments()[0]).collect();
        assert_eq!((words, header.hmac()), (vec![0x0101, 0x0202], Some(42)));
        assert!(Header::parse(&bytes[..39]).is_none());
    }
}
