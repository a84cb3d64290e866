//! Who is right: a mirror, a peer's, and a list to which every event is applied, after the same random changes.
//!
//! One namespace a seed, watched by all of them at once. When it is quiet, each is compared with a fresh list, on the
//! fields that all of them have, three times half a second apart; what differs each time counts, and what was on its way
//! once (an address becomes usable between the two) does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use linx::mirror::State;
use linx::route::{Monitor, Notice};
use linx::{
    AddressView, Handle, Key, LinkView, Mirror, NeighbourView, NextHopView, Object, ObjectRef, Operation,
    RouteView, RuleView,
};
use linx_test::{Churn, Namespace};

use crate::Scale;
use crate::peers::Reflected;
use crate::report::{Form, Outcome, Report, Row, Sample, under};

/// An object, as far as all of them know it: its kind, and its fields as text.
pub type Line = (&'static str, String);

/// Seeds at a time.
const WORKERS: usize = 3;
/// Random changes of one seed.
const STEPS: usize = 120;
const MIRROR: &str = "linx, mirror";
const KINDS: [&str; 6] = ["link", "address", "route", "neighbour", "rule", "nexthop"];

/// Differences of one contestant.
#[derive(Default)]
struct Score {
    name: String,
    of: BTreeMap<&'static str, usize>,
    seeds: usize,
}

/// The table of differences.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "Mirror: who is right",
        "Objects that differ from a fresh list once it is quiet, of all seeds.",
    );
    let seeds = if scale.short { 2 } else { 100 };
    let next = AtomicU64::new(0);
    // Most of the time of a seed is waiting.
    let work = || -> Outcome<Vec<Found>> {
        let seeds =
            std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < seeds));
        seeds.map(one).collect()
    };
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let join = |worker: ScopedJoinHandle<'_, Outcome<Vec<Found>>>| {
            worker.join().map_err(|_| "a worker panicked".to_owned())?
        };
        workers.into_iter().map(join).collect::<Outcome<Vec<_>>>()
    })?;
    let mut scores: Vec<Score> = Vec::new();
    let mut objects: BTreeMap<&'static str, usize> = BTreeMap::new();
    for Found { seed, fresh, differences } in found.into_iter().flatten() {
        for (kind, _) in fresh {
            *objects.entry(kind).or_default() += 1;
        }
        for (name, lines) in differences {
            let at = scores.iter().position(|score| score.name == name).unwrap_or(scores.len());
            if at == scores.len() {
                scores.push(Score { name, ..Score::default() });
            }
            let score = &mut scores[at];
            score.seeds += usize::from(!lines.is_empty());
            for (kind, line) in lines {
                *score.of.entry(kind).or_default() += 1;
                if std::env::var_os("LINX_BENCH_LINES").is_some() {
                    eprintln!("{seed}: {}: {kind} {line}", score.name);
                }
            }
        }
    }
    print(seeds, &objects, &scores, report);
    Ok(())
}

fn print(seeds: u64, objects: &BTreeMap<&str, usize>, scores: &[Score], report: &mut Report) {
    let row = |name: &str, of: &BTreeMap<&str, usize>, seeds: Option<usize>| {
        let mut sample = Sample::new(of.values().sum::<usize>() as f64);
        for kind in KINDS {
            sample = sample.with(kind, of.get(kind).copied().unwrap_or_default() as f64);
        }
        if let Some(seeds) = seeds {
            sample = sample.with("seeds with any", seeds as f64);
        }
        Row { name: name.to_owned(), samples: vec![sample], fault: None }
    };
    let mut rows = vec![row("objects at the end", objects, None)];
    rows.extend(scores.iter().map(|score| row(&score.name, &score.of, Some(score.seeds))));
    let title = format!("{seeds} seeds of {STEPS} random changes");
    report.table(&title, "all kinds", Form::Plain, &rows, &[under(MIRROR, 0.0, None)]);
}

/// What there is at the end of a seed, and in what each contestant differs from it.
struct Found {
    seed: u64,
    fresh: Vec<Line>,
    differences: Vec<(String, Vec<Line>)>,
}

fn one(seed: u64) -> Outcome<Found> {
    let fault = |error: linx::Error| error.to_string();
    let (namespace, other) = (Namespace::new("truth"), Namespace::new("truth-o"));
    let mut churn = Churn::new(seed, &namespace, Some(&other));
    churn.settle_in();
    let mirror = Mirror::builder(&namespace.netns()).start().map_err(fault)?;
    let mut bare = Bare::new(&namespace)?;
    let reflected = Reflected::start(namespace.name())?;
    for _ in 0..3 {
        churn.steps(STEPS / 3);
    }
    let mut found = Found { seed, fresh: Vec::new(), differences: Vec::new() };
    for attempt in 0..3 {
        std::thread::sleep(Duration::from_millis(if attempt == 0 { 300 } else { 500 }));
        mirror.quiet(Duration::from_secs(30)).map_err(fault)?;
        bare.apply()?;
        let theirs = reflected.lines();
        let (state, held) = (mirror.snapshot(), bare.lines());
        let fresh = listed(&namespace)?;
        let mut differences = vec![
            (MIRROR.to_owned(), differing(&of_state(&state), &fresh)),
            ("a list, and every event applied".to_owned(), differing(&held, &fresh)),
        ];
        for (name, lines) in theirs {
            differences.push((name.to_owned(), differing(&lines, &fresh)));
        }
        if let Some(control) = reflected.fresh() {
            differences.push(("control: a fresh list of nlink's".to_owned(), differing(&control?, &fresh)));
        }
        for ((_, lines), (_, before)) in differences.iter_mut().zip(&found.differences) {
            lines.retain(|line| before.contains(line));
        }
        let is_right = differences.iter().all(|(_, lines)| lines.is_empty());
        found = Found { seed, fresh, differences };
        if is_right {
            break;
        }
    }
    Ok(found)
}

/// What is in one of them alone.
fn differing(a: &[Line], b: &[Line]) -> Vec<Line> {
    let mut counts: HashMap<&Line, i32> = HashMap::new();
    a.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    b.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let mut lines = Vec::new();
    for ((kind, text), count) in counts {
        let sign = if count > 0 { '+' } else { '-' };
        (0..count.unsigned_abs()).for_each(|_| lines.push((*kind, format!("{sign} {text}"))));
    }
    lines.sort();
    lines
}

/// What a program does that lists, and then applies every event by the object's key.
struct Bare {
    monitor: Monitor,
    held: HashMap<Key, Object>,
}

impl Bare {
    fn new(namespace: &Namespace) -> Outcome<Self> {
        let fault = |error: linx::Error| error.to_string();
        let monitor = Monitor::builder().netns(&namespace.netns()).subscribe().map_err(fault)?;
        let held = list(namespace)?.into_iter().map(|object| (Key::from(&object), object)).collect();
        Ok(Self { monitor, held })
    }

    fn apply(&mut self) -> Outcome<()> {
        loop {
            match self.monitor.try_recv().map_err(|error| error.to_string())? {
                None => return Ok(()),
                Some(Notice::Event(told)) => {
                    let key = Key::from(&told.object);
                    match told.op {
                        _ if is_part(&told.object) => {}
                        Operation::New => _ = self.held.insert(key, told.object.clone()),
                        Operation::Del => _ = self.held.remove(&key),
                    }
                }
                Some(Notice::ResyncNeeded(_)) => return Err("events were lost".to_owned()),
                Some(_) => {}
            }
        }
    }

    fn lines(&self) -> Vec<Line> {
        self.held.values().filter_map(|object| line(&object.as_ref())).collect()
    }
}

/// A message about a part of a link is not the link.
fn is_part(object: &Object) -> bool {
    matches!(object, Object::Link(link) if link.as_ref().is_part())
}

/// All objects, from the kernel.
fn list(namespace: &Namespace) -> Outcome<Vec<Object>> {
    let fault = |error: linx::Error| error.to_string();
    let handle = Handle::new(&namespace.netns()).map_err(fault)?;
    let mut all: Vec<Object> = Vec::new();
    all.extend(handle.links().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    all.extend(handle.addresses().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    all.extend(handle.routes().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    all.extend(handle.neighbours().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    all.extend(handle.rules().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    all.extend(handle.nexthops().all().map_err(fault)?.into_vec().into_iter().map(Object::from));
    Ok(all)
}

fn listed(namespace: &Namespace) -> Outcome<Vec<Line>> {
    Ok(list(namespace)?.iter().filter_map(|object| line(&object.as_ref())).collect())
}

fn of_state(state: &State) -> Vec<Line> {
    state.objects().filter_map(|object| line(&object)).collect()
}

/// The bits of a link's flags that are compared: UP, RUNNING, LOWER_UP.
pub const LINK_FLAGS: u32 = 0x1_0041;
/// Of a route's and its hops': DEAD, ONLINK, LINKDOWN.
pub const HOP_FLAGS: u32 = 0x15;
/// The states of a neighbour of which every change is told: from one of these to another it is told too.
pub const RESOLVED: u16 = 0x1e;
/// PERMANENT
pub const PERMANENT: u16 = 0x80;

/// The fields that all of them have; `None` of what is not compared: forwarding entries, proxies, and neighbours without
/// a link address, which come and go in silence.
fn line(object: &ObjectRef<'_>) -> Option<Line> {
    Some(match object {
        ObjectRef::Link(link) => {
            let attributes = link.attributes();
            let address = attributes.address().map(|address| address.as_bytes().to_vec());
            let (mtu, name) = (attributes.mtu(), link.name().to_string());
            let (flags, state) = (link.flags().bits() & LINK_FLAGS, attributes.operstate());
            let shown = (link.index(), name, flags, mtu, link.master(), address, state);
            ("link", format!("{shown:?}"))
        }
        ObjectRef::Address(address) => {
            let flags = address.flags().bits() & 0xff;
            let label = address.label().map(|label| label.to_string());
            let local = address.local();
            let peer = address.peer().map(|net| net.addr()).or(local);
            let shown = (address.index(), local, peer, address.prefix_len(), flags, label);
            ("address", format!("{shown:?}"))
        }
        ObjectRef::Route(route) => {
            if !matches!(route.family(), 2 | 10) {
                return None;
            }
            let net = route.destination();
            let destination = net.filter(|net| net.prefix_len() > 0).map(|net| net.addr());
            let place = (
                route.family(),
                route.table(),
                destination,
                net.map_or(0, |net| net.prefix_len()),
                route.priority(),
            );
            let mut hops: Vec<_> = route
                .hops()
                .map(|hop| (hop.ifindex, hop.weight(), hop.gateway(), u32::from(hop.flags) & HOP_FLAGS))
                .collect();
            hops.sort_unstable();
            let leads = (route.route_type(), route.oif(), route.gateway(), route.nhid(), route.prefsrc());
            let flags = route.flags().bits() & HOP_FLAGS;
            ("route", format!("{place:?} {leads:?} {flags} {hops:?}"))
        }
        ObjectRef::Neighbour(neighbour) => {
            let state = neighbour.state().bits();
            if neighbour.is_fdb() || neighbour.is_proxy() || state & (RESOLVED | PERMANENT) == 0 {
                return None;
            }
            let lladdr = neighbour.lladdr().map(|address| address.as_bytes().to_vec());
            let shown = (neighbour.index(), neighbour.dst(), lladdr, state & PERMANENT);
            ("neighbour", format!("{shown:?}"))
        }
        ObjectRef::Rule(rule) => {
            if !matches!(rule.family(), 2 | 10) {
                return None;
            }
            let (iif, oif) =
                (rule.iif().map(|name| name.to_string()), rule.oif().map(|name| name.to_string()));
            let wants = (iif, oif, rule.attributes().fwmark(), rule.ip_protocol());
            let does = (rule.header().action, rule.table(), rule.goto(), rule.suppress_prefixlen());
            ("rule", format!("{:?} {wants:?} {does:?}", (rule.family(), rule.priority())))
        }
        ObjectRef::NextHop(next_hop) => {
            let group: Vec<_> = next_hop.group().iter().map(|entry| (entry.id, entry.weight())).collect();
            let flags = next_hop.flags().bits() & HOP_FLAGS;
            let leads = (next_hop.gateway(), next_hop.oif(), next_hop.is_blackhole(), flags);
            ("nexthop", format!("{} {leads:?} {group:?}", next_hop.id()))
        }
        _ => return None,
    })
}
