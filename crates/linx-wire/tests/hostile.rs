//! Messages made to be slow: as many attributes as fit, of the kinds whose meaning depends on others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs)]

use std::hash::{DefaultHasher, Hash};
use std::time::{Duration, Instant};

use linx_wire::route::{Address, Link, Neighbour, NextHop, Route, Rule};
use linx_wire::{Compare, Decode};

/// `count` attributes of these numbers in turn, each without a value but for `kind`, which comes last.
fn attributes(numbers: &[u16], count: usize, kind: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..count).flat_map(|i| [4u16, numbers[i % numbers.len()]].map(u16::to_ne_bytes).concat()).collect();
    bytes.extend_from_slice(kind);
    bytes
}

fn attribute(number: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), number.to_ne_bytes()].concat();
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Everything that is done with an object; the time it took.
fn effort<T: Decode + PartialEq + Hash>(payload: &[u8], differences: fn(&T, &T) -> usize) -> Duration {
    let begin = Instant::now();
    if let Ok(borrowed) = T::decode_ref(payload) {
        let (one, mut other) = (T::owned(borrowed), payload.to_vec());
        one.hash(&mut DefaultHasher::new());
        *other.last_mut().unwrap() ^= 1;
        if let Ok(borrowed) = T::decode_ref(&other) {
            let other = T::owned(borrowed);
            let _ = (one == other, differences(&one, &other));
        }
        let _ = format!("{one:?}");
    }
    begin.elapsed()
}

#[test]
fn attributes_that_depend_on_others_cost_no_more_than_others() {
    const COUNT: usize = 16_000;
    let mut slow = Vec::new();
    let mut note = |what: &str, took: Duration| {
        eprintln!("{what}: {took:?}");
        // A look at each attribute for each attribute is 256 million; what is linear takes milliseconds, unoptimised
        // and on a busy machine too.
        if took > Duration::from_secs(2) {
            slow.push(format!("{what}: {took:?}"));
        }
    };
    let encap = attribute(21, &[2, 0]);
    let route = [&[2u8, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0][..], &attributes(&[22], COUNT, &encap)].concat();
    note("RTA_ENCAP", effort::<Route>(&route, |a, b| a.differences(b, Compare::Everything).len()));
    let hop_attributes = attributes(&[22], COUNT, &encap);
    let mut hop = u16::try_from(8 + hop_attributes.len()).unwrap().to_ne_bytes().to_vec();
    hop.extend_from_slice(&[0, 0, 3, 0, 0, 0]);
    hop.extend_from_slice(&hop_attributes);
    let route = [&[2u8, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0][..], &attribute(9, &hop)].concat();
    note("RTA_ENCAP of a hop", effort::<Route>(&route, |a, b| a.differences(b, Compare::Everything).len()));
    let hops: Vec<u8> = (0..8_000).flat_map(|_| [8u8, 0, 0, 0, 3, 0, 0, 0]).collect();
    let route = [&[2u8, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0][..], &attribute(9, &hops)].concat();
    note("RTA_MULTIPATH", effort::<Route>(&route, |a, b| a.differences(b, Compare::Everything).len()));
    let next_hop = [&[0u8; 8][..], &attributes(&[8], COUNT, &attribute(7, &[2, 0]))].concat();
    note("NHA_ENCAP", effort::<NextHop>(&next_hop, |a, b| a.differences(b, Compare::Everything).len()));
    let info = attribute(18, &attributes(&[2, 5], COUNT, &attribute(1, b"vxlan\0")));
    let link = [&[0u8; 16][..], &info].concat();
    note("IFLA_INFO_DATA", effort::<Link>(&link, |a, b| a.differences(b, Compare::Everything).len()));
    for family in [0u8, 7, 10] {
        let numbers: Vec<u16> = (0..128).collect();
        let fixed = [&[family][..], &[0; 15]].concat();
        let link = [&fixed[..], &attributes(&[12, 26], COUNT, &attribute(26, &[]))].concat();
        note("IFLA_AF_SPEC", effort::<Link>(&link, |a, b| a.differences(b, Compare::Everything).len()));
        let all =
            |size: usize| [&fixed[..size], &attributes(&numbers, COUNT, &attribute(200, &[7]))].concat();
        note("links", effort::<Link>(&all(16), |a, b| a.differences(b, Compare::Everything).len()));
        note("routes", effort::<Route>(&all(12), |a, b| a.differences(b, Compare::Everything).len()));
        note("rules", effort::<Rule>(&all(12), |a, b| a.differences(b, Compare::Everything).len()));
        note("addresses", effort::<Address>(&all(8), |a, b| a.differences(b, Compare::Everything).len()));
        note("neighbours", effort::<Neighbour>(&all(12), |a, b| a.differences(b, Compare::Everything).len()));
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
