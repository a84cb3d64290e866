//! Devices on or beside others: veth, vlan, macvlan, ipvlan, tun, vrf, hsr, netkit, macsec, batadv, rmnet, wwan, ipoib,
//! dsa (<linux/if_link.h>, <linux/veth.h>, <linux/batman_adv.h>, <linux/wwan.h>).

use zerocopy::native_endian::U32;

use super::raw::structures;
use crate::policy::attributes;

structures! {
    /// `struct ifla_vlan_flags`, `struct ifla_rmnet_flags`
    pub struct FlagsAndMask {
        /// `VLAN_FLAG_*`: 1 reorder_hdr, 2 gvrp, 4 loose_binding, 8 mvrp, 16 bridge_binding.
        pub flags: U32,
        /// In a request: the bits to set.
        pub mask: U32,
    }
    /// `struct ifla_vlan_qos_mapping`
    pub struct QosMapping {
        /// Priority of the frame.
        pub from: U32,
        /// Priority of the packet, or the other way round.
        pub to: U32,
    }
}

attributes! {
    /// `VETH_INFO_*`: only in requests
    pub VETH "VETH_INFO" as VethData {
        /// `struct ifinfomsg` and attributes of the peer.
        peer = 1 PEER: bytes, Tracked;
    }
}

attributes! {
    /// `IFLA_VLAN_*`
    pub VLAN "IFLA_VLAN" as VlanData {
        id = 1 ID: u16, Tracked;
        flags = 2 FLAGS: structure(FlagsAndMask), Tracked;
        egress_qos = 3 EGRESS_QOS: items(structure(QosMapping)), Tracked;
        ingress_qos = 4 INGRESS_QOS: items(structure(QosMapping)), Tracked;
        /// `ETH_P_8021Q` or `ETH_P_8021AD`
        protocol = 5 PROTOCOL: be16, Tracked;
    }
}

attributes! {
    /// `IFLA_MACVLAN_*`: macvlan, macvtap
    pub MACVLAN "IFLA_MACVLAN" as MacvlanData {
        /// `MACVLAN_MODE_*`: 1 private, 2 vepa, 4 bridge, 8 passthru, 16 source
        mode = 1 MODE: u32, Tracked;
        /// 1 nopromisc, 2 nodst
        flags = 2 FLAGS: u16, Tracked;
        /// Only in requests.
        macaddr_mode = 3 MACADDR_MODE: u32, Tracked;
        /// Only in requests.
        macaddr = 4 MACADDR: link_addr, Tracked;
        macaddr_data = 5 MACADDR_DATA: items(link_addr), Tracked;
        macaddr_count = 6 MACADDR_COUNT: u32, Tracked;
        bcqueuelen = 7 BC_QUEUE_LEN: u32, Tracked;
        /// The largest of all macvlans of the lower link.
        usedbcqueuelen = 8 BC_QUEUE_LEN_USED: u32, Audited;
        bccutoff = 9 BC_CUTOFF: i32, Tracked;
    }
}

attributes! {
    /// `IFLA_IPVLAN_*`: ipvlan, ipvtap
    pub IPVLAN "IFLA_IPVLAN" as IpvlanData {
        /// 0 l2, 1 l3, 2 l3s; one for all ipvlans of the lower link, hence audited
        mode = 1 MODE: u16, Audited;
        /// 1 private, 2 vepa; as the mode
        flags = 2 FLAGS: u16, Audited;
    }
}

attributes! {
    /// `IFLA_TUN_*`: the number of queues changes with each open file, without a word
    pub TUN "IFLA_TUN" as TunData {
        /// User id.
        user = 1 OWNER: u32, Tracked;
        /// Group id.
        group = 2 GROUP: u32, Tracked;
        /// `IFF_TUN` 1, `IFF_TAP` 2
        r#type = 3 TYPE: u8, Tracked;
        pi = 4 PI: u8, Tracked;
        vnet_hdr = 5 VNET_HDR: u8, Audited;
        persist = 6 PERSIST: u8, Tracked;
        multi_queue = 7 MULTI_QUEUE: u8, Tracked;
        numqueues = 8 NUM_QUEUES: u32, Audited;
        numdisabled = 9 NUM_DISABLED_QUEUES: u32, Audited;
    }
}

attributes! {
    /// `IFLA_VRF_*`
    pub VRF "IFLA_VRF" as VrfData {
        table = 1 TABLE: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_VRF_PORT_*`
    pub VRF_PORT "IFLA_VRF_PORT" as VrfPort {
        table = 1 TABLE: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_HSR_*`
    pub HSR "IFLA_HSR" as HsrData {
        /// Link index.
        slave1 = 1 SLAVE1: u32, Tracked;
        /// Link index.
        slave2 = 2 SLAVE2: u32, Tracked;
        multicast_spec = 3 MULTICAST_SPEC: u8, Tracked;
        supervision_addr = 4 SUPERVISION_ADDR: link_addr, Tracked;
        seq_nr = 5 SEQ_NR: u16, Volatile;
        version = 6 VERSION: u8, Tracked;
        /// 0 HSR, 1 PRP
        proto = 7 PROTOCOL: u8, Tracked;
        /// Link index.
        interlink = 8 INTERLINK: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_NETKIT_*`
    pub NETKIT "IFLA_NETKIT" as NetkitData {
        /// Only in requests.
        peer_info = 1 PEER_INFO: bytes, Tracked;
        primary = 2 PRIMARY: u8, Tracked;
        /// `NETKIT_*`: 0 pass, 2 drop
        policy = 3 POLICY: u32, Tracked;
        peer_policy = 4 PEER_POLICY: u32, Audited;
        /// 0 l2, 1 l3
        mode = 5 MODE: u32, Tracked;
        /// 0 none, 1 default
        scrub = 6 SCRUB: u32, Tracked;
        peer_scrub = 7 PEER_SCRUB: u32, Audited;
        /// Bytes.
        headroom = 8 HEADROOM: u16, Tracked;
        /// Bytes.
        tailroom = 9 TAILROOM: u16, Tracked;
    }
}

attributes! {
    /// `IFLA_MACSEC_*`
    pub MACSEC "IFLA_MACSEC" as MacsecData {
        /// Secure channel id, 8 bytes in network order.
        sci = 1 SCI: at_least(8), Tracked;
        port = 2 PORT: be16, Tracked;
        /// Bytes.
        icv_len = 3 ICV_LEN: u8, Tracked;
        cipher_suite = 4 CIPHER_SUITE: u64, Tracked;
        window = 5 WINDOW: u32, Tracked;
        encoding_sa = 6 ENCODING_SA: u8, Tracked;
        encrypt = 7 ENCRYPT: u8, Tracked;
        protect = 8 PROTECT: u8, Tracked;
        inc_sci = 9 INC_SCI: u8, Tracked;
        es = 10 ES: u8, Tracked;
        scb = 11 SCB: u8, Tracked;
        replay_protect = 12 REPLAY_PROTECT: u8, Tracked;
        /// 0 disabled, 1 check, 2 strict
        validation = 13 VALIDATION: u8, Tracked;
        pad = 14 PAD: flag, Volatile;
        /// 0 off, 1 phy, 2 mac
        offload = 15 OFFLOAD: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_BATADV_*`
    pub BATADV "IFLA_BATADV" as BatadvData {
        ra = 1 ALGO_NAME: name, Tracked;
    }
}

attributes! {
    /// `IFLA_RMNET_*`
    pub RMNET "IFLA_RMNET" as RmnetData {
        mux_id = 1 MUX_ID: u16, Tracked;
        flags = 2 FLAGS: structure(FlagsAndMask), Tracked;
    }
}

attributes! {
    /// `IFLA_WWAN_*`
    pub WWAN "IFLA_WWAN" as WwanData {
        link_id = 1 LINK_ID: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_IPOIB_*`
    pub IPOIB "IFLA_IPOIB" as IpoibData {
        pkey = 1 PKEY: u16, Tracked;
        /// 0 datagram, 1 connected
        mode = 2 MODE: u16, Tracked;
        umcast = 3 UMCAST: u16, Tracked;
    }
}

attributes! {
    /// `IFLA_DSA_*`
    pub DSA "IFLA_DSA" as DsaData {
        /// Link index.
        conduit = 1 CONDUIT: u32, Tracked;
    }
}
