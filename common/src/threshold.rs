//! Thresholds: rules over measured values that make a run pass or fail, like
//! `index.response_time.p99` `< 250ms`.

use std::fmt;
use std::str::FromStr;

use crate::nearest::nearest;

/// A rule: the metric keeps to the limit. Metric and limit are of the same [`Kind`].
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    metric: Metric,
    limit: Limit,
}

/// A measured value: `[SCENARIO.]MEASURE[.STATISTIC]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Metric {
    /// The scenario; `None`: all scenarios together.
    pub scenario: Option<String>,
    /// What is measured.
    pub measure: Measure,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// A statistic of one of the three times of a request; microseconds.
    Time(Time, Stat),
    /// The share of finished requests that were not good; a fraction.
    ErrorRate,
    /// Started ÷ planned; a fraction.
    Delivered,
}

/// One of the three times of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// Due to last byte of the answer.
    Response,
    /// First byte sent to last byte of the answer.
    Service,
    /// Due to first byte sent.
    SendLag,
}

/// A statistic of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stat {
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P99_9,
    /// The smallest value.
    Min,
    /// The arithmetic mean.
    Mean,
    /// The largest value.
    Max,
}

/// What a value is compared with, like `< 250ms` or `>= 99.9%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    comparison: Comparison,
    /// The number in front of `unit`, as written.
    number: f64,
    unit: Unit,
    /// The same in microseconds or as a fraction.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Percent,
    Fraction,
}

/// Why a text is no [`Metric`]. `Display` says what is wrong, [`MetricError::remedy`] what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// No such measure.
    #[error("unknown measure `{0}`")]
    Measure(String),
    /// No such statistic.
    #[error("unknown statistic `{0}`")]
    Stat(String),
    /// A time without a statistic.
    #[error("`{0}` needs a statistic")]
    NoStat(Time),
    /// A share with a statistic.
    #[error("`{0}` has no statistics")]
    NotATime(String),
    /// Empty, or with too many dots.
    #[error("not a metric")]
    Form,
}

/// Why a text is no [`Limit`] or not one for its metric. `Display` says what is wrong,
/// [`LimitError::remedy`] what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No `<`, `<=`, `>` or `>=` in front.
    #[error("a limit begins with a comparison")]
    Comparison,
    /// No number with a unit behind the comparison.
    #[error("a limit compares with a time or a share")]
    Number,
    /// Outside of what the metric can ever be.
    #[error("a limit that can never matter")]
    Range(Kind),
    /// A share for a time, or a time for a share.
    #[error("the metric is {}, the limit is not", match .metric { Kind::Time => "a time", Kind::Share => "a share" })]
    Kind {
        /// What the metric is.
        metric: Kind,
    },
}

impl Threshold {
    /// The rule that `metric` keeps to `limit`.
    ///
    /// # Errors
    /// [`LimitError::Kind`] when one is a time and the other a share.
    pub fn new(metric: Metric, limit: Limit) -> Result<Self, LimitError> {
        if metric.measure.kind() == limit.kind() {
            Ok(Self { metric, limit })
        } else {
            Err(LimitError::Kind { metric: metric.measure.kind() })
        }
    }

    /// What is measured.
    #[must_use]
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// What it is compared with.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.limit)
    }
}

impl Measure {
    /// Whether it is a time or a share.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Time(..) => Kind::Time,
            Self::ErrorRate | Self::Delivered => Kind::Share,
        }
    }
}

impl Limit {
    /// Whether a measured value keeps to the limit. `value` is in microseconds for a time and a fraction for
    /// a share; not-a-number keeps to no limit.
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

    /// Microseconds for a time, a fraction for a share.
    #[must_use]
    pub const fn bound(&self) -> f64 {
        self.bound
    }

    /// Whether it limits a time or a share.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.unit {
            Unit::Microseconds | Unit::Milliseconds | Unit::Seconds => Kind::Time,
            Unit::Percent | Unit::Fraction => Kind::Share,
        }
    }
}

impl MetricError {
    /// What is allowed, the nearest name first.
    #[must_use]
    pub fn remedy(&self) -> String {
        let measures = || TIMES.map(Time::name).into_iter().chain([ERROR_RATE, DELIVERED]);
        let stats = || STATS.map(Stat::name).into_iter();
        let listed = |names: Vec<&str>| format!("allowed: {}", names.join(", "));
        let meant =
            |name: Option<&str>| name.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
        match self {
            Self::Measure(got) => meant(nearest(got, measures())) + &listed(measures().collect()),
            Self::Stat(got) => meant(nearest(got, stats())) + &listed(stats().collect()),
            Self::NoStat(time) => {
                format!("write `{}.p99`, for example; {}", time.name(), listed(stats().collect()))
            }
            Self::NotATime(share) => format!("write `{share}` alone"),
            Self::Form => METRIC_FORM.to_owned(),
        }
    }
}

impl LimitError {
    /// What to write instead.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Comparison => "write `<`, `<=`, `>` or `>=` and a value, like \"< 250ms\" or \">= 99.9%\"",
            Self::Number => "times end in us, ms or s; shares are percents like 1% or fractions like 0.01",
            Self::Range(Kind::Time) => "times lie between 0 and 1h: write it in us, ms or s",
            Self::Range(Kind::Share) => "shares lie between 0% and 100%",
            Self::Kind { metric: Kind::Time } => "write a time, like \"< 250ms\"",
            Self::Kind { metric: Kind::Share } => "write a share, like \"< 1%\" or \"< 0.01\"",
        }
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    /// # Errors
    /// [`MetricError`] for the first part that is not allowed.
    fn from_str(text: &str) -> Result<Self, MetricError> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(MetricError::Form);
        }
        // A scenario may bear the name of a measure: the last parts decide.
        let (scenario, measure) = match parts[..] {
            [measure] => (None, read_measure(measure, None)?),
            [scenario, share] if is_share(share) => (Some(scenario), read_measure(share, None)?),
            [share, stat] if is_share(share) && is_stat(stat) => {
                return Err(MetricError::NotATime(share.to_owned()));
            }
            [time, stat] if is_time(time) || is_nearly_time(time) || is_stat(stat) => {
                (None, read_measure(time, Some(stat))?)
            }
            [scenario, measure] => (Some(scenario), read_measure(measure, None)?),
            [scenario, measure, stat] => (Some(scenario), read_measure(measure, Some(stat))?),
            _ => return Err(MetricError::Form),
        };
        Ok(Self { scenario: scenario.map(str::to_owned), measure })
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    /// # Errors
    /// [`LimitError`] when it is no comparison with a time or a share.
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
        let highest = match limit.kind() {
            Kind::Time => HIGHEST_TIME_US,
            Kind::Share => 1.0,
        };
        if limit.bound <= highest { Ok(limit) } else { Err(LimitError::Range(limit.kind())) }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scenario) = &self.scenario {
            write!(f, "{scenario}.")?;
        }
        self.measure.fmt(f)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time, stat) => write!(f, "{time}.{stat}"),
            Self::ErrorRate => f.write_str(ERROR_RATE),
            Self::Delivered => f.write_str(DELIVERED),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Time {
    /// As it stands in a metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response_time",
            Self::Service => "service_time",
            Self::SendLag => "send_lag",
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Stat {
    /// As it stands in a metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P99_9 => "p99_9",
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Max => "max",
        }
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
            Unit::Fraction => "",
        };
        write!(f, "{sign} {}{unit}", self.number)
    }
}

fn is_share(name: &str) -> bool {
    name == ERROR_RATE || name == DELIVERED
}

fn is_time(name: &str) -> bool {
    TIMES.iter().any(|time| time.name() == name)
}

fn is_nearly_time(name: &str) -> bool {
    nearest(name, TIMES.map(Time::name)).is_some()
}

fn is_stat(name: &str) -> bool {
    STATS.iter().any(|stat| stat.name() == name)
}

fn read_measure(measure: &str, stat: Option<&str>) -> Result<Measure, MetricError> {
    if is_share(measure) {
        return match stat {
            Some(_) => Err(MetricError::NotATime(measure.to_owned())),
            None if measure == ERROR_RATE => Ok(Measure::ErrorRate),
            None => Ok(Measure::Delivered),
        };
    }
    let time = TIMES.into_iter().find(|time| time.name() == measure);
    let time = time.ok_or_else(|| MetricError::Measure(measure.to_owned()))?;
    let stat = stat.ok_or(MetricError::NoStat(time))?;
    let known = STATS.into_iter().find(|known| known.name() == stat);
    let known = known.ok_or_else(|| MetricError::Stat(stat.to_owned()))?;
    Ok(Measure::Time(time, known))
}

const ERROR_RATE: &str = "error_rate";
const DELIVERED: &str = "delivered";
const TIMES: [Time; 3] = [Time::Response, Time::Service, Time::SendLag];
const STATS: [Stat; 8] =
    [Stat::P50, Stat::P90, Stat::P95, Stat::P99, Stat::P99_9, Stat::Min, Stat::Mean, Stat::Max];
/// The longer signs first: `<=` begins with `<`.
const COMPARISONS: [(&str, Comparison); 4] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Below),
    (">", Comparison::Above),
];
/// Unit as written, unit, decimal places to the base unit (microseconds or fraction).
const UNITS: [(&str, Unit, i8); 5] = [
    ("us", Unit::Microseconds, 0),
    ("ms", Unit::Milliseconds, 3),
    ("s", Unit::Seconds, 6),
    ("%", Unit::Percent, -2),
    ("", Unit::Fraction, 0),
];
/// One hour: what the histograms hold.
const HIGHEST_TIME_US: f64 = 3_600e6;
const METRIC_FORM: &str =
    "write a metric like `response_time.p99` or `SCENARIO.error_rate`: [SCENARIO.]MEASURE[.STATISTIC]";

#[cfg(test)]
mod tests;
