//! Sets and maps, without their elements.

use linx_wire::nft::{DATA_TYPE_VERDICT, SET_DESC, SET_FIELD, SetFlags, SetView, object_type};
use serde::ser::{Serialize, Serializer};

use super::rule::list;
use super::{comment, open, seconds, unknown};
use crate::datatype::{fields, type_name};
use crate::json::fields::{Bits, Fields};
use crate::names::Context;
use crate::words;

/// A set or map as JSON.
#[derive(Debug)]
pub struct SetBody<'a, T>(pub &'a T, pub &'a Context<'a>);

impl<T: SetView> Serialize for SetBody<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (set, cx) = (self.0, self.1);
        let all = set.attributes();
        let mut out = Fields::open(serializer, "set", 10)?;
        open(&mut out, set.family(), Some(set.table()), Some(set.name()))?;
        out.maybe("handle", set.handle())?;
        match all.key_type().map(|types| (types, fields(types).count())) {
            None => {}
            Some((types, 0 | 1)) => out.put("type", &*type_name(types))?,
            Some((types, _)) => out.put("type", &fields(types).map(type_name).collect::<Vec<_>>())?,
        }
        match (all.obj_type(), all.data_type()) {
            (Some(kind), _) => match object_type::word(kind) {
                Some(word) => out.put("map", word)?,
                None => out.put("map", &kind.to_string())?,
            },
            (None, Some(DATA_TYPE_VERDICT)) => out.put("map", "verdict")?,
            (None, Some(types)) => {
                let names: Vec<_> = fields(types).map(type_name).collect();
                out.put(
                    "map",
                    &*if names.is_empty() { type_name(types).into_owned() } else { names.join(" . ") },
                )?;
            }
            (None, None) => {}
        }
        let shown = SetFlags::MAP | SetFlags::OBJECT | SetFlags::CONCAT | SetFlags::EXPR;
        let flags = (set.flags() - shown).bits();
        if flags != 0 {
            out.put("flags", &Bits(words::NFT_SET_FLAGS, flags))?;
        }
        out.maybe(
            "policy",
            all.policy().map(|policy| words::word_or_number(words::NFT_SET_POLICIES, policy)),
        )?;
        out.maybe("size", set.size())?;
        out.maybe("timeout", set.timeout().map(seconds))?;
        out.maybe("gc-interval", set.gc_interval().map(seconds))?;
        out.maybe("key_type", all.key_type())?;
        out.maybe("key_len", all.key_len())?;
        out.maybe("data_type", all.data_type().filter(|kind| *kind != DATA_TYPE_VERDICT))?;
        out.maybe("data_len", all.data_len())?;
        let lengths = set.fields();
        if !lengths.is_empty() {
            out.put("field_len", &lengths)?;
        }
        if cx.volatile {
            if let Some(backend) = all.backend() {
                out.name(("backend", "backend_hex"), backend)?;
            }
            out.maybe("count", all.count())?;
            out.maybe("id", all.id())?;
        }
        let expressions = all.expr().into_iter().chain(all.exprs()).map(|expression| expression.as_bytes());
        list(&mut out, expressions, set.family(), cx)?;
        comment(&mut out, set.comment(), set.userdata())?;
        let description = all.desc().into_iter().flat_map(|desc| {
            let inner = desc.concat().flat_map(|field| SET_FIELD.unknown(field.as_bytes()));
            SET_DESC.unknown(desc.as_bytes()).chain(inner)
        });
        unknown(&mut out, set.unknown(), description)?;
        out.close()
    }
}
