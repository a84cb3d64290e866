//! Steering a monitor from elsewhere.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use linx_sys::{Socket, Wake};

use super::link::mark;
use crate::error::ErrorKind;

const RUNNING: u8 = 0;
const UNSUBSCRIBED: u8 = 1;
const GONE: u8 = 2;
/// So often it is tried, once a millisecond, to wake a monitor by a message.
const ROUSINGS: u32 = 10;

/// What a monitor shares with its controls.
#[derive(Debug)]
pub(crate) struct Shared {
    state: AtomicU8,
    pub(crate) wake: Wake,
    /// The socket that the monitor waits at, in a call that a bell does not end.
    bed: Mutex<Option<Arc<Socket>>>,
    pub(crate) netns: u64,
    pub(crate) events: AtomicU64,
    pub(crate) losses: AtomicU64,
    pub(crate) drops: AtomicU64,
    pub(crate) spoofed: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) rcvbuf: AtomicU64,
    /// 0: none.
    min_gen: AtomicU32,
}

impl Shared {
    pub(crate) fn new(wake: Wake, netns: u64) -> Self {
        Self {
            state: AtomicU8::new(RUNNING),
            wake,
            bed: Mutex::new(None),
            netns,
            events: AtomicU64::default(),
            losses: AtomicU64::default(),
            drops: AtomicU64::default(),
            spoofed: AtomicU64::default(),
            undecodable: AtomicU64::default(),
            restarts: AtomicU64::default(),
            rcvbuf: AtomicU64::default(),
            min_gen: AtomicU32::default(),
        }
    }

    /// Why the monitor is to end.
    #[inline]
    pub(crate) fn end(&self) -> Option<ErrorKind> {
        match self.state.load(Ordering::SeqCst) {
            RUNNING => None,
            GONE => Some(ErrorKind::NamespaceGone),
            _ => Some(ErrorKind::Unsubscribed),
        }
    }

    /// Waits at this socket by `wait`, which [`rouse`](Self::rouse) ends. `None`: the monitor is to end.
    pub(crate) fn asleep<T>(&self, socket: &Arc<Socket>, wait: impl FnOnce() -> T) -> Option<T> {
        // The socket is here before the look at what ends it: who ends it sees the one, or is seen by the other.
        *self.bed() = Some(socket.clone());
        let waited = self.end().is_none().then(wait);
        *self.bed() = None;
        waited
    }

    /// Wakes the monitor, whatever it waits for: one that waits at its socket gets a message of the kernel.
    fn rouse(&self) {
        self.wake.wake();
        if let Some(socket) = &*self.bed() {
            // What fails is the kernel's memory, or somebody forbids it: then the longest wait ends it.
            let mut tries = 0..ROUSINGS;
            while mark(socket).is_err() && tries.next().is_some() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn bed(&self) -> MutexGuard<'_, Option<Arc<Socket>>> {
        self.bed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a transaction of this generation is not wanted.
    #[inline]
    pub(crate) fn is_old(&self, generation: u32) -> bool {
        let floor = self.min_gen.load(Ordering::Relaxed);
        floor != 0 && (generation.wrapping_sub(floor) as i32) < 0
    }

    pub(crate) fn set_min_gen(&self, generation: u32) {
        self.min_gen.store(generation, Ordering::Relaxed);
    }

    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

/// Steers a monitor, from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(pub(crate) Arc<Shared>);

/// What a monitor has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages received as events, those that could not be decoded included.
    pub events: u64,
    /// Losses told.
    pub losses: u64,
    /// Messages that the kernel counted as dropped.
    pub drops: u64,
    /// Datagrams that did not come from the kernel.
    pub spoofed: u64,
    /// Messages that could not be decoded.
    pub undecodable: u64,
    /// Times that the socket was replaced.
    pub restarts: u64,
    /// Size of the receive buffer as the kernel accounts it, bytes: twice what was asked for, or twice
    /// `net.core.rmem_max` without CAP_NET_ADMIN.
    pub rcvbuf_bytes: u64,
}

impl Control {
    /// Ends the monitor: who reads it gets `Unsubscribed` at once, and its descriptor becomes readable. Its socket is
    /// closed when it is dropped. Where the caller may send nothing (a seccomp filter), a reader who waits without a
    /// timeout gets it within two seconds.
    pub fn unsubscribe(&self) {
        self.finish(UNSUBSCRIBED);
    }

    /// Ends the monitor with `NamespaceGone`: for who knows that the namespace was deleted, which the kernel does not
    /// tell as long as a socket is open in it.
    pub fn namespace_gone(&self) {
        self.finish(GONE);
    }

    fn finish(&self, state: u8) {
        // The first reason stands.
        let _ = self.0.state.compare_exchange(RUNNING, state, Ordering::SeqCst, Ordering::SeqCst);
        self.0.rouse();
    }

    /// Of a monitor of nf_tables: transactions of generations before this one are not told from now on, those included
    /// that wait to be read. 0 takes that back: generation 0 never exists. Generations are compared as serial numbers:
    /// of two, the later is the one that less than 2³¹ steps lead to.
    pub fn set_min_gen(&self, generation: u32) {
        self.0.set_min_gen(generation);
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.0.end().is_some()
    }

    /// Identity of the namespace (SO_NETNS_COOKIE).
    #[must_use]
    pub fn netns_cookie(&self) -> u64 {
        self.0.netns
    }

    /// What it has seen so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &*self.0;
        Stats {
            events: get(&shared.events),
            losses: get(&shared.losses),
            drops: get(&shared.drops),
            spoofed: get(&shared.spoofed),
            undecodable: get(&shared.undecodable),
            restarts: get(&shared.restarts),
            rcvbuf_bytes: get(&shared.rcvbuf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Monitor;
    use linx_sys::{Group, Netns, Protocol};

    #[test]
    fn who_was_ended_does_not_fall_asleep_and_leaves_no_socket_open() {
        let socket = Arc::new(Socket::open_monitor(Protocol::ROUTE, &Netns::host().unwrap()).unwrap());
        let shared = Arc::new(Shared::new(Wake::new().unwrap(), socket.netns_cookie()));
        assert_eq!(shared.asleep(&socket, || 7), Some(7));
        Control(shared.clone()).unsubscribe();
        assert_eq!(shared.asleep(&socket, || 7), None);
        assert_eq!(Arc::strong_count(&socket), 1);
    }

    /// As if whoever ends it might send nothing: nothing wakes the reader.
    #[test]
    fn a_reader_whom_nothing_wakes_sees_its_end_a_little_later() {
        let mut monitor = Monitor::builder().groups(&[Group::MDB]).subscribe().unwrap();
        let control = monitor.control();
        let (sender, ended) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || sender.send(monitor.recv().unwrap_err().kind));
        while control.0.bed().is_none() {
            std::thread::yield_now();
        }
        control.0.state.store(UNSUBSCRIBED, Ordering::SeqCst);
        assert_eq!(ended.recv_timeout(Duration::from_secs(30)), Ok(ErrorKind::Unsubscribed));
    }
}
