//! What is counted and recorded.

use crate::client::{Client, start};
use bytes::Bytes;
use demo::{Config, Record, Recording, Stats};
use http_body_util::Full;
use hyper::{Method, Request};
use std::{collections::BTreeMap, num::NonZeroUsize, path::Path, sync::Arc};

#[tokio::test]
async fn stats_count_every_answer_exactly() {
    let threads = NonZeroUsize::new(2).unwrap();
    let running = Arc::new(start(Config { threads, ..Config::default() }));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let running = Arc::clone(&running);
            tokio::spawn(async move {
                let mut client = Client::connect(&running).await;
                let mut seen = BTreeMap::new();
                for _ in 0..100 {
                    for path in ["/", "/random", "/bytes/10", "/bytes/none", "/nowhere"] {
                        *seen.entry((path, client.get(path).await.status.as_u16())).or_insert(0u64) += 1;
                    }
                    client.post("/tests", "1").await;
                }
                seen
            })
        })
        .collect();
    let mut seen = BTreeMap::new();
    for client in clients {
        for (key, times) in client.await.unwrap() {
            *seen.entry(key).or_insert(0) += times;
        }
    }
    let answer = Client::connect(&running).await.get("/stats").await;
    let stats: Stats = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(stats, running.stats());
    assert_eq!(stats.total, 8 * 100 * 6);
    assert_eq!(stats.count("GET /", 200), 800);
    assert_eq!(stats.count("GET /bytes/{n}", 200), 800);
    assert_eq!(stats.count("GET /bytes/{n}", 400), 800);
    assert_eq!(stats.count("GET other", 404), 800);
    assert_eq!(stats.count("POST /tests", 201), 800);
    for status in [200, 404, 500] {
        let expected = seen.get(&("/random", status)).copied().unwrap_or(0);
        assert_eq!(stats.count("GET /random", status), expected, "{status}");
    }
}

#[tokio::test]
async fn a_reset_hands_over_the_counts_and_starts_at_zero() {
    let running = start(Config::default());
    let mut client = Client::connect(&running).await;
    client.get("/").await;
    let taken: Stats = serde_json::from_slice(&client.post("/stats/reset", "").await.body).unwrap();
    assert_eq!((taken.total, taken.count("GET /", 200)), (1, 1));
    assert_eq!(running.stats(), Stats::default());
}

#[tokio::test]
async fn questions_about_the_service_do_not_count() {
    let running = start(Config { recording: Recording::Memory, ..Config::default() });
    let mut client = Client::connect(&running).await;
    for path in ["/stats", "/health"] {
        assert_eq!(client.get(path).await.status, 200);
    }
    assert_eq!(client.post("/record/flush", "").await.status, 200);
    assert_eq!((running.stats().total, running.recorded()), (0, Vec::new()));
}

async fn send_named(client: &mut Client, path: &str, arrival: Option<&str>) {
    let mut request = Request::builder().method(Method::GET).uri(path).header("host", "demo");
    if let Some(arrival) = arrival {
        request = request.header("x-stampede-arrival", arrival);
    }
    client.request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
}

fn rows(file: &Path) -> Vec<Record> {
    csv::Reader::from_path(file).unwrap().deserialize().map(Result::unwrap).collect()
}

#[tokio::test]
async fn record_names_scenario_and_arrival() {
    let running = start(Config { recording: Recording::Memory, ..Config::default() });
    let mut client = Client::connect(&running).await;
    send_named(&mut client, "/", Some("index:7")).await;
    send_named(&mut client, "/nowhere?a=1,2", None).await;
    let rows = running.recorded();
    let told: Vec<_> = rows.iter().map(|r| (&*r.method, &*r.path, r.status, &*r.arrival)).collect();
    assert_eq!(told, [("GET", "/", 200, "index:7"), ("GET", "/nowhere?a=1,2", 404, "")]);
    assert_eq!(rows[0].arrival_ns, 0);
    assert!(rows[1].arrival_ns > 0);
    assert_eq!(rows[1].unix_ns - rows[0].unix_ns, rows[1].arrival_ns);
}

#[tokio::test]
async fn who_has_read_the_stats_finds_every_row_in_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recording = Recording::File(file.path().to_owned());
    let mut running = start(Config { recording, ..Config::default() });
    let mut client = Client::connect(&running).await;
    for number in 0..100 {
        send_named(&mut client, "/", Some(&format!("index:{number}"))).await;
    }
    client.get("/stats").await;
    let arrivals = |rows: Vec<Record>| rows.into_iter().map(|row| row.arrival).collect::<Vec<_>>();
    assert_eq!(arrivals(rows(file.path())), (0..100).map(|n| format!("index:{n}")).collect::<Vec<_>>());

    client.get("/").await;
    client.post("/record/flush", "").await;
    assert_eq!(rows(file.path()).len(), 101);

    client.get("/").await;
    running.stop().unwrap();
    assert_eq!(rows(file.path()).len(), 102);
}
