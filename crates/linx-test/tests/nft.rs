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

use linx_test::{NFT_SCENES, Namespace, Nft, is_root, nft_entities, skip_unless};
use linx_wire::nft::{
    ChainFlags, ChainView, ElementView, ElementsView, Entity, EntityRef, Renames, RuleView, SetFlags,
    SetView, StatefulObjectView, TableView,
};

fn namespace() -> Namespace {
    let namespace = Namespace::new("nft");
    namespace.ip("link set lo up");
    namespace.ip("link add v0 type veth peer name v1");
    namespace
}

/// One line an object, without what the kernel alone gives: handles, names of anonymous sets and bound chains.
fn lines(entities: &[Entity]) -> Vec<String> {
    let plain = |text: String| {
        let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words
            .map(|word| {
                let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(word.len());
                if word.starts_with("__") { format!("ANY{}", &word[end..]) } else { word.to_owned() }
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

#[test]
fn a_rule_set_sent_back_is_the_same() {
    skip_unless!(is_root(), "not root");
    let has_nft = Command::new("nft").arg("--version").output().is_ok_and(|output| output.status.success());
    skip_unless!(has_nft, "no nft");
    for scene in NFT_SCENES {
        let (one, two) = (namespace(), namespace());
        for line in scene.script.lines().filter(|line| !line.is_empty()) {
            // What this kernel lacks is refused, and is then not in the rule set.
            Command::new("ip").args(["netns", "exec", one.name(), "nft", line]).output().unwrap();
        }
        let mut entities = nft_entities(&Nft::new(&one.netns()).pull());
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
        assert!(refused.is_empty(), "{}: {refused:?}", scene.name);
        let (before, after) = (lines(&entities), lines(&nft_entities(&nft.pull())));
        assert!(before.len() > 5, "{}: {before:?}", scene.name);
        let missing: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let more: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(before == after, "{}: missing {missing:#?}, more {more:#?}", scene.name);
    }
}
