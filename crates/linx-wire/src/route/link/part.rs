//! Folding a message that tells a part of a link into the whole link.

use super::{Link, LinkRef, LinkView};
use crate::addr::family;
use crate::attr::{Attrs, HEADER_LEN, NESTED};

const ADDRESS: u16 = 1;
const IFNAME: u16 = 3;
const MTU: u16 = 4;
const OPERSTATE: u16 = 16;
const LINKINFO: u16 = 18;
const INFO_SLAVE_DATA: u16 = 5;
const AF_SPEC: u16 = 26;

impl Link {
    /// This link with what `part` tells: an `RTM_NEWLINK` of the same index, of family `AF_BRIDGE` (a bridge and its
    /// ports) or `AF_INET6`. Only what such a message carries is replaced: type, flags, name, address, mtu and
    /// operational state; from `AF_BRIDGE` the data of the bridge port, and the VLANs where this link has them
    /// already ([`Self::with_vlans`]); from `AF_INET6` the IPv6 part. A master is never taken from it: there a bridge
    /// is its own.
    ///
    /// A whole link replaces this one; a link with another index leaves it as it is.
    #[must_use]
    pub fn with_part(&self, part: LinkRef<'_>) -> Self {
        self.fold(part, false)
    }

    /// As [`Self::with_part`]; VLANs are taken from a message of family `AF_BRIDGE` even where this link has none, into
    /// [`AfSpec::bridge`](super::AfSpec::bridge). For those who list links of that family as well.
    #[must_use]
    pub fn with_vlans(&self, part: LinkRef<'_>) -> Self {
        self.fold(part, true)
    }

    fn fold(&self, part: LinkRef<'_>, vlans: bool) -> Self {
        if part.index() != self.index() {
            return self.clone();
        }
        if !part.is_part() {
            return part.to_owned();
        }
        let new = part.attributes();
        let mut attributes = self.attributes().as_bytes().to_vec();
        for number in [ADDRESS, IFNAME, MTU, OPERSTATE] {
            if let Some(payload) = Attrs::new(new.as_bytes()).last(number) {
                replace(&mut attributes, number, payload);
            }
        }
        match part.family() {
            family::BRIDGE => {
                if let Some(port) =
                    new.protinfo().filter(|_| self.slave_kind().is_some_and(|kind| kind == "bridge"))
                {
                    replace_inside(&mut attributes, LINKINFO, INFO_SLAVE_DATA, port, false);
                }
                if let Some(spec) = new.af_spec() {
                    replace_inside(&mut attributes, AF_SPEC, family::BRIDGE.into(), spec, vlans);
                }
            }
            family::INET6 => {
                if let Some(inet6) = new.protinfo() {
                    replace_inside(&mut attributes, AF_SPEC, family::INET6.into(), inet6, true);
                }
            }
            _ => {}
        }
        let mut header = *self.header();
        header.link_type = part.link_type();
        header.flags = part.flags().bits();
        let mut bytes = zerocopy::IntoBytes::as_bytes(&header).to_vec();
        bytes.append(&mut attributes);
        Self(bytes.into())
    }
}

/// Gives all attributes with this number another payload; adds one where there is none.
fn replace(list: &mut Vec<u8>, number: u16, payload: &[u8]) {
    let mut new = Vec::with_capacity(list.len() + payload.len());
    let (mut found, mut fits) = (false, true);
    let mut attrs = Attrs::new(list);
    while let Some(attr) = attrs.step() {
        let same = attr.number() == number;
        found |= same;
        fits &= push(&mut new, attr.raw_type, if same { payload } else { attr.payload });
    }
    if !found {
        fits &= push(&mut new, number, payload);
    }
    if fits {
        *list = new;
    }
}

/// The same for an attribute inside a nest. With `add`, nest and attribute are made where they are missing.
fn replace_inside(list: &mut Vec<u8>, nest: u16, number: u16, payload: &[u8], add: bool) {
    let old = Attrs::new(list).last(nest);
    if !add && old.and_then(|old| Attrs::new(old).last(number)).is_none() {
        return;
    }
    let mut inner = old.unwrap_or_default().to_vec();
    let raw_type = if Attrs::new(&inner).last(number).is_some() { number } else { number | NESTED };
    if raw_type == number {
        replace(&mut inner, number, payload);
    } else if !push(&mut inner, raw_type, payload) {
        return;
    }
    if old.is_some() {
        replace(list, nest, &inner);
    } else {
        push(list, nest, &inner);
    }
}

/// Appends an attribute; false when it is too long for its length field.
fn push(list: &mut Vec<u8>, raw_type: u16, payload: &[u8]) -> bool {
    let Ok(length) = u16::try_from(HEADER_LEN + payload.len()) else { return false };
    list.resize(list.len().next_multiple_of(4), 0);
    list.extend_from_slice(&length.to_ne_bytes());
    list.extend_from_slice(&raw_type.to_ne_bytes());
    list.extend_from_slice(payload);
    list.resize(list.len().next_multiple_of(4), 0);
    true
}
