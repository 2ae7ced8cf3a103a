//! How long answers wait. Only lower bounds are measured: a busy machine may make anything later.

use crate::client::{Client, start};
use demo::{Capacity, Config, Stall};
use hyper::Method;
use std::time::{Duration, Instant};

const DOCUMENT: &str = r#"{"name":"a.pdf","directory":"/d","host":"h","file_size":10}"#;

#[tokio::test]
async fn a_delay_lasts_at_least_as_long_as_asked() {
    let running = start(Config::default());
    let mut client = Client::connect(&running).await;
    let before = Instant::now();
    client.get("/delay/50").await;
    assert!(before.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn stalled_requests_wait_until_the_window_ends() {
    let window = Duration::from_millis(200);
    let stall = Some(Stall::new(Duration::ZERO, window).unwrap());
    let running = start(Config { stall, ..Config::default() });
    let mut client = Client::connect(&running).await;
    let before = Instant::now();
    assert_eq!(client.get("/").await.status, 200);
    assert!(before.elapsed() >= window);
}

#[tokio::test]
async fn stats_and_health_answer_while_all_else_stalls() {
    let stall = Some(Stall::new(Duration::ZERO, Duration::from_secs(3_600)).unwrap());
    let mut running = start(Config { stall, ..Config::default() });
    let mut stalled = Client::connect(&running).await;
    let stalled = tokio::spawn(async move { stalled.send(Method::GET, "/", "").await });
    let mut client = Client::connect(&running).await;
    while running.stats().total == 0 {
        assert_eq!(client.get("/health").await.status, 200);
    }
    assert_eq!(client.get("/stats").await.status, 200);
    assert!(!stalled.is_finished());
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap().unwrap();
    assert!(stalled.await.unwrap().is_err(), "a request that waits too long for the stop is cut off");
}

#[tokio::test]
async fn indexing_beyond_capacity_queues() {
    let index_capacity = Capacity::per_second(50).unwrap();
    let running = start(Config { index_capacity, ..Config::default() });
    let before = Instant::now();
    let mut posts = Vec::new();
    for _ in 0..5 {
        let mut client = Client::connect(&running).await;
        posts.push(tokio::spawn(async move { client.post("/api/index", DOCUMENT).await.status }));
    }
    for post in posts {
        assert_eq!(post.await.unwrap(), 201);
    }
    assert!(before.elapsed() >= Duration::from_millis(100), "five documents at 50/s took less than 100 ms");
}

#[tokio::test]
async fn a_full_index_answers_503() {
    let index_capacity = Capacity::per_second(1).unwrap();
    let running = start(Config { index_capacity, index_queue: 2, ..Config::default() });
    let mut waiting = Vec::new();
    for number in 1..=2 {
        let mut client = Client::connect(&running).await;
        waiting.push(tokio::spawn(async move { client.post("/api/index", DOCUMENT).await.status }));
        while running.stats().count("POST /api/index", 201) < number {
            tokio::task::yield_now().await;
        }
    }
    let refused = Client::connect(&running).await.post("/api/index", DOCUMENT).await;
    assert_eq!(refused.status, 503);
    for post in waiting {
        post.abort();
    }
}
