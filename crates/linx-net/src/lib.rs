//! The Linux kernel's network state, live, in any network namespace

pub mod author;
