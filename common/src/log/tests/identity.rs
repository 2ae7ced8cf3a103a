//! Format → line → entry: what a server with that format would have written is read as it was.

use super::super::{Entry, Format, Keys};
use super::{owned, shown};
use proptest::prelude::*;

/// A request as a server sees it.
#[derive(Debug, Clone)]
struct Seen {
    second: i64,
    micros: i64,
    client: String,
    method: &'static str,
    path: String,
    status: u16,
    bytes: u64,
    latency_us: u64,
    agent: String,
    body: String,
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
    let text = "[ -~é\\n\"\\\\]{0,20}";
    let times = (0_i64..4_000_000_000, 0_i64..1_000_000, 0_u64..100_000_000);
    let what = (method, "/[a-zA-Z0-9/._~%?&=-]{0,40}", 100_u16..600, 0_u64..1 << 40);
    (times, "[0-9a-f.:]{1,20}", what, text, text).prop_map(|(times, client, what, agent, body)| {
        let ((second, micros, latency_us), (method, path, status, bytes)) = (times, what);
        Seen { second, micros, client, method, path, status, bytes, latency_us, agent, body }
    })
}

/// Year, month, day, hour, minute, second; counted day by day, as nobody would in earnest.
fn civil(seconds: i64) -> (i64, usize, i64, i64, i64, i64) {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month, days + 1, rest / 3_600, rest / 60 % 60, rest % 60)
}

fn clf(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds + 2 * 3_600);
    let name = &"JanFebMarAprMayJunJulAugSepOctNovDec"[month * 3..month * 3 + 3];
    format!("{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} +0200")
}

fn iso(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(seconds);
    format!("{year}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1)
}

/// As Apache and nginx escape.
fn escaped(text: &str, apache: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' if apache => out.extend(['\\', char::from(byte)]),
            b'\n' if apache => out.push_str("\\n"),
            b'"' | b'\\' | 0..32 | 127.. => out.push_str(&format!("\\x{byte:02X}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// Where JSON lines and tables have what.
fn keys() -> Keys {
    let key = |name: &str| Some(name.to_owned());
    Keys {
        time: key("t"),
        client: key("c"),
        method: key("m"),
        path: key("p"),
        status: key("s"),
        bytes: key("b"),
        latency: key("l"),
        latency_unit: key("us"),
        body: key("d"),
        ..Keys::default()
    }
}

fn bytes_of(text: &str) -> std::borrow::Cow<'static, [u8]> {
    std::borrow::Cow::Owned(text.as_bytes().to_vec())
}

/// What every format tells.
fn base(seen: &Seen) -> Entry<'static> {
    let Seen { second, client, method, path, status, bytes, .. } = seen;
    Entry {
        time: Some(second * 1_000_000_000),
        is_coarse: true,
        client: bytes_of(client),
        method: bytes_of(method),
        path: bytes_of(path),
        status: Some(*status),
        bytes: Some(*bytes),
        ..Entry::default()
    }
}

fn lines(seen: &Seen) -> Vec<(&'static str, Format, String, Entry<'static>)> {
    let Seen { second, micros, client, method, path, status, bytes, latency_us, agent, body } = seen;
    let nanos = second * 1_000_000_000;
    let fine = nanos + micros * 1_000;
    let latency = Some(latency_us * 1_000);
    let base = base(seen);
    let request = format!("{method} {path} HTTP/1.1");
    let took = i64::try_from(latency_us * 1_000).unwrap();
    let keys = keys();
    let bodied = Entry {
        body: Some(bytes_of(body)).filter(|body| !body.is_empty() && body.as_ref() != b"-"),
        latency,
        ..base.clone()
    };
    let quoted = format!("\"{}\"", body.replace('"', "\"\""));
    vec![
        (
            "combined",
            Format::preset("combined").unwrap(),
            format!("{client} - - [{}] \"{request}\" {status} {bytes} \"-\" \"{}\"", clf(*second), escaped(agent, true)),
            base.clone(),
        ),
        (
            "nginx, the time of the end",
            Format::nginx("$remote_addr [$msec] \"$http_user_agent\" \"$request\" $status $body_bytes_sent \"$request_body\" $request_time").unwrap(),
            format!(
                "{client} [{second}.{micros:06}] \"{}\" \"{request}\" {status} {bytes} \"{}\" {}.{:06}",
                escaped(agent, false),
                escaped(body, false),
                latency_us / 1_000_000,
                latency_us % 1_000_000
            ),
            Entry { time: Some(fine - took), is_coarse: false, ..bodied.clone() },
        ),
        (
            "apache, piece by piece",
            Format::apache("%{%d.%m.%Y %T}t.%{usec_frac}t|%h|%m|%U%q|%>s|%B|%D").unwrap(),
            {
                let (year, month, day, hour, minute, second) = civil(*second);
                format!(
                    "{day:02}.{:02}.{year} {hour:02}:{minute:02}:{second:02}.{micros:06}|{client}|{method}|{path}|{status}|{bytes}|{latency_us}",
                    month + 1
                )
            },
            Entry { time: Some(fine), is_coarse: false, latency, ..base.clone() },
        ),
        (
            "json",
            Format::json(&keys).unwrap(),
            serde_json::json!({
                "t": iso(*second), "c": client, "m": method, "p": path, "s": status, "b": bytes,
                "l": latency_us, "d": body, "else": agent
            })
            .to_string(),
            bodied.clone(),
        ),
        (
            "csv",
            Format::csv(&keys).unwrap(),
            format!("{},{client},{method},{path},{status},{bytes},{latency_us},{quoted}", iso(*second)),
            bodied,
        ),
    ]
}

proptest! {
    #[test]
    fn what_a_server_writes_is_read_as_it_was(seen in any_seen()) {
        for (name, format, line, expected) in lines(&seen) {
            let mut reader = format.reader();
            if name == "csv" {
                prop_assert_eq!(reader.read(b"t,c,m,p,s,b,l,d"), Ok(None));
            }
            let read = reader.read(line.as_bytes());
            let entry = match read {
                Ok(Some(entry)) => owned(entry),
                other => return Err(TestCaseError::fail(format!("{name}: {other:?} of {line}"))),
            };
            prop_assert_eq!(shown(&entry), shown(&expected), "{}: {}", name, line);
            prop_assert_eq!(entry, expected, "{}: {}", name, line);
        }
    }
}
