//! The kinds that are listed: their dumps, their filters, and a handle's methods for them.

use std::net::IpAddr;

use linx_sys::{Group, Netns};
use linx_wire::Decode;
use linx_wire::emit::Request;
use linx_wire::name::Name;
use linx_wire::route::{
    Address, AddressFilter, AddressRef, Link, LinkDetail, LinkFilter, LinkRef, Neighbour, NeighbourFilter,
    NeighbourRef, NextHop, NextHopFilter, NextHopRef, NsId, NsIdRef, Route, RouteFilter, RouteQuery,
    RouteRef, Rule, RuleFilter, RuleRef, filter, query,
};

use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::key::Key;
use crate::list::{List, Listed};
use crate::oversize::{self, Part, Seen, Take};

impl Listed for Link {
    type Filter = LinkFilter;
    const OPERATION: &'static str = "list link";

    fn request(filter: &LinkFilter) -> Request {
        filter.request()
    }

    fn matches(filter: &LinkFilter, link: LinkRef<'_>) -> bool {
        filter.matches(&link)
    }

    fn key(link: LinkRef<'_>) -> Key {
        Key::of(&link)
    }
}

impl Listed for Address {
    type Filter = AddressFilter;
    const OPERATION: &'static str = "list address";

    fn request(filter: &AddressFilter) -> Request {
        filter.request()
    }

    fn matches(filter: &AddressFilter, address: AddressRef<'_>) -> bool {
        filter.matches(&address)
    }

    fn key(address: AddressRef<'_>) -> Key {
        Key::of(&address)
    }
}

impl Listed for Route {
    type Filter = RouteFilter;
    const OPERATION: &'static str = "list route";

    fn request(filter: &RouteFilter) -> Request {
        oversize::request(filter)
    }

    fn matches(filter: &RouteFilter, route: RouteRef<'_>) -> bool {
        filter.matches(&route)
    }

    fn key(route: RouteRef<'_>) -> Key {
        Key::of(&route)
    }

    fn take(filter: &RouteFilter, payload: &[u8], part: Option<&Part>) -> Take {
        oversize::take(filter, payload, part)
    }

    fn note(seen: &mut Seen, route: &RouteRef<'_>) {
        oversize::note(seen, route);
    }

    fn rest(handle: &Handle, filter: &RouteFilter, seen: &Seen) -> Vec<Part> {
        oversize::rest(handle, filter, seen)
    }
}

impl Listed for Neighbour {
    type Filter = NeighbourFilter;
    const OPERATION: &'static str = "list neigh";
    const WATCH: &'static [Group] = &[Group::NEIGH];

    fn request(filter: &NeighbourFilter) -> Request {
        filter.request()
    }

    fn matches(filter: &NeighbourFilter, neighbour: NeighbourRef<'_>) -> bool {
        filter.matches(&neighbour)
    }

    fn key(neighbour: NeighbourRef<'_>) -> Key {
        Key::of(&neighbour)
    }
}

impl Listed for Rule {
    type Filter = RuleFilter;
    const OPERATION: &'static str = "list rule";
    const WATCH: &'static [Group] = &[Group::IPV4_RULE, Group::IPV6_RULE];

    fn request(filter: &RuleFilter) -> Request {
        filter.request()
    }

    fn matches(filter: &RuleFilter, rule: RuleRef<'_>) -> bool {
        filter.matches(&rule)
    }

    fn key(rule: RuleRef<'_>) -> Key {
        Key::of(&rule)
    }
}

impl Listed for NextHop {
    type Filter = NextHopFilter;
    const OPERATION: &'static str = "list nexthop";

    fn request(filter: &NextHopFilter) -> Request {
        filter.request()
    }

    fn matches(filter: &NextHopFilter, next_hop: NextHopRef<'_>) -> bool {
        filter.matches(&next_hop)
    }

    fn key(next_hop: NextHopRef<'_>) -> Key {
        Key::of(&next_hop)
    }
}

impl Listed for NsId {
    type Filter = ();
    const OPERATION: &'static str = "list nsid";

    fn request((): &()) -> Request {
        filter::nsids()
    }

    fn matches((): &(), _: NsIdRef<'_>) -> bool {
        true
    }

    fn key(nsid: NsIdRef<'_>) -> Key {
        Key::of(&nsid)
    }
}

impl Handle {
    /// Links: network devices.
    pub fn links(&self) -> List<Link> {
        self.links_by(LinkFilter::default())
    }

    /// Some of the links.
    pub fn links_by(&self, filter: LinkFilter) -> List<Link> {
        List::new(self, filter)
    }

    /// The link with this name, or with this alternative name.
    ///
    /// # Errors
    /// `Kernel` with ENODEV when there is none; otherwise as lists.
    pub fn link_by_name(&self, name: impl AsRef<[u8]>) -> Result<Link> {
        let name = name.as_ref();
        self.one(query::link_by_name(name, LinkDetail::default()), &format!("link {}", Name::new(name)))
    }

    /// The link with this index.
    ///
    /// # Errors
    /// As [`link_by_name`](Self::link_by_name).
    pub fn link_by_index(&self, index: u32) -> Result<Link> {
        self.one(query::link_by_index(index, LinkDetail::default()), &format!("link {index}"))
    }

    /// IP addresses.
    pub fn addresses(&self) -> List<Address> {
        self.addresses_by(AddressFilter::default())
    }

    /// Some of the IP addresses.
    pub fn addresses_by(&self, filter: AddressFilter) -> List<Address> {
        List::new(self, filter)
    }

    /// Routes, of all tables and families.
    pub fn routes(&self) -> List<Route> {
        self.routes_by(RouteFilter::default())
    }

    /// Some of the routes.
    pub fn routes_by(&self, filter: RouteFilter) -> List<Route> {
        List::new(self, filter)
    }

    /// Neighbours: ARP and neighbour discovery entries. Proxy entries are listed when a filter asks for them alone,
    /// forwarding entries by [`NeighbourFilter::fdb`].
    pub fn neighbours(&self) -> List<Neighbour> {
        self.neighbours_by(NeighbourFilter::default())
    }

    /// Some of the neighbours.
    pub fn neighbours_by(&self, filter: NeighbourFilter) -> List<Neighbour> {
        List::new(self, filter)
    }

    /// Routing policy rules.
    pub fn rules(&self) -> List<Rule> {
        self.rules_by(RuleFilter::default())
    }

    /// Some of the rules.
    pub fn rules_by(&self, filter: RuleFilter) -> List<Rule> {
        List::new(self, filter)
    }

    /// Next hop objects and their groups.
    pub fn nexthops(&self) -> List<NextHop> {
        self.nexthops_by(NextHopFilter::default())
    }

    /// Some of the next hop objects.
    pub fn nexthops_by(&self, filter: NextHopFilter) -> List<NextHop> {
        List::new(self, filter)
    }

    /// Ids by which this namespace knows others.
    pub fn nsids(&self) -> List<NsId> {
        List::new(self, ())
    }

    /// The kernel's decision: the route that a packet to `destination` takes.
    ///
    /// # Errors
    /// `Kernel` with ENETUNREACH or EHOSTUNREACH when there is none, EINVAL for a query that contradicts itself;
    /// otherwise as lists.
    ///
    /// ```
    /// use linx::{Handle, RouteQuery, RouteView};
    ///
    /// let route = Handle::host()?.route_get("127.0.0.1".parse().unwrap(), &RouteQuery::default())?;
    /// assert_eq!(route.oif(), Some(1));
    /// # Ok::<(), linx::Error>(())
    /// ```
    pub fn route_get(&self, destination: IpAddr, query: &RouteQuery) -> Result<Route> {
        self.one(query.request(destination), &format!("route get {destination}"))
    }

    /// The id of the namespace that a process lives in, as this namespace knows it; `None` when it has none here.
    ///
    /// # Errors
    /// `Kernel` with ESRCH when there is no such process.
    pub fn nsid_of_pid(&self, pid: u32) -> Result<Option<i32>> {
        use linx_wire::route::NsIdView;
        let found: NsId = self.one(query::nsid_of_pid(pid), &format!("nsid of pid {pid}"))?;
        Ok(Some(found.nsid()).filter(|nsid| *nsid >= 0))
    }

    /// The id of another namespace as this one knows it; `None` when it has none here.
    ///
    /// # Errors
    /// `NamespaceGone`, `Permission` when the other cannot be opened; otherwise as lists.
    pub fn nsid_of(&self, other: &Netns) -> Result<Option<i32>> {
        use linx_wire::route::NsIdView;
        use std::os::fd::AsRawFd;
        let operation = format!("nsid of {other}");
        let fd = other.open().map_err(|error| Error::system(&*operation, error))?;
        let number = u32::try_from(fd.as_raw_fd()).map_err(|_| self.error(ErrorKind::Io, &operation))?;
        let found: NsId = self.one(query::nsid_of_fd(number), &operation)?;
        Ok(Some(found.nsid()).filter(|nsid| *nsid >= 0))
    }

    /// The one object that answers a request.
    pub(crate) fn one<T: Decode>(&self, request: Request, operation: &str) -> Result<T> {
        let mut found = None;
        self.ask_one(request, operation, |message| {
            if message.header.message_type == T::NEW && found.is_none() {
                found = Some(T::decode_ref(message.payload).map(T::owned).map_err(ErrorKind::Decode)?);
            }
            Ok(())
        })?;
        found.ok_or_else(|| self.error(ErrorKind::Unsupported, operation))
    }
}
