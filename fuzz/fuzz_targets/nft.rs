//! Bytes as messages of nf_tables, of every kind: what decodes, decodes again from its own bytes to an equal one, prints,
//! is compared, and becomes a request that decodes; nothing is read that is not there. What is shown of it, as JSON and as text,
//! holds nothing that a terminal would obey, and its key is printable ASCII.
#![no_main]

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use linx::Key;
use linx::json::nft::NftBody;
use linx::names::{Context, LinkNames, Names, SetTypes, Sets};
use linx_wire::Compare;
use linx_wire::emit::Request;
use linx_wire::name::{Name, is_dangerous};
use linx_wire::nft::{
    Element, ElementView, ElementsView, Entity, EntityRef, Renames, RuleView, SetRef, SetView,
    StatefulObjectView,
};
use linx_wire::uapi::nft;

const TYPES: [u16; 8] = [
    nft::NEWTABLE,
    nft::NEWCHAIN,
    nft::NEWRULE,
    nft::NEWSET,
    nft::NEWSETELEM,
    nft::NEWOBJ,
    nft::NEWFLOWTABLE,
    nft::NEWGEN,
];

fuzz_target!(|data: &[u8]| {
    // One input is two messages: the second byte divides it, so that comparison has something to compare.
    let Some((&[which, at], rest)) = data.split_first_chunk::<2>() else { return };
    let at = (usize::from(at) * 4).min(rest.len());
    let (first, second) = if at == 0 { (rest, rest) } else { rest.split_at(at) };
    let message_type = TYPES[usize::from(which) % TYPES.len()];
    let one = match Entity::decode(message_type, first) {
        Ok(found) => found.expect("a type that is known").1,
        Err(error) => {
            assert!(error.offset() <= first.len(), "{error}");
            return;
        }
    };
    assert_eq!(one.as_ref().as_bytes(), first);
    if first.len() % 8 == 0 {
        std::hint::black_box(told(one.as_ref()));
        shown(one.as_ref(), second);
    }
    again(one.as_ref());
    let Ok(Some((_, two))) = Entity::decode(message_type, second) else { return };
    let same = one == two;
    assert_eq!(same, one.differences(&two, Compare::Tracked).is_empty());
    if same {
        assert_eq!(hash(&one), hash(&two));
    }
    if one.differences(&two, Compare::Everything).is_empty() {
        assert!(same);
    }
});

fn hash(entity: &Entity) -> u64 {
    let mut hasher = DefaultHasher::new();
    entity.hash(&mut hasher);
    hasher.finish()
}

fn told(entity: EntityRef<'_>) -> String {
    let mut text = format!("{entity:?} {:?}", entity.unknown());
    match entity {
        EntityRef::Rule(rule) => rule.expressions().for_each(|e| write!(text, "{e} {e:?}").unwrap()),
        EntityRef::Set(set) => set.expressions().for_each(|e| write!(text, "{e} {e:?}").unwrap()),
        EntityRef::Object(object) => write!(text, "{:?}", object.data()).unwrap(),
        EntityRef::Elements(elements) => {
            for element in elements.iter() {
                let owned = element.to_owned();
                assert!(owned.as_ref().same(element, Compare::Everything));
                assert_eq!(Element::decode(owned.as_bytes()).unwrap().as_ref(), Some(&owned));
                element.expressions().for_each(|e| write!(text, "{e} {e:?}").unwrap());
            }
        }
        _ => {}
    }
    text
}

/// What is shown of it: elements by a set that the other half of the input makes.
fn shown(entity: EntityRef<'_>, other: &[u8]) {
    static NAMES: LazyLock<Names> = LazyLock::new(Names::built_in);
    let links = LinkNames::new();
    let known = SetTypesOf(SetRef::decode(other).ok().map(|set| SetTypes::of(&set)));
    for cx in [
        Context::new(&NAMES, &links).volatile(true).sets(Some(&known)),
        Context::new(&NAMES, &links).details(true),
    ] {
        for item in entity.items() {
            let text = linx::text::nft_line(item, &cx).to_string();
            assert!(!text.chars().any(is_dangerous), "{text:?}");
            let mut json = Vec::new();
            linx::json::append(&mut json, &NftBody(item, &cx)).expect("a body is JSON");
            let json = String::from_utf8(json).expect("JSON is UTF-8");
            assert!(!json.chars().any(is_dangerous), "{json:?}");
            let key = Key::of_nft(item);
            assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
        }
    }
}

/// Every set has these types.
struct SetTypesOf(Option<SetTypes>);

impl Sets for SetTypesOf {
    fn types(&self, _: u8, _: Name<'_>, _: Name<'_>) -> Option<SetTypes> {
        self.0
    }
}

/// The request that makes it again is a message of its kind.
fn again(entity: EntityRef<'_>) {
    let mut renames = Renames::default();
    renames.set(Name::new(b"a"), 1);
    renames.chain(Name::new(b"b"), 2);
    let request: Request = match entity {
        EntityRef::Table(table) => table.to_request(),
        EntityRef::Chain(chain) => chain.to_request(&renames),
        EntityRef::Rule(rule) => rule.to_request(&renames),
        EntityRef::Set(set) => set.to_request(3),
        EntityRef::Elements(elements) => elements.to_request(&renames),
        EntityRef::Object(object) => object.to_request(),
        EntityRef::Flowtable(flowtable) => flowtable.to_request(),
        _ => return,
    };
    let message_type = request.message_type();
    if let Ok(bytes) = request.finish(1, 0) {
        Entity::decode(message_type, &bytes[16..]).expect("a request of a valid message");
    }
}
