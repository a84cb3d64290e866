//! `linx netns`: the network namespaces of this machine.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use comfy_table::{Table, presets};
use linx::json::{Head, NetnsTag, Op, Records};
use linx::namespaces::{self, Namespace};
use linx::{AddressView, Handle};
use linx_wire::name::Name;

use crate::args::Global;
use crate::error::Outcome;
use crate::out::Output;
use crate::place::{self, Place};
use crate::privileges;

/// Runs it.
pub(crate) fn run(global: &Global) -> Outcome {
    if global.all_netns && !global.netns.is_empty() {
        return Err(place::contradiction());
    }
    privileges::keep_only(privileges::ABROAD)?;
    let found = namespaces::discover()?;
    let mut shown: Vec<&Namespace> = found.namespaces.iter().collect();
    if !global.netns.is_empty() {
        let wanted: Vec<u64> = place::chosen(global)?.iter().map(|place| place.cookie).collect();
        shown.retain(|namespace| namespace.cookie.is_some_and(|cookie| wanted.contains(&cookie)));
    }
    let mut output = Output::stdout()?;
    if global.is_json() {
        json(&shown, global.is_pretty(), &mut output)?;
    } else {
        table(&shown, &mut output);
    }
    output.finish()?;
    let refused = shown.iter().filter(|namespace| namespace.refused.is_some()).count();
    place::note_hidden(refused, found.hidden_processes);
    Ok(())
}

fn json(shown: &[&Namespace], pretty: bool, output: &mut Output) -> Outcome {
    let mut records = Records::new().pretty(pretty);
    for namespace in shown {
        let tag = match Place::found(namespace)? {
            Some(place) => place.full_tag,
            None => NetnsTag::new(&namespace.name, 0, namespace.path.as_deref(), None),
        };
        records.namespace(output.buffer(), &Head::new(SystemTime::now(), &tag, Op::List));
    }
    Ok(())
}

/// What a namespace holds, as far as it can be entered.
#[derive(Default)]
struct Inside {
    links: Option<usize>,
    addresses: Vec<IpAddr>,
}

fn table(shown: &[&Namespace], output: &mut Output) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["NAME", "COOKIE", "WHAT", "LINKS", "ADDRESSES", "PATH"]);
    for namespace in shown {
        let inside = look(namespace).unwrap_or_default();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            namespace.name.to_string(),
            or_dash(namespace.cookie.map(|cookie| cookie.to_string())),
            namespace.what().to_string(),
            or_dash(inside.links.map(|links| links.to_string())),
            addresses(&inside.addresses),
            or_dash(
                namespace
                    .path
                    .as_deref()
                    .map(|path| Name::new(path.as_os_str().as_encoded_bytes()).to_string()),
            ),
        ]);
    }
    // Two spaces between columns, none at the margins.
    let last = table.column_count().saturating_sub(1);
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if number == last { 0 } else { 2 }));
    }
    let text = table.trim_fmt();
    let line = output.buffer();
    line.extend_from_slice(text.as_bytes());
    line.push(b'\n');
}

/// One that goes away meanwhile, or that may not be entered, has nothing to show.
fn look(namespace: &Namespace) -> Option<Inside> {
    let handle = Handle::new(&namespace.netns().ok()?).ok()?;
    let links = handle.links().all().ok()?.len();
    let all = handle.addresses().all().ok()?;
    let mut addresses: Vec<IpAddr> = all.iter().filter_map(|address| address.local()).collect();
    addresses.retain(|address| !is_local(*address));
    // What people call a machine by comes first.
    addresses.sort_by_key(IpAddr::is_ipv6);
    Some(Inside { links: Some(links), addresses })
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

/// `10.1.1.4 +5`
fn addresses(all: &[IpAddr]) -> String {
    let Some((first, rest)) = all.split_first() else { return "-".to_owned() };
    let mut text = first.to_string();
    if !rest.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, " +{}", rest.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_first_and_how_many_more() {
        let of = |all: &[&str]| addresses(&all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(of(&[]), "-");
        assert_eq!(of(&["10.1.1.4"]), "10.1.1.4");
        assert_eq!(of(&["10.1.1.4", "fd00::4"]), "10.1.1.4 +1");
        assert!(is_local("fe80::1".parse().unwrap()) && is_local("127.0.0.1".parse().unwrap()));
    }
}
