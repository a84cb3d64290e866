//! nf_tables: the rule set as of one generation, and the commits after it, each with who made it.
//!
//! | to … | use |
//! |---|---|
//! | read the rule set, or a part of it | [`pull`] |
//! | be told each commit | [`Monitor`] |
//! | have both, without a gap and without a repeat | [`Pull::subscribe_first`] |
//! | know the current generation | [`generation`] |
//!
//! All of it needs CAP_NET_ADMIN in the user namespace that owns the network namespace; root of a user namespace has it
//! in its own.
//!
//! ```no_run
//! use linx::nft::{self, Monitor, Notice};
//! use linx::Handle;
//!
//! let handle = Handle::host()?;
//! let mut monitor = Monitor::builder().subscribe()?;
//! let rules = nft::pull(&handle).subscribe_first(&monitor.control()).ruleset()?;
//! println!("generation {}: {} rules", rules.generation(), rules.rules().count());
//! for notice in monitor.notices() {
//!     if let Notice::Transaction(commit) = notice? {
//!         println!("generation {:?}: {} changes", commit.generation, commit.changes.len());
//!     }
//! }
//! # Ok::<(), linx::Error>(())
//! ```

mod families;
mod pull;
mod ruleset;

use linx_sys::Protocol;

use crate::error::{ErrorKind, Result};
use crate::handle::Handle;
use crate::request::Expect;

pub use crate::monitor::nft::*;
pub use families::{Family, NotAFamily};
#[doc(no_inline)]
pub use linx_wire::nft::*;
pub use pull::{Pull, pull};
pub use ruleset::Ruleset;

const ASK: &str = "ask for the generation of nf_tables";

/// The namespace's current generation: it counts the commits, per namespace, from 1; 32 bits, never 0.
///
/// What the kernel's answer says of a process is the asker's own (KERNEL.md 1.4): who made a generation is told when it
/// is made, by [`Monitor`], or never.
///
/// # Errors
/// `Permission` without CAP_NET_ADMIN, `NamespaceGone`, `Timeout`, `Io`.
///
/// ```
/// use linx::{Handle, nft};
///
/// match nft::generation(&Handle::host()?) {
///     Ok(generation) => println!("generation {generation}"),
///     Err(error) => eprintln!("{error}"),
/// }
/// # Ok::<(), linx::Error>(())
/// ```
pub fn generation(handle: &Handle) -> Result<u32> {
    let mut answer = handle.ask_by(
        Protocol::NETFILTER,
        linx_wire::nft::request::generation().acknowledged(),
        Expect::Ack,
        ASK,
    )?;
    let mut generation = None;
    answer.for_each(|message| {
        let told = GenerationRef::decode(message.payload).map_err(ErrorKind::Decode)?;
        generation = Some(told.number().map_err(ErrorKind::Decode)?);
        Ok(())
    })?;
    generation.ok_or_else(|| handle.error(ErrorKind::Unsupported, ASK))
}
