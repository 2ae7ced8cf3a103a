//! curl commands, as people write them and as browsers copy them ("Copy as cURL (bash)").

mod flags;
mod shell;

use super::found::{Auth, Body, Content, Findings, Found, Part};
use super::notes::Notes;
use super::parts::{decode_form, is_json, parse_cookies, split_url};
use super::secrets::Secrets;
use super::value::{Piece, Value};
use clap::Parser;
use flags::Curl;
use shell::{Command, VARIABLE_BEGINS, VARIABLE_ENDS};
use std::time::Duration;

/// The requests of a file of commands.
pub(super) fn read(text: &str, secrets: &mut Secrets, notes: &mut Notes) -> Result<Findings, String> {
    let mut findings = Findings::default();
    for command in shell::commands(text)? {
        let place = format!("line {}", command.line);
        if command.words.first().is_none_or(|word| word != "curl" && !word.ends_with("/curl")) {
            let first = command.words.first().map_or("", String::as_str);
            notes.left_out(format!("the command `{first}`"), &place);
            continue;
        }
        for words in split_next(&command) {
            one(words, &place, &mut findings, &mut Reading { secrets, notes })
                .map_err(|why| format!("{place}: {why}"))?;
        }
    }
    if findings.requests.is_empty() {
        return Err("there is no curl command in it".into());
    }
    Ok(findings)
}

struct Reading<'a> {
    secrets: &'a mut Secrets,
    notes: &'a mut Notes,
}

/// `--next` begins another request.
fn split_next(command: &Command) -> impl Iterator<Item = &[String]> {
    command.words[1..].split(|word| word == "--next" || word == "-:").filter(|words| !words.is_empty())
}

fn one(
    words: &[String],
    place: &str,
    findings: &mut Findings,
    reading: &mut Reading<'_>,
) -> Result<(), String> {
    if words.iter().any(|word| word.contains("^\"") || word == "^" || word.starts_with("^http")) {
        return Err("this is for the Windows command line: copy it as cURL (bash)".to_owned());
    }
    let curl = Curl::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or("not understood").trim_start_matches("error: ").to_owned()
    })?;
    curl.unsupported.names().into_iter().for_each(|name| reading.notes.left_out(name, place));
    target(&curl, findings, place, reading);
    let urls: Vec<&String> = curl.urls.iter().chain(&curl.more_urls).collect();
    if urls.is_empty() {
        return Err("a curl command without a URL".into());
    }
    for url in urls {
        let found = request(&curl, url, place, reading)?;
        findings.requests.push(found);
    }
    Ok(())
}

/// What a plan says once for all requests.
fn target(curl: &Curl, findings: &mut Findings, place: &str, reading: &mut Reading<'_>) {
    let target = &mut findings.target;
    target.compression |= curl.compressed;
    target.insecure |= curl.insecure;
    target.http2 |= curl.http2;
    target.unix = target.unix.take().or_else(|| curl.unix_socket.clone());
    if let Some(cert) = &curl.cert {
        // curl takes a passphrase behind a colon.
        let path = cert.split(':').next().unwrap_or_default().to_owned();
        let key = curl.key.clone().unwrap_or_else(|| path.clone());
        target.certificate = Some((path, key));
    }
    for resolve in &curl.resolve {
        let parts: Vec<&str> = resolve.trim_start_matches('+').splitn(3, ':').collect();
        match parts[..] {
            [host, port, address] if !address.is_empty() => {
                let address = address.split(',').next().unwrap_or(address);
                target.resolve.push((format!("{host}:{port}"), format!("{address}:{port}")));
            }
            _ => reading.notes.left_out(format!("--resolve {resolve}"), place),
        }
    }
}

fn request(curl: &Curl, url: &str, place: &str, reading: &mut Reading<'_>) -> Result<Found, String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (with_marks, user) = split_url(&url)?;
    let mut found = Found { place: place.to_owned(), ..with_marks };
    headers(curl, &mut found, place, reading)?;
    let data = data(curl, place, reading)?;
    if curl.get {
        found.query.extend(data.iter().flat_map(|data| decode_form(data).unwrap_or_default()));
    } else {
        body(curl, data, &mut found, place, reading);
    }
    let default = match &found.body {
        _ if curl.head => "HEAD",
        Body::None => "GET",
        _ if curl.upload_file.is_some() => "PUT",
        _ => "POST",
    };
    found.method = curl.request.clone().unwrap_or_else(|| default.to_owned());
    let user = curl.user.clone().or(user);
    found.auth = match (user, &curl.oauth2_bearer) {
        (Some(user), _) => {
            let (user, password) = user.split_once(':').unwrap_or((&user, ""));
            Some(Auth::Basic { user: Value::text(user), password: Value::text(password) })
        }
        (None, Some(token)) => Some(Auth::Bearer(Value::text(token))),
        (None, None) => None,
    };
    found.timeout = curl.max_time.filter(|time| *time > 0.0 && *time < 3600.0).map(Duration::from_secs_f64);
    found.redirects = curl.location.then(|| match curl.max_redirs {
        Some(most) if most >= 0 => u32::try_from(most).unwrap_or(REDIRECTS),
        _ => REDIRECTS,
    });
    resolve_variables(&mut found, reading.secrets);
    Ok(found)
}

fn headers(curl: &Curl, found: &mut Found, place: &str, reading: &mut Reading<'_>) -> Result<(), String> {
    let mut add = |name: &str, value: &str| found.headers.push((name.to_owned(), Value::text(value)));
    for header in &curl.headers {
        if header.starts_with('@') {
            reading.notes.left_out("headers of a file (-H @FILE)", place);
            continue;
        }
        match header.split_once(':') {
            // An empty value takes curl's own header away.
            Some((_, value)) if value.trim().is_empty() => {}
            Some((name, value)) => add(name.trim(), value.trim()),
            None if header.ends_with(';') => add(header.trim_end_matches(';'), ""),
            None => {
                return Err(format!("a header without a colon: {}", header.split(' ').next().unwrap_or("")));
            }
        }
    }
    if let Some(agent) = &curl.user_agent {
        add("user-agent", agent);
    }
    let referer = curl.referer.as_deref().map(|referer| referer.trim_end_matches(";auto"));
    if let Some(referer) = referer.filter(|referer| !referer.is_empty()) {
        add("referer", referer);
    }
    let cookies: Vec<&str> =
        curl.cookie.iter().filter(|cookie| cookie.contains('=')).map(String::as_str).collect();
    if curl.cookie.iter().any(|cookie| !cookie.contains('=')) {
        reading.notes.left_out("the cookies of a file (-b FILE)", place);
    }
    if !cookies.is_empty() && !parse_cookies(&cookies.join("; ")).is_empty() {
        add("cookie", &cookies.join("; "));
    }
    Ok(())
}

/// The data of `-d` and its relatives, joined as curl joins it; what comes from a file is told apart in `body`.
fn data(curl: &Curl, place: &str, reading: &mut Reading<'_>) -> Result<Option<String>, String> {
    let mut parts: Vec<String> = curl.data_raw.clone();
    for data in curl.data.iter().chain(&curl.data_binary) {
        if data.starts_with('@') {
            if data == "@-" {
                reading.notes.left_out("a body from standard input", place);
            }
        } else {
            parts.push(data.clone());
        }
    }
    for data in &curl.data_urlencode {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        match data.split_once('=') {
            Some(("", content)) => parts.push(encoded(content)),
            Some((name, content)) => parts.push(format!("{name}={}", encoded(content))),
            None if data.contains('@') => reading.notes.left_out("--data-urlencode of a file", place),
            None => parts.push(encoded(data)),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join("&")))
}

fn body(curl: &Curl, data: Option<String>, found: &mut Found, place: &str, reading: &mut Reading<'_>) {
    let has = |found: &Found, name: &str| found.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    if !curl.json.is_empty() {
        let text = curl.json.concat();
        if !has(found, "accept") {
            found.headers.push(("accept".into(), Value::text("application/json")));
        }
        found.body =
            if is_json(&text) { Body::Json(Value::text(text)) } else { Body::Text(Value::text(text)) };
        return;
    }
    if !curl.form.is_empty() || !curl.form_string.is_empty() {
        let parts = curl.form.iter().map(|part| multipart(part));
        let plain = curl.form_string.iter().map(|part| plain_part(part));
        return found.body = Body::Multipart(parts.chain(plain).collect());
    }
    let files = curl.data.iter().chain(&curl.data_binary).filter_map(|data| data.strip_prefix('@'));
    let upload = curl.upload_file.as_deref();
    let mut files = files.chain(upload).filter(|file| *file != "-" && *file != ".");
    if let Some(file) = files.next() {
        if data.is_some() || files.next().is_some() {
            reading.notes.left_out("further data beside that of a file", place);
        }
        reading.notes.look_at("bodies of files: the path is taken from the plan's folder", place);
        found.body = Body::File(file.to_owned());
    } else if let Some(data) = data {
        let kind = found.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let kind = kind.and_then(|(_, value)| value.literal()).unwrap_or(FORM).to_owned();
        found.body = super::parts::body(&kind, data);
    } else {
        return;
    }
    if !has(found, "content-type") && upload.is_none() && matches!(found.body, Body::Text(_) | Body::File(_))
    {
        found.headers.push(("content-type".into(), Value::text(FORM)));
    }
}

/// `name=value`, `name=@file`, `name=<file`, each with `;type=` and `;filename=`.
fn multipart(part: &str) -> Part {
    let (name, rest) = part.split_once('=').unwrap_or((part, ""));
    let mut pieces = rest.split(';');
    let first = pieces.next().unwrap_or_default().trim_matches('"').to_owned();
    let (mut media_type, mut filename, mut value) = (None, None, first);
    for piece in pieces {
        match piece.trim().split_once('=') {
            Some(("type", kind)) => media_type = Some(kind.trim_matches('"').to_owned()),
            Some(("filename", file)) => filename = Some(file.trim_matches('"').to_owned()),
            Some(("headers" | "encoder", _)) => {}
            // A semicolon in the value itself.
            _ => {
                value.push(';');
                value.push_str(piece);
            }
        }
    }
    let content = match (value.strip_prefix('@'), value.strip_prefix('<')) {
        (Some(file), _) | (None, Some(file)) => Content::File(file.to_owned()),
        (None, None) => Content::Value(Value::text(&value)),
    };
    if let (Some(file), None) = (value.strip_prefix('@'), &filename) {
        filename = Some(file.rsplit('/').next().unwrap_or(file).to_owned());
    }
    Part { name: name.to_owned(), content, filename, media_type }
}

fn plain_part(part: &str) -> Part {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    Part {
        name: name.to_owned(),
        content: Content::Value(Value::text(value)),
        filename: None,
        media_type: None,
    }
}

/// A shell variable is a reference to the environment, as a plan's secrets are.
fn resolve_variables(found: &mut Found, secrets: &mut Secrets) {
    let mut change = |value: &mut Value| {
        *value = value.map_text(|text| {
            let mut changed = Value::default();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once(VARIABLE_BEGINS) {
                let (name, after) = after.split_once(VARIABLE_ENDS).unwrap_or((after, ""));
                changed.push_text(before);
                changed.push(Piece::Secret(name.to_owned()));
                secrets.refer(name, "a variable of the command");
                rest = after;
            }
            changed.push_text(rest);
            changed
        });
    };
    change(&mut found.path);
    found.query.iter_mut().chain(&mut found.headers).for_each(|(_, value)| change(value));
    match &mut found.body {
        Body::Text(value) | Body::Json(value) => change(value),
        Body::Form(fields) => fields.iter_mut().for_each(|(_, value)| change(value)),
        Body::Multipart(parts) => parts.iter_mut().for_each(|part| {
            if let Content::Value(value) = &mut part.content {
                change(value);
            }
        }),
        Body::None | Body::File(_) => {}
    }
    match &mut found.auth {
        Some(Auth::Basic { user, password }) => {
            change(user);
            change(password);
        }
        Some(Auth::Bearer(token)) => change(token),
        None => {}
    }
}

/// How many redirects a plan follows where curl would follow fifty.
const REDIRECTS: u32 = 10;
const FORM: &str = "application/x-www-form-urlencoded";
