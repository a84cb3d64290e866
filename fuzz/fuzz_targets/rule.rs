//! Bytes as a message of the kind Rule.
#![no_main]
linx_fuzz::kind!(Rule, RuleRef, RuleView);
