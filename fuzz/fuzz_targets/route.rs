//! Bytes as a message of the kind Route.
#![no_main]
linx_fuzz::kind!(Route, RouteRef, RouteView);
