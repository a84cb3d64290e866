//! A route as a request to make it: what was listed, without what the kernel adds to it and refuses to be told.
//!
//! Source: `rtm_to_fib_config`, `fib_dump_info`, `rtm_to_fib6_config`, `rt6_fill_node`.

use super::fields::{Fields, Source, is_field, rta};
use super::hops::without_state;
use super::route::RouteFlags;
use crate::addr::{self, family};
use crate::attr::Attrs;
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::uapi::rtm;

/// `RTA_MULTIPATH`, `RTA_ENCAP_TYPE`, `RTA_ENCAP`
const MULTIPATH: u16 = 9;
const ENCAP_TYPE: u16 = 21;
const ENCAP: u16 = 22;

/// `RTN_*`
const RTN_UNSPEC: u8 = 0;
const RTN_UNICAST: u8 = 1;
const RTN_BLACKHOLE: u8 = 6;

/// What a next hop object brings, and a request that names one must not have.
fn is_of_object(number: u16) -> bool {
    matches!(number, rta::GATEWAY | rta::OIF | rta::VIA | MULTIPATH | ENCAP_TYPE | ENCAP)
}

pub(super) fn request(fields: &Fields, rare: &[u8], message_type: u16, flags: MessageFlags) -> Request {
    let by_object = fields.has(rta::NH_ID);
    let wanted = |number: u16| fields.has(number) && !(by_object && is_of_object(number));
    let mut header = fields.header;
    let route_flags = RouteFlags::from_bits_retain(u32::from_ne_bytes(header.flags)) - RouteFlags::STATE;
    let route_flags = if by_object { route_flags - RouteFlags::OF_HOP } else { route_flags };
    header.flags = route_flags.bits().to_ne_bytes();
    if by_object && header.kind == RTN_BLACKHOLE {
        // Listed for an object that is a black hole; what the route itself is cannot be told. A deletion takes any.
        header.kind = if message_type == rtm::DELROUTE { RTN_UNSPEC } else { RTN_UNICAST };
    }
    let width = addr::address_len(header.family).unwrap_or(0);
    let mut request = Request::new(message_type, flags).body(&header);
    for number in [rta::DST, rta::SRC, rta::GATEWAY, rta::PREFSRC] {
        let length = if width == 0 && number == rta::DST { 4 } else { width };
        match fields.bytes(number).get(..length) {
            Some(bytes) if wanted(number) && length != 0 => {
                request = request.attribute(number, bytes);
            }
            _ => {}
        }
    }
    for (number, value) in [
        (rta::IIF, fields.iif),
        (rta::OIF, fields.oif),
        (rta::PRIORITY, fields.priority),
        (rta::TABLE, fields.table),
        (rta::MARK, fields.mark),
        (rta::FLOW, fields.flow),
        (rta::UID, fields.uid),
        (rta::NH_ID, fields.nhid),
    ] {
        if wanted(number) {
            request = request.attribute_u32(number, value);
        }
    }
    for (number, value) in [
        (rta::PREF, fields.pref),
        (rta::TTL_PROPAGATE, fields.ttl_propagate),
        (rta::IP_PROTO, fields.ip_proto),
    ] {
        if wanted(number) {
            request = request.attribute_u8(number, value);
        }
    }
    for (number, value) in [(rta::SPORT, fields.sport), (rta::DPORT, fields.dport)] {
        if wanted(number) {
            request = request.attribute(number, &value.to_be_bytes());
        }
    }
    if wanted(rta::CACHEINFO) {
        request = request.attribute(rta::CACHEINFO, zerocopy::IntoBytes::as_bytes(&fields.cacheinfo));
    }
    if wanted(rta::VIA) {
        let length = fields.gateway_len();
        let family = if length == 4 { family::INET } else { family::INET6 };
        let mut via = u16::from(family).to_ne_bytes().to_vec();
        via.extend_from_slice(fields.bytes(rta::GATEWAY).get(..length).unwrap_or_default());
        request = request.attribute(rta::VIA, &via);
    }
    for attr in Attrs::new(rare).map_while(Result::ok).filter(|attr| !is_field(attr, width)) {
        match attr.number() {
            number if by_object && is_of_object(number) => {}
            MULTIPATH => request = request.attribute(attr.raw_type, &without_state(attr.payload)),
            _ => request = request.attribute(attr.raw_type, attr.payload),
        }
    }
    request
}
