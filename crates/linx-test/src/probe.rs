//! What this kernel can do, found by trying.

use crate::namespace::Namespace;

/// Whether the process may make namespaces.
#[must_use]
pub fn is_root() -> bool {
    linx_sys::Capabilities::current().is_ok_and(|caps| caps.has(linx_sys::Capability::SYS_ADMIN))
        && linx_sys::Capabilities::current().is_ok_and(|caps| caps.has(linx_sys::Capability::NET_ADMIN))
}

/// Tries things in a namespace of its own.
#[derive(Debug)]
pub struct Probe(Namespace);

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe {
    /// A namespace to try things in.
    #[must_use]
    pub fn new() -> Self {
        Self(Namespace::new("probe"))
    }

    /// Whether links of this kind can be made (`ip link add type KIND`).
    #[must_use]
    pub fn link_kind(&self, kind: &str) -> bool {
        let made = self.0.try_ip(&format!("link add probe0 type {kind}"));
        let _ = self.0.try_ip("link del probe0");
        Self::told(&format!("links of type {kind}"), &made)
    }

    /// Whether this `ip` command works, in a namespace where `lo` is up.
    #[must_use]
    pub fn ip(&self, command: &str) -> bool {
        self.0.ip("link set lo up");
        let made = self.0.try_ip(command);
        Self::told(&format!("ip {command}"), &made)
    }

    fn told(what: &str, outcome: &Result<String, String>) -> bool {
        if let Err(error) = outcome {
            eprintln!("SKIPPED {what}: {}", error.lines().next().unwrap_or_default());
        }
        outcome.is_ok()
    }
}
