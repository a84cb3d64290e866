//! Bonds and their slaves: `IFLA_BOND_*` (<linux/if_link.h>).

use crate::policy::attributes;

attributes! {
    /// `IFLA_BOND_*`
    pub BOND "IFLA_BOND" as BondData {
        /// 0 balance-rr, 1 active-backup, 2 balance-xor, 3 broadcast, 4 802.3ad, 5 balance-tlb, 6 balance-alb
        mode = 1 MODE: u8, Tracked;
        /// Link index.
        active_slave = 2 ACTIVE_SLAVE: u32, Tracked;
        /// Milliseconds.
        miimon = 3 MIIMON: u32, Tracked;
        /// Milliseconds.
        updelay = 4 UPDELAY: u32, Tracked;
        /// Milliseconds.
        downdelay = 5 DOWNDELAY: u32, Tracked;
        use_carrier = 6 USE_CARRIER: u8, Tracked;
        /// Milliseconds.
        arp_interval = 7 ARP_INTERVAL: u32, Tracked;
        arp_ip_target = 8 ARP_IP_TARGET: items(ip), Tracked;
        arp_validate = 9 ARP_VALIDATE: u32, Tracked;
        arp_all_targets = 10 ARP_ALL_TARGETS: u32, Tracked;
        /// Link index.
        primary = 11 PRIMARY: u32, Tracked;
        primary_reselect = 12 PRIMARY_RESELECT: u8, Tracked;
        fail_over_mac = 13 FAIL_OVER_MAC: u8, Tracked;
        xmit_hash_policy = 14 XMIT_HASH_POLICY: u8, Tracked;
        resend_igmp = 15 RESEND_IGMP: u32, Tracked;
        num_peer_notif = 16 NUM_PEER_NOTIF: u8, Tracked;
        all_slaves_active = 17 ALL_SLAVES_ACTIVE: u8, Tracked;
        min_links = 18 MIN_LINKS: u32, Tracked;
        /// Seconds.
        lp_interval = 19 LP_INTERVAL: u32, Tracked;
        packets_per_slave = 20 PACKETS_PER_SLAVE: u32, Tracked;
        ad_lacp_rate = 21 AD_LACP_RATE: u8, Tracked;
        ad_select = 22 AD_SELECT: u8, Tracked;
        ad_info = 23 AD_INFO: nested(AD_INFO, AdInfo), Audited;
        ad_actor_sys_prio = 24 AD_ACTOR_SYS_PRIO: u16, Tracked;
        ad_user_port_key = 25 AD_USER_PORT_KEY: u16, Tracked;
        ad_actor_system = 26 AD_ACTOR_SYSTEM: link_addr, Tracked;
        tlb_dynamic_lb = 27 TLB_DYNAMIC_LB: u8, Tracked;
        /// Milliseconds.
        peer_notify_delay = 28 PEER_NOTIF_DELAY: u32, Tracked;
        ad_lacp_active = 29 AD_LACP_ACTIVE: u8, Tracked;
        arp_missed_max = 30 MISSED_MAX: u8, Tracked;
        ns_ip6_target = 31 NS_IP6_TARGET: items(ip), Tracked;
        coupled_control = 32 COUPLED_CONTROL: u8, Tracked;
        broadcast_neighbor = 33 BROADCAST_NEIGH: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_BOND_AD_INFO_*`: what 802.3ad agreed on with the partner, by itself
    pub AD_INFO "IFLA_BOND_AD_INFO" as AdInfo {
        aggregator = 1 AGGREGATOR: u16, Audited;
        num_ports = 2 NUM_PORTS: u16, Audited;
        actor_key = 3 ACTOR_KEY: u16, Audited;
        partner_key = 4 PARTNER_KEY: u16, Audited;
        partner_mac = 5 PARTNER_MAC: link_addr, Audited;
    }
}

attributes! {
    /// `IFLA_BOND_SLAVE_*`
    pub BOND_SLAVE "IFLA_BOND_SLAVE" as BondSlave {
        /// 0 active, 1 backup
        state = 1 STATE: u8, Tracked;
        /// 0 up, 1 going down, 2 down, 3 going back
        mii_status = 2 MII_STATUS: u8, Audited;
        link_failure_count = 3 LINK_FAILURE_COUNT: u32, Volatile;
        perm_hwaddr = 4 PERM_HWADDR: link_addr, Tracked;
        queue_id = 5 QUEUE_ID: u16, Tracked;
        ad_aggregator_id = 6 AD_AGGREGATOR_ID: u16, Audited;
        ad_actor_oper_port_state = 7 AD_ACTOR_OPER_PORT_STATE: u8, Audited;
        ad_partner_oper_port_state = 8 AD_PARTNER_OPER_PORT_STATE: u16, Audited;
        prio = 9 PRIO: i32, Tracked;
        actor_port_prio = 10 ACTOR_PORT_PRIO: u16, Tracked;
    }
}
