//! Who connects: the certificate that the target sees.

use std::sync::mpsc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::secure::authority;
use super::*;

/// A certificate of an authority, and its key.
fn identity(issuer: &rcgen::Issuer<'_, KeyPair>, name: &str) -> (Identity, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    (Identity { cert: certificate.pem(), key: key.serialize_pem() }, certificate.der().clone())
}

/// A server that takes nobody without a certificate of its authority, and tells whose it saw.
fn server(
    issuer: &rcgen::Issuer<'_, KeyPair>,
    root: CertificateDer<'static>,
) -> (u16, mpsc::Receiver<Option<CertificateDer<'static>>>) {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![own.der().clone()], secret)
        .unwrap();
    let (listener, port) = listen();
    let (seen, told) = mpsc::channel();
    std::thread::spawn(move || {
        for mut peer in listener.incoming().map_while(Result::ok) {
            let mut tls = ServerConnection::new(Arc::new(config.clone())).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut peer).is_ok() {}
            let whose = tls.peer_certificates().and_then(|chain| chain.first()).cloned();
            seen.send(whose.map(CertificateDer::into_owned)).unwrap();
        }
    });
    (port, told)
}

#[tokio::test]
async fn each_connection_shows_the_certificate_of_who_connects() {
    let (issuer, ca) = authority("the users'");
    let (port, told) = server(&issuer, issuer.der().clone());
    let (everybody, common) = identity(&issuer, "everybody");
    let target = target(&format!("https://localhost:{port}"), Some(&ca), true);
    let connector = Connector::new(&target, Some(&everybody), Arc::default()).unwrap();
    for name in ["one", "two"] {
        let (user, own) = identity(&issuer, name);
        let _connection = connector.connect_as(Some(&user)).await.unwrap();
        assert_eq!(told.recv().unwrap(), Some(own), "{name}");
    }
    let _connection = connector.connect().await.unwrap();
    assert_eq!(told.recv().unwrap(), Some(common), "the connector's own");
}

#[test]
fn an_identity_that_is_none_says_what_to_write() {
    let (issuer, _) = authority("the users'");
    let (good, _) = identity(&issuer, "good");
    let (other, _) = identity(&issuer, "other");
    let target = target("https://localhost", None, false);
    for (cert, key, expected, why) in [
        ("", &*good.key, "tls.cert: no certificate in it", "nothing"),
        (&*good.cert, "", "tls.key: ", "no key"),
        (&*good.cert, &*other.key, "tls.cert, tls.key: ", "another's key"),
    ] {
        let identity = Identity { cert: cert.to_owned(), key: key.to_owned() };
        let error = Connector::new(&target, Some(&identity), Arc::default()).unwrap_err();
        assert!(error.starts_with(expected), "{why}: {error}");
        assert!(!error.contains("PRIVATE KEY"), "{why}: {error}");
    }
}
