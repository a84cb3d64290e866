//! Reading the closing lines of test runners: how many tests passed, failed and were skipped.

/// Tests counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Adds what the closing lines of nextest, or else of libtest, say: nextest shows libtest's for each failure.
    pub(crate) fn read(lines: &[String]) -> Self {
        let mut sum = Self::default();
        let is_summary = |line: &str| line.trim().starts_with("Summary [");
        let nextest = lines.iter().any(|line| is_summary(line));
        for line in lines.iter().map(|line| line.trim()).filter(|line| !nextest || is_summary(line)) {
            let phrases = if nextest {
                line.split_once("run:").map(|(_, rest)| rest)
            } else {
                line.strip_prefix("test result: ")
                    .and_then(|rest| rest.split_once(". "))
                    .map(|(_, rest)| rest)
            };
            for phrase in phrases.unwrap_or_default().split([',', ';']) {
                sum.add(phrase);
            }
        }
        sum
    }

    /// One phrase: `3 passed (1 slow)`, `1 timed out`.
    fn add(&mut self, phrase: &str) {
        let mut words = phrase.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { return };
        match words.next() {
            Some("passed") => self.passed += number,
            Some("failed" | "timed" | "exec") => self.failed += number,
            Some("skipped" | "ignored") => self.skipped += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn read(lines: &[&str]) -> Counts {
        Counts::read(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_results_of_libtest_are_added() {
        let line =
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(read(&[line, "", line]), Counts { passed: 6, failed: 0, skipped: 2 });
    }

    #[test]
    fn the_summary_of_nextest_counts_alone() {
        let counts = read(&[
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "     Summary [   1.234s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 4 skipped",
        ]);
        assert_eq!(counts, Counts { passed: 9, failed: 3, skipped: 4 });
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read(&["7 passed", "Summary: 3 passed", ""]), Counts::default());
    }
}
