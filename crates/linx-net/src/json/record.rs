//! Whole lines: the envelope around a body, and the markers of a stream.

use std::path::Path;
use std::time::SystemTime;

use linx_wire::Kind;
#[cfg(feature = "nft")]
use linx_wire::nft::ItemRef;
use linx_wire::route::ObjectRef;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Body;
use super::delta::{Told, append_told};
use super::fields::Hex;
#[cfg(feature = "nft")]
use super::nft::{self, NftBody};
use super::time::Moments;
use super::ways::{Shared, Ways};
use super::write::{append, append_number, append_string, pretty};
use crate::author::Container;
use crate::ip::Text;
use crate::key::Key;
use crate::names::Context;
use crate::namespaces::Namespace;
use crate::words;

/// What a line says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// It is there.
    List,
    /// The kernel announced it, or a change of it.
    New,
    /// The kernel announced its end.
    Del,
    /// It is there now, and was not before.
    Added,
    /// It is another than before.
    Changed,
    /// It is gone.
    Removed,
}

impl Op {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::New => "new",
            Self::Del => "del",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A namespace as it stands on each line: `{"name":"host","cookie":3,"path":…,"container":…}`, rendered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetnsTag(Vec<u8>);

impl NetnsTag {
    /// That of a namespace that was found.
    #[must_use]
    pub fn of(namespace: &Namespace) -> Self {
        let cookie = namespace.cookie.unwrap_or_default();
        Self::new(&namespace.name, cookie, namespace.path.as_deref(), namespace.container.as_ref())
    }

    /// Renders it. `cookie` is `SO_NETNS_COOKIE`, the namespace's identity; 0 where the kernel cannot tell it.
    #[must_use]
    pub fn new(name: &str, cookie: u64, path: Option<&Path>, container: Option<&Container>) -> Self {
        let mut json = b"{\"name\":".to_vec();
        append_string(&mut json, name);
        if cookie != 0 {
            json.extend_from_slice(b",\"cookie\":");
            append_number(&mut json, cookie);
        }
        if let Some(path) = path {
            json.extend_from_slice(b",\"path\":");
            let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
            let name = linx_wire::name::Name::new(bytes);
            match name.to_str() {
                Some(text) => append_string(&mut json, text),
                None => {
                    append_string(&mut json, &name.to_string());
                    json.extend_from_slice(b",\"path_hex\":");
                    append_string(&mut json, &crate::forms::value::hex(bytes));
                }
            }
        }
        if let Some(container) = container {
            json.extend_from_slice(b",\"container\":");
            infallible(&append(&mut json, container));
        }
        json.push(b'}');
        Self(json)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What can be appended as JSON: everything that is `Serialize`, as a trait object.
pub trait AppendJson {
    /// Appends it.
    fn append_json(&self, out: &mut Vec<u8>);
}

impl<T: Serialize> AppendJson for T {
    fn append_json(&self, out: &mut Vec<u8>) {
        infallible(&append(out, self));
    }
}

/// JSON that was rendered before, of what stands on many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered(Vec<u8>);

impl Rendered {
    /// Renders it.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut json = Vec::new();
        infallible(&append(&mut json, value));
        Self(json)
    }
}

impl AppendJson for Rendered {
    fn append_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// The envelope of an object's line.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// When Linx read it.
    pub time: SystemTime,
    /// The namespace that it is in.
    pub netns: &'a NetnsTag,
    /// What the line says of it.
    pub op: Op,
    /// Its key.
    pub key: Option<&'a str>,
    /// Whether the event may already have been in the snapshot.
    pub overlap: bool,
    /// Whether the list that it is of is several readings joined ([`Listing::is_settled`](crate::Listing::is_settled)).
    pub unsettled: bool,
    /// Of what a mirror tells: why, and what it follows from.
    pub told: Option<&'a Told<'a>>,
    /// Who changed it.
    pub author: Option<&'a dyn AppendJson>,
}

impl<'a> Head<'a> {
    /// An envelope without a key, an overlap or an author.
    #[must_use]
    pub fn new(time: SystemTime, netns: &'a NetnsTag, op: Op) -> Self {
        Self { time, netns, op, key: None, overlap: false, unsettled: false, told: None, author: None }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same, perhaps part of the snapshot already.
    #[must_use]
    pub fn overlap(self, overlap: bool) -> Self {
        Self { overlap, ..self }
    }

    /// The same, of a list that is not one moment's state.
    #[must_use]
    pub fn unsettled(self, unsettled: bool) -> Self {
        Self { unsettled, ..self }
    }

    /// The same, of what a mirror tells.
    #[must_use]
    pub fn told(self, told: &'a Told<'a>) -> Self {
        Self { told: Some(told), ..self }
    }

    /// The same with an author.
    #[must_use]
    pub fn author(self, author: Option<&'a dyn AppendJson>) -> Self {
        Self { author, ..self }
    }
}

impl std::fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head").field("time", &self.time).field("op", &self.op).finish_non_exhaustive()
    }
}

/// A line that is about the stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Marker<'a> {
    /// The state is complete; what follows are changes.
    Synced {
        /// The kinds that are followed.
        kinds: &'a [Kind],
        /// What is left out, in words.
        hidden: &'a [&'a str],
        /// Generation of the rule set of nf_tables, where that is followed.
        generation: Option<u32>,
    },
    /// From here on these kinds are in doubt.
    ResyncNeeded {
        /// Why: `overflow`, `truncated`, `undecodable`, `gap`, `restarted`.
        reason: &'a str,
        /// The kinds in doubt.
        kinds: &'a [Kind],
        /// Size of the receive buffer, bytes.
        rcvbuf: Option<u64>,
        /// Messages that the kernel counted as dropped.
        dropped: Option<u64>,
        /// What is wrong with a message that cannot be decoded.
        error: Option<&'a str>,
        /// Its bytes.
        message: Option<&'a [u8]>,
    },
    /// These kinds are certain again.
    Resynced {
        /// The kinds.
        kinds: &'a [Kind],
        /// How long it took, milliseconds.
        took_ms: u64,
        /// Differences that were found.
        deltas: u64,
    },
    /// The reader was too slow: so many lines are left out here.
    Lagged {
        /// How many.
        lost: u64,
    },
    /// The list before this line is not one moment's state.
    Torn {
        /// What was listed.
        kinds: &'a [Kind],
    },
}

impl Marker<'_> {
    /// The word under `op`.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Self::Synced { .. } => "synced",
            Self::ResyncNeeded { .. } => "resync_needed",
            Self::Resynced { .. } => "resynced",
            Self::Lagged { .. } => "lagged",
            Self::Torn { .. } => "torn",
        }
    }

    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let words = |kinds: &[Kind]| {
            let mut all = Vec::with_capacity(kinds.len());
            for word in kinds.iter().map(|kind| words::followed(*kind)) {
                if !all.contains(&word) {
                    all.push(word);
                }
            }
            all
        };
        match self {
            Self::Synced { kinds, hidden, generation } => {
                map.serialize_entry("kinds", &words(kinds))?;
                map.serialize_entry("hidden", hidden)?;
                generation.map_or(Ok(()), |generation| map.serialize_entry("generation", &generation))
            }
            Self::ResyncNeeded { reason, kinds, rcvbuf, dropped, error, message } => {
                map.serialize_entry("reason", reason)?;
                map.serialize_entry("kinds", &words(kinds))?;
                for (key, value) in [("rcvbuf", rcvbuf), ("dropped", dropped)] {
                    if let Some(value) = value {
                        map.serialize_entry(key, value)?;
                    }
                }
                if let Some(error) = error {
                    map.serialize_entry("error", error)?;
                }
                message.map_or(Ok(()), |bytes| map.serialize_entry("message", &Hex(bytes)))
            }
            Self::Resynced { kinds, took_ms, deltas } => {
                map.serialize_entry("kinds", &words(kinds))?;
                map.serialize_entry("took_ms", took_ms)?;
                map.serialize_entry("deltas", deltas)
            }
            Self::Lagged { lost } => map.serialize_entry("lost", lost),
            Self::Torn { kinds } => map.serialize_entry("kinds", &words(kinds)),
        }
    }
}

/// A marker's own fields, as an object.
struct MarkerFields<'a>(&'a Marker<'a>);

impl Serialize for MarkerFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.fields(&mut map)?;
        map.end()
    }
}

/// Writes lines, and counts them.
#[derive(Clone, Debug)]
pub struct Records {
    seq: u64,
    pretty: bool,
    /// The time that was written last: of a list, many lines have the same.
    time: Option<(SystemTime, Text)>,
    moments: Moments,
    /// The key that was written last.
    key: String,
    ways: Ways,
}

impl Default for Records {
    fn default() -> Self {
        Self::new()
    }
}

impl Records {
    /// A stream that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seq: 0,
            pretty: false,
            time: None,
            moments: Moments::default(),
            key: String::new(),
            ways: Ways::default(),
        }
    }

    /// Each object over several lines (`-p`), or on one line again.
    #[must_use]
    pub fn pretty(self, pretty: bool) -> Self {
        Self { pretty, ..self }
    }

    /// Number of the line that was written last; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Appends the line of an object, with its line feed.
    #[inline]
    pub fn object(&mut self, out: &mut Vec<u8>, head: &Head<'_>, object: ObjectRef<'_>, cx: &Context<'_>) {
        let kind = words::kind(object.kind());
        self.line(out, head, kind, |out| infallible(&append(out, &Body(object, cx))));
    }

    /// Appends the line of an object of a rule set of nf_tables, with its line feed. The envelope's author is its
    /// `process`. Of what a transaction changed: [`Records::transaction`].
    #[cfg(feature = "nft")]
    pub fn nft(&mut self, out: &mut Vec<u8>, head: &Head<'_>, object: ItemRef<'_>, cx: &Context<'_>) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        Self::tail(out, head.key, ("nft", nft::word(&object, cx)), |out| {
            infallible(&append(out, &NftBody(object, cx)));
        });
        Self::process(out, head);
        self.finish(out, start);
    }

    /// What stands behind the body of an object of nf_tables.
    #[cfg(feature = "nft")]
    pub(super) fn process(out: &mut Vec<u8>, head: &Head<'_>) {
        if let Some(told) = head.told {
            append_told(out, told);
        }
        if let Some(process) = head.author {
            out.extend_from_slice(b",\"process\":");
            process.append_json(out);
        }
    }

    /// Appends the line of an object with its own [`Key`], whatever key the envelope has. For lists of a million: what
    /// routes have in common is rendered once.
    #[inline]
    pub fn keyed(&mut self, out: &mut Vec<u8>, head: &Head<'_>, object: ObjectRef<'_>, cx: &Context<'_>) {
        let ObjectRef::Route(route) = &object else { return self.keyed_anew(out, head, object, cx) };
        let Some(shared) = Shared::of(route, cx) else { return self.keyed_anew(out, head, object, cx) };
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        let tail = out.len();
        if !self.ways.append(out, &shared, route, cx) {
            self.with_own_key(out, object, cx);
            self.ways.learn(out.get(tail..).unwrap_or_default(), &shared, route, cx);
        }
        Self::author(out, head);
        self.finish(out, start);
    }

    #[inline(never)]
    fn keyed_anew(&mut self, out: &mut Vec<u8>, head: &Head<'_>, object: ObjectRef<'_>, cx: &Context<'_>) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        self.with_own_key(out, object, cx);
        Self::author(out, head);
        self.finish(out, start);
    }

    #[inline]
    fn with_own_key(&mut self, out: &mut Vec<u8>, object: ObjectRef<'_>, cx: &Context<'_>) {
        self.key.clear();
        Key::append(&object, &mut self.key);
        let kind = words::kind(object.kind());
        Self::tail(out, Some(&self.key), (kind, kind), |out| {
            infallible(&append(out, &Body(object, cx)));
        });
    }

    /// Appends a line with a body of one's own under `kind`.
    pub fn body<B: Serialize + ?Sized>(
        &mut self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        kind: &'static str,
        body: &B,
    ) {
        self.line(out, head, kind, |out| infallible(&append(out, body)));
    }

    /// Appends the line of a namespace that comes, goes or is there: the envelope is its body.
    pub fn namespace(&mut self, out: &mut Vec<u8>, head: &Head<'_>) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        out.extend_from_slice(b",\"kind\":\"netns\"");
        if let Some(told) = head.told {
            append_told(out, told);
        }
        self.finish(out, start);
    }

    /// Appends the line of a namespace that has another name now than `before`.
    pub fn renamed(&mut self, out: &mut Vec<u8>, head: &Head<'_>, before: &str) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        out.extend_from_slice(b",\"kind\":\"netns\",\"before\":{\"name\":");
        append_string(out, before);
        out.extend_from_slice(b"},\"fields\":[\"name\"]");
        if let Some(told) = head.told {
            append_told(out, told);
        }
        self.finish(out, start);
    }

    /// Appends a marker.
    pub fn marker(
        &mut self,
        out: &mut Vec<u8>,
        time: SystemTime,
        netns: Option<&NetnsTag>,
        marker: &Marker<'_>,
    ) {
        let start = out.len();
        self.envelope(out, time, netns, marker.op());
        let fields = out.len();
        infallible(&append(out, &MarkerFields(marker)));
        // Not an object of its own: its fields are those of the line.
        if out.len() == fields + 2 {
            out.truncate(fields);
        } else if let Some(bracket) = out.get_mut(fields) {
            *bracket = b',';
            out.pop();
        }
        self.finish(out, start);
    }

    #[inline]
    fn line(
        &mut self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        kind: &'static str,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        Self::tail(out, head.key, (kind, kind), body);
        Self::author(out, head);
        self.finish(out, start);
    }

    /// What stands behind the envelope.
    #[inline]
    pub(super) fn tail(
        out: &mut Vec<u8>,
        key: Option<&str>,
        (kind, name): (&str, &str),
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        if let Some(key) = key {
            out.extend_from_slice(b",\"key\":");
            append_string(out, key);
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        body(out);
    }

    /// What stands behind the body.
    #[inline]
    pub(super) fn author(out: &mut Vec<u8>, head: &Head<'_>) {
        if head.overlap {
            out.extend_from_slice(b",\"overlap\":true");
        }
        if head.unsettled {
            out.extend_from_slice(b",\"unsettled\":true");
        }
        if let Some(told) = head.told {
            append_told(out, told);
        }
        if let Some(author) = head.author {
            out.extend_from_slice(b",\"author\":");
            author.append_json(out);
        }
    }

    #[inline]
    pub(super) fn envelope(
        &mut self,
        out: &mut Vec<u8>,
        time: SystemTime,
        netns: Option<&NetnsTag>,
        op: &str,
    ) {
        self.seq += 1;
        out.extend_from_slice(b"{\"schema\":1,\"seq\":");
        append_number(out, self.seq);
        out.extend_from_slice(b",\"time\":\"");
        let text = match self.time {
            Some((known, text)) if known == time => text,
            _ => self.time.insert((time, self.moments.text(time))).1,
        };
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        if let Some(netns) = netns {
            out.extend_from_slice(b",\"netns\":");
            out.extend_from_slice(&netns.0);
        }
        out.extend_from_slice(b",\"op\":\"");
        out.extend_from_slice(op.as_bytes());
        out.push(b'"');
    }

    #[inline]
    pub(super) fn finish(&self, out: &mut Vec<u8>, start: usize) {
        out.push(b'}');
        if self.pretty {
            let spread = pretty(out.get(start..).unwrap_or_default());
            out.truncate(start);
            out.extend_from_slice(&spread);
        }
        out.push(b'\n');
    }
}

/// Linx's own values are JSON: nothing in them can fail to be written.
pub(super) fn infallible(outcome: &Result<(), super::Error>) {
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(write: impl FnOnce(&mut Records, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut Records::new(), &mut out);
        String::from_utf8(out).unwrap()
    }

    const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn markers_are_fields_of_their_line() {
        let netns = NetnsTag::new("host", 3, None, None);
        let needed = Marker::ResyncNeeded {
            reason: "undecodable",
            kinds: &[Kind::Route, Kind::Neighbour],
            rcvbuf: Some(4096),
            dropped: None,
            error: Some("RTA_OIF: …"),
            message: Some(&[1, 0xfe]),
        };
        let text = line(|records, out| records.marker(out, EPOCH, Some(&netns), &needed));
        assert_eq!(
            text,
            "{\"schema\":1,\"seq\":1,\"time\":\"1970-01-01T00:00:00.000000000Z\",\"netns\":{\"name\":\"host\",\"cookie\":3},\
             \"op\":\"resync_needed\",\"reason\":\"undecodable\",\"kinds\":[\"route\",\"neigh\"],\"rcvbuf\":4096,\
             \"error\":\"RTA_OIF: …\",\"message\":\"01fe\"}\n"
        );
        let text = line(|records, out| records.marker(out, EPOCH, None, &Marker::Lagged { lost: 7 }));
        assert!(text.ends_with("Z\",\"op\":\"lagged\",\"lost\":7}\n"), "{text}");
    }

    #[test]
    fn all_that_nf_tables_has_is_followed_as_one() {
        let kinds = &[Kind::Table, Kind::Route, Kind::Chain, Kind::NftRule, Kind::Generation];
        let synced = Marker::Synced { kinds, hidden: &[], generation: Some(4210) };
        let text = line(|records, out| records.marker(out, EPOCH, None, &synced));
        let expected = r#""op":"synced","kinds":["nft","route"],"hidden":[],"generation":4210}"#;
        assert!(text.trim_end().ends_with(expected), "{text}");
    }

    #[test]
    fn a_namespace_is_its_envelope_and_an_author_any_json() {
        let netns = NetnsTag::new("do\x1bcker", 7, Some(Path::new("/run/netns/a")), None);
        let head = Head::new(EPOCH, &netns, Op::New);
        let text = line(|records, out| records.namespace(out, &head));
        let expected =
            r#""netns":{"name":"do\u001bcker","cookie":7,"path":"/run/netns/a"},"op":"new","kind":"netns"}"#;
        assert!(text.trim_end().ends_with(expected), "{text}");
        let author = std::collections::BTreeMap::from([("portid", 7)]);
        let author = Rendered::new(&author);
        let head = head.key("k").overlap(true).author(Some(&author));
        let text = line(|records, out| records.body(out, &head, "thing", &[1]));
        assert!(
            text.contains(r#""kind":"thing","key":"k","thing":[1],"overlap":true,"author":{"portid":7}}"#),
            "{text}"
        );
    }

    #[test]
    fn lines_are_counted_and_times_change() {
        let netns = NetnsTag::new("self", 0, None, None);
        let mut records = Records::new().pretty(true);
        let mut out = Vec::new();
        for seconds in [1, 1, 2] {
            let time = EPOCH + std::time::Duration::from_secs(seconds);
            records.namespace(&mut out, &Head::new(time, &netns, Op::List));
        }
        let text = String::from_utf8(out).unwrap();
        let values: Vec<serde_json::Value> =
            serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
        assert_eq!(records.seq(), 3);
        assert_eq!(values[2]["seq"], 3);
        assert_eq!(values[2]["time"], "1970-01-01T00:00:02.000000000Z");
        assert!(text.starts_with("{\n  \"schema\": 1,\n"), "{text}");
    }
}
