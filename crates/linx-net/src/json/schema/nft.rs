//! The declarations of the fields of what nf_tables has.

use linx_wire::nft::expr::{COUNTER, EXPR, KINDS};
use linx_wire::nft::{RULE_COMPAT, TUNNEL_KEY, TUNNEL_OPTS};
use linx_wire::policy::{Class, Policy};

use super::bodies::UNKNOWN;
use super::{
    CHANGES, Node, any, any_op, attribute, attributes, change_line, closed, constant, describe, difference,
    envelope, hex, list_of, node, object, of_type, one_of, properties, string, unknown,
};
use crate::forms::field::{Field, Type, field};

const FAMILY: Field = field(
    "family",
    Type::Text,
    "nfgenmsg.nfgen_family",
    "inet ip ip6 arp bridge netdev",
    "family of the table",
);
const TABLE: Field = field("table", Type::Name, "NFTA_*_TABLE", "", "name of the table");
const DEV: Field =
    field("dev", Type::NameOrNames, "NFTA_DEVICE_NAME, NFTA_HOOK_DEV", "several: a list", "device");
const DEV_PREFIX: Field = field(
    "dev_prefix",
    Type::NameOrNames,
    "NFTA_DEVICE_PREFIX",
    "several: a list",
    "all devices whose names begin so",
);
const PRIORITY: Field =
    field("prio", Type::Int, "NFTA_HOOK_PRIORITY", "the lowest comes first", "place among those of the hook");

const fn name(source: &'static str) -> Field {
    field("name", Type::Name, source, "", "name")
}
const fn handle(source: &'static str) -> Field {
    field("handle", Type::Int, source, "", "the kernel's number for it")
}
const fn uses(source: &'static str) -> Field {
    field("use", Type::Int, source, "", "what refers to it (volatile)")
}
const fn comment(source: &'static str) -> Field {
    field("comment", Type::Name, source, "", "comment")
}
const fn userdata(source: &'static str) -> Field {
    field(
        "userdata",
        Type::Hex,
        source,
        "",
        "what user space keeps with it, where that is more than a comment",
    )
}
const fn expressions(source: &'static str) -> Field {
    field(
        "expressions",
        Type::Expressions,
        source,
        "",
        "what the kernel does, in order: name and attributes of each",
    )
}

/// `table`
pub(super) const NFT_TABLE: &[Field] = &[
    FAMILY,
    name("NFTA_TABLE_NAME"),
    handle("NFTA_TABLE_HANDLE"),
    field("flags", Type::Texts, "NFTA_TABLE_FLAGS", "dormant owner persist", "flags"),
    field("owner", Type::Int, "NFTA_TABLE_OWNER", "netlink port", "socket that owns it"),
    uses("NFTA_TABLE_USE"),
    comment("NFTA_TABLE_USERDATA"),
    userdata("NFTA_TABLE_USERDATA"),
    UNKNOWN,
];

/// `chain`
pub(super) const NFT_CHAIN: &[Field] = &[
    FAMILY,
    TABLE,
    name("NFTA_CHAIN_NAME"),
    handle("NFTA_CHAIN_HANDLE"),
    field("type", Type::Name, "NFTA_CHAIN_TYPE", "filter nat route", "of a base chain"),
    field(
        "hook",
        Type::Text,
        "NFTA_HOOK_HOOKNUM",
        "prerouting input forward output postrouting ingress egress",
        "where it is hooked in",
    ),
    PRIORITY,
    DEV,
    DEV_PREFIX,
    field(
        "policy",
        Type::Text,
        "NFTA_CHAIN_POLICY",
        "accept drop",
        "what becomes of packets that no rule decided about",
    ),
    field("flags", Type::Texts, "NFTA_CHAIN_FLAGS", "offload binding", "flags"),
    field(
        "counters",
        Type::Table(&COUNTER),
        "NFTA_CHAIN_COUNTERS",
        "packets, bytes",
        "what its policy decided about (volatile)",
    ),
    uses("NFTA_CHAIN_USE"),
    field("id", Type::Int, "NFTA_CHAIN_ID", "", "in requests only"),
    comment("NFTA_CHAIN_USERDATA"),
    userdata("NFTA_CHAIN_USERDATA"),
    UNKNOWN,
];

/// `rule`
pub(super) const NFT_RULE: &[Field] = &[
    FAMILY,
    TABLE,
    field("chain", Type::Name, "NFTA_RULE_CHAIN", "", "name of the chain"),
    handle("NFTA_RULE_HANDLE"),
    field("position", Type::Int, "NFTA_RULE_POSITION", "handle", "rule before it (volatile)"),
    field("id", Type::Int, "NFTA_RULE_ID", "", "in requests only"),
    field("position_id", Type::Int, "NFTA_RULE_POSITION_ID", "", "in requests only"),
    field("chain_id", Type::Int, "NFTA_RULE_CHAIN_ID", "", "in requests only"),
    comment("NFTA_RULE_USERDATA"),
    userdata("NFTA_RULE_USERDATA"),
    field("compat", Type::Table(&RULE_COMPAT), "NFTA_RULE_COMPAT", "", "of a rule with matches of iptables"),
    expressions("NFTA_RULE_EXPRESSIONS"),
    field("text", Type::Text, "NFTA_RULE_EXPRESSIONS", "", "the same in one line, not in nft's syntax"),
    UNKNOWN,
];

/// `set`, `map`
pub(super) const NFT_SET: &[Field] = &[
    FAMILY,
    TABLE,
    name("NFTA_SET_NAME"),
    handle("NFTA_SET_HANDLE"),
    field(
        "type",
        Type::TextOrTexts,
        "NFTA_SET_KEY_TYPE",
        "nft's types; of a concatenation a list",
        "type of its keys",
    ),
    field(
        "map",
        Type::Text,
        "NFTA_SET_DATA_TYPE, NFTA_SET_OBJ_TYPE",
        "nft's types, joined by dots; verdict; type of an object",
        "what it maps to",
    ),
    field("flags", Type::Texts, "NFTA_SET_FLAGS", "anonymous constant interval timeout dynamic", "flags"),
    field(
        "policy",
        Type::Text,
        "NFTA_SET_POLICY",
        "performance memory",
        "what the kernel chooses its implementation for",
    ),
    field("size", Type::Int, "NFTA_SET_DESC_SIZE", "elements", "how many it may hold"),
    field("timeout", Type::Number, "NFTA_SET_TIMEOUT", "seconds", "how long its elements last"),
    field(
        "gc-interval",
        Type::Number,
        "NFTA_SET_GC_INTERVAL",
        "seconds",
        "how often expired ones are removed",
    ),
    field(
        "key_type",
        Type::Int,
        "NFTA_SET_KEY_TYPE",
        "6 bits a field",
        "nft's number of the type of its keys",
    ),
    field("key_len", Type::Int, "NFTA_SET_KEY_LEN", "bytes", "length of a key"),
    field(
        "data_type",
        Type::Int,
        "NFTA_SET_DATA_TYPE",
        "6 bits a field",
        "nft's number of the type of its data",
    ),
    field("data_len", Type::Int, "NFTA_SET_DATA_LEN", "bytes", "length of data"),
    field(
        "field_len",
        Type::List(&Type::Int),
        "NFTA_SET_FIELD_LEN",
        "bytes",
        "lengths of a concatenation's fields",
    ),
    field("backend", Type::Name, "NFTA_SET_TYPE", "", "the kernel's implementation (volatile)"),
    field("count", Type::Int, "NFTA_SET_COUNT", "elements", "how many it has (volatile)"),
    field("id", Type::Int, "NFTA_SET_ID", "", "in requests only"),
    field(
        "expressions",
        Type::Expressions,
        "NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS",
        "",
        "what each element carries",
    ),
    comment("NFTA_SET_USERDATA"),
    userdata("NFTA_SET_USERDATA"),
    UNKNOWN,
];

/// `element`
pub(super) const NFT_ELEMENT: &[Field] = &[
    FAMILY,
    TABLE,
    field("set", Type::Name, "NFTA_SET_ELEM_LIST_SET", "", "name of the set or map"),
    field(
        "key",
        Type::Value,
        "NFTA_SET_ELEM_KEY",
        "by the type of the set; *: every other key",
        "the key, where its type is known",
    ),
    field(
        "key_hex",
        Type::Hex,
        "NFTA_SET_ELEM_KEY",
        "",
        "its bytes, where its type is not known, or it is not UTF-8",
    ),
    field("key_end", Type::Value, "NFTA_SET_ELEM_KEY_END", "", "last key of an interval"),
    field("key_end_hex", Type::Hex, "NFTA_SET_ELEM_KEY_END", "", "its bytes"),
    field(
        "flags",
        Type::Texts,
        "NFTA_SET_ELEM_FLAGS",
        "interval_end: the interval before it ends here, without this key",
        "flags",
    ),
    field(
        "data",
        Type::Value,
        "NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_OBJREF",
        "value, verdict, or name of an object",
        "what a map has for it",
    ),
    field(
        "data_hex",
        Type::Hex,
        "NFTA_SET_ELEM_DATA",
        "",
        "its bytes, where its type is not known, or it is not UTF-8",
    ),
    field("timeout", Type::Number, "NFTA_SET_ELEM_TIMEOUT", "seconds", "how long it lasts"),
    field("expires", Type::Number, "NFTA_SET_ELEM_EXPIRATION", "seconds", "time until it ends"),
    field("counter", Type::Table(&COUNTER), "NFTA_SET_ELEM_EXPR", "", "its counter (volatile)"),
    field(
        "expressions",
        Type::Expressions,
        "NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS",
        "",
        "what it carries",
    ),
    comment("NFTA_SET_ELEM_USERDATA"),
    userdata("NFTA_SET_ELEM_USERDATA"),
    UNKNOWN,
];

/// `object`
pub(super) const NFT_OBJECT: &[Field] = &[
    FAMILY,
    TABLE,
    name("NFTA_OBJ_NAME"),
    field(
        "type",
        Type::Text,
        "NFTA_OBJ_TYPE",
        "counter quota limit, ct helper, ct timeout, ct expectation, ct count, secmark synproxy tunnel",
        "what it is",
    ),
    handle("NFTA_OBJ_HANDLE"),
    field("packets", Type::Int, "NFTA_COUNTER_PACKETS", "", "of a counter (volatile)"),
    field(
        "bytes",
        Type::Int,
        "NFTA_COUNTER_BYTES, NFTA_QUOTA_BYTES",
        "",
        "of a counter (volatile), of a quota",
    ),
    field("used", Type::Int, "NFTA_QUOTA_CONSUMED", "bytes", "of a quota (volatile)"),
    field(
        "inv",
        Type::Bool,
        "NFTA_QUOTA_FLAGS, NFTA_LIMIT_FLAGS, NFTA_CONNLIMIT_FLAGS",
        "",
        "it holds beyond it",
    ),
    field("depleted", Type::True, "NFTA_QUOTA_FLAGS", "", "the quota is used up (volatile)"),
    field("quota_flags", Type::Int, "NFTA_QUOTA_FLAGS", "", "flags without a word"),
    field("rate", Type::Int, "NFTA_LIMIT_RATE", "packets, or rate_unit", "of a limit"),
    field("rate_unit", Type::Text, "NFTA_LIMIT_TYPE", "bytes kbytes mbytes", "of a limit of bytes"),
    field("burst", Type::Int, "NFTA_LIMIT_BURST", "packets, or burst_unit", "of a limit"),
    field("burst_unit", Type::Text, "NFTA_LIMIT_TYPE", "bytes kbytes mbytes", "of a limit of bytes"),
    field("per", Type::Text, "NFTA_LIMIT_UNIT", "second minute hour day week, or seconds", "of a limit"),
    field("limit_flags", Type::Int, "NFTA_LIMIT_FLAGS", "", "flags without a word"),
    field("val", Type::Int, "NFTA_CONNLIMIT_COUNT", "connections", "of a ct count"),
    field("connlimit_flags", Type::Int, "NFTA_CONNLIMIT_FLAGS", "", "flags without a word"),
    field("helper", Type::Name, "NFTA_CT_HELPER_NAME", "", "of a ct helper (libnftables' word is type)"),
    field("protocol", Type::Text, "NFTA_CT_*_L4PROTO", "/etc/protocols", "of ct objects"),
    field("l3proto", Type::Text, "NFTA_CT_*_L3PROTO", "ip ip6 inet", "of ct objects"),
    field("policy", Type::Numbers, "NFTA_CT_TIMEOUT_DATA", "seconds, by state", "of a ct timeout"),
    field(
        "policy_hex",
        Type::Hex,
        "NFTA_CT_TIMEOUT_DATA",
        "",
        "timeouts of a protocol that this version does not know",
    ),
    field("dport", Type::Int, "NFTA_CT_EXPECT_DPORT", "", "of a ct expectation"),
    field("timeout", Type::Int, "NFTA_CT_EXPECT_TIMEOUT", "milliseconds", "of a ct expectation"),
    field("size", Type::Int, "NFTA_CT_EXPECT_SIZE", "", "of a ct expectation"),
    field("context", Type::Name, "NFTA_SECMARK_CTX", "", "of a secmark"),
    field("mss", Type::Int, "NFTA_SYNPROXY_MSS", "bytes", "of a synproxy"),
    field("wscale", Type::Int, "NFTA_SYNPROXY_WSCALE", "", "of a synproxy"),
    field("flags", Type::Texts, "NFTA_SYNPROXY_FLAGS", "timestamp sack-perm ecn", "of a synproxy"),
    field("tunnel", Type::Table(&TUNNEL_KEY), "NFTA_TUNNEL_KEY_*", "", "of a tunnel"),
    field("hex", Type::Hex, "NFTA_OBJ_DATA", "", "data of a type that this version does not know"),
    uses("NFTA_OBJ_USE"),
    comment("NFTA_OBJ_USERDATA"),
    userdata("NFTA_OBJ_USERDATA"),
    UNKNOWN,
];

/// `flowtable`
pub(super) const NFT_FLOWTABLE: &[Field] = &[
    FAMILY,
    TABLE,
    name("NFTA_FLOWTABLE_NAME"),
    handle("NFTA_FLOWTABLE_HANDLE"),
    field("hook", Type::Text, "NFTA_FLOWTABLE_HOOK_NUM", "ingress", "where it is hooked in"),
    PRIORITY,
    DEV,
    DEV_PREFIX,
    field("flags", Type::Texts, "NFTA_FLOWTABLE_FLAGS", "offload counter", "flags"),
    uses("NFTA_FLOWTABLE_USE"),
    UNKNOWN,
];

/// The bodies: the key under which one stands, its definition, its fields, and those that it always has.
pub(super) const BODIES: &[(&str, &str, &[Field], &[&str])] = &[
    ("table", "nft_table", NFT_TABLE, &["family", "name"]),
    ("chain", "nft_chain", NFT_CHAIN, &["family", "table", "name"]),
    ("rule", "nft_rule", NFT_RULE, &["family", "table", "chain", "handle"]),
    ("set", "nft_set", NFT_SET, &["family", "table", "name"]),
    ("map", "nft_set", NFT_SET, &["family", "table", "name"]),
    ("element", "nft_element", NFT_ELEMENT, &["family", "table", "set"]),
    ("object", "nft_object", NFT_OBJECT, &["family", "table", "name", "type"]),
    ("flowtable", "nft_flowtable", NFT_FLOWTABLE, &["family", "table", "name"]),
];

/// The tables of the documentation.
pub(super) const TABLES: [(&str, &[Field]); 8] = [
    ("transaction", TRANSACTION),
    ("table (nft)", NFT_TABLE),
    ("chain (nft)", NFT_CHAIN),
    ("rule (nft)", NFT_RULE),
    ("set, map (nft)", NFT_SET),
    ("element (nft)", NFT_ELEMENT),
    ("object (nft)", NFT_OBJECT),
    ("flowtable (nft)", NFT_FLOWTABLE),
];

/// `transaction`: what its line has beside the envelope and its changes.
const TRANSACTION: &[Field] = &[
    field(
        "generation",
        Type::Int,
        "NFTA_GEN_ID",
        "",
        "number of the rule set that it made; absent: it was lost",
    ),
    field("process", Type::Author, "NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME", "", "who made it; as author"),
    field("complete", Type::Bool, "", "", "whether all of it is here; false: something was lost"),
    field("part", Type::Int, "", "from 1", "which of several lines it is"),
    field("parts", Type::Int, "", "", "how many lines it has"),
    field("counts", Type::Counts, "", "by operation and kind", "its changes, on its first line"),
    field("changes", Type::Changes, "", "op, kind, key, and a body", "what it changed, in order"),
];

/// The lines: an object of each kind, and a transaction.
pub(super) fn lines() -> Vec<Node> {
    let object_line = |key: &str, definition: &str| {
        let mut all = envelope(true);
        all.extend(object(any_op(), "nft", key, definition));
        all.push(("process".to_owned(), node([("$ref", string("#/$defs/author"))])));
        closed(all, &["schema", "seq", "time", "netns", "op", "kind", key])
    };
    let mut all: Vec<_> = BODIES.iter().map(|(key, definition, ..)| object_line(key, definition)).collect();
    all.extend(
        BODIES.iter().map(|(key, definition, ..)| change_line("nft", key, definition, Some("process"))),
    );
    let mut transaction = envelope(true);
    transaction.push(("op".to_owned(), constant("transaction")));
    transaction.push(("kind".to_owned(), constant("nft")));
    transaction.extend(properties(TRANSACTION));
    let required = ["schema", "seq", "time", "netns", "op", "kind", "complete", "changes"];
    let about = "A commit of nf_tables, or one of several lines of it.".to_owned();
    all.push(describe(closed(transaction, &required), about));
    all
}

/// A change of a transaction: its `kind` is the key of its body.
pub(super) fn changes() -> Node {
    let required = |key| ["op", "kind", "key", key];
    let said =
        |key, definition| closed(object(one_of(&["new", "del"]), key, key, definition), &required(key));
    let changed = |key, definition| {
        let all = [object(one_of(&CHANGES), key, key, definition), difference(definition)].concat();
        closed(all, &required(key))
    };
    let said = BODIES.iter().map(|(key, definition, ..)| said(*key, *definition));
    let changed = BODIES.iter().map(|(key, definition, ..)| changed(*key, *definition));
    list_of(node([("oneOf", Node::List(said.chain(changed).collect()))]))
}

/// The attributes of each kind of expression, in Markdown.
pub(super) fn expression_tables(out: &mut String) {
    out.push_str("\n### `expressions[]`\n\nEach has a `name`; what else, that says.\n");
    out.push_str("\n| `name` | field | source | values |\n|---|---|---|---|\n");
    for (name, policy) in KINDS {
        for entry in policy.entries {
            let volatile = if entry.class == Class::Volatile { "(volatile)" } else { "" };
            for (key, schema) in attribute(policy, entry).iter().filter(|(key, _)| !key.ends_with("_hex")) {
                let words = examples(schema).join(" ").replace('|', "\\|");
                let values = [&*words, volatile].into_iter().filter(|part| !part.is_empty());
                let values = values.collect::<Vec<_>>().join(" ");
                out.push_str(&format!(
                    "| `{name}` | `{key}` | `{}_{}` | {values} |\n",
                    policy.prefix, entry.name
                ));
            }
        }
    }
}

/// The examples that a schema gives.
fn examples(schema: &Node) -> Vec<&str> {
    let Node::Map(entries) = schema else { return vec![] };
    let list = entries.iter().find_map(|(key, value)| match value {
        Node::List(list) if key == "examples" => Some(list),
        _ => None,
    });
    list.into_iter()
        .flatten()
        .filter_map(|node| if let Node::Text(text) = node { Some(&**text) } else { None })
        .collect()
}

/// The bodies, of which nothing has to be there.
pub(super) fn definitions_before() -> Vec<(String, Node)> {
    let bodies = BODIES.iter().filter(|body| body.0 != "map");
    bodies
        .map(|(_, definition, fields, _)| (format!("{definition}_before"), closed(properties(fields), &[])))
        .collect()
}

/// What the bodies refer to.
pub(super) fn definitions() -> Vec<(&'static str, Node)> {
    let bodies = BODIES.iter().filter(|body| body.0 != "map");
    let mut all: Vec<_> = bodies
        .map(|(_, definition, fields, required)| (*definition, closed(properties(fields), required)))
        .collect();
    all.push(("nft_expression", expression()));
    all.push(("nft_value", value()));
    all
}

/// An expression of a kind that is known, or of another.
fn expression() -> Node {
    let common = |name: Node| {
        vec![
            ("name".to_owned(), name),
            ("name_hex".to_owned(), hex()),
            ("expr_unknown".to_owned(), unknown()),
        ]
    };
    let mut all: Vec<_> = KINDS
        .iter()
        .map(|(name, policy)| closed([common(constant(name)), attributes(policy)].concat(), &["name"]))
        .collect();
    let mut other = common(of_type("string"));
    other.push(("hex".to_owned(), hex()));
    all.push(closed(other, &["name"]));
    node([("anyOf", Node::List(all))])
}

/// A value by its type: libnftables' forms.
fn value() -> Node {
    let of = |key: &str, items: Node| closed(vec![(key.to_owned(), list_of(items))], &[key]);
    let verdict = node([
        ("type", string("object")),
        ("description", string("a verdict: {\"accept\":null}, {\"jump\":{\"target\":\"chain\"}}")),
        (
            "additionalProperties",
            node([(
                "anyOf",
                Node::List(vec![
                    of_type("null"),
                    closed(vec![("target".to_owned(), of_type("string"))], &["target"]),
                ]),
            )]),
        ),
        ("minProperties", Node::Int(1)),
        ("maxProperties", Node::Int(1)),
    ]);
    let again = || node([("$ref", string("#/$defs/nft_value"))]);
    let all = vec![
        of_type("string"),
        of_type("integer"),
        of("concat", again()),
        of("range", again()),
        of("|", of_type("string")),
        verdict,
    ];
    node([("anyOf", Node::List(all))])
}

/// The schema of an attribute that depends on its surroundings.
pub(super) fn depends(policy: &Policy) -> Option<Node> {
    std::ptr::eq(policy, &TUNNEL_KEY).then(|| any([&TUNNEL_OPTS].into_iter()))
}

/// Whether a nest is an expression.
pub(super) fn is_expression(policy: &Policy) -> bool {
    std::ptr::eq(policy, &EXPR)
}
