//! The guard as the second client meets it.

use std::io::{Read, Write};
use std::sync::Arc;

use common::outcome::Outcome;
use common::plan::Tls;
use reqwest::{Client, Url};

use super::secure::{self, Server};
use super::{deserted, listen};
use crate::allow::AllowList;
use crate::connect::{check_host_literal, client_config, guarded_resolver, outcome_of};
use common::plan::Connection as Policy;

fn client(ca: &str) -> Client {
    let tls = client_config(
        &Tls { ca: Some(ca.to_owned()), verify: true, identity: None },
        None,
        &[b"h2", b"http/1.1"],
    )
    .unwrap();
    Client::builder()
        .dns_resolver(guarded_resolver(Arc::default(), &Policy::default()))
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_second_clients_failures_are_told_apart_as_well() {
    let (ca, other_ca) = (secure::authority("one").1, secure::authority("another").1);
    let server = Server::start("localhost", &[]);
    let (_held, deserted) = deserted();
    let (listener, silent) = listen();
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        assert!(peer.read(&mut [0; 4096]).unwrap() > 0, "the client speaks first, then is hung up on");
    });
    for (ca, url, expected) in [
        (&ca, format!("http://127.0.0.1:{}", deserted), Outcome::ConnectRefused),
        (&ca, format!("http://localhost:{}", deserted), Outcome::ConnectRefused),
        (&ca, "http://nowhere.invalid".to_owned(), Outcome::Dns),
        (&other_ca, format!("https://localhost:{}", server.port), Outcome::Tls),
        (&ca, format!("https://localhost:{silent}"), Outcome::Tls),
    ] {
        let error = client(ca).get(&url).send().await.unwrap_err();
        assert!(error.is_connect(), "{url}: {error:?}");
        assert_eq!(outcome_of(&error), expected, "{url}: {error:?}");
    }
}

#[tokio::test]
async fn the_second_clients_names_pass_the_allow_list() {
    use reqwest::dns::Resolve;

    // The system's resolver takes an address for a name that needs no asking: no network is needed to be denied.
    let resolver = guarded_resolver(Arc::default(), &Policy::default());
    assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
    let Err(error) = resolver.resolve("93.184.216.34".parse().unwrap()).await else {
        panic!("a public address was told")
    };
    assert_eq!(outcome_of(&*error), Outcome::TargetDenied);
}

#[test]
fn addresses_in_urls_are_checked_however_they_are_written() {
    for (url, is_allowed, why) in [
        ("http://127.0.0.1:1/", true, "loopback"),
        ("http://[::1]/", true, "loopback"),
        ("http://2130706433/", true, "loopback as one number"),
        ("http://example.org/", true, "names meet the resolver"),
        ("http://93.184.216.34/", false, "public"),
        ("http://1572395042/", false, "public as one number"),
        ("http://0x5d.0xb8.0xd822/", false, "public in sixteens"),
        ("http://[::ffff:169.254.169.254]/", false, "metadata inside IPv6"),
        ("http://0/", false, "unspecified as one digit"),
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(check_host_literal(&url, &AllowList::default()).is_ok(), is_allowed, "{url}: {why}");
    }
}

#[tokio::test]
async fn the_second_client_reaches_what_is_allowed() {
    let (listener, port) = listen();
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        assert!(peer.read(&mut [0; 4096]).unwrap() > 0);
        peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    });
    let answer =
        client(&secure::authority("any").1).get(format!("http://localhost:{port}")).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}
