//! Bytes as a message of the kind Address.
#![no_main]
linx_fuzz::kind!(Address, AddressRef, AddressView);
