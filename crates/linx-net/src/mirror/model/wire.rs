//! The model kernel's objects as messages.

use std::net::IpAddr;

use linx_wire::emit::Request;
use linx_wire::header::{HEADER_LEN, MessageFlags};

use super::kernel::{Address, Hop, Kernel, Link, Neighbour, NextHop, Route, Rule, Via};

const INET: u8 = 2;
const INET6: u8 = 10;
const BRIDGE: u8 = 7;
const DEAD: u8 = 1;
const LINKDOWN: u8 = 16;

/// `NLM_F_EXCL`, `NLM_F_CREATE`.
pub(super) const EXCL: MessageFlags = MessageFlags::from_bits_retain(0x200);
pub(super) const CREATE: MessageFlags = MessageFlags::from_bits_retain(0x400);

/// An announcement.
pub(super) fn message(message_type: u16, flags: MessageFlags, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(&u32::try_from(HEADER_LEN + payload.len()).unwrap().to_ne_bytes());
    bytes.extend_from_slice(&message_type.to_ne_bytes());
    bytes.extend_from_slice(&flags.bits().to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(payload);
    bytes
}

fn begin(header: &[u8]) -> Request {
    Request::new(0, MessageFlags::empty()).body(header)
}

fn end(request: &Request) -> Vec<u8> {
    request.payload().to_vec()
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { INET } else { INET6 }
}

pub(super) fn link(index: u32, link: &Link) -> Vec<u8> {
    let has = link.up && link.carrier;
    let mut flags = 0x2u32 | 0x1000;
    flags |= u32::from(link.up);
    flags |= if has { 0x40 | 0x1_0000 } else { 0 };
    let mut header = [0u8; 16];
    header[2..4].copy_from_slice(&1u16.to_ne_bytes());
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    let mut request = begin(&header)
        .attribute_name(3, link.name.as_bytes())
        .attribute_u32(4, link.mtu)
        .attribute_name(6, if link.qdisc == 0 { b"noqueue" } else { b"fq" })
        .attribute_u8(16, if has { 6 } else { 2 });
    if link.alias > 0 {
        request = request.attribute_name(20, &[b'a' + link.alias]);
    }
    if !link.kind.is_empty() {
        request = request.nested(18, |nest| nest.attribute_name(1, link.kind.as_bytes()));
    }
    end(&request)
}

pub(super) fn address(address: &Address) -> Vec<u8> {
    let ip = address.net.addr();
    let flags: u32 = if address.tentative { 0xc0 } else { 0x80 };
    let mut header = [family(ip), address.net.prefix_len(), 0, 0, 0, 0, 0, 0];
    header[2] = flags as u8;
    header[4..8].copy_from_slice(&address.link.to_ne_bytes());
    let mut request = begin(&header).attribute(1, &bytes(ip));
    if ip.is_ipv4() {
        request = request.attribute(2, &bytes(ip));
    }
    end(&request.attribute_u32(8, flags))
}

fn marks(hop: &Hop) -> u8 {
    (if hop.dead { DEAD } else { 0 }) | if hop.linkdown { LINKDOWN } else { 0 }
}

fn hops(request: Request, hops: &[(Hop, u8)]) -> Request {
    let mut all = Vec::new();
    for (hop, weight) in hops {
        let mut one = vec![0, 0, marks(hop), *weight];
        one.extend_from_slice(&hop.dev.to_ne_bytes());
        if let Some(gateway) = hop.gateway {
            let gateway = bytes(gateway);
            one.extend_from_slice(&(4 + gateway.len() as u16).to_ne_bytes());
            one.extend_from_slice(&5u16.to_ne_bytes());
            one.extend_from_slice(&gateway);
        }
        let length = one.len() as u16;
        one[..2].copy_from_slice(&length.to_ne_bytes());
        all.extend_from_slice(&one);
    }
    request.attribute(9, &all)
}

fn hop(mut request: Request, hop: &Hop) -> Request {
    request = request.attribute_u32(4, hop.dev);
    match hop.gateway {
        Some(gateway) => request.attribute(5, &bytes(gateway)),
        None => request,
    }
}

/// A route as it would be dumped now.
pub(super) fn route(kernel: &Kernel, route: &Route) -> Vec<u8> {
    let ip = route.dst.addr();
    let object = match route.via {
        Via::Object(id) => kernel.next_hops.get(&id),
        _ => None,
    };
    // Hops as they are shown: of an object, its own.
    let shown: Vec<(Hop, u8)> = match (&route.via, object) {
        (Via::Hops(hops), _) => hops.iter().map(|hop| (*hop, 0)).collect(),
        (_, Some(NextHop::Hop(hop))) if kernel.compat => vec![(*hop, 0)],
        (_, Some(NextHop::Group(members))) if kernel.compat => {
            let hops = members.iter().filter_map(|(id, weight)| match kernel.next_hops.get(id) {
                Some(NextHop::Hop(hop)) => Some((*hop, *weight)),
                _ => None,
            });
            hops.collect()
        }
        _ => Vec::new(),
    };
    // An IPv6 group of one is still shown as a set.
    let is_set =
        shown.len() > 1 || route.is_v6() && matches!(object, Some(NextHop::Group(_))) && kernel.compat;
    let kind = match (&route.via, object) {
        (Via::Nowhere, _) | (_, Some(NextHop::Blackhole)) => 6,
        _ => route.kind,
    };
    let scope = match (route.is_v6(), route.kind, shown.first()) {
        (false, 2, _) => 254,
        (false, _, Some((hop, _))) if hop.gateway.is_none() && route.table != 100 => 253,
        _ => 0,
    };
    let flags = match shown.first() {
        Some((hop, _)) if !is_set => u32::from(marks(hop)),
        _ => 0,
    };
    let table = u8::try_from(route.table).unwrap_or(252);
    let mut header =
        [family(ip), route.dst.prefix_len(), 0, 0, table, route.protocol, scope, kind, 0, 0, 0, 0];
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    let mut request = begin(&header).attribute_u32(15, route.table);
    if route.dst.prefix_len() > 0 {
        request = request.attribute(1, &bytes(ip));
    }
    if route.metric > 0 {
        request = request.attribute_u32(6, route.metric);
    }
    if let Some(source) = route.prefsrc {
        request = request.attribute(7, &bytes(source));
    }
    if let Via::Object(id) = route.via {
        request = request.attribute_u32(30, id);
    }
    request = match shown.first() {
        _ if is_set => hops(request, &shown),
        Some((only, _)) => hop(request, only),
        None => request,
    };
    end(&request)
}

pub(super) fn next_hop(id: u32, object: &NextHop) -> Vec<u8> {
    let number = match object {
        NextHop::Hop(Hop { gateway: Some(gateway), .. }) => family(*gateway),
        NextHop::Hop(_) | NextHop::Blackhole => INET,
        NextHop::Group(_) => 0,
    };
    let request = begin(&[number, 0, 3, 0, 0, 0, 0, 0]).attribute_u32(1, id);
    let request = match object {
        NextHop::Blackhole => request.attribute(4, &[]),
        NextHop::Hop(hop) => {
            let request = request.attribute_u32(5, hop.dev);
            match hop.gateway {
                Some(gateway) => request.attribute(6, &bytes(gateway)),
                None => request,
            }
        }
        NextHop::Group(members) => {
            let mut all = Vec::new();
            for (id, weight) in members {
                all.extend_from_slice(&id.to_ne_bytes());
                all.extend_from_slice(&[*weight, 0, 0, 0]);
            }
            request.attribute(2, &all).attribute(3, &0u16.to_ne_bytes())
        }
    };
    end(&request)
}

pub(super) fn rule(rule: &Rule) -> Vec<u8> {
    let action = if rule.goto.is_some() { 2 } else { 1 };
    let table = if rule.goto.is_some() { 0 } else { 100 };
    let mut flags = 0u32;
    flags |= if rule.unresolved { 4 } else { 0 };
    flags |= if rule.detached_iif { 8 } else { 0 };
    flags |= if rule.detached_oif { 16 } else { 0 };
    let number = if rule.v6 { INET6 } else { INET };
    let mut header = [number, 0, 0, 0, table, 0, 0, action, 0, 0, 0, 0];
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    let mut request = begin(&header).attribute_u32(15, table.into()).attribute_u32(6, rule.priority);
    if let Some(name) = &rule.iif {
        request = request.attribute_name(3, name.as_bytes());
    }
    if let Some(name) = &rule.oif {
        request = request.attribute_name(17, name.as_bytes());
    }
    if let Some(target) = rule.goto {
        request = request.attribute_u32(4, target);
    }
    end(&request)
}

pub(super) fn neighbour(neighbour: &Neighbour) -> Vec<u8> {
    let number = neighbour.dst.map_or(BRIDGE, family);
    let flags: u8 = match (neighbour.dst, neighbour.proxy) {
        (None, _) => 4,
        (_, true) => 8,
        _ => 0,
    };
    let mut header = [number, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags, 1];
    header[4..8].copy_from_slice(&neighbour.link.to_ne_bytes());
    header[8..10].copy_from_slice(&neighbour.state.to_ne_bytes());
    let mut request = begin(&header);
    if let Some(dst) = neighbour.dst {
        request = request.attribute(1, &bytes(dst));
    }
    if !neighbour.proxy {
        request = request.attribute(2, &[2, 0, 0, 0, 0, neighbour.lladdr]);
    }
    if neighbour.dst.is_none() {
        request = request.attribute_u32(9, 1);
    }
    end(&request)
}
