//! The namespaces that a command works in: those of `-n`, all of them, or the caller's own.

use std::ffi::OsStr;
use std::path::Path;

use linx::Netns;
use linx::json::NetnsTag;
use linx::namespaces::{self, Namespace};
use linx_sys::{Capabilities, Capability, ErrorKind, NetnsOrigin};
use linx_wire::name::Name;

use crate::args::Global;
use crate::error::{Failure, Outcome, note};
use crate::filter::{LinkWord, Links};

/// What leads to a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Own,
    Pod,
    Container,
    Named,
    /// Processes alone.
    Unnamed,
}

impl Group {
    /// Those that are counted for people, each with its word: of one, of several.
    pub(crate) const COUNTED: [(Self, &str, &str); 4] = [
        (Self::Pod, "pod", "pods"),
        (Self::Container, "container", "containers"),
        (Self::Named, "named", "named"),
        (Self::Unnamed, "unnamed", "unnamed"),
    ];

    fn of(namespace: &Namespace) -> Self {
        match &namespace.container {
            _ if namespace.is_own => Self::Own,
            Some(container) if container.pod.is_some() => Self::Pod,
            Some(_) => Self::Container,
            None if namespace.names.is_empty() => Self::Unnamed,
            None => Self::Named,
        }
    }
}

/// A namespace, with what lines say of it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) netns: Netns,
    pub(crate) cookie: u64,
    /// What leads to it; the caller may live in it.
    pub(crate) group: Group,
    /// As lines name it, safe for a terminal.
    pub(crate) name: String,
    /// What else is known of it, for people.
    pub(crate) described: String,
    /// Name and cookie, for every line.
    pub(crate) tag: NetnsTag,
    /// All that is known, for the line about it.
    pub(crate) full_tag: NetnsTag,
}

impl Place {
    /// The caller's own: `host` where process 1 is in it too or it cannot be told, else `self`.
    pub(crate) fn own() -> Outcome<Self> {
        let netns = Netns::host()?;
        let name = if netns.is_of_pid_1() == Some(false) { "self" } else { "host" };
        let cookie = netns.cookie()?;
        Ok(Self { group: Group::Own, ..Self::new(netns, cookie, name, None, "this process") })
    }

    /// One that was found on the machine; `None` where it cannot be entered.
    pub(crate) fn found(namespace: &Namespace) -> Outcome<Option<Self>> {
        let Some(cookie) = namespace.cookie else { return Ok(None) };
        let netns = match namespace.netns() {
            Ok(netns) => netns,
            // Its name is a plain file between the end of its mount and its own.
            Err(error) if error.is_gone() || error.kind() == ErrorKind::NotANamespace => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Self::of(namespace, cookie, netns)))
    }

    /// One that was found, by a handle to it.
    pub(crate) fn of(namespace: &Namespace, cookie: u64, netns: Netns) -> Self {
        let path = namespace.path.as_deref();
        let mut place = Self::new(netns, cookie, &namespace.name, path, &namespace.what().to_string());
        place.group = Group::of(namespace);
        if let Some(container) = &namespace.container {
            place.full_tag = NetnsTag::new(&place.name, cookie, path, Some(container));
        }
        place
    }

    /// One that the user named.
    fn named(word: &OsStr) -> Outcome<Self> {
        let netns = namespaces::resolve(word)?;
        let cookie = netns.cookie()?;
        let path = netns.file_path();
        let name = match netns.origin() {
            NetnsOrigin::Host => return Self::own(),
            NetnsOrigin::Name(name) => Name::new(name.as_bytes()).to_string(),
            // A pid or a path may lead to one that has a name.
            _ => {
                let found = namespaces::discover().unwrap_or_default();
                let name = found.by_cookie(cookie).map(|found| found.name.to_string());
                name.filter(|name| name != "-").unwrap_or_else(|| netns.to_string())
            }
        };
        Ok(Self::new(netns, cookie, &name, path.as_deref(), ""))
    }

    fn new(netns: Netns, cookie: u64, name: &str, path: Option<&Path>, what: &str) -> Self {
        let mut described = format!("cookie {cookie}");
        let path_shown = path.map(|path| Name::new(path.as_os_str().as_encoded_bytes()).to_string());
        for more in [Some(what.to_owned()), path_shown].into_iter().flatten().filter(|more| !more.is_empty())
        {
            described = format!("{described}  {more}");
        }
        Self {
            netns,
            cookie,
            group: Group::Named,
            name: name.to_owned(),
            described,
            tag: NetnsTag::new(name, cookie, None, None),
            full_tag: NetnsTag::new(name, cookie, path, None),
        }
    }
}

/// The namespaces that were asked for, each once.
pub(crate) fn chosen(global: &Global) -> Outcome<Vec<Place>> {
    if global.all_netns {
        if !global.netns.is_empty() {
            return Err(contradiction());
        }
        return all();
    }
    if global.netns.is_empty() {
        return Ok(vec![Place::own()?]);
    }
    let mut places: Vec<Place> = Vec::new();
    for word in &global.netns {
        let place = Place::named(word)?;
        if places.iter().all(|other| other.cookie != place.cookie) {
            places.push(place);
        }
    }
    Ok(places)
}

/// `-n` and `--all-netns` at once.
pub(crate) fn contradiction() -> Failure {
    Failure::usage("-n and --all-netns contradict each other")
}

/// All of this machine's.
fn all() -> Outcome<Vec<Place>> {
    let found = namespaces::discover()?;
    let mut places = Vec::new();
    let mut refused = 0;
    for namespace in &found.namespaces {
        match Place::found(namespace)? {
            Some(place) => places.push(place),
            None => refused += usize::from(namespace.refused.is_some()),
        }
    }
    note_hidden(refused, found.hidden_processes);
    Ok(places)
}

/// Says what could not be looked into.
pub(crate) fn note_hidden(refused: usize, hidden_processes: usize) {
    if refused > 0 {
        let s = if refused == 1 { "" } else { "s" };
        note(format_args!("{refused} namespace{s} left out: needs CAP_SYS_ADMIN (sudo)"));
    }
    // With the capability, what is left are processes that ended while they were looked at.
    let may_look = Capabilities::current().is_ok_and(|own| own.has(Capability::SYS_PTRACE));
    if hidden_processes > 0 && !may_look {
        let s = if hidden_processes == 1 { "" } else { "es" };
        note(format_args!(
            "{hidden_processes} process{s} not looked at: needs CAP_SYS_PTRACE (sudo); there may be more namespaces"
        ));
    }
}

/// There is no link of this name in any of these namespaces.
pub(crate) fn no_link<'a>(
    word: &LinkWord,
    places: impl IntoIterator<Item = (&'a Place, &'a Links)>,
) -> Failure {
    let mut names = Vec::new();
    let mut places_named = Vec::new();
    for (place, links) in places {
        places_named.push(place.name.clone());
        names.extend(links.names.iter().map(|(_, link)| link.name().to_string()));
    }
    let whereabouts = match places_named.as_slice() {
        [one] => format!("namespace {one}"),
        many => format!("any of {} namespaces", many.len()),
    };
    let failure = Failure::system(format!("no link {} in {whereabouts}", word.shown()));
    failure.suggest(&Name::new(&word.0).to_string(), names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linx_test::{Namespace as Made, is_root, run, skip_unless};

    /// `ip netns del` unmounts first and removes the file then.
    #[test]
    fn a_name_that_is_unmounted_since_it_was_found_is_no_error() {
        skip_unless!(is_root(), "not root");
        let mut made = Made::new("cli-unmounted");
        let found = namespaces::discover().unwrap();
        let is_it = |namespace: &&Namespace| &*namespace.name == made.name();
        let namespace = found.namespaces.iter().find(is_it).expect("it was made");
        assert!(Place::found(namespace).unwrap().is_some());
        run("umount", &[&format!("/run/netns/{}", made.name())]);
        assert!(Place::found(namespace).unwrap().is_none());
        made.delete();
        assert!(Place::found(namespace).unwrap().is_none());
    }
}
