//! Running the command as its users do.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod watch;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest that a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the links of its pairs that are up have seen each other: that is announced some time after they were set up.
pub fn carriers(namespace: &linx_test::Namespace) {
    linx_test::until("carriers", || {
        namespace.ip("-o link show up type veth").lines().all(|line| line.contains(" state UP "))
    });
}

/// The command, without what the environment of the tests would change.
pub fn linx<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linx"));
    command.args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("TZ", "UTC");
    command
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Standard output as JSON, one value a line.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        self
    }
}

/// Runs it to its end, which must come within [`PATIENCE`].
pub fn run(mut command: Command) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(&mut child, &command);
    let stderr = String::from_utf8(stderr.join().unwrap()).unwrap();
    Ran { status, stdout: stdout.join().unwrap(), stderr }
}

/// Runs `linx WORDS`, split at spaces.
pub fn words(line: &str) -> Ran {
    run(linx(line.split_whitespace()))
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}

fn wait(child: &mut Child, what: &Command) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running: {what:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that goes on until it is told to end; killed with the test.
pub struct Running {
    child: Child,
    command: Command,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// All lines that were read so far.
    pub seen: Vec<String>,
}

/// How a running command ended.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    /// Lines that had not been read.
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = reader(child.stdout.take().unwrap());
        let stderr = reader(child.stderr.take().unwrap());
        Self { child, command, stdout, stderr, seen: Vec::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line; panics when there is none in time.
    #[track_caller]
    pub fn line(&mut self) -> String {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line.clone());
                line
            }
            Err(why) => {
                let last = &self.seen[self.seen.len().saturating_sub(10)..];
                let notes: Vec<_> = self.stderr.try_iter().collect();
                panic!(
                    "no line from {:?}: {why}; {} seen, the last: {last:#?}; notes: {notes:#?}",
                    self.command,
                    self.seen.len()
                )
            }
        }
    }

    /// The next line, if there is one in so long.
    pub fn line_within(&mut self, time: Duration) -> Option<String> {
        let line = self.stdout.recv_timeout(time).ok()?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Reads up to the first line that fits, and returns it.
    #[track_caller]
    pub fn find(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.line();
            if fits(&line) {
                return line;
            }
        }
    }

    /// Reads until each of these is in a line, in whichever order: a watch has a socket for links, one for routes, one
    /// for neighbours, and one for nf_tables. The lines.
    #[track_caller]
    pub fn find_each<const N: usize>(&mut self, all: [&str; N]) -> [String; N] {
        let mut found = all.map(|_| None);
        while found.contains(&None) {
            let line = self.line();
            let of =
                all.iter().zip(&mut found).find(|(words, found)| found.is_none() && line.contains(**words));
            if let Some((_, found)) = of {
                *found = Some(line);
            }
        }
        found.map(Option::unwrap)
    }

    /// The next line as JSON.
    #[track_caller]
    pub fn json(&mut self) -> serde_json::Value {
        let line = self.line();
        serde_json::from_str(&line).expect(&line)
    }

    /// Reads up to the first JSON line that fits.
    #[track_caller]
    pub fn find_json(&mut self, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        loop {
            let value = self.json();
            if fits(&value) {
                return value;
            }
        }
    }

    /// The first JSON line that fits, of those that were read already and of those to come.
    #[track_caller]
    pub fn ever_json(&mut self, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let seen = self.seen.iter().map(|line| serde_json::from_str(line).expect(line)).find(&fits);
        seen.unwrap_or_else(|| self.find_json(fits))
    }

    /// The next line on standard error, if there is one in so long.
    pub fn note_within(&mut self, time: Duration) -> Option<String> {
        self.stderr.recv_timeout(time).ok()
    }

    /// Reads up to the first line on standard error that fits.
    #[track_caller]
    pub fn find_note(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).expect("a note on standard error");
            if fits(&line) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Closes the reading end of its standard output.
    pub fn hang_up(&mut self) {
        // The reading thread holds the pipe and ends when nobody takes its lines.
        self.stdout = channel().1;
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let status = wait(&mut self.child, &self.command);
        let rest = |lines: &Receiver<String>| {
            let mut all = Vec::new();
            loop {
                match lines.recv_timeout(PATIENCE) {
                    Ok(line) => all.push(line),
                    Err(RecvTimeoutError::Disconnected) => return all,
                    Err(RecvTimeoutError::Timeout) => panic!("its output is still open"),
                }
            }
        };
        Ended { status, stdout: rest(&self.stdout), stderr: rest(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    lines
}
