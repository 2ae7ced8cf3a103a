//! From what was found to what a plan holds: one target, headers that mean something, no credentials.

use super::found::{Body, Extract, Findings, Found, Target};
use super::notes::Notes;
use super::secrets::Secrets;
use super::value::Value;
use common::plan::{Method, headers};
use std::collections::BTreeMap;

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) base_url: String,
    pub(super) target: Target,
    /// Headers of every request.
    pub(super) headers: Vec<(String, Value)>,
    pub(super) weighted: bool,
    pub(super) cookies: bool,
    pub(super) steps: Vec<Found>,
    /// Lists that templates choose from, by name.
    pub(super) data: Vec<(String, Vec<serde_json::Value>)>,
}

/// Brings the requests of a file into the form of a plan named `name`.
pub(super) fn assemble(
    name: &str,
    base_url: Option<&str>,
    findings: Findings,
    (secrets, notes): (&mut Secrets, &mut Notes),
) -> Result<Draft, String> {
    let Findings { requests, weighted, mut target, data, cookies } = findings;
    let origin = base_url.is_none().then(|| busiest(&requests)).flatten();
    let mut steps = Vec::new();
    for mut found in requests {
        if let Some(origin) =
            origin.as_ref().filter(|origin| !found.origin.is_empty() && **origin != found.origin)
        {
            notes.left_out(format!("requests to another host than {origin}"), &found.origin);
            continue;
        }
        if Method::named(found.method.as_bytes()).is_none() {
            notes.left_out(format!("requests with the method {}", found.method), &found.place);
            continue;
        }
        if found.method == "HEAD" && found.body != Body::None {
            notes.left_out("the body of a HEAD request", &found.place);
            found.body = Body::None;
        }
        let place = found.place.clone();
        found.headers.retain_mut(|header| keep_header(header, &place, &mut target, notes));
        drop_implied(&mut found);
        join_headers(&mut found.headers);
        secrets.take(&mut found);
        if matches!(&found.body, Body::Text(text) if !text.to_plan().trim_start().starts_with(['{', '['])) {
            notes.look_at(
                "bodies that are neither JSON nor forms: see whether there are credentials in them",
                &place,
            );
        }
        steps.push(found);
    }
    if steps.is_empty() {
        return Err("nothing in it can be asked of a target".into());
    }
    let base_url = base_url.map(str::to_owned).or(origin).unwrap_or_else(|| {
        notes.look_at(
            format!("the target is not named in the file: it is {PLACEHOLDER}; give --base-url URL"),
            "",
        );
        PLACEHOLDER.to_owned()
    });
    let headers = hoist(&mut steps);
    only_used(&mut steps);
    Ok(Draft { name: name.to_owned(), base_url, target, headers, weighted, cookies, steps, data })
}

/// The origin of most requests; the first of equals.
fn busiest(requests: &[Found]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for found in requests.iter().filter(|found| !found.origin.is_empty()) {
        *counts.entry(&found.origin).or_default() += 1;
    }
    let most = counts.values().max()?;
    let is_busiest = |found: &&Found| counts.get(found.origin.as_str()) == Some(most);
    requests.iter().find(is_busiest).map(|found| found.origin.clone())
}

/// Whether a header is sent; its name is made lower-case.
fn keep_header(
    (name, value): &mut (String, Value),
    place: &str,
    target: &mut Target,
    notes: &mut Notes,
) -> bool {
    name.make_ascii_lowercase();
    let name = name.as_str();
    if headers::is_clients_own(name) || CLIENTS.contains(&name) || name.starts_with(':') {
        return false;
    }
    if name == "accept-encoding" {
        target.compression |=
            value.literal().is_some_and(|value| value.contains("gzip") || value.contains("br"));
        return false;
    }
    if BROWSERS.contains(&name) || name.starts_with("sec-") {
        notes.left_out(format!("header {name}: browsers write it"), place);
        return false;
    }
    if CONDITIONS.contains(&name) {
        notes.left_out(format!("header {name}: the answer would depend on an earlier one"), place);
        return false;
    }
    let literal = value.literal().map(str::trim).map(str::to_owned);
    if !headers::is_name(name) || !literal.as_deref().is_none_or(headers::is_value) {
        notes.left_out(format!("header {}: not printable ASCII", name.escape_default()), place);
        return false;
    }
    if let Some(literal) = literal {
        *value = Value::text(literal);
    }
    true
}

/// The content type that the body's own form says already.
fn drop_implied(found: &mut Found) {
    let implied = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        match found.body {
            Body::Json(_) => kind == "application/json",
            Body::Form(_) => kind.starts_with("application/x-www-form-urlencoded"),
            // The boundary is made anew.
            Body::Multipart(_) => kind.starts_with("multipart/form-data"),
            Body::None | Body::Text(_) | Body::File(_) => false,
        }
    };
    found.headers.retain(|(name, value)| name != "content-type" || !value.literal().is_some_and(implied));
    if found.auth.is_some() {
        found.headers.retain(|(name, _)| name != "authorization");
    }
}

/// A name stands in a plan once: values of the same name are joined as HTTP allows it.
fn join_headers(headers: &mut Vec<(String, Value)>) {
    let mut joined: Vec<(String, Value)> = Vec::new();
    for (name, value) in headers.drain(..) {
        match joined.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => {
                own.push_text(if name == "cookie" { "; " } else { ", " });
                own.append(value);
            }
            None => joined.push((name, value)),
        }
    }
    *headers = joined;
}

/// Takes the headers that all steps share out of them.
fn hoist(steps: &mut [Found]) -> Vec<(String, Value)> {
    let [first, others @ ..] = &*steps else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    // Credentials stay with the requests that need them, where a template may fill them in.
    let is_shared = |header: &&(String, Value)| others.iter().all(|other| other.headers.contains(header));
    let shared: Vec<(String, Value)> = first.headers.iter().filter(is_shared).cloned().collect();
    steps.iter_mut().for_each(|step| step.headers.retain(|header| !shared.contains(header)));
    shared
}

/// Extracts that no later step uses are not worth a failure.
fn only_used(steps: &mut [Found]) {
    for n in 0..steps.len() {
        let extracts: Vec<(String, Extract)> = std::mem::take(&mut steps[n].extract);
        let is_used = |(name, _): &(String, Extract)| steps[n + 1..].iter().any(|step| uses(step, name));
        let used = extracts.into_iter().filter(is_used).collect();
        steps[n].extract = used;
    }
}

fn uses(step: &Found, variable: &str) -> bool {
    let text = format!("{:?}", (&step.path, &step.query, &step.headers, &step.body, &step.auth));
    text.contains(&format!("Expression({variable:?})"))
}

/// Where nothing else is said.
const PLACEHOLDER: &str = "http://127.0.0.1:8080";
/// Written by our client for each request, beside those that a plan may not name.
const CLIENTS: [&str; 2] = ["host", "expect"];
/// What browsers say about themselves, and no service should depend on.
const BROWSERS: [&str; 8] = [
    "upgrade-insecure-requests",
    "dnt",
    "priority",
    "pragma",
    "cache-control",
    "purpose",
    "x-client-data",
    "postman-token",
];
const CONDITIONS: [&str; 6] =
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"];
