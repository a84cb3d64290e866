//! One object of the rule set: what a message announces, elements one by one.

use super::{
    ChainRef, ChainView, ElementRef, ElementView, ElementsRef, EntityRef, FlowtableRef, FlowtableView,
    RuleRef, RuleView, SetRef, SetView, StatefulObjectRef, StatefulObjectView, TableRef, TableView,
};
use crate::name::Name;
use crate::object::Kind;

/// One object of the rule set, borrowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ItemRef<'a> {
    /// A table.
    Table(TableRef<'a>),
    /// A chain.
    Chain(ChainRef<'a>),
    /// A rule of a chain.
    Rule(RuleRef<'a>),
    /// A set or map.
    Set(SetRef<'a>),
    /// An element of a set or map.
    Element(ElementRef<'a>),
    /// A stateful object.
    Object(StatefulObjectRef<'a>),
    /// A flow table.
    Flowtable(FlowtableRef<'a>),
}

impl ItemRef<'_> {
    /// Which kind it is; of an element [`Kind::Elements`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Table(_) => Kind::Table,
            Self::Chain(_) => Kind::Chain,
            Self::Rule(_) => Kind::NftRule,
            Self::Set(_) => Kind::Set,
            Self::Element(_) => Kind::Elements,
            Self::Object(_) => Kind::StatefulObject,
            Self::Flowtable(_) => Kind::Flowtable,
        }
    }

    /// Its table's family, see [`family`](super::family).
    #[must_use]
    pub fn family(&self) -> u8 {
        match self {
            Self::Table(table) => table.family(),
            Self::Chain(chain) => chain.family(),
            Self::Rule(rule) => rule.family(),
            Self::Set(set) => set.family(),
            Self::Element(element) => element.family(),
            Self::Object(object) => object.family(),
            Self::Flowtable(flowtable) => flowtable.family(),
        }
    }

    /// Its table's name; of a table its own.
    #[must_use]
    pub fn table(&self) -> Name<'_> {
        match self {
            Self::Table(table) => table.name(),
            Self::Chain(chain) => chain.table(),
            Self::Rule(rule) => rule.table(),
            Self::Set(set) => set.table(),
            Self::Element(element) => element.table(),
            Self::Object(object) => object.table(),
            Self::Flowtable(flowtable) => flowtable.table(),
        }
    }
}

/// The objects of one message; see [`EntityRef::items`].
#[derive(Clone)]
enum Items<'a, I> {
    One(Option<ItemRef<'a>>),
    Elements(I),
}

impl<'a, I: Iterator<Item = ElementRef<'a>>> Iterator for Items<'a, I> {
    type Item = ItemRef<'a>;

    fn next(&mut self) -> Option<ItemRef<'a>> {
        match self {
            Self::One(item) => item.take(),
            Self::Elements(elements) => elements.next().map(ItemRef::Element),
        }
    }
}

impl<'a> EntityRef<'a> {
    /// What the message announces, elements one by one; nothing of a generation.
    pub fn items(self) -> impl Iterator<Item = ItemRef<'a>> + Clone {
        match self {
            Self::Table(table) => Items::One(Some(ItemRef::Table(table))),
            Self::Chain(chain) => Items::One(Some(ItemRef::Chain(chain))),
            Self::Rule(rule) => Items::One(Some(ItemRef::Rule(rule))),
            Self::Set(set) => Items::One(Some(ItemRef::Set(set))),
            Self::Elements(elements) => Items::Elements(ElementsRef::elements(elements)),
            Self::Object(object) => Items::One(Some(ItemRef::Object(object))),
            Self::Flowtable(flowtable) => Items::One(Some(ItemRef::Flowtable(flowtable))),
            Self::Generation(_) => Items::One(None),
        }
    }
}

macro_rules! from {
    ($($variant:ident($borrowed:ident);)*) => {$(
        impl<'a> From<$borrowed<'a>> for ItemRef<'a> {
            fn from(object: $borrowed<'a>) -> Self {
                Self::$variant(object)
            }
        }
    )*};
}

from! {
    Table(TableRef);
    Chain(ChainRef);
    Rule(RuleRef);
    Set(SetRef);
    Element(ElementRef);
    Object(StatefulObjectRef);
    Flowtable(FlowtableRef);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::{ELEMENT, ELEMENT_LIST, Elements, Nest, TABLE, Table};

    #[test]
    fn elements_come_one_by_one() {
        let element = |byte| Nest::new(&ELEMENT).set("key", Nest::value(&[byte]));
        let list = Nest::new(&ELEMENT_LIST)
            .set("table", "t")
            .set("set", "s")
            .set("elem", vec![element(1), element(2)]);
        let list = Elements::decode(&[&[2, 0, 0, 0], &list.finish().unwrap()[..]].concat()).unwrap();
        let items: Vec<_> = EntityRef::from(list.as_ref()).items().collect();
        let keys: Vec<_> = items
            .iter()
            .map(|item| match item {
                ItemRef::Element(element) => element.key().unwrap()[0],
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(keys, [1, 2]);
        assert!(
            items
                .iter()
                .all(|item| item.kind() == Kind::Elements && item.family() == 2 && item.table() == "t")
        );
        let table = Nest::new(&TABLE).set("name", "t").finish().unwrap();
        let table = Table::decode(&[&[10, 0, 0, 0], &table[..]].concat()).unwrap();
        let items: Vec<_> = EntityRef::from(table.as_ref()).items().collect();
        assert!(matches!(items[..], [ItemRef::Table(table)] if table.name() == "t"), "{items:?}");
    }
}
