//! What the tests of Linx share: namespaces, zoos, storms, oracles
