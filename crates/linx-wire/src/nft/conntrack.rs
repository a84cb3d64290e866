//! Data of the objects of connection tracking and of secmark objects (`NFTA_CT_*`, `NFTA_SECMARK_*`,
//! <linux/netfilter/nf_tables.h>; `CTA_TIMEOUT_*`, <linux/netfilter/nfnetlink_cttimeout.h>).

use crate::policy::{Policy, Surroundings, attributes};

attributes! {
    /// `NFTA_CT_HELPER_*`
    pub CT_HELPER "NFTA_CT_HELPER" as CtHelper {
        name = 1 NAME: name, Tracked;
        l3proto = 2 L3PROTO: be16, Tracked;
        protocol = 3 L4PROTO: u8, Tracked;
    }
}

attributes! {
    /// `NFTA_CT_TIMEOUT_*`
    pub CT_TIMEOUT "NFTA_CT_TIMEOUT" as CtTimeout {
        l3proto = 1 L3PROTO: be16, Tracked;
        protocol = 2 L4PROTO: u8, Tracked;
        /// See [`CtTimeout::timeouts`].
        policy = 3 DATA: depends(timeout_policy), Tracked;
    }
}

attributes! {
    /// `NFTA_CT_EXPECT_*`
    pub CT_EXPECTATION "NFTA_CT_EXPECT" as CtExpectation {
        l3proto = 1 L3PROTO: be16, Tracked;
        protocol = 2 L4PROTO: u8, Tracked;
        dport = 3 DPORT: be16, Tracked;
        /// Milliseconds, in the machine's byte order: the only number of nf_tables that is.
        timeout = 4 TIMEOUT: u32, Tracked;
        size = 5 SIZE: u8, Tracked;
    }
}

attributes! {
    /// `NFTA_SECMARK_*`
    pub SECMARK "NFTA_SECMARK" as Secmark {
        context = 1 CTX: name, Tracked;
    }
}

/// Declares the tables of timeouts, all of them seconds, by protocol.
macro_rules! timeouts {
    ($($(#[$doc:meta])* $policy:ident $prefix:literal as $view:ident = $($protocol:literal)|+ {
        $($getter:ident = $number:literal $name:ident;)*
    })*) => {
        $(
            attributes! {
                $(#[$doc])*
                pub $policy $prefix as $view {
                    $($getter = $number $name: be32, Tracked;)*
                }
            }
        )*

        /// The table of a protocol's timeouts (`IPPROTO_*`); 255 is the generic one.
        fn timeouts_of(protocol: u8) -> Option<&'static Policy> {
            match protocol {
                $($($protocol)|+ => Some(&$policy),)*
                _ => None,
            }
        }

        /// The tables of this file.
        pub(crate) const POLICIES: &[&Policy] =
            &[&CT_HELPER, &CT_TIMEOUT, &CT_EXPECTATION, &SECMARK, $(&$policy),*];
    };
}

timeouts! {
    /// `CTA_TIMEOUT_GENERIC_*`, seconds.
    TIMEOUT_GENERIC "CTA_TIMEOUT_GENERIC" as TimeoutGeneric = 255 {
        timeout = 1 TIMEOUT;
    }
    /// `CTA_TIMEOUT_TCP_*`, seconds.
    TIMEOUT_TCP "CTA_TIMEOUT_TCP" as TimeoutTcp = 6 {
        syn_sent = 1 SYN_SENT;
        syn_recv = 2 SYN_RECV;
        established = 3 ESTABLISHED;
        fin_wait = 4 FIN_WAIT;
        close_wait = 5 CLOSE_WAIT;
        last_ack = 6 LAST_ACK;
        time_wait = 7 TIME_WAIT;
        close = 8 CLOSE;
        syn_sent2 = 9 SYN_SENT2;
        retrans = 10 RETRANS;
        unack = 11 UNACK;
    }
    /// `CTA_TIMEOUT_UDP_*`, seconds.
    TIMEOUT_UDP "CTA_TIMEOUT_UDP" as TimeoutUdp = 17 {
        unreplied = 1 UNREPLIED;
        replied = 2 REPLIED;
    }
    /// `CTA_TIMEOUT_UDPLITE_*`, seconds.
    TIMEOUT_UDPLITE "CTA_TIMEOUT_UDPLITE" as TimeoutUdplite = 136 {
        unreplied = 1 UNREPLIED;
        replied = 2 REPLIED;
    }
    /// `CTA_TIMEOUT_ICMP_*`, seconds.
    TIMEOUT_ICMP "CTA_TIMEOUT_ICMP" as TimeoutIcmp = 1 {
        timeout = 1 TIMEOUT;
    }
    /// `CTA_TIMEOUT_ICMPV6_*`, seconds.
    TIMEOUT_ICMPV6 "CTA_TIMEOUT_ICMPV6" as TimeoutIcmpv6 = 58 {
        timeout = 1 TIMEOUT;
    }
    /// `CTA_TIMEOUT_DCCP_*`, seconds.
    TIMEOUT_DCCP "CTA_TIMEOUT_DCCP" as TimeoutDccp = 33 {
        request = 1 REQUEST;
        respond = 2 RESPOND;
        partopen = 3 PARTOPEN;
        open = 4 OPEN;
        closereq = 5 CLOSEREQ;
        closing = 6 CLOSING;
        timewait = 7 TIMEWAIT;
    }
    /// `CTA_TIMEOUT_SCTP_*`, seconds.
    TIMEOUT_SCTP "CTA_TIMEOUT_SCTP" as TimeoutSctp = 132 {
        closed = 1 CLOSED;
        cookie_wait = 2 COOKIE_WAIT;
        cookie_echoed = 3 COOKIE_ECHOED;
        established = 4 ESTABLISHED;
        shutdown_sent = 5 SHUTDOWN_SENT;
        shutdown_recd = 6 SHUTDOWN_RECD;
        shutdown_ack_sent = 7 SHUTDOWN_ACK_SENT;
        heartbeat_sent = 8 HEARTBEAT_SENT;
        heartbeat_acked = 9 HEARTBEAT_ACKED;
    }
    /// `CTA_TIMEOUT_GRE_*`, seconds.
    TIMEOUT_GRE "CTA_TIMEOUT_GRE" as TimeoutGre = 47 {
        unreplied = 1 UNREPLIED;
        replied = 2 REPLIED;
    }
}

fn timeout_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    timeouts_of(*around.sibling(2)?.first()?)
}

impl CtTimeout<'_> {
    /// The timeouts: a state's name and its seconds. Empty for a protocol that this version does not know
    /// ([`CtTimeout::policy`] has the bytes).
    #[must_use]
    pub fn timeouts(self) -> Vec<(&'static str, u32)> {
        let table = self.protocol().and_then(timeouts_of);
        let known = table.zip(self.policy()).map(|(table, bytes)| {
            crate::attr::Attrs::new(bytes).map_while(Result::ok).filter_map(|attr| {
                let seconds = u32::from_be_bytes(*attr.payload.first_chunk()?);
                Some((table.entry(attr.number())?.key, seconds))
            })
        });
        known.into_iter().flatten().collect()
    }
}
