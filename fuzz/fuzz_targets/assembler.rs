//! Sequences of what may happen to the assembler of nf_tables' transactions: nothing panics; what is complete is of one
//! generation and one committer, whom its end names; what is not is followed by a loss; losses that were told make sure.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use linx::monitor::Origin;
use linx::nft::{Assembler, Event, GenerationRef, GenerationView, Outlet, Transaction};
use linx_wire::DecodeError;
use linx_wire::header::{Message, Messages};
use linx_wire::uapi::nft;

/// Checks what is told as it is told.
#[derive(Default)]
struct Out {
    /// The last end that was passed in: generation, port id, thread.
    end: Option<(u32, u32, Option<u32>)>,
    parts: Vec<u8>,
    next_part: u32,
    /// An incomplete one was told, and no loss since.
    owed: bool,
    /// Something was lost, and that was not told yet.
    doubt: bool,
    /// The last that was told since a loss, complete or not.
    generation: Option<u32>,
}

impl Outlet for Out {
    fn transaction(&mut self, told: Transaction) {
        assert_eq!(told.part, self.next_part + 1);
        assert!(!(told.complete && (self.owed || self.doubt)), "{told:?}");
        self.parts.extend_from_slice(told.changes.as_bytes());
        if !told.is_last {
            assert!(told.process.tid.is_none() && told.process.comm.is_none());
            self.next_part = told.part;
            return;
        }
        self.next_part = 0;
        let parts = std::mem::take(&mut self.parts);
        let last = told.generation.and_then(|id| self.generation.replace(id));
        if !told.complete {
            self.owed = true;
            return;
        }
        let (id, portid, tid) = self.end.expect("an end");
        assert_eq!(told.generation, Some(id));
        assert_eq!((told.process.portid, told.process.tid), (Some(portid), tid));
        for change in Messages::new(&parts).map(Result::unwrap) {
            assert_eq!(change.header.portid, portid);
            assert_eq!(change.payload[2..4], (id as u16).to_be_bytes());
        }
        assert!(id != 0 && last != Some(id), "{told:?} after {last:?}");
    }

    fn event(&mut self, event: Event) {
        assert!(event.generation.is_none());
    }

    fn gap(&mut self) {
        self.owed = false;
    }

    fn undecodable(&mut self, _: &[u8], _: DecodeError) {
        self.owed = false;
    }

    fn unknown(&mut self, message: &Message<'_>, _: Origin) {
        assert!(message.header.message_type != nft::NEWGEN);
    }
}

/// A message whose body is a table's name, or what the input says.
fn message(kind: u16, portid: u32, seq: u32, low: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = (20 + attributes.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(portid.to_ne_bytes());
    bytes.extend([1, 0]);
    bytes.extend(low.to_be_bytes());
    bytes.extend_from_slice(attributes);
    bytes
}

fn feed(assembler: &mut Assembler, datagram: &[u8], out: &mut Out) {
    let origin = Origin::new(1, None, SystemTime::UNIX_EPOCH);
    for found in Messages::new(datagram) {
        match found {
            Ok(found) => {
                if found.header.message_type == nft::NEWGEN {
                    let end = GenerationRef::decode(found.payload).and_then(|end| Ok((end.number()?, end)));
                    if let Ok((id, end)) = end {
                        out.end = Some((id, found.header.portid, end.thread_id()));
                    }
                }
                if let Err(error) = assembler.message(&found, origin, out) {
                    assembler.undecodable(found.bytes, error, out);
                }
            }
            Err(error) => assembler.undecodable(datagram, error, out),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    // The captures among the seeds are longer than any sequence needs to be.
    let data = data.get(..1024).unwrap_or(data);
    let Some((&[limit, start, since], mut rest)) = data.split_first_chunk::<3>() else { return };
    let limit = if limit == 0 { usize::MAX } else { usize::from(limit) * 4 };
    // Near the places where numbers wrap, or not.
    let mut now = [1, 65_530, 0x7fff_fffa, u32::MAX - 5][usize::from(start) % 4];
    let mut assembler = Assembler::new(limit, (since > 0).then_some(u32::from(since)));
    let mut out = Out::default();
    while let Some((&[op, a, b], after)) = rest.split_first_chunk::<3>() {
        rest = after;
        let (portid, seq) = (u32::from(a % 4), u32::from(b % 2));
        match op % 16 {
            0..=5 => {
                let name = [6, 0, 1, 0, b'a' + b % 16, 0, 0, 0];
                let low = if b < 200 { now.wrapping_add(1) } else { now.wrapping_add(u32::from(b)) };
                feed(&mut assembler, &message(nft::NEWTABLE, portid, seq, low as u16, &name), &mut out);
            }
            6..=8 => {
                now = if b < 200 {
                    linx::nft::next_generation(now)
                } else {
                    now.wrapping_add(u32::from(b) << 9)
                };
                let mut attributes = vec![8, 0, 1, 0];
                attributes.extend(now.to_be_bytes());
                attributes.extend([8, 0, 2, 0, 0, 0, 0, a]);
                feed(&mut assembler, &message(nft::NEWGEN, portid, seq, now as u16, &attributes), &mut out);
            }
            9 => {
                // Any bytes, as a message of any type.
                let (body, after) = rest.split_at(usize::from(b).min(rest.len()));
                rest = after;
                let kind = (u16::from(a) % 48) | (10 << 8);
                feed(&mut assembler, &message(kind, portid, seq, now as u16, body), &mut out);
            }
            10 => {
                // Not even a message.
                let (body, after) = rest.split_at(usize::from(b).min(rest.len()));
                rest = after;
                feed(&mut assembler, body, &mut out);
            }
            11 => {
                assembler.doubt();
                out.doubt = true;
            }
            12 => {
                assembler.lost(&mut out);
                (out.owed, out.doubt, out.generation) = (false, false, None);
            }
            13 => {
                assembler.lost(&mut out);
                (out.owed, out.doubt, out.generation) = (false, false, None);
                assembler.placed(Some(now), &mut out);
            }
            14 => assembler.placed((b > 50).then_some(now.wrapping_sub(u32::from(a % 3)).max(1)), &mut out),
            _ => {
                let answer = (b > 50).then_some(now);
                assembler.placed(answer, &mut out);
            }
        }
    }
    if !out.doubt {
        assembler.lost(&mut out);
    }
});
