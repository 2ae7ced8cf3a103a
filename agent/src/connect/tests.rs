use std::net::{Ipv4Addr, TcpListener};

use common::outcome::Outcome;
use common::plan::{Connection as Policy, HttpVersion, Target, Tls};

use super::*;
use secure::Server;
use tokio::net::TcpSocket;

mod identity;
mod policy;
mod second;
mod secure;

fn target(base_url: &str, ca: Option<&str>, verify: bool) -> Target {
    Target {
        base_url: base_url.parse().unwrap(),
        timeout: Duration::from_secs(5),
        headers: Vec::new(),
        http: HttpVersion::Http1,
        identify: false,
        tls: Tls { ca: ca.map(str::to_owned), verify, identity: None },
        connection: Policy::default(),
    }
}

async fn connect(target: &Target, allow: &[&str]) -> Result<Connection, Failure> {
    let allow = AllowList::new(allow.iter().map(|entry| entry.parse().unwrap()));
    Connector::new(target, None, Arc::new(allow)).unwrap().connect().await
}

/// A listener on loopback; its port.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port on loopback where nobody listens, nor will while the socket is held.
fn deserted() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

#[tokio::test]
async fn a_connection_goes_to_the_target_without_delay() {
    let (listener, port) = listen();
    for host in ["127.0.0.1", "localhost"] {
        let connection = connect(&target(&format!("http://{host}:{port}"), None, true), &[]).await.unwrap();
        let Stream::Tcp(stream) = &connection.stream else { panic!("an address is no Unix socket") };
        assert!(stream.nodelay().unwrap());
        assert!(connection.tls.is_none());
        assert!(connection.times.tcp > Duration::ZERO);
        assert_eq!(connection.times.tls, Duration::ZERO);
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, stream.local_addr().unwrap());
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let (_held, port) = deserted();
    for host in ["127.0.0.1", "localhost"] {
        let failure = connect(&target(&format!("http://{host}:{port}"), None, true), &[]).await.unwrap_err();
        assert_eq!(failure.outcome, Outcome::ConnectRefused, "{failure}");
        assert!(failure.text.starts_with("connect to "), "{failure}");
    }
}

#[tokio::test]
async fn a_target_is_reached_whatever_it_speaks() {
    let (_listener, port) = listen();
    let (_held, deserted) = deserted();
    for (port, expected, why) in
        [(port, None, "no TLS, but it listens"), (deserted, Some(Outcome::ConnectRefused), "nobody listens")]
    {
        let target = target(&format!("https://127.0.0.1:{port}"), None, false);
        let reached = Connector::new(&target, None, Arc::default()).unwrap().reach().await;
        assert_eq!(reached.err().map(|failure| failure.outcome), expected, "{why}");
    }
}

#[tokio::test]
async fn a_socket_never_connects_to_itself() {
    // The kernel gives a client the deserted port once in a while; bound to it before, it always has it.
    let (socket, port) = deserted();
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connected = socket.connect(own).await.unwrap();
    let error = route::usable(connected, own).unwrap_err();
    assert_eq!(fault::outcome_of_socket(&error), Outcome::ConnectRefused);
}

#[tokio::test]
async fn what_may_not_be_shot_at_is_never_connected_to() {
    for (host, why) in [
        ("93.184.216.34", "public"),
        ("169.254.169.254", "metadata"),
        ("[::ffff:93.184.216.34]", "public inside IPv6"),
        ("0.0.0.0", "Linux would connect it to itself"),
        ("[::]", "so it would with this one"),
    ] {
        let failure = connect(&target(&format!("http://{host}:9"), None, true), &[]).await.unwrap_err();
        assert_eq!(failure.outcome, Outcome::TargetDenied, "{why}: {failure}");
        assert!(failure.text.contains("--allow-target"), "{why}: {failure}");
    }
}

#[tokio::test]
async fn a_special_address_named_exactly_is_connected_to() {
    let (_listener, port) = listen();
    let target = target(&format!("http://0.0.0.0:{port}"), None, true);
    assert!(connect(&target, &["0.0.0.0"]).await.is_ok());
}

#[tokio::test]
async fn numbers_that_the_resolver_takes_for_addresses_are_checked_like_them() {
    let (_listener, port) = listen();
    for (host, address) in
        [("2130706433", Ipv4Addr::LOCALHOST), ("0x5db8d822", Ipv4Addr::new(93, 184, 216, 34))]
    {
        let connector =
            Connector::new(&target(&format!("http://{host}:{port}"), None, true), None, Arc::default());
        let found = connector.unwrap().addresses().await;
        if address.is_loopback() {
            assert_eq!(*found.unwrap(), [SocketAddr::from((address, port))], "{host}");
        } else {
            assert_eq!(found.unwrap_err().outcome, Outcome::TargetDenied, "{host}");
        }
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_a_fault_of_dns() {
    let failure = connect(&target("http://nowhere.invalid", None, true), &[]).await.unwrap_err();
    assert_eq!(failure.outcome, Outcome::Dns, "{failure}");
    assert!(failure.text.starts_with("resolve nowhere.invalid: "), "{failure}");
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (_listener, port) = listen();
    let (_held, deserted) = deserted();
    let refusing = SocketAddr::from((Ipv4Addr::LOCALHOST, deserted));
    let listening = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let anywhere = route::Sources::new(&[]);
    let Stream::Tcp(stream) = route::tcp(&[refusing, listening], &anywhere).await.unwrap() else { panic!() };
    assert_eq!(stream.peer_addr().unwrap(), listening);
    assert_eq!(route::tcp(&[refusing], &anywhere).await.unwrap_err().outcome, Outcome::ConnectRefused);
}

#[tokio::test]
async fn a_certificate_is_verified_as_the_plan_says() {
    let named = Server::start("localhost", &[b"http/1.1"]);
    let numbered = Server::start("127.0.0.1", &[b"http/1.1"]);
    let (_, foreign_ca) = secure::authority("another");
    for (server, host, ca, verify, expected, why) in [
        (&named, "localhost", Some(&named.ca), true, None, "its CA is in the plan"),
        (&named, "127.0.0.1", Some(&named.ca), true, Some("not valid for name"), "an address not in it"),
        (&numbered, "127.0.0.1", Some(&numbered.ca), true, None, "an address in the certificate"),
        (&numbered, "localhost", Some(&numbered.ca), true, Some("not valid for name"), "a name not in it"),
        (&named, "localhost", Some(&foreign_ca), true, Some("UnknownIssuer"), "another CA"),
        (&named, "localhost", Some(&foreign_ca), false, None, "not verified"),
        (&named, "127.0.0.1", None, false, None, "not verified, not even its name"),
    ] {
        let target = target(&format!("https://{host}:{}", server.port), ca.map(String::as_str), verify);
        let got = connect(&target, &[]).await;
        match (got, expected) {
            (Ok(connection), None) => {
                assert!(connection.times.tls > Duration::ZERO, "{why}");
                assert_eq!(connection.tls.unwrap().alpn_protocol(), Some(&b"http/1.1"[..]), "{why}");
            }
            (Err(failure), Some(text)) => {
                assert_eq!(failure.outcome, Outcome::Tls, "{why}: {failure}");
                assert!(failure.text.contains(text), "{why}: {failure}");
            }
            (got, _) => panic!("{why}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn after_the_handshake_the_socket_is_driven_by_hand() {
    use std::io::{ErrorKind, Read, Write};

    let server = Server::start("localhost", &[]);
    let target = target(&format!("https://localhost:{}", server.port), Some(&server.ca), true);
    let Connection { stream, tls, .. } = connect(&target, &[]).await.unwrap();
    let mut tls = tls.unwrap();
    tls.writer().write_all(b"ping").unwrap();
    assert!(tls.write_tls(&mut Raw(stream.socket())).unwrap() > 0);
    let mut answer = [0; 4];
    let mut len = 0;
    while len < answer.len() {
        stream.socket().readable().await.unwrap();
        match tls.read_tls(&mut Raw(stream.socket())) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            read => assert!(read.unwrap() > 0, "the server answers before it closes"),
        }
        tls.process_new_packets().unwrap();
        match tls.reader().read(&mut answer[len..]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => len += read.unwrap(),
        }
    }
    assert_eq!(&answer, b"ping");
}

#[tokio::test]
async fn a_target_that_speaks_no_tls_is_a_fault_of_tls() {
    use std::io::{Read, Write};

    for (answer, why) in [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "plain HTTP"), (b"", "closes at once")] {
        let (listener, port) = listen();
        std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let read = peer.read(&mut [0; 4096]).unwrap();
            assert!(read > 0, "the client speaks first");
            peer.write_all(answer).unwrap();
        });
        let target = target(&format!("https://127.0.0.1:{port}"), None, false);
        let failure = connect(&target, &[]).await.unwrap_err();
        assert_eq!(failure.outcome, Outcome::Tls, "{why}: {failure}");
    }
}

#[test]
fn tls_that_cannot_be_set_up_says_what_to_write() {
    for (ca, expected) in [
        ("", "no certificate in it"),
        ("hello", "no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "tls.ca: "),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "tls.ca: "),
    ] {
        let target = target("https://localhost", Some(ca), true);
        let error = Connector::new(&target, None, Arc::default()).unwrap_err();
        assert!(error.contains(expected) && error.contains("PEM"), "{ca:?}: {error}");
    }
}
