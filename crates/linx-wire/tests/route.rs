//! Routes: typed fields, rare parts, round trips, faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::hash::{DefaultHasher, Hash, Hasher};

use linx_wire::Compare;
use linx_wire::emit::Request;
use linx_wire::header::{HEADER_LEN, MessageFlags};
use linx_wire::route::encap::{EncapView, encap_type};
use linx_wire::route::{Route, RouteFlags, RouteRef, RouteView};
use proptest::prelude::*;

fn payload(request: Request) -> Vec<u8> {
    request.finish(1, 0).unwrap()[HEADER_LEN..].to_vec()
}

fn v4(dst_len: u8) -> Request {
    Request::new(24, MessageFlags::empty()).body(&[2u8, dst_len, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
}

fn v6(dst_len: u8) -> Request {
    Request::new(24, MessageFlags::empty()).body(&[10u8, dst_len, 0, 0, 254, 2, 0, 1, 0, 0, 0, 0])
}

#[test]
fn the_common_route_is_fields() {
    let bytes = payload(
        v4(24)
            .attribute_u32(15, 1000)
            .attribute(1, &[10, 1, 1, 0])
            .attribute_u32(6, 100)
            .attribute(7, &[10, 1, 1, 4])
            .attribute(5, &[10, 1, 1, 1])
            .attribute_u32(4, 2),
    );
    let borrowed = RouteRef::decode(&bytes).unwrap();
    let owned = Route::decode(&bytes).unwrap();
    for route in [&borrowed as &dyn RouteView, &owned] {
        assert_eq!(route.destination(), Some("10.1.1.0/24".parse().unwrap()));
        assert_eq!(route.gateway(), Some("10.1.1.1".parse().unwrap()));
        assert_eq!(route.prefsrc(), Some("10.1.1.4".parse().unwrap()));
        assert_eq!((route.oif(), route.priority(), route.table()), (Some(2), Some(100), 1000));
        assert_eq!((route.iif(), route.nhid(), route.expires()), (None, None, None));
        assert!(!route.is_via() && route.hops().next().is_none() && route.unknown().is_empty());
    }
}

#[test]
fn the_default_route_has_no_destination_and_the_table_may_be_the_header_s() {
    let route = Route::decode(&payload(v6(0).attribute_u32(4, 3))).unwrap();
    assert_eq!(route.destination(), Some("::/0".parse().unwrap()));
    assert!(route.is_default());
    assert_eq!(route.table(), 254);
}

#[test]
fn a_gateway_of_another_family() {
    let mut via = 10u16.to_ne_bytes().to_vec();
    via.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let route = Route::decode(&payload(v4(32).attribute(1, &[10, 0, 0, 1]).attribute(18, &via))).unwrap();
    assert!(route.is_via());
    assert_eq!(route.gateway(), Some("fe80::1".parse().unwrap()));
}

#[test]
fn a_second_gateway_of_a_family_that_is_not_known_hides_none_in_either_form() {
    let bytes = payload(v4(32).attribute(18, &[2, 0, 10, 0, 0, 1]).attribute(18, &[2, 94, 0, 2, 0, 0]));
    let (borrowed, owned) = (RouteRef::decode(&bytes).unwrap(), Route::decode(&bytes).unwrap());
    assert_eq!(
        (borrowed.gateway(), owned.gateway()),
        (Some("10.0.0.1".parse().unwrap()), borrowed.gateway())
    );
    assert!(owned.as_ref().same(borrowed, Compare::Everything));
}

#[test]
fn hops_metrics_encapsulation_and_the_unknown() {
    let mut hops = Vec::new();
    for (oif, weight, gateway) in [(2u32, 0u8, 1u8), (3, 9, 2)] {
        hops.extend(16u16.to_ne_bytes());
        hops.extend([0, weight]);
        hops.extend(oif.to_ne_bytes());
        hops.extend([8, 0, 5, 0, 10, 0, 0, gateway]);
    }
    let bytes = payload(
        v4(24)
            .attribute(1, &[10, 7, 0, 0])
            .nested(8, |m| m.attribute_u32(2, 1400).attribute_name(16, b"cubic"))
            .attribute(9, &hops)
            .attribute(21, &encap_type::MPLS.to_ne_bytes())
            .nested(22, |e| e.attribute(1, &[0, 1, 0x11, 0]))
            .attribute_u32(77, 5),
    );
    let owned = Route::decode(&bytes).unwrap();
    let borrowed = RouteRef::decode(&bytes).unwrap();
    for route in [&borrowed as &dyn RouteView, &owned] {
        let hops: Vec<_> =
            route.hops().map(|hop| (hop.ifindex, hop.weight(), hop.gateway().unwrap())).collect();
        assert_eq!(hops, [(2, 1, "10.0.0.1".parse().unwrap()), (3, 10, "10.0.0.2".parse().unwrap())]);
        let metrics = route.metrics().unwrap();
        assert_eq!((metrics.mtu(), metrics.congctl().unwrap().to_str()), (Some(1400), Some("cubic")));
        assert!(
            matches!(route.encap().unwrap().view(), EncapView::Mpls(mpls) if mpls.dst() == Some(&[0, 1, 0x11, 0]))
        );
        assert_eq!(route.unknown().len(), 1);
        assert_eq!((route.unknown()[0].number(), route.unknown()[0].payload), (77, &[5u8, 0, 0, 0][..]));
    }
    assert_eq!(owned, borrowed.to_owned());
}

#[test]
fn faults_name_offset_and_path() {
    let text = |bytes: &[u8]| Route::decode(bytes).unwrap_err().to_string();
    assert_eq!(text(&[2, 0, 0]), "12 bytes needed, 3 there at offset 0");
    assert_eq!(
        text(&payload(v4(0).attribute_u32(4, 1).attribute(5, &[0; 16]))),
        "RTA_GATEWAY: payload of 16 bytes where an address of the route's family expected at offset 24"
    );
    assert_eq!(
        text(&payload(v4(0).attribute(4, &[1]))),
        "RTA_OIF: payload of 1 bytes where 4 expected at offset 16"
    );
    let inside = payload(v4(0).nested(8, |m| m.attribute(2, &[1])));
    assert_eq!(text(&inside), "RTA_METRICS/RTAX_MTU: payload of 1 bytes where 4 expected at offset 20");
    let hop = [12u8, 0, 0, 0, 1, 0, 0, 0, 9, 0, 5, 0];
    assert!(text(&payload(v4(0).attribute(9, &hop))).starts_with("RTA_MULTIPATH: length field 9"));
    let mut trailing = payload(v4(0));
    trailing.extend([1, 2]);
    assert_eq!(text(&trailing), "2 trailing bytes at offset 12");
}

#[test]
fn ages_do_not_count_but_the_gateway_does() {
    let with = |age: u8, gateway: u8| {
        let info = [age; 32];
        Route::decode(&payload(v4(0).attribute(5, &[10, 0, 0, gateway]).attribute(12, &info))).unwrap()
    };
    assert_eq!(with(1, 1), with(2, 1));
    assert_ne!(with(1, 1), with(1, 2));
    assert_eq!(with(1, 1).differences(&with(2, 2), Compare::Tracked), ["gateway"]);
    assert_eq!(with(1, 1).differences(&with(2, 2), Compare::Everything), ["gateway", "cacheinfo"]);
}

#[test]
fn a_hop_within_a_hop_is_refused() {
    let mut bytes = Vec::new();
    for _ in 0..2000 {
        let mut outer = u16::try_from(bytes.len() + 12).unwrap().to_ne_bytes().to_vec();
        outer.extend([0, 0, 1, 0, 0, 0]);
        outer.extend(u16::try_from(bytes.len() + 4).unwrap().to_ne_bytes());
        outer.extend(9u16.to_ne_bytes());
        outer.extend(&bytes);
        bytes = outer;
    }
    assert!(Route::decode(&payload(v4(0).attribute(9, &bytes))).is_err());
}

fn hash(route: &Route) -> u64 {
    let mut hasher = DefaultHasher::new();
    route.hash(&mut hasher);
    hasher.finish()
}

/// Attributes of any number, mostly of sizes that mean something.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let family = prop::sample::select(vec![2u8, 10, 28, 128, 129, 7]);
    let size = prop::sample::select(vec![0usize, 1, 2, 4, 4, 4, 4, 8, 16, 16, 18, 32, 36]);
    let attribute = (0u16..34, size).prop_flat_map(|(number, size)| (Just(number), vec_of(size)));
    (family, prop::collection::vec(attribute, 0..8)).prop_map(|(family, attributes)| {
        let head = [family, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        let request = Request::new(24, MessageFlags::empty()).body(&head);
        payload(attributes.iter().fold(request, |request, (number, value)| request.attribute(*number, value)))
    })
}

fn vec_of(size: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), size)
}

/// No kernel sends such a route; its fields are found all the same.
#[test]
fn fields_far_behind_and_sent_twice_are_found() {
    let bytes = payload(v4(32).attribute_u32(4, 1).attribute_u32(6, 5).attribute_u32(4, 2));
    let route = RouteRef::decode(&bytes).unwrap();
    assert_eq!((route.oif(), route.priority()), (Some(2), Some(5)), "the last one counts");

    let mut request = v4(32).attribute(1, &[10, 0, 0, 1]);
    for _ in 0..3 {
        request = request.attribute(4000, &[7; 30_000]);
    }
    let bytes = payload(request.attribute_u32(4, 9).attribute(5, &[10, 0, 0, 2]));
    let route = RouteRef::decode(&bytes).unwrap();
    assert_eq!((route.oif(), route.unknown().len()), (Some(9), 3));
    assert_eq!(route.destination().unwrap().to_string(), "10.0.0.1/32");
    assert_eq!(route.gateway().unwrap().to_string(), "10.0.0.2");
    assert!(route.same(Route::decode(&bytes).unwrap().as_ref(), Compare::Everything));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn both_forms_agree_and_the_request_decodes_to_the_same_route(bytes in soup()) {
        let Ok(owned) = Route::decode(&bytes) else {
            let error = RouteRef::decode(&bytes).unwrap_err();
            prop_assert_eq!(format!("{error:?}"), format!("{:?}", Route::decode(&bytes).unwrap_err()));
            return Ok(());
        };
        let borrowed = RouteRef::decode(&bytes).unwrap();
        prop_assert_eq!(borrowed.destination(), owned.destination());
        prop_assert_eq!(borrowed.gateway(), owned.gateway());
        prop_assert_eq!(borrowed.unknown(), owned.unknown());
        prop_assert!(owned.as_ref().same(borrowed, Compare::Everything));
        prop_assert!(borrowed.to_owned().as_ref().same(owned.as_ref(), Compare::Everything));
        let request = payload(owned.to_request(24, MessageFlags::empty()));
        let again = Route::decode(&request).unwrap();
        prop_assert_eq!(&request, &payload(borrowed.to_request(24, MessageFlags::empty())));
        // What the kernel adds is left out; the rest is all there.
        let state = RouteFlags::from_bits_retain(0x2000_c079);
        let mut differences = again.differences(&owned, Compare::Everything);
        prop_assert!(!again.flags().intersects(state));
        if owned.flags().intersects(state) {
            differences.retain(|field| field != "flags");
        }
        if owned.nhid().is_some() {
            const OF_OBJECT: &str = "flags gateway oif via multipath encap_type encap kind";
            differences.retain(|field| !OF_OBJECT.split(' ').any(|other| other == field));
            let own = again.gateway().is_some() || again.oif().is_some() || again.hops().next().is_some();
            prop_assert!(!own && again.encap().is_none());
        } else if !owned.hops().any(|hop| state.bits() & u32::from(hop.flags) != 0) {
            prop_assert_eq!(hash(&again) == hash(&owned), !owned.flags().intersects(state));
        } else {
            differences.retain(|field| field != "multipath");
        }
        prop_assert_eq!(differences, Vec::<String>::new());
        prop_assert_eq!(payload(again.to_request(24, MessageFlags::empty())), request);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(route) = Route::decode(&bytes) {
            let _ = (format!("{route:?}"), route.hops().count(), route.encap().map(|e| format!("{:?}", e.view())));
        }
    }
}
