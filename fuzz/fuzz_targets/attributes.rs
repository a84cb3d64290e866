//! Bytes as attributes: by every table, with every family; iteration, validation, comparison.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linx_wire::Compare;
use linx_wire::attr::{Attrs, HEADER_LEN};
use linx_wire::policy::Policy;
use std::sync::OnceLock;

static POLICIES: OnceLock<Vec<&'static Policy>> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let Some((&[which, family], bytes)) = data.split_first_chunk::<2>() else { return };
    let policies =
        POLICIES.get_or_init(|| [linx_wire::route::policies(), linx_wire::nft::policies()].concat());
    let policy = policies[usize::from(which) % policies.len()];
    let mut taken = 0;
    let mut whole = true;
    for attr in Attrs::new(bytes) {
        match attr {
            Ok(attr) => taken += attr.payload.len() + HEADER_LEN,
            Err(error) => {
                whole = false;
                assert!(error.offset() <= bytes.len());
            }
        }
    }
    assert!(taken <= bytes.len());
    match policy.validate(bytes, family) {
        Ok(()) => {
            assert!(whole, "valid, but not to be iterated");
            assert!(policy.same(bytes, bytes, family, Compare::Everything));
            let none = policy.same(bytes, &[], family, Compare::Everything);
            assert!(!none || policy.same(bytes, &[], family, Compare::Tracked));
        }
        Err(error) => assert!(error.offset() <= bytes.len(), "{error}"),
    }
});
