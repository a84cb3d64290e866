//! The body of an address.

use linx_wire::route::{AddressView, Lifetime};
use serde::ser::{Serialize, Serializer};

use super::fields::Fields;
use crate::names::{Context, NameFile};
use crate::words;

/// An address as JSON.
#[derive(Debug)]
pub struct AddressBody<'a, A>(pub &'a A, pub &'a Context<'a>);

impl<A: AddressView> Serialize for AddressBody<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (address, cx) = (self.0, self.1);
        let attributes = address.attributes();
        let mut out = Fields::open(serializer, "address", 12)?;
        out.put("ifindex", &address.index())?;
        out.link(("dev", "dev_hex"), cx.links, address.index())?;
        out.put("family", &*words::word_or_number(words::FAMILIES, address.family().into()))?;
        out.ip("local", address.local())?;
        out.ip("address", address.peer().map(|peer| peer.addr()))?;
        out.put("prefixlen", &address.prefix_len())?;
        out.maybe("metric", Some(address.metric()).filter(|metric| *metric != 0))?;
        out.ip("broadcast", address.broadcast())?;
        out.ip("anycast", attributes.anycast())?;
        out.ip("multicast", attributes.multicast())?;
        out.put("scope", &*cx.names.name(NameFile::Scopes, address.scope().into()))?;
        let flags = address.flags();
        for (key, present) in words::address_flags(flags, address.family()) {
            out.flag(key, present)?;
        }
        let rest = words::unnamed_address_flags(flags);
        out.maybe("ifa_flags", (rest != 0).then(|| format!("{rest:#x}")))?;
        if let Some(label) = address.label() {
            out.name(("label", "label_hex"), label)?;
        }
        if address.protocol() != 0 {
            out.put("protocol", &*cx.names.name(NameFile::AddressProtocols, address.protocol().into()))?;
        }
        if let Some(info) = attributes.cacheinfo() {
            out.put("valid_life_time", &seconds(address.valid()))?;
            out.put("preferred_life_time", &seconds(address.preferred()))?;
            if cx.volatile {
                out.put("created", &{ info.created })?;
                out.put("updated", &{ info.updated })?;
            }
        }
        out.unknown(&address.unknown())?;
        out.close()
    }
}

/// Seconds, all ones for ever, as ip has it.
fn seconds(lifetime: Lifetime) -> u64 {
    lifetime.remaining().map_or(u32::MAX.into(), |remaining| remaining.as_secs())
}
