//! A transaction (<linux/netfilter/nfnetlink.h>): requests between a begin and an end, in one datagram. All of them come
//! about, or none.

use super::header::NfGenMsg;
use crate::emit::{Request, TooLong};
use crate::header::MessageFlags;
use crate::uapi::{nfnl, nft};

/// `NFNL_BATCH_GENID`
const GENERATION: u16 = 1;

/// A transaction being built.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    next: u32,
    portid: u32,
}

impl Batch {
    /// An empty transaction whose messages are numbered from `seq`. With a generation, the kernel refuses it with
    /// `ERESTART` when another one came meanwhile.
    ///
    /// # Errors
    /// None: what is in it is short enough.
    pub fn new(seq: u32, portid: u32, generation: Option<u32>) -> Result<Self, TooLong> {
        let mut batch = Self { bytes: Vec::new(), next: seq, portid };
        let begin = bound(nfnl::BATCH_BEGIN);
        batch.push(match generation {
            Some(generation) => begin.attribute_be32(GENERATION, generation),
            None => begin,
        })?;
        Ok(batch)
    }

    /// Appends a request. Returns its number, which its acknowledgement or error carries.
    ///
    /// # Errors
    /// [`TooLong`] when an attribute of it was; the transaction is then as it was before.
    pub fn push(&mut self, request: Request) -> Result<u32, TooLong> {
        let seq = self.next;
        self.bytes.extend(request.finish(seq, self.portid)?);
        self.next = self.next.checked_add(1).unwrap_or(1);
        Ok(seq)
    }

    /// The finished datagram.
    ///
    /// # Errors
    /// None: what is appended is short enough.
    pub fn finish(mut self) -> Result<Vec<u8>, TooLong> {
        self.push(bound(nfnl::BATCH_END))?;
        Ok(self.bytes)
    }
}

fn bound(message_type: u16) -> Request {
    let header = NfGenMsg { res_id: nft::SUBSYSTEM.into(), ..NfGenMsg::new(0) };
    Request::new(message_type, MessageFlags::empty()).body(&header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Messages;
    use crate::nft::{Nest, TABLE};

    #[test]
    fn a_batch_is_one_datagram_with_a_begin_and_an_end() {
        let mut batch = Batch::new(u32::MAX, 7, Some(5)).unwrap();
        let table = Nest::new(&TABLE).set("name", "t").request(nft::NEWTABLE, MessageFlags::ACK, 2).unwrap();
        assert_eq!(batch.push(table).unwrap(), 1);
        let bytes = batch.finish().unwrap();
        let messages: Vec<_> = Messages::new(&bytes).map(Result::unwrap).collect();
        let kinds: Vec<_> = messages.iter().map(|m| (m.header.message_type, m.header.seq)).collect();
        assert_eq!(kinds, [(16, u32::MAX), (nft::NEWTABLE, 1), (17, 2)]);
        assert_eq!(messages[0].payload, [0, 0, 0, 10, 8, 0, 1, 0, 0, 0, 0, 5]);
    }
}
