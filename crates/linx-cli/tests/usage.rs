//! What needs no namespace: bad input, help, pages, completions, the schema. Every error is compared whole: exit
//! status, standard error, and that standard output is empty.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs
)]

mod common;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use common::{linx, run, words};

#[track_caller]
fn refuses(line: &str, status: i32, stderr: &str) {
    let ran = words(line);
    assert_eq!((ran.status, ran.stderr.trim_end(), ran.text()), (Some(status), stderr, ""), "linx {line}");
}

#[test]
fn a_command_line_that_cannot_be_understood_is_exit_1() {
    for (line, stderr) in [
        ("ruote", "linx: no command \"ruote\"; did you mean \"linx list route\"?"),
        ("route", "linx: no command \"route\"; did you mean \"linx list route\"?"),
        ("montior", "linx: no command \"montior\"; did you mean \"monitor\"?"),
        ("--jsno list link", "linx: no option \"--jsno\"; did you mean \"--json\"?"),
        // What would do nothing is no option.
        ("-br list addr", "linx: no option \"-b\"; `linx --help` lists them"),
        ("-q", "linx: no option \"-q\"; `linx --help` lists them"),
        (
            "list",
            "linx: list: wanted: what to list; objects are nsid, link, address, neigh, rule, nexthop, route, nft and all",
        ),
        (
            "-f ipx list link",
            "linx: \"ipx\" is no value for --family <FAMILY>; one of inet, inet6, bridge, mpls, link",
        ),
        ("-c=pink list link", "linx: \"pink\" is no value for --color[=<WHEN>]; one of always, auto, never"),
        ("monitor --count 0", "linx: \"0\" is no value for --count <N>; `linx --help` tells more"),
        ("monitor --count many", "linx: \"many\" is no value for --count <N>; `linx --help` tells more"),
        ("monitor --for soon", "linx: monitor: \"soon\" is not a duration; like 30s, 5m, 1h30m or 250ms"),
        (
            "watch --no-state --snapshot",
            "linx: --no-state cannot be used twice, or not with --snapshot; `linx --help` tells more",
        ),
        ("monitor --rcvbuf big", "linx: monitor: \"big\" is not a size; like 4096, 256K or 64M"),
        ("-n a monitor --all-netns", "linx: monitor: -n and --all-netns contradict each other"),
        (
            "completions tcsh",
            "linx: \"tcsh\" is no value for <SHELL>; one of bash, elvish, fish, powershell, zsh",
        ),
        ("man lst", "linx: man: no command \"lst\"; did you mean \"list\"?"),
        ("man nothing", "linx: man: no command \"nothing\"; `linx --help` lists them"),
        ("-n a --all-netns netns", "linx: netns: -n and --all-netns contradict each other"),
    ] {
        refuses(line, 1, stderr);
    }
}

#[test]
fn bad_words_are_named_and_mended() {
    for (line, stderr) in [
        ("list lnik", "linx: list: \"lnik\" is neither an object nor a filter; did you mean \"link\"?"),
        (
            "list route eth0",
            "linx: list route: \"eth0\" is not a filter; filters are dev, master, type, group, table, proto, to, by and op",
        ),
        (
            "list route 10.0.0.0/8",
            "linx: list route: \"10.0.0.0/8\" is not a filter; did you mean \"to 10.0.0.0/8\"?",
        ),
        (
            "list route to 10.0.0.0/33",
            "linx: list route: \"10.0.0.0/33\" is not a prefix: an IPv4 length is 0 to 32",
        ),
        (
            "list route to fd00::/129",
            "linx: list route: \"fd00::/129\" is not a prefix: an IPv6 length is 0 to 128",
        ),
        (
            "list route to nowhere",
            "linx: list route: \"nowhere\" is not a prefix: neither an IPv4 nor an IPv6 address",
        ),
        ("list route table mian", "linx: list route: no routing table \"mian\"; did you mean \"main\"?"),
        ("list route proto kernal", "linx: list route: no protocol \"kernal\"; did you mean \"kernel\"?"),
        ("list link group defautl", "linx: list link: no group \"defautl\"; did you mean \"default\"?"),
        ("list route dev", "linx: list route: \"dev\" wants the name of a link behind it"),
        (
            "list route by bird",
            "linx: list route: \"by\" filters changes, and a list has none; use it with monitor",
        ),
        (
            "list route op new",
            "linx: list route: \"op\" filters changes, and a list has none; use it with monitor",
        ),
        (
            "monitor ruote",
            "linx: monitor: \"ruote\" is neither an object nor a filter; did you mean \"route\"?",
        ),
        ("monitor route op gone", "linx: monitor route: no operation \"gone\"; new or del"),
        ("monitor route cause event", "linx: monitor route: \"cause\" filters what watch prints"),
        (
            "list dev lo link",
            "linx: list: \"link\" is an object behind a filter; objects come first: linx list link dev lo",
        ),
        (
            "list link table main",
            "linx: list link: \"table\" is no filter of link; filters are dev, master, type, group, op",
        ),
        (
            "monitor link by bird",
            "linx: monitor link: the kernel does not say who changed a link: \"by\" is no filter of it",
        ),
        (
            "list route type unicats",
            "linx: list route: no type \"unicats\" of route; did you mean \"unicast\"?",
        ),
        ("list route get", "linx: list route get: \"get\" wants an address behind it"),
        (
            "list route get 1.2.3",
            "linx: list route get: \"1.2.3\" is not an address: an IPv4 address is four numbers from 0 to 255",
        ),
    ] {
        refuses(line, 1, stderr);
    }
}

#[test]
fn what_does_not_exist_is_exit_2_with_the_kernels_words() {
    for (line, stderr) in [
        (
            "list route -n linx-no-such",
            "linx: list route: no namespace \"linx-no-such\": /run/netns/linx-no-such: No such file or directory; `linx netns` lists what there is",
        ),
        (
            "monitor -n /linx/no/such",
            "linx: monitor: no namespace /linx/no/such: No such file or directory; `linx netns` lists what there is",
        ),
        ("list link -n pid:4194304", "linx: list link: no process 4194304: No such process"),
        (
            "list link -n /etc/passwd",
            "linx: list link: open the network namespace: /etc/passwd: not a namespace file",
        ),
        (
            "list link -n /proc/self/ns/mnt",
            "linx: list link: open the network namespace: /proc/self/ns/mnt: a mount namespace, not a network namespace",
        ),
    ] {
        refuses(line, 2, stderr);
    }
    for line in ["list route dev linxnosuch", "monitor route dev linxnosuch"] {
        let operation = line.split(" dev").next().unwrap();
        refuses(line, 2, &format!("linx: {operation}: no link \"linxnosuch\" in namespace {}", own_name()));
    }
    refuses(
        "list route dev loo",
        2,
        &format!("linx: list route: no link \"loo\" in namespace {}; did you mean \"lo\"?", own_name()),
    );
}

/// The caller's own namespace is `host` where pid 1 is in it.
fn own_name() -> &'static str {
    if linx_sys::Netns::host().unwrap().is_of_pid_1() == Some(false) { "self" } else { "host" }
}

#[test]
fn what_was_typed_cannot_write_on_the_terminal() {
    let hostile = OsString::from_vec(b"\x1b]0;owned\x07\xff".to_vec());
    for before in [
        &["list"][..],
        &["list", "route", "dev"],
        &["list", "route", "-n"],
        &["list", "route", "to"],
        &["man"],
        &[],
    ] {
        let args = before.iter().map(OsString::from).chain([hostile.clone()]);
        let ran = run(linx(args));
        assert!(matches!(ran.status, Some(1 | 2)), "{ran:?}");
        assert!(ran.stdout.is_empty());
        assert!(!ran.stderr.trim_end().chars().any(char::is_control), "{ran:?}");
        assert!(ran.stderr.contains("owned") || ran.stderr.contains("UTF-8"), "{ran:?}");
    }
}

#[test]
fn help_and_version_are_on_standard_output() {
    for line in ["--help", "-h", "help", "list --help", "monitor -h", "help monitor", "-help"] {
        let ran = words(line).ok();
        assert!(ran.stderr.is_empty() && ran.text().contains("Usage: linx"), "{ran:?}");
    }
    assert_eq!(words("-V").ok().text(), concat!("linx ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(words("-Version").ok().text(), words("--version").ok().text());
    let bare = words("");
    assert!(
        bare.stdout.is_empty() && bare.status == Some(1) && bare.stderr.contains("Usage: linx"),
        "{bare:?}"
    );
}

#[test]
fn every_command_has_a_manual_page() {
    let whole = words("man").ok();
    for name in ["list", "monitor", "watch", "netns", "schema", "completions", "man"] {
        assert!(whole.text().contains(&format!("linx\\-{name}(1)")), "{name}");
        let page = words(&format!("man {name}")).ok();
        assert!(page.text().contains(&format!(".TH linx-{name} 1")), "{}", page.text());
        assert!(page.text().contains("\\-\\-netns"));
    }
    assert!(words("man show").ok().text().contains("linx\\-list"));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = words(&format!("completions {shell}")).ok();
        assert!(ran.text().contains("netns") && ran.text().contains("all-netns"), "{shell}");
    }
}

#[test]
fn the_schema_is_json_and_says_which() {
    let schema: serde_json::Value = serde_json::from_slice(&words("schema").ok().stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{schema}");
    assert!(schema["title"].is_string());
}

#[test]
fn an_output_that_cannot_be_written_is_exit_2() {
    for line in ["list link", "schema", "man", "completions bash", "-j list link"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = linx(line.split_whitespace());
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(stderr.ends_with("standard output: No space left on device\n"), "{line}: {stderr}");
    }
}
