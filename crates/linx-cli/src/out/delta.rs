//! Lines of what really changed.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use linx::author::{Author, Certainty};
use linx::json::{Elsewhere, Head, NetnsTag, Op, Told};
use linx::mirror::{Change, Delta, Moved};
use linx::names::{LinkNames, Peers};
use linx::{ObjectRef, text};

use super::fold::grouped;
use super::human::{self, Sign};
use super::printer::{Printer, context, remembered};
use crate::place::Place;

/// A namespace at the other end of a move: its name for people, and for records.
pub(crate) type There = (String, NetnsTag);

/// What is told of a delta beside itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Aside<'a> {
    pub(crate) author: Option<&'a Arc<Author>>,
    /// The line that it follows from.
    pub(crate) trigger: Option<u64>,
    /// The names of links, where those of its moment lack its own.
    pub(crate) links: Option<&'a LinkNames>,
    /// The namespaces at the other ends of links.
    pub(crate) peers: Option<&'a dyn Peers>,
    /// Where the link that is gone is now, as far as that is known.
    pub(crate) moved_to: Option<(Option<&'a There>, Moved)>,
    /// Where the link that came was: the namespace, its index and its name there.
    pub(crate) moved_from: Option<(&'a There, u32, &'a str)>,
    /// What became of it right after it came: how many changes, in which time, and how it is since.
    pub(crate) joined: Option<(u32, Duration, &'a Delta)>,
}

/// The cause of what was found by comparing states.
pub(super) const RESYNC: &str = "resync";

/// What became of an object, and the object as it is, or was last.
fn difference_of<'a>(
    before: Option<ObjectRef<'a>>,
    after: Option<ObjectRef<'a>>,
) -> Option<(Change, ObjectRef<'a>)> {
    Some(match (before, after) {
        (Some(before), None) => (Change::Removed, before),
        (None, after) => (Change::Added, after?),
        (Some(_), Some(after)) => (Change::Changed, after),
    })
}

/// The operation of a change.
pub(crate) fn op_of(change: Change) -> Op {
    match change {
        Change::Added => Op::Added,
        Change::Changed => Op::Changed,
        Change::Removed => Op::Removed,
    }
}

/// The sign of a change.
pub(crate) fn sign_of(change: Change) -> Sign {
    match change {
        Change::Added => Sign::Plus,
        Change::Changed => Sign::Tilde,
        Change::Removed => Sign::Minus,
    }
}

impl Printer {
    /// A delta; the number of its line.
    pub(crate) fn delta(&mut self, place: &Place, delta: &Delta, aside: &Aside<'_>) -> u64 {
        if self.layout.json {
            self.delta_record(place, delta, aside);
        } else {
            self.delta_for_people(place, delta, aside);
        }
        self.output.line();
        self.records.seq()
    }

    fn delta_record(&mut self, place: &Place, delta: &Delta, aside: &Aside<'_>) {
        let links = aside.links.unwrap_or_else(|| delta.links());
        let cx = context(&self.layout, &self.machine, links).peers(aside.peers);
        let moved_to = aside.moved_to.map(|(to, moved)| Elsewhere {
            netns: to.map(|(_, tag)| tag),
            nsid: moved.nsid,
            ifindex: moved.ifindex,
        });
        let moved_from = aside.moved_from.map(|(from, ifindex, _)| Elsewhere {
            netns: Some(&from.1),
            nsid: None,
            ifindex: Some(ifindex),
        });
        let told = Told { trigger: aside.trigger, moved_to, moved_from, ..Told::cause(delta.cause().word()) };
        let author = remembered(&mut self.author, aside.author).map(|author| author as _);
        let head = Head::new(delta.time(), &place.tag, op_of(delta.change())).told(&told).author(author);
        let out = self.output.buffer();
        match (delta.change(), delta.before(), delta.after()) {
            (Change::Changed, Some(before), Some(after)) => {
                self.records.changed(out, &head, (before.as_ref(), after.as_ref()), delta.fields(), &cx);
            }
            _ => self.records.keyed(out, &head, delta.object().as_ref(), &cx),
        }
    }

    fn delta_for_people(&mut self, place: &Place, delta: &Delta, aside: &Aside<'_>) {
        self.prefix(delta.time(), Some(&place.name));
        let paint = self.layout.paint;
        let kind = linx::words::kind(delta.kind());
        human::columns(paint, sign_of(delta.change()), kind, self.output.buffer());
        // What came is shown as it is since.
        let shown = aside.joined.map_or(delta, |(.., last)| last);
        let links = aside.links.unwrap_or_else(|| shown.links());
        let cx = context(&self.layout, &self.machine, links).peers(aside.peers);
        self.text.clear();
        match aside.joined {
            Some((.., last)) => text::write_whole(&mut self.text, last.object().as_ref(), &cx),
            None => delta.write(&mut self.text, &cx),
        }
        let line = self.output.buffer();
        for (style, part) in self.text.parts() {
            paint.text(human::part_style(style), part, line);
        }
        let mut notes = Vec::new();
        if let Some((to, moved)) = aside.moved_to {
            notes.push(match (to, moved.nsid) {
                (Some((name, _)), _) => format!("(moved to {name})"),
                (None, Some(nsid)) => format!("(moved to nsid {nsid})"),
                (None, None) => "(moved to another namespace)".to_owned(),
            });
        }
        if let Some(((from, _), _, name)) = aside.moved_from {
            notes.push(format!("(moved from {from}, was {name})"));
        }
        if let Some((count, took, _)) = aside.joined {
            let s = if count == 1 { "" } else { "s" };
            notes.push(format!("({} change{s} in {} ms)", grouped(count.into()), took.as_millis()));
        }
        notes.extend(delta.why().map(|why| format!("[{why}]")));
        for note in notes {
            paint.text(human::ASIDE, "  ", line);
            paint.text(human::ASIDE, &note, line);
        }
        self.by(aside.author);
        self.output.buffer().push(b'\n');
    }

    /// Who did it, at the end of a line.
    pub(super) fn by(&mut self, author: Option<&Arc<Author>>) {
        let Some(author) = author.filter(|author| author.certainty != Certainty::Kernel) else { return };
        let paint = self.layout.paint;
        let line = self.output.buffer();
        paint.text(human::ASIDE, "  by ", line);
        let doubt = if author.certainty == Certainty::Likely { "?" } else { "" };
        paint.text(human::AUTHOR, &format!("{author}{doubt}"), line);
    }

    /// Many deltas of one cause as one line for people: so many of a kind, and why.
    pub(crate) fn many(&mut self, place: &Place, time: SystemTime, change: Change, what: &str, why: &str) {
        self.prefix(time, Some(&place.name));
        let paint = self.layout.paint;
        let (kind, text) = what.split_once(' ').unwrap_or((what, ""));
        let line = self.output.buffer();
        human::columns(paint, sign_of(change), kind, line);
        line.extend_from_slice(text.as_bytes());
        paint.text(human::ASIDE, &format!("  [{why}]  (--fold 0 shows each)"), line);
        line.push(b'\n');
        self.output.line();
    }

    /// How an object differs from what it was, without a time.
    pub(crate) fn difference(
        &mut self,
        place: &Place,
        links: &LinkNames,
        before: Option<ObjectRef<'_>>,
        after: Option<ObjectRef<'_>>,
    ) {
        let Some((change, object)) = difference_of(before, after) else { return };
        self.namespace(&place.name);
        self.difference_text(links, change, before, object);
        self.output.buffer().push(b'\n');
        self.output.line();
    }

    /// The same, of what happened at a time together with so much else that nothing more is known of it.
    pub(crate) fn coalesced(
        &mut self,
        (place, links, time): (&Place, &LinkNames, SystemTime),
        before: Option<ObjectRef<'_>>,
        after: Option<ObjectRef<'_>>,
    ) {
        let Some((change, object)) = difference_of(before, after) else { return };
        if self.layout.json {
            let cx = context(&self.layout, &self.machine, links);
            let told = Told::cause(RESYNC);
            let head = Head::new(time, &place.tag, op_of(change)).told(&told);
            let out = self.output.buffer();
            match before.filter(|_| change == Change::Changed) {
                Some(before) => self.records.changed(out, &head, (before, object), &[], &cx),
                None => self.records.keyed(out, &head, object, &cx),
            }
        } else {
            self.prefix(time, Some(&place.name));
            self.difference_text(links, change, before, object);
            self.layout.paint.text(human::ASIDE, &format!("  [{RESYNC}]\n"), self.output.buffer());
        }
        self.output.line();
    }

    fn difference_text(
        &mut self,
        links: &LinkNames,
        change: Change,
        before: Option<ObjectRef<'_>>,
        object: ObjectRef<'_>,
    ) {
        let paint = self.layout.paint;
        human::columns(paint, sign_of(change), linx::words::kind(object.kind()), self.output.buffer());
        let cx = context(&self.layout, &self.machine, links);
        self.text.clear();
        match before.filter(|_| change == Change::Changed) {
            Some(before) => _ = text::write_changed(&mut self.text, before, object, &cx),
            None => text::write_whole(&mut self.text, object, &cx),
        }
        let line = self.output.buffer();
        for (style, part) in self.text.parts() {
            paint.text(human::part_style(style), part, line);
        }
    }

    /// A namespace that is followed from now on (with what it has), is called otherwise than `before` now, or is gone
    /// with what it had.
    pub(crate) fn netns_delta(
        &mut self,
        place: &Place,
        (change, time): (Change, SystemTime),
        before: Option<&str>,
        with: &[(&str, u64)],
    ) {
        if self.layout.json {
            let told = Told { with, ..Told::cause("event") };
            let head = Head::new(time, &place.full_tag, op_of(change)).told(&told);
            match before {
                Some(before) => self.records.renamed(self.output.buffer(), &head, before),
                None => self.records.namespace(self.output.buffer(), &head),
            }
        } else {
            self.prefix(time, None);
            if let Some(own) = self.own.clone() {
                self.namespace(&own);
            }
            let paint = self.layout.paint;
            let line = self.output.buffer();
            human::columns(paint, sign_of(change), "netns", line);
            paint.text(human::NAMESPACE, &place.name, line);
            let mut text = String::new();
            if change != Change::Removed {
                text = format!("  {}", place.described);
            }
            if let Some(before) = before {
                text = format!("  name {before} → {}", place.name);
            }
            if !with.is_empty() {
                text += &format!("  with {}", counted(with));
            }
            // Writing to a vector does not fail.
            let _ = writeln!(line, "{text}");
        }
        self.output.line();
    }

    /// A line that is neither of an object nor of the stream: what follows it, for people.
    pub(crate) fn heading(&mut self, text: &str) {
        let paint = self.layout.paint;
        let line = self.output.buffer();
        paint.text(human::ASIDE, text, line);
        line.push(b'\n');
        self.output.line();
    }
}

/// `2 links, 1 route`
pub(crate) fn counted(counts: &[(&str, u64)]) -> String {
    let one = |(kind, count): &(&str, u64)| format!("{} {}", grouped(*count), plural(kind, *count));
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A kind's word for so many of it.
fn plural(kind: &str, count: u64) -> String {
    match (kind, count) {
        ("neigh", 1) => "neighbour".to_owned(),
        ("neigh", _) => "neighbours".to_owned(),
        ("nexthop", 1) => "next hop".to_owned(),
        ("nexthop", _) => "next hops".to_owned(),
        ("nft", 1) => "object of nf_tables".to_owned(),
        ("nft", _) => "objects of nf_tables".to_owned(),
        (kind, 1) => kind.to_owned(),
        ("address", _) => "addresses".to_owned(),
        (kind, _) => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_in_words() {
        assert_eq!(
            counted(&[("link", 1), ("address", 2), ("neigh", 1_000), ("nexthop", 1), ("route", 0)]),
            "1 link, 2 addresses, 1,000 neighbours, 1 next hop, 0 routes"
        );
    }
}
