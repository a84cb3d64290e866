//! What the kernel lists, read without a mirror, and compared with one.

use std::collections::BTreeMap;
use std::time::Duration;

use linx::mirror::State;
use linx::{
    Compare, Handle, Key, Mirror, NeighbourFilter, NeighbourFlags, NeighbourState, NeighbourView, Object,
    RouteView, RuleView,
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

/// Whether the kernel has these and does not list them: it leaves out an IPv6 route without a gateway, or by a next hop object, that stands among the
/// hops of a set of the same destination and metric (KERNEL.md 4.3).
fn is_hidden(objects: &[Object], list: &BTreeMap<String, Vec<Object>>) -> bool {
    let [Object::Route(route)] = objects else { return false };
    let place = |it: &linx::Route| (it.table(), it.destination(), it.priority());
    route.family() == 10
        && (route.nhid().is_some() || route.gateway().is_none() && route.hops().next().is_none())
        && list.values().flatten().any(|other| match other {
            Object::Route(set) => set.hops().nth(1).is_some() && place(set) == place(route),
            _ => false,
        })
}

/// What a mirror holds wrongly, by its tracked fields.
pub fn differences(mirror: &Mirror, namespace: &Namespace) -> Vec<String> {
    let (state, list) = (held(&mirror.snapshot()), listed(namespace));
    let none = Vec::new();
    let mut lines = Vec::new();
    for (key, objects) in &list {
        let mine = state.get(key).unwrap_or(&none);
        for object in objects.iter().filter(|object| !mine.contains(object)) {
            let nearest = mine.iter().map(|known| known.differences(object, Compare::Tracked));
            let fields = nearest.min_by_key(Vec::len);
            lines.push(format!(
                "{key}: the kernel has it, the mirror does not; differs in {fields:?}: {object:?}"
            ));
        }
        if mine.len() != objects.len() {
            lines.push(format!("{key}: {} in the kernel, {} in the mirror", objects.len(), mine.len()));
        }
    }
    let gone = state.iter().filter(|(key, objects)| !list.contains_key(*key) && !is_hidden(objects, &list));
    lines.extend(
        gone.map(|(key, objects)| format!("{key}: the mirror has it, the kernel does not: {objects:?}")),
    );
    lines
}

/// Waits until the tracked fields are the same: some things are listed a moment before they are announced. What is wrong
/// then is so for good, unless something repairs it meanwhile.
#[track_caller]
pub fn assert_true(mirror: &Mirror, namespace: &Namespace) {
    let wrong = lasting_differences(mirror, namespace);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a mirror holds wrongly a second later, too.
pub fn lasting_differences(mirror: &Mirror, namespace: &Namespace) -> Vec<String> {
    let mut wrong = Vec::new();
    for _ in 0..10 {
        mirror.quiet(PATIENCE).unwrap();
        wrong = differences(mirror, namespace);
        if wrong.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    wrong
}
