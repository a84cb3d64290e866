//! `linx list`: the state now.

use linx::{
    AddressFilter, ErrorKind, Handle, LinkFilter, NeighbourFilter, NeighbourState, NeighbourView,
    NextHopFilter, ObjectRef, RouteFilter, RuleFilter, RuleView,
};
use linx_wire::addr::family;

use super::route_get;
use crate::args::{Family, Global, List};
use crate::error::{Failure, Outcome};
use crate::filter::{self, Filter, Links, Query};
use crate::names::Machine;
use crate::object::Object;
use crate::out::{Layout, Printer};
use crate::place::{self, Place};
use crate::privileges;

/// `RT_TABLE_MAIN`
const MAIN: u32 = 254;

/// Runs it.
pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    privileges::keep_only(privileges::of_list(global))?;
    let machine = Machine::load(global.numeric);
    if let Some(words) = route_get::is_get(&args.words) {
        const OPERATION: &str = "list route get";
        let question = route_get::parse(words).map_err(|failure| failure.of(OPERATION))?;
        return get(&question, global, machine).map_err(|failure| failure.of(OPERATION));
    }
    let query = filter::parse("list", &args.words, &machine)?;
    let operation = query.operation("list");
    list(&query, args.all, global, machine).map_err(|failure| failure.of(&operation))
}

fn list(query: &Query, all: bool, global: &Global, machine: Machine) -> Outcome {
    query.filter.without_changes()?;
    if query.objects.is_empty() && !query.all {
        let failure = Failure::usage("wanted: what to list");
        return Err(failure.remedy(format!("objects are {} and all", Object::list())));
    }
    let places = open(place::chosen(global)?)?;
    check_links(&places, &query.filter)?;
    let kinds = query.kinds();
    let layout = Layout { namespaces: places.len() > 1, kinds: kinds.len() > 1, ..Layout::new(global) };
    let mut printer = Printer::new(layout, machine)?;
    places.iter().for_each(|opened| printer.make_room(&opened.place));
    let wish = Wish { filter: &query.filter, all, family: global.family() };
    let mut outcome = Ok(());
    'places: for place in &places {
        for kind in &kinds {
            outcome = wish.list(place, *kind, &mut printer);
            if outcome.is_err() || printer.is_closed() {
                break 'places;
            }
        }
    }
    printer.finish().and(outcome)
}

/// Opens the namespaces and learns their links; what needed a capability is done then.
fn open(places: Vec<Place>) -> Outcome<Vec<Opened>> {
    let mut opened = Vec::new();
    for place in places {
        let handle = Handle::new(&place.netns).map_err(Failure::from)?;
        // Everything: `list link` prints these very ones.
        let mut links = Links::default();
        let all = handle.links().all().map_err(Failure::from)?;
        all.iter().for_each(|link| links.insert(link));
        opened.push(Opened { place, handle, links, all: all.into_vec() });
    }
    Ok(opened)
}

/// A namespace that is being listed.
struct Opened {
    place: Place,
    handle: Handle,
    links: Links,
    all: Vec<linx::Link>,
}

/// A link that is named must be in one of the namespaces at least.
fn check_links(places: &[Opened], filter: &Filter) -> Outcome {
    for word in filter.links() {
        if places.iter().all(|opened| opened.links.index(word).is_none()) {
            return Err(place::no_link(word, places.iter().map(|opened| (&opened.place, &opened.links))));
        }
    }
    Ok(())
}

/// What to list.
struct Wish<'a> {
    filter: &'a Filter,
    /// Also what is hidden unless asked for.
    all: bool,
    family: Option<Family>,
}

impl Wish<'_> {
    fn list(&self, opened: &Opened, kind: Object, printer: &mut Printer) -> Outcome {
        let handle = &opened.handle;
        let failed = Failure::from;
        let number = self.family.map_or(family::UNSPEC, Family::number);
        let mut print = |object: ObjectRef<'_>| {
            let subject = filter::Subject { object, op: "list", links: &opened.links };
            if self.filter.keeps(&subject) {
                printer.state(&opened.place, &opened.links.names, object);
            }
        };
        match kind {
            Object::Link if number == family::BRIDGE => {
                let filter = LinkFilter { family: number, ..LinkFilter::default() };
                handle
                    .links_by(filter)
                    .all()
                    .map_err(failed)?
                    .iter()
                    .for_each(|link| print(link.as_ref().into()));
            }
            Object::Link => opened.all.iter().for_each(|link| print(link.as_ref().into())),
            Object::Address => {
                let filter = AddressFilter { family: number, index: self.dev(opened) };
                handle
                    .addresses_by(filter)
                    .all()
                    .map_err(failed)?
                    .iter()
                    .for_each(|a| print(a.as_ref().into()));
            }
            Object::Neigh => self.neighbours(opened, &mut print)?,
            Object::Rule => {
                let filter = RuleFilter { family: number, ..RuleFilter::default() };
                for rule in &handle.rules_by(filter).all().map_err(failed)? {
                    // Those of multicast routing have tables of their own.
                    let usual = matches!(rule.family(), family::INET | family::INET6);
                    if usual || self.all || number != family::UNSPEC {
                        print(rule.as_ref().into());
                    }
                }
            }
            Object::NextHop => {
                let filter = NextHopFilter { family: number, ..NextHopFilter::default() };
                handle
                    .nexthops_by(filter)
                    .all()
                    .map_err(failed)?
                    .iter()
                    .for_each(|n| print(n.as_ref().into()));
            }
            Object::NsId => {
                handle.nsids().all().map_err(failed)?.iter().for_each(|n| print(n.as_ref().into()));
            }
            Object::Route => return self.routes(opened, number, printer),
        }
        Ok(())
    }

    /// Routes by the stream: a million of them are not kept. Nothing is read twice, so a tear ends it.
    fn routes(&self, opened: &Opened, number: u8, printer: &mut Printer) -> Outcome {
        let table = if self.all || self.filter.names_table() { self.filter.only_table() } else { Some(MAIN) };
        let filter = RouteFilter { family: number, table, oif: self.dev(opened), ..RouteFilter::default() };
        let outcome = opened.handle.routes_by(filter).for_each(|route| {
            let object = ObjectRef::from(route);
            let subject = filter::Subject { object, op: "list", links: &opened.links };
            if self.filter.is_empty() || self.filter.keeps(&subject) {
                printer.state(&opened.place, &opened.links.names, object);
            }
        });
        match outcome {
            Ok(()) => Ok(()),
            // There is no such table: nothing is in it.
            Err(error) if error.errno() == Some(ENOENT) && table.is_some() => Ok(()),
            Err(error) => {
                if error.kind == ErrorKind::Torn {
                    printer.torn(&opened.place, linx::Kind::Route);
                }
                Err(Failure::from(error))
            }
        }
    }

    fn neighbours(&self, opened: &Opened, print: &mut impl FnMut(ObjectRef<'_>)) -> Outcome {
        let failed = Failure::from;
        let number = self.family.map_or(family::UNSPEC, Family::number);
        let neighbours = |filter: NeighbourFilter| opened.handle.neighbours_by(filter).all().map_err(failed);
        let usual = NeighbourFilter { family: number, index: self.dev(opened), ..NeighbourFilter::default() };
        if number != family::BRIDGE {
            for neighbour in &neighbours(usual)? {
                if self.all || !neighbour.state().contains(NeighbourState::NOARP) {
                    print(neighbour.as_ref().into());
                }
            }
        }
        if self.all && number != family::BRIDGE {
            let proxies = NeighbourFilter { proxy: Some(true), ..usual };
            neighbours(proxies)?.iter().for_each(|neighbour| print(neighbour.as_ref().into()));
        }
        if number == family::BRIDGE || (self.all && number == family::UNSPEC) {
            neighbours(NeighbourFilter::fdb())?.iter().for_each(|entry| print(entry.as_ref().into()));
        }
        Ok(())
    }

    /// The index of the one link that everything must be on, for the kernel to filter by.
    fn dev(&self, opened: &Opened) -> Option<u32> {
        opened.links.index(self.filter.only_dev()?)
    }
}

const ENOENT: i32 = 2;

/// Asks the kernel which way a packet would take, in each namespace.
fn get(question: &route_get::Question, global: &Global, machine: Machine) -> Outcome {
    let places = open(place::chosen(global)?)?;
    let layout = Layout { namespaces: places.len() > 1, ..Layout::new(global) };
    let mut printer = Printer::new(layout, machine)?;
    places.iter().for_each(|opened| printer.make_room(&opened.place));
    let mut outcome = Ok(());
    for opened in &places {
        outcome = answer(question, opened, &mut printer);
        if outcome.is_err() {
            break;
        }
    }
    printer.finish().and(outcome)
}

fn answer(question: &route_get::Question, opened: &Opened, printer: &mut Printer) -> Outcome {
    let index = |word: &Option<filter::LinkWord>| match word {
        None => Ok(None),
        Some(word) => match opened.links.index(word) {
            Some(index) => Ok(Some(index)),
            None => Err(place::no_link(word, [(&opened.place, &opened.links)])),
        },
    };
    let query = linx::RouteQuery { iif: index(&question.iif)?, oif: index(&question.oif)?, ..question.query };
    let route = opened.handle.route_get(question.destination, &query).map_err(Failure::from)?;
    printer.state(&opened.place, &opened.links.names, route.as_ref().into());
    Ok(())
}
