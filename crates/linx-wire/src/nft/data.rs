//! What registers hold: data or a verdict (`NFTA_DATA_*`, `NFTA_VERDICT_*`, <linux/netfilter/nf_tables.h>).

use crate::policy::attributes;

attributes! {
    /// `NFTA_DATA_*`: either a value or a verdict.
    pub DATA "NFTA_DATA" as Data {
        /// Bytes as they stand in registers: packet fields in network order, what the kernel makes (marks, interface
        /// indexes, …) in the machine's.
        value = 1 VALUE: bytes, Tracked;
        verdict = 2 VERDICT: nested(VERDICT, Verdict), Tracked;
    }
}

attributes! {
    /// `NFTA_VERDICT_*`
    pub VERDICT "NFTA_VERDICT" as Verdict {
        /// One of [`verdict`].
        code = 1 CODE: be_i32, Tracked;
        /// Where `JUMP` and `GOTO` lead.
        chain = 2 CHAIN: name, Tracked;
        /// Of a request: the chain's id in its batch.
        chain_id = 3 CHAIN_ID: be32, Volatile;
    }
}

/// `NF_*` and `NFT_*` verdicts.
pub mod verdict {
    #![allow(missing_docs)]
    pub const DROP: i32 = 0;
    pub const ACCEPT: i32 = 1;
    pub const STOLEN: i32 = 2;
    /// The queue's number stands in the upper 16 bits.
    pub const QUEUE: i32 = 3;
    pub const REPEAT: i32 = 4;
    pub const CONTINUE: i32 = -1;
    pub const BREAK: i32 = -2;
    pub const JUMP: i32 = -3;
    pub const GOTO: i32 = -4;
    pub const RETURN: i32 = -5;

    /// The word for a verdict; `None` for a number that is none.
    #[must_use]
    pub fn word(code: i32) -> Option<&'static str> {
        Some(match code {
            DROP => "drop",
            ACCEPT => "accept",
            STOLEN => "stolen",
            QUEUE => "queue",
            REPEAT => "repeat",
            CONTINUE => "continue",
            BREAK => "break",
            JUMP => "jump",
            GOTO => "goto",
            RETURN => "return",
            _ => return None,
        })
    }
}

/// Registers (`enum nft_registers`).
///
/// There are two ways to name the same 64 bytes: four registers of 16 bytes (1 to 4), and sixteen of 4 bytes (8 to 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub u32);

impl Register {
    /// Where verdicts go.
    pub const VERDICT: Self = Self(0);
    /// The first of 16 bytes.
    pub const R1: Self = Self(1);
    /// The first of 4 bytes (`NFT_REG32_00`).
    pub const R32_00: Self = Self(8);

    /// Where it begins among the 64 bytes; `None` for the verdict and for numbers that name no register.
    #[must_use]
    pub fn offset(self) -> Option<u32> {
        match self.0 {
            1..=4 => Some((self.0 - 1) * 16),
            8..=23 => Some((self.0 - 8) * 4),
            _ => None,
        }
    }
}

impl std::fmt::Display for Register {
    /// `verdict`, `r1` to `r4`, `r32_00` to `r32_15`, and `r?5` for a number that names no register.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("verdict"),
            1..=4 => write!(f, "r{}", self.0),
            8..=23 => write!(f, "r32_{:02}", self.0 - 8),
            other => write!(f, "r?{other}"),
        }
    }
}

impl From<Register> for u32 {
    fn from(register: Register) -> Self {
        register.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_two_names_for_the_same_bytes() {
        assert_eq!(Register(2).offset(), Register(12).offset());
        assert_eq!(
            [0, 1, 4, 8, 23, 5, 24].map(|r| Register(r).to_string()),
            ["verdict", "r1", "r4", "r32_00", "r32_15", "r?5", "r?24"]
        );
        assert_eq!([0, 5, 24].map(|r| Register(r).offset()), [None; 3]);
    }
}
