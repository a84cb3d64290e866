//! At the limits: a buffer that is too small, no descriptors, no privileges, readers that stop or leave, hostile
//! names. Every end is one of those documented, and nothing hangs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod common;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{PATIENCE, Running, linx, run, words};
use linx_sys::Capability;
use linx_test::{Namespace, Raw, Step, Storm, hostile_names, is_root, skip_unless};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::name::is_dangerous;
use linx_wire::uapi::rtm;
use serde_json::Value;

fn namespace(tag: &str) -> Namespace {
    let namespace = Namespace::new(tag);
    namespace.batch(
        "link set lo up\nlink add ve0 type veth peer name ve1\nlink set ve1 up\nlink set ve0 up\n\
         address add 10.0.0.1/24 dev ve0\n",
    );
    namespace
}

fn monitor(namespace: &Namespace, more: &str) -> Running {
    let line = format!("-n {} -j monitor --snapshot {more}", namespace.name());
    let mut running = Running::start(linx(line.split_whitespace()));
    running.find_json(|line| line["op"] == "synced");
    running
}

/// The command, where any user may execute it; removed on drop.
struct Copied(PathBuf);

impl Copied {
    fn new(tag: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("linx-cli-{tag}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_linx"), folder.join("linx")).unwrap();
        Self(folder)
    }

    /// Runs as nobody, without a capability, in a namespace.
    fn as_nobody(&self, namespace: &Namespace, args: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace.name(), "setpriv", "--reuid", "65534", "--regid", "65534"])
            .args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
            .arg(self.0.join("linx"))
            .args(args.split_whitespace())
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn without_privileges_all_of_rtnetlink_works() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-nobody");
    let copied = Copied::new("nobody");
    for kind in ["link", "addr", "route table all", "neigh --all", "rule", "nexthop", "nsid"] {
        let keys = |lines: Vec<Value>| lines.into_iter().map(|line| line["key"].clone()).collect::<Vec<_>>();
        // The kernel may make a neighbour between the two.
        linx_test::until(&format!("the same of {kind}"), || {
            let ran = run(copied.as_nobody(&namespace, &format!("-j list {kind}"))).ok();
            assert_eq!(ran.stderr, "", "{kind}");
            let privileged = words(&format!("-n {} -j list {kind}", namespace.name())).ok();
            keys(ran.json()) == keys(privileged.json())
        });
    }
    let mut running = Running::start(copied.as_nobody(&namespace, "-j monitor --snapshot"));
    let name = running.find_json(|line| line["op"] == "synced")["netns"]["name"].clone();
    assert!(name == "host" || name == "self", "{name}");
    namespace.ip("route add 10.71.0.0/16 dev ve0");
    let line = running.find_json(|line| line["route"]["dst"] == "10.71.0.0/16");
    assert!(line["author"]["portid"].as_u64().unwrap() > 0, "{line}");
    // 64 MiB are beyond what is allowed, and that is told, with what it is.
    let note = running.find_note(|line| line.contains("receive buffer is"));
    assert!(note.contains("not 64 MiB: net.core.rmem_max"), "{note}");
    running.signal("INT");
    assert_eq!(running.end().status, Some(0));
    // The mirror needs no privilege either, but for nf_tables.
    let mut running = Running::start(copied.as_nobody(&namespace, "-j watch"));
    let note = running.find_note(|line| line.contains("nft left out"));
    assert!(note.contains("needs CAP_NET_ADMIN (sudo, or setcap cap_net_admin+ep "), "{note}");
    let note = running.find_note(|line| line.contains("receive buffer is"));
    assert!(
        note.contains(
            "not 64 MiB: net.core.rmem_max; overflows are likelier (they are repaired and reported)"
        )
    );
    let synced = running.find_json(|line| line["op"] == "synced");
    let kinds = serde_json::json!(["link", "address", "rule", "nexthop", "route", "neigh"]);
    assert_eq!(synced["kinds"], kinds, "{synced}");
    namespace.ip("route del 10.71.0.0/16 dev ve0");
    running.find_json(|line| line["op"] == "removed" && line["route"]["dst"] == "10.71.0.0/16");
    running.signal("INT");
    assert_eq!(running.end().status, Some(0));
    let ran = run(copied.as_nobody(&namespace, "watch nft"));
    assert_eq!((ran.status, ran.text()), (Some(2), ""));
    assert!(ran.stderr.contains("watch nft: ") && ran.stderr.contains("needs CAP_NET_ADMIN"), "{ran:?}");
    // Another namespace is refused, and what helps is said.
    let other = Namespace::new("cli-other");
    let ran = run(copied.as_nobody(&namespace, &format!("-n {} list link", other.name())));
    assert_eq!((ran.status, ran.text()), (Some(2), ""));
    assert!(
        ran.stderr.contains("CAP_SYS_ADMIN") && ran.stderr.contains("sudo setcap cap_sys_admin"),
        "{ran:?}"
    );
}

/// The capability sets of each thread of a process, by its name.
fn capabilities(pid: u32) -> Vec<(String, [u64; 5])> {
    let mut all = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let status = read("status");
        let set = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        let sets = ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:", "CapBnd:"].map(set);
        all.push((read("comm").trim().to_owned(), sets));
    }
    all
}

/// Waits until each thread of a command that follows something has exactly these capabilities: its own threads, and those that
/// find authors.
fn keeps(mut running: Running, what: &str, [own, authors]: [u64; 2]) {
    running.find_json(|line| line["op"] == "synced");
    // The threads of the authors give theirs up as the first thing that they do.
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = capabilities(running.pid());
        let right =
            |(thread, [effective, permitted, inheritable, ambient, bounding]): &(String, [u64; 5])| {
                let expected = if is_of_authors(thread) { authors } else { own };
                [*effective, *permitted, *inheritable, *ambient] == [expected, expected, 0, 0]
                    && bounding & !expected == 0
            };
        if seen.iter().any(|(thread, _)| thread == "linx-out") && seen.iter().all(right) {
            let finds = seen.iter().filter(|(thread, _)| is_of_authors(thread)).count();
            assert!(finds > 0 && seen.len() > finds, "{what}: {seen:x?}");
            break;
        }
        assert!(Instant::now() < end, "{what}: {own:x} {authors:x}: {seen:x?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal("INT");
    let ended = running.end();
    // What happens in others' namespaces may be too much to print in the time that there is at the end.
    assert!(ended.status == Some(0) || what.contains("--all-netns"), "{what}: {ended:?}");
}

fn is_of_authors(thread: &str) -> bool {
    matches!(thread, "linx-authors" | "linx-executions")
}

/// The sets of docs/4-privileges.md, to the bit.
#[test]
fn what_is_not_needed_after_set_up_is_given_up() {
    skip_unless!(is_root(), "not root");
    let bits = |set: &[Capability]| set.iter().fold(0, |bits, one| bits | 1_u64 << one.number());
    let reading = bits(&[Capability::DAC_READ_SEARCH, Capability::SYS_PTRACE]);
    let abroad = reading | bits(&[Capability::SYS_ADMIN]);
    let nft = bits(&[Capability::NET_ADMIN]);
    let namespace = namespace("cli-caps");
    let places = [
        (String::new(), 0, reading),
        (format!("-n {}", namespace.name()), abroad, abroad),
        // Others come, and their receive buffers are forced.
        ("--all-netns".to_owned(), abroad | nft, abroad),
    ];
    let permitted = linx_sys::Capabilities::current().unwrap().permitted;
    for (place, own, authors) in &places {
        for (what, more) in [("link", 0), ("nft", nft), ("", nft)] {
            for command in ["monitor --snapshot", "watch"] {
                let line = format!("{place} -j {command} {what}");
                let expected = [own | more, *authors].map(|set| set & permitted);
                keeps(Running::start(linx(line.split_whitespace())), &line, expected);
            }
        }
    }
    // What is compared is there: who gives up nothing has it all.
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let sets = capabilities(other.id());
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].1[1], permitted);
    assert!(permitted & !(abroad | nft) != 0 && sets[0].1[4] & !(abroad | nft) != 0, "{sets:x?}");
}

/// The same of who is root in a user namespace alone.
#[test]
fn root_of_a_user_namespace_gives_up_the_same() {
    skip_unless!(is_root(), "not root");
    let inside = ["--user", "--map-root-user", "--net"];
    let may = Command::new("unshare").args(inside).arg("true").status().is_ok_and(|status| status.success());
    skip_unless!(may, "no user namespaces");
    let reading = 1 << Capability::DAC_READ_SEARCH.number() | 1 << Capability::SYS_PTRACE.number();
    let nft: u64 = 1 << Capability::NET_ADMIN.number();
    for (command, own) in
        [("monitor --snapshot link", 0), ("watch link", 0), ("monitor --snapshot nft", nft), ("watch", nft)]
    {
        let mut program = Command::new("unshare");
        program.args(inside).arg(env!("CARGO_BIN_EXE_linx")).arg("-j").args(command.split_whitespace());
        keeps(Running::start(program), command, [own, reading]);
    }
}

#[test]
fn a_tiny_buffer_is_told_and_it_goes_on() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-tiny");
    let mut storm = Storm::new(&namespace);
    let mut running = monitor(&namespace, "route not proto kernel --rcvbuf 2K");
    for round in 0..5 {
        // Who does not read cannot keep up.
        running.signal("STOP");
        storm.cycles(500, 1);
        running.signal("CONT");
        let lost = running.find_json(|line| line["op"] == "resync_needed");
        assert_eq!((&lost["reason"], &lost["kinds"]), (&"overflow".into(), &serde_json::json!(["route"])));
        assert!(lost["rcvbuf"].as_u64().unwrap() < 16 * 1024, "{lost}");
        // Once it is quiet, changes come again.
        let dst = format!("10.{round}.7.0/24");
        linx_test::until("a change to be told", || {
            namespace.ip(&format!("route replace {dst} dev ve0"));
            running.json()["route"]["dst"] == dst.as_str()
        });
        namespace.ip(&format!("route del {dst}"));
    }
    // People are told as well.
    let line = format!("-n {} monitor --snapshot route --rcvbuf 2K", namespace.name());
    let mut human = Running::start(linx(line.split_whitespace()));
    human.find(|line| line.contains("  synced  "));
    human.signal("STOP");
    storm.cycles(500, 1);
    human.signal("CONT");
    let line = human.find(|line| line.contains("resync_needed"));
    assert!(line.contains("! resync_needed  route: receive buffer overflowed ("), "{line}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-pipe");
    for args in ["-j monitor --snapshot", "monitor --snapshot"] {
        let line = format!("-n {} {args}", namespace.name());
        let mut child =
            linx(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        // Nothing happens in the namespace, and it ends all the same.
        drop(lines);
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it goes on without a reader");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{args}");
    }
    let mut storm = Storm::new(&namespace);
    let steps: Vec<Step> = (0..5_000).map(|number| Step { add: true, number }).collect();
    steps.chunks(64).for_each(|steps| storm.send(steps));
    for args in ["list route", "-j list route"] {
        let script = format!("{} -n {} {args} | head -1", env!("CARGO_BIN_EXE_linx"), namespace.name());
        let ran = run({
            let mut command = Command::new("bash");
            command.args(["-c", &format!("set -o pipefail; {script}")]);
            command
        });
        assert_eq!((ran.status, ran.stderr.as_str(), ran.lines().len()), (Some(0), "", 1), "{args}");
    }
}

#[test]
fn a_reader_that_stops_does_not_keep_it_from_ending_flood() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-stuck");
    let mut storm = Storm::new(&namespace);
    let line = format!("-n {} -j monitor --snapshot route", namespace.name());
    let mut child =
        linx(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    // More than its queue and the pipe hold, and nobody reads.
    for _ in 0..4 {
        storm.cycles(10_000, 1);
    }
    linx_test::until("a full pipe", || linx_test::unread(lines.get_ref()) >= 60 << 10);
    assert!(child.try_wait().unwrap().is_none());
    linx_test::interrupt(&child);
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "a signal does not end it");
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("ended before all of its output was taken"), "{stderr}");
}

#[test]
fn without_descriptors_there_is_an_error_and_what_helps() {
    skip_unless!(is_root(), "not root");
    let namespace = namespace("cli-emfile");
    let mut refused = 0;
    for limit in 3..20 {
        let one = format!("-n {}", namespace.name());
        let ways = ["list link", "list all", "-j monitor link --for 50ms", "netns"].map(|args| (&*one, args));
        let all = [("--all-netns", "list link"), ("--all-netns", "monitor link --for 50ms"), ("", "netns")];
        for (place, args) in ways.into_iter().chain(all) {
            let script = format!("ulimit -n {limit}; exec {} {place} {args}", env!("CARGO_BIN_EXE_linx"));
            let mut command = Command::new("bash");
            command.args(["-c", &script]).stdin(Stdio::null());
            let ran = run(command);
            assert!(
                !ran.stderr.contains("CAP_"),
                "no capability is missing: {limit} {place} {args}: {ran:?}"
            );
            match ran.status {
                Some(0 | 4) => {}
                // The shell or the loader could not begin.
                Some(126 | 127) => {}
                Some(2) => {
                    refused += 1;
                    assert!(ran.stderr.contains("Too many open files"), "{limit} {args}: {ran:?}");
                    assert!(ran.stderr.contains("ulimit -n"), "{limit} {args}: {ran:?}");
                }
                other => panic!("{limit} {args}: {other:?}: {ran:?}"),
            }
        }
    }
    assert!(refused >= 4, "{refused}");
}

/// A monitor of the links of all namespaces that has begun, and how many descriptors it has then.
fn settled(first: &Namespace) -> (Running, usize) {
    let mut running = Running::start(linx(["--all-netns", "-j", "monitor", "--snapshot", "link"]));
    running.find_json(|line| line["op"] == "synced" && line["netns"]["name"] == first.name());
    let (mut open, mut times) = (0, 0);
    let end = Instant::now() + Duration::from_secs(10);
    // Where namespaces of others come and go all the time, it is not waited for longer.
    while times < 10 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
        let now = descriptors(&running);
        times = if now == open { times + 1 } else { 0 };
        open = now;
    }
    (running, open)
}

fn descriptors(running: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().count()
}

/// A namespace that comes while no descriptor is left is not followed; those that are followed are.
#[test]
fn a_namespace_that_cannot_be_opened_does_not_end_the_others() {
    skip_unless!(is_root(), "not root");
    skip_unless!(Command::new("prlimit").arg("-V").output().is_ok(), "no prlimit");
    let first = namespace("cli-followed");
    let (mut running, _) = settled(&first);
    let name = first.name().to_owned();
    // Room for the sockets of one more, and for looking at it, or for less; if another namespace went meanwhile, for more.
    let mut is_refused = false;
    for room in [0, 3, 6, 7, 8, 9, 10, 11, 12].into_iter().cycle().take(36) {
        if room == 0 && is_refused {
            break;
        }
        let limit = format!("--nofile={}:4096", descriptors(&running) + room);
        let pid = running.pid().to_string();
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
        let later = namespace("cli-too-late");
        std::thread::sleep(Duration::from_millis(1500));
        drop(later);
        while let Some(note) = running.note_within(Duration::ZERO) {
            is_refused |= note.contains("Too many open files");
        }
    }
    first.ip("link set ve0 mtu 1400");
    loop {
        let line = running.json();
        let is_first = line["netns"]["name"] == *name;
        assert!(!is_first || line["op"] != "del" || line["kind"] != "netns", "it is still there: {line}");
        if is_first && line["link"]["mtu"] == 1400 {
            break;
        }
    }
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{:?}", ended.stderr);
    assert!(is_refused, "all could be opened: {:?}", ended.stderr);
}

/// A second name of a namespace, for as long as this lives.
struct SecondName(String);

impl SecondName {
    fn new(of: &str) -> Self {
        let (file, name) = (format!("/run/netns/{of}"), format!("{of}-too"));
        let second = format!("/run/netns/{name}");
        std::fs::write(&second, "").unwrap();
        assert!(Command::new("mount").args(["--bind", &file, &second]).status().unwrap().success());
        Self(name)
    }
}

impl Drop for SecondName {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// A namespace that was found and could not be opened is followed when something else leads to it. Alone on the machine:
/// namespaces of other tests would take the descriptors that looking needs.
#[test]
fn a_namespace_that_could_not_be_opened_is_followed_when_it_is_called_otherwise_exclusive() {
    skip_unless!(is_root(), "not root");
    skip_unless!(Command::new("prlimit").arg("-V").output().is_ok(), "no prlimit");
    let first = namespace("cli-other");
    let (mut running, open) = settled(&first);
    let pid = running.pid().to_string();
    // Room for looking, but not for the sockets.
    let mut all = Vec::new();
    for room in 2..9 {
        let limit = format!("--nofile={}:4096", open + room);
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
        all.push(namespace("cli-other-late"));
        std::thread::sleep(Duration::from_millis(700));
    }
    assert!(Command::new("prlimit").args(["--pid", &pid, "--nofile=4096:4096"]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(1500));
    let _names: Vec<_> = all.iter().map(|late| SecondName::new(late.name())).collect();
    let mut missing: Vec<String> = all.iter().map(|late| late.name().to_owned()).collect();
    while !missing.is_empty() {
        let line = running.json();
        if line["kind"] == "netns" && line["op"] == "new" {
            missing.retain(|name| line["netns"]["name"] != **name);
        }
    }
    drop(first);
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{:?}", ended.stderr);
    let refused = ended.stderr.iter().filter(|line| line.contains("is not followed")).count();
    assert!(refused > 0, "all could be opened: {:?}", ended.stderr);
}

/// The same of a watch, which tries again: it follows the namespace once there are descriptors.
#[test]
fn a_namespace_that_cannot_be_opened_is_watched_once_it_can() {
    skip_unless!(is_root(), "not root");
    skip_unless!(Command::new("prlimit").arg("-V").output().is_ok(), "no prlimit");
    let first = namespace("cli-watched");
    let mut running = Running::start(linx(["--all-netns", "-j", "watch", "--no-state", "link"]));
    running.find_json(|line| line["op"] == "synced" && line["netns"]["name"] == first.name());
    let limit = |running: &Running, files: usize| {
        let (pid, limit) = (running.pid().to_string(), format!("--nofile={files}:4096"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    // Fewer than it has: there is none for anything.
    limit(&running, 16);
    let later = namespace("cli-too-late");
    running.find_note(|line| line.contains("Too many open files"));
    first.ip("link set ve0 mtu 1400");
    running.find_json(|line| line["netns"]["name"] == first.name() && line["link"]["mtu"] == 1400);
    limit(&running, 4096);
    let name = format!("\"{}\"", later.name());
    let is_synced = |line: &str| line.contains(&name) && line.contains("\"op\":\"synced\"");
    // What it keeps in reserve may have been enough.
    if !running.seen.iter().any(|line| is_synced(line)) {
        running.find(is_synced);
    }
    later.ip("link set ve0 mtu 1300");
    running.find_json(|line| line["netns"]["name"] == later.name() && line["link"]["mtu"] == 1300);
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.status, Some(0), "{:?}", ended.stderr);
}

#[test]
fn hostile_names_reach_no_terminal_as_they_are() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("cli-hostile");
    let name = namespace.name().to_owned();
    let mut live = monitor(&namespace, "");
    let line = format!("-n {name} -c monitor --snapshot");
    let mut human = Running::start(linx(line.split_whitespace()));
    human.find(|line| line.contains("synced"));
    let [mut watch, mut watch_json] = ["-c watch --all --fold 0", "-j watch"].map(|args| {
        let line = format!("-n {name} {args}");
        let mut running = Running::start(linx(line.split_whitespace()));
        running.find(|line| line.contains("synced"));
        running
    });
    let made = menagerie(&namespace);
    assert!(made.len() >= 40);
    // And what changes of them.
    let mut raw = Raw::new(&namespace.netns());
    for index in (FIRST..).take(made.len()) {
        let [a, b, c, d] = index.to_ne_bytes();
        let link = Request::new(rtm::NEWLINK, MessageFlags::REQUEST | MessageFlags::ACK);
        let link = link.body(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]).attribute_u32(4, 1300);
        assert_eq!(raw.ask(link), 0, "{index}");
    }

    let harmless = |line: &str| {
        // What colour is made of is ours, and nothing else of the kind is there.
        let mut plain = line.to_owned();
        while let Some(start) = plain.find("\x1b[") {
            let length = plain[start..].find('m').expect("a colour") + 1;
            let code = &plain[start + 2..start + length - 1];
            assert!(code.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{line:?}");
            plain.replace_range(start..start + length, "");
        }
        assert!(!plain.chars().any(is_dangerous), "{line:?}");
    };
    let last = u32::try_from(made.len()).unwrap() - 1 + FIRST;
    live.find_json(|line| line["kind"] == "rule" && line["rule"]["priority"] == last);
    human.find(|line| line.contains(&format!(" {last}: from all iif ")));
    let last_name = format!("link/{last}");
    watch_json.find_json(|line| line["op"] == "changed" && line["key"] == last_name.as_str());
    for _ in &made {
        watch.find(|line| line.contains("mtu 1500 → 1300"));
    }
    live.seen.iter().chain(&watch.seen).chain(&watch_json.seen).for_each(|line| harmless(line));
    human.seen.iter().for_each(|line| harmless(line));

    for args in [
        "list all --all",
        "-d -s list all --all",
        "-j list all --all",
        "-d -s -c list all --all",
        "-p list link",
    ] {
        let ran = words(&format!("-n {name} {args}")).ok();
        assert_eq!(ran.stderr, "");
        ran.lines().iter().for_each(|line| harmless(line));
        if args.starts_with("-j") {
            let links = ran.json().into_iter().filter(|line| line["kind"] == "link").count();
            assert!(links > made.len());
        }
    }
    // Each is found by the name that it has, and by that which is printed.
    for (index, bytes) in made.iter().enumerate() {
        let shown = linx_wire::name::Name::new(bytes).to_string();
        for word in [OsString::from_vec(bytes.clone()), OsString::from(shown)] {
            let args: [OsString; 6] =
                ["-n".into(), name.clone().into(), "-j".into(), "list".into(), "link".into(), "dev".into()];
            // Behind "--" a name that begins with a dash is one.
            let ran = run(linx(args.into_iter().chain(["--".into(), word]))).ok();
            let found: Vec<u64> =
                ran.json().iter().map(|line| line["link"]["ifindex"].as_u64().unwrap()).collect();
            assert!(found.contains(&(index as u64 + u64::from(FIRST))), "{bytes:?}: {found:?}");
        }
    }
    for args in [["list", "link", "dev"], ["monitor", "link", "dev"]] {
        let word = OsString::from_vec(b"\x1b[2Jnone\xff".to_vec());
        let args = ["-n", &name].into_iter().chain(args).map(OsString::from).chain([word]);
        let ran = run(linx(args));
        assert_eq!((ran.status, ran.text()), (Some(2), ""));
        harmless(ran.stderr.trim_end());
    }
}

/// Index of the first link with a hostile name, and priority of the rule that wants it.
const FIRST: u32 = 100;

/// A bridge of each hostile name with an address, a neighbour, a route, a next hop and a rule that wants it.
fn menagerie(namespace: &Namespace) -> Vec<Vec<u8>> {
    let mut raw = Raw::new(&namespace.netns());
    let mut made: Vec<Vec<u8>> = Vec::new();
    let create = MessageFlags::REQUEST | MessageFlags::ACK | MessageFlags::ATOMIC | MessageFlags::MATCH;
    for name in hostile_names() {
        let number = u8::try_from(made.len()).unwrap();
        let index = FIRST + u32::from(number);
        let [a, b, c, d] = index.to_ne_bytes();
        let link = Request::new(rtm::NEWLINK, create)
            .body(&[0, 0, 0, 0, a, b, c, d, 1, 0, 0, 0, 1, 0, 0, 0])
            .attribute_name(3, &name)
            .nested(18, |info| info.attribute_name(1, b"bridge"));
        if raw.ask(link) != 0 {
            eprintln!("SKIPPED {name:?}: the kernel does not take it");
            continue;
        }
        let address = Request::new(rtm::NEWADDR, create)
            .body(&[2, 24, 0, 0, a, b, c, d])
            .attribute(2, &[10, 7, number, 1])
            .attribute(1, &[10, 7, number, 1]);
        let neighbour = Request::new(rtm::NEWNEIGH, create)
            .body(&[2, 0, 0, 0, a, b, c, d, 0x80, 0, 0, 0])
            .attribute(1, &[10, 7, number, 9])
            .attribute(2, &[2, 0, 0, 0, 0, number]);
        let next_hop = Request::new(rtm::NEWNEXTHOP, create)
            .body(&[2u8, 0, 0, 0, 0, 0, 0, 0])
            .attribute_u32(1, index)
            .attribute_u32(5, index);
        let route = Request::new(rtm::NEWROUTE, create)
            .body(&[2u8, 24, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0])
            .attribute(1, &[10, 8, number, 0])
            .attribute_u32(4, index);
        let rule = Request::new(rtm::NEWRULE, create)
            .body(&[2u8, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0])
            .attribute_u32(6, index)
            .attribute_name(3, &name);
        for (what, request) in [address, neighbour, next_hop, route, rule].into_iter().enumerate() {
            assert_eq!(raw.ask(request), 0, "{what} {name:?}");
        }
        made.push(name);
    }
    made
}
