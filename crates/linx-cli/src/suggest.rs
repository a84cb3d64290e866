//! "Did you mean": the known word nearest to one that is not.

/// The nearest of `known`, if it is near enough to be a slip: one edit in a short word, two in a longer one.
pub(crate) fn nearest<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> Option<String> {
    let letters: Vec<char> = word.chars().take(LONGEST).collect();
    let allowed = if letters.len() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|candidate| (distance(&letters, candidate.as_ref()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && candidate.as_ref() != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.as_ref().to_owned())
}

/// Longer words are compared up to here; names of links have 15 bytes, alternative ones 127.
const LONGEST: usize = 128;

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment) from `a` to `b`.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last: Option<char> = None;
    for (row, letter) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&above, column) + usize::from(letter != other);
            let mut least = changed.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            let left = column.checked_sub(1).and_then(|left| b.get(left));
            if left == Some(letter) && last == Some(*other) {
                least = least.min(at(&before, column - 1) + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut above, line);
        last = Some(*letter);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let near = |word| nearest(word, ["eth0", "lo", "docker0", "wg0"]);
        assert_eq!(near("eht0").as_deref(), Some("eth0"));
        assert_eq!(near("dcoker").as_deref(), Some("docker0"));
        assert_eq!(near("l0").as_deref(), Some("lo"));
        assert_eq!(near("bond7"), None);
        assert_eq!(nearest("route", ["route"]), None);
    }

    #[test]
    fn distances() {
        let of = |a: &str, b| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", ""), 3);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("ab", "ba"), 1);
        assert_eq!(of("same", "same"), 0);
    }
}
