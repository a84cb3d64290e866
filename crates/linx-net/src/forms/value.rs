//! Values of special forms.

use std::borrow::Cow;

use crate::names::Context;

/// A value of a special form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'static, str>),
    /// What the kernel calls something, as it is.
    Name(Box<[u8]>),
    List(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

/// The name that ip gives to a link whose name is not known.
pub(crate) fn unknown_link(index: u32) -> String {
    format!("if{index}")
}

/// Two hexadecimal digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The name of a link as a value.
pub(crate) fn link_value(cx: &Context<'_>, index: u32) -> Value {
    match cx.links.get(index) {
        Some(link) => Value::Name(link.name().as_bytes().into()),
        None => Value::Text(unknown_link(index).into()),
    }
}

/// A number of hundredths or thousandths: whole where it is, as ip prints it.
pub(crate) fn fraction(number: u64, unit: u64) -> Value {
    if number % unit == 0 {
        Value::Unsigned(number / unit)
    } else {
        Value::Float(number as f64 / unit as f64)
    }
}
