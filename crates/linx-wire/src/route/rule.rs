//! Routing policy rules (`struct fib_rule_hdr`, `FRA_*`, <linux/fib_rules.h>).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::addr::{prefix, unspecified};
use crate::name::Name;
use crate::object::{fixed_part, object};
use crate::policy::attributes;

fixed_part! {
    /// `struct fib_rule_hdr`
    pub struct FibRuleHdr {
        /// Address family; `RTNL_FAMILY_IPMR` and `RTNL_FAMILY_IP6MR` for multicast routing.
        pub family: u8, Tracked;
        /// Length of the destination prefix, bits.
        pub dst_len: u8, Tracked;
        /// Length of the source prefix, bits.
        pub src_len: u8, Tracked;
        /// Type of service; 0 also where `FRA_DSCP` is there.
        pub tos: u8, Tracked;
        /// Low 8 bits of the table. `FRA_TABLE` repeats them, and is what is compared.
        pub table8: u8, Volatile;
        /// Reserved.
        pub res1: u8, Volatile;
        /// Reserved.
        pub res2: u8, Volatile;
        /// `FR_ACT_*`
        pub action: u8, Tracked;
        /// `FIB_RULE_*`
        pub flags: u32, Tracked;
    }
}

fixed_part! {
    /// `struct fib_rule_uid_range`: both ends included.
    pub struct UidRange {
        /// First user id.
        pub start: u32, Tracked;
        /// Last user id.
        pub end: u32, Tracked;
    }
}

fixed_part! {
    /// `struct fib_rule_port_range`: both ends included.
    pub struct PortRange {
        /// First port.
        pub start: u16, Tracked;
        /// Last port.
        pub end: u16, Tracked;
    }
}

attributes! {
    /// `FRA_*`
    pub RULE "FRA" as RuleAttributes {
        dst = 1 DST: ip, Tracked;
        src = 2 SRC: ip, Tracked;
        iif = 3 IIFNAME: name, Tracked;
        goto = 4 GOTO: u32, Tracked;
        priority = 6 PRIORITY: u32, Tracked;
        fwmark = 10 FWMARK: u32, Tracked;
        /// Realms: of the source in the high 16 bits, of the destination in the low ones.
        flow = 11 FLOW: u32, Tracked;
        tun_id = 12 TUN_ID: be64, Tracked;
        suppress_ifgroup = 13 SUPPRESS_IFGROUP: u32, Tracked;
        suppress_prefixlen = 14 SUPPRESS_PREFIXLEN: u32, Tracked;
        table = 15 TABLE: u32, Tracked;
        fwmask = 16 FWMASK: u32, Tracked;
        oif = 17 OIFNAME: name, Tracked;
        pad = 18 PAD: bytes, Volatile;
        l3mdev = 19 L3MDEV: bool, Tracked;
        uid_range = 20 UID_RANGE: structure(UidRange), Tracked;
        protocol = 21 PROTOCOL: u8, Tracked;
        ipproto = 22 IP_PROTO: u8, Tracked;
        sport = 23 SPORT_RANGE: structure(PortRange), Tracked;
        dport = 24 DPORT_RANGE: structure(PortRange), Tracked;
        dscp = 25 DSCP: u8, Tracked;
        flowlabel = 26 FLOWLABEL: be32, Tracked;
        flowlabel_mask = 27 FLOWLABEL_MASK: be32, Tracked;
        sport_mask = 28 SPORT_MASK: u16, Tracked;
        dport_mask = 29 DPORT_MASK: u16, Tracked;
        dscp_mask = 30 DSCP_MASK: u8, Tracked;
    }
}

bitflags::bitflags! {
    /// `FIB_RULE_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct RuleFlags: u32 {
        /// It cannot be deleted.
        const PERMANENT = 0x1;
        /// It holds for what does not match.
        const INVERT = 0x2;
        /// The rule that it jumps to does not exist.
        const UNRESOLVED = 0x4;
        /// Its input interface does not exist.
        const IIF_DETACHED = 0x8;
        /// Its output interface does not exist.
        const OIF_DETACHED = 0x10;
        /// A source address is looked for in the lookup.
        const FIND_SADDR = 0x1_0000;
        const _ = !0;
    }
}

/// What a rule does (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleAction {
    /// Looks up its table.
    ToTable,
    /// Goes on at the rule of another priority.
    Goto,
    /// Does nothing.
    Nop,
    /// Drops in silence.
    Blackhole,
    /// Drops with ENETUNREACH.
    Unreachable,
    /// Drops with EACCES.
    Prohibit,
    /// Another action's number.
    Other(u8),
}

impl RuleAction {
    /// The action of a kernel number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::ToTable,
            2 => Self::Goto,
            3 => Self::Nop,
            6 => Self::Blackhole,
            7 => Self::Unreachable,
            8 => Self::Prohibit,
            other => Self::Other(other),
        }
    }
}

/// A packet's mark that a rule wants: `mark` in the bits of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fwmark {
    /// The bits' values.
    pub mark: u32,
    /// The bits that count.
    pub mask: u32,
}

/// Ports that a rule wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// First port.
    pub start: u16,
    /// Last port.
    pub end: u16,
    /// The bits that count, where not all do (6.16).
    pub mask: Option<u16>,
}

impl Ports {
    fn new(range: Option<&PortRange>, mask: Option<u16>) -> Option<Self> {
        let PortRange { start, end } = *range?;
        Some(Self { start, end, mask: mask.filter(|mask| *mask != u16::MAX) })
    }
}

object! {
    /// A routing policy rule.
    Rule, RuleRef, RuleView;
    header FibRuleHdr; attributes RuleAttributes by RULE;
    kind Rule = NEWRULE | DELRULE | GETRULE;

    /// Address family.
    fn family(&self) -> u8 {
        self.header().family
    }

    /// Its place among the rules of its family: the lowest comes first.
    fn priority(&self) -> u32 {
        self.attributes().priority().unwrap_or_default()
    }

    /// What it does.
    fn action(&self) -> RuleAction {
        RuleAction::from_number(self.header().action)
    }

    /// `FIB_RULE_*`
    fn flags(&self) -> RuleFlags {
        RuleFlags::from_bits_retain(self.header().flags)
    }

    /// Source addresses that it wants; `None` is all.
    fn from(&self) -> Option<IpNet> {
        selector(self.family(), self.attributes().src(), self.header().src_len)
    }

    /// Destination addresses that it wants; `None` is all.
    fn to(&self) -> Option<IpNet> {
        selector(self.family(), self.attributes().dst(), self.header().dst_len)
    }

    /// Name of the input interface that it wants.
    fn iif(&self) -> Option<Name<'_>> {
        self.attributes().iif()
    }

    /// Name of the output interface that it wants.
    fn oif(&self) -> Option<Name<'_>> {
        self.attributes().oif()
    }

    /// The table that it looks up; 0 is none (actions other than a lookup, and `l3mdev`).
    fn table(&self) -> u32 {
        self.attributes().table().unwrap_or_else(|| self.header().table8.into())
    }

    /// Whether it looks up the table of the packet's VRF.
    fn l3mdev(&self) -> bool {
        self.attributes().l3mdev().unwrap_or_default()
    }

    /// Priority of the rule that it jumps to.
    fn goto(&self) -> Option<u32> {
        self.attributes().goto()
    }

    /// Type of service that it wants; 0 is any.
    fn tos(&self) -> u8 {
        self.header().tos
    }

    /// Differentiated services code point that it wants, and the bits of it that count.
    fn dscp(&self) -> Option<(u8, Option<u8>)> {
        let attributes = self.attributes();
        attributes.dscp().map(|dscp| (dscp, attributes.dscp_mask()))
    }

    /// IPv6 flow label that it wants, and the bits of it that count.
    fn flowlabel(&self) -> Option<(u32, Option<u32>)> {
        let attributes = self.attributes();
        attributes.flowlabel().map(|label| (label, attributes.flowlabel_mask()))
    }

    /// Packet mark that it wants.
    fn fwmark(&self) -> Option<Fwmark> {
        let (mark, mask) = (self.attributes().fwmark(), self.attributes().fwmask());
        if mark.is_none() && mask.is_none() {
            return None;
        }
        Some(Fwmark { mark: mark.unwrap_or_default(), mask: mask.unwrap_or(u32::MAX) })
    }

    /// IP protocol that it wants (`IPPROTO_*`).
    fn ip_protocol(&self) -> Option<u8> {
        self.attributes().ipproto()
    }

    /// Source ports that it wants.
    fn sport(&self) -> Option<Ports> {
        Ports::new(self.attributes().sport(), self.attributes().sport_mask())
    }

    /// Destination ports that it wants.
    fn dport(&self) -> Option<Ports> {
        Ports::new(self.attributes().dport(), self.attributes().dport_mask())
    }

    /// User ids that it wants.
    fn uid_range(&self) -> Option<UidRange> {
        self.attributes().uid_range().copied()
    }

    /// Tunnel id that it wants.
    fn tun_id(&self) -> Option<u64> {
        self.attributes().tun_id()
    }

    /// Realms that it sets: source in the high 16 bits, destination in the low ones.
    fn flow(&self) -> Option<u32> {
        self.attributes().flow()
    }

    /// Results with a prefix of this length or a shorter one are not used. The kernel's -1 is `None`.
    fn suppress_prefixlen(&self) -> Option<u32> {
        self.attributes().suppress_prefixlen().filter(|length| *length != u32::MAX)
    }

    /// Results whose device is in this group are not used. The kernel's -1 is `None`.
    fn suppress_ifgroup(&self) -> Option<u32> {
        self.attributes().suppress_ifgroup().filter(|group| *group != u32::MAX)
    }

    /// Who made it: `RTPROT_*`; 0 is not told.
    fn protocol(&self) -> u8 {
        self.attributes().protocol().unwrap_or_default()
    }
}

/// A selector without an address has length 0, but for one whose address is all zeros.
fn selector(family: u8, address: Option<IpAddr>, length: u8) -> Option<IpNet> {
    match address {
        Some(address) => prefix(address, length),
        None if length == 0 => None,
        None => prefix(unspecified(family)?, length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::family;
    use crate::emit::Request;
    use crate::header::MessageFlags;
    use crate::{Compare, Decode};

    fn message(header: FibRuleHdr) -> Request {
        Request::new(Rule::NEW, MessageFlags::empty()).body(&header)
    }

    fn rule(request: &Request) -> Rule {
        Rule::decode(request.payload()).unwrap()
    }

    #[test]
    fn a_rule_with_every_selector() {
        let header = FibRuleHdr {
            family: family::INET,
            src_len: 24,
            table8: 252,
            action: 1,
            flags: 0xa,
            ..FibRuleHdr::default()
        };
        let request = message(header)
            .attribute_u32(6, 100)
            .attribute(2, &[10, 1, 2, 0])
            .attribute_name(3, b"eth0")
            .attribute_name(17, b"eth1")
            .attribute_u32(15, 1000)
            .attribute_u32(10, 0x10)
            .attribute_u32(16, 0xf0)
            .attribute_u32(14, u32::MAX)
            .attribute_u32(13, 5)
            .attribute(12, &9u64.to_be_bytes())
            .attribute(20, zerocopy::IntoBytes::as_bytes(&UidRange { start: 1000, end: 2000 }))
            .attribute_u8(22, 6)
            .attribute(23, zerocopy::IntoBytes::as_bytes(&PortRange { start: 1, end: 1 }))
            .attribute(28, &0xff00u16.to_ne_bytes())
            .attribute(24, zerocopy::IntoBytes::as_bytes(&PortRange { start: 80, end: 90 }))
            .attribute_u8(25, 10)
            .attribute_u8(30, 0x3f)
            .attribute(26, &0x12345u32.to_be_bytes())
            .attribute_u8(21, 3);
        let rule = rule(&request);
        let borrowed = rule.as_ref();
        assert_eq!(borrowed.from().unwrap().to_string(), "10.1.2.0/24");
        assert_eq!((rule.to(), rule.priority(), rule.table()), (None, 100, 1000));
        assert_eq!((rule.iif().unwrap(), borrowed.oif().unwrap()), (Name::new(b"eth0"), Name::new(b"eth1")));
        assert_eq!(rule.action(), RuleAction::ToTable);
        assert_eq!(rule.flags(), RuleFlags::INVERT | RuleFlags::IIF_DETACHED);
        assert_eq!(rule.fwmark(), Some(Fwmark { mark: 0x10, mask: 0xf0 }));
        assert_eq!(
            (rule.suppress_prefixlen(), rule.suppress_ifgroup(), rule.tun_id()),
            (None, Some(5), Some(9))
        );
        assert_eq!(rule.uid_range(), Some(UidRange { start: 1000, end: 2000 }));
        assert_eq!(rule.sport(), Some(Ports { start: 1, end: 1, mask: Some(0xff00) }));
        assert_eq!(rule.dport(), Some(Ports { start: 80, end: 90, mask: None }));
        assert_eq!((rule.dscp(), rule.flowlabel()), (Some((10, Some(0x3f))), Some((0x12345, None))));
        assert_eq!((rule.ip_protocol(), rule.protocol(), rule.l3mdev()), (Some(6), 3, false));
    }

    #[test]
    fn a_prefix_of_zeros_has_no_attribute_and_all_has_no_length() {
        let header =
            FibRuleHdr { family: family::INET6, dst_len: 8, table8: 254, action: 7, ..FibRuleHdr::default() };
        let rule = rule(&message(header));
        assert_eq!(rule.to().unwrap().to_string(), "::/8");
        assert_eq!((rule.from(), rule.table(), rule.priority()), (None, 254, 0));
        assert_eq!((rule.action(), rule.fwmark()), (RuleAction::Unreachable, None));
        assert_eq!(RuleAction::from_number(42), RuleAction::Other(42));
    }

    #[test]
    fn a_mask_without_a_mark_wants_the_mark_zero() {
        let rule = rule(&message(FibRuleHdr::default()).attribute_u32(16, 0xff));
        assert_eq!(rule.fwmark(), Some(Fwmark { mark: 0, mask: 0xff }));
    }

    #[test]
    fn a_vanished_device_is_a_difference() {
        let with = |flags| rule(&message(FibRuleHdr { flags, ..FibRuleHdr::default() }));
        assert_eq!(with(0).differences(&with(8), Compare::Tracked), ["flags"]);
    }
}
