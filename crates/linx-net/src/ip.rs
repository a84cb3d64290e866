//! IP addresses as text, as `inet_ntop` of glibc writes them, into a small buffer: ten times as fast as formatting.
//!
//! The spelling differs from that of the standard library in one case: an address whose first 96 bits are zero ends
//! in dotted form (`::10.0.0.1`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

use ipnet::IpNet;

/// Text of at most 64 bytes, on the stack.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; Self::SIZE],
    length: u8,
}

impl Text {
    const SIZE: usize = 64;

    /// Nothing yet.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: [0; Self::SIZE], length: 0 }
    }

    /// Adds an ASCII character; what does not fit is left out.
    #[inline(always)]
    pub fn push(&mut self, character: u8) {
        if let Some(place) = self.bytes.get_mut(usize::from(self.length)) {
            *place = character;
            self.length += 1;
        }
    }

    /// Adds ASCII text; what does not fit is left out.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        self.push_ascii(text.as_bytes());
    }

    /// Adds a number below 256.
    #[inline(always)]
    fn push_octet(&mut self, number: u8) {
        let &[a, b, c, length] = OCTETS.get(usize::from(number)).unwrap_or(&[b'?', 0, 0, 1]);
        let rest = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        // Three bytes at once, of which the next overwrites what is no digit.
        if let Some(place) = rest.first_chunk_mut() {
            *place = [a, b, c];
            self.length += length;
        }
    }

    /// Adds a number without leading zeros.
    #[inline]
    pub fn push_decimal(&mut self, number: u64) {
        let mut digits = [0; DIGITS];
        self.push_ascii(decimals(number, &mut digits));
    }

    /// Adds the last `N` digits of a number.
    #[cfg(feature = "json")]
    #[inline]
    pub(crate) fn push_digits<const N: usize>(&mut self, mut number: u32) {
        let mut digits = [0; N];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.push_ascii(&digits);
    }

    #[inline(always)]
    fn push_ascii(&mut self, ascii: &[u8]) {
        let start = usize::from(self.length);
        if let Some(place) = self.bytes.get_mut(start..start + ascii.len()) {
            place.copy_from_slice(ascii);
            self.length += ascii.len() as u8;
        }
    }

    #[inline(always)]
    fn push_hex(&mut self, number: u16) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut started = false;
        for shift in [12, 8, 4, 0] {
            let digit = number >> shift & 15;
            started |= digit != 0 || shift == 0;
            if started {
                self.push(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'?'));
            }
        }
    }

    /// The text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text's bytes: ASCII.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Digits of the largest number.
pub(crate) const DIGITS: usize = 20;

/// The digits of a number.
#[inline(always)]
pub(crate) fn decimals(mut number: u64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut start = DIGITS;
    loop {
        start -= 1;
        if let Some(place) = digits.get_mut(start) {
            *place = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 || start == 0 {
            return digits.get(start..).unwrap_or_default();
        }
    }
}

/// The numbers below 256: their digits from the left, and how many these are.
static OCTETS: [[u8; 4]; 256] = {
    let mut all = [[0; 4]; 256];
    let mut number = 0;
    while number < 256 {
        let n = number as u8;
        let digits = [b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10];
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            all[number] = match n {
                100.. => [digits[0], digits[1], digits[2], 3],
                10.. => [digits[1], digits[2], 0, 2],
                _ => [digits[2], 0, 0, 1],
            };
        }
        number += 1;
    }
    all
};

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// An address.
#[inline]
#[must_use]
pub fn address(address: IpAddr) -> Text {
    let mut text = Text::new();
    push_address(&mut text, address);
    text
}

/// A destination in both of its forms, written once.
#[cfg(any(feature = "json", test))]
pub(crate) struct Destination {
    /// As [`with_length`].
    text: Text,
    /// How much of it is shown; `None`: it is `default`.
    shown: Option<u8>,
}

#[cfg(any(feature = "json", test))]
impl Destination {
    #[inline]
    pub(crate) fn new(prefix: IpNet) -> Self {
        let mut text = Text::new();
        push_address(&mut text, prefix.addr());
        let address = text.length;
        text.push(b'/');
        text.push_octet(prefix.prefix_len());
        let shown = match prefix.prefix_len() {
            0 if prefix.addr().is_unspecified() => None,
            length if length == prefix.max_prefix_len() => Some(address),
            _ => Some(text.length),
        };
        Self { text, shown }
    }

    /// As [`with_length`].
    #[inline]
    pub(crate) fn with_length(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// As [`destination`].
    #[inline]
    pub(crate) fn shown(&self) -> &[u8] {
        match self.shown {
            Some(length) => self.text.bytes.get(..usize::from(length)).unwrap_or_default(),
            None => b"default",
        }
    }
}

/// A prefix: the address alone when all its bits count, `default` when none does.
#[inline]
#[must_use]
pub fn destination(prefix: IpNet) -> Text {
    let mut text = Text::new();
    if prefix.prefix_len() == 0 && prefix.addr().is_unspecified() {
        text.push_str("default");
    } else {
        push_prefix(&mut text, prefix);
    }
    text
}

/// A prefix: the address alone when all its bits count.
#[inline]
#[must_use]
pub fn prefix(prefix: IpNet) -> Text {
    let mut text = Text::new();
    push_prefix(&mut text, prefix);
    text
}

/// A prefix, with its length always.
#[inline]
#[must_use]
pub fn with_length(prefix: IpNet) -> Text {
    let mut text = Text::new();
    push_address(&mut text, prefix.addr());
    text.push(b'/');
    text.push_octet(prefix.prefix_len());
    text
}

/// A number.
#[inline]
#[must_use]
pub fn decimal(number: u64) -> Text {
    let mut text = Text::new();
    text.push_decimal(number);
    text
}

/// A stack of MPLS labels, 4 bytes each in network order, down to its bottom (<linux/mpls.h>).
#[must_use]
pub fn labels(stack: &[u8]) -> String {
    let mut text = String::new();
    for entry in stack.chunks_exact(4).filter_map(|entry| entry.first_chunk()) {
        let entry = u32::from_be_bytes(*entry);
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(&decimal((entry >> 12).into()));
        if entry & 0x100 != 0 {
            break;
        }
    }
    text
}

#[inline]
fn push_prefix(text: &mut Text, prefix: IpNet) {
    push_address(text, prefix.addr());
    if prefix.prefix_len() != prefix.max_prefix_len() {
        text.push(b'/');
        text.push_octet(prefix.prefix_len());
    }
}

#[inline]
fn push_address(text: &mut Text, address: IpAddr) {
    match address {
        IpAddr::V4(address) => push_v4(text, address),
        IpAddr::V6(address) => push_v6(text, address),
    }
}

#[inline(always)]
fn push_v4(text: &mut Text, address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    text.push_octet(a);
    text.push(b'.');
    text.push_octet(b);
    text.push(b'.');
    text.push_octet(c);
    text.push(b'.');
    text.push_octet(d);
}

fn push_v6(text: &mut Text, address: Ipv6Addr) {
    let words = address.segments();
    let (start, length) = longest_zeros(words);
    let mapped = length == 5 && start == 0 && matches!(words, [.., 0xffff, _, _]);
    if start == 0 && (length == 6 || mapped) {
        text.push_str(if mapped { "::ffff:" } else { "::" });
        let [.., a, b, c, d] = address.octets();
        return push_v4(text, Ipv4Addr::new(a, b, c, d));
    }
    for (index, word) in words.into_iter().enumerate() {
        if length > 1 && index >= start && index < start + length {
            if index == start {
                text.push_str("::");
            }
            continue;
        }
        if index != 0 && !(length > 1 && index == start + length) {
            text.push(b':');
        }
        text.push_hex(word);
    }
}

/// The first longest run of zeros: where and how long.
fn longest_zeros(words: [u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), (0, 0));
    for (index, word) in words.into_iter().enumerate() {
        if word != 0 {
            run = (index + 1, 0);
            continue;
        }
        run.1 += 1;
        if run.1 > best.1 {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_does_but_one_form() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..20_000u32 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let four = Ipv4Addr::from(seed as u32);
            assert_eq!(address(four.into()).as_str(), four.to_string());
            // Words that are often zero, so that runs of zeros occur.
            let mut words = [0u16; 8];
            for (at, word) in words.iter_mut().enumerate() {
                *word = if seed >> (at * 3) & 3 == 0 { 0 } else { (seed >> (at * 6)) as u16 & 0xf0ff };
            }
            let six = Ipv6Addr::from(words);
            let dotted = words.starts_with(&[0; 6]) && words[6] != 0;
            let expected = if dotted { continue } else { six.to_string() };
            assert_eq!(address(six.into()).as_str(), expected, "round {round}");
        }
    }

    #[test]
    fn the_forms_with_a_dotted_end() {
        for text in ["::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "fe80::", "1::8", "2001:db8::1:0:0:1"] {
            assert_eq!(address(text.parse().unwrap()).as_str(), text);
        }
    }

    #[test]
    fn prefixes_leave_out_what_goes_without_saying() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        assert_eq!(&*destination(net("0.0.0.0/0")), "default");
        assert_eq!(&*destination(net("::/0")), "default");
        assert_eq!(&*destination(net("10.0.0.1/32")), "10.0.0.1");
        assert_eq!(&*destination(net("10.0.0.0/8")), "10.0.0.0/8");
        assert_eq!(&*with_length(net("fd00::1/128")), "fd00::1/128");
        for text in
            ["0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.1/32", "10.9.0.0/16", "fd00::1/128", "fd00::/17"]
        {
            let both = Destination::new(net(text));
            assert_eq!(both.with_length(), with_length(net(text)).as_bytes());
            assert_eq!(both.shown(), destination(net(text)).as_bytes());
        }
        assert_eq!(&*decimal(u64::MAX), "18446744073709551615");
        assert_eq!(&*decimal(0), "0");
    }

    #[test]
    fn labels_end_at_the_bottom_of_the_stack() {
        assert_eq!(labels(&[0, 0x06, 0x40, 0, 0, 0x0c, 0x81, 0, 0, 0, 0, 0]), "100/200");
        assert_eq!(labels(&[]), "");
    }
}
