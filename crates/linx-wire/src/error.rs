//! What a decoder says of bytes that it cannot take: kind, offset and attribute path.

use std::fmt;

/// Result of every decoder in this crate.
pub type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// Depth of an attribute path that an error can name; nesting beyond [`crate::attr::MAX_DEPTH`] is refused.
const PATH_DEPTH: usize = crate::attr::MAX_DEPTH;

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Fewer bytes than the structure needs.
    #[error("{needed} bytes needed, {have} there")]
    Truncated {
        /// Bytes that the structure needs.
        needed: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A length field that is smaller than its own header or larger than what encloses it.
    #[error("length field {length} does not fit into {have} bytes")]
    BadLength {
        /// Value of the length field.
        length: usize,
        /// Bytes that enclose the structure.
        have: usize,
    },
    /// A payload whose size its type does not allow.
    #[error("payload of {have} bytes where {expected} expected")]
    BadSize {
        /// What the type allows.
        expected: &'static str,
        /// Bytes that are there.
        have: usize,
    },
    /// Bytes left over that are too few for another attribute.
    #[error("{0} trailing bytes")]
    Trailing(usize),
    /// Attributes nested deeper than [`crate::attr::MAX_DEPTH`].
    #[error("attributes nested deeper than {}", crate::attr::MAX_DEPTH)]
    TooDeep,
    /// The message is of another type than the decoder's.
    #[error("message type {0} is not this decoder's")]
    WrongType(u16),
    /// An address family that the kind cannot have.
    #[error("address family {0} is not possible here")]
    BadFamily(u8),
    /// An attribute is missing, or 0, that the kernel always sends.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// One step of an attribute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// Prefix of the attribute's kernel constant (`IFLA`), empty where unknown.
    pub prefix: &'static str,
    /// The rest of the constant (`MTU`), empty where the number is unknown.
    pub name: &'static str,
    /// Attribute number without its flag bits.
    pub number: u16,
}

impl fmt::Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.prefix, self.name) {
            ("", _) => write!(f, "{}", self.number),
            (prefix, "") => write!(f, "{prefix}_{}", self.number),
            (prefix, name) => write!(f, "{prefix}_{name}"),
        }
    }
}

/// An error of a decoder.
///
/// `offset` counts bytes from the start of what was given to the decoder.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: DecodeErrorKind,
    offset: usize,
    /// Innermost first: the path is built while the error travels outwards.
    path: Vec<PathStep>,
}

impl DecodeError {
    /// An error at `offset` bytes from the start of the input.
    #[cold]
    #[must_use]
    pub fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self(Box::new(Inner { kind, offset, path: Vec::new() }))
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// Bytes from the start of the input to the fault.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The attributes around the fault, outermost first.
    pub fn path(&self) -> impl Iterator<Item = PathStep> + '_ {
        self.0.path.iter().rev().copied()
    }

    /// The same error seen from an enclosing structure in which the input began at `base`.
    #[must_use]
    pub fn at_base(mut self, base: usize) -> Self {
        self.0.offset = self.0.offset.saturating_add(base);
        self
    }

    /// The same error inside the attribute `step`.
    #[must_use]
    pub fn inside(mut self, step: PathStep) -> Self {
        if self.0.path.len() < PATH_DEPTH {
            self.0.path.push(step);
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for step in self.path() {
            write!(f, "{separator}{step}")?;
            separator = "/";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        write!(f, "{} at offset {}", self.0.kind, self.0.offset)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_path_and_offset() {
        let error = DecodeError::new(DecodeErrorKind::BadSize { expected: "4", have: 3 }, 8)
            .inside(PathStep { prefix: "IFLA_VXLAN", name: "ID", number: 1 })
            .at_base(20)
            .inside(PathStep { prefix: "IFLA", name: "", number: 999 });
        assert_eq!(
            error.to_string(),
            "IFLA_999/IFLA_VXLAN_ID: payload of 3 bytes where 4 expected at offset 28"
        );
    }
}
