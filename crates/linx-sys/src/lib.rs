//! The system calls of Linx: netlink sockets in any network namespace
