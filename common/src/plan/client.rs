//! How requests travel to the target: which client sends them, over which connections.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::faults::{Faults, LONGEST_WAIT};
use super::url::host_and_port;
use super::{HttpVersion, written};

/// The two clients of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// HTTP/1.1 over bare sockets: one write and one read per request.
    Lean,
    /// reqwest: what the lean one does not speak.
    Full,
}

/// Who uses a connection again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// Everybody.
    #[default]
    Pooled,
    /// The user that made it; in open loads the iteration.
    PerUser,
    /// Nobody: each request makes its own.
    PerRequest,
}

/// Connections to the target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// Who uses a connection again.
    pub reuse: Reuse,
    /// Requests on a connection before it is closed.
    pub max_requests: Option<NonZeroU32>,
    /// How old a connection may be when it gets a request.
    pub max_age: Option<Duration>,
    /// Addresses of the agent's machine to connect from, in turn; empty: as the system chooses.
    pub source: Vec<IpAddr>,
    /// A Unix socket in place of the target's address: an absolute path.
    pub unix: Option<String>,
    /// Where to connect to instead, lower-case hosts.
    pub resolve: Vec<(Endpoint, Endpoint)>,
}

/// A host, by name or address (IPv6 without brackets), and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Lower-case.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl Client {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lean => "lean",
            Self::Full => "reqwest",
        }
    }
}

impl Connection {
    /// Where a connection to this host and port goes.
    #[must_use]
    pub fn endpoint(&self, host: &str, port: u16) -> Endpoint {
        let named = self.resolve.iter().find(|(from, _)| from.host == host && from.port == port);
        named.map_or_else(|| Endpoint { host: host.to_owned(), port }, |(_, to)| to.clone())
    }
}

/// The valid connection policy.
pub(super) fn connection(
    written: Option<&Spanned<written::Connection>>,
    faults: &mut Faults,
) -> Option<Connection> {
    let Some(written) = written.map(Spanned::get_ref) else { return Some(Connection::default()) };
    let reuse = written.reuse.unwrap_or_default();
    let most = written.max_requests.as_ref();
    let age = written.max_age.as_ref();
    let max_age = age.map(|age| faults.duration("max_age", Some(age), Duration::ZERO, LONGEST_WAIT));
    for (key, span) in [("max_requests", most.map(Spanned::span)), ("max_age", age.map(Spanned::span))] {
        if let Some(span) = span.filter(|_| reuse == Reuse::PerRequest) {
            let message = format!("`{key}` has no meaning where each request has a connection of its own");
            faults.add(span, message, "leave it out, or write use = \"pooled\" or \"per-user\"");
        }
    }
    let source: Vec<_> = written.source.iter().flatten().map(|address| source(address, faults)).collect();
    let unix = written.unix.as_ref().map(|path| unix(path, faults));
    if let Some(path) = &written.unix
        && (written.source.is_some() || written.resolve.is_some())
    {
        let message = "`unix` has neither source addresses nor names to resolve";
        faults.add(path.span(), message, "leave out `source` and `resolve`, or `unix`");
    }
    let mut resolve = Vec::new();
    for (from, to) in written.resolve.iter().flatten() {
        let (from, to) = (endpoint(from, faults), endpoint(to, faults));
        resolve.extend(from.zip(to));
    }
    Some(Connection {
        reuse,
        max_requests: most.and_then(|most| NonZeroU32::new(*most.get_ref())),
        max_age: max_age.map_or(Some(None), |age| age.map(Some))?,
        source: source.into_iter().collect::<Option<_>>()?,
        unix: unix.map_or(Some(None), |path| path.map(Some))?,
        resolve,
    })
}

/// What the second client cannot do, which HTTP/2 and redirects need.
pub(super) fn second_client(written: &Spanned<written::Connection>, http: HttpVersion, faults: &mut Faults) {
    let own = written.get_ref();
    let why = if http == HttpVersion::Http2 { "http = \"2\"" } else { "`redirects`" };
    let mut refuse = |span: Range<usize>, what: &str| {
        let message = format!("{what} together with {why} is not supported");
        faults.add(span, message, "the client for HTTP/2 and redirects manages its connections itself");
    };
    if own.reuse == Some(Reuse::PerUser) {
        refuse(written.span(), "use = \"per-user\"");
    }
    if own.reuse == Some(Reuse::PerRequest) && http == HttpVersion::Http2 {
        refuse(written.span(), "use = \"per-request\"");
    }
    if let Some(most) = &own.max_requests {
        refuse(most.span(), "`max_requests`");
    }
    if let Some(age) = &own.max_age {
        refuse(age.span(), "`max_age`");
    }
    for (from, to) in own.resolve.iter().flatten() {
        let port = |end: &Spanned<String>| end.get_ref().rsplit(':').next().map(str::to_owned);
        let is_address = host_and_port(from.get_ref()).is_ok_and(|(host, _)| host.parse::<IpAddr>().is_ok());
        if is_address || port(from) != port(to) {
            refuse(from.span(), "`resolve` of an address, or to another port,");
        }
    }
}

fn source(written: &Spanned<String>, faults: &mut Faults) -> Option<IpAddr> {
    let read = written.get_ref().parse::<IpAddr>().ok().filter(|address| !address.is_unspecified());
    let help = "write an address of the agent's machine, like \"192.0.2.1\"";
    faults.take("source", written.span(), read.ok_or(("not an address to connect from", help)))
}

fn unix(written: &Spanned<String>, faults: &mut Faults) -> Option<String> {
    let path = written.get_ref();
    let read = if !path.starts_with('/') || path.contains('\0') {
        Err(("not a path from the root", "write the socket's whole path, like \"/run/api.sock\""))
    } else if path.len() > LONGEST_SOCKET {
        Err(("a path too long for a socket", "at most 107 bytes"))
    } else {
        Ok(path.clone())
    };
    faults.take("unix", written.span(), read)
}

fn endpoint(written: &Spanned<String>, faults: &mut Faults) -> Option<Endpoint> {
    let read = match host_and_port(&written.get_ref().to_ascii_lowercase()) {
        Ok((host, Some(port))) => Ok((host, port.parse::<u16>().ok().filter(|port| *port > 0))),
        _ => Err(("not HOST:PORT", ENDPOINT)),
    };
    let read = read.and_then(|(host, port)| match port {
        Some(port) => Ok(Endpoint { host, port }),
        None => Err(("not a port", ENDPOINT)),
    });
    faults.take("resolve", written.span(), read)
}

/// Bytes of the longest path that fits into a socket's address on Linux.
const LONGEST_SOCKET: usize = 107;
const ENDPOINT: &str = "write resolve = { \"api.example:443\" = \"127.0.0.1:8443\" }";
