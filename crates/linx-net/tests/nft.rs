//! The monitor of nf_tables and the pull, on the kernel.

#![cfg(feature = "nft")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use linx::author::{Attach, Authors};
use linx::nft::{self, ElementView, Monitor, Notice, RuleView, TableView, Transaction};
use linx::{Handle, Operation};
use linx_test::{Namespace, PATIENCE, is_root, skip_unless};

fn next(monitor: &mut Monitor) -> Notice {
    monitor.recv_timeout(PATIENCE).unwrap().expect("a notice")
}

fn transaction(monitor: &mut Monitor) -> Transaction {
    match next(monitor) {
        Notice::Transaction(transaction) => transaction,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_commit_is_told_whole_with_who_made_it() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftmon");
    namespace.nft("add table inet before");
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let handle = Handle::new(&namespace.netns()).unwrap();
    let start = nft::generation(&handle).unwrap();
    namespace.nft("add table inet t\nadd chain inet t c\nadd rule inet t c accept");
    let commit = transaction(&mut monitor);
    assert!(commit.complete && commit.is_last && commit.part == 1);
    assert_eq!(commit.generation, Some(start + 1));
    assert_eq!(commit.process.comm().unwrap().to_string(), "nft");
    assert!(commit.process.tid.is_some() && commit.process.portid.is_some_and(|portid| portid != 0));
    let kinds: Vec<_> = commit.changes.iter().map(|change| (change.op, change.kind())).collect();
    assert_eq!(kinds.len(), 3);
    assert!(kinds.iter().all(|(op, _)| *op == Operation::New));
    assert_eq!(commit.events().count(), 3);
    namespace.nft("delete table inet t");
    let commit = transaction(&mut monitor);
    assert_eq!((commit.generation, commit.changes.len()), (Some(start + 2), 3));
    assert!(commit.changes.iter().all(|change| change.op == Operation::Del));
    assert_eq!(monitor.generation(), Some(start + 2));
    assert!(monitor.recv_timeout(Duration::from_millis(50)).unwrap().is_none());
}

#[test]
fn the_committer_of_a_one_shot_command_is_found() {
    skip_unless!(is_root(), "not root");
    // A busy machine may let commands end before anybody looked, and is given three tries; being wrong is not given any.
    let mut unknown = Vec::new();
    while unknown.len() < 3 && unknown.iter().all(|unknown| *unknown > 3) {
        let authors = Authors::start().unwrap();
        skip_unless!(authors.cache().is_ok(), "the kernel does not tell of executions here");
        unknown.push(committers_without_a_command_line(authors));
    }
    assert!(unknown.iter().any(|unknown| *unknown <= 3), "{unknown:?} of {ONE_SHOTS} without a command line");
}

const ONE_SHOTS: usize = 30;

fn committers_without_a_command_line(authors: Authors) -> usize {
    let namespace = Namespace::new("nftwho");
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let mut queue = Attach::new(authors).unwrap();
    let tables: Vec<String> = (0..ONE_SHOTS).map(|number| format!("t{number}")).collect();
    for table in &tables {
        namespace.exec("nft", &["add", "table", "ip", table]);
        let commit = transaction(&mut monitor);
        let process = Arc::clone(&commit.process);
        queue.push_task(commit, &process, linx_sys::boottime(), Instant::now());
    }
    let mut unknown = 0;
    for table in &tables {
        let (commit, author) = loop {
            match queue.pop(Instant::now()) {
                Some((commit, author)) => break (commit, author.unwrap()),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        assert_eq!((author.tid, &author.comm), (commit.process.tid, &commit.process.comm));
        let words: Vec<_> = author.cmdline.iter().map(|word| String::from_utf8_lossy(word)).collect();
        // It may have ended before anybody looked.
        if words.is_empty() {
            unknown += 1;
        } else {
            assert_eq!(words, ["nft", "add", "table", "ip", table], "{author:?}");
        }
    }
    unknown
}

#[test]
fn a_pull_is_of_one_generation_and_the_commits_after_it_follow() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftpull");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    namespace.nft(
        "add table ip t\nadd set ip t s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }\n\
         add chain ip t c\nadd rule ip t c ip saddr @s accept\nadd table ip other",
    );
    namespace.nft("add table ip third");
    let all = nft::pull(&handle).subscribe_first(&monitor.control()).ruleset().unwrap();
    assert_eq!(all.generation(), nft::generation(&handle).unwrap());
    assert_eq!((all.tables().count(), all.chains().count(), all.rules().count()), (3, 1, 1));
    let keys: Vec<_> = all.elements().map(|element| element.key().unwrap().to_vec()).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&vec![10, 0, 0, 1]));
    namespace.nft("add table ip fourth");
    let commit = transaction(&mut monitor);
    assert_eq!(commit.generation, Some(all.generation() + 1));
    let one = nft::pull(&handle).table(nft::Family::Ip, "t").ruleset().unwrap();
    assert_eq!((one.tables().count(), one.chains().count(), one.rules().count()), (1, 1, 1));
    assert_eq!(one.rules().next().unwrap().chain().to_string(), "c");
    assert_eq!(one.tables().next().unwrap().name().to_string(), "t");
    let error = nft::pull(&handle).table(nft::Family::Ip, "none\x1b").ruleset().unwrap_err();
    assert_eq!(error.errno(), Some(2));
    assert!(error.to_string().contains(r#"table ip "none\x1b""#), "{error}");
}

#[test]
fn a_reader_who_knows_another_generation_hears_of_a_loss() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftsince");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let known = nft::generation(&handle).unwrap();
    let mut same = Monitor::builder().since_gen(known).netns(&namespace.netns()).subscribe().unwrap();
    namespace.nft("add table ip t");
    let mut later = Monitor::builder().since_gen(known).netns(&namespace.netns()).subscribe().unwrap();
    namespace.nft("add table ip u");
    assert_eq!(transaction(&mut same).generation, Some(known + 1));
    assert!(matches!(next(&mut later), Notice::ResyncNeeded(_)));
    assert_eq!(transaction(&mut later).generation, Some(known + 2));
}
