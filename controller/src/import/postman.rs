//! Collections of Postman, version 2.1.

mod scripts;
mod variables;

use super::found::{Auth, Body, Content, Extract, Findings, Found, Part};
use super::notes::Notes;
use super::parts::{legal_path, split_url};
use super::secrets::Secrets;
use postman_collection::v2_1_0 as v2;
use serde_json::Value as Json;
use variables::Variables;

/// The requests of a collection, one after the other.
pub(super) fn read(text: &str, secrets: &mut Secrets, notes: &mut Notes) -> Result<Findings, String> {
    let spec = collection(text)?;
    let mut reading =
        Reading { variables: Variables::with(std::mem::take(secrets)), notes, findings: Findings::default() };
    reading.variables.define(spec.variable.as_deref().unwrap_or_default());
    reading.learn(spec.event.as_deref().unwrap_or_default());
    for item in &spec.item {
        reading.announce(item);
    }
    reading.items(&spec.item, "", spec.auth.as_ref());
    let Reading { variables, notes, mut findings } = reading;
    variables.tell(notes);
    *secrets = variables.secrets;
    findings.cookies = true;
    if findings.requests.is_empty() {
        return Err("there is no request in it".into());
    }
    Ok(findings)
}

/// Types of variables that the crate does not know are of no matter here.
fn collection(text: &str) -> Result<v2::Spec, String> {
    let mut json: Json = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("not JSON: {error}"))?;
    // What the API hands out is wrapped.
    if let Some(inner) = json.get_mut("collection") {
        json = inner.take();
    }
    untype(&mut json);
    let schema = json.pointer("/info/schema").and_then(Json::as_str).unwrap_or_default();
    if !schema.contains("/v2.1") {
        return Err(format!(
            "not a collection of version 2.1 (info.schema is {schema:?}): export it as v2.1"
        ));
    }
    serde_json::from_value(json).map_err(|error| format!("not a collection: {error}"))
}

/// Takes the types off variables, at every depth.
fn untype(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            if let Some(Json::Array(variables)) = fields.get_mut("variable") {
                variables.iter_mut().filter_map(Json::as_object_mut).for_each(|own| drop(own.remove("type")));
            }
            fields.values_mut().for_each(untype);
        }
        Json::Array(items) => items.iter_mut().for_each(untype),
        _ => {}
    }
}

struct Reading<'a> {
    variables: Variables,
    notes: &'a mut Notes,
    findings: Findings,
}

impl Reading<'_> {
    /// Variables that a script takes from an answer are there for every request behind it.
    fn announce(&mut self, item: &v2::Items) {
        match item {
            v2::Items::Item(item) => {
                for (name, _) in scripts::extracts(item.event.as_deref().unwrap_or_default()) {
                    self.variables.extracted(&name);
                }
            }
            v2::Items::ItemGroup(group) => {
                self.variables.define(group.variable.as_deref().unwrap_or_default());
                group.item.iter().for_each(|item| self.announce(item));
            }
        }
    }

    fn learn(&mut self, events: &[v2::Event]) {
        let has_code = |event: &&v2::Event| !scripts::code(event).trim().is_empty();
        for event in events.iter().filter(has_code) {
            self.notes.left_out(format!("scripts of the collection or a folder ({})", event.listen), "");
        }
    }

    fn items(&mut self, items: &[v2::Items], folder: &str, auth: Option<&v2::Auth>) {
        for item in items {
            match item {
                v2::Items::Item(item) => self.item(item, folder, auth),
                v2::Items::ItemGroup(group) => {
                    self.learn(group.event.as_deref().unwrap_or_default());
                    let name = group.name.as_deref().unwrap_or_default();
                    let inner =
                        if folder.is_empty() { name.to_owned() } else { format!("{folder} / {name}") };
                    self.items(&group.item, &inner, group.auth.as_ref().or(auth));
                }
            }
        }
    }

    fn item(&mut self, item: &v2::Item, folder: &str, auth: Option<&v2::Auth>) {
        let name = item.name.clone().unwrap_or_else(|| "request".into());
        let place = if folder.is_empty() { name } else { format!("{folder} / {name}") };
        self.variables.define(item.variable.as_deref().unwrap_or_default());
        let request = match &item.request {
            v2::RequestUnion::RequestClass(request) => request,
            v2::RequestUnion::String(_) => {
                return self.notes.left_out("a request that is only a URL", &place);
            }
        };
        let mut found = match self.url(request.url.as_ref(), &place) {
            Ok(found) => found,
            Err(why) => return self.notes.left_out(why, &place),
        };
        found.place.clone_from(&place);
        found.name = Some(place.clone());
        found.method = request.method.clone().unwrap_or_else(|| "GET".into()).to_ascii_uppercase();
        if let Some(v2::HeaderUnion::HeaderArray(headers)) = &request.header {
            for header in headers.iter().filter(|header| header.disabled != Some(true)) {
                found.headers.push((header.key.clone(), self.variables.fill(&header.value)));
            }
        }
        if let Some(body) = request.body.as_ref().filter(|body| body.disabled != Some(true)) {
            found.body = self.body(body, &place);
        }
        self.authenticate(request.auth.as_ref().or(auth), &mut found);
        let events = item.event.as_deref().unwrap_or_default();
        found.status = scripts::statuses(events);
        found.extract =
            scripts::extracts(events).into_iter().map(|(name, path)| (name, Extract::Json(path))).collect();
        if scripts::hold_more(events) {
            self.notes.left_out("what scripts do besides expecting a status and keeping a value", &place);
        }
        self.findings.requests.push(found);
    }

    fn url(&mut self, url: Option<&v2::Url>, place: &str) -> Result<Found, String> {
        let (raw, class) = match url {
            Some(v2::Url::String(raw)) => (raw.clone(), None),
            Some(v2::Url::UrlClass(class)) => (class.raw.clone().unwrap_or_default(), Some(class)),
            None => return Err("a request without a URL".into()),
        };
        self.variables.next_request();
        for variable in class.and_then(|class| class.variable.as_deref()).unwrap_or_default() {
            self.variables.path_variable(variable);
        }
        let (before_query, query) = raw.split_once('?').unwrap_or((&raw, ""));
        let query = query.split('#').next().unwrap_or_default();
        // `{{base}}/users/:id`: the origin must be known, what follows may be made anew each time.
        let literal = self.variables.literal(before_query);
        let (origin, path) = split_origin(&literal);
        let mut found = match origin {
            Some(origin) => split_url(&origin)?.0,
            None => Found::default(),
        };
        let mut base = found.path.literal().unwrap_or_default().trim_end_matches('/').to_owned();
        base.push_str(&path);
        found.path = self.variables.fill_path(&base, legal_path);
        found.query = match class.and_then(|class| class.query.as_deref()) {
            Some(params) => {
                let on = params.iter().filter(|param| param.disabled != Some(true));
                on.map(|param| {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    (text(&param.key), self.variables.fill(&text(&param.value)))
                })
                .collect()
            }
            None => {
                let pairs = query.split('&').filter(|pair| !pair.is_empty());
                let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                split.map(|(name, value)| (name.to_owned(), self.variables.fill(value))).collect()
            }
        };
        if found.origin.is_empty() {
            self.notes.look_at(
                "the host comes from a variable that the collection does not hold: give --base-url",
                place,
            );
        }
        Ok(found)
    }

    fn body(&mut self, body: &v2::Body, place: &str) -> Body {
        let on = |disabled: Option<bool>| disabled != Some(true);
        match body.mode {
            Some(v2::Mode::Raw) => {
                let text = body.raw.clone().unwrap_or_default();
                let language =
                    body.options.as_ref().and_then(|own| own.pointer("/raw/language")).and_then(Json::as_str);
                if text.is_empty() {
                    return Body::None;
                }
                let filled = self.variables.fill(&text);
                if language == Some("json") { Body::Json(filled) } else { Body::Text(filled) }
            }
            Some(v2::Mode::Urlencoded) => {
                let fields = body.urlencoded.iter().flatten().filter(|field| on(field.disabled));
                let fill = |field: &v2::UrlEncodedParameter| {
                    (field.key.clone(), self.variables.fill(field.value.as_deref().unwrap_or_default()))
                };
                Body::Form(fields.map(fill).collect())
            }
            Some(v2::Mode::Formdata) => {
                let fields = body.formdata.iter().flatten().filter(|field| on(field.disabled));
                Body::Multipart(fields.map(|field| self.part(field)).collect())
            }
            Some(v2::Mode::File) => match body.file.as_ref().and_then(|file| file.src.clone()) {
                Some(path) => Body::File(path),
                None => Body::None,
            },
            _ if body.graphql.is_some() => self.graphql(body.graphql.as_ref()),
            _ => {
                self.notes.left_out("a body of a kind that plans do not know", place);
                Body::None
            }
        }
    }

    fn part(&mut self, field: &v2::FormParameter) -> Part {
        let file = match &field.src {
            Some(v2::FormParameterSrcUnion::File(path)) => Some(path.clone()),
            Some(v2::FormParameterSrcUnion::Files(paths)) => paths.first().cloned(),
            None => None,
        };
        let (content, filename) = match file {
            Some(path) => {
                let filename = path.rsplit('/').next().unwrap_or(&path).to_owned();
                (Content::File(path), Some(filename))
            }
            None => (Content::Value(self.variables.fill(field.value.as_deref().unwrap_or_default())), None),
        };
        Part { name: field.key.clone(), content, filename, media_type: field.content_type.clone() }
    }

    /// GraphQL over HTTP is JSON with a query and its variables.
    fn graphql(&mut self, graphql: Option<&Json>) -> Body {
        let text =
            |key: &str| graphql.and_then(|own| own.get(key)).and_then(Json::as_str).unwrap_or_default();
        let query = Json::from(text("query"));
        let variables = serde_json::from_str::<Json>(text("variables"))
            .unwrap_or_else(|_| Json::Object(Default::default()));
        Body::Json(self.variables.fill(&format!("{{\"query\": {query}, \"variables\": {variables}}}")))
    }

    fn authenticate(&mut self, auth: Option<&v2::Auth>, found: &mut Found) {
        let Some(auth) = auth else { return };
        let place = found.place.clone();
        let attribute = |list: &Option<Vec<v2::AuthAttribute>>, key: &str| {
            let own = list.iter().flatten().find(|own| own.key == key).and_then(|own| own.value.as_ref());
            own.and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        match auth.auth_type {
            v2::AuthType::Noauth => {}
            v2::AuthType::Basic => {
                let user = self.variables.fill(&attribute(&auth.basic, "username"));
                let password = self.variables.fill(&attribute(&auth.basic, "password"));
                found.auth = Some(Auth::Basic { user, password });
            }
            v2::AuthType::Bearer => {
                found.auth = Some(Auth::Bearer(self.variables.fill(&attribute(&auth.bearer, "token"))))
            }
            v2::AuthType::Apikey => {
                let (key, value) = (attribute(&auth.api_key, "key"), attribute(&auth.api_key, "value"));
                let value = self.variables.fill(&value);
                // Whatever it is called, it is a credential.
                let value = self.variables.secrets.hide(&key, &value, &format!("API key {key}"));
                match attribute(&auth.api_key, "in").as_str() {
                    "query" => found.query.push((key, value)),
                    _ => found.headers.push((key, value)),
                }
            }
            _ => self.notes.left_out(format!("authentication of the kind {:?}", auth.auth_type), &place),
        }
    }
}

/// The origin of a URL, and what follows it.
fn split_origin(url: &str) -> (Option<String>, String) {
    if url.starts_with("{{") {
        let rest = url.find("}}").map_or("", |end| &url[end + 2..]);
        return (None, with_slash(rest));
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains("{{") {
        return (None, with_slash(path));
    }
    (Some(format!("{scheme}://{authority}")), with_slash(path))
}

fn with_slash(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
