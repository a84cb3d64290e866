//! A test for each way in which the kernel announces less, or other, than what happened (KERNEL.md 1.6).

use linx::nft::ChainView;
use linx_test::{is_root, skip_unless};

use crate::bed::{Bed, lines};

#[test]
fn devices_that_come_to_a_chain_are_announced_alone_and_stand_in_front() {
    skip_unless!(is_root(), "not root");
    let mut bed = Bed::new("devices", "add table netdev t");
    for devices in ["v1", "v2, v3", "v0", "v0, v1, v2, v3"] {
        let hook = format!("type filter hook ingress devices = {{ {devices} }} priority 0;");
        assert!(bed.nft(&format!("add chain netdev t c {{ {hook} }}")));
        bed.read();
        bed.check();
    }
    let chain = bed.book.state().chains().next().unwrap();
    let names: Vec<_> = chain.hook().unwrap().device_names().map(|name| name.to_string()).collect();
    assert_eq!(names, ["v0", "v3", "v2", "v1"]);
    let all: Vec<_> = bed.told.iter().map(lines).collect();
    assert_eq!(all[0], ["+chain/netdev/t/1"]);
    assert_eq!(all[1], ["~chain/netdev/t/1 hook.dev hook.devices.names"]);
    assert_eq!(all[2], ["~chain/netdev/t/1 hook.devices.names"]);
    assert_eq!(all.len(), 3);
    bed.check_history();
}
