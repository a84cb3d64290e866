//! Lightweight tunnel encapsulations of routes and next hops: <linux/lwtunnel.h>, <linux/mpls_iptunnel.h>,
//! <linux/seg6_iptunnel.h>, <linux/seg6_local.h>, <linux/ila.h>, <linux/rpl_iptunnel.h>, <linux/ioam6_iptunnel.h>.

use crate::policy::{Policy, attributes};

/// `enum lwtunnel_encap_types`
pub mod encap_type {
    #![allow(missing_docs)]
    pub const NONE: u16 = 0;
    pub const MPLS: u16 = 1;
    pub const IP: u16 = 2;
    pub const ILA: u16 = 3;
    pub const IP6: u16 = 4;
    pub const SEG6: u16 = 5;
    pub const BPF: u16 = 6;
    pub const SEG6_LOCAL: u16 = 7;
    pub const RPL: u16 = 8;
    pub const IOAM6: u16 = 9;
    pub const XFRM: u16 = 10;
}

attributes! {
    /// `MPLS_IPTUNNEL_*`
    pub ENCAP_MPLS "MPLS_IPTUNNEL" as EncapMpls {
        dst = 1 DST: bytes, Tracked;
        ttl = 2 TTL: u8, Tracked;
    }
}

attributes! {
    /// `LWTUNNEL_IP_*`
    pub ENCAP_IP "LWTUNNEL_IP" as EncapIp {
        /// Tunnel id, network order.
        id = 1 ID: bytes, Tracked;
        dst = 2 DST: ip, Tracked;
        src = 3 SRC: ip, Tracked;
        ttl = 4 TTL: u8, Tracked;
        tos = 5 TOS: u8, Tracked;
        /// `TUNNEL_*` flags, network order.
        flags = 6 FLAGS: be16, Tracked;
        opts = 8 OPTS: nested(ENCAP_OPTS, EncapOpts), Tracked;
    }
}

attributes! {
    /// `LWTUNNEL_IP6_*`
    pub ENCAP_IP6 "LWTUNNEL_IP6" as EncapIp6 {
        /// Tunnel id, network order.
        id = 1 ID: bytes, Tracked;
        dst = 2 DST: ip, Tracked;
        src = 3 SRC: ip, Tracked;
        hoplimit = 4 HOPLIMIT: u8, Tracked;
        tc = 5 TC: u8, Tracked;
        /// `TUNNEL_*` flags, network order.
        flags = 6 FLAGS: be16, Tracked;
        opts = 8 OPTS: nested(ENCAP_OPTS, EncapOpts), Tracked;
    }
}

attributes! {
    /// `LWTUNNEL_IP_OPTS_*`
    pub ENCAP_OPTS "LWTUNNEL_IP_OPTS" as EncapOpts {
        geneve = 1 GENEVE: bytes, Tracked;
        vxlan = 2 VXLAN: bytes, Tracked;
        erspan = 3 ERSPAN: bytes, Tracked;
    }
}

attributes! {
    /// `SEG6_IPTUNNEL_*`
    pub ENCAP_SEG6 "SEG6_IPTUNNEL" as EncapSeg6 {
        /// `struct seg6_iptunnel_encap`: mode (32 bits), then the segment routing header.
        srh = 1 SRH: at_least(12), Tracked;
        /// Source address of the outer header (newer kernels).
        src = 2 SRC: ip, Tracked;
    }
}

attributes! {
    /// `SEG6_LOCAL_*`
    pub ENCAP_SEG6_LOCAL "SEG6_LOCAL" as EncapSeg6Local {
        action = 1 ACTION: u32, Tracked;
        srh = 2 SRH: bytes, Tracked;
        table = 3 TABLE: u32, Tracked;
        nh4 = 4 NH4: ip, Tracked;
        nh6 = 5 NH6: ip, Tracked;
        iif = 6 IIF: u32, Tracked;
        oif = 7 OIF: u32, Tracked;
        bpf = 8 BPF: nested(SEG6_LOCAL_BPF, Seg6LocalBpf), Tracked;
        vrftable = 9 VRFTABLE: u32, Tracked;
        counters = 10 COUNTERS: nested(SEG6_LOCAL_COUNTERS, Seg6LocalCounters), Volatile;
        flavors = 11 FLAVORS: nested(SEG6_LOCAL_FLAVORS, Seg6LocalFlavors), Tracked;
    }
}

attributes! {
    /// `SEG6_LOCAL_BPF_PROG_*`
    pub SEG6_LOCAL_BPF "SEG6_LOCAL_BPF" as Seg6LocalBpf {
        prog = 1 PROG: u32, Tracked;
        prog_name = 2 PROG_NAME: name, Tracked;
    }
}

attributes! {
    /// `SEG6_LOCAL_CNT_*`
    pub SEG6_LOCAL_COUNTERS "SEG6_LOCAL_CNT" as Seg6LocalCounters {
        packets = 2 PACKETS: u64, Volatile;
        bytes = 3 BYTES: u64, Volatile;
        errors = 4 ERRORS: u64, Volatile;
    }
}

attributes! {
    /// `SEG6_LOCAL_FLV_*`
    pub SEG6_LOCAL_FLAVORS "SEG6_LOCAL_FLV" as Seg6LocalFlavors {
        operation = 1 OPERATION: u32, Tracked;
        lcblock_bits = 2 LCBLOCK_BITS: u8, Tracked;
        lcnode_func_bits = 3 LCNODE_FN_BITS: u8, Tracked;
    }
}

attributes! {
    /// `LWT_BPF_*`
    pub ENCAP_BPF "LWT_BPF" as EncapBpf {
        r#in = 1 IN: nested(LWT_BPF_PROG, LwtBpfProg), Tracked;
        out = 2 OUT: nested(LWT_BPF_PROG, LwtBpfProg), Tracked;
        xmit = 3 XMIT: nested(LWT_BPF_PROG, LwtBpfProg), Tracked;
        xmit_headroom = 4 XMIT_HEADROOM: u32, Tracked;
    }
}

attributes! {
    /// `LWT_BPF_PROG_*`
    pub LWT_BPF_PROG "LWT_BPF_PROG" as LwtBpfProg {
        fd = 1 FD: u32, Tracked;
        name = 2 NAME: name, Tracked;
    }
}

attributes! {
    /// `ILA_ATTR_*`
    pub ENCAP_ILA "ILA_ATTR" as EncapIla {
        locator = 1 LOCATOR: u64, Tracked;
        csum_mode = 7 CSUM_MODE: u8, Tracked;
        ident_type = 8 IDENT_TYPE: u8, Tracked;
        hook_type = 9 HOOK_TYPE: u8, Tracked;
    }
}

attributes! {
    /// `RPL_IPTUNNEL_*`
    pub ENCAP_RPL "RPL_IPTUNNEL" as EncapRpl {
        srh = 1 SRH: at_least(8), Tracked;
    }
}

attributes! {
    /// `IOAM6_IPTUNNEL_*`
    pub ENCAP_IOAM6 "IOAM6_IPTUNNEL" as EncapIoam6 {
        mode = 1 MODE: u8, Tracked;
        dst = 2 DST: ip, Tracked;
        trace = 3 TRACE: bytes, Tracked;
        freq_k = 4 FREQ_K: u32, Tracked;
        freq_n = 5 FREQ_N: u32, Tracked;
        src = 6 SRC: ip, Tracked;
    }
}

attributes! {
    /// `LWT_XFRM_*`
    pub ENCAP_XFRM "LWT_XFRM" as EncapXfrm {
        if_id = 1 IF_ID: u32, Tracked;
        link = 2 LINK: u32, Tracked;
    }
}

/// The table of an encapsulation's attributes; `None` for a type without one.
#[must_use]
pub fn encap_policy(encap_type: u16) -> Option<&'static Policy> {
    Some(match encap_type {
        encap_type::MPLS => &ENCAP_MPLS,
        encap_type::IP => &ENCAP_IP,
        encap_type::ILA => &ENCAP_ILA,
        encap_type::IP6 => &ENCAP_IP6,
        encap_type::SEG6 => &ENCAP_SEG6,
        encap_type::BPF => &ENCAP_BPF,
        encap_type::SEG6_LOCAL => &ENCAP_SEG6_LOCAL,
        encap_type::RPL => &ENCAP_RPL,
        encap_type::IOAM6 => &ENCAP_IOAM6,
        encap_type::XFRM => &ENCAP_XFRM,
        _ => return None,
    })
}

/// An encapsulation: its type and its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encap<'a> {
    /// `LWTUNNEL_ENCAP_*`, see [`encap_type`].
    pub encap_type: u16,
    /// Its attributes, validated by [`encap_policy`] where that knows the type.
    pub attributes: &'a [u8],
}

/// An encapsulation, typed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EncapView<'a> {
    /// `LWTUNNEL_ENCAP_MPLS`
    Mpls(EncapMpls<'a>),
    /// `LWTUNNEL_ENCAP_IP`
    Ip(EncapIp<'a>),
    /// `LWTUNNEL_ENCAP_ILA`
    Ila(EncapIla<'a>),
    /// `LWTUNNEL_ENCAP_IP6`
    Ip6(EncapIp6<'a>),
    /// `LWTUNNEL_ENCAP_SEG6`
    Seg6(EncapSeg6<'a>),
    /// `LWTUNNEL_ENCAP_BPF`
    Bpf(EncapBpf<'a>),
    /// `LWTUNNEL_ENCAP_SEG6_LOCAL`
    Seg6Local(EncapSeg6Local<'a>),
    /// `LWTUNNEL_ENCAP_RPL`
    Rpl(EncapRpl<'a>),
    /// `LWTUNNEL_ENCAP_IOAM6`
    Ioam6(EncapIoam6<'a>),
    /// `LWTUNNEL_ENCAP_XFRM`
    Xfrm(EncapXfrm<'a>),
    /// Any other: its type and its bytes.
    Other(u16, &'a [u8]),
}

impl<'a> Encap<'a> {
    /// The encapsulation, typed.
    #[must_use]
    pub fn view(self) -> EncapView<'a> {
        let bytes = self.attributes;
        match self.encap_type {
            encap_type::MPLS => EncapView::Mpls(EncapMpls::new(bytes)),
            encap_type::IP => EncapView::Ip(EncapIp::new(bytes)),
            encap_type::ILA => EncapView::Ila(EncapIla::new(bytes)),
            encap_type::IP6 => EncapView::Ip6(EncapIp6::new(bytes)),
            encap_type::SEG6 => EncapView::Seg6(EncapSeg6::new(bytes)),
            encap_type::BPF => EncapView::Bpf(EncapBpf::new(bytes)),
            encap_type::SEG6_LOCAL => EncapView::Seg6Local(EncapSeg6Local::new(bytes)),
            encap_type::RPL => EncapView::Rpl(EncapRpl::new(bytes)),
            encap_type::IOAM6 => EncapView::Ioam6(EncapIoam6::new(bytes)),
            encap_type::XFRM => EncapView::Xfrm(EncapXfrm::new(bytes)),
            other => EncapView::Other(other, bytes),
        }
    }
}

/// The tables of this file.
pub(crate) const POLICIES: &[&Policy] = &[
    &ENCAP_MPLS,
    &ENCAP_IP,
    &ENCAP_IP6,
    &ENCAP_OPTS,
    &ENCAP_SEG6,
    &ENCAP_SEG6_LOCAL,
    &SEG6_LOCAL_BPF,
    &SEG6_LOCAL_COUNTERS,
    &SEG6_LOCAL_FLAVORS,
    &ENCAP_BPF,
    &LWT_BPF_PROG,
    &ENCAP_ILA,
    &ENCAP_RPL,
    &ENCAP_IOAM6,
    &ENCAP_XFRM,
];
