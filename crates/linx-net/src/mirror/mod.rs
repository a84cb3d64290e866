//! A copy of the kernel's objects that is kept up to date: the store of it, so far.

#[allow(dead_code)]
mod table;
