//! One namespace that is watched: its mirror, and what is known of it as of the lines printed so far.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use linx::mirror::{Builder, Driver, State, Watch};
use linx::names::KnownSets;
use linx::{Kind, Mirror, Notice, Operation, nft};

use crate::cmd::follow::{Ended, Followed};
use crate::cmd::state::is_refused;
use crate::error::Failure;
use crate::filter::Links;
use crate::object::Object;
use crate::place::Place;

/// Changes that a mirror may tell at once, in receive buffers; and bytes of them at least. What is more is told as what it
/// comes to.
const HELD: usize = 8;
const LEAST_HELD: usize = 1 << 20;

/// Lines of which others may follow that are remembered.
const TRIGGERS: usize = 4096;

/// A namespace that is watched.
pub(super) struct Source {
    pub(super) place: Place,
    /// Its links as of the lines printed so far, for filters.
    pub(super) links: Links,
    /// Its sets as of the lines printed so far: elements are written by them.
    pub(super) sets: KnownSets<'static>,
    /// nf_tables is mirrored.
    pub(super) has_nft: bool,
    driver: Driver,
    pub(super) mirror: Mirror,
    /// Once its state is complete.
    watch: Option<Watch>,
    /// The state when it was complete.
    pub(super) begun: Option<State>,
    /// The state up to which everything was read.
    last: Option<State>,
    /// It came after the beginning.
    pub(super) is_new: bool,
    /// The lines of revisions.
    lines: VecDeque<(u64, u64)>,
    /// Effective size of all its receive buffers, bytes.
    rcvbuf: usize,
    is_gone: bool,
}

/// What a mirror tells.
pub(super) enum Told {
    Notice(Notice),
    /// So much happened at once that it is not held change by change: the state before it, and now.
    Lagged(Box<(State, State)>),
}

/// What is to be mirrored, and how.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) kinds: Vec<Object>,
    /// nf_tables is asked for by name; `None`: where it may be had.
    pub(super) nft: Option<bool>,
    /// The one table of nf_tables that is asked for.
    pub(super) table: Option<(nft::Family, Vec<u8>)>,
    /// What changes without anybody's doing is told, too.
    pub(super) volatile: bool,
    /// Nobody else tells when the namespace is gone.
    pub(super) follow: bool,
}

impl Plan {
    /// Sockets that a mirror has.
    pub(super) fn sockets(&self) -> usize {
        let route = if self.kinds.iter().any(|kind| kind.kind().is_some()) { 3 } else { 0 };
        route + usize::from(self.kinds.contains(&Object::Nft))
    }

    fn builder(&self, place: &Place, rcvbuf: usize, nft: bool) -> Builder {
        let mut builder =
            Mirror::builder(&place.netns).volatile(self.volatile).rcvbuf(rcvbuf).follow(self.follow);
        for kind in &self.kinds {
            builder = match kind {
                Object::Link => builder.links(),
                Object::Address => builder.addresses(),
                Object::Route => builder.routes(),
                Object::Neigh => builder.neighbours(),
                Object::Rule => builder.rules(),
                Object::NextHop => builder.nexthops(),
                Object::Nft if nft => match &self.table {
                    Some((family, name)) => builder.nft_table(*family, name),
                    None => builder.nft(),
                },
                Object::NsId | Object::Nft => builder,
            };
        }
        builder
    }
}

impl Source {
    /// Begins to mirror. `rcvbuf` is what to ask for each socket, bytes. nf_tables is left out where it may not be had,
    /// unless it was asked for by name.
    pub(super) fn open(place: Place, plan: &Plan, rcvbuf: usize) -> Result<Self, Ended> {
        let mut has_nft = plan.kinds.contains(&Object::Nft);
        let driver = match plan.builder(&place, rcvbuf, has_nft).driver() {
            Err(error) if has_nft && plan.nft.is_none() && is_refused(&error) => {
                has_nft = false;
                plan.builder(&place, rcvbuf, has_nft).driver()?
            }
            driver => driver?,
        };
        // Held until they are read, right after.
        driver.hold(rcvbuf.saturating_mul(HELD).max(LEAST_HELD));
        let mirror = driver.mirror();
        // The kernel counts twice what is asked.
        let rcvbuf = rcvbuf.saturating_mul(2).saturating_mul(plan.sockets());
        Ok(Self {
            place,
            links: Links::default(),
            sets: KnownSets::new(),
            has_nft,
            driver,
            mirror,
            watch: None,
            begun: None,
            last: None,
            is_new: false,
            lines: VecDeque::new(),
            rcvbuf,
            is_gone: false,
        })
    }

    /// Reads what the kernel announced, and what has to be read again.
    ///
    /// # Errors
    /// [`Gone`](Ended::Gone) when the namespace does not exist any more: what it told before can be read still.
    pub(super) fn advance(&mut self) -> Result<(), Ended> {
        let outcome = self.driver.advance(Instant::now());
        if self.watch.is_none() && self.mirror.is_synced() {
            self.watch = Some(self.mirror.watch());
        }
        Ok(outcome?)
    }

    /// The next notice.
    pub(super) fn next(&mut self) -> Option<Told> {
        let notice = self.watch.as_mut()?.try_next().ok()??;
        match &notice {
            Notice::Synced(_) => {
                let state = self.state();
                self.learn(&state);
                (self.begun, self.last) = (Some(state.clone()), Some(state));
            }
            Notice::Lagged => {
                let now = self.state();
                let before = self.last.replace(now.clone())?;
                return Some(Told::Lagged(Box::new((before, now))));
            }
            _ => {}
        }
        Some(Told::Notice(notice))
    }

    /// Everything was read up to here.
    pub(super) fn rest(&mut self) {
        let is_behind = |last: &State| last.revision() != self.mirror.snapshot().revision();
        if self.last.as_ref().is_some_and(is_behind) {
            self.last = Some(self.state());
        }
        self.driver.forget(LEAST_HELD);
    }

    /// Whether its state is not complete.
    pub(super) fn is_incomplete(&self) -> bool {
        self.begun.is_none()
    }

    /// The state right after the notice that was read last.
    pub(super) fn state(&self) -> State {
        self.watch.as_ref().map_or_else(|| self.mirror.snapshot(), Watch::state)
    }

    /// Forgets links and sets, and knows those of a state.
    pub(super) fn learn(&mut self, state: &State) {
        self.links = Links::default();
        state.links().iter().for_each(|link| self.links.insert(&link));
        self.sets = sets_of(state);
    }

    /// Remembers the line of a revision.
    pub(super) fn printed(&mut self, revision: u64, line: u64) {
        if self.lines.len() == TRIGGERS {
            self.lines.pop_front();
        }
        self.lines.push_back((revision, line));
    }

    /// The line of a revision.
    pub(super) fn line_of(&self, revision: u64) -> Option<u64> {
        self.lines.iter().rev().find(|(known, _)| *known == revision).map(|(_, line)| *line)
    }
}

/// How many objects of each kind a state has, those that there are.
pub(super) fn counts(state: &State) -> Vec<(&'static str, u64)> {
    let all = [
        (Kind::Link, state.links().len()),
        (Kind::Address, state.addresses().len()),
        (Kind::Route, state.routes().len()),
        (Kind::Rule, state.rules().len()),
        (Kind::NextHop, state.nexthops().len()),
        (Kind::Neighbour, state.neighbours().len()),
    ];
    let nft = state.nft().map_or(0, linx::mirror::nft::State::len);
    let mirrored = all.into_iter().filter(|(kind, count)| *count > 0 && state.kinds().contains(kind));
    let nft = (nft > 0).then_some((NFT, nft as u64));
    mirrored.map(|(kind, count)| (linx::words::kind(kind), count as u64)).chain(nft).collect()
}

/// What all that nf_tables has is counted as.
const NFT: &str = "nft";

/// The sets of a state, which say how their elements are written.
pub(super) fn sets_of(state: &State) -> KnownSets<'static> {
    let mut sets = KnownSets::new();
    let all = state.nft().into_iter().flat_map(linx::mirror::nft::State::sets);
    all.for_each(|set| sets.note(Operation::New, set.set().into()));
    sets
}

impl Followed for Source {
    fn place(&self) -> &Place {
        &self.place
    }

    fn rcvbuf(&self) -> usize {
        self.rcvbuf
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_gone { None } else { self.driver.deadline() }
    }

    fn set_gone(&mut self) -> bool {
        !std::mem::replace(&mut self.is_gone, true)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.driver.as_fd()
    }
}

/// A receive buffer as the kernel grants it, bytes: what it makes of `asked`.
pub(super) fn granted(place: &Place, asked: usize) -> Result<usize, Failure> {
    let socket = linx::Socket::open(linx::Protocol::ROUTE, &place.netns)?;
    Ok(socket.set_rcvbuf(asked)?)
}
