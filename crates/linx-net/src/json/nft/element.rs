//! Elements of sets and maps. What their bytes mean, their set says; where it is not known, they are bytes.

use linx_wire::nft::expr::Expression;
use linx_wire::nft::{DATA, Data, ElementFlags, ElementView, VERDICT, Verdict, verdict};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::rule::list;
use super::{comment, seconds, unknown};
use crate::datatype::{Datum, SetTypes, Typed, flag_words};
use crate::json::fields::{Bits, Fields, Hex, Ip, readable};
use crate::names::Context;
use crate::words;

/// An element as JSON.
#[derive(Debug)]
pub struct ElementBody<'a, E>(pub &'a E, pub &'a Context<'a>);

impl<E: ElementView> Serialize for ElementBody<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (element, cx) = (self.0, self.1);
        let all = element.attributes();
        let types = cx.sets.and_then(|sets| sets.types(element.family(), element.table(), element.set()));
        let mut out = Fields::open(serializer, "element", 5)?;
        super::open(&mut out, element.family(), Some(element.table()), None)?;
        out.name(("set", "set_hex"), element.set())?;
        if element.is_catch_all() {
            out.put("key", "*")?;
        }
        let key = |bytes| types.map(|types| types.key(bytes));
        if let Some(bytes) = element.key() {
            value(&mut out, ("key", "key_hex"), bytes, key(bytes), cx)?;
        }
        if let Some(bytes) = element.key_end() {
            value(&mut out, ("key_end", "key_end_hex"), bytes, key(bytes), cx)?;
        }
        let flags = (element.flags() - ElementFlags::CATCHALL).bits();
        if flags != 0 {
            out.put("flags", &Bits(words::NFT_ELEMENT_FLAGS, flags))?;
        }
        if let Some(object) = element.object() {
            out.name(("data", "data_hex"), object)?;
        }
        if let Some(data) = element.data() {
            write_data(&mut out, data, types, cx)?;
        }
        out.maybe("timeout", element.timeout().map(seconds))?;
        out.maybe("expires", element.expires().map(seconds))?;
        for expression in element.expressions().filter(|_| cx.volatile) {
            if let Expression::Counter(counter) = expression {
                let numbers = [("packets", counter.packets()), ("bytes", counter.bytes())];
                out.put("counter", &Numbers(numbers))?;
                break;
            }
        }
        let expressions = all.expr().into_iter().chain(all.exprs()).map(|expression| expression.as_bytes());
        list(&mut out, expressions, element.family(), cx)?;
        comment(&mut out, element.comment(), element.userdata())?;
        let values = [all.key(), all.key_end(), all.data()].into_iter().flatten();
        let values = values.flat_map(|data| {
            let verdict = data.verdict().into_iter().flat_map(|verdict| VERDICT.unknown(verdict.as_bytes()));
            DATA.unknown(data.as_bytes()).chain(verdict)
        });
        unknown(&mut out, element.unknown(), values)?;
        out.close()
    }
}

/// Bytes by their type, else in hexadecimal under the second key. A name of the kernel's may need both.
fn value<S: SerializeStruct>(
    out: &mut Fields<S>,
    keys: (&'static str, &'static str),
    bytes: &[u8],
    typed: Option<Typed<'_>>,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    let known = typed.and_then(|typed| Some((typed, typed.values(cx)?.all(|value| value.is_text()))));
    let Some((typed, is_text)) = known else { return out.put(keys.1, &Hex(bytes)) };
    out.put(keys.0, &TypedJson(typed, cx))?;
    if is_text { Ok(()) } else { out.put(keys.1, &Hex(bytes)) }
}

fn write_data<S: SerializeStruct>(
    out: &mut Fields<S>,
    data: Data<'_>,
    types: Option<SetTypes>,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    const KEYS: (&str, &str) = ("data", "data_hex");
    if let Some(verdict) = data.verdict() {
        out.put(KEYS.0, &VerdictJson(verdict))?;
        let chain = verdict.chain().filter(|chain| chain.to_str().is_none());
        return chain.map_or(Ok(()), |chain| out.put(KEYS.1, &Hex(chain.as_bytes())));
    }
    let Some(bytes) = data.value() else { return Ok(()) };
    match types.map(|types| types.data(bytes)) {
        Some((first, Some(last))) => match (first.values(cx), last.values(cx)) {
            (Some(_), Some(_)) => out.put(KEYS.0, &Range([TypedJson(first, cx), TypedJson(last, cx)])),
            _ => out.put(KEYS.1, &Hex(bytes)),
        },
        Some((one, None)) => value(out, KEYS, bytes, Some(one), cx),
        None => value(out, KEYS, bytes, None, cx),
    }
}

/// `{"range":[…,…]}`
struct Range<'a>([TypedJson<'a>; 2]);

impl Serialize for Range<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("range", &self.0)?;
        map.end()
    }
}

/// `{"accept":null}`, `{"jump":{"target":"c"}}`
struct VerdictJson<'a>(Verdict<'a>);

impl Serialize for VerdictJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let code = self.0.code().unwrap_or_default();
        let mut map = serializer.serialize_map(Some(1))?;
        let word = verdict::word(code).map_or_else(|| code.to_string().into(), std::borrow::Cow::Borrowed);
        match self.0.chain() {
            Some(chain) => {
                let target = std::collections::BTreeMap::from([("target", readable(chain))]);
                map.serialize_entry(&*word, &target)?;
            }
            None => map.serialize_entry(&*word, &())?,
        }
        map.end()
    }
}

struct Numbers<const N: usize>([(&'static str, Option<u64>); N]);

impl<const N: usize> Serialize for Numbers<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(N))?;
        for (key, number) in &self.0 {
            if let Some(number) = number {
                map.serialize_entry(key, number)?;
            }
        }
        map.end()
    }
}

/// A value, or `{"concat":[…]}`. All of its fields have a type.
struct TypedJson<'a>(Typed<'a>, &'a Context<'a>);

impl Serialize for TypedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct List<'a, 'b>(&'a TypedJson<'b>);
        impl Serialize for List<'_, '_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.0.values(self.0.1).into_iter().flatten())
            }
        }
        if !self.0.is_concatenation() {
            let value = self.0.values(self.1).and_then(|mut values| values.next());
            return value.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("concat", &List(self))?;
        map.end()
    }
}

impl Datum<'_> {
    /// Whether its form in JSON says all of it.
    fn is_text(&self) -> bool {
        match self {
            Self::Name(name) => name.to_str().is_some(),
            _ => true,
        }
    }
}

impl Serialize for Datum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ip(address) => Ip(*address).serialize(serializer),
            Self::Ether(bytes) => {
                let [a, b, c, d, e, f] = bytes;
                serializer.collect_str(&format_args!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"))
            }
            Self::Number(number) | Self::Mark(number) => serializer.serialize_u64(*number),
            Self::Word(word) => serializer.serialize_str(word),
            Self::Name(name) => serializer.serialize_str(&readable(*name)),
            Self::Flags(words, bits) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("|", &flag_words(words, *bits).collect::<Vec<_>>())?;
                map.end()
            }
        }
    }
}
