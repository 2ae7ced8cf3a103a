//! The JSON Schema of the plan file, derived from the as-written types.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::written;

/// The JSON Schema (draft 2020-12) of the plan file, with a description of every key; without references.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<written::Plan>().to_value();
    remove_null(&mut schema);
    schema
}

/// Every key of the plan file that holds a value, as a dotted path without list positions, sorted:
/// `scenario.step.expect.status`. Keys that only the controller writes are left out.
#[must_use]
pub fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    list_keys(&schema(), "", &mut keys);
    keys.sort();
    keys
}

/// The schema of each key of a table; `None` when it is no table with fixed keys.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The words a string may be; empty: any string.
pub(super) fn words(schema: &Value) -> Vec<&str> {
    let list = |key: &str| schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let described = list("oneOf").iter().flat_map(words);
    let plain = list("enum").iter().chain(schema.get("const")).filter_map(Value::as_str);
    plain.chain(described).collect()
}

/// `parent.key`, or `key` at the top.
pub(super) fn dotted(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

fn list_keys(schema: &Value, path: &str, keys: &mut Vec<String>) {
    let inner = schema.get("items").filter(|items| properties(items).is_some()).unwrap_or(schema);
    match properties(inner) {
        Some(properties) => {
            let by_people = |schema: &Value| schema.get(WRITTEN_BY_CONTROLLER).is_none();
            for (key, schema) in properties.iter().filter(|(_, schema)| by_people(schema)) {
                list_keys(schema, &dotted(path, key), keys);
            }
        }
        None => keys.push(path.to_owned()),
    }
}

/// Marks a key that only the controller writes, into the plan that it ships.
const WRITTEN_BY_CONTROLLER: &str = "x-written-by-controller";

/// Takes the null alternative out of every optional key: TOML has no null.
fn remove_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(remove_null),
        Value::Object(object) => {
            object.values_mut().for_each(remove_null);
            let is_null = |value: &Value| *value == Value::Null || *value == "null";
            for key in ["type", "enum"] {
                if let Some(Value::Array(items)) = object.get_mut(key) {
                    items.retain(|item| !is_null(item));
                }
            }
            if let Some(Value::Array(types)) = object.get_mut("type")
                && types.len() == 1
                && let Some(only) = types.pop()
            {
                object.insert("type".to_owned(), only);
            }
            if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = &mut choices[..] {
                    for (key, value) in std::mem::take(only) {
                        object.entry(key).or_insert(value);
                    }
                } else {
                    object.insert("anyOf".to_owned(), Value::Array(choices));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 111] = [
        "agents.expect",
        "agents.lease_ttl",
        "agents.on_loss",
        "agents.pacing",
        "data.csv",
        "data.end",
        "data.jsonl",
        "data.name",
        "data.order",
        "data.values",
        "data.weights",
        "drain",
        "max_lateness",
        "name",
        "phase.for",
        "phase.name",
        "scenario.cookies",
        "scenario.load.arrivals",
        "scenario.load.rate.at",
        "scenario.load.rate.for",
        "scenario.load.rate.from",
        "scenario.load.rate.to",
        "scenario.load.replay.at",
        "scenario.load.replay.csv",
        "scenario.load.replay.for",
        "scenario.load.replay.format",
        "scenario.load.replay.json",
        "scenario.load.replay.keep_host",
        "scenario.load.replay.log",
        "scenario.load.replay.methods",
        "scenario.load.replay.paths",
        "scenario.load.replay.speed",
        "scenario.load.replay.status",
        "scenario.load.replay.unsafe_methods",
        "scenario.load.tries.count",
        "scenario.load.tries.users",
        "scenario.load.tries.within",
        "scenario.load.users.at",
        "scenario.load.users.for",
        "scenario.load.users.spawn",
        "scenario.load.users.to",
        "scenario.max_in_flight",
        "scenario.name",
        "scenario.on_error",
        "scenario.overload",
        "scenario.pacing",
        "scenario.phases",
        "scenario.pick",
        "scenario.start",
        "scenario.step.auth.basic.password",
        "scenario.step.auth.basic.user",
        "scenario.step.auth.bearer",
        "scenario.step.body",
        "scenario.step.expect.contains",
        "scenario.step.expect.headers",
        "scenario.step.expect.json",
        "scenario.step.expect.matches",
        "scenario.step.expect.max_size",
        "scenario.step.expect.max_time",
        "scenario.step.expect.min_size",
        "scenario.step.expect.status",
        "scenario.step.extract",
        "scenario.step.file",
        "scenario.step.form",
        "scenario.step.headers",
        "scenario.step.json",
        "scenario.step.method",
        "scenario.step.multipart.file",
        "scenario.step.multipart.filename",
        "scenario.step.multipart.name",
        "scenario.step.multipart.type",
        "scenario.step.multipart.value",
        "scenario.step.name",
        "scenario.step.path",
        "scenario.step.query",
        "scenario.step.redirects",
        "scenario.step.think",
        "scenario.step.timeout",
        "scenario.step.weight",
        "scenario.think",
        "seed",
        "target.auth.basic.password",
        "target.auth.basic.user",
        "target.auth.bearer",
        "target.base_url",
        "target.compression",
        "target.connection.max_age",
        "target.connection.max_requests",
        "target.connection.resolve",
        "target.connection.source",
        "target.connection.unix",
        "target.connection.use",
        "target.headers",
        "target.http",
        "target.identify",
        "target.redirects",
        "target.timeout",
        "target.tls.ca",
        "target.tls.cert",
        "target.tls.key",
        "target.tls.verify",
        "threshold.abort",
        "threshold.every",
        "threshold.grace",
        "threshold.limit",
        "threshold.metric",
        "threshold.min_samples",
        "threshold.phase",
        "threshold.status",
        "threshold.step",
        "threshold.window",
    ];

    #[test]
    fn every_key_is_listed_once() {
        assert_eq!(keys(), KEYS);
    }

    #[test]
    fn every_key_is_described_and_none_may_be_null() {
        fn walk(schema: &Value, path: &str) {
            for (key, schema) in properties(schema).into_iter().flatten() {
                let path = dotted(path, key);
                assert!(schema.get("description").is_some(), "{path} has no description");
                assert!(schema.get("type").is_none_or(Value::is_string), "{path}: {schema}");
                assert!(schema.get("anyOf").is_none() && schema.get("$ref").is_none(), "{path}: {schema}");
                walk(schema.get("items").unwrap_or(schema), &path);
            }
        }
        walk(&schema(), "");
        assert!(!schema().to_string().contains("null"));
    }
}
