//! One namespace that is followed: its monitors, its links, and how far its snapshot is.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use linx::monitor::{Barrier, Loss, RestartPolicy};
use linx::names::KnownSets;
use linx::nft::{self, Transaction};
use linx::route::{EventRef, Monitor, Notice, NoticeRef};
use linx::{Kind, ObjectRef, Operation};
use linx_sys::PollSet;

use super::follow::Ended;
use crate::cmd::state::{is_refused, sets_of};
use crate::error::Failure;
use crate::filter::Links;
use crate::object::Object;
use crate::place::Place;

/// Longest wait for the kernel to acknowledge a barrier.
const PATIENCE: Duration = Duration::from_secs(10);

/// How events relate to the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// They may be in it already, up to this barrier.
    Overlapping(Barrier),
    /// They are newer.
    Live,
}

/// A namespace that is followed.
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) links: Links,
    /// Of rtnetlink; none where only nf_tables is asked for.
    route: Option<Monitor>,
    nft: Option<nft::Monitor>,
    /// A generation was named whose rule set is known.
    has_known: bool,
    /// Both of them.
    poll: PollSet,
    phase: Phase,
    /// The generation of the rule set that was printed.
    generation: Option<u32>,
    /// What is known of the sets.
    pub(super) sets: KnownSets<'static>,
    /// It was said that the namespace is gone.
    is_gone: bool,
}

/// What a turn brought.
pub(super) enum Turn<'a> {
    /// Something happened to an object.
    Event(Change<'a>),
    /// A commit of nf_tables.
    Commit(Transaction),
    /// Something that a packet did to an object of nf_tables.
    Packet(nft::Event),
    /// Events are missing; of nf_tables, or of the rest.
    Loss(Loss, bool),
    /// Something that is not the kernel sent so many bytes.
    Spoofed { portid: u32, length: usize },
    /// The snapshot is complete.
    Synced,
}

/// What is asked of nf_tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nft {
    No,
    /// Where it may be had.
    IfAllowed,
    /// The rule set of this generation is known; 0: none is.
    Wanted(u32),
}

/// Something that happened to an object.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) op: Operation,
    pub(super) object: ObjectRef<'a>,
    pub(super) portid: u32,
    pub(super) time: SystemTime,
    /// It may be in the snapshot already.
    pub(super) overlap: bool,
}

impl Source {
    /// Begins to listen. `rcvbuf` is what to ask for, bytes; `follow`: nobody else tells when the namespace is gone.
    pub(super) fn open(
        place: Place,
        kinds: &[Object],
        nft: Nft,
        rcvbuf: usize,
        follow: bool,
    ) -> Result<Self, Ended> {
        let poll = PollSet::new().map_err(Failure::from)?;
        let mut kinds: Vec<Kind> = kinds.iter().filter_map(|kind| kind.kind()).collect();
        let route = if kinds.is_empty() {
            None
        } else {
            // Links always: their names are in everybody's lines.
            if !kinds.contains(&Kind::Link) {
                kinds.push(Kind::Link);
            }
            let builder = Monitor::builder().netns(&place.netns).kinds(&kinds).rcvbuf(rcvbuf).follow(follow);
            let monitor = builder.supervised(RestartPolicy::default()).subscribe()?;
            poll.add(&monitor, 0).map_err(Failure::from)?;
            Some(monitor)
        };
        let has_known = matches!(nft, Nft::Wanted(1..));
        let nft = open_nft(&place, nft, rcvbuf, follow)?;
        if let Some(monitor) = &nft {
            poll.add(monitor, 0).map_err(Failure::from)?;
        }
        let (links, phase) = (Links::default(), Phase::Live);
        Ok(Self {
            place,
            links,
            route,
            nft,
            has_known,
            poll,
            phase,
            generation: None,
            sets: KnownSets::new(),
            is_gone: false,
        })
    }

    /// Effective size of its smallest receive buffer, bytes.
    pub(super) fn least_rcvbuf(&self) -> usize {
        let route = self.route.as_ref().map(|monitor| monitor.control().stats().rcvbuf_bytes);
        let nft = self.nft.as_ref().map(|monitor| monitor.control().stats().rcvbuf_bytes);
        let least = [route, nft].into_iter().flatten().min();
        least.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX)
    }

    /// Whether nf_tables is followed.
    pub(super) fn has_nft(&self) -> bool {
        self.nft.is_some()
    }

    /// Steers the monitor of nf_tables.
    pub(super) fn nft_control(&self) -> Option<linx::Control> {
        self.nft.as_ref().map(nft::Monitor::control)
    }

    /// This rule set was printed.
    pub(super) fn set_rule_set(&mut self, ruleset: &nft::Ruleset) {
        self.generation = Some(ruleset.generation());
        self.sets = sets_of(ruleset);
    }

    /// Learns the sets, by which elements are written. Where they cannot be read now, elements show as bytes.
    pub(super) fn learn_sets(&mut self) {
        // Others wait for their turn meanwhile.
        let read = |handle| nft::pull(&handle).kinds(&[Kind::Set]).retries(2).ruleset();
        let ruleset = linx::Handle::new(&self.place.netns).and_then(read);
        self.sets = ruleset.map_or_else(|_| KnownSets::new(), |ruleset| sets_of(&ruleset));
    }

    /// The generation of the rule set that was printed.
    pub(super) fn generation(&self) -> Option<u32> {
        self.generation
    }

    /// Drops what happened so far: the snapshot that begins now has it. Where the rule set was known, and is another by
    /// now, that is returned: it comes before the snapshot.
    pub(super) fn forget(&mut self) -> Result<Option<Loss>, Ended> {
        if let Some(monitor) = &mut self.route {
            monitor.until_now(PATIENCE, |_| {})?;
        }
        let mut lost = None;
        if let (Some(monitor), true) = (&mut self.nft, self.has_known) {
            monitor.until_now(PATIENCE, |notice| {
                if let nft::Notice::ResyncNeeded(loss) = notice {
                    lost = Some(loss);
                }
            })?;
        }
        Ok(lost)
    }

    /// What happens up to now may be in the snapshot that was just taken.
    pub(super) fn overlap(&mut self) -> Result<(), Ended> {
        if let Some(monitor) = &mut self.route {
            self.phase = Phase::Overlapping(monitor.barrier()?);
        }
        Ok(())
    }

    /// Whether its snapshot is not complete.
    pub(super) fn is_incomplete(&self) -> bool {
        self.phase != Phase::Live
    }

    /// Passes on what is there, at most so many notices. What is left shows by the descriptor.
    ///
    /// # Errors
    /// [`Gone`](Ended::Gone) when the namespace does not exist any more.
    pub(super) fn turn(
        &mut self,
        most: usize,
        mut each: impl FnMut(&Place, &mut Links, Turn<'_>) -> ControlFlow<()>,
    ) -> Result<usize, Ended> {
        let Self { place, links, route, nft, phase, .. } = self;
        let mut taken = 0;
        let mut voided = false;
        let mut pass = |notice: NoticeRef<'_>| {
            taken += 1;
            let overlap = *phase != Phase::Live;
            let flow = match notice {
                NoticeRef::Event(EventRef { op, object, portid, time, .. }) => {
                    each(place, links, Turn::Event(Change { op, object, portid, time, overlap }))
                }
                NoticeRef::Notice(Notice::Event(event)) => {
                    let linx::route::Event { op, object, portid, time, .. } = &event;
                    let change =
                        Change { op: *op, object: object.as_ref(), portid: *portid, time: *time, overlap };
                    each(place, links, Turn::Event(change))
                }
                NoticeRef::Notice(Notice::Barrier(barrier)) if *phase == Phase::Overlapping(barrier) => {
                    *phase = Phase::Live;
                    each(place, links, Turn::Synced)
                }
                NoticeRef::Notice(Notice::ResyncNeeded(loss)) => {
                    voided = true;
                    each(place, links, Turn::Loss(loss, false))
                }
                NoticeRef::Notice(Notice::Spoofed { portid, length }) => {
                    each(place, links, Turn::Spoofed { portid, length })
                }
                _ => ControlFlow::Continue(()),
            };
            if taken == most { ControlFlow::Break(()) } else { flow }
        };
        if let Some(monitor) = route {
            monitor.for_each_ref(Some(Duration::ZERO), &mut pass)?;
        }
        // A loss may have taken the barrier's acknowledgement with it.
        if voided && *phase != Phase::Live {
            self.overlap()?;
            return Ok(taken);
        }
        // The state comes before what happened after it.
        let (true, Some(monitor)) = (*phase == Phase::Live, nft) else { return Ok(taken) };
        while taken < most {
            let Some(notice) = monitor.try_recv()? else { break };
            taken += 1;
            let turn = match notice {
                nft::Notice::Transaction(commit) => Turn::Commit(commit),
                nft::Notice::Event(event) => Turn::Packet(event),
                nft::Notice::ResyncNeeded(loss) => Turn::Loss(loss, true),
                nft::Notice::Spoofed { portid, length } => Turn::Spoofed { portid, length },
                _ => continue,
            };
            if each(place, links, turn).is_break() {
                break;
            }
        }
        Ok(taken)
    }

    /// Effective size of its receive buffers, bytes.
    pub(super) fn rcvbuf(&self) -> usize {
        let route = self.route.as_ref().map(|monitor| monitor.control().stats().rcvbuf_bytes);
        let nft = self.nft.as_ref().map(|monitor| monitor.control().stats().rcvbuf_bytes);
        usize::try_from(route.unwrap_or(0).saturating_add(nft.unwrap_or(0))).unwrap_or(usize::MAX)
    }

    /// When it wants its turn even if nothing is there.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let route = self.route.as_ref().and_then(Monitor::deadline);
        let nft = self.nft.as_ref().and_then(nft::Monitor::deadline);
        route.into_iter().chain(nft).min()
    }

    /// Remembers that it is gone; false when that was known.
    pub(super) fn set_gone(&mut self) -> bool {
        !std::mem::replace(&mut self.is_gone, true)
    }
}

/// Begins to listen to nf_tables; `None` where that was not asked for by name, and is not allowed.
fn open_nft(place: &Place, nft: Nft, rcvbuf: usize, follow: bool) -> Result<Option<nft::Monitor>, Ended> {
    let builder = match nft {
        Nft::No => return Ok(None),
        Nft::Wanted(generation @ 1..) => nft::Monitor::builder().since_gen(generation),
        Nft::Wanted(0) | Nft::IfAllowed => nft::Monitor::builder(),
    };
    let builder = builder.netns(&place.netns).rcvbuf(rcvbuf).follow(follow);
    match builder.supervised(RestartPolicy::default()).subscribe() {
        Ok(monitor) => Ok(Some(monitor)),
        Err(error) if nft == Nft::IfAllowed && is_refused(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}
