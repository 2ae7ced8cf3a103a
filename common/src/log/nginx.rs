//! nginx's `log_format`: text with variables like `$request_time` or `${status}`.

use super::Wrong;
use super::entry::Field;
use super::moment::Form;
use super::walk::{Layout, Piece};

pub(super) fn compile(text: &str) -> Result<Layout, Wrong> {
    let text = bare(text)?;
    let (mut pieces, mut ends) = (Vec::new(), false);
    let mut rest = &text[..];
    while let Some(c) = rest.chars().next() {
        if c != '$' {
            pieces.extend(rest[..c.len_utf8()].bytes().map(Piece::Text));
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let whole = ["$uri$is_args$args", "$document_uri$is_args$args", "$uri$is_args$query_string"];
        if let Some(after) = whole.iter().find_map(|whole| rest.strip_prefix(whole)) {
            pieces.push(Piece::Field(Field::Target));
            rest = after;
            continue;
        }
        let (name, after) = variable(&rest[1..])?;
        let field = field(name);
        ends |= matches!(field, Field::Time(_));
        pieces.push(Piece::Field(field));
        rest = after;
    }
    // A load balancer tells when a request came; nginx writes its line when the answer is through.
    Layout::new(pieces, ends && !text.contains("$alb_"))
}

/// The name behind a `$`, and the rest.
fn variable(text: &str) -> Result<(&str, &str), Wrong> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, after) = match text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        Some(braced) => braced,
        None => text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len())),
    };
    if name.is_empty() || !name.chars().all(is_part) {
        return Err(("a `$` without a variable".to_owned(), "write a variable like $status".to_owned()));
    }
    Ok((name, after))
}

/// What a variable tells. Any name may be one of the configuration's own: those are read over.
fn field(name: &str) -> Field {
    match name {
        "time_local" => Field::Time(Form::Clf),
        "time_iso8601" => Field::Time(Form::Iso),
        "msec" => Field::Time(Form::Epoch(1)),
        "remote_addr" | "binary_remote_addr" => Field::Client,
        "alb_client" => Field::ClientPort,
        "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => Field::Forwarded,
        "request" => Field::Request,
        "request_method" => Field::Method,
        "request_uri" => Field::Target,
        "uri" | "document_uri" => Field::Path,
        "args" | "query_string" => Field::Query,
        "status" => Field::Status,
        "body_bytes_sent" => Field::Bytes,
        "bytes_sent" => Field::AllBytes,
        "request_time" => Field::Latency(1_000_000_000),
        "alb_latency" => Field::LatencyPart,
        "host" | "http_host" | "server_name" => Field::Host,
        "request_body" => Field::Body,
        _ => Field::Ignored,
    }
}

/// The format without `log_format NAME [escape=…] '…' '…';` around it.
fn bare(text: &str) -> Result<String, Wrong> {
    let text = text.trim().trim_end_matches(';').trim_end();
    let text = text.strip_prefix("log_format").map_or(text, |rest| {
        let rest = rest.trim_start();
        rest.find(char::is_whitespace).map_or(rest, |end| rest[end..].trim_start())
    });
    let text = match text.strip_prefix("escape=") {
        Some(rest) => rest.find(char::is_whitespace).map_or("", |end| rest[end..].trim_start()),
        None => text,
    };
    if !text.starts_with('\'') {
        return Ok(text.to_owned());
    }
    let (mut whole, mut rest) = (String::new(), text);
    while let Some(inner) = rest.strip_prefix('\'') {
        let (part, after) = inner
            .split_once('\'')
            .ok_or_else(|| ("a quote that is not closed".to_owned(), "close it with `'`".to_owned()))?;
        whole.push_str(part);
        rest = after.trim_start();
    }
    if rest.is_empty() {
        Ok(whole)
    } else {
        Err((
            "text behind the quotes".to_owned(),
            "write the format alone, or the directive as it is".to_owned(),
        ))
    }
}
