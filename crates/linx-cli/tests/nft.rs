//! `linx list nft` and `linx monitor nft` in real namespaces.
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

use std::time::{Duration, Instant};

use common::{PATIENCE, Ran, Running, linx, run, words};
use linx_test::{Namespace, Nft, hostile_names, is_root, skip_unless};
use linx_wire::header::MessageFlags;
use linx_wire::nft::{CHAIN, Nest, SET, TABLE, family};
use linx_wire::uapi::nft;
use serde_json::{Value, json};

const RULES: &str = "add table inet fw { comment \"mine\"; }
add chain inet fw in { type filter hook input priority 0; policy drop; }
add set inet fw s { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.1 . 22, 10.0.1.0/24 . 80-90 }; }
add map inet fw m { type ipv4_addr : verdict; elements = { 10.1.1.1 : drop }; }
add rule inet fw in tcp dport 22 counter accept comment \"ssh\"
add counter inet fw hits
add table ip other
add chain ip other c";

fn list(namespace: &Namespace, more: &str) -> Ran {
    words(&format!("-n {} list nft {more}", namespace.name()))
}

/// Follows nf_tables; its state was printed.
fn monitor(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} -j monitor nft --snapshot {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    let synced = running.find_json(|line| line["op"] == "synced");
    assert_eq!(synced["kinds"], json!(["nft"]));
    assert!(synced["generation"].as_u64().is_some_and(|generation| generation > 0), "{synced}");
    running
}

/// Follows nf_tables for a person; its state was printed.
fn lines(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} monitor nft --snapshot {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find(|line| line.contains("synced") && line.contains("nft generation "));
    running
}

/// What stands behind the first word with this text.
fn from<'a>(line: &'a str, word: &str) -> &'a str {
    &line[line.find(word).unwrap_or_else(|| panic!("{line}"))..]
}

#[test]
fn a_rule_set_is_listed_kind_by_kind_and_by_table() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nft");
    assert_eq!(list(&namespace, "").ok().text(), "");
    namespace.nft(RULES);
    let all = list(&namespace, "").ok();
    let expected = "\
table inet fw comment \"mine\"
table ip other
chain inet fw in type filter hook input priority 0 policy drop
chain ip other c
counter inet fw hits packets 0 bytes 0
set inet fw s type ipv4_addr . inet_service flags interval
map inet fw m type ipv4_addr : verdict
";
    let of = |kinds: &[&str]| -> String {
        let lines = all.lines().into_iter().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
        lines.map(|line| format!("{line}\n")).collect()
    };
    assert_eq!(of(&["table", "chain", "counter", "set", "map"]), expected);
    let mut elements = list(&namespace, "elements").ok().lines().join("\n");
    elements.push('\n');
    for element in ["s 10.0.0.1 . 22", "s 10.0.1.0/24 . 80-90", "m 10.1.1.1 : drop"] {
        assert!(elements.contains(&format!("element inet fw {element}\n")), "{elements}");
    }
    let rules = list(&namespace, "rules").ok();
    assert_eq!(rules.lines().len(), 1);
    assert!(rules.text().starts_with("rule inet fw in handle "), "{}", rules.text());
    assert!(rules.text().contains(" [counter packets 0 bytes 0] "), "{}", rules.text());
    let stateless = list(&namespace, "rules objects --stateless").ok();
    assert!(stateless.text().contains(" [counter] ") && stateless.text().contains("counter inet fw hits\n"));
    let handles = list(&namespace, "tables --handle").ok();
    assert!(handles.lines().iter().all(|line| line.contains(" # handle ")), "{}", handles.text());
    assert!(rules.text().contains("[immediate accept] comment \"ssh\""), "{}", rules.text());
    assert_eq!(
        list(&namespace, "tables chains table ip other").ok().text(),
        "table ip other\nchain ip other c\n"
    );
    assert_eq!(list(&namespace, "tables table other").ok().text(), "table ip other\n");
    assert_eq!(list(&namespace, "tables not table inet fw").ok().text(), "table ip other\n");
    let everything = words(&format!("-n {} list all", namespace.name())).ok();
    assert!(everything.lines().iter().any(|line| line.starts_with("rule     inet fw in handle ")));
}

#[test]
fn every_line_of_nf_tables_satisfies_the_schema() {
    skip_unless!(is_root(), "not root");
    let schema: Value = serde_json::from_str(words("schema").ok().text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let valid = |line: &Value| {
        let errors: Vec<_> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    };
    let namespace = Namespace::new("cli-nftjson");
    namespace.nft(RULES);
    let listed = words(&format!("-n {} list nft -j", namespace.name())).ok().json();
    assert_eq!(listed.len(), 11, "{listed:#?}");
    listed.iter().for_each(valid);
    let mut running = monitor(&namespace, "");
    running.seen.iter().for_each(|line| valid(&serde_json::from_str(line).unwrap()));
    namespace.nft("flush ruleset");
    let commit = running.json();
    valid(&commit);
    assert_eq!(
        (&commit["op"], &commit["kind"], &commit["complete"]),
        (&json!("transaction"), &json!("nft"), &json!(true))
    );
    let counts = json!({ "table": 2, "chain": 2, "rule": 1, "set": 1, "map": 1, "object": 1 });
    assert_eq!(commit["counts"]["del"], counts);
    let keys = |op: &str, lines: &[Value]| -> Vec<String> {
        let mut keys: Vec<_> = lines
            .iter()
            .filter(|line| line["op"] == op && line.get("element").is_none())
            .map(|line| line["key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    // The same object has the same key when it is listed and when it goes.
    assert_eq!(keys("del", commit["changes"].as_array().unwrap()), keys("list", &listed));
}

#[test]
fn a_commit_is_one_unit_with_its_author() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftmon");
    let mut json = monitor(&namespace, "");
    let mut people = lines(&namespace, "");
    namespace.nft("add table inet t\nadd chain inet t c\nadd rule inet t c counter accept");
    let commit = json.json();
    let (generation, process) = (&commit["generation"], &commit["process"]);
    assert_eq!((&process["comm"], &process["certainty"]), (&json!("nft"), &json!("certain")), "{commit}");
    assert!(process["tid"].is_u64() && process["portid"].is_u64(), "{commit}");
    assert_eq!(commit["changes"].as_array().unwrap().len(), 3);
    let header = people.line();
    assert!(header.contains(&format!("  nft {generation}   3 changes  by nft[")), "{header}");
    let lines = [people.line(), people.line(), people.line()];
    assert_eq!(from(&lines[0], "+"), "+ table    inet t");
    assert_eq!(from(&lines[1], "+"), "+ chain    inet t c");
    assert!(from(&lines[2], "+").starts_with("+ rule     inet t c handle "), "{}", lines[2]);
    assert!(lines.iter().all(|line| line.starts_with("              ")), "{lines:#?}");
    namespace.nft("add ct helper inet t ftp { type \"ftp\" protocol tcp; }");
    json.json();
    let line = people.find(|line| line.contains("+ ct helper"));
    assert!(from(&line, "+").starts_with("+ ct helper  inet t ftp"), "{line}");
    let generation = json!(generation.as_u64().unwrap() + 1);
    namespace.nft("delete table inet t");
    let next = json.json();
    assert_eq!(next["generation"].as_u64().unwrap(), generation.as_u64().unwrap() + 1);
    people.find(|line| line.ends_with("- table    inet t"));
}

#[test]
fn a_large_commit_is_folded_for_people_and_cut_into_lines_of_json() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftbig");
    namespace.nft("add table ip t\nadd chain ip t c\nadd set ip t s { type ipv4_addr; }");
    let (mut folded, mut unfolded) = (lines(&namespace, ""), lines(&namespace, "--fold 0"));
    let (mut cut, mut whole) = (monitor(&namespace, ""), monitor(&namespace, "--whole"));
    let rules: String =
        (0..600).map(|n| format!("add rule ip t c ip saddr 10.0.{}.{} drop\n", n / 250, n % 250)).collect();
    namespace.nft(&format!(
        "{rules}add element ip t s {{ 10.0.0.1, 10.0.0.2 }}\nadd table ip new\nadd chain ip new c"
    ));
    let header = folded.line();
    assert!(header.contains("   604 changes  by "), "{header}");
    let (one, two) = (folded.line(), folded.line());
    assert_eq!(from(&one, "~"), "~ table    ip t  set s +2 elements, rules +600");
    assert_eq!(from(&two, "+"), "+ table    ip new  with 1 chain      (604 lines: --fold 0)");
    unfolded.find(|line| line.contains("   604 changes  by "));
    let printed: Vec<String> = (0..604).map(|_| unfolded.line()).collect();
    assert_eq!(printed.iter().filter(|line| line.contains("+ rule     ip t c handle ")).count(), 600);
    let line = whole.line();
    assert!(line.len() > 32 << 10 && line.contains("\"generation\":"), "{}", line.len());
    let all: Value = serde_json::from_str(&line).unwrap();
    let mut changes = Vec::new();
    let mut part = 0;
    loop {
        let line = cut.line();
        assert!(line.len() < 32 << 10, "{}", line.len());
        let commit: Value = serde_json::from_str(&line).unwrap();
        part += 1;
        assert_eq!(commit["part"], part);
        assert_eq!(commit["counts"].is_object(), part == 1);
        for field in ["generation", "complete"] {
            assert_eq!(commit[field], all[field], "{field}");
        }
        // What was seen of the process is another monitor's matter.
        for field in ["tid", "comm", "portid"] {
            assert_eq!(commit["process"][field], all["process"][field], "{field}");
        }
        changes.extend(commit["changes"].as_array().unwrap().iter().cloned());
        if commit["parts"] == part {
            break;
        }
    }
    assert!(part > 2, "{part}");
    assert_eq!(&changes, all["changes"].as_array().unwrap());
    assert_eq!(all["counts"], json!({ "new": { "rule": 600, "element": 2, "table": 1, "chain": 1 } }));
}

#[test]
fn commits_are_narrowed_by_table_author_and_count() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftby");
    namespace.nft("add table ip a\nadd table ip b");
    let mut table = monitor(&namespace, "table ip b --count 1");
    let mut strangers = monitor(&namespace, "not by nft");
    let mut by = monitor(&namespace, "by nft op del");
    namespace.nft("add chain ip a c");
    namespace.nft("add chain ip a d\nadd chain ip b c");
    namespace.nft("delete chain ip a d");
    let mut own = Nft::new(&namespace.netns());
    let chain = Nest::new(&CHAIN).set("table", "a").set("name", "own");
    let chain = chain.request(nft::NEWCHAIN, MessageFlags::ATOMIC, family::IP).unwrap();
    assert_eq!(own.commit(vec![chain]), []);
    let commit = table.json();
    assert_eq!(commit["changes"].as_array().unwrap().len(), 1, "{commit}");
    assert_eq!(commit["changes"][0]["chain"]["table"], "b");
    assert_eq!(table.end().status, Some(0));
    let commit = strangers.json();
    assert_eq!(commit["changes"][0]["chain"]["name"], "own", "{commit}");
    let commit = by.json();
    assert_eq!(commit["changes"][0]["chain"]["name"], "d", "{commit}");
}

#[test]
fn who_knows_another_generation_hears_of_a_loss_first() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftsince");
    namespace.nft("add table ip t");
    let first = monitor(&namespace, "--count 1");
    let known: Value = serde_json::from_str(first.seen.last().unwrap()).unwrap();
    let known = known["generation"].as_u64().unwrap();
    namespace.nft("add table ip u");
    let line = format!("-n {} -j monitor nft --since-gen {known}", namespace.name());
    let mut since = Running::start(linx(line.split_whitespace()));
    let needed = since.json();
    assert_eq!((&needed["op"], &needed["reason"]), (&json!("resync_needed"), &json!("gap")), "{needed}");
    assert_eq!(needed["kinds"], json!(["nft"]));
    // The state that is printed is not in doubt.
    let mut both = Running::start(linx(format!("{line} --snapshot").split_whitespace()));
    let ops: Vec<Value> = (0..4).map(|_| both.json()["op"].clone()).collect();
    assert_eq!(ops, ["resync_needed", "list", "list", "synced"]);
    namespace.nft("delete table ip u");
    assert_eq!(both.json()["op"], "transaction");
    let failed = words("monitor route --since-gen 7");
    assert_eq!(failed.status, Some(1));
    assert_eq!(
        failed.stderr,
        "linx: monitor route: --since-gen is about nf_tables alone; linx monitor nft --since-gen N\n"
    );
}

#[test]
fn what_does_not_exist_or_is_not_allowed_is_named() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftno");
    namespace.nft("add table inet filter");
    for (more, text) in [
        ("table inet fliter", "no table inet \"fliter\" in namespace NAME; did you mean \"filter\"?"),
        ("table fliter", "no table \"fliter\" in namespace NAME; did you mean \"filter\"?"),
        ("rules table ip filter", "no table ip \"filter\" in namespace NAME"),
    ] {
        let ran = list(&namespace, more);
        assert_eq!((ran.status, ran.text()), (Some(2), ""), "{more}");
        assert_eq!(
            ran.stderr,
            format!("linx: list nft: {text}\n").replace("NAME", namespace.name()),
            "{more}"
        );
    }
    let nobody = |line: &str| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_linx")).args(line.split(' '));
        run(command)
    };
    for line in ["list nft", "monitor nft --for 1ms"] {
        let ran = nobody(line);
        skip_unless!(!ran.stderr.contains("setpriv: "), "nobody may not run the command here");
        assert_eq!((ran.status, ran.text()), (Some(2), ""), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("needs CAP_NET_ADMIN: use sudo, or once: sudo setcap"), "{}", ran.stderr);
    }
    // Not asked for by name: the rest works.
    for (line, status) in [("list all", Some(0)), ("monitor --for 1ms", Some(4))] {
        let ran = nobody(line);
        assert_eq!(ran.status, status, "{line}: {}", ran.stderr);
        let notes: Vec<_> = ran.stderr.lines().filter(|line| line.contains("nft left out")).collect();
        assert_eq!(notes.len(), 1, "{}", ran.stderr);
        assert!(
            notes[0]
                .starts_with("linx: nft left out: needs CAP_NET_ADMIN (sudo, or setcap cap_net_admin+ep ")
        );
    }
}

#[test]
fn hostile_names_of_nf_tables_do_no_harm() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nfthost");
    let (mut running, mut people) = (monitor(&namespace, ""), lines(&namespace, "--fold 0 -c"));
    let mut nft = Nft::new(&namespace.netns());
    let mut made = 0;
    for name in hostile_names() {
        let flags = MessageFlags::ATOMIC;
        let table = Nest::new(&TABLE).set("name", &name[..]);
        let chain = Nest::new(&CHAIN).set("table", &name[..]).set("name", &name[..]);
        let set = Nest::new(&SET).set("table", &name[..]).set("name", &name[..]);
        let set = set.set("key_type", 7u32).set("key_len", 4u32).set("id", 1u32);
        let requests = vec![
            table.request(nft::NEWTABLE, flags, family::IP).unwrap(),
            chain.request(nft::NEWCHAIN, flags, family::IP).unwrap(),
            set.request(nft::NEWSET, flags, family::IP).unwrap(),
        ];
        made += usize::from(nft.commit(requests).is_empty());
    }
    assert!(made >= 35, "{made}");
    let safe = |text: &str| {
        let plain = text.replace("\x1b[0m", "");
        let colour = |c: char| c.is_ascii_digit() || c == ';';
        let mut rest = plain.as_str();
        while let Some(at) = rest.find('\x1b') {
            let code = rest[at + 1..].strip_prefix('[').unwrap_or_else(|| panic!("{text:?}"));
            let end = code.find(|c: char| !colour(c)).unwrap();
            assert!(code[end..].starts_with('m'), "{text:?}");
            rest = &code[end + 1..];
        }
        let bad = |c: char| {
            (c.is_control() && c != '\x1b')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        };
        assert!(!plain.contains(bad), "{text:?}");
    };
    for _ in 0..made {
        let line = running.line();
        assert!(!line.contains(char::is_control), "{line:?}");
        let commit: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(commit["changes"].as_array().unwrap().len(), 3);
        (0..4).for_each(|_| safe(&people.line()));
    }
    let listed = list(&namespace, "-c=always").ok();
    assert_eq!(listed.lines().len(), 3 * made);
    listed.lines().into_iter().for_each(safe);
    let names: std::collections::BTreeSet<String> =
        words(&format!("-n {} list nft tables -j", namespace.name()))
            .ok()
            .json()
            .iter()
            .map(|line| line["key"].to_string())
            .collect();
    assert_eq!(names.len(), made);
}

/// By which types an element is written is in the making of its set, also where that is not shown.
#[test]
fn elements_are_written_by_sets_whose_making_is_not_shown() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftsets");
    namespace.nft("add table ip t\nadd set ip t s { type mark; }");
    let mut elements = monitor(&namespace, "elements");
    let mut people = lines(&namespace, "elements");
    let strangers = monitor(&namespace, "by nobody-of-this-name");
    namespace.nft("add set ip t p { type inet_service; }");
    namespace.nft("delete set ip t s\nadd set ip t s { type ipv4_addr; }");
    namespace.nft("add element ip t s { 8.8.8.8 }\nadd element ip t p { 80 }");
    let commit = elements.json();
    let keys: Vec<_> =
        commit["changes"].as_array().unwrap().iter().map(|one| &one["element"]["key"]).collect();
    assert_eq!(keys, [&json!("8.8.8.8"), &json!(80)], "{commit}");
    people.find(|line| line.ends_with("+ element  ip t s 8.8.8.8"));
    assert!(people.line().ends_with("+ element  ip t p 80"));
    // Also in one commit.
    namespace.nft("delete set ip t p\nadd set ip t p { type ipv4_addr; }\nadd element ip t p { 9.9.9.9 }");
    assert_eq!(elements.json()["changes"][0]["element"]["key"], "9.9.9.9");
    people.find(|line| line.ends_with("+ element  ip t p 9.9.9.9"));
    strangers.signal("INT");
    assert_eq!(strangers.end().status, Some(0));
}

#[test]
fn after_a_loss_elements_are_written_by_the_sets_of_then() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftlost");
    namespace.nft("add table ip t\nadd set ip t s { type mark; }");
    let mut elements = monitor(&namespace, "elements --rcvbuf 2K");
    let chains: String = (0..2000).map(|n| format!("add chain ip t c{n}\n")).collect();
    elements.signal("STOP");
    std::thread::sleep(std::time::Duration::from_millis(100));
    namespace.nft(&format!("{chains}delete set ip t s\nadd set ip t s {{ type ipv4_addr; }}"));
    elements.signal("CONT");
    elements.find_json(|line| line["op"] == "resync_needed");
    // The first may belong to the loss.
    for last in [8, 9] {
        namespace.nft(&format!("add element ip t s {{ 8.8.8.{last} }}"));
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let commit = elements.find_json(|line| line["op"] == "transaction");
    let key = &commit["changes"][0]["element"]["key"];
    assert!(*key == "8.8.8.8" || *key == "8.8.8.9", "{commit}");
}

#[test]
fn maps_are_called_maps_where_a_commit_is_folded() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-nftmaps");
    namespace.nft("add table ip t\nadd map ip t m { type ipv4_addr : inet_service; }");
    let mut folded = lines(&namespace, "--fold 1");
    namespace.nft("add element ip t m { 1.1.1.1 : 1, 1.1.1.2 : 2 }");
    folded.line();
    assert_eq!(from(&folded.line(), "~"), "~ table    ip t  map m +2 elements      (2 lines: --fold 0)");
    namespace.nft("add set ip t s { type ipv4_addr; }\nadd map ip t n { type ipv4_addr : mark; }");
    folded.line();
    assert_eq!(from(&folded.line(), "~"), "~ table    ip t  sets +1, maps +1      (2 lines: --fold 0)");
    namespace.nft("delete table ip t");
    folded.line();
    assert_eq!(from(&folded.line(), "-"), "- table    ip t  with 1 set, 2 maps      (4 lines: --fold 0)");
}

#[test]
fn a_table_need_not_be_in_every_namespace() {
    skip_unless!(is_root(), "not root");
    let (without, with) = (Namespace::new("cli-nftwithout"), Namespace::new("cli-nftwith"));
    with.nft("add table ip t\nadd chain ip t c");
    let both = format!("-n {} -n {}", without.name(), with.name());
    let ran = words(&format!("{both} list nft chains table ip t")).ok();
    assert!(ran.text().ends_with("chain ip t c\n") && ran.lines().len() == 1, "{}", ran.text());
    let ran = words(&format!("{both} list nft table ip tt"));
    assert_eq!(ran.status, Some(2));
    assert_eq!(
        ran.stderr,
        "linx: list nft: no table ip \"tt\" in any of 2 namespaces; did you mean \"t\"?\n"
    );
    // It may come: then it is told.
    let line = format!("{both} -j monitor nft --snapshot table ip t");
    let mut running = Running::start(linx(line.split_whitespace()));
    let first: Vec<Value> = (0..4).map(|_| running.json()).collect();
    let state: Vec<_> = first.iter().filter_map(|line| line["key"].as_str()).collect();
    assert_eq!(state, ["nft/table/ip/t", "nft/chain/ip/t/1"], "{first:?}");
    without.nft("add table ip u\nadd table ip t");
    let commit = running.json();
    assert_eq!(commit["netns"]["name"], without.name());
    assert_eq!(commit["counts"], json!({ "new": { "table": 1 } }));
}

/// That one namespace cannot be read does not end the others.
#[test]
fn a_storm_in_one_namespace_does_not_end_the_others() {
    skip_unless!(is_root(), "not root");
    let (storm, calm) = (Namespace::new("cli-nftstorm"), Namespace::new("cli-nftcalm"));
    calm.nft("add table ip calm");
    // So many chains are not read between two commits.
    storm.nft(
        &(0..3000).fold("add table ip t\n".to_owned(), |all, n| all + &format!("add chain ip t c{n}\n")),
    );
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut nft = Nft::new(&storm.netns());
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let table = || Nest::new(&TABLE).set("name", "storm");
                let new = table().request(nft::NEWTABLE, MessageFlags::ATOMIC, family::IP).unwrap();
                let del = table().request(nft::DELTABLE, MessageFlags::empty(), family::IP).unwrap();
                nft.commit(vec![new, del]);
            }
        });
        let ended = std::panic::catch_unwind(|| {
            let text = format!("linx: namespace {} is not followed: ", storm.name());
            let synced = |line: &Value| line["op"] == "synced" && line["netns"]["name"] == storm.name();
            // Now and then it can be read after all.
            let refused = || {
                let mut all = Running::start(linx(["--all-netns", "-j", "monitor", "nft", "--snapshot"]));
                let end = Instant::now() + PATIENCE;
                loop {
                    let note = all.note_within(Duration::from_millis(50));
                    if let Some(note) = note.filter(|line| line.starts_with(&text)) {
                        return Some((all, note));
                    }
                    while let Some(line) = all.line_within(Duration::ZERO) {
                        if synced(&serde_json::from_str(&line).unwrap()) {
                            return None;
                        }
                    }
                    assert!(Instant::now() < end, "the storm is neither read nor refused");
                }
            };
            let (mut all, note) = (0..10).find_map(|_| refused()).expect("a rule set that cannot be read");
            assert!(note.contains("the rule set changed each time it was read"), "{note}");
            all.ever_json(|line| line["op"] == "synced" && line["netns"]["name"] == calm.name());
            calm.nft("delete table ip calm");
            all.find_json(|line| line["op"] == "transaction" && line["netns"]["name"] == calm.name());
        });
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
