use super::*;
use crate::emit::Request;
use crate::header::MessageFlags;

fn header(family: u8, flags: u32) -> IfInfo {
    IfInfo { family, pad: 0, link_type: 1, ifindex: 7, flags, change: 0 }
}

/// The payload of a message with these attributes.
fn link(family: u8, flags: u32, attributes: impl FnOnce(Request) -> Request) -> Link {
    let request = Request::new(16, MessageFlags::empty()).body(&header(family, flags));
    Link::decode(attributes(request).payload()).unwrap()
}

fn text(value: &str) -> Vec<u8> {
    [value.as_bytes(), b"\0"].concat()
}

#[test]
fn what_every_link_tells() {
    let link = link(0, 0x1_1043, |request| {
        request
            .attribute(3, &text("eth0"))
            .attribute_u32(4, 1500)
            .attribute_u8(16, 6)
            .attribute(1, &[2, 0, 0, 0, 0, 1])
            .attribute_u32(10, 0)
            .nested(52, |names| names.attribute(53, &text("uplink")).attribute(53, &text("wan")))
            .attribute(23, &[7; 192])
            .attribute_u32(66, 5)
            .attribute(99, &[1, 2, 3])
    });
    assert_eq!((link.index(), link.name(), link.link_type()), (7, Name::new(b"eth0"), 1));
    assert_eq!(link.altnames().map(|name| name.to_string()).collect::<Vec<_>>(), ["uplink", "wan"]);
    assert_eq!(link.attributes().mtu(), Some(1500));
    // The kernel sends it as wide as its value needs.
    assert_eq!(link.attributes().max_pacing_offload_horizon(), Some(5));
    assert_eq!(link.attributes().address().unwrap().to_string(), "02:00:00:00:00:01");
    assert!(link.is_up() && link.is_running());
    assert_eq!((link.operstate(), link.master(), link.kind()), (OperState::Up, None, None));
    assert!(link.data().is_none() && link.slave_data().is_none());
    // What a kernel before 5.19 does not count is 0.
    let stats = link.stats().unwrap();
    assert_eq!((stats.rx_packets, stats.rx_nohandler), (0x0707_0707_0707_0707, 0x0707_0707_0707_0707));
    assert_eq!((stats.rx_otherhost_dropped, stats.iter().count()), (0, 25));
    assert_eq!(link.unknown()[0].payload, [1, 2, 3]);
}

/// A link of this kind with one attribute of the kind's data.
fn of_kind(kind: &str, number: u16, value: &[u8]) -> Link {
    link(0, 0, |request| {
        request
            .nested(18, |info| info.attribute(1, &text(kind)).nested(2, |data| data.attribute(number, value)))
    })
}

#[test]
fn the_kind_says_what_its_data_mean() {
    let vxlan = of_kind("vxlan", 15, &4789u16.to_be_bytes());
    let Some(LinkData::Vxlan(data)) = vxlan.data() else { panic!("{vxlan:?}") };
    assert_eq!((data.port(), data.gbp(), data.id()), (Some(4789), false, None));
    let vlan = of_kind("vlan", 1, &[100, 0]);
    assert!(
        matches!(vlan.data(), Some(LinkData::Vlan(data)) if data.id() == Some(u16::from_ne_bytes([100, 0])))
    );
    let tap = of_kind("macvtap", 1, &4u32.to_ne_bytes());
    assert!(matches!(tap.data(), Some(LinkData::Macvlan(data)) if data.mode() == Some(4)));
    let sit = of_kind("sit", 13, &16u16.to_ne_bytes());
    assert!(matches!(sit.data(), Some(LinkData::IpTun(data)) if data.prefixlen_6rd() == Some(16)));
    let bridge = of_kind("bridge", 11, &[0x80, 0, 2, 0, 0, 0, 0, 9]);
    let Some(LinkData::Bridge(data)) = bridge.data() else { panic!("{bridge:?}") };
    let id = data.bridge_id().unwrap();
    assert_eq!((id.priority.get(), id.address), (0x8000, [2, 0, 0, 0, 0, 9]));
    // An unknown kind keeps its bytes, whatever they are.
    let unknown = of_kind("zork", 1, &[1]);
    assert!(matches!(unknown.data(), Some(LinkData::Other(bytes)) if bytes.len() == 8));
}

#[test]
fn data_are_checked_by_their_kind() {
    let request = Request::new(16, MessageFlags::empty()).body(&header(0, 0));
    let request = request
        .nested(18, |info| info.attribute(1, &text("vxlan")).nested(2, |data| data.attribute(1, &[1, 2, 3])));
    let error = Link::decode(request.payload()).unwrap_err().to_string();
    assert_eq!(
        error,
        "IFLA_LINKINFO/IFLA_INFO_DATA/IFLA_VXLAN_ID: payload of 3 bytes where 4 expected at offset 40"
    );
}

#[test]
fn families_share_the_numbers_of_af_spec_and_protinfo() {
    let vlan: Vec<u8> = [2u16, 10].iter().flat_map(|half| half.to_ne_bytes()).collect();
    let port = link(7, 0, |request| {
        request
            .attribute(3, &text("p"))
            .nested(12, |port| port.attribute_u8(1, 3).attribute_u32(3, 100))
            .nested(26, |spec| spec.attribute(2, &vlan).attribute(2, &vlan))
    });
    let Some(SlaveData::Bridge(data)) = port.slave_data() else { panic!("{port:?}") };
    assert_eq!((data.state(), data.cost()), (Some(3), Some(100)));
    let vlans: Vec<_> =
        port.bridge().unwrap().vlans().map(|vlan| (vlan.vid.get(), vlan.flags.get())).collect();
    assert_eq!(vlans, [(10, 2), (10, 2)]);
    assert!(port.inet().is_none() && port.inet6().is_none());

    let six = link(10, 0, |request| request.nested(12, |inet6| inet6.attribute_u8(8, 3)));
    assert_eq!(six.inet6().unwrap().addr_gen_mode(), Some(3));
    let whole = link(0, 0, |request| {
        request.nested(26, |spec| {
            let conf: Vec<u8> = (1..=3i32).flat_map(i32::to_ne_bytes).collect();
            spec.nested(2, |inet| inet.attribute(1, &conf)).nested(10, |inet6| inet6.attribute_u8(8, 1))
        })
    });
    let conf: Vec<_> = whole.inet().unwrap().conf().unwrap().iter().map(|value| value.get()).collect();
    assert_eq!((conf, whole.inet6().unwrap().addr_gen_mode()), (vec![1, 2, 3], Some(1)));
}

#[test]
fn virtual_functions_are_compared_without_their_counters() {
    let with = |mac: u8, packets: u64| {
        link(0, 0, |request| {
            request.nested(22, |list| {
                let body: Vec<u8> = [&3u32.to_ne_bytes()[..], &[mac; 32]].concat();
                list.nested(1, |vf| {
                    vf.attribute(1, &body).nested(8, |stats| stats.attribute(0, &packets.to_ne_bytes()))
                })
            })
        })
    };
    let one = with(1, 5);
    let vf = one.attributes().vfinfo_list().unwrap().info().next().unwrap();
    assert_eq!((vf.mac().unwrap().vf.get(), vf.mac().unwrap().mac[0]), (3, 1));
    assert_eq!(vf.stats().unwrap().rx_packets(), Some(5));
    assert_eq!(one.differences(&with(1, 6), Compare::Audited), [""; 0]);
    assert_eq!(one.differences(&with(1, 6), Compare::Everything), ["vfinfo_list.info.stats.rx_packets"]);
    assert_eq!(one.differences(&with(2, 6), Compare::Audited), ["vfinfo_list.info.mac"]);
}

#[test]
fn classes_follow_what_a_kernel_announces() {
    let with = |flags: u32, alias: &str, qdisc: &str, ttl: u8| {
        link(0, flags, |request| {
            request.attribute(20, &text(alias)).attribute(6, &text(qdisc)).nested(18, |info| {
                info.attribute(1, &text("vxlan")).nested(2, |data| data.attribute_u8(5, ttl))
            })
        })
    };
    // The alias, and what belongs to the kind, is told of a link that is up only.
    let differences = |a: &Link, b: &Link, compare| a.differences(b, compare);
    assert_eq!(
        differences(&with(1, "a", "q", 1), &with(1, "b", "q", 2), Compare::Tracked),
        ["linkinfo.info_data.ttl", "ifalias"]
    );
    assert_eq!(with(0, "a", "q", 1), with(0, "b", "q", 2));
    assert_eq!(
        differences(&with(0, "a", "q", 1), &with(0, "b", "q", 2), Compare::Audited),
        ["linkinfo.info_data.ttl", "ifalias"]
    );
    assert_eq!(
        differences(&with(0, "a", "q", 1), &with(1, "b", "q", 1), Compare::Tracked),
        ["flags", "ifalias"]
    );
    assert_eq!(differences(&with(1, "a", "q", 1), &with(1, "a", "r", 1), Compare::Tracked), [""; 0]);
    assert_eq!(differences(&with(1, "a", "q", 1), &with(1, "a", "r", 1), Compare::Audited), ["qdisc"]);
    // Equal links have equal hashes.
    let hash = |link: &Link| {
        use std::hash::{BuildHasher, RandomState};
        thread_local!(static STATE: RandomState = RandomState::new());
        STATE.with(|state| state.hash_one(link))
    };
    assert_eq!(hash(&with(0, "a", "q", 1)), hash(&with(0, "b", "r", 2)));
    assert_ne!(hash(&with(0, "a", "q", 1)), hash(&with(1, "a", "q", 1)));
}

/// A whole link: a bridge port with IPv4 and IPv6 parts.
fn port() -> Link {
    link(0, 0x1003, |request| {
        request
            .attribute(3, &text("p"))
            .attribute_u32(4, 1500)
            .attribute_u8(16, 2)
            .attribute_u32(10, 3)
            .nested(18, |info| {
                info.attribute(1, &text("veth"))
                    .attribute(4, &text("bridge"))
                    .nested(5, |data| data.attribute_u8(1, 0).attribute_u32(3, 2))
            })
            .nested(26, |spec| {
                spec.nested(2, |inet| inet.attribute(1, &[1; 8])).nested(10, |inet6| inet6.attribute_u8(8, 0))
            })
    })
}

#[test]
fn a_part_replaces_only_what_it_carries() {
    let whole = port();
    let vlan = [0u8, 0, 10, 0];
    let part = link(7, 0x1_1043, |request| {
        request
            .attribute(3, &text("renamed"))
            .attribute_u32(10, 7)
            .attribute_u8(16, 6)
            .nested(12, |port| port.attribute_u8(1, 3))
            .nested(26, |spec| spec.attribute(2, &vlan))
    });
    let folded = whole.with_part(part.as_ref());
    assert!(!folded.is_part() && folded.is_running());
    assert_eq!((folded.name(), folded.operstate()), (Name::new(b"renamed"), OperState::Up));
    assert_eq!((folded.attributes().mtu(), folded.master()), (Some(1500), Some(3)));
    let Some(SlaveData::Bridge(data)) = folded.slave_data() else { panic!("{folded:?}") };
    assert_eq!((data.state(), data.cost()), (Some(3), None));
    assert_eq!(folded.kind().unwrap().to_string(), "veth");
    assert!(folded.bridge().is_none(), "this link had no VLANs");
    assert_eq!(folded.inet().unwrap().conf().unwrap().len(), 2);

    let folded = whole.with_vlans(part.as_ref());
    assert_eq!(folded.bridge().unwrap().vlans().count(), 1);
    let without = link(7, 0, |request| request.nested(26, |spec| spec.attribute_u8(99, 0)));
    assert_eq!(folded.with_part(without.as_ref()).bridge().unwrap().vlans().count(), 0);
    assert_eq!(Link::decode(folded.as_bytes()).unwrap(), folded);
}

#[test]
fn the_ipv6_part_goes_where_a_whole_link_has_it() {
    let part = link(10, 0x1003, |request| {
        request.nested(12, |inet6| inet6.attribute_u8(8, 1).attribute_u32(9, 1400))
    });
    let folded = port().with_part(part.as_ref());
    let inet6 = folded.inet6().unwrap();
    assert_eq!((inet6.addr_gen_mode(), inet6.ra_mtu()), (Some(1), Some(1400)));
    assert!(folded.attributes().protinfo().is_none() && folded.inet().is_some());
    let bare = link(0, 0, |request| request).with_part(part.as_ref());
    assert_eq!(bare.inet6().unwrap().ra_mtu(), Some(1400));
}

#[test]
fn another_link_or_a_whole_one_is_no_part() {
    let whole = port();
    let mut bytes = whole.as_bytes().to_vec();
    bytes[4] = 8;
    assert_eq!(whole.with_part(LinkRef::decode(&bytes).unwrap()).as_bytes(), whole.as_bytes());
    let newer = link(0, 0, |request| request.attribute(3, &text("n")));
    assert_eq!(whole.with_part(newer.as_ref()).as_bytes(), newer.as_bytes());
}

#[test]
fn a_part_that_does_not_fit_changes_nothing() {
    let whole = link(0, 0, |request| request.nested(26, |spec| spec.attribute(2, &[])));
    // As long as an attribute can be: one level deeper it is too long.
    let part = link(10, 0, |request| {
        request.nested(12, |inet6| inet6.attribute(4, &[0; 65_000]).attribute(99, &[0; 520]))
    });
    let folded = whole.with_part(part.as_ref());
    assert_eq!(folded.attributes().as_bytes(), whole.attributes().as_bytes());
}
