//! Headers of requests: legal names and values, none that the client itself must write.

use std::collections::HashSet;

use super::faults::Faults;
use super::written;
use crate::text::{Piece, Text};

/// The written headers with lower-case names, ordered by name.
pub(super) fn read(written: Option<&written::Headers>, faults: &mut Faults) -> Vec<(String, Text)> {
    let mut headers: Vec<(String, Text)> = Vec::new();
    let mut names = HashSet::new();
    for (name, value) in written.into_iter().flatten() {
        let lower = name.get_ref().to_ascii_lowercase();
        let is_new = names.insert(lower.clone());
        faults.take("headers", name.span(), check_own(&lower, is_new));
        let Some(text) = faults.text("headers", value) else { continue };
        faults.take("headers", value.span(), check_value(&text));
        headers.push((lower, text));
    }
    headers
}

/// The target's headers and the step's; the step's win.
pub(super) fn merge(target: &[(String, Text)], step: Vec<(String, Text)>) -> Vec<(String, Text)> {
    let is_kept = |name: &str| !step.iter().any(|(own, _)| own == name);
    target.iter().filter(|(name, _)| is_kept(name)).cloned().chain(step.iter().cloned()).collect()
}

/// Whether a text can be a header's name.
pub(super) fn check_name(name: &str) -> Result<(), (String, &'static str)> {
    if !is_name(name) {
        return Err(("not a header name".to_owned(), "letters, digits and `-`, like content-type"));
    }
    Ok(())
}

/// Whether a header of a request may have this name.
fn check_own(lower: &str, is_new: bool) -> Result<(), (String, &'static str)> {
    check_name(lower)?;
    if is_clients_own(lower) {
        return Err((
            format!("`{lower}` belongs to the client"),
            "leave it out: it is written for each request",
        ));
    }
    if !is_new {
        return Err((format!("`{lower}` twice"), "case means nothing in header names: keep one"));
    }
    Ok(())
}

fn check_value(value: &Text) -> Result<(), (&'static str, &'static str)> {
    let is_fine = |piece: &Piece| match piece {
        Piece::Literal(literal) => is_value(literal),
        Piece::Secret(_) | Piece::Value(_) | Piece::Tag(_) => true,
    };
    if !value.pieces().iter().all(is_fine) {
        return Err(("a character that cannot stand in a header", "printable ASCII on one line"));
    }
    if value.written().trim() != value.written() {
        return Err(("space around a header's value", "leave it out: it is not sent"));
    }
    Ok(())
}

/// What the answer's header must say, literally.
pub(super) fn check_literal(value: &str) -> Result<(), (&'static str, &'static str)> {
    if !is_value(value) || value.trim() != value {
        return Err(("no header has this value", "printable ASCII on one line, without space around it"));
    }
    Ok(())
}

/// Whether a header of this name, in lower case, is written by the client for each request: no plan may name it.
#[must_use]
pub fn is_clients_own(lower: &str) -> bool {
    OWN.contains(&lower)
}

/// Whether a text can be a header's name: a token (RFC 9110, 5.6.2).
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Whether a text can be a header's value: printable ASCII on one line.
#[must_use]
pub fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic())
}

/// Framing and hop-by-hop headers (RFC 9110, 7.6.1), and the one of `identify`.
const OWN: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-stampede-arrival",
];
