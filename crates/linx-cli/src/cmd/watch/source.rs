//! One namespace that is watched: its mirror, and what is known of it as of the lines printed so far.

use std::collections::VecDeque;

use linx::mirror::{Builder, FleetWatch, State};
use linx::names::KnownSets;
use linx::{Kind, Mirror, Notice, Operation, nft};

use crate::error::Failure;
use crate::filter::Links;
use crate::object::Object;
use crate::place::Place;

/// Lines of which others may follow that are remembered.
const TRIGGERS: usize = 4096;

/// A namespace that is watched.
pub(super) struct Source {
    pub(super) place: Place,
    /// Its links as of the lines printed so far, for filters.
    pub(super) links: Links,
    /// Its sets as of the lines printed so far: elements are written by them.
    pub(super) sets: KnownSets<'static>,
    /// Once its state is complete.
    pub(super) mirror: Option<Mirror>,
    /// The state when it was complete.
    pub(super) begun: Option<State>,
    /// The state up to which everything was read.
    pub(super) last: Option<State>,
    /// It came after the beginning.
    pub(super) is_new: bool,
    /// The lines of revisions.
    lines: VecDeque<(u64, u64)>,
}

/// What a mirror tells.
pub(super) enum Told {
    Notice(Notice),
    /// So much happened at once that it is not held change by change: the state before it, and now.
    Lagged(Box<(State, State)>),
}

/// What is to be mirrored, and how.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) kinds: Vec<Object>,
    /// nf_tables is asked for by name.
    pub(super) is_nft_named: bool,
    /// The one table of nf_tables that is asked for.
    pub(super) table: Option<(nft::Family, Vec<u8>)>,
    /// What changes without anybody's doing is told, too.
    pub(super) volatile: bool,
    /// Size of the receive buffers to ask for, bytes.
    pub(super) rcvbuf: usize,
    /// Namespaces come and go: how sockets are opened for requests stays possible.
    pub(super) is_open: bool,
}

impl Plan {
    /// What a mirror is to hold. nf_tables is left out where it may not be had, unless it is asked for by name.
    pub(super) fn of(&self, builder: Builder) -> Builder {
        let mut builder = builder.volatile(self.volatile).rcvbuf(self.rcvbuf).keep_sockets(!self.is_open);
        for kind in &self.kinds {
            builder = match kind {
                Object::Link => builder.links(),
                Object::Address => builder.addresses(),
                Object::Route => builder.routes(),
                Object::Neigh => builder.neighbours(),
                Object::Rule => builder.rules(),
                Object::NextHop => builder.nexthops(),
                Object::Nft => match &self.table {
                    Some((family, name)) => builder.nft_table(*family, name),
                    None => builder.nft(),
                },
                Object::NsId => builder,
            };
        }
        if self.kinds.contains(&Object::Nft) && !self.is_nft_named {
            builder = builder.nft_where_allowed();
        }
        builder
    }
}

impl Source {
    pub(super) fn new(place: Place, is_new: bool) -> Self {
        Self {
            place,
            links: Links::default(),
            sets: KnownSets::new(),
            mirror: None,
            begun: None,
            last: None,
            is_new,
            lines: VecDeque::new(),
        }
    }

    /// Takes the next notice of its mirror: what there is to tell.
    pub(super) fn take(&mut self, notice: Notice, watch: &FleetWatch) -> Option<Told> {
        let is_first = self.begun.is_none();
        match &notice {
            Notice::Synced(_) if is_first => {
                let state = watch.state(self.place.cookie)?;
                self.learn(&state);
                (self.begun, self.last) = (Some(state.clone()), Some(state));
            }
            // Or it was entered again: what happened meanwhile was not told.
            Notice::Synced(_) | Notice::Lagged => {
                let now = watch.state(self.place.cookie)?;
                let before = self.last.replace(now.clone())?;
                return Some(Told::Lagged(Box::new((before, now))));
            }
            _ => {}
        }
        Some(Told::Notice(notice))
    }

    /// The newest state.
    pub(super) fn newest(&self) -> Option<State> {
        self.mirror.as_ref().map(Mirror::snapshot)
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

/// A receive buffer as the kernel grants it, bytes: what it makes of `asked`.
pub(super) fn granted(place: &Place, asked: usize) -> Result<usize, Failure> {
    let socket = linx::Socket::open(linx::Protocol::ROUTE, &place.netns)?;
    Ok(socket.set_rcvbuf(asked)?)
}
