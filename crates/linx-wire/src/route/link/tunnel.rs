//! Tunnels: vxlan, geneve, bareudp, gtp, amt (<linux/if_link.h>, <linux/amt.h>), gre, ipip, sit, vti
//! (<linux/if_tunnel.h>), xfrm, ovpn.

use zerocopy::big_endian as be;

use super::raw::structures;
use crate::policy::attributes;

structures! {
    /// `struct ifla_vxlan_port_range`, `struct ifla_geneve_port_range`
    pub struct PortRange {
        /// First UDP source port.
        pub low: be::U16,
        /// Last UDP source port.
        pub high: be::U16,
    }
}

attributes! {
    /// `IFLA_VXLAN_*`
    pub VXLAN "IFLA_VXLAN" as VxlanData {
        id = 1 ID: u32, Tracked;
        /// Multicast group or remote end.
        group = 2 GROUP: ip, Tracked;
        link = 3 LINK: u32, Tracked;
        local = 4 LOCAL: ip, Tracked;
        ttl = 5 TTL: u8, Tracked;
        tos = 6 TOS: u8, Tracked;
        learning = 7 LEARNING: u8, Tracked;
        /// Seconds.
        ageing = 8 AGEING: u32, Tracked;
        limit = 9 LIMIT: u32, Tracked;
        port_range = 10 PORT_RANGE: structure(PortRange), Tracked;
        proxy = 11 PROXY: u8, Tracked;
        rsc = 12 RSC: u8, Tracked;
        l2miss = 13 L2MISS: u8, Tracked;
        l3miss = 14 L3MISS: u8, Tracked;
        port = 15 PORT: be16, Tracked;
        group6 = 16 GROUP6: ip, Tracked;
        local6 = 17 LOCAL6: ip, Tracked;
        udp_csum = 18 UDP_CSUM: u8, Tracked;
        udp_zero_csum6_tx = 19 UDP_ZERO_CSUM6_TX: u8, Tracked;
        udp_zero_csum6_rx = 20 UDP_ZERO_CSUM6_RX: u8, Tracked;
        remcsum_tx = 21 REMCSUM_TX: u8, Tracked;
        remcsum_rx = 22 REMCSUM_RX: u8, Tracked;
        gbp = 23 GBP: flag, Tracked;
        remcsum_nopartial = 24 REMCSUM_NOPARTIAL: flag, Tracked;
        external = 25 COLLECT_METADATA: u8, Tracked;
        label = 26 LABEL: be32, Tracked;
        gpe = 27 GPE: flag, Tracked;
        ttl_inherit = 28 TTL_INHERIT: u8, Tracked;
        /// 0 unset, 1 set, 2 inherit
        df = 29 DF: u8, Tracked;
        vnifilter = 30 VNIFILTER: u8, Tracked;
        localbypass = 31 LOCALBYPASS: u8, Tracked;
        label_policy = 32 LABEL_POLICY: u32, Tracked;
        /// The header bits that are ignored, 8 bytes.
        reserved_bits = 33 RESERVED_BITS: bytes, Tracked;
        mcroute = 34 MC_ROUTE: u8, Tracked;
    }
}

attributes! {
    /// `IFLA_GENEVE_*`
    pub GENEVE "IFLA_GENEVE" as GeneveData {
        id = 1 ID: u32, Tracked;
        remote = 2 REMOTE: ip, Tracked;
        ttl = 3 TTL: u8, Tracked;
        tos = 4 TOS: u8, Tracked;
        port = 5 PORT: be16, Tracked;
        external = 6 COLLECT_METADATA: flag, Tracked;
        remote6 = 7 REMOTE6: ip, Tracked;
        udp_csum = 8 UDP_CSUM: u8, Tracked;
        udp_zero_csum6_tx = 9 UDP_ZERO_CSUM6_TX: u8, Tracked;
        udp_zero_csum6_rx = 10 UDP_ZERO_CSUM6_RX: u8, Tracked;
        label = 11 LABEL: be32, Tracked;
        ttl_inherit = 12 TTL_INHERIT: u8, Tracked;
        /// 0 unset, 1 set, 2 inherit
        df = 13 DF: u8, Tracked;
        inner_proto_inherit = 14 INNER_PROTO_INHERIT: flag, Tracked;
        port_range = 15 PORT_RANGE: structure(PortRange), Tracked;
    }
}

attributes! {
    /// `IFLA_BAREUDP_*`
    pub BAREUDP "IFLA_BAREUDP" as BareudpData {
        dstport = 1 PORT: be16, Tracked;
        ethertype = 2 ETHERTYPE: be16, Tracked;
        srcportmin = 3 SRCPORT_MIN: u16, Tracked;
        multiproto = 4 MULTIPROTO_MODE: flag, Tracked;
    }
}

attributes! {
    /// `IFLA_GTP_*`
    pub GTP "IFLA_GTP" as GtpData {
        fd0 = 1 FD0: u32, Tracked;
        fd1 = 2 FD1: u32, Tracked;
        hsize = 3 PDP_HASHSIZE: u32, Tracked;
        /// 0 ggsn, 1 sgsn
        role = 4 ROLE: u32, Tracked;
        create_sockets = 5 CREATE_SOCKETS: u8, Tracked;
        restart_count = 6 RESTART_COUNT: u8, Tracked;
        local = 7 LOCAL: ip, Tracked;
        local6 = 8 LOCAL6: ip, Tracked;
    }
}

attributes! {
    /// `IFLA_AMT_*`
    pub AMT "IFLA_AMT" as AmtData {
        /// 0 gateway, 1 relay
        mode = 1 MODE: u32, Tracked;
        relay_port = 2 RELAY_PORT: be16, Tracked;
        gateway_port = 3 GATEWAY_PORT: be16, Tracked;
        link = 4 LINK: u32, Tracked;
        local = 5 LOCAL_IP: ip, Tracked;
        remote = 6 REMOTE_IP: ip, Audited;
        discovery = 7 DISCOVERY_IP: ip, Tracked;
        max_tunnels = 8 MAX_TUNNELS: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_GRE_*`: gre, gretap, erspan, ip6gre, ip6gretap, ip6erspan
    pub GRE "IFLA_GRE" as GreData {
        link = 1 LINK: u32, Tracked;
        /// `TUNNEL_*`
        iflags = 2 IFLAGS: be16, Tracked;
        /// `TUNNEL_*`
        oflags = 3 OFLAGS: be16, Tracked;
        ikey = 4 IKEY: be32, Tracked;
        okey = 5 OKEY: be32, Tracked;
        local = 6 LOCAL: ip, Tracked;
        remote = 7 REMOTE: ip, Tracked;
        ttl = 8 TTL: u8, Tracked;
        tos = 9 TOS: u8, Tracked;
        pmtudisc = 10 PMTUDISC: u8, Tracked;
        encap_limit = 11 ENCAP_LIMIT: u8, Tracked;
        flowinfo = 12 FLOWINFO: be32, Tracked;
        /// `IP6_TNL_F_*`
        flags = 13 FLAGS: u32, Tracked;
        encap_type = 14 ENCAP_TYPE: u16, Tracked;
        encap_flags = 15 ENCAP_FLAGS: u16, Tracked;
        encap_sport = 16 ENCAP_SPORT: be16, Tracked;
        encap_dport = 17 ENCAP_DPORT: be16, Tracked;
        external = 18 COLLECT_METADATA: flag, Tracked;
        ignore_df = 19 IGNORE_DF: u8, Tracked;
        fwmark = 20 FWMARK: u32, Tracked;
        erspan_index = 21 ERSPAN_INDEX: u32, Tracked;
        erspan_ver = 22 ERSPAN_VER: u8, Tracked;
        erspan_dir = 23 ERSPAN_DIR: u8, Tracked;
        erspan_hwid = 24 ERSPAN_HWID: u16, Tracked;
    }
}

attributes! {
    /// `IFLA_IPTUN_*`: ipip, sit, ip6tnl
    pub IPTUN "IFLA_IPTUN" as IpTunData {
        link = 1 LINK: u32, Tracked;
        local = 2 LOCAL: ip, Tracked;
        remote = 3 REMOTE: ip, Tracked;
        ttl = 4 TTL: u8, Tracked;
        tos = 5 TOS: u8, Tracked;
        encap_limit = 6 ENCAP_LIMIT: u8, Tracked;
        flowinfo = 7 FLOWINFO: be32, Tracked;
        /// ip6tnl: 32 bits, `IP6_TNL_F_*`; sit: 16 bits in network order, `SIT_ISATAP`
        flags = 8 FLAGS: at_least(2), Tracked;
        proto = 9 PROTO: u8, Tracked;
        pmtudisc = 10 PMTUDISC: u8, Tracked;
        prefix_6rd = 11 6RD_PREFIX: ip, Tracked;
        relay_prefix_6rd = 12 6RD_RELAY_PREFIX: ip, Tracked;
        prefixlen_6rd = 13 6RD_PREFIXLEN: u16, Tracked;
        relay_prefixlen_6rd = 14 6RD_RELAY_PREFIXLEN: u16, Tracked;
        encap_type = 15 ENCAP_TYPE: u16, Tracked;
        encap_flags = 16 ENCAP_FLAGS: u16, Tracked;
        encap_sport = 17 ENCAP_SPORT: be16, Tracked;
        encap_dport = 18 ENCAP_DPORT: be16, Tracked;
        external = 19 COLLECT_METADATA: flag, Tracked;
        fwmark = 20 FWMARK: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_VTI_*`: vti, vti6
    pub VTI "IFLA_VTI" as VtiData {
        link = 1 LINK: u32, Tracked;
        ikey = 2 IKEY: be32, Tracked;
        okey = 3 OKEY: be32, Tracked;
        local = 4 LOCAL: ip, Tracked;
        remote = 5 REMOTE: ip, Tracked;
        fwmark = 6 FWMARK: u32, Tracked;
    }
}

attributes! {
    /// `IFLA_XFRM_*`
    pub XFRM "IFLA_XFRM" as XfrmData {
        link = 1 LINK: u32, Tracked;
        if_id = 2 IF_ID: u32, Tracked;
        external = 3 COLLECT_METADATA: flag, Tracked;
    }
}

attributes! {
    /// `IFLA_OVPN_*`
    pub OVPN "IFLA_OVPN" as OvpnData {
        /// 0 point-to-point, 1 multi-peer
        mode = 1 MODE: u8, Tracked;
    }
}
