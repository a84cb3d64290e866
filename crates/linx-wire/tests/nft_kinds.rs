//! Every message of nf_tables under attributes of all sorts: what its table allows, and what nobody allows. Nothing
//! panics, both forms tell the same, equal ones have equal hashes, and what is not tracked makes no difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use linx_wire::attr::Attrs;
use linx_wire::nft::expr::{EXPR, KINDS};
use linx_wire::nft::*;
use linx_wire::policy::{Compare, Policy, Shape};
use linx_wire::uapi::nft;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Size of `struct nfgenmsg`.
const FIXED: usize = 4;

/// Message type and table.
const MESSAGES: [(u16, &Policy); 8] = [
    (nft::NEWTABLE, &TABLE),
    (nft::NEWCHAIN, &CHAIN),
    (nft::DELRULE, &RULE),
    (nft::NEWSET, &SET),
    (nft::NEWSETELEM, &ELEMENT_LIST),
    (nft::NEWOBJ, &OBJECT),
    (nft::DELFLOWTABLE, &FLOWTABLE),
    (nft::NEWGEN, &GENERATION),
];

fn expressions<'a>(expressions: impl Iterator<Item = Expression<'a>>) -> String {
    expressions.map(|expression| format!("{expression} {expression:?} {:?};", expression.unknown())).collect()
}

fn table(view: &impl TableView) -> String {
    let what = (view.family(), view.name(), view.handle(), view.flags(), view.owner(), view.use_count());
    format!("{what:?} {:?} {:?} {:?}", view.userdata(), view.comment(), view.unknown())
}

fn chain(view: &impl ChainView) -> String {
    let what = (view.family(), view.table(), view.name(), view.handle(), view.flags(), view.use_count());
    let hook = view.hook().map(|hook| (hook.hook(), hook.prio(), hook.device_names().collect::<Vec<_>>()));
    let rest = (view.chain_type(), view.policy_word(), view.counters(), view.comment(), view.unknown());
    format!("{what:?} {hook:?} {rest:?}")
}

fn rule(view: &impl RuleView) -> String {
    let what = (view.family(), view.table(), view.chain(), view.handle(), view.position(), view.comment());
    format!("{what:?} {} {:?}", expressions(view.expressions()), view.unknown())
}

fn set(view: &impl SetView) -> String {
    let what = (view.family(), view.table(), view.name(), view.handle(), view.flags(), view.is_map());
    let rest =
        (view.fields(), view.size(), view.timeout(), view.gc_interval(), view.comment(), view.unknown());
    format!("{what:?} {rest:?} {}", expressions(view.expressions()))
}

fn element(view: &impl ElementView) -> String {
    let what =
        (view.family(), view.table(), view.set(), view.key(), view.key_end(), view.data(), view.object());
    let rest =
        (view.flags(), view.is_catch_all(), view.timeout(), view.expires(), view.comment(), view.unknown());
    format!("{what:?} {rest:?} {}", expressions(view.expressions()))
}

fn elements(view: &impl ElementsView) -> String {
    let each: Vec<_> = view
        .iter()
        .map(|one| {
            let owned = one.to_owned();
            assert_eq!(element(&one), element(&owned));
            assert!(one.same(owned.as_ref(), Compare::Everything));
            assert_eq!(Element::decode(owned.as_bytes()).unwrap().as_ref(), Some(&owned));
            element(&one)
        })
        .collect();
    format!("{:?} {each:?} {:?}", (view.family(), view.table(), view.set()), view.unknown())
}

fn object(view: &impl StatefulObjectView) -> String {
    let what =
        (view.family(), view.table(), view.name(), view.object_type(), view.handle(), view.use_count());
    let more = match view.data() {
        ObjectData::Tunnel(tunnel) => format!("{:?}", tunnel.options()),
        ObjectData::CtTimeout(timeout) => format!("{:?}", timeout.timeouts()),
        _ => String::new(),
    };
    format!("{what:?} {:?} {more} {:?} {:?}", view.data(), view.comment(), view.unknown())
}

fn flowtable(view: &impl FlowtableView) -> String {
    let what = (view.family(), view.table(), view.name(), view.handle(), view.flags(), view.use_count());
    let hook = view.hook().map(|hook| (hook.hook(), hook.prio(), hook.devices().map(|d| d.names().count())));
    format!("{what:?} {hook:?} {:?}", view.unknown())
}

fn generation(view: &impl GenerationView) -> String {
    format!("{:?} {:?}", (view.id(), view.thread_id(), view.thread_name()), view.unknown())
}

/// What all accessors say, in one form and in the other, and that a request can be made of it.
fn told(entity: &Entity) -> [String; 2] {
    let mut renames = Renames::default();
    renames.set(linx_wire::name::Name::new(b"a"), 7);
    renames.chain(linx_wire::name::Name::new(b"b"), 8);
    let (told, request) = match (entity, entity.as_ref()) {
        (Entity::Table(a), EntityRef::Table(b)) => ([table(a), table(&b)], Some(b.to_request())),
        (Entity::Chain(a), EntityRef::Chain(b)) => ([chain(a), chain(&b)], Some(b.to_request(&renames))),
        (Entity::Rule(a), EntityRef::Rule(b)) => ([rule(a), rule(&b)], Some(b.to_request(&renames))),
        (Entity::Set(a), EntityRef::Set(b)) => ([set(a), set(&b)], Some(b.to_request(9))),
        (Entity::Elements(a), EntityRef::Elements(b)) => {
            ([elements(a), elements(&b)], Some(b.to_request(&renames)))
        }
        (Entity::Object(a), EntityRef::Object(b)) => ([object(a), object(&b)], Some(b.to_request())),
        (Entity::Flowtable(a), EntityRef::Flowtable(b)) => {
            ([flowtable(a), flowtable(&b)], Some(b.to_request()))
        }
        (Entity::Generation(a), EntityRef::Generation(b)) => ([generation(a), generation(&b)], None),
        _ => panic!("the borrowed form of {entity:?} is of another kind"),
    };
    if let Some(request) = request {
        // What is made of a valid message is one, unless a name grew beyond its length field.
        let message_type = request.message_type();
        if let Ok(bytes) = request.finish(1, 0) {
            Entity::decode(message_type, &bytes[16..]).unwrap().unwrap();
        }
    }
    let borrowed = entity.as_ref();
    assert_eq!((entity.kind(), entity.as_ref().family()), (borrowed.kind(), borrowed.as_bytes()[0]));
    told
}

/// A value that a shape allows, from few, so that equal ones come about.
fn value(shape: Shape, depth: usize) -> BoxedStrategy<Vec<u8>> {
    let few = |size: usize| prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff)], size).boxed();
    match shape {
        Shape::U8 => few(1),
        Shape::Be16 => few(2),
        Shape::U32 | Shape::Be32 | Shape::BeI32 | Shape::Be32But(_) => {
            prop_oneof![few(4), (0..12u32).prop_map(|number| number.to_be_bytes().to_vec())].boxed()
        }
        Shape::Be64 => few(8),
        Shape::Bytes => prop::collection::vec(prop_oneof![Just(0u8), Just(4), any::<u8>()], 0..8).boxed(),
        Shape::Name => "[a-c]{0,3}".prop_map(|name| [name.as_bytes(), b"\0"].concat()).boxed(),
        Shape::Ip => prop_oneof![few(4), few(16)].boxed(),
        Shape::Nested(policy) if depth < 6 => attributes(policy, depth + 1),
        Shape::Many(shape) => value(*shape, depth),
        Shape::Items(shape) if depth < 6 => prop::collection::vec(value(*shape, depth + 1), 0..3)
            .prop_map(|items| items.iter().flat_map(|item| attribute(1, item)).collect())
            .boxed(),
        _ => few(0),
    }
}

/// Attributes of a table, and now and then one that nobody knows.
fn attributes(policy: &'static Policy, depth: usize) -> BoxedStrategy<Vec<u8>> {
    if std::ptr::eq(policy, &EXPR) {
        return expression(depth);
    }
    let unknown = (prop_oneof![Just(111u16), Just(0x3fff)], prop::collection::vec(any::<u8>(), 0..3)).boxed();
    let one = if policy.entries.is_empty() {
        unknown
    } else {
        let known = prop::sample::select(policy.entries).prop_flat_map(move |entry| {
            value(entry.shape, depth).prop_map(move |value| (entry.number, value))
        });
        prop_oneof![12 => known.boxed(), 1 => unknown].boxed()
    };
    prop::collection::vec(one, 0..7)
        .prop_map(|list| list.iter().flat_map(|(number, value)| attribute(*number, value)).collect())
        .boxed()
}

/// An expression of a kind that is known, seldom of another.
fn expression(depth: usize) -> BoxedStrategy<Vec<u8>> {
    prop::sample::select(KINDS)
        .prop_flat_map(move |(name, policy)| (Just(name), attributes(policy, depth + 1), 0..20u8))
        .prop_map(|(name, data, which)| {
            let name = if which == 0 { "unheard" } else { name };
            [attribute(1, &[name.as_bytes(), b"\0"].concat()), attribute(2, &data)].concat()
        })
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
    let family = prop::sample::select(&[1u8, 2, 5, 7, 10][..]);
    (prop::sample::select(&MESSAGES[..]), family, any::<u8>()).prop_flat_map(
        |((message_type, policy), family, low)| {
            attributes(policy, 0)
                .prop_map(move |attributes| (message_type, [&[family, 0, 0, low], &attributes[..]].concat()))
        },
    )
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::with_cases(cases)
    }
}

fn hash(entity: &Entity) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(entity)
}

fn decode((message_type, payload): &(u16, Vec<u8>)) -> Option<Entity> {
    // Data of an object whose type says another table than these were made by may be refused.
    Entity::decode(*message_type, payload).ok().map(|found| found.unwrap().1)
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn both_forms_tell_the_same(message in message()) {
        let Some(entity) = decode(&message) else {
            prop_assert_eq!(message.0, nft::NEWOBJ);
            return Ok(());
        };
        let [owned, borrowed] = told(&entity);
        prop_assert_eq!(owned, borrowed);
        let borrowed = entity.as_ref();
        prop_assert_eq!(borrowed.as_bytes(), &message.1[..]);
        prop_assert!(entity.differences(&entity, Compare::Everything).is_empty());
    }

    #[test]
    fn equal_ones_have_equal_hashes_and_no_differences(
        one in message(),
        turn in any::<prop::sample::Index>(),
        drop in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        res_id in any::<bool>(),
    ) {
        let mut attrs: Vec<_> = Attrs::new(&one.1[FIXED..]).map(Result::unwrap).collect();
        if !attrs.is_empty() {
            let turn = turn.index(attrs.len());
            attrs.rotate_left(turn);
            if let Some(place) = drop {
                let place = place.index(attrs.len());
                attrs.remove(place);
            }
        }
        let mut two = one.1[..FIXED].to_vec();
        two[2] ^= u8::from(res_id);
        two.extend(attrs.iter().flat_map(|attr| attribute(attr.raw_type, attr.payload)));
        let (Some(one), Some(two)) = (decode(&one), decode(&(one.0, two))) else { return Ok(()) };
        let equal = one == two;
        prop_assert_eq!(equal, two == one);
        prop_assert_eq!(equal, one.differences(&two, Compare::Tracked).is_empty());
        if equal {
            prop_assert_eq!(hash(&one), hash(&two), "{:?} and {:?}", one, two);
        }
    }

    #[test]
    fn what_nobody_allows_is_refused_or_read_without_a_panic(
        (message_type, mut payload) in message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for (place, value) in damage {
            let at = place.index(payload.len());
            payload[at] = value;
        }
        for payload in [&payload[..], &payload[..cut.index(payload.len())]] {
            match Entity::decode(message_type, payload) {
                Ok(entity) => {
                    let [owned, borrowed] = told(&entity.unwrap().1);
                    prop_assert_eq!(owned, borrowed);
                }
                Err(error) => prop_assert!(error.offset() <= payload.len()),
            }
        }
    }
}

/// A rule with these expressions.
fn with(expressions: Vec<Nest>) -> Rule {
    let rule =
        Nest::new(&RULE).set("table", "t").set("chain", "c").set("handle", 4u64).set("expr", expressions);
    Rule::decode(&[&[2, 0, 0, 0], &rule.finish().unwrap()[..]].concat()).unwrap()
}

fn made(policy: &'static Policy, values: &[(&str, u64)]) -> Nest {
    Nest::expression(values.iter().fold(Nest::new(policy), |nest, (key, value)| nest.set(key, *value)))
}

#[test]
fn what_packets_change_in_an_expression_makes_no_difference() {
    use linx_wire::nft::expr::{COUNTER, LAST, LIMIT, QUOTA};
    let rule = |packets: u64, flags: u64, last: u64, rate: u64| {
        with(vec![
            made(&COUNTER, &[("bytes", packets * 60), ("packets", packets)]),
            made(&QUOTA, &[("bytes", 1000), ("flags", flags), ("used", packets)]),
            made(&LAST, &[("set", 1), ("msecs", last)]),
            made(&LIMIT, &[("rate", rate)]),
        ])
    };
    let hash = |rule: &Rule| hash(&Entity::from(rule.clone()));
    let (before, after) = (rule(1, 0, 5, 10), rule(9, 2, 7, 10));
    assert_eq!(before, after);
    assert_eq!(hash(&before), hash(&after));
    let all =
        ["expr.data.bytes", "expr.data.packets", "expr.data.flags", "expr.data.used", "expr.data.msecs"];
    assert_eq!(before.differences(&after, Compare::Everything), all);
    assert_eq!(before.differences(&after, Compare::Audited), ["expr.data.flags"]);
    assert_eq!(before.differences(&rule(1, 1, 5, 10), Compare::Tracked), ["expr.data.flags"]);
    assert_eq!(before.differences(&rule(1, 0, 5, 11), Compare::Tracked), ["expr.data.rate"]);
    let shorter = with(vec![made(&COUNTER, &[("bytes", 1), ("packets", 1)])]);
    assert_eq!(before.differences(&shorter, Compare::Tracked), ["expr"]);
    assert_ne!(before, with(vec![]));
}

#[test]
fn a_request_names_by_number_what_the_kernel_named() {
    use linx_wire::nft::expr::{IMMEDIATE, LOOKUP};
    let lookup = Nest::expression(Nest::new(&LOOKUP).set("set", "__set0").set("sreg", 1u32));
    let jump =
        Nest::new(&IMMEDIATE).set("dreg", 0u32).set("data", Nest::verdict(verdict::JUMP, Some(b"__chain1")));
    let rule = with(vec![lookup, Nest::expression(jump)]);
    let mut renames = Renames::default();
    renames.set(linx_wire::name::Name::new(b"__set0"), 5);
    renames.chain(linx_wire::name::Name::new(b"__chain1"), 6);
    let request = rule.as_ref().to_request(&renames).finish(1, 0).unwrap();
    let sent = Rule::decode(&request[16..]).unwrap();
    let lines: Vec<_> = sent.expressions().map(|expression| expression.to_string()).collect();
    assert_eq!(
        lines,
        [
            "[lookup r1 in \"__set%d\" set_id 5]".replace("\"__set%d\"", "__set%d"),
            "[immediate jump chain #6]".into()
        ]
    );
    assert_eq!(sent.handle(), 0);
}

#[test]
fn an_older_kernels_tunnel_options_are_kept_as_bytes() {
    let nest = |options: &[u8]| {
        let mut bytes =
            Nest::new(&OBJECT).set("table", "t").set("name", "o").set("type", 6u32).finish().unwrap();
        bytes.extend(attribute(4, &attribute(9, options)));
        [&[2, 0, 0, 0], &bytes[..]].concat()
    };
    let gbp = attribute(1, &7u32.to_be_bytes());
    let (old, new) = (nest(&gbp), nest(&attribute(1, &gbp)));
    let options = |payload: &[u8]| match StatefulObject::decode(payload).unwrap().data() {
        ObjectData::Tunnel(tunnel) => {
            (tunnel.options().map(|o| o.vxlan().unwrap().gbp()), tunnel.opts().unwrap().len())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(options(&old), (None, 8));
    assert_eq!(options(&new), (Some(Some(7)), 12));
}

/// What cannot be read as options is sent as it came, and not cut to what looks like attributes.
#[test]
fn a_request_leaves_tunnel_options_as_they_are_that_are_no_list_of_nests() {
    let erspan = attribute(2, &[0; 8]);
    let several: [&[&[u8]]; 3] = [&[&erspan, &[0]], &[&attribute(1, &7u32.to_be_bytes())], &[&[1, 2, 3]]];
    for options in several {
        let data: Vec<u8> = options.iter().flat_map(|options| attribute(9, options)).collect();
        let mut bytes =
            Nest::new(&OBJECT).set("table", "t").set("name", "o").set("type", 6u32).finish().unwrap();
        bytes.extend(attribute(4, &data));
        let object = StatefulObject::decode(&[&[2, 0, 0, 0], &bytes[..]].concat()).unwrap();
        let request = object.as_ref().to_request().finish(1, 0).unwrap();
        let sent = StatefulObject::decode(&request[16..]).unwrap();
        let (ObjectData::Tunnel(before), ObjectData::Tunnel(after)) = (object.data(), sent.data()) else {
            panic!("{object:?}")
        };
        assert_eq!(before.opts(), after.opts(), "{options:?}");
    }
}
