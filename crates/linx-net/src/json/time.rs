//! Times in records: RFC 3339, UTC, nanoseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ip::Text;

/// `2026-11-21T13:02:11.342120007Z`. Times before 1970 print as 1970, those after 9999 as its end.
#[must_use]
pub fn rfc3339(time: SystemTime) -> Text {
    Moments::default().text(time)
}

/// Writes times one after the other: most are in the second of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    /// The second that was written last, and its text up to the point.
    second: Option<(u64, Text)>,
}

impl Moments {
    /// As [`rfc3339`].
    #[inline]
    pub(super) fn text(&mut self, time: SystemTime) -> Text {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut text = match &self.second {
            Some((second, text)) if *second == since.as_secs() => *text,
            _ => self.second.insert((since.as_secs(), second(since.as_secs()))).1,
        };
        text.push_digits::<9>(since.subsec_nanos());
        text.push(b'Z');
        text
    }
}

/// `2026-11-21T13:02:11.`
fn second(seconds: u64) -> Text {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    let seconds = seconds.min(LAST);
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let mut text = Text::new();
    text.push_digits::<4>(year as u32);
    for (before, number) in
        [(b'-', month), (b'-', day), (b'T', of_day / 3600), (b':', of_day / 60 % 60), (b':', of_day % 60)]
    {
        text.push(before);
        text.push_digits::<2>(number as u32);
    }
    text.push(b'.');
    text
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is the last of its year; an era is 400 years, 146,097 days.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanoseconds: u32) -> String {
        rfc3339(UNIX_EPOCH + Duration::new(seconds, nanoseconds)).to_string()
    }

    #[test]
    fn known_moments() {
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_782_400, 7), "2000-02-29T00:00:00.000000007Z");
        assert_eq!(at(1_795_266_131, 342_120_007), "2026-11-21T13:02:11.342120007Z");
        assert_eq!(at(4_107_542_399, 0), "2100-02-28T23:59:59.000000000Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000000Z");
        assert_eq!(at(u64::MAX >> 2, 0), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)).as_str(), "1970-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn every_day_of_two_eras_follows_the_one_before() {
        let mut expected = (1970, 1, 1);
        for days in 0..2 * 146_097 {
            assert_eq!(civil(days), expected, "day {days}");
            let (year, month, day) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = if day < last {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }
}
