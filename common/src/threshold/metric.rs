//! The name of a measured value: `[SCENARIO.]MEASURE[.STATISTIC]`.

use std::fmt;
use std::str::FromStr;

use super::limit::Kind;
use crate::nearest::nearest;

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
    /// The share of finished requests that were errors of the target; a fraction.
    ErrorRate,
    /// Started ÷ planned, without what a stop took away; a fraction.
    Delivered,
    /// The share of finished requests that were answered with the status that the rule names; a fraction.
    Share,
    /// Finished requests per second, or those of them with the status that the rule names.
    Rate,
    /// Finished requests, or those of them with the status that the rule names.
    Requests,
    /// Finished requests that were errors of the target.
    Errors,
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
    /// What has no statistics with one.
    #[error("`{0}` has no statistics")]
    NotATime(String),
    /// Empty, or with too many dots.
    #[error("not a metric")]
    Form,
}

impl Measure {
    /// What sort of value it is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Time(..) => Kind::Time,
            Self::ErrorRate | Self::Delivered | Self::Share => Kind::Share,
            Self::Rate => Kind::Rate,
            Self::Requests | Self::Errors => Kind::Count,
        }
    }

    /// Whether it is known second by second, so that a part of the run can be judged by it.
    #[must_use]
    pub const fn is_by_second(self) -> bool {
        !matches!(self, Self::Time(Time::Service | Time::SendLag, _) | Self::Delivered)
    }

    /// Whether answers of one status can be meant by it.
    #[must_use]
    pub const fn takes_status(self) -> bool {
        matches!(self, Self::Share | Self::Rate | Self::Requests)
    }
}

impl MetricError {
    /// What is allowed, the nearest name first.
    #[must_use]
    pub fn remedy(&self) -> String {
        let measures = || TIMES.map(Time::name).into_iter().chain(PLAIN.map(|(name, _)| name));
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
            [scenario, share] if is_plain(share) => (Some(scenario), read_measure(share, None)?),
            [share, stat] if is_plain(share) && is_stat(stat) => {
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

impl Metric {
    /// The same of the response time, for messages.
    pub(crate) fn response(&self) -> String {
        let measure = match self.measure {
            Measure::Time(_, stat) => Measure::Time(Time::Response, stat),
            other => other,
        };
        Self { measure, ..self.clone() }.to_string()
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
            Self::ErrorRate | Self::Delivered | Self::Share | Self::Rate | Self::Requests | Self::Errors => {
                let name = PLAIN.iter().find(|(_, measure)| measure == self).map(|(name, _)| *name);
                f.write_str(name.unwrap_or_default())
            }
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

fn is_plain(name: &str) -> bool {
    PLAIN.iter().any(|(plain, _)| *plain == name)
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
    if let Some((name, plain)) = PLAIN.into_iter().find(|(name, _)| *name == measure) {
        return match stat {
            Some(_) => Err(MetricError::NotATime(name.to_owned())),
            None => Ok(plain),
        };
    }
    let time = TIMES.into_iter().find(|time| time.name() == measure);
    let time = time.ok_or_else(|| MetricError::Measure(measure.to_owned()))?;
    let stat = stat.ok_or(MetricError::NoStat(time))?;
    let known = STATS.into_iter().find(|known| known.name() == stat);
    let known = known.ok_or_else(|| MetricError::Stat(stat.to_owned()))?;
    Ok(Measure::Time(time, known))
}

/// What has no statistics.
const PLAIN: [(&str, Measure); 6] = [
    ("error_rate", Measure::ErrorRate),
    ("delivered", Measure::Delivered),
    ("share", Measure::Share),
    ("rate", Measure::Rate),
    ("requests", Measure::Requests),
    ("errors", Measure::Errors),
];
const TIMES: [Time; 3] = [Time::Response, Time::Service, Time::SendLag];
const STATS: [Stat; 8] =
    [Stat::P50, Stat::P90, Stat::P95, Stat::P99, Stat::P99_9, Stat::Min, Stat::Mean, Stat::Max];
const METRIC_FORM: &str =
    "write a metric like `response_time.p99` or `SCENARIO.error_rate`: [SCENARIO.]MEASURE[.STATISTIC]";
