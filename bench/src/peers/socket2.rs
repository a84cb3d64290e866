//! netlink-socket2 on netlink-bindings.

use std::hint::black_box;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, RawFd};

use netlink_bindings::rt_route::{Request, RouteAttrs, Rtmsg};
use netlink_socket2::{MulticastSocketRaw, NetlinkSocket};
use rustix::net::{AddressFamily, sockopt};

use crate::monitors;
use crate::report::Outcome;

/// As a contestant.
pub const NAME: &str = "netlink-socket2";

/// Lists all IPv4 routes, and looks at the destination of each.
pub fn dump() -> Outcome<usize> {
    let mut socket = NetlinkSocket::new();
    let header = Rtmsg { rtm_family: libc::AF_INET as u8, ..Rtmsg::default() };
    let request = Request::new().op_getroute_dump(&header);
    let mut routes = socket.request(&request).map_err(|error| error.to_string())?;
    let mut count = 0;
    while let Some(route) = routes.recv() {
        let (header, attributes) = route.map_err(|error| error.to_string())?;
        black_box((&header, attributes.get_dst().ok()));
        count += 1;
    }
    Ok(count)
}

/// Hears of IPv4 routes until the process ends.
pub fn monitor(rcvbuf: usize) -> Outcome<()> {
    let mut socket = MulticastSocketRaw::new(0).map_err(|error| error.to_string())?;
    // It has no way to ask for a larger buffer: its descriptor is the only netlink socket here.
    for fd in 3..1024 as RawFd {
        // SAFETY: whether it is open is what is asked; nothing else uses it meanwhile.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        if sockopt::socket_domain(fd).is_ok_and(|family| family == AddressFamily::NETLINK) {
            sockopt::set_socket_recv_buffer_size_force(fd, rcvbuf).map_err(|error| error.to_string())?;
        }
    }
    // Group 7 is RTNLGRP_IPV4_ROUTE.
    socket.listen(7).map_err(|error| error.to_string())?;
    monitors::ready();
    loop {
        match socket.recv() {
            Ok((told, payload)) => {
                let attributes = RouteAttrs::new(payload.get(12..).unwrap_or_default());
                let destination = black_box(attributes.get_dst().ok());
                monitors::event(|| match destination {
                    Some(IpAddr::V4(address)) if told.message_type == monitors::NEWROUTE => {
                        Some(address.to_bits())
                    }
                    _ => None,
                });
            }
            Err(error) if error.as_io_error().raw_os_error() == Some(libc::ENOBUFS) => monitors::overflow(),
            Err(error) => return Err(error.to_string()),
        }
    }
}
