//! The monitor of rtnetlink: links, addresses, routes, neighbours, rules, next hops, namespace ids.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use linx_sys::{Group, Protocol};
use linx_wire::header::Message;
use linx_wire::route::{Object, ObjectRef, Operation};
use linx_wire::{DecodeError, Kind};

use super::core::Pull;
use super::{Decoder, Origin, Sink};
use crate::error::Result;

/// The groups of a kind of objects.
#[must_use]
pub fn groups_of(kind: Kind) -> &'static [Group] {
    match kind {
        Kind::Link => &[Group::LINK],
        Kind::Address => &[Group::IPV4_IFADDR, Group::IPV6_IFADDR],
        Kind::Route => &[Group::IPV4_ROUTE, Group::IPV6_ROUTE],
        Kind::Neighbour => &[Group::NEIGH],
        Kind::Rule => &[Group::IPV4_RULE, Group::IPV6_RULE],
        Kind::NextHop => &[Group::NEXTHOP],
        Kind::NsId => &[Group::NSID],
        _ => &[],
    }
}

/// Links, addresses, routes, neighbours, rules, next hops and namespace ids.
pub const DEFAULT_GROUPS: [Group; 10] = [
    Group::LINK,
    Group::NEIGH,
    Group::IPV4_IFADDR,
    Group::IPV6_IFADDR,
    Group::IPV4_ROUTE,
    Group::IPV6_ROUTE,
    Group::IPV4_RULE,
    Group::IPV6_RULE,
    Group::NEXTHOP,
    Group::NSID,
];

/// The monitor of rtnetlink.
///
/// ```no_run
/// use linx::route::{Monitor, Notice};
///
/// let mut monitor = Monitor::builder().subscribe()?;
/// for notice in monitor.notices() {
///     match notice? {
///         Notice::Event(event) => println!("{:?} {:?}", event.op, event.object),
///         Notice::ResyncNeeded(loss) => println!("list again: {}", loss.reason),
///         _ => {}
///     }
/// }
/// # Ok::<(), linx::Error>(())
/// ```
pub type Monitor = super::Monitor<Objects>;

/// What the monitor of rtnetlink tells.
pub type Notice = super::Notice<Event>;

/// What the builder of it is.
pub type Builder = super::Builder<Objects>;

/// Something that happened to an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What the kernel said of the object.
    pub op: Operation,
    /// The object: the same type that lists return.
    pub object: Object,
    /// Port id of the socket whose request caused it, 0 for the kernel's own act. Link messages have none.
    pub portid: u32,
    /// Identity of the namespace (SO_NETNS_COOKIE).
    pub netns: u64,
    /// The namespace's id, of a monitor of [several](super::Builder::all_nsids); `None` is the monitored one.
    pub nsid: Option<i32>,
    /// When it was received (CLOCK_REALTIME).
    pub time: SystemTime,
}

/// Something that happened to an object, borrowed from the datagram that told it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventRef<'a> {
    /// What the kernel said of the object.
    pub op: Operation,
    /// The object.
    pub object: ObjectRef<'a>,
    /// As [`Event::portid`].
    pub portid: u32,
    /// As [`Event::netns`].
    pub netns: u64,
    /// As [`Event::nsid`].
    pub nsid: Option<i32>,
    /// As [`Event::time`].
    pub time: SystemTime,
}

impl<'a> EventRef<'a> {
    /// The event that a message is; `None` where it is not about an object.
    #[inline]
    fn decode(message: &Message<'a>, origin: Origin) -> Result<Option<Self>, DecodeError> {
        let header = message.header;
        let Some((op, object)) = ObjectRef::decode(header.message_type, message.payload)? else {
            return Ok(None);
        };
        let Origin { netns, nsid, time } = origin;
        Ok(Some(Self { op, object, portid: header.portid, netns, nsid, time }))
    }

    /// The owned form.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn to_owned(self) -> Event {
        let Self { op, object, portid, netns, nsid, time } = self;
        Event { op, object: object.to_owned(), portid, netns, nsid, time }
    }
}

/// What [`Monitor::for_each_ref`] passes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoticeRef<'a> {
    /// An event, borrowed.
    Event(EventRef<'a>),
    /// Anything else, and events that were queued already.
    Notice(Notice),
}

/// The decoder of rtnetlink's messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Objects;

impl Decoder for Objects {
    type Event = Event;
    type Transaction = Infallible;
    const PROTOCOL: Protocol = Protocol::ROUTE;

    #[inline]
    fn message(
        &mut self,
        message: &Message<'_>,
        origin: Origin,
        sink: &mut Sink<'_, Self>,
    ) -> Result<(), DecodeError> {
        let (header, Origin { netns, nsid, time }) = (message.header, origin);
        match Object::decode(header.message_type, message.payload)? {
            Some((op, object)) => {
                sink.event(Event { op, object, portid: header.portid, netns, nsid, time });
            }
            None => sink.unknown(message, origin),
        }
        Ok(())
    }
}

impl Monitor {
    /// A monitor to be, of [the default groups](DEFAULT_GROUPS).
    pub fn builder() -> Builder {
        Builder::new(Objects, &DEFAULT_GROUPS)
    }

    /// Passes events to `each` as they come, without an allocation, until it breaks; or until nothing more has come
    /// for `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// ```
    /// use linx::route::Monitor;
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    ///
    /// let mut monitor = Monitor::builder().subscribe()?;
    /// let mut count = 0;
    /// monitor.for_each_ref(Some(Duration::from_millis(1)), |_| {
    ///     count += 1;
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn for_each_ref(
        &mut self,
        timeout: Option<Duration>,
        mut each: impl FnMut(NoticeRef<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut end = None;
        loop {
            self.check()?;
            let pulled = self.pull()?;
            while let Some(notice) = self.pop() {
                if each(NoticeRef::Notice(notice)).is_break() {
                    if let Pull::Datagram(length, nsid) = pulled {
                        self.decode(length, nsid, 0);
                    }
                    self.ring();
                    return Ok(());
                }
            }
            match pulled {
                Pull::Datagram(length, nsid) => {
                    end = None;
                    let flow = self.borrowed(length, nsid, |message, origin| {
                        EventRef::decode(message, origin)
                            .ok()
                            .flatten()
                            .map(|event| each(NoticeRef::Event(event)))
                    });
                    if flow.is_break() {
                        self.ring();
                        return Ok(());
                    }
                }
                Pull::Queued => {}
                Pull::Empty => {
                    if !self.wait(timeout, &mut end)? {
                        self.ring();
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Builder {
    /// The kinds of objects, instead of the default groups.
    pub fn kinds(self, kinds: &[Kind]) -> Self {
        let groups: Vec<Group> = kinds.iter().flat_map(|kind| groups_of(*kind)).copied().collect();
        self.groups(&groups)
    }
}
