//! What the bodies are written with: fields under fixed keys, and the values that have a form of their own.

use std::borrow::Cow;
use std::net::IpAddr;

use linx_wire::addr::LinkAddr;
use linx_wire::attr::Attr;
use linx_wire::name::Name;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use crate::forms::value::{Value, hex, unknown_link};
use crate::ip;
use crate::names::LinkNames;
use crate::words::{self, Words};

/// A key, and the key of the exact bytes where a name is not UTF-8.
pub(super) type NameKeys = (&'static str, &'static str);

/// An object that is being written.
pub(super) struct Fields<S>(S);

impl<S: SerializeStruct> Fields<S> {
    /// Opens one. `expected` is the number of fields that most of its kind have.
    #[inline]
    pub(super) fn open<Z>(serializer: Z, name: &'static str, expected: usize) -> Result<Self, S::Error>
    where
        Z: Serializer<SerializeStruct = S, Error = S::Error>,
    {
        serializer.serialize_struct(name, expected).map(Self)
    }

    #[inline]
    pub(super) fn close(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }

    #[inline(always)]
    pub(super) fn put<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(key, value)
    }

    #[inline(always)]
    pub(super) fn maybe<T: Serialize>(
        &mut self,
        key: &'static str,
        value: Option<T>,
    ) -> Result<(), S::Error> {
        match value {
            Some(value) => self.put(key, &value),
            None => Ok(()),
        }
    }

    /// `true` or nothing.
    #[inline(always)]
    pub(super) fn flag(&mut self, key: &'static str, present: bool) -> Result<(), S::Error> {
        if present { self.put(key, &true) } else { Ok(()) }
    }

    #[inline(always)]
    pub(super) fn ip(&mut self, key: &'static str, address: Option<IpAddr>) -> Result<(), S::Error> {
        self.maybe(key, address.map(Ip))
    }

    /// A name of the kernel's.
    pub(super) fn name(&mut self, keys: NameKeys, name: Name<'_>) -> Result<(), S::Error> {
        self.put(keys.0, &*readable(name))?;
        if name.to_str().is_none() { self.put(keys.1, &Hex(name.as_bytes())) } else { Ok(()) }
    }

    /// The name of a link.
    #[inline]
    pub(super) fn link(&mut self, keys: NameKeys, links: &LinkNames, index: u32) -> Result<(), S::Error> {
        match links.get(index) {
            Some(link) => {
                self.put(keys.0, link.readable())?;
                if link.is_text() { Ok(()) } else { self.put(keys.1, &Hex(link.name().as_bytes())) }
            }
            None => self.put(keys.0, &unknown_link(index)),
        }
    }

    /// The attributes that are not known, where there are any.
    #[inline]
    pub(super) fn unknown(&mut self, attributes: &[Attr<'_>]) -> Result<(), S::Error> {
        if attributes.is_empty() { Ok(()) } else { self.put("unknown", &Unknown(attributes)) }
    }
}

/// A name as JSON text: as it is where it is UTF-8, else its escaped form.
pub(super) fn readable<'a>(name: Name<'a>) -> Cow<'a, str> {
    name.to_str().map_or_else(|| name.to_string().into(), Cow::Borrowed)
}

/// An IP address.
pub(super) struct Ip(pub(super) IpAddr);

impl Serialize for Ip {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&ip::address(self.0))
    }
}

/// A link address, written as an IP address where the link's type has such.
pub(super) struct Hardware(pub(super) LinkAddr, pub(super) u16);

impl Serialize for Hardware {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_ip().filter(|_| words::has_ip_link_addresses(self.1)) {
            Some(address) => serializer.serialize_str(&ip::address(address)),
            None => serializer.collect_str(&self.0),
        }
    }
}

/// Bytes, two hexadecimal digits each.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(self.0))
    }
}

/// The words of the bits that are set.
pub(super) struct Bits(pub(super) Words, pub(super) u32);

impl Serialize for Bits {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if self.1 != 0 {
            for word in words::bits(self.0, self.1) {
                list.serialize_element(&word)?;
            }
        }
        list.end()
    }
}

/// `[{"type":77,"hex":"…"}]`
pub(super) struct Unknown<'a>(pub(super) &'a [Attr<'a>]);

impl Serialize for Unknown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct One<'a>(&'a Attr<'a>);
        impl Serialize for One<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut one = serializer.serialize_struct("unknown", 2)?;
                one.serialize_field("type", &self.0.number())?;
                one.serialize_field("hex", &Hex(self.0.payload))?;
                one.end()
            }
        }
        serializer.collect_seq(self.0.iter().map(One))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Name(name) => serializer.serialize_str(&readable(Name::new(name))),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
