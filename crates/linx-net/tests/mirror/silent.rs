//! What the kernel changes without a word (KERNEL.md 4.4) is in the mirror: at once where something announces from which
//! it follows, and after an audit where nothing does.

use std::collections::BTreeMap;

use linx::{Compare, Handle, Key, Mirror, NeighbourFilter, Object};
use linx_test::{PATIENCE, SilentScene, Stage, Teller, is_root, skip_unless, until};

use super::oracle::{held, is_announced, listed};

/// What no event has anything to do with, though it is a tracked field: the audit's.
const OUT_OF_NOTHING: &[&str] = &["link_group_written_in_sysfs"];

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

/// By what a mirror is wrong that heard all, in tracked fields. Of what happens by itself (an address stops being tentative,
/// a link watch runs) the announcement may still be on its way: what differs is looked at again, and nothing repairs it
/// meanwhile.
fn wrong(mirror: &Mirror, stage: &Stage) -> Vec<String> {
    let mut wrong = Vec::new();
    for _ in 0..5 {
        mirror.quiet(PATIENCE).unwrap();
        wrong = differences(&held(&mirror.snapshot()), &listed(&stage.namespace), Compare::Tracked);
        if wrong.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    wrong
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
        assert!(!OUT_OF_NOTHING.contains(&scene.name) || !wrong.is_empty(), "{}: somebody tells", scene.name);
        if !wrong.is_empty() && !OUT_OF_NOTHING.contains(&scene.name) {
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

/// What is announced before the kernel has carried it out (KERNEL.md 4.6): with so many routes it takes it milliseconds.
#[test]
fn what_is_announced_too_early_is_waited_for() {
    skip_unless!(is_root(), "not root");
    for (name, route) in [
        ("link_down_takes_ipv4_routes", "via 10.0.0.2 dev ve0"),
        ("link_deleted_takes_ipv4_routes", "via 10.0.0.2 dev ve0"),
        ("link_moved_takes_ipv4_routes", "via 10.0.0.2 dev ve0"),
        ("last_ipv4_address_takes_the_other_routes", "via 10.0.0.2 dev ve0"),
        ("link_down_makes_hops_dead", "nexthop via 10.0.0.2 dev ve0 nexthop via 10.1.0.2 dev ve1"),
        ("next_hop_deleted_takes_ipv4_routes", "nhid 1"),
        ("group_deleted_takes_ipv4_routes", "nhid 10"),
        ("member_deleted_shortens_routes_of_its_group", "nhid 10"),
    ] {
        let mut stage = SilentScene::named(name).prepare().unwrap();
        let lines = (0..10_000).map(|n| format!("route add 10.200.{}.{}/32 {route}\n", n / 256, n % 256));
        stage.namespace.batch(&lines.collect::<String>());
        let mirror = Mirror::builder(&stage.netns()).audit(None).rcvbuf(64 << 20).start().unwrap();
        stage.act();
        assert_eq!(wrong(&mirror, &stage).len(), 0, "{name}");
    }
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
