//! Routes that are too large for a dump's message (KERNEL.md 3.3).
//!
//! Measured on Linux 6.18: a route with more than about 2,020 next hops (1,260 for IPv6) does not fit into the 32 KiB
//! that a dump's part may have. A dump of one family, or of one of its tables, then ends as if it were complete, and that
//! route and all after it are missing. A dump of *all* families ends with EMSGSIZE instead, or with empty datagrams
//! for ever (IPv6). So routes are always asked for with `AF_UNSPEC`, and a family is picked here.
//!
//! What comes after such a route is then asked for table by table, as far as another like it does not stand before it,
//! and the list ends with `Oversize`.

use std::collections::BTreeSet;

use linx_wire::addr::family;
use linx_wire::emit::Request;
use linx_wire::route::{RouteFilter, RouteRef, RouteView};

use crate::handle::Handle;

/// What to do with a message of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Take {
    /// Decode it.
    Yes,
    /// Skip it.
    No,
    /// Skip it and all that follow.
    Stop,
}

/// A dump after the first.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Part {
    filter: RouteFilter,
    /// The family to take from it.
    family: u8,
}

impl Part {
    pub(crate) fn request(&self) -> Request {
        self.filter.request()
    }
}

/// How far a dump of routes came.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Seen {
    /// IPv4 tables with a route.
    tables: BTreeSet<u32>,
    last_table: Option<u32>,
    /// IPv4 routes.
    count: u64,
    past_ipv4: bool,
}

impl Seen {
    /// How many objects are missing, at least one: by the kernel's own count of IPv4 routes, where it can be read.
    pub(crate) fn missing(&self, handle: &Handle) -> u64 {
        if self.past_ipv4 && self.count == 0 {
            return 1;
        }
        let counted: u64 = counts(handle).iter().map(|(_, count)| count).sum();
        counted.saturating_sub(self.count).max(1)
    }
}

/// The request for the routes of `filter`: of every family.
pub(crate) fn request(filter: &RouteFilter) -> Request {
    RouteFilter { family: family::UNSPEC, ..*filter }.request()
}

/// The kernel lists IPv4 first, then IPv6, then the others.
pub(crate) fn take(filter: &RouteFilter, payload: &[u8], part: Option<&Part>) -> Take {
    let wanted = part.map_or(filter.family, |part| part.family);
    match payload.first() {
        Some(family) if wanted == family::UNSPEC || wanted == *family => Take::Yes,
        Some(family) if wanted < *family => Take::Stop,
        _ => Take::No,
    }
}

pub(crate) fn note(seen: &mut Seen, route: &RouteRef<'_>) {
    if route.family() != family::INET {
        seen.past_ipv4 = true;
        return;
    }
    seen.count += 1;
    let table = route.table();
    if seen.last_table.replace(table) != Some(table) {
        seen.tables.insert(table);
    }
}

/// What to ask after a route was too large: the IPv4 tables that did not come yet, and IPv6.
pub(crate) fn rest(handle: &Handle, filter: &RouteFilter, seen: &Seen) -> Vec<Part> {
    if seen.past_ipv4 {
        return Vec::new();
    }
    let wants = |family| filter.family == family::UNSPEC || filter.family == family;
    let mut parts = Vec::new();
    if wants(family::INET) && filter.table.is_none() {
        for (table, _) in counts(handle) {
            if !seen.tables.contains(&table) {
                let filter = RouteFilter { family: family::UNSPEC, table: Some(table), ..*filter };
                parts.push(Part { filter, family: family::INET });
            }
        }
    }
    if wants(family::INET6) {
        let filter = RouteFilter { family: family::INET6, ..*filter };
        parts.push(Part { filter, family: family::INET6 });
    }
    parts
}

/// The IPv4 tables and their numbers of routes, from `/proc/net/fib_triestat`; none where it cannot be read.
fn counts(handle: &Handle) -> Vec<(u32, u64)> {
    let text = handle.netns().run(|| std::fs::read_to_string("/proc/thread-self/net/fib_triestat"));
    text.ok().and_then(Result::ok).map(|text| parse(&text)).unwrap_or_default()
}

/// `RT_TABLE_MAIN`
const MAIN: u32 = 254;
/// `RT_TABLE_LOCAL`
const LOCAL: u32 = 255;

fn parse(text: &str) -> Vec<(u32, u64)> {
    let mut tables: Vec<(u32, u64)> = Vec::new();
    let mut table = None;
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|_| !line.starts_with(char::is_whitespace)) {
            table = match name {
                "Main" => Some(MAIN),
                "Local" => Some(LOCAL),
                _ => name.strip_prefix("Id ").and_then(|id| id.parse().ok()),
            };
        } else if let (Some(id), Some(count)) = (table, line.trim().strip_prefix("Prefixes:")) {
            tables.extend(count.trim().parse().ok().map(|count| (id, count)));
            table = None;
        }
    }
    // Until the first policy rule is made, main and local share one trie, and each tells the sum of both.
    let of = |wanted| tables.iter().find(|(id, _)| *id == wanted).map(|(_, count)| *count);
    if of(MAIN).is_some() && of(MAIN) == of(LOCAL) {
        tables.iter_mut().filter(|(id, _)| *id == LOCAL).for_each(|(_, count)| *count = 0);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_of_routes_is_read_by_table() {
        let text = "Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.\nId 100:\n\tAver depth:     1.00\n\
                    \tLeaves:         10\n\tPrefixes:       11\n\tInternal nodes: 1\n\t  5: 1\nMain:\n\tPrefixes:       14\n\
                    Local:\n\tPrefixes:       14\n";
        assert_eq!(parse(text), [(100, 11), (MAIN, 14), (LOCAL, 0)]);
        assert_eq!(parse(""), []);
        assert_eq!(parse("Id x:\n\tPrefixes: 1\nMain:\n\tPrefixes: y\n"), []);
    }

    #[test]
    fn a_family_is_picked_from_a_dump_of_all() {
        let of = |family| RouteFilter { family, ..RouteFilter::default() };
        assert_eq!(take(&of(0), &[2], None), Take::Yes);
        assert_eq!(take(&of(2), &[10], None), Take::Stop);
        assert_eq!(take(&of(10), &[2], None), Take::No);
        assert_eq!(take(&of(10), &[10], None), Take::Yes);
        assert_eq!(take(&of(10), &[128], None), Take::Stop);
        assert_eq!(take(&of(10), &[], None), Take::No);
    }
}
