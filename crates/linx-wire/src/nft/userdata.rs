//! User data: bytes that the kernel keeps for user space and does not read.
//!
//! nft writes lists of type (8 bits), length (8 bits) and value there; other programs may write anything. In the user
//! data of tables, chains, rules, elements and objects, type 0 is a comment; in that of sets it is a number, and the
//! comment is type 7 (`enum nftnl_udata_*_types` of libnftnl, <libnftnl/udata.h>).

use crate::name::Name;

/// User data. Nothing is known to hold of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserData<'a>(&'a [u8]);

impl<'a> UserData<'a> {
    /// User data of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The list of types and values, if all of it is one: something else than nft may have written it.
    #[must_use]
    pub fn entries(self) -> Option<Vec<(u8, &'a [u8])>> {
        let mut entries = Vec::new();
        let mut rest = self.0;
        while let Some((&[kind, length], after)) = rest.split_first_chunk() {
            let (value, after) = after.split_at_checked(length.into())?;
            entries.push((kind, value));
            rest = after;
        }
        rest.is_empty().then_some(entries)
    }

    /// The comment, where it is of this type and ends with its NUL.
    pub(crate) fn comment(self, kind: u8) -> Option<Name<'a>> {
        let (_, value) = self.entries()?.into_iter().find(|(found, _)| *found == kind)?;
        match value.split_last() {
            Some((0, text)) if !text.contains(&0) => Some(Name::new(text)),
            _ => None,
        }
    }
}

/// The type of a comment, but for sets.
pub(crate) const COMMENT: u8 = 0;
/// The type of a set's comment.
pub(crate) const SET_COMMENT: u8 = 7;

/// The user data that nft would write for a comment; `None` for one that is too long (254 bytes).
#[must_use]
pub fn comment(text: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(text.len() + 1).ok()?;
    Some([&[COMMENT, length], text, &[0]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_where_there_is_one() {
        let written = comment(b"ssh \x1b").unwrap();
        assert_eq!(UserData::new(&written).comment(COMMENT).unwrap().to_string(), "ssh \\x1b");
        let set = [0, 4, 0, 0, 0, 0, 7, 3, b'h', b'i', 0];
        assert_eq!(UserData::new(&set).comment(SET_COMMENT).unwrap(), "hi");
        assert_eq!(UserData::new(&set).entries().unwrap().len(), 2);
        for other in [&b"not a list"[..], &[0, 3, b'a', b'b', b'c'], &[0, 3, b'a', 0, 0], &[0], &[0, 9, 0]] {
            assert_eq!(UserData::new(other).comment(COMMENT), None, "{other:?}");
        }
        assert_eq!(comment(&[b'a'; 255]), None);
    }
}
