//! Socket and file options that rustix has no function for.
//!
//! Source: `socket(7)`, `netlink(7)`, `linux/netlink.h`, `linux/sock_diag.h`, `linux/nsfs.h`.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::error::{Error, Result};

/// `setsockopt` with an `int`.
pub(crate) fn set_int(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> std::result::Result<(), Errno> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of one live c_int, which the kernel only reads; the
    // descriptor is borrowed, so it is open.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// `getsockopt` into an integer type or an array of integers.
fn get<T: PlainIntegers>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    mut value: T,
) -> std::result::Result<T, Errno> {
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of one live, initialised value of plain integers, any
    // bytes of which are valid; the kernel writes at most `length` bytes. The descriptor is borrowed.
    let result =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length) };
    if result == 0 { Ok(value) } else { Err(last_errno()) }
}

/// One instruction of a socket filter: classic BPF, <linux/filter.h>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// `BPF_*`
    pub code: u16,
    /// Instructions to pass over when the comparison holds.
    pub if_true: u8,
    /// And when it does not.
    pub if_false: u8,
    /// The constant.
    pub k: u32,
}

/// `SO_ATTACH_FILTER`
pub(crate) fn attach_filter(fd: BorrowedFd<'_>, program: &[Instruction]) -> std::result::Result<(), Errno> {
    let mut instructions: Vec<libc::sock_filter> = program
        .iter()
        .map(|it| libc::sock_filter { code: it.code, jt: it.if_true, jf: it.if_false, k: it.k })
        .collect();
    let len = u16::try_from(instructions.len()).map_err(|_| Errno::INVAL)?;
    let program = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of one live sock_fprog, which names as many live instructions as it
    // says; the kernel only reads them, during the call. The descriptor is borrowed, so it is open.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Types made of integers only: every pattern of bytes is a value.
trait PlainIntegers: Copy {}
impl PlainIntegers for u64 {}
impl PlainIntegers for [u32; MEMINFO_WORDS] {}

/// SK_MEMINFO_VARS of `linux/sock_diag.h`.
const MEMINFO_WORDS: usize = 9;

/// The memory accounting of a socket (SO_MEMINFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemInfo {
    /// Bytes that the receive queue holds now, as the kernel accounts them (832 for a route event).
    pub queued_bytes: u32,
    /// The receive buffer's limit in bytes.
    pub rcvbuf_bytes: u32,
    /// Messages that were dropped because the buffer was full, since the socket was made; wraps.
    pub drops: u32,
}

pub(crate) fn meminfo(fd: BorrowedFd<'_>) -> Result<MemInfo> {
    let words = get(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, [0_u32; MEMINFO_WORDS])
        .map_err(|e| Error::os("read the socket's memory accounting", e))?;
    let [queued_bytes, rcvbuf_bytes, .., drops] = words;
    Ok(MemInfo { queued_bytes, rcvbuf_bytes, drops })
}

pub(crate) fn netns_cookie(fd: BorrowedFd<'_>) -> Result<u64> {
    // Since Linux 5.14.
    get(fd, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, 0_u64)
        .map_err(|e| Error::os("read the network namespace's cookie", e))
}

/// `_IO(0xb7, 0x3)` of `linux/nsfs.h`.
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;

/// The CLONE_NEW* constant of a namespace file.
pub(crate) fn namespace_type(fd: BorrowedFd<'_>) -> std::result::Result<libc::c_int, Errno> {
    // SAFETY: NS_GET_NSTYPE takes no argument and touches no memory; the descriptor is borrowed.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE as _) };
    if result < 0 { Err(last_errno()) } else { Ok(result) }
}

pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
