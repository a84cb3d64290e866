//! The kinds of objects that a command may name, by ip's words and their abbreviations.

use linx::Kind;

use crate::suggest;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Object {
    Link,
    Address,
    Route,
    Neigh,
    Rule,
    NextHop,
    NsId,
    /// What nf_tables has, of all kinds.
    Nft,
}

/// Words and what they mean. An abbreviation is the first word here that begins with it, as with ip: `r` is
/// route, `ru` rule, `n` neigh, `nex` nexthop.
const WORDS: &[(&str, Object)] = &[
    ("link", Object::Link),
    ("address", Object::Address),
    ("route", Object::Route),
    ("rule", Object::Rule),
    ("neigh", Object::Neigh),
    ("neighbor", Object::Neigh),
    ("neighbour", Object::Neigh),
    ("nexthop", Object::NextHop),
    ("nsid", Object::NsId),
    // The plurals that people type, and Linx's library uses.
    ("links", Object::Link),
    ("addresses", Object::Address),
    ("routes", Object::Route),
    ("rules", Object::Rule),
    ("neighbors", Object::Neigh),
    ("neighbours", Object::Neigh),
    ("nexthops", Object::NextHop),
    ("nsids", Object::NsId),
    ("nft", Object::Nft),
    ("nftables", Object::Nft),
];

/// The kinds of objects of nf_tables, each after what it needs.
pub(crate) const NFT: [Kind; 7] = [
    Kind::Table,
    Kind::Chain,
    Kind::StatefulObject,
    Kind::Flowtable,
    Kind::Set,
    Kind::Elements,
    Kind::NftRule,
];

impl Object {
    /// Every kind, in the order in which state is printed: what others refer to comes first.
    pub(crate) const ALL: [Self; 8] = [
        Self::NsId,
        Self::Link,
        Self::Address,
        Self::Neigh,
        Self::Rule,
        Self::NextHop,
        Self::Route,
        Self::Nft,
    ];

    /// What a word or an abbreviation means.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        if word.is_empty() {
            return None;
        }
        WORDS.iter().find(|(whole, _)| whole.starts_with(word)).map(|(_, object)| *object)
    }

    /// The word nearest to one that is not known.
    pub(crate) fn nearest(word: &str) -> Option<String> {
        suggest::nearest(word, WORDS.iter().map(|(word, _)| word))
    }

    /// Its word: the kind in JSON and in lines for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Address => "address",
            Self::Route => "route",
            Self::Neigh => "neigh",
            Self::Rule => "rule",
            Self::NextHop => "nexthop",
            Self::NsId => "nsid",
            Self::Nft => "nft",
        }
    }

    /// Its kind in the library; those of nf_tables are several.
    pub(crate) fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Link => Kind::Link,
            Self::Address => Kind::Address,
            Self::Route => Kind::Route,
            Self::Neigh => Kind::Neighbour,
            Self::Rule => Kind::Rule,
            Self::NextHop => Kind::NextHop,
            Self::NsId => Kind::NsId,
            Self::Nft => return None,
        })
    }

    /// The words that may stand behind `nft`.
    pub(crate) const NFT_WORDS: [&str; 8] =
        ["ruleset", "tables", "chains", "rules", "sets", "elements", "objects", "flowtables"];

    /// What a word behind `nft` means: the kinds of objects of nf_tables; none for a word that is none of nft's.
    pub(crate) fn nft_kinds(word: &str) -> &'static [Kind] {
        match word {
            "ruleset" => &NFT,
            "tables" => &[Kind::Table],
            "chains" => &[Kind::Chain],
            "rules" => &[Kind::NftRule],
            "sets" | "maps" => &[Kind::Set],
            "elements" => &[Kind::Elements],
            "objects" => &[Kind::StatefulObject],
            "flowtables" => &[Kind::Flowtable],
            _ => &[],
        }
    }

    /// All words, for messages.
    pub(crate) fn list() -> String {
        Self::ALL.map(Self::word).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_mean_what_they_mean_to_ip() {
        for (words, object) in [
            ("l li link links", Object::Link),
            ("a ad addr address addresses", Object::Address),
            ("r ro route routes", Object::Route),
            ("ru rul rule rules", Object::Rule),
            ("n ne nei neigh neighbor neighbour neighbours", Object::Neigh),
            ("nex nexthop", Object::NextHop),
            ("ns nsid", Object::NsId),
            ("nf nft", Object::Nft),
        ] {
            for word in words.split(' ') {
                assert_eq!(Object::parse(word), Some(object), "{word}");
            }
        }
        assert_eq!(Object::parse(""), None);
        assert_eq!(Object::parse("dev"), None);
        assert_eq!(Object::nearest("ruote").as_deref(), Some("route"));
    }
}
