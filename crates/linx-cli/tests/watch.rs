//! `linx watch` in real namespaces: what really changed and why, each difference once, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::watch::{RULES, commits, human, valid, watch};
use common::{PATIENCE, Running, carriers, linx, run, words};
use linx_test::{Namespace, Storm, is_root, skip_unless};
use serde_json::{Value, json};

/// A namespace with a pair of devices and routes through one of them.
fn namespace(tag: &str) -> Namespace {
    let namespace = Namespace::new(tag);
    namespace.sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    namespace.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
    namespace.batch(
        "link set lo up\nlink add ve0 type veth peer name ve1\nlink set ve1 up\nlink set ve0 up\n\
         address add 10.1.1.4/24 dev ve0\nroute add default via 10.1.1.1 proto dhcp metric 100\n\
         route add 10.96.0.0/12 via 10.1.1.1 proto bird\n",
    );
    carriers(&namespace);
    namespace
}

#[test]
fn a_flap_is_told_with_what_the_kernel_does_not_announce() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-flap");
    let mut running = watch(&namespace, "");
    namespace.ip("link set ve0 down");
    let down = running.find_json(|line| line["op"] == "changed" && line["link"]["ifname"] == "ve0");
    assert!(down["fields"].as_array().unwrap().contains(&json!("flags")), "{down}");
    assert_eq!((&down["before"]["operstate"], &down["cause"]), (&json!("UP"), &json!("event")));
    assert!(down.get("author").is_none(), "links have no author: {down}");
    let mut gone = Vec::new();
    while gone.len() < 3 {
        let line = running.find_json(|line| line["op"] == "removed" && line["kind"] == "route");
        if line["route"]["table"] == "main" {
            assert_eq!((&line["cause"], &line["trigger"]), (&json!("implied"), &down["seq"]), "{line}");
            gone.push(line["route"]["dst"].as_str().unwrap().to_owned());
        }
    }
    gone.sort();
    assert_eq!(gone, ["10.1.1.0/24", "10.96.0.0/12", "default"]);
    namespace.ip("link set ve0 up");
    running.find_json(|line| line["op"] == "added" && line["route"]["dst"] == "10.1.1.0/24");
    // What is replaced is changed, by somebody.
    namespace.ip("route add 10.97.0.0/16 via 10.1.1.1 proto bird");
    namespace.ip("route replace 10.97.0.0/16 via 10.1.1.9 proto bird");
    namespace.ip("route replace 10.97.0.0/16 via 10.1.1.9 proto bird");
    namespace.ip("route del 10.97.0.0/16");
    running.find_json(|line| line["op"] == "added" && line["route"]["dst"] == "10.97.0.0/16");
    let next = |running: &mut Running| running.find_json(|line| line["kind"] == "route");
    let line = next(&mut running);
    assert_eq!((&line["fields"], &line["before"]), (&json!(["gateway"]), &json!({"gateway": "10.1.1.1"})));
    assert!(line["author"]["comm"] == "ip" || line["author"]["pid"].is_null(), "{line}");
    // The same once more is no change.
    let line = next(&mut running);
    assert_eq!((&line["op"], &line["route"]["gateway"]), (&json!("removed"), &json!("10.1.1.9")), "{line}");
    running.signal("INT");
    let lines = valid(&running);
    assert!(lines.iter().any(|line| line["op"] == "list" && line["kind"] == "link"));
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.last().unwrap().contains(" implied, 0 audit repairs"), "{ended:?}");
}

#[test]
fn people_see_fields_and_causes_and_what_is_different_at_the_end() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-people");
    let name = namespace.name().to_owned();
    let mut running = human(&namespace, "link route nexthop");
    let shown = |line: &str| line.split_once(&format!("{name}  ")).unwrap().1.to_owned();
    namespace.ip("link set ve0 down");
    let line = running.find(|line| line.contains("~ link     ve0"));
    assert_eq!(shown(&line), "~ link     ve0  flags -UP -LOWER_UP  operstate UP → DOWN");
    let mut implied: Vec<_> =
        (0..3).map(|_| shown(&running.find(|line| line.contains("- route ")))).collect();
    implied.sort();
    assert_eq!(
        implied,
        [
            "- route    10.1.1.0/24 dev ve0 proto kernel scope link src 10.1.1.4  [implied: ve0 down]",
            "- route    10.96.0.0/12 via 10.1.1.1 dev ve0 proto bird  [implied: ve0 down]",
            "- route    default via 10.1.1.1 dev ve0 proto dhcp metric 100  [implied: ve0 down]",
        ]
    );
    namespace.ip("link set ve0 up");
    running.find(|line| line.contains("~ link     ve0") && line.ends_with(" → UP"));
    // Links and routes come from two sockets.
    let is_back = |line: &str| line.contains("+ route    10.1.1.0/24 dev ve0");
    if !running.seen.iter().any(|line| is_back(line)) {
        running.find(is_back);
    }
    namespace.ip("route add 10.96.0.0/12 via 10.1.1.1 proto bird");
    namespace.ip("link set ve0 mtu 1400");
    let line = running.find(|line| line.contains("  mtu "));
    assert_eq!(shown(&line), "~ link     ve0  mtu 1500 → 1400");
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let notes = ended.stderr.join("\n");
    for expected in [
        &format!("linx: namespace {name}: 3 links, "),
        "linx: hidden: IPv6's own flags of links, table local (--all shows them; --snapshot prints the state itself)",
        "linx: net change since ",
        &format!("\n{name}  - route    default via 10.1.1.1 dev ve0 proto dhcp metric 100\n"),
        &format!("\n{name}  ~ link     ve0  mtu 1500 → 1400\n"),
    ] {
        assert!(notes.contains(expected), "{expected:?}: {notes}");
    }
    // What is as it was is no change.
    assert!(!notes.contains("10.96.0.0/12") && !notes.contains("10.1.1.0/24"), "{notes}");
}

#[test]
fn what_happens_to_a_new_link_is_on_its_line_and_a_flap_is_not_hidden() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-young");
    let mut running = human(&namespace, "link");
    // On a busy machine they may be too long after each other.
    let is_told = |number: &u32| {
        let name = format!("br{number}");
        namespace.batch(&format!(
            "link add {name} type bridge\nlink set {name} up\nlink set ve1 master {name}\n\
             link set {name} mtu 1400\nlink set ve1 nomaster\n"
        ));
        let line = running.find(|line| line.contains(&format!("+ link     {name} type bridge")));
        running.find(|line| line.contains(&format!("~ link     ve1  master none → {name}")));
        line.contains(" changes in ") && line.ends_with(" ms)")
    };
    (0..10).find(is_told).expect("a line with what happened to the new link");
    namespace.batch("link add fl0 type bridge\nlink set fl0 up\nlink del fl0\n");
    running.find(|line| line.contains("+ link     fl0 type bridge"));
    running.find(|line| line.contains("- link     fl0 type bridge"));
    // As JSON each is a line of its own.
    let mut json = watch(&namespace, "link");
    namespace.batch("link add json0 type bridge\nlink set json0 up\n");
    json.find_json(|line| line["op"] == "added" && line["link"]["ifname"] == "json0");
    json.find_json(|line| line["op"] == "changed" && line["link"]["ifname"] == "json0");
    valid(&json);
}

#[test]
fn many_of_one_cause_are_one_line() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-fold");
    let routes: String = (0..200).map(|n| format!("route add 10.50.{n}.0/24 via 10.1.1.1\n")).collect();
    namespace.batch(&routes);
    let mut folded = human(&namespace, "route");
    let mut all = human(&namespace, "route --fold 0");
    namespace.ip("link set ve0 down");
    let line = folded.find(|line| line.contains("- route "));
    assert!(line.ends_with("- route    203 routes  [implied: ve0 down]  (--fold 0 shows each)"), "{line}");
    for _ in 0..203 {
        assert!(all.line().ends_with("  [implied: ve0 down]"));
    }
    folded.signal("INT");
    let ended = folded.end();
    assert!(ended.stdout.is_empty(), "{ended:?}");
    let more = ended.stderr.iter().find(|line| line.starts_with('…')).unwrap();
    assert_eq!(more, "…  183 more: 183 routes (--fold 0)");
}

/// The objects of records, by kind and key; what runs down and what changes in silence is left out.
fn keep(state: &mut BTreeMap<String, Value>, op: &str, record: &Value) {
    let kind = record["kind"].as_str().unwrap();
    let bodies = ["table", "chain", "rule", "set", "map", "element", "object", "flowtable"];
    let word =
        if kind == "nft" { bodies.iter().find(|word| record.get(word).is_some()).unwrap() } else { kind };
    let key = format!("{} {}", word, record["key"]);
    if op == "removed" {
        assert!(state.remove(&key).is_some(), "{key} was not there");
        return;
    }
    let mut body = record[word].clone();
    for field in
        ["expires", "valid_life_time", "preferred_life_time", "state", "qdisc", "promiscuity", "af_spec"]
    {
        body.as_object_mut().unwrap().remove(field);
    }
    let known = state.insert(key, body).is_some();
    assert_eq!(known, op == "changed", "{op} {record}");
}

/// What is printed can be read back: the state and the changes after it are the state at the end.
#[test]
fn the_state_and_its_changes_are_the_state_at_the_end() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-replay");
    namespace.nft(RULES);
    let line = format!("-n {} -j watch", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find_json(|line| line["op"] == "synced");
    let mut storm = Storm::new(&namespace);
    for round in 0..3 {
        storm.cycles(300, 1);
        commits(&namespace, 1);
        let (odd, name) = (round % 2 == 1, format!("br{round}"));
        namespace.ip(&format!("link add {name} type bridge"));
        namespace.ip(&format!("link set {name} up mtu {}", 1300 + round));
        namespace.ip(&format!("link set ve1 {}", if odd { "nomaster" } else { "master br0" }));
        namespace.ip(&format!("address add 10.{round}.0.1/24 dev {name}"));
        namespace.ip(&format!("rule add priority {} to 10.{round}.0.0/16 table 77", 100 + round));
        namespace.ip(&format!("nexthop add id {} via 10.1.1.9 dev ve0", round + 1));
        namespace.ip(&format!("route add 10.6{round}.0.0/16 nhid {}", round + 1));
        namespace.ip("link set ve0 down");
        namespace.ip("link set ve0 up");
        namespace.nft("delete set ip other big");
    }
    namespace.ip("route add 192.0.2.99/32 dev ve0");
    running.find_json(|line| line["op"] == "added" && line["route"]["dst"] == "192.0.2.99");
    let (mut state, mut read) = (BTreeMap::new(), 0);
    let end = Instant::now() + PATIENCE;
    // What follows from it without an announcement, and what expires, has its time.
    loop {
        while running.line_within(Duration::from_millis(500)).is_some() {}
        for line in &running.seen[read..] {
            let line: Value = serde_json::from_str(line).unwrap();
            let op = line["op"].as_str().unwrap();
            match op {
                "transaction" => {
                    for change in line["changes"].as_array().unwrap() {
                        keep(&mut state, change["op"].as_str().unwrap(), change);
                    }
                }
                "list" | "added" | "changed" | "removed" => keep(&mut state, op, &line),
                _ => {}
            }
        }
        read = running.seen.len();
        let mut now = BTreeMap::new();
        let listed = words(&format!("-n {} -j list all --all --stateless", namespace.name())).ok().json();
        // See docs/3-not-seen.md: rules of multicast routing are not mirrored; some neighbours come and go in silence.
        let is_mirrored = |line: &&Value| {
            let family = line["rule"]["family"].as_str().unwrap_or_default();
            line["kind"] != "nsid" && line["kind"] != "neigh" && !family.ends_with("mr")
        };
        listed.iter().filter(is_mirrored).for_each(|line| keep(&mut now, "list", line));
        let wrong: Vec<_> = state
            .keys()
            .chain(now.keys())
            .filter(|key| !key.starts_with("neigh ") && state.get(*key) != now.get(*key))
            .map(|key| (key, state.get(key), now.get(key)))
            .collect();
        if wrong.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "told, and as listed: {wrong:#?}");
    }
    running.signal("INT");
    valid(&running);
    assert_eq!(running.end().status, Some(0));
}

/// More at once than a mirror holds change by change.
#[test]
fn what_is_too_much_at_once_is_told_as_what_it_comes_to() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-lag");
    let routes: String = (0..40_000)
        .map(|n| format!("route add 10.{}.{}.{}/32 via 10.1.1.1\n", 128 + (n >> 16), n >> 8 & 255, n & 255))
        .collect();
    namespace.batch(&routes);
    let mut json = watch(&namespace, "--no-state route");
    let mut small = watch(&namespace, "--no-state route --rcvbuf 64K");
    let mut people = human(&namespace, "route");
    namespace.ip("link set ve0 down");
    for (running, cause) in [(&mut json, "implied"), (&mut small, "resync")] {
        let mut gone = std::collections::BTreeSet::new();
        let mut lags = 0;
        while gone.len() < 40_003 {
            let line = running.json();
            lags += usize::from(line["op"] == "lagged");
            if line["op"] == "removed" && line["route"]["table"] == "main" {
                assert_eq!(line["cause"], cause, "{line}");
                assert!(gone.insert(line["key"].to_string()), "{line}");
            }
        }
        assert_eq!(lags > 0, cause == "resync");
    }
    let line = people.find(|line| line.contains("40,003 routes"));
    assert!(line.ends_with(" 40,003 routes  [implied: ve0 down]  (--fold 0 shows each)"), "{line}");
    namespace.ip("link set ve0 up");
    for running in [&mut json, &mut small] {
        running.find_json(|line| line["op"] == "added" && line["route"]["dst"] == "10.1.1.0/24");
    }
    people.find(|line| line.contains("+ route    10.1.1.0/24 dev ve0"));
}

#[test]
fn what_says_nothing_is_hidden_from_people_unless_they_ask() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-hidden");
    namespace.ip("address add 10.2.2.2/24 dev ve0 valid_lft 1000 preferred_lft 900");
    namespace.ip("neigh add 10.1.1.7 lladdr 02:00:00:00:00:07 dev ve0 nud reachable");
    let mut running = human(&namespace, "");
    let mut all = human(&namespace, "--all");
    namespace.ip("address change 10.2.2.2/24 dev ve0 valid_lft 5000 preferred_lft 4000");
    namespace.ip("neigh change 10.1.1.7 lladdr 02:00:00:00:00:07 dev ve0 nud stale");
    namespace.ip("neigh change 10.1.1.7 lladdr 02:00:00:00:00:07 dev ve0 nud failed");
    namespace.ip("route add local 10.3.3.3 dev ve0");
    namespace.ip("route add 10.4.0.0/16 dev ve0");
    let line = running.line();
    assert!(line.contains("+ route    10.4.0.0/16 dev ve0"), "{line}");
    let [renewed, stale, ..] = all.find_each([
        "~ address  10.2.2.2/24 dev ve0",
        "~ neigh    10.1.1.7 dev ve0  state REACHABLE → STALE",
        "~ neigh    10.1.1.7 dev ve0  state STALE → FAILED",
        "+ route    local 10.3.3.3 dev ve0",
        "+ route    10.4.0.0/16 dev ve0",
    ]);
    // Some of it may have passed.
    let before = renewed.split_once("  valid_life_time ").unwrap().1.split_once("sec → 5000sec").unwrap().0;
    assert!((900..=1000).contains(&before.parse::<u32>().unwrap()), "{renewed}");
    assert!(!stale.contains("lladdr"), "{stale}");
    // What is renewed as it was is a line that says what is not as it was: a time in hundredths of seconds.
    std::thread::sleep(Duration::from_millis(30));
    namespace.ip("address change 10.2.2.2/24 dev ve0 valid_lft 5000 preferred_lft 4000");
    let line = all.find(|line| line.contains("~ address  10.2.2.2/24 dev ve0"));
    assert!(line.contains("10.2.2.2/24 dev ve0  (cacheinfo"), "{line}");
    // A device's multicast addresses; what somebody told it to receive, or where to send, is no such.
    namespace.ip("link add vx0 type vxlan id 7 dstport 4789");
    for line in [
        "fdb add 33:33:00:00:77:01 dev ve0 self permanent",
        "fdb add 02:00:00:00:77:02 dev ve0 self permanent",
        "fdb append 33:33:00:00:77:03 dev vx0 dst 10.1.1.8",
    ] {
        namespace.exec("bridge", &line.split(' ').collect::<Vec<_>>());
    }
    let told = |running: &mut Running| running.find(|line| line.contains("neigh") && line.contains(":77:"));
    assert!(told(&mut all).contains("33:33:00:00:77:01 dev ve0"));
    assert!(told(&mut running).contains("02:00:00:00:77:02 dev ve0"));
    assert!(told(&mut running).contains("33:33:00:00:77:03 dev vx0 dst 10.1.1.8"));
}

#[test]
fn it_ends_after_so_many_or_so_long_and_filters() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-ends");
    let name = namespace.name().to_owned();
    let ran = words(&format!("-n {name} watch route to exact default op removed --for 200ms"));
    assert_eq!(ran.status, Some(4), "{ran:?}");
    let line = format!("-n {name} -j watch --no-state route to exact default op removed --count 1 --for 60s");
    let mut running = Running::start(linx(line.split_whitespace()));
    assert_eq!(running.json()["op"], "synced");
    namespace.ip("route add 10.4.0.0/16 dev ve0");
    namespace.ip("route del default");
    assert_eq!(running.json()["route"]["dst"], "default");
    assert_eq!(running.end().status, Some(0));
    let mut implied = watch(&namespace, "--no-state route cause implied");
    namespace.ip("route del 10.4.0.0/16");
    namespace.ip("link set ve0 down");
    assert_eq!(implied.json()["cause"], "implied");
    namespace.ip("link set ve0 up");
    let mut mine = watch(&namespace, "--no-state route not by nobody op added not table local");
    namespace.ip("route add 10.5.0.0/16 dev ve0");
    assert_eq!(mine.json()["route"]["dst"], "10.5.0.0/16");
}

#[test]
fn the_summary_is_what_is_different() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-summary");
    let line = format!("-n {} watch --summary route", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find_note(|line| line.contains("hidden: "));
    namespace.ip("route add 10.4.0.0/16 dev ve0");
    namespace.ip("route add 10.5.0.0/16 dev ve0");
    namespace.ip("route del 10.4.0.0/16");
    namespace.ip("route del default");
    std::thread::sleep(Duration::from_millis(200));
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let name = namespace.name();
    assert_eq!(
        ended.stdout,
        [
            format!("{name}  - route    default via 10.1.1.1 dev ve0 proto dhcp metric 100"),
            format!("{name}  + route    10.5.0.0/16 dev ve0 scope link"),
        ]
    );
}

#[test]
fn doubt_has_a_beginning_and_an_end_and_differences_in_between() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-lost");
    let mut storm = Storm::new(&namespace);
    let mut running = watch(&namespace, "route --rcvbuf 2K");
    let mut people = human(&namespace, "route --rcvbuf 2K");
    for one in [&running, &people] {
        one.signal("STOP");
    }
    namespace.ip("route add 10.9.3.0/24 dev ve0");
    storm.cycles(500, 1);
    namespace.ip("route del 10.96.0.0/12");
    for one in [&running, &people] {
        one.signal("CONT");
    }
    let lost = running.find_json(|line| line["op"] == "resync_needed");
    assert_eq!(lost["reason"], "overflow");
    assert!(lost["rcvbuf"].as_u64().unwrap() < 16 * 1024, "{lost}");
    running.find_json(|line| {
        line["op"] == "removed" && line["route"]["dst"] == "10.96.0.0/12" && line["cause"] == "resync"
    });
    let again = running.find_json(|line| line["op"] == "resynced");
    assert!(again["deltas"].as_u64().unwrap() >= 1, "{again}");
    namespace.ip("route add 10.9.4.0/24 dev ve0");
    running.find_json(|line| line["op"] == "added" && line["route"]["dst"] == "10.9.4.0/24");
    valid(&running);
    let line = people.find(|line| line.contains("resync_needed"));
    assert!(
        line.contains("! resync_needed  route: receive buffer overflowed (")
            || line.contains("nexthop, route"),
        "{line}"
    );
    assert!(line.ends_with("; what follows until \"resynced\" may be late"), "{line}");
    people.find(|line| line.contains("- route    10.96.0.0/12") && line.ends_with("  [resync]"));
    let line = people.find(|line| line.contains("! resynced  "));
    assert!(line.contains(": certain again after ") && line.ends_with(", their authors unknown"), "{line}");
    people.signal("INT");
    let ended = people.end();
    assert!(ended.stderr.last().unwrap().contains(" 1 resync ("), "{ended:?}");
}

#[test]
fn the_last_namespace_gone_is_told_with_what_it_had() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("watch-gone");
    let name = namespace.name().to_owned();
    let mut running = human(&namespace, "link route");
    let mut json = watch(&namespace, "--no-state link");
    drop(namespace);
    let line = running.find(|line| line.contains("- netns"));
    assert!(line.contains(&format!("- netns    {name}  with ")) && line.contains("links, "), "{line}");
    let ended = running.end();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    let expected =
        format!("linx: watch link route: namespace \"{name}\" was deleted; nothing is left to watch");
    assert_eq!(ended.stderr.last().unwrap(), &expected);
    let gone = json.find_json(|line| line["kind"] == "netns");
    assert_eq!((&gone["op"], &gone["cause"]), (&json!("removed"), &json!("event")));
    assert!(gone["with"]["link"].as_u64().unwrap() >= 1, "{gone}");
    valid(&json);
}

#[test]
fn namespaces_come_and_go_and_links_move_between_them() {
    skip_unless!(is_root(), "not root");
    let first = namespace("watch-moves");
    let mut running = Running::start(linx(["--all-netns", "watch", "link", "address"]));
    running.find(|line| line.contains("  synced  "));
    let mut json = Running::start(linx(["--all-netns", "-j", "watch", "link"]));
    let synced = |line: &Value| line["op"] == "synced" && line["netns"]["name"] == first.name();
    json.find_json(synced);
    let second = Namespace::new("watch-comes");
    let (from, to) = (first.name().to_owned(), second.name().to_owned());
    // It may be found by who makes it, and have its name later.
    let cookie = second.netns().cookie().unwrap();
    let line =
        running.find(|line| line.contains("+ netns    ") && line.contains(&format!("  cookie {cookie}  ")));
    assert!(line.contains("  with 1 link"), "{line}");
    if !line.contains(&format!("+ netns    {to}  ")) {
        running.find(|line| line.contains(&format!("~ netns    {to}  name ")));
    }
    json.find_json(|line| line["op"] == "synced" && line["netns"]["cookie"] == cookie);
    let of_it = |line: &Value| line["kind"] == "netns" && line["netns"]["cookie"] == cookie;
    assert_eq!(json.ever_json(of_it)["op"], "added");
    json.ever_json(|line| of_it(line) && line["netns"]["name"] == *to);
    first.ip(&format!("link set ve1 netns {to} name eth0"));
    let line = running.find(|line| line.contains(&format!("{to}  ")) && line.contains("+ link     eth0"));
    assert!(line.contains(&format!("(moved from {from}, was ve1)")), "{line}");
    assert!(line.contains(&format!(" type veth peer {from}/ve0 ")), "{line}");
    // Namespaces have turns: its end may be told after the beginning.
    let is_gone =
        |line: &str| line.contains("- link     ve1") && line.ends_with(&format!("  (moved to {to})"));
    if !running.seen.iter().any(|line| is_gone(line)) {
        running.find(is_gone);
    }
    let is_ours = |line: &Value| line["netns"]["name"] == *from || line["netns"]["name"] == *to;
    let of_it = |line: &Value| is_ours(line) && line.get("moved_to").or(line.get("moved_from")).is_some();
    let mut both = [(); 2].map(|()| json.find_json(of_it));
    both.sort_by_key(|line| line["op"] == "added");
    let [gone, came] = both;
    assert_eq!(gone["moved_to"]["netns"]["name"], *to, "{gone}");
    let ends = |line: &Value, other: &str| (line["netns"].clone(), line[other].clone());
    let (gone_from, to_there) = ends(&gone, "moved_to");
    let (came_to, from_there) = ends(&came, "moved_from");
    assert_eq!((&to_there["netns"], &from_there["netns"]), (&came_to, &gone_from), "{gone} {came}");
    assert_eq!(
        (&to_there["ifindex"], &from_there["ifindex"]),
        (&came["link"]["ifindex"], &gone["link"]["ifindex"])
    );
    drop(second);
    let line = running.find(|line| line.contains(&format!("- netns    {to}")));
    assert!(line.contains("  with "), "{line}");
    json.find_json(|line| line["op"] == "removed" && line["kind"] == "netns" && line["netns"]["name"] == *to);
    valid(&json);
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.iter().any(|line| line.starts_with("namespaces: ")), "{ended:?}");
}

/// The same between namespaces that were chosen, there and back many times: the end before the beginning, none alone.
#[test]
fn a_link_that_moves_between_chosen_namespaces_has_both_ends() {
    skip_unless!(is_root(), "not root");
    let (one, two) = (namespace("watch-one"), Namespace::new("watch-two"));
    let names = [one.name().to_owned(), two.name().to_owned()];
    let line = format!("-n {} -n {} -j watch --no-state link", names[0], names[1]);
    let mut json = Running::start(linx(line.split_whitespace()));
    for _ in 0..2 {
        json.find_json(|line| line["op"] == "synced");
    }
    let mut here = "ve1".to_owned();
    for round in 0..20 {
        let (from, to) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        from.ip(&format!("link set {here} netns {} name e{round}", to.name()));
        let [gone, came] =
            [(); 2].map(|()| json.find_json(|line| line["kind"] == "link" && line["op"] != "changed"));
        assert_eq!((&gone["op"], &gone["link"]["ifname"]), (&json!("removed"), &json!(here)), "{gone}");
        assert_eq!(gone["moved_to"]["netns"]["name"], to.name(), "{gone}");
        assert_eq!((&came["op"], &came["netns"]["name"]), (&json!("added"), &json!(to.name())), "{came}");
        assert_eq!(came["moved_from"]["netns"]["name"], from.name(), "{came}");
        assert_eq!(came["moved_from"]["ifindex"], gone["link"]["ifindex"], "{came}");
        assert_eq!(gone["moved_to"]["ifindex"], came["link"]["ifindex"], "{gone}");
        here = format!("e{round}");
    }
    // The last but one that goes does not end it.
    drop(two);
    let line = json.find_json(|line| line["kind"] == "netns");
    assert_eq!((&line["op"], &line["netns"]["name"]), (&json!("removed"), &json!(names[1])), "{line}");
    one.ip("link set ve0 mtu 1400");
    json.find_json(|line| line["op"] == "changed" && line["link"]["mtu"] == 1400);
    drop(one);
    json.find_json(|line| line["kind"] == "netns" && line["netns"]["name"] == *names[0]);
    assert_eq!(json.end().status, Some(2));
}

/// A control group as a container's, and a process in it that has a namespace of its own.
struct Container(std::path::PathBuf, std::process::Child);

impl Container {
    fn new(id: &str) -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let unified = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let path = std::path::Path::new(unified.split(' ').nth(4)?).join(format!("docker-{id}.scope"));
        std::fs::create_dir(&path).ok()?;
        let script = format!("echo $$ > {}/cgroup.procs; exec unshare --net sleep 600", path.display());
        let child = std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
        Some(Self(path, child))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
        linx_test::until("an empty control group", || std::fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn a_container_that_comes_and_goes_is_told_by_its_id() {
    skip_unless!(is_root(), "not root");
    let mut people = Running::start(linx(["--all-netns", "watch", "link"]));
    people.find(|line| line.contains("  synced  "));
    let mut json = Running::start(linx(["--all-netns", "-j", "watch", "--no-state", "link"]));
    json.find_json(|line| line["op"] == "synced" && line["netns"]["cookie"].is_u64());
    let id = format!("{:012x}{:052x}", std::process::id(), 7);
    let Some(container) = Container::new(&id) else {
        eprintln!("SKIPPED: no control group may be made");
        return;
    };
    let name = format!("docker:{}", &id[..12]);
    let line = people.find(|line| line.contains(&format!("+ netns    {name}  cookie ")));
    assert!(line.contains(&format!("  container {}  ", &id[..12])) && line.contains("  with "), "{line}");
    let came = json.find_json(|line| line["kind"] == "netns" && line["netns"]["name"] == *name);
    let expected = json!({ "runtime": "docker", "id": id });
    let container_of = |line: &Value| {
        let container = &line["netns"]["container"];
        json!({ "runtime": container["runtime"], "id": container["id"] })
    };
    assert_eq!((&came["op"], container_of(&came)), (&json!("added"), expected.clone()), "{came}");
    json.find_json(|line| line["op"] == "synced" && line["netns"]["name"] == *name);
    drop(container);
    let line = people.find(|line| line.contains(&format!("- netns    {name}")));
    assert!(line.contains("  with "), "{line}");
    let gone = json.find_json(|line| line["kind"] == "netns" && line["netns"]["name"] == *name);
    assert_eq!((&gone["op"], container_of(&gone)), (&json!("removed"), expected), "{gone}");
    valid(&json);
}

#[test]
fn what_cannot_be_is_said() {
    for (line, text) in [
        ("watch nsid", "linx: watch nsid: nsid: the ids of namespaces are not mirrored; linx monitor nsid"),
        ("watch op new", "linx: watch: no operation \"new\"; added, changed or removed"),
        (
            "-j watch --summary",
            "linx: watch: --summary is for people; with -j, compare two runs of linx list, or fold the records of a watch",
        ),
    ] {
        let ran = words(line);
        assert_eq!((ran.status, ran.stderr.trim_end(), ran.text()), (Some(1), text, ""), "{line}");
    }
    let ran = run(linx(["watch", "dev", "linxnosuch", "--for", "50s"]));
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("no link \"linxnosuch\" in namespace "), "{ran:?}");
}
