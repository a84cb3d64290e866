//! The fixed part of every nf_tables message (`struct nfgenmsg`, <linux/netfilter/nfnetlink.h>), and families.

use zerocopy::byteorder::big_endian::U16;

use crate::object::fixed_part;

fixed_part! {
    /// `struct nfgenmsg`
    pub struct NfGenMsg {
        /// Family of the table, see [`family`].
        pub family: u8, Tracked;
        /// `NFNETLINK_V0`, always 0.
        pub version: u8, Volatile;
        /// Low 16 bits of the generation: of the new one in an event, of the current one in a dump. In a batch's begin
        /// and end: the subsystem.
        pub res_id: U16, Volatile;
    }
}

impl NfGenMsg {
    /// For a request: a family, and nothing else.
    #[must_use]
    pub fn new(family: u8) -> Self {
        Self { family, ..Self::EMPTY }
    }
}

/// Families of tables (`NFPROTO_*`, <linux/netfilter.h>).
pub mod family {
    /// Of a dump request: every family.
    pub const UNSPEC: u8 = 0;
    /// IPv4 and IPv6.
    pub const INET: u8 = 1;
    /// IPv4.
    pub const IP: u8 = 2;
    /// ARP.
    pub const ARP: u8 = 3;
    /// A device's ingress or egress.
    pub const NETDEV: u8 = 5;
    /// A bridge.
    pub const BRIDGE: u8 = 7;
    /// IPv6.
    pub const IP6: u8 = 10;

    /// The word that nft uses; `None` for a family that it does not have.
    #[must_use]
    pub fn word(family: u8) -> Option<&'static str> {
        Some(match family {
            INET => "inet",
            IP => "ip",
            ARP => "arp",
            NETDEV => "netdev",
            BRIDGE => "bridge",
            IP6 => "ip6",
            _ => return None,
        })
    }
}
