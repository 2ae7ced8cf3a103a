//! Times as logs write them, put together from one field or several.

/// How a field tells the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `10/Oct/2000:13:55:36 -0700`, with or without brackets.
    Clf,
    /// `2000-10-10T13:55:36.123Z` and its relatives.
    Iso,
    /// Units since 1970, with or without a fraction; so many make a second.
    Epoch(u64),
    /// The part of the second, in units of which so many make a second.
    Fraction(u64),
    /// Directives of `strftime` and what stands between them.
    Pattern(Vec<Part>),
    /// Whichever of the forms it looks like.
    Guess,
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    Zone,
    Epoch,
    Byte(u8),
}

/// What is known of a time so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days since 1970.
    day: i64,
    /// Since midnight.
    second: i64,
    /// East of Greenwich, in seconds.
    zone: i64,
    nanos: u32,
    is_fine: bool,
    is_set: bool,
}

/// The last time in full: neighbours in a log mostly share their second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    text: [u8; 26],
    moment: Option<Moment>,
}

impl Form {
    /// How many bytes it takes, where that is known before it is read: it may hold what follows it.
    pub(super) fn width(&self) -> Option<usize> {
        match self {
            Self::Pattern(parts) => parts.iter().map(Part::width).sum(),
            _ => None,
        }
    }
}

impl Part {
    const fn width(&self) -> Option<usize> {
        match self {
            Self::Year => Some(4),
            Self::MonthName => Some(3),
            Self::Zone => Some(5),
            Self::Epoch => None,
            Self::Byte(_) => Some(1),
            _ => Some(2),
        }
    }
}

impl Moment {
    /// Nanoseconds since 1970, and whether it is known in whole seconds only.
    pub(super) fn nanos(self) -> Option<(i64, bool)> {
        let seconds = self.day.checked_mul(86_400)?.checked_add(self.second)?.checked_sub(self.zone)?;
        let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(self.nanos))?;
        self.is_set.then_some((nanos, !self.is_fine))
    }

    /// Takes what a field tells; `None` when it cannot be read.
    pub(super) fn take(&mut self, form: &Form, text: &[u8], memory: &mut Memory) -> Option<()> {
        match form {
            Form::Clf => self.clf(text, memory),
            Form::Iso => self.iso(text),
            Form::Epoch(units) => self.epoch(text, *units),
            Form::Fraction(units) => {
                let part = number(text)?;
                self.nanos = u32::try_from(part.checked_mul(1_000_000_000 / units)?).ok()?;
                self.is_fine = true;
                (self.nanos < 1_000_000_000).then_some(())
            }
            Form::Pattern(parts) => self.pattern(parts, text),
            Form::Guess => self.guess(text, memory),
        }
    }

    fn clf(&mut self, text: &[u8], memory: &mut Memory) -> Option<()> {
        let text = text.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(text);
        let text: &[u8; 26] = text.try_into().ok()?;
        if let Some(same) = memory.moment.filter(|_| memory.text == *text) {
            let (nanos, is_fine) = (self.nanos, self.is_fine);
            *self = Self { nanos, is_fine, ..same };
            return Some(());
        }
        self.pattern(&CLF, text)?;
        *memory = Memory { text: *text, moment: Some(*self) };
        Some(())
    }

    fn iso(&mut self, text: &[u8]) -> Option<()> {
        let (date, rest) = text.split_at_checked(10)?;
        self.pattern(&ISO_DATE, date)?;
        let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" "))?;
        let (time, rest) = rest.split_at_checked(8)?;
        self.pattern(&ISO_TIME, time)?;
        let zone = match rest.split_first() {
            Some((b'.' | b',', fraction)) => {
                let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (fraction, zone) = fraction.split_at(digits);
                self.nanos = u32::try_from(fraction_of(fraction)?).ok()?;
                self.is_fine = true;
                zone
            }
            _ => rest,
        };
        self.zone = read_zone(zone)?;
        Some(())
    }

    fn epoch(&mut self, text: &[u8], units: u64) -> Option<()> {
        let nanos = i64::try_from(decimal(text, 1_000_000_000 / units)?).ok()?;
        (self.day, self.second, self.zone) = (0, nanos / 1_000_000_000, 0);
        self.is_set = true;
        // A fraction may come from a field of its own.
        if units > 1 || text.contains(&b'.') {
            self.nanos = u32::try_from(nanos % 1_000_000_000).ok()?;
            self.is_fine = true;
        }
        Some(())
    }

    fn guess(&mut self, text: &[u8], memory: &mut Memory) -> Option<()> {
        let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match text.get(whole) {
            None | Some(b'.') => {
                // Today's seconds have 10 digits, milliseconds 13, microseconds 16.
                let units = match whole {
                    0..=11 => 1,
                    12..=14 => 1_000,
                    15..=17 => 1_000_000,
                    _ => 1_000_000_000,
                };
                self.epoch(text, units)
            }
            Some(b'-') => self.iso(text),
            _ => self.clf(text, memory),
        }
    }

    fn pattern(&mut self, parts: &[Part], text: &[u8]) -> Option<()> {
        let (mut year, mut month, mut day) = (None, None, None);
        let mut rest = text;
        for part in parts {
            let width = part.width().unwrap_or(rest.len());
            let (own, after) = rest.split_at_checked(width)?;
            let digits = || number(own).and_then(|value| i64::try_from(value).ok());
            match part {
                Part::Year => year = digits(),
                Part::Month => month = digits().filter(|month| (1..=12).contains(month)),
                Part::MonthName => month = month_named(own),
                Part::Day => day = digits().filter(|day| (1..=31).contains(day)),
                Part::Hour => self.second += digits().filter(|hour| *hour < 24)? * 3_600,
                Part::Minute => self.second += digits().filter(|minute| *minute < 60)? * 60,
                // A leap second is one.
                Part::Second => self.second += digits().filter(|second| *second <= 60)?,
                Part::Zone => self.zone = read_zone(own)?,
                Part::Epoch => self.epoch(own, 1)?,
                Part::Byte(byte) => (own == [*byte]).then_some(())?,
            }
            rest = after;
        }
        let dated = [Part::Year, Part::Month, Part::MonthName, Part::Day];
        if parts.iter().any(|part| dated.contains(part)) {
            self.day = days(year?, month?, day?);
            self.is_set = true;
        }
        rest.is_empty().then_some(())
    }
}

/// Directives of `strftime`; the directive that is not known.
pub(super) fn pattern(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            parts.push(Part::Byte(byte));
            continue;
        }
        let slash = Part::Byte(b'/');
        let colon = Part::Byte(b':');
        match bytes.next() {
            Some(b'Y') => parts.push(Part::Year),
            Some(b'm') => parts.push(Part::Month),
            Some(b'b' | b'h') => parts.push(Part::MonthName),
            Some(b'd' | b'e') => parts.push(Part::Day),
            Some(b'H') => parts.push(Part::Hour),
            Some(b'M') => parts.push(Part::Minute),
            Some(b'S') => parts.push(Part::Second),
            Some(b'z') => parts.push(Part::Zone),
            Some(b's') => parts.push(Part::Epoch),
            Some(b'F') => parts.extend(ISO_DATE),
            Some(b'T') => parts.extend(ISO_TIME),
            Some(b'R') => parts.extend([Part::Hour, colon, Part::Minute]),
            Some(b'D') => return Err("%D has no century".to_owned()),
            Some(b'/') => parts.push(slash),
            Some(b'%') => parts.push(Part::Byte(b'%')),
            other => return Err(format!("%{}", other.map_or('%', char::from))),
        }
    }
    match parts.iter().position(|part| part.width().is_none()) {
        Some(place) if place + 1 < parts.len() => Err("%s before the end".to_owned()),
        _ => Ok(parts),
    }
}

/// Days since 1970-01-01 of a day in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
/// algorithms": years begin in March, so that the leap day is the last one).
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn month_named(name: &[u8]) -> Option<i64> {
    let names = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let place = names.chunks_exact(3).position(|own| own.eq_ignore_ascii_case(name))?;
    i64::try_from(place + 1).ok()
}

/// `Z`, `+0200`, `-07:00`, `+02`, nothing (UTC) or ` UTC`: seconds east of Greenwich.
fn read_zone(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if matches!(text, b"" | b"Z" | b"z" | b"UTC" | b"GMT") {
        return Some(0);
    }
    let (sign, digits) = text.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(b":").unwrap_or(minutes);
    let minutes = if minutes.is_empty() { 0 } else { number(minutes).filter(|_| minutes.len() == 2)? };
    let seconds = number(hours)? * 3_600 + minutes * 60;
    i64::try_from(seconds).ok().map(|seconds| sign * seconds)
}

/// Digits and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number with or without a fraction, in nanoseconds where one unit has `unit` of them.
pub(super) fn decimal(text: &[u8], unit: u64) -> Option<u64> {
    let point = memchr::memchr(b'.', text);
    let (whole, fraction) = point.map_or((text, &b""[..]), |at| (&text[..at], &text[at + 1..]));
    let whole = if whole.is_empty() && !fraction.is_empty() { 0 } else { number(whole)? };
    let nanos = u128::from(fraction_of(fraction)?) * u128::from(unit) / 1_000_000_000;
    whole.checked_mul(unit)?.checked_add(u64::try_from(nanos).ok()?)
}

/// Digits behind the point, in billionths; more than nine are cut.
fn fraction_of(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        (0..9)
            .fold(0, |value, place| value * 10 + digits.get(place).map_or(0, |byte| u64::from(byte - b'0'))),
    )
}

const ISO_DATE: [Part; 5] = [Part::Year, Part::Byte(b'-'), Part::Month, Part::Byte(b'-'), Part::Day];
const ISO_TIME: [Part; 5] = [Part::Hour, Part::Byte(b':'), Part::Minute, Part::Byte(b':'), Part::Second];
const CLF: [Part; 13] = [
    Part::Day,
    Part::Byte(b'/'),
    Part::MonthName,
    Part::Byte(b'/'),
    Part::Year,
    Part::Byte(b':'),
    Part::Hour,
    Part::Byte(b':'),
    Part::Minute,
    Part::Byte(b':'),
    Part::Second,
    Part::Byte(b' '),
    Part::Zone,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &Form, text: &str) -> Option<(i64, bool)> {
        let mut moment = Moment::default();
        moment.take(form, text.as_bytes(), &mut Memory::default())?;
        moment.nanos()
    }

    #[test]
    fn every_form_of_the_same_time_is_the_same_time() {
        const AT: i64 = 971_211_336;
        let pattern = Form::Pattern(pattern("%Y/%m/%d %T %z").unwrap());
        for (form, text, nanos, coarse) in [
            (Form::Clf, "10/Oct/2000:13:55:36 -0700", 0, true),
            (Form::Clf, "[10/Oct/2000:13:55:36 -0700]", 0, true),
            (Form::Iso, "2000-10-10T20:55:36Z", 0, true),
            (Form::Iso, "2000-10-10T22:55:36.123456+02:00", 123_456_000, false),
            (Form::Iso, "2000-10-10 20:55:36,5", 500_000_000, false),
            (Form::Epoch(1), "971211336", 0, true),
            (Form::Epoch(1), "971211336.25", 250_000_000, false),
            (Form::Epoch(1_000), "971211336007", 7_000_000, false),
            (Form::Epoch(1_000_000), "971211336000007", 7_000, false),
            (pattern, "2000/10/10 13:55:36 -0700", 0, true),
            (Form::Guess, "10/Oct/2000:13:55:36 -0700", 0, true),
            (Form::Guess, "2000-10-10T20:55:36Z", 0, true),
            (Form::Guess, "971211336.007", 7_000_000, false),
            (Form::Guess, "971211336007", 7_000_000, false),
        ] {
            assert_eq!(read(&form, text), Some((AT * 1_000_000_000 + nanos, coarse)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for (form, text) in [
            (Form::Clf, "10/Okt/2000:13:55:36 -0700"),
            (Form::Clf, "32/Oct/2000:13:55:36 -0700"),
            (Form::Clf, "10/Oct/2000:24:55:36 -0700"),
            (Form::Clf, "-"),
            (Form::Iso, "2000-10-10"),
            (Form::Iso, "2000-13-10T20:55:36Z"),
            (Form::Iso, "2000-10-10T20:55:36 CET"),
            (Form::Epoch(1), "-1"),
            (Form::Epoch(1), "99999999999999999999"),
            (Form::Guess, ""),
        ] {
            assert_eq!(read(&form, text), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        for (date, expected) in
            [((1970, 1, 1), 0), ((1969, 12, 31), -1), ((2000, 2, 29), 11_016), ((2100, 3, 1), 47_541)]
        {
            assert_eq!(days(date.0, date.1, date.2), expected, "{date:?}");
        }
    }
}
