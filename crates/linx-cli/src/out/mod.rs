//! What is printed, and how it gets out.

pub(crate) mod human;
mod printer;
pub(crate) mod time;
mod writer;

pub(crate) use printer::{Layout, Printer};
pub(crate) use writer::{Output, words};
