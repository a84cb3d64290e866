//! A generation of the rule set (`NFTA_GEN_*`, <linux/netfilter/nf_tables.h>).
//!
//! As an event it closes a commit and names who made it. As the answer to a question the process is the asker itself
//! (KERNEL.md 1.4): only events say who changed anything.

use super::header::NfGenMsg;
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_GEN_*`
    pub GENERATION "NFTA_GEN" as GenerationAttributes {
        id = 1 ID: be32, Tracked;
        proc_pid = 2 PROC_PID: be32, Tracked;
        proc_name = 3 PROC_NAME: name, Tracked;
    }
}

object! {
    /// A generation of the rule set. It has no end: its [`Decode::DEL`](crate::Decode::DEL) is its `NEW`.
    Generation, GenerationRef, GenerationView;
    header NfGenMsg; attributes GenerationAttributes by GENERATION;
    kind Generation = NEWGEN | NEWGEN | GETGEN of nft;

    /// Its number, per namespace: starts at 1, wraps at 32 bits, is never 0 ([`GenerationRef::number`]).
    fn id(&self) -> u32 {
        self.attributes().id().unwrap_or_default()
    }

    /// Id of the committing *thread* in the initial pid namespace; in an answer that of the asker.
    fn thread_id(&self) -> Option<u32> {
        self.attributes().proc_pid()
    }

    /// Name of that thread, at most 15 bytes.
    fn thread_name(&self) -> Option<Name<'_>> {
        self.attributes().proc_name()
    }
}

impl GenerationRef<'_> {
    /// Its number.
    ///
    /// # Errors
    /// `Missing`: there is none, or it is 0. The kernel sends no such message.
    pub fn number(&self) -> Result<u32> {
        match self.id() {
            0 => Err(DecodeError::new(DecodeErrorKind::Missing("NFTA_GEN_ID"), 0)),
            number => Ok(number),
        }
    }
}
