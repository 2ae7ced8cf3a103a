//! How long an answer of `/random` takes: a distribution, drawn anew for each answer.

use crate::draw::Draw;
use std::{str::FromStr, time::Duration};
use thiserror::Error;

/// A distribution of latencies. As text: `2ms`, `1ms..5ms` or `lognormal:2ms:0.5`.
///
/// No drawn latency is longer than 60 s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Evenly between the two.
    Uniform {
        /// The shortest latency.
        from: Duration,
        /// The longest latency; what is below `from` counts as `from`.
        to: Duration,
    },
    /// Log-normal: median × exp(sigma × standard normal), the usual shape of a healthy service.
    LogNormal {
        /// Half of the answers take longer.
        median: Duration,
        /// Spread: p99 is median × exp(2.33 × sigma).
        sigma: f64,
    },
}

/// Why a text is no [`Latency`].
#[derive(Debug, Error, PartialEq)]
pub enum LatencyError {
    /// None of the three forms.
    #[error("read latency {0:?}: allowed are `2ms`, `1ms..5ms` and `lognormal:MEDIAN:SIGMA`")]
    Form(String),
    /// The upper end is below the lower one.
    #[error("read latency {0:?}: the range ends before it begins")]
    Backwards(String),
    /// The spread is no number between 0 and 5.
    #[error("read latency {0:?}: sigma must be a number from 0 to 5")]
    Sigma(String),
}

impl Latency {
    pub(crate) fn draw(&self, draw: &mut Draw) -> Duration {
        let latency = match *self {
            Self::Fixed(latency) => latency,
            Self::Uniform { from, to } => from + to.saturating_sub(from).mul_f64(draw.unit()),
            Self::LogNormal { median, sigma } => {
                let seconds = median.as_secs_f64() * (sigma * draw.normal()).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(LATENCY_MAX)
            }
        };
        latency.min(LATENCY_MAX)
    }
}

impl Default for Latency {
    /// A healthy service: median 2 ms, p99 6.4 ms.
    fn default() -> Self {
        Self::LogNormal { median: Duration::from_millis(2), sigma: 0.5 }
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let duration =
            |part: &str| humantime::parse_duration(part).map_err(|_| LatencyError::Form(text.to_owned()));
        if let Some(shape) = text.strip_prefix("lognormal:") {
            let (median, sigma) = shape.split_once(':').ok_or_else(|| LatencyError::Form(text.to_owned()))?;
            let sigma = sigma.parse().ok().filter(|sigma| (0.0..=5.0).contains(sigma));
            let sigma = sigma.ok_or_else(|| LatencyError::Sigma(text.to_owned()))?;
            return Ok(Self::LogNormal { median: duration(median)?, sigma });
        }
        let Some((from, to)) = text.split_once("..") else {
            return Ok(Self::Fixed(duration(text)?));
        };
        let (from, to) = (duration(from)?, duration(to)?);
        if to < from {
            return Err(LatencyError::Backwards(text.to_owned()));
        }
        Ok(Self::Uniform { from, to })
    }
}

/// No answer is held longer, whatever the distribution says: the tail of a log-normal has no end.
const LATENCY_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn every_form_is_read_and_anything_else_is_refused() {
        let ms = Duration::from_millis;
        let error = |make: fn(String) -> LatencyError, text: &str| Err(make(text.to_owned()));
        let rows = [
            ("2ms", Ok(Latency::Fixed(ms(2)))),
            ("1ms..5ms", Ok(Latency::Uniform { from: ms(1), to: ms(5) })),
            ("lognormal:2ms:0.5", Ok(Latency::LogNormal { median: ms(2), sigma: 0.5 })),
            ("5ms..1ms", error(LatencyError::Backwards, "5ms..1ms")),
            ("fast", error(LatencyError::Form, "fast")),
            ("lognormal:2ms", error(LatencyError::Form, "lognormal:2ms")),
            ("lognormal:2ms:-1", error(LatencyError::Sigma, "lognormal:2ms:-1")),
            ("lognormal:2ms:NaN", error(LatencyError::Sigma, "lognormal:2ms:NaN")),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Latency>(), expected, "{text}");
        }
    }

    #[test]
    fn half_of_the_log_normal_latencies_exceed_the_median() {
        let median = Duration::from_millis(2);
        let latency = Latency::LogNormal { median, sigma: 0.5 };
        let longer =
            (0..10_000).filter(|&n| latency.draw(&mut Draw::new(42, Stream::Random, n)) > median).count();
        assert!((4_800..5_200).contains(&longer), "{longer} of 10,000");
    }

    #[test]
    fn no_latency_exceeds_the_limit() {
        let latency = Latency::LogNormal { median: Duration::from_secs(3_600), sigma: 5.0 };
        assert!((0..100).all(|n| latency.draw(&mut Draw::new(1, Stream::Random, n)) <= LATENCY_MAX));
    }
}
