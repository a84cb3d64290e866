//! Capabilities of the calling thread: reading them, and giving up those that are not needed any more.
//!
//! Source: `capabilities(7)`, `linux/capability.h`. Capabilities belong to a thread. New threads inherit
//! them, running ones keep their own: drop before threads are started, or in each thread.

use std::fmt;

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::error::{Error, Result};

/// One capability, by its kernel number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Capability(u8);

impl Capability {
    /// Bypass file read and directory search checks: procfs of other users' processes.
    pub const DAC_READ_SEARCH: Self = Self(2);
    /// Change one's own capability sets; needed to shrink the bounding set.
    pub const SETPCAP: Self = Self(8);
    /// Broadcast and listen to other namespaces' events (NETLINK_LISTEN_ALL_NSID).
    pub const NET_BROADCAST: Self = Self(11);
    /// Administer networking: nf_tables, forced receive buffers, the process connector.
    pub const NET_ADMIN: Self = Self(12);
    /// Raw sockets.
    pub const NET_RAW: Self = Self(13);
    /// Read another process's namespaces and command line.
    pub const SYS_PTRACE: Self = Self(19);
    /// Enter namespaces, and much else.
    pub const SYS_ADMIN: Self = Self(21);
    /// Raise a thread's priority.
    pub const SYS_NICE: Self = Self(23);
    /// Raise resource limits.
    pub const SYS_RESOURCE: Self = Self(24);

    /// The capability with this number, 0 to 63.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// Its number in `linux/capability.h`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The kernel's names, by number (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0)) {
            Some(name) => write!(f, "CAP_{name}"),
            None => write!(f, "capability {}", self.0),
        }
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The capability sets of a thread, as bit masks by capability number (as in `/proc/PID/status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What the kernel checks now.
    pub effective: u64,
    /// What may be made effective.
    pub permitted: u64,
    /// What survives an `execve` of a file with inheritable capabilities.
    pub inheritable: u64,
}

impl Capabilities {
    /// Those of the calling thread.
    ///
    /// # Errors
    /// The error of `capget(2)`.
    pub fn current() -> Result<Self> {
        let sets = rustix::thread::capabilities(None).map_err(|e| Error::os("read the capabilities", e))?;
        Ok(Self {
            effective: sets.effective.bits(),
            permitted: sets.permitted.bits(),
            inheritable: sets.inheritable.bits(),
        })
    }

    /// Whether `capability` is effective. In a user namespace this speaks of that namespace only.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.effective & capability.bit() != 0
    }
}

/// Gives up, in the calling thread and for good, every capability but those in `keep`: the permitted,
/// effective and inheritable sets become those of `keep` that the thread has, the ambient set becomes
/// empty, and the bounding set becomes `keep` where the thread has CAP_SETPCAP (without it the bounding
/// set stays as it is, which allows nothing to a thread that executes nothing).
///
/// Threads started afterwards inherit it; threads that run already do not.
///
/// # Errors
/// The error of `capset(2)` or `prctl(2)`, with the capability it was about.
pub fn drop_capabilities_except(keep: &[Capability]) -> Result<Capabilities> {
    let mask = keep.iter().fold(0_u64, |mask, capability| mask | capability.bit());
    let now = Capabilities::current()?;
    rustix::thread::clear_ambient_capability_set()
        .map_err(|e| Error::os("clear the ambient capabilities", e))?;
    if now.has(Capability::SETPCAP) {
        drop_bounding_except(mask)?;
    }
    let permitted = CapabilitySet::from_bits_retain(now.permitted & mask);
    let sets = CapabilitySets {
        // What was permitted but not effective stays so: this only ever takes away.
        effective: CapabilitySet::from_bits_retain(now.effective & mask),
        permitted,
        inheritable: CapabilitySet::from_bits_retain(now.inheritable & mask),
    };
    rustix::thread::set_capabilities(None, sets).map_err(|e| Error::os("drop capabilities", e))?;
    Capabilities::current()
}

/// Shrinks the bounding set to `mask`, up to the last capability that the kernel knows.
fn drop_bounding_except(mask: u64) -> Result<()> {
    for number in 0..64_u8 {
        // `prctl` is called directly because rustix takes only the capabilities that it knows by name.
        // SAFETY: PR_CAPBSET_READ takes one integer and touches no memory.
        let held = unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(number), 0, 0, 0) };
        match held {
            1 if mask & (1 << number) == 0 => {
                // SAFETY: PR_CAPBSET_DROP takes one integer and touches no memory.
                let done =
                    unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
                if done != 0 {
                    return Err(Error::io("drop from the bounding set", &std::io::Error::last_os_error())
                        .about(Capability(number).to_string()));
                }
            }
            0 | 1 => {}
            // EINVAL: the number is beyond the kernel's last capability.
            _ => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of_thread(field: &str) -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = text.lines().find(|l| l.starts_with(field)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    }

    #[test]
    fn what_is_read_is_what_procfs_says() {
        let caps = Capabilities::current().unwrap();
        assert_eq!(caps.effective, status_of_thread("CapEff:"));
        assert_eq!(caps.permitted, status_of_thread("CapPrm:"));
        assert_eq!(caps.inheritable, status_of_thread("CapInh:"));
    }

    #[test]
    fn dropping_leaves_exactly_what_was_asked_for() {
        // In a thread of its own: the test runner's threads keep theirs.
        std::thread::spawn(|| {
            let before = Capabilities::current().unwrap();
            let keep = [Capability::NET_ADMIN, Capability::SYS_PTRACE];
            let wanted = keep.iter().fold(0, |m, c| m | c.bit());
            let after = drop_capabilities_except(&keep).unwrap();
            assert_eq!(after.effective, before.effective & wanted);
            assert_eq!(after.permitted, before.permitted & wanted);
            assert_eq!(status_of_thread("CapEff:"), before.effective & wanted);
            assert_eq!(status_of_thread("CapPrm:"), before.permitted & wanted);
            assert_eq!(status_of_thread("CapInh:"), before.inheritable & wanted);
            assert_eq!(status_of_thread("CapAmb:"), 0);
            if before.has(Capability::SETPCAP) {
                assert_eq!(status_of_thread("CapBnd:") & !wanted, 0);
            }
            // A thread started now inherits; and dropping again needs no privilege.
            let child = std::thread::spawn(|| {
                let inherited = status_of_thread("CapEff:");
                drop_capabilities_except(&[]).unwrap();
                (inherited, status_of_thread("CapPrm:"))
            });
            assert_eq!(child.join().unwrap(), (before.effective & wanted, 0));
        })
        .join()
        .unwrap();
        // Only that thread was changed.
        assert_eq!(Capabilities::current().unwrap().effective, status_of_thread("CapEff:"));
    }

    #[test]
    fn names() {
        assert_eq!(Capability::NET_ADMIN.to_string(), "CAP_NET_ADMIN");
        assert_eq!(Capability::SYS_ADMIN.to_string(), "CAP_SYS_ADMIN");
        assert_eq!(Capability::SYS_RESOURCE.to_string(), "CAP_SYS_RESOURCE");
        assert_eq!(Capability::new(40).unwrap().to_string(), "CAP_CHECKPOINT_RESTORE");
        assert_eq!(Capability::new(63).unwrap().to_string(), "capability 63");
        assert_eq!(Capability::new(64), None);
    }
}
