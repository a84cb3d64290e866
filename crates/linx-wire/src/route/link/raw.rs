//! Fixed structures inside link attributes, and how they are declared.

/// Declares structures that are read in place: no alignment, fields in the machine's order (`U32` …) or in network
/// order (`be::U16` …).
macro_rules! structures {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$note:meta])* pub $field:ident: $ty:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        #[repr(C)]
        pub struct $name { $($(#[$note])* pub $field: $ty,)* }
    )*};
}
pub(crate) use structures;

/// Declares counters that grew with kernel versions: copied out, what an older kernel does not send is 0.
macro_rules! counters {
    ($($(#[$doc:meta])* pub struct $name:ident: $ty:ty { $($(#[$note:meta])* pub $field:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(C)]
        pub struct $name { $($(#[$note])* pub $field: $ty,)* }

        impl $name {
            /// The names and values of all counters, in the kernel's order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, $ty)> + use<> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }

            /// The counters that `payload` holds; the rest are 0.
            #[must_use]
            pub fn from_payload(payload: &[u8]) -> Self {
                let mut counters = Self::default();
                for (to, from) in zerocopy::IntoBytes::as_mut_bytes(&mut counters).iter_mut().zip(payload) {
                    *to = *from;
                }
                counters
            }
        }
    )*};
}
pub(crate) use counters;
