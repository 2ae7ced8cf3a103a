//! Where connections go, and from where, as the plan says.

use common::plan::Endpoint;

use super::*;

fn with(base_url: &str, connection: Policy) -> Target {
    Target { connection, ..target(base_url, None, true) }
}

#[tokio::test]
async fn source_addresses_are_used_in_turn() {
    let (listener, port) = listen();
    let list = ["127.0.0.2", "127.0.0.3", "::1"].map(|address| address.parse().unwrap());
    let policy = Policy { source: list.to_vec(), ..Policy::default() };
    let connector =
        Connector::new(&with(&format!("http://127.0.0.1:{port}"), policy), None, Arc::default()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let connection = connector.connect().await.unwrap();
        let (_peer, from) = listener.accept().unwrap();
        seen.push(from.ip().to_string());
        drop(connection);
    }
    assert_eq!(seen, ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"], "those of the target's kind");
}

#[tokio::test]
async fn a_source_that_is_not_here_is_our_own_fault() {
    let (_listener, port) = listen();
    for (source, outcome, text) in [
        ("192.0.2.77", Outcome::NoPort, "from 192.0.2.77"),
        ("::1", Outcome::ConnectFailed, "target.connection.source"),
    ] {
        let policy = Policy { source: vec![source.parse().unwrap()], ..Policy::default() };
        let failure = connect(&with(&format!("http://127.0.0.1:{port}"), policy), &[]).await.unwrap_err();
        assert_eq!(failure.outcome, outcome, "{failure}");
        assert!(failure.text.contains(text), "{failure}");
    }
}

#[tokio::test]
async fn a_name_goes_where_the_plan_says_if_that_is_allowed() {
    let (listener, port) = listen();
    let end = |host: &str, port| Endpoint { host: host.into(), port };
    let resolve = |to| Policy { resolve: vec![(end("api.example", 81), to)], ..Policy::default() };
    let target = with("http://api.example:81", resolve(end("127.0.0.1", port)));
    assert!(connect(&target, &[]).await.is_ok());
    listener.accept().unwrap();
    let target = with("http://api.example:81", resolve(end("192.0.2.1", port)));
    let failure = connect(&target, &[]).await.unwrap_err();
    assert_eq!(failure.outcome, Outcome::TargetDenied, "what is really connected to is checked");
}

#[tokio::test]
async fn a_unix_socket_takes_the_place_of_an_address() {
    let folder = std::env::temp_dir().join(format!("stampede-socket-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let plain = folder.join("api.sock");
    let steers = folder.join("docker.sock");
    let link = folder.join("harmless.sock");
    let listener = std::os::unix::net::UnixListener::bind(&plain).unwrap();
    let _steered = std::os::unix::net::UnixListener::bind(&steers).unwrap();
    std::os::unix::fs::symlink(&steers, &link).unwrap();
    let unix = |path: &std::path::Path| {
        with("http://api.example", Policy { unix: path.to_str().map(str::to_owned), ..Policy::default() })
    };
    assert!(matches!(connect(&unix(&plain), &[]).await.unwrap().stream, Stream::Unix(_)));
    listener.accept().unwrap();
    for path in [&steers, &link] {
        let failure = connect(&unix(path), &[]).await.unwrap_err();
        assert_eq!(failure.outcome, Outcome::TargetDenied, "{failure}");
        assert!(failure.text.contains("--allow-target unix:"), "{failure}");
    }
    let entry = format!("unix:{}", steers.canonicalize().unwrap().display());
    assert!(connect(&unix(&link), &[&entry]).await.is_ok(), "named exactly");
    let gone = connect(&unix(&folder.join("gone")), &[]).await.unwrap_err();
    assert_eq!(gone.outcome, Outcome::ConnectFailed, "{gone}");
    std::fs::remove_dir_all(&folder).unwrap();
}
