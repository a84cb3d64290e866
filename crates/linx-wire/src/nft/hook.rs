//! Where chains and flow tables are hooked in: `NFTA_HOOK_*`, `NFTA_FLOWTABLE_HOOK_*`, `NFTA_DEVICE_*`.

use crate::name::Name;
use crate::policy::attributes;

attributes! {
    /// `NFTA_HOOK_*`
    pub HOOK "NFTA_HOOK" as Hook {
        /// Its meaning depends on the family, see [`hook_word`].
        hook = 1 HOOKNUM: be32, Tracked;
        prio = 2 PRIORITY: be_i32, Tracked;
        /// The device, where it is one.
        dev = 3 DEV: name, Tracked;
        devices = 4 DEVS: nested(DEVICE, Devices), Tracked;
    }
}

attributes! {
    /// `NFTA_FLOWTABLE_HOOK_*`
    pub FLOWTABLE_HOOK "NFTA_FLOWTABLE_HOOK" as FlowtableHook {
        hook = 1 NUM: be32, Tracked;
        prio = 2 PRIORITY: be_i32, Tracked;
        devices = 3 DEVS: nested(DEVICE, Devices), Tracked;
    }
}

attributes! {
    /// `NFTA_DEVICE_*`: a list of devices.
    pub DEVICE "NFTA_DEVICE" as Devices {
        names = 1 NAME: many(name), Tracked;
        /// The beginning of devices' names (kernel 6.17).
        prefixes = 2 PREFIX: many(name), Tracked;
    }
}

impl<'a> Hook<'a> {
    /// The devices' names, whichever way the message has them.
    pub fn device_names(self) -> impl Iterator<Item = Name<'a>> + use<'a> {
        let list = self.devices();
        let one = self.dev().filter(|_| list.is_none());
        one.into_iter().chain(list.into_iter().flat_map(Devices::names))
    }
}

/// The word that nft has for a hook of a family; `None` where it has none.
#[must_use]
pub fn hook_word(family: u8, hook: u32) -> Option<&'static str> {
    use super::family::{ARP, BRIDGE, INET, IP, IP6, NETDEV};
    Some(match (family, hook) {
        (INET | IP | IP6 | BRIDGE, 0) => "prerouting",
        (INET | IP | IP6 | BRIDGE, 1) => "input",
        (INET | IP | IP6 | BRIDGE, 2) => "forward",
        (INET | IP | IP6 | BRIDGE, 3) => "output",
        (INET | IP | IP6 | BRIDGE, 4) => "postrouting",
        (INET, 5) | (NETDEV, 0) => "ingress",
        (NETDEV, 1) => "egress",
        (ARP, 0) => "input",
        (ARP, 1) => "output",
        _ => return None,
    })
}
