//! Decoding a route allocates nothing unless it has rare parts: there are a million of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use linx_wire::emit::Request;
use linx_wire::header::{MessageFlags, Messages};
use linx_wire::route::{Route, RouteRef, RouteView};

thread_local! {
    /// Allocations of this thread: the test harness has others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; the counter needs no allocation and no
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

/// As a kernel sends them: with table, destination, gateway, link and metric; IPv6 with cache information too.
fn datagram() -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..100u32 {
        let v4 = Request::new(24, MessageFlags::MULTI)
            .body(&[2u8, 32, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
            .attribute_u32(15, 254)
            .attribute(1, &n.to_be_bytes())
            .attribute(5, &[10, 1, 1, 1])
            .attribute_u32(4, 2)
            .attribute_u32(6, 100);
        let v6 = Request::new(24, MessageFlags::MULTI)
            .body(&[10u8, 128, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
            .attribute(1, &[n as u8; 16])
            .attribute_u32(15, 254)
            .attribute(5, &[0xfe; 16])
            .attribute_u32(4, 2)
            .attribute(12, &[0; 32])
            .attribute_u8(20, 0);
        bytes.extend(v4.finish(1, 1).unwrap());
        bytes.extend(v6.finish(1, 1).unwrap());
    }
    bytes
}

#[test]
fn routes_are_decoded_without_an_allocation() {
    let datagram = datagram();
    let (mut seen, mut kept) = (0, Vec::with_capacity(200));
    let count = allocations(|| {
        for message in Messages::new(&datagram) {
            let payload = message.unwrap().payload;
            let route = RouteRef::decode(payload).unwrap();
            assert!(black_box((route.destination(), route.gateway(), route.oif())).1.is_some());
            kept.push(Route::decode(payload).unwrap());
            kept.push(route.to_owned());
            kept.truncate(100);
            seen += 1;
        }
    });
    assert_eq!((seen, count), (200, 0));
}

/// The counter counts: rare parts are kept in a box.
#[test]
fn a_rare_part_is_an_allocation_of_the_owned_form_alone() {
    let request = Request::new(24, MessageFlags::empty())
        .body(&[2u8, 32, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0])
        .attribute(1, &[10, 0, 0, 1])
        .nested(8, |metrics| metrics.attribute_u32(2, 1400));
    let bytes = request.finish(1, 1).unwrap();
    let payload = Messages::new(&bytes).next().unwrap().unwrap().payload;
    assert_eq!(allocations(|| assert!(black_box(RouteRef::decode(payload)).is_ok())), 0);
    assert!(allocations(|| assert!(black_box(Route::decode(payload)).is_ok())) > 0);
}

#[test]
fn an_owned_route_is_small() {
    assert!(size_of::<Route>() <= 160, "{}", size_of::<Route>());
}
