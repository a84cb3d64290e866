//! Expressions that work on registers: bitwise, byteorder, cmp, range, and look-ups in sets: lookup, dynset, objref.

use super::{EXPR, Expression, ExpressionAttributes};
use crate::nft::data::{DATA, Data};
use crate::policy::attributes;

attributes! {
    /// `NFTA_BITWISE_*`
    pub BITWISE "NFTA_BITWISE" as Bitwise {
        sreg = 1 SREG: be32, Tracked;
        dreg = 2 DREG: be32, Tracked;
        /// Bytes.
        len = 3 LEN: be32, Tracked;
        mask = 4 MASK: nested(DATA, Data), Tracked;
        xor = 5 XOR: nested(DATA, Data), Tracked;
        /// `NFT_BITWISE_*`: 0 mask and xor, 1 left, 2 right, 3 and, 4 or, 5 xor (the last three from kernel 6.13).
        op = 6 OP: be32, Tracked;
        data = 7 DATA: nested(DATA, Data), Tracked;
        /// The second source (kernel 6.13).
        sreg2 = 8 SREG2: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_BYTEORDER_*`
    pub BYTEORDER "NFTA_BYTEORDER" as Byteorder {
        sreg = 1 SREG: be32, Tracked;
        dreg = 2 DREG: be32, Tracked;
        /// 0 to the machine's order, 1 to network order.
        op = 3 OP: be32, Tracked;
        /// Bytes.
        len = 4 LEN: be32, Tracked;
        /// Bytes of one number.
        size = 5 SIZE: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_CMP_*`: ends the rule where the comparison is false.
    pub CMP "NFTA_CMP" as Cmp {
        sreg = 1 SREG: be32, Tracked;
        /// `NFT_CMP_*`
        op = 2 OP: be32, Tracked;
        data = 3 DATA: nested(DATA, Data), Tracked;
    }
}

attributes! {
    /// `NFTA_RANGE_*`: ends the rule where the value is not between both, which belong to it.
    pub RANGE "NFTA_RANGE" as Range {
        sreg = 1 SREG: be32, Tracked;
        /// 0 inside, 1 outside.
        op = 2 OP: be32, Tracked;
        from = 3 FROM_DATA: nested(DATA, Data), Tracked;
        to = 4 TO_DATA: nested(DATA, Data), Tracked;
    }
}

attributes! {
    /// `NFTA_LOOKUP_*`: a look-up in a set; with `dreg`, in a map.
    pub LOOKUP "NFTA_LOOKUP" as Lookup {
        set = 1 SET: name, Tracked;
        sreg = 2 SREG: be32, Tracked;
        dreg = 3 DREG: be32, Tracked;
        /// Of a request: the set's number in the batch.
        set_id = 4 SET_ID: be32, Volatile;
        flags = 5 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_DYNSET_*`: a change of a set by a packet.
    pub DYNSET "NFTA_DYNSET" as Dynset {
        set = 1 SET_NAME: name, Tracked;
        /// Of a request: the set's number in the batch.
        set_id = 2 SET_ID: be32, Volatile;
        /// 0 add, 1 update, 2 delete.
        op = 3 OP: be32, Tracked;
        sreg_key = 4 SREG_KEY: be32, Tracked;
        sreg_data = 5 SREG_DATA: be32, Tracked;
        /// Milliseconds.
        timeout = 6 TIMEOUT: be64, Tracked;
        expr = 7 EXPR: nested(EXPR, ExpressionAttributes), Tracked;
        flags = 9 FLAGS: be32, Tracked;
        exprs = 10 EXPRESSIONS: items(nested(EXPR, ExpressionAttributes)), Tracked;
    }
}

impl<'a> Dynset<'a> {
    /// What a new element carries.
    pub fn expressions(self) -> impl Iterator<Item = Expression<'a>> {
        self.expr().into_iter().chain(self.exprs()).map(Expression::new)
    }
}

attributes! {
    /// `NFTA_OBJREF_*`: a stateful object by its name, or by a map.
    pub OBJREF "NFTA_OBJREF" as Objref {
        /// Type of the object that is named, see [`object_type`](crate::nft::object_type).
        imm_type = 1 IMM_TYPE: be32, Tracked;
        imm_name = 2 IMM_NAME: name, Tracked;
        set_sreg = 3 SET_SREG: be32, Tracked;
        set = 4 SET_NAME: name, Tracked;
        /// Of a request: the map's number in the batch.
        set_id = 5 SET_ID: be32, Volatile;
    }
}
