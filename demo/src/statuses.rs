//! Which status an answer of `/random` has: status codes with weights.

use crate::draw::Draw;
use hyper::StatusCode;
use std::str::FromStr;
use thiserror::Error;

/// Status codes with weights; never empty. As text: `200=97,404=2,500=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusWeights {
    /// The sum is positive and fits.
    weights: Vec<(StatusCode, u32)>,
}

/// Why a text is no [`StatusWeights`].
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StatusWeightsError {
    /// A part is not `STATUS=WEIGHT`.
    #[error("read {0:?}: expected STATUS=WEIGHT, like 200=97")]
    Form(String),
    /// The status cannot stand in a final answer with a body.
    #[error("use status {0}: allowed are 200 to 599 except 204, 205 and 304")]
    Status(u16),
    /// All weights are zero.
    #[error("draw a status: all weights are zero")]
    Weightless,
}

impl StatusWeights {
    pub(crate) fn draw(&self, draw: &mut Draw) -> StatusCode {
        let mut left = draw.below(self.weights.iter().map(|&(_, weight)| u64::from(weight)).sum());
        for &(status, weight) in &self.weights {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return status,
            }
        }
        unreachable!("a number below the sum of the weights falls into one of them")
    }
}

impl Default for StatusWeights {
    /// Gentle: 98.5 % success, 1 % not found, 0.5 % server errors.
    fn default() -> Self {
        let weights =
            vec![(StatusCode::OK, 985), (StatusCode::NOT_FOUND, 10), (StatusCode::INTERNAL_SERVER_ERROR, 5)];
        Self { weights }
    }
}

impl FromStr for StatusWeights {
    type Err = StatusWeightsError;

    fn from_str(text: &str) -> Result<Self, StatusWeightsError> {
        let weights: Vec<_> = text.split(',').map(weight_from_str).collect::<Result<_, _>>()?;
        if weights.iter().all(|&(_, weight)| weight == 0) {
            return Err(StatusWeightsError::Weightless);
        }
        Ok(Self { weights })
    }
}

fn weight_from_str(part: &str) -> Result<(StatusCode, u32), StatusWeightsError> {
    let malformed = || StatusWeightsError::Form(part.to_owned());
    let (status, weight) = part.split_once('=').ok_or_else(malformed)?;
    let status: u16 = status.trim().parse().map_err(|_| malformed())?;
    let weight = weight.trim().parse().map_err(|_| malformed())?;
    match StatusCode::from_u16(status) {
        Ok(code) if (200..600).contains(&status) && !matches!(status, 204 | 205 | 304) => Ok((code, weight)),
        _ => Err(StatusWeightsError::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn statuses_come_as_often_as_their_weights_say() {
        let statuses: StatusWeights = "200=97, 404=2, 500=1".parse().unwrap();
        let mut times = [0; 3];
        for n in 0..10_000 {
            match statuses.draw(&mut Draw::new(42, Stream::Random, n)).as_u16() {
                200 => times[0] += 1,
                404 => times[1] += 1,
                500 => times[2] += 1,
                other => panic!("status {other} was never asked for"),
            }
        }
        assert!((9_600..9_800).contains(&times[0]) && (150..250).contains(&times[1]), "{times:?}");
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let statuses: StatusWeights = "500=0,200=1".parse().unwrap();
        assert!((0..1_000).all(|n| statuses.draw(&mut Draw::new(1, Stream::Random, n)) == 200));
    }

    #[test]
    fn weights_that_cannot_be_drawn_are_refused() {
        let rows = [
            ("200", StatusWeightsError::Form("200".to_owned())),
            ("", StatusWeightsError::Form(String::new())),
            ("200=many", StatusWeightsError::Form("200=many".to_owned())),
            ("101=1", StatusWeightsError::Status(101)),
            ("204=1", StatusWeightsError::Status(204)),
            ("600=1", StatusWeightsError::Status(600)),
            ("200=0,500=0", StatusWeightsError::Weightless),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<StatusWeights>(), Err(expected), "{text}");
        }
    }
}
