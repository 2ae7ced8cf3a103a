//! What `/api/index` takes: a JSON document with name, directory, host and file size.

use serde_json::{Map, Value};
use thiserror::Error;

/// Why a body is no document.
#[derive(Debug, Error)]
pub(crate) enum DocumentError {
    #[error("read the document as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("read the document: expected an object")]
    NoObject,
    /// All fields that are not as they should be.
    #[error("accept the document: {}", .0.join("; "))]
    Fields(Vec<String>),
}

/// Checks a body; every field that is wrong is named. Fields beyond the four are ignored.
pub(crate) fn check_document(body: &[u8]) -> Result<(), DocumentError> {
    let Value::Object(document) = serde_json::from_slice(body)? else {
        return Err(DocumentError::NoObject);
    };
    let problems: Vec<String> = ["name", "directory", "host"]
        .into_iter()
        .filter_map(|field| text_problem(&document, field))
        .chain(size_problem(&document))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(DocumentError::Fields(problems)) }
}

fn text_problem(document: &Map<String, Value>, field: &str) -> Option<String> {
    match document.get(field) {
        None => Some(format!("{field} is missing")),
        Some(Value::String(text)) if !text.is_empty() => None,
        Some(_) => Some(format!("{field} must be a text that is not empty")),
    }
}

fn size_problem(document: &Map<String, Value>) -> Option<String> {
    match document.get("file_size") {
        None => Some("file_size is missing".to_owned()),
        Some(size) if size.is_u64() => None,
        Some(_) => Some("file_size must be a whole number of bytes, 0 or more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let rows = [
            (r#"{"name":"a.pdf","directory":"/d","host":"h","file_size":0}"#, None),
            (r#"{"name":"a.pdf","directory":"/d","host":"h","file_size":7,"more":[]}"#, None),
            (r#"{"name":"a.pdf","host":"h","file_size":7}"#, Some("directory is missing")),
            (r#"{"name":"","directory":"/d","host":"h","file_size":7}"#, Some("name must be a text")),
            (r#"{"name":"a","directory":"/d","host":1,"file_size":-7}"#, Some("host must be a text")),
            (r#"{"name":"a","directory":"/d","host":1,"file_size":-7}"#, Some("; file_size must be")),
            (r#"{"name":"a","directory":"/d","host":"h","file_size":0.5}"#, Some("file_size must be")),
            ("[]", Some("expected an object")),
            ("{", Some("as JSON")),
            ("", Some("as JSON")),
        ];
        for (body, expected) in rows {
            let refused = check_document(body.as_bytes()).err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(refused, None, "{body}"),
                Some(reason) => assert!(refused.as_ref().is_some_and(|r| r.contains(reason)), "{refused:?}"),
            }
        }
    }
}
