//! A network namespace that lives as long as its guard.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use linx_sys::Netns;

/// A network namespace of a test's own: made by `ip netns`, removed on drop, a panic's too.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    deleted: bool,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Namespace {
    /// A new one, whose name holds `tag`, this process's id and a counter.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lx-{tag}-{}-{number}", std::process::id());
        Self::named(&name)
    }

    /// A new one with this very name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        run("ip", &["netns", "add", name]);
        Self { name: name.to_owned(), deleted: false }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its handle.
    #[must_use]
    pub fn netns(&self) -> Netns {
        Netns::name(&self.name).expect("a namespace just made")
    }

    /// Runs `ip -n NAME ARGS` and returns what it prints; panics when it fails.
    pub fn ip(&self, args: &str) -> String {
        self.try_ip(args).unwrap_or_else(|error| panic!("ip {args}: {error}"))
    }

    /// Runs `ip -n NAME ARGS`; the error is what it printed.
    ///
    /// # Errors
    /// What it printed on its standard error.
    pub fn try_ip(&self, args: &str) -> Result<String, String> {
        let words: Vec<&str> = ["-n", &self.name].into_iter().chain(args.split_whitespace()).collect();
        try_run("ip", &words)
    }

    /// Runs several lines of `ip` commands in one process (`ip -batch`), then those that begin with `-6` in another;
    /// the first failure panics.
    pub fn batch(&self, lines: &str) {
        let of = |inet6: bool| {
            let lines = lines.lines().filter(|line| line.trim_start().starts_with("-6 ") == inet6);
            lines.map(|line| format!("{}\n", line.trim_start().trim_start_matches("-6 "))).collect::<String>()
        };
        for (family, lines) in [(None, of(false)), (Some("-6"), of(true))] {
            self.run_batch(family, &lines).unwrap_or_else(|error| {
                let number = error.rsplit(':').next().and_then(|number| number.trim().parse::<usize>().ok());
                let line = number.and_then(|number| lines.lines().nth(number.saturating_sub(1)));
                panic!("ip -batch: {error}{}", line.unwrap_or_default());
            });
        }
    }

    fn run_batch(&self, family: Option<&str>, lines: &str) -> Result<String, String> {
        use std::io::Write;
        let mut child = Command::new("ip")
            .args(family)
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("iproute2 is installed");
        let mut stdin = child.stdin.take().unwrap();
        // A batch that fails early closes its end; its exit status tells.
        let _ = stdin.write_all(lines.as_bytes());
        drop(stdin);
        finish(&child.wait_with_output().unwrap())
    }

    /// Runs a program inside and returns what it prints; panics when it fails.
    pub fn exec(&self, program: &str, args: &[&str]) -> String {
        self.try_exec(program, args).unwrap_or_else(|error| panic!("{program} {}: {error}", args.join(" ")))
    }

    /// Runs commands of `nft`, one a line, as one commit; panics when they fail.
    pub fn nft(&self, script: &str) -> String {
        self.exec("nft", &[script])
    }

    /// Runs a program inside and returns what it prints.
    ///
    /// # Errors
    /// What it printed on its standard error.
    pub fn try_exec(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let words: Vec<&str> =
            ["netns", "exec", &self.name, program].into_iter().chain(args.iter().copied()).collect();
        try_run("ip", &words)
    }

    /// Sets a sysctl of the namespace (`net.ipv4.…`); panics when it cannot be.
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        self.netns()
            .run(|| std::fs::write(&path, value))
            .expect("to enter the namespace")
            .unwrap_or_else(|error| panic!("{key} = {value}: {error}"));
    }

    /// Removes it now.
    pub fn delete(&mut self) {
        if !self.deleted {
            self.deleted = true;
            run("ip", &["netns", "del", &self.name]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if !self.deleted {
            // A panic here would hide the one that is under way.
            let _ = try_run("ip", &["netns", "del", &self.name]);
        }
    }
}

/// Runs a program and returns what it prints; panics when it fails.
pub fn run(program: &str, args: &[&str]) -> String {
    try_run(program, args).unwrap_or_else(|error| panic!("{program} {}: {error}", args.join(" ")))
}

fn try_run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    finish(&output)
}

fn finish(output: &std::process::Output) -> Result<String, String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{}{}", text, String::from_utf8_lossy(&output.stderr)))
}
