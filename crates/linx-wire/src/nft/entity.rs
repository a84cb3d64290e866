//! Any message of nf_tables that announces something: what a monitor's events hold, and what generic code passes on.

use super::{
    Chain, ChainRef, ChainView, Elements, ElementsRef, ElementsView, Flowtable, FlowtableRef, FlowtableView,
    Generation, GenerationRef, GenerationView, Rule, RuleRef, RuleView, Set, SetRef, SetView, StatefulObject,
    StatefulObjectRef, StatefulObjectView, Table, TableRef, TableView,
};
use crate::attr::Attr;
use crate::error::Result;
use crate::name::Name;
use crate::object::{Decode, Kind};
use crate::policy::Compare;
use crate::route::Operation;

/// Declares both enumerations and what is the same for every kind.
macro_rules! entities {
    ($($(#[$doc:meta])* $kind:ident($owned:ident, $borrowed:ident) as $number:ident;)*) => {
        /// What a message announces, owned. Equality and hash are those of the tracked fields.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Entity {
            $($(#[$doc])* $kind($owned),)*
        }

        /// What a message announces, borrowed: it points into the datagram.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum EntityRef<'a> {
            $($(#[$doc])* $kind($borrowed<'a>),)*
        }

        impl Entity {
            /// Which kind it is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$number,)*
                }
            }

            /// The borrowed form.
            #[must_use]
            pub fn as_ref(&self) -> EntityRef<'_> {
                match self {
                    $(Self::$kind(entity) => EntityRef::$kind(entity.as_ref()),)*
                }
            }

            /// The fields in which two differ, as far as `compare` looks: dotted paths of accessor names. Those of
            /// different kinds differ in their `kind`.
            #[must_use]
            pub fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
                match (self, other) {
                    $((Self::$kind(a), Self::$kind(b)) => a.differences(b, compare),)*
                    _ => vec!["kind".to_owned()],
                }
            }
        }

        impl<'a> EntityRef<'a> {
            /// Decodes the payload of a message (what follows the netlink header); `None` when the message's type is
            /// not that of an announcement.
            ///
            /// # Errors
            /// The first fault, with its offset into the payload and its attribute path.
            #[inline]
            pub fn decode(message_type: u16, payload: &'a [u8]) -> Result<Option<(Operation, Self)>> {
                $(
                    if message_type == $owned::NEW {
                        return Ok(Some((Operation::New, Self::$kind($borrowed::decode(payload)?))));
                    }
                    if message_type == $owned::DEL {
                        return Ok(Some((Operation::Del, Self::$kind($borrowed::decode(payload)?))));
                    }
                )*
                Ok(None)
            }

            /// Which kind it is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$number,)*
                }
            }

            /// The family of its table, see [`family`](super::family).
            #[must_use]
            pub fn family(&self) -> u8 {
                match self {
                    $(Self::$kind(entity) => entity.header().family,)*
                }
            }

            /// Low 16 bits of the generation: of the new one in an event, of the current one in a dump.
            #[must_use]
            pub fn generation_low(&self) -> u16 {
                match self {
                    $(Self::$kind(entity) => entity.header().res_id.get(),)*
                }
            }

            /// The message without its netlink header.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$kind(entity) => entity.as_bytes(),)*
                }
            }

            /// The attributes of the message itself that this version does not know.
            #[must_use]
            pub fn unknown(&self) -> Vec<Attr<'_>> {
                match self {
                    $(Self::$kind(entity) => entity.unknown(),)*
                }
            }

            /// The owned form.
            #[must_use]
            #[allow(clippy::should_implement_trait)]
            pub fn to_owned(self) -> Entity {
                match self {
                    $(Self::$kind(entity) => Entity::$kind(entity.to_owned()),)*
                }
            }
        }

        $(
            impl From<$owned> for Entity {
                fn from(entity: $owned) -> Self {
                    Self::$kind(entity)
                }
            }

            impl<'a> From<$borrowed<'a>> for EntityRef<'a> {
                fn from(entity: $borrowed<'a>) -> Self {
                    Self::$kind(entity)
                }
            }
        )*
    };
}

entities! {
    /// A rule of a chain.
    Rule(Rule, RuleRef) as NftRule;
    /// Elements of a set or map.
    Elements(Elements, ElementsRef) as Elements;
    /// A chain.
    Chain(Chain, ChainRef) as Chain;
    /// A set or map.
    Set(Set, SetRef) as Set;
    /// A table.
    Table(Table, TableRef) as Table;
    /// A stateful object.
    Object(StatefulObject, StatefulObjectRef) as StatefulObject;
    /// A flow table.
    Flowtable(Flowtable, FlowtableRef) as Flowtable;
    /// The end of a transaction.
    Generation(Generation, GenerationRef) as Generation;
}

impl EntityRef<'_> {
    /// Name of its table, a table's own; `None` of a generation.
    #[must_use]
    pub fn table(&self) -> Option<Name<'_>> {
        match self {
            Self::Table(table) => Some(table.name()),
            Self::Chain(chain) => Some(chain.table()),
            Self::Rule(rule) => Some(rule.table()),
            Self::Set(set) => Some(set.table()),
            Self::Elements(elements) => Some(elements.table()),
            Self::Object(object) => Some(object.table()),
            Self::Flowtable(flowtable) => Some(flowtable.table()),
            Self::Generation(_) => None,
        }
    }
}

// Every kind is one allocation.
const _: () = assert!(size_of::<Entity>() <= 24);

impl Entity {
    /// Decodes the payload of a message (what follows the netlink header); `None` when the message's type is not that
    /// of an announcement.
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    pub fn decode(message_type: u16, payload: &[u8]) -> Result<Option<(Operation, Self)>> {
        Ok(EntityRef::decode(message_type, payload)?
            .map(|(operation, entity)| (operation, entity.to_owned())))
    }
}
