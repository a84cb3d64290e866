//! The other ends of links among the namespaces that are watched.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use linx::names::{PeerLink, Peers};
use linx::{Handle, LinkView};

use super::source::Source;

/// Namespaces get ids as links come: an id that is not known is asked for no more often than this.
const AGAIN: Duration = Duration::from_millis(100);

/// Which namespaces the ids of each mean, as far as they were asked for.
#[derive(Default)]
pub(super) struct Around {
    /// By the cookie of who has the id.
    ids: HashMap<(u64, i32), u64>,
    looked: HashMap<u64, Instant>,
}

impl Around {
    /// The cookie of the namespace that one of them knows by an id; `None` where it is not watched.
    pub(super) fn find(&mut self, sources: &BTreeMap<u64, Source>, token: u64, nsid: i32) -> Option<u64> {
        let own = sources.get(&token)?;
        let cookie = own.place.cookie;
        let known = self.ids.get(&(cookie, nsid)).copied();
        let is_there = |known: &u64| sources.values().any(|source| source.place.cookie == *known);
        if let Some(known) = known.filter(is_there) {
            return Some(known);
        }
        let is_early = self.looked.get(&cookie).is_some_and(|looked| looked.elapsed() < AGAIN);
        if is_early || sources.len() < 2 {
            return None;
        }
        self.looked.insert(cookie, Instant::now());
        self.ids.retain(|(of, _), _| *of != cookie);
        // What may not be asked, or is gone, has no name.
        let handle = Handle::new(&own.place.netns).ok()?;
        for other in sources.values().filter(|source| source.place.cookie != cookie) {
            if let Ok(Some(id)) = handle.nsid_of(&other.place.netns) {
                self.ids.insert((cookie, id), other.place.cookie);
            }
        }
        self.ids.get(&(cookie, nsid)).copied()
    }

    /// The other end of a link.
    pub(super) fn peer(
        &mut self,
        sources: &BTreeMap<u64, Source>,
        token: u64,
        link: &impl LinkView,
    ) -> Option<Peer> {
        let (nsid, index) = (link.attributes().link_netnsid()?, link.link()?);
        let cookie = self.find(sources, token, nsid)?;
        let other = sources.values().find(|source| source.place.cookie == cookie)?;
        let name = other.links.names.get(index).map(|link| link.name().as_bytes().into());
        let link = PeerLink { namespace: other.place.name.clone(), name };
        Some(Peer { nsid, index, link })
    }
}

/// The other end of one link.
#[derive(Debug)]
pub(super) struct Peer {
    nsid: i32,
    index: u32,
    link: PeerLink,
}

impl Peers for Peer {
    fn peer(&self, nsid: i32, index: u32) -> Option<PeerLink> {
        (self.nsid == nsid && self.index == index).then(|| self.link.clone())
    }
}

/// Knows no other end.
#[derive(Debug)]
pub(super) struct Nobody;

impl Peers for Nobody {
    fn peer(&self, _: i32, _: u32) -> Option<PeerLink> {
        None
    }
}
