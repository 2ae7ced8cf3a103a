//! The one place where connections are made, for both clients: every address is checked against the allow-list
//! when it is connected to, each part of the way is timed, and a failure is told as the target's or our own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::outcome::Outcome;
use common::plan::{Scheme, Target};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::net::TcpStream;

use crate::allow::AllowList;

mod fault;
mod guard;
mod handshake;
mod resolve;
mod tls;

pub use fault::{Failure, outcome_of};
pub use guard::{check_host_literal, guarded_resolver};
pub use handshake::Raw;
pub use tls::client_config;

use resolve::Addresses;

/// Makes the connections of one engine thread to one target.
///
/// It remembers the target's addresses for a second, and TLS sessions for resumption as a browser does. There are
/// no time-outs here: the caller drops the future when it has waited long enough.
#[derive(Debug)]
pub struct Connector {
    addresses: Addresses,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A connection over which a request can be sent at once.
#[derive(Debug)]
pub struct Connection {
    /// Connected, without Nagle's delay. Under TLS only [`Raw`] may read and write it.
    pub stream: TcpStream,
    /// The finished handshake; boxed, for most connections have none.
    pub tls: Option<Box<ClientConnection>>,
    /// How long it took to make.
    pub times: Times,
}

/// How long each part of making a connection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Waiting for the target's addresses; next to nothing when they were known.
    pub dns: Duration,
    /// From there to a connected socket, over all addresses that were tried.
    pub tcp: Duration,
    /// The handshake; zero without TLS.
    pub tls: Duration,
}

impl Connector {
    /// Prepares connections to `target`, without making one yet.
    ///
    /// # Errors
    /// One line with the remedy, when TLS cannot be set up as the plan wants it.
    pub fn new(target: &Target, allow: Arc<AllowList>) -> Result<Self, String> {
        let url = &target.base_url;
        let tls = match url.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let config = client_config(&target.tls, &[tls::HTTP1])?;
                Some((Arc::new(config), tls::server_name(&url.host)?))
            }
        };
        Ok(Self { addresses: Addresses::new(&url.host, url.port, allow), tls })
    }

    /// The addresses that [`Connector::connect`] would try, in this order: the target's, without those that must
    /// not be shot at. Lets a plan be refused before the first request.
    ///
    /// # Errors
    /// [`Outcome::Dns`] or [`Outcome::TargetDenied`].
    pub async fn addresses(&self) -> Result<Arc<[SocketAddr]>, Failure> {
        self.addresses.resolve().await
    }

    /// Tells whether the target takes connections at all, whatever it speaks over them.
    ///
    /// # Errors
    /// As [`Connector::connect`], TLS apart.
    pub async fn reach(&self) -> Result<(), Failure> {
        tcp(&self.addresses.resolve().await?).await.map(drop)
    }

    /// Makes a connection to the first address that takes one.
    ///
    /// # Errors
    /// [`Failure`] tells the target's faults from our own; of several addresses the last one's.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let begun = Instant::now();
        let addresses = self.addresses.resolve().await?;
        let resolved = Instant::now();
        let stream = tcp(&addresses).await?;
        let connected = Instant::now();
        let mut times = Times { dns: resolved - begun, tcp: connected - resolved, tls: Duration::ZERO };
        let Some((config, name)) = &self.tls else { return Ok(Connection { stream, tls: None, times }) };
        let tls = handshake::shake(&stream, Arc::clone(config), name.clone()).await?;
        times.tls = connected.elapsed();
        Ok(Connection { stream, tls: Some(Box::new(tls)), times })
    }
}

/// Tries one address after the other.
async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = None;
    for address in addresses {
        match open(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let outcome = fault::outcome_of_socket(&error);
                let failure = Failure { outcome, text: format!("connect to {address}: {error}") };
                if outcome == Outcome::NoDescriptor {
                    return Err(failure); // no other address helps
                }
                last = Some(failure);
            }
        }
    }
    let none =
        || Failure { outcome: Outcome::Dns, text: "connect to a target without an address".to_owned() };
    Err(last.unwrap_or_else(none))
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    usable(TcpStream::connect(address).await?, address)
}

fn usable(stream: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    // Where nobody listens on a port that is also free for clients, the kernel may pick it for our own end and
    // connect the socket to itself.
    if stream.local_addr()? == address {
        return Err(io::Error::from(rustix::io::Errno::CONNREFUSED));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
