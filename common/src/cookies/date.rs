//! Dates of cookies: tokens in any order, as RFC 6265, 5.1.1 reads them.

/// Seconds since 1970; `None` for a text without a whole date.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != ':';
    for token in text.split(is_separator).filter(|token| !token.is_empty()) {
        if time.is_none() && token.contains(':') {
            time = Some(clock(token)?);
        } else if let Ok(number) = token.parse::<i64>() {
            match (token.len(), day) {
                (1..=2, None) => day = Some(number),
                (2 | 4, Some(_)) if year.is_none() => year = Some(century(number, token.len())),
                _ => {}
            }
        } else if month.is_none() {
            month = month_of(token);
        }
    }
    let (time, day, month, year) = (time?, day?, month?, year?);
    let is_date = (1..=31).contains(&day) && (1601..=9999).contains(&year);
    is_date.then(|| days(year, month, day) * 86_400 + time)
}

/// Two digits mean 1970 to 2069.
fn century(number: i64, digits: usize) -> i64 {
    match number {
        70..=99 if digits == 2 => 1900 + number,
        0..=69 if digits == 2 => 2000 + number,
        year => year,
    }
}

fn clock(token: &str) -> Option<i64> {
    let mut parts = token.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    is_time.then_some(hour * 3600 + minute * 60 + second)
}

fn month_of(token: &str) -> Option<i64> {
    let token = token.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|month| *month == token)?;
    i64::try_from(place + 1).ok()
}

/// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form_that_servers_write() {
        for (text, expected, why) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0), "the beginning"),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(1_445_412_480), "as today"),
            ("Wednesday, 21-Oct-15 07:28:00 GMT", Some(1_445_412_480), "as once"),
            ("Wed Oct 21 07:28:00 2015", Some(1_445_412_480), "as C writes it"),
            ("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799), "a leap day"),
            ("31 Dec 69 00:00:00", Some(3_155_673_600), "two digits below 70 are of this century"),
            ("Wed, 21 Oct 2015", None, "no time"),
            ("0", None, "no date"),
            ("21 Oct 2015 25:00:00", None, "no such hour"),
            ("99 Oct 2015 07:28:00", None, "no such day"),
        ] {
            assert_eq!(seconds(text), expected, "{text}: {why}");
        }
    }
}
