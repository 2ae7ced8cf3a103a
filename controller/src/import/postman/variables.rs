//! The variables of a collection: what the file knows is filled in, what a script keeps becomes a template, the rest
//! comes from the agents' environment.

use crate::import::notes::Notes;
use crate::import::secrets::{Secrets, is_credential, variable};
use crate::import::value::{Piece, Value, identifier};
use postman_collection::v2_1_0 as v2;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of variables.
#[derive(Debug, Default)]
pub(super) struct Variables {
    defined: BTreeMap<String, String>,
    extracted: BTreeSet<String>,
    /// Path variables of the request that is being read, `:id`.
    in_path: BTreeMap<String, String>,
    unknown: BTreeSet<String>,
    in_paths: BTreeSet<String>,
    dynamic: BTreeSet<String>,
    pub(super) secrets: Secrets,
}

impl Variables {
    /// Nothing is known yet; credentials go to `secrets`.
    pub(super) fn with(secrets: Secrets) -> Self {
        Self { secrets, ..Self::default() }
    }

    /// Takes over the values that the file holds.
    pub(super) fn define(&mut self, variables: &[v2::Variable]) {
        for own in variables.iter().filter(|own| own.disabled != Some(true)) {
            let name = own.key.as_ref().or(own.id.as_ref());
            if let (Some(name), Some(value)) = (name, own.value.as_ref().and_then(text)) {
                self.defined.insert(name.clone(), value);
            }
        }
    }

    /// A script keeps a value of an answer under this name.
    pub(super) fn extracted(&mut self, name: &str) {
        self.extracted.insert(name.to_owned());
    }

    /// Forgets the path variables of the request before.
    pub(super) fn next_request(&mut self) {
        self.in_path.clear();
    }

    /// `:key` in a path.
    pub(super) fn path_variable(&mut self, own: &v2::Variable) {
        if let (Some(key), Some(value)) = (&own.key, own.value.as_ref().and_then(text)) {
            self.in_path.insert(key.clone(), value);
        }
    }

    /// The text with the values that the file holds; what it does not hold stays as it is.
    pub(super) fn literal(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for _ in 0..DEPTH_MAX {
            let before = filled.clone();
            for (name, value) in &self.defined {
                if !self.extracted.contains(name) && !is_credential(name) {
                    filled = filled.replace(&format!("{{{{{name}}}}}"), value);
                }
            }
            if filled == before {
                break;
            }
        }
        filled
    }

    /// The text as a plan sends it.
    pub(super) fn fill(&mut self, text: &str) -> Value {
        self.filled(&self.literal(text), |own, name| {
            own.unknown.insert(name.to_owned());
            let variable = variable(name);
            own.secrets.refer(&variable, &format!("the variable {name}"));
            Piece::Secret(variable)
        })
    }

    /// The same for a path, which is no place for references.
    pub(super) fn fill_path(&mut self, path: &str, legal: fn(&str) -> String) -> Value {
        let segments: Vec<String> = path.split('/').map(|segment| self.segment(segment)).collect();
        let filled = self.filled(&self.literal(&segments.join("/")), |own, name| {
            own.in_paths.insert(name.to_owned());
            Piece::Text(name.to_owned())
        });
        filled.map_text(|text| Value::text(legal(text)))
    }

    fn segment(&mut self, segment: &str) -> String {
        let Some(key) = segment.strip_prefix(':').filter(|key| !key.is_empty()) else {
            return segment.to_owned();
        };
        match self.in_path.get(key).filter(|value| !value.is_empty()) {
            Some(value) => value.clone(),
            None => format!("{{{{{key}}}}}"),
        }
    }

    fn filled(&mut self, text: &str, unknown: fn(&mut Self, &str) -> Piece) -> Value {
        let mut value = Value::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}").filter(|(name, _)| is_name(name)) else {
                value.push_text(before);
                value.push_text("{{");
                rest = after;
                continue;
            };
            value.push_text(before);
            let piece = match dynamic(name) {
                Some(expression) => Piece::Expression(expression.to_owned()),
                None if name.starts_with('$') => {
                    self.dynamic.insert(name.to_owned());
                    Piece::Expression("word()".into())
                }
                None if self.extracted.contains(name) => Piece::Expression(identifier(name)),
                None if self.defined.get(name).is_some_and(|value| !value.is_empty()) => {
                    // Only credentials are left by now.
                    let held = Value::text(&self.defined[name]);
                    let mut secret = self.secrets.hide(name, &held, &format!("the variable {name}"));
                    value.append(std::mem::take(&mut secret));
                    Piece::Text(String::new())
                }
                None => unknown(self, name),
            };
            value.push(piece);
            rest = after;
        }
        value.push_text(rest);
        value
    }

    /// Says what a person must know of the variables.
    pub(super) fn tell(&self, notes: &mut Notes) {
        for name in &self.unknown {
            notes.look_at("variables that the collection does not hold are taken from the environment", name);
        }
        for name in &self.in_paths {
            notes.look_at("paths with variables that the collection does not hold: write their values", name);
        }
        for name in &self.dynamic {
            notes.look_at("dynamic variables without a function of their own: a word is sent", name);
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.$ ".contains(c);
    !name.trim().is_empty() && name.len() <= 100 && name.chars().all(is_part)
}

fn text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(json.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What our templates call Postman's dynamic variables.
fn dynamic(name: &str) -> Option<&'static str> {
    Some(match name {
        "$guid" | "$randomUUID" => "uuid()",
        "$randomInt" => "uniform(0, 1000)",
        "$randomEmail" | "$randomExampleEmail" => "email()",
        "$randomFirstName" | "$randomLastName" | "$randomFullName" | "$randomUserName" => "name()",
        "$randomWord" | "$randomNoun" | "$randomVerb" | "$randomAdjective" => "word()",
        "$randomWords" | "$randomLoremSentence" => "sentence()",
        "$randomBoolean" => "uniform(0, 1) == 1",
        _ => return None,
    })
}

/// Variables that hold variables.
const DEPTH_MAX: usize = 8;
