//! Words to objects and conditions.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;

use linx::Kind;

use super::{Filter, LinkWord, Selector, Term, Test, prefix};
use crate::error::{Failure, Outcome, quoted};
use crate::object::{NFT, Object};
use crate::suggest;

/// What the words after a command's name ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Query {
    /// The objects that were named, in this order, each once; empty when none was.
    pub(crate) objects: Vec<Object>,
    /// `all` stood there.
    pub(crate) all: bool,
    /// The kinds of objects of nf_tables that were named; empty: all of them.
    pub(crate) nft: Vec<Kind>,
    pub(crate) filter: Filter,
}

impl Query {
    /// The objects: those named, else all, in the order in which state is printed.
    pub(crate) fn kinds(&self) -> Vec<Object> {
        if self.objects.is_empty() || self.all { Object::ALL.to_vec() } else { self.objects.clone() }
    }

    /// Whether nf_tables was asked for by name.
    pub(crate) fn names_nft(&self) -> bool {
        self.objects.contains(&Object::Nft)
    }

    /// The kinds of objects of nf_tables that are asked for.
    pub(crate) fn nft_kinds(&self) -> &[Kind] {
        if self.nft.is_empty() { &NFT } else { &self.nft }
    }

    /// The command with its objects, for messages: `list route`.
    pub(crate) fn operation(&self, command: &str) -> String {
        let mut text = command.to_owned();
        for object in &self.objects {
            text += " ";
            text += object.word();
        }
        text
    }
}

/// Names and numbers that a machine knows.
pub(crate) trait Known {
    /// A routing table by name or number, else the known names.
    fn table(&self, word: &str) -> Result<u32, Vec<String>>;
    /// A routing protocol, by name or number.
    fn protocol(&self, word: &str) -> Result<u32, Vec<String>>;
    /// A protocol of addresses, by name or number.
    fn address_protocol(&self, word: &str) -> Result<u32, Vec<String>>;
    /// A group of links.
    fn group(&self, word: &str) -> Result<u32, Vec<String>>;
}

/// Words that begin a condition. An abbreviation is the first that begins with it, as with ip.
const FILTERS: [&str; 10] =
    ["dev", "table", "protocol", "to", "master", "type", "group", "by", "op", "cause"];

/// Operations of records: what the kernel said, and what a mirror tells.
const OPERATIONS: [&str; 3] = ["new", "del", "list"];
const CHANGES: [&str; 3] = ["added", "changed", "removed"];

/// Why a mirror changed.
const CAUSES: [&str; 5] = ["event", "implied", "resync", "expired", "audit"];

/// The command whose changes are a mirror's.
const WATCH: &str = "watch";

/// Parses what stands behind the name of `command`. Link names stay words: whether they exist is the namespace's.
///
/// # Errors
/// A usage error of the command with its objects, that names the word.
pub(crate) fn parse(command: &str, all: &[OsString], known: &dyn Known) -> Outcome<Query> {
    let mut query = Query::default();
    let mut words = all.iter().map(OsString::as_os_str).peekable();
    while let Some(word) = words.peek().copied() {
        let of_nft = word.to_str().map_or(&[][..], Object::nft_kinds);
        if query.names_nft() && !of_nft.is_empty() {
            query.nft.extend(of_nft);
            words.next();
            continue;
        }
        match (object(word), word.to_str()) {
            (Some(object), _) => {
                if !query.objects.contains(&object) {
                    query.objects.push(object);
                }
            }
            (None, Some("all")) => query.all = true,
            _ => break,
        }
        words.next();
    }
    let objects = all.len() - words.len();
    // By how many words are left, that one included.
    let late = |left| in_order(command, all, objects, all.len() - left);
    let filter = conditions(command, words, &query, known, &late).and_then(|filter| {
        filter.check(&query.kinds())?;
        Ok(filter)
    });
    match filter {
        Ok(filter) => Ok(Query { filter, ..query }),
        Err(failure) => Err(failure.of(&query.operation(command))),
    }
}

/// The words with the object at `at`, and those that follow it, behind the first `objects`.
fn in_order(command: &str, words: &[OsString], objects: usize, at: usize) -> String {
    let (before, after) = words.split_at_checked(at).unwrap_or((words, &[]));
    let (first, conditions) = before.split_at_checked(objects).unwrap_or((before, &[]));
    let moved = after.iter().take_while(|word| object(word).is_some()).count();
    let (moved, rest) = after.split_at_checked(moved).unwrap_or((after, &[]));
    let words = [first, moved, conditions, rest].into_iter().flatten();
    let words: Vec<_> = words.map(|word| linx_wire::name::Name::new(word.as_bytes()).to_string()).collect();
    format!("linx {command} {}", words.join(" "))
}

fn conditions<'a>(
    command: &str,
    mut words: Peekable<impl ExactSizeIterator<Item = &'a OsStr>>,
    query: &Query,
    known: &dyn Known,
    in_order: &dyn Fn(usize) -> String,
) -> Outcome<Filter> {
    let mut filter = Filter::default();
    while let Some(word) = words.next() {
        if word == "and" && !filter.is_empty() && words.peek().is_some() {
            continue;
        }
        let not = word == "not";
        let word = match (not, words.peek()) {
            (false, _) => word,
            (true, Some(_)) => words.next().unwrap_or_default(),
            (true, None) => return Err(Failure::usage("\"not\" wants a condition behind it")),
        };
        let Some(name) = filter_word(word) else {
            if !not && !filter.is_empty() && object(word).is_some() {
                let failure = Failure::usage(format!("{} is an object behind a filter", quoted(word)));
                return Err(failure.remedy(format!("objects come first: {}", in_order(words.len() + 1))));
            }
            return Err(stranger(word, query, not, command == WATCH));
        };
        let is_nft = query.objects == [Object::Nft];
        let mut value = || words.next().ok_or_else(|| missing(name, is_nft, command == WATCH));
        let test = if name == "table" && is_nft {
            nft_table(&mut value)?
        } else {
            condition(name, &mut value, known, command == WATCH)?
        };
        filter.terms.push(Term { not, word: name, test });
    }
    Ok(filter)
}

fn object(word: &OsStr) -> Option<Object> {
    let word = word.to_str()?;
    // A whole filter word is not an abbreviation of an object.
    if FILTERS.contains(&word) || matches!(word, "not" | "all") { None } else { Object::parse(word) }
}

fn filter_word(word: &OsStr) -> Option<&'static str> {
    let word = word.to_str().filter(|word| !word.is_empty())?;
    FILTERS
        .iter()
        .find(|name| **name == word)
        .or_else(|| FILTERS.iter().find(|name| name.starts_with(word)))
        .copied()
}

fn missing(name: &str, is_nft: bool, watch: bool) -> Failure {
    let what = match name {
        "dev" | "master" => "the name of a link",
        "table" if is_nft => "the name of a table",
        "table" => "a routing table",
        "protocol" => "a protocol",
        "to" => "a prefix",
        "type" => "a kind of link or type of route",
        "group" => "a group of links",
        "by" => "a command, pid, login, unit or container",
        "op" if watch => "added, changed or removed",
        "op" => "new or del",
        "cause" if watch => "event, implied, resync, expired or audit",
        _ => "a value",
    };
    Failure::usage(format!("\"{name}\" wants {what} behind it"))
}

/// A word that is neither an object nor the beginning of a condition.
fn stranger(word: &OsStr, query: &Query, not: bool, watch: bool) -> Failure {
    let text = word.to_string_lossy();
    let known = FILTERS.into_iter().chain(["not", "proto"]);
    if query.objects.is_empty() && !query.all && !not {
        let failure = Failure::usage(format!("{} is neither an object nor a filter", quoted(word)));
        return match Object::nearest(&text).or_else(|| suggest::nearest(&text, known)) {
            Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
            None => failure.remedy(format!("objects are {} and all", Object::list())),
        };
    }
    if query.objects == [Object::Nft] && !query.all {
        return stranger_to_nft(word, &text);
    }
    let failure = Failure::usage(format!("{} is not a filter", quoted(word)));
    match suggest::nearest(&text, known).or_else(|| Object::nearest(&text)) {
        Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
        None if text.parse::<std::net::IpAddr>().is_ok() || text.contains('/') => {
            failure.remedy(format!("did you mean \"to {}\"?", linx_wire::name::Name::new(word.as_bytes())))
        }
        None if watch => {
            failure.remedy("filters are dev, master, type, group, table, proto, to, by, op and cause")
        }
        None => failure.remedy("filters are dev, master, type, group, table, proto, to, by and op"),
    }
}

/// What stands behind `nft` alone is nft's kinds and filters.
fn stranger_to_nft(word: &OsStr, text: &str) -> Failure {
    let failure = Failure::usage(format!("{} is neither a kind of nft nor a filter", quoted(word)));
    match suggest::nearest(text, Object::NFT_WORDS.into_iter().chain(["table", "by", "op", "not"])) {
        Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
        None => failure
            .remedy(format!("kinds are {}; filters are table, by and op", Object::NFT_WORDS.join(", "))),
    }
}

fn condition<'a>(
    name: &'static str,
    value: &mut dyn FnMut() -> Outcome<&'a OsStr>,
    known: &dyn Known,
    watch: bool,
) -> Outcome<Test> {
    let word = value()?;
    Ok(match name {
        "dev" => Test::Dev(link(word)?),
        "master" => Test::Master(link(word)?),
        "to" => to(word, value)?,
        "type" => Test::Type(text(word)?.to_owned()),
        "by" => Test::By(text(word)?.to_owned()),
        "table" => match text(word)? {
            "all" => Test::Table(None),
            word => Test::Table(Some(look_up("routing table", word, known.table(word))?)),
        },
        "group" => {
            let word = text(word)?;
            Test::Group(look_up("group", word, known.group(word))?)
        }
        "protocol" => {
            let word = text(word)?;
            match (known.protocol(word), known.address_protocol(word)) {
                (Err(mut names), Err(more)) => {
                    names.extend(more);
                    return Err(unknown("protocol", word, names));
                }
                (route, address) => Test::Proto { route: route.ok(), address: address.ok() },
            }
        }
        "op" => {
            let word = text(word)?;
            let known = if watch { CHANGES } else { OPERATIONS };
            let remedy = if watch { "added, changed or removed" } else { "new or del" };
            Test::Op(one_of("operation", word, &known, remedy)?)
        }
        "cause" if watch => {
            Test::Cause(one_of("cause", text(word)?, &CAUSES, "event, implied, resync, expired or audit")?)
        }
        // `cause` tells why a mirror changed; what the kernel says of one change has no cause.
        _ => return Err(Failure::usage("\"cause\" filters what watch prints")),
    })
}

fn one_of(what: &str, word: &str, known: &[&str], remedy: &str) -> Outcome<String> {
    match known.iter().find(|known| **known == word) {
        Some(word) => Ok((*word).to_owned()),
        None => Err(Failure::usage(format!("no {what} {}", quoted(word))).remedy(remedy)),
    }
}

/// `table NAME`, `table FAMILY NAME`. A name that is a family's word takes the family before it.
fn nft_table<'a>(value: &mut dyn FnMut() -> Outcome<&'a OsStr>) -> Outcome<Test> {
    let word = value()?;
    Ok(match word.to_str().map(str::parse) {
        Some(Ok(family)) => Test::NftTable(Some(family), LinkWord(value()?.as_bytes().to_vec())),
        _ => Test::NftTable(None, LinkWord(word.as_bytes().to_vec())),
    })
}

fn link(word: &OsStr) -> Outcome<LinkWord> {
    if word.is_empty() {
        return Err(Failure::usage("\"\" is not the name of a link"));
    }
    Ok(LinkWord(word.as_bytes().to_vec()))
}

fn text(word: &OsStr) -> Outcome<&str> {
    word.to_str()
        .filter(|word| !word.is_empty())
        .ok_or_else(|| Failure::usage(format!("{} is not a word", quoted(word))))
}

fn to<'a>(word: &'a OsStr, value: &mut dyn FnMut() -> Outcome<&'a OsStr>) -> Outcome<Test> {
    let selector = match word.to_str() {
        Some("root") => Selector::Root,
        Some("match") => Selector::Match,
        Some("exact") => Selector::Exact,
        _ => return Ok(Test::To(Selector::Plain, prefix::parse(&word.to_string_lossy())?)),
    };
    Ok(Test::To(selector, prefix::parse(&value()?.to_string_lossy())?))
}

fn look_up(what: &str, word: &str, found: Result<u32, Vec<String>>) -> Outcome<u32> {
    found.map_err(|names| unknown(what, word, names))
}

fn unknown(what: &str, word: &str, names: Vec<String>) -> Failure {
    let file = match what {
        "routing table" => "rt_tables",
        "group" => "group",
        _ => "rt_protos",
    };
    let failure = Failure::usage(format!("no {what} {}", quoted(word)));
    match suggest::nearest(word, names) {
        Some(near) => failure.remedy(format!("did you mean \"{near}\"?")),
        None => failure.remedy(format!("names are in /etc/iproute2/{file}; a number works too")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Few;

    impl Known for Few {
        fn table(&self, word: &str) -> Result<u32, Vec<String>> {
            match word {
                "main" => Ok(254),
                "local" => Ok(255),
                _ => word.parse().map_err(|_| vec!["main".into(), "local".into()]),
            }
        }
        fn protocol(&self, word: &str) -> Result<u32, Vec<String>> {
            match word {
                "kernel" => Ok(2),
                "bird" => Ok(12),
                _ => word.parse().map_err(|_| vec!["kernel".into(), "bird".into()]),
            }
        }
        fn address_protocol(&self, word: &str) -> Result<u32, Vec<String>> {
            if word == "kernel_ll" { Ok(3) } else { Err(vec!["kernel_ll".into()]) }
        }
        fn group(&self, word: &str) -> Result<u32, Vec<String>> {
            if word == "default" { Ok(0) } else { Err(vec!["default".into()]) }
        }
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
    }

    fn query(line: &str) -> Query {
        parse("list", &words(line), &Few).unwrap()
    }

    fn why(line: &str) -> String {
        parse("list", &words(line), &Few).unwrap_err().text().unwrap()
    }

    fn term(test: Test) -> impl Fn(&Term) -> bool {
        move |term| !term.not && term.test == test
    }

    #[test]
    fn objects_come_first_each_once() {
        assert_eq!(query("r addr route").objects, [Object::Route, Object::Address]);
        assert_eq!(query("").kinds().len(), 8);
        assert_eq!(query("all").kinds().len(), 8);
        assert_eq!(query("route dev link").objects, [Object::Route]);
        assert_eq!(query("ru r").operation("list"), "list rule route");
    }

    #[test]
    fn conditions_and_their_negations() {
        let query = query("r not proto kernel and table main dev eth0 not to root 10/8 to default");
        let terms = &query.filter.terms;
        assert!(terms[0].not && terms[0].test == Test::Proto { route: Some(2), address: None });
        assert!(term(Test::Table(Some(254)))(&terms[1]));
        assert!(term(Test::Dev(LinkWord(b"eth0".to_vec())))(&terms[2]));
        assert!(terms[3].not && matches!(&terms[3].test, Test::To(Selector::Root, nets) if nets.len() == 1));
        assert!(matches!(&terms[4].test, Test::To(Selector::Plain, nets) if nets.len() == 2));
        assert_eq!(query.filter.only_table(), Some(254));
        assert!(query.filter.names_table());
    }

    #[test]
    fn what_stands_behind_nft_is_of_nft() {
        let rules = query("nft rules sets table inet filter");
        assert_eq!(
            (rules.objects.as_slice(), rules.nft_kinds()),
            (&[Object::Nft][..], &[Kind::NftRule, Kind::Set][..])
        );
        let name = || LinkWord(b"filter".to_vec());
        assert!(term(Test::NftTable(Some(linx::nft::Family::Inet), name()))(&rules.filter.terms[0]));
        assert!(term(Test::NftTable(None, name()))(&query("nft table filter").filter.terms[0]));
        let mixed = query("rules nft");
        assert_eq!(
            (mixed.objects.as_slice(), mixed.nft_kinds()),
            (&[Object::Rule, Object::Nft][..], &NFT[..])
        );
        assert_eq!(
            why("nft chain"),
            "linx: list nft: \"chain\" is neither a kind of nft nor a filter; did you mean \"chains\"?"
        );
        assert_eq!(
            why("nft xyz"),
            "linx: list nft: \"xyz\" is neither a kind of nft nor a filter; kinds are ruleset, tables, chains, rules, \
             sets, elements, objects, flowtables; filters are table, by and op"
        );
        assert_eq!(
            why("nft dev lo"),
            "linx: list nft: \"dev\" is no filter of nft; filters are table, by, op"
        );
    }

    #[test]
    fn a_value_may_look_like_anything() {
        let query = query("l a dev link type table by not op del");
        assert_eq!(query.objects, [Object::Link, Object::Address]);
        assert!(term(Test::Dev(LinkWord(b"link".to_vec())))(&query.filter.terms[0]));
        assert!(term(Test::Type("table".to_owned()))(&query.filter.terms[1]));
        assert!(term(Test::By("not".to_owned()))(&query.filter.terms[2]));
    }

    #[test]
    fn abbreviated_conditions() {
        let query = query("r a t all p bird ty blackhole d lo m br0 g default");
        let words: Vec<_> = query.filter.terms.iter().map(|term| term.word).collect();
        assert_eq!(words, ["table", "protocol", "type", "dev", "master", "group"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, text) in [
            ("ruote", "linx: list: \"ruote\" is neither an object nor a filter; did you mean \"route\"?"),
            (
                "xyz",
                "linx: list: \"xyz\" is neither an object nor a filter; objects are nsid, link, address, neigh, rule, nexthop, route, nft and all",
            ),
            (
                "route eth0",
                "linx: list route: \"eth0\" is not a filter; filters are dev, master, type, group, table, proto, to, by and op",
            ),
            (
                "route 10.0.0.0/8",
                "linx: list route: \"10.0.0.0/8\" is not a filter; did you mean \"to 10.0.0.0/8\"?",
            ),
            ("route tabel main", "linx: list route: \"tabel\" is not a filter; did you mean \"table\"?"),
            ("route table mian", "linx: list route: no routing table \"mian\"; did you mean \"main\"?"),
            (
                "route table x\x1b",
                "linx: list route: no routing table \"x\\x1b\"; names are in /etc/iproute2/rt_tables; a number works too",
            ),
            ("route proto brid", "linx: list route: no protocol \"brid\"; did you mean \"bird\"?"),
            (
                "link group gold",
                "linx: list link: no group \"gold\"; names are in /etc/iproute2/group; a number works too",
            ),
            ("route dev", "linx: list route: \"dev\" wants the name of a link behind it"),
            ("nft table", "linx: list nft: \"table\" wants the name of a table behind it"),
            ("route not", "linx: list route: \"not\" wants a condition behind it"),
            ("route to root", "linx: list route: \"to\" wants a prefix behind it"),
            (
                "route to 10.0.0.0/33",
                "linx: list route: \"10.0.0.0/33\" is not a prefix: an IPv4 length is 0 to 32",
            ),
            (
                "dev lo link",
                "linx: list: \"link\" is an object behind a filter; objects come first: linx list link dev lo",
            ),
            (
                "route dev lo rule n not table 7",
                "linx: list route: \"rule\" is an object behind a filter; objects come first: linx list route rule n dev lo not table 7",
            ),
            (
                "link table main",
                "linx: list link: \"table\" is no filter of link; filters are dev, master, type, group, op",
            ),
            (
                "neigh l table main",
                "linx: list neigh link: \"table\" is no filter of neigh or link; filters are dev, master, type, group, protocol, to, by, op",
            ),
            (
                "route type unicats",
                "linx: list route: no type \"unicats\" of route; did you mean \"unicast\"?",
            ),
            (
                "nexthop type veth",
                "linx: list nexthop: no type \"veth\" of nexthop; types are blackhole, group, fdb",
            ),
            ("route proto kernel_ll", "linx: list route: that protocol is one of addresses alone"),
            ("route op added", "linx: list route: no operation \"added\"; new or del"),
            ("route cause event", "linx: list route: \"cause\" filters what watch prints"),
        ] {
            assert_eq!(why(line), text, "{line}");
        }
        let watch = |line| parse("watch", &words(line), &Few);
        let terms = watch("op changed not cause implied").unwrap().filter.terms;
        assert_eq!(terms[0].test, Test::Op("changed".into()));
        assert!(terms[1].not && terms[1].test == Test::Cause("implied".into()));
        for (line, text) in [
            ("op new", "linx: watch: no operation \"new\"; added, changed or removed"),
            ("cause x", "linx: watch: no cause \"x\"; event, implied, resync, expired or audit"),
            (
                "route cause",
                "linx: watch route: \"cause\" wants event, implied, resync, expired or audit behind it",
            ),
        ] {
            assert_eq!(watch(line).unwrap_err().text().unwrap(), text, "{line}");
        }
        let by = query("route by bird").filter.without_changes().unwrap_err().text().unwrap();
        assert_eq!(by, "linx: \"by\" filters changes, and a list has none; use it with monitor");
    }
}
