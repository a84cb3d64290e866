//! Expressions that bring something of the packet or of its surroundings into a register, and those that write it back:
//! payload, exthdr, meta, ct, rt, socket, osf, fib, xfrm, tunnel, numgen, hash, immediate, inner.

use super::{EXPR, Expression, ExpressionAttributes};
use crate::nft::data::{DATA, Data};
use crate::policy::attributes;

attributes! {
    /// `NFTA_PAYLOAD_*`: bytes of the packet; with `sreg` written into it.
    pub PAYLOAD "NFTA_PAYLOAD" as Payload {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_PAYLOAD_*_HEADER`: 0 link layer, 1 network, 2 transport, 3 inner, 4 tunnel (inside `inner`).
        base = 2 BASE: be32, Tracked;
        /// Bytes.
        offset = 3 OFFSET: be32, Tracked;
        /// Bytes.
        len = 4 LEN: be32, Tracked;
        sreg = 5 SREG: be32, Tracked;
        csum_type = 6 CSUM_TYPE: be32, Tracked;
        csum_offset = 7 CSUM_OFFSET: be32, Tracked;
        csum_flags = 8 CSUM_FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_EXTHDR_*`: of an IPv6 extension header, TCP option, IPv4 option, SCTP or DCCP chunk.
    pub EXTHDR "NFTA_EXTHDR" as Exthdr {
        dreg = 1 DREG: be32, Tracked;
        r#type = 2 TYPE: u8, Tracked;
        /// Bytes.
        offset = 3 OFFSET: be32, Tracked;
        /// Bytes.
        len = 4 LEN: be32, Tracked;
        flags = 5 FLAGS: be32, Tracked;
        op = 6 OP: be32, Tracked;
        sreg = 7 SREG: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_META_*`: of what the kernel knows of the packet; with `sreg` written there.
    pub META "NFTA_META" as Meta {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_META_*`
        key = 2 KEY: be32, Tracked;
        sreg = 3 SREG: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_CT_*`: of the packet's connection; with `sreg` written there.
    pub CT "NFTA_CT" as Ct {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_CT_*`
        key = 2 KEY: be32, Tracked;
        /// 0 original, 1 reply.
        direction = 3 DIRECTION: u8, Tracked;
        sreg = 4 SREG: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_RT_*`: of the packet's route.
    pub RT "NFTA_RT" as Rt {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_RT_*`
        key = 2 KEY: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_SOCKET_*`: of the packet's socket.
    pub SOCKET "NFTA_SOCKET" as Socket {
        /// `NFT_SOCKET_*`
        key = 1 KEY: be32, Tracked;
        dreg = 2 DREG: be32, Tracked;
        level = 3 LEVEL: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_OSF_*`: a guess at the sender's operating system.
    pub OSF "NFTA_OSF" as Osf {
        dreg = 1 DREG: be32, Tracked;
        ttl = 2 TTL: u8, Tracked;
        flags = 3 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_FIB_*`: a look-up in the routing tables.
    pub FIB "NFTA_FIB" as Fib {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_FIB_RESULT_*`
        result = 2 RESULT: be32, Tracked;
        flags = 3 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_XFRM_*`: of the packet's IPsec state.
    pub XFRM "NFTA_XFRM" as Xfrm {
        dreg = 1 DREG: be32, Tracked;
        /// `NFT_XFRM_KEY_*`
        key = 2 KEY: be32, Tracked;
        /// 0 in, 1 out.
        dir = 3 DIR: u8, Tracked;
        spnum = 4 SPNUM: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_*`: of the packet's tunnel metadata.
    pub TUNNEL "NFTA_TUNNEL" as Tunnel {
        /// `NFT_TUNNEL_PATH` 0, `NFT_TUNNEL_ID` 1.
        key = 1 KEY: be32, Tracked;
        dreg = 2 DREG: be32, Tracked;
        /// 0 either, 1 received, 2 sent.
        mode = 3 MODE: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_NG_*`: numbers one after the other, or random ones.
    pub NUMGEN "NFTA_NG" as Numgen {
        dreg = 1 DREG: be32, Tracked;
        modulus = 2 MODULUS: be32, Tracked;
        /// 0 incremental, 1 random.
        r#type = 3 TYPE: be32, Tracked;
        offset = 4 OFFSET: be32, Tracked;
        /// No longer used.
        set_name = 5 SET_NAME: name, Tracked;
        /// No longer used.
        set_id = 6 SET_ID: be32, Volatile;
    }
}

attributes! {
    /// `NFTA_HASH_*`
    pub HASH "NFTA_HASH" as Hash {
        sreg = 1 SREG: be32, Tracked;
        dreg = 2 DREG: be32, Tracked;
        /// Bytes.
        len = 3 LEN: be32, Tracked;
        modulus = 4 MODULUS: be32, Tracked;
        seed = 5 SEED: be32, Tracked;
        offset = 6 OFFSET: be32, Tracked;
        /// 0 of a register (Jenkins), 1 the same for both directions of a flow.
        r#type = 7 TYPE: be32, Tracked;
        /// No longer used.
        set_name = 8 SET_NAME: name, Tracked;
        /// No longer used.
        set_id = 9 SET_ID: be32, Volatile;
    }
}

attributes! {
    /// `NFTA_IMMEDIATE_*`: a constant, or a verdict.
    pub IMMEDIATE "NFTA_IMMEDIATE" as Immediate {
        dreg = 1 DREG: be32, Tracked;
        data = 2 DATA: nested(DATA, Data), Tracked;
    }
}

attributes! {
    /// `NFTA_INNER_*`: of a packet inside a tunnel.
    pub INNER "NFTA_INNER" as Inner {
        num = 1 NUM: be32, Tracked;
        /// `NFT_INNER_*`: 0 none, 1 VXLAN, 2 GENEVE.
        r#type = 2 TYPE: be32, Tracked;
        flags = 3 FLAGS: be32, Tracked;
        /// Bytes.
        hdrsize = 4 HDRSIZE: be32, Tracked;
        /// See [`Inner::expression`].
        expr = 5 EXPR: nested(EXPR, ExpressionAttributes), Tracked;
    }
}

impl<'a> Inner<'a> {
    /// What is loaded of the inner packet: a `payload` or `meta`.
    #[must_use]
    pub fn expression(self) -> Option<Expression<'a>> {
        self.expr().map(Expression::new)
    }
}
