//! Lists whose tearing the kernel does not tell: neighbours and rules (KERNEL.md 3.5).
//!
//! A socket that listens to the kind's events stands beside the dump. When an object was added or deleted while it ran,
//! it is read again. If that never ends, all readings and all events are joined: an object that was not touched is in
//! one of the readings, one that was is in the events.

use std::collections::{HashMap, HashSet};

use linx_sys::{Protocol, RecvBuf, Socket};
use linx_wire::header::Messages;

use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::key::Key;
use crate::list::{List, Listed, Listing};

/// Times that a list is read again.
const REREADINGS: usize = 5;
/// Times that it is read at most, with those during which events were lost.
const MOST_READINGS: usize = 16;
/// Receive buffer of the listener, bytes: 40,000 events a reading.
const RCVBUF: usize = 16 << 20;

pub(crate) fn all<T: Listed>(list: &List<T>) -> Result<Listing<T>> {
    let mut listener = Listener::open(list.handle(), T::OPERATION, T::WATCH)?;
    let mut joined = Joined::<T>::default();
    for _ in 0..MOST_READINGS {
        let objects = list.whole(|object| (T::key(object), T::owned(object)))?;
        match joined.add(&objects, list.filter(), &mut listener)? {
            Meanwhile::Quiet => {
                let objects = objects.into_iter().map(|(_, object)| object).collect();
                return Ok(Listing { objects, settled: true });
            }
            Meanwhile::Changed => joined.keep(objects),
            Meanwhile::Unknown => joined = Joined::default(),
        }
        if joined.readings > REREADINGS {
            return Ok(Listing { objects: joined.into_objects(), settled: false });
        }
    }
    Err(list.handle().error(ErrorKind::Torn, T::OPERATION))
}

/// What happened while a list was read.
enum Meanwhile {
    Quiet,
    /// Objects were added or deleted.
    Changed,
    /// Events were lost: the reading cannot be joined with others.
    Unknown,
}

/// What an event says: an object that is wanted, or a key that is not there (any more).
type Change<T> = (Key, Option<T>);

/// All readings so far, and the events between them.
struct Joined<T> {
    objects: HashMap<Key, T>,
    /// Objects that are known to exist, wanted or not: news of them are no additions.
    known: HashSet<Key>,
    changes: Vec<Change<T>>,
    readings: usize,
}

impl<T> Default for Joined<T> {
    fn default() -> Self {
        Self { objects: HashMap::new(), known: HashSet::new(), changes: Vec::new(), readings: 0 }
    }
}

impl<T: Listed> Joined<T> {
    /// Takes the events that came while a list was read.
    fn add(
        &mut self,
        objects: &[(Key, T)],
        filter: &T::Filter,
        listener: &mut Listener,
    ) -> Result<Meanwhile> {
        let mut disturbed = false;
        let known = &mut self.known;
        let changes = &mut self.changes;
        let whole = listener.drain(&mut |kind, payload| {
            let Ok(object) = T::decode_ref(payload) else { return };
            let key = T::key(object);
            if kind == T::DEL {
                known.remove(&key);
                disturbed = true;
                changes.push((key, None));
            } else if kind == T::NEW {
                disturbed |= known.insert(key.clone());
                changes.push((key, T::matches(filter, object).then(|| T::owned(object))));
            }
        })?;
        self.known.extend(objects.iter().map(|(key, _)| key.clone()));
        // An entry that was read and then deleted is not known.
        for (key, _) in self.changes.iter().filter(|(_, object)| object.is_none()) {
            self.known.remove(key);
        }
        Ok(match (whole, disturbed) {
            (false, _) => Meanwhile::Unknown,
            (true, true) => Meanwhile::Changed,
            (true, false) => Meanwhile::Quiet,
        })
    }

    fn keep(&mut self, objects: Vec<(Key, T)>) {
        self.readings += 1;
        self.objects.extend(objects);
        for (key, object) in self.changes.drain(..) {
            match object {
                Some(object) => self.objects.insert(key, object),
                None => self.objects.remove(&key),
            };
        }
    }

    fn into_objects(self) -> Vec<T> {
        self.objects.into_values().collect()
    }
}

struct Listener {
    socket: Socket,
    buf: RecvBuf,
    fail: Box<dyn Fn(linx_sys::Error) -> Error>,
}

impl Listener {
    fn open(handle: &Handle, operation: &'static str, groups: &[linx_sys::Group]) -> Result<Self> {
        let name: Box<str> = handle.netns_name().into();
        let fail = Box::new(move |error| Error::system(operation, error).inside(&name));
        let socket = Socket::open_monitor(Protocol::ROUTE, handle.netns()).map_err(&fail)?;
        if socket.netns_cookie() != handle.netns_cookie() {
            return Err(handle.error(ErrorKind::NamespaceGone, operation));
        }
        socket.set_rcvbuf(RCVBUF).map_err(&fail)?;
        for group in groups {
            socket.add_membership(*group).map_err(&fail)?;
        }
        Ok(Self { socket, buf: RecvBuf::for_events(), fail })
    }

    /// Passes on what is queued, type and payload. The kernel queues an event before the request that caused it
    /// returns, so what happened during a dump is there when it ends. False when events were lost.
    fn drain(&mut self, each: &mut dyn FnMut(u16, &[u8])) -> Result<bool> {
        let mut whole = true;
        loop {
            match self.socket.recv(&mut self.buf) {
                Ok(received) if !received.is_from_kernel() => {}
                Ok(received) => {
                    whole &= !received.is_truncated();
                    for message in Messages::new(received.bytes()).map_while(Result::ok) {
                        each(message.header.message_type, message.payload);
                    }
                }
                Err(error) if error.is_would_block() => return Ok(whole),
                Err(error) if error.is_nobufs() => whole = false,
                Err(error) => return Err((self.fail)(error)),
            }
        }
    }
}
