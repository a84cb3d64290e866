//! Prefixes as people type them, and what is wrong with those that are none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::{Failure, Outcome, quoted};

/// `10.0.0.0/8`, `10/8`, `10.0.0.1`, `fd00::/64`, `default`: one prefix, or that of both families. Host bits are
/// cleared, as routes have none.
pub(crate) fn parse(text: &str) -> Outcome<Vec<IpNet>> {
    if matches!(text, "default" | "any" | "all") {
        return Ok(vec![Ipv4Net::default().into(), Ipv6Net::default().into()]);
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = match address.parse::<IpAddr>().ok().or_else(|| short(address).filter(|_| length.is_some()))
    {
        Some(address) => address,
        None => return Err(wrong(text, reason(address))),
    };
    let (family, most) = match address {
        IpAddr::V4(_) => ("an IPv4", 32),
        IpAddr::V6(_) => ("an IPv6", 128),
    };
    let length = match length {
        None => most,
        Some(digits) => digits
            .parse::<u8>()
            .ok()
            .filter(|length| *length <= most && digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| wrong(text, &format!("{family} length is 0 to {most}")))?,
    };
    match IpNet::new(address, length) {
        Ok(prefix) => Ok(vec![prefix.trunc()]),
        Err(_) => Err(wrong(text, &format!("{family} length is 0 to {most}"))),
    }
}

/// An address alone.
pub(crate) fn address(text: &str) -> Outcome<IpAddr> {
    text.parse().map_err(|_| Failure::usage(format!("{} is not an address: {}", quoted(text), reason(text))))
}

fn wrong(text: &str, reason: &str) -> Failure {
    Failure::usage(format!("{} is not a prefix: {reason}", quoted(text)))
}

/// ip's short form: the first bytes of an IPv4 address (`10/8`, `192.168/16`).
fn short(text: &str) -> Option<IpAddr> {
    let mut bytes = [0u8; 4];
    for (place, part) in text.split('.').enumerate() {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        *bytes.get_mut(place)? = part.parse().ok().filter(|_| digits)?;
    }
    Some(Ipv4Addr::from(bytes).into())
}

/// Why a text is no address.
fn reason(address: &str) -> &'static str {
    if address.is_empty() {
        "the address is missing"
    } else if address.contains(':') {
        match address.parse::<Ipv6Addr>() {
            Err(_) if address.contains('%') => "a prefix has no scope; use \"dev\"",
            _ => "this is no IPv6 address",
        }
    } else if address.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        "an IPv4 address is four numbers from 0 to 255"
    } else {
        "neither an IPv4 nor an IPv6 address"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let show = |text| parse(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(show("10.0.0.0/8"), "10.0.0.0/8");
        assert_eq!(show("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(show("10/8"), "10.0.0.0/8");
        assert_eq!(show("192.168/16"), "192.168.0.0/16");
        assert_eq!(show("10.0.0.1"), "10.0.0.1/32");
        assert_eq!(show("fd00::1"), "fd00::1/128");
        assert_eq!(show("fd00::/64"), "fd00::/64");
        assert_eq!(show("default"), "0.0.0.0/0 ::/0");
    }

    #[test]
    fn what_is_none_says_why() {
        let why = |text: &str| parse(text).unwrap_err().text().unwrap();
        assert_eq!(why("10.0.0.0/33"), "linx: \"10.0.0.0/33\" is not a prefix: an IPv4 length is 0 to 32");
        assert_eq!(why("fd00::/129"), "linx: \"fd00::/129\" is not a prefix: an IPv6 length is 0 to 128");
        assert_eq!(why("10.0.0.0/+8"), "linx: \"10.0.0.0/+8\" is not a prefix: an IPv4 length is 0 to 32");
        assert_eq!(why("/8"), "linx: \"/8\" is not a prefix: the address is missing");
        assert!(why("10").contains("four numbers"));
        assert!(why("300.1.1.1/8").contains("four numbers"));
        assert!(why("fe80::1%eth0").contains("no scope"));
        assert!(why("fd00:::/64").contains("no IPv6 address"));
        assert!(why("eth0").contains("neither"));
        assert!(why("10.0.0.0/").contains("0 to 32"));
        assert_eq!(address("x\x1b").unwrap_err().status(), 1);
    }
}
