//! What is printed, and how it gets out.

mod hangup;
pub(crate) mod human;
mod printer;
pub(crate) mod time;
mod writer;

pub(crate) use hangup::Hangup;
pub(crate) use human::Sign;
pub(crate) use printer::{Happening, Layout, Printer};
pub(crate) use writer::Output;
