//! The Linux kernel's network state, live, in any network namespace

pub mod author;
#[cfg_attr(not(feature = "json"), allow(dead_code))]
mod forms;
pub mod ip;
#[cfg(feature = "json")]
pub mod json;
pub mod names;
pub mod namespaces;
mod seg6;
pub mod text;
pub mod words;
