//! What it costs; the figures: `LINX_LONG=1 cargo test --release -p linx-net --test nft_mirror cost -- --nocapture`

use std::time::{Duration, Instant};

use linx::mirror::nft::{Book, Options};
use linx::nft::Family;
use linx_wire::nft::{ELEMENT, ELEMENT_LIST, Nest, SET, TABLE};
use linx_wire::uapi::nft as number;

use crate::made::{Maker, change};

/// Time of the processor that this thread took, which other processes do not lengthen.
struct Timer(u64);

impl Timer {
    fn now() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split(' ').next().unwrap().parse().unwrap()
    }

    fn begin() -> Self {
        Self(Self::now())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(Self::now() - self.0)
    }
}

fn elements(keys: impl Iterator<Item = u32>, message_type: u16, generation: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for key in keys {
        let element = Nest::new(&ELEMENT).set("key", Nest::value(&key.to_be_bytes()));
        let list = Nest::new(&ELEMENT_LIST).set("table", "t").set("set", "s").set("elem", vec![element]);
        bytes.extend(change(message_type, 0, generation, list));
    }
    bytes
}

#[test]
fn a_commit_of_half_a_million_elements_and_a_set_of_a_million() {
    let half = if std::env::var_os("LINX_LONG").is_some() { 500_000 } else { 5_000 };
    let whole = 2 * half as usize;
    let mut maker = Maker::new();
    let mut book = Book::new(Options::default());
    let table = Nest::new(&TABLE).set("name", "t").set("handle", 1u64);
    let set = Nest::new(&SET).set("table", "t").set("name", "s").set("handle", 2u64).set("flags", 0u32);
    let set = set.set("key_len", 4u32);
    let next = maker.next();
    let both = [change(number::NEWTABLE, 0, next, table), change(number::NEWSET, 0, next, set)].concat();
    book.commit(&maker.commit(&both), Instant::now()).unwrap();
    let (mut told, mut kept) = (Vec::new(), Vec::new());
    for round in 0..2u32 {
        let from = round * half;
        let commit = maker.commit(&elements(from..from + half, number::NEWSETELEM, maker.next()));
        let begun = Timer::begin();
        let transaction = book.commit(&commit, Instant::now()).unwrap();
        let took = begun.elapsed() / half;
        assert_eq!(transaction.changes.len(), half as usize);
        let bytes = transaction.changes.heap_bytes() / half as usize;
        println!("added: {took:?} and {bytes} bytes a change; an element's own are 12");
        assert!(bytes <= 150);
        told.push(transaction);
        kept.push(book.state().clone());
    }
    let per = book.state().elements_bytes() / whole;
    println!("a set of {whole} addresses: {per} bytes an element");
    assert!(per <= 100);

    // Emptied and filled again with one other, while snapshots are held.
    let all = [
        elements(0..2 * half, number::DELSETELEM, maker.next()),
        elements(1..2 * half + 1, number::NEWSETELEM, maker.next()),
    ];
    let commit = maker.commit(&all.concat());
    let begun = Timer::begin();
    let transaction = book.commit(&commit, Instant::now()).unwrap();
    println!(
        "flushed and filled again: {:?} a message, {} changes",
        begun.elapsed() / (4 * half),
        transaction.changes.len()
    );
    assert_eq!(transaction.changes.len(), 2);

    let begun = Timer::begin();
    let gone = book.commit(
        &maker.commit(&change(number::DELTABLE, 0, maker.next(), Nest::new(&TABLE).set("name", "t"))),
        Instant::now(),
    );
    let gone = gone.unwrap();
    println!(
        "deleted: {:?} for {} changes, {} bytes",
        begun.elapsed(),
        gone.changes.len(),
        gone.changes.heap_bytes()
    );
    let mut state = book.state().clone();
    let begun = Timer::begin();
    gone.undo(&mut state);
    assert_eq!(state.set(Family::Inet, "t", "s").unwrap().len(), whole);
    println!("undone: {:?}", begun.elapsed());
    transaction.undo(&mut state);
    let begun = Timer::begin();
    told.iter().rev().for_each(|transaction| transaction.undo(&mut state));
    println!("undone: {:?} a change", begun.elapsed() / (2 * half));
    assert_eq!(state.set(Family::Inet, "t", "s").unwrap().len(), 0);
    assert_eq!(kept[0].set(Family::Inet, "t", "s").unwrap().len(), half as usize);
    let begun = Timer::begin();
    let fingerprint = kept[1].fingerprint();
    println!("fingerprint of {whole} objects: {:?}", begun.elapsed());
    told.iter().for_each(|transaction| transaction.apply(&mut state));
    assert_eq!(state.fingerprint(), fingerprint);
}
