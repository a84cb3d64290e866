//! Negative controls: what the checks find when a mirror does without what makes it right.

use linx::Mirror;
use linx_test::{Namespace, Storm, is_root};

use crate::oracle::lasting_differences;

/// Rounds of which at least one must go wrong.
const ROUNDS: u32 = 20;

#[test]
fn without_the_rules_of_what_is_not_announced_the_mirror_is_wrong() {
    if !is_root() {
        eprintln!("SKIPPED without_the_rules_of_what_is_not_announced_the_mirror_is_wrong: not root");
        return;
    }
    for is_whole in [true, false] {
        let namespace = Namespace::new("control");
        namespace.batch(
            "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddress add 10.0.0.1/24 dev v0\n\
             route add 10.9.0.0/16 via 10.0.0.2\n",
        );
        let builder = Mirror::builder(&namespace.netns()).audit(None);
        let builder = if is_whole { builder } else { builder.without_implied() };
        let mirror = builder.start().unwrap();
        namespace.ip("link set v0 down");
        let wrong = lasting_differences(&mirror, &namespace);
        assert_eq!(wrong.is_empty(), is_whole, "{wrong:#?}");
    }
}

#[test]
fn without_reading_the_queue_first_a_resync_leaves_ghosts() {
    if !is_root() {
        eprintln!("SKIPPED without_reading_the_queue_first_a_resync_leaves_ghosts: not root");
        return;
    }
    let (mut right, mut ghosts) = (0, 0);
    for _ in 0..ROUNDS {
        for is_whole in [true, false] {
            let namespace = Namespace::new("ghosts");
            let mut storm = Storm::new(&namespace);
            let builder = Mirror::builder(&namespace.netns()).routes().audit(None).rcvbuf(64 << 10);
            let builder = if is_whole { builder } else { builder.without_drain() };
            // Nobody reads while it storms.
            let mut driver = builder.driver().unwrap();
            let mirror = driver.mirror();
            while !mirror.is_synced() {
                driver.advance(std::time::Instant::now()).unwrap();
            }
            storm.cycles(500, 3);
            driver.advance(std::time::Instant::now()).unwrap();
            linx_test::until("certainty", || {
                driver.advance(std::time::Instant::now()).unwrap();
                // What follows from something may be due a little later.
                mirror.is_certain() && driver.deadline().is_none()
            });
            // What is left in the queue.
            driver.advance(std::time::Instant::now()).unwrap();
            let routes = mirror.snapshot().routes().len();
            let there = linx::Handle::new(&namespace.netns()).unwrap().routes().all().unwrap();
            let there =
                there.iter().filter(|route| [2, 10].contains(&linx::RouteView::family(*route))).count();
            if is_whole {
                assert_eq!(routes, there);
                right += 1;
            } else {
                ghosts += usize::from(routes != there);
            }
        }
    }
    println!("{right} right; without the drain {ghosts} of {ROUNDS} wrong");
    assert!(ghosts > 0);
}
