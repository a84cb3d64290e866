//! `IFLA_LINKINFO`: a link's kind and the data that belong to the kind, likewise of its master's kind.
//!
//! A new kind: its table in a file beside this one, and a line here.

use super::bond::{AD_INFO, BOND, BOND_SLAVE, BondData, BondSlave};
use super::bridge::{BR, BRPORT, BridgeData, BridgePort, QUERIER};
use super::can::{CAN, CAN_CTRLMODE, CAN_TDC, CanData, VXCAN, VxcanData};
use super::device::{
    BATADV, BatadvData, DSA, DsaData, HSR, HsrData, IPOIB, IPVLAN, IpoibData, IpvlanData, MACSEC, MACVLAN,
    MacsecData, MacvlanData, NETKIT, NetkitData, RMNET, RmnetData, TUN, TunData, VETH, VLAN, VRF, VRF_PORT,
    VethData, VlanData, VrfData, VrfPort, WWAN, WwanData,
};
use super::tunnel::{
    AMT, AmtData, BAREUDP, BareudpData, GENEVE, GRE, GTP, GeneveData, GreData, GtpData, IPTUN, IpTunData,
    OVPN, OvpnData, VTI, VXLAN, VtiData, VxlanData, XFRM, XfrmData,
};
use crate::name::Name;
use crate::policy::{Policy, Surroundings, attributes};

attributes! {
    /// `IFLA_INFO_*`
    pub INFO "IFLA_INFO" as LinkInfo {
        info_kind = 1 KIND: name, Tracked;
        /// See [`LinkView::data`](super::LinkView::data).
        info_data = 2 DATA: depends(data_policy), TrackedUp;
        /// Counters of some kinds, such as [`CanStats`](super::CanStats).
        info_xstats = 3 XSTATS: bytes, Volatile;
        info_slave_kind = 4 SLAVE_KIND: name, Tracked;
        /// See [`LinkView::slave_data`](super::LinkView::slave_data).
        info_slave_data = 5 SLAVE_DATA: depends(slave_policy), TrackedUp;
    }
}

fn data_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    LinkData::policy(Name::from_payload(around.sibling(1)?))
}

fn slave_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    SlaveData::policy(Name::from_payload(around.sibling(4)?))
}

macro_rules! kinds {
    ($(#[$doc:meta])* pub enum $enum:ident {
        $($(#[$note:meta])* $variant:ident($view:ident by $policy:ident) = $($kind:literal)|+;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum $enum<'a> {
            $(
                #[doc = concat!($("`", $kind, "` "),+)]
                $(#[$note])*
                $variant($view<'a>),
            )*
            /// A kind that has no data, or that this version does not know.
            Other(&'a [u8]),
        }

        impl<'a> $enum<'a> {
            /// The kinds whose data are known.
            pub const KINDS: &'static [&'static str] = &[$($($kind),+),*];

            /// The table of a kind's data.
            pub(crate) fn policy(kind: Name<'_>) -> Option<&'static Policy> {
                match kind.as_bytes() {
                    $($(kind if kind == $kind.as_bytes() => Some(&$policy),)+)*
                    _ => None,
                }
            }

            /// The data of a kind.
            pub(crate) fn new(kind: Name<'_>, data: &'a [u8]) -> Self {
                match kind.as_bytes() {
                    $($(kind if kind == $kind.as_bytes() => Self::$variant($view::new(data)),)+)*
                    _ => Self::Other(data),
                }
            }

            /// The data's attributes.
            #[must_use]
            pub fn as_bytes(self) -> &'a [u8] {
                match self {
                    $(Self::$variant(view) => view.as_bytes(),)*
                    Self::Other(bytes) => bytes,
                }
            }
        }
    };
}

kinds! {
    /// `IFLA_INFO_DATA`, by kind. Kinds without data, such as ifb, dummy and wireguard, are `Other`.
    pub enum LinkData {
        Veth(VethData by VETH) = "veth";
        Bridge(BridgeData by BR) = "bridge";
        Vlan(VlanData by VLAN) = "vlan";
        Vxlan(VxlanData by VXLAN) = "vxlan";
        Macvlan(MacvlanData by MACVLAN) = "macvlan" | "macvtap";
        Ipvlan(IpvlanData by IPVLAN) = "ipvlan" | "ipvtap";
        Tun(TunData by TUN) = "tun";
        Bond(BondData by BOND) = "bond";
        Vrf(VrfData by VRF) = "vrf";
        Geneve(GeneveData by GENEVE) = "geneve";
        Gre(GreData by GRE) = "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap" | "ip6erspan";
        IpTun(IpTunData by IPTUN) = "ipip" | "sit" | "ip6tnl";
        Vti(VtiData by VTI) = "vti" | "vti6";
        Xfrm(XfrmData by XFRM) = "xfrm";
        Hsr(HsrData by HSR) = "hsr";
        Netkit(NetkitData by NETKIT) = "netkit";
        Gtp(GtpData by GTP) = "gtp";
        Bareudp(BareudpData by BAREUDP) = "bareudp";
        Amt(AmtData by AMT) = "amt";
        Ovpn(OvpnData by OVPN) = "ovpn";
        Macsec(MacsecData by MACSEC) = "macsec";
        Batadv(BatadvData by BATADV) = "batadv";
        Rmnet(RmnetData by RMNET) = "rmnet";
        Wwan(WwanData by WWAN) = "wwan";
        Ipoib(IpoibData by IPOIB) = "ipoib";
        Dsa(DsaData by DSA) = "dsa";
        Can(CanData by CAN) = "can";
        Vxcan(VxcanData by VXCAN) = "vxcan";
    }
}

kinds! {
    /// `IFLA_INFO_SLAVE_DATA`, by the master's kind.
    pub enum SlaveData {
        Bridge(BridgePort by BRPORT) = "bridge";
        Bond(BondSlave by BOND_SLAVE) = "bond";
        Vrf(VrfPort by VRF_PORT) = "vrf";
    }
}

/// The tables of all kinds.
pub(crate) static POLICIES: &[&Policy] = &[
    &INFO,
    &VETH,
    &BR,
    &BRPORT,
    &QUERIER,
    &VLAN,
    &VXLAN,
    &MACVLAN,
    &IPVLAN,
    &TUN,
    &BOND,
    &AD_INFO,
    &BOND_SLAVE,
    &VRF,
    &VRF_PORT,
    &GENEVE,
    &GRE,
    &IPTUN,
    &VTI,
    &XFRM,
    &HSR,
    &NETKIT,
    &GTP,
    &BAREUDP,
    &AMT,
    &OVPN,
    &MACSEC,
    &BATADV,
    &RMNET,
    &WWAN,
    &IPOIB,
    &DSA,
    &CAN,
    &CAN_TDC,
    &CAN_CTRLMODE,
    &VXCAN,
];
