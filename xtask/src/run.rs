//! Running a program with a time limit, either on the caller's terminal or with its lines kept.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What was printed last, for the report at the end of CI.
static PRINTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether cargo may ask a registry.
static OFFLINE: AtomicBool = AtomicBool::new(false);

/// Where the output of a program goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The caller's own streams: colours and progress bars work.
    Inherit,
    /// Printed line by line and kept, both streams in one.
    Keep,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None`: it could not be started, or was killed.
    pub(crate) code: Option<i32>,
    /// Why there is no code.
    pub(crate) trouble: Option<String>,
    /// Every line, in `Mode::Keep`.
    pub(crate) lines: Vec<String>,
}

impl Outcome {
    pub(crate) fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// One phrase about the end.
    pub(crate) fn why(&self) -> String {
        match (self.code, &self.trouble) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(trouble)) => trouble.clone(),
            (None, None) => "killed by a signal".to_owned(),
        }
    }

    fn trouble(text: String) -> Self {
        Self { code: None, trouble: Some(text), lines: Vec::new() }
    }
}

/// The program's command line as a person would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

/// `cargo` with these arguments: the very cargo that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Whether a program is in `PATH` or where Debian keeps root's programs.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(sbin).any(|dir| dir.join(program).is_file())
}

/// Runs a program to its end, at most for `limit`; then its whole process group is killed.
pub(crate) fn run(mut command: Command, mode: Mode, limit: Duration) -> Outcome {
    let text = spelled(&command);
    print(&format!("$ {text}"));
    flush();
    if OFFLINE.load(Ordering::Relaxed) {
        command.env("CARGO_NET_OFFLINE", "true");
    }
    command.stdin(Stdio::null());
    if mode == Mode::Keep {
        // Its own group, so that a limit ends its children too; on a terminal Ctrl-C must reach it.
        command.process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if std::io::stdout().is_terminal() {
            command.env("CARGO_TERM_PROGRESS_WHEN", "never");
        }
        command.env("CARGO_TERM_COLOR", "never");
    }
    let started = Instant::now();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::trouble(format!("{text}: {error}")),
    };
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, sender.clone());
    }
    drop(sender);

    let mut lines = Vec::new();
    let mut open = mode == Mode::Keep;
    let status = loop {
        match next(&receiver, &mut open) {
            Some(line) => {
                print(&line);
                lines.push(line);
                continue;
            }
            None => flush(),
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() > limit => {
                kill(&mut child);
                let trouble = format!("still running after {} s: killed", limit.as_secs());
                print(&trouble);
                return Outcome { code: None, trouble: Some(trouble), lines };
            }
            Ok(None) => {}
            Err(error) => return Outcome::trouble(format!("{text}: {error}")),
        }
    };
    // What it had printed is read to the end, but a child of its own that holds on to the pipe
    // does not keep us.
    let ended = Instant::now();
    while open && ended.elapsed() < Duration::from_secs(6) {
        if let Some(line) = next(&receiver, &mut open) {
            print(&line);
            lines.push(line);
        }
    }
    flush();
    Outcome { code: status.code(), trouble: signal(status), lines }
}

/// Prints a line, and remembers it for [`last_printed`].
pub(crate) fn print(line: &str) {
    println!("{line}");
    if let Ok(mut printed) = PRINTED.lock() {
        printed.push(line.to_owned());
    }
}

/// Up to `count` of the lines printed since [`forget_printed`].
pub(crate) fn last_printed(count: usize) -> Vec<String> {
    let printed = PRINTED.lock().map(|printed| printed.clone()).unwrap_or_default();
    printed.get(printed.len().saturating_sub(count)..).unwrap_or_default().to_vec()
}

/// Starts a new step.
pub(crate) fn forget_printed() {
    if let Ok(mut printed) = PRINTED.lock() {
        printed.clear();
    }
}

/// From now on cargo asks no registry: everything has been fetched.
pub(crate) fn stay_offline() {
    OFFLINE.store(true, Ordering::Relaxed);
}

/// Runs a program quietly and gives what it wrote to standard output.
pub(crate) fn output(mut command: Command) -> Result<String, String> {
    let text = spelled(&command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{text}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{text}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn next(receiver: &mpsc::Receiver<String>, open: &mut bool) -> Option<String> {
    let tick = Duration::from_millis(50);
    if !*open {
        thread::sleep(tick);
        return None;
    }
    match receiver.recv_timeout(tick) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => {
            *open = false;
            None
        }
    }
}

fn forward(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
}

fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    // A failure means that it has just ended by itself.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    let _ = child.kill();
    let _ = child.wait();
}

fn signal(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map(|number| format!("killed by signal {number}"))
}

fn flush() {
    let _ = std::io::stdout().flush(); // a closed pipe is the reader's business
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_are_kept_and_the_exit_status_told() {
        let outcome = run(shell("echo out; echo err >&2; exit 3"), Mode::Keep, Duration::from_secs(60));
        let mut lines = outcome.lines.clone();
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        assert_eq!(outcome.why(), "exit status 3");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let started = Instant::now();
        let outcome = run(shell("sleep 600 & sleep 600"), Mode::Keep, Duration::from_millis(200));
        assert_eq!(outcome.code, None);
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_open_does_not_keep_us() {
        let started = Instant::now();
        let outcome = run(shell("echo $$; (sleep 30 &)"), Mode::Keep, Duration::from_secs(600));
        assert!(outcome.ok());
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_missing_program_is_told_by_name() {
        let outcome = run(Command::new("/no/such/program"), Mode::Keep, Duration::from_secs(60));
        assert!(outcome.why().contains("/no/such/program"), "{}", outcome.why());
    }
}
