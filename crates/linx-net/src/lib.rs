//! The Linux kernel's network state, live, in any network namespace.
//!
//! Links, addresses, routes, neighbours, rules and next hops: listed whole or said not to be, and watched with every
//! loss told. For agents: nothing here starts a runtime, installs a signal handler or keeps global state; all sockets
//! are close-on-exec, and the caller's thread never changes its namespace.
//!
//! | to … | use |
//! |---|---|
//! | ask what is there | [`Handle`]: [`links`](Handle::links), [`routes`](Handle::routes) and so on |
//! | have the state, always, and be told what really changes | [`Mirror`] |
//! | be told what the kernel says | [`route::Monitor`] |
//! | read nf_tables' rule set, and be told each commit | `nft` (feature `nft`) |
//! | know who changed it | [`author`] |
//! | find namespaces, and see them come and go | [`namespaces`] |
//! | print as `ip` does, or as JSON | [`text`], `json` (feature `json`), [`names`] |
//!
//! # The eleven things that are done first
//!
//! **1. List links.** A [`Handle`] may be used by many threads at once; each request has a socket of its own.
//! ```
//! use linx::{Handle, LinkView};
//!
//! let handle = Handle::host()?;
//! for link in handle.links().all()? {
//!     println!("{}: {} mtu {:?}", link.index(), link.name(), link.attributes().mtu());
//! }
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **2. Find one, and its addresses.** Filters are the kernel's, and applied again where it ignores them.
//! ```
//! use linx::{AddressFilter, AddressView, Handle, LinkView};
//!
//! let handle = Handle::host()?;
//! let lo = handle.link_by_name("lo")?;
//! let filter = AddressFilter { index: Some(lo.index()), ..AddressFilter::default() };
//! for address in handle.addresses_by(filter).all()? {
//!     println!("{:?}", address.address());
//! }
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **3. Look for the default route.** `for_each` lends each object: a million routes cost no allocation.
//! ```
//! use linx::{Handle, RouteFilter, RouteView};
//!
//! let main = RouteFilter { table: Some(254), ..RouteFilter::default() };
//! Handle::host()?.routes_by(main).for_each(|route| {
//!     if route.is_default() {
//!         println!("via {:?} on link {:?}", route.gateway(), route.oif());
//!     }
//! })?;
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **4. Ask the kernel where a packet would go.**
//! ```
//! use linx::{Handle, RouteQuery, RouteView};
//!
//! let route = Handle::host()?.route_get("127.0.0.1".parse().unwrap(), &RouteQuery::default())?;
//! println!("from {:?}", route.prefsrc());
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **5. The same in another namespace**, by name, path, process or descriptor (CAP_SYS_ADMIN).
//! ```
//! use linx::{Handle, Netns};
//!
//! # fn of_a_container(pid: u32) -> linx::Result<()> {
//! let blue = Handle::new(&Netns::name("blue")?)?;
//! let container = Handle::new(&Netns::pid(pid)?)?;
//! println!("{} and {} links", blue.links().all()?.len(), container.links().all()?.len());
//! # Ok(()) }
//! # assert!(of_a_container(u32::MAX).is_err());
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **6. Watch changes.** After a loss what is known is to be listed again, and the stream goes on.
//! ```no_run
//! use linx::route::{Monitor, Notice};
//!
//! let mut monitor = Monitor::builder().subscribe()?;
//! for notice in monitor.notices() {
//!     match notice? {
//!         Notice::Event(event) => println!("{:?} {:?}", event.op, event.object),
//!         Notice::ResyncNeeded(loss) => println!("list again: {}", loss.reason),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **7. State first, then what changes.** Subscribe, then list: nothing is missed. A [barrier](monitor::Monitor::barrier)
//! tells which events the list may hold already.
//! ```
//! use linx::route::{Monitor, Notice};
//! use linx::{Handle, Key, Kind, Object};
//! use std::collections::HashMap;
//!
//! let handle = Handle::host()?;
//! let mut monitor = Monitor::builder().kinds(&[Kind::Link]).subscribe()?;
//! let mut links: HashMap<Key, Object> = HashMap::new();
//! for link in handle.links().all()? {
//!     links.insert(Key::of(&link.as_ref()), link.into());
//! }
//! let listed = monitor.barrier()?;
//! loop {
//!     match monitor.recv()? {
//!         Notice::Event(event) if event.op == linx::Operation::Del => _ = links.remove(&Key::from(&event.object)),
//!         Notice::Event(event) => _ = links.insert(Key::from(&event.object), event.object),
//!         Notice::Barrier(reached) if reached == listed => break, // what comes now is news
//!         _ => {}
//!     }
//! }
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **8. From an event loop of your own.** The descriptor is readable while anything is pending.
//! ```
//! use linx::route::Monitor;
//! use std::os::fd::AsFd;
//!
//! let mut monitor = Monitor::builder().subscribe()?;
//! let descriptor = monitor.as_fd(); // for poll(2), epoll(7), mio, calloop …
//! # let _ = descriptor;
//! while let Some(notice) = monitor.try_recv()? {
//!     println!("{notice:?}");
//! }
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **9. On another thread.** [`forward_to`](monitor::Monitor::forward_to) reads it into a bounded channel, and tells
//! when the receiver lags; [`Control`] ends it. With feature `tokio` it is a `Stream`, and lists run on the blocking
//! pool (`all_async`).
//! ```
//! use linx::route::Monitor;
//! use std::sync::mpsc::sync_channel;
//!
//! let (sender, receiver) = sync_channel(1024);
//! let control = Monitor::builder().subscribe()?.forward_to(sender)?;
//! println!("{:?}", control.stats());
//! control.unsubscribe();
//! assert!(receiver.iter().all(|notice| !notice.is_loss()));
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **10. Keep the state.** A [`Mirror`] is what 6 and 7 become when nothing may be wrong: also what the kernel does not
//! announce, and what it drops.
//! ```
//! use linx::{Family, Mirror, Netns, RouteFilter, RouteView};
//!
//! let mirror = Mirror::builder(&Netns::host()?).links().routes_by(RouteFilter::default_route()).start()?;
//! let uplink = mirror.snapshot().routes().default(Family::V4).and_then(|route| route.oif());
//! println!("leaves by link {uplink:?}");
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! **11. Say what went wrong.** An [`Error`] names the operation, the namespace and the kernel's own words.
//! ```
//! use linx::{ErrorKind, Handle, RouteQuery};
//!
//! let query = RouteQuery { oif: Some(u32::MAX >> 1), ..RouteQuery::default() };
//! let error = Handle::host()?.route_get("192.0.2.1".parse().unwrap(), &query).unwrap_err();
//! assert!(matches!(error.kind, ErrorKind::Kernel { .. }));
//! println!("{error}"); // route get 192.0.2.1: namespace host: No such device
//! # Ok::<(), linx::Error>(())
//! ```
//!
//! # What is promised
//!
//! - A list is whole, or an error: torn ones are read again, what the kernel leaves out is [told](ErrorKind::Oversize).
//! - A monitor never passes over anything in silence: what was dropped, cut, forged or could not be read is told.
//! - The same types in lists and events; unknown attributes survive; each object has a [`Key`] that is equal in both.
//!
//! Privileges: none for the caller's own namespace. Kernel 5.15 and later; measured on 6.18.
#![forbid(unsafe_code)]

pub mod author;
#[cfg(feature = "nft")]
#[cfg_attr(not(feature = "json"), allow(dead_code))]
mod datatype;
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
pub mod mirror;
pub mod monitor;
pub mod names;
pub mod namespaces;
#[cfg(feature = "nft")]
pub mod nft;
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
pub use mirror::{Family, Fleet, Mirror, Notice};
pub use monitor::{Control, Loss, LossReason, RestartPolicy, route};
