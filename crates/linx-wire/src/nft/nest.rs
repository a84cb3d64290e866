//! Encoding by the same tables as decoding: attributes are set by their accessor's name, and the table says number, width
//! and byte order.

use std::net::IpAddr;

use super::data::{DATA, Register, VERDICT};
use super::expr::{EXPR, KINDS};
use super::header::NfGenMsg;
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::policy::{Policy, Shape};

/// Why something could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The table has no such attribute.
    #[error("{table}: no attribute \"{key}\"")]
    NoSuchKey {
        /// Prefix of the table's constants.
        table: &'static str,
        /// The name asked for.
        key: String,
    },
    /// The value is not of the attribute's shape, or too large for it.
    #[error("{table}_{name}: the value does not fit")]
    BadValue {
        /// Prefix of the table's constants.
        table: &'static str,
        /// The attribute's name.
        name: &'static str,
    },
}

/// An attribute's value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number of any width.
    Number(i128),
    /// Bytes, a name without its NUL, or an address.
    Bytes(Vec<u8>),
    /// Attributes.
    Nest(Nest),
    /// Several values.
    List(Vec<Value>),
}

macro_rules! numbers {
    ($($ty:ty)*) => {
        $(impl From<$ty> for Value {
            fn from(number: $ty) -> Self {
                Self::Number(number.into())
            }
        })*
    };
}
numbers!(u8 u16 u32 u64 i32);

impl From<Register> for Value {
    fn from(register: Register) -> Self {
        Self::Number(register.0.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<IpAddr> for Value {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Bytes(address.octets().into()),
            IpAddr::V6(address) => Self::Bytes(address.octets().into()),
        }
    }
}

impl From<Nest> for Value {
    fn from(nest: Nest) -> Self {
        Self::Nest(nest)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value
where
    T: NotAByte,
{
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// What a [`Value::List`] is made of; a list of `u8` is [`Value::Bytes`].
pub trait NotAByte {}
impl NotAByte for Nest {}
impl NotAByte for &str {}

/// Attributes being built by a table.
///
/// ```
/// use linx_wire::nft::{Nest, Register, expr};
///
/// let port = Nest::new(&expr::PAYLOAD).set("dreg", Register::R1).set("base", 2u32).set("offset", 2u32).set("len", 2u32);
/// let ssh = Nest::new(&expr::CMP).set("sreg", Register::R1).set("op", 0u32).set("data", Nest::value(&[0, 22]));
/// let rule = Nest::new(&linx_wire::nft::RULE)
///     .set("table", "filter")
///     .set("chain", "input")
///     .set("expr", vec![Nest::expression(port), Nest::expression(ssh)]);
/// assert!(rule.finish().is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Nest {
    policy: &'static Policy,
    bytes: Vec<u8>,
    fault: Option<EncodeError>,
}

impl Nest {
    /// No attributes yet.
    pub fn new(policy: &'static Policy) -> Self {
        Self { policy, bytes: Vec::new(), fault: None }
    }

    /// A value for a register (`NFTA_DATA_VALUE`).
    pub fn value(bytes: &[u8]) -> Self {
        Self::new(&DATA).set("value", bytes)
    }

    /// A verdict (`NFTA_DATA_VERDICT`), one of [`verdict`](super::verdict); the chain is that of a jump or goto.
    pub fn verdict(code: i32, chain: Option<&[u8]>) -> Self {
        let mut verdict = Self::new(&VERDICT).set("code", code);
        if let Some(chain) = chain {
            verdict = verdict.set("chain", chain);
        }
        Self::new(&DATA).set("verdict", verdict)
    }

    /// An expression with these data, whose table says its kind.
    pub fn expression(data: Self) -> Self {
        let mut expression = Self::new(&EXPR);
        match KINDS.iter().find(|(_, policy)| std::ptr::eq(*policy, data.policy)) {
            Some((name, _)) => expression = expression.set("name", *name).set("data", data),
            None => expression
                .fail(EncodeError::NoSuchKey { table: data.policy.prefix, key: "expression".into() }),
        }
        expression
    }

    /// Appends an attribute, or with a list for one that may occur several times, each of them.
    pub fn set(self, key: &str, value: impl Into<Value>) -> Self {
        self.put(key, value.into(), 0)
    }

    /// As [`Nest::set`], with `NLA_F_NESTED`: the kernel takes GENEVE options of a tunnel only so, and else ignores it.
    pub fn set_flagged(self, key: &str, value: impl Into<Value>) -> Self {
        self.put(key, value.into(), crate::attr::NESTED)
    }

    fn put(mut self, key: &str, value: Value, flags: u16) -> Self {
        let Some(entry) = self.policy.entries.iter().find(|entry| entry.key == key) else {
            self.fail(EncodeError::NoSuchKey { table: self.policy.prefix, key: key.to_owned() });
            return self;
        };
        let values = match (entry.shape, value) {
            (Shape::Many(shape), Value::List(values)) => {
                values.into_iter().map(|value| (*shape, value)).collect()
            }
            (Shape::Many(shape), value) => vec![(*shape, value)],
            (shape, value) => vec![(shape, value)],
        };
        for (shape, value) in values {
            let encoded = self
                .encode(shape, value)
                .and_then(|value| append(&mut self.bytes, entry.number | flags, &value));
            if encoded.is_none() {
                self.fail(EncodeError::BadValue { table: self.policy.prefix, name: entry.name });
            }
        }
        self
    }

    fn fail(&mut self, fault: EncodeError) {
        self.fault.get_or_insert(fault);
    }

    fn encode(&mut self, shape: Shape, value: Value) -> Option<Vec<u8>> {
        Some(match (shape, value) {
            (Shape::Flag, Value::Number(_)) => Vec::new(),
            (Shape::Bool | Shape::U8, Value::Number(n)) => vec![u8::try_from(n).ok()?],
            (Shape::I8, Value::Number(n)) => i8::try_from(n).ok()?.to_ne_bytes().into(),
            (Shape::U16, Value::Number(n)) => u16::try_from(n).ok()?.to_ne_bytes().into(),
            (Shape::U32, Value::Number(n)) => u32::try_from(n).ok()?.to_ne_bytes().into(),
            (Shape::U64 | Shape::Uint, Value::Number(n)) => u64::try_from(n).ok()?.to_ne_bytes().into(),
            (Shape::I32, Value::Number(n)) => i32::try_from(n).ok()?.to_ne_bytes().into(),
            (Shape::Be16, Value::Number(n)) => u16::try_from(n).ok()?.to_be_bytes().into(),
            (Shape::Be32 | Shape::Be32But(_), Value::Number(n)) => {
                u32::try_from(n).ok()?.to_be_bytes().into()
            }
            (Shape::BeI32, Value::Number(n)) => i32::try_from(n).ok()?.to_be_bytes().into(),
            (Shape::Be64, Value::Number(n)) => u64::try_from(n).ok()?.to_be_bytes().into(),
            (Shape::Name, Value::Bytes(mut name)) => {
                name.push(0);
                name
            }
            (Shape::Ip, Value::Bytes(bytes)) if bytes.len() == 4 || bytes.len() == 16 => bytes,
            (Shape::Bytes | Shape::LinkAddr, Value::Bytes(bytes)) => bytes,
            (Shape::AtLeast(size), Value::Bytes(bytes)) if bytes.len() >= size.into() => bytes,
            (Shape::Multiple(size), Value::Bytes(bytes)) if bytes.len() % usize::from(size) == 0 => bytes,
            (Shape::Nested(policy), Value::Nest(nest)) if std::ptr::eq(policy, nest.policy) => {
                self.take(nest)
            }
            (Shape::Depends(_), Value::Nest(nest)) => self.take(nest),
            (Shape::Items(shape), Value::List(values)) => {
                let mut list = Vec::new();
                for value in values {
                    let value = self.encode(*shape, value)?;
                    append(&mut list, super::element::LIST_ELEM, &value)?;
                }
                list
            }
            _ => return None,
        })
    }

    /// The bytes of an inner nest, whose fault is ours.
    fn take(&mut self, nest: Self) -> Vec<u8> {
        if let Some(fault) = nest.fault {
            self.fail(fault);
        }
        nest.bytes
    }

    /// The attributes.
    ///
    /// # Errors
    /// The first thing that could not be encoded.
    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        self.fault.map_or(Ok(self.bytes), Err)
    }

    /// A request with these attributes: of a message type such as [`NEWRULE`](crate::uapi::nft::NEWRULE) to a table's
    /// family.
    ///
    /// # Errors
    /// The first thing that could not be encoded.
    pub fn request(self, message_type: u16, flags: MessageFlags, family: u8) -> Result<Request, EncodeError> {
        let attributes = self.finish()?;
        Ok(Request::new(message_type, flags).body(&NfGenMsg::new(family)).raw(&attributes))
    }
}

/// Appends an attribute; `None` when it is too long for its length field.
fn append(bytes: &mut Vec<u8>, number: u16, value: &[u8]) -> Option<()> {
    let length = u16::try_from(value.len() + crate::attr::HEADER_LEN).ok()?;
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&number.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::expr::{BITWISE, CMP, LOG};
    use crate::nft::{HOOK, RULE};

    #[test]
    fn width_and_order_are_the_tables() {
        let log = Nest::new(&LOG).set("group", 1u32).set("prefix", "hi").set("level", 4u8).finish().unwrap();
        assert_eq!(log, [6, 0, 1, 0, 0, 1, 0, 0, 7, 0, 2, 0, b'h', b'i', 0, 0, 8, 0, 5, 0, 0, 0, 0, 4]);
        let hook = Nest::new(&HOOK).set("prio", -100).finish().unwrap();
        assert_eq!(hook, [8, 0, 2, 0, 0xff, 0xff, 0xff, 0x9c]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_the_first_one_is_told() {
        let bad = |nest: Nest| nest.finish().unwrap_err().to_string();
        assert_eq!(bad(Nest::new(&CMP).set("opp", 0u32)), "NFTA_CMP: no attribute \"opp\"");
        assert_eq!(bad(Nest::new(&LOG).set("group", 65_536u32)), "NFTA_LOG_GROUP: the value does not fit");
        assert_eq!(
            bad(Nest::new(&CMP).set("data", Nest::new(&HOOK))),
            "NFTA_CMP_DATA: the value does not fit"
        );
        let inner = Nest::expression(Nest::new(&BITWISE).set("op", "xor").set("nothing", 1u8));
        assert_eq!(bad(Nest::new(&RULE).set("expr", vec![inner])), "NFTA_BITWISE_OP: the value does not fit");
        assert_eq!(bad(Nest::expression(Nest::new(&RULE))), "NFTA_RULE: no attribute \"expression\"");
        let long = vec![0u8; 65_532];
        assert_eq!(bad(Nest::value(&long)), "NFTA_DATA_VALUE: the value does not fit");
    }
}
