//! Keys of the objects of a rule set.
//!
//! | kind | identified by |
//! |---|---|
//! | table | family, name |
//! | chain, rule | family, table, handle: chains are renamed, and their rules with them, without being announced |
//! | set, map, flow table | family, table, name |
//! | object | family, table, type, name |
//! | element | family, table, set, key and end of the key; whether it ends an interval; of a catch-all that it is one |
//!
//! All of it stands in what announces an end as well (KERNEL.md 1.6). One that is made again under its name has the
//! same key, but for chains and rules.

use std::fmt::{self, Write};

use linx_wire::name::Name;
use linx_wire::nft::{
    ChainView, ElementFlags, ElementRef, ElementView, FlowtableView, ItemRef, RuleView, SetView,
    StatefulObjectView, TableView, family, object_type,
};

use super::Key;

impl Key {
    /// The key of an object of a rule set.
    ///
    /// ```
    /// use linx::Key;
    /// use linx_wire::nft::TableRef;
    ///
    /// # let bytes = [1, 0, 0, 0, 8, 0, 1, 0, b'v', b'p', b'n', 0];
    /// let table = TableRef::decode(&bytes)?;
    /// assert_eq!(Key::of_nft(table).as_str(), "nft/table/inet/vpn");
    /// # Ok::<(), linx::DecodeError>(())
    /// ```
    #[must_use]
    pub fn of_nft<'a>(object: impl Into<ItemRef<'a>>) -> Self {
        let mut text = String::with_capacity(48);
        Self::append_nft(&object.into(), &mut text);
        Self(text.into_boxed_str())
    }

    /// Appends the text of the key of an object of a rule set to `text`: for those who need no more than the text, and
    /// need many.
    pub fn append_nft(object: &ItemRef<'_>, text: &mut String) {
        // Writing into a string does not fail.
        let _ = write(text, object);
    }
}

fn write(text: &mut String, object: &ItemRef<'_>) -> fmt::Result {
    text.push_str("nft/");
    match object {
        ItemRef::Table(table) => {
            text.push_str("table/");
            place(text, table.family(), &[table.name()])
        }
        ItemRef::Chain(chain) => {
            text.push_str("chain/");
            place(text, chain.family(), &[chain.table()])?;
            match chain.handle() {
                Some(handle) => write!(text, "/{handle}"),
                // No kernel leaves it out.
                None => write!(text, "/name/{}", Escaped(chain.name())),
            }
        }
        ItemRef::Rule(rule) => {
            text.push_str("rule/");
            place(text, rule.family(), &[rule.table()])?;
            write!(text, "/{}", rule.handle())
        }
        ItemRef::Set(set) => {
            text.push_str("set/");
            place(text, set.family(), &[set.table(), set.name()])
        }
        ItemRef::Element(element) => {
            text.push_str("element/");
            place(text, element.family(), &[element.table(), element.set()])?;
            write_element(text, element)
        }
        ItemRef::Object(object) => {
            text.push_str("object/");
            place(text, object.family(), &[object.table()])?;
            match object_type::word(object.object_type()) {
                // Some are two words.
                Some(word) => write!(text, "/{}/", word.replace(' ', "-"))?,
                None => write!(text, "/{}/", object.object_type())?,
            }
            write!(text, "{}", Escaped(object.name()))
        }
        ItemRef::Flowtable(flowtable) => {
            text.push_str("flowtable/");
            place(text, flowtable.family(), &[flowtable.table(), flowtable.name()])
        }
        // A kind of a later version.
        other => write!(text, "{:?}", other.kind()),
    }
}

/// A family, and names, each behind a slash.
fn place(text: &mut String, family: u8, names: &[Name<'_>]) -> fmt::Result {
    match family::word(family) {
        Some(word) => text.push_str(word),
        None => write!(text, "{family}")?,
    }
    names.iter().try_for_each(|name| write!(text, "/{}", Escaped(*name)))
}

fn write_element(text: &mut String, element: &ElementRef<'_>) -> fmt::Result {
    text.push('/');
    let hex = |text: &mut String, bytes: &[u8]| bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"));
    if element.is_catch_all() {
        text.push('*');
    }
    hex(text, element.key().unwrap_or_default())?;
    if let Some(end) = element.key_end() {
        text.push('-');
        hex(text, end)?;
    }
    // An interval may begin where another ends: two elements of one key.
    if element.flags().contains(ElementFlags::INTERVAL_END) { text.write_str("/end") } else { Ok(()) }
}

/// A name as printable ASCII without spaces and slashes: other bytes as `%1b`.
struct Escaped<'a>(Name<'a>);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_bytes().iter().try_for_each(|byte| match byte {
            b'/' | b'%' => write!(f, "%{byte:02x}"),
            byte if byte.is_ascii_graphic() => f.write_char(char::from(*byte)),
            byte => write!(f, "%{byte:02x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use linx_wire::nft::{CHAIN, ELEMENT, ELEMENT_LIST, Entity, FLOWTABLE, Nest, OBJECT, RULE, SET, TABLE};
    use linx_wire::uapi::nft;

    use super::*;

    fn keys(message_type: u16, family: u8, nest: Nest) -> Vec<String> {
        let payload = [&[family, 0, 0, 0], &nest.finish().unwrap()[..]].concat();
        let entity = Entity::decode(message_type, &payload).unwrap().unwrap().1;
        entity.as_ref().items().map(|item| Key::of_nft(item).to_string()).collect()
    }

    fn element(key: &[u8], end: Option<&[u8]>, flags: u32) -> Nest {
        let element = Nest::new(&ELEMENT).set("flags", flags);
        let element = if key.is_empty() { element } else { element.set("key", Nest::value(key)) };
        match end {
            Some(end) => element.set("key_end", Nest::value(end)),
            None => element,
        }
    }

    #[test]
    fn no_two_objects_have_one_key() {
        let named =
            |policy, table: &[u8], name: &[u8]| Nest::new(policy).set("table", table).set("name", name);
        let list = |set: &str, elements: Vec<Nest>| {
            Nest::new(&ELEMENT_LIST).set("table", "t").set("set", set).set("elem", elements)
        };
        let elements = || {
            vec![
                element(&[10, 0, 0, 1], None, 0),
                element(&[10, 0, 0, 1], None, 1),
                element(&[10, 0, 0, 1], Some(&[10, 0, 0, 9]), 0),
                element(&[10, 0, 0, 1], Some(&[10, 0, 0, 10]), 0),
                element(&[], None, 2),
                element(&[10], None, 0),
            ]
        };
        let all: Vec<_> = [
            keys(nft::NEWTABLE, 2, Nest::new(&TABLE).set("name", "t")),
            keys(nft::NEWTABLE, 10, Nest::new(&TABLE).set("name", "t")),
            keys(nft::NEWTABLE, 99, Nest::new(&TABLE).set("name", "t")),
            keys(nft::NEWTABLE, 2, Nest::new(&TABLE).set("name", "")),
            keys(nft::NEWTABLE, 2, Nest::new(&TABLE).set("name", "t/s")),
            keys(nft::NEWTABLE, 2, Nest::new(&TABLE).set("name", "t%2fs")),
            keys(nft::NEWTABLE, 2, Nest::new(&TABLE).set("name", vec![b't', 0x1b, b' ', 0xff])),
            keys(nft::NEWCHAIN, 2, named(&CHAIN, b"t", b"7").set("handle", 7u64)),
            keys(nft::NEWCHAIN, 2, named(&CHAIN, b"t", b"7")),
            keys(nft::NEWRULE, 2, Nest::new(&RULE).set("table", "t").set("chain", "7").set("handle", 7u64)),
            keys(nft::NEWSET, 2, named(&SET, b"t", b"s")),
            keys(nft::NEWSET, 2, named(&SET, b"t/s", b"")),
            keys(nft::NEWSET, 2, named(&SET, b"t", b"/s")),
            keys(nft::NEWFLOWTABLE, 2, named(&FLOWTABLE, b"t", b"s")),
            keys(nft::NEWOBJ, 2, named(&OBJECT, b"t", b"s").set("type", 1u32)),
            keys(nft::NEWOBJ, 2, named(&OBJECT, b"t", b"s").set("type", 3u32)),
            keys(nft::NEWOBJ, 2, named(&OBJECT, b"t", b"s").set("type", 77u32)),
            keys(nft::NEWSETELEM, 2, list("s", elements())),
            keys(nft::NEWSETELEM, 2, list("s2", elements())),
        ]
        .concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:#?}");
        assert!(all.iter().all(|key| key.bytes().all(|byte| byte.is_ascii_graphic())), "{all:#?}");
        assert_eq!(all[6], "nft/table/ip/t%1b%20%ff");
        assert!(all.contains(&"nft/element/ip/t/s/0a000001-0a000009".to_owned()), "{all:#?}");
        assert!(all.contains(&"nft/object/ip/t/ct-helper/s".to_owned()), "{all:#?}");
    }

    #[test]
    fn a_chain_keeps_its_key_when_it_is_renamed() {
        let chain = |name: &str| Nest::new(&CHAIN).set("table", "t").set("name", name).set("handle", 7u64);
        assert_eq!(keys(nft::NEWCHAIN, 1, chain("a")), keys(nft::DELCHAIN, 1, chain("b")));
    }
}
