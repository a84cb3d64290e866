//! Objects as JSON: one object a line, the same in lists and monitors (docs/5-json.md).
//!
//! Each kind has a body that implements `serde::Serialize` ([`RouteBody`] and the like, [`Body`] for any of them), so
//! that it can go into anything that takes JSON; [`Records`] writes whole lines, which is what the command prints.
//!
//! ```
//! use linx::json::{Head, NetnsTag, Op, Records};
//! use linx::names::{Context, LinkNames, Names};
//!
//! # let bytes = [2, 8, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 0];
//! let route = linx_wire::route::RouteRef::decode(&bytes)?;
//! let (names, links) = (Names::load(), LinkNames::new());
//! let netns = NetnsTag::new("host", 3, None, None);
//! let head = Head::new(std::time::SystemTime::UNIX_EPOCH, &netns, Op::List);
//! let mut line = Vec::new();
//! Records::new().object(&mut line, &head, route.into(), &Context::new(&names, &links));
//! let line = String::from_utf8(line)?;
//! assert!(line.starts_with(r#"{"schema":1,"seq":1,"time":"1970-01-01T00:00:00.000000000Z","netns":{"name":"host""#));
//! assert!(line.contains(r#""route":{"family":"inet","type":"unicast","dst":"10.0.0.0/8","#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod delta;
mod differ;
mod encap;
mod fields;
mod link;
mod neighbour;
mod nest;
mod nexthop;
#[cfg(feature = "nft")]
pub mod nft;
mod record;
mod route;
mod rule;
pub mod schema;
mod time;
mod ways;
mod write;

pub use address::AddressBody;
pub use delta::{Elsewhere, Told};
pub use link::LinkBody;
pub use neighbour::NeighbourBody;
pub use nexthop::{NextHopBody, NsIdBody};
pub use record::{AppendJson, Head, Marker, NetnsTag, Op, Records, Rendered};
pub use route::RouteBody;
pub use rule::RuleBody;
pub use time::rfc3339;
pub use write::{Error, append, pretty};

use linx_wire::route::ObjectRef;
use serde::ser::{Serialize, Serializer};

use crate::names::Context;

/// The body of any object.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a>(pub ObjectRef<'a>, pub &'a Context<'a>);

impl Serialize for Body<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cx = self.1;
        match &self.0 {
            ObjectRef::Link(link) => LinkBody(link, cx).serialize(serializer),
            ObjectRef::Address(address) => AddressBody(address, cx).serialize(serializer),
            ObjectRef::Route(route) => RouteBody(route, cx).serialize(serializer),
            ObjectRef::Neighbour(neighbour) => NeighbourBody(neighbour, cx).serialize(serializer),
            ObjectRef::Rule(rule) => RuleBody(rule, cx).serialize(serializer),
            ObjectRef::NextHop(hop) => NextHopBody(hop, cx).serialize(serializer),
            ObjectRef::NsId(id) => NsIdBody(id, cx).serialize(serializer),
            // A kind of a later version.
            _ => serializer.serialize_unit(),
        }
    }
}
