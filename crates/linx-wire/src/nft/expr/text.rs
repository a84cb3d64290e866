//! Expressions as one readable line: `[payload load 2b @ transport + 2 → r1] [cmp eq r1 0x0016]`.
//!
//! Everything that the kernel sent is in it, and nothing that it did not: what has no word is a number, what has no name
//! is bytes, and bytes stand as registers hold them. Names are escaped. The alternate form (`{:#}`) leaves out what packets
//! and time change: `[counter]`.

use std::fmt::{self, Display, Formatter, Write};

use super::words::word;
use super::{Expression, ExpressionAttributes};
use crate::attr::{Attr, Attrs};
use crate::name::Name;
use crate::nft::data::{DATA, Data, Register, verdict};
use crate::policy::{Class, Entry, Policy, Shape};

impl Display for Expression<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", Word(self.name()))?;
        let shown = match self.sentence() {
            // It is made of nothing else.
            Some(_) if f.alternate() && matches!(self, Self::Counter(_)) => &[],
            Some((sentence, shown)) => {
                f.write_str(&sentence)?;
                shown
            }
            None => &[],
        };
        attributes(f, self.name(), self.policy(), self.as_bytes(), shown)?;
        f.write_char(']')
    }
}

/// Prints the attributes that are not shown yet: key and value.
fn attributes(
    f: &mut Formatter<'_>,
    kind: Name<'_>,
    policy: Option<&'static Policy>,
    bytes: &[u8],
    shown: &[&str],
) -> fmt::Result {
    let mut attrs = Attrs::new(bytes);
    while let Some(attr) = attrs.step() {
        match policy.and_then(|policy| policy.entry(attr.number())) {
            Some(entry) if shown.contains(&entry.key) => {}
            Some(entry) if f.alternate() && entry.class == Class::Volatile => {}
            Some(entry) => {
                write!(f, " {} ", entry.key)?;
                value(f, kind, entry, attr)?;
            }
            None => write!(f, " #{} {}", attr.number(), Hex(attr.payload))?,
        }
    }
    Ok(())
}

fn value(f: &mut Formatter<'_>, kind: Name<'_>, entry: &Entry, attr: Attr<'_>) -> fmt::Result {
    let Some(number) = number(entry.shape, attr.payload) else {
        return match entry.shape {
            Shape::Name => Word(Name::from_payload(attr.payload)).fmt(f),
            Shape::Nested(policy) if std::ptr::eq(policy, &DATA) => DataText(Data::new(attr.payload)).fmt(f),
            Shape::Nested(_) => Expression::new(ExpressionAttributes::new(attr.payload)).fmt(f),
            Shape::Items(_) => {
                let mut list = Attrs::new(attr.payload);
                while let Some(item) = list.step() {
                    Expression::new(ExpressionAttributes::new(item.payload)).fmt(f)?;
                }
                Ok(())
            }
            _ => Hex(attr.payload).fmt(f),
        };
    };
    match u32::try_from(number) {
        Ok(register) if is_register(entry.key) => Register(register).fmt(f),
        Ok(flags) if entry.key == "flags" => write!(f, "{flags:#x}"),
        Ok(number) => match word(kind.as_bytes(), entry.key, number) {
            Some(word) => f.write_str(word),
            None => number.fmt(f),
        },
        Err(_) => number.fmt(f),
    }
}

fn is_register(key: &str) -> bool {
    ["sreg", "dreg", "reg_"].iter().any(|start| key.starts_with(start)) || key.ends_with("_sreg")
}

fn number(shape: Shape, payload: &[u8]) -> Option<u64> {
    match shape {
        Shape::U8 => payload.first().map(|byte| (*byte).into()),
        Shape::Be16 => payload.first_chunk().map(|b| u16::from_be_bytes(*b).into()),
        Shape::Be32 | Shape::Be32But(_) => payload.first_chunk().map(|b| u32::from_be_bytes(*b).into()),
        Shape::Be64 => payload.first_chunk().map(|b| u64::from_be_bytes(*b)),
        _ => None,
    }
}

/// The beginning of a line, and the keys that it shows.
type Sentence = Option<(String, &'static [&'static str])>;

impl Expression<'_> {
    /// What reads better than keys and values; `None` where something that belongs into it is missing.
    fn sentence(self) -> Sentence {
        match self {
            Self::Payload(payload) => {
                let base = or_number("payload", "base", payload.base()?);
                let place = format!("{}b @ {base} + {}", payload.len()?, payload.offset()?);
                moved(payload.dreg(), payload.sreg(), &place, &["dreg", "sreg", "base", "offset", "len"])
            }
            Self::Meta(meta) => {
                let key = or_number("meta", "key", meta.key()?);
                moved(meta.dreg(), meta.sreg(), &key, &["dreg", "sreg", "key"])
            }
            Self::Ct(ct) => {
                let mut key = or_number("ct", "key", ct.key()?);
                if let Some(direction) = ct.direction() {
                    key = format!("{key} {}", or_number("ct", "direction", direction.into()));
                }
                moved(ct.dreg(), ct.sreg(), &key, &["dreg", "sreg", "key", "direction"])
            }
            Self::Rt(rt) => moved(rt.dreg(), None, &or_number("rt", "key", rt.key()?), &["dreg", "key"]),
            Self::Immediate(immediate) => {
                let data = DataText(immediate.data()?);
                let line = match immediate.dreg()? {
                    0 => format!(" {data}"),
                    register => format!(" {data} → {}", Register(register)),
                };
                Some((line, &["dreg", "data"]))
            }
            Self::Cmp(cmp) => {
                let op = or_number("cmp", "op", cmp.op()?);
                let line = format!(" {op} {} {}", Register(cmp.sreg()?), DataText(cmp.data()?));
                Some((line, &["op", "sreg", "data"]))
            }
            Self::Range(range) => {
                let op = or_number("range", "op", range.op()?);
                let (from, to) = (DataText(range.from()?), DataText(range.to()?));
                Some((
                    format!(" {op} {} {from} - {to}", Register(range.sreg()?)),
                    &["op", "sreg", "from", "to"],
                ))
            }
            Self::Bitwise(bitwise) if bitwise.op().unwrap_or_default() == 0 => {
                let (mask, xor) = (DataText(bitwise.mask()?), DataText(bitwise.xor()?));
                let (from, to) = (Register(bitwise.sreg()?), Register(bitwise.dreg()?));
                let line = format!(" {}b {from} & {mask} ^ {xor} → {to}", bitwise.len()?);
                Some((line, &["op", "sreg", "dreg", "len", "mask", "xor"]))
            }
            Self::Bitwise(bitwise) => {
                let op = or_number("bitwise", "op", bitwise.op()?);
                let second = match (bitwise.sreg2(), bitwise.data()) {
                    (Some(register), None) => Register(register).to_string(),
                    (None, Some(data)) => DataText(data).to_string(),
                    _ => return None,
                };
                let (from, to) = (Register(bitwise.sreg()?), Register(bitwise.dreg()?));
                let line = format!(" {}b {from} {op} {second} → {to}", bitwise.len()?);
                Some((line, &["op", "sreg", "dreg", "len", "sreg2", "data"]))
            }
            Self::Lookup(lookup) => {
                let not = match lookup.flags().unwrap_or_default() {
                    0 => "",
                    1 => "not ",
                    _ => return None,
                };
                let mut line = format!(" {} {not}in {}", Register(lookup.sreg()?), Word(lookup.set()?));
                if let Some(register) = lookup.dreg() {
                    write!(line, " → {}", Register(register)).ok()?;
                }
                Some((line, &["set", "sreg", "dreg", "flags"]))
            }
            Self::Counter(counter) => {
                let line = format!(" packets {} bytes {}", counter.packets()?, counter.bytes()?);
                Some((line, &["packets", "bytes"]))
            }
            _ => None,
        }
    }
}

/// `load WHAT → REGISTER`, or `write REGISTER → WHAT`.
fn moved(dreg: Option<u32>, sreg: Option<u32>, what: &str, shown: &'static [&'static str]) -> Sentence {
    let line = match (dreg, sreg) {
        (Some(register), None) => format!(" load {what} → {}", Register(register)),
        (None, Some(register)) => format!(" write {} → {what}", Register(register)),
        // Inside `inner` there is no register: the outer expression has it.
        (None, None) => format!(" {what}"),
        _ => return None,
    };
    Some((line, shown))
}

fn or_number(kind: &str, key: &str, number: u32) -> String {
    word(kind.as_bytes(), key, number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A name, in quotes where it would run into what stands beside it.
struct Word<'a>(Name<'a>);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:/%+".contains(byte);
        if !bytes.is_empty() && bytes.iter().all(plain) {
            return self.0.fmt(f);
        }
        write!(f, "\"{}\"", self.0.to_string().replace('"', "\\\""))
    }
}

/// What a register gets.
struct DataText<'a>(Data<'a>);

impl Display for DataText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut attrs = self.0.attrs();
        let mut first = true;
        while let Some(attr) = attrs.step() {
            if !std::mem::take(&mut first) {
                f.write_char(' ')?;
            }
            match attr.number() {
                1 => Hex(attr.payload).fmt(f)?,
                2 => {
                    let data = super::super::Verdict::new(attr.payload);
                    let code = data.code().unwrap_or_default();
                    match verdict::word(code) {
                        Some(word) => f.write_str(word)?,
                        None => write!(f, "verdict {code}")?,
                    }
                    if let Some(chain) = data.chain() {
                        write!(f, " {}", Word(chain))?;
                    }
                    if let Some(id) = data.chain_id() {
                        write!(f, " chain #{id}")?;
                    }
                }
                other => write!(f, "#{other} {}", Hex(attr.payload))?,
            }
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::expr::*;
    use crate::nft::{Nest, RULE, RuleRef, RuleView};

    fn line(expressions: Vec<Nest>) -> String {
        let rule =
            Nest::new(&RULE).set("table", "t").set("chain", "c").set("expr", expressions).finish().unwrap();
        let payload = [&[2, 0, 0, 0], &rule[..]].concat();
        let rule = RuleRef::decode(&payload).unwrap();
        rule.expressions().map(|expression| expression.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn expr(policy: &'static Policy, set: impl FnOnce(Nest) -> Nest) -> Nest {
        Nest::expression(set(Nest::new(policy)))
    }

    #[test]
    fn a_rule_reads_as_one_line() {
        let port = expr(&super::super::PAYLOAD, |e| {
            e.set("dreg", 1u32).set("base", 2u32).set("offset", 2u32).set("len", 2u32)
        });
        let ssh = expr(&CMP, |e| e.set("sreg", 1u32).set("op", 0u32).set("data", Nest::value(&[0, 22])));
        let jump = expr(&IMMEDIATE, |e| {
            e.set("dreg", 0u32).set("data", Nest::verdict(verdict::JUMP, Some(b"a b\x1b")))
        });
        assert_eq!(
            line(vec![port, ssh, jump]),
            r#"[payload load 2b @ transport + 2 → r1] [cmp eq r1 0x0016] [immediate jump "a b\x1b"]"#
        );
    }

    #[test]
    fn what_has_no_word_is_a_number_and_nothing_is_left_out() {
        let mark = expr(&super::super::META, |e| e.set("sreg", 9u32).set("key", 99u32));
        let both = expr(&super::super::META, |e| e.set("sreg", 9u32).set("dreg", 77u32).set("key", 3u32));
        let lookup =
            expr(&LOOKUP, |e| e.set("set", "s").set("sreg", 1u32).set("set_id", 4u32).set("flags", 1u32));
        let quota = expr(&QUOTA, |e| e.set("bytes", u64::MAX).set("flags", 1u32));
        let log = expr(&LOG, |e| e.set("prefix", "").set("level", 4u32));
        assert_eq!(
            line(vec![mark, both, lookup, quota, log]),
            "[meta write r32_01 → 99] [meta sreg r32_01 dreg r?77 key mark] [lookup r1 not in s set_id 4] \
             [quota bytes 18446744073709551615 flags 0x1] [log prefix \"\" level warning]"
        );
    }
}
