//! The key of an object: what identifies it within its namespace (KERNEL.md 4.5).
//!
//! | kind | identified by |
//! |---|---|
//! | link | ifindex (and the family of messages about it that are not about the link itself) |
//! | address | link, local address, prefix length, peer |
//! | route | family, table, destination, source, type of service, metric; IPv6 also next hop object, or link and gateway |
//! | neighbour | link, address, proxy or not |
//! | forwarding entry | link, link address, VLAN, VXLAN ids, remote end, whose entry it is |
//! | rule | family, priority, everything that it wants and does |
//! | next hop | id |
//! | namespace id | id |
//!
//! Of what nf_tables has: `nft.rs`.
//!
//! IPv4 routes made by `append` share their key, as they do in the kernel. An ifindex may be reused at once: a link's
//! key says nothing of which of two it is.

#[cfg(feature = "nft")]
mod nft;

use std::fmt::{self, Write};

use linx_wire::addr::family;
use linx_wire::attr::Attrs;
use linx_wire::route::{
    AddressRef, AddressView, LinkRef, LinkView, NeighbourFlags, NeighbourRef, NeighbourView, NextHopRef,
    NextHopView, NsIdRef, NsIdView, Object, ObjectRef, RouteRef, RouteView, RuleFlags, RuleRef, RuleView,
};

use crate::ip;

/// The key of an object: opaque, stable, equal in lists and events, unique within a namespace and over all kinds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// The key of an object.
    ///
    /// ```
    /// use linx::{Handle, Key, ObjectRef};
    ///
    /// let handle = Handle::host()?;
    /// let lo = handle.link_by_index(1)?;
    /// assert_eq!(Key::of(&lo.as_ref()), Key::of(&handle.link_by_name("lo")?.as_ref()));
    /// # Ok::<(), linx::Error>(())
    /// ```
    #[must_use]
    pub fn of<'a, T: Copy + Into<ObjectRef<'a>>>(object: &T) -> Self {
        let mut text = String::with_capacity(48);
        Self::append(object, &mut text);
        Self(text.into_boxed_str())
    }

    /// Appends the text of an object's key to `text`: for those who need no more than the text, and need many.
    #[inline]
    pub fn append<'a, T: Copy + Into<ObjectRef<'a>>>(object: &T, text: &mut String) {
        // Writing into a string does not fail.
        let _ = match (*object).into() {
            ObjectRef::Link(link) => write_link(text, &link),
            ObjectRef::Address(address) => write_address(text, &address),
            ObjectRef::Route(route) => write_route(text, &route),
            ObjectRef::Neighbour(neighbour) => write_neighbour(text, &neighbour),
            ObjectRef::Rule(rule) => write_rule(text, &rule),
            ObjectRef::NextHop(next_hop) => write_next_hop(text, &next_hop),
            ObjectRef::NsId(nsid) => write_nsid(text, &nsid),
            other => write!(text, "{:?}", other.kind()),
        };
    }

    /// The key as text: printable ASCII without spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Object> for Key {
    fn from(object: &Object) -> Self {
        Self::of(&object.as_ref())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0)
    }
}

fn write_link(text: &mut String, link: &LinkRef<'_>) -> fmt::Result {
    write!(text, "link/{}", link.index())?;
    match link.family() {
        family::UNSPEC => Ok(()),
        family => write!(text, "/{family}"),
    }
}

fn write_address(text: &mut String, address: &AddressRef<'_>) -> fmt::Result {
    write!(text, "address/{}/{}/", address.index(), address.family())?;
    match address.local() {
        Some(local) => write!(text, "{local}/{}", address.prefix_len())?,
        // Anycast and multicast addresses, which only `ip maddress` lists.
        None => write!(text, "{:x}", fingerprint(address.attributes().attrs(), &[6]))?,
    }
    match address.peer() {
        Some(peer) => write!(text, "/{}", peer.addr()),
        None => Ok(()),
    }
}

fn write_route(text: &mut String, route: &RouteRef<'_>) -> fmt::Result {
    // Of routes there are a million: without the machinery of formatting.
    let number = |text: &mut String, number: u32| {
        text.push('/');
        text.push_str(&ip::decimal(number.into()));
    };
    text.push_str("route");
    number(text, route.family().into());
    number(text, route.table());
    match (route.destination(), route.label()) {
        (Some(destination), _) => {
            text.push('/');
            text.push_str(&ip::with_length(destination));
        }
        (None, Some(label)) => number(text, label),
        (None, None) => text.push_str("/-"),
    }
    number(text, route.tos().into());
    number(text, route.priority().unwrap_or_default());
    if let Some(source) = route.source() {
        write!(text, "/from/{source}")?;
    }
    if let Some(iif) = route.iif() {
        write!(text, "/iif/{iif}")?;
    }
    if route.family() != family::INET6 {
        return Ok(());
    }
    match (route.nhid(), route.oif()) {
        (Some(nhid), _) => write!(text, "/nhid/{nhid}"),
        (None, Some(oif)) => {
            number(text, oif);
            if let Some(gateway) = route.gateway() {
                text.push('/');
                text.push_str(&ip::address(gateway));
            }
            Ok(())
        }
        (None, None) => {
            // An announcement begins with the hop that was appended, a list with the oldest.
            let mut hops: Vec<_> = route.hops().map(|hop| (hop.ifindex, hop.gateway())).collect();
            hops.sort_unstable();
            hops.iter().try_for_each(|(ifindex, gateway)| write!(text, "/{ifindex}/{}", Dash(*gateway)))
        }
    }
}

/// What is there, or a dash.
struct Dash<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Dash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_char('-'),
        }
    }
}

fn write_neighbour(text: &mut String, neighbour: &NeighbourRef<'_>) -> fmt::Result {
    if !neighbour.is_fdb() {
        write!(text, "neigh/{}/{}/{}", neighbour.index(), neighbour.family(), Dash(neighbour.dst()))?;
        return if neighbour.is_proxy() { text.write_str("/proxy") } else { Ok(()) };
    }
    write!(text, "fdb/{}/{}", neighbour.index(), Dash(neighbour.lladdr()))?;
    for (name, number) in [
        ("vlan", neighbour.vlan().map(u32::from)),
        ("vni", neighbour.vni()),
        ("src_vni", neighbour.src_vni()),
        ("port", neighbour.port().map(u32::from)),
        ("via", neighbour.attributes().via_ifindex()),
        ("nhid", neighbour.nexthop_id()),
        ("master", neighbour.master()),
    ] {
        if let Some(number) = number {
            write!(text, "/{name}/{number}")?;
        }
    }
    if let Some(dst) = neighbour.dst() {
        write!(text, "/{dst}")?;
    }
    if neighbour.flags().contains(NeighbourFlags::SELF) { text.write_str("/self") } else { Ok(()) }
}

fn write_rule(text: &mut String, rule: &RuleRef<'_>) -> fmt::Result {
    let header = rule.header();
    // What comes and goes with interfaces and goto targets is not identity.
    let flags = rule.flags() & (RuleFlags::PERMANENT | RuleFlags::INVERT | RuleFlags::FIND_SADDR);
    write!(text, "rule/{}/{}/{}/", rule.family(), rule.priority(), header.action)?;
    write!(text, "{}.{}.{}.{:x}/", header.dst_len, header.src_len, header.tos, flags.bits())?;
    // FRA_PAD
    write!(text, "{:x}", fingerprint(rule.attributes().attrs(), &[18]))
}

fn write_next_hop(text: &mut String, next_hop: &NextHopRef<'_>) -> fmt::Result {
    write!(text, "nexthop/{}", next_hop.id())
}

fn write_nsid(text: &mut String, nsid: &NsIdRef<'_>) -> fmt::Result {
    write!(text, "nsid/{}", nsid.nsid())
}

/// FNV-1a over attributes in the kernel's order, some left out.
fn fingerprint(attrs: Attrs<'_>, without: &[u16]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut byte = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    for attr in attrs.map_while(Result::ok).filter(|attr| !without.contains(&attr.number())) {
        attr.number().to_le_bytes().into_iter().for_each(&mut byte);
        (attr.payload.len() as u64).to_le_bytes().into_iter().for_each(&mut byte);
        attr.payload.iter().copied().for_each(&mut byte);
    }
    hash
}
