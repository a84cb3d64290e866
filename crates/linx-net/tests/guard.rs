//! The agent of `examples/guard.rs` in a namespace: what it is told, and that it ends with the namespace.
#![cfg(feature = "nft")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../examples/guard.rs"]
mod guard;

use std::sync::mpsc::channel;

use linx::ErrorKind;
use linx_test::{Namespace, PATIENCE, is_root, skip_unless};

#[test]
fn an_agent_follows_its_uplink_and_guards_its_table() {
    skip_unless!(is_root(), "not root");
    let mut namespace = Namespace::new("guard");
    namespace.batch(
        "link add v0 index 10 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddress add 10.0.0.1/24 dev v0\n\
         route add default via 10.0.0.2\n",
    );
    namespace.nft("add table inet myvpn\nadd chain inet myvpn out\nadd table inet other");
    let (sender, did) = channel();
    let netns = namespace.netns();
    let agent = std::thread::spawn(move || {
        let mut tunnel = guard::Tunnel { portid: 0, did: Box::new(move |what| sender.send(what).unwrap()) };
        guard::guard(&netns, &mut tunnel)
    });
    let until = |wanted: &str| {
        while !did.recv_timeout(PATIENCE).expect(wanted).starts_with(wanted) {}
    };
    until("uplink 10");
    namespace.ip("route del default");
    until("uplink none");
    namespace.ip("route add default via 10.0.0.3");
    until("uplink 10");
    namespace.ip("address add 10.0.0.7/24 dev v0");
    until("rebind");
    // Another's table is nobody's business, and its own is.
    namespace.nft("add chain inet other c");
    namespace.nft("delete chain inet myvpn out");
    until("restore, after nft[");
    namespace.ip("link set v1 down");
    until("uplink none");
    namespace.delete();
    assert_eq!(agent.join().unwrap().unwrap_err().kind, ErrorKind::NamespaceGone);
}
