//! The lines of what really changed: `added`, `changed`, `removed`, with their cause.

#[cfg(feature = "nft")]
use linx_wire::nft::ItemRef;
use linx_wire::route::{NeighbourView, ObjectRef};

#[cfg(feature = "nft")]
use super::nft::NftBody;
use super::record::infallible;
use super::write::{append, append_number};
use super::{Body, Head, NetnsTag, Records, differ};
use crate::key::Key;
use crate::names::Context;
use crate::words;

/// What a mirror knows of a change beside who made it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// How it came to be known: `event`, `implied`, `resync`, `expired`, `audit`.
    pub cause: &'a str,
    /// Of an implied change: the `seq` of the line that it follows from.
    pub trigger: Option<u64>,
    /// Of a link that is gone: where it was moved to.
    pub moved_to: Option<Elsewhere<'a>>,
    /// Of a link that came: where it was moved from.
    pub moved_from: Option<Elsewhere<'a>>,
    /// Of a namespace that is gone: how many objects of each kind went with it.
    pub with: &'a [(&'a str, u64)],
}

impl<'a> Told<'a> {
    /// A cause alone.
    #[must_use]
    pub fn cause(cause: &'a str) -> Self {
        Self { cause, trigger: None, moved_to: None, moved_from: None, with: &[] }
    }
}

/// A link's place in another namespace.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere<'a> {
    /// That namespace, where it is known.
    pub netns: Option<&'a NetnsTag>,
    /// Its id in the namespace of the line.
    pub nsid: Option<i32>,
    /// The link's index there.
    pub ifindex: Option<u32>,
}

impl Elsewhere<'_> {
    fn append(&self, out: &mut Vec<u8>, key: &str) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":{");
        let start = out.len();
        if let Some(netns) = self.netns {
            out.extend_from_slice(b",\"netns\":");
            out.extend_from_slice(netns.as_bytes());
        }
        if let Some(nsid) = self.nsid {
            out.extend_from_slice(b",\"nsid\":");
            infallible(&append(out, &nsid));
        }
        if let Some(index) = self.ifindex {
            out.extend_from_slice(b",\"ifindex\":");
            append_number(out, index.into());
        }
        if out.len() > start {
            out.remove(start);
        }
        out.push(b'}');
    }
}

/// Appends what is told of a change.
pub(super) fn append_told(out: &mut Vec<u8>, told: &Told<'_>) {
    out.extend_from_slice(b",\"cause\":\"");
    out.extend_from_slice(told.cause.as_bytes());
    out.push(b'"');
    if let Some(seq) = told.trigger {
        out.extend_from_slice(b",\"trigger\":");
        append_number(out, seq);
    }
    for (key, place) in [("moved_to", told.moved_to), ("moved_from", told.moved_from)] {
        if let Some(place) = place {
            place.append(out, key);
        }
    }
    if !told.with.is_empty() {
        out.extend_from_slice(b",\"with\":{");
        for (at, (kind, count)) in told.with.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(b"\":");
            append_number(out, *count);
        }
        out.push(b'}');
    }
}

/// Paths of times that run down: they differ always, and are told where they are what changed.
const DEADLINES: [&[u8]; 3] = [b"valid_life_time", b"preferred_life_time", b"expires"];

/// Words in the names of fields that are such times.
const DEADLINE_FIELDS: [&str; 3] = ["cacheinfo", "expir", "life_time"];

/// Whether one of the fields that a mirror found different is a time that runs down.
fn has_deadline(fields: &[String]) -> bool {
    fields.iter().any(|field| DEADLINE_FIELDS.iter().any(|word| field.contains(word)))
}

impl Records {
    /// Appends the line of an object that changed, with its own [`Key`] and its line feed: the new body, the dotted
    /// paths of it that differ, and the old values of just those. `fields` are those that the mirror found different;
    /// nothing volatile is compared, also where it is shown.
    pub fn changed(
        &mut self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        (before, after): (ObjectRef<'_>, ObjectRef<'_>),
        fields: &[String],
        cx: &Context<'_>,
    ) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        let mut key = String::new();
        Key::append(&after, &mut key);
        let kind = words::kind(after.kind());
        let same_state = match (&before, &after) {
            (ObjectRef::Neighbour(a), ObjectRef::Neighbour(b)) => a.state().settled() == b.state().settled(),
            _ => false,
        };
        let deadlines = has_deadline(fields);
        let leave_out =
            |path: &[u8]| same_state && path == b"state" || !deadlines && DEADLINES.contains(&path);
        let plain = cx.volatile(false);
        let compared = (&Body(before, &plain), &Body(after, &plain));
        Self::tail(out, Some(&key), (kind, kind), |out| {
            append_bodies(out, &Body(after, cx), compared, !cx.volatile, &leave_out);
        });
        Self::author(out, head);
        self.finish(out, start);
    }

    /// Appends the line of an object of a rule set of nf_tables that changed, as [`changed`](Self::changed). The
    /// envelope's author is its `process`.
    #[cfg(feature = "nft")]
    pub fn nft_changed(
        &mut self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        (before, after): (ItemRef<'_>, ItemRef<'_>),
        fields: &[String],
        cx: &Context<'_>,
    ) {
        let start = out.len();
        self.envelope(out, head.time, Some(head.netns), head.op.word());
        let mut key = String::new();
        Key::append_nft(&after, &mut key);
        let names = ("nft", super::nft::word(&after, cx));
        Self::tail(out, Some(&key), names, |out| append_nft_bodies(out, before, after, fields, cx));
        Self::process(out, head);
        self.finish(out, start);
    }
}

/// Appends the body of an object, and how it differs from what it was. `shown` is the body as it stands on the line;
/// the two of `compared` are without what is volatile.
fn append_bodies<B: serde::Serialize>(
    out: &mut Vec<u8>,
    shown: &B,
    compared: (&B, &B),
    is_same: bool,
    leave_out: &dyn Fn(&[u8]) -> bool,
) {
    let body = out.len();
    infallible(&append(out, shown));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    infallible(&append(&mut old, compared.0));
    if is_same {
        new.extend_from_slice(out.get(body..).unwrap_or_default());
    } else {
        infallible(&append(&mut new, compared.1));
    }
    differ::append(out, &old, &new, leave_out);
}

/// The same of an object of a rule set.
#[cfg(feature = "nft")]
pub(super) fn append_nft_bodies(
    out: &mut Vec<u8>,
    before: ItemRef<'_>,
    after: ItemRef<'_>,
    fields: &[String],
    cx: &Context<'_>,
) {
    let plain = cx.volatile(false);
    let compared = (&NftBody(before, &plain), &NftBody(after, &plain));
    let deadlines = has_deadline(fields);
    let leave_out = |path: &[u8]| !deadlines && DEADLINES.contains(&path);
    append_bodies(out, &NftBody(after, cx), compared, !cx.volatile, &leave_out);
}
