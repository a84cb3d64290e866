//! nf_tables: nlink and netlink-bindings.

use std::hint::black_box;

use netlink_bindings::nftables;
use nlink::netlink::EventSource;
use nlink::netlink::nftables::{Family, NftablesEvent, parse_expressions};

use super::runtime;
use crate::monitors;
use crate::nft::decode::each;
use crate::nft::{SET_NAME, TABLE_NAME};
use crate::report::{Contestant, Outcome};

/// Whether those are built that know nf_tables.
pub const NFT: bool = true;

/// Decoders of rules.
pub fn nft_rule_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    vec![
        each("nlink, events", d, repeats, |message| {
            black_box(nlink::Nftables::parse_events(message.bytes)).len() as u64
        }),
        each("nlink, events and expressions", d, repeats, |message| {
            let events = nlink::Nftables::parse_events(message.bytes);
            for event in &events {
                if let NftablesEvent::NewRule(rule) = event {
                    black_box(parse_expressions(&rule.expression_bytes));
                }
            }
            events.len() as u64
        }),
        each("netlink-bindings, all attributes", d, repeats, |message| {
            for attribute in nftables::RuleAttrs::new(&message.payload[4..]) {
                if let nftables::RuleAttrs::Expressions(list) = attribute.unwrap() {
                    for expression in list {
                        black_box(&expression.unwrap());
                    }
                }
            }
            1
        }),
    ]
}

/// Decoders of elements.
pub fn nft_element_decoders(d: &[Vec<u8>], repeats: usize) -> Vec<Contestant<'_>> {
    vec![each("nlink, events", d, repeats, |message| {
        black_box(nlink::Nftables::parse_events(message.bytes)).len() as u64
    })]
}

/// Lists the chains, the rules and the elements of the table; returns how many rules and elements there are. They are
/// not proven to be of one generation.
pub fn nft_pull() -> Outcome<usize> {
    let fault = |error: nlink::Error| error.to_string();
    runtime()?.block_on(async {
        let connection = nlink::Connection::<nlink::Nftables>::new().map_err(fault)?;
        let chains = connection.list_chains_in(TABLE_NAME, Family::Inet).await.map_err(fault)?;
        black_box(&chains);
        let rules = connection.list_rules(TABLE_NAME, Family::Inet).await.map_err(fault)?;
        rules.iter().for_each(|rule| drop(black_box(parse_expressions(&rule.expression_bytes))));
        let mut count = rules.len();
        if !connection.list_sets_in(TABLE_NAME, Family::Inet).await.map_err(fault)?.is_empty() {
            let listed = connection.list_set_elements(TABLE_NAME, SET_NAME, Family::Inet).await;
            count += black_box(listed.map_err(fault)?).len();
        }
        Ok(count)
    })
}

/// Hears of nf_tables until the process ends.
pub fn nft_monitor(rcvbuf: usize) -> Outcome<()> {
    use futures_util::StreamExt;
    let fault = |error: nlink::Error| error.to_string();
    runtime()?.block_on(async {
        let connection = nlink::Connection::<nlink::Nftables>::new().map_err(fault)?;
        connection.socket().set_rcvbuf(rcvbuf).map_err(fault)?;
        connection.subscribe_all().map_err(fault)?;
        let mut events = connection.events().await;
        monitors::ready();
        while let Some(event) = events.next().await {
            match event {
                Ok(NftablesEvent::NewSetElements(event) | NftablesEvent::DelSetElements(event)) => {
                    monitors::events(event.elements.len() as u64);
                }
                Ok(event) => {
                    black_box(event);
                    monitors::events(1);
                }
                Err(_) => monitors::overflow(),
            }
        }
        Ok(())
    })
}
