//! What the kernel answers to a dump, decoded, and the names of the links.

use std::time::Duration;

use linx::names::LinkNames;
use linx_sys::{Netns, Protocol, RecvBuf, Socket};
use linx_wire::addr::family;
use linx_wire::emit::Request;
use linx_wire::header::{Ack, Messages, control};
use linx_wire::route::{
    AddressFilter, LinkDetail, LinkFilter, NeighbourFilter, NextHopFilter, Object, RouteFilter, RuleFilter,
};

/// Every object of a dump.
pub(crate) fn dump(netns: &Netns, request: Request) -> Vec<Object> {
    let socket = Socket::open(Protocol::ROUTE, netns).unwrap();
    socket.set_strict_checking(true).unwrap();
    let mut buf = RecvBuf::for_events();
    socket.send(&request.finish(socket.next_seq(), 0).unwrap()).unwrap();
    let mut objects = Vec::new();
    loop {
        let received = socket.recv_timeout(&mut buf, Some(Duration::from_secs(30))).unwrap();
        for message in Messages::new(received.bytes()) {
            let message = message.unwrap();
            match message.header.message_type {
                control::DONE => return objects,
                control::ERROR => panic!("{:?}", Ack::decode(&message)),
                number => {
                    objects.extend(Object::decode(number, message.payload).unwrap().map(|object| object.1));
                }
            }
        }
    }
}

/// The kinds that are dumped, by the words of ip that list the same.
pub(crate) struct State {
    pub(crate) links: Vec<Object>,
    pub(crate) addresses: Vec<Object>,
    pub(crate) routes: Vec<Object>,
    pub(crate) routes6: Vec<Object>,
    pub(crate) rules: Vec<Object>,
    pub(crate) rules6: Vec<Object>,
    pub(crate) next_hops: Vec<Object>,
    pub(crate) neighbours: Vec<Object>,
    pub(crate) proxies: Vec<Object>,
    pub(crate) entries: Vec<Object>,
    pub(crate) names: LinkNames,
}

impl State {
    pub(crate) fn of(netns: &Netns) -> Self {
        let links = dump(netns, LinkFilter { detail: LinkDetail::VF, ..LinkFilter::default() }.request());
        let mut names = LinkNames::new();
        for link in &links {
            let Object::Link(link) = link else { panic!("{link:?}") };
            names.update(link);
        }
        let routes = |family| dump(netns, RouteFilter { family, ..RouteFilter::default() }.request());
        let rules = |family| dump(netns, RuleFilter { family, ..RuleFilter::default() }.request());
        let proxies = NeighbourFilter { proxy: Some(true), ..NeighbourFilter::default() };
        Self {
            links,
            addresses: dump(netns, AddressFilter::default().request()),
            routes: routes(family::INET),
            routes6: routes(family::INET6),
            rules: rules(family::INET),
            rules6: rules(family::INET6),
            next_hops: dump(netns, NextHopFilter::default().request()),
            neighbours: dump(netns, NeighbourFilter::default().request()),
            proxies: dump(netns, proxies.request()),
            entries: dump(netns, NeighbourFilter::fdb().request()),
            names,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        let lists = [
            &self.links,
            &self.addresses,
            &self.routes,
            &self.routes6,
            &self.rules,
            &self.rules6,
            &self.next_hops,
            &self.neighbours,
            &self.proxies,
            &self.entries,
        ];
        lists.into_iter().flatten()
    }
}
