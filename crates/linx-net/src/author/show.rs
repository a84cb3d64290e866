//! Authors in lines for people, and as JSON.

use std::fmt;

use linx_wire::name::Name;

use super::Author;

/// Characters of a command line that are shown.
const COMMAND: usize = 120;

/// Whether a name could be read as more than a name: anybody may call a thread `nft[1] < init`.
fn is_ambiguous(comm: Name<'_>) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_whitespace() || b"[]<>?\"".contains(byte);
    comm.as_bytes().is_empty() || comm.as_bytes().iter().any(is_sign)
}

/// `ip[4711]`, `ip[4711] < bash[812]` where a parent is known by name, else `port 3221225472`; the kernel is `kernel`.
/// A name that could be read as more than one stands in quotes.
impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

/// An author with what else people ask for; see [`Author::in_full`].
#[derive(Clone, Copy, Debug)]
pub struct InFull<'a>(&'a Author);

impl Author {
    /// The same for people with more room: a person with what they typed and how they logged in,
    /// `nft[31007] "nft flush ruleset" < sudo[31005]  login alice uid 0 session 41`; a service with its unit or container,
    /// `nft[5120] < dockerd[812]  docker.service`. At most 120 characters of the command line, escaped as names are.
    #[must_use]
    pub fn in_full(&self) -> InFull<'_> {
        InFull(self)
    }

    /// What was typed, unless that is the name alone.
    fn command(&self) -> Option<String> {
        let is_name = self.cmdline.len() == 1 && self.cmdline.first() == self.comm.as_ref();
        let typed = self.cmdline.join(&b' ');
        if is_name || typed.is_empty() {
            return None;
        }
        let typed = Name::new(&typed).to_string().replace('"', "\\\"");
        let shown: String = typed.chars().take(COMMAND).collect();
        Some(if shown.len() < typed.len() { format!("{shown}…") } else { typed })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, command: Option<&str>) -> fmt::Result {
        let process = |f: &mut fmt::Formatter<'_>, comm: Option<Name<'_>>, pid: u32| match comm {
            Some(comm) if is_ambiguous(comm) => {
                write!(f, "\"{}\"[{pid}]", comm.to_string().replace('"', "\\\""))
            }
            Some(comm) => write!(f, "{comm}[{pid}]"),
            None => write!(f, "pid {pid}"),
        };
        match (self.pid, self.tid, self.portid) {
            (Some(pid), _, _) => process(f, self.comm(), pid)?,
            (None, Some(tid), _) => process(f, self.comm(), tid)?,
            (None, None, Some(0)) => f.write_str("kernel")?,
            (None, None, Some(portid)) => write!(f, "port {portid}")?,
            (None, None, None) => f.write_str("unknown")?,
        }
        if let Some(command) = command {
            write!(f, " \"{command}\"")?;
        }
        match &self.parent {
            Some(parent) if parent.comm.is_some() => {
                f.write_str(" < ")?;
                process(f, parent.comm(), parent.pid)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(author) = self;
        let is_person = author.loginuid.is_some();
        let is_service = !is_person && (author.unit.is_some() || author.container.is_some());
        let command = if is_service { None } else { author.command() };
        author.write(f, command.as_deref())?;
        if let Some(loginuid) = author.loginuid {
            match &author.login {
                Some(login) => write!(f, "  login {}", Name::new(login.as_bytes()))?,
                None => write!(f, "  login {loginuid}")?,
            }
            author.uid.map_or(Ok(()), |uid| write!(f, " uid {uid}"))?;
            return author.session.map_or(Ok(()), |session| write!(f, " session {session}"));
        }
        match (&author.container, &author.unit) {
            (Some(container), _) => write!(f, "  container {}", Name::new(container.short_id().as_bytes())),
            (None, Some(unit)) => write!(f, "  {}", Name::new(unit.as_bytes())),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(feature = "json")]
mod json {
    use std::borrow::Cow;

    use linx_wire::name::Name;
    use serde::ser::{Serialize, SerializeStruct, Serializer};

    use super::super::{Author, Container, Parent};
    use crate::forms::value::hex;

    /// Text as it is where it is UTF-8, else escaped.
    fn readable(bytes: &[u8]) -> Cow<'_, str> {
        let name = Name::new(bytes);
        name.to_str().map_or_else(|| name.to_string().into(), Cow::Borrowed)
    }

    fn maybe<S: SerializeStruct, T: Serialize>(
        out: &mut S,
        key: &'static str,
        value: Option<T>,
    ) -> Result<(), S::Error> {
        value.map_or(Ok(()), |value| out.serialize_field(key, &value))
    }

    /// Bytes under a key, and where they are not UTF-8 their digits under another.
    fn bytes<S: SerializeStruct>(
        out: &mut S,
        keys: (&'static str, &'static str),
        value: Option<&[u8]>,
    ) -> Result<(), S::Error> {
        let Some(value) = value else { return Ok(()) };
        out.serialize_field(keys.0, &readable(value))?;
        if std::str::from_utf8(value).is_ok() {
            return Ok(());
        }
        out.serialize_field(keys.1, &hex(value))
    }

    impl Serialize for Author {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_struct("author", 8)?;
            for (key, value) in [("portid", self.portid), ("pid", self.pid), ("tid", self.tid)] {
                maybe(&mut out, key, value)?;
            }
            bytes(&mut out, ("comm", "comm_hex"), self.comm.as_deref())?;
            let exe = self.exe.as_deref().map(|path| path.as_os_str().as_encoded_bytes());
            bytes(&mut out, ("exe", "exe_hex"), exe)?;
            if !self.cmdline.is_empty() {
                let words: Vec<_> = self.cmdline.iter().map(|word| readable(word)).collect();
                out.serialize_field("cmdline", &words)?;
                if self.cmdline.iter().any(|word| std::str::from_utf8(word).is_err()) {
                    let digits: Vec<_> = self.cmdline.iter().map(|word| hex(word)).collect();
                    out.serialize_field("cmdline_hex", &digits)?;
                }
            }
            maybe(&mut out, "uid", self.uid)?;
            maybe(&mut out, "loginuid", self.loginuid)?;
            maybe(&mut out, "login", self.login.as_deref())?;
            maybe(&mut out, "session", self.session)?;
            maybe(&mut out, "unit", self.unit.as_deref())?;
            maybe(&mut out, "container", self.container.as_ref())?;
            maybe(&mut out, "parent", self.parent.as_ref())?;
            out.serialize_field("certainty", &self.certainty.to_string())?;
            out.end()
        }
    }

    impl Serialize for Container {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_struct("container", 3)?;
            out.serialize_field("id", &*self.id)?;
            maybe(&mut out, "runtime", self.runtime)?;
            maybe(&mut out, "pod", self.pod.as_deref())?;
            out.end()
        }
    }

    impl Serialize for Parent {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_struct("parent", 2)?;
            out.serialize_field("pid", &self.pid)?;
            bytes(&mut out, ("comm", "comm_hex"), self.comm.as_deref())?;
            out.end()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Author, Certainty, Parent};

    fn somebody() -> Author {
        Author {
            pid: Some(7),
            comm: Some(b"i\x1bp\xff"[..].into()),
            cmdline: vec![b"ip"[..].into(), b"\xfe"[..].into()],
            parent: Some(Parent { pid: 1, comm: Some(b"init"[..].into()) }),
            ..Author::of_portid(7)
        }
    }

    #[test]
    fn a_line_names_process_and_parent_safely() {
        assert_eq!(somebody().to_string(), "i\\x1bp\\xff[7] < init[1]");
        assert_eq!(Author::of_portid(9).to_string(), "port 9");
        assert_eq!(Author::of_portid(0).to_string(), "kernel");
        let named = |comm: &[u8]| Author { comm: Some(comm.into()), parent: None, ..somebody() }.to_string();
        assert_eq!(named(b"nft[1] < init"), r#""nft[1] < init"[7]"#);
        assert_eq!(named(b"a\"[1]"), r#""a\"[1]"[7]"#);
        assert_eq!(named(b""), r#"""[7]"#);
        assert_eq!(named(b"kworker/0:1-(x)"), "kworker/0:1-(x)[7]");
        let task =
            Author { tid: Some(5), comm: Some(b"nft"[..].into()), ..Author::nobody(Certainty::Certain) };
        assert_eq!(task.to_string(), "nft[5]");
    }

    #[test]
    fn a_person_is_shown_with_what_they_typed_and_a_service_with_its_unit() {
        let words =
            |line: &str| line.split(' ').map(|word| word.as_bytes().into()).collect::<Vec<Box<[u8]>>>();
        let alice = Author {
            pid: Some(31007),
            comm: Some(b"nft"[..].into()),
            cmdline: words("nft flush ruleset"),
            uid: Some(0),
            loginuid: Some(1004),
            login: Some("alice".into()),
            session: Some(41),
            unit: Some("session-41.scope".into()),
            parent: Some(Parent { pid: 31005, comm: Some(b"sudo"[..].into()) }),
            ..Author::of_portid(31007)
        };
        let expected = r#"nft[31007] "nft flush ruleset" < sudo[31005]  login alice uid 0 session 41"#;
        assert_eq!(alice.in_full().to_string(), expected);
        let of = |author: Author| author.in_full().to_string();
        let service = Author {
            loginuid: None,
            login: None,
            unit: Some("docker.service".into()),
            cmdline: words("nft -f -"),
            ..alice
        };
        assert_eq!(of(service.clone()), "nft[31007] < sudo[31005]  docker.service");
        // In the dark, what was run is better than nothing. Nothing in it ends the quotes, or moves a cursor.
        let typed = Author { unit: None, parent: None, cmdline: words("nft \"\x1b[2J x"), ..service };
        assert_eq!(of(typed.clone()), r#"nft[31007] "nft \"\x1b[2J x""#);
        let long = Author { cmdline: words(&"y ".repeat(100)), ..typed.clone() };
        assert_eq!(of(long), format!("nft[31007] \"{}…\"", "y ".repeat(60)));
        assert_eq!(of(Author { cmdline: words("nft"), ..typed }), "nft[31007]");
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_has_what_is_known() {
        let mut text = Vec::new();
        crate::json::append(&mut text, &somebody()).unwrap();
        let expected = concat!(
            r#"{"portid":7,"pid":7,"comm":"i\\x1bp\\xff","comm_hex":"691b70ff","cmdline":["ip","\\xfe"],"cmdline_hex":["6970","fe"],"#,
            r#""parent":{"pid":1,"comm":"init"},"certainty":"likely"}"#
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
