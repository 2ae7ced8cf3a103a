//! Descriptions of APIs: OpenAPI 3.0 and 3.1, in JSON or YAML.
//!
//! Both versions are read by one walker over the plain document. What differs between them (types as a list, examples
//! as a list, limits as numbers) is told apart where it stands, and a document that breaks some other rule of the
//! specification is still good for a plan.

mod shape;
mod security;

use super::found::{Body, Content, Findings, Found, Part};
use super::notes::Notes;
use super::parts::{legal_path, split_url};
use super::secrets::Secrets;
use super::value::{Piece, Value};
use common::plan::Method;
use serde_json::{Map, Value as Json};
use shape::Shapes;

/// One request for each operation, drawn by weight.
pub(super) fn read(text: &str, secrets: &mut Secrets, notes: &mut Notes) -> Result<Findings, String> {
    let document = parse(text)?;
    let shapes = Shapes::new(&document);
    let (origin, base) = server(&document, notes);
    let mut findings = Findings { weighted: true, ..Findings::default() };
    for (path, item) in document.get("paths").and_then(Json::as_object).into_iter().flatten() {
        let item = shapes.resolve(item);
        for method in Method::ALL.map(|method| method.as_str().to_ascii_lowercase()) {
            let Some(operation) = item.get(&method) else { continue };
            let mut reading = Reading { document: &document, shapes: &shapes, secrets, notes };
            let mut found = reading.operation(&format!("{base}{path}"), &method, item, operation);
            found.origin.clone_from(&origin);
            findings.requests.push(found);
        }
        if item.get("trace").is_some() {
            notes.left_out("operations with the method TRACE", path);
        }
    }
    findings.data = shapes.into_data();
    if findings.requests.is_empty() {
        return Err("there is no operation in it (`paths` is empty)".into());
    }
    Ok(findings)
}

fn parse(text: &str) -> Result<Json, String> {
    let text = text.trim_start_matches('\u{feff}');
    let document: Json = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?
    } else {
        serde_saphyr::from_str(text).map_err(|error| format!("not YAML: {error}"))?
    };
    let version = document.get("openapi").and_then(Json::as_str).unwrap_or_default();
    if version.starts_with("3.0") || version.starts_with("3.1") {
        return Ok(document);
    }
    Err(match document.get("swagger").and_then(Json::as_str) {
        Some(old) => format!("this is Swagger {old}: convert it to OpenAPI 3 first"),
        None => format!("not an OpenAPI document of version 3.0 or 3.1 (`openapi` is {version:?})"),
    })
}

/// The origin and the path prefix of the first server.
fn server(document: &Json, notes: &mut Notes) -> (String, String) {
    let servers = document.get("servers").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for other in servers.iter().skip(1).filter_map(|own| own.get("url")).filter_map(Json::as_str) {
        notes.left_out("further servers (choose one with --base-url)", other);
    }
    let Some(first) = servers.first() else { return Default::default() };
    let mut url = first.get("url").and_then(Json::as_str).unwrap_or_default().to_owned();
    for (name, variable) in first.get("variables").and_then(Json::as_object).into_iter().flatten() {
        let default = variable.get("default").and_then(Json::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    match split_url(&url) {
        Ok((found, _)) => {
            let path = found.path.literal().unwrap_or_default().trim_end_matches('/').to_owned();
            (found.origin, path)
        }
        Err(_) => (String::new(), legal_path(url.trim_end_matches('/'))),
    }
}

struct Reading<'a> {
    document: &'a Json,
    shapes: &'a Shapes<'a>,
    secrets: &'a mut Secrets,
    notes: &'a mut Notes,
}

impl Reading<'_> {
    fn operation(&mut self, path: &str, method: &str, item: &Json, operation: &Json) -> Found {
        let method = method.to_ascii_uppercase();
        let place = format!("{method} {path}");
        let id = operation.get("operationId").and_then(Json::as_str);
        let mut found = Found {
            name: Some(id.map_or_else(|| place.clone(), str::to_owned)),
            method,
            place,
            ..Found::default()
        };
        let mut in_path = Map::new();
        for parameter in self.parameters(item, operation) {
            self.parameter(parameter, &mut found, &mut in_path);
        }
        found.path = self.path(path, &in_path);
        if let Some(body) = operation.get("requestBody") {
            found.body = self.body(self.shapes.resolve(body), &mut found);
        }
        found.status = statuses(operation);
        security::apply(self.document, operation, &mut found, (self.secrets, self.notes));
        found
    }

    /// The operation's parameters, and those of its path that it does not name again.
    fn parameters<'b>(&self, item: &'b Json, operation: &'b Json) -> Vec<&'b Json>
    where
        Self: 'b,
    {
        let list = |of: &'b Json| of.get("parameters").and_then(Json::as_array).into_iter().flatten();
        let mut parameters: Vec<&Json> = Vec::new();
        for parameter in list(operation).chain(list(item)) {
            let resolved = self.shapes.resolve(parameter);
            let is_same = |own: &&Json| {
                let own = self.shapes.resolve(own);
                own.get("name") == resolved.get("name") && own.get("in") == resolved.get("in")
            };
            if !parameters.iter().any(is_same) {
                parameters.push(parameter);
            }
        }
        parameters
    }

    fn parameter(&mut self, parameter: &Json, found: &mut Found, in_path: &mut Map<String, Json>) {
        let parameter = self.shapes.resolve(parameter);
        let text = |key: &str| parameter.get(key).and_then(Json::as_str).unwrap_or_default();
        let (name, place) = (text("name").to_owned(), text("in"));
        let has_example = ["example", "examples"].iter().any(|key| parameter.get(key).is_some());
        let schema = parameter.get("schema").map(|schema| self.shapes.resolve(schema));
        let has_example = has_example || schema.is_some_and(|schema| schema.get("example").is_some());
        if place == "path" {
            in_path.insert(name, parameter.clone());
            return;
        }
        if parameter.get("required") != Some(&Json::Bool(true)) && !has_example {
            self.notes
                .left_out("optional parameters without an example", &format!("{}: {name}", found.place));
            return;
        }
        let value = self.shapes.plain(parameter, &name);
        match place {
            "query" => found.query.push((name, value)),
            "header"
                if ["accept", "content-type", "authorization"].contains(&&*name.to_ascii_lowercase()) => {}
            "header" => found.headers.push((name, value)),
            "cookie" => {
                let mut cookie = Value::text(format!("{name}="));
                cookie.append(value);
                found.headers.push(("cookie".into(), cookie));
            }
            _ => self.notes.left_out("parameters in an unknown place", &found.place),
        }
    }

    /// The path with what stands for its `{parameters}`.
    fn path(&self, path: &str, in_path: &Map<String, Json>) -> Value {
        let mut filled = Value::default();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            filled.push_text(&legal_path(before));
            let parameter = in_path.get(name).cloned().unwrap_or(Json::Null);
            filled.append(self.shapes.plain(&parameter, name).map_text(|text| Value::text(legal_path(text))));
            rest = after;
        }
        filled.push_text(&legal_path(rest));
        filled
    }

    fn body(&mut self, body: &Json, found: &mut Found) -> Body {
        let Some(content) = body.get("content").and_then(Json::as_object) else { return Body::None };
        let is_json = |kind: &str| kind.starts_with("application/json") || kind.contains("+json");
        let prefer = |kind: &&String| match kind.as_str() {
            kind if is_json(kind) => 0,
            "application/x-www-form-urlencoded" => 1,
            "multipart/form-data" => 2,
            _ => 3,
        };
        let Some(kind) = content.keys().min_by_key(prefer) else { return Body::None };
        for other in content.keys().filter(|other| *other != kind) {
            self.notes.left_out("further kinds of bodies", &format!("{}: {other}", found.place));
        }
        let media = &content[kind];
        if is_json(kind) {
            if !kind.starts_with("application/json") {
                found.headers.push(("content-type".into(), Value::text(kind)));
            }
            return Body::Json(self.shapes.json(media));
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Body::Form(self.shapes.fields(media)),
            "multipart/form-data" => {
                let part = |(name, value)| Part {
                    name,
                    content: Content::Value(value),
                    filename: None,
                    media_type: None,
                };
                Body::Multipart(self.shapes.fields(media).into_iter().map(part).collect())
            }
            kind => {
                found.headers.push(("content-type".into(), Value::text(kind)));
                self.notes.look_at(
                    "bodies that are neither JSON nor forms: the content is a beginning",
                    &found.place,
                );
                let mut value = self.shapes.plain(media, "body");
                if value.is_empty() {
                    value.push(Piece::Expression("sentence()".into()));
                }
                Body::Text(value)
            }
        }
    }
}

/// The good statuses that the operation names, if it names them one by one.
fn statuses(operation: &Json) -> Vec<u16> {
    let responses = operation.get("responses").and_then(Json::as_object);
    let codes = responses.into_iter().flatten().filter_map(|(code, _)| code.parse::<u16>().ok());
    let mut good: Vec<u16> = codes.filter(|code| (200..400).contains(code)).collect();
    good.sort_unstable();
    good
}
