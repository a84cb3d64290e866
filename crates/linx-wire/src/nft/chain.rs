//! Chains (`NFTA_CHAIN_*`, <linux/netfilter/nf_tables.h>).
//!
//! Of a netdev chain, an event that it is new may list only the device that came, and an event that it is deleted with
//! [`ChainView::hook`] means that a device left: the chain is still there (KERNEL.md 1.6).

use super::data::verdict;
use super::expr::{COUNTER, Counter};
use super::header::NfGenMsg;
use super::hook::{HOOK, Hook};
use super::userdata::{self, UserData};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_CHAIN_*`
    pub CHAIN "NFTA_CHAIN" as ChainAttributes {
        table = 1 TABLE: name, Tracked;
        handle = 2 HANDLE: be64, Tracked;
        name = 3 NAME: name, Tracked;
        hook = 4 HOOK: nested(HOOK, Hook), Tracked;
        policy = 5 POLICY: be32, Tracked;
        r#use = 6 USE: be32, Volatile;
        r#type = 7 TYPE: name, Tracked;
        counters = 8 COUNTERS: nested(COUNTER, Counter), Volatile;
        flags = 10 FLAGS: be32, Tracked;
        /// Of a request: its number in the batch.
        id = 11 ID: be32, Volatile;
        userdata = 12 USERDATA: bytes, Tracked;
    }
}

bitflags::bitflags! {
    /// `NFT_CHAIN_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct ChainFlags: u32 {
        /// It is hooked.
        const BASE = 0x1;
        /// It is offloaded to hardware.
        const HW_OFFLOAD = 0x2;
        /// It belongs to the one rule that jumps to it.
        const BINDING = 0x4;
        const _ = !0;
    }
}

object! {
    /// A chain.
    Chain, ChainRef, ChainView;
    header NfGenMsg; attributes ChainAttributes by CHAIN;
    kind Chain = NEWCHAIN | DELCHAIN | GETCHAIN of nft;

    /// The table's family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// The table's name.
    fn table(&self) -> Name<'_> {
        self.attributes().table().unwrap_or_default()
    }

    /// Its name.
    fn name(&self) -> Name<'_> {
        self.attributes().name().unwrap_or_default()
    }

    /// The kernel's number for it within its table.
    fn handle(&self) -> Option<u64> {
        self.attributes().handle()
    }

    /// Where a base chain is hooked in.
    fn hook(&self) -> Option<Hook<'_>> {
        self.attributes().hook()
    }

    /// `filter`, `nat` or `route`: of a base chain.
    fn chain_type(&self) -> Option<Name<'_>> {
        self.attributes().r#type()
    }

    /// The word for a base chain's policy.
    fn policy_word(&self) -> Option<&'static str> {
        verdict::word(i32::try_from(self.attributes().policy()?).ok()?)
    }

    /// `NFT_CHAIN_*`
    fn flags(&self) -> ChainFlags {
        ChainFlags::from_bits_retain(self.attributes().flags().unwrap_or_default())
    }

    /// Packets and bytes that its policy decided about, where that is counted.
    fn counters(&self) -> Option<Counter<'_>> {
        self.attributes().counters()
    }

    /// How many rules and references it has.
    fn use_count(&self) -> u32 {
        self.attributes().r#use().unwrap_or_default()
    }

    /// What user space keeps with it.
    fn userdata(&self) -> Option<UserData<'_>> {
        self.attributes().userdata().map(UserData::new)
    }

    /// The comment, if its user data hold one.
    fn comment(&self) -> Option<Name<'_>> {
        self.userdata()?.comment(userdata::COMMENT)
    }
}
