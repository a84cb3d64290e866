//! Any rtnetlink object: what a monitor's events hold, and what generic code passes on.

use crate::attr::Attr;
use crate::error::Result;
use crate::object::{Decode, Kind};
use crate::policy::Compare;
use crate::route::{
    Address, AddressRef, AddressView, Link, LinkRef, LinkView, Neighbour, NeighbourRef, NeighbourView,
    NextHop, NextHopRef, NextHopView, NsId, NsIdRef, NsIdView, Route, RouteRef, RouteView, Rule, RuleRef,
    RuleView,
};

/// What a notification says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// It is new or has changed (`RTM_NEW*`): the kernel does not say which.
    New,
    /// It is gone (`RTM_DEL*`).
    Del,
}

/// Declares both enumerations and what is the same for every kind.
macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident($owned:ident, $borrowed:ident) $ifindex:expr;)*) => {
        /// An object, owned. Equality and hash are those of the tracked fields.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Object {
            $($(#[$doc])* $kind($owned),)*
        }

        /// An object, borrowed: it points into the datagram.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum ObjectRef<'a> {
            $($(#[$doc])* $kind($borrowed<'a>),)*
        }

        impl Object {
            /// Which kind it is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// Its address family (`AF_*`), as the message has it.
            #[must_use]
            pub fn family(&self) -> u8 {
                match self {
                    $(Self::$kind(object) => object.family(),)*
                }
            }

            /// Index of the link that it is, or is on, or leads to; `None` for rules and namespace ids, and for routes
            /// and next hops without one or with several.
            #[must_use]
            pub fn ifindex(&self) -> Option<u32> {
                match self {
                    $(Self::$kind(object) => link_of(object, $ifindex),)*
                }
            }

            /// The attributes that this version does not know.
            #[must_use]
            pub fn unknown(&self) -> Vec<Attr<'_>> {
                match self {
                    $(Self::$kind(object) => object.unknown(),)*
                }
            }

            /// The borrowed form.
            #[must_use]
            pub fn as_ref(&self) -> ObjectRef<'_> {
                match self {
                    $(Self::$kind(object) => ObjectRef::$kind(object.as_ref()),)*
                }
            }

            /// The fields in which two objects differ, as far as `compare` looks: dotted paths of accessor names.
            /// Objects of different kinds differ in their `kind`.
            #[must_use]
            pub fn differences(&self, other: &Self, compare: Compare) -> Vec<String> {
                match (self, other) {
                    $((Self::$kind(a), Self::$kind(b)) => a.differences(b, compare),)*
                    _ => vec!["kind".to_owned()],
                }
            }
        }

        impl<'a> ObjectRef<'a> {
            /// Decodes the payload of a message (what follows the netlink header); `None` when the message's type is
            /// not that of an object.
            ///
            /// # Errors
            /// The first fault, with its offset into the payload and its attribute path.
            #[inline]
            pub fn decode(message_type: u16, payload: &'a [u8]) -> Result<Option<(Operation, Self)>> {
                $(
                    if message_type == $owned::NEW {
                        return Ok(Some((Operation::New, Self::$kind($borrowed::decode(payload)?))));
                    }
                    if message_type == $owned::DEL {
                        return Ok(Some((Operation::Del, Self::$kind($borrowed::decode(payload)?))));
                    }
                )*
                Ok(None)
            }

            /// Which kind it is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// Its address family (`AF_*`), as the message has it.
            #[must_use]
            pub fn family(&self) -> u8 {
                match self {
                    $(Self::$kind(object) => object.family(),)*
                }
            }

            /// Index of the link that it is, or is on, or leads to, as [`Object::ifindex`].
            #[must_use]
            pub fn ifindex(&self) -> Option<u32> {
                match self {
                    $(Self::$kind(object) => link_of(object, $ifindex),)*
                }
            }

            /// The attributes that this version does not know.
            #[must_use]
            pub fn unknown(&self) -> Vec<Attr<'_>> {
                match self {
                    $(Self::$kind(object) => object.unknown(),)*
                }
            }

            /// The owned form.
            #[must_use]
            #[allow(clippy::should_implement_trait)]
            pub fn to_owned(self) -> Object {
                match self {
                    $(Self::$kind(object) => Object::$kind(object.to_owned()),)*
                }
            }
        }

        $(
            impl From<$owned> for Object {
                fn from(object: $owned) -> Self {
                    Self::$kind(object)
                }
            }

            impl<'a> From<$borrowed<'a>> for ObjectRef<'a> {
                fn from(object: $borrowed<'a>) -> Self {
                    Self::$kind(object)
                }
            }
        )*
    };
}

objects! {
    /// A network device.
    Link(Link, LinkRef) |object| Some(object.index());
    /// An IP address of a link.
    Address(Address, AddressRef) |object| Some(object.index());
    /// A route.
    Route(Route, RouteRef) |object| object.oif();
    /// A neighbour or forwarding entry.
    Neighbour(Neighbour, NeighbourRef) |object| Some(object.index()).filter(|index| *index != 0);
    /// A routing policy rule.
    Rule(Rule, RuleRef) |_| None;
    /// A next hop object.
    NextHop(NextHop, NextHopRef) |object| object.oif();
    /// An id of a peer network namespace.
    NsId(NsId, NsIdRef) |_| None;
}

/// Gives a closure the type of the object that it is asked about.
#[inline]
fn link_of<T>(object: &T, ask: impl Fn(&T) -> Option<u32>) -> Option<u32> {
    ask(object)
}

// An event's object is as large as its largest kind, a route, and no larger.
const _: () = assert!(size_of::<Object>() <= 168);

impl Object {
    /// Decodes the payload of a message (what follows the netlink header); `None` when the message's type is not that
    /// of an object.
    ///
    /// # Errors
    /// The first fault, with its offset into the payload and its attribute path.
    #[inline]
    pub fn decode(message_type: u16, payload: &[u8]) -> Result<Option<(Operation, Self)>> {
        // Of routes come so many that they are decoded where they are kept.
        let operation = match message_type {
            <Route as Decode>::NEW => Operation::New,
            <Route as Decode>::DEL => Operation::Del,
            _ => return Self::decode_other(message_type, payload),
        };
        match Route::decode(payload) {
            Ok(route) => Ok(Some((operation, Self::Route(route)))),
            Err(error) => Err(error),
        }
    }

    fn decode_other(message_type: u16, payload: &[u8]) -> Result<Option<(Operation, Self)>> {
        let decoded = ObjectRef::decode(message_type, payload)?;
        Ok(decoded.map(|(operation, object)| (operation, object.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::Request;
    use crate::header::MessageFlags;
    use crate::route::link::IfInfo;
    use crate::route::{FibRuleHdr, GenMsg, IfAddrMsg, NdMsg, NhMsg, RouteHeader};
    use crate::uapi::rtm;

    fn payload(request: &Request) -> Vec<u8> {
        request.payload().to_vec()
    }

    fn empty(message_type: u16) -> Request {
        Request::new(message_type, MessageFlags::empty())
    }

    #[test]
    fn the_message_type_decides_kind_and_operation() {
        let address = IfAddrMsg { family: 2, index: 4, ..IfAddrMsg::default() };
        let neighbour = NdMsg { family: 7, ifindex: 5, ..NdMsg::default() };
        let rule = FibRuleHdr { family: 10, ..FibRuleHdr::default() };
        let link = IfInfo { family: 0, ifindex: 3, ..IfInfo::default() };
        let cases = [
            (rtm::DELLINK, empty(0).body(&link), Kind::Link, 0, Some(3)),
            (rtm::NEWADDR, empty(0).body(&address), Kind::Address, 2, Some(4)),
            (rtm::DELNEIGH, empty(0).body(&neighbour), Kind::Neighbour, 7, Some(5)),
            (rtm::NEWRULE, empty(0).body(&rule), Kind::Rule, 10, None),
            (
                rtm::DELNEXTHOP,
                empty(0).body(&NhMsg::default()).attribute_u32(5, 6),
                Kind::NextHop,
                0,
                Some(6),
            ),
            (rtm::NEWNSID, empty(0).body(&GenMsg::default()), Kind::NsId, 0, None),
            (
                rtm::DELROUTE,
                empty(0).body(&RouteHeader { family: 2, ..RouteHeader::default() }).attribute_u32(4, 7),
                Kind::Route,
                2,
                Some(7),
            ),
        ];
        for (message_type, request, kind, family, ifindex) in cases {
            let payload = payload(&request);
            let (operation, object) = ObjectRef::decode(message_type, &payload).unwrap().unwrap();
            let (_, owned) = Object::decode(message_type, &payload).unwrap().unwrap();
            let deletes =
                [rtm::DELLINK, rtm::DELNEIGH, rtm::DELNEXTHOP, rtm::DELROUTE].contains(&message_type);
            assert_eq!(operation, if deletes { Operation::Del } else { Operation::New });
            assert_eq!((object.kind(), object.family(), object.ifindex()), (kind, family, ifindex));
            assert_eq!((owned.kind(), owned.family(), owned.ifindex()), (kind, family, ifindex));
            assert_eq!(owned, owned.as_ref().to_owned());
        }
    }

    #[test]
    fn a_type_that_is_no_object_is_none_and_a_short_one_is_an_error() {
        for message_type in [0, 3, rtm::GETLINK, rtm::SETLINK, rtm::GETROUTE, 36, 255, u16::MAX] {
            assert!(ObjectRef::decode(message_type, &[]).unwrap().is_none(), "{message_type}");
        }
        assert!(ObjectRef::decode(rtm::NEWADDR, &[0; 7]).is_err());
    }

    #[test]
    fn objects_of_different_kinds_differ() {
        let address = Object::from(Address::decode(&payload(&empty(0).body(&IfAddrMsg::default()))).unwrap());
        let rule = Object::from(Rule::decode(&payload(&empty(0).body(&FibRuleHdr::default()))).unwrap());
        assert_ne!(address, rule);
        assert_eq!(address.differences(&rule, Compare::Tracked), ["kind"]);
        let unknown = payload(&empty(0).body(&FibRuleHdr::default()).attribute(99, &[1, 2]));
        let unknown = Object::from(Rule::decode(&unknown).unwrap());
        assert_eq!(unknown.unknown()[0].payload, [1, 2]);
        assert_eq!(unknown.differences(&rule, Compare::Tracked), ["unknown"]);
    }
}
