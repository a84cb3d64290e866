//! The system calls of Linx: netlink sockets in any network namespace, and what it takes to watch them.
//!
//! This is the only crate of the workspace with `unsafe` code; each block says why it is sound. It moves
//! bytes and file descriptors, and knows nothing of what the bytes mean: that is `linx-wire`'s. It installs no
//! signal handler, keeps no global state, starts no thread that outlives a call, and never moves the calling
//! thread to another namespace.
//!
//! - [`Netns`]: a network namespace, by pid, pidfd, path, name or descriptor.
//! - [`Socket`], [`RecvBuf`], [`Received`]: a netlink socket in it, and what it receives.
//! - [`PollSet`], [`Wake`], [`Pidfd`], [`MountWatch`], [`Signals`]: waiting.
//! - [`ProcConnector`]: who is executed, as it happens; [`ProcDir`]: what `/proc` says of one process.
//! - `AsyncReady` (feature `tokio`): waiting under tokio.
//! - [`Capability`], [`drop_capabilities_except`], [`raise_nofile`]: what a process may do.
#![cfg(target_os = "linux")]

#[cfg(feature = "tokio")]
mod asynchronous;
mod caps;
mod connector;
mod error;
mod mount;
mod netns;
mod options;
mod poll;
mod process;
mod procfs;
mod recv;
mod signal;
mod socket;

#[cfg(feature = "tokio")]
pub use asynchronous::AsyncReady;
pub use caps::{Capabilities, Capability, drop_capabilities_except};
pub use connector::{Comm, ProcConnector, ProcEvent, ProcEvents, ProcNotice};
pub use error::{Error, ErrorKind, Result, errno_text};
pub use mount::MountWatch;
pub use netns::{NETNS_DIR, Netns, NetnsOrigin, netns_cookies};
pub use options::{Instruction, MemInfo};
pub use poll::{PollSet, Wake, first_readable, wait_readable};
pub use process::{
    Pidfd, boottime, clock_ticks_per_second, hurry_this_thread, in_initial_pid_namespace,
    in_initial_user_namespace, monotonic, processor_time, raise_nofile, thread_time,
};
pub use procfs::{ProcDir, processes};
pub use recv::{Received, RecvBuf};
pub use signal::{SIGINT, SIGTERM, Signals};
pub use socket::{Group, Protocol, Socket};
