//! What is answered.

use crate::client::{Answer, Client, start};
use demo::{Config, Latency};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn bodies_have_the_size_that_was_asked_for() {
    let running = start(Config::default());
    let mut client = Client::connect(&running).await;
    for size in [0, 1, 65_536, 1_000_000] {
        assert_eq!(client.get(&format!("/bytes/{size}")).await.body.len(), size);
    }
    assert_eq!(client.get("/bytes/99999999").await.status, StatusCode::BAD_REQUEST);
    assert!(client.get("/test-get/1000").await.body.len() <= 1_000);
    let head = client.send(Method::HEAD, "/bytes/100", "").await.unwrap();
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn same_seed_gives_the_same_answers() {
    let mut rounds = Vec::new();
    for seed in [7, 7, 8] {
        let statuses = "200=1,404=1,500=1".parse().unwrap();
        let latency = Latency::Fixed(Duration::ZERO);
        let running = start(Config { seed, statuses, latency, ..Config::default() });
        let mut client = Client::connect(&running).await;
        let mut answers = Vec::new();
        for _ in 0..50 {
            let (random, sized) = (client.get("/random").await, client.get("/test-get/1000").await);
            answers.push((random.status, sized.body.len()));
        }
        rounds.push(answers);
    }
    assert_eq!(rounds[0], rounds[1]);
    assert_ne!(rounds[0], rounds[2]);
}

#[tokio::test]
async fn index_refuses_documents_with_missing_fields() {
    let running = start(Config::default());
    let mut client = Client::connect(&running).await;
    let refused = client.post("/api/index", r#"{"name":"a.pdf","directory":"/d","host":"h"}"#).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json(&refused), json!({"error": "accept the document: file_size is missing"}));

    let document = r#"{"name":"a.pdf","directory":"/d","host":"h","file_size":10}"#;
    let taken = client.post("/api/index", document).await;
    assert_eq!((taken.status, json(&taken)), (StatusCode::CREATED, json!({"id": 1})));
    let queried = client.get("/api/query/dashboard").await;
    assert_eq!(json(&queried), json!({"documents": 1}));
}

#[tokio::test]
async fn the_list_of_tests_grows() {
    let running = start(Config::default());
    let mut client = Client::connect(&running).await;
    assert_eq!(json(&client.get("/tests").await), json!([]));
    assert_eq!(json(&client.post("/tests", r#"{"name": "first"}"#).await), json!({"id": 1}));
    assert_eq!(client.post("/tests", "no JSON").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json(&client.post("/tests", "2").await), json!({"id": 2}));
    assert_eq!(json(&client.get("/tests").await), json!([{"name": "first"}, 2]));
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    let running = start(Config::default());
    let too_large = "x".repeat(70_000);
    let answer = Client::connect(&running).await.post("/api/index", &too_large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(running.stats().count("POST /api/index", 413), 1);
}

#[tokio::test]
async fn a_healthy_service_passes_the_check_and_a_stopped_one_does_not() {
    let mut running = start(Config::default());
    let url = running.url();
    demo::check(&url).unwrap();
    running.stop().unwrap();
    assert!(matches!(demo::check(&url), Err(demo::AskError::Io { .. })));
}
