//! The memory of executions: which images a pid was, from when to when. Pure: times come in, nothing is
//! read.
//!
//! All times are CLOCK_BOOTTIME. An execution is kept while its process runs and [`KEPT`] longer, within
//! [`LIMIT_ENTRIES`] and [`LIMIT_BYTES`]; over the limit the process that ended first is forgotten first, then
//! the one that was executed first, which can be read in `/proc` while it lives.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::procfs::Facts;

/// How long an ended process is remembered: a monitor whose reader lags this much still finds its authors.
pub(super) const KEPT: Duration = Duration::from_secs(60);
/// How long after it was sent a change is seen, normally at most.
const LAG: Duration = Duration::from_secs(5);
/// Executions remembered at once.
pub(super) const LIMIT_ENTRIES: usize = 16_384;
/// Memory for them, bytes: at most this, whatever is executed.
pub(super) const LIMIT_BYTES: usize = 16 << 20;
/// The maps and queues around one entry, bytes, generously.
const OVERHEAD_BYTES: usize = 256;

/// One image of one process.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub(super) pid: u32,
    /// Its pid in its own pid namespace.
    pub(super) own_pid: u32,
    /// When the process was made. Images of one process share it; rounded down to a tick.
    pub(super) start: Duration,
    /// When this image was executed.
    pub(super) executed: Duration,
    pub(super) ended: Option<Duration>,
    /// Another process had the pid after this one ended.
    pub(super) is_reused: bool,
    /// In an answer: the process executed something else after the time that was asked for.
    pub(super) is_replaced: bool,
    /// `None`: it was gone, or another image, before anything could be read.
    pub(super) facts: Option<Arc<Facts>>,
    /// When they were read; `None` if nothing was.
    pub(super) read: Option<Duration>,
}

impl Execution {
    fn bytes(&self) -> usize {
        OVERHEAD_BYTES + size_of::<Self>() + self.facts.as_ref().map_or(0, |facts| facts.bytes())
    }
}

#[derive(Debug, Default)]
pub(super) struct Executions {
    by_id: BTreeMap<u64, Execution>,
    by_pid: HashMap<u32, Vec<u64>>,
    by_own_pid: HashMap<u32, Vec<u64>>,
    /// In the order of their ends.
    ended: VecDeque<u64>,
    bytes: usize,
    next_id: u64,
    /// When executions were lost last.
    gap: Option<Duration>,
}

impl Executions {
    /// A process was executed, or found running (`executed` is then its start); `read` is when that had been read of it.
    pub(super) fn insert(&mut self, pid: u32, executed: Duration, facts: Option<Facts>, read: Duration) {
        self.forget_mixed_up(pid, executed);
        let read = facts.is_some().then_some(read);
        let start = facts.as_ref().map_or(executed, |facts| facts.stat.start);
        if let Some(facts) = &facts {
            // Whatever had the pid before has ended, also if its end was not told.
            self.end(pid, executed, |old| old.start != facts.stat.start);
        }
        let own_pid = facts.as_ref().map_or(pid, Facts::own_pid);
        let facts = facts.map(Arc::new);
        let (is_reused, is_replaced) = (false, false);
        let execution =
            Execution { pid, own_pid, start, executed, ended: None, is_reused, is_replaced, facts, read };
        let id = self.next_id;
        self.next_id += 1;
        self.bytes += execution.bytes();
        self.by_pid.entry(pid).or_default().push(id);
        self.by_own_pid.entry(own_pid).or_default().push(id);
        self.by_id.insert(id, execution);
        self.forget(executed);
    }

    /// What was read of an image only after the next one was executed is the next one's.
    fn forget_mixed_up(&mut self, pid: u32, executed: Duration) {
        for id in self.by_pid.get(&pid).into_iter().flatten() {
            let Some(old) = self.by_id.get_mut(id) else { continue };
            if old.executed < executed && old.read.is_some_and(|read| read >= executed) {
                let bytes = old.bytes();
                old.facts = None;
                self.bytes = self.bytes.saturating_sub(bytes.saturating_sub(old.bytes()));
            }
        }
    }

    /// The process `pid` has ended.
    pub(super) fn exited(&mut self, pid: u32, at: Duration) {
        if !self.end(pid, at, |_| true) {
            // A process that executed nothing: a copy of its parent. It had the pid of these.
            for id in self.by_pid.get(&pid).into_iter().flatten() {
                if let Some(old) = self.by_id.get_mut(id) {
                    old.is_reused = true;
                }
            }
        }
        self.forget(at);
    }

    fn end(&mut self, pid: u32, at: Duration, which: impl Fn(&Execution) -> bool) -> bool {
        let mut any = false;
        for id in self.by_pid.get(&pid).into_iter().flatten() {
            let running = self.by_id.get_mut(id).filter(|e| e.ended.is_none());
            if let Some(execution) = running.filter(|e| which(e)) {
                execution.ended = Some(at);
                self.ended.push_back(*id);
                any = true;
            }
        }
        any
    }

    /// Events were lost: what was running may have ended or become another image.
    pub(super) fn forget_running(&mut self) {
        let running: Vec<u64> =
            self.by_id.iter().filter(|(_, e)| e.ended.is_none()).map(|(id, _)| *id).collect();
        for id in running {
            self.remove(id);
        }
        // An unseen process may have had any pid since.
        for execution in self.by_id.values_mut() {
            execution.is_reused = true;
        }
    }

    fn forget(&mut self, now: Duration) {
        while let Some(id) = self.ended.front().copied() {
            let old = self.by_id.get(&id).and_then(|e| e.ended).is_none_or(|end| end + KEPT < now);
            if !old && !self.is_over() {
                break;
            }
            self.ended.pop_front();
            self.remove(id);
        }
        while self.is_over() {
            let Some(id) = self.by_id.keys().next().copied() else { break };
            self.remove(id);
        }
    }

    fn is_over(&self) -> bool {
        self.by_id.len() > LIMIT_ENTRIES || self.bytes > LIMIT_BYTES
    }

    fn remove(&mut self, id: u64) {
        let Some(execution) = self.by_id.remove(&id) else { return };
        self.bytes = self.bytes.saturating_sub(execution.bytes());
        for (map, key) in [(&mut self.by_pid, execution.pid), (&mut self.by_own_pid, execution.own_pid)] {
            if let Some(ids) = map.get_mut(&key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    map.remove(&key);
                }
            }
        }
    }

    /// The processes that had `own_pid` in their own pid namespace at about `seen`, each once, with the image
    /// that it was then. Several: which one it was cannot be told.
    pub(super) fn with_own_pid(&self, own_pid: u32, seen: Duration) -> Vec<Execution> {
        self.at(self.by_own_pid.get(&own_pid), seen)
    }

    /// Whether executions shortly before `seen` were lost.
    pub(super) fn has_gap(&self, seen: Duration) -> bool {
        self.gap.is_some_and(|gap| seen <= gap + LAG)
    }

    /// Whether an image that may have acted shortly before `seen` ended before anything could be read of it: it may have
    /// had any pid in a pid namespace of its own.
    pub(super) fn has_unread(&self, seen: Duration) -> bool {
        let is_near = |end: Duration| seen <= end + LAG;
        self.by_id.values().any(|e| e.read.is_none() && e.executed <= seen && e.ended.is_none_or(is_near))
    }

    /// Executions up to now were lost.
    pub(super) fn lost(&mut self, now: Duration) {
        self.gap = Some(now);
        self.forget_running();
    }

    /// The processes that had `pid` at about `seen`.
    pub(super) fn with_pid(&self, pid: u32, seen: Duration) -> Vec<Execution> {
        self.at(self.by_pid.get(&pid), seen)
    }

    /// When the process that has `pid` since `start` executed something first, as far as it was heard.
    pub(super) fn first_executed(&self, pid: u32, start: Duration) -> Option<Duration> {
        let ids = self.by_pid.get(&pid).into_iter().flatten();
        // Of what could not be read, the start is not known.
        let is_of = |e: &&Execution| e.start == start || (e.read.is_none() && e.executed >= start);
        ids.filter_map(|id| self.by_id.get(id)).filter(is_of).map(|e| e.executed).min()
    }

    fn at(&self, ids: Option<&Vec<u64>>, seen: Duration) -> Vec<Execution> {
        let mut found: Vec<Execution> = Vec::new();
        for id in ids.into_iter().flatten() {
            let Some(execution) = self.by_id.get(id) else { continue };
            let earlier = found.iter_mut().find(|f| (f.pid, f.start) == (execution.pid, execution.start));
            if execution.executed > seen {
                if let Some(earlier) = earlier {
                    earlier.is_replaced = true;
                }
                continue;
            }
            // What was seen may have been done a while ago, but not by who ended before all of that while;
            // and not certainly by this one if the pid had another owner before it was seen.
            let is_possible =
                execution.ended.is_none_or(|end| seen <= end || (seen <= end + KEPT && !execution.is_reused));
            if !is_possible {
                continue;
            }
            match earlier {
                // Ids follow the order of execution: the later image is the one.
                Some(earlier) => *earlier = execution.clone(),
                None => found.push(execution.clone()),
            }
        }
        found
    }

    /// Whether an image of the process that has this pid now is known.
    pub(super) fn knows_running(&self, pid: u32) -> bool {
        let is_running = |id: &u64| self.by_id.get(id).is_some_and(|e| e.ended.is_none());
        self.by_pid.get(&pid).is_some_and(|ids| ids.iter().any(is_running))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::Stat;
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn facts(pid: u32, start: u64, comm: &str) -> Facts {
        let stat =
            Stat { comm: comm.into(), is_zombie: false, is_kernel_thread: false, ppid: 1, start: at(start) };
        Facts {
            pid,
            stat,
            status: None,
            netns: None,
            exe: None,
            cmdline: vec![],
            loginuid: None,
            login: None,
            session: None,
            unit: None,
            container: None,
            parent: None,
        }
    }

    /// Read at once.
    fn insert(cache: &mut Executions, pid: u32, executed: Duration, facts: Option<Facts>) {
        cache.insert(pid, executed, facts, executed);
    }

    fn comms(found: &[Execution]) -> Vec<String> {
        let comm = |e: &Execution| {
            e.facts.as_ref().map_or("?".into(), |f| String::from_utf8_lossy(&f.stat.comm).into_owned())
        };
        found.iter().map(comm).collect()
    }

    #[test]
    fn the_image_at_the_time_is_found_after_the_end() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "sh")));
        insert(&mut cache, 7, at(12), Some(facts(7, 10, "ip")));
        cache.exited(7, at(13));
        assert_eq!(comms(&cache.with_own_pid(7, at(11))), ["sh"]);
        let replaced = |seen| cache.with_own_pid(7, seen).first().is_some_and(|e| e.is_replaced);
        assert!(replaced(at(11)) && !replaced(at(12)));
        assert_eq!(comms(&cache.with_own_pid(7, at(14))), ["ip"]);
        // A pid that was executed later than what was seen is no author.
        assert!(cache.with_own_pid(7, at(9)).is_empty());
        assert!(cache.with_own_pid(7, at(13) + KEPT + at(1)).is_empty());
        assert!(cache.with_own_pid(8, at(14)).is_empty());
    }

    #[test]
    fn the_first_execution_is_that_of_the_process() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        assert_eq!(cache.first_executed(7, at(20)), None);
        insert(&mut cache, 7, at(21), None);
        insert(&mut cache, 7, at(22), Some(facts(7, 20, "ip")));
        assert_eq!(cache.first_executed(7, at(20)), Some(at(21)));
        assert_eq!(cache.first_executed(7, at(10)), Some(at(10)));
        assert_eq!(cache.first_executed(8, at(20)), None);
    }

    #[test]
    fn what_was_read_after_the_next_execution_is_not_believed() {
        let mut cache = Executions::default();
        cache.insert(7, at(10), Some(facts(7, 10, "sleep")), at(13));
        cache.insert(7, at(12), Some(facts(7, 10, "sleep")), at(14));
        assert_eq!(comms(&cache.with_own_pid(7, at(11))), ["?"]);
        assert_eq!(comms(&cache.with_own_pid(7, at(12))), ["sleep"]);
        assert!(!cache.has_unread(at(12)), "whose pid it was is known");
        let bytes = cache.bytes();
        cache.insert(7, at(20), None, at(20));
        cache.insert(7, at(21), Some(facts(7, 10, "nft")), at(21));
        assert_eq!(comms(&cache.with_own_pid(7, at(12))), ["sleep"], "it was read in time");
        assert!(cache.has_unread(at(21)) && cache.bytes() > bytes);
    }

    #[test]
    fn two_owners_of_a_pid_are_two() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        insert(&mut cache, 7, at(20), Some(facts(7, 20, "nft")));
        assert_eq!(comms(&cache.with_own_pid(7, at(15))), ["ip"]);
        assert_eq!(comms(&cache.with_own_pid(7, at(21))), ["ip", "nft"]);
        // One whose image could not be read makes doubt too.
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        insert(&mut cache, 7, at(20), None);
        assert_eq!(comms(&cache.with_own_pid(7, at(21))), ["ip", "?"]);
    }

    #[test]
    fn an_end_that_was_missed_is_inferred() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        insert(&mut cache, 7, at(100), Some(facts(7, 100, "nft")));
        assert_eq!(comms(&cache.with_own_pid(7, at(50))), ["ip"]);
        assert_eq!(comms(&cache.with_own_pid(7, at(100) + KEPT + at(1))), ["nft"]);
    }

    #[test]
    fn a_copy_that_executed_nothing_makes_its_pid_doubtful() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        assert_eq!(comms(&cache.with_own_pid(7, at(15))), ["ip"]);
        cache.exited(7, at(20));
        assert!(cache.with_own_pid(7, at(21)).is_empty());
        assert_eq!(comms(&cache.with_own_pid(7, at(11))), ["ip"]);
    }

    #[test]
    fn a_storm_of_ends_neither_grows_nor_evicts() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        for pid in 1000..200_000 {
            cache.exited(pid, at(12));
        }
        assert_eq!(cache.len(), 1);
        assert_eq!(comms(&cache.with_own_pid(7, at(12))), ["ip"]);
    }

    #[test]
    fn memory_is_bounded_and_what_ended_first_goes_first() {
        let mut cache = Executions::default();
        insert(&mut cache, 1, at(1), Some(facts(1, 1, "systemd")));
        for pid in 2..40_000u32 {
            let mut facts = facts(pid, 2, "ip");
            facts.cmdline = vec![vec![b'x'; 4096].into()];
            insert(&mut cache, pid, at(2), Some(facts));
            cache.exited(pid, at(2));
            assert!(cache.len() <= LIMIT_ENTRIES && cache.bytes() <= LIMIT_BYTES);
        }
        // One that runs stays while there are ended ones to forget.
        assert_eq!(comms(&cache.with_own_pid(1, at(3))), ["systemd"]);
        assert!(cache.with_own_pid(2, at(3)).is_empty());
        assert_eq!(comms(&cache.with_own_pid(39_999, at(3))), ["ip"]);
        for pid in 0..LIMIT_ENTRIES as u32 + 10 {
            insert(&mut cache, 100_000 + pid, at(4), Some(facts(100_000 + pid, 4, "sleep")));
        }
        assert!(cache.len() <= LIMIT_ENTRIES);
        assert!(cache.by_pid.len() <= LIMIT_ENTRIES && cache.ended.len() <= LIMIT_ENTRIES);
        // Time forgets, too.
        cache.exited(200_000, at(5));
        let running = cache.len();
        for pid in 0..LIMIT_ENTRIES as u32 + 10 {
            cache.exited(100_000 + pid, at(5));
        }
        assert_eq!(cache.len(), running);
        cache.exited(200_000, at(5) + KEPT + at(1));
        assert!(cache.len() <= 1, "{}", cache.len());
    }

    #[test]
    fn after_a_loss_only_what_ended_is_remembered() {
        let mut cache = Executions::default();
        insert(&mut cache, 7, at(10), Some(facts(7, 10, "ip")));
        cache.exited(7, at(11));
        insert(&mut cache, 8, at(10), Some(facts(8, 10, "sh")));
        assert!(!cache.has_gap(at(12)) && !cache.has_unread(at(12)));
        cache.lost(at(12));
        assert!(cache.has_gap(at(12)) && !cache.has_gap(at(13) + LAG));
        assert!(cache.with_own_pid(8, at(12)).is_empty());
        assert_eq!(comms(&cache.with_own_pid(7, at(11))), ["ip"]);
        assert!(cache.with_own_pid(7, at(12)).is_empty());
    }
}
