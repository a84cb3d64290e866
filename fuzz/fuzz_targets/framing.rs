//! Bytes as a datagram: every message lies within it, and iteration ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linx_wire::header::{Ack, HEADER_LEN, Messages};

fuzz_target!(|data: &[u8]| {
    let mut taken = 0;
    let mut failed = false;
    for message in Messages::new(data) {
        assert!(!failed, "iteration goes on after an error");
        let Ok(message) = message else {
            failed = true;
            continue;
        };
        assert_eq!(message.bytes.len(), message.header.length as usize);
        assert_eq!(message.payload.len() + HEADER_LEN, message.bytes.len());
        taken += message.bytes.len();
        if let Ok(ack) = Ack::decode(&message) {
            assert!(ack.message.is_none_or(|text| text.len() < message.payload.len()));
        }
    }
    assert!(taken <= data.len());
    assert!(failed || taken + 3 * data.len() / HEADER_LEN >= data.len() - data.len().min(3));
});
