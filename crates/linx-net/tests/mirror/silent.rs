//! What the kernel changes without a word (KERNEL.md 4.4) is in the mirror: at once where something announces from which
//! it follows, and after an audit where nothing does.

use std::collections::BTreeMap;

use linx::{Compare, Handle, Key, Mirror, NeighbourFilter, Object};
use linx_test::{PATIENCE, SilentScene, Stage, Teller, is_root, skip_unless, until};

use super::oracle::{held, is_announced, listed};

/// The scenes of rtnetlink: what is silent, and what is not.
fn scenes() -> impl Iterator<Item = &'static SilentScene> {
    SilentScene::all().chain(SilentScene::told()).filter(|scene| scene.teller == Teller::Route)
}

/// The lines by which a mirror differs from what the kernel lists.
fn differences(
    state: &BTreeMap<String, Vec<Object>>,
    list: &BTreeMap<String, Vec<Object>>,
    compare: Compare,
) -> Vec<String> {
    let gone = state.keys().filter(|key| !list.contains_key(*key));
    let mut lines: Vec<_> = gone.map(|key| format!("- {key}")).collect();
    for (key, objects) in list {
        let Some(known) = state.get(key) else {
            lines.push(format!("+ {key}"));
            continue;
        };
        let fields = known.iter().zip(objects).flat_map(|(known, object)| known.differences(object, compare));
        lines.extend(fields.map(|field| format!("~ {key} {field}")));
    }
    lines
}

/// By what a mirror is wrong that heard all, in tracked fields.
fn wrong(mirror: &Mirror, stage: &Stage) -> Vec<String> {
    loop {
        mirror.quiet(PATIENCE).unwrap();
        let state = mirror.snapshot();
        let list = listed(&stage.namespace);
        mirror.quiet(PATIENCE).unwrap();
        // Otherwise something happened while it was listed.
        if mirror.snapshot().revision() == state.revision() {
            return differences(&held(&state), &list, Compare::Tracked);
        }
    }
}

/// Everything, what only the audit can see included.
fn audited(stage: &Stage) -> BTreeMap<String, Vec<Object>> {
    let mut all = listed(&stage.namespace);
    let handle = Handle::new(&stage.netns()).unwrap();
    let proxies = NeighbourFilter { proxy: Some(true), ..NeighbourFilter::default() };
    for filter in [NeighbourFilter::default(), proxies, NeighbourFilter::fdb()] {
        for object in handle.neighbours_by(filter).all().unwrap().into_iter().map(Object::from) {
            // The others are there already.
            if !is_announced(&object) {
                all.entry(Key::from(&object).to_string()).or_default().push(object);
            }
        }
    }
    all
}

fn all_held(mirror: &Mirror) -> BTreeMap<String, Vec<Object>> {
    let mut all: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    for object in mirror.snapshot().objects() {
        all.entry(Key::of(&object).to_string()).or_default().push(object.to_owned());
    }
    all
}

#[test]
fn the_mirror_knows_what_no_event_tells() {
    skip_unless!(is_root(), "not root");
    let mut faults = Vec::new();
    for scene in scenes() {
        let Some(mut stage) = scene.prepare() else { continue };
        let mirror = Mirror::builder(&stage.netns()).audit(None).start().unwrap();
        stage.act();
        let wrong = wrong(&mirror, &stage);
        if !wrong.is_empty() {
            faults.push(format!("{}: {wrong:#?}", scene.name));
        }
        // The kernel goes on meanwhile: it talks to multicast groups.
        until(&format!("{} after an audit", scene.name), || {
            mirror.audit();
            mirror.quiet(PATIENCE).unwrap();
            differences(&all_held(&mirror), &audited(&stage), Compare::Audited).is_empty()
        });
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn without_the_rules_of_silence_the_mirror_is_wrong() {
    skip_unless!(is_root(), "not root");
    for name in ["link_down_takes_ipv4_routes", "carrier_lost_marks_hops", "group_deleted_takes_ipv4_routes"]
    {
        let mut stage = SilentScene::named(name).prepare().unwrap();
        let mirror = Mirror::builder(&stage.netns()).audit(None).without_implied().start().unwrap();
        stage.act();
        assert_ne!(wrong(&mirror, &stage), Vec::<String>::new(), "{name}");
        mirror.audit();
        assert_eq!(wrong(&mirror, &stage), Vec::<String>::new(), "{name}, after an audit");
    }
}
