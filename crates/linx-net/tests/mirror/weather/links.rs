//! Links that are not what they were: other names, other namespaces, another link of the same index.

use std::time::Duration;

use linx::mirror::{Cause, Change};
use linx::{Kind, LinkView, Mirror, Notice, Object};
use linx_test::{Namespace, StopOnDrop, is_root, skip_unless};

use crate::{Bed, assert_converges, assert_idle, each_seed, long_or};

#[test]
fn an_index_used_again_at_once_is_another_link() {
    each_seed("links::an_index_used_again_at_once_is_another_link", |seed, mut dice| {
        let bed = Bed::new(seed);
        let builder = Mirror::builder(&bed.namespace.netns()).audit(None);
        let mirror = if dice.once_in(3) { builder.rcvbuf(4096) } else { builder }.start().unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let name = bed.namespace.name();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Routes over whatever has the index now, as the old one goes and the new one comes.
                let lines: String =
                    (0..200).map(|at| format!("route add 10.77.{at}.0/24 dev reused{}\n", at % 3)).collect();
                let path = std::env::temp_dir().join(format!("{name}.batch"));
                std::fs::write(&path, lines).unwrap();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let words = ["-n", name, "-force", "-batch", path.to_str().unwrap()];
                    let _ = std::process::Command::new("ip")
                        .args(words)
                        .stderr(std::process::Stdio::null())
                        .status();
                }
                let _ = std::fs::remove_file(&path);
            });
            let _stop = StopOnDrop(&stop);
            for _ in 0..long_or(40, 8) {
                let mut lines = String::new();
                for round in 0..3 {
                    let kind = *dice.pick(&[&"ifb", &"ifb", &"bridge", &"ifb"]);
                    lines +=
                        &format!("link add reused{round} index 77 type {kind}\nlink set reused{round} up\n");
                    for at in 0..dice.below(4) {
                        lines += &format!(
                            "address add 10.7{round}.{at}.1/24 dev reused{round}\n\
                             -6 address add fd7{round}:{at}::1/64 dev reused{round} nodad\n\
                             route add 10.8{round}.{at}.0/24 dev reused{round}\n\
                             route add 10.66.{at}.0/24 dev reused{round}\n\
                             neigh add 10.7{round}.{at}.9 lladdr 02:00:00:00:00:0{at} dev reused{round}\n\
                             neigh add proxy 10.7{round}.{at}.8 dev reused{round}\n"
                        );
                    }
                    if round < 2 {
                        lines += &format!("link del reused{round}\n");
                    }
                }
                // A link and what is on it in one process: the next one comes as fast as the kernel can.
                let lines: String =
                    lines.lines().map(|line| format!("{}\n", line.trim_start_matches("-6 "))).collect();
                bed.namespace.batch(&lines);
                assert_eq!(mirror.snapshot().netns(), mirror.netns_cookie());
                if dice.once_in(2) {
                    mirror.quiet(linx_test::PATIENCE).unwrap();
                }
                bed.namespace.ip("link del reused2");
            }
        });
        assert_converges(&mirror, &bed.namespace);
        assert_eq!(
            mirror.snapshot().routes().iter().filter(|route| linx::RouteView::oif(route) == Some(77)).count(),
            0
        );
        assert_idle();
    });
}

#[test]
fn a_link_keeps_its_identity_through_a_chain_of_names() {
    each_seed("links::a_link_keeps_its_identity_through_a_chain_of_names", |seed, mut dice| {
        let bed = Bed::calm(seed);
        bed.namespace.batch(
            "link add one type ifb\nlink add two type ifb\nlink set one up\nlink set two up\n\
             address add 10.61.0.1/24 dev one\naddress add 10.62.0.1/24 dev two\n\
             rule add iif one table 100\nrule add oif two table 100\nroute add 10.63.0.0/16 via 10.61.0.2\n",
        );
        let mirror = bed.mirror();
        let state = mirror.snapshot();
        let index = |name: &str| state.links().by_name(name).unwrap().index();
        let (one, two) = (index("one"), index("two"));
        let mut watch = mirror.watch();
        let mut lines = String::new();
        for round in 0..long_or(100, 20) {
            if dice.once_in(2) {
                lines += "link set one down\nlink set two down\n";
                lines += "link set one name swap\nlink set two name one\nlink set swap name two\n";
                lines += "link set one up\nlink set two up\n";
            } else {
                lines += &format!("link set one name chain{round}\n");
                for step in 0..dice.below(5) {
                    lines += &format!(
                        "link set chain{round} name next{step}\nlink set next{step} name chain{round}\n"
                    );
                }
                lines += &format!("link set chain{round} name one\n");
            }
        }
        lines += "link set one name last1\nlink set two name last2\n";
        bed.namespace.batch(&lines);
        assert_converges(&mirror, &bed.namespace);
        let state = mirror.snapshot();
        let mut both = [
            state.links().by_name("last1").unwrap().index(),
            state.links().by_name("last2").unwrap().index(),
        ];
        both.sort_unstable();
        assert_eq!(both, [one.min(two), one.max(two)]);
        assert!(["one", "two", "swap"].iter().all(|name| state.links().by_name(name).is_none()));
        let mut renames = 0;
        while let Some(notice) = watch.try_next().unwrap() {
            let Notice::Delta(delta) = notice else { continue };
            if let Object::Link(link) = delta.object() {
                if [one, two].contains(&link.index()) {
                    assert_eq!(delta.change(), Change::Changed, "{delta}");
                    renames += u32::from(delta.fields().contains(&"ifname".into()));
                }
            }
        }
        println!("figure: {renames} renames told");
        assert!(renames > 2);
        assert_idle();
    });
}

#[test]
fn a_link_that_moves_away_and_back_is_told_as_that() {
    each_seed("links::a_link_that_moves_away_and_back_is_told_as_that", |seed, mut dice| {
        let bed = Bed::calm(seed);
        let other = Namespace::new("weather2");
        let (here, there) = (bed.namespace.name().to_owned(), other.name().to_owned());
        bed.namespace
            .batch("link add mover type veth peer name stays\nlink set mover up\nlink set stays up\n");
        let builder = Mirror::builder(&bed.namespace.netns()).audit(None);
        let is_tight = dice.once_in(4);
        let mirror = if is_tight { builder.rcvbuf(2048) } else { builder }.start().unwrap();
        let second = Mirror::builder(&other.netns()).audit(None).start().unwrap();
        let mut watch = mirror.watch();
        let rounds = long_or(30, 6);
        for _ in 0..rounds {
            bed.namespace.batch(&format!(
                "link set mover up\naddress add 10.64.0.1/24 dev mover\nroute add 10.65.0.0/16 via 10.64.0.2\n\
                 neigh add 10.64.0.9 lladdr 02:00:00:00:00:09 dev mover\nlink set mover netns {there}\n"
            ));
            if dice.once_in(2) {
                assert_converges(&second, &other);
            }
            other.batch(&format!(
                "link set mover up\naddress add 10.64.0.1/24 dev mover\nlink set mover netns {here}\n"
            ));
        }
        assert_converges(&mirror, &bed.namespace);
        assert_converges(&second, &other);
        let (mut left, mut moved) = (0, 0);
        while let Some(notice) = watch.try_next().unwrap() {
            let Notice::Delta(delta) = notice else { continue };
            if delta.kind() == Kind::Link && delta.change() == Change::Removed {
                left += 1;
                moved += usize::from(delta.moved_to().is_some());
                assert!(delta.moved_to().is_some() || delta.cause() != Cause::Event, "{delta}");
            }
        }
        println!("figure: left {left} times, {moved} told as a move");
        assert!(is_tight || (left, moved) == (rounds, rounds), "{left} {moved}");
        assert_idle();
    });
}

/// In a group of its own: 1,000 links are much of a machine.
#[test]
fn a_thousand_links_come_and_go_exclusive() {
    skip_unless!(is_root(), "not root");
    let namespace = Namespace::new("thousand");
    let mirror = Mirror::builder(&namespace.netns()).audit(None).start().unwrap();
    let mut watch = mirror.watch();
    let count = long_or(1000, 150);
    for round in 0..long_or(5, 1) {
        let come: String = (0..count).map(|at| format!("link add c{round}x{at} type ifb\n")).collect();
        let go: String = (0..count).map(|at| format!("link del c{round}x{at}\n")).collect();
        namespace.batch(&come);
        assert_converges(&mirror, &namespace);
        assert_eq!(mirror.snapshot().links().len(), count + 1);
        namespace.batch(&go);
        assert_converges(&mirror, &namespace);
        assert_eq!(mirror.snapshot().links().len(), 1);
    }
    let (mut come, mut gone) = (0, 0);
    while let Some(notice) = watch.next_timeout(Duration::ZERO).unwrap() {
        if let Notice::Delta(delta) = notice {
            if delta.kind() == Kind::Link {
                come += usize::from(delta.change() == Change::Added);
                gone += usize::from(delta.change() == Change::Removed);
            }
        }
    }
    assert_eq!((come, gone), (count * long_or(5, 1), count * long_or(5, 1)));
    println!("{:?}", mirror.stats());
}
