//! Expressions that do something to the packet: log, nat, masq, redir, tproxy, dup, fwd, reject, queue, synproxy, notrack,
//! flow_offload; and iptables' matches and targets.

use crate::policy::attributes;

attributes! {
    /// `NFTA_LOG_*`
    pub LOG "NFTA_LOG" as Log {
        group = 1 GROUP: be16, Tracked;
        prefix = 2 PREFIX: name, Tracked;
        snaplen = 3 SNAPLEN: be32, Tracked;
        qthreshold = 4 QTHRESHOLD: be16, Tracked;
        level = 5 LEVEL: be32, Tracked;
        flags = 6 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_NAT_*`
    pub NAT "NFTA_NAT" as Nat {
        /// 0 source, 1 destination.
        r#type = 1 TYPE: be32, Tracked;
        family = 2 FAMILY: be32, Tracked;
        reg_addr_min = 3 REG_ADDR_MIN: be32, Tracked;
        reg_addr_max = 4 REG_ADDR_MAX: be32, Tracked;
        reg_proto_min = 5 REG_PROTO_MIN: be32, Tracked;
        reg_proto_max = 6 REG_PROTO_MAX: be32, Tracked;
        /// `NF_NAT_RANGE_*`
        flags = 7 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_MASQ_*`
    pub MASQ "NFTA_MASQ" as Masq {
        /// `NF_NAT_RANGE_*`
        flags = 1 FLAGS: be32, Tracked;
        reg_proto_min = 2 REG_PROTO_MIN: be32, Tracked;
        reg_proto_max = 3 REG_PROTO_MAX: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_REDIR_*`
    pub REDIR "NFTA_REDIR" as Redir {
        reg_proto_min = 1 REG_PROTO_MIN: be32, Tracked;
        reg_proto_max = 2 REG_PROTO_MAX: be32, Tracked;
        /// `NF_NAT_RANGE_*`
        flags = 3 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_TPROXY_*`
    pub TPROXY "NFTA_TPROXY" as Tproxy {
        family = 1 FAMILY: be32, Tracked;
        reg_addr = 2 REG_ADDR: be32, Tracked;
        reg_port = 3 REG_PORT: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_DUP_*`
    pub DUP "NFTA_DUP" as Dup {
        sreg_addr = 1 SREG_ADDR: be32, Tracked;
        sreg_dev = 2 SREG_DEV: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_FWD_*`
    pub FWD "NFTA_FWD" as Fwd {
        sreg_dev = 1 SREG_DEV: be32, Tracked;
        sreg_addr = 2 SREG_ADDR: be32, Tracked;
        nfproto = 3 NFPROTO: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_REJECT_*`
    pub REJECT "NFTA_REJECT" as Reject {
        /// 0 ICMP unreachable, 1 TCP reset, 2 ICMP of either family.
        r#type = 1 TYPE: be32, Tracked;
        icmp_code = 2 ICMP_CODE: u8, Tracked;
    }
}

attributes! {
    /// `NFTA_QUEUE_*`
    pub QUEUE "NFTA_QUEUE" as Queue {
        num = 1 NUM: be16, Tracked;
        /// How many queues from `num` on.
        total = 2 TOTAL: be16, Tracked;
        flags = 3 FLAGS: be16, Tracked;
        sreg_qnum = 4 SREG_QNUM: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_SYNPROXY_*`
    pub SYNPROXY "NFTA_SYNPROXY" as Synproxy {
        mss = 1 MSS: be16, Tracked;
        wscale = 2 WSCALE: u8, Tracked;
        flags = 3 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// It has no attributes.
    pub NOTRACK "NFTA_NOTRACK" as Notrack {}
}

attributes! {
    /// `NFTA_FLOW_*`
    pub FLOW "NFTA_FLOW" as FlowOffload {
        table_name = 1 TABLE_NAME: name, Tracked;
    }
}

attributes! {
    /// `NFTA_MATCH_*` (<linux/netfilter/nf_tables_compat.h>): a match of iptables.
    pub MATCH "NFTA_MATCH" as Match {
        name = 1 NAME: name, Tracked;
        rev = 2 REV: be32, Tracked;
        /// The structure of that match and revision.
        info = 3 INFO: bytes, Tracked;
    }
}

attributes! {
    /// `NFTA_TARGET_*` (<linux/netfilter/nf_tables_compat.h>): a target of iptables.
    pub TARGET "NFTA_TARGET" as Target {
        name = 1 NAME: name, Tracked;
        rev = 2 REV: be32, Tracked;
        /// The structure of that target and revision.
        info = 3 INFO: bytes, Tracked;
    }
}
