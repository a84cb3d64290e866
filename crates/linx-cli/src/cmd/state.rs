//! The state of a namespace, printed: what `list` shows, and what `monitor --snapshot` begins with.

use linx::names::KnownSets;
use linx::nft::{self, Ruleset, TableView};
use linx::{
    AddressFilter, ErrorKind, Handle, Kind, Link, LinkFilter, NeighbourFilter, NeighbourState, NeighbourView,
    NextHopFilter, ObjectRef, RouteFilter, RuleFilter, RuleView,
};
use linx_wire::addr::family;
use linx_wire::route::link::LinkData;

use crate::args::Family;
use crate::error::{Failure, Outcome, note, quoted};
use crate::filter::{Filter, LinkWord, Links, Subject};
use crate::object::Object;
use crate::out::Printer;
use crate::peers::{Known, Neighbourhood};
use crate::place::{self, Place};
use crate::suggest;

/// `RT_TABLE_MAIN`
const MAIN: u32 = 254;

/// A namespace that is being listed.
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) handle: Handle,
    pub(super) links: Links,
    /// Read for their names: a list of links prints these very ones.
    all: Vec<Link>,
    /// The namespaces that they lead to.
    pub(super) peers: Known,
}

impl Opened {
    /// Opens it and learns its links.
    pub(super) fn new(place: Place) -> linx::Result<Self> {
        let handle = Handle::new(&place.netns)?;
        let all = handle.links().all()?.into_vec();
        let mut links = Links::default();
        all.iter().for_each(|link| links.insert(link));
        Ok(Self { place, handle, links, all, peers: Known::default() })
    }

    /// Finds the namespaces that its links lead to.
    pub(super) fn look_around(&mut self, neighbourhood: &Neighbourhood) {
        self.peers = neighbourhood.of(&self.handle, &self.all);
    }
}

/// Which state to print.
pub(super) struct State<'a> {
    pub(super) filter: &'a Filter,
    /// Also what is hidden unless asked for.
    pub(super) all: bool,
    pub(super) family: Option<Family>,
}

impl State<'_> {
    /// Prints all objects of a kind.
    pub(super) fn print(&self, opened: &Opened, kind: Object, printer: &mut Printer) -> Outcome {
        printer.begin_state();
        let handle = &opened.handle;
        let failed = Failure::from;
        let number = self.family.map_or(family::UNSPEC, Family::number);
        let mut list = |object: ObjectRef<'_>, settled: bool| {
            let subject = Subject { object, op: "list", cause: None, links: &opened.links };
            if self.filter.keeps(&subject) {
                printer.state(&opened.place, &opened.links.names, &opened.peers, object, !settled);
            }
        };
        let mut print = |object: ObjectRef<'_>| list(object, true);
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
            Object::Neigh => self.neighbours(opened, &mut list)?,
            Object::Rule => {
                let filter = RuleFilter { family: number, ..RuleFilter::default() };
                let rules = handle.rules_by(filter).all().map_err(failed)?;
                let settled = rules.is_settled();
                note_unsettled(&opened.place, "rules", settled);
                for rule in &rules {
                    // Those of multicast routing have tables of their own.
                    let usual = matches!(rule.family(), family::INET | family::INET6);
                    if usual || self.all || number != family::UNSPEC {
                        list(rule.as_ref().into(), settled);
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
            // Of one generation, and by kinds: see `rule_set`.
            Object::Nft => {}
        }
        Ok(())
    }

    /// Routes by the stream: a million of them are not kept. Nothing is read twice, so a tear ends it.
    fn routes(&self, opened: &Opened, number: u8, printer: &mut Printer) -> Outcome {
        let table = if self.all || self.filter.names_table() { self.filter.only_table() } else { Some(MAIN) };
        let filter = RouteFilter { family: number, table, oif: self.dev(opened), ..RouteFilter::default() };
        let outcome = opened.handle.routes_by(filter).for_each(|route| {
            let object = ObjectRef::from(route);
            let subject = Subject { object, op: "list", cause: None, links: &opened.links };
            if self.filter.is_empty() || self.filter.keeps(&subject) {
                printer.state(&opened.place, &opened.links.names, &opened.peers, object, false);
            }
        });
        match outcome {
            Ok(()) => Ok(()),
            // There is no such table: nothing is in it.
            Err(error) if error.errno() == Some(ENOENT) && table.is_some() => Ok(()),
            Err(error) => Err(broken_off(error, &opened.place, linx::Kind::Route, printer)),
        }
    }

    fn neighbours(&self, opened: &Opened, print: &mut impl FnMut(ObjectRef<'_>, bool)) -> Outcome {
        let failed = Failure::from;
        let number = self.family.map_or(family::UNSPEC, Family::number);
        let neighbours = |filter: NeighbourFilter| {
            let listing = opened.handle.neighbours_by(filter).all().map_err(failed)?;
            note_unsettled(&opened.place, "neighbours", listing.is_settled());
            Ok::<_, Failure>(listing)
        };
        let usual = NeighbourFilter { family: number, index: self.dev(opened), ..NeighbourFilter::default() };
        if number != family::BRIDGE {
            let listing = neighbours(usual)?;
            for neighbour in &listing {
                if self.all || !neighbour.state().contains(NeighbourState::NOARP) {
                    print(neighbour.as_ref().into(), listing.is_settled());
                }
            }
        }
        if self.all && number != family::BRIDGE {
            let proxies = NeighbourFilter { proxy: Some(true), ..usual };
            let listing = neighbours(proxies)?;
            listing.iter().for_each(|neighbour| print(neighbour.as_ref().into(), listing.is_settled()));
        }
        if number == family::BRIDGE || (self.all && number == family::UNSPEC) {
            let listing = neighbours(NeighbourFilter::fdb())?;
            listing.iter().for_each(|entry| print(entry.as_ref().into(), listing.is_settled()));
        }
        Ok(())
    }

    /// Reads the rule set, as far as it is wanted.
    pub(super) fn rule_set(
        &self,
        opened: &Opened,
        kinds: &[Kind],
        control: Option<&linx::Control>,
    ) -> linx::Result<Ruleset> {
        // Elements are written as their sets say.
        let mut read = kinds.to_vec();
        if kinds.contains(&Kind::Elements) {
            read.push(Kind::Set);
        }
        let mut pull = nft::pull(&opened.handle).kinds(&read);
        if let Some(control) = control {
            pull = pull.subscribe_first(control);
        }
        let Some((family, name)) = self.filter.only_nft_table() else { return pull.ruleset() };
        match pull.clone().table(family, &name.0).ruleset() {
            // One that is followed may come later, or just came: the whole is right either way.
            Err(error) if error.errno() == Some(ENOENT) && control.is_some() => pull.ruleset(),
            outcome => outcome,
        }
    }

    /// Prints what is wanted of a rule set; how many messages that were.
    pub(super) fn print_rule_set(
        &self,
        opened: &Opened,
        ruleset: &Ruleset,
        kinds: &[Kind],
        printer: &mut Printer,
    ) -> usize {
        printer.begin_state();
        let mut printed = 0;
        let sets = sets_of(ruleset);
        for entity in ruleset.entities() {
            if kinds.contains(&entity.kind()) && self.filter.keeps_nft(&entity, "list") {
                printer.nft_state(&opened.place, &sets, entity);
                printed += 1;
            }
        }
        printed
    }

    /// Whether there is such a table; if not, the names of those that there are.
    pub(super) fn has_nft_table(
        &self,
        opened: &Opened,
        (family, name): (Option<nft::Family>, &LinkWord),
    ) -> Outcome<Result<(), Vec<String>>> {
        let tables = nft::pull(&opened.handle).kinds(&[Kind::Table]).ruleset().map_err(Failure::from)?;
        let is_family = |table: &nft::TableRef<'_>| family.is_none_or(|f| f.number() == table.family());
        if tables.tables().any(|table| is_family(&table) && name.is(table.name())) {
            return Ok(Ok(()));
        }
        Ok(Err(tables.tables().filter(is_family).map(|table| table.name().to_string()).collect()))
    }

    /// The index of the one link that everything must be on, for the kernel to filter by.
    fn dev(&self, opened: &Opened) -> Option<u32> {
        opened.links.index(self.filter.only_dev()?)
    }
}

/// Ends a list whose objects were printed as they were read: when they changed meanwhile, its last line says so.
fn broken_off(error: linx::Error, place: &Place, kind: linx::Kind, printer: &mut Printer) -> Failure {
    if error.kind == ErrorKind::Torn {
        printer.torn(place, kind);
    }
    Failure::from(error)
}

/// Says that a list is not one moment's state.
fn note_unsettled(place: &Place, what: &str, settled: bool) {
    if !settled {
        note(format_args!(
            "namespace {}: {what} came or went during each of several readings: this is all of those, with what \
             happened in between",
            place.name
        ));
    }
}

const ENOENT: i32 = 2;

/// Kinds of links without data of their own.
const PLAIN: [&str; 6] = ["dummy", "ifb", "nlmon", "vcan", "vsockmon", "wireguard"];

/// Says that no link is of the type that was asked for, if Linx does not know it either: it may be misspelt.
pub(super) fn note_strange_types(operation: &str, places: &[Opened], filter: &Filter) {
    let known = || LinkData::KINDS.iter().chain(&PLAIN);
    for word in filter.types() {
        let kind = word.strip_suffix("_slave").unwrap_or(word);
        if known().all(|known| *known != kind) && !places.iter().any(|opened| opened.links.has_type(word)) {
            let text = format!("{operation}: no link is of type {}", quoted(word));
            match suggest::nearest(word, known()) {
                Some(near) => note(format_args!("{text}; did you mean \"{near}\"?")),
                None => note(text),
            }
        }
    }
}

/// What is known of the sets of a rule set, which says how their elements are written.
pub(super) fn sets_of(ruleset: &Ruleset) -> KnownSets<'static> {
    let mut sets = KnownSets::new();
    ruleset.sets().for_each(|set| sets.note(linx::Operation::New, set.into()));
    sets
}

/// Whether it may not be, or the kernel has no such thing.
pub(crate) fn is_refused(error: &linx::Error) -> bool {
    matches!(error.kind, ErrorKind::Permission { .. } | ErrorKind::Unsupported)
}

/// A link that is named must be in one of the namespaces at least.
pub(super) fn check_links(places: &[Opened], filter: &Filter) -> Outcome {
    for word in filter.links() {
        if places.iter().all(|opened| opened.links.index(word).is_none()) {
            return Err(place::no_link(word, places.iter().map(|opened| (&opened.place, &opened.links))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use clap::Parser;

    use super::*;
    use crate::args::Cli;
    use crate::names::Machine;
    use crate::out::{Layout, Output};

    /// A place to write to, that can be read.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a list of one route leaves on standard output when its dump ends with `kind`, and how it ends.
    fn ended(args: &[&str], kind: ErrorKind) -> (Vec<String>, Failure) {
        let place = Place::own().unwrap();
        let global = Cli::try_parse_from(args).unwrap().global;
        let sink = Sink::default();
        let output = Output::new(sink.clone()).unwrap();
        let mut printer = Printer::into(output, Layout::new(&global), Machine::load(false));
        let route = linx::Route::decode(&[2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]).unwrap();
        let names = linx::names::LinkNames::default();
        printer.state(&place, &names, &Known::default(), route.as_ref().into(), false);
        let mut error = linx::Error::from(linx::Netns::name("linx/no/such").unwrap_err());
        error.kind = kind;
        let failure = broken_off(error, &place, linx::Kind::Route, &mut printer);
        printer.finish().unwrap();
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        (text.lines().map(str::to_owned).collect(), failure)
    }

    #[test]
    fn a_torn_list_ends_with_a_line_that_says_so() {
        let (lines, failure) = ended(&["linx", "-j", "list", "route"], ErrorKind::Torn);
        assert_eq!(failure.status(), crate::error::status::SYSTEM);
        let last: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
        assert_eq!((lines.len(), last["seq"].as_u64()), (2, Some(2)));
        assert_eq!((&last["op"], &last["kinds"]), (&"torn".into(), &serde_json::json!(["route"])));
        assert!(last["netns"]["cookie"].is_u64() && last["kind"].is_null(), "{last}");
    }

    #[test]
    fn people_are_told_on_standard_error_and_other_ends_are_not_called_torn() {
        assert_eq!(ended(&["linx", "list", "route"], ErrorKind::Torn).0.len(), 1);
        assert_eq!(ended(&["linx", "-j", "list", "route"], ErrorKind::Timeout).0.len(), 1);
    }
}
