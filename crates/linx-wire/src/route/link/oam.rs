//! Ring protection, fault management and spanning tree instances of a bridge port (`IFLA_BRIDGE_MRP_*`,
//! `IFLA_BRIDGE_CFM_*`, `IFLA_BRIDGE_MST_*`, <linux/if_bridge.h>): sent to those who ask for them only, not in
//! notifications.

use crate::policy::attributes;

attributes! {
    /// `IFLA_BRIDGE_MRP_*`: media redundancy
    pub BRIDGE_MRP "IFLA_BRIDGE_MRP" as BridgeMrp {
        info = 7 INFO: many(nested(MRP_INFO, MrpInfo)), Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_MRP_INFO_*`: one ring
    pub MRP_INFO "IFLA_BRIDGE_MRP_INFO" as MrpInfo {
        ring_id = 1 RING_ID: u32, Tracked;
        p_ifindex = 2 P_IFINDEX: u32, Tracked;
        s_ifindex = 3 S_IFINDEX: u32, Tracked;
        prio = 4 PRIO: u16, Tracked;
        ring_state = 5 RING_STATE: u32, Tracked;
        ring_role = 6 RING_ROLE: u32, Tracked;
        test_interval = 7 TEST_INTERVAL: u32, Tracked;
        test_max_miss = 8 TEST_MAX_MISS: u32, Tracked;
        test_monitor = 9 TEST_MONITOR: u32, Tracked;
        i_ifindex = 10 I_IFINDEX: u32, Tracked;
        in_state = 11 IN_STATE: u32, Tracked;
        in_role = 12 IN_ROLE: u32, Tracked;
        in_test_interval = 13 IN_TEST_INTERVAL: u32, Tracked;
        in_test_max_miss = 14 IN_TEST_MAX_MISS: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_MST_*`
    pub BRIDGE_MST "IFLA_BRIDGE_MST" as BridgeMst {
        entries = 1 ENTRY: many(nested(MST_ENTRY, MstEntry)), Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_MST_ENTRY_*`: the port's state in one spanning tree
    pub MST_ENTRY "IFLA_BRIDGE_MST_ENTRY" as MstEntry {
        msti = 1 MSTI: u16, Tracked;
        /// `BR_STATE_*`
        state = 2 STATE: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_*`: connectivity fault management
    pub BRIDGE_CFM "IFLA_BRIDGE_CFM" as BridgeCfm {
        mep_create = 9 MEP_CREATE_INFO: many(nested(CFM_MEP_CREATE, CfmMepCreate)), Tracked;
        mep_config = 10 MEP_CONFIG_INFO: many(nested(CFM_MEP_CONFIG, CfmMepConfig)), Tracked;
        cc_config = 11 CC_CONFIG_INFO: many(nested(CFM_CC_CONFIG, CfmCcConfig)), Tracked;
        cc_rdi = 12 CC_RDI_INFO: many(nested(CFM_CC_RDI, CfmCcRdi)), Tracked;
        cc_ccm_tx = 13 CC_CCM_TX_INFO: many(nested(CFM_CC_CCM_TX, CfmCcCcmTx)), Tracked;
        cc_peer_mep = 14 CC_PEER_MEP_INFO: many(nested(CFM_CC_PEER_MEP, CfmCcPeerMep)), Tracked;
        mep_status = 15 MEP_STATUS_INFO: many(nested(CFM_MEP_STATUS, CfmMepStatus)), Volatile;
        cc_peer_status = 16 CC_PEER_STATUS_INFO: many(nested(CFM_CC_PEER_STATUS, CfmCcPeerStatus)), Volatile;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_MEP_CREATE_*`
    pub CFM_MEP_CREATE "IFLA_BRIDGE_CFM_MEP_CREATE" as CfmMepCreate {
        instance = 1 INSTANCE: u32, Tracked;
        domain = 2 DOMAIN: u32, Tracked;
        direction = 3 DIRECTION: u32, Tracked;
        ifindex = 4 IFINDEX: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_MEP_CONFIG_*`
    pub CFM_MEP_CONFIG "IFLA_BRIDGE_CFM_MEP_CONFIG" as CfmMepConfig {
        instance = 1 INSTANCE: u32, Tracked;
        unicast_mac = 2 UNICAST_MAC: link_addr, Tracked;
        mdlevel = 3 MDLEVEL: u32, Tracked;
        mepid = 4 MEPID: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_CC_CONFIG_*`
    pub CFM_CC_CONFIG "IFLA_BRIDGE_CFM_CC_CONFIG" as CfmCcConfig {
        instance = 1 INSTANCE: u32, Tracked;
        enable = 2 ENABLE: u32, Tracked;
        exp_interval = 3 EXP_INTERVAL: u32, Tracked;
        exp_maid = 4 EXP_MAID: bytes, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_CC_RDI_*`
    pub CFM_CC_RDI "IFLA_BRIDGE_CFM_CC_RDI" as CfmCcRdi {
        instance = 1 INSTANCE: u32, Tracked;
        rdi = 2 RDI: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_CC_CCM_TX_*`
    pub CFM_CC_CCM_TX "IFLA_BRIDGE_CFM_CC_CCM_TX" as CfmCcCcmTx {
        instance = 1 INSTANCE: u32, Tracked;
        dmac = 2 DMAC: link_addr, Tracked;
        seq_no_update = 3 SEQ_NO_UPDATE: u32, Tracked;
        period = 4 PERIOD: u32, Tracked;
        if_tlv = 5 IF_TLV: u32, Tracked;
        if_tlv_value = 6 IF_TLV_VALUE: u8, Tracked;
        port_tlv = 7 PORT_TLV: u32, Tracked;
        port_tlv_value = 8 PORT_TLV_VALUE: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_CC_PEER_*`
    pub CFM_CC_PEER_MEP "IFLA_BRIDGE_CFM_CC_PEER" as CfmCcPeerMep {
        instance = 1 MEP_INSTANCE: u32, Tracked;
        mepid = 2 MEPID: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_MEP_STATUS_*`
    pub CFM_MEP_STATUS "IFLA_BRIDGE_CFM_MEP_STATUS" as CfmMepStatus {
        instance = 1 INSTANCE: u32, Tracked;
        opcode_unexp_seen = 2 OPCODE_UNEXP_SEEN: u32, Volatile;
        version_unexp_seen = 3 VERSION_UNEXP_SEEN: u32, Volatile;
        rx_level_low_seen = 4 RX_LEVEL_LOW_SEEN: u32, Volatile;
    }
}

attributes! {
    /// `IFLA_BRIDGE_CFM_CC_PEER_STATUS_*`
    pub CFM_CC_PEER_STATUS "IFLA_BRIDGE_CFM_CC_PEER_STATUS" as CfmCcPeerStatus {
        instance = 1 INSTANCE: u32, Tracked;
        peer_mepid = 2 PEER_MEPID: u32, Tracked;
        ccm_defect = 3 CCM_DEFECT: u32, Volatile;
        rdi = 4 RDI: u32, Volatile;
        port_tlv_value = 5 PORT_TLV_VALUE: u8, Volatile;
        if_tlv_value = 6 IF_TLV_VALUE: u8, Volatile;
        seen = 7 SEEN: u32, Volatile;
        tlv_seen = 8 TLV_SEEN: u32, Volatile;
        seq_unexp_seen = 9 SEQ_UNEXP_SEEN: u32, Volatile;
    }
}
