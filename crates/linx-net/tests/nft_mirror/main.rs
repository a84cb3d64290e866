//! The book of nf_tables against the kernel: after each commit its state must be what a pull finds.
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

mod bed;
mod cost;
mod made;
mod random;
mod rows;
