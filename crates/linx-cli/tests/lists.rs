//! `linx list` and `linx netns` against what `ip` says, in namespaces full of everything.
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

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{linx, run, words};
use linx_test::{Namespace, Zoo, is_root, skip_unless};
use serde_json::Value;

/// What `ip -j ARGS` says in a namespace. It leaves an empty object for what a filter took out.
fn ip(namespace: &Namespace, args: &str) -> Vec<Value> {
    let text = namespace.ip(&format!("-j -d {args}"));
    let all: Vec<Value> =
        if text.trim().is_empty() { Vec::new() } else { serde_json::from_str(&text).expect(&text) };
    all.into_iter().filter(|object| object.as_object().is_some_and(|fields| !fields.is_empty())).collect()
}

/// The bodies of `linx -j list ARGS`.
fn list(namespace: &Namespace, args: &str) -> Vec<Value> {
    let ran = words(&format!("-n {} -j list {args}", namespace.name())).ok();
    assert_eq!(ran.stderr, "", "{args}");
    let body = |mut line: Value| {
        assert_eq!((&line["op"], &line["netns"]["name"]), (&"list".into(), &namespace.name().into()));
        let kind = line["kind"].as_str().unwrap().to_owned();
        line[&kind].take()
    };
    ran.json().into_iter().map(body).collect()
}

/// The values under some keys, as text, of each object; what is not there is empty.
fn pick(objects: &[Value], keys: &[&str]) -> BTreeSet<String> {
    let one = |object: &Value| {
        let value = |key: &&str| match &object[*key] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        keys.iter().map(value).collect::<Vec<_>>().join(" ")
    };
    objects.iter().map(one).collect()
}

/// What is in one list and not in the other. Links come up and addresses settle for a while after a zoo was made, so
/// what differs is looked at again until it is the same.
#[track_caller]
fn settle(ours: impl Fn() -> Vec<Value>, theirs: impl Fn() -> Vec<Value>, keys: &[&str]) {
    let end = Instant::now() + linx_test::PATIENCE;
    loop {
        let (ours, theirs) = (ours(), theirs());
        let (left, right) = (pick(&ours, keys), pick(&theirs, keys));
        let differences: Vec<_> = left.symmetric_difference(&right).collect();
        if differences.is_empty() && ours.len() == theirs.len() && !ours.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{} and {}: {differences:#?}", ours.len(), theirs.len());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn same(zoo: &Zoo, args: &str, theirs: &[&str], keys: &[&str]) {
    // An encapsulation's fields replace those of the route in ip's JSON.
    let plain = |object: &Value| object["encap"].is_null();
    let ours = || list(&zoo.namespace, args).into_iter().filter(plain).collect();
    let theirs = || theirs.iter().flat_map(|args| ip(&zoo.namespace, args)).filter(plain).collect();
    settle(ours, theirs, keys);
}

#[test]
fn lists_have_what_ip_has() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("cli-zoo");
    same(&zoo, "link", &["link"], &["ifindex", "ifname", "mtu", "flags", "operstate", "address", "master"]);
    let route = ["dst", "type", "gateway", "dev", "metric", "protocol", "scope", "prefsrc", "nhid"];
    same(&zoo, "route", &["-4 route", "-6 route"], &route);
    same(&zoo, "route table all", &["-4 route show table all", "-6 route show table all"], &route);
    same(&zoo, "-4 route", &["-4 route"], &route);
    same(&zoo, "-6 route table all", &["-6 route show table all"], &route);
    same(&zoo, "neigh", &["neigh"], &["dst", "dev", "lladdr"]);
    same(
        &zoo,
        "neigh --all -4",
        &["-4 neigh show nud all", "-4 neigh show proxy"],
        &["dst", "dev", "lladdr"],
    );
    same(&zoo, "rule", &["-4 rule", "-6 rule"], &["priority", "table"]);
    same(&zoo, "nexthop", &["nexthop"], &["id", "gateway", "dev"]);

    let flat = |link: &Value| {
        let dev = link["ifname"].clone();
        let all = link["addr_info"].as_array().unwrap().clone();
        all.into_iter().map(move |mut address| {
            address["dev"] = dev.clone();
            address
        })
    };
    settle(
        || list(&zoo.namespace, "addr"),
        || ip(&zoo.namespace, "addr").iter().flat_map(flat).collect(),
        &["dev", "family", "local", "prefixlen", "label", "scope"],
    );
}

#[test]
fn filters_choose_as_ip_does() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("cli-filter");
    let name = ["ifname"];
    same(&zoo, "link type veth", &["link show type veth"], &name);
    same(&zoo, "link master br0", &["link show master br0"], &name);
    same(&zoo, "link type bridge_slave", &["link show type bridge_slave"], &name);
    same(&zoo, "link dev ve-zero", &["link show dev ve-zero"], &name);
    let route = ["dst", "dev", "gateway"];
    same(&zoo, "-4 route dev ve4", &["-4 route show dev ve4"], &["dst", "gateway"]);
    same(&zoo, "-4 route proto kernel", &["-4 route show proto kernel"], &route);
    same(&zoo, "-4 route table 1003", &["-4 route show table 1003"], &route);
    same(&zoo, "-4 route to root 172.16.0.0/15", &["-4 route show to root 172.16.0.0/15"], &route);
    same(&zoo, "-4 route to match 172.16.3.9", &["-4 route show to match 172.16.3.9"], &route);
    same(&zoo, "-4 route to 172.16.3.0/24", &["-4 route show to exact 172.16.3.0/24"], &route);
    same(&zoo, "neigh dev ve2", &["neigh show dev ve2"], &["dst", "lladdr"]);

    // An address is of its link's type and group.
    zoo.namespace.ip("link set ve1 group 7");
    for filter in ["type veth", "type bridge", "type bridge_slave", "group 7", "group default"] {
        let of_ip = ip(&zoo.namespace, &format!("addr show {filter}"));
        let of_ip = of_ip.iter().flat_map(|link| link["addr_info"].as_array().unwrap());
        let locals = |key, of: Vec<Value>| pick(&of, &[key]);
        let of_ip = locals("local", of_ip.cloned().collect());
        assert_eq!(locals("local", list(&zoo.namespace, &format!("addr {filter}"))), of_ip, "{filter}");
        assert!(!of_ip.is_empty(), "{filter}");
    }

    let all = list(&zoo.namespace, "route table all").len();
    let parts = list(&zoo.namespace, "route table all dev ve0").len()
        + list(&zoo.namespace, "route table all not dev ve0").len();
    assert_eq!(all, parts);
    let in_prefix = list(&zoo.namespace, "addr to 10.3.0.0/24 dev ve3");
    assert_eq!(pick(&in_prefix, &["local"]), BTreeSet::from(["10.3.0.1".into(), "10.3.0.2".into()]));
    let rules = list(&zoo.namespace, "rule table 1003");
    assert_eq!(pick(&rules, &["table_id"]), BTreeSet::from(["1003".into()]));
    assert!(pick(&rules, &["priority"]).is_superset(&BTreeSet::from(["103".into(), "203".into()])));
    // A table that is not there holds nothing, in any family.
    for table in ["route table 4711", "-4 route table 4711", "-6 route table 4711"] {
        assert_eq!(list(&zoo.namespace, table), Vec::<Value>::new(), "{table}");
    }
}

/// A type that no link has may be a module's that is not loaded, or a slip: no error, but said.
#[test]
fn a_type_that_is_not_known_and_not_there_is_noted() {
    for (line, note) in [
        (
            "list link type brigde",
            "linx: list link: no link is of type \"brigde\"; did you mean \"bridge\"?\n",
        ),
        ("-j list addr type NONSENSE", "linx: list address: no link is of type \"NONSENSE\"\n"),
        ("list link type wireguard", ""),
        ("list link type bridge_slave", ""),
        ("list link not type brigde dev lo", ""),
    ] {
        let ran = words(line).ok();
        assert_eq!((ran.stderr.as_str(), line.ends_with("lo")), (note, !ran.stdout.is_empty()), "{line}");
    }
}

#[test]
fn the_kernel_decides_as_ip_route_get_says() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("cli-get");
    let keys = ["dst", "gateway", "dev", "prefsrc"];
    for question in [
        "10.3.0.77",
        "172.16.2.9",
        "fd10:4::1",
        "192.0.2.3 from 10.3.0.1",
        "10.1.0.9 oif ve1",
        "10.1.0.9 mark 7 ipproto udp sport 5 dport 53",
        "10.1.0.9 uid 1000",
    ] {
        let theirs = ip(&zoo.namespace, &format!("route get {question}"));
        let ours = list(&zoo.namespace, &format!("route get {question}"));
        assert_eq!(pick(&ours, &keys), pick(&theirs, &keys), "{question}");
    }
    let matched = list(&zoo.namespace, "route get 172.16.2.9 fibmatch");
    assert_eq!(matched[0]["dst"], "172.16.2.0/24");
    let ran = words(&format!("-n {} list route get 198.18.1.1", zoo.namespace.name()));
    assert_eq!((ran.status, ran.text()), (Some(2), ""));
    assert!(ran.stderr.contains("No route to host"), "{ran:?}");
    let ran = words(&format!("-n {} list route get 10.1.0.9 oif vee1", zoo.namespace.name()));
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.contains("no link \"vee1\" in namespace") && ran.stderr.contains("did you mean"),
        "{ran:?}"
    );
}

#[test]
fn lines_for_people_and_every_line_of_json_is_in_the_schema() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("cli-schema");
    let name = zoo.namespace.name();
    let schema: Value = serde_json::from_slice(&words("schema").ok().stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut lines = 0;
    for args in
        ["list all --all", "-s list link", "-d -s list all --all", "list route get 10.3.0.77", "netns"]
    {
        let ran = words(&format!("-n {name} -j {args}")).ok();
        for (number, line) in ran.json().iter().enumerate() {
            let faults: Vec<String> =
                schema.iter_errors(line).map(|fault| format!("{}: {fault}", fault.instance_path)).collect();
            assert!(faults.is_empty(), "{args}: {faults:#?}: {line}");
            assert_eq!(line["seq"], number + 1);
            lines += 1;
        }
    }
    assert!(lines > 300, "{lines}");
    // A table has its columns; a list of many kinds names them.
    let human = words(&format!("-n {name} list all --all")).ok();
    assert!(human.lines().iter().any(|line| line.starts_with("link     ")), "{human:?}");
    assert!(human.lines().iter().any(|line| line.starts_with("nexthop  ")), "{human:?}");
    let pretty = words(&format!("-n {name} -p list link dev lo")).ok();
    assert!(pretty.text().starts_with("{\n  \"schema\": 1,\n"), "{pretty:?}");
    for line in ["-p -o list link dev lo", "-o -j list link dev lo", "-o list link dev lo", "-o -p netns"] {
        let ran = words(&format!("-n {name} {line}")).ok();
        assert_eq!(ran.lines().len(), 1, "{line}: {ran:?}");
    }
    let colored = words(&format!("-n {name} -c list addr dev ve0")).ok();
    assert!(colored.text().contains("\x1b["), "{colored:?}");
    assert!(!words(&format!("-n {name} list addr dev ve0")).ok().text().contains('\x1b'));
}

#[test]
fn the_other_end_of_a_link_is_named() {
    skip_unless!(is_root(), "not root");
    let zoo = Zoo::new("cli-peers");
    let peer = zoo.peer.name();
    let far = &list(&zoo.namespace, "link dev far0")[0];
    assert_eq!(
        (&far["link_netns"], &far["link"], &far["link_netnsid"]),
        (&peer.into(), &"far1".into(), &5.into())
    );
    let line = words(&format!("-n {} list link dev far0", zoo.namespace.name())).ok();
    assert!(line.text().contains(&format!(": far0@{peer}:far1 <")), "{line:?}");
    // Seen from there, it is this one.
    let back = &list(&zoo.peer, "link dev far1")[0];
    assert_eq!((&back["link_netns"], &back["link"]), (&zoo.namespace.name().into(), &"far0".into()));
}

#[test]
fn several_namespaces_are_named_and_each_comes_once() {
    skip_unless!(is_root(), "not root");
    let (one, two) = (Namespace::new("cli-one"), Namespace::new("cli-two"));
    one.ip("link set lo up");
    let (a, b) = (one.name(), two.name());
    let path = format!("/run/netns/{a}");
    let ran = words(&format!("-n {a} -j list link -n {b} -n name:{a} -n {path}")).ok();
    let names: Vec<_> =
        ran.json().iter().map(|line| line["netns"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, [a, b]);
    let human = words(&format!("-n {a} -n {b} list link")).ok();
    assert!(human.lines()[0].starts_with(&format!("{a}  1: lo <LOOPBACK,UP")), "{human:?}");
    // All of them: these, and this one.
    let ran = words("-j --all-netns list link dev lo").ok();
    let all: BTreeSet<u64> =
        ran.json().iter().map(|line| line["netns"]["cookie"].as_u64().unwrap()).collect();
    assert_eq!(all.len(), ran.lines().len());
    for cookie in [one.netns().cookie().unwrap(), two.netns().cookie().unwrap()] {
        assert!(all.contains(&cookie));
    }
    // A pid is its process's namespace.
    let mut sleep =
        std::process::Command::new("ip").args(["netns", "exec", b, "sleep", "600"]).spawn().unwrap();
    linx_test::until("the process to be there", || {
        let ran = words(&format!("-n pid:{} -j list link", sleep.id()));
        ran.status == Some(0) && ran.json()[0]["netns"]["name"] == b
    });
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

#[test]
fn the_table_of_namespaces() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-table");
    namespace
        .batch("link set lo up\nlink add ve0 type veth peer name ve1\naddress add 10.7.0.1/24 dev ve0\n");
    let ran = words("netns").ok();
    let header = ran.lines()[0].split_whitespace().collect::<Vec<_>>();
    assert_eq!(header, ["NAME", "COOKIE", "WHAT", "LINKS", "ADDRESSES", "PATH"]);
    let cookie = namespace.netns().cookie().unwrap();
    let line = ran.lines().into_iter().find(|line| line.starts_with(namespace.name())).unwrap().to_owned();
    let expected =
        format!("{} {cookie} no process 3 10.7.0.1 /run/netns/{}", namespace.name(), namespace.name());
    assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    assert!(line.contains("no process  "), "{line}");
    let ran = run(linx(["netns", "-j", "-n", namespace.name()])).ok();
    let json = ran.json();
    assert_eq!(json.len(), 1);
    assert_eq!((&json[0]["kind"], &json[0]["netns"]["cookie"]), (&"netns".into(), &cookie.into()));
}
