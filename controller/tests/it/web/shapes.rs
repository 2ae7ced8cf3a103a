//! The API is described as it is: every address, and what it answers.

use super::{over, page, rate, staying, submit};
use crate::http::{Events, get, post};
use crate::targets::demo;
use rustix::process::Signal;
use serde_json::{Value, json};
use stampede_controller::web::openapi::{describe, routes};
use std::collections::BTreeSet;

#[test]
fn every_address_of_the_api_is_described() {
    // What the router takes stands in one file.
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web.rs")).unwrap();
    let mut served = BTreeSet::new();
    for part in source.split(".route(\"").skip(1) {
        let (path, rest) = part.split_once('"').unwrap();
        let handlers = rest.split(".route(").next().unwrap().lines().next().unwrap();
        for method in
            ["get", "post", "delete"].into_iter().filter(|method| handlers.contains(&format!("{method}(")))
        {
            served.insert((method.to_uppercase(), path.to_owned()));
        }
    }
    let served: BTreeSet<_> = served.into_iter().filter(|(_, path)| path.starts_with("/api/")).collect();
    let described: BTreeSet<_> =
        routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(served, described);
    assert!(served.len() >= 15, "{served:?}");
}

#[test]
fn real_answers_have_the_shapes_that_are_described() {
    let _beside = crate::cluster::beside();
    let (demo, data) = (demo(), tempfile::tempdir().unwrap());
    let controller = staying(&["--data-dir", data.path().to_str().unwrap()]);
    let at = page(&controller);
    let document = get(&at, "/api/openapi.json").with(200);
    assert_eq!(document, describe());
    let runs = [(); 2].map(|()| submit(&at, &rate(&demo.url(), "50/s", 1)));
    let mut feeds = 0;
    for sent in Events::of(&at, &runs[0], &[]).filter(|sent| sent.event == "feed") {
        fits(&document, "/api/runs/{id}/events", "get", &sent.data);
        assert!(!sent.id.is_empty());
        feeds += 1;
    }
    assert!(feeds > 1);
    let last = over(&at, &runs[1]);
    check(&document, &document["components"]["schemas"]["OverEvent"], &last, "over");
    for (path, address) in [
        ("/api/status", "/api/status".to_owned()),
        ("/api/runs", "/api/runs".to_owned()),
        ("/api/runs/{id}", format!("/api/runs/{}", runs[0])),
        ("/api/runs/{id}/report", format!("/api/runs/{}/report", runs[0])),
        ("/api/compare", format!("/api/compare?before={}&after={}", runs[0], runs[1])),
    ] {
        fits(&document, path, "get", &get(&at, &address).with(200));
    }
    let quick = json!({ "base_url": "http://127.0.0.1:1", "users": 5, "spawn": "1/s", "duration": "10s" });
    fits(&document, "/api/plans/quick", "post", &post(&at, "/api/plans/quick", &quick).with(200));
    let problem = get(&at, "/api/runs/nothing").with(404);
    check(&document, &document["components"]["schemas"]["Problem"], &problem, "problem");
    let wrong = post(&at, "/api/runs", &json!({ "plan": "name = 1" })).with(422);
    check(&document, &document["components"]["schemas"]["Problems"], &wrong, "problems");
    for (method, path) in [("get", "/runs".to_owned()), ("get", format!("/runs/{}", runs[0]))] {
        assert_eq!(get(&at, &path).status, 200, "{method} {path}");
    }
    assert_eq!(get(&at, &format!("/api/runs/{}/report.html", runs[1])).status, 200);
    controller.signal(Signal::INT);
    assert_eq!(controller.end().code, Some(0));
}

fn fits(document: &Value, path: &str, method: &str, answer: &Value) {
    let responses = &document["paths"][path][method]["responses"];
    let (_, response) =
        responses.as_object().unwrap().iter().find(|(status, _)| status.starts_with('2')).unwrap();
    let content = response["content"].as_object().unwrap().values().next().unwrap();
    check(document, &content["schema"], answer, path);
}

/// The part of JSON Schema that our schemas use.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("no {name}"));
        return check(document, schema, value, place);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(any) = schema[key].as_array() {
            let fit = |schema: &&Value| {
                let fit = std::panic::catch_unwind(|| check(document, schema, value, place));
                fit.is_ok()
            };
            assert!(any.iter().any(|schema| fit(&schema)), "{place}: {value} fits none of {any:?}");
            return;
        }
    }
    if let Some(one) = schema.get("const") {
        return assert_eq!(one, value, "{place}");
    }
    if let Some(list) = schema["enum"].as_array() {
        return assert!(list.contains(value), "{place}: {value}");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => return,
    };
    let fits = |kind: &&str| match (*kind, value) {
        ("null", Value::Null) | ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => true,
        ("array", Value::Array(_)) | ("object", Value::Object(_)) | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(n)) => n.is_u64() || n.is_i64(),
        _ => false,
    };
    assert!(kinds.iter().any(fits), "{place}: {value} is none of {kinds:?}");
    for key in schema["required"].as_array().into_iter().flatten().filter(|_| value.is_object()) {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{place}: {key} is missing");
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{key}");
        match schema["properties"].get(key) {
            Some(schema) => check(document, schema, value, &place),
            None if schema["properties"].is_object() => panic!("{place} is not described"),
            None => check(document, &schema["additionalProperties"], value, &place),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, &format!("{place}[]"));
    }
}
