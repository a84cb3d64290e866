//! A rule set, then the commits after it: together they are what a later reading finds, whoever commits meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use linx::nft::{
    self, ChainView, Entity, EntityRef, ItemRef, Monitor, Notice, RuleView, Ruleset, Transaction,
};
use linx::{ErrorKind, Handle, Key, Kind, Operation};
use linx_test::{Namespace, PATIENCE, StopOnDrop, is_root, skip_unless};
use linx_wire::Compare;
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::nft::{
    CHAIN, ELEMENT, ELEMENT_LIST, Element, HOOK, Nest, RULE, SET, SET_DESC, SET_FIELD, TABLE, comment, expr,
    family,
};
use linx_wire::uapi::nft as number;

use crate::writers::{Committer, Dice};
use crate::{is_long, seed};

/// What one reader holds: objects by their keys, and the order of rules.
#[derive(Default)]
struct Model {
    entities: BTreeMap<String, Entity>,
    elements: BTreeMap<String, Element>,
    /// By table and chain, the handles of its rules.
    order: BTreeMap<(u8, Vec<u8>, Vec<u8>), Vec<u64>>,
}

impl Model {
    fn of(rules: &Ruleset) -> Self {
        let mut model = Self::default();
        for entity in rules.entities() {
            if let EntityRef::Rule(rule) = &entity {
                model.order.entry(place(rule)).or_default().push(rule.handle());
            }
            model.put(&entity);
        }
        model
    }

    fn put(&mut self, entity: &EntityRef<'_>) {
        for item in entity.items() {
            let key = Key::of_nft(item).to_string();
            match item {
                ItemRef::Element(element) => {
                    self.elements.insert(key, element.to_owned());
                }
                _ => {
                    self.entities.insert(key, EntityRef::to_owned(*entity));
                }
            }
        }
    }

    fn apply(&mut self, commit: &Transaction) {
        let mut vacated = None;
        for change in &commit.changes {
            if change.op == Operation::New {
                if let EntityRef::Rule(rule) = &change.entity {
                    let rules = self.order.entry(place(rule)).or_default();
                    let at = match rule.position() {
                        Some(before) => {
                            rules.iter().position(|handle| *handle == before).map_or(0, |at| at + 1)
                        }
                        None if !change.flags.contains(MessageFlags::APPEND) => 0,
                        None if change.flags.contains(MessageFlags::ATOMIC) => rules.len(),
                        None => vacated.unwrap_or_default(),
                    };
                    // What does not fit shows in the end.
                    rules.insert(at.min(rules.len()), rule.handle());
                }
                self.put(&change.entity);
                continue;
            }
            for item in change.entity.items() {
                let key = Key::of_nft(item).to_string();
                match item {
                    ItemRef::Element(_) => {
                        self.elements.remove(&key);
                    }
                    ItemRef::Set(_) => {
                        // The elements go without a word (KERNEL.md 1.6).
                        let prefix = key.replacen("nft/set/", "nft/element/", 1) + "/";
                        self.elements.retain(|key, _| !key.starts_with(&prefix));
                        self.entities.remove(&key);
                    }
                    ItemRef::Rule(rule) => {
                        let rules = self.order.entry(place(&rule)).or_default();
                        vacated = rules.iter().position(|handle| *handle == rule.handle());
                        vacated.map(|at| rules.remove(at));
                        self.entities.remove(&key);
                    }
                    _ => {
                        self.entities.remove(&key);
                    }
                }
            }
        }
    }

    /// The differences of tracked fields, and of order.
    fn differences(&mut self, fresh: &mut Self) -> Vec<String> {
        let mut found = Vec::new();
        for key in self.entities.keys().chain(fresh.entities.keys()).collect::<BTreeSet<_>>() {
            match (self.entities.get(key), fresh.entities.get(key)) {
                (Some(mine), Some(theirs)) if mine == theirs => {}
                (Some(mine), Some(theirs)) => {
                    found.push(format!("{key}: {:?}", mine.differences(theirs, Compare::Tracked)));
                }
                (mine, _) => {
                    found.push(format!("{key}: only {}", if mine.is_some() { "here" } else { "there" }));
                }
            }
        }
        for key in self.elements.keys().chain(fresh.elements.keys()).collect::<BTreeSet<_>>() {
            if self.elements.get(key) != fresh.elements.get(key) {
                found.push(key.clone());
            }
        }
        self.order.retain(|_, rules| !rules.is_empty());
        fresh.order.retain(|_, rules| !rules.is_empty());
        for (chain, rules) in &fresh.order {
            let mine = self.order.get(chain);
            if mine != Some(rules) {
                found.push(format!("the order of rules: {mine:?} instead of {rules:?}"));
            }
        }
        found
    }
}

fn place(rule: &nft::RuleRef<'_>) -> (u8, Vec<u8>, Vec<u8>) {
    (rule.family(), rule.table().as_bytes().to_vec(), rule.chain().as_bytes().to_vec())
}

fn request(message_type: u16, flags: MessageFlags, nest: Nest) -> Request {
    nest.request(message_type, flags, family::INET).unwrap()
}

fn new(message_type: u16, nest: Nest) -> Request {
    request(message_type, MessageFlags::ATOMIC | MessageFlags::APPEND, nest)
}

fn del(message_type: u16, nest: Nest) -> Request {
    request(message_type, MessageFlags::empty(), nest)
}

fn table(name: &str) -> Nest {
    Nest::new(&TABLE).set("name", name)
}

fn base_chain(table: &str, policy: u32) -> Nest {
    let hook = Nest::new(&HOOK).set("hook", 1u32).set("prio", 0);
    let chain = Nest::new(&CHAIN).set("table", table).set("name", "base").set("hook", hook);
    chain.set("type", "filter").set("policy", policy)
}

fn set(table: &str, name: &str, flags: u32) -> Nest {
    let set = Nest::new(&SET).set("table", table).set("name", name).set("id", 1u32).set("flags", flags);
    set.set("key_type", 0u32)
}

fn rule(table: &str, note: &str) -> Nest {
    let counter = Nest::expression(Nest::new(&expr::COUNTER));
    let rule = Nest::new(&RULE).set("table", table).set("chain", "base").set("expr", vec![counter]);
    rule.set("userdata", comment(note.as_bytes()).unwrap())
}

fn elements(table: &str, set: &str, elements: Vec<Nest>) -> Nest {
    Nest::new(&ELEMENT_LIST).set("table", table).set("set", set).set("elem", elements)
}

fn element(key: &[u8]) -> Nest {
    Nest::new(&ELEMENT).set("key", Nest::value(key))
}

/// Commits to a table of its own, which comes and goes.
struct Churn {
    table: String,
    dice: Dice,
    exists: bool,
    count: u64,
    committer: Committer,
    handle: Handle,
}

impl Churn {
    fn step(&mut self) {
        self.count += 1;
        let name = self.table.as_str();
        let key = |dice: &mut Dice| (dice.below(40) as u32).to_be_bytes();
        let pair = |dice: &mut Dice| {
            let (low, port) = (dice.below(20) as u32, dice.below(5) as u16);
            [&low.to_be_bytes()[..], &port.to_be_bytes(), &[0; 2]].concat()
        };
        let range = |from: &[u8]| {
            let mut to = from.to_vec();
            to[3] |= 1;
            element(from).set("key_end", Nest::value(&to))
        };
        if !self.exists {
            let field = |len: u32| Nest::new(&SET_FIELD).set("len", len);
            let desc = Nest::new(&SET_DESC).set("concat", vec![field(4), field(2)]);
            let pairs = set(name, "pairs", 0x84).set("key_len", 8u32).set("desc", desc);
            let all = vec![
                new(number::NEWTABLE, table(name)),
                new(number::NEWCHAIN, base_chain(name, 1)),
                new(number::NEWSET, set(name, "plain", 0).set("key_len", 4u32)),
                new(number::NEWSET, pairs),
            ];
            assert_eq!(self.committer.commit(all), 0);
            self.exists = true;
            return;
        }
        let mut requests = Vec::new();
        let dice = &mut self.dice;
        match dice.below(20) {
            0 => {
                requests.push(del(number::DELTABLE, table(name)));
                self.exists = false;
            }
            1..=3 => requests.push(new(number::NEWCHAIN, base_chain(name, dice.below(2) as u32))),
            4 => requests.push(new(number::NEWTABLE, table(name).set("flags", dice.below(2) as u32))),
            5..=8 => {
                for _ in 0..=dice.below(20) {
                    requests.push(new(number::NEWRULE, rule(name, &format!("rule {}", self.count))));
                }
            }
            9 => {
                let rule = rule(name, &format!("first {}", self.count));
                requests.push(request(number::NEWRULE, MessageFlags::ATOMIC, rule));
            }
            10 if dice.below(2) == 0 => {
                let all = Nest::new(&RULE).set("table", name).set("chain", "base");
                requests.push(del(number::DELRULE, all));
            }
            10..=11 => {
                // Beside or in the place of one that is there.
                let pull = nft::pull(&self.handle).table(nft::Family::Inet, name).kinds(&[Kind::NftRule]);
                let Ok(rules) = pull.ruleset() else { return };
                let handles: Vec<u64> = rules.rules().map(|rule| rule.handle()).collect();
                if handles.is_empty() {
                    return;
                }
                let [first, last] = [handles[0], handles[handles.len() - 1]];
                let any = handles[dice.below(handles.len() as u64) as usize];
                let place = [first, last, any][dice.below(3) as usize];
                let create = MessageFlags::ATOMIC;
                let append = MessageFlags::ATOMIC | MessageFlags::APPEND;
                let (flags, key) = match dice.below(3) {
                    0 => (MessageFlags::ROOT, "handle"),
                    1 => (create, "position"),
                    _ => (append, "position"),
                };
                let rule = rule(name, &format!("beside {}", self.count)).set(key, place);
                requests.push(request(number::NEWRULE, flags, rule));
            }
            12 => {
                requests.push(del(
                    number::DELSETELEM,
                    Nest::new(&ELEMENT_LIST).set("table", name).set("set", "plain"),
                ));
            }
            13..=15 => {
                let keys: BTreeSet<[u8; 4]> = (0..=dice.below(8)).map(|_| key(dice)).collect();
                let some = keys.iter().map(|key| element(key)).collect();
                let kind = if dice.below(3) == 0 { number::DELSETELEM } else { number::NEWSETELEM };
                let flags =
                    if kind == number::NEWSETELEM { MessageFlags::ATOMIC } else { MessageFlags::empty() };
                requests.push(request(kind, flags, elements(name, "plain", some)));
            }
            _ => {
                let one = range(&pair(dice));
                let kind = if dice.below(3) == 0 { number::DELSETELEM } else { number::NEWSETELEM };
                let flags =
                    if kind == number::NEWSETELEM { MessageFlags::ATOMIC } else { MessageFlags::empty() };
                requests.push(request(kind, flags, elements(name, "pairs", vec![one])));
            }
        }
        // Some of them are refused: an element that is not there, an interval that overlaps.
        self.committer.commit(requests);
    }
}

/// On a busy machine the writers may leave no moment for all retries.
fn patiently(pull: &nft::Pull) -> Ruleset {
    let mut found = None;
    linx_test::until("a moment without a commit", || match pull.ruleset() {
        Ok(rules) => found.insert(rules).generation() > 0,
        Err(error) => {
            assert!(matches!(error.kind, ErrorKind::Changing { .. }), "{error}");
            false
        }
    });
    found.unwrap()
}

/// One reader's round: what it holds after the writers paused, against a fresh reading.
fn rounds(tag: &str, rounds: u32, handshake: bool) -> (u32, u64, Vec<String>) {
    let seed = seed();
    let namespace = Namespace::new(tag);
    let handle = Handle::new(&namespace.netns()).unwrap();
    let (stop, pause, commits) = (AtomicBool::new(false), AtomicBool::new(true), AtomicU64::new(0));
    let resting = AtomicU64::new(0);
    let mut wrong = 0;
    let mut first = Vec::new();
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for writer in 0..5 {
            let (stop, pause, commits, resting) = (&stop, &pause, &commits, &resting);
            let mut churn = Churn {
                table: format!("t{writer}"),
                dice: Dice(seed + writer),
                exists: false,
                count: 0,
                committer: Committer::new(&namespace.netns()),
                handle: handle.clone(),
            };
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    if pause.load(Ordering::SeqCst) {
                        resting.fetch_add(1, Ordering::SeqCst);
                        while pause.load(Ordering::SeqCst) && !stop.load(Ordering::SeqCst) {
                            std::thread::sleep(Duration::from_micros(200));
                        }
                        resting.fetch_sub(1, Ordering::SeqCst);
                        continue;
                    }
                    churn.step();
                    commits.fetch_add(1, Ordering::SeqCst);
                    // A reading needs a moment in which nothing is committed.
                    std::thread::sleep(Duration::from_micros(churn.dice.below(12_000)));
                }
            });
        }
        for round in 0..rounds {
            pause.store(false, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            let subscribe =
                || Monitor::builder().netns(&namespace.netns()).rcvbuf(16 << 20).subscribe().unwrap();
            let (mut monitor, rules) = if handshake {
                let monitor = subscribe();
                let rules = patiently(&nft::pull(&handle).subscribe_first(&monitor.control()));
                (monitor, rules)
            } else {
                let rules = patiently(&nft::pull(&handle));
                (subscribe(), rules)
            };
            let mut model = Model::of(&rules);
            let mut last = rules.generation();
            let mut apply = |notice: Notice| {
                let Notice::Transaction(commit) = notice else { panic!("{notice:?}") };
                if handshake {
                    assert!(commit.complete);
                    assert_eq!(commit.generation, Some(nft::next_generation(last)), "round {round}");
                }
                last = commit.generation.unwrap();
                model.apply(&commit);
            };
            for _ in 0..4 {
                if let Some(notice) = monitor.recv_timeout(Duration::from_millis(5)).unwrap() {
                    apply(notice);
                }
            }
            pause.store(true, Ordering::SeqCst);
            linx_test::until("the writers to rest", || resting.load(Ordering::SeqCst) == 5);
            monitor.until_now(PATIENCE, &mut apply).unwrap();
            let fresh = nft::pull(&handle).ruleset().unwrap();
            if handshake {
                assert_eq!(last, fresh.generation());
            }
            let differences = model.differences(&mut Model::of(&fresh));
            if !differences.is_empty() {
                wrong += 1;
                eprintln!("round {round}: {differences:?}");
                if first.is_empty() {
                    first = differences;
                }
                if !handshake {
                    return;
                }
            }
        }
    });
    (wrong, commits.load(Ordering::SeqCst), first)
}

#[test]
fn a_rule_set_and_the_commits_after_it_are_what_a_later_reading_finds() {
    skip_unless!(is_root(), "not root");
    let count = if is_long() { 1_000 } else { 30 };
    let (wrong, commits, first) = rounds("snap", count, true);
    println!("snapshot + tail: {count} rounds, {commits} commits by 5 writers, {wrong} rounds that differ");
    assert_eq!(wrong, 0, "{first:?}");
    assert!(commits > u64::from(count));
}

/// The negative control: read first, then subscribe, with no floor.
#[test]
fn without_the_handshake_something_is_missing() {
    skip_unless!(is_root(), "not root");
    let (wrong, commits, _) = rounds("nosnap", 40, false);
    println!("without the handshake: {wrong} round that differs after {commits} commits by 5 writers");
    assert_eq!(wrong, 1);
}

/// The kernel counts a commit before it carries it out: what it updates in place (a policy, a set of intervals) is as it
/// was for some milliseconds of the new generation.
#[test]
fn a_commit_that_is_being_carried_out_is_in_the_rule_set() {
    skip_unless!(is_root(), "not root");
    let count = if is_long() { 2_000 } else { 60 };
    let namespace = Namespace::new("midway");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut committer = Committer::new(&namespace.netns());
    let all = vec![
        new(number::NEWTABLE, table("t")),
        new(number::NEWCHAIN, base_chain("t", 1)),
        new(number::NEWSET, set("t", "plain", 0).set("key_len", 4u32)),
    ];
    assert_eq!(committer.commit(all), 0);
    let stop = AtomicBool::new(false);
    let policy = |rules: &Ruleset| rules.chains().next().unwrap().attributes().policy().unwrap();
    let mut wrong = 0;
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let stop = &stop;
        scope.spawn(move || {
            for number in 0..u32::MAX {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                // The policy comes last, behind what takes a while.
                let some = (0..1_500u32).map(|key| element(&key.to_be_bytes())).collect();
                let kind = if number % 2 == 0 { number::NEWSETELEM } else { number::DELSETELEM };
                let many = request(kind, MessageFlags::empty(), elements("t", "plain", some));
                let flip = new(number::NEWCHAIN, base_chain("t", number % 2));
                assert_eq!(committer.commit(vec![many, flip]), 0);
            }
        });
        for _ in 0..count {
            let mut monitor =
                Monitor::builder().netns(&namespace.netns()).rcvbuf(16 << 20).subscribe().unwrap();
            let pull = nft::pull(&handle).kinds(&[Kind::Chain]);
            let rules = pull.subscribe_first(&monitor.control()).ruleset().unwrap();
            let notice = monitor.recv_timeout(PATIENCE).unwrap().unwrap();
            let Notice::Transaction(commit) = notice else { panic!("{notice:?}") };
            assert_eq!(commit.generation, Some(nft::next_generation(rules.generation())));
            // Each commit changes the policy to the other one.
            let change = commit.changes.iter().last().unwrap();
            let EntityRef::Chain(chain) = change.entity else { panic!("{change:?}") };
            wrong += u32::from(chain.attributes().policy() == Some(policy(&rules)));
        }
    });
    println!("midway: {wrong} of {count} rule sets lacked a part of their own generation");
    assert_eq!(wrong, 0);
}
