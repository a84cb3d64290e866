//! Kernel-made names: bytes, not text. A link name may hold ESC, BEL, DEL, bidi controls and invalid UTF-8
//! (`dev_valid_name` in net/core/dev.c refuses only `/`, `:`, white space, `.` and `..`); nf_tables names anything.
//!
//! [`Name`]'s `Display` is safe for a terminal and unambiguous: what it escapes, it escapes with a backslash, and a
//! backslash is escaped too.

use std::fmt;

/// A name as the kernel has it, borrowed, without its NUL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// A name of these bytes, as they are.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A name from an attribute's payload: up to the first NUL.
    #[inline]
    #[must_use]
    pub fn from_payload(payload: &'a [u8]) -> Self {
        Self(payload.split(|byte| *byte == 0).next().unwrap_or_default())
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The name as text, where it is UTF-8 (it may still hold control characters).
    #[inline]
    #[must_use]
    pub fn to_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// Whether the name can be printed as it is.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.to_str().is_some_and(|text| text.chars().all(|c| c != '\\' && !is_dangerous(c)))
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// Characters that change what a terminal does or how the text around them is read.
#[must_use]
pub fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    c if is_dangerous(c) && (c as u32) < 0x80 => write!(f, "\\x{:02x}", c as u32)?,
                    c if is_dangerous(c) => write!(f, "\\u{{{:x}}}", c as u32)?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_escapes_what_a_terminal_would_obey() {
        let show = |bytes: &[u8]| Name::new(bytes).to_string();
        assert_eq!(show(b"eth0"), "eth0");
        assert_eq!(show(b"a\x1b[31m"), "a\\x1b[31m");
        assert_eq!(show(b"\xff\\\n"), "\\xff\\\\\\n");
        assert_eq!(show("x\u{202e}y".as_bytes()), "x\\u{202e}y");
        assert_eq!(show("\u{9b}é".as_bytes()), "\\u{9b}é");
        assert_eq!(Name::from_payload(b"lo\0junk"), "lo");
    }
}
