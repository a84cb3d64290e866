//! Seeds of the fuzz targets, one file a target: the inputs one after the other, each behind its length in four bytes,
//! little-endian. A corpus is thousands of small files; a repository wants one.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a target's seeds are kept.
pub(super) fn file(target: &str) -> PathBuf {
    Path::new("fuzz/seeds").join(target).with_extension("bin")
}

/// The seeds of a file; none where there is no file.
pub(super) fn read(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let bytes = fs::read(file).map_err(|error| told(file, &error))?;
    unpacked(&bytes).ok_or_else(|| format!("{}: it ends within a seed", file.display()))
}

/// Writes the seeds, the shortest first, so that the same seeds are the same file.
pub(super) fn write(file: &Path, seeds: &[Vec<u8>]) -> Result<(), String> {
    let mut seeds: Vec<_> = seeds.iter().map(Vec::as_slice).collect();
    seeds.sort_unstable_by_key(|seed| (seed.len(), *seed));
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    }
    fs::write(file, packed(&seeds)?).map_err(|error| told(file, &error))
}

/// Every file of a folder.
pub(super) fn of_folder(folder: &Path) -> Result<Vec<Vec<u8>>, String> {
    let entries = fs::read_dir(folder).map_err(|error| told(folder, &error))?;
    entries
        .map(|entry| {
            let path = entry.map_err(|error| told(folder, &error))?.path();
            fs::read(&path).map_err(|error| told(&path, &error))
        })
        .collect()
}

/// A file for each seed.
pub(super) fn to_folder(seeds: &[Vec<u8>], folder: &Path) -> Result<(), String> {
    for (number, seed) in seeds.iter().enumerate() {
        let path = folder.join(format!("{number:05}"));
        fs::write(&path, seed).map_err(|error| told(&path, &error))?;
    }
    Ok(())
}

/// The folder, with nothing in it.
pub(super) fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| told(folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| told(folder, &error))
}

fn packed(seeds: &[&[u8]]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for seed in seeds {
        let len = u32::try_from(seed.len()).map_err(|_| "a seed of more than 4 GiB".to_owned())?;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(seed);
    }
    Ok(bytes)
}

fn unpacked(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk()?;
        let (seed, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        seeds.push(seed.to_vec());
        bytes = rest;
    }
    Some(seeds)
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let seeds: [&[u8]; 3] = [&[], &[1], &[2; 300]];
        let bytes = packed(&seeds).expect("small seeds");
        assert_eq!(unpacked(&bytes).as_deref(), Some(&seeds.map(<[u8]>::to_vec)[..]));
    }

    #[test]
    fn a_file_that_ends_within_a_seed_is_refused() {
        let bytes = packed(&[&[7; 9]]).expect("a small seed");
        for short in 1..bytes.len() {
            assert_eq!(unpacked(bytes.get(..short).unwrap_or_default()), None, "{short} bytes");
        }
    }
}
