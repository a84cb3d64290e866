//! Expressions that have a state of their own: counter, quota, limit, connlimit, last.

use std::time::Duration;

use crate::policy::attributes;

attributes! {
    /// `NFTA_COUNTER_*`
    pub COUNTER "NFTA_COUNTER" as Counter {
        bytes = 1 BYTES: be64, Volatile;
        packets = 2 PACKETS: be64, Volatile;
    }
}

attributes! {
    /// `NFTA_QUOTA_*`. The flags of an expression never change but for `NFT_QUOTA_F_DEPLETED`, which packets set in silence.
    pub QUOTA "NFTA_QUOTA" as Quota {
        bytes = 1 BYTES: be64, Tracked;
        flags = 2 FLAGS: be32_but(0x2), Tracked;
        used = 4 CONSUMED: be64, Volatile;
    }
}

attributes! {
    /// `NFTA_LIMIT_*`
    pub LIMIT "NFTA_LIMIT" as Limit {
        /// Packets or bytes in each unit.
        rate = 1 RATE: be64, Tracked;
        /// Seconds.
        unit = 2 UNIT: be64, Tracked;
        /// Packets or bytes.
        burst = 3 BURST: be32, Tracked;
        /// 0 packets, 1 bytes.
        r#type = 4 TYPE: be32, Tracked;
        flags = 5 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_CONNLIMIT_*`
    pub CONNLIMIT "NFTA_CONNLIMIT" as Connlimit {
        count = 1 COUNT: be32, Tracked;
        flags = 2 FLAGS: be32, Tracked;
    }
}

attributes! {
    /// `NFTA_LAST_*`
    pub LAST "NFTA_LAST" as Last {
        /// Whether it was ever used.
        set = 1 SET: be32, Volatile;
        msecs = 2 MSECS: be64, Volatile;
    }
}

impl Last<'_> {
    /// How long ago it was used; `None` when it never was.
    #[must_use]
    pub fn used(self) -> Option<Duration> {
        if self.set()? == 0 { None } else { self.msecs().map(Duration::from_millis) }
    }
}
