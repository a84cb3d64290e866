//! The Linux kernel's network state, live, in any network namespace.
#![forbid(unsafe_code)]

pub mod author;
mod error;
#[cfg_attr(not(feature = "json"), allow(dead_code))]
mod forms;
mod handle;
pub mod ip;
#[cfg(feature = "json")]
pub mod json;
mod key;
mod kinds;
mod list;
pub mod monitor;
pub mod names;
pub mod namespaces;
mod oversize;
mod request;
mod seg6;
mod settle;
pub mod text;
pub mod words;

pub use error::{Error, ErrorKind, Result};
pub use handle::Handle;
pub use key::Key;
#[doc(no_inline)]
pub use linx_sys::{Capability, Group, Netns, Pidfd, Protocol, Socket};
#[doc(no_inline)]
pub use linx_wire::name::Name;
#[doc(no_inline)]
pub use linx_wire::route::*;
#[doc(no_inline)]
pub use linx_wire::{Class, Compare, Decode, DecodeError, Kind};
pub use list::{List, Listed, Listing, Stream};
pub use monitor::{Control, Loss, LossReason, RestartPolicy, route};
