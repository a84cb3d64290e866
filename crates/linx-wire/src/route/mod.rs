//! rtnetlink: one kernel object a file. <linux/rtnetlink.h>, rtnetlink(7).

mod nsid;

pub use nsid::*;
