//! Rules, and the expressions of which they consist.

use linx_wire::name::Name;
use linx_wire::nft::expr::{EXPR, policy_of};
use linx_wire::nft::{RULE_COMPAT, RuleView};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{comment, open};
use crate::forms::attributes;
use crate::json::fields::{Fields, Hex, Unknown, readable};
use crate::json::nest::Nest;
use crate::names::Context;

/// A rule as JSON. Its `expressions` are the kernel's, and `text` is them in one line: statements in nft's syntax are
/// not made of them.
#[derive(Debug)]
pub struct RuleBody<'a, R>(pub &'a R, pub &'a Context<'a>);

impl<R: RuleView> Serialize for RuleBody<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (rule, cx) = (self.0, self.1);
        let all = rule.attributes();
        let mut out = Fields::open(serializer, "rule", 7)?;
        open(&mut out, rule.family(), Some(rule.table()), None)?;
        out.name(("chain", "chain_hex"), rule.chain())?;
        out.put("handle", &rule.handle())?;
        if cx.volatile {
            out.maybe("position", all.position())?;
            out.maybe("id", all.id())?;
            out.maybe("position_id", all.position_id())?;
            out.maybe("chain_id", all.chain_id())?;
        }
        comment(&mut out, rule.comment(), rule.userdata())?;
        if let Some(compat) = all.compat() {
            out.put(
                "compat",
                &Nest { policy: &RULE_COMPAT, bytes: compat.as_bytes(), family: rule.family(), cx },
            )?;
        }
        let expressions = all.expr().map(|expression| expression.as_bytes());
        list(&mut out, expressions, rule.family(), cx)?;
        if rule.expressions().next().is_some() {
            out.put("text", &text(rule.expressions(), cx))?;
        }
        out.unknown(&rule.unknown())?;
        out.close()
    }
}

/// Expressions in one line.
pub(super) fn text<'a>(
    expressions: impl Iterator<Item = linx_wire::nft::Expression<'a>>,
    cx: &Context<'_>,
) -> String {
    let mut text = String::new();
    for expression in expressions {
        if !text.is_empty() {
            text.push(' ');
        }
        // Writing into a string does not fail.
        let _ = if cx.volatile {
            std::fmt::Write::write_fmt(&mut text, format_args!("{expression}"))
        } else {
            std::fmt::Write::write_fmt(&mut text, format_args!("{expression:#}"))
        };
    }
    text
}

/// Expressions under `expressions`; where there is none, nothing.
pub(super) fn list<'a, S: SerializeStruct>(
    out: &mut Fields<S>,
    expressions: impl Iterator<Item = &'a [u8]>,
    family: u8,
    cx: &'a Context<'a>,
) -> Result<(), S::Error> {
    let all: Vec<_> = expressions.map(|bytes| ExpressionBody { bytes, family, cx }).collect();
    if all.is_empty() { Ok(()) } else { out.put("expressions", &all) }
}

/// An expression: `{"name":"payload","base":"transport",…}`.
pub(crate) struct ExpressionBody<'a> {
    /// `NFTA_EXPR_*`
    bytes: &'a [u8],
    family: u8,
    cx: &'a Context<'a>,
}

impl<'a> ExpressionBody<'a> {
    /// The expression in an attribute of another.
    pub(crate) fn of_bytes(bytes: &'a [u8], around: &Nest<'a>) -> Self {
        Self { bytes, family: around.family, cx: around.cx }
    }
}

impl Serialize for ExpressionBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let last = |number| {
            let found = attributes(self.bytes).filter(|attr| attr.number() == number).last();
            found.map(|attr| attr.payload).unwrap_or_default()
        };
        let (name, data) = (Name::from_payload(last(1)), last(2));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &*readable(name))?;
        if name.to_str().is_none() {
            map.serialize_entry("name_hex", &Hex(name.as_bytes()))?;
        }
        match policy_of(name.as_bytes()) {
            Some(policy) => {
                Nest { policy, bytes: data, family: self.family, cx: self.cx }.entries(&mut map)?;
            }
            None if data.is_empty() => {}
            // Of a kind that is not known nobody checked that its data are attributes.
            None => map.serialize_entry("hex", &Hex(data))?,
        }
        let unknown: Vec<_> = EXPR.unknown(self.bytes).collect();
        if !unknown.is_empty() {
            map.serialize_entry("expr_unknown", &Unknown(&unknown))?;
        }
        map.end()
    }
}
