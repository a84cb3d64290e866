//! The texts of `/proc/PID` and `/etc/passwd`, bytes to values. Pure.
//!
//! Source: `proc(5)`, `cgroups(7)`, `passwd(5)`; fs/proc/array.c for `stat` and `status`.

use std::time::Duration;

use linx_wire::name::Name;

/// `CAP_SYS_ADMIN`, which entering a namespace needs (`linux/capability.h`).
const SYS_ADMIN_BIT: u64 = 1 << 21;
/// `PF_KTHREAD` of `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// What `loginuid` and `sessionid` hold when nobody logged in: `(u32)-1`.
const UNSET: u32 = u32::MAX;

/// What `/proc/PID/stat` says that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) comm: Vec<u8>,
    /// It has ended and was not waited for yet.
    pub(crate) is_zombie: bool,
    pub(crate) is_kernel_thread: bool,
    pub(crate) ppid: u32,
    /// When it was made, since boot (CLOCK_BOOTTIME); rounded down to the tick, 10 ms in practice.
    pub(crate) start: Duration,
}

/// Reads `/proc/PID/stat`; `hz` is the number of ticks in a second.
pub(crate) fn stat(text: &[u8], hz: u64) -> Option<Stat> {
    // The name may hold parentheses and spaces: it ends at the last one.
    let open = text.iter().position(|b| *b == b'(')?;
    let close = text.iter().rposition(|b| *b == b')')?;
    let comm = text.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let ppid = fields.next()?.parse().ok()?;
    // Fields of proc(5) count from 1, and the state is the third.
    let flags: u64 = fields.nth(4)?.parse().ok()?;
    let ticks: u64 = fields.nth(12)?.parse().ok()?;
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(hz.max(1));
    Some(Stat {
        comm,
        is_zombie: matches!(state, "Z" | "X" | "x"),
        is_kernel_thread: flags & KERNEL_THREAD != 0,
        ppid,
        start: Duration::from_nanos(u64::try_from(nanos).ok()?),
    })
}

/// What `/proc/PID/status` says that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) tgid: u32,
    /// The effective user id: the one that the kernel checked.
    pub(crate) uid: u32,
    /// Its pid in its own, innermost pid namespace.
    pub(crate) own_pid: u32,
    /// It is in a pid namespace below the one that `/proc` shows.
    pub(crate) is_nested: bool,
    /// It may enter namespaces.
    pub(crate) is_admin: bool,
}

/// Reads `/proc/PID/status`.
pub(crate) fn status(text: &[u8]) -> Option<Status> {
    let field = |name: &str| {
        let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()))?;
        std::str::from_utf8(line).ok()
    };
    let pids = field("NSpid:")?;
    Some(Status {
        tgid: field("Tgid:")?.trim().parse().ok()?,
        uid: field("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok()?,
        own_pid: pids.split_ascii_whitespace().next_back()?.parse().ok()?,
        is_nested: pids.split_ascii_whitespace().count() > 1,
        is_admin: field("CapEff:")
            .and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
            .is_some_and(|set| set & SYS_ADMIN_BIT != 0),
    })
}

/// Reads `/proc/PID/loginuid` or `sessionid`; `None` when unset.
pub(crate) fn login_number(text: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (number != UNSET).then_some(number)
}

/// Splits `/proc/PID/cmdline` into its arguments, at most `limit` bytes of them. What is left out shows as a
/// last argument `…`.
pub(crate) fn cmdline(text: &[u8], limit: usize) -> Vec<Box<[u8]>> {
    let (kept, cut) = match text.get(..limit) {
        Some(kept) if text.len() > limit => (kept, true),
        _ => (text, false),
    };
    let mut arguments: Vec<Box<[u8]>> =
        kept.strip_suffix(&[0]).unwrap_or(kept).split(|b| *b == 0).map(Box::from).collect();
    if kept.is_empty() {
        arguments.clear();
    }
    if cut {
        // The last one is not whole, unless the limit fell on its end.
        if kept.last() != Some(&0) {
            arguments.pop();
        }
        arguments.push(Box::from("…".as_bytes()));
    }
    arguments
}

/// The inode number in what a link such as `ns/net` or `fd/3` says: `net:[4026531833]`, `socket:[123]`.
pub(crate) fn inode(link: &[u8], kind: &str) -> Option<u64> {
    let rest = link.strip_prefix(kind.as_bytes())?.strip_prefix(b":[")?.strip_suffix(b"]")?;
    std::str::from_utf8(rest).ok()?.parse().ok()
}

/// A container, as far as a cgroup names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Container {
    /// What made it: `docker`, `containerd`, `podman`, `crio`, `lxc`, `nspawn`; `None` where the path names
    /// only the container.
    pub runtime: Option<&'static str>,
    /// Its whole id (64 hexadecimal digits), or its name for lxc and nspawn.
    pub id: Box<str>,
    /// The uid of its Kubernetes pod.
    pub pod: Option<Box<str>>,
}

impl Container {
    /// The first 12 digits of the id, as `docker ps` prints it; a name is whole.
    #[must_use]
    pub fn short_id(&self) -> &str {
        if is_hex_id(&self.id) { self.id.get(..12).unwrap_or(&self.id) } else { &self.id }
    }
}

/// What a process's control groups say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cgroup {
    pub(crate) path: Option<Box<str>>,
    pub(crate) unit: Option<Box<str>>,
    pub(crate) container: Option<Container>,
}

/// Reads `/proc/PID/cgroup`: the unified hierarchy first, then systemd's own, then the others. Whoever makes a group may
/// call it anything without a line end: what is not UTF-8 is escaped.
pub(crate) fn cgroup(text: &[u8]) -> Cgroup {
    let readable = |line: &[u8]| {
        let text = std::str::from_utf8(line).map(str::to_owned);
        text.unwrap_or_else(|_| Name::new(line).to_string())
    };
    let lines: Vec<String> = text.split(|byte| *byte == b'\n').map(readable).collect();
    let rank = |controllers: &str| match controllers {
        "" => 0,
        "name=systemd" => 1,
        _ => 2,
    };
    let mut paths: Vec<(u8, &str)> = lines
        .iter()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            // A zombie may outlive its cgroup.
            Some((rank(controllers), path.strip_suffix(" (deleted)").unwrap_or(path)))
        })
        .collect();
    paths.sort_by_key(|(rank, _)| *rank);
    // Hierarchies of single controllers know no units: a name there that looks like one is chance.
    let mut of_systemd = paths.iter().filter(|(rank, _)| *rank < 2);
    Cgroup {
        path: paths.iter().map(|(_, path)| *path).find(|path| *path != "/").map(Box::from),
        unit: of_systemd.find_map(|(_, path)| unit(path)).map(Box::from),
        container: paths.iter().find_map(|(_, path)| container(path)),
    }
}

/// The systemd unit of a cgroup path: its last part that is one.
fn unit(path: &str) -> Option<&str> {
    let is_unit = |part: &&str| {
        [".service", ".scope", ".socket", ".mount", ".swap"].iter().any(|suffix| part.ends_with(suffix))
    };
    path.rsplit('/').find(is_unit)
}

/// What the runtimes write before the id in the last part of a cgroup path.
const PREFIXES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("libpod-", "podman"),
    ("crio-", "crio"),
];

fn container(path: &str) -> Option<Container> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = parts.iter().enumerate().rev().find_map(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| parts.get(at)).copied().unwrap_or_default();
        container_part(part, before)
    });
    let (runtime, id) = found?;
    Some(Container { runtime, id: id.into(), pod: parts.iter().find_map(|part| pod_uid(part)) })
}

fn container_part<'a>(part: &'a str, before: &str) -> Option<(Option<&'static str>, &'a str)> {
    let stem = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = stem.strip_prefix(prefix).filter(|id| is_hex_id(id)) {
            return Some((Some(runtime), id));
        }
    }
    // containerd under systemd without a shim of its own: kubepods-…-podUID.slice:cri-containerd:ID
    if let Some(id) = stem.rsplit_once(":cri-containerd:").map(|(_, id)| id).filter(|id| is_hex_id(id)) {
        return Some((Some("containerd"), id));
    }
    if is_hex_id(stem) {
        let runtime = match before {
            "docker" => Some("docker"),
            "libpod_parent" => Some("podman"),
            _ => None,
        };
        return Some((runtime, stem));
    }
    if let Some(name) = part.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()) {
        return Some((Some("lxc"), name));
    }
    if before == "lxc" {
        return Some((Some("lxc"), part));
    }
    let nspawn = part.strip_prefix("systemd-nspawn@")?.strip_suffix(".service")?;
    Some((Some("nspawn"), nspawn))
}

fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The uid in `kubepods-burstable-podUID.slice` (where systemd writes `_` for `-`) or `podUID`.
fn pod_uid(part: &str) -> Option<Box<str>> {
    let stem = part.split(':').next().unwrap_or(part);
    let stem = stem.strip_suffix(".slice").unwrap_or(stem);
    let uid = match stem.strip_prefix("kubepods") {
        Some(rest) => rest.rsplit_once("-pod")?.1,
        None => stem.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let is_uid = (32..=36).contains(&uid.len()) && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_uid.then(|| uid.into())
}

/// The names of `/etc/passwd`, by uid; the first of several names counts.
pub(crate) fn passwd(text: &[u8]) -> Vec<(u32, Box<str>)> {
    let entry = |line: &[u8]| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(b"#"))?;
        let uid = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        Some((uid, String::from_utf8_lossy(name).into_owned().into_boxed_str()))
    };
    let mut entries: Vec<_> = text.split(|b| *b == b'\n').filter_map(entry).collect();
    entries.sort_by_key(|(uid, _)| *uid);
    entries.dedup_by_key(|(uid, _)| *uid);
    entries
}

/// The inode of the netlink socket with this protocol and portid, in the text of `/proc/net/netlink`.
pub(crate) fn netlink_socket(text: &[u8], protocol: u32, portid: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let matches = fields.nth(1)?.parse() == Ok(protocol) && fields.next()?.parse() == Ok(portid);
        // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
        if matches { fields.nth(6)?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "9f3c1a7be21000000000000000000000000000000000000000000000000000ff";

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let text = b"77 (a) S (b)) Z 5 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 1234 99 0\n";
        let stat = stat(text, 100).unwrap();
        assert_eq!(stat.comm, b"a) S (b)");
        assert!(stat.is_zombie && !stat.is_kernel_thread);
        assert_eq!((stat.ppid, stat.start), (5, Duration::from_millis(12_340)));
        for cut in 0..text.len() {
            let _ = super::stat(&text[..cut], 100);
        }
    }

    #[test]
    fn a_group_may_be_called_anything() {
        let unit = |path: &[u8]| cgroup(&[b"0::/", path, b"\n"].concat()).unit.unwrap();
        assert_eq!(&*unit(b"a\r.service"), "a\r.service");
        assert_eq!(&*unit(b"a\xff\\.service"), "a\\xff\\\\.service");
        let group = cgroup(b"0::/lxc.payload.\x9b\r\n");
        assert_eq!(&*group.container.unwrap().id, "\\x9b\\r");
    }

    #[test]
    fn this_process_is_read() {
        let text = std::fs::read("/proc/self/stat").unwrap();
        let own = stat(&text, linx_sys::clock_ticks_per_second()).unwrap();
        assert!(own.start < linx_sys::boottime() && own.ppid > 0 && !own.is_zombie);
        let text = std::fs::read("/proc/self/status").unwrap();
        let own = status(&text).unwrap();
        assert_eq!((own.tgid, own.own_pid, own.is_nested), (std::process::id(), std::process::id(), false));
    }

    #[test]
    fn kernel_threads_are_told() {
        let text = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0\n";
        assert!(stat(text, 100).unwrap().is_kernel_thread);
    }

    #[test]
    fn the_pid_of_a_nested_process_is_the_innermost() {
        let text =
            b"Name:\tip\nTgid:\t4242\nUid:\t1000\t0\t0\t0\nNSpid:\t4242\t7\nCapEff:\t000001ffffffffff\n";
        let nested = status(text).unwrap();
        assert_eq!(nested, Status { tgid: 4242, uid: 0, own_pid: 7, is_nested: true, is_admin: true });
        assert_eq!(status(b"Name:\tip\n"), None);
    }

    #[test]
    fn unset_logins_are_none() {
        assert_eq!(login_number(b"4294967295"), None);
        assert_eq!(login_number(b"1004\n"), Some(1004));
        assert_eq!(login_number(b""), None);
    }

    #[test]
    fn a_long_command_line_says_that_it_was_cut() {
        let show = |text: &[u8], limit| {
            let arguments = cmdline(text, limit);
            arguments.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(show(b"ip\0route\0\0", 100), ["ip", "route", ""]);
        assert_eq!(show(b"", 100), Vec::<String>::new());
        assert_eq!(show(b"ip\0route\0add\0", 9), ["ip", "route", "…"]);
        assert_eq!(show(b"ip\0route\0add\0", 5), ["ip", "…"]);
        assert_eq!(show(b"setproctitle text", 100), ["setproctitle text"]);
    }

    #[test]
    fn units_and_containers_by_path() {
        let of = |path: &str| cgroup(format!("0::{path}\n").as_bytes());
        assert_eq!(
            of("/user.slice/user-1004.slice/session-41.scope").unit.as_deref(),
            Some("session-41.scope")
        );
        assert_eq!(
            of("/user.slice/user-1.slice/user@1.service/app.slice/a.service").unit.as_deref(),
            Some("a.service")
        );
        assert_eq!(of("/").unit, None);
        assert_eq!(of("/").path, None);

        let docker = of(&format!("/system.slice/docker-{ID}.scope")).container.unwrap();
        assert_eq!(
            (docker.runtime, docker.short_id(), docker.pod.as_deref()),
            (Some("docker"), "9f3c1a7be210", None)
        );
        let uid = "6d5f3c50-5e2c-4c5e-8b51-0123456789ab";
        let slice = format!("kubepods-burstable-pod{}.slice", uid.replace('-', "_"));
        let path = format!("/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{ID}.scope");
        let cri = of(&path).container.unwrap();
        assert_eq!((cri.runtime, cri.pod.as_deref()), (Some("containerd"), Some(uid)));
        let cri = of(&format!("/kubepods/besteffort/pod{uid}/{ID}")).container.unwrap();
        assert_eq!((cri.runtime, cri.pod.as_deref()), (None, Some(uid)));
        let colon = of(&format!("/system.slice/containerd.service/{slice}:cri-containerd:{ID}"));
        let cri = colon.container.unwrap();
        assert_eq!((cri.runtime, cri.pod.as_deref()), (Some("containerd"), Some(uid)));
        for (path, runtime, id) in [
            (format!("/machine.slice/libpod-{ID}.scope"), "podman", ID),
            (format!("/machine.slice/libpod-{ID}.scope/container"), "podman", ID),
            (format!("/kubepods.slice/crio-{ID}.scope"), "crio", ID),
            (format!("/docker/{ID}"), "docker", ID),
            ("/lxc.payload.web/system.slice/nginx.service".into(), "lxc", "web"),
            ("/machine.slice/systemd-nspawn@web.service".into(), "nspawn", "web"),
        ] {
            let found = of(&path).container.unwrap();
            assert_eq!((found.runtime, &*found.id), (Some(runtime), id), "{path}");
        }
        for path in
            [format!("/machine.slice/libpod-conmon-{ID}.scope"), "/system.slice/docker.service".into()]
        {
            assert_eq!(of(&path).container, None, "{path}");
        }
    }

    #[test]
    fn the_old_hierarchies_name_containers_but_not_units() {
        let text =
            format!("12:pids:/docker/{ID}\n4:memory:/jobs/x.service\n1:name=systemd:/a.service\n0::/\n");
        let old = cgroup(text.as_bytes());
        assert_eq!(old.unit.as_deref(), Some("a.service"));
        assert_eq!(old.container.unwrap().runtime, Some("docker"));
        assert_eq!(cgroup(b"4:memory:/jobs/x.service\n0::/\n").unit, None);
    }

    #[test]
    fn passwd_takes_the_first_name_of_a_uid() {
        let names = passwd(b"root:x:0:0::/:/bin/sh\n# a comment:x:5:\nalice:x:1004:1004\ntoor:x:0:0\nbad\n");
        assert_eq!(names, [(0, "root".into()), (1004, "alice".into())]);
    }

    #[test]
    fn a_netlink_socket_is_found_by_protocol_and_portid() {
        let text =
            b"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
            000000002904a884 0   0          00000000 0        0        0     2        0        4       \n\
            00000000cfc8f29d 12  512        00000000 0        0        0     2        0        1507    \n\
            00000000cfc8f29d 0   512        00000551 0        0        0     2        0        1508    \n";
        assert_eq!(netlink_socket(text, 0, 512), Some(1508));
        assert_eq!(netlink_socket(text, 12, 512), Some(1507));
        assert_eq!(netlink_socket(text, 0, 5), None);
    }

    #[test]
    fn inodes_of_links() {
        assert_eq!(inode(b"net:[4026531833]", "net"), Some(4_026_531_833));
        assert_eq!(inode(b"socket:[7]", "net"), None);
        assert_eq!(inode(b"/dev/null", "socket"), None);
    }
}
