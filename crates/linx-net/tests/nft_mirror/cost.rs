//! What it costs. `cargo test --release -p linx-net --test nft_mirror -- --ignored --nocapture`

use std::time::Instant;

use linx::mirror::nft::{Book, Options};
use linx::nft::Family;
use linx_wire::nft::{ELEMENT, ELEMENT_LIST, Nest, SET, TABLE};
use linx_wire::uapi::nft as number;

use crate::made::{Maker, change};

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
#[ignore = "figures"]
fn a_commit_of_half_a_million_elements_and_a_set_of_a_million() {
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
        let from = round * 500_000;
        let commit = maker.commit(&elements(from..from + 500_000, number::NEWSETELEM, maker.next()));
        let begun = Instant::now();
        let transaction = book.commit(&commit, Instant::now()).unwrap();
        let took = begun.elapsed() / 500_000;
        assert_eq!(transaction.changes.len(), 500_000);
        let bytes = transaction.changes.heap_bytes() / 500_000;
        println!("added: {took:?} and {bytes} bytes a change; an element's own are 12");
        told.push(transaction);
        kept.push(book.state().clone());
    }
    let per = book.state().elements_bytes() / 1_000_000;
    println!("a set of 1,000,000 addresses: {per} bytes an element");
    assert!(per <= 100);

    // Emptied and filled again with one other, while snapshots are held.
    let all = [
        elements(0..1_000_000, number::DELSETELEM, maker.next()),
        elements(1..1_000_001, number::NEWSETELEM, maker.next()),
    ];
    let commit = maker.commit(&all.concat());
    let begun = Instant::now();
    let transaction = book.commit(&commit, Instant::now()).unwrap();
    println!(
        "flushed and filled again: {:?} a message, {} changes",
        begun.elapsed() / 2_000_000,
        transaction.changes.len()
    );
    assert_eq!(transaction.changes.len(), 2);

    let begun = Instant::now();
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
    let begun = Instant::now();
    gone.undo(&mut state);
    assert_eq!(state.set(Family::Inet, "t", "s").unwrap().len(), 1_000_000);
    println!("undone: {:?}", begun.elapsed());
    transaction.undo(&mut state);
    let begun = Instant::now();
    told.iter().rev().for_each(|transaction| transaction.undo(&mut state));
    println!("undone: {:?} a change", begun.elapsed() / 1_000_000);
    assert_eq!(state.set(Family::Inet, "t", "s").unwrap().len(), 0);
    assert_eq!(kept[0].set(Family::Inet, "t", "s").unwrap().len(), 500_000);
    let begun = Instant::now();
    let fingerprint = kept[1].fingerprint();
    println!("fingerprint of 1,000,002 objects: {:?}", begun.elapsed());
    told.iter().for_each(|transaction| transaction.apply(&mut state));
    assert_eq!(state.fingerprint(), fingerprint);
}
