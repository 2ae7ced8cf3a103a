//! How fast arrivals come, as an exact number of thousandths of an arrival per second.

use std::fmt;
use std::str::FromStr;

/// Arrivals per second, exact to 1/1000; from 0 to [`Rate::MAX`].
///
/// Written `"200/s"`, `"6000/m"` (100 per second), `"7200/h"` (2 per second) or `"0.5/s"`. A rate that is no
/// whole number of thousandths per second (`"1/m"`) is refused, never rounded: the schedule is exact, and so
/// must be what it is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate {
    milli: u64,
}

/// Why a text is no [`Rate`]. `Display` says what is wrong, [`RateError::remedy`] what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not of the form NUMBER/UNIT.
    #[error("not a rate")]
    Form,
    /// More than [`Rate::MAX`].
    #[error("a rate of more than {}", Rate::MAX)]
    TooHigh,
    /// No whole number of thousandths per second; `below` is the next smaller rate that is one.
    #[error("not a whole number of thousandths per second")]
    Inexact {
        /// The next smaller exact rate.
        below: Rate,
    },
}

impl Rate {
    /// No arrivals.
    pub const ZERO: Self = Self { milli: 0 };
    /// Ten million arrivals per second: the schedule's arithmetic is proven up to here.
    pub const MAX: Self = Self { milli: 10_000_000 * MILLI };

    /// A rate of `milli` thousandths of an arrival per second.
    ///
    /// # Panics
    /// Above [`Rate::MAX`]: numbers from outside go through [`Rate::checked_from_milli`] or `FromStr`.
    #[must_use]
    pub const fn from_milli(milli: u64) -> Self {
        Self::checked_from_milli(milli).expect("a rate is at most Rate::MAX")
    }

    /// A rate of `milli` thousandths of an arrival per second, or `None` above [`Rate::MAX`].
    #[must_use]
    pub const fn checked_from_milli(milli: u64) -> Option<Self> {
        if milli <= Self::MAX.milli { Some(Self { milli }) } else { None }
    }

    /// Thousandths of an arrival per second.
    #[must_use]
    pub const fn milli(self) -> u64 {
        self.milli
    }

    /// Arrivals per second, for people and charts; the schedule computes with [`Rate::milli`].
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most 10^10, far below 2^53")]
    pub const fn per_second(self) -> f64 {
        self.milli as f64 / MILLI as f64
    }
}

impl RateError {
    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Form => FORM.to_owned(),
            Self::TooHigh => format!("at most {} for one scenario", Rate::MAX),
            Self::Inexact { below } => {
                let above = Rate { milli: below.milli + 1 };
                format!("the nearest rates are \"{below}\" and \"{above}\"")
            }
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    /// # Errors
    /// [`RateError`] when the text is no rate, too high, or not exact.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let (number, unit) = text.trim().split_once('/').ok_or(RateError::Form)?;
        let seconds: u128 = match unit.trim_start() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(RateError::Form),
        };
        let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(RateError::Form);
        }
        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        if whole.len() > MOST_DIGITS {
            return Err(RateError::TooHigh);
        }
        if fraction.len() > MOST_DIGITS {
            // Cut off below the 12th place: too fine to be exact, and still good for naming the neighbour.
            let cut = scaled(whole, &fraction[..MOST_DIGITS], seconds);
            return Err(in_range(cut.0).map_or_else(|error| error, |below| RateError::Inexact { below }));
        }
        let (milli, rest) = scaled(whole, fraction, seconds);
        let rate = in_range(milli)?;
        match rest {
            0 => Ok(rate),
            _ if rate == Self::MAX => Err(RateError::TooHigh),
            _ => Err(RateError::Inexact { below: rate }),
        }
    }
}

impl fmt::Display for Rate {
    /// Per second, shortest exact form: `200/s`, `0.5/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.milli / MILLI, self.milli % MILLI);
        if fraction == 0 {
            return write!(f, "{whole}/s");
        }
        let digits = format!("{fraction:03}");
        write!(f, "{whole}.{}/s", digits.trim_end_matches('0'))
    }
}

/// Thousandths per second and remainder of `whole.fraction` per `seconds`:
/// milli = ⌊ (whole·10^d + fraction) · 1000 / (10^d · seconds) ⌋ with d the digits of `fraction`.
///
/// At most 24 digits times 1000 stay below 2^127.
fn scaled(whole: &str, fraction: &str, seconds: u128) -> (u128, u128) {
    let digit = |byte: u8| u128::from(byte - b'0');
    let number = whole.bytes().chain(fraction.bytes()).fold(0, |sum, byte| sum * 10 + digit(byte));
    let scale = fraction.bytes().fold(seconds, |scale, _| scale * 10);
    let thousandths = number * u128::from(MILLI);
    (thousandths / scale, thousandths % scale)
}

fn in_range(milli: u128) -> Result<Rate, RateError> {
    u64::try_from(milli).ok().and_then(Rate::checked_from_milli).ok_or(RateError::TooHigh)
}

const MILLI: u64 = 1000;
/// Digits before and after the point that are computed with; more are never exact or never allowed.
const MOST_DIGITS: usize = 12;
const FORM: &str = "write a rate like \"200/s\", \"6000/m\", \"7200/h\" or \"0.5/s\"";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_exactly_or_refused() {
        let inexact = |below| Err(RateError::Inexact { below: Rate::from_milli(below) });
        for (text, expected, why) in [
            ("200/s", Ok(200_000), "per second"),
            ("6000/m", Ok(100_000), "per minute"),
            ("7200/h", Ok(2_000), "per hour"),
            ("0.5/s", Ok(500), "a fraction"),
            ("0/s", Ok(0), "nothing at all"),
            ("0.06/m", Ok(1), "the smallest rate, per minute"),
            ("00200.500/s", Ok(200_500), "zeros on both ends mean nothing"),
            ("200 / s", Ok(200_000), "spaces around the stroke"),
            ("10000000/s", Ok(10_000_000_000), "the highest rate"),
            ("10000000.001/s", Err(RateError::TooHigh), "just above the highest"),
            ("10000000.0001/s", Err(RateError::TooHigh), "above the highest and inexact"),
            ("99999999999999999999999999999999999999999/s", Err(RateError::TooHigh), "absurdly high"),
            ("1/m", inexact(16), "a sixtieth is no whole number of thousandths"),
            ("0.0001/s", inexact(0), "below the smallest"),
            ("0.33333333333333333333333333333333333333/s", inexact(333), "absurdly fine"),
            ("200", Err(RateError::Form), "no unit"),
            ("200/d", Err(RateError::Form), "unknown unit"),
            ("-1/s", Err(RateError::Form), "negative"),
            ("1e3/s", Err(RateError::Form), "no exponents"),
            ("/s", Err(RateError::Form), "no number"),
            ("1./s", Err(RateError::Form), "nothing after the point"),
            (".5/s", Err(RateError::Form), "nothing before the point"),
            ("", Err(RateError::Form), "empty"),
        ] {
            assert_eq!(text.parse::<Rate>().map(Rate::milli), expected, "{text}: {why}");
        }
    }

    #[test]
    fn errors_name_the_remedy() {
        assert_eq!(RateError::Form.remedy(), FORM);
        assert_eq!(RateError::TooHigh.to_string(), "a rate of more than 10000000/s");
        let error = "1/m".parse::<Rate>().unwrap_err();
        assert_eq!(error.remedy(), "the nearest rates are \"0.016/s\" and \"0.017/s\"");
    }

    proptest! {
        #[test]
        fn a_printed_rate_reads_back(milli in 0..=Rate::MAX.milli()) {
            let rate = Rate::from_milli(milli);
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", number in "[0-9./smh ]{0,60}") {
            prop_assert!(text.parse::<Rate>().is_ok_and(|rate| rate <= Rate::MAX) || text.parse::<Rate>().is_err());
            prop_assert!(number.parse::<Rate>().map_or(true, |rate| rate <= Rate::MAX));
        }
    }
}
