//! Stateful objects.

use std::borrow::Cow;

use linx_wire::nft::expr::Limit;
use linx_wire::nft::{ObjectData, StatefulObjectView, family, object_type};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{comment, open, unknown};
use crate::json::fields::{Bits, Fields, Hex};
use crate::json::nest::Nest;
use crate::names::{Context, NameFile};
use crate::words;

/// A stateful object as JSON.
#[derive(Debug)]
pub struct ObjectBody<'a, O>(pub &'a O, pub &'a Context<'a>);

impl<O: StatefulObjectView> Serialize for ObjectBody<'_, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (object, cx) = (self.0, self.1);
        let all = object.attributes();
        let mut out = Fields::open(serializer, "object", 7)?;
        open(&mut out, object.family(), Some(object.table()), Some(object.name()))?;
        out.put("type", &*kind(object.object_type()))?;
        out.maybe("handle", object.handle())?;
        let bytes = all.data().unwrap_or_default();
        // The announcement that one is gone has no data.
        if all.data().is_some() {
            data(&mut out, object.data(), object.family(), cx)?;
        }
        out.maybe("use", all.r#use().filter(|_| cx.volatile))?;
        comment(&mut out, object.comment(), object.userdata())?;
        let inner = ObjectData::policy(object.object_type())
            .filter(|_| !matches!(object.data(), ObjectData::Tunnel(_)))
            .into_iter()
            .flat_map(|policy| policy.unknown(bytes));
        unknown(&mut out, object.unknown(), inner)?;
        out.close()
    }
}

/// The word for a type.
pub(crate) fn kind(object_type: u32) -> Cow<'static, str> {
    object_type::word(object_type).map_or_else(|| object_type.to_string().into(), Cow::Borrowed)
}

/// `NFT_QUOTA_F_INV`, `NFT_LIMIT_F_INV`, `NFT_CONNLIMIT_F_INV`
const INVERTED: u32 = 1;
/// `NFT_QUOTA_F_DEPLETED`
const DEPLETED: u32 = 2;

fn data<S: SerializeStruct>(
    out: &mut Fields<S>,
    data: ObjectData<'_>,
    family: u8,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    let inverted = |flags: Option<u32>| flags.unwrap_or_default() & INVERTED != 0;
    let rest = |flags: Option<u32>, known: u32| Some(flags? & !known).filter(|rest| *rest != 0);
    match data {
        ObjectData::Counter(counter) => {
            out.maybe("packets", counter.packets().filter(|_| cx.volatile))?;
            out.maybe("bytes", counter.bytes().filter(|_| cx.volatile))
        }
        ObjectData::Quota(quota) => {
            out.maybe("bytes", quota.bytes())?;
            out.maybe("used", quota.used().filter(|_| cx.volatile))?;
            out.put("inv", &inverted(quota.flags()))?;
            out.flag("depleted", cx.volatile && quota.flags().unwrap_or_default() & DEPLETED != 0)?;
            out.maybe("quota_flags", rest(quota.flags(), INVERTED | DEPLETED))
        }
        ObjectData::Limit(limit) => {
            write_limit(out, limit)?;
            out.flag("inv", inverted(limit.flags()))?;
            out.maybe("limit_flags", rest(limit.flags(), INVERTED))
        }
        ObjectData::Connlimit(limit) => {
            out.maybe("val", limit.count())?;
            out.flag("inv", inverted(limit.flags()))?;
            out.maybe("connlimit_flags", rest(limit.flags(), INVERTED))
        }
        ObjectData::CtHelper(helper) => {
            helper.name().map_or(Ok(()), |name| out.name(("helper", "helper_hex"), name))?;
            protocols(out, helper.protocol(), helper.l3proto(), cx)
        }
        ObjectData::CtTimeout(timeout) => {
            protocols(out, timeout.protocol(), timeout.l3proto(), cx)?;
            match (timeout.policy(), timeout.timeouts()) {
                (None, _) => Ok(()),
                (Some(bytes), known) if known.is_empty() && !bytes.is_empty() => {
                    out.put("policy_hex", &Hex(bytes))
                }
                (Some(_), known) => out.put("policy", &Timeouts(&known)),
            }
        }
        ObjectData::CtExpectation(expectation) => {
            protocols(out, expectation.protocol(), expectation.l3proto(), cx)?;
            out.maybe("dport", expectation.dport())?;
            out.maybe("timeout", expectation.timeout())?;
            out.maybe("size", expectation.size())
        }
        ObjectData::Secmark(mark) => {
            mark.context().map_or(Ok(()), |context| out.name(("context", "context_hex"), context))
        }
        ObjectData::Synproxy(proxy) => {
            out.maybe("mss", proxy.mss())?;
            out.maybe("wscale", proxy.wscale())?;
            // NF_SYNPROXY_OPT_MSS, NF_SYNPROXY_OPT_WSCALE
            let flags = proxy.flags().unwrap_or_default() & !3;
            if flags == 0 { Ok(()) } else { out.put("flags", &Bits(words::NFT_SYNPROXY_FLAGS, flags)) }
        }
        ObjectData::Tunnel(tunnel) => {
            let policy = &linx_wire::nft::TUNNEL_KEY;
            out.put("tunnel", &Nest { policy, bytes: tunnel.as_bytes(), family, cx })
        }
        ObjectData::Other(_, bytes) => out.put("hex", &Hex(bytes)),
        // A type of a later version.
        _ => Ok(()),
    }
}

/// A protocol above IP, and the family below it.
fn protocols<S: SerializeStruct>(
    out: &mut Fields<S>,
    protocol: Option<u8>,
    below: Option<u16>,
    cx: &Context<'_>,
) -> Result<(), S::Error> {
    out.maybe("protocol", protocol.map(|number| cx.names.name(NameFile::IpProtocols, number.into())))?;
    let word = |number: u16| match u8::try_from(number).ok().and_then(family::word) {
        Some(word) => Cow::Borrowed(word),
        None => number.to_string().into(),
    };
    out.maybe("l3proto", below.map(word))
}

fn write_limit<S: SerializeStruct>(out: &mut Fields<S>, limit: Limit<'_>) -> Result<(), S::Error> {
    let per = limit.unit().map(|unit| match u32::try_from(unit) {
        Ok(unit) => words::word_or_number(words::NFT_LIMIT_UNITS, unit),
        Err(_) => unit.to_string().into(),
    });
    if !words::counts_bytes(limit) {
        out.maybe("rate", limit.rate())?;
        out.maybe("burst", limit.burst())?;
        return out.maybe("per", per);
    }
    if let Some((rate, unit)) = limit.rate().map(words::in_units) {
        out.put("rate", &rate)?;
        out.put("rate_unit", unit)?;
    }
    if let Some((burst, unit)) = limit.burst().map(|burst| words::in_units(burst.into())) {
        out.put("burst", &burst)?;
        out.put("burst_unit", unit)?;
    }
    out.maybe("per", per)
}

/// Seconds by the names of states.
struct Timeouts<'a>(&'a [(&'static str, u32)]);

impl Serialize for Timeouts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (at, (state, seconds)) in self.0.iter().enumerate() {
            // Of one that stands twice the last holds.
            if self.0.iter().skip(at + 1).all(|later| later.0 != *state) {
                map.serialize_entry(state, seconds)?;
            }
        }
        map.end()
    }
}
