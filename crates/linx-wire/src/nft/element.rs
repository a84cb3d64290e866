//! Elements of sets and maps (`NFTA_SET_ELEM_LIST_*`, `NFTA_SET_ELEM_*`, <linux/netfilter/nf_tables.h>).
//!
//! A message holds one element or several: [`Elements`] is the message, [`Element`] one element with its table and set.

use std::time::Duration;

use super::data::{DATA, Data};
use super::expr::{EXPR, Expression, ExpressionAttributes};
use super::header::NfGenMsg;
use super::userdata::{self, UserData};
use crate::attr::{Attr, Attrs};
use crate::error::Result;
use crate::name::Name;
use crate::object::object;
use crate::policy::{Compare, attributes};

attributes! {
    /// `NFTA_SET_ELEM_LIST_*`
    pub ELEMENT_LIST "NFTA_SET_ELEM_LIST" as ElementsAttributes {
        table = 1 TABLE: name, Tracked;
        set = 2 SET: name, Tracked;
        elem = 3 ELEMENTS: items(nested(ELEMENT, ElementAttributes)), Tracked;
        /// Of a request: the set's number in the batch.
        set_id = 4 SET_ID: be32, Volatile;
    }
}

attributes! {
    /// `NFTA_SET_ELEM_*`
    pub ELEMENT "NFTA_SET_ELEM" as ElementAttributes {
        key = 1 KEY: nested(DATA, Data), Tracked;
        data = 2 DATA: nested(DATA, Data), Tracked;
        flags = 3 FLAGS: be32, Tracked;
        timeout = 4 TIMEOUT: be64, Tracked;
        expires = 5 EXPIRATION: be64, Deadline;
        userdata = 6 USERDATA: bytes, Tracked;
        expr = 7 EXPR: nested(EXPR, ExpressionAttributes), Tracked;
        objref = 9 OBJREF: name, Tracked;
        key_end = 10 KEY_END: nested(DATA, Data), Tracked;
        exprs = 11 EXPRESSIONS: items(nested(EXPR, ExpressionAttributes)), Tracked;
    }
}

/// `NFTA_SET_ELEM_LIST_ELEMENTS`
const ELEMENTS: u16 = 3;
/// `NFTA_LIST_ELEM`
pub(super) const LIST_ELEM: u16 = 1;

bitflags::bitflags! {
    /// `NFT_SET_ELEM_*`
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct ElementFlags: u32 {
        /// The interval that the element before it began ends here, and does not contain it.
        const INTERVAL_END = 0x1;
        /// It stands for every key that no other element has. It has no key.
        const CATCHALL = 0x2;
        const _ = !0;
    }
}

object! {
    /// Elements of one set or map: a message.
    Elements, ElementsRef, ElementsView;
    header NfGenMsg; attributes ElementsAttributes by ELEMENT_LIST;
    kind Elements = NEWSETELEM | DELSETELEM | GETSETELEM of nft;

    /// The table's family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// The table's name.
    fn table(&self) -> Name<'_> {
        self.attributes().table().unwrap_or_default()
    }

    /// The set's name.
    fn set(&self) -> Name<'_> {
        self.attributes().set().unwrap_or_default()
    }

    /// The elements, one by one.
    fn iter(&self) -> impl Iterator<Item = ElementRef<'_>> {
        let message = self.as_bytes();
        self.attributes().elem().map(move |element| ElementRef { message, element: element.as_bytes() })
    }
}

impl<'a> ElementsRef<'a> {
    /// The elements, one by one: as [`ElementsView::iter`], for as long as the message lasts.
    pub fn elements(self) -> impl Iterator<Item = ElementRef<'a>> + Clone {
        let message = self.0;
        let attributes = ElementsAttributes::new(message.get(size_of::<NfGenMsg>()..).unwrap_or_default());
        let list = Attrs::new(attributes.as_bytes()).last(ELEMENTS).unwrap_or_default();
        Attrs::new(list)
            .map_while(Result::ok)
            .map(move |element| ElementRef { message, element: element.payload })
    }
}

/// One element with its table and set, borrowed from the message.
#[derive(Clone, Copy)]
pub struct ElementRef<'a> {
    /// The whole message.
    message: &'a [u8],
    /// The element's attributes.
    element: &'a [u8],
}

/// One element with its table and set.
///
/// The owned form: a message with this one element. Equality and hash are those of the tracked fields.
#[derive(Clone)]
pub struct Element(Box<[u8]>);

/// What [`Element`] and [`ElementRef`] tell.
pub trait ElementView {
    /// The element, borrowed.
    fn as_ref(&self) -> ElementRef<'_>;

    /// The element's attributes, by name.
    #[inline]
    fn attributes(&self) -> ElementAttributes<'_> {
        ElementAttributes::new(self.as_ref().element)
    }

    /// The attributes that this version does not know.
    fn unknown(&self) -> Vec<Attr<'_>> {
        ELEMENT.unknown(self.as_ref().element).collect()
    }

    /// The table's family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.as_ref().place().0
    }

    /// The table's name.
    fn table(&self) -> Name<'_> {
        self.as_ref().place().1
    }

    /// The set's name.
    fn set(&self) -> Name<'_> {
        self.as_ref().place().2
    }

    /// The key's bytes, as registers hold it; `None` of a catch-all element.
    fn key(&self) -> Option<&[u8]> {
        self.attributes().key()?.value()
    }

    /// Where an interval of a concatenation ends, this key included.
    fn key_end(&self) -> Option<&[u8]> {
        self.attributes().key_end()?.value()
    }

    /// What a map has for the key: bytes or a verdict.
    fn data(&self) -> Option<Data<'_>> {
        self.attributes().data()
    }

    /// Name of the stateful object that a map has for the key.
    fn object(&self) -> Option<Name<'_>> {
        self.attributes().objref()
    }

    /// `NFT_SET_ELEM_*`
    fn flags(&self) -> ElementFlags {
        ElementFlags::from_bits_retain(self.attributes().flags().unwrap_or_default())
    }

    /// Whether it stands for every key that no other element has.
    fn is_catch_all(&self) -> bool {
        self.flags().contains(ElementFlags::CATCHALL)
    }

    /// How long it lasts from its making, or from the last packet that renewed it; `None`: as its set says.
    fn timeout(&self) -> Option<Duration> {
        self.attributes().timeout().map(Duration::from_millis)
    }

    /// How long it lasts from now on: from the moment when the kernel wrote the message.
    fn expires(&self) -> Option<Duration> {
        self.attributes().expires().map(Duration::from_millis)
    }

    /// What it carries, such as a counter.
    fn expressions(&self) -> impl Iterator<Item = Expression<'_>> {
        let attributes = self.attributes();
        attributes.expr().into_iter().chain(attributes.exprs()).map(Expression::new)
    }

    /// What user space keeps with it.
    fn userdata(&self) -> Option<UserData<'_>> {
        self.attributes().userdata().map(UserData::new)
    }

    /// The comment, if its user data hold one.
    fn comment(&self) -> Option<Name<'_>> {
        self.userdata()?.comment(userdata::COMMENT)
    }
}

impl ElementView for ElementRef<'_> {
    #[inline]
    fn as_ref(&self) -> ElementRef<'_> {
        *self
    }
}

impl ElementView for Element {
    #[inline]
    fn as_ref(&self) -> ElementRef<'_> {
        let list = Attrs::new(self.0.get(size_of::<NfGenMsg>()..).unwrap_or_default()).last(ELEMENTS);
        let element = Attrs::new(list.unwrap_or_default()).step().map_or(&[][..], |attr| attr.payload);
        ElementRef { message: &self.0, element }
    }
}

impl<'a> ElementRef<'a> {
    /// The element with these attributes ([`as_bytes`](Self::as_bytes)), in the set that a message is of: for those who
    /// keep many elements of one set. The attributes are those of an element that was decoded.
    #[must_use]
    pub fn placed(message: ElementsRef<'a>, element: &'a [u8]) -> Self {
        Self { message: message.0, element }
    }

    /// The element's attributes as they stand in the message.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.element
    }

    /// The owned form: one allocation, of the message's size without the other elements.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub fn to_owned(self) -> Element {
        const FIXED: usize = size_of::<NfGenMsg>();
        let (header, attributes) = self.message.split_at_checked(FIXED).unwrap_or_default();
        let mut bytes = Vec::with_capacity(self.message.len().min(self.element.len() + 128));
        bytes.extend_from_slice(header);
        let mut attrs = Attrs::new(attributes);
        while let Some(attr) = attrs.step() {
            if attr.number() != ELEMENTS {
                append(&mut bytes, attr.raw_type, attr.payload.len(), |bytes| {
                    bytes.extend_from_slice(attr.payload);
                });
            }
        }
        let length = self.element.len() + crate::attr::HEADER_LEN;
        append(&mut bytes, ELEMENTS, length.next_multiple_of(4), |bytes| {
            append(bytes, LIST_ELEM, self.element.len(), |bytes| bytes.extend_from_slice(self.element));
        });
        Element(bytes.into())
    }

    /// Whether two elements are equal, as far as `compare` looks.
    #[must_use]
    pub fn same(self, other: ElementRef<'_>, compare: Compare) -> bool {
        self.place() == other.place() && ELEMENT.same(self.element, other.element, self.family(), compare)
    }

    /// The fields in which two elements differ, as far as `compare` looks: dotted paths of accessor names.
    #[must_use]
    pub fn differences(self, other: ElementRef<'_>, compare: Compare) -> Vec<String> {
        let (mine, theirs) = (self.place(), other.place());
        let places =
            [("family", mine.0 == theirs.0), ("table", mine.1 == theirs.1), ("set", mine.2 == theirs.2)];
        let mut paths: Vec<_> =
            places.iter().filter(|(_, same)| !same).map(|(field, _)| (*field).to_owned()).collect();
        ELEMENT.differences(self.element, other.element, mine.0, compare, &mut |path| {
            paths.push(crate::object::dotted(path));
            true
        });
        paths
    }

    fn place(self) -> (u8, Name<'a>, Name<'a>) {
        let attributes =
            ElementsAttributes::new(self.message.get(size_of::<NfGenMsg>()..).unwrap_or_default());
        let family = self.message.first().copied().unwrap_or_default();
        (family, attributes.table().unwrap_or_default(), attributes.set().unwrap_or_default())
    }
}

/// Appends an attribute of a message that was one already, so that no length can be too large for its field.
fn append(bytes: &mut Vec<u8>, raw_type: u16, length: usize, value: impl FnOnce(&mut Vec<u8>)) {
    let length = u16::try_from(length + crate::attr::HEADER_LEN).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&raw_type.to_ne_bytes());
    value(bytes);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

impl Element {
    /// The one element of a message, such as [`Element::as_bytes`] gives; `None` when the message has another number.
    ///
    /// # Errors
    /// As [`ElementsRef::decode`].
    pub fn decode(payload: &[u8]) -> Result<Option<Self>> {
        let elements = ElementsRef::decode(payload)?;
        let mut each = elements.iter();
        Ok(match (each.next(), each.next()) {
            (Some(element), None) => Some(element.to_owned()),
            _ => None,
        })
    }

    /// The message without its netlink header: fixed part, table, set, and this element.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The fields in which two elements differ, as far as `compare` looks: dotted paths of accessor names.
    #[must_use]
    pub fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
        self.as_ref().differences(other.as_ref(), compare)
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref().same(other.as_ref(), Compare::Tracked)
    }
}

impl Eq for Element {}

impl std::hash::Hash for Element {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let element = self.as_ref();
        let place = element.place();
        place.hash(state);
        ELEMENT.hash_tracked(element.element, place.0, state);
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.as_ref(), f)
    }
}

impl std::fmt::Debug for ElementRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (family, table, set) = self.place();
        f.debug_struct("Element")
            .field("family", &family)
            .field("table", &table)
            .field("set", &set)
            .field("attributes", &self.attributes())
            .finish()
    }
}
