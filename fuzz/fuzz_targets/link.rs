//! Bytes as a message of the kind Link.
#![no_main]
linx_fuzz::kind!(Link, LinkRef, LinkView);
