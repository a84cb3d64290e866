//! From a port id to a process: the open socket first, then the pid, each with what speaks against it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use linx_sys::{Netns, Protocol};

use super::cache::Execution;
use super::feed::{Bell, Memory, TICK};
use super::memo::{Memo, Proof};
use super::procfs::{self, Facts, Nested, Procfs};
use super::{Author, Certainty, parse};

/// The longest that a question waits for the executions up to its event to be heard.
const CATCH_UP: Duration = Duration::from_millis(200);
/// A process that was executed this short a time before may be a one-shot command that has entered the
/// event's namespace since.
const FRESH: Duration = Duration::from_secs(5);
/// The list of nested processes is read again when it is older.
const NESTED_AGE: Duration = Duration::from_secs(1);
/// Looks at who holds a socket, before several holders count as several.
const LOOKS: u32 = 3;
/// Milliseconds that a one-shot command is given to end after its change.
const MOMENTS: u32 = 10;
/// Namespaces whose inode is remembered.
const INODES: usize = 4096;
/// Where the answers about tasks are remembered: no namespace's cookie is this.
const TASKS: u64 = u64::MAX;
/// The socket table of the calling thread's namespace.
const TABLE: &str = "/proc/thread-self/net/netlink";

/// All that resolving needs; the threads share it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) procfs: Arc<Procfs>,
    pub(super) memory: Arc<Memory>,
    pub(super) memo: Arc<Memo>,
    /// Set once, when executions are heard.
    pub(super) bell: OnceLock<Arc<Bell>>,
    /// Port ids and task ids can be compared with the pids of `/proc`.
    is_initial: bool,
    own_cookie: u64,
    own_inode: Option<u64>,
    inodes: Mutex<HashMap<u64, u64>>,
    nested: Mutex<(Duration, Arc<[Nested]>)>,
    kernel: Arc<Author>,
}

/// A process that may have been it.
#[derive(Debug)]
struct Candidate {
    facts: Arc<Facts>,
    executed: Duration,
    is_alive: bool,
    /// It executed something else after the event was seen.
    is_replaced: bool,
}

/// What speaks for a process beside its pid.
enum Borne {
    No,
    /// It has ended, as who made a change and closed its socket may well have.
    ByItsEnd,
    /// The socket is open, and nobody else can be the one who has it.
    BySocket(u64),
}

/// Instead of a descriptor that cannot be seen: it holds for the moment, and is found anew after that.
const UNREADABLE: u32 = u32::MAX;

enum Holder {
    One(Box<Facts>, u32),
    /// Several processes have the socket open, and none of them is told from the others.
    Several,
    /// Nobody has, whose descriptors can be read.
    Nobody,
}

impl Core {
    pub(super) fn new() -> Result<Self, linx_sys::Error> {
        let host = Netns::host()?;
        Ok(Self {
            procfs: Arc::new(Procfs::new()),
            memory: Arc::default(),
            memo: Arc::default(),
            bell: OnceLock::new(),
            is_initial: linx_sys::in_initial_pid_namespace() == Some(true),
            own_cookie: host.cookie()?,
            own_inode: own_inode(),
            inodes: Mutex::default(),
            nested: Mutex::new((Duration::ZERO, Arc::from([]))),
            kernel: Arc::new(Author::of_portid(0)),
        })
    }

    pub(super) fn known(&self, cookie: u64, portid: u32, seen: Duration) -> Option<Arc<Author>> {
        if portid == 0 {
            return Some(Arc::clone(&self.kernel));
        }
        self.memo.recall((cookie, portid), seen, &self.procfs)
    }

    pub(super) fn resolve(&self, netns: &Netns, cookie: u64, portid: u32, seen: Duration) -> Arc<Author> {
        if let Some(author) = self.known(cookie, portid, seen) {
            return author;
        }
        // Before anything else: a one-shot command is gone the next moment.
        let early = if self.is_initial { self.procfs.now(portid) } else { None };
        let is_counted = self.catch_up(seen) && !self.heard(|executions| executions.has_gap(seen));
        let found = self.find(netns, cookie, portid, seen, early, is_counted);
        let Some((facts, proof)) = found else {
            let author = Arc::new(Author::of_portid(portid));
            self.memo.keep((cookie, portid), &author, None, seen);
            return author;
        };
        let author = Arc::new(facts.author(Some(portid), None, Certainty::Likely));
        if proof.is_some() {
            self.memo.keep((cookie, portid), &author, proof, seen);
        }
        author
    }

    /// Whether all executions up to then have been heard.
    fn catch_up(&self, to: Duration) -> bool {
        self.bell.get().is_some_and(|bell| bell.catch_up(to, CATCH_UP))
    }

    /// Executions that were heard. What was read of an image may be of the next one: the executions up to the reading
    /// must have been heard, which tell that.
    fn executions(&self, ask: impl Fn(&super::cache::Executions) -> Vec<Execution>) -> Vec<Execution> {
        let found = self.heard(&ask);
        match found.iter().filter_map(|execution| execution.read).max() {
            Some(read) if self.catch_up(read) => self.heard(&ask),
            Some(_) => Vec::new(),
            None => found,
        }
    }

    /// The process, and what that stands on; `None` where the answer does not hold for later events.
    fn find(
        &self,
        netns: &Netns,
        cookie: u64,
        portid: u32,
        seen: Duration,
        early: Option<Facts>,
        is_counted: bool,
    ) -> Option<(Arc<Facts>, Option<Proof>)> {
        let place = self.inode_of(netns, cookie);
        let socket =
            self.table(netns, cookie).and_then(|t| parse::netlink_socket(&t, Protocol::ROUTE.0, portid));
        if let Some(socket) = socket {
            match self.holder(socket, seen) {
                Holder::One(facts, descriptor) => {
                    let (pid, start) = (facts.pid, facts.stat.start);
                    let (facts, is_replaced) = self.with_what_was_heard(*facts, seen)?;
                    let proof = Proof { pid, start, socket: Some((socket, descriptor)) };
                    return Some((facts, (!is_replaced).then_some(proof)));
                }
                Holder::Several => return None,
                Holder::Nobody => {}
            }
        }
        if !self.is_initial {
            return None;
        }
        let chosen = self.choose(self.candidates(portid, seen, early)?, place, seen)?;
        let proof = Proof { pid: chosen.facts.pid, start: chosen.facts.stat.start, socket: None };
        // One of another pid namespace that is gone may have had the number, if it was not counted or not read.
        let is_shared = || self.nested(seen).iter().any(|n| n.netns.is_none() || n.netns == place);
        if is_counted && !(self.heard(|executions| executions.has_unread(seen)) && is_shared()) {
            return Some((chosen.facts, (!chosen.is_replaced).then_some(proof)));
        }
        let socket = || parse::netlink_socket(&self.table(netns, cookie)?, Protocol::ROUTE.0, portid);
        match self.bear_out(&chosen, place, socket) {
            Borne::No => None,
            Borne::ByItsEnd => Some((chosen.facts, None)),
            Borne::BySocket(socket) => {
                Some((chosen.facts, Some(Proof { socket: Some((socket, UNREADABLE)), ..proof })))
            }
        }
    }

    /// What speaks for a process beside its pid. A one-shot command is at its end by now; of another user's the socket may be
    /// open still, unless somebody nested has it.
    fn bear_out(&self, chosen: &Candidate, place: Option<u64>, socket: impl Fn() -> Option<u64>) -> Borne {
        for _ in 0..MOMENTS {
            let now = self.procfs.stat(chosen.facts.pid);
            if !now.is_some_and(|now| now.start == chosen.facts.stat.start && !now.is_zombie) {
                return Borne::ByItsEnd;
            }
            if let Some(open) = socket() {
                // Read while it was open: whoever has it was there.
                let own_pid = chosen.facts.own_pid();
                let is_another = |n: &Nested| {
                    n.own_pid == own_pid
                        && n.pid != chosen.facts.pid
                        && (n.netns.is_none() || n.netns == place)
                };
                if !procfs::nested().iter().any(is_another) && socket() == Some(open) {
                    return Borne::BySocket(open);
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Borne::No
    }

    /// The process that has the socket open. A socket may have been handed on, and copies of a process share
    /// theirs: of several holders any may have used it, the one whose pid the port id is no more than another (what
    /// systemd opens for networkd has systemd's).
    fn holder(&self, socket: u64, seen: Duration) -> Holder {
        let held = |pid: u32| {
            let descriptor = procfs::descriptor_of(pid, socket)?;
            let facts = self.procfs.now(pid)?;
            (facts.stat.start <= seen && !facts.stat.is_zombie).then_some((facts, descriptor))
        };
        for attempt in 1.. {
            let processes = linx_sys::processes().unwrap_or_default();
            let mut holders = processes.into_iter().filter_map(held);
            match (holders.next(), holders.next()) {
                (None, _) => return Holder::Nobody,
                (Some((facts, descriptor)), None) => return Holder::One(Box::new(facts), descriptor),
                (Some(_), Some(_)) if attempt == LOOKS => break,
                // A copy that is about to execute something closes it by that.
                (Some(_), Some(_)) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Holder::Several
    }

    /// The processes whose pid, in their own pid namespace, was `portid`; `None` when there was one of which
    /// nothing is known.
    fn candidates(&self, portid: u32, seen: Duration, early: Option<Facts>) -> Option<Vec<Candidate>> {
        let mut found = Vec::new();
        for execution in self.executions(|executions| executions.with_own_pid(portid, seen)) {
            let Execution { facts, executed, is_replaced, .. } = execution;
            found.push(Candidate { facts: facts?, executed, is_alive: false, is_replaced });
        }
        let nested = self.nested(seen);
        let nested = nested.iter().filter(|n| n.own_pid == portid).filter_map(|n| self.procfs.now(n.pid));
        for now in early.into_iter().chain(nested) {
            let pid = now.pid;
            if now.own_pid() != portid || now.stat.start > seen || now.stat.is_kernel_thread {
                continue;
            }
            let is_alive = !now.stat.is_zombie;
            let heard = found
                .iter_mut()
                .find(|candidate| (candidate.facts.pid, candidate.facts.stat.start) == (pid, now.stat.start));
            match heard {
                Some(candidate) => {
                    candidate.is_alive = is_alive;
                    candidate.is_replaced |= is_other_image(&now, &candidate.facts);
                    if is_alive && !candidate.is_replaced {
                        candidate.facts = Arc::new(merged(now, &candidate.facts));
                    }
                }
                None if self.is_later(&now, seen) => {}
                None => {
                    let executed = now.stat.start;
                    let facts = Arc::new(now);
                    found.push(Candidate { facts, executed, is_alive, is_replaced: false });
                }
            }
        }
        Some(found)
    }

    /// Which of them it was, if that can be told. `place` is the inode of the event's namespace.
    fn choose(&self, candidates: Vec<Candidate>, place: Option<u64>, seen: Duration) -> Option<Candidate> {
        let is_there = |candidate: &Candidate| {
            place.is_some_and(|place| {
                candidate.facts.netns == Some(place)
                    || (candidate.is_alive && procfs::has_thread_in(candidate.facts.pid, place))
            })
        };
        let (mut there, elsewhere): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_there);
        let nested = || self.nested(seen);
        let is_here = |n: &Nested| n.netns.is_none() || n.netns == place;
        if let Some(candidate) = there.pop() {
            // Two of them: it cannot be told.
            return there.is_empty().then_some(candidate);
        }
        // `ip -n NAME` is executed in one namespace and acts in another, and of a zombie the namespace cannot
        // be read: one that was executed just before, may enter namespaces, and could be nobody else there.
        let mut entered = elsewhere.into_iter().filter(|candidate| {
            let facts = &candidate.facts;
            let may_enter = facts.netns.is_none() || facts.status.as_ref().is_none_or(|s| s.is_admin);
            !facts.is_nested() && may_enter && seen <= candidate.executed + FRESH
        });
        let candidate = entered.next()?;
        (entered.next().is_none() && !nested().iter().any(is_here)).then_some(candidate)
    }

    /// The processes in other pid namespaces, at most [`NESTED_AGE`] old.
    fn nested(&self, seen: Duration) -> Arc<[Nested]> {
        let mut nested = self.nested.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, list) = &mut *nested;
        if *read + NESTED_AGE < seen || *read == Duration::ZERO {
            *read = linx_sys::boottime();
            *list = procfs::nested().into();
        }
        Arc::clone(list)
    }

    pub(super) fn of_task(&self, tid: u32, comm: &[u8], portid: Option<u32>, seen: Duration) -> Arc<Author> {
        let unknown =
            Author { portid, tid: Some(tid), comm: Some(comm.into()), ..Author::nobody(Certainty::Certain) };
        if !self.is_initial {
            return Arc::new(unknown);
        }
        self.catch_up(seen);
        let Some((facts, proof)) = self.task(tid, comm, seen) else { return Arc::new(unknown) };
        // The thread's own name, which need not be the process's.
        let author =
            Author { comm: Some(comm.into()), ..facts.author(portid, Some(tid), Certainty::Certain) };
        let author = Arc::new(author);
        // Of another thread than the first, only the process is looked at again.
        if proof.is_some_and(|proof| proof.pid == tid) {
            self.memo.keep((TASKS, tid), &author, proof, seen);
        }
        author
    }

    pub(super) fn complete(&self, process: &Arc<Author>, seen: Duration) -> Arc<Author> {
        let (Some(tid), Some(comm)) = (process.tid, &process.comm) else { return Arc::clone(process) };
        match self.known_task(process, seen) {
            Some(author) => author,
            None => self.of_task(tid, comm, process.portid, seen),
        }
    }

    /// What was resolved lately of this very task; where it cannot be resolved at all, what there is.
    pub(super) fn known_task(&self, process: &Arc<Author>, seen: Duration) -> Option<Arc<Author>> {
        let (Some(tid), true) = (process.tid, self.is_initial) else { return Some(Arc::clone(process)) };
        let author = self.memo.recall((TASKS, tid), seen, &self.procfs)?;
        if author.comm != process.comm {
            return None;
        }
        if author.portid == process.portid {
            return Some(author);
        }
        // Another socket of the same thread.
        Some(Arc::new(Author { portid: process.portid, ..Author::clone(&author) }))
    }

    /// The process that a task is of, and what later questions may rely on.
    fn task(&self, tid: u32, comm: &[u8], seen: Duration) -> Option<(Arc<Facts>, Option<Proof>)> {
        let thread = self.procfs.thread(tid).filter(|(stat, _)| stat.comm == comm && stat.start <= seen);
        if let Some((stat, pid)) = thread {
            let now = self.procfs.now(pid).filter(|now| now.stat.start <= stat.start)?;
            let proof = Proof { pid, start: now.stat.start, socket: None };
            let (facts, is_replaced) = self.with_what_was_heard(now, seen)?;
            return Some((facts, (!is_replaced).then_some(proof)));
        }
        let mut heard = self.executions(|executions| executions.with_pid(tid, seen));
        match (heard.pop(), heard.is_empty()) {
            (Some(execution), true) => {
                let facts = execution.facts.filter(|facts| facts.stat.comm == comm)?;
                Some((facts, None))
            }
            _ => None,
        }
    }

    /// What `/proc` says now, and for what it does not say any more, what was read when it was executed; and whether
    /// the process executed something else since, in which case what it is now did not do it; `None` where what it was
    /// could not be read.
    fn with_what_was_heard(&self, now: Facts, seen: Duration) -> Option<(Arc<Facts>, bool)> {
        let heard = self.executions(|executions| executions.with_pid(now.pid, seen));
        let same = heard.into_iter().find(|execution| execution.start == now.stat.start);
        if same.is_none() && self.is_later(&now, seen) {
            return None;
        }
        let is_replaced = same.as_ref().is_some_and(|execution| execution.is_replaced);
        match same.and_then(|execution| execution.facts) {
            Some(facts) if is_replaced || is_other_image(&now, &facts) => Some((facts, true)),
            Some(facts) if now.stat.is_zombie => Some((facts, false)),
            Some(facts) => Some((Arc::new(merged(now, &facts)), false)),
            None => (!is_replaced).then(|| (Arc::new(now), false)),
        }
    }

    /// Whether a process that had executed nothing yet when the event was seen is a later one, or has become another
    /// since, as far as that can be told: its start is told in ticks.
    fn is_later(&self, now: &Facts, seen: Duration) -> bool {
        // What it is was executed before it was read.
        self.catch_up(linx_sys::boottime());
        match self.heard(|executions| executions.first_executed(now.pid, now.stat.start)) {
            Some(executed) => executed > seen,
            // A copy. The numbers of a container begin anew with the next one, those of the machine after all others.
            None => now.is_nested() && seen < now.stat.start + TICK,
        }
    }

    fn heard<R>(&self, ask: impl FnOnce(&super::cache::Executions) -> R) -> R {
        ask(&self.memory.executions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The text of `/proc/net/netlink` inside the namespace; `None` where it cannot be entered, or the handle
    /// leads to another one by now.
    fn table(&self, netns: &Netns, cookie: u64) -> Option<Vec<u8>> {
        if cookie == self.own_cookie && own_inode() == self.own_inode {
            return std::fs::read(TABLE).ok();
        }
        let read = || {
            let is_it = Netns::host().ok()?.cookie().ok()? == cookie;
            is_it.then(|| std::fs::read(TABLE).ok())?
        };
        netns.run(read).ok()?
    }

    /// The inode of the namespace, by which `/proc/PID/ns/net` names it while it lives.
    fn inode_of(&self, netns: &Netns, cookie: u64) -> Option<u64> {
        let mut inodes = self.inodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inode) = inodes.get(&cookie) {
            return Some(*inode);
        }
        let fd = netns.open().ok()?;
        let pinned = Netns::fd(fd.try_clone().ok()?).ok()?;
        if pinned.cookie().ok()? != cookie {
            return None;
        }
        let inode = inode(fd)?;
        if inodes.len() >= INODES {
            inodes.clear();
        }
        inodes.insert(cookie, inode);
        Some(inode)
    }
}

/// Whether a process has executed something else than it had: of the execution itself nothing may be heard yet.
fn is_other_image(now: &Facts, executed: &Facts) -> bool {
    matches!((&now.exe, &executed.exe), (Some(now), Some(then)) if now != then)
}

/// What is true now; what could not be read of a process that was just ending is taken from when it was
/// executed, and so is the parent: when that ends, another takes its place.
fn merged(now: Facts, executed: &Facts) -> Facts {
    let then = executed.clone();
    Facts {
        status: now.status.or(then.status),
        netns: now.netns.or(then.netns),
        exe: now.exe.or(then.exe),
        cmdline: if now.cmdline.is_empty() { then.cmdline } else { now.cmdline },
        loginuid: now.loginuid.or(then.loginuid),
        login: now.login.or(then.login),
        session: now.session.or(then.session),
        unit: now.unit.or(then.unit),
        container: now.container.or(then.container),
        parent: then.parent.or(now.parent),
        pid: now.pid,
        stat: now.stat,
    }
}

/// The inode of the calling thread's namespace.
fn own_inode() -> Option<u64> {
    std::fs::metadata("/proc/thread-self/ns/net").ok().map(|file| file.ino())
}

fn inode(fd: OwnedFd) -> Option<u64> {
    std::fs::File::from(fd).metadata().ok().map(|file| file.ino())
}
