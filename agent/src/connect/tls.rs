//! TLS as the plan wants it, the same for both clients.

use std::fmt;
use std::sync::{Arc, LazyLock};

use common::plan::Tls;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The protocol of the lean client in ALPN.
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// TLS 1.2 and 1.3 with the system's roots and the plan's, offering the protocols `alpn`. For reqwest:
/// `ClientBuilder::tls_backend_preconfigured`.
///
/// # Errors
/// One line with the remedy: no usable root certificate at all, or a `tls.ca` that holds none.
pub fn client_config(tls: &Tls, identity: Option<&Identity>, alpn: &[&[u8]]) -> Result<ClientConfig, String> {
    // Named, not the process's default: that one panics when a dependency brings a second provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = if tls.verify {
        builder.with_root_certificates(roots(tls.ca.as_deref())?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    };
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            let refused = |error| format!("tls.cert, tls.key: {error}");
            builder.with_client_auth_cert(chain, key).map_err(refused)?
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Who connects: a certificate and its key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// PEM text: the certificate, then those it was signed with.
    pub cert: String,
    /// PEM text of the private key.
    pub key: String,
}

impl Identity {
    /// A configuration that differs from another only in who connects. Sessions are not resumed: they would be the
    /// other's.
    pub(super) fn instead(&self, config: &ClientConfig) -> Result<ClientConfig, String> {
        let (chain, key) = self.read()?;
        let certified = CertifiedKey::from_der(chain, key, config.crypto_provider());
        let certified = certified.map_err(|error| format!("tls.cert, tls.key: {error}"))?;
        let mut own = config.clone();
        own.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        own.resumption = Resumption::disabled();
        Ok(own)
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.cert.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("tls.cert: {error}: write certificates in PEM form"))?;
        if chain.is_empty() {
            return Err("tls.cert: no certificate in it: write certificates in PEM form".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        Ok((chain, key.map_err(|error| format!("tls.key: {error}: write a private key in PEM form"))?))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// The name that the target's certificate must carry.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    // The dot that ends an absolute name is no part of it here (RFC 6066, 3).
    let name = host.strip_suffix('.').unwrap_or(host).to_owned();
    ServerName::try_from(name).map_err(|_| {
        format!("`{host}` cannot stand in a certificate: use a host name or an address in base_url")
    })
}

fn roots(ca: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // Systems hold certificates that rustls does not take; the others do.
    let (taken, _ignored) = roots.add_parsable_certificates(SYSTEM.iter().cloned());
    if let Some(ca) = ca {
        let refused = |why: &dyn std::fmt::Display| {
            format!("tls.ca: {why}: write certificates in PEM form, -----BEGIN CERTIFICATE----- to -----END")
        };
        let mut own = 0;
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate.map_err(|error| refused(&error))?).map_err(|error| refused(&error))?;
            own += 1;
        }
        if own == 0 {
            return Err(refused(&"no certificate in it"));
        }
    } else if taken == 0 {
        return Err(
            "the system has no root certificates: install ca-certificates, set SSL_CERT_FILE, or name \
                    the target's CA in tls.ca"
                .to_owned(),
        );
    }
    Ok(roots)
}

/// The system's certificates: read once, not once per engine thread. Files that cannot be read only matter when
/// nothing is left, which `roots` says.
static SYSTEM: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// The dangerous place: takes every certificate, because the plan says `verify = false`. What is encrypted this
/// way can be read by whoever stands in between; it is for targets with makeshift certificates only.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    // A signature proves that the peer owns the certificate, which says nothing when any certificate will do;
    // checking it would only refuse certificates too old or odd to be parsed.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_carries_the_hosts_name_or_address() {
        for (host, expected, why) in [
            ("example.org", Some("example.org"), "a name"),
            ("example.org.", Some("example.org"), "an absolute name"),
            ("my_service", Some("my_service"), "an underscore, as in container networks"),
            ("127.0.0.1", Some("127.0.0.1"), "an address"),
            ("2001:db8::1", Some("2001:db8::1"), "an IPv6 address"),
            ("2130706433", None, "a number is neither"),
        ] {
            let got = server_name(host).map(|name| name.to_str().into_owned());
            assert_eq!(got.as_deref().ok(), expected, "{host}: {why}: {got:?}");
        }
    }
}
