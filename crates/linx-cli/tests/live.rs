//! `linx monitor` in real namespaces: what it prints, in which order, by whom, and how it ends.
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

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use common::{Running, carriers, linx, run, words};
use linx_test::{Namespace, Step, Storm, is_root, skip_unless};
use serde_json::Value;

/// A monitor of a namespace that has printed its snapshot.
fn monitor(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} -j monitor --snapshot {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    let synced = running.find_json(|line| line["op"] == "synced");
    assert_eq!(synced["netns"]["name"], namespace.name());
    running
}

fn is_route<'a>(op: &'a str, dst: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |line| line["op"] == op && line["route"]["dst"] == dst
}

/// A namespace with a device that routes can go through.
fn namespace(tag: &str) -> Namespace {
    let namespace = Namespace::new(tag);
    namespace.sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    namespace.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
    namespace.batch(
        "link set lo up\nlink add ve0 type veth peer name ve1\nlink set ve1 up\nlink set ve0 up\n\
         address add 10.0.0.1/24 dev ve0\n",
    );
    carriers(&namespace);
    namespace
}

/// A shell that runs lines of commands; killed with the test.
struct Shell(Child, ChildStdin, BufReader<ChildStdout>);

impl Shell {
    fn start() -> Self {
        let mut child = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(child, stdin, BufReader::new(stdout))
    }

    /// Runs a line, which prints nothing, to its end.
    fn run(&mut self, line: &str) {
        writeln!(self.1, "{line}; echo $?").unwrap();
        let mut status = String::new();
        self.2.read_line(&mut status).unwrap();
        assert_eq!(status, "0\n", "{line}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn events_come_in_order_each_with_its_author() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-order");
    let mut running = monitor(&namespace, "not proto kernel");
    namespace.ip("link add dev br7 type bridge");
    namespace.ip("address add 10.7.0.1/24 dev br7");
    namespace.ip("neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev ve0 nud permanent");
    namespace.ip("rule add priority 77 to 10.77.0.0/16 table 77");
    namespace.ip("nexthop add id 7 via 10.0.0.9 dev ve0");
    namespace.ip("route add 10.77.0.0/16 nhid 7");
    namespace.ip("route del 10.77.0.0/16");
    namespace.ip("link del br7");
    let mut seen = Vec::new();
    loop {
        let line = running.json();
        let (op, kind) = (line["op"].as_str().unwrap().to_owned(), line["kind"].as_str().unwrap().to_owned());
        let body = &line[&kind];
        let what = match kind.as_str() {
            "link" => body["ifname"].clone(),
            "address" => body["local"].clone(),
            "rule" => body["priority"].clone(),
            "nexthop" => body["id"].clone(),
            _ => body["dst"].clone(),
        };
        // The kernel tells some of a link's changes twice, and more or fewer of them.
        let what = (op, kind, what.to_string());
        let author = &line["author"];
        if what.1 == "link" {
            assert_eq!(author, &Value::Null, "{line}");
        } else if author["portid"] != 0 {
            // Where other processes could have had the number, it is the number alone.
            assert!(author["comm"] == "ip" || author["pid"].is_null(), "{line}");
            assert_eq!(author["certainty"], "likely");
        }
        let is_end = what == ("del".into(), "link".into(), "\"br7\"".into());
        if seen.last() != Some(&what) {
            seen.push(what);
        }
        if is_end {
            break;
        }
    }
    let told = |op: &str, kind: &str, what: &str| {
        let all = seen.iter().position(|line| *line == (op.to_owned(), kind.to_owned(), what.to_owned()));
        all.unwrap_or_else(|| panic!("no {op} {kind} {what}: {seen:#?}"))
    };
    let order = [
        told("new", "link", "\"br7\""),
        told("new", "address", "\"10.7.0.1\""),
        told("new", "neigh", "\"10.0.0.9\""),
        told("new", "rule", "77"),
        told("new", "nexthop", "7"),
        told("new", "route", "\"10.77.0.0/16\""),
        told("del", "route", "\"10.77.0.0/16\""),
        told("del", "link", "\"br7\""),
    ];
    assert!(order.is_sorted(), "{order:?}: {seen:#?}");
    let numbers: Vec<u64> = running
        .seen
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert!(numbers.iter().zip(1..).all(|(seq, expected)| *seq == expected), "{numbers:?}");
}

#[test]
fn lines_for_people_have_sign_kind_object_and_author() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-human");
    let name = namespace.name().to_owned();
    let mut running = Running::start(linx([
        "-n",
        &name,
        "monitor",
        "--snapshot",
        "route",
        "link",
        "not",
        "proto",
        "kernel",
    ]));
    running.find(|line| line.contains("  synced  1 namespace in "));
    namespace.ip("route add 10.77.0.0/16 via 10.0.0.9");
    let line = running.find(|line| line.contains(" route "));
    let (time, rest) = line.split_at("00:00:00.000".len());
    assert!(time.bytes().all(|b| b.is_ascii_digit() || b":.".contains(&b)), "{line}");
    let (object, author) = rest.split_once("  by ").unwrap();
    assert_eq!(object, format!("  {name}  + route    10.77.0.0/16 via 10.0.0.9 dev ve0"));
    let is_author =
        |text: &str| (text.starts_with("ip[") || text.starts_with("port ")) && text.ends_with('?');
    assert!(is_author(author), "{line}");
    namespace.ip("link set ve0 mtu 1400");
    let line = running.find(|line| line.contains(" link "));
    assert!(line.contains(&format!("  {name}  ~ link     ")) && line.contains(" mtu 1400 "), "{line}");
    namespace.ip("route del 10.77.0.0/16");
    let line = running.find(|line| line.contains(" route "));
    let (object, author) = line.split_once("  by ").unwrap();
    assert!(object.ends_with(&format!("  {name}  - route    10.77.0.0/16 via 10.0.0.9 dev ve0")), "{line}");
    assert!(is_author(author), "{line}");
}

#[test]
fn a_count_or_a_time_ends_it() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-end");
    let running = monitor(&namespace, "route op new not proto kernel --count 2");
    namespace.batch(
        "route add 10.71.0.0/16 dev ve0\nroute del 10.71.0.0/16\nroute add 10.72.0.0/16 dev ve0\n\
         route add 10.73.0.0/16 dev ve0\n",
    );
    let ended = running.end();
    let told: Vec<Value> = ended.stdout.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let destinations: Vec<_> = told.iter().map(|line| line["route"]["dst"].as_str().unwrap()).collect();
    assert_eq!((ended.status, destinations), (Some(0), vec!["10.71.0.0/16", "10.72.0.0/16"]));
    assert_eq!(ended.stderr, Vec::<String>::new());

    let ran = words(&format!("-n {} -j monitor --snapshot route --for 300ms", namespace.name()));
    assert_eq!((ran.status, &*ran.stderr), (Some(4), ""));
}

#[test]
fn filters_and_authors_choose() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-by");
    let mut storm = Storm::new(&namespace);
    // Not a child of this process: whose parent it is, is by it too. And no copy of this process has its socket.
    let mut shell = Shell::start();
    let me = std::process::id();
    let mut by_me = monitor(&namespace, &format!("route by {me} not proto kernel"));
    let mut not_by_me = monitor(&namespace, &format!("route not by {me} not proto kernel"));
    let mut on_dev = monitor(&namespace, "route dev ve0 to root 10.64.0.0/10 op del");
    let ip = |shell: &mut Shell, args: &str| shell.run(&format!("ip -n {} {args}", namespace.name()));
    let dst = |line: &Value| line["route"]["dst"].as_str().unwrap().to_owned();
    let mut number = 0;
    let mut tell = |by_me: &mut Running| {
        // On a busy machine an author may not be known in time: then the line is not this monitor's.
        for _ in 0..5 {
            number += 1;
            let step = Step { add: true, number };
            storm.send(&[step]);
            if let Some(line) = by_me.line_within(Duration::from_secs(5)) {
                assert!(
                    is_route("new", &step.destination().to_string())(&serde_json::from_str(&line).unwrap()),
                    "{line}"
                );
                return;
            }
        }
        panic!("nothing is by this process");
    };
    tell(&mut by_me);
    ip(&mut shell, "route add 10.71.0.0/16 dev ve0");
    ip(&mut shell, "route add 10.172.0.0/16 dev ve0");
    tell(&mut by_me);
    ip(&mut shell, "route del 10.172.0.0/16");
    ip(&mut shell, "route del 10.71.0.0/16");
    tell(&mut by_me);
    let four = [(); 4].map(|()| {
        // Of whom nothing is known, is not by this process.
        let known = |line: &Value| !dst(line).starts_with("11.") || line["author"]["pid"].is_u64();
        dst(&not_by_me.find_json(known))
    });
    assert_eq!(four, ["10.71.0.0/16", "10.172.0.0/16", "10.172.0.0/16", "10.71.0.0/16"]);
    assert_eq!(dst(&on_dev.json()), "10.71.0.0/16");
}

#[test]
fn a_snapshot_and_what_follows_leave_no_gap_storm() {
    skip_unless!(is_root(), "not root");
    const ROUTES: u32 = 40_000;
    let namespace = namespace("cli-overlap");
    let mut storm = Storm::new(&namespace);
    storm.cycles(ROUTES, 1);
    let line = format!("-n {} -j monitor --snapshot route", namespace.name());
    let sender = std::thread::spawn(move || {
        let steps: Vec<Step> = (0..ROUTES).map(|number| Step { add: true, number }).collect();
        steps.chunks(64).for_each(|steps| storm.send(steps));
        storm
    });
    let mut running = Running::start(linx(line.split_whitespace()));
    let (mut state, mut overlapping, mut later) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut synced = false;
    while state.len() + later.len() < ROUTES as usize {
        let line = running.json();
        let Some(dst) = line["route"]["dst"].as_str().filter(|dst| dst.starts_with("11.")) else {
            assert_ne!(line["op"], "resync_needed");
            synced |= line["op"] == "synced";
            continue;
        };
        match (line["op"].as_str().unwrap(), &line["overlap"]) {
            ("list", Value::Null) => assert!(!synced && state.insert(dst.to_owned())),
            ("new", Value::Bool(true)) => {
                assert!(!synced, "{line}");
                overlapping.insert(dst.to_owned());
                if !state.contains(dst) {
                    later.insert(dst.to_owned());
                }
            }
            ("new", Value::Null) => {
                assert!(synced && !state.contains(dst) && later.insert(dst.to_owned()), "{line}");
            }
            other => panic!("{other:?}: {line}"),
        }
    }
    drop(sender.join().unwrap());
    eprintln!("{} listed, {} overlapping, {} later", state.len(), overlapping.len(), later.len());
}

#[test]
fn a_storm_is_printed_whole_and_in_order() {
    skip_unless!(is_root(), "not root");
    const ROUTES: u32 = 20_000;
    let namespace = namespace("cli-storm");
    let mut storm = Storm::new(&namespace);
    let mut running = monitor(&namespace, "route not proto kernel");
    storm.cycles(ROUTES, 1);
    for step in Step::of_cycles(ROUTES, 1) {
        let line = running.json();
        let (op, dst) = (if step.add { "new" } else { "del" }, step.destination().to_string());
        assert!(is_route(op, &dst)(&line), "{line} instead of {op} {dst}");
    }
    running.signal("INT");
    let ended = running.end();
    assert_eq!((ended.status, ended.stdout), (Some(0), vec![]));
    assert_eq!(ended.stderr.len(), 1, "{:?}", ended.stderr);
    let expected = format!("linx: {} changes printed of ", ROUTES * 2);
    assert!(
        ended.stderr[0].starts_with(&expected) && ended.stderr[0].ends_with("; none lost"),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn a_signal_flushes_and_sums_up() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-signal");
    for signal in ["INT", "TERM"] {
        let mut running = monitor(&namespace, "");
        namespace.ip("route add 10.71.0.0/16 dev ve0");
        running.find_json(is_route("new", "10.71.0.0/16"));
        namespace.ip("route del 10.71.0.0/16");
        running.find_json(is_route("del", "10.71.0.0/16"));
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.status, Some(0));
        assert!(ended.stderr.iter().any(|line| line.contains(" printed of ")), "{:?}", ended.stderr);
    }
}

#[test]
fn a_namespace_that_goes_ends_its_part_and_the_last_one_all() {
    skip_unless!(is_root(), "not root");
    let (mut one, mut two) = (namespace("cli-first"), namespace("cli-second"));
    let (a, b) = (one.name().to_owned(), two.name().to_owned());
    let line = format!("-n {a} -n {b} -j monitor --snapshot");
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find_json(|line| line["op"] == "synced");
    running.find_json(|line| line["op"] == "synced");
    one.delete();
    let gone = running.find_json(|line| line["kind"] == "netns");
    assert_eq!((&gone["op"], &gone["netns"]["name"]), (&"del".into(), &a.as_str().into()));
    two.ip("route add 10.71.0.0/16 dev ve0");
    let line = running.find_json(is_route("new", "10.71.0.0/16"));
    assert_eq!(line["netns"]["name"], b);
    two.delete();
    running.find_json(|line| line["kind"] == "netns" && line["op"] == "del" && line["netns"]["name"] == b);
    let ended = running.end();
    let expected = format!("linx: monitor: namespace \"{b}\" was deleted; nothing is left to monitor");
    assert_eq!((ended.status, ended.stderr), (Some(2), vec![expected]));
}

#[test]
fn a_process_that_ends_takes_its_namespace_with_it() {
    skip_unless!(is_root(), "not root");
    let mut sleep = std::process::Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
    let pid = sleep.id().to_string();
    let own = linx_sys::Netns::host().unwrap().cookie().unwrap();
    let theirs = || linx_sys::Netns::pid(sleep.id()).and_then(|netns| netns.cookie());
    linx_test::until("a namespace of its own", || theirs().is_ok_and(|cookie| cookie != own));
    let mut running = Running::start(linx(["-n", &pid, "-j", "monitor", "--snapshot"]));
    running.find_json(|line| line["op"] == "synced");
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    running.find_json(|line| line["kind"] == "netns" && line["op"] == "del");
    let ended = running.end();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.stderr[0].ends_with("nothing is left to monitor"), "{ended:?}");
}

/// Rules of multicast routing have tables of their own: lists hide them unless asked, as `ip rule` does; a monitor shows
/// them, before and after its snapshot, as `ip monitor` does.
#[test]
fn rules_of_multicast_routing_are_hidden_in_lists_alone() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-mrule");
    let name = namespace.name();
    let made = namespace.try_ip("mrule add priority 777 iif lo table 9");
    skip_unless!(made.is_ok(), "no rules of multicast routing: {made:?}");
    let rules = |args: &str| {
        let ran = words(&format!("-n {name} -j {args}")).ok();
        let lines = ran.json().into_iter().filter(|line| line["kind"] == "rule");
        let families = lines.map(|line| line["rule"]["family"].as_str().unwrap().to_owned());
        families.collect::<BTreeSet<String>>()
    };
    let usual = BTreeSet::from(["inet".to_owned(), "inet6".to_owned()]);
    let all: BTreeSet<String> = ["inet", "inet6", "ip6mr", "ipmr"].map(str::to_owned).into();
    assert_eq!(rules("list rule"), usual);
    assert_eq!(rules("list all"), usual);
    assert_eq!(rules("-4 list rule --all"), BTreeSet::from(["inet".to_owned()]));
    // A kernel may lack those of IPv6.
    let listed = rules("list rule --all");
    assert!(listed.is_subset(&all) && listed.contains("ipmr"), "{listed:?}");
    let mut running = monitor(&namespace, "rule");
    let snapshot = running.seen.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let snapshot = snapshot.filter_map(|line| Some(line["rule"]["family"].as_str()?.to_owned()));
    assert_eq!(snapshot.collect::<BTreeSet<_>>(), listed);
    namespace.ip("mrule del priority 777");
    let gone = running.find_json(|line| line["op"] == "del");
    assert_eq!((&gone["rule"]["family"], &gone["rule"]["priority"]), (&"ipmr".into(), &777.into()));
}

#[test]
fn all_namespaces_come_and_go() {
    skip_unless!(is_root(), "not root");
    let before = namespace("cli-before");
    let mut running = Running::start(linx(["--all-netns", "-j", "monitor", "--snapshot", "link"]));
    running.find_json(|line| line["op"] == "synced" && line["netns"]["name"] == before.name());
    let mut coming = namespace("cli-coming");
    let name = coming.name().to_owned();
    let is = |op: &'static str| {
        let name = name.clone();
        move |line: &Value| {
            line["kind"] == "netns" && line["op"] == op && line["netns"]["name"] == name.as_str()
        }
    };
    // It may be found by who makes it, and have its name later.
    let cookie = coming.netns().cookie().unwrap();
    running.find_json(|line| line["op"] == "synced" && line["netns"]["cookie"] == cookie);
    let came = running.ever_json(is("new"));
    assert_eq!(came["netns"]["path"], format!("/run/netns/{name}"));
    assert_eq!(came["netns"]["cookie"], cookie);
    for (namespace, link) in [(&coming, "br71"), (&before, "br72")] {
        namespace.ip(&format!("link add dev {link} type bridge"));
        let line = running.find_json(|line| line["op"] == "new" && line["link"]["ifname"] == link);
        assert_eq!(line["netns"]["name"], namespace.name());
    }
    coming.delete();
    running.find_json(is("del"));
    // The same name is another namespace.
    let again = Namespace::named(&name);
    let came_again = running.find_json(is("new"));
    assert_ne!(came["netns"]["cookie"], came_again["netns"]["cookie"]);
    drop(again);
    running.find_json(is("del"));
    running.signal("INT");
    assert_eq!(running.end().status, Some(0));
}

#[test]
fn what_it_prints_is_in_the_schema() {
    skip_unless!(is_root(), "not root");
    let schema = run(linx(["schema"])).ok();
    let schema: Value = serde_json::from_str(schema.text()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut namespace = namespace("cli-lines");
    let mut running = monitor(&namespace, "--rcvbuf 2K");
    let mut storm = Storm::new(&namespace);
    running.signal("STOP");
    storm.cycles(500, 1);
    running.signal("CONT");
    running.find_json(|line| line["op"] == "resync_needed");
    namespace.batch("link add br7 type bridge\nlink set br7 up\nlink set ve0 master br7\nroute add 10.71.0.0/16 dev br7\n");
    namespace.delete();
    running.find_json(|line| line["kind"] == "netns");
    let mut kinds = BTreeMap::new();
    for line in &running.seen {
        let line: Value = serde_json::from_str(line).unwrap();
        let faults: Vec<String> =
            schema.iter_errors(&line).map(|fault| format!("{}: {fault}", fault.instance_path)).collect();
        assert!(faults.is_empty(), "{faults:#?}: {line}");
        *kinds.entry(line["op"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!(
        ["list", "synced", "new", "resync_needed", "del"].iter().all(|op| kinds.contains_key(*op)),
        "{kinds:?}"
    );
}
