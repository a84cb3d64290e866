//! Bytes as a message of the kind NextHop.
#![no_main]
linx_fuzz::kind!(NextHop, NextHopRef, NextHopView);
