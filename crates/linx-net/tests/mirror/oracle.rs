//! What the kernel lists, read without a mirror, and compared with one.

use std::collections::BTreeMap;

use linx::mirror::State;
use linx::{
    Handle, Key, Mirror, NeighbourFilter, NeighbourFlags, NeighbourState, NeighbourView, Object, RouteView,
    RuleView,
};
use linx_test::{Namespace, PATIENCE};

/// Whether the kernel announces objects of this sort: multicast routing has groups of its own, and some neighbours come and
/// go in silence (KERNEL.md 4.4), which is the audit's business.
pub fn is_announced(object: &Object) -> bool {
    match object {
        Object::Rule(rule) => [2, 10].contains(&rule.family()),
        Object::Route(route) => [2, 10].contains(&route.family()),
        Object::Neighbour(entry) if entry.is_fdb() => !entry.flags().contains(NeighbourFlags::SELF),
        Object::Neighbour(neighbour) => {
            let silent = NeighbourState::INCOMPLETE | NeighbourState::NOARP;
            !neighbour.is_proxy() && !neighbour.state().is_empty() && !neighbour.state().intersects(silent)
        }
        _ => true,
    }
}

/// Everything that the kernel lists, by key.
pub fn listed(namespace: &Namespace) -> BTreeMap<String, Vec<Object>> {
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut all: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    let mut add = |object: Object| {
        if is_announced(&object) {
            all.entry(Key::from(&object).to_string()).or_default().push(object);
        }
    };
    handle.links().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.addresses().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.routes().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.rules().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.nexthops().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.neighbours().all().unwrap().into_iter().for_each(|it| add(it.into()));
    handle.neighbours_by(NeighbourFilter::fdb()).all().unwrap().into_iter().for_each(|it| add(it.into()));
    all
}

pub fn held(state: &State) -> BTreeMap<String, Vec<Object>> {
    let mut all: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for object in state.objects() {
        let object = object.to_owned();
        if !is_announced(&object) {
            continue;
        }
        all.entry(Key::from(&object).to_string()).or_default().push(object);
    }
    all
}

/// Waits until it is quiet, then compares the tracked fields.
#[track_caller]
pub fn assert_true(mirror: &Mirror, namespace: &Namespace) {
    mirror.quiet(PATIENCE).unwrap();
    let (state, list) = (held(&mirror.snapshot()), listed(namespace));
    for (key, objects) in &list {
        let mine = state.get(key).unwrap_or_else(|| panic!("{key} is missing: {objects:?}"));
        assert_eq!(mine.len(), objects.len(), "{key}");
        for object in objects {
            assert!(mine.contains(object), "{key}: {mine:#?} is {object:#?}");
        }
    }
    for key in state.keys() {
        assert!(list.contains_key(key), "{key} is not there any more");
    }
}
