//! Transactions and snapshots of nf_tables, with many writers at once and in bad weather. The full lengths are run with
//! `LINX_LONG=1`.
#![cfg(feature = "nft")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod snapshot;
mod transactions;
mod weather;
mod writers;

/// Whether the full lengths are to be run.
fn is_long() -> bool {
    std::env::var_os("LINX_LONG").is_some()
}

/// A seed, printed: `LINX_SEED` repeats a run.
fn seed() -> u64 {
    let given = std::env::var("LINX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) << 20 | u64::from(std::process::id())
    });
    eprintln!("LINX_SEED={seed}");
    seed
}
