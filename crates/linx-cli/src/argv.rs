//! ip's option words, rewritten before clap sees them: `-ts`, `-json`, `-color=never`, `-4`.
//!
//! Source: ip(8), and the order of tests in ip's own parser. One table; what is not in it stays as it was, so
//! that single letters may still be written together (`-jd`).

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// ip's word, how many letters of it are enough, and the long option that it means.
///
/// Shorter than that, letters are options of their own: `-js` is `-j -s`.
const WORDS: &[(&str, usize, &str)] = &[
    ("ts", 2, "--tshort"),
    ("tshort", 3, "--tshort"),
    ("timestamp", 2, "--timestamp"),
    ("color", 2, "--color"),
    ("colour", 5, "--color"),
    ("details", 2, "--details"),
    ("family", 3, "--family"),
    ("help", 3, "--help"),
    ("json", 3, "--json"),
    ("netns", 3, "--netns"),
    ("Numeric", 2, "--numeric"),
    ("oneline", 3, "--oneline"),
    ("pretty", 2, "--pretty"),
    ("rcvbuf", 2, "--rcvbuf"),
    ("statistics", 3, "--statistics"),
    ("stats", 3, "--statistics"),
    ("Version", 2, "--version"),
];

/// ip's one-letter families.
const FAMILIES: &[(&[u8], &str)] =
    &[(b"-0", "--family=link"), (b"-B", "--family=bridge"), (b"-M", "--family=mpls")];

/// The arguments with ip's words rewritten; those after `--` stay.
pub(crate) fn rewrite(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut verbatim = false;
    args.into_iter()
        .enumerate()
        .map(|(index, arg)| {
            verbatim |= arg == "--";
            if index == 0 || verbatim { arg } else { word(&arg).unwrap_or(arg) }
        })
        .collect()
}

fn word(arg: &OsString) -> Option<OsString> {
    let bytes = arg.as_bytes();
    if let Some((_, long)) = FAMILIES.iter().find(|(short, _)| *short == bytes) {
        return Some(OsString::from(*long));
    }
    let name = bytes.strip_prefix(b"-")?;
    if name.len() < 2 || name.first() == Some(&b'-') {
        return None;
    }
    let end = name.iter().position(|byte| *byte == b'=').unwrap_or(name.len());
    let (name, value) = name.split_at(end);
    let (_, _, long) =
        WORDS.iter().find(|(word, least, _)| name.len() >= *least && word.as_bytes().starts_with(name))?;
    let mut whole = long.as_bytes().to_vec();
    whole.extend_from_slice(value);
    Some(OsString::from_vec(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let args = line.split(' ').map(OsString::from);
        let out: Vec<_> = rewrite(args).into_iter().map(|arg| arg.into_string().unwrap()).collect();
        out.join(" ")
    }

    #[test]
    fn words_of_ip_become_long_options() {
        for (before, after) in [
            ("linx -ts monitor", "linx --tshort monitor"),
            ("linx -t monitor", "linx -t monitor"),
            ("linx -ti monitor", "linx --timestamp monitor"),
            ("linx -color=never -json -pretty", "linx --color=never --json --pretty"),
            ("linx -c=always -j -p", "linx -c=always -j -p"),
            ("linx -det -stat -s", "linx --details --statistics -s"),
            ("linx -netns blue -n red", "linx --netns blue -n red"),
            ("linx -family inet6 -4 -6 -0 -B", "linx --family inet6 -4 -6 --family=link --family=bridge"),
            ("linx -N -Num -rc 4M -one", "linx -N --numeric --rcvbuf 4M --oneline"),
            ("linx -V -Version", "linx -V --version"),
        ] {
            assert_eq!(rewritten(before), after);
        }
    }

    #[test]
    fn what_is_not_a_word_stays() {
        for line in ["linx -jd -nblue -js", "linx --json -- -ts -json", "linx - -- -4", "linx --ts -xyz"] {
            assert_eq!(rewritten(line), line);
        }
        let odd = OsString::from_vec(b"-\xff\xfe".to_vec());
        assert_eq!(rewrite([OsString::new(), odd.clone()])[1], odd);
    }
}
