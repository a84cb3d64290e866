//! Stateful objects (`NFTA_OBJ_*`, <linux/netfilter/nf_tables.h>): what rules and maps refer to by name.

use super::conntrack::{
    CT_EXPECTATION, CT_HELPER, CT_TIMEOUT, CtExpectation, CtHelper, CtTimeout, SECMARK, Secmark,
};
use super::expr::{CONNLIMIT, COUNTER, Connlimit, Counter, LIMIT, Limit, SYNPROXY, Synproxy};
use super::header::NfGenMsg;
use super::tunnel::{TUNNEL_KEY, TunnelKey};
use super::userdata::{self, UserData};
use crate::name::Name;
use crate::object::object;
use crate::policy::{Policy, Surroundings, attributes};

attributes! {
    /// `NFTA_OBJ_*`
    pub OBJECT "NFTA_OBJ" as StatefulObjectAttributes {
        table = 1 TABLE: name, Tracked;
        name = 2 NAME: name, Tracked;
        /// One of [`object_type`].
        r#type = 3 TYPE: be32, Tracked;
        /// See [`StatefulObjectView::data`].
        data = 4 DATA: depends(data_policy), Tracked;
        r#use = 5 USE: be32, Volatile;
        handle = 6 HANDLE: be64, Tracked;
        userdata = 8 USERDATA: bytes, Tracked;
    }
}

attributes! {
    /// `NFTA_QUOTA_*` of an object, which may be changed as long as it exists. `NFT_QUOTA_F_DEPLETED` comes by packets and
    /// goes by a reset, in silence.
    pub QUOTA_OBJECT "NFTA_QUOTA" as QuotaObject {
        bytes = 1 BYTES: be64, Tracked;
        flags = 2 FLAGS: be32_but(0x2), Tracked;
        used = 4 CONSUMED: be64, Volatile;
    }
}

fn data_policy(around: Surroundings<'_>) -> Option<&'static Policy> {
    ObjectData::policy(u32::from_be_bytes(*around.sibling(3)?.first_chunk()?))
}

macro_rules! types {
    ($($(#[$note:meta])* $variant:ident($view:ident by $policy:ident) = $constant:ident $number:literal $word:literal;)*) => {
        /// `NFT_OBJECT_*`
        pub mod object_type {
            $($(#[$note])* pub const $constant: u32 = $number;)*

            /// The word that nft has for a type; `None` for one that this version does not know.
            #[must_use]
            pub fn word(object_type: u32) -> Option<&'static str> {
                match object_type {
                    $($number => Some($word),)*
                    _ => None,
                }
            }
        }

        /// `NFTA_OBJ_DATA`, by type.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum ObjectData<'a> {
            $($(#[$note])* $variant($view<'a>),)*
            /// Of a type that this version does not know: the type and the bytes.
            Other(u32, &'a [u8]),
        }

        impl<'a> ObjectData<'a> {
            /// The table of a type's data.
            #[must_use]
            pub fn policy(object_type: u32) -> Option<&'static Policy> {
                match object_type {
                    $($number => Some(&$policy),)*
                    _ => None,
                }
            }

            /// The data of a type, validated.
            fn new(object_type: u32, data: &'a [u8]) -> Self {
                match object_type {
                    $($number => Self::$variant($view::new(data)),)*
                    _ => Self::Other(object_type, data),
                }
            }
        }
    };
}

types! {
    /// Packets and bytes.
    Counter(Counter by COUNTER) = COUNTER 1 "counter";
    /// A quota of bytes.
    Quota(QuotaObject by QUOTA_OBJECT) = QUOTA 2 "quota";
    /// A helper of connection tracking.
    CtHelper(CtHelper by CT_HELPER) = CT_HELPER 3 "ct helper";
    /// A rate.
    Limit(Limit by LIMIT) = LIMIT 4 "limit";
    /// A number of connections.
    Connlimit(Connlimit by CONNLIMIT) = CONNLIMIT 5 "ct count";
    /// Metadata of a tunnel.
    Tunnel(TunnelKey by TUNNEL_KEY) = TUNNEL 6 "tunnel";
    /// Timeouts of connection tracking.
    CtTimeout(CtTimeout by CT_TIMEOUT) = CT_TIMEOUT 7 "ct timeout";
    /// A security mark.
    Secmark(Secmark by SECMARK) = SECMARK 8 "secmark";
    /// An expectation of connection tracking.
    CtExpectation(CtExpectation by CT_EXPECTATION) = CT_EXPECT 9 "ct expectation";
    /// A proxy for SYN packets.
    Synproxy(Synproxy by SYNPROXY) = SYNPROXY 10 "synproxy";
}

object! {
    /// A stateful object.
    StatefulObject, StatefulObjectRef, StatefulObjectView;
    header NfGenMsg; attributes StatefulObjectAttributes by OBJECT;
    kind StatefulObject = NEWOBJ | DELOBJ | GETOBJ of nft;

    /// The table's family, see [`family`](super::family).
    fn family(&self) -> u8 {
        self.header().family
    }

    /// The table's name.
    fn table(&self) -> Name<'_> {
        self.attributes().table().unwrap_or_default()
    }

    /// Its name.
    fn name(&self) -> Name<'_> {
        self.attributes().name().unwrap_or_default()
    }

    /// One of [`object_type`].
    fn object_type(&self) -> u32 {
        self.attributes().r#type().unwrap_or_default()
    }

    /// What it is, by its type.
    fn data(&self) -> ObjectData<'_> {
        ObjectData::new(self.object_type(), self.attributes().data().unwrap_or_default())
    }

    /// The kernel's number for it within its table.
    fn handle(&self) -> Option<u64> {
        self.attributes().handle()
    }

    /// How many rules and elements refer to it.
    fn use_count(&self) -> u32 {
        self.attributes().r#use().unwrap_or_default()
    }

    /// What user space keeps with it.
    fn userdata(&self) -> Option<UserData<'_>> {
        self.attributes().userdata().map(UserData::new)
    }

    /// The comment, if its user data hold one.
    fn comment(&self) -> Option<Name<'_>> {
        self.userdata()?.comment(userdata::COMMENT)
    }
}
