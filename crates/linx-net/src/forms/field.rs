//! Declarations of fields: what is written under a key, for the JSON Schema and the documentation.

use linx_wire::policy::Policy;

/// The declaration of a field.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// Its key.
    pub(crate) key: &'static str,
    /// The type of its value.
    pub(crate) ty: Type,
    /// The kernel attribute or structure that it comes from.
    pub(crate) source: &'static str,
    /// Its unit, or its values.
    pub(crate) unit: &'static str,
    /// What it says.
    pub(crate) about: &'static str,
}

/// The type of a field's value.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "nft"), allow(dead_code))]
pub(crate) enum Type {
    /// `true` or `false`.
    Bool,
    /// `true`; where it is not, the field is absent.
    True,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A name of the kernel's: a string, and where that is not UTF-8, the bytes under the same key with `_hex`.
    Name,
    /// Pairs of hexadecimal digits.
    Hex,
    /// A list of strings.
    Texts,
    /// An object of whole numbers.
    Numbers,
    /// An object.
    Object(&'static [Field]),
    /// A list.
    List(&'static Type),
    /// The attributes of a tunnel encapsulation.
    Encap,
    /// Attributes that are not known.
    Unknown,
    /// A name of the kernel's, or a list of such.
    NameOrNames,
    /// A string, or a list of such.
    TextOrTexts,
    /// The attributes of a table.
    Table(&'static Policy),
    /// nf_tables' expressions.
    Expressions,
    /// A value by its type: of a set's key or data.
    Value,
    /// As `author`.
    Author,
    /// Numbers, by operation and kind.
    Counts,
    /// The changes of a transaction.
    Changes,
}

/// A field.
pub(crate) const fn field(
    key: &'static str,
    ty: Type,
    source: &'static str,
    unit: &'static str,
    about: &'static str,
) -> Field {
    Field { key, ty, source, unit, about }
}

/// A string from a kernel attribute.
pub(crate) const fn text(key: &'static str, source: &'static str) -> Field {
    field(key, Type::Text, source, "", "")
}

/// A list of strings from a kernel attribute.
pub(crate) const fn texts(key: &'static str, source: &'static str) -> Field {
    field(key, Type::Texts, source, "", "")
}

/// A whole number from a kernel attribute.
pub(crate) const fn int(key: &'static str, source: &'static str) -> Field {
    field(key, Type::Int, source, "", "")
}

/// `true` or `false` from a kernel attribute.
pub(crate) const fn boolean(key: &'static str, source: &'static str) -> Field {
    field(key, Type::Bool, source, "", "")
}

/// `true` or nothing from a kernel attribute.
pub(crate) const fn flag(key: &'static str, source: &'static str) -> Field {
    field(key, Type::True, source, "", "")
}
