//! The rest of what the model kernel does: next hop objects, rules, neighbours.

use linx_wire::Kind;
use linx_wire::header::MessageFlags;

use super::kernel::{Kernel, Neighbour, NextHop, Route, Rule, Via};
use super::wire;

const NONE: MessageFlags = MessageFlags::empty();

impl Kernel {
    // ---- next hop objects

    fn tell_next_hop(&mut self, id: u32, is_new: bool, flags: MessageFlags) {
        if let Some(payload) = self.next_hops.get(&id).map(|it| wire::next_hop(id, it)) {
            self.announce(Kind::NextHop, is_new, flags, payload);
        }
    }

    /// `ip nexthop add` and `replace`.
    pub(super) fn next_hop_new(&mut self, id: u32, object: NextHop, replace: bool) {
        let known = self.next_hops.get(&id);
        let is_group = |it: &NextHop| matches!(it, NextHop::Group(_));
        let is_usable = match &object {
            NextHop::Hop(hop) => {
                self.links.get(&hop.dev).is_some_and(|it| it.up && it.carrier && !it.leaving)
            }
            NextHop::Blackhole => true,
            NextHop::Group(members) => {
                let mut ids: Vec<u32> = members.iter().map(|(id, _)| *id).collect();
                ids.sort_unstable();
                ids.dedup();
                let hop = |id: &u32| matches!(self.next_hops.get(id), Some(NextHop::Hop(_)));
                // Families are not mixed: IPv4 and IPv6 gateways have ids of their own (see `ops.rs`).
                !ids.is_empty() && ids.len() == members.len() && ids.iter().all(hop)
            }
        };
        let is_mixed = known.is_some_and(|known| is_group(known) != is_group(&object));
        // A blackhole is no member of a group.
        let is_member = |id| {
            let groups = self.next_hops.values();
            groups
                .filter_map(|it| if let NextHop::Group(of) = it { Some(of) } else { None })
                .flatten()
                .any(|(it, _)| *it == id)
        };
        let is_refused = object == NextHop::Blackhole && is_member(id) || is_mixed;
        if !is_usable || is_refused || known.is_some() && !replace {
            return;
        }
        let flags = match (known.is_some(), replace) {
            (true, _) => wire::CREATE | MessageFlags::REPLACE,
            (false, true) => wire::CREATE | MessageFlags::REPLACE,
            (false, false) => wire::CREATE | wire::EXCL,
        };
        let is_replaced = known.is_some();
        self.comings[2] += 1;
        self.next_hops.insert(id, object);
        self.tell_next_hop(id, true, flags);
        if is_replaced && self.compat {
            self.then(move |kernel| {
                let groups = kernel.groups_of(id);
                let uses =
                    |route: &&Route| matches!(route.via, Via::Object(it) if it == id || groups.contains(&it));
                for route in kernel.routes.iter().filter(uses).cloned().collect::<Vec<_>>() {
                    kernel.tell_route(&route, true, MessageFlags::REPLACE);
                }
            });
        }
    }

    fn groups_of(&self, id: u32) -> Vec<u32> {
        let is_in =
            |object: &NextHop| matches!(object, NextHop::Group(of) if of.iter().any(|(it, _)| *it == id));
        self.next_hops.iter().filter(|(_, object)| is_in(object)).map(|(id, _)| *id).collect()
    }

    /// `ip nexthop del`: announced before what follows from it is carried out.
    pub(super) fn next_hop_del(&mut self, id: u32) {
        if !self.next_hops.contains_key(&id) {
            return;
        }
        self.tell_next_hop(id, false, NONE);
        self.comings[2] += 1;
        // Out of the tree at once; routes still show what it was, which is of no interest.
        let groups = self.groups_of(id);
        let object = self.next_hops.remove(&id);
        if self.compat {
            let gone: Vec<Route> =
                self.routes.iter().filter(|it| it.via == Via::Object(id)).cloned().collect();
            if let Some(object) = object {
                // As they are told, they have it still.
                self.next_hops.insert(id, object);
                let told: Vec<Vec<u8>> =
                    gone.iter().filter(|it| it.is_v6()).map(|it| wire::route(self, it)).collect();
                self.next_hops.remove(&id);
                self.then(move |kernel| kernel.routes_of_object_go(id, told));
            }
        } else {
            self.then(move |kernel| kernel.routes_of_object_go(id, Vec::new()));
        }
        for group in groups {
            self.then(move |kernel| kernel.leave(group, id, true));
        }
    }

    /// Routes by an object go: IPv4's in silence, IPv6's announced.
    fn routes_of_object_go(&mut self, id: u32, told: Vec<Vec<u8>>) {
        self.routes.retain(|route| route.via != Via::Object(id));
        for payload in told {
            self.announce(Kind::Route, false, NONE, payload);
        }
    }

    /// An object leaves a group, which goes with its last.
    fn leave(&mut self, group: u32, id: u32, is_told: bool) {
        let Some(NextHop::Group(members)) = self.next_hops.get_mut(&group) else { return };
        if members.len() > 1 {
            members.retain(|(it, _)| *it != id);
            if is_told {
                self.tell_next_hop(group, true, MessageFlags::REPLACE);
            }
            return;
        }
        if is_told {
            return self.next_hop_del(group);
        }
        let told = if self.compat {
            let mine = self.routes.iter().filter(|it| it.is_v6() && it.via == Via::Object(group));
            mine.map(|it| wire::route(self, it)).collect()
        } else {
            Vec::new()
        };
        self.next_hops.remove(&group);
        self.routes_of_object_go(group, told);
    }

    /// The objects on a link go with it, in silence.
    pub(super) fn flush_next_hops(&mut self, index: u32) {
        let on = |object: &NextHop| matches!(object, NextHop::Hop(hop) if hop.dev == index);
        let gone: Vec<u32> = self.next_hops.iter().filter(|(_, it)| on(it)).map(|(id, _)| *id).collect();
        for id in gone {
            let mine = self.routes.iter().filter(|it| it.is_v6() && it.via == Via::Object(id));
            let told = if self.compat { mine.map(|it| wire::route(self, it)).collect() } else { Vec::new() };
            let groups = self.groups_of(id);
            self.next_hops.remove(&id);
            self.comings[2] += 1;
            self.routes_of_object_go(id, told);
            for group in groups {
                self.leave(group, id, false);
            }
        }
    }

    // ---- rules

    pub(super) fn rule_add(&mut self, mut rule: Rule) {
        let is_gone = |kernel: &Self, name: &Option<String>| {
            name.as_ref().is_some_and(|name| kernel.index_of(name).is_none())
        };
        rule.detached_iif = is_gone(self, &rule.iif);
        rule.detached_oif = is_gone(self, &rule.oif);
        if let Some(target) = rule.goto {
            if target <= rule.priority {
                return;
            }
            let is_there = |it: &Rule| it.v6 == rule.v6 && it.priority == target;
            rule.unresolved = !self.rules.iter().any(is_there);
        }
        // Those that jump to it find it, in silence, before it is announced.
        for other in &mut self.rules {
            if other.v6 == rule.v6 && other.goto == Some(rule.priority) {
                other.unresolved = false;
            }
        }
        let payload = wire::rule(&rule);
        let at = self.rules.iter().position(|it| (it.v6, it.priority) > (rule.v6, rule.priority));
        self.rules.insert(at.unwrap_or(self.rules.len()), rule);
        self.announce(Kind::Rule, true, wire::CREATE, payload);
    }

    pub(super) fn rule_del(&mut self, at: usize) {
        if at >= self.rules.len() {
            return;
        }
        let rule = self.rules.remove(at);
        let is_there = |it: &Rule| it.v6 == rule.v6 && it.priority == rule.priority;
        if !self.rules.iter().any(is_there) {
            for other in &mut self.rules {
                if other.v6 == rule.v6 && other.goto == Some(rule.priority) {
                    other.unresolved = true;
                }
            }
        }
        self.announce(Kind::Rule, false, NONE, wire::rule(&rule));
    }

    // ---- neighbours

    pub(super) fn neighbour_new(&mut self, neighbour: Neighbour) {
        let link = self.links.get(&neighbour.link);
        let is_usable = match neighbour.dst {
            Some(_) => link.is_some_and(|link| link.up),
            None => link.is_some(),
        };
        if !is_usable || link.is_some_and(|link| link.leaving) {
            return;
        }
        let is_same = |it: &Neighbour| {
            let entry = |it: &Neighbour| it.dst.is_none().then_some(it.lladdr);
            (it.link, it.dst, it.proxy, entry(it))
                == (neighbour.link, neighbour.dst, neighbour.proxy, entry(&neighbour))
        };
        // A bridge has one entry of an address: it moves from port to port.
        self.neighbours.retain(|it| {
            let is_entry = it.dst.is_none() && neighbour.dst.is_none();
            !is_entry || it.lladdr != neighbour.lladdr || it.link == neighbour.link
        });
        let known = self.neighbours.iter().position(is_same);
        if known.is_some_and(|at| self.neighbours[at] == neighbour) {
            return;
        }
        let payload = (!neighbour.proxy).then(|| wire::neighbour(&neighbour));
        match known {
            Some(at) => self.neighbours[at] = neighbour,
            None => {
                self.neighbours
                    .insert(usize::from(neighbour.lladdr) % (self.neighbours.len() + 1), neighbour);
            }
        }
        if let Some(payload) = payload {
            self.announce(Kind::Neighbour, true, wire::CREATE, payload);
        }
    }

    pub(super) fn neighbour_del(&mut self, at: usize) {
        if at >= self.neighbours.len() {
            return;
        }
        let neighbour = self.neighbours.remove(at);
        if !neighbour.proxy {
            self.announce(Kind::Neighbour, false, NONE, wire::neighbour(&neighbour));
        }
    }
}
