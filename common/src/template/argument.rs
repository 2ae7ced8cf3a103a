//! Constants in templates: arguments of functions and filters.

use super::scalar::Scalar;

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Text(String),
    Whole(i64),
    Real(f64),
    List(Vec<f64>),
    /// A name that is not called: data.
    Name(String),
}

impl Argument {
    /// Its value as a number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(_) | Self::List(_) | Self::Name(_) => None,
        }
    }

    pub(super) fn scalar(&self) -> Scalar<'static> {
        match self {
            Self::Text(text) | Self::Name(text) => Scalar::Text(text.clone().into()),
            Self::Whole(number) => Scalar::Whole((*number).into()),
            Self::Real(number) => Scalar::Real(*number),
            Self::List(list) => Scalar::Plain(format!("{list:?}").into()),
        }
    }
}
