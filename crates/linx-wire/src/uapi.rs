//! Kernel numbers: <linux/rtnetlink.h>, <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>. Attribute numbers
//! stand in the tables of `route/` and `nft/`; a test compares both with the installed kernel headers.

/// Message types, `RTM_*`.
pub mod rtm {
    #![allow(missing_docs)]
    pub const NEWLINK: u16 = 16;
    pub const DELLINK: u16 = 17;
    pub const GETLINK: u16 = 18;
    pub const SETLINK: u16 = 19;
    pub const NEWADDR: u16 = 20;
    pub const DELADDR: u16 = 21;
    pub const GETADDR: u16 = 22;
    pub const NEWROUTE: u16 = 24;
    pub const DELROUTE: u16 = 25;
    pub const GETROUTE: u16 = 26;
    pub const NEWNEIGH: u16 = 28;
    pub const DELNEIGH: u16 = 29;
    pub const GETNEIGH: u16 = 30;
    pub const NEWRULE: u16 = 32;
    pub const DELRULE: u16 = 33;
    pub const GETRULE: u16 = 34;
    pub const NEWNSID: u16 = 88;
    pub const DELNSID: u16 = 89;
    pub const GETNSID: u16 = 90;
    pub const NEWNEXTHOP: u16 = 104;
    pub const DELNEXTHOP: u16 = 105;
    pub const GETNEXTHOP: u16 = 106;
}

/// Message types of nf_tables, `NFT_MSG_*`, with the number of its subsystem (`NFNL_SUBSYS_NFTABLES`) above them.
pub mod nft {
    #![allow(missing_docs)]
    /// `NFNL_SUBSYS_NFTABLES`: what the upper 8 bits of a message type say.
    pub const SUBSYSTEM: u16 = 10;
    pub const NEWTABLE: u16 = SUBSYSTEM << 8;
    pub const GETTABLE: u16 = (SUBSYSTEM << 8) | 1;
    pub const DELTABLE: u16 = (SUBSYSTEM << 8) | 2;
    pub const NEWCHAIN: u16 = (SUBSYSTEM << 8) | 3;
    pub const GETCHAIN: u16 = (SUBSYSTEM << 8) | 4;
    pub const DELCHAIN: u16 = (SUBSYSTEM << 8) | 5;
    pub const NEWRULE: u16 = (SUBSYSTEM << 8) | 6;
    pub const GETRULE: u16 = (SUBSYSTEM << 8) | 7;
    pub const DELRULE: u16 = (SUBSYSTEM << 8) | 8;
    pub const NEWSET: u16 = (SUBSYSTEM << 8) | 9;
    pub const GETSET: u16 = (SUBSYSTEM << 8) | 10;
    pub const DELSET: u16 = (SUBSYSTEM << 8) | 11;
    pub const NEWSETELEM: u16 = (SUBSYSTEM << 8) | 12;
    pub const GETSETELEM: u16 = (SUBSYSTEM << 8) | 13;
    pub const DELSETELEM: u16 = (SUBSYSTEM << 8) | 14;
    pub const NEWGEN: u16 = (SUBSYSTEM << 8) | 15;
    pub const GETGEN: u16 = (SUBSYSTEM << 8) | 16;
    pub const TRACE: u16 = (SUBSYSTEM << 8) | 17;
    pub const NEWOBJ: u16 = (SUBSYSTEM << 8) | 18;
    pub const GETOBJ: u16 = (SUBSYSTEM << 8) | 19;
    pub const DELOBJ: u16 = (SUBSYSTEM << 8) | 20;
    pub const GETOBJ_RESET: u16 = (SUBSYSTEM << 8) | 21;
    pub const NEWFLOWTABLE: u16 = (SUBSYSTEM << 8) | 22;
    pub const GETFLOWTABLE: u16 = (SUBSYSTEM << 8) | 23;
    pub const DELFLOWTABLE: u16 = (SUBSYSTEM << 8) | 24;
    pub const GETRULE_RESET: u16 = (SUBSYSTEM << 8) | 25;
    pub const DESTROYTABLE: u16 = (SUBSYSTEM << 8) | 26;
    pub const DESTROYCHAIN: u16 = (SUBSYSTEM << 8) | 27;
    pub const DESTROYRULE: u16 = (SUBSYSTEM << 8) | 28;
    pub const DESTROYSET: u16 = (SUBSYSTEM << 8) | 29;
    pub const DESTROYSETELEM: u16 = (SUBSYSTEM << 8) | 30;
    pub const DESTROYOBJ: u16 = (SUBSYSTEM << 8) | 31;
    pub const DESTROYFLOWTABLE: u16 = (SUBSYSTEM << 8) | 32;
    pub const GETSETELEM_RESET: u16 = (SUBSYSTEM << 8) | 33;
}

/// Message types of nfnetlink itself, `NFNL_MSG_*`.
pub mod nfnl {
    #![allow(missing_docs)]
    pub const BATCH_BEGIN: u16 = 16;
    pub const BATCH_END: u16 = 17;
}
