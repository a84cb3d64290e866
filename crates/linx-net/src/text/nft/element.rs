//! Elements as text: `element ip t m 10.0.0.1 . 80 : drop timeout 1h`.

use linx_wire::nft::{ElementFlags, ElementView, verdict};

use super::super::Line;
use super::{comment, duration, expressions, flags, open, quoted, unknown, write_name};
use crate::datatype::{Datum, Typed, flag_words};
use crate::forms::value::hex;
use crate::names::Context;
use crate::words;

pub(super) fn write(line: &mut Line, element: &impl ElementView, cx: &Context<'_>) {
    open(line, "element", element.family(), &[element.table(), element.set()]);
    let types = cx.sets.and_then(|sets| sets.types(element.family(), element.table(), element.set()));
    if element.is_catch_all() {
        line.word("*");
    }
    if let Some(bytes) = element.key() {
        value(line, bytes, types.map(|types| types.key(bytes)), cx);
    }
    if let Some(bytes) = element.key_end() {
        line.word("-");
        value(line, bytes, types.map(|types| types.key(bytes)), cx);
    }
    flags(line, words::NFT_ELEMENT_FLAGS, (element.flags() - ElementFlags::CATCHALL).bits());
    if let Some(object) = element.object() {
        line.pair(":", &quoted(object));
    }
    if let Some(data) = element.data() {
        line.word(":");
        if let Some(verdict) = data.verdict() {
            let code = verdict.code().unwrap_or_default();
            match verdict::word(code) {
                Some(word) => line.word(word),
                None => line.display("verdict", code),
            }
            verdict.chain().into_iter().for_each(|chain| write_name(line, chain));
        }
        if let Some(bytes) = data.value() {
            match types.map(|types| types.data(bytes)) {
                // Both ends, or the bytes.
                Some((first, Some(last))) if first.values(cx).is_some() && last.values(cx).is_some() => {
                    value(line, bytes, Some(first), cx);
                    line.word("-");
                    value(line, bytes, Some(last), cx);
                }
                Some((one, None)) => value(line, bytes, Some(one), cx),
                _ => value(line, bytes, None, cx),
            }
        }
    }
    if let Some(timeout) = element.timeout() {
        line.pair("timeout", &duration(timeout));
    }
    if let Some(expires) = element.expires() {
        line.pair("expires", &duration(expires));
    }
    expressions(line, element.expressions());
    comment(line, element.comment());
    unknown(line, &element.unknown());
}

/// Bytes by their type, else in hexadecimal.
fn value(line: &mut Line, bytes: &[u8], typed: Option<Typed<'_>>, cx: &Context<'_>) {
    let Some(values) = typed.and_then(|typed| typed.values(cx)) else {
        return line.word(&format!("0x{}", hex(bytes)));
    };
    for (at, value) in values.enumerate() {
        if at > 0 {
            line.word(".");
        }
        match value {
            Datum::Ip(address) => line.ip(address),
            Datum::Ether(bytes) => {
                line.word(&bytes.map(|byte| format!("{byte:02x}")).join(":"));
            }
            Datum::Number(number) => line.word(&number.to_string()),
            Datum::Mark(mark) => line.word(&format!("{mark:#010x}")),
            Datum::Word(word) => line.word(&word),
            Datum::Name(name) => line.word(&quoted(name)),
            Datum::Flags(all, bits) => line.word(&flag_words(all, bits).collect::<Vec<_>>().join("|")),
        }
    }
}
