//! Recordings of browsers and proxies: HTTP archives.

use super::correlate::Known;
use super::found::{Body, Content, Findings, Found, Part};
use super::notes::Notes;
use super::parts::{body, split_url};
use super::value::Value;
use har::Spec;
use har::v1_2::{Entries, Log, PostData};
use std::time::Duration;

/// The requests of a recording, one after the other.
pub(super) fn read(text: &str, notes: &mut Notes) -> Result<Findings, String> {
    let mut entries = log(text)?.entries;
    // Some browsers write them in the order of their ends.
    entries.sort_by_key(started);
    let mut findings = Findings { cookies: true, ..Findings::default() };
    let (mut known, mut previous_end) = (Known::default(), None::<i64>);
    for (n, entry) in entries.iter().enumerate() {
        let place = format!("request {}", n + 1);
        let found = match is_no_request(entry) {
            Some(why) => Err(why.to_owned()),
            None => split_url(&entry.request.url),
        };
        let mut found = match found {
            Ok((found, _)) => Found { place: place.clone(), ..found },
            Err(why) => {
                notes.left_out(why, &place);
                continue;
            }
        };
        found.method = entry.request.method.to_ascii_uppercase();
        found.headers =
            entry.request.headers.iter().map(|own| (own.name.clone(), Value::text(&own.value))).collect();
        found.body = entry.request.post_data.as_ref().map_or(Body::None, |post| posted(post, &place, notes));
        if let Some(status) = u16::try_from(entry.response.status).ok().filter(|status| *status >= 400) {
            found.status = vec![status];
            notes.look_at(
                format!("answered with {status} in the recording, and expected to be so again"),
                &place,
            );
        }
        known.use_in(&mut found);
        known.learn(entry, &mut found);
        if let (Some(last), Some(end), Some(started)) =
            (findings.requests.last_mut(), previous_end, started(entry))
        {
            last.think = pause(end, started);
        }
        previous_end = previous_end.max(end(entry));
        findings.requests.push(found);
    }
    if findings.requests.is_empty() {
        return Err("there is no request in it".into());
    }
    Ok(findings)
}

/// Version 1.3 is 1.2 with more in it.
fn log(text: &str) -> Result<Log, String> {
    match har::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(archive) => match archive.log {
            Spec::V1_2(log) => Ok(log),
            Spec::V1_3(log) => {
                serde_json::to_value(log).and_then(serde_json::from_value).map_err(|error| error.to_string())
            }
        },
        Err(error) => Err(match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        }),
    }
}

/// Microseconds since 1970.
fn started(entry: &Entries) -> Option<i64> {
    entry.started_date_time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn end(entry: &Entries) -> Option<i64> {
    let millis = Duration::try_from_secs_f64(entry.time.max(0.0) / 1e3).ok()?;
    started(entry)?.checked_add(i64::try_from(millis.as_micros()).ok()?)
}

/// The time that a person took, if it was one.
fn pause(end: i64, started: i64) -> Option<Duration> {
    let micros = u64::try_from(started.checked_sub(end)?).ok()?;
    let pause = Duration::from_millis(micros / 1_000);
    (pause >= SHORTEST_PAUSE).then(|| pause.min(LONGEST_PAUSE))
}

/// Why nothing of the kind was asked of a server, or will be.
fn is_no_request(entry: &Entries) -> Option<&'static str> {
    let request = &entry.request;
    let has = |name: &str| request.headers.iter().any(|own| own.name.eq_ignore_ascii_case(name));
    if ["data:", "blob:", "file:", "chrome-extension:", "about:"]
        .iter()
        .any(|scheme| request.url.starts_with(scheme))
    {
        Some("what never left the browser (data:, blob: and the like)")
    } else if request.url.starts_with("ws:")
        || request.url.starts_with("wss:")
        || entry.response.status == 101
    {
        Some("web sockets")
    } else if request.method.eq_ignore_ascii_case("OPTIONS") && has("access-control-request-method") {
        Some("preflight requests, which browsers make by themselves")
    } else if entry.response.status <= 0 {
        Some("requests without an answer (blocked, cancelled or from the cache)")
    } else {
        None
    }
}

fn posted(post: &PostData, place: &str, notes: &mut Notes) -> Body {
    let params = post.params.as_deref().unwrap_or_default();
    let text = post.text.clone().unwrap_or_default();
    let kind = post.mime_type.to_ascii_lowercase();
    if kind.starts_with("multipart/form-data") {
        if params.is_empty() {
            return multipart(&post.mime_type, &text, place, notes);
        }
        let part = |param: &har::v1_2::Params| {
            let value = param.value.clone().unwrap_or_default();
            if param.file_name.is_some() {
                notes.look_at("the content of uploaded files: recordings do not hold all of it", place);
            }
            Part {
                name: param.name.clone(),
                content: Content::Value(Value::text(value)),
                filename: param.file_name.clone(),
                media_type: param.content_type.clone(),
            }
        };
        return Body::Multipart(params.iter().map(part).collect());
    }
    if text.is_empty() && !params.is_empty() {
        let pair = |param: &har::v1_2::Params| {
            (param.name.clone(), Value::text(param.value.clone().unwrap_or_default()))
        };
        return Body::Form(params.iter().map(pair).collect());
    }
    if text.is_empty() { Body::None } else { body(&post.mime_type, text) }
}

/// The parts of a multipart body that was recorded as text.
fn multipart(kind: &str, text: &str, place: &str, notes: &mut Notes) -> Body {
    let boundary = kind.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let Some(boundary) = boundary.map(|boundary| format!("--{}", boundary.trim_matches('"'))) else {
        notes.left_out("a multipart body without its boundary", place);
        return Body::None;
    };
    let mut parts = Vec::new();
    for part in text.split(boundary.as_str()).skip(1).filter(|part| !part.starts_with("--")) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .clone()
                .find(|(own, _)| own.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let disposition = header("content-disposition").unwrap_or_default();
        let attribute = |name: &str| {
            let own =
                disposition.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            own.map(|value| value.trim_matches('"').to_owned())
        };
        let filename = attribute("filename");
        if filename.is_some() {
            notes.look_at("the content of uploaded files: recordings do not hold all of it", place);
        }
        parts.push(Part {
            name: attribute("name").unwrap_or_default(),
            content: Content::Value(Value::text(content.strip_suffix("\r\n").unwrap_or(content))),
            filename,
            media_type: header("content-type").map(str::to_owned),
        });
    }
    Body::Multipart(parts)
}

/// Shorter ones are the browser's, not a person's.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Longer ones are somebody who went away.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
