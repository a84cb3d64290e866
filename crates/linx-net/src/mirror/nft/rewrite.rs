//! What the kernel changes in objects without announcing them: bytes as a dump would have them now.
//!
//! - A chain that is renamed: its rules, and every verdict that leads to it, have the new name.
//! - A set whose default timeout is changed: an element tells its timeout only where that is another one.
//! - A device that comes to a netdev chain or a flow table, or leaves it, is announced alone (KERNEL.md 1.6).

use linx_wire::attr::{Attr, Attrs, HEADER_LEN};
use linx_wire::name::Name;
use linx_wire::nft::{ElementFlags, ElementRef, NfGenMsg, TableFlags};

use super::content::What;

const FIXED: usize = size_of::<NfGenMsg>();

/// `NFTA_TABLE_FLAGS`, `NFTA_TABLE_OWNER`
const TABLE_FLAGS: u16 = 2;
const TABLE_OWNER: u16 = 7;
/// `NFTA_RULE_CHAIN`, `NFTA_RULE_EXPRESSIONS`
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
/// `NFTA_EXPR_NAME`
const EXPR_NAME: u16 = 1;
/// From an expression: `NFTA_EXPR_DATA`, `NFTA_IMMEDIATE_DATA`, `NFTA_DATA_VERDICT`, `NFTA_VERDICT_CHAIN`.
const TO_CHAIN: [u16; 4] = [2, 2, 2, 2];
/// From an element: `NFTA_SET_ELEM_DATA`, `NFTA_DATA_VERDICT`, `NFTA_VERDICT_CHAIN`.
const ELEMENT_TO_CHAIN: [u16; 3] = [2, 2, 2];
/// `NFTA_SET_ELEM_FLAGS`, `NFTA_SET_ELEM_TIMEOUT`
const FLAGS: u16 = 3;
const TIMEOUT: u16 = 4;

/// A rule after a chain was renamed, perhaps its own; `None` when that changes nothing.
pub(super) fn renamed_in_rule(message: &[u8], is_own: bool, old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    if !is_own && !holds(message, old) {
        return None;
    }
    let (header, attributes) = message.split_at_checked(FIXED)?;
    let attributes = edit(attributes, |attr| match attr.number() {
        RULE_CHAIN if is_own => Some(terminated(new)),
        RULE_EXPRESSIONS => edit(attr.payload, |expression| {
            let name =
                Attrs::new(expression.payload).map_while(Result::ok).find(|a| a.number() == EXPR_NAME)?;
            let is_immediate = Name::from_payload(name.payload).as_bytes() == b"immediate";
            is_immediate.then(|| follow(expression.payload, &TO_CHAIN, old, new))?
        }),
        _ => None,
    })?;
    Some([header, &attributes].concat())
}

/// An element of a map after a chain was renamed; `None` when that changes nothing.
pub(super) fn renamed_in_element(element: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    follow(element, &ELEMENT_TO_CHAIN, old, new).filter(|_| holds(element, old))
}

/// An element after its set's default timeout changed, in milliseconds, 0 is none; `None` when that changes nothing.
pub(super) fn retimed(element: &[u8], old: u64, new: u64) -> Option<Vec<u8>> {
    let attrs = || Attrs::new(element).map_while(Result::ok);
    let find = |number| attrs().find(|attr| attr.number() == number).map(|attr| attr.payload);
    let flags =
        find(FLAGS).and_then(|flags| flags.first_chunk()).map_or(0, |flags| u32::from_be_bytes(*flags));
    if ElementFlags::from_bits_retain(flags).contains(ElementFlags::INTERVAL_END) {
        return None;
    }
    match find(TIMEOUT) {
        Some(timeout) if *timeout == new.to_be_bytes() => {
            let mut bytes = Vec::with_capacity(element.len());
            let kept = attrs().filter(|attr| attr.number() != TIMEOUT);
            kept.for_each(|attr| put(&mut bytes, attr.raw_type, attr.payload));
            Some(bytes)
        }
        None => {
            let mut bytes = element.to_vec();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            put(&mut bytes, TIMEOUT, &old.to_be_bytes());
            Some(bytes)
        }
        _ => None,
    }
}

/// A netdev chain or flow table after devices came or left: `told` is what the kernel said of it.
pub(super) fn with_devices(what: What, old: &[u8], told: &[u8], comes: bool) -> Vec<u8> {
    let hook = numbers(what).0;
    let (known, told_of) = (devices(what, old), devices(what, told));
    let devices: Vec<_> = if comes {
        // The kernel puts them in front (`list_splice`).
        let new = told_of.iter().filter(|device| !known.contains(device));
        new.chain(&known).copied().collect()
    } else {
        known.into_iter().filter(|device| !told_of.contains(device)).collect()
    };
    let base = if comes { told } else { old };
    let Some((header, attributes)) = base.split_at_checked(FIXED) else { return base.to_vec() };
    let mut bytes = header.to_vec();
    for attr in Attrs::new(attributes).map_while(Result::ok) {
        if attr.number() == hook {
            put(&mut bytes, attr.raw_type, &hook_with(what, attr.payload, &devices));
        } else {
            put(&mut bytes, attr.raw_type, attr.payload);
        }
    }
    bytes
}

/// Whether a message has a hook with devices.
pub(super) fn has_devices(what: What, message: &[u8]) -> bool {
    let (_, _, list, _) = numbers(what);
    let hook = hook(what, message);
    Attrs::new(hook).map_while(Result::ok).any(|attr| attr.number() == list)
}

/// Numbers of the hook in its message, and in the hook of one device, of the list of them, and of the last attribute
/// before these.
fn numbers(what: What) -> (u16, Option<u16>, u16, u16) {
    if what == What::Chain { (4, Some(3), 4, 2) } else { (3, None, 3, 2) }
}

fn hook(what: What, message: &[u8]) -> &[u8] {
    let attributes = message.get(FIXED..).unwrap_or_default();
    let hook = Attrs::new(attributes).map_while(Result::ok).find(|attr| attr.number() == numbers(what).0);
    hook.map_or(&[], |hook| hook.payload)
}

/// Devices' names, or beginnings of them: `NFTA_DEVICE_NAME` and `NFTA_DEVICE_PREFIX`.
fn devices(what: What, message: &[u8]) -> Vec<(u16, &[u8])> {
    let (_, one, list, _) = numbers(what);
    let mut attrs = Attrs::new(hook(what, message)).map_while(Result::ok);
    let mut found = Vec::new();
    let mut alone = None;
    for attr in attrs.by_ref() {
        if attr.number() == list {
            let each = Attrs::new(attr.payload).map_while(Result::ok);
            found.extend(each.map(|device| (device.number(), device.payload)));
        } else if Some(attr.number()) == one {
            alone = Some((1, attr.payload));
        }
    }
    if found.is_empty() { alone.into_iter().collect() } else { found }
}

/// A hook with other devices, as `nft_dump_basechain_hook` writes it.
fn hook_with(what: What, hook: &[u8], devices: &[(u16, &[u8])]) -> Vec<u8> {
    let (_, one, list, last) = numbers(what);
    let mut bytes = Vec::new();
    for attr in Attrs::new(hook).map_while(Result::ok).filter(|attr| attr.number() <= last) {
        put(&mut bytes, attr.raw_type, attr.payload);
    }
    let mut names = Vec::new();
    devices.iter().for_each(|(number, name)| put(&mut names, *number, name));
    put(&mut bytes, list, &names);
    if let ([(1, name)], Some(one)) = (devices, one) {
        put(&mut bytes, one, name);
    }
    bytes
}

/// A table that outlives its owner, without it.
pub(super) fn without_owner(message: &[u8]) -> Vec<u8> {
    let (header, attributes) = message.split_at_checked(FIXED).unwrap_or_default();
    let mut bytes = header.to_vec();
    for attr in Attrs::new(attributes).map_while(Result::ok) {
        match (attr.number(), attr.payload.first_chunk()) {
            (TABLE_OWNER, _) => {}
            (TABLE_FLAGS, Some(flags)) => {
                let flags = TableFlags::from_bits_retain(u32::from_be_bytes(*flags)) - TableFlags::OWNER;
                put(&mut bytes, attr.raw_type, &flags.bits().to_be_bytes());
            }
            _ => put(&mut bytes, attr.raw_type, attr.payload),
        }
    }
    bytes
}

/// How long an element lasts from when its message was written, in milliseconds.
pub(super) fn expires(element: &ElementRef<'_>) -> Option<u64> {
    use linx_wire::nft::ElementView;
    element.attributes().expires()
}

fn terminated(name: &[u8]) -> Vec<u8> {
    [name, &[0]].concat()
}

fn holds(bytes: &[u8], name: &[u8]) -> bool {
    bytes.windows(name.len().max(1)).any(|window| window == name)
}

/// Renames at the end of a path of attributes.
fn follow(bytes: &[u8], path: &[u16], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = path.split_first()?;
    edit(bytes, |attr| match rest {
        _ if attr.number() != *first => None,
        [] => (Name::from_payload(attr.payload).as_bytes() == old).then(|| terminated(new)),
        rest => follow(attr.payload, rest, old, new),
    })
}

/// Attributes of which some have another value; `None` when none has.
fn edit(bytes: &[u8], mut each: impl FnMut(Attr<'_>) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut edited = Vec::with_capacity(bytes.len() + 16);
    let mut is_edited = false;
    for attr in Attrs::new(bytes).map_while(Result::ok) {
        match each(attr) {
            Some(payload) => {
                put(&mut edited, attr.raw_type, &payload);
                is_edited = true;
            }
            None => put(&mut edited, attr.raw_type, attr.payload),
        }
    }
    is_edited.then_some(edited)
}

fn put(bytes: &mut Vec<u8>, raw_type: u16, payload: &[u8]) {
    // A name is at most 255 bytes longer than the one before.
    let length = u16::try_from(payload.len() + HEADER_LEN).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&raw_type.to_ne_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
