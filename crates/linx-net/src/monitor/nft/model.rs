//! The assembler against a model of the kernel: commits that are announced into a queue that overflows, a reader who asks
//! for its position, messages that make no sense. No I/O.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use linx_wire::DecodeError;
use linx_wire::header::{Message, Messages};
use linx_wire::uapi::nft;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::assembler::{Assembler, LIMIT, Outlet, next_generation};
use super::transaction::{Event, Transaction};
use crate::monitor::Origin;
use crate::monitor::intake::Intake;

/// A message of nf_tables with this payload behind its `struct nfgenmsg`.
fn message(message_type: u16, seq: u32, portid: u32, low: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut payload = vec![1, 0];
    payload.extend(low.to_be_bytes());
    for (number, value) in attributes {
        payload.extend((value.len() as u16 + 4).to_ne_bytes());
        payload.extend(number.to_ne_bytes());
        payload.extend_from_slice(value);
        payload.resize(payload.len().next_multiple_of(4), 0);
    }
    let mut bytes = (payload.len() as u32 + 16).to_ne_bytes().to_vec();
    bytes.extend(message_type.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(portid.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn table(name: &str, seq: u32, portid: u32, low: u16) -> Vec<u8> {
    let name = [name.as_bytes(), &[0]].concat();
    message(nft::NEWTABLE, seq, portid, low, &[(1, &name)])
}

fn end_of(generation: u32, portid: u32, tid: u32, comm: &str) -> Vec<u8> {
    let comm = [comm.as_bytes(), &[0]].concat();
    let attributes: [(u16, &[u8]); 3] = [(1, &generation.to_be_bytes()), (2, &tid.to_be_bytes()), (3, &comm)];
    message(nft::NEWGEN, 0, portid, generation as u16, &attributes)
}

fn packet(number: u32, low: u16) -> Vec<u8> {
    let name = [format!("q{number}").as_bytes(), &[0]].concat();
    let attributes: [(u16, &[u8]); 3] = [(1, b"t\0"), (2, &name), (3, &2u32.to_be_bytes())];
    message(nft::NEWOBJ, 0, 0, low, &attributes)
}

/// An attribute that is longer than its message.
fn spoil(bytes: &mut [u8]) {
    bytes[20..22].copy_from_slice(&0xffffu16.to_ne_bytes());
}

/// What the assembler told.
#[derive(Debug)]
enum Told {
    Transaction(Transaction),
    Packet,
    /// A loss, with the kernel's generation when it was told.
    Loss(u32),
}

#[derive(Debug, Default)]
struct Out {
    told: Vec<Told>,
    /// The kernel's generation now.
    now: u32,
}

impl Outlet for Out {
    fn transaction(&mut self, transaction: Transaction) {
        self.told.push(Told::Transaction(transaction));
    }

    fn event(&mut self, event: Event) {
        assert!(event.generation.is_none());
        self.told.push(Told::Packet);
    }

    fn gap(&mut self) {
        self.told.push(Told::Loss(self.now));
    }

    fn undecodable(&mut self, _: &[u8], _: DecodeError) {
        self.told.push(Told::Loss(self.now));
    }

    fn unknown(&mut self, message: &Message<'_>, _: Origin) {
        panic!("{message:?}");
    }
}

fn origin() -> Origin {
    Origin { netns: 1, nsid: None, time: SystemTime::UNIX_EPOCH }
}

/// Passes a datagram to the assembler, as [`Monitor`](crate::monitor::Monitor) does.
fn feed(assembler: &mut Assembler, datagram: &[u8], out: &mut Out) {
    for found in Messages::new(datagram) {
        match found {
            Ok(found) => {
                if let Err(error) = assembler.message(&found, origin(), out) {
                    assembler.undecodable(found.bytes, error, out);
                }
            }
            Err(error) => assembler.undecodable(datagram, error, out),
        }
    }
}

/// A commit as the kernel made it.
#[derive(Clone, Debug)]
struct Commit {
    portid: u32,
    tid: u32,
    comm: String,
    changes: Vec<u8>,
    count: usize,
}

/// What waits in the monitor's socket.
#[derive(Clone, Debug)]
enum Queued {
    Datagram(Vec<u8>),
    /// The answer to the question of this number.
    Answer(u32, Option<u32>),
}

/// One step of the world.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A commit is made, by one of the writers, of so many changes; announcements follow by and by.
    Commit(u32, usize),
    /// So many datagrams are announced.
    Announce(usize),
    /// A packet crosses a quota.
    Packet,
    /// The reader looks at its socket so often; if it asks, its answer is late by so many datagrams.
    Read(usize, usize),
    /// The next announcement makes no sense.
    Spoil(bool),
    /// Everything that waits to be announced is lost without a word, and so many further commits.
    Vanish(u32),
    /// From now on asking is refused, or is not.
    Refuse(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4u32, 0..9usize).prop_map(|(writer, size)| Step::Commit(writer, size)),
        6 => (1..6usize).prop_map(Step::Announce),
        1 => Just(Step::Packet),
        6 => (1..8usize, prop_oneof![4 => Just(0), 1 => 1..6usize]).prop_map(|(n, late)| Step::Read(n, late)),
        1 => any::<bool>().prop_map(Step::Spoil),
        1 => prop_oneof![Just(0), 0..3u32, Just(65_534), Just(65_535), Just(65_536), 65_537..200_000u32]
            .prop_map(Step::Vanish),
        1 => any::<bool>().prop_map(Step::Refuse),
    ];
    prop::collection::vec(step, 0..60)
}

/// What may go wrong in a case.
#[derive(Clone, Copy, Debug)]
struct Weather {
    room: usize,
    spoils: bool,
    vanishes: bool,
    refuses: bool,
    /// The lists of changes are as long as [`Step::Commit`] says, or longer.
    limit: usize,
}

fn weather() -> impl Strategy<Value = Weather> {
    let room = prop_oneof![1 => Just(usize::MAX), 2 => 1..12usize];
    let limit = prop_oneof![3 => Just(LIMIT), 1 => 0..200usize];
    (room, limit, any::<[bool; 3]>()).prop_map(|(room, limit, [spoils, vanishes, refuses])| Weather {
        room,
        spoils,
        vanishes,
        refuses,
        limit,
    })
}

struct World {
    weather: Weather,
    generation: u32,
    serial: u32,
    commits: BTreeMap<u32, Commit>,
    /// In the order of their making.
    order: Vec<u32>,
    pending: VecDeque<Vec<u8>>,
    queue: VecDeque<Queued>,
    congested: bool,
    error: bool,
    refused: bool,
    dropped: usize,
    spoiled: usize,
    packets: usize,
    questions: u32,
    asked: Option<u32>,
    intake: Intake,
    assembler: Assembler,
    out: Out,
    /// The generation when the monitor was made.
    beginning: u32,
}

impl World {
    fn new(weather: Weather, generation: u32) -> Self {
        Self {
            weather,
            generation,
            serial: 0,
            commits: BTreeMap::new(),
            order: Vec::new(),
            pending: VecDeque::new(),
            queue: VecDeque::new(),
            congested: false,
            error: false,
            refused: false,
            dropped: 0,
            spoiled: 0,
            packets: 0,
            questions: 0,
            asked: None,
            intake: Intake::default(),
            assembler: Assembler::new(weather.limit, None),
            out: Out::default(),
            beginning: generation,
        }
    }

    fn commit(&mut self, writer: u32, size: usize) {
        // Commits do not interleave.
        self.announce(usize::MAX);
        self.generation = next_generation(self.generation);
        self.serial += 1;
        let (portid, tid, comm) = (100 + writer, 1000 + writer, format!("writer {writer}"));
        let low = self.generation as u16;
        let mut changes = Vec::new();
        let mut datagram = Vec::new();
        for number in 0..size {
            let seq = 7 + number as u32;
            let bytes = table(&format!("w{writer}-s{}-n{number}", self.serial), seq, portid, low);
            changes.extend_from_slice(&bytes);
            datagram.extend(bytes);
            if datagram.len() > 80 {
                self.pending.push_back(std::mem::take(&mut datagram));
            }
        }
        if !datagram.is_empty() {
            self.pending.push_back(datagram);
        }
        self.pending.push_back(end_of(self.generation, portid, tid, &comm));
        let commit = Commit { portid, tid, comm, changes, count: size };
        self.commits.insert(self.generation, commit);
        self.order.push(self.generation);
    }

    /// `netlink_broadcast` and `netlink_unicast`.
    fn send(&mut self, what: Queued) {
        if self.congested || self.queue.len() >= self.weather.room {
            self.dropped += 1;
            self.error |= !self.congested;
            self.congested = true;
        } else {
            self.queue.push_back(what);
        }
    }

    fn announce(&mut self, datagrams: usize) {
        for _ in 0..datagrams {
            let Some(datagram) = self.pending.pop_front() else { return };
            self.send(Queued::Datagram(datagram));
        }
    }

    /// The reader asks for the generation; the answer comes into the queue `late` datagrams after it was written.
    fn ask(&mut self, late: usize) {
        let answer = (!self.refused).then_some(self.generation);
        self.questions += 1;
        self.asked = Some(self.questions);
        if late > 0 && self.pending.is_empty() {
            self.commit(9, late % 3);
        }
        self.announce(late);
        self.send(Queued::Answer(self.questions, answer));
    }

    fn lose(&mut self, late: usize) {
        let first = self.out.told.len();
        self.assembler.lost(&mut self.out);
        self.out.told.push(Told::Loss(self.generation));
        self.ask(late);
        // All of it is read after the question was sent.
        for told in self.out.told.iter_mut().skip(first) {
            if let Told::Loss(at) = told {
                *at = self.generation;
            }
        }
    }

    /// One look at the socket; false when nothing was there.
    fn read(&mut self, late: usize) -> bool {
        self.out.now = self.generation;
        if std::mem::take(&mut self.error) {
            self.congested &= !self.queue.is_empty();
            if self.intake.overflow(512 * self.queue.len() as u32) {
                self.lose(late);
            }
            self.assembler.doubt();
            return true;
        }
        let first = self.queue.pop_front();
        self.congested &= !self.queue.is_empty();
        let Some(first) = first else {
            let lost = self.intake.empty();
            if lost {
                self.lose(late);
            }
            return lost;
        };
        if self.intake.datagram() {
            self.lose(late);
        }
        match first {
            Queued::Datagram(bytes) => feed(&mut self.assembler, &bytes, &mut self.out),
            Queued::Answer(number, answer) if self.asked == Some(number) => {
                self.asked = None;
                self.assembler.placed(answer, &mut self.out);
            }
            Queued::Answer(..) => {}
        }
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit(writer, size) => self.commit(writer, size),
            Step::Announce(datagrams) => self.announce(datagrams),
            Step::Packet => {
                self.packets += 1;
                // Of the generation that was the namespace's when it was sent.
                let bytes = packet(self.packets as u32, self.generation as u16);
                self.send(Queued::Datagram(bytes));
            }
            Step::Read(times, late) => {
                for _ in 0..times {
                    self.read(late);
                }
            }
            Step::Spoil(whole) if self.weather.spoils => {
                if let Some(datagram) = self.pending.front_mut() {
                    self.spoiled += 1;
                    if whole {
                        // Not even a message.
                        datagram[0..4].copy_from_slice(&3u32.to_ne_bytes());
                    } else {
                        spoil(datagram);
                    }
                }
            }
            // Who does not know the generation takes the 65,536th for the first; as many do not go by without an overflow.
            Step::Vanish(further) if further > 60_000 && (self.asked.is_some() || self.is_lost()) => {}
            Step::Vanish(further) if self.weather.vanishes => self.vanish(further),
            Step::Refuse(refused) if self.weather.refuses => self.refused = refused,
            _ => {}
        }
    }

    fn vanish(&mut self, further: u32) {
        // Its end is among what is lost, or the loss could not be seen by anybody.
        if self.pending.pop_back().is_none() && further == 0 {
            return;
        }
        self.dropped += 1;
        self.pending.clear();
        for _ in 0..further {
            self.generation = next_generation(self.generation);
        }
        if further > 0 {
            self.order.push(self.generation);
        }
        // What comes next may lack its beginning.
        self.commit(8, 5);
        if further % 2 == 1 {
            self.pending.pop_front();
        }
    }

    /// Whether the reader may not know the generation.
    fn is_lost(&self) -> bool {
        self.weather.refuses || self.weather.spoils
    }

    fn finish(&mut self) {
        self.announce(usize::MAX);
        while self.read(0) {}
    }
}

/// The transactions of what was told must be the model's.
fn check(world: &World) -> Result<(), String> {
    let mut parts: Vec<u8> = Vec::new();
    let mut wholes = Vec::new();
    let mut owed: Option<String> = None;
    let (mut losses, mut packets) = (Vec::new(), 0);
    let mut next_part = 1;
    // The loss before the next transaction.
    let mut lost = true;
    let mut previous: Option<u32> = None;
    for told in &world.out.told {
        match told {
            Told::Packet => packets += 1,
            Told::Loss(generation) => {
                losses.push(*generation);
                owed = None;
                lost = true;
            }
            Told::Transaction(told) => {
                if let Some(owed) = owed.as_ref().filter(|_| told.complete) {
                    return Err(format!("{owed} is followed by {told:?} without a loss"));
                }
                if told.part != next_part {
                    return Err(format!("part {} instead of {next_part}", told.part));
                }
                next_part = if told.is_last { 1 } else { told.part + 1 };
                parts.extend_from_slice(told.changes.as_bytes());
                if !told.is_last {
                    if told.process.comm.is_some() || told.process.tid.is_some() {
                        return Err(format!("a part names its author: {told:?}"));
                    }
                    continue;
                }
                let all = std::mem::take(&mut parts);
                if let Some(generation) = told.generation {
                    blame(world, generation, told, &all)?;
                }
                if !told.complete {
                    owed = Some(format!("{told:?}"));
                    previous = told.generation;
                    continue;
                }
                let generation = told.generation.ok_or("complete without a generation")?;
                let commit = world.commits.get(&generation).ok_or("a generation that never was")?;
                if all != commit.changes {
                    return Err(format!("generation {generation} of {} is {all:?}", commit.count));
                }
                if !lost && previous.is_some_and(|previous| next_generation(previous) != generation) {
                    return Err(format!("{previous:?} is followed by {generation} without a loss"));
                }
                (previous, lost) = (Some(generation), false);
                wholes.push(generation);
            }
        }
    }
    if let Some(owed) = owed {
        return Err(format!("{owed} is followed by nothing"));
    }
    let mut sorted = wholes.clone();
    sorted.sort_by_key(|generation| world.order.iter().position(|made| made == generation));
    sorted.dedup();
    if sorted != wholes {
        return Err(format!("out of order or twice: {wholes:?}"));
    }
    // Who reads the rule set again at each loss misses nothing.
    let first = world.order.first().copied().unwrap_or_default();
    let place = |generation: u32| generation.wrapping_sub(first) as i32;
    for generation in &world.order {
        let covered = wholes.contains(generation)
            || place(world.beginning) >= place(*generation)
            || losses.iter().any(|at| place(*at) >= place(*generation));
        if !covered {
            return Err(format!(
                "generation {generation} is missing; whole: {wholes:?}, losses at {losses:?}"
            ));
        }
    }
    if world.dropped == 0 && world.spoiled == 0 && !world.weather.refuses {
        if !losses.is_empty() {
            return Err(format!("losses at {losses:?} of nothing"));
        }
        if packets != world.packets {
            return Err(format!("{packets} of {} packets", world.packets));
        }
    }
    Ok(())
}

/// Nothing is blamed on somebody else, be it complete or not.
fn blame(world: &World, generation: u32, told: &Transaction, all: &[u8]) -> Result<(), String> {
    let commit = world.commits.get(&generation).ok_or_else(|| format!("no {generation}"))?;
    let comm = told.process.comm.as_deref().map(|comm| String::from_utf8_lossy(comm).into_owned());
    if (told.process.portid, told.process.tid, comm.as_deref())
        != (Some(commit.portid), Some(commit.tid), Some(&commit.comm))
    {
        return Err(format!("{generation} is of {commit:?}, not of {:?}", told.process));
    }
    let mut rest = &commit.changes[..];
    for change in Messages::new(all).map(Result::unwrap) {
        let at = Messages::new(rest).map(Result::unwrap).position(|mine| mine.bytes == change.bytes);
        let at = at.ok_or_else(|| format!("{generation} has a change that is not its own: {change:?}"))?;
        let length: usize = Messages::new(rest).take(at + 1).map(|mine| mine.unwrap().bytes.len()).sum();
        rest = &rest[length..];
    }
    Ok(())
}

fn cases() -> u32 {
    if std::env::var_os("LINX_LONG").is_some() { 200_000 } else { 1_500 }
}

fn generations() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(1u32),
        (65_500..65_560u32),
        (u32::MAX - 20..=u32::MAX),
        any::<u32>().prop_map(|any| any.max(1))
    ]
}

/// Commits of random sizes by random writers, announced into a queue that overflows: what is complete is exactly one
/// commit with its author, what is not is followed by a loss, nothing is missing that no loss tells of.
#[test]
fn transactions_are_those_of_a_model_kernel() {
    let mut runner =
        TestRunner::new(Config { cases: cases(), failure_persistence: None, ..Config::default() });
    let all = (weather(), generations(), steps(), 0..4usize);
    let outcome = runner.run(&all, |(weather, generation, steps, late)| {
        let mut world = World::new(weather, generation);
        world.ask(late);
        world.beginning = world.generation;
        steps.into_iter().for_each(|step| world.step(step));
        world.finish();
        check(&world).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The kernel writes the answer and puts it into the queue without a lock: a commit may come in between.
#[test]
fn an_answer_that_was_overtaken_by_a_commit_places_nothing_wrongly() {
    for sent in 0..=3 {
        let weather =
            Weather { room: usize::MAX, spoils: false, vanishes: false, refuses: false, limit: LIMIT };
        let mut world = World::new(weather, 65_535);
        world.questions = 1;
        world.asked = Some(1);
        world.commit(1, 4);
        world.announce(sent);
        world.send(Queued::Answer(1, Some(65_535)));
        world.commit(2, 2);
        world.finish();
        let told: Vec<_> = world.out.told.iter().collect();
        if sent == 0 {
            let [Told::Transaction(first), Told::Transaction(second)] = told[..] else { panic!("{told:?}") };
            assert!(first.complete && second.complete);
            continue;
        }
        let [Told::Transaction(second)] = told[..] else { panic!("{told:?}") };
        assert!(second.complete && second.generation == Some(65_537), "{sent}: {second:?}");
        assert_eq!(second.changes.len(), 2);
    }
}

/// A commit without an end, then another: what is missing may be that end and the beginning of the other.
#[test]
fn what_follows_a_commit_without_an_end_is_not_called_whole() {
    let weather = Weather { room: usize::MAX, spoils: false, vanishes: false, refuses: false, limit: LIMIT };
    let mut world = World::new(weather, 5);
    world.ask(0);
    world.commit(1, 4);
    // Two of its datagrams come; the rest, its end, and the first of the next are lost without a word.
    world.announce(2);
    world.pending.clear();
    world.commit(2, 4);
    world.pending.pop_front();
    world.commit(3, 1);
    world.finish();
    let complete: Vec<_> = world
        .out
        .told
        .iter()
        .filter_map(|told| match told {
            Told::Transaction(told) => Some(told.complete),
            _ => None,
        })
        .collect();
    assert_eq!(complete, [false, false, true]);
    world.dropped = 1;
    check(&world).unwrap();
    // The same when nothing but its end comes of the next.
    let mut world = World::new(weather, 5);
    world.ask(0);
    world.commit(1, 4);
    world.announce(2);
    world.pending.clear();
    world.commit(2, 4);
    while world.pending.len() > 1 {
        world.pending.pop_front();
    }
    world.finish();
    assert!(world.out.told.iter().all(|told| !matches!(told, Told::Transaction(told) if told.complete)));
}

/// A commit in parts: a floor that keeps back its last part keeps back the others, too.
#[test]
fn each_part_of_a_commit_has_its_generation() {
    let weather = Weather { room: usize::MAX, spoils: false, vanishes: false, refuses: false, limit: 100 };
    let mut world = World::new(weather, 8);
    world.ask(0);
    world.commit(1, 8);
    world.finish();
    let parts: Vec<_> = world
        .out
        .told
        .iter()
        .map(|told| match told {
            Told::Transaction(told) => (told.generation, told.is_last),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(parts.len() > 2, "{parts:?}");
    assert!(parts.iter().all(|(generation, _)| *generation == Some(9)), "{parts:?}");
}

/// The kernel's generations begin with 1. An end without a number is nobody's: what comes next is not known to be next.
#[test]
fn an_end_without_a_number_is_no_generation() {
    let mut assembler = Assembler::new(LIMIT, None);
    let mut out = Out::default();
    assembler.placed(Some(5), &mut out);
    feed(&mut assembler, &end_of(6, 1, 1, "nft"), &mut out);
    assert!(matches!(&out.told[..], [Told::Transaction(sixth)] if sixth.complete), "{:?}", out.told);
    out.told.clear();
    for nameless in [message(nft::NEWGEN, 0, 1, 6, &[]), end_of(0, 1, 1, "nft")] {
        feed(&mut assembler, &nameless, &mut out);
        feed(&mut assembler, &table("t", 1, 1, 1), &mut out);
        feed(&mut assembler, &end_of(1, 1, 1, "nft"), &mut out);
        let told: Vec<_> = out.told.drain(..).collect();
        let [Told::Loss(_), Told::Transaction(next), Told::Loss(_)] = &told[..] else { panic!("{told:?}") };
        assert!(!next.complete, "{next:?}");
    }
    let mut unknown = Assembler::new(LIMIT, None);
    unknown.placed(Some(0), &mut out);
    feed(&mut unknown, &end_of(1, 1, 1, "nft"), &mut out);
    let [Told::Transaction(first), Told::Loss(_)] = &out.told[..] else { panic!("{:?}", out.told) };
    assert!(!first.complete, "{first:?}");
}
