//! nlink's reflector: a store that its events, and its own reading after a loss, keep up to date by a key of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::StreamExt;
use nlink::NetworkEvent;
use nlink::netlink::messages::RouteMessage;
use nlink::netlink::reflector::{ReflectExt, Store, StoreOp};
use nlink::netlink::resync::{ConnectionFactory, ResyncMarker, ResyncedEvent};

use super::runtime;
use crate::report::Outcome;
use crate::truth::{HOP_FLAGS, LINK_FLAGS, Line, PERMANENT, RESOLVED};

type Objects = Store<String, NetworkEvent>;

/// Stores of one namespace, kept by a thread of their own.
pub struct Reflected {
    name: String,
    by_place: Objects,
    by_hops: Objects,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reflected {
    /// Begins; returns when the first reading is in the stores.
    pub fn start(name: &str) -> Outcome<Self> {
        let (by_place, by_hops) = (Store::new(), Store::new());
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (name, by_place, by_hops) =
                (name.to_owned(), Objects::clone(&by_place), Objects::clone(&by_hops));
            let stop = Arc::clone(&stop);
            move || {
                if let Err(why) = reflect(&name, by_place, by_hops, &stop, &tell) {
                    let _ = tell.send(Err(why));
                }
            }
        });
        told.recv().map_err(|_| "the reflector ended".to_owned())??;
        Ok(Self { name: name.to_owned(), by_place, by_hops, stop, thread: Some(thread) })
    }

    /// What the stores hold. Which key is the better one for routes depends on the history, so there are two.
    pub fn lines(&self) -> Vec<(&'static str, Vec<Line>)> {
        let lines = |store: &Objects| store.values().iter().filter_map(line).collect();
        vec![
            ("nlink, reflector, routes by destination and metric", lines(&self.by_place)),
            ("nlink, reflector, routes by their next hops too", lines(&self.by_hops)),
        ]
    }

    /// A fresh list of nlink's: that it agrees with ours shows that the same is compared.
    pub fn fresh(&self) -> Option<Outcome<Vec<Line>>> {
        let fresh = || {
            runtime()?.block_on(async {
                let connection = nlink::Connection::<nlink::Route>::new_in(&self.name)
                    .map_err(|error| error.to_string())?;
                let all = nlink::netlink::route_resync::rtnetlink_snapshot(&connection).await;
                Ok(all.map_err(|error| error.to_string())?.iter().filter_map(line).collect())
            })
        };
        Some(fresh())
    }
}

impl Drop for Reflected {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn reflect(
    name: &str,
    by_place: Objects,
    by_hops: Objects,
    stop: &AtomicBool,
    tell: &std::sync::mpsc::Sender<Outcome<()>>,
) -> Outcome<()> {
    let fault = |error: nlink::Error| error.to_string();
    runtime()?.block_on(async {
        let inside = name.to_owned();
        let factory: ConnectionFactory<nlink::Route> = Arc::new(move || {
            let inside = inside.clone();
            Box::pin(async move { nlink::Connection::new_in(&inside) })
        });
        let connection = nlink::Connection::<nlink::Route>::new_in(name).map_err(fault)?;
        let events = connection.into_events_with_resync(factory).await.map_err(fault)?;
        let mut events =
            events.reflect(by_place, |event| key(event, false)).reflect(by_hops, |event| key(event, true));
        while !stop.load(Ordering::Relaxed) {
            match tokio::time::timeout(Duration::from_millis(20), events.next()).await {
                Err(_) => {}
                Ok(None) => return Err("the stream ended".to_owned()),
                Ok(Some(Err(error))) => return Err(fault(error)),
                Ok(Some(Ok(ResyncedEvent::Marker(ResyncMarker::ResyncEnd)))) => _ = tell.send(Ok(())),
                Ok(Some(Ok(_))) => {}
            }
        }
        Ok(())
    })
}

/// What identifies an object, as well as it can be told from what nlink shows of it.
fn key(event: &NetworkEvent, hops: bool) -> StoreOp<String> {
    use NetworkEvent as E;
    let is_new = matches!(
        event,
        E::NewLink(_)
            | E::NewAddress(_)
            | E::NewRoute(_)
            | E::NewNeighbor(_)
            | E::NewRule(_)
            | E::NewNexthop(_)
    );
    let key = match event {
        E::NewLink(it) | E::DelLink(it) => format!("link {}", it.ifindex()),
        E::NewAddress(it) | E::DelAddress(it) => {
            format!("address {:?}", (it.ifindex(), it.local(), it.address(), it.prefix_len()))
        }
        E::NewRoute(it) | E::DelRoute(it) if hops => format!("route {} {}", place(it), leads(it)),
        E::NewRoute(it) | E::DelRoute(it) => format!("route {}", place(it)),
        E::NewNeighbor(it) | E::DelNeighbor(it) if it.is_proxy() => {
            format!("proxy {:?}", (it.ifindex(), it.destination()))
        }
        E::NewNeighbor(it) | E::DelNeighbor(it) => {
            format!("neighbour {:?}", (it.ifindex(), it.destination()))
        }
        // A rule is all that it says.
        E::NewRule(_) | E::DelRule(_) => format!("rule {:?}", line(event)),
        E::NewNexthop(it) | E::DelNexthop(it) => format!("nexthop {}", it.id()),
        _ => return StoreOp::Ignore,
    };
    if is_new { StoreOp::Upsert(key) } else { StoreOp::Remove(key) }
}

fn place(route: &RouteMessage) -> String {
    let destination = route.destination().filter(|_| route.dst_len() > 0);
    let shown = (route.family(), route.table_id(), destination, route.dst_len(), route.priority());
    format!("{shown:?}")
}

fn leads(route: &RouteMessage) -> String {
    let gateway = route.gateway().or(route.via());
    let shown = (route.route_type() as u8, route.oif(), gateway, route.nh_id(), route.prefsrc());
    format!("{shown:?}")
}

/// As ours.
fn line(event: &NetworkEvent) -> Option<Line> {
    use NetworkEvent as E;
    Some(match event {
        E::NewLink(link) | E::DelLink(link) => {
            let master = link.master().filter(|index| *index != 0);
            let (flags, state) = (link.flags() & LINK_FLAGS, link.operstate().map(|state| state as u8));
            let name = link.name().unwrap_or_default();
            let shown = (link.ifindex(), name, flags, link.mtu(), master, link.address(), state);
            ("link", format!("{shown:?}"))
        }
        E::NewAddress(address) | E::DelAddress(address) => {
            let peer = address.address().or(address.local());
            let local = address.local().or(peer);
            let flags = address.flags() & 0xff;
            let shown = (address.ifindex(), local, peer, address.prefix_len(), flags, address.label());
            ("address", format!("{shown:?}"))
        }
        E::NewRoute(route) | E::DelRoute(route) => {
            let hops = route.multipath().unwrap_or_default().iter();
            let mut hops: Vec<_> = hops
                .map(|hop| (hop.ifindex, hop.weight, hop.gateway, u32::from(hop.flags) & HOP_FLAGS))
                .collect();
            hops.sort_unstable();
            let flags = route.flags() & HOP_FLAGS;
            ("route", format!("{} {} {flags} {hops:?}", place(route), leads(route)))
        }
        E::NewNeighbor(neighbour) | E::DelNeighbor(neighbour) => {
            let state = neighbour.state() as u16;
            if neighbour.is_proxy() || state & (RESOLVED | PERMANENT) == 0 {
                return None;
            }
            let shown = (neighbour.ifindex(), neighbour.destination(), neighbour.lladdr(), state & PERMANENT);
            ("neighbour", format!("{shown:?}"))
        }
        E::NewRule(rule) | E::DelRule(rule) => {
            if !matches!(rule.family(), 2 | 10) {
                return None;
            }
            let wants = (rule.iifname(), rule.oifname(), rule.fwmark(), rule.ip_proto());
            let suppress = rule.suppress_prefixlen().filter(|length| *length != u32::MAX);
            let does = (rule.action() as u8, rule.table_id(), rule.goto(), suppress);
            ("rule", format!("{:?} {wants:?} {does:?}", (rule.family(), rule.priority())))
        }
        E::NewNexthop(next_hop) | E::DelNexthop(next_hop) => {
            let group = next_hop.group().unwrap_or_default().iter();
            let group: Vec<_> = group.map(|entry| (entry.id(), entry.weight())).collect();
            let flags = next_hop.flags() & HOP_FLAGS;
            let leads = (next_hop.gateway(), next_hop.ifindex(), next_hop.is_blackhole(), flags);
            ("nexthop", format!("{} {leads:?} {group:?}", next_hop.id()))
        }
        _ => return None,
    })
}
