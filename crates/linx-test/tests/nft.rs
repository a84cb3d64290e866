//! What the kernel says of a rule set, sent back in another namespace, makes the same rule set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

use std::collections::BTreeMap;
use std::process::Command;

use linx_test::{NFT_SCENES, Namespace, Nft, is_root, nft_entities, nft_made, skip_unless};
use linx_wire::attr::Attrs;
use linx_wire::nft::expr::KINDS;
use linx_wire::nft::{
    CHAIN, ChainFlags, ChainView, ELEMENT_LIST, ElementView, ElementsView, Entity, EntityRef, FLOWTABLE,
    OBJECT, RULE, Renames, RuleView, SET, SetFlags, SetView, StatefulObjectView, TABLE, TableView,
    object_type,
};
use linx_wire::policy::{Class, Policy, Shape, Surroundings};

fn namespace() -> Namespace {
    let namespace = Namespace::new("nft");
    namespace.ip("link set lo up");
    namespace.ip("link add v0 type veth peer name v1");
    namespace
}

/// One line an object, without what the kernel alone gives: handles, names of anonymous sets and bound chains; and of the
/// time since something was used only whether it is long.
fn lines(entities: &[Entity]) -> Vec<String> {
    let plain = |text: String| {
        let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let mut last = "";
        words
            .map(|word| {
                let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(word.len());
                let (name, rest) = word.split_at(end);
                match (std::mem::replace(&mut last, word), name.parse::<u32>()) {
                    // Since a packet came: it goes on.
                    ("msecs ", Ok(since)) => format!("long {}{rest}", since >= 5000),
                    _ if name.starts_with("__") => format!("ANY{rest}"),
                    _ => word.to_owned(),
                }
            })
            .collect::<String>()
    };
    let mut lines: Vec<String> = Vec::new();
    for entity in entities {
        match entity.as_ref() {
            EntityRef::Table(t) => {
                lines.push(format!("table {} {:?} {:?}", t.name(), t.flags(), t.comment()));
            }
            EntityRef::Chain(c) => {
                let hook = c.hook().map(|hook| format!("{hook:?}"));
                let what =
                    (c.table(), c.name(), hook, c.chain_type(), c.policy_word(), c.flags(), c.comment());
                lines.push(plain(format!("chain {what:?}")));
            }
            EntityRef::Rule(r) => {
                let expressions: String = r.expressions().map(|e| e.to_string()).collect();
                lines.push(plain(format!(
                    "rule {} {} {:?} {expressions}",
                    r.table(),
                    r.chain(),
                    r.comment()
                )));
            }
            EntityRef::Set(s) => {
                let a = s.attributes();
                let types =
                    (a.key_type(), a.key_len(), a.data_type(), a.data_len(), a.userdata(), a.policy());
                let what =
                    (s.table(), s.name(), s.flags(), s.fields(), s.size(), s.timeout(), s.gc_interval());
                let expressions: String = s.expressions().map(|e| e.to_string()).collect();
                lines.push(plain(format!("set {what:?} {types:?} {expressions}")));
            }
            EntityRef::Elements(list) => lines.extend(list.iter().map(|e| {
                let expressions: String = e.expressions().map(|e| e.to_string()).collect();
                let what = (e.key(), e.key_end(), e.data(), e.object(), e.flags(), e.timeout(), e.comment());
                plain(format!("element {} {} {what:?} {expressions}", e.table(), e.set()))
            })),
            EntityRef::Object(o) => {
                lines.push(format!("object {} {} {:?} {:?}", o.table(), o.name(), o.data(), o.comment()));
            }
            _ => {}
        }
    }
    lines.sort();
    lines
}

/// A message as bytes, without what the kernel alone gives (handles, positions, names of anonymous sets and bound
/// chains) and what packets and time change. A hash table has elements in any order, in messages of any length: each
/// is by itself.
fn normal(entity: &Entity) -> Vec<Vec<u8>> {
    let policy = match entity {
        Entity::Table(_) => &TABLE,
        Entity::Chain(_) => &CHAIN,
        Entity::Rule(_) => &RULE,
        Entity::Set(_) => &SET,
        Entity::Elements(list) => {
            let each =
                list.iter().map(|element| normal_message(&ELEMENT_LIST, element.to_owned().as_bytes()));
            return each.collect();
        }
        Entity::Object(_) => &OBJECT,
        Entity::Flowtable(_) => &FLOWTABLE,
        _ => return Vec::new(),
    };
    vec![normal_message(policy, entity.as_ref().as_bytes())]
}

fn normal_message(policy: &Policy, message: &[u8]) -> Vec<u8> {
    let (header, attributes) = message.split_at(4);
    let mut bytes = format!("{} {} ", policy.prefix, header[0]).into_bytes();
    normal_attributes(policy, attributes, header[0], &mut bytes);
    bytes
}

fn normal_attributes(policy: &Policy, attributes: &[u8], family: u8, out: &mut Vec<u8>) {
    for attr in Attrs::new(attributes).map(Result::unwrap) {
        let entry = policy.entry(attr.number());
        let entry = entry.unwrap_or_else(|| panic!("{} has no {}", policy.prefix, attr.number()));
        let is_the_kernels =
            matches!(entry.key, "handle" | "position") || matches!(entry.class, Class::Deadline);
        if is_the_kernels || entry.class == Class::Volatile {
            continue;
        }
        out.extend(attr.raw_type.to_ne_bytes());
        let around = Surroundings { siblings: attributes, family };
        normal_value(entry.shape, attr.payload, around, out);
    }
}

fn normal_value(shape: Shape, payload: &[u8], around: Surroundings<'_>, out: &mut Vec<u8>) {
    let mut inside = Vec::new();
    match shape {
        Shape::Nested(policy) => normal_attributes(policy, payload, around.family, &mut inside),
        Shape::Depends(choose) => match choose(around) {
            Some(policy) => normal_attributes(policy, payload, around.family, &mut inside),
            None => inside.extend(payload),
        },
        Shape::Items(shape) => {
            for item in Attrs::new(payload).map(Result::unwrap) {
                inside.extend(item.raw_type.to_ne_bytes());
                normal_value(*shape, item.payload, Surroundings { siblings: payload, ..around }, &mut inside);
            }
        }
        Shape::Many(shape) => return normal_value(*shape, payload, around, out),
        Shape::Name if payload.starts_with(b"__") => inside.extend(b"__any"),
        Shape::Be32But(silent) => {
            let flags = u32::from_be_bytes(*payload.first_chunk().unwrap()) & !silent;
            inside.extend(flags.to_be_bytes());
        }
        _ => inside.extend(payload),
    }
    out.extend(u32::try_from(inside.len()).unwrap().to_ne_bytes());
    out.extend(inside);
}

/// The parts of rule sets: those that nft makes, and what it cannot make.
fn scenes() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    NFT_SCENES.iter().map(|scene| (scene.name, Some(scene.script))).chain([("made", None)])
}

/// Makes a part of a rule set.
fn make(namespace: &Namespace, source: &mut Nft, script: Option<&str>) {
    match script {
        Some(script) => {
            for line in script.lines().filter(|line| !line.is_empty()) {
                // What this kernel lacks is refused, and is then not in the rule set.
                Command::new("ip").args(["netns", "exec", namespace.name(), "nft", line]).output().unwrap();
            }
        }
        None => {
            for (what, request) in nft_made() {
                assert_eq!(source.commit(vec![request]), [], "{what}");
            }
        }
    }
}

#[test]
fn a_rule_set_sent_back_is_the_same() {
    skip_unless!(is_root(), "not root");
    let has_nft = Command::new("nft").arg("--version").output().is_ok_and(|output| output.status.success());
    skip_unless!(has_nft, "no nft");
    for (name, script) in scenes() {
        let (one, two) = (namespace(), namespace());
        let mut source = Nft::new(&one.netns());
        make(&one, &mut source, script);
        let mut entities = nft_entities(&source.pull());
        let mut renames: BTreeMap<(u8, String), Renames> = BTreeMap::new();
        let mut requests = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut ids = 0;
        let place = |family: u8, table: linx_wire::name::Name<'_>| (family, table.to_string());
        for entity in &entities {
            match entity.as_ref() {
                EntityRef::Set(set) if set.flags().contains(SetFlags::ANONYMOUS) => {
                    ids += 1;
                    numbers.insert((place(set.family(), set.table()), set.name().to_string()), ids);
                    renames.entry(place(set.family(), set.table())).or_default().set(set.name(), ids);
                }
                EntityRef::Chain(chain) if chain.flags().contains(ChainFlags::BINDING) => {
                    ids += 1;
                    renames.entry(place(chain.family(), chain.table())).or_default().chain(chain.name(), ids);
                }
                _ => {}
            }
        }
        // What others refer to comes first; a bound chain is complete before a rule binds it.
        let bound = |rule: &linx_wire::nft::Rule| rule.chain().as_bytes().starts_with(b"__chain");
        entities.sort_by_key(|entity| match entity {
            Entity::Table(_) => 0,
            Entity::Object(_) => 1,
            Entity::Chain(_) => 2,
            Entity::Set(_) => 3,
            Entity::Elements(_) => 4,
            Entity::Rule(rule) if bound(rule) => 5,
            _ => 6,
        });
        let mut told = Vec::new();
        let none = Renames::default();
        for entity in &entities {
            let of = |family, table| renames.get(&place(family, table)).unwrap_or(&none);
            requests.push(match entity.as_ref() {
                EntityRef::Table(table) => table.to_request(),
                EntityRef::Object(object) => object.to_request(),
                EntityRef::Chain(chain) => chain.to_request(of(chain.family(), chain.table())),
                EntityRef::Set(set) => {
                    ids += 1;
                    let number = numbers.get(&(place(set.family(), set.table()), set.name().to_string()));
                    set.to_request(number.copied().unwrap_or(ids))
                }
                EntityRef::Elements(list) if list.iter().next().is_none() => continue,
                EntityRef::Elements(list) => list.to_request(of(list.family(), list.table())),
                EntityRef::Rule(rule) => rule.to_request(of(rule.family(), rule.table())),
                _ => continue,
            });
            told.push(lines(std::slice::from_ref(entity)));
        }
        let mut nft = Nft::new(&two.netns());
        let refused = nft.commit(requests);
        let refused: Vec<_> = refused.iter().map(|(place, errno)| (&told[*place], errno)).collect();
        assert!(refused.is_empty(), "{name}: {refused:?}");
        let after_entities = nft_entities(&nft.pull());
        let (before, after) = (lines(&entities), lines(&after_entities));
        assert!(before.len() > 5, "{name}: {before:?}");
        let missing: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let more: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(before == after, "{name}: missing {missing:#?}, more {more:#?}");
        let bytes = |entities: &[Entity]| {
            let mut all: Vec<_> = entities.iter().flat_map(normal).collect();
            all.sort();
            all
        };
        let (before, after) = (bytes(&entities), bytes(&after_entities));
        let differ = before.iter().zip(&after).find(|(before, after)| before != after);
        assert!(before == after, "{name}: the bytes differ: {differ:x?}");
    }
}

/// Words for how a kind was made, in docs/6-nf-tables.md.
const BY_NFT: &str = "nft";
const BY_ENCODER: &str = "own encoder";
const NOT_HERE: &str = "not in this kernel: hand-built messages";

#[test]
fn the_page_says_of_every_kind_how_it_was_shown() {
    skip_unless!(is_root(), "not root");
    let has_nft = Command::new("nft").arg("--version").output().is_ok_and(|output| output.status.success());
    skip_unless!(has_nft, "no nft");
    let kinds = KINDS.iter().map(|(name, _)| format!("expression {name}"));
    let types = (1..=10).filter_map(object_type::word).map(|word| format!("object {word}"));
    let mut how: BTreeMap<String, &str> = kinds.chain(types).map(|kind| (kind, NOT_HERE)).collect();
    // What nft makes counts as that, also where the encoder made one too.
    for script in scenes().map(|(_, script)| script).collect::<Vec<_>>().into_iter().rev() {
        let namespace = namespace();
        let mut nft = Nft::new(&namespace.netns());
        make(&namespace, &mut nft, script);
        for entity in nft_entities(&nft.pull()) {
            let found: Vec<String> = match entity.as_ref() {
                EntityRef::Rule(rule) => {
                    rule.expressions().map(|e| format!("expression {}", e.name())).collect()
                }
                EntityRef::Set(set) => {
                    set.expressions().map(|e| format!("expression {}", e.name())).collect()
                }
                EntityRef::Elements(list) => list
                    .iter()
                    .flat_map(|e| {
                        e.expressions().map(|e| format!("expression {}", e.name())).collect::<Vec<_>>()
                    })
                    .collect(),
                EntityRef::Object(object) => object_type::word(object.object_type())
                    .map(|word| format!("object {word}"))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            };
            for kind in found {
                how.insert(kind, if script.is_some() { BY_NFT } else { BY_ENCODER });
            }
        }
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/6-nf-tables.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: BTreeMap<String, &str> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let (kind, how) = (cells.next()?, cells.next()?);
            (kind.starts_with("expression ") || kind.starts_with("object ")).then(|| (kind.to_owned(), how))
        })
        .collect();
    let table: String = how.iter().map(|(kind, how)| format!("| {kind} | {how} |\n")).collect();
    assert!(rows == how, "docs/6-nf-tables.md should have:\n{table}");
}
