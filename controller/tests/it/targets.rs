//! What is shot at: the demo service inside this process, and a server that shows requests byte for byte.

use demo::{Config, Record, Recording, Running, Service};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A demo service that remembers every request, on a free port.
pub(crate) fn demo() -> Running {
    demo_with(|_| {})
}

/// The same with other settings.
pub(crate) fn demo_with(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { recording: Recording::Memory, ..Config::default() };
    config.threads = NonZeroUsize::new(2).unwrap();
    change(&mut config);
    Service::start(config, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
}

/// Waits until the service has counted so many requests.
pub(crate) fn until_counted(demo: &Running, requests: u64) {
    for _ in 0..10_000 {
        if demo.stats().total >= requests {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the target has counted {} requests only", demo.stats().total);
}

/// The numbers of the arrivals of a scenario as the service saw them, sorted.
pub(crate) fn arrivals_of(records: &[Record], scenario: &str) -> Vec<u64> {
    let named = records.iter().filter_map(|record| record.arrival.split_once(':'));
    let numbers = named.filter(|(name, _)| *name == scenario).map(|(_, number)| number.parse().unwrap());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// A server that keeps requests as they came over the wire and always gives the same answer.
pub(crate) struct Raw {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// Where its connections came from.
    peers: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// Answers every request with these bytes, as often as a connection asks.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (kept, peers) = (Arc::clone(&requests), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&peers);
        // It lives as long as the process: an idle listener disturbs nobody.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                seen.lock().unwrap().extend(stream.peer_addr().map(|peer| peer.ip().to_string()));
                std::thread::spawn(move || serve(stream, answer, &kept));
            }
        });
        Self { url, requests, peers }
    }

    /// Where its connections came from, in their order.
    pub(crate) fn peers(&self) -> Vec<String> {
        self.peers.lock().unwrap().clone()
    }

    /// What came so far: heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &[u8], kept: &Mutex<Vec<String>>) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().ok()?), stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        while !request.ends_with("\r\n\r\n") {
            let start = request.len();
            if reader.read_line(&mut request).ok()? == 0 {
                return None;
            }
            if let Some(value) = request[start..].strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        request.push_str(&String::from_utf8_lossy(&body));
        kept.lock().unwrap().push(request);
        writer.write_all(answer).ok()?;
    }
}

/// The same with a cookie.
pub(crate) const COOKIE: &[u8] = b"HTTP/1.1 200 OK\r\nset-cookie: sid=7\r\ncontent-length: 2\r\n\r\nok";

/// A redirect to itself.
pub(crate) const MOVED: &[u8] = b"HTTP/1.1 302 Found\r\nlocation: /moved\r\ncontent-length: 0\r\n\r\n";

/// An answer with a body of two bytes.
pub(crate) const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
