//! What an answer of a recording gave and a later request sent back: cookies, tokens, ids.

use super::found::{Auth, Body, Extract, Found};
use super::parts::parse_cookies;
use super::value::{Piece, Value};
use har::v1_2::Entries;
use std::collections::{BTreeMap, BTreeSet};

/// What the answers so far gave.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Values that stand in one place of one answer, and the variable that holds each.
    values: BTreeMap<String, String>,
    /// Cookies that answers set: name and value.
    cookies: BTreeSet<(String, String)>,
    /// The names that are taken.
    names: BTreeSet<String>,
}

impl Known {
    /// Notes what this answer gives, and where it stands in it.
    pub(super) fn learn(&mut self, entry: &Entries, found: &mut Found) {
        for header in &entry.response.headers {
            if header.name.eq_ignore_ascii_case("set-cookie") {
                // Some browsers join several with line ends.
                for line in header.value.lines() {
                    let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
                    self.cookies
                        .extend(pair.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
                }
            }
        }
        let content = &entry.response.content;
        let text = content.text.as_deref().filter(|_| content.encoding.is_none()).unwrap_or_default();
        let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return };
        let mut leaves = Vec::new();
        collect(&json, "$", "value", &mut leaves);
        for (n, leaf) in leaves.iter().enumerate() {
            let is_once = leaves.iter().enumerate().all(|(other, own)| other == n || own.value != leaf.value);
            if is_once && is_telling(&leaf.value) && !self.values.contains_key(&leaf.value) {
                let name = self.fresh_name(&leaf.key);
                self.values.insert(leaf.value.clone(), name.clone());
                found.extract.push((name, Extract::Json(leaf.path.clone())));
            }
        }
    }

    /// Puts variables where a request repeats what an answer gave.
    pub(super) fn use_in(&self, found: &mut Found) {
        let replaced = |value: &Value| self.replaced(value);
        found.path = replaced(&found.path);
        for (name, value) in &mut found.headers {
            *value =
                if name.eq_ignore_ascii_case("cookie") { self.own_cookies(value) } else { replaced(value) };
        }
        found.headers.retain(|(name, value)| !value.is_empty() || !name.eq_ignore_ascii_case("cookie"));
        found.query.iter_mut().for_each(|(_, value)| *value = replaced(value));
        match &mut found.body {
            Body::Text(value) | Body::Json(value) => *value = replaced(value),
            Body::Form(fields) => fields.iter_mut().for_each(|(_, value)| *value = replaced(value)),
            Body::Multipart(_) | Body::File(_) | Body::None => {}
        }
        match &mut found.auth {
            Some(Auth::Bearer(token)) => *token = replaced(token),
            Some(Auth::Basic { .. }) | None => {}
        }
    }

    fn replaced(&self, value: &Value) -> Value {
        value.map_text(|text| {
            let mut changed = Value::default();
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let mut rest = text;
            while !rest.is_empty() {
                let (word, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
                match self.values.get(word) {
                    Some(name) => changed.push(Piece::Expression(name.clone())),
                    None => changed.push_text(word),
                }
                let (gap, after) = after.split_at(after.find(is_part).unwrap_or(after.len()));
                changed.push_text(gap);
                rest = after;
            }
            changed
        })
    }

    /// The cookies that no answer of the recording set: the others come back by themselves.
    fn own_cookies(&self, value: &Value) -> Value {
        let cookies = parse_cookies(value.literal().unwrap_or_default());
        let is_set =
            |(name, value): &(&str, &str)| self.cookies.contains(&((*name).to_owned(), (*value).to_owned()));
        let own = cookies
            .into_iter()
            .filter(|cookie| !is_set(cookie))
            .map(|(name, value)| format!("{name}={value}"));
        Value::text(own.collect::<Vec<_>>().join("; "))
    }

    fn fresh_name(&mut self, key: &str) -> String {
        let plain: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let plain = plain.trim_matches('_');
        let begins_well = plain.starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = if begins_well { plain.to_owned() } else { format!("v_{plain}") };
        let names = (1..).map(|n| if n == 1 { plain.clone() } else { format!("{plain}_{n}") });
        let name = names.into_iter().find(|name| !self.names.contains(name)).unwrap_or(plain);
        self.names.insert(name.clone());
        name
    }
}

/// A string or number of an answer.
struct Leaf {
    path: String,
    key: String,
    value: String,
}

fn collect(json: &serde_json::Value, path: &str, key: &str, leaves: &mut Vec<Leaf>) {
    if leaves.len() >= LEAVES_MAX {
        return;
    }
    let mut leaf = |value: String| leaves.push(Leaf { path: path.to_owned(), key: key.to_owned(), value });
    match json {
        serde_json::Value::String(text) => leaf(text.clone()),
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let inner = if is_plain && !name.is_empty() {
                    format!("{path}.{name}")
                } else {
                    format!("{path}[{}]", serde_json::Value::from(name.as_str()))
                };
                collect(value, &inner, name, leaves);
            }
        }
        serde_json::Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{n}]"), key, leaves);
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// Long and mixed enough that meeting it again is no accident.
fn is_telling(value: &str) -> bool {
    let is_word = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    is_word && has_digit && (16..=4_096).contains(&value.len())
}

/// Of an answer: more are not looked at.
const LEAVES_MAX: usize = 2_000;
