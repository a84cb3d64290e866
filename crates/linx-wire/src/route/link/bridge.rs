//! Bridges and their ports: `IFLA_BR_*`, `IFLA_BRPORT_*` (<linux/if_link.h>), `BRIDGE_QUERIER_*` (<linux/if_bridge.h>).
//!
//! Times are in 1/100 s (`clock_t`). What the spanning tree protocol finds out by itself is audited: the bridge does
//! not announce it.

use zerocopy::big_endian as be;
use zerocopy::native_endian::U32;

use super::raw::structures;
use crate::policy::attributes;

structures! {
    /// `struct ifla_bridge_id`
    pub struct BridgeId {
        /// Priority.
        pub priority: be::U16,
        /// Hardware address.
        pub address: [u8; 6],
    }
    /// `struct br_boolopt_multi`
    pub struct BoolOptions {
        /// Values, one bit each: 0 no_linklocal_learn, 1 mcast_vlan_snooping, 2 mst_enable, 3 mdb_offload_fail_notification.
        pub value: U32,
        /// The bits that this kernel knows.
        pub mask: U32,
    }
}

attributes! {
    /// `IFLA_BR_*`: a bridge
    pub BR "IFLA_BR" as BridgeData {
        forward_delay = 1 FORWARD_DELAY: u32, Tracked;
        hello_time = 2 HELLO_TIME: u32, Tracked;
        max_age = 3 MAX_AGE: u32, Tracked;
        ageing_time = 4 AGEING_TIME: u32, Tracked;
        /// 0 off, 1 in the kernel, 2 in user space
        stp_state = 5 STP_STATE: u32, Tracked;
        priority = 6 PRIORITY: u16, Tracked;
        vlan_filtering = 7 VLAN_FILTERING: u8, Tracked;
        vlan_protocol = 8 VLAN_PROTOCOL: be16, Tracked;
        group_fwd_mask = 9 GROUP_FWD_MASK: u16, Tracked;
        root_id = 10 ROOT_ID: structure(BridgeId), Audited;
        bridge_id = 11 BRIDGE_ID: structure(BridgeId), Audited;
        root_port = 12 ROOT_PORT: u16, Audited;
        root_path_cost = 13 ROOT_PATH_COST: u32, Audited;
        topology_change = 14 TOPOLOGY_CHANGE: u8, Volatile;
        topology_change_detected = 15 TOPOLOGY_CHANGE_DETECTED: u8, Volatile;
        hello_timer = 16 HELLO_TIMER: u64, Volatile;
        tcn_timer = 17 TCN_TIMER: u64, Volatile;
        topology_change_timer = 18 TOPOLOGY_CHANGE_TIMER: u64, Volatile;
        gc_timer = 19 GC_TIMER: u64, Volatile;
        group_addr = 20 GROUP_ADDR: link_addr, Tracked;
        /// Only in requests.
        fdb_flush = 21 FDB_FLUSH: flag, Volatile;
        mcast_router = 22 MCAST_ROUTER: u8, Tracked;
        mcast_snooping = 23 MCAST_SNOOPING: u8, Tracked;
        mcast_query_use_ifaddr = 24 MCAST_QUERY_USE_IFADDR: u8, Tracked;
        mcast_querier = 25 MCAST_QUERIER: u8, Tracked;
        mcast_hash_elasticity = 26 MCAST_HASH_ELASTICITY: u32, Tracked;
        mcast_hash_max = 27 MCAST_HASH_MAX: u32, Tracked;
        mcast_last_member_cnt = 28 MCAST_LAST_MEMBER_CNT: u32, Tracked;
        mcast_startup_query_cnt = 29 MCAST_STARTUP_QUERY_CNT: u32, Tracked;
        mcast_last_member_intvl = 30 MCAST_LAST_MEMBER_INTVL: u64, Tracked;
        mcast_membership_intvl = 31 MCAST_MEMBERSHIP_INTVL: u64, Tracked;
        mcast_querier_intvl = 32 MCAST_QUERIER_INTVL: u64, Tracked;
        mcast_query_intvl = 33 MCAST_QUERY_INTVL: u64, Tracked;
        mcast_query_response_intvl = 34 MCAST_QUERY_RESPONSE_INTVL: u64, Tracked;
        mcast_startup_query_intvl = 35 MCAST_STARTUP_QUERY_INTVL: u64, Tracked;
        nf_call_iptables = 36 NF_CALL_IPTABLES: u8, Tracked;
        nf_call_ip6tables = 37 NF_CALL_IP6TABLES: u8, Tracked;
        nf_call_arptables = 38 NF_CALL_ARPTABLES: u8, Tracked;
        vlan_default_pvid = 39 VLAN_DEFAULT_PVID: u16, Tracked;
        pad = 40 PAD: flag, Volatile;
        vlan_stats_enabled = 41 VLAN_STATS_ENABLED: u8, Tracked;
        mcast_stats_enabled = 42 MCAST_STATS_ENABLED: u8, Tracked;
        mcast_igmp_version = 43 MCAST_IGMP_VERSION: u8, Tracked;
        mcast_mld_version = 44 MCAST_MLD_VERSION: u8, Tracked;
        vlan_stats_per_port = 45 VLAN_STATS_PER_PORT: u8, Tracked;
        bool_options = 46 MULTI_BOOLOPT: structure(BoolOptions), Tracked;
        mcast_querier_state = 47 MCAST_QUERIER_STATE: nested(QUERIER, QuerierState), Audited;
        fdb_n_learned = 48 FDB_N_LEARNED: u32, Volatile;
        fdb_max_learned = 49 FDB_MAX_LEARNED: u32, Tracked;
    }
}

attributes! {
    /// `BRIDGE_QUERIER_*`: who asks for multicast members
    pub QUERIER "BRIDGE_QUERIER" as QuerierState {
        ip_address = 1 IP_ADDRESS: ip, Audited;
        /// Link index of the port behind which the querier is.
        ip_port = 2 IP_PORT: u32, Audited;
        ip_other_timer = 3 IP_OTHER_TIMER: u64, Volatile;
        pad = 4 PAD: flag, Volatile;
        ipv6_address = 5 IPV6_ADDRESS: ip, Audited;
        /// Link index of the port behind which the querier is.
        ipv6_port = 6 IPV6_PORT: u32, Audited;
        ipv6_other_timer = 7 IPV6_OTHER_TIMER: u64, Volatile;
    }
}

attributes! {
    /// `IFLA_BRPORT_*`: a bridge port
    pub BRPORT "IFLA_BRPORT" as BridgePort {
        /// `BR_STATE_*`: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking
        state = 1 STATE: u8, Tracked;
        priority = 2 PRIORITY: u16, Tracked;
        cost = 3 COST: u32, Tracked;
        hairpin = 4 MODE: u8, Tracked;
        guard = 5 GUARD: u8, Tracked;
        root_block = 6 PROTECT: u8, Tracked;
        fastleave = 7 FAST_LEAVE: u8, Tracked;
        learning = 8 LEARNING: u8, Tracked;
        flood = 9 UNICAST_FLOOD: u8, Tracked;
        proxy_arp = 10 PROXYARP: u8, Tracked;
        learning_sync = 11 LEARNING_SYNC: u8, Tracked;
        proxy_arp_wifi = 12 PROXYARP_WIFI: u8, Tracked;
        root_id = 13 ROOT_ID: structure(BridgeId), Audited;
        bridge_id = 14 BRIDGE_ID: structure(BridgeId), Audited;
        designated_port = 15 DESIGNATED_PORT: u16, Audited;
        designated_cost = 16 DESIGNATED_COST: u16, Audited;
        id = 17 ID: u16, Tracked;
        no = 18 NO: u16, Tracked;
        topology_change_ack = 19 TOPOLOGY_CHANGE_ACK: u8, Volatile;
        config_pending = 20 CONFIG_PENDING: u8, Volatile;
        message_age_timer = 21 MESSAGE_AGE_TIMER: u64, Volatile;
        forward_delay_timer = 22 FORWARD_DELAY_TIMER: u64, Volatile;
        hold_timer = 23 HOLD_TIMER: u64, Volatile;
        /// Only in requests.
        flush = 24 FLUSH: flag, Volatile;
        multicast_router = 25 MULTICAST_ROUTER: u8, Tracked;
        pad = 26 PAD: flag, Volatile;
        mcast_flood = 27 MCAST_FLOOD: u8, Tracked;
        mcast_to_unicast = 28 MCAST_TO_UCAST: u8, Tracked;
        vlan_tunnel = 29 VLAN_TUNNEL: u8, Tracked;
        bcast_flood = 30 BCAST_FLOOD: u8, Tracked;
        group_fwd_mask = 31 GROUP_FWD_MASK: u16, Tracked;
        neigh_suppress = 32 NEIGH_SUPPRESS: u8, Tracked;
        isolated = 33 ISOLATED: u8, Tracked;
        backup_port = 34 BACKUP_PORT: u32, Tracked;
        mrp_ring_open = 35 MRP_RING_OPEN: u8, Audited;
        mrp_in_open = 36 MRP_IN_OPEN: u8, Audited;
        mcast_eht_hosts_limit = 37 MCAST_EHT_HOSTS_LIMIT: u32, Tracked;
        mcast_eht_hosts_cnt = 38 MCAST_EHT_HOSTS_CNT: u32, Volatile;
        locked = 39 LOCKED: u8, Tracked;
        mab = 40 MAB: u8, Tracked;
        mcast_n_groups = 41 MCAST_N_GROUPS: u32, Volatile;
        mcast_max_groups = 42 MCAST_MAX_GROUPS: u32, Tracked;
        neigh_vlan_suppress = 43 NEIGH_VLAN_SUPPRESS: u8, Tracked;
        backup_nhid = 44 BACKUP_NHID: u32, Tracked;
    }
}
