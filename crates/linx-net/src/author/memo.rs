//! What was resolved lately, for the hot path. Answers stay only as long as they are checked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::procfs::{self, Procfs};
use super::{Author, Certainty};

/// Answers kept at once.
const LIMIT: usize = 1024;
/// An answer is given this long without looking whether it still holds.
const UNCHECKED: Duration = Duration::from_millis(100);
/// The same of a port id that is not its owner's pid: the first process of each container is pid 1, and the next one has
/// it a few milliseconds after.
pub(super) const UNCHECKED_NESTED: Duration = Duration::from_millis(1);
/// "Nobody knows" is believed this long.
const NOBODY: Duration = Duration::from_secs(1);
/// An answer is believed this long, checked or not: what the checks do not see is a socket handed to another process,
/// and a port id of a process that holds no such socket.
const BELIEVED: Duration = Duration::from_secs(5);

/// What an answer stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) pid: u32,
    pub(super) start: Duration,
    /// The socket's inode, and the file descriptor that it is in that process.
    pub(super) socket: Option<(u64, u32)>,
}

#[derive(Debug)]
struct Entry {
    author: Arc<Author>,
    proof: Option<Proof>,
    made: Duration,
    /// Nanoseconds of CLOCK_BOOTTIME.
    checked: AtomicU64,
}

impl Entry {
    /// How long the answer is given without looking.
    fn unchecked(&self) -> Duration {
        let Author { certainty, pid, portid, .. } = &*self.author;
        // Tasks are named by numbers that come again after all others.
        if *certainty == Certainty::Certain || pid == portid { UNCHECKED } else { UNCHECKED_NESTED }
    }
}

#[derive(Debug, Default)]
pub(super) struct Memo(RwLock<BTreeMap<(u64, u32), Entry>>);

impl Memo {
    pub(super) fn recall(&self, key: (u64, u32), seen: Duration, procfs: &Procfs) -> Option<Arc<Author>> {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = map.get(&key)?;
        let Some(proof) = &entry.proof else {
            let is_young = seen >= entry.made && seen - entry.made < NOBODY;
            return is_young.then(|| Arc::clone(&entry.author));
        };
        // An older event, or the pid's owner before.
        if seen < proof.start {
            return None;
        }
        if seen > entry.made + BELIEVED {
            return None;
        }
        let checked = Duration::from_nanos(entry.checked.load(Ordering::Relaxed));
        if seen <= checked + entry.unchecked() {
            return Some(Arc::clone(&entry.author));
        }
        if !still_holds(proof, &entry.author, procfs) {
            return None;
        }
        entry.checked.store(nanos(seen), Ordering::Relaxed);
        Some(Arc::clone(&entry.author))
    }

    pub(super) fn keep(&self, key: (u64, u32), author: &Arc<Author>, proof: Option<Proof>, seen: Duration) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= LIMIT {
            let recent = |entry: &Entry| {
                let checked = Duration::from_nanos(entry.checked.load(Ordering::Relaxed));
                checked + NOBODY > seen
            };
            map.retain(|_, entry| recent(entry));
            if map.len() >= LIMIT {
                map.clear();
            }
        }
        let checked = AtomicU64::new(nanos(seen));
        map.insert(key, Entry { author: Arc::clone(author), proof, made: seen, checked });
    }

    /// The process became another image, was copied with its sockets, or ended.
    pub(super) fn forget(&self, pid: u32) {
        let is_of = |entry: &Entry| entry.proof.as_ref().is_some_and(|proof| proof.pid == pid);
        let any = self.0.read().unwrap_or_else(PoisonError::into_inner).values().any(is_of);
        if any {
            let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
            map.retain(|_, entry| !is_of(entry));
        }
    }
}

fn still_holds(proof: &Proof, author: &Author, procfs: &Procfs) -> bool {
    let is_same = procfs.stat(proof.pid).is_some_and(|stat| {
        let name = author.comm.as_deref();
        stat.start == proof.start && !stat.is_zombie && name.is_none_or(|name| name == &*stat.comm)
    });
    is_same && proof.socket.is_none_or(|(inode, descriptor)| procfs::holds(proof.pid, descriptor, inode))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Duration {
        linx_sys::boottime()
    }

    fn own_proof(procfs: &Procfs) -> Proof {
        let pid = std::process::id();
        Proof { pid, start: procfs.stat(pid).unwrap().start, socket: None }
    }

    /// The author that is this process, with its pid for a port id.
    fn own(pid: u32) -> Author {
        Author { pid: Some(pid), ..Author::of_portid(pid) }
    }

    /// Pid 1 of a container that ended, and of the next one.
    #[test]
    fn a_port_id_that_is_no_pid_is_checked_almost_always() {
        let (memo, procfs) = (Memo::default(), Procfs::new());
        let proof = own_proof(&procfs);
        let nested = Arc::new(Author { portid: Some(1), ..own(proof.pid) });
        let then = now();
        let shortly_after = then + Duration::from_millis(2);
        memo.keep((1, 1), &nested, Some(proof), then);
        assert!(memo.recall((1, 1), shortly_after, &procfs).is_some());
        let gone = Proof { start: proof.start.saturating_sub(Duration::from_secs(1)), ..proof };
        memo.keep((1, 1), &nested, Some(gone), then);
        assert!(memo.recall((1, 1), shortly_after, &procfs).is_none());
        memo.keep((1, proof.pid), &Arc::new(own(proof.pid)), Some(gone), then);
        assert!(memo.recall((1, proof.pid), shortly_after, &procfs).is_some());
    }

    #[test]
    fn an_answer_is_checked_again_and_again() {
        let (memo, procfs) = (Memo::default(), Procfs::new());
        let proof = own_proof(&procfs);
        let author = Arc::new(own(proof.pid));
        let then = now();
        memo.keep((1, 5), &author, Some(proof), then);
        assert!(memo.recall((1, 5), then, &procfs).is_some());
        assert!(memo.recall((2, 5), then, &procfs).is_none());
        assert!(memo.recall((1, 5), then + UNCHECKED * 2, &procfs).is_some());
        assert!(memo.recall((1, 5), then + BELIEVED * 2, &procfs).is_none());
        // Before the process was there, it was not it.
        assert!(memo.recall((1, 5), proof.start.saturating_sub(Duration::from_millis(1)), &procfs).is_none());

        // A pid with another start is another process.
        let reused = Proof { start: proof.start.saturating_sub(Duration::from_secs(1)), ..proof };
        memo.keep((1, 5), &author, Some(reused), then);
        assert!(memo.recall((1, 5), then, &procfs).is_some());
        assert!(memo.recall((1, 5), then + UNCHECKED * 2, &procfs).is_none());

        // A socket that is not there any more proves nothing.
        memo.keep((1, 5), &author, Some(Proof { socket: Some((1, 0)), ..proof }), then);
        assert!(memo.recall((1, 5), then + UNCHECKED * 2, &procfs).is_none());

        memo.keep((1, 5), &author, Some(proof), then);
        memo.forget(proof.pid);
        assert!(memo.recall((1, 5), then, &procfs).is_none());
    }

    #[test]
    fn not_knowing_is_believed_for_a_second() {
        let (memo, procfs) = (Memo::default(), Procfs::new());
        memo.keep((1, 5), &Arc::new(Author::of_portid(5)), None, Duration::from_secs(100));
        assert!(memo.recall((1, 5), Duration::from_secs(100), &procfs).is_some());
        assert!(memo.recall((1, 5), Duration::from_secs(99), &procfs).is_none());
        assert!(memo.recall((1, 5), Duration::from_secs(101), &procfs).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (memo, procfs) = (Memo::default(), Procfs::new());
        let author = Arc::new(Author::of_portid(5));
        for portid in 0..10_000 {
            memo.keep((1, portid), &author, Some(own_proof(&procfs)), now());
            assert!(memo.0.read().unwrap().len() <= LIMIT);
        }
        assert!(memo.recall((1, 9_999), now(), &procfs).is_some());
    }

    #[test]
    fn a_known_answer_is_quick() {
        let (memo, procfs) = (Memo::default(), Procfs::new());
        let author = Arc::new(Author::of_portid(5));
        let seen = now();
        memo.keep((1, 5), &author, Some(own_proof(&procfs)), seen);
        let rounds = 20_000_u32;
        let batch = || {
            let begin = std::time::Instant::now();
            for _ in 0..rounds {
                assert!(memo.recall((1, 5), seen, &procfs).is_some());
            }
            begin.elapsed() / rounds
        };
        let each = std::iter::repeat_with(batch).take(10).min().unwrap();
        eprintln!("a known port id: {each:?} each (unoptimised where this test is)");
        // Generous: this build may be unoptimised and the machine busy. A system call or a look into `/proc`
        // would still be far beyond it.
        assert!(each < Duration::from_micros(20), "{each:?}");
    }
}
