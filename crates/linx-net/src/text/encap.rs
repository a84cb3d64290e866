//! A tunnel encapsulation as text, as `ip route add` takes it.

use linx_wire::route::encap::{Encap, EncapView, encap_policy};

use super::{Line, nest};
use crate::forms::value::hex;
use crate::ip;
use crate::names::Context;
use crate::seg6;
use crate::words;

pub(super) fn write(line: &mut Line, encap: Encap<'_>, cx: &Context<'_>) {
    line.pair("encap", &words::word_or_number(words::ENCAPS, encap.encap_type.into()));
    match encap.view() {
        EncapView::Mpls(mpls) => {
            if let Some(stack) = mpls.dst() {
                line.word(&ip::labels(stack));
            }
            line.maybe("ttl", mpls.ttl());
        }
        EncapView::Ip(tunnel) => {
            line.maybe("id", tunnel.id().map(number));
            addresses(line, tunnel.src(), tunnel.dst());
            line.maybe("ttl", tunnel.ttl());
            line.maybe("tos", tunnel.tos());
            flags(line, tunnel.flags());
        }
        EncapView::Ip6(tunnel) => {
            line.maybe("id", tunnel.id().map(number));
            addresses(line, tunnel.src(), tunnel.dst());
            line.maybe("hoplimit", tunnel.hoplimit());
            line.maybe("tc", tunnel.tc());
            flags(line, tunnel.flags());
        }
        EncapView::Seg6(tunnel) => {
            let Some((mode, header)) = tunnel.srh().and_then(seg6::with_mode) else { return };
            line.pair("mode", &words::word_or_number(words::SEG6_MODES, mode));
            segments(line, header, mode == INLINE);
            if let Some(source) = tunnel.src() {
                line.word("tunsrc");
                line.ip(source);
            }
        }
        EncapView::Other(_, bytes) => line.word(&hex(bytes)),
        _ => {
            if let Some(policy) = encap_policy(encap.encap_type) {
                nest::write(line, policy, encap.attributes, cx);
            }
        }
    }
}

/// `SEG6_IPTUN_MODE_INLINE`
const INLINE: u32 = 0;

/// A segment routing header. Inline, its last segment is that of the packet itself, which ip adds.
fn segments(line: &mut Line, header: &[u8], inline: bool) {
    let Some(header) = seg6::Header::parse(header) else { return line.pair("srh", &hex(header)) };
    let segments: Vec<_> = header.segments().collect();
    let given = match segments.split_last() {
        Some((last, before)) if inline && last.is_unspecified() => before,
        _ => &segments,
    };
    let texts: Vec<_> = given.iter().map(|segment| ip::address((*segment).into()).to_string()).collect();
    line.pair("segs", &texts.join(","));
    if let Some(key) = header.hmac() {
        line.display("hmac", key);
    }
}

/// A number of any size in network order.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn addresses(line: &mut Line, source: Option<std::net::IpAddr>, destination: Option<std::net::IpAddr>) {
    for (key, address) in [("src", source), ("dst", destination)] {
        if let Some(address) = address {
            line.word(key);
            line.ip(address);
        }
    }
}

fn flags(line: &mut Line, flags: Option<u16>) {
    for (bit, word) in words::TUNNEL_FLAGS {
        if u32::from(flags.unwrap_or_default()) & bit != 0 {
            line.word(word);
        }
    }
}
