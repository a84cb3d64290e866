//! Names that no terminal should be given: through JSON and text, and back.

use linx::json::{Head, NetnsTag, Op, Records};
use linx::names::{Context, Names};
use linx_test::{Namespace, Raw, hostile_names, is_root, skip_unless};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::name::is_dangerous;
use linx_wire::route::Object;
use linx_wire::route::link::IfInfo;
use linx_wire::uapi::rtm;
use serde_json::Value;

use super::dump::State;

const IFNAME: u16 = 3;
const LINKINFO: u16 = 18;
const INFO_KIND: u16 = 1;
const IFALIAS: u16 = 20;
const PROP_LIST: u16 = 52;
const ALT_IFNAME: u16 = 53;
const NEWLINKPROP: u16 = 108;

/// A namespace with a bridge of each hostile name: with the name as its alias and, longer, as an alternative name, an
/// address on it, a route through it, a rule that wants it.
fn menagerie() -> (Namespace, Vec<Vec<u8>>) {
    let namespace = Namespace::new("hostile");
    let mut raw = Raw::new(&namespace.netns());
    let mut made = Vec::new();
    let ack = MessageFlags::REQUEST | MessageFlags::ACK;
    let create = ack | MessageFlags::ATOMIC | MessageFlags::MATCH;
    for name in hostile_names() {
        let index = 100 + i32::try_from(made.len()).unwrap();
        let header = IfInfo { ifindex: index, flags: 1, change: 1, ..IfInfo::default() };
        let link = Request::new(rtm::NEWLINK, create)
            .body(&header)
            .attribute_name(IFNAME, &name)
            .nested(LINKINFO, |info| info.attribute_name(INFO_KIND, b"bridge"));
        match raw.ask(link) {
            0 => {}
            errno => {
                eprintln!("SKIPPED {name:?}: the kernel says {errno}");
                continue;
            }
        }
        let alias = Request::new(rtm::SETLINK, ack)
            .body(&IfInfo { ifindex: index, ..IfInfo::default() })
            .attribute(IFALIAS, &name);
        assert_eq!(raw.ask(alias), 0, "{name:?}");
        let alternative = [&name[..], b"-alternative"].concat();
        let property = Request::new(NEWLINKPROP, create)
            .body(&IfInfo { ifindex: index, ..IfInfo::default() })
            .nested(PROP_LIST, |list| list.attribute_name(ALT_IFNAME, &alternative));
        assert_eq!(raw.ask(property), 0, "{name:?}");
        let route = Request::new(rtm::NEWROUTE, create)
            .body(&[10u8, 64, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
            .attribute(
                1,
                &[0xfd, u8::try_from(made.len()).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            )
            .attribute_u32(4, index.unsigned_abs());
        assert_eq!(raw.ask(route), 0, "{name:?}");
        let rule = Request::new(rtm::NEWRULE, create)
            .body(&[2u8, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0])
            .attribute_u32(6, 1000 + index.unsigned_abs())
            .attribute_name(3, &name);
        assert_eq!(raw.ask(rule), 0, "{name:?}");
        made.push(name);
    }
    (namespace, made)
}

/// The exact bytes behind a key.
fn bytes(object: &Value, key: &str) -> Vec<u8> {
    match &object[format!("{key}_hex")] {
        Value::Null => object[key].as_str().unwrap_or_else(|| panic!("{key}: {object}")).as_bytes().to_vec(),
        hex => unhex(hex),
    }
}

fn unhex(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn assert_harmless(line: &str) {
    assert!(!line.chars().any(is_dangerous), "{line:?}");
}

#[test]
fn hostile_names_do_no_harm_and_are_not_lost() {
    skip_unless!(is_root(), "not root");
    let (namespace, made) = menagerie();
    assert!(made.len() >= 40);
    let state = State::of(&namespace.netns());
    let names = Names::load();
    let cx = Context::new(&names, &state.names).volatile(true);
    let netns = NetnsTag::new("a\u{9b}b", 1, Some(std::path::Path::new("/run/netns/\u{202e}x")), None);
    let mut records = Records::new();
    let mut seen = Vec::new();
    for object in state.all() {
        let mut line = Vec::new();
        let head = Head::new(std::time::SystemTime::now(), &netns, Op::List);
        records.object(&mut line, &head, object.as_ref(), &cx);
        let line = String::from_utf8(line).unwrap();
        assert_harmless(line.trim_end_matches('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["netns"]["name"], "a\u{9b}b");
        for details in [false, true] {
            let text = linx::text::line(object.as_ref(), &cx.details(details)).to_string();
            assert_harmless(&text);
        }
        match object {
            Object::Link(link)
                if made.iter().any(|name| *name == linx_wire::route::LinkView::name(link).as_bytes()) =>
            {
                let link = &value["link"];
                let name = bytes(link, "ifname");
                let alternative = match &link["altnames_hex"] {
                    Value::Null => link["altnames"][0].as_str().unwrap().as_bytes().to_vec(),
                    hex => unhex(&hex[0]),
                };
                assert_eq!(alternative, [&name[..], b"-alternative"].concat());
                assert_eq!(bytes(link, "ifalias"), name);
                seen.push(name);
            }
            Object::Route(_) if value["route"]["protocol"] == "boot" => {
                let at: usize = value["route"]["oif"].as_u64().unwrap().try_into().unwrap();
                assert_eq!(bytes(&value["route"], "dev"), made[at - 100]);
            }
            Object::Rule(_)
                if value["rule"]["priority"]
                    .as_u64()
                    .is_some_and(|priority| (1100..2000).contains(&priority)) =>
            {
                let at: usize = value["rule"]["priority"].as_u64().unwrap().try_into().unwrap();
                assert_eq!(bytes(&value["rule"], "iif"), made[at - 1100]);
            }
            _ => {}
        }
    }
    seen.sort();
    let mut made = made;
    made.sort();
    assert_eq!(seen, made);
}
