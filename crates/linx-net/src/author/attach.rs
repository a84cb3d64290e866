//! Events waiting for their authors, in their order.
//!
//! A queue without a thread: what is pushed comes out in the same order, each with its author as soon as that is
//! known, at the latest after [`Attach::PATIENCE`]. Questions go to the thread of [`Authors`].

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use linx_sys::{Netns, Wake};

use super::memo::UNCHECKED_NESTED;
use super::{Author, Authors};

/// A question: who has this port id?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The namespace that the event came from.
    pub netns: &'a Netns,
    /// Its identity ([`linx_sys::Netns::cookie`]).
    pub cookie: u64,
    /// The event's port id (`nlmsg_pid`).
    pub portid: u32,
    /// When the event was received ([`linx_sys::boottime`]).
    pub seen: Duration,
}

/// A question on its way to the thread that answers it.
pub(super) struct Job {
    pub(super) whom: Whom,
    pub(super) seen: Duration,
    ticket: Arc<Ticket>,
}

/// Who is asked for.
pub(super) enum Whom {
    /// The owner of a port id.
    Socket { netns: Netns, cookie: u64, portid: u32 },
    /// A task that the kernel named.
    Task(Arc<Author>),
}

/// The same question is asked once.
#[derive(PartialEq, Eq, Hash)]
enum Asked {
    Socket(u64, u32),
    Task(Arc<Author>),
}

impl Job {
    pub(super) fn answer(self, author: Arc<Author>) {
        // Only this thread ever answers this ticket.
        let _ = self.ticket.answer.set(author);
        self.ticket.wake.wake();
    }
}

struct Ticket {
    answer: OnceLock<Arc<Author>>,
    wake: Wake,
}

enum State {
    Settled(Option<Arc<Author>>),
    Waiting { ticket: Arc<Ticket>, fallback: Fallback, until: Instant },
}

/// What is known without an answer.
enum Fallback {
    Portid(u32),
    Process(Arc<Author>),
}

impl Fallback {
    fn author(&self) -> Arc<Author> {
        match self {
            Self::Portid(portid) => Arc::new(Author::of_portid(*portid)),
            Self::Process(process) => Arc::clone(process),
        }
    }
}

/// Gives things, in the order they came, the author of each. See the [module](super) for what an author is.
///
/// ```
/// use linx::author::{Attach, Authors, Question};
/// use std::time::Instant;
///
/// let netns = linx_sys::Netns::host()?;
/// let mut events = Attach::new(Authors::start()?)?;
/// let question = Question { netns: &netns, cookie: netns.cookie()?, portid: 0, seen: linx_sys::boottime() };
/// events.push("a route came", Some(question), Instant::now());
/// events.push("a link came", None, Instant::now());
/// let (event, author) = events.pop(Instant::now()).expect("the kernel's acts are known at once");
/// assert_eq!(event, "a route came");
/// assert!(author.is_some_and(|author| author.is(0)));
/// assert_eq!(events.pop(Instant::now()), Some(("a link came", None)));
/// # Ok::<(), linx_sys::Error>(())
/// ```
pub struct Attach<T> {
    authors: Authors,
    queue: VecDeque<(T, State)>,
    /// Questions that are not answered yet, and when what they are about was seen: the same one is asked once.
    open: HashMap<Asked, (Arc<Ticket>, Duration)>,
    wake: Wake,
}

impl<T> Attach<T> {
    /// The longest that a thing waits for its author.
    pub const PATIENCE: Duration = Duration::from_millis(500);
    /// The most things that wait; beyond, the first comes out with its port id alone.
    pub const CAPACITY: usize = 65_536;

    /// An empty queue.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new(authors: Authors) -> Result<Self, linx_sys::Error> {
        Ok(Self { authors, queue: VecDeque::new(), open: HashMap::new(), wake: Wake::new()? })
    }

    /// Who answers.
    #[must_use]
    pub fn authors(&self) -> &Authors {
        &self.authors
    }

    /// Appends `item`; without a question (a link, a mark in the stream) it has no author.
    pub fn push(&mut self, item: T, question: Option<Question<'_>>, now: Instant) {
        let state = match question {
            None => State::Settled(None),
            Some(Question { netns, cookie, portid, seen }) => {
                match self.authors.known(cookie, portid, seen) {
                    Some(author) => State::Settled(Some(author)),
                    None => {
                        let whom = || Whom::Socket { netns: netns.clone(), cookie, portid };
                        let asked = Asked::Socket(cookie, portid);
                        self.ask(asked, whom, Fallback::Portid(portid), seen, now)
                    }
                }
            }
        };
        self.queue.push_back((item, state));
    }

    /// Appends `item`, whose author is `process` as far as the kernel named it: a transaction of nf_tables and its
    /// [process](crate::nft::Transaction::process), received at `seen` ([`linx_sys::boottime`]).
    pub fn push_task(&mut self, item: T, process: &Arc<Author>, seen: Duration, now: Instant) {
        let state = match self.authors.known_task(process, seen) {
            Some(author) => State::Settled(Some(author)),
            None => {
                let whom = || Whom::Task(Arc::clone(process));
                let asked = Asked::Task(Arc::clone(process));
                self.ask(asked, whom, Fallback::Process(Arc::clone(process)), seen, now)
            }
        };
        self.queue.push_back((item, state));
    }

    fn ask(
        &mut self,
        asked: Asked,
        whom: impl FnOnce() -> Whom,
        fallback: Fallback,
        seen: Duration,
        now: Instant,
    ) -> State {
        let until = now + Self::PATIENCE;
        // A port id may be another's a moment later.
        let is_same = |at: Duration| matches!(asked, Asked::Task(_)) || seen <= at + UNCHECKED_NESTED;
        let open = self.open.get(&asked).filter(|(ticket, at)| ticket.answer.get().is_none() && is_same(*at));
        if let Some((ticket, _)) = open {
            return State::Waiting { ticket: Arc::clone(ticket), fallback, until };
        }
        let ticket = Arc::new(Ticket { answer: OnceLock::new(), wake: self.wake.clone() });
        match self.authors.ask(Job { whom: whom(), seen, ticket: Arc::clone(&ticket) }) {
            Ok(()) => {
                self.open.insert(asked, (Arc::clone(&ticket), seen));
                State::Waiting { ticket, fallback, until }
            }
            Err(_) => State::Settled(Some(fallback.author())),
        }
    }

    /// The first thing and its author, if that is settled: answered, out of patience, or over capacity. `now` far
    /// in the future takes what there is.
    pub fn pop(&mut self, now: Instant) -> Option<(T, Option<Arc<Author>>)> {
        let (_, state) = self.queue.front()?;
        let author = match state {
            State::Settled(author) => author.clone(),
            State::Waiting { ticket, fallback, until } => match ticket.answer.get() {
                Some(author) => Some(Arc::clone(author)),
                None if now >= *until || self.queue.len() > Self::CAPACITY => Some(fallback.author()),
                None => {
                    // Silenced first and looked at again after: an answer in between rings again.
                    self.wake.clear();
                    Some(Arc::clone(ticket.answer.get()?))
                }
            },
        };
        let (item, _) = self.queue.pop_front()?;
        if self.queue.is_empty() {
            self.wake.clear();
            self.open.clear();
        } else if self.open.len() > self.queue.len() {
            self.open.retain(|_, (ticket, _)| ticket.answer.get().is_none());
        }
        Some((item, author))
    }

    /// When [`pop`](Self::pop) gives the first thing without an answer.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.queue.front()? {
            (_, State::Waiting { until, .. }) => Some(*until),
            (_, State::Settled(_)) => None,
        }
    }

    /// Whether [`pop`](Self::pop) would give something now.
    #[must_use]
    pub fn is_ready(&self, now: Instant) -> bool {
        match self.queue.front() {
            None => false,
            Some((_, State::Settled(_))) => true,
            Some((_, State::Waiting { ticket, until, .. })) => {
                ticket.answer.get().is_some() || now >= *until || self.queue.len() > Self::CAPACITY
            }
        }
    }

    /// The things that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Readable when an answer has come. It is not readable for what is settled from the start: call
/// [`Attach::pop`] until it gives nothing before waiting.
impl<T> AsFd for Attach<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl<T> fmt::Debug for Attach<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attach").field("len", &self.queue.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_patience_ends() {
        let netns = Netns::host().unwrap();
        let cookie = netns.cookie().unwrap();
        let mut queue = Attach::new(Authors::without_cache().unwrap()).unwrap();
        let now = Instant::now();
        let ask = |portid| Some(Question { netns: &netns, cookie, portid, seen: linx_sys::boottime() });
        // A port id that nobody has, the kernel's, and none.
        queue.push(1, ask(0xffff_fff0), now);
        queue.push(2, ask(0), now);
        queue.push(3, None, now);
        assert_eq!(queue.len(), 3);
        let deadline = queue.deadline();
        assert!(deadline.is_none_or(|at| at > now));
        let mut got = Vec::new();
        while got.len() < 3 {
            if let Some((item, author)) = queue.pop(Instant::now()) {
                got.push((item, author.map(|a| a.portid.unwrap())));
            } else {
                linx_sys::wait_readable(queue.as_fd(), Some(Duration::from_millis(20))).unwrap();
            }
        }
        assert_eq!(got, [(1, Some(0xffff_fff0)), (2, Some(0)), (3, None)]);
        assert!(queue.is_empty() && queue.deadline().is_none());
        // Out of patience at once.
        queue.push(4, ask(0xffff_fff1), now);
        let (item, author) = queue.pop(now + Attach::<u8>::PATIENCE).unwrap();
        assert_eq!((item, author.unwrap().portid), (4, Some(0xffff_fff1)));
    }

    /// A pid of a container that ended may be the next one's.
    #[test]
    fn what_is_seen_later_is_asked_for_anew() {
        let netns = Netns::host().unwrap();
        let cookie = netns.cookie().unwrap();
        // Who is stopped meanwhile finds them answered, and tries again.
        let waits = (0..20).find_map(|round| ask_for_what_is_seen_later(&netns, cookie, round));
        let [first, second, third] = waits.expect("a round in which none was answered at once");
        assert!(first == second && third != first);
    }

    /// The tickets of two questions that are one, and of the third, if each still waits.
    fn ask_for_what_is_seen_later(netns: &Netns, cookie: u64, round: u32) -> Option<[*const Ticket; 3]> {
        let mut queue = Attach::new(Authors::without_cache().unwrap()).unwrap();
        let now = linx_sys::boottime();
        // Others first, so that the answer takes a while.
        let others = (0..200).map(|number| (number + 10, number, 0));
        for (number, portid, later) in others.chain([(1, 999, 0), (2, 999, 0), (3, 999, 100)]) {
            let seen = now + Duration::from_millis(later);
            let portid = 0xffff_0000 + round * 2_000 + portid;
            queue.push(number, Some(Question { netns, cookie, portid, seen }), Instant::now());
        }
        let tickets: Vec<_> = queue
            .queue
            .iter()
            .filter_map(|(number, state)| match state {
                State::Waiting { ticket, .. } => Some((*number, Arc::as_ptr(ticket))),
                State::Settled(_) => None,
            })
            .collect();
        let of = |number| tickets.iter().find(|t| t.0 == number).map(|t| t.1);
        Some([of(1)?, of(2)?, of(3)?])
    }

    #[test]
    fn one_who_is_asked_for_often_is_asked_for_once() {
        let netns = Netns::host().unwrap();
        let cookie = netns.cookie().unwrap();
        let socket = linx_sys::Socket::open(linx_sys::Protocol::ROUTE, &netns).unwrap();
        let mut queue = Attach::new(Authors::without_cache().unwrap()).unwrap();
        for number in 0..10_000 {
            let seen = linx_sys::boottime();
            let question = Question { netns: &netns, cookie, portid: socket.portid(), seen };
            queue.push(number, Some(question), Instant::now() + Duration::from_secs(60));
        }
        let mut next = 0;
        while next < 10_000 {
            match queue.pop(Instant::now()) {
                Some((number, author)) => {
                    assert_eq!((number, author.unwrap().pid), (next, Some(std::process::id())));
                    next += 1;
                }
                None => {
                    linx_sys::wait_readable(queue.as_fd(), Some(Duration::from_secs(1))).unwrap();
                }
            }
        }
        assert!(queue.open.is_empty());
    }
}
