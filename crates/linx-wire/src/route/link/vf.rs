//! Virtual functions and ports of a link (`IFLA_VFINFO_LIST`, `IFLA_VF_PORTS`, `IFLA_PORT_SELF`, <linux/if_link.h>).
//! A kernel sends them to those who ask with `RTEXT_FILTER_VF`, never in notifications: audited as a whole.

use zerocopy::big_endian as be;
use zerocopy::native_endian::{U32, U64};

use super::raw::structures;
use crate::policy::attributes;

structures! {
    /// `struct ifla_vf_mac`
    pub struct VfMac {
        /// Number of the virtual function.
        pub vf: U32,
        /// Hardware address; 6 bytes for Ethernet.
        pub mac: [u8; 32],
    }
    /// `struct ifla_vf_vlan`
    pub struct VfVlan {
        /// Number of the virtual function.
        pub vf: U32,
        /// VLAN id; 0 is none.
        pub vlan: U32,
        /// Priority, 0 to 7.
        pub qos: U32,
    }
    /// `struct ifla_vf_vlan_info`
    pub struct VfVlanInfo {
        /// Number of the virtual function.
        pub vf: U32,
        /// VLAN id; 0 is none.
        pub vlan: U32,
        /// Priority, 0 to 7.
        pub qos: U32,
        /// `ETH_P_8021Q` or `ETH_P_8021AD`.
        pub vlan_proto: be::U16,
        /// Padding.
        pub pad: [u8; 2],
    }
    /// `struct ifla_vf_tx_rate`
    pub struct VfTxRate {
        /// Number of the virtual function.
        pub vf: U32,
        /// Largest rate, Mbit/s; 0 is unlimited.
        pub rate: U32,
    }
    /// `struct ifla_vf_rate`
    pub struct VfRate {
        /// Number of the virtual function.
        pub vf: U32,
        /// Least rate, Mbit/s.
        pub min_tx_rate: U32,
        /// Largest rate, Mbit/s; 0 is unlimited.
        pub max_tx_rate: U32,
    }
    /// `struct ifla_vf_spoofchk`, `struct ifla_vf_rss_query_en`, `struct ifla_vf_trust`, `struct ifla_vf_link_state`
    pub struct VfSetting {
        /// Number of the virtual function.
        pub vf: U32,
        /// On or off; for the link state 0 auto, 1 enabled, 2 disabled; all ones: not supported.
        pub setting: U32,
    }
    /// `struct ifla_vf_guid`
    pub struct VfGuid {
        /// Number of the virtual function.
        pub vf: U32,
        /// Padding.
        pub pad: [u8; 4],
        /// InfiniBand GUID.
        pub guid: U64,
    }
    /// `struct ifla_port_vsi`
    pub struct PortVsi {
        /// Manager.
        pub vsi_mgr_id: u8,
        /// Type.
        pub vsi_type_id: [u8; 3],
        /// Version of the type.
        pub vsi_type_version: u8,
        /// Padding.
        pub pad: [u8; 3],
    }
}

attributes! {
    /// `IFLA_VF_INFO`: the list of virtual functions
    pub VF_INFO "IFLA_VF" as VfInfoList {
        info = 1 INFO: many(nested(VF, VfInfo)), Tracked;
    }
}

attributes! {
    /// `IFLA_VF_*`: one virtual function
    pub VF "IFLA_VF" as VfInfo {
        mac = 1 MAC: structure(VfMac), Tracked;
        vlan = 2 VLAN: structure(VfVlan), Tracked;
        tx_rate = 3 TX_RATE: structure(VfTxRate), Tracked;
        spoofchk = 4 SPOOFCHK: structure(VfSetting), Tracked;
        link_state = 5 LINK_STATE: structure(VfSetting), Tracked;
        rate = 6 RATE: structure(VfRate), Tracked;
        query_rss_en = 7 RSS_QUERY_EN: structure(VfSetting), Tracked;
        stats = 8 STATS: nested(VF_STATS, VfStats), Volatile;
        trust = 9 TRUST: structure(VfSetting), Tracked;
        node_guid = 10 IB_NODE_GUID: structure(VfGuid), Tracked;
        port_guid = 11 IB_PORT_GUID: structure(VfGuid), Tracked;
        vlan_list = 12 VLAN_LIST: nested(VF_VLAN_INFO, VfVlanList), Tracked;
        /// 32 bytes; 6 for Ethernet.
        broadcast = 13 BROADCAST: bytes, Tracked;
    }
}

attributes! {
    /// `IFLA_VF_VLAN_INFO`: the VLANs of a virtual function
    pub VF_VLAN_INFO "IFLA_VF_VLAN" as VfVlanList {
        info = 1 INFO: many(structure(VfVlanInfo)), Tracked;
    }
}

attributes! {
    /// `IFLA_VF_STATS_*`: counters of a virtual function
    pub VF_STATS "IFLA_VF_STATS" as VfStats {
        rx_packets = 0 RX_PACKETS: u64, Volatile;
        tx_packets = 1 TX_PACKETS: u64, Volatile;
        rx_bytes = 2 RX_BYTES: u64, Volatile;
        tx_bytes = 3 TX_BYTES: u64, Volatile;
        broadcast = 4 BROADCAST: u64, Volatile;
        multicast = 5 MULTICAST: u64, Volatile;
        pad = 6 PAD: flag, Volatile;
        rx_dropped = 7 RX_DROPPED: u64, Volatile;
        tx_dropped = 8 TX_DROPPED: u64, Volatile;
    }
}

attributes! {
    /// `IFLA_VF_PORT`: the list of ports
    pub VF_PORT "IFLA_VF" as VfPortList {
        port = 1 PORT: many(nested(PORT, Port)), Tracked;
    }
}

attributes! {
    /// `IFLA_PORT_*`: one port, 802.1Qbg or a port profile
    pub PORT "IFLA_PORT" as Port {
        vf = 1 VF: u32, Tracked;
        profile = 2 PROFILE: name, Tracked;
        vsi_type = 3 VSI_TYPE: structure(PortVsi), Tracked;
        instance_uuid = 4 INSTANCE_UUID: bytes, Tracked;
        host_uuid = 5 HOST_UUID: bytes, Tracked;
        request = 6 REQUEST: u8, Tracked;
        response = 7 RESPONSE: u16, Tracked;
    }
}
