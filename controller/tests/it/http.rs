//! A browser without a window: requests and events over bare sockets.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) event: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// The events of a run.
pub(crate) struct Events(BufReader<TcpStream>);

/// Sends a request with these further header lines.
pub(crate) fn send(at: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = open(at, method, path, headers, body);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status =
        head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{text}"));
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

pub(crate) fn get(at: &str, path: &str) -> Answer {
    send(at, "GET", path, &[], "")
}

pub(crate) fn post(at: &str, path: &str, body: &Value) -> Answer {
    send(at, "POST", path, &["content-type: application/json"], &body.to_string())
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n\n{}", self.head, self.body))
    }

    /// The answer, which must have this status.
    pub(crate) fn with(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()
    }
}

impl Events {
    pub(crate) fn of(at: &str, run: &str, headers: &[&str]) -> Self {
        Self(BufReader::new(open(at, "GET", &format!("/api/runs/{run}/events"), headers, "")))
    }
}

impl Iterator for Events {
    type Item = Sent;

    fn next(&mut self) -> Option<Sent> {
        let mut sent = Sent { event: String::new(), id: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(event) = line.strip_prefix("event: ") {
                sent.event = event.into();
            } else if let Some(id) = line.strip_prefix("id: ") {
                sent.id = id.into();
            } else if let Some(data) = line.strip_prefix("data: ") {
                sent.data = serde_json::from_str(data).unwrap();
            } else if line.is_empty() && !sent.event.is_empty() {
                return Some(sent);
            }
        }
    }
}

/// HTTP/1.0: the answer comes in one piece and ends with the connection.
fn open(at: &str, method: &str, path: &str, headers: &[&str], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = if headers.iter().any(|header| header.starts_with("host:")) {
        String::new()
    } else {
        format!("host: {at}\r\n")
    };
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\n{host}{more}content-length: {length}\r\n\r\n{body}").unwrap();
    stream
}
