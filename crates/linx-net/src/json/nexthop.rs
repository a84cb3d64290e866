//! The body of a next hop object, and of a namespace id.

use linx_wire::route::{GroupEntry, GroupType, NextHopView, NsIdView, ResilientGroup};
use serde::ser::{Serialize, Serializer};

use super::encap::EncapBody;
use super::fields::{Bits, Fields};
use super::route::Via;
use crate::forms::value::fraction;
use crate::names::{Context, NameFile};
use crate::words;

/// A next hop object as JSON.
#[derive(Debug)]
pub struct NextHopBody<'a, N>(pub &'a N, pub &'a Context<'a>);

impl<N: NextHopView> Serialize for NextHopBody<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (hop, cx) = (self.0, self.1);
        let attributes = hop.attributes();
        let mut out = Fields::open(serializer, "nexthop", 8)?;
        out.put("id", &hop.id())?;
        out.put("family", &*words::word_or_number(words::FAMILIES, hop.family().into()))?;
        if hop.is_group() {
            out.put("group", &Members(hop.group()))?;
        }
        match hop.group_type() {
            None | Some(GroupType::Mpath) => {}
            Some(_) => {
                let number = attributes.group_type().unwrap_or_default();
                out.put("type", &*words::word_or_number(words::NEXT_HOP_GROUPS, number.into()))?;
            }
        }
        out.maybe("resilient_args", hop.resilient().map(|group| Resilient(group, cx)))?;
        if let Some(encap) = hop.encap() {
            out.put("encap", &*words::word_or_number(words::ENCAPS, encap.encap_type.into()))?;
            out.put("encap_info", &EncapBody(encap, hop.family(), cx))?;
        }
        match hop.gateway() {
            Some(gateway) if gateway.is_ipv4() != (hop.family() == linx_wire::addr::family::INET) => {
                out.put("via", &Via(gateway))?;
            }
            gateway => out.ip("gateway", gateway)?,
        }
        if let Some(oif) = hop.oif() {
            out.link(("dev", "dev_hex"), cx.links, oif)?;
            out.put("oif", &oif)?;
        }
        out.put("scope", &*cx.names.name(NameFile::Scopes, hop.scope().into()))?;
        out.flag("blackhole", hop.is_blackhole())?;
        out.put("protocol", &*cx.names.name(NameFile::Protocols, hop.protocol().into()))?;
        out.put("flags", &Bits(words::ROUTE_FLAGS, hop.flags().bits()))?;
        out.flag("fdb", hop.is_fdb())?;
        out.maybe("hw_stats_enabled", attributes.hw_stats().map(|on| on != 0))?;
        if cx.volatile {
            out.maybe("hw_stats_used", attributes.hw_stats_used().map(|on| on != 0))?;
            if let Some(stats) = attributes.group_stats() {
                let stats =
                    stats.entry().map(|entry| Counters(entry.id(), entry.packets(), entry.packets_hw()));
                out.put("group_stats", &stats.collect::<Vec<_>>())?;
            }
        }
        out.unknown(&hop.unknown())?;
        out.close()
    }
}

/// The members of a group.
struct Members<'a>(&'a [GroupEntry]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Member<'a>(&'a GroupEntry);
        impl Serialize for Member<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut out = Fields::open(serializer, "member", 2)?;
                out.put("id", &{ self.0.id })?;
                out.put("weight", &self.0.weight())?;
                out.close()
            }
        }
        serializer.collect_seq(self.0.iter().map(Member))
    }
}

/// Buckets and timers of a resilient group; times in seconds.
struct Resilient<'a>(ResilientGroup<'a>, &'a Context<'a>);

impl Serialize for Resilient<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (group, cx) = (self.0, self.1);
        let seconds = |hundredths: u64| fraction(hundredths, 100);
        let mut out = Fields::open(serializer, "resilient_args", 4)?;
        out.maybe("buckets", group.buckets())?;
        out.maybe("idle_timer", group.idle_timer().map(|time| seconds(time.into())))?;
        out.maybe("unbalanced_timer", group.unbalanced_timer().map(|time| seconds(time.into())))?;
        if cx.volatile {
            out.maybe("unbalanced_time", group.unbalanced_time().map(seconds))?;
        }
        out.close()
    }
}

/// Packets of one member.
struct Counters(Option<u32>, Option<u64>, Option<u64>);

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Fields::open(serializer, "group_stats", 3)?;
        out.maybe("id", self.0)?;
        out.maybe("packets", self.1)?;
        out.maybe("packets_hw", self.2)?;
        out.close()
    }
}

/// A namespace id as JSON.
#[derive(Debug)]
pub struct NsIdBody<'a, N>(pub &'a N, pub &'a Context<'a>);

impl<N: NsIdView> Serialize for NsIdBody<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (id, cx) = (self.0, self.1);
        let mut out = Fields::open(serializer, "nsid", 2)?;
        out.put("nsid", &id.nsid())?;
        out.maybe("current_nsid", id.attributes().current_nsid())?;
        if let Some(peer) = cx.peers.and_then(|peers| peers.peer(id.nsid(), 0)) {
            out.put("name", &peer.namespace)?;
        }
        out.unknown(&id.unknown())?;
        out.close()
    }
}
