//! What is taken out of an answer for the steps behind.

use super::json::text_of;
use super::{Answer, Css, JsonQuery, Needs, Pattern, cookie};

/// A value to be taken out of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The variable that holds it.
    pub name: String,
    /// Where it stands.
    pub source: Source,
    /// What it is when it stands nowhere; `None`: the extraction fails.
    pub default: Option<String>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the body's JSON: a string's own characters, anything else as JSON.
    Json(JsonQuery),
    /// In the first header line of this lower-case name.
    Header(String),
    /// In the `set-cookie` lines, under this name.
    Cookie(String),
    /// What a group of the first match in the body covers.
    Regex(Pattern, usize),
    /// An attribute, or the text, of the first element in the body's HTML.
    Css(Css, Option<String>),
}

impl Extract {
    /// What has to be kept of an answer to find it.
    #[must_use]
    pub const fn needs(&self) -> Needs {
        match self.source {
            Source::Header(_) | Source::Cookie(_) => Needs { head: true, body: false },
            Source::Json(_) | Source::Regex(..) | Source::Css(..) => Needs { head: true, body: true },
        }
    }

    /// The value, or the default; `None` when there is neither. Bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn value(&self, answer: &Answer<'_>) -> Option<String> {
        let found = self.find(answer).filter(|found| found.len() <= LONGEST);
        found.or_else(|| self.default.clone())
    }

    fn find(&self, answer: &Answer<'_>) -> Option<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match &self.source {
            Source::Json(query) => query.find(answer.json()?).map(text_of),
            Source::Header(name) => answer.fields().first(name).map(text),
            Source::Cookie(name) => cookie(&answer.fields(), name).map(text),
            Source::Regex(pattern, group) => pattern.capture(answer.body.ok()?, *group).map(text),
            Source::Css(css, attribute) => {
                css.find(&String::from_utf8_lossy(answer.body.ok()?), attribute.as_deref())
            }
        }
    }
}

/// Bytes of the longest value: it is kept for as long as an iteration lasts.
const LONGEST: usize = 256 << 10;
