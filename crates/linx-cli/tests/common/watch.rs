//! Watches, and what they watch.

use linx_test::Namespace;
use serde_json::Value;

use super::{Running, linx, words};

/// A watch as JSON whose state was printed.
pub fn watch(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} -j watch {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    let synced = running.find_json(|line| line["op"] == "synced");
    assert_eq!(synced["netns"]["name"], namespace.name());
    running
}

/// One for people, that has begun.
pub fn human(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} watch {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find(|line| line.contains("  synced  1 namespace in "));
    running
}

/// All that it printed, which is in the schema and numbered.
pub fn valid(running: &Running) -> Vec<Value> {
    let schema: Value = serde_json::from_slice(&words("schema").ok().stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let all: Vec<Value> = running.seen.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &all {
        let faults: Vec<_> = schema.iter_errors(line).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{line}: {faults:?}");
    }
    assert!(all.iter().zip(1..).all(|(line, seq)| line["seq"] == seq));
    all
}

/// Rules of two tables.
pub const RULES: &str = "table inet myvpn {
    chain in { type filter hook input priority 0; policy accept; tcp dport 80 accept; }
    set bad { type ipv4_addr; elements = { 198.51.100.7 }; }
}
table ip other {
    set t { type ipv4_addr; flags timeout; }
    chain c { accept; }
}";

/// Changes of a rule set, each its own commit, and in between an element that expires after so many seconds.
pub fn commits(namespace: &Namespace, seconds: u32) {
    namespace.nft("add rule inet myvpn in tcp dport 8080 accept");
    namespace.nft("add element inet myvpn bad { 198.51.100.8, 198.51.100.9 }");
    namespace.nft("chain inet myvpn in { policy drop; }");
    namespace.nft(&format!("add element ip other t {{ 198.51.100.10 timeout {seconds}s }}"));
    let ports: Vec<_> = (1..=300).map(|port: u32| port.to_string()).collect();
    let ports = ports.join(", ");
    namespace.nft(&format!("add set ip other big {{ type inet_service; elements = {{ {ports} }}; }}"));
}
