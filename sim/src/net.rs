//! Simulated connections in the shapes that tonic takes.

use agent::world::Dial;
use futures_util::{Stream, stream};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::Uri;
use tonic::transport::server::Connected;
use turmoil::net::{TcpListener, TcpStream};

/// Where the controller listens on its host.
pub const CONTROLLER: &str = "controller:50051";
/// Where the target listens on its host.
pub const TARGET: &str = "target:80";

/// The way to a controller over the simulated network.
#[must_use]
pub fn dial() -> Dial {
    Arc::new(|endpoint| {
        let connector = tower::service_fn(|uri: Uri| async move {
            let address = uri.authority().map_or("", |authority| authority.as_str()).to_owned();
            Ok::<_, io::Error>(TokioIo::new(TcpStream::connect(address).await?))
        });
        Box::pin(async move { endpoint.connect_with_connector(connector).await })
    })
}

/// Listens on every address of the host that calls.
pub async fn listen(place: &str) -> io::Result<TcpListener> {
    let port = place.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(0);
    TcpListener::bind(("0.0.0.0", port)).await
}

/// The connections that come in.
pub fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Incoming>> + Send + 'static {
    stream::unfold(listener, |listener| async move {
        let accepted = listener.accept().await.map(|(stream, _)| Incoming(stream));
        Some((accepted, listener))
    })
}

/// A connection that came in.
#[derive(Debug)]
pub struct Incoming(TcpStream);

impl Connected for Incoming {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Incoming {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Incoming {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
