//! Looking once: the files of names, then the processes.
//!
//! Two things that lead to one namespace are known by the inode number before anything is opened, and files are
//! open only for as long as their cookies are asked for, so that looking pins nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use linx_sys::{Error, ErrorKind, NETNS_DIR, Netns, ProcDir};
use linx_wire::name::Name;

use super::{Discovery, Namespace, PIDS};
use crate::author::Container;
use crate::author::parse;

/// Where Docker keeps its namespaces' files.
pub(super) const DOCKER_DIR: &str = "/run/docker/netns";
/// Below each of these, a user's own containers may have a `netns`.
const USER_DIR: &str = "/run/user";
/// Files open at once for their cookies: few, so that the limit on open files is not an issue.
const BATCH: usize = 64;
/// Grain of the times of files, several ticks of the kernel's clock.
const GRAIN: Duration = Duration::from_millis(50);
/// More than a `cgroup` or a `comm` holds.
const FILE_BYTES: usize = 16 * 1024;

/// All network namespaces that a name in `/run/netns`, `/run/docker/netns` or `/run/user/*/netns` leads to, or
/// that a process lives in, each once.
///
/// What may not be entered is listed with what is known of it, and what may not even be seen is counted.
///
/// # Errors
/// When `/proc` is not mounted; when no thread can be started; on EMFILE.
pub fn discover() -> Result<Discovery, Error> {
    look(&HashMap::new())
}

/// The same; of inodes that somebody keeps from being used again, the cookies are known.
pub(super) fn look(pinned: &HashMap<u64, u64>) -> Result<Discovery, Error> {
    let own = own_file()?;
    let mut look = Look { device: own.dev(), found: BTreeMap::new() };
    look.at(own.ino()).is_own = true;

    let mut hidden_directories = Vec::new();
    for directory in directories_of(&mut hidden_directories) {
        for file in names_in(&directory, &mut hidden_directories) {
            look.name(file);
        }
    }
    let hidden_processes = look.processes()?;
    let mut namespaces = look.found.into_values().collect();
    enter(&mut namespaces, pinned)?;
    namespaces.iter_mut().for_each(describe);
    namespaces.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(Discovery { namespaces, hidden_processes, hidden_directories })
}

/// The file of the calling thread's namespace.
fn own_file() -> Result<std::fs::Metadata, Error> {
    const PATH: &str = "/proc/thread-self/ns/net";
    std::fs::metadata(PATH).map_err(|e| Error::io("look at the caller's network namespace", &e))
}

fn order(namespace: &Namespace) -> (bool, bool, &str, Option<u32>) {
    let is_named = !namespace.names.is_empty();
    (!namespace.is_own, !is_named, &namespace.name, namespace.pids.first().copied())
}

/// The directories that names may be in, in the order in which they are believed.
fn directories_of(hidden: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut all = vec![PathBuf::from(NETNS_DIR), PathBuf::from(DOCKER_DIR)];
    all.extend(names_in(Path::new(USER_DIR), hidden).into_iter().map(|user| user.join("netns")));
    all
}

/// What is in a directory, sorted; nothing where there is none.
fn names_in(directory: &Path, hidden: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    match std::fs::read_dir(directory) {
        Ok(entries) => {
            let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            files.sort();
            files
        }
        Err(error) => {
            if error.kind() == io::ErrorKind::PermissionDenied {
                hidden.push(directory.to_owned());
            }
            Vec::new()
        }
    }
}

struct Look {
    /// The file system of namespace files: a name's file elsewhere is only a file.
    device: u64,
    /// By inode.
    found: BTreeMap<u64, Namespace>,
}

impl Look {
    fn at(&mut self, inode: u64) -> &mut Namespace {
        self.found.entry(inode).or_insert_with(|| Namespace {
            name: "-".into(),
            cookie: None,
            inode,
            path: None,
            names: Vec::new(),
            pids: Vec::new(),
            processes: 0,
            container: None,
            unit: None,
            comm: None,
            is_own: false,
            refused: None,
        })
    }

    fn name(&mut self, file: PathBuf) {
        // Between its making and its mounting a name is a plain file; after an unclean end, for ever.
        let Ok(metadata) = std::fs::metadata(&file) else { return };
        if metadata.dev() != self.device {
            return;
        }
        let inode = metadata.ino();
        // Mount, pid and other namespaces can be mounted under names, too.
        if !self.found.contains_key(&inode) && Netns::path(&file).is_err_and(|e| is_no_netns(&e)) {
            return;
        }
        self.at(inode).names.push(file);
    }

    /// Joins all processes; how many could not be seen.
    fn processes(&mut self) -> Result<usize, Error> {
        let mut pids = linx_sys::processes()?;
        pids.sort_unstable();
        let mut hidden = 0;
        for pid in pids {
            // Without a directory handle: this is the one thing asked of most processes.
            match std::fs::read_link(format!("/proc/{pid}/ns/net")) {
                Ok(link) => {
                    let Some(inode) = parse::inode(link.as_os_str().as_bytes(), "net") else { continue };
                    let namespace = self.at(inode);
                    namespace.processes += 1;
                    if namespace.pids.len() < PIDS {
                        namespace.pids.push(pid);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hidden += 1,
                // Ended meanwhile, or a zombie, which lives nowhere.
                Err(_) => {}
            }
        }
        Ok(hidden)
    }
}

fn is_no_netns(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotANamespace | ErrorKind::NotANetworkNamespace | ErrorKind::NoNamespace
    )
}

/// Asks for the cookies. What is gone by now, or is another by now, is taken out.
fn enter(namespaces: &mut Vec<Namespace>, pinned: &HashMap<u64, u64>) -> Result<(), Error> {
    let mut gone = HashSet::new();
    for namespace in namespaces.iter_mut() {
        namespace.cookie = pinned.get(&namespace.inode).copied();
    }
    let mut unknown: Vec<&mut Namespace> = namespaces.iter_mut().filter(|it| it.cookie.is_none()).collect();
    let (mut at, mut size) = (0, BATCH);
    while at < unknown.len() {
        let end = unknown.len().min(at + size);
        let Some(batch) = unknown.get_mut(at..end) else { break };
        match enter_some(batch, &mut gone) {
            Ok(()) => at = end,
            // Fewer at once.
            Err(error) if error.kind() == ErrorKind::TooManyFiles && size > 1 => size = (end - at).max(2) / 2,
            Err(error) => return Err(error),
        }
    }
    namespaces.retain(|namespace| !gone.contains(&namespace.inode));
    Ok(())
}

fn enter_some(batch: &mut [&mut Namespace], gone: &mut HashSet<u64>) -> Result<(), Error> {
    let mut files: Vec<OwnedFd> = Vec::with_capacity(batch.len());
    let mut opened: Vec<&mut Namespace> = Vec::with_capacity(batch.len());
    for namespace in batch {
        match open(namespace) {
            Ok(Some(file)) => {
                files.push(file);
                opened.push(namespace);
            }
            Ok(None) => {
                gone.insert(namespace.inode);
            }
            Err(error) => namespace.refused = Some(refusal(error)?),
        }
    }
    for (namespace, cookie) in opened.into_iter().zip(linx_sys::netns_cookies(&files)?) {
        match cookie {
            Ok(cookie) => namespace.cookie = Some(cookie),
            Err(error) => namespace.refused = Some(refusal(error)?),
        }
    }
    Ok(())
}

/// What tells, without a look, whether there is anything new: which processes live in namespaces other than the caller's,
/// and when a name was last made or taken away. `None` where that does not tell: a name may lead elsewhere by itself.
pub(super) fn traces() -> Option<Traces> {
    let own = own_file().ok()?.ino();
    let mut hidden = Vec::new();
    let mut directories: Vec<(PathBuf, Option<SystemTime>)> = Vec::new();
    for directory in directories_of(&mut hidden) {
        let modified = std::fs::metadata(&directory).and_then(|data| data.modified()).ok();
        // Times have a grain: what happens in the same one is not seen.
        if modified.is_some_and(|time| time.elapsed().is_ok_and(|age| age < GRAIN)) {
            return None;
        }
        directories.push((directory, modified));
    }
    let mut look = Look { device: 0, found: BTreeMap::new() };
    let hidden = look.processes().ok()?;
    look.found.remove(&own);
    let processes = look.found.into_iter().map(|(inode, it)| (inode, it.pids)).collect();
    Some(Traces { own, directories, processes, hidden })
}

/// Whether a name is a link, whose end may be another namespace's file without anybody touching the name.
pub(super) fn is_led_elsewhere(found: &Discovery) -> bool {
    let names = found.namespaces.iter().flat_map(|namespace| &namespace.names);
    names.into_iter().any(|name| name.symlink_metadata().is_ok_and(|data| data.is_symlink()))
}

/// See [`traces`].
#[derive(PartialEq, Eq)]
pub(super) struct Traces {
    own: u64,
    directories: Vec<(PathBuf, Option<SystemTime>)>,
    processes: Vec<(u64, Vec<u32>)>,
    hidden: usize,
}

/// Why one namespace stays closed; where no file at all can be opened, that is no matter of one.
fn refusal(error: Error) -> Result<Error, Error> {
    if error.kind() == ErrorKind::TooManyFiles { Err(error) } else { Ok(error) }
}

/// Its file, by whatever leads to it; `None` when nothing does any more.
fn open(namespace: &Namespace) -> Result<Option<OwnedFd>, Error> {
    if namespace.is_own {
        return Netns::host()?.open().map(Some);
    }
    let mut refused = None;
    let names = namespace.names.iter().map(Netns::path);
    let processes = namespace.pids.iter().map(|pid| Netns::pid(*pid));
    for netns in names.chain(processes) {
        match netns.and_then(|netns| netns.open()) {
            Ok(file) => {
                let file = std::fs::File::from(file);
                if file.metadata().is_ok_and(|metadata| metadata.ino() == namespace.inode) {
                    return Ok(Some(file.into()));
                }
            }
            Err(error) if error.is_gone() || is_no_netns(&error) => {}
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn describe(namespace: &mut Namespace) {
    for pid in namespace.pids.iter().copied() {
        let Ok(directory) = ProcDir::open(pid) else { continue };
        let cgroup = parse::cgroup(&directory.read("cgroup", FILE_BYTES).unwrap_or_default());
        if namespace.comm.is_none() {
            let comm = directory.read("comm", FILE_BYTES).unwrap_or_default();
            namespace.comm = comm.strip_suffix(b"\n").filter(|comm| !comm.is_empty()).map(Box::from);
            namespace.unit = cgroup.unit;
        }
        if !namespace.is_own && namespace.container.is_none() {
            namespace.container = cgroup.container;
        }
        if namespace.is_own || namespace.container.is_some() {
            break;
        }
    }
    let of_process = namespace.pids.first().map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")));
    namespace.path = namespace.names.first().cloned().or(of_process);
    namespace.name = name(namespace);
}

fn name(namespace: &Namespace) -> Box<str> {
    if namespace.is_own {
        let is_host = namespace.pids.contains(&1) || std::fs::read_link("/proc/1/ns/net").is_err();
        return if is_host { "host" } else { "self" }.into();
    }
    let docker = |file: &&PathBuf| file.starts_with(DOCKER_DIR);
    if let Some(file) = namespace.names.iter().find(|file| !docker(file)) {
        return shown(file.file_name().unwrap_or_default());
    }
    if let Some(container) = &namespace.container {
        return of_container(container);
    }
    match namespace.names.first() {
        Some(file) => format!("docker:{}", shown(file.file_name().unwrap_or_default())).into(),
        None => "-".into(),
    }
}

fn of_container(container: &Container) -> Box<str> {
    let id = Name::new(container.short_id().as_bytes());
    format!("{}:{id}", container.runtime.unwrap_or("container")).into()
}

fn shown(name: &OsStr) -> Box<str> {
    Name::new(name.as_bytes()).to_string().into()
}
