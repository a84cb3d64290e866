//! A model of the kernel's rtnetlink, as measured on Linux 6.18 (KERNEL.md 4.4): what operations change, what they announce
//! and in which order, and what they change in silence. Not a copy of it: small, and strict where the kernel is.
//!
//! An operation is a row of steps under one lock (RTNL): its announcements are among them, some before what they announce
//! has been carried out. Dumps of routes, rules, addresses and neighbours do not wait for the lock.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use linx_wire::Kind;
use linx_wire::header::MessageFlags;

use super::super::core::Lane;
use super::ops::Op;
use super::wire;

/// The kernel's own lo.
pub(super) const LO: u32 = 1;
pub(super) const MAIN: u32 = 254;
pub(super) const LOCAL: u32 = 255;

pub(super) type Effect = Box<dyn FnOnce(&mut Kernel)>;

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) up: bool,
    pub(super) carrier: bool,
    pub(super) mtu: u32,
    pub(super) alias: u8,
    pub(super) qdisc: u8,
    /// It is being deleted, and not found by its index any more.
    pub(super) leaving: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    pub(super) link: u32,
    pub(super) net: IpNet,
    pub(super) tentative: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) dev: u32,
    pub(super) gateway: Option<IpAddr>,
    pub(super) dead: bool,
    pub(super) linkdown: bool,
}

impl Hop {
    fn is_same(&self, other: &Self) -> bool {
        (self.dev, self.gateway) == (other.dev, other.gateway)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// No hop: `blackhole`.
    Nowhere,
    Hops(Vec<Hop>),
    Object(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) dst: IpNet,
    pub(super) table: u32,
    pub(super) metric: u32,
    pub(super) protocol: u8,
    /// `RTN_*`.
    pub(super) kind: u8,
    pub(super) prefsrc: Option<IpAddr>,
    pub(super) via: Via,
}

impl Route {
    pub(super) fn is_v6(&self) -> bool {
        matches!(self.dst, IpNet::V6(_))
    }

    fn place(&self) -> (u32, IpNet, u32) {
        (self.table, self.dst, self.metric)
    }

    /// `rt6_qualify_for_ecmp`.
    fn is_ecmp(&self) -> bool {
        matches!(&self.via, Via::Hops(hops) if hops.iter().all(|hop| hop.gateway.is_some()))
    }

    fn hops_mut(&mut self) -> &mut [Hop] {
        match &mut self.via {
            Via::Hops(hops) => hops,
            _ => &mut [],
        }
    }

    pub(super) fn hops(&self) -> &[Hop] {
        match &self.via {
            Via::Hops(hops) => hops,
            _ => &[],
        }
    }

    pub(super) fn leads_over(&self, index: u32) -> bool {
        self.hops().iter().any(|hop| hop.dev == index)
    }

    /// What makes two routes one to the kernel.
    fn is_same(&self, other: &Self) -> bool {
        let same_via = match (&self.via, &other.via) {
            (Via::Hops(a), Via::Hops(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b)),
            (a, b) => a == b,
        };
        if self.is_v6() {
            return same_via;
        }
        same_via && (self.kind, self.protocol, self.prefsrc) == (other.kind, other.protocol, other.prefsrc)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    Hop(Hop),
    Blackhole,
    Group(Vec<(u32, u8)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) v6: bool,
    pub(super) priority: u32,
    pub(super) iif: Option<String>,
    pub(super) oif: Option<String>,
    pub(super) goto: Option<u32>,
    pub(super) detached_iif: bool,
    pub(super) detached_oif: bool,
    pub(super) unresolved: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub(super) link: u32,
    /// `None`: an entry of a bridge's forwarding table.
    pub(super) dst: Option<IpAddr>,
    pub(super) lladdr: u8,
    pub(super) state: u16,
    pub(super) proxy: bool,
}

/// One socket's queue, as `af_netlink.c` has it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: VecDeque<Vec<u8>>,
    room: usize,
    congested: bool,
    error: bool,
    pub(super) losses: u32,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    fn send(&mut self, message: Vec<u8>) {
        if self.congested || self.messages.len() >= self.room {
            self.overflow();
        } else {
            self.messages.push_back(message);
        }
    }

    pub(super) fn overflow(&mut self) {
        self.error |= !self.congested;
        self.losses += u32::from(!self.congested);
        self.congested = true;
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The next datagram; `None`: the queue is empty.
    pub(super) fn recv(&mut self) -> Result<Option<Vec<u8>>, ()> {
        if std::mem::take(&mut self.error) {
            self.congested &= !self.messages.is_empty();
            return Err(());
        }
        let first = self.messages.pop_front();
        self.congested &= !self.messages.is_empty();
        Ok(first)
    }
}

/// Why a dump ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Torn,
    NoDevice,
}

pub(super) struct Kernel {
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    pub(super) next_hops: BTreeMap<u32, NextHop>,
    pub(super) rules: Vec<Rule>,
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) queues: [Queue; 3],
    /// `net.ipv4.nexthop_compat_mode`.
    pub(super) compat: bool,
    /// What an operation has still to carry out.
    steps: VecDeque<Effect>,
    /// What happens while the mirror works: after so many points, this.
    pub(super) script: VecDeque<(u8, Op)>,
    /// Links, addresses and next hops that came or went so far.
    pub(super) comings: [u32; 3],
    /// All that was announced.
    pub(super) announced: HashSet<(Kind, Vec<u8>)>,
    /// The same, not looked at yet.
    pub(super) said: Vec<(Kind, Vec<u8>)>,
}

impl Kernel {
    pub(super) fn new(room: usize, compat: bool) -> Self {
        let lo = Link {
            name: "lo".into(),
            kind: "",
            up: true,
            carrier: true,
            mtu: 65536,
            alias: 0,
            qdisc: 0,
            leaving: false,
        };
        Self {
            links: [(LO, lo)].into(),
            addresses: Vec::new(),
            routes: Vec::new(),
            next_hops: BTreeMap::new(),
            rules: Vec::new(),
            neighbours: Vec::new(),
            queues: std::array::from_fn(|_| Queue::new(room)),
            compat,
            steps: VecDeque::new(),
            script: VecDeque::new(),
            comings: [0; 3],
            announced: HashSet::new(),
            said: Vec::new(),
        }
    }

    pub(super) fn queue(&mut self, lane: Lane) -> Option<&mut Queue> {
        self.queues.get_mut(lane as usize)
    }

    pub(super) fn announce(&mut self, kind: Kind, is_new: bool, flags: MessageFlags, payload: Vec<u8>) {
        let (message_type, lane) = match kind {
            Kind::Link => (16, Lane::Links),
            Kind::Address => (20, Lane::Links),
            Kind::Rule => (32, Lane::Links),
            Kind::Route => (24, Lane::Routes),
            Kind::NextHop => (104, Lane::Routes),
            _ => (28, Lane::Neighbours),
        };
        let message = wire::message(message_type + u16::from(!is_new), flags, &payload);
        self.said.push((kind, payload));
        if let Some(queue) = self.queue(lane) {
            queue.send(message);
        }
    }

    // ---- time

    /// Something may happen here, beside the mirror.
    pub(super) fn point(&mut self) {
        while let Some((gap, _)) = self.script.front_mut() {
            if *gap > 0 {
                *gap -= 1;
                return;
            }
            let Some((_, op)) = self.script.pop_front() else { return };
            self.apply(&op);
        }
    }

    /// So many steps of an operation under way.
    pub(super) fn proceed(&mut self, steps: u8) {
        for _ in 0..steps {
            let Some(step) = self.steps.pop_front() else { return };
            step(self);
        }
    }

    /// Waits for the lock: the operation under way ends.
    pub(super) fn lock(&mut self) {
        self.proceed(u8::MAX);
        assert!(self.steps.is_empty());
    }

    pub(super) fn then(&mut self, step: impl FnOnce(&mut Self) + 'static) {
        self.steps.push_back(Box::new(step));
    }

    // ---- links

    pub(super) fn tell_link(&mut self, index: u32) {
        if let Some(payload) = self.links.get(&index).map(|link| wire::link(index, link)) {
            self.announce(Kind::Link, true, MessageFlags::empty(), payload);
        }
    }

    pub(super) fn link_add(&mut self, name: &str, kind: &'static str, is_low: bool) {
        if self.index_of(name).is_some() {
            return;
        }
        let index = match is_low {
            true => (2..).find(|index| !self.links.contains_key(index)).unwrap_or(2),
            false => self.links.keys().max().map_or(2, |last| last + 1),
        };
        let link = Link {
            name: name.into(),
            kind,
            up: false,
            carrier: true,
            mtu: 1500,
            alias: 0,
            qdisc: 0,
            leaving: false,
        };
        self.links.insert(index, link);
        self.comings[0] += 1;
        self.attach(name, true);
        self.tell_link(index);
    }

    pub(super) fn index_of(&self, name: &str) -> Option<u32> {
        self.links.iter().find(|(_, link)| link.name == name).map(|(index, _)| *index)
    }

    /// Rules that name a link are attached to it, or not any more: silent.
    fn attach(&mut self, name: &str, is_there: bool) {
        for rule in &mut self.rules {
            if rule.iif.as_deref() == Some(name) {
                rule.detached_iif = !is_there;
            }
            if rule.oif.as_deref() == Some(name) {
                rule.detached_oif = !is_there;
            }
        }
    }

    pub(super) fn link_rename(&mut self, index: u32, name: &str) {
        if self.index_of(name).is_some() {
            return;
        }
        let Some(link) = self.links.get_mut(&index) else { return };
        let old = std::mem::replace(&mut link.name, name.into());
        self.attach(&old, false);
        self.attach(name, true);
        self.tell_link(index);
    }

    pub(super) fn link_up(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(&index).filter(|link| !link.up) else { return };
        (link.up, link.carrier) = (true, true);
        self.tell_link(index);
        self.then(move |kernel| kernel.revive_hops(index));
        self.then(move |kernel| {
            let nets = kernel.addresses.iter().filter(|it| it.link == index && it.net.addr().is_ipv4());
            for net in nets.map(|it| it.net).collect::<Vec<_>>() {
                kernel.route_insert(&connected(net, index), wire::CREATE | wire::EXCL);
            }
        });
        self.then(move |kernel| {
            let addr = Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(index));
            let net = Ipv6Net::new(addr, 64).unwrap().into();
            if !kernel.addresses.iter().any(|it| it.link == index && it.net == net) {
                kernel.addresses.push(Address { link: index, net, tentative: true });
                kernel.comings[1] += 1;
            }
        });
    }

    /// Duplicate address detection has ended.
    pub(super) fn dad(&mut self, index: u32) {
        let found = self.addresses.iter_mut().find(|it| it.link == index && it.tentative);
        if let Some(address) = found {
            address.tentative = false;
            let payload = wire::address(address);
            self.announce(Kind::Address, true, MessageFlags::empty(), payload);
        }
    }

    fn revive_hops(&mut self, index: u32) {
        for hop in self.routes.iter_mut().flat_map(Route::hops_mut).filter(|hop| hop.dev == index) {
            (hop.dead, hop.linkdown) = (false, false);
        }
    }

    pub(super) fn link_down(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(&index).filter(|link| link.up) else { return };
        link.up = false;
        self.tell_link(index);
        self.then(move |kernel| kernel.v4_down(index));
        self.then(move |kernel| kernel.flush_next_hops(index));
        self.then(move |kernel| kernel.v6_down(index));
        self.then(move |kernel| {
            let v6 = |it: &Address| it.link == index && it.net.addr().is_ipv6();
            let gone: Vec<Address> = kernel.addresses.iter().filter(|it| v6(it)).cloned().collect();
            gone.iter().for_each(|address| kernel.address_go(address));
        });
        self.then(move |kernel| kernel.neighbours_go(index, false));
    }

    /// IPv4: hops are dead, and routes that have none alive are gone, in silence.
    fn v4_down(&mut self, index: u32) {
        self.routes.retain_mut(|route| {
            if route.is_v6() || !route.leads_over(index) || route.table == LOCAL {
                return true;
            }
            mark_dead(route, index);
            route.hops().iter().any(|hop| !hop.dead)
        });
    }

    /// IPv6: the same, but what goes is announced, hop by hop.
    fn v6_down(&mut self, index: u32) {
        let mut told = Vec::new();
        let mut gone: Vec<Route> = Vec::new();
        self.routes.retain_mut(|route| {
            if !route.is_v6() || !route.leads_over(index) {
                return true;
            }
            mark_dead(route, index);
            let stays = route.hops().iter().any(|hop| !hop.dead);
            if !stays {
                gone.push(route.clone());
            }
            stays
        });
        for route in gone {
            for hop in route.hops() {
                told.push(Route { via: Via::Hops(vec![*hop]), ..route.clone() });
            }
        }
        for route in told {
            self.tell_route(&route, false, MessageFlags::empty());
        }
    }

    fn neighbours_go(&mut self, index: u32, with_fdb: bool) {
        let mut told = Vec::new();
        self.neighbours.retain(|it| {
            let goes = it.link == index && (with_fdb || it.dst.is_some());
            if goes && !it.proxy {
                told.push(wire::neighbour(it));
            }
            !goes
        });
        for payload in told {
            self.announce(Kind::Neighbour, false, MessageFlags::empty(), payload);
        }
    }

    pub(super) fn carrier(&mut self, index: u32, has: bool) {
        let Some(link) = self.links.get(&index).filter(|link| link.up && link.carrier != has) else { return };
        let _ = link;
        if let Some(link) = self.links.get_mut(&index) {
            link.carrier = has;
        }
        if has {
            self.then(move |kernel| kernel.revive_hops(index));
        } else {
            self.then(move |kernel| {
                let routes = kernel.routes.iter_mut().filter(|route| route.is_v6() || route.table != LOCAL);
                for hop in routes.flat_map(Route::hops_mut).filter(|hop| hop.dev == index) {
                    hop.linkdown = true;
                }
            });
            self.then(move |kernel| kernel.flush_next_hops(index));
        }
        self.then(move |kernel| kernel.tell_link(index));
    }

    pub(super) fn link_del(&mut self, index: u32) {
        if index == LO {
            return;
        }
        self.link_down(index);
        self.then(move |kernel| {
            if let Some(link) = kernel.links.get_mut(&index) {
                link.leaving = true;
            }
            kernel.comings[0] += 1;
        });
        self.then(move |kernel| {
            // Only the end of the local route of an IPv4 address is announced.
            let mine = kernel.addresses.iter().filter(|it| it.link == index).cloned().collect::<Vec<_>>();
            for address in mine {
                kernel.address_go(&address);
            }
        });
        self.then(move |kernel| kernel.routes.retain(|route| route.is_v6() || !route.leads_over(index)));
        self.then(move |kernel| kernel.v6_hops_go(index));
        self.then(move |kernel| kernel.neighbours_go(index, true));
        self.then(move |kernel| {
            let Some(link) = kernel.links.remove(&index) else { return };
            kernel.attach(&link.name, false);
            let payload = wire::link(index, &link);
            kernel.announce(Kind::Link, false, MessageFlags::empty(), payload);
        });
    }

    fn v6_hops_go(&mut self, index: u32) {
        let mut told = Vec::new();
        self.routes.retain_mut(|route| {
            if !route.is_v6() || !route.leads_over(index) {
                return true;
            }
            let copy = route.clone();
            let Via::Hops(hops) = &mut route.via else { return true };
            for hop in hops.iter().filter(|hop| hop.dev == index) {
                told.push(Route { via: Via::Hops(vec![*hop]), ..copy.clone() });
            }
            hops.retain(|hop| hop.dev != index);
            !hops.is_empty()
        });
        for route in told {
            self.tell_route(&route, false, MessageFlags::empty());
        }
    }

    // ---- addresses

    pub(super) fn address_add(&mut self, link: u32, net: IpNet) {
        if self.addresses.iter().any(|it| it.net == net) {
            return;
        }
        let Some(is_up) = self.links.get(&link).map(|link| link.up) else { return };
        if net.addr().is_ipv6() && !is_up {
            return;
        }
        let address = Address { link, net, tentative: false };
        let payload = wire::address(&address);
        self.addresses.push(address);
        self.comings[1] += 1;
        self.announce(Kind::Address, true, MessageFlags::empty(), payload);
        self.then(move |kernel| {
            kernel.route_insert(&host(net, link), wire::CREATE | wire::EXCL);
            if kernel.links.get(&link).is_some_and(|link| link.up) {
                kernel.route_insert(&connected(net, link), wire::CREATE | wire::EXCL);
            }
        });
    }

    pub(super) fn address_del(&mut self, address: &Address) {
        let Some(at) = self.addresses.iter().position(|it| it == address) else { return };
        self.addresses.remove(at);
        self.comings[1] += 1;
        self.announce(Kind::Address, false, MessageFlags::empty(), wire::address(address));
        let (net, index) = (address.net, address.link);
        self.then(move |kernel| {
            kernel.route_remove(&connected(net, index));
            kernel.route_remove(&host(net, index));
        });
        self.then(move |kernel| kernel.source_goes(net));
        let is_last = !self.addresses.iter().any(|it| it.link == index && it.net.addr().is_ipv4());
        if is_last && net.addr().is_ipv4() {
            self.then(move |kernel| kernel.v4_down(index));
        }
    }

    /// Of a link that is down, or goes.
    fn address_go(&mut self, address: &Address) {
        self.addresses.retain(|it| it != address);
        self.comings[1] += 1;
        self.announce(Kind::Address, false, MessageFlags::empty(), wire::address(address));
        self.route_remove(&connected(address.net, address.link));
        self.route_remove(&host(address.net, address.link));
        self.source_goes(address.net);
    }

    /// Routes that prefer an address as source: IPv4's of the main table go, announced; IPv6's forget it in silence.
    fn source_goes(&mut self, net: IpNet) {
        let source = Some(net.addr());
        let goes = |route: &Route| !route.is_v6() && route.prefsrc == source && route.table != 100;
        for route in self.routes.iter().filter(|route| goes(route)).cloned().collect::<Vec<_>>() {
            self.route_remove(&route);
        }
        for route in self.routes.iter_mut().filter(|route| route.is_v6() && route.prefsrc == source) {
            route.prefsrc = None;
        }
    }

    // ---- routes

    pub(super) fn tell_route(&mut self, route: &Route, is_new: bool, flags: MessageFlags) {
        let payload = wire::route(self, route);
        self.announce(Kind::Route, is_new, flags, payload);
    }

    fn route_insert(&mut self, route: &Route, flags: MessageFlags) {
        if self.routes.iter().any(|it| it.place() == route.place()) {
            return;
        }
        self.routes.push(route.clone());
        self.tell_route(route, true, flags);
    }

    /// Takes a route away, with an announcement, if it is there.
    fn route_remove(&mut self, route: &Route) {
        let found = self.routes.iter().position(|it| it.place() == route.place() && it.is_same(route));
        if let Some(at) = found {
            let route = self.routes.remove(at);
            self.tell_route(&route, false, MessageFlags::empty());
        }
    }

    /// Whether the kernel would take such a route now; its hops' marks are set.
    fn is_valid(&self, route: &mut Route) -> bool {
        if let Via::Object(id) = route.via {
            // Of one family, by its number (see `ops.rs`).
            return self.next_hops.contains_key(&id) && (id % 2 == 0) == route.is_v6();
        }
        let hops = route.hops_mut();
        for at in 0..hops.len() {
            let hop = hops[at];
            let Some(link) = self.links.get(&hop.dev).filter(|link| link.up && !link.leaving) else {
                return false;
            };
            hops[at].linkdown = !link.carrier;
            if hops[..at].iter().any(|other| other.is_same(&hop)) {
                return false;
            }
        }
        true
    }

    /// `ip route add`, `append`, `prepend`, `replace`.
    pub(super) fn route_new(&mut self, how: super::ops::How, mut route: Route) {
        use super::ops::How;
        if let Some(source) = route.prefsrc {
            route.prefsrc = self.addresses.iter().any(|it| it.net.addr() == source).then_some(source);
        }
        if !self.is_valid(&mut route) {
            return;
        }
        let siblings: Vec<usize> =
            (0..self.routes.len()).filter(|at| self.routes[*at].place() == route.place()).collect();
        let (Some(first), Some(last)) = (siblings.first().copied(), siblings.last().copied()) else {
            let is_set = route.is_v6() && route.hops().len() > 1;
            let flags = if is_set { wire::CREATE } else { wire::CREATE | wire::EXCL };
            self.routes.push(route.clone());
            return self.tell_route(&route, true, flags);
        };
        if how == How::Add {
            return;
        }
        let same = siblings.iter().copied().find(|at| self.routes[*at].is_same(&route));
        let (append, prepend) = (wire::CREATE | MessageFlags::APPEND, wire::CREATE);
        if !route.is_v6() {
            match (how, same) {
                (_, Some(_)) => {}
                (How::Append, None) => {
                    self.routes.insert(last + 1, route.clone());
                    self.tell_route(&route, true, append);
                }
                (How::Prepend, None) => {
                    self.routes.insert(first, route.clone());
                    self.tell_route(&route, true, prepend);
                }
                (_, None) => {
                    self.routes[first] = route.clone();
                    self.tell_route(&route, true, MessageFlags::REPLACE);
                }
            }
            return;
        }
        let alike = siblings.iter().copied().find(|at| self.routes[*at].is_ecmp() == route.is_ecmp());
        match how {
            How::Replace => {
                let victim = alike.unwrap_or(first);
                self.routes[victim] = route.clone();
                self.tell_route(&route, true, MessageFlags::REPLACE);
            }
            _ => {
                let flags = if how == How::Append { append } else { prepend };
                if let (true, Some(at)) = (route.is_ecmp(), alike) {
                    let known = self.routes[at].clone();
                    if route.hops().iter().any(|hop| known.hops().iter().any(|it| it.is_same(hop))) {
                        return;
                    }
                    // The whole set is announced, a single new hop first; it is dumped in order of age.
                    let old = known.hops().to_vec();
                    let new = route.hops().to_vec();
                    let all: Vec<Hop> = old.iter().chain(&new).copied().collect();
                    let said =
                        if new.len() == 1 { new.iter().chain(&old).copied().collect() } else { all.clone() };
                    let base = if new.len() == 1 && how == How::Append { &route } else { &known };
                    let said = Route { via: Via::Hops(said), ..base.clone() };
                    self.routes[at].via = Via::Hops(all);
                    let said = Route { protocol: known.protocol, prefsrc: known.prefsrc, ..said };
                    return self.tell_route(&said, true, flags);
                }
                if same.is_some() {
                    return;
                }
                self.routes.insert(last + 1, route.clone());
                self.tell_route(&route, true, flags);
            }
        }
    }

    /// `ip route del`: a route, or a hop of an IPv6 set.
    pub(super) fn route_del(&mut self, at: usize, hop: Option<usize>) {
        let Some(route) = self.routes.get(at).cloned() else { return };
        let count = route.hops().len();
        if let (true, Some(nth), true) = (route.is_v6(), hop, count > 1) {
            let Via::Hops(hops) = &mut self.routes[at].via else { return };
            let gone = hops.remove(nth % count);
            let part = Route { via: Via::Hops(vec![gone]), ..route };
            return self.tell_route(&part, false, MessageFlags::empty());
        }
        let route = self.routes.remove(at);
        self.tell_route(&route, false, MessageFlags::empty());
    }
}

fn mark_dead(route: &mut Route, index: u32) {
    for hop in route.hops_mut().iter_mut().filter(|hop| hop.dev == index) {
        (hop.dead, hop.linkdown) = (true, true);
    }
}

const KERNEL: u8 = 2;

fn over(dev: u32) -> Via {
    Via::Hops(vec![Hop { dev, gateway: None, dead: false, linkdown: false }])
}

/// The route to an address's network.
fn connected(net: IpNet, link: u32) -> Route {
    let (metric, prefsrc) = match net {
        IpNet::V4(_) => (0, Some(net.addr())),
        IpNet::V6(_) => (256, None),
    };
    Route { dst: net.trunc(), table: MAIN, metric, protocol: KERNEL, kind: 1, prefsrc, via: over(link) }
}

/// The local route of an address.
fn host(net: IpNet, link: u32) -> Route {
    let dst = match net.addr() {
        IpAddr::V4(addr) => Ipv4Net::new(addr, 32).unwrap().into(),
        IpAddr::V6(addr) => Ipv6Net::new(addr, 128).unwrap().into(),
    };
    let prefsrc = net.addr().is_ipv4().then(|| net.addr());
    Route { dst, table: LOCAL, metric: 0, protocol: KERNEL, kind: 2, prefsrc, via: over(link) }
}

pub(super) fn v4(third: u8, fourth: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, third, fourth).into()
}

pub(super) fn v6(third: u8, last: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, third.into(), 0, 0, 0, 0, last.into()).into()
}
