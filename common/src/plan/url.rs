//! The target's base URL: scheme, host, port and a path prefix, nothing else.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Where the target is: `http://host:port/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// A lower-case name or IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The port, the scheme's default when none was written; never 0.
    pub port: u16,
    /// Empty, or `/prefix` without a trailing slash: a step's path is appended to it.
    pub path: String,
}

/// Plain or encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// Why a text is no [`BaseUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Neither `http://` nor `https://` in front.
    #[error("a base URL begins with http:// or https://")]
    Scheme,
    /// `user:password@` in front of the host.
    #[error("a base URL holds no user or password")]
    UserInfo,
    /// Something after `?`.
    #[error("a base URL has no query")]
    Query,
    /// Something after `#`.
    #[error("a base URL has no fragment")]
    Fragment,
    /// Empty or malformed host.
    #[error("not a host name, IPv4 address or [IPv6 address]")]
    Host,
    /// Not 1 to 65535.
    #[error("not a port")]
    Port,
    /// Spaces, control characters or letters beyond ASCII in the path.
    #[error("a character that cannot stand in a path")]
    Path,
}

impl BaseUrl {
    /// Host and port as they stand in a `host` header: brackets round IPv6, the default port left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port when the URL names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl BaseUrlError {
    /// What to write instead.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Scheme | Self::Host => "write a base URL like \"http://127.0.0.1:8080\"",
            Self::UserInfo => "write an `authorization` header instead",
            Self::Query => "write the query in the step's path",
            Self::Fragment => "a fragment is never sent: leave it out",
            Self::Port => "ports go from 1 to 65535",
            Self::Path => "percent-encode it, like %20 for a space",
        }
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    /// # Errors
    /// [`BaseUrlError`] for anything but scheme, host, port and path.
    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.map_or(Ok(scheme.default_port()), read_port)?;
        if !is_path(path) {
            return Err(BaseUrlError::Path);
        }
        Ok(Self { scheme, host, port, path: path.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

/// Whether every byte may stand in the path and query of a request line.
pub(super) fn is_path(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`'))
}

/// Host (IPv6 without its brackets) and port of `host:port`.
pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<&str>), BaseUrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']').ok_or(BaseUrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BaseUrlError::Host)?;
        return match after.strip_prefix(':') {
            _ if after.is_empty() => Ok((address.to_string(), None)),
            Some(port) => Ok((address.to_string(), Some(port))),
            None => Err(BaseUrlError::Host),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_label = |label: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(legal)
    };
    // One dot may end a name: it then is absolute, and the resolver tries no search domains.
    let labels = host.strip_suffix('.').unwrap_or(host);
    if host.len() > LONGEST_HOST || !labels.split('.').all(is_label) {
        return Err(BaseUrlError::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn read_port(text: &str) -> Result<u16, BaseUrlError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port != 0 => Ok(port),
        _ => Err(BaseUrlError::Port),
    }
}

/// Bytes of the longest host name (RFC 1035).
const LONGEST_HOST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_scheme_host_port_and_prefix() {
        for (text, printed, authority, why) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080", "an address"),
            (
                "http://example.org/",
                "http://example.org",
                "example.org",
                "the slash at the end means nothing",
            ),
            (
                "https://Example.ORG:443/api/",
                "https://example.org/api",
                "example.org",
                "default port, prefix",
            ),
            ("HTTP://a:443", "http://a:443", "a:443", "the other scheme's port is no default"),
            ("http://[::1]:81/x", "http://[::1]:81/x", "[::1]:81", "IPv6"),
            ("https://[2001:DB8::0:1]", "https://[2001:db8::1]", "[2001:db8::1]", "IPv6, shortest form"),
            ("http://my_service.local.", "http://my_service.local.", "my_service.local.", "an absolute name"),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), printed, "{why}");
            assert_eq!(url.authority(), authority, "{why}");
            assert_eq!(printed.parse(), Ok(url), "{why}: what was printed reads back");
        }
    }

    #[test]
    fn anything_else_in_a_base_url_is_refused() {
        for (text, expected, why) in [
            ("", BaseUrlError::Scheme, "empty"),
            ("127.0.0.1:8080", BaseUrlError::Scheme, "no scheme"),
            ("ftp://a", BaseUrlError::Scheme, "another scheme"),
            ("http://", BaseUrlError::Host, "no host"),
            ("http://:80", BaseUrlError::Host, "a port without a host"),
            ("http://a..b", BaseUrlError::Host, "an empty label"),
            ("http://a b", BaseUrlError::Host, "a space"),
            ("http://::1", BaseUrlError::Host, "IPv6 without brackets"),
            ("http://[::1", BaseUrlError::Host, "an open bracket"),
            ("http://[::1]x", BaseUrlError::Host, "something behind the bracket"),
            ("http://[1.2.3.4]", BaseUrlError::Host, "IPv4 in brackets"),
            ("http://a:0", BaseUrlError::Port, "port zero"),
            ("http://a:", BaseUrlError::Port, "no port behind the colon"),
            ("http://a:+80", BaseUrlError::Port, "a sign"),
            ("http://a:65536", BaseUrlError::Port, "too high a port"),
            ("http://u:p@a", BaseUrlError::UserInfo, "a password"),
            ("http://a?q=1", BaseUrlError::Query, "a query"),
            ("http://a/#x", BaseUrlError::Fragment, "a fragment"),
            ("http://a/b c", BaseUrlError::Path, "a space in the path"),
            ("http://a/ü", BaseUrlError::Path, "not ASCII"),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(expected), "{text}: {why}");
        }
    }
}
