//! The shape of a written plan: walks the parsed text alongside the schema, reports every unknown, missing or
//! mistyped key, and takes out what does not fit, so that the rest can be read.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::problem::{Fault, quoted};
use super::schema::{dotted, properties, words};
use crate::nearest::nearest;

/// Reports what in `table` does not have the shape of `schema`, and removes it.
///
/// What is left deserializes into the as-written types, whose keys are all optional.
pub(super) fn prune(table: &mut DeTable<'_>, schema: &Value) -> Misshape {
    let mut found = Misshape::default();
    prune_table(table, 0..0, &Place { path: "", is_item: false }, schema, &mut found);
    found
}

/// What does not have the right shape, up to [`MOST_FAULTS`].
#[derive(Default)]
pub(super) struct Misshape {
    /// Keys and values that are there and do not fit.
    pub(super) misfits: Vec<Fault>,
    /// Required keys that are not there.
    pub(super) missing: Vec<Fault>,
}

impl Misshape {
    fn is_full(&self) -> bool {
        self.misfits.len() + self.missing.len() >= MOST_FAULTS
    }
}

/// Where in the plan a table or value stands.
struct Place<'a> {
    /// Dotted keys, without list positions.
    path: &'a str,
    /// Whether it is one of a list.
    is_item: bool,
}

impl Place<'_> {
    /// For messages: the table as its header is written.
    fn table(&self) -> String {
        match (self.path, self.is_item) {
            ("", _) => "the plan".to_owned(),
            (path, false) => format!("[{path}]"),
            (path, true) => format!("[[{path}]]"),
        }
    }

    /// For messages: the last key.
    fn value(&self) -> String {
        let key = self.path.rsplit('.').next().unwrap_or(self.path);
        if self.is_item { format!("a value in {}", quoted(key)) } else { quoted(key) }
    }
}

fn prune_table(
    table: &mut DeTable<'_>,
    span: Range<usize>,
    place: &Place<'_>,
    schema: &Value,
    found: &mut Misshape,
) {
    let mut excused: Vec<&str> = Vec::new();
    let written: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
    for (key, mut value) in std::mem::take(table) {
        let path = dotted(place.path, key.get_ref());
        let known = properties(schema)
            .map_or_else(|| schema.get("additionalProperties"), |all| all.get(&**key.get_ref()));
        let Some(known) = known else {
            if found.is_full() {
                continue;
            }
            let (fault, stands_for) = unknown_key(key.span(), key.get_ref(), place, schema);
            found.misfits.push(fault);
            excused.extend(stands_for);
            continue;
        };
        if prune_value(&mut value, &Place { path: &path, is_item: false }, known, found) {
            table.insert(key, value);
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for key in required.filter_map(Value::as_str) {
        if !found.is_full() && !excused.contains(&key) && !written.iter().any(|written| written == key) {
            let help =
                properties(schema).and_then(|all| all.get(key)).map(|known| how_to_add(place, key, known));
            let message = format!("missing {} in {}", quoted(key), place.table());
            found.missing.push(Fault::new(span.clone(), message, help.unwrap_or_default()));
        }
    }
}

/// Reports what in `value` does not have the shape of `schema`; `false` when nothing of it can be kept.
fn prune_value(
    value: &mut Spanned<DeValue<'_>>,
    place: &Place<'_>,
    schema: &Value,
    found: &mut Misshape,
) -> bool {
    let span = value.span();
    if *schema == Value::Bool(true) {
        return true; // any value at all
    }
    let problem = match (type_name(schema), value.get_mut()) {
        ("object", DeValue::Table(table)) => {
            prune_table(table, span, place, schema, found);
            return true;
        }
        ("array", DeValue::Array(items)) => {
            prune_items(items, place.path, schema.get("items").unwrap_or(&Value::Null), found);
            return has_good_length(items, span, place, schema, found);
        }
        ("", _) if words(schema).is_empty() => None,
        ("boolean", DeValue::Boolean(_)) | ("number", DeValue::Integer(_) | DeValue::Float(_)) => None,
        ("string", DeValue::String(text)) => unknown_word(text, place, &words(schema)),
        ("integer", DeValue::Integer(number)) => out_of_range(number, place, schema),
        (expected, other) => Some(wrong_type(expected, other, place, schema)),
    };
    let fits = problem.is_none();
    if !found.is_full() {
        found.misfits.extend(problem.map(|(message, help)| Fault::new(span, message, help)));
    }
    fits
}

fn prune_items(items: &mut DeArray<'_>, path: &str, schema: &Value, found: &mut Misshape) {
    let place = Place { path, is_item: true };
    *items = std::mem::replace(items, DeArray::new())
        .into_iter()
        .filter_map(|mut item| prune_value(&mut item, &place, schema, found).then_some(item))
        .collect();
}

/// Reports a list that is too short or too long; `false` when it is not to be kept.
fn has_good_length(
    items: &DeArray<'_>,
    span: Range<usize>,
    place: &Place<'_>,
    schema: &Value,
    found: &mut Misshape,
) -> bool {
    let bound =
        |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    let (least, most) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(usize::MAX));
    // A list that became empty because its items did not fit has been complained about already.
    let is_emptied =
        items.len() < least && found.misfits.iter().any(|fault| span.contains(&fault.span.start));
    if is_emptied || (least..=most).contains(&items.len()) {
        return !is_emptied;
    }
    let message = format!("{} has {} entries", place.value(), items.len());
    let like = example(schema).map(|example| format!(", like {}", inline(example))).unwrap_or_default();
    let help =
        if items.len() < least { format!("at least {least}{like}") } else { format!("at most {most}") };
    found.misfits.push(Fault::new(span, message, help));
    false
}

/// The fault, and the required key that the unknown one stands for: that one is not reported as missing.
fn unknown_key<'a>(
    span: Range<usize>,
    key: &str,
    place: &Place<'_>,
    schema: &'a Value,
) -> (Fault, Option<&'a str>) {
    let allowed: Vec<&str> = properties(schema).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let listed = format!("allowed here: {}", allowed.join(", "));
    let message = format!("unknown key {} in {}", quoted(key), place.table());
    let meant = nearest(key, allowed.iter().copied());
    let help = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default() + &listed;
    (Fault::new(span, message, help), meant)
}

fn unknown_word(text: &str, place: &Place<'_>, allowed: &[&str]) -> Option<(String, String)> {
    if allowed.is_empty() || allowed.contains(&text) {
        return None;
    }
    let meant = nearest(text, allowed.iter().copied());
    let meant = meant.map(|name| format!("did you mean \"{name}\"? ")).unwrap_or_default();
    let listed: Vec<String> = allowed.iter().map(|word| format!("\"{word}\"")).collect();
    Some((
        format!("{} cannot be {}", place.value(), quoted(text)),
        format!("{meant}allowed: {}", listed.join(", ")),
    ))
}

fn out_of_range(number: &DeInteger<'_>, place: &Place<'_>, schema: &Value) -> Option<(String, String)> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64).map(i128::from);
    let least = bound("minimum").unwrap_or(0);
    let most = bound("maximum").unwrap_or(i128::from(i64::MAX));
    match i128::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) if (least..=most).contains(&number) => None,
        _ => Some((format!("{} is out of range", place.value()), format!("from {least} to {most}"))),
    }
}

fn wrong_type(expected: &str, found: &DeValue<'_>, place: &Place<'_>, schema: &Value) -> (String, String) {
    let expected = match expected {
        "object" => "a table",
        "array" => "a list",
        "boolean" => "true or false",
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        _ => "something else",
    };
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("{} must be {expected}, not {found}", place.value());
    (message, example(schema).map(|example| format!("like {}", inline(example))).unwrap_or_default())
}

fn how_to_add(place: &Place<'_>, key: &str, schema: &Value) -> String {
    let path = dotted(place.path, key);
    match (type_name(schema), example(schema)) {
        (_, Some(example)) => format!("add a line like {key} = {}", inline(example)),
        ("array", None) => format!("add a section [[{path}]]"),
        ("object", None) if key == "load" => {
            "add a line like load.rate = [{ at = \"50/s\", for = \"20s\" }]".to_owned()
        }
        (_, None) => format!("add a section [{path}]"),
    }
}

fn type_name(schema: &Value) -> &str {
    // An enum with described words has its type only inside of them.
    schema.get("type").and_then(Value::as_str).unwrap_or(if words(schema).is_empty() { "" } else { "string" })
}

fn example(schema: &Value) -> Option<&Value> {
    schema.get("examples").and_then(|examples| examples.get(0)).or_else(|| schema.get("default"))
}

/// An example of the schema as TOML.
fn inline(example: &Value) -> String {
    match example {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) => {
            let keys: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// Faults that are collected; a text with more of them is no plan with slips.
pub(super) const MOST_FAULTS: usize = 300;
