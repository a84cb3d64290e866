//! `linx watch nft` in real namespaces: commits as what they changed, and who made them.
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

use common::Running;
use common::watch::{RULES, commits, human, valid, watch};
use linx_test::{Namespace, is_root, skip_unless};
use serde_json::json;

#[test]
fn commits_are_what_they_changed_folded_for_people() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("watch-nft");
    namespace.nft(RULES);
    let mut running = human(&namespace, "nft");
    // It ends when all of them were read.
    commits(&namespace, 5);
    let indent = |line: &str| line.trim_start().to_owned();
    let head = running.find(|line| line.contains("  nft "));
    assert!(head.contains("   1 change  by nft["), "{head}");
    assert!(indent(&running.line()).starts_with("+ rule     inet myvpn in handle "));
    assert!(running.line().contains("   2 changes  by nft["));
    let mut elements = [indent(&running.line()), indent(&running.line())];
    elements.sort();
    assert_eq!(
        elements,
        ["+ element  inet myvpn bad 198.51.100.8", "+ element  inet myvpn bad 198.51.100.9"]
    );
    running.line();
    assert_eq!(indent(&running.line()), "~ chain    inet myvpn in  policy accept → drop");
    running.line();
    assert!(indent(&running.line()).starts_with("+ element  ip other t 198.51.100.10 timeout 5s"));
    assert!(running.line().contains("   301 changes  by nft["));
    let folded = "~ table    ip other  set big +300 elements, sets +1      (301 lines: --fold 0)";
    assert_eq!(indent(&running.line()), folded);
    let line = running.find(|line| line.ends_with("  [expired]"));
    assert!(line.contains("- element  ip other t 198.51.100.10 timeout 5s"), "{line}");
    namespace.nft("table inet fresh { chain a { accept; }; chain b { drop; }; }");
    running.line();
    assert_eq!(indent(&running.line()), "+ table    inet fresh  with 2 chains, 2 rules");
    namespace.nft("flush ruleset");
    let head = running.line();
    assert!(head.contains("   flush ruleset: 318 objects  by nft["), "{head}");
    let fold = "      (318 lines: --fold 0)";
    let mut tables: Vec<_> = (0..3).map(|_| indent(&running.line()).replace(fold, "")).collect();
    tables.sort();
    assert_eq!(tables[0], "- table    inet fresh  with 2 chains, 2 rules");
    assert_eq!(tables[1], "- table    inet myvpn  with 1 chain, 2 rules, 1 set, 3 elements");
    assert!(
        tables[2].starts_with("- table    ip other  with 1 chain, 1 rule, 2 sets, 300 elements"),
        "{tables:?}"
    );
    running.signal("INT");
    let ended = running.end();
    let name = namespace.name();
    for gone in
        ["inet myvpn  with 1 chain, 1 rule, 1 set, 1 element", "ip other  with 1 chain, 1 rule, 1 set"]
    {
        let line = format!("{name}  - table    {gone}");
        assert!(ended.stderr.contains(&line), "{line}: {ended:?}");
    }
    let first = &ended.stderr[0];
    assert!(first.ends_with(": 9 objects of nf_tables"), "{first}");
}

/// A person is told what was typed; of a service, which it is.
#[test]
fn a_commit_quotes_the_command_line_of_a_person() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("watch-quote");
    let mut json = watch(&namespace, "nft");
    let mut people = human(&namespace, "nft");
    let line = format!("netns exec {} nft add table ip quoted", namespace.name());
    let line: Vec<_> = line.split(' ').collect();
    // On a busy machine a command may be gone before anybody looked.
    linx_test::until("a commit whose author is known", || {
        linx_test::run("ip", &line);
        namespace.nft("delete table ip quoted");
        let process = json.find_json(|line| line["op"] == "transaction")["process"].clone();
        let head = people.find(|line| line.contains("  nft "));
        json.find_json(|line| line["op"] == "transaction");
        people.find(|line| line.contains("- table    ip quoted"));
        if let Some(login) = process["login"].as_str() {
            // Each of them looks for itself.
            if !head.contains(&format!("  login {login} uid ")) {
                return false;
            }
        }
        let is_service = process.get("unit").or(process.get("container")).is_some();
        if process["loginuid"].is_null() && is_service {
            assert!(!head.contains("nft add table"), "{head}: {process}");
            return true;
        }
        head.contains(&format!("  by nft[{}] \"nft add table ip quoted\"", process["pid"]))
    });
    // Somebody who logged in, whoever they are now.
    let script = format!(
        "echo 1004 > /proc/self/loginuid && exec ip netns exec {} nft add chain ip person c",
        namespace.name()
    );
    namespace.nft("add table ip person");
    people.find(|line| line.contains("+ table    ip person"));
    linx_test::until("a commit whose author logged in", || {
        if !std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success() {
            eprintln!("SKIPPED: nobody can be made to have logged in");
            return true;
        }
        namespace.nft("delete chain ip person c");
        let head = people.find(|line| line.contains("  nft "));
        people.find(|line| line.contains("- chain    ip person c"));
        eprintln!("{head}");
        head.contains("\"nft add chain ip person c\" < ") && head.contains("  login 1004 uid 0")
    });
}

#[test]
fn commits_as_json_are_whole_and_in_the_schema() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("watch-nft-json");
    namespace.nft(RULES);
    let mut running = watch(&namespace, "");
    commits(&namespace, 5);
    let commit = |running: &mut Running| running.find_json(|line| line["op"] == "transaction");
    let first = commit(&mut running);
    assert_eq!((&first["counts"], &first["complete"]), (&json!({"added": {"rule": 1}}), &json!(true)));
    assert_eq!(first["process"]["comm"], "nft", "{first}");
    assert_eq!(commit(&mut running)["counts"], json!({"added": {"element": 2}}));
    let third = commit(&mut running);
    let change = &third["changes"][0];
    assert_eq!((&change["op"], &change["kind"]), (&json!("changed"), &json!("chain")));
    assert_eq!((&change["fields"], &change["before"]), (&json!(["policy"]), &json!({"policy": "accept"})));
    assert_eq!(change["chain"]["policy"], "drop");
    commit(&mut running);
    let large = commit(&mut running);
    assert_eq!(large["counts"], json!({"added": {"set": 1, "element": 300}}));
    assert!(large["parts"].as_u64().unwrap() > 1, "{large}");
    let line = running.ever_json(|line| line["cause"] == "expired");
    assert_eq!(
        (&line["op"], &line["element"]["key"]),
        (&json!("removed"), &json!("198.51.100.10")),
        "{line}"
    );
    namespace.nft("flush ruleset");
    let gone = running.find_json(|line| line["counts"]["removed"]["table"] == 2);
    assert_eq!(gone["counts"]["removed"]["element"], 303, "{gone}");
    namespace.nft("table ip last { }");
    running.find_json(|line| line["changes"][0]["table"]["name"] == "last");
    let lines = valid(&running);
    let state: Vec<_> = lines.iter().filter(|line| line["op"] == "list" && line["kind"] == "nft").collect();
    assert_eq!(state.len(), 9, "{state:?}");
    // One table alone, and what was not done by nft.
    let mut table = watch(&namespace, "nft table ip last");
    let strangers = watch(&namespace, "nft not by nft");
    namespace.nft("table ip other { }");
    namespace.nft("add chain ip last c");
    assert_eq!(table.json()["changes"][0]["chain"]["name"], "c");
    strangers.signal("INT");
    assert!(strangers.end().stdout.is_empty());
}
