//! Which answers a rule means: those with one status, or of one class of them.

use std::fmt;
use std::str::FromStr;

/// Which answers a rule means: `404`, or `5xx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Those with this status.
    Code(u16),
    /// Those whose status begins with this digit.
    Class(u16),
}

/// Why a text is no [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status")]
pub struct StatusError;

impl Status {
    /// Whether an answer with `code` is meant.
    #[must_use]
    pub const fn is_of(self, code: u16) -> bool {
        match self {
            Self::Code(own) => own == code,
            Self::Class(class) => code / 100 == class,
        }
    }
}

impl StatusError {
    /// What to write instead.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        "write a status like \"404\" or a class like \"5xx\""
    }
}

impl FromStr for Status {
    type Err = StatusError;

    /// # Errors
    /// [`StatusError`] when it is neither a status from 100 to 999 nor a class from 1xx to 9xx.
    fn from_str(text: &str) -> Result<Self, StatusError> {
        match text.trim().as_bytes() {
            [class @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] => Ok(Self::Class(u16::from(class - b'0'))),
            [b'1'..=b'9', rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit) => {
                text.trim().parse().map(Self::Code).map_err(|_| StatusError)
            }
            _ => Err(StatusError),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Class(class) => write!(f, "{class}xx"),
        }
    }
}
