//! Rules (`NFTA_RULE_*`, <linux/netfilter/nf_tables.h>).

use super::expr::{EXPR, Expression, ExpressionAttributes};
use super::header::NfGenMsg;
use super::userdata::{self, UserData};
use crate::name::Name;
use crate::object::object;
use crate::policy::attributes;

attributes! {
    /// `NFTA_RULE_*`
    pub RULE "NFTA_RULE" as RuleAttributes {
        table = 1 TABLE: name, Tracked;
        chain = 2 CHAIN: name, Tracked;
        handle = 3 HANDLE: be64, Tracked;
        expr = 4 EXPRESSIONS: items(nested(EXPR, ExpressionAttributes)), Tracked;
        compat = 5 COMPAT: nested(RULE_COMPAT, RuleCompat), Tracked;
        /// Handle of the rule before it, which may go without this one being announced again.
        position = 6 POSITION: be64, Volatile;
        userdata = 7 USERDATA: bytes, Tracked;
        /// Of a request: its number in the batch.
        id = 9 ID: be32, Volatile;
        /// Of a request: the number of the rule before it.
        position_id = 10 POSITION_ID: be32, Volatile;
        /// Of a request: its chain's number.
        chain_id = 11 CHAIN_ID: be32, Volatile;
    }
}

attributes! {
    /// `NFTA_RULE_COMPAT_*`: of rules with iptables' matches and targets.
    pub RULE_COMPAT "NFTA_RULE_COMPAT" as RuleCompat {
        proto = 1 PROTO: be32, Tracked;
        flags = 2 FLAGS: be32, Tracked;
    }
}

object! {
    /// A rule of a chain.
    Rule, RuleRef, RuleView;
    header NfGenMsg; attributes RuleAttributes by RULE;
    kind NftRule = NEWRULE | DELRULE | GETRULE of nft;

    /// The table's family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// The table's name.
    fn table(&self) -> Name<'_> {
        self.attributes().table().unwrap_or_default()
    }

    /// The chain's name.
    fn chain(&self) -> Name<'_> {
        self.attributes().chain().unwrap_or_default()
    }

    /// The kernel's number for it within its table.
    fn handle(&self) -> u64 {
        self.attributes().handle().unwrap_or_default()
    }

    /// Handle of the rule before it in its chain, as of the moment when the kernel wrote the message. When a new rule is
    /// announced, the first and the last of a chain have none: the message's flags tell which of both it is.
    fn position(&self) -> Option<u64> {
        self.attributes().position()
    }

    /// What it consists of, in order.
    fn expressions(&self) -> impl Iterator<Item = Expression<'_>> {
        self.attributes().expr().map(Expression::new)
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
