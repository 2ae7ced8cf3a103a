//! Over which protocols it is answered.

use crate::client::{Client, start};
use demo::{Config, Running, StartError, Tls, TlsError};
use hyper::Version;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{net::TcpListener, path::Path, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

async fn handshake(running: &Running, ca: &Path, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let socket = TcpStream::connect(running.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

#[tokio::test]
async fn http2_works_with_prior_knowledge() {
    let running = start(Config::default());
    let mut client = Client::http2(TcpStream::connect(running.addr()).await.unwrap()).await;
    let answer = client.get("/bytes/100000").await;
    assert_eq!((answer.version, answer.body.len()), (Version::HTTP_2, 100_000));
    assert_eq!(running.stats().count("GET /bytes/{n}", 200), 1);
}

#[tokio::test]
async fn tls_works_with_the_ca_that_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let ca_out = directory.path().join("ca.pem");
    let running = start(Config { tls: Tls::SelfSigned { ca_out: ca_out.clone() }, ..Config::default() });
    assert!(running.url().starts_with("https://"));

    let mut client = Client::http1(handshake(&running, &ca_out, b"http/1.1").await).await;
    assert_eq!(client.get("/").await.version, Version::HTTP_11);
    let mut client = Client::http2(handshake(&running, &ca_out, b"h2").await).await;
    assert_eq!(client.get("/").await.version, Version::HTTP_2);
    assert_eq!(running.stats().count("GET /", 200), 2);
}

#[tokio::test]
async fn tls_works_with_certificates_of_the_operator() {
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let running = start(Config { tls: Tls::Files { cert: cert.clone(), key }, ..Config::default() });
    let mut client = Client::http2(handshake(&running, &cert, b"h2").await).await;
    assert_eq!(client.get("/health").await.status, 200);
}

#[test]
fn a_missing_certificate_is_named() {
    let tls = Tls::Files { cert: "/nowhere/cert.pem".into(), key: "/nowhere/key.pem".into() };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    match demo::Service::start(Config { tls, ..Config::default() }, listener) {
        Err(StartError::Tls(TlsError::Pem { path, .. })) => assert_eq!(path, Path::new("/nowhere/cert.pem")),
        Err(other) => panic!("failed to {other}"),
        Ok(_) => panic!("started without a certificate"),
    }
}
