//! Expressions (`NFTA_EXPR_*`, <linux/netfilter/nf_tables.h>): what rules consist of, and what sets and elements carry.
//!
//! The name says which attributes the data have. A new kind: its table in one of the files beside this one, and a line
//! here. [`Expression`] prints itself as one readable line.

mod action;
mod compute;
mod load;
mod state;
mod text;
pub mod words;

pub use action::*;
pub use compute::*;
pub use load::*;
pub use state::*;

use crate::attr::Attr;
use crate::name::Name;
use crate::policy::{Policy, Surroundings, attributes};

attributes! {
    /// `NFTA_EXPR_*`
    pub EXPR "NFTA_EXPR" as ExpressionAttributes {
        name = 1 NAME: name, Tracked;
        /// See [`Expression`].
        data = 2 DATA: depends(data_policy), Tracked;
    }
}

/// The table for the name beside: of every expression of every rule, so a kind is found by a hash of its name.
#[inline]
fn data_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    let name = around.sibling(1)?;
    let place = PLACES.get(place_of(name)).and_then(|place| KINDS.get(usize::from(*place)));
    match (place, name.split_last()) {
        (Some((kind, policy)), Some((0, name))) if kind.as_bytes() == name => Some(policy),
        _ => policy_of(Name::from_payload(name).as_bytes()),
    }
}

/// How many places the hash has.
const HASHED: usize = 128;

/// Position in [`KINDS`] of the kind with each hash.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static PLACES: [u8; HASHED] = {
    let mut places = [u8::MAX; HASHED];
    let mut index = 0;
    while index < KINDS.len() {
        let name = KINDS[index].0.as_bytes();
        let third = if name.len() > 2 { name[2] } else { 0 };
        let place = hash(name[0], name[1], third, name.len());
        assert!(places[place] == u8::MAX, "two kinds with one hash: other factors are needed");
        places[place] = index as u8;
        index += 1;
    }
    places
};

/// The hash of a name with its NUL.
#[inline]
fn place_of(payload: &[u8]) -> usize {
    match payload {
        [a, b, c, ..] => hash(*a, *b, *c, payload.len() - 1),
        _ => 0,
    }
}

/// Factors that give each kind a place of its own.
#[inline]
const fn hash(first: u8, second: u8, third: u8, length: usize) -> usize {
    (first as usize + 8 * second as usize + 19 * third as usize + length) % HASHED
}

macro_rules! expressions {
    ($($variant:ident($view:ident by $policy:ident) = $name:literal $text:literal;)*) => {
        /// An expression, typed by its name.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum Expression<'a> {
            $(#[doc = concat!("`", $text, "`")] $variant($view<'a>),)*
            /// Of a kind that this version does not know: its name and its data's attributes.
            Other(Name<'a>, &'a [u8]),
        }

        /// The names of all kinds, with the tables of their data.
        pub const KINDS: &[(&str, &Policy)] = &[$(($text, &$policy)),*];

        /// The table of a kind's data; `None` for a kind that this version does not know.
        #[inline]
        #[must_use]
        pub fn policy_of(name: &[u8]) -> Option<&'static Policy> {
            match name {
                $($name => Some(&$policy),)*
                _ => None,
            }
        }

        impl<'a> Expression<'a> {
            /// The typed view of validated attributes.
            pub(crate) fn new(attributes: ExpressionAttributes<'a>) -> Self {
                let name = attributes.name().unwrap_or_default();
                let data = attributes.data().unwrap_or_default();
                match name.as_bytes() {
                    $($name => Self::$variant($view::new(data)),)*
                    _ => Self::Other(name, data),
                }
            }

            /// Its name.
            #[must_use]
            pub fn name(self) -> Name<'a> {
                match self {
                    $(Self::$variant(_) => Name::new($name),)*
                    Self::Other(name, _) => name,
                }
            }

            /// Its data's attributes.
            #[must_use]
            pub fn as_bytes(self) -> &'a [u8] {
                match self {
                    $(Self::$variant(view) => view.as_bytes(),)*
                    Self::Other(_, data) => data,
                }
            }

            /// The table of its data's attributes; `None` for a kind that this version does not know.
            #[must_use]
            pub fn policy(self) -> Option<&'static Policy> {
                match self {
                    $(Self::$variant(_) => Some(&$policy),)*
                    Self::Other(..) => None,
                }
            }
        }
    };
}

expressions! {
    Bitwise(Bitwise by BITWISE) = b"bitwise" "bitwise";
    Byteorder(Byteorder by BYTEORDER) = b"byteorder" "byteorder";
    Cmp(Cmp by CMP) = b"cmp" "cmp";
    Connlimit(Connlimit by CONNLIMIT) = b"connlimit" "connlimit";
    Counter(Counter by COUNTER) = b"counter" "counter";
    Ct(Ct by CT) = b"ct" "ct";
    Dup(Dup by DUP) = b"dup" "dup";
    Dynset(Dynset by DYNSET) = b"dynset" "dynset";
    Exthdr(Exthdr by EXTHDR) = b"exthdr" "exthdr";
    Fib(Fib by FIB) = b"fib" "fib";
    FlowOffload(FlowOffload by FLOW) = b"flow_offload" "flow_offload";
    Fwd(Fwd by FWD) = b"fwd" "fwd";
    Hash(Hash by HASH) = b"hash" "hash";
    Immediate(Immediate by IMMEDIATE) = b"immediate" "immediate";
    Inner(Inner by INNER) = b"inner" "inner";
    Last(Last by LAST) = b"last" "last";
    Limit(Limit by LIMIT) = b"limit" "limit";
    Log(Log by LOG) = b"log" "log";
    Lookup(Lookup by LOOKUP) = b"lookup" "lookup";
    Masq(Masq by MASQ) = b"masq" "masq";
    Match(Match by MATCH) = b"match" "match";
    Meta(Meta by META) = b"meta" "meta";
    Nat(Nat by NAT) = b"nat" "nat";
    Notrack(Notrack by NOTRACK) = b"notrack" "notrack";
    Numgen(Numgen by NUMGEN) = b"numgen" "numgen";
    Objref(Objref by OBJREF) = b"objref" "objref";
    Osf(Osf by OSF) = b"osf" "osf";
    Payload(Payload by PAYLOAD) = b"payload" "payload";
    Queue(Queue by QUEUE) = b"queue" "queue";
    Quota(Quota by QUOTA) = b"quota" "quota";
    Range(Range by RANGE) = b"range" "range";
    Redir(Redir by REDIR) = b"redir" "redir";
    Reject(Reject by REJECT) = b"reject" "reject";
    Rt(Rt by RT) = b"rt" "rt";
    Socket(Socket by SOCKET) = b"socket" "socket";
    Synproxy(Synproxy by SYNPROXY) = b"synproxy" "synproxy";
    Target(Target by TARGET) = b"target" "target";
    Tproxy(Tproxy by TPROXY) = b"tproxy" "tproxy";
    Tunnel(Tunnel by TUNNEL) = b"tunnel" "tunnel";
    Xfrm(Xfrm by XFRM) = b"xfrm" "xfrm";
}

impl<'a> Expression<'a> {
    /// The attributes of its data that this version does not know; of an unknown kind, all.
    #[must_use]
    pub fn unknown(self) -> Vec<Attr<'a>> {
        match self.policy() {
            Some(policy) => policy.unknown(self.as_bytes()).collect(),
            None => crate::attr::Attrs::new(self.as_bytes()).map_while(Result::ok).collect(),
        }
    }
}
