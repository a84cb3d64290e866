//! Requests that a reader of the rule set needs: the generation, one object, and dumps with the kernel's own filters.
//!
//! A filter that the kernel does not have is not offered: there is none for the chains of one table.

use super::data::DATA;
use super::element::{ELEMENT, ELEMENT_LIST};
use super::header::NfGenMsg;
use super::nest::{EncodeError, Nest};
use super::{CHAIN, FLOWTABLE, OBJECT, RULE, SET, TABLE};
use crate::emit::Request;
use crate::header::MessageFlags;
use crate::uapi::nft;

/// The current generation; the answer is one [`Generation`](super::Generation).
pub fn generation() -> Request {
    Request::new(nft::GETGEN, MessageFlags::empty()).body(&NfGenMsg::new(0))
}

/// All tables of a family ([`UNSPEC`](super::family::UNSPEC): of all).
pub fn tables(family: u8) -> Request {
    dump(nft::GETTABLE, family)
}

/// All chains of a family.
pub fn chains(family: u8) -> Request {
    dump(nft::GETCHAIN, family)
}

/// All flow tables of a family, or those of one table.
pub fn flowtables(family: u8, table: Option<&[u8]>) -> Request {
    named(dump(nft::GETFLOWTABLE, family), 1, table)
}

/// All rules of a family, of one table, or of one chain. The kernel walks every table and chain up to where it stopped
/// each time it goes on with a dump: many rules are dumped chain by chain.
pub fn rules(family: u8, table: Option<&[u8]>, chain: Option<&[u8]>) -> Request {
    named(named(dump(nft::GETRULE, family), 1, table), 2, chain)
}

/// All sets and maps of a family, or of one table.
pub fn sets(family: u8, table: Option<&[u8]>) -> Request {
    named(dump(nft::GETSET, family), 1, table)
}

/// All elements of a set or map.
pub fn elements(family: u8, table: &[u8], set: &[u8]) -> Request {
    dump(nft::GETSETELEM, family).attribute_name(1, table).attribute_name(2, set)
}

/// All stateful objects of a family, of one table, of one type.
pub fn objects(family: u8, table: Option<&[u8]>, object_type: Option<u32>) -> Request {
    let request = named(dump(nft::GETOBJ, family), 1, table);
    match object_type {
        Some(object_type) => request.attribute_be32(3, object_type),
        None => request,
    }
}

/// One table.
///
/// # Errors
/// A name that is too long.
pub fn table(family: u8, name: &[u8]) -> Result<Request, EncodeError> {
    Nest::new(&TABLE).set("name", name).request(nft::GETTABLE, MessageFlags::empty(), family)
}

/// One chain.
///
/// # Errors
/// A name that is too long.
pub fn chain(family: u8, table: &[u8], name: &[u8]) -> Result<Request, EncodeError> {
    Nest::new(&CHAIN).set("table", table).set("name", name).request(
        nft::GETCHAIN,
        MessageFlags::empty(),
        family,
    )
}

/// One rule.
///
/// # Errors
/// A name that is too long.
pub fn rule(family: u8, table: &[u8], chain: &[u8], handle: u64) -> Result<Request, EncodeError> {
    let rule = Nest::new(&RULE).set("table", table).set("chain", chain).set("handle", handle);
    rule.request(nft::GETRULE, MessageFlags::empty(), family)
}

/// One set or map, without its elements.
///
/// # Errors
/// A name that is too long.
pub fn set(family: u8, table: &[u8], name: &[u8]) -> Result<Request, EncodeError> {
    Nest::new(&SET).set("table", table).set("name", name).request(nft::GETSET, MessageFlags::empty(), family)
}

/// The element with this key, or the one whose interval holds it.
///
/// # Errors
/// A name or key that is too long.
pub fn element(family: u8, table: &[u8], set: &[u8], key: &[u8]) -> Result<Request, EncodeError> {
    let element = Nest::new(&ELEMENT).set("key", Nest::new(&DATA).set("value", key));
    let list = Nest::new(&ELEMENT_LIST).set("table", table).set("set", set).set("elem", vec![element]);
    list.request(nft::GETSETELEM, MessageFlags::empty(), family)
}

/// One stateful object.
///
/// # Errors
/// A name that is too long.
pub fn object(family: u8, table: &[u8], name: &[u8], object_type: u32) -> Result<Request, EncodeError> {
    let object = Nest::new(&OBJECT).set("table", table).set("name", name).set("type", object_type);
    object.request(nft::GETOBJ, MessageFlags::empty(), family)
}

/// One flow table.
///
/// # Errors
/// A name that is too long.
pub fn flowtable(family: u8, table: &[u8], name: &[u8]) -> Result<Request, EncodeError> {
    let flowtable = Nest::new(&FLOWTABLE).set("table", table).set("name", name);
    flowtable.request(nft::GETFLOWTABLE, MessageFlags::empty(), family)
}

fn dump(message_type: u16, family: u8) -> Request {
    Request::new(message_type, MessageFlags::DUMP).body(&NfGenMsg::new(family))
}

fn named(request: Request, number: u16, name: Option<&[u8]>) -> Request {
    match name {
        Some(name) => request.attribute_name(number, name),
        None => request,
    }
}
