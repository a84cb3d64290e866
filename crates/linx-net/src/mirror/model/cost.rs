//! What an announcement costs the core, without a socket.
//!
//! `LINX_EVENTS=1000000 cargo test --release -p linx-net --lib mirror::model::cost -- --nocapture`

use std::net::Ipv4Addr;
use std::time::{Instant, SystemTime};

use ipnet::Ipv4Net;
use linx_wire::header::MessageFlags;

use super::super::core::Lane;
use super::kernel::{Hop, MAIN, Route, Via};
use super::ops::Op;
use super::wire;
use super::world::{History, Without, run};

/// Routes that are there at once; each is added, then removed.
const ROUTES: usize = 1_000;

#[test]
fn measured() {
    let events: usize = std::env::var("LINX_EVENTS").map_or(4_000, |n| n.parse().unwrap());
    let before = vec![Op::LinkAdd { name: 0, kind: 0, low: false }, Op::LinkUp(0)];
    let world = run(&History { room: 10_000, compat: true, before, steps: Vec::new() }, Without::Nothing);
    let mut world = world.map_err(|why| panic!("{why}")).unwrap();
    let hop = Hop { dev: 2, gateway: Some(Ipv4Addr::new(10, 0, 0, 1).into()), dead: false, linkdown: false };
    let messages = |is_new: bool| -> Vec<Vec<u8>> {
        let route = |at: usize| {
            let [.., third, fourth] = at.to_be_bytes();
            let dst = Ipv4Net::new(Ipv4Addr::new(10, 1, third, fourth), 32).unwrap().into();
            let via = Via::Hops(vec![hop]);
            Route { dst, table: MAIN, metric: 0, protocol: 3, kind: 1, prefsrc: None, via }
        };
        let flags = if is_new { wire::CREATE | wire::EXCL } else { MessageFlags::empty() };
        let message_type = if is_new { 24 } else { 25 };
        let payload = |at| wire::route(&world.kernel, &route(at));
        (0..ROUTES).map(|at| wire::message(message_type, flags, &payload(at))).collect()
    };
    let (come, go) = (messages(true), messages(false));
    let deltas = world.core.stats.deltas;
    let mut took = [std::time::Duration::ZERO; 2];
    for _ in 0..events / ROUTES / 2 {
        for (these, took) in [&come, &go].into_iter().zip(&mut took) {
            let start = Instant::now();
            for batch in these.chunks(64) {
                let bytes = batch.concat();
                world.core.feed(Lane::Routes, &bytes, SystemTime::UNIX_EPOCH, start).unwrap();
            }
            *took += start.elapsed();
        }
    }
    let each = |took: std::time::Duration| took.as_nanos() * 2 / events as u128;
    println!("{} ns to add a route, {} ns to remove it", each(took[0]), each(took[1]));
    assert_eq!(world.core.stats.deltas - deltas, (events / ROUTES / 2 * ROUTES * 2) as u64);
}
