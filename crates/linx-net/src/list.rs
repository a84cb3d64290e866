//! Lists: what the kernel has now, of one kind.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use linx_sys::Group;
use linx_wire::Decode;
use linx_wire::emit::Request;

use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Answer, Handle};
use crate::key::Key;
use crate::oversize::{Part, Seen, Take};
use crate::request::Expect;
use crate::settle;

/// Times that a torn list is read again.
const RETRIES: u32 = 10;
/// Pause before the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(1);

/// A kind of objects that the kernel lists.
pub trait Listed: Decode {
    /// Which of them.
    type Filter: Clone + fmt::Debug + Default + Send + Sync + 'static;
    /// The operation's name in errors.
    const OPERATION: &'static str;
    /// The groups that announce additions and deletions which a dump of them does not flag as tearing it
    /// (KERNEL.md 3.5); none where the kernel flags them, or where they do no harm.
    const WATCH: &'static [Group] = &[];

    /// The request of the dump.
    fn request(filter: &Self::Filter) -> Request;

    /// Whether an object is one of those wanted: the kernel ignores some filters.
    fn matches(filter: &Self::Filter, object: Self::Ref<'_>) -> bool;

    /// What identifies an object.
    fn key(object: Self::Ref<'_>) -> Key;

    /// Looks at a message before it is decoded.
    #[doc(hidden)]
    fn take(_filter: &Self::Filter, _payload: &[u8], _part: Option<&Part>) -> Take {
        Take::Yes
    }

    /// Remembers how far a dump came, to go on after an object that is too large for it.
    #[doc(hidden)]
    fn note(_seen: &mut Seen, _object: &Self::Ref<'_>) {}

    /// What to ask after an object was too large.
    #[doc(hidden)]
    fn rest(_handle: &Handle, _filter: &Self::Filter, _seen: &Seen) -> Vec<Part> {
        Vec::new()
    }
}

/// A list that has been asked for: read it by [`all`](Self::all), [`stream`](Self::stream) or
/// [`for_each`](Self::for_each).
#[derive(Clone)]
#[must_use = "a list is read by all(), stream() or for_each()"]
pub struct List<T: Listed> {
    handle: Handle,
    filter: T::Filter,
}

impl<T: Listed> List<T> {
    pub(crate) fn new(handle: &Handle, filter: T::Filter) -> Self {
        Self { handle: handle.clone(), filter }
    }

    /// The whole list, as of one moment as far as the kernel can tell: a torn one is read again, at most ten times.
    /// Neighbours and rules, of which the kernel does not say that they are torn, are read again (at most five times)
    /// when one was added or deleted meanwhile; if it never becomes quiet, the readings and the events are joined and
    /// the listing is [marked](Listing::is_settled).
    ///
    /// # Errors
    /// `Torn` when objects changed during every attempt, `Oversize` when the kernel leaves some out, `Kernel`,
    /// `Timeout`, `NamespaceGone`, `Io`, `Decode`.
    pub fn all(self) -> Result<Listing<T>> {
        if !T::WATCH.is_empty() {
            return settle::all(&self);
        }
        Ok(Listing { objects: self.whole(T::owned)?, settled: true })
    }

    /// One reading that is not torn.
    pub(crate) fn whole<R>(&self, mut make: impl FnMut(T::Ref<'_>) -> R) -> Result<Vec<R>> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            match self.once(&mut make) {
                Err(error) if error.kind == ErrorKind::Torn && tries < RETRIES => {
                    tries += 1;
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    fn once<R>(&self, make: &mut impl FnMut(T::Ref<'_>) -> R) -> Result<Vec<R>> {
        let mut dump = Dump::new(self.clone());
        std::iter::from_fn(|| dump.next_with(make)).collect()
    }

    /// The objects one by one, as they are read. Nothing is read twice, so all of them are provisional until the end:
    /// a torn list ends with `Err(Torn)`, one that the kernel cut short with `Err(Oversize)`.
    ///
    /// ```
    /// use linx::{Handle, RouteView};
    ///
    /// for route in Handle::host()?.routes().stream() {
    ///     let route = route?;
    ///     println!("{:?} in table {}", route.destination(), route.table());
    /// }
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn stream(self) -> Stream<T> {
        Stream { dump: Dump::new(self) }
    }

    /// Passes each object to `each` in its borrowed form, without an allocation. Provisional until it returns, as
    /// [`stream`](Self::stream).
    ///
    /// # Errors
    /// As [`all`](Self::all); nothing is read twice.
    ///
    /// ```
    /// use linx::{Handle, RouteView};
    ///
    /// let mut defaults = 0;
    /// Handle::host()?.routes().for_each(|route| defaults += usize::from(route.is_default()))?;
    /// println!("{defaults} default routes");
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn for_each(self, mut each: impl FnMut(T::Ref<'_>)) -> Result<()> {
        let mut dump = Dump::new(self);
        while let Some(next) = dump.next_with(&mut each) {
            next?;
        }
        Ok(())
    }

    /// [`all`](Self::all) on tokio's blocking pool: the kernel builds a list inside `recv(2)` (feature `tokio`).
    ///
    /// # Errors
    /// As [`all`](Self::all); `Io` when the runtime shuts down.
    ///
    /// # Panics
    /// Outside a runtime.
    #[cfg(feature = "tokio")]
    pub async fn all_async(self) -> Result<Listing<T>> {
        let cancelled = self.handle.error(ErrorKind::Io, T::OPERATION);
        match tokio::task::spawn_blocking(move || self.all()).await {
            Ok(listing) => listing,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(cancelled),
        }
    }

    /// As [`for_each`](Self::for_each), with the message's payload.
    pub(crate) fn for_each_payload(self, mut each: impl FnMut(T::Ref<'_>, &[u8])) -> Result<()> {
        let mut dump = Dump::new(self);
        while let Some(next) = dump.next_message(&mut each) {
            next?;
        }
        Ok(())
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn filter(&self) -> &T::Filter {
        &self.filter
    }
}

impl<T: Listed> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("kind", &T::KIND)
            .field("netns", &self.handle.netns_name())
            .field("filter", &self.filter)
            .finish()
    }
}

/// A whole list: a vector that also knows whether it is certain.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    pub(crate) objects: Vec<T>,
    pub(crate) settled: bool,
}

impl<T> Listing<T> {
    /// False: objects of this kind came or went during each of five readings, and the list is those readings joined with
    /// the events in between. Objects that did not change are all there; the order is not the kernel's.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The objects alone.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.objects
    }
}

impl<T> std::ops::Deref for Listing<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.objects
    }
}

impl<T> IntoIterator for Listing<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.objects.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Listing<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.objects.iter()
    }
}

/// Iterator over the objects of a list as they are read. Dropping it early is fine: its socket is closed.
pub struct Stream<T: Listed> {
    dump: Dump<T>,
}

impl<T: Listed> Iterator for Stream<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.dump.next_with(&mut |object| T::owned(object))
    }
}

impl<T: Listed> std::iter::FusedIterator for Stream<T> {}

impl<T: Listed> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.dump.list).finish()
    }
}

/// A list being read: one dump, and others where an object was too large for it.
struct Dump<T: Listed> {
    list: List<T>,
    answer: Option<Answer>,
    part: Option<Part>,
    parts: VecDeque<Part>,
    begun: bool,
    seen: Seen,
    /// Objects left out so far, at least.
    oversize: bool,
    ended: bool,
}

/// Whether a dump ended at an object that is too large for it.
fn is_oversize(error: &Error) -> bool {
    const EMSGSIZE: i32 = 90;
    matches!(error.kind, ErrorKind::Oversize { .. }) || error.errno() == Some(EMSGSIZE)
}

impl<T: Listed> Dump<T> {
    fn new(list: List<T>) -> Self {
        Self {
            list,
            answer: None,
            part: None,
            parts: VecDeque::new(),
            begun: false,
            seen: Seen::default(),
            oversize: false,
            ended: false,
        }
    }

    /// The next object that is wanted, as `f` makes it.
    fn next_with<R>(&mut self, f: &mut impl FnMut(T::Ref<'_>) -> R) -> Option<Result<R>> {
        self.next_message(&mut |object, _: &[u8]| f(object))
    }

    /// The same, with the message's payload.
    fn next_message<R>(&mut self, f: &mut impl FnMut(T::Ref<'_>, &[u8]) -> R) -> Option<Result<R>> {
        while !self.ended {
            let Some(answer) = &mut self.answer else {
                match self.next_part() {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(error) => return Some(Err(self.fail(error))),
                }
            };
            let message = match answer.next() {
                None => {
                    self.answer = None;
                    continue;
                }
                Some(Err(error)) if is_oversize(&error) => {
                    self.answer = None;
                    self.too_large();
                    continue;
                }
                Some(Err(error)) => return Some(Err(self.fail(error))),
                Some(Ok(message)) => message,
            };
            if message.header.message_type != T::NEW {
                continue;
            }
            match T::take(&self.list.filter, message.payload, self.part.as_ref()) {
                Take::Yes => {}
                Take::No => continue,
                Take::Stop => {
                    if let Some(answer) = self.answer.take() {
                        let is_torn = answer.is_torn();
                        answer.read_out();
                        if is_torn {
                            let error = self.list.handle.error(ErrorKind::Torn, T::OPERATION);
                            return Some(Err(self.fail(error)));
                        }
                    }
                    continue;
                }
            }
            let object = match T::decode_ref(message.payload) {
                Ok(object) => object,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.list.handle.error(ErrorKind::Decode(error), T::OPERATION)));
                }
            };
            T::note(&mut self.seen, &object);
            if T::matches(&self.list.filter, object) {
                return Some(Ok(f(object, message.payload)));
            }
        }
        None
    }

    /// Asks the next question; false when there is none.
    fn next_part(&mut self) -> Result<bool> {
        let request = if !std::mem::replace(&mut self.begun, true) {
            T::request(&self.list.filter)
        } else if let Some(part) = self.parts.pop_front() {
            let request = part.request();
            self.part = Some(part);
            request
        } else {
            self.ended = true;
            if !self.oversize {
                return Ok(false);
            }
            let missing = self.seen.missing(&self.list.handle);
            return Err(self.list.handle.error(ErrorKind::Oversize { missing }, T::OPERATION));
        };
        self.answer = Some(self.list.handle.ask(request, Expect::Dump, T::OPERATION)?);
        Ok(true)
    }

    /// The kernel stopped at an object that does not fit into 32 KiB: what comes after it is asked for otherwise.
    fn too_large(&mut self) {
        if !std::mem::replace(&mut self.oversize, true) {
            self.parts = T::rest(&self.list.handle, &self.list.filter, &self.seen).into();
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.ended = true;
        self.answer = None;
        error
    }
}
