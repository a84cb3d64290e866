//! Routes by the hundred thousand, and storms of their events: raw batches, prebuilt and patched.

use std::time::{Duration, Instant};

use linx_sys::{RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{Ack, HEADER_LEN, MessageFlags, Messages};

use crate::namespace::Namespace;
use crate::report::Outcome;

/// Routes of a storm that exist at a time.
const WAVE: u32 = 10_000;
/// Messages that are sent at once.
const BATCH: u32 = 64;
/// Destination of the first route, 20.0.0.0/32.
pub const FIRST: u32 = 0x1400_0000;

/// Adds and deletes host routes over `v0`.
pub struct Sender {
    socket: Socket,
    add: Vec<u8>,
    delete: Vec<u8>,
    batch: Vec<u8>,
    buf: RecvBuf,
    /// Where in a message the number of its route stands, that is the last four bytes of its destination.
    number: usize,
}

impl Sender {
    /// A sender of IPv4 routes in a namespace.
    pub fn new(namespace: &Namespace) -> Outcome<Self> {
        Self::of(namespace, 2, &[0; 4], &[10, 255, 0, 2])
    }

    /// A sender of IPv6 routes, to 2001:db8::1400:0/128 and those after it.
    pub fn v6(namespace: &Namespace) -> Outcome<Self> {
        let (mut destination, mut gateway) = ([0; 16], [0; 16]);
        destination[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        (gateway[0], gateway[1], gateway[15]) = (0xfe, 0x80, 2);
        Self::of(namespace, 10, &destination, &gateway)
    }

    fn of(namespace: &Namespace, family: u8, destination: &[u8], gateway: &[u8]) -> Outcome<Self> {
        let socket = namespace.socket()?;
        socket.set_sndbuf(8 << 20).map_err(|error| error.to_string())?;
        let body = [family, destination.len() as u8 * 8, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        let create = MessageFlags::ATOMIC | MessageFlags::MATCH; // NLM_F_CREATE | NLM_F_EXCL
        // The destination comes first, so that its place is known.
        let add = Request::new(24, create)
            .body(&body)
            .attribute(1, destination)
            .attribute(5, gateway)
            .attribute_u32(4, namespace.link);
        let delete = Request::new(25, MessageFlags::empty()).body(&body).attribute(1, destination);
        let finish = |request: Request| request.finish(1, 0).map_err(|error| error.to_string());
        Ok(Self {
            socket,
            add: finish(add)?,
            delete: finish(delete)?,
            batch: Vec::with_capacity(8192),
            buf: RecvBuf::for_dumps(),
            number: HEADER_LEN + body.len() + 4 + destination.len() - 4,
        })
    }

    /// Adds or deletes these routes.
    pub fn send(&mut self, routes: std::ops::Range<u32>, delete: bool) -> Outcome<()> {
        self.batch.clear();
        for n in routes {
            let at = self.batch.len() + self.number;
            self.batch.extend_from_slice(if delete { &self.delete } else { &self.add });
            self.batch[at..at + 4].copy_from_slice(&(FIRST + n).to_be_bytes());
        }
        self.socket.send(&self.batch).map_err(|error| error.to_string())?;
        self.refusals()
    }

    /// An error message of the kernel's is an error.
    fn refusals(&mut self) -> Outcome<()> {
        match self.socket.recv(&mut self.buf) {
            Err(error) if error.is_would_block() => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(received) => {
                let first = Messages::new(received.bytes()).next().and_then(Result::ok);
                let ack = first.and_then(|message| Ack::decode(&message).ok()).unwrap_or_default();
                Err(format!("the kernel refuses a route: errno {}", ack.errno))
            }
        }
    }

    /// Adds routes from the first on.
    pub fn fill(&mut self, count: u32) -> Outcome<()> {
        let mut next = 0;
        while next < count {
            let end = count.min(next + BATCH);
            self.send(next..end, false)?;
            next = end;
        }
        Ok(())
    }

    /// So many events, in waves of additions and deletions; as many a second, or as fast as it goes. Returns the rate
    /// that was reached.
    pub fn storm(&mut self, events: u32, rate: Option<f64>) -> Outcome<f64> {
        let start = Instant::now();
        let mut sent = 0;
        while sent < events {
            for delete in [false, true] {
                let mut next = 0;
                while next < WAVE.min(events / 2) {
                    let end = (WAVE.min(events / 2)).min(next + BATCH);
                    self.send(next..end, delete)?;
                    sent += end - next;
                    next = end;
                    if let Some(rate) = rate {
                        wait_until(start + Duration::from_secs_f64(f64::from(sent) / rate));
                    }
                }
            }
        }
        Ok(f64::from(sent) / start.elapsed().as_secs_f64())
    }
}

/// Sleeps while it is long, spins while it is short.
pub fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > Duration::from_micros(200) {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}
