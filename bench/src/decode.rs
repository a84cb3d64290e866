//! Decoding from memory: the bare walk over headers and attributes, Linx in both forms, and the peers.

use std::hint::black_box;

use linx_wire::attr::Attrs;
use linx_wire::header::Messages;
use linx_wire::route::{Link, LinkRef, LinkView, Route, RouteRef, RouteView};

use crate::namespace::Namespace;
use crate::report::{Contestant, Goal, Outcome, Report, Sample, at_least, at_most, under};
use crate::{Scale, libmnl, measure, messages};

/// The least that a decoder does.
pub const WALK: &str = "bare walk";
const NESTED_WALK: &str = "bare nested walk";
/// Validated, in place.
pub const BORROWED: &str = "linx, borrowed";
const FIELDS: &str = "linx, borrowed, 6 fields read";
/// Kept.
pub const OWNED: &str = "linx, owned";
const ALLOCATIONS: &str = "allocations";

const ROUTE_GOALS: [Goal; 10] = [
    at_most(BORROWED, 2.2, WALK),
    under(BORROWED, 0.0, Some(ALLOCATIONS)),
    at_most(OWNED, 4.0, WALK),
    under(OWNED, 0.0, Some(ALLOCATIONS)),
    at_least("netlink-bindings, all attributes", 3.3, BORROWED),
    at_least("nlink", 5.0, BORROWED),
    at_least("netlink-packet-route", 15.0, BORROWED),
    // The same with values read: the borrowed form reads none before it is asked, the peers read all.
    at_least("netlink-bindings, 6 fields read", 3.3, FIELDS),
    at_least("nlink", 5.0, FIELDS),
    at_least("netlink-packet-route", 15.0, FIELDS),
];

/// The decode tables.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "Decode",
        "ns of CPU time a message, from memory; every datagram is framed by each contestant.",
    );
    let count = if scale.short { 500 } else { 20_000 };
    for (title, datagrams) in [
        ("IPv4 route, 4 attributes", messages::ipv4_routes(count)),
        ("IPv6 route, 7 attributes", messages::ipv6_routes(count)),
    ] {
        routes(title, &datagrams, scale, report)?;
    }
    links(scale, report)?;
    crate::nft::decode::run(scale, report)
}

fn routes(title: &str, d: &[Vec<u8>], scale: Scale, report: &mut Report) -> Outcome<()> {
    let contestants = route_decoders(d, if scale.short { 1 } else { 20 });
    let title = format!("{title}, {} B in the owned form", size_of::<Route>());
    report.race(&title, "ns/message", false, contestants, &ROUTE_GOALS)
}

/// Everybody who decodes routes.
pub fn route_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    let mut kept: Vec<Route> = Vec::with_capacity(20_000);
    let mut contestants = vec![
        payloads(WALK, d, repeats, |payload| walk(payload, 12)),
        payloads(BORROWED, d, repeats, |payload| {
            assert!(black_box(&RouteRef::decode(payload)).is_ok());
        }),
        payloads(FIELDS, d, repeats, |payload| {
            let route = RouteRef::decode(payload).unwrap();
            black_box((route.destination(), route.gateway(), route.oif(), route.table()));
            black_box((route.priority(), route.prefsrc()));
        }),
        payloads(OWNED, d, repeats, |payload| {
            assert!(black_box(&Route::decode(payload)).is_ok());
        }),
        Contestant::new("linx, owned, kept in a Vec", move || {
            timed(d, repeats, |datagram| {
                kept.clear();
                each(datagram, &mut |payload| kept.push(Route::decode(payload).unwrap()))
            })
        }),
    ];
    contestants.extend(crate::peers::route_decoders(d, repeats));
    contestants.push(Contestant::stranger(libmnl::NAME, move || {
        let messages = |datagram: &[u8]| {
            let messages = Messages::new(datagram).map(|message| message.unwrap().bytes);
            messages.filter(|message| libmnl::decode(message).is_ok_and(|decoded| decoded)).count() as u64
        };
        libmnl::decode(d[0].as_slice())?;
        timed(d, repeats, messages)
    }));
    contestants
}

fn links(scale: Scale, report: &mut Report) -> Outcome<()> {
    let payload = veth()?;
    let attributes = Attrs::new(&payload[16..]).count();
    let title = format!("veth link, {} B, {attributes} attributes and what is inside them", payload.len());
    let d = messages::copies(16, &payload, if scale.short { 50 } else { 2_000 });
    let contestants = link_decoders(&d, if scale.short { 1 } else { 10 });
    report.race(
        &title,
        "ns/message",
        false,
        contestants,
        &[at_most(BORROWED, 2.0, NESTED_WALK), at_least("netlink-packet-route", 1.0, BORROWED)],
    )
}

/// A veth link as the kernel lists it.
fn veth() -> Outcome<Vec<u8>> {
    let namespace = Namespace::new()?;
    let is_it = |payload: &Vec<u8>| LinkRef::decode(payload).is_ok_and(|link| link.index() == namespace.link);
    Ok(namespace.links()?.into_iter().find(is_it).ok_or("the kernel does not list v0")?)
}

/// Everybody who decodes links.
pub fn link_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    let mut contestants = vec![
        payloads(NESTED_WALK, d, repeats, walk_link),
        payloads(BORROWED, d, repeats, |payload| {
            assert!(black_box(&LinkRef::decode(payload)).is_ok());
        }),
        payloads(FIELDS, d, repeats, |payload| {
            let link = LinkRef::decode(payload).unwrap();
            let attributes = link.attributes();
            black_box((link.index(), attributes.ifname(), attributes.mtu(), attributes.address()));
            black_box((attributes.operstate(), attributes.master()));
        }),
        payloads(OWNED, d, repeats, |payload| {
            assert!(black_box(&Link::decode(payload)).is_ok());
        }),
    ];
    contestants.extend(crate::peers::link_decoders(d, repeats));
    contestants
}

/// A contestant that decodes payloads.
pub fn payloads<'a>(
    name: &'static str,
    datagrams: &'a [Vec<u8>],
    repeats: usize,
    mut decode: impl FnMut(&[u8]) + 'a,
) -> Contestant<'a> {
    Contestant::new(name, move || timed(datagrams, repeats, |datagram| each(datagram, &mut decode)))
}

/// Times what is done to each datagram; `take` returns how many messages it held.
pub fn timed(datagrams: &[Vec<u8>], repeats: usize, mut take: impl FnMut(&[u8]) -> u64) -> Outcome<Sample> {
    let allocations = crate::allocations();
    let start = measure::thread_cpu();
    let mut messages = 0;
    for _ in 0..repeats {
        messages += datagrams.iter().map(|datagram| take(datagram)).sum::<u64>();
    }
    let took = (measure::thread_cpu() - start).as_nanos() as f64;
    let allocations = (crate::allocations() - allocations) as f64;
    Ok(Sample::new(took / messages as f64).with(ALLOCATIONS, allocations / messages as f64))
}

#[inline(always)]
fn each(datagram: &[u8], decode: &mut impl FnMut(&[u8])) -> u64 {
    let mut count = 0;
    for message in Messages::new(datagram) {
        decode(message.unwrap().payload);
        count += 1;
    }
    count
}

/// The least that any decoder does: every attribute's header is read and checked.
pub fn walk(payload: &[u8], fixed: usize) {
    let mut sum = 0u64;
    for attr in Attrs::new(payload.get(fixed..).unwrap_or_default()) {
        sum = sum.wrapping_add(u64::from(attr.unwrap().raw_type));
    }
    black_box(sum);
}

/// The same, into what is nested in a veth's message: link information, a family's settings, XDP, other names.
fn walk_link(payload: &[u8]) {
    black_box(walk_nested(payload.get(16..).unwrap_or_default(), 0));
}

fn walk_nested(bytes: &[u8], inside: u16) -> u64 {
    let mut sum = 0u64;
    for attr in Attrs::new(bytes) {
        let attr = attr.unwrap();
        let number = attr.number();
        sum = sum.wrapping_add(u64::from(attr.raw_type));
        if (inside == 0 && matches!(number, 18 | 26 | 43 | 52)) || inside == 26 {
            sum = sum.wrapping_add(walk_nested(attr.payload, number));
        }
    }
    sum
}
