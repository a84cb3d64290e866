//! Bytes as a message of the kind NsId.
#![no_main]
linx_fuzz::kind!(NsId, NsIdRef, NsIdView);
