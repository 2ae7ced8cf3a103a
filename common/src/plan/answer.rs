//! Checks and extractions of a step: compiled when the plan is read, so that a slip is found before the run.

use std::time::Duration;

use toml::{Spanned, Value};

use super::faults::{Faults, LONGEST_WAIT};
use super::headers::{check_literal, check_name};
use super::problem::quoted;
use super::written;
use crate::answer::{Css, Expect, Extract, JsonQuery, Pattern, Source};

/// What makes the step's answer good; what is not valid is left out and told.
pub(super) fn expect(written: Option<&written::Expect>, faults: &mut Faults) -> Option<Expect> {
    let Some(written) = written else { return Some(Expect::default()) };
    let mut status = written.status.clone().unwrap_or_default();
    status.sort_unstable();
    status.dedup();
    let max_time = written.max_time.as_ref();
    let max_time = max_time.map(|time| faults.duration("max_time", Some(time), Duration::ZERO, LONGEST_WAIT));
    let max_size = written.max_size.as_ref();
    if let (Some(least), Some(most)) = (written.min_size, max_size)
        && least > *most.get_ref()
    {
        faults.add(most.span(), "`max_size` is less than `min_size`", "no answer can be good");
    }
    Some(Expect {
        status,
        max_time: max_time.map_or(Some(None), |time| time.map(Some))?,
        min_size: written.min_size,
        max_size: max_size.map(|most| *most.get_ref()),
        headers: headers(written.headers.as_ref(), faults),
        contains: contains(written.contains.as_ref(), faults),
        matches: written.matches.as_ref().and_then(|text| pattern("matches", text, faults)),
        json: written
            .json
            .iter()
            .flatten()
            .filter_map(|(path, value)| json_check(path, value, faults))
            .collect(),
    })
}

/// What is taken out of the step's answer.
pub(super) fn extracts(written: Option<&written::Extracts>, faults: &mut Faults) -> Vec<Extract> {
    written.into_iter().flatten().filter_map(|(name, written)| extract(name, written, faults)).collect()
}

fn headers(written: Option<&written::Headers>, faults: &mut Faults) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in written.into_iter().flatten() {
        let lower = name.get_ref().to_ascii_lowercase();
        faults.take("headers", name.span(), check_name(&lower));
        faults.take("headers", value.span(), check_literal(value.get_ref()));
        headers.push((lower, value.get_ref().clone()));
    }
    headers
}

fn contains(written: Option<&Spanned<String>>, faults: &mut Faults) -> Vec<String> {
    let Some(text) = written else { return Vec::new() };
    if text.get_ref().is_empty() {
        faults.add(text.span(), "`contains`: every body contains nothing", "write a text, or leave it out");
    }
    vec![text.get_ref().clone()]
}

fn pattern(key: &str, written: &Spanned<String>, faults: &mut Faults) -> Option<Pattern> {
    let help = "as in Rust's regex crate: no look-around, no back references";
    faults.take(
        key,
        written.span(),
        Pattern::new(written.get_ref()).map_err(|error| (error.to_string(), help)),
    )
}

fn query(written: &Spanned<String>, faults: &mut Faults) -> Option<JsonQuery> {
    let help = "write a JSONPath like \"$.items[0].id\" or a pointer like \"/items/0/id\"";
    let read = JsonQuery::new(written.get_ref()).map_err(|error| (error.to_string(), help));
    faults.take("json", written.span(), read)
}

fn json_check(
    path: &Spanned<String>,
    value: &Spanned<Value>,
    faults: &mut Faults,
) -> Option<(JsonQuery, serde_json::Value)> {
    let help = "a text, a number, true or false, or a list or table of them";
    let read = as_json(value.get_ref()).ok_or(("a value that JSON does not have", help));
    let value = faults.take("json", value.span(), read);
    query(path, faults).zip(value)
}

/// A value of the plan as JSON; dates, and numbers that are none, have no place there.
fn as_json(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::String(text) => Some(text.clone().into()),
        Value::Integer(number) => Some((*number).into()),
        Value::Float(number) => serde_json::Number::from_f64(*number).map(Into::into),
        Value::Boolean(value) => Some((*value).into()),
        Value::Datetime(_) => None,
        Value::Array(items) => items.iter().map(as_json).collect::<Option<Vec<_>>>().map(Into::into),
        Value::Table(table) => {
            let fields = table.iter().map(|(key, value)| Some((key.clone(), as_json(value)?)));
            fields.collect::<Option<serde_json::Map<_, _>>>().map(Into::into)
        }
    }
}

fn extract(
    name: &Spanned<String>,
    written: &Spanned<written::Extract>,
    faults: &mut Faults,
) -> Option<Extract> {
    let is_name = |text: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.bytes().all(legal) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
    };
    let own = name.get_ref();
    let named = if is_name(own) {
        Ok(own.clone())
    } else {
        Err((
            format!("{} cannot be a variable's name", quoted(own)),
            "letters, digits and `_`, no digit first",
        ))
    };
    let named = faults.take("extract", name.span(), named);
    let source = source(written, faults);
    let default = written.get_ref().default.clone();
    Some(Extract { name: named?, source: source?, default })
}

fn source(spanned: &Spanned<written::Extract>, faults: &mut Faults) -> Option<Source> {
    let written = spanned.get_ref();
    let all = [&written.json, &written.header, &written.cookie, &written.regex, &written.css];
    let said: Vec<&Spanned<String>> = all.into_iter().flatten().collect();
    let [only] = said[..] else {
        let (span, message) = match said.get(1) {
            Some(second) => (second.span(), "a value from two places"),
            None => (spanned.span(), "a value from nowhere"),
        };
        faults.add(span, message, "exactly one of json, header, cookie, regex, css");
        return None;
    };
    for (key, span, owner, is_owned) in [
        ("group", written.group.as_ref().map(Spanned::span), "regex", written.regex.is_some()),
        ("attr", written.attr.as_ref().map(Spanned::span), "css", written.css.is_some()),
    ] {
        if let Some(span) = span.filter(|_| !is_owned) {
            faults.add(span, format!("`{key}` belongs to `{owner}`"), "leave it out");
        }
    }
    let text = only.get_ref();
    if written.json.is_some() {
        query(only, faults).map(Source::Json)
    } else if written.header.is_some() {
        let lower = text.to_ascii_lowercase();
        faults.take("header", only.span(), check_name(&lower)).map(|()| Source::Header(lower))
    } else if written.cookie.is_some() {
        let is_legal = !text.is_empty() && !text.contains([';', '=', ' ', ',']);
        let read = if is_legal { Ok(()) } else { Err(("not a cookie's name", "like \"session\"")) };
        faults.take("cookie", only.span(), read).map(|()| Source::Cookie(text.clone()))
    } else if written.regex.is_some() {
        regex(only, written.group.as_ref(), faults)
    } else {
        let read = Css::new(text).map_err(|error| (error.to_string(), error.remedy()));
        let attribute = written.attr.as_ref().map(|attr| attr.get_ref().to_ascii_lowercase());
        faults.take("css", only.span(), read).map(|css| Source::Css(css, attribute))
    }
}

fn regex(written: &Spanned<String>, group: Option<&Spanned<u32>>, faults: &mut Faults) -> Option<Source> {
    let pattern = pattern("regex", written, faults)?;
    let groups = pattern.groups();
    let Some(group) = group else { return Some(Source::Regex(pattern, groups.min(1))) };
    let wanted = usize::try_from(*group.get_ref()).unwrap_or(usize::MAX);
    if wanted > groups {
        let help = format!("from 0, the whole match, to {groups}");
        faults.add(group.span(), format!("`group`: the expression has {groups} groups"), help);
        return None;
    }
    Some(Source::Regex(pattern, wanted))
}
