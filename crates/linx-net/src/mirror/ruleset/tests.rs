//! Commits that come behind what was pulled, and are read before it is placed.

use std::cell::{Cell, RefCell};

use linx_sys::{PollSet, Wake};
use linx_test::{Namespace, is_root, skip_unless};

use super::*;
use crate::mirror::options::Options;
use crate::names::Names;

/// The longest that a commit which was held back is waited for. Nothing else happens meanwhile.
const SOON: Duration = Duration::from_secs(1);

/// Waits as an event loop does, until the generation is in the state; false if it has not come soon.
fn comes(rules: &mut Rules, poll: &mut PollSet, core: &RefCell<Core>, generation: u32) -> bool {
    let end = after(Instant::now(), SOON);
    let is_there = |core: &Core| core.book.as_ref().unwrap().state().generation() == Some(generation);
    while !is_there(&core.borrow()) {
        let due = rules.deadline(&core.borrow()).map_or(end, |due| due.min(end));
        poll.wait(Some(due.saturating_duration_since(Instant::now()))).unwrap();
        if Instant::now() >= end {
            return false;
        }
        rules.intake(&mut core.borrow_mut(), Instant::now()).unwrap();
    }
    true
}

/// A commit is made when something was pulled, and is not placed yet: it is told soon, and once.
fn assert_told_soon(name: &str, pull: impl FnOnce(&mut Rules, &Handle, &WithCore<'_>, &dyn Fn())) {
    let namespace = Namespace::new(name);
    namespace.nft("add table inet t; add chain inet t c; add set inet t s { type ipv4_addr; flags timeout; }; add element inet t s { 10.0.0.1 timeout 1h }");
    let (netns, mut poll) = (namespace.netns(), PollSet::new().unwrap());
    let seat = Seat { poll: poll.share(), wake: Wake::new().unwrap(), token: 0 };
    let mut rules = Rules::open(&netns, 4 << 20, RuleOptions::default(), seat).unwrap();
    *rules.buf_mut() = RecvBuf::for_events();
    let handle = Handle::new(&netns).unwrap();
    let options = Options { nft: Some(RuleOptions::default()), ..Options::default() };
    let names = Arc::new(Names::load());
    let core = RefCell::new(Core::new(options, handle.netns_cookie(), names, Instant::now()));
    let with = |each: &mut dyn FnMut(&mut Core)| each(&mut core.borrow_mut());
    assert!(rules.pull(&handle, &with, Instant::now()).unwrap());
    assert!(core.borrow().synced && rules.is_idle());
    let told = core.borrow().log.end();

    // What a pull asks the core for when it has been carried out is to be placed there.
    let is_armed = Cell::new(false);
    let commit = || namespace.nft("add rule inet t c accept");
    let with = |each: &mut dyn FnMut(&mut Core)| {
        if is_armed.take() {
            commit();
        }
        each(&mut core.borrow_mut());
    };
    pull(&mut rules, &handle, &with, &|| is_armed.set(true));
    assert!(!is_armed.get(), "nothing was committed meanwhile");
    let generation = nft::generation(&handle).unwrap();
    assert!(rules.held.is_some() && !rules.is_idle(), "it is held back");
    assert_eq!(core.borrow().log.end(), told, "it is not told too early");
    assert!(comes(&mut rules, &mut poll, &core, generation), "it is told when something else happens");
    assert_eq!(core.borrow().log.end(), told + 1);
    assert!(rules.is_idle());
}

#[test]
fn a_commit_behind_a_pull_of_all_is_told_soon() {
    skip_unless!(is_root(), "not root");
    assert_told_soon("heldall", |rules, handle, with, arm| {
        let ruleset = rules.read(handle, with, Cause::Audit).unwrap().unwrap();
        arm();
        rules.publish(&ruleset, with, Cause::Audit).unwrap();
    });
}

#[test]
fn a_commit_behind_a_pull_of_an_order_is_told_soon() {
    skip_unless!(is_root(), "not root");
    assert_told_soon("heldorder", |rules, handle, with, arm| {
        arm();
        rules.pull_order(handle, with, Family::Inet, b"t").unwrap();
    });
}

#[test]
fn a_commit_behind_a_pull_of_elements_is_told_soon() {
    skip_unless!(is_root(), "not root");
    assert_told_soon("heldlate", |rules, handle, with, arm| {
        let (family, table) = (Family::Inet, b"t"[..].into());
        arm();
        let unsure = Unsure { family, table, sets: [b"s"[..].into()].into() };
        rules.pull_late(handle, with, unsure).unwrap();
    });
}
