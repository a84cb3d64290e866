//! The other ends of links that lead into other namespaces: `veth0@shop:eth0`.
//!
//! A namespace knows others by ids of its own. Which namespace an id means is found by asking it for the id of each
//! namespace of this machine, until all ids are found that its links have. Where that is not allowed, a link shows the
//! index of its other end alone.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use linx::names::{LinkNames, PeerLink, Peers};
use linx::{Handle, Link, LinkView, namespaces};

use crate::place::Place;

/// The namespaces of this machine, found when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Neighbourhood {
    places: OnceCell<Vec<Place>>,
    /// The links of those that were looked into, by cookie.
    links: RefCell<HashMap<u64, Rc<LinkNames>>>,
}

/// The namespaces that the ids of one namespace mean.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<i32, (String, Rc<LinkNames>)>);

impl Neighbourhood {
    /// Finds the namespaces that some links lead to.
    pub(crate) fn of(&self, handle: &Handle, links: &[Link]) -> Known {
        let ids = links.iter().filter(|link| link.link().is_some());
        let mut wanted: BTreeSet<i32> = ids.filter_map(|link| link.attributes().link_netnsid()).collect();
        let mut known = HashMap::new();
        if wanted.is_empty() {
            return Known(known);
        }
        for place in self.places() {
            // What may not be asked, or is gone, has no name.
            let Ok(Some(id)) = handle.nsid_of(&place.netns) else { continue };
            if wanted.remove(&id) {
                known.insert(id, (place.name.clone(), self.links_in(place)));
            }
            if wanted.is_empty() {
                break;
            }
        }
        Known(known)
    }

    fn places(&self) -> &[Place] {
        self.places.get_or_init(|| {
            let found = namespaces::discover().unwrap_or_default();
            found.namespaces.iter().filter_map(|namespace| Place::found(namespace).ok().flatten()).collect()
        })
    }

    fn links_in(&self, place: &Place) -> Rc<LinkNames> {
        let look = || {
            let mut names = LinkNames::new();
            if let Ok(all) = Handle::new(&place.netns).and_then(|handle| handle.links().all()) {
                all.iter().for_each(|link| names.update(link));
            }
            Rc::new(names)
        };
        Rc::clone(self.links.borrow_mut().entry(place.cookie).or_insert_with(look))
    }
}

impl Peers for Known {
    fn peer(&self, nsid: i32, index: u32) -> Option<PeerLink> {
        let (namespace, links) = self.0.get(&nsid)?;
        let name = links.get(index).map(|link| link.name().as_bytes().into());
        Some(PeerLink { namespace: namespace.clone(), name })
    }
}
