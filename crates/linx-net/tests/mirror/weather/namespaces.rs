//! Namespaces and processes that end.

use std::process::{Child, Command, Stdio};

use linx::{ErrorKind, LinkView, Mirror, Netns};
use linx_test::{Dice, Namespace, PATIENCE, Storm, run, until};

use crate::{Bed, assert_converges, assert_gone, assert_idle, each_seed, each_seed_in, long_or};

/// A link that is there as long as the namespace of its peer.
struct Canary(Namespace);

impl Canary {
    /// `to`: a name or a process.
    fn new(to: &str) -> Self {
        let namespace = Namespace::new("canary");
        namespace.ip(&format!("link add canary0 type veth peer name canary1 netns {to}"));
        Self(namespace)
    }

    fn assert_dies(&self) {
        until("the namespace to be gone", || self.0.try_ip("link show dev canary0").is_err());
    }
}

#[test]
fn a_deleted_namespace_ends_its_mirror_and_is_not_kept() {
    each_seed("namespaces::a_deleted_namespace_ends_its_mirror_and_is_not_kept", |seed, mut dice| {
        let mut bed = Bed::calm(seed);
        let canary = Canary::new(bed.namespace.name());
        let mirror = bed.mirror();
        let mut watch = mirror.watch();
        if dice.once_in(2) {
            Storm::new(&bed.namespace).cycles(500, dice.below(3) as u32);
        } else {
            bed.stir();
        }
        if dice.once_in(2) {
            mirror.quiet(PATIENCE).unwrap();
        }
        bed.namespace.delete();
        assert_gone(&mirror, &mut watch);
        canary.assert_dies();
        assert!(mirror.snapshot().links().len() > 1, "what was known last");
        assert_idle();
    });
}

#[test]
fn a_namespace_made_again_under_its_name_is_another() {
    each_seed("namespaces::a_namespace_made_again_under_its_name_is_another", |seed, mut dice| {
        let mut bed = Bed::new(seed);
        let name = bed.namespace.name().to_owned();
        let netns = bed.namespace.netns();
        let mut seen = std::collections::HashSet::new();
        for round in 0..4 {
            let mirror = Mirror::builder(&netns).audit(None).start().unwrap();
            assert!(seen.insert(mirror.netns_cookie()));
            let mut watch = mirror.watch();
            if dice.once_in(2) {
                std::thread::sleep(std::time::Duration::from_millis(dice.below(20)));
            }
            bed.namespace.delete();
            bed.namespace = Namespace::named(&name);
            bed.namespace.ip(&format!("link add imposter{round} type ifb"));
            assert_gone(&mirror, &mut watch);
            let impostor = format!("imposter{round}");
            assert!(mirror.snapshot().links().by_name(&impostor).is_none());
            let new = Mirror::builder(&netns).audit(None).start().unwrap();
            assert!(new.snapshot().links().by_name(&impostor).is_some());
            assert_converges(&new, &bed.namespace);
        }
        assert_idle();
    });
}

#[test]
fn a_namespace_given_by_a_descriptor_is_kept() {
    each_seed("namespaces::a_namespace_given_by_a_descriptor_is_kept", |seed, _| {
        let mut bed = Bed::new(seed);
        let canary = Canary::new(bed.namespace.name());
        let netns = Netns::fd(bed.namespace.netns().open().unwrap()).unwrap();
        assert!(netns.pins());
        let mirror = Mirror::builder(&netns).audit(None).start().unwrap();
        bed.namespace.delete();
        canary.0.ip("link set canary0 up");
        mirror.quiet(PATIENCE).unwrap();
        canary.0.ip("link show dev canary0");
        drop((mirror, netns));
        canary.assert_dies();
    });
}

/// A process in a network namespace of its own, killed on drop.
struct Lodger(Child);

impl Lodger {
    fn new() -> Self {
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let child =
            Command::new("unshare").args(["-n", "sleep", "1000"]).stdin(Stdio::null()).spawn().unwrap();
        let path = format!("/proc/{}/ns/net", child.id());
        until("a namespace", || std::fs::read_link(&path).is_ok_and(|at| at != own));
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn ip(&self, args: &str) {
        let pid = self.pid().to_string();
        let words: Vec<&str> = ["-n", "-t", &pid, "ip"].into_iter().chain(args.split(' ')).collect();
        run("nsenter", &words);
    }

    fn netns(&self, dice: &mut Dice) -> Netns {
        if dice.once_in(2) {
            Netns::pid(self.pid()).unwrap()
        } else {
            Netns::path(format!("/proc/{}/ns/net", self.pid())).unwrap()
        }
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Lodger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_that_ends_ends_the_mirror_of_its_namespace() {
    each_seed("namespaces::a_process_that_ends_ends_the_mirror_of_its_namespace", |_, mut dice| {
        let mut lodger = Lodger::new();
        let canary = Canary::new(&lodger.pid().to_string());
        lodger.ip("link set canary1 up");
        let netns = lodger.netns(&mut dice);
        let mirror = Mirror::builder(&netns).audit(None).start().unwrap();
        // Who does not follow goes on as long as there is something to go on with.
        let stays = Mirror::builder(&netns).audit(None).follow(false).start().unwrap();
        let mut watch = mirror.watch();
        canary.0.ip("link set canary0 up");
        lodger.kill();
        assert_gone(&mirror, &mut watch);
        stays.quiet(PATIENCE).unwrap();
        canary.0.ip("link set canary0 down");
        until("the carrier to go", || {
            stays.quiet(PATIENCE).unwrap();
            stays
                .snapshot()
                .links()
                .by_name("canary1")
                .is_some_and(|link| !link.flags().contains(linx::LinkFlags::LOWER_UP))
        });
        assert_idle();
        drop(stays);
        canary.assert_dies();
    });
}

#[test]
fn a_process_id_used_again_is_another_process() {
    let words = ["unshare", "-p", "-f", "--mount-proc"];
    each_seed_in(
        "namespaces::a_process_id_used_again_is_another_process",
        &words,
        long_or(20, 2),
        |_, mut dice| {
            let mut lodger = Lodger::new();
            lodger.ip("link add first0 type ifb");
            let netns = lodger.netns(&mut dice);
            let mirror = Mirror::builder(&netns).audit(None).start().unwrap();
            let mut watch = mirror.watch();
            // This one has to open what it reads by.
            let stays =
                Mirror::builder(&netns).audit(None).follow(false).keep_sockets(false).start().unwrap();
            let wanted = lodger.pid();
            lodger.kill();
            let imposter = (0..100).find_map(|_| {
                std::fs::write("/proc/sys/kernel/ns_last_pid", (wanted - 1).to_string()).unwrap();
                Some(Lodger::new()).filter(|imposter| imposter.pid() == wanted)
            });
            let imposter = imposter.expect("the same number");
            imposter.ip("link add imposter0 type ifb");
            assert_gone(&mirror, &mut watch);
            stays.audit();
            assert_eq!(stays.quiet(PATIENCE).unwrap_err().kind, ErrorKind::NamespaceGone);
            for mirror in [&mirror, &stays] {
                assert!(mirror.snapshot().links().by_name("imposter0").is_none());
                assert!(mirror.snapshot().links().by_name("first0").is_some());
            }
            let again = Mirror::builder(&imposter.netns(&mut dice)).audit(None).start().unwrap();
            assert_ne!(again.netns_cookie(), mirror.netns_cookie());
            assert!(again.snapshot().links().by_name("imposter0").is_some());
            assert_idle();
        },
    );
}
