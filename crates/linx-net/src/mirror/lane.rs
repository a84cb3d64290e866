//! One of a mirror's sockets: what it has received and not fed yet, and whether something is missing from it.

use linx_sys::{Group, Netns, PollSet, Protocol, RecvBuf, Socket};
use linx_wire::Kind;
use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, Messages, control};

use super::core::Lane;
use super::options::Options;
use crate::monitor::core::means_loss;
use crate::monitor::intake::Intake;
use crate::monitor::route::groups_of;
use crate::monitor::{Loss, LossReason};

/// Bytes of announcements that wait while something is read; beyond it they are lost, and read again.
const MOST_PENDING: usize = 64 << 20;

/// A socket that has joined the groups of a lane.
pub(super) struct Intakes {
    pub(super) lane: Lane,
    socket: Option<Socket>,
    groups: Vec<Group>,
    rcvbuf: usize,
    rcvbuf_bytes: usize,
    intake: Intake,
    drops: u32,
    /// Messages that were received and not fed.
    pub(super) pending: Vec<u8>,
    pub(super) lost: Option<Loss>,
    /// The sequence number of the barrier whose acknowledgement has not come.
    barrier: Option<u32>,
    pub(super) datagrams: u64,
    pub(super) spoofed: u64,
    /// What was queued before a loss is read before the loss is told. Not so for a negative control alone.
    is_patient: bool,
}

/// The groups of a lane.
pub(super) fn groups(lane: Lane, options: &Options) -> Vec<Group> {
    let mut groups = Vec::new();
    for kind in lane.kinds() {
        let is_needed = match kind {
            Kind::Link => options.has_rtnetlink(),
            // Routes go with addresses, rules with links.
            Kind::Address => options.holds(Kind::Address) || options.holds(Kind::Route),
            kind => options.holds(*kind),
        };
        if is_needed {
            groups.extend_from_slice(groups_of(*kind));
        }
    }
    groups
}

impl Intakes {
    pub(super) fn open(
        lane: Lane,
        groups: Vec<Group>,
        netns: &Netns,
        (rcvbuf, is_patient): (usize, bool),
        poll: &PollSet,
        token: u64,
    ) -> linx_sys::Result<Self> {
        let mut intakes = Self {
            lane,
            socket: None,
            groups,
            rcvbuf,
            rcvbuf_bytes: 0,
            intake: Intake::default(),
            drops: 0,
            pending: Vec::new(),
            lost: None,
            barrier: None,
            datagrams: 0,
            spoofed: 0,
            is_patient,
        };
        intakes.reopen(netns, poll, token)?;
        Ok(intakes)
    }

    fn reopen(&mut self, netns: &Netns, poll: &PollSet, token: u64) -> linx_sys::Result<()> {
        let socket = Socket::open_monitor(Protocol::ROUTE, netns)?;
        self.rcvbuf_bytes = socket.set_rcvbuf(self.rcvbuf)?;
        for group in &self.groups {
            socket.add_membership(*group)?;
        }
        poll.add(&socket, token)?;
        self.drops = socket.drops()?;
        self.intake = Intake::default();
        self.socket = Some(socket);
        Ok(())
    }

    /// Opens another socket where the last one failed: what was announced in between is lost.
    pub(super) fn revive(
        &mut self,
        netns: &Netns,
        cookie: u64,
        poll: &PollSet,
        token: u64,
    ) -> linx_sys::Result<bool> {
        if self.socket.is_some() {
            return Ok(true);
        }
        self.reopen(netns, poll, token)?;
        Ok(self.socket.as_ref().is_some_and(|socket| socket.netns_cookie() == cookie))
    }

    pub(super) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    pub(super) fn cookie(&self) -> Option<u64> {
        self.socket.as_ref().map(Socket::netns_cookie)
    }

    pub(super) fn portid(&self) -> u32 {
        self.socket.as_ref().map_or(0, Socket::portid)
    }

    pub(super) fn rcvbuf_bytes(&self) -> usize {
        self.rcvbuf_bytes
    }

    /// Asks for a receive buffer of another size; what is queued stays.
    pub(super) fn set_rcvbuf(&mut self, bytes: usize) {
        self.rcvbuf = bytes;
        if let Some(Ok(effective)) = self.socket.as_ref().map(|socket| socket.set_rcvbuf(bytes)) {
            self.rcvbuf_bytes = effective;
        }
    }

    /// Receives what is there, at most `most` datagrams; true when there may be more.
    pub(super) fn drain(&mut self, buf: &mut RecvBuf, most: usize) -> bool {
        for _ in 0..most {
            let Some(socket) = &self.socket else { return false };
            match socket.recv(buf) {
                Ok(received) if !received.is_from_kernel() => self.spoofed += 1,
                Ok(received) => {
                    let (length, filled) = (received.length(), received.bytes().len());
                    if self.intake.datagram() {
                        self.overflowed();
                    }
                    self.datagrams += 1;
                    if length > filled {
                        self.lose(LossReason::Truncated { length }, 0);
                    } else {
                        self.keep(buf, filled);
                    }
                }
                Err(error) if error.is_would_block() => {
                    if self.intake.empty() {
                        self.overflowed();
                    }
                    return false;
                }
                Err(error) if means_loss(&error) && !self.is_patient => {
                    self.overflowed();
                    return false;
                }
                Err(error) if means_loss(&error) => {
                    let queued = socket.meminfo().map_or(u32::MAX, |info| info.queued_bytes);
                    if self.intake.overflow(queued) {
                        self.overflowed();
                    }
                }
                Err(error) => {
                    self.socket = None;
                    let error = crate::error::Error::system("mirror", error);
                    self.lose(LossReason::Restarted { error, failures: 0 }, 0);
                    return false;
                }
            }
        }
        true
    }

    fn keep(&mut self, buf: &RecvBuf, filled: usize) {
        let bytes = buf.filled(filled);
        if self.barrier.is_some() {
            self.acknowledged(bytes);
        }
        if self.pending.len() + bytes.len() > MOST_PENDING {
            self.pending = Vec::new();
            return self.lose(LossReason::Overflow, 0);
        }
        self.pending.extend_from_slice(bytes);
        self.pending.resize(self.pending.len().next_multiple_of(4), 0);
    }

    fn acknowledged(&mut self, bytes: &[u8]) {
        let portid = self.portid();
        for message in Messages::new(bytes).map_while(Result::ok) {
            let header = message.header;
            let is_answer = header.message_type == control::ERROR && header.portid == portid;
            if is_answer && Some(header.seq) == self.barrier {
                self.barrier = None;
            }
        }
    }

    fn overflowed(&mut self) {
        let drops = self.socket.as_ref().and_then(|socket| socket.drops().ok()).unwrap_or(self.drops);
        let since = drops.wrapping_sub(self.drops);
        self.drops = drops;
        self.lose(LossReason::Overflow, since);
    }

    /// Something is missing from here on; the first reason stands.
    pub(super) fn lose(&mut self, reason: LossReason, drops: u32) {
        // An acknowledgement may be among what was lost.
        self.barrier = None;
        let rcvbuf_bytes = self.rcvbuf_bytes;
        match &mut self.lost {
            Some(loss) => loss.drops = loss.drops.saturating_add(drops),
            lost => *lost = Some(Loss { reason, drops, rcvbuf_bytes }),
        }
    }

    /// Whether a loss is known that is not to be told yet: what came before it is still queued.
    pub(super) fn is_losing(&self) -> bool {
        self.intake.is_pending()
    }

    /// Puts a mark behind all that has been announced.
    pub(super) fn mark(&mut self) -> linx_sys::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let seq = socket.next_seq();
        let bytes = Request::new(control::NOOP, MessageFlags::ACK).finish(seq, socket.portid());
        // A request without a body is short enough.
        socket.send(&bytes.unwrap_or_default())?;
        self.barrier = Some(seq);
        Ok(())
    }

    /// Whether the mark has been reached, and was not lost.
    pub(super) fn is_marked(&self) -> bool {
        self.barrier.is_some()
    }

    /// When something was lost on it that was not fed to the core yet.
    pub(super) fn take_loss(&mut self) -> Option<Loss> {
        if self.is_losing() { None } else { self.lost.take() }
    }
}
