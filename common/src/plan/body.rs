//! The body of a request: one of several forms.

use toml::Spanned;

use super::faults::Faults;
use super::step::fields;
use super::{Body, Method, written};

/// The body that is written, if there is at most one and the method has one.
pub(super) fn read(written: &written::Step, method: Method, faults: &mut Faults) -> Option<Body> {
    let places = [
        ("body", written.body.as_ref().map(Spanned::span)),
        ("json", written.json.as_ref().map(Spanned::span)),
        ("form", written.form.as_ref().map(Spanned::span)),
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
    match &written.form {
        Some(form) => fields("form", Some(form.get_ref()), faults).map(Body::Form),
        None => Some(Body::None),
    }
}

fn json(written: &Spanned<String>, faults: &mut Faults) -> Option<Body> {
    let text = faults.text("json", written)?;
    if let Some(literal) = text.literal()
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(literal)
    {
        let help = "write JSON like {\"name\": \"x\"}, or `body` for another format";
        faults.add(written.span(), format!("`json`: {error}"), help);
        return None;
    }
    Some(Body::Json(text))
}
