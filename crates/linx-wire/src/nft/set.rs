//! Sets and maps (`NFTA_SET_*`, <linux/netfilter/nf_tables.h>), without their elements.

use std::time::Duration;

use super::expr::{EXPR, Expression, ExpressionAttributes};
use super::header::NfGenMsg;
use super::userdata::{self, UserData};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_SET_*`
    pub SET "NFTA_SET" as SetAttributes {
        table = 1 TABLE: name, Tracked;
        name = 2 NAME: name, Tracked;
        flags = 3 FLAGS: be32, Tracked;
        key_type = 4 KEY_TYPE: be32, Tracked;
        key_len = 5 KEY_LEN: be32, Tracked;
        data_type = 6 DATA_TYPE: be32, Tracked;
        data_len = 7 DATA_LEN: be32, Tracked;
        policy = 8 POLICY: be32, Tracked;
        desc = 9 DESC: nested(SET_DESC, SetDescription), Tracked;
        /// Of a request: its number in the batch.
        id = 10 ID: be32, Volatile;
        timeout = 11 TIMEOUT: be64, Tracked;
        gc_interval = 12 GC_INTERVAL: be32, Tracked;
        userdata = 13 USERDATA: bytes, Tracked;
        obj_type = 15 OBJ_TYPE: be32, Tracked;
        handle = 16 HANDLE: be64, Tracked;
        expr = 17 EXPR: nested(EXPR, ExpressionAttributes), Tracked;
        exprs = 18 EXPRESSIONS: items(nested(EXPR, ExpressionAttributes)), Tracked;
        /// The kernel's implementation (kernel 6.16).
        backend = 19 TYPE: name, Volatile;
        /// How many elements it has (kernel 6.16).
        count = 20 COUNT: be32, Volatile;
    }
}

attributes! {
    /// `NFTA_SET_DESC_*`
    pub SET_DESC "NFTA_SET_DESC" as SetDescription {
        size = 1 SIZE: be32, Tracked;
        concat = 2 CONCAT: items(nested(SET_FIELD, SetField)), Tracked;
    }
}

attributes! {
    /// `NFTA_SET_FIELD_*`
    pub SET_FIELD "NFTA_SET_FIELD" as SetField {
        /// Bytes.
        len = 1 LEN: be32, Tracked;
    }
}

bitflags::bitflags! {
    /// `NFT_SET_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct SetFlags: u32 {
        /// It belongs to a rule; the kernel names it.
        const ANONYMOUS = 0x1;
        /// Its elements do not change while it is used.
        const CONSTANT = 0x2;
        /// It holds intervals.
        const INTERVAL = 0x4;
        /// It is a map.
        const MAP = 0x8;
        /// Its elements may expire.
        const TIMEOUT = 0x10;
        /// Packets may change it.
        const EVAL = 0x20;
        /// It maps to stateful objects.
        const OBJECT = 0x40;
        /// Its key is a concatenation.
        const CONCAT = 0x80;
        /// Its elements carry expressions.
        const EXPR = 0x100;
        const _ = !0;
    }
}

/// Of `NFTA_SET_DATA_TYPE`: the map is to verdicts (`NFT_DATA_VERDICT`). Other numbers are user space's own.
pub const DATA_TYPE_VERDICT: u32 = 0xffff_ff00;

object! {
    /// A set or map.
    Set, SetRef, SetView;
    header NfGenMsg; attributes SetAttributes by SET;
    kind Set = NEWSET | DELSET | GETSET of nft;

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

    /// `NFT_SET_*`
    fn flags(&self) -> SetFlags {
        SetFlags::from_bits_retain(self.attributes().flags().unwrap_or_default())
    }

    /// Whether it maps its keys to something.
    fn is_map(&self) -> bool {
        self.flags().intersects(SetFlags::MAP | SetFlags::OBJECT)
    }

    /// Lengths of a concatenation's fields, bytes.
    fn fields(&self) -> Vec<u32> {
        self.attributes().desc().into_iter().flat_map(SetDescription::concat).filter_map(SetField::len).collect()
    }

    /// How many elements it may hold; `None` is without a limit.
    fn size(&self) -> Option<u32> {
        self.attributes().desc()?.size()
    }

    /// How long its elements last, where they do not say so themselves.
    fn timeout(&self) -> Option<Duration> {
        self.attributes().timeout().map(Duration::from_millis)
    }

    /// How often the kernel looks for expired elements.
    fn gc_interval(&self) -> Option<Duration> {
        self.attributes().gc_interval().map(|ms| Duration::from_millis(ms.into()))
    }

    /// What each element carries.
    fn expressions(&self) -> impl Iterator<Item = Expression<'_>> {
        let attributes = self.attributes();
        attributes.expr().into_iter().chain(attributes.exprs()).map(Expression::new)
    }

    /// What user space keeps with it: among others the types of its keys.
    fn userdata(&self) -> Option<UserData<'_>> {
        self.attributes().userdata().map(UserData::new)
    }

    /// The comment, if its user data hold one.
    fn comment(&self) -> Option<Name<'_>> {
        self.userdata()?.comment(userdata::SET_COMMENT)
    }
}
