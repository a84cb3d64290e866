//! What a fleet shares with its watches: of each namespace what there is to tell, and who has not read it yet.
//!
//! Of each namespace there is one log, its mirror's. A watch has a place in each of them, and a queue of the namespaces of
//! which it has something to read: it takes one notice of the first, which then goes to the end of the queue. So a storm in
//! one namespace delays another's notices by one notice, and a watch that is slow loses of the former alone.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use linx_sys::Wake;

use super::FleetStats;
use crate::error::Error;
use crate::mirror::{Doubt, Mirror, Notice, State};
use crate::namespaces::Namespace;

/// Moves that are remembered of a namespace until their notices are read.
const MOVES: usize = 4096;
/// Namespaces that ended before a watch was told that they began, beyond which it is not told of them.
const UNTOLD: usize = 1024;

/// Something about one of the namespaces of a [`Fleet`](super::Fleet).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetNotice {
    /// The namespace, as it is known when this is read.
    pub namespace: Arc<Namespace>,
    /// What is new.
    pub news: News,
    /// Of a link that came from, or went to, another namespace.
    pub(super) moved: Option<Arc<Move>>,
}

/// What is new about a namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum News {
    /// It is there. Its mirror's first notice, [`Synced`](Notice::Synced), comes when its state has been read.
    Added,
    /// It is called otherwise, or something else leads to it.
    Changed,
    /// It is gone, and with it everything in it: no other notices tell that.
    Removed {
        /// What was in it last; `None` where it was never entered.
        last: Option<State>,
    },
    /// It cannot be entered, or not any more; that is tried again, now and then.
    Refused(Error),
    /// A notice of its mirror. A second [`Synced`](Notice::Synced) tells that it was entered again: what is known of it is
    /// to be read anew.
    Mirror(Notice),
}

/// Where a link went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MovedTo {
    /// The id of the namespace, as the one that the link left knows it.
    pub nsid: Option<i32>,
    /// The link's index there.
    pub ifindex: Option<u32>,
    /// The namespace, where it is one of the fleet's.
    pub namespace: Option<Arc<Namespace>>,
}

/// Where a link came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MovedFrom {
    /// The namespace.
    pub namespace: Arc<Namespace>,
    /// The link's index there.
    pub ifindex: u32,
    /// Its name there, which may be any bytes.
    pub name: Box<[u8]>,
}

#[derive(Clone, Debug)]
pub(super) enum Move {
    To(MovedTo),
    From(MovedFrom, Departure),
}

/// The notice that a link left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// The member that it left.
    pub(super) member: u64,
    pub(super) revision: u64,
}

impl FleetNotice {
    /// Of a link that is gone because it was moved: where it went.
    #[must_use]
    pub fn moved_to(&self) -> Option<&MovedTo> {
        match self.moved.as_deref() {
            Some(Move::To(to)) => Some(to),
            _ => None,
        }
    }

    /// Of a link that was added because it was moved out of another namespace of the fleet: where it came from. `None` also
    /// where that is not known: of one that went to and fro before the fleet looked, the last way alone is.
    #[must_use]
    pub fn moved_from(&self) -> Option<&MovedFrom> {
        match self.moved.as_deref() {
            Some(Move::From(from, _)) => Some(from),
            _ => None,
        }
    }
}

/// A namespace of a fleet, for its watches.
pub(super) struct Member {
    /// Never used again, other than a name.
    pub(super) id: u64,
    told: Mutex<Told>,
}

/// What there is to tell of a namespace.
pub(super) struct Told {
    pub(super) namespace: Arc<Namespace>,
    /// How often it was called otherwise.
    pub(super) changes: u32,
    /// Why it could not be entered, and how often another reason was found.
    pub(super) refused: Option<Error>,
    pub(super) refusals: u32,
    pub(super) mirror: Option<Mirror>,
    /// How often it was entered.
    pub(super) entered: u32,
    pub(super) is_synced: bool,
    /// The place in its log up to which may be told.
    pub(super) until: u64,
    /// By revision.
    moves: VecDeque<(u64, Arc<Move>)>,
    pub(super) is_gone: bool,
    pub(super) last: Option<State>,
}

impl Member {
    pub(super) fn new(id: u64, namespace: Namespace) -> Self {
        let told = Told {
            namespace: Arc::new(namespace),
            changes: 0,
            refused: None,
            refusals: 0,
            mirror: None,
            entered: 0,
            is_synced: false,
            until: 0,
            moves: VecDeque::new(),
            is_gone: false,
            last: None,
        };
        Self { id, told: Mutex::new(told) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    pub(super) fn moved(&mut self, revision: u64, moved: Move) {
        if self.moves.len() == MOVES {
            self.moves.pop_front();
        }
        let at = self.moves.partition_point(|(other, _)| *other < revision);
        self.moves.insert(at, (revision, Arc::new(moved)));
    }

    pub(super) fn move_of(&self, revision: u64) -> Option<Arc<Move>> {
        let at = self.moves.binary_search_by_key(&revision, |(other, _)| *other).ok()?;
        self.moves.get(at).map(|(_, moved)| Arc::clone(moved))
    }

    /// It was entered, or left: the mirror is another.
    pub(super) fn enter(&mut self, mirror: Mirror) {
        self.mirror = Some(mirror);
        self.entered += 1;
        self.is_synced = false;
        self.until = 0;
        self.moves.clear();
        self.refused = None;
    }

    /// It could not be entered; whether that is new.
    pub(super) fn refuse(&mut self, error: Error) -> bool {
        let is_known = self.refused.as_ref().is_some_and(|known| known.to_string() == error.to_string());
        if !is_known {
            self.refused = Some(error);
            self.refusals += 1;
        }
        !is_known
    }
}

/// What a watch has to read.
#[derive(Default)]
pub(super) struct Reader {
    ready: VecDeque<Arc<Member>>,
    queued: HashSet<u64>,
    /// Of namespaces that were there when it began, how often they had been entered, the place in their log, and what was in
    /// doubt there.
    pub(super) places: HashMap<u64, (u32, u64, VecDeque<Doubt>)>,
    pub(super) bell: Option<Wake>,
    /// Those that it was told of.
    pub(super) begun: HashSet<u64>,
    /// Ended ones in the queue of which it was told nothing.
    untold: usize,
}

impl Reader {
    fn push(&mut self, member: &Arc<Member>) -> bool {
        let is_new = self.queued.insert(member.id);
        if is_new {
            self.ready.push_back(Arc::clone(member));
        }
        is_new
    }

    /// The next namespace of which there may be something to read.
    pub(super) fn pop(&mut self) -> Option<Arc<Member>> {
        let member = self.ready.pop_front()?;
        self.queued.remove(&member.id);
        Some(member)
    }

    /// Whether there may be something of it to read.
    pub(super) fn has(&self, id: u64) -> bool {
        self.queued.contains(&id)
    }

    /// There may be more of it.
    pub(super) fn again(&mut self, member: Arc<Member>) {
        if self.queued.insert(member.id) {
            self.ready.push_back(member);
        }
    }

    pub(super) fn told_of_an_end(&mut self) {
        self.untold = 0;
    }

    /// What began and ended while nobody read is told only up to a number of namespaces.
    fn ended(&mut self, member: &Member) {
        if self.begun.contains(&member.id) {
            return;
        }
        self.untold += 1;
        if self.untold > UNTOLD {
            self.untold = 0;
            let Self { ready, queued, begun, .. } = self;
            ready.retain(|member| {
                let stays = begun.contains(&member.id) || !member.lock().is_gone;
                if !stays {
                    queued.remove(&member.id);
                }
                stays
            });
        }
    }
}

/// What a fleet shares with those who look at it.
pub(super) struct FleetShared {
    guarded: Mutex<Guarded>,
    told: Condvar,
    pub(super) wake: Wake,
}

/// The same, locked. A member may be locked under it, and its mirror under that; never the other way round.
#[derive(Default)]
pub(super) struct Guarded {
    pub(super) members: BTreeMap<u64, Arc<Member>>,
    pub(super) by_cookie: HashMap<u64, u64>,
    pub(super) readers: BTreeMap<u64, Reader>,
    pub(super) next_reader: u64,
    pub(super) ended: Option<Error>,
    pub(super) is_left: bool,
    pub(super) trouble: Option<Error>,
    pub(super) stats: FleetStats,
}

impl FleetShared {
    pub(super) fn new(wake: Wake) -> Self {
        Self { guarded: Mutex::default(), told: Condvar::new(), wake }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Guarded> {
        // A panic elsewhere is a bug there; what is here is as it was before or after a whole step.
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<'a>(
        &self,
        guarded: MutexGuard<'a, Guarded>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Guarded> {
        match left {
            None => self.told.wait(guarded).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.told.wait_timeout(guarded, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// There is something to read of a namespace.
    pub(super) fn tell(&self, guarded: &mut Guarded, member: &Arc<Member>) {
        let mut is_news = false;
        for reader in guarded.readers.values_mut() {
            if reader.push(member) {
                is_news = true;
                reader.bell.iter().for_each(Wake::wake);
            }
        }
        if is_news {
            self.told.notify_all();
        }
    }

    /// A namespace came.
    pub(super) fn begin(&self, member: &Arc<Member>) {
        let mut guarded = self.lock();
        let cookie = member.lock().namespace.cookie;
        if let Some(cookie) = cookie {
            guarded.by_cookie.insert(cookie, member.id);
        }
        guarded.members.insert(member.id, Arc::clone(member));
        self.tell(&mut guarded, member);
    }

    /// A namespace is gone.
    pub(super) fn finish(&self, member: &Arc<Member>) {
        let mut guarded = self.lock();
        guarded.members.remove(&member.id);
        let cookie = {
            let mut told = member.lock();
            told.is_gone = true;
            told.until = u64::MAX;
            told.last = told.mirror.as_ref().filter(|_| told.is_synced).map(Mirror::snapshot);
            told.namespace.cookie
        };
        if let Some(cookie) = cookie.filter(|cookie| guarded.by_cookie.get(cookie) == Some(&member.id)) {
            guarded.by_cookie.remove(&cookie);
        }
        self.tell(&mut guarded, member);
        guarded.readers.values_mut().for_each(|reader| reader.ended(member));
    }

    /// It is over.
    pub(super) fn end(&self, error: Error) {
        let mut guarded = self.lock();
        guarded.ended.get_or_insert(error);
        for reader in guarded.readers.values() {
            reader.bell.iter().for_each(Wake::wake);
        }
        self.told.notify_all();
    }
}
