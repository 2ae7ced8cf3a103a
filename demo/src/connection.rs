//! One connection: TLS if it is asked for, then HTTP/1.1 or HTTP/2, whichever the client speaks.

use crate::{exchange::exchange, service::Service};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::Watcher},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// Serves a connection until the client closes it or `watcher` asks for the end.
pub(crate) async fn serve(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    watcher: Watcher,
) {
    let Some(tls) = tls else {
        return serve_http(socket, service, watcher).await;
    };
    // A client that does not finish its handshake gets no answer; it sees the connection close.
    if let Ok(Ok(stream)) = timeout(HANDSHAKE_WAIT, tls.accept(socket)).await {
        serve_http(stream, service, watcher).await;
    }
}

async fn serve_http<S>(stream: S, service: Arc<Service>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(exchange(&service, request).await) }
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(HEAD_BYTES_MAX);
    http.http2().max_concurrent_streams(STREAMS_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), answer).into_owned();
    // A connection fails when its client breaks the protocol or leaves: the client knows, and what was
    // decided before has been counted.
    let _ = watcher.watch(connection).await;
}

/// A handshake takes two round trips.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// The head of a request must fit.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Requests at once on one HTTP/2 connection: enough that the client's limits are the ones that count.
const STREAMS_MAX: u32 = 1_000;
