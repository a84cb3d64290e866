//! The mirror against a model of the kernel, over histories at random: what it promises (P1, P2), and that these tests
//! would notice.

mod cost;
mod dump;
mod found;
mod kernel;
mod objects;
mod ops;
mod wire;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use ops::op;
use world::{History, Step, Without, run};

fn cases() -> u32 {
    let long = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
    if std::env::var_os("LINX_LONG").is_some() { long } else { 100 }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => op().prop_map(Step::Do),
        2 => prop_oneof![1..10u16, 10..3000u16].prop_map(Step::Wait),
        6 => prop::collection::vec((0..12u8, op()), 0..5).prop_map(Step::Round),
        1 => Just(Step::Audit),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let room = prop_oneof![3 => Just(10_000usize), 2 => 1..30usize];
    let before = prop::collection::vec(op(), 0..30);
    let steps = prop::collection::vec(step(), 0..=100);
    (room, prop::bool::weighted(0.8), before, steps).prop_map(|(room, compat, before, steps)| History {
        room,
        compat,
        before,
        steps,
    })
}

/// The smallest history that breaks a promise, and how.
fn broken(without: Without, cases: u32) -> Option<String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let outcome = TestRunner::new(config)
        .run(&history(), |history| run(&history, without).map(|_| ()).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(reason, history)) => Some(format!("{reason}\nafter {}", history.text())),
        Err(TestError::Abort(reason)) => Some(format!("too few histories: {reason}")),
    }
}

#[test]
fn the_mirror_is_what_a_model_kernel_is() {
    if let Some(why) = broken(Without::Nothing, cases()) {
        panic!("{why}");
    }
}

#[test]
fn without_reading_the_queue_first_it_is_not() {
    assert!(broken(Without::Drain, 20_000).is_some());
}

#[test]
fn without_what_follows_from_announcements_it_is_not() {
    assert!(broken(Without::Implied, 20_000).is_some());
}

#[test]
fn without_a_fence_it_is_not() {
    assert!(broken(Without::Fence, 20_000).is_some());
}
