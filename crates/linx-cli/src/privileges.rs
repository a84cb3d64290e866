//! What the process may do: open files, memory for sockets, capabilities.

use linx_sys::{Capability, drop_capabilities_except, raise_nofile};

use crate::args::Global;
use crate::error::{Failure, Outcome, note};
use crate::object::Object;

/// Raises the soft limit on open files to the hard one: every namespace takes some.
pub(crate) fn raise_files() {
    // Where it cannot be, running into the limit is reported as what it is.
    let _ = raise_nofile();
}

/// What looking into other namespaces takes: entering them, and seeing which processes live in which.
pub(crate) const ABROAD: &[Capability] =
    &[Capability::DAC_READ_SEARCH, Capability::SYS_PTRACE, Capability::SYS_ADMIN];

/// What listing takes: nothing at all in one's own namespace, unless the other ends of its links are to be named.
pub(crate) fn of_list(global: &Global, links: bool) -> &'static [Capability] {
    if is_abroad(global) || links { ABROAD } else { &[] }
}

/// What listing these objects takes: nf_tables is asked with a privilege.
pub(crate) fn of_listing(global: &Global, objects: &[Object]) -> Vec<Capability> {
    let mut keep = of_list(global, objects.contains(&Object::Link)).to_vec();
    if objects.contains(&Object::Nft) {
        keep.push(Capability::NET_ADMIN);
    }
    keep
}

/// What finding authors takes: to read of other users' processes; abroad also of the sockets there.
pub(crate) fn of_authors(global: &Global) -> &'static [Capability] {
    if is_abroad(global) { ABROAD } else { &[Capability::DAC_READ_SEARCH, Capability::SYS_PTRACE] }
}

/// What following takes once all is open: nothing in one's own namespace; where more namespaces come, also to force
/// their receive buffers.
pub(crate) fn of_monitor(global: &Global, nft: bool) -> Vec<Capability> {
    let mut keep = of_list(global, false).to_vec();
    // nf_tables is asked for its generation after a loss, and by each request whether one may.
    if global.all_netns || nft {
        keep.push(Capability::NET_ADMIN);
    }
    keep
}

/// Says that nf_tables is not followed, or listed.
pub(crate) fn note_no_nft() {
    let program = Failure::program();
    note(format_args!(
        "nft left out: needs CAP_NET_ADMIN (sudo, or setcap cap_net_admin+ep {program}); everything else follows"
    ));
}

/// Whether a command works in other namespaces than its own.
pub(crate) fn is_abroad(global: &Global) -> bool {
    global.all_netns || !global.netns.is_empty()
}

/// Gives up, for good, the capabilities that are not in `keep`. To be called before threads are started.
pub(crate) fn keep_only(keep: &[Capability]) -> Outcome {
    match drop_capabilities_except(keep) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::system(error.to_string())),
    }
}

/// The share of the machine's memory that receive buffers may take altogether.
const SHARE: usize = 8;

/// Least that is asked for one socket, bytes.
const LEAST: usize = 64 * 1024;

/// Memory for receive buffers: they never sum up to more than an eighth of the machine's.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    /// That of this machine.
    pub(crate) fn of_machine() -> Self {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        // Where it cannot be told, a small machine is assumed.
        Self { left: memory(&text).unwrap_or(1 << 30) / SHARE }
    }

    /// What to ask for each of `sockets` that are to be opened now, given that `asked` is wanted. The kernel counts
    /// twice what is asked.
    pub(crate) fn each(&self, asked: usize, sockets: usize) -> usize {
        let fair = self.left / 2 / sockets.max(1);
        asked.min(fair.max(LEAST))
    }

    /// A socket took so much, as the kernel counts it.
    pub(crate) fn take(&mut self, effective: usize) {
        self.left = self.left.saturating_sub(effective);
    }

    /// A socket is closed.
    pub(crate) fn give_back(&mut self, effective: usize) {
        self.left = self.left.saturating_add(effective);
    }
}

fn memory(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Says that a receive buffer is smaller than asked for, and why: `shared` is that there are many of them; `then` what becomes of
/// an overflow.
pub(crate) fn note_clamped(effective: usize, asked: usize, shared: bool, then: &str) {
    use crate::units::show_size;
    let why = if shared { "all of them may take an eighth of the memory" } else { "net.core.rmem_max" };
    note(format_args!(
        "receive buffer is {}, not {}: {why}; overflows are likelier (they are {then})",
        show_size(effective),
        show_size(asked)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_share_an_eighth_of_the_memory() {
        let total = memory("MemTotal:       24684000 kB\nMemFree: 1 kB\n").unwrap();
        assert_eq!(total, 24_684_000 * 1024);
        let mut budget = Budget { left: 1 << 30 };
        assert_eq!(budget.each(64 << 20, 1), 64 << 20);
        assert_eq!(budget.each(64 << 20, 16), 32 << 20);
        assert_eq!(budget.each(64 << 20, 1 << 20), LEAST);
        budget.take(1 << 30);
        assert_eq!(budget.each(64 << 20, 1), LEAST);
        budget.give_back(256 << 20);
        assert_eq!(budget.each(64 << 20, 2), 64 << 20);
    }
}
