//! Next hop objects and their groups (`struct nhmsg`, `NHA_*`, <linux/nexthop.h>).

use std::net::IpAddr;
use std::time::Duration;

use crate::object::{fixed_part, object};
use crate::policy::{Policy, Surroundings, attributes};
use crate::reader::fixed;
use crate::route::RouteFlags;
use crate::route::encap::{Encap, encap_policy};

fixed_part! {
    /// `struct nhmsg`
    pub struct NhMsg {
        /// Address family of the gateway; `AF_UNSPEC` for groups.
        pub family: u8, Tracked;
        /// `RT_SCOPE_*`
        pub scope: u8, Tracked;
        /// Who made it: `RTPROT_*`
        pub protocol: u8, Tracked;
        /// Reserved.
        pub reserved: u8, Volatile;
        /// `RTNH_F_*`
        pub flags: u32, Tracked;
    }
}

fixed_part! {
    /// `struct nexthop_grp`: a member of a group.
    pub struct GroupEntry {
        /// Id of the next hop.
        pub id: u32, Tracked;
        /// Low 8 bits of the weight minus one.
        pub weight_low: u8, Tracked;
        /// High 8 bits of the weight minus one (6.12; zeros before).
        pub weight_high: u8, Tracked;
        /// Reserved.
        pub reserved: u16, Volatile;
    }
}

impl GroupEntry {
    /// The member's share of the traffic, from 1.
    #[must_use]
    pub fn weight(self) -> u16 {
        u16::from_le_bytes([self.weight_low, self.weight_high]).saturating_add(1)
    }
}

attributes! {
    /// `NHA_RES_GROUP_*`, of a resilient group. Times are in hundredths of a second.
    pub RES_GROUP "NHA_RES_GROUP" as ResilientGroup {
        buckets = 1 BUCKETS: u16, Tracked;
        idle_timer = 2 IDLE_TIMER: u32, Tracked;
        unbalanced_timer = 3 UNBALANCED_TIMER: u32, Tracked;
        unbalanced_time = 4 UNBALANCED_TIME: u64, Volatile;
    }
}

attributes! {
    /// `NHA_RES_BUCKET_*`, of a resilient group's bucket. Times are in hundredths of a second.
    pub RES_BUCKET "NHA_RES_BUCKET" as ResilientBucket {
        index = 1 INDEX: u16, Tracked;
        idle_time = 2 IDLE_TIME: u64, Volatile;
        nh_id = 3 NH_ID: u32, Tracked;
    }
}

attributes! {
    /// `NHA_GROUP_STATS_*`
    pub GROUP_STATS "NHA_GROUP_STATS" as GroupStats {
        entry = 1 ENTRY: many(nested(GROUP_STATS_ENTRY, GroupStatsEntry)), Volatile;
    }
}

attributes! {
    /// `NHA_GROUP_STATS_ENTRY_*`
    pub GROUP_STATS_ENTRY "NHA_GROUP_STATS_ENTRY" as GroupStatsEntry {
        id = 1 ID: u32, Volatile;
        packets = 2 PACKETS: uint, Volatile;
        packets_hw = 3 PACKETS_HW: uint, Volatile;
    }
}

/// The table of `NHA_ENCAP`, by `NHA_ENCAP_TYPE`.
fn encap_of(around: Surroundings<'_>) -> Option<&'static Policy> {
    encap_policy(u16::from_ne_bytes(fixed(around.sibling(7)?)))
}

attributes! {
    /// `NHA_*`
    pub NEXT_HOP "NHA" as NextHopAttributes {
        id = 1 ID: u32, Tracked;
        group = 2 GROUP: structures(GroupEntry), Tracked;
        /// `NEXTHOP_GRP_TYPE_*`
        group_type = 3 GROUP_TYPE: u16, Tracked;
        blackhole = 4 BLACKHOLE: flag, Tracked;
        oif = 5 OIF: u32, Tracked;
        gateway = 6 GATEWAY: ip, Tracked;
        /// `LWTUNNEL_ENCAP_*`
        encap_type = 7 ENCAP_TYPE: u16, Tracked;
        encap = 8 ENCAP: depends(encap_of), Tracked;
        /// In a dump request only: groups alone.
        groups = 9 GROUPS: flag, Volatile;
        /// In a dump request only: those on ports of this master.
        master = 10 MASTER: u32, Volatile;
        fdb = 11 FDB: flag, Tracked;
        res_group = 12 RES_GROUP: nested(RES_GROUP, ResilientGroup), Tracked;
        res_bucket = 13 RES_BUCKET: nested(RES_BUCKET, ResilientBucket), Tracked;
        /// In a request only: `NHA_OP_FLAG_*`.
        op_flags = 14 OP_FLAGS: u32, Volatile;
        group_stats = 15 GROUP_STATS: nested(GROUP_STATS, GroupStats), Volatile;
        hw_stats = 16 HW_STATS_ENABLE: u32, Tracked;
        hw_stats_used = 17 HW_STATS_USED: u32, Volatile;
    }
}

/// How a group spreads its traffic (`NEXTHOP_GRP_TYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupType {
    /// By hash threshold.
    Mpath,
    /// By buckets that stay with their next hop while they are busy.
    Resilient,
    /// Another type's number.
    Other(u16),
}

object! {
    /// A next hop object, or a group of them.
    NextHop, NextHopRef, NextHopView;
    header NhMsg; attributes NextHopAttributes by NEXT_HOP;
    kind NextHop = NEWNEXTHOP | DELNEXTHOP | GETNEXTHOP;

    /// Its id within the namespace; 0 only where the message has none.
    fn id(&self) -> u32 {
        self.attributes().id().unwrap_or_default()
    }

    /// Address family of the gateway; `AF_UNSPEC` for a group.
    fn family(&self) -> u8 {
        self.header().family
    }

    /// `RT_SCOPE_*`
    fn scope(&self) -> u8 {
        self.header().scope
    }

    /// Who made it: `RTPROT_*`; 0 is not told.
    fn protocol(&self) -> u8 {
        self.header().protocol
    }

    /// `RTNH_F_*`: dead, linkdown, onlink, offload, trap.
    fn flags(&self) -> RouteFlags {
        RouteFlags::from_bits_retain(self.header().flags)
    }

    /// The router.
    fn gateway(&self) -> Option<IpAddr> {
        self.attributes().gateway()
    }

    /// Index of the link.
    fn oif(&self) -> Option<u32> {
        self.attributes().oif()
    }

    /// Whether it drops what it gets.
    fn is_blackhole(&self) -> bool {
        self.attributes().blackhole()
    }

    /// Whether it is for forwarding entries of vxlan.
    fn is_fdb(&self) -> bool {
        self.attributes().fdb()
    }

    /// Whether it is a group.
    fn is_group(&self) -> bool {
        self.attributes().group().is_some()
    }

    /// The members of a group, in the kernel's order; empty for a single next hop.
    fn group(&self) -> &[GroupEntry] {
        self.attributes().group().unwrap_or_default()
    }

    /// How a group spreads its traffic; `None` for a single next hop.
    fn group_type(&self) -> Option<GroupType> {
        let attributes = self.attributes();
        attributes.group()?;
        Some(match attributes.group_type().unwrap_or_default() {
            0 => GroupType::Mpath,
            1 => GroupType::Resilient,
            other => GroupType::Other(other),
        })
    }

    /// Buckets and timers of a resilient group.
    fn resilient(&self) -> Option<ResilientGroup<'_>> {
        self.attributes().res_group()
    }

    /// The tunnel that packets to it enter.
    fn encap(&self) -> Option<Encap<'_>> {
        let attributes = self.attributes();
        let encap_type = attributes.encap_type()?;
        Some(Encap { encap_type, attributes: attributes.encap().unwrap_or_default() })
    }
}

/// A time that the kernel tells in hundredths of a second (`clock_t`, USER_HZ = 100).
#[must_use]
pub fn clock_time(hundredths: u64) -> Duration {
    Duration::new(hundredths / 100, u32::try_from(hundredths % 100).unwrap_or_default() * 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::family;
    use crate::emit::Request;
    use crate::header::MessageFlags;
    use crate::route::encap::EncapView;
    use crate::{Compare, Decode};
    use zerocopy::IntoBytes;

    fn message(family: u8, flags: u32) -> Request {
        let header = NhMsg { family, scope: 253, protocol: 4, reserved: 0, flags };
        Request::new(NextHop::NEW, MessageFlags::empty()).body(&header).attribute_u32(1, 12)
    }

    fn next_hop(request: &Request) -> NextHop {
        NextHop::decode(request.payload()).unwrap()
    }

    #[test]
    fn a_gateway_with_an_encapsulation() {
        let request = message(family::INET, 0x5)
            .attribute_u32(5, 3)
            .attribute(6, &[10, 1, 1, 2])
            .attribute(7, &2u16.to_ne_bytes())
            .nested(8, |nest| nest.attribute(2, &[192, 0, 2, 1]));
        let hop = next_hop(&request);
        assert_eq!((hop.id(), hop.oif(), hop.gateway()), (12, Some(3), Some("10.1.1.2".parse().unwrap())));
        assert_eq!(hop.flags(), RouteFlags::DEAD | RouteFlags::ONLINK);
        assert_eq!((hop.scope(), hop.protocol(), hop.group_type(), hop.is_group()), (253, 4, None, false));
        let EncapView::Ip(ip) = hop.encap().unwrap().view() else { panic!("{hop:?}") };
        assert_eq!(ip.dst(), Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_resilient_group_with_wide_weights() {
        let entries = [
            GroupEntry { id: 1, weight_low: 0, weight_high: 0, reserved: 0 },
            GroupEntry { id: 2, weight_low: 0xff, weight_high: 0x02, reserved: 0 },
        ];
        let request = message(0, 0)
            .attribute(2, entries.as_bytes())
            .attribute(3, &1u16.to_ne_bytes())
            .nested(12, |nest| {
                nest.attribute(1, &64u16.to_ne_bytes())
                    .attribute_u32(2, 12_050)
                    .attribute(4, &7u64.to_ne_bytes())
            })
            .nested(15, |nest| nest.nested(1, |entry| entry.attribute_u32(1, 2).attribute_u32(2, 99)));
        let group = next_hop(&request);
        let members: Vec<_> = group.group().iter().map(|entry| ({ entry.id }, entry.weight())).collect();
        assert_eq!(members, [(1, 1), (2, 768)]);
        assert_eq!(group.group_type(), Some(GroupType::Resilient));
        let resilient = group.resilient().unwrap();
        assert_eq!(resilient.buckets(), Some(64));
        assert_eq!(clock_time(resilient.idle_timer().unwrap().into()), Duration::from_millis(120_500));
        let stats: Vec<_> = group.attributes().group_stats().unwrap().entry().collect();
        assert_eq!((stats[0].id(), stats[0].packets(), stats[0].packets_hw()), (Some(2), Some(99), None));
    }

    #[test]
    fn times_and_counters_are_not_compared_but_flags_are() {
        let with = |flags, time: u64, packets| {
            let request = message(0, flags)
                .nested(12, |nest| nest.attribute(4, &time.to_ne_bytes()))
                .nested(15, |nest| nest.nested(1, |entry| entry.attribute_u32(2, packets)));
            next_hop(&request)
        };
        assert_eq!(with(0, 1, 1), with(0, 2, 2));
        assert_eq!(
            with(0, 1, 1).differences(&with(0, 2, 2), Compare::Everything),
            ["res_group.unbalanced_time", "group_stats.entry.packets"]
        );
        assert_eq!(with(0, 1, 1).differences(&with(0x10, 1, 1), Compare::Tracked), ["flags"]);
    }

    #[test]
    fn half_a_group_member_is_an_error() {
        let error = NextHop::decode(message(0, 0).attribute(2, &[0; 12]).payload()).unwrap_err();
        assert_eq!(error.to_string(), "NHA_GROUP: payload of 12 bytes where an array expected at offset 20");
    }
}
