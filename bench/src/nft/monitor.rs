//! Monitors of commits: what runs in the process that is measured. An event is a change, or a commit's end.

use std::hint::black_box;

use linx::nft::{EntityRef, Monitor, Notice};
use linx_wire::uapi::nft;

use crate::monitors;
use crate::report::Outcome;

/// The plain loop that everybody starts with.
pub const RAW: &str = "raw nft, blocking";
/// Transactions as they come.
pub const LINX: &str = "linx nft";
/// And each change of them looked at.
pub const READ: &str = "linx nft, each change looked at";
/// nlink's events.
pub const NLINK: &str = "nlink nft";

/// Monitors until the process ends.
pub fn run(name: &str, rcvbuf: usize) -> Outcome<()> {
    match name {
        // Group 7 is NFNLGRP_NFTABLES.
        RAW => monitors::raw(Some(rustix::net::netlink::NETFILTER), 1 << 6, rcvbuf, false, |message| {
            if message.header.message_type >> 8 == nft::SUBSYSTEM {
                monitors::events(1);
            }
        }),
        LINX | READ => linx(name == READ, rcvbuf).map_err(|error| error.to_string()),
        _ => crate::peers::nft_monitor(rcvbuf),
    }
}

fn linx(looks: bool, rcvbuf: usize) -> Result<(), linx::Error> {
    let mut monitor = Monitor::builder().rcvbuf(rcvbuf).subscribe()?;
    // Where it begins is known when the kernel has answered: commits from before that are not told.
    monitor.until_now(std::time::Duration::from_secs(10), |_| {})?;
    monitors::ready();
    loop {
        match monitor.recv()? {
            Notice::Transaction(commit) => {
                if looks {
                    for change in commit.changes.iter() {
                        if let EntityRef::Elements(elements) = change.entity {
                            elements.elements().for_each(|element| {
                                black_box(element);
                            });
                        }
                    }
                }
                monitors::events(commit.changes.len() as u64 + u64::from(commit.is_last));
            }
            Notice::ResyncNeeded(_) => monitors::overflow(),
            _ => {}
        }
    }
}
