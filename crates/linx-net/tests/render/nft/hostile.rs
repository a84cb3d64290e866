//! Names that no terminal should be given, as names of everything that nf_tables lets be named, and back.

use linx::Key;
use linx::json::Op;
use linx::names::{Context, LinkNames, Names};
use linx_test::{Namespace, Nft, hostile_names, is_root, skip_unless};
use linx_wire::header::MessageFlags;
use linx_wire::name::is_dangerous;
use linx_wire::nft::expr::COUNTER;
use linx_wire::nft::{
    CHAIN, ELEMENT, ELEMENT_LIST, ItemRef, Nest, OBJECT, RULE, SET, TABLE, comment, family, verdict,
};
use linx_wire::uapi::nft;
use serde_json::Value;

use super::super::schema::{check, validator};
use super::{Pulled, line};

/// The exact bytes behind a key.
fn bytes(object: &Value, key: &str) -> Vec<u8> {
    match object[format!("{key}_hex")].as_str() {
        None => object[key].as_str().unwrap_or_else(|| panic!("{key}: {object}")).as_bytes().to_vec(),
        Some(hex) => {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        }
    }
}

#[test]
fn hostile_names_do_no_harm_and_are_not_lost() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nft-hostile");
    let mut socket = Nft::new(&namespace.netns());
    // nf_tables takes more than a link: white space, slashes, newlines, and no name at all.
    let mut made = hostile_names();
    made.extend([&b"a b"[..], b"new\nline\r", b"a/b", b"a%2fb", b"", b"\t", b"x.y:z"].map(<[u8]>::to_vec));
    let create = MessageFlags::ATOMIC | MessageFlags::APPEND;
    let request = |message, nest: Nest| nest.request(message, create, family::INET).unwrap();
    for name in &made {
        let name = &name[..];
        let own = |policy| Nest::new(policy).set("table", name).set("name", name);
        let mut number = 0u32;
        let mut id = || {
            number += 1;
            number
        };
        let jump = Nest::new(&linx_wire::nft::expr::IMMEDIATE).set("dreg", 0u32);
        let jump = jump.set("data", Nest::verdict(verdict::JUMP, Some(name)));
        let rule = Nest::new(&RULE).set("table", name).set("chain", "plain");
        let rule = rule.set("userdata", comment(name).unwrap()).set("expr", vec![Nest::expression(jump)]);
        let counter = Nest::new(&COUNTER).set("bytes", 1u64).set("packets", 2u64);
        let map = own(&SET).set("flags", 8u32).set("key_type", 41u32).set("key_len", 16u32);
        let map = map.set("data_type", 0xffff_ff00_u32).set("data_len", 16u32).set("id", id());
        let mut key = name.to_vec();
        key.resize(16, 0);
        let element = Nest::new(&ELEMENT).set("key", Nest::value(&key));
        let element = element.set("data", Nest::verdict(verdict::GOTO, Some(name)));
        let element = element.set("userdata", comment(name).unwrap());
        let list = Nest::new(&ELEMENT_LIST).set("table", name).set("set", name).set("elem", vec![element]);
        let mut requests = vec![
            request(
                nft::NEWTABLE,
                Nest::new(&TABLE).set("name", name).set("userdata", comment(name).unwrap()),
            ),
            request(nft::NEWCHAIN, own(&CHAIN)),
            request(nft::NEWCHAIN, Nest::new(&CHAIN).set("table", name).set("name", "plain")),
            request(nft::NEWRULE, rule),
            request(nft::NEWOBJ, own(&OBJECT).set("type", 1u32).set("data", counter)),
        ];
        // The kernel takes the name of a set as a format.
        if !name.contains(&b'%') {
            requests.extend([request(nft::NEWSET, map), request(nft::NEWSETELEM, list)]);
        }
        assert_eq!(socket.commit(requests), [], "{name:?}");
    }
    assert!(made.len() >= 50);
    let pulled = Pulled::of(&namespace);
    let (names, links) = (Names::load(), LinkNames::new());
    let cx = Context::new(&names, &links).volatile(true).sets(Some(&pulled.sets));
    let validator = validator();
    let mut seen: std::collections::BTreeMap<&str, Vec<Vec<u8>>> = std::collections::BTreeMap::new();
    for item in pulled.items() {
        let line = String::from_utf8(line(item, Op::List, &cx)).unwrap();
        assert!(!line.trim_end_matches('\n').chars().any(is_dangerous), "{line:?}");
        let text = linx::text::nft_line(item, &cx).to_string();
        assert!(!text.chars().any(is_dangerous), "{text:?}");
        assert!(Key::of_nft(item).as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        let value = check(&validator, line.as_bytes());
        let (word, field) = match &item {
            ItemRef::Table(_) => ("table", "name"),
            ItemRef::Chain(_) => ("chain", "name"),
            ItemRef::Rule(_) => ("rule", "comment"),
            ItemRef::Set(_) => ("map", "name"),
            ItemRef::Object(_) => ("object", "name"),
            ItemRef::Element(_) => ("element", "comment"),
            other => panic!("{other:?}"),
        };
        let body = &value[word];
        let table = bytes(body, if word == "table" { "name" } else { "table" });
        let name = bytes(body, field);
        if name == b"plain" {
            continue;
        }
        assert_eq!(name, table, "{body}");
        if word == "element" {
            assert_eq!(bytes(body, "set"), name);
            // As bytes, the whole register.
            let mut key = bytes(body, "key");
            key.resize(16, 0);
            assert_eq!(&key[..name.len()], name);
            let chain = match body["data_hex"].as_str() {
                Some(_) => bytes(body, "data"),
                None => body["data"]["goto"]["target"].as_str().unwrap().as_bytes().to_vec(),
            };
            assert_eq!(chain, name);
        }
        seen.entry(word).or_default().push(name);
    }
    made.sort();
    for (word, mut names) in seen.clone() {
        names.sort();
        let expected = made.iter().filter(|name| !matches!(word, "map" | "element") || !name.contains(&b'%'));
        assert!(names.iter().eq(expected), "{word}: {names:?}");
    }
    assert_eq!(seen.len(), 6);
}
