//! Namespaces that a test makes and removes.
#![allow(dead_code, unreachable_pub)]

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use linx_sys::Netns;

static COUNTER: AtomicU32 = AtomicU32::new(0);

pub fn unique(what: &str) -> String {
    format!("lxn-{what}-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Whether namespaces can be made; says so when they cannot.
pub fn root() -> bool {
    let able = linx_sys::Capabilities::current().unwrap().has(linx_sys::Capability::SYS_ADMIN);
    if !able {
        eprintln!("SKIPPED: needs root to make network namespaces");
    }
    able
}

/// A namespace made by `ip netns add`, deleted on drop.
#[derive(Debug)]
pub struct TestNetns(String);

impl TestNetns {
    pub fn new(what: &str) -> Option<Self> {
        root().then(|| Self::with_name(&unique(what)))
    }

    pub fn with_name(name: &str) -> Self {
        let status = Command::new("ip").args(["netns", "add", name]).status().expect("iproute2 is installed");
        assert!(status.success());
        Self(name.to_owned())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    pub fn netns(&self) -> Netns {
        Netns::name(&self.0).unwrap()
    }

    /// `ip -n NAME ARGS`, which must succeed.
    pub fn ip(&self, args: &str) {
        let output = Command::new("ip").args(["-n", &self.0]).args(args.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program that runs inside; returns once it has been executed there.
    pub fn spawn(&self, program: &str, args: &[&str]) -> Running {
        // `ip netns exec` enters and then becomes the program, with the same pid.
        Running::new(Command::new("ip").args(["netns", "exec", &self.0, program]).args(args), program)
    }
}

/// A program that runs until this is dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Returns once the process has become `program`.
    pub fn new(command: &mut Command, program: &str) -> Self {
        // It must not hold open what the test prints to, also when the test fails.
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Self(child);
        let comm = format!("/proc/{}/comm", running.id());
        until("the program runs", || std::fs::read_to_string(&comm).is_ok_and(|c| c.trim() == program));
        running
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for TestNetns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Polls `condition` until it holds; generous, because the machine may be busy.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
