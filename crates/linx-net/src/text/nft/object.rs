//! Stateful objects as text: `quota ip t q over 20 bytes`.

use linx_wire::nft::expr::Limit;
use linx_wire::nft::{ObjectData, StatefulObjectView, family, object_type};

use super::super::{Line, nest};
use super::{comment, duration, handle, open, quoted, unknown};
use crate::forms::value::hex;
use crate::names::{Context, NameFile};
use crate::words;

/// `NFT_QUOTA_F_INV` and the like.
const INVERTED: u32 = 1;

pub(super) fn write(line: &mut Line, object: &impl StatefulObjectView, cx: &Context<'_>) {
    let kind = object_type::word(object.object_type());
    let number = format!("object type {}", object.object_type());
    open(line, kind.unwrap_or(&number), object.family(), &[object.table(), object.name()]);
    // The announcement that one is gone has no data.
    if object.attributes().data().is_some() {
        data(line, object.data(), cx);
    }
    comment(line, object.comment());
    unknown(line, &object.unknown());
    handle(line, object.handle(), cx);
}

fn data(line: &mut Line, data: ObjectData<'_>, cx: &Context<'_>) {
    let over = |line: &mut Line, flags: Option<u32>| {
        if flags.unwrap_or_default() & INVERTED != 0 {
            line.word("over");
        }
    };
    let bytes = |line: &mut Line, bytes: u64| {
        let (number, unit) = words::in_units(bytes);
        line.word(&format!("{number} {unit}"));
    };
    match data {
        ObjectData::Counter(counter) if cx.volatile => {
            line.maybe("packets", counter.packets());
            line.maybe("bytes", counter.bytes());
        }
        ObjectData::Counter(_) => {}
        ObjectData::Quota(quota) => {
            over(line, quota.flags());
            quota.bytes().into_iter().for_each(|number| bytes(line, number));
            if let Some(used) = quota.used().filter(|_| cx.volatile) {
                line.word("used");
                bytes(line, used);
            }
        }
        ObjectData::Limit(limit) => {
            line.word("rate");
            over(line, limit.flags());
            write_limit(line, limit);
        }
        ObjectData::Connlimit(limit) => {
            over(line, limit.flags());
            line.maybe("count", limit.count());
        }
        ObjectData::CtHelper(helper) => {
            if let Some(name) = helper.name() {
                line.pair("type", &quoted(name));
            }
            protocols(line, helper.protocol(), helper.l3proto(), cx);
        }
        ObjectData::CtTimeout(timeout) => {
            protocols(line, timeout.protocol(), timeout.l3proto(), cx);
            let states: Vec<_> =
                timeout.timeouts().iter().map(|(state, seconds)| format!("{state} : {seconds}s")).collect();
            match timeout.policy() {
                Some(bytes) if states.is_empty() && !bytes.is_empty() => {
                    line.pair("policy", &format!("0x{}", hex(bytes)));
                }
                Some(_) => line.pair("policy", &format!("{{ {} }}", states.join(", "))),
                None => {}
            }
        }
        ObjectData::CtExpectation(expectation) => {
            protocols(line, expectation.protocol(), expectation.l3proto(), cx);
            line.maybe("dport", expectation.dport());
            if let Some(timeout) = expectation.timeout() {
                line.pair("timeout", &duration(std::time::Duration::from_millis(timeout.into())));
            }
            line.maybe("size", expectation.size());
        }
        ObjectData::Secmark(mark) => {
            mark.context().into_iter().for_each(|context| line.word(&quoted(context)));
        }
        ObjectData::Synproxy(proxy) => {
            line.maybe("mss", proxy.mss());
            line.maybe("wscale", proxy.wscale());
            // NF_SYNPROXY_OPT_MSS, NF_SYNPROXY_OPT_WSCALE
            let flags = proxy.flags().unwrap_or_default() & !3;
            words::bits(words::NFT_SYNPROXY_FLAGS, flags).for_each(|word| line.word(&word));
        }
        ObjectData::Tunnel(tunnel) => nest::write(line, &linx_wire::nft::TUNNEL_KEY, tunnel.as_bytes(), cx),
        ObjectData::Other(_, bytes) => line.word(&format!("0x{}", hex(bytes))),
        // A type of a later version.
        _ => {}
    }
}

fn protocols(line: &mut Line, protocol: Option<u8>, below: Option<u16>, cx: &Context<'_>) {
    if let Some(protocol) = protocol {
        line.pair("protocol", &cx.names.name(NameFile::IpProtocols, protocol.into()));
    }
    match below.map(|number| (number, u8::try_from(number).ok().and_then(family::word))) {
        Some((_, Some(word))) => line.pair("l3proto", word),
        Some((number, None)) => line.number("l3proto", number),
        None => {}
    }
}

fn write_limit(line: &mut Line, limit: Limit<'_>) {
    let unit = limit.unit().unwrap_or_default();
    let unit = match u32::try_from(unit) {
        Ok(unit) => words::word_or_number(words::NFT_LIMIT_UNITS, unit),
        Err(_) => unit.to_string().into(),
    };
    let rate = limit.rate().unwrap_or_default();
    let burst = limit.burst().unwrap_or_default();
    if words::counts_bytes(limit) {
        let ((rate, of), (burst, bytes)) = (words::in_units(rate), words::in_units(burst.into()));
        line.word(&format!("{rate} {of}/{unit} burst {burst} {bytes}"));
    } else {
        line.word(&format!("{rate}/{unit} burst {burst} packets"));
    }
}
