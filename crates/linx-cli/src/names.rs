//! The names that this machine has for numbers.

use linx::names::{NameFile, Names};

use crate::filter::Known;

/// iproute2's name files.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) names: Names,
}

impl Machine {
    /// Reads them. `numeric`: numbers are printed, names are still understood.
    pub(crate) fn load(numeric: bool) -> Self {
        Self { names: Names::load().numeric(numeric) }
    }

    fn look_up(&self, file: NameFile, word: &str) -> Result<u32, Vec<String>> {
        self.names
            .number(file, word)
            .ok_or_else(|| self.names.all(file).map(|(_, name)| name.to_owned()).collect())
    }
}

impl Known for Machine {
    fn table(&self, word: &str) -> Result<u32, Vec<String>> {
        self.look_up(NameFile::Tables, word)
    }

    fn protocol(&self, word: &str) -> Result<u32, Vec<String>> {
        self.look_up(NameFile::Protocols, word)
    }

    fn address_protocol(&self, word: &str) -> Result<u32, Vec<String>> {
        self.look_up(NameFile::AddressProtocols, word)
    }

    fn group(&self, word: &str) -> Result<u32, Vec<String>> {
        self.look_up(NameFile::Groups, word)
    }
}
