//! The peers: netlink-packet-route and rtnetlink, netlink-bindings, nlink, neli.

mod mirror;
mod nft;
mod socket2;

use std::hint::black_box;
use std::io::Cursor;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use futures_util::{StreamExt, TryStreamExt};
use linx_wire::header::Messages;
use neli::FromBytesWithInput;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtAddrFamily, RtScope, RtTable, Rtm, Rtn, Rtprot};
use neli::consts::socket::NlFamily;
use neli::nl::NlPayload;
use neli::router::synchronous::NlRouter;
use neli::rtnl::{Ifinfomsg, Rtmsg, RtmsgBuilder};
use neli::utils::Groups;
use netlink_bindings::{rt_addr, rt_link, rt_neigh, rt_route, rt_rule};
use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute};
use netlink_sys::AsyncSocket;
use nlink::netlink::messages::{AddressMessage, LinkMessage, NeighborMessage, RouteMessage, RuleMessage};
use nlink::netlink::{EventSource, FromNetlink, NetworkEvent, RtnetlinkGroup};

use crate::decode::{payloads, timed};
use crate::monitors;
use crate::report::{Contestant, Outcome};

pub use mirror::Reflected;
pub use nft::*;

/// Decoders of route messages.
pub fn route_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    vec![
        payloads("netlink-bindings, all attributes", d, repeats, |payload| {
            for attribute in rt_route::RouteAttrs::new(&payload[12..]) {
                black_box(&attribute.unwrap());
            }
        }),
        payloads("netlink-bindings, 6 fields read", d, repeats, |payload| {
            let route = rt_route::RouteAttrs::new(&payload[12..]);
            black_box((route.get_dst().ok(), route.get_gateway().ok(), route.get_oif().ok()));
            black_box((route.get_table().ok(), route.get_priority().ok(), route.get_prefsrc().ok()));
        }),
        payloads("nlink", d, repeats, |payload| {
            black_box(RouteMessage::from_bytes(payload).unwrap());
        }),
        nlink_events(d, repeats),
        payloads("neli", d, repeats, |payload| {
            black_box(Rtmsg::from_bytes_with_input(&mut Cursor::new(payload), payload.len()).unwrap());
        }),
        packet_route(d, 24, repeats),
    ]
}

/// Decoders of link messages.
pub fn link_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    vec![
        payloads("netlink-bindings, all attributes", d, repeats, |payload| {
            for attribute in rt_link::LinkAttrs::new(&payload[16..]) {
                black_box(&attribute.unwrap());
            }
        }),
        payloads("nlink", d, repeats, |payload| {
            black_box(LinkMessage::from_bytes(payload).unwrap());
        }),
        nlink_events(d, repeats),
        payloads("neli", d, repeats, |payload| {
            black_box(Ifinfomsg::from_bytes_with_input(&mut Cursor::new(payload), payload.len()).unwrap());
        }),
        packet_route(d, 16, repeats),
    ]
}

/// Decoders of the smaller objects of rtnetlink.
pub fn object_decoders<'a>(kind: &str, d: &'a [Vec<u8>], repeats: usize) -> Vec<Contestant<'a>> {
    const BINDINGS: &str = "netlink-bindings, all attributes";
    macro_rules! peers {
        ($attributes:path, $fixed:literal, $nlink:ident, $number:literal) => {
            vec![
                payloads(BINDINGS, d, repeats, |payload| {
                    for attribute in $attributes(&payload[$fixed..]) {
                        let _ = black_box(&attribute);
                    }
                }),
                payloads("nlink", d, repeats, |payload| {
                    black_box($nlink::from_bytes(payload).unwrap());
                }),
                packet_route(d, $number, repeats),
            ]
        };
    }
    match kind {
        "address" => peers!(rt_addr::AddrAttrs::new, 8, AddressMessage, 20),
        "neighbour" => peers!(rt_neigh::NeighbourAttrs::new, 12, NeighborMessage, 28),
        "rule" => peers!(rt_rule::FibRuleAttrs::new, 12, RuleMessage, 32),
        "nexthop" => vec![nlink_events(d, repeats)],
        _ => Vec::new(),
    }
}

/// What nlink's monitor runs, one message a datagram as the kernel sends events.
fn nlink_events(d: &[Vec<u8>], repeats: usize) -> Contestant<'_> {
    Contestant::new("nlink, events", move || {
        timed(d, repeats, |datagram| {
            let messages = Messages::new(datagram).map(|message| message.unwrap().bytes);
            messages.map(|bytes| black_box(nlink::Route::parse_events(bytes)).len() as u64).sum()
        })
    })
}

fn packet_route(d: &[Vec<u8>], message_type: u16, repeats: usize) -> Contestant<'_> {
    let mut header = NetlinkHeader::default();
    header.message_type = message_type;
    payloads("netlink-packet-route", d, repeats, move |payload| {
        black_box(RouteNetlinkMessage::deserialize(&header, payload).unwrap());
    })
}

/// Those that list routes.
pub const DUMPS: [&str; 5] =
    ["rtnetlink", "nlink, streamed", "nlink, collected", "neli, router", socket2::NAME];
/// Those that hear of routes.
pub const MONITORS: [&str; 3] = ["rtnetlink", "nlink", socket2::NAME];

/// Lists all IPv4 routes; returns how many there are.
pub fn dump(name: &str) -> Outcome<usize> {
    let fault = |error: &dyn std::fmt::Display| error.to_string();
    match name {
        "neli, router" => return neli_dump(),
        socket2::NAME => return socket2::dump(),
        _ => {}
    }
    runtime()?.block_on(async {
        match name {
            "rtnetlink" => {
                let (connection, handle, _) = rtnetlink::new_connection().map_err(|e| fault(&e))?;
                tokio::spawn(connection);
                let all = rtnetlink::RouteMessageBuilder::<std::net::Ipv4Addr>::new().build();
                let mut routes = handle.route().get(all).execute();
                let mut count = 0;
                while let Some(route) = routes.try_next().await.map_err(|e| fault(&e))? {
                    count += usize::from(black_box(&route).header.destination_prefix_length == 32);
                }
                Ok(count)
            }
            "nlink, streamed" => {
                let connection = nlink::Connection::<nlink::Route>::new().map_err(|e| fault(&e))?;
                let mut routes = connection.stream_routes().await.map_err(|e| fault(&e))?;
                let mut count = 0;
                while let Some(route) = routes.next().await {
                    count += usize::from(black_box(&route.map_err(|e| fault(&e))?).dst_len() == 32);
                }
                Ok(count)
            }
            "nlink, collected" => {
                let connection = nlink::Connection::<nlink::Route>::new().map_err(|e| fault(&e))?;
                Ok(connection.get_routes().await.map_err(|e| fault(&e))?.len())
            }
            _ => Err(format!("nobody is called {name}")),
        }
    })
}

/// neli's router, whose thread receives and passes on.
fn neli_dump() -> Outcome<usize> {
    let fault = |error: &dyn std::fmt::Display| error.to_string();
    let (router, _) =
        NlRouter::connect(NlFamily::Route, None, Groups::empty()).map_err(|error| fault(&error))?;
    let all = RtmsgBuilder::default()
        .rtm_family(RtAddrFamily::Inet)
        .rtm_dst_len(0)
        .rtm_src_len(0)
        .rtm_tos(0)
        .rtm_table(RtTable::Unspec)
        .rtm_protocol(Rtprot::Unspec)
        .rtm_scope(RtScope::Universe)
        .rtm_type(Rtn::Unspec)
        .build()
        .map_err(|error| fault(&error))?;
    let routes = router.send::<_, _, Rtm, Rtmsg>(Rtm::Getroute, NlmF::DUMP, NlPayload::Payload(all));
    let mut count = 0;
    for route in routes.map_err(|error| fault(&error))? {
        let route = route.map_err(|error| fault(&error))?;
        count += usize::from(black_box(route.get_payload()).is_some());
    }
    Ok(count)
}

/// Hears of IPv4 routes until the process ends.
pub fn monitor(name: &str, rcvbuf: usize) -> Outcome<()> {
    let fault = |error: &dyn std::fmt::Display| error.to_string();
    if name == socket2::NAME {
        return socket2::monitor(rcvbuf);
    }
    runtime()?.block_on(async {
        match name {
            "rtnetlink" => {
                let groups = [rtnetlink::MulticastGroup::Ipv4Route];
                let (mut connection, _handle, mut messages) =
                    rtnetlink::new_multicast_connection(&groups).map_err(|e| fault(&e))?;
                let fd = connection.socket_mut().socket_mut().as_raw_fd();
                // SAFETY: the connection keeps the socket open meanwhile.
                let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                rustix::net::sockopt::set_socket_recv_buffer_size_force(fd, rcvbuf).map_err(|e| fault(&e))?;
                tokio::spawn(connection);
                monitors::ready();
                while let Some((message, _)) = messages.next().await {
                    match message.payload {
                        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
                            monitors::event(|| packet_destination(&route));
                        }
                        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(_)) => {
                            monitors::event(|| None);
                        }
                        _ => monitors::overflow(),
                    }
                }
                Ok(())
            }
            "nlink" => {
                let connection = nlink::Connection::<nlink::Route>::new().map_err(|e| fault(&e))?;
                connection.socket().set_rcvbuf(rcvbuf).map_err(|e| fault(&e))?;
                connection.subscribe(&[RtnetlinkGroup::Ipv4Route]).map_err(|e| fault(&e))?;
                let mut events = connection.events().await;
                monitors::ready();
                while let Some(event) = events.next().await {
                    match event {
                        Ok(NetworkEvent::NewRoute(route)) => monitors::event(|| match route.destination() {
                            Some(IpAddr::V4(address)) => Some(address.to_bits()),
                            _ => None,
                        }),
                        Ok(NetworkEvent::DelRoute(_)) => monitors::event(|| None),
                        Ok(_) => {}
                        Err(_) => monitors::overflow(),
                    }
                }
                Ok(())
            }
            _ => Err(format!("nobody is called {name}")),
        }
    })
}

fn packet_destination(route: &netlink_packet_route::route::RouteMessage) -> Option<u32> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(address.to_bits()),
        _ => None,
    })
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}
