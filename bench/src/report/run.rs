//! Where and how a run is made: the machine, the kernel, the versions of everybody.

use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::Scale;

/// Crates that are peers, whose versions are in the lock file.
const CRATES: [&str; 7] =
    ["linx-net", "neli", "netlink-bindings", "netlink-packet-route", "netlink-socket2", "nlink", "rtnetlink"];

/// What can be said before anything is measured.
pub fn head(scale: Scale) -> Value {
    let command: Vec<String> = std::env::args().skip(1).collect();
    json!({
        "schema": 1,
        "command": format!("linx-bench {}", command.join(" ")).trim_end(),
        "time": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        "rounds": scale.rounds,
        "short": scale.short,
        "machine": {
            "cpu": value("/proc/cpuinfo", "model name"),
            "cores": std::thread::available_parallelism().map_or(1, usize::from),
            "memory": value("/proc/meminfo", "MemTotal"),
            "kernel": said("uname", &["-srm"]),
            "load": load(),
        },
        "versions": versions(),
    })
}

/// Load average now.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn versions() -> Value {
    let mut all = Map::new();
    let mut add = |name: &str, version: String| {
        if !version.is_empty() {
            all.insert(name.to_owned(), Value::String(version));
        }
    };
    add("rustc", said("rustc", &["--version"]));
    add("revision", said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]));
    add("ip", said("ip", &["-V"]));
    add("nft", said("nft", &["--version"]));
    add("valgrind", said("valgrind", &["--version"]));
    const PYROUTE2: &str = "from importlib.metadata import version; print(version('pyroute2'))";
    add("pyroute2", said("python3", &["-c", PYROUTE2]));
    for library in ["libmnl.so.0", "libnftnl.so.11"] {
        add(library, library_version(library));
    }
    for name in CRATES {
        add(name, locked(name));
    }
    Value::Object(all)
}

/// The first line that a command prints; nothing where it is not installed.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The file that a library's name leads to, which ends with its version.
fn library_version(name: &str) -> String {
    let places =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib"];
    let found = places.iter().find_map(|place| std::fs::canonicalize(format!("{place}/{name}")).ok());
    let file = found.and_then(|path| path.file_name().map(|file| file.to_string_lossy().into_owned()));
    file.unwrap_or_default()
}

/// The version of a crate.
fn locked(name: &str) -> String {
    let mut lines = include_str!("../../Cargo.lock").lines();
    let named = format!("name = \"{name}\"");
    let version = lines.find(|line| *line == named).and_then(|_| lines.next());
    version.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
}

/// What follows the first line of a file in `/proc` that begins with a name.
fn value(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
}
