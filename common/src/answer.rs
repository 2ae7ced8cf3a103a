//! What makes an answer good, and what is taken out of it: compiled once, then a pure function of an answer's bytes.
//!
//! ```text
//! status, head, body, time, size ─→ Expect::check   → Ok | which check failed, and how
//!                                └→ Extract::value  → a text for the steps behind, or none
//! ```
//!
//! Answers are foreign input. Their body is read in one pass, in memory that grows with it at most by a constant
//! factor and never beyond what whoever kept it allowed; nothing in it can make these functions panic.

mod fields;
mod pattern;
mod json;
mod html;
mod css;
mod expect;
mod extract;

use std::cell::OnceCell;
use std::time::Duration;

use serde_json::Value;

pub use css::{Css, CssError};
pub use expect::{Expect, Failed};
pub use extract::{Extract, Source};
pub use fields::{Fields, cookie};
pub use json::{JsonQuery, JsonQueryError};
pub use pattern::{Pattern, PatternError};

/// An answer, as checks and extractions see it.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its header lines as they came, without the status line; empty when nothing wants them.
    pub head: &'a [u8],
    /// Its body without framing and compression.
    pub body: Result<&'a [u8], Unreadable>,
    /// Bytes of the body as it came, without its framing.
    pub size: u64,
    /// From the first byte sent to the last one received.
    pub time: Duration,
    /// The body is read as JSON at most once, however many look into it.
    json: OnceCell<Option<Value>>,
}

/// Why a body cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Longer than the budget of whoever kept it, as it came or decompressed.
    #[error("the body is larger than 1 MiB, which is as much as is looked at")]
    TooLong,
    /// Its `content-encoding` is not one we know, or not what the bytes are.
    #[error("the body's content-encoding cannot be decoded")]
    Encoding,
}

/// What of an answer has to be kept until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The header lines.
    pub head: bool,
    /// The body, and the header lines with it: they say how it is compressed.
    pub body: bool,
}

impl<'a> Answer<'a> {
    /// An answer with what was kept of it.
    #[must_use]
    pub fn new(
        status: u16,
        head: &'a [u8],
        body: Result<&'a [u8], Unreadable>,
        size: u64,
        time: Duration,
    ) -> Self {
        Self { status, head, body, size, time, json: OnceCell::new() }
    }

    /// Its header lines.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields::of(self.head)
    }

    /// The body as JSON, when it is.
    fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body.ok()?).ok()).as_ref()
    }
}

impl Needs {
    /// Nothing is looked at but the status, the size and the time.
    pub const NOTHING: Self = Self { head: false, body: false };

    /// What both need together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { head: self.head || other.head, body: self.body || other.body }
    }

    /// Whether anything is to be kept.
    #[must_use]
    pub const fn any(self) -> bool {
        self.head || self.body
    }
}

/// A text for people: at most so many characters, control characters made visible.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST_SHOWN)]);
    let mut shown: String = text.chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() || bytes.len() > 4 * LONGEST_SHOWN {
        shown.push('…');
    }
    shown
}

/// Characters of foreign text in a message.
const LONGEST_SHOWN: usize = 80;

#[cfg(test)]
mod tests;
