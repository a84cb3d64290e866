//! The body of a link.
//!
//! Its attributes go through the tables of `linx-wire` ([`Nest`]), those that ip shows first in ip's order, with
//! ip's spellings ([`crate::forms`]). Not taken over from ip: the flag `M-DOWN`, which is the state of another link.

use linx_wire::route::link::LINK;
use linx_wire::route::{LinkFlags, LinkView};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::{Hardware, Hex};
use super::nest::Nest;
use crate::names::Context;
use crate::words;

/// A link as JSON.
#[derive(Debug)]
pub struct LinkBody<'a, L>(pub &'a L, pub &'a Context<'a>);

/// `IFLA_*` numbers.
mod ifla {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const BROADCAST: u16 = 2;
    pub(super) const IFNAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const LINK: u16 = 5;
    pub(super) const QDISC: u16 = 6;
    pub(super) const MASTER: u16 = 10;
    pub(super) const TXQLEN: u16 = 13;
    pub(super) const OPERSTATE: u16 = 16;
    pub(super) const LINKMODE: u16 = 17;
    pub(super) const GROUP: u16 = 27;
    pub(super) const LINK_NETNSID: u16 = 37;
    pub(super) const PERM_ADDRESS: u16 = 54;
}

/// What comes first behind name and flags, in ip's order.
const ORDER: &[u16] = &[
    ifla::LINK,
    ifla::LINK_NETNSID,
    ifla::MTU,
    ifla::QDISC,
    ifla::MASTER,
    ifla::OPERSTATE,
    ifla::LINKMODE,
    ifla::GROUP,
    ifla::TXQLEN,
];

impl<L: LinkView> Serialize for LinkBody<'_, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (link, cx) = (self.0, self.1);
        let whole = link.attributes();
        let nest = Nest { policy: &LINK, bytes: whole.as_bytes(), family: link.family(), cx };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ifindex", &link.index())?;
        if link.is_part() {
            map.serialize_entry("family", &*words::word_or_number(words::FAMILIES, link.family().into()))?;
        }
        nest.ordered(&mut map, &[ifla::IFNAME])?;
        map.serialize_entry("flags", &FlagWords(link.flags()))?;
        nest.ordered(&mut map, ORDER)?;
        map.serialize_entry("link_type", &*cx.names.link_type(link.link_type()))?;
        for (key, address) in [("address", whole.address()), ("broadcast", whole.broadcast())] {
            if let Some(address) = address.filter(|address| !address.as_bytes().is_empty()) {
                map.serialize_entry(key, &Hardware(address, link.link_type()))?;
            }
            if key == "address"
                && link.flags().contains(LinkFlags::POINTOPOINT)
                && whole.broadcast().is_some()
            {
                map.serialize_entry("link_pointtopoint", &true)?;
            }
        }
        if let Some(permanent) = whole.permaddr().filter(|address| Some(*address) != whole.address()) {
            map.serialize_entry("permaddr", &Hardware(permanent, link.link_type()))?;
        }
        if let Some(mode) = link.inet6().and_then(|inet6| inet6.addr_gen_mode()) {
            map.serialize_entry(
                "inet6_addr_gen_mode",
                &*words::word_or_number(words::ADDR_GEN_MODES, mode.into()),
            )?;
        }
        self.peer(&mut map)?;
        let written = [&[ifla::IFNAME, ifla::ADDRESS, ifla::BROADCAST, ifla::PERM_ADDRESS], ORDER].concat();
        nest.without(&mut map, &written)?;
        map.end()
    }
}

impl<L: LinkView> LinkBody<'_, L> {
    /// The other end of a pair that is in another namespace, where somebody can tell.
    fn peer<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (Some(nsid), Some(index)) = (self.0.attributes().link_netnsid(), self.0.link()) else {
            return Ok(());
        };
        let Some(peer) = self.1.peers.and_then(|peers| peers.peer(nsid, index)) else { return Ok(()) };
        map.serialize_entry("link_netns", &peer.namespace)?;
        match peer.name {
            None => Ok(()),
            Some(name) => {
                let text = String::from_utf8(name.to_vec());
                if text.is_err() {
                    map.serialize_entry("link_hex", &Hex(&name))?;
                }
                let text = text.unwrap_or_else(|_| linx_wire::name::Name::new(&name).to_string());
                map.serialize_entry("link", &text)
            }
        }
    }
}

/// The words of a link's flags.
struct FlagWords(LinkFlags);

impl Serialize for FlagWords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.words())
    }
}
