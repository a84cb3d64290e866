//! Every transaction is whole, with its own generation and process, or it is marked and followed by a loss: eight writers
//! that write who they are into what they make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use linx::monitor::{Builder, Decoder, Origin, Sink};
use linx::nft::{EntityRef, GenerationRef, GenerationView, Monitor, Notice, next_generation};
use linx::{Group, Protocol};
use linx_test::{Namespace, PATIENCE, is_root, skip_unless};
use linx_wire::DecodeError;
use linx_wire::header::Message;
use linx_wire::uapi::nft;

use crate::writers::{Commit, Item, Plan, Writer, items};
use crate::{is_long, seed};

const WRITERS: u32 = 8;

/// Says of each transaction whether it is what its writer made.
struct Checker {
    seed: u64,
    max: u32,
    /// By number: thread, port id and name.
    writers: Vec<(u32, u32, String)>,
    /// The serial that comes next, and how many losses there had been.
    next: BTreeMap<u32, (u32, u64)>,
    last: Option<u32>,
    /// A loss was told since the last complete one.
    lost: bool,
    /// An incomplete one was told, and no loss since.
    owed: bool,
    complete: u64,
    objects: u64,
    /// Incomplete ones of which something came and something did not.
    cut: u64,
    incomplete: u64,
    losses: u64,
    misattributed: u64,
    split: u64,
    disordered: u64,
    untold: u64,
    first_fault: Option<String>,
}

impl Checker {
    fn new(seed: u64, max: u32, writers: &[Writer]) -> Self {
        Self {
            seed,
            max,
            writers: writers.iter().map(|w| (w.tid, w.portid, w.comm.clone())).collect(),
            next: BTreeMap::new(),
            last: None,
            lost: false,
            owed: false,
            complete: 0,
            objects: 0,
            cut: 0,
            incomplete: 0,
            losses: 0,
            misattributed: 0,
            split: 0,
            disordered: 0,
            untold: 0,
            first_fault: None,
        }
    }

    fn fault(&mut self, what: String) {
        self.first_fault.get_or_insert(what);
    }

    fn loss(&mut self) {
        self.losses += 1;
        (self.lost, self.owed) = (true, false);
    }

    /// Returns whose it is.
    fn commit(&mut self, commit: &Commit) -> Option<u32> {
        let owner = commit.items.first().and_then(|item| {
            let word = item.what.split_whitespace().find(|word| word.starts_with('w') && word.contains("-s"));
            let (writer, serial) = word?.strip_prefix('w')?.split_once("-s")?;
            let serial: u32 = serial.parse().ok()?;
            let is_deletion = item.op == linx::Operation::Del;
            Some((writer.parse::<u32>().ok()?, serial + u32::from(is_deletion)))
        });
        if !commit.complete {
            self.incomplete += 1;
            self.owed = true;
        }
        let Some((writer, serial)) = owner else {
            // Its end alone came.
            if commit.complete {
                self.split += 1;
                self.fault(format!("a complete one of nothing: {commit:?}"));
            }
            return None;
        };
        let (tid, portid, comm) = self.writers[writer as usize].clone();
        let is_named = commit.comm.is_some() || commit.complete;
        let author = (commit.tid, commit.portid, commit.comm.clone());
        if is_named && author != (Some(tid), Some(portid), Some(comm)) {
            self.misattributed += 1;
            self.fault(format!("of writer {writer} serial {serial}, blamed on {author:?}"));
        }
        let mut planned = Plan::new(self.seed, writer, serial, self.max).items();
        let mut told = commit.items.clone();
        // The kernel deletes in an order of its own.
        if serial % 2 == 1 {
            planned.sort();
            told.sort();
        }
        if !commit.complete {
            let own: BTreeSet<&Item> = planned.iter().collect();
            let is_part = told.iter().all(|item| own.contains(item));
            if !is_part {
                self.split += 1;
                self.fault(format!("an incomplete one of two: {commit:?}"));
            }
            self.cut += u64::from(told.len() < planned.len());
            return Some(writer);
        }
        self.complete += 1;
        self.objects += planned.len() as u64;
        if told != planned {
            self.split += 1;
            let (got, due) = (told.len(), planned.len());
            self.fault(format!(
                "writer {writer} serial {serial}: {got} of {due} objects, {:?}",
                told.first()
            ));
        }
        let (next, losses) = self.next.insert(writer, (serial + 1, self.losses)).unwrap_or_default();
        let is_next = if losses == self.losses { serial == next } else { serial >= next };
        let follows = self.last.is_none_or(|last| commit.generation == Some(next_generation(last)));
        let is_later = self.last.is_none_or(|last| commit.generation > Some(last));
        if !is_next || !is_later || !self.lost && !follows {
            self.disordered += 1;
            let generation = commit.generation;
            self.fault(format!(
                "writer {writer} serial {serial} not {next}, {generation:?} after {:?}",
                self.last
            ));
        }
        if self.owed {
            self.untold += 1;
            self.fault(format!("no loss between an incomplete one and writer {writer} serial {serial}"));
        }
        self.last = commit.generation;
        self.lost = false;
        Some(writer)
    }

    fn faults(&self) -> u64 {
        self.misattributed + self.split + self.disordered + self.untold
    }

    fn tell(&self, what: &str, since: Instant) {
        println!(
            "{what}: {} complete transactions of {} objects, {} incomplete ({} cut inside), {} losses; \
             {} misattributed, {} split, {} out of order, {} untold; {:.0} s",
            self.complete,
            self.objects,
            self.incomplete,
            self.cut,
            self.losses,
            self.misattributed,
            self.split,
            self.disordered,
            self.untold,
            since.elapsed().as_secs_f64()
        );
    }
}

/// The reader who attaches the latest end to the changes that follow it.
#[derive(Default)]
struct Naive {
    latest: Option<Commit>,
}

impl Decoder for Naive {
    type Event = ();
    type Transaction = Commit;
    const PROTOCOL: Protocol = Protocol::NETFILTER;

    fn message(
        &mut self,
        message: &Message<'_>,
        _: Origin,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), DecodeError> {
        let header = message.header;
        if header.message_type == nft::NEWGEN {
            let end = GenerationRef::decode(message.payload)?;
            let next = Commit {
                generation: Some(end.id()),
                portid: Some(header.portid),
                tid: end.thread_id(),
                comm: end.thread_name().map(|name| name.to_string()),
                complete: true,
                items: Vec::new(),
            };
            if let Some(commit) = self.latest.replace(next) {
                sink.transaction(commit);
            }
        } else if let Some((op, entity)) = EntityRef::decode(header.message_type, message.payload)? {
            if let Some(latest) = &mut self.latest {
                latest.items.extend(items(op, &entity));
            }
        }
        Ok(())
    }
}

fn writers(namespace: &Namespace, seed: u64, max: u32) -> Vec<Writer> {
    (0..WRITERS).map(|number| Writer::start(namespace.name(), number, seed, max)).collect()
}

/// Each writer makes `each` commits, no more than four ahead of the reader.
fn credit(writers: &mut [Writer], granted: &mut [u32], writer: u32, each: u32) {
    let at = writer as usize;
    if granted[at] < each {
        granted[at] += 1;
        writers[at].grant(1);
    }
}

#[test]
fn a_flood_of_eight_writers_is_told_whole_and_each_commit_is_its_writers() {
    skip_unless!(is_root(), "not root");
    let (each, max) = if is_long() { (13_000, 5_000) } else { (250, 1_500) };
    let seed = seed();
    let namespace = Namespace::new("p3");
    let mut monitor = Monitor::builder().netns(&namespace.netns()).rcvbuf(256 << 20).subscribe().unwrap();
    let mut writers = writers(&namespace, seed, max);
    let mut checker = Checker::new(seed, max, &writers);
    let mut granted = vec![0; writers.len()];
    for _ in 0..4 {
        (0..WRITERS).for_each(|writer| credit(&mut writers, &mut granted, writer, each));
    }
    let since = Instant::now();
    let mut seen = 0;
    while seen < u64::from(each * WRITERS) {
        let notice = monitor.recv_timeout(PATIENCE).unwrap().expect("a notice");
        let Notice::Transaction(told) = notice else { panic!("{notice:?}") };
        assert!(told.is_last && told.part == 1 && told.complete);
        let writer = checker.commit(&Commit::from(&told)).expect("a writer");
        credit(&mut writers, &mut granted, writer, each);
        seen += 1;
        if seen % 10_000 == 0 {
            checker.tell("so far", since);
        }
    }
    writers.iter_mut().for_each(Writer::finish);
    assert!(monitor.recv_timeout(Duration::from_millis(20)).unwrap().is_none());
    checker.tell("flood", since);
    assert_eq!(checker.faults(), 0, "{:?}", checker.first_fault);
    assert_eq!((checker.complete, checker.losses), (u64::from(each * WRITERS), 0));
}

#[test]
fn a_flood_into_a_small_buffer_blames_nobody_wrongly_and_calls_nothing_whole_that_is_not() {
    skip_unless!(is_root(), "not root");
    let (cuts, max) = if is_long() { (1_000, 5_000) } else { (20, 1_000) };
    let seed = seed();
    let namespace = Namespace::new("p3lost");
    let mut monitor = Monitor::builder().netns(&namespace.netns()).rcvbuf(16 << 10).subscribe().unwrap();
    let mut writers = writers(&namespace, seed, max);
    let mut checker = Checker::new(seed, max, &writers);
    let since = Instant::now();
    let mut turn = 0;
    while checker.cut < cuts {
        match monitor.recv_timeout(Duration::from_millis(2)).unwrap() {
            Some(Notice::Transaction(told)) => {
                checker.commit(&Commit::from(&told));
            }
            Some(Notice::ResyncNeeded(_)) => checker.loss(),
            Some(other) => panic!("{other:?}"),
            None => {
                // All that was granted has been made, or is being made.
                turn += 1;
                writers[turn % WRITERS as usize].grant(4);
                writers[(turn + 3) % WRITERS as usize].grant(1);
            }
        }
        assert!(since.elapsed() < Duration::from_secs(3_000));
    }
    writers.iter_mut().for_each(Writer::finish);
    // What was made behind the last answer is told, or a loss is.
    monitor
        .until_now(PATIENCE, |notice| match notice {
            Notice::Transaction(told) => {
                checker.commit(&Commit::from(&told));
            }
            Notice::ResyncNeeded(_) => checker.loss(),
            other => panic!("{other:?}"),
        })
        .unwrap();
    checker.tell("small buffer", since);
    assert_eq!(checker.faults(), 0, "{:?}", checker.first_fault);
    assert!(!checker.owed, "the last loss is not told");
    assert!(checker.losses >= cuts / 2 && checker.complete > 0);
    let stats = monitor.control().stats();
    assert!(stats.losses == checker.losses && stats.drops > 0, "{stats:?}");
}

/// The negative control: the same checker finds that another rule is wrong.
#[test]
fn the_latest_end_is_not_the_author_of_what_follows_it() {
    skip_unless!(is_root(), "not root");
    let (each, max) = (20, 50);
    let seed = seed();
    let namespace = Namespace::new("p3naive");
    let naive = Builder::new(Naive::default(), &[Group::NFTABLES]).netns(&namespace.netns());
    let mut naive = naive.rcvbuf(64 << 20).subscribe().unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).rcvbuf(64 << 20).subscribe().unwrap();
    let mut writers = writers(&namespace, seed, max);
    let (mut wrong, mut right) = (Checker::new(seed, max, &writers), Checker::new(seed, max, &writers));
    for round in 0..each {
        let at = (round % WRITERS) as usize;
        writers[at].grant(1);
        let notice = monitor.recv_timeout(PATIENCE).unwrap().unwrap();
        right.commit(&Commit::from(&notice.transaction().unwrap()));
    }
    let since = Instant::now();
    while let Some(notice) = naive.recv_timeout(Duration::from_millis(50)).unwrap() {
        wrong.commit(&notice.transaction().unwrap());
    }
    wrong.tell("the latest end", since);
    assert_eq!(right.faults(), 0, "{:?}", right.first_fault);
    // Each but the first, whose author is nobody, and the second, which has that one's author.
    assert_eq!(wrong.misattributed, wrong.complete, "{:?}", wrong.first_fault);
    assert!(wrong.complete >= u64::from(each) - 2);
}
