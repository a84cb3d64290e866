//! Neighbours: ARP and neighbour discovery entries, proxy entries, and the forwarding entries of bridges and vxlan
//! (`struct ndmsg`, `NDA_*`, <linux/neighbour.h>).

use std::net::IpAddr;

use crate::addr::{LinkAddr, family};
use crate::object::{fixed_part, object};
use crate::policy::attributes;

fixed_part! {
    /// `struct ndmsg`
    pub struct NdMsg {
        /// Address family; `AF_BRIDGE` for forwarding entries.
        pub family: u8, Tracked;
        /// Padding.
        pub pad1: u8, Volatile;
        /// Padding.
        pub pad2: u16, Volatile;
        /// Index of the link; 0 for a proxy entry of all links.
        pub ifindex: i32, Tracked;
        /// `NUD_*`; REACHABLE, STALE, DELAY and PROBE are equal: the kernel does not announce each step.
        pub state: u16, Tracked by settled;
        /// `NTF_*`
        pub flags: u8, Tracked;
        /// `RTN_*`: the type of a route to it.
        pub kind: u8, Tracked;
    }
}

fixed_part! {
    /// `struct nda_cacheinfo`: ages in hundredths of a second.
    pub struct NeighbourCacheInfo {
        /// Since it was last confirmed.
        pub confirmed: u32, Volatile;
        /// Since it was last used.
        pub used: u32, Volatile;
        /// Since it was last updated.
        pub updated: u32, Volatile;
        /// References to it.
        pub refcnt: u32, Volatile;
    }
}

attributes! {
    /// `NFEA_*`, in `NDA_FDB_EXT_ATTRS`
    pub FDB_EXT "NFEA" as FdbExt {
        /// `FDB_NOTIFY_BIT`, `FDB_NOTIFY_INACTIVE_BIT`
        activity_notify = 1 ACTIVITY_NOTIFY: u8, Tracked;
        dont_refresh = 2 DONT_REFRESH: flag, Tracked;
    }
}

attributes! {
    /// `NDA_*`
    pub NEIGHBOUR "NDA" as NeighbourAttributes {
        dst = 1 DST: ip, Tracked;
        lladdr = 2 LLADDR: link_addr, Tracked;
        cacheinfo = 3 CACHEINFO: structure(NeighbourCacheInfo), Volatile;
        probes = 4 PROBES: u32, Volatile;
        vlan = 5 VLAN: u16, Tracked;
        port = 6 PORT: be16, Tracked;
        vni = 7 VNI: u32, Tracked;
        via_ifindex = 8 IFINDEX: u32, Tracked;
        master = 9 MASTER: u32, Tracked;
        link_netnsid = 10 LINK_NETNSID: i32, Tracked;
        src_vni = 11 SRC_VNI: u32, Tracked;
        protocol = 12 PROTOCOL: u8, Audited;
        nhid = 13 NH_ID: u32, Tracked;
        fdb_ext_attrs = 14 FDB_EXT_ATTRS: nested(FDB_EXT, FdbExt), Tracked;
        flags_ext = 15 FLAGS_EXT: u32, Tracked;
        /// In a flush request only.
        state_mask = 16 NDM_STATE_MASK: u16, Volatile;
        /// In a flush request only.
        flags_mask = 17 NDM_FLAGS_MASK: u8, Volatile;
    }
}

bitflags::bitflags! {
    /// `NUD_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct NeighbourState: u16 {
        /// Its link address is being asked for.
        const INCOMPLETE = 0x01;
        /// Known, and confirmed lately.
        const REACHABLE = 0x02;
        /// Known, not confirmed lately.
        const STALE = 0x04;
        /// Known, used, about to be probed.
        const DELAY = 0x08;
        /// Known, being probed.
        const PROBE = 0x10;
        /// It did not answer.
        const FAILED = 0x20;
        /// It needs no resolution.
        const NOARP = 0x40;
        /// Made to stay.
        const PERMANENT = 0x80;
        const _ = !0;
    }
}

impl NeighbourState {
    /// The states between which an entry goes without being announced each time, and which compare equal.
    pub const RESOLVED: Self = Self::REACHABLE.union(Self::STALE).union(Self::DELAY).union(Self::PROBE);

    /// The state as tracked fields see it: one of [`Self::RESOLVED`] is REACHABLE.
    #[must_use]
    pub fn settled(self) -> Self {
        if self.intersects(Self::RESOLVED) { (self - Self::RESOLVED) | Self::REACHABLE } else { self }
    }
}

/// [`NeighbourState::settled`] of the header's bits.
fn settled(state: u16) -> u16 {
    NeighbourState::from_bits_retain(state).settled().bits()
}

bitflags::bitflags! {
    /// `NTF_*` in the low 8 bits, `NTF_EXT_*` above them as the kernel keeps them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct NeighbourFlags: u32 {
        /// Used lately (requests only).
        const USE = 0x01;
        /// Forwarding entry of the device itself.
        const SELF = 0x02;
        /// Forwarding entry of the device's master.
        const MASTER = 0x04;
        /// Answered for by proxy.
        const PROXY = 0x08;
        /// Learnt by somebody else than the kernel.
        const EXT_LEARNED = 0x10;
        /// In hardware.
        const OFFLOADED = 0x20;
        /// Never moves to another port.
        const STICKY = 0x40;
        /// A router.
        const ROUTER = 0x80;
        /// `NTF_EXT_MANAGED`: kept resolved by the kernel.
        const MANAGED = 0x100;
        /// `NTF_EXT_LOCKED`: heard on a locked port, not authorised.
        const LOCKED = 0x200;
        /// `NTF_EXT_EXT_VALIDATED`: not ended by the kernel, whose user confirms it (6.17).
        const EXT_VALIDATED = 0x400;
        const _ = !0;
    }
}

object! {
    /// A neighbour, or a forwarding entry.
    Neighbour, NeighbourRef, NeighbourView;
    header NdMsg; attributes NeighbourAttributes by NEIGHBOUR;
    kind Neighbour = NEWNEIGH | DELNEIGH | GETNEIGH;

    /// Address family; `AF_BRIDGE` for a forwarding entry.
    fn family(&self) -> u8 {
        self.header().family
    }

    /// Index of the link; 0 for a proxy entry of all links.
    fn index(&self) -> u32 {
        u32::try_from(self.header().ifindex).unwrap_or_default()
    }

    /// Resolution state.
    fn state(&self) -> NeighbourState {
        NeighbourState::from_bits_retain(self.header().state)
    }

    /// All flags: those of the header, and the extended ones from bit 8.
    fn flags(&self) -> NeighbourFlags {
        let extended = self.attributes().flags_ext().unwrap_or_default();
        NeighbourFlags::from_bits_retain(extended << 8 | u32::from(self.header().flags))
    }

    /// `RTN_*`: the type of a route to it.
    fn route_type(&self) -> u8 {
        self.header().kind
    }

    /// Whether it is a forwarding entry (of a bridge, vxlan, or a device's own filter).
    fn is_fdb(&self) -> bool {
        self.family() == family::BRIDGE
    }

    /// Whether it is answered for by proxy.
    fn is_proxy(&self) -> bool {
        self.flags().contains(NeighbourFlags::PROXY)
    }

    /// Its IP address; of a vxlan forwarding entry: the remote tunnel endpoint.
    fn dst(&self) -> Option<IpAddr> {
        self.attributes().dst()
    }

    /// Its link address.
    fn lladdr(&self) -> Option<LinkAddr> {
        self.attributes().lladdr()
    }

    /// VLAN id of a forwarding entry.
    fn vlan(&self) -> Option<u16> {
        self.attributes().vlan()
    }

    /// UDP port of the remote tunnel endpoint.
    fn port(&self) -> Option<u16> {
        self.attributes().port()
    }

    /// VXLAN network id of the remote tunnel endpoint.
    fn vni(&self) -> Option<u32> {
        self.attributes().vni()
    }

    /// VXLAN network id that the entry belongs to.
    fn src_vni(&self) -> Option<u32> {
        self.attributes().src_vni()
    }

    /// Index of the bridge or other master whose entry it is.
    fn master(&self) -> Option<u32> {
        self.attributes().master()
    }

    /// Next hop object of a vxlan forwarding entry.
    fn nexthop_id(&self) -> Option<u32> {
        self.attributes().nhid()
    }

    /// Who made it: `RTPROT_*`; 0 is not told.
    fn protocol(&self) -> u8 {
        self.attributes().protocol().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::Request;
    use crate::header::MessageFlags;
    use crate::{Compare, Decode};
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    fn message(family: u8, state: u16) -> Request {
        let header = NdMsg { family, ifindex: 3, state, flags: 0x80, kind: 1, ..NdMsg::default() };
        Request::new(Neighbour::NEW, MessageFlags::empty()).body(&header)
    }

    #[test]
    fn a_neighbour_tells_address_state_and_both_kinds_of_flags() {
        let request = message(family::INET, 0x02)
            .attribute(1, &[10, 0, 0, 2])
            .attribute(2, &[2, 0, 0, 0, 0, 1])
            .attribute_u32(15, 1)
            .attribute_u8(12, 4);
        let neighbour = Neighbour::decode(request.payload()).unwrap();
        assert_eq!(neighbour.dst(), Some("10.0.0.2".parse().unwrap()));
        assert_eq!(neighbour.lladdr().unwrap().to_string(), "02:00:00:00:00:01");
        assert_eq!(neighbour.state(), NeighbourState::REACHABLE);
        assert_eq!(neighbour.flags(), NeighbourFlags::ROUTER | NeighbourFlags::MANAGED);
        assert_eq!((neighbour.index(), neighbour.protocol(), neighbour.is_fdb()), (3, 4, false));
        assert_eq!(neighbour.as_ref().dst(), neighbour.dst());
    }

    #[test]
    fn a_vxlan_forwarding_entry() {
        let request = message(family::BRIDGE, 0x80)
            .attribute(1, &[0xfd; 16])
            .attribute(5, &9u16.to_ne_bytes())
            .attribute(6, &4789u16.to_be_bytes())
            .attribute_u32(7, 100)
            .attribute_u32(9, 12)
            .nested(14, |nest| nest.attribute_u8(1, 1).attribute(2, &[]));
        let entry = Neighbour::decode(request.payload()).unwrap();
        assert!(entry.is_fdb() && !entry.is_proxy());
        assert_eq!(
            (entry.vlan(), entry.port(), entry.vni(), entry.master()),
            (Some(9), Some(4789), Some(100), Some(12))
        );
        let extended = entry.attributes().fdb_ext_attrs().unwrap();
        assert_eq!((extended.activity_notify(), extended.dont_refresh()), (Some(1), true));
    }

    #[test]
    fn resolved_states_are_equal_and_hash_equally_and_others_are_distinct() {
        let hash = |neighbour: &Neighbour| BuildHasherDefault::<DefaultHasher>::default().hash_one(neighbour);
        let of = |state: NeighbourState| Neighbour::decode(message(2, state.bits()).payload()).unwrap();
        let reachable = of(NeighbourState::REACHABLE);
        for state in [NeighbourState::STALE, NeighbourState::DELAY, NeighbourState::PROBE] {
            assert_eq!(reachable, of(state));
            assert_eq!(hash(&reachable), hash(&of(state)));
            assert!(reachable.differences(&of(state), Compare::Audited).is_empty());
            assert_eq!(reachable.differences(&of(state), Compare::Everything), ["state"]);
        }
        let distinct =
            [0x00, 0x01, 0x02, 0x20, 0x40, 0x80].map(|bits| of(NeighbourState::from_bits_retain(bits)));
        for (at, one) in distinct.iter().enumerate() {
            assert!(distinct.iter().skip(at + 1).all(|other| one != other), "{one:?}");
        }
    }

    #[test]
    fn ages_and_probes_are_not_compared() {
        let one =
            Neighbour::decode(message(2, 2).attribute_u32(4, 1).attribute(3, &[0; 16]).payload()).unwrap();
        let two =
            Neighbour::decode(message(2, 2).attribute_u32(4, 2).attribute(3, &[1; 16]).payload()).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.differences(&two, Compare::Everything), ["cacheinfo", "probes"]);
    }
}
