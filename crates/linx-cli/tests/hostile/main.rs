//! Hostile names, of everything that has one, through every output of the command: nothing that a terminal would obey or
//! misread gets out, every line of JSON is one, and no name is lost or mistaken.
//!
//! All names are played at once, each object and output is looked at afterwards (`cargo test -p linx-cli --test hostile --
//! --nocapture` prints how many names were found where).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use linx_test::{is_root, skip_unless};
use linx_wire::name::{Name, is_dangerous};
use serde_json::Value;

use stage::{Capture, Captured, Stage, alternative, renamed_to};

/// Longest that the test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of processes that end at once, how many a watch must know: what was not seen is left out. A monitor, which asks at once and
/// beside others that are busy, sees less.
const FEW: usize = 1;

/// Objects in outputs that were looked at, and names found there.
static CELLS: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

fn shown(bytes: &[u8]) -> String {
    Name::new(bytes).to_string()
}

/// What is on a terminal, without the colours; panics at anything that does not belong there.
fn on_terminal(bytes: &[u8], colours: bool, what: &str) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: not UTF-8"));
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b').filter(|_| colours) {
        plain.push_str(before);
        let code = after.strip_prefix('[').and_then(|after| after.split_once('m'));
        let (code, after) = code.unwrap_or_else(|| panic!("{what}: an escape that is no colour: {before:?}"));
        assert!(
            matches!(code, "0" | "1" | "2" | "31" | "32" | "33" | "34" | "35" | "36" | "92"),
            "{what}: {code:?} is none of our colours"
        );
        rest = after;
    }
    plain.push_str(rest);
    for line in plain.split('\n') {
        assert!(!line.chars().any(is_dangerous), "{what}: {line:?}");
        // No line begins within a name.
        assert!(!line.starts_with("line"), "{what}: {line:?}");
    }
    assert!(plain.is_empty() || plain.ends_with('\n'), "{what}: its last line has no end");
    plain
}

/// The lines of JSON, each valid.
fn records(bytes: &[u8], validator: &jsonschema::Validator, what: &str) -> Vec<Value> {
    let text = on_terminal(bytes, false, what);
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
    let all: Vec<Value> = text.lines().map(read).collect();
    // Of some outputs every line, of the others those of kinds that these have not, and some: validating takes its time.
    let is_whole = what.ends_with("-j watch") && !what.contains("--all-netns");
    let is_looked_at = |(at, line): &(usize, &Value)| {
        is_whole || at % 16 == 0 || line["kind"] == "netns" || line["kind"].is_null()
    };
    for (_, line) in all.iter().enumerate().filter(is_looked_at) {
        assert!(validator.is_valid(line), "{what}: {line}");
    }
    all
}

/// Bytes found under each path of the lines (`link.altnames`, `table.name`), of lists and transactions alike.
type Found = BTreeMap<String, BTreeSet<Vec<u8>>>;

fn collect(value: &Value, path: &str, hex: Option<&Value>, found: &mut Found) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                // An element of a transaction is one like any other.
                let path =
                    if path.is_empty() || key == "changes" { key.clone() } else { format!("{path}.{key}") };
                let path = path.strip_prefix("changes.").unwrap_or(&path);
                collect(value, path, fields.get(&format!("{key}_hex")), found);
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                collect(value, path, hex.and_then(|hex| hex.get(at)), found);
            }
        }
        Value::String(text) => {
            let bytes = hex.and_then(Value::as_str).map_or_else(|| text.as_bytes().to_vec(), unhex);
            found.entry(path.to_owned()).or_default().insert(bytes);
        }
        _ => {}
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What must be found where.
struct Wanted {
    /// By the path in JSON: the bytes.
    json: Vec<(&'static str, Vec<Vec<u8>>)>,
    /// By the word of the kind in front of a line: what it must show.
    people: Vec<(&'static str, Vec<Vec<u8>>)>,
}

fn wanted(stage: &Stage) -> Wanted {
    let names = stage.names.clone();
    let texts = stage.texts.clone();
    let cut = |texts: &[Vec<u8>]| {
        texts.iter().map(|text| text.get(..15).unwrap_or(text).to_vec()).collect::<Vec<_>>()
    };
    // The kernel takes the name of a set as a format.
    let sets: Vec<Vec<u8>> = texts.iter().filter(|text| !text.contains(&b'%')).cloned().collect();
    let more_sets = sets.iter().map(|text| [b"s", &text[..]].concat()).collect();
    let tables = texts.clone();
    let flows = if stage.has_flowtables.load(Relaxed) { names.clone() } else { Vec::new() };
    Wanted {
        json: vec![
            ("link.ifname", names.clone()),
            ("link.altnames", texts.iter().map(|text| alternative(text)).collect()),
            ("link.ifalias", texts.clone()),
            ("link.master", names.clone()),
            ("address.dev", names.clone()),
            ("address.label", cut(&texts)),
            ("neigh.dev", names.clone()),
            ("route.dev", names.clone()),
            ("nexthop.dev", names.clone()),
            ("rule.iif", cut(&texts)),
            ("rule.oif", cut(&texts)),
            ("table.name", tables.clone()),
            ("table.comment", tables.clone()),
            ("chain.name", tables.clone()),
            ("rule.table", tables.clone()),
            ("rule.comment", tables.clone()),
            ("map.name", sets.clone()),
            ("set.name", more_sets),
            ("element.set", sets.clone()),
            ("element.comment", sets.clone()),
            ("object.name", tables.clone()),
            ("chain.dev", names.clone()),
            ("flowtable.name", flows.clone()),
            ("flowtable.dev", flows.clone()),
        ],
        people: vec![
            ("link", names.clone()),
            ("address", names.clone()),
            ("neigh", names.clone()),
            ("route", names.clone()),
            ("nexthop", names),
            ("rule", cut(&texts)),
            ("table", tables.clone()),
            ("chain", tables.clone()),
            ("map", sets.clone()),
            ("set", sets.clone()),
            ("element", sets),
            ("counter", tables),
            ("flowtable", flows),
        ],
    }
}

/// Counts what was found of what must be; all of it must be, unless `least` is less.
fn compare(what: &str, of: &str, wanted: &[Vec<u8>], least: usize, has: impl Fn(&[u8]) -> bool) {
    let missing: Vec<_> =
        wanted.iter().filter(|name| !has(name)).map(|name| name.escape_ascii().to_string()).collect();
    let found = wanted.len() - missing.len();
    CELLS.fetch_add(usize::from(found > 0), Relaxed);
    FOUND.fetch_add(found, Relaxed);
    if found < wanted.len() {
        eprintln!("{what}: {of}: {found} of {}", wanted.len());
    }
    assert!(found >= least.min(wanted.len()), "{what}: {of} lacks {missing:?}");
}

fn check_json(captured: &Captured, wanted: &Wanted, validator: &jsonschema::Validator) -> Found {
    let mut found = Found::new();
    for line in records(&captured.out, validator, &captured.what) {
        collect(&line, "", None, &mut found);
    }
    for (path, names) in &wanted.json {
        let there = found.get(*path).cloned().unwrap_or_default();
        compare(&captured.what, path, names, usize::MAX, |name| there.contains(name));
    }
    found
}

fn check_people(captured: &Captured, wanted: &Wanted, colours: bool) -> String {
    let text = on_terminal(&captured.out, colours, &captured.what);
    for (kind, names) in &wanted.people {
        let word = format!(" {kind} ");
        let lines: Vec<&str> = text.lines().filter(|line| format!(" {line}").contains(&word)).collect();
        let lines = lines.join("\n");
        compare(&captured.what, kind, names, usize::MAX, |name| {
            // Within quotes, a quote is escaped too.
            let name = shown(name);
            lines.contains(&name) || lines.contains(&name.replace('"', "\\\""))
        });
    }
    text
}

#[test]
fn what_is_not_escaped_would_be_noticed() {
    let mut noticed = 0;
    for text in linx_test::hostile_texts() {
        let is_noticed =
            std::panic::catch_unwind(|| on_terminal(&[&text[..], b"\n"].concat(), false, "")).is_err();
        assert_eq!(
            is_noticed,
            !Name::new(&text).is_plain() && !text.contains(&b'\\') || text.contains(&0x1b)
        );
        noticed += usize::from(is_noticed);
        on_terminal(format!("{}\n", shown(&text)).as_bytes(), false, "");
    }
    assert!(noticed >= 25, "{noticed}");
    assert!(std::panic::catch_unwind(|| on_terminal(b"\x1b[8mhidden\n", true, "")).is_err());
    on_terminal(b"\x1b[31mred\x1b[0m\n", true, "");
}

#[test]
fn hostile_names_of_everything_do_no_harm_in_any_output_exclusive() {
    skip_unless!(is_root(), "not root");
    let mut stage = Stage::new();
    let validator = {
        let mut schema = Command::new(env!("CARGO_BIN_EXE_linx"));
        let schema = schema.arg("schema").output().unwrap().stdout;
        jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap()
    };
    let begun = std::time::Instant::now();
    let lap = |what: &str| eprintln!("{:.1} s: {what}", begun.elapsed().as_secs_f32());
    let main = stage.main.name().to_owned();
    let args = |line: &str| -> Vec<OsString> {
        line.split_whitespace()
            .map(|word| if word == "MAIN" { main.as_str().into() } else { word.into() })
            .collect()
    };
    // Some of the namespaces are there before, the others come.
    let live = [
        "-n MAIN -j monitor --snapshot",
        "-n MAIN -c=always monitor --snapshot --fold 0",
        "-n MAIN -j watch",
        "-n MAIN -c=always watch --all --fold 0",
        "--all-netns -j watch",
        "--all-netns -c=always watch",
        "--all-netns -j monitor --snapshot",
        "--all-netns monitor --snapshot link",
    ];
    let mut running: Vec<Capture> =
        live.iter().enumerate().map(|(number, line)| Capture::start(&stage, number, &args(line))).collect();
    running.iter_mut().for_each(|capture| capture.until("synced"));
    lap("watching");
    stage.name_namespaces();
    stage.contain();
    lap("namespaces");
    stage.objects();
    lap("links");
    stage.rule_sets();
    lap("rule sets");
    // Who is behind does not see who it was.
    stage.main.ip("link set lo mtu 40000");
    running.iter_mut().for_each(|capture| capture.until("40000"));
    lap("caught up");
    stage.authors(0);
    // On a busy machine all of them may be gone before anybody looked: then once more.
    let [ip, nft] =
        [stage.program(b""), stage.committer(b"")].map(|folder| format!("\"exe\":\"{}", folder.display()));
    if !running[2].has_within(Duration::from_secs(10), &[&ip, &nft]) {
        stage.authors(1);
    }
    let wanted = wanted(&stage);
    lap("objects");

    // What is there now, in every way of listing it.
    let listing = [
        "-n MAIN -j list all --all",
        "-n MAIN list all --all",
        "-n MAIN -c=always list all --all",
        "-n MAIN -d -s -c=always list all --all",
        "-n MAIN -p list all --all",
        "--all-netns list link",
        "-n MAIN -c=always watch --snapshot --all",
        "-n MAIN watch --summary --for 1ms",
        "netns",
        "-j netns",
        "-p netns",
    ];
    let mut listed = BTreeMap::new();
    let start = |(number, line)| (line, Capture::start(&stage, number, &args(line)));
    for (line, capture) in (100..).zip(listing).map(start).collect::<Vec<_>>() {
        let mut capture = capture;
        if line.ends_with("--snapshot --all") {
            capture.until("synced");
            capture.signal();
        }
        let captured = capture.end();
        assert!(matches!(captured.status, Some(0 | 4)), "{line}: {}", captured.err.escape_ascii());
        on_terminal(&captured.err, line.contains("-c=always"), line);
        listed.insert(line, captured);
    }
    lap("listed");
    check_json(&listed["-n MAIN -j list all --all"], &wanted, &validator);
    for (line, colours) in [
        ("-n MAIN list all --all", false),
        ("-n MAIN -c=always list all --all", true),
        ("-n MAIN -d -s -c=always list all --all", true),
        ("-n MAIN -c=always watch --snapshot --all", true),
    ] {
        check_people(&listed[line], &wanted, colours);
    }
    // Colours are all that they add.
    let [plain, coloured] =
        ["-n MAIN list all --all", "-n MAIN -c=always list all --all"].map(|line| &listed[line].out);
    // Addresses of IPv6 become usable meanwhile, and routes and neighbours with them.
    let lasting = |text: &str| -> Vec<String> {
        let is_lasting =
            |line: &&str| !["address", "route", "neigh"].iter().any(|kind| line.starts_with(kind));
        text.lines().filter(is_lasting).map(str::to_owned).collect()
    };
    let [plain, coloured] = [on_terminal(plain, false, "plain"), on_terminal(coloured, true, "coloured")];
    for (plain, coloured) in lasting(&plain).iter().zip(lasting(&coloured)) {
        assert_eq!(*plain, coloured);
    }
    on_terminal(&listed["-n MAIN -p list all --all"].out, false, "-p");
    on_terminal(&listed["-p netns"].out, false, "-p netns");
    for line in ["netns", "--all-netns list link"] {
        let text = on_terminal(&listed[line].out, false, line);
        let files: Vec<_> = stage.files().cloned().collect();
        compare(line, "namespaces", &files, usize::MAX, |name| text.contains(&shown(name)));
        let contained: Vec<_> = stage.group_names().cloned().collect();
        compare(line, "containers", &contained, usize::MAX, |name| {
            text.contains(&format!("lxc:{}", shown(&of_group(name, ""))))
        });
    }
    check_namespaces(&listed["-j netns"], &stage, &validator);
    lap("looked at lists");
    check_errors(&stage, &args);
    lap("errors");

    stage.change();
    stage.main.ip("route add 10.255.0.0/24 dev lo");
    stage.main.nft("add table ip the-end");
    stage.main.ip("link set lo mtu 60000");
    running.iter_mut().for_each(|capture| capture.until_all(&["60000"]));
    running[3].until_all(&["10.255.0.0/24", "the-end"]);
    lap("changed");
    let mut ended: Vec<Captured> = Vec::new();
    // It ends before anything goes, so that it has differences to tell.
    let people = running.remove(3);
    people.signal();
    ended.push(people.end());
    stage.delete_objects();
    stage.delete_namespaces();
    stage.main.nft("add table ip the-very-end");
    stage.main.ip("link set lo mtu 50000");
    running.iter_mut().for_each(|capture| capture.until("50000"));
    lap("deleted");
    running.iter().for_each(Capture::signal);
    ended.extend(running.into_iter().map(Capture::end));
    lap("ended");
    for captured in &ended {
        assert_eq!(captured.status, Some(0), "{}: {}", captured.what, captured.err.escape_ascii());
        let coloured = captured.what.contains("-c=always");
        let notes = on_terminal(&captured.err, coloured, &captured.what);
        if captured.what.contains("-j") {
            let found = check_json(captured, &wanted, &validator);
            if !captured.what.contains("--all-netns") {
                check_authors(captured, &stage, &found);
            }
            if captured.what.contains("--all-netns") {
                let paths = found["netns.path"].clone();
                let files: Vec<_> = stage.files().cloned().collect();
                let path = |name: &[u8]| [b"/run/netns/", name].concat();
                eprintln!("{}: {}", captured.what, captured.err.escape_ascii());
                compare(&captured.what, "netns.path", &files, usize::MAX, |name| paths.contains(&path(name)));
            }
        } else if captured.what.contains("--fold 0") {
            let text = check_people(captured, &wanted, coloured);
            let by = author_names(&stage, comm);
            compare(&captured.what, "by", &by, FEW, |name| text.contains(&shown(name)));
        } else {
            on_terminal(&captured.out, coloured, &captured.what);
        }
        if captured.what.contains(" watch")
            && !captured.what.contains("-j")
            && !captured.what.contains("--all-netns")
        {
            assert!(notes.contains("net change since"), "{notes}");
        }
        if captured.what.ends_with("watch --all --fold 0") {
            let renamed: Vec<_> = stage.names.iter().map(|name| renamed_to(name)).collect();
            compare(&captured.what, "net change", &renamed, usize::MAX, |name| notes.contains(&shown(name)));
            let tables = stage.texts.clone();
            compare(&captured.what, "net change of tables", &tables, usize::MAX, |name| {
                notes.contains(&shown(name))
            });
        }
    }
    lap("looked at everything");
    let (cells, names) = (CELLS.load(Relaxed), FOUND.load(Relaxed));
    eprintln!("{cells} objects in outputs, {names} names found in them");
}

/// What authors are called.
fn author_names(stage: &Stage, of: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    stage.files().map(|text| of(text)).collect()
}

/// The first bytes of it, as the kernel keeps of a thread's name.
fn comm(text: &[u8]) -> Vec<u8> {
    text.get(..15).unwrap_or(text).to_vec()
}

/// What control groups are called is text: bytes that are none are escaped.
fn of_group(name: &[u8], suffix: &str) -> Vec<u8> {
    let text = std::str::from_utf8(name).map_or_else(|_| shown(name), str::to_owned);
    (text + suffix).into_bytes()
}

fn check_authors(captured: &Captured, stage: &Stage, found: &Found) {
    let few = if captured.what.ends_with("watch") { FEW } else { 0 };
    for who in ["author", "process"] {
        let has = |field: &str, bytes: &[u8]| {
            found.get(&format!("{who}.{field}")).is_some_and(|all| all.contains(bytes))
        };
        let program = |text: &[u8]| {
            let file = if who == "author" { stage.program(text) } else { stage.committer(text) };
            file.into_os_string().into_vec()
        };
        // `ip` reads its own name.
        let first = |text: &[u8]| [&program(text)[..], if who == "author" { b"/ip" } else { b"" }].concat();
        for (field, names) in [
            ("comm", author_names(stage, comm)),
            ("parent.comm", author_names(stage, comm)),
            ("exe", author_names(stage, program)),
            ("cmdline", author_names(stage, first)),
        ] {
            // The kernel tells who commits, and of others what was seen.
            let least = if (who, field) == ("process", "comm") { usize::MAX } else { few };
            compare(&captured.what, &format!("{who}.{field}"), &names, least, |name| has(field, name));
        }
        let units: Vec<_> = stage.group_names().map(|name| of_group(name, ".service")).collect();
        let containers: Vec<_> = stage.group_names().map(|name| of_group(name, "")).collect();
        compare(&captured.what, &format!("{who}.unit"), &units, few, |name| has("unit", name));
        compare(&captured.what, &format!("{who}.container.id"), &containers, few, |name| {
            has("container.id", name)
        });
    }
}

fn check_namespaces(captured: &Captured, stage: &Stage, validator: &jsonschema::Validator) {
    let mut found = Found::new();
    for line in records(&captured.out, validator, &captured.what) {
        collect(&line, "", None, &mut found);
    }
    let files: Vec<_> = stage.files().cloned().collect();
    for (path, of) in [("netns.name", ""), ("netns.path", "/run/netns/")] {
        let as_told = |name: &[u8]| {
            let name = if path == "netns.name" { shown(name).into_bytes() } else { name.to_vec() };
            [of.as_bytes(), &name].concat()
        };
        compare(&captured.what, path, &files, usize::MAX, |name| found[path].contains(&as_told(name)));
    }
    for directory in ["/run/docker/netns/", "/run/user/7/netns/"] {
        let few: Vec<_> = files.iter().take(4).cloned().collect();
        let path = |name: &[u8]| [directory.as_bytes(), name].concat();
        compare(&captured.what, directory, &few, usize::MAX, |name| {
            found["netns.path"].contains(&path(name))
        });
    }
}

/// What was typed, and what there is instead, in words about errors.
fn check_errors(stage: &Stage, args: &dyn Fn(&str) -> Vec<OsString>) {
    let lines = [
        "-n MAIN list link dev --",
        "-n MAIN monitor link dev --",
        "-n MAIN list nft table inet --",
        "-n MAIN list --",
        "list link -n",
    ];
    for (number, (text, line)) in (200..).zip(stage.texts.iter().zip(lines.into_iter().cycle())) {
        // Near to what there is.
        let near = OsString::from_vec([text, &b"z"[..]].concat());
        let mut all = args(line);
        all.push(near);
        let ended = Capture::start(stage, number, &all).end();
        assert!(matches!(ended.status, Some(1 | 2)), "{}: {:?}", ended.what, ended.status);
        assert_eq!(ended.out, b"", "{}", ended.what);
        let text = on_terminal(&ended.err, false, &ended.what);
        assert!(text.starts_with("linx: ") || text.starts_with("error: "), "{}: {text}", ended.what);
    }
}
