//! A network namespace without a name: it ends with the program that made it, however that ends.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use linx_sys::{Netns, Protocol, RecvBuf, Socket};
use linx_wire::header::{Ack, Messages, control};
use linx_wire::route::{LinkFilter, LinkRef, LinkView};
use rustix::thread::UnshareFlags;

use crate::measure;
use crate::report::Outcome;

/// A namespace with the veth pair `v0` (10.255.0.1/24) and `v1`.
pub struct Namespace {
    /// To open sockets in.
    pub netns: Netns,
    /// Index of `v0`.
    pub link: u32,
}

impl Namespace {
    /// Makes one. Needs CAP_SYS_ADMIN and `ip`.
    pub fn new() -> Outcome<Self> {
        let fd = std::thread::spawn(unshared).join().map_err(|_| "a thread panicked")??;
        let netns = Netns::fd(fd).map_err(|error| error.to_string())?;
        let mut namespace = Self { netns, link: 0 };
        for line in [
            "link set lo up",
            "link add v0 type veth peer name v1",
            "address add 10.255.0.1/24 dev v0",
            "link set v0 up",
            "link set v1 up",
        ] {
            let mut command = Command::new("ip");
            command.args(line.split(' '));
            measure::wait(namespace.spawn(command, None)?).map_err(|why| format!("ip {line}: {why}"))?;
        }
        namespace.link = namespace.index_of_v0()?;
        Ok(namespace)
    }

    /// Starts a command in the namespace, on a core.
    pub fn spawn(&self, mut command: Command, core: Option<usize>) -> Outcome<Child> {
        measure::forget_peak();
        let program = command.get_program().to_string_lossy().into_owned();
        let started = self.netns.run(move || {
            if let Some(core) = core {
                measure::pin(core);
            }
            command.stdin(Stdio::piped()).spawn()
        });
        started.map_err(|error| error.to_string())?.map_err(|error| format!("{program}: {error}"))
    }

    /// A socket in it.
    pub fn socket(&self) -> Outcome<Socket> {
        Socket::open(Protocol::ROUTE, &self.netns).map_err(|error| error.to_string())
    }

    fn index_of_v0(&self) -> Outcome<u32> {
        for payload in self.links()? {
            let link = LinkRef::decode(&payload).map_err(|error| format!("a link: {error}"))?;
            if link.attributes().ifname().is_some_and(|name| name.as_bytes() == b"v0") {
                return Ok(link.index());
            }
        }
        Err("there is no v0".to_owned())
    }

    /// The payloads of all link messages.
    pub fn links(&self) -> Outcome<Vec<Vec<u8>>> {
        let socket = self.socket()?;
        let request = LinkFilter::default().request().finish(1, 0).map_err(|e| e.to_string())?;
        socket.send(&request).map_err(|error| error.to_string())?;
        let mut links = Vec::new();
        let mut buf = RecvBuf::for_dumps();
        loop {
            let received = socket.recv_timeout(&mut buf, Some(std::time::Duration::from_secs(10)));
            let received = received.map_err(|error| error.to_string())?;
            for message in Messages::new(received.bytes()) {
                let message = message.map_err(|error| error.to_string())?;
                match message.header.message_type {
                    16 => links.push(message.payload.to_vec()),
                    control::DONE => return Ok(links),
                    control::ERROR => {
                        let ack = Ack::decode(&message).map_err(|error| error.to_string())?;
                        return Err(format!("links cannot be listed: errno {}", ack.errno));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Leaves the namespace of this thread, which ends afterwards, for a new one.
fn unshared() -> Outcome<OwnedFd> {
    // SAFETY: file descriptors stay shared; what changes is the namespace of this thread alone.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
        .map_err(|error| format!("a network namespace cannot be made (are you root?): {error}"))?;
    let file = std::fs::File::open("/proc/thread-self/ns/net").map_err(|error| error.to_string())?;
    Ok(file.into())
}
