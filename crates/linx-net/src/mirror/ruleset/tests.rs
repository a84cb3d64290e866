//! Commits that come behind what was pulled, and are read before it is placed; what is in doubt twice.

use std::cell::{Cell, RefCell};

use linx_sys::{PollSet, Wake};
use linx_test::{Namespace, is_root, skip_unless};
use linx_wire::nft::RuleView;

use super::*;
use crate::mirror::delta::Notice;
use crate::mirror::options::Options;
use crate::names::Names;

/// The longest that a commit which was held back is waited for. Nothing else happens meanwhile.
const SOON: Duration = Duration::from_secs(30);

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

/// The rules of a namespace's mirror, which has begun, without a loop.
struct Bed {
    namespace: Namespace,
    handle: Handle,
    poll: PollSet,
    rules: Rules,
    core: RefCell<Core>,
}

impl Bed {
    fn new(name: &str, script: &str) -> Self {
        let namespace = Namespace::new(name);
        namespace.nft(script);
        let (netns, poll) = (namespace.netns(), PollSet::new().unwrap());
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
        Self { namespace, handle, poll, rules, core }
    }
}

/// A commit is made when something was pulled, and is not placed yet: it is told soon, and once.
fn assert_told_soon(name: &str, pull: impl FnOnce(&mut Rules, &Handle, &WithCore<'_>, &dyn Fn())) {
    let script = "add table inet t; add chain inet t c; add set inet t s { type ipv4_addr; flags timeout; }; add element inet t s { 10.0.0.1 timeout 1h }";
    let Bed { namespace, handle, mut poll, mut rules, core } = Bed::new(name, script);
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

/// What the kernel did not answer when it was asked is in doubt until all was read again: what that finds is found by it.
#[test]
fn an_order_that_is_in_doubt_twice_is_of_the_resync() {
    skip_unless!(is_root(), "not root");
    for is_refused in [false, true] {
        let script = "add table inet t; add chain inet t c; add rule inet t c accept; add rule inet t c drop; add rule inet t c return";
        let Bed { namespace, handle, mut poll, mut rules, core } = Bed::new("twicedoubted", script);
        let with = |each: &mut dyn FnMut(&mut Core)| each(&mut core.borrow_mut());
        let first =
            core.borrow().book.as_ref().unwrap().state().rules().next().map(|rule| rule.handle()).unwrap();
        namespace
            .nft(&format!("delete rule inet t c handle {first}; add rule inet t c position {first} counter"));
        assert!(comes(&mut rules, &mut poll, &core, nft::generation(&handle).unwrap()));
        let doubtful = |core: &RefCell<Core>| core.borrow().book.as_ref().unwrap().doubtful().len();
        assert_eq!(doubtful(&core), 1);
        let told = core.borrow().log.end();
        if is_refused {
            rules.refused(&with);
        }
        rules.pull(&handle, &with, Instant::now()).unwrap();
        assert_eq!((doubtful(&core), rules.is_idle()), (0, true));
        let core = core.borrow();
        let since: Vec<_> = core.log.back_to(told).cloned().collect();
        let causes: Vec<_> = since
            .iter()
            .filter_map(|notice| match notice {
                Notice::Nft(delta) => Some(delta.cause()),
                _ => None,
            })
            .collect();
        let expected = if is_refused { Cause::Resync } else { Cause::Event };
        assert!(!causes.is_empty() && causes.iter().all(|cause| *cause == expected), "{causes:?}");
        let resynced = since.iter().find_map(|notice| match notice {
            Notice::Resynced(resynced) => Some(resynced.deltas),
            _ => None,
        });
        assert_eq!(resynced, is_refused.then_some(causes.len() as u64), "{since:#?}");
    }
}
