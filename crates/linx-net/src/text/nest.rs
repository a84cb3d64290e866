//! Attributes of any table as text: their keys and values, as the table and its forms have them.

use linx_wire::addr::{self, LinkAddr};
use linx_wire::attr::Attr;
use linx_wire::name::Name;
use linx_wire::policy::{Class, Policy, Shape};

use super::Line;
use crate::forms::value::{Value, hex};
use crate::forms::{self, Form, Given, attributes, signed, unsigned};
use crate::names::Context;

/// Adds each attribute with its key.
pub(super) fn write(line: &mut Line, policy: &'static Policy, bytes: &[u8], cx: &Context<'_>) {
    let own = forms::of(policy);
    for attr in attributes(bytes) {
        let Some(entry) = policy.entry(attr.number()) else { continue };
        if entry.class == Class::Volatile && !cx.volatile {
            continue;
        }
        let given = Given { payload: attr.payload, shape: entry.shape, cx, siblings: bytes };
        let key = match forms::form(own, entry) {
            Some(Form::Key(key)) => key,
            Some(form) => {
                form.fields(&given).iter().for_each(|(key, value)| pair(line, key, value));
                continue;
            }
            None => forms::key(entry),
        };
        shaped(line, key, entry.shape, attr.payload, cx);
    }
    unknown(line, &policy.unknown(bytes).collect::<Vec<_>>());
}

pub(super) fn shaped(line: &mut Line, key: &str, shape: Shape, payload: &[u8], cx: &Context<'_>) {
    match shape {
        Shape::Flag => line.word(key),
        Shape::Name => line.display(key, Name::from_payload(payload)),
        Shape::I8 | Shape::I32 | Shape::BeI32 => line.display(key, signed(shape, payload)),
        Shape::Ip => match addr::ip(payload) {
            Some(address) => {
                line.word(key);
                line.ip(address);
            }
            None => line.pair(key, &hex(payload)),
        },
        Shape::LinkAddr => match LinkAddr::new(payload) {
            Some(address) => {
                line.word(key);
                line.link_address(address, 0);
            }
            None => line.pair(key, &hex(payload)),
        },
        Shape::Nested(policy) => {
            line.word(key);
            write(line, policy, payload, cx);
        }
        Shape::Items(shape) => {
            attributes(payload).for_each(|attr| shaped(line, key, *shape, attr.payload, cx));
        }
        Shape::Many(shape) => shaped(line, key, *shape, payload, cx),
        shape => match unsigned(shape, payload) {
            Some(number) => line.number(key, number),
            None => line.pair(key, &hex(payload)),
        },
    }
}

fn pair(line: &mut Line, key: &str, value: &Value) {
    match value {
        Value::Bool(true) => line.word(key),
        Value::Bool(false) => line.word(&format!("no{key}")),
        value => {
            line.word(key);
            line.word(&flat(value));
        }
    }
}

/// A value in one word. Texts of forms are Linx's own words, numbers, or names of links.
fn flat(value: &Value) -> String {
    flat_by(value, &escaped)
}

pub(super) fn escaped(text: &str) -> String {
    Name::new(text.as_bytes()).to_string()
}

/// A value in one word, with what `shown` makes of each text in it.
pub(super) fn flat_by(value: &Value, shown: &dyn Fn(&str) -> String) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Float(value) => format!("{value:.2}"),
        Value::Text(text) => shown(text),
        Value::Name(name) => Name::new(name).to_string(),
        Value::List(list) => list.iter().map(|value| flat_by(value, shown)).collect::<Vec<_>>().join(","),
        Value::Object(fields) => {
            let one = |(key, value): &(&str, Value)| format!("{key} {}", flat_by(value, shown));
            fields.iter().map(one).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Adds attributes that have no declaration.
pub(super) fn unknown(line: &mut Line, attributes: &[Attr<'_>]) {
    for attr in attributes {
        line.display("unknown", format_args!("{}:{}", attr.number(), hex(attr.payload)));
    }
}
