//! The rare parts of a route: its metrics (`RTAX_*`), the hops of a multipath route (`struct rtnexthop`) and the next
//! hop of another family (`struct rtvia`). <linux/rtnetlink.h>

use std::net::IpAddr;

use super::encap::Encap;
use super::route::{ROUTE, RouteAttributes, RouteFlags};
use crate::addr;
use crate::attr::Attr;
use crate::error::{DecodeError, DecodeErrorKind, Result};
use crate::policy::attributes;
use crate::reader::Reader;

attributes! {
    /// `RTAX_*`
    pub METRICS "RTAX" as Metrics {
        /// Bits of the metrics that are locked.
        lock = 1 LOCK: u32, Tracked;
        mtu = 2 MTU: u32, Tracked;
        window = 3 WINDOW: u32, Tracked;
        /// Smoothed round trip time, 1/8 ms.
        rtt = 4 RTT: u32, Tracked;
        /// Round trip time variance, 1/4 ms.
        rttvar = 5 RTTVAR: u32, Tracked;
        ssthresh = 6 SSTHRESH: u32, Tracked;
        cwnd = 7 CWND: u32, Tracked;
        advmss = 8 ADVMSS: u32, Tracked;
        reordering = 9 REORDERING: u32, Tracked;
        hoplimit = 10 HOPLIMIT: u32, Tracked;
        initcwnd = 11 INITCWND: u32, Tracked;
        /// `RTAX_FEATURE_*` bits.
        features = 12 FEATURES: u32, Tracked;
        /// Milliseconds.
        rto_min = 13 RTO_MIN: u32, Tracked;
        initrwnd = 14 INITRWND: u32, Tracked;
        quickack = 15 QUICKACK: u32, Tracked;
        /// Congestion control algorithm.
        congctl = 16 CC_ALGO: name, Tracked;
        fastopen_no_cookie = 17 FASTOPEN_NO_COOKIE: u32, Tracked;
    }
}

/// One hop of a multipath route.
#[derive(Clone, Copy)]
pub struct Hop<'a> {
    /// `RTNH_F_*`
    pub flags: u8,
    /// The hop's weight less one, as the kernel has it (`rtnh_hops`).
    pub hops: u8,
    /// Index of the outgoing link.
    pub ifindex: u32,
    attributes: RouteAttributes<'a>,
    family: u8,
}

impl<'a> Hop<'a> {
    /// Share of the traffic, 1 to 256.
    #[must_use]
    pub fn weight(&self) -> u16 {
        u16::from(self.hops) + 1
    }

    /// The gateway, of the route's family or (`RTA_VIA`) of another.
    #[must_use]
    pub fn gateway(&self) -> Option<IpAddr> {
        self.attributes.gateway().and_then(addr::ip).or_else(|| via(self.attributes.via()?))
    }

    /// Whether the gateway is of another family than the route (`RTA_VIA`).
    #[must_use]
    pub fn is_via(&self) -> bool {
        self.attributes.via().is_some()
    }

    /// Realm (`RTA_FLOW`).
    #[must_use]
    pub fn flow(&self) -> Option<u32> {
        self.attributes.flow()
    }

    /// Encapsulation.
    #[must_use]
    pub fn encap(&self) -> Option<Encap<'a>> {
        Some(Encap { encap_type: self.attributes.encap_type()?, attributes: self.attributes.encap()? })
    }

    /// New label stack of an MPLS route (`RTA_NEWDST`).
    #[must_use]
    pub fn newdst(&self) -> Option<&'a [u8]> {
        self.attributes.newdst()
    }

    /// The attributes that this version does not know.
    pub fn unknown(&self) -> impl Iterator<Item = Attr<'a>> + use<'a> {
        ROUTE.unknown(self.attributes.as_bytes())
    }

    /// Family of the route.
    #[must_use]
    pub fn family(&self) -> u8 {
        self.family
    }
}

impl std::fmt::Debug for Hop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop")
            .field("flags", &self.flags)
            .field("hops", &self.hops)
            .field("ifindex", &self.ifindex)
            .field("attributes", &self.attributes)
            .finish()
    }
}

/// Iterator over the hops of a multipath route.
#[derive(Clone, Copy, Debug)]
pub struct Hops<'a> {
    rest: &'a [u8],
    family: u8,
}

/// Size of `struct rtnexthop`, bytes.
const HOP_LEN: usize = 8;

impl<'a> Hops<'a> {
    /// The hops in a validated payload of `RTA_MULTIPATH`.
    pub(crate) fn new(payload: &'a [u8], family: u8) -> Self {
        Self { rest: payload, family }
    }

    fn parse(&mut self) -> Result<Hop<'a>> {
        let mut reader = Reader::new(self.rest);
        let (length, flags, hops) = (usize::from(reader.u16()?), reader.u8()?, reader.u8()?);
        let ifindex = reader.u32()?;
        let have = self.rest.len();
        let Some(attributes) = self.rest.get(HOP_LEN..length) else {
            return Err(DecodeError::new(DecodeErrorKind::BadLength { length, have }, 0));
        };
        self.rest = self.rest.get((length + 3) & !3..).unwrap_or_default();
        Ok(Hop { flags, hops, ifindex, attributes: RouteAttributes::new(attributes), family: self.family })
    }
}

impl<'a> Iterator for Hops<'a> {
    type Item = Hop<'a>;

    fn next(&mut self) -> Option<Hop<'a>> {
        if self.rest.is_empty() { None } else { self.parse().ok() }
    }
}

/// The same hops without what the kernel says of their present state (`RTNH_F_DEAD` and the like).
pub(super) fn without_state(payload: &[u8]) -> Vec<u8> {
    const FLAGS_AT: usize = 2;
    let state = u8::try_from((RouteFlags::STATE & RouteFlags::OF_HOP).bits()).unwrap_or_default();
    let mut bytes = payload.to_vec();
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk().copied()) {
        if let Some(flags) = bytes.get_mut(at + FLAGS_AT) {
            *flags &= !state;
        }
        at += usize::from(u16::from_ne_bytes(length)).next_multiple_of(4).max(HOP_LEN);
    }
    bytes
}

/// Checks the payload of `RTA_MULTIPATH`.
pub(crate) fn check_hops(payload: &[u8], family: u8) -> Result<()> {
    let mut hops = Hops::new(payload, family);
    while !hops.rest.is_empty() {
        let base = payload.len() - hops.rest.len();
        let hop = hops.parse().map_err(|error| error.at_base(base))?;
        if hop.attributes.attrs().any(|attr| attr.is_ok_and(|attr| attr.number() == MULTIPATH)) {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, base));
        }
        ROUTE.validate(hop.attributes.as_bytes(), family).map_err(|error| error.at_base(base + HOP_LEN))?;
    }
    Ok(())
}

/// `RTA_MULTIPATH`: a hop does not hold hops.
const MULTIPATH: u16 = 9;

/// The address of a `struct rtvia` (family in 16 bits, then the address).
#[must_use]
pub(crate) fn via(payload: &[u8]) -> Option<IpAddr> {
    addr::ip(payload.get(2..)?)
}
