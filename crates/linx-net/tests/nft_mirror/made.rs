//! Commits that no kernel made.

use std::time::SystemTime;

use linx::DecodeError;
use linx::monitor::Origin;
use linx::nft::{Assembler, Event, LIMIT, Outlet, Transaction};
use linx_wire::header::{Message, Messages};
use linx_wire::nft::Nest;
use linx_wire::uapi::nft as number;

/// A message, as the kernel sends it.
pub(crate) fn message(
    message_type: u16,
    flags: u16,
    family: u8,
    generation: u32,
    attributes: &[u8],
) -> Vec<u8> {
    let mut bytes = (attributes.len() as u32 + 20).to_ne_bytes().to_vec();
    bytes.extend(message_type.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(99u32.to_ne_bytes());
    bytes.extend([family, 0]);
    bytes.extend((generation as u16).to_be_bytes());
    bytes.extend_from_slice(attributes);
    bytes
}

pub(crate) fn change(message_type: u16, flags: u16, generation: u32, nest: Nest) -> Vec<u8> {
    message(message_type, flags, 1, generation, &nest.finish().unwrap())
}

#[derive(Default)]
struct Out(Vec<Transaction>);

impl Outlet for Out {
    fn transaction(&mut self, transaction: Transaction) {
        self.0.push(transaction);
    }

    fn event(&mut self, event: Event) {
        panic!("{event:?}");
    }

    fn gap(&mut self) {
        panic!("a gap");
    }

    fn undecodable(&mut self, bytes: &[u8], error: DecodeError) {
        panic!("{error}: {bytes:?}");
    }

    fn unknown(&mut self, message: &Message<'_>, _: Origin) {
        panic!("{message:?}");
    }
}

/// Makes commits of messages.
pub(crate) struct Maker {
    assembler: Assembler,
    generation: u32,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let mut assembler = Assembler::new(LIMIT, None);
        assembler.placed(Some(1), &mut Out::default());
        Self { assembler, generation: 1 }
    }

    /// The generation that the next commit leads to.
    pub(crate) fn next(&self) -> u32 {
        self.generation + 1
    }

    pub(crate) fn commit(&mut self, messages: &[u8]) -> Transaction {
        self.generation += 1;
        let generation = self.generation;
        let mut out = Out::default();
        let id = generation.to_be_bytes();
        let attributes =
            [&[8, 0, 1, 0][..], &id, &[8, 0, 2, 0, 0, 0, 0, 9], &[7, 0, 3, 0, b'm', b'e', 0, 0]].concat();
        let end = message(number::NEWGEN, 0, 0, generation, &attributes);
        let origin = || Origin::new(1, None, SystemTime::UNIX_EPOCH);
        for found in Messages::new(messages).chain(Messages::new(&end)) {
            self.assembler.message(&found.unwrap(), origin(), &mut out).unwrap();
        }
        let [commit] = &out.0[..] else { panic!("{:?}", out.0.len()) };
        commit.clone()
    }
}
