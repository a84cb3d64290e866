//! Every kind under attributes of all sorts: what its table allows, and what nobody allows. Nothing panics, both forms
//! tell the same, equal objects have equal hashes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use linx_wire::attr::Attrs;
use linx_wire::policy::{Class, Compare, Policy, Shape};
use linx_wire::route::link::LINK;
use linx_wire::route::*;
use linx_wire::uapi::rtm;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Message type, size of the fixed part, table.
const KINDS: [(u16, usize, &Policy); 7] = [
    (rtm::NEWLINK, 16, &LINK),
    (rtm::NEWADDR, 8, &ADDRESS),
    (rtm::DELROUTE, 12, &ROUTE),
    (rtm::NEWNEIGH, 12, &NEIGHBOUR),
    (rtm::DELRULE, 12, &RULE),
    (rtm::NEWNEXTHOP, 8, &NEXT_HOP),
    (rtm::NEWNSID, 4, &NSID),
];

fn link(view: &impl LinkView) -> String {
    let place = (view.index(), view.family(), view.name(), view.link_type(), view.flags(), view.change());
    let who = (view.master(), view.link(), view.kind(), view.slave_kind(), view.operstate(), view.is_part());
    let parts = (view.data(), view.slave_data(), view.inet(), view.inet6(), view.bridge());
    let names: Vec<_> = view.altnames().collect();
    format!("{place:?} {who:?} {parts:?} {names:?} {:?} {:?}", view.stats(), view.unknown())
}

fn address(view: &impl AddressView) -> String {
    let place = (view.index(), view.family(), view.prefix_len(), view.scope(), view.flags());
    let who = (view.local(), view.address(), view.peer(), view.broadcast(), view.label());
    let rest = (view.valid(), view.preferred(), view.protocol(), view.metric(), view.unknown());
    format!("{place:?} {who:?} {rest:?} {:?}", view.attributes())
}

fn neighbour(view: &impl NeighbourView) -> String {
    let place = (view.index(), view.family(), view.state(), view.flags(), view.route_type());
    let who = (view.dst(), view.lladdr(), view.vlan(), view.port(), view.vni(), view.src_vni());
    let rest = (view.master(), view.nexthop_id(), view.protocol(), view.is_fdb(), view.is_proxy());
    format!("{place:?} {who:?} {rest:?} {:?} {:?}", view.unknown(), view.attributes().fdb_ext_attrs())
}

fn rule(view: &impl RuleView) -> String {
    let place = (view.family(), view.priority(), view.action(), view.flags(), view.table());
    let who = (view.from(), view.to(), view.iif(), view.oif(), view.fwmark(), view.l3mdev(), view.goto());
    let ports = (view.sport(), view.dport(), view.ip_protocol(), view.uid_range(), view.tun_id());
    let rest = (view.tos(), view.dscp(), view.flowlabel(), view.flow(), view.protocol(), view.unknown());
    format!("{place:?} {who:?} {ports:?} {rest:?} {:?}", (view.suppress_prefixlen(), view.suppress_ifgroup()))
}

fn next_hop(view: &impl NextHopView) -> String {
    let place = (view.id(), view.family(), view.scope(), view.protocol(), view.flags(), view.gateway());
    let who = (view.oif(), view.is_blackhole(), view.is_fdb(), view.is_group(), view.group());
    let weights: Vec<_> = view.group().iter().map(|entry| entry.weight()).collect();
    let timers = view.resilient().map(|group| (group.buckets(), group.idle_timer(), group.unbalanced_time()));
    let stats: Vec<_> = view
        .attributes()
        .group_stats()
        .into_iter()
        .flat_map(|stats| stats.entry())
        .map(|e| e.packets())
        .collect();
    let rest = (view.group_type(), view.encap().map(|encap| format!("{:?}", encap.view())), view.unknown());
    format!("{place:?} {who:?} {weights:?} {timers:?} {stats:?} {rest:?}")
}

fn route(view: &impl RouteView) -> String {
    let place = (view.family(), view.table(), view.destination(), view.source(), view.gateway(), view.oif());
    let hops: Vec<_> = view.hops().map(|hop| format!("{hop:?}")).collect();
    format!(
        "{place:?} {hops:?} {:?} {:?}",
        view.flags(),
        view.encap().map(|encap| format!("{:?}", encap.view()))
    )
}

/// What all accessors say, in one form and in the other.
fn told(object: &Object) -> [String; 2] {
    let told = match (object, object.as_ref()) {
        (Object::Link(a), ObjectRef::Link(b)) => [link(a), link(&b)],
        (Object::Address(a), ObjectRef::Address(b)) => [address(a), address(&b)],
        (Object::Route(a), ObjectRef::Route(b)) => [route(a), route(&b)],
        (Object::Neighbour(a), ObjectRef::Neighbour(b)) => [neighbour(a), neighbour(&b)],
        (Object::Rule(a), ObjectRef::Rule(b)) => [rule(a), rule(&b)],
        (Object::NextHop(a), ObjectRef::NextHop(b)) => [next_hop(a), next_hop(&b)],
        (Object::NsId(a), ObjectRef::NsId(b)) => {
            [format!("{:?}", (a.nsid(), a.current_nsid())), format!("{:?}", (b.nsid(), b.current_nsid()))]
        }
        _ => panic!("the borrowed form of {object:?} is of another kind"),
    };
    let borrowed = object.as_ref();
    assert_eq!((object.kind(), object.family()), (borrowed.kind(), borrowed.family()));
    assert_eq!((object.ifindex(), object.unknown()), (borrowed.ifindex(), borrowed.unknown()));
    told
}

/// A value that a shape allows, from few, so that equal ones come about.
fn value(shape: Shape, depth: usize) -> BoxedStrategy<Vec<u8>> {
    let few = |size: usize| prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff)], size).boxed();
    match shape {
        Shape::Flag => few(0),
        Shape::Bool | Shape::U8 | Shape::I8 => few(1),
        Shape::U16 | Shape::Be16 => few(2),
        Shape::U32 | Shape::I32 | Shape::Be32 => few(4),
        Shape::U64 | Shape::Be64 => few(8),
        Shape::Uint => prop_oneof![few(4), few(8)].boxed(),
        Shape::AtLeast(size) => few(size.into()),
        Shape::Multiple(size) => {
            (0..4usize).prop_flat_map(move |count| few(count * usize::from(size))).boxed()
        }
        Shape::Name => "[a-c]{0,3}".prop_map(|name| [name.as_bytes(), b"\0"].concat()).boxed(),
        Shape::Ip => prop_oneof![few(4), few(16)].boxed(),
        Shape::LinkAddr => prop_oneof![few(0), few(6), few(20)].boxed(),
        Shape::Nested(policy) if depth < 3 => attributes(policy, depth + 1),
        Shape::Many(shape) => value(*shape, depth),
        _ => few(0),
    }
}

/// Attributes of a table, and now and then one that nobody knows.
fn attributes(policy: &'static Policy, depth: usize) -> BoxedStrategy<Vec<u8>> {
    let known = prop::sample::select(policy.entries)
        .prop_flat_map(move |entry| value(entry.shape, depth).prop_map(move |value| (entry.number, value)));
    let unknown = (prop_oneof![Just(111u16), Just(0x3fff)], prop::collection::vec(any::<u8>(), 0..3));
    let one = prop_oneof![9 => known.boxed(), 1 => unknown.boxed()];
    prop::collection::vec(one, 0..8)
        .prop_map(|list| list.iter().flat_map(|(number, value)| attribute(*number, value)).collect())
        .boxed()
}

fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
    bytes.extend(number.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A message type and a payload.
fn message() -> impl Strategy<Value = (u16, Vec<u8>)> {
    (prop::sample::select(&KINDS[..]), prop_oneof![Just(0u8), Just(2), Just(7), Just(10)], any::<bool>())
        .prop_flat_map(|((message_type, fixed, policy), family, other)| {
            attributes(policy, 0).prop_map(move |attributes| {
                let mut payload = vec![u8::from(other); fixed];
                payload[0] = family;
                payload.extend(attributes);
                (message_type, payload)
            })
        })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2),
        ..ProptestConfig::with_cases(cases)
    }
}

fn hash(object: &Object) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(object)
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn both_forms_tell_the_same((message_type, payload) in message()) {
        // A route's addresses must be of its family; every other kind takes what its table allows.
        let Ok(Some((_, object))) = Object::decode(message_type, &payload) else {
            prop_assert_eq!(message_type, rtm::DELROUTE);
            return Ok(());
        };
        let [owned, borrowed] = told(&object);
        prop_assert_eq!(owned, borrowed);
        prop_assert_eq!(&object, &object.as_ref().to_owned());
        prop_assert!(object.differences(&object, Compare::Everything).is_empty());
    }

    #[test]
    fn equal_objects_have_equal_hashes_and_no_differences(
        (message_type, one) in message(),
        turn in any::<prop::sample::Index>(),
        drop in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        flip in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        // The same attributes in another order, perhaps without one; the fixed part perhaps with another byte.
        let (_, fixed, _) = KINDS.into_iter().find(|(number, ..)| *number == message_type).unwrap();
        let mut attrs: Vec<_> = Attrs::new(&one[fixed..]).map(Result::unwrap).collect();
        if !attrs.is_empty() {
            let turn = turn.index(attrs.len());
            attrs.rotate_left(turn);
            if let Some(place) = drop {
                let place = place.index(attrs.len());
                attrs.remove(place);
            }
        }
        let mut two = one[..fixed].to_vec();
        if let Some(place) = flip {
            two[place.index(fixed)] ^= 2;
        }
        two.extend(attrs.iter().flat_map(|attr| attribute(attr.raw_type, attr.payload)));
        let (Ok(Some((_, one))), Ok(Some((_, two)))) =
            (Object::decode(message_type, &one), Object::decode(message_type, &two)) else { return Ok(()) };
        let equal = one == two;
        prop_assert_eq!(equal, two == one);
        prop_assert_eq!(equal, one.differences(&two, Compare::Tracked).is_empty());
        if equal {
            prop_assert_eq!(hash(&one), hash(&two), "{:?} and {:?}", one, two);
        }
    }

    #[test]
    fn what_is_not_tracked_makes_no_difference((message_type, payload) in message(), pick in any::<prop::sample::Index>()) {
        let (_, _, policy) = KINDS.into_iter().find(|(number, ..)| *number == message_type).unwrap();
        let untracked: Vec<_> =
            policy.entries.iter().filter(|entry| !matches!(entry.class, Class::Tracked | Class::TrackedUp)).collect();
        let entry = untracked[pick.index(untracked.len())];
        let size = match entry.shape { Shape::AtLeast(size) => size.into(), _ => 8 };
        let value = if matches!(entry.shape, Shape::Nested(_)) { attribute(1, &[0; 0]) } else { vec![7; size] };
        let more = [&payload[..], &attribute(entry.number, &value)].concat();
        let (Ok(Some((_, one))), Ok(Some((_, two)))) =
            (Object::decode(message_type, &payload), Object::decode(message_type, &more)) else { return Ok(()) };
        prop_assert_eq!(&one, &two, "{}", entry.key);
        prop_assert_eq!(hash(&one), hash(&two));
    }

    #[test]
    fn what_nobody_allows_is_refused_or_read_without_a_panic(
        (message_type, payload) in message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut payload = payload;
        for (place, value) in damage {
            let at = place.index(payload.len());
            payload[at] = value;
        }
        for payload in [&payload[..], &payload[..cut.index(payload.len())]] {
            if let Ok(Some((_, object))) = Object::decode(message_type, payload) {
                let [owned, borrowed] = told(&object);
                prop_assert_eq!(owned, borrowed);
            }
        }
    }
}
