//! Tables, chains and flow tables.

use linx_wire::name::Name;
use linx_wire::nft::expr::COUNTER;
use linx_wire::nft::{
    ChainFlags, ChainView, DEVICE, Devices, FLOWTABLE_HOOK, FlowtableView, HOOK, TableView, hook_word,
};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{comment, devices, open, unknown};
use crate::json::fields::{Bits, Fields};
use crate::json::nest::Nest;
use crate::names::Context;
use crate::words;

/// A table as JSON.
#[derive(Debug)]
pub struct TableBody<'a, T>(pub &'a T, pub &'a Context<'a>);

impl<T: TableView> Serialize for TableBody<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (table, cx) = (self.0, self.1);
        let mut out = Fields::open(serializer, "table", 4)?;
        open(&mut out, table.family(), None, Some(table.name()))?;
        out.maybe("handle", table.handle())?;
        if !table.flags().is_empty() {
            out.put("flags", &Bits(words::NFT_TABLE_FLAGS, table.flags().bits()))?;
        }
        out.maybe("owner", table.owner())?;
        out.maybe("use", table.attributes().r#use().filter(|_| cx.volatile))?;
        comment(&mut out, table.comment(), table.userdata())?;
        out.unknown(&table.unknown())?;
        out.close()
    }
}

/// A chain as JSON.
#[derive(Debug)]
pub struct ChainBody<'a, C>(pub &'a C, pub &'a Context<'a>);

impl<C: ChainView> Serialize for ChainBody<'_, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (chain, cx) = (self.0, self.1);
        let attributes = chain.attributes();
        let mut out = Fields::open(serializer, "chain", 8)?;
        open(&mut out, chain.family(), Some(chain.table()), Some(chain.name()))?;
        out.maybe("handle", chain.handle())?;
        if let Some(kind) = chain.chain_type() {
            out.name(("type", "type_hex"), kind)?;
        }
        let mut inner = Vec::new();
        if let Some(hook) = chain.hook() {
            place(&mut out, chain.family(), hook.hook(), hook.prio())?;
            devices(&mut out, ("dev", "dev_hex"), &hook.device_names().collect::<Vec<_>>())?;
            prefixes(&mut out, hook.devices())?;
            inner.extend(HOOK.unknown(hook.as_bytes()));
            inner.extend(hook.devices().into_iter().flat_map(|list| DEVICE.unknown(list.as_bytes())));
        }
        if let Some(policy) = attributes.policy() {
            match chain.policy_word() {
                Some(word) => out.put("policy", word)?,
                None => out.put("policy", &policy.to_string())?,
            }
        }
        let flags = (chain.flags() - ChainFlags::BASE).bits();
        if flags != 0 {
            out.put("flags", &Bits(words::NFT_CHAIN_FLAGS, flags))?;
        }
        if let Some(counters) = chain.counters() {
            out.put(
                "counters",
                &Nest { policy: &COUNTER, bytes: counters.as_bytes(), family: chain.family(), cx },
            )?;
        }
        out.maybe("use", attributes.r#use().filter(|_| cx.volatile))?;
        out.maybe("id", attributes.id().filter(|_| cx.volatile))?;
        comment(&mut out, chain.comment(), chain.userdata())?;
        unknown(&mut out, chain.unknown(), inner.into_iter())?;
        out.close()
    }
}

/// A flow table as JSON.
#[derive(Debug)]
pub struct FlowtableBody<'a, F>(pub &'a F, pub &'a Context<'a>);

impl<F: FlowtableView> Serialize for FlowtableBody<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (flowtable, cx) = (self.0, self.1);
        let mut out = Fields::open(serializer, "flowtable", 7)?;
        open(&mut out, flowtable.family(), Some(flowtable.table()), Some(flowtable.name()))?;
        out.maybe("handle", flowtable.handle())?;
        let mut inner = Vec::new();
        if let Some(hook) = flowtable.hook() {
            // Flow tables of every family are hooked in where those of `netdev` are.
            place(&mut out, linx_wire::nft::family::NETDEV, hook.hook(), hook.prio())?;
            let names: Vec<_> = hook.devices().into_iter().flat_map(Devices::names).collect();
            devices(&mut out, ("dev", "dev_hex"), &names)?;
            prefixes(&mut out, hook.devices())?;
            inner.extend(FLOWTABLE_HOOK.unknown(hook.as_bytes()));
            inner.extend(hook.devices().into_iter().flat_map(|list| DEVICE.unknown(list.as_bytes())));
        }
        if !flowtable.flags().is_empty() {
            out.put("flags", &Bits(words::NFT_FLOWTABLE_FLAGS, flowtable.flags().bits()))?;
        }
        out.maybe("use", flowtable.attributes().r#use().filter(|_| cx.volatile))?;
        unknown(&mut out, flowtable.unknown(), inner.into_iter())?;
        out.close()
    }
}

/// Where it is hooked in, and in which order.
fn place<S: SerializeStruct>(
    out: &mut Fields<S>,
    family: u8,
    hook: Option<u32>,
    priority: Option<i32>,
) -> Result<(), S::Error> {
    if let Some(hook) = hook {
        match hook_word(family, hook) {
            Some(word) => out.put("hook", word)?,
            None => out.put("hook", &hook.to_string())?,
        }
    }
    out.maybe("prio", priority)
}

/// The beginnings of names of devices.
fn prefixes<S: SerializeStruct>(out: &mut Fields<S>, list: Option<Devices<'_>>) -> Result<(), S::Error> {
    let prefixes: Vec<Name<'_>> = list.into_iter().flat_map(Devices::prefixes).collect();
    devices(out, ("dev_prefix", "dev_prefix_hex"), &prefixes)
}
