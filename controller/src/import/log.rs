//! An access log: a plan that replays it, with the format that its first lines have.

use super::notes::Notes;
use common::log::Format;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// The text of a plan that replays the log at `path`, of which `head` is the beginning.
pub(super) fn plan(
    (name, path): (&str, &str),
    head: &str,
    base_url: Option<&str>,
    notes: &mut Notes,
) -> Result<String, String> {
    let format = guess(head).ok_or(
        "its lines are in no format that is known here (common, combined, vhost, nginx, alb, JSON lines): write the plan \
         by hand, with `load.replay.format` as the text of LogFormat or log_format",
    )?;
    let base_url = base_url.unwrap_or_else(|| {
        notes.look_at(
            format!("the target is not named in a log: it is {PLACEHOLDER}; give --base-url URL"),
            "",
        );
        PLACEHOLDER
    });
    notes.look_at("only GET, HEAD and OPTIONS are sent, unless `load.replay.unsafe_methods` says so", "");
    let mut document = DocumentMut::new();
    let root = document.as_table_mut();
    root.insert("name", value(name));
    let mut target = Table::new();
    target.insert("base_url", value(base_url));
    root.insert("target", Item::Table(target));
    let mut replay = Table::new();
    replay.insert("log", value(path));
    match format {
        Guess::Preset(preset) => replay.insert("format", value(preset)),
        Guess::Json(keys) => replay.insert("json", value(keys.into_iter().collect::<InlineTable>())),
    };
    replay.insert("at", value("original"));
    let mut load = Table::new();
    load.set_implicit(true);
    load.insert("replay", Item::Table(replay));
    let mut scenario = Table::new();
    scenario.insert("name", value(super::write::slug(name)));
    scenario.insert("load", Item::Table(load));
    root.insert("scenario", Item::ArrayOfTables(ArrayOfTables::from_iter([scenario])));
    Ok(document.to_string())
}

/// A format that lines seem to have.
enum Guess {
    Preset(&'static str),
    /// What is told, and under which key.
    Json(Vec<(&'static str, String)>),
}

/// The format that most of the first lines have, the richer one of equals.
fn guess(head: &str) -> Option<Guess> {
    let lines: Vec<&str> = head.lines().filter(|line| !line.trim().is_empty()).take(LINES).collect();
    if let Some(first) = lines.iter().find(|line| line.starts_with('{')) {
        return json(first).map(Guess::Json);
    }
    let readable = |preset: &&'static str| {
        let format = Format::preset(preset)?;
        let mut reader = format.reader();
        let good = lines.iter().filter(|line| matches!(reader.read(line.as_bytes()), Ok(Some(_)))).count();
        (good > 0).then_some((good, *preset))
    };
    // `max_by_key` takes the last of equals: what tells more stands later.
    let presets = ["common", "combined", "vhost", "nginx", "alb"];
    let best = presets.iter().filter_map(readable).max_by_key(|(good, _)| *good);
    best.map(|(_, preset)| Guess::Preset(preset))
}

/// The keys under which logs of JSON lines mostly tell what matters; a path there must be.
fn json(line: &str) -> Option<Vec<(&'static str, String)>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    let found = KEYS.iter().filter_map(|(what, names)| {
        let name = names.iter().find(|name| object.contains_key(**name))?;
        Some((*what, (*name).to_owned()))
    });
    let found: Vec<_> = found.collect();
    found.iter().any(|(what, _)| ["path", "request"].contains(what)).then_some(found)
}

const PLACEHOLDER: &str = "http://127.0.0.1:8080";
/// Lines that are looked at.
const LINES: usize = 200;
const KEYS: [(&str, &[&str]); 8] = [
    ("time", &["time", "timestamp", "ts", "@timestamp", "time_iso8601", "time_local", "date"]),
    ("client", &["client", "client_ip", "remote_addr", "clientip", "ip", "remote_ip"]),
    ("method", &["method", "request_method", "verb", "http_method"]),
    ("path", &["path", "request_uri", "uri", "url", "target"]),
    ("request", &["request"]),
    ("status", &["status", "status_code", "response_status", "code"]),
    ("bytes", &["bytes", "body_bytes_sent", "size", "response_size", "bytes_sent"]),
    ("latency", &["latency", "request_time", "duration", "response_time", "took"]),
];
