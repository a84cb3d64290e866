//! Who made a change: real commands in real namespaces, told by their events.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs)]

mod netns_guard;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linx::author::{Attach, Author, Authors, Certainty, Question};
use linx_sys::{Group, Netns, Protocol, RecvBuf, Socket};
use linx_wire::attr::Attrs;
use linx_wire::header::Messages;
use netns_guard::{Running, TestNetns};

const NEWROUTE: u16 = 24;
const DST: u16 = 1;
/// Generous: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// One at a time: each service reads about everything that is executed on the machine, and a program has one.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The destinations of the routes that came, in order, each with its author; as a monitor would do it.
struct Ear {
    netns: Netns,
    socket: Socket,
    queue: Attach<String>,
    buf: RecvBuf,
}

impl Ear {
    fn new(netns: Netns, authors: &Authors) -> Self {
        let socket = Socket::open_monitor(Protocol::ROUTE, &netns).unwrap();
        socket.set_rcvbuf(8 << 20).unwrap();
        socket.add_membership(Group::IPV4_ROUTE).unwrap();
        let queue = Attach::new(authors.clone()).unwrap();
        Self { netns, socket, queue, buf: RecvBuf::for_events() }
    }

    /// Listens until the command has ended and `count` routes have come.
    fn hear(&mut self, child: &mut Child, count: usize) -> Vec<(String, Arc<Author>)> {
        let end = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        let mut received = 0;
        while heard.len() < count {
            assert!(Instant::now() < end, "{} of {count} routes came", heard.len());
            received += self.receive();
            while let Some((dst, author)) = self.queue.pop(Instant::now()) {
                heard.push((dst, author.expect("routes have authors")));
            }
            if received < count || !self.queue.is_empty() {
                let fds = [self.socket.as_fd(), self.queue.as_fd()];
                linx_sys::first_readable(&fds, Some(Duration::from_millis(50))).unwrap();
            }
        }
        assert!(child.wait().unwrap().success());
        heard
    }

    fn receive(&mut self) -> usize {
        let mut count = 0;
        loop {
            let received = match self.socket.recv(&mut self.buf) {
                Ok(received) => received,
                Err(e) if e.is_would_block() => return count,
                Err(e) => panic!("{e}"),
            };
            let seen = linx_sys::boottime();
            for message in Messages::new(received.bytes()).map(Result::unwrap) {
                if message.header.message_type != NEWROUTE {
                    continue;
                }
                let dst = Attrs::new(&message.payload[12..]).map(Result::unwrap).find(|a| a.number() == DST);
                let Some(dst) = dst.filter(|dst| dst.payload[0] == 10) else { continue };
                let dst: Vec<_> = dst.payload.iter().map(u8::to_string).collect();
                let question = Question {
                    netns: &self.netns,
                    cookie: self.socket.netns_cookie(),
                    portid: message.header.portid,
                    seen,
                };
                self.queue.push(dst.join("."), Some(question), Instant::now());
                count += 1;
            }
        }
    }
}

/// A process with an input that ends with the test, whatever the test finds.
struct Ended(Child);

impl Ended {
    fn run(command: &mut Command) -> Self {
        // It must not hold open what the test prints to.
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sh(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap()
}

/// A loop of one-shot commands: `count` routes 10.NET.x.y with `ip ARGS`.
fn routes(ip: &str, net: usize, count: usize) -> String {
    format!(
        "i=0; while [ $i -lt {count} ]; do {ip} route add 10.{net}.$((i/250)).$((i%250)) dev lo || exit 1; \
         i=$((i+1)); done"
    )
}

/// A control group that looks like a service's, removed on drop.
struct Service(PathBuf);

impl Service {
    fn new() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let unified = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let path =
            PathBuf::from(unified.split(' ').nth(4)?).join(netns_guard::unique("authors") + ".service");
        std::fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // EBUSY until the last process in it has been waited for.
        let end = Instant::now() + Duration::from_secs(10);
        while std::fs::remove_dir(&self.0).is_err() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[derive(Debug, Default)]
struct Rates {
    events: usize,
    wrong: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Rates {
    fn of(heard: &[(String, Arc<Author>)], unit: Option<&str>, loginuid: Option<u32>) -> Self {
        let mut rates = Self { events: heard.len(), ..Self::default() };
        for (dst, author) in heard {
            let mut complaint = String::new();
            let mut count = |what, have: bool| *rates.counts.entry(what).or_default() += usize::from(have);
            let is_wrong = |have: bool, right: bool| have && !right;
            let cmdline: Vec<_> = author.cmdline.iter().map(|a| String::from_utf8_lossy(a)).collect();
            let comm = author.comm().map(|name| name.to_string());
            let parent = author.parent.as_ref().and_then(|p| p.comm()).map(|name| name.to_string());
            count("pid", author.pid.is_some());
            count("cmdline", !cmdline.is_empty());
            count("exe", author.exe.is_some());
            count("unit", author.unit.is_some());
            count("loginuid", author.loginuid.is_some());
            count("parent", parent.is_some());
            for (what, wrong) in [
                ("cmdline", is_wrong(!cmdline.is_empty(), cmdline.iter().any(|a| a == dst))),
                ("comm", is_wrong(comm.is_some(), comm.as_deref() == Some("ip"))),
                ("parent", is_wrong(parent.is_some(), parent.as_deref() == Some("sh"))),
                ("unit", is_wrong(author.unit.is_some(), author.unit.as_deref() == unit)),
                ("loginuid", is_wrong(author.loginuid.is_some(), author.loginuid == loginuid)),
                ("uid", is_wrong(author.uid.is_some(), author.uid == Some(0))),
                ("certainty", author.certainty != Certainty::Likely),
            ] {
                if wrong {
                    let _ = write!(complaint, "{what} ");
                }
            }
            if !complaint.is_empty() {
                rates.wrong.push(format!("{complaint}of {dst}: {author:?}"));
            }
        }
        rates
    }

    fn share(&self, what: &str) -> f64 {
        self.counts[what] as f64 / self.events as f64
    }

    fn print(&self, what: &str) {
        eprintln!("{what}: of {} events {:?}, {} wrong", self.events, self.counts, self.wrong.len());
    }
}

/// Runs `count` one-shot commands and tells how many of their events named their author.
fn one_shots(authors: &Authors, count: usize, storm: bool) -> Option<(Rates, bool, bool)> {
    let guard = TestNetns::new("authors")?;
    guard.ip("link set lo up");
    let service = Service::new();
    let mut ear = Ear::new(guard.netns(), authors);
    let enter =
        service.as_ref().map_or(String::new(), |s| format!("echo $$ > {}/cgroup.procs;", s.0.display()));
    // Half of them enter the namespace themselves, half are executed inside.
    let inside = format!("ip netns exec {} sh -c '{}'", guard.name(), routes("ip", 2, count - count / 2));
    let script = format!(
        "{enter} echo 1004 > /proc/self/loginuid; {}; {inside}",
        routes(&format!("ip -n {}", guard.name()), 1, count / 2)
    );
    let has_loginuid = sh("echo 1004 > /proc/self/loginuid 2>/dev/null").wait().unwrap().success();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let forks = storm.then(|| {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(sh("i=0; while [ $i -lt 100 ]; do (:); i=$((i+1)); done").wait().unwrap().success());
            }
        })
    });
    let heard = ear.hear(&mut sh(&script), count);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    if let Some(forks) = forks {
        forks.join().unwrap();
    }
    let rates = Rates::of(&heard, service.as_ref().map(Service::name), has_loginuid.then_some(1004));
    Some((rates, service.is_some(), has_loginuid))
}

/// A share that a busy machine may spoil once is given three tries; being wrong is not given any.
fn demand(authors: &Authors, count: usize, storm: bool, demanded: &[&str], what: &str) {
    let mut worst = String::new();
    for _ in 0..3 {
        let Some((rates, has_unit, has_loginuid)) = one_shots(authors, count, storm) else { return };
        rates.print(what);
        assert!(rates.wrong.is_empty(), "{what}: {:#?}", rates.wrong);
        let short: Vec<_> = demanded
            .iter()
            .filter(|field| (has_unit || **field != "unit") && (has_loginuid || **field != "loginuid"))
            .filter(|field| rates.share(field) < 0.99)
            .collect();
        if !has_unit || !has_loginuid {
            eprintln!("SKIPPED: unit {has_unit}, loginuid {has_loginuid}: this machine cannot set them");
        }
        if short.is_empty() {
            return;
        }
        let hurry = std::thread::spawn(linx_sys::hurry_this_thread).join().unwrap();
        if let Err(why) = hurry {
            eprintln!("SKIPPED: {short:?} for fewer than 99 %, which a busy machine may do: {why}");
            return;
        }
        worst = format!("{what}: {short:?} for fewer than 99 %: {rates:?}");
    }
    panic!("{worst}");
}

fn count() -> usize {
    if std::env::var_os("LINX_LONG").is_some() { 1_000 } else { 300 }
}

fn with_cache() -> Option<Authors> {
    let authors = Authors::start().unwrap();
    if let Err(why) = authors.cache() {
        eprintln!("SKIPPED: no execution cache: {why}");
        return None;
    }
    Some(authors)
}

#[test]
fn one_shot_commands_are_named_with_the_cache() {
    let _alone = alone();
    let Some(authors) = with_cache() else { return };
    demand(&authors, count(), false, &["pid", "unit", "loginuid", "parent", "cmdline"], "with the cache");
}

#[test]
fn one_shot_commands_without_the_cache_are_never_misnamed() {
    let _alone = alone();
    let authors = Authors::without_cache().unwrap();
    assert!(authors.cache().is_err());
    let Some((rates, ..)) = one_shots(&authors, count(), false) else { return };
    rates.print("without the cache");
    assert!(rates.wrong.is_empty(), "{:#?}", rates.wrong);
}

#[test]
fn a_storm_of_forks_confuses_nobody() {
    let _alone = alone();
    let Some(authors) = with_cache() else { return };
    demand(&authors, count() / 3, true, &["pid", "parent", "cmdline"], "in a storm of forks");
}

/// A container's pids are not the host's.
#[test]
fn a_child_in_another_pid_namespace_is_itself_or_nobody() {
    let _alone = alone();
    for authors in [with_cache(), Some(Authors::without_cache().unwrap())].into_iter().flatten() {
        let Some(guard) = TestNetns::new("nested") else { return };
        guard.ip("link set lo up");
        let mut ear = Ear::new(guard.netns(), &authors);
        let script = format!("ip netns exec {} unshare -pf sh -c '{}'", guard.name(), routes("ip", 3, 50));
        let heard = ear.hear(&mut sh(&script), 50);
        let rates = Rates::of(&heard, None, None);
        rates.print("in another pid namespace");
        assert!(rates.wrong.is_empty(), "{:#?}", rates.wrong);
        for (_, author) in &heard {
            // The pid, where it is known, is the host's: theirs were small.
            assert!(author.pid.is_none_or(|pid| author.portid != Some(pid)), "{author:?}");
        }

        // Worse: one of the same number lives on the host, in the same network namespace.
        let decoy = guard.spawn("sleep", &["600"]);
        let last = "/proc/sys/kernel/ns_last_pid";
        if !std::path::Path::new(last).exists() {
            eprintln!("SKIPPED: no {last}: a pid cannot be chosen");
        } else {
            let choose = format!("echo {} > {last} && ip route add 10.4.0.0 dev lo", decoy.id() - 1);
            let script =
                format!("ip netns exec {} unshare -pf --mount-proc sh -c '{choose}; sleep 0'", guard.name());
            let heard = ear.hear(&mut sh(&script), 1);
            let author = &heard[0].1;
            assert!(author.is(decoy.id()), "{author:?}");
            assert_ne!(author.pid, Some(decoy.id()), "the decoy is blamed: {author:?}");
        }
    }
}

/// Two containers share a network namespace, as those of a pod do: the first process of each is its pid 1.
#[test]
fn a_container_is_not_blamed_for_its_neighbour() {
    let _alone = alone();
    for authors in [with_cache(), Some(Authors::without_cache().unwrap())].into_iter().flatten() {
        let Some(guard) = TestNetns::new("pod") else { return };
        guard.ip("link set lo up");
        let mut ear = Ear::new(guard.netns(), &authors);
        let decoy = guard.spawn("unshare", &["-pf", "--kill-child", "sleep", "600"]);
        let end = Instant::now() + PATIENCE;
        let ppid = format!(" (sleep) S {} ", decoy.id());
        let is_it =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains(&ppid));
        let decoy_pid = loop {
            if let Some(pid) = linx_sys::processes().unwrap().into_iter().find(is_it) {
                break pid;
            }
            assert!(Instant::now() < end, "no sleep");
        };
        let script = format!("ip netns exec {} unshare -pf ip route add 10.5.0.0 dev lo", guard.name());
        let heard = ear.hear(&mut sh(&script), 1);
        let author = &heard[0].1;
        assert!(author.is(1), "{author:?}");
        assert_ne!(author.pid, Some(decoy_pid), "the neighbour is blamed: {author:?}");
        drop(decoy);
    }
}

/// Containers come and go: the first process of each is its pid 1, and the next one's may begin within the tick in
/// which a change of the one before was seen.
#[test]
fn who_begins_a_moment_later_is_no_author() {
    let _alone = alone();
    let Some(guard) = TestNetns::new("later") else { return };
    let netns = guard.netns();
    let cookie = netns.cookie().unwrap();
    let has_socket = || {
        let table = ["netns", "exec", guard.name(), "cat", "/proc/net/netlink"];
        let table = Command::new("ip").args(table).output().unwrap().stdout;
        let of_one = |line: &str| line.split_whitespace().skip(1).take(2).eq(["0", "1"]);
        String::from_utf8(table).unwrap().lines().any(of_one)
    };
    for _ in 0..10 {
        for authors in [with_cache(), Some(Authors::without_cache().unwrap())].into_iter().flatten() {
            let seen = linx_sys::boottime();
            let monitor = ["-pf", "--kill-child", "ip", "-n", guard.name(), "monitor", "route"];
            let later = Ended::run(Command::new("unshare").args(monitor));
            let end = Instant::now() + PATIENCE;
            while !has_socket() {
                assert!(Instant::now() < end, "no socket");
            }
            let author = authors.resolve(&netns, cookie, 1, seen);
            assert!(!author.is_known(), "who came later is blamed: {author:?}");
            drop(later);
            // The next question is about the next one alone.
            while has_socket() {
                assert!(Instant::now() < end, "the socket stays");
            }
        }
    }
}

/// A pid whose owner started after the event was seen was somebody else's then.
#[test]
fn a_reused_pid_is_no_author() {
    let _alone = alone();
    for authors in [with_cache(), Some(Authors::without_cache().unwrap())].into_iter().flatten() {
        let netns = Netns::host().unwrap();
        let cookie = netns.cookie().unwrap();
        let before = linx_sys::boottime();
        // Start times are told in ticks.
        std::thread::sleep(Duration::from_millis(30));
        let child = Running::new(Command::new("sleep").arg("600"), "sleep");
        let author = authors.resolve(&netns, cookie, child.id(), before);
        assert!(author.is(child.id()) && !author.is_known(), "{author:?}");
        // Long enough for "nobody" not to be believed any more: the control of the control.
        let later = before + Duration::from_secs(5);
        let has_nested = author_eventually(&authors, &netns, cookie, child.id(), later);
        if !has_nested {
            eprintln!("SKIPPED: containers share this namespace, so that a mere pid proves nothing");
        }
    }
}

fn author_eventually(authors: &Authors, netns: &Netns, cookie: u64, pid: u32, seen: Duration) -> bool {
    let author = authors.resolve(netns, cookie, pid, seen);
    author.pid == Some(pid)
}

#[test]
fn an_open_socket_leads_to_its_process() {
    let _alone = alone();
    let authors = Authors::start().unwrap();
    let netns = Netns::host().unwrap();
    // The first takes the pid as its port id, or another test's has; the second has a random one.
    let sockets: Vec<_> = (0..2).map(|_| Socket::open(Protocol::ROUTE, &netns).unwrap()).collect();
    for socket in &sockets {
        let seen = linx_sys::boottime();
        let cookie = socket.netns_cookie();
        assert!(authors.known(cookie, socket.portid(), seen).is_none());
        let author = authors.resolve(&netns, cookie, socket.portid(), seen);
        assert_eq!((author.pid, author.certainty), (Some(std::process::id()), Certainty::Likely));
        assert!(author.is(socket.portid()));
        let again = authors.known(cookie, socket.portid(), linx_sys::boottime()).unwrap();
        assert!(Arc::ptr_eq(&author, &again));
        // In another namespace the same number is nobody.
        if let Some(guard) = TestNetns::new("elsewhere") {
            let elsewhere = guard.netns();
            let author = authors.resolve(&elsewhere, elsewhere.cookie().unwrap(), socket.portid(), seen);
            assert!(!author.is_known() || socket.portid() == std::process::id(), "{author:?}");
        }
    }
}

/// Of two processes that have the socket either may have used it, whoever's pid the port id is.
#[test]
fn a_shared_socket_has_no_author() {
    let _alone = alone();
    for authors in [with_cache(), Some(Authors::without_cache().unwrap())].into_iter().flatten() {
        let Some(guard) = TestNetns::new("shared") else { return };
        let netns = guard.netns();
        let socket = Socket::open(Protocol::ROUTE, &netns).unwrap();
        let (cookie, me) = (socket.netns_cookie(), std::process::id());
        assert_eq!(socket.portid(), me, "the first socket in a namespace has the pid of its maker");
        let ask = || authors.resolve(&netns, cookie, me, linx_sys::boottime()).pid;
        assert_eq!(ask(), Some(me));
        let copy = socket.as_fd().try_clone_to_owned().unwrap();
        let holder = Ended::run(Command::new("sleep").arg("600").stdin(Stdio::from(copy)));
        let await_answer = |wanted: Option<u32>| {
            let end = Instant::now() + PATIENCE;
            while ask() != wanted {
                assert!(Instant::now() < end, "{:?}, not {wanted:?}", ask());
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        await_answer(None);
        drop(holder);
        await_answer(Some(me));
    }
}

/// What a process became after the event was seen did not do it.
#[test]
fn an_image_of_later_is_no_author() {
    let _alone = alone();
    let Some(authors) = with_cache() else { return };
    let Some(guard) = TestNetns::new("later") else { return };
    let netns = guard.netns();
    let cookie = netns.cookie().unwrap();
    let args = ["netns", "exec", guard.name(), "sh", "-c", "read line; exec sleep 600"];
    // On a busy machine what it was may be gone before it was read; what it became is never told.
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "never known");
        let mut child = Ended::run(Command::new("ip").args(args).stdin(Stdio::piped()));
        let path = format!("/proc/{}/comm", child.0.id());
        let is = |comm: &str| {
            let end = Instant::now() + PATIENCE;
            while std::fs::read_to_string(&path).unwrap().trim_end() != comm {
                assert!(Instant::now() < end, "no {comm}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        is("sh");
        let seen = linx_sys::boottime();
        drop(child.0.stdin.take());
        is("sleep");
        let author = authors.resolve(&netns, cookie, child.0.id(), seen);
        if author.pid.is_none() {
            eprintln!("not known this time: {author:?}");
            continue;
        }
        assert_eq!(author.pid, Some(child.0.id()));
        assert_eq!(author.comm().unwrap().to_string(), "sh", "{author:?}");
        assert_eq!(author.cmdline.first().map(|a| &**a), Some(&b"sh"[..]), "{author:?}");
        assert!(author.exe.as_ref().is_some_and(|exe| !exe.ends_with("sleep")), "{author:?}");
        return;
    }
}

#[test]
fn the_kernel_is_no_process() {
    let _alone = alone();
    let authors = Authors::without_cache().unwrap();
    let netns = Netns::host().unwrap();
    let author = authors.resolve(&netns, netns.cookie().unwrap(), 0, linx_sys::boottime());
    assert_eq!((author.certainty, author.pid), (Certainty::Kernel, None));
    let Some(guard) = TestNetns::new("kernel") else { return };
    guard.ip("link set lo up");
    let mut ear = Ear::new(guard.netns(), &authors);
    // The kernel makes this route by itself, because of the address.
    let mut child = sh(&format!("ip -n {} address add 10.9.9.9/24 dev lo", guard.name()));
    let heard = ear.hear(&mut child, 2);
    for (dst, author) in heard {
        assert_eq!(author.certainty, Certainty::Kernel, "{dst}: {author:?}");
        assert!(!author.is_known());
    }
}

#[test]
fn a_task_is_certain_when_its_name_agrees() {
    let _alone = alone();
    if linx_sys::in_initial_pid_namespace() != Some(true) {
        eprintln!("SKIPPED: the kernel's numbers of tasks are not those of this pid namespace");
        return;
    }
    let authors = Authors::start().unwrap();
    let ask = move || {
        let link = std::fs::read_link("/proc/thread-self").unwrap();
        let tid: u32 = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let seen = linx_sys::boottime();
        let author = authors.of_task(tid, b"a-thread", Some(77), seen);
        assert_eq!((author.pid, author.tid), (Some(std::process::id()), Some(tid)));
        assert_eq!((author.certainty, author.portid), (Certainty::Certain, Some(77)));
        assert_eq!(author.comm().unwrap().as_bytes(), b"a-thread");
        assert!(!author.cmdline.is_empty() && author.exe.is_some());
        let other = authors.of_task(tid, b"nft", None, seen);
        assert_eq!((other.pid, other.tid, other.comm().unwrap().as_bytes()), (None, Some(tid), &b"nft"[..]));
        let before = authors.of_task(tid, b"a-thread", None, Duration::from_millis(1));
        assert_eq!(before.pid, None);
    };
    std::thread::Builder::new().name("a-thread".into()).spawn(ask).unwrap().join().unwrap();
}

/// The name of the task is checked against what was executed, also when it is gone.
#[test]
fn a_task_that_is_gone_is_remembered() {
    let _alone = alone();
    let Some(authors) = with_cache() else { return };
    let mut child = Command::new("true").arg("of-task").spawn().unwrap();
    child.wait().unwrap();
    let seen = linx_sys::boottime();
    let author = authors.of_task(child.id(), b"true", None, seen);
    // A program this short may end before anything of it can be read.
    assert!(author.pid.is_none_or(|pid| pid == child.id()), "{author:?}");
    assert!(author.cmdline.is_empty() || author.cmdline.last().is_some_and(|a| **a == *b"of-task"));
    assert_eq!(authors.of_task(child.id(), b"false", None, seen).pid, None);
}

#[test]
fn dropping_the_service_ends_its_threads() {
    let _alone = alone();
    let threads = || {
        let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let comm = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("comm")).ok();
        names.filter_map(comm).filter(|comm| comm.starts_with("linx-")).count()
    };
    // Other tests of this program have theirs: only a rise that stays would be a leak.
    for _ in 0..50 {
        drop(Authors::start().unwrap());
    }
    let end = Instant::now() + PATIENCE;
    while threads() > 40 {
        assert!(Instant::now() < end, "{} threads are left", threads());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_threads_keep_the_capabilities_that_they_are_told_to() {
    let _alone = alone();
    let keep = [linx_sys::Capability::SYS_PTRACE, linx_sys::Capability::DAC_READ_SEARCH];
    let mine = linx_sys::Capabilities::current().unwrap();
    let expected = keep.iter().fold(0, |set, capability| set | 1_u64 << capability.number()) & mine.permitted;
    let authors = Authors::start_keeping(&keep).unwrap();
    let netns = Netns::host().unwrap();
    let author = authors.resolve(&netns, netns.cookie().unwrap(), 0, linx_sys::boottime());
    assert_eq!(author.certainty, Certainty::Kernel);
    let end = Instant::now() + PATIENCE;
    loop {
        let mut sets = Vec::new();
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
            if read("comm").starts_with("linx-") {
                let status = read("status");
                let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap_or("0");
                sets.push(u64::from_str_radix(line.trim(), 16).unwrap());
            }
        }
        if !sets.is_empty() && sets.iter().all(|set| *set == expected) {
            break;
        }
        assert!(Instant::now() < end, "{sets:x?} instead of {expected:x}");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(linx_sys::Capabilities::current().unwrap(), mine);
}

/// Who hears executions runs before others, and gives up the capability for that only when it does.
#[test]
fn who_hears_executions_is_in_a_hurry() {
    let _alone = alone();
    if let Err(why) = std::thread::spawn(linx_sys::hurry_this_thread).join().unwrap() {
        eprintln!("SKIPPED: {why}");
        return;
    }
    let authors = Authors::start_keeping(&[linx_sys::Capability::SYS_PTRACE]).unwrap();
    if let Err(why) = authors.cache() {
        eprintln!("SKIPPED: no execution cache: {why}");
        return;
    }
    const SCHED_RR: &str = "2";
    let policies = |name: &str| {
        let mut policies = Vec::new();
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The fields behind the name, which may hold anything; the policy is the 41st.
            let Some((before, fields)) = stat.rsplit_once(") ") else { continue };
            if before.ends_with(name) {
                policies.extend(fields.split(' ').nth(38).map(str::to_owned));
            }
        }
        policies
    };
    linx_test::until("a real-time thread", || policies("(linx-executions") == [SCHED_RR]);
    assert_eq!(policies("(linx-authors"), ["0"]);
}
