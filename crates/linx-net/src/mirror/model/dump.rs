//! Dumps of the model kernel: some under the lock, some not; things happen between their parts.

use std::collections::BTreeSet;

use ipnet::IpNet;
use linx_wire::Kind;
use linx_wire::addr::family;

use super::super::implied::Scope;
use super::kernel::{Kernel, Neighbour, Refused, Route};
use super::wire;

/// Objects of a part of a dump.
const PART: usize = 2;

impl Kernel {
    /// What a reading asks for.
    pub(super) fn dump(
        &mut self,
        scope: &Scope,
        each: &mut dyn FnMut(&mut Self, &[u8]),
    ) -> Result<(), Refused> {
        match scope.kind {
            Kind::Link => self.dump_links(scope, each),
            Kind::Address => self.dump_addresses(scope, each),
            Kind::Rule => {
                for v6 in [false, true] {
                    self.dump_list(each, |kernel| {
                        kernel.rules.iter().filter(|rule| rule.v6 == v6).map(wire::rule).collect()
                    });
                }
                Ok(())
            }
            Kind::NextHop => self.dump_next_hops(each),
            Kind::Route => self.dump_routes(scope, each),
            Kind::Neighbour => {
                let shown = |kernel: &Self, which: &dyn Fn(&Neighbour) -> bool| {
                    kernel.neighbours.iter().filter(|it| which(it)).map(wire::neighbour).collect()
                };
                if scope.index.is_none() {
                    self.dump_list(each, |kernel| shown(kernel, &|it| !it.proxy && it.dst.is_some()));
                    self.dump_list(each, |kernel| shown(kernel, &|it| it.dst.is_none()));
                }
                let index = scope.index;
                self.dump_list(each, |kernel| {
                    shown(kernel, &|it| it.proxy && index.is_none_or(|index| index == it.link))
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn dump_links(&mut self, scope: &Scope, each: &mut dyn FnMut(&mut Self, &[u8])) -> Result<(), Refused> {
        self.lock();
        if let Some(index) = scope.index {
            let payload = self.links.get(&index).map(|link| wire::link(index, link));
            each(self, &payload.ok_or(Refused::NoDevice)?);
            return Ok(());
        }
        let (mut next, comings) = (0, self.comings[0]);
        loop {
            self.lock();
            let part: Vec<u32> = self.links.range(next..).map(|(index, _)| *index).take(PART).collect();
            let Some(last) = part.last() else { break };
            next = last + 1;
            for payload in part.iter().map(|index| wire::link(*index, &self.links[index])).collect::<Vec<_>>()
            {
                each(self, &payload);
            }
            self.point();
        }
        if comings == self.comings[0] { Ok(()) } else { Err(Refused::Torn) }
    }

    fn dump_addresses(
        &mut self,
        scope: &Scope,
        each: &mut dyn FnMut(&mut Self, &[u8]),
    ) -> Result<(), Refused> {
        let (mut at, comings) = (0, self.comings[1]);
        loop {
            if scope.index.is_some_and(|index| self.links.get(&index).is_none_or(|link| link.leaving)) {
                return Err(Refused::NoDevice);
            }
            let part: Vec<Vec<u8>> = self
                .addresses
                .iter()
                .filter(|it| is_family(scope, it.net) && scope.index.is_none_or(|index| index == it.link))
                .skip(at)
                .take(PART)
                .map(wire::address)
                .collect();
            if part.is_empty() {
                break;
            }
            at += part.len();
            part.iter().for_each(|payload| each(self, payload));
            self.point();
        }
        if comings == self.comings[1] { Ok(()) } else { Err(Refused::Torn) }
    }

    fn dump_next_hops(&mut self, each: &mut dyn FnMut(&mut Self, &[u8])) -> Result<(), Refused> {
        self.lock();
        let (mut next, comings) = (0, self.comings[2]);
        loop {
            self.lock();
            let part: Vec<u32> = self.next_hops.range(next..).map(|(id, _)| *id).take(PART).collect();
            let Some(last) = part.last() else { break };
            next = last + 1;
            for payload in part.iter().map(|id| wire::next_hop(*id, &self.next_hops[id])).collect::<Vec<_>>()
            {
                each(self, &payload);
            }
            self.point();
        }
        if comings == self.comings[2] { Ok(()) } else { Err(Refused::Torn) }
    }

    /// By place in a list, whatever comes and goes meanwhile: torn in silence.
    fn dump_list(&mut self, each: &mut dyn FnMut(&mut Self, &[u8]), list: impl Fn(&Self) -> Vec<Vec<u8>>) {
        let mut at = 0;
        loop {
            let all = list(self);
            let part = all.get(at..all.len().min(at + PART)).unwrap_or_default();
            if part.is_empty() {
                return;
            }
            at += part.len();
            part.iter().for_each(|payload| each(self, payload));
            self.point();
        }
    }

    /// In the order of their destinations, each as it is when its turn comes.
    fn dump_routes(&mut self, scope: &Scope, each: &mut dyn FnMut(&mut Self, &[u8])) -> Result<(), Refused> {
        let mut done: Option<(u32, IpNet)> = None;
        loop {
            if scope.index.is_some_and(|index| self.links.get(&index).is_none_or(|link| link.leaving)) {
                return Err(Refused::NoDevice);
            }
            let is_asked =
                |it: &&Route| is_family(scope, it.dst) && scope.table.is_none_or(|table| table == it.table);
            let leaves: BTreeSet<(u32, IpNet)> =
                self.routes.iter().filter(is_asked).map(|it| (it.table, it.dst)).collect();
            let Some(leaf) = leaves.into_iter().find(|leaf| done.is_none_or(|done| *leaf > done)) else {
                return Ok(());
            };
            done = Some(leaf);
            for payload in self.leaf(leaf) {
                each(self, &payload);
            }
            self.point();
        }
    }

    /// The routes of a table to one destination, in the kernel's order.
    fn leaf(&self, leaf: (u32, IpNet)) -> Vec<Vec<u8>> {
        let mut routes: Vec<&Route> = self.routes.iter().filter(|it| (it.table, it.dst) == leaf).collect();
        routes.sort_by_key(|it| it.metric);
        routes.into_iter().map(|it| wire::route(self, it)).collect()
    }

    /// Everything of a kind, at once.
    pub(super) fn all(&self, kind: Kind) -> Vec<Vec<u8>> {
        match kind {
            Kind::Link => self.links.iter().map(|(index, link)| wire::link(*index, link)).collect(),
            Kind::Address => self.addresses.iter().map(wire::address).collect(),
            Kind::Rule => self.rules.iter().map(wire::rule).collect(),
            Kind::NextHop => self.next_hops.iter().map(|(id, it)| wire::next_hop(*id, it)).collect(),
            Kind::Route => {
                let leaves: BTreeSet<(u32, IpNet)> =
                    self.routes.iter().map(|it| (it.table, it.dst)).collect();
                leaves.into_iter().flat_map(|leaf| self.leaf(leaf)).collect()
            }
            _ => self.neighbours.iter().map(wire::neighbour).collect(),
        }
    }
}

fn is_family(scope: &Scope, net: IpNet) -> bool {
    match scope.family {
        family::INET => matches!(net, IpNet::V4(_)),
        family::INET6 => matches!(net, IpNet::V6(_)),
        _ => true,
    }
}
