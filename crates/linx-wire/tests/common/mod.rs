//! Reads the captures of `testdata/`.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::path::Path;

use linx_wire::header::{Message, Messages};

/// One recorded scene.
pub struct Capture {
    pub name: String,
    /// Kernel, commands, and a line for each message.
    pub text: String,
    pub datagrams: Vec<Vec<u8>>,
}

impl Capture {
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.datagrams.iter().flat_map(|datagram| Messages::new(datagram).map(Result::unwrap))
    }
}

/// All scenes, by name.
pub fn captures() -> Vec<Capture> {
    captures_in("testdata")
}

/// All scenes of a folder, by name.
pub fn captures_in(folder: &str) -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Capture {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut datagrams = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (datagram, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        datagrams.push(datagram.to_vec());
        rest = after;
    }
    let text = std::fs::read_to_string(path.with_extension("txt")).unwrap();
    Capture { name: path.file_stem().unwrap().to_string_lossy().into_owned(), text, datagrams }
}
