//! Requests that make an object again from what the kernel sent: without handles and what else the kernel alone gives.
//!
//! The kernel names anonymous sets and bound chains itself: in a batch they are known by a number, which [`Renames`] holds.

use super::header::NfGenMsg;
use super::tunnel::TUNNEL_OPTS;
use super::{
    ChainRef, ChainView, ElementsRef, ElementsView, FlowtableRef, FlowtableView, RuleRef, RuleView, SetFlags,
    SetRef, SetView, StatefulObjectRef, StatefulObjectView, TableRef, TableView, object_type,
};
use crate::attr::{Attrs, NESTED};
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::name::Name;
use crate::uapi::nft;

/// Sets and chains of one table that go by a number within a batch.
#[derive(Clone, Debug, Default)]
pub struct Renames {
    sets: Vec<(Vec<u8>, u32)>,
    chains: Vec<(Vec<u8>, u32)>,
}

/// `NLM_F_CREATE`
const CREATE: MessageFlags = MessageFlags::ATOMIC;

/// What the kernel makes a set's name of, when it is to name it.
const ANY_SET: &[u8] = b"__set%d";

impl Renames {
    /// A set of this name goes by this number.
    pub fn set(&mut self, name: Name<'_>, id: u32) {
        self.sets.push((name.as_bytes().into(), id));
    }

    /// A chain of this name goes by this number.
    pub fn chain(&mut self, name: Name<'_>, id: u32) {
        self.chains.push((name.as_bytes().into(), id));
    }

    fn set_id(&self, name: &[u8]) -> Option<u32> {
        find(&self.sets, name)
    }

    fn chain_id(&self, name: &[u8]) -> Option<u32> {
        find(&self.chains, name)
    }
}

fn find(list: &[(Vec<u8>, u32)], name: &[u8]) -> Option<u32> {
    list.iter().find(|(listed, _)| listed == name).map(|(_, id)| *id)
}

impl TableRef<'_> {
    /// The request that makes it again.
    pub fn to_request(self) -> Request {
        keep(new(nft::NEWTABLE, self.header()), self.attributes().as_bytes(), |number| {
            ![3, 4, 7].contains(&number)
        })
    }
}

impl ChainRef<'_> {
    /// The request that makes it again; a bound chain by its number.
    pub fn to_request(self, renames: &Renames) -> Request {
        let id = renames.chain_id(self.name().as_bytes());
        let request = keep(new(nft::NEWCHAIN, self.header()), self.attributes().as_bytes(), |number| {
            ![2, 6, 11].contains(&number) && (number != 3 || id.is_none())
        });
        match id {
            Some(id) => request.attribute_be32(11, id),
            None => request,
        }
    }
}

impl RuleRef<'_> {
    /// The request that makes it again, at the end of its chain.
    pub fn to_request(self, renames: &Renames) -> Request {
        let mut request = new(nft::NEWRULE, self.header());
        let mut attrs = self.attributes().attrs();
        while let Some(attr) = attrs.step() {
            request = match (attr.number(), renames.chain_id(name(attr.payload))) {
                (2, Some(id)) => request.attribute_be32(11, id),
                (3 | 6 | 9 | 10 | 11, _) => request,
                (4, _) => request.nest(4, |list| expressions(list, attr.payload, renames)),
                _ => request.attribute(attr.raw_type, attr.payload),
            };
        }
        request
    }
}

impl SetRef<'_> {
    /// The request that makes it again, without its elements: the set with this number in the batch. One that the kernel
    /// named gets a new name from it.
    pub fn to_request(self, id: u32) -> Request {
        let anonymous = self.flags().contains(SetFlags::ANONYMOUS);
        let request = keep(new(nft::NEWSET, self.header()), self.attributes().as_bytes(), |number| {
            ![10, 16, 19, 20].contains(&number) && (number != 2 || !anonymous)
        });
        let request = if anonymous { request.attribute_name(2, ANY_SET) } else { request };
        request.attribute_be32(10, id)
    }
}

impl ElementsRef<'_> {
    /// The request that makes them again.
    pub fn to_request(self, renames: &Renames) -> Request {
        let request = new(nft::NEWSETELEM, self.header());
        let Some(id) = renames.set_id(self.set().as_bytes()) else {
            return keep(request, self.attributes().as_bytes(), |_| true);
        };
        let request = request.attribute_name(2, ANY_SET).attribute_be32(4, id);
        keep(request, self.attributes().as_bytes(), |number| ![2, 4].contains(&number))
    }
}

impl StatefulObjectRef<'_> {
    /// The request that makes it again.
    pub fn to_request(self) -> Request {
        let is_tunnel = self.object_type() == object_type::TUNNEL;
        let mut request = new(nft::NEWOBJ, self.header());
        let mut attrs = self.attributes().attrs();
        while let Some(attr) = attrs.step() {
            request = match attr.number() {
                5 | 6 => request,
                4 if is_tunnel => request.nest(attr.raw_type, |data| tunnel(data, attr.payload)),
                _ => request.attribute(attr.raw_type, attr.payload),
            };
        }
        request
    }
}

impl FlowtableRef<'_> {
    /// The request that makes it again.
    pub fn to_request(self) -> Request {
        keep(new(nft::NEWFLOWTABLE, self.header()), self.attributes().as_bytes(), |number| {
            ![4, 5].contains(&number)
        })
    }
}

fn new(message_type: u16, header: &NfGenMsg) -> Request {
    Request::new(message_type, CREATE | MessageFlags::APPEND).body(&NfGenMsg::new(header.family))
}

/// Appends the attributes whose numbers are wanted.
fn keep(mut request: Request, attributes: &[u8], wanted: impl Fn(u16) -> bool) -> Request {
    let mut attrs = Attrs::new(attributes);
    while let Some(attr) = attrs.step() {
        if wanted(attr.number()) {
            request = request.attribute(attr.raw_type, attr.payload);
        }
    }
    request
}

fn name(payload: &[u8]) -> &[u8] {
    Name::from_payload(payload).as_bytes()
}

/// Appends a list of expressions, with numbers for the names that have one.
fn expressions(mut request: Request, list: &[u8], renames: &Renames) -> Request {
    let mut attrs = Attrs::new(list);
    while let Some(attr) = attrs.step() {
        request = request.nest(attr.raw_type, |inner| expression(inner, attr.payload, renames));
    }
    request
}

fn expression(mut request: Request, bytes: &[u8], renames: &Renames) -> Request {
    let kind = name(Attrs::new(bytes).last(1).unwrap_or_default());
    let mut attrs = Attrs::new(bytes);
    while let Some(attr) = attrs.step() {
        request = match (attr.number(), kind) {
            (2, b"lookup") => {
                request.nest(attr.raw_type, |data| by_number(data, attr.payload, 1, 4, renames))
            }
            (2, b"dynset") => request.nest(attr.raw_type, |data| dynset(data, attr.payload, renames)),
            (2, b"exthdr") => request.nest(attr.raw_type, |data| exthdr(data, attr.payload)),
            (2, b"objref") => {
                request.nest(attr.raw_type, |data| by_number(data, attr.payload, 4, 5, renames))
            }
            (2, b"osf") => request.nest(attr.raw_type, |data| keep_but(data, attr.payload, &[3])),
            (2, b"immediate") => request.nest(attr.raw_type, |data| immediate(data, attr.payload, renames)),
            _ => request.attribute(attr.raw_type, attr.payload),
        };
    }
    request
}

/// Copies data of which `set` is a set's name, which `id` may replace.
fn by_number(mut request: Request, data: &[u8], set: u16, id: u16, renames: &Renames) -> Request {
    let mut attrs = Attrs::new(data);
    while let Some(attr) = attrs.step() {
        request = match renames.set_id(name(attr.payload)) {
            Some(number) if attr.number() == set => {
                request.attribute_name(set, ANY_SET).attribute_be32(id, number)
            }
            _ => request.attribute(attr.raw_type, attr.payload),
        };
    }
    request
}

// Three expressions and an object are refused as the kernel itself sends them.

/// Copies attributes, of these numbers only those that are not 0.
fn keep_but(request: Request, data: &[u8], zero: &[u16]) -> Request {
    let none =
        |number| Attrs::new(data).last(number).is_none_or(|payload| payload.iter().all(|byte| *byte == 0));
    keep(request, data, |number| !(zero.contains(&number) && none(number)))
}

/// Copies the data of an `exthdr`: one that writes (`NFTA_EXTHDR_SREG`) has no flags, and one that removes an option has
/// no offset and no length either; the kernel sends them as 0.
fn exthdr(request: Request, data: &[u8]) -> Request {
    let has = |number| Attrs::new(data).last(number).is_some();
    match (has(1), has(7)) {
        (false, true) => keep_but(request, data, &[5]),
        (false, false) => keep_but(request, data, &[3, 4, 5]),
        _ => keep(request, data, |_| true),
    }
}

/// `NFT_DYNSET_F_EXPR`
const DYNSET_EXPRESSIONS: u32 = 2;

/// Copies the data of a `dynset`: no timeout is sent as 0, but not taken where the set has none; and a list of expressions
/// is sent without the flag that it needs.
fn dynset(mut request: Request, data: &[u8], renames: &Renames) -> Request {
    let list = Attrs::new(data).last(10).is_some();
    let mut attrs = Attrs::new(data);
    while let Some(attr) = attrs.step() {
        let number = attr.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        request = match (attr.number(), renames.set_id(name(attr.payload)), number) {
            (1, Some(id), _) => request.attribute_name(1, ANY_SET).attribute_be32(2, id),
            (6, ..) if attr.payload.iter().all(|byte| *byte == 0) => request,
            (9, _, Some(flags)) if list => request.attribute_be32(9, flags | DYNSET_EXPRESSIONS),
            _ => request.attribute(attr.raw_type, attr.payload),
        };
    }
    request
}

/// Copies the data of a tunnel object, whose GENEVE options are sent without `NLA_F_NESTED`, and taken only with it. What
/// is no list of options is copied as it is.
fn tunnel(mut request: Request, data: &[u8]) -> Request {
    let mut attrs = Attrs::new(data);
    while let Some(attr) = attrs.step() {
        request = match attr.number() {
            9 if TUNNEL_OPTS.validate(attr.payload, 0).is_ok() => {
                request.nest(attr.raw_type, |mut options| {
                    let mut attrs = Attrs::new(attr.payload);
                    while let Some(attr) = attrs.step() {
                        let flag = if attr.number() == 3 { NESTED } else { 0 };
                        options = options.attribute(attr.raw_type | flag, attr.payload);
                    }
                    options
                })
            }
            _ => request.attribute(attr.raw_type, attr.payload),
        };
    }
    request
}

/// Copies the data of an `immediate`, whose verdict (`NFTA_IMMEDIATE_DATA`, `NFTA_DATA_VERDICT`) may lead to a bound chain.
fn immediate(mut request: Request, data: &[u8], renames: &Renames) -> Request {
    let mut attrs = Attrs::new(data);
    while let Some(attr) = attrs.step() {
        let chain = Attrs::new(attr.payload).last(2).and_then(|verdict| Attrs::new(verdict).last(2));
        request = match chain.and_then(|chain| renames.chain_id(name(chain))) {
            Some(id) if attr.number() == 2 => request.nest(2, |data| {
                data.nest(2, |verdict| {
                    let old = Attrs::new(attr.payload).last(2).unwrap_or_default();
                    keep(verdict, old, |number| ![2, 3].contains(&number)).attribute_be32(3, id)
                })
            }),
            _ => request.attribute(attr.raw_type, attr.payload),
        };
    }
    request
}
