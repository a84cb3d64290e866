//! What changes without being announced (KERNEL.md 4.4): which announcement says that it may have, and what is then to be
//! read again. Each rule has its row of KERNEL.md and its scenes in `linx_test::silent`, played by `tests/mirror/silent.rs`; rows without a trigger belong to
//! the audit.
//!
//! | rule | trigger | read again |
//! |---|---|---|
//! | link state | a link whose UP, RUNNING, LOWER_UP or operational state is not what the mirror had; `ifi_change` is not asked | next hops; routes over it and routes by next hop objects; its IPv6 addresses when it came up; its proxy neighbours when it went down |
//! | mark | a route marked `linkdown` or `dead` over a link that has a carrier | routes over that link |
//! | link gone | DELLINK | the same, and what was on it goes with it |
//! | link MTU | a link whose MTU is not what the mirror had | IPv6 routes over it; its IPv6 addresses when it is large enough for IPv6 now |
//! | link name | a link appeared, went or was renamed | rules with a device |
//! | link address, master | a link whose address or master is not what the mirror had | forwarding entries |
//! | part of a link | a message of family AF_BRIDGE or AF_INET6 | that link |
//! | address | DELADDR | routes that prefer it as source; IPv4 routes over its link |
//! | address added | an IPv4 address | IPv4 routes whose hop over it is dead |
//! | address prolonged | an IPv6 address that ends at another moment | IPv6 routes over its link |
//! | advertisement | a route that a router advertised | IPv6 routes over its link |
//! | next hop | any announcement of a next hop object | next hops, and routes by next hop objects |
//! | rule | any announcement of a rule | rules, where one jumps to another |
//!
//! The kernel announces that a link went down, that an address or a next hop is gone, *before* it has carried out what
//! follows from it, and dumps of routes and rules do not wait for that: read at once, they showed 4,381 of 10,010 routes
//! that were about to go. So a fence stands before each of these readings: a request that takes the lock under which the
//! kernel carries it out.

use std::net::IpAddr;
use std::sync::Arc;

use linx_wire::Kind;
use linx_wire::addr::{LinkAddr, family};
use linx_wire::name::Name;
use linx_wire::route::{
    AddressView, LinkFlags, LinkRef, LinkView, NeighbourView, NextHopView, ObjectRef, OperState, RouteFlags,
    RouteView, RuleAction, RuleView,
};

use super::identity;

/// What a trigger can account for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everything: a loss, an audit.
    All,
    /// What is on a link, or leads over it.
    Link(u32),
    /// Routes that prefer an address as source, and IPv4 routes over its link.
    Address(u32, Option<IpAddr>),
    /// IPv4 routes with a hop over a link that was dead.
    Dead(u32),
    /// Groups of next hops, and routes by next hop objects.
    NextHops,
    /// Rules that depend on links or on other rules.
    Rules,
    /// Forwarding entries.
    Forwarding,
    /// The routes of one hash: an announcement did not say what became of its neighbours.
    Hash(u32),
    /// The same: one took the place of another, and which that was is uncertain.
    Victim(u32),
}

impl Reach {
    /// Whether a change of an object follows from it.
    pub(super) fn explains(&self, object: &ObjectRef<'_>, hash: u32) -> bool {
        match (self, object) {
            (Self::All, _) => true,
            (Self::Hash(own) | Self::Victim(own), ObjectRef::Route(_)) => *own == hash,
            (Self::Link(index), ObjectRef::Route(route)) => {
                route.nhid().is_some() || identity::leads_over(route, *index)
            }
            (Self::Link(index), ObjectRef::NextHop(next_hop)) => {
                next_hop.oif() == Some(*index) || next_hop.is_group()
            }
            (Self::Link(index), ObjectRef::Address(address)) => address.index() == *index,
            (Self::Link(index), ObjectRef::Neighbour(neighbour)) => neighbour.index() == *index,
            (Self::Link(index), ObjectRef::Link(link)) => link.index() == *index,
            (Self::Address(index, address), ObjectRef::Route(route)) => {
                let prefers = route.prefsrc().is_some() && route.prefsrc() == *address;
                prefers || route.family() == family::INET && identity::leads_over(route, *index)
            }
            (Self::Dead(index), ObjectRef::Route(route)) => {
                let is_dead = |flags: u32| flags & RouteFlags::DEAD.bits() != 0;
                route.oif() == Some(*index) && is_dead(route.flags().bits())
                    || route.hops().any(|hop| hop.ifindex == *index && is_dead(hop.flags.into()))
            }
            (Self::NextHops, ObjectRef::Route(route)) => route.nhid().is_some(),
            (Self::NextHops, ObjectRef::NextHop(_)) => true,
            (Self::Forwarding, ObjectRef::Neighbour(neighbour)) => neighbour.is_fdb(),
            (Self::Link(_) | Self::Rules, ObjectRef::Rule(rule)) => {
                rule.action() == RuleAction::Goto || has_device(rule)
            }
            _ => false,
        }
    }
}

/// Whether a rule names a link.
pub(super) fn has_device(rule: &impl RuleView) -> bool {
    rule.attributes().iif().is_some() || rule.attributes().oif().is_some()
}

/// What is remembered of each link, whether links are mirrored or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) flags: LinkFlags,
    operstate: u8,
    pub(super) name: Box<[u8]>,
    address: Option<LinkAddr>,
    master: Option<u32>,
    mtu: Option<u32>,
}

impl Fact {
    pub(super) fn of(link: &LinkRef<'_>) -> Self {
        Self {
            flags: link.flags() & STATE,
            operstate: link.attributes().operstate().unwrap_or_default(),
            name: link.name().as_bytes().into(),
            address: link.attributes().address(),
            master: link.master(),
            mtu: link.attributes().mtu(),
        }
    }

    /// The same, with what a message about a part of the link says.
    pub(super) fn with_part(&self, part: &LinkRef<'_>) -> Self {
        let operstate = part.attributes().operstate().unwrap_or(self.operstate);
        Self { flags: part.flags() & STATE, operstate, ..self.clone() }
    }

    fn bears_ipv6(&self) -> bool {
        self.mtu.is_none_or(|mtu| mtu >= IPV6_MIN_MTU)
    }

    fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::UP)
    }

    /// The kernel shows a carrier at once, and carries out what follows from it when its link watch runs, up to a second
    /// later, or with the next change of the link. Until then its operational state is the old one.
    fn is_settled(&self) -> bool {
        match OperState::from(self.operstate) {
            OperState::Unknown => true,
            OperState::Up => self.has_carrier() && self.is_up(),
            _ => !(self.has_carrier() && self.is_up()),
        }
    }

    fn has_carrier(&self) -> bool {
        self.flags.contains(LinkFlags::LOWER_UP)
    }
}

/// The least MTU of a link with IPv6.
const IPV6_MIN_MTU: u32 = 1280;

const STATE: LinkFlags =
    LinkFlags::UP.union(LinkFlags::RUNNING).union(LinkFlags::LOWER_UP).union(LinkFlags::DORMANT);

/// Something to read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) kind: Kind,
    /// `AF_UNSPEC`: all.
    pub(super) family: u8,
    pub(super) table: Option<u32>,
    /// Index of a link.
    pub(super) index: Option<u32>,
}

impl Scope {
    pub(super) fn all(kind: Kind) -> Self {
        Self { kind, family: family::UNSPEC, table: None, index: None }
    }

    pub(super) fn family(self, family: u8) -> Self {
        Self { family, ..self }
    }

    pub(super) fn table(self, table: u32) -> Self {
        Self { table: Some(table), ..self }
    }

    pub(super) fn index(self, index: u32) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Whether a reading of this one reads all of the other.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind
            && (self.family == family::UNSPEC || self.family == other.family)
            && (self.table.is_none() || self.table == other.table)
            && (self.index.is_none() || self.index == other.index)
    }

    /// Whether an object is read by it.
    pub(super) fn holds(&self, object: &ObjectRef<'_>) -> bool {
        match object {
            ObjectRef::Route(route) => {
                self.is_family(route.family())
                    && self.table.is_none_or(|table| table == route.table())
                    && self.index.is_none_or(|index| identity::leads_over(route, index))
            }
            ObjectRef::Address(address) => {
                self.is_family(address.family()) && self.index.is_none_or(|index| index == address.index())
            }
            ObjectRef::Neighbour(neighbour) => {
                // An index means the proxies of a link.
                self.index.is_none_or(|index| index == neighbour.index() && neighbour.is_proxy())
            }
            ObjectRef::Link(link) => self.index.is_none_or(|index| index == link.index()),
            _ => true,
        }
    }

    fn is_family(&self, family: u8) -> bool {
        self.family == family::UNSPEC || self.family == family
    }
}

/// What follows from something that was announced.
#[derive(Clone, Debug)]
pub(super) struct Consequence {
    pub(super) reach: Reach,
    /// What happened, for people.
    pub(super) what: Arc<str>,
    pub(super) scopes: Vec<Scope>,
}

/// What follows from a link's change; `None` for a link that was not there, or is not any more.
pub(super) fn of_link(index: u32, before: Option<&Fact>, after: Option<&Fact>) -> Option<Consequence> {
    let routes = |scopes: &mut Vec<Scope>| {
        scopes.push(Scope::all(Kind::NextHop));
        for family in [family::INET, family::INET6] {
            scopes.push(Scope::all(Kind::Route).family(family).index(index));
        }
    };
    let mut scopes = Vec::new();
    let name = |fact: &Fact| Name::new(&fact.name).to_string();
    let what = match (before, after) {
        (None, None) => return None,
        (None, Some(new)) => {
            // One that is up already was made while announcements were lost.
            if new.is_up() {
                routes(&mut scopes);
                scopes.push(Scope::all(Kind::Address).family(family::INET6).index(index));
            }
            scopes.push(Scope::all(Kind::Rule));
            format!("{} added", name(new))
        }
        (Some(old), None) => {
            routes(&mut scopes);
            scopes.push(Scope::all(Kind::Rule));
            format!("{} removed", name(old))
        }
        (Some(old), Some(new)) => {
            if (old.flags, old.operstate) != (new.flags, new.operstate) || !old.is_settled() {
                routes(&mut scopes);
                if new.is_up() {
                    scopes.push(Scope::all(Kind::Address).family(family::INET6).index(index));
                } else {
                    scopes.push(Scope::all(Kind::Neighbour).index(index));
                }
            }
            if old.mtu != new.mtu && new.is_up() {
                // A route's own MTU follows that of its link.
                scopes.push(Scope::all(Kind::Route).family(family::INET6).index(index));
            }
            if !old.bears_ipv6() && new.bears_ipv6() {
                // IPv6 begins on it, and makes an address that is not told until it is known to be unique.
                scopes.push(Scope::all(Kind::Address).family(family::INET6).index(index));
            }
            if old.name != new.name {
                scopes.push(Scope::all(Kind::Rule));
            }
            let name = name(new);
            match (old.is_up(), new.is_up(), old.has_carrier(), new.has_carrier()) {
                (true, false, ..) => format!("{name} down"),
                (false, true, ..) => format!("{name} up"),
                (_, _, true, false) => format!("{name} carrier lost"),
                (_, _, false, true) => format!("{name} carrier"),
                _ if old.name != new.name => format!("{name} renamed"),
                _ if old.mtu != new.mtu => format!("{name} mtu"),
                _ => format!("{name} state"),
            }
        }
    };
    (!scopes.is_empty()).then(|| Consequence { reach: Reach::Link(index), what: what.into(), scopes })
}

/// What follows when the index of a link that is gone is used again at once.
pub(super) fn of_reuse(index: u32, name: Name<'_>) -> Consequence {
    let scopes = vec![
        Scope::all(Kind::Address).index(index),
        Scope::all(Kind::Route).index(index),
        Scope::all(Kind::Neighbour),
    ];
    Consequence { reach: Reach::Link(index), what: format!("{name} added").into(), scopes }
}

/// What follows where a link is a port with another address, or of another bridge, or a bridge with another address: an
/// entry of its own address passes to the bridge, or from one port to another.
pub(super) fn of_address_changed(before: &Fact, after: &Fact) -> Option<Consequence> {
    let is_same = (before.address, before.master) == (after.address, after.master);
    (!is_same).then(|| Consequence {
        reach: Reach::Forwarding,
        what: format!("{} address", Name::new(&after.name)).into(),
        scopes: vec![Scope::all(Kind::Neighbour)],
    })
}

/// What follows from the end of an address.
pub(super) fn of_address_gone(address: &impl AddressView) -> Consequence {
    let what = match address.address() {
        Some(address) => format!("address {address} removed"),
        None => "address removed".to_owned(),
    };
    let scopes = vec![Scope::all(Kind::Route).family(address.family())];
    Consequence { reach: Reach::Address(address.index(), address.local()), what: what.into(), scopes }
}

/// What follows from an IPv4 address, where it is the first of its link: hops over it that were dead since it had none are not any more.
pub(super) fn of_address_come(address: &impl AddressView) -> Consequence {
    let what = match address.address() {
        Some(address) => format!("address {address} added"),
        None => "address added".to_owned(),
    };
    let scopes = vec![Scope::all(Kind::Route).family(family::INET)];
    Consequence { reach: Reach::Dead(address.index()), what: what.into(), scopes }
}

/// What follows where an IPv6 address ends at another moment: the route of its prefix does, too, and what the same router's
/// advertisement says of its routes.
pub(super) fn of_address_prolonged(address: &impl AddressView) -> Consequence {
    let what = match address.address() {
        Some(address) => format!("address {address} prolonged"),
        None => "address prolonged".to_owned(),
    };
    let index = address.index();
    let scopes = vec![Scope::all(Kind::Route).family(family::INET6).index(index)];
    let scopes = if address.family() == family::INET6 { scopes } else { Vec::new() };
    Consequence { reach: Reach::Link(index), what: what.into(), scopes }
}

/// `RTPROT_RA`
const ADVERTISED: u8 = 9;

/// Whether a route was advertised by a router.
pub(super) fn is_advertised(route: &impl RouteView) -> bool {
    route.family() == family::INET6 && route.protocol() == ADVERTISED
}

/// What follows from such a route: its hop limit and MTU are set when it was told already.
pub(super) fn of_advertised(route: &impl RouteView) -> Consequence {
    let index = route.oif().unwrap_or_default();
    Consequence {
        reach: Reach::Link(index),
        what: "router advertisement".into(),
        scopes: vec![Scope::all(Kind::Route).family(family::INET6).index(index)],
    }
}

/// What follows from a message about a part of a link: of what the bridge or IPv6 changed it tells some.
pub(super) fn of_part(index: u32, name: &[u8]) -> Consequence {
    Consequence {
        reach: Reach::Link(index),
        what: Name::new(name).to_string().into(),
        scopes: vec![Scope::all(Kind::Link).index(index)],
    }
}

/// What follows where a route is marked to be without a carrier, and its link has one.
pub(super) fn of_mark(index: u32, fact: &Fact) -> Option<Consequence> {
    let scopes = vec![Scope::all(Kind::Route).index(index)];
    let what = format!("{} carrier", Name::new(&fact.name)).into();
    (fact.is_up() && fact.has_carrier()).then_some(Consequence { reach: Reach::Link(index), what, scopes })
}

/// What follows from an announcement of a next hop object.
pub(super) fn of_next_hop(id: u32, is_gone: bool) -> Consequence {
    let what = if is_gone { format!("next hop {id} removed") } else { format!("next hop {id}") };
    let mut scopes =
        vec![Scope::all(Kind::Route).family(family::INET), Scope::all(Kind::Route).family(family::INET6)];
    if is_gone {
        scopes.push(Scope::all(Kind::NextHop));
    }
    Consequence { reach: Reach::NextHops, what: what.into(), scopes }
}

/// What follows from an announcement of a rule.
pub(super) fn of_rule(rule: &impl RuleView, is_gone: bool) -> Consequence {
    let change = if is_gone { "removed" } else { "added" };
    let what = format!("rule {} {change}", rule.priority());
    Consequence { reach: Reach::Rules, what: what.into(), scopes: vec![Scope::all(Kind::Rule)] }
}
