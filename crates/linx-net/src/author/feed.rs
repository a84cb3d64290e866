//! The thread that hears of executions and reads about each at once.

use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use linx_sys::{Capability, Netns, ProcConnector, ProcEvent, ProcEvents, Wake};

use super::cache::Executions;
use super::memo::Memo;
use super::procfs::Procfs;

/// Receive buffer asked for, bytes: about ten thousand executions and exits may wait.
const RCVBUF_BYTES: usize = 4 << 20;
/// A start time in `/proc` is rounded down to a tick (10 ms).
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What the threads share.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) executions: Mutex<Executions>,
    /// Everything up to this time (CLOCK_BOOTTIME) has been heard and read.
    heard: Mutex<Duration>,
    progress: Condvar,
}

impl Memory {
    fn publish(&self, heard: Duration) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
        self.progress.notify_all();
    }
}

#[derive(Debug)]
pub(super) struct Feed {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// How the thread is asked for something.
#[derive(Debug)]
pub(super) struct Bell {
    wake: Wake,
    stop: std::sync::atomic::AtomicBool,
    memory: Arc<Memory>,
}

impl Bell {
    /// Waits until all executions up to `seen` have been heard, at most `patience`; whether they have.
    pub(super) fn catch_up(&self, seen: Duration, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let lock = || self.memory.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let has_stopped = || self.stop.load(std::sync::atomic::Ordering::Acquire);
        let mut heard = lock();
        if *heard < seen {
            self.wake.wake();
        }
        while *heard < seen {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || has_stopped() {
                return false;
            }
            let (guard, _) =
                self.memory.progress.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner);
            heard = guard;
        }
        !has_stopped()
    }
}

impl Feed {
    pub(super) fn start(
        memory: &Arc<Memory>,
        procfs: &Arc<Procfs>,
        memo: &Arc<Memo>,
        keep: Option<Arc<[Capability]>>,
    ) -> Result<Self, linx_sys::Error> {
        let connector =
            ProcConnector::open(&Netns::host()?, ProcEvents::FORK | ProcEvents::EXEC | ProcEvents::EXIT)?;
        // As much as is to be had: less only means that a storm is heard with a gap.
        connector.set_rcvbuf(RCVBUF_BYTES)?;
        let bell = Bell {
            wake: Wake::new()?,
            stop: std::sync::atomic::AtomicBool::new(false),
            memory: Arc::clone(memory),
        };
        let bell = Arc::new(bell);
        let mut worker = Worker {
            connector,
            bell: Arc::clone(&bell),
            procfs: Arc::clone(procfs),
            memo: Arc::clone(memo),
            unread: linx_sys::processes()?,
            keep,
        };
        let thread = std::thread::Builder::new()
            .name("linx-executions".into())
            .spawn(move || {
                worker.give_up(&[Capability::SYS_NICE, Capability::SETPCAP]);
                worker.run();
            })
            .map_err(|e| linx_sys::Error::io("start a thread", &e))?;
        Ok(Self { bell, thread: Some(thread) })
    }

    pub(super) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.bell.stop.store(true, std::sync::atomic::Ordering::Release);
        self.bell.wake.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

struct Worker {
    connector: ProcConnector,
    bell: Arc<Bell>,
    procfs: Arc<Procfs>,
    memo: Arc<Memo>,
    /// Processes that were there before, to be read when nothing else is to be done.
    unread: Vec<u32>,
    /// The capabilities to keep; all if it was not told.
    keep: Option<Arc<[Capability]>>,
}

impl Worker {
    fn run(&mut self) {
        let mut in_a_hurry = false;
        while !self.bell.stop.load(std::sync::atomic::Ordering::Acquire) {
            self.bell.wake.clear();
            let Ok(asked) = self.drain() else {
                // Nothing more can be heard, and nobody shall wait for it; `/proc` remains.
                self.with(Executions::forget_running);
                break;
            };
            self.bell.memory.publish(asked);
            if let Some(pid) = self.unread.pop() {
                self.read_running(pid);
                continue;
            }
            if !in_a_hurry {
                // A one-shot command lives for a millisecond: on a busy machine, who is not early reads nothing.
                // Reading about one takes 0.1 ms. Where it is not allowed, more of them show without their
                // command line.
                let _ = linx_sys::hurry_this_thread();
                in_a_hurry = true;
                self.give_up(&[]);
            }
            let fds = [self.connector.as_fd(), self.bell.wake.as_fd()];
            if linx_sys::first_readable(&fds, None).is_err() {
                break;
            }
        }
        // Waiters see `stop`, or get on without.
        self.bell.stop.store(true, std::sync::atomic::Ordering::Release);
        self.bell.memory.publish(Duration::MAX);
    }

    /// Gives up what it was not told to keep, but for what it still needs `yet`.
    fn give_up(&self, yet: &[Capability]) {
        let keep = self.keep.as_deref().map(|keep| [keep, yet].concat());
        super::give_up_all_but(keep.as_deref());
    }

    /// Hears all that is queued; everything up to the time that it returns.
    fn drain(&mut self) -> Result<Duration, linx_sys::Error> {
        // Process events are stamped with a clock that does not count sleep.
        let asleep = linx_sys::boottime().saturating_sub(linx_sys::monotonic());
        loop {
            let asked = linx_sys::boottime();
            match self.connector.recv() {
                Ok(None) => return Ok(asked),
                Ok(Some(notice)) => self.hear(notice.event, notice.time + asleep),
                Err(e) if e.is_nobufs() => {
                    self.with(|executions| executions.lost(linx_sys::boottime()));
                    self.unread = linx_sys::processes().unwrap_or_default();
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn hear(&mut self, event: ProcEvent, at: Duration) {
        match event {
            ProcEvent::Exec { pid, .. } => {
                // A process that started later only has the same pid: of this one nothing is known.
                let facts = self.procfs.executed(pid).filter(|facts| facts.stat.start <= at + TICK);
                let read = linx_sys::boottime();
                self.with(|executions| executions.insert(pid, at, facts, read));
                self.memo.forget(pid);
            }
            // The copy has the parent's sockets, and may use them.
            ProcEvent::Fork { parent_pid, tid, pid, .. } if tid == pid => self.memo.forget(parent_pid),
            ProcEvent::Exit { tid, pid, .. } if tid == pid => {
                self.with(|executions| executions.exited(pid, at));
                self.memo.forget(pid);
            }
            _ => {}
        }
    }

    fn read_running(&self, pid: u32) {
        let known = |executions: &mut Executions| executions.knows_running(pid);
        if self.with(known) {
            return;
        }
        let facts = self.procfs.executed(pid);
        if let Some(facts) = facts.filter(|facts| !facts.stat.is_zombie && !facts.stat.is_kernel_thread) {
            let read = linx_sys::boottime();
            self.with(|executions| executions.insert(pid, facts.stat.start, Some(facts), read));
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Executions) -> R) -> R {
        f(&mut self.bell.memory.executions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
