//! Data of tunnel objects (`NFTA_TUNNEL_KEY_*`, <linux/netfilter/nf_tables.h>).

use crate::policy::{Policy, Surroundings, attributes};

attributes! {
    /// `NFTA_TUNNEL_KEY_*`
    pub TUNNEL_KEY "NFTA_TUNNEL_KEY" as TunnelKey {
        id = 1 ID: be32, Tracked;
        ip = 2 IP: nested(TUNNEL_IP, TunnelIp), Tracked;
        ip6 = 3 IP6: nested(TUNNEL_IP6, TunnelIp6), Tracked;
        flags = 4 FLAGS: be32, Tracked;
        tos = 5 TOS: u8, Tracked;
        ttl = 6 TTL: u8, Tracked;
        sport = 7 SPORT: be16, Tracked;
        dport = 8 DPORT: be16, Tracked;
        /// See [`TunnelKey::options`].
        opts = 9 OPTS: depends(options_policy), Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_IP_*`
    pub TUNNEL_IP "NFTA_TUNNEL_KEY_IP" as TunnelIp {
        src = 1 SRC: ip, Tracked;
        dst = 2 DST: ip, Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_IP6_*`
    pub TUNNEL_IP6 "NFTA_TUNNEL_KEY_IP6" as TunnelIp6 {
        src = 1 SRC: ip, Tracked;
        dst = 2 DST: ip, Tracked;
        flowlabel = 3 FLOWLABEL: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_OPTS_*`
    pub TUNNEL_OPTS "NFTA_TUNNEL_KEY_OPTS" as TunnelOptions {
        vxlan = 1 VXLAN: nested(TUNNEL_VXLAN, TunnelVxlan), Tracked;
        erspan = 2 ERSPAN: nested(TUNNEL_ERSPAN, TunnelErspan), Tracked;
        geneve = 3 GENEVE: many(nested(TUNNEL_GENEVE, TunnelGeneve)), Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_VXLAN_*`
    pub TUNNEL_VXLAN "NFTA_TUNNEL_KEY_VXLAN" as TunnelVxlan {
        gbp = 1 GBP: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_ERSPAN_*`
    pub TUNNEL_ERSPAN "NFTA_TUNNEL_KEY_ERSPAN" as TunnelErspan {
        version = 1 VERSION: be32, Tracked;
        index = 2 V1_INDEX: be32, Tracked;
        hwid = 3 V2_HWID: u8, Tracked;
        dir = 4 V2_DIR: u8, Tracked;
    }
}

attributes! {
    /// `NFTA_TUNNEL_KEY_GENEVE_*`: one option.
    pub TUNNEL_GENEVE "NFTA_TUNNEL_KEY_GENEVE" as TunnelGeneve {
        class = 1 CLASS: be16, Tracked;
        opt_type = 2 TYPE: u8, Tracked;
        data = 3 DATA: bytes, Tracked;
    }
}

/// Older kernels leave the inner nest out when they send (a value stands where it should), so what is no list of nests
/// is taken as bytes.
fn options_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    let options = around.sibling(9)?;
    TUNNEL_OPTS.validate(options, around.family).is_ok().then_some(&TUNNEL_OPTS)
}

impl<'a> TunnelKey<'a> {
    /// The options of the tunnel's kind; `None` where there are none, or where an older kernel sent them without their
    /// inner nest ([`TunnelKey::opts`] has the bytes).
    #[must_use]
    pub fn options(self) -> Option<TunnelOptions<'a>> {
        let options = self.opts()?;
        TUNNEL_OPTS.validate(options, 0).is_ok().then(|| TunnelOptions::new(options))
    }
}

/// The tables of this file.
pub(crate) const POLICIES: &[&Policy] =
    &[&TUNNEL_KEY, &TUNNEL_IP, &TUNNEL_IP6, &TUNNEL_OPTS, &TUNNEL_VXLAN, &TUNNEL_ERSPAN, &TUNNEL_GENEVE];
