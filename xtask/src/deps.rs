//! How much linx-net brings along: a library that every agent may embed stays small.

use crate::Verdict;
use crate::run::{cargo, output, print};
use std::collections::BTreeSet;

/// The most crates that linx-net may have in its tree without features, itself included.
const LIMIT: usize = 24;

pub(crate) fn run() -> Verdict {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        "linx-net",
        "--no-default-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    let text = match output(tree) {
        Ok(text) => text,
        Err(why) => return Verdict::Failed(why),
    };
    let crates = names(&text);
    println!("linx-net without features: {} crates (limit {LIMIT})", crates.len());
    if crates.len() <= LIMIT {
        return Verdict::Passed;
    }
    for name in &crates {
        print(&format!("  {name}"));
    }
    Verdict::Failed(format!("{} crates, {LIMIT} allowed", crates.len()))
}

/// The different `name version` pairs of a flat `cargo tree`.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_crate_counts_once_and_each_version_of_it() {
        let tree = "a v1.0.0 (/x)\nb v0.1.0\nb v0.1.0 (*)\nb v0.2.0\n\nc v1.0.0 (proc-macro)\n";
        assert_eq!(names(tree).len(), 4);
    }
}
