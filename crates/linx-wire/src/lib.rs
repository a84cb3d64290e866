//! Netlink bytes to typed messages and back.
//!
//! No I/O, no clock, no threads, no unsafe code. Nothing in this crate panics on any bytes: malformed ones are a
//! [`DecodeError`] with offset and attribute path, unknown attributes and values are kept.
//!
//! An object comes in two forms with one accessor trait: `LinkRef<'_>` borrows the datagram, `Link` owns its bytes;
//! [`LinkView`](route::LinkView) is what both tell. The same for every kind.
#![forbid(unsafe_code)]

pub mod addr;
pub mod attr;
mod compare;
pub mod emit;
pub mod error;
pub mod header;
pub mod name;
pub mod nft;
pub(crate) mod object;
pub mod policy;
pub mod reader;
pub mod route;
pub mod uapi;

pub use error::{DecodeError, DecodeErrorKind};
pub use object::{Decode, Kind};
pub use policy::{Class, Compare};

/// Two deadlines closer than this are equal, seconds: a dump reports a remaining time as of its own moment.
pub const DEADLINE_TOLERANCE_SECS: u32 = 2;
