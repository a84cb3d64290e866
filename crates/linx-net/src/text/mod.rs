//! Objects as one line for people, in ip's vocabulary.
//!
//! A [`Line`] keeps apart what is said and how it may be coloured: the command maps each [`Style`] to its colours, and
//! a plain line is its text. Names are always escaped, so no line holds what a terminal would obey.
//!
//! The line of a route can be pasted after `ip route add`, and gives the same route. Therefore it differs from ip's in
//! what ip prints but does not take: what the kernel adds by itself (`linkdown`, `dead`, the hop of a next hop object)
//! stands behind a `#`.
//!
//! ```
//! use linx::names::{Context, LinkNames, Names};
//! use linx::text;
//!
//! # let bytes = [2, 8, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 0, 8, 0, 5, 0, 10, 1, 1, 1];
//! let route = linx_wire::route::RouteRef::decode(&bytes)?;
//! let (names, links) = (Names::load(), LinkNames::new());
//! let line = text::line(route.into(), &Context::new(&names, &links));
//! assert_eq!(line.to_string(), "10.0.0.0/8 via 10.1.1.1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod delta;
mod encap;
mod link;
mod neighbour;
mod nest;
mod nexthop;
#[cfg(feature = "nft")]
mod nft;
mod route;
mod rule;
mod values;

use std::fmt::{self, Write};
use std::net::IpAddr;

use linx_wire::addr::LinkAddr;
use linx_wire::name::Name;
use linx_wire::route::ObjectRef;

use crate::ip;
use crate::names::{Context, LinkNames};
use crate::words;

/// What a part of a line is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// Words and numbers.
    Plain,
    /// What an object is: `blackhole`, `link/ether`.
    Kind,
    /// The name of a link.
    Name,
    /// An IPv4 address or prefix.
    Inet,
    /// An IPv6 address or prefix.
    Inet6,
    /// A link address.
    LinkAddress,
    /// A state that is well: `UP`, `REACHABLE`.
    Good,
    /// A state that is not: `DOWN`, `FAILED`, `linkdown`.
    Bad,
}

/// One line of text, and the style of each of its parts.
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: String,
    /// Where each part ends, and its style; what follows the last is plain.
    parts: Vec<(u32, Style)>,
    styled: bool,
}

impl Line {
    /// An empty line that keeps no styles.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty line that keeps styles.
    #[must_use]
    pub fn styled() -> Self {
        Self { styled: true, ..Self::default() }
    }

    /// Empties it, for the next line.
    pub fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text in pieces, each with its style.
    pub fn parts(&self) -> impl Iterator<Item = (Style, &str)> {
        let whole = (u32::try_from(self.text.len()).unwrap_or(u32::MAX), Style::Plain);
        let mut start = 0;
        self.parts.iter().copied().chain([whole]).filter_map(move |(end, style)| {
            let part = self.text.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            (!part.is_empty()).then_some((style, part))
        })
    }

    /// Adds text as it is.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds text of a style as it is.
    #[inline]
    pub fn push_as(&mut self, style: Style, text: &str) {
        self.mark();
        self.text.push_str(text);
        self.end(style);
    }

    /// Ends the plain part before one with a style.
    #[inline]
    fn mark(&mut self) {
        if self.styled {
            self.end(Style::Plain);
        }
    }

    #[inline]
    fn end(&mut self, style: Style) {
        if self.styled {
            self.parts.push((u32::try_from(self.text.len()).unwrap_or(u32::MAX), style));
        }
    }

    /// A space, but at the start.
    #[inline]
    fn space(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    /// Adds a word. What it holds is taken as it is: it is Linx's own or from a name file, which has nothing that a
    /// terminal would obey.
    #[inline]
    pub fn word(&mut self, word: &str) {
        self.space();
        self.text.push_str(word);
    }

    /// Adds a word of a style.
    #[inline]
    pub fn word_as(&mut self, style: Style, word: &str) {
        self.space();
        self.push_as(style, word);
    }

    /// Adds a key and its value.
    #[inline]
    pub fn pair(&mut self, key: &str, value: &str) {
        self.word(key);
        self.word(value);
    }

    /// Adds a key and a number.
    #[inline]
    pub fn number(&mut self, key: &str, number: impl Into<u64>) {
        self.pair(key, &ip::decimal(number.into()));
    }

    /// Adds a key and a number, where there is one.
    #[inline]
    fn maybe(&mut self, key: &str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.number(key, number);
        }
    }

    /// Adds a key and anything that can be displayed.
    fn display(&mut self, key: &str, value: impl fmt::Display) {
        self.word(key);
        self.text.push(' ');
        // Writing into a string does not fail.
        let _ = write!(self.text, "{value}");
    }

    /// Adds a number.
    fn display_first(&mut self, number: u32) {
        self.word(&ip::decimal(number.into()));
    }

    /// Adds an IP address.
    #[inline]
    pub fn ip(&mut self, address: IpAddr) {
        self.word_as(inet_style(address), &ip::address(address));
    }

    /// Adds a link address, as an IP address where links of this type (`ARPHRD_*`) have such.
    pub fn link_address(&mut self, address: LinkAddr, link_type: u16) {
        match address.to_ip().filter(|_| words::has_ip_link_addresses(link_type)) {
            Some(address) => self.ip(address),
            None => {
                self.space();
                self.mark();
                let _ = write!(self.text, "{address}");
                self.end(Style::LinkAddress);
            }
        }
    }

    /// Adds a name of the kernel's, escaped.
    #[inline]
    pub fn name(&mut self, name: Name<'_>) {
        self.space();
        self.push_name(name);
    }

    /// Adds a name right behind what is there.
    #[inline]
    fn push_name(&mut self, name: Name<'_>) {
        self.mark();
        if name.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\') {
            self.text.push_str(name.to_str().unwrap_or_default());
        } else {
            let _ = write!(self.text, "{name}");
        }
        self.end(Style::Name);
    }

    /// Adds the name of a link.
    #[inline]
    pub fn link(&mut self, links: &LinkNames, index: u32) {
        self.space();
        self.push_link(links, index);
    }

    fn push_link(&mut self, links: &LinkNames, index: u32) {
        match links.get(index) {
            Some(link) => self.push_name(link.name()),
            None => {
                self.mark();
                let _ = write!(self.text, "if{index}");
                self.end(Style::Name);
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn inet_style(address: IpAddr) -> Style {
    if address.is_ipv4() { Style::Inet } else { Style::Inet6 }
}

/// The line of an object, without styles.
#[must_use]
pub fn line(object: ObjectRef<'_>, cx: &Context<'_>) -> Line {
    let mut line = Line::new();
    write(&mut line, object, cx);
    line
}

/// Adds an object to a line.
#[inline]
pub fn write(line: &mut Line, object: ObjectRef<'_>, cx: &Context<'_>) {
    match &object {
        ObjectRef::Link(object) => link::write(line, object, cx),
        ObjectRef::Address(object) => address::write(line, object, cx),
        ObjectRef::Route(object) => route::write(line, object, cx),
        ObjectRef::Neighbour(object) => neighbour::write(line, object, cx),
        ObjectRef::Rule(object) => rule::write(line, object, cx),
        ObjectRef::NextHop(object) => nexthop::write(line, object, cx),
        ObjectRef::NsId(object) => nexthop::write_nsid(line, object, cx),
        // A kind of a later version.
        other => line.word(words::kind(other.kind())),
    }
}

/// Adds an object that came or went: as [`write()`], but of a link a few words that tell it from others.
pub fn write_whole(line: &mut Line, object: ObjectRef<'_>, cx: &Context<'_>) {
    delta::write_whole(line, object, cx);
}

/// Adds an object that changed: the words that identify it, then each field that differs as `field before → after`,
/// of flags and other lists as `field -GONE +NEW`. Fields have the names that they have in JSON. Times that run down
/// are told with what is volatile, what the kernel changes in silence with details; either also where it is all that
/// differs. Whether anything that is shown does.
pub fn write_changed(line: &mut Line, before: ObjectRef<'_>, after: ObjectRef<'_>, cx: &Context<'_>) -> bool {
    delta::write_changed(line, before, after, cx)
}

/// Adds an object of a rule set of nf_tables that changed, as [`write_changed`]; its kind comes first, as in
/// [`write_nft`].
#[cfg(feature = "nft")]
pub fn write_nft_changed(
    line: &mut Line,
    before: linx_wire::nft::ItemRef<'_>,
    after: linx_wire::nft::ItemRef<'_>,
    cx: &Context<'_>,
) {
    nft::delta::write_changed(line, &before, &after, cx);
}

/// The line of an object of a rule set of nf_tables, without styles.
#[cfg(feature = "nft")]
#[must_use]
pub fn nft_line(object: linx_wire::nft::ItemRef<'_>, cx: &Context<'_>) -> Line {
    let mut line = Line::new();
    write_nft(&mut line, object, cx);
    line
}

/// Adds an object of a rule set of nf_tables to a line.
#[cfg(feature = "nft")]
pub fn write_nft(line: &mut Line, object: linx_wire::nft::ItemRef<'_>, cx: &Context<'_>) {
    nft::write(line, &object, cx);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_text() {
        let mut line = Line::styled();
        line.word("dev");
        line.name(Name::new(b"e\x1bth"));
        line.push(":");
        line.ip("fd00::1".parse().unwrap());
        line.word("end");
        let parts: Vec<_> = line.parts().collect();
        let expected = [
            (Style::Plain, "dev "),
            (Style::Name, "e\\x1bth"),
            (Style::Plain, ": "),
            (Style::Inet6, "fd00::1"),
            (Style::Plain, " end"),
        ];
        assert_eq!(parts, expected);
        line.clear();
        assert_eq!(line.parts().count(), 0);
        let mut plain = Line::new();
        plain.ip("10.0.0.1".parse().unwrap());
        assert_eq!(plain.parts().collect::<Vec<_>>(), [(Style::Plain, "10.0.0.1")]);
    }
}
