//! What `monitor` and `watch` have in common: what is waited for at once, and the end.

use std::os::fd::AsFd;
use std::time::Instant;

use linx::author::Attach;
use linx_sys::PollSet;

use crate::error::{Failure, Outcome, note};
use crate::out::Hangup;
use crate::signals::{Blocked, Interrupt};

/// Tokens of what is waited for.
pub(super) const INTERRUPT: u64 = 0;
pub(super) const NAMESPACES: u64 = 1;
pub(super) const OUTPUT: u64 = 2;
pub(super) const ANSWERS: u64 = 3;
/// Those of namespaces follow.
pub(super) const FIRST: u64 = 16;

/// Why it ended.
#[derive(Debug)]
pub(super) enum End {
    /// A signal.
    Interrupted,
    /// So many changes were asked for.
    Counted,
    /// The time is over.
    TimeOut,
    /// Nobody reads any more.
    Closed,
    /// The last namespace is gone, by this name.
    NothingLeft(String),
}

impl End {
    /// What it means for the exit; `what` was being done.
    pub(super) fn outcome(&self, what: &str) -> Outcome {
        match self {
            Self::Interrupted | Self::Counted | Self::Closed => Ok(()),
            Self::TimeOut => Err(Failure::time_out()),
            Self::NothingLeft(name) => {
                Err(Failure::system(format!("namespace \"{name}\" was deleted; nothing is left to {what}")))
            }
        }
    }
}

impl End {
    /// Why to end now, if there is a reason: enough was printed, nothing is left to follow, nobody reads, the time is over.
    pub(super) fn now(
        is_full: bool,
        nothing_left: Option<&str>,
        is_closed: bool,
        until: Option<Instant>,
    ) -> Option<Self> {
        if is_full {
            return Some(Self::Counted);
        }
        if let Some(name) = nothing_left {
            return Some(Self::NothingLeft(name.to_owned()));
        }
        if is_closed {
            return Some(Self::Closed);
        }
        until.filter(|until| *until <= Instant::now()).map(|_| Self::TimeOut)
    }
}

/// What is waited for at once.
pub(super) struct Waits {
    poll: PollSet,
    /// What is only waited for.
    _held: Option<(Interrupt, Option<Hangup>)>,
}

impl Waits {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self { poll: PollSet::new()?, _held: None })
    }

    pub(super) fn add(&self, one: &impl AsFd, token: u64) -> Outcome {
        Ok(self.poll.add(one, token)?)
    }

    pub(super) fn remove(&self, one: &impl AsFd) -> Outcome {
        Ok(self.poll.remove(one)?)
    }

    /// Also waits for signals, for the reader of the output to go, and for `answers`.
    pub(super) fn attend(&mut self, signals: Blocked, answers: &impl AsFd) -> Outcome {
        let interrupt = signals.listen()?;
        self.add(&interrupt, INTERRUPT)?;
        self.add(answers, ANSWERS)?;
        let hangup = Hangup::of_stdout();
        if let Some(hangup) = &hangup {
            self.add(hangup, OUTPUT)?;
        }
        self._held = Some((interrupt, hangup));
        Ok(())
    }

    /// Waits until something is there, or for the first of these moments; what it is.
    pub(super) fn wait(&mut self, moments: impl IntoIterator<Item = Option<Instant>>) -> Outcome<Vec<u64>> {
        let first = moments.into_iter().flatten().min();
        let patience = first.map(|moment| moment.saturating_duration_since(Instant::now()));
        Ok(self.poll.wait(patience)?.to_vec())
    }
}

/// When what waits for its author wants its turn.
pub(super) fn due<T>(queue: &Attach<T>) -> Option<Instant> {
    let now = Instant::now();
    if queue.is_ready(now) { Some(now) } else { queue.deadline() }
}

/// What failed when the end was asked for already is said, and it ends all the same.
pub(super) fn note_last(what: &str, failure: Failure) {
    if let Some(text) = failure.of(what).text() {
        note(text.trim_start_matches("linx: "));
    }
}

/// With `--all-netns`, one that cannot be followed does not end the others.
pub(super) fn note_not_followed(what: &str, name: &str, failure: Failure) {
    let text = failure.of(what).text().unwrap_or_default();
    note(format_args!("namespace {name} is not followed: {}", text.trim_start_matches("linx: ")));
}
