//! Objects as JSON and as lines of text, from memory: decoded, then written into a buffer.

use std::hint::black_box;
use std::time::SystemTime;

use linx::json::{Head, NetnsTag, Op, Records};
use linx::names::{Context, LinkNames, Names};
use linx::text::{self, Line};
use linx_wire::name::Name;
use linx_wire::route::{LinkRef, ObjectRef, RouteRef};

use crate::decode::payloads;
use crate::namespace::Namespace;
use crate::report::{Outcome, Report, at_least};
use crate::{Scale, messages};

const BODY: &str = "JSON, the body";
const BY_SERDE_JSON: &str = "JSON, the body by serde_json";
const LINK: &str = "link";

/// The tables of rendering.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title("Rendering", "ns of CPU time a message, decoding included; a buffer takes what is written.");
    let count = if scale.short { 500 } else { 20_000 };
    let repeats = if scale.short { 1 } else { 10 };
    for (title, d) in [
        ("IPv4 route, 4 attributes", messages::ipv4_routes(count)),
        ("IPv6 route, 7 attributes", messages::ipv6_routes(count)),
    ] {
        table(title, &d, repeats, |payload| RouteRef::decode(payload).unwrap().into(), report)?;
    }
    let namespace = Namespace::new()?;
    let payload = namespace.links()?.into_iter().next().ok_or("the kernel lists no link")?;
    let d = messages::copies(16, &payload, if scale.short { 50 } else { 2_000 });
    table(LINK, &d, repeats, |payload| LinkRef::decode(payload).unwrap().into(), report)
}

fn table(
    title: &str,
    d: &[Vec<u8>],
    repeats: usize,
    decode: fn(&[u8]) -> ObjectRef<'_>,
    report: &mut Report,
) -> Outcome<()> {
    let names = Names::load();
    let mut links = LinkNames::new();
    (1..200).for_each(|index| links.insert(index, Name::new(format!("veth{index:08x}").as_bytes()), 1));
    let cx = Context::new(&names, &links).volatile(true);
    let netns = NetnsTag::new("host", 3, None, None);
    let head = Head::new(SystemTime::now(), &netns, Op::List).key("r.inet.254.10.244.7.0/24");
    let mut records = Records::new();
    let (mut whole, mut body, mut peer) = (Vec::new(), Vec::new(), Vec::new());
    let (mut line, mut styled) = (Line::new(), Line::styled());
    let contestants = vec![
        payloads("decoding alone", d, repeats, |payload| {
            black_box(decode(payload));
        }),
        payloads("JSON, a whole line", d, repeats, |payload| {
            whole.clear();
            records.object(&mut whole, &head, decode(payload), &cx);
            black_box(&whole);
        }),
        payloads(BODY, d, repeats, |payload| {
            body.clear();
            linx::json::append(&mut body, &linx::json::Body(decode(payload), &cx)).unwrap();
            black_box(&body);
        }),
        payloads(BY_SERDE_JSON, d, repeats, |payload| {
            peer.clear();
            serde_json::to_writer(&mut peer, &linx::json::Body(decode(payload), &cx)).unwrap();
            black_box(&peer);
        }),
        payloads("text", d, repeats, |payload| {
            line.clear();
            text::write(&mut line, decode(payload), &cx);
            black_box(&line);
        }),
        payloads("text, with styles", d, repeats, |payload| {
            styled.clear();
            text::write(&mut styled, decode(payload), &cx);
            black_box(&styled);
        }),
    ];
    // Its own writer must be worth having.
    let goals = [at_least(BY_SERDE_JSON, 1.0, BODY)];
    report.race(title, "ns/message", false, contestants, if title == LINK { &[] } else { &goals })
}
