//! Tables (`NFTA_TABLE_*`, <linux/netfilter/nf_tables.h>).

use super::header::NfGenMsg;
use super::userdata::{self, UserData};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_TABLE_*`
    pub TABLE "NFTA_TABLE" as TableAttributes {
        name = 1 NAME: name, Tracked;
        flags = 2 FLAGS: be32, Tracked;
        r#use = 3 USE: be32, Volatile;
        handle = 4 HANDLE: be64, Tracked;
        userdata = 6 USERDATA: bytes, Tracked;
        owner = 7 OWNER: be32, Tracked;
    }
}

bitflags::bitflags! {
    /// `NFT_TABLE_F_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct TableFlags: u32 {
        /// Its chains are not hooked.
        const DORMANT = 0x1;
        /// Only its owner may change it, and it goes when the owner's socket closes.
        const OWNER = 0x2;
        /// It outlives its owner.
        const PERSIST = 0x4;
        const _ = !0;
    }
}

object! {
    /// A table.
    Table, TableRef, TableView;
    header NfGenMsg; attributes TableAttributes by TABLE;
    kind Table = NEWTABLE | DELTABLE | GETTABLE of nft;

    /// Its family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// Its name.
    fn name(&self) -> Name<'_> {
        self.attributes().name().unwrap_or_default()
    }

    /// The kernel's number for it.
    fn handle(&self) -> Option<u64> {
        self.attributes().handle()
    }

    /// `NFT_TABLE_F_*`
    fn flags(&self) -> TableFlags {
        TableFlags::from_bits_retain(self.attributes().flags().unwrap_or_default())
    }

    /// Portid of the socket that owns it.
    fn owner(&self) -> Option<u32> {
        self.attributes().owner()
    }

    /// How many chains, sets, objects and flow tables it has.
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
