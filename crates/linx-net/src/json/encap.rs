//! The body of a tunnel encapsulation: `encap_info` beside `encap`.
//!
//! ip writes these fields flat into the route, where `dst` and `src` stand a second time; here they are an object.

use linx_wire::route::encap::{Encap, EncapView, encap_policy};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::fields::{Fields, Hex, Ip};
use super::nest::Nest;
use crate::ip;
use crate::names::Context;
use crate::seg6;
use crate::words;

/// An encapsulation's attributes as JSON. The byte is the address family of the message.
pub(super) struct EncapBody<'a>(pub(super) Encap<'a>, pub(super) u8, pub(super) &'a Context<'a>);

impl Serialize for EncapBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (encap, family, cx) = (self.0, self.1, self.2);
        let Some(policy) = encap_policy(encap.encap_type) else {
            let mut out = Fields::open(serializer, "encap", 1)?;
            out.put("hex", &Hex(encap.attributes))?;
            return out.close();
        };
        let unknown: Vec<_> = policy.unknown(encap.attributes).collect();
        let mut out = match encap.view() {
            EncapView::Mpls(mpls) => {
                let mut out = Fields::open(serializer, "encap", 2)?;
                out.maybe("dst", mpls.dst().map(ip::labels))?;
                out.maybe("ttl", mpls.ttl())?;
                out
            }
            EncapView::Ip(tunnel) => {
                let mut out = Fields::open(serializer, "encap", 5)?;
                out.maybe("id", tunnel.id().map(number))?;
                out.ip("src", tunnel.src())?;
                out.ip("dst", tunnel.dst())?;
                out.maybe("ttl", tunnel.ttl())?;
                out.maybe("tos", tunnel.tos())?;
                tunnel_flags(&mut out, tunnel.flags())?;
                out.maybe("opts", tunnel.opts().map(|opts| Hex(opts.as_bytes())))?;
                out
            }
            EncapView::Ip6(tunnel) => {
                let mut out = Fields::open(serializer, "encap", 5)?;
                out.maybe("id", tunnel.id().map(number))?;
                out.ip("src", tunnel.src())?;
                out.ip("dst", tunnel.dst())?;
                out.maybe("hoplimit", tunnel.hoplimit())?;
                out.maybe("tc", tunnel.tc())?;
                tunnel_flags(&mut out, tunnel.flags())?;
                out.maybe("opts", tunnel.opts().map(|opts| Hex(opts.as_bytes())))?;
                out
            }
            EncapView::Seg6(tunnel) => {
                let mut out = Fields::open(serializer, "encap", 2)?;
                if let Some((mode, header)) = tunnel.srh().and_then(seg6::with_mode) {
                    out.put("mode", &*words::word_or_number(words::SEG6_MODES, mode))?;
                    segments(&mut out, header)?;
                }
                out.ip("src", tunnel.src())?;
                out
            }
            _ => return Nest { policy, bytes: encap.attributes, family, cx }.serialize(serializer),
        };
        out.unknown(&unknown)?;
        out.close()
    }
}

/// A number of any size in network order.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn tunnel_flags<S: SerializeStruct>(out: &mut Fields<S>, flags: Option<u16>) -> Result<(), S::Error> {
    let flags = u32::from(flags.unwrap_or_default());
    for (bit, word) in words::TUNNEL_FLAGS {
        out.flag(word, flags & bit != 0)?;
    }
    let rest = words::TUNNEL_FLAGS.iter().fold(flags, |rest, flag| rest & !flag.0);
    out.maybe("tunnel_flags", (rest != 0).then(|| format!("{rest:#x}")))
}

/// A segment routing header: its segments in the order of travel, and its key id.
pub(super) fn segments<S: SerializeStruct>(out: &mut Fields<S>, header: &[u8]) -> Result<(), S::Error> {
    let Some(header) = seg6::Header::parse(header) else { return out.put("srh", &Hex(header)) };
    out.put("segs", &header.segments().map(|segment| Ip(segment.into())).collect::<Vec<_>>())?;
    out.maybe("hmac", header.hmac().map(|key| format!("{key:X}")))
}
