//! An address as text: its prefix and link first, as `linx` lists one address a line.

use linx_wire::route::{AddressView, Lifetime};

use super::{Line, Style, inet_style, nest};
use crate::ip;
use crate::names::{Context, NameFile};
use crate::words;

pub(super) fn write(line: &mut Line, address: &impl AddressView, cx: &Context<'_>) {
    write_prefix(line, address);
    if let Some(broadcast) = address.broadcast() {
        line.word("brd");
        line.ip(broadcast);
    }
    line.word("dev");
    line.link(cx.links, address.index());
    line.pair("scope", &cx.names.name(NameFile::Scopes, address.scope().into()));
    let flags = address.flags();
    for (word, present) in words::address_flags(flags, address.family()) {
        if present {
            let bad = matches!(word, "dadfailed" | "deprecated" | "tentative");
            line.word_as(if bad { Style::Bad } else { Style::Plain }, word);
        }
    }
    let rest = words::unnamed_address_flags(flags);
    if rest != 0 {
        line.display("flags", format_args!("{rest:#x}"));
    }
    // The label of most is the name of their link.
    let name = cx.links.get(address.index()).map(|link| link.name());
    if let Some(label) = address.label().filter(|label| Some(*label) != name) {
        line.display("label", label);
    }
    if address.metric() != 0 {
        line.number("metric", address.metric());
    }
    if address.protocol() != 0 {
        line.pair("proto", &cx.names.name(NameFile::AddressProtocols, address.protocol().into()));
    }
    if cx.details || address.valid() != Lifetime::Forever || address.preferred() != Lifetime::Forever {
        lifetime(line, "valid_lft", address.valid());
        lifetime(line, "preferred_lft", address.preferred());
    }
    nest::unknown(line, &address.unknown());
}

/// The address with its length, and that of the other end where there is one.
pub(super) fn write_prefix(line: &mut Line, address: &impl AddressView) {
    let attributes = address.attributes();
    match (address.local(), address.address(), address.peer()) {
        (Some(local), _, Some(peer)) => {
            line.ip(local);
            line.word("peer");
            line.word_as(inet_style(peer.addr()), &ip::with_length(peer));
        }
        (_, Some(own), None) => line.word_as(inet_style(own.addr()), &ip::with_length(own)),
        (Some(local), ..) => {
            line.ip(local);
            line.display("prefixlen", address.prefix_len());
        }
        (None, ..) => {
            for (key, group) in [("anycast", attributes.anycast()), ("multicast", attributes.multicast())] {
                if let Some(group) = group {
                    line.word(key);
                    line.ip(group);
                }
            }
        }
    }
}

fn lifetime(line: &mut Line, key: &str, lifetime: Lifetime) {
    match lifetime.remaining() {
        None => line.pair(key, "forever"),
        Some(remaining) => line.display(key, format_args!("{}sec", remaining.as_secs())),
    }
}
