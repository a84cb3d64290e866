//! Durations and sizes as people type them.

use std::time::Duration;

use crate::error::{Failure, Outcome, quoted};

/// `5m`, `1h30m`, `250ms`, `1.5s`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Outcome<Duration> {
    let wrong = || {
        Failure::usage(format!("{} is not a duration", quoted(text))).remedy("like 30s, 5m, 1h30m or 250ms")
    };
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| wrong());
    }
    let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// `64M`, `64MiB`, `2K`, `4096`: bytes, K, M and G being powers of 1024.
pub(crate) fn size(text: &str) -> Outcome<usize> {
    let wrong = || Failure::usage(format!("{} is not a size", quoted(text))).remedy("like 4096, 256K or 64M");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let number: usize = number.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
    if bytes == 0 { Err(wrong()) } else { Ok(bytes) }
}

/// A size for people: `64 MiB`, `416 KiB`, `4608 B`.
pub(crate) fn show_size(bytes: usize) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        let one = 1_usize << shift;
        if bytes >= one && bytes.is_multiple_of(one) {
            return format!("{} {unit}", bytes >> shift);
        }
        if bytes >= 10 * one {
            return format!("{}.{} {unit}", bytes >> shift, (bytes % one) * 10 / one);
        }
    }
    format!("{bytes} B")
}

/// A duration for people: `5m 3s`, `12s`, `0.4s`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, 0..10) => format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1.5s", 1500),
            ("10", 10_000),
            ("0.2", 200),
        ] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "m", "-5s", "5 parsecs", "nan", "inf", "-1", "1e300"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("2K", 2048), ("64M", 64 << 20), ("64MiB", 64 << 20), ("4096", 4096), ("1g", 1 << 30)]
        {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "0", "K", "-1", "1.5M", "99999999999G", "3T"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(416 << 10), "416 KiB");
        assert_eq!(show_size(4608), "4608 B");
        assert_eq!(show_size((21 << 20) + (1 << 19)), "21.5 MiB");
    }

    #[test]
    fn durations_for_people() {
        let show = |millis| show_duration(Duration::from_millis(millis));
        assert_eq!(show(412), "0.4s");
        assert_eq!(show(12_900), "12s");
        assert_eq!(show(303_000), "5m 3s");
        assert_eq!(show(7_260_000), "2h 1m");
    }
}
