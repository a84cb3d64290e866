//! `linx list`: the state now.

use linx::ErrorKind;

use super::route_get;
use super::state::{Opened, State, check_links, is_refused, note_strange_types};
use crate::args::{Global, List};
use crate::error::{Failure, Outcome};
use crate::filter::{self, Query};
use crate::names::Machine;
use crate::object::Object;
use crate::out::{Layout, Printer};
use crate::peers::Neighbourhood;
use crate::place;
use crate::privileges;

/// Runs it.
pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    let machine = Machine::load(global.numeric);
    if let Some(words) = route_get::is_get(&args.words) {
        const OPERATION: &str = "list route get";
        privileges::keep_only(privileges::of_list(global, false))?;
        let question = route_get::parse(words).map_err(|failure| failure.of(OPERATION))?;
        return get(&question, global, machine).map_err(|failure| failure.of(OPERATION));
    }
    let query = filter::parse("list", &args.words, &machine)?;
    privileges::keep_only(&privileges::of_listing(global, &query.kinds()))?;
    let operation = query.operation("list");
    list(&query, args.all, global, machine).map_err(|failure| failure.of(&operation))
}

fn list(query: &Query, all: bool, global: &Global, machine: Machine) -> Outcome {
    query.filter.without_changes()?;
    if query.objects.is_empty() && !query.all {
        let failure = Failure::usage("wanted: what to list");
        return Err(failure.remedy(format!("objects are {} and all", Object::list())));
    }
    let mut places = open(global)?;
    check_links(&places, &query.filter)?;
    let kinds = query.kinds();
    if kinds.iter().all(|kind| matches!(kind, Object::Link | Object::Address)) {
        note_strange_types(&query.operation("list"), &places, &query.filter);
    }
    if kinds.contains(&Object::Link) {
        let neighbourhood = Neighbourhood::default();
        places.iter_mut().for_each(|opened| opened.look_around(&neighbourhood));
    }
    let layout = Layout { namespaces: places.len() > 1, kinds: kinds.len() > 1, ..Layout::new(global) };
    let mut printer = Printer::new(layout, machine)?;
    places.iter().for_each(|opened| printer.make_room(&opened.place));
    let state = State { filter: &query.filter, all, family: global.family() };
    let mut outcome = Ok(());
    let mut without = Vec::new();
    'places: for place in &places {
        for kind in &kinds {
            outcome = match kind {
                Object::Nft => rule_set(query, &state, place, &mut printer)
                    .map(|found| found.unwrap_or_else(|names| without.push(names))),
                kind => state.print(place, *kind, &mut printer),
            };
            if outcome.is_err() || printer.is_closed() {
                break 'places;
            }
        }
    }
    if outcome.is_ok() && without.len() == places.len() && !places.is_empty() {
        outcome = no_table(query, &places, without.concat());
    }
    printer.finish().and(outcome)
}

/// The rule set of nf_tables; where it was not asked for by name and may not be read, that is said. Where the table that
/// was named is not, the names of those that are.
fn rule_set(
    query: &Query,
    state: &State<'_>,
    opened: &Opened,
    printer: &mut Printer,
) -> Outcome<Result<(), Vec<String>>> {
    match (state.rule_set(opened, query.nft_kinds(), None), query.filter.nft_table()) {
        (Ok(ruleset), table) => {
            let printed = state.print_rule_set(opened, &ruleset, query.nft_kinds(), printer);
            match table {
                Some(name) if printed == 0 => state.has_nft_table(opened, name),
                _ => Ok(Ok(())),
            }
        }
        (Err(error), Some(name)) if error.errno() == Some(ENOENT) => {
            match state.has_nft_table(opened, name)? {
                Ok(()) => Err(error.into()),
                missing => Ok(missing),
            }
        }
        (Err(error), _) if !query.names_nft() && is_refused(&error) => {
            privileges::note_no_nft();
            Ok(Ok(()))
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// A table that is named must be in one of the namespaces at least.
fn no_table(query: &Query, places: &[Opened], names: Vec<String>) -> Outcome {
    let Some((family, name)) = query.filter.nft_table() else { return Ok(()) };
    let word = family.map_or(String::new(), |family| format!("{family} "));
    let whereabouts = match places {
        [one] => format!("namespace {}", one.place.name),
        many => format!("any of {} namespaces", many.len()),
    };
    let failure = Failure::system(format!("no table {word}{} in {whereabouts}", name.shown()));
    Err(failure.suggest(&linx_wire::name::Name::new(&name.0).to_string(), names))
}

const ENOENT: i32 = 2;

/// Opens the namespaces and learns their links.
fn open(global: &Global) -> Outcome<Vec<Opened>> {
    let mut opened = Vec::new();
    for place in place::chosen(global)? {
        match Opened::new(place) {
            Ok(namespace) => opened.push(namespace),
            // Found a moment ago, and gone.
            Err(error) if global.all_netns && error.kind == ErrorKind::NamespaceGone => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(opened)
}

/// Asks the kernel which way a packet would take, in each namespace.
fn get(question: &route_get::Question, global: &Global, machine: Machine) -> Outcome {
    let places = open(global)?;
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
    printer.state(&opened.place, &opened.links.names, &opened.peers, route.as_ref().into(), false);
    Ok(())
}
