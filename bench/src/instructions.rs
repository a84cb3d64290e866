//! User instructions a message of every decoder, as valgrind counts them: they do not depend on what else runs.
//!
//! Each contestant runs twice in a process of its own under `valgrind --tool=callgrind`, with two numbers of repeats; what
//! the runs differ by is decoding alone, the start and the reading of the messages left out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use linx_wire::header::Messages;
use linx_wire::route::{Address, AddressRef, Neighbour, NeighbourRef, NextHop, NextHopRef, Rule, RuleRef};

use crate::decode::{BORROWED, OWNED, WALK, link_decoders, payloads, route_decoders, walk};
use crate::nft::decode::{dumped, element_decoders, elements_a_message, rule_decoders};
use crate::report::{Contestant, Form, Outcome, Report, Row, Sample};
use crate::{Scale, messages};

/// Repeats of the two runs.
const FEW: usize = 1;
const MANY: usize = 11;

/// What is decoded: a name, and what it is called in the report.
const KINDS: [(&str, &str); 9] = [
    ("route4", "IPv4 route, 4 attributes"),
    ("route6", "IPv6 route, 7 attributes"),
    ("link", "recorded veth links"),
    ("address", "recorded addresses"),
    ("neighbour", "recorded neighbours"),
    ("rule", "recorded rules"),
    ("nexthop", "recorded next hops"),
    ("nft-rule", "nft rule of ten expressions"),
    ("nft-element", "nft set elements"),
];

/// Recordings of a kernel's messages, their type, and how many bytes are before the attributes.
fn recording(kind: &str) -> Option<(&'static [u8], u16, usize)> {
    macro_rules! recorded {
        ($name:literal) => {
            include_bytes!(concat!("../../crates/linx-wire/testdata/", $name, ".bin"))
        };
    }
    Some(match kind {
        "link" => (recorded!("links-veth"), 16, 16),
        "address" => (recorded!("addresses"), 20, 8),
        "neighbour" => (recorded!("neighbours"), 28, 12),
        "rule" => (recorded!("rules"), 32, 12),
        "nexthop" => (recorded!("nexthops"), 104, 8),
        _ => return None,
    })
}

fn decoders<'a>(kind: &str, d: &'a [Vec<u8>], repeats: usize) -> Vec<Contestant<'a>> {
    macro_rules! ours {
        ($borrowed:ident, $owned:ident, $fixed:literal) => {{
            let mut all = vec![
                payloads(WALK, d, repeats, |payload| walk(payload, $fixed)),
                payloads(BORROWED, d, repeats, |payload| {
                    assert!(std::hint::black_box(&$borrowed::decode(payload)).is_ok());
                }),
                payloads(OWNED, d, repeats, |payload| {
                    assert!(std::hint::black_box(&$owned::decode(payload)).is_ok());
                }),
            ];
            all.extend(crate::peers::object_decoders(kind, d, repeats));
            all
        }};
    }
    match kind {
        "link" => link_decoders(d, repeats),
        "address" => ours!(AddressRef, Address, 8),
        "neighbour" => ours!(NeighbourRef, Neighbour, 12),
        "rule" => ours!(RuleRef, Rule, 12),
        "nexthop" => ours!(NextHopRef, NextHop, 8),
        "nft-rule" => rule_decoders(d, repeats),
        "nft-element" => element_decoders(d, repeats),
        _ => route_decoders(d, repeats),
    }
}

/// A contestant of a kind.
struct Job {
    kind: usize,
    name: String,
    stranger: bool,
    objects: f64,
    outcome: Mutex<Outcome<Sample>>,
}

/// The tables of instructions.
pub fn run(scale: Scale, report: &mut Report) -> Outcome<()> {
    report.title(
        "Instructions",
        "User instructions a message (a rule, an element), framing included; callgrind counts them.",
    );
    if !Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success())
    {
        report.skipped("valgrind is not installed");
        return Ok(());
    }
    let folder = std::env::temp_dir().join(format!("linx-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let outcome = tables(&folder, scale, report);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn tables(folder: &Path, scale: Scale, report: &mut Report) -> Outcome<()> {
    let (rules, elements) = dumped(100, 4_000)?;
    let mut jobs = Vec::new();
    for (index, (kind, _)) in KINDS.iter().enumerate() {
        let d = match *kind {
            "route4" => messages::ipv4_routes(200),
            "route6" => messages::ipv6_routes(200),
            "nft-rule" => rules.clone(),
            "nft-element" => elements.clone(),
            other => {
                let (bytes, message_type, _) = recording(other).ok_or("no recording")?;
                messages::recorded(bytes, message_type, 10)
            }
        };
        let messages: usize = d.iter().map(|datagram| Messages::new(datagram).count()).sum();
        let each = if *kind == "nft-element" { elements_a_message(&d) } else { 1.0 };
        std::fs::write(file(folder, kind), framed(&d)).map_err(|error| error.to_string())?;
        for Contestant { name, stranger, .. } in decoders(kind, &d, FEW) {
            if scale.only.is_none_or(|text| name.contains(text)) && (!scale.short || name == BORROWED) {
                let outcome = Mutex::new(Err(String::new()));
                jobs.push(Job { kind: index, name, stranger, objects: each * messages as f64, outcome });
            }
        }
    }
    report.progress(&format!("{} decoders", jobs.len()));
    // The counts do not depend on what else runs: all cores work.
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let counted = count(&file(folder, KINDS[job.kind].0), &job.name, job.objects);
                    if let Ok(mut outcome) = job.outcome.lock() {
                        *outcome = counted;
                    }
                }
            });
        }
    });
    for (index, (_, title)) in KINDS.iter().enumerate() {
        let mut rows = Vec::new();
        for job in jobs.iter().filter(|job| job.kind == index) {
            let outcome =
                job.outcome.lock().map_or_else(|_| Err("a worker panicked".to_owned()), |it| it.clone());
            let (samples, fault) = match outcome {
                Ok(sample) => (vec![sample], None),
                Err(why) if job.stranger => (Vec::new(), Some(why)),
                Err(why) => return Err(format!("{title}: {}: {why}", job.name)),
            };
            rows.push(Row { name: job.name.clone(), samples, fault });
        }
        report.table(title, "instructions", Form::Counts, &rows, &[]);
    }
    Ok(())
}

fn file(folder: &Path, kind: &str) -> PathBuf {
    folder.join(kind)
}

/// The datagrams, each behind its length.
fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for datagram in datagrams {
        all.extend((datagram.len() as u32).to_le_bytes());
        all.extend(datagram);
    }
    all
}

/// Instructions of a decoder for each of so many objects.
fn count(messages: &Path, name: &str, objects: f64) -> Outcome<Sample> {
    let messages = messages.to_string_lossy();
    let few = collected(name, &messages, FEW)?;
    let many = collected(name, &messages, MANY)?;
    Ok(Sample::new((many as f64 - few as f64) / (MANY - FEW) as f64 / objects))
}

/// What callgrind counts of a process.
fn collected(name: &str, messages: &str, repeats: usize) -> Outcome<u64> {
    let child = crate::child(&["instructions", name, messages, &repeats.to_string()])?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(child.get_program()).args(child.get_args()).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let why = said.lines().rfind(|line| line.starts_with("linx-bench:") || line.contains("panicked"));
        let why = why.or_else(|| said.lines().find(|line| line.contains("terminating")));
        return Err(why.unwrap_or("it did not end well").to_owned());
    }
    let line =
        said.lines().find_map(|line| line.split_once("Collected :")).ok_or("callgrind told no count")?;
    line.1.trim().parse().map_err(|_| format!("callgrind said {:?}", line.1))
}

/// In the process: decodes the messages of a file, whose name is their kind, so many times.
pub fn child(name: &str, messages: &str, repeats: &str) -> Outcome<()> {
    let repeats = repeats.parse().map_err(|_| "no number")?;
    let bytes = std::fs::read(messages).map_err(|error| format!("{messages}: {error}"))?;
    let (mut d, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((length, more)) = rest.split_first_chunk() {
        let (datagram, more) = more.split_at(u32::from_le_bytes(*length) as usize);
        d.push(datagram.to_vec());
        rest = more;
    }
    let kind = Path::new(messages).file_name().unwrap_or_default().to_string_lossy();
    let mut contestants = decoders(&kind, &d, repeats);
    let contestant = contestants.iter_mut().find(|contestant| contestant.name == name);
    (contestant.ok_or_else(|| format!("nobody is called {name}"))?.turn)().map(drop)
}
