//! What a mirror holds, and how it is kept.

use std::time::Duration;

use linx_wire::Kind;
use linx_wire::addr::family;
use linx_wire::route::{
    AddressFilter, LinkFilter, NeighbourFilter, NextHopFilter, ObjectRef, RouteFilter, RouteView, RuleFilter,
    RuleView,
};

use super::state::KINDS;

/// What to hold of each kind; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) links: Option<LinkFilter>,
    pub(super) addresses: Option<AddressFilter>,
    pub(super) routes: Option<RouteFilter>,
    pub(super) neighbours: Option<NeighbourFilter>,
    pub(super) rules: Option<RuleFilter>,
    pub(super) nexthops: Option<NextHopFilter>,
    #[cfg(feature = "nft")]
    pub(super) nft: Option<RuleOptions>,
    /// Volatile fields make deltas.
    pub(super) volatile: bool,
    /// Unannounced changes are looked for where something announced tells of them. Off for negative controls alone.
    pub(super) implied: bool,
    /// What queued is read before a reading begins. Off for negative controls alone.
    pub(super) drain: bool,
    /// How often everything is compared with the kernel.
    pub(super) audit: Option<Duration>,
    /// Everything is checked all the time.
    pub(super) validate: bool,
}

impl Options {
    /// The kinds that are told.
    pub(super) fn visible(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| self.is_visible(*kind)).collect();
        if self.has_nft() {
            kinds.push(Kind::Table);
        }
        kinds
    }

    /// The kinds of rtnetlink that are held; next hops also where routes are.
    pub(super) fn held(&self) -> impl Iterator<Item = Kind> + use<> {
        // Links are always read: what is on them depends on them.
        let held = KINDS
            .map(|kind| (kind == Kind::Link && self.has_rtnetlink() || self.holds(kind)).then_some(kind));
        held.into_iter().flatten()
    }

    pub(super) fn has_rtnetlink(&self) -> bool {
        KINDS.into_iter().any(|kind| self.is_visible(kind))
    }

    pub(super) fn is_visible(&self, kind: Kind) -> bool {
        match kind {
            Kind::Link => self.links.is_some(),
            Kind::Address => self.addresses.is_some(),
            Kind::Route => self.routes.is_some(),
            Kind::Neighbour => self.neighbours.is_some(),
            Kind::Rule => self.rules.is_some(),
            Kind::NextHop => self.nexthops.is_some(),
            _ => self.has_nft(),
        }
    }

    pub(super) fn has_nft(&self) -> bool {
        #[cfg(feature = "nft")]
        return self.nft.is_some();
        #[cfg(not(feature = "nft"))]
        false
    }

    pub(super) fn holds(&self, kind: Kind) -> bool {
        self.is_visible(kind) || kind == Kind::NextHop && self.routes.is_some()
    }

    /// Whether an object is one of those to hold.
    pub(super) fn wants(&self, object: &ObjectRef<'_>) -> bool {
        match object {
            ObjectRef::Link(link) => self.links.as_ref().is_some_and(|filter| filter.matches(link)),
            ObjectRef::Address(address) => self.addresses.is_some_and(|filter| filter.matches(address)),
            ObjectRef::Route(route) => {
                is_ip(route.family()) && self.routes.is_some_and(|filter| filter.matches(route))
            }
            ObjectRef::Neighbour(neighbour) => {
                self.neighbours.is_some_and(|filter| filter.matches(neighbour))
            }
            ObjectRef::Rule(rule) => {
                is_ip(rule.family()) && self.rules.is_some_and(|filter| filter.matches(rule))
            }
            ObjectRef::NextHop(next_hop) => match self.nexthops {
                Some(filter) => filter.matches(next_hop),
                None => self.routes.is_some(),
            },
            _ => false,
        }
    }
}

/// What to hold of nf_tables.
#[cfg(feature = "nft")]
#[derive(Clone, Debug, Default)]
pub(super) struct RuleOptions {
    pub(super) table: Option<(crate::nft::Family, Box<[u8]>)>,
    pub(super) without_elements: bool,
    /// It is left out where it may not be had.
    pub(super) is_optional: bool,
}

#[cfg(feature = "nft")]
impl RuleOptions {
    pub(super) fn book(&self, volatile: bool) -> super::nft::Options {
        let Self { table, without_elements, .. } = self.clone();
        super::nft::Options { volatile, without_elements, table }
    }
}

/// The families of routes and rules that are announced. Multicast routing and MPLS have groups of their own.
fn is_ip(number: u8) -> bool {
    number == family::INET || number == family::INET6
}
