//! What the tests of Linx share: namespaces, probes, zoos, storms, hostile names.
//!
//! For tests only: it panics where a test should fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::missing_panics_doc
)]

mod churn;
mod foul;
mod names;
mod namespace;
mod nft;
mod probe;
mod raw;
mod silent;
mod storm;
mod usage;
mod zoo;

pub use churn::{Churn, Dice};
pub use foul::{
    advertise, break_socket, interrupt, interrupt_threads, let_signals_interrupt, limit_descriptors,
    send_to_portid,
};
pub use names::{hostile_names, hostile_texts};
pub use namespace::{Namespace, run};
pub use nft::{NFT_SCENES, Nft, NftScene, makes_namesakes, nft_entities, nft_made};
pub use probe::{Probe, is_root};
pub use raw::Raw;
pub use silent::{SilentScene, Stage, Teller};
pub use storm::{Step, Storm};
pub use usage::{Usage, processor_time, thread_usage, unread};
pub use zoo::Zoo;

use std::time::{Duration, Instant};

/// Longest that a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until `done`, at most [`PATIENCE`]; panics with `what` when it does not come.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sets a flag when it is dropped, a panic's unwinding included: a thread that runs until then ends in any case.
#[derive(Debug)]
pub struct StopOnDrop<'a>(pub &'a std::sync::atomic::AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Ends the test, loudly, unless the condition holds.
///
/// ```
/// use linx_test::{is_root, skip_unless};
///
/// fn a_test_that_needs_root() {
///     skip_unless!(is_root(), "not root");
/// }
/// ```
#[macro_export]
macro_rules! skip_unless {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            eprintln!("SKIPPED {}: {}", module_path!(), format_args!($($why)+));
            return;
        }
    };
}
