//! Bytes as a message of the kind Neighbour.
#![no_main]
linx_fuzz::kind!(Neighbour, NeighbourRef, NeighbourView);
