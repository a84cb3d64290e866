//! One namespace that is followed: its monitor, its links, and how far its snapshot is.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use linx::monitor::{Barrier, RestartPolicy};
use linx::route::{EventRef, Monitor, Notice, NoticeRef};
use linx::{ErrorKind, Kind, ObjectRef, Operation};

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
    monitor: Monitor,
    phase: Phase,
    /// It was said that the namespace is gone.
    is_gone: bool,
}

/// What a turn brought.
pub(super) enum Turn<'a> {
    /// Something happened to an object.
    Event(Change<'a>),
    /// Anything else.
    Notice(Notice),
    /// The snapshot is complete.
    Synced,
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
    pub(super) fn open(place: Place, kinds: &[Object], rcvbuf: usize, follow: bool) -> Result<Self, Ended> {
        // Links always: their names are in everybody's lines.
        let mut kinds: Vec<Kind> = kinds.iter().map(|kind| kind.kind()).collect();
        if !kinds.contains(&Kind::Link) {
            kinds.push(Kind::Link);
        }
        let monitor = Monitor::builder()
            .netns(&place.netns)
            .kinds(&kinds)
            .rcvbuf(rcvbuf)
            .follow(follow)
            .supervised(RestartPolicy::default())
            .subscribe()?;
        Ok(Self { place, links: Links::default(), monitor, phase: Phase::Live, is_gone: false })
    }

    /// Effective size of the receive buffer, bytes.
    pub(super) fn rcvbuf(&self) -> usize {
        usize::try_from(self.monitor.control().stats().rcvbuf_bytes).unwrap_or(usize::MAX)
    }

    /// When it wants its turn even if nothing is there.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.monitor.deadline()
    }

    /// Remembers that the namespace is gone; false when that was known.
    pub(super) fn set_gone(&mut self) -> bool {
        !std::mem::replace(&mut self.is_gone, true)
    }

    /// Drops what happened so far: the snapshot that begins now has it.
    pub(super) fn forget(&mut self) -> Result<(), Ended> {
        Ok(self.monitor.until_now(PATIENCE, |_| {})?)
    }

    /// What happens up to now may be in the snapshot that was just taken.
    pub(super) fn overlap(&mut self) -> Result<(), Ended> {
        self.phase = Phase::Overlapping(self.monitor.barrier()?);
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
        let Self { place, links, monitor, phase, .. } = self;
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
                NoticeRef::Notice(notice) => {
                    voided |= notice.is_loss();
                    each(place, links, Turn::Notice(notice))
                }
                _ => ControlFlow::Continue(()),
            };
            if taken == most { ControlFlow::Break(()) } else { flow }
        };
        monitor.for_each_ref(Some(Duration::ZERO), &mut pass)?;
        // A loss may have taken the barrier's acknowledgement with it.
        if voided && self.phase != Phase::Live {
            self.overlap()?;
        }
        Ok(taken)
    }
}

/// Why a namespace is followed no more.
pub(super) enum Ended {
    /// It does not exist any more.
    Gone,
    /// Something failed.
    Failed(Failure),
}

impl From<linx::Error> for Ended {
    fn from(error: linx::Error) -> Self {
        if error.kind == ErrorKind::NamespaceGone { Self::Gone } else { Self::Failed(error.into()) }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        if failure.is_gone() { Self::Gone } else { Self::Failed(failure) }
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }
}
