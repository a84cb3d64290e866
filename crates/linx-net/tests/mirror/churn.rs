//! Random changes of everything, and then: is what the mirror holds what the kernel has, and do the deltas lead there?

use std::collections::BTreeMap;
use std::time::Duration;

use linx::mirror::{Cause, Change, Watch};
use linx::{Key, Mirror, Notice, Object};
use linx_test::{Churn, Namespace, PATIENCE, is_root};

use crate::oracle::{differences, held, is_announced};
use crate::{is_long, seed};

/// What the deltas lead to, kept by somebody who knows nothing but them.
struct Replay {
    watch: Watch,
    objects: BTreeMap<String, Vec<Object>>,
    deltas: u64,
    lagged: u64,
    causes: BTreeMap<&'static str, u64>,
    /// What the audit repaired.
    audited: Vec<String>,
}

impl Replay {
    fn new(mirror: &Mirror) -> Self {
        let watch = mirror.watch();
        let objects = held(&watch.state());
        Self { watch, objects, deltas: 0, lagged: 0, causes: BTreeMap::new(), audited: Vec::new() }
    }

    fn catch_up(&mut self) {
        while let Some(notice) = self.watch.try_next().unwrap() {
            match notice {
                Notice::Delta(delta) => {
                    self.deltas += 1;
                    *self.causes.entry(delta.cause().word()).or_default() += 1;
                    assert_eq!(delta.cause() == Cause::Implied, delta.trigger().is_some(), "{delta}");
                    if let Some(before) = delta.before().filter(|object| is_announced(object)) {
                        self.take(before, &delta);
                    }
                    if let Some(after) = delta.after().filter(|object| is_announced(object)) {
                        self.objects.entry(Key::from(after).to_string()).or_default().push(after.clone());
                    }
                    if delta.cause() == Cause::Audit && is_announced(delta.object()) {
                        self.audited.push(format!("{delta:?} {delta}"));
                    }
                    if delta.change() == Change::Changed {
                        assert!(!delta.fields().is_empty(), "{delta}");
                    }
                }
                Notice::Lagged => {
                    self.lagged += 1;
                    self.objects = held(&self.watch.state());
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, object: &Object, delta: &linx::mirror::Delta) {
        let key = Key::from(object).to_string();
        let list = self.objects.get_mut(&key).unwrap_or_else(|| panic!("{delta}: {key} was not there"));
        let at = list.iter().position(|known| known == object);
        list.swap_remove(at.unwrap_or_else(|| panic!("{delta}: {key} was not so: {list:#?}")));
        if list.is_empty() {
            self.objects.remove(&key);
        }
    }

    #[track_caller]
    fn assert_leads_to(&mut self, mirror: &Mirror) {
        // Something may happen by itself between the two.
        let state = loop {
            self.catch_up();
            let state = mirror.snapshot();
            if self.watch.state().revision() == state.revision() {
                break state;
            }
        };
        let mine = held(&state);
        assert_eq!(self.objects.keys().collect::<Vec<_>>(), mine.keys().collect::<Vec<_>>());
        for (key, objects) in &mine {
            let replayed = &self.objects[key];
            assert!(
                objects.len() == replayed.len() && objects.iter().all(|object| replayed.contains(object)),
                "{key}: {replayed:#?} is {objects:#?}"
            );
        }
    }
}

/// What differs once it is quiet. Some things happen by themselves (an address stops being tentative): what differs is
/// looked at again, but nothing repairs it meanwhile.
fn differences_once_quiet(mirror: &Mirror, namespace: &Namespace) -> Vec<String> {
    let mut wrong = Vec::new();
    for _ in 0..10 {
        mirror.quiet(PATIENCE).unwrap();
        wrong = differences(mirror, namespace);
        if wrong.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    wrong
}

#[derive(Default, Debug)]
struct Tally {
    steps: usize,
    deltas: u64,
    losses: u64,
    resyncs: u64,
    implied: u64,
    readings: u64,
    repairs: u64,
    wrong: usize,
    causes: BTreeMap<&'static str, u64>,
}

/// One seed's history; the mirror is looked at after each part.
fn history(
    seed: u64,
    steps: usize,
    part: usize,
    tally: &mut Tally,
    make: &dyn Fn(linx::mirror::Builder) -> linx::mirror::Builder,
) {
    let namespace = Namespace::new("churn");
    let other = Namespace::new("churn2");
    namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
    let mut churn = Churn::new(seed, &namespace, Some(&other));
    churn.settle_in();
    if churn.dice().once_in(2) {
        namespace.sysctl("net.ipv4.conf.all.promote_secondaries", "1");
    }
    if churn.dice().once_in(3) {
        namespace.sysctl("net.ipv6.route.skip_notify_on_dev_down", "1");
    }
    if churn.dice().once_in(4) {
        namespace.sysctl("net.ipv4.nexthop_compat_mode", "0");
    }
    let all =
        Mirror::builder(&namespace.netns()).links().addresses().routes().neighbours().rules().nexthops();
    #[cfg(feature = "nft")]
    let all = {
        namespace.nft(crate::rules::START);
        all.nft()
    };
    let mirror = make(all.audit(None)).start().unwrap();
    let mut replay = Replay::new(&mirror);
    let mut before = 0;
    for _ in 0..steps.div_ceil(part) {
        churn.steps(part);
        tally.steps += part;
        let mut wrong = Vec::new();
        #[cfg(feature = "nft")]
        {
            let script = crate::rules::line(churn.dice());
            let _ = namespace.try_exec("nft", &[&script]);
            if !crate::rules::is_true(&mirror, &namespace) {
                wrong.push(format!("the rule set after {script}"));
            }
        }
        wrong.extend(differences_once_quiet(&mirror, &namespace));
        if !wrong.is_empty() {
            tally.wrong += wrong.len();
            println!("seed {seed}: {wrong:#?}\nafter:\n{}", churn.done[before..].join("\n"));
            println!("{:?}", mirror.stats());
            break;
        }
        before = churn.done.len();
        replay.assert_leads_to(&mirror);
    }
    // What the audit still finds of what it need not, is a bug.
    mirror.audit();
    mirror.quiet(PATIENCE).unwrap();
    let stats = mirror.stats();
    replay.assert_leads_to(&mirror);
    if stats.audit_repairs > 0 && tally.wrong == 0 {
        println!("seed {seed}: {} audit repairs: {:#?}", stats.audit_repairs, replay.audited);
        println!("{}", churn.done.join("\n"));
    }
    tally.deltas += stats.deltas;
    tally.losses += stats.losses;
    tally.resyncs += stats.resyncs;
    tally.implied += stats.implied;
    tally.readings += stats.readings;
    tally.repairs += stats.audit_repairs;
    replay.causes.iter().for_each(|(cause, count)| *tally.causes.entry(cause).or_default() += count);
}

#[test]
fn after_random_changes_of_everything_the_mirror_is_what_the_kernel_has() {
    if !is_root() {
        eprintln!("SKIPPED after_random_changes_of_everything_the_mirror_is_what_the_kernel_has: not root");
        return;
    }
    let first = seed();
    let seeds = std::env::var("LINX_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let seeds = seeds.unwrap_or(if is_long() { 1000 } else { 6 });
    let steps = if is_long() { 1000 } else { 300 };
    let mut tally = Tally::default();
    for at in 0..seeds {
        let seed = first.wrapping_add(at);
        // Every second with a buffer that overflows.
        let tight = seed % 2 == 0;
        history(seed, steps, if is_long() { 100 } else { 50 }, &mut tally, &|builder| {
            if tight { builder.rcvbuf(4096) } else { builder }
        });
        assert_eq!(tally.wrong, 0, "repeat with LINX_SEED={seed}");
    }
    println!("{tally:?}");
    assert!(tally.losses > 0 && tally.implied > 0);
}
