//! The body of a request: one of several forms.

use toml::Spanned;

use super::dataset::file;
use super::faults::Faults;
use super::headers::check_literal;
use super::step::fields;
use super::{Method, written};
use crate::text::{Piece, Text};

/// What is sent behind a request's head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// Sent as written.
    Text(Text),
    /// The same, and it is JSON: says so in `content-type` where the plan does not say something else.
    Json(Text),
    /// Fields of a form, by name, as `application/x-www-form-urlencoded`.
    Form(Vec<(String, Text)>),
    /// Parts of a form, in order, as `multipart/form-data`.
    Multipart(Vec<FormPart>),
    /// The content of a file, by its path as written.
    File(String),
}

/// A part of a `multipart/form-data` body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPart {
    /// The field's name.
    pub name: String,
    /// What it holds.
    pub content: PartContent,
    /// The name of the file that the field is said to be.
    pub filename: Option<Text>,
    /// Its `content-type`.
    pub media_type: Option<String>,
}

/// What a part of a form holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartContent {
    /// A text.
    Value(Text),
    /// The content of a file, by its path as written.
    File(String),
}

/// The body that is written, if there is at most one and the method has one.
pub(super) fn read(written: &written::Step, method: Method, faults: &mut Faults) -> Option<Body> {
    let places = [
        ("body", written.body.as_ref().map(Spanned::span)),
        ("json", written.json.as_ref().map(Spanned::span)),
        ("form", written.form.as_ref().map(Spanned::span)),
        ("multipart", written.multipart.as_ref().map(Spanned::span)),
        ("file", written.file.as_ref().map(Spanned::span)),
    ];
    let mut there = places.into_iter().filter_map(|(key, place)| Some((key, place?)));
    let first = there.next();
    if let (Some((first, _)), Some((second, place))) = (&first, there.next()) {
        faults.add(
            place,
            format!("`{second}` and `{first}` at once"),
            "a request has one body: keep one of them",
        );
        return None;
    }
    if let Some((_, place)) = first.filter(|_| method == Method::Head) {
        faults.add(place, "a HEAD request has no body", "leave it out, or choose another method");
        return None;
    }
    if let Some(body) = &written.body {
        return faults.text("body", body).map(Body::Text);
    }
    if let Some(json) = &written.json {
        return self::json(json, faults);
    }
    if let Some(path) = &written.file {
        return file("file", path, faults).map(Body::File);
    }
    if let Some(parts) = &written.multipart {
        let parts: Vec<Option<FormPart>> =
            parts.get_ref().iter().map(|part| self::part(part, faults)).collect();
        return parts.into_iter().collect::<Option<_>>().map(Body::Multipart);
    }
    match &written.form {
        Some(form) => fields("form", Some(form.get_ref()), faults).map(Body::Form),
        None => Some(Body::None),
    }
}

fn part(written: &Spanned<written::FormPart>, faults: &mut Faults) -> Option<FormPart> {
    let part = written.get_ref();
    let content = match (&part.value, &part.file) {
        (Some(value), None) => faults.text("value", value).map(PartContent::Value),
        (None, Some(path)) => file("file", path, faults).map(PartContent::File),
        (None, None) | (Some(_), Some(_)) => {
            faults.add(
                written.span(),
                "a part with neither `value` nor `file`, or with both",
                "write one of them",
            );
            None
        }
    };
    let filename = match (&part.filename, &content) {
        (Some(filename), _) => Some(faults.text("filename", filename)?),
        (None, Some(PartContent::File(path))) => {
            Some(Text::verbatim(path.rsplit('/').next().unwrap_or(path)))
        }
        (None, _) => None,
    };
    let media_type = match &part.media_type {
        None => None,
        Some(media) => Some(faults.take(
            "type",
            media.span(),
            check_literal(media.get_ref()).map(|()| media.get_ref().clone()),
        )?),
    };
    Some(FormPart { name: part.name.as_ref()?.get_ref().clone(), content: content?, filename, media_type })
}

fn json(written: &Spanned<String>, faults: &mut Faults) -> Option<Body> {
    let text = faults.template("json", written, true)?;
    if let Some(filled) = filled(&text)
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&filled)
    {
        let help = "write JSON like {\"name\": \"x\"}, or `body` for another format";
        faults.add(written.span(), format!("`json`: {error}"), help);
        return None;
    }
    Some(Body::Json(text))
}

/// The text with a number wherever a value comes in; `None` when it is put together in another way.
fn filled(text: &Text) -> Option<String> {
    text.pieces().iter().map(stand_in).collect()
}

fn stand_in(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Literal(literal) => Some(literal),
        Piece::Secret(_) | Piece::Value(_) => Some("1"),
        Piece::Tag(_) => None,
    }
}
