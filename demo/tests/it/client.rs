//! A client for the tests: one connection, HTTP/1.1 or HTTP/2, plain or TLS.

use bytes::Bytes;
use demo::{Config, Running, Service};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Version,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::TcpListener;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A service on a free port.
pub(crate) fn start(config: Config) -> Running {
    Service::start(config, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
}

/// One connection to a service.
pub(crate) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer, read to its end.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) async fn connect(running: &Running) -> Self {
        Self::http1(TcpStream::connect(running.addr()).await.unwrap()).await
    }

    pub(crate) async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    pub(crate) async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body).await.unwrap()
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: &str) -> hyper::Result<Answer> {
        let request = Request::builder().method(method).uri(path).header("host", "demo");
        self.request(request.body(Full::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn request(&mut self, mut request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                *request.uri_mut() = format!("http://demo{}", request.uri()).parse().unwrap();
                request.headers_mut().remove("host");
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        Ok(Answer { status: head.status, version: head.version, body: body.collect().await?.to_bytes() })
    }
}
