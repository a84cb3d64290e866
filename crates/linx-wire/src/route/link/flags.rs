//! Flags and states of a link: `IFF_*`, `IF_OPER_*` (<linux/if.h>), RFC 2863.

bitflags::bitflags! {
    /// `ifi_flags`, `IFF_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct LinkFlags: u32 {
        /// Administratively up.
        const UP = 1 << 0;
        /// Has a broadcast address.
        const BROADCAST = 1 << 1;
        /// Debugging.
        const DEBUG = 1 << 2;
        /// A loopback.
        const LOOPBACK = 1 << 3;
        /// Has a single peer.
        const POINTOPOINT = 1 << 4;
        /// No trailers.
        const NOTRAILERS = 1 << 5;
        /// Operational, RFC 2863.
        const RUNNING = 1 << 6;
        /// No address resolution.
        const NOARP = 1 << 7;
        /// Promiscuous by request.
        const PROMISC = 1 << 8;
        /// Receives all multicasts by request.
        const ALLMULTI = 1 << 9;
        /// Master of a bundle.
        const MASTER = 1 << 10;
        /// Part of a bundle.
        const SLAVE = 1 << 11;
        /// Can do multicast.
        const MULTICAST = 1 << 12;
        /// Can set its media type.
        const PORTSEL = 1 << 13;
        /// Selects its media type by itself.
        const AUTOMEDIA = 1 << 14;
        /// A dial-up device with changing addresses.
        const DYNAMIC = 1 << 15;
        /// The carrier is there.
        const LOWER_UP = 1 << 16;
        /// Waits for an event, such as 802.1X.
        const DORMANT = 1 << 17;
        /// Echoes what it sends (CAN).
        const ECHO = 1 << 18;
        const _ = !0;
    }
}

impl LinkFlags {
    /// The words that ip prints, in its order: `NO-CARRIER` (up but not running) first, `RUNNING` not at all, bits
    /// without a name last, in hexadecimal.
    pub fn words(self) -> impl Iterator<Item = std::borrow::Cow<'static, str>> {
        const ORDER: [(LinkFlags, &str); 17] = [
            (LinkFlags::LOOPBACK, "LOOPBACK"),
            (LinkFlags::BROADCAST, "BROADCAST"),
            (LinkFlags::POINTOPOINT, "POINTOPOINT"),
            (LinkFlags::MULTICAST, "MULTICAST"),
            (LinkFlags::NOARP, "NOARP"),
            (LinkFlags::ALLMULTI, "ALLMULTI"),
            (LinkFlags::PROMISC, "PROMISC"),
            (LinkFlags::MASTER, "MASTER"),
            (LinkFlags::SLAVE, "SLAVE"),
            (LinkFlags::DEBUG, "DEBUG"),
            (LinkFlags::DYNAMIC, "DYNAMIC"),
            (LinkFlags::AUTOMEDIA, "AUTOMEDIA"),
            (LinkFlags::PORTSEL, "PORTSEL"),
            (LinkFlags::NOTRAILERS, "NOTRAILERS"),
            (LinkFlags::UP, "UP"),
            (LinkFlags::LOWER_UP, "LOWER_UP"),
            (LinkFlags::DORMANT, "DORMANT"),
        ];
        let no_carrier = self.contains(Self::UP) && !self.contains(Self::RUNNING);
        let named =
            ORDER.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, word)| (*word).into());
        let echo = self.contains(Self::ECHO).then(|| "ECHO".into());
        let rest = self.bits() & !0x7_ffff;
        let rest = (rest != 0).then(|| format!("{rest:x}").into());
        no_carrier.then(|| "NO-CARRIER".into()).into_iter().chain(named).chain(echo).chain(rest)
    }
}

/// `IFLA_OPERSTATE`, RFC 2863
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperState {
    /// The driver does not tell.
    Unknown,
    /// A part is missing.
    NotPresent,
    /// Down.
    Down,
    /// Down because the link below is.
    LowerLayerDown,
    /// Being tested.
    Testing,
    /// Waits for an event.
    Dormant,
    /// Up.
    Up,
    /// A value that this version does not know.
    Other(u8),
}

impl From<u8> for OperState {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Unknown,
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for OperState {
    /// ip's word; `state:N` for an unknown one, in hexadecimal as ip has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Unknown => "UNKNOWN",
            Self::NotPresent => "NOTPRESENT",
            Self::Down => "DOWN",
            Self::LowerLayerDown => "LOWERLAYERDOWN",
            Self::Testing => "TESTING",
            Self::Dormant => "DORMANT",
            Self::Up => "UP",
            Self::Other(value) => return write!(f, "{value:#x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_ips_words() {
        let words = |bits| LinkFlags::from_bits_retain(bits).words().collect::<Vec<_>>().join(",");
        assert_eq!(words(0x1_0049), "LOOPBACK,UP,LOWER_UP");
        assert_eq!(words(0x1003), "NO-CARRIER,BROADCAST,MULTICAST,UP");
        assert_eq!(words(0x8000_0000), "80000000");
        assert_eq!(OperState::from(6).to_string(), "UP");
        assert_eq!(OperState::from(9), OperState::Other(9));
    }
}
