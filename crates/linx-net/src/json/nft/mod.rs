//! The bodies of what nf_tables has. Names and spellings are those of libnftables' JSON (`nft -j`) where it has one.
//!
//! Where it differs: an element is a record of its own, with `key` and `data` as the kernel has them (an interval is two
//! elements, or one with `key_end`); the state of a rule or set is `expressions`, which are the kernel's, and not
//! statements in nft's syntax; `type` of an object says what it is, so the helper of a `ct helper` is `helper`; times
//! are seconds with their fraction; all timeouts of a `ct timeout` are there. What the kernel has and libnftables leaves
//! out is added: owner, flags, comments, devices, counters of chains.

mod chain;
mod element;
mod object;
mod rule;
mod set;
mod transaction;

use std::time::Duration;

use linx_wire::attr::Attr;
use linx_wire::name::Name;
use linx_wire::nft::{ItemRef, UserData, family};
use serde::ser::{Serialize, SerializeStruct, Serializer};

pub use chain::{ChainBody, FlowtableBody, TableBody};
pub use element::ElementBody;
pub use object::ObjectBody;
pub(super) use rule::ExpressionBody;
pub use rule::RuleBody;
pub use set::SetBody;
pub use transaction::{ItemChange, LINE_LIMIT, TransactionHead};

use super::fields::{Fields, Hex, NameKeys, readable};
use crate::forms::value::{Value, fraction};
use crate::names::Context;
use crate::words;

/// The body of any object of a rule set.
#[derive(Clone, Copy, Debug)]
pub struct NftBody<'a>(pub ItemRef<'a>, pub &'a Context<'a>);

impl Serialize for NftBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cx = self.1;
        match &self.0 {
            ItemRef::Table(table) => TableBody(table, cx).serialize(serializer),
            ItemRef::Chain(chain) => ChainBody(chain, cx).serialize(serializer),
            ItemRef::Rule(rule) => RuleBody(rule, cx).serialize(serializer),
            ItemRef::Set(set) => SetBody(set, cx).serialize(serializer),
            ItemRef::Element(element) => ElementBody(element, cx).serialize(serializer),
            ItemRef::Object(object) => ObjectBody(object, cx).serialize(serializer),
            ItemRef::Flowtable(flowtable) => FlowtableBody(flowtable, cx).serialize(serializer),
            // A kind of a later version.
            _ => serializer.serialize_unit(),
        }
    }
}

/// The word under which an object's body stands: of sets, whether it is a `map`.
#[must_use]
pub fn word(object: &ItemRef<'_>, cx: &Context<'_>) -> &'static str {
    match object {
        ItemRef::Set(set) if words::is_map(set, cx) => "map",
        other => words::kind(other.kind()),
    }
}

const TABLE: NameKeys = ("table", "table_hex");
const NAME: NameKeys = ("name", "name_hex");
const COMMENT: NameKeys = ("comment", "comment_hex");

/// What all have: the family, and the names of the table and of the object itself.
fn open<S: SerializeStruct>(
    out: &mut Fields<S>,
    family: u8,
    table: Option<Name<'_>>,
    name: Option<Name<'_>>,
) -> Result<(), S::Error> {
    match family::word(family) {
        Some(word) => out.put("family", word)?,
        None => out.put("family", &family.to_string())?,
    }
    table.map_or(Ok(()), |table| out.name(TABLE, table))?;
    name.map_or(Ok(()), |name| out.name(NAME, name))
}

/// The comment; and all of what user space keeps with an object, unless that is its comment alone.
fn comment<S: SerializeStruct>(
    out: &mut Fields<S>,
    comment: Option<Name<'_>>,
    userdata: Option<UserData<'_>>,
) -> Result<(), S::Error> {
    if let Some(comment) = comment {
        out.name(COMMENT, comment)?;
    }
    let Some(userdata) = userdata.filter(|userdata| !userdata.as_bytes().is_empty()) else { return Ok(()) };
    let alone = comment.and_then(|comment| linx_wire::nft::comment(comment.as_bytes()));
    if alone.as_deref() == Some(userdata.as_bytes()) {
        return Ok(());
    }
    out.put("userdata", &Hex(userdata.as_bytes()))
}

/// Devices: one as a string, several as a list, as libnftables has it.
fn devices<S: SerializeStruct>(
    out: &mut Fields<S>,
    keys: NameKeys,
    names: &[Name<'_>],
) -> Result<(), S::Error> {
    match names {
        [] => Ok(()),
        [name] => out.name(keys, *name),
        names => {
            out.put(keys.0, &names.iter().map(|name| readable(*name)).collect::<Vec<_>>())?;
            if names.iter().all(|name| name.to_str().is_some()) {
                return Ok(());
            }
            out.put(keys.1, &names.iter().map(|name| Hex(name.as_bytes())).collect::<Vec<_>>())
        }
    }
}

/// Seconds, with their fraction where there is one.
fn seconds(duration: Duration) -> Value {
    fraction(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), 1_000)
}

/// Attributes that are not known, of the message and of a nest in it.
fn unknown<'a, S: SerializeStruct>(
    out: &mut Fields<S>,
    attributes: Vec<Attr<'a>>,
    inner: impl Iterator<Item = Attr<'a>>,
) -> Result<(), S::Error> {
    let mut all = attributes;
    all.extend(inner);
    out.unknown(&all)
}
