//! Asks a running service how it is and what it counted, for container images without a shell or an HTTP client.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};
use thiserror::Error;

/// Why a service gave no good answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// Not a URL that this client can ask.
    #[error("read URL {0:?}: expected http://HOST:PORT")]
    Url(String),
    /// No connection, or it broke.
    #[error("ask {authority}: {source}")]
    Io {
        /// Host and port.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something else than 200 came back.
    #[error("get a good answer from {authority}: got {line:?}")]
    Status {
        /// Host and port.
        authority: String,
        /// The first line of the answer, at most 64 bytes of it.
        line: String,
    },
    /// The answer ended before its body was complete, or is larger than any that a service gives.
    #[error("read the whole answer of {authority}: got {bytes} bytes of it")]
    Cut {
        /// Host and port.
        authority: String,
        /// How much of the body came.
        bytes: usize,
    },
}

/// Succeeds when `GET /health` of the service at `url` (`http://HOST:PORT`) answers 200 within 3 s per step.
pub fn check(url: &str) -> Result<(), AskError> {
    ask(url, "/health").map(drop)
}

/// What `GET /stats` of the service at `url` (`http://HOST:PORT`) answers: [`Stats`](crate::Stats) as JSON.
pub fn fetch_stats(url: &str) -> Result<Vec<u8>, AskError> {
    ask(url, "/stats")
}

/// The body of the answer to `GET path`, whole.
fn ask(url: &str, path: &str) -> Result<Vec<u8>, AskError> {
    let authority = authority(url).ok_or_else(|| AskError::Url(url.to_owned()))?;
    let answer =
        exchange(&authority, path).map_err(|source| AskError::Io { authority: authority.clone(), source })?;
    let (head, body) = split(&answer);
    if !head.starts_with("HTTP/1.1 200") {
        let line = head.lines().next().unwrap_or_default().chars().take(LINE_CHARS_MAX).collect();
        return Err(AskError::Status { authority, line });
    }
    if length(head) == Some(body.len()) {
        Ok(body.to_vec())
    } else {
        Err(AskError::Cut { authority, bytes: body.len() })
    }
}

/// Host and port of a URL; its path does not matter.
fn authority(url: &str) -> Option<String> {
    let authority = url.strip_prefix("http://")?.split(['/', '?']).next()?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match authority {
        "" => None,
        _ if has_port => Some(authority.to_owned()),
        _ => Some(format!("{authority}:80")),
    }
}

/// Everything that comes back until the service closes.
fn exchange(authority: &str, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = connect(authority)?;
    stream.set_read_timeout(Some(STEP_WAIT))?;
    stream.set_write_timeout(Some(STEP_WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

fn connect(authority: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, STEP_WAIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Head and body of an answer. A head that is no text is as good as none.
fn split(answer: &[u8]) -> (&str, &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let (head, body) = answer.split_at(end);
    (str::from_utf8(head).unwrap_or_default(), body)
}

/// What the head says about the length of the body.
fn length(head: &str) -> Option<usize> {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(value)
}

/// Health checks of containers are cut off after some seconds themselves.
const STEP_WAIT: Duration = Duration::from_secs(3);
/// Ten times the counts of every route with every status that there is.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// A status line is short; what else answers on that port may not be.
const LINE_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_taken_from_the_url() {
        let rows = [
            ("http://127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("http://localhost:8080/health?x", Some("localhost:8080")),
            ("http://demo", Some("demo:80")),
            ("http://[::1]:8080/", Some("[::1]:8080")),
            ("http://[::1]", Some("[::1]:80")),
            ("https://127.0.0.1:8080", None),
            ("127.0.0.1:8080", None),
            ("http://", None),
        ];
        for (url, expected) in rows {
            assert_eq!(authority(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn head_and_body_are_told_apart() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let (head, body) = split(answer);
        assert_eq!((length(head), body), (Some(2), b"ok".as_slice()));
        assert_eq!(split(b"SSH-2.0\r\n"), ("SSH-2.0\r\n", b"".as_slice()), "no head that ends");
        assert_eq!(split(b"\xff\r\n\r\nrest").0, "", "no text");
        for head in ["HTTP/1.1 200 OK\r\n", "content-length: many\r\n", ""] {
            assert_eq!(length(head), None, "{head:?}");
        }
    }
}
