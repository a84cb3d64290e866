//! Local times in lines for people. What seldom changes is kept.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How lines for people show time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// `14:02:11.340`
    #[default]
    Clock,
    /// `2026-11-21 14:02:11.340113+01:00` (`-t`)
    Full,
    /// `[2026-11-21T14:02:11.340113]` (`-ts`), as ip has it
    Short,
}

/// Writes times.
#[derive(Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
    style: Style,
    /// The second that the texts below are of; nothing yet at first.
    second: Option<i64>,
    local: String,
    offset: String,
}

impl Clock {
    /// A clock of the machine's time zone.
    pub(crate) fn new(style: Style) -> Self {
        Self::in_zone(style, TimeZone::system())
    }

    fn in_zone(style: Style, zone: TimeZone) -> Self {
        Self { zone, style, second: None, local: String::new(), offset: String::new() }
    }

    fn set(&mut self, time: SystemTime) -> u32 {
        let (second, nanos) = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos()),
            // A clock set before 1970.
            Err(_) => (0, 0),
        };
        if self.second != Some(second) {
            self.second = Some(second);
            let stamp = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            let zoned = stamp.to_zoned(self.zone.clone());
            let (format, offset) = match self.style {
                Style::Clock => ("%H:%M:%S", ""),
                Style::Full => ("%Y-%m-%d %H:%M:%S", "%:z"),
                Style::Short => ("[%Y-%m-%dT%H:%M:%S", "]"),
            };
            self.local = zoned.strftime(format).to_string();
            self.offset = zoned.strftime(offset).to_string();
        }
        nanos
    }

    /// In the style for people.
    pub(crate) fn local(&mut self, time: SystemTime, line: &mut Vec<u8>) {
        let nanos = self.set(time);
        line.extend_from_slice(self.local.as_bytes());
        fraction(nanos, if self.style == Style::Clock { 3 } else { 6 }, line);
        line.extend_from_slice(self.offset.as_bytes());
    }
}

/// The first `digits` of nine, behind a dot.
fn fraction(nanos: u32, digits: usize, line: &mut Vec<u8>) {
    let mut text = *b".000000000";
    let mut rest = nanos;
    for place in text.iter_mut().skip(1).rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // The slice is shorter than the text: writing to a vector does not fail either.
    let _ = line.write_all(text.get(..=digits).unwrap_or(&text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn show(style: Style, nanos: u64) -> String {
        let mut clock = Clock::in_zone(style, TimeZone::fixed(jiff::tz::offset(1)));
        let time = UNIX_EPOCH + Duration::from_secs(1_795_266_131) + Duration::from_nanos(nanos);
        let mut local = Vec::new();
        clock.local(time, &mut local);
        String::from_utf8(local).unwrap()
    }

    #[test]
    fn a_clock_for_people() {
        assert_eq!(show(Style::Clock, 340_083_412), "14:02:11.340");
        assert_eq!(show(Style::Full, 0), "2026-11-21 14:02:11.000000+01:00");
        assert_eq!(show(Style::Short, 999_999_999), "[2026-11-21T14:02:11.999999]");
    }
}
