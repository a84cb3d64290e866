//! Filters of dumps: what the kernel leaves out under strict checking (`NETLINK_GET_STRICT_CHK`), and the same again
//! for what it does not.
//!
//! Each filter makes the dump's request, and tells of an object whether it `matches`. The second is needed because the
//! kernel ignores a filter for a link kind that is not registered and `NHA_FDB`, and because `NLM_F_DUMP_FILTERED`
//! does not tell which filters held. Filters combine with *and*; the default lets everything through.
//!
//! `master` of neighbours and next hops is the kernel's to apply: their messages do not tell it. What it means for an
//! object is then not contradicted by `matches`.

use crate::addr::family;
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::route::{
    AddressView, FibRuleHdr, GenMsg, IfAddrMsg, LinkView, NdMsg, NeighbourState, NeighbourView, NextHopView,
    NhMsg, RouteHeader, RouteView, RuleView,
};
use crate::uapi::rtm;

bitflags::bitflags! {
    /// What link messages hold beside the usual: `RTEXT_FILTER_*`, <linux/rtnetlink.h>.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct LinkDetail: u32 {
        /// Virtual functions.
        const VF = 0x1;
        /// A bridge's VLANs, one by one (`AF_BRIDGE` alone).
        const BRVLAN = 0x2;
        /// A bridge's VLANs, as ranges (`AF_BRIDGE` alone).
        const BRVLAN_COMPRESSED = 0x4;
        /// No statistics.
        const SKIP_STATS = 0x8;
        /// Media redundancy (`AF_BRIDGE` alone).
        const MRP = 0x10;
        /// Connectivity faults, configuration (`AF_BRIDGE` alone).
        const CFM_CONFIG = 0x20;
        /// Connectivity faults, state (`AF_BRIDGE` alone).
        const CFM_STATUS = 0x40;
        /// Multiple spanning trees (`AF_BRIDGE` alone).
        const MST = 0x80;
        const _ = !0;
    }
}

/// With virtual functions: without any mask the kernel leaves out a link whose message exceeds 32 KiB.
impl Default for LinkDetail {
    fn default() -> Self {
        Self::VF
    }
}

/// Which links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFilter {
    /// `AF_UNSPEC`: all. `AF_BRIDGE`: bridges and their ports, as the bridge sees them. `AF_INET6`: what IPv6 knows.
    pub family: u8,
    /// What the messages hold.
    pub detail: LinkDetail,
    /// Index of the link. The kernel does not filter by it.
    pub index: Option<u32>,
    /// Index of the master.
    pub master: Option<u32>,
    /// Kind (`veth`).
    pub kind: Option<String>,
}

impl LinkFilter {
    /// The dump's request. The kernel filters by `master` and `kind` for `AF_UNSPEC` alone.
    pub fn request(&self) -> Request {
        let request =
            Request::new(rtm::GETLINK, MessageFlags::DUMP).body(&super::query::link_header(self.family, 0));
        if self.family == family::INET6 {
            return request;
        }
        let mut request = request.attribute_u32(IFLA_EXT_MASK, self.detail.bits());
        if self.family == family::BRIDGE {
            return request;
        }
        if let Some(master) = self.master {
            request = request.attribute_u32(IFLA_MASTER, master);
        }
        if let Some(kind) = &self.kind {
            request =
                request.nested(IFLA_LINKINFO, |info| info.attribute_name(IFLA_INFO_KIND, kind.as_bytes()));
        }
        request
    }

    /// Whether a link is one of these.
    pub fn matches(&self, link: &(impl LinkView + ?Sized)) -> bool {
        wants_family(self.family, link.family())
            && wants(self.index, Some(link.index()))
            && wants(self.master, link.master())
            && self.kind.as_deref().is_none_or(|kind| link.kind().is_some_and(|name| name == kind))
    }
}

const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_INFO_KIND: u16 = 1;

/// Which addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressFilter {
    /// `AF_INET`, `AF_INET6`; `AF_UNSPEC` is all.
    pub family: u8,
    /// Index of the link. The kernel's answer is ENODEV when there is none.
    pub index: Option<u32>,
}

impl AddressFilter {
    /// The dump's request.
    pub fn request(&self) -> Request {
        let index = self.index.unwrap_or_default();
        let header = IfAddrMsg { family: self.family, index, ..IfAddrMsg::default() };
        Request::new(rtm::GETADDR, MessageFlags::DUMP).body(&header)
    }

    /// Whether an address is one of these.
    pub fn matches(&self, address: &(impl AddressView + ?Sized)) -> bool {
        wants_family(self.family, address.family()) && wants(self.index, Some(address.index()))
    }
}

/// Which routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteFilter {
    /// `AF_INET`, `AF_INET6`, `AF_MPLS`; `AF_UNSPEC` is all.
    pub family: u8,
    /// Routing table. The kernel's answer to `AF_INET` and `AF_INET6` is ENOENT when there is none.
    pub table: Option<u32>,
    /// Index of the outgoing link, of any hop. The kernel's answer is ENODEV when there is none.
    pub oif: Option<u32>,
    /// Who made it: `RTPROT_*`.
    pub protocol: Option<u8>,
    /// `RTN_*`
    pub route_type: Option<u8>,
    /// Default routes alone: those to a prefix of length 0. The kernel does not filter by it.
    pub is_default: bool,
}

impl RouteFilter {
    /// The default routes of both families, in all tables.
    #[must_use]
    pub fn default_route() -> Self {
        Self { is_default: true, ..Self::default() }
    }

    /// The dump's request.
    pub fn request(&self) -> Request {
        let header = RouteHeader {
            family: self.family,
            protocol: self.protocol.unwrap_or_default(),
            kind: self.route_type.unwrap_or_default(),
            ..RouteHeader::default()
        };
        let mut request = Request::new(rtm::GETROUTE, MessageFlags::DUMP).body(&header);
        if let Some(table) = self.table {
            request = request.attribute_u32(15, table);
        }
        if let Some(oif) = self.oif {
            request = request.attribute_u32(4, oif);
        }
        request
    }

    /// Whether a route is one of these. A route of which only the next hop object is told (sysctl
    /// `net.ipv4.nexthop_compat_mode` = 0) has no link that could be compared: it is one of these.
    pub fn matches(&self, route: &(impl RouteView + ?Sized)) -> bool {
        wants_family(self.family, route.family())
            && wants(self.table, Some(route.table()))
            && wants(self.protocol, Some(route.protocol()))
            && wants(self.route_type, Some(route.route_type()))
            && (!self.is_default || route.is_default())
            && self.oif.is_none_or(|oif| goes_out(route, oif))
    }
}

fn goes_out(route: &(impl RouteView + ?Sized), oif: u32) -> bool {
    match route.oif() {
        Some(index) => index == oif,
        None => {
            let mut hops = route.hops().peekable();
            if hops.peek().is_none() { route.nhid().is_some() } else { hops.any(|hop| hop.ifindex == oif) }
        }
    }
}

/// Which neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeighbourFilter {
    /// `AF_INET`, `AF_INET6`; `AF_BRIDGE` is forwarding entries; `AF_UNSPEC` is all but those, and in
    /// [`NeighbourFilter::matches`] all.
    pub family: u8,
    /// Index of the link; of a forwarding entry: of the port, or of the bridge for its own.
    pub index: Option<u32>,
    /// Index of the link's master; of a forwarding entry: of its bridge.
    pub master: Option<u32>,
    /// Proxy entries alone, or all but those. The kernel lists them only when asked for them alone.
    pub proxy: Option<bool>,
    /// VLAN id, of forwarding entries.
    pub vlan: Option<u16>,
    /// Any of these states.
    pub states: Option<NeighbourState>,
}

impl NeighbourFilter {
    /// The forwarding entries of bridges and vxlan.
    #[must_use]
    pub fn fdb() -> Self {
        Self { family: family::BRIDGE, ..Self::default() }
    }

    /// The dump's request.
    pub fn request(&self) -> Request {
        let proxy = self.proxy == Some(true) && self.family != family::BRIDGE;
        let flags = if proxy { NTF_PROXY } else { 0 };
        let mut request = Request::new(rtm::GETNEIGH, MessageFlags::DUMP).body(&NdMsg {
            family: self.family,
            flags,
            ..NdMsg::default()
        });
        if let Some(index) = self.index {
            request = request.attribute_u32(8, index);
        }
        if let Some(master) = self.master {
            request = request.attribute_u32(9, master);
        }
        request
    }

    /// Whether a neighbour is one of these; of `master`: unless its message says otherwise.
    pub fn matches(&self, neighbour: &(impl NeighbourView + ?Sized)) -> bool {
        wants_family(self.family, neighbour.family())
            && wants(self.index, Some(neighbour.index()))
            && (neighbour.master().is_none() || wants(self.master, neighbour.master()))
            && wants(self.proxy, Some(neighbour.is_proxy()))
            && wants(self.vlan, neighbour.vlan())
            && self.states.is_none_or(|states| states.intersects(neighbour.state()))
    }
}

const NTF_PROXY: u8 = 0x08;

/// Which rules. The kernel filters by family alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleFilter {
    /// `AF_INET`, `AF_INET6`, `RTNL_FAMILY_IPMR`, `RTNL_FAMILY_IP6MR`; `AF_UNSPEC` is all.
    pub family: u8,
    /// Priority.
    pub priority: Option<u32>,
    /// The table that it looks up.
    pub table: Option<u32>,
    /// Who made it: `RTPROT_*`.
    pub protocol: Option<u8>,
}

impl RuleFilter {
    /// The dump's request.
    pub fn request(&self) -> Request {
        let header = FibRuleHdr { family: self.family, ..FibRuleHdr::default() };
        Request::new(rtm::GETRULE, MessageFlags::DUMP).body(&header)
    }

    /// Whether a rule is one of these.
    pub fn matches(&self, rule: &(impl RuleView + ?Sized)) -> bool {
        wants_family(self.family, rule.family())
            && wants(self.priority, Some(rule.priority()))
            && wants(self.table, Some(rule.table()))
            && wants(self.protocol, Some(rule.protocol()))
    }
}

/// Which next hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHopFilter {
    /// `AF_INET`, `AF_INET6`: single next hops alone, by their gateway's family; `AF_UNSPEC` is all.
    pub family: u8,
    /// Index of the link; groups have none.
    pub oif: Option<u32>,
    /// Index of the link's master; groups have none.
    pub master: Option<u32>,
    /// Groups alone.
    pub groups: bool,
    /// Those for forwarding entries alone.
    pub fdb: bool,
    /// With the packet counters of groups (`NHA_OP_FLAG_DUMP_STATS`, kernel 6.9; older ones answer EINVAL).
    pub stats: bool,
}

impl NextHopFilter {
    /// The dump's request.
    pub fn request(&self) -> Request {
        let header = NhMsg { family: self.family, ..NhMsg::default() };
        let mut request = Request::new(rtm::GETNEXTHOP, MessageFlags::DUMP).body(&header);
        for (number, value) in [(5, self.oif), (10, self.master), (14, self.stats.then_some(DUMP_STATS))] {
            if let Some(value) = value {
                request = request.attribute_u32(number, value);
            }
        }
        for (number, wanted) in [(9, self.groups), (11, self.fdb)] {
            if wanted {
                request = request.attribute(number, &[]);
            }
        }
        request
    }

    /// Whether a next hop is one of these; of `master`: unless it is a group.
    pub fn matches(&self, next_hop: &(impl NextHopView + ?Sized)) -> bool {
        wants_family(self.family, next_hop.family())
            && (self.oif.is_none() || self.oif == next_hop.oif())
            && (self.master.is_none() || !next_hop.is_group())
            && (!self.groups || next_hop.is_group())
            && (!self.fdb || next_hop.is_fdb())
    }
}

/// `NHA_OP_FLAG_DUMP_STATS`
const DUMP_STATS: u32 = 1;

/// The dump of the peer namespaces' ids.
pub fn nsids() -> Request {
    Request::new(rtm::GETNSID, MessageFlags::DUMP).body(&GenMsg::default())
}

fn wants_family(wanted: u8, have: u8) -> bool {
    wanted == family::UNSPEC || wanted == have
}

fn wants<T: PartialEq + Copy>(wanted: Option<T>, have: Option<T>) -> bool {
    wanted.is_none() || wanted == have
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Attrs;
    use crate::route::link::IfInfo;
    use crate::route::{Address, Link, Neighbour, NextHop, Route, Rule};

    fn attributes(request: &Request, fixed: usize) -> Vec<(u16, Vec<u8>)> {
        assert!(request.flags().contains(MessageFlags::DUMP | MessageFlags::REQUEST));
        let attrs = Attrs::new(&request.payload()[fixed..]).map(Result::unwrap);
        attrs.map(|attr| (attr.raw_type, attr.payload.to_vec())).collect()
    }

    fn route(header: RouteHeader, attributes: &[(u16, &[u8])]) -> Route {
        let message = Request::new(rtm::NEWROUTE, MessageFlags::empty()).body(&header);
        let message =
            attributes.iter().fold(message, |message, (number, value)| message.attribute(*number, value));
        Route::decode(message.payload()).unwrap()
    }

    #[test]
    fn a_link_dump_asks_for_virtual_functions_and_names_its_filters() {
        let filter = LinkFilter { master: Some(7), kind: Some("veth".into()), ..LinkFilter::default() };
        let nest = [&[9, 0, 1, 0][..], b"veth\0\0\0\0"].concat();
        let expected = [(29, vec![1, 0, 0, 0]), (10, 7u32.to_ne_bytes().to_vec()), (18 | 0x8000, nest)];
        assert_eq!(attributes(&filter.request(), 16), expected);
        assert_eq!(filter.request().message_type(), rtm::GETLINK);
    }

    #[test]
    fn links_are_filtered_again() {
        let filter = LinkFilter { master: Some(7), kind: Some("veth".into()), ..LinkFilter::default() };
        let message = |master: u32, kind: &[u8]| {
            let header = IfInfo { ifindex: 3, ..IfInfo::default() };
            let message = Request::new(rtm::NEWLINK, MessageFlags::empty())
                .body(&header)
                .attribute_u32(10, master)
                .nested(18, |info| info.attribute_name(1, kind));
            Link::decode(message.payload()).unwrap()
        };
        assert!(filter.matches(&message(7, b"veth")) && LinkFilter::default().matches(&message(0, b"")));
        assert!(!filter.matches(&message(0, b"veth")) && !filter.matches(&message(7, b"vet")));
        let index = |index| LinkFilter { index: Some(index), ..LinkFilter::default() };
        assert!(index(3).matches(&message(0, b"")) && !index(4).matches(&message(0, b"")));
        let bridge = LinkFilter { family: family::BRIDGE, ..LinkFilter::default() };
        assert!(!bridge.matches(&message(7, b"veth").as_ref()));
    }

    #[test]
    fn families_whose_dump_takes_no_filter_get_none() {
        let of = |family| LinkFilter { family, master: Some(7), ..LinkFilter::default() };
        assert_eq!(attributes(&of(family::INET6).request(), 16), []);
        assert_eq!(attributes(&of(family::BRIDGE).request(), 16), [(29, vec![1, 0, 0, 0])]);
        assert_eq!(of(family::BRIDGE).request().payload()[0], family::BRIDGE);
    }

    #[test]
    fn an_address_dump_names_the_link_in_its_header() {
        let filter = AddressFilter { family: family::INET6, index: Some(5) };
        let request = filter.request();
        assert_eq!(request.payload(), [10, 0, 0, 0, 5, 0, 0, 0]);
        let message = |family, index| {
            let header = IfAddrMsg { family, index, ..IfAddrMsg::default() };
            Address::decode(Request::new(rtm::NEWADDR, MessageFlags::empty()).body(&header).payload())
                .unwrap()
        };
        assert!(filter.matches(&message(family::INET6, 5)));
        assert!(!filter.matches(&message(family::INET, 5)) && !filter.matches(&message(family::INET6, 6)));
        assert!(AddressFilter::default().matches(&message(family::INET, 6).as_ref()));
    }

    #[test]
    fn a_route_dump_has_tables_above_255_and_matches_any_hop() {
        let filter = RouteFilter {
            family: family::INET,
            table: Some(1000),
            oif: Some(3),
            protocol: Some(4),
            route_type: Some(1),
            is_default: false,
        };
        let request = filter.request();
        assert_eq!(request.payload()[..12], [2, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0]);
        let expected = [(15, 1000u32.to_ne_bytes().to_vec()), (4, 3u32.to_ne_bytes().to_vec())];
        assert_eq!(attributes(&request, 12), expected);
        let header = RouteHeader { family: 2, protocol: 4, kind: 1, table: 252, ..RouteHeader::default() };
        let table = (15, &1000u32.to_ne_bytes()[..]);
        assert!(filter.matches(&route(header, &[table, (4, &3u32.to_ne_bytes())])));
        assert!(!filter.matches(&route(header, &[table, (4, &4u32.to_ne_bytes())])));
        assert!(!filter.matches(&route(header, &[(4, &3u32.to_ne_bytes())])));
        assert!(
            !filter
                .matches(&route(RouteHeader { protocol: 3, ..header }, &[table, (4, &3u32.to_ne_bytes())]))
        );
        let hop = |index: u8| [8, 0, 0, 0, index, 0, 0, 0];
        assert!(filter.matches(&route(header, &[table, (9, &[hop(2), hop(3)].concat())])));
        assert!(!filter.matches(&route(header, &[table, (9, &[hop(2), hop(4)].concat())])));
        assert!(filter.matches(&route(header, &[table, (30, &12u32.to_ne_bytes())])));
        assert!(!filter.matches(&route(header, &[table])));
        let default = RouteFilter::default_route();
        assert!(default.matches(&route(header, &[])));
        assert!(!default.matches(&route(RouteHeader { dst_len: 8, ..header }, &[(1, &[10, 0, 0, 0])])));
    }

    #[test]
    fn a_neighbour_dump_of_proxies_and_of_forwarding_entries() {
        let proxies = NeighbourFilter { proxy: Some(true), index: Some(3), ..NeighbourFilter::default() };
        assert_eq!(proxies.request().payload()[10], NTF_PROXY);
        assert_eq!(attributes(&proxies.request(), 12), [(8, 3u32.to_ne_bytes().to_vec())]);
        let fdb =
            NeighbourFilter { master: Some(9), vlan: Some(1), proxy: Some(true), ..NeighbourFilter::fdb() };
        assert_eq!((fdb.request().payload()[0], fdb.request().payload()[10]), (7, 0));
        assert_eq!(attributes(&fdb.request(), 12), [(9, 9u32.to_ne_bytes().to_vec())]);
        let message = |flags, attributes: &[(u16, &[u8])]| {
            let header = NdMsg { family: 7, ifindex: 3, state: 0x80, flags, ..NdMsg::default() };
            let message = Request::new(rtm::NEWNEIGH, MessageFlags::empty()).body(&header);
            let message =
                attributes.iter().fold(message, |message, (number, value)| message.attribute(*number, value));
            Neighbour::decode(message.payload()).unwrap()
        };
        let fdb = NeighbourFilter { proxy: None, ..fdb };
        assert!(fdb.matches(&message(0, &[(5, &[1, 0])])));
        assert!(fdb.matches(&message(0, &[(5, &[1, 0]), (9, &[9, 0, 0, 0])])));
        assert!(!fdb.matches(&message(0, &[(5, &[1, 0]), (9, &[8, 0, 0, 0])])));
        assert!(!fdb.matches(&message(0, &[(5, &[2, 0])])));
        assert!(proxies.matches(&message(NTF_PROXY, &[])) && !proxies.matches(&message(0, &[])));
        let states = NeighbourFilter { states: Some(NeighbourState::FAILED), ..NeighbourFilter::default() };
        assert!(!states.matches(&message(0, &[])));
    }

    #[test]
    fn next_hops_are_filtered_again_where_the_kernel_does_not() {
        let filter = NextHopFilter { fdb: true, oif: Some(3), ..NextHopFilter::default() };
        assert_eq!(attributes(&filter.request(), 8), [(5, 3u32.to_ne_bytes().to_vec()), (11, vec![])]);
        let message = |attributes: &[(u16, &[u8])]| {
            let message = Request::new(rtm::NEWNEXTHOP, MessageFlags::empty()).body(&NhMsg::default());
            let message =
                attributes.iter().fold(message, |message, (number, value)| message.attribute(*number, value));
            NextHop::decode(message.payload()).unwrap()
        };
        let fdb = NextHopFilter { oif: None, ..filter };
        assert!(fdb.matches(&message(&[(11, &[])])) && !fdb.matches(&message(&[])));
        assert!(!filter.matches(&message(&[(11, &[])])));
        let groups = NextHopFilter { groups: true, stats: true, ..NextHopFilter::default() };
        assert_eq!(attributes(&groups.request(), 8), [(14, vec![1, 0, 0, 0]), (9, vec![])]);
        assert!(groups.matches(&message(&[(2, &[0; 8])])) && !groups.matches(&message(&[])));
        let master = NextHopFilter { master: Some(4), ..NextHopFilter::default() };
        assert!(
            !master.matches(&message(&[(2, &[0; 8])])) && master.matches(&message(&[(5, &[1, 0, 0, 0])]))
        );
    }

    #[test]
    fn rules_and_ids() {
        let filter = RuleFilter { family: family::INET6, priority: Some(5), ..RuleFilter::default() };
        assert_eq!(filter.request().payload(), [10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let message = Request::new(rtm::NEWRULE, MessageFlags::empty())
            .body(&FibRuleHdr { family: 10, ..FibRuleHdr::default() })
            .attribute_u32(6, 5);
        let rule = Rule::decode(message.payload()).unwrap();
        assert!(filter.matches(&rule));
        assert!(!RuleFilter { priority: Some(6), ..filter }.matches(&rule));
        assert_eq!((nsids().message_type(), nsids().payload()), (rtm::GETNSID, &[0u8; 4][..]));
    }
}
