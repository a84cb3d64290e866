//! The command `linx`.

fn main() {}
