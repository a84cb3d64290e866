//! Lines of routes that share their way: what was remembered says what is rendered anew, whatever changed meanwhile.

use std::time::{Duration, SystemTime};

use linx::Key;
use linx::json::{Head, NetnsTag, Op, Records};
use linx::names::{Context, LinkNames, Names};
use linx_wire::attr::Attrs;
use linx_wire::header::Messages;
use linx_wire::name::Name;
use linx_wire::route::{ObjectRef, RouteRef, RouteView};
use linx_wire::uapi::rtm;

use super::captures::captures;

/// The routes of the captures, as payloads.
fn payloads() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for datagram in captures() {
        for message in Messages::new(&datagram).map_while(Result::ok) {
            let is_route = [rtm::NEWROUTE, rtm::DELROUTE].contains(&message.header.message_type);
            if is_route {
                let mut payload = message.payload.to_vec();
                age(&mut payload);
                found.push(payload);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Gives a route that could have one an age, and users.
fn age(payload: &mut [u8]) {
    const CACHEINFO: u16 = 12;
    let Some(attributes) = payload.get(12..) else { return };
    let mut attrs = Attrs::new(attributes).map_while(Result::ok);
    let Some(info) = attrs.find(|attr| attr.number() == CACHEINFO) else { return };
    let start = info.payload.as_ptr() as usize - attributes.as_ptr() as usize;
    payload[12 + start..][..8].copy_from_slice(&[7, 0, 0, 0, 200, 0, 0, 0]);
}

/// Leads the route elsewhere: another destination of the same or another length.
fn redirect(payload: &mut [u8], random: u64) {
    let Ok(route) = RouteRef::decode(payload) else { return };
    let Some((before, after)) = route.around_destination() else { return };
    let (start, end) = (12 + before.len(), payload.len() - after.len());
    let width = end - start;
    match random % 4 {
        // All zero: the default route, where its length is.
        0 => payload[start..end].fill(0),
        _ => payload[start..end]
            .copy_from_slice(&[random.to_le_bytes(), random.to_be_bytes()].concat()[..width]),
    }
    payload[1] = match random >> 8 & 3 {
        0 => payload[1],
        1 => 8 * width as u8,
        _ => (random >> 16) as u8 % (8 * width as u8 + 1),
    };
}

#[test]
fn what_is_remembered_is_what_would_be_rendered() {
    let payloads = payloads();
    let plain = Names::built_in();
    let numeric = Names::built_in().numeric(true);
    let netns = [NetnsTag::new("one", 3, None, None), NetnsTag::new("two", 4, None, None)];
    let mut links = [LinkNames::new(), LinkNames::new()];
    for pretty in [false, true] {
        let (mut remembering, mut anew) = (Records::new().pretty(pretty), Records::new().pretty(pretty));
        let (mut line, mut expected) = (Vec::new(), Vec::new());
        let (mut shared, mut seed) = (0, 0x9e37_79b9_7f4a_7c15_u64);
        for round in 0..60_000_u32 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // For a while the same few, so that they are remembered.
            let few = round as usize / 600 + seed as usize % 8;
            let mut payload = payloads[few % payloads.len()].clone();
            redirect(&mut payload, seed >> 8);
            if seed.is_multiple_of(32) {
                let at = (seed >> 32) as usize % payload.len();
                payload[at] ^= 1 << (seed >> 61);
            }
            let which = (seed >> 5) as usize & 1;
            if seed.is_multiple_of(128) {
                let name = format!("e{}", seed >> 50 & 3);
                links[which].insert(1 + (seed >> 40) as u32 % 24, Name::new(name.as_bytes()), 1);
            }
            if seed.is_multiple_of(1024) {
                links[which].remove(1 + (seed >> 40) as u32 % 24);
            }
            if seed.is_multiple_of(4096) {
                // The same words, which go other ways from here on.
                links[which] = links[1 - which].clone();
            }
            let Ok(route) = RouteRef::decode(&payload) else { continue };
            shared += u32::from(route.around_destination().is_some());
            let names = if seed & 1 << 9 == 0 { &plain } else { &numeric };
            let cx = Context::new(names, &links[which]).volatile(seed & 1 << 10 == 0);
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::from(round / 7));
            let op = if seed & 1 << 11 == 0 { Op::New } else { Op::Del };
            let head = Head::new(time, &netns[which], op).overlap(seed & 1 << 12 == 0);
            let object = ObjectRef::from(route);
            let key = Key::of(&object);
            line.clear();
            expected.clear();
            remembering.keyed(&mut line, &head, object, &cx);
            anew.object(&mut expected, &head.key(key.as_str()), object, &cx);
            assert_eq!(
                String::from_utf8_lossy(&line),
                String::from_utf8_lossy(&expected),
                "round {round} of {route:?}, to {:?}",
                route.destination()
            );
        }
        assert!(shared > 20_000, "{shared} of routes that may share their way");
    }
}
