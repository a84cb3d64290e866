//! Names that the kernel takes for a link and that no terminal, JSON reader or file should be given as they are.

/// More than 40 link names, at most 15 bytes each, without those that `dev_valid_name` refuses (`/`, `:`, white space,
/// `.`, `..`).
#[must_use]
pub fn hostile_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        &b"\x1b[31mred"[..],
        b"\x1b[2J",
        b"\x1b]0;title\x07",
        b"\x1b[8mhidden",
        b"\x1bc",
        b"\x1bP1$r\x1b\\",
        b"\x9b31m",
        b"\xc2\x9b31m",
        b"\xc2\x85nel",
        b"\x1f",
        b"\x07bell",
        b"\x08back",
        b"a\x7fdel",
        b"\x01\x02\x03",
        b"\x0e\x0f",
        b"nul-less\x1a",
        b"\xff\xfe",
        b"\xc3\x28",
        b"\xed\xa1\x81",
        b"\xf8\x88\x80\x80\x80",
        b"\xc0\xaf",
        b"ok\x80tail",
        b"trunc\xe2\x82",
        b"\"quote\"",
        b"'single'",
        b"back\\slash",
        b"\\u0041",
        b"\\x1b",
        b"{\"a\"}",
        b"],[",
        b"null",
        b"true",
        b"-",
        b"--help",
        b"-n",
        b"$(reboot)",
        b"`id`",
        b"a;b|c&d",
        b"*?[!]",
        b"~",
        b"#comment",
        b"%s%n%x",
        b"=cmd",
        b"<b>&amp;",
        b"a,b",
        b"@home",
        b"all",
        b"default0",
        b"123",
    ]
    .iter()
    .map(|name| name.to_vec())
    .collect();
    for text in
        ["\u{202e}evil", "\u{200b}", "e\u{301}", "\u{2066}x\u{2069}", "名前", "🦀", "\u{feff}", "аеth0"]
    {
        names.push(text.as_bytes().to_vec());
    }
    names
}

/// These, and what only places take that allow every byte but NUL (aliases, names of nf_tables, comments, and but for `/`
/// files): white space, line ends, long ones. At most 200 bytes each.
#[must_use]
pub fn hostile_texts() -> Vec<Vec<u8>> {
    let more = ["a b", " lead", "new\nline", "cr\rline\r", "\ttab", "a\u{a0}b", "x.y:z", "dev eth0 up"];
    let long = [b"\x1b[2J".repeat(30), "\u{202e}".repeat(50).into_bytes(), b"\xff".repeat(120)];
    hostile_names().into_iter().chain(more.map(|text| text.as_bytes().to_vec())).chain(long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_forty_that_the_kernel_takes() {
        let names = hostile_names();
        let distinct: BTreeSet<&Vec<u8>> = names.iter().collect();
        assert!(distinct.len() == names.len() && names.len() >= 40);
        // The kernel's isspace() counts 0xa0 too.
        let refused = |b: &u8| matches!(b, b'/' | b':' | b' ' | 0x09..=0x0d | 0xa0 | 0);
        assert!(names.iter().all(|name| (1..=15).contains(&name.len()) && !name.iter().any(refused)));
    }
}
