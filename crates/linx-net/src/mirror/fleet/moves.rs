//! Links that move between the namespaces of a fleet. No I/O.
//!
//! A link that moves is announced as gone where it was, with the id of its new namespace and its index there, and then as
//! new there: the kernel sends the first before the second. So when something new has been read, one more look at all
//! sockets brings the first if there is one; until then what is new is held back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linx_wire::route::{LinkView, Object};

use super::told::{Departure, MovedFrom};
use crate::mirror::{Change, Delta};
use crate::namespaces::Namespace;

/// How long after a link left it is waited for where it went.
const WAITED_FOR: Duration = Duration::from_secs(5);
/// Links that are waited for.
const MOST: usize = 4096;

/// What stays the same when a link moves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Body {
    link_type: u16,
    kind: Option<Vec<u8>>,
    address: Option<Vec<u8>>,
}

impl Body {
    fn of(delta: &Delta) -> Option<Self> {
        let Object::Link(link) = delta.object() else { return None };
        Some(Self {
            link_type: link.link_type(),
            kind: link.kind().map(|kind| kind.as_bytes().to_vec()),
            address: link.attributes().address().map(|address| address.as_bytes().to_vec()),
        })
    }
}

/// A link that left.
#[derive(Debug)]
struct Left {
    to: u64,
    ifindex: u32,
    body: Body,
    from: MovedFrom,
    departure: Departure,
    at: Instant,
}

/// The links that left, and the ids by which namespaces know each other.
#[derive(Debug, Default)]
pub(super) struct Moves {
    left: Vec<Left>,
    ids: HashMap<(u64, i32), Option<u64>>,
}

impl Moves {
    /// Which namespace another one knows by an id, if that was found out.
    pub(super) fn known(&self, from: u64, nsid: i32) -> Option<Option<u64>> {
        self.ids.get(&(from, nsid)).copied()
    }

    pub(super) fn learn(&mut self, from: u64, nsid: i32, to: Option<u64>) {
        self.ids.insert((from, nsid), to);
    }

    /// A namespace came: it may be one that was not known.
    pub(super) fn came(&mut self) {
        self.ids.retain(|_, to| to.is_some());
    }

    /// A namespace is gone: its ids may be others' soon.
    pub(super) fn gone(&mut self, id: u64) {
        self.ids.retain(|(from, _), to| *from != id && *to != Some(id));
        self.left.retain(|left| left.to != id);
    }

    /// A link left for another namespace of the fleet.
    pub(super) fn leave(
        &mut self,
        delta: &Delta,
        (member, namespace): (u64, &Arc<Namespace>),
        (to, ifindex): (u64, u32),
        now: Instant,
    ) {
        let (Object::Link(link), Some(body)) = (delta.object(), Body::of(delta)) else { return };
        self.left.retain(|left| {
            now.saturating_duration_since(left.at) < WAITED_FOR && (left.to, left.ifindex) != (to, ifindex)
        });
        if self.left.len() < MOST {
            let name = link.name().as_bytes().into();
            let from = MovedFrom { namespace: Arc::clone(namespace), ifindex: link.index(), name };
            let departure = Departure { member, revision: delta.revision() };
            self.left.push(Left { to, ifindex, body, from, departure, at: now });
        }
    }

    /// Where a link that came to a namespace came from.
    pub(super) fn arrive(&mut self, delta: &Delta, id: u64, now: Instant) -> Option<(MovedFrom, Departure)> {
        let (Object::Link(link), true) = (delta.object(), delta.change() == Change::Added) else {
            return None;
        };
        let at = self.left.iter().position(|left| (left.to, left.ifindex) == (id, link.index()))?;
        let left = self.left.swap_remove(at);
        let is_it = Body::of(delta).as_ref() == Some(&left.body)
            && now.saturating_duration_since(left.at) < WAITED_FOR;
        is_it.then_some((left.from, left.departure))
    }
}
