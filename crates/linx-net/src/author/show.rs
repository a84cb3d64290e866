//! Authors in lines for people, and as JSON.

use std::fmt;

use linx_wire::name::Name;

use super::Author;

/// Whether a name could be read as more than a name: anybody may call a thread `nft[1] < init`.
fn is_ambiguous(comm: Name<'_>) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_whitespace() || b"[]<>?\"".contains(byte);
    comm.as_bytes().is_empty() || comm.as_bytes().iter().any(is_sign)
}

/// `ip[4711]`, `ip[4711] < bash[812]` where a parent is known by name, else `port 3221225472`; the kernel is `kernel`.
/// A name that could be read as more than one stands in quotes.
impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        match &self.parent {
            Some(parent) if parent.comm.is_some() => {
                f.write_str(" < ")?;
                process(f, parent.comm(), parent.pid)
            }
            _ => Ok(()),
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
