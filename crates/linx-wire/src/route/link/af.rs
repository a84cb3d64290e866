//! What address families add to a link: `IFLA_AF_SPEC` and `IFLA_PROTINFO` (<linux/if_link.h>, <linux/if_bridge.h>).
//!
//! Their content depends on the family of the message. In a full link (`AF_UNSPEC`) `IFLA_AF_SPEC` holds a nest for
//! each family; in a message of `AF_BRIDGE` it holds VLANs, and `IFLA_PROTINFO` the bridge port; in one of `AF_INET6`
//! `IFLA_PROTINFO` holds what `IFLA_AF_SPEC` has under `AF_INET6` otherwise.

use zerocopy::native_endian::{I32, U16, U32, U64};

use super::bridge::BRPORT;
use super::oam::{BRIDGE_CFM, BRIDGE_MRP, BRIDGE_MST, BridgeCfm, BridgeMrp, BridgeMst};
use super::raw::structures;
use crate::addr::family;
use crate::policy::{Policy, Surroundings, attributes};

pub(crate) fn af_spec(around: Surroundings<'_>) -> Option<&'static Policy> {
    Some(if around.family == family::BRIDGE { &BRIDGE } else { &AF_SPEC })
}

pub(crate) fn protinfo(around: Surroundings<'_>) -> Option<&'static Policy> {
    match around.family {
        family::BRIDGE => Some(&BRPORT),
        family::INET6 => Some(&INET6),
        _ => None,
    }
}

attributes! {
    /// `IFLA_AF_SPEC`: a nest for each address family, numbered as the family is
    pub AF_SPEC "AF" as AfSpec {
        inet = 2 INET: nested(INET, Inet), Audited;
        /// Never sent under this number by a kernel: [`Link::with_vlans`](super::Link::with_vlans) puts here what a
        /// message of family `AF_BRIDGE` told.
        bridge = 7 BRIDGE: nested(BRIDGE, Bridge), Tracked;
        inet6 = 10 INET6: nested(INET6, Inet6), Audited;
        mctp = 45 MCTP: nested(MCTP, Mctp), Audited;
    }
}

attributes! {
    /// `IFLA_INET_*`: no sysctl is told by a link notification when it changes, hence audited
    pub INET "IFLA_INET" as Inet {
        /// The sysctls `net.ipv4.conf.DEV.*`: the value of `IPV4_DEVCONF_n` is at n - 1.
        conf = 1 CONF: structures(I32), Audited;
    }
}

attributes! {
    /// `IFLA_INET6_*`
    pub INET6 "IFLA_INET6" as Inet6 {
        /// `IF_RA_*`, `IF_READY`, `IF_RS_SENT`
        flags = 1 FLAGS: u32, Audited;
        /// The sysctls `net.ipv6.conf.DEV.*`: the value of `DEVCONF_n` is at n.
        conf = 2 CONF: structures(I32), Audited;
        /// `IPSTATS_MIB_*`, the first their number
        stats = 3 STATS: structures(U64), Volatile;
        mcast = 4 MCAST: bytes, Volatile;
        /// The reachable time is random, and renewed without a word.
        cacheinfo = 5 CACHEINFO: structure(Inet6CacheInfo), Volatile;
        /// `ICMP6_MIB_*`, the first their number
        icmp6_stats = 6 ICMP6STATS: structures(U64), Volatile;
        token = 7 TOKEN: ip, Audited;
        /// 0 eui64, 1 none, 2 stable_secret, 3 random
        addr_gen_mode = 8 ADDR_GEN_MODE: u8, Audited;
        ra_mtu = 9 RA_MTU: u32, Audited;
    }
}

attributes! {
    /// `IFLA_MCTP_*`
    pub MCTP "IFLA_MCTP" as Mctp {
        net = 1 NET: u32, Tracked;
        phys_binding = 2 PHYS_BINDING: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_*`: `IFLA_AF_SPEC` of family `AF_BRIDGE`
    pub BRIDGE "IFLA_BRIDGE" as Bridge {
        /// `BRIDGE_FLAGS_*`: 1 master, 2 self
        flags = 0 FLAGS: u16, Tracked;
        /// `BRIDGE_MODE_*` of hardware: 0 veb, 1 vepa
        mode = 1 MODE: u16, Tracked;
        vlans = 2 VLAN_INFO: many(structure(BridgeVlan)), Tracked;
        vlan_tunnels = 3 VLAN_TUNNEL_INFO: many(nested(VLAN_TUNNEL, VlanTunnel)), Tracked;
        mrp = 4 MRP: nested(BRIDGE_MRP, BridgeMrp), Audited;
        cfm = 5 CFM: nested(BRIDGE_CFM, BridgeCfm), Audited;
        mst = 6 MST: nested(BRIDGE_MST, BridgeMst), Audited;
    }
}

attributes! {
    /// `IFLA_BRIDGE_VLAN_TUNNEL_*`: a VLAN's tunnel id
    pub VLAN_TUNNEL "IFLA_BRIDGE_VLAN_TUNNEL" as VlanTunnel {
        id = 1 ID: u32, Tracked;
        vid = 2 VID: u16, Tracked;
        /// `BRIDGE_VLAN_INFO_*`
        flags = 3 FLAGS: u16, Tracked;
    }
}

structures! {
    /// `struct bridge_vlan_info`
    pub struct BridgeVlan {
        /// `BRIDGE_VLAN_INFO_*`: 1 master, 2 PVID, 4 untagged, 8 begin and 16 end of a range, 32 bridge entry.
        pub flags: U16,
        /// VLAN id.
        pub vid: U16,
    }
    /// `struct ifla_cacheinfo`
    pub struct Inet6CacheInfo {
        /// Largest size of a reassembled packet, bytes.
        pub max_reasm_len: U32,
        /// When it was updated, 1/100 s since boot.
        pub tstamp: U32,
        /// Reachable time, ms.
        pub reachable_time: U32,
        /// Retransmission time, ms.
        pub retrans_time: U32,
    }
}

attributes! {
    /// `DEVLINK_ATTR_*`: the devlink port behind a link
    pub DEVLINK_PORT "DEVLINK_ATTR" as DevlinkPort {
        bus_name = 1 BUS_NAME: name, Tracked;
        dev_name = 2 DEV_NAME: name, Tracked;
        port_index = 3 PORT_INDEX: u32, Tracked;
    }
}

attributes! {
    /// `DPLL_A_PIN_*`: the clock pin behind a link
    pub DPLL_PIN "DPLL_A_PIN" as DpllPin {
        id = 1 ID: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_XDP_*`
    pub XDP "IFLA_XDP" as Xdp {
        fd = 1 FD: i32, Audited;
        /// `XDP_ATTACHED_*`: 0 none, 1 driver, 2 generic, 3 hardware, 4 several
        mode = 2 ATTACHED: u8, Audited;
        flags = 3 FLAGS: u32, Audited;
        prog_id = 4 PROG_ID: u32, Audited;
        drv_prog_id = 5 DRV_PROG_ID: u32, Audited;
        skb_prog_id = 6 SKB_PROG_ID: u32, Audited;
        hw_prog_id = 7 HW_PROG_ID: u32, Audited;
        expected_fd = 8 EXPECTED_FD: i32, Audited;
    }
}

attributes! {
    /// `IFLA_PROTO_DOWN_REASON_*`
    pub PROTO_DOWN_REASON "IFLA_PROTO_DOWN_REASON" as ProtoDownReason {
        mask = 1 MASK: u32, Tracked;
        value = 2 VALUE: u32, Tracked;
    }
}
