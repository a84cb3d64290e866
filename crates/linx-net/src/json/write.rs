//! The JSON writer: a `serde::Serializer` into a byte vector.
//!
//! Of its own for two reasons. Its output is safe for a terminal: DEL, the C1 controls and what changes the direction
//! of text are escaped (`\u009b`) like the controls that JSON itself wants escaped, so a hostile name never reaches a
//! terminal raw; serde_json writes them as they are. And it is faster by a fifth for routes: keys that are known when
//! Linx is compiled are not looked through for what to escape, other text eight bytes at a time.

use std::fmt::Display;

use linx_wire::name::is_dangerous;
use serde::Serialize;
use serde::ser::{self, Impossible};

use crate::ip::{DIGITS, decimals};

/// Why a value cannot be written: it is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key of a map is not a string.
    #[error("a key is not a string")]
    Key,
    /// What a `Serialize` implementation said.
    #[error("{0}")]
    Custom(String),
}

impl ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

/// Appends `value` as JSON on one line.
///
/// # Errors
/// A map with keys that are not strings, and what the value's own `Serialize` reports; Linx's own values have neither.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(&mut Writer { out })
}

/// JSON on one line, spread over several: two spaces a level, as serde_json and `jq` have it. The line is taken to be
/// what [`append`] wrote.
#[must_use]
pub fn pretty(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() * 2);
    let (mut level, mut text, mut escaped) = (0usize, false, false);
    let new_line = |out: &mut Vec<u8>, level: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * level, b' ');
    };
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if text {
            out.push(byte);
            text = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            // An empty list or object: `]` and `}` are two behind `[` and `{`.
            b'[' | b'{' if bytes.peek() == Some(&(byte + 2)) => {
                out.extend([byte, byte + 2]);
                bytes.next();
            }
            b'[' | b'{' => {
                level += 1;
                out.push(byte);
                new_line(&mut out, level);
            }
            b']' | b'}' => {
                level = level.saturating_sub(1);
                new_line(&mut out, level);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, level);
            }
            b':' => out.extend(b": "),
            byte => {
                text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

/// Appends a number.
#[inline]
pub(crate) fn append_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(decimals(number, &mut [0; DIGITS]));
}

/// Appends a string with its quotes.
#[inline]
pub(crate) fn append_string(out: &mut Vec<u8>, text: &str) {
    if !is_plain(text.as_bytes()) {
        return append_escaped(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Whether nothing needs an escape: printable ASCII but quotes and backslashes.
#[inline(always)]
fn is_plain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut special = 0;
    while let Some((eight, behind)) = rest.split_first_chunk() {
        special |= specials(u64::from_ne_bytes(*eight));
        rest = behind;
    }
    // What is left: with bytes from before it where there are any.
    if let Some(eight) = bytes.last_chunk() {
        special |= specials(u64::from_ne_bytes(*eight));
    } else {
        let filled =
            rest.iter().fold(u64::from_ne_bytes([b' '; 8]), |word, byte| word << 8 | u64::from(*byte));
        special |= specials(filled);
    }
    special == 0
}

/// The high bits of those of eight bytes that are special.
#[inline(always)]
fn specials(word: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    // A byte is zero where subtracting 1 borrows; a borrow from the byte before shows a special one there anyway.
    let zero = |word: u64| word.wrapping_sub(all(1)) & !word;
    let low = word.wrapping_sub(all(b' ')) & !word;
    let high = (word & all(0x7f)).wrapping_add(all(1)) | word;
    (low | high | zero(word ^ all(b'"')) | zero(word ^ all(b'\\'))) & all(0x80)
}

#[cold]
fn append_escaped(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            character if is_dangerous(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            character => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The serializer.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

/// A list or an object that is being written. A comma stands before each item; that of the first becomes the bracket.
struct Group<'b, 'a> {
    writer: &'b mut Writer<'a>,
    start: usize,
    open: u8,
    /// What closes it: one bracket, or two around an enum's variant.
    close: &'static [u8],
}

impl<'b, 'a> Group<'b, 'a> {
    #[inline(always)]
    fn open(writer: &'b mut Writer<'a>, open: u8, close: &'static [u8]) -> Self {
        Self { start: writer.out.len(), writer, open, close }
    }

    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.out.push(b',');
        value.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        append_key(self.writer.out, key);
        value.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn finish(self) {
        match self.writer.out.get_mut(self.start) {
            Some(comma) => *comma = self.open,
            None => self.writer.out.push(self.open),
        }
        self.writer.out.extend_from_slice(self.close);
    }
}

/// Appends `,"key":`. Inlined, so that the compiler knows how long the key is.
#[inline(always)]
fn append_key(out: &mut Vec<u8>, key: &'static str) {
    debug_assert!(is_plain(key.as_bytes()));
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

macro_rules! numbers {
    ($($name:ident($ty:ty);)*) => {$(
        #[inline]
        fn $name(self, value: $ty) -> Result<(), Error> {
            append_number(self.out, u64::from(value));
            Ok(())
        }
    )*};
}

impl<'b, 'a> ser::Serializer for &'b mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Group<'b, 'a>;
    type SerializeTuple = Group<'b, 'a>;
    type SerializeTupleStruct = Group<'b, 'a>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Group<'b, 'a>;
    type SerializeStruct = Group<'b, 'a>;
    type SerializeStructVariant = Group<'b, 'a>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    numbers! {
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        if value < 0 {
            self.out.push(b'-');
        }
        append_number(self.out, value.unsigned_abs());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    /// A number that JSON has; `null` for what is none.
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        let text = if value.is_finite() { format!("{value}") } else { "null".to_owned() };
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        append_string(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _at: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _at: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut group = Group::open(self, b'{', b"}");
        group.field(variant, value)?;
        group.finish();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _length: Option<usize>) -> Result<Group<'b, 'a>, Error> {
        Ok(Group::open(self, b'[', b"]"))
    }

    fn serialize_tuple(self, length: usize) -> Result<Group<'b, 'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Group<'b, 'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _at: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(ser::Error::custom("tuple variants are not used"))
    }

    #[inline]
    fn serialize_map(self, _length: Option<usize>) -> Result<Group<'b, 'a>, Error> {
        Ok(Group::open(self, b'{', b"}"))
    }

    #[inline]
    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Group<'b, 'a>, Error> {
        Ok(Group::open(self, b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _at: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Group<'b, 'a>, Error> {
        self.out.push(b'{');
        append_string(self.out, variant);
        self.out.push(b':');
        Ok(Group::open(self, b'{', b"}}"))
    }
}

macro_rules! sequences {
    ($($name:ident $method:ident),*) => {$(
        impl ser::$name for Group<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
sequences! { SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field }

macro_rules! structures {
    ($($name:ident),*) => {$(
        impl ser::$name for Group<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
structures! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Group<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.writer.out.push(b',');
        let at = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        if self.writer.out.get(at) == Some(&b'"') { Ok(()) } else { Err(Error::Key) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.out.push(b':');
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.finish();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: Serialize + ?Sized>(value: &T) -> String {
        let mut out = Vec::new();
        append(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[derive(Serialize)]
    enum Variants {
        One,
        Two(u8),
        Three { a: u8, b: Option<bool> },
    }

    #[derive(Serialize)]
    struct Everything {
        numbers: (u8, i8, u64, i64, f64, f64),
        none: Option<u8>,
        unit: (),
        empty: [u8; 0],
        nothing: Nothing,
        variants: [Variants; 3],
        character: char,
        map: std::collections::BTreeMap<String, u32>,
    }

    #[derive(Serialize)]
    struct Nothing {}

    #[test]
    fn the_output_is_that_of_serde_json() {
        let value = Everything {
            numbers: (0, -128, u64::MAX, i64::MIN, 0.25, f64::NAN),
            none: None,
            unit: (),
            empty: [],
            nothing: Nothing {},
            variants: [Variants::One, Variants::Two(7), Variants::Three { a: 1, b: Some(true) }],
            character: '"',
            map: [("a b".to_owned(), 1), ("\\\"{[,:".to_owned(), 2)].into(),
        };
        assert_eq!(text(&value), serde_json::to_string(&value).unwrap());
        let spread = String::from_utf8(pretty(text(&value).as_bytes())).unwrap();
        assert_eq!(spread, serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn every_character_survives_and_none_is_dangerous() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let written = text(&character.to_string());
            let read: String = serde_json::from_str(&written).unwrap();
            assert_eq!(read, character.to_string());
            assert!(!written.chars().any(is_dangerous), "{written:?}");
        }
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_is() {
        for length in 0..30 {
            let plain = vec![b'a'; length];
            assert!(is_plain(&plain));
            for (at, byte) in (0..length).flat_map(|at| (0..=255u8).map(move |byte| (at, byte))) {
                let mut bytes = plain.clone();
                bytes[at] = byte;
                let expected = (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
                assert_eq!(is_plain(&bytes), expected, "{byte:#x} at {at} of {length}");
            }
        }
    }

    #[test]
    fn a_key_that_is_no_string_is_an_error() {
        let map: std::collections::BTreeMap<u8, u8> = [(1, 2)].into();
        assert_eq!(append(&mut Vec::new(), &map), Err(Error::Key));
    }
}
