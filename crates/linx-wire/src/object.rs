//! The two forms of an object: validated bytes, borrowed from the datagram or owned, with one accessor trait.

/// Declares the borrowed form, the owned form and the trait of a kind whose message is a fixed part followed by
/// attributes. `Route` is not made by it: it is a typed struct (see there).
macro_rules! object {
    ($(#[$doc:meta])* $owned:ident, $borrowed:ident, $view:ident;
     header $header:ty; attributes $attributes:ident by $policy:ident;
     kind $kind:ident = $new:ident | $del:ident | $get:ident $(of $module:ident)?;
     $($body:tt)*
    ) => {
        $(#[$doc])*
        ///
        /// The owned form: the message's bytes, validated once. Equality and hash are those of the tracked fields.
        #[derive(Clone)]
        pub struct $owned(Box<[u8]>);

        $(#[$doc])*
        ///
        /// The borrowed form: it points into the datagram.
        #[derive(Clone, Copy)]
        pub struct $borrowed<'a>(&'a [u8]);

        #[doc = concat!("What [`", stringify!($owned), "`] and [`", stringify!($borrowed), "`] tell.")]
        pub trait $view {
            /// The message without its netlink header: fixed part, then attributes.
            fn as_bytes(&self) -> &[u8];

            /// The fixed part.
            #[inline]
            fn header(&self) -> &$header {
                static EMPTY: $header = <$header>::EMPTY;
                zerocopy::FromBytes::ref_from_prefix(self.as_bytes()).map_or(&EMPTY, |(header, _)| header)
            }

            /// The attributes, by name.
            #[inline]
            fn attributes(&self) -> $attributes<'_> {
                $attributes::new(self.as_bytes().get(size_of::<$header>()..).unwrap_or_default())
            }

            /// The attributes that this version does not know.
            fn unknown(&self) -> Vec<$crate::attr::Attr<'_>> {
                $policy.unknown(self.attributes().as_bytes()).collect()
            }

            $($body)*
        }

        impl $view for $owned {
            #[inline]
            fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl $view for $borrowed<'_> {
            #[inline]
            fn as_bytes(&self) -> &[u8] {
                self.0
            }
        }

        impl $owned {
            /// Decodes and keeps a message's payload (what follows the netlink header).
            ///
            /// # Errors
            /// The first fault, with its offset into the payload and its attribute path.
            pub fn decode(payload: &[u8]) -> $crate::error::Result<Self> {
                $borrowed::decode(payload).map(|borrowed| borrowed.to_owned())
            }

            /// The borrowed form.
            #[inline]
            #[must_use]
            pub fn as_ref(&self) -> $borrowed<'_> {
                $borrowed(&self.0)
            }

            /// The fields in which two objects differ, as far as `compare` looks: dotted paths of accessor names.
            #[must_use]
            pub fn differences(&self, other: &Self, compare: $crate::policy::Compare) -> Vec<String> {
                $borrowed::differences(self.as_ref(), other.as_ref(), compare)
            }
        }

        impl<'a> $borrowed<'a> {
            /// Validates a message's payload (what follows the netlink header).
            ///
            /// # Errors
            /// The first fault, with its offset into the payload and its attribute path.
            #[inline]
            pub fn decode(payload: &'a [u8]) -> $crate::error::Result<Self> {
                const FIXED: usize = size_of::<$header>();
                let (Some(attributes), Some(family)) = (payload.get(FIXED..), payload.first()) else {
                    let kind = $crate::error::DecodeErrorKind::Truncated { needed: FIXED, have: payload.len() };
                    return Err($crate::error::DecodeError::new(kind, 0));
                };
                $policy.validate(attributes, *family).map_err(|error| error.at_base(FIXED))?;
                Ok(Self(payload))
            }

            /// The owned form: one allocation, of the message's size.
            #[must_use]
            #[allow(clippy::should_implement_trait)]
            pub fn to_owned(self) -> $owned {
                $owned(self.0.into())
            }

            /// The fields in which two objects differ, as far as `compare` looks: dotted paths of accessor names.
            #[must_use]
            pub fn differences(self, other: $borrowed<'_>, compare: $crate::policy::Compare) -> Vec<String> {
                let compare = self.header().narrow(other.header(), compare);
                let mut paths = self.header().differences(other.header(), compare);
                let (a, b) = (self.attributes().as_bytes(), other.attributes().as_bytes());
                $policy.differences(a, b, self.family_byte(), compare, &mut |path| {
                    paths.push($crate::object::dotted(path));
                    true
                });
                paths
            }

            #[inline]
            fn family_byte(&self) -> u8 {
                self.0.first().copied().unwrap_or_default()
            }

            /// Whether two objects are equal, as far as `compare` looks.
            #[must_use]
            pub fn same(self, other: $borrowed<'_>, compare: $crate::policy::Compare) -> bool {
                let (a, b) = (self.attributes().as_bytes(), other.attributes().as_bytes());
                let compare = self.header().narrow(other.header(), compare);
                self.header().differences(other.header(), compare).is_empty()
                    && $policy.same(a, b, self.family_byte(), compare)
            }
        }

        impl PartialEq for $owned {
            fn eq(&self, other: &Self) -> bool {
                self.as_ref().same(other.as_ref(), $crate::policy::Compare::Tracked)
            }
        }

        impl Eq for $owned {}

        impl std::hash::Hash for $owned {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.header().hash_tracked(state);
                $policy.hash_tracked(self.attributes().as_bytes(), self.as_ref().family_byte(), state);
            }
        }

        impl std::fmt::Debug for $owned {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.as_ref(), f)
            }
        }

        impl std::fmt::Debug for $borrowed<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($owned))
                    .field("header", self.header())
                    .field("attributes", &self.attributes())
                    .finish()
            }
        }

        impl $crate::object::Decode for $owned {
            type Ref<'a> = $borrowed<'a>;
            const KIND: $crate::object::Kind = $crate::object::Kind::$kind;
            const NEW: u16 = $crate::object::message_type!($($module)? $new);
            const DEL: u16 = $crate::object::message_type!($($module)? $del);
            const GET: u16 = $crate::object::message_type!($($module)? $get);

            fn decode_ref(payload: &[u8]) -> $crate::error::Result<$borrowed<'_>> {
                $borrowed::decode(payload)
            }

            fn owned(borrowed: $borrowed<'_>) -> Self {
                borrowed.to_owned()
            }
        }
    };
}
pub(crate) use object;

/// A message type's number: of rtnetlink, or of another subsystem where one is named.
macro_rules! message_type {
    ($name:ident) => {
        $crate::uapi::rtm::$name
    };
    ($module:ident $name:ident) => {
        $crate::uapi::$module::$name
    };
}
pub(crate) use message_type;

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A network device.
    Link,
    /// An IP address on a link.
    Address,
    /// A route.
    Route,
    /// A neighbour or bridge forwarding entry.
    Neighbour,
    /// A routing policy rule.
    Rule,
    /// A next hop object.
    NextHop,
    /// An id of a peer network namespace.
    NsId,
    /// nf_tables: a table.
    Table,
    /// nf_tables: a chain.
    Chain,
    /// nf_tables: a rule of a chain.
    NftRule,
    /// nf_tables: a set or map.
    Set,
    /// nf_tables: elements of a set or map.
    Elements,
    /// nf_tables: a stateful object.
    StatefulObject,
    /// nf_tables: a flow table.
    Flowtable,
    /// nf_tables: a generation of the rule set.
    Generation,
}

/// What lists and monitors need to know of a kind of object.
pub trait Decode: Sized + Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The borrowed form.
    type Ref<'a>: Copy;
    /// Which kind it is.
    const KIND: Kind;
    /// The message type that announces it, and that a dump consists of (`RTM_NEW*`).
    const NEW: u16;
    /// The message type that announces its end (`RTM_DEL*`).
    const DEL: u16;
    /// The message type that asks for it (`RTM_GET*`).
    const GET: u16;

    /// Validates a message's payload (what follows the netlink header).
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    fn decode_ref(payload: &[u8]) -> crate::error::Result<Self::Ref<'_>>;

    /// The owned form of a borrowed one.
    fn owned(borrowed: Self::Ref<'_>) -> Self;
}

/// A field's value as [`Compare::Tracked`](crate::Compare) and hashes see it.
macro_rules! as_compared {
    ($value:expr) => {
        $value
    };
    ($value:expr, $key:path) => {
        $key($value)
    };
}
pub(crate) use as_compared;

/// Declares the fixed part of a message (`struct ifinfomsg` and the like): fields, each with its class.
/// `Tracked by KEY`: values of which the function `KEY` makes the same are equal, but for `Compare::Everything`.
/// Where `narrow with` names a function, it says what of a comparison is left for two objects with these fixed parts.
macro_rules! fixed_part {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$note:meta])* pub $field:ident: $ty:ty, $class:ident $(by $key:path)?;)*
    } $(narrow with $narrow:path)?) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        #[repr(C, packed)]
        pub struct $name {
            $($(#[$note])* pub $field: $ty,)*
        }
        impl $name {
            /// All zeros.
            #[allow(dead_code)]
            pub(crate) const EMPTY: Self = zerocopy::transmute!([0u8; size_of::<$name>()]);

            /// What is left of a comparison of two objects with these fixed parts.
            #[allow(dead_code, unused_variables)]
            #[inline]
            pub(crate) fn narrow(&self, other: &Self, compare: $crate::policy::Compare) -> $crate::policy::Compare {
                $(let compare = $narrow(self, other, compare);)?
                compare
            }

            /// The names of the fields that differ, as far as `compare` looks.
            #[allow(dead_code)]
            pub(crate) fn differences(&self, other: &Self, compare: $crate::policy::Compare) -> Vec<String> {
                let mut names = Vec::new();
                $(
                    let (mine, theirs) = ({ self.$field }, { other.$field });
                    let same = mine == theirs
                        || compare != $crate::policy::Compare::Everything
                            && $crate::object::as_compared!(mine $(, $key)?)
                                == $crate::object::as_compared!(theirs $(, $key)?);
                    if !same && compare.sees($crate::policy::Class::$class) {
                        names.push(stringify!($field).to_owned());
                    }
                )*
                names
            }

            /// Feeds the tracked fields to `state`.
            #[allow(dead_code)]
            pub(crate) fn hash_tracked<H: std::hash::Hasher>(&self, state: &mut H) {
                $(
                    if $crate::policy::Class::$class == $crate::policy::Class::Tracked {
                        std::hash::Hash::hash(&$crate::object::as_compared!({ self.$field } $(, $key)?), state);
                    }
                )*
            }
        }
    };
}
pub(crate) use fixed_part;

/// A path of accessor names, dotted; `unknown` for attributes without a declaration.
pub(crate) fn dotted(path: &[&'static crate::policy::Entry]) -> String {
    if path.is_empty() {
        return "unknown".to_owned();
    }
    path.iter().map(|entry| entry.key).collect::<Vec<_>>().join(".")
}
