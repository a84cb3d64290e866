//! Flow tables (`NFTA_FLOWTABLE_*`, <linux/netfilter/nf_tables.h>).

use super::header::NfGenMsg;
use super::hook::{FLOWTABLE_HOOK, FlowtableHook};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_FLOWTABLE_*`
    pub FLOWTABLE "NFTA_FLOWTABLE" as FlowtableAttributes {
        table = 1 TABLE: name, Tracked;
        name = 2 NAME: name, Tracked;
        hook = 3 HOOK: nested(FLOWTABLE_HOOK, FlowtableHook), Tracked;
        r#use = 4 USE: be32, Volatile;
        handle = 5 HANDLE: be64, Tracked;
        flags = 7 FLAGS: be32, Tracked;
    }
}

bitflags::bitflags! {
    /// `NFT_FLOWTABLE_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct FlowtableFlags: u32 {
        /// Flows are offloaded to hardware.
        const HW_OFFLOAD = 0x1;
        /// Flows are counted.
        const COUNTER = 0x2;
        const _ = !0;
    }
}

object! {
    /// A flow table: flows that bypass the chains.
    Flowtable, FlowtableRef, FlowtableView;
    header NfGenMsg; attributes FlowtableAttributes by FLOWTABLE;
    kind Flowtable = NEWFLOWTABLE | DELFLOWTABLE | GETFLOWTABLE of nft;

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

    /// Where it is hooked in.
    fn hook(&self) -> Option<FlowtableHook<'_>> {
        self.attributes().hook()
    }

    /// `NFT_FLOWTABLE_*`
    fn flags(&self) -> FlowtableFlags {
        FlowtableFlags::from_bits_retain(self.attributes().flags().unwrap_or_default())
    }

    /// How many rules refer to it.
    fn use_count(&self) -> u32 {
        self.attributes().r#use().unwrap_or_default()
    }
}
