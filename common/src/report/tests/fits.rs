//! Whether a value fits a JSON Schema, of which it knows the words that our schemas use and no others.

use serde_json::{Map, Value};

/// Where `value` does not fit `schema`, and why.
pub(crate) fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Walk { root: schema }.check(schema, value, "", &mut found);
    found
}

struct Walk<'a> {
    root: &'a Value,
}

impl Walk<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        match schema {
            Value::Bool(true) => {}
            Value::Object(words) => {
                for (word, rule) in words {
                    self.check_word(words, (word, rule), (value, at), found);
                }
            }
            _ => found.push(format!("{at}: nothing fits here")),
        }
    }

    fn check_word(
        &self,
        words: &Map<String, Value>,
        (word, rule): (&str, &Value),
        (value, at): (&Value, &str),
        found: &mut Vec<String>,
    ) {
        let list = || rule.as_array().unwrap().iter();
        let fields = || value.as_object().into_iter().flatten();
        let fits = match word {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
            "$ref" => {
                let place = rule.as_str().unwrap().strip_prefix('#').unwrap();
                self.check(self.root.pointer(place).unwrap(), value, at, found);
                true
            }
            "anyOf" => self.fitting(rule, value) > 0,
            "oneOf" => self.fitting(rule, value) == 1,
            "const" => value == rule,
            "enum" => list().any(|own| own == value),
            "type" => {
                std::iter::once(rule).chain(rule.as_array().into_iter().flatten()).any(|name| is(name, value))
            }
            "minimum" => value.as_f64().is_none_or(|own| own >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|own| own <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|own| own.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|own| own.len() as u64 <= rule.as_u64().unwrap()),
            "prefixItems" => {
                for (n, (item, rule)) in value.as_array().into_iter().flatten().zip(list()).enumerate() {
                    self.check(rule, item, &format!("{at}/{n}"), found);
                }
                true
            }
            "required" => {
                let lacks = |name: &&Value| value.is_object() && value.get(name.as_str().unwrap()).is_none();
                found.extend(list().filter(lacks).map(|name| format!("{at}: {name} is not there")));
                true
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(rule, item, &format!("{at}/{n}"), found);
                }
                true
            }
            "properties" | "patternProperties" | "additionalProperties" => {
                for (name, field) in fields() {
                    if let Some(rule) = rule_of(words, word, name) {
                        self.check(rule, field, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            _ => panic!("the word {word} of a schema is not known here"),
        };
        if !fits {
            found.push(format!("{at}: {value} does not fit {word} {rule}"));
        }
    }

    /// How many of these schemas fit.
    fn fitting(&self, schemas: &Value, value: &Value) -> usize {
        let fits = |schema: &&Value| {
            let mut found = Vec::new();
            self.check(schema, value, "", &mut found);
            found.is_empty()
        };
        schemas.as_array().unwrap().iter().filter(fits).count()
    }
}

/// The schema that this word has for a field, if the field is its business.
fn rule_of<'a>(words: &'a Map<String, Value>, word: &str, name: &str) -> Option<&'a Value> {
    let property = words.get("properties").and_then(|rules| rules.get(name));
    let patterns = words.get("patternProperties").and_then(Value::as_object);
    let matches = |pattern: &str| regex::Regex::new(pattern).unwrap().is_match(name);
    let pattern = patterns.and_then(|rules| rules.iter().find(|(own, _)| matches(own))).map(|(_, rule)| rule);
    match word {
        "properties" => property,
        "patternProperties" => pattern,
        _ => words.get(word).filter(|_| property.is_none() && pattern.is_none()),
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        _ => false,
    }
}
