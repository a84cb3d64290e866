//! The book against a model of the kernel: commits of rules, chains, sets and elements, announced as the kernel announces
//! them. No I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use linx_wire::DecodeError;
use linx_wire::header::{Message, Messages};
use linx_wire::nft::{CHAIN, ELEMENT, ELEMENT_LIST, ItemRef, Nest, RULE, RuleView, SET, TABLE, comment};
use linx_wire::uapi::nft as number;
use proptest::prelude::*;

use super::{Book, Options, State, Transaction};
use crate::key::Key;
use crate::mirror::delta::Cause;
use crate::monitor::Origin;
use crate::nft::{Assembler, Event, Family, LIMIT, Outlet, Ruleset, Transaction as Commit, next_generation};

/// `NLM_F_CREATE`, `NLM_F_APPEND`
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

#[derive(Clone, Debug, Default)]
struct Table {
    handle: u64,
    /// By name: handle and rules.
    chains: BTreeMap<u8, (u64, Vec<Rule>)>,
    /// By name: handle, and elements with their timeouts, in seconds.
    sets: BTreeMap<u8, (u64, BTreeMap<u8, u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    handle: u64,
    /// It is deleted, but that was not announced yet.
    is_gone: bool,
}

/// What a commit asks for; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Table(u8),
    NoTable(u8),
    Chain(u8, u8),
    NoChain(u8, u8),
    Last(u8, u8),
    First(u8, u8),
    Behind(u8, u8, u8),
    Before(u8, u8, u8),
    InPlace(u8, u8, u8),
    NoRule(u8, u8, u8),
    Set(u8, u8),
    NoSet(u8, u8),
    Element(u8, u8, u8, u8),
    NoElement(u8, u8, u8),
    Flush(u8, u8),
}

/// What is announced of it, in the end.
#[derive(Clone, Debug)]
enum Tell {
    Plain(Vec<u8>),
    Rule { table: u8, chain: u8, handle: u64, flags: u16 },
    NoRule { table: u8, chain: u8, handle: u64 },
}

#[derive(Clone, Debug, Default)]
struct World {
    generation: u32,
    handles: u64,
    tables: BTreeMap<u8, Table>,
}

fn name(letter: char, number: u8) -> String {
    format!("{letter}{number}")
}

impl World {
    fn handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    fn message(&self, message_type: u16, flags: u16, nest: Nest) -> Vec<u8> {
        let attributes = nest.finish().unwrap();
        let mut bytes = (attributes.len() as u32 + 20).to_ne_bytes().to_vec();
        bytes.extend(message_type.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([7, 0, 0, 0, 9, 0, 0, 0, 1, 0]);
        bytes.extend((self.generation as u16).to_be_bytes());
        bytes.extend(attributes);
        bytes
    }

    fn table(&self, table: u8, message_type: u16) -> Vec<u8> {
        let handle = self.tables[&table].handle;
        self.message(message_type, 0, Nest::new(&TABLE).set("name", &*name('t', table)).set("handle", handle))
    }

    fn chain(&self, table: u8, chain: u8, message_type: u16) -> Vec<u8> {
        let handle = self.tables[&table].chains[&chain].0;
        let nest = Nest::new(&CHAIN).set("table", &*name('t', table)).set("handle", handle);
        self.message(message_type, 0, nest.set("name", &*name('c', chain)))
    }

    fn rule(&self, table: u8, chain: u8, handle: u64, position: Option<u64>, kind: (u16, u16)) -> Vec<u8> {
        let mut nest = Nest::new(&RULE).set("table", &*name('t', table)).set("chain", &*name('c', chain));
        nest = nest.set("handle", handle);
        if let Some(position) = position {
            nest = nest.set("position", position);
        }
        nest = nest.set("userdata", comment(format!("rule {handle}").as_bytes()).unwrap());
        self.message(kind.0, kind.1, nest)
    }

    fn set(&self, table: u8, set: u8, message_type: u16) -> Vec<u8> {
        let handle = self.tables[&table].sets[&set].0;
        let nest = Nest::new(&SET).set("table", &*name('t', table)).set("name", &*name('s', set));
        self.message(message_type, 0, nest.set("handle", handle).set("flags", 0x10u32).set("key_len", 1u32))
    }

    fn element(&self, table: u8, set: u8, key: u8, timeout: u8, message_type: u16) -> Vec<u8> {
        let mut element = Nest::new(&ELEMENT).set("key", Nest::value(&[key]));
        if timeout > 0 {
            let ms = u64::from(timeout) * 1000;
            element = element.set("timeout", ms).set("expires", ms);
        }
        let list = Nest::new(&ELEMENT_LIST).set("table", &*name('t', table)).set("set", &*name('s', set));
        self.message(message_type, 0, list.set("elem", vec![element]))
    }

    /// The first step of a commit: what is asked for is prepared, and stands in line.
    fn ask(&mut self, ask: Ask, told: &mut Vec<Tell>) {
        match ask {
            Ask::Table(table) if !self.tables.contains_key(&table) => {
                let handle = self.handle();
                self.tables.insert(table, Table { handle, ..Table::default() });
                told.push(Tell::Plain(self.table(table, number::NEWTABLE)));
            }
            Ask::NoTable(table) if self.tables.contains_key(&table) => {
                let chains: Vec<_> = self.tables[&table].chains.keys().copied().collect();
                for chain in &chains {
                    self.flush_chain(table, *chain, told);
                }
                let sets: Vec<_> = self.tables[&table].sets.keys().copied().collect();
                for set in sets {
                    self.ask(Ask::NoSet(table, set), told);
                }
                for chain in chains {
                    told.push(Tell::Plain(self.chain(table, chain, number::DELCHAIN)));
                }
                told.push(Tell::Plain(self.table(table, number::DELTABLE)));
                // What is still to be told of its rules is told by their handles alone.
                self.tables.remove(&table);
            }
            Ask::Chain(table, chain) => {
                let handle = self.handle();
                let Some(held) = self.tables.get_mut(&table) else { return };
                if let std::collections::btree_map::Entry::Vacant(entry) = held.chains.entry(chain) {
                    entry.insert((handle, Vec::new()));
                    told.push(Tell::Plain(self.chain(table, chain, number::NEWCHAIN)));
                }
            }
            Ask::NoChain(table, chain) if self.has_chain(table, chain) => {
                self.flush_chain(table, chain, told);
                told.push(Tell::Plain(self.chain(table, chain, number::DELCHAIN)));
                if let Some(table) = self.tables.get_mut(&table) {
                    table.chains.remove(&chain);
                }
            }
            Ask::Last(table, chain) => self.new_rule(table, chain, usize::MAX, CREATE | APPEND, told),
            Ask::First(table, chain) => self.new_rule(table, chain, 0, CREATE, told),
            Ask::Behind(table, chain, which) => {
                if let Some(at) = self.find(table, chain, which, true) {
                    self.new_rule(table, chain, at + 1, CREATE | APPEND, told);
                }
            }
            Ask::Before(table, chain, which) => {
                if let Some(at) = self.find(table, chain, which, true) {
                    self.new_rule(table, chain, at, CREATE, told);
                }
            }
            Ask::InPlace(table, chain, which) => {
                if let Some(at) = self.find(table, chain, which, false) {
                    self.no_rule(table, chain, at, told);
                    self.new_rule(table, chain, at + 1, APPEND, told);
                }
            }
            Ask::NoRule(table, chain, which) => {
                if let Some(at) = self.find(table, chain, which, false) {
                    self.no_rule(table, chain, at, told);
                }
            }
            Ask::Set(table, set) => {
                let handle = self.handle();
                let Some(held) = self.tables.get_mut(&table) else { return };
                if let std::collections::btree_map::Entry::Vacant(entry) = held.sets.entry(set) {
                    entry.insert((handle, BTreeMap::new()));
                    told.push(Tell::Plain(self.set(table, set, number::NEWSET)));
                }
            }
            Ask::NoSet(table, set) if self.elements(table, set).is_some() => {
                told.push(Tell::Plain(self.set(table, set, number::DELSET)));
                if let Some(table) = self.tables.get_mut(&table) {
                    table.sets.remove(&set);
                }
            }
            Ask::Element(table, set, key, timeout) => {
                let Some(elements) = self.elements(table, set) else { return };
                if elements.insert(key, timeout) != Some(timeout) {
                    told.push(Tell::Plain(self.element(table, set, key, timeout, number::NEWSETELEM)));
                }
            }
            Ask::NoElement(table, set, key) => {
                let Some(timeout) = self.elements(table, set).and_then(|all| all.remove(&key)) else {
                    return;
                };
                told.push(Tell::Plain(self.element(table, set, key, timeout, number::DELSETELEM)));
            }
            Ask::Flush(table, set) => {
                let all = self.elements(table, set).map(std::mem::take).unwrap_or_default();
                for (key, timeout) in all {
                    told.push(Tell::Plain(self.element(table, set, key, timeout, number::DELSETELEM)));
                }
            }
            _ => {}
        }
    }

    fn has_chain(&self, table: u8, chain: u8) -> bool {
        self.tables.get(&table).is_some_and(|table| table.chains.contains_key(&chain))
    }

    fn elements(&mut self, table: u8, set: u8) -> Option<&mut BTreeMap<u8, u8>> {
        Some(&mut self.tables.get_mut(&table)?.sets.get_mut(&set)?.1)
    }

    fn rules(&mut self, table: u8, chain: u8) -> Option<&mut Vec<Rule>> {
        Some(&mut self.tables.get_mut(&table)?.chains.get_mut(&chain)?.1)
    }

    /// Where a rule is; the kernel finds those that were deleted in the same commit, too, but for replacing and deleting.
    fn find(&mut self, table: u8, chain: u8, which: u8, is_beside: bool) -> Option<usize> {
        let rules = self.rules(table, chain)?;
        let living: Vec<_> = (0..rules.len()).filter(|at| is_beside || !rules[*at].is_gone).collect();
        living.get(usize::from(which) % living.len().max(1)).copied()
    }

    fn new_rule(&mut self, table: u8, chain: u8, at: usize, flags: u16, told: &mut Vec<Tell>) {
        let handle = self.handle();
        let Some(rules) = self.rules(table, chain) else { return };
        rules.insert(at.min(rules.len()), Rule { handle, is_gone: false });
        told.push(Tell::Rule { table, chain, handle, flags });
    }

    fn no_rule(&mut self, table: u8, chain: u8, at: usize, told: &mut Vec<Tell>) {
        let Some(rules) = self.rules(table, chain) else { return };
        rules[at].is_gone = true;
        let handle = rules[at].handle;
        told.push(Tell::NoRule { table, chain, handle });
    }

    fn flush_chain(&mut self, table: u8, chain: u8, told: &mut Vec<Tell>) {
        let count = self.rules(table, chain).map_or(0, |rules| rules.len());
        for at in 0..count {
            if self.rules(table, chain).is_some_and(|rules| !rules[at].is_gone) {
                self.no_rule(table, chain, at, told);
            }
        }
    }

    /// The second step: it is carried out and announced, one by one. Chains that were deleted are announced before, so a
    /// commit deletes no chain in which it changed a rule otherwise.
    fn announce(&mut self, told: Vec<Tell>) -> Vec<u8> {
        let mut all = Vec::new();
        for tell in told {
            match tell {
                Tell::Plain(bytes) => all.extend(bytes),
                Tell::NoRule { table, chain, handle } => {
                    if let Some(rules) = self.rules(table, chain) {
                        rules.retain(|rule| rule.handle != handle);
                    }
                    all.extend(self.rule(table, chain, handle, None, (number::DELRULE, 0)));
                }
                Tell::Rule { table, chain, handle, flags } => {
                    let rules = self.rules(table, chain).cloned().unwrap_or_default();
                    let at = rules.iter().position(|rule| rule.handle == handle);
                    let inner = at.filter(|at| *at > 0 && at + 1 < rules.len());
                    let position = inner.map(|at| rules[at - 1].handle);
                    all.extend(self.rule(table, chain, handle, position, (number::NEWRULE, flags)));
                }
            }
        }
        all
    }

    fn commit(&mut self, asks: &[Ask]) -> Vec<u8> {
        self.generation = next_generation(self.generation);
        let mut told = Vec::new();
        for ask in asks {
            // See `announce`.
            if !matches!(ask, Ask::NoChain(..) | Ask::NoTable(..)) || asks.len() == 1 {
                self.ask(*ask, &mut told);
            }
        }
        self.announce(told)
    }

    /// As a pull reads it.
    fn dump(&self) -> Ruleset {
        let mut all = Vec::new();
        for (table, held) in &self.tables {
            all.extend(self.table(*table, number::NEWTABLE));
            for (chain, (_, rules)) in &held.chains {
                all.extend(self.chain(*table, *chain, number::NEWCHAIN));
                for rule in rules {
                    all.extend(self.rule(*table, *chain, rule.handle, None, (number::NEWRULE, 0)));
                }
            }
            for (set, (_, elements)) in &held.sets {
                all.extend(self.set(*table, *set, number::NEWSET));
                for (key, timeout) in elements {
                    all.extend(self.element(*table, *set, *key, *timeout, number::NEWSETELEM));
                }
            }
        }
        Ruleset::made(self.generation, &all)
    }
}

#[derive(Default)]
struct Out(Vec<Commit>);

impl Outlet for Out {
    fn transaction(&mut self, transaction: Commit) {
        self.0.push(transaction);
    }
    fn event(&mut self, _: Event) {}
    fn gap(&mut self) {}
    fn undecodable(&mut self, _: &[u8], error: DecodeError) {
        panic!("{error}");
    }
    fn unknown(&mut self, message: &Message<'_>, _: Origin) {
        panic!("{message:?}");
    }
}

/// The transactions of a commit's messages, in parts of at most `limit` bytes.
fn assembled(generation: u32, messages: &[u8], limit: usize) -> Vec<Commit> {
    let mut assembler = Assembler::new(limit, None);
    let mut out = Out::default();
    assembler.placed(Some(generation.wrapping_sub(1).max(1)), &mut out);
    let mut end = 28u32.to_ne_bytes().to_vec();
    end.extend(number::NEWGEN.to_ne_bytes());
    end.extend([0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0]);
    end.extend((generation as u16).to_be_bytes());
    end.extend([8, 0, 1, 0]);
    end.extend(generation.to_be_bytes());
    for message in Messages::new(messages).chain(Messages::new(&end)) {
        let origin = Origin::new(1, None, SystemTime::UNIX_EPOCH);
        assembler.message(&message.unwrap(), origin, &mut out).unwrap();
    }
    out.0
}

fn contents(state: &State) -> (Vec<String>, Vec<u64>) {
    let key = |item: ItemRef<'_>| format!("{} {item:?}", Key::of_nft(item));
    let mut items: Vec<_> =
        state.items().map(key).map(|text| text.split("res_id").next().unwrap().to_owned()).collect();
    items.sort_unstable();
    (items, state.rules().map(|rule| rule.handle()).collect())
}

fn loaded(ruleset: &Ruleset, now: Instant) -> Book {
    let mut book = Book::new(Options::default());
    book.load(ruleset, now);
    book
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let (table, chain, which) = (0..2u8, 0..3u8, any::<u8>());
    let (key, timeout) = (0..12u8, prop_oneof![Just(0u8), 1..100u8]);
    let pair = (table.clone(), chain.clone());
    let rule = (table.clone(), chain, which);
    let ask = prop_oneof![
        2 => table.clone().prop_map(Ask::Table),
        1 => table.prop_map(Ask::NoTable),
        3 => pair.clone().prop_map(|(t, c)| Ask::Chain(t, c)),
        1 => pair.clone().prop_map(|(t, c)| Ask::NoChain(t, c)),
        5 => pair.clone().prop_map(|(t, c)| Ask::Last(t, c)),
        4 => pair.clone().prop_map(|(t, c)| Ask::First(t, c)),
        4 => rule.clone().prop_map(|(t, c, w)| Ask::Behind(t, c, w)),
        4 => rule.clone().prop_map(|(t, c, w)| Ask::Before(t, c, w)),
        3 => rule.clone().prop_map(|(t, c, w)| Ask::InPlace(t, c, w)),
        4 => rule.prop_map(|(t, c, w)| Ask::NoRule(t, c, w)),
        3 => pair.clone().prop_map(|(t, s)| Ask::Set(t, s)),
        1 => pair.clone().prop_map(|(t, s)| Ask::NoSet(t, s)),
        8 => (pair.clone(), key.clone(), timeout).prop_map(|((t, s), k, e)| Ask::Element(t, s, k, e)),
        3 => (pair.clone(), key).prop_map(|((t, s), k)| Ask::NoElement(t, s, k)),
        1 => pair.prop_map(|(t, s)| Ask::Flush(t, s)),
    ];
    prop_oneof![1 => prop::collection::vec(ask.clone(), 1), 1 => prop::collection::vec(ask, 1..12)]
}

fn cases() -> u32 {
    if std::env::var_os("LINX_LONG").is_some() { 100_000 } else { 100 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// After each commit the state is what a pull would find; what was told leads there and back; and a pull of any later
    /// moment replaces a state by exactly what it found.
    #[test]
    fn a_book_holds_what_a_model_kernel_has(
        commits in prop::collection::vec(asks(), 1..50),
        limit in prop_oneof![3 => Just(LIMIT), 1 => 0..300usize],
    ) {
        let now = Instant::now();
        let mut world = World { generation: 5, ..World::default() };
        let mut book = loaded(&world.dump(), now);
        let mut told: Vec<(State, Transaction)> = Vec::new();
        let mut old = Vec::new();
        for asks in &commits {
            let messages = world.commit(asks);
            for commit in assembled(world.generation, &messages, limit) {
                prop_assert!(commit.complete);
                let before = book.state().clone();
                let mut expected = before.clone();
                match book.commit(&commit, now) {
                    Some(transaction) => {
                        prop_assert!(!transaction.changes.is_empty());
                        prop_assert_eq!(transaction.changes.iter().count(), transaction.changes.len());
                        transaction.apply(&mut expected);
                        told.push((before, transaction));
                    }
                    None => prop_assert_eq!(contents(&before), contents(book.state())),
                }
                prop_assert_eq!(contents(&expected), contents(book.state()));
                // The same commit again is nothing.
                prop_assert!(!commit.is_last || book.commit(&commit, now).is_none());
            }
            let dump = world.dump();
            for (family, table) in book.doubtful() {
                let before = book.state().clone();
                if let Some(group) = book.replace_rules(family, &table, &dump, Cause::Resync, now) {
                    let mut expected = before;
                    expected.apply(&group.changes);
                    prop_assert_eq!(contents(&expected), contents(book.state()));
                    told.clear();
                }
            }
            let fresh = loaded(&dump, now);
            prop_assert_eq!(contents(book.state()), contents(fresh.state()), "{:?}", asks);
            prop_assert_eq!(book.state().fingerprint(), fresh.state().fingerprint());
            prop_assert_eq!(book.state().generation(), Some(world.generation));
            prop_assert_eq!(book.sure(), Some(world.generation));
            prop_assert!(book.replace(&dump, Cause::Audit, now).is_none());
            if old.len() < 4 {
                old.push(dump);
            }
        }
        let mut state = book.state().clone();
        for (before, transaction) in told.iter().rev() {
            transaction.undo(&mut state);
            prop_assert_eq!(contents(&state), contents(before));
            prop_assert_eq!(state.fingerprint(), before.fingerprint());
        }
        for (before, transaction) in &told {
            prop_assert_eq!(contents(&state), contents(before));
            transaction.apply(&mut state);
        }
        prop_assert_eq!(contents(&state), contents(book.state()));
        // From any moment to any other.
        let newest = world.dump();
        for dump in &old {
            let mut book = loaded(dump, now);
            let before = book.state().clone();
            let group = book.replace(&newest, Cause::Resync, now);
            prop_assert_eq!(contents(book.state()), contents(loaded(&newest, now).state()));
            let mut state = book.state().clone();
            if let Some(group) = group {
                let deltas: Vec<_> = group.deltas(1, 1, SystemTime::UNIX_EPOCH).collect();
                prop_assert_eq!(deltas.len(), group.changes.len());
                deltas.iter().rev().for_each(|delta| delta.undo(&mut state));
                prop_assert_eq!(contents(&state), contents(&before));
                deltas.iter().for_each(|delta| delta.apply(&mut state));
                prop_assert_eq!(contents(&state), contents(book.state()));
            }
        }
        // All that ends, ends at its moment, and nothing else.
        let mut book = loaded(&newest, now);
        for second in 0..=100u64 {
            let at = now + Duration::from_secs(second);
            let group = book.expire(at);
            let due = world.tables.values().flat_map(|table| table.sets.values()).flat_map(|(_, all)| all.values());
            let due = due.filter(|timeout| u64::from(**timeout) == second && **timeout > 0).count();
            prop_assert_eq!(group.map_or(0, |group| group.changes.len()), due, "at {}", second);
        }
        prop_assert!(book.deadline().is_none());
        prop_assert!(book.state().table(Family::Inet, "nothing").is_none());
    }
}

/// How long an element lasts is told as of a moment while its set was read, which may have taken a while.
#[test]
fn a_reading_that_took_long_changes_no_end() {
    let mut world = World { generation: 7, ..World::default() };
    let mut told = Vec::new();
    for ask in [Ask::Table(0), Ask::Set(0, 0), Ask::Element(0, 0, 1, 100)] {
        world.ask(ask, &mut told);
    }
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    for (during, is_other) in [(0..1, false), (0..10, false), (1..9, false), (8..10, true)] {
        let mut book = Book::new(Options::default());
        book.load(&world.dump(), start);
        let read = world.dump().read_during(&(at(during.start)..at(during.end)));
        let group = book.replace(&read, Cause::Audit, at(during.end));
        assert_eq!(group.is_some(), is_other, "{during:?}");
    }
    // One that was not known ends in the middle.
    let mut fresh = Book::new(Options::default());
    fresh.load(&world.dump().read_during(&(at(0)..at(10))), at(10));
    let set = fresh.state().sets().next().unwrap();
    assert_eq!(set.with_deadlines().next().unwrap().1, Some(at(105)));
}
