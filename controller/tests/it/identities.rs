//! Who connects: a target that takes nobody without a certificate sees each user's own.

use crate::cluster::{Cluster, beside, plan, run_alone};
use crate::targets::PLAIN;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A request: the number of its connection, the certificate shown there, and its path.
type Asked = (usize, Vec<u8>, String);

/// A site behind TLS that lets nobody in without a certificate of its authority.
struct Site {
    url: String,
    authority: CertifiedIssuer<'static, KeyPair>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Site {
    fn start() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the site's");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let config = Arc::new(settings(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = Arc::clone(&asked);
        // It lives as long as the process: an idle listener disturbs nobody.
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().map_while(Result::ok).enumerate() {
                let (config, kept) = (Arc::clone(&config), Arc::clone(&kept));
                std::thread::spawn(move || serve(config, (number, socket), &kept));
            }
        });
        Self { url, authority, asked }
    }

    /// A certificate in this name and its key, in PEM form; and the certificate itself.
    fn identity(&self, name: &str) -> (String, String, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let own =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.authority).unwrap();
        (own.pem(), key.serialize_pem(), own.der().to_vec())
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn settings(authority: &CertifiedIssuer<'_, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let root = CertificateDer::from(authority.der().to_vec());
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from(own.der().to_vec())],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap()
}

/// Ends with the connection; that a client breaks it off, or is not let in, is no fault here.
fn serve(
    config: Arc<ServerConfig>,
    (number, socket): (usize, TcpStream),
    asked: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let shown = stream.get_ref().conn.peer_certificates()?.first()?.to_vec();
        let path = head.split(' ').nth(1)?.to_owned();
        asked.lock().unwrap().push((number, shown, path));
        stream.get_mut().write_all(PLAIN).ok()?;
        stream.get_mut().flush().ok()?;
    }
}

/// Users with a certificate each, in a file; and whose each certificate is.
fn write_users(site: &Site, path: &Path, count: usize) -> BTreeMap<Vec<u8>, String> {
    let mut file = csv::Writer::from_path(path).unwrap();
    file.write_record(["name", "cert", "key"]).unwrap();
    let mut owners = BTreeMap::new();
    for number in 0..count {
        let name = format!("user-{number}");
        let (cert, key, shown) = site.identity(&name);
        file.write_record([&name, &cert, &key]).unwrap();
        owners.insert(shown, name);
    }
    file.flush().unwrap();
    owners
}

#[test]
fn each_user_shows_the_certificate_of_its_own_row() {
    let _beside = beside();
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let users = folder.path().join("users.csv");
    let owners = write_users(&site, &users, USERS);
    // Users come back with new connections: what a session remembers is its user's, too.
    let target = format!(
        "connection = {{ use = \"per-user\", max_requests = 3 }}\n\
         tls = {{ ca = \"\"\"\n{}\"\"\", cert = \"{{{{ own.cert }}}}\", key = \"{{{{ own.key }}}}\" }}",
        site.authority.pem()
    );
    let load = format!("load.tries = {{ count = {TRIES}, users = {USERS}, within = \"1m\" }}");
    let data = format!("[[data]]\nname = \"own\"\ncsv = \"{}\"\norder = \"per-user\"", users.display());
    let step = format!("path = \"/{{{{ own.name }}}}\"\n{data}");
    let run = Cluster::start(&plan(&site.url, &target, &load, &step), 2, false).end();
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    assert_eq!(run.series("s").outcomes.get("ok"), Some(&TRIES), "{:?}", run.series("s").outcomes);
    let asked = site.asked();
    assert_eq!(asked.len() as u64, TRIES);
    for (_, shown, path) in &asked {
        let owner = owners.get(shown).expect("a certificate of a row");
        assert_eq!(*path, format!("/{owner}"), "the certificate is of the row that the request is of");
    }
    let seen: BTreeSet<&Vec<u8>> = asked.iter().map(|(_, shown, _)| shown).collect();
    assert_eq!(seen.len(), USERS, "every user came");
    let connections: BTreeSet<usize> = asked.iter().map(|(number, ..)| *number).collect();
    assert!(connections.len() as u64 >= TRIES / 3, "{} connections", connections.len());
}

#[test]
fn nobody_is_let_in_without_a_certificate() {
    let _beside = beside();
    let site = Site::start();
    let target = format!("tls = {{ ca = \"\"\"\n{}\"\"\" }}", site.authority.pem());
    let load = "load.rate = [ { at = \"50/s\", for = \"200ms\" } ]";
    let run = run_alone(&plan(&site.url, &target, load, "path = \"/\""));
    assert_eq!(site.asked(), []);
    let row = run.series("s");
    assert_eq!((row.requests, row.errors), (10, 10), "{:?}", row.outcomes);
}

const USERS: usize = 6;
const TRIES: u64 = 120;
