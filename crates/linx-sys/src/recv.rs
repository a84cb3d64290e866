//! Receiving: a buffer that is made once, and the datagram that one `recvfrom(2)` left in it.
//!
//! One system call a datagram, no peek, no allocation and no zeroing between datagrams. Nothing is parsed
//! here: the bytes go to `linx-wire` as they are.

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::options;

/// A receive buffer, allocated once and used for every datagram.
///
/// The memory is zeroed by the allocator when it is made and never again; a receive overwrites its
/// beginning, and [`Received`] shows only what the kernel wrote.
pub struct RecvBuf {
    bytes: Box<[u8]>,
}

impl RecvBuf {
    /// For requests and dumps, in bytes. The kernel remembers the largest read of a socket and builds its
    /// dump messages up to that size, at most 32 KiB: less makes dumps slower, and can hide large objects.
    pub const DUMP_BYTES: usize = 32 * 1024;
    /// For events, in bytes: twice the largest datagram seen (65,488 bytes, a link with many alternative
    /// names).
    pub const EVENT_BYTES: usize = 128 * 1024;

    /// A buffer for requests and dumps.
    #[must_use]
    pub fn for_dumps() -> Self {
        Self::with_capacity(Self::DUMP_BYTES)
    }

    /// A buffer for events.
    #[must_use]
    pub fn for_events() -> Self {
        Self::with_capacity(Self::EVENT_BYTES)
    }

    /// A buffer of any size, in bytes. Less than the largest datagram means truncation, which is reported.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes].into_boxed_slice() }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `length` bytes: the datagram that was received last, whose length [`Received::bytes`] told. For those
    /// who cannot hold on to the borrow until they are done with it.
    #[inline]
    #[must_use]
    pub fn filled(&self, length: usize) -> &[u8] {
        self.bytes.get(..length).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for RecvBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecvBuf({} bytes)", self.bytes.len())
    }
}

/// One received datagram, borrowed from the buffer it was received into.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) length: usize,
    pub(crate) portid: u32,
    pub(crate) groups: u32,
    pub(crate) nsid: Option<i32>,
}

impl<'a> Received<'a> {
    /// What fitted into the buffer: one or more netlink messages.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The true length of the datagram in bytes, also when it was truncated.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The datagram was larger than the buffer (MSG_TRUNC); the rest is lost.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.length > self.bytes.len()
    }

    /// The sender's portid; 0 is the kernel.
    #[must_use]
    pub fn portid(&self) -> u32 {
        self.portid
    }

    /// The kernel sent it. Any privileged process can send to a socket what looks like an event
    /// (KERNEL.md 5.6), so nothing else may be believed.
    #[must_use]
    pub fn is_from_kernel(&self) -> bool {
        self.portid == 0
    }

    /// The multicast group as a bit mask (bit 0 is group 1); 0 for a unicast and for groups above 32.
    #[must_use]
    pub fn group_mask(&self) -> u32 {
        self.groups
    }

    /// The nsid of the namespace it comes from, on a socket that listens to all of them
    /// ([`Socket::set_listen_all_nsid`](crate::Socket::set_listen_all_nsid)); `None` is the socket's own.
    #[must_use]
    pub fn nsid(&self) -> Option<i32> {
        self.nsid
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("bytes", &self.bytes.len())
            .field("length", &self.length)
            .field("portid", &self.portid)
            .field("groups", &self.groups)
            .field("nsid", &self.nsid)
            .finish()
    }
}

/// All of a [`Received`] but the bytes, which borrow the buffer.
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) portid: u32,
    pub(crate) groups: u32,
    pub(crate) nsid: Option<i32>,
}

impl Head {
    pub(crate) fn with(self, buf: &RecvBuf) -> Received<'_> {
        let Self { length, portid, groups, nsid } = self;
        Received { bytes: buf.filled(length), length, portid, groups, nsid }
    }
}

/// `struct sockaddr_nl`, whose padding the libc crate hides.
#[repr(C)]
#[derive(Default)]
struct Address {
    family: u16,
    pad: u16,
    portid: u32,
    groups: u32,
}

/// Room for the one control message expected, an nsid, and some to spare.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// `recvmsg(2)`, for the nsid that comes as a control message.
pub(crate) fn recv_with_nsid(fd: BorrowedFd<'_>, buf: &mut RecvBuf, waits: bool) -> Result<Head, Errno> {
    let flags = libc::MSG_TRUNC | if waits { 0 } else { libc::MSG_DONTWAIT };
    let space = buf.space();
    let mut part = libc::iovec { iov_base: space.as_mut_ptr().cast(), iov_len: space.len() };
    let mut address = Address::default();
    let mut control = Control([0; 64]);
    loop {
        // SAFETY: all bytes zero is a valid msghdr: null pointers with length 0.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = size_of::<Address>() as libc::socklen_t;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = size_of::<Control>() as _;
        // SAFETY: `message` points to an address, one iovec and a control buffer that outlive the call, each
        // with its true size; the iovec covers `space`, which is exclusively borrowed and initialised.
        let result = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
        let Ok(length) = usize::try_from(result) else {
            match options::last_errno() {
                Errno::INTR => continue,
                errno => return Err(errno),
            }
        };
        #[allow(clippy::unnecessary_cast, reason = "a socklen_t with musl, a size_t with glibc")]
        let written = message.msg_controllen as usize;
        let nsid = control.0.get(..written).and_then(nsid_in);
        return Ok(Head { length, portid: address.portid, groups: address.groups, nsid });
    }
}

/// The nsid in control messages as the kernel lays them out (`struct cmsghdr`: a native `size_t` with the
/// length, level and type; then the data).
fn nsid_in(mut control: &[u8]) -> Option<i32> {
    const WORD: usize = size_of::<usize>();
    let int =
        |bytes: &[u8], at: usize| bytes.get(at..)?.first_chunk::<4>().map(|chunk| i32::from_ne_bytes(*chunk));
    loop {
        let length = usize::from_ne_bytes(*control.first_chunk::<WORD>()?);
        let level = int(control, WORD)?;
        let kind = int(control, WORD + 4)?;
        if level == libc::SOL_NETLINK && kind == libc::NETLINK_LISTEN_ALL_NSID {
            return int(control.get(..length)?, WORD + 8);
        }
        // A length below the header's would loop for ever.
        let step = length.max(WORD + 8).checked_next_multiple_of(WORD)?;
        control = control.get(step..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmsg(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let header = size_of::<usize>() + 8;
        let mut out = (header + data.len()).to_ne_bytes().to_vec();
        out.extend_from_slice(&level.to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(size_of::<usize>()), 0);
        out
    }

    #[test]
    fn an_nsid_is_found_behind_another_control_message() {
        let mut control = cmsg(libc::SOL_SOCKET, 29, &[1, 2, 3]);
        assert_eq!(nsid_in(&control), None);
        control.extend(cmsg(libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID, &5_i32.to_ne_bytes()));
        assert_eq!(nsid_in(&control), Some(5));
        for cut in 0..control.len() {
            // Short ones end: no panic, no endless loop.
            let _ = nsid_in(&control[..cut]);
        }
        assert_eq!(nsid_in(&[0; 64]), None);
        assert_eq!(nsid_in(&[0xff; 64]), None);
    }

    #[test]
    fn a_truncated_datagram_shows_its_true_length() {
        let buf = RecvBuf::with_capacity(8);
        let whole = Head { length: 8, portid: 0, groups: 1, nsid: None }.with(&buf);
        assert!(!whole.is_truncated() && whole.is_from_kernel());
        let cut = Head { length: 9, portid: 5, groups: 0, nsid: None }.with(&buf);
        assert!(cut.is_truncated() && !cut.is_from_kernel());
        assert_eq!((cut.bytes().len(), cut.length()), (8, 9));
    }
}
