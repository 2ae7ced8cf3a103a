//! A place in a JSON document: a JSONPath (RFC 9535) or a JSON pointer (RFC 6901).

use std::fmt;

use serde_json::Value;
use serde_json_path::JsonPath;

/// A compiled query; equal to another when it was written the same way.
#[derive(Clone)]
pub struct JsonQuery {
    text: String,
    path: Option<JsonPath>,
}

/// Why a text is no [`JsonQuery`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonQueryError {
    /// Neither `$` nor `/` in front.
    #[error("neither a JSONPath nor a JSON pointer")]
    Form,
    /// A slip in a path, and where.
    #[error("not a JSONPath: {message}, at character {position}")]
    Path {
        /// From 1.
        position: usize,
        /// The parser's own words.
        message: String,
    },
}

impl JsonQuery {
    /// Compiles it: a JSONPath begins with `$`, a JSON pointer with `/`.
    ///
    /// # Errors
    /// [`JsonQueryError`].
    pub fn new(text: &str) -> Result<Self, JsonQueryError> {
        let path = match text.as_bytes().first() {
            Some(b'/') => None,
            Some(b'$') => Some(JsonPath::parse(text).map_err(|error| JsonQueryError::Path {
                position: error.position(),
                message: error.message().lines().next().unwrap_or_default().to_owned(),
            })?),
            _ => return Err(JsonQueryError::Form),
        };
        Ok(Self { text: text.to_owned(), path })
    }

    /// The first value at this place.
    #[must_use]
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        match &self.path {
            Some(path) => path.query(document).first(),
            None => document.pointer(&self.text),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A value as a text for templates: a string's own characters, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether two values mean the same: `1` and `1.0` do.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => one == other,
    }
}

impl PartialEq for JsonQuery {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonQuery {}

impl fmt::Debug for JsonQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
