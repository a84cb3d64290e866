//! rtnetlink: one kernel object a file. <linux/rtnetlink.h>, rtnetlink(7).

mod address;
mod again;
pub mod encap;
mod fields;
pub mod filter;
mod hops;
pub mod link;
mod neighbour;
mod nexthop;
mod nsid;
mod object;
mod places;
pub mod query;
#[allow(clippy::module_inception)]
mod route;
mod rule;

pub use address::*;
pub use filter::{
    AddressFilter, LinkDetail, LinkFilter, NeighbourFilter, NextHopFilter, RouteFilter, RuleFilter,
};
pub use hops::{Hop, Hops, METRICS, Metrics};
pub use link::{Link, LinkAttributes, LinkData, LinkFlags, LinkRef, LinkView, OperState, SlaveData};
pub use neighbour::*;
pub use nexthop::*;
pub use nsid::*;
pub use object::{Object, ObjectRef, Operation};
pub use query::RouteQuery;
pub use route::{CacheInfo, ROUTE, Route, RouteAttributes, RouteFlags, RouteHeader, RouteRef, RouteView};
pub use rule::*;

/// Every table of attributes, for tests that go over all of them.
#[must_use]
pub fn policies() -> Vec<&'static crate::policy::Policy> {
    let mut all = vec![&ADDRESS, &NEIGHBOUR, &FDB_EXT, &NSID, &ROUTE, &METRICS, &RULE];
    all.extend([&NEXT_HOP, &RES_GROUP, &RES_BUCKET, &GROUP_STATS, &GROUP_STATS_ENTRY]);
    all.extend_from_slice(encap::POLICIES);
    all.extend_from_slice(link::POLICIES);
    all.extend_from_slice(link::KIND_POLICIES);
    all
}
