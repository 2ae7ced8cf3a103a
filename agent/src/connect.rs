//! The one place where connections are made, for both clients: every address is checked against the allow-list
//! when it is connected to, each part of the way is timed, and a failure is told as the target's or our own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::outcome::Outcome;
use common::plan::{Scheme, Target};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::allow::AllowList;

mod fault;
mod guard;
mod handshake;
mod resolve;
mod stream;
mod route;
mod tls;

pub use fault::{Failure, outcome_of};
pub use guard::{check_host_literal, guarded_resolver};
pub use handshake::Raw;
pub use stream::{ReadHalf, Socket, Stream, WriteHalf};
pub use tls::{Identity, client_config};

use route::Route;

/// Makes the connections of one engine thread to one target.
///
/// It remembers the target's addresses for a second, and TLS sessions for resumption as a browser does. There are
/// no time-outs here: the caller drops the future when it has waited long enough.
#[derive(Debug)]
pub struct Connector {
    route: Route,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A connection over which a request can be sent at once.
#[derive(Debug)]
pub struct Connection {
    /// Connected, without Nagle's delay. Under TLS only [`Raw`] may read and write it.
    pub stream: Stream,
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
    pub fn new(target: &Target, identity: Option<&Identity>, allow: Arc<AllowList>) -> Result<Self, String> {
        let url = &target.base_url;
        let tls = match url.scheme {
            Scheme::Http => None,
            Scheme::Https => {
                let config = client_config(&target.tls, identity, &[tls::HTTP1])?;
                Some((Arc::new(config), tls::server_name(&url.host)?))
            }
        };
        Ok(Self { route: Route::new(&url.host, url.port, &target.connection, allow), tls })
    }

    /// The addresses that [`Connector::connect`] would try, in this order: the target's, without those that must
    /// not be shot at; none for a Unix socket. Lets a plan be refused before the first request.
    ///
    /// # Errors
    /// [`Outcome::Dns`] or [`Outcome::TargetDenied`].
    pub async fn addresses(&self) -> Result<Arc<[SocketAddr]>, Failure> {
        match &self.route {
            Route::Net(addresses, _) => addresses.resolve().await,
            Route::Unix(..) => Ok([].into()),
        }
    }

    /// Tells whether the target takes connections at all, whatever it speaks over them.
    ///
    /// # Errors
    /// As [`Connector::connect`], TLS apart.
    pub async fn reach(&self) -> Result<(), Failure> {
        self.socket(Instant::now()).await.map(drop)
    }

    /// Makes a connection to the first address that takes one.
    ///
    /// # Errors
    /// [`Failure`] tells the target's faults from our own; of several addresses the last one's.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        self.connect_as(None).await
    }

    /// The same, as somebody else than the connector's own identity.
    ///
    /// # Errors
    /// As [`Connector::connect`]; [`Outcome::NotRendered`] for an identity that is none.
    pub async fn connect_as(&self, identity: Option<&Identity>) -> Result<Connection, Failure> {
        let begun = Instant::now();
        let (stream, resolved) = self.socket(begun).await?;
        let connected = Instant::now();
        let mut times = Times { dns: resolved - begun, tcp: connected - resolved, tls: Duration::ZERO };
        let Some((config, name)) = &self.tls else { return Ok(Connection { stream, tls: None, times }) };
        let config = match identity {
            None => Arc::clone(config),
            Some(identity) => Arc::new(
                identity.instead(config).map_err(|text| Failure { outcome: Outcome::NotRendered, text })?,
            ),
        };
        let tls = handshake::shake(stream.socket(), config, name.clone()).await?;
        times.tls = connected.elapsed();
        Ok(Connection { stream, tls: Some(Box::new(tls)), times })
    }

    /// A connected socket, and when the target's addresses were known.
    async fn socket(&self, begun: Instant) -> Result<(Stream, Instant), Failure> {
        match &self.route {
            Route::Net(addresses, sources) => {
                let addresses = addresses.resolve().await?;
                let resolved = Instant::now();
                Ok((route::tcp(&addresses, sources).await?, resolved))
            }
            Route::Unix(path, allow) => Ok((route::unix(path, allow).await?, begun)),
        }
    }
}

#[cfg(test)]
mod tests;
