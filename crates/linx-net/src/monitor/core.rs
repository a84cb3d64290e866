//! The monitor of any protocol: one socket, read in order, nothing passed over in silence.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use linx_sys::{PollSet, RecvBuf, Socket, Wake};
use linx_wire::header::{Message, control};

use super::builder::Name;
use super::control::{Control, Shared};
use super::intake::Intake;
use super::link::{Config, Down, mark};
use super::pace::Pace;
use super::{Barrier, Decoder, Loss, LossReason, Notice, NoticeOf, Origin, Unknown};
use crate::error::{ErrorKind, Result};
use crate::request::{Cursor, after};

const WAKE: u64 = 1;
const NAME: u64 = 2;

/// Where a decoder puts what it makes.
pub struct Sink<'a, D: Decoder + ?Sized> {
    queue: &'a mut VecDeque<NoticeOf<D>>,
    shared: &'a Shared,
}

impl<D: Decoder + ?Sized> Sink<'_, D> {
    /// An event.
    #[inline]
    pub fn event(&mut self, event: D::Event) {
        self.queue.push_back(Notice::Event(event));
    }

    /// A transaction.
    #[inline]
    pub fn transaction(&mut self, transaction: D::Transaction) {
        self.queue.push_back(Notice::Transaction(transaction));
    }

    /// A message that could not be decoded.
    pub fn undecodable(&mut self, bytes: &[u8], error: linx_wire::DecodeError) {
        self.loss(LossReason::Undecodable { bytes: bytes.into(), error }, 0);
    }

    /// What came does not continue what came before.
    pub fn gap(&mut self) {
        self.loss(LossReason::Gap, 0);
    }

    /// A message of a type that the decoder does not know.
    pub fn unknown(&mut self, message: &Message<'_>, origin: Origin) {
        let header = message.header;
        self.queue.push_back(Notice::Unknown(Unknown {
            message_type: header.message_type,
            payload: message.payload.into(),
            portid: header.portid,
            origin,
        }));
    }

    fn loss(&mut self, reason: LossReason, drops: u32) {
        let rcvbuf = self.shared.rcvbuf.load(Ordering::Relaxed);
        Shared::add(&self.shared.losses, 1);
        Shared::add(&self.shared.drops, drops.into());
        let rcvbuf_bytes = usize::try_from(rcvbuf).unwrap_or(usize::MAX);
        self.queue.push_back(Notice::ResyncNeeded(Loss { reason, drops, rcvbuf_bytes }));
    }
}

impl<D: Decoder + ?Sized> fmt::Debug for Sink<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("queued", &self.queue.len()).finish_non_exhaustive()
    }
}

/// A subscription to the kernel's announcements. See the [module](super).
///
/// Its descriptor ([`AsFd`]) is readable while anything is pending: events, losses, its end. After
/// [`deadline`](Self::deadline) it wants to be asked even if it is not.
pub struct Monitor<D: Decoder> {
    config: Config,
    decoder: D,
    socket: Option<Arc<Socket>>,
    buf: RecvBuf,
    queue: VecDeque<NoticeOf<D>>,
    intake: Intake,
    pace: Pace,
    poll: PollSet,
    name: Option<Name>,
    down: Option<Down>,
    /// The next look at the socket waits until there is something, rather than the set.
    is_patient: bool,
    /// Sequence numbers of barriers whose acknowledgement has not come.
    barriers: VecDeque<u32>,
    /// The sequence number of the question after the position, while it is not answered.
    asked: Option<u32>,
    /// The kernel's count of drops when it was last read.
    drops: u32,
    events: u64,
    shared: Arc<Shared>,
    /// The descriptor was handed out, so it has to tell what is queued here.
    polled: AtomicBool,
    /// The bell was rung for what is queued here.
    rung: AtomicBool,
}

/// What one look at the socket brought.
pub(super) enum Pull {
    /// A datagram of this length lies in the buffer.
    Datagram(usize, Option<i32>),
    /// Something was queued.
    Queued,
    /// Nothing is there now.
    Empty,
}

impl<D: Decoder> Monitor<D> {
    pub(super) fn start(config: Config, decoder: D, name: Option<Name>) -> Result<Self> {
        let (socket, rcvbuf) = config.open()?;
        let (poll, wake, buf) = match &config.seat {
            Some(seat) => (seat.poll.share(), seat.wake.clone(), RecvBuf::with_capacity(0)),
            None => {
                let wake = Wake::new().map_err(|error| config.error(error))?;
                let poll = PollSet::new().map_err(|error| config.error(error))?;
                poll.add(&wake, WAKE).map_err(|error| config.error(error))?;
                (poll, wake, RecvBuf::for_events())
            }
        };
        poll.add(&socket, config.token()).map_err(|error| config.error(error))?;
        if let Some(name) = &name {
            poll.add(name, NAME).map_err(|error| config.error(error))?;
            // The name may have gone, or have become another's, before the watch stood.
            if !name.holds() {
                return Err(config.failed(ErrorKind::NamespaceGone));
            }
        }
        let shared = Arc::new(Shared::new(wake, socket.netns_cookie()));
        shared.rcvbuf.store(rcvbuf as u64, Ordering::Relaxed);
        let drops = socket.drops().map_err(|error| config.error(error))?;
        let mut monitor = Self {
            config,
            decoder,
            socket: Some(Arc::new(socket)),
            buf,
            queue: VecDeque::new(),
            intake: Intake::default(),
            pace: Pace::new(rcvbuf, Instant::now()),
            poll,
            name,
            down: None,
            is_patient: false,
            barriers: VecDeque::new(),
            asked: None,
            drops,
            events: 0,
            shared,
            polled: AtomicBool::new(false),
            rung: AtomicBool::new(false),
        };
        monitor.ask_position();
        Ok(monitor)
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// `Unsubscribed` and `NamespaceGone` when it has ended, `Io` when the socket failed and the monitor is not
    /// [supervised](super::Builder::supervised). Asking again gives the same answer.
    pub fn recv(&mut self) -> Result<NoticeOf<D>> {
        loop {
            self.fill(None, &mut None)?;
            if let Some(notice) = self.pop() {
                self.ring();
                return Ok(notice);
            }
        }
    }

    /// Waits for the next notice, at most so long; `None` when nothing came.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<NoticeOf<D>>> {
        self.recv_within(Some(timeout))
    }

    /// The next notice if there is one now.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<NoticeOf<D>>> {
        self.recv_within(Some(Duration::ZERO))
    }

    /// Waits for notices, one after the other; ends when the monitor was unsubscribed, and after an error.
    pub fn notices(&mut self) -> impl Iterator<Item = Result<NoticeOf<D>>> + '_ {
        let mut ended = false;
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            match self.recv() {
                Ok(notice) => Some(Ok(notice)),
                Err(error) => {
                    ended = true;
                    (error.kind != ErrorKind::Unsubscribed).then_some(Err(error))
                }
            }
        })
    }

    /// A handle to steer it from elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        Control(self.shared.clone())
    }

    /// Ends it. Dropping does the same.
    pub fn unsubscribe(self) {
        drop(self);
    }

    /// The port id of its socket.
    #[must_use]
    pub fn portid(&self) -> u32 {
        self.socket.as_ref().map_or(0, |socket| socket.portid())
    }

    /// The namespace, as it was given.
    #[must_use]
    pub fn netns(&self) -> &linx_sys::Netns {
        &self.config.netns
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.shared.netns
    }

    /// When it wants to be asked even if its descriptor is not readable: while its failed socket is being replaced.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.down.as_ref().map(|down| down.retry_at)
    }

    /// Puts a mark behind all that has happened so far: when [`Notice::Barrier`] with what this returns is told, all
    /// events from before have been. A loss in between voids it: it is not told then.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// ```
    /// use linx::route::{Monitor, Notice};
    ///
    /// let mut monitor = Monitor::builder().subscribe()?;
    /// let barrier = monitor.barrier()?;
    /// while !matches!(monitor.recv()?, Notice::Barrier(reached) if reached == barrier) {}
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn barrier(&mut self) -> Result<Barrier> {
        let Some(socket) = &self.socket else { return Err(self.config.failed(ErrorKind::Io)) };
        let seq = mark(socket).map_err(|error| self.config.error(error))?;
        self.barriers.push_back(seq);
        Ok(Barrier(seq))
    }

    /// Passes on everything that has happened until now, and returns; each loss on the way is told.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `Timeout` when the kernel does not acknowledge the barrier in time.
    pub fn until_now(&mut self, timeout: Duration, mut each: impl FnMut(NoticeOf<D>)) -> Result<()> {
        let end = after(Instant::now(), timeout);
        let mut barrier = self.barrier()?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.recv_within(Some(left))? {
                Some(Notice::Barrier(reached)) if reached == barrier => return Ok(()),
                Some(notice) => {
                    let voided = matches!(notice, Notice::ResyncNeeded(_));
                    each(notice);
                    if voided && !self.barriers.contains(&barrier.0) {
                        barrier = self.barrier()?;
                    }
                }
                None => return Err(self.config.failed(ErrorKind::Timeout)),
            }
        }
    }

    /// The next notice, at most `timeout` from when nothing was there.
    #[inline]
    pub(super) fn recv_within(&mut self, timeout: Option<Duration>) -> Result<Option<NoticeOf<D>>> {
        let mut end = None;
        loop {
            let more = self.fill(timeout, &mut end)?;
            let notice = self.pop();
            if notice.is_some() || !more {
                self.ring();
                return Ok(notice);
            }
        }
    }

    /// Waits until something is queued here; false when the time is over. Notices are large: none passes through here.
    fn fill(&mut self, timeout: Option<Duration>, end: &mut Option<Instant>) -> Result<bool> {
        loop {
            self.check()?;
            if !self.queue.is_empty() {
                return Ok(true);
            }
            match self.pull()? {
                Pull::Datagram(length, nsid) => self.decode(length, nsid, 0),
                Pull::Queued => {}
                Pull::Empty => {
                    if !self.wait(timeout, end)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Whether it has ended.
    pub(super) fn check(&self) -> Result<()> {
        match self.shared.end() {
            None => Ok(()),
            Some(kind) => Err(self.config.failed(kind)),
        }
    }

    /// The buffer to receive into: one with a seat among others is lent it for as long as it is asked for notices.
    #[cfg(feature = "nft")]
    pub(crate) fn buf_mut(&mut self) -> &mut RecvBuf {
        &mut self.buf
    }

    /// Asks for a receive buffer of another size; what is queued stays.
    #[cfg(feature = "nft")]
    pub(crate) fn set_rcvbuf(&mut self, bytes: usize) {
        self.config.rcvbuf = bytes;
        if let Some(Ok(effective)) = self.socket.as_ref().map(|socket| socket.set_rcvbuf(bytes)) {
            self.shared.rcvbuf.store(effective as u64, Ordering::Relaxed);
        }
    }

    /// Whether something has been received and not returned.
    #[cfg(feature = "nft")]
    pub(crate) fn has_pending(&self) -> bool {
        !self.queue.is_empty() || self.intake.is_pending()
    }

    /// The next notice that is here and wanted.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NoticeOf<D>> {
        loop {
            let notice = self.queue.pop_front()?;
            let is_old = match &notice {
                Notice::Transaction(transaction) => {
                    D::generation(transaction).is_some_and(|generation| self.shared.is_old(generation))
                }
                _ => false,
            };
            if !is_old {
                return Some(notice);
            }
        }
    }

    /// Makes the descriptor tell what is pending here rather than in the kernel.
    pub(super) fn ring(&mut self) {
        let pending = !self.queue.is_empty() || self.intake.is_pending();
        if pending != self.rung.load(Ordering::Relaxed) && self.polled.load(Ordering::Relaxed) {
            self.rung.store(pending, Ordering::Relaxed);
            if pending {
                self.shared.wake.wake();
            } else {
                self.shared.wake.clear();
                // A control may have rung in between.
                if self.shared.end().is_some() {
                    self.shared.wake.wake();
                }
            }
        }
    }

    /// How long to sleep although nothing is there, because much came lately.
    #[cfg(feature = "tokio")]
    pub(super) fn nap(&mut self) -> Option<Duration> {
        self.pace.empty(Instant::now())
    }

    /// Waits until something may be there; false when the time is over.
    pub(super) fn wait(&mut self, timeout: Option<Duration>, end: &mut Option<Instant>) -> Result<bool> {
        if timeout == Some(Duration::ZERO) && self.name.is_none() {
            return Ok(false);
        }
        let now = Instant::now();
        if end.is_none() {
            *end = timeout.and_then(|timeout| now.checked_add(timeout));
        }
        let mut left = end.map(|end| end.saturating_duration_since(now));
        if left != Some(Duration::ZERO) {
            if let Some(nap) = self.pace.empty(now) {
                std::thread::sleep(left.map_or(nap, |left| left.min(nap)));
                return Ok(true);
            }
        }
        if let Some(down) = &self.down {
            let until = down.retry_at.saturating_duration_since(now);
            left = Some(left.map_or(until, |left| left.min(until)));
        }
        if left.is_none() && self.name.is_none() && self.config.may_wait_there() {
            self.is_patient = true;
            return Ok(true);
        }
        let tokens = self.poll.wait(left).map_err(|error| self.config.error(error))?;
        let (nothing, renamed) = (tokens.is_empty(), tokens.contains(&NAME));
        if renamed && !self.name.as_ref().is_none_or(Name::holds) {
            self.control().namespace_gone();
            return Ok(true);
        }
        Ok(!nothing && timeout != Some(Duration::ZERO) || end.is_none_or(|end| Instant::now() < end))
    }

    /// One look at the socket.
    #[inline]
    pub(super) fn pull(&mut self) -> Result<Pull> {
        let Some(socket) = &self.socket else { return self.revive() };
        let received = if std::mem::take(&mut self.is_patient) {
            match self.shared.asleep(socket, || socket.recv_waiting(&mut self.buf)) {
                Some(received) => received,
                None => return Ok(Pull::Queued),
            }
        } else {
            socket.recv(&mut self.buf)
        };
        match received {
            Ok(received) if !received.is_from_kernel() => {
                Shared::add(&self.shared.spoofed, 1);
                let (portid, length) = (received.portid(), received.length());
                self.queue.push_back(Notice::Spoofed { portid, length });
                Ok(Pull::Queued)
            }
            Ok(received) => {
                let (filled, length, nsid) = (received.bytes().len(), received.length(), received.nsid());
                if self.intake.datagram() {
                    self.overflowed();
                }
                if length > filled {
                    self.lose(LossReason::Truncated { length }, 0);
                    return Ok(Pull::Queued);
                }
                Ok(Pull::Datagram(filled, nsid))
            }
            Err(error) if error.is_would_block() => {
                if !self.intake.empty() {
                    return Ok(Pull::Empty);
                }
                self.overflowed();
                Ok(Pull::Queued)
            }
            Err(error) if means_loss(&error) => {
                let queued = socket.meminfo().map_or(u32::MAX, |info| info.queued_bytes);
                if self.intake.overflow(queued) {
                    self.overflowed();
                }
                self.decoder.doubt();
                Ok(Pull::Queued)
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: linx_sys::Error) -> Result<Pull> {
        let error = self.config.error(error);
        let Some(policy) = self.config.restart else { return Err(error) };
        if let Some(socket) = self.socket.take() {
            // Closing takes it out of the set, too; a descriptor that failed may not be in it any more.
            let _ = self.poll.remove(&*socket);
        }
        self.down = Some(Down::new(error, policy, Instant::now()));
        Ok(Pull::Empty)
    }

    /// Opens another socket, if it is time.
    fn revive(&mut self) -> Result<Pull> {
        let Some(down) = &mut self.down else { return Err(self.config.failed(ErrorKind::Io)) };
        let Some(policy) = self.config.restart else { return Err(down.error.clone()) };
        let now = Instant::now();
        if now < down.retry_at {
            return Ok(Pull::Empty);
        }
        let opened = self.config.open().and_then(|(socket, rcvbuf)| {
            self.poll.add(&socket, self.config.token()).map_err(|error| self.config.error(error))?;
            let drops = socket.drops().map_err(|error| self.config.error(error))?;
            Ok((socket, rcvbuf, drops))
        });
        match opened {
            Ok((socket, ..)) if socket.netns_cookie() != self.shared.netns => {
                self.control().namespace_gone();
                Err(self.config.failed(ErrorKind::NamespaceGone))
            }
            Ok((socket, rcvbuf, drops)) => {
                let (error, failures) = (down.error.clone(), down.failures);
                self.down = None;
                self.socket = Some(Arc::new(socket));
                self.drops = drops;
                self.intake = Intake::default();
                self.pace = Pace::new(rcvbuf, now);
                self.shared.rcvbuf.store(rcvbuf as u64, Ordering::Relaxed);
                Shared::add(&self.shared.restarts, 1);
                self.lose(LossReason::Restarted { error, failures }, 0);
                Ok(Pull::Queued)
            }
            Err(error) if error.kind == ErrorKind::NamespaceGone => {
                self.control().namespace_gone();
                Err(error)
            }
            Err(error) if !down.again(policy, now) => Err(error),
            Err(_) => Ok(Pull::Empty),
        }
    }

    /// Tells an overflow.
    fn overflowed(&mut self) {
        let drops = self.socket.as_ref().and_then(|socket| socket.drops().ok()).unwrap_or(self.drops);
        let since = drops.wrapping_sub(self.drops);
        self.drops = drops;
        self.lose(LossReason::Overflow, since);
    }

    fn lose(&mut self, reason: LossReason, drops: u32) {
        // Acknowledgements may be among what was lost.
        self.barriers.clear();
        let mut sink = Sink { queue: &mut self.queue, shared: &self.shared };
        self.decoder.lost(&mut sink);
        sink.loss(reason, drops);
        self.ask_position();
    }

    /// Asks what the decoder needs to place what comes from now on.
    fn ask_position(&mut self) {
        let Some(request) = self.decoder.position() else { return };
        self.asked = self.socket.as_ref().and_then(|socket| {
            let seq = socket.next_seq();
            let bytes = request.finish(seq, socket.portid()).ok()?;
            socket.send(&bytes).ok().map(|_| seq)
        });
        if self.asked.is_none() {
            self.decoder.placed(None, &mut Sink { queue: &mut self.queue, shared: &self.shared });
        }
    }

    /// Decodes a datagram in the buffer, from `start`, into the queue.
    #[inline]
    pub(super) fn decode(&mut self, length: usize, nsid: Option<i32>, start: usize) {
        let origin = Origin { netns: self.shared.netns, nsid, time: SystemTime::now() };
        let datagram = self.buf.filled(length);
        let mut cursor = Cursor::starting_at(start);
        let mut lost = false;
        while let Some(message) = cursor.next(datagram) {
            let mut sink = Sink { queue: &mut self.queue, shared: &self.shared };
            match message {
                Ok(message) if self.asked.is_some() && is_answer(&message, self.asked, &self.socket) => {
                    self.asked = None;
                    let refused = message.header.message_type < control::MIN_TYPE;
                    self.decoder.placed((!refused).then_some(&message), &mut sink);
                }
                Ok(message) if message.header.message_type < control::MIN_TYPE => {
                    let reached = acknowledged(&mut self.barriers, &message, self.socket.as_deref());
                    // While a loss is waiting to be told, no barrier stands behind all that happened: it voids them.
                    let is_void = self.intake.is_pending() && reached != Reached::Loss;
                    if reached == Reached::Nothing || is_void {
                        continue;
                    }
                    if reached != Reached::Next {
                        self.decoder.lost(&mut sink);
                        sink.loss(LossReason::Overflow, 0);
                        lost = true;
                    }
                    if reached != Reached::Loss {
                        sink.queue.push_back(Notice::Barrier(Barrier(message.header.seq)));
                    }
                }
                Ok(message) => {
                    self.events += 1;
                    self.pace.event();
                    if let Err(error) = self.decoder.message(&message, origin, &mut sink) {
                        Shared::add(&self.shared.undecodable, 1);
                        self.decoder.undecodable(message.bytes, error, origin, &mut sink);
                    }
                }
                Err(error) => {
                    self.events += 1;
                    Shared::add(&self.shared.undecodable, 1);
                    self.decoder.undecodable(datagram, error, origin, &mut sink);
                }
            }
        }
        if lost {
            self.ask_position();
        }
        self.shared.events.store(self.events, Ordering::Relaxed);
    }

    /// Passes each message of a datagram to `each`. What that does not take (`None`), what follows a break, and
    /// netlink's own messages go the usual way.
    #[inline]
    pub(super) fn borrowed(
        &mut self,
        length: usize,
        nsid: Option<i32>,
        mut each: impl FnMut(&Message<'_>, Origin) -> Option<ControlFlow<()>>,
    ) -> ControlFlow<()> {
        let mut cursor = Cursor::default();
        let origin = Origin { netns: self.shared.netns, nsid, time: SystemTime::now() };
        loop {
            let start = cursor.at();
            match cursor.next(self.buf.filled(length)) {
                None => break,
                Some(Ok(message))
                    if message.header.message_type >= control::MIN_TYPE && self.queue.is_empty() =>
                {
                    match each(&message, origin) {
                        Some(ControlFlow::Continue(())) => {
                            self.events += 1;
                            self.pace.event();
                        }
                        Some(ControlFlow::Break(())) => {
                            self.events += 1;
                            self.decode(length, nsid, cursor.at());
                            return ControlFlow::Break(());
                        }
                        None => {
                            self.decode(length, nsid, start);
                            break;
                        }
                    }
                }
                Some(_) => {
                    self.decode(length, nsid, start);
                    break;
                }
            }
        }
        self.shared.events.store(self.events, Ordering::Relaxed);
        ControlFlow::Continue(())
    }

    /// What makes its events.
    #[must_use]
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }
}

/// Whether an error of `recv(2)` says that messages were lost. ENOBUFS does; and where the kernel could not build a
/// message it passes its reason to the group's sockets (`rtnl_set_sk_err`).
pub(crate) fn means_loss(error: &linx_sys::Error) -> bool {
    const ENOMEM: i32 = 12;
    const EMSGSIZE: i32 = 90;
    error.is_nobufs() || matches!(error.raw_os_error(), Some(ENOMEM | EMSGSIZE))
}

/// Whether a message is the answer to the question with this number.
fn is_answer(message: &Message<'_>, asked: Option<u32>, socket: &Option<Arc<Socket>>) -> bool {
    let header = message.header;
    Some(header.seq) == asked && socket.as_ref().is_some_and(|socket| socket.portid() == header.portid)
}

/// What one of netlink's own messages means for barriers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// The oldest barrier.
    Next,
    /// A younger one: the acknowledgements of the older ones were lost.
    Later,
    /// Messages were lost (`NLMSG_OVERRUN`).
    Loss,
}

fn acknowledged(barriers: &mut VecDeque<u32>, message: &Message<'_>, socket: Option<&Socket>) -> Reached {
    let header = message.header;
    if header.message_type == control::OVERRUN {
        barriers.clear();
        return Reached::Loss;
    }
    let own = socket.is_some_and(|socket| socket.portid() == header.portid);
    if header.message_type != control::ERROR || !own {
        return Reached::Nothing;
    }
    let Some(place) = barriers.iter().position(|seq| *seq == header.seq) else { return Reached::Nothing };
    barriers.drain(..=place);
    if place == 0 { Reached::Next } else { Reached::Later }
}

impl<D: Decoder> AsFd for Monitor<D> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        if !self.polled.swap(true, Ordering::Relaxed) && (!self.queue.is_empty() || self.intake.is_pending())
        {
            // It is silenced again by the notice that leaves nothing behind.
            self.rung.store(true, Ordering::Relaxed);
            self.shared.wake.wake();
        }
        self.poll.as_fd()
    }
}

impl<D: Decoder> fmt::Debug for Monitor<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("netns", &self.config.label)
            .field("groups", &self.config.groups)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
