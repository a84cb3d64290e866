//! Attributes of any table as JSON, by the table: each under its key, in the form of its shape, or in the form that
//! [`forms`](super::forms) gives where ip writes it otherwise.

use linx_wire::addr::{self, LinkAddr};
use linx_wire::name::Name;
use linx_wire::policy::{Class, Entry, Policy, Shape, Surroundings};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::{Hex, Ip, Unknown, readable};
use crate::forms::value::Value;
use crate::forms::{self, Form, Forms, Given, attributes, signed, unsigned};
use crate::names::Context;

/// A list of attributes and its table.
#[derive(Clone, Copy)]
pub(super) struct Nest<'a> {
    pub(super) policy: &'static Policy,
    pub(super) bytes: &'a [u8],
    /// Address family of the message.
    pub(super) family: u8,
    pub(super) cx: &'a Context<'a>,
}

impl Serialize for Nest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl<'a> Nest<'a> {
    /// Writes the attributes into an object that is open.
    pub(super) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.without(map, &[])
    }

    /// Writes the attributes of these numbers, in this order.
    pub(super) fn ordered<M: SerializeMap>(&self, map: &mut M, numbers: &[u16]) -> Result<(), M::Error> {
        let forms = forms::of(self.policy);
        for number in numbers {
            if let (Some(entry), Some(payload)) = (self.policy.entry(*number), self.last(*number)) {
                self.entry(map, forms, entry, payload)?;
            }
        }
        Ok(())
    }

    /// The payload of an attribute. Of one that stands twice, the kernel's own parser takes the last.
    fn last(&self, number: u16) -> Option<&'a [u8]> {
        attributes(self.bytes).filter(|attr| attr.number() == number).last().map(|attr| attr.payload)
    }

    /// Writes the attributes but those of the numbers in `without`, and those without a declaration.
    pub(super) fn without<M: SerializeMap>(&self, map: &mut M, without: &[u16]) -> Result<(), M::Error> {
        let forms = forms::of(self.policy);
        let mut unknown = Vec::new();
        // Numbers as bits: `Policy` has none above 127.
        let bit = |number: u16| 1u128 << (number & 127);
        let (mut once, mut twice) = (0, 0);
        for attr in attributes(self.bytes) {
            twice |= once & bit(attr.number());
            once |= bit(attr.number());
        }
        let mut written = without.iter().fold(0, |bits, number| bits | bit(*number));
        for attr in attributes(self.bytes) {
            let (number, bit) = (attr.number(), bit(attr.number()));
            let Some(entry) = self.policy.entry(number) else {
                unknown.push(attr);
                continue;
            };
            if written & bit == 0 {
                written |= bit;
                let last = if twice & bit == 0 { None } else { self.last(number) };
                self.entry(map, forms, entry, last.unwrap_or(attr.payload))?;
            }
        }
        if unknown.is_empty() { Ok(()) } else { map.serialize_entry("unknown", &Unknown(&unknown)) }
    }

    fn entry<M: SerializeMap>(
        &self,
        map: &mut M,
        own: Forms,
        entry: &'static Entry,
        payload: &'a [u8],
    ) -> Result<(), M::Error> {
        if entry.class == Class::Volatile && !self.cx.volatile {
            return Ok(());
        }
        let given = Given { payload, shape: entry.shape, cx: self.cx, siblings: self.bytes };
        let key = match forms::form(own, entry) {
            Some(Form::Key(key)) => key,
            Some(Form::Only(key)) => return self.only(map, key, entry, payload),
            Some(form) => {
                return form.fields(&given).iter().try_for_each(|(key, value)| {
                    map.serialize_entry(key, value)?;
                    match value {
                        Value::Name(name) if !is_text(name) => {
                            map.serialize_entry(&format!("{key}_hex"), &Hex(name))
                        }
                        _ => Ok(()),
                    }
                });
            }
            None => forms::key(entry),
        };
        match entry.shape {
            // An empty nest says nothing: of a link, that no clock pin is behind it.
            Shape::Nested(_) if payload.is_empty() => Ok(()),
            Shape::Name => {
                let name = Name::from_payload(payload).as_bytes();
                map.serialize_entry(key, &*readable(Name::new(name)))?;
                if is_text(name) {
                    return Ok(());
                }
                map.serialize_entry(&format!("{key}_hex"), &Hex(name))
            }
            Shape::Items(Shape::Name) => {
                let names: Vec<_> =
                    attributes(payload).map(|attr| Name::from_payload(attr.payload).as_bytes()).collect();
                map.serialize_entry(
                    key,
                    &names.iter().map(|name| readable(Name::new(name))).collect::<Vec<_>>(),
                )?;
                if names.iter().all(|name| is_text(name)) {
                    return Ok(());
                }
                map.serialize_entry(
                    &format!("{key}_hex"),
                    &names.iter().map(|name| Hex(name)).collect::<Vec<_>>(),
                )
            }
            Shape::Many(shape) => {
                let all = attributes(self.bytes).filter(|attr| attr.number() == entry.number);
                let values: Vec<_> = all.map(|attr| self.value(shape, attr.payload)).collect();
                map.serialize_entry(key, &values)
            }
            shape => map.serialize_entry(key, &Shaped { nest: *self, shape, payload }),
        }
    }

    /// The values of the only attribute of a nest.
    fn only<M: SerializeMap>(
        &self,
        map: &mut M,
        key: &str,
        entry: &'static Entry,
        payload: &'a [u8],
    ) -> Result<(), M::Error> {
        let Shape::Nested(policy) = entry.shape else { return Ok(()) };
        let nest = Nest { policy, bytes: payload, ..*self };
        let values = attributes(payload).filter_map(|attr| match policy.entry(attr.number())?.shape {
            Shape::Many(shape) => Some(nest.value(shape, attr.payload)),
            _ => None,
        });
        map.serialize_entry(key, &values.collect::<Vec<_>>())
    }

    fn value(&self, shape: &'static Shape, payload: &'a [u8]) -> Shaped<'a> {
        Shaped { nest: *self, shape: *shape, payload }
    }
}

fn is_text(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok()
}

/// A value in the form of its shape.
struct Shaped<'a> {
    nest: Nest<'a>,
    shape: Shape,
    payload: &'a [u8],
}

impl Serialize for Shaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let payload = self.payload;
        match self.shape {
            Shape::Flag => serializer.serialize_bool(true),
            Shape::Bool => serializer.serialize_bool(payload.first().is_some_and(|byte| *byte != 0)),
            Shape::I8 | Shape::I32 | Shape::BeI32 => serializer.serialize_i64(signed(self.shape, payload)),
            Shape::Name => serializer.serialize_str(&readable(Name::from_payload(payload))),
            Shape::Ip => match addr::ip(payload) {
                Some(address) => Ip(address).serialize(serializer),
                None => Hex(payload).serialize(serializer),
            },
            Shape::LinkAddr => match LinkAddr::new(payload) {
                Some(address) => serializer.collect_str(&address),
                None => Hex(payload).serialize(serializer),
            },
            #[cfg(feature = "nft")]
            Shape::Nested(policy) if std::ptr::eq(policy, &linx_wire::nft::expr::EXPR) => {
                super::nft::ExpressionBody::of_bytes(payload, &self.nest).serialize(serializer)
            }
            Shape::Nested(policy) => Nest { policy, bytes: payload, ..self.nest }.serialize(serializer),
            Shape::Depends(choose) => {
                let around = Surroundings { siblings: self.nest.bytes, family: self.nest.family };
                match choose(around) {
                    Some(policy) => Nest { policy, bytes: payload, ..self.nest }.serialize(serializer),
                    None => Opaque(payload).serialize(serializer),
                }
            }
            Shape::Items(shape) => {
                let items = attributes(payload).map(|attr| Shaped {
                    nest: self.nest,
                    shape: *shape,
                    payload: attr.payload,
                });
                serializer.collect_seq(items)
            }
            Shape::Many(shape) => Shaped { shape: *shape, ..*self }.serialize(serializer),
            shape => match unsigned(shape, payload) {
                Some(number) => serializer.serialize_u64(number),
                None => Hex(payload).serialize(serializer),
            },
        }
    }
}

impl Clone for Shaped<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Shaped<'_> {}

/// A nest whose table is not known: `{"hex":"…"}`.
struct Opaque<'a>(&'a [u8]);

impl Serialize for Opaque<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &Hex(self.0))?;
        map.end()
    }
}
