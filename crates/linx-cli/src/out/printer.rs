//! Records to lines, for people or as JSON, in one place: what every line has is decided here.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use linx::author::Author;
use linx::json::{Head, Marker, Op, Records, Rendered};
use linx::names::{Context, LinkNames, Peers};
use linx::{Kind, ObjectRef, text};
use linx_wire::route::LinkView;

use super::human::{self, Paint, Sign};
use super::time::{Clock, Style};
use super::{CommitForm, Output};
use crate::args::Global;
use crate::error::Outcome;
use crate::names::Machine;
use crate::place::{Group, Place};

/// Which columns lines have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) json: bool,
    pub(crate) pretty: bool,
    pub(crate) details: bool,
    /// Statistics, counters, ages.
    pub(crate) volatile: bool,
    /// The same of nf_tables: shown by lists unless it is left out, as with nft.
    pub(crate) stateful: bool,
    /// Handles of nf_tables.
    pub(crate) handles: bool,
    pub(crate) paint: Paint,
    pub(crate) time: Style,
    /// Lines are of changes: with time, namespace and sign.
    pub(crate) live: bool,
    /// Several namespaces: lists name them.
    pub(crate) namespaces: bool,
    /// Several kinds: lists name them.
    pub(crate) kinds: bool,
}

impl Layout {
    /// As the options of every command say.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.is_json(),
            pretty: global.is_pretty(),
            details: global.details,
            volatile: global.statistics > 0,
            stateful: !global.stateless,
            handles: global.handle || global.details,
            paint: Paint::choose(global.color),
            time: match (global.tshort, global.timestamp) {
                (true, _) => Style::Short,
                (_, true) => Style::Full,
                _ => Style::Clock,
            },
            live: false,
            namespaces: false,
            kinds: false,
        }
    }
}

/// Objects of a list that share a time: those of one or two datagrams.
const TOGETHER: u32 = 256;

/// What is told of an object.
#[derive(Clone, Copy)]
pub(crate) struct Happening<'a> {
    pub(crate) object: ObjectRef<'a>,
    pub(crate) op: Op,
    pub(crate) time: SystemTime,
    /// It may have been in the snapshot already.
    pub(crate) overlap: bool,
    /// It is of a list that is several readings joined.
    pub(crate) unsettled: bool,
    pub(crate) author: Option<&'a Arc<Author>>,
    /// The namespaces at the other ends of links.
    pub(crate) peers: Option<&'a dyn Peers>,
}

/// Writes lines to standard output.
pub(crate) struct Printer {
    pub(super) output: Output,
    pub(super) layout: Layout,
    pub(super) machine: Machine,
    pub(super) records: Records,
    clock: Clock,
    /// The object of a line for people.
    pub(super) text: text::Line,
    /// The author of the last line of JSON: of many lines it is the same.
    pub(super) author: Option<(Arc<Author>, Rendered)>,
    /// Objects listed so far, and when the last few were read.
    states: u32,
    now: SystemTime,
    /// Width of the column of namespaces.
    width: usize,
    /// The caller's own namespace, where it is one of them.
    pub(super) own: Option<String>,
    pub(super) commits: CommitForm,
    /// Of commits that come in parts: the number of the next line, by the namespace's cookie.
    pub(super) parts: BTreeMap<u64, u32>,
}

impl Printer {
    /// A printer of nothing yet.
    pub(crate) fn new(layout: Layout, machine: Machine) -> Outcome<Self> {
        Ok(Self::into(Output::stdout()?, layout, machine))
    }

    /// A printer to somewhere else.
    pub(crate) fn into(output: Output, layout: Layout, machine: Machine) -> Self {
        Self {
            output,
            layout,
            machine,
            records: Records::new().pretty(layout.pretty),
            clock: Clock::new(layout.time),
            text: if layout.paint.is_on() { text::Line::styled() } else { text::Line::new() },
            author: None,
            states: 0,
            now: SystemTime::now(),
            width: 0,
            own: None,
            commits: CommitForm { fold: 0, whole: false },
            parts: BTreeMap::new(),
        }
    }

    /// The same, whose commits look like this.
    pub(crate) fn commits(self, commits: CommitForm) -> Self {
        Self { commits, ..self }
    }

    /// When the object that is listed next was read.
    pub(super) fn state_time(&mut self) -> SystemTime {
        // Of a long list, neighbours were read together: asking the clock and writing its time is a tenth of a line.
        if self.states.is_multiple_of(TOGETHER) {
            self.now = SystemTime::now();
        }
        self.states = self.states.wrapping_add(1);
        self.now
    }

    /// Makes room for a namespace's name in its column.
    pub(crate) fn make_room(&mut self, place: &Place) {
        self.width = self.width.max(place.name.chars().count() + 2);
        if place.group == Group::Own {
            self.own = Some(place.name.clone());
        }
    }

    /// What is listed from here on was read after this moment.
    pub(crate) fn begin_state(&mut self) {
        self.states = 0;
    }

    /// An object as it is now; `unsettled`: or as it was in one of several readings.
    #[inline]
    pub(crate) fn state(
        &mut self,
        place: &Place,
        links: &LinkNames,
        peers: &dyn Peers,
        object: ObjectRef<'_>,
        unsettled: bool,
    ) {
        let happening = Happening {
            object,
            op: Op::List,
            time: self.state_time(),
            overlap: false,
            unsettled,
            author: None,
            peers: Some(peers),
        };
        self.object(place, links, &happening);
    }

    /// An object, and what happened to it.
    #[inline]
    pub(crate) fn object(&mut self, place: &Place, links: &LinkNames, what: &Happening<'_>) {
        if self.layout.json {
            let context = context(&self.layout, &self.machine, links).peers(what.peers);
            let head = Head::new(what.time, &place.tag, what.op)
                .overlap(what.overlap)
                .unsettled(what.unsettled)
                .author(remembered(&mut self.author, what.author).map(|author| author as _));
            self.records.keyed(self.output.buffer(), &head, what.object, &context);
        } else {
            self.for_people(place, links, what);
        }
        self.output.line();
    }

    fn for_people(&mut self, place: &Place, links: &LinkNames, what: &Happening<'_>) {
        let kind = linx::words::kind(what.object.kind());
        let paint = self.layout.paint;
        if self.layout.live {
            self.prefix(what.time, Some(&place.name));
            human::columns(paint, sign(what), kind, self.output.buffer());
        } else {
            if self.layout.namespaces {
                self.namespace(&place.name);
            }
            if self.layout.kinds {
                human::kind_column(paint, kind, self.output.buffer());
            }
        }
        let context = context(&self.layout, &self.machine, links).peers(what.peers);
        let line = self.output.buffer();
        self.text.clear();
        text::write(&mut self.text, what.object, &context);
        for (style, part) in self.text.parts() {
            paint.text(human::part_style(style), part, line);
        }
        if what.overlap {
            paint.text(human::ASIDE, "  [overlap]", line);
        }
        self.by(what.author);
        self.output.buffer().push(b'\n');
    }

    /// Time and namespace.
    pub(super) fn prefix(&mut self, time: SystemTime, namespace: Option<&str>) {
        let start = self.output.buffer().len();
        self.clock.local(time, self.output.buffer());
        let stamp =
            String::from_utf8_lossy(self.output.buffer().get(start..).unwrap_or_default()).into_owned();
        let line = self.output.buffer();
        line.truncate(start);
        self.layout.paint.text(human::ASIDE, &stamp, line);
        line.extend_from_slice(b"  ");
        if let Some(namespace) = namespace {
            self.namespace(namespace);
        }
    }

    pub(super) fn namespace(&mut self, name: &str) {
        let length = name.chars().count();
        self.width = self.width.max(length + 2);
        let (paint, width) = (self.layout.paint, self.width);
        let line = self.output.buffer();
        paint.text(human::NAMESPACE, name, line);
        human::pad(length, width, line);
    }

    /// A namespace that is followed from now on, is called otherwise now, or is gone.
    pub(crate) fn netns(&mut self, place: &Place, op: Op, sign: Sign) {
        let time = SystemTime::now();
        if self.layout.json {
            let head = Head::new(time, &place.full_tag, op);
            self.records.namespace(self.output.buffer(), &head);
        } else {
            self.prefix(time, None);
            // It happened to the machine, as seen from here.
            if let Some(own) = self.own.clone() {
                self.namespace(&own);
            }
            let paint = self.layout.paint;
            let line = self.output.buffer();
            human::columns(paint, sign, "netns", line);
            paint.text(human::NAMESPACE, &place.name, line);
            // Writing to a vector does not fail.
            let _ = writeln!(line, "  {}", place.described);
        }
        self.output.line();
    }

    /// A line about the stream itself, as of `time`; `text` is what people are told.
    pub(crate) fn marker(
        &mut self,
        time: SystemTime,
        place: Option<&Place>,
        marker: &Marker<'_>,
        text: &str,
    ) {
        if self.layout.json {
            let tag = place.map(|place| &place.tag);
            self.records.marker(self.output.buffer(), time, tag, marker);
        } else {
            self.prefix(time, place.map(|place| place.name.as_str()));
            let paint = self.layout.paint;
            let line = self.output.buffer();
            if matches!(marker, Marker::Synced { .. }) {
                paint.text(human::ASIDE, marker.op(), line);
            } else {
                human::columns(paint, Sign::Bang, marker.op(), line);
                line.truncate(line.trim_ascii_end().len());
            }
            let _ = writeln!(line, "  {text}");
        }
        self.output.line();
    }

    /// The list before this is not one moment's state: as JSON the last line says so.
    pub(crate) fn torn(&mut self, place: &Place, kind: Kind) {
        if self.layout.json {
            self.marker(SystemTime::now(), Some(place), &Marker::Torn { kinds: &[kind] }, "");
        }
    }

    /// Changes that people see one by one; more are counted.
    pub(crate) fn fold(&self) -> Option<usize> {
        Some(self.commits.fold).filter(|fold| *fold > 0 && !self.layout.json)
    }

    /// Whether lines are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.layout.json
    }

    /// Hands over what there is.
    pub(crate) fn flush(&mut self) {
        self.output.flush();
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }

    /// Writes everything; what comes now goes to standard error.
    pub(crate) fn onto_stderr(&mut self) -> Outcome {
        let stderr = Output::new(std::io::stderr())?;
        std::mem::replace(&mut self.output, stderr).finish()
    }

    /// A moment, to the second.
    pub(crate) fn second(&mut self, time: SystemTime) -> String {
        let mut text = Vec::new();
        self.clock.local(time, &mut text);
        let text = String::from_utf8_lossy(&text);
        text.split_once('.').map_or(&*text, |(second, _)| second).to_owned()
    }

    /// Writes everything.
    pub(crate) fn finish(self) -> Outcome {
        self.output.finish()
    }
}

#[inline]
pub(super) fn context<'a>(layout: &Layout, machine: &'a Machine, links: &'a LinkNames) -> Context<'a> {
    Context::new(&machine.names, links).volatile(layout.volatile).details(layout.details)
}

/// The author's JSON, rendered unless it is that of the line before.
#[inline]
pub(super) fn remembered<'a>(
    last: &'a mut Option<(Arc<Author>, Rendered)>,
    author: Option<&Arc<Author>>,
) -> Option<&'a Rendered> {
    let author = author?;
    if last.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, author)) {
        *last = Some((Arc::clone(author), Rendered::new(&**author)));
    }
    last.as_ref().map(|(_, json)| json)
}

/// `+` for what may be new, `~` for what is known to have changed: the kernel says so of links alone.
fn sign(what: &Happening<'_>) -> Sign {
    match (what.op, &what.object) {
        (Op::Del, _) => Sign::Minus,
        // `ifi_change` is all ones in the announcement of a link that was just made.
        (Op::New, ObjectRef::Link(link)) if link.change().bits() != u32::MAX => Sign::Tilde,
        (Op::New, _) => Sign::Plus,
        _ => Sign::State,
    }
}
