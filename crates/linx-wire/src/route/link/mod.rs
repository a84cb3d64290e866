//! Links: network devices (`struct ifinfomsg`, `IFLA_*`, <linux/if_link.h>; net/core/rtnetlink.c).
//!
//! A message of family `AF_UNSPEC` tells a whole link. One of family `AF_BRIDGE` or `AF_INET6` tells a part of it:
//! [`Link::with_part`] folds it in. A `RTM_DELLINK` of family `AF_BRIDGE` says that the link left its bridge.
//!
//! Which changes a kernel announces was measured on 6.18: of a link that is down, alias, group, link mode, alternative
//! names, protodown and the data of its kind change in silence ([`Class::TrackedUp`](crate::Class)).

mod af;
mod bond;
mod bridge;
mod can;
mod device;
mod flags;
mod info;
mod oam;
mod part;
mod raw;
mod stats;
mod tunnel;
mod vf;

pub use af::*;
pub use bond::*;
pub use bridge::*;
pub use can::*;
pub use device::*;
pub use flags::*;
pub use info::*;
pub use oam::*;
pub use stats::*;
pub use tunnel::*;
pub use vf::*;

use crate::addr::family;
use crate::name::Name;
use crate::object::{fixed_part, object};
use crate::policy::{Compare, Policy, attributes};

fixed_part! {
    /// `struct ifinfomsg`
    pub struct IfInfo {
        /// Address family: `AF_UNSPEC` for a whole link, `AF_BRIDGE` and `AF_INET6` for parts.
        pub family: u8, Tracked;
        /// Padding.
        pub pad: u8, Volatile;
        /// Type of the hardware, `ARPHRD_*`.
        pub link_type: u16, Tracked;
        /// Index of the link.
        pub ifindex: i32, Tracked;
        /// `IFF_*`
        pub flags: u32, Tracked;
        /// The flags that a notification is about; often 0 when flags did change.
        pub change: u32, Volatile;
    } narrow with announced
}

/// A pair of links that are both down is not compared by what the kernel announces of those that are up only.
fn announced(a: &IfInfo, b: &IfInfo, compare: Compare) -> Compare {
    let up = (a.flags | b.flags) & LinkFlags::UP.bits() != 0;
    if compare == Compare::Tracked && !up { Compare::TrackedDown } else { compare }
}

attributes! {
    /// `IFLA_*`
    pub LINK "IFLA" as LinkAttributes {
        address = 1 ADDRESS: link_addr, Tracked;
        broadcast = 2 BROADCAST: link_addr, Tracked;
        ifname = 3 IFNAME: name, Tracked;
        /// Bytes.
        mtu = 4 MTU: u32, Tracked;
        /// Index of the link below, or of the other end. The end of a veth pair that is made first is announced before
        /// its peer has an index, and a macvlan is silent when the link below moves to another namespace: audited.
        link = 5 LINK: u32, Audited;
        /// Kind of the root queueing discipline; attaching one is not a change of the link.
        qdisc = 6 QDISC: name, Audited;
        /// See [`Stats`].
        stats = 7 STATS: bytes, Volatile;
        cost = 8 COST: bytes, Audited;
        priority = 9 PRIORITY: bytes, Audited;
        master = 10 MASTER: u32, Tracked;
        /// An event of wireless extensions, not a state.
        wireless = 11 WIRELESS: bytes, Volatile;
        protinfo = 12 PROTINFO: depends(protinfo_policy), Tracked;
        /// Packets.
        txqlen = 13 TXQLEN: u32, Tracked;
        map = 14 MAP: structure(IfMap), Audited;
        weight = 15 WEIGHT: u32, Audited;
        operstate = 16 OPERSTATE: u8, Tracked;
        /// 0 default, 1 dormant, 2 testing
        linkmode = 17 LINKMODE: u8, TrackedUp;
        linkinfo = 18 LINKINFO: nested(INFO, LinkInfo), Tracked;
        net_ns_pid = 19 NET_NS_PID: u32, Volatile;
        ifalias = 20 IFALIAS: name, TrackedUp;
        num_vf = 21 NUM_VF: u32, Audited;
        vfinfo_list = 22 VFINFO_LIST: nested(VF_INFO, VfInfoList), Audited;
        /// See [`LinkView::stats`].
        stats64 = 23 STATS64: bytes, Volatile;
        vf_ports = 24 VF_PORTS: nested(VF_PORT, VfPortList), Audited;
        port_self = 25 PORT_SELF: nested(PORT, Port), Audited;
        /// See [`LinkView::inet`], [`LinkView::inet6`], [`LinkView::bridge`].
        af_spec = 26 AF_SPEC: depends(af_spec_policy), Tracked;
        group = 27 GROUP: u32, TrackedUp;
        net_ns_fd = 28 NET_NS_FD: u32, Volatile;
        /// `RTEXT_FILTER_*`, only in requests.
        ext_mask = 29 EXT_MASK: u32, Volatile;
        /// Number of users that need promiscuous mode.
        promiscuity = 30 PROMISCUITY: u32, Audited;
        num_tx_queues = 31 NUM_TX_QUEUES: u32, Tracked;
        num_rx_queues = 32 NUM_RX_QUEUES: u32, Tracked;
        /// Silent for links that are down; `IFF_LOWER_UP` tells it of the others.
        carrier = 33 CARRIER: u8, TrackedUp;
        phys_port_id = 34 PHYS_PORT_ID: bytes, Tracked;
        carrier_changes = 35 CARRIER_CHANGES: u32, Volatile;
        phys_switch_id = 36 PHYS_SWITCH_ID: bytes, Tracked;
        /// Id of the namespace in which [`Self::link`] is; audited as that.
        link_netnsid = 37 LINK_NETNSID: i32, Audited;
        phys_port_name = 38 PHYS_PORT_NAME: name, Tracked;
        proto_down = 39 PROTO_DOWN: u8, TrackedUp;
        gso_max_segs = 40 GSO_MAX_SEGS: u32, Audited;
        gso_max_size = 41 GSO_MAX_SIZE: u32, Audited;
        pad = 42 PAD: flag, Volatile;
        xdp = 43 XDP: nested(XDP, Xdp), Audited;
        /// `IFLA_EVENT_*`: why this notification was sent.
        event = 44 EVENT: u32, Volatile;
        /// Id of the namespace to which the link goes, in a deletion.
        new_netnsid = 45 NEW_NETNSID: i32, Volatile;
        target_netnsid = 46 TARGET_NETNSID: i32, Volatile;
        carrier_up_count = 47 CARRIER_UP_COUNT: u32, Volatile;
        carrier_down_count = 48 CARRIER_DOWN_COUNT: u32, Volatile;
        /// Index of the link in the namespace to which it goes, in a deletion.
        new_ifindex = 49 NEW_IFINDEX: i32, Volatile;
        /// Bytes.
        min_mtu = 50 MIN_MTU: u32, Audited;
        /// Bytes; 0 is unlimited.
        max_mtu = 51 MAX_MTU: u32, Audited;
        altnames = 52 PROP_LIST: items(name), TrackedUp;
        /// Inside [`Self::altnames`], and in requests.
        alt_ifname = 53 ALT_IFNAME: name, Volatile;
        permaddr = 54 PERM_ADDRESS: link_addr, Tracked;
        proto_down_reason = 55 PROTO_DOWN_REASON: nested(PROTO_DOWN_REASON, ProtoDownReason), TrackedUp;
        parentdev = 56 PARENT_DEV_NAME: name, Tracked;
        parentbus = 57 PARENT_DEV_BUS_NAME: name, Tracked;
        gro_max_size = 58 GRO_MAX_SIZE: u32, Audited;
        tso_max_size = 59 TSO_MAX_SIZE: u32, Audited;
        tso_max_segs = 60 TSO_MAX_SEGS: u32, Audited;
        /// Number of users that need all multicasts.
        allmulti = 61 ALLMULTI: u32, Audited;
        devlink_port = 62 DEVLINK_PORT: nested(DEVLINK_PORT, DevlinkPort), Audited;
        gso_ipv4_max_size = 63 GSO_IPV4_MAX_SIZE: u32, Audited;
        gro_ipv4_max_size = 64 GRO_IPV4_MAX_SIZE: u32, Audited;
        dpll_pin = 65 DPLL_PIN: nested(DPLL_PIN, DpllPin), Audited;
        /// Nanoseconds.
        max_pacing_offload_horizon = 66 MAX_PACING_OFFLOAD_HORIZON: uint, Audited;
        /// The link cannot be moved to another namespace.
        netns_immutable = 67 NETNS_IMMUTABLE: u8, Tracked;
        /// Bytes; a master raises it in silence.
        headroom = 68 HEADROOM: u16, Audited;
        /// Bytes.
        tailroom = 69 TAILROOM: u16, Audited;
    }
}

use af::{af_spec as af_spec_policy, protinfo as protinfo_policy};

object! {
    /// A network device.
    Link, LinkRef, LinkView;
    header IfInfo; attributes LinkAttributes by LINK;
    kind Link = NEWLINK | DELLINK | GETLINK;

    /// Index of the link, unique in its namespace at a time.
    #[inline]
    fn index(&self) -> u32 {
        self.header().ifindex as u32
    }

    /// Address family of the message: `AF_UNSPEC` for a whole link.
    #[inline]
    fn family(&self) -> u8 {
        self.header().family
    }

    /// Whether the message tells a part of a link only ([`Link::with_part`]).
    #[inline]
    fn is_part(&self) -> bool {
        self.family() != family::UNSPEC
    }

    /// Type of the hardware, `ARPHRD_*`.
    #[inline]
    fn link_type(&self) -> u16 {
        self.header().link_type
    }

    /// `IFF_*`
    #[inline]
    fn flags(&self) -> LinkFlags {
        LinkFlags::from_bits_retain(self.header().flags)
    }

    /// The flags that a notification is about.
    #[inline]
    fn change(&self) -> LinkFlags {
        LinkFlags::from_bits_retain(self.header().change)
    }

    /// The name; empty only where a message has none.
    fn name(&self) -> Name<'_> {
        self.attributes().ifname().unwrap_or_default()
    }

    /// Alternative names.
    fn altnames(&self) -> impl Iterator<Item = Name<'_>> {
        self.attributes().altnames()
    }

    /// Administratively up.
    fn is_up(&self) -> bool {
        self.flags().contains(LinkFlags::UP)
    }

    /// Up and able to pass packets, RFC 2863.
    fn is_running(&self) -> bool {
        self.flags().contains(LinkFlags::RUNNING)
    }

    /// Operational state.
    fn operstate(&self) -> OperState {
        self.attributes().operstate().unwrap_or_default().into()
    }

    /// Index of the master, such as a bridge; `None` without one. In a message of family `AF_BRIDGE` a bridge is its
    /// own master.
    fn master(&self) -> Option<u32> {
        self.attributes().master().filter(|index| *index != 0)
    }

    /// Index of the link below or of the other end, in the namespace that [`LinkAttributes::link_netnsid`] names; 0
    /// where a tunnel has none.
    fn link(&self) -> Option<u32> {
        self.attributes().link()
    }

    /// The kind, such as `veth`; `None` for hardware.
    fn kind(&self) -> Option<Name<'_>> {
        self.attributes().linkinfo()?.info_kind()
    }

    /// The kind of the master.
    fn slave_kind(&self) -> Option<Name<'_>> {
        self.attributes().linkinfo()?.info_slave_kind()
    }

    /// The kind's data; `None` without a kind.
    fn data(&self) -> Option<LinkData<'_>> {
        let info = self.attributes().linkinfo()?;
        Some(LinkData::new(info.info_kind()?, info.info_data().unwrap_or_default()))
    }

    /// What the master's kind adds to this link; in a message of family `AF_BRIDGE` the bridge port.
    fn slave_data(&self) -> Option<SlaveData<'_>> {
        let attributes = self.attributes();
        if self.family() == family::BRIDGE {
            return attributes.protinfo().map(|port| SlaveData::Bridge(BridgePort::new(port)));
        }
        let info = attributes.linkinfo()?;
        Some(SlaveData::new(info.info_slave_kind()?, info.info_slave_data().unwrap_or_default()))
    }

    /// IPv4's part of the link.
    fn inet(&self) -> Option<Inet<'_>> {
        AfSpec::new(self.attributes().af_spec().filter(|_| self.family() != family::BRIDGE)?).inet()
    }

    /// IPv6's part of the link.
    fn inet6(&self) -> Option<Inet6<'_>> {
        match self.family() {
            family::INET6 => self.attributes().protinfo().map(Inet6::new),
            family::BRIDGE => None,
            _ => AfSpec::new(self.attributes().af_spec()?).inet6(),
        }
    }

    /// The bridge's part of the link: VLANs.
    fn bridge(&self) -> Option<Bridge<'_>> {
        let af_spec = self.attributes().af_spec()?;
        if self.family() == family::BRIDGE { Some(Bridge::new(af_spec)) } else { AfSpec::new(af_spec).bridge() }
    }

    /// Counters.
    fn stats(&self) -> Option<Stats64> {
        self.attributes().stats64().map(Stats64::from_payload)
    }
}

/// The tables of a link.
pub(crate) static POLICIES: &[&Policy] = &[
    &LINK,
    &AF_SPEC,
    &INET,
    &INET6,
    &MCTP,
    &BRIDGE,
    &VLAN_TUNNEL,
    &BRIDGE_MRP,
    &MRP_INFO,
    &BRIDGE_MST,
    &MST_ENTRY,
    &BRIDGE_CFM,
    &CFM_MEP_CREATE,
    &CFM_MEP_CONFIG,
    &CFM_CC_CONFIG,
    &CFM_CC_RDI,
    &CFM_CC_CCM_TX,
    &CFM_CC_PEER_MEP,
    &CFM_MEP_STATUS,
    &CFM_CC_PEER_STATUS,
    &DEVLINK_PORT,
    &DPLL_PIN,
    &XDP,
    &PROTO_DOWN_REASON,
    &VF_INFO,
    &VF,
    &VF_VLAN_INFO,
    &VF_STATS,
    &VF_PORT,
    &PORT,
];

/// The tables of the data of all kinds of links.
pub(crate) use info::POLICIES as KIND_POLICIES;

#[cfg(test)]
mod tests;
