//! Who drives and who reads: an event loop of one's own, tokio, a user without privileges.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(feature = "tokio")]
use linx::Notice;
use linx::{Mirror, Netns};
use linx_test::{Namespace, PATIENCE, Storm, is_root, skip_unless, thread_usage};

use crate::oracle::{differences, held};
#[cfg(feature = "tokio")]
use crate::{assert_converges, assert_idle};
use crate::{each_seed, long_or, once};

#[test]
fn a_loop_of_ones_own_is_woken_when_there_is_something_to_do() {
    each_seed("loops::a_loop_of_ones_own_is_woken_when_there_is_something_to_do", |seed, _| {
        let namespace = Namespace::new("loop");
        let mut storm = Storm::new(&namespace);
        let rcvbuf = if seed % 2 == 0 { 4 << 20 } else { 4096 };
        // By a descriptor: a name is looked after whenever something is mounted on the machine.
        let netns = Netns::fd(namespace.netns().open().unwrap()).unwrap();
        let mut driver = Mirror::builder(&netns).rcvbuf(rcvbuf).driver().unwrap();
        // Any number of mirrors may be had of a driver, and none of them ends it.
        drop(driver.mirror());
        let mirror = driver.mirror();
        let mut watch = mirror.watch();
        watch.descriptor().unwrap();
        let mut turn = |longest: Duration| {
            let left = driver.deadline().map_or(longest, |due| due.saturating_duration_since(Instant::now()));
            let is_due = left < longest;
            let fds = [driver.as_fd(), watch.descriptor().unwrap()];
            let woken = linx_sys::first_readable(&fds, Some(left.min(longest))).unwrap();
            driver.advance(Instant::now()).unwrap();
            while watch.try_next().unwrap().is_some() {}
            woken.is_some() || is_due
        };
        let (end, mut turns) = (Instant::now() + PATIENCE, 0);
        while !mirror.is_synced() {
            turn(Duration::from_secs(1));
            assert!(Instant::now() < end);
            turns += 1;
        }
        storm.cycles(300, 3);
        namespace.ip("link set storm0 down");
        let settled = |turn: &mut dyn FnMut(Duration) -> bool| {
            let (mut quiet, end) = (0, Instant::now() + PATIENCE);
            while quiet < 3 {
                quiet = if turn(Duration::from_millis(50)) { 0 } else { quiet + 1 };
                assert!(Instant::now() < end, "it never rests");
            }
        };
        let mut wrong = Vec::new();
        for _ in 0..10 {
            settled(&mut turn);
            assert!(mirror.is_certain());
            wrong = differences(&mirror, &namespace);
            if wrong.is_empty() {
                break;
            }
            // A lost carrier is listed a moment before it is announced.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // Quiet: nobody is woken.
        let (begun, mut woken) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_secs(long_or(5, 1)) {
            woken += u32::from(turn(Duration::from_millis(100)));
        }
        println!("figure: synced after {turns} turns; woken {woken} times in {:?} of quiet", begun.elapsed());
        assert!(woken <= 3, "{woken}");
        // Somebody else waits for quiet meanwhile.
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| mirror.quiet(PATIENCE));
            while !waits.is_finished() {
                turn(Duration::from_secs(1));
            }
            waits.join().unwrap().unwrap();
        });
    });
}

#[test]
fn a_thread_of_the_mirrors_own_sleeps_when_it_is_quiet() {
    once("loops::a_thread_of_the_mirrors_own_sleeps_when_it_is_quiet", |_, _| {
        let namespace = Namespace::new("sleep");
        let netns = Netns::fd(namespace.netns().open().unwrap()).unwrap();
        let mirror = Mirror::builder(&netns).start().unwrap();
        mirror.quiet(PATIENCE).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let before = thread_usage("linx-mirror");
        let seconds = long_or(5, 1);
        std::thread::sleep(Duration::from_secs(seconds));
        let after = thread_usage("linx-mirror");
        let (used, woken) = (after.0.saturating_sub(before.0), after.1 - before.1);
        println!("figure: woken {woken} times, {used:?} of processor time in {seconds} s of quiet");
        assert!(woken <= 3 && used < Duration::from_millis(10), "{woken} {used:?}");
    });
}

/// A copy of this program that everybody can read, removed on drop.
struct Copied(PathBuf);

impl Copied {
    fn new(tag: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{tag}-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        Self(path)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Set where a scene is to be played.
const NOBODY: &str = "LINX_WEATHER_NOBODY";

/// The scene of the next test, which does nothing otherwise.
#[test]
fn nobodys_mirror() {
    if std::env::var_os(NOBODY).is_none() {
        return;
    }
    let netns = Netns::host().unwrap();
    let mirror = Mirror::builder(&netns).audit(None).start().unwrap();
    println!("ready");
    let mut lines = std::io::stdin().lines();
    lines.next().unwrap().unwrap();
    // Some things are listed a moment before they are announced.
    for left in (0..10).rev() {
        mirror.quiet(PATIENCE).unwrap();
        let fresh = Mirror::builder(&netns).audit(None).start().unwrap();
        let (held, there) = (held(&mirror.snapshot()), held(&fresh.snapshot()));
        if held == there {
            break;
        }
        assert!(left > 0, "{held:#?}\ninstead of {there:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(mirror.snapshot().routes().len() > 300);
    println!("converged {:?}", mirror.stats());
    // To enter another one takes a capability, which the error names.
    if let Some(other) = std::env::var_os("LINX_WEATHER_OTHER") {
        let error = Mirror::builder(&Netns::path(other).unwrap()).start().unwrap_err();
        assert!(matches!(error.kind, linx::ErrorKind::Permission { .. }), "{error:?}");
        println!("refused");
    }
}

#[test]
fn nobody_has_a_mirror_of_his_own_namespace() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("nobody");
    let other = Namespace::new("other");
    let mut storm = Storm::new(&namespace);
    let copied = Copied::new("linx-weather-nobody");
    let mut child = Command::new("ip")
        .args([
            "netns",
            "exec",
            namespace.name(),
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
        ])
        .arg(&copied.0)
        .args(["--exact", "loops::nobodys_mirror", "--nocapture", "--test-threads=1"])
        .env(NOBODY, "1")
        .env("LINX_VALIDATE", "1")
        .env("LINX_WEATHER_OTHER", format!("/run/netns/{}", other.name()))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.ends_with("ready")));
    storm.cycles(2000, 3);
    storm.send(&(0..400).map(|number| linx_test::Step { add: true, number }).collect::<Vec<_>>());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let rest: Vec<String> = told.collect();
    assert!(child.wait().unwrap().success(), "{rest:#?}");
    for word in ["converged", "refused"] {
        assert!(rest.iter().any(|line| line.contains(word)), "{rest:#?}");
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_stream_under_tokio_tells_every_change_and_how_it_ends() {
    use std::pin::Pin;

    use futures_core::Stream;
    use linx::mirror::Changes;

    async fn next(changes: &mut Changes) -> Option<linx::Result<Notice>> {
        let next = std::future::poll_fn(|cx| Pin::new(&mut *changes).poll_next(cx));
        tokio::time::timeout(PATIENCE, next).await.expect("in time")
    }

    once("loops::a_stream_under_tokio_tells_every_change_and_how_it_ends", |_, _| {
        let mut namespace = Namespace::new("tokio");
        let mut storm = Storm::new(&namespace);
        let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut changes = mirror.watch().into_stream().unwrap();
            assert!(matches!(next(&mut changes).await, Some(Ok(Notice::Synced(_)))));
            let mut revision = changes.watch().state().revision();
            storm.cycles(500, 2);
            mirror.quiet(PATIENCE).unwrap();
            while revision < mirror.snapshot().revision() {
                if let Notice::Delta(delta) = next(&mut changes).await.unwrap().unwrap() {
                    revision += 1;
                    assert_eq!(delta.revision(), revision);
                }
            }
            assert_eq!(changes.watch().state().fingerprint(), mirror.snapshot().fingerprint());
            assert_converges(&mirror, &namespace);
            // Asked, but nothing comes: the runtime sleeps.
            let waits = tokio::spawn(async move { (next(&mut changes).await, changes) });
            let pause = tokio::time::sleep(Duration::from_millis(20));
            pause.await;
            assert_idle();
            drop(storm);
            namespace.delete();
            let (mut last, mut changes) = waits.await.unwrap();
            while let Some(Ok(_)) = last {
                last = next(&mut changes).await;
            }
            assert_eq!(last.unwrap().unwrap_err().kind, linx::ErrorKind::NamespaceGone);
            assert!(next(&mut changes).await.is_none());
        });
        // A mirror that is dropped ends its streams without an error.
        let namespace = Namespace::new("tokio2");
        let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
        runtime.block_on(async {
            let mut changes = mirror.watch().into_stream().unwrap();
            assert!(matches!(next(&mut changes).await, Some(Ok(Notice::Synced(_)))));
            drop(mirror);
            while let Some(notice) = next(&mut changes).await {
                notice.unwrap();
            }
        });
    });
}
