//! What is printed, and how it gets out.

mod fold;
mod hangup;
pub(crate) mod human;
mod nft;
mod printer;
pub(crate) mod time;
mod writer;

pub(crate) use hangup::Hangup;
pub(crate) use human::Sign;
pub(crate) use nft::CommitForm;
pub(crate) use printer::{Happening, Layout, Printer};
pub(crate) use writer::Output;
