//! Peer network namespace ids (`struct rtgenmsg`, `NETNSA_*`, <linux/net_namespace.h>).

use crate::object::{fixed_part, object};
use crate::policy::attributes;

fixed_part! {
    /// `struct rtgenmsg`, padded as the kernel sends it.
    pub struct GenMsg {
        /// Address family; always `AF_UNSPEC` here.
        pub family: u8, Tracked;
        /// Padding (`NLMSG_ALIGN`).
        pub pad: [u8; 3], Volatile;
    }
}

attributes! {
    /// `NETNSA_*`
    pub NSID "NETNSA" as NsIdAttributes {
        nsid = 1 NSID: i32, Tracked;
        pid = 2 PID: u32, Volatile;
        fd = 3 FD: u32, Volatile;
        target_nsid = 4 TARGET_NSID: i32, Volatile;
        current_nsid = 5 CURRENT_NSID: i32, Tracked;
    }
}

object! {
    /// The id by which this network namespace knows another.
    NsId, NsIdRef, NsIdView;
    header GenMsg; attributes NsIdAttributes by NSID;
    kind NsId = NEWNSID | DELNSID | GETNSID;

    /// Address family; always `AF_UNSPEC`.
    fn family(&self) -> u8 {
        self.header().family
    }

    /// The id; -1 where the namespace has none (`NETNSA_NSID_NOT_ASSIGNED`).
    fn nsid(&self) -> i32 {
        self.attributes().nsid().unwrap_or(-1)
    }

    /// The id by which the asker's own namespace knows the same one, where another's ids were asked for.
    fn current_nsid(&self) -> Option<i32> {
        self.attributes().current_nsid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compare;

    fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        for (number, value) in attributes {
            bytes.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            bytes.extend(number.to_ne_bytes());
            bytes.extend(*value);
        }
        bytes
    }

    #[test]
    fn an_id_decodes_in_both_forms_and_keeps_the_unknown() {
        let bytes = message(&[(1, &7i32.to_ne_bytes()), (99, &[1, 2, 3, 4])]);
        let borrowed = NsIdRef::decode(&bytes).unwrap();
        let owned = NsId::decode(&bytes).unwrap();
        assert_eq!((borrowed.nsid(), owned.nsid()), (7, 7));
        assert_eq!(owned.unknown()[0].payload, [1, 2, 3, 4]);
        assert_eq!(owned.as_bytes(), bytes);
    }

    #[test]
    fn classes_decide_what_is_compared() {
        let one = NsId::decode(&message(&[(1, &7i32.to_ne_bytes()), (2, &1u32.to_ne_bytes())])).unwrap();
        let two = NsId::decode(&message(&[(1, &7i32.to_ne_bytes()), (2, &2u32.to_ne_bytes())])).unwrap();
        let three = NsId::decode(&message(&[(1, &8i32.to_ne_bytes())])).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.differences(&two, Compare::Everything), ["pid"]);
        assert_ne!(one, three);
        assert_eq!(one.differences(&three, Compare::Tracked), ["nsid"]);
    }

    #[test]
    fn a_short_attribute_is_an_error_with_its_place() {
        let error = NsId::decode(&message(&[(99, &[0; 4]), (1, &[0, 0, 0])])).unwrap_err();
        assert_eq!(error.to_string(), "NETNSA_NSID: payload of 3 bytes where 4 expected at offset 16");
    }
}
