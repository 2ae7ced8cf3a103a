//! The way to the target: over the network, from one of the agent's addresses, or through a Unix socket.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::outcome::Outcome;
use common::plan::Connection as Policy;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::fault::{Failure, outcome_of_socket};
use super::resolve::Addresses;
use super::stream::Stream;
use crate::allow::AllowList;

/// Where connections go, and from where.
#[derive(Debug)]
pub(super) enum Route {
    /// To the target's addresses.
    Net(Addresses, Sources),
    /// To a socket of the machine itself.
    Unix(PathBuf, Arc<AllowList>),
}

/// Local addresses, in turn.
#[derive(Debug)]
pub(super) struct Sources {
    list: Vec<IpAddr>,
    next: Cell<usize>,
}

impl Route {
    /// The way to `host` and `port` under a policy.
    pub(super) fn new(host: &str, port: u16, policy: &Policy, allow: Arc<AllowList>) -> Self {
        if let Some(path) = &policy.unix {
            return Self::Unix(PathBuf::from(path), allow);
        }
        let end = policy.endpoint(host, port);
        Self::Net(Addresses::new(&end.host, end.port, allow), Sources::new(&policy.source))
    }
}

impl Sources {
    pub(super) fn new(list: &[IpAddr]) -> Self {
        Self { list: list.to_vec(), next: Cell::new(0) }
    }

    /// The next one of the same family as `address`; `None` when none was asked for.
    fn take(&self, address: SocketAddr) -> Option<Result<IpAddr, Failure>> {
        if self.list.is_empty() {
            return None;
        }
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        let fitting = || self.list.iter().filter(|source| source.is_ipv4() == address.is_ipv4());
        let source = fitting().nth(turn % fitting().count().max(1)).copied();
        Some(source.ok_or_else(|| Failure {
            outcome: Outcome::ConnectFailed,
            text: format!("connect to {address}: no address in target.connection.source is of its kind"),
        }))
    }
}

/// Tries one address after the other.
pub(super) async fn tcp(addresses: &[SocketAddr], sources: &Sources) -> Result<Stream, Failure> {
    let mut last = None;
    for address in addresses {
        let failure = match open(*address, sources).await {
            Ok(stream) => return Ok(Stream::Tcp(stream)),
            Err(failure) => failure,
        };
        if failure.outcome == Outcome::NoDescriptor {
            return Err(failure); // no other address helps
        }
        last = Some(failure);
    }
    let none =
        || Failure { outcome: Outcome::Dns, text: "connect to a target without an address".to_owned() };
    Err(last.unwrap_or_else(none))
}

/// Connects to a Unix socket, when the agent's operator has nothing against it.
pub(super) async fn unix(path: &Path, allow: &AllowList) -> Result<Stream, Failure> {
    let failed = |error: &io::Error| Failure {
        outcome: outcome_of_socket(error),
        text: format!("connect to {}: {error}", path.display()),
    };
    // What stands behind links is what is connected to.
    let real = tokio::fs::canonicalize(path).await.map_err(|error| failed(&error))?;
    allow
        .check_socket(&real)
        .map_err(|denied| Failure { outcome: Outcome::TargetDenied, text: denied.to_string() })?;
    UnixStream::connect(&real).await.map(Stream::Unix).map_err(|error| failed(&error))
}

async fn open(address: SocketAddr, sources: &Sources) -> Result<TcpStream, Failure> {
    let source = sources.take(address).transpose()?;
    let failed = |error: io::Error| {
        let from = source.map(|source| format!(" from {source}")).unwrap_or_default();
        Failure { outcome: outcome_of_socket(&error), text: format!("connect to {address}{from}: {error}") }
    };
    let stream = match source {
        None => TcpStream::connect(address).await,
        Some(source) => connect_from(source, address).await,
    };
    stream.and_then(|stream| usable(stream, address)).map_err(failed)
}

async fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

pub(super) fn usable(stream: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    // Where nobody listens on a port that is also free for clients, the kernel may pick it for our own end and
    // connect the socket to itself.
    if stream.local_addr()? == address {
        return Err(io::Error::from(rustix::io::Errno::CONNREFUSED));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}
