//! What happens in the model kernel: operations with small numbers in them, so that they meet each other and shrink well.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::kernel::{self, Hop, Kernel, LO, MAIN, Neighbour, NextHop, Route, Rule, Via};

/// Of `ip route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Add,
    Append,
    Prepend,
    Replace,
}

/// Where a route leads.
#[derive(Clone, Debug)]
pub(super) enum To {
    Nowhere,
    /// A link and a gateway; 0: none.
    Hops(Vec<(u8, u8)>),
    Object(u8),
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    /// The operation under way goes on by so many steps.
    Proceed(u8),
    LinkAdd {
        name: u8,
        kind: u8,
        low: bool,
    },
    LinkDel(u8),
    LinkUp(u8),
    LinkDown(u8),
    Carrier(u8, bool),
    Rename(u8, u8),
    Mtu(u8, u8),
    /// Of a link that is up, announced; else silent.
    Alias(u8, u8),
    /// Silent.
    Qdisc(u8, u8),
    Address {
        link: u8,
        v6: bool,
        number: u8,
    },
    AddressDel(u8),
    Dad(u8),
    Route {
        how: How,
        v6: bool,
        dst: u8,
        metric: bool,
        own_table: bool,
        protocol: u8,
        source: u8,
        to: To,
    },
    RouteDel(u8, Option<u8>),
    NextHop {
        id: u8,
        link: u8,
        gateway: u8,
        replace: bool,
    },
    Blackhole {
        id: u8,
        replace: bool,
    },
    Group {
        id: u8,
        members: Vec<u8>,
        replace: bool,
    },
    NextHopDel(u8),
    Rule {
        v6: bool,
        priority: u8,
        iif: u8,
        oif: u8,
        goto: u8,
    },
    RuleDel(u8),
    Neighbour {
        link: u8,
        v6: bool,
        number: u8,
        state: u8,
        sort: u8,
    },
    NeighbourDel(u8),
    /// A socket drops what comes next.
    Overflow(u8),
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const KINDS: [&str; 2] = ["veth", "bridge"];
const STATES: [u16; 6] = [2, 4, 8, 16, 32, 128];

impl Kernel {
    /// One of those links that may be changed.
    fn pick(&self, number: u8) -> Option<u32> {
        let links: Vec<u32> = self.links.keys().copied().filter(|index| *index != LO).collect();
        links.get(usize::from(number) % links.len().max(1)).copied()
    }

    pub(super) fn apply(&mut self, op: &Op) {
        if !matches!(op, Op::Proceed(_) | Op::Overflow(_)) {
            self.lock();
        }
        let mut change = |number: u8, how: &dyn Fn(&mut kernel::Link)| {
            let index = self.pick(number)?;
            how(self.links.get_mut(&index)?);
            Some(index)
        };
        match op {
            Op::Proceed(steps) => self.proceed(*steps),
            Op::LinkAdd { name, kind, low } => self.link_add(one(&NAMES, *name), one(&KINDS, *kind), *low),
            Op::Mtu(link, mtu) => {
                let index = change(*link, &|it| it.mtu = 1400 + u32::from(*mtu));
                index.into_iter().for_each(|index| self.tell_link(index));
            }
            Op::Alias(link, alias) => {
                let index = change(*link, &|it| it.alias = *alias);
                let up = index.filter(|index| self.links[index].up);
                up.into_iter().for_each(|index| self.tell_link(index));
            }
            Op::Qdisc(link, qdisc) => _ = change(*link, &|it| it.qdisc = *qdisc),
            Op::LinkDel(link) => self.on_link(*link, Self::link_del),
            Op::LinkUp(link) => self.on_link(*link, Self::link_up),
            Op::LinkDown(link) => self.on_link(*link, Self::link_down),
            Op::Carrier(link, has) => self.on_link(*link, |kernel, index| kernel.carrier(index, *has)),
            Op::Rename(link, name) => {
                self.on_link(*link, |kernel, index| kernel.link_rename(index, one(&NAMES, *name)));
            }
            Op::Dad(link) => self.on_link(*link, Self::dad),
            Op::Address { link, v6, number } => self.on_link(*link, |kernel, index| {
                let net = if *v6 {
                    Ipv6Net::new(addr6(*number, 1), 64).unwrap().into()
                } else {
                    Ipv4Net::new(addr4(*number, 1), 24).unwrap().into()
                };
                kernel.address_add(index, net);
            }),
            Op::AddressDel(number) => {
                let count = self.addresses.len().max(1);
                if let Some(address) = self.addresses.get(usize::from(*number) % count).cloned() {
                    self.address_del(&address);
                }
            }
            Op::Route { how, v6, dst, metric, own_table, protocol, source, to } => {
                let dst: IpNet = match (v6, dst) {
                    (false, 0) => Ipv4Net::default().into(),
                    (true, 0) => Ipv6Net::default().into(),
                    (false, dst) => Ipv4Net::new(addr4(100 + dst, 0), 24).unwrap().into(),
                    (true, dst) => Ipv6Net::new(addr6(100 + dst, 0), 64).unwrap().into(),
                };
                let metric = match (v6, metric) {
                    (_, true) => 50,
                    (true, _) => 1024,
                    _ => 0,
                };
                let source = match source {
                    0 => None,
                    number if *v6 => Some(kernel::v6(number - 1, 1)),
                    number => Some(kernel::v4(number - 1, 1)),
                };
                let hop = |(link, gateway): &(u8, u8)| Some(self.hop(*link, *gateway, *v6)).flatten();
                let via = match to {
                    To::Nowhere => Via::Nowhere,
                    To::Hops(hops) => {
                        let mut hops: Vec<Hop> = hops.iter().filter_map(hop).collect();
                        if hops.len() > 1 && *v6 {
                            hops.retain(|hop| hop.gateway.is_some());
                        }
                        if hops.is_empty() {
                            return;
                        }
                        Via::Hops(hops)
                    }
                    To::Object(id) => Via::Object(u32::from(*id) + 1),
                };
                let table = if *own_table { 100 } else { MAIN };
                let kind = if via == Via::Nowhere { 6 } else { 1 };
                let protocol = 3 + protocol;
                self.route_new(*how, Route { dst, table, metric, protocol, kind, prefsrc: source, via });
            }
            Op::RouteDel(number, hop) => {
                let count = self.routes.len().max(1);
                self.route_del(usize::from(*number) % count, hop.map(usize::from));
            }
            Op::NextHop { id, link, gateway, replace } => {
                // Odd: IPv4, even: IPv6, so that groups are not mixed without asking for it.
                let id = u32::from(*id) + 1;
                if let Some(hop) = self.hop(*link, gateway + 1, id % 2 == 0) {
                    self.next_hop_new(id, NextHop::Hop(hop), *replace);
                }
            }
            Op::Blackhole { id, replace } => {
                self.next_hop_new(u32::from(*id) + 1, NextHop::Blackhole, *replace);
            }
            Op::Group { id, members, replace } => {
                let id = u32::from(*id) + 1;
                let same = members.iter().map(|it| (u32::from(*it) * 2 + 2 - id % 2, *it % 2));
                self.next_hop_new(id, NextHop::Group(same.collect()), *replace);
            }
            Op::NextHopDel(id) => self.next_hop_del(u32::from(*id) + 1),
            Op::Rule { v6, priority, iif, oif, goto } => {
                let name = |number: u8| (number > 0).then(|| one(&NAMES, number - 1).to_owned());
                self.rule_add(Rule {
                    v6: *v6,
                    priority: 10 + u32::from(*priority),
                    iif: name(*iif),
                    oif: name(*oif),
                    goto: (*goto > 0).then(|| 10 + u32::from(*goto)),
                    detached_iif: false,
                    detached_oif: false,
                    unresolved: false,
                });
            }
            Op::RuleDel(number) => {
                let count = self.rules.len().max(1);
                self.rule_del(usize::from(*number) % count);
            }
            Op::Neighbour { link, v6, number, state, sort } => self.on_link(*link, |kernel, index| {
                let dst = if *v6 { kernel::v6(50, *number) } else { kernel::v4(50, *number) };
                let is_fdb = *sort == 1;
                let proxy = *sort == 2;
                let state = match (is_fdb, proxy) {
                    (_, true) => 0,
                    (true, _) => 128,
                    _ => one(&STATES, *state),
                };
                let dst = (!is_fdb).then_some(dst);
                kernel.neighbour_new(Neighbour { link: index, dst, lladdr: *number, state, proxy });
            }),
            Op::NeighbourDel(number) => {
                let count = self.neighbours.len().max(1);
                self.neighbour_del(usize::from(*number) % count);
            }
            Op::Overflow(lane) => {
                let at = usize::from(*lane) % self.queues.len();
                self.queues[at].overflow();
            }
        }
    }

    fn on_link(&mut self, number: u8, act: impl FnOnce(&mut Self, u32)) {
        if let Some(index) = self.pick(number) {
            act(self, index);
        }
    }

    fn hop(&self, link: u8, gateway: u8, v6: bool) -> Option<Hop> {
        let dev = self.pick(link)?;
        let gateway =
            (gateway > 0).then(|| if v6 { kernel::v6(link, gateway) } else { kernel::v4(link, gateway) });
        Some(Hop { dev, gateway, dead: false, linkdown: false })
    }
}

fn one<T: Copy>(all: &[T], number: u8) -> T {
    all[usize::from(number) % all.len()]
}

fn addr4(third: u8, fourth: u8) -> std::net::Ipv4Addr {
    match kernel::v4(third, fourth) {
        std::net::IpAddr::V4(addr) => addr,
        std::net::IpAddr::V6(_) => unreachable!(),
    }
}

fn addr6(third: u8, last: u8) -> std::net::Ipv6Addr {
    match kernel::v6(third, last) {
        std::net::IpAddr::V6(addr) => addr,
        std::net::IpAddr::V4(_) => unreachable!(),
    }
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        6 => prop::collection::vec((0..4u8, 0..3u8), 1..=1).prop_map(To::Hops),
        4 => prop::collection::vec((0..4u8, 1..3u8), 2..=3).prop_map(To::Hops),
        3 => (0..6u8).prop_map(To::Object),
        1 => Just(To::Nowhere),
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![Just(How::Add), Just(How::Append), Just(How::Prepend), Just(How::Replace)]
}

fn route() -> impl Strategy<Value = Op> {
    (how(), any::<bool>(), 0..3u8, prop::bool::weighted(0.2), prop::bool::weighted(0.2), 0..2u8, 0..4u8, to())
        .prop_map(|(how, v6, dst, metric, own_table, protocol, source, to)| Op::Route {
            how,
            v6,
            dst,
            metric,
            own_table,
            protocol,
            source: if source > 2 { 0 } else { source },
            to,
        })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let link = 0..4u8;
    prop_oneof![
        6 => (0..6u8).prop_map(Op::Proceed),
        6 => (0..4u8, 0..2u8, any::<bool>()).prop_map(|(name, kind, low)| Op::LinkAdd { name, kind, low }),
        3 => link.clone().prop_map(Op::LinkDel),
        8 => link.clone().prop_map(Op::LinkUp),
        3 => link.clone().prop_map(Op::LinkDown),
        3 => (link.clone(), any::<bool>()).prop_map(|(link, has)| Op::Carrier(link, has)),
        2 => (link.clone(), 0..4u8).prop_map(|(link, name)| Op::Rename(link, name)),
        1 => (link.clone(), 0..3u8).prop_map(|(link, mtu)| Op::Mtu(link, mtu)),
        1 => (link.clone(), 0..3u8).prop_map(|(link, alias)| Op::Alias(link, alias)),
        1 => (link.clone(), 0..2u8).prop_map(|(link, qdisc)| Op::Qdisc(link, qdisc)),
        5 => (link.clone(), any::<bool>(), 0..3u8).prop_map(|(link, v6, number)| Op::Address { link, v6, number }),
        3 => (0..8u8).prop_map(Op::AddressDel),
        1 => link.clone().prop_map(Op::Dad),
        16 => route(),
        4 => (0..16u8, prop::option::of(0..3u8)).prop_map(|(route, hop)| Op::RouteDel(route, hop)),
        4 => (0..6u8, link.clone(), 0..3u8, any::<bool>())
            .prop_map(|(id, link, gateway, replace)| Op::NextHop { id, link, gateway, replace }),
        1 => (0..6u8, any::<bool>()).prop_map(|(id, replace)| Op::Blackhole { id, replace }),
        3 => (0..6u8, prop::collection::vec(0..3u8, 1..3), any::<bool>())
            .prop_map(|(id, members, replace)| Op::Group { id, members, replace }),
        2 => (0..6u8).prop_map(Op::NextHopDel),
        4 => (any::<bool>(), 0..4u8, 0..5u8, 0..3u8, 0..5u8)
            .prop_map(|(v6, priority, iif, oif, goto)| Op::Rule { v6, priority, iif, oif, goto }),
        2 => (0..8u8).prop_map(Op::RuleDel),
        4 => (link, any::<bool>(), 0..3u8, 0..6u8, 0..4u8)
            .prop_map(|(link, v6, number, state, sort)| Op::Neighbour { link, v6, number, state, sort }),
        2 => (0..8u8).prop_map(Op::NeighbourDel),
        1 => (0..3u8).prop_map(Op::Overflow),
    ]
}
