//! What the core tells of nf_tables: the [book](super::nft::Book)'s transactions and deltas, with revisions.

use std::time::{Instant, SystemTime};

use linx_wire::Kind;
use linx_wire::nft::ItemRef;

use super::core::Core;
use super::delta::{Cause, Notice};
use super::nft::Group;
use crate::nft::{Event, Family, Ruleset, Transaction};

impl Core {
    /// The first pull.
    pub(super) fn load(&mut self, ruleset: &Ruleset, now: Instant) {
        if let Some(book) = &mut self.book {
            book.load(ruleset, now);
        }
        self.tasks.set_pulling(false);
    }

    /// A commit, or a part of one.
    pub(super) fn commit(&mut self, commit: &Transaction, now: Instant) {
        let Some(book) = &mut self.book else { return };
        let Some(mut told) = book.commit(commit, now) else { return };
        if !self.synced {
            return;
        }
        self.state.revision += 1;
        self.stats.deltas += told.changes.len() as u64;
        told.revision = self.state.revision;
        if let Some(shadow) = &mut self.shadow {
            shadow.apply(&Notice::Transaction(told.clone()));
        }
        self.log.push(Notice::Transaction(told));
    }

    /// Something that a packet did.
    pub(super) fn packet(&mut self, event: &Event, now: Instant) {
        let group = self.book.as_mut().and_then(|book| book.event(event, now));
        self.tell_group(group, event.time);
    }

    /// Elements whose time ran out.
    pub(super) fn expire(&mut self, time: SystemTime, now: Instant) {
        let group = self.book.as_mut().and_then(|book| book.expire(now));
        self.tell_group(group, time);
    }

    /// The owner of tables is gone.
    pub(super) fn owner_gone(&mut self, portid: u32, time: SystemTime) {
        let groups = self.book.as_mut().map(|book| book.owner_gone(portid)).unwrap_or_default();
        groups.into_iter().for_each(|group| self.tell_group(Some(group), time));
    }

    /// All was pulled again.
    pub(super) fn replace_rules(&mut self, ruleset: &Ruleset, cause: Cause, time: SystemTime, now: Instant) {
        let group = self.book.as_mut().and_then(|book| book.replace(ruleset, cause, now));
        self.tell_group(group, time);
    }

    /// Elements were read again for when they end.
    pub(super) fn renew_elements(&mut self, ruleset: &Ruleset, time: SystemTime, now: Instant) {
        let group = self.book.as_mut().and_then(|book| book.renew(ruleset, Cause::Event, now));
        self.tell_group(group, time);
        self.expire(time, now);
    }

    /// The rules of a table were pulled again for their order.
    pub(super) fn order_rules(
        &mut self,
        family: Family,
        table: &[u8],
        ruleset: &Ruleset,
        time: SystemTime,
        now: Instant,
    ) {
        let group =
            self.book.as_mut().and_then(|book| book.replace_rules(family, table, ruleset, Cause::Event, now));
        self.tell_group(group, time);
    }

    fn tell_group(&mut self, group: Option<Group>, time: SystemTime) {
        let Some(group) = group.filter(|_| self.synced) else { return };
        for delta in group.deltas(self.state.revision + 1, self.state.netns, time) {
            self.state.revision = delta.revision();
            self.stats.deltas += 1;
            match delta.cause() {
                Cause::Implied => self.stats.implied += 1,
                Cause::Resync => self.count_resynced(Kind::Table),
                // Packets add elements to sets in silence.
                Cause::Audit if matches!(delta.object(), Some(ItemRef::Element(_))) => {
                    self.stats.audit_updates += 1;
                }
                Cause::Audit => self.stats.audit_repairs += 1,
                _ => {}
            }
            let notice = Notice::Nft(delta);
            if let Some(shadow) = &mut self.shadow {
                shadow.apply(&notice);
            }
            self.log.push(notice);
        }
    }
}
