//! The other end of a pair that is in another namespace.

use linx::json::{Body, append};
use linx::names::{Context, LinkNames, Names, PeerLink, Peers};
use linx_test::{Namespace, is_root, skip_unless};
use linx_wire::route::{LinkView, Object};
use serde_json::Value;

use super::dump::State;

/// One namespace that is known, and its links.
struct Shop(LinkNames);

impl Peers for Shop {
    fn peer(&self, nsid: i32, index: u32) -> Option<PeerLink> {
        let name = self.0.get(index).map(|link| link.name().as_bytes().into());
        (nsid == 5).then(|| PeerLink { namespace: "shop/we\x1bb".to_owned(), name })
    }
}

#[test]
fn the_other_end_is_named_where_somebody_can_tell() {
    skip_unless!(is_root(), "not root");
    let (here, there) = (Namespace::new("pair"), Namespace::new("pair-peer"));
    here.ip(&format!("netns set {} 5", there.name()));
    here.ip(&format!("link add near type veth peer name far netns {}", there.name()));
    let (state, peers) = (State::of(&here.netns()), Shop(State::of(&there.netns()).names));
    let names = Names::built_in();
    let near = state.links.iter().find(|link| matches!(link, Object::Link(link) if link.name() == "near"));
    let near = near.unwrap().as_ref();
    let show = |peers: Option<&dyn Peers>| {
        let cx = Context::new(&names, &state.names).peers(peers);
        let mut json = Vec::new();
        append(&mut json, &Body(near, &cx)).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        (linx::text::line(near, &cx).to_string(), json)
    };
    let (text, json) = show(None);
    let far = json["link_index"].as_u64().unwrap();
    assert!(text.contains(&format!(": near@if{far} <")), "{text}");
    assert_eq!(
        (&json["link"], &json["link_netns"], &json["link_netnsid"]),
        (&Value::Null, &Value::Null, &5.into())
    );
    let (text, json) = show(Some(&peers));
    assert!(text.contains(": near@shop/we\\x1bb:far <"), "{text}");
    assert_eq!((&json["link"], &json["link_netns"]), (&"far".into(), &"shop/we\x1bb".into()));
    let (text, _) = show(Some(&Shop(LinkNames::new())));
    assert!(text.contains(&format!(": near@shop/we\\x1bb:if{far} <")), "{text}");
}
