//! A handle on one namespace: requests from many threads and tasks at once.
//!
//! Each request takes a socket of its own from a pool, so that a second dump never meets one that is running
//! (EBUSY), and puts it back when its answer was read to the end. A socket whose answer was abandoned is closed: the
//! kernel would leave the rest of it queued (KERNEL.md 5.9).

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use linx_sys::{Netns, NetnsOrigin, Protocol, RecvBuf, Socket};
use linx_wire::emit::Request;
use linx_wire::header::{HEADER_LEN, Message, MessageFlags, MessageHeader, control};

use crate::error::{Error, ErrorKind, Result};
use crate::request::{Cursor, Exchange, Expect, Step, TIMEOUT};

/// Sockets kept for the next request. More may be in use at once; what exceeds this is closed afterwards.
const MAX_IDLE: usize = 4;
/// Objects of an answer that are read though nobody wants them: it is cheaper than to open another socket.
const LONG_REST: usize = 1024;

/// A namespace to ask things of. Cheap to clone; clones share their sockets.
///
/// Idle sockets keep a namespace alive (KERNEL.md 6.3): before each request a handle looks whether the name, path or
/// process that its namespace was given by still leads there, and [`release`](Self::release) closes them.
///
/// ```
/// use linx::{Handle, LinkView};
///
/// let handle = Handle::host()?;
/// for link in handle.links().all()? {
///     println!("{}: {}", link.index(), link.name());
/// }
/// # Ok::<(), linx::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    netns: Netns,
    label: Box<str>,
    cookie: u64,
    /// What leads to the namespace, where that does not pin it: its file, as it was when the handle was made.
    file: Option<(PathBuf, FileId)>,
    timeout: Duration,
    /// What is left of an answer is always read.
    spares: bool,
    /// Of any protocol.
    idle: Mutex<Vec<Channel>>,
}

/// Device and inode number.
pub(crate) type FileId = (u64, u64);

/// A socket with the buffer that it receives into.
pub(crate) struct Channel {
    pub(crate) socket: Socket,
    pub(crate) buf: RecvBuf,
}

impl Handle {
    /// A handle on `netns`. The first socket is opened now, so that errors come here.
    ///
    /// # Errors
    /// `NamespaceGone`, `Permission` (another namespace needs CAP_SYS_ADMIN to be entered), `Io` (EMFILE).
    pub fn new(netns: &Netns) -> Result<Self> {
        Self::named(netns, &label_of(netns), true, false)
    }

    /// The same, with another name for the namespace in errors. `follows`: it looks whether the namespace is still found
    /// where it was; otherwise it goes on as long as it has a socket. `spares`: it does not give up a socket because what
    /// is left of an answer is not wanted; perhaps it may not open another.
    pub(crate) fn named(netns: &Netns, label: &str, follows: bool, spares: bool) -> Result<Self> {
        Self::open(netns, label, follows, spares).map_err(|error| error.inside(label))
    }

    fn open(netns: &Netns, label: &str, follows: bool, spares: bool) -> Result<Self> {
        const OPEN: &str = "open a namespace";
        let file = if follows && !netns.pins() { netns.file_path() } else { None };
        let file = file.and_then(|path| file_id(&path).map(|id| (path, id)));
        let socket = Socket::open(Protocol::ROUTE, netns).map_err(|error| Error::system(OPEN, error))?;
        let inner = Inner {
            netns: netns.clone(),
            label: label.into(),
            cookie: socket.netns_cookie(),
            file,
            timeout: TIMEOUT,
            spares,
            idle: Mutex::default(),
        };
        let handle = Self(Arc::new(inner));
        let channel = handle.prime(socket, OPEN)?;
        handle.put_back(channel);
        Ok(handle)
    }

    /// A handle on the namespace that the calling thread is in.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn host() -> Result<Self> {
        Self::new(&Netns::host().map_err(|error| Error::system("open a namespace", error))?)
    }

    /// The same namespace, its requests given up after this long without data (5 s unless told). Sockets are not
    /// shared with `self`.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        let Inner { netns, label, cookie, file, spares, .. } = &*self.0;
        Self(Arc::new(Inner {
            netns: netns.clone(),
            label: label.clone(),
            cookie: *cookie,
            file: file.clone(),
            timeout,
            spares: *spares,
            idle: Mutex::default(),
        }))
    }

    /// The namespace, as it was given.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.0.netns
    }

    /// The namespace's identity (SO_NETNS_COOKIE): it never repeats while the machine runs.
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.0.cookie
    }

    /// The namespace's name in errors: `host`, `blue`, `pid 4711`.
    #[must_use]
    pub fn netns_name(&self) -> &str {
        &self.0.label
    }

    /// Closes idle sockets. Each keeps the namespace alive; the next request opens another.
    pub fn release(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        // A panic elsewhere leaves a whole vector.
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, channel: Channel) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(channel);
        }
    }

    /// An error of this handle.
    pub(crate) fn error(&self, kind: ErrorKind, operation: &str) -> Error {
        Error::new(kind, operation).inside(&self.0.label)
    }

    fn system(&self, operation: &str, source: linx_sys::Error) -> Error {
        Error::system(operation, source).inside(&self.0.label)
    }

    /// A socket for one request.
    fn channel(&self, protocol: Protocol, operation: &str) -> Result<Channel> {
        if self.0.file.as_ref().is_some_and(|(path, id)| file_id(path).as_ref() != Some(id)) {
            self.release();
            return Err(self.gone(operation));
        }
        let mut idle = self.idle();
        if let Some(place) = idle.iter().rposition(|channel| channel.socket.protocol() == protocol) {
            return Ok(idle.swap_remove(place));
        }
        drop(idle);
        let socket = Socket::open(protocol, &self.0.netns).map_err(|e| self.system(operation, e))?;
        if socket.netns_cookie() != self.0.cookie {
            return Err(self.gone(operation));
        }
        self.prime(socket, operation)
    }

    fn gone(&self, operation: &str) -> Error {
        self.error(ErrorKind::NamespaceGone, operation)
    }

    /// One small request with the large buffer: the kernel sizes the first part of a dump by the largest read that
    /// the socket has seen, and what does not fit into that part is left out (KERNEL.md 3.2).
    fn prime(&self, socket: Socket, operation: &str) -> Result<Channel> {
        // Links with many alternative names come in parts of up to 64 KiB.
        let channel = Channel { socket, buf: RecvBuf::for_events() };
        let request = Request::new(control::NOOP, MessageFlags::ACK);
        let mut answer = self.ask_on(channel, request, Expect::Ack, operation)?;
        answer.keep = true;
        answer.for_each(|_| Ok(()))?;
        answer.channel.take().ok_or_else(|| self.error(ErrorKind::Io, operation))
    }

    /// Sends a request of rtnetlink, and returns its answer to be read.
    pub(crate) fn ask(&self, request: Request, expect: Expect, operation: &str) -> Result<Answer> {
        self.ask_by(Protocol::ROUTE, request, expect, operation)
    }

    /// Sends a request, and returns its answer to be read.
    pub(crate) fn ask_by(
        &self,
        protocol: Protocol,
        request: Request,
        expect: Expect,
        operation: &str,
    ) -> Result<Answer> {
        let channel = self.channel(protocol, operation)?;
        self.ask_on(channel, request, expect, operation)
    }

    /// Sends what is not answered.
    #[cfg(feature = "nft")]
    pub(crate) fn send_by(
        &self,
        protocol: Protocol,
        bytes: impl FnOnce(u32, u32) -> Vec<u8>,
        operation: &str,
    ) -> Result<()> {
        let channel = self.channel(protocol, operation)?;
        let bytes = bytes(channel.socket.next_seq(), channel.socket.portid());
        channel.socket.send(&bytes).map_err(|e| self.system(operation, e))?;
        self.put_back(channel);
        Ok(())
    }

    fn ask_on(&self, channel: Channel, request: Request, expect: Expect, operation: &str) -> Result<Answer> {
        let (seq, portid) = (channel.socket.next_seq(), channel.socket.portid());
        let too_long = |_| self.error(ErrorKind::Truncated, operation);
        let bytes = request.finish(seq, portid).map_err(too_long)?;
        channel.socket.send(&bytes).map_err(|e| self.system(operation, e))?;
        Ok(Answer {
            handle: self.clone(),
            operation: operation.into(),
            exchange: Exchange::new(expect, seq, portid, self.0.timeout, Instant::now()),
            cursor: Cursor::default(),
            filled: 0,
            channel: Some(channel),
            keep: false,
        })
    }

    /// Sends a request whose answer is any number of objects and an acknowledgement.
    pub(crate) fn ask_one(
        &self,
        request: Request,
        operation: &str,
        each: impl FnMut(Message<'_>) -> Result<(), ErrorKind>,
    ) -> Result<()> {
        self.ask(request, Expect::Ack, operation)?.for_each(each)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("netns", &self.0.label).field("cookie", &self.0.cookie).finish()
    }
}

pub(crate) fn label_of(netns: &Netns) -> Box<str> {
    let label = match netns.origin() {
        // `host` is the machine's own namespace; one's own may be another.
        NetnsOrigin::Host if netns.is_of_pid_1() == Some(false) => "self".to_owned(),
        _ => netns.to_string(),
    };
    label.into_boxed_str()
}

pub(crate) fn file_id(path: &std::path::Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// The answer to a request, being read. Dropped before its end it closes its socket.
pub(crate) struct Answer {
    handle: Handle,
    operation: Box<str>,
    exchange: Exchange,
    cursor: Cursor,
    /// Bytes of the datagram that is being read.
    filled: usize,
    channel: Option<Channel>,
    /// The channel stays here when the answer is read.
    keep: bool,
}

/// What [`Answer::advance`] found.
enum Advance {
    /// An object, at these bytes of the buffer.
    Object(MessageHeader, Range<usize>),
    More,
    End,
}

impl Answer {
    /// Passes each object of the answer to `each`, to the end.
    ///
    /// # Errors
    /// How the answer ended, or the first error of `each`.
    pub(crate) fn for_each(
        &mut self,
        mut each: impl FnMut(Message<'_>) -> Result<(), ErrorKind>,
    ) -> Result<()> {
        while let Some(message) = self.next() {
            if let Err(kind) = each(message?) {
                return Err(self.handle.error(kind, &self.operation));
            }
        }
        Ok(())
    }

    /// The next object; `None` after the last, and after an error.
    pub(crate) fn next(&mut self) -> Option<Result<Message<'_>>> {
        let (header, place) = loop {
            match self.advance() {
                Ok(Advance::Object(header, place)) => break (header, place),
                Ok(Advance::More) => {}
                Ok(Advance::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        };
        let bytes = self.channel.as_ref()?.buf.filled(place.end).get(place.start..)?;
        Some(Ok(Message { header, payload: bytes.get(HEADER_LEN..)?, bytes }))
    }

    /// Reads what is left and not wanted, so that the socket can be used again; a long rest is left, and the socket closed.
    pub(crate) fn read_out(mut self) {
        let mut left = if self.handle.0.spares { usize::MAX } else { LONG_REST };
        while left > 0 && matches!(self.advance(), Ok(Advance::Object(..) | Advance::More)) {
            left -= 1;
        }
    }

    /// Whether the kernel has said so far that it tore.
    pub(crate) fn is_torn(&self) -> bool {
        self.exchange.is_torn()
    }

    fn advance(&mut self) -> Result<Advance> {
        let Some(channel) = &mut self.channel else { return Ok(Advance::End) };
        let start = self.cursor.at();
        if let Some(message) = self.cursor.next(channel.buf.filled(self.filled)) {
            return Ok(match self.exchange.step(message) {
                Step::Object(message) => Advance::Object(message.header, start..start + message.bytes.len()),
                Step::Skip => Advance::More,
                Step::End => return self.end(),
            });
        }
        (self.cursor, self.filled) = (Cursor::default(), 0);
        let left = self.exchange.deadline().saturating_duration_since(Instant::now());
        match channel.socket.recv_timeout(&mut channel.buf, Some(left)) {
            Ok(received) => {
                let (sender, truncated) = (received.portid(), received.is_truncated());
                let filled = received.bytes().len();
                if self.exchange.datagram(sender, filled, truncated, Instant::now()) {
                    self.filled = filled;
                }
            }
            Err(error) if error.is_nobufs() => self.exchange.overflow(),
            Err(error) if error.kind() == linx_sys::ErrorKind::Timeout => {
                self.exchange.expire(Instant::now());
            }
            Err(error) => {
                self.channel = None;
                return Err(self.handle.system(&self.operation, error));
            }
        }
        if self.exchange.outcome().is_some() { self.end() } else { Ok(Advance::More) }
    }

    /// The socket goes back to the pool if nothing of the answer is left in it.
    fn end(&mut self) -> Result<Advance> {
        let channel = if self.keep { None } else { self.channel.take() };
        if let Some(channel) = channel.filter(|_| self.exchange.is_read_out()) {
            self.handle.put_back(channel);
        }
        match self.exchange.outcome() {
            Some(Err(kind)) => Err(self.handle.error(kind.clone(), &self.operation)),
            _ => Ok(Advance::End),
        }
    }
}
