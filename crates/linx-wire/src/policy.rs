//! One declaration for each attribute: its number, its kernel name, the shape of its value and its class.
//!
//! From a table of them ([`Policy`], made by `attributes!`) follow the validation of a message's bytes, typed
//! accessors, comparison, hashing, the list of what is unknown, and the test against the installed kernel headers.
//! Nothing here panics on validated or on unvalidated bytes.

use crate::attr::{Attr, Attrs, MAX_DEPTH};
use crate::error::{DecodeError, DecodeErrorKind, PathStep, Result};

/// What a change of a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Part of equality, hashes and deltas: the kernel announces every change.
    Tracked,
    /// Tracked while the object is up, else audited: of a link that is down the kernel announces no change of it, and
    /// going up announces all of them. Part of equality and deltas when either object is up; never of a hash.
    TrackedUp,
    /// Compared by an audit only: the kernel changes it in silence.
    Audited,
    /// Shown, never compared: statistics, ages, timers.
    Volatile,
    /// A moment in the future: equal when within [`crate::DEADLINE_TOLERANCE_SECS`] seconds. Never part of a hash.
    Deadline,
}

/// How much a comparison looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Tracked fields.
    Tracked,
    /// Tracked fields of objects that are down. Links take it by themselves where [`Compare::Tracked`] is asked for.
    TrackedDown,
    /// Tracked and audited fields.
    Audited,
    /// All fields, volatile ones and deadlines included.
    Everything,
}

impl Compare {
    /// Whether a field of `class` takes part.
    #[must_use]
    pub fn sees(self, class: Class) -> bool {
        match class {
            Class::Tracked => true,
            Class::TrackedUp => self != Self::TrackedDown,
            Class::Audited => matches!(self, Self::Audited | Self::Everything),
            Class::Volatile | Class::Deadline => self == Self::Everything,
        }
    }
}

/// What a policy that depends on its surroundings may look at.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The attributes beside the one in question.
    pub siblings: &'a [u8],
    /// First byte of the message's fixed part: its address family.
    pub family: u8,
}

impl<'a> Surroundings<'a> {
    /// Payload of a sibling.
    #[must_use]
    pub fn sibling(&self, number: u16) -> Option<&'a [u8]> {
        Attrs::new(self.siblings).last(number)
    }
}

/// The shape of an attribute's value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Present or not; any content.
    Flag,
    /// A truth value in 8 bits.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits, the machine's order.
    U16,
    /// Unsigned, 32 bits, the machine's order.
    U32,
    /// Unsigned, 64 bits, the machine's order.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 16 bits, network order.
    Be16,
    /// Unsigned, 32 bits, network order.
    Be32,
    /// Unsigned, 64 bits, network order.
    Be64,
    /// Signed, 32 bits, network order.
    BeI32,
    /// Flags, 32 bits, network order, of which the kernel changes these in silence: [`Compare::Tracked`] and hashes do
    /// not see them.
    Be32But(u32),
    /// Unsigned, 32 or 64 bits, the machine's order (`nla_put_uint`).
    Uint,
    /// Bytes, any number.
    Bytes,
    /// At least so many bytes: a structure that later kernels may lengthen.
    AtLeast(u16),
    /// A multiple of so many bytes: an array of structures.
    Multiple(u16),
    /// A string up to its NUL.
    Name,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A hardware address of at most 32 bytes.
    LinkAddr,
    /// Attributes of another table.
    Nested(&'static Policy),
    /// Attributes of a table that the surroundings name; bytes where they name none.
    Depends(fn(Surroundings<'_>) -> Option<&'static Policy>),
    /// A list that is not made of attributes alone: its own check.
    Checked(fn(&[u8], u8) -> Result<()>),
    /// Attributes that are all of one shape, whatever their numbers.
    Items(&'static Shape),
    /// This attribute may occur several times, each of one shape.
    Many(&'static Shape),
}

impl Shape {
    /// The sizes that it allows, bytes, and their name.
    const fn sizes(self) -> (usize, usize, &'static str) {
        match self {
            Self::Flag
            | Self::Bytes
            | Self::Name
            | Self::Nested(_)
            | Self::Depends(_)
            | Self::Checked(_)
            | Self::Items(_) => (0, usize::MAX, "any"),
            // The kernel pads no integer, but its own checks take longer ones too (NLA_U8 with a minimum length).
            Self::Bool | Self::U8 | Self::I8 => (1, usize::MAX, "1"),
            Self::U16 | Self::Be16 => (2, usize::MAX, "2"),
            Self::U32 | Self::I32 | Self::Be32 | Self::BeI32 | Self::Be32But(_) => (4, usize::MAX, "4"),
            Self::U64 | Self::Be64 => (8, usize::MAX, "8"),
            Self::Uint => (4, usize::MAX, "4 or 8"),
            Self::AtLeast(size) => (size as usize, usize::MAX, "a structure"),
            Self::Multiple(_) => (0, usize::MAX, "an array"),
            Self::Ip => (4, 16, "4 or 16"),
            Self::LinkAddr => (0, crate::addr::MAX_LINK_ADDR, "at most 32"),
            Self::Many(shape) => shape.sizes(),
        }
    }

    /// Whether its size is all there is to check.
    const fn is_leaf(self) -> bool {
        match self {
            Self::Many(shape) => shape.is_leaf(),
            Self::Ip
            | Self::Multiple(_)
            | Self::Nested(_)
            | Self::Depends(_)
            | Self::Checked(_)
            | Self::Items(_) => false,
            _ => true,
        }
    }

    /// The table of what is inside, if anything is.
    pub(crate) fn inner(self, around: Surroundings<'_>) -> Inner {
        match self {
            Self::Nested(policy) => Inner::Policy(policy),
            Self::Depends(choose) => choose(around).map_or(Inner::Nothing, Inner::Policy),
            Self::Items(shape) => Inner::Items(shape),
            Self::Many(shape) => shape.inner(around),
            _ => Inner::Nothing,
        }
    }
}

/// What an attribute's value consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inner {
    Nothing,
    Policy(&'static Policy),
    Items(&'static Shape),
}

/// The declaration of one attribute.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its number.
    pub number: u16,
    /// Its kernel constant without the table's prefix (`MTU`).
    pub name: &'static str,
    /// The accessor's name, and where the kernel's tools have no other word, the field's name in JSON.
    pub key: &'static str,
    /// The shape of its value.
    pub shape: Shape,
    /// What a change of it means.
    pub class: Class,
}

/// What of an [`Entry`] the validation of a message looks at first, small so that a table of them stays in the cache.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Sizes allowed, bytes.
    least: u16,
    most: u16,
    /// Nothing but the size is to be checked.
    leaf: bool,
}

impl Rule {
    /// For a number without an entry.
    const ANYTHING: Self = Self { least: 0, most: u16::MAX, leaf: true };

    const fn new(shape: Shape) -> Self {
        let (least, most, _) = shape.sizes();
        let most = if most > u16::MAX as usize { u16::MAX } else { most as u16 };
        Self { least: least as u16, most, leaf: shape.is_leaf() }
    }
}

/// An accessor's name without the `r#` of a word that Rust has taken.
pub(crate) const fn key(getter: &'static str) -> &'static str {
    if let [b'r', b'#', rest @ ..] = getter.as_bytes() {
        if let Ok(word) = std::str::from_utf8(rest) {
            return word;
        }
    }
    getter
}

/// The table that the surroundings named for one attribute number. They are the same for each attribute of a list, and
/// a list may repeat an attribute thousands of times: to look through all of it for each would be quadratic.
#[derive(Default)]
struct Chosen([Option<(u16, Option<&'static Policy>)>; 2]);

impl Chosen {
    fn policy(
        &mut self,
        number: u16,
        choose: impl FnOnce() -> Option<&'static Policy>,
    ) -> Option<&'static Policy> {
        // No table has more than two that depend on another (`IFLA_INFO_DATA`, `IFLA_INFO_SLAVE_DATA`).
        let is_its = |slot: &&mut Option<(u16, _)>| slot.is_none_or(|(known, _)| known == number);
        match self.0.iter_mut().find(is_its) {
            Some(slot) => slot.get_or_insert_with(|| (number, choose())).1,
            None => choose(),
        }
    }
}

/// Largest attribute number that a table may hold.
const MAX_NUMBER: usize = 127;

/// The attributes of one kind of message or nest.
#[derive(Debug)]
pub struct Policy {
    /// Prefix of the kernel's constants (`IFLA`).
    pub prefix: &'static str,
    /// The attributes.
    pub entries: &'static [Entry],
    /// Position of each number in `entries`, plus one; 0 is none.
    places: [u8; MAX_NUMBER + 1],
    /// What each number's value must be.
    rules: [Rule; MAX_NUMBER + 1],
}

impl Policy {
    /// A table. Its construction fails to compile when a number is too large or stands twice.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    pub const fn new(prefix: &'static str, entries: &'static [Entry]) -> Self {
        let mut places = [0; MAX_NUMBER + 1];
        let mut rules = [Rule::ANYTHING; MAX_NUMBER + 1];
        let mut index = 0;
        while index < entries.len() {
            let number = entries[index].number as usize;
            assert!(number <= MAX_NUMBER && places[number] == 0, "attribute number too large, or twice");
            rules[number] = Rule::new(entries[index].shape);
            index += 1;
            places[number] = index as u8;
        }
        Self { prefix, entries, places, rules }
    }

    /// The declaration of an attribute number.
    #[inline]
    #[must_use]
    pub fn entry(&self, number: u16) -> Option<&'static Entry> {
        let place = *self.places.get(usize::from(number))?;
        self.entries.get(usize::from(place).checked_sub(1)?)
    }

    /// The step of an error's path for an attribute number.
    #[must_use]
    pub fn step(&self, number: u16) -> PathStep {
        let name = self.entry(number).map_or("", |entry| entry.name);
        PathStep { prefix: self.prefix, name, number }
    }

    /// Checks that `bytes` are attributes whose sizes and nests are as declared. Unknown numbers are allowed.
    ///
    /// # Errors
    /// The first fault, with its offset from the start of `bytes` and its path.
    #[inline]
    pub fn validate(&self, bytes: &[u8], family: u8) -> Result<()> {
        if self.fits(bytes, family, 0) {
            debug_assert!(self.validate_at(bytes, family, 0).is_ok(), "what fits is valid");
            return Ok(());
        }
        self.validate_at(bytes, family, 0)
    }

    /// Whether `bytes` are valid: [`Policy::validate_at`] without the words for what is wrong, and so faster.
    fn fits(&self, bytes: &[u8], family: u8, depth: usize) -> bool {
        let mut attrs = Attrs::new(bytes);
        let mut chosen = Chosen::default();
        while let Some(attr) = attrs.step() {
            let Some(rule) = self.rules.get(usize::from(attr.number())) else { continue };
            let have = attr.payload.len();
            if have < usize::from(rule.least) || have > usize::from(rule.most) {
                return false;
            }
            if !rule.leaf {
                let Some(entry) = self.entry(attr.number()) else { continue };
                let around = Surroundings { siblings: bytes, family };
                let fits = match entry.shape {
                    Shape::Depends(choose) => chosen
                        .policy(attr.number(), || choose(around))
                        .is_none_or(|policy| policy.fits(attr.payload, family, depth + 1)),
                    _ => fits(&entry.shape, attr.payload, around, depth),
                };
                if !fits {
                    return false;
                }
            }
        }
        depth < MAX_DEPTH && attrs.fault().is_none()
    }

    /// [`Policy::fits`] of a nest, which more often than not is a single value: that is seen without a call.
    #[inline(always)]
    fn fits_nest(&self, bytes: &[u8], family: u8, depth: usize) -> bool {
        self.is_one_leaf(bytes) && depth < MAX_DEPTH || self.fits(bytes, family, depth)
    }

    /// Whether `bytes` are one attribute whose size is all there is to check, and right.
    #[inline(always)]
    fn is_one_leaf(&self, bytes: &[u8]) -> bool {
        let &[l0, l1, t0, t1, ..] = bytes else { return false };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        if length > bytes.len() || (length + 3) & !3 < bytes.len() {
            return false;
        }
        let Some(have) = length.checked_sub(crate::attr::HEADER_LEN) else { return false };
        let number = u16::from_ne_bytes([t0, t1]) & crate::attr::TYPE_MASK;
        let rule = self.rules.get(usize::from(number)).unwrap_or(&Rule::ANYTHING);
        rule.leaf && have >= usize::from(rule.least) && have <= usize::from(rule.most)
    }

    fn validate_at(&self, bytes: &[u8], family: u8, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, 0));
        }
        let mut attrs = Attrs::new(bytes);
        let mut chosen = Chosen::default();
        while let Some(attr) = attrs.step() {
            let Some(rule) = self.rules.get(usize::from(attr.number())) else { continue };
            let have = attr.payload.len();
            if rule.leaf && have >= usize::from(rule.least) && have <= usize::from(rule.most) {
                continue;
            }
            self.check_at(attr, bytes, family, depth, &mut chosen)?;
        }
        attrs.fault().map_or(Ok(()), Err)
    }

    /// Checks one attribute of `bytes` in full.
    #[inline(never)]
    fn check_at(
        &self,
        attr: Attr<'_>,
        bytes: &[u8],
        family: u8,
        depth: usize,
        chosen: &mut Chosen,
    ) -> Result<()> {
        let Some(entry) = self.entry(attr.number()) else { return Ok(()) };
        let around = Surroundings { siblings: bytes, family };
        let outcome = match entry.shape {
            Shape::Depends(choose) => match chosen.policy(attr.number(), || choose(around)) {
                Some(policy) => policy.validate_at(attr.payload, family, depth + 1),
                None => Ok(()),
            },
            shape => check(shape, attr.payload, around, depth),
        };
        outcome.map_err(|error| {
            let at = attr.payload.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
            error.at_base(at).inside(self.step(attr.number()))
        })
    }

    /// The attributes that the table does not declare, in their order.
    pub fn unknown<'a>(&'static self, bytes: &'a [u8]) -> impl Iterator<Item = Attr<'a>> + use<'a> {
        let mut attrs = Attrs::new(bytes);
        std::iter::from_fn(move || attrs.step()).filter(|attr| self.entry(attr.number()).is_none())
    }
}

/// Whether a value is of its shape: [`check`] without the words for what is wrong.
#[inline(always)]
fn fits(shape: &Shape, payload: &[u8], around: Surroundings<'_>, depth: usize) -> bool {
    match *shape {
        Shape::Nested(policy) | Shape::Many(&Shape::Nested(policy)) => {
            policy.fits_nest(payload, around.family, depth + 1)
        }
        Shape::Items(&Shape::Nested(policy)) => {
            let mut attrs = Attrs::new(payload);
            while let Some(attr) = attrs.step() {
                if !policy.fits(attr.payload, around.family, depth + 2) {
                    return false;
                }
            }
            attrs.fault().is_none()
        }
        other => check(other, payload, around, depth).is_ok(),
    }
}

fn check(shape: Shape, payload: &[u8], around: Surroundings<'_>, depth: usize) -> Result<()> {
    let (least, most, expected) = shape.sizes();
    let have = payload.len();
    let fits = have >= least
        && have <= most
        && match shape {
            Shape::Ip => have == 4 || have == 16,
            Shape::Multiple(size) => have % usize::from(size) == 0,
            _ => true,
        };
    if !fits {
        return Err(DecodeError::new(DecodeErrorKind::BadSize { expected, have }, 0));
    }
    if let Shape::Checked(check) = shape {
        return check(payload, around.family);
    }
    match shape.inner(around) {
        Inner::Nothing => Ok(()),
        Inner::Policy(policy) => policy.validate_at(payload, around.family, depth + 1),
        Inner::Items(shape) => {
            if depth + 1 >= MAX_DEPTH {
                return Err(DecodeError::new(DecodeErrorKind::TooDeep, 0));
            }
            let mut attrs = Attrs::new(payload);
            loop {
                let at = attrs.offset();
                let Some(attr) = attrs.step() else { break };
                let around = Surroundings { siblings: payload, family: around.family };
                check(*shape, attr.payload, around, depth + 1).map_err(|error| {
                    let step = PathStep { prefix: "", name: "", number: attr.number() };
                    error.at_base(at + crate::attr::HEADER_LEN).inside(step)
                })?;
            }
            attrs.fault().map_or(Ok(()), Err)
        }
    }
}

/// The payloads of all attributes with this number.
pub(crate) fn each(bytes: &[u8], number: u16) -> impl Iterator<Item = &[u8]> {
    let mut attrs = Attrs::new(bytes);
    std::iter::from_fn(move || attrs.step())
        .filter(move |attr| attr.number() == number)
        .map(|attr| attr.payload)
}

/// The payloads of all attributes.
pub(crate) fn items(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut attrs = Attrs::new(bytes);
    std::iter::from_fn(move || attrs.step()).map(|attr| attr.payload)
}

/// Declares a [`Policy`] and a view with an accessor for each attribute:
///
/// ```text
/// attributes! {
///     /// What it is, <linux/header.h>
///     pub POLICY "IFLA_VXLAN" as VxlanData {
///         id = 1 ID: u32, Tracked;
///         nest = 2 NEST: nested(OTHER, OtherView), Tracked;
///     }
/// }
/// ```
macro_rules! attributes {
    ($(#[$doc:meta])* pub $policy:ident $prefix:literal as $view:ident {
        $($(#[$note:meta])* $getter:ident = $number:literal $name:tt :
          $shape:ident $(($($args:tt)*))?, $class:ident;)*
    }) => {
        $(#[$doc])*
        pub static $policy: $crate::policy::Policy = $crate::policy::Policy::new($prefix, &[
            $($crate::policy::Entry {
                number: $number,
                name: stringify!($name),
                key: $crate::policy::key(stringify!($getter)),
                shape: $crate::policy::shape!($shape $(($($args)*))?),
                class: $crate::policy::Class::$class,
            }),*
        ]);

        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $view<'a>(&'a [u8]);

        #[allow(clippy::len_without_is_empty)]
        impl<'a> $view<'a> {
            /// The view of validated bytes.
            #[inline]
            #[allow(dead_code)]
            pub(crate) fn new(bytes: &'a [u8]) -> Self {
                Self(bytes)
            }

            /// The attributes' bytes.
            #[inline]
            #[must_use]
            pub fn as_bytes(self) -> &'a [u8] {
                self.0
            }

            /// The attributes, known and unknown.
            #[must_use]
            pub fn attrs(self) -> $crate::attr::Attrs<'a> {
                $crate::attr::Attrs::new(self.0)
            }

            $(
                #[doc = concat!("`", $prefix, "_", stringify!($name), "`")]
                $(#[$note])*
                #[inline]
                #[must_use]
                #[allow(clippy::double_must_use, clippy::len_without_is_empty)]
                pub fn $getter(self) -> $crate::policy::value_type!('a $shape $(($($args)*))?) {
                    $crate::policy::value!(self.0, $number, $shape $(($($args)*))?)
                }
            )*
        }

        impl std::fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::policy::debug(&$policy, self.0, f)
            }
        }
    };
}
pub(crate) use attributes;

macro_rules! shape {
    (flag) => { $crate::policy::Shape::Flag };
    (bool) => { $crate::policy::Shape::Bool };
    (u8) => { $crate::policy::Shape::U8 };
    (u16) => { $crate::policy::Shape::U16 };
    (u32) => { $crate::policy::Shape::U32 };
    (u64) => { $crate::policy::Shape::U64 };
    (i8) => { $crate::policy::Shape::I8 };
    (i32) => { $crate::policy::Shape::I32 };
    (be16) => { $crate::policy::Shape::Be16 };
    (be32) => { $crate::policy::Shape::Be32 };
    (be64) => { $crate::policy::Shape::Be64 };
    (be_i32) => { $crate::policy::Shape::BeI32 };
    (be32_but($silent:literal)) => { $crate::policy::Shape::Be32But($silent) };
    (uint) => { $crate::policy::Shape::Uint };
    (bytes) => { $crate::policy::Shape::Bytes };
    (at_least($size:literal)) => { $crate::policy::Shape::AtLeast($size) };
    (structure($ty:ty)) => { $crate::policy::Shape::AtLeast(size_of::<$ty>() as u16) };
    (structures($ty:ty)) => { $crate::policy::Shape::Multiple(size_of::<$ty>() as u16) };
    (name) => { $crate::policy::Shape::Name };
    (ip) => { $crate::policy::Shape::Ip };
    (link_addr) => { $crate::policy::Shape::LinkAddr };
    (nested($policy:ident, $view:ident)) => { $crate::policy::Shape::Nested(&$policy) };
    (depends($choose:ident)) => { $crate::policy::Shape::Depends($choose) };
    (checked($check:ident)) => { $crate::policy::Shape::Checked($check) };
    (items($($inner:tt)*)) => { $crate::policy::Shape::Items(&$crate::policy::shape!($($inner)*)) };
    (many($($inner:tt)*)) => { $crate::policy::Shape::Many(&$crate::policy::shape!($($inner)*)) };
}
pub(crate) use shape;

macro_rules! value_type {
    ($a:lifetime flag) => { bool };
    ($a:lifetime items($($inner:tt)*)) => { impl Iterator<Item = $crate::policy::item_type!($a $($inner)*)> + use<$a> };
    ($a:lifetime many($($inner:tt)*)) => { impl Iterator<Item = $crate::policy::item_type!($a $($inner)*)> + use<$a> };
    ($a:lifetime $($inner:tt)*) => { Option<$crate::policy::item_type!($a $($inner)*)> };
}
pub(crate) use value_type;

macro_rules! item_type {
    ($a:lifetime bool) => { bool };
    ($a:lifetime u8) => { u8 };
    ($a:lifetime u16) => { u16 };
    ($a:lifetime u32) => { u32 };
    ($a:lifetime u64) => { u64 };
    ($a:lifetime i8) => { i8 };
    ($a:lifetime i32) => { i32 };
    ($a:lifetime be16) => { u16 };
    ($a:lifetime be32) => { u32 };
    ($a:lifetime be64) => { u64 };
    ($a:lifetime be_i32) => { i32 };
    ($a:lifetime be32_but($silent:literal)) => { u32 };
    ($a:lifetime uint) => { u64 };
    ($a:lifetime bytes) => { &$a [u8] };
    ($a:lifetime at_least($size:literal)) => { &$a [u8] };
    ($a:lifetime structure($ty:ty)) => { &$a $ty };
    ($a:lifetime structures($ty:ty)) => { &$a [$ty] };
    ($a:lifetime name) => { $crate::name::Name<$a> };
    ($a:lifetime ip) => { std::net::IpAddr };
    ($a:lifetime link_addr) => { $crate::addr::LinkAddr };
    ($a:lifetime nested($policy:ident, $view:ident)) => { $view<$a> };
    ($a:lifetime depends($choose:ident)) => { &$a [u8] };
    ($a:lifetime checked($check:ident)) => { &$a [u8] };
}
pub(crate) use item_type;

macro_rules! value {
    ($bytes:expr, $number:literal, flag) => { $crate::attr::Attrs::new($bytes).last($number).is_some() };
    ($bytes:expr, $number:literal, items($($inner:tt)*)) => {
        $crate::policy::items($crate::attr::Attrs::new($bytes).last($number).unwrap_or_default())
            .filter_map(|payload| $crate::policy::item!(payload, $($inner)*))
    };
    ($bytes:expr, $number:literal, many($($inner:tt)*)) => {
        $crate::policy::each($bytes, $number).filter_map(|payload| $crate::policy::item!(payload, $($inner)*))
    };
    ($bytes:expr, $number:literal, $($inner:tt)*) => {
        $crate::attr::Attrs::new($bytes).last($number)
            .and_then(|payload| $crate::policy::item!(payload, $($inner)*))
    };
}
pub(crate) use value;

macro_rules! item {
    ($payload:expr, bool) => {
        $payload.first().map(|byte| *byte != 0)
    };
    ($payload:expr, u8) => {
        $payload.first().copied()
    };
    ($payload:expr, u16) => {
        $payload.first_chunk().map(|b| u16::from_ne_bytes(*b))
    };
    ($payload:expr, u32) => {
        $payload.first_chunk().map(|b| u32::from_ne_bytes(*b))
    };
    ($payload:expr, u64) => {
        $payload.first_chunk().map(|b| u64::from_ne_bytes(*b))
    };
    ($payload:expr, i8) => {
        $payload.first_chunk().map(|b| i8::from_ne_bytes(*b))
    };
    ($payload:expr, i32) => {
        $payload.first_chunk().map(|b| i32::from_ne_bytes(*b))
    };
    ($payload:expr, be16) => {
        $payload.first_chunk().map(|b| u16::from_be_bytes(*b))
    };
    ($payload:expr, be32) => {
        $payload.first_chunk().map(|b| u32::from_be_bytes(*b))
    };
    ($payload:expr, be64) => {
        $payload.first_chunk().map(|b| u64::from_be_bytes(*b))
    };
    ($payload:expr, be_i32) => {
        $payload.first_chunk().map(|b| i32::from_be_bytes(*b))
    };
    ($payload:expr, be32_but($silent:literal)) => {
        $payload.first_chunk().map(|b| u32::from_be_bytes(*b))
    };
    ($payload:expr, uint) => {
        $payload
            .first_chunk()
            .map(|b| u64::from_ne_bytes(*b))
            .or_else(|| $payload.first_chunk().map(|b| u32::from_ne_bytes(*b).into()))
    };
    ($payload:expr, bytes) => {
        Some($payload)
    };
    ($payload:expr, at_least($size:literal)) => {
        Some($payload)
    };
    ($payload:expr, structure($ty:ty)) => {
        <$ty as zerocopy::FromBytes>::ref_from_prefix($payload).ok().map(|(value, _)| value)
    };
    ($payload:expr, structures($ty:ty)) => {
        <[$ty] as zerocopy::FromBytes>::ref_from_bytes($payload).ok()
    };
    ($payload:expr, name) => {
        Some($crate::name::Name::from_payload($payload))
    };
    ($payload:expr, ip) => {
        $crate::addr::ip($payload)
    };
    ($payload:expr, link_addr) => {
        $crate::addr::LinkAddr::new($payload)
    };
    ($payload:expr, nested($policy:ident, $view:ident)) => {
        Some($view::new($payload))
    };
    ($payload:expr, depends($choose:ident)) => {
        Some($payload)
    };
    ($payload:expr, checked($check:ident)) => {
        Some($payload)
    };
}
pub(crate) use item;

/// Prints what is there by its kernel names.
pub(crate) fn debug(policy: &Policy, bytes: &[u8], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut map = f.debug_map();
    let mut attrs = Attrs::new(bytes);
    while let Some(attr) = attrs.step() {
        map.entry(&format_args!("{}", policy.step(attr.number())), &Hex(attr.payload));
    }
    map.finish()
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
