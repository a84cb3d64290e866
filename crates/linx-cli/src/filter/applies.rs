//! Whether a condition can hold for an object of a kind at all: one that cannot is a slip, and finds nothing.

use linx::words;

use super::{Filter, Test};
use crate::error::{Failure, Outcome, quoted};
use crate::object::Object;
use crate::suggest;

/// Actions of rules, as `type`.
pub(super) const RULE_ACTIONS: [&str; 6] = ["lookup", "goto", "nop", "blackhole", "unreachable", "prohibit"];

/// What next hops may be, as `type`.
pub(super) const NEXT_HOP_TYPES: [&str; 3] = ["blackhole", "group", "fdb"];

/// Words that begin a condition, with the kinds that have what it asks for.
const OF: [(&str, &[Object]); 9] = {
    use Object::{Address, Link, Neigh, NextHop, Nft, NsId, Route, Rule};
    [
        ("dev", &[Link, Address, Route, Neigh, Rule, NextHop]),
        ("master", &[Link, Address, Route, Neigh, NextHop]),
        ("type", &[Link, Address, Route, Rule, NextHop]),
        ("group", &[Link, Address]),
        ("table", &[Route, Rule, Nft]),
        ("protocol", &[Address, Route, Neigh, Rule, NextHop]),
        ("to", &[Address, Route, Neigh, Rule, NextHop]),
        ("by", &[Address, Route, Neigh, Rule, NextHop, NsId, Nft]),
        ("op", &Object::ALL),
    ]
};

fn has(object: Object, word: &str) -> bool {
    OF.iter().any(|(name, kinds)| *name == word && kinds.contains(&object))
}

/// The values that `type` may have; `None`: the kernel's modules bring their own.
fn types(object: Object) -> Option<Vec<&'static str>> {
    match object {
        Object::Route => Some(words::ROUTE_TYPES.iter().map(|(_, word)| *word).collect()),
        Object::Rule => Some(RULE_ACTIONS.into()),
        Object::NextHop => Some(NEXT_HOP_TYPES.into()),
        _ => None,
    }
}

impl Test {
    /// Whether an object of a kind that has what it asks for may have this value.
    fn is_possible(&self, object: Object) -> bool {
        match self {
            Self::Type(word) => types(object).is_none_or(|types| types.contains(&word.as_str())),
            Self::Proto { address, .. } if object == Object::Address => address.is_some(),
            Self::Proto { route, .. } => route.is_some(),
            _ => true,
        }
    }
}

impl Filter {
    /// Refuses a condition that holds for no object of these kinds, whatever there is.
    pub(super) fn check(&self, kinds: &[Object]) -> Outcome {
        // Everything that is told has a cause.
        for term in self.terms.iter().filter(|term| !matches!(term.test, Test::Cause(_))) {
            let concerned: Vec<Object> = kinds.iter().copied().filter(|kind| has(*kind, term.word)).collect();
            if concerned.is_empty() {
                return Err(strange(term.word, kinds));
            }
            if !concerned.iter().any(|kind| term.test.is_possible(*kind)) {
                return Err(impossible(&term.test, &concerned));
            }
        }
        Ok(())
    }
}

fn list(kinds: &[Object]) -> String {
    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" or ")
}

/// None of the kinds has such a thing.
fn strange(word: &str, kinds: &[Object]) -> Failure {
    let known: Vec<_> = OF
        .iter()
        .filter(|(name, _)| kinds.iter().any(|kind| has(*kind, name)))
        .map(|(name, _)| *name)
        .collect();
    if word == "by" && kinds == [Object::Link] {
        return Failure::usage("the kernel does not say who changed a link: \"by\" is no filter of it");
    }
    let kinds = list(kinds);
    Failure::usage(format!("\"{word}\" is no filter of {kinds}"))
        .remedy(format!("filters are {}", known.join(", ")))
}

/// The kinds have such a thing, but not with this value.
fn impossible(test: &Test, kinds: &[Object]) -> Failure {
    match test {
        Test::Type(word) => {
            let known: Vec<&str> = kinds.iter().filter_map(|kind| types(*kind)).flatten().collect();
            let failure = Failure::usage(format!("no type {} of {}", quoted(word), list(kinds)));
            match suggest::nearest(word, &known) {
                Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
                None => failure.remedy(format!("types are {}", known.join(", "))),
            }
        }
        // Numbers are protocols of both.
        Test::Proto { route: None, .. } => Failure::usage("that protocol is one of addresses alone"),
        _ => Failure::usage("that protocol is none of addresses"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{LinkWord, Selector, Term};

    #[test]
    fn every_word_is_known_of_some_kind() {
        for (word, kinds) in OF {
            assert!(!kinds.is_empty(), "{word}");
            assert!(kinds.iter().all(|kind| has(*kind, word)));
        }
    }

    /// What is refused for a kind holds for none of its objects: asked of real ones in `tests/lists.rs`.
    #[test]
    fn one_kind_that_has_it_is_enough() {
        let term = |word, test| Filter { terms: vec![Term { not: false, word, test }] };
        let table = term("table", Test::Table(Some(254)));
        assert!(table.check(&[Object::Link]).is_err());
        assert!(table.check(&[Object::Link, Object::Route]).is_ok());
        let to = term("to", Test::To(Selector::Plain, vec![]));
        assert!(to.check(&[Object::Link, Object::NsId]).is_err());
        let kind = term("type", Test::Type("weird".into()));
        assert!(kind.check(&[Object::Route]).is_err());
        assert!(kind.check(&[Object::Route, Object::Address]).is_ok());
        let dev = term("dev", Test::Dev(LinkWord(b"lo".to_vec())));
        assert!(dev.check(&Object::ALL).is_ok() && dev.check(&[Object::NsId]).is_err());
        let of_addresses = term("protocol", Test::Proto { route: None, address: Some(3) });
        assert!(
            of_addresses.check(&[Object::Route]).is_err() && of_addresses.check(&[Object::Address]).is_ok()
        );
    }
}
