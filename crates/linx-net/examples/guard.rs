//! A VPN that follows the machine's uplink and guards its own firewall table: what a network agent does with a mirror.
//!
//! `cargo run -p linx-net --example guard -- NAMESPACE` says what it would do there. The state is a firewall table
//! (`inet myvpn`), default routes, links and addresses; nothing else is kept. `tests/guard.rs` plays it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a program, and a part of a test"
)]

use std::time::Duration;

use linx::{Family, LinkView, Mirror, Netns, Notice, Object, RouteFilter, RouteRef, RouteView, nft};

/// What an agent manages; here it only says what it does.
pub struct Tunnel {
    /// Of the socket that the agent itself changes things with.
    pub portid: u32,
    /// What it did, one word and more.
    pub did: Box<dyn FnMut(String) + Send>,
}

impl Tunnel {
    fn use_uplink(&mut self, route: Option<RouteRef<'_>>) {
        let link = route.and_then(|route| route.oif());
        (self.did)(format!("uplink {}", link.map_or("none".to_owned(), |index| index.to_string())));
    }

    fn rebind(&mut self) {
        (self.did)("rebind".to_owned());
    }

    fn restore_firewall(&mut self, who: &linx::author::Author) {
        (self.did)(format!("restore, after {who}"));
    }

    fn tick(&mut self) {}
}

/// Follows a namespace for as long as it exists.
pub fn guard(netns: &Netns, tunnel: &mut Tunnel) -> linx::Result<()> {
    let mirror = Mirror::builder(netns)
        .links()
        .addresses()
        .routes_by(RouteFilter::default_route()) // a full BGP table next door costs no memory here
        .nft_table(nft::Family::Inet, "myvpn") // only our table is pulled and kept
        .start()?; // in sync when it returns; EPERM names the capability
    let mut watch = mirror.watch(); // the state now, then every delta after it
    tunnel.use_uplink(watch.state().routes().default(Family::V4));
    loop {
        let Some(notice) = watch.next_timeout(Duration::from_secs(1))? else {
            tunnel.tick();
            continue;
        };
        match notice {
            Notice::Delta(delta) if delta.author().is_some_and(|author| author.is(tunnel.portid)) => {} // our own echo
            Notice::Delta(delta) => {
                eprintln!("{delta}"); // the very line that `linx watch` prints, names escaped
                match delta.object() {
                    Object::Route(_) => tunnel.use_uplink(watch.state().routes().default(Family::V4)),
                    Object::Address(_) => tunnel.rebind(),
                    Object::Link(link) if !link.is_running() => tunnel.use_uplink(None),
                    _ => {}
                }
            }
            Notice::Transaction(told) if !told.process.is(tunnel.portid) => {
                eprintln!("firewall tampered with: {told}"); // who, generation, what
                tunnel.restore_firewall(&told.process);
            }
            Notice::Lagged => tunnel.use_uplink(watch.state().routes().default(Family::V4)),
            _ => {} // Synced, doubt, and kinds of a later version
        }
    }
}

fn main() -> linx::Result<()> {
    let netns = match std::env::args_os().nth(1) {
        Some(word) => linx::namespaces::resolve(&word),
        None => Netns::host(),
    };
    let mut tunnel = Tunnel { portid: 0, did: Box::new(|what| println!("{what}")) };
    guard(&netns?, &mut tunnel)
}
