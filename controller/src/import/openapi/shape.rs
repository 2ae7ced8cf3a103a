//! From a schema to what is sent: its examples if it has any, else functions of templates that make something of its
//! shape, anew for each request.

use super::{Json, Value};
use crate::import::value::identifier;
use serde_json::Map;
use std::cell::RefCell;

/// The schemas of a document.
pub(super) struct Shapes<'a> {
    document: &'a Json,
    /// Lists to choose from, by name.
    data: RefCell<Vec<(String, Vec<Json>)>>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(document: &'a Json) -> Self {
        Self { document, data: RefCell::default() }
    }

    /// The lists that templates choose from.
    pub(super) fn into_data(self) -> Vec<(String, Vec<Json>)> {
        self.data.into_inner()
    }

    /// Chooses one of `options`, whose property or parameter is called `name`.
    fn choice(&self, name: &str, options: &[Json]) -> Value {
        let mut data = self.data.borrow_mut();
        let known = data.iter().find(|(_, own)| own == options).map(|(known, _)| known.clone());
        let name = known.unwrap_or_else(|| {
            let wish = identifier(name);
            let names = (1..).map(|n| if n == 1 { wish.clone() } else { format!("{wish}_{n}") });
            let free =
                names.into_iter().find(|name| !data.iter().any(|(own, _)| own == name)).unwrap_or(wish);
            data.push((free.clone(), options.to_vec()));
            free
        });
        Value::expression(format!("pick({name})"))
    }

    /// What a reference leads to, however many of them stand behind each other.
    pub(super) fn resolve<'b>(&'b self, json: &'b Json) -> &'b Json {
        let mut resolved = json;
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = resolved.get("$ref").and_then(Json::as_str) else { return resolved };
            let target = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer));
            match target {
                Some(target) => resolved = target,
                None => return &Json::Null,
            }
        }
        &Json::Null
    }

    /// The JSON of a media type.
    pub(super) fn json(&self, media: &Json) -> Value {
        match self.example(media) {
            Some(example) => Value::text(pretty(&example)),
            None => self.made(media.get("schema").unwrap_or(&Json::Null), "", 0),
        }
    }

    /// The fields of a form.
    pub(super) fn fields(&self, media: &Json) -> Vec<(String, Value)> {
        if let Some(Json::Object(example)) = self.example(media) {
            return example.iter().map(|(name, value)| (name.clone(), Value::text(bare(value)))).collect();
        }
        let schema = self.merged(media.get("schema").unwrap_or(&Json::Null), 0);
        let fields = sent_properties(&schema).map(|(name, schema)| {
            let holder = Map::from_iter([("schema".to_owned(), schema.clone())]);
            (name.clone(), self.plain(&Json::Object(holder), name))
        });
        fields.collect()
    }

    /// What a parameter, or anything else with a `schema`, is as text.
    pub(super) fn plain(&self, holder: &Json, name: &str) -> Value {
        if let Some(example) = self.example(holder) {
            return Value::text(bare(&example));
        }
        let schema = self.merged(holder.get("schema").unwrap_or(&Json::Null), 0);
        if kind(&schema) == "array" {
            let inner =
                Map::from_iter([("schema".to_owned(), schema.get("items").cloned().unwrap_or_default())]);
            return self.plain(&Json::Object(inner), name);
        }
        let (value, _) = self.scalar(&schema, name);
        value
    }

    /// The example that stands beside a schema or in it.
    fn example(&self, holder: &Json) -> Option<Json> {
        let named = holder.get("examples").and_then(Json::as_object).and_then(|all| all.values().next());
        let beside = holder.get("example").cloned();
        let beside = beside.or_else(|| named.and_then(|own| self.resolve(own).get("value")).cloned());
        beside.or_else(|| given(&self.merged(holder.get("schema")?, 0)))
    }

    /// The schema itself: references followed, `allOf` joined, the first of alternatives taken.
    fn merged(&self, schema: &Json, depth: usize) -> Json {
        let schema = self.resolve(schema);
        if depth > DEPTH_MAX {
            return schema.clone();
        }
        let Some(own) = schema.as_object() else { return schema.clone() };
        let mut merged = own.clone();
        let list = |key: &str| own.get(key).and_then(Json::as_array).into_iter().flatten();
        for part in list("allOf") {
            join(&mut merged, self.merged(part, depth + 1));
        }
        let is_null = |part: &&Json| self.resolve(part).get("type") == Some(&Json::from("null"));
        for alternatives in ["oneOf", "anyOf"] {
            if let Some(first) = list(alternatives).find(|part| !is_null(part)) {
                join(&mut merged, self.merged(first, depth + 1));
            }
        }
        Json::Object(merged)
    }

    /// JSON of a schema's shape.
    fn made(&self, schema: &Json, name: &str, depth: usize) -> Value {
        let schema = self.merged(schema, 0);
        if let Some(example) = given(&schema) {
            return Value::text(pretty(&example));
        }
        match kind(&schema) {
            "object" if depth < DEPTH_MAX => self.object(&schema, depth),
            "array" if depth < DEPTH_MAX => {
                let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(1).clamp(1, ITEMS_MAX);
                let mut array = Value::text("[");
                for n in 0..least {
                    array.push_text(if n == 0 { "" } else { ", " });
                    array.append(self.made(schema.get("items").unwrap_or(&Json::Null), name, depth + 1));
                }
                array.push_text("]");
                array
            }
            "object" => Value::text("{}"),
            "array" => Value::text("[]"),
            _ => {
                let (value, is_string) = self.scalar(&schema, name);
                let quote = if is_string { "\"" } else { "" };
                let mut quoted = Value::text(quote);
                quoted.append(value);
                quoted.push_text(quote);
                quoted
            }
        }
    }

    /// A value that is neither object nor array, without quotes, and whether JSON would quote it.
    fn scalar(&self, schema: &Json, name: &str) -> (Value, bool) {
        let kind = kind(schema);
        if let Some(example) = given(schema) {
            return (Value::text(escaped(&example)), example.is_string());
        }
        let options = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
        let options: Vec<Json> = options.filter(|one| one.is_string() || one.is_number()).cloned().collect();
        let is_string = options.first().map_or(kind == "string", Json::is_string);
        let value = match (options.as_slice(), kind) {
            ([only], _) => Value::text(escaped(only)),
            ([_, ..], _) => self.choice(name, &options),
            ([], "integer") => number(schema, true),
            ([], "number") => number(schema, false),
            ([], "boolean") => self.choice("booleans", &["true".into(), "false".into()]),
            ([], "null") => Value::text("null"),
            ([], _) => string(schema, name),
        };
        (value, is_string)
    }

    fn object(&self, schema: &Json, depth: usize) -> Value {
        let mut object = Value::text("{");
        let required = schema.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|own| own == name));
        // Deep down optional properties lead round in circles.
        let is_sent = |(name, _): &(&String, &Json)| depth < 3 || is_required(name);
        for (n, (name, property)) in sent_properties(schema).filter(is_sent).enumerate() {
            if self.resolve(property).get("readOnly") == Some(&Json::Bool(true)) {
                continue;
            }
            object.push_text(if n == 0 { "" } else { ", " });
            object.push_text(&format!("{}: ", Json::from(name.as_str())));
            object.append(self.made(property, name, depth + 1));
        }
        object.push_text("}");
        object
    }
}

/// Adds what `more` says and `own` does not; properties and what is required are united.
fn join(own: &mut Map<String, Json>, more: Json) {
    let Json::Object(more) = more else { return };
    for (key, value) in more {
        match (own.get_mut(&key), value) {
            (Some(Json::Object(own)), Json::Object(more)) => {
                for (name, value) in more {
                    own.entry(name).or_insert(value);
                }
            }
            (Some(Json::Array(own)), Json::Array(more)) if key == "required" => own.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                own.insert(key, value);
            }
        }
    }
}

fn sent_properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    properties.filter(|(_, property)| property.get("readOnly") != Some(&Json::Bool(true)))
}

/// What the schema itself gives as a value.
fn given(schema: &Json) -> Option<Json> {
    let first = schema.get("examples").and_then(Json::as_array).and_then(|all| all.first());
    [schema.get("const"), schema.get("example"), first, schema.get("default")]
        .into_iter()
        .flatten()
        .find(|value| !value.is_null())
        .cloned()
}

/// The type, the first that is not null; told by other keys where none is written.
fn kind(schema: &Json) -> &str {
    let named = match schema.get("type") {
        Some(Json::String(kind)) => Some(kind.as_str()),
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    named.unwrap_or(match () {
        () if schema.get("properties").is_some() => "object",
        () if schema.get("items").is_some() => "array",
        () => "string",
    })
}

fn number(schema: &Json, is_integer: bool) -> Value {
    let limit = |key: &str| schema.get(key).and_then(Json::as_f64);
    let is_set = |key: &str| schema.get(key) == Some(&Json::Bool(true));
    // 3.1 writes the limit itself where 3.0 writes whether `minimum` is excluded.
    let edge = if is_integer { 1.0 } else { 0.0 };
    let low = limit("exclusiveMinimum").map(|low| low + edge);
    let low =
        low.or_else(|| limit("minimum").map(|low| if is_set("exclusiveMinimum") { low + edge } else { low }));
    let high = limit("exclusiveMaximum").map(|high| high - edge);
    let high = high
        .or_else(|| limit("maximum").map(|high| if is_set("exclusiveMaximum") { high - edge } else { high }));
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low + RANGE),
        (None, Some(high)) => (1.0_f64.min(high), high),
        (None, None) => (1.0, RANGE),
    };
    if low >= high {
        return Value::text(low.to_string());
    }
    match (is_integer, limit("multipleOf").filter(|step| *step > 1.0)) {
        (true, Some(step)) => {
            Value::expression(format!("uniform({}, {}) * {step}", (low / step).ceil(), (high / step).floor()))
        }
        (true, None) => Value::expression(format!("uniform({}, {})", low.ceil(), high.floor())),
        (false, _) => Value::expression(format!("uniform({low:?}, {high:?}) | round(2)")),
    }
}

fn string(schema: &Json, name: &str) -> Value {
    let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
    let (least, most) = (limit("minLength").unwrap_or(0), limit("maxLength").unwrap_or(u64::MAX));
    if let Some(pattern) = schema.get("pattern").and_then(Json::as_str) {
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
        // What our own patterns do not know (look-around) cannot be made either.
        if regex::Regex::new(pattern).is_ok() {
            return Value::expression(format!("regex({})", Json::from(pattern)));
        }
    }
    match schema.get("format").and_then(Json::as_str) {
        Some("uuid") => return Value::expression("uuid()"),
        Some("email") => return Value::expression("email()"),
        Some("date") => return Value::expression(dates("%Y-%m-%d")),
        Some("date-time") => return Value::expression(dates("%Y-%m-%dT%H:%M:%SZ")),
        Some("uri" | "url") => return Value::text("https://example.org/"),
        Some("ipv4") => return Value::text("192.0.2.1"),
        Some("ipv6") => return Value::text("2001:db8::1"),
        Some("byte") => return Value::text("c3RhbXBlZGU="),
        _ => {}
    }
    if least > 0 || most < WORD_MAX {
        let least = least.max(1).min(most);
        return Value::expression(format!("regex(\"[a-z]{{{least},{}}}\")", most.min(least + 8)));
    }
    let lower = name.to_ascii_lowercase();
    let expression = if lower.contains("mail") {
        "email()"
    } else if lower.ends_with("name") {
        "name()"
    } else if lower == "id" || lower.ends_with("_id") || name.ends_with("Id") {
        "uniform(1, 1000)"
    } else {
        "word()"
    };
    Value::expression(expression)
}

fn dates(format: &str) -> String {
    format!("date(\"2024-01-01\", \"2026-12-31\", \"{format}\")")
}

/// As text outside of JSON.
fn bare(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(bare).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// As text between the quotes of JSON.
fn escaped(json: &Json) -> String {
    let text = json.to_string();
    if json.is_string() { text[1..text.len() - 1].to_owned() } else { text }
}

fn pretty(json: &Json) -> String {
    json.to_string()
}

/// Where only one end of a range is written.
const RANGE: f64 = 1_000.0;
const REFERENCES_MAX: usize = 32;
const DEPTH_MAX: usize = 8;
const ITEMS_MAX: u64 = 5;
/// Shorter ones need care with how long a word is.
const WORD_MAX: u64 = 16;
