//! Decoding from memory: the bare walk over headers and attributes, Linx in both forms, and the peers.

use std::hint::black_box;

use linx_wire::attr::Attrs;
use linx_wire::header::Messages;
use linx_wire::route::{Route, RouteRef, RouteView};

use crate::messages;
use crate::report::{Contestant, race};

/// The decode table.
pub fn run(rounds: usize) {
    for (title, datagrams) in [
        ("IPv4 route, 4 attributes", messages::ipv4_routes(20_000)),
        ("IPv6 route, 7 attributes", messages::ipv6_routes(20_000)),
    ] {
        let d = &datagrams;
        let mut kept: Vec<Route> = Vec::with_capacity(20_000);
        race(
            title,
            rounds,
            vec![
                Contestant {
                    name: "bare walk",
                    goal: None,
                    run: Box::new(move || repeat(d, |p| walk(p, 12))),
                },
                Contestant {
                    name: "linx, borrowed",
                    goal: Some(2.2),
                    run: Box::new(move || {
                        repeat(d, |p| {
                            assert!(black_box(&RouteRef::decode(p)).is_ok());
                        })
                    }),
                },
                Contestant {
                    name: "linx, borrowed, 6 fields read",
                    goal: None,
                    run: Box::new(move || {
                        repeat(d, |p| {
                            let route = RouteRef::decode(p).unwrap();
                            black_box((route.destination(), route.gateway(), route.oif(), route.table()));
                            black_box((route.priority(), route.prefsrc()));
                        })
                    }),
                },
                Contestant {
                    name: "linx, owned",
                    goal: Some(4.0),
                    run: Box::new(move || {
                        repeat(d, |p| {
                            assert!(black_box(&Route::decode(p)).is_ok());
                        })
                    }),
                },
                Contestant {
                    name: "linx, owned, kept in a Vec",
                    goal: None,
                    run: Box::new(move || {
                        let mut n = 0;
                        for _ in 0..REPEATS {
                            kept.clear();
                            n += each(d, |p| kept.push(Route::decode(p).unwrap()));
                        }
                        n
                    }),
                },
            ],
        );
    }
}

const REPEATS: usize = 20;

fn repeat(datagrams: &[Vec<u8>], mut run: impl FnMut(&[u8])) -> u64 {
    (0..REPEATS).map(|_| each(datagrams, &mut run)).sum()
}

fn each(datagrams: &[Vec<u8>], mut run: impl FnMut(&[u8])) -> u64 {
    let mut count = 0;
    for datagram in datagrams {
        for message in Messages::new(datagram) {
            run(message.unwrap().payload);
            count += 1;
        }
    }
    count
}

/// The least that any decoder does: every attribute's header is read and checked.
fn walk(payload: &[u8], fixed: usize) {
    let mut sum = 0u64;
    for attr in Attrs::new(payload.get(fixed..).unwrap_or_default()) {
        sum = sum.wrapping_add(u64::from(attr.unwrap().raw_type));
    }
    black_box(sum);
}
