//! nf_tables: one kernel object a file. <linux/netfilter/nf_tables.h>, <linux/netfilter/nfnetlink.h>.
//!
//! Numbers are in network byte order, but for what the tables say otherwise; nests come without `NLA_F_NESTED`.

mod batch;
mod chain;
mod conntrack;
mod copy;
mod data;
mod element;
mod entity;
pub mod expr;
mod flowtable;
mod generation;
mod header;
mod hook;
mod item;
mod nest;
mod object;
pub mod request;
mod rule;
mod set;
mod table;
mod tunnel;
mod userdata;

pub use batch::Batch;
pub use chain::*;
pub use conntrack::*;
pub use copy::Renames;
pub use data::*;
pub use element::*;
pub use entity::{Entity, EntityRef};
pub use expr::Expression;
pub use flowtable::*;
pub use generation::*;
pub use header::{NfGenMsg, family};
pub use hook::*;
pub use item::ItemRef;
pub use nest::{EncodeError, Nest, Value};
pub use object::*;
pub use rule::*;
pub use set::*;
pub use table::*;
pub use tunnel::*;
pub use userdata::{UserData, comment};

use crate::policy::Policy;

/// Every table of attributes, for tests that go over all of them.
#[must_use]
pub fn policies() -> Vec<&'static Policy> {
    let mut all = vec![&GENERATION, &TABLE, &CHAIN, &RULE, &RULE_COMPAT, &SET, &SET_DESC, &SET_FIELD];
    all.extend([
        &ELEMENT_LIST,
        &ELEMENT,
        &OBJECT,
        &QUOTA_OBJECT,
        &FLOWTABLE,
        &FLOWTABLE_HOOK,
        &HOOK,
        &DEVICE,
    ]);
    all.extend([&DATA, &VERDICT, &expr::EXPR]);
    all.extend(expr::KINDS.iter().map(|(_, policy)| policy));
    all.extend_from_slice(tunnel::POLICIES);
    all.extend_from_slice(conntrack::POLICIES);
    all
}
