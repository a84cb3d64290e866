//! rtnetlink: one kernel object a file. <linux/rtnetlink.h>, rtnetlink(7).

mod address;
pub mod encap;
mod hops;
mod neighbour;
mod nsid;
#[allow(clippy::module_inception)]
mod route;

pub use address::*;
pub use hops::{Hop, Hops, METRICS, Metrics};
pub use neighbour::*;
pub use nsid::*;
pub use route::{CacheInfo, ROUTE, Route, RouteAttributes, RouteFlags, RouteHeader, RouteRef, RouteView};

/// Every table of attributes, for tests that go over all of them.
#[must_use]
pub fn policies() -> Vec<&'static crate::policy::Policy> {
    let mut all = vec![&ADDRESS, &NEIGHBOUR, &FDB_EXT, &NSID, &ROUTE, &METRICS];
    all.extend_from_slice(encap::POLICIES);
    all
}
