//! A draft as the text of a plan file, for people to go on with.

use super::assemble::Draft;
use super::found::{Auth, Body, Content, Extract, Found, Part};
use super::parts::encode_query;
use super::value::Value;
use std::time::Duration;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// The text of the plan; `from` says where it comes from.
pub(super) fn plan(draft: &Draft, from: &str) -> String {
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    root.insert("name", value(&draft.name));
    if let Some(mut key) = root.key_mut("name") {
        key.leaf_decor_mut().set_prefix(format!(
            "# Imported from {from}. The load is a beginning: say how much, and for how long.\n"
        ));
    }
    root.insert("target", Item::Table(target(draft)));
    let mut scenarios = ArrayOfTables::new();
    let chunks = draft.steps.chunks(STEPS_MAX);
    let several = chunks.len() > 1;
    for (n, steps) in chunks.enumerate() {
        let name = slug(&draft.name);
        scenarios.push(scenario(&if several { format!("{name}-{}", n + 1) } else { name }, draft, steps));
    }
    root.insert("scenario", Item::ArrayOfTables(scenarios));
    if !draft.data.is_empty() {
        root.insert("data", Item::ArrayOfTables(draft.data.iter().map(list).collect()));
    }
    document.to_string()
}

fn target(draft: &Draft) -> Table {
    let mut table = Table::new();
    let own = &draft.target;
    table.insert("base_url", value(&draft.base_url));
    if own.http2 {
        table.insert("http", value("2"));
    }
    if own.compression {
        table.insert("compression", value(true));
    }
    if !draft.headers.is_empty() {
        table.insert("headers", headers(&draft.headers));
    }
    if own.insecure || own.certificate.is_some() {
        let mut tls = InlineTable::new();
        if own.insecure {
            tls.insert("verify", false.into());
        }
        if let Some((cert, key)) = &own.certificate {
            tls.insert("cert", format!("${{file:{cert}}}").into());
            tls.insert("key", format!("${{file:{key}}}").into());
        }
        table.insert("tls", value(tls));
    }
    if own.unix.is_some() || !own.resolve.is_empty() {
        let mut connection = InlineTable::new();
        if let Some(path) = &own.unix {
            connection.insert("unix", path.into());
        }
        if !own.resolve.is_empty() {
            let resolve: InlineTable = own.resolve.iter().map(|(name, address)| (name, address)).collect();
            connection.insert("resolve", resolve.into());
        }
        table.insert("connection", value(connection));
    }
    table
}

/// A list to choose from.
fn list((name, values): &(String, Vec<serde_json::Value>)) -> Table {
    let mut table = Table::new();
    table.insert("name", value(name));
    let item = |item: &serde_json::Value| match (item.as_i64(), item.as_f64()) {
        (Some(whole), _) => toml_edit::Value::from(whole),
        (None, Some(real)) => toml_edit::Value::from(real),
        (None, None) => toml_edit::Value::from(item.as_str().unwrap_or_default()),
    };
    table.insert("values", value(values.iter().map(item).collect::<Array>()));
    table
}

fn scenario(name: &str, draft: &Draft, found: &[Found]) -> Table {
    let mut table = Table::new();
    table.insert("name", value(name));
    let mut load = Table::new();
    load.set_dotted(true);
    let stage: InlineTable = [("at", "1/s"), ("for", "1m")].into_iter().collect();
    load.insert("rate", value(Array::from_iter([stage])));
    table.insert("load", Item::Table(load));
    if draft.weighted && found.len() > 1 {
        table.insert("pick", value("weighted"));
    }
    if draft.cookies {
        table.insert("cookies", value(true));
    }
    let mut steps = ArrayOfTables::new();
    found.iter().for_each(|found| steps.push(step(found)));
    table.insert("step", Item::ArrayOfTables(steps));
    table
}

fn step(found: &Found) -> Table {
    let mut table = Table::new();
    if let Some(name) = found.name.as_deref().map(title).filter(|name| !name.is_empty()) {
        table.insert("name", value(name));
    }
    if found.method != "GET" {
        table.insert("method", value(&found.method));
    }
    path_and_query(found, &mut table);
    if let Some(timeout) = found.timeout {
        table.insert("timeout", value(duration(timeout)));
    }
    if let Some(redirects) = found.redirects {
        table.insert("redirects", value(i64::from(redirects)));
    }
    if let Some(auth) = &found.auth {
        table.insert("auth", value(authentication(auth)));
    }
    body(&found.body, &mut table);
    if !found.status.is_empty() {
        let statuses: Array = found.status.iter().map(|status| i64::from(*status)).collect();
        table.insert("expect", value(InlineTable::from_iter([("status", statuses)])));
    }
    if !found.extract.is_empty() {
        let all = found.extract.iter().map(|(name, extract)| {
            let Extract::Json(path) = extract;
            (name.as_str(), InlineTable::from_iter([("json", path.as_str())]))
        });
        table.insert("extract", value(all.collect::<InlineTable>()));
    }
    if let Some(think) = found.think {
        table.insert("think", value(duration(think)));
    }
    if !found.headers.is_empty() {
        table.insert("headers", headers(&found.headers));
    }
    table
}

/// A query that is sent as it is stands in the path, as people know it.
fn path_and_query(found: &Found, table: &mut Table) {
    let mut path = found.path.to_plan();
    let is_literal = found.query.iter().all(|(_, value)| value.literal().is_some());
    let unique = |n: usize| !found.query[..n].iter().any(|(name, _)| *name == found.query[n].0);
    if is_literal || !(0..found.query.len()).all(unique) {
        for (n, (name, value)) in found.query.iter().enumerate() {
            path.push(if n == 0 { '?' } else { '&' });
            let value = value.map_text(|text| Value::text(encode_query(text))).to_plan();
            path.push_str(&format!("{}={value}", encode_query(name)));
        }
        table.insert("path", value(path));
    } else {
        table.insert("path", value(path));
        table.insert("query", strings(&found.query));
    }
}

fn authentication(auth: &Auth) -> InlineTable {
    match auth {
        Auth::Bearer(token) => InlineTable::from_iter([("bearer", token.to_plan())]),
        Auth::Basic { user, password } => {
            let basic = InlineTable::from_iter([("user", user.to_plan()), ("password", password.to_plan())]);
            InlineTable::from_iter([("basic", basic)])
        }
    }
}

fn body(body: &Body, table: &mut Table) {
    match body {
        Body::None => {}
        Body::Text(text) => {
            table.insert("body", value(text.to_plan()));
        }
        Body::Json(json) => {
            table.insert("json", value(json.to_plan()));
        }
        Body::Form(fields) => {
            table.insert("form", strings(fields));
        }
        Body::Multipart(parts) => {
            let mut array: Array = parts.iter().map(part).collect();
            if parts.len() > 1 {
                array.iter_mut().for_each(|part| part.decor_mut().set_prefix("\n  "));
                array.set_trailing("\n");
                array.set_trailing_comma(true);
            }
            table.insert("multipart", value(array));
        }
        Body::File(path) => {
            table.insert("file", value(path));
        }
    }
}

fn part(part: &Part) -> InlineTable {
    let mut table = InlineTable::new();
    table.insert("name", part.name.as_str().into());
    match &part.content {
        Content::Value(value) => table.insert("value", value.to_plan().into()),
        Content::File(path) => table.insert("file", path.into()),
    };
    if let Some(filename) = &part.filename {
        table.insert("filename", filename.into());
    }
    if let Some(kind) = &part.media_type {
        table.insert("type", kind.into());
    }
    table
}

/// Few on one line, more in a table of their own.
fn headers(headers: &[(String, Value)]) -> Item {
    if headers.len() <= FEW
        && headers.iter().map(|(name, value)| name.len() + value.to_plan().len()).sum::<usize>() < LINE
    {
        return strings(headers);
    }
    let mut table = Table::new();
    for (name, text) in headers {
        table.insert(name, value(text.to_plan()));
    }
    Item::Table(table)
}

fn strings(pairs: &[(String, Value)]) -> Item {
    value(pairs.iter().map(|(name, text)| (name.as_str(), text.to_plan())).collect::<InlineTable>())
}

fn duration(duration: Duration) -> String {
    let millis = Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1));
    humantime::format_duration(millis).to_string()
}

/// A name of a scenario: letters, digits, `_` and `-`.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(SLUG_MAX);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "imported".to_owned() } else { slug.to_owned() }
}

/// A name for people, as plans allow it.
pub(super) fn title(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TITLE_MAX).collect();
    plain.trim().to_owned()
}

/// Steps that a scenario may have.
const STEPS_MAX: usize = 100;
const SLUG_MAX: usize = 60;
const TITLE_MAX: usize = 200;
/// Headers on one line, and the characters that it may have.
const FEW: usize = 3;
const LINE: usize = 80;
