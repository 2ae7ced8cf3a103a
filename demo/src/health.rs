//! Asks a service whether it is well, for container images without a shell or an HTTP client.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};
use thiserror::Error;

/// Why a service does not count as healthy.
#[derive(Debug, Error)]
pub enum HealthError {
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
    #[error("get a healthy answer from {authority}: got {line:?}")]
    Unhealthy {
        /// Host and port.
        authority: String,
        /// The first line of the answer, at most 64 bytes of it.
        line: String,
    },
}

/// Succeeds when `GET /health` of the service at `url` (`http://HOST:PORT`) answers 200 within 3 s per step.
pub fn check(url: &str) -> Result<(), HealthError> {
    let authority = authority(url).ok_or_else(|| HealthError::Url(url.to_owned()))?;
    let line = ask(&authority).map_err(|source| HealthError::Io { authority: authority.clone(), source })?;
    if line.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(HealthError::Unhealthy { authority, line }) }
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

fn ask(authority: &str) -> io::Result<String> {
    let mut stream = connect(authority)?;
    stream.set_read_timeout(Some(STEP_WAIT))?;
    stream.set_write_timeout(Some(STEP_WAIT))?;
    write!(stream, "GET /health HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_to_end(&mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.lines().next().unwrap_or_default().to_owned())
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

/// Health checks of containers are cut off after some seconds themselves.
const STEP_WAIT: Duration = Duration::from_secs(3);

/// The status line is all that matters.
const LINE_BYTES_MAX: u64 = 64;

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
}
