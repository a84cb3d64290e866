//! Requests for one object, each with `NLM_F_ACK`: the object, then the acknowledgement, is the answer.

use std::net::IpAddr;

use super::filter::LinkDetail;
use crate::addr::{LinkAddr, family};
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::route::link::IfInfo;
use crate::route::{GenMsg, NdMsg, NhMsg, RouteFlags, RouteHeader};
use crate::uapi::rtm;

/// `struct ifinfomsg` of a request: family and index, the rest zeros.
pub(super) fn link_header(family: u8, index: u32) -> IfInfo {
    IfInfo { family, ifindex: signed(index), ..IfInfo::default() }
}

/// Longest name that `IFLA_IFNAME` takes, bytes (`IFNAMSIZ` less its NUL); longer ones are alternative names.
const MAX_IFNAME: usize = 15;

/// The link of this index.
pub fn link_by_index(index: u32, detail: LinkDetail) -> Request {
    Request::new(rtm::GETLINK, MessageFlags::ACK)
        .body(&link_header(family::UNSPEC, index))
        .attribute_u32(29, detail.bits())
}

/// The link of this name, or with this alternative name.
pub fn link_by_name(name: &[u8], detail: LinkDetail) -> Request {
    let number = if name.len() <= MAX_IFNAME { 3 } else { 53 };
    Request::new(rtm::GETLINK, MessageFlags::ACK)
        .body(&link_header(family::UNSPEC, 0))
        .attribute_u32(29, detail.bits())
        .attribute_name(number, name)
}

/// What `ip route get` may say beside the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteQuery {
    /// Source address.
    pub src: Option<IpAddr>,
    /// Index of the incoming link: as if forwarded.
    pub iif: Option<u32>,
    /// Index of the outgoing link.
    pub oif: Option<u32>,
    /// Firewall mark.
    pub mark: Option<u32>,
    /// User id.
    pub uid: Option<u32>,
    /// Type of service.
    pub tos: u8,
    /// IP protocol (`IPPROTO_*`).
    pub ip_proto: Option<u8>,
    /// Source port; wants an `ip_proto` that has ports.
    pub sport: Option<u16>,
    /// Destination port; wants an `ip_proto` that has ports.
    pub dport: Option<u16>,
    /// IPv6 flow label (kernel 6.14).
    pub flowlabel: Option<u32>,
    /// The route that matches, as the table has it, rather than the resolved one (`RTM_F_FIB_MATCH`).
    pub fibmatch: bool,
}

impl RouteQuery {
    /// The request for the kernel's decision about `dst`. For IPv4 the answer names the table that decided
    /// (`RTM_F_LOOKUP_TABLE`; for IPv6 it always does, and the flag is refused).
    pub fn request(&self, dst: IpAddr) -> Request {
        let mut flags = RouteFlags::empty();
        flags.set(RouteFlags::LOOKUP_TABLE, dst.is_ipv4());
        flags.set(RouteFlags::FIB_MATCH, self.fibmatch);
        let header = RouteHeader {
            family: if dst.is_ipv4() { family::INET } else { family::INET6 },
            dst_len: bits(dst),
            src_len: self.src.map_or(0, bits),
            tos: self.tos,
            flags: flags.bits().to_ne_bytes(),
            ..RouteHeader::default()
        };
        let mut request = address(Request::new(rtm::GETROUTE, MessageFlags::ACK).body(&header), 1, dst);
        if let Some(src) = self.src {
            request = address(request, 2, src);
        }
        for (number, value) in [(3, self.iif), (4, self.oif), (16, self.mark), (25, self.uid)] {
            if let Some(value) = value {
                request = request.attribute_u32(number, value);
            }
        }
        if let Some(protocol) = self.ip_proto {
            request = request.attribute_u8(27, protocol);
        }
        for (number, port) in [(28, self.sport), (29, self.dport)] {
            if let Some(port) = port {
                request = request.attribute(number, &port.to_be_bytes());
            }
        }
        if let Some(label) = self.flowlabel {
            request = request.attribute(31, &label.to_be_bytes());
        }
        request
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn address(request: Request, number: u16, address: IpAddr) -> Request {
    match address {
        IpAddr::V4(address) => request.attribute(number, &address.octets()),
        IpAddr::V6(address) => request.attribute(number, &address.octets()),
    }
}

/// The neighbour `dst` on the link of this index, or its proxy entry.
pub fn neighbour(index: u32, dst: IpAddr, proxy: bool) -> Request {
    let header = NdMsg {
        family: if dst.is_ipv4() { family::INET } else { family::INET6 },
        ifindex: signed(index),
        flags: if proxy { 0x08 } else { 0 },
        ..NdMsg::default()
    };
    address(Request::new(rtm::GETNEIGH, MessageFlags::ACK).body(&header), 1, dst)
}

/// The forwarding entry of a link address: the bridge's for the port of this index (`NTF_MASTER`), or the device's
/// own (`NTF_SELF`).
pub fn fdb_entry(index: u32, lladdr: LinkAddr, vlan: Option<u16>, of_master: bool) -> Request {
    let header = NdMsg {
        family: family::BRIDGE,
        ifindex: signed(index),
        flags: if of_master { 0x04 } else { 0x02 },
        ..NdMsg::default()
    };
    let request =
        Request::new(rtm::GETNEIGH, MessageFlags::ACK).body(&header).attribute(2, lladdr.as_bytes());
    match vlan {
        Some(vlan) => request.attribute(5, &vlan.to_ne_bytes()),
        None => request,
    }
}

/// The kernel's interface indices are positive `int`s; one that is not is asked for as 0, which there never is.
fn signed(index: u32) -> i32 {
    i32::try_from(index).unwrap_or_default()
}

/// The next hop of this id.
pub fn next_hop(id: u32) -> Request {
    Request::new(rtm::GETNEXTHOP, MessageFlags::ACK).body(&NhMsg::default()).attribute_u32(1, id)
}

/// The id of the namespace that a process lives in.
pub fn nsid_of_pid(pid: u32) -> Request {
    Request::new(rtm::GETNSID, MessageFlags::ACK).body(&GenMsg::default()).attribute_u32(2, pid)
}

/// The id of the namespace that an open file of the asker refers to.
pub fn nsid_of_fd(fd: u32) -> Request {
    Request::new(rtm::GETNSID, MessageFlags::ACK).body(&GenMsg::default()).attribute_u32(3, fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Attrs;
    use crate::route::{Route, RouteView};

    fn attributes(request: &Request, fixed: usize) -> Vec<(u16, Vec<u8>)> {
        assert_eq!(request.flags(), MessageFlags::REQUEST | MessageFlags::ACK);
        let attrs = Attrs::new(&request.payload()[fixed..]).map(Result::unwrap);
        attrs.map(|attr| (attr.number(), attr.payload.to_vec())).collect()
    }

    #[test]
    fn a_long_name_is_an_alternative_one() {
        let names = |name: &[u8]| attributes(&link_by_name(name, LinkDetail::VF), 16)[1].clone();
        assert_eq!(names(b"eth0"), (3, b"eth0\0".to_vec()));
        assert_eq!(names(b"exactly15bytes."), (3, b"exactly15bytes.\0".to_vec()));
        assert_eq!(names(b"sixteen bytes ok"), (53, b"sixteen bytes ok\0".to_vec()));
        assert_eq!(link_by_index(9, LinkDetail::VF).payload()[4..8], 9u32.to_ne_bytes());
    }

    #[test]
    fn a_route_query_holds_what_was_said() {
        let query = RouteQuery {
            src: Some("10.0.0.1".parse().unwrap()),
            iif: Some(2),
            oif: Some(3),
            mark: Some(4),
            uid: Some(5),
            tos: 0x10,
            ip_proto: Some(6),
            sport: Some(7),
            dport: Some(8),
            flowlabel: None,
            fibmatch: true,
        };
        let request = query.request("10.9.9.9".parse().unwrap());
        let route = Route::decode(request.payload()).unwrap();
        assert_eq!(route.destination().unwrap().to_string(), "10.9.9.9/32");
        assert_eq!(route.source().unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(
            (route.iif(), route.oif(), route.mark(), route.uid()),
            (Some(2), Some(3), Some(4), Some(5))
        );
        assert_eq!(
            (route.ip_proto(), route.sport(), route.dport(), route.tos()),
            (Some(6), Some(7), Some(8), 16)
        );
        assert_eq!(route.flags(), RouteFlags::LOOKUP_TABLE | RouteFlags::FIB_MATCH);
        let request =
            RouteQuery { flowlabel: Some(9), ..RouteQuery::default() }.request("fd00::1".parse().unwrap());
        assert_eq!(attributes(&request, 12)[1], (31, vec![0, 0, 0, 9]));
        assert_eq!(request.payload()[8..12], [0; 4]);
    }

    #[test]
    fn single_objects_by_their_keys() {
        let request = neighbour(3, "10.0.0.2".parse().unwrap(), true);
        assert_eq!(request.payload()[..12], [2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 8, 0]);
        assert_eq!(attributes(&request, 12), [(1, vec![10, 0, 0, 2])]);
        let lladdr = LinkAddr::new(&[2, 0, 0, 0, 0, 1]).unwrap();
        let request = fdb_entry(3, lladdr, Some(10), true);
        assert_eq!(request.payload()[10], 4);
        assert_eq!(attributes(&request, 12), [(2, lladdr.as_bytes().to_vec()), (5, vec![10, 0])]);
        assert_eq!(attributes(&next_hop(12), 8), [(1, vec![12, 0, 0, 0])]);
        assert_eq!(attributes(&nsid_of_pid(1), 4), [(2, vec![1, 0, 0, 0])]);
        assert_eq!(attributes(&nsid_of_fd(7), 4), [(3, vec![7, 0, 0, 0])]);
    }
}
