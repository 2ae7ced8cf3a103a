//! A regular expression over the bytes of a body.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// A compiled regular expression; equal to another when it was written the same way.
#[derive(Clone)]
pub struct Pattern(Regex);

/// Why a text is no [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A slip in it.
    #[error("not a regular expression: {0}")]
    Syntax(String),
    /// Correct, but its program would be huge.
    #[error("a regular expression that is too large")]
    Size,
}

impl Pattern {
    /// Compiles it. Matching takes time linear in the body.
    ///
    /// # Errors
    /// [`PatternError`] with the parser's own words in one line.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        RegexBuilder::new(text).size_limit(LARGEST).dfa_size_limit(LARGEST).build().map(Self).map_err(
            |error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::Size,
                // The parser draws several lines; the last one says what is wrong.
                other => {
                    let text = other.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    PatternError::Syntax(last.strip_prefix("error: ").unwrap_or(last).to_owned())
                }
            },
        )
    }

    /// Whether it matches anywhere.
    #[must_use]
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Groups in parentheses, the whole match apart.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    /// What the group (0: all of it) of the first match covers.
    #[must_use]
    pub fn capture<'a>(&self, bytes: &'a [u8], group: usize) -> Option<&'a [u8]> {
        self.0.captures(bytes)?.get(group).map(|found| found.as_bytes())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

/// Bytes of a compiled expression.
const LARGEST: usize = 1 << 20;
