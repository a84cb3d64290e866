//! Field by field against `nft -j list ruleset`.
//!
//! Where Linx and libnftables 1.0.6 differ, and this test makes them alike:
//!
//! | what | nft | Linx |
//! |---|---|---|
//! | flags of a table | its name, by a mistake of 1.0.6 | the flags |
//! | device of a chain | left out by 1.0.6 | `dev` |
//! | an object | under the word of its type | under `object`, with that word as `type` |
//! | name of a ct helper | `type` | `helper` |
//! | policy of a ct timeout | what is not the default | all |
//! | a set's `elem` | the elements, intervals as ranges and prefixes | records of their own, as the kernel has them |
//! | `stmt` of a set, `expr` of a rule | statements | `expressions` |
//! | times | whole seconds | with their fraction |
//! | hour, time of day | in the local zone | seconds, nanoseconds |
//! | comment of a table, a chain, a map; flag `dynamic` | left out by 1.0.6 | there |
//! | numbers of types and lengths, use, userdata | – | there |

use linx::json::Op;
use linx::names::{Context, LinkNames, Names};
use linx_test::{is_root, skip_unless};
use linx_wire::name::Name;
use linx_wire::nft::ItemRef;
use serde_json::{Map, Value, json};

use super::{Pulled, line, nft, scenes};

/// Sets of every type of which there can be elements.
const TYPES: &str = r#"
add table inet types
add set inet types xmark_i { type mark; flags interval; elements = { 5-9, 0x100 } }
add set inet types xmark { type mark; elements = { 5 } }
add set inet types xifn { type ifname; elements = { "eth0" } }
add set inet types xifx { type iface_index; elements = { "lo" } }
add set inet types xproto { type inet_proto; elements = { tcp, 200 } }
add set inet types xcts { type ct_state; elements = { new, established } }
add set inet types xuid { typeof meta skuid; elements = { 0, 1000 } }
add set inet types xgid { type gid; elements = { 7 } }
add set inet types xet { type ether_type; elements = { ip, 0x1234 } }
add set inet types xicmp { type icmp_type; elements = { echo-request, 99 } }
add set inet types xicmp6 { type icmpv6_type; elements = { nd-redirect } }
add set inet types xfib { type fib_addrtype; elements = { local } }
add set inet types xpkt { type pkt_type; elements = { broadcast, host } }
add set inet types xdscp { typeof ip dscp; elements = { cs1, 0x3 } }
add set inet types xcat { type ipv4_addr . mark . ifname . inet_proto . ether_addr; elements = { 10.0.0.1 . 5 . "lo" . tcp . 02:00:00:00:00:01 } }
add set inet types xday { typeof meta day; elements = { "Monday" } }
add set inet types xsize { typeof tcp option maxseg size; elements = { 1400 } }
add set inet types xvlan { typeof vlan id; elements = { 5 } }
add set inet types xflags { type tcp_flag; elements = { syn, 3 } }
add set inet types xclass { type classid; elements = { 1:2, a:ff } }
add set inet types xrealm { type realm; elements = { 7 } }
add set inet types xdir { typeof ct direction; elements = { original } }
add set inet types xstatus { type ct_status; elements = { assured } }
add set inet types xgroup { type devgroup; elements = { 3, 0 } }
add set inet types xlink { type iface_type; elements = { ether } }
add set inet types xnf { type nf_proto; elements = { ipv4 } }
add set inet types xarp { type arp_op; elements = { reply } }
add set inet types xmh { type mh_type; elements = { home-test } }
add set inet types xdccp { type dccp_pkttype; elements = { reset } }
add set inet types xigmp { type igmp_type; elements = { leave-group } }
add set inet types xcode { type icmp_code; elements = { frag-needed } }
add set inet types xcode6 { type icmpv6_code; elements = { no-route } }
add set inet types xcodex { type icmpx_code; elements = { no-route } }
add map inet types xrange { type inet_service : interval ipv4_addr; flags interval; elements = { 80 : 10.0.0.1-10.0.0.9 } }
add map inet types xmarks { type inet_service : mark;  elements = { 80 : 5 } }
add map inet types xmany { type inet_service : ipv4_addr . mark . inet_service;  elements = { 80 : 10.0.0.1 . 5 . 7 } }
add map inet types xprotos { type inet_service : inet_proto;  elements = { 80 : tcp } }
add limit inet types kilos { rate 2 kbytes/minute burst 3 mbytes }
add limit inet types odd { rate over 1500 bytes/day burst 1 kbytes }
add limit inet types each { rate 5/day }
add quota inet types inverted { over 3 kbytes used 1 bytes }
add ct timeout inet types none { protocol tcp; l3proto ip6; policy = { time_wait : 77 }; }
add ct expectation inet types soon { protocol tcp; dport 1; timeout 1d; size 255; l3proto ip; }
"#;

/// What a set has as its elements, element by element: those that nft writes as one value.
fn plain_elements(set: &Value) -> Vec<Value> {
    let list = set["elem"].as_array().cloned().unwrap_or_default();
    let is_plain = |value: &Value| {
        let text = value.to_string();
        !text.contains("\"range\"") && !text.contains("\"prefix\"")
    };
    list.into_iter().filter(is_plain).collect()
}

/// An element as nft writes it.
fn as_nft(element: &Value) -> Value {
    let mut value = element["key"].clone();
    let mut parts = Map::new();
    for key in ["timeout", "expires", "comment", "counter"] {
        match &element[key] {
            Value::Null => {}
            // Whole seconds.
            number if key == "expires" => {
                _ = parts.insert(key.to_owned(), json!(number.as_f64().unwrap() as u64));
            }
            other => _ = parts.insert(key.to_owned(), other.clone()),
        }
    }
    if !parts.is_empty() {
        parts.insert("val".to_owned(), value);
        value = json!({ "elem": parts });
    }
    match &element["data"] {
        Value::Null => value,
        data => json!([value, data]),
    }
}

#[test]
fn bodies_are_those_of_libnftables() {
    skip_unless!(is_root(), "not root");
    let namespace = scenes("nft-oracle");
    for script in TYPES.lines().filter(|line| !line.is_empty()) {
        assert!(nft(&namespace, &[script]).is_some(), "{script}");
    }
    let listed: Value = serde_json::from_str(&nft(&namespace, &["-j", "list", "ruleset"]).unwrap()).unwrap();
    let pulled = Pulled::of(&namespace);
    let (names, mut links) = (Names::load(), LinkNames::new());
    links.insert(1, Name::new(b"lo"), 772);
    let cx = Context::new(&names, &links).volatile(true).sets(Some(&pulled.sets));
    let ours: Vec<(String, Value)> = pulled
        .items()
        .map(|item| {
            let value: Value = serde_json::from_slice(&line(item, Op::List, &cx)).unwrap();
            let kind = linx::json::nft::word(&item, &cx).to_owned();
            let body = value[&kind].clone();
            (kind, body)
        })
        .collect();
    let mut compared = std::collections::BTreeMap::new();
    for theirs in listed["nftables"].as_array().unwrap() {
        let (kind, theirs) = theirs.as_object().unwrap().iter().next().unwrap();
        if kind == "metainfo" {
            continue;
        }
        let word = match &**kind {
            "table" | "chain" | "rule" | "set" | "map" | "flowtable" => kind,
            _ => "object",
        };
        let same = |body: &Value| {
            let place = ["family", "table"].iter().all(|key| body.get(key) == theirs.get(key));
            place
                && ["name", "handle"]
                    .iter()
                    .all(|key| theirs.get(key).is_none() || body.get(key) == theirs.get(key))
        };
        let mut found = ours.iter().filter(|(kind, body)| kind == word && same(body));
        let ours_body = &found.next().unwrap_or_else(|| panic!("no {kind} {theirs}")).1;
        assert!(found.next().is_none(), "two of {kind} {theirs}");
        *compared.entry(kind.clone()).or_insert(0) += 1;
        if word == "object" {
            assert_eq!(ours_body["type"], **kind);
        }
        for (key, value) in theirs.as_object().unwrap() {
            match (&**kind, &**key) {
                ("table", "flags") => {
                    assert_eq!(value, &theirs["name"], "nft was mended: compare flags of tables");
                    assert_eq!(ours_body["flags"], json!(["dormant"]));
                }
                ("ct helper", "type") => assert_eq!(&ours_body["helper"], value),
                ("ct timeout", "policy") => {
                    let all = value.as_object().unwrap();
                    assert!(
                        all.iter().all(|(state, seconds)| &ours_body["policy"][state] == seconds),
                        "{ours_body}"
                    );
                }
                ("rule", "expr") => {
                    assert!(ours_body["expressions"].is_array() && ours_body["text"].is_string());
                }
                ("set" | "map", "elem") => {
                    let name = &theirs["name"];
                    let of_set = |body: &&(String, Value)| {
                        body.0 == "element"
                            && ["family", "table"].iter().all(|key| body.1[key] == theirs[key])
                            && body.1["set"] == *name
                    };
                    let own: Vec<_> = ours.iter().filter(of_set).map(|body| as_nft(&body.1)).collect();
                    for element in plain_elements(theirs) {
                        // The statements of elements, beside counters, are `expressions`.
                        let element = match element {
                            Value::Object(mut map) if map.contains_key("elem") => {
                                let inner = map["elem"].as_object_mut().unwrap();
                                inner.remove("limit");
                                if inner.len() == 1 { inner["val"].clone() } else { Value::Object(map) }
                            }
                            other => other,
                        };
                        let close = |own: &Value| {
                            let near = |own: &Value| {
                                let expires =
                                    own["elem"]["expires"].as_i64()? - element["elem"]["expires"].as_i64()?;
                                let mut own = own.clone();
                                own["elem"]["expires"] = element["elem"]["expires"].clone();
                                Some(expires.abs() <= 2 && own == element)
                            };
                            *own == element || near(own).unwrap_or(false)
                                // An element with several states has its first in nft's JSON.
                                || own["elem"]["val"] == element && own["elem"].get("counter").is_some()
                        };
                        assert!(own.iter().any(close), "{name}: {element} is not among {own:?}");
                        *compared.entry("element".into()).or_insert(0) += 1;
                    }
                }
                ("set" | "map", "flags") => {
                    let own = ours_body["flags"].as_array().unwrap().iter();
                    let own: Vec<_> = own.filter(|flag| *flag != "dynamic" && *flag != "anonymous").collect();
                    assert!(own.iter().copied().eq(value.as_array().unwrap()), "{theirs}\n{ours_body}");
                }
                ("set" | "map", "stmt") => assert!(ours_body["expressions"].is_array()),
                (_, key) => assert_eq!(&ours_body[key], value, "{kind} {key}: {theirs}\n{ours_body}"),
            }
        }
    }
    eprintln!("compared: {compared:?}");
    for (kind, least) in
        [("table", 10), ("chain", 20), ("rule", 100), ("set", 40), ("map", 9), ("element", 60)]
    {
        assert!(compared[kind] >= least, "{kind}: {compared:?}");
    }
    for kind in ["counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "synproxy"] {
        assert!(compared.contains_key(kind), "{kind}");
    }
    // Intervals, as the kernel has them.
    let element = |set: &str, key: Value| {
        let found =
            ours.iter().find(|body| body.0 == "element" && body.1["set"] == set && body.1["key"] == key);
        found.unwrap_or_else(|| panic!("{set} {key}")).1.clone()
    };
    assert_eq!(element("xmark_i", json!(5)).get("flags"), None);
    assert_eq!(element("xmark_i", json!(10))["flags"], json!(["interval_end"]));
    assert_eq!(element("xmark_i", json!(257))["flags"], json!(["interval_end"]));
    let pair = element("pairs", json!({"concat": ["10.0.0.0", 80]}));
    assert_eq!(pair["key_end"], json!({"concat": ["10.255.255.255", 90]}));
    assert_eq!(element("xrange", json!(80))["data"], json!({"range": ["10.0.0.1", "10.0.0.9"]}));
    // And nothing is bytes that has a type, but the ends of intervals of names.
    for (kind, body) in &ours {
        if kind == "element" && body.get("key_hex").is_some() {
            let anonymous = body["set"].as_str().unwrap().starts_with("__");
            assert!(anonymous || body["set"] == "names", "{body}");
        }
    }
}

#[test]
fn without_its_set_an_element_is_bytes() {
    skip_unless!(is_root(), "not root");
    let namespace = scenes("nft-bytes");
    let pulled = Pulled::of(&namespace);
    let (names, links) = (Names::load(), LinkNames::new());
    let cx = Context::new(&names, &links);
    let mut seen = 0;
    for item in pulled.items().filter(|item| matches!(item, ItemRef::Element(_))) {
        let value: Value = serde_json::from_slice(&line(item, Op::List, &cx)).unwrap();
        let body = &value["element"];
        assert!(body["key"].is_null() == body["key_hex"].is_string(), "{body}");
        assert!(body["key"].is_null() || body["key"] == "*", "{body}");
        seen += 1;
    }
    assert!(seen > 20);
}
