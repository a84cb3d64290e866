//! A mirror's nf_tables: its monitor, and what is pulled when. The part of the driver that does this I/O.
//!
//! A pull is of one generation, so the order is certain here, unlike with rtnetlink: after a pull of generation G, all
//! commits up to G have been announced. They are taken first, so that each change is its commit's and its author's; what
//! differs then was missed by nobody but us.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linx_sys::{Netns, RecvBuf};
use linx_wire::Kind;
use linx_wire::nft::SetView;

use super::clock::wall_clock;
use super::core::{Core, Lane};
use super::delta::Cause;
use super::late::{Late, Unsure};
use super::nft::Members;
use super::options::RuleOptions;
use super::witness::Witness;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::monitor::link::Seat;
use crate::monitor::{Barrier, Loss, LossReason, RestartPolicy};
use crate::nft::{self, Family, Monitor, Ruleset};
use crate::request::after;

/// Pause before a rule set is pulled again that did not hold still, or after another loss; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked whether the owners of tables still live.
const OWNERS: Duration = Duration::from_secs(1);
/// Sets with more elements are not compared by the audit.
const LARGE_SET: usize = 10_000;
/// Most tables of which it is listened apart; large sets of others are read after each loss.
const WITNESSES: usize = 16;
/// Notices that are taken at once.
const AT_ONCE: usize = 1024;
/// A pull takes at most one part in so many of the time.
const SHARE: u32 = 4;
/// Attempts of one pull; another follows after a pause.
const RETRIES: u32 = 8;

/// Gives the core, locked, to somebody for a moment.
pub(super) type WithCore<'a> = dyn Fn(&mut dyn FnMut(&mut Core)) + 'a;

/// The monitor of one namespace's rule set.
pub(super) struct Rules {
    monitor: Monitor,
    options: RuleOptions,
    /// When to pull, and why.
    due: Option<(Instant, Cause)>,
    pause: Duration,
    lost: Option<Instant>,
    owners_due: Option<Instant>,
    audit_due: Option<Instant>,
    /// How long the last comparison took.
    audit_cost: Duration,
    barrier: Option<Barrier>,
    loaded: bool,
    /// A notice that was read before its turn.
    held: Option<nft::Notice>,
    /// One for each table with a large set.
    witnesses: Arc<Mutex<Vec<Witness>>>,
    /// What may have been read late.
    late: Late,
}

impl Rules {
    pub(super) fn open(netns: &Netns, rcvbuf: usize, options: RuleOptions, seat: Seat) -> Result<Self> {
        let builder = Monitor::builder().netns(netns).rcvbuf(rcvbuf).follow(false).seat(seat);
        let monitor = builder.supervised(RestartPolicy::default()).subscribe()?;
        Ok(Self {
            monitor,
            options,
            due: Some((Instant::now(), Cause::Resync)),
            pause: FIRST_PAUSE,
            lost: None,
            owners_due: None,
            audit_due: None,
            audit_cost: Duration::ZERO,
            barrier: None,
            loaded: false,
            held: None,
            witnesses: Arc::default(),
            late: Late::new(Instant::now()),
        })
    }

    pub(super) fn deadline(&self, core: &Core) -> Option<Instant> {
        let book = core.book.as_ref().and_then(super::nft::Book::deadline);
        let due = self.due.map(|(due, _)| due);
        let pending = self.monitor.has_pending().then(Instant::now);
        let held = self.held.is_some().then(Instant::now);
        let late = self.late.deadline().filter(|_| !self.is_lost());
        let others = [self.owners_due, self.audit_due, self.monitor.deadline()];
        let times = [due, book, pending, held, late].into_iter().chain(others);
        times.flatten().min()
    }

    /// The buffer that it receives into, to be lent before it is asked for anything.
    pub(super) fn buf_mut(&mut self) -> &mut RecvBuf {
        self.monitor.buf_mut()
    }

    pub(super) fn set_rcvbuf(&mut self, bytes: usize) {
        self.monitor.set_rcvbuf(bytes);
    }

    /// Takes what was announced; true when there may be more.
    pub(super) fn intake(&mut self, core: &mut Core, now: Instant) -> Result<bool> {
        let begun = Instant::now();
        for _ in 0..AT_ONCE {
            match self.next()? {
                Some(notice) => self.take(notice, core, Instant::now()),
                None => {
                    self.late.read_until(begun);
                    core.expire(wall_clock(), now);
                    if let Some(sure) = core.book.as_ref().and_then(super::nft::Book::sure) {
                        locked(&self.witnesses).iter_mut().for_each(|witness| witness.read(sure));
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<nft::Notice>> {
        match self.held.take() {
            Some(notice) => Ok(Some(notice)),
            None => self.monitor.try_recv(),
        }
    }

    fn take(&mut self, notice: nft::Notice, core: &mut Core, now: Instant) {
        use crate::monitor::Notice;
        match notice {
            // Before the first pull there is nothing that could be changed.
            Notice::Transaction(commit) if self.loaded => {
                core.stats.events += commit.changes.len() as u64;
                core.expire(commit.time, now);
                core.commit(&commit, now);
                self.late.note(core, now);
            }
            Notice::Event(event) if self.loaded => {
                core.stats.events += 1;
                core.packet(&event, now);
            }
            Notice::ResyncNeeded(loss) => self.lose(loss, core, now),
            Notice::Spoofed { .. } => core.stats.spoofed += 1,
            Notice::Barrier(reached) if Some(reached) == self.barrier => self.barrier = None,
            _ => {}
        }
    }

    fn lose(&mut self, loss: Loss, core: &mut Core, now: Instant) {
        self.barrier = None;
        if self.loaded {
            self.doubt(loss, core, now);
        }
    }

    /// The kernel does not answer what it has to be asked for: that is in doubt until all was pulled.
    fn refused(&mut self, core: &WithCore<'_>) {
        if self.is_lost() {
            return;
        }
        let rcvbuf_bytes = usize::try_from(self.monitor.control().stats().rcvbuf_bytes).unwrap_or(usize::MAX);
        let mut loss = Some(Loss { reason: LossReason::Gap, drops: 0, rcvbuf_bytes });
        core(&mut |core| {
            if let Some(loss) = loss.take() {
                self.doubt(loss, core, Instant::now());
            }
        });
    }

    fn doubt(&mut self, loss: Loss, core: &mut Core, now: Instant) {
        core.lost(Lane::Nft, loss, wall_clock(), now);
        let is_calm = self.lost.is_none_or(|lost| now.saturating_duration_since(lost) > LONGEST_PAUSE * 5);
        self.pause = if is_calm { FIRST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        self.lost = Some(now);
        let due = if is_calm { now } else { after(now, self.pause) };
        self.due = Some((due, Cause::Resync));
        core.tasks.set_pulling(true);
    }

    /// Pulls what is due; false when nothing was.
    pub(super) fn pull(&mut self, handle: &Handle, core: &WithCore<'_>, now: Instant) -> Result<bool> {
        if self.loaded {
            self.look_at_owners(handle, core, now);
            self.audit(core, now);
        }
        let mut doubtful = Vec::new();
        core(&mut |core| doubtful = core.book.as_ref().map(super::nft::Book::doubtful).unwrap_or_default());
        for (family, table) in doubtful {
            // All of it is going to be read, and the order with it.
            if self.is_lost() {
                break;
            }
            self.pull_order(handle, core, family, &table)?;
        }
        while !self.is_lost() {
            let Some(unsure) = self.late.next(Instant::now()) else { break };
            self.pull_late(handle, core, unsure)?;
        }
        let Some((_, cause)) = self.due.filter(|(due, _)| *due <= now) else { return Ok(false) };
        let begun = Instant::now();
        match self.read(handle, core, cause) {
            Ok(Some(ruleset)) => {
                self.due = None;
                self.publish(&ruleset, core, cause)?;
                self.keep_witnesses(handle, core, cause == Cause::Resync);
                let ended = Instant::now();
                self.audit_due = None;
                if cause == Cause::Audit {
                    self.audit_cost = ended.saturating_duration_since(begun);
                    core(&mut |core| core.stats.audits += 1);
                }
                // A loss that came meanwhile is due, but not at once.
                let rest = (ended.saturating_duration_since(begun) * (SHARE - 1)).min(LONGEST_PAUSE);
                if let Some((due, _)) = &mut self.due {
                    *due = (*due).max(after(ended, rest));
                }
            }
            Ok(None) => self.due = None,
            Err(error) if error.kind == ErrorKind::NamespaceGone => return Err(error),
            Err(error) => {
                if !self.loaded && !is_passing(&error) {
                    return Err(error);
                }
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                self.due = Some((after(Instant::now(), self.pause), cause));
            }
        }
        core(&mut |core| {
            core.tasks.set_pulling(self.due.is_some());
            core.begin_if_read(Instant::now());
            core.settle(wall_clock(), Instant::now());
        });
        Ok(true)
    }

    /// What is mirrored, of one generation; `None`: nothing is to be compared.
    fn read(&self, handle: &Handle, core: &WithCore<'_>, cause: Cause) -> Result<Option<Ruleset>> {
        let (mut state, mut sure) = (None, None);
        core(&mut |core| {
            state = core.book.as_ref().map(|book| book.state().clone());
            sure = core.book.as_ref().and_then(super::nft::Book::sure);
        });
        let state = state.unwrap_or_default();
        let mut pull = nft::pull(handle).retries(RETRIES);
        if let Some((family, name)) = &self.options.table {
            pull = pull.table(*family, name);
        }
        pull = match cause {
            _ if self.options.without_elements => pull.without_elements(),
            // Large sets are compared on request alone, and a request is a new mirror.
            Cause::Audit => {
                pull.elements_of(move |set| state.size_of(set).is_none_or(|size| size <= LARGE_SET))
            }
            _ => {
                let now = nft::generation(handle)?;
                let witnesses = Arc::clone(&self.witnesses);
                // It is asked when the pull has waited for the end of all commits that it is of.
                pull.elements_of(move |set| {
                    let table = (set.family(), set.table().as_bytes());
                    let mut witnesses = locked(&witnesses);
                    let witness = witnesses.iter_mut().find(|witness| witness.table() == table);
                    let is_untouched = witness.zip(sure).is_some_and(|(it, sure)| it.is_untouched(sure, now));
                    state.is_suspect(set, is_untouched)
                })
            }
        };
        match pull.ruleset() {
            Ok(ruleset) => Ok(Some(ruleset)),
            // The one table that is mirrored is not there.
            Err(error) if error.errno() == Some(ENOENT) => {
                Ok(Some(Ruleset::empty(nft::generation(handle)?, handle.netns_cookie())))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the commits up to the generation that was pulled, then what still differs.
    fn publish(&mut self, ruleset: &Ruleset, core: &WithCore<'_>, cause: Cause) -> Result<()> {
        let generation = ruleset.generation();
        if !self.loaded {
            self.loaded = true;
            core(&mut |core| core.load(ruleset, Instant::now()));
            return Ok(());
        }
        let mut outcome = Ok(());
        core(&mut |core| {
            outcome = self.take_until(generation, core);
            if outcome.is_err() {
                return;
            }
            if ruleset.has_all_elements() {
                self.late.clear();
            }
            let now = Instant::now();
            core.expire(wall_clock(), now);
            if cause == Cause::Resync {
                let unread = ruleset.sets().filter(|set| !ruleset.has_elements_of(set));
                let book = core.book.as_ref();
                let sizes = unread.filter_map(|set| book?.state().size_of(&set));
                let spared: usize = sizes.filter(|size| *size > LARGE_SET).sum();
                core.stats.elements_spared += spared as u64;
            }
            core.replace_rules(ruleset, cause, wall_clock(), now);
        });
        outcome
    }

    /// Pulls the rules of a table whose order is in doubt.
    fn pull_order(
        &mut self,
        handle: &Handle,
        core: &WithCore<'_>,
        family: Family,
        table: &[u8],
    ) -> Result<()> {
        let pulled = nft::pull(handle).table(family, table).without_elements().retries(RETRIES).ruleset();
        let ruleset = match pulled {
            Ok(ruleset) => ruleset,
            Err(error) if error.errno() == Some(ENOENT) => {
                Ruleset::empty(nft::generation(handle)?, handle.netns_cookie())
            }
            Err(error) if error.kind == ErrorKind::NamespaceGone => return Err(error),
            // Soon. What was announced is in doubt, nothing was lost.
            Err(error) if is_passing(&error) => {
                self.due.get_or_insert((after(Instant::now(), self.pause), Cause::Event));
                return Ok(());
            }
            Err(_) => {
                self.refused(core);
                return Ok(());
            }
        };
        let mut outcome = Ok(());
        core(&mut |core| {
            outcome = self.take_until(ruleset.generation(), core);
            if outcome.is_ok() {
                core.order_rules(family, table, &ruleset, wall_clock(), Instant::now());
            }
        });
        outcome
    }

    /// Takes the commits up to a generation.
    fn take_until(&mut self, generation: u32, core: &mut Core) -> Result<()> {
        while let Some(notice) = self.next()? {
            match notice {
                crate::monitor::Notice::Transaction(commit) if is_later(&commit, generation) => {
                    self.held = Some(crate::monitor::Notice::Transaction(commit));
                    break;
                }
                notice => self.take(notice, core, Instant::now()),
            }
        }
        Ok(())
    }

    /// Whether commits were lost, and are not made up for yet: what is missing then may have been deleted.
    fn is_lost(&self) -> bool {
        matches!(self.due, Some((_, Cause::Resync)))
    }

    /// Reads elements of which it is not known when they end.
    fn pull_late(&mut self, handle: &Handle, core: &WithCore<'_>, unsure: Unsure) -> Result<()> {
        let begun = Instant::now();
        let wanted = unsure.sets.clone();
        let pull = nft::pull(handle).table(unsure.family, &unsure.table).kinds(&[Kind::Set, Kind::Elements]);
        let pull = pull.elements_of(move |set| wanted.contains(set.name().as_bytes()));
        let outcome = pull.retries(RETRIES).ruleset();
        self.late.took(begun, Instant::now());
        match outcome {
            Ok(ruleset) => {
                let mut outcome = Ok(());
                core(&mut |core| {
                    outcome = self.take_until(ruleset.generation(), core);
                    if outcome.is_ok() && !self.is_lost() {
                        core.expire(wall_clock(), Instant::now());
                        core.renew_elements(&ruleset, wall_clock(), Instant::now());
                    }
                });
                if self.is_lost() {
                    self.late.put_back(unsure);
                }
                outcome
            }
            Err(error) if error.kind == ErrorKind::NamespaceGone => Err(error),
            // The table is gone, and that is being announced.
            Err(error) if error.errno() == Some(ENOENT) => Ok(()),
            Err(error) => {
                self.late.put_back(unsure);
                if !is_passing(&error) {
                    self.refused(core);
                }
                Ok(())
            }
        }
    }

    /// Tables go with the socket of their owner, without a word (KERNEL.md 1.6).
    fn look_at_owners(&mut self, handle: &Handle, core: &WithCore<'_>, now: Instant) {
        let mut owners = Vec::new();
        core(&mut |core| owners = core.book.as_ref().map(super::nft::Book::owners).unwrap_or_default());
        if owners.is_empty() {
            self.owners_due = None;
            return;
        }
        if self.owners_due.is_some_and(|due| due > now) {
            return;
        }
        self.owners_due = Some(after(now, OWNERS));
        let text = handle.netns().run(|| std::fs::read_to_string("/proc/thread-self/net/netlink"));
        let Ok(Ok(text)) = text else { return };
        let living = portids(&text);
        for owner in owners.into_iter().filter(|owner| !living.contains(owner)) {
            core(&mut |core| core.owner_gone(owner, wall_clock()));
        }
    }

    /// After a pull: a witness for each table with a large set.
    fn keep_witnesses(&mut self, handle: &Handle, core: &WithCore<'_>, is_resync: bool) {
        if self.options.without_elements {
            return;
        }
        let (mut large, mut sure) = (Vec::new(), None);
        core(&mut |core| {
            let Some(book) = &core.book else { return };
            sure = book.sure();
            let sets = book.state().sets().filter(|set| set.len() > LARGE_SET).map(Members::set);
            large = sets.map(|set| (set.family(), Box::<[u8]>::from(set.table().as_bytes()))).collect();
        });
        large.dedup();
        large.truncate(WITNESSES);
        let is_of = |witness: &Witness, table: &(u8, Box<[u8]>)| witness.table() == (table.0, &*table.1);
        let mut witnesses = locked(&self.witnesses);
        witnesses.retain(|witness| large.iter().any(|table| is_of(witness, table)));
        if let Some(sure) = sure.filter(|_| is_resync) {
            witnesses.iter_mut().for_each(|witness| witness.restart(sure));
        }
        for table in large {
            if !witnesses.iter().any(|witness| is_of(witness, &table)) {
                // Where there can be none, the set is read after a loss.
                let ask = || nft::generation(handle).ok();
                witnesses.extend(Witness::new(handle.netns(), table.0, &table.1, ask));
            }
        }
    }

    fn audit(&mut self, core: &WithCore<'_>, now: Instant) {
        let mut interval = None;
        core(&mut |core| interval = core.options.audit.filter(|_| core.synced));
        let Some(interval) = interval else { return };
        // At most one part in a hundred of the time.
        let next = after(now, interval.max(self.audit_cost.saturating_mul(100)));
        match self.audit_due {
            None => self.audit_due = Some(next),
            Some(due) if due <= now => {
                // Also where a pull is due anyway: it compares as much.
                self.audit_due = Some(next);
                self.due.get_or_insert((now, Cause::Audit));
            }
            Some(_) => {}
        }
    }

    /// Compares everything now.
    pub(super) fn audit_now(&mut self, now: Instant) {
        self.due.get_or_insert((now, Cause::Audit));
    }

    pub(super) fn mark(&mut self) -> Result<()> {
        self.barrier = Some(self.monitor.barrier()?);
        Ok(())
    }

    pub(super) fn is_marked(&self) -> bool {
        self.barrier.is_some()
    }

    /// Whether nothing is to be pulled.
    pub(super) fn is_idle(&self) -> bool {
        // When elements end may be asked later: that is not waited for.
        let is_late = self.late.deadline().is_some_and(|due| due <= Instant::now());
        self.due.is_none() && self.held.is_none() && !is_late && self.loaded
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a pull that failed may succeed the next time.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Changing { .. } | ErrorKind::Torn | ErrorKind::Timeout)
}

/// Whether a commit is not in what was pulled.
fn is_later(commit: &nft::Transaction, pulled: u32) -> bool {
    commit
        .generation
        .is_some_and(|generation| generation != pulled && generation.wrapping_sub(pulled) < 1 << 31)
}

const ENOENT: i32 = 2;

/// The portids of nf_tables' sockets in `/proc/net/netlink`.
fn portids(text: &str) -> Vec<u32> {
    let of = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_netfilter = words.next() == Some("12");
        words.next()?.parse().ok().filter(|_| is_netfilter)
    };
    text.lines().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
