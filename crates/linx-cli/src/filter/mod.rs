//! Which objects and changes to print: parsed from words, looked up by name, asked of each object.

mod applies;
mod matches;
mod parse;
pub(crate) mod prefix;

use ipnet::IpNet;

use crate::error::{Failure, Outcome};

pub(crate) use matches::{Links, Subject, Who, is_of};
pub(crate) use parse::{Known, Query, parse};

/// Conditions that all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// It must not hold.
    pub(crate) not: bool,
    /// The word that began it, for messages.
    pub(crate) word: &'static str,
    pub(crate) test: Test,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// It is, is on, or leads through the link of this name.
    Dev(LinkWord),
    /// It is a link, or is on one, whose master has this name.
    Master(LinkWord),
    /// A link's kind, also of the link that an address is on; a route's type, a rule's action.
    Type(String),
    /// A link's group, also of the link that an address is on.
    Group(u32),
    /// A route's or rule's table; `None` is any.
    Table(Option<u32>),
    /// An object's table of nf_tables, of this family.
    NftTable(Option<linx::nft::Family>, LinkWord),
    /// Who made it: its number among routing protocols, and that among those of addresses.
    Proto { route: Option<u32>, address: Option<u32> },
    /// Its destination.
    To(Selector, Vec<IpNet>),
    /// The author of a change.
    By(String),
    /// What the change is, in the words of records: `new`, `del`, `list`; `added`, `changed`, `removed`.
    Op(String),
    /// Why a mirror changed.
    Cause(String),
}

/// A link as it was typed: its name, or the form in which a hostile name is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkWord(pub(crate) Vec<u8>);

impl LinkWord {
    /// Whether a link's name is meant.
    pub(crate) fn is(&self, name: linx_wire::name::Name<'_>) -> bool {
        name.as_bytes() == self.0.as_slice()
            || (self.0.contains(&b'\\') && name.to_string().as_bytes() == self.0.as_slice())
    }

    /// For messages: quoted and escaped.
    pub(crate) fn shown(&self) -> String {
        format!("\"{}\"", linx_wire::name::Name::new(&self.0))
    }
}

/// How a destination and a prefix are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// `to PREFIX`: exactly it for routes, inside it for addresses and neighbours.
    Plain,
    /// `to exact PREFIX`
    Exact,
    /// `to root PREFIX`: it and longer ones.
    Root,
    /// `to match PREFIX`: it and shorter ones.
    Match,
}

impl Filter {
    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The links that the filter names, which a namespace should have.
    pub(crate) fn links(&self) -> impl Iterator<Item = &LinkWord> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Dev(link) | Test::Master(link) => Some(link),
            _ => None,
        })
    }

    /// Whether a term asks for a table.
    pub(crate) fn names_table(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Table(_)))
    }

    /// Whether a term asks for the author.
    pub(crate) fn asks_author(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::By(_)))
    }

    /// The one table that everything must be in, for the kernel to filter by.
    pub(crate) fn only_table(&self) -> Option<u32> {
        self.terms.iter().find_map(|term| match term {
            Term { not: false, test: Test::Table(table), .. } => *table,
            _ => None,
        })
    }

    /// The one link that everything must be on.
    pub(crate) fn only_dev(&self) -> Option<&LinkWord> {
        self.terms.iter().find_map(|term| match term {
            Term { not: false, test: Test::Dev(link), .. } => Some(link),
            _ => None,
        })
    }

    /// The kinds of links that are asked for.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|term| match term {
            Term { not: false, test: Test::Type(word), .. } => Some(word.as_str()),
            _ => None,
        })
    }

    /// Refuses conditions about changes where there are none.
    pub(crate) fn without_changes(&self) -> Outcome {
        match self.terms.iter().find(|term| matches!(term.test, Test::By(_) | Test::Op(_) | Test::Cause(_))) {
            None => Ok(()),
            Some(term) => {
                let message = format!("\"{}\" filters changes, and a list has none", term.word);
                Err(Failure::usage(message).remedy("use it with monitor"))
            }
        }
    }
}
