//! Witnesses: what a loss was not about.
//!
//! After a loss nobody knows which tables the lost commits changed, and of elements nothing shows it: they have no handles,
//! and one may have taken the place of another. So that a large set of another table need not be read again, a second
//! socket listens for messages about the table of that set alone. The kernel filters what the socket does not want before
//! it takes room, so it does not overflow when others' commits do; if it does overflow, the table was changed.
//!
//! A datagram holds messages of several tables, so the filter walks all of it; it lets pass what it does not understand.

use linx_sys::{Instruction, Netns, Protocol, RecvBuf, Socket};

/// Bytes of a witness's receive buffer: it needs to hold one message of each commit to say which generation it was.
const RCVBUF: usize = 64 << 10;
/// Generations that are remembered one by one until they are known to have been announced whole.
const PENDING: usize = 64;
/// More messages are not in a datagram of 3,776 bytes; what has more passes.
const MESSAGES: usize = 96;
/// Instructions of a program (`BPF_MAXINSNS`).
const INSTRUCTIONS: usize = 4096;

/// `NFT_MSG_NEWGEN`
const NEWGEN: u32 = 15;
/// Bytes before a message's first attribute: `struct nlmsghdr`, `struct nfgenmsg`.
const HEADERS: u32 = 20;

/// Listens for messages about one table.
#[derive(Debug)]
pub(crate) struct Witness {
    socket: Socket,
    buf: RecvBuf,
    table: (u8, Box<[u8]>),
    /// The generation from which on it listens.
    since: u32,
    /// Low bits of generations that changed the table, and are not known to have been announced whole.
    pending: Vec<u16>,
    /// What changed the table is not known.
    is_blind: bool,
    /// It was said that the table may have changed, and it was not read since.
    is_owed: bool,
}

impl Witness {
    /// One for a table, from the generation on that `ask` tells when it listens. `None` where the kernel does not let it.
    pub(crate) fn new(
        netns: &Netns,
        family: u8,
        table: &[u8],
        ask: impl FnOnce() -> Option<u32>,
    ) -> Option<Self> {
        let socket = Socket::open_monitor(Protocol::NETFILTER, netns).ok()?;
        socket.attach_filter(&program(family, table)).ok()?;
        socket.set_rcvbuf(RCVBUF).ok()?;
        socket.add_membership(linx_sys::Group::NFTABLES).ok()?;
        let (buf, table) = (RecvBuf::for_events(), (family, table.into()));
        Some(Self { socket, buf, table, since: ask()?, pending: Vec::new(), is_blind: false, is_owed: false })
    }

    /// The family and the name of its table.
    pub(crate) fn table(&self) -> (u8, &[u8]) {
        (self.table.0, &self.table.1)
    }

    /// Reads what came. Call it when the monitor was read: all commits up to `sure` were announced whole.
    pub(crate) fn read(&mut self, sure: u32) {
        loop {
            match self.socket.recv(&mut self.buf) {
                Ok(received) if !received.is_from_kernel() => {}
                Ok(received) => {
                    // `nfgenmsg.res_id` of the first message: all of a datagram are of one generation.
                    let low = received.bytes().get(18..20).and_then(|low| low.try_into().ok());
                    match low.map(u16::from_be_bytes) {
                        Some(low) if self.pending.contains(&low) => {}
                        Some(low) if self.pending.len() < PENDING => self.pending.push(low),
                        _ => self.is_blind = true,
                    }
                }
                Err(error) if error.kind() == linx_sys::ErrorKind::Overflow => self.is_blind = true,
                Err(error) if error.kind() == linx_sys::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.is_blind = true;
                    break;
                }
            }
        }
        self.pending.retain(|low| !is_up_to(*low, sure as u16));
    }

    /// Whether no message about its table was lost: all commits up to `sure` were announced whole, and those up to `now`
    /// have ended. If not, the table is to be read, and [`restart`](Self::restart) called.
    pub(crate) fn is_untouched(&mut self, sure: u32, now: u32) -> bool {
        self.read(sure);
        let lost = now.wrapping_sub(sure);
        let listened = sure.wrapping_sub(self.since) < 1 << 31;
        let is_blind = std::mem::take(&mut self.is_blind);
        self.is_owed |= !listened || lost >= 1 << 15 || is_blind || !self.pending.is_empty();
        !self.is_owed
    }

    /// All is known up to this generation.
    pub(crate) fn restart(&mut self, sure: u32) {
        self.is_owed = false;
        self.read(sure);
    }
}

/// Whether the generation with these low bits is `last` or one before it.
fn is_up_to(low: u16, last: u16) -> bool {
    last.wrapping_sub(low) < 1 << 15
}

// <linux/bpf_common.h>
const LD_LEN: u16 = 0x80;
const LD_BYTE: u16 = 0x50;
const LD_HALF: u16 = 0x48;
const LD_WORD: u16 = 0x40;
const LD_MEM: u16 = 0x60;
const LDX_MEM: u16 = 0x61;
const LDX_IMM: u16 = 0x01;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const SUB_X: u16 = 0x1c;
const OR_X: u16 = 0x4c;
const AND: u16 = 0x54;
const LSH: u16 = 0x64;
const JEQ: u16 = 0x15;
const JGE: u16 = 0x35;
const RET: u16 = 0x06;
const TAX: u16 = 0x07;

/// Where a jump goes: to what lets the datagram pass, or to the next message.
#[derive(Clone, Copy)]
enum To {
    On,
    Pass,
    Next,
}

/// The part of the program for one message, which begins at X.
#[derive(Default)]
struct Part(Vec<(u16, u32, To, To)>);

impl Part {
    fn op(&mut self, code: u16, k: u32) {
        self.0.push((code, k, To::On, To::On));
    }

    fn test(&mut self, code: u16, k: u32, if_true: To, if_false: To) {
        self.0.push((code, k, if_true, if_false));
    }

    /// With the offsets of the jumps: behind it stand the instruction that lets pass, and the next message's.
    fn finish(self) -> Vec<Instruction> {
        let count = self.0.len();
        let offset = |at: usize, to| match to {
            To::On => 0,
            To::Pass => u8::try_from(count - at - 1).unwrap_or(u8::MAX),
            To::Next => u8::try_from(count - at).unwrap_or(u8::MAX),
        };
        let all = self.0.iter().enumerate().map(|(at, (code, k, if_true, if_false))| Instruction {
            code: *code,
            if_true: offset(at, *if_true),
            if_false: offset(at, *if_false),
            k: *k,
        });
        all.chain([ret(u32::MAX)]).collect()
    }
}

fn ret(k: u32) -> Instruction {
    Instruction { code: RET, if_true: 0, if_false: 0, k }
}

/// Looks whether the message at X is about the table.
fn look(family: u8, table: &[u8]) -> Vec<Instruction> {
    let name = [table, &[0]].concat();
    let length = u16::try_from(name.len() + 4).unwrap_or(u16::MAX);
    let half = |value: u16| u32::from(u16::from_be_bytes(value.to_ne_bytes()));
    let mut part = Part::default();
    // What is left of the datagram, which ended before this message if it is nothing.
    part.op(LD_LEN, 0);
    part.op(SUB_X, 0);
    part.test(JGE, HEADERS + 8, To::On, To::Pass);
    let type_at = if cfg!(target_endian = "little") { 4 } else { 5 };
    part.op(LD_BYTE, type_at);
    part.test(JEQ, NEWGEN, To::Next, To::On);
    part.op(LD_BYTE, 16);
    part.test(JEQ, family.into(), To::On, To::Next);
    // The table's name is the first attribute of all messages.
    part.op(LD_HALF, HEADERS + 2);
    part.test(JEQ, half(1), To::On, To::Pass);
    part.op(LD_HALF, HEADERS);
    part.test(JEQ, half(length), To::On, To::Next);
    part.op(LD_LEN, 0);
    part.op(SUB_X, 0);
    part.test(JGE, HEADERS + u32::from(length), To::On, To::Pass);
    let mut at = HEADERS + 4;
    for chunk in name.chunks(4) {
        match *chunk {
            [a, b, c, d] => {
                part.op(LD_WORD, at);
                part.test(JEQ, u32::from_be_bytes([a, b, c, d]), To::On, To::Next);
            }
            ref rest => {
                for (byte, at) in rest.iter().zip(at..) {
                    part.op(LD_BYTE, at);
                    part.test(JEQ, (*byte).into(), To::On, To::Next);
                }
            }
        }
        at += 4;
    }
    part.finish()
}

/// Goes on to the next message: X grows by `nlmsg_len`, rounded up.
fn step() -> Vec<Instruction> {
    let op = |code, k| Instruction { code, if_true: 0, if_false: 0, k };
    let length = if cfg!(target_endian = "little") {
        vec![
            // Longer than 64 KiB: nothing that is known.
            op(LD_HALF, 2),
            Instruction { code: JEQ, if_true: 1, if_false: 0, k: 0 },
            ret(u32::MAX),
            op(STX, 0),
            op(LD_BYTE, 1),
            op(LSH, 8),
            op(ST, 1),
            op(LD_BYTE, 0),
            op(LDX_MEM, 1),
            op(OR_X, 0),
        ]
    } else {
        vec![op(STX, 0), op(LD_WORD, 0)]
    };
    let rest = [
        op(ADD, 3),
        op(AND, !3),
        op(LDX_MEM, 0),
        op(ADD_X, 0),
        op(TAX, 0),
        // The end of the datagram, or what is padded of it.
        op(STX, 0),
        op(LD_LEN, 0),
        op(ST, 1),
        op(LD_MEM, 0),
        op(LDX_MEM, 1),
        Instruction { code: JGE | 0x08, if_true: 0, if_false: 1, k: 0 },
        ret(0),
        op(LDX_MEM, 0),
    ];
    length.into_iter().chain(rest).collect()
}

/// The program that lets pass what may be about a table.
fn program(family: u8, table: &[u8]) -> Vec<Instruction> {
    let one = [look(family, table), step()].concat();
    let times = MESSAGES.min((INSTRUCTIONS - 2) / one.len());
    let mut program = vec![Instruction { code: LDX_IMM, if_true: 0, if_false: 0, k: 0 }];
    for _ in 0..times {
        program.extend_from_slice(&one);
    }
    program.push(ret(u32::MAX));
    program
}

#[cfg(test)]
mod tests {
    use linx_test::{Namespace, is_root, skip_unless};

    use super::*;
    use crate::Handle;

    #[test]
    fn programs_fit() {
        for length in [0, 1, 3, 4, 16, 255] {
            let program = program(1, &vec![b'x'; length]);
            assert!(program.len() <= INSTRUCTIONS, "{length}: {}", program.len());
            let one = look(1, &vec![b'x'; length]);
            for (at, it) in one.iter().enumerate() {
                assert!(at + usize::from(it.if_true.max(it.if_false)) <= one.len(), "{length}: {at} {it:?}");
            }
        }
    }

    #[test]
    fn a_witness_hears_of_its_table_alone() {
        skip_unless!(is_root(), "not root");
        let namespace = Namespace::new("witness");
        let handle = Handle::new(&namespace.netns()).unwrap();
        let sets = "add set inet %t s { type ipv4_addr; }\nadd chain inet %t c\n";
        for table in ["big", "other", "bi", "bigger", "x"] {
            namespace.nft(&format!("add table inet {table}\n{}", sets.replace("%t", table)));
        }
        let generation = || crate::nft::generation(&handle).ok();
        let mut witness = Witness::new(&namespace.netns(), 1, b"big", generation).unwrap();
        let mut sure = generation().unwrap();
        let mut is_untouched = |witness: &mut Witness| {
            let untouched = witness.is_untouched(sure, generation().unwrap());
            sure = generation().unwrap();
            witness.restart(sure);
            untouched
        };
        let many = |table: &str, last: u8| {
            let all: Vec<_> = (0..2000u32).map(|n| format!("10.{last}.{}.{}", n / 250, n % 250)).collect();
            namespace.nft(&format!("add element inet {table} s {{ {} }}", all.join(", ")));
        };
        // Far more than it could hold.
        for _ in 0..3 {
            for table in ["other", "bi", "bigger", "x"] {
                many(table, 1);
                namespace.nft(&format!("flush set inet {table} s"));
                namespace.nft(&format!("add rule inet {table} c tcp dport {{ 22, 80 }} accept"));
            }
        }
        namespace.nft("add table ip big\nadd table ip6 big\ndelete table inet bi");
        assert!(is_untouched(&mut witness));
        for script in [
            "add element inet big s { 1.1.1.1 }",
            "add rule inet big c accept",
            "add chain inet big d",
            "delete chain inet big d",
            "add counter inet big k",
            "flush set inet big s",
        ] {
            namespace.nft(script);
            assert!(!is_untouched(&mut witness), "{script}");
            assert!(is_untouched(&mut witness));
        }
        // In one commit with others, the last of many messages.
        let others: String = (0..150).map(|n| format!("add element inet x s {{ 2.2.2.{n} }}\n")).collect();
        namespace.nft(&format!("{others}add element inet big s {{ 1.1.1.1 }}"));
        assert!(!is_untouched(&mut witness));
        // More than it can hold.
        many("big", 2);
        assert!(!is_untouched(&mut witness));
        assert!(is_untouched(&mut witness));
        namespace.nft("delete table inet big");
        assert!(!is_untouched(&mut witness));
    }
}
