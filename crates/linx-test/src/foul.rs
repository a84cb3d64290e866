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

/// From here on SIGUSR1 interrupts the system call that it meets (EINTR) and does nothing else.
pub fn let_signals_interrupt() {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: all zeroes is a valid `sigaction`: no flags (SA_RESTART above all), an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing, which is safe at any time.
    let outcome = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(outcome, 0);
}

/// Sends SIGUSR1 to each other thread of this process, and returns how many there were.
pub fn interrupt_threads() -> usize {
    let own = rustix::thread::gettid().as_raw_nonzero().get();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|entry| {
        let thread: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        (thread != own).then_some(thread)
    });
    let process = std::process::id();
    // SAFETY: numbers only; a thread that has ended meanwhile makes an error, no harm.
    threads
        .filter(|thread| unsafe { libc::syscall(libc::SYS_tgkill, process, *thread, libc::SIGUSR1) } == 0)
        .count()
}

/// Sends SIGINT to a child, from this process itself.
pub fn interrupt(child: &std::process::Child) {
    use rustix::process::{Pid, Signal, kill_process};
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Sets how many descriptors the process may have (the soft limit), and returns how many it might.
pub fn limit_descriptors(most: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).unwrap();
    current.unwrap_or(u64::MAX)
}

/// Sends a router's advertisement over a link: it is a default router for half an hour, hop limit 33, MTU 1400, prefix
/// fd59::/64.
pub fn advertise(namespace: &crate::Namespace, link: &str) {
    let mut bytes = vec![134, 0, 0, 0, 33, 0, 0x07, 0x08];
    bytes.extend([0; 8]);
    bytes.extend([5, 1, 0, 0, 0, 0, 0x05, 0x78]);
    // Valid for an hour, preferred for half an hour; on the link, and for addresses of one's own.
    bytes.extend([3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08, 0, 0, 0, 0, 0xfd, 0x59]);
    bytes.extend([0; 14]);
    let has_address =
        || namespace.ip(&format!("-6 -o address show dev {link} scope link -tentative")).contains("fe80::");
    crate::until("an address to send from", has_address);
    let send = || {
        use rustix::net::{Protocol, ipproto, sockopt};
        let flags = SocketFlags::CLOEXEC;
        let icmp: Protocol = ipproto::ICMPV6;
        let socket =
            rustix::net::socket_with(AddressFamily::INET6, SocketType::RAW, flags, Some(icmp)).unwrap();
        sockopt::set_ipv6_multicast_hops(&socket, 255).unwrap();
        let index = rustix::net::netdevice::name_to_index(&socket, link).unwrap();
        let to = std::net::SocketAddrV6::new("ff02::1".parse().unwrap(), 0, 0, index);
        rustix::net::sendto(&socket, &bytes, SendFlags::empty(), &to).unwrap();
    };
    namespace.netns().run(send).unwrap();
}
