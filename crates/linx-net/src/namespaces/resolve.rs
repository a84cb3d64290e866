//! What a user calls a namespace: `-n NAME|PID|PATH`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use linx_sys::{Error, NETNS_DIR, Netns};
use linx_wire::name::Name;

use super::discover;

const EINVAL: i32 = 22;

/// The namespace that a user means: with a `/` it is a path; else a name in `/run/netns`; else a pid; else what
/// Linx itself calls a namespace (`host`, `docker:9f3c1a7be210`). `name:` and `pid:` force one of them.
///
/// # Errors
/// [`linx_sys::ErrorKind::NoNamespace`], [`linx_sys::ErrorKind::NoProcess`] and the others of [`Netns`], with the
/// offending text and the path that was tried.
///
/// ```
/// let error = linx::namespaces::resolve("blu".as_ref()).unwrap_err();
/// assert_eq!(error.to_string(), "no namespace \"blu\": /run/netns/blu: No such file or directory");
/// ```
pub fn resolve(word: &OsStr) -> Result<Netns, Error> {
    let bytes = word.as_bytes();
    if let Some(name) = bytes.strip_prefix(b"name:") {
        return by_name(OsStr::from_bytes(name));
    }
    if let Some(pid) = bytes.strip_prefix(b"pid:") {
        // A number too large for a pid, or none: no process has it, and the kernel's word for that is right.
        return match digits(pid) {
            Some(pid) => Netns::pid(pid),
            None => Err(not_a_pid(pid)),
        };
    }
    if bytes.contains(&b'/') {
        return Netns::path(Path::new(word));
    }
    let error = match by_name(word) {
        Ok(netns) => return Ok(netns),
        Err(error) if !error.is_gone() => return Err(error),
        Err(error) => error,
    };
    if let Some(pid) = digits(bytes) {
        return Netns::pid(pid);
    }
    let Some(text) = word.to_str() else { return Err(error) };
    match discover() {
        Ok(found) => found.by_name(text).map_or(Err(error), super::Namespace::netns),
        Err(_) => Err(error),
    }
}

fn by_name(name: &OsStr) -> Result<Netns, Error> {
    match name.to_str() {
        Some(name) => Netns::name(name),
        // Not text, but a file name all the same.
        None => Netns::path(Path::new(NETNS_DIR).join(name)),
    }
}

fn digits(bytes: &[u8]) -> Option<u32> {
    let text =
        std::str::from_utf8(bytes).ok().filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))?;
    // More digits than a pid has: no process, which is what `u32::MAX` says.
    Some(text.parse().unwrap_or(u32::MAX))
}

fn not_a_pid(text: &[u8]) -> Error {
    let invalid = std::io::Error::from_raw_os_error(EINVAL);
    Error::io("find a process", &invalid).about(format!("\"{}\"", Name::new(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use linx_sys::{ErrorKind, NetnsOrigin};

    fn error(word: &str) -> String {
        resolve(OsStr::new(word)).unwrap_err().to_string()
    }

    #[test]
    fn words_lead_where_they_say() {
        let own = std::process::id();
        let by_pid = resolve(OsStr::new(&format!("pid:{own}"))).unwrap();
        assert!(matches!(by_pid.origin(), NetnsOrigin::Process(pid) if pid == own));
        let bare = resolve(OsStr::new(&own.to_string())).unwrap();
        assert!(matches!(bare.origin(), NetnsOrigin::Process(pid) if pid == own));
        let path = resolve(OsStr::new("/proc/self/ns/net")).unwrap();
        assert!(matches!(path.origin(), NetnsOrigin::Path(_)));
        let host = Netns::host().unwrap().cookie().unwrap();
        let name = discover().unwrap().own().unwrap().name.clone();
        assert_eq!(resolve(OsStr::new(&*name)).unwrap().cookie().unwrap(), host);
        assert_eq!(path.cookie().unwrap(), host);
    }

    #[test]
    fn errors_say_what_was_tried() {
        let missing = "no namespace \"blu\": /run/netns/blu: No such file or directory";
        assert_eq!(error("blu"), missing);
        assert_eq!(error("name:blu"), missing);
        assert_eq!(error("name:7"), "no namespace \"7\": /run/netns/7: No such file or directory");
        assert_eq!(error("99999999"), "no process 99999999: No such process");
        assert_eq!(error("pid:99999999999999"), "no process 4294967295: No such process");
        assert_eq!(error("pid:x"), "find a process: \"x\": Invalid argument");
        assert_eq!(error("./blu"), "no namespace ./blu: No such file or directory");
        assert!(error("").contains("not the name of a namespace"));
        assert_eq!(resolve(OsStr::new("-")).unwrap_err().kind(), ErrorKind::NoNamespace);
        let bytes = OsStr::from_bytes(b"\xff\x1b");
        assert!(!resolve(bytes).unwrap_err().to_string().contains('\u{1b}'));
        assert!(!error("pid:\u{1b}[2J").contains('\u{1b}'));
    }
}
