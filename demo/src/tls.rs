//! TLS for the listener: the operator's certificate, or one from a CA made on the spot.

use crate::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem, pem::PemObject},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why the service cannot speak TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("read PEM file {path:?}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate and the key do not serve together.
    #[error("use the certificate: {0}")]
    Certificate(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The CA's certificate cannot be written.
    #[error("write the CA's certificate to {path:?}: {source}")]
    WriteCa {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What turns sockets into TLS connections that offer HTTP/2 and HTTP/1.1.
pub(crate) fn acceptor(tls: &Tls) -> Result<Option<TlsAcceptor>, TlsError> {
    let (chain, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => read_files(cert, key)?,
        Tls::SelfSigned { ca_out } => make_certificate(ca_out)?,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_files(cert: &Path, key: &Path) -> Result<Identity, TlsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(failed(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
    Ok((chain, key))
}

fn make_certificate(ca_out: &Path) -> Result<Identity, TlsError> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "Stampede demo CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca_cert = ca.self_signed(&ca_key)?;
    fs::write(ca_out, ca_cert.pem())
        .map_err(|source| TlsError::WriteCa { path: ca_out.to_owned(), source })?;

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let server_key = KeyPair::generate()?;
    let server_cert =
        CertificateParams::new(names)?.signed_by(&server_key, &Issuer::from_params(&ca, &ca_key))?;
    let key = PrivatePkcs8KeyDer::from(server_key.serialize_der());
    Ok((vec![server_cert.der().clone()], key.into()))
}
