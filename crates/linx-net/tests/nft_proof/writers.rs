//! Writers: processes of their own, each with its name and its socket. What each of them commits follows from the seed, so
//! that whoever sees a transaction can say what belongs into it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use linx::Operation;
use linx::nft::{
    self, ChainView, ElementView, EntityRef, ItemRef, RuleView, SetView, TableView, Transaction,
};
use linx_sys::{Netns, Protocol, RecvBuf, Socket};
use linx_test::PATIENCE;
use linx_wire::emit::Request;
use linx_wire::header::{Ack, MessageFlags, Messages, control};
use linx_wire::nft::{Batch, CHAIN, ELEMENT, ELEMENT_LIST, Nest, RULE, SET, TABLE, comment, family};
use linx_wire::uapi::nft as number;

const ROLE: &str = "LINX_TEST_WRITER";

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// A change, by what it must be recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    pub(crate) op: Operation,
    pub(crate) what: String,
}

/// What a writer does in one of its transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    writer: u32,
    serial: u32,
    rules: u32,
    elements: u32,
    /// Of a table, which parts it has: 1 is the table alone, 2 with a set, 3 with a chain.
    parts: u32,
    /// An odd serial deletes what the one before made; in two ways.
    flushes: bool,
}

impl Plan {
    /// Of at most `max` objects; as many small as large ones (log-uniform).
    pub(crate) fn new(seed: u64, writer: u32, serial: u32, max: u32) -> Self {
        let mut dice = Dice(seed ^ (u64::from(writer) << 48) ^ (u64::from(serial / 2) << 8));
        let exponent = dice.below(1 << 20) as f64 / f64::from(1 << 20);
        let objects = (f64::from(max + 1).powf(exponent) as u32).clamp(1, max);
        let parts = objects.min(3);
        let rest = objects - parts;
        let rules = [0, rest / 8, rest / 2, rest][dice.below(4) as usize];
        let flushes = dice.below(2) == 0 && parts > 1;
        Self { writer, serial, rules, elements: rest - rules, parts, flushes }
    }

    fn deletes(self) -> bool {
        self.serial % 2 == 1
    }

    /// The table that it makes or deletes.
    fn table(self) -> String {
        format!("w{}-s{}", self.writer, self.serial & !1)
    }

    fn note(self, number: u32) -> String {
        format!("writer {} serial {} number {number}", self.writer, self.serial & !1)
    }

    fn key(self, number: u32) -> Vec<u8> {
        [self.writer, self.serial & !1, number].iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// What the kernel has to announce.
    pub(crate) fn items(self) -> Vec<Item> {
        let op = if self.deletes() { Operation::Del } else { Operation::New };
        let table = self.table();
        // What is deleted is announced without what user space keeps with it, but for rules and elements.
        let note = |number| if self.deletes() { String::new() } else { self.note(number) };
        let mut items = vec![format!("table {table} {}", note(0))];
        if self.parts > 1 {
            items.push(format!("set {table} s"));
        }
        if self.parts > 2 {
            items.push(format!("chain {table} c"));
        }
        items.extend((0..self.rules).map(|number| format!("rule {table} {}", self.note(number))));
        // Elements go with their set without a word.
        if !self.deletes() || self.flushes {
            let key = |number| hex(&self.key(number));
            items.extend((0..self.elements).map(|i| format!("element {table} {} {}", key(i), self.note(i))));
        }
        items.into_iter().map(|what| Item { op, what }).collect()
    }

    fn requests(self) -> Vec<Request> {
        let table = self.table();
        let name = table.as_str();
        let make = |kind, nest: Nest| {
            nest.request(kind, MessageFlags::ATOMIC | MessageFlags::APPEND, family::INET).unwrap()
        };
        let remove = |kind, nest: Nest| nest.request(kind, MessageFlags::empty(), family::INET).unwrap();
        if self.deletes() {
            let mut requests = Vec::new();
            if self.flushes {
                let all = Nest::new(&ELEMENT_LIST).set("table", name).set("set", "s");
                requests.push(remove(number::DELSETELEM, all));
            }
            requests.push(remove(number::DELTABLE, Nest::new(&TABLE).set("name", name)));
            return requests;
        }
        let note = |number| comment(self.note(number).as_bytes()).unwrap();
        let nest = Nest::new(&TABLE).set("name", name).set("userdata", note(0));
        let mut requests = vec![make(number::NEWTABLE, nest)];
        if self.parts > 1 {
            let set = Nest::new(&SET).set("table", name).set("name", "s").set("id", 1u32);
            let set = set.set("key_type", 0u32).set("key_len", 12u32).set("userdata", note(0));
            requests.push(make(number::NEWSET, set));
        }
        if self.parts > 2 {
            let chain = Nest::new(&CHAIN).set("table", name).set("name", "c").set("userdata", note(0));
            requests.push(make(number::NEWCHAIN, chain));
        }
        for rule in 0..self.rules {
            let rule = Nest::new(&RULE).set("table", name).set("chain", "c").set("userdata", note(rule));
            requests.push(make(number::NEWRULE, rule));
        }
        let all: Vec<u32> = (0..self.elements).collect();
        for some in all.chunks(200) {
            let element = |number: &u32| {
                let key = Nest::value(&self.key(*number));
                Nest::new(&ELEMENT).set("key", key).set("userdata", note(*number))
            };
            let elements: Vec<Nest> = some.iter().map(element).collect();
            let list = Nest::new(&ELEMENT_LIST).set("table", name).set("set", "s").set("elem", elements);
            requests.push(make(number::NEWSETELEM, list));
        }
        requests
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a change is recognised by.
pub(crate) fn items(op: Operation, entity: &EntityRef<'_>) -> Vec<Item> {
    let name = |item: ItemRef<'_>| match item {
        ItemRef::Table(table) => {
            format!("table {} {}", table.name(), table.comment().unwrap_or_default())
        }
        ItemRef::Chain(chain) => format!("chain {} {}", chain.table(), chain.name()),
        ItemRef::Rule(rule) => format!("rule {} {}", rule.table(), rule.comment().unwrap_or_default()),
        ItemRef::Set(set) => format!("set {} {}", set.table(), set.name()),
        ItemRef::Element(element) => {
            let (table, note) = (element.table(), element.comment().unwrap_or_default());
            format!("element {table} {} {note}", hex(element.key().unwrap()))
        }
        other => panic!("nobody made {other:?}"),
    };
    entity.items().map(|item| Item { op, what: name(item) }).collect()
}

/// Who a commit is said to be of, and what it is said to be made of.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) generation: Option<u32>,
    pub(crate) portid: Option<u32>,
    pub(crate) tid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) complete: bool,
    pub(crate) items: Vec<Item>,
}

impl From<&Transaction> for Commit {
    fn from(told: &Transaction) -> Self {
        Self {
            generation: told.generation,
            portid: told.process.portid,
            tid: told.process.tid,
            comm: told.process.comm().map(|comm| comm.to_string()),
            complete: told.complete,
            items: told.changes.iter().flat_map(|change| items(change.op, &change.entity)).collect(),
        }
    }
}

/// A running writer.
#[derive(Debug)]
pub(crate) struct Writer {
    child: Child,
    credit: Option<ChildStdin>,
    pub(crate) number: u32,
    pub(crate) comm: String,
    pub(crate) tid: u32,
    pub(crate) portid: u32,
}

impl Writer {
    /// The writer of this number. It commits once for each [`grant`](Self::grant).
    pub(crate) fn start(netns: &str, number: u32, seed: u64, max: u32) -> Self {
        Self::start_as(&format!("{netns} {number} {seed} {max}"), number)
    }

    pub(crate) fn start_as(role: &str, number: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writers::a_writer", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let credit = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.unwrap().split_once("writer is ")?.1.to_owned()));
        let line = line.expect("a writer");
        let words: Vec<u32> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // What else it prints is of no interest, but it must be able to print it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, credit, number, comm: name_of(number), tid: words[0], portid: words[1] }
    }

    /// Lets it make so many more commits.
    pub(crate) fn grant(&mut self, commits: usize) {
        self.credit.as_mut().unwrap().write_all(&vec![b'g'; commits]).unwrap();
    }

    /// Waits until it has made what was granted.
    pub(crate) fn finish(&mut self) {
        drop(self.credit.take());
        assert!(self.child.wait().unwrap().success(), "writer {} failed", self.number);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.credit.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Different ones, one of the greatest length.
fn name_of(writer: u32) -> String {
    if writer == 0 { "writer-0-is-long".chars().take(15).collect() } else { format!("writer-{writer}") }
}

/// Makes this thread one of a writer: its name and its number.
fn dress(writer: u32) -> u32 {
    std::fs::write("/proc/thread-self/comm", name_of(writer)).unwrap();
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// Commits without an acknowledgement of each request: there are thousands.
pub(crate) struct Committer {
    socket: Socket,
    buf: RecvBuf,
}

impl Committer {
    pub(crate) fn new(netns: &Netns) -> Self {
        let socket = Socket::open(Protocol::NETFILTER, netns).unwrap();
        socket.set_sndbuf(4 << 20).unwrap();
        Self { socket, buf: RecvBuf::for_events() }
    }

    pub(crate) fn portid(&self) -> u32 {
        self.socket.portid()
    }

    /// Returns errno, 0 for success.
    pub(crate) fn commit(&mut self, requests: Vec<Request>) -> i32 {
        let first = self.socket.next_seq();
        let mut batch = Batch::new(first, 0, None).unwrap();
        let (count, mut last) = (requests.len(), 0);
        for (at, request) in requests.into_iter().enumerate() {
            let request = if at + 1 == count { request.acknowledged() } else { request };
            last = batch.push(request).unwrap();
            self.socket.next_seq();
        }
        self.socket.next_seq();
        self.socket.send(&batch.finish().unwrap()).unwrap();
        let mut refused = 0;
        loop {
            let received = self.socket.recv_timeout(&mut self.buf, Some(PATIENCE)).unwrap();
            for message in Messages::new(received.bytes()) {
                let message = message.unwrap();
                if message.header.message_type != control::ERROR || message.header.seq < first {
                    continue;
                }
                let errno = Ack::decode(&message).unwrap().errno;
                refused = if refused == 0 { errno } else { refused };
                if message.header.seq == last || errno != 0 {
                    return refused;
                }
            }
        }
    }
}

/// The other process; as a test of its own it does nothing.
#[test]
fn a_writer() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split_whitespace().collect();
    let netns = Netns::name(words[0]).unwrap();
    let writer: u32 = words[1].parse().unwrap();
    let (seed, max) = (words[2].parse().unwrap(), words[3].parse().unwrap());
    let work = move || {
        let tid = dress(writer);
        let mut committer = Committer::new(&netns);
        println!("\nwriter is {tid} {}", committer.portid());
        let mut input = std::io::stdin().lock();
        for serial in 0.. {
            if input.read(&mut [0]).unwrap() == 0 {
                return;
            }
            let requests = Plan::new(seed, writer, serial, max).requests();
            assert_eq!(committer.commit(requests), 0, "writer {writer} serial {serial}");
        }
    };
    // It is the thread that the kernel names.
    if writer % 2 == 0 { work() } else { std::thread::spawn(work).join().unwrap() }
}

#[test]
fn what_a_writer_makes_is_announced_as_planned() {
    linx_test::skip_unless!(linx_test::is_root(), "not root");
    let namespace = linx_test::Namespace::new("plan");
    let mut monitor = nft::Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let mut committer = Committer::new(&namespace.netns());
    for serial in 0..40 {
        let plan = Plan::new(5, 3, serial, 300);
        assert_eq!(committer.commit(plan.requests()), 0);
        let notice = monitor.recv_timeout(PATIENCE).unwrap().unwrap();
        let mut told = Commit::from(&notice.transaction().unwrap()).items;
        let mut planned = plan.items();
        if plan.deletes() {
            told.sort();
            planned.sort();
        }
        assert_eq!(told, planned, "{plan:?}");
    }
}
