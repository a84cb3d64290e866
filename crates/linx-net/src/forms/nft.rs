//! The attributes of nf_tables' expressions whose numbers have words.

use linx_wire::nft::expr::words;
use linx_wire::nft::{object_type, verdict};

use super::field::{Field, Type, field};
use super::{Form, Forms, Given, Pairs};
use crate::forms::value::Value;
use crate::words::NFT_FAMILIES;

/// By table and attribute.
pub(super) const FORMS: &[(&str, Forms)] = &[
    ("NFTA_BITWISE", &[("OP", Form::Place("op", words::BITWISE))]),
    ("NFTA_BYTEORDER", &[("OP", Form::Place("op", words::BYTEORDER))]),
    ("NFTA_CMP", &[("OP", Form::Place("op", words::CMP))]),
    (
        "NFTA_CT",
        &[
            ("KEY", Form::Place("key", words::CT)),
            ("DIRECTION", Form::Place("direction", words::CT_DIRECTIONS)),
        ],
    ),
    ("NFTA_DYNSET", &[("OP", Form::Place("op", words::DYNSET))]),
    ("NFTA_EXTHDR", &[("OP", Form::Place("op", words::EXTHDR))]),
    ("NFTA_FIB", &[("RESULT", Form::Place("result", words::FIB))]),
    ("NFTA_FWD", &[("NFPROTO", Form::Word("nfproto", NFT_FAMILIES))]),
    ("NFTA_HASH", &[("TYPE", Form::Place("type", words::HASH))]),
    ("NFTA_INNER", &[("TYPE", Form::Place("type", words::INNER))]),
    ("NFTA_LIMIT", &[("TYPE", Form::Place("type", words::LIMIT))]),
    ("NFTA_LOG", &[("LEVEL", Form::Place("level", words::LOG_LEVELS))]),
    // `name` is the expression's own.
    ("NFTA_MATCH", &[("NAME", Form::Key("match"))]),
    ("NFTA_META", &[("KEY", Form::Place("key", words::META))]),
    (
        "NFTA_NAT",
        &[("TYPE", Form::Place("type", words::NAT)), ("FAMILY", Form::Word("family", NFT_FAMILIES))],
    ),
    ("NFTA_NG", &[("TYPE", Form::Place("type", words::NUMGEN))]),
    ("NFTA_OBJREF", &[("IMM_TYPE", Form::Own(object_word, OBJECT_WORD))]),
    (
        "NFTA_PAYLOAD",
        &[
            ("BASE", Form::Place("base", words::PAYLOAD_BASES)),
            ("CSUM_TYPE", Form::Place("csum_type", words::PAYLOAD_CHECKSUMS)),
        ],
    ),
    ("NFTA_RANGE", &[("OP", Form::Place("op", words::RANGE))]),
    ("NFTA_REJECT", &[("TYPE", Form::Place("type", words::REJECT))]),
    ("NFTA_RT", &[("KEY", Form::Place("key", words::RT))]),
    ("NFTA_SOCKET", &[("KEY", Form::Place("key", words::SOCKET))]),
    ("NFTA_TARGET", &[("NAME", Form::Key("target"))]),
    ("NFTA_TPROXY", &[("FAMILY", Form::Word("family", NFT_FAMILIES))]),
    (
        "NFTA_TUNNEL",
        &[("KEY", Form::Place("key", words::TUNNEL)), ("MODE", Form::Place("mode", words::TUNNEL_MODES))],
    ),
    ("NFTA_VERDICT", &[("CODE", Form::Own(verdict_word, VERDICT_WORD))]),
    (
        "NFTA_XFRM",
        &[("KEY", Form::Place("key", words::XFRM)), ("DIR", Form::Place("dir", words::XFRM_DIRECTIONS))],
    ),
];

const OBJECT_WORD: &[Field] =
    &[field("imm_type", Type::Text, "NFTA_OBJREF_IMM_TYPE", "counter quota …", "type of the object")];

fn object_word(given: &Given<'_>) -> Pairs {
    let number = u32::try_from(given.number()).unwrap_or(u32::MAX);
    let word = object_type::word(number).map_or_else(|| number.to_string().into(), Into::into);
    vec![("imm_type", Value::Text(word))]
}

const VERDICT_WORD: &[Field] =
    &[field("code", Type::Text, "NFTA_VERDICT_CODE", "accept drop jump goto …", "the verdict")];

fn verdict_word(given: &Given<'_>) -> Pairs {
    let number = i32::try_from(super::signed(given.shape, given.payload)).unwrap_or_default();
    let word = verdict::word(number).map_or_else(|| number.to_string().into(), Into::into);
    vec![("code", Value::Text(word))]
}
