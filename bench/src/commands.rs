//! Commands that list what the kernel has: what they cost, and whether they print all of it.
//!
//! A measured turn writes to `/dev/null`. Before the first of them the command runs once more, unmeasured and into a pipe,
//! and what it prints is counted: one that prints nothing, or stops half way, is no fast one.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::measure;
use crate::namespace::Namespace;
use crate::report::{Contestant, Outcome, Sample};

/// Where `linx` is: built like this program, for release but for `--short`, which shares what the tests were built with.
const LINX: &str = if cfg!(debug_assertions) {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/linx")
} else {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/linx")
};

/// A command line; `linx` is the one of this repository.
pub fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let mut command = match words.next() {
        Some("linx") => Command::new(LINX),
        program => Command::new(program.unwrap_or_default()),
    };
    command.args(words).stderr(Stdio::null());
    command
}

/// What a command line is called in a table. Linx's own may not fail, another's may be missing.
pub fn contestant<'a>(name: &str, line: &str, turn: impl FnMut() -> Outcome<Sample> + 'a) -> Contestant<'a> {
    Contestant { stranger: !line.starts_with("linx "), ..Contestant::new(name, turn) }
}

/// How what a command prints is counted.
#[derive(Clone, Copy)]
pub enum Printed {
    /// Line by line: how many objects a line is or has.
    Lines(fn(&str) -> usize),
    /// One JSON document: the items of the list that these keys lead to, or the objects; lists on the way are gone
    /// through.
    Json(&'static [&'static str]),
}

/// Every line is an object.
pub const LINES: Printed = Printed::Lines(|line| usize::from(!line.is_empty()));
/// Every line is a route as JSON of Linx's.
pub const JSON_ROUTES: Printed =
    Printed::Lines(|line| usize::from(line.contains("\"kind\":\"route\"") && line.ends_with('}')));
/// A list of objects.
pub const ITEMS: Printed = Printed::Json(&[]);
/// The rules of `nft list ruleset`, which all accept, and the elements, which are addresses.
pub const NFT: Printed = Printed::Lines(|line| match line.ends_with(" accept") {
    true => 1,
    false => line.split([' ', '\t', ',']).filter(|word| word.parse::<Ipv4Addr>().is_ok()).count(),
});
/// The rules of `nft -j list ruleset`.
pub const NFT_RULES: Printed = Printed::Json(&["nftables", "rule"]);
/// The elements of its sets.
pub const NFT_ELEMENTS: Printed = Printed::Json(&["nftables", "set", "elem"]);

/// A command that lists so many objects.
pub fn lister<'a>(
    namespace: &'a Namespace,
    line: &'static str,
    printed: Printed,
    wanted: RangeInclusive<u32>,
) -> Contestant<'a> {
    let mut is_checked = false;
    contestant(line, line, move || {
        if !is_checked {
            let mut command = command(line);
            command.stdout(Stdio::piped());
            check(namespace.spawn(command, None)?, printed, &wanted)?;
            is_checked = true;
        }
        let start = Instant::now();
        let mut command = command(line);
        command.stdout(Stdio::null());
        let usage = measure::wait(namespace.spawn(command, None)?)?;
        Ok(Sample::new(usage.cpu.as_secs_f64() * 1e3)
            .with("wall ms", start.elapsed().as_secs_f64() * 1e3)
            .with("most memory, MB", usage.rss_mb))
    })
}

/// That a command ends well, and that what it printed is so many objects.
fn check(mut child: Child, printed: Printed, wanted: &RangeInclusive<u32>) -> Outcome<()> {
    let mut output = BufReader::with_capacity(1 << 16, child.stdout.take().ok_or("no output")?);
    let count = printed.count(&mut output);
    // It is read to its end, whatever is in it: how the command ends says more.
    std::io::copy(&mut output, &mut std::io::sink()).map_err(|error| error.to_string())?;
    measure::wait(child)?;
    let count = count?;
    if u32::try_from(count).is_ok_and(|count| wanted.contains(&count)) {
        return Ok(());
    }
    Err(format!("it printed {count} objects of {}", wanted.start()))
}

impl Printed {
    fn count(self, output: &mut impl BufRead) -> Outcome<usize> {
        match self {
            Self::Lines(objects) => {
                let (mut line, mut count) = (String::new(), 0);
                while output.read_line(&mut line).map_err(|error| error.to_string())? > 0 {
                    count += objects(line.trim_end());
                    line.clear();
                }
                Ok(count)
            }
            Self::Json(keys) => {
                let mut document = serde_json::Deserializer::from_reader(output);
                let count = Below(keys).deserialize(&mut document);
                let whole = count.and_then(|count| document.end().map(|()| count));
                whole.map_err(|error| format!("what it printed is no JSON: {error}"))
            }
        }
    }
}

/// Counts what these keys lead to in a JSON document, without keeping it.
struct Below<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<usize, D::Error> {
        document.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut count = 0;
        if self.0.is_empty() {
            while list.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
        } else {
            while let Some(below) = list.next_element_seed(Below(self.0))? {
                count += below;
            }
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<usize, A::Error> {
        // With no key left the object itself is what counts.
        let mut count = usize::from(self.0.is_empty());
        while let Some(key) = object.next_key::<String>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == key => count += object.next_value_seed(Below(rest))?,
                _ => _ = object.next_value::<IgnoredAny>()?,
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str, printed: Printed, wanted: u32) -> Outcome<()> {
        let mut command = command(line);
        let child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        check(child, printed, &(wanted..=wanted + 1))
    }

    fn count(printed: Printed, text: &str) -> Outcome<usize> {
        printed.count(&mut text.as_bytes())
    }

    #[test]
    fn a_command_that_prints_too_little_or_too_much_is_not_measured() {
        assert_eq!(checked("seq 100", LINES, 100), Ok(()));
        assert_eq!(checked("seq 101", LINES, 100), Ok(()));
        assert_eq!(checked("true", LINES, 100), Err("it printed 0 objects of 100".to_owned()));
        assert_eq!(checked("seq 50", LINES, 100), Err("it printed 50 objects of 100".to_owned()));
        assert_eq!(checked("seq 102", LINES, 100), Err("it printed 102 objects of 100".to_owned()));
    }

    #[test]
    fn a_command_that_fails_is_not_measured_whatever_it_printed() {
        assert_eq!(checked("false", LINES, 0), Err("ended with status 1".to_owned()));
        // `ls` prints what is there, and then fails.
        assert_eq!(checked("ls / /nowhere", LINES, 0), Err("ended with status 2".to_owned()));
        assert!(checked("no-such-command", LINES, 0).is_err());
    }

    #[test]
    fn a_document_that_ends_half_way_is_not_measured() {
        assert_eq!(checked("echo [{},{}]", ITEMS, 2), Ok(()));
        for line in ["true", "echo [{},{}", "echo [{},{}]]", "echo {}{}"] {
            let why = checked(line, ITEMS, 2).unwrap_err();
            assert!(why.starts_with("what it printed is no JSON: "), "{line}: {why}");
        }
        assert_eq!(checked("echo []", ITEMS, 2), Err("it printed 0 objects of 2".to_owned()));
    }

    #[test]
    fn rules_and_elements_are_counted_in_both_forms() {
        let rules = "table inet bench {\n\tchain c0 {\n\
            \t\tip saddr 10.0.0.0 tcp dport 1024 counter packets 0 bytes 0 accept\n\
            \t\tip saddr 10.0.0.1 tcp dport 1025 counter packets 0 bytes 0 accept\n\t}\n}\n";
        assert_eq!(count(NFT, rules), Ok(2));
        let elements = "table inet bench {\n\tset s {\n\t\ttype ipv4_addr\n\
            \t\telements = { 20.0.0.0, 20.0.0.1,\n\t\t\t     20.0.0.2 }\n\t}\n}\n";
        assert_eq!(count(NFT, elements), Ok(3));
        let document = r#"{"nftables": [{"metainfo": {"version": "1"}}, {"table": {"name": "bench"}},
            {"set": {"name": "s", "elem": ["20.0.0.0", {"elem": {"val": "20.0.0.1", "timeout": 9}}]}},
            {"rule": {"chain": "c0", "expr": [{"rule": 1}]}}]}"#;
        assert_eq!(count(NFT_RULES, document), Ok(1));
        assert_eq!(count(NFT_ELEMENTS, document), Ok(2));
    }

    #[test]
    fn only_routes_count_among_linx_s_lines() {
        let lines =
            "{\"op\":\"list\",\"kind\":\"route\"}\n{\"op\":\"list\",\"kind\":\"link\"}\n{\"kind\":\"route\"";
        assert_eq!(count(JSON_ROUTES, lines), Ok(1));
    }
}
