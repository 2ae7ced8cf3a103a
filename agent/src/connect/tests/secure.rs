//! A TLS server on loopback with a certificate authority of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

/// Serves on loopback until the test's process ends, and sends back whatever it is sent.
pub(super) struct Server {
    pub(super) port: u16,
    /// The authority's certificate in PEM form.
    pub(super) ca: String,
}

/// A new certificate authority and its certificate in PEM form.
pub(super) fn authority(name: &str) -> (CertifiedIssuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pem = issuer.pem();
    (issuer, pem)
}

impl Server {
    /// With a certificate for the host `name`.
    pub(super) fn start(name: &str, alpn: &[&[u8]]) -> Self {
        let (issuer, ca) = authority("the server's");
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let config = Arc::new(config);
        let (listener, port) = super::listen();
        std::thread::spawn(move || {
            for peer in listener.incoming() {
                let config = Arc::clone(&config);
                std::thread::spawn(move || echo(config, peer.unwrap()));
            }
        });
        Self { port, ca }
    }
}

/// Ends with the connection; that a client breaks it off is what some tests are about.
fn echo(config: Arc<ServerConfig>, mut peer: TcpStream) {
    let mut tls = ServerConnection::new(config).unwrap();
    let mut stream = Stream::new(&mut tls, &mut peer);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
