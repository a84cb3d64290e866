//! Ctrl-C and SIGTERM: read on a thread of their own, so that they are heard whatever the others wait for.
//!
//! The first asks for a tidy end: flush, sum up, exit 0. When that does not come, because nobody takes the output or
//! the kernel does not answer, a second signal or a few seconds without work end the process all the same. What comes
//! with the first is not a second one: `timeout` tells its child, and then its whole group.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use linx_sys::{SIGINT, SIGTERM, Signals, Wake, processor_time, wait_readable};

use crate::error::{Failure, Outcome, note, status};

/// How long a tidy end may take in which nothing goes on.
const GRACE: Duration = Duration::from_secs(3);

/// As much processor time in it says that something does: there is much to sum up.
const WORK: Duration = Duration::from_millis(300);

/// So often it is looked whether it would go on, had it a processor: others may have them all.
const LOOK: Duration = Duration::from_millis(100);

/// Fewer looks than these say nothing: this thread was stopped, and the others with it.
const LOOKS: u32 = 10;

/// How long it may take in all.
const MOST: Duration = Duration::from_secs(20);

/// A signal that comes so soon after the first is the same wish: people need longer.
const ECHO: Duration = Duration::from_millis(250);

/// Signals that wait to be listened to.
#[derive(Debug)]
pub(crate) struct Blocked(Signals);

/// Holds the signals back. To be called before other threads are started: they inherit that.
pub(crate) fn block() -> Outcome<Blocked> {
    Ok(Blocked(Signals::block(&[SIGINT, SIGTERM])?))
}

/// Readable (see [`AsFd`]) once a signal came.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Wake);

impl Blocked {
    /// Listens from now on.
    pub(crate) fn listen(self) -> Outcome<Interrupt> {
        let bell = Wake::new()?;
        let theirs = bell.clone();
        std::thread::Builder::new()
            .name("linx-signals".to_owned())
            .spawn(move || attend(&self.0, &theirs))
            .map_err(|error| Failure::io("start a thread", &error))?;
        Ok(Interrupt(bell))
    }
}

fn attend(signals: &Signals, bell: &Wake) {
    let mut asked: Option<Instant> = None;
    let (mut begun, mut worked) = (Instant::now(), Duration::ZERO);
    let (mut looks, mut is_running) = (0, false);
    loop {
        match wait_readable(signals.as_fd(), asked.map(|_| LOOK)) {
            Ok(true) if signals.take().is_none() => {}
            Ok(true) if asked.is_none() => {
                bell.wake();
                (begun, worked) = (Instant::now(), processor_time());
                asked = Some(begun);
            }
            Ok(true) if asked.is_some_and(|at| at.elapsed() < ECHO) => {}
            Ok(false) if begun.elapsed() < GRACE => {
                looks += 1;
                is_running |= is_runnable();
            }
            Ok(false)
                if asked.is_some_and(|at| at.elapsed() < MOST)
                    && (is_running || looks < LOOKS || processor_time().saturating_sub(worked) > WORK) =>
            {
                (begun, worked) = (Instant::now(), processor_time());
                (looks, is_running) = (0, false);
            }
            _ => {
                note("ended before all of its output was taken");
                std::process::exit(i32::from(status::SYSTEM));
            }
        }
    }
}

/// Whether the thread that sums up runs, or waits for nothing but a processor: `R` in `/proc/PID/stat` (proc(5)).
fn is_runnable() -> bool {
    let stat = std::fs::read("/proc/self/stat").unwrap_or_default();
    // What precedes it is a name in parentheses, which may have any bytes.
    let name = stat.iter().rposition(|byte| *byte == b')');
    name.and_then(|end| stat.get(end + 1..end + 3)).is_some_and(|state| state == b" R")
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
