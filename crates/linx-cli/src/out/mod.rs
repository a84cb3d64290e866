//! What is printed, and how it gets out.

mod delta;
mod fold;
mod hangup;
pub(crate) mod human;
mod marks;
mod nft;
mod nft_delta;
mod printer;
pub(crate) mod time;
mod writer;

pub(crate) use delta::{Aside, counted};
pub(crate) use fold::grouped;
pub(crate) use hangup::Hangup;
pub(crate) use human::Sign;
pub(crate) use marks::kind_words;
pub(crate) use nft::CommitForm;
pub(crate) use nft_delta::note_set;
pub(crate) use printer::{Happening, Layout, Printer};
pub(crate) use writer::Output;
