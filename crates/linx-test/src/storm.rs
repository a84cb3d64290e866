//! A storm of route changes, as fast as the kernel takes them.

use std::net::Ipv4Addr;

use linx_sys::{Protocol, RecvBuf, Socket};
use linx_wire::header::{Ack, Messages, control};
use linx_wire::uapi::rtm;

use crate::namespace::Namespace;
use crate::until;

/// Messages in one datagram to the kernel.
const BATCH: usize = 64;
/// `struct nlmsghdr`, `struct rtmsg` and three attributes of 32 bits.
const MESSAGE: usize = 16 + 12 + 3 * 8;
/// Place of the destination in a message.
const DST: usize = 16 + 12 + 4;

/// Adds and deletes host routes 11.0.0.0 + i through a veth device.
#[derive(Debug)]
pub struct Storm {
    socket: Socket,
    buf: RecvBuf,
    batch: Vec<u8>,
    template: [u8; MESSAGE],
}

/// One change of a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether the route is added.
    pub add: bool,
    /// Which route.
    pub number: u32,
}

impl Step {
    /// The route's destination.
    #[must_use]
    pub fn destination(self) -> Ipv4Addr {
        Ipv4Addr::from(0x0b00_0000 + self.number)
    }

    /// All changes of [`Storm::cycles`], in their order.
    pub fn of_cycles(routes: u32, cycles: u32) -> impl Iterator<Item = Step> {
        (0..cycles * 2)
            .flat_map(move |half| (0..routes).map(move |number| Step { add: half % 2 == 0, number }))
    }
}

impl Storm {
    /// A sender in `namespace`, in which it makes the device `storm0` with 10.255.0.1/24. Nothing happens to that by itself
    /// afterwards: it has its carrier, and no address of IPv6 that becomes usable later.
    #[must_use]
    pub fn new(namespace: &Namespace) -> Self {
        namespace.batch("link add storm0 type veth peer name storm1\n");
        for device in ["storm0", "storm1"] {
            namespace.sysctl(&format!("net.ipv6.conf.{device}.disable_ipv6"), "1");
        }
        namespace.batch(
            "link set storm1 up\n\
             link set storm0 up\n\
             address add 10.255.0.1/24 dev storm0\n",
        );
        let mut line = String::new();
        until("a carrier", || {
            line = namespace.ip("-o link show dev storm0");
            line.contains(" state UP ") && namespace.ip("-o link show dev storm1").contains(" state UP ")
        });
        let ifindex: u32 = line.split(':').next().unwrap().trim().parse().unwrap();
        let socket = Socket::open(Protocol::ROUTE, &namespace.netns()).unwrap();
        socket.set_sndbuf(8 << 20).unwrap();
        let mut template = [0; MESSAGE];
        template[..4].copy_from_slice(&(MESSAGE as u32).to_ne_bytes());
        // rtmsg: AF_INET, /32, table main, proto static, scope universe, unicast.
        template[16..24].copy_from_slice(&[2, 32, 0, 0, 254, 4, 0, 1]);
        let attributes = [(1u16, [0; 4]), (5, [10, 255, 0, 2]), (4, ifindex.to_ne_bytes())];
        for (number, (kind, value)) in attributes.iter().enumerate() {
            let at = 28 + number * 8;
            template[at..at + 2].copy_from_slice(&8u16.to_ne_bytes());
            template[at + 2..at + 4].copy_from_slice(&kind.to_ne_bytes());
            template[at + 4..at + 8].copy_from_slice(value);
        }
        Self { socket, buf: RecvBuf::for_dumps(), batch: Vec::with_capacity(BATCH * MESSAGE), template }
    }

    /// The sender's port id: that of its events.
    #[must_use]
    pub fn portid(&self) -> u32 {
        self.socket.portid()
    }

    /// Adds routes 0 to `routes`, deletes them, and so on.
    pub fn cycles(&mut self, routes: u32, cycles: u32) {
        let steps: Vec<Step> = Step::of_cycles(routes, cycles).collect();
        for steps in steps.chunks(BATCH) {
            self.send(steps);
        }
    }

    /// Makes some changes; panics when the kernel refuses one.
    pub fn send(&mut self, steps: &[Step]) {
        self.batch.clear();
        for step in steps {
            let start = self.batch.len();
            self.batch.extend_from_slice(&self.template);
            let message = &mut self.batch[start..];
            // NLM_F_REQUEST, with CREATE and EXCL for a new one.
            let (kind, flags) = if step.add { (rtm::NEWROUTE, 0x601u16) } else { (rtm::DELROUTE, 0x1) };
            message[4..6].copy_from_slice(&kind.to_ne_bytes());
            message[6..8].copy_from_slice(&flags.to_ne_bytes());
            message[8..12].copy_from_slice(&(step.number + 1).to_ne_bytes());
            message[DST..DST + 4].copy_from_slice(&step.destination().octets());
        }
        self.socket.send(&self.batch).unwrap();
        while let Ok(received) = self.socket.recv(&mut self.buf) {
            for message in Messages::new(received.bytes()).map(Result::unwrap) {
                if message.header.message_type == control::ERROR {
                    let ack = Ack::decode(&message).unwrap();
                    assert_eq!(ack.errno, 0, "a route of the storm was refused: {ack:?}");
                }
            }
        }
    }
}
