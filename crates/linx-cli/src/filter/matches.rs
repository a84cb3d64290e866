//! Asking an object, and the change that it is part of, whether a filter lets it through.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use linx::author::Author;
use linx::names::LinkNames;
use linx::nft::EntityRef;
use linx::words;
use linx_wire::addr::family;
use linx_wire::name::Name;
use linx_wire::route::{
    AddressView, LinkView, NeighbourView, NextHopView, ObjectRef, RouteView, RuleAction, RuleView,
};

use super::{Filter, LinkWord, Selector, Test};

/// What a filter is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) object: ObjectRef<'a>,
    /// `new`, `del` or `list`; `added`, `changed` or `removed`.
    pub(crate) op: &'static str,
    /// Why a mirror changed.
    pub(crate) cause: Option<&'static str>,
    /// The links of its namespace.
    pub(crate) links: &'a Links,
}

/// The links of a namespace, as far as filters ask about them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    pub(crate) names: LinkNames,
    /// Masters by index, of links that have one.
    masters: HashMap<u32, u32>,
    /// Alternative names by index, of links that have some.
    alternatives: HashMap<u32, Vec<Box<[u8]>>>,
    /// What sorts of links there are, by index.
    sorts: HashMap<u32, Sort>,
}

/// What a link is, as far as filters of what is on it ask.
#[derive(Clone, Debug)]
struct Sort {
    kind: Option<Box<[u8]>>,
    slave_kind: Option<Box<[u8]>>,
    group: u32,
}

impl Sort {
    fn of(link: &impl LinkView) -> Self {
        let bytes = |name: Option<Name<'_>>| name.map(|name| name.as_bytes().into());
        Self {
            kind: bytes(link.kind()),
            slave_kind: bytes(link.slave_kind()),
            group: link.attributes().group().unwrap_or_default(),
        }
    }

    fn is(&self, word: &str) -> bool {
        is_kind(self.kind.as_deref(), self.slave_kind.as_deref(), word)
    }
}

/// Whether `type WORD` means a link of this kind, whose master is of that kind: `bridge_slave`, as with ip.
fn is_kind(kind: Option<&[u8]>, slave_kind: Option<&[u8]>, word: &str) -> bool {
    kind == Some(word.as_bytes())
        || word.strip_suffix("_slave").is_some_and(|slave| slave_kind == Some(slave.as_bytes()))
}

impl Links {
    /// A link that is there, or has changed.
    pub(crate) fn insert(&mut self, link: &impl LinkView) {
        // What bridges and IPv6 say of a link is a part of it, and does not tell all.
        if link.is_part() {
            return;
        }
        let index = link.index();
        self.names.insert(index, link.name(), link.link_type());
        match link.master() {
            Some(master) => drop(self.masters.insert(index, master)),
            None => drop(self.masters.remove(&index)),
        }
        let alternatives: Vec<Box<[u8]>> = link.altnames().map(|name| name.as_bytes().into()).collect();
        if alternatives.is_empty() {
            self.alternatives.remove(&index);
        } else {
            self.alternatives.insert(index, alternatives);
        }
        self.sorts.insert(index, Sort::of(link));
    }

    /// A link that is gone.
    pub(crate) fn remove(&mut self, link: &impl LinkView) {
        if !link.is_part() {
            self.names.remove(link.index());
            self.masters.remove(&link.index());
            self.alternatives.remove(&link.index());
            self.sorts.remove(&link.index());
        }
    }

    fn is(&self, index: Option<u32>, word: &LinkWord) -> bool {
        let Some(index) = index else { return false };
        self.names.get(index).is_some_and(|link| word.is(link.name()))
            || self
                .alternatives
                .get(&index)
                .is_some_and(|names| names.iter().any(|name| word.is(Name::new(name))))
    }

    fn is_under(&self, index: Option<u32>, word: &LinkWord) -> bool {
        self.is(index.and_then(|index| self.masters.get(&index).copied()), word)
    }

    /// Whether there is a link of a kind.
    pub(crate) fn has_type(&self, word: &str) -> bool {
        self.sorts.values().any(|sort| sort.is(word))
    }

    /// The index of a link.
    pub(crate) fn index(&self, word: &LinkWord) -> Option<u32> {
        self.names.iter().map(|(index, _)| index).find(|index| self.is(Some(*index), word))
    }
}

/// Who made a change, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Who<'a> {
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<&'a [u8]>,
    pub(crate) login: Option<&'a str>,
    pub(crate) unit: Option<&'a str>,
    /// Full id of a container.
    pub(crate) container: Option<&'a str>,
    pub(crate) parent_pid: Option<u32>,
    pub(crate) parent_comm: Option<&'a [u8]>,
}

impl<'a> Who<'a> {
    /// What is known of an author.
    pub(crate) fn of(author: Option<&'a Author>) -> Self {
        let Some(author) = author else { return Self::default() };
        let parent = author.parent.as_ref();
        Self {
            pid: author.pid.or(author.tid),
            comm: author.comm.as_deref(),
            login: author.login.as_deref(),
            unit: author.unit.as_deref(),
            container: author.container.as_ref().map(|container| &*container.id),
            parent_pid: parent.map(|parent| parent.pid),
            parent_comm: parent.and_then(|parent| parent.comm.as_deref()),
        }
    }
}

/// Whether an object is of an address family (`AF_*`). Links and groups of next hops are of no family; a link's parts are
/// of one.
pub(crate) fn is_of(object: &ObjectRef<'_>, wanted: u8) -> bool {
    let have = object.family();
    have == wanted || (have == family::UNSPEC && wanted != family::BRIDGE)
}

impl Who<'_> {
    fn is(&self, word: &str) -> bool {
        if let Ok(pid) = word.parse::<u32>() {
            return self.pid == Some(pid) || self.parent_pid == Some(pid);
        }
        let unit = |unit: &str| unit == word || unit.strip_suffix(".service") == Some(word);
        // Twelve digits of a container's id are what its tools print.
        let container = |id: &str| id == word || (word.len() >= 12 && id.starts_with(word));
        // A thread's name has at most 15 bytes.
        let comm =
            |comm: &[u8]| comm == word.as_bytes() || (comm.len() == 15 && word.as_bytes().starts_with(comm));
        self.comm.is_some_and(comm)
            || self.parent_comm.is_some_and(comm)
            || self.login == Some(word)
            || self.unit.is_some_and(unit)
            || self.container.is_some_and(container)
    }
}

impl Filter {
    /// Whether everything but the author lets it through.
    #[inline]
    pub(crate) fn keeps(&self, subject: &Subject<'_>) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::By(_) => true,
            test => holds(test, subject) != term.not,
        })
    }

    /// Whether everything that is about objects lets one through, whatever became of it.
    pub(crate) fn keeps_object(&self, subject: &Subject<'_>) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::By(_) | Test::Op(_) | Test::Cause(_) => true,
            test => holds(test, subject) != term.not,
        })
    }

    /// Whether everything but the author lets an object of nf_tables through, of which this is told.
    pub(crate) fn keeps_nft(&self, object: &EntityRef<'_>, op: &str) -> bool {
        self.keeps_nft_of((object.family(), object.table()), op, None)
    }

    /// Whether everything that is about objects lets one of a table of a family through, whatever became of it.
    pub(crate) fn keeps_nft_object(&self, of: (u8, Option<Name<'_>>)) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::By(_) | Test::Op(_) | Test::Cause(_) => true,
            test => holds_of_nft(test, of) != term.not,
        })
    }

    /// The same, of an object of a table of a family, and why a mirror changed.
    pub(crate) fn keeps_nft_of(&self, of: (u8, Option<Name<'_>>), op: &str, cause: Option<&str>) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::By(_) => true,
            Test::Op(operation) => (operation == op) != term.not,
            Test::Cause(word) => (cause == Some(word)) != term.not,
            test => holds_of_nft(test, of) != term.not,
        })
    }

    /// A table of nf_tables that everything must be in, by its name and perhaps its family.
    pub(crate) fn nft_table(&self) -> Option<(Option<linx::nft::Family>, &LinkWord)> {
        self.terms.iter().find_map(|term| match &term.test {
            Test::NftTable(family, name) if !term.not => Some((*family, name)),
            _ => None,
        })
    }

    /// The one table of nf_tables that everything must be in.
    pub(crate) fn only_nft_table(&self) -> Option<(linx::nft::Family, &LinkWord)> {
        self.nft_table().and_then(|(family, name)| Some((family?, name)))
    }

    /// Whether the author of a change lets it through.
    pub(crate) fn keeps_author(&self, who: &Who<'_>) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::By(word) => who.is(word) != term.not,
            _ => true,
        })
    }
}

/// Of nf_tables nothing is asked but the table.
fn holds_of_nft(test: &Test, (family, table): (u8, Option<Name<'_>>)) -> bool {
    match test {
        Test::NftTable(wanted, name) => {
            wanted.is_none_or(|wanted| wanted.number() == family) && table.is_some_and(|table| name.is(table))
        }
        _ => false,
    }
}

fn holds(test: &Test, subject: &Subject<'_>) -> bool {
    let object = &subject.object;
    match test {
        Test::Dev(link) => on(object, subject.links, link),
        Test::Master(link) => under(object, subject.links, link),
        Test::Type(word) => is_type(object, subject.links, word),
        Test::Group(group) => match object {
            ObjectRef::Link(link) => link.attributes().group().unwrap_or_default() == *group,
            ObjectRef::Address(address) => {
                subject.links.sorts.get(&address.index()).is_some_and(|sort| sort.group == *group)
            }
            _ => false,
        },
        Test::Table(table) => match object {
            ObjectRef::Route(route) => table.is_none_or(|table| route.table() == table),
            ObjectRef::Rule(rule) => table.is_none_or(|table| rule.table() == table),
            _ => false,
        },
        Test::Proto { route, address } => match object {
            ObjectRef::Route(object) => *route == Some(object.protocol().into()),
            ObjectRef::Rule(object) => *route == Some(object.protocol().into()),
            ObjectRef::NextHop(object) => *route == Some(object.protocol().into()),
            ObjectRef::Neighbour(object) => *route == Some(object.protocol().into()),
            ObjectRef::Address(object) => *address == Some(object.protocol().into()),
            _ => false,
        },
        Test::To(selector, prefixes) => prefixes.iter().any(|prefix| leads_to(object, *selector, *prefix)),
        Test::Op(operation) => operation == subject.op,
        Test::Cause(cause) => subject.cause == Some(cause),
        Test::NftTable(..) => false,
        Test::By(_) => true,
    }
}

/// Whether it is the link, is on it, or leads through it.
fn on(object: &ObjectRef<'_>, links: &Links, word: &LinkWord) -> bool {
    match object {
        // A link names itself, also one whose name the table does not have yet or any more.
        ObjectRef::Link(link) if !link.is_part() => {
            word.is(link.name()) || link.altnames().any(|name| word.is(name))
        }
        ObjectRef::Link(link) => links.is(Some(link.index()), word),
        ObjectRef::Route(route) => {
            links.is(route.oif(), word) || route.hops().any(|hop| links.is(Some(hop.ifindex), word))
        }
        ObjectRef::Rule(rule) => [rule.iif(), rule.oif()].into_iter().flatten().any(|name| word.is(name)),
        other => links.is(other.ifindex(), word),
    }
}

fn under(object: &ObjectRef<'_>, links: &Links, word: &LinkWord) -> bool {
    match object {
        ObjectRef::Link(link) => match link.master() {
            Some(master) => links.is(Some(master), word),
            // A part of a link does not repeat the master.
            None => link.is_part() && links.is_under(Some(link.index()), word),
        },
        ObjectRef::Neighbour(neighbour) => {
            links.is(neighbour.master(), word) || links.is_under(Some(neighbour.index()), word)
        }
        ObjectRef::Route(route) => {
            links.is_under(route.oif(), word)
                || route.hops().any(|hop| links.is_under(Some(hop.ifindex), word))
        }
        other => links.is_under(other.ifindex(), word),
    }
}

fn is_type(object: &ObjectRef<'_>, links: &Links, word: &str) -> bool {
    match object {
        ObjectRef::Link(link) => {
            is_kind(link.kind().map(Name::as_bytes), link.slave_kind().map(Name::as_bytes), word)
        }
        // That of its link, as with ip.
        ObjectRef::Address(address) => links.sorts.get(&address.index()).is_some_and(|sort| sort.is(word)),
        ObjectRef::Route(route) => words::number(words::ROUTE_TYPES, word) == Some(route.route_type().into()),
        ObjectRef::Rule(rule) => {
            let action = match rule.action() {
                RuleAction::ToTable => "lookup",
                RuleAction::Goto => "goto",
                RuleAction::Nop => "nop",
                RuleAction::Blackhole => "blackhole",
                RuleAction::Unreachable => "unreachable",
                RuleAction::Prohibit => "prohibit",
                _ => return false,
            };
            action == word
        }
        ObjectRef::NextHop(next_hop) => match word {
            "blackhole" => next_hop.is_blackhole(),
            "group" => next_hop.is_group(),
            "fdb" => next_hop.is_fdb(),
            _ => false,
        },
        _ => false,
    }
}

fn leads_to(object: &ObjectRef<'_>, selector: Selector, prefix: IpNet) -> bool {
    match object {
        ObjectRef::Route(route) => {
            let wanted = if selector == Selector::Plain { Selector::Exact } else { selector };
            route.destination().is_some_and(|to| compare(to, wanted, prefix))
        }
        ObjectRef::Address(address) => address
            .local()
            .is_some_and(|local| compare_address(local, address.prefix_len(), selector, prefix)),
        ObjectRef::Neighbour(neighbour) => {
            neighbour.dst().is_some_and(|address| compare_address(address, u8::MAX, selector, prefix))
        }
        ObjectRef::Rule(rule) => match rule.to() {
            Some(to) => {
                compare(to, if selector == Selector::Plain { Selector::Exact } else { selector }, prefix)
            }
            // Without a destination a rule is for all of its family.
            None => is_all(rule.family(), prefix) && selector != Selector::Root,
        },
        ObjectRef::NextHop(next_hop) => {
            next_hop.gateway().is_some_and(|gateway| compare_address(gateway, u8::MAX, selector, prefix))
        }
        _ => false,
    }
}

fn is_all(of: u8, prefix: IpNet) -> bool {
    prefix.prefix_len() == 0 && (of == family::INET6) == matches!(prefix, IpNet::V6(_))
}

fn compare(to: IpNet, selector: Selector, prefix: IpNet) -> bool {
    match selector {
        Selector::Exact => to == prefix,
        Selector::Plain | Selector::Root => prefix.contains(&to),
        Selector::Match => to.contains(&prefix),
    }
}

/// An address of a link has a length, others stand for themselves.
fn compare_address(address: IpAddr, length: u8, selector: Selector, prefix: IpNet) -> bool {
    let own = IpNet::new(address, length).unwrap_or_else(|_| IpNet::from(address));
    match selector {
        Selector::Exact => own.trunc() == prefix,
        Selector::Plain | Selector::Root => prefix.contains(&address),
        Selector::Match => own.trunc().contains(&prefix),
    }
}
