//! Elements as text: `element ip t m 10.0.0.1 . 80 : drop timeout 1h`.

use std::net::IpAddr;

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
    let typed = |bytes| types.map(|types| types.key(bytes));
    match (element.key(), element.key_end()) {
        (Some(first), Some(last)) => range(line, [first, last], [typed(first), typed(last)], cx),
        (Some(bytes), None) => value(line, bytes, typed(bytes), cx),
        (None, Some(bytes)) => {
            line.word("-");
            value(line, bytes, typed(bytes), cx);
        }
        (None, None) => {}
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
                    range(line, [bytes, bytes], [Some(first), Some(last)], cx);
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
    expressions(line, element.expressions(), cx);
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
        one(line, value);
    }
}

fn one(line: &mut Line, value: Datum<'_>) {
    match value {
        Datum::Ip(address) => line.ip(address),
        other => line.word(&plain(&other)),
    }
}

fn plain(value: &Datum<'_>) -> String {
    match value {
        Datum::Ip(address) => address.to_string(),
        Datum::Ether(bytes) => bytes.map(|byte| format!("{byte:02x}")).join(":"),
        Datum::Number(number) => number.to_string(),
        Datum::Mark(mark) => format!("{mark:#010x}"),
        Datum::Word(word) => word.to_string(),
        Datum::Name(name) => quoted(*name),
        Datum::Flags(all, bits) => flag_words(all, *bits).collect::<Vec<_>>().join("|"),
    }
}

/// An interval, field by field as nft has it: a single value, a prefix, or both ends.
fn range(line: &mut Line, bytes: [&[u8]; 2], typed: [Option<Typed<'_>>; 2], cx: &Context<'_>) {
    let [first, last] = typed.map(|typed| typed.and_then(|typed| typed.values(cx)));
    let (Some(first), Some(last)) = (first, last) else {
        return line.word(&format!("0x{}-0x{}", hex(bytes[0]), hex(bytes[1])));
    };
    for (at, (first, last)) in first.zip(last).enumerate() {
        if at > 0 {
            line.word(".");
        }
        let (from, to) = (plain(&first), plain(&last));
        match (&first, &last) {
            _ if from == to => one(line, first),
            (Datum::Ip(first), Datum::Ip(last)) => match prefix_of(*first, *last) {
                Some(length) => line.word(&format!("{first}/{length}")),
                None => line.word(&format!("{from}-{to}")),
            },
            _ => line.word(&format!("{from}-{to}")),
        }
    }
}

/// The length of the prefix that these are the ends of.
fn prefix_of(first: IpAddr, last: IpAddr) -> Option<u32> {
    let (first, last, bits) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u32::from(first).into(), u32::from(last).into(), 32),
        (IpAddr::V6(first), IpAddr::V6(last)) => (u128::from(first), u128::from(last), 128),
        _ => return None,
    };
    let hosts = first ^ last;
    // All of the bits that differ stand at the end, 0 in the one and 1 in the other.
    let is_prefix = first & hosts == 0 && hosts & hosts.wrapping_add(1) == 0;
    is_prefix.then(|| bits - hosts.count_ones())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_found_by_its_ends() {
        let of = |first: &str, last: &str| prefix_of(first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(of("10.0.0.0", "10.0.0.255"), Some(24));
        assert_eq!(of("0.0.0.0", "255.255.255.255"), Some(0));
        assert_eq!(of("10.0.0.1", "10.0.0.255"), None);
        assert_eq!(of("10.0.0.0", "10.0.1.127"), None);
        assert_eq!(of("fd00::", "fd00::ffff"), Some(112));
        assert_eq!(of("10.0.0.0", "fd00::"), None);
    }
}
