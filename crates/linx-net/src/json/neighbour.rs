//! The body of a neighbour, and of a forwarding entry of a bridge or a vxlan.

use linx_wire::route::{FdbExt, NeighbourFlags, NeighbourView};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::fields::{Bits, Fields, Hardware};
use crate::names::{Context, NameFile};
use crate::words;

/// A neighbour as JSON.
#[derive(Debug)]
pub struct NeighbourBody<'a, N>(pub &'a N, pub &'a Context<'a>);

/// `USER_HZ`: units of the kernel's times in a second.
const HZ: u32 = 100;

impl<N: NeighbourView> Serialize for NeighbourBody<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (neighbour, cx) = (self.0, self.1);
        let attributes = neighbour.attributes();
        let link_type = cx.links.get(neighbour.index()).map_or(0, |link| link.link_type());
        let mut out = Fields::open(serializer, "neigh", 8)?;
        out.put("family", &*words::word_or_number(words::FAMILIES, neighbour.family().into()))?;
        out.ip("dst", neighbour.dst())?;
        if neighbour.index() != 0 {
            out.link(("dev", "dev_hex"), cx.links, neighbour.index())?;
            out.put("ifindex", &neighbour.index())?;
        }
        out.maybe("lladdr", neighbour.lladdr().map(|address| Hardware(address, link_type)))?;
        out.maybe("vlan", neighbour.vlan())?;
        out.maybe("port", neighbour.port())?;
        out.maybe("vni", neighbour.vni())?;
        out.maybe("src_vni", neighbour.src_vni())?;
        out.maybe("nhid", neighbour.nexthop_id())?;
        if let Some(via) = attributes.via_ifindex() {
            match attributes.link_netnsid() {
                // An index in another namespace has no name here.
                Some(nsid) => out.put("via_netnsid", &nsid)?,
                None => out.link(("viaIf", "viaIf_hex"), cx.links, via)?,
            }
            out.put("via_ifindex", &via)?;
        }
        if let Some(master) = neighbour.master() {
            out.link(("master", "master_hex"), cx.links, master)?;
            out.put("master_index", &master)?;
        }
        flags(&mut out, neighbour.flags(), neighbour.is_fdb())?;
        if let Some(extended) = attributes.fdb_ext_attrs() {
            fdb_ext(&mut out, extended)?;
        }
        if cx.volatile {
            if let Some(info) = attributes.cacheinfo() {
                out.maybe("refcnt", Some(info.refcnt).filter(|count| *count != 0))?;
                out.put("used", &({ info.used } / HZ))?;
                out.put("confirmed", &({ info.confirmed } / HZ))?;
                out.put("updated", &({ info.updated } / HZ))?;
            }
            out.maybe("probes", attributes.probes())?;
        }
        out.put("state", &Bits(words::NEIGHBOUR_STATES, neighbour.state().bits().into()))?;
        if neighbour.protocol() != 0 {
            out.put("protocol", &*cx.names.name(NameFile::Protocols, neighbour.protocol().into()))?;
        }
        out.unknown(&neighbour.unknown())?;
        out.close()
    }
}

/// Of a neighbour each flag is a field, as ip has it; of a forwarding entry they are a list, as `bridge` has it.
fn flags<S: SerializeStruct>(out: &mut Fields<S>, flags: NeighbourFlags, fdb: bool) -> Result<(), S::Error> {
    if fdb {
        return out.put("flags", &Bits(words::FDB_FLAGS, flags.bits()));
    }
    for (bit, key) in words::NEIGHBOUR_FLAGS {
        // The device of a forwarding entry: the key is that of its name.
        let key = if *bit == NeighbourFlags::MASTER.bits() { "of_master" } else { key };
        out.flag(key, flags.bits() & bit != 0)?;
    }
    let rest = words::NEIGHBOUR_FLAGS.iter().fold(flags.bits(), |rest, flag| rest & !flag.0);
    out.maybe("ndm_flags", (rest != 0).then(|| format!("{rest:#x}")))
}

/// `NFEA_*`
fn fdb_ext<S: SerializeStruct>(out: &mut Fields<S>, extended: FdbExt<'_>) -> Result<(), S::Error> {
    /// `FDB_NOTIFY_BIT`
    const NOTIFY: u8 = 1;
    /// `FDB_NOTIFY_INACTIVE_BIT`
    const INACTIVE: u8 = 2;
    let notify = extended.activity_notify().unwrap_or_default();
    out.flag("activity_notify", notify & NOTIFY != 0)?;
    out.flag("inactive", notify & INACTIVE != 0)?;
    out.flag("dont_refresh", extended.dont_refresh())
}
