//! Addresses: hardware addresses of any length, IP addresses and prefixes from payloads.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::reader::fixed;

/// Longest hardware address (`MAX_ADDR_LEN`, <linux/netdevice.h>), bytes.
pub const MAX_LINK_ADDR: usize = 32;

/// A hardware address: 6 bytes for Ethernet, 4 or 16 for tunnels, 20 for InfiniBand, none for some.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkAddr {
    bytes: [u8; MAX_LINK_ADDR],
    length: u8,
}

impl LinkAddr {
    /// The address of these bytes; `None` beyond 32.
    #[must_use]
    pub fn new(address: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_LINK_ADDR];
        bytes.get_mut(..address.len())?.copy_from_slice(address);
        Some(Self { bytes, length: u8::try_from(address.len()).ok()? })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The address as an IPv4 or IPv6 address, where its length allows (tunnels: `ARPHRD_TUNNEL`, `ARPHRD_SIT`,
    /// `ARPHRD_IPGRE`, `ARPHRD_TUNNEL6`, `ARPHRD_IP6GRE`).
    #[must_use]
    pub fn to_ip(&self) -> Option<IpAddr> {
        ip(self.as_bytes())
    }
}

impl fmt::Display for LinkAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.as_bytes().iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for LinkAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Address families (`AF_*`) that rtnetlink messages carry.
pub mod family {
    /// `AF_UNSPEC`
    pub const UNSPEC: u8 = 0;
    /// `AF_INET`
    pub const INET: u8 = 2;
    /// `AF_BRIDGE`
    pub const BRIDGE: u8 = 7;
    /// `AF_INET6`
    pub const INET6: u8 = 10;
    /// `AF_MPLS`
    pub const MPLS: u8 = 28;
    /// `RTNL_FAMILY_IPMR`
    pub const IPMR: u8 = 128;
    /// `RTNL_FAMILY_IP6MR`
    pub const IP6MR: u8 = 129;
}

/// Size of an address of `family`, bytes.
#[must_use]
pub fn address_len(family: u8) -> Option<usize> {
    match family {
        family::INET | family::IPMR => Some(4),
        family::INET6 | family::IP6MR => Some(16),
        _ => None,
    }
}

/// An IP address of 4 or 16 bytes.
#[inline]
#[must_use]
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(fixed::<4>(bytes)))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(fixed::<16>(bytes)))),
        _ => None,
    }
}

/// A prefix, host bits kept; `None` when the length does not fit the address.
#[inline]
#[must_use]
pub fn prefix(address: IpAddr, length: u8) -> Option<IpNet> {
    IpNet::new(address, length).ok()
}

/// The unspecified address of `family` (`0.0.0.0`, `::`).
#[must_use]
pub fn unspecified(family: u8) -> Option<IpAddr> {
    match address_len(family)? {
        4 => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        _ => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_of_any_length() {
        assert_eq!(LinkAddr::new(&[2, 0, 0, 0xaa, 1, 0xff]).unwrap().to_string(), "02:00:00:aa:01:ff");
        assert_eq!(LinkAddr::new(&[]).unwrap().to_string(), "");
        assert!(LinkAddr::new(&[0; 33]).is_none());
        assert_eq!(LinkAddr::new(&[10, 0, 0, 1]).unwrap().to_ip(), Some("10.0.0.1".parse().unwrap()));
    }
}
