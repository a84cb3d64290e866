//! In the place of the peers where they are not built.

use crate::report::{Contestant, Outcome};
use crate::truth::Line;

pub const DUMPS: [&str; 0] = [];
pub const MONITORS: [&str; 0] = [];

pub fn route_decoders(_: &[Vec<u8>], _: usize) -> Vec<Contestant<'_>> {
    Vec::new()
}

pub fn link_decoders(_: &[Vec<u8>], _: usize) -> Vec<Contestant<'_>> {
    Vec::new()
}

pub fn object_decoders<'a>(_: &str, _: &'a [Vec<u8>], _: usize) -> Vec<Contestant<'a>> {
    Vec::new()
}

/// Whether those are built that know nf_tables.
pub const NFT: bool = false;

pub fn nft_rule_decoders(_: &[Vec<u8>], _: usize) -> Vec<Contestant<'_>> {
    Vec::new()
}

pub fn nft_element_decoders(_: &[Vec<u8>], _: usize) -> Vec<Contestant<'_>> {
    Vec::new()
}

pub fn nft_pull() -> Outcome<usize> {
    Err("nlink is not built".to_owned())
}

pub fn nft_monitor(_: usize) -> Outcome<()> {
    Err("nlink is not built".to_owned())
}

pub fn dump(name: &str) -> Outcome<usize> {
    Err(format!("nobody is called {name}"))
}

pub fn monitor(name: &str, _: usize) -> Outcome<()> {
    Err(format!("nobody is called {name}"))
}

/// Nobody else keeps a state.
pub struct Reflected;

impl Reflected {
    pub fn start(_: &str) -> Outcome<Self> {
        Ok(Self)
    }

    pub fn lines(&self) -> Vec<(&'static str, Vec<Line>)> {
        Vec::new()
    }

    pub fn fresh(&self) -> Option<Outcome<Vec<Line>>> {
        None
    }
}
