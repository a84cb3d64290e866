//! Families of tables (`NFPROTO_*`, <linux/netfilter.h>), by nft's words.

use std::fmt;
use std::str::FromStr;

use linx_wire::nft::family;

/// The family of a table.
///
/// ```
/// use linx::nft::Family;
///
/// assert_eq!("inet".parse(), Ok(Family::Inet));
/// assert_eq!(Family::Ip6.to_string(), "ip6");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// IPv4 and IPv6.
    Inet,
    /// ARP.
    Arp,
    /// A bridge.
    Bridge,
    /// A device's ingress and egress.
    Netdev,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Ip, Self::Ip6, Self::Inet, Self::Arp, Self::Bridge, Self::Netdev];

    /// Its number in messages, see [`family`].
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ip => family::IP,
            Self::Ip6 => family::IP6,
            Self::Inet => family::INET,
            Self::Arp => family::ARP,
            Self::Bridge => family::BRIDGE,
            Self::Netdev => family::NETDEV,
        }
    }

    /// The family of this number; `None` where nf_tables has none.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.number() == number)
    }

    /// nft's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        family::word(self.number()).unwrap_or_default()
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// It is none of nft's words for families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a family of nf_tables: ip, ip6, inet, arp, bridge, netdev")]
pub struct NotAFamily;

impl FromStr for Family {
    type Err = NotAFamily;

    fn from_str(word: &str) -> Result<Self, NotAFamily> {
        Self::ALL.into_iter().find(|family| family.word() == word).ok_or(NotAFamily)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_word_and_a_number() {
        for family in Family::ALL {
            assert_eq!(family.to_string().parse(), Ok(family));
            assert_eq!(Family::of_number(family.number()), Some(family));
        }
        assert_eq!("ipv4".parse::<Family>(), Err(NotAFamily));
        assert_eq!(Family::of_number(0), None);
    }
}
