//! Objects of a real kernel as JSON and as text, against `ip -j -d`, `bridge -j -d` and `ip route add`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs)]

mod captures;
mod delta;
mod dump;
mod hostile;
#[cfg(feature = "nft")]
mod nft;
mod oracle;
mod paste;
mod peers;
mod schema;
mod ways;
