//! What the targets have in common: the properties that must hold of any bytes.

/// The properties of a kind of object: what decodes, decodes again from its own bytes to an equal object; both forms
/// agree; comparison, hash and text of it end without a panic; nothing is read that is not there.
#[macro_export]
macro_rules! kind {
    ($owned:ident, $borrowed:ident, $view:ident) => {
        use std::hash::{DefaultHasher, Hash, Hasher};

        use libfuzzer_sys::fuzz_target;
        use linx_wire::Compare;
        use linx_wire::route::{$borrowed, $owned, $view};

        fuzz_target!(|data: &[u8]| {
            // One input is two messages: the first byte divides it, so that comparison has something to compare.
            let Some((at, rest)) = data.split_first() else { return };
            let at = (usize::from(*at) * 4).min(rest.len());
            let (first, second) = if at == 0 { (rest, rest) } else { rest.split_at(at) };
            let Ok(borrowed) = $borrowed::decode(first) else {
                assert!($owned::decode(first).is_err());
                return;
            };
            let owned = borrowed.to_owned();
            assert_eq!($owned::decode(first).as_ref(), Ok(&owned));
            assert!(owned.as_ref().same(borrowed, Compare::Everything));
            assert_eq!(hash(&owned), hash(&owned.clone()));
            for attr in borrowed.unknown() {
                assert!(first.as_ptr_range().contains(&attr.payload.as_ptr()) || attr.payload.is_empty());
            }
            let Ok(other) = $owned::decode(second) else { return };
            let same = owned == other;
            assert_eq!(same, owned.differences(&other, Compare::Tracked).is_empty());
            if same {
                assert_eq!(hash(&owned), hash(&other));
            }
            if owned.differences(&other, Compare::Everything).is_empty() {
                assert!(same);
            }
            if first.len() % 16 == 0 {
                std::hint::black_box(format!("{owned:?}"));
            }
        });

        fn hash(object: &$owned) -> u64 {
            let mut hasher = DefaultHasher::new();
            object.hash(&mut hasher);
            hasher.finish()
        }
    };
}
