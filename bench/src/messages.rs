//! Messages as a kernel sends them: routes of 4 attributes, and recorded ones from `testdata`.

use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, Messages};

/// A dump of IPv4 routes with table, destination, gateway and link, as `ip route` makes them: 32 KiB datagrams.
pub fn ipv4_routes(count: u32) -> Vec<Vec<u8>> {
    datagrams((0..count).map(|n| {
        Request::new(24, MessageFlags::MULTI)
            .body(&[2u8, 32, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
            .attribute_u32(15, 254)
            .attribute(1, &(0x0a00_0000 | n).to_be_bytes())
            .attribute(5, &[10, 1, 1, 1])
            .attribute_u32(4, 2)
    }))
}

/// A dump of IPv6 routes, with metric, cache information and preference.
pub fn ipv6_routes(count: u32) -> Vec<Vec<u8>> {
    datagrams((0..count).map(|n| {
        let mut address = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        address[12..].copy_from_slice(&n.to_be_bytes());
        Request::new(24, MessageFlags::MULTI)
            .body(&[10u8, 128, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
            .attribute(1, &address)
            .attribute_u32(15, 254)
            .attribute_u32(6, 1024)
            .attribute(5, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            .attribute_u32(4, 2)
            .attribute(12, &[0; 32])
            .attribute_u8(20, 0)
    }))
}

fn datagrams(requests: impl Iterator<Item = Request>) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for request in requests {
        let bytes = request.finish(1, 1).unwrap();
        if all.last().is_some_and(|last: &Vec<u8>| last.len() + bytes.len() > 32 * 1024) {
            all.push(Vec::new());
        }
        all.last_mut().unwrap().extend(bytes);
    }
    all
}

/// Datagrams that hold this message so many times.
pub fn copies(message_type: u16, payload: &[u8], count: usize) -> Vec<Vec<u8>> {
    datagrams((0..count).map(|_| Request::new(message_type, MessageFlags::MULTI).body(payload)))
}

/// The messages of one type of a recording: datagrams, each behind its length.
pub fn recorded(mut recording: &[u8], message_type: u16, times: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let Some((length, rest)) = recording.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        for message in Messages::new(&rest[..length]) {
            let message = message.unwrap();
            if message.header.message_type == message_type {
                payloads.push(message.payload);
            }
        }
        recording = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    let all = (0..times).flat_map(|_| &payloads);
    datagrams(all.map(|payload| Request::new(message_type, MessageFlags::MULTI).body(*payload)))
}
