//! Netlink bytes to typed messages and back: no I/O, no clock, no unsafe code
