//! Parts of requests that all importers read the same way: URLs, bodies, cookies.

use super::found::{Body, Found};
use super::value::Value;
use url::Url;

/// A request with the origin, path and query of a URL, and the `user:password` that stood in it.
pub(super) fn split_url(text: &str) -> Result<(Found, Option<String>), String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("a URL of {}, only http and https can be asked", url.scheme()));
    }
    let user = (!url.username().is_empty()).then(|| {
        let plain = |text: &str| percent_decode(text);
        format!("{}:{}", plain(url.username()), plain(url.password().unwrap_or("")))
    });
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), Value::text(value))).collect();
    let origin = url.origin().ascii_serialization();
    Ok((Found { origin, path: Value::text(legal_path(url.path())), query, ..Found::default() }, user))
}

/// Characters that a path cannot hold, percent-encoded; what is encoded stays.
pub(super) fn legal_path(path: &str) -> String {
    let is_legal = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`#?{}|".contains(&byte);
    let mut legal = String::new();
    for byte in path.bytes() {
        if is_legal(byte) { legal.push(char::from(byte)) } else { legal.push_str(&format!("%{byte:02X}")) }
    }
    legal
}

/// A name or value of a query, percent-encoded.
pub(super) fn encode_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(super) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The body of a text of this content type.
pub(super) fn body(content_type: &str, text: String) -> Body {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" && is_json(&text) {
        return Body::Json(Value::text(text));
    }
    if kind == "application/x-www-form-urlencoded"
        && let Some(fields) = decode_form(&text)
    {
        return Body::Form(fields);
    }
    Body::Text(Value::text(text))
}

pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The fields of a form, if it is one and each name stands in it once.
pub(super) fn decode_form(text: &str) -> Option<Vec<(String, Value)>> {
    if text.is_empty() || text.contains(char::is_whitespace) || !text.contains('=') {
        return None;
    }
    let pairs: Vec<(String, Value)> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::text(value)))
        .collect();
    let is_plain =
        |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_control() || c == '{' || c == '"');
    let unique = (1..pairs.len()).all(|n| !pairs[..n].iter().any(|(name, _)| *name == pairs[n].0));
    (unique && pairs.iter().all(|(name, _)| is_plain(name))).then_some(pairs)
}

/// The cookies of a request's header.
pub(super) fn parse_cookies(header: &str) -> Vec<(&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim().split_once('=')).collect()
}
