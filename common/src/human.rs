//! Numbers as people read them: times, counts and shares with a sensible unit.
//!
//! Four significant digits: a histogram's value is known to one part in a thousand, not better.

use crate::threshold::Kind;

/// A time of `us` microseconds: `"812 µs"`, `"1.234 ms"`, `"12.34 s"`.
#[must_use]
pub fn time(us: f64) -> String {
    let (value, unit) = match us {
        us if us < MILLISECOND_US => return format!("{us:.0} µs"),
        us if us < SECOND_US => (us / MILLISECOND_US, "ms"),
        us => (us / SECOND_US, "s"),
    };
    format!("{} {unit}", four_digits(value))
}

/// A size of `bytes`: `"512 B"`, `"1.234 kB"`, `"12.34 MB"`, in thousands.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        bytes if bytes < 1e3 => return format!("{bytes:.0} B"),
        bytes if bytes < 1e6 => (bytes / 1e3, "kB"),
        bytes if bytes < 1e9 => (bytes / 1e6, "MB"),
        bytes if bytes < 1e12 => (bytes / 1e9, "GB"),
        bytes => (bytes / 1e12, "TB"),
    };
    format!("{} {unit}", four_digits(value))
}

/// A run's length of `seconds`: `"12.3 s"`, `"9m 05s"`, `"2h 03m 00s"`.
#[must_use]
pub fn length(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let (minutes, rest) = ((seconds / 60.0).floor(), seconds.floor() % 60.0);
    if minutes < 60.0 {
        return format!("{minutes}m {rest:02}s");
    }
    format!("{}h {:02}m {rest:02}s", (minutes / 60.0).floor(), minutes % 60.0)
}

/// A count with commas between the thousands: `"1,234,567"`.
#[must_use]
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A fraction as a percentage of up to four decimals: `"99.87 %"`. What is not all is never shown as 100 %, and
/// what is not nothing never as 0 %.
#[must_use]
pub fn share(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent > 0.0 && percent < SMALLEST_PERCENT {
        return format!("< {SMALLEST_PERCENT} %");
    }
    if percent < 100.0 && percent > 100.0 - SMALLEST_PERCENT {
        return format!("> {} %", 100.0 - SMALLEST_PERCENT);
    }
    format!("{} %", trimmed(format!("{percent:.4}")))
}

/// Arrivals or requests per second: `"200/s"`, `"0.5/s"`, `"12,345/s"`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second >= 1000.0 {
        return format!("{}/s", grouped(&format!("{per_second:.0}")));
    }
    format!("{}/s", trimmed(format!("{per_second:.1}")))
}

/// A value of a rule: a time, a share, a rate or a count.
#[must_use]
pub fn value(kind: Kind, value: f64) -> String {
    match kind {
        Kind::Time => time(value),
        Kind::Share => share(value),
        Kind::Rate => rate(value),
        Kind::Count => count(value as u64),
    }
}

/// A peer's text without anything that moves the cursor, changes colours or turns the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| is_printable(*c)).collect()
}

/// Whether a character neither moves the cursor nor changes colours or the direction of writing.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_direction(c)
}

const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn four_digits(value: f64) -> String {
    match value {
        v if v < 9.9995 => format!("{v:.3}"),
        v if v < 99.995 => format!("{v:.2}"),
        v if v < 999.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn trimmed(decimal: String) -> String {
    if !decimal.contains('.') {
        return decimal;
    }
    decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const MILLISECOND_US: f64 = 1e3;
const SECOND_US: f64 = 1e6;
/// The smallest distance from none or all that four decimals can show.
const SMALLEST_PERCENT: f64 = 0.0001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_four_digits() {
        for (us, text, why) in [
            (0.0, "0 µs", "nothing"),
            (999.0, "999 µs", "just below a millisecond"),
            (1_000.0, "1.000 ms", "a millisecond"),
            (12_345.0, "12.35 ms", "rounded, not cut"),
            (250_111.0, "250.1 ms", "the digit that breaks a limit of 250 ms shows"),
            (999_990.0, "1000 ms", "rounding up keeps the unit"),
            (3_600e6, "3600 s", "the largest value of a histogram"),
        ] {
            assert_eq!(time(us), text, "{why}");
        }
    }

    #[test]
    fn sizes_grow_by_thousands() {
        for (size, text) in
            [(0.0, "0 B"), (999.0, "999 B"), (1e3, "1.000 kB"), (12_345_678.0, "12.35 MB"), (5e15, "5000 TB")]
        {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn lengths_grow_from_seconds_to_hours() {
        for (seconds, text) in
            [(0.04, "0.0 s"), (59.94, "59.9 s"), (545.9, "9m 05s"), (7_380.0, "2h 03m 00s")]
        {
            assert_eq!(length(seconds), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_share_that_is_not_all_is_never_shown_as_all() {
        for (fraction, text, why) in [
            (1.0, "100 %", "all"),
            (0.0, "0 %", "nothing"),
            (0.999, "99.9 %", "zeros are trimmed"),
            (1.0 - 1e-9, "> 99.9999 %", "one of a billion is missing"),
            (1e-9, "< 0.0001 %", "one of a billion"),
        ] {
            assert_eq!(share(fraction), text, "{why}");
        }
    }

    #[test]
    fn rates_stay_short() {
        assert_eq!([rate(0.5), rate(200.0), rate(12_345.4)], ["0.5/s", "200/s", "12,345/s"]);
    }
}
