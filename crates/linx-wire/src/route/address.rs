//! IP addresses of links (`struct ifaddrmsg`, `IFA_*`, <linux/if_addr.h>).
//!
//! `IFA_LOCAL` is the link's own address; `IFA_ADDRESS` is the other end's on a point-to-point link, the same address
//! elsewhere. IPv6 sends `IFA_LOCAL` only beside another end.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::addr::prefix;
use crate::name::Name;
use crate::object::{fixed_part, object};
use crate::policy::attributes;

fixed_part! {
    /// `struct ifaddrmsg`
    pub struct IfAddrMsg {
        /// Address family.
        pub family: u8, Tracked;
        /// Length of the prefix, bits.
        pub prefixlen: u8, Tracked;
        /// Low 8 bits of the flags. `IFA_FLAGS` repeats them, and is what is compared.
        pub flags8: u8, Volatile;
        /// `RT_SCOPE_*`
        pub scope: u8, Tracked;
        /// Index of the link.
        pub index: u32, Tracked;
    }
}

fixed_part! {
    /// `struct ifa_cacheinfo`
    pub struct AddressCacheInfo {
        /// Remaining time as a preferred address, seconds; all ones: for ever.
        pub preferred: u32, Deadline;
        /// Remaining time as a valid address, seconds; all ones: for ever.
        pub valid: u32, Deadline;
        /// When it was made, hundredths of a second of the kernel's uptime.
        pub created: u32, Volatile;
        /// When it was last changed, hundredths of a second of the kernel's uptime.
        pub updated: u32, Volatile;
    }
}

attributes! {
    /// `IFA_*`
    pub ADDRESS "IFA" as AddressAttributes {
        address = 1 ADDRESS: ip, Tracked;
        local = 2 LOCAL: ip, Tracked;
        label = 3 LABEL: name, Tracked;
        broadcast = 4 BROADCAST: ip, Tracked;
        anycast = 5 ANYCAST: ip, Tracked;
        cacheinfo = 6 CACHEINFO: structure(AddressCacheInfo), Deadline;
        multicast = 7 MULTICAST: ip, Tracked;
        flags = 8 FLAGS: u32, Tracked;
        /// Metric of the prefix route.
        metric = 9 RT_PRIORITY: u32, Tracked;
        target_netnsid = 10 TARGET_NETNSID: i32, Volatile;
        /// `IFAPROT_*`
        protocol = 11 PROTO: u8, Tracked;
    }
}

bitflags::bitflags! {
    /// `IFA_F_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct AddressFlags: u32 {
        /// IPv4: not the first of its prefix. IPv6: temporary (`IFA_F_TEMPORARY`, the same bit).
        const SECONDARY = 0x01;
        /// No duplicate address detection.
        const NODAD = 0x02;
        /// Used before duplicate address detection has ended.
        const OPTIMISTIC = 0x04;
        /// Duplicate address detection found a duplicate.
        const DADFAILED = 0x08;
        /// Mobile IPv6 home address.
        const HOMEADDRESS = 0x10;
        /// No longer preferred.
        const DEPRECATED = 0x20;
        /// Duplicate address detection has not ended.
        const TENTATIVE = 0x40;
        /// It has no end of life.
        const PERMANENT = 0x80;
        /// Template of temporary addresses.
        const MANAGETEMPADDR = 0x100;
        /// No prefix route was made for it.
        const NOPREFIXROUTE = 0x200;
        /// Its multicast group is joined.
        const MCAUTOJOIN = 0x400;
        /// Made by stable privacy (RFC 7217).
        const STABLE_PRIVACY = 0x800;
        const _ = !0;
    }
}

/// How long something lasts, as of the moment when the kernel sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// Without end.
    Forever,
    /// For this long, whole seconds.
    Remaining(Duration),
}

impl Lifetime {
    /// The remaining time; `None` is for ever.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::Remaining(duration) => Some(duration),
        }
    }

    /// The kernel's number of seconds, of which all ones (`INFINITY_LIFE_TIME`) are for ever.
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Self {
        match seconds {
            u32::MAX => Self::Forever,
            seconds => Self::Remaining(Duration::from_secs(seconds.into())),
        }
    }
}

object! {
    /// An IP address of a link.
    Address, AddressRef, AddressView;
    header IfAddrMsg; attributes AddressAttributes by ADDRESS;
    kind Address = NEWADDR | DELADDR | GETADDR;

    /// Address family (`AF_INET`, `AF_INET6`).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// Index of the link.
    fn index(&self) -> u32 {
        self.header().index
    }

    /// Length of the prefix, bits.
    fn prefix_len(&self) -> u8 {
        self.header().prefixlen
    }

    /// `RT_SCOPE_*`
    fn scope(&self) -> u8 {
        self.header().scope
    }

    /// The link's own address without its prefix.
    fn local(&self) -> Option<IpAddr> {
        let attributes = self.attributes();
        attributes.local().or_else(|| attributes.address())
    }

    /// The link's own address with its prefix length, host bits kept; `None` when the message has no address (that of
    /// an anycast or multicast address) or a length that does not fit it.
    fn address(&self) -> Option<IpNet> {
        prefix(self.local()?, self.prefix_len())
    }

    /// The other end of a point-to-point link, with the prefix length: where it differs from [`Self::local`].
    fn peer(&self) -> Option<IpNet> {
        let attributes = self.attributes();
        let (local, address) = (attributes.local()?, attributes.address()?);
        if local == address { None } else { prefix(address, self.prefix_len()) }
    }

    /// Broadcast address.
    fn broadcast(&self) -> Option<IpAddr> {
        self.attributes().broadcast()
    }

    /// The IPv4 label: the link's name, perhaps with `:suffix`.
    fn label(&self) -> Option<Name<'_>> {
        self.attributes().label()
    }

    /// All 32 bits of the flags.
    fn flags(&self) -> AddressFlags {
        let flags = self.attributes().flags();
        AddressFlags::from_bits_retain(flags.unwrap_or_else(|| self.header().flags8.into()))
    }

    /// How long it stays valid; what has no `IFA_CACHEINFO` has no end.
    fn valid(&self) -> Lifetime {
        self.attributes().cacheinfo().map_or(Lifetime::Forever, |info| Lifetime::from_seconds(info.valid))
    }

    /// How long it stays preferred; what has no `IFA_CACHEINFO` has no end.
    fn preferred(&self) -> Lifetime {
        self.attributes().cacheinfo().map_or(Lifetime::Forever, |info| Lifetime::from_seconds(info.preferred))
    }

    /// Who made it: `IFAPROT_*`; 0 is not told.
    fn protocol(&self) -> u8 {
        self.attributes().protocol().unwrap_or_default()
    }

    /// Metric of its prefix route; 0 is the kernel's own choice.
    fn metric(&self) -> u32 {
        self.attributes().metric().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::family;
    use crate::emit::Request;
    use crate::header::MessageFlags;
    use crate::{Compare, Decode};

    fn message(family: u8, prefixlen: u8) -> Request {
        let header = IfAddrMsg { family, prefixlen, flags8: 0x80, scope: 0, index: 7 };
        Request::new(Address::NEW, MessageFlags::empty()).body(&header)
    }

    fn with_lifetimes(request: Request, preferred: u32, valid: u32) -> Address {
        let info = AddressCacheInfo { preferred, valid, created: 1, updated: 2 };
        Address::decode(request.attribute(6, zerocopy::IntoBytes::as_bytes(&info)).payload()).unwrap()
    }

    #[test]
    fn an_ipv4_address_with_peer_label_and_wide_flags() {
        let request = message(family::INET, 24)
            .attribute(1, &[10, 0, 0, 9])
            .attribute(2, &[10, 0, 0, 1])
            .attribute(4, &[10, 0, 0, 255])
            .attribute_name(3, b"eth0:1")
            .attribute_u32(8, 0x280)
            .attribute_u8(11, 3);
        let address = with_lifetimes(request, 60, u32::MAX);
        let borrowed = address.as_ref();
        assert_eq!(address.address().unwrap().to_string(), "10.0.0.1/24");
        assert_eq!(borrowed.peer().unwrap().to_string(), "10.0.0.9/24");
        assert_eq!(borrowed.broadcast(), Some("10.0.0.255".parse().unwrap()));
        assert_eq!(borrowed.label().unwrap(), "eth0:1");
        assert_eq!(address.flags(), AddressFlags::PERMANENT | AddressFlags::NOPREFIXROUTE);
        assert_eq!(address.preferred(), Lifetime::Remaining(Duration::from_secs(60)));
        assert_eq!((address.valid(), address.index(), address.protocol()), (Lifetime::Forever, 7, 3));
    }

    #[test]
    fn an_ipv6_address_has_no_local_unless_it_has_a_peer() {
        let plain = Address::decode(message(family::INET6, 64).attribute(1, &[1; 16]).payload()).unwrap();
        assert_eq!(plain.address().unwrap().to_string(), "101:101:101:101:101:101:101:101/64");
        assert_eq!((plain.peer(), plain.flags()), (None, AddressFlags::PERMANENT));
        let same = message(family::INET, 32).attribute(1, &[1; 4]).attribute(2, &[1; 4]);
        assert_eq!(Address::decode(same.payload()).unwrap().peer(), None);
    }

    #[test]
    fn a_prefix_length_that_does_not_fit_is_no_prefix() {
        let address = Address::decode(message(family::INET, 33).attribute(1, &[1; 4]).payload()).unwrap();
        assert_eq!((address.address(), address.prefix_len()), (None, 33));
        assert_eq!(address.local(), Some("1.1.1.1".parse().unwrap()));
    }

    #[test]
    fn lifetimes_are_deadlines_not_differences() {
        let base = || message(family::INET, 24).attribute(2, &[10, 0, 0, 1]).attribute_u32(8, 0);
        let (one, two) = (with_lifetimes(base(), 60, 600), with_lifetimes(base(), 59, 599));
        assert_eq!(one, two);
        assert_eq!(one.differences(&two, Compare::Everything), ["cacheinfo"]);
        let permanent = Address::decode(base().attribute_u32(8, 0x80).payload()).unwrap();
        assert_eq!(one.differences(&permanent, Compare::Tracked), ["flags"]);
    }
}
