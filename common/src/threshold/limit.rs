//! What a measured value is compared with: a sign and a time, a share, a rate or a count.

use std::fmt;
use std::str::FromStr;

/// What a value is compared with, like `< 250ms` or `>= 99.9%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    comparison: Comparison,
    /// The number in front of `unit`, as written.
    number: f64,
    unit: Unit,
    /// The same in microseconds, as a fraction, or per second.
    bound: f64,
}

/// How a value is compared with the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// What sort of value a metric or a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Microseconds.
    Time,
    /// A fraction from 0 to 1.
    Share,
    /// So many per second.
    Rate,
    /// So many.
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Percent,
    PerSecond,
    /// A fraction or a count: the metric decides.
    Plain,
}

/// Why a text is no [`Limit`] or not one for its metric. `Display` says what is wrong,
/// [`LimitError::remedy`] what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No `<`, `<=`, `>` or `>=` in front.
    #[error("a limit begins with a comparison")]
    Comparison,
    /// No number with a unit behind the comparison.
    #[error("a limit compares with a time, a share, a rate or a count")]
    Number,
    /// Outside of what the metric can ever be.
    #[error("a limit that can never matter")]
    Range(Kind),
    /// A share for a time, for example.
    #[error("the metric is {}, the limit is not", .metric.name())]
    Kind {
        /// What the metric is.
        metric: Kind,
    },
}

impl Kind {
    /// With its article.
    const fn name(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Share => "a share",
            Self::Rate => "a rate",
            Self::Count => "a count",
        }
    }
}

impl Comparison {
    /// Whether small values keep to the limit.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }
}

impl Limit {
    /// Whether a measured value keeps to the limit. `value` is in microseconds for a time, a fraction for a share, per
    /// second for a rate; not-a-number keeps to no limit.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Below => value < self.bound,
            Comparison::AtMost => value <= self.bound,
            Comparison::Above => value > self.bound,
            Comparison::AtLeast => value >= self.bound,
        }
    }

    /// How values are compared with the bound.
    #[must_use]
    pub const fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// Microseconds for a time, a fraction for a share, per second for a rate.
    #[must_use]
    pub const fn bound(&self) -> f64 {
        self.bound
    }

    /// Whether it can limit values of this kind.
    ///
    /// # Errors
    /// [`LimitError`] when its unit is that of another kind, or when it is outside of what such a value can be.
    pub fn suits(&self, kind: Kind) -> Result<(), LimitError> {
        let is_of = match self.unit {
            Unit::Microseconds | Unit::Milliseconds | Unit::Seconds => kind == Kind::Time,
            Unit::Percent => kind == Kind::Share,
            Unit::PerSecond => kind == Kind::Rate,
            Unit::Plain => matches!(kind, Kind::Share | Kind::Count),
        };
        if !is_of {
            return Err(LimitError::Kind { metric: kind });
        }
        let highest = match kind {
            Kind::Time => HIGHEST_TIME_US,
            Kind::Share => 1.0,
            Kind::Rate | Kind::Count => HIGHEST_COUNT,
        };
        if self.bound <= highest { Ok(()) } else { Err(LimitError::Range(kind)) }
    }
}

impl LimitError {
    /// What to write instead.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Comparison => "write `<`, `<=`, `>` or `>=` and a value, like \"< 250ms\" or \">= 99.9%\"",
            Self::Number => {
                "times end in us, ms or s; shares are percents like 1% or fractions like 0.01; \
                 rates end in /s; counts are numbers alone"
            }
            Self::Range(Kind::Time) => "times lie between 0 and 1h: write it in us, ms or s",
            Self::Range(Kind::Share) => "shares lie between 0% and 100%",
            Self::Range(Kind::Rate) => "rates lie between 0/s and 1000000000000/s",
            Self::Range(Kind::Count) => "counts lie between 0 and 1000000000000",
            Self::Kind { metric: Kind::Time } => "write a time, like \"< 250ms\"",
            Self::Kind { metric: Kind::Share } => "write a share, like \"< 1%\" or \"< 0.01\"",
            Self::Kind { metric: Kind::Rate } => "write a rate, like \"> 100/s\"",
            Self::Kind { metric: Kind::Count } => "write a count, like \"<= 10\"",
        }
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    /// # Errors
    /// [`LimitError`] when it is no comparison with a time, a share, a rate or a count.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let text = text.trim();
        let (sign, comparison) =
            *COMPARISONS.iter().find(|(sign, _)| text.starts_with(sign)).ok_or(LimitError::Comparison)?;
        let value = text[sign.len()..].trim_start();
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
        let (number, written) = value.split_at(digits);
        let (_, unit, shift) =
            *UNITS.iter().find(|(name, ..)| *name == written.trim_start()).ok_or(LimitError::Number)?;
        // Shifted in decimal, so that 99.9% is exactly the fraction that 0.999 is.
        let shifted: f64 = format!("{number}e{shift}").parse().map_err(|_| LimitError::Number)?;
        let number: f64 = number.parse().map_err(|_| LimitError::Number)?;
        let limit = Self { comparison, number, unit, bound: shifted };
        let kind = match unit {
            Unit::Microseconds | Unit::Milliseconds | Unit::Seconds => Kind::Time,
            Unit::Percent => Kind::Share,
            Unit::PerSecond => Kind::Rate,
            Unit::Plain => Kind::Count,
        };
        limit.suits(kind).map(|()| limit)
    }
}

impl fmt::Display for Limit {
    /// In the unit it was written in; reads back as the same limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
        };
        let unit = match self.unit {
            Unit::Microseconds => "us",
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Percent => "%",
            Unit::PerSecond => "/s",
            Unit::Plain => "",
        };
        write!(f, "{sign} {}{unit}", self.number)
    }
}

/// The longer signs first: `<=` begins with `<`.
const COMPARISONS: [(&str, Comparison); 4] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Below),
    (">", Comparison::Above),
];
/// Unit as written, unit, decimal places to the base unit (microseconds, fraction, per second).
const UNITS: [(&str, Unit, i8); 6] = [
    ("us", Unit::Microseconds, 0),
    ("ms", Unit::Milliseconds, 3),
    ("s", Unit::Seconds, 6),
    ("%", Unit::Percent, -2),
    ("/s", Unit::PerSecond, 0),
    ("", Unit::Plain, 0),
];
/// One hour: what the histograms hold.
const HIGHEST_TIME_US: f64 = 3_600e6;
/// No rate and no count comes near it.
const HIGHEST_COUNT: f64 = 1e12;
