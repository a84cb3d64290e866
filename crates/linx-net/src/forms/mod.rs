//! Where ip writes an attribute otherwise than its shape says: truth values, words, names of links, nested values.
//!
//! Both JSON and detailed text (`-d`) are written by them. An attribute that is not here has its table's key (the accessor's name) and the form of its shape.

mod kinds;
mod link;
#[cfg(feature = "nft")]
mod nft;
mod sysctls;

pub(crate) mod field;
pub(crate) mod value;

use linx_wire::attr::{Attr, Attrs};
use linx_wire::policy::{Entry, Policy, Shape};

use self::value::{Value, hex, link_value};
use crate::names::{Context, NameFile};
use crate::words::{self, Words};

/// What a form is made of.
pub(crate) struct Given<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) shape: Shape,
    pub(crate) cx: &'a Context<'a>,
    pub(crate) siblings: &'a [u8],
}

impl Given<'_> {
    /// The value as a number; 0 where it is none.
    pub(crate) fn number(&self) -> u64 {
        unsigned(self.shape, self.payload).unwrap_or_default()
    }

    /// The payload of another attribute of the same list.
    pub(crate) fn sibling(&self, number: u16) -> Option<&[u8]> {
        attributes(self.siblings).filter(|attr| attr.number() == number).last().map(|attr| attr.payload)
    }

    /// Two bytes in network order at `at`.
    pub(crate) fn be16(&self, at: usize) -> u64 {
        let bytes = self.payload.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes).into())
    }

    /// Two bytes in the machine's order at `at`.
    pub(crate) fn u16(&self, at: usize) -> u64 {
        let bytes = self.payload.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u16::from_ne_bytes(*bytes).into())
    }

    /// Four bytes in the machine's order at `at`.
    pub(crate) fn u32(&self, at: usize) -> u64 {
        let bytes = self.payload.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes).into())
    }
}

/// Fields under their keys.
pub(crate) type Pairs = Vec<(&'static str, Value)>;

/// How an attribute is written.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Under another key, in the form of its shape.
    Key(&'static str),
    /// Not at all.
    Nothing,
    /// As `true` or `false`.
    Bool(&'static str),
    /// As `true`, or not at all.
    Flag(&'static str),
    /// As a word.
    Word(&'static str, Words),
    /// As the word at the place of the number.
    #[cfg_attr(not(feature = "nft"), allow(dead_code))]
    Place(&'static str, &'static [&'static str]),
    /// As words, one a bit.
    Bits(&'static str, Words),
    /// As `"0x10"`.
    Hex(&'static str),
    /// As `"0x10"`, and not at all when it is 0.
    SomeHex(&'static str),
    /// As a number, and not at all when it is 0.
    Some(&'static str),
    /// Hundredths of a second as seconds, with a decimal point always.
    Timer(&'static str),
    /// The index of a link as its name; the index under the second key.
    Link(&'static str, &'static str),
    /// A number by a name file.
    Named(&'static str, NameFile),
    /// The values of the nest's only attribute, as a list.
    Only(&'static str),
    /// Otherwise. The keys that it writes, and their types, stand in the schema.
    Own(fn(&Given<'_>) -> Pairs, &'static [field::Field]),
}

impl Form {
    /// The fields that are written.
    pub(crate) fn fields(self, given: &Given<'_>) -> Pairs {
        let number = || given.number();
        let small = || u32::try_from(number()).unwrap_or(u32::MAX);
        match self {
            Self::Nothing | Self::Key(_) | Self::Only(_) => vec![],
            Self::Bool(key) => vec![(key, Value::Bool(number() != 0))],
            Self::Flag(key) if number() != 0 => vec![(key, Value::Bool(true))],
            Self::Word(key, words) => vec![(key, Value::Text(words::word_or_number(words, small())))],
            Self::Place(key, words) => {
                let word = usize::try_from(number()).ok().and_then(|at| words.get(at)).copied();
                vec![(key, Value::Text(word.map_or_else(|| number().to_string().into(), Into::into)))]
            }
            Self::Bits(key, words) => {
                vec![(key, Value::List(words::bits(words, small()).map(Value::Text).collect()))]
            }
            Self::Hex(key) => vec![(key, Value::Text(format!("{:#x}", number()).into()))],
            Self::SomeHex(key) if number() != 0 => {
                vec![(key, Value::Text(format!("{:#x}", number()).into()))]
            }
            Self::Some(key) if number() != 0 => vec![(key, Value::Unsigned(number()))],
            Self::Flag(_) | Self::SomeHex(_) | Self::Some(_) => vec![],
            Self::Timer(key) => vec![(key, Value::Float(number() as f64 / 100.0))],
            Self::Link(_, _) if number() == 0 => vec![],
            Self::Link(key, index) => {
                vec![(key, link_value(given.cx, small())), (index, Value::Unsigned(number()))]
            }
            Self::Named(key, file) => {
                vec![(key, Value::Text(given.cx.names.name(file, small()).into_owned().into()))]
            }
            Self::Own(fields, _) => fields(given),
        }
    }
}

/// The key of an attribute that has no form of its own.
pub(crate) fn key(entry: &Entry) -> &'static str {
    entry.key.strip_prefix("r#").unwrap_or(entry.key)
}

/// All forms.
fn tables() -> impl Iterator<Item = &'static (&'static str, Forms)> {
    let all = FORMS.iter().chain(link::FORMS).chain(kinds::FORMS);
    #[cfg(feature = "nft")]
    let all = all.chain(nft::FORMS);
    all
}

/// The forms of a table's attributes.
pub(crate) fn of(policy: &Policy) -> Forms {
    tables().find(|table| table.0 == policy.prefix).map_or(&[], |table| table.1)
}

/// Every form: the prefix of its table, and the kernel name of its attribute.
#[cfg(all(test, feature = "json"))]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    tables().flat_map(|(prefix, forms)| forms.iter().map(|form| (*prefix, form.0)))
}

/// The form of an attribute, where it is not that of its shape.
pub(crate) fn form(forms: Forms, entry: &Entry) -> Option<Form> {
    // What only fills, in every table.
    if entry.name == "PAD" {
        return Some(Form::Nothing);
    }
    forms.iter().find(|form| form.0 == entry.name).map(|form| form.1)
}

/// The forms of the attributes of one table, by their kernel names.
pub(crate) type Forms = &'static [(&'static str, Form)];

/// Tables that belong to no kind of link.
const FORMS: &[(&str, Forms)] = &[
    ("IFLA_INET", &[("CONF", Form::Own(sysctls::inet, sysctls::CONF))]),
    (
        "IFLA_INET6",
        &[
            ("FLAGS", Form::Hex("flags")),
            ("CONF", Form::Own(sysctls::inet6, sysctls::CONF)),
            ("STATS", Form::Nothing),
            ("ICMP6STATS", Form::Nothing),
            ("CACHEINFO", Form::Own(sysctls::cacheinfo, sysctls::CACHEINFO)),
            ("ADDR_GEN_MODE", Form::Word("addr_gen_mode", words::ADDR_GEN_MODES)),
        ],
    ),
    (
        "SEG6_LOCAL",
        &[
            ("ACTION", Form::Word("action", words::SEG6_ACTIONS)),
            ("SRH", Form::Own(seg6_header, SEGMENTS)),
            ("TABLE", Form::Named("table", NameFile::Tables)),
            ("VRFTABLE", Form::Named("vrftable", NameFile::Tables)),
            ("IIF", Form::Link("iif", "iif_index")),
            ("OIF", Form::Link("oif", "oif_index")),
        ],
    ),
    ("SEG6_LOCAL_FLV", &[("OPERATION", Form::Bits("operation", words::SEG6_FLAVORS))]),
    (
        "ILA_ATTR",
        &[
            ("LOCATOR", Form::Own(ila_locator, &[field::text("locator", "ILA_ATTR_LOCATOR")])),
            ("CSUM_MODE", Form::Word("csum_mode", words::ILA_CSUM)),
            ("IDENT_TYPE", Form::Word("ident_type", words::ILA_IDENT)),
            ("HOOK_TYPE", Form::Word("hook_type", words::ILA_HOOKS)),
        ],
    ),
    ("IOAM6_IPTUNNEL", &[("MODE", Form::Word("mode", words::IOAM6_MODES))]),
    ("LWT_XFRM", &[("IF_ID", Form::Hex("if_id")), ("LINK", Form::Link("link_dev", "link_index"))]),
];

/// What a segment routing header is written as.
const SEGMENTS: &[field::Field] = &[
    field::texts("segs", "ipv6_sr_hdr.segments"),
    field::text("hmac", "sr6_tlv_hmac.hmackeyid"),
    field::Field {
        key: "srh",
        ty: field::Type::Hex,
        source: "ipv6_sr_hdr",
        unit: "",
        about: "a header that cannot be read",
    },
];

fn seg6_header(given: &Given<'_>) -> Pairs {
    let Some(header) = crate::seg6::Header::parse(given.payload) else {
        return vec![("srh", Value::Text(hex(given.payload).into()))];
    };
    let segments =
        header.segments().map(|segment| Value::Text(crate::ip::address(segment.into()).to_string().into()));
    let mut pairs = vec![("segs", Value::List(segments.collect()))];
    pairs.extend(header.hmac().map(|key| ("hmac", Value::Text(format!("{key:X}").into()))));
    pairs
}

/// Four groups of 16 bits, network order.
fn ila_locator(given: &Given<'_>) -> Pairs {
    let groups: Vec<_> = (0..4).map(|group| format!("{:x}", given.be16(group * 2))).collect();
    vec![("locator", Value::Text(groups.join(":").into()))]
}

/// The attributes in a validated list.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = Attr<'_>> {
    Attrs::new(bytes).map_while(Result::ok)
}

/// An unsigned number of a shape.
pub(crate) fn unsigned(shape: Shape, payload: &[u8]) -> Option<u64> {
    match shape {
        Shape::Bool | Shape::U8 => payload.first().map(|byte| u64::from(*byte)),
        Shape::U16 => payload.first_chunk().map(|bytes| u64::from(u16::from_ne_bytes(*bytes))),
        Shape::U32 => payload.first_chunk().map(|bytes| u64::from(u32::from_ne_bytes(*bytes))),
        Shape::U64 => payload.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes)),
        Shape::Be16 => payload.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))),
        Shape::Be32 | Shape::Be32But(_) => {
            payload.first_chunk().map(|bytes| u64::from(u32::from_be_bytes(*bytes)))
        }
        Shape::Be64 => payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)),
        Shape::Uint if payload.len() >= 8 => unsigned(Shape::U64, payload),
        Shape::Uint => unsigned(Shape::U32, payload),
        _ => None,
    }
}

/// A signed number of a shape; 0 where the payload is too short for it.
pub(crate) fn signed(shape: Shape, payload: &[u8]) -> i64 {
    match shape {
        Shape::I8 => payload.first_chunk().map_or(0, |bytes| i8::from_ne_bytes(*bytes).into()),
        Shape::BeI32 => payload.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes).into()),
        _ => payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes).into()),
    }
}
