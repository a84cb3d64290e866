//! Rules of the house that no compiler knows: notes left behind, tests switched off, files grown too
//! long, links in the prose that lead nowhere, promises whose test does not exist.

use crate::Verdict;
use crate::run::print;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sources of the libraries.
const LIBRARIES: [&str; 3] = ["crates/linx-wire/src", "crates/linx-sys/src", "crates/linx-net/src"];

/// Lines of a source file, its tests aside, from which it is named as one to split.
const LONG: usize = 800;

/// The most lines of a source file, its tests aside.
const LONGEST: usize = 1000;

/// Words that a finished line does not hold. Split here so that this file passes its own check.
const LEFT_OVER: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("#[", "ignore"),
    concat!("dbg", "!("),
];

/// Folders that hold nothing written by hand.
const PASSED_OVER: [&str; 5] = [".git", "target", "testdata", "corpus", "artifacts"];

pub(crate) fn run() -> Verdict {
    let mut files = Vec::new();
    if let Err(error) = collect(Path::new(""), &mut files) {
        return Verdict::Failed(format!("the repository cannot be read: {error}"));
    }
    let mut faults = Vec::new();
    let mut tests = BTreeSet::new();
    let mut prose = Vec::new();
    for path in &files {
        let Ok(text) = std::fs::read_to_string(path) else { continue }; // captures are not text
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                source(path, &text, &mut faults);
                too_young(path, &text, &mut faults);
                tests.extend(functions(&text));
            }
            Some("md") => {
                links(path, &text, &mut faults);
                prose.push((path, text));
            }
            _ => {}
        }
    }
    for (path, text) in prose {
        if path == Path::new("PROPERTIES.md") {
            promises(&text, &tests, &mut faults);
        }
    }
    for fault in &faults {
        print(fault);
    }
    println!("house: {} files, {} faults", files.len(), faults.len());
    if faults.is_empty() { Verdict::Passed } else { Verdict::Failed(format!("{} faults", faults.len())) }
}

/// Every file below a folder but for what is built, downloaded or not text.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(here)? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn source(path: &Path, text: &str, faults: &mut Vec<String>) {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let length = code.lines().count();
    let is_test = path.components().any(|part| part.as_os_str() == "tests");
    if length > LONGEST && !is_test {
        faults.push(format!("{}: {length} lines, {LONGEST} allowed", path.display()));
    } else if length > LONG && !is_test {
        print(&format!("{}: {length} lines: think of splitting it (not a fault)", path.display()));
    }
    for (number, line) in text.lines().enumerate() {
        for word in LEFT_OVER {
            if line.contains(word) {
                faults.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
}

/// Chains of `let` in conditions are younger (Rust 1.88) than the oldest compiler that the libraries promise (1.85), and
/// no lint says so.
fn too_young(path: &Path, text: &str, faults: &mut Vec<String>) {
    let is_library = LIBRARIES.iter().any(|library| path.starts_with(library));
    let chained =
        |line: &str| line.contains("&& let ") || (line.trim_start().starts_with("if let ") && chain(line));
    for (number, line) in text.lines().enumerate().filter(|(_, line)| is_library && chained(line)) {
        faults.push(format!("{}:{}: needs Rust 1.88: {}", path.display(), number + 1, line.trim()));
    }
}

/// Whether a condition that begins with `let` goes on after it, outside any closure or call.
fn chain(line: &str) -> bool {
    let mut depth = 0_i32;
    let mut last = ' ';
    for character in line.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '&' if last == '&' && depth == 0 => return true,
            _ => {}
        }
        last = character;
    }
    false
}

/// Relative links of a Markdown file, code blocks aside.
fn links(path: &Path, text: &str, faults: &mut Vec<String>) {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                faults.push(format!("{}:{}: dead link {target}", path.display(), number + 1));
            }
        }
    }
}

/// In PROPERTIES.md a test is named `` `test: NAME` ``; each must be a function somewhere.
fn promises(text: &str, tests: &BTreeSet<String>, faults: &mut Vec<String>) {
    for name in text.split("`test: ").skip(1).filter_map(|rest| rest.split('`').next()) {
        if !tests.contains(name) {
            faults.push(format!("PROPERTIES.md: no test {name}"));
        }
    }
}

fn functions(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("fn "))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_left_over_note_and_a_long_file_are_faults() {
        let mut faults = Vec::new();
        let text = format!("// {}: later\n{}", concat!("TO", "DO"), "\n".repeat(LONGEST));
        source(Path::new("a.rs"), &text, &mut faults);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn a_library_has_no_chain_of_lets() {
        let mut faults = Vec::new();
        let text =
            "if let Some(a) = b && a {\n    && let c = d\nif let Some(a) = b.filter(|x| x.y && x.z) {\n";
        too_young(Path::new("crates/linx-net/src/a.rs"), text, &mut faults);
        assert_eq!(faults.len(), 2, "{faults:?}");
        too_young(Path::new("xtask/src/a.rs"), text, &mut faults);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn a_dead_link_is_a_fault_but_not_in_code() {
        let mut faults = Vec::new();
        links(Path::new("x.md"), "[a](no/such.md) [b](https://x.y)\n```\n[c](none)\n```\n", &mut faults);
        assert_eq!(faults, ["x.md:1: dead link no/such.md"]);
    }

    #[test]
    fn a_promise_names_a_test_that_exists() {
        let mut faults = Vec::new();
        let tests = BTreeSet::from(["whole".to_owned()]);
        promises("| x | `test: whole` | `test: gone` |", &tests, &mut faults);
        assert_eq!(faults, ["PROPERTIES.md: no test gone"]);
    }
}
