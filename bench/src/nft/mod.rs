//! nf_tables: rule sets by the thousand and storms of commits, made by our own encoder, beside libnftnl, `nft` and nlink.

pub mod decode;
mod libnftnl;
pub mod monitor;
pub mod pull;
pub mod storm;

use linx_sys::{Protocol, RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{Ack, MessageFlags, Messages, control};
use linx_wire::nft::{Batch, CHAIN, Nest, NfGenMsg, RULE, Register, SET, TABLE, expr, family};
use linx_wire::uapi::nft;

use crate::namespace::Namespace;
use crate::report::Outcome;

/// The table of all that is made here.
pub const TABLE_NAME: &str = "bench";
/// Its set.
pub const SET_NAME: &str = "s";
/// Elements that a message adds or deletes.
const PER_MESSAGE: u32 = 1000;
/// What one request may be large, bytes: half a million elements, or fifty thousand rules.
const SEND_BUFFER: usize = 128 << 20;
/// `NLM_F_CREATE`
const CREATE: MessageFlags = MessageFlags::ATOMIC;
const APPEND: MessageFlags = MessageFlags::ATOMIC.union(MessageFlags::APPEND);

/// What went wrong, for a person.
fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Commits what it is given.
pub struct Writer {
    socket: Socket,
    buf: RecvBuf,
}

impl Writer {
    /// A writer in a namespace.
    pub fn new(namespace: &Namespace) -> Outcome<Self> {
        let socket = Socket::open(Protocol::NETFILTER, &namespace.netns).map_err(said)?;
        socket.set_sndbuf(SEND_BUFFER).map_err(said)?;
        Ok(Self { socket, buf: RecvBuf::for_dumps() })
    }

    /// Commits a transaction, without a look at what the kernel answers.
    pub fn send(&self, batch: &[u8]) -> Outcome<()> {
        self.socket.send(batch).map_err(said)
    }

    /// An error message of the kernel's is an error.
    pub fn refusals(&mut self) -> Outcome<()> {
        match self.socket.recv(&mut self.buf) {
            Err(error) if error.is_would_block() => Ok(()),
            Err(error) => Err(said(error)),
            Ok(received) => {
                let first = Messages::new(received.bytes()).next().and_then(Result::ok);
                let ack = first.and_then(|message| Ack::decode(&message).ok()).unwrap_or_default();
                Err(format!("the kernel refuses a commit: errno {}", ack.errno))
            }
        }
    }

    /// Commits these requests.
    pub fn commit(&mut self, requests: impl IntoIterator<Item = Request>) -> Outcome<()> {
        self.send(&batch(requests)?)?;
        self.refusals()
    }

    /// Makes the table.
    pub fn table(&mut self) -> Outcome<()> {
        let table = Nest::new(&TABLE).set("name", TABLE_NAME);
        self.commit([table.request(nft::NEWTABLE, CREATE, family::INET).map_err(said)?])
    }

    /// Makes so many chains, `c0` and so on.
    pub fn chains(&mut self, count: u32) -> Outcome<()> {
        let chain = |n| {
            let chain = Nest::new(&CHAIN).set("table", TABLE_NAME).set("name", format!("c{n}").as_str());
            chain.request(nft::NEWCHAIN, CREATE, family::INET).map_err(said)
        };
        self.commit((0..count).map(chain).collect::<Outcome<Vec<_>>>()?)
    }

    /// Makes the set, of IPv4 addresses.
    pub fn set(&mut self) -> Outcome<()> {
        let set = Nest::new(&SET)
            .set("table", TABLE_NAME)
            .set("name", SET_NAME)
            .set("flags", 0u32)
            .set("key_type", 7u32)
            .set("key_len", 4u32)
            .set("id", 1u32);
        self.commit([set.request(nft::NEWSET, CREATE, family::INET).map_err(said)?])
    }

    /// So many rules in each of the first chains, a transaction for every few thousand.
    pub fn rules(&mut self, chains: u32, in_each: u32) -> Outcome<()> {
        let mut requests = Vec::new();
        for chain in 0..chains {
            let name = format!("c{chain}");
            for n in 0..in_each {
                requests.push(rule(&name, chain * in_each + n)?);
            }
            if requests.len() >= 2000 {
                self.commit(std::mem::take(&mut requests))?;
            }
        }
        self.commit(requests)
    }

    /// Fills the set.
    pub fn elements(&mut self, count: u32) -> Outcome<()> {
        let mut next = 0;
        while next < count {
            let end = count.min(next + 50 * PER_MESSAGE);
            self.commit(elements(next..end, false))?;
            next = end;
        }
        Ok(())
    }

    /// The messages of a dump, datagram by datagram.
    pub fn dump(&mut self, request: Request) -> Outcome<Vec<Vec<u8>>> {
        self.send(&request.finish(self.socket.next_seq(), 0).map_err(said)?)?;
        let mut all = Vec::new();
        loop {
            let received = self.socket.recv(&mut self.buf).map_err(said)?;
            let datagram = received.bytes();
            let mut kept = Vec::with_capacity(datagram.len());
            for message in Messages::new(datagram) {
                let message = message.map_err(said)?;
                match message.header.message_type {
                    control::DONE => {
                        all.push(kept);
                        return Ok(all);
                    }
                    control::ERROR => return Err("the kernel refuses a dump".to_owned()),
                    _ => kept.extend_from_slice(message.bytes),
                }
            }
            all.push(kept);
        }
    }
}

/// A transaction of these requests.
pub fn batch(requests: impl IntoIterator<Item = Request>) -> Outcome<Vec<u8>> {
    let mut batch = Batch::new(1, 0, None).map_err(said)?;
    for request in requests {
        batch.push(request).map_err(said)?;
    }
    batch.finish().map_err(said)
}

/// `ip saddr 10.0.0.0+n tcp dport 1024+n counter accept`, as nft makes it: eight expressions.
pub fn rule(chain: &str, n: u32) -> Outcome<Request> {
    let number = |policy, values: &[(&str, u32)]| {
        values.iter().fold(Nest::new(policy), |nest, (key, value)| nest.set(key, *value))
    };
    let load = |key| number(&expr::META, &[("dreg", 1), ("key", key)]);
    let read = |base, offset, len| {
        number(&expr::PAYLOAD, &[("dreg", 1), ("base", base), ("offset", offset), ("len", len)])
    };
    let is = |bytes: &[u8]| {
        Nest::new(&expr::CMP).set("sreg", Register(1)).set("op", 0u32).set("data", Nest::value(bytes))
    };
    let port = 1024 + (n % 60_000) as u16;
    let accept = Nest::new(&expr::IMMEDIATE).set("dreg", Register(0)).set("data", Nest::verdict(1, None));
    let all = [
        load(15),
        is(&[2]),
        read(1, 12, 4),
        is(&(0x0a00_0000 | n).to_be_bytes()),
        load(16),
        is(&[6]),
        read(2, 2, 2),
        is(&port.to_be_bytes()),
        Nest::new(&expr::COUNTER).set("bytes", 0u64).set("packets", 0u64),
        accept,
    ];
    let all: Vec<Nest> = all.into_iter().map(Nest::expression).collect();
    let rule = Nest::new(&RULE).set("table", TABLE_NAME).set("chain", chain).set("expr", all);
    rule.request(nft::NEWRULE, APPEND, family::INET).map_err(said)
}

/// Adds or deletes these elements of the set.
pub fn elements(numbers: std::ops::Range<u32>, delete: bool) -> Vec<Request> {
    let (message_type, flags) =
        if delete { (nft::DELSETELEM, MessageFlags::empty()) } else { (nft::NEWSETELEM, CREATE) };
    let message = |start| {
        let request = Request::new(message_type, flags)
            .body(&NfGenMsg::new(family::INET))
            .attribute_name(1, TABLE_NAME.as_bytes())
            .attribute_name(2, SET_NAME.as_bytes());
        let keys = start..numbers.end.min(start + PER_MESSAGE);
        request.nest(3, |list| {
            keys.fold(list, |list, n| {
                let key = (0x1400_0000 + n).to_be_bytes();
                list.nest(1, |element| element.nest(1, |data| data.attribute(1, &key)))
            })
        })
    };
    numbers.clone().step_by(PER_MESSAGE as usize).map(message).collect()
}
