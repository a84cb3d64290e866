//! A bare netlink socket: requests as bytes, for what no library call does.

use std::time::Duration;

use linx_sys::{Netns, Protocol, RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{Ack, MessageFlags, Messages, control};

/// A request socket whose requests are acknowledged one by one.
#[derive(Debug)]
pub struct Raw {
    socket: Socket,
    buf: RecvBuf,
}

impl Raw {
    /// A socket of rtnetlink.
    #[must_use]
    pub fn new(netns: &Netns) -> Self {
        let socket = Socket::open(Protocol::ROUTE, netns).unwrap();
        socket.set_sndbuf(4 << 20).unwrap();
        Self { socket, buf: RecvBuf::for_events() }
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sends a request (its flags must hold ACK), and returns errno, 0 for success.
    pub fn ask(&mut self, request: Request) -> i32 {
        assert!(request.flags().contains(MessageFlags::ACK), "a request that is not acknowledged");
        let seq = self.socket.next_seq();
        self.socket.send(&request.finish(seq, 0).unwrap()).unwrap();
        loop {
            let received = self.socket.recv_timeout(&mut self.buf, Some(Duration::from_secs(30))).unwrap();
            for message in Messages::new(received.bytes()) {
                let message = message.unwrap();
                if message.header.seq == seq && message.header.message_type == control::ERROR {
                    return Ack::decode(&message).unwrap().errno;
                }
            }
        }
    }
}
