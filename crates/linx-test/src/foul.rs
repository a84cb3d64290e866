//! Foul play: what a well-behaved process does not do.

use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd};

use linx_sys::Netns;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

/// Sends bytes from a new rtnetlink socket to another user's in `netns`, and returns the sender's port id.
pub fn send_to_portid(netns: &Netns, portid: u32, bytes: &[u8]) -> u32 {
    netns
        .run(|| {
            let flags = SocketFlags::CLOEXEC;
            let socket =
                rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).unwrap();
            rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).unwrap();
            let address = SocketAddrNetlink::new(portid, 0);
            rustix::net::sendto(&socket, bytes, SendFlags::empty(), &address).unwrap();
            SocketAddrNetlink::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap().pid()
        })
        .unwrap()
}

/// Puts `/dev/null` in the place of this process's rtnetlink socket with this port id in `netns`: the next call on it
/// fails with ENOTSOCK.
pub fn break_socket(netns: &Netns, portid: u32) {
    let table = netns.run(|| std::fs::read_to_string("/proc/thread-self/net/netlink")).unwrap().unwrap();
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = line.into_iter().find(|words| words[1] == "0" && words[2] == portid.to_string());
    let wanted = format!("socket:[{}]", line.expect("the socket").last().unwrap());
    let number = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
        .and_then(|entry| entry.file_name().to_str()?.parse().ok())
        .expect("its descriptor");
    let null = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: the descriptor is open, and is neither closed here nor used after its owner closes it. It only becomes
    // another open file, as it is the purpose to see what its owner makes of that.
    let mut socket = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    rustix::io::dup2(&null, &mut socket).unwrap();
}
