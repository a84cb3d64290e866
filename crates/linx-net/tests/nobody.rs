//! Authors as somebody without privileges sees them: little is known, and nothing of it is wrong.
//!
//! Each test runs a copy of this program under other credentials, which runs one of the scenes: tests that do nothing
//! otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod netns_guard;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use linx::author::{Author, Authors, Certainty};
use linx::route::{Event, Monitor, Notice};
use linx::{Group, Netns, Object, Operation, RouteView};
use linx_test::PATIENCE;
use netns_guard::{Running, TestNetns};

const NOBODY: &str = "65534";

/// Set in the environment of a scene; elsewhere scenes do nothing.
const SCENE: &str = "LINX_SCENE";

/// A copy of this program that everybody can read, removed on drop.
struct Copied(PathBuf);

impl Copied {
    fn new(tag: &str) -> Self {
        let path = std::env::temp_dir().join(netns_guard::unique(tag));
        std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        Self(path)
    }

    /// A scene as nobody, after `words` (in a namespace, in a user namespace).
    fn scene(&self, before: &[&str], after: &[&str], scene: &str) -> Command {
        let words = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        let mut all = before.iter().chain(&words).chain(after);
        let mut command = Command::new(all.next().unwrap());
        command.args(all).arg(&self.0).args(["--exact", scene, "--nocapture", "--test-threads=1"]);
        command.current_dir("/").env(SCENE, "1");
        command
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The routes that are made in this namespace, with their authors.
struct Ear {
    monitor: Monitor,
    authors: Authors,
    netns: Netns,
}

impl Ear {
    fn new() -> Self {
        let netns = Netns::host().unwrap();
        let monitor = Monitor::builder().netns(&netns).groups(&[Group::IPV4_ROUTE]).subscribe().unwrap();
        Self { monitor, authors: Authors::start().unwrap(), netns }
    }

    /// The next route, that is not the kernel's own.
    fn next(&mut self) -> (String, Arc<Author>) {
        loop {
            let notice = self.monitor.recv_timeout(PATIENCE).unwrap().expect("a route");
            let seen = linx_sys::boottime();
            let Notice::Event(Event { op: Operation::New, object: Object::Route(route), portid, .. }) =
                notice
            else {
                continue;
            };
            if portid != 0 {
                let cookie = self.monitor.netns_cookie();
                let author = self.authors.resolve(&self.netns, cookie, portid, seen);
                return (route.destination().unwrap().addr().to_string(), author);
            }
        }
    }
}

/// `ip -batch` that goes on until this is dropped: its socket is open.
struct Batch(Child, Option<ChildStdin>);

impl Batch {
    fn new(before: &[&str]) -> Self {
        let words = [before, &["ip", "-batch", "-"]].concat();
        let mut child = Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        Self(child, stdin)
    }

    fn say(&mut self, line: &str) {
        writeln!(self.1.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        drop(self.1.take());
        let _ = self.0.wait();
    }
}

/// Why what is said of an event is wrong: of a route that `ip` made, by a one-shot command.
fn complaint(dst: &str, author: &Author) -> Option<String> {
    let comm = author.comm().map(|name| name.to_string());
    let its = author.cmdline.iter().any(|word| **word == *dst.as_bytes());
    let wrong = comm.as_deref().is_some_and(|comm| comm != "ip")
        || (!author.cmdline.is_empty() && !its)
        || author.uid.is_some_and(|uid| uid != 0)
        || author.certainty != Certainty::Likely;
    wrong.then(|| format!("{dst}: {author:?}"))
}

fn run(script: &str) {
    let status = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{script}");
}

/// One whose pid is that of somebody else: in another pid namespace, in the same network namespace.
fn twin(before: &str, decoy: u32, dst: &str) {
    let choose = format!("echo {} > /proc/sys/kernel/ns_last_pid && ip route add {dst} dev lo", decoy - 1);
    run(&format!("{before} unshare -pf --mount-proc sh -c '{choose}; sleep 0'"));
}

/// Whether a pid can be chosen.
fn has_twins() -> bool {
    let able = std::path::Path::new("/proc/sys/kernel/ns_last_pid").exists();
    if !able {
        eprintln!("SKIPPED: no ns_last_pid: a pid cannot be chosen");
    }
    able
}

/// Scene: root of a user namespace of its own, made by nobody.
#[test]
fn in_a_user_namespace() {
    if std::env::var_os(SCENE).is_none() {
        return;
    }
    assert!(
        Authors::start().unwrap().cache().is_err(),
        "executions are told to the initial namespaces alone"
    );
    run("ip link set lo up");
    let mut ear = Ear::new();
    // One's own process, while it lives.
    let mut batch = Batch::new(&[]);
    batch.say("route add 10.1.0.0/32 dev lo");
    let (dst, author) = ear.next();
    assert_eq!((dst.as_str(), author.pid), ("10.1.0.0", Some(batch.0.id())), "{author:?}");
    assert_eq!(
        author.cmdline.iter().map(|word| word.as_ref()).collect::<Vec<&[u8]>>(),
        [&b"ip"[..], b"-batch", b"-"]
    );
    assert_eq!(author.parent.as_ref().map(|parent| parent.pid), Some(std::process::id()));
    let mut known = 0;
    for n in 0..100 {
        let script = format!("ip route add 10.2.0.{n} dev lo; ip route add 10.3.0.{n} dev lo");
        let mut shell = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        for _ in 0..2 {
            let (dst, author) = ear.next();
            assert_eq!(complaint(&dst, &author), None);
            known += usize::from(author.pid.is_some());
        }
        assert!(shell.wait().unwrap().success());
    }
    println!("LINX {known} of 200 one-shot commands known");
    for n in 0..if has_twins() { 20 } else { 0 } {
        let decoy = Running::new(Command::new("sleep").arg("600"), "sleep");
        // It may have been there for long, or not.
        std::thread::sleep(Duration::from_millis(n * 10));
        twin("", decoy.id(), &format!("10.4.0.{n}"));
        let (dst, author) = ear.next();
        assert!(author.is(decoy.id()) && author.pid != Some(decoy.id()), "{dst}: {author:?}");
    }
}

/// Scene: nobody in a namespace in which others make changes. Says who made them.
#[test]
fn among_others() {
    if std::env::var_os(SCENE).is_none() {
        return;
    }
    let mut ear = Ear::new();
    println!("LINX ready");
    loop {
        let (dst, author) = ear.next();
        let complaint = complaint(&dst, &author);
        let pid = author.pid.unwrap_or_default();
        println!("LINX {dst} {pid} {}", complaint.unwrap_or_default());
        if dst == "10.255.0.0" {
            return;
        }
    }
}

#[test]
fn nobody_is_not_told_wrong_authors_in_a_user_namespace() {
    if !netns_guard::root() {
        return;
    }
    let own =
        ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "unshare", "-Ur", "-n", "true"];
    if !Command::new(own[0]).args(&own[1..]).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: nobody may not make a user namespace");
        return;
    }
    let copied = Copied::new("userns");
    let output = copied.scene(&[], &["unshare", "-Ur", "-n"], "in_a_user_namespace").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let known = text.lines().find_map(|line| Some(line.split_once("LINX ")?.1)).expect(&text);
    eprintln!("in a user namespace: {known}");
}

#[test]
fn nobody_is_not_told_wrong_authors_of_others() {
    let Some(namespace) = TestNetns::new("nobody") else { return };
    namespace.ip("link set lo up");
    let name = namespace.name();
    let inside = ["ip", "netns", "exec", name];
    let copied = Copied::new("others");
    let mut command = copied.scene(&inside, &[], "among_others");
    let mut nobody = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(nobody.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line = || lines.find_map(|line| Some(line.split_once("LINX ")?.1.to_owned())).expect("a line");
    assert_eq!(line(), "ready");
    // The pid that is said (0: none), and what is wrong.
    let mut said = |wanted: &str| {
        let line = line();
        let words: Vec<_> = line.splitn(3, ' ').collect();
        assert_eq!(words[0], wanted);
        (words[1].parse::<u32>().unwrap(), words[2].to_owned())
    };
    let mut known = 0;
    for n in 0..100 {
        run(&format!("ip -n {name} route add 10.2.0.{n} dev lo"));
        let (pid, complaint) = said(&format!("10.2.0.{n}"));
        assert_eq!(complaint, "");
        known += usize::from(pid != 0);
    }
    let mut batch = Batch::new(&inside);
    batch.say("route add 10.1.0.0/32 dev lo");
    let (pid, _) = said("10.1.0.0");
    assert!(pid == 0 || pid == batch.0.id(), "{pid}");
    eprintln!("of 100 one-shot commands of root nobody knows {known}; of a running one {pid}");
    for n in 0..if has_twins() { 20 } else { 0 } {
        let decoy = namespace.spawn("sleep", &["600"]);
        std::thread::sleep(Duration::from_millis(n * 10));
        let dst = format!("10.4.0.{n}");
        twin(&format!("ip netns exec {name}"), decoy.id(), &dst);
        let (pid, complaint) = said(&dst);
        assert_ne!(pid, decoy.id(), "{complaint}");
    }
    namespace.ip("route add 10.255.0.0 dev lo");
    said("10.255.0.0");
    assert!(nobody.wait().unwrap().success());
}
