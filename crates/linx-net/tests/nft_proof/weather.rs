//! nf_tables in bad weather: without privileges, in user namespaces, under storms, with hostile names, and what happens
//! outside of transactions.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use linx::nft::{
    self, ChainView, Entity, EntityRef, Monitor, Notice, SetView, StatefulObjectView, TableView, Transaction,
};
use linx::{Capability, ErrorKind, Handle, Key, Kind, Netns, Operation};
use linx_test::{Namespace, PATIENCE, StopOnDrop, hostile_names, is_root, skip_unless};
use linx_wire::emit::Request;
use linx_wire::header::MessageFlags;
use linx_wire::nft::{CHAIN, DEVICE, HOOK, Nest, RULE, SET, TABLE, comment, family};
use linx_wire::uapi::nft as number;

use crate::writers::Committer;

const ROLE: &str = "LINX_TEST_WEATHER";

fn new(message_type: u16, nest: Nest) -> Request {
    nest.request(message_type, MessageFlags::ATOMIC | MessageFlags::APPEND, family::INET).unwrap()
}

fn table(name: &[u8]) -> Request {
    new(number::NEWTABLE, Nest::new(&TABLE).set("name", name))
}

fn chain(table: &[u8], name: &[u8]) -> Request {
    new(number::NEWCHAIN, Nest::new(&CHAIN).set("table", table).set("name", name))
}

fn rules(count: u32) -> Vec<Request> {
    let rule = |at: u32| {
        let rule = Nest::new(&RULE).set("table", "t").set("chain", "c");
        new(number::NEWRULE, rule.set("userdata", comment(format!("rule {at}").as_bytes()).unwrap()))
    };
    (0..count).map(rule).collect()
}

fn next(monitor: &mut Monitor) -> Notice {
    monitor.recv_timeout(PATIENCE).unwrap().expect("a notice")
}

fn transaction(monitor: &mut Monitor) -> Transaction {
    match next(monitor) {
        Notice::Transaction(transaction) => transaction,
        other => panic!("{other:?}"),
    }
}

/// This program, where any user may execute it; removed on drop.
struct Copied(PathBuf);

impl Copied {
    fn new(tag: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("linx-net-{tag}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), folder.join("child")).unwrap();
        Self(folder)
    }

    /// Runs [`a_child`] in a role, behind a command and its arguments.
    fn run(&self, around: &[&str], role: &str) {
        let output = Command::new(around[0])
            .args(&around[1..])
            .arg(self.0.join("child"))
            .args(["--exact", "weather::a_child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("survived"), "{text}\n{errors}");
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The other process; as a test of its own it does nothing.
#[test]
fn a_child() {
    match std::env::var(ROLE).as_deref() {
        Ok("nobody") => nobody(),
        Ok("user namespace") => user_namespace(),
        Ok("few descriptors") => few_descriptors(),
        _ => return,
    }
    println!("\nsurvived");
}

fn nobody() {
    let handle = Handle::host().unwrap();
    let errors = [
        Monitor::builder().subscribe().unwrap_err(),
        nft::generation(&handle).unwrap_err(),
        nft::pull(&handle).ruleset().unwrap_err(),
        nft::pull(&handle).table(nft::Family::Inet, "t").without_elements().ruleset().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::Permission { capability: Some(Capability::NET_ADMIN) }, "{error}");
        assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
    }
}

fn user_namespace() {
    let handle = Handle::host().unwrap();
    let mut monitor = Monitor::builder().rcvbuf(1 << 30).subscribe().unwrap();
    let mut committer = Committer::new(&Netns::host().unwrap());
    assert_eq!(committer.commit(vec![table(b"t"), chain(b"t", b"c")]), 0);
    let before = nft::pull(&handle).subscribe_first(&monitor.control()).ruleset().unwrap();
    assert_eq!((before.tables().count(), before.chains().count()), (1, 1));
    assert_eq!(committer.commit(rules(3)), 0);
    let commit = transaction(&mut monitor);
    assert_eq!(commit.generation, Some(before.generation() + 1));
    assert_eq!((commit.complete, commit.changes.len()), (true, 3));
    assert_eq!(commit.process.portid, Some(committer.portid()));
    assert!(commit.process.comm().is_some());
    let rcvbuf = monitor.control().stats().rcvbuf_bytes;
    assert!(rcvbuf < 1 << 30, "{rcvbuf} bytes without the privilege to force them");
}

fn few_descriptors() {
    let handle = Handle::host().unwrap();
    let mut monitors = Vec::new();
    let error = loop {
        match Monitor::builder().subscribe() {
            Ok(monitor) => monitors.push(monitor),
            Err(error) => break error,
        }
        assert!(monitors.len() < 16);
    };
    assert_eq!((error.kind.clone(), error.errno()), (ErrorKind::Io, Some(24)), "{error}");
    let held: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let error = nft::pull(&handle).ruleset().unwrap_err();
    assert_eq!((error.kind.clone(), error.errno()), (ErrorKind::Io, Some(24)), "{error}");
    drop(held);
    monitors.pop();
    nft::pull(&handle).ruleset().unwrap();
    Monitor::builder().subscribe().unwrap();
}

#[test]
fn without_privilege_everything_names_the_capability() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftnobody");
    let around = ["ip", "netns", "exec", namespace.name(), "setpriv", "--reuid", "65534", "--regid", "65534"];
    let around = [&around[..], &["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]].concat();
    Copied::new("nobody").run(&around, "nobody");
}

#[test]
fn root_of_a_user_namespace_has_all_of_it_in_its_own() {
    skip_unless!(is_root(), "not root");
    let made = Command::new("unshare").args(["-Urn", "true"]).status().is_ok_and(|status| status.success());
    skip_unless!(made, "no user namespaces here");
    Copied::new("userns").run(&["unshare", "-Urn"], "user namespace");
}

#[test]
fn without_a_descriptor_there_is_an_error_and_then_it_works_again() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftfiles");
    let around = ["ip", "netns", "exec", namespace.name(), "sh", "-c", "ulimit -n 24; exec \"$0\" \"$@\""];
    Copied::new("files").run(&around, "few descriptors");
}

#[test]
fn a_rule_set_that_never_rests_is_an_error_that_names_two_generations() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftstorm");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut committer = Committer::new(&namespace.netns());
    // Reading so many takes longer than a writer may have to wait for its turn.
    let names: Vec<String> = (0..3_000).map(|number| format!("c{number}")).collect();
    let all = names.iter().map(|name| chain(b"t", name.as_bytes()));
    assert_eq!(committer.commit([table(b"t")].into_iter().chain(all).collect()), 0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for writer in 0..3 {
            let (mut committer, stop) = (Committer::new(&namespace.netns()), &stop);
            scope.spawn(move || {
                let name = format!("storm {writer}");
                for flags in (0..2u32).cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                    let sleep = Nest::new(&TABLE).set("name", name.as_str()).set("flags", flags);
                    assert_eq!(committer.commit(vec![new(number::NEWTABLE, sleep)]), 0);
                }
            });
        }
        let before = nft::generation(&handle).unwrap();
        linx_test::until("the storm", || nft::generation(&handle).unwrap() > before + 10);
        // Writers that all wait for a processor are a rest.
        let mut refused = None;
        linx_test::until("a pull that gives up", || {
            refused = nft::pull(&handle).ruleset().err();
            refused.is_some()
        });
        let error = refused.unwrap();
        let ErrorKind::Changing { before, after } = error.kind else { panic!("{error}") };
        assert_ne!(before, after);
        let text = error.to_string();
        assert!(text.contains(&before.to_string()) && text.contains(&after.to_string()), "{text}");
    });
    assert_eq!(nft::pull(&handle).ruleset().unwrap().chains().count(), 3_000);
}

#[test]
fn hostile_names_are_kept_and_never_printed() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nfthostile");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let mut committer = Committer::new(&namespace.netns());
    let mut names = hostile_names();
    names.extend([&b"a/b"[..], b"new\nline", b"a b", b"\ttab", b"%41", b"..", b":"].map(<[u8]>::to_vec));
    let mut keys = BTreeSet::new();
    let is_harmless =
        |text: &str| !text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    for name in &names {
        // The thread's name is what the kernel tells.
        std::fs::write("/proc/thread-self/comm", name).unwrap();
        let kept = std::fs::read("/proc/thread-self/comm").unwrap();
        // In the name of a set `%d` stands for a number, and another `%` is refused.
        let of_set: Vec<u8> = name.iter().map(|byte| if *byte == b'%' { 0x7f } else { *byte }).collect();
        let set = Nest::new(&SET).set("table", &name[..]).set("name", &of_set[..]).set("id", 1u32);
        let set = set.set("key_type", 0u32).set("key_len", 4u32);
        let requests = vec![table(name), chain(name, name), new(number::NEWSET, set)];
        assert_eq!(committer.commit(requests), 0, "{name:?}");
        let commit = transaction(&mut monitor);
        assert!(commit.complete && commit.changes.len() == 3);
        let comm = commit.process.comm().unwrap();
        assert_eq!(comm.as_bytes(), kept.strip_suffix(b"\n").unwrap());
        assert!(is_harmless(&comm.to_string()) && is_harmless(&format!("{commit:?}")), "{commit:?}");
        for change in &commit.changes {
            let (text, found) = match change.entity {
                EntityRef::Table(table) => (table.name().to_string(), table.name().as_bytes().to_vec()),
                EntityRef::Chain(chain) => (chain.name().to_string(), chain.name().as_bytes().to_vec()),
                EntityRef::Set(set) => (set.name().to_string(), set.name().as_bytes().to_vec()),
                other => panic!("{other:?}"),
            };
            assert!(found == *name || found == of_set);
            assert!(is_harmless(&text), "{text:?}");
            for item in change.entity.items() {
                let key = Key::of_nft(item).to_string();
                assert!(key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
                keys.insert(key);
            }
        }
        let one = nft::pull(&handle).table(nft::Family::Inet, name).ruleset().unwrap();
        assert_eq!((one.tables().count(), one.chains().count(), one.sets().count()), (1, 1, 1));
        let error = nft::pull(&handle).table(nft::Family::Ip, name).ruleset().unwrap_err();
        assert!(error.errno() == Some(2) && is_harmless(&error.to_string()), "{error}");
    }
    assert_eq!(keys.len(), 3 * names.len());
    assert_eq!(nft::pull(&handle).ruleset().unwrap().tables().count(), names.len());
}

#[test]
fn a_quota_that_a_packet_crosses_belongs_to_no_transaction() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftquota");
    namespace.ip("link set lo up");
    namespace.nft(
        "add table ip t\nadd quota ip t q { over 100 bytes; }\n\
         add chain ip t c { type filter hook output priority 0; }\nadd rule ip t c quota name \"q\"",
    );
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let socket = namespace.netns().run(|| UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    let to = socket.local_addr().unwrap();
    for _ in 0..3 {
        socket.send_to(&[0; 90], to).unwrap();
    }
    let notice = next(&mut monitor);
    let Notice::Event(event) = notice else { panic!("{notice:?}") };
    assert_eq!((event.op, event.generation), (Operation::New, None));
    assert_eq!((event.process.portid, event.process.tid), (Some(0), None));
    let Entity::Object(quota) = &event.object else { panic!("{event:?}") };
    assert_eq!(quota.name(), "q");
    // Nor to the one that follows.
    namespace.nft("add table ip u");
    let commit = transaction(&mut monitor);
    assert!(commit.complete && commit.changes.len() == 1);
    assert_eq!(monitor.control().stats().losses, 0);
}

#[test]
fn a_device_that_leaves_a_chain_is_not_the_end_of_the_chain() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftdevice");
    namespace.ip("link add v0 type veth peer name v1");
    namespace.nft(
        "add table netdev t\n\
         add chain netdev t c { type filter hook ingress devices = { \"v0\", \"v1\" } priority 0; }",
    );
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let mut committer = Committer::new(&namespace.netns());
    let devices = Nest::new(&DEVICE).set("names", vec!["v0"]);
    let hook = Nest::new(&HOOK).set("hook", 0u32).set("prio", 0).set("devices", devices);
    let leave = Nest::new(&CHAIN).set("table", "t").set("name", "c").set("hook", hook);
    let leave = leave.request(number::DELCHAIN, MessageFlags::empty(), family::NETDEV).unwrap();
    let refused = committer.commit(vec![leave]);
    skip_unless!(refused == 0, "this kernel cannot take a device out of a chain: errno {refused}");
    let commit = transaction(&mut monitor);
    let change = commit.changes.iter().next().unwrap();
    assert!(change.is_device_removed() && change.op == Operation::Del, "{change:?}");
    let EntityRef::Chain(chain) = change.entity else { panic!("{change:?}") };
    let gone: Vec<_> = chain.hook().unwrap().device_names().map(|name| name.to_string()).collect();
    assert_eq!(gone, ["v0"]);
    let rules = nft::pull(&Handle::new(&namespace.netns()).unwrap()).ruleset().unwrap();
    let chain = rules.chains().next().unwrap();
    let left: Vec<_> = chain.hook().unwrap().device_names().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0], "v1");
    namespace.nft("delete chain netdev t c");
    let commit = transaction(&mut monitor);
    let ends: Vec<_> = commit.changes.iter().map(|change| change.is_device_removed()).collect();
    // The chain's own end has a hook, too, in some kernels; then it could not be told.
    assert_eq!(ends, [false], "{commit:?}");
}

#[test]
fn an_owned_table_goes_with_its_owner_without_a_word() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftowner");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let mut owner = Committer::new(&namespace.netns());
    let owned = Nest::new(&TABLE).set("name", "owned").set("flags", 2u32);
    assert_eq!(owner.commit(vec![new(number::NEWTABLE, owned)]), 0);
    let commit = transaction(&mut monitor);
    let change = commit.changes.iter().next().unwrap();
    let EntityRef::Table(table) = change.entity else { panic!("{change:?}") };
    assert_eq!((table.owner(), commit.process.portid), (Some(owner.portid()), Some(owner.portid())));
    drop(owner);
    linx_test::until("the table to go", || nft::pull(&handle).ruleset().unwrap().tables().count() == 0);
    assert!(monitor.try_recv().unwrap().is_none(), "the kernel announces it after all");
    assert_eq!(Some(nft::generation(&handle).unwrap()), commit.generation);
    namespace.nft("add table ip t");
    assert!(transaction(&mut monitor).complete);
}

#[test]
fn a_commit_beyond_the_limit_comes_in_parts_its_author_in_the_last() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftparts");
    let builder = || Monitor::builder().netns(&namespace.netns()).limit(4096);
    let (mut monitor, mut other) = (builder().subscribe().unwrap(), builder().subscribe().unwrap());
    let mut committer = Committer::new(&namespace.netns());
    let requests = [table(b"t"), chain(b"t", b"c")].into_iter().chain(rules(300)).collect();
    assert_eq!(committer.commit(requests), 0);
    let (mut count, mut parts) = (0, 0);
    let last = loop {
        let part = transaction(&mut monitor);
        parts += 1;
        count += part.changes.len();
        assert!(part.complete && part.part == parts);
        assert_eq!(part.process.portid, Some(committer.portid()));
        if part.is_last {
            break part;
        }
        assert!(part.process.comm().is_none() && part.process.tid.is_none());
        assert!(part.changes.as_bytes().len() < 4096 + 1024);
    };
    assert!(parts > 5 && count == 302, "{parts} parts, {count} changes");
    assert!(last.process.comm().is_some() && last.generation.is_some());
    // A floor above it keeps back all of it.
    other.control().set_min_gen(last.generation.unwrap() + 1);
    assert!(other.recv_timeout(Duration::from_millis(50)).unwrap().is_none());
    namespace.nft("add table ip u");
    let next = transaction(&mut other);
    assert!(next.complete && next.is_last && next.part == 1 && next.changes.len() == 1);
}

#[test]
fn a_floor_keeps_back_what_waits_and_can_be_taken_back() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftfloor");
    let start = nft::generation(&Handle::new(&namespace.netns()).unwrap()).unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let control = monitor.control();
    (0..4).for_each(|table| _ = namespace.nft(&format!("add table ip t{table}")));
    control.set_min_gen(start + 3);
    assert_eq!(transaction(&mut monitor).generation, Some(start + 3));
    // Serial numbers: a floor that is far ahead is behind.
    control.set_min_gen((start + 5).wrapping_add(1 << 31));
    assert_eq!(transaction(&mut monitor).generation, Some(start + 4));
    control.set_min_gen(start + 100);
    namespace.nft("add table ip u");
    assert!(monitor.recv_timeout(Duration::from_millis(50)).unwrap().is_none());
    control.set_min_gen(0);
    namespace.nft("add table ip v");
    assert_eq!(transaction(&mut monitor).generation, Some(start + 6));
}

#[test]
fn a_deleted_namespace_ends_the_monitor_and_the_reading() {
    skip_unless!(is_root(), "not root");
    let mut namespace = Namespace::new("nftgone");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    nft::pull(&handle).ruleset().unwrap();
    namespace.nft("add table ip t");
    assert!(transaction(&mut monitor).complete);
    namespace.delete();
    let error = loop {
        match monitor.recv_timeout(PATIENCE) {
            Ok(notice) => assert!(notice.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::NamespaceGone);
    assert_eq!(nft::pull(&handle).ruleset().unwrap_err().kind, ErrorKind::NamespaceGone);
    assert_eq!(nft::generation(&handle).unwrap_err().kind, ErrorKind::NamespaceGone);
}

#[test]
fn a_channel_has_the_commits_behind_the_rule_set() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftchannel");
    let handle = Handle::new(&namespace.netns()).unwrap();
    namespace.nft("add table ip t");
    let (sender, receiver) = sync_channel(64);
    let monitor = Monitor::builder().netns(&namespace.netns()).subscribe().unwrap();
    let control = monitor.forward_to(sender).unwrap();
    let rules = nft::pull(&handle).subscribe_first(&control).ruleset().unwrap();
    namespace.nft("add table ip u");
    let notice = receiver.recv_timeout(PATIENCE).unwrap();
    let Notice::Transaction(commit) = notice else { panic!("{notice:?}") };
    assert_eq!(commit.generation, Some(rules.generation() + 1));
    control.unsubscribe();
    assert!(receiver.recv_timeout(PATIENCE).is_err());
    // A floor for another namespace's monitor would hide what is wanted.
    let other = Namespace::new("nftother");
    let stranger = Monitor::builder().netns(&other.netns()).subscribe().unwrap();
    let error = nft::pull(&handle).subscribe_first(&stranger.control()).ruleset().unwrap_err();
    assert_eq!(error.kind, ErrorKind::NamespaceGone);
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_stream_has_the_commits_behind_the_rule_set() {
    use futures_core::Stream;
    use std::future::poll_fn;
    use std::pin::Pin;

    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftstream");
    let handle = Handle::new(&namespace.netns()).unwrap();
    let mut notices =
        Monitor::builder().netns(&namespace.netns()).subscribe().unwrap().into_stream().unwrap();
    let rules = nft::pull(&handle).subscribe_first(&notices.control()).ruleset_async().await.unwrap();
    let mut committer = Committer::new(&namespace.netns());
    for number in 1..=20u32 {
        assert_eq!(committer.commit(vec![table(format!("t{number}").as_bytes())]), 0);
        let next = poll_fn(|cx| Pin::new(&mut notices).poll_next(cx));
        let notice = tokio::time::timeout(PATIENCE, next).await.unwrap().unwrap().unwrap();
        let Notice::Transaction(commit) = notice else { panic!("{notice:?}") };
        assert!(commit.complete);
        assert_eq!(commit.generation, Some(rules.generation() + number));
    }
}

#[test]
fn only_the_kinds_that_are_asked_for_are_read() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftkinds");
    let handle = Handle::new(&namespace.netns()).unwrap();
    namespace
        .nft("add table ip t\nadd chain ip t c\nadd rule ip t c accept\nadd set ip t s { type ipv4_addr; }");
    for kind in [Kind::Table, Kind::Chain, Kind::NftRule, Kind::Set] {
        for pull in [nft::pull(&handle), nft::pull(&handle).table(nft::Family::Ip, "t")] {
            let rules = pull.kinds(&[kind]).ruleset().unwrap();
            let found: Vec<_> = rules.entities().map(|entity| entity.kind()).collect();
            assert_eq!(found, [kind]);
        }
    }
    let none = nft::pull(&handle).table(nft::Family::Ip, "none").kinds(&[Kind::Chain]).ruleset();
    assert_eq!(none.unwrap_err().errno(), Some(2));
}

/// A monitor that gave up its privileges cannot ask where it stands: the first commit after a loss is not called whole.
#[test]
fn a_monitor_that_gave_up_its_privileges_goes_on_and_is_careful() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nftdropped");
    let mut committer = Committer::new(&namespace.netns());
    let mut monitor = Monitor::builder().netns(&namespace.netns()).rcvbuf(8 << 10).subscribe().unwrap();
    assert_eq!(committer.commit(vec![table(b"t"), chain(b"t", b"c")]), 0);
    std::thread::scope(|scope| {
        let (ask, asked) = sync_channel::<u32>(0);
        let reader = scope.spawn(move || {
            linx_sys::drop_capabilities_except(&[]).unwrap();
            let first = transaction(&mut monitor);
            assert!(first.complete && first.process.comm().is_some(), "the group stays joined");
            ask.send(2_000).unwrap();
            ask.send(0).unwrap();
            // The flood does not fit.
            let mut incomplete = 0;
            loop {
                match next(&mut monitor) {
                    Notice::Transaction(told) => {
                        assert!(!told.complete, "{told:?}");
                        incomplete += 1;
                    }
                    Notice::ResyncNeeded(_) => break,
                    other => panic!("{other:?}"),
                }
            }
            // Nobody knows whether this one is whole; the next one is.
            ask.send(1).unwrap();
            ask.send(0).unwrap();
            let second = transaction(&mut monitor);
            assert!(!second.complete && second.changes.len() == 1, "{second:?}");
            assert_eq!(second.process.comm(), first.process.comm());
            assert!(matches!(next(&mut monitor), Notice::ResyncNeeded(_)));
            ask.send(1).unwrap();
            let third = transaction(&mut monitor);
            assert!(third.complete && third.changes.len() == 1, "{third:?}");
            incomplete
        });
        for count in asked {
            // 0 says that the one before is done.
            if count > 0 {
                assert_eq!(committer.commit(rules(count)), 0);
            }
        }
        reader.join().unwrap();
    });
}
