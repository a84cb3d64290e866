//! Namespaces that nothing but a control group names: containers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use linx::Notice;
use linx::mirror::{Fleet, News};
use linx_test::{is_root, skip_unless, until};

use crate::{alone, next};

const ID: &str = "9f3c1a7be21000000000000000000000000000000000000000000000000000ff";

/// A control group of the test's own, removed with those in it and the processes there.
struct Group(PathBuf, Option<Child>);

impl Group {
    /// `None` where none can be made.
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];
        let root = roots.into_iter().map(Path::new).find(|root| root.join("cgroup.procs").exists())?;
        let group = root.join(format!("linx-fleet-{}", std::process::id()));
        std::fs::create_dir(&group).ok()?;
        Some(Self(group, None))
    }

    /// A process in a group below, and in a network namespace of its own; its pid.
    fn start(&mut self, below: &str) -> u32 {
        let group = self.0.join(below);
        std::fs::create_dir_all(&group).unwrap();
        let script = "echo $$ > \"$1/cgroup.procs\" && exec unshare --net sleep 600";
        let child = Command::new("sh").args(["-c", script, "sh"]).arg(group).spawn().unwrap();
        let pid = child.id();
        self.1 = Some(child);
        pid
    }

    fn end(&mut self) {
        if let Some(mut child) = self.1.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        fn remove(group: &Path) {
            for inner in std::fs::read_dir(group).into_iter().flatten().flatten() {
                if inner.path().is_dir() {
                    remove(&inner.path());
                }
            }
            // It is busy for a moment after its last process.
            for _ in 0..1000 {
                if std::fs::remove_dir(group).is_ok() || !group.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.end();
        remove(&self.0);
    }
}

#[test]
fn a_container_is_called_by_the_id_in_its_control_group() {
    skip_unless!(is_root(), "not root");
    let group = Group::new();
    skip_unless!(group.is_some(), "no control group can be made");
    let mut group = group.unwrap();
    let _alone = alone();
    let fleet = Fleet::builder().template(|builder| builder.links()).start().unwrap();
    let mut watch = fleet.watch();
    let pod = "kubepods-besteffort-pod12345678_1234_1234_1234_123456789abc.slice";
    for (below, runtime, pod) in [
        (format!("docker-{ID}.scope"), "docker", None),
        (format!("libpod-{ID}.scope"), "podman", None),
        (
            format!("{pod}/cri-containerd-{ID}.scope"),
            "containerd",
            Some("12345678-1234-1234-1234-123456789abc"),
        ),
    ] {
        let pid = group.start(&below);
        let called = format!("{runtime}:9f3c1a7be210");
        let (cookie, unit, container) = next(&mut watch, &called, |told| {
            let it = &told.namespace;
            let is_it = *it.name == *called && it.pids.contains(&pid);
            let is_read = it.cookie.is_some_and(|cookie| fleet.mirror(cookie).is_some());
            (is_it && is_read).then(|| (it.cookie.unwrap(), it.unit.clone(), it.container.clone()))
        });
        let container = container.unwrap();
        assert_eq!((&*container.id, container.runtime), (ID, Some(runtime)));
        assert_eq!(container.pod.as_deref(), pod);
        assert_eq!(unit.as_deref(), below.rsplit('/').next());
        until("it is read", || {
            fleet.state(cookie).is_some_and(|state| state.links().by_name(b"lo").is_some())
        });
        let found = linx::namespaces::resolve(called.as_ref()).unwrap();
        assert_eq!(found.cookie().unwrap(), cookie, "it is found by that name");
        assert!(fleet.by_name(&called).is_some());
        group.end();
        next(&mut watch, "it goes", |told| {
            let is_over = matches!(told.news, News::Removed { .. }) && told.namespace.cookie == Some(cookie);
            is_over.then_some(())
        });
        until("its mirror is gone", || fleet.by_name(&called).is_none());
    }
    // Who is in no such group has no such name.
    let pid = group.start("plain");
    let name = next(&mut watch, "a process in a namespace", |told| {
        let is_it =
            told.namespace.pids.contains(&pid) && matches!(told.news, News::Mirror(Notice::Synced(_)));
        is_it.then(|| told.namespace.name.clone())
    });
    assert_eq!(&*name, "-");
}
